//! `workdir-owner`: the user can't read its working directory, or another account owns part of it.

use crate::facts::Facts;
use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Uncertainty;
use crate::facts::access::Want;
use crate::facts::process::ProcessContext;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::model::text;
use crate::model::text::shown_bytes;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::visible_location;
use crate::view::NodeId;

/// The rule.
pub const RULE: Rule = Rule {
    id: "workdir-owner",
    topic: Topic::Permissions,
    title: "the user can't read its working directory, or another account owns part of it",
    rows: &["B12"],
    params: &[],
    docs: Docs {
        why: "A file that the program can't read might as well be missing. A file that belongs to another account can \
              be changed by any process that runs as that account.",
        checks: "Files and directories at and below WORKDIR in the merged filesystem. Their modes must let the image's \
                 user read each one and traverse each directory, and each must belong to that user or to root.",
        limits: "Files with access control lists are undecided. Mounts are not considered, and links are not followed. \
                 Not checked: the working directory `/`, one that doesn't exist, and an image that runs as root.",
        fix: "Copy with the right owner and mode (`COPY --chown=app:app . .`), or keep root as the owner and make the \
              files readable: `chmod -R a+rX` in the stage that they are copied from.",
        before: "FROM python:3.13-slim\n\
                 WORKDIR /app\n\
                 COPY --chmod=0600 main.py .\n\
                 USER 10001",
        after: "FROM python:3.13-slim\n\
                WORKDIR /app\n\
                COPY --chmod=0644 main.py .\n\
                USER 10001",
        breaks: "config user=1000 workdir=/app\nlayer COPY . .\n  d 0755 0:0 app   #! workdir-owner\n  f 0600 0:0 app/main.py \"x\"",
        satisfies: "config user=1000 workdir=/app\nlayer COPY . .\n  d 0755 0:0 app\n  f 0644 0:0 app/main.py \"x\"",
    },
    check,
};

/// The files and directories with one kind of problem.
#[derive(Default)]
struct Affected {
    count: u64,
    /// The first by path.
    first: Option<(Vec<u8>, NodeId)>,
}

impl Affected {
    fn add(&mut self, process: &ProcessContext<'_>, node: NodeId) {
        self.count += 1;
        let path = process.view.path(node);
        if self.first.as_ref().is_none_or(|(first, _)| path < *first) {
            self.first = Some((path, node));
        }
    }

    /// `3 files or directories, such as /app/x (mode 0600, owner 0:0)`, or the only one.
    fn describe(&self, process: &ProcessContext<'_>) -> Option<String> {
        let (_, node) = self.first.as_ref()?;
        let first = process.describe(*node);
        Some(if self.count == 1 { first } else { format!("{} files or directories, such as {first}", self.count) })
    }
}

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Some(process) = ProcessContext::of_non_root_user(facts)? else { return Ok(()) };
    let subject = shown_bytes(&process.cwd).trim_end_matches('/').to_string();
    let top = match process.reach(&process.cwd) {
        Reach::Found(PathTable::ROOT) => return Ok(()),
        Reach::Found(node) => node,
        Reach::Blocked(directory) => {
            let message =
                format!("{subject} is unreachable: {} can't traverse {}", process.who(), process.describe(directory));
            out.report(Found::new(subject, message).at(visible_location(process.view, directory)));
            return Ok(());
        }
        Reach::Unknown(Uncertainty::RuntimeMount) => return Ok(()),
        Reach::Unknown(why) => return Err(process.unknown_reach(subject, why)),
        Reach::Missing(_) | Reach::Loop | Reach::NotDirectory | Reach::TooLong => return Ok(()),
    };
    let (mut unreadable, mut foreign, mut unknown) = (Affected::default(), Affected::default(), Affected::default());
    let mut todo = vec![top];
    while let Some(node) = todo.pop() {
        let Some(stat) = process.view.stat(node).filter(|stat| matches!(stat.kind, Kind::File | Kind::Dir)) else {
            continue;
        };
        if stat.uid != process.actor.uid && stat.uid != 0 {
            foreign.add(&process, node);
        }
        let wants: &[Want] = if stat.kind == Kind::Dir { &[Want::Read, Want::Execute] } else { &[Want::Read] };
        let answers: Vec<Access> =
            wants.iter().map(|&want| access::access(process.view, node, &process.actor, want)).collect();
        if answers.contains(&Access::No) {
            unreadable.add(&process, node);
        } else if answers.contains(&Access::Unknown) {
            unknown.add(&process, node);
        }
        // Don't also report everything in a directory that can't be traversed.
        if answers.last() == Some(&Access::Yes) {
            todo.extend(process.view.children(node));
        }
    }
    let who = process.who();
    let parts = [
        unreadable.describe(&process).map(|what| format!("{who} can't read {what}")),
        foreign.describe(&process).map(|what| format!("neither {who} nor root owns {what}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        let message = format!("in the working directory {subject}, {}", text::list(&parts));
        let fix = format!(
            "Copy with `--chown={}:{}`, or make the files readable with `--chmod=a+rX`",
            process.actor.uid, process.actor.gid
        );
        let mut found = Found::new(subject, message).at(visible_location(process.view, top)).fix(fix);
        for affected in [&unreadable, &foreign] {
            if let Some((_, node)) = affected.first.as_ref().filter(|(_, node)| *node != top) {
                found = found.at(visible_location(process.view, *node));
            }
        }
        out.report(found);
    }
    match unknown.first {
        Some((_, node)) => Err(process.unknown_rights(node)),
        None => Ok(()),
    }
}
