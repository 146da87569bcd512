//! A shell's command line: `sh [options] [-c text [name [argument]…] | script [argument]…]` (sh(1), bash(1)).
//!
//! Not here: whether a program is a shell.

/// A shell's command line, parsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// The index of the text or script; past the end if there is neither.
    pub operand: usize,
    /// Whether it is a text (`-c`).
    pub is_text: bool,
    /// Whether it is a login or interactive shell, which reads its profiles first.
    pub reads_profiles: bool,
    /// `-e`, `-o errexit`.
    pub errexit: bool,
    /// `-o pipefail`.
    pub pipefail: bool,
}

impl Call {
    /// Parses the words; the first is the shell.
    pub fn of(words: &[String]) -> Call {
        let mut call = Call { operand: 1, ..Call::default() };
        while let Some(word) = words.get(call.operand) {
            let is_option = word.len() > 1 && word.starts_with(['-', '+']) && word != "--";
            if !is_option {
                call.operand += usize::from(word == "--" || word == "-");
                break;
            }
            call.operand += 1;
            if let Some(long) = word.strip_prefix("--") {
                call.reads_profiles |= long == "login";
                call.operand += usize::from(long == "rcfile" || long == "init-file");
                continue;
            }
            let letters = &word[1..];
            if word.starts_with('-') {
                call.is_text |= letters.contains('c');
                call.errexit |= letters.contains('e');
                call.reads_profiles |= letters.contains(['l', 'i']);
            }
            if letters.ends_with(['o', 'O']) {
                let name = words.get(call.operand).map_or("", String::as_str);
                call.errexit |= name == "errexit";
                call.pipefail |= name == "pipefail";
                call.operand += 1;
            }
        }
        call
    }

    /// The text among these words, if there is one.
    pub fn text<'w>(&self, words: &'w [String]) -> Option<&'w str> {
        words.get(self.operand).filter(|_| self.is_text).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_texts_from_scripts() {
        for (line, text, operand) in [
            ("sh -c x y", Some("x"), 2),
            ("bash -eo pipefail -c x", Some("x"), 4),
            ("bash --norc -O extglob +x -lc x", Some("x"), 6),
            ("bash --rcfile f -c x", Some("x"), 4),
            ("bash x -c y", None, 1),
            ("sh -e -- x", None, 3),
            ("sh -c", None, 2),
            ("sh", None, 1),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_string).collect();
            let call = Call::of(&words);
            assert_eq!((call.text(&words), call.operand), (text, operand), "{line}");
        }
        let call = Call::of(&["bash", "-leo", "pipefail"].map(String::from));
        assert!(call.reads_profiles && call.errexit && call.pipefail && !call.is_text);
    }
}
