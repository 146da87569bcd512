//! `missing-init`: PID 1 is not an init.

use crate::facts::Facts;
use crate::facts::access::Capabilities;
use crate::facts::proof::Proof;
use crate::facts::start::is_entry_script;
use crate::facts::start::is_init;
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
    id: "missing-init",
    topic: Topic::Runtime,
    title: "PID 1 is not an init",
    rows: &["F4"],
    params: &[],
    docs: Docs {
        why: "PID 1 inherits every orphaned process and must reap it. It also ignores signals that it has no handler \
              for: `docker stop` then waits ten seconds and kills it. Programs that weren't written to be an init \
              usually neither reap processes nor handle signals.",
        checks: "The name of the first program in `Entrypoint` and `Cmd`. Inits are dumb-init, tini, docker-init, \
                 podman-init, catatonit, my_init, s6-svscan, runit, systemd, and every program named init, such as \
                 s6-overlay's.\n\n\
                 supervisord counts as an init: it reaps orphans and stops what it started, although its manual says \
                 that it is not a substitute for one. runsvdir and pm2-runtime don't count: runsvdir leaves its \
                 services running on SIGTERM, and pm2-runtime reaps only its own children.",
        limits: "`docker run --init`, which adds an init, and programs that reap processes and handle signals \
                 themselves. An entrypoint script may start an init itself, so with an entrypoint script a finding is \
                 only likely. An init passed to the script as an argument counts.",
        fix: "Install an init and start the program with it: `RUN apk add --no-cache dumb-init` (Debian: `apt-get \
              install -y dumb-init`) and `ENTRYPOINT [\"dumb-init\", \"--\"]`.",
        before: "FROM node:22-alpine\n\
                 COPY server.js .\n\
                 CMD [\"node\", \"server.js\"]",
        after: "FROM node:22-alpine\n\
                RUN apk add --no-cache dumb-init\n\
                COPY server.js .\n\
                ENTRYPOINT [\"dumb-init\", \"--\"]\n\
                CMD [\"node\", \"server.js\"]",
        breaks: "config cmd=[\"npm\",\"start\"]   #! missing-init",
        satisfies: "config entrypoint=[\"dumb-init\",\"--\"] cmd=[\"npm\",\"start\"]",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let command = facts.command();
    let Some(first) = command.argv.first().filter(|_| command.init.is_none()) else { return Ok(()) };
    let field = if facts.image().config.run.entrypoint.is_empty() { "config.Cmd" } else { "config.Entrypoint" };
    // An entrypoint script may start an init: `exec tini -- "$@"`.
    let has_init = |proof: &Proof| proof.started.iter().any(|started| is_init(&started.argv[0]));
    if command.shell_form.is_none() && facts.start_proof(Capabilities::Docker).is_ok_and(has_init) {
        return Ok(());
    }
    let first = shown(first);
    if let Some(form) = command.shell_form.as_ref().filter(|form| !form.execs)
        && form.text.split_whitespace().next().is_some_and(is_init)
    {
        return Err(Undecided::unknowable(
            field,
            "whether the shell is replaced by the init that it starts depends on the shell",
        ));
    }
    let program = command.handed_by.as_ref().and(command.programs.last()).and_then(|words| words.first());
    let message = match program {
        Some(program) => format!("PID 1 is {first}, which hands over to {}, and neither is an init", shown(program)),
        None => format!("PID 1 is {first}, which is not an init"),
    };
    let mut found = Found::new("Entrypoint", message).at(Location::config(field)).fix(fix(facts));
    if is_entry_script(&command.argv[0]) {
        found = found.likely();
    }
    out.report(found);
    Ok(())
}

/// Suggests an init that the image has, or one that its package manager installs.
fn fix(facts: &Facts<'_>) -> Fix {
    let rest = &facts.image().config.run.entrypoint;
    let entrypoint = |init: &str| {
        let words = [init, "--"].into_iter().chain(rest.iter().map(String::as_str));
        format!("ENTRYPOINT [{}]", words.map(|word| format!("{:?}", shown(word))).collect::<Vec<_>>().join(", "))
    };
    let existing =
        ["tini", "dumb-init", "catatonit"].into_iter().find_map(|init| facts.programs_named(init).into_iter().next());
    match (existing, facts.install_command("dumb-init")) {
        (Some(path), _) => {
            Fix::new(format!("Start the program through {path}, which the image has")).line(entrypoint(&path))
        }
        (None, Some(command)) => Fix::new("Install an init and start the program through it")
            .line(format!("RUN {command}"))
            .line(entrypoint("dumb-init")),
        (None, None) => Fix::new("Copy a static init such as tini into the image, or run it with `docker run --init`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    fn results(entrypoint: &[&str], cmd: &[&str]) -> String {
        let mut image = testing::image();
        testing::cmd(&mut image, cmd);
        image.config.run.entrypoint = entrypoint.iter().map(|word| word.to_string()).collect();
        let (findings, undecided) = testing::run(&RULE, &image, &Settings::default());
        let findings = findings.into_iter().map(|found| found.message);
        findings.chain(undecided.into_iter().map(|question| format!("? {}", question.reason))).collect()
    }

    #[test]
    fn recognizes_an_init_by_its_name() {
        assert_eq!(results(&["dumb-init", "--"], &["npm", "start"]), "");
        assert_eq!(results(&["/usr/bin/supervisord", "-n"], &[]), "");
        assert_eq!(results(&[], &[]), "");
        assert_eq!(results(&[], &["sh", "-c", "exec tini -- node x"]), "");
        assert_eq!(results(&[], &["node", "server.js"]), "PID 1 is node, which is not an init");
        assert_eq!(results(&[], &["sh", "-c", "npm start"]), "PID 1 is sh, which is not an init");
        assert_eq!(results(&["/runsvdir", "/etc/service"], &[]), "PID 1 is /runsvdir, which is not an init");
        assert_eq!(
            results(&["docker-entrypoint.sh"], &["npm", "start"]),
            "PID 1 is docker-entrypoint.sh, which hands over to npm, and neither is an init"
        );
        assert_eq!(
            results(&[], &["sh", "-c", "tini -- node x"]),
            "? whether the shell is replaced by the init that it starts depends on the shell"
        );
    }
}
