//! Facts about an image for programs that embed plimsoll, without a policy: who it runs as, whether it can start, what is
//! installed.
//!
//! Not here: establishing them (`facts`), or judging them (`rules`).

use crate::examine;
use crate::examine::Examined;
use crate::examine::Options;
use crate::facts::Facts;
use crate::facts::access::Capabilities;
use crate::facts::accounts::UserProblem;
use crate::image::error::ImageError;
use crate::model::fault::ImageFault;
use crate::model::finding::Undecided;
use crate::report::ImageSizes;
use crate::report::build;

/// An image whose layers were read.
pub struct ImageFacts {
    examined: Examined,
}

/// Whether the image's command can start.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CanStart {
    /// Everything that plimsoll checks is in place, which is not a promise that the program works.
    Yes,
    /// It certainly can't, for these reasons.
    No(Vec<String>),
    /// Only where the runtime executes it with root's capabilities, for these reasons.
    WithCapabilities(Vec<String>),
    /// The bytes don't say, for these reasons.
    Undecided(Vec<String>),
    /// The image names no command.
    NoCommand,
}

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackageFacts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl ImageFacts {
    /// Reads every image of an input, such as `app.tar` or `oci:build/image:1.0`.
    ///
    /// # Errors
    ///
    /// The input can't be read, or holds no image. Damage inside an image is in its [`ImageFacts::faults`].
    pub fn read(reference: &str) -> Result<Vec<ImageFacts>, ImageError> {
        let mut listing = examine::open(reference, None)?.listing;
        if let Some(broken) = listing.broken.pop() {
            return Err(broken);
        }
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        let examined = examine::examine(listing.images, &Options { threads, sha256: false });
        Ok(examined.into_iter().map(|examined| ImageFacts { examined }).collect())
    }

    /// The name to call the image by: its first name, or what the user typed.
    pub fn title(&self) -> &str {
        self.examined.image.title()
    }

    /// `linux/amd64`, from the config.
    pub fn platform(&self) -> &str {
        &self.examined.image.platform
    }

    /// Why the image can't be judged; empty if nothing is wrong.
    pub fn faults(&self) -> &[ImageFault] {
        &self.examined.faults
    }

    /// Sums over the layers, in bytes; `None` where a layer could not be read.
    pub fn sizes(&self) -> Option<ImageSizes> {
        self.examined.view.as_ref().map(build::image_sizes)
    }

    /// The uid that the container runs as.
    ///
    /// # Errors
    ///
    /// No container can start with the config's user, or its account could not be looked up; why, as a clause.
    pub fn uid(&self) -> Result<u32, String> {
        self.facts().uid().map_err(|problem| match problem {
            UserProblem::Unknown(why) => why,
            UserProblem::Undecided(question) => question.reason,
        })
    }

    /// Whether the image's command can start under Docker's default capabilities.
    pub fn can_start(&self) -> CanStart {
        let run = &self.examined.image.config.run;
        if run.entrypoint.is_empty() && run.cmd.is_empty() {
            return CanStart::NoCommand;
        }
        let facts = self.facts();
        let redact = |text: &str| self.examined.image.redactor.redact_sentence(text);
        let proof = match facts.start_proof(Capabilities::Docker) {
            Ok(proof) => proof,
            Err(question) => return CanStart::Undecided(vec![redact(&question.reason)]),
        };
        let reasons: Vec<String> = proof.faults.iter().map(|fault| redact(&fault.what)).collect();
        if proof.fails() {
            CanStart::No(reasons)
        } else if !reasons.is_empty() {
            CanStart::WithCapabilities(reasons)
        } else if !proof.open.is_empty() {
            CanStart::Undecided(proof.open.iter().map(|question| redact(&question.reason)).collect())
        } else {
            CanStart::Yes
        }
    }

    /// The packages in the databases of dpkg and apk.
    ///
    /// # Errors
    ///
    /// A layer or a database could not be read; why, as a clause.
    pub fn packages(&self) -> Result<Vec<PackageFacts>, String> {
        let facts = self.facts();
        let packages = facts.packages().map_err(|question| question.reason)?;
        let of = |package: &crate::facts::packages::Package| PackageFacts {
            name: package.name.clone(),
            version: package.version.clone(),
        };
        Ok(packages.list.iter().map(of).collect())
    }

    fn facts(&self) -> Facts<'_> {
        let denied = Undecided::denied("the merged filesystem", "not every layer could be read");
        Facts::new(&self.examined.image, self.examined.view.as_ref().ok_or(denied))
    }
}
