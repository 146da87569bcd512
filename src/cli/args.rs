//! The command line as data: every command, flag and value, with its help.
//!
//! Every flag also has an environment variable, which [`command`] derives from its name: `--fail-on` reads
//! `PLIMSOLL_FAIL_ON`.

use crate::model::finding::Level;
use crate::output::ReportFormat;
use crate::platform::Platform;
use crate::verdict::FailOn;
use clap::ArgAction;
use clap::Args;
use clap::CommandFactory;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use clap::builder::FalseyValueParser;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use clap_complete::Shell;
use std::path::PathBuf;

/// Audit built container images: find out whether they are fit to ship and, if not, why and what to do
///
/// Exit code: 0 if every image passes, 1 if at least one fails, 2 if something couldn't be judged.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, propagate_version = true)]
pub struct Cli {
    /// The subcommand and its arguments.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check images against a policy
    Audit(AuditArgs),
    /// Show the images in an input: layers, sizes, and how the command would start
    Inspect(InspectArgs),
    /// List the files of an image
    Tree(TreeArgs),
    /// List the rules and their levels in the built-in policies
    Rules(RulesArgs),
    /// Explain a rule: why it matters, what it checks, how to fix it
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print the manual page for plimsoll or one of its commands
    Man(ManArgs),
}

/// `plimsoll audit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  docker save app:1.0 | plimsoll audit -
  plimsoll audit --policy backend oci:build/image:1.0
  plimsoll audit --policy ./release.toml --format json --output report.json app.tar
  plimsoll audit --quiet app.tar web.tar")]
pub struct AuditArgs {
    /// The images, as given.
    #[arg(
        required = true,
        value_name = "IMAGE",
        help = "An archive, a directory, `-` for standard input, or oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, dir:DIR"
    )]
    pub images: Vec<String>,
    /// Names and files of policies; empty for baseline.
    #[arg(
        long = "policy",
        value_name = "NAME|FILE",
        help = "A built-in policy (baseline, backend, frontend) or a policy file; repeat to combine [default: baseline]"
    )]
    pub policies: Vec<String>,
    /// Audit only this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,
    /// Output format of the report
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = report_format())]
    pub format: ReportFormat,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The lowest level at which a finding fails an image
    #[arg(long, value_name = "LEVEL", default_value = "error", value_parser = fail_on())]
    pub fail_on: FailOn,
    /// The base image of the audited images; marks the findings that come from it
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,
    /// Show every note, location and layer
    #[arg(long, short, conflicts_with_all = ["summary", "quiet"])]
    pub verbose: bool,
    /// Show only the verdict and what to do
    #[arg(long, conflicts_with = "quiet")]
    pub summary: bool,
    /// Show only the verdict
    #[arg(long, short)]
    pub quiet: bool,
    /// Leave out layer sizes
    #[arg(long)]
    pub no_sizes: bool,
    /// Number of threads that read layers; `None` for one per core.
    #[arg(
        long,
        value_name = "N",
        help = "Number of threads that read layers [default: one per core]",
        value_parser = clap::value_parser!(u16).range(1..=1024)
    )]
    pub threads: Option<u16>,
}

/// `plimsoll inspect`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll inspect app.tar            layers and sizes
  plimsoll inspect app.tar --start    how the command and the health check would start")]
pub struct InspectArgs {
    /// An image, as for audit
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Read only manifests and configs, not layers
    #[arg(long, conflicts_with = "start")]
    pub no_layers: bool,
    /// Show how the command and the health check would start, step by step
    #[arg(long)]
    pub start: bool,
    /// Show only this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ListFormat,
}

/// `plimsoll tree`.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// An image, as for audit
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Print machine-readable lines: type, mode, uid, gid, size, path, link target, digest; unprintable bytes are escaped
    #[arg(long)]
    pub plain: bool,
    /// With --plain, print the SHA-256 digest of each file's content
    #[arg(long, requires = "plain")]
    pub sha256: bool,
    /// Show only this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    pub platform: Option<Platform>,
}

/// `plimsoll rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: ListFormat,
}

/// `plimsoll explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The rule's id, such as root-user
    #[arg(value_name = "RULE")]
    pub rule: String,
}

/// `plimsoll completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `plimsoll man`.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// A command, such as audit [default: plimsoll itself]
    #[arg(value_name = "COMMAND")]
    pub command: Option<String>,
}

/// The output formats of everything except audit reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people
    Table,
    /// For programs
    Json,
}

/// The whole command line, with an environment variable for each flag.
pub fn command() -> clap::Command {
    Cli::command().mut_subcommands(|subcommand| {
        // Reports support formats that listings don't.
        let prefix = if subcommand.get_name() == "audit" { "PLIMSOLL_" } else { "PLIMSOLL_LIST_" };
        subcommand.mut_args(|arg| {
            let prefix = if arg.get_long() == Some("format") { prefix } else { "PLIMSOLL_" };
            with_variable(arg, prefix)
        })
    })
}

fn with_variable(arg: clap::Arg, prefix: &str) -> clap::Arg {
    let Some(long) = arg.get_long() else { return arg };
    let variable = format!("{prefix}{}", long.to_ascii_uppercase().replace('-', "_"));
    match arg.get_action() {
        // Any value other than `0`, `false`, `no`, `off` or the empty string sets the flag.
        ArgAction::SetTrue => arg.env(variable).hide_env_values(true).value_parser(FalseyValueParser::new()),
        _ => arg.env(variable).hide_env_values(true),
    }
}

/// Parses the name of a report format.
fn report_format() -> impl TypedValueParser<Value = ReportFormat> {
    PossibleValuesParser::new(ReportFormat::ALL.map(ReportFormat::name))
        .map(|name| ReportFormat::parse(&name).expect("the parser accepts only format names"))
}

fn fail_on() -> impl TypedValueParser<Value = FailOn> {
    PossibleValuesParser::new(["error", "warn", "note", "never"])
        .map(|name| Level::parse(&name).map_or(FailOn::Never, FailOn::Level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_definitions_are_valid() {
        command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        let mut command = command();
        command.build();
        for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
            let has_variable =
                |arg: &&clap::Arg| arg.get_long().is_some_and(|long| !["help", "version"].contains(&long));
            for arg in subcommand.get_arguments().filter(has_variable) {
                assert!(arg.get_env().is_some(), "{} {}", subcommand.get_name(), arg.get_id());
            }
        }
    }
}
