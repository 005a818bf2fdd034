//! What a run measures: every figure of the [`catalog`] that the run has samples for.
//!
//! Invariants: counts and times are whole numbers to the end, and only rates, means and parts of a whole are floats; a
//! figure without samples is absent, never zero; operations count by the time at which the schedule starts them, inside
//! the [`Window`] of measurement, so that a stalled system cannot hide its latency (no coordinated omission).
//!
//! It knows neither the world nor how figures are shown.

pub mod catalog;
mod collect;
mod domain;
#[cfg(test)]
pub(crate) mod fake;
pub mod generator;
mod latency;
mod recovery;
mod split;

pub use latency::Latency;
pub use recovery::{Recovered, Recovery};
pub use split::{Quantiles, RegionFigures, SecondLatency};

use crate::history::Run;
use indexmap::IndexMap;
use ledger_core::time::{Duration, Timestamp, nanos};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::collections::BTreeMap;

/// The figures of one run.
#[derive(Debug)]
pub struct Metrics {
    /// By name, in the order of the catalog.
    pub values: IndexMap<&'static str, Value>,
    /// The distributions behind the latency figures, by family, only those with samples.
    pub latencies: BTreeMap<&'static str, Latency>,
    /// One row per fault that struck.
    pub recoveries: Vec<Recovery>,
    /// By region of the plan.
    pub regions: Vec<RegionFigures>,
    /// By second of the run, from the start of the warm-up.
    pub seconds: Vec<SecondLatency>,
    /// What was measured.
    pub window: Window,
    /// Why the measurement means nothing, if it does not: the load was not the plan's.
    pub invalid: Option<String>,
}

impl Metrics {
    /// Measures a run.
    pub fn of(run: &Run) -> Self {
        collect::collect(run)
    }

    /// The figure called `name`, if it has samples.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.values.get(name).copied()
    }
}

/// A figure, in the base unit of its metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Exact.
    Whole(u64),
    /// Finite.
    Real(f64),
    /// A time that did not come before the run ended: larger than any other.
    Never,
}

impl Value {
    /// For comparing with a threshold.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
            Self::Never => f64::INFINITY,
        }
    }
}

const NEVER: &str = "never";

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(number) => serializer.serialize_u64(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
            Self::Never => serializer.serialize_str(NEVER),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Whole(u64),
            Real(f64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Whole(number) => Ok(Self::Whole(number)),
            Written::Real(number) => Ok(Self::Real(number)),
            Written::Text(text) if text == NEVER => Ok(Self::Never),
            Written::Text(text) => {
                Err(de::Error::custom(format!("`{text}` is neither a number nor `{NEVER}`")))
            }
        }
    }
}

/// The time of measurement: after the warm-up, for the plan's duration or until the run was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl Window {
    /// Of a run; empty if it was interrupted in its warm-up.
    pub fn of(run: &Run) -> Self {
        let start = run.start + run.plan.warmup;
        let end = start + run.plan.duration;
        let end = if run.partial { end.min(run.end) } else { end };
        Self { start, end: end.max(start) }
    }

    /// Whether `at` is in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// How long.
    pub fn length(&self) -> Duration {
        self.end.since(self.start)
    }

    /// `count` a second; `None` for an empty window.
    pub fn rate(&self, count: u64) -> Option<f64> {
        let length = nanos(self.length());
        (length > 0).then(|| count as f64 * 1e9 / length as f64)
    }
}
