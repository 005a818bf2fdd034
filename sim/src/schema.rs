//! The table of [`keys`](crate::keys) as a JSON Schema (draft-07, which editors read), and as a page for people.
//!
//! The schema refuses nothing that the validator accepts. The reverse does not hold: what two keys have to do with each
//! other, and what a number may be inside its text, is the validator's to say.

mod page;

use crate::keys::{Form, Key, Need, Quantity, ROOT};
use crate::scenario::units;
use serde_json::{Map, Value, json};

pub use page::page;

/// The name that editors know it by, and of its file.
pub const FILE: &str = "scenario.schema.json";

/// The schema of a scenario.
pub fn schema() -> Value {
    let mut root = map(ROOT);
    let head = [
        ("$schema", json!("http://json-schema.org/draft-07/schema#")),
        ("title", json!("Scenario of Amanah")),
        (
            "description",
            json!(
                "A consortium, the network between its members, what they do, what goes wrong, and what must hold."
            ),
        ),
    ];
    root.extend(head.map(|(key, value)| (key.to_owned(), value)));
    Value::Object(root)
}

/// As `amanah schema` prints it.
pub fn text() -> String {
    format!("{:#}\n", schema())
}

fn map(keys: &[Key]) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    let required: Vec<&str> = named(keys, Need::Required);
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    let one_of: Vec<Value> =
        named(keys, Need::OneOf).iter().map(|name| json!({ "required": [name] })).collect();
    if !one_of.is_empty() {
        schema.insert("anyOf".to_owned(), json!(one_of));
    }
    let properties: Map<String, Value> =
        keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    schema.insert("properties".to_owned(), Value::Object(properties));
    schema
}

fn named(keys: &[Key], need: Need) -> Vec<&'static str> {
    keys.iter().filter(|key| key.need == need).map(|key| key.name).collect()
}

fn property(key: &Key) -> Value {
    let mut schema = Map::new();
    schema.insert("title".to_owned(), json!(key.name));
    let mut description = key.meaning.to_owned();
    let words = key.form.words();
    if matches!(key.form, Form::Quantity(..)) {
        description.push_str(&format!(" ({words})"));
    }
    schema.insert("description".to_owned(), json!(description));
    if let Need::Default(value) = key.need {
        schema
            .insert("default".to_owned(), value.parse::<u64>().map_or(json!(value), |number| json!(number)));
    }
    schema.extend(form(&key.form));
    if !matches!(key.form, Form::Choice(_)) {
        schema.insert("examples".to_owned(), json!([example(key.example)]));
    }
    Value::Object(schema)
}

/// YAML as a reader of YAML would have it.
fn example(yaml: &str) -> Value {
    serde_yaml::from_str(yaml).unwrap_or_else(|_| json!(yaml))
}

fn form(form: &Form) -> Map<String, Value> {
    let value = match form {
        Form::Quantity(kind, range) => return quantity(*kind, *range),
        // With no words there is nothing that would do.
        Form::Choice([]) => json!({ "not": {} }),
        Form::Choice(names) => {
            let row = |(name, meaning): &(&str, &str)| json!({ "const": name, "description": meaning });
            let mut rows: Vec<Value> = names.iter().map(row).collect();
            if names.iter().any(|(name, _)| *name == "off") {
                // What `off` is to readers of YAML 1.1.
                rows.push(json!({ "const": false }));
            }
            json!({ "oneOf": rows })
        }
        Form::Text(pattern) => json!({ "type": ["string", "integer"], "pattern": pattern }),
        Form::Map(keys) => return map(keys),
        Form::Single(keys) => {
            let mut single = map(keys);
            single.remove("anyOf");
            single.insert("minProperties".to_owned(), json!(1));
            single.insert("maxProperties".to_owned(), json!(1));
            return single;
        }
        Form::Paths => {
            json!({ "type": "object", "additionalProperties": { "type": "array", "minItems": 1 } })
        }
        Form::List(item) => json!({ "type": "array", "items": self::form(item) }),
        Form::Either(forms) => json!({ "anyOf": forms.iter().map(self::form).collect::<Vec<_>>() }),
    };
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Numbers in text keep their units; those without may also be numbers of YAML.
fn quantity(kind: Quantity, range: Option<(&str, &str)>) -> Map<String, Value> {
    const NUMBER: &str = r"[0-9]+(\.[0-9]+)?\s*";
    const SIZES: &str = "(B|kB|MB|GB|KiB|MiB|GiB)";
    let duration = format!("{NUMBER}(ns|us|µs|ms|s|min|h|d)");
    let (plain, pattern) = match kind {
        Quantity::Duration => (None, duration),
        Quantity::Size => (None, format!("{NUMBER}{SIZES}")),
        Quantity::Rate => (None, format!(r"{NUMBER}[kM]?\s*/\s*(s|min|h|day|d)")),
        Quantity::Share => (Some("number"), format!("{NUMBER}%?")),
        Quantity::Count => (Some("integer"), format!("{NUMBER}[kM]?")),
        Quantity::Integer => (Some("integer"), NUMBER.to_owned()),
        Quantity::Factor => (Some("number"), NUMBER.to_owned()),
        Quantity::Drift => (None, format!("-?{NUMBER}(ppb|ppm|%)")),
        Quantity::BytesPerSecond => (None, format!("{NUMBER}{SIZES}/s")),
        Quantity::BitsPerSecond => (None, format!("{NUMBER}[kMGT]?bit/s")),
        Quantity::Delay => (None, format!(r"{duration}\s*((\.\.|\+)\s*{duration})?")),
    };
    let mut schema = Map::new();
    let types = plain.map_or(json!("string"), |plain| json!([plain, "string"]));
    schema.insert("type".to_owned(), types);
    schema.insert("pattern".to_owned(), json!(format!(r"^\s*{pattern}\s*$")));
    if plain.is_some() {
        let bound = |text: &str| match kind {
            Quantity::Count | Quantity::Integer => (units::COUNT.parse)(text).ok().map(|count| json!(count)),
            Quantity::Share => (units::SHARE.parse)(text).ok().map(|parts| json!(parts as f64 / 1e9)),
            Quantity::Factor => (units::FACTOR.parse)(text).ok().map(|parts| json!(parts as f64 / 1e3)),
            _ => None,
        };
        let (least, most) = range.unwrap_or(("0", if kind == Quantity::Share { "1" } else { "" }));
        for (name, text) in [("minimum", least), ("maximum", most)] {
            if let Some(bound) = bound(text) {
                schema.insert(name.to_owned(), bound);
            }
        }
    }
    schema
}
