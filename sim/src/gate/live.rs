//! One program against another on one machine, live: a pure function of pairs of runs.
//!
//! Pairs are run interleaved, ABBA, because what a machine does changes slowly and hits neighbours alike (side by side,
//! differences are several times more accurate than apart, arXiv 2001.05811). The median of the pairs' log-ratios has an
//! interval at 99 % (BCa, widened to the exact one, see [`crate::statistics`]). A regression is one whose whole interval
//! is past the limit; one that straddles the limit is inconclusive, and warns. Pairs of one program with itself come
//! first: where their interval reaches past the limit, the machine cannot tell, and nothing is gated.
//!
//! Stopping when decided looks at the data several times. With at most [`LOOKS_MAX`] looks at 99 % each, a change of
//! exactly the limit is called a regression in at most 5 % of all gates, and noise around no change far more seldom.
//!
//! A figure that the old program has and the new one lacks has no ratio and is the worst of all: it is a regression
//! unless the old program lacks it as often beside itself.

use crate::metrics::catalog::{self, Better};
use crate::statistics::{Interval, log_ratios, median, of_median, samples_needed};
use serde::Serialize;

/// Figures of a pair of runs: of the old program, and of the new one, if it has any.
pub type Pair = (f64, Option<f64>);

/// Level of the intervals.
pub const LEVEL: f64 = 0.99;
/// Pairs after which nothing is decided any more.
pub const PAIRS_MAX: usize = 30;
/// Pairs before which nothing is.
pub const PAIRS_MIN: usize = 10;
/// Pairs between two looks.
pub const PAIRS_STEP: usize = 5;
/// Looks at most, whatever the fewest and most pairs are.
pub const LOOKS_MAX: usize = 5;

/// What is judged, and the greatest change for the worse that passes: 5 % of throughput and medians, 10 % of tails.
pub const LIMITS: &[(&str, f64)] = &[
    ("transactions.committed.rate", 0.05),
    ("transactions.latency.p50", 0.05),
    ("transactions.latency.p99", 0.10),
    ("share.latency.p50", 0.05),
    ("share.latency.p99", 0.10),
];

/// What pairs say of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The whole interval is past the limit.
    Regressed,
    /// The whole interval is short of it.
    Clean,
    /// The interval straddles the limit.
    Inconclusive,
    /// The machine's noise reaches past the limit.
    TooNoisy,
    /// So few pairs have no interval.
    TooFew,
}

/// A metric and what was decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Its name.
    pub metric: String,
    /// Greatest change for the worse that passes, as a share.
    pub limit: f64,
    /// Pairs that have a ratio.
    pub pairs: usize,
    /// Median change, new over old; `None` without pairs.
    pub factor: Option<f64>,
    /// Pairs in which the old program has samples and the new one none.
    pub lost: usize,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Interval of one program against itself.
    pub noise: Option<Interval>,
    /// What follows.
    pub decision: Decision,
}

/// Judges a metric: `same` are pairs of one program, `pairs` are old and new.
pub fn judge(metric: &str, limit: f64, same: &[Pair], pairs: &[Pair]) -> Judged {
    let higher = catalog::lookup(metric).is_some_and(|metric| metric.better == Better::Higher);
    let (ratios, noises) = (log_ratios(&whole(pairs)), log_ratios(&whole(same)));
    let (interval, noise) = (of_median(&ratios, LEVEL), of_median(&noises, LEVEL));
    let (lost, lost_beside_itself) = (lost(pairs), lost(same));
    // As shares, of so many pairs each.
    let is_lost = lost * same.len().max(1) > lost_beside_itself * pairs.len().max(1);
    let bound = libm::log(1.0 + limit);
    // Turned so that more is worse.
    let worse = |interval: &Interval| match higher {
        true => (-interval.high, -interval.low),
        false => (interval.low, interval.high),
    };
    let decision = match (&interval, &noise) {
        _ if is_lost => Decision::Regressed,
        (_, Some(noise)) if noise.low < -bound || noise.high > bound => Decision::TooNoisy,
        (None, _) | (_, None) => Decision::TooFew,
        (Some(interval), Some(_)) => match worse(interval) {
            (low, _) if low > bound => Decision::Regressed,
            (_, high) if high < bound => Decision::Clean,
            _ => Decision::Inconclusive,
        },
    };
    Judged {
        metric: metric.to_owned(),
        limit,
        pairs: ratios.len(),
        factor: median(&ratios).map(libm::exp),
        lost,
        interval: interval.map(|interval| interval.factors()),
        noise: noise.map(|noise| noise.factors()),
        decision,
    }
}

/// Those in which both have figures.
fn whole(pairs: &[Pair]) -> Vec<(f64, f64)> {
    pairs.iter().filter_map(|(old, new)| Some((*old, (*new)?))).collect()
}

/// Those in which the old program has what a ratio takes and the new one has not: no samples, none a second, or a time that
/// never came.
fn lost(pairs: &[Pair]) -> usize {
    let has = |value: f64| value > 0.0 && value.is_finite();
    pairs.iter().filter(|(old, new)| has(*old) && !new.is_some_and(has)).count()
}

/// Whether so many pairs are a time to look: every [`PAIRS_STEP`] from the fewest on, and at the most.
pub fn is_look(pairs: usize, (least, most): (usize, usize)) -> bool {
    let is_step = pairs >= least && (pairs - least).is_multiple_of(PAIRS_STEP);
    pairs == most || (is_step && pairs + PAIRS_STEP <= most)
}

/// Whether further pairs are of no use: something regressed, or nothing is open.
pub fn is_decided(judged: &[Judged]) -> bool {
    let open = |one: &Judged| matches!(one.decision, Decision::Inconclusive | Decision::TooFew);
    judged.iter().any(|one| one.decision == Decision::Regressed) || !judged.iter().any(open)
}

/// The fewest pairs of which anything can be said.
pub fn pairs_needed() -> usize {
    samples_needed(LEVEL)
}

/// Of the pair with this number, whether the old program runs first: old new, new old, old new, …
pub fn old_first(pair: usize) -> bool {
    pair.is_multiple_of(2)
}
