//! Python in test images.

use crate::facts::access::Capabilities;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang::python::Python;
use crate::facts::proof::lang::python::call::Flags;
use crate::facts::proof::lang::python::call::Runs;
use crate::facts::proof::lang::python::call::command;
use crate::facts::proof::lang::python::scripts::console_script_imports;
use crate::facts::proof::lang::python::scripts::is_entry_point_of;
use crate::facts::proof::lang::python::scripts::script;
use crate::facts::testing::TestImage;

/// Python under `/usr/local`, as in the official images.
const OFFICIAL: &str = r#"
    e 0755 0:0 usr/local/bin/python3.13 interp=/lib64/ld-linux-x86-64.so.2 needs=libpython3.13.so.1.0,libc.so.6
    l usr/local/bin/python3 -> python3.13
    l usr/local/bin/python -> python3
    u 0644 0:0 usr/local/lib/python3.13/os.py 40000
    u 0644 0:0 usr/local/lib/python3.13/json/__init__.py 14000
    u 0644 0:0 usr/local/lib/python3.13/http/__init__.py 8000
    u 0644 0:0 usr/local/lib/python3.13/http/server.py 50000
    u 0755 0:0 usr/local/lib/python3.13/lib-dynload/_json.cpython-313-x86_64-linux-gnu.so 1000
    u 0644 0:0 usr/local/lib/python3.13/site-packages/pip/__init__.py 300
    u 0644 0:0 usr/local/lib/python3.13/site-packages/pip/__main__.py 800
"#;

fn made(more: &str) -> TestImage {
    TestImage::new(&format!("{OFFICIAL}\n{more}")).user("1000:1000").env("HOME=/home/app").workdir("/app")
}

fn told(process: &ProcessContext<'_>, need: Need) -> String {
    match need {
        Need::Met(node) => process.name(node),
        Need::Unmet(lack) => format!("NO {}", lack.what),
        Need::Undecided(undecided) => format!("? {}", undecided.reason),
    }
}

