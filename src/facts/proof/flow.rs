//! Which commands of a shell script are reached, and whether the script can succeed.
//!
//! POSIX.1-2024, Shell Command Language, sections 2.9.2 to 2.9.4 and `set -e`. In: the commands with the operators that
//! join them, and the outcome of each that is reached. Out: whether the last status can be zero. Compound commands may
//! do anything. Not here: what a command is.

use crate::facts::shell::Join;
use crate::facts::shell::Simple;

/// How a command can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// With status zero.
    pub succeeds: bool,
    /// With another status.
    pub fails: bool,
    /// The script ends with it; in a compound command, it may.
    pub ends: bool,
    /// The script may end with it successfully.
    pub may_end: bool,
}

impl Outcome {
    /// With any status.
    pub const ANY: Outcome = Outcome { succeeds: true, fails: true, ends: false, may_end: false };
    /// Always zero.
    pub const SUCCEEDS: Outcome = Outcome { succeeds: true, fails: false, ends: false, may_end: false };
    /// Never zero.
    pub const FAILS: Outcome = Outcome { succeeds: false, fails: true, ends: false, may_end: false };

    /// The same, but it may also end the script.
    pub fn ending_perhaps(self) -> Outcome {
        Outcome { may_end: true, ..self }
    }

    /// The same, but nothing after it runs.
    pub fn ending(self) -> Outcome {
        Outcome { ends: true, ..self }
    }
}

/// The shell options that the script has set so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// `-e`: the first command that fails ends the script.
    pub errexit: bool,
    /// `-o pipefail`: a pipeline fails if any of its commands does.
    pub pipefail: bool,
}

/// Whether the script can end with status zero. Calls `outcome`, in order, for each command that can be reached, with
/// whether it is in a pipeline.
pub fn can_succeed(
    commands: &[Simple],
    mut outcome: impl FnMut(&Simple, bool) -> Outcome,
    switches: impl Fn() -> Switches,
) -> bool {
    let groups = groups(commands);
    let (mut zero, mut other) = (true, false);
    let mut ended_well = false;
    for (i, group) in groups.iter().enumerate() {
        let join = group[0].join;
        let is_reached = match join {
            Join::And => zero,
            Join::Or => other,
            Join::Then | Join::Pipe => zero || other,
        };
        if !is_reached {
            continue;
        }
        let (kept_zero, kept_other) = (zero && join == Join::Or, other && join == Join::And);
        let is_compound = group[0].depth > 0;
        let is_piped = !is_compound && group.len() > 1;
        let outcomes: Vec<Outcome> = group.iter().map(|command| outcome(command, is_piped)).collect();
        // In a subshell it doesn't end the script, but the compound command still succeeds.
        ended_well |= outcomes.iter().any(|one| one.may_end || is_compound && one.ends && one.succeeds);
        let mut out = match outcomes.last() {
            Some(_) if is_compound => Outcome::ANY,
            Some(last) => Outcome {
                succeeds: last.succeeds && (!switches().pipefail || outcomes.iter().all(|one| one.succeeds)),
                ends: last.ends && group.len() == 1,
                ..*last
            },
            None => Outcome::ANY,
        };
        if group[0].is_negated {
            out = Outcome { succeeds: out.fails, fails: out.succeeds, ..out };
        }
        if group[group.len() - 1].is_background {
            out = Outcome::SUCCEEDS;
        }
        let is_last_of_list = groups.get(i + 1).is_none_or(|next| next[0].join == Join::Then);
        if switches().errexit && is_last_of_list && !is_compound && !group[0].is_negated {
            out.fails = false;
        }
        if out.ends {
            ended_well |= out.succeeds;
            (zero, other) = (kept_zero, kept_other);
        } else {
            (zero, other) = (kept_zero || out.succeeds, kept_other || out.fails);
        }
    }
    ended_well || zero
}

/// Pipelines, and runs of commands inside compound commands.
fn groups(commands: &[Simple]) -> Vec<&[Simple]> {
    commands
        .chunk_by(|a, b| (b.join == Join::Pipe && b.depth == 0 && a.depth == 0) || (a.depth > 0 && b.depth > 0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::shell;

    /// `y` succeeds, `n` fails, `e` ends successfully, anything else may do either.
    fn reached(text: &str) -> (String, bool) {
        let commands = shell::read(text, &shell::Variables::default()).commands;
        let mut seen = String::new();
        let switches = std::cell::Cell::new(Switches::default());
        let outcome = |command: &Simple, _| {
            let word = command.words[0].as_str();
            seen.push_str(word);
            match word {
                "set" => switches.set(Switches { errexit: true, ..switches.get() }),
                "pf" => switches.set(Switches { pipefail: true, ..switches.get() }),
                "n" => return Outcome::FAILS,
                "y" | "e" => return Outcome { ends: word == "e", ..Outcome::SUCCEEDS },
                "x" => return Outcome::FAILS.ending(),
                _ => return Outcome::ANY,
            }
            Outcome::SUCCEEDS
        };
        let can = can_succeed(&commands, outcome, || switches.get());
        (seen, can)
    }

    #[test]
    fn reaches_commands_as_a_shell_does() {
        for (text, seen, can) in [
            ("n", "n", false),
            ("n || x", "nx", false),
            ("n || y", "ny", true),
            ("y || n", "y", true),
            ("n && y", "n", false),
            ("n; y", "ny", true),
            ("y; n", "yn", false),
            ("n | y", "ny", true),
            ("pf; n | y", "pfny", false),
            ("y | n || x", "ynx", false),
            ("! n", "n", true),
            ("n & y", "ny", true),
            ("a || n", "an", true),
            ("e; n", "e", true),
            ("x; y", "x", false),
            ("a && e; n", "aen", true),
            ("set -e; n; y", "setn", false),
            ("set -e; n || y; y", "setnyy", true),
            ("set -e; y && n; y", "setyn", false),
            ("if n; then y; fi; n", "nyn", false),
            ("if a; then e; fi; n", "aen", true),
            ("if a; then x; fi; n", "axn", false),
            ("a && { e; }; n", "aen", true),
            ("if n; then y; fi", "ny", true),
            ("{ n; } || x", "nx", true),
        ] {
            assert_eq!(reached(text), (seen.to_string(), can), "{text}");
        }
    }
}
