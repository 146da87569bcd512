//! Options in the words of a command, as the usual parsers of programs take them (getopt, argparse, click).
//!
//! Not here: which options a program has.

use crate::facts::shell;

/// The words behind a program's name, of whose options only some are known: those are looked for by name, wherever they
/// stand.
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

    /// Whether one of these options may be among the words in a form that is not looked for: behind another letter
    /// (`-Rb`), or cut short (`--bin`).
    pub fn hides(&self, names: &[&str]) -> bool {
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
    pub fn last_open(&self) -> Option<usize> {
        let words = self.0;
        let is_open = |&at: &usize| {
            words[at].starts_with([shell::OPEN, shell::ARGUMENTS]) && (at == 0 || !words[at - 1].starts_with('-'))
        };
        (0..words.len()).rev().find(is_open)
    }
}

/// The words of a command as options and the rest, for a program whose options are known: every one that is not said to stand
/// alone takes a value, as `--name value`, `--name=value`, `-n value` or `-nvalue` (POSIX.1-2024, "Utility Syntax
/// Guidelines"; GNU's long options).
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sorted<'w> {
    named: Vec<(&'w str, Option<&'w str>)>,
    /// Some option took the next word for its value.
    pub took_words: bool,
    /// Words that are neither options nor their values.
    pub rest: Vec<&'w str>,
}

/// Where options may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Among the other words too.
    Mixed,
    /// Only before the first other word; what follows is the rest.
    First,
}

impl<'w> Sorted<'w> {
    /// Sorts words; `flags` names the options without a value, blanks between them.
    pub fn read(words: &'w [String], flags: &str, order: Order) -> Sorted<'w> {
        let is_flag = |name: &str| flags.split_ascii_whitespace().any(|flag| flag == name);
        let mut out = Sorted::default();
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" || word == "-" || !word.starts_with('-') {
                out.rest.extend((word != "--").then_some(word));
                if word == "--" || order == Order::First {
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
                        out.took_words = true;
                    }
                }
                continue;
            }
            // Letters behind one dash, the last of which may take a value.
            for (at, letter) in word.char_indices().skip(1) {
                let (name, tail) = word[at..].split_at(letter.len_utf8());
                if is_flag(&format!("-{name}")) {
                    out.named.push((name, None));
                    continue;
                }
                let glued = tail.strip_prefix('=').unwrap_or(tail);
                out.took_words |= tail.is_empty();
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

    /// The value that counts: the last.
    pub fn last(&self, names: &[&str]) -> Option<&'w str> {
        self.all(names).pop()
    }

    /// Whether an option is given under any of its names.
    pub fn has(&self, names: &[&str]) -> bool {
        self.named.iter().any(|(name, _)| is_among(name, names))
    }

    /// Whether all options are among these; blanks between their names.
    pub fn are_among(&self, names: &str) -> bool {
        self.named.iter().all(|(name, _)| names.split_ascii_whitespace().any(|other| is_among(name, &[other])))
    }

    /// Whether an option is given by the front of its name, as Python's argparse allows.
    pub fn has_short_of(&self, names: &[&str]) -> bool {
        let is_short = |name: &str| names.iter().any(|long| long.starts_with(name) && *long != name);
        self.named.iter().any(|(name, _)| name.starts_with("--") && is_short(name))
    }
}

/// Long names are kept with their dashes, letters without.
fn is_among(name: &str, names: &[&str]) -> bool {
    names.iter().any(|other| *other == name || !other.starts_with("--") && other.strip_prefix('-') == Some(name))
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
        assert_eq!(options.last_open(), None);
    }

    #[test]
    fn open_words_that_may_hold_options_are_told() {
        let at = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| word.replace('?', &shell::OPEN.to_string())).collect();
            Options(&words).last_open()
        };
        assert_eq!(at(&["app", "--port", "?"]), None);
        assert_eq!(at(&["?", "--port", "80"]), Some(0));
        assert_eq!(at(&["app", "?", "--port=?"]), Some(1));
    }

    #[test]
    fn words_are_sorted() {
        let words: Vec<String> =
            "-w4 -DR --bind x app --chdir=/srv --reload -k y -c=z -- -q".split(' ').map(str::to_string).collect();
        let flags = "-D -R --reload";
        let options = Sorted::read(&words, flags, Order::Mixed);
        assert_eq!(options.rest, ["app", "-q"]);
        assert_eq!(options.last(&["-w", "--workers"]), Some("4"));
        assert_eq!(options.last(&["-k"]), Some("y"));
        assert_eq!(options.last(&["-c", "--config"]), Some("z"));
        assert_eq!(options.last(&["--chdir"]), Some("/srv"));
        assert!(options.has(&["-R"]) && options.has(&["--reload"]) && !options.has(&["-x"]));
        assert!(options.took_words && options.are_among("-w -D -R --bind --chdir --reload -k -c -x"));
        assert!(!options.are_among("-w -D"));
        assert!(options.has_short_of(&["--reload-dir"]) && !options.has_short_of(&["--reload"]));
        let options = Sorted::read(&words, flags, Order::First);
        assert_eq!(options.rest.len(), 8);
    }
}
