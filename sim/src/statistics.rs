//! What a few repetitions say of a figure: the median of paired log-ratios, and how far it can be trusted.
//!
//! Invariants: pure functions, no clock, and every random draw comes from a named stream, so that the same samples have
//! the same interval on every machine. Nothing is claimed that so few samples cannot carry: where even the whole range
//! of the samples would cover the median less often than asked ([`attainable`]), there is no interval of that level.
//!
//! The interval is the bias-corrected and accelerated bootstrap (Efron, "Better bootstrap confidence intervals", JASA
//! 1987), of the median widened to the exact interval between two samples. Up to [`EXACT_SAMPLES_MAX`] samples the
//! bootstrap distribution is enumerated, not drawn.

mod bootstrap;
mod normal;

pub use bootstrap::{EXACT_SAMPLES_MAX, bca};

use serde::{Deserialize, Serialize};

/// An interval of confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// How often such an interval covers the truth, 0 to 1.
    pub level: f64,
}

impl Interval {
    /// Whether a value is inside.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The bounds as factors, of an interval of log-ratios.
    #[must_use]
    pub fn factors(&self) -> Self {
        Self { low: libm::exp(self.low), high: libm::exp(self.high), level: self.level }
    }
}

/// What is worked out of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// Their mean.
    Mean,
}

impl Statistic {
    /// Of samples in ascending order, at least one.
    fn of_sorted(self, samples: &[f64]) -> f64 {
        let middle = samples.len() / 2;
        match self {
            Self::Median if samples.len().is_multiple_of(2) => (samples[middle - 1] + samples[middle]) / 2.0,
            Self::Median => samples[middle],
            Self::Mean => samples.iter().sum::<f64>() / samples.len() as f64,
        }
    }

    /// Of samples in any order; `None` if there are none.
    pub fn of(self, samples: &[f64]) -> Option<f64> {
        (!samples.is_empty()).then(|| self.of_sorted(&sorted(samples)))
    }
}

/// The median; `None` of nothing.
pub fn median(samples: &[f64]) -> Option<f64> {
    Statistic::Median.of(samples)
}

/// ln(after / before) of each pair in which both are positive and finite: others have no ratio.
pub fn log_ratios(pairs: &[(f64, f64)]) -> Vec<f64> {
    let has_ratio = |value: f64| value > 0.0 && value.is_finite();
    pairs
        .iter()
        .filter(|(before, after)| has_ratio(*before) && has_ratio(*after))
        .map(|(before, after)| libm::log(after / before))
        .collect()
}

/// How often the range of so many independent samples covers the median of what they are drawn from: that it does not
/// takes all of them on one side. No interval between samples has a higher level.
pub fn attainable(samples: usize) -> f64 {
    match samples {
        0 => 0.0,
        _ => 1.0 - libm::exp2(1.0 - samples as f64),
    }
}

/// The fewest samples whose range covers the median as often as `level`, which is below 1.
pub fn samples_needed(level: f64) -> usize {
    (1..=1_000).find(|samples| attainable(*samples) >= level).unwrap_or(1_000)
}

/// The interval of the median at `level`, if so many samples can have one: the bootstrap's, widened to the exact one
/// between two samples ([`ranks`]). The bootstrap alone promises too much: of 200 samples of 15 skewed values its 99 %
/// missed the median 11 times, because how a median changes when one value is left out says little of its spread.
pub fn of_median(samples: &[f64], level: f64) -> Option<Interval> {
    let rank = ranks(samples.len(), level)?;
    let bootstrap = bca(samples, Statistic::Median, level)?;
    let sorted = sorted(samples);
    let (low, high) = (sorted[rank - 1], sorted[sorted.len() - rank]);
    Some(Interval { low: low.min(bootstrap.low), high: high.max(bootstrap.high), level })
}

/// The greatest rank such that the samples of this rank from below and from above have the median between them as often as
/// `level`, whatever they are drawn from: outside it, so many of them or more fall on one side, as of so many coins.
pub fn ranks(samples: usize, level: f64) -> Option<usize> {
    let (mut sequences, mut tail, mut rank) = (libm::exp2(1.0 - samples as f64), 0.0, None);
    for heads in 0..samples.div_ceil(2) {
        tail += sequences;
        if tail > 1.0 - level {
            break;
        }
        rank = Some(heads + 1);
        sequences *= (samples - heads) as f64 / (heads + 1) as f64;
    }
    rank
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests;
