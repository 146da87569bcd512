//! Next.js: the build that `next start` serves.
//!
//! Next.js documentation, "next CLI" and "distDir". Not here: standalone builds, which are scripts of Node.js.

use crate::facts::access::Reach;
use crate::facts::ground::Ground;
use crate::facts::ground::Lack;
use crate::facts::ground::Need;
use crate::facts::options::Order;
use crate::facts::options::Sorted;
use crate::facts::proof::lang;
use crate::model::bytes;
use crate::model::finding::Undecided;
use crate::model::text::shown_bytes;

/// What `next` needs; `words` are those behind its name. Only `start` needs a build.
pub fn needs(ground: &Ground<'_>, words: &[String]) -> Vec<Need> {
    let Some((_, words)) = words.split_first().filter(|(verb, _)| *verb == "start") else { return Vec::new() };
    let options = Sorted::read(words, "--turbo --turbopack --help", Order::Mixed);
    let folder = match options.rest[..] {
        [] => ".",
        [folder] => folder,
        _ => return vec![Need::Open(Undecided::unknowable("next", "its words do not tell where its build is"))],
    };
    if let Some(undecided) = lang::undecided(folder) {
        return vec![Need::Open(undecided)];
    }
    let folder = lang::path_of(ground, folder.trim_end_matches('/'));
    let folder = folder.strip_suffix(b"/").unwrap_or(&folder);
    let need = ground.readable(&[folder, b"/.next/BUILD_ID"].concat(), "the build's file");
    let Need::Unmet(lack) = need else { return vec![need] };
    // An option that is not known here may have taken the folder for its value.
    if !options.are_among("-p --port -H --hostname --keepAliveTimeout --turbo --turbopack") {
        return vec![Need::Open(Undecided::unknowable("next", "its words do not tell where its build is"))];
    }
    if let Some(undecided) = elsewhere(ground, folder) {
        return vec![Need::Open(undecided)];
    }
    let what = match lack.place {
        Some(_) => lack.what,
        None => {
            let folder = shown_bytes(folder);
            format!("there is no production build in {folder}/.next (no BUILD_ID), which `next build` makes")
        }
    };
    vec![Need::Unmet(Lack { what, ..lack })]
}

/// Whether the project's settings may keep the build in another folder. Nx's plugin does so by itself.
fn elsewhere(ground: &Ground<'_>, folder: &[u8]) -> Option<Undecided> {
    for name in ["next.config.js", "next.config.mjs", "next.config.ts", "next.config.mts", "next.config.cjs"] {
        let Reach::Found(node) = ground.reach(&[folder, b"/", name.as_bytes()].concat()) else { continue };
        match ground.facts.content(node) {
            Ok(code) => {
                let says = |word: &str| bytes::contains(code, word.as_bytes());
                if ["distDir", "@nx/", "withNx"].iter().any(|word| says(word)) {
                    let reason = "it may keep the build in another folder";
                    return Some(Undecided::unknowable(ground.name(node), reason));
                }
            }
            Err(undecided) => return Some(undecided),
        }
    }
    None
}
