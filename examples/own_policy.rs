//! Audits images against a policy of one's own, and writes the report as JSON:
//! `cargo run --example own_policy -- testdata/hello.tar`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use plimsoll::Audit;
use plimsoll::FailOn;
use plimsoll::Level;
use plimsoll::Policy;

const POLICY: &str = r#"
schema  = 1
extends = ["baseline"]

[rules]
floating-tag    = "error"
unexpected-port = { level = "error", ports = ["8000/tcp"] }
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let images: Vec<String> = std::env::args().skip(1).collect();
    let audit = Audit::new(Policy::parse("ours", POLICY)?).fail_on(FailOn::Level(Level::Warn));
    let report = audit.platform("linux/amd64")?.run(images);
    // The same document as `plimsoll audit --format json`.
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}
