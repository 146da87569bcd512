//! Reports built by hand, for the tests of the output formats.

use crate::model::config::ImageConfig;
use crate::model::digest::Algorithm;
use crate::model::digest::Digest;
use crate::model::fault::ImageFault;
use crate::model::fault::LayerFault;
use crate::model::fault::Offset;
use crate::model::finding::Confidence;
use crate::model::finding::Finding;
use crate::model::finding::Fix;
use crate::model::finding::Group;
use crate::model::finding::Level;
use crate::model::finding::Location;
use crate::model::finding::Question;
use crate::model::finding::RuleId;
use crate::model::finding::Scope;
use crate::model::finding::State;
use crate::model::finding::Undecided;
use crate::model::fingerprint::Fingerprints;
use crate::model::image::Image;
use crate::model::image::Instruction;
use crate::model::image::Layer;
use crate::model::layer_facts::Compression;
use crate::policy::PolicyName;
use crate::report::CheckedRule;
use crate::report::Evidence;
use crate::report::ImageReport;
use crate::report::ImageSizes;
use crate::report::InputError;
use crate::report::LayerReport;
use crate::report::NotExamined;
use crate::report::Report;
use crate::verdict::FailOn;
use crate::verdict::Verdict;

fn digest(n: u8) -> Digest {
    Digest::from_bytes(Algorithm::Sha256, &[n; 32])
}

/// An image with these instructions, one layer each.
fn image(name: &str, instructions: &[&str]) -> Image {
    let layer = |index: usize| Layer {
        digest: Some(digest(index as u8 + 100)),
        diff_id: digest(index as u8 + 1),
        media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".to_string()),
        instruction: Some(index),
    };
    let instruction = |(index, text): (usize, &&str)| Instruction {
        keyword: text.split(' ').next().unwrap_or("").to_string(),
        text: text.to_string(),
        raw: text.to_string(),
        layer: Some(index),
    };
    Image {
        reference: name.to_string(),
        names: vec![name.to_string()],
        manifest_digest: Some(digest(0xaa)),
        config_digest: digest(0xbb),
        platform: "linux/amd64".to_string(),
        config: ImageConfig::default(),
        layers: (0..instructions.len()).map(layer).collect(),
        instructions: instructions.iter().enumerate().map(instruction).collect(),
        history_mismatch: None,
        base_layers: None,
        redactor: std::sync::Arc::default(),
    }
}

/// A finding with one location.
pub fn finding(rule: &'static str, level: Level, message: &str, fix: &str, location: Location) -> Finding {
    Finding {
        rule: RuleId::new(rule),
        level,
        confidence: Confidence::Certain,
        subject: message.to_string(),
        message: message.to_string(),
        fix: Fix::new(fix),
        fingerprint: Fingerprints::default().next(rule, message, Some(&location), None),
        locations: vec![location],
        group: None,
        scope: Scope::Own,
        waiver: None,
    }
}

/// A finding with more places than are shown.
fn world_writable() -> Finding {
    let message = "78 paths under /app are world-writable";
    let place = |path: &str| Location::path(path.as_bytes(), Some(2), State::Visible);
    let mut finding = finding("world-writable", Level::Error, message, "Give /app to uid 1000", place("app"));
    finding.fix = finding.fix.line("RUN chown -R 1000 /app").line("USER 1000");
    finding.locations.extend(["app/a.py", "app/b.py", "app/c.py"].map(place));
    finding.group = Some(Group { directory: b"app".to_vec(), count: 78 });
    finding
}

fn report(image: Image) -> ImageReport {
    ImageReport {
        image,
        verdict: Verdict::Pass,
        faults: Vec::new(),
        sizes: Some(ImageSizes::default()),
        layers: Vec::new(),
        findings: Vec::new(),
        undecided: Vec::new(),
        not_examined: Vec::new(),
        evidence: Vec::new(),
    }
}

fn run(images: Vec<ImageReport>) -> Report {
    let name = |name: &str| PolicyName { name: name.to_string(), sha256: "00".repeat(32) };
    let policies = vec![name("backend"), name("baseline")];
    let rules = vec![CheckedRule { id: RuleId::new("root-user"), level: Level::Error }];
    Report { policies, rules, fail_on: FailOn::Level(Level::Error), images, errors: Vec::new() }
}

