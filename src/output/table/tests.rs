//! What the terminal shows, at several widths. `PLIMSOLL_BLESS=1 cargo test` rewrites `testdata/reports`.

use super::*;
use crate::model::text::shown_bytes;
use crate::output::sample;

fn options(width: usize) -> Options {
    Options { width, color: false, errors: true, detail: Detail::Normal, sizes: true }
}

fn with(report: &Report, options: Options) -> String {
    let mut out = Vec::new();
    write(report, options, &mut out).expect("memory");
    String::from_utf8(out).expect("UTF-8")
}

fn at(report: &Report, width: usize) -> String {
    with(report, options(width))
}

/// Compares with `testdata/reports/NAME.txt`.
fn check(name: &str, report: &Report, options: Options) {
    let path = format!("{}/testdata/reports/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let got = with(report, options);
    if std::env::var_os("PLIMSOLL_BLESS").is_some() {
        std::fs::create_dir_all(std::path::Path::new(&path).parent().expect("a directory")).expect("it can be made");
        std::fs::write(&path, &got).expect("it can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(got == expected, "{path} is stale: PLIMSOLL_BLESS=1 cargo test\n{got}");
}

#[test]
fn writes_reports_at_several_widths() {
    check("bad-80", &sample::bad(), options(80));
    check("bad-40", &sample::bad(), options(40));
    check("bad-120", &sample::bad(), options(120));
    check("empty-80", &sample::empty(), options(80));
    check("unjudged-80", &sample::unjudged(), options(80));
    check("many-80", &sample::many(), options(80));
}

#[test]
fn detail_sets_how_much_is_shown() {
    check("bad-verbose-80", &sample::bad(), Options { detail: Detail::Verbose, ..options(80) });
    check("bad-summary-80", &sample::bad(), Options { detail: Detail::Summary, ..options(80) });
    check("bad-quiet-80", &sample::bad(), Options { detail: Detail::Quiet, ..options(80) });
    check("unjudged-quiet-80", &sample::unjudged(), Options { detail: Detail::Quiet, ..options(80) });
    assert!(!with(&sample::bad(), Options { sizes: false, ..options(80) }).contains("Size"));
}

#[test]
fn only_dockerfile_lines_exceed_the_width() {
    for report in [sample::bad(), sample::empty(), sample::unjudged(), sample::hostile(), sample::many()] {
        for width in [1, 24, 40, 60, 71, 72, 80, 120, 400] {
            for line in at(&report, width).lines().filter(|line| !line.contains("RUN chown")) {
                assert!(wrap::width(line) <= width.max(page::WIDTH_MIN), "{width}: {line:?}");
            }
        }
    }
}

#[test]
fn verbose_shows_everything() {
    for report in [sample::bad(), sample::hostile(), sample::many()] {
        for width in [1, 40, 80, 400] {
            let text = with(&report, Options { detail: Detail::Verbose, ..options(width) }).replace([' ', '\n'], "");
            let findings = report.images.iter().flat_map(|image| &image.findings);
            for finding in findings.filter(|finding| finding.subject != crate::rules::OMITTED_SUBJECT) {
                let message = shown(&finding.message).replace(' ', "");
                assert!(text.contains(&message), "{message}");
                for path in finding.locations.iter().filter_map(|location| location.path.as_ref()) {
                    assert!(text.contains(&shown_bytes(path)), "{path:?}");
                }
                assert!(text.contains(&shown(&finding.fix.advice).replace(' ', "")), "{}", finding.fix.advice);
            }
        }
    }
}

#[test]
fn makes_hostile_text_harmless() {
    let text = at(&sample::hostile(), 80);
    assert!(text.chars().all(|c| c == '\n' || !crate::model::text::is_harmful(c)), "{text}");
    assert!(text.contains("\\x1b[2J"));
    assert!(!text.contains("\nPASS"));
}

#[test]
fn uses_colours_only_on_request() {
    let text = with(&sample::bad(), Options { color: true, ..options(80) });
    assert!(text.starts_with("\u{1b}[1m\u{1b}[31mFAIL"), "{text}");
    assert!(!at(&sample::bad(), 80).contains('\u{1b}'));
}
