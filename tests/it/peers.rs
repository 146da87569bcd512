//! Images that other checkers are known to judge wrongly, each with the answer that its bytes prove.
//!
//! Most are based on [`CLEAN`]. The numbers only identify the cases.

use crate::image;
use crate::image::Compression;
use crate::image::Image;
use crate::notation;
use crate::support;
use crate::support::ScratchDir;
use crate::tarball;
use serde_json::Value;
use serde_json::json;

/// One layer with accounts and a program, a user, a health check and no ports.
const CLEAN: &str = r#"
config user=app workdir=/app cmd=["/app/h"] healthcheck=["CMD","/app/h"]
layer COPY . /
  d 0755 0:0 etc
  f 0644 0:0 etc/passwd "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\napp:x:1000:1000::/app:/bin/sh\n"
  f 0644 0:0 etc/group "root:x:0:\nnobody:x:65534:\napp:x:1000:\n"
  f 0640 0:0 etc/shadow "root:*:19000:0:99999:7:::\napp:!:19000:0:99999:7:::\n"
  d 0755 0:0 app
  f 0644 0:0 app/main.py "print(1)\n"
  f 0755 0:0 app/h "\x7fELF"
"#;

fn clean(more: &str) -> Image {
    notation::image(&format!("{CLEAN}{more}"))
}

/// The findings of one rule at `error`, with all other rules off.
fn only(image: &Image, rule: &str) -> Vec<Value> {
    let report = support::audit(image, "", &format!("{rule} = \"error\""));
    assert_eq!(report["faults"].as_array().map_or(0, Vec::len), 0, "{report}");
    support::findings(&report, rule).into_iter().cloned().collect()
}

#[track_caller]
fn breaks(image: &Image, rule: &str) -> Vec<Value> {
    let found = only(image, rule);
    assert!(!found.is_empty(), "{rule} reports nothing");
    found
}

#[track_caller]
fn keeps(image: &Image, rule: &str) {
    let found = only(image, rule);
    assert!(found.is_empty(), "{rule} reports {found:?}");
}

#[test]
fn case_00_the_clean_image_breaks_no_rule() {
    for rule in ["root-user", "unknown-user", "missing-healthcheck", "setuid-program", "package-cache-left"] {
        keeps(&clean(""), rule);
    }
}

#[test]
fn case_01_reports_root_in_every_spelling() {
    for user in ["0", "0:0", "root:root", "root", "root:0", ""] {
        breaks(&clean("").with("User", json!(user)), "root-user");
    }
}

#[test]
fn case_02_reports_uid_0_with_a_leading_zero() {
    breaks(&clean("").with("User", json!("00")), "root-user");
}

#[test]
fn case_03_reports_another_name_for_uid_0() {
    let image =
        clean("layer RUN useradd\n f 0644 0:0 etc/passwd \"root:x:0:0::/:/bin/sh\\nadmin:x:0:0::/:/bin/sh\\n\"\n");
    breaks(&image.with("User", json!("admin")), "root-user");
}

#[test]
fn case_04_reports_an_unknown_user() {
    breaks(&clean("").with("User", json!("ghost")), "unknown-user");
}

#[test]
fn case_05_reports_a_disabled_health_check() {
    let off = clean("").with("Healthcheck", json!({"Test": ["NONE"]}));
    breaks(&off, "missing-healthcheck");
    let mut with_history = off;
    with_history.history = Some(vec![("COPY . /".into(), false), ("HEALTHCHECK CMD /app/h".into(), true)]);
    breaks(&with_history, "missing-healthcheck");
}

#[test]
fn case_06_accepts_a_health_check_missing_from_history() {
    let mut image = clean("");
    image.history = Some(vec![]);
    keeps(&image, "missing-healthcheck");
}

#[test]
fn case_07_accepts_a_layer_after_the_last_instructions() {
    let mut image = clean("layer RUN true\n f 0644 0:0 app/late \"x\"\n");
    let line = |text: &str, empty| (text.to_string(), empty);
    image.history = Some(vec![
        line("COPY . /", false),
        line("HEALTHCHECK CMD [\"/app/h\"]", true),
        line("USER app", true),
        line("CMD [\"/app/h\"]", true),
        line("RUN true", false),
    ]);
    keeps(&image, "missing-healthcheck");
    keeps(&image, "root-user");
}

#[test]
fn case_08_reports_a_health_check_without_its_program() {
    let curl = json!(["CMD-SHELL", "curl -f http://localhost/ || exit 1"]);
    let image = |more: &str| {
        clean(&format!("layer COPY . .\n e 0755 0:0 bin/sh\n{more}")).with("Healthcheck", json!({"Test": curl}))
    };
    breaks(&image(""), "healthcheck-cannot-run");
    keeps(&image(" e 0755 0:0 usr/bin/curl\n"), "healthcheck-cannot-run");
}

