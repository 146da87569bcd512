//! Rules about ports.

pub mod unexpected_port;
