//! `needs-writable-root`: the program needs a writable root filesystem.

use crate::facts::Facts;
use crate::facts::options::Options;
use crate::facts::servers::Server;
use crate::facts::shell;
use crate::facts::shell::Variables;
use crate::facts::start::file_name;
use crate::limits;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::path;
use crate::model::path::PathTable;
use crate::model::secret;
use crate::model::text::shown_bytes;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use crate::rules::shown;
use crate::view::Resolved;
use crate::view::View;
use std::collections::BTreeSet;

/// The rule.
pub const RULE: Rule = Rule {
    id: "needs-writable-root",
    topic: Topic::Permissions,
    title: "the program needs a writable root filesystem",
    rows: &["S4"],
    params: &[],
    docs: Docs {
        why: "On a read-only root filesystem (`docker run --read-only`, `readOnlyRootFilesystem: true`), an intruder \
              has nowhere to leave files. A program that writes there can't run that way.",
        checks: "What `Entrypoint` and `Cmd`, entrypoint scripts, npm scripts and variables tell a program to write: \
                 the data directories of postgres (`-D`, PGDATA), mysqld and mariadbd (`--datadir`), mongod \
                 (`--dbpath`, default /data/db) and redis-server with `--appendonly yes`; the socket files of \
                 uvicorn, granian, gunicorn, hypercorn, daphne, Flask and waitress; the pid and log files of \
                 gunicorn, hypercorn and celery; the build directory of `next dev` and `next build`. Volumes, /tmp, \
                 /run, /dev and /proc count as writable.",
        limits: "Everything else that a program writes: caches, npm's logs, and files named in configuration files or \
                 in code. An image without a finding may still need a writable root filesystem.",
        fix: "Write to a volume (`VOLUME /var/lib/data`), or to /tmp or /run, mounted as tmpfs.",
        before: "FROM python:3.13-slim\n\
                 RUN pip install --no-cache-dir flask gunicorn\n\
                 WORKDIR /app\n\
                 COPY main.py .\n\
                 CMD [\"gunicorn\", \"--bind\", \"unix:/app/app.sock\", \"main:app\"]",
        after: "FROM python:3.13-slim\n\
                RUN pip install --no-cache-dir flask gunicorn\n\
                WORKDIR /app\n\
                COPY main.py .\n\
                CMD [\"gunicorn\", \"--bind\", \"unix:/run/app.sock\", \"main:app\"]",
        breaks: "config cmd=[\"gunicorn\",\"--bind\",\"unix:/app/app.sock\",\"main:app\"]   #! needs-writable-root",
        satisfies: "config cmd=[\"gunicorn\",\"--bind\",\"unix:/run/app.sock\",\"main:app\"]",
    },
    check,
};

/// Something that a program writes.
struct Writes {
    /// The path as given; relative to the working directory without a leading slash.
    at: String,
    /// The predicate of the message: `creates its socket at`.
    what: &'static str,
    /// The variable that sets the path, if the command doesn't.
    variable: Option<&'static str>,
}

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let view = facts.view()?;
    let run = &facts.image().config.run;
    let command = facts.serving();
    let moves = command.moves();
    let mut places: BTreeSet<Vec<u8>> = [&b"tmp"[..], b"run", b"dev", b"proc"].map(<[u8]>::to_vec).into();
    places.extend(run.volumes.iter().map(|volume| real_path(view, volume.as_bytes())));
    let longest = places.iter().map(Vec::len).max().unwrap_or(0);
    let mut count = 0;
    for (words, server) in command.programs.iter().zip(facts.servers(command)) {
        for writes in writes(words, &command.variables, server.as_ref()) {
            let is_absolute = writes.at.starts_with('/');
            let at = if is_absolute { writes.at } else { format!("/{}/{}", run.working_dir, writes.at) };
            // Linux rejects longer paths.
            if !shell::is_decided(&at) || moves && !is_absolute || at.len() > limits::LINK_BYTES {
                continue;
            }
            let at = real_path(view, at.as_bytes());
            if is_in_any(&at, &places, longest) {
                continue;
            }
            // Findings beyond the limit are only counted, so don't spend time on their messages.
            count += 1;
            if count > limits::FINDINGS_PER_RULE {
                out.report(Found::new("", ""));
                continue;
            }
            let (name, at) = (shown(file_name(&words[0])), secret::redact_text(&shown_bytes(&at)));
            let field = writes.variable.map_or(command.field.to_string(), |name| format!("config.Env[{name}]"));
            let message = format!("{name} {} /{at}, which is on the root filesystem", writes.what);
            let mut found = Found::new(format!("/{at}"), message).at(Location::config(field));
            if command.handed_by.is_some() {
                found = found.likely();
            }
            out.report(found);
        }
    }
    Ok(())
}

