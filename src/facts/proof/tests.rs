//! Proofs of commands in small images.

use crate::facts::access::Capabilities;
use crate::facts::health::Health;
use crate::facts::proof::Proof;
use crate::facts::testing;
use crate::facts::testing::TestImage;

/// Faults, then questions, as one text; `runs` where there are none.
fn outcome(proof: &Proof) -> String {
    let faults = proof.faults.iter().map(|fault| {
        let mark = if fault.is_overridden { "overridden: " } else { "" };
        let likely = if fault.is_likely { "likely: " } else { "" };
        format!("{mark}{likely}{}", fault.what)
    });
    let open = proof.open.iter().map(|question| format!("? {}: {}", question.subject, question.reason));
    let all: Vec<String> = faults.chain(open).collect();
    if all.is_empty() { "runs".to_string() } else { all.join(" | ") }
}

fn starts(made: &TestImage) -> String {
    outcome(made.facts().start_proof(Capabilities::Docker).expect("an answer"))
}

fn checks(made: TestImage, test: &[&str]) -> String {
    let mut made = made;
    testing::health(&mut made.image, test);
    let facts = made.facts();
    let Health::Check(check) = facts.health() else { panic!("no check") };
    outcome(facts.health_proof(&check, Capabilities::Docker).expect("an answer"))
}

const SYSTEM: &str = "
    f 0644 0:0 etc/passwd \"root:x:0:0::/root:/bin/sh\\napp:x:1000:1000::/home/app:/bin/sh\\n\"
    e 0755 0:0 bin/busybox
    d 0700 0:0 root
    l bin/sh -> busybox
    l usr/bin/env -> ../../bin/busybox
    l usr/bin/wget -> /bin/busybox
    l usr/bin/grep -> /bin/busybox
    e 0755 0:0 usr/bin/tini
    e 0755 0:0 usr/local/bin/server
";

fn system(lines: &str) -> TestImage {
    TestImage::new(&format!("{SYSTEM}{lines}")).user("app").workdir("/app")
}

#[test]
fn reports_why_a_program_cannot_start() {
    for (lines, cmd, expected) in [
        ("", &["server"][..], "runs"),
        ("", &["/usr/local/bin/server"], "runs"),
        ("", &["nope"], "`nope` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin)"),
        ("", &["./nope"], "`./nope` doesn't exist"),
        ("f 0755 0:0 app/x \"#!/bin/sh\\n\"", &["./x"], "runs"),
        ("l app/x -> y", &["./x"], "`./x` leads through the link /app/x to y, which doesn't exist"),
        ("l app/x -> x", &["./x"], "`./x` is a loop of symbolic links"),
        ("d 0755 0:0 app/x", &["./x"], "`./x` is a directory"),
        ("f 0755 0:0 app/x \"\"", &["./x/y"], "`./x/y` leads through something that is not a directory"),
        ("f 0644 0:0 app/x \"#!/bin/sh\\n\"", &["./x"], "uid 1000 (app) can't execute /app/x (mode 0644, owner 0:0)"),
        (
            "f 0755 0:0 app/x \"echo\\n\"",
            &["./x"],
            "/app/x has no #! line and is not an ELF program, so only a shell could run it",
        ),
        ("f 0755 0:0 app/x \"\"", &["./x"], "/app/x is empty"),
        (
            "f 0755 0:0 app/x \"#!/bin/bash\\n\"",
            &["./x"],
            "the interpreter of /app/x can't be run: `/bin/bash` doesn't exist",
        ),
        (
            "f 0755 0:0 app/x \"#!/bin/sh\\r\\n\"",
            &["./x"],
            "the interpreter of /app/x can't be run: `/bin/sh\\r` doesn't exist: its lines end in CR LF, and the CR becomes part of the name",
        ),
        (
            "f 0755 0:0 app/x \"#!/usr/bin/env python\\n\"",
            &["./x"],
            "`python` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin)",
        ),
        ("e 0705 0:1000 app/x", &["./x"], "overridden: uid 1000 (app) can't execute /app/x (mode 0705, owner 0:1000)"),
        ("e 0077 1000:0 app/x", &["./x"], "overridden: uid 1000 (app) can't execute /app/x (mode 0077, owner 1000:0)"),
        ("e 0644 0:0 app/x", &["./x"], "uid 1000 (app) can't execute /app/x (mode 0644, owner 0:0)"),
    ] {
        assert_eq!(starts(&system(lines).cmd(cmd)), expected, "{cmd:?} {lines}");
    }
}

