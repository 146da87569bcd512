//! Everything a rule may ask about an image: what it declares, what it ships, and what follows from both.
//!
//! Each answer is the value, or [`Undecided`] with the reason. Not here: judging the answers.

pub mod access;
pub mod accounts;
pub mod fix_facts;
pub mod health;
pub mod known;
pub mod loader;
pub mod options;
pub mod packages;
pub mod ports;
pub mod process;
pub mod proof;
pub mod servers;
mod serving;
pub mod shell;
pub mod start;
#[cfg(test)]
pub mod testing;

pub use crate::facts::accounts::database_files;

use crate::facts::access::Capabilities;
use crate::facts::health::Health;
use crate::facts::packages::Packages;
use crate::facts::proof::Proof;
use crate::facts::start::Command;
use crate::limits;
use crate::model::finding::Scope;
use crate::model::finding::Undecided;
use crate::model::image::Image;
use crate::model::image::Instruction;
use crate::model::layer_facts::Kept;
use crate::model::text::shown_bytes;
use crate::view::NodeId;
use crate::view::View;
use std::cell::Cell;
use std::cell::OnceCell;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The facts of one image.
pub struct Facts<'a> {
    image: &'a Image,
    view: Result<&'a View, Undecided>,
    packages: OnceCell<Result<Packages, Undecided>>,
    /// Files whose contents were asked for but not kept.
    contents_to_keep: RefCell<BTreeSet<NodeId>>,
    /// The work that the current question may still take.
    work: Cell<u64>,
    serving: OnceCell<Command>,
    start_proofs: ByCapabilities,
    health_proofs: ByCapabilities,
}

/// An answer for each of [`Capabilities::ALL`].
type ByCapabilities = [OnceCell<Result<Proof, Undecided>>; Capabilities::ALL.len()];

impl<'a> Facts<'a> {
    /// `view` is the merged filesystem, or the reason why there is none.
    pub fn new(image: &'a Image, view: Result<&'a View, Undecided>) -> Facts<'a> {
        Facts {
            image,
            view,
            packages: OnceCell::new(),
            contents_to_keep: RefCell::default(),
            work: Cell::new(limits::PROOF_WORK),
            serving: OnceCell::new(),
            start_proofs: ByCapabilities::default(),
            health_proofs: ByCapabilities::default(),
        }
    }

    /// The image's manifest, config, names and instructions.
    pub fn image(&self) -> &'a Image {
        self.image
    }

    /// The merged filesystem.
    pub fn view(&self) -> Result<&'a View, Undecided> {
        self.view.clone()
    }

    /// The kept contents of a regular file. If they weren't kept, the file is remembered for a second pass.
    pub fn content(&self, node: NodeId) -> Result<&'a [u8], Undecided> {
        let view = self.view()?;
        let subject = || format!("/{}", shown_bytes(&view.path(node)));
        match view.content(node) {
            Some(Kept::Whole(bytes)) => Ok(bytes),
            Some(Kept::TooLarge(size)) => {
                Err(Undecided::denied(subject(), format!("it has {size} bytes, over the limit (kept file)")))
            }
            None => {
                self.contents_to_keep.borrow_mut().insert(node);
                Err(Undecided::denied(subject(), "its content was not kept"))
            }
        }
    }

    /// Resets the work limit to [`limits::PROOF_WORK`] for a new question.
    fn reset_work(&self) {
        self.work.set(limits::PROOF_WORK);
    }

    /// Spends work, in bytes read or names examined; an error if the current question has less left.
    pub fn spend(&self, work: usize) -> Result<(), Undecided> {
        match self.work.get().checked_sub(work as u64) {
            Some(left) => {
                self.work.set(left);
                Ok(())
            }
            None => {
                self.work.set(0);
                Err(Undecided::denied("the start proof", "it takes more work than the limit (proof work)"))
            }
        }
    }

    /// Files that the proofs read but whose contents weren't kept, as far as the proofs got.
    pub fn contents_to_keep(&'a self) -> Vec<NodeId> {
        for capabilities in Capabilities::ALL {
            // Only the reads matter here; the rules ask for the proofs again.
            let _ = self.start_proof(capabilities);
            if let Health::Check(check) = self.health() {
                let _ = self.health_proof(&check, capabilities);
            }
        }
        self.contents_to_keep.borrow().iter().copied().collect()
    }

    /// The instruction that created a layer, if the history has it.
    pub fn instruction(&self, layer: usize) -> Option<&'a Instruction> {
        self.image.instruction(layer)
    }

    /// Whether a layer belongs to the base image or to this image.
    pub fn scope(&self, layer: usize) -> Scope {
        match self.image.base_layers {
            Some(count) if layer < count => Scope::Base,
            Some(_) => Scope::Own,
            None => Scope::Unknown,
        }
    }
}
