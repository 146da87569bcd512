//! The command line: wrong inputs give one clear error and exit code 2, and the output depends only on the input.

use crate::hello;
use crate::image;
use crate::image::Compression;
use crate::image::Image;
use crate::notation;
use crate::support;
use crate::support::Output;
use crate::support::Run;
use crate::support::ScratchDir;
use crate::tarball;
use serde_json::json;
use std::io::Read;
use std::process::Command;
use std::process::Stdio;

fn small() -> Image {
    notation::image("name app:1.0\nconfig user=1000\nlayer COPY . .\n f 0644 0:0 app/a \"a\"\n")
}

/// Auditing `reference` exits with 2 and at most one error. The output contains one alternative (`a|b`) of each word.
#[track_caller]
fn rejects(reference: &str, words: &[&str]) -> Output {
    let output = support::plimsoll(&["audit", reference]).exits(2);
    let text = format!("{}{}", output.out(), output.err()).to_lowercase();
    for word in words {
        assert!(word.split('|').any(|word| text.contains(word)), "{word} is not mentioned: {}", output.describe());
    }
    let errors = output.err().lines().filter(|line| line.starts_with("error")).count();
    assert!(errors <= 1, "more than one error: {}", output.describe());
    assert!(output.unsafe_text().is_none(), "{:?}", output.unsafe_text());
    output
}

#[test]
fn rejects_a_missing_file() {
    let output = rejects("/nowhere/app.tar", &["/nowhere/app.tar", "no such|not found|not there"]);
    assert!(output.stdout.is_empty(), "{}", output.describe());
}

#[test]
fn rejects_inputs_that_are_not_images() {
    let scratch = ScratchDir::new();
    rejects(&scratch.file("notes.txt", "some notes\n"), &["notes.txt"]);
    rejects(&scratch.file("empty.tar", ""), &["empty.tar"]);
    std::fs::create_dir(scratch.directory().join("directory")).unwrap();
    rejects(&scratch.path("directory"), &["directory"]);
    let disk =
        [tarball::directory("etc/"), tarball::file("etc/passwd", "root:x:0:0::/:/bin/sh\n"), tarball::END.to_vec()];
    rejects(
        &scratch.file("export.tar", disk.concat()),
        &["manifest.json|index.json", "export|root filesystem|docker save"],
    );
}

#[test]
fn rejects_an_unknown_tag_and_lists_the_known_ones() {
    let scratch = ScratchDir::new();
    let layout = scratch.files("layout", &image::oci_layout_files(&[small()], Compression::Gzip));
    rejects(&format!("oci:{layout}:app:9.9"), &["9.9", "app:1.0"]);
    let archive = scratch.archive(&small());
    rejects(&format!("docker-archive:{archive}:app:9.9"), &["9.9", "app:1.0"]);
}

#[test]
fn rejects_a_truncated_archive() {
    let scratch = ScratchDir::new();
    let whole = image::docker_archive(&[small()]);
    let content = whole.len() - tarball::END.len();
    for part in 1..16 {
        let cut = content * part / 16;
        rejects(&scratch.file("cut.tar", &whole[..cut]), &["cut.tar"]);
    }
}

#[test]
fn rejects_a_layer_that_does_not_match_its_digest() {
    let scratch = ScratchDir::new();
    let mut files = image::oci_layout_files(&[small()], Compression::Plain);
    let (_, blob) = files.iter_mut().find(|(_, blob)| blob.starts_with(b"app/a")).unwrap();
    blob[512] ^= 1;
    let layout = scratch.files("layout", &files);
    rejects(&layout, &["digest|sha256"]);
    let report = support::plimsoll(&["audit", &layout, "--format", "json"]).exits(2).json();
    assert_eq!(report["verdict"], "unjudged");
}

/// A layout whose only layer has this media type.
fn with_layer_type(media_type: &str) -> image::Files {
    let mut files = image::Files::new();
    let image = small();
    let tar = image.layers[0].bytes();
    let config = image::put(&mut files, image.config(&[image::digest(&tar)]));
    let blob = image::put(&mut files, tar);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": image::MANIFEST_TYPE,
        "config": image::descriptor(image::CONFIG_TYPE, &config), "layers": [image::descriptor(media_type, &blob)],
    });
    let manifest = image::put(&mut files, manifest.to_string().into_bytes());
    image::seal(&mut files, &[image::descriptor(image::MANIFEST_TYPE, &manifest)]);
    files
}

