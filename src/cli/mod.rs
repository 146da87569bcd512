//! The commands: arguments in, a report out, an exit code back.
//!
//! Standard output is the report and nothing else; everything else goes to standard error. Not here: what a report says
//! (`report`), how it is written (`output`), how an image is judged (`audit`).

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

/// Columns where there is no terminal to ask.
const WIDTH_DEFAULT: usize = 100;
/// The policy where none is named.
const POLICY_DEFAULT: &str = "baseline";
/// What a shell shows for a program that a closed pipe ended.
const EXIT_BROKEN_PIPE: u8 = 141;
/// Something could not be judged, or could not be done at all.
const EXIT_TROUBLE: u8 = 2;

/// Where a command writes, and what is understood there.
pub struct Console<'a> {
    /// For the report.
    pub out: &'a mut dyn Write,
    /// What standard output is like.
    pub options: Options,
    /// For everything else.
    pub err: &'a mut dyn Write,
    /// Whether standard error takes colours.
    pub err_color: bool,
}

/// Why a command could not do what it was asked for.
#[derive(Debug)]
enum Trouble {
    /// The command line is wrong, or asks for help.
    Usage(clap::Error),
    /// The policy is wrong.
    Policy(PolicyError),
    /// An input that cannot be read.
    Input(Vec<InputError>),
    /// A name that nobody knows.
    Unknown { what: String, hint: Option<String> },
    /// The report cannot be written to this file, or to standard output.
    Output(Option<PathBuf>, io::Error),
}

impl From<PolicyError> for Trouble {
    fn from(error: PolicyError) -> Trouble {
        Trouble::Policy(error)
    }
}

