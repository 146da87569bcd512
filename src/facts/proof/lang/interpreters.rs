//! Interpreters for which we only check that the script exists.
//!
//! perlrun(1); ruby(1); PHP manual, "Command line usage: Options"; Deno manual, "deno run"; Bun documentation, "bun
//! run". Ambiguous arguments are undecided. Not here: what the scripts load.

use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang;
use crate::facts::shell;
use crate::model::finding::Undecided;

/// How an interpreter's arguments are read.
struct Interpreter {
    name: &'static str,
    /// Letters without a value.
    flags: &'static str,
    /// Letters whose optional value is the rest of their word.
    glued: &'static str,
    /// Letters that take the rest of their word or the next one.
    valued: &'static str,
    /// Letters with which no script is run.
    ends: &'static str,
    /// Long options without a value; those with `=` are skipped.
    long: &'static str,
    /// Long options that take the next word.
    long_valued: &'static str,
}

const INTERPRETERS: [Interpreter; 3] = [
    Interpreter {
        name: "perl",
        flags: "acfnpstTuUwWX",
        glued: "0CdDFilmMx",
        valued: "I",
        ends: "eEhvV",
        long: "",
        long_valued: "",
    },
    Interpreter {
        name: "ruby",
        flags: "acdlnpsUvw",
        glued: "0FiKTWx",
        valued: "EIr",
        ends: "ehy",
        long: "--yjit --jit --disable-gems --enable-gems --verbose --debug",
        long_valued: "--encoding --external-encoding --internal-encoding",
    },
    Interpreter {
        name: "php",
        flags: "nqCelsw",
        glued: "",
        valued: "cdz",
        ends: "raBRFESivmhH",
        long: "--no-php-ini --no-header --syntax-check",
        long_valued: "--define --php-ini --zend-extension",
    },
];

/// What an interpreter needs; `program`: its name; `words`: its arguments.
pub fn needs(process: &ProcessContext<'_>, program: &str, words: &[String]) -> Vec<Need> {
    let file = match program {
        "deno" => deno(words),
        "bun" => bun(words),
        _ => {
            // `ruby3.1`, `php8`.
            let name = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
            match INTERPRETERS.iter().find(|interpreter| interpreter.name == name) {
                Some(interpreter) => interpreter.file(words),
                None => return Vec::new(),
            }
        }
    };
    match file {
        File::Named(word) => vec![lang::file(process, word, "the script")],
        File::None => Vec::new(),
        File::Open => {
            vec![Need::Undecided(Undecided::unknowable(program, "its arguments don't determine what it runs"))]
        }
    }
}

/// The script that is run.
#[derive(Debug, PartialEq, Eq)]
enum File<'w> {
    Named(&'w str),
    None,
    Open,
}

impl Interpreter {
    fn file<'w>(&self, words: &'w [String]) -> File<'w> {
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                return if word == "-" { File::None } else { File::Named(word) };
            };
            if word == "--" {
                // PHP reads standard input.
                return if self.name == "php" { File::None } else { words.next().map_or(File::None, File::Named) };
            }
            if word.starts_with("--") {
                let is_in = |list: &str| list.split(' ').any(|long| long == word);
                match word {
                    "--version" | "--help" | "--copyright" => return File::None,
                    "--file" if self.name == "php" => return words.next().map_or(File::Open, File::Named),
                    _ if is_in(self.long_valued) => {
                        words.next();
                    }
                    _ if word.contains('=') || is_in(self.long) => {}
                    _ => return File::Open,
                }
                continue;
            }
            for (at, letter) in letters.char_indices() {
                let tail = &letters[at + letter.len_utf8()..];
                if letter == 'f' && self.name == "php" {
                    return if tail.is_empty() {
                        words.next().map_or(File::Open, File::Named)
                    } else {
                        File::Named(tail)
                    };
                }
                if self.ends.contains(letter) {
                    return File::None;
                }
                if self.flags.contains(letter) {
                    continue;
                }
                if self.valued.contains(letter) {
                    if tail.is_empty() {
                        words.next();
                    }
                } else if !self.glued.contains(letter) {
                    // These include letters that change the directory or search PATH.
                    return File::Open;
                }
                break;
            }
        }
        File::None
    }
}

