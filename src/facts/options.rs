//! Options among the words of a command, as the usual parsers read them (getopt, argparse, click).
//!
//! Not here: which options a program has.

use crate::facts::shell;

/// The arguments of a program of whose options only some are known; those are looked up by name, anywhere among the
/// words.
#[derive(Clone, Copy)]
pub struct Options<'a>(pub &'a [String]);

impl<'a> Options<'a> {
    /// The values of an option with their indexes: `--name value`, `--name=value`, `-n value`, `-nvalue`.
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

    /// The last value of an option, and its index.
    pub fn last(&self, names: &[&str]) -> Option<(usize, &'a str)> {
        self.all(names).pop()
    }

    /// Whether one of these options may be given in a form that [`Options::all`] doesn't find: after another letter
    /// (`-Rb`), or abbreviated (`--bin`).
    pub fn may_hide(&self, names: &[&str]) -> bool {
        self.0.iter().any(|word| {
            let word = word.split_once('=').map_or(word.as_str(), |(name, _)| name);
            let is_read = names.iter().any(|name| word.starts_with(name));
            !is_read
                && names.iter().any(|name| match (name.strip_prefix("--"), word.strip_prefix('-')) {
                    (Some(_), Some(rest)) => rest.len() > 1 && name.starts_with(word),
                    (None, Some(rest)) => !rest.starts_with('-') && rest.contains(&name[1..]),
                    (_, None) => false,
                })
        })
    }

    /// Whether an option is given, with or without a value.
    pub fn has(&self, names: &[&str]) -> bool {
        self.0.iter().any(|word| {
            names.contains(&word.as_str()) || word.split_once('=').is_some_and(|(name, _)| names.contains(&name))
        })
    }

    /// The first word that is neither an option nor the value of an option in `takes_value`.
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

    /// The index of the last word that is only known at start and may contain options. After an option, such a word
    /// counts as the option's value.
    pub fn last_undecided(&self) -> Option<usize> {
        let words = self.0;
        let is_undecided = |&at: &usize| {
            words[at].starts_with([shell::OPEN, shell::ARGUMENTS]) && (at == 0 || !words[at - 1].starts_with('-'))
        };
        (0..words.len()).rev().find(is_undecided)
    }
}

/// The words of a command, parsed into options and other words, for a program whose flags are known: every other option
/// takes a value, as `--name value`, `--name=value`, `-n value` or `-nvalue` (POSIX.1-2024, "Utility Syntax
/// Guidelines"; GNU's long options).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ParsedOptions<'w> {
    named: Vec<(&'w str, Option<&'w str>)>,
    /// Whether some option took the next word as its value.
    pub consumed_words: bool,
    /// Words that are neither options nor their values.
    pub rest: Vec<&'w str>,
}

/// Where options may appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Also after other words.
    Mixed,
    /// Only before the first other word; everything after it is in `rest`.
    OptionsFirst,
}

