//! Rules without checks that declare what the built-in policies set: the loader is tested without the real ones.

use crate::rules::Docs;
use crate::rules::Param;
use crate::rules::ParamKind;
use crate::rules::Rule;

const fn param(name: &'static str, kind: ParamKind) -> Param {
    Param { name, kind, about: "set by a policy" }
}

const fn rule(id: &'static str, params: &'static [Param]) -> Rule {
    let docs = Docs { why: "w", evidence: "e", blind: "b", fix: "f", breaks: "x", keeps: "y" };
    Rule { id, title: "a bad state", rows: &[], params, docs, check: |_, _, _| Ok(()) }
}

static RULES: [Rule; 18] = [
    rule("ambiguous-config", &[]),
    rule("bad-env-value", &[param("one-of", ParamKind::Lists), param("url", ParamKind::Texts)]),
    rule("binds-to-loopback", &[]),
    rule("build-tools-left", &[]),
    rule("context-file-left", &[param("names", ParamKind::Texts)]),
    rule("floating-tag", &[]),
    rule("healthcheck-target", &[param("path", ParamKind::Text), param("port", ParamKind::Count)]),
    rule(
        "healthcheck-timing",
        &[
            param("interval", ParamKind::Duration),
            param("timeout", ParamKind::Duration),
            param("start-period", ParamKind::Duration),
            param("retries", ParamKind::Count),
        ],
    ),
    rule("missing-healthcheck", &[]),
    rule("package-cache-left", &[]),
    rule("root-user", &[]),
    rule("secret-in-env", &[]),
    rule("setuid-program", &[]),
    rule("shell-form-command", &[]),
    rule("unexpected-port", &[param("ports", ParamKind::Texts)]),
    rule("unknown-user", &[]),
    rule("wasted-space", &[param("warn-over", ParamKind::Bytes)]),
    rule("world-writable", &[]),
];

/// All of them.
pub fn declared() -> Vec<&'static Rule> {
    RULES.iter().collect()
}
