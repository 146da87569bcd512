//! JSON documents, decoded as Docker does.
//!
//! Docker, containerd and podman use Go's `encoding/json`: field names match in any case, and the last of duplicate
//! fields wins. [`read`] normalizes a document so that a strict reader gets the same result, and lists each field whose
//! meaning depends on these rules. In: the bytes that were hashed.

use crate::limits;
use crate::model::config::Ambiguity;
use crate::model::config::AmbiguousField;
use crate::model::text::shown;
use serde::Deserialize;
use serde::Deserializer;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;

/// The expected structure of a document.
pub enum Schema {
    /// A string, number or boolean, left unchanged.
    Scalar,
    /// An object with known fields. Unknown fields are dropped, as in Go.
    Object(&'static [(&'static str, Schema)]),
    /// An object whose keys are data. A null value reads as the empty value of its type.
    Map(EmptyValue),
    /// A list.
    List(&'static Schema),
    /// A list of strings. A null item reads as the empty string.
    Strings,
}

/// The value that a null in a map reads as.
#[derive(Clone, Copy)]
pub enum EmptyValue {
    /// `""`
    String,
    /// `{}`
    Object,
}

/// How many ambiguous fields are listed.
const AMBIGUOUS_LISTED: usize = 100;

/// Parses and normalizes a document. `name` identifies it in the list of ambiguous fields. The error is a message
/// fragment.
pub fn read(
    bytes: &[u8],
    schema: &Schema,
    name: &'static str,
    ambiguous: &mut Vec<AmbiguousField>,
) -> Result<Value, String> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| shown(&error.to_string()))?;
    let mut notes = Notes { document: name, ambiguous };
    let value = normalize(None, json, schema, "", &mut notes)?;
    Ok(value.unwrap_or(Value::Null))
}

struct Notes<'a> {
    document: &'static str,
    ambiguous: &'a mut Vec<AmbiguousField>,
}

impl Notes<'_> {
    fn note(&mut self, pointer: String, why: Ambiguity) {
        if self.ambiguous.len() < AMBIGUOUS_LISTED {
            self.ambiguous.push(AmbiguousField { document: self.document, pointer, why });
        }
    }
}

/// A JSON value that keeps duplicate fields and their order.
enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Decodes a value over the one that an earlier field of the same name left, as Go does. `None` if nothing is left.
fn normalize(
    before: Option<Value>,
    json: Json,
    schema: &Schema,
    pointer: &str,
    notes: &mut Notes<'_>,
) -> Result<Option<Value>, String> {
    Ok(Some(match (json, schema) {
        // In Go, a null leaves strings and numbers unchanged and clears everything else.
        (Json::Null, Schema::Scalar) => return Ok(before),
        (Json::Null, _) => return Ok(None),
        (Json::Object(pairs), Schema::Object(fields)) => object(before, pairs, fields, pointer, notes)?,
        (Json::Object(pairs), Schema::Map(empty)) => keys(before, pairs, *empty, pointer, notes),
        (Json::List(_), Schema::List(_)) if before.is_some() => {
            // Go keeps the fields of the first list's elements that the second list doesn't set.
            return Err(format!("{pointer} occurs twice: tools differ on how they merge the lists"));
        }
        (Json::List(items), Schema::List(item)) => {
            let mut list = Vec::new();
            for (i, json) in items.into_iter().enumerate() {
                list.push(normalize(None, json, item, &format!("{pointer}/{i}"), notes)?.unwrap_or(Value::Null));
            }
            Value::Array(list)
        }
        (Json::List(items), Schema::Strings) => {
            let text = |json| match json {
                Json::Null => Value::String(String::new()),
                json => plain(json),
            };
            Value::Array(items.into_iter().map(text).collect())
        }
        // A value of the wrong type is left unchanged: decoding the document reports it.
        (json, _) => plain(json),
    }))
}

