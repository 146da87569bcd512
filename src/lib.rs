//! plimsoll audits built container images: it reads an OCI layout or a `docker save` archive and tells you whether the
//! image is fit to ship and, if not, why and what to do. It runs and unpacks nothing and needs no daemon and no
//! network.
//!
//! ```no_run
//! use plimsoll::{Audit, Policy, Verdict};
//!
//! let report = Audit::new(Policy::builtin("baseline")?)
//!     .platform("linux/amd64")?
//!     .run(["app.tar", "oci:build/image:1.0"]);
//! for image in &report.images {
//!     println!("{}: {}", image.title(), image.verdict);
//!     for finding in &image.findings {
//!         println!("  {} {}: {}", finding.level, finding.rule, finding.message);
//!     }
//! }
//! assert_eq!(report.verdict(), Verdict::Pass);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Report`] implements [`serde::Serialize`]: it serializes to version 1 of the JSON format that the program writes.
//! `examples/` shows an audit, a custom policy, and facts about an image without a policy.
//!
//! # Features
//!
//! `cli`, on by default, is the command line. A program that embeds plimsoll doesn't need it: use `default-features =
//! false`.
//!
//! # Structure
//!
//! Data flows in one direction:
//!
//! ```text
//! reference → source → image → pass (collectors) → view → facts → rules ← policy
//!                                                               ↓
//!                                                   verdict → report → output
//! ```
//!
//! Each stage is a module; `docs/architecture.md` says which may import which.

// Without the command line, the code that only it uses is dead.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

/// Declares modules that are private, except to the project's own tests.
macro_rules! modules {
    ($($name:ident)*) => {
        $(
            #[cfg(feature = "internals")]
            #[doc(hidden)]
            pub mod $name;
            #[cfg(not(feature = "internals"))]
            mod $name;
        )*
    };
}

modules! {
    audit collect examine facts image image_facts limits model output pass platform policy report rules source stream
    verdict view
}

#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;

pub use crate::audit::Audit;
pub use crate::image::error::ImageError;
pub use crate::image_facts::CanStart;
pub use crate::image_facts::ImageFacts;
pub use crate::image_facts::PackageFacts;
pub use crate::model::digest::Digest;
pub use crate::model::fault::ImageFault;
pub use crate::model::fault::LayerFault;
pub use crate::model::fault::Offset;
pub use crate::model::finding::Cause;
pub use crate::model::finding::Confidence;
pub use crate::model::finding::Finding;
pub use crate::model::finding::Fix;
pub use crate::model::finding::Group;
pub use crate::model::finding::Level;
pub use crate::model::finding::Location;
pub use crate::model::finding::Question;
pub use crate::model::finding::RuleId;
pub use crate::model::finding::Scope;
pub use crate::model::finding::State;
pub use crate::model::finding::Undecided;
pub use crate::model::finding::Waiver;
pub use crate::model::fingerprint::Fingerprint;
pub use crate::model::layer_facts::Compression;
pub use crate::output::Detail;
pub use crate::output::Options;
pub use crate::output::ReportFormat;
pub use crate::output::write;
pub use crate::platform::InvalidPlatform;
pub use crate::platform::Platform;
pub use crate::policy::Policy;
pub use crate::policy::PolicyError;
pub use crate::policy::PolicyName;
pub use crate::report::CheckedRule;
pub use crate::report::Evidence;
pub use crate::report::ImageReport;
pub use crate::report::ImageSizes;
pub use crate::report::InputError;
pub use crate::report::LayerReport;
pub use crate::report::NotExamined;
pub use crate::report::Report;
pub use crate::source::reference::Reference;
pub use crate::verdict::FailOn;
pub use crate::verdict::Verdict;