/// Whether a word can only be a JavaScript or TypeScript file.
fn is_source(word: &str) -> bool {
    let ends = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"];
    ends.iter().any(|end| word.ends_with(end)) && !word.contains(':') && shell::is_decided(word)
}

fn deno(words: &[String]) -> File<'_> {
    let mut words = words.iter().map(String::as_str);
    if words.next() != Some("run") {
        return File::None;
    }
    while let Some(word) = words.next() {
        match word {
            "-c" | "--config" | "--import-map" | "--seed" | "-L" | "--log-level" | "--location" | "--cert"
            | "--ext" => {
                words.next();
            }
            "-A" | "-q" | "--quiet" | "-r" | "--reload" | "--cached-only" | "--watch" | "--no-check" | "--check" => {}
            word if word.starts_with("--") && word.contains('=') => {}
            word if ["--allow-", "--deny-", "--no-", "--unstable"].iter().any(|front| word.starts_with(front)) => {}
            word if word.starts_with('-') => return File::Open,
            word => return if is_source(word) { File::Named(word) } else { File::Open },
        }
    }
    File::None
}

fn bun(words: &[String]) -> File<'_> {
    for word in words.iter().map(String::as_str) {
        match word {
            "run" | "--watch" | "--hot" | "--smol" | "--bun" | "-b" => {}
            word if is_source(word) && !word.starts_with('-') => return File::Named(word),
            word if word.starts_with("--") && word.contains('=') && !word.starts_with("--cwd") => {}
            _ => return File::Open,
        }
    }
    File::None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::access::Capabilities;
    use crate::facts::testing::TestImage;

    #[test]
    fn finds_the_script_among_the_arguments() {
        let made = TestImage::new("u 0644 0:0 app/x 1").workdir("/app");
        let facts = made.facts();
        let process = ProcessContext::of(&facts, Capabilities::Docker).expect("a process");
        for (text, expected) in [
            ("perl x", "x"),
            ("perl -w -Ilib -I lib -Mstrict -i.bak -0777 -wT gone.pl a", "NO"),
            ("perl -ne 1 gone.pl", ""),
            ("perl -S gone.pl", "?"),
            ("ruby -w -I lib -rset -W0 -Eutf-8 --yjit x", "x"),
            ("ruby3.1 gone.rb", "NO"),
            ("ruby -C / gone.rb", "?"),
            ("ruby -e 1 gone.rb", ""),
            ("php artisan serve", "NO"),
            ("php8.2 -d a=b -n -f x", "x"),
            ("php -S 0.0.0.0:80 -t gone", ""),
            ("php -- gone.php", ""),
            ("php --define a=b gone.php", "NO"),
            ("deno run --allow-net --allow-read=. -c deno.json gone.ts", "NO"),
            ("deno run npm:vite", "?"),
            ("deno run https://x/y.ts", "?"),
            ("deno run start", "?"),
            ("deno task start", ""),
            ("bun run gone.ts", "NO"),
            ("bun --hot gone.ts", "NO"),
            ("bun start", "?"),
            ("bun --cwd=/x gone.ts", "?"),
            ("lua gone.lua", ""),
        ] {
            let words: Vec<String> = text.split(' ').map(str::to_string).collect();
            let told = needs(&process, &words[0], &words[1..]).into_iter().map(|need| match need {
                Need::Met(_) => "x",
                Need::Unmet(_) => "NO",
                Need::Undecided(_) => "?",
            });
            assert_eq!(told.collect::<String>(), expected, "{text}");
        }
    }
}
