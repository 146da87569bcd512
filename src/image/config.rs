//! Parses an image's config into [`ImageConfig`]: the standard fields with oci-spec, Docker's own fields separately.

use crate::image::document;
use crate::limits;
use crate::model::config::AmbiguousField;
use crate::model::config::Healthcheck;
use crate::model::config::History;
use crate::model::config::ImageConfig;
use crate::model::config::RunConfig;
use crate::model::digest::Digest;
use crate::model::text::shown;
use oci_spec::image::ImageConfiguration;
use serde::Deserialize;
use serde_json::Value;

/// Parses a config. The error is a message fragment.
pub fn read(bytes: &[u8]) -> Result<ImageConfig, String> {
    let mut ambiguous: Vec<AmbiguousField> = Vec::new();
    let mut value = document::read(bytes, &document::CONFIG, "config", &mut ambiguous)?;
    let extras = Extras::take(&mut value)?;
    check_rootfs(&value)?;
    // The specification requires both, but Docker accepts a config without them.
    if let Value::Object(fields) = &mut value {
        for required in ["architecture", "os"] {
            fields.entry(required).or_insert_with(|| Value::String(String::new()));
        }
    }
    let standard: ImageConfiguration = serde_json::from_value(value).map_err(|error| shown(&error.to_string()))?;
    let diff_ids = standard.rootfs().diff_ids();
    if diff_ids.len() > limits::LAYERS {
        return Err(format!("has {} layers, over the limit of {} (layers)", diff_ids.len(), limits::LAYERS));
    }
    let diff_ids = diff_ids
        .iter()
        .map(|text| Digest::parse(text))
        .collect::<Result<_, _>>()
        .map_err(|e| format!("rootfs.diff_ids: {e}"))?;
    let history = standard.history().as_ref().map(|entries| {
        let entry = |h: &oci_spec::image::History| History {
            created_by: h.created_by().clone().unwrap_or_default(),
            comment: h.comment().clone().unwrap_or_default(),
            empty_layer: h.empty_layer().unwrap_or(false),
        };
        entries.iter().map(entry).collect()
    });
    Ok(ImageConfig {
        architecture: standard.architecture().to_string(),
        os: standard.os().to_string(),
        variant: standard.variant().clone(),
        created: standard.created().clone(),
        run: run_config(standard.config().as_ref(), extras),
        diff_ids,
        history,
        ambiguous,
    })
}

fn check_rootfs(value: &Value) -> Result<(), String> {
    match value.get("rootfs") {
        None => Err("has no rootfs, which the image specification requires".to_string()),
        Some(rootfs) => match rootfs.get("type").and_then(Value::as_str) {
            Some("layers") => Ok(()),
            Some(other) => Err(format!("rootfs.type is {:?}, expected \"layers\"", shown(other))),
            None => Err("rootfs has no type".to_string()),
        },
    }
}

fn run_config(config: Option<&oci_spec::image::Config>, extras: Extras) -> RunConfig {
    let mut run = RunConfig {
        healthcheck: extras.healthcheck,
        on_build: extras.on_build,
        shell: extras.shell,
        ..RunConfig::default()
    };
    let Some(config) = config else { return run };
    let list = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let sorted = |list: &Option<Vec<String>>| {
        // oci-spec returns these in hash map order.
        let mut list = list.clone().unwrap_or_default();
        list.sort();
        list
    };
    run.user = config.user().clone().unwrap_or_default();
    run.exposed_ports = sorted(config.exposed_ports());
    run.env = list(config.env());
    run.entrypoint = list(config.entrypoint());
    run.cmd = list(config.cmd());
    run.volumes = sorted(config.volumes());
    run.working_dir = config.working_dir().clone().unwrap_or_default();
    run.labels = config.labels().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    run.stop_signal = config.stop_signal().clone();
    run
}

/// Fields that oci-spec doesn't have (moby, `image/spec/specs-go`).
#[derive(Default)]
struct Extras {
    healthcheck: Option<Healthcheck>,
    on_build: Vec<String>,
    shell: Vec<String>,
}

#[derive(Deserialize)]
struct RawHealthcheck {
    #[serde(rename = "Test", default)]
    test: Vec<String>,
    #[serde(rename = "Interval")]
    interval: Option<i64>,
    #[serde(rename = "Timeout")]
    timeout: Option<i64>,
    #[serde(rename = "StartPeriod")]
    start_period: Option<i64>,
    #[serde(rename = "Retries")]
    retries: Option<i64>,
}

impl Extras {
    fn take(value: &mut Value) -> Result<Extras, String> {
        let Some(config) = value.get_mut("config").and_then(Value::as_object_mut) else { return Ok(Extras::default()) };
        let mut texts = |name: &str| match config.remove(name) {
            Some(value) => serde_json::from_value(value).map_err(|error| format!("config.{name}: {error}")),
            None => Ok(Vec::new()),
        };
        let (on_build, shell) = (texts("OnBuild")?, texts("Shell")?);
        let healthcheck = match config.remove("Healthcheck") {
            Some(value) => {
                let raw: RawHealthcheck = serde_json::from_value(value)
                    .map_err(|error| format!("config.Healthcheck: {}", shown(&error.to_string())))?;
                Some(Healthcheck {
                    test: raw.test,
                    interval: raw.interval,
                    timeout: raw.timeout,
                    start_period: raw.start_period,
                    retries: raw.retries,
                })
            }
            None => None,
        };
        Ok(Extras { healthcheck, on_build, shell })
    }
}
