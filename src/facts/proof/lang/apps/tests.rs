//! Application servers in test images.

use super::*;
use crate::facts::access::Capabilities;
use crate::facts::proof::lang::python::call::Flags;
use crate::facts::testing::TestImage;

const PYTHON: &str = r#"
    e 0755 0:0 usr/local/bin/python3.13
    u 0644 0:0 usr/local/lib/python3.13/os.py 40000
    u 0644 0:0 usr/local/lib/python3.13/site-packages/uvicorn/__init__.py 100
    u 0644 0:0 usr/local/lib/python3.13/site-packages/uvicorn/workers.py 100
    u 0644 0:0 usr/local/lib/python3.13/site-packages/fastapi_cli/__init__.py 100
    f 0644 0:0 app/main.py "app = 1\n"
    f 0644 0:0 app/pkg/__init__.py ""
    f 0644 0:0 app/pkg/web.py ""
    f 0644 0:0 app/src/inner.py ""
    u 0644 0:0 app/conf.py 10
    u 0644 0:0 app/log.json 10
"#;

fn made(more: &str) -> TestImage {
    TestImage::new(&format!("{PYTHON}\n{more}")).workdir("/app")
}

fn asked(made: &TestImage, text: &str) -> String {
    let facts = made.facts();
    let process = ProcessContext::of(&facts, Capabilities::Docker).expect("a process");
    let python = Python::of(&process, b"/usr/local/bin/python3.13", Flags::default()).expect("a Python");
    let words: Vec<String> = text.split(' ').map(str::to_string).collect();
    let needs = needs(&process, &python, &[b"/usr/local/bin".to_vec()], &words[0], &words[1..]);
    let told = needs.into_iter().map(|need| match need {
        Need::Met(node) => process.name(node),
        Need::Unmet(lack) => format!("NO {}", lack.what),
        Need::Undecided(undecided) => format!("? {}", undecided.reason),
    });
    told.collect::<Vec<_>>().join("; ")
}

const NO_GONE: &str = "NO there is no module gone in /app or anywhere /usr/local/bin/python3.13 looks for modules";

#[test]
fn finds_the_application_that_each_server_loads() {
    let made = made("");
    for (text, expected) in [
        ("uvicorn main:app --host 0.0.0.0 --port 8000", "/app/main.py"),
        ("uvicorn --reload --workers 4 pkg.web:app", "/app/pkg/web.py"),
        ("uvicorn --app-dir src inner:app", "/app/src/inner.py"),
        ("uvicorn --log-config log.json main:app", "/app/log.json; /app/main.py"),
        ("uvicorn gone:app", NO_GONE),
        ("uvicorn main", "NO uvicorn expects its application as module:attribute, not main"),
        ("uvicorn", "NO uvicorn is not given an application to run"),
        ("uvicorn --env-file .env main:app", "NO the --env-file /app/.env doesn't exist; /app/main.py"),
        ("uvicorn main:app --new flag extra:app", "? it is unclear which of its arguments names the application"),
        ("uvicorn \u{fffc}:app", "? its application is only known when the container starts"),
        ("uvicorn main:app --port \u{fffc}", "/app/main.py"),
        ("uvicorn --version", ""),
        ("gunicorn main:app -w 4 -b 0.0.0.0:8000 --preload", "/app/main.py"),
        ("gunicorn main", "/app/main.py"),
        ("gunicorn main:make('x')", "/app/main.py"),
        ("gunicorn -k uvicorn.workers.UvicornWorker main:app", "/app/pkg; /app/main.py"),
        ("gunicorn --chdir src inner:app", "/app/src/inner.py"),
        ("gunicorn --chdir=none inner:app", "NO the --chdir directory none doesn't exist"),
        ("gunicorn --pythonpath /nowhere,src inner:app", "/app/src/inner.py"),
        ("gunicorn --chd src inner:app", "? its options don't determine which application it runs"),
        ("gunicorn --paste x.ini", "? its options don't determine which application it runs"),
        ("gunicorn -c none.py main:app", "NO its configuration file /app/none.py doesn't exist; /app/main.py"),
        ("gunicorn -c conf.py main:app", "/app/conf.py; /app/main.py"),
        ("gunicorn -c python:pkg.web main:app", "/app/pkg/web.py; /app/main.py"),
        ("gunicorn -c conf.py gone:app", "/app/conf.py; ? its content was not kept"),
        ("gunicorn", "NO gunicorn is not given an application to run"),
        ("hypercorn main:app", "/app/main.py"),
        ("hypercorn asgi:pkg.web:app", "/app/pkg/web.py"),
        ("hypercorn src/inner:app", "/app/src/inner.py"),
        ("hypercorn src/inner.py:app", "/app/src/inner.py"),
        (
            "hypercorn -c hypercorn.toml gone",
            "NO its configuration file /app/hypercorn.toml doesn't exist; NO there is \
          no module gone in /app or anywhere /usr/local/bin/python3.13 looks for modules",
        ),
        ("daphne -b 0.0.0.0 -p 8000 pkg.web:application", "/app/pkg/web.py"),
        ("daphne main", "NO daphne expects its application as module:attribute, not main"),
        ("waitress-serve --listen=*:80 --call main:app", "/app/main.py"),
        ("waitress-serve gone.x:app", NO_GONE),
        ("granian --interface asgi main:app", "/app/main.py"),
        ("granian --interface asgi src/inner.py:app", "/app/src/inner.py"),
        ("granian --working-dir src inner", "/app/src/inner.py"),
        ("celery -A pkg.web worker -l info", "/app/pkg/__init__.py"),
        ("celery -A pkg.web:celery worker", "/app/pkg/web.py"),
        ("celery --app gone beat", NO_GONE),
        ("celery --workdir src -A inner worker", "/app/src/inner.py"),
        ("celery worker", ""),
        ("unknown main:app", ""),
    ] {
        let told = asked(&made, text);
        let expected = expected.replace("/app/pkg; ", "/usr/local/lib/python3.13/site-packages/uvicorn/workers.py; ");
        assert_eq!(told, expected, "{text}");
    }
}