fn object(
    before: Option<Value>,
    pairs: Vec<(String, Json)>,
    fields: &[(&'static str, Schema)],
    pointer: &str,
    notes: &mut Notes<'_>,
) -> Result<Value, String> {
    let mut out = match before {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let mut seen: Vec<&str> = Vec::new();
    for (key, json) in pairs {
        let exact = fields.iter().find(|(name, _)| *name == key);
        let Some((name, schema)) = exact.or_else(|| fields.iter().find(|(name, _)| folds_to(&key, name))) else {
            continue;
        };
        let here = format!("{pointer}/{}", escape(&key));
        if exact.is_none() {
            notes.note(here.clone(), Ambiguity::Case);
        }
        if seen.contains(name) {
            notes.note(here.clone(), Ambiguity::Duplicate);
        } else {
            seen.push(name);
        }
        let before = out.remove(*name);
        if let Some(value) = normalize(before, json, schema, &here, notes)? {
            out.insert((*name).to_string(), value);
        }
    }
    Ok(Value::Object(out))
}

fn keys(
    before: Option<Value>,
    pairs: Vec<(String, Json)>,
    empty: EmptyValue,
    pointer: &str,
    notes: &mut Notes<'_>,
) -> Value {
    let mut out = match before {
        Some(Value::Object(keys)) => keys,
        _ => Map::new(),
    };
    let mut seen: HashSet<String> = HashSet::new();
    for (key, json) in pairs {
        let value = match (json, empty) {
            (Json::Null, EmptyValue::String) => Value::String(String::new()),
            (Json::Null, EmptyValue::Object) => Value::Object(Map::new()),
            (json, _) => plain(json),
        };
        if !seen.insert(key.clone()) {
            notes.note(format!("{pointer}/{}", escape(&key)), Ambiguity::Duplicate);
        }
        out.insert(key, value);
    }
    Value::Object(out)
}

fn plain(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(value) => Value::Number(value),
        Json::String(value) => Value::String(value),
        Json::List(items) => Value::Array(items.into_iter().map(plain).collect()),
        Json::Object(pairs) => Value::Object(pairs.into_iter().map(|(key, json)| (key, plain(json))).collect()),
    }
}

/// Whether Go matches a key to a field name: ASCII letters in any case, and the two other letters that fold to ASCII.
fn folds_to(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.len() <= name.len() * 3 && key.chars().map(fold).eq(name.chars().map(fold))
}

/// Escapes a key for a JSON pointer (RFC 6901).
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_string()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Json::Object(pairs))
    }
}

/// The message for a document of `len` bytes, over [`limits::DOCUMENT_BYTES`].
pub fn too_large(len: u64) -> String {
    format!("has {len} bytes, over the limit of {} (document bytes)", limits::DOCUMENT_BYTES)
}

const DESCRIPTOR: Schema = Schema::Object(&[
    ("mediaType", Schema::Scalar),
    ("digest", Schema::Scalar),
    ("size", Schema::Scalar),
    ("urls", Schema::Strings),
    ("annotations", Schema::Map(EmptyValue::String)),
    ("artifactType", Schema::Scalar),
    (
        "platform",
        Schema::Object(&[
            ("architecture", Schema::Scalar),
            ("os", Schema::Scalar),
            ("variant", Schema::Scalar),
            ("os.version", Schema::Scalar),
        ]),
    ),
]);

/// `index.json`, an index or a manifest (image-spec, image-index.md and manifest.md), or Docker's manifest or list.
pub const MANIFEST: Schema = Schema::Object(&[
    ("schemaVersion", Schema::Scalar),
    ("mediaType", Schema::Scalar),
    ("artifactType", Schema::Scalar),
    ("config", DESCRIPTOR),
    ("layers", Schema::List(&DESCRIPTOR)),
    ("manifests", Schema::List(&DESCRIPTOR)),
    ("subject", DESCRIPTOR),
    ("annotations", Schema::Map(EmptyValue::String)),
]);

/// `manifest.json` of a docker archive.
pub const DOCKER_MANIFEST: Schema = Schema::List(&Schema::Object(&[
    ("Config", Schema::Scalar),
    ("RepoTags", Schema::Strings),
    ("Layers", Schema::Strings),
]));

