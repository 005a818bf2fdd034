//! What is to be played, as a file that everybody who takes part computes alike and nobody changes.

use super::cell::sources;
use super::seal::{seal, sealed};
use super::store::{Put, Store, StoreError};
use serde::{Deserialize, Serialize};

/// Its name.
pub const FILE_NAME: &str = "sweep.json";
/// Changes whenever a reader of an earlier version would misread the file.
const SCHEMA_VERSION: u64 = 2;

/// `sweep.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    schema_version: u64,
    /// Whether others take part or may: nobody puts another in its place.
    pub shared: bool,
    /// Name of the scenario.
    pub scenario: String,
    /// The question that the scenario answers.
    pub question: String,
    /// Version of the program that plays it.
    pub program_version: String,
    /// The sources that it was built from.
    pub sources: String,
    /// In the order of the matrix.
    pub axes: Vec<AxisRow>,
    /// The last axis changes fastest, but for the seeds.
    pub runs: Vec<RunRow>,
}

/// What one key path takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisRow {
    /// Key path.
    pub path: String,
    /// Its values as written.
    pub labels: Vec<String>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    /// Hash of its plan and of what plays it.
    pub run_id: String,
    /// Of the plan.
    pub seed: u64,
    /// Its value on each axis.
    pub labels: Vec<String>,
}

impl Manifest {
    pub(super) fn new(scenario: &str, question: &str, axes: Vec<AxisRow>, runs: Vec<RunRow>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            shared: false,
            scenario: scenario.to_owned(),
            question: question.to_owned(),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            sources: sources().to_owned(),
            axes,
            runs,
        }
    }

    /// A run in words: `ledger.replicas: 4, seed 7`.
    pub fn words(&self, run: &RunRow) -> String {
        let axes = self.axes.iter().zip(&run.labels).filter(|(axis, _)| axis.path != super::SEED_AXIS);
        let axes = axes.map(|(axis, label)| format!("{}: {label}", axis.path));
        axes.chain([format!("seed {}", run.seed)]).collect::<Vec<_>>().join(", ")
    }

    fn to_text(&self) -> String {
        seal(&serde_json::to_string_pretty(self).expect("keys are text"))
    }

    /// Writes it where none is yet. One that is there must be the same: a sweep that several machines share does not change.
    ///
    /// # Errors
    /// When the store cannot be reached, or has another.
    pub fn share(&self, store: &Store) -> Result<(), StoreError> {
        let text = Self { shared: true, ..self.clone() }.to_text();
        match store.create(FILE_NAME, text.clone().into())? {
            Put::New => Ok(()),
            Put::There(bytes) if bytes == text.as_bytes() => Ok(()),
            // Somebody swept alone, and lets others in.
            Put::There(bytes) if bytes == self.to_text().as_bytes() => store.replace(FILE_NAME, text.into()),
            Put::There(bytes) => Err(self.other(store, Self::parse(&bytes).ok().as_ref())),
        }
    }

    /// Writes it in place of any other that nobody else takes part in.
    ///
    /// # Errors
    /// When the store cannot be reached, or has another that is shared.
    pub fn replace(&self, store: &Store) -> Result<(), StoreError> {
        let there = store.read(FILE_NAME)?.and_then(|bytes| Self::parse(&bytes).ok());
        match there.filter(|there| there.shared) {
            Some(there) if there == (Self { shared: true, ..self.clone() }) => Ok(()),
            Some(there) => Err(self.other(store, Some(&there))),
            None => store.replace(FILE_NAME, self.to_text().into()),
        }
    }

    fn other(&self, store: &Store, there: Option<&Self>) -> StoreError {
        let why = match there {
            Some(there) if there.sources != self.sources => "a program of other sources planned it",
            Some(there) if there.scenario != self.scenario => "it is of another scenario",
            Some(_) => "the scenario, its changes or its seeds are others",
            None => "it is damaged",
        };
        StoreError::OtherSweep { name: store.shown(FILE_NAME), why }
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = sealed(bytes)?;
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Reads it.
    ///
    /// # Errors
    /// When the store cannot be reached, or has none that this program reads.
    pub fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = store.read(FILE_NAME)? else { return Ok(None) };
        let damaged = |reason: String| StoreError::Damaged { name: store.shown(FILE_NAME), reason };
        let manifest = Self::parse(&bytes).map_err(damaged)?;
        if manifest.schema_version != SCHEMA_VERSION {
            return Err(damaged(format!("it has schema version {}", manifest.schema_version)));
        }
        if manifest.runs.iter().any(|run| run.labels.len() != manifest.axes.len()) {
            return Err(damaged("a run of it has no value on an axis".to_owned()));
        }
        if manifest.sources != sources() {
            let name = store.shown(FILE_NAME);
            return Err(StoreError::OtherSweep { name, why: "a program of other sources planned it" });
        }
        Ok(Some(manifest))
    }
}
