//! An image's config as Docker reads it (image-spec, config.md, and Docker's own fields).

use crate::model::digest::Digest;
use std::collections::BTreeMap;
use std::time::Duration;

/// The config document of one image.
#[derive(Clone, Debug, Default)]
pub struct ImageConfig {
    /// For example `amd64`; empty if missing.
    pub architecture: String,
    /// For example `linux`; empty if missing.
    pub os: String,
    /// For example `v8` in `arm64/v8`.
    pub variant: Option<String>,
    /// The text as written, which need not be a valid date.
    pub created: Option<String>,
    /// The defaults for containers.
    pub run: RunConfig,
    /// Digests of the layers' uncompressed tars, from the bottom up.
    pub diff_ids: Vec<Digest>,
    /// The history of the layers; `None` if missing.
    pub history: Option<Vec<History>>,
    /// Fields whose meaning depends on the parser.
    pub ambiguous: Vec<AmbiguousField>,
}

impl ImageConfig {
    /// The platform as `os/architecture[/variant]`, where a missing part is `unknown`.
    pub fn platform(&self) -> String {
        let part = |text: &str| if text.is_empty() { "unknown".to_string() } else { text.to_string() };
        let mut platform = format!("{}/{}", part(&self.os), part(&self.architecture));
        if let Some(variant) = self.variant.as_deref().filter(|v| !v.is_empty()) {
            platform.push('/');
            platform.push_str(variant);
        }
        platform
    }
}

/// The `config` object: the defaults for containers.
#[derive(Clone, Debug, Default)]
pub struct RunConfig {
    /// `USER`, as written.
    pub user: String,
    /// `EXPOSE`, as written (`8000/tcp`), sorted.
    pub exposed_ports: Vec<String>,
    /// `ENV`, as `NAME=value` in order.
    pub env: Vec<String>,
    /// `ENTRYPOINT`; Docker treats null and empty the same.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub cmd: Vec<String>,
    /// `VOLUME`, sorted.
    pub volumes: Vec<String>,
    /// `WORKDIR`; empty means `/`.
    pub working_dir: String,
    /// `LABEL`.
    pub labels: BTreeMap<String, String>,
    /// `STOPSIGNAL`.
    pub stop_signal: Option<String>,
    /// `HEALTHCHECK`; `None` if missing or null.
    pub healthcheck: Option<Healthcheck>,
    /// `ONBUILD` triggers.
    #[cfg_attr(not(feature = "internals"), allow(dead_code, reason = "only tests read it"))]
    pub on_build: Vec<String>,
    /// `SHELL`; empty means `/bin/sh -c` on Linux.
    pub shell: Vec<String>,
}

impl RunConfig {
    /// The value of a variable in a process. The last of duplicates wins (runc, `libcontainer/init_linux.go`).
    pub fn env_value(&self, name: &str) -> Option<&str> {
        self.env
            .iter()
            .rev()
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
    }
}

/// Docker's `Healthcheck` (moby, `image/spec`). Durations are nanoseconds; zero or missing means to inherit, which
/// without a parent means the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]` or `["CMD-SHELL", command]`; empty to inherit.
    pub test: Vec<String>,
    /// Time between probes in nanoseconds, as written; `None` if missing.
    pub interval: Option<i64>,
    /// Time until a probe counts as failed, in nanoseconds.
    pub timeout: Option<i64>,
    /// Initial time in which failures don't count, in nanoseconds.
    pub start_period: Option<i64>,
    /// Consecutive failures until the container is unhealthy.
    pub retries: Option<i64>,
}

/// Docker's defaults for health checks (dockerd, `daemon/health.go`).
pub mod health_defaults {
    use std::time::Duration;
    /// Time between probes.
    pub const INTERVAL: Duration = Duration::from_secs(30);
    /// Time until a probe counts as failed.
    pub const TIMEOUT: Duration = Duration::from_secs(30);
    /// Initial time in which failures don't count.
    pub const START_PERIOD: Duration = Duration::ZERO;
    /// Consecutive failures until the container is unhealthy.
    pub const RETRIES: i64 = 3;
}

impl Healthcheck {
    /// Time between probes, or the default.
    pub fn interval(&self) -> Duration {
        duration(self.interval, health_defaults::INTERVAL)
    }

    /// Time until a probe counts as failed, or the default.
    pub fn timeout(&self) -> Duration {
        duration(self.timeout, health_defaults::TIMEOUT)
    }

    /// Initial time in which failures don't count, or the default.
    pub fn start_period(&self) -> Duration {
        duration(self.start_period, health_defaults::START_PERIOD)
    }

    /// Consecutive failures until the container is unhealthy, or the default.
    pub fn retries(&self) -> i64 {
        self.retries.filter(|&n| n > 0).unwrap_or(health_defaults::RETRIES)
    }
}

fn duration(nanoseconds: Option<i64>, default: Duration) -> Duration {
    match nanoseconds.and_then(|n| u64::try_from(n).ok()) {
        Some(n) if n > 0 => Duration::from_nanos(n),
        _ => default,
    }
}

/// One entry of the config's history.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The step that created it, as the builder wrote it. May contain secrets.
    pub created_by: String,
    /// The builder's comment.
    pub comment: String,
    /// Whether the step created no layer.
    pub empty_layer: bool,
}

/// A field that Go's `encoding/json` reads differently than a strict parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmbiguousField {
    /// The document: `config`, `manifest`, `index` or `manifest.json`.
    pub document: &'static str,
    /// Its JSON pointer, such as `/config/user`.
    pub pointer: String,
    /// Why it is ambiguous.
    pub why: Ambiguity,
}

/// Why a field's meaning depends on the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// The name differs in case from the specification; Go accepts it.
    Case,
    /// The name occurs more than once; Go uses the last.
    Duplicate,
}
