//! Next.js: the build that `next start` serves.
//!
//! Next.js documentation, "next CLI" and "distDir". Not here: standalone builds, which are Node.js scripts.

use crate::facts::access::Reach;
use crate::facts::options::Order;
use crate::facts::options::ParsedOptions;
use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang;
use crate::model::bytes;
use crate::model::finding::Undecided;
use crate::model::text::shown_bytes;

/// What `next` needs; `words` are its arguments. Only `start` needs a build.
pub fn needs(process: &ProcessContext<'_>, words: &[String]) -> Vec<Need> {
    let Some((_, words)) = words.split_first().filter(|(verb, _)| *verb == "start") else { return Vec::new() };
    let options = ParsedOptions::parse(words, "--turbo --turbopack --help", Order::Mixed);
    let directory = match options.rest[..] {
        [] => ".",
        [directory] => directory,
        _ => {
            return vec![Need::Undecided(Undecided::unknowable(
                "next",
                "its arguments don't determine where its build is",
            ))];
        }
    };
    if let Some(undecided) = lang::undecided(directory) {
        return vec![Need::Undecided(undecided)];
    }
    let directory = lang::path_of(process, directory.trim_end_matches('/'));
    let directory = directory.strip_suffix(b"/").unwrap_or(&directory);
    let need = process.readable(&[directory, b"/.next/BUILD_ID"].concat(), "the build file");
    let Need::Unmet(lack) = need else { return vec![need] };
    // An unknown option may have taken the directory as its value.
    if !options.only_has("-p --port -H --hostname --keepAliveTimeout --turbo --turbopack") {
        return vec![Need::Undecided(Undecided::unknowable(
            "next",
            "its arguments don't determine where its build is",
        ))];
    }
    if let Some(undecided) = elsewhere(process, directory) {
        return vec![Need::Undecided(undecided)];
    }
    let what = match lack.place {
        Some(_) => lack.what,
        None => {
            let directory = shown_bytes(directory);
            format!("there is no production build in {directory}/.next (no BUILD_ID); `next build` creates it")
        }
    };
    vec![Need::Unmet(Missing { what, ..lack })]
}

/// Whether the project's settings may put the build in another directory. Nx's plugin does so by default.
fn elsewhere(process: &ProcessContext<'_>, directory: &[u8]) -> Option<Undecided> {
    for name in ["next.config.js", "next.config.mjs", "next.config.ts", "next.config.mts", "next.config.cjs"] {
        let Reach::Found(node) = process.reach(&[directory, b"/", name.as_bytes()].concat()) else { continue };
        match process.facts.content(node) {
            Ok(code) => {
                let says = |word: &str| bytes::contains(code, word.as_bytes());
                if ["distDir", "@nx/", "withNx"].iter().any(|word| says(word)) {
                    let reason = "it may put the build in another directory";
                    return Some(Undecided::unknowable(process.name(node), reason));
                }
            }
            Err(undecided) => return Some(undecided),
        }
    }
    None
}