#[test]
fn rejects_an_encrypted_layer() {
    let scratch = ScratchDir::new();
    let files = with_layer_type("application/vnd.oci.image.layer.v1.tar+gzip+encrypted");
    rejects(&scratch.files("layout", &files), &["encrypted"]);
}

#[test]
fn rejects_a_windows_image() {
    let scratch = ScratchDir::new();
    let image = notation::image("config os=windows\nlayer\n f 0644 0:0 Files/a \"a\"\n");
    rejects(&scratch.archive(&image), &["windows"]);
}

#[test]
fn rejects_wrong_policies_and_options() {
    let scratch = ScratchDir::new();
    let policy = scratch.policy("", "rot-user = \"error\"");
    let output = support::plimsoll(&["audit", &hello::archive(), "--policy", &policy]).exits(2);
    assert!(output.err().contains("rot-user") && output.err().contains("root-user"), "{}", output.describe());
    support::plimsoll(&["audit", &hello::archive(), "--policy", "no-such-policy"]).exits(2);
    support::plimsoll(&["audit", &hello::archive(), "--fail-on", "sometimes"]).exits(2);
    support::plimsoll(&["audit"]).exits(2);
}

#[test]
fn judges_the_good_input_beside_a_bad_one() {
    let scratch = ScratchDir::new();
    let output = support::plimsoll(&["audit", &scratch.archive(&small()), "/nowhere.tar", "--format", "json"]).exits(2);
    let report = output.json();
    assert_eq!(report["images"].as_array().unwrap().len(), 1);
    assert_eq!(report["errors"].as_array().unwrap().len(), 1);
    assert_eq!(report["verdict"], "unjudged");
}

#[test]
fn fail_on_sets_the_failing_level() {
    let scratch = ScratchDir::new();
    let (archive, policy) = (hello::archive(), scratch.policy("", "unusable-path-entry = \"warn\""));
    for (level, code) in [("error", 0), ("warn", 1), ("note", 1), ("never", 0)] {
        support::plimsoll(&["audit", &archive, "--policy", &policy, "--fail-on", level]).exits(code);
    }
}

#[test]
fn tree_requires_a_single_image() {
    let scratch = ScratchDir::new();
    let other = notation::image("name other:2.0\nlayer\n f 0644 0:0 b \"b\"\n");
    let archive = scratch.file("two.tar", image::docker_archive(&[small(), other]));
    let output = support::plimsoll(&["tree", &archive, "--plain"]).exits(2);
    assert!(output.err().contains("app:1.0") && output.err().contains("other:2.0"), "{}", output.describe());
    let one = support::plimsoll(&["tree", &format!("docker-archive:{archive}:other:2.0"), "--plain"]).exits(0);
    assert_eq!(one.out(), "d 0755 0 0 0 / - -\nf 0644 0 0 1 /b - -\n");
}

#[test]
fn exits_quietly_when_the_reader_closes_the_pipe() {
    let scratch = ScratchDir::new();
    let mut layer = String::from("layer\n");
    for number in 0..5000 {
        layer.push_str(&format!(" f 0644 0:0 a/long-name-{number:08} \"x\"\n"));
    }
    let archive = scratch.archive(&notation::image(&layer));
    let args = ["tree", &archive, "--plain", "--sha256"];
    let mut child =
        Command::new(support::PROGRAM).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let ended = child.wait_with_output().unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&ended.status);
    assert!(ended.status.code() == Some(141) || signal == Some(13), "{:?}", ended.status);
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn writes_no_escape_sequences_without_a_terminal() {
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "xterm-256color"), ("COLUMNS", "80")] {
        let output = Run::new(["audit", &hello::archive()]).env(name, value).run().exits(1);
        assert!(output.unsafe_text().is_none(), "{name}: {:?}", output.unsafe_text());
        assert!(output.stderr.is_empty(), "{}", output.describe());
    }
}

