//! Compares predictions about modules, scripts and packages with the interpreters themselves: unpacks real images with
//! extra files on top and runs Python, Node.js and npm in them by chroot(1) as an ordinary user.
//!
//! Needs `PLIMSOLL_CORPUS` (for the images), root and chroot; otherwise it is skipped and says so. `reality` covers
//! whole commands.

use crate::image::Entry;
use crate::image::Image;
use crate::image::Layer;
use crate::notation;
use crate::support;
use plimsoll::examine;
use plimsoll::facts::Facts;
use plimsoll::facts::access::Capabilities;
use plimsoll::facts::process::Need;
use plimsoll::facts::process::ProcessContext;
use plimsoll::facts::proof::lang::node;
use plimsoll::facts::proof::lang::packages;
use plimsoll::facts::proof::lang::python::Python;
use plimsoll::facts::proof::lang::python::call;
use plimsoll::model::finding::Undecided;
use serde_json::Value;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

/// The layers of an image in the corpus's `full` directory, as tars.
fn layers(corpus: &Path, name: &str) -> Vec<Vec<u8>> {
    let full = corpus.join("full");
    let read = |digest: &Value| {
        let digest = digest.as_str().unwrap().replace(':', "/");
        std::fs::read(full.join("blobs").join(digest)).unwrap()
    };
    let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let index = json(&std::fs::read(full.join("index.json")).unwrap());
    let named = |manifest: &&Value| manifest["annotations"]["org.opencontainers.image.ref.name"] == name;
    let manifest = json(&read(&index["manifests"].as_array().unwrap().iter().find(named).unwrap()["digest"]));
    let layers = manifest["layers"].as_array().unwrap();
    layers
        .iter()
        .map(|layer| {
            let mut tar = Vec::new();
            zstd::Decoder::new(&read(&layer["digest"])[..]).unwrap().read_to_end(&mut tar).unwrap();
            tar
        })
        .collect()
}

/// An image of the corpus with a layer on top, both as an image and unpacked.
pub struct Fixture {
    pub scratch: support::ScratchDir,
    pub image: Image,
}

impl Fixture {
    /// `None` if the test can't run here.
    pub fn new(test: &str, name: &str, entries: Vec<Entry>) -> Option<Fixture> {
        let corpus = support::external_dir("PLIMSOLL_CORPUS", test)?;
        let probe = Command::new("chroot").args(["--userspec=1000:1000", "/", "/bin/true"]).status();
        if !probe.is_ok_and(|status| status.success()) {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: it needs root and chroot");
            return None;
        }
        let scratch = support::ScratchDir::new();
        let own = Layer { entries, ..Layer::default() };
        let mut image = Image::default().named("fixture:1").with("User", Value::from("1000:1000"));
        for tar in layers(&corpus, name).into_iter().chain([own.bytes()]) {
            unpack(&tar, &scratch.directory().join("root"));
            image.layers.push(Layer { tar: Some(tar), ..Layer::default() });
        }
        // The layers contain no devices, and Node.js needs this one.
        let null = scratch.directory().join("root/dev/null");
        if !null.exists() {
            let _ = std::fs::create_dir_all(null.parent().unwrap());
            assert!(
                Command::new("mknod").args(["-m", "666"]).arg(&null).args(["c", "1", "3"]).status().unwrap().success()
            );
        }
        // Nothing is mounted either; Yarn reads this file to find out how much memory it uses.
        let stat = (0..52).map(|_| "1").collect::<Vec<_>>().join(" ").replacen("1 1", "1 (node)", 1);
        scratch.file("root/proc/self/stat", stat);
        Some(Fixture { scratch, image })
    }

    /// Runs a command; returns whether it succeeded, and its standard error in one line.
    fn run(&self, cwd: &str, env: &[String], words: &[String]) -> (bool, String) {
        let mut child = Command::new("chroot")
            .args(["--userspec=1000:1000", "--groups="])
            .arg(self.scratch.directory().join("root"))
            .args(["/bin/sh", "-c", "cd \"$0\" && exec /usr/bin/env -i \"$@\"", cwd])
            .args(env)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        let line = stderr.trim().replace("\n", " | ");
        (child.wait().unwrap().success(), line)
    }

