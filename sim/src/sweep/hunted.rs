//! A hunt that several machines share: each plays a part of the seeds and leaves what it found; the sum is the hunt.
//!
//! ```text
//! hunt.json           which hunt, and into how many parts
//! parts/<index>.json  what one part found; the same bytes whoever hunts in it
//! ```

use super::cell::sources;
use super::seal::{seal, sealed};
use super::shard::{SHARDS_MAX, Shard};
use super::store::{Put, Store, StoreError};
use crate::hunt::{Found, Scope, Written, keep};
use crate::plan::Plan;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ops::Range;

/// Which hunt.
const FILE_NAME: &str = "hunt.json";
const FOLDER: &str = "parts";
const SCHEMA_VERSION: u64 = 2;

/// `hunt.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    schema_version: u64,
    scenario: String,
    /// Hash of everything that decides what is found.
    hunt_id: String,
    seeds: Range<u64>,
    shards: usize,
}

/// `parts/<index>.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Part {
    hunt_id: String,
    seeds: Range<u64>,
    exit_code: u8,
    found: Value,
    written: Vec<Shrunk>,
}

/// A finding made small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shrunk {
    /// Of the run.
    pub seed: u64,
    /// What fails.
    pub checker: String,
    /// Its scenario.
    pub scenario: String,
}

/// A hunt as far as it is there.
#[derive(Debug)]
pub struct Hunted {
    /// Name of the scenario.
    pub scenario: String,
    /// All of them.
    pub seeds: Range<u64>,
    /// Into how many parts they are split.
    pub shards: usize,
    /// Parts that are not there.
    pub missing: Vec<usize>,
    /// Exit codes of those that are.
    pub exit_codes: Vec<u8>,
    /// The sum, as `amanah hunt --json` has it under `found`.
    pub found: Value,
    /// Findings made small.
    pub written: Vec<Shrunk>,
}

/// Says that a part of this hunt is about to be played in `store`, whose seeds are `whole` together.
///
/// # Errors
/// When the store cannot be reached, or is of another hunt.
pub fn begin(
    store: &Store,
    scope: &Scope,
    base: &Plan,
    shard: Shard,
    whole: &Range<u64>,
) -> Result<(), StoreError> {
    let text = text(&head(scope, base, shard, whole));
    match store.create(FILE_NAME, text.clone().into())? {
        Put::New => Ok(()),
        Put::There(bytes) if bytes == text.as_bytes() => Ok(()),
        Put::There(_) => {
            let why = "its scenario, seeds, number of parts or program are others";
            Err(StoreError::OtherSweep { name: store.shown(FILE_NAME), why })
        }
    }
}

/// Leaves what a part found.
///
/// # Errors
/// When the store cannot be reached, or holds another finding of the same part.
pub fn put(
    store: &Store,
    (scope, base): (&Scope, &Plan),
    (shard, whole): (Shard, &Range<u64>),
    (found, written): (&Found, &[Written]),
    exit_code: u8,
) -> Result<(), StoreError> {
    let head = head(scope, base, shard, whole);
    let shrunk = written.iter().map(|one| Shrunk {
        seed: one.seed,
        checker: one.failure.checker.clone(),
        scenario: std::fs::read_to_string(&one.scenario).unwrap_or_default(),
    });
    let found = serde_json::to_value(found).expect("keys are text");
    let part = Part {
        hunt_id: head.hunt_id,
        seeds: scope.seeds.clone(),
        exit_code,
        found,
        written: shrunk.collect(),
    };
    let (name, text) = (format!("{FOLDER}/{}.json", shard.index()), text(&part));
    match store.create(&name, text.clone().into())? {
        Put::New => Ok(()),
        Put::There(bytes) if bytes == text.as_bytes() => Ok(()),
        Put::There(bytes) => {
            let [ours, theirs] =
                [text.as_bytes(), &bytes].map(|bytes| format!("bytes {}", blake3::hash(bytes).to_hex()));
            Err(StoreError::Conflict { name: store.shown(&name), ours, theirs })
        }
    }
}

/// Whether a part is there already.
///
/// # Errors
/// When the store cannot be reached.
pub fn is_there(store: &Store, shard: Shard) -> Result<bool, StoreError> {
    Ok(store.list(FOLDER)?.contains(&format!("{}.json", shard.index())))
}