#[test]
fn a_narrow_table_shows_every_rule() {
    let wide = Run::new(["audit", &hello::archive()]).env("COLUMNS", "400").run().exits(1).out();
    let narrow = Run::new(["audit", &hello::archive()]).env("COLUMNS", "40").run().exits(1).out();
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    for rule in ["command-cannot-run", "secret-in-env", "package-cache-left", "world-writable", "setuid-program"] {
        assert!(squeezed(&wide).contains(rule), "{rule} is missing from the wide table");
        assert!(squeezed(&narrow).contains(rule), "{rule} is missing from the narrow table");
    }
}

#[test]
fn never_prints_secrets() {
    for format in ["table", "json"] {
        let output = support::plimsoll(&["audit", &hello::archive(), "--format", format]).exits(1);
        assert!(!output.out().contains("n0t-a-real"), "the password is printed: {}", output.describe());
    }
    let output = support::plimsoll(&["inspect", &hello::archive(), "--no-layers", "--format", "json"]).exits(0);
    assert!(!output.out().contains("n0t-a-real"), "the password is printed: {}", output.describe());
}

#[test]
fn judges_minimal_images() {
    let scratch = ScratchDir::new();
    for (name, text) in [
        ("no history", "config user=1000\nhistory none\nlayer\n f 0644 0:0 a \"a\"\n"),
        ("no layers", "config user=1000\n"),
        ("no passwd", "config user=1000\nlayer\n f 0644 0:0 a \"a\"\n"),
        ("no config", "layer\n f 0644 0:0 a \"a\"\n"),
        ("an empty layer", "config user=1000\nlayer RUN true\nlayer RUN true\n"),
    ] {
        let archive = scratch.archive(&notation::image(text));
        let output = support::plimsoll(&["audit", &archive, "--format", "json"]);
        assert!(matches!(output.code, Some(0 | 1)), "{name}: {}", output.describe());
        assert!(output.unsafe_text().is_none(), "{name}: {:?}", output.unsafe_text());
    }
}

#[test]
fn the_same_input_gives_the_same_report() {
    for format in ["json", "table"] {
        let first = support::plimsoll(&["audit", &hello::archive(), "--format", format]);
        for _ in 0..4 {
            let again = support::plimsoll(&["audit", &hello::archive(), "--format", format]);
            assert_eq!((first.code, &first.stdout, &first.stderr), (again.code, &again.stdout, &again.stderr));
        }
    }
}

#[test]
fn the_number_of_threads_does_not_change_the_report() {
    let run = |threads: &str| {
        let args = ["audit", &hello::archive(), "--format", "json", "--threads", threads];
        support::plimsoll(&args).exits(1).stdout
    };
    assert_eq!(run("1"), run("4"));
}

#[test]
fn reads_an_archive_from_a_pipe() {
    let bytes = std::fs::read(hello::archive()).unwrap();
    for bytes in [bytes.clone(), image::gzip(&bytes)] {
        let piped = Run::new(["audit", "-", "--format", "json"]).stdin(bytes).run().exits(1).json();
        let file = support::plimsoll(&["audit", &hello::archive(), "--format", "json"]).exits(1).json();
        assert_eq!(piped["images"][0]["findings"], file["images"][0]["findings"]);
    }
}

#[test]
fn lists_and_explains_rules() {
    let rules = support::plimsoll(&["rules"]).exits(0);
    assert!(rules.out().contains("root-user"), "{}", rules.describe());
    let page = support::plimsoll(&["explain", "root-user"]).exits(0);
    assert!(page.out().contains("USER"), "{}", page.describe());
    let wrong = support::plimsoll(&["explain", "rot-user"]).exits(2);
    assert!(wrong.err().contains("root-user"), "no suggestion: {}", wrong.describe());
}

