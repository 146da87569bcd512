//! The commands. In: arguments. Out: a report and an exit code.
//!
//! Only the report goes to standard output; everything else goes to standard error. Not here: the contents of a report
//! (`report`), writing it (`output`), judging an image (`audit`).

pub mod args;
mod inspect;
mod rules;
mod start;
mod tree;

use crate::audit::Audit;
use crate::audit::input_error;
use crate::audit::read_policy;
use crate::cli::args::AuditArgs;
use crate::cli::args::Cli;
use crate::cli::args::Command;
use crate::cli::args::CompletionsArgs;
use crate::cli::args::ExplainArgs;
use crate::cli::args::InspectArgs;
use crate::cli::args::ManArgs;
use crate::cli::args::RulesArgs;
use crate::cli::args::TreeArgs;
use crate::examine;
use crate::examine::Examined;
use crate::image::Candidate;
use crate::image::Listing;
use crate::image::error::ImageError;
use crate::model::text::shown;
use crate::output;
use crate::output::Detail;
use crate::output::Options;
use crate::platform::Platform;
use crate::policy;
use crate::policy::PolicyError;
use crate::policy::builtin;
use crate::policy::error::nearest;
use crate::report::ImageReport;
use crate::report::InputError;
use crate::report::build;
use anstream::AutoStream;
use anstream::ColorChoice;
use clap::FromArgMatches;
use std::ffi::OsString;
use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// The report's width without a terminal, in columns.
const DEFAULT_WIDTH: usize = 100;
/// The policy if none is given.
const DEFAULT_POLICY: &str = "baseline";
/// The exit code that a shell reports for a program killed by SIGPIPE.
const EXIT_BROKEN_PIPE: u8 = 141;
/// The exit code if something could not be judged or the command failed.
const EXIT_ERROR: u8 = 2;

/// Where a command writes, and how.
pub struct Console<'a> {
    /// The report goes here.
    pub out: &'a mut dyn Write,
    /// Width, colours and level of detail of the report.
    pub options: Options,
    /// Everything else goes here.
    pub err: &'a mut dyn Write,
    /// Whether to colour standard error.
    pub err_color: bool,
}

/// Why a command failed.
#[derive(Debug)]
enum CommandError {
    /// The command line is invalid, or asks for help.
    Usage(clap::Error),
    /// The policy is invalid.
    Policy(PolicyError),
    /// Inputs that cannot be read.
    Input(Vec<InputError>),
    /// A name that is unknown or ambiguous.
    Name { what: String, hint: Option<String> },
    /// The report cannot be written to this file, or to standard output.
    Output(Option<PathBuf>, io::Error),
}

impl From<PolicyError> for CommandError {
    fn from(error: PolicyError) -> CommandError {
        CommandError::Policy(error)
    }
}

/// Runs the program with the process's own arguments and streams.
pub fn main() -> ExitCode {
    catch_file_size_signal();
    let stdout = io::stdout();
    let stderr = io::stderr();
    let options = Options {
        width: width(&stdout),
        color: AutoStream::choice(&stdout) != ColorChoice::Never,
        errors: false,
        detail: Detail::Normal,
        sizes: true,
    };
    let err_color = AutoStream::choice(&stderr) != ColorChoice::Never;
    let mut out = io::BufWriter::new(stdout.lock());
    let mut console = Console { out: &mut out, options, err: &mut stderr.lock(), err_color };
    ExitCode::from(run(std::env::args_os(), &mut console))
}

/// Catches SIGXFSZ, so that a write past the file size limit (setrlimit(2), RLIMIT_FSIZE) fails with an error instead
/// of killing the process.
fn catch_file_size_signal() {
    let caught = std::sync::Arc::default();
    // If the signal can't be caught, the limit kills the process.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, caught);
}

/// Runs a command line, which begins with the program's name, and returns the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console<'_>) -> u8 {
    let parsed = args::command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let result = parsed.map_err(CommandError::Usage).and_then(|cli| match cli.command {
        Command::Audit(args) => audit(args, console),
        Command::Inspect(args) => inspect(&args, console),
        Command::Tree(args) => tree(&args, console),
        Command::Rules(args) => list_rules(&args, console),
        Command::Explain(args) => explain(&args, console),
        Command::Completions(args) => completions(&args, console),
        Command::Man(args) => man(&args, console),
    });
    let result = result.and_then(|code| console.out.flush().map(|()| code).map_err(stdout_error));
    // If standard error is closed, the error can't be printed.
    result.unwrap_or_else(|error| print_error(error, console).unwrap_or(EXIT_ERROR))
}

