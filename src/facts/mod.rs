//! All that a rule may ask of an image: what it declares, what it ships, and what follows from both.
//!
//! Each answer is the value, or [`Undecided`] with the reason. Not here: judging.

pub mod accounts;
pub mod health;
pub mod packages;
pub mod ports;
pub mod shell;
pub mod start;
#[cfg(test)]
pub mod testing;

pub use crate::facts::accounts::needed;

use crate::facts::packages::Packages;
use crate::model::finding::Scope;
use crate::model::finding::Undecided;
use crate::model::image::Image;
use crate::model::image::Instruction;
use crate::view::View;
use std::cell::OnceCell;

/// The facts of one image.
pub struct Facts<'a> {
    image: &'a Image,
    view: Result<&'a View, Undecided>,
    packages: OnceCell<Result<Packages, Undecided>>,
}

impl<'a> Facts<'a> {
    /// `view` is the merged filesystem, or why there is none.
    pub fn new(image: &'a Image, view: Result<&'a View, Undecided>) -> Facts<'a> {
        Facts { image, view, packages: OnceCell::new() }
    }

    /// Manifest, config, names, instructions.
    pub fn image(&self) -> &'a Image {
        self.image
    }

    /// The merged filesystem.
    pub fn view(&self) -> Result<&'a View, Undecided> {
        self.view.clone()
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