#[test]
fn inspect_start_shows_each_step() {
    let scratch = ScratchDir::new();
    let archive = scratch.archive(&notation::image(
        "name app:1.0\nconfig user=1000 workdir=/w cmd=[\"/bin/sh\",\"-c\",\"exec ./run --token=ghp_0123456789abcdefghijklmnopqrstuvwxyzAB\"]\n\
         config healthcheck=[\"CMD\",\"/bin/\\u001b[31mx\"]\n\
         layer COPY . .\n e 0755 0:0 bin/sh\n f 0755 0:0 w/run \"#!/bin/sh\\n\"\n",
    ));
    let output = support::plimsoll(&["inspect", &archive, "--start"]).exits(0);
    let out = output.out();
    for part in ["app:1.0", "as uid 1000", "`./run` → /w/run: #!/bin/sh", "→ it can run", "→ it cannot run"] {
        assert!(out.contains(part), "no {part:?}: {}", output.describe());
    }
    assert!(!out.contains('\u{1b}') && !out.contains("0123456789abc"), "{out}");
    let json = support::plimsoll(&["inspect", &archive, "--start", "--format", "json"]).exits(0).json();
    let image = &json["images"][0];
    assert_eq!(json["version"], 1);
    assert_eq!((&image["start"]["runs"], &image["health"]["runs"]), (&"yes".into(), &"no".into()));
    assert_eq!(image["health"]["steps"][0]["sort"], "fault");
    assert!(!json.to_string().contains("0123456789abc"));
    for columns in ["40", "200"] {
        let output = Run::new(["inspect", "--start", &archive]).env("COLUMNS", columns).run().exits(0);
        let width = output.out().lines().map(|line| line.chars().count()).max().unwrap();
        assert!(width <= columns.parse().unwrap(), "{width} columns: {}", output.describe());
    }
    let layers = support::plimsoll(&["inspect", &archive]).exits(0);
    assert!(layers.out().contains("1 layer") && layers.out().contains("COPY . ."), "{}", layers.describe());
    let json = support::plimsoll(&["inspect", &archive, "--format", "json"]).exits(0).json();
    assert!(json["images"][0]["layers"][0]["entries"].is_u64(), "{json}");
    let tree = support::plimsoll(&["tree", &archive]).exits(0);
    assert!(tree.out().starts_with("mode ") && tree.out().contains("drwxr-xr-x"), "{}", tree.describe());
    support::plimsoll(&["inspect", &archive, "--start", "--no-layers"]).exits(2);
    let broken = scratch.file("broken.tar", &std::fs::read(&archive).unwrap()[..3000]);
    support::plimsoll(&["inspect", &broken, "--start"]).exits(2);
}

#[test]
fn undecided_questions_leak_no_secrets_or_escapes() {
    let scratch = ScratchDir::new();
    let text = "config user=app env=DB_PASSWORD=hunter2Zq cmd=[\"/bin/sh\",\"-c\",\"x.sh; /opt/$DB_PASSWORD/x\"]\n\
                config healthcheck=[\"CMD\",\"python3\",\"-m\",\"\\u001b]0;p\\u202eX\"]\n\
                layer COPY . .\n f 0644 0:0 etc/passwd \"app:x:1000:1000::/:/bin/sh\\n\"\n e 0755 0:0 bin/sh\n \
                e 0755 0:0 bin/python3.12\n l bin/python3 -> python3.12\n f 0644 0:0 lib/python3.12/os.py \"\"\n";
    let archive = scratch.archive(&notation::image(text));
    for args in
        [vec!["audit", &archive], vec!["audit", &archive, "--format", "json"], vec!["inspect", &archive, "--start"]]
    {
        let output = support::plimsoll(&args);
        let out = output.out();
        assert!(!out.contains("hunter2Zq") && !out.contains('\u{1b}') && !out.contains('\u{202e}'), "{out}");
        assert!(out.contains("redacted"), "the secret is not redacted: {out}");
    }
}

#[test]
fn survives_a_very_long_chain_of_busyboxes() {
    let scratch = ScratchDir::new();
    let mut image = notation::image("config cmd=[\"/bin/busybox\"]\nlayer COPY . .\n e 0755 0:0 bin/busybox\n");
    let mut words = vec!["busybox"; 300_000];
    words[0] = "/bin/busybox";
    image = image.with("Cmd", serde_json::json!(words));
    support::plimsoll(&["inspect", &scratch.archive(&image), "--start"]).exits(0);
}
