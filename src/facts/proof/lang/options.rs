//! The words of a command as options and the rest, for programs that read them as getopt does.
//!
//! Every option that is not known to stand alone takes a value: as `--name value`, `--name=value`, `-n value` or
//! `-nvalue` (POSIX.1-2024, "Utility Syntax Guidelines"; GNU's long options). A program's own page says which stand
//! alone.

/// The words of a command, sorted.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options<'w> {
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

impl<'w> Options<'w> {
    /// Sorts words; `flags` names the options without a value, blanks between them.
    pub fn read(words: &'w [String], flags: &str, order: Order) -> Options<'w> {
        let is_flag = |name: &str| flags.split_ascii_whitespace().any(|flag| flag == name);
        let mut out = Options::default();
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
    fn words_are_sorted() {
        let words: Vec<String> =
            "-w4 -DR --bind x app --chdir=/srv --reload -k y -c=z -- -q".split(' ').map(str::to_string).collect();
        let flags = "-D -R --reload";
        let options = Options::read(&words, flags, Order::Mixed);
        assert_eq!(options.rest, ["app", "-q"]);
        assert_eq!(options.last(&["-w", "--workers"]), Some("4"));
        assert_eq!(options.last(&["-k"]), Some("y"));
        assert_eq!(options.last(&["-c", "--config"]), Some("z"));
        assert_eq!(options.last(&["--chdir"]), Some("/srv"));
        assert!(options.has(&["-R"]) && options.has(&["--reload"]) && !options.has(&["-x"]));
        assert!(options.took_words && options.are_among("-w -D -R --bind --chdir --reload -k -c -x"));
        assert!(!options.are_among("-w -D"));
        assert!(options.has_short_of(&["--reload-dir"]) && !options.has_short_of(&["--reload"]));
        let options = Options::read(&words, flags, Order::First);
        assert_eq!(options.rest.len(), 8);
    }
}
