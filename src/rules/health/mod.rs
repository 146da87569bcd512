//! Rules about the health check.

pub mod healthcheck_cannot_run;
pub mod healthcheck_localhost;
pub mod healthcheck_target;
pub mod healthcheck_timing;
pub mod missing_healthcheck;