/// One image with findings of every level, undecided questions and things that were not examined.
pub fn bad() -> Report {
    let long = "RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && pip install -r requirements.txt";
    let mut image = image("backend-bad:latest", &["ADD rootfs.tar.xz /", long, "COPY . .", "RUN rm -r /root/.ssh"]);
    image.base_layers = Some(1);
    let layer = |n: u8, compression, stored, uncompressed, entries, whiteouts| LayerReport {
        digest: digest(n + 100),
        compression,
        stored,
        uncompressed,
        entries,
        whiteouts,
    };
    let ignore = "Exclude it in .dockerignore, or copy only what the program needs";
    let key = "/root/.ssh/id_rsa contains a private key";
    let mut secret = finding(
        "secret-in-file",
        Level::Error,
        key,
        "Mount it with `RUN --mount=type=secret`. Replace the key: it has been shipped",
        Location::path(b"root/.ssh/id_rsa", Some(2), State::Shipped),
    );
    secret.confidence = Confidence::Likely;
    let mut setuid = finding(
        "setuid-program",
        Level::Note,
        "/usr/bin/su is setuid root",
        "Clear the bit",
        Location::path(b"usr/bin/su", Some(0), State::Visible),
    );
    setuid.scope = Scope::Base;
    let env = b"app/.env".to_vec();
    let mut context = finding(
        "context-file-left",
        Level::Error,
        "/app/.env was copied in from the build context",
        ignore,
        Location::path(&env, Some(2), State::Visible),
    );
    context.locations.push(Location::path(&env, Some(1), State::Shipped));
    let findings = vec![
        context,
        finding(
            "context-file-left",
            Level::Error,
            "a Dockerfile was copied in from the build context",
            ignore,
            Location::path(b"app/deploy/kubernetes/overlays/production/Dockerfile", Some(2), State::Visible),
        ),
        finding(
            "root-user",
            Level::Error,
            "USER is not set, so the container runs as root",
            "Add an unprivileged user and run as it",
            Location::config("config.User"),
        ),
        world_writable(),
        secret,
        finding(
            "floating-tag",
            Level::Warn,
            "the tag `latest` doesn't identify a version",
            "Tag the image with its version",
            Location::default(),
        ),
        setuid,
    ];
    let mut bad = report(image);
    bad.verdict = Verdict::Fail;
    bad.sizes =
        Some(ImageSizes { compressed: None, uncompressed: 430_000_000, visible: 400_000_000, wasted: 30_000_000 });
    bad.layers = vec![
        layer(0, Compression::Gzip, 29_100_000, 81_000_000, 3_321, 0),
        layer(1, Compression::Zstd, 52_000_000, 348_900_000, 12_012, 3),
        layer(2, Compression::None, 98_304, 98_304, 80, 0),
        layer(3, Compression::Gzip, 120, 1_536, 0, 1),
    ];
    bad.findings = findings;
    bad.undecided = vec![Question::new(
        RuleId::new("healthcheck-target"),
        Undecided::unknowable("config.Healthcheck", "the address contains a variable that Env doesn't set"),
    )];
    bad.not_examined = vec![NotExamined {
        kind: "platform".to_string(),
        count: 2,
        bytes: Some(61_000_000),
        layer: None,
        reason: "linux/arm64 and linux/arm/v7 are listed, and their blobs are not in this input".to_string(),
    }];
    bad.evidence = vec![Evidence {
        kind: "attestation".to_string(),
        digest: digest(0xcc).to_string(),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_string(),
        subject: Some(digest(0xaa).to_string()),
    }];
    run(vec![bad])
}

/// An image without layers and findings.
pub fn empty() -> Report {
    run(vec![report(image("empty:1.0", &[]))])
}

/// An image that could not be judged, one that passes, and an input that is missing.
pub fn unjudged() -> Report {
    let mut broken = report(image("broken:1.0", &["COPY . ."]));
    broken.verdict = Verdict::Unjudged;
    broken.sizes = None;
    broken.faults = vec![ImageFault::Layer {
        index: 0,
        digest: Some(digest(1)),
        fault: LayerFault::Unreadable {
            offset: Some(Offset::Tar(512)),
            what: "the tar ends inside a header".to_string(),
        },
    }];
    broken.undecided =
        vec![Question::new(RuleId::new("world-writable"), Undecided::denied("the files", "a layer could not be read"))];
    let mut report = run(vec![broken, report(image("empty:1.0", &[]))]);
    report.errors = vec![InputError {
        reference: "no-such.tar".to_string(),
        message: "cannot open it: no such file".to_string(),
        hint: Some("name an archive, a directory or oci:DIR".to_string()),
    }];
    report
}

/// An image with harmful characters in every string.
pub fn hostile() -> Report {
    let text = "a\u{1b}[2J\u{202e}b\u{9b}\u{e0041}\u{7f}\nPASS";
    let mut hostile = report(image(text, &[text]));
    hostile.image.platform = text.to_string();
    hostile.verdict = Verdict::Fail;
    hostile.faults = vec![ImageFault::Contradiction(text.to_string())];
    hostile.findings = vec![finding(
        "root-user",
        Level::Error,
        text,
        text,
        Location {
            path: Some(b"caf\xe9\\".to_vec()),
            layer: Some(0),
            config: Some(text.to_string()),
            ..Location::default()
        },
    )];
    hostile.undecided = vec![Question::new(RuleId::new("root-user"), Undecided::denied(text, text))];
    hostile.not_examined =
        vec![NotExamined { kind: text.to_string(), count: 1, bytes: None, layer: None, reason: text.to_string() }];
    hostile.evidence = vec![Evidence {
        kind: text.to_string(),
        digest: text.to_string(),
        media_type: text.to_string(),
        subject: Some(text.to_string()),
    }];
    let mut report = run(vec![hostile]);
    report.errors =
        vec![InputError { reference: text.to_string(), message: text.to_string(), hint: Some(text.to_string()) }];
    report
}

/// An image with as many findings of one rule as a report lists, and one that counts the rest.
pub fn many() -> Report {
    let mut many = report(image("many:1.0", &["COPY . ."]));
    many.verdict = Verdict::Fail;
    let place = |n: usize| Location::path(format!("srv/{n:03}").as_bytes(), Some(0), State::Visible);
    many.findings = (0..500)
        .map(|n| {
            finding(
                "world-writable",
                Level::Error,
                &format!("/srv/{n:03} is world-writable"),
                "Add the files without write access for others",
                place(n),
            )
        })
        .collect();
    let mut more = finding(
        "world-writable",
        Level::Error,
        "1234 more findings of this rule are not listed one by one",
        "the rule's general fix",
        Location::default(),
    );
    more.locations.clear();
    more.subject = crate::rules::OMITTED_SUBJECT.to_string();
    many.findings.insert(0, more);
    run(vec![many])
}