fn asked(made: &TestImage, invoked: &str, flags: Flags, ask: impl Fn(&ProcessContext<'_>, &Python) -> Need) -> String {
    let facts = made.facts();
    let process = ProcessContext::of(&facts, Capabilities::Docker).expect("a process");
    match Python::of(&process, invoked.as_bytes(), flags) {
        Ok(python) => told(&process, ask(&process, &python)),
        Err(undecided) => format!("?? {}", undecided.reason),
    }
}

fn import_by(made: &TestImage, invoked: &str, module: &str) -> String {
    asked(made, invoked, Flags::default(), |process, python| python.module(process, module, &[b"/app".to_vec()]))
}

fn import(made: &TestImage, module: &str) -> String {
    import_by(made, "/usr/local/bin/python3.13", module)
}

#[test]
fn finds_modules_where_python_looks() {
    let made = made(
        r#"
        f 0644 0:0 app/main.py "import sys\n"
        f 0644 0:0 app/plain.py "x = 1\n"
        f 0644 0:0 app/pkg/__init__.py ""
        f 0644 0:0 app/pkg/sub.py ""
        f 0644 0:0 app/ns/part.py ""
        f 0644 0:0 app/busy/__init__.py "from x import *\n"
        f 0644 0:0 app/idle/__init__.py "\"\"\"What it is.\"\"\"\n__version__ = '1'\n"
        f 0644 0:0 app/old.pyc "x"
        f 0644 0:0 app/__pycache__/gone.cpython-313.pyc "x"
        d 0755 0:0 app/directory.py
        u 0755 0:0 app/fast.cpython-313-x86_64-linux-gnu.so 10
        u 0755 0:0 app/slow.cpython-313-x86_64-linux-musl.so 10
        u 0755 0:0 app/stable.abi3.so 10
        u 0755 0:0 app/older.cpython-312-x86_64-linux-gnu.so 10
        l app/link.py -> /srv/there.py
        u 0644 0:0 srv/there.py 10
        "#,
    );
    for (module, expected) in [
        ("json", "/usr/local/lib/python3.13/json/__init__.py"),
        ("http.server", "/usr/local/lib/python3.13/http/server.py"),
        ("pip", "/usr/local/lib/python3.13/site-packages/pip/__init__.py"),
        ("sys", "/usr/local/bin/python3.13"),
        ("math", "? it may be built into the interpreter"),
        ("main", "/app/main.py"),
        ("pkg.sub", "/app/pkg/sub.py"),
        ("ns.part", "/app/ns/part.py"),
        ("ns", "/app/ns"),
        ("old", "/app/old.pyc"),
        ("fast", "/app/fast.cpython-313-x86_64-linux-gnu.so"),
        ("stable", "/app/stable.abi3.so"),
        ("link", "/srv/there.py"),
        ("busy.x", "? its code may change where its modules are found"),
        ("idle.x", "NO there is no module idle.x: idle exists, but has no x"),
        ("pkg.x", "NO there is no module pkg.x: pkg exists, but has no x"),
        ("ns.x.y", "NO there is no module ns.x: ns exists, but has no x"),
        ("main.x", "? its code may change where its modules are found"),
        ("plain.x", "NO there is no module plain.x: plain is a module, not a package"),
        ("gone", "NO there is no module gone in /app or anywhere /usr/local/bin/python3.13 looks for modules"),
        (
            "directory",
            "NO there is no module directory in /app or anywhere /usr/local/bin/python3.13 looks for modules",
        ),
        ("slow", "NO there is no module slow in /app or anywhere /usr/local/bin/python3.13 looks for modules"),
        ("older", "NO there is no module older in /app or anywhere /usr/local/bin/python3.13 looks for modules"),
        (".main", "NO .main is not a module name"),
    ] {
        assert_eq!(import(&made, module), expected, "{module}");
    }
}

#[test]
fn packages_run_by_name_need_a_main_module() {
    let made = made(
        r#"
        f 0644 0:0 app/pkg/__init__.py ""
        f 0644 0:0 app/ns/__main__.py ""
        f 0644 0:0 app/main.py ""
        "#,
    );
    for (name, expected) in [
        ("pip", "/usr/local/lib/python3.13/site-packages/pip/__main__.py"),
        ("pkg", "NO there is no module pkg.__main__: pkg exists, but has no __main__"),
        ("ns", "/app/ns/__main__.py"),
        ("main", "/app/main.py"),
        ("http.server", "/usr/local/lib/python3.13/http/server.py"),
    ] {
        let first = [b"/app".to_vec()];
        let run = |process: &ProcessContext<'_>, python: &Python| python.runnable(process, name, &first);
        assert_eq!(asked(&made, "/usr/local/bin/python", Flags::default(), run), expected, "{name}");
    }
}

#[test]
fn skips_and_reports_unreachable_modules() {
    let made = made(
        r#"
        d 0700 0:0 root
        u 0644 0:0 root/.local/lib/python3.13/site-packages/uvicorn/__init__.py 100
        u 0644 0:0 home/app/.local/lib/python3.13/site-packages/mine.py 100
        u 0644 0:0 home/other/.local/lib/python3.13/site-packages/theirs.py 100
        u 0644 0:0 usr/local/lib/python3.12/site-packages/older/__init__.py 100
        u 0644 0:0 opt/venv/lib/python3.13/site-packages/hidden/__init__.py 100
        d 0711 0:0 opt/mute
        u 0644 0:0 opt/mute/whisper.py 100
        d 0700 0:0 app/shut
        u 0644 0:0 app/shut/__init__.py 100
        u 0644 0:0 app/shut/sub.py 100
        d 0711 0:0 app/blind
        u 0644 0:0 app/blind/__init__.py 0
        u 0644 0:0 app/blind/sub.py 100
        u 0600 0:0 app/secret.py 100
        u 0600 0:0 app/cached.py 100
        u 0644 0:0 app/__pycache__/cached.cpython-313.pyc 100
        d 0700 0:0 srv
        u 0644 0:0 srv/deep.py 100
        l app/deep.py -> /srv/deep.py
        "#,
    )
    .env("PYTHONPATH=/opt/mute:/nowhere");
    for (module, expected) in [
        ("mine", "/home/app/.local/lib/python3.13/site-packages/mine.py"),
        (
            "uvicorn",
            "NO there is no module uvicorn on sys.path: /root/.local/lib/python3.13/site-packages/uvicorn exists, but \
             it is not on the sys.path of uid 1000, whose HOME is /home/app and who can't traverse /root (mode 0700, owner \
             0:0)",
        ),
        (
            "theirs",
            "NO there is no module theirs on sys.path: /home/other/.local/lib/python3.13/site-packages/theirs.py exists, \
             but it is not on the sys.path of uid 1000, whose HOME is /home/app",
        ),
        (
            "older",
            "NO there is no module older on sys.path: /usr/local/lib/python3.12/site-packages/older exists, but \
             /usr/local/bin/python3.13 doesn't look there",
        ),
        (
            "whisper",
            "NO the module whisper is unreachable: /opt/mute/whisper.py exists, but uid 1000 can't list /opt/mute \
             (mode 0711, owner 0:0)",
        ),
        ("shut", "/app/shut"),
        (
            "shut.sub",
            "NO the module shut.sub is unreachable: /app/shut/sub.py exists, but uid 1000 can't list /app/shut (mode \
             0700, owner 0:0)",
        ),
        ("blind", "/app/blind/__init__.py"),
        (
            "blind.sub",
            "NO the module blind.sub is unreachable: /app/blind/sub.py exists, but uid 1000 can't list /app/blind \
             (mode 0711, owner 0:0)",
        ),
        ("secret", "NO uid 1000 can't read the module secret: /app/secret.py (mode 0600, owner 0:0)"),
        ("cached", "? its source can't be read, but Python may use a compiled copy"),
        (
            "deep",
            "NO the module deep is unreachable: /srv/deep.py exists, but uid 1000 can't traverse /srv (mode 0700, owner \
             0:0)",
        ),
    ] {
        assert_eq!(import(&made, module), expected, "{module}");
    }
}

#[test]
fn reports_a_user_site_in_an_unreachable_home() {
    let made = made(
        r#"
        d 0700 0:0 root
        u 0644 0:0 root/.local/lib/python3.13/site-packages/uvicorn/__init__.py 100
        "#,
    )
    .env("HOME=/root");
    let expected = "NO the module uvicorn is unreachable: /root/.local/lib/python3.13/site-packages/uvicorn exists, \
                    but uid 1000 can't traverse /root (mode 0700, owner 0:0)";
    assert_eq!(import(&made, "uvicorn"), expected);
    let root = made.user("0");
    assert_eq!(import(&root, "uvicorn"), "/root/.local/lib/python3.13/site-packages/uvicorn/__init__.py");
}

const VENV: &str = r#"
    f 0644 0:0 opt/venv/pyvenv.cfg "home = /usr/local/bin\ninclude-system-site-packages = false\nversion = 3.13.5\n"
    l opt/venv/bin/python -> /usr/local/bin/python3.13
    l opt/venv/bin/python3 -> python
    u 0644 0:0 opt/venv/lib/python3.13/site-packages/uvicorn/__init__.py 100
    u 0644 0:0 home/app/.local/lib/python3.13/site-packages/mine.py 100
    l usr/bin/python -> /opt/venv/bin/python
    l srv/venv -> /opt/venv
"#;

#[test]
fn detects_a_virtual_environment_by_the_invoked_path() {
    let private = made(VENV);
    for (invoked, module, expected) in [
        ("/opt/venv/bin/python", "uvicorn", "/opt/venv/lib/python3.13/site-packages/uvicorn/__init__.py"),
        ("/opt/venv/bin/python3", "json", "/usr/local/lib/python3.13/json/__init__.py"),
        ("/srv/venv/bin/python", "uvicorn", "/opt/venv/lib/python3.13/site-packages/uvicorn/__init__.py"),
        (
            "/opt/venv/bin/python",
            "mine",
            "NO there is no module mine on sys.path: /home/app/.local/lib/python3.13/site-packages/mine.py exists, but a \
             virtual environment has no user site",
        ),
        (
            "/opt/venv/bin/python",
            "pip",
            "NO there is no module pip on sys.path: /usr/local/lib/python3.13/site-packages/pip exists, but \
             /opt/venv/bin/python doesn't look there",
        ),
        // A link to the interpreter is outside the environment.
        (
            "/usr/bin/python",
            "uvicorn",
            "NO there is no module uvicorn on sys.path: /opt/venv/lib/python3.13/site-packages/uvicorn exists, but \
             /usr/bin/python doesn't look there",
        ),
        ("/usr/bin/python", "mine", "/home/app/.local/lib/python3.13/site-packages/mine.py"),
    ] {
        assert_eq!(import_by(&private, invoked, module), expected, "{invoked} {module}");
    }
    let shared = made(&VENV.replace("include-system-site-packages = false", "include-system-site-packages = TRUE"));
    assert!(import_by(&shared, "/opt/venv/bin/python", "pip").starts_with("/usr/local/lib/"));
    assert!(import_by(&shared, "/opt/venv/bin/python", "mine").starts_with("/home/app/"));
}

#[test]
fn handles_copied_interpreters_and_missing_homes() {
    let copied = made(
        r#"
        f 0644 0:0 app/.venv/pyvenv.cfg "home = /usr/local/bin\n"
        e 0755 0:0 app/.venv/bin/python
        u 0644 0:0 app/.venv/lib/python3.13/site-packages/uvicorn/__init__.py 100
        "#,
    );
    let module = import_by(&copied, "/app/.venv/bin/python", "uvicorn");
    assert_eq!(module, "/app/.venv/lib/python3.13/site-packages/uvicorn/__init__.py");
    let moved = made(&VENV.replace("/usr/local/bin\\n", "/root/.local/share/uv/python/bin\\n"));
    assert!(import_by(&moved, "/opt/venv/bin/python", "uvicorn").starts_with("/opt/venv/"));
    assert_eq!(
        import_by(&moved, "/opt/venv/bin/python", "nowhere"),
        "? its home /root/.local/share/uv/python/bin (pyvenv.cfg) has no standard library"
    );
    let alone = TestImage::new("e 0755 0:0 opt/bin/python3.13");
    assert_eq!(import_by(&alone, "/opt/bin/python3.13", "x"), "?? its standard library was not found");
}

#[test]
fn finds_debian_packages() {
    let made = TestImage::new(
        r##"
        e 0755 0:0 usr/bin/python3.11 interp=/lib64/ld-linux-x86-64.so.2
        l usr/bin/python3 -> python3.11
        u 0644 0:0 usr/lib/python3.11/os.py 40000
        l usr/lib/python3.11/sitecustomize.py -> /etc/python3.11/sitecustomize.py
        f 0644 0:0 etc/python3.11/sitecustomize.py "try:\n    import apport_python_hook\nexcept ImportError:\n    pass\n"
        u 0644 0:0 usr/lib/python3/dist-packages/numpy/__init__.py 100
        u 0644 0:0 usr/local/lib/python3.11/dist-packages/flask/__init__.py 100
        u 0644 0:0 usr/lib/python3.11/site-packages/stray.py 100
        e 0755 0:0 usr/local/bin/python3.13
        u 0644 0:0 usr/local/lib/python3.13/os.py 40000
        "##,
    );
    assert_eq!(import_by(&made, "/usr/bin/python3", "numpy"), "/usr/lib/python3/dist-packages/numpy/__init__.py");
    assert!(import_by(&made, "/usr/bin/python3", "flask").starts_with("/usr/local/lib/python3.11/dist-packages/"));
    assert!(import_by(&made, "/usr/bin/python3", "stray").starts_with("NO "));
    assert!(import_by(&made, "/usr/local/bin/python3.13", "numpy").starts_with("NO "));
}

#[test]
fn pth_files_add_directories_and_uncertainty() {
    let site = "usr/local/lib/python3.13/site-packages";
    let files =
        |content: &str| made(&format!("f 0644 0:0 {site}/x.pth \"{content}\"\nu 0644 0:0 srv/src/mine/__init__.py 10"));
    let found = "/srv/src/mine/__init__.py";
    assert_eq!(import(&files("# a comment\\n/srv/src\\n"), "mine"), found);
    assert_eq!(import(&files("../../../../../srv/src"), "mine"), found);
    assert!(import(&files("/srv/other"), "mine").starts_with("NO "));
    let finder = "import __editable___mine_finder; __editable___mine_finder.install()\\n";
    let doubt = format!("? the code in /{site}/x.pth may change where modules are found");
    assert_eq!(import(&files(finder), "mine"), doubt);
    let hack = "import os; enabled and __import__('_distutils_hack').add_shim();";
    assert!(import(&files(hack), "mine").starts_with("NO "));
    assert_eq!(import(&files(hack), "distutils"), doubt);
    let namespace = "import sys, types; p = os.path.join(sys._getframe(1).f_locals['sitedir'], *('google',))";
    assert!(import(&files(namespace), "mine").starts_with("NO "));
    assert_eq!(import(&files(namespace), "google"), doubt);
    let unread = made(&format!("u 0644 0:0 {site}/x.pth 10"));
    assert_eq!(import(&unread, "mine"), "? its content was not kept");
    let egg = made(&format!("f 0644 0:0 {site}/x.pth \"./a.egg\"\nu 0644 0:0 {site}/a.egg 10"));
    assert_eq!(import(&egg, "mine"), format!("? plimsoll doesn't search the archive /{site}/a.egg"));
    let custom = made(&format!("f 0644 0:0 {site}/sitecustomize.py \"import sys; sys.path.append('/srv')\""));
    assert_eq!(
        import(&custom, "mine"),
        format!("? the code in /{site}/sitecustomize.py may change where modules are found")
    );
}

#[test]
fn options_and_variables_change_the_search() {
    let files = "u 0644 0:0 opt/lib/extra.py 10\nu 0644 0:0 home/app/.local/lib/python3.13/site-packages/mine.py 10";
    let ask = |made: &TestImage, flags, name| {
        asked(made, "/usr/local/bin/python3", flags, |process, python| python.module(process, name, &[]))
    };
    let own = made(files).env("PYTHONPATH=/opt/lib");
    let (none, isolated) = (Flags::default(), command(&words("python -I x.py")).flags);
    assert_eq!(ask(&own, none, "extra"), "/opt/lib/extra.py");
    assert!(ask(&own, isolated, "extra").starts_with("NO "));
    assert!(ask(&own, isolated, "mine").contains("-s or -I turns off the user site"));
    assert!(
        ask(&made(files).env("PYTHONNOUSERSITE=1"), none, "mine").contains("PYTHONNOUSERSITE turns off the user site")
    );
    assert!(ask(&made(files).env("PYTHONNOUSERSITE=0"), none, "mine").starts_with("/home/app/"));
    assert!(
        ask(&made(files).env("PYTHONUSERBASE=/srv/base"), none, "mine").contains("whose PYTHONUSERBASE is /srv/base")
    );
    assert_eq!(ask(&made(files).env("PYTHONHOME=/opt"), none, "mine"), "?? PYTHONHOME moves its standard library");
    assert!(ask(&own, command(&words("python -S x.py")).flags, "pip").starts_with("NO "));
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

#[test]
fn reads_the_command_line_as_python_does() {
    let module = |name: &str| Runs::Module(name.to_string());
    let script = |name: &str| Runs::Script(name.to_string());
    for (text, runs, rest) in [
        ("python", Runs::Interactive, ""),
        ("python -", Runs::Interactive, ""),
        ("python main.py --port 80", script("main.py"), "--port 80"),
        ("python -u -W ignore -X dev main.py x", script("main.py"), "x"),
        ("python -Wignore -Xdev main.py", script("main.py"), ""),
        ("python -uOm http.server 80", module("http.server"), "80"),
        ("python -mhttp.server", module("http.server"), ""),
        ("python -c print() x", Runs::Code("print()".to_string()), "x"),
        ("python --check-hash-based-pycs always -- main.py", script("main.py"), ""),
        ("python --version", Runs::Nothing, ""),
        ("python -V", Runs::Nothing, ""),
        ("python -Z main.py", Runs::Nothing, "main.py"),
        ("python -m \u{fffc} x", Runs::Open, "x"),
        ("python /app/\u{fffc}.py", Runs::Open, ""),
    ] {
        let words = words(text);
        let call = command(&words);
        assert_eq!((&call.runs, call.rest.join(" ").as_str()), (&runs, rest), "{text}");
    }
    let words = words("python -Es -P x.py");
    let flags = command(&words).flags;
    assert!(flags.ignores_environment && flags.no_user_site && flags.safe_path && !flags.no_site);
}

#[test]
fn a_scripts_directory_comes_first() {
    let made =
        made("u 0644 0:0 srv/real/run.py 10\nl app/run.py -> ../srv/real/run.py\nu 0644 0:0 app/zoo/__main__.py 10");
    let facts = made.facts();
    let process = ProcessContext::of(&facts, Capabilities::Docker).expect("a process");
    let first = |text: &str| command(&words(text)).first(&process);
    assert_eq!(first("python run.py"), [b"/srv/real"]);
    assert_eq!(first("python zoo"), [b"/app/zoo"]);
    assert_eq!(first("python -m x"), [b"/app"]);
    assert!(first("python -P run.py").is_empty() && first("python -I -m x").is_empty());
    assert_eq!(told(&process, script(&process, b"run.py")), "/srv/real/run.py");
    assert_eq!(told(&process, script(&process, b"zoo")), "/app/zoo/__main__.py");
    assert_eq!(told(&process, script(&process, b"no.py")), "NO the script /app/no.py doesn't exist");
    assert_eq!(
        told(&process, script(&process, b"/srv")),
        "NO /srv is a directory without __main__.py, so Python can't run it"
    );
}

#[test]
fn finds_only_imports_that_certainly_happen() {
    let pip = "#!/usr/bin/python3\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom uvicorn.main import main\n\
               if __name__ == '__main__':\n    import never\n";
    assert_eq!(console_script_imports(pip), ["re", "sys", "uvicorn.main"]);
    for (text, expected) in [
        ("\"\"\"Doc.\n\nimport no\n\"\"\"\nimport os, json as j\nimport a.b\nimport c\n", "os json a.b"),
        ("'''one line'''\nfrom os import (\n    path,\n)\nfrom x import (y)\n", "os x"),
        ("import os\nos.chdir('/')\nimport x\n", "os"),
        ("try:\n    import x\nexcept ImportError:\n    pass\n", ""),
        ("from . import x\n", ""),
        ("import os; import x\n", ""),
        ("from os import path, \\\n  sep\nimport x\n", "os"),
        ("from __future__ import annotations  # why\nimport x # so\n", "__future__ x"),
        ("\"\"\"never closed\nimport x\n", ""),
        ("", ""),
    ] {
        assert_eq!(console_script_imports(text).join(" "), expected, "{text}");
    }
    assert!(is_entry_point_of(&format!("{pip}    sys.exit(main())\n"), "uvicorn"));
    assert!(!is_entry_point_of("import sys\nimport mine\nsys.exit(mine.run())\n", "uvicorn"));
    assert!(!is_entry_point_of("from uvicorn import run\nrun('other:app')\n", "uvicorn"));
}
