//! `unexpected-port`: the exposed ports differ from the policy's.

use crate::facts::Facts;
use crate::facts::ports::PortRange;
use crate::model::finding::Fix;
use crate::model::finding::Location;
use crate::model::finding::Undecided;
use crate::model::text;
use crate::rules::Docs;
use crate::rules::Found;
use crate::rules::Out;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;
use crate::rules::Settings;
use crate::rules::Topic;

/// The rule.
pub const RULE: Rule = Rule {
    id: "unexpected-port",
    topic: Topic::Runtime,
    title: "the exposed ports differ from the policy's",
    rows: &["B7", "F7"],
    params: &[Param {
        name: "ports",
        kind: ParamKind::Strings,
        about: "The ports that the image must expose, and no others: `8000/tcp`, `53/udp`, `8000-8005/tcp`. A port \
                without a protocol is tcp. Default: not checked.",
    }],
    docs: Docs {
        why: "`docker run -P` publishes every exposed port, and people and platforms use EXPOSE to find out which \
              port to connect to.",
        checks: "The config's `ExposedPorts`: each port with its protocol, tcp if none is given.",
        limits: "Where the program listens: it may listen on a port that is not exposed, or on none of those that are.",
        fix: "List the policy's ports, and no others: `EXPOSE PORT`. A Dockerfile can't remove a port that its base \
              image exposes: use another base image.",
        before: "FROM python:3.13-slim\n\
                 EXPOSE 22 8000",
        after: "FROM python:3.13-slim\n\
                EXPOSE 8000",
        breaks: "config expose=8000/tcp expose=22/tcp   #! unexpected-port",
        satisfies: "config expose=8000/tcp",
    },
    check,
};

fn check(facts: &Facts<'_>, settings: &Settings, out: &mut Out<'_>) -> Result<(), Undecided> {
    let Some(wanted_ports) = settings.strings("ports") else { return Ok(()) };
    let mut wanted = Vec::new();
    for port in wanted_ports {
        match PortRange::parse(port) {
            Some(range) => wanted.push(range),
            None => {
                let subject = format!("ports: {}", text::shown(port));
                return Err(Undecided::denied(subject, "the policy's value is not a port"));
            }
        }
    }
    let mut exposed = Vec::new();
    for port in &facts.image().config.run.exposed_ports {
        match PortRange::parse(port) {
            Some(range) => exposed.push(range),
            None => out.undecided(Undecided::unknowable(
                format!("config.ExposedPorts[{}]", text::shown(port)),
                "it is not a port number",
            )),
        }
    }
    let (wanted, exposed) = (PortRange::sorted(wanted), PortRange::sorted(exposed));
    for range in PortRange::without(&exposed, &wanted) {
        out.report(
            Found::new(range.to_string(), format!("port {range} is exposed, but the policy doesn't list it"))
                .at(Location::config(format!("config.ExposedPorts[{range}]")))
                .fix(format!("Remove EXPOSE {range}, or list the port in the policy")),
        );
    }
    for range in PortRange::without(&wanted, &exposed) {
        out.report(
            Found::new(range.to_string(), format!("port {range} is not exposed, but the policy lists it"))
                .at(Location::config("config.ExposedPorts"))
                .fix(Fix::new("Expose the port").line(format!("EXPOSE {range}"))),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::testing;

    fn messages(exposed: &[&str], wanted: &[&str]) -> Vec<String> {
        let mut image = testing::image();
        image.config.run.exposed_ports = exposed.iter().map(|port| port.to_string()).collect();
        let settings = testing::settings(&[("ports", testing::strings(wanted))]);
        testing::findings(&RULE, &image, &settings).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn compares_ports_in_both_directions() {
        assert_eq!(messages(&["8000/tcp"], &["8000"]), [""; 0]);
        assert_eq!(messages(&["8000"], &["8000/tcp"]), [""; 0]);
        assert_eq!(
            messages(&["22/tcp", "8000/tcp"], &["8000/tcp"]),
            ["port 22/tcp is exposed, but the policy doesn't list it"]
        );
        assert_eq!(
            messages(&["8000/udp"], &["8000"]),
            [
                "port 8000/udp is exposed, but the policy doesn't list it",
                "port 8000/tcp is not exposed, but the policy lists it"
            ]
        );
        assert_eq!(messages(&["8000-8002/tcp"], &["8000", "8001-8002"]), [""; 0]);
        assert_eq!(
            messages(&["8000-8005"], &["8002"]),
            [
                "port 8000-8001/tcp is exposed, but the policy doesn't list it",
                "port 8003-8005/tcp is exposed, but the policy doesn't list it"
            ]
        );
        assert_eq!(messages(&[], &[]), [""; 0]);
    }

    #[test]
    fn invalid_ports_are_undecided() {
        let mut image = testing::image();
        image.config.run.exposed_ports = vec!["${PORT}/tcp".to_string()];
        let settings = testing::settings(&[("ports", testing::strings(&[]))]);
        let (findings, undecided) = testing::run(&RULE, &image, &settings);
        assert_eq!((findings.len(), undecided.len()), (0, 1));
        assert!(testing::findings(&RULE, &image, &Settings::default()).is_empty());
        let (_, undecided) = testing::run(&RULE, &image, &testing::settings(&[("ports", testing::strings(&["x"]))]));
        assert_eq!(undecided[0].cause, crate::model::finding::Cause::Denied);
    }
}
