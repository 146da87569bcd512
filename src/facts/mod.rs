//! All that a rule may ask of an image: what it declares, what it ships, and what follows from both.
//!
//! Each answer is the value, or [`Undecided`] with the reason. Not here: judging.

pub mod access;
pub mod accounts;
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

pub use crate::facts::accounts::needed;

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
    /// Files whose content was asked for and that no pass kept.
    wanted: RefCell<BTreeSet<NodeId>>,
    /// What the question that is being answered may still cost.
    work: Cell<u64>,
    serving: OnceCell<Command>,
    start_proofs: ByCapabilities,
    health_proofs: ByCapabilities,
}

/// An answer for each of [`Capabilities::ALL`].
type ByCapabilities = [OnceCell<Result<Proof, Undecided>>; Capabilities::ALL.len()];

impl<'a> Facts<'a> {
    /// `view` is the merged filesystem, or why there is none.
    pub fn new(image: &'a Image, view: Result<&'a View, Undecided>) -> Facts<'a> {
        Facts {
            image,
            view,
            packages: OnceCell::new(),
            wanted: RefCell::default(),
            work: Cell::new(limits::PROOF_WORK),
            serving: OnceCell::new(),
            start_proofs: ByCapabilities::default(),
            health_proofs: ByCapabilities::default(),
        }
    }

    /// Manifest, config, names, instructions.
    pub fn image(&self) -> &'a Image {
        self.image
    }

    /// The merged filesystem.
    pub fn view(&self) -> Result<&'a View, Undecided> {
        self.view.clone()
    }

    /// The whole content of a regular file. One that was not kept is remembered, for a second reading.
    pub fn content(&self, node: NodeId) -> Result<&'a [u8], Undecided> {
        let view = self.view()?;
        let subject = || format!("/{}", shown_bytes(&view.path(node)));
        match view.content(node) {
            Some(Kept::Whole(bytes)) => Ok(bytes),
            Some(Kept::TooLarge(size)) => {
                Err(Undecided::denied(subject(), format!("it has {size} bytes, over the limit (kept file)")))
            }
            None => {
                self.wanted.borrow_mut().insert(node);
                Err(Undecided::denied(subject(), "its content was not kept"))
            }
        }
    }

    /// A new question begins: it may cost [`limits::PROOF_WORK`].
    fn begin(&self) {
        self.work.set(limits::PROOF_WORK);
    }

    /// Takes work from what the question may cost, in bytes read or names looked at; an error if there is not so much left.
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

    /// Files that the proofs read and whose content no pass kept, as far as is known by now.
    pub fn wanted(&'a self) -> Vec<NodeId> {
        for capabilities in Capabilities::ALL {
            // What comes of them is asked again when the rules do.
            let _ = self.start_proof(capabilities);
            if let Health::Check(check) = self.health() {
                let _ = self.health_proof(&check, capabilities);
            }
        }
        self.wanted.borrow().iter().copied().collect()
    }

    /// What made a layer, where history tells.
    pub fn instruction(&self, layer: usize) -> Option<&'a Instruction> {
        self.image.instruction(layer)
    }

    /// Whose layer this is.
    pub fn scope(&self, layer: usize) -> Scope {
        match self.image.base_layers {
            Some(count) if layer < count => Scope::Base,
            Some(_) => Scope::Own,
            None => Scope::Unknown,
        }
    }
}
