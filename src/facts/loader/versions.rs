//! Whether each loaded library defines the versions that others want of it.
//!
//! glibc, elf/dl-version.c: a version that a library does not define keeps the program from starting, unless it is weak or
//! the library defines no versions at all; then ld.so warns. Not here: musl, which looks at no versions.

use crate::facts::loader::link::Linker;
use crate::facts::loader::link::Object;
use crate::facts::proof::ground::Lack;
use crate::model::program::Versions;
use crate::model::text::shown_bytes;
use std::collections::BTreeSet;

/// Checks all objects against each other.
pub fn check(linker: &mut Linker<'_, '_>) {
    let mut lacks = Vec::new();
    let mut told = BTreeSet::new();
    for object in &linker.objects {
        let Some(versions) = versions(object) else { continue };
        for need in versions.needs.iter().filter(|need| !need.is_weak) {
            let library = linker.known(&need.library).and_then(|index| linker.objects.get(index));
            let Some(library) = library else { continue };
            let Some(provided) = self::versions(library).filter(|versions| !versions.defines.is_empty()) else {
                continue;
            };
            if provided.defines.contains(&need.version) || !told.insert((library.node, &need.version)) {
                continue;
            }
            let name = shown_bytes(&need.library);
            let version = shown_bytes(&need.version);
            let what = format!(
                "{} needs {version} of {name}, and {} defines {}",
                linker.ground.name(object.node),
                linker.ground.name(library.node),
                match latest(&provided.defines, &need.version) {
                    Some(latest) => format!("up to {}", shown_bytes(latest)),
                    None => "no such version".to_string(),
                }
            );
            lacks.push(Lack { subject: format!("{name} {version}"), what, place: Some(library.node) });
        }
    }
    linker.loaded.lacks.extend(lacks);
}

fn versions<'a>(object: &Object<'a>) -> Option<&'a Versions> {
    object.linking()?.versions.as_ref()
}

/// The highest of the versions that share a name with this one, where it is higher than all of them.
fn latest<'a>(defines: &'a [Box<[u8]>], wanted: &[u8]) -> Option<&'a [u8]> {
    let (name, wanted) = numbers(wanted)?;
    let known = defines.iter().filter_map(|version| Some((numbers(version)?, &version[..])));
    let (highest, version) =
        known.filter(|((other, _), _)| *other == name).map(|((_, numbers), version)| (numbers, version)).max()?;
    (highest < wanted).then_some(version)
}

/// `GLIBC_2.36` as `GLIBC` and its numbers.
fn numbers(version: &[u8]) -> Option<(&[u8], Vec<u32>)> {
    let at = version.iter().rposition(|&b| b == b'_')?;
    let text = std::str::from_utf8(&version[at + 1..]).ok()?;
    let numbers = text.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
    Some((&version[..at], numbers))
}
