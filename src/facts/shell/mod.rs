//! Shell text split into simple commands and words, as far as the text and the image's variables decide them.
//!
//! POSIX.1-2024, Shell Command Language, sections 2.2 (quoting), 2.3 (tokens), 2.6 (expansion) and 2.9 (commands). What
//! only a running shell knows (command substitution, globs of unknown variables, single positional parameters) becomes
//! [`OPEN`]. Not here: which of the commands run; each comes with its operator and nesting depth.

mod call;
mod expand;
mod split;

pub use crate::facts::shell::call::Call;
use crate::model::config::RunConfig;
use std::collections::HashMap;
use std::collections::HashSet;
use std::rc::Rc;

/// In a word, stands for an undecided part.
pub const OPEN: char = '\u{fffc}';

/// A word that is entirely undecided.
pub const OPEN_TEXT: &str = "\u{fffc}";

/// In a word, stands for all positional parameters (`"$@"`).
pub const ARGUMENTS: char = '\u{fffb}';

/// In a word, stands for the current value of PATH, in a text that sets it.
pub const PATH: char = '\u{fffa}';

/// Whether no part of a word is undecided.
pub fn is_decided(word: &str) -> bool {
    !word.contains([OPEN, ARGUMENTS, PATH])
}

/// How a command is joined to the previous one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Join {
    /// `;`, a newline, `&`, or the first command.
    #[default]
    Then,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `|`
    Pipe,
}

/// A simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple {
    /// Its words, without redirections.
    pub words: Vec<String>,
    /// How it is joined to the previous command.
    pub join: Join,
    /// It is preceded by `!`.
    pub is_negated: bool,
    /// It is followed by `&`.
    pub is_background: bool,
    /// The number of compound commands (`if`, `for`, `{`, `(`, functions) around it.
    pub depth: usize,
    /// Substitutions in its words.
    pub substitutions: Vec<Substitution>,
    /// It writes to a file (`>`, `>>`) outside /dev.
    pub writes: bool,
    /// Its input is redirected (`<`, `<<`, `<<<`).
    pub is_fed: bool,
    /// One of its outputs is redirected to another (`2>&1`, `|&`, `&>`).
    pub merges: bool,
    /// It is redirected to one of bash's network paths (`/dev/tcp/…`).
    pub connects: bool,
}

/// A text that runs as part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Substitution {
    /// The text.
    pub text: String,
    /// Its output becomes part of the word (`$(…)`, backquotes); else a file name does (`<(…)`).
    pub is_value: bool,
}

/// The variables of a command. Each command that is proved has its own copy, which shares what wasn't changed.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    config: Rc<HashMap<String, String>>,
    /// Variables that were set or unset since.
    changed: HashMap<String, Option<String>>,
    /// Any variable may have been set since.
    is_open: bool,
}

impl Variables {
    /// The variables that the config sets. If one is repeated, the last counts.
    pub fn new(config: &RunConfig) -> Variables {
        let pairs = config.env.iter().filter_map(|pair| pair.split_once('='));
        let config = pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Variables { config: Rc::new(config), ..Variables::default() }
    }

    /// The value, if it is set. It may contain [`OPEN`] if a shell set it.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.changed.get(name) {
            Some(changed) => changed.as_deref(),
            None if self.is_open => Some(OPEN_TEXT),
            None => self.config.get(name).map(String::as_str),
        }
    }

    /// Makes every variable that a shell text sets undecided.
    pub fn open(&mut self, text: &str) {
        let assigned = split::Assigned::of(text);
        assigned.names.iter().for_each(|name| self.set(name, OPEN_TEXT));
        self.is_open |= assigned.any;
    }

    /// Unsets a variable.
    pub fn unset(&mut self, name: &str) {
        self.changed.insert(name.to_string(), None);
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: &str) {
        self.changed.insert(name.to_string(), Some(value.to_string()));
    }
}

/// The simple commands of a shell text, each split into words, without redirections.
pub fn commands(text: &str, variables: &Variables) -> Vec<Vec<String>> {
    read(text, variables).commands.into_iter().map(|command| command.words).collect()
}

/// A shell text, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Its simple commands, in order, except those in functions.
    pub commands: Vec<Simple>,
    /// The functions that it defines.
    pub functions: HashSet<String>,
    /// It has more commands than [`crate::limits::SHELL_COMMANDS`]; the rest were not read.
    pub is_cut: bool,
}

impl Text {
    /// The size of its words in bytes; variables may have made them much longer than the text.
    pub fn bytes(&self) -> usize {
        self.commands.iter().flat_map(|command| &command.words).map(String::len).sum()
    }
}