#[test]
fn case_33_ignores_setuid_files_that_a_later_layer_hides() {
    let shipped = "layer COPY x /opt\n d 0755 0:0 opt/x\n e 4755 0:0 opt/x/su\n";
    keeps(&clean(&format!("{shipped}layer RUN a\n d 0755 0:0 opt/x\n o opt/x\n")), "setuid-program");
    keeps(&clean(&format!("{shipped}layer RUN b\n f 0644 0:0 opt/x \"a file now\"\n")), "setuid-program");
    breaks(&clean(shipped), "setuid-program");
}

#[test]
fn case_34_accepts_an_install_that_left_nothing() {
    for text in [
        "RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update && apt-get install -y gcc",
        "RUN apt-get update && apt-get install -y gcc && find /var/lib/apt/lists -type f -delete",
    ] {
        keeps(&clean(&format!("layer {text}\n d 0755 0:0 var/lib/apt/lists\n")), "package-cache-left");
    }
}

#[test]
fn case_35_reports_package_lists_whatever_history_says() {
    for text in ["RUN apt-get update && apt-get install -y gcc && rm -rf /var/lib/apt/lists/*", ""] {
        let entries = " d 0755 0:0 var/lib/apt/lists\n f 0644 0:0 var/lib/apt/lists/m_Packages =1100000\n";
        let found = breaks(&clean(&format!("layer {text}\n{entries}")), "package-cache-left");
        assert_eq!(found.len(), 1);
        let message = found[0]["message"].as_str().unwrap();
        assert!(message.contains("1.1 MB"), "{message}");
    }
}

#[test]
fn case_36_accepts_apk_with_its_cache_removed() {
    let image = clean("layer RUN apk add --update curl && rm -rf /var/cache/apk/*\n d 0755 0:0 var/cache/apk\n");
    keeps(&image, "package-cache-left");
}

#[test]
fn case_37_accepts_a_package_called_apt() {
    let image =
        clean("layer RUN apt-get install -y apt && rm -rf /var/lib/apt/lists/*\n d 0755 0:0 var/lib/apt/lists\n");
    let report = support::audit(&image, "baseline", "");
    assert!(
        !support::messages(&report)
            .iter()
            .any(|text| text.contains("upgrade") || text.starts_with("package-cache-left"))
    );
}

#[test]
fn case_39_ignores_text_that_looks_like_instructions() {
    let text = "layer RUN echo ADD files in place\n f 0644 0:0 a \"1\"\nlayer RUN echo ADD files in place\n f 0644 0:0 b \"2\"\n";
    let (plain, report) = (support::audit(&clean(""), "baseline", ""), support::audit(&clean(text), "baseline", ""));
    assert_eq!(support::messages(&plain), support::messages(&report));
}

#[test]
fn case_40_reports_a_port_whatever_history_says() {
    let line = "unexpected-port = { level = \"error\", ports = [\"8000/tcp\"] }";
    for history in [Some(vec![("COPY . /".into(), false), ("EXPOSE map[22/tcp:{}]".into(), true)]), Some(vec![])] {
        let mut image = clean("").with("ExposedPorts", json!({"8000/tcp": {}, "22/tcp": {}}));
        image.history = history;
        let report = support::audit(&image, "", line);
        assert_eq!(support::findings(&report, "unexpected-port").len(), 1, "{report}");
    }
}

#[test]
fn case_41_reports_a_port_with_another_protocol() {
    let image = clean("").with("ExposedPorts", json!({"8000/udp": {}}));
    let report = support::audit(&image, "", "unexpected-port = { level = \"error\", ports = [\"8000\"] }");
    assert!(!support::findings(&report, "unexpected-port").is_empty(), "{report}");
}

#[test]
fn case_57_never_follows_links_to_the_host() {
    let image = clean("layer COPY l /app\n l app/cfg -> /etc/hostname\n l app/rel -> ../../../../../../etc/hostname\n");
    let scratch = ScratchDir::new();
    let archive = scratch.archive(&image);
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let output = support::plimsoll(&["tree", &archive, "--plain", "--sha256"]).exits(0);
    assert!(
        output.out().lines().any(|line| line.starts_with("l 0777 0 0 0 /app/cfg /etc/hostname -")),
        "{}",
        output.describe()
    );
    assert!(host.trim().is_empty() || !output.out().contains(&image::sha256(host.as_bytes())));
    let user =
        clean("layer COPY l /etc\n l etc/passwd -> ../../../../../../etc/passwd\n").with("User", json!("daemon"));
    let report = support::audit(&user, "", "unknown-user = \"error\"\nroot-user = \"error\"");
    assert_ne!(report["verdict"], "pass", "the host's accounts were read: {report}");
}

