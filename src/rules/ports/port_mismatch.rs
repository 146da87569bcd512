//! `port-mismatch`: the exposed or health-checked port is not the server's port.

use crate::facts::Facts;
use crate::facts::health::Health;
use crate::facts::health::ProbeUrl;
use crate::facts::options::Options;
use crate::facts::ports::PortRange;
use crate::facts::servers;
use crate::facts::servers::Listens;
use crate::facts::servers::Server;
use crate::facts::servers::Socket;
use crate::facts::servers::Source;
use crate::facts::start::Command;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;
use std::collections::BTreeSet;

/// The rule.
pub const RULE: Rule = Rule {
    id: "port-mismatch",
    topic: Topic::Runtime,
    title: "the exposed or health-checked port is not the server's port",
    rows: &["B7", "F7"],
    params: &[],
    docs: Docs {
        why: "A health check on a port where nothing listens never passes. `docker run -P`, proxies and platforms \
              connect to the exposed port; if the server listens on another one, nothing answers.",
        checks: "The port of a known server: from `Entrypoint` and `Cmd`, entrypoint scripts, npm scripts and the \
                 variables that it reads (PORT for Next.js and gunicorn, UVICORN_PORT, FLASK_RUN_PORT …), otherwise \
                 its documented default. It is compared with the config's `ExposedPorts`, if there are any, and with \
                 the ports of the loopback URLs in the health check. One port that matches is enough.\n\n\
                 Known servers are uvicorn, gunicorn, hypercorn, daphne, granian, Flask, FastAPI, Django's runserver, \
                 waitress, Next.js, Python's http.server and `php -S`.",
        limits: "Other servers, and ports set in code, are not compared. A port that a configuration file may set is \
                 undecided. A port below 1024 is not a finding: since Docker 20.10 any user can listen on one.",
        fix: "Use one port everywhere: in the server's option, in `EXPOSE PORT` and in HEALTHCHECK.",
        before: "FROM python:3.13-slim\n\
                 RUN pip install --no-cache-dir fastapi uvicorn\n\
                 COPY main.py .\n\
                 EXPOSE 3000\n\
                 CMD [\"uvicorn\", \"main:app\", \"--host\", \"0.0.0.0\", \"--port\", \"8000\"]",
        after: "FROM python:3.13-slim\n\
                RUN pip install --no-cache-dir fastapi uvicorn\n\
                COPY main.py .\n\
                EXPOSE 8000\n\
                CMD [\"uvicorn\", \"main:app\", \"--host\", \"0.0.0.0\", \"--port\", \"8000\"]",
        breaks: "config cmd=[\"uvicorn\",\"main:app\",\"--host\",\"0.0.0.0\"]\nconfig expose=3000/tcp   #! port-mismatch",
        satisfies: "config cmd=[\"uvicorn\",\"main:app\",\"--host\",\"0.0.0.0\"]\nconfig expose=8000/tcp",
    },
    check,
};

/// A socket whose port is known.
struct Known<'a> {
    server: &'static str,
    port: u16,
    socket: &'a Socket,
}

/// The ports of the servers that the command starts.
struct Ports<'a> {
    known: Vec<Known<'a>>,
    /// Why there may be others.
    unknown: Option<String>,
}

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let command = facts.serving();
    let servers = facts.servers(command);
    let ports = ports(command, &servers);
    if servers.iter().all(Option::is_none) || ports.known.is_empty() && ports.unknown.is_none() {
        return Ok(());
    }
    for mismatch in [health(facts, &ports), exposed(facts, &ports)].into_iter().flatten() {
        match (&ports.unknown, mismatch.known, &mismatch.claim) {
            (Some(why), _, _) => out.undecided(Undecided::unknowable(command.field, why.clone())),
            (None, Some(known), Some(claim)) => out.report(finding(command, &mismatch, known, claim)),
            _ => {
                out.undecided(Undecided::unknowable(
                    mismatch.field,
                    "its port depends on something the config doesn't set",
                ));
            }
        }
    }
    Ok(())
}

