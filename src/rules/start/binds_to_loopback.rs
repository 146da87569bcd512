//! `binds-to-loopback`: the server listens only on the loopback address.

use crate::facts::Facts;
use crate::facts::health::is_loopback;
use crate::facts::servers;
use crate::facts::servers::Listens;
use crate::facts::servers::Setting;
use crate::facts::servers::Source;
use crate::facts::shell::Variables;
use crate::facts::start::file_name;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "binds-to-loopback",
    topic: Topic::Runtime,
    title: "the server listens only on the loopback address",
    rows: &["B8"],
    params: &[],
    docs: Docs {
        why: "A container has its own loopback interface. A server bound to 127.0.0.1 passes its health check but \
              can't be reached from outside the container, even on a published port.",
        checks: "`Entrypoint` and `Cmd`, entrypoint scripts, npm scripts, and the variables that the server reads. \
                 Without an option, the server's documented default applies. Known servers are uvicorn, gunicorn, \
                 hypercorn, daphne, granian, Flask, FastAPI, Django's runserver, waitress, Next.js, Python's \
                 http.server and `php -S`.",
        limits: "Other servers, and addresses set in the program's own code. Undecided: a server that may or may not \
                 run, an address that a configuration file may set, and a second program that may forward connections \
                 to the server. Containers of one pod can reach each other on the loopback address.",
        fix: "Make the server listen on all addresses: `--host 0.0.0.0` or `--bind 0.0.0.0:PORT` in CMD.",
        before: "FROM python:3.13-slim\n\
                 RUN pip install --no-cache-dir fastapi uvicorn\n\
                 COPY main.py .\n\
                 CMD [\"uvicorn\", \"main:app\", \"--host\", \"127.0.0.1\"]",
        after: "FROM python:3.13-slim\n\
                RUN pip install --no-cache-dir fastapi uvicorn\n\
                COPY main.py .\n\
                CMD [\"uvicorn\", \"main:app\", \"--host\", \"0.0.0.0\"]",
        breaks: "config cmd=[\"uvicorn\",\"main:app\",\"--host\",\"127.0.0.1\"]   #! binds-to-loopback",
        satisfies: "config cmd=[\"uvicorn\",\"main:app\",\"--host\",\"0.0.0.0\"]",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let command = facts.serving();
    let variables = &command.variables;
    // Another program may be a proxy.
    let has_others = command.programs.iter().zip(facts.servers(command)).any(|(words, server)| {
        server.is_none() && !servers::opens_no_port(words) && next_standalone(words, variables).is_none()
    });
    for (words, server) in command.programs.iter().zip(facts.servers(command)) {
        let Some(server) = server else {
            if let Some(question) = next_standalone(words, variables) {
                out.undecided(question);
            }
            continue;
        };
        let unknown = |why: &str| {
            Undecided::unknowable(command.field, format!("the address of {} is unknown: {why}", server.name))
        };
        let sockets = match &server.listens {
            Listens::On(sockets) => sockets,
            Listens::Unknown(why) => {
                out.undecided(unknown(why));
                continue;
            }
        };
        // One reachable socket is enough.
        if sockets.iter().any(|socket| socket.is_loopback() == Ok(false)) {
            continue;
        }
        if let Some(why) = sockets.iter().find_map(|socket| socket.is_loopback().err()) {
            out.undecided(unknown(why));
            continue;
        }
        let Some(Setting { value: Ok(address), source }) = sockets.first().map(|socket| &socket.host) else { continue };
        if has_others {
            let why = "listens only on the loopback address, but another program may forward connections to it";
            out.undecided(Undecided::unknowable(command.field, format!("{} {why}", server.name)));
            continue;
        }
        let (name, address) = (server.name, text::shown(address));
        let (place, message) = match source {
            Source::Command => (command.field.to_string(), format!("{name} listens only on {address}")),
            Source::Variable(variable) => {
                (format!("config.Env[{variable}]"), format!("{name} listens only on {address}, set by {variable}"))
            }
            Source::Default => (command.field.to_string(), format!("{name} listens only on {address}, its default")),
        };
        let mut found = Found::new(name, message).at(Location::config(place));
        if command.handed_by.is_some() {
            found = found.likely();
        }
        out.report(found);
    }
    Ok(())
}