#[test]
fn case_58_reports_a_name_that_leaves_the_root() {
    let scratch = ScratchDir::new();
    let mut image = clean("");
    let evil = [tarball::file("../escape-marker", "x"), tarball::file("../../../../escape-marker", "x")].concat();
    image.layers.push(image::Layer {
        tar: Some([evil, tarball::END.to_vec()].concat()),
        created_by: None,
        entries: vec![],
    });
    let archive = scratch.file("inner/image.tar", image::docker_archive(&[image]));
    let output =
        support::Run::new(["audit", &archive, "--format", "json"]).directory(&scratch.directory().join("inner")).run();
    assert!(output.code.is_some_and(|code| code <= 2) && output.unsafe_text().is_none(), "{}", output.describe());
    assert!(output.out().contains("escape-marker"), "not reported: {}", output.describe());
    let mut left: Vec<_> =
        std::fs::read_dir(scratch.directory()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["inner"]);
    assert!(!std::path::Path::new("/escape-marker").exists());
}

#[test]
fn case_59_judges_each_image_of_an_archive() {
    let scratch = ScratchDir::new();
    let good = clean("name good:1.0\n");
    let bad = clean("name bad:1.0\n").with("User", json!("0"));
    let archive = scratch.file("two.tar", image::docker_archive(&[good, bad]));
    let policy = scratch.policy("", "root-user = \"error\"");
    let both = support::plimsoll(&["audit", &archive, "--policy", &policy, "--format", "json"]).exits(1).json();
    let verdicts: Vec<&Value> = both["images"].as_array().unwrap().iter().map(|image| &image["verdict"]).collect();
    assert_eq!(verdicts, ["pass", "fail"]);
    for (name, code) in [("good:1.0", 0), ("bad:1.0", 1)] {
        let reference = format!("docker-archive:{archive}:{name}");
        let one = support::plimsoll(&["audit", &reference, "--policy", &policy, "--format", "json"]).exits(code).json();
        assert_eq!(one["images"].as_array().unwrap().len(), 1);
        assert_eq!(one["images"][0]["names"], json!([name]));
    }
}

#[test]
fn case_60_judges_each_platform_and_lists_attestations() {
    let scratch = ScratchDir::new();
    let mut files = image::Files::new();
    let mut arm = clean("config arch=arm64 variant=v8\n").with("User", json!("0"));
    arm.names.clear();
    let attestation = json!({
        "schemaVersion": 2, "mediaType": image::MANIFEST_TYPE,
        "config": image::descriptor(image::CONFIG_TYPE, &image::put(&mut files, br#"{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec())),
        "layers": [image::descriptor("application/vnd.in-toto+json", &image::put(&mut files, b"{}".to_vec()))],
    });
    let amd_entry = image::put_image(&mut files, &clean(""), Compression::Gzip);
    let mut first =
        image::descriptor(image::MANIFEST_TYPE, &image::put(&mut files, attestation.to_string().into_bytes()));
    first["platform"] = json!({"architecture": "unknown", "os": "unknown"});
    first["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": amd_entry["digest"],
    });
    let arm_entry = image::put_image(&mut files, &arm, Compression::Gzip);
    image::seal(&mut files, &[first, amd_entry, arm_entry]);
    let layout = scratch.files("layout", &files);
    let policy = scratch.policy("", "root-user = \"error\"");
    let run = |more: &[&str]| {
        let args = [&["audit", &layout, "--policy", &policy, "--format", "json"], more].concat();
        support::plimsoll(&args)
    };
    let all = run(&[]).exits(1).json();
    let platforms: Vec<&Value> = all["images"].as_array().unwrap().iter().map(|image| &image["platform"]).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64/v8"]);
    assert!(all.to_string().contains("attestation"), "the attestation is not listed: {all}");
    let arm = run(&["--platform", "linux/arm64"]).exits(1).json();
    assert_eq!(arm["images"].as_array().unwrap().len(), 1);
    assert_eq!(arm["images"][0]["platform"], "linux/arm64/v8");
    run(&["--platform", "linux/amd64"]).exits(0);
    run(&["--platform", "linux/s390x"]).exits(2);
}

#[test]
fn case_61_writes_the_same_bytes_each_time() {
    let scratch = ScratchDir::new();
    let archive = scratch.archive(
        &clean("layer RUN x\n f 4777 0:0 a \"1\"\n f 4777 0:0 b \"2\"\n w app/main.py\n").with("User", json!("0")),
    );
    for format in ["json", "table"] {
        let run = || support::plimsoll(&["audit", &archive, "--format", format]);
        let first = run();
        for _ in 0..4 {
            let again = run();
            assert_eq!((first.code, &first.stdout, &first.stderr), (again.code, &again.stdout, &again.stderr));
        }
    }
}