fn finding(command: &Command, mismatch: &Mismatch<'_>, known: &Known<'_>, claim: &str) -> Found {
    let Known { server, port, socket } = known;
    let (origin, place) = match socket.port.source {
        Source::Command => (String::new(), command.field.to_string()),
        Source::Variable(name) => (format!(", set by {name}"), format!("config.Env[{name}]")),
        Source::Default => (" by default".to_string(), command.field.to_string()),
    };
    let found = Found::new(mismatch.subject.clone(), format!("{server} listens on port {port}{origin}, but {claim}"))
        .at(Location::config(mismatch.field))
        .at(Location::config(place))
        .fix(mismatch.fix.clone());
    // An entrypoint script may change its arguments.
    if command.handed_by.is_some() { found.likely() } else { found }
}

/// A config field with ports, none of which is a server's.
struct Mismatch<'a> {
    subject: String,
    field: &'static str,
    /// The server's socket to compare with.
    known: Option<&'a Known<'a>>,
    /// What the field says, as a clause; `None` if not all its ports are known.
    claim: Option<String>,
    fix: String,
}

fn ports<'a>(command: &Command, servers: &'a [Option<Server>]) -> Ports<'a> {
    let mut ports = Ports { known: Vec::new(), unknown: None };
    for (words, server) in command.programs.iter().zip(servers) {
        let Some(server) = server else {
            if !servers::opens_no_port(words) {
                ports.unknown = Some("other programs start too, and their ports are unknown".to_string());
            }
            continue;
        };
        match &server.listens {
            Listens::Unknown(why) => ports.unknown = Some(format!("the port of {} is unknown: {why}", server.name)),
            Listens::On(sockets) => {
                for socket in sockets {
                    match socket.port.value {
                        Ok(port) => ports.known.push(Known { server: server.name, port, socket }),
                        Err(why) => ports.unknown = Some(format!("the port of {} is unknown: {why}", server.name)),
                    }
                }
            }
        }
    }
    ports
}

fn health<'a>(facts: &Facts<'_>, ports: &'a Ports<'a>) -> Option<Mismatch<'a>> {
    let Health::Check(check) = facts.health() else { return None };
    // curl uses no port with --unix-socket.
    let requests =
        facts.health_requests(&check).into_iter().filter(|(words, _)| !Options(words).has(&["--unix-socket"]));
    let urls: Vec<ProbeUrl> =
        requests.flat_map(|(_, urls)| urls).filter(|url| url.is_loopback() != Some(false)).collect();
    let first = urls.first()?;
    let listened: BTreeSet<u16> = ports.known.iter().map(|known| known.port).collect();
    if urls.iter().any(|url| url.port.is_some_and(|port| listened.contains(&port))) {
        return None;
    }
    let known = ports.known.first();
    let is_known = urls.iter().all(|url| url.port.is_some() && url.is_loopback().is_some());
    let requested = first.port.map_or_else(|| "?".to_string(), |port| port.to_string());
    Some(Mismatch {
        subject: format!("HEALTHCHECK {requested}"),
        field: "config.Healthcheck.Test",
        known,
        claim: is_known.then(|| format!("the health check requests port {requested}")),
        fix: known.map_or_else(String::new, |known| {
            format!("Use port {} in HEALTHCHECK, or make {} listen on port {requested}", known.port, known.server)
        }),
    })
}

fn exposed<'a>(facts: &Facts<'_>, ports: &'a Ports<'a>) -> Option<Mismatch<'a>> {
    let texts = &facts.image().config.run.exposed_ports;
    // A port on the loopback address isn't meant to be exposed.
    let reachable: Vec<&Known<'_>> =
        ports.known.iter().filter(|known| known.socket.is_loopback() != Ok(true)).collect();
    if texts.is_empty() || reachable.is_empty() && ports.unknown.is_none() {
        return None;
    }
    let ranges: Vec<Option<PortRange>> = texts.iter().map(|text| PortRange::parse(text)).collect();
    let listened: BTreeSet<u16> = reachable.iter().map(|known| known.port).collect();
    let mut tcp = ranges.iter().flatten().filter(|range| range.protocol == "tcp");
    if tcp.any(|range| listened.range(range.first..=range.last).next().is_some()) {
        return None;
    }
    let known = reachable.first().copied();
    let mut names: Vec<String> = texts.iter().take(NAMES).map(|text| text::shown(text)).collect();
    if texts.len() > NAMES {
        names.push(format!("{} more", texts.len() - NAMES));
    }
    let port = known.map_or_else(|| "?".to_string(), |known| known.port.to_string());
    Some(Mismatch {
        subject: format!("EXPOSE {port}"),
        field: "config.ExposedPorts",
        known,
        claim: ranges.iter().all(Option::is_some).then(|| format!("EXPOSE lists {}", text::list(&names))),
        fix: format!("Expose port {port}, or make the server listen on an exposed port"),
    })
}

