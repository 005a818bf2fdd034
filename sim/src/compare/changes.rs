//! What changed between two documents, by key path.

use crate::plan::Plan;
use ledger_core::crypto::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One key whose value changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Where, as in `replicas[3].region`.
    pub key: String,
    /// What was there; `None`: nothing.
    pub old: Option<String>,
    /// What is there now.
    pub new: Option<String>,
}

/// A plan as a document, its seed left out: runs of several seeds are runs of one plan.
pub fn document(plan: &Plan) -> Value {
    let mut value = serde_json::to_value(plan).expect("keys are text, and every float is finite");
    if let Some(fields) = value.as_object_mut() {
        fields.remove("seed");
    }
    value
}

/// SHA-256 of the whole plan, seed included, in hexadecimal.
pub fn plan_hash(plan: &Plan) -> String {
    let text = serde_json::to_string(plan).expect("keys are text, and every float is finite");
    Digest::sha256(&[text.as_bytes()]).to_string()
}

/// What changed from one document to the other, in the order of the first.
pub fn changes(old: &Value, new: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    walk(String::new(), Some(old), Some(new), &mut found);
    found
}

fn walk(key: String, old: Option<&Value>, new: Option<&Value>, found: &mut Vec<Change>) {
    match (old, new) {
        (Some(old), Some(new)) if old == new => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                let inside = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                walk(inside, old.get(name), new.get(name), found);
            }
        }
        // Of lists of unequal length nobody knows which item became which.
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                walk(format!("{key}[{index}]"), Some(old), Some(new), found);
            }
        }
        (old, new) => found.push(Change { key, old: old.map(text), new: new.map(text) }),
    }
}

fn text(value: &Value) -> String {
    const LONG: usize = 60;
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if value.to_string().len() > LONG => format!("{} items", items.len()),
        Value::Object(_) if value.to_string().len() > LONG => "{…}".to_owned(),
        other => other.to_string(),
    }
}
