//! Images: from blobs to manifests, configs, and the instructions that made them.

pub mod instructions;
