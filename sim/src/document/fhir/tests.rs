//! Every builder, written once, and what the published schemas do not say.

use super::specimen::specimens;
use super::*;
use serde_json::Value;

#[test]
fn every_kind_is_built_and_reads_back() {
    let mut kinds: Vec<String> = specimens(&Seed::new(1), 0)
        .iter()
        .map(|text| {
            let value: Value = serde_json::from_str(text).unwrap();
            value["resourceType"].as_str().unwrap().to_owned()
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>());
}

/// Nothing is empty, and nothing null: FHIR forbids both.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty() && items.iter().all(is_filled),
        Value::Object(fields) => !fields.is_empty() && fields.values().all(is_filled),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

#[test]
fn nothing_is_empty() {
    for n in 0..20 {
        for text in specimens(&Seed::new(1), n) {
            assert!(is_filled(&serde_json::from_str(&text).unwrap()), "{text}");
        }
    }
}

#[test]
fn the_root_of_a_consent_takes_no_type_and_every_exception_has_one() {
    for n in 0..20 {
        for text in specimens(&Seed::new(2), n) {
            let value: Value = serde_json::from_str(&text).unwrap();
            if value["resourceType"] != "Consent" {
                continue;
            }
            assert!(value["policyRule"].is_object() && value["provision"].get("type").is_none(), "{text}");
            let nested = value["provision"]["provision"].as_array().unwrap();
            assert!(nested.iter().all(|provision| provision["type"].is_string()), "{text}");
        }
    }
}

#[test]
fn ids_are_uuids_of_version_8() {
    let id = Id::new(u128::MAX).text();
    assert_eq!(id, "ffffffff-ffff-8fff-bfff-ffffffffffff");
    assert_eq!(Id::new(0).text(), "00000000-0000-8000-8000-000000000000");
    let (here, there) = (Seed::new(1), Seed::new(2));
    assert_ne!(Id::named(&here, "x", [1, 0]), Id::named(&there, "x", [1, 0]));
    assert_ne!(Id::named(&here, "x", [1, 0]), Id::named(&here, "x", [0, 1]));
}

#[test]
fn narratives_are_text() {
    let mut out = String::new();
    object(&mut out, |o| narrative(o, "a < b & \"c\""));
    let value: Value = serde_json::from_str(&out).unwrap();
    let div = value["text"]["div"].as_str().unwrap();
    assert!(div.contains("a &lt; b &amp; \"c\""), "{div}");
}
