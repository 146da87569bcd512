//! `healthcheck-localhost`: the health check connects to localhost, which may be ::1.

use crate::facts::Facts;
use crate::facts::access::Capabilities;
use crate::facts::accounts::UserProblem;
use crate::facts::health::Health;
use crate::facts::health::ProbeUrl;
use crate::facts::packages::Manager;
use crate::facts::process::ProcessContext;
use crate::facts::servers;
use crate::facts::servers::Listens;
use crate::facts::servers::Server;
use crate::facts::servers::Source;
use crate::facts::start::Command;
use crate::facts::start::file_name;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::secret;
use crate::model::text;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "healthcheck-localhost",
    topic: Topic::Health,
    title: "the health check connects to localhost, which may be ::1",
    rows: &["F6"],
    params: &[],
    docs: Docs {
        why: "In a container, localhost is both 127.0.0.1 and ::1, and ::1 comes first if the loopback interface has \
              IPv6. If the client tries only the first address and the server listens on IPv4 only, the same image is \
              healthy on one host and unhealthy on the next.",
        checks: "A health check that connects to the host `localhost` with a client that tries only one address, in \
                 an image whose server listens only on IPv4. Such clients are busybox wget installed by apk, and node \
                 17, 18 and 19 (from NODE_VERSION). Such servers are those that listen on an IPv4 address, set by an \
                 option or by default, and Next.js without `-H`, whose default depends on its version.\n\n\
                 curl, GNU wget, Python, and node 20 and later try every address; node 16 and earlier try IPv4 first.",
        limits: "Whether the host has IPv6: a finding means that the check may fail, not that it does. Unknown servers \
                 and clients are undecided.",
        fix: "Use 127.0.0.1 instead of localhost: `HEALTHCHECK CMD wget -q -O /dev/null http://127.0.0.1:PORT/PATH`.",
        before: "FROM python:3.13-alpine\n\
                 RUN pip install --no-cache-dir fastapi uvicorn\n\
                 COPY main.py .\n\
                 HEALTHCHECK CMD wget -q -O /dev/null http://localhost:8000/health\n\
                 CMD [\"uvicorn\", \"main:app\", \"--host\", \"0.0.0.0\"]",
        after: "FROM python:3.13-alpine\n\
                RUN pip install --no-cache-dir fastapi uvicorn\n\
                COPY main.py .\n\
                HEALTHCHECK CMD wget -q -O /dev/null http://127.0.0.1:8000/health\n\
                CMD [\"uvicorn\", \"main:app\", \"--host\", \"0.0.0.0\"]",
        breaks: "config cmd=[\"gunicorn\",\"-b\",\"0.0.0.0:80\",\"m:a\"] env=NODE_VERSION=18.20.4\n\
                 config healthcheck=[\"CMD\",\"node\",\"-e\",\"fetch('http://localhost/')\"]   #! healthcheck-localhost\n\
                 layer ADD node.tar /\n  f 0755 0:0 usr/local/bin/node \"x\"",
        satisfies: "config cmd=[\"gunicorn\",\"-b\",\"0.0.0.0:80\",\"m:a\"] env=NODE_VERSION=18.20.4\n\
                config healthcheck=[\"CMD\",\"node\",\"-e\",\"fetch('http://127.0.0.1/')\"]\n\
                layer ADD node.tar /\n  f 0755 0:0 usr/local/bin/node \"x\"",
    },
    check,
};

/// How a client looks up a name with several addresses.
enum Client {
    /// It tries one address. Its name.
    TriesOne(String),
    /// It tries all addresses, or does not exist.
    Harmless,
    /// Unknown: why.
    Unknown(String),
}

