//! The image's config as Docker reads it (image-spec config.md, and the fields that only Docker has).

use crate::model::digest::Digest;
use std::collections::BTreeMap;
use std::time::Duration;

/// The config document of one image.
#[derive(Clone, Debug, Default)]
pub struct ImageConfig {
    /// `amd64`; empty where the document names none.
    pub architecture: String,
    /// `linux`; empty where the document names none.
    pub os: String,
    /// `v8` of `arm64/v8`.
    pub variant: Option<String>,
    /// The text as it stands, whether it is a date or not.
    pub created: Option<String>,
    /// The deprecated author field.
    pub author: Option<String>,
    /// How a container is run.
    pub run: RunConfig,
    /// Digests of the layers' tars, from the bottom up.
    pub diff_ids: Vec<Digest>,
    /// How the layers came to be; `None` where the document has no history.
    pub history: Option<Vec<History>>,
    /// Fields whose meaning depends on the reader.
    pub ambiguous: Vec<AmbiguousField>,
}

impl ImageConfig {
    /// `os/architecture[/variant]`; a part that is missing reads `unknown`.
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

/// The `config` object: what a container gets by default.
#[derive(Clone, Debug, Default)]
pub struct RunConfig {
    /// `USER`, as written.
    pub user: String,
    /// `EXPOSE`, keys as written (`8000/tcp`), sorted.
    pub exposed_ports: Vec<String>,
    /// `ENV`, as `NAME=value` texts in order.
    pub env: Vec<String>,
    /// `ENTRYPOINT`; `None` and empty mean the same to Docker.
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
    /// `HEALTHCHECK`; `None` where the field is absent or null.
    pub healthcheck: Option<Healthcheck>,
    /// `ONBUILD` triggers.
    pub on_build: Vec<String>,
    /// `SHELL`; empty means `/bin/sh -c` on Linux.
    pub shell: Vec<String>,
}

impl RunConfig {
    /// The value that a process sees for a variable: of duplicates the last (runc, `libcontainer/init_linux.go`).
    pub fn env_value(&self, name: &str) -> Option<&str> {
        self.env
            .iter()
            .rev()
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
    }
}

/// Docker's `Healthcheck` (moby, `image/spec`): durations are nanoseconds in JSON, zero and absent mean "inherit",
/// which without a parent means the default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healthcheck {
    /// `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", command]`, or empty: inherit.
    pub test: Vec<String>,
    /// Nanoseconds, as written; `None` where absent.
    pub interval: Option<i64>,
    /// Nanoseconds.
    pub timeout: Option<i64>,
    /// Nanoseconds.
    pub start_period: Option<i64>,
    /// Failures in a row until "unhealthy".
    pub retries: Option<i64>,
}

/// Docker's defaults for a health check that leaves durations out (dockerd, `daemon/health.go`).
pub mod health_defaults {
    use std::time::Duration;
    /// Between two probes.
    pub const INTERVAL: Duration = Duration::from_secs(30);
    /// Until a probe counts as failed.
    pub const TIMEOUT: Duration = Duration::from_secs(30);
    /// In which failures do not count.
    pub const START_PERIOD: Duration = Duration::ZERO;
    /// Failures in a row.
    pub const RETRIES: i64 = 3;
}

impl Healthcheck {
    /// Time between probes, the default where unset.
    pub fn interval(&self) -> Duration {
        duration(self.interval, health_defaults::INTERVAL)
    }

    /// Time until a probe counts as failed, the default where unset.
    pub fn timeout(&self) -> Duration {
        duration(self.timeout, health_defaults::TIMEOUT)
    }

    /// Time in which failures do not count, the default where unset.
    pub fn start_period(&self) -> Duration {
        duration(self.start_period, health_defaults::START_PERIOD)
    }

    /// Failures in a row until "unhealthy", the default where unset.
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
    /// What made it, as the builder wrote it; may hold secrets.
    pub created_by: String,
    /// The builder's remark.
    pub comment: String,
    /// Made no layer.
    pub empty_layer: bool,
}

/// A field that Go's `encoding/json` reads otherwise than a reader that follows the letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmbiguousField {
    /// Which document: `config`, `manifest`, `index`, `manifest.json`.
    pub document: &'static str,
    /// Its JSON pointer, such as `/config/user`.
    pub pointer: String,
    /// Why.
    pub why: Ambiguity,
}

/// Why a field's meaning depends on the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguity {
    /// The name differs in case from the one the specification gives; Go takes it all the same.
    Case,
    /// The same name occurs more than once; Go takes the last.
    Duplicate,
}
