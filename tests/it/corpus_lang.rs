//! Modules, applications, scripts and builds found in the corpus's images, all but one of which ran.
//!
//! Needs `PLIMSOLL_CORPUS`. `corpus_start` covers whole commands.

use crate::support;
use plimsoll::examine;
use plimsoll::examine::Examined;
use plimsoll::facts::Facts;
use plimsoll::facts::access::Capabilities;
use plimsoll::facts::process::Need;
use plimsoll::facts::process::ProcessContext;
use plimsoll::facts::proof::lang::apps;
use plimsoll::facts::proof::lang::next;
use plimsoll::facts::proof::lang::node;
use plimsoll::facts::proof::lang::packages;
use plimsoll::facts::proof::lang::python::Python;
use plimsoll::facts::proof::lang::python::call::Flags;
use plimsoll::facts::proof::lang::python::stdlib;
use plimsoll::model::finding::Undecided;
use plimsoll::view::Resolved;
use plimsoll::view::View;
use std::path::Path;

fn examined(corpus: &Path, name: &str) -> Examined {
    let reference = format!("oci:{}:{name}", corpus.join("apps").display());
    let listing = examine::open(&reference, None).unwrap().listing;
    let examined = examine::examine(listing.images, &examine::Options { threads: 2, sha256: false }).remove(0);
    assert!(examined.faults.is_empty(), "{name}: {:?}", examined.faults);
    examined
}

fn facts(examined: &Examined) -> Facts<'_> {
    Facts::new(&examined.image, examined.view.as_ref().ok_or(Undecided::denied("view", "there is none")))
}

fn describe(view: &View, need: Need) -> String {
    match need {
        Need::Met(node) => format!("/{}", String::from_utf8_lossy(&view.path(node))),
        Need::Unmet(lack) => format!("NO {}", lack.what),
        Need::Undecided(undecided) => format!("? {}", undecided.reason),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_string).collect()
}

#[test]
fn finds_the_modules_of_python_images() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "finds_the_modules_of_python_images") else { return };
    for (name, invoked, uvicorn) in [
        ("python:3.13-slim", "/usr/local/bin/python3", ""),
        ("backend-good:1.0", "/opt/venv/bin/python", "/opt/venv/lib/python3.13/site-packages/uvicorn/__init__.py"),
        (
            "backend-bad:latest",
            "/usr/local/bin/python3.13",
            "/usr/local/lib/python3.13/site-packages/uvicorn/__init__.py",
        ),
        (
            "backend-spec:1.0",
            "/usr/local/bin/python3.13",
            "NO there is no module uvicorn on sys.path: /root/.local/lib/python3.13/site-packages/uvicorn exists, but it is \
             not on the sys.path of uid 1000 (app), whose HOME is /home/app and who can't traverse /root (mode 0700, owner 0:0)",
        ),
    ] {
        let examined = examined(&corpus, name);
        let facts = facts(&examined);
        let process = ProcessContext::of(&facts, Capabilities::Docker).ok().unwrap();
        let python = Python::of(&process, invoked.as_bytes(), Flags::default()).unwrap();
        assert_eq!(python.version, "3.13", "{name}");
        let module =
            |module: &str| describe(process.view, python.module(&process, module, std::slice::from_ref(&process.cwd)));
        assert_eq!(module("http.server"), "/usr/local/lib/python3.13/http/server.py", "{name}");
        // A virtual environment created without pip doesn't see the base's.
        let pip = module("pip");
        assert_eq!(pip.starts_with("NO "), python.venv.is_some(), "{name}: {pip}");
        if !uvicorn.is_empty() {
            assert_eq!(module("uvicorn"), uvicorn, "{name}");
            let app = apps::needs(&process, &python, &[], "uvicorn", &words("main:app --host 0.0.0.0"));
            assert_eq!(
                app.into_iter().map(|need| describe(process.view, need)).collect::<Vec<_>>(),
                ["/app/main.py"],
                "{name}"
            );
        }
        let Resolved::Found(library) = process.view.resolve(b"usr/local/lib/python3.13", true) else {
            panic!("{name}")
        };
        let mut modules = 0;
        for node in process.view.children(library) {
            let file = String::from_utf8_lossy(process.view.name(node)).into_owned();
            let Some(stem) =
                file.strip_suffix(".py").filter(|stem| stdlib::is_standard(stem) && !stdlib::is_core(stem))
            else {
                continue;
            };
            assert!(module(stem).ends_with(&file), "{name}: {stem}: {}", module(stem));
            modules += 1;
        }
        assert!(modules > 100, "{name}: {modules}");
    }
}

#[test]
fn finds_the_scripts_and_builds_of_node_images() {
    let Some(corpus) = support::external_dir("PLIMSOLL_CORPUS", "finds_the_scripts_and_builds_of_node_images") else {
        return;
    };
    for name in ["frontend-spec:1.0", "frontend-bad:latest"] {
        let examined = examined(&corpus, name);
        let facts = facts(&examined);
        let process = ProcessContext::of(&facts, Capabilities::Docker).ok().unwrap();
        let run = packages::run(&process, "npm", &words("start")).unwrap().unwrap();
        assert_eq!(run.directory, b"/app", "{name}");
        assert_eq!(run.path[0], b"/app/node_modules/.bin", "{name}");
        let texts: Vec<&str> = run.scripts.iter().map(|script| script.text.as_str()).collect();
        assert_eq!(texts, ["next start -p ${PORT:-3000}"], "{name}");
        let build = next::needs(&process, &words("start -p 3000"));
        assert_eq!(
            build.into_iter().map(|need| describe(process.view, need)).collect::<Vec<_>>(),
            ["/app/.next/BUILD_ID"]
        );
    }
    for name in ["frontend-good:1.0", "app:1.0", "app:1.2"] {
        let examined = examined(&corpus, name);
        let facts = facts(&examined);
        let process = ProcessContext::of(&facts, Capabilities::Docker).ok().unwrap();
        let needs = node::command(&process, &words("node server.js")).needs(&process);
        assert_eq!(
            needs.into_iter().map(|need| describe(process.view, need)).collect::<Vec<_>>(),
            ["/app/server.js"],
            "{name}"
        );
    }
}
