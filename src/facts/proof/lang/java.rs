//! Java: the archive that is run, and the agents that are loaded first.
//!
//! "The java Command" of the JDK's tool specifications; java.lang.instrument for `-javaagent`, JVM TI for
//! `JAVA_TOOL_OPTIONS`. Entries of a class path need not exist. Not here: what is in the archive.

use crate::facts::process::Missing;
use crate::facts::process::Need;
use crate::facts::process::ProcessContext;
use crate::facts::proof::lang;
use crate::facts::shell;
use crate::model::finding::Undecided;
use crate::model::layer_facts::Kind;

/// Options that take the next word as their value.
const VALUED: &str = " -cp -classpath --class-path -p --module-path --upgrade-module-path --add-modules --limit-modules \
    --enable-native-access --add-reads --add-exports --add-opens --patch-module --describe-module -d --source ";

/// What `java` needs; `words` are its arguments.
pub fn needs(process: &ProcessContext<'_>, words: &[String]) -> Vec<Need> {
    let mut needs = Vec::new();
    let variable = process.variables.get("JAVA_TOOL_OPTIONS").unwrap_or("");
    if !variable.contains(['"', '\'', shell::OPEN]) {
        needs.extend(variable.split_whitespace().filter_map(|word| agent(process, word)));
    }
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-jar" => {
                needs.extend(words.next().map(|archive| self::archive(process, archive)));
                return needs;
            }
            "-m" | "--module" | "--version" | "-help" | "--help" | "-h" | "-?" | "--list-modules" => return needs,
            // An argument file, or a word that may turn out to be one.
            word if word.starts_with('@') || word.starts_with(shell::OPEN) => {
                needs.push(Need::Undecided(Undecided::unknowable("java", "an argument file determines what it runs")));
                return needs;
            }
            word if VALUED.contains(&format!(" {word} ")) => {
                words.next();
            }
            word if word.starts_with('-') => needs.extend(agent(process, word)),
            // A class, or a source file.
            word => {
                if word.ends_with(".java") {
                    needs.push(lang::file(process, word, "the source file"));
                }
                return needs;
            }
        }
    }
    needs
}

fn archive(process: &ProcessContext<'_>, word: &str) -> Need {
    let need = lang::file(process, word, "the archive");
    let Need::Met(node) = need else { return need };
    if process.view.stat(node).is_some_and(|stat| stat.kind != Kind::Dir) {
        return need;
    }
    let subject = process.name(node);
    let what = format!("the archive {subject} is a directory");
    Need::Unmet(Missing { subject, what, place: Some(node) })
}

/// The archive of an agent; the virtual machine exits if it is missing.
fn agent(process: &ProcessContext<'_>, word: &str) -> Option<Need> {
    let archive = word.strip_prefix("-javaagent:")?;
    let archive = archive.split_once('=').map_or(archive, |(archive, _)| archive);
    Some(lang::file(process, archive, "the agent"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::access::Capabilities;
    use crate::facts::testing::TestImage;

    fn told(made: &TestImage, text: &str) -> String {
        let facts = made.facts();
        let process = ProcessContext::of(&facts, Capabilities::Docker).expect("a process");
        let words: Vec<String> = text.split(' ').map(str::to_string).collect();
        let needs = needs(&process, &words).into_iter().map(|need| match need {
            Need::Met(node) => process.name(node),
            Need::Unmet(lack) => format!("NO {}", lack.what),
            Need::Undecided(undecided) => format!("? {}", undecided.reason),
        });
        needs.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn archives_and_agents_must_exist() {
        let made = TestImage::new(
            "u 0644 0:0 app/app.jar 10\nu 0600 0:0 app/mine.jar 10\nu 0644 0:0 app/Main.java 10\nd 0755 0:0 app/d.jar",
        );
        let made = made.workdir("/app").user("1000");
        for (text, expected) in [
            ("-jar app.jar --port 80", "/app/app.jar"),
            ("-Xmx64m -XX:+UseG1GC -Da=b -server -ea -jar app.jar", "/app/app.jar"),
            ("-cp gone.jar -jar ./app.jar", "/app/app.jar"),
            ("--add-opens java.base/java.lang=ALL-UNNAMED -jar app.jar", "/app/app.jar"),
            ("--add-opens=java.base/java.lang=ALL-UNNAMED -jar gone.jar", "NO the archive /app/gone.jar doesn't exist"),
            ("-jar mine.jar", "NO uid 1000 can't read the archive /app/mine.jar"),
            ("-jar d.jar", "NO the archive /app/d.jar is a directory"),
            ("-jar target/*.jar", "? a shell may expand it as a pattern"),
            ("-javaagent:/otel.jar=x -jar app.jar", "NO the agent /otel.jar doesn't exist; /app/app.jar"),
            ("@args -jar gone.jar", "? an argument file determines what it runs"),
            ("-cp app.jar:lib/* com.example.Main", ""),
            ("Main.java a", "/app/Main.java"),
            ("--version -jar gone.jar", ""),
            ("-version", ""),
        ] {
            assert_eq!(told(&made, text), expected, "{text}");
        }
        let hooked = made.env("JAVA_TOOL_OPTIONS=-Da=b -javaagent:/otel.jar");
        assert_eq!(told(&hooked, "-jar app.jar"), "NO the agent /otel.jar doesn't exist; /app/app.jar");
    }
}
