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

pub mod facts;
pub mod image;
pub mod limits;
pub mod model;
pub mod policy;
pub mod rules;
pub mod verdict;
pub mod view;