/// What listens on the port that the health check connects to.
enum Listener {
    /// A server that doesn't accept connections over IPv6: its name and address.
    Ipv4(&'static str, String),
    /// Next.js, whose versions differ: its name.
    MaybeIpv4(&'static str),
    /// A server that accepts them, or no server on that port.
    Harmless,
    /// Unknown.
    Unknown,
}

fn check(facts: &Facts<'_>, _: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Health::Check(check) = facts.health() else { return Ok(()) };
    let requests = facts.health_requests(&check);
    let by_name = |url: &&ProbeUrl| url.host.as_deref().is_some_and(|host| host.eq_ignore_ascii_case("localhost"));
    // The check may also request an address, and pass if only that one answers.
    let urls = || requests.iter().flat_map(|(_, urls)| urls);
    if urls().any(|url| url.is_loopback() == Some(true) && !by_name(&url)) {
        return Ok(());
    }
    let Some((words, url)) = requests.iter().find_map(|(words, urls)| Some((words, urls.iter().find(by_name)?))) else {
        return Ok(());
    };
    let process = match ProcessContext::of(facts, Capabilities::Docker) {
        Ok(process) => process,
        Err(UserProblem::Unknown(_)) => return Ok(()),
        Err(UserProblem::Undecided(question)) => return Err(question),
    };
    let command = facts.serving();
    let listener = listener(command, &facts.servers(command), url);
    if matches!(listener, Listener::Harmless) {
        return Ok(());
    }
    let client = match client(&process, words)? {
        Client::Harmless => return Ok(()),
        Client::Unknown(why) => return Err(Undecided::unknowable("config.Healthcheck.Test", why)),
        Client::TriesOne(client) => client,
    };
    let serves = match &listener {
        Listener::Ipv4(server, address) => format!("{server} listens on IPv4 only ({})", text::shown(address)),
        Listener::MaybeIpv4(server) => format!("{server} listens on IPv4 only in some versions"),
        Listener::Harmless | Listener::Unknown => {
            let why = format!("{client} may try ::1, and it is unknown whether the program listens there");
            return Err(Undecided::unknowable("config.Healthcheck.Test", why));
        }
    };
    let port = url.port.map_or_else(String::new, |port| format!(":{port}"));
    let mut found = Found::new(
        format!("localhost{port}"),
        format!("{client} tries only one address of localhost, which may be ::1, and {serves}"),
    )
    .at(Location::config("config.Healthcheck.Test"))
    .fix(format!("Use 127.0.0.1{port} instead of localhost in HEALTHCHECK"));
    if matches!(listener, Listener::MaybeIpv4(_)) || command.handed_by.is_some() {
        found = found.likely();
    }
    out.report(found);
    Ok(())
}

/// What listens on the port of the URL.
fn listener(command: &Command, servers: &[Option<Server>], url: &ProbeUrl) -> Listener {
    if servers.iter().all(Option::is_none) {
        return Listener::Unknown;
    }
    let mut found = Listener::Harmless;
    for (words, server) in command.programs.iter().zip(servers) {
        let Some(server) = server else {
            // This program may be the one that the health check connects to.
            if !servers::opens_no_port(words) {
                found = Listener::Unknown;
            }
            continue;
        };
        let Listens::On(sockets) = &server.listens else { return Listener::Unknown };
        for socket in sockets {
            let is_requested = match (&socket.port.value, url.port) {
                (Ok(port), Some(requested)) => *port == requested,
                _ => true,
            };
            match socket.takes_ipv6() {
                _ if !is_requested => {}
                Some(true) => return Listener::Harmless,
                Some(false) => {
                    let address = socket.host.value.clone().unwrap_or_default();
                    return Listener::Ipv4(server.name, address);
                }
                None if server.name == "next" && socket.host.source == Source::Default => {
                    found = Listener::MaybeIpv4("next");
                }
                None => found = Listener::Unknown,
            }
        }
    }
    found
}

fn client(process: &ProcessContext<'_>, words: &[String]) -> Result<Client, Undecided> {
    let name = file_name(&words[0]);
    let applet = if name == "busybox" { words.get(1).map_or("", String::as_str) } else { name };
    match applet {
        "curl" => return Ok(Client::Harmless),
        name if name == "python" || name.starts_with("python3") => return Ok(Client::Harmless),
        "node" => return Ok(node(process, words)),
        "wget" => {}
        _ => {
            let shown = text::shown(&secret::redact_text(applet));
            return Ok(Client::Unknown(format!("it is unknown how {shown} looks up localhost")));
        }
    }
    // A missing program connects to nothing.
    let Some(node) = process.program(&words[0]) else { return Ok(Client::Harmless) };
    let Some(busybox) = process.facts.busybox(node) else { return Ok(Client::Harmless) };
    // Whether busybox prefers IPv4 is a build option; Alpine doesn't set it.
    let mut owners = process.facts.packages()?.owners(busybox);
    if owners.any(|package| package.manager == Manager::Apk && package.name.starts_with("busybox")) {
        return Ok(Client::TriesOne("busybox wget".to_string()));
    }
    Ok(Client::Unknown("whether this busybox prefers IPv4 depends on how it was built".to_string()))
}

/// Node's documentation: `dns.setDefaultResultOrder` (verbatim since 17), `net.setDefaultAutoSelectFamily` (true since
/// 20).
fn node(process: &ProcessContext<'_>, words: &[String]) -> Client {
    let options = process.variables.get("NODE_OPTIONS").unwrap_or("");
    let is_set = |option: &str| options.contains(option) || words.iter().any(|word| word.starts_with(option));
    if is_set("--dns-result-order=ipv4first") || is_set("--enable-network-family-autoselection") {
        return Client::Harmless;
    }
    let version = process.variables.get("NODE_VERSION").unwrap_or("").trim_start_matches('v');
    match version.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(major @ 17..=19) => Client::TriesOne(format!("node {major}")),
        Some(_) => Client::Harmless,
        None => Client::Unknown("which addresses of localhost node tries depends on its version".to_string()),
    }
}
