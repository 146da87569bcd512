//! Facts about images, without a policy: `cargo run --example facts -- testdata/hello.tar`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use plimsoll::CanStart;
use plimsoll::ImageFacts;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for reference in std::env::args().skip(1) {
        for image in ImageFacts::read(&reference)? {
            println!("{} ({})", image.title(), image.platform());
            match image.uid() {
                Ok(uid) => println!("  runs as uid {uid}"),
                Err(why) => println!("  runs as nobody: {why}"),
            }
            match image.can_start() {
                CanStart::Yes => println!("  its command can start"),
                CanStart::No(reasons) => println!("  its command can't start: {}", reasons.join("; ")),
                other => println!("  its command: {other:?}"),
            }
            if let Some(sizes) = image.sizes() {
                println!("  {} bytes are visible, {} are hidden but still shipped", sizes.visible, sizes.wasted);
            }
            match image.packages() {
                Ok(packages) => println!("  {} packages are installed", packages.len()),
                Err(why) => println!("  its packages are unknown: {why}"),
            }
        }
    }
    Ok(())
}