/// Adds up all parts that are there; `None` where no hunt is.
///
/// # Errors
/// When the store cannot be reached, or a part is damaged.
pub fn read(store: &Store) -> Result<Option<Hunted>, StoreError> {
    let damaged = |name: &str, reason: String| StoreError::Damaged { name: store.shown(name), reason };
    let Some(bytes) = store.read(FILE_NAME)? else { return Ok(None) };
    let head: Head = parse(&bytes).map_err(|reason| damaged(FILE_NAME, reason))?;
    if head.schema_version != SCHEMA_VERSION {
        return Err(damaged(FILE_NAME, format!("it has schema version {}", head.schema_version)));
    }
    if head.shards > SHARDS_MAX || head.seeds.start > head.seeds.end {
        return Err(damaged(
            FILE_NAME,
            "it has more parts than there can be, or seeds that end before they begin".to_owned(),
        ));
    }
    let there = store.list(FOLDER)?;
    let mut hunted = Hunted {
        scenario: head.scenario,
        seeds: head.seeds,
        shards: head.shards,
        missing: Vec::new(),
        exit_codes: Vec::new(),
        found: Value::Null,
        written: Vec::new(),
    };
    for index in 0..head.shards {
        let name = format!("{index}.json");
        if !there.contains(&name) {
            hunted.missing.push(index);
            continue;
        }
        let name = format!("{FOLDER}/{name}");
        let bytes = store.read(&name)?.unwrap_or_default();
        let part: Part = parse(&bytes).map_err(|reason| damaged(&name, reason))?;
        if part.hunt_id != head.hunt_id {
            return Err(damaged(&name, "it is of another hunt".to_owned()));
        }
        hunted.exit_codes.push(part.exit_code);
        add(&mut hunted.found, &part.found);
        hunted.written.extend(part.written);
    }
    if let Some(found) = hunted.found.get_mut("findings") {
        let mut findings = Vec::deserialize(&*found).map_err(|error| damaged(FOLDER, error.to_string()))?;
        keep(&mut findings);
        *found = json!(findings);
    }
    hunted.written.sort_by_key(|one| one.seed);
    Ok(Some(hunted))
}

fn head(scope: &Scope, base: &Plan, shard: Shard, whole: &Range<u64>) -> Head {
    let decides = json!({
        "sources": sources(),
        "plan": base,
        "scenario": scope.scenario.to_yaml(""),
        "always": scope.always.iter().map(|fault| fault.to_yaml()).collect::<Vec<_>>(),
        "without": scope.without,
    });
    let hunt_id = blake3::hash(decides.to_string().as_bytes()).to_hex()[..32].to_owned();
    let (scenario, seeds) = (base.name.clone(), whole.clone());
    Head { schema_version: SCHEMA_VERSION, scenario, hunt_id, seeds, shards: shard.count() }
}

fn text(of: &impl Serialize) -> String {
    seal(&serde_json::to_string_pretty(of).expect("keys are text"))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let text = sealed(bytes)?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Adds numbers, number by number in lists of numbers, and key by key in maps; other lists are joined.
fn add(into: &mut Value, more: &Value) {
    match (&mut *into, more) {
        (Value::Number(sum), Value::Number(more)) => {
            let total = sum.as_u64().unwrap_or(0).saturating_add(more.as_u64().unwrap_or(0));
            *into = Value::from(total);
        }
        (Value::Object(into), Value::Object(more)) => {
            more.iter().for_each(|(key, more)| add(into.entry(key).or_insert(Value::Null), more));
        }
        (Value::Array(into), Value::Array(more)) if more.iter().chain(into.iter()).all(Value::is_number) => {
            into.resize(into.len().max(more.len()), Value::from(0));
            into.iter_mut().zip(more).for_each(|(into, more)| add(into, more));
        }
        (Value::Array(into), Value::Array(more)) => into.extend(more.iter().cloned()),
        (_, more) => *into = more.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_sums() {
        let mut sum = Value::Null;
        let parts = [
            json!({ "runs": 2, "findings": [{ "seed": 9 }], "coverage": { "a": { "x": 1 }, "decisions": [1, 2] } }),
            json!({ "runs": 3, "findings": [], "coverage": { "a": { "x": 5, "y": 7 }, "decisions": [10, 20] } }),
            json!({ "runs": 0, "findings": [{ "seed": 1 }], "coverage": { "a": {}, "decisions": [0, 0] } }),
        ];
        parts.iter().for_each(|part| add(&mut sum, part));
        let whole = json!({
            "runs": 5, "findings": [{ "seed": 9 }, { "seed": 1 }],
            "coverage": { "a": { "x": 6, "y": 7 }, "decisions": [11, 22] },
        });
        assert_eq!(sum, whole);
    }
}