/// What a program certainly writes, according to its arguments and variables.
fn writes(words: &[String], variables: &Variables, server: Option<&Server>) -> Vec<Writes> {
    let options = Options(&words[1..]);
    let by_option = |names: &[&str], what| {
        let value = options.last(names).map(|(_, value)| value.to_string());
        // A dash means a standard stream.
        value.filter(|value| !value.is_empty() && value != "-").map(|at| Writes { at, what, variable: None })
    };
    const DATA: &str = "writes its data to";
    const LOG: &str = "writes its log to";
    const PID: &str = "writes its process id to";
    let mut found: Vec<Option<Writes>> = match file_name(&words[0]) {
        "postgres" => {
            let by_variable =
                variables.get("PGDATA").map(|at| Writes { at: at.to_string(), what: DATA, variable: Some("PGDATA") });
            vec![by_option(&["-D"], DATA).or(by_variable)]
        }
        "mysqld" | "mariadbd" => vec![by_option(&["--datadir", "-h"], DATA)],
        "mongod" if options.has(&["-f", "--config"]) => Vec::new(),
        "mongod" => {
            let default = Writes { at: "/data/db".to_string(), what: DATA, variable: None };
            vec![by_option(&["--dbpath"], DATA).or(Some(default))]
        }
        // The first argument may be a configuration file.
        "redis-server" if options.0.first().is_some_and(|word| word.starts_with("--")) => {
            let appends = options.last(&["--appendonly"]).is_some_and(|(_, value)| value == "yes");
            let here = Writes { at: ".".to_string(), what: DATA, variable: None };
            if appends { vec![by_option(&["--dir"], DATA).or(Some(here))] } else { Vec::new() }
        }
        "gunicorn" => vec![
            by_option(&["-p", "--pid"], PID),
            by_option(&["--access-logfile"], LOG),
            by_option(&["--error-logfile", "--log-file"], LOG),
        ],
        "hypercorn" => vec![
            by_option(&["-p", "--pid"], PID),
            by_option(&["--access-logfile", "--access-log"], LOG),
            by_option(&["--error-logfile", "--log-file", "--error-log"], LOG),
        ],
        "celery" => vec![by_option(&["--pidfile"], PID), by_option(&["-f", "--logfile"], LOG)],
        "next" if options.0.first().is_some_and(|word| word == "dev" || word == "build") => {
            let project = Options(&options.0[1..]).positional(&["-p", "--port", "-H", "--hostname"]).unwrap_or(".");
            vec![Some(Writes { at: format!("{project}/.next"), what: "builds into", variable: None })]
        }
        _ => Vec::new(),
    };
    let files = server.map_or(&[][..], |server| &server.files);
    found.extend(files.iter().map(|at| Some(Writes { at: at.clone(), what: "creates its socket at", variable: None })));
    found.into_iter().flatten().collect()
}

/// The path with links resolved as far as it exists; without a leading slash.
fn real_path(view: &View, at: &[u8]) -> Vec<u8> {
    let (clean, _) = path::clean(at);
    let mut node = PathTable::ROOT;
    let mut rest = &clean[..];
    while !rest.is_empty() {
        let length = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
        let Ok(Resolved::Found(next)) = view.follow(node, &rest[..length], true, |_| true).end else { break };
        node = next;
        rest = rest.get(length + 1..).unwrap_or(b"");
    }
    if rest.is_empty() { view.path(node) } else { path::join(&view.path(node), rest) }
}

/// Whether a path is or is in one of the directories; `longest` is the length of the longest.
fn is_in_any(at: &[u8], directories: &BTreeSet<Vec<u8>>, longest: usize) -> bool {
    let ends = at.iter().enumerate().take(longest + 1).filter(|(_, b)| **b == b'/').map(|(end, _)| end);
    ends.chain([0, at.len()]).any(|end| directories.contains(&at[..end]))
}
