//! Fixes work in the image that they are for: their Dockerfile lines are carried out in its files by chroot(1).
//!
//! The images of the corpus whose programs were blanked stand for their findings; the lines run in the whole images on the
//! same base. Needs `PLIMSOLL_CORPUS`, root and chroot; otherwise it is skipped and says so. A package manager that asks
//! the network is only looked for.

use crate::corpus;
use crate::lang_reality::Fixture;
use crate::support;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

const TEST: &str = "dockerfile_lines_of_fixes_work";

/// What every rule says, at its loudest.
const RULES: &str = "\
    root-user = \"error\"\nmissing-healthcheck = \"error\"\nmissing-init = \"error\"\nnon-numeric-user = \"error\"\n\
    unexpected-port = { level = \"error\", ports = [\"8000/tcp\"] }";

/// Images that run, with the images of the corpus that share their base.
const ROOTS: [(&str, &[&str]); 2] = [
    (
        "backend-good:1.0",
        &["apps/backend-bad_latest", "apps/backend-spec_1.0", "apps/python_3.13-slim", "apps/debian_trixie-slim"],
    ),
    (
        "frontend-good:1.0",
        &[
            "apps/frontend-bad_latest",
            "apps/frontend-spec_1.0",
            "apps/node_20-alpine",
            "apps/alpine_3.20",
            "apps/app_1.2",
        ],
    ),
];

/// The lines of one fix, and what it is for.
type Fix = (String, Vec<String>);

#[test]
fn dockerfile_lines_of_fixes_work() {
    let Some(directory) = support::external_dir("PLIMSOLL_CORPUS", TEST) else { return };
    let specimens = corpus::specimens(&directory);
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, relatives) in ROOTS {
        let Some(fixture) = Fixture::new(TEST, name, Vec::new()) else { return };
        let root = fixture.scratch.directory().join("root");
        let mut fixes: BTreeSet<Fix> = BTreeSet::new();
        // The image itself, as it would be with nothing set up.
        let bare = fixture.image.clone().with("User", Value::from("")).with("ExposedPorts", json!({"8000/tcp": {}}));
        let bare = bare.with("Cmd", json!(["/bin/sh", "-c", "sleep 1"]));
        collect(&mut fixes, &support::audit(&bare, "baseline", RULES));
        let policy = fixture.scratch.policy("baseline", RULES);
        for relative in relatives {
            let specimen = specimens.iter().find(|specimen| specimen.name == *relative).expect(relative);
            collect(&mut fixes, &specimen.audit(&["--policy", &policy]));
        }
        for (of, lines) in &fixes {
            carry_out(&root, of, lines, &mut tried);
        }
    }
    let least = |what: &str, n: usize| assert!(tried.get(what).copied().unwrap_or(0) >= n, "{what}: {tried:?}");
    ["RUN", "USER", "HEALTHCHECK", "ENTRYPOINT"].into_iter().for_each(|what| least(what, 2));
}

fn collect(fixes: &mut BTreeSet<Fix>, image: &Value) {
    for finding in image["findings"].as_array().unwrap() {
        let lines: Vec<String> =
            finding["fix_lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_string()).collect();
        if !lines.is_empty() {
            fixes.insert((finding["rule"].as_str().unwrap().to_string(), lines));
        }
    }
}

/// Does what a builder and a runtime would do with these lines, as root until USER says otherwise.
fn carry_out(root: &Path, of: &str, lines: &[String], tried: &mut BTreeMap<&'static str, usize>) {
    let text = lines.join("\n").replace("\\\n", " ");
    for line in text.lines() {
        let (keyword, rest) = line.split_once(' ').unwrap();
        let what = match keyword {
            "RUN" if rest.contains("apk add") || rest.contains("apt-get") => {
                let manager = if rest.contains("apk add") { "apk" } else { "apt-get" };
                assert!(shell(root, &format!("command -v {manager}")), "{of}: {line}");
                continue;
            }
            "RUN" => {
                forget_app(root);
                assert!(shell(root, rest), "{of}: {line}");
                "RUN"
            }
            "USER" => {
                let words = [
                    format!("--userspec={rest}"),
                    root.display().to_string(),
                    "/bin/sh".into(),
                    "-c".into(),
                    "true".into(),
                ];
                assert!(Command::new("chroot").args(words).status().unwrap().success(), "{of}: {line}");
                "USER"
            }
            "HEALTHCHECK" => {
                let words: Vec<String> = serde_json::from_str(rest.split_once("CMD ").unwrap().1).unwrap();
                // A program that only the blanked image has.
                if !shell(root, &format!("command -v {}", words[0])) {
                    continue;
                }
                assert!(passes(root, &words), "{of}: {line}");
                "HEALTHCHECK"
            }
            "ENTRYPOINT" => {
                let words: Vec<String> = serde_json::from_str(rest).unwrap();
                // The lines before it may install the program, which the network is needed for.
                let is_installed = text.contains("apk add") || text.contains("apt-get");
                assert!(is_installed || shell(root, &format!("test -x {}", words[0])), "{of}: {line}");
                "ENTRYPOINT"
            }
            "CMD" => "CMD",
            "EXPOSE" => "EXPOSE",
            _ => panic!("{of}: a line that this test can't carry out: {line}"),
        };
        *tried.entry(what).or_default() += 1;
    }
}

/// Takes out the account that the whole image has and its relatives lack.
fn forget_app(root: &Path) {
    for file in ["passwd", "group", "shadow", "gshadow"] {
        let path = root.join("etc").join(file);
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let kept: String =
            text.lines().filter(|line| !line.starts_with("app:")).map(|line| format!("{line}\n")).collect();
        std::fs::write(path, kept).unwrap();
    }
}

fn shell(root: &Path, text: &str) -> bool {
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/venv/bin";
    let mut command = Command::new("chroot");
    command.arg(root).args(["/usr/bin/env", "-i", path, "/bin/sh", "-c", text]);
    command.stdout(std::process::Stdio::null()).status().unwrap().success()
}

/// Whether a health check passes while a server answers on its port, and fails while none does.
fn passes(root: &Path, words: &[String]) -> bool {
    let url =
        words.iter().find_map(|word| word.split_once("http://127.0.0.1:")).expect("it asks the container itself").1;
    let port: u16 = url.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap();
    let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''"))).collect();
    let ask = |root: PathBuf| shell(&root, &format!("{} 2>/dev/null", quoted.join(" ")));
    assert!(!ask(root.to_path_buf()), "it passes although nothing listens: {words:?}");
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").unwrap();
    });
    let has_passed = ask(root.to_path_buf());
    // Wakes the server, should nobody have asked it.
    drop(std::net::TcpStream::connect(("127.0.0.1", port)));
    server.join().unwrap();
    has_passed
}
