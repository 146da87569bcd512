//! Audits images against a built-in policy: `cargo run --example audit -- testdata/hello.tar`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use plimsoll::Audit;
use plimsoll::Level;
use plimsoll::Policy;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let images: Vec<String> = std::env::args().skip(1).collect();
    let report = Audit::new(Policy::builtin("baseline")?).run(images);
    for image in &report.images {
        println!("{} is judged: {}", image.title(), image.verdict);
        for finding in image.findings.iter().filter(|finding| finding.level == Level::Error) {
            println!("  {}: {}", finding.rule, finding.message);
            println!("    {}", finding.fix.advice);
        }
    }
    for error in &report.errors {
        eprintln!("{}: {}", error.reference, error.message);
    }
    Ok(ExitCode::from(report.verdict().exit_code()))
}
