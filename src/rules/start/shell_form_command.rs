//! `shell-form-command`: the command is in shell form.

use crate::facts::Facts;
use crate::facts::shell;
use crate::facts::start::Command;
use crate::facts::start::file_name;
use crate::model::finding::Fix;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::shown;

/// The rule.
pub const RULE: Rule = Rule {
    id: "shell-form-command",
    topic: Topic::Runtime,
    title: "the command is in shell form",
    rows: &["B8"],
    params: &[],
    docs: Docs {
        why: "The runtime starts `/bin/sh -c` and sends signals to that shell. A shell that waits for the program \
              doesn't forward SIGTERM, so the container is killed at the end of its grace period. With a shell-form \
              ENTRYPOINT, CMD is ignored.",
        checks: "The config's `Entrypoint` and `Cmd`: a shell with `-c` whose command doesn't end in `exec`.",
        limits: "Some shells replace themselves with the last command even without `exec`; the config doesn't show \
                 which. What an entrypoint script does with its arguments is unknown, so with an entrypoint script a \
                 finding is only likely.",
        fix: "Write CMD or ENTRYPOINT as a JSON array (`CMD [\"program\", \"argument\"]`), or end the shell command \
              with `exec PROGRAM`.",
        before: "FROM python:3.13-slim\n\
                 RUN pip install --no-cache-dir fastapi uvicorn\n\
                 COPY main.py .\n\
                 CMD uvicorn main:app --host 0.0.0.0",
        after: "FROM python:3.13-slim\n\
                RUN pip install --no-cache-dir fastapi uvicorn\n\
                COPY main.py .\n\
                CMD [\"uvicorn\", \"main:app\", \"--host\", \"0.0.0.0\"]",
        breaks: "config shell-cmd=\"uvicorn main:app\"   #! shell-form-command",
        satisfies: "config cmd=[\"uvicorn\",\"main:app\"]",
    },
    check,
};

/// The longest command to suggest as a fix, in characters.
const FIX_CHARS_MAX: usize = 300;

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let command = facts.command();
    let Some(form) = command.shell_form.as_ref().filter(|form| !form.execs) else { return Ok(()) };
    let instruction = if command.field == "config.Entrypoint" { "ENTRYPOINT" } else { "CMD" };
    let program = command.programs.last().and_then(|words| words.first()).filter(|word| shell::is_decided(word));
    let message = match program {
        Some(program) => {
            format!("{instruction} is in shell form: `{} -c` runs `{}`", shown(&form.shell), shown(file_name(program)))
        }
        None => format!("{instruction} is in shell form: `{} -c` runs it", shown(&form.shell)),
    };
    let mut found = Found::new(instruction, message).at(Location::config(command.field));
    if command.handed_by.is_some() {
        found = found.likely();
    }
    if let Some(fix) = fix(&command, &form.text, instruction) {
        found = found.fix(fix);
    }
    out.report(found);
    Ok(())
}

/// The same command without the waiting shell, if it is a single command.
fn fix(command: &Command, text: &str, instruction: &str) -> Option<Fix> {
    let [words] = command.programs.as_slice() else { return None };
    // The shell must expand the variables, whose values may differ at run time.
    if text.contains(['$', '`']) {
        // `A=b program` and compound commands can't follow exec.
        let is_plain = text.split_whitespace().next() == words.first().map(String::as_str);
        let text = shown(text.trim());
        let fits = is_plain && text.chars().count() <= FIX_CHARS_MAX;
        return fits.then(|| Fix::new("Replace the shell with the program").line(format!("{instruction} exec {text}")));
    }
    if !words.iter().all(|word| shell::is_decided(word)) {
        return None;
    }
    let quoted: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    let list = format!("[{}]", quoted.join(", "));
    (list.chars().count() <= FIX_CHARS_MAX)
        .then(|| Fix::new("Use the exec form").line(format!("{instruction} {}", shown(&list))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::Confidence;
    use crate::rules::testing;

    #[test]
    fn reports_a_shell_that_waits_for_the_program() {
        let mut image = testing::image();
        testing::cmd(&mut image, &["/bin/sh", "-c", "uvicorn main:app --reload --host 0.0.0.0 --port 8000"]);
        let findings = testing::findings(&RULE, &image, &Settings::default());
        assert_eq!(findings[0].message, "CMD is in shell form: `/bin/sh -c` runs `uvicorn`");
        assert_eq!(
            findings[0].fix,
            Fix::new("Use the exec form")
                .line("CMD [\"uvicorn\", \"main:app\", \"--reload\", \"--host\", \"0.0.0.0\", \"--port\", \"8000\"]")
        );
        testing::cmd(&mut image, &["/bin/sh", "-c", "serve -p ${PORT:-80}"]);
        let fix = &testing::findings(&RULE, &image, &Settings::default())[0].fix;
        assert_eq!(*fix, Fix::new("Replace the shell with the program").line("CMD exec serve -p ${PORT:-80}"));
        image.config.run.entrypoint = vec!["docker-entrypoint.sh".to_string()];
        assert_eq!(testing::findings(&RULE, &image, &Settings::default())[0].confidence, Confidence::Likely);
        image.config.run.entrypoint = ["/bin/sh", "-c", "serve --token=hunter2hunter2"].map(String::from).to_vec();
        let findings = testing::findings(&RULE, &image, &Settings::default());
        assert_eq!(findings[0].locations[0].config.as_deref(), Some("config.Entrypoint"));
        assert!(!format!("{:?}", findings[0].fix).contains("hunter2"), "{:?}", findings[0].fix);
    }

    #[test]
    fn accepts_the_exec_form_and_exec() {
        for words in [
            &["uvicorn", "main:app"][..],
            &["/bin/sh", "-c", "migrate && exec uvicorn main:app"],
            &["/bin/sh"],
            &["bash", "start.sh"],
            &["python", "-c", "print(1)"],
            &[],
        ] {
            let mut image = testing::image();
            testing::cmd(&mut image, words);
            assert_eq!(testing::subjects(&RULE, &image, &Settings::default()), [""; 0], "{words:?}");
        }
    }
}