#[test]
fn rejects_a_workdir_that_is_not_a_directory() {
    assert_eq!(starts(&system("f 0644 0:0 w \"\"").workdir("/w").cmd(&["server"])), "WORKDIR /w is not a directory");
    assert_eq!(starts(&system("l w -> w").workdir("/w").cmd(&["server"])), "WORKDIR /w is a loop of symbolic links");
    assert_eq!(starts(&system("").workdir("/not/there").cmd(&["server"])), "runs");
    let blanks = starts(&system("").cmd(&["server --port 80"]));
    assert!(blanks.ends_with(": it is one word that contains spaces, and no shell splits it"), "{blanks}");
}

#[test]
fn unknown_groups_only_matter_for_the_group_class() {
    let made = |mode: &str, user: &str| {
        let lines = format!("u 0644 0:0 etc/passwd 2000000000\ne {mode} 0:7 bin/server");
        starts(&TestImage::new(&lines).user(user).cmd(&["/bin/server"]))
    };
    assert_eq!(made("0755", "1000"), "runs");
    assert_eq!(made("0700", "1000:7"), "overridden: uid 1000 can't execute /bin/server (mode 0700, owner 0:7)");
    assert_eq!(made("0750", "1000:7"), "runs");
    let open = "? /bin/server: access depends on the user's groups, and /etc/passwd could not be read";
    assert_eq!(made("0750", "1000"), open);
}

#[test]
fn rejects_a_chain_of_six_scripts() {
    let chain = |length: usize| {
        let mut lines = "f 0755 0:0 app/s1 \"#!/bin/sh\\n\"\n".to_string();
        for i in 2..=length {
            lines.push_str(&format!("f 0755 0:0 app/s{i} \"#!/app/s{}\\n\"\n", i - 1));
        }
        starts(&system(&lines).cmd(&[&format!("/app/s{length}")]))
    };
    assert_eq!(chain(5), "runs");
    assert_eq!(chain(6), "/app/s1 is the sixth script in a chain of #! lines; Linux allows five");
}

#[test]
fn only_the_runtime_reaches_a_program_in_a_blocked_directory() {
    let lines = "d 0700 0:0 root\ne 0755 0:0 root/bin/prog\nf 0755 0:0 root/bin/script \"#!/bin/sh\\n\"";
    let made = |cmd: &[&str]| system(lines).env("PATH=/root/bin:/usr/bin:/bin").cmd(cmd);
    let overridden =
        "overridden: uid 1000 (app) can't reach `/root/bin/prog`: it can't traverse /root (mode 0700, owner 0:0)";
    assert_eq!(starts(&made(&["prog"])), overridden);
    assert_eq!(
        starts(&made(&["script"])),
        "uid 1000 (app) can't reach the script /root/bin/script: it can't traverse /root (mode 0700, owner 0:0), and `/bin/sh` must read it as that user"
    );
    let missing = |name: &str| {
        if name != "prog" {
            return format!("`{name}` is not on PATH (/root/bin, /usr/bin, /bin)");
        }
        let why = "/root/bin has it, but uid 1000 (app) can't traverse /root (mode 0700, owner 0:0)";
        format!("`{name}` is not on PATH (/usr/bin, /bin); {why}")
    };
    assert_eq!(starts(&made(&["/bin/sh", "-c", "prog"])), missing("prog"));
    assert_eq!(starts(&made(&["tini", "--", "prog"])), missing("prog"));
    let none = made(&["prog"]).facts().start_proof(Capabilities::None).map(outcome);
    assert_eq!(none, Ok(missing("prog")));
    assert_eq!(starts(&made(&["prog"]).user("0")), "runs");
    assert_eq!(checks(made(&[]), &["CMD-SHELL", "curl -f http://localhost || exit 1"]), missing("curl"));
}

