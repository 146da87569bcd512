//! plimsoll: a static policy auditor for built container images.
//!
//! The way of the data, one direction and no way back:
//!
//! ```text
//! reference → source → image → pass(collectors) → view → facts → rules ← policy
//!                                                               ↓
//!                                                      verdict → report
//! ```
//!
//! Each stage is a module; `docs/architecture.md` says which may use which, and a test holds it to that.

pub mod audit;
pub mod cli;
pub mod collect;
pub mod examine;
pub mod facts;
pub mod image;
pub mod limits;
pub mod model;
pub mod output;
pub mod pass;
pub mod policy;
pub mod report;
pub mod rules;
pub mod source;
pub mod stream;
pub mod verdict;
pub mod view;