impl<'w> ParsedOptions<'w> {
    /// Parses words; `flags` lists the options without a value, separated by spaces.
    pub fn parse(words: &'w [String], flags: &str, order: Order) -> ParsedOptions<'w> {
        let is_flag = |name: &str| flags.split_ascii_whitespace().any(|flag| flag == name);
        let mut out = ParsedOptions::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" || word == "-" || !word.starts_with('-') {
                out.rest.extend((word != "--").then_some(word));
                if word == "--" || order == Order::OptionsFirst {
                    out.rest.extend(words);
                    break;
                }
                continue;
            }
            if word.starts_with("--") {
                match word.split_once('=') {
                    Some((name, value)) => out.named.push((name, Some(value))),
                    None if is_flag(word) => out.named.push((word, None)),
                    None => {
                        out.named.push((word, words.next()));
                        out.consumed_words = true;
                    }
                }
                continue;
            }
            // Letters after a single dash; the last one may take a value.
            for (at, letter) in word.char_indices().skip(1) {
                let (name, tail) = word[at..].split_at(letter.len_utf8());
                if is_flag(&format!("-{name}")) {
                    out.named.push((name, None));
                    continue;
                }
                let glued = tail.strip_prefix('=').unwrap_or(tail);
                out.consumed_words |= tail.is_empty();
                out.named.push((name, if tail.is_empty() { words.next() } else { Some(glued) }));
                break;
            }
        }
        out
    }

    /// The values of an option under any of its names, in order.
    pub fn all(&self, names: &[&str]) -> Vec<&'w str> {
        self.named.iter().filter(|(name, _)| is_among(name, names)).filter_map(|(_, value)| *value).collect()
    }

    /// The last value of an option, which is the one that counts.
    pub fn last(&self, names: &[&str]) -> Option<&'w str> {
        self.all(names).pop()
    }

    /// Whether an option is given under any of its names.
    pub fn has(&self, names: &[&str]) -> bool {
        self.named.iter().any(|(name, _)| is_among(name, names))
    }

    /// Whether no options are given but these, separated by spaces.
    pub fn only_has(&self, names: &str) -> bool {
        self.named.iter().all(|(name, _)| names.split_ascii_whitespace().any(|other| is_among(name, &[other])))
    }

    /// Whether an option is given by an abbreviation, as Python's argparse allows.
    pub fn has_abbreviation_of(&self, names: &[&str]) -> bool {
        let is_short = |name: &str| names.iter().any(|long| long.starts_with(name) && *long != name);
        self.named.iter().any(|(name, _)| name.starts_with("--") && is_short(name))
    }
}

/// Long names are stored with their dashes, letters without.
fn is_among(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| *other == name || !other.starts_with("--") && other.strip_prefix('-') == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_values_in_every_spelling() {
        let words: Vec<String> =
            "--port 1 app --port=2 -p3 -p 4 -p=5 --portal 6 --reload".split(' ').map(str::to_string).collect();
        let options = Options(&words);
        let values: Vec<&str> = options.all(&["--port", "-p"]).into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, ["1", "2", "3", "4", "5"]);
        assert_eq!(options.last(&["--port"]), Some((3, "2")));
        assert!(options.has(&["--reload"]) && options.has(&["--port"]) && !options.has(&["--por"]));
        assert_eq!(options.positional(&["--port", "-p", "--portal"]), Some("app"));
        assert_eq!(options.last_undecided(), None);
    }

    #[test]
    fn finds_the_last_undecided_word_that_may_contain_options() {
        let at = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| word.replace('?', &shell::OPEN.to_string())).collect();
            Options(&words).last_undecided()
        };
        assert_eq!(at(&["app", "--port", "?"]), None);
        assert_eq!(at(&["?", "--port", "80"]), Some(0));
        assert_eq!(at(&["app", "?", "--port=?"]), Some(1));
    }

    #[test]
    fn separates_options_from_other_words() {
        let words: Vec<String> =
            "-w4 -DR --bind x app --chdir=/srv --reload -k y -c=z -- -q".split(' ').map(str::to_string).collect();
        let flags = "-D -R --reload";
        let options = ParsedOptions::parse(&words, flags, Order::Mixed);
        assert_eq!(options.rest, ["app", "-q"]);
        assert_eq!(options.last(&["-w", "--workers"]), Some("4"));
        assert_eq!(options.last(&["-k"]), Some("y"));
        assert_eq!(options.last(&["-c", "--config"]), Some("z"));
        assert_eq!(options.last(&["--chdir"]), Some("/srv"));
        assert!(options.has(&["-R"]) && options.has(&["--reload"]) && !options.has(&["-x"]));
        assert!(options.consumed_words && options.only_has("-w -D -R --bind --chdir --reload -k -c -x"));
        assert!(!options.only_has("-w -D"));
        assert!(options.has_abbreviation_of(&["--reload-dir"]) && !options.has_abbreviation_of(&["--reload"]));
        let options = ParsedOptions::parse(&words, flags, Order::OptionsFirst);
        assert_eq!(options.rest.len(), 8);
    }
}
