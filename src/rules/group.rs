//! Groups places with a common cause into one finding.
//!
//! Each rule defines its causes; usually a cause is the layer responsible. Not here: the wording of findings.

use crate::limits;
use crate::model::finding::Group;
use crate::model::finding::Location;
use crate::model::finding::State;
use crate::model::path;
use crate::model::text;
use crate::model::text::shown_bytes;
use std::collections::BTreeMap;

/// The places affected by one cause, and the lowest directory that contains them all.
#[derive(Debug, Default)]
pub struct Places {
    count: u64,
    /// `None` without places.
    directory: Option<Vec<u8>>,
    locations: Vec<Location>,
}

impl Places {
    /// Adds a place that is visible in a container.
    pub fn add_visible(&mut self, path: &[u8], is_directory: bool, layer: Option<usize>) {
        self.add(path, is_directory, [Location::path(path, layer, State::Visible)]);
    }

    /// Adds a place, with a location for each layer that ships it. Beyond [`limits::PLACES_PER_FINDING`], places are
    /// only counted.
    pub fn add(&mut self, path: &[u8], is_directory: bool, locations: impl IntoIterator<Item = Location>) {
        let directory = if is_directory { path } else { path::parent(path) };
        match &mut self.directory {
            None => self.directory = Some(directory.to_vec()),
            Some(common) => common.truncate(common_directory(common, directory)),
        }
        self.count += 1;
        if self.count <= limits::PLACES_PER_FINDING as u64 {
            self.locations.extend(locations);
        }
    }

    /// How many places there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the only place is a directory.
    pub fn is_one_directory(&self) -> bool {
        self.count == 1 && self.locations.first().is_some_and(|location| location.path == self.directory)
    }

    /// The lowest directory that contains all places, harmless to show: `/app`.
    pub fn directory(&self) -> String {
        format!("/{}", shown_bytes(self.directory.as_deref().unwrap_or_default()))
    }

    /// The path if there is only one place, otherwise their number and directory: `78 paths under /app`. Harmless to
    /// show.
    pub fn describe(&self, plural: &str) -> String {
        match (self.count, self.locations.first().and_then(|location| location.path.as_ref())) {
            (1, Some(path)) => format!("/{}", shown_bytes(path)),
            (count, _) if self.directory.as_deref().is_none_or(<[u8]>::is_empty) => format!("{count} {plural}"),
            (count, _) => format!("{count} {plural} under {}", self.directory()),
        }
    }

    /// The names of the first few places, harmless to show: `.env, .git and 3 more`.
    pub fn file_names(&self) -> String {
        const SHOWN: usize = 3;
        let mut names: Vec<String> = Vec::new();
        for path in self.locations.iter().filter_map(|location| location.path.as_deref()) {
            let name = shown_bytes(path.rsplit(|&b| b == b'/').next().unwrap_or(path));
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.sort();
        names.truncate(SHOWN);
        match self.count.saturating_sub(names.len() as u64) {
            0 => text::list(&names),
            more => format!("{} and {more} more", names.join(", ")),
        }
    }

    /// The group and its locations, sorted by path and layer.
    pub fn finish(mut self) -> (Group, Vec<Location>) {
        self.locations.sort_by(|a, b| a.path.cmp(&b.path));
        (Group { directory: self.directory.unwrap_or_default(), count: self.count }, self.locations)
    }
}

/// Places grouped by cause.
pub struct Causes<K> {
    places: BTreeMap<K, Places>,
}

impl<K> Default for Causes<K> {
    fn default() -> Causes<K> {
        Causes { places: BTreeMap::new() }
    }
}

impl<K: Ord> Causes<K> {
    /// The places of a cause.
    pub fn places_of(&mut self, cause: K) -> &mut Places {
        self.places.entry(cause).or_default()
    }
}

impl<K> IntoIterator for Causes<K> {
    type Item = (K, Places);
    type IntoIter = std::collections::btree_map::IntoIter<K, Places>;

    fn into_iter(self) -> Self::IntoIter {
        self.places.into_iter()
    }
}

/// The length of the longest directory path that both paths begin with.
fn common_directory(a: &[u8], b: &[u8]) -> usize {
    let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let ends = |path: &[u8]| path.len() == same || path.get(same) == Some(&b'/');
    if ends(a) && ends(b) {
        return same;
    }
    a[..same].iter().rposition(|&b| b == b'/').unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(paths: &[(&str, bool)]) -> Places {
        let mut places = Places::default();
        paths.iter().for_each(|(path, is_directory)| places.add_visible(path.as_bytes(), *is_directory, Some(0)));
        places
    }

    #[test]
    fn the_directory_is_the_lowest_that_contains_all_places() {
        assert_eq!(places(&[("app/a", false)]).directory(), "/app");
        assert_eq!(places(&[("app", true), ("app/sub/x", false)]).directory(), "/app");
        assert_eq!(places(&[("app/sub/x", false), ("app/subtree/y", false)]).directory(), "/app");
        assert_eq!(places(&[("app/x", false), ("apple/y", false)]).directory(), "/");
        assert_eq!(places(&[("usr/bin/a", false), ("usr/bin/b", false)]).directory(), "/usr/bin");
        assert_eq!(places(&[("srv/x/y", false), ("srv", true)]).directory(), "/srv");
    }

    #[test]
    fn names_one_place_and_counts_several() {
        assert_eq!(places(&[("app/a", false)]).describe("paths"), "/app/a");
        assert_eq!(places(&[("app/a", false), ("app/b/c", false)]).describe("paths"), "2 paths under /app");
        assert_eq!(places(&[("app/a", false), ("srv/b", false)]).describe("paths"), "2 paths");
    }

    #[test]
    fn counts_places_beyond_the_limit() {
        let mut places = Places::default();
        for n in 0..limits::PLACES_PER_FINDING + 3 {
            places.add_visible(format!("d/{n}").as_bytes(), false, None);
        }
        let (group, locations) = places.finish();
        assert_eq!((group.count, locations.len()), (503, 500));
    }
}
