//! Whether each loaded library defines the versions that others need from it.
//!
//! glibc, elf/dl-version.c: a version that a library does not define keeps the program from starting, unless it is weak
//! or the library defines no versions at all; then ld.so warns. Not here: musl, which ignores versions.

use crate::facts::loader::link::Linker;
use crate::facts::loader::link::Object;
use crate::facts::process::Missing;
use crate::model::program::VersionNeed;
use crate::model::program::Versions;
use crate::model::text::shown_bytes;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;

/// Checks all objects against each other. Reports the highest missing version of each library.
pub fn check(linker: &mut Linker<'_, '_>) {
    let mut lacking: BTreeMap<usize, (&Object<'_>, &VersionNeed)> = BTreeMap::new();
    let mut defined: HashMap<usize, HashSet<&[u8]>> = HashMap::new();
    for object in &linker.objects {
        let needs = versions(object).map_or(&[][..], |versions| &versions.needs);
        for need in needs.iter().filter(|need| !need.is_weak) {
            let Some(index) = linker.known(&need.library) else { continue };
            let defines = || versions(&linker.objects[index]).map_or(&[][..], |versions| &versions.defines);
            let defined = defined.entry(index).or_insert_with(|| defines().iter().map(|name| &name[..]).collect());
            if defined.is_empty() || defined.contains(&need.version[..]) {
                continue;
            }
            let told = lacking.entry(index).or_insert((object, need));
            if numbers(&need.version) > numbers(&told.1.version) {
                *told = (object, need);
            }
        }
    }
    let process = linker.process;
    let lack = |(index, (object, need)): (usize, (&Object<'_>, &VersionNeed))| {
        let library = &linker.objects[index];
        let defines = versions(library).map_or(&[][..], |versions| &versions.defines);
        let (name, version) = (shown_bytes(&need.library), shown_bytes(&need.version));
        let what = format!(
            "{} needs {version} of {name}, but {} {}",
            process.name(object.node),
            process.name(library.node),
            match latest(defines, &need.version) {
                Some(latest) => format!("only goes up to {}", shown_bytes(latest)),
                None => "doesn't define it".to_string(),
            }
        );
        Missing { subject: format!("{name} {version}"), what, place: Some(library.node) }
    };
    let lacks: Vec<Missing> = lacking.into_iter().map(lack).collect();
    linker.loaded.lacks.extend(lacks);
}

fn versions<'a>(object: &Object<'a>) -> Option<&'a Versions> {
    object.linking()?.versions.as_ref()
}

/// The highest defined version with the same name, if the wanted one is higher.
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
