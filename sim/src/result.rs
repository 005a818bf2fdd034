//! `result.json`: everything that a run yielded, and enough to replay it.
//!
//! Invariants: a file is written whole or not at all; `result.json` is written last, so that where it is, everything
//! beside it is too; it has a schema version, and no other version is read. Counts and times are whole numbers, so what
//! is read back equals what was written. It never sees the world.

mod files;

pub use files::{WriteError, prepare, write, write_text};

use crate::check::{Status, Verdict};
use crate::expect::Expected;
use crate::history::{Notable, Run, Setting};
use crate::metrics::{Metrics, Value, catalog};
use crate::plan::{Plan, duration_text};
use indexmap::IndexMap;
use ledger_core::time::Duration;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Changes whenever a reader of an earlier version would misread the file.
pub const SCHEMA_VERSION: u64 = 1;
/// Its name inside the directory of a run.
pub const FILE_NAME: &str = "result.json";
/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// `result.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultFile {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u64,
    /// Version of the program that ran it.
    pub program_version: String,
    /// What was run, every default filled in.
    pub plan: Plan,
    /// Of the plan, for those who look for it here.
    pub seed: u64,
    /// Chains every event, in hexadecimal: same plan and program, same digest. Of a live run: of its plan and history.
    pub digest: String,
    /// The world that it was played in.
    #[serde(default)]
    pub world: Setting,
    /// Whether it was interrupted: its figures stop where it did.
    pub partial: bool,
    /// Time from the start of the warm-up to its end.
    pub end: SpanText,
    /// Where it ran.
    pub environment: Environment,
    /// By name, in the order of the catalog.
    pub metrics: IndexMap<String, Figure>,
    /// Why the measurement means nothing, if it does not.
    pub invalid: Option<String>,
    /// What the checkers say.
    pub verdicts: Vec<VerdictRow>,
    /// What became of each line of `expect:`.
    pub expectations: Vec<Expected>,
    /// Operations that the replay can be asked about first.
    #[serde(default)]
    pub notable: Vec<Notable>,
    /// The command that repeats the run.
    pub replay: String,
}

/// A duration with its unit, as in a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SpanText(#[serde(with = "duration_text")] pub Duration);

/// The machine and the program's build. Nothing deterministic depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Cores that the process may use; 0 if unknown.
    pub cores: usize,
    /// `debug` or `release`.
    pub profile: String,
}

impl Environment {
    /// Of this process.
    pub fn here() -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        }
    }
}

/// A metric's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// In `unit`; `"never"` for a time that did not come.
    pub value: Value,
    /// `ns`, `B`, `1/s`, `count` or `ratio`.
    pub unit: String,
    /// False for figures of the machine's wall clock, which no replay repeats.
    pub deterministic: bool,
}

/// A checker's verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictRow {
    /// Its name.
    pub checker: String,
    /// What it found.
    pub status: StatusName,
    /// Whether it is about safety; else about liveness.
    pub safety: bool,
    /// In words.
    pub detail: String,
}

/// [`Status`] as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum StatusName {
    Passed,
    Failed,
    Expected,
    Undecided,
    NotApplicable,
}

/// Why a file is not a result.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ReadError {
    #[error("{}: cannot be read: {error}", file.display())]
    Io { file: PathBuf, error: io::Error },
    #[error("{}: {bytes} bytes are more than a result has (at most {FILE_BYTES_MAX})", file.display())]
    TooLarge { file: PathBuf, bytes: u64 },
    #[error("{}: is not JSON: {error}", file.display())]
    NotJson { file: PathBuf, error: serde_json::Error },
    #[error("{}: has no `schema_version`: it is not a {FILE_NAME} of this program", file.display())]
    NoSchemaVersion { file: PathBuf },
    #[error("{}: has schema version {found}, and this program reads version {SCHEMA_VERSION}", file.display())]
    SchemaVersion { file: PathBuf, found: String },
    #[error("{}: has no `plan`, so there is nothing to replay", file.display())]
    NoPlan { file: PathBuf },
    #[error("{}: is not a complete result: {error}", file.display())]
    Incomplete { file: PathBuf, error: serde_json::Error },
}

