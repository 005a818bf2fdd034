//! What a scenario's run yielded when somebody last agreed to it: one small file a scenario, made to be reviewed.

use crate::compare::plan_hash;
use crate::metrics::Value;
use crate::result::{FILE_NAME, ResultFile, StatusName, WriteError, write_text};
use indexmap::IndexMap;
use ledger_core::crypto::Digest;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Changes whenever a reader of an earlier version would misread the file.
pub const SCHEMA_VERSION: u64 = 1;
/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// A baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u64,
    /// The scenario's name.
    pub scenario: String,
    /// Its seed.
    pub seed: u64,
    /// Why it is what it is: what was said when it was last written.
    pub reason: String,
    /// Version of the program that ran it.
    pub program_version: String,
    /// SHA-256 of the plan.
    pub plan_sha256: String,
    /// The run's digest.
    pub digest: String,
    /// SHA-256 of all that is below, and of plan and digest.
    pub result_sha256: String,
    /// What the checkers said.
    pub verdicts: IndexMap<String, StatusName>,
    /// Which expectations held.
    pub expectations: IndexMap<String, bool>,
    /// Every deterministic metric, in its base unit.
    pub metrics: IndexMap<String, Value>,
}

/// What is hashed: nothing of a machine, and no words.
#[derive(Serialize)]
struct Canonical<'a> {
    scenario: &'a str,
    seed: u64,
    plan_sha256: &'a str,
    digest: &'a str,
    verdicts: &'a IndexMap<String, StatusName>,
    expectations: &'a IndexMap<String, bool>,
    metrics: &'a IndexMap<String, Value>,
}

impl Baseline {
    /// Of a run.
    pub fn new(result: &ResultFile, reason: &str) -> Self {
        let deterministic = result.metrics.iter().filter(|(_, figure)| figure.deterministic);
        let mut baseline = Self {
            schema_version: SCHEMA_VERSION,
            scenario: result.plan.name.clone(),
            seed: result.seed,
            reason: reason.to_owned(),
            program_version: result.program_version.clone(),
            plan_sha256: plan_hash(&result.plan),
            digest: result.digest.clone(),
            result_sha256: String::new(),
            verdicts: result.verdicts.iter().map(|row| (row.checker.clone(), row.status)).collect(),
            expectations: result.expectations.iter().map(|line| (line.text.clone(), line.held)).collect(),
            metrics: deterministic.map(|(name, figure)| (name.clone(), figure.value)).collect(),
        };
        baseline.result_sha256 = baseline.hash();
        baseline
    }

    /// SHA-256 of the canonical result: compact JSON, keys in the order of the catalog.
    pub fn hash(&self) -> String {
        let canonical = Canonical {
            scenario: &self.scenario,
            seed: self.seed,
            plan_sha256: &self.plan_sha256,
            digest: &self.digest,
            verdicts: &self.verdicts,
            expectations: &self.expectations,
            metrics: &self.metrics,
        };
        let text = serde_json::to_string(&canonical).expect("keys are text, and every float is finite");
        Digest::sha256(&[text.as_bytes()]).to_string()
    }

    /// Where the baseline of a scenario is.
    pub fn file(directory: &Path, scenario: &str) -> PathBuf {
        directory.join(format!("{scenario}.json"))
    }

    /// The document, a metric a line, ending in a line feed.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("keys are text, and every float is finite");
        text.push('\n');
        text
    }

    /// Writes it whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), WriteError> {
        write_text(file, &self.to_json())
    }

    /// Reads it; `Ok(None)` if there is none.
    ///
    /// # Errors
    /// See [`BaselineError`].
    pub fn read(file: &Path) -> Result<Option<Self>, BaselineError> {
        let file = file.to_owned();
        let bytes = match fs::metadata(&file) {
            Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err(BaselineError::TooLarge { file }),
            Ok(_) => fs::read(&file),
            Err(error) => Err(error),
        };
        match bytes {
            Ok(bytes) => Self::parse(file, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BaselineError::Io { file, error }),
        }
    }

    fn parse(file: PathBuf, bytes: &[u8]) -> Result<Self, BaselineError> {
        let value: serde_json::Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(error) => return Err(BaselineError::NotJson { file, error }),
        };
        let found = value.get("schema_version").and_then(serde_json::Value::as_u64);
        if found != Some(SCHEMA_VERSION) || value.get("result_sha256").is_none() {
            return Err(BaselineError::Other { file });
        }
        let baseline: Self = match serde_json::from_slice(bytes) {
            Ok(baseline) => baseline,
            Err(error) => return Err(BaselineError::NotJson { file, error }),
        };
        if baseline.metrics.is_empty() {
            return Err(BaselineError::Empty { file });
        }
        match baseline.hash() == baseline.result_sha256 {
            true => Ok(baseline),
            false => Err(BaselineError::Edited { file }),
        }
    }
}

/// Why a file is no baseline.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum BaselineError {
    #[error("{}: cannot be read: {error}", file.display())]
    Io { file: PathBuf, error: io::Error },
    #[error("{}: is larger than a baseline is", file.display())]
    TooLarge { file: PathBuf },
    #[error("{}: is not a baseline: {error}", file.display())]
    NotJson { file: PathBuf, error: serde_json::Error },
    #[error("{}: is not a baseline of schema version {SCHEMA_VERSION}; a {FILE_NAME} is none", file.display())]
    Other { file: PathBuf },
    #[error("{}: has no metrics: a baseline without samples holds nothing", file.display())]
    Empty { file: PathBuf },
    #[error("{}: was changed by hand: its figures are not those of its result_sha256\n  = `--update --reason TEXT` writes it anew", file.display())]
    Edited { file: PathBuf },
}
