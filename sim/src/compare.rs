//! What is different between results: figures with their intervals of confidence, and what changed in the plan.
//!
//! A [`Side`] is one result or several: runs of other seeds, which are paired with those of the same seed on the other
//! side, and of other scenarios or loads, which make a [`Group`] each. The first side is what the others are compared
//! with. Figures of simulated runs are exact, so that one run each says what changed at that seed; how far it depends on
//! the seed takes several, and an interval at 95 % at least six.
//!
//! Invariants: pure functions of the results; nothing is called better or worse whose metric has no better direction,
//! whose effect is below the threshold, or whose interval does not exclude that nothing changed.

mod changes;
mod distribution;
mod groups;
mod judge;
mod side;

pub use changes::{Change, changes, plan_hash};
pub use distribution::{Distribution, distributions};
pub use groups::{Curve, Load, Point};
pub use judge::{Cell, Effect, Judgement, Row};
pub use side::Side;

use crate::statistics;
use groups::{Runs, group, partner};
use serde::Serialize;

/// Level of the intervals.
pub const LEVEL: f64 = 0.95;
/// Effects below this do not matter, unless somebody says otherwise.
pub const THRESHOLD: f64 = 0.01;

/// Everything that differs.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Level of the intervals.
    pub level: f64,
    /// Smallest effect that matters, as a part of the first side's figure.
    pub threshold: f64,
    /// Names of the sides, the one that is compared with first.
    pub sides: Vec<String>,
    /// Each side but the first against the first, scenario by scenario.
    pub groups: Vec<Group>,
    /// Scenarios that only one of two sides has: side, scenario.
    pub unmatched: Vec<(String, String)>,
    /// Latency by load, of scenarios of which a side has several loads.
    pub loads: Vec<Load>,
}

/// One scenario at one load, on the first side and another.
#[derive(Debug, Serialize)]
pub struct Group {
    /// The scenario's name.
    pub scenario: String,
    /// Name of the first side.
    pub before: String,
    /// Name of the other.
    pub after: String,
    /// Results on each side.
    pub runs: [usize; 2],
    /// Pairs of results with one seed.
    pub pairs: usize,
    /// Seeds of the pairs, without repetition.
    pub seeds: Vec<u64>,
    /// Whether one of them was run live: then a figure of one run is not exact.
    pub live: bool,
    /// Whether the digests of all pairs are equal: then the runs are, to the bit.
    pub identical: bool,
    /// What changed in the plan, the seed left out.
    pub plan: Vec<Change>,
    /// Every metric that one of them has, in the order of the catalog.
    pub rows: Vec<Row>,
    /// Checkers and expectations whose outcome changed.
    pub outcomes: Vec<Change>,
    /// Results that were cut off or measured nothing, and why: beside such a one no difference is judged.
    pub unsound: Vec<String>,
}

impl Group {
    /// Intervals at the level, each of which may exclude the truth by chance.
    pub fn intervals(&self) -> usize {
        self.rows.iter().filter(|row| row.cell.interval.is_some()).count()
    }
}

/// Compares every side with the first; `threshold` is the smallest effect that matters, such as 0.01.
pub fn compare(sides: &[Side], threshold: f64) -> Comparison {
    let grouped: Vec<Vec<Runs<'_>>> = sides.iter().map(|side| group(&side.runs)).collect();
    let (mut groups, mut unmatched) = (Vec::new(), Vec::new());
    for (side, others) in sides.iter().zip(&grouped).skip(1) {
        let (first, name) = (&sides[0].name, &side.name);
        let mut taken = Vec::new();
        for runs in &grouped[0] {
            match partner(runs, &grouped[0], others) {
                Some(index) => {
                    taken.push(index);
                    groups.push(judge::group([first, name], [runs, &others[index]], threshold));
                }
                None => unmatched.push((first.clone(), runs.label())),
            }
        }
        let left = others.iter().enumerate().filter(|(index, _)| !taken.contains(index));
        unmatched.extend(left.map(|(_, runs)| (name.clone(), runs.label())));
    }
    let loads = groups::loads(sides, &grouped);
    let sides = sides.iter().map(|side| side.name.clone()).collect();
    Comparison { level: LEVEL, threshold, sides, groups, unmatched, loads }
}

/// The fewest pairs for which there is an interval.
pub fn pairs_needed() -> usize {
    statistics::samples_needed(LEVEL)
}

#[cfg(test)]
mod tests;