#[test]
fn finds_applications_named_by_variables() {
    let made = made("f 0644 0:0 app/fine.py \"workers = 2\\n\"\nf 0644 0:0 app/bad.py \"chdir = '/srv'\\n\"");
    assert_eq!(asked(&made, "gunicorn -c fine.py gone:app"), format!("/app/fine.py; {NO_GONE}"));
    assert_eq!(
        asked(&made, "gunicorn -c bad.py gone:app"),
        "/app/bad.py; ? its configuration file may change which application it runs"
    );
    let star = self::made("f 0644 0:0 app/star.py \"from settings import *\\n\"");
    assert!(asked(&star, "gunicorn -c star.py gone:app").contains("? its configuration file may change"));
    assert_eq!(
        asked(&made, "gunicorn -k gevent main:app"),
        "NO there is no module gevent in /app or anywhere /usr/local/bin/python3.13 looks for modules; /app/main.py"
    );
    let made = made.env("UVICORN_APP=main:app").env("GUNICORN_CMD_ARGS=--chdir src").env("FLASK_APP=pkg/web.py:make()");
    assert_eq!(asked(&made, "uvicorn --reload"), "/app/main.py");
    assert_eq!(asked(&made, "gunicorn inner:app"), "/app/src/inner.py");
    assert_eq!(asked(&made, "flask run"), "/app/pkg/web.py");
    assert_eq!(asked(&made, "flask --app gone run"), NO_GONE);
    assert_eq!(asked(&made, "flask db upgrade"), "");
    let quoted = made.env("GUNICORN_CMD_ARGS=--bind '0.0.0.0:80'");
    assert_eq!(asked(&quoted, "gunicorn main:app"), "? GUNICORN_CMD_ARGS has quotes, which plimsoll doesn't parse");
}

#[test]
fn flask_and_fastapi_find_default_applications() {
    let none = "NO flask finds no application: there is neither wsgi.py nor app.py in /app";
    assert_eq!(asked(&made(""), "flask run --host 0.0.0.0"), none);
    assert_eq!(asked(&made("u 0644 0:0 app/app.py 1"), "flask --debug run"), "/app/app.py");
    assert_eq!(asked(&made("u 0644 0:0 .flaskenv 1"), "flask run"), "? an env file may set which application it runs");
    // A working directory that is itself a package is imported by its name.
    let package = made("u 0644 0:0 app/__init__.py 0");
    assert_eq!(asked(&package, "flask --app main run"), "/app/main.py");
    let cli = "/usr/local/lib/python3.13/site-packages/fastapi_cli/__init__.py; \
               /usr/local/lib/python3.13/site-packages/uvicorn/__init__.py; ";
    let told =
        |made: &TestImage, text: &str| asked(made, text).strip_prefix(cli).expect("the front is there").to_string();
    assert_eq!(told(&made(""), "fastapi run"), "/app/main.py");
    assert_eq!(told(&made(""), "fastapi run src/inner.py --port 80"), "/app/src/inner.py");
    assert_eq!(told(&made(""), "fastapi dev no.py"), "NO the application /app/no.py doesn't exist");
    assert_eq!(told(&made(""), "fastapi run --entrypoint pkg.web:app"), "/app/pkg/web.py");
    assert_eq!(
        told(&made("layer\nw app/main.py"), "fastapi run"),
        "NO fastapi run finds no application in /app: none of main.py, app.py, api.py, app/main.py, app/app.py, \
         app/api.py exists"
    );
    let project = made("f 0644 0:0 app/pyproject.toml \"[tool.fastapi]\\nentrypoint = 'x:app'\\n\"");
    assert_eq!(told(&project, "fastapi run"), "? pyproject.toml sets its application");
}