/// Exposed ports that a message names.
const NAMES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    fn results(cmd: &[&str], env: &[&str], expose: &[&str], check: &str) -> String {
        let mut image = testing::image();
        testing::cmd(&mut image, cmd);
        env.iter().for_each(|pair| testing::env(&mut image, pair));
        image.config.run.exposed_ports = expose.iter().map(|port| port.to_string()).collect();
        testing::health(&mut image, &["CMD-SHELL", check]);
        let (findings, undecided) = testing::run(&RULE, &image, &Settings::default());
        let findings = findings.into_iter().map(|found| found.message);
        findings.chain(undecided.into_iter().map(|q| format!("? {}", q.reason))).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn accepts_ports_that_agree() {
        let uvicorn = &["uvicorn", "m:a", "--host", "0.0.0.0", "--port", "8000"][..];
        assert_eq!(results(uvicorn, &[], &["8000/tcp"], "curl http://localhost:8000/health"), "");
        assert_eq!(results(uvicorn, &[], &["7999-8001"], ""), "");
        assert_eq!(results(uvicorn, &[], &[], "curl http://other:3000/"), "");
        assert_eq!(results(uvicorn, &[], &[], "curl localhost:1 || curl localhost:8000"), "");
        assert_eq!(results(&["next", "start"], &[], &["3000"], "wget http://127.0.0.1:3000/"), "");
        assert_eq!(results(&["gunicorn", "-b", "unix:/run/s", "m:a"], &[], &["80"], "curl localhost"), "");
        assert_eq!(results(uvicorn, &[], &[], "curl --unix-socket /run/s http://localhost/"), "");
        // A metrics port besides the exposed one, and a server that another one forwards to on the loopback address.
        assert_eq!(results(&["gunicorn", "-b", ":8000", "-b", ":9000", "m:a"], &[], &["8000"], ""), "");
        assert_eq!(results(&["uvicorn", "m:a"], &[], &["80"], ""), "");
        // Unknown programs, and steps before the server.
        assert_eq!(results(&["node", "server.js"], &["PORT=80"], &["3000"], "curl localhost:90"), "");
        assert_eq!(results(&["env", "PORT=80", "next", "start"], &[], &["80"], "curl localhost"), "");
        assert_eq!(
            results(&["sh", "-c", "alembic upgrade head && uvicorn m:a --port 80"], &[], &[], "curl localhost"),
            ""
        );
    }

    #[test]
    fn reports_ports_that_differ() {
        let uvicorn = &["uvicorn", "m:a", "--host", "0.0.0.0"][..];
        assert_eq!(
            results(uvicorn, &[], &["3000/tcp"], "curl http://localhost:3000/"),
            "uvicorn listens on port 8000 by default, but the health check requests port 3000; \
             uvicorn listens on port 8000 by default, but EXPOSE lists 3000/tcp"
        );
        assert_eq!(
            results(&["next", "start"], &["PORT=8080"], &["3000"], ""),
            "next listens on port 8080, set by PORT, but EXPOSE lists 3000"
        );
        assert_eq!(
            results(&["flask", "run", "-p", "80"], &[], &[], "curl localhost:5000"),
            "flask listens on port 80, but the health check requests port 5000"
        );
    }

    #[test]
    fn ports_set_at_run_time_are_undecided() {
        let undecided = "? the port of uvicorn is unknown: it is set when the program starts";
        assert_eq!(results(&["sh", "-c", "uvicorn m:a --host 0.0.0.0 --port $PORT"], &[], &["80"], ""), undecided);
        assert_eq!(results(&["sh", "-c", "uvicorn m:a --host 0.0.0.0 --port $PORT"], &[], &[], ""), "");
        assert_eq!(
            results(&["uvicorn", "m:a"], &[], &[], "curl http://localhost:$PORT/"),
            "? its port depends on something the config doesn't set"
        );
        assert_eq!(
            results(&["sh", "-c", "nginx && uvicorn m:a --port 8000"], &[], &[], "curl http://localhost/"),
            "? other programs start too, and their ports are unknown"
        );
    }
}
