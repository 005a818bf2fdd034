//! Whether what a program does today may replace what it did before.
//!
//! In virtual time a run repeats to the bit, so that a [`Baseline`] is compared exactly, or within stated
//! [`Tolerances`]: there is no noise to forgive. Live runs are judged by [`live`], which takes pairs of two programs' runs
//! and nothing else. What was found is a list of [`Check`]s, and every writer ([`junit`], [`summary`], [`annotations`],
//! [`benchmark`]) says the same list in another format.
//!
//! Invariants: pure functions of results and baselines; what is missing fails; a baseline is rewritten with a reason or
//! not at all.

pub mod annotations;
mod baseline;
pub mod benchmark;
mod judge;
pub mod junit;
pub mod live;
pub mod summary;
mod tolerance;

pub use baseline::{Baseline, BaselineError, SCHEMA_VERSION};
pub use judge::{checks, updated};
pub use tolerance::{Tolerance, Tolerances};

use crate::result::ResultFile;
use serde::Serialize;

/// What a check is about; names the class of a test case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A checker of the run.
    Checkers,
    /// A line of `expect:`.
    Expectations,
    /// The run against its baseline.
    Baseline,
    /// One program against another, live.
    Live,
}

impl Class {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkers => "checkers",
            Self::Expectations => "expectations",
            Self::Baseline => "baseline",
            Self::Live => "live",
        }
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It holds.
    Passed,
    /// It does not apply.
    Skipped,
    /// It holds, and somebody should look.
    Warned,
    /// It does not hold.
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about.
    pub class: Class,
    /// Unique inside its class.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// In words; of what failed, with what would do.
    pub message: String,
}

impl Check {
    /// Of a scenario of which there is no whole run: why.
    pub fn unplayed(message: &str) -> Self {
        Self {
            class: Class::Checkers,
            name: "run".to_owned(),
            status: Status::Failed,
            message: format!("there is no whole run to judge: {message}"),
        }
    }
}

/// A scenario and all that was looked at.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's file.
    pub file: String,
    /// The baseline's file; of a live gate, none.
    pub baseline: Option<String>,
    /// The command that plays it again.
    pub replay: String,
    /// The run; `None` if it left no result, or if there were many.
    #[serde(skip)]
    pub result: Option<ResultFile>,
    /// In the order of checkers, expectations, baseline.
    pub checks: Vec<Check>,
}

impl Outcome {
    /// Those that ended so.
    pub fn with(&self, status: Status) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(move |check| check.status == status)
    }

    /// How many ended so.
    pub fn count(&self, status: Status) -> usize {
        self.with(status).count()
    }

    /// Whether a check of the class failed.
    pub fn failed(&self, class: Class) -> bool {
        self.with(Status::Failed).any(|check| check.class == class)
    }
}

#[cfg(test)]
mod tests;
