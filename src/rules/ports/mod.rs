//! Rules about ports.

pub mod port_mismatch;
pub mod unexpected_port;