impl ResultFile {
    /// Of a run and what was found about it.
    pub fn new(
        run: &Run,
        metrics: &Metrics,
        verdicts: &[Verdict],
        expectations: &[Expected],
        replay: String,
    ) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            plan: run.plan.clone(),
            seed: run.plan.seed,
            digest: run.digest.to_string(),
            world: run.setting,
            partial: run.partial,
            end: SpanText(run.end.since(run.start)),
            environment: Environment::here(),
            metrics: metrics
                .values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), figure(name, *value)))
                .collect(),
            invalid: metrics.invalid.clone(),
            verdicts: verdicts.iter().map(row).collect(),
            expectations: expectations.to_vec(),
            notable: run.notable(),
            replay,
        }
    }

    /// Reads a result; a directory stands for the result inside it.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let bytes = match fs::metadata(&file) {
            Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
                return Err(ReadError::TooLarge { file, bytes: metadata.len() });
            }
            Ok(_) => fs::read(&file),
            Err(error) => Err(error),
        };
        match bytes {
            Ok(bytes) => Self::parse(file, &bytes),
            Err(error) => Err(ReadError::Io { file, error }),
        }
    }

    /// Reads the bytes of `file`.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn parse(file: PathBuf, bytes: &[u8]) -> Result<Self, ReadError> {
        let value: serde_json::Value = match serde_json::from_slice(bytes) {
            Ok(value) => value,
            Err(error) => return Err(ReadError::NotJson { file, error }),
        };
        match value.get("schema_version") {
            None => return Err(ReadError::NoSchemaVersion { file }),
            Some(found) if found.as_u64() != Some(SCHEMA_VERSION) => {
                return Err(ReadError::SchemaVersion { file, found: found.to_string() });
            }
            Some(_) => {}
        }
        if value.get("plan").is_none_or(serde_json::Value::is_null) {
            return Err(ReadError::NoPlan { file });
        }
        // From the text again: the error then has its line and column.
        serde_json::from_slice(bytes).map_err(|error| ReadError::Incomplete { file, error })
    }

    /// The document, ending in a line feed.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("keys are text, and every float is finite");
        text.push('\n');
        text
    }
}

fn figure(name: &str, value: Value) -> Figure {
    let metric = catalog::lookup(name);
    Figure {
        value,
        unit: metric.map_or("", |metric| metric.unit.symbol()).to_owned(),
        deterministic: metric.is_none_or(|metric| metric.deterministic),
    }
}

fn row(verdict: &Verdict) -> VerdictRow {
    let status = match verdict.status {
        Status::Passed => StatusName::Passed,
        Status::Failed => StatusName::Failed,
        Status::Expected => StatusName::Expected,
        Status::Undecided => StatusName::Undecided,
        Status::NotApplicable => StatusName::NotApplicable,
    };
    let (checker, detail) = (verdict.checker.to_owned(), verdict.detail.clone());
    VerdictRow { checker, status, safety: verdict.is_safety(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fake;

    fn result() -> ResultFile {
        let run = fake::run(&fake::plan());
        let mut metrics = Metrics::of(&run);
        metrics.values.insert("recovery.time", Value::Never);
        let verdict =
            Verdict { checker: "agreement", status: Status::Passed, detail: "50 commits".to_owned() };
        let expected = crate::expect::evaluate(&run.plan.expect, &metrics, &[]);
        ResultFile::new(&run, &metrics, &[verdict], &expected, "amanah replay x".to_owned())
    }

    fn parse(text: &str) -> Result<ResultFile, ReadError> {
        ResultFile::parse(PathBuf::from("x.json"), text.as_bytes())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let result = result();
        assert_eq!(parse(&result.to_json()).unwrap(), result);
        assert!(result.to_json().contains("\"value\": \"never\""));
    }

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(parse(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn what_is_not_a_result_is_refused_by_name() {
        refused("{", "x.json: is not JSON: EOF while parsing an object at line 1 column 1");
        refused("{}", "x.json: has no `schema_version`: it is not a result.json of this program");
        refused("[]", "x.json: has no `schema_version`: it is not a result.json of this program");
        let other = "x.json: has schema version 99, and this program reads version 1";
        refused(r#"{"schema_version": 99}"#, other);
        refused(
            r#"{"schema_version": 1, "plan": null}"#,
            "x.json: has no `plan`, so there is nothing to replay",
        );
        refused(
            r#"{"schema_version": 1, "plan": 7}"#,
            "x.json: is not a complete result: invalid type: integer `7`, expected struct Plan at line 1 column 31",
        );
        let missing = ResultFile::read(Path::new("no/such/result.json")).unwrap_err();
        assert!(matches!(missing, ReadError::Io { .. }), "{missing}");
    }
}
