//! Node.js and Next.js in test images.

use super::*;
use crate::facts::access::Capabilities;
use crate::facts::proof::lang::next;
use crate::facts::testing::TestImage;

const FILES: &str = r#"
    u 0644 0:0 app/dist/main.js 10
    u 0644 0:0 app/idx/index.js 10
    f 0644 0:0 app/pm/package.json "{\"main\": \"lib/x\"}"
    u 0644 0:0 app/pm/lib/x.js 10
    f 0644 0:0 app/badmain/package.json "{\"main\": \"nope.js\"}"
    u 0644 0:0 app/badmain/index.js 10
    f 0644 0:0 app/badjson/package.json "{"
    u 0644 0:0 app/m.mjs 10
    u 0644 0:0 app/noext 10
    u 0644 0:0 app/onlymjs/index.mjs 10
    u 0600 0:0 app/secret.js 10
    d 0700 0:0 app/closed
    u 0644 0:0 app/closed/x.js 10
    u 0644 0:0 app/pre.js 10
    u 0644 0:0 app/both.js 10
    u 0644 0:0 app/both/index.js 10
    l app/link.js -> dist/main.js
    u 0644 0:0 app/.env 10
    u 0644 0:0 app/node_modules/pkg/index.js 10
    u 0644 0:0 node_modules/@otel/auto/register.js 10
    u 0644 0:0 app/.next/BUILD_ID 20
    f 0644 0:0 app/moved/next.config.mjs "export default { distDir: 'build' }"
    f 0644 0:0 app/plain/next.config.js "module.exports = {}"
    d 0700 0:0 app/mine/.next
    u 0644 0:0 app/mine/.next/BUILD_ID 20
"#;

fn told(made: &TestImage, ask: impl Fn(&ProcessContext<'_>) -> Vec<Need>) -> String {
    let facts = made.facts();
    let process = ProcessContext::of(&facts, Capabilities::Docker).expect("a process");
    let needs = ask(&process).into_iter().map(|need| match need {
        Need::Met(node) => process.name(node),
        Need::Unmet(lack) => format!("NO {}", lack.what),
        Need::Undecided(undecided) => format!("? {}", undecided.reason),
    });
    needs.collect::<Vec<_>>().join("; ")
}

fn made() -> TestImage {
    TestImage::new(FILES).workdir("/app").user("1000:1000")
}

fn node(made: &TestImage, text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(str::to_string).collect();
    told(made, |process| command(process, &words).needs(process))
}

#[test]
fn resolves_paths_to_files() {
    for (text, expected) in [
        ("node dist/main.js", "/app/dist/main.js"),
        ("node dist/main", "/app/dist/main.js"),
        ("node ./dist/main a b", "/app/dist/main.js"),
        ("node idx", "/app/idx/index.js"),
        ("node idx/", "/app/idx/index.js"),
        ("node pm", "/app/pm/lib/x.js"),
        ("node badmain", "/app/badmain/index.js"),
        ("node badjson", "NO /app/badjson/package.json is not valid JSON"),
        ("node both", "/app/both.js"),
        ("node both/", "/app/both/index.js"),
        ("node link", "/app/dist/main.js"),
        ("node m.mjs", "/app/m.mjs"),
        ("node m", "NO the script /app/m doesn't exist"),
        ("node noext", "/app/noext"),
        (
            "node onlymjs",
            "NO the script /app/onlymjs is a directory with neither index.js nor a package.json that names a file in it",
        ),
        ("node gone.js", "NO the script /app/gone.js doesn't exist"),
        ("node secret", "NO uid 1000 can't read the script /app/secret.js"),
        (
            "node closed/x.js",
            "NO uid 1000 can't reach the script /app/closed/x.js: it can't traverse /app/closed (mode 0700, owner 0:0)",
        ),
        ("node dist/*.js", "? a shell may expand it as a pattern"),
        ("node \u{fffc}/main.js", "? the name of a file is only known when the container starts"),
    ] {
        assert_eq!(node(&made(), text), expected, "{text}");
    }
}

#[test]
fn reads_options_as_node_does() {
    for (text, expected) in [
        ("node --enable-source-maps --max-old-space-size=4096 dist/main", "/app/dist/main.js"),
        ("node --inspect=0.0.0.0:9229 --no-warnings --title x -C y dist/main", "/app/dist/main.js"),
        ("node --max-old-space-size 4096 dist/main", "? its arguments don't determine what it runs"),
        ("node --new dist/main", "? its arguments don't determine what it runs"),
        ("node -- dist/main", "/app/dist/main.js"),
        ("node --watch dist/main", "/app/dist/main.js"),
        ("node -r ./pre dist/main", "/app/pre.js; /app/dist/main.js"),
        ("node -r ./none dist/main", "NO the --require module /app/none doesn't exist; /app/dist/main.js"),
        ("node --import ./pre dist/main", "NO the --import module /app/pre doesn't exist; /app/dist/main.js"),
        ("node --import=./pre.js dist/main", "/app/pre.js; /app/dist/main.js"),
        ("node --require=pkg/init dist/main", "/app/node_modules/pkg; /app/dist/main.js"),
        ("node --import @otel/auto/register dist/main", "/node_modules/@otel/auto; /app/dist/main.js"),
        (
            "node -r pre.js noext",
            "NO there is no package pre.js in node_modules of /app or of a parent directory; /app/noext",
        ),
        ("node -r node:fs noext", "? it may be outside the project; /app/noext"),
        ("node --env-file .env noext", "/app/.env; /app/noext"),
        ("node --env-file=.nope noext", "NO the --env-file /app/.nope doesn't exist; /app/noext"),
        ("node --env-file-if-exists=.nope noext", "/app/noext"),
        ("node -e code x", ""),
        ("node -pe 1", ""),
        ("node --test gone", ""),
        ("node --run start", "? its arguments don't determine what it runs"),
        ("node inspect x", "? its arguments don't determine what it runs"),
        ("node", ""),
    ] {
        assert_eq!(node(&made(), text), expected, "{text}");
    }
    let hooked = made().env("NODE_OPTIONS=--require ./none --max-old-space-size=4096");
    assert_eq!(node(&hooked, "node noext"), "NO the --require module /app/none doesn't exist; /app/noext");
    let elsewhere = made().env("NODE_PATH=/opt");
    assert_eq!(node(&elsewhere, "node -r nope noext"), "? it may be outside the project; /app/noext");
}

#[test]
fn next_start_needs_a_build() {
    let told = |text: &str| {
        let words: Vec<String> = text.split(' ').map(str::to_string).collect();
        told(&made(), |process| next::needs(process, &words))
    };
    assert_eq!(told("start -p 3000"), "/app/.next/BUILD_ID");
    assert_eq!(told("start ."), "/app/.next/BUILD_ID");
    assert_eq!(told("dev"), "");
    assert_eq!(
        told("start plain -H 0.0.0.0"),
        "NO there is no production build in /app/plain/.next (no BUILD_ID); `next build` creates it"
    );
    assert_eq!(told("start moved"), "? it may put the build in another directory");
    assert_eq!(told("start --new plain"), "/app/.next/BUILD_ID");
    assert_eq!(told("start a b"), "? its arguments don't determine where its build is");
    assert_eq!(
        told("start mine"),
        "NO uid 1000 can't reach the build file /app/mine/.next/BUILD_ID: it can't traverse /app/mine/.next (mode 0700, \
         owner 0:0)"
    );
}
