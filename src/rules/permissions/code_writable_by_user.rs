//! `code-writable-by-user`: the user can overwrite the program's code.

use crate::facts::Facts;
use crate::facts::access;
use crate::facts::access::Access;
use crate::facts::access::Reach;
use crate::facts::access::Want;
use crate::facts::process::ProcessContext;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;
use crate::model::path::PathTable;
use crate::model::text::shown_bytes;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::visible_location;
use crate::view::NodeId;
use crate::view::Stat;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The rule.
pub const RULE: Rule = Rule {
    id: "code-writable-by-user",
    topic: Topic::Permissions,
    title: "the user can overwrite the program's code",
    rows: &["S3"],
    params: &[],
    docs: Docs {
        why: "An attacker who can make the program write a file can replace the code itself and stay in control after \
              a restart. Code that root owns and the user can only read prevents that.",
        checks: "Code files in the merged filesystem that the image's user can change: under WORKDIR, in \
                 node_modules, site-packages and dist-packages anywhere, in the directories on PATH, and the program \
                 that the command starts.\n\n\
                 A file is code if its extension is .py, .pyc, .so, .js, .mjs, .cjs, .jsx, .ts, .tsx, .node, .jar, \
                 .class, .rb, .php, .pl, .pm, .lua, .sh or .wasm, or if it is executable and begins with `#!` or is \
                 an ELF file. In the directories on PATH, every executable file is code.\n\n\
                 A user can change a file that it owns or that the file's mode lets it write. It can also replace a \
                 file in a directory that it can write to, unless the directory's sticky bit prevents that.",
        limits: "Files with access control lists are undecided. Volumes mounted over the code, and a root filesystem \
                 mounted read-only, are not considered. Root can change everything: see `root-user`.",
        fix: "Copy the code as root (no `--chown`, no `chown -R`), and give the user only the directories that the \
              program writes to: `RUN mkdir /app/data && chown app /app/data`.",
        before: "FROM python:3.13-slim\n\
                 RUN useradd --uid 10001 app\n\
                 WORKDIR /app\n\
                 COPY --chown=app . .\n\
                 USER 10001",
        after: "FROM python:3.13-slim\n\
                RUN useradd --uid 10001 app\n\
                WORKDIR /app\n\
                COPY . .\n\
                RUN mkdir data && chown app data\n\
                USER 10001",
        breaks: "config user=1000 workdir=/app\nlayer COPY --chown=1000 . .\n  d 0755 1000:1000 app   #! code-writable-by-user\n  \
                 f 0644 1000:1000 app/main.py \"x\"",
        satisfies: "config user=1000 workdir=/app\nlayer COPY . .\n  d 0755 0:0 app\
                    \n  f 0644 0:0 app/main.py \"x\"\n  d 0755 1000:1000 app/data",
    },
    check,
};

const CODE_EXTENSIONS: [&str; 19] = [
    "py", "pyc", "so", "js", "mjs", "cjs", "jsx", "ts", "tsx", "node", "jar", "class", "rb", "php", "pl", "pm", "lua",
    "sh", "wasm",
];

/// Directories that interpreters load code from, wherever they are.
const DEPENDENCIES: [&[u8]; 3] = [b"node_modules", b"site-packages", b"dist-packages"];

/// The code in one directory that the user can rewrite.
struct Writable {
    count: u64,
    first: WritableFile,
}

/// A file that the user can rewrite, and how.
struct WritableFile {
    path: Vec<u8>,
    node: NodeId,
    /// The directory in which the user can rename the file or one of its parents; `None` if the user can write the
    /// file.
    renamed_in: Option<NodeId>,
}

/// A directory to visit.
struct Step {
    directory: NodeId,
    /// The outermost directory of code that it is or is in.
    top: Option<NodeId>,
    /// The first directory on the way here in which the user can rename the next.
    renamed_in: Option<NodeId>,
}

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Some(process) = ProcessContext::of_non_root_user(facts)? else { return Ok(()) };
    let mut search = Search::new(&process);
    let mut todo = vec![Step { directory: PathTable::ROOT, top: None, renamed_in: None }];
    while let Some(step) = todo.pop() {
        search.visit(&step, &mut todo);
    }
    let mut found: Vec<(Vec<u8>, NodeId, Writable)> =
        search.found.into_iter().map(|(top, writable)| (process.view.path(top), top, writable)).collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, top, writable) in found {
        out.report(finding(&process, &path, top, &writable));
    }
    // One undecided question is enough.
    if let Some(&node) = search.unknown.iter().min_by_key(|&&node| process.view.path(node)) {
        out.undecided(process.unknown_rights(node));
    }
    Ok(())
}

struct Search<'a> {
    process: &'a ProcessContext<'a>,
    /// The directories on PATH.
    on_path: BTreeSet<NodeId>,
    /// The programs that the command starts.
    programs: BTreeSet<NodeId>,
    workdir: Option<NodeId>,
    /// By the directory of code, or by the program if it is in none.
    found: BTreeMap<NodeId, Writable>,
    /// Files and directories where an access control list decides.
    unknown: BTreeSet<NodeId>,
}

