//! Scripts of package.json in test images.

use super::*;
use crate::facts::access::Capabilities;
use crate::facts::testing::TestImage;

const PROJECT: &str = r##"
    f 0644 0:0 app/package.json "{\"scripts\": {\"prestart\": \"echo pre\", \"start\": \"next start\", \"poststart\": \"echo post\", \"build\": \"next build\", \"test\": \"jest\", \"none\": \"\", \"odd\": 5}}"
    f 0755 0:0 app/node_modules/.bin/next "#!/usr/bin/env node\n"
    d 0755 0:0 app/src/deep
    d 0755 0:0 modules/node_modules
    d 0755 0:0 modules/sub
    f 0644 0:0 broken/package.json "{\"scripts\": {\"start\": \"a\",}}"
    f 0644 0:0 server/package.json "{}"
    f 0644 0:0 server/server.js "1"
    f 0600 0:0 closed/package.json "{}"
    u 0644 0:0 unkept/package.json 100
    f 0644 0:0 berry/package.json "{\"packageManager\": \"yarn@4.1.0\", \"scripts\": {\"prestart\": \"x\", \"start\": \"y\"}}"
    f 0644 0:0 other/package.yaml "scripts: {}"
    d 0755 0:0 other/node_modules
    d 0755 0:0 empty
"##;

fn told_in(directory: &str, text: &str) -> String {
    let made = TestImage::new(PROJECT).workdir(directory).user("1000:1000");
    let facts = made.facts();
    let process = ProcessContext::of(&facts, Capabilities::Docker).expect("a process");
    let words: Vec<String> = text.split(' ').map(|word| word.replace('_', " ")).collect();
    match run(&process, &words[0], &words[1..]) {
        None => "nothing".to_string(),
        Some(Ok(run)) => {
            let scripts: Vec<String> = run.scripts.iter().map(|script| script.text.replace(shell::OPEN, "?")).collect();
            format!("{}: {}", shown_bytes(&run.directory), scripts.join(" ; "))
        }
        Some(Err(Need::Unmet(lack))) => format!("NO {}", lack.what),
        Some(Err(Need::Undecided(undecided))) => format!("? {}", undecided.reason),
        Some(Err(Need::Met(_))) => "met".to_string(),
    }
}

const START: &str = "/app: echo pre ; next start ; echo post";

#[test]
fn finds_scripts_as_each_manager_does() {
    for (text, expected) in [
        ("npm start", START),
        ("npm run start", START),
        ("npm --silent start", START),
        ("npm start --loglevel silent", START),
        ("npm --prefix /app start", START),
        ("npm start --prefix=/app", START),
        ("npm start -- -p 80 a_b it's", "/app: echo pre ; next start -p 80 'a b' 'it'\\''s' ; echo post"),
        ("npm start --ignore-scripts", "/app: next start"),
        ("npm start --port 80", "/app: echo pre ; next start 80 ? ; echo post"),
        ("npm t", "/app: jest"),
        ("npm run-script build x", "/app: next build x"),
        ("npm rum build", "/app: next build"),
        ("npm restart", "/app: npm stop --if-present && npm start"),
        ("npm install", "nothing"),
        ("npm build", "nothing"),
        ("npm run", "nothing"),
        ("npm run dev", "NO /app/package.json has no script dev; it has build, none, poststart, prestart, start, test"),
        ("npm run odd", "NO /app/package.json has no script odd; it has build, none, poststart, prestart, start, test"),
        ("npm run none", "? the script is empty"),
        ("npm run dev --if-present", "? it runs only if it exists (--if-present)"),
        ("npm run -w web start", "? its options don't determine which script it runs"),
        ("npm --workspace=web start", "? its options don't determine which script it runs"),
        ("npm run \u{fffc}", "? the name of a file is only known when the container starts"),
        ("npm exec next start", "/app: next start"),
        ("npx next start -p 80", "/app: next start -p 80"),
        ("npx --yes gone", "? it is not in any node_modules/.bin, and would be looked up elsewhere"),
        ("npx --package=x next", "? its options don't determine which script it runs"),
        ("yarn start", START),
        ("yarn -s run start", START),
        ("yarn --cwd /app build --fast", "/app: next build --fast"),
        ("yarn next start", "/app: next start"),
        ("yarn run next", "/app: next"),
        ("yarn gone", "NO there is neither a script gone in package.json nor a program with that name"),
        ("yarn run odd", "? the script is not a string"),
        ("yarn install", "nothing"),
        ("yarn", "nothing"),
        ("pnpm start", "/app: next start"),
        ("pnpm -C /app run build", "/app: next build"),
        ("pnpm next", "/app: next"),
        (
            "pnpm run next",
            "NO /app/package.json has no script next; it has build, none, poststart, prestart, start, test",
        ),
        ("pnpm exec next", "/app: next"),
        ("pnpm --filter web start", "? its options don't determine which script it runs"),
        ("pnpm install", "nothing"),
        ("bun run start x", "/app: echo pre ; next start x ; echo post"),
        ("bun --bun start", START),
        ("bun x next", "/app: next"),
        ("bun run index.ts", "nothing"),
        ("bun install", "nothing"),
        ("bun gone", "? it is not in any node_modules/.bin, and would be looked up elsewhere"),
        ("make start", "nothing"),
    ] {
        assert_eq!(told_in("/app", text), expected, "{text}");
    }
}

#[test]
fn uses_the_nearest_package() {
    for (directory, text, expected) in [
        ("/app/src/deep", "npm start", START),
        ("/app/src/deep", "yarn start", START),
        ("/app/src/deep", "npx next", "/app/src/deep: next"),
        ("/modules/sub", "npm start", "NO there is no package.json in /modules"),
        ("/modules/sub", "yarn start", "NO there is no package.json in /modules/sub"),
        ("/empty", "npm start", "NO there is no package.json in /empty"),
        ("/empty", "npm --prefix ../app start", START),
        ("/broken", "npm start", "NO /broken/package.json is not valid JSON"),
        ("/server", "npm start", "/server: node server.js"),
        ("/server", "pnpm start", "/server: node server.js"),
        ("/server", "npm test", "NO /server/package.json has no script test; it has none"),
        ("/closed", "npm start", "NO uid 1000 can't read the file /closed/package.json"),
        ("/unkept", "npm start", "? its content was not kept"),
        ("/berry", "yarn start", "/berry: y"),
        ("/berry", "yarn gone", "? this Yarn may find it elsewhere"),
        ("/berry", "npm start", "/berry: x ; y"),
        ("/other", "pnpm start", "? the package is described in another format"),
        ("/none", "npm start", "NO there is no package.json in /none"),
    ] {
        assert_eq!(told_in(directory, text), expected, "{directory} {text}");
    }
}

#[test]
fn programs_of_all_parent_directories_are_on_path() {
    let made = TestImage::new(PROJECT).workdir("/app/src");
    let facts = made.facts();
    let process = ProcessContext::of(&facts, Capabilities::Docker).expect("a process");
    let run = run(&process, "npm", &["start".to_string()]).expect("a run").expect("a script");
    assert_eq!(run.path, [&b"/app/node_modules/.bin"[..], b"/node_modules/.bin"]);
    assert_eq!(run.scripts[0].name, "prestart");
    assert_eq!(run.package.map(|node| process.name(node)).as_deref(), Some("/app/package.json"));
}