/// Runs the program with the process's own arguments and streams.
pub fn main() -> ExitCode {
    keep_write_errors();
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

/// A file that grows past the process's limit (setrlimit(2), RLIMIT_FSIZE) is an error of the write, not the end of the
/// process: the signal is caught, and nothing needs to be done about it.
fn keep_write_errors() {
    let seen = std::sync::Arc::default();
    // Where the signal cannot be caught, the process ends as any other would.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, seen);
}

/// Runs one command line, the program's name first, and gives back the exit code.
pub fn run(args: impl IntoIterator<Item = OsString>, console: &mut Console<'_>) -> u8 {
    let parsed = args::command().try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let done = parsed.map_err(Trouble::Usage).and_then(|cli| match cli.command {
        Command::Audit(args) => audit(args, console),
        Command::Inspect(args) => inspect(&args, console),
        Command::Tree(args) => tree(&args, console),
        Command::Rules(args) => list_rules(&args, console),
        Command::Explain(args) => explain(&args, console),
        Command::Completions(args) => completions(&args, console),
        Command::Man(args) => man(&args, console),
    });
    let done = done.and_then(|code| console.out.flush().map(|()| code).map_err(to_stdout));
    // A standard error that is closed leaves nobody to tell.
    done.unwrap_or_else(|trouble| tell(trouble, console).unwrap_or(EXIT_TROUBLE))
}

fn tell(trouble: Trouble, console: &mut Console<'_>) -> io::Result<u8> {
    let err = &mut *console.err;
    match trouble {
        Trouble::Usage(error) => return Ok(usage(&error, console)),
        Trouble::Output(None, error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(EXIT_BROKEN_PIPE),
        Trouble::Output(None, error) => writeln!(err, "error: cannot write to standard output: {error}")?,
        Trouble::Output(Some(path), error) => {
            writeln!(err, "error: cannot write {}: {error}", shown(&path.to_string_lossy()))?;
        }
        Trouble::Policy(error) => err.write_all(error.render(console.err_color).as_bytes())?,
        Trouble::Input(errors) => tell_errors(&errors, console)?,
        Trouble::Unknown { what, hint } => {
            writeln!(err, "error: {what}")?;
            if let Some(hint) = hint {
                writeln!(err, "hint: {hint}")?;
            }
        }
    }
    console.err.flush()?;
    Ok(EXIT_TROUBLE)
}

fn tell_errors(errors: &[InputError], console: &mut Console<'_>) -> io::Result<()> {
    for error in errors {
        writeln!(console.err, "error: {}: {}", shown(&error.reference), shown(&error.message))?;
        if let Some(hint) = &error.hint {
            writeln!(console.err, "hint: {}", shown(hint))?;
        }
    }
    Ok(())
}

/// Help and version go to standard output and are no trouble.
fn usage(error: &clap::Error, console: &mut Console<'_>) -> u8 {
    let text = error.render();
    let (stream, color): (&mut dyn Write, bool) = match error.use_stderr() {
        true => (&mut *console.err, console.err_color),
        false => (&mut *console.out, console.options.color),
    };
    let written = if color { write!(stream, "{}", text.ansi()) } else { write!(stream, "{text}") };
    match written.and_then(|()| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => EXIT_BROKEN_PIPE,
        Err(_) => EXIT_TROUBLE,
        Ok(()) if error.use_stderr() => EXIT_TROUBLE,
        Ok(()) => 0,
    }
}

fn audit(args: AuditArgs, console: &mut Console<'_>) -> Result<u8, Trouble> {
    let mut names: Vec<&str> = args.policies.iter().map(String::as_str).collect();
    if names.is_empty() {
        names.push(POLICY_DEFAULT);
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
    tell_errors(&report.errors, console).map_err(to_stdout)?;
    let detail = match (args.quiet, args.summary, args.verbose) {
        (true, ..) => Detail::Quiet,
        (_, true, _) => Detail::Summary,
        (.., true) => Detail::Verbose,
        _ => Detail::Normal,
    };
    let options = Options { detail, sizes: !args.no_sizes, ..console.options };
    match args.output {
        None => output::write(&report, args.format, options, console.out).map_err(to_stdout)?,
        Some(path) => {
            // The file comes to be only when the whole report is there to be written.
            let mut bytes = Vec::new();
            let options = Options { width: WIDTH_DEFAULT, color: false, errors: true, ..options };
            output::write(&report, args.format, options, &mut bytes)
                .and_then(|()| std::fs::write(&path, &bytes))
                .map_err(|error| Trouble::Output(Some(path), error))?;
        }
    }
    Ok(report.verdict().exit_code())
}

fn inspect(args: &InspectArgs, console: &mut Console<'_>) -> Result<u8, Trouble> {
    let listing = open(&args.image, args.platform.as_ref())?;
    let is_whole = if args.no_layers {
        inspect::write_listing(&args.image, &listing, args.format, console.out).map_err(to_stdout)?;
        true
    } else {
        let (listing, images) = examine_all(listing, false);
        let is_whole = images.iter().all(|image| image.faults.is_empty());
        match args.start {
            true => start::write(&args.image, &images, args.format, console.options.width, console.out),
            false => {
                let reports: Vec<ImageReport> =
                    images.into_iter().map(|image| build::unjudged(image, &listing)).collect();
                inspect::write(&args.image, &listing, &reports, args.format, console.options.width, console.out)
            }
        }
        .map_err(to_stdout)?;
        is_whole && listing.broken.is_empty()
    };
    Ok(if is_whole { 0 } else { EXIT_TROUBLE })
}

fn open(image: &str, platform: Option<&Platform>) -> Result<Listing, Trouble> {
    Ok(examine::open(image, platform.map(Platform::as_str)).map_err(|error| input(image, &error))?.listing)
}

/// Reads the layers of all images of an input; gives back what else the input holds.
fn examine_all(mut listing: Listing, sha256: bool) -> (Listing, Vec<Examined>) {
    let options = examine::Options { threads: cores(), sha256 };
    let images = examine::examine(std::mem::take(&mut listing.images), &options);
    (listing, images)
}

fn to_stdout(error: io::Error) -> Trouble {
    Trouble::Output(None, error)
}

fn tree(args: &TreeArgs, console: &mut Console<'_>) -> Result<u8, Trouble> {
    let listing = open(&args.image, args.platform.as_ref())?;
    if let Some(broken) = listing.broken.first() {
        return Err(input(&args.image, broken));
    }
    if listing.images.len() > 1 {
        let names = |c: &Candidate| format!("{} ({})", shown(c.image.title()), shown(&c.image.platform));
        let list: Vec<String> = listing.images.iter().take(20).map(names).collect();
        let what = format!("{} has {} images: {}", shown(&args.image), listing.images.len(), list.join(", "));
        let hint = Some("name one by its tag or digest, or with --platform".to_string());
        return Err(Trouble::Unknown { what, hint });
    }
    let mut errors = Vec::new();
    for examined in examine_all(listing, args.sha256).1 {
        if let Some(view) = &examined.view {
            let write = if args.plain { tree::write_plain } else { tree::write };
            write(view, console.out).map_err(to_stdout)?;
        }
        let layers = examined.image.layers.len();
        errors.extend(examined.faults.iter().map(|fault| InputError {
            reference: args.image.clone(),
            message: output::table::named_fault(fault, layers),
            hint: None,
        }));
    }
    if errors.is_empty() { Ok(0) } else { Err(Trouble::Input(errors)) }
}

fn input(reference: &str, error: &ImageError) -> Trouble {
    Trouble::Input(vec![input_error(reference, error)])
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

fn list_rules(args: &RulesArgs, console: &mut Console<'_>) -> Result<u8, Trouble> {
    let mut rows = Vec::new();
    for rule in crate::rules::ALL {
        rows.push((*rule, builtin::levels(rule.id, crate::rules::ALL)?));
    }
    rules::write(&rows, args.format, console.options, console.out).map_err(to_stdout)?;
    Ok(0)
}

fn explain(args: &ExplainArgs, console: &mut Console<'_>) -> Result<u8, Trouble> {
    let Some(rule) = crate::rules::find(&args.rule) else {
        let known = crate::rules::ALL.iter().map(|rule| rule.id);
        let hint = match nearest(&args.rule, known) {
            Some(id) => format!("did you mean `{id}`?"),
            None => "`plimsoll rules` lists them all".to_string(),
        };
        return Err(Trouble::Unknown { what: format!("there is no rule `{}`", shown(&args.rule)), hint: Some(hint) });
    };
    let levels = builtin::levels(rule.id, crate::rules::ALL)?;
    let page = crate::rules::page::terminal(rule, &levels, console.options.width);
    console.out.write_all(page.as_bytes()).map_err(to_stdout)?;
    Ok(0)
}

fn completions(args: &CompletionsArgs, console: &mut Console<'_>) -> Result<u8, Trouble> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "plimsoll", &mut script);
    console.out.write_all(&script).map_err(to_stdout)?;
    Ok(0)
}

fn man(args: &ManArgs, console: &mut Console<'_>) -> Result<u8, Trouble> {
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
                return Err(Trouble::Unknown { what: format!("there is no command `{}`", shown(name)), hint });
            }
        },
    };
    clap_mangen::Man::new(page).render(console.out).map_err(to_stdout)?;
    Ok(0)
}

/// The terminal's width; where there is no terminal, what `COLUMNS` says, else a fixed one.
fn width(stdout: &io::Stdout) -> usize {
    if let Some((terminal_size::Width(columns), _)) = terminal_size::terminal_size_of(stdout) {
        return usize::from(columns);
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    columns.filter(|&n| n > 0).unwrap_or(WIDTH_DEFAULT)
}

#[cfg(test)]
mod tests;