/// The question whether `server.js` is the server that Next.js generates for `output: standalone`, which reads
/// HOSTNAME.
fn next_standalone(words: &[String], variables: &Variables) -> Option<Undecided> {
    let [program, script, ..] = words else { return None };
    let host = variables.get("HOSTNAME")?;
    (file_name(program) == "node" && file_name(script) == "server.js" && is_loopback(host)).then(|| {
        Undecided::unknowable("config.Env[HOSTNAME]", "it is a loopback address, and server.js may listen there")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    fn results(cmd: &[&str], env: &[&str]) -> String {
        let mut image = testing::image();
        testing::cmd(&mut image, cmd);
        env.iter().for_each(|pair| testing::env(&mut image, pair));
        let (findings, undecided) = testing::run(&RULE, &image, &Settings::default());
        let findings = findings.into_iter().map(|found| format!("{} {}", found.confidence.name(), found.message));
        findings.chain(undecided.into_iter().map(|q| format!("? {}", q.reason))).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn reports_servers_on_the_loopback_address() {
        let expected = |server: &str, address: &str| format!("certain {server} listens only on {address}");
        for (cmd, env, message) in [
            (&["uvicorn", "main:app", "--host", "127.0.0.1"][..], &[][..], expected("uvicorn", "127.0.0.1")),
            (&["python", "-m", "uvicorn", "main:app", "--host=localhost"], &[], expected("uvicorn", "localhost")),
            (
                &["sh", "-c", "alembic upgrade head && exec uvicorn main:app --host ${HOST:-::1}"],
                &[],
                expected("uvicorn", "::1"),
            ),
            (&["uvicorn", "main:app"], &[], "certain uvicorn listens only on 127.0.0.1, its default".to_string()),
            (
                &["uvicorn", "main:app"],
                &["UVICORN_HOST=127.0.0.1"],
                "certain uvicorn listens only on 127.0.0.1, set by UVICORN_HOST".to_string(),
            ),
            (&["gunicorn", "-b127.0.0.1:80", "m:a"], &[], expected("gunicorn", "127.0.0.1")),
            (&["gunicorn", "-b", "[::1]:80", "--bind=localhost:81", "m:a"], &[], expected("gunicorn", "::1")),
            (&["python", "manage.py", "runserver", "127.0.0.1:8000"], &[], expected("runserver", "127.0.0.1")),
            (&["next", "start", "-H", "localhost"], &[], expected("next", "localhost")),
            (&["php", "-S", "127.0.0.1:80"], &[], expected("php", "127.0.0.1")),
        ] {
            assert_eq!(results(cmd, env), message, "{cmd:?}");
        }
    }

    #[test]
    fn accepts_reachable_servers() {
        for (cmd, env) in [
            (&["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"][..], &[][..]),
            (&["uvicorn", "main:app", "--host", "127.0.0.1", "--host", "0.0.0.0"], &[]),
            (&["uvicorn", "main:app", "--uds", "/run/s"], &[]),
            (&["uvicorn", "main:app"], &["UVICORN_HOST=::"]),
            (&["gunicorn", "-b", "127.0.0.1:80", "-b", "0.0.0.0:81", "m:a"], &[]),
            (&["gunicorn", "-b", "unix:/run/s", "m:a"], &[]),
            (&["gunicorn", "m:a"], &["GUNICORN_CMD_ARGS=--bind 0.0.0.0:80"]),
            (&["python", "manage.py", "runserver", "0.0.0.0:8000"], &[]),
            (&["flask", "run", "-h", "0.0.0.0"], &[]),
            (&["fastapi", "run", "main.py"], &[]),
            (&["next", "start"], &[]),
            (&["node", "server.js"], &["HOSTNAME=0.0.0.0"]),
            (&["npm", "start"], &[]),
            (&["uvicorn", "--version"], &[]),
            (&["sh", "-c", "gunicorn --check-config m:a && exec gunicorn -b 0.0.0.0 m:a"], &[]),
            (&["psql", "--host", "127.0.0.1"], &[]),
        ] {
            assert_eq!(results(cmd, env), "", "{cmd:?}");
        }
    }

    #[test]
    fn addresses_set_at_run_time_are_undecided() {
        assert_eq!(
            results(&["sh", "-c", "uvicorn main:app --host $HOST"], &[]),
            "? the address of uvicorn is unknown: it is set when the program starts"
        );
        assert_eq!(
            results(&["gunicorn", "-c", "conf.py", "m:a"], &[]),
            "? the address of gunicorn is unknown: a file that the program reads may set it"
        );
        assert_eq!(
            results(&["sh", "-c", "make proxy & uvicorn m:a"], &[]),
            "? uvicorn listens only on the loopback address, but another program may forward connections to it"
        );
        assert_eq!(
            results(&["node", "server.js"], &["HOSTNAME=localhost"]),
            "? it is a loopback address, and server.js may listen there"
        );
    }
}