/// An image's config (image-spec, config.md, and Docker's own fields).
pub const CONFIG: Schema = Schema::Object(&[
    ("created", Schema::Scalar),
    ("author", Schema::Scalar),
    ("architecture", Schema::Scalar),
    ("os", Schema::Scalar),
    ("os.version", Schema::Scalar),
    ("variant", Schema::Scalar),
    (
        "config",
        Schema::Object(&[
            ("User", Schema::Scalar),
            ("ExposedPorts", Schema::Map(EmptyValue::Object)),
            ("Env", Schema::Strings),
            ("Entrypoint", Schema::Strings),
            ("Cmd", Schema::Strings),
            ("Volumes", Schema::Map(EmptyValue::Object)),
            ("WorkingDir", Schema::Scalar),
            ("Labels", Schema::Map(EmptyValue::String)),
            ("StopSignal", Schema::Scalar),
            (
                "Healthcheck",
                Schema::Object(&[
                    ("Test", Schema::Strings),
                    ("Interval", Schema::Scalar),
                    ("Timeout", Schema::Scalar),
                    ("StartPeriod", Schema::Scalar),
                    ("Retries", Schema::Scalar),
                ]),
            ),
            ("OnBuild", Schema::Strings),
            ("Shell", Schema::Strings),
        ]),
    ),
    ("rootfs", Schema::Object(&[("type", Schema::Scalar), ("diff_ids", Schema::Strings)])),
    (
        "history",
        Schema::List(&Schema::Object(&[
            ("created", Schema::Scalar),
            ("created_by", Schema::Scalar),
            ("author", Schema::Scalar),
            ("comment", Schema::Scalar),
            ("empty_layer", Schema::Scalar),
        ])),
    ),
]);

#[cfg(test)]
mod tests {
    use super::*;

    fn read_config(text: &str) -> (Value, Vec<AmbiguousField>) {
        let mut ambiguous = Vec::new();
        let value = read(text.as_bytes(), &CONFIG, "config", &mut ambiguous).expect("JSON");
        (value, ambiguous)
    }

    #[test]
    fn decodes_fields_as_go_does() {
        let (value, ambiguous) = read_config(r#"{"config":{"User":"1","USER":"root"}}"#);
        assert_eq!(value["config"]["User"], "root");
        let whys: Vec<_> = ambiguous.iter().map(|a| (a.pointer.as_str(), a.why)).collect();
        assert_eq!(whys, [("/config/USER", Ambiguity::Case), ("/config/USER", Ambiguity::Duplicate)]);

        let (value, ambiguous) = read_config(r#"{"config":{"User":"1"},"config":{"Env":["A=b"]}}"#);
        assert_eq!(value["config"]["User"], "1", "the second object is decoded into the first");
        assert_eq!(ambiguous.len(), 1);

        let (value, ambiguous) = read_config(r#"{"config":null,"zzz":{"a":1,"A":2},"history":null}"#);
        assert_eq!(value, serde_json::json!({}));
        assert!(ambiguous.is_empty());

        let (value, _) = read_config(
            r#"{"config":{"Entrypoint":["a"],"Healthcheck":{"Test":["CMD","a"]},"ExposedPorts":{"22/tcp":{}}},
                "config":{"Entrypoint":null,"Healthcheck":{"Retries":1},"ExposedPorts":{"80/tcp":{}},"Cmd":["a",null]}}"#,
        );
        let config = serde_json::json!({
            "Healthcheck": {"Test": ["CMD", "a"], "Retries": 1}, "ExposedPorts": {"22/tcp": {}, "80/tcp": {}}, "Cmd": ["a", ""],
        });
        assert_eq!(value["config"], config, "Go decodes into the existing value");

        let (value, _) = read_config(r#"{"config":{"Labels":{"a":null},"ExposedPorts":{"80/tcp":null}}}"#);
        assert_eq!(value["config"]["Labels"]["a"], "");
        assert_eq!(value["config"]["ExposedPorts"]["80/tcp"], serde_json::json!({}));
    }

    #[test]
    fn rejects_deep_nesting() {
        let mut ambiguous = Vec::new();
        assert!(read("[".repeat(200_000).as_bytes(), &CONFIG, "config", &mut ambiguous).is_err());
    }
}