impl<'a> Search<'a> {
    fn new(process: &'a ProcessContext<'a>) -> Search<'a> {
        let directory = |path: &str| match process.reach(path.as_bytes()) {
            Reach::Found(node) => Some(node),
            _ => None,
        };
        let command = process.facts.command();
        let named = command.programs.iter().filter_map(|words| words.first()).collect::<BTreeSet<_>>().into_iter();
        let path = process.variables.get("PATH").unwrap_or_default();
        Search {
            process,
            on_path: path.split(':').filter_map(directory).collect(),
            programs: named
                .take_while(|_| !process.view.is_exhausted())
                .filter_map(|word| process.program(word))
                .collect(),
            workdir: process.cwd_node().filter(|&node| node != PathTable::ROOT),
            found: BTreeMap::new(),
            unknown: BTreeSet::new(),
        }
    }

    fn owns(&self, stat: &Stat<'_>) -> bool {
        stat.uid == self.process.actor.uid
    }

    fn visit(&mut self, step: &Step, todo: &mut Vec<Step>) {
        let view = self.process.view;
        let directory = step.directory;
        let Some(stat) = view.stat(directory) else { return };
        // The owner of a directory can change its mode. What the user can't reach, it doesn't run either.
        let owned = self.owns(&stat);
        let may = |want| if owned { Access::Yes } else { access::access(view, directory, &self.process.actor, want) };
        if may(Want::Execute) != Access::Yes || access::is_mounted(view, directory) {
            return;
        }
        let may_write = may(Want::Write);
        if may_write == Access::Unknown && step.top.is_some() {
            self.unknown.insert(directory);
        }
        for child in view.children(directory) {
            let Some(stat_of_child) = view.stat(child) else { continue };
            let may_rename =
                may_write == Access::Yes && (stat.mode & 0o1000 == 0 || owned || self.owns(&stat_of_child));
            let renamed_in = step.renamed_in.or(may_rename.then_some(directory));
            match stat_of_child.kind {
                Kind::Dir => {
                    let is_top = self.workdir == Some(child)
                        || self.on_path.contains(&child)
                        || DEPENDENCIES.contains(&view.name(child));
                    todo.push(Step { directory: child, top: step.top.or(is_top.then_some(child)), renamed_in });
                }
                Kind::File => self.check_file(child, &stat_of_child, &Step { renamed_in, ..*step }),
                _ => {}
            }
        }
    }

    fn check_file(&mut self, node: NodeId, stat: &Stat<'_>, step: &Step) {
        let view = self.process.view;
        let is_program = self.programs.contains(&node);
        let Some(top) = step.top.or(is_program.then_some(node)) else { return };
        let may_be_executed =
            stat.mode & 0o111 != 0 && (self.on_path.contains(&step.directory) || view.head(node).is_some());
        if !is_program && !may_be_executed && !has_code_extension(view.name(node)) {
            return;
        }
        let may_write = match access::access(view, node, &self.process.actor, Want::Write) {
            _ if self.owns(stat) => true,
            Access::Unknown if step.renamed_in.is_none() => {
                self.unknown.insert(node);
                return;
            }
            answer => answer == Access::Yes,
        };
        if !may_write && step.renamed_in.is_none() {
            return;
        }
        let file = WritableFile { path: view.path(node), node, renamed_in: step.renamed_in.filter(|_| !may_write) };
        match self.found.get_mut(&top) {
            None => {
                self.found.insert(top, Writable { count: 1, first: file });
            }
            Some(writable) => {
                writable.count += 1;
                if file.path < writable.first.path {
                    writable.first = file;
                }
            }
        }
    }
}

fn finding(process: &ProcessContext<'_>, path: &[u8], top: NodeId, writable: &Writable) -> Found {
    let first = &writable.first;
    let how = match first.renamed_in {
        Some(directory) => format!("because it can replace files in {}", process.describe(directory)),
        None if process.view.stat(first.node).is_some_and(|stat| stat.uid == process.actor.uid) => {
            "which it owns".to_string()
        }
        None => "because the mode lets it".to_string(),
    };
    let (who, example) = (process.who(), process.describe(first.node));
    let message = match writable.count {
        1 => format!("{who} can rewrite {example}, {how}"),
        count => format!("{who} can rewrite {count} code files in {}, such as {example}, {how}", process.name(top)),
    };
    let fix = format!("Copy the code without `--chown`; let {who} own only what it writes");
    Found::new(shown_bytes(path), message)
        .at(visible_location(process.view, top))
        .at(visible_location(process.view, first.node))
        .fix(fix)
}

/// Whether a name has an extension of code: `x.py`, `libx.so`, `libx.so.1.2`. Type declarations (`x.d.ts`) are not
/// code.
fn has_code_extension(name: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    !name.ends_with(".d.ts") && CODE_EXTENSIONS.contains(&extension) || name.contains(".so.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_code_by_its_extension() {
        for name in ["main.py", "index.mjs", "libx.so", "libx.so.1.2", "a.b.js", "run.sh", "binding.node"] {
            assert!(has_code_extension(name.as_bytes()), "{name}");
        }
        for name in ["README", "package.json", "style.css", "types.d.ts", "py", ".bashrc", "a.soap", "x.py.txt"] {
            assert!(!has_code_extension(name.as_bytes()), "{name}");
        }
    }
}