/// Parses a shell text.
pub fn read(text: &str, variables: &Variables) -> Text {
    split::split(text, variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, env: &[&str]) -> Vec<Vec<String>> {
        let config = RunConfig { env: env.iter().map(|pair| pair.to_string()).collect(), ..RunConfig::default() };
        commands(text, &Variables::new(&config))
    }

    fn words(text: &str, env: &[&str]) -> String {
        split(text, env).iter().map(|words| words.join("|")).collect::<Vec<_>>().join(" ; ").replace(OPEN, "?")
    }

    #[test]
    fn splits_words_as_a_shell_does() {
        for (text, env, expected) in [
            ("exec uvicorn main:app --host 0.0.0.0", &[][..], "exec|uvicorn|main:app|--host|0.0.0.0"),
            ("a 'b c' \"d e\"f g\\ h ''", &[], "a|b c|d ef|g h|"),
            ("a && b || c; d | e & f\ng", &[], "a ; b ; c ; d ; e ; f ; g"),
            ("a > /dev/null 2>&1 b &>/x", &[], "a|b"),
            ("if [ -f x ]; then y; fi # z", &[], "[|-f|x|] ; y"),
            ("x $PORT ${PORT} ${A:-3} ${B-4} \"$O\" $O", &["PORT=80", "B=", "O=p q"], "x|80|80|3|p q|p|q"),
            ("x $NOPE ${NOPE} $(date) `date` $1 $((1+2)) a$", &[], "x|?|?|?|?|?|?|a$"),
            ("PORT=1; x $PORT", &["PORT=80"], "PORT=1 ; x|?"),
            ("x ${A:-${B:-${C:-9}}} ${A%b} ${D:+e}", &["D=1"], "x|9|?|e"),
            ("x '$PORT' \"\\$PORT \\n\"", &["PORT=80"], "x|$PORT|$PORT \\n"),
            ("$E x ${E:+-d} \"$E\" ${D:+-d}", &["E="], "x|"),
            ("A=(a b) B+=( c ); x", &[], "A=?|B+=? ; x"),
            ("x $(echo 'a)' \"b)$(c ')')\" | d) e", &[], "x|?|e"),
            ("x ${unclosed", &[], "x|?"),
            ("PATH=/a:$PATH x \u{fffa}", &["PATH=/b"], "PATH=/a:\u{fffa}|x|?"),
            (". x; echo $PATH", &["PATH=/b"], ".|x ; echo|?"),
            ("case $E$D in a) x;; esac; case $D in b) y;; esac", &["E=", "D=a b"], "x ; y"),
            ("x $(if a; then case b in c) d;; (e) f;; esac; fi) g", &[], "x|?|g"),
            ("x $(echo case) g", &[], "x|?|g"),
            ("x $'it\\'s' y $\"z\" \"$'\"; a", &[], "x|?|y|?z|$' ; a"),
            ("curl -f 'http://a/b?c=d&e=f' ü", &[], "curl|-f|http://a/b?c=d&e=f|ü"),
        ] {
            assert_eq!(words(text, env), expected, "{text}");
        }
    }

    #[test]
    fn reports_operators_and_nesting() {
        let shown = |text: &str| {
            let commands = read(text, &Variables::default()).commands;
            let shown = commands.iter().map(|command| {
                let join = match command.join {
                    Join::Then => ";",
                    Join::And => "&&",
                    Join::Or => "||",
                    Join::Pipe => "|",
                };
                let marks = [(command.is_negated, "!"), (command.is_background, "&"), (command.writes, ">")];
                let marks: String = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
                format!("{join}{marks}{}{}", command.depth, command.words.join(" "))
            });
            shown.collect::<Vec<_>>().join(" ").replace(OPEN, "?").replace(ARGUMENTS, "@")
        };
        for (text, expected) in [
            ("a && b || c; d | e & f\ng", ";0a &&0b ||0c ;&0d |&0e ;0f ;0g"),
            ("a &&\n b |\n\n c", ";0a &&0b |0c"),
            ("if a; then b; else c; fi || d", ";1a ;1b ;1c ||0d"),
            ("for x in 1 2; do a; done; ! b", ";1a ;!0b"),
            ("case \"$1\" in\n a|b) c ;;\n (*) d;;\nesac\ne", ";1c ;1d ;0e"),
            ("f() { a; b; }\nfunction g {\n c\n}\nd", ";0d"),
            ("f() {\n if a; then b; fi\n}\nc", ";0c"),
            ("f () { a; }; g ( ) ( b ); function h() { c; }; function i () { d; }; e", ";0e"),
            ("function f { if a; then b; fi; c & }\nd", ";0d"),
            ("x; a && b || c & d", ";0x ;&0a &&&0b ||&0c ;0d"),
            ("x; { a; b; } && c & d", ";0x ;&1a ;&1b &&&0c ;0d"),
            ("a || for i in 1; do b; done; c", ";0a ||1b ;0c"),
            ("[[ -f a ]]&& b", ";0[[ -f a ]] &&0b"),
            ("(a; b) && { c; } > /x; d", ";1a ;1b &&1c ;0d"),
            ("cat <<EOF > x\nfoo; bar\nEOF\na", ";>0cat ;0a"),
            ("cat <<-'E' && b\n\tfoo\n\tE\na >/dev/null 2>&1", ";0cat &&0b ;0a"),
            ("exec \"$@\"", ";0exec @"),
            ("[[ -f a && -f b || (c < d) ]] || e", ";0[[ -f a -f b c d ]] ||0e"),
            ("exec 3>&1 {fd}>x 10>y; a", ";>0exec ;0a"),
            ("a > >(b | c) 2>&1; d < <(e)", ";>0a ;0d"),
            ("case x\nin\n a) b;;\nesac\nc", ";1b ;0c"),
            ("time a; ! time b", ";0a ;!0b"),
            ("a \u{fffb} $1 $*", ";0a ? ? ?"),
            ("\"if\" a; \\fi", ";0if a ;0fi"),
            ("set -e; x=1 y; . ./z", ";0set -e ;0x=1 y ;0. ./z"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn hostile_scripts_take_linear_time() {
        let value = format!("A={}", "x ".repeat(200_000));
        let parts = [
            "${",
            "$(",
            "`",
            "$A ",
            "${A:-",
            "'",
            "\"",
            "\\",
            "${A:-$A}",
            "a=b ",
            ">",
            "<",
            "<<a ",
            "{ ",
            "( ",
            "$A",
            "a\n",
            "#",
            "[[ ",
            "a() ",
            "case a in ",
            "if ",
            "!",
            "&",
            ";;",
            "<(",
        ];
        for part in parts {
            let started = std::time::Instant::now();
            let _ = split(&part.repeat((1 << 20) / part.len()), &[&value]);
            assert!(started.elapsed().as_secs() < 5, "{part}");
        }
    }
}