#[test]
fn scripts_fail_if_they_cannot_succeed() {
    let missing = "`nope` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin)";
    let likely = format!("likely: {missing}");
    for (text, expected) in [
        ("server", "runs"),
        ("exec server", "runs"),
        ("nope || exit 1", missing),
        ("nope || wget -q x", "runs"),
        ("nope; server", "runs"),
        ("set -e; nope; server", missing),
        ("echo a && nope", missing),
        (
            "sleep 1 && nope",
            "`sleep` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin)",
        ),
        ("server && nope", &likely),
        ("cd /x && ./nope", "uid 1000 (app) can't cd to `/x`"),
        ("cd /x; server", "runs"),
        ("cd /bin && ./nope", "`./nope` doesn't exist"),
        (
            ". ./env && nope",
            "? nope: `nope` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin); but `.` runs first and may change what follows",
        ),
        ("if nope; then exit 0; else exit 1; fi", "runs"),
        ("nope | grep -q x", missing),
        ("nope -x | sort | grep x", &format!("{missing} | likely: {}", missing.replace("nope", "sort"))),
        ("nope 2>&1 | grep -q nope", "runs"),
        ("nope | grep -vq x", "runs"),
        ("nope | grep -q x /etc/passwd", "runs"),
        ("nope | grep -q x </etc/passwd", "runs"),
        ("nope | grep -q x <<E\nx\nE", "runs"),
        ("nope; wget x | grep -q x", "runs"),
        ("nope | wget x", "runs"),
        ("cat </dev/null >/dev/tcp/127.0.0.1/80", "only bash supports /dev/tcp, and this shell is busybox"),
        ("x=$(case a in b) true;; d|e) nope;; esac); server", "runs"),
        ("set -e; x=$(\n # a) nope\n true\n); server", "runs"),
        ("set -e; [[ -n x &&\n -n y ]]; server", "runs"),
        ("PATH=/usr/local/bin exec server", "runs"),
        ("PATH=/x exec server", "`server` is not on PATH (/x)"),
        ("set -e; cd /app; server", "runs"),
        (
            "shopt -s execfail; exec nope || server",
            &format!("? nope: {missing}; but with execfail set, a failed exec doesn't end the shell"),
        ),
        ("set -e; cd /root; server", "uid 1000 (app) can't cd to `/root`"),
        ("cd /root; server", "runs"),
        ("nope () { wget x; }; nope; server", "runs"),
        ("if wget x; then set -e; fi; nope; server", "runs"),
        ("wget x && set -e; nope; server", "runs"),
        ("set -e; (set +e); nope; server", "runs"),
        ("cd /usr/local/bin && true & ./server", "`./server` doesn't exist"),
        ("set -e; nope || for i in 1; do :; done; server", "runs"),
        ("set -e; command cd /usr/local/bin; ./server", "runs"),
        ("set -e; command -p wget x; server", "runs"),
        ("set -e; command nope; server", missing),
        ("[ \"$(nope -s)\" = 200 ]", missing),
        ("test 200 -eq `nope` || exit 1", missing),
        ("x=$(nope) && server", missing),
        ("x=$(nope); server", "runs"),
        ("x=$(nope || server) && server", "runs"),
        ("[ \"$(nope)\" != 200 ]", "runs"),
        ("[ \"$(nope)\" = 200 ] || server", "runs"),
        ("[ \"$(nope || echo 200)\" = 200 ]", "runs"),
        ("[ \"$(sh -c 'echo 200; nope')\" = 200 ]", "runs"),
        ("[ \"a$(nope)\" = a ]", "runs"),
        ("nope() { echo 200; }; [ \"$(nope)\" = 200 ]", "runs"),
        ("echo $(nope)", "runs"),
        ("wget -q $URL", "runs"),
        ("$RUN x", "? `…`: which program it is depends on something the config doesn't set"),
        ("f() { nope; }; f", "runs"),
        ("if [ -f x ]; then exit 0; fi; nope", "runs"),
        ("if [ -f x ]; then exit 1; fi; nope", missing),
        ("[ -f x ] && { exec server; }; nope", "runs"),
        (
            "[ -d /bin ] && cd /bin; ./nope",
            "? ./nope: `./nope` doesn't exist; but the directory it changes to is unknown",
        ),
        ("echo x | cd /bin; ./nope", "`./nope` doesn't exist"),
        ("x=$(cp a b); nope", &format!("? nope: {missing}; but `cp` runs first and may change files")),
        (
            "alias n=server; n",
            "? n: `n` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin); but `alias` runs first and may change what follows",
        ),
        ("trap 'exit 0' ERR; nope", &format!("? nope: {missing}; but a trap is set first")),
        ("A+=(b); B[0]=c; server", "runs"),
        (
            "PATH=/x:$PATH nope",
            "`nope` is not on PATH (/x, /usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin)",
        ),
        ("export PATH=\"/x:$PATH\"; server", "runs"),
        ("[ -d /x ] && export PATH=/x:$PATH; nope", "? PATH: a script sets it to an unknown value"),
        ("PATH=$(server):$PATH nope", "? PATH: a script sets it to an unknown value"),
        ("echo $PATH | nope", missing),
    ] {
        assert_eq!(checks(system(""), &["CMD-SHELL", text]), expected, "{text}");
    }
}

