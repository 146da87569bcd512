//! JSON documents as Docker reads them.
//!
//! Docker, containerd and podman decode with Go's `encoding/json`: a field's name may stand in any case, and of a name
//! that occurs twice the last counts. [`read`] brings a document into the form that a strict reader reads the same way,
//! and lists each field whose meaning depended on that. In: the very bytes that were hashed.

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

/// What a document's fields are called.
pub enum Form {
    /// A text, a number, a truth value: taken as it stands.
    Plain,
    /// An object with known fields; others are left out, as Go leaves them out.
    Fields(&'static [(&'static str, Form)]),
    /// An object whose keys are data; a null value reads as the empty value of its type.
    Keys(Empty),
    /// A list.
    List(&'static Form),
    /// A list of texts; a null among them reads as the empty text.
    Texts,
}

/// What a null in a map reads as.
#[derive(Clone, Copy)]
pub enum Empty {
    /// `""`
    Text,
    /// `{}`
    Object,
}

/// Ambiguous fields that are listed; more tell nothing new.
const AMBIGUOUS_LISTED: usize = 100;

/// Reads a document. `name` is for the list of ambiguous fields.
pub fn read(
    bytes: &[u8],
    form: &Form,
    name: &'static str,
    ambiguous: &mut Vec<AmbiguousField>,
) -> Result<Value, String> {
    let json: Json = serde_json::from_slice(bytes).map_err(|error| shown(&error.to_string()))?;
    let mut notes = Notes { document: name, ambiguous };
    let value = canonical(None, json, form, "", &mut notes)?;
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

/// Any JSON value, with the duplicates of an object in their order.
enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Decodes a value into what an earlier one of the same name left, as Go does. `None`: nothing, or taken back by a null.
fn canonical(
    before: Option<Value>,
    json: Json,
    form: &Form,
    pointer: &str,
    notes: &mut Notes<'_>,
) -> Result<Option<Value>, String> {
    Ok(Some(match (json, form) {
        // Go leaves texts and numbers alone where it reads a null, and clears everything else.
        (Json::Null, Form::Plain) => return Ok(before),
        (Json::Null, _) => return Ok(None),
        (Json::Object(pairs), Form::Fields(fields)) => object(before, pairs, fields, pointer, notes)?,
        (Json::Object(pairs), Form::Keys(empty)) => keys(before, pairs, *empty, pointer, notes),
        (Json::List(_), Form::List(_)) if before.is_some() => {
            // Go reuses the elements of the first list, whatever of them the second does not name.
            return Err(format!("{pointer} occurs twice: what the second means hangs on the first, and on the reader"));
        }
        (Json::List(items), Form::List(item)) => {
            let mut list = Vec::new();
            for (i, json) in items.into_iter().enumerate() {
                list.push(canonical(None, json, item, &format!("{pointer}/{i}"), notes)?.unwrap_or(Value::Null));
            }
            Value::Array(list)
        }
        (Json::List(items), Form::Texts) => {
            let text = |json| match json {
                Json::Null => Value::String(String::new()),
                json => plain(json),
            };
            Value::Array(items.into_iter().map(text).collect())
        }
        // A wrong type stays as it is: whoever decodes the document says what was expected.
        (json, _) => plain(json),
    }))
}

fn object(
    before: Option<Value>,
    pairs: Vec<(String, Json)>,
    fields: &[(&'static str, Form)],
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
        let Some((name, form)) = exact.or_else(|| fields.iter().find(|(name, _)| folds_to(&key, name))) else {
            continue;
        };
        let here = format!("{pointer}/{}", escape(&key));
        if exact.is_none() {
            notes.note(here.clone(), Ambiguity::Case);
        }
        match seen.contains(name) {
            true => notes.note(here.clone(), Ambiguity::Duplicate),
            // Each name once: a document may repeat one a million times.
            false => seen.push(name),
        }
        let before = out.remove(*name);
        if let Some(value) = canonical(before, json, form, &here, notes)? {
            out.insert((*name).to_string(), value);
        }
    }
    Ok(Value::Object(out))
}

fn keys(
    before: Option<Value>,
    pairs: Vec<(String, Json)>,
    empty: Empty,
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
            (Json::Null, Empty::Text) => Value::String(String::new()),
            (Json::Null, Empty::Object) => Value::Object(Map::new()),
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
        Json::Text(value) => Value::String(value),
        Json::List(items) => Value::Array(items.into_iter().map(plain).collect()),
        Json::Object(pairs) => Value::Object(pairs.into_iter().map(|(key, json)| (key, plain(json))).collect()),
    }
}

/// Go's case folding for field names: ASCII letters in either case, and the two other letters that fold to ASCII.
fn folds_to(key: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key.len() <= name.len() * 3 && key.chars().map(fold).eq(name.chars().map(fold))
}

/// A key in a JSON pointer (RFC 6901).
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
        Ok(Json::Text(value.to_string()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
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

/// The bytes of a document, or why they are too many.
pub fn too_large(len: u64) -> String {
    format!("has {len} bytes, over the limit of {} (document bytes)", limits::DOCUMENT_BYTES)
}

const DESCRIPTOR: Form = Form::Fields(&[
    ("mediaType", Form::Plain),
    ("digest", Form::Plain),
    ("size", Form::Plain),
    ("urls", Form::Texts),
    ("annotations", Form::Keys(Empty::Text)),
    ("artifactType", Form::Plain),
    (
        "platform",
        Form::Fields(&[
            ("architecture", Form::Plain),
            ("os", Form::Plain),
            ("variant", Form::Plain),
            ("os.version", Form::Plain),
        ]),
    ),
]);

/// `index.json`, an index, a manifest (image-spec, image-index.md and manifest.md), and Docker's two.
pub const MANIFEST: Form = Form::Fields(&[
    ("schemaVersion", Form::Plain),
    ("mediaType", Form::Plain),
    ("artifactType", Form::Plain),
    ("config", DESCRIPTOR),
    ("layers", Form::List(&DESCRIPTOR)),
    ("manifests", Form::List(&DESCRIPTOR)),
    ("subject", DESCRIPTOR),
    ("annotations", Form::Keys(Empty::Text)),
]);

/// `manifest.json` of a docker archive.
pub const DOCKER_MANIFEST: Form =
    Form::List(&Form::Fields(&[("Config", Form::Plain), ("RepoTags", Form::Texts), ("Layers", Form::Texts)]));

/// An image's config (image-spec, config.md, and Docker's own fields).
pub const CONFIG: Form = Form::Fields(&[
    ("created", Form::Plain),
    ("author", Form::Plain),
    ("architecture", Form::Plain),
    ("os", Form::Plain),
    ("os.version", Form::Plain),
    ("variant", Form::Plain),
    (
        "config",
        Form::Fields(&[
            ("User", Form::Plain),
            ("ExposedPorts", Form::Keys(Empty::Object)),
            ("Env", Form::Texts),
            ("Entrypoint", Form::Texts),
            ("Cmd", Form::Texts),
            ("Volumes", Form::Keys(Empty::Object)),
            ("WorkingDir", Form::Plain),
            ("Labels", Form::Keys(Empty::Text)),
            ("StopSignal", Form::Plain),
            (
                "Healthcheck",
                Form::Fields(&[
                    ("Test", Form::Texts),
                    ("Interval", Form::Plain),
                    ("Timeout", Form::Plain),
                    ("StartPeriod", Form::Plain),
                    ("Retries", Form::Plain),
                ]),
            ),
            ("OnBuild", Form::Texts),
            ("Shell", Form::Texts),
        ]),
    ),
    ("rootfs", Form::Fields(&[("type", Form::Plain), ("diff_ids", Form::Texts)])),
    (
        "history",
        Form::List(&Form::Fields(&[
            ("created", Form::Plain),
            ("created_by", Form::Plain),
            ("author", Form::Plain),
            ("comment", Form::Plain),
            ("empty_layer", Form::Plain),
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
    fn fields_are_read_as_go_reads_them() {
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
        assert_eq!(value["config"], config, "Go decodes into what is there");

        let (value, _) = read_config(r#"{"config":{"Labels":{"a":null},"ExposedPorts":{"80/tcp":null}}}"#);
        assert_eq!(value["config"]["Labels"]["a"], "");
        assert_eq!(value["config"]["ExposedPorts"]["80/tcp"], serde_json::json!({}));
    }

    #[test]
    fn depth_is_bounded() {
        let mut ambiguous = Vec::new();
        assert!(read("[".repeat(200_000).as_bytes(), &CONFIG, "config", &mut ambiguous).is_err());
    }
}
