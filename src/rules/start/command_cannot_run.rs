//! `command-cannot-run`: what Entrypoint and Cmd name does not run in this image.

use crate::facts::Facts;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text::shown;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::faults;
use crate::rules::faults::Told;

/// The rule.
pub const RULE: Rule = Rule {
    id: "command-cannot-run",
    title: "the command cannot run in this image",
    rows: &["B8", "F4", "F8"],
    params: &[faults::WITHOUT_CAPABILITIES],
    docs: Docs {
        why: "The container dies when it starts, and nothing before the first `docker run` says so: the image builds, \
              and every file that was copied is there.",
        evidence: "Entrypoint and Cmd, followed as runtime, kernel, loader and shell follow them, with the rights of \
                   the config's user: PATH and every directory on the way, symbolic links, `#!` lines, the machine an ELF \
                   file is made for, its loader, its libraries and their symbol versions, and then what the program \
                   starts in turn: inits, `env`, shells and their texts, entry scripts that end in `exec \"$@\"`, npm \
                   scripts, Python modules, the file that node or java is given. A program that is out of the user's \
                   reach and that Docker's runtime can start all the same is at most a warning. An image that names no \
                   command is a note. `plimsoll inspect IMAGE --start` shows each step.",
        blind: "What a program does once it runs, libraries that it opens by itself (dlopen), access control lists, \
                files that are mounted at run time. A variable that Env does not set, a function or `eval` in a \
                script leave the question open, and so does a script that may bring the file.",
        fix: "Bring what is missing into the image, to a place where the user's process looks for it and may open it. \
              `plimsoll inspect IMAGE --start` shows the step that fails.",
        breaks: "config cmd=[\"server\"]   #! command-cannot-run\nlayer COPY x /x\n  f 0644 0:0 x",
        keeps: "config cmd=[\"/bin/server\"]\nlayer COPY server /bin/server\n  e 0755 0:0 bin/server",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let run = &facts.image().config.run;
    if run.entrypoint.is_empty() && run.cmd.is_empty() {
        let message = "the image names no command: neither ENTRYPOINT nor CMD is set";
        let found = Found::new("(none)", message).at(Location::config("config.Cmd")).at_most(Level::Note);
        out.report(found.fix("Name the command: CMD [\"program\", \"argument\"]. A base image may do without."));
        return Ok(());
    }
    let proof = facts.start_proof(faults::capabilities(settings))?;
    let field = |subject: &str| {
        let is_in_cmd = run.cmd.iter().any(|word| shown(word) == subject);
        if is_in_cmd || run.entrypoint.is_empty() { "config.Cmd".to_string() } else { "config.Entrypoint".to_string() }
    };
    let told = Told { fails: "the container cannot start", may_fail: "the command ends in an error" };
    faults::report(facts, proof, &told, field, out);
    Ok(())
}