#[test]
fn directories_that_the_runtime_creates_exist() {
    let says = |text: &str| {
        let mut made = system("").workdir("/srv/app/x");
        made.image.config.run.volumes = vec!["/data/".to_string()];
        checks(made, &["CMD-SHELL", text])
    };
    for directory in ["/data", "/data/a", "/srv/app", "/srv/app/x", "."] {
        assert_eq!(says(&format!("set -e; cd {directory}; server")), "runs", "{directory}");
    }
    for directory in ["/dat", "/srv/app/y"] {
        assert_eq!(
            says(&format!("set -e; cd {directory}; server")),
            format!("uid 1000 (app) can't cd to `{directory}`")
        );
    }
}

#[test]
fn shells_may_try_the_next_directory_if_an_interpreter_is_missing() {
    let files = "f 0755 0:0 a/prog \"#!/nope\\n\"\nf 0755 0:0 b/prog \"#!/bin/sh\\n\"";
    let made = |path: &str, cmd: &[&str]| starts(&system(files).env(&format!("PATH={path}:/usr/bin:/bin")).cmd(cmd));
    assert!(made("/a:/b", &["prog"]).starts_with("the interpreter of /a/prog can't be run"));
    assert!(made("/a:/b", &["sh", "-c", "prog"]).starts_with("? prog: the interpreter of /a/prog can't be run"));
    assert!(made("/a:/b", &["env", "prog"]).starts_with("? prog"));
    assert!(made("/a", &["sh", "-c", "prog"]).starts_with("the interpreter of /a/prog can't be run"));
    assert_eq!(made("/b:/a", &["sh", "-c", "prog"]), "runs");
}

#[test]
fn package_scripts_run_in_order() {
    let says = |scripts: &str| {
        let package =
            format!("f 0644 0:0 app/package.json \"{{\\\"scripts\\\": {{{}}}}}\"", scripts.replace('\'', "\\\""));
        starts(&system(&format!("e 0755 0:0 usr/bin/npm\n{package}")).cmd(&["npm", "start"]))
    };
    let missing = "`nope` is not on PATH";
    assert!(says("'start': 'nope'").starts_with(missing));
    assert!(says("'prestart': 'nope', 'start': 'server'").starts_with(missing));
    assert!(says("'prestart': 'echo x', 'start': 'nope'").starts_with(missing));
    assert!(says("'prestart': 'server', 'start': 'nope'").starts_with("? nope"));
    assert_eq!(says("'start': 'server', 'poststart': 'nope'"), "runs");
    let package =
        "e 0755 0:0 usr/bin/npm\nf 0644 0:0 app/package.json \"{\\\"scripts\\\": {\\\"start\\\": \\\"nope\\\"}}\"";
    let bash = format!("{package}\nf 0644 0:0 app/.npmrc \"script-shell=/bin/bash\\n\"");
    assert!(starts(&system(&bash).cmd(&["npm", "start"])).starts_with("? nope"));
    let named = system(package).env("NPM_CONFIG_SCRIPT_SHELL=/bin/bash").cmd(&["npm", "start"]);
    assert!(starts(&named).starts_with("? nope"));
    let other = format!("{package}\nf 0644 0:0 app/.npmrc \"registry=x\\n\"");
    assert!(starts(&system(&other).cmd(&["npm", "start"])).starts_with(missing));
}