    /// Calls `check` with the image's facts.
    fn with_facts(&self, check: impl FnOnce(&Facts<'_>)) {
        let listing = examine::open(&self.scratch.archive(&self.image), None).unwrap().listing;
        let options = examine::Options { threads: 2, sha256: false };
        let examined = examine::examine(listing.images, &options).remove(0);
        assert!(examined.faults.is_empty(), "{:?}", examined.faults);
        check(&Facts::new(&examined.image, examined.view.as_ref().ok_or(Undecided::denied("view", "none"))));
    }
}

fn unpack(tar: &[u8], directory: &Path) {
    std::fs::create_dir_all(directory).unwrap();
    let mut child = Command::new("tar")
        .args(["-xp", "--numeric-owner", "--same-owner", "--exclude=.wh.*", "-C"])
        .arg(directory)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(tar).unwrap();
    assert!(child.wait().unwrap().success());
}

fn process<'a>(facts: &'a Facts<'a>, cwd: &str, env: &[String]) -> ProcessContext<'a> {
    let mut process = ProcessContext::of(facts, Capabilities::None).ok().unwrap();
    process.cwd = cwd.as_bytes().to_vec();
    for pair in env {
        let (name, value) = pair.split_once('=').unwrap();
        process.variables.set(name, value);
    }
    process
}

/// A pseudo-random number generator with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// A directory of modules in all forms, some of them unreadable for the user.
fn modules(random: &mut Random, directory: &str, depth: usize, out: &mut Vec<Entry>) {
    let mode = random.pick(&[0o755, 0o755, 0o755, 0o755, 0o755, 0o755, 0o711, 0o700, 0o744, 0o750]);
    out.push(Entry::new(b'd', mode, directory.as_bytes()));
    let names: &[&str] = if depth == 0 { &["alpha", "beta"] } else { &["x", "y", "__main__"] };
    let file = |random: &mut Random, path: String| {
        let mode = random.pick(&[0o644, 0o644, 0o644, 0o644, 0o444, 0o600, 0o640]);
        let text: &str = random.pick(&["", "", "x = 1\n", "import sys\n", "\"\"\"Doc.\"\"\"\n"]);
        Entry { data: text.as_bytes().to_vec(), ..Entry::new(b'f', mode, path.as_bytes()) }
    };
    for name in names {
        match random.below(10) {
            0..3 if depth < 2 => {
                modules(random, &format!("{directory}/{name}"), depth + 1, out);
                if random.below(5) < 3 {
                    out.push(file(random, format!("{directory}/{name}/__init__.py")));
                }
            }
            0..6 => {
                let end = random.pick(&[".py", ".py", ".py", ".py", ".txt", ".cpython-312-x86_64-linux-gnu.so"]);
                out.push(file(random, format!("{directory}/{name}{end}")));
            }
            6 => {
                let target = random.pick(&["nowhere", "real.py", "/closed/real.py"]);
                let link = format!("{directory}/{name}.py");
                out.push(Entry { target: target.as_bytes().to_vec(), ..Entry::new(b'l', 0o777, link.as_bytes()) });
                out.push(file(random, format!("{directory}/real.py")));
            }
            _ => {}
        }
    }
}

/// One way to start Python.
struct Start {
    cwd: String,
    env: Vec<String>,
    words: Vec<String>,
}

fn start(random: &mut Random, number: usize, out: &mut Vec<Entry>) -> Start {
    const PYTHON: &str = "/usr/local/bin/python3.13";
    let base = format!("w{number}");
    let home = format!("{base}/home");
    let mut env = vec![format!("HOME=/{home}"), "PYTHONDONTWRITEBYTECODE=1".to_string()];
    out.push(Entry::new(b'd', random.pick(&[0o755, 0o755, 0o700, 0o711]), home.as_bytes()));
    let site = format!("{home}/.local/lib/python3.13/site-packages");
    if random.below(5) < 3 {
        modules(random, &site, 0, out);
        if random.below(2) == 0 {
            modules(random, &format!("{base}/extra"), 0, out);
            let text = random.pick(&["# no\nEXTRA\n", "../../../../../extra\n", "import os\n"]);
            let data = text.replace("EXTRA", &format!("/{base}/extra")).into_bytes();
            out.push(Entry { data, ..Entry::new(b'f', 0o644, format!("{site}/a.pth").as_bytes()) });
        }
    }
    let mut invoked = PYTHON.to_string();
    if random.below(5) < 2 {
        let venv = format!("{base}/venv");
        let shares =
            random.pick(&["", "include-system-site-packages = false\n", "include-system-site-packages = True\n"]);
        let data = format!("home = /usr/local/bin\n{shares}").into_bytes();
        out.push(Entry { data, ..Entry::new(b'f', 0o644, format!("{venv}/pyvenv.cfg").as_bytes()) });
        let link = |path: &str, target: &str| Entry {
            target: target.as_bytes().to_vec(),
            ..Entry::new(b'l', 0o777, path.as_bytes())
        };
        out.push(link(&format!("{venv}/bin/python"), PYTHON));
        out.push(link(&format!("{base}/python"), &format!("/{venv}/bin/python")));
        modules(random, &format!("{venv}/lib/python3.13/site-packages"), 0, out);
        invoked = if random.below(5) == 0 { format!("/{base}/python") } else { format!("/{venv}/bin/python") };
    }
    let mut paths = Vec::new();
    for directory in ["p0", "p1"] {
        if random.below(2) == 0 {
            modules(random, &format!("{base}/{directory}"), 0, out);
            paths.push(format!("/{base}/{directory}"));
        }
    }
    if !paths.is_empty() {
        env.push(format!("PYTHONPATH={}", paths.join(":")));
    }
    let more = random.pick(&["", "", "", "PYTHONNOUSERSITE=1", "PYTHONNOUSERSITE=0", "PYTHONSAFEPATH=1"]);
    env.extend((!more.is_empty()).then(|| more.to_string()));
    modules(random, &format!("{base}/cwd"), 0, out);
    out.push(Entry::new(b'd', random.pick(&[0o755, 0o755, 0o755, 0o711]), format!("{base}/cwd").as_bytes()));
    let option = random.pick(&["", "", "", "", "-I", "-E", "-s", "-P", "-S"]);
    let words = [invoked].into_iter().chain((!option.is_empty()).then(|| option.to_string())).collect();
    Start { cwd: format!("/{base}/cwd"), env, words }
}

#[test]
fn predicts_what_python_imports() {
    let mut random = Random(7);
    let mut entries = vec![Entry::new(b'd', 0o700, b"closed"), Entry::new(b'f', 0o644, b"closed/real.py")];
    let starts: Vec<Start> = (0..30).map(|number| start(&mut random, number, &mut entries)).collect();
    let Some(fixture) = Fixture::new("predicts_what_python_imports", "backend-good:1.0", entries) else {
        return;
    };
    let (mut met, mut unmet, mut wrong) = (0, 0, Vec::new());
    fixture.with_facts(|facts| {
        for start in &starts {
            let process = process(facts, &start.cwd, &start.env);
            for module in ["alpha", "beta", "alpha.x", "beta.y", "alpha.x.y"] {
                for is_run in [false, true] {
                    let more = if is_run {
                        ["-m".to_string(), module.to_string()]
                    } else {
                        ["-c".to_string(), format!("import {module}")]
                    };
                    let words: Vec<String> = start.words.iter().cloned().chain(more).collect();
                    let call = call::command(&words);
                    let python = Python::of(&process, words[0].as_bytes(), call.flags).unwrap();
                    let first = call.first(&process);
                    let need = if is_run {
                        python.runnable(&process, module, &first)
                    } else {
                        python.module(&process, module, &first)
                    };
                    let (ran, stderr) = fixture.run(&start.cwd, &start.env, &words);
                    match need {
                        Need::Met(_) if ran => met += 1,
                        Need::Unmet(_) if !ran => unmet += 1,
                        Need::Undecided(_) => {}
                        need => wrong.push(format!("{words:?} in {}: {need:?}, actual: {stderr}", start.cwd)),
                    }
                }
            }
        }
    });
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(met > 30 && unmet > 100, "{met} found, {unmet} missing");
}

const NODE_FILES: &str = r##"
layer x
f 0644 0:0 app/dist/main.js ""
f 0644 0:0 app/idx/index.js ""
f 0644 0:0 app/pm/package.json "{\"main\": \"lib/x\"}"
f 0644 0:0 app/pm/lib/x.js ""
f 0644 0:0 app/badmain/package.json "{\"main\": \"nope.js\"}"
f 0644 0:0 app/badmain/index.js ""
f 0644 0:0 app/badjson/package.json "{"
f 0644 0:0 app/m.mjs ""
f 0644 0:0 app/noext ""
f 0644 0:0 app/onlymjs/index.mjs ""
f 0600 0:0 app/secret.js ""
d 0700 0:0 app/closed
f 0644 0:0 app/closed/x.js ""
f 0644 0:0 app/pre.js ""
f 0644 0:0 app/both.js ""
f 0644 0:0 app/both/index.js "process.exit(1)"
l app/link.js -> dist/main.js
f 0644 0:0 app/vars ""
f 0644 0:0 app/node_modules/pkg/index.js ""
f 0644 0:0 app/node_modules/.bin/README ""
d 0755 0:0 app/deep/er
f 0644 0:0 app/package.json "{\"scripts\": {\"start\": \"true\", \"build\": \"true\", \"odd\": 5}}"
d 0755 0:0 modules/node_modules
d 0755 0:0 modules/sub
f 0644 0:0 broken/package.json "{\"scripts\": {\"start\": \"true\",}}"
f 0644 0:0 marked/package.json "\xef\xbb\xbf{\"scripts\": {\"start\": \"true\"}}"
f 0644 0:0 server/package.json "{}"
f 0644 0:0 server/server.js ""
f 0600 0:0 mine/package.json "{\"scripts\": {\"start\": \"true\"}}"
d 0755 0:0 empty
"##;

/// One case per line: the working directory, then the command.
const NODE_CASES: &str = "
/app node dist/main.js
/app node dist/main
/app node ./dist/main
/app node dist
/app node idx
/app node idx/
/app node pm
/app node badmain
/app node badjson
/app node both
/app node both/
/app node link
/app node m.mjs
/app node m
/app node noext
/app node onlymjs
/app node gone.js
/app node secret
/app node closed/x.js
/app/deep node ../dist/main
/app node -r ./pre dist/main
/app node -r ./none dist/main
/app node -r pre.js dist/main
/app node -r pkg dist/main
/app/deep/er node -r pkg ../../dist/main
/empty node -r pkg /app/dist/main
/app node -r fs dist/main
/app node --import ./pre dist/main
/app node --import ./pre.js dist/main
/app node --import pkg dist/main
/app node --import gone dist/main
/app node --env-file vars dist/main
/app node --env-file=none dist/main
/app node --title x -C y --no-warnings dist/main
/app node --enable-source-maps --max-old-space-size=64 dist/main
/app node -- dist/main
/app node -e 1 gone
/app npm start
/app npm run start
/app npm run build
/app npm run gone
/app npm run odd
/app npm test
/app npm --silent start
/app npm --prefix /app start
/empty npm --prefix ../app start
/app/deep/er npm start
/modules/sub npm start
/broken npm start
/marked npm start
/server npm start
/server npm test
/mine npm start
/empty npm start
/app yarn start
/app yarn gone
/app/deep/er yarn run build
/modules/sub yarn start
/broken yarn start
";

#[test]
fn predicts_what_node_and_npm_run() {
    let entries = notation::image(NODE_FILES).layers.remove(0).entries;
    let Some(fixture) = Fixture::new("predicts_what_node_and_npm_run", "frontend-good:1.0", entries) else {
        return;
    };
    let env = ["PATH=/usr/local/bin:/usr/bin:/bin".to_string(), "HOME=/tmp".to_string(), "CI=1".to_string()];
    let (mut ran, mut failed, mut wrong) = (0, 0, Vec::new());
    fixture.with_facts(|facts| {
        for case in NODE_CASES.trim().lines() {
            let (cwd, words) = case.split_once(' ').unwrap();
            let words: Vec<String> = words.split(' ').map(str::to_string).collect();
            let process = process(facts, cwd, &env);
            let needs = match words[0].as_str() {
                "node" => node::command(&process, &words).needs(&process),
                _ => packages::run(&process, &words[0], &words[1..]).unwrap().err().into_iter().collect(),
            };
            let open = needs.iter().any(|need| matches!(need, Need::Undecided(_)));
            let fails = needs.iter().any(|need| matches!(need, Need::Unmet(_)));
            let (runs, stderr) = fixture.run(cwd, &env, &words);
            if runs {
                ran += 1
            } else {
                failed += 1
            }
            if !open && fails == runs || open && fails && runs {
                wrong.push(format!("{case}: {needs:?}, runs {runs}: {stderr}"));
            }
        }
    });
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(ran > 25 && failed > 15, "{ran} ran, {failed} failed");
}
