//! How far a metric may be from its baseline.

use crate::metrics::catalog;
use crate::scenario::units::SHARE;

/// `METRIC=SHARE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tolerance {
    /// A metric, what several begin with (`share.latency` is all its percentiles), or `all`.
    pub metric: String,
    /// Part of the baseline's figure by which it may differ.
    pub share: f64,
}

/// Stated tolerances; without any, everything must be equal, the digest too.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tolerances {
    rows: Vec<Tolerance>,
}

/// Every metric.
const ALL: &str = "all";

impl Tolerance {
    /// Reads `share.latency.p99=1%`.
    ///
    /// # Errors
    /// In words, what was found and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((metric, share)) = text.split_once('=') else {
            return Err("expected METRIC=SHARE, as in `share.latency.p99=1%`".to_owned());
        };
        let (metric, share) = (metric.trim(), share.trim());
        let covers = |name: &str| covers(metric, name);
        if !catalog::all().iter().any(|known| covers(&known.name)) {
            return Err(format!(
                "there is no metric `{metric}`; `amanah metrics` lists them, and `{ALL}` is every one"
            ));
        }
        let share = (SHARE.parse)(share).map_err(|found| format!("{found}; expected {}", SHARE.expected))?;
        Ok(Self { metric: metric.to_owned(), share: share as f64 / 1e9 })
    }
}

fn covers(stated: &str, name: &str) -> bool {
    let rest = name.strip_prefix(stated);
    stated == ALL || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Tolerances {
    /// As they are stated; of several for a metric the one that names most of it counts.
    pub fn new(rows: Vec<Tolerance>) -> Self {
        Self { rows }
    }

    /// Reads a file of lines `METRIC=SHARE`; empty lines and what follows `#` are ignored.
    ///
    /// # Errors
    /// Every line that is wrong, with its number.
    pub fn parse(text: &str) -> Result<Vec<Tolerance>, Vec<String>> {
        let (mut rows, mut wrong) = (Vec::new(), Vec::new());
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            match Tolerance::parse(line) {
                _ if line.is_empty() => {}
                Ok(row) => rows.push(row),
                Err(error) => wrong.push(format!("line {}: {error}", number + 1)),
            }
        }
        if wrong.is_empty() { Ok(rows) } else { Err(wrong) }
    }

    /// Whether everything must be equal.
    pub fn is_exact(&self) -> bool {
        self.rows.is_empty()
    }

    /// Of a metric.
    pub fn of(&self, metric: &str) -> f64 {
        let length = |row: &&Tolerance| if row.metric == ALL { 0 } else { row.metric.len() };
        let rows = self.rows.iter().filter(|row| covers(&row.metric, metric));
        rows.max_by_key(length).map_or(0.0, |row| row.share)
    }
}