#[test]
fn health_checks_may_use_what_the_command_creates() {
    let says = |text: &str| checks(system("").cmd(&["sh", "-c", text]), &["CMD-SHELL", "nope"]);
    assert!(says("apk add nope; server").starts_with("? nope"));
    assert!(says("echo x > /bin/nope; server").starts_with("? nope"));
    assert!(says("apk add other; server").starts_with("`nope` is not on PATH"));
    assert!(says("nope; server").starts_with("`nope` is not on PATH"));
}

#[test]
fn dash_has_no_bash_builtins() {
    let made =
        |shell: &str| TestImage::new(&format!("e 0755 0:0 bin/{shell}\nl bin/sh -> {shell}\ne 0755 0:0 bin/server"));
    let says = |shell: &str, text: &str| starts(&made(shell).cmd(&["/bin/sh", "-c", text]));
    let missing = "`source` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin)";
    assert_eq!(says("dash", "source venv/bin/activate && server"), missing);
    assert_eq!(says("bash", "source venv/bin/activate && server"), "runs");
    assert_eq!(says("busybox", "source venv/bin/activate && server"), "runs");
    assert_eq!(says("dash", ". venv/bin/activate && server"), "runs");
    assert!(says("dash", "[[ -f x ]] && server").starts_with("`[[` is not on PATH"));
    assert!(says("dash", ": </dev/tcp/127.0.0.1/80").ends_with("this shell is dash"));
    assert_eq!(says("bash", ": </dev/tcp/127.0.0.1/80"), "runs");
    assert_eq!(says("dash", "set -e\r\nserver\r"), says("dash", "server\r"));
    assert!(says("dash", "server\r").contains("CR LF"));
}

#[test]
fn entry_scripts_run_the_command() {
    let entry = |script: &str, cmd: &[&str]| {
        let mut made = system(&format!("f 0755 0:0 entry.sh {script:?}")).cmd(cmd);
        made.image.config.run.entrypoint = vec!["/entry.sh".to_string()];
        starts(&made)
    };
    let missing = "`nope` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin)";
    assert_eq!(entry("#!/bin/sh\nset -e\nexec \"$@\"\n", &["server"]), "runs");
    assert_eq!(entry("#!/bin/sh\nset -e\nexec \"$@\"\n", &["nope"]), missing);
    assert_eq!(entry("#!/bin/sh\nserver migrate\nexec \"$@\"\n", &["nope"]), format!("likely: {missing}"));
    assert_eq!(entry("#!/bin/sh\nset -e\nnope\nexec \"$@\"\n", &["server"]), missing);
    assert_eq!(entry("#!/bin/sh\nset -e\nmake install\nexec \"$@\"\n", &["server"]), missing.replace("nope", "make"));
    assert_eq!(entry("#!/bin/sh\nserver \"$@\"\n", &["nope"]), "runs");
    let node = "#!/bin/sh\nset -e\nif [ \"${1#-}\" != \"${1}\" ]; then\n  set -- node \"$@\"\nfi\nexec \"$@\"\n";
    assert_eq!(entry(node, &["server"]), "runs");
    assert_eq!(entry(node, &["nope"]), format!("? nope: {missing}; but the script may change its arguments"));
    assert_eq!(
        entry("#!/bin/sh\nif server; then\n  exec \"$@\"\nfi\n", &["nope"]),
        "? `nope`: whether and how the script runs it is unknown"
    );
}

#[test]
fn wrappers_start_their_command() {
    let missing = "`nope` is not on PATH (/usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin)";
    for (cmd, expected) in [
        (&["tini", "--", "server"][..], "runs"),
        (&["tini", "-g", "--", "nope"], missing),
        (&["env", "A=b", "nope"], missing),
        (&["env", "-S", "A=b nope -x"], missing),
        (&["env", "PATH=/x", "server"], "`server` is not on PATH (/x)"),
        (&["/bin/sh", "-c", "exec tini -- nope"], missing),
        (&["busybox", "sh", "-c", "nope"], missing),
        (
            &["busybox", "httpd"],
            "? `httpd`: no link of that name leads to this busybox, and only running it shows which applets it has",
        ),
    ] {
        assert_eq!(starts(&system("").cmd(cmd)), expected, "{cmd:?}");
    }
}