fn print_error(error: CommandError, console: &mut Console<'_>) -> io::Result<u8> {
    let err = &mut *console.err;
    match error {
        CommandError::Usage(error) => return Ok(print_usage(&error, console)),
        CommandError::Output(None, error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(EXIT_BROKEN_PIPE),
        CommandError::Output(None, error) => writeln!(err, "error: cannot write to standard output: {error}")?,
        CommandError::Output(Some(path), error) => {
            writeln!(err, "error: cannot write {}: {error}", shown(&path.to_string_lossy()))?;
        }
        CommandError::Policy(error) => err.write_all(error.render(console.err_color).as_bytes())?,
        CommandError::Input(errors) => print_input_errors(&errors, console)?,
        CommandError::Name { what, hint } => {
            writeln!(err, "error: {what}")?;
            if let Some(hint) = hint {
                writeln!(err, "hint: {hint}")?;
            }
        }
    }
    console.err.flush()?;
    Ok(EXIT_ERROR)
}

fn print_input_errors(errors: &[InputError], console: &mut Console<'_>) -> io::Result<()> {
    for error in errors {
        writeln!(console.err, "error: {}: {}", shown(&error.reference), shown(&error.message))?;
        if let Some(hint) = &error.hint {
            writeln!(console.err, "hint: {}", shown(hint))?;
        }
    }
    Ok(())
}

/// Prints what clap returned. Help and version go to standard output with exit code 0.
fn print_usage(error: &clap::Error, console: &mut Console<'_>) -> u8 {
    let text = error.render();
    let (stream, color): (&mut dyn Write, bool) = if error.use_stderr() {
        (&mut *console.err, console.err_color)
    } else {
        (&mut *console.out, console.options.color)
    };
    let written = if color { write!(stream, "{}", text.ansi()) } else { write!(stream, "{text}") };
    match written.and_then(|()| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => EXIT_BROKEN_PIPE,
        Err(_) => EXIT_ERROR,
        Ok(()) if error.use_stderr() => EXIT_ERROR,
        Ok(()) => 0,
    }
}

fn audit(args: AuditArgs, console: &mut Console<'_>) -> Result<u8, CommandError> {
    let mut names: Vec<&str> = args.policies.iter().map(String::as_str).collect();
    if names.is_empty() {
        names.push(DEFAULT_POLICY);
    }
    let policy = policy::load_all(&names, crate::rules::ALL, &read_policy)?;
    let mut audit = Audit::new(policy).fail_on(args.fail_on);
    if let Some(platform) = args.platform {
        let Ok(with_platform) = audit.platform(platform);
        audit = with_platform;
    }
    if let Some(base) = args.base {
        audit = audit.base(base);
    }
    if let Some(threads) = args.threads {
        audit = audit.threads(usize::from(threads));
    }
    let report = audit.run(args.images);
    print_input_errors(&report.errors, console).map_err(stdout_error)?;
    let detail = match (args.quiet, args.summary, args.verbose) {
        (true, ..) => Detail::Quiet,
        (_, true, _) => Detail::Summary,
        (.., true) => Detail::Verbose,
        _ => Detail::Normal,
    };
    let options = Options { detail, sizes: !args.no_sizes, ..console.options };
    match args.output {
        None => output::write(&report, args.format, options, console.out).map_err(stdout_error)?,
        Some(path) => {
            // The file is created only after the whole report has been rendered.
            let mut bytes = Vec::new();
            let options = Options { width: DEFAULT_WIDTH, color: false, errors: true, ..options };
            output::write(&report, args.format, options, &mut bytes)
                .and_then(|()| std::fs::write(&path, &bytes))
                .map_err(|error| CommandError::Output(Some(path), error))?;
        }
    }
    Ok(report.verdict().exit_code())
}

fn inspect(args: &InspectArgs, console: &mut Console<'_>) -> Result<u8, CommandError> {
    let listing = open(&args.image, args.platform.as_ref())?;
    let is_complete = if args.no_layers {
        inspect::write_listing(&args.image, &listing, args.format, console.out).map_err(stdout_error)?;
        true
    } else {
        let (listing, images) = examine_all(listing, false);
        let is_complete = images.iter().all(|image| image.faults.is_empty());
        if args.start {
            start::write(&args.image, &images, args.format, console.options.width, console.out)
        } else {
            let reports: Vec<ImageReport> =
                images.into_iter().map(|image| build::report_without_rules(image, &listing)).collect();
            inspect::write(&args.image, &listing, &reports, args.format, console.options.width, console.out)
        }
        .map_err(stdout_error)?;
        is_complete && listing.broken.is_empty()
    };
    Ok(if is_complete { 0 } else { EXIT_ERROR })
}

fn open(image: &str, platform: Option<&Platform>) -> Result<Listing, CommandError> {
    Ok(examine::open(image, platform.map(Platform::as_str)).map_err(|error| input_failure(image, &error))?.listing)
}

/// Reads the layers of all images in an input. Returns the rest of the listing and the images.
fn examine_all(mut listing: Listing, sha256: bool) -> (Listing, Vec<Examined>) {
    let options = examine::Options { threads: core_count(), sha256 };
    let images = examine::examine(std::mem::take(&mut listing.images), &options);
    (listing, images)
}

fn stdout_error(error: io::Error) -> CommandError {
    CommandError::Output(None, error)
}

fn tree(args: &TreeArgs, console: &mut Console<'_>) -> Result<u8, CommandError> {
    let listing = open(&args.image, args.platform.as_ref())?;
    if let Some(broken) = listing.broken.first() {
        return Err(input_failure(&args.image, broken));
    }
    if listing.images.len() > 1 {
        let names = |c: &Candidate| format!("{} ({})", shown(c.image.title()), shown(&c.image.platform));
        let list: Vec<String> = listing.images.iter().take(20).map(names).collect();
        let what = format!("{} contains {} images: {}", shown(&args.image), listing.images.len(), list.join(", "));
        let hint = Some("select one by its tag or digest, or with --platform".to_string());
        return Err(CommandError::Name { what, hint });
    }
    let mut errors = Vec::new();
    for examined in examine_all(listing, args.sha256).1 {
        if let Some(view) = &examined.view {
            let write = if args.plain { tree::write_plain } else { tree::write };
            write(view, console.out).map_err(stdout_error)?;
        }
        let layers = examined.image.layers.len();
        errors.extend(examined.faults.iter().map(|fault| InputError {
            reference: args.image.clone(),
            message: output::table::fault_text(fault, layers),
            hint: None,
        }));
    }
    if errors.is_empty() { Ok(0) } else { Err(CommandError::Input(errors)) }
}

fn input_failure(reference: &str, error: &ImageError) -> CommandError {
    CommandError::Input(vec![input_error(reference, error)])
}

fn core_count() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

fn list_rules(args: &RulesArgs, console: &mut Console<'_>) -> Result<u8, CommandError> {
    let mut rows = Vec::new();
    for rule in crate::rules::ALL {
        rows.push((*rule, builtin::levels(rule.id, crate::rules::ALL)?));
    }
    rules::write(&rows, args.format, console.options, console.out).map_err(stdout_error)?;
    Ok(0)
}

fn explain(args: &ExplainArgs, console: &mut Console<'_>) -> Result<u8, CommandError> {
    let Some(rule) = crate::rules::find(&args.rule) else {
        let known = crate::rules::ALL.iter().map(|rule| rule.id);
        let hint = match nearest(&args.rule, known) {
            Some(id) => format!("did you mean `{id}`?"),
            None => "`plimsoll rules` lists all rules".to_string(),
        };
        return Err(CommandError::Name { what: format!("unknown rule `{}`", shown(&args.rule)), hint: Some(hint) });
    };
    let levels = builtin::levels(rule.id, crate::rules::ALL)?;
    let page = crate::rules::page::terminal(rule, &levels, console.options.width);
    console.out.write_all(page.as_bytes()).map_err(stdout_error)?;
    Ok(0)
}

fn completions(args: &CompletionsArgs, console: &mut Console<'_>) -> Result<u8, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "plimsoll", &mut script);
    console.out.write_all(&script).map_err(stdout_error)?;
    Ok(0)
}

fn man(args: &ManArgs, console: &mut Console<'_>) -> Result<u8, CommandError> {
    let mut command = args::command().disable_help_subcommand(true);
    command.build();
    let page = match args.command.as_deref() {
        None => command,
        Some(name) => match command.find_subcommand(name) {
            Some(subcommand) => {
                subcommand.clone().name(format!("plimsoll-{name}")).display_name(format!("plimsoll-{name}"))
            }
            None => {
                let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
                let hint = Some(format!("the commands are {}", known.join(", ")));
                return Err(CommandError::Name { what: format!("unknown command `{}`", shown(name)), hint });
            }
        },
    };
    clap_mangen::Man::new(page).render(console.out).map_err(stdout_error)?;
    Ok(0)
}

/// The terminal's width; without a terminal, the value of `COLUMNS` or a default.
fn width(stdout: &io::Stdout) -> usize {
    if let Some((terminal_size::Width(columns), _)) = terminal_size::terminal_size_of(stdout) {
        return usize::from(columns);
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.filter(|&n| n > 0).unwrap_or(DEFAULT_WIDTH)
}

#[cfg(test)]
mod tests;
