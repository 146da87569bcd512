//! Options in the words of a command, as the usual parsers of programs take them (getopt, argparse, click).
//!
//! Not here: which options a program has.

use crate::facts::shell;

/// The words behind a program's name.
#[derive(Clone, Copy)]
pub struct Options<'a>(pub &'a [String]);

impl<'a> Options<'a> {
    /// The values of an option with the places where they stand: `--name value`, `--name=value`, `-n value`, `-nvalue`.
    pub fn all(&self, names: &[&str]) -> Vec<(usize, &'a str)> {
        let mut values = Vec::new();
        let mut words = self.0.iter().enumerate();
        while let Some((at, word)) = words.next() {
            if names.contains(&word.as_str()) {
                values.extend(words.next().map(|(at, value)| (at, value.as_str())));
                continue;
            }
            let glued = names.iter().find_map(|name| {
                let rest = word.strip_prefix(name)?;
                if name.starts_with("--") {
                    rest.strip_prefix('=')
                } else {
                    Some(rest.strip_prefix('=').unwrap_or(rest))
                }
            });
            values.extend(glued.map(|value| (at, value)));
        }
        values
    }

    /// The last value of an option, and where it stands.
    pub fn last(&self, names: &[&str]) -> Option<(usize, &'a str)> {
        self.all(names).pop()
    }

    /// Whether an option is among the words, with a value or without.
    pub fn has(&self, names: &[&str]) -> bool {
        self.0.iter().any(|word| {
            names.contains(&word.as_str()) || word.split_once('=').is_some_and(|(name, _)| names.contains(&name))
        })
    }

    /// The first word that is neither an option nor the value of one of those that take a value.
    pub fn positional(&self, takes_value: &[&str]) -> Option<&'a str> {
        let mut words = self.0.iter();
        while let Some(word) = words.next() {
            if takes_value.contains(&word.as_str()) {
                words.next();
            } else if !word.starts_with('-') {
                return Some(word);
            }
        }
        None
    }

    /// Where the last word stands that only the start decides and that may hold options. Behind an option it is taken for
    /// the option's value.
    pub fn loose(&self) -> Option<usize> {
        let words = self.0;
        let is_loose = |&at: &usize| {
            words[at].starts_with([shell::OPEN, shell::ARGUMENTS]) && (at == 0 || !words[at - 1].starts_with('-'))
        };
        (0..words.len()).rev().find(is_loose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_in_every_spelling() {
        let words: Vec<String> =
            "--port 1 app --port=2 -p3 -p 4 -p=5 --portal 6 --reload".split(' ').map(str::to_string).collect();
        let options = Options(&words);
        let values: Vec<&str> = options.all(&["--port", "-p"]).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["1", "2", "3", "4", "5"]);
        assert_eq!(options.last(&["--port"]), Some((3, "2")));
        assert!(options.has(&["--reload"]) && options.has(&["--port"]) && !options.has(&["--por"]));
        assert_eq!(options.positional(&["--port", "-p", "--portal"]), Some("app"));
        assert_eq!(options.loose(), None);
    }

    #[test]
    fn open_words_that_may_hold_options_are_told() {
        let at = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| word.replace('?', &shell::OPEN.to_string())).collect();
            Options(&words).loose()
        };
        assert_eq!(at(&["app", "--port", "?"]), None);
        assert_eq!(at(&["?", "--port", "80"]), Some(0));
        assert_eq!(at(&["app", "?", "--port=?"]), Some(1));
    }
}
