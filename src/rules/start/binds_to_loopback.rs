//! `binds-to-loopback`: the server listens where nobody outside the container can reach it.

use crate::facts::Facts;
use crate::facts::health::is_loopback;
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
use crate::rules::start::servers;
use crate::rules::start::servers::Listens;
use crate::rules::start::servers::Told;

/// The rule.
pub const RULE: Rule = Rule {
    id: "binds-to-loopback",
    title: "the server listens on the loopback address only",
    rows: &["B8"],
    params: &[],
    docs: Docs {
        why: "A container has a loopback interface of its own: a server bound to 127.0.0.1 answers its health check and \
              nobody else, whatever port is published.",
        evidence: "The words of Entrypoint and Cmd, and the variables that the server reads: uvicorn, gunicorn, \
                   hypercorn, daphne, granian, flask, fastapi, Django's runserver, waitress, next, http.server, php -S. \
                   Without an option the server's documented default counts.",
        blind: "Programs not in that list, addresses set in the program's own code or in its configuration files, and \
                what npm scripts start. Containers of one pod do reach each other on the loopback address.",
        fix: "Tell the server to listen on 0.0.0.0: --host 0.0.0.0 or --bind 0.0.0.0:PORT.",
        breaks: "config cmd=[\"uvicorn\",\"main:app\",\"--host\",\"127.0.0.1\"]   #! binds-to-loopback",
        keeps: "config cmd=[\"uvicorn\",\"main:app\",\"--host\",\"0.0.0.0\"]",
    },
    check,
};

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let command = facts.command();
    let variables = Variables::new(&facts.image().config.run);
    for words in &command.programs {
        let Some((server, listens)) = servers::listens(words, &variables) else {
            if let Some(question) = next_standalone(words, &variables) {
                out.undecided(question);
            }
            continue;
        };
        let (address, told) = match listens {
            Listens::Loopback(address, told) => (text::shown(&address), told),
            Listens::Elsewhere => continue,
            Listens::Open(reason) => {
                out.undecided(Undecided::unknowable(command.field, format!("{server}: {reason}")));
                continue;
            }
        };
        let told_by = match told {
            Told::Command => format!("{server} is told to listen on {address} only"),
            Told::Variable(name) => format!("{server} is told by {name} to listen on {address} only"),
            Told::Default => format!("{server} is not told where to listen, and its default is {address}"),
            Told::DefaultUnlessFile => format!(
                "{server} is not told where to listen, and its default is {address} unless a file that it reads says otherwise"
            ),
        };
        let place = match told {
            Told::Variable(name) => Location::config(format!("config.Env[{name}]")),
            _ => Location::config(command.field),
        };
        let mut found = Found::new(server, told_by).at(place);
        if told == Told::DefaultUnlessFile || command.handed_by.is_some() {
            found = found.likely();
        }
        out.report(found);
    }
    Ok(())
}

/// The server that Next.js writes for `output: standalone` reads HOSTNAME; whether this `server.js` is one the config does
/// not say.
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

    fn says(cmd: &[&str], env: &[&str]) -> String {
        let mut image = testing::image();
        testing::cmd(&mut image, cmd);
        env.iter().for_each(|pair| testing::env(&mut image, pair));
        let (findings, undecided) = testing::run(&RULE, &image, &Settings::default());
        let findings = findings.into_iter().map(|found| format!("{} {}", found.confidence.name(), found.message));
        findings.chain(undecided.into_iter().map(|q| format!("? {}", q.reason))).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn servers_on_the_loopback_address_are_found() {
        let told = |server: &str, address: &str| format!("certain {server} is told to listen on {address} only");
        for (cmd, env, expected) in [
            (&["uvicorn", "main:app", "--host", "127.0.0.1"][..], &[][..], told("uvicorn", "127.0.0.1")),
            (&["python", "-m", "uvicorn", "main:app", "--host=localhost"], &[], told("uvicorn", "localhost")),
            (&["sh", "-c", "migrate && exec uvicorn main:app --host ${HOST:-::1}"], &[], told("uvicorn", "::1")),
            (
                &["uvicorn", "main:app"],
                &[],
                "certain uvicorn is not told where to listen, and its default is 127.0.0.1".to_string(),
            ),
            (
                &["uvicorn", "main:app"],
                &["UVICORN_HOST=127.0.0.1"],
                "certain uvicorn is told by UVICORN_HOST to listen on 127.0.0.1 only".to_string(),
            ),
            (&["gunicorn", "-b127.0.0.1:80", "m:a"], &[], told("gunicorn", "127.0.0.1:80")),
            (&["gunicorn", "-b", "[::1]:80", "--bind=localhost:81", "m:a"], &[], told("gunicorn", "[::1]:80")),
            (
                &["gunicorn", "m:a"],
                &[],
                "likely gunicorn is not told where to listen, and its default is 127.0.0.1:8000 unless a file that it \
                 reads says otherwise"
                    .to_string(),
            ),
            (&["python", "manage.py", "runserver", "127.0.0.1:8000"], &[], told("runserver", "127.0.0.1:8000")),
            (&["next", "start", "-H", "localhost"], &[], told("next", "localhost")),
            (&["php", "-S", "127.0.0.1:80"], &[], told("php", "127.0.0.1:80")),
        ] {
            assert_eq!(says(cmd, env), expected, "{cmd:?}");
        }
    }

    #[test]
    fn servers_that_can_be_reached_are_kept() {
        for (cmd, env) in [
            (&["uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8000"][..], &[][..]),
            (&["uvicorn", "main:app", "--host", "127.0.0.1", "--host", "0.0.0.0"], &[]),
            (&["uvicorn", "main:app", "--uds", "/run/s"], &[]),
            (&["uvicorn", "main:app"], &["UVICORN_HOST=::"]),
            (&["gunicorn", "-b", "127.0.0.1:80", "-b", "0.0.0.0:81", "m:a"], &[]),
            (&["gunicorn", "-b", "unix:/run/s", "m:a"], &[]),
            (&["gunicorn", "m:a"], &["PORT=80"]),
            (&["gunicorn", "m:a"], &["GUNICORN_CMD_ARGS=--bind 0.0.0.0:80"]),
            (&["python", "manage.py", "runserver", "0.0.0.0:8000"], &[]),
            (&["flask", "run", "-h", "0.0.0.0"], &[]),
            (&["fastapi", "run", "main.py"], &[]),
            (&["next", "start"], &[]),
            (&["node", "server.js"], &["HOSTNAME=0.0.0.0"]),
            (&["npm", "start"], &[]),
            (&["psql", "--host", "127.0.0.1"], &[]),
        ] {
            assert_eq!(says(cmd, env), "", "{cmd:?}");
        }
    }

    #[test]
    fn what_only_the_start_decides_is_undecided() {
        assert_eq!(
            says(&["sh", "-c", "uvicorn main:app --host $HOST"], &[]),
            "? uvicorn: its address is set when it starts"
        );
        assert_eq!(
            says(&["gunicorn", "-c", "conf.py", "m:a"], &[]),
            "? gunicorn: its configuration file may set where it listens"
        );
        assert_eq!(
            says(&["node", "server.js"], &["HOSTNAME=localhost"]),
            "? it is a loopback address, and server.js may listen there"
        );
    }
}
