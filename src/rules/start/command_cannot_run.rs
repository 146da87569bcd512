//! `command-cannot-run`: the command can't run in this image.

use crate::facts::Facts;
use crate::model::finding::Fix;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::faults;
use crate::rules::faults::Wording;

/// The rule.
pub const RULE: Rule = Rule {
    id: "command-cannot-run",
    topic: Topic::Start,
    title: "the command can't run in this image",
    rows: &["B8", "F4", "F8"],
    params: &[faults::WITHOUT_CAPABILITIES],
    docs: Docs {
        why: "The container exits as soon as it starts. Nothing shows this before the first `docker run`: the image \
              builds, and every copied file is there.",
        checks: "`Entrypoint` and `Cmd`, traced as the runtime, the kernel, the dynamic loader and the shell would \
                 execute them, with the permissions of the image's user: PATH and every directory along the way, \
                 symbolic links, `#!` lines, the architecture of an ELF file, its loader, its libraries and their \
                 symbol versions.\n\n\
                 Then whatever the program starts in turn: inits, `env`, shells and their scripts, entrypoint scripts \
                 that end in `exec \"$@\"`, npm scripts, Python modules, and the file passed to node or java.\n\n\
                 A program that the user can't reach but Docker's runtime can start anyway is at most a warning. An \
                 image without a command gets a note.",
        limits: "What the program does once it runs, libraries it loads itself (dlopen), access control lists, and \
                 files mounted at run time. Undecided: a variable that Env doesn't set, a function or `eval` in a \
                 script, and a script that may create the missing file.",
        fix: "Add what is missing to the image (`COPY …` or `RUN …`), where the image's user can find and read it. \
              `plimsoll inspect IMAGE --start` shows the step that fails.",
        before: "FROM alpine:3.22\n\
                 # start.sh begins with #!/bin/bash\n\
                 COPY --chmod=0755 start.sh /start.sh\n\
                 CMD [\"/start.sh\"]",
        after: "FROM alpine:3.22\n\
                RUN apk add --no-cache bash\n\
                # start.sh begins with #!/bin/bash\n\
                COPY --chmod=0755 start.sh /start.sh\n\
                CMD [\"/start.sh\"]",
        breaks: "config cmd=[\"server\"]   #! command-cannot-run\nlayer COPY x /x\n  f 0644 0:0 x",
        satisfies: "config cmd=[\"/bin/server\"]\nlayer COPY server /bin/server\n  e 0755 0:0 bin/server",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let run = &facts.image().config.run;
    if run.entrypoint.is_empty() && run.cmd.is_empty() {
        let message = "the image has no command: neither ENTRYPOINT nor CMD is set";
        let found = Found::new("(none)", message).at(Location::config("config.Cmd")).at_most(Level::Note);
        out.report(
            found.fix(Fix::new("Set the command, unless this is a base image").line("CMD [\"program\", \"argument\"]")),
        );
        return Ok(());
    }
    let proof = facts.start_proof(faults::capabilities(settings))?;
    let field = |subject: &str| {
        let is_in_cmd = run.cmd.iter().any(|word| shown(word) == subject);
        if is_in_cmd || run.entrypoint.is_empty() { "config.Cmd".to_string() } else { "config.Entrypoint".to_string() }
    };
    let wording = Wording { fails: "the container can't start", likely_fails: "the command fails", fix: |_, _| None };
    faults::report(facts, proof, &wording, field, out);
    Ok(())
}
