//! A finished run of a sweep, as a file: a `result.json` that `amanah replay` takes, with its distributions beside it.
//!
//! Invariants: nothing in it depends on the machine, the clock or who else took part, so that whoever plays a run writes the
//! same bytes; a checksum at its end covers every byte before it, and what does not match is refused by name, never skipped.

use super::seal::{seal, sealed};
use super::store::StoreError;
use crate::check::Verdict;
use crate::expect::Expected;
use crate::history::Run;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::result::{Environment, ResultFile};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Folder of cells.
pub const FOLDER: &str = "cells";
/// Changes whenever a cell says something else of the same run.
const VERSION: &str = "amanah cell 1";
/// In place of the machine.
const ANY: &str = "any";

/// A finished run.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Hash of the plan and of what played it.
    pub run_id: String,
    /// As `amanah run` would have ended.
    pub exit_code: u8,
    /// Distributions by family, encoded as [`Latency`](crate::metrics::Latency) does.
    pub hdr: BTreeMap<String, Vec<u8>>,
    /// Everything else, without figures of the wall clock.
    pub result: ResultFile,
}

/// What a cell adds to a result.
#[derive(Serialize, Deserialize)]
struct Beside {
    run_id: String,
    exit_code: u8,
    hdr: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    beside: Beside,
    #[serde(flatten)]
    result: &'a ResultFile,
}

/// The sources that this program was built from, as far as they decide what a run yields.
pub fn sources() -> &'static str {
    env!("AMANAH_SOURCES")
}

/// Of a plan, played by this program: 128 bits in hexadecimal.
pub fn run_id(plan: &Plan) -> String {
    let plan = serde_json::to_vec(plan).expect("keys are text, and every float is finite");
    let mut hasher = blake3::Hasher::new();
    for part in [VERSION.as_bytes(), sources().as_bytes(), &plan] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Of a run's file.
pub fn name(run_id: &str) -> String {
    format!("{FOLDER}/{run_id}.json")
}

impl Cell {
    /// Of a run and what was found about it.
    pub fn new(
        run: &Run,
        metrics: &Metrics,
        verdicts: &[Verdict],
        expectations: &[Expected],
        exit_code: u8,
    ) -> Self {
        let run_id = run_id(&run.plan);
        let replay = format!("amanah replay {}", name(&run_id));
        let mut result = ResultFile::new(run, metrics, verdicts, expectations, replay);
        result.metrics.retain(|_, figure| figure.deterministic);
        let [os, arch, profile] = [ANY; 3].map(str::to_owned);
        result.environment = Environment { os, arch, cores: 0, profile };
        let encoded =
            |(family, latency): (&&str, &crate::metrics::Latency)| ((*family).to_owned(), latency.encode());
        let hdr = metrics.latencies.iter().map(encoded).collect();
        Self { run_id, exit_code, hdr, result }
    }

    /// The file.
    pub fn to_text(&self) -> String {
        let hdr = self.hdr.iter().map(|(family, bytes)| (family.clone(), BASE64_STANDARD.encode(bytes)));
        let beside = Beside { run_id: self.run_id.clone(), exit_code: self.exit_code, hdr: hdr.collect() };
        let written = Written { beside, result: &self.result };
        let text = serde_json::to_string(&written).expect("keys are text, and every float is finite");
        seal(&text)
    }

    /// Reads the file called `shown` of the run with this id.
    ///
    /// # Errors
    /// If it is not whole, or of another run.
    pub fn parse(shown: &str, run_id: &str, bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged =
            |reason: &str| StoreError::Damaged { name: shown.to_owned(), reason: reason.to_owned() };
        let text = sealed(bytes).map_err(damaged)?;
        let beside: Beside = serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))?;
        if beside.run_id != run_id {
            return Err(damaged(&format!("it is of run {}", beside.run_id)));
        }
        let result = ResultFile::parse(shown.into(), bytes).map_err(|error| damaged(&error.to_string()))?;
        if self::run_id(&result.plan) != run_id {
            return Err(damaged("its plan is not the one that its id stands for"));
        }
        let mut hdr = BTreeMap::new();
        for (family, text) in beside.hdr {
            let bytes =
                BASE64_STANDARD.decode(text).map_err(|_| damaged("a distribution of it is not base64"))?;
            hdr.insert(family, bytes);
        }
        Ok(Self { run_id: beside.run_id, exit_code: beside.exit_code, hdr, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fake;

    fn cell() -> Cell {
        let run = fake::run(&fake::plan());
        let metrics = Metrics::of(&run);
        let expectations = crate::expect::evaluate(&run.plan.expect, &metrics, &[]);
        Cell::new(&run, &metrics, &[], &expectations, 12)
    }

    #[test]
    fn the_same_plan_has_the_same_id_and_another_another() {
        let plan = fake::plan();
        assert_eq!(run_id(&plan), run_id(&plan.clone()));
        assert_eq!(run_id(&plan).len(), 32);
        let others = [
            Plan { seed: plan.seed + 1, ..plan.clone() },
            Plan { question: "Why?".to_owned(), ..plan.clone() },
            Plan { drain: 2 * plan.drain, ..plan.clone() },
            Plan { expect: Vec::new(), ..plan.clone() },
        ];
        for other in others {
            assert_ne!(run_id(&plan), run_id(&other));
        }
    }

    #[test]
    fn a_cell_is_read_back_and_is_a_result() {
        let cell = cell();
        let text = cell.to_text();
        let read = Cell::parse("x.json", &cell.run_id, text.as_bytes()).unwrap();
        assert_eq!(read, cell);
        assert_eq!(read.to_text(), text);
        assert!(cell.result.metrics.keys().all(|name| !name.starts_with("simulator.wall")));
        assert!(cell.hdr.contains_key("share.latency"));
        assert_eq!(ResultFile::parse("x.json".into(), text.as_bytes()).unwrap(), cell.result);
    }

    #[test]
    fn what_is_damaged_is_refused_by_name() {
        let cell = cell();
        let text = cell.to_text();
        let refused = |text: &str, run_id: &str, reason: &str| {
            let error = Cell::parse("cells/x.json", run_id, text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains("cells/x.json") && error.contains(reason), "{error}");
        };
        refused("", &cell.run_id, "no checksum");
        refused(&text[..text.len() / 2], &cell.run_id, "no checksum");
        refused(&text[..text.len() - 1], &cell.run_id, "checksum does not match");
        refused(&format!("{text} "), &cell.run_id, "checksum does not match");
        for at in (0..text.len()).step_by(997) {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(Cell::parse("x", &cell.run_id, &bytes).is_err(), "byte {at}");
        }
        refused(&text, "00", "it is of run");
        let mut moved = cell.clone();
        moved.result.plan.seed += 1;
        refused(&moved.to_text(), &cell.run_id, "its plan is not the one");
    }
}
