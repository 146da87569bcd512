//! The command line as data: every command, flag and value, with its help.

use crate::model::finding::Level;
use crate::report::Format;
use crate::verdict::FailOn;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use std::path::PathBuf;

/// Audit built container images: may they ship, why not, what to do.
///
/// Exit code: 0 every image passes, 1 one fails, 2 something could not be judged.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge images by a policy
    Audit(AuditArgs),
    /// Show which images an input holds
    Inspect(InspectArgs),
    /// List the paths of an image's merged filesystem
    Tree(TreeArgs),
    /// List the rules and their levels in the built-in policies
    Rules(RulesArgs),
    /// Explain a rule: why, on what evidence, how to mend it
    Explain(ExplainArgs),
}

/// `plimsoll audit`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  docker save app:1.0 -o app.tar && plimsoll audit app.tar
  plimsoll audit --policy backend oci:build/image:1.0
  plimsoll audit --policy ./release.toml --format json --output report.json app.tar
  docker save app:1.0 | plimsoll audit --fail-on warn -")]
pub struct AuditArgs {
    /// The images, as the user typed them.
    #[arg(
        required = true,
        value_name = "IMAGE",
        help = "An archive, a directory, `-`, or oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, dir:DIR"
    )]
    pub images: Vec<String>,
    /// Names and files of policies; baseline where there are none.
    #[arg(
        long = "policy",
        value_name = "NAME|FILE",
        help = "A built-in policy's name or a policy file; several are laid over each other [default: baseline]"
    )]
    pub policies: Vec<String>,
    /// Audit only this platform
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = platform)]
    pub platform: Option<String>,
    /// How to write the report
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = format())]
    pub format: Format,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// From which level on a finding fails an image
    #[arg(long, value_name = "LEVEL", default_value = "error", value_parser = fail_on())]
    pub fail_on: FailOn,
    /// Threads that read layers; one for each core where there is no number.
    #[arg(long, value_name = "N", help = "Threads that read layers [default: one for each core]", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// The image that the audited ones are built on
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,
}

/// `plimsoll inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// An image, as for audit
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Read manifests and configs only, no layers
    #[arg(long, required_unless_present = "start", conflicts_with = "start")]
    pub no_layers: bool,
    /// Show what becomes of the command and of the health check, step by step
    #[arg(long)]
    pub start: bool,
    /// Look at this platform only
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = platform)]
    pub platform: Option<String>,
    /// How to write what is found
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = format())]
    pub format: Format,
}

/// `plimsoll tree`.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// An image, as for audit
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// One line for each path: type mode uid gid size path link content
    #[arg(long, required = true)]
    pub plain: bool,
    /// Show the SHA-256 of each file's content
    #[arg(long)]
    pub sha256: bool,
    /// Look at this platform only
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = platform)]
    pub platform: Option<String>,
}

/// `plimsoll rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// How to write the list
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = format())]
    pub format: Format,
}

/// `plimsoll explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The rule's id, such as root-user
    #[arg(value_name = "RULE")]
    pub rule: String,
}

/// Takes the names of the report formats.
pub fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .map(|name| Format::parse(&name).expect("clap took only names of formats"))
}

fn fail_on() -> impl TypedValueParser<Value = FailOn> {
    PossibleValuesParser::new(["error", "warn", "note", "never"])
        .map(|name| Level::parse(&name).map_or(FailOn::Never, FailOn::Level))
}

fn platform(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let is_word = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    match (2..=3).contains(&parts.len()) && parts.iter().all(is_word) {
        true => Ok(text.to_string()),
        false => Err("a platform is written as linux/amd64 or linux/arm/v7".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_agree_with_each_other() {
        Cli::command().debug_assert();
        InspectArgs::augment_args(clap::Command::new("inspect")).debug_assert();
        TreeArgs::augment_args(clap::Command::new("tree")).debug_assert();
    }

    #[test]
    fn platforms() {
        for good in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert!(platform(good).is_ok(), "{good}");
        }
        for bad in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/ar m", "linux/\u{1b}"] {
            assert!(platform(bad).is_err(), "{bad}");
        }
    }
}
