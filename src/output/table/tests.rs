//! What the terminal shows, at several widths.

use super::*;
use crate::output::sample;

fn at(report: &Report, width: usize) -> String {
    let mut out = Vec::new();
    write(report, Options { width, color: false, errors: true }, &mut out).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

fn check(report: &Report, width: usize, expected: &str) {
    let got = at(report, width);
    assert_eq!(got.trim_end(), expected.trim_matches('\n'), "\n{got}");
}

#[test]
fn eighty_columns() {
    check(
        &sample::bad(),
        80,
        r#"
FAIL  backend-bad:latest  linux/amd64  4 errors, 1 warning, 1 note
  policy backend, baseline

error  context-file-left  2 findings
  .env of the build context lies in the image
    /app/.env  layer 2 of 4: COPY . .
      layer 1 of 4, hidden but shipped: RUN apt-get update && apt-get install -…
  Dockerfile of the build context lies in the image
    /app/deploy/kubernetes/overlays/production/Dockerfile
      layer 2 of 4: COPY . .
  fix: Name it in .dockerignore, or copy only what the program needs.

error  root-user
  the config names no user, so the program starts as uid 0
    config.User
  fix: Make an account in the build and name it with USER.

error  secret-in-file
  /root/.ssh/id_rsa holds a private key (likely)
    /root/.ssh/id_rsa  layer 2 of 4, hidden but shipped: COPY . .
  fix: Mount it with RUN --mount=type=secret, and make a new key.

warn  floating-tag
  the image is called latest
  fix: Give it a tag that says which version it is.

note  setuid-program
  su runs as root for whoever calls it (base image)
    /usr/bin/su  layer 0 of 4: ADD rootfs.tar.xz /
  fix: RUN chmod u-s /usr/bin/su

Sizes
#   compressed   uncompressed   entries   instruction
────────────────────────────────────────────────────────────────────────────────
0      29.1 MB        81.0 MB      3321   ADD rootfs.tar.xz /
1      52.0 MB       348.9 MB     12012   RUN apt-get update && apt-get install
                                          -y --no-install-recom…
2        plain        98.3 kB        80   COPY . .
3        120 B         1.5 kB         0   RUN rm -r /root/.ssh
Together 430.0 MB uncompressed; 400.0 MB of files can be seen in a container,
30.0 MB are wasted on files that cannot.

Not examined
  2 platforms, 61.0 MB: linux/arm64 and linux/arm/v7 are listed, and their
    blobs are not in this input

Undecided
  healthcheck-target  config.Healthcheck: the address holds a variable that
    only the container's shell knows

Beside the image, not judged
  attestation
    sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc
    (application/vnd.oci.image.manifest.v1+json), of
    sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
"#,
    );
}

#[test]
fn forty_columns() {
    check(
        &sample::bad(),
        40,
        r#"
FAIL  backend-bad:latest  linux/amd64
  4 errors, 1 warning, 1 note
  policy backend, baseline

error  context-file-left  2 findings
  .env of the build context lies in
    the image
    /app/.env  layer 2 of 4: COPY . .
      layer 1 of 4, hidden but shipped
      RUN apt-get update && apt-get i…
  Dockerfile of the build context lies
    in the image
    /app/deploy/kubernetes/overlays/
      production/Dockerfile
      layer 2 of 4: COPY . .
  fix: Name it in .dockerignore, or
       copy only what the program needs.

error  root-user
  the config names no user, so the
    program starts as uid 0
    config.User
  fix: Make an account in the build
       and name it with USER.

error  secret-in-file
  /root/.ssh/id_rsa holds a private
    key (likely)
    /root/.ssh/id_rsa
      layer 2 of 4, hidden but shipped
      COPY . .
  fix: Mount it with RUN
       --mount=type=secret, and make a
       new key.

warn  floating-tag
  the image is called latest
  fix: Give it a tag that says
       which version it is.

note  setuid-program
  su runs as root for whoever calls it
    (base image)
    /usr/bin/su
      layer 0 of 4: ADD rootfs.tar.xz /
  fix: RUN chmod u-s /usr/bin/su

Sizes
#   layer
────────────────────────────────────────
0   ADD rootfs.tar.xz /
    81.0 MB, 29.1 MB compressed, 3321
    entries
1   RUN apt-get update && apt-get
    install -y --no-install-recom…
    348.9 MB, 52.0 MB compressed, 12012
    entries
2   COPY . .
    98.3 kB, stored plain, 80 entries
3   RUN rm -r /root/.ssh
    1.5 kB, 120 B compressed, 0 entries
Together 430.0 MB uncompressed; 400.0 MB
of files can be seen in a container,
30.0 MB are wasted on files that cannot.

Not examined
  2 platforms, 61.0 MB: linux/arm64
    and linux/arm/v7 are listed, and
    their blobs are not in this input

Undecided
  healthcheck-target
    config.Healthcheck: the address
    holds a variable that only the
    container's shell knows

Beside the image, not judged
  attestation
    sha256:ccccccccccccccccccccccccccccc
    ccccccccccccccccccccccccccccccccccc
    (application/vnd.oci.image.manifest.
    v1+json), of
    sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
"#,
    );
}

#[test]
fn unjudged_and_several() {
    check(
        &sample::unjudged(),
        80,
        r#"
UNJUDGED  broken:1.0  linux/amd64  no findings  policy backend, baseline

Why it could not be judged
  layer 0 (sha256:010101010101): the tar ends inside a header

Sizes
1 layer, not measured.

Not examined  nothing

Undecided
  world-writable  the files: layer 0 could not be read

────────────────────────────────────────────────────────────────────────────────

PASS  empty:1.0  linux/amd64  no findings  policy backend, baseline

Sizes
The image has no layers.

Not examined  nothing

UNJUDGED  no-such.tar
  cannot open no-such.tar: no such file
  hint: name an archive, a directory or oci:DIR

All images
image                    verdict    errors   warnings   notes
──────────────────────────────────────────────────────────────
broken:1.0 linux/amd64   unjudged        0          0       0
empty:1.0 linux/amd64    pass            0          0       0
no-such.tar              unjudged        –          –       –
"#,
    );
}

#[test]
fn empty() {
    check(
        &sample::empty(),
        120,
        r#"
PASS  empty:1.0  linux/amd64  no findings  policy backend, baseline

Sizes
The image has no layers.

Not examined  nothing
"#,
    );
}

#[test]
fn many_findings_are_ten_and_a_count() {
    check(
        &sample::many(),
        80,
        r#"
FAIL  many:1.0  linux/amd64  501 errors  policy backend, baseline

error  world-writable  500 findings
  /srv/000 may be changed by anybody
    /srv/000  layer 0 of 1: COPY . .
  /srv/001 may be changed by anybody
    /srv/001  layer 0 of 1
  /srv/002 may be changed by anybody
    /srv/002  layer 0 of 1
  /srv/003 may be changed by anybody
    /srv/003  layer 0 of 1
  /srv/004 may be changed by anybody
    /srv/004  layer 0 of 1
  /srv/005 may be changed by anybody
    /srv/005  layer 0 of 1
  /srv/006 may be changed by anybody
    /srv/006  layer 0 of 1
  /srv/007 may be changed by anybody
    /srv/007  layer 0 of 1
  /srv/008 may be changed by anybody
    /srv/008  layer 0 of 1
  /srv/009 may be changed by anybody
    /srv/009  layer 0 of 1
  and 490 more (--format json lists all)
  1234 more findings of this rule are not listed one by one
  fix: RUN chmod o-w /srv

Sizes
1 layer, not measured.
Together 0 B uncompressed; 0 B of files can be seen in a container.

Not examined  nothing
"#,
    );
}

#[test]
fn a_wide_terminal_has_room_for_places_and_instructions() {
    let text = at(&sample::bad(), 120);
    assert!(
        text.contains("    /app/deploy/kubernetes/overlays/production/Dockerfile  layer 2 of 4: COPY . .\n"),
        "{text}"
    );
    assert!(text.contains("    /root/.ssh/id_rsa  layer 2 of 4, hidden but shipped: COPY . .\n"), "{text}");
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_is_lost() {
    for report in [sample::bad(), sample::empty(), sample::unjudged(), sample::hostile(), sample::many()] {
        let mut texts = Vec::new();
        for width in [1, 24, 40, 60, 71, 72, 80, 120, 400] {
            let text = at(&report, width);
            for line in text.lines() {
                assert!(wrap::width(line) <= width.max(WIDTH_MIN), "{width}: {line:?}");
            }
            texts.push(text.replace([' ', '\n'], ""));
        }
        for image in &report.images {
            for finding in &image.findings[..image.findings.len().min(SHOWN_MAX)] {
                let message = shown(&finding.message).replace(' ', "");
                assert!(texts.iter().all(|text| text.contains(&message)), "{message}");
                for path in finding.locations.iter().filter_map(|location| location.path.as_ref()) {
                    let path = shown_bytes(path);
                    assert!(texts.iter().all(|text| text.contains(&path)), "{path}");
                }
            }
        }
    }
}

#[test]
fn hostile_texts_cannot_reach_the_terminal() {
    let text = at(&sample::hostile(), 80);
    assert!(text.chars().all(|c| c == '\n' || !crate::model::text::is_harmful(c)), "{text}");
    assert!(text.contains("\\x1b[2J"));
    assert!(!text.contains("\nPASS"));
}

#[test]
fn colours_only_on_heads_and_only_on_demand() {
    let mut out = Vec::new();
    write(&sample::bad(), Options { width: 80, color: true, errors: true }, &mut out).expect("memory");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(text.starts_with("\u{1b}[1m\u{1b}[31mFAIL\u{1b}[0m  "), "{text}");
    assert!(!at(&sample::bad(), 80).contains('\u{1b}'));
}
