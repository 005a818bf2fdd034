//! The bias-corrected and accelerated bootstrap of one sample, as scipy 1.16 words it.

use super::{Interval, Statistic, normal, sorted};
use crate::seed::Seed;

/// Up to so many samples every resample is counted: 24,310 of them, each as often as it would be drawn.
pub const EXACT_SAMPLES_MAX: usize = 9;
/// Resamples that are drawn of more.
const RESAMPLES: usize = 10_000;
/// The stream's root. That it is fixed makes an interval a function of its samples.
const SEED: u64 = 1;

/// Of `statistic`, at `level`; `None` of fewer than two samples, or of one that is not finite.
pub fn bca(samples: &[f64], statistic: Statistic, level: f64) -> Option<Interval> {
    if samples.len() < 2 || samples.iter().any(|sample| !sample.is_finite()) {
        return None;
    }
    let samples = sorted(samples);
    let distribution = Distribution::of(&samples, statistic);
    let found = statistic.of_sorted(&samples);
    let bias = normal::quantile(distribution.part_below(found));
    let acceleration = acceleration(&samples, statistic);
    let place = |tail: f64| {
        let shifted = bias + normal::quantile(tail);
        normal::below(bias + shifted / (1.0 - acceleration * shifted))
    };
    let tail = (1.0 - level) / 2.0;
    let [low, high] = [tail, 1.0 - tail].map(|tail| distribution.quantile(place(tail)));
    Some(Interval { low, high, level })
}

/// How much the statistic's spread changes with it, by leaving out one sample after the other.
fn acceleration(samples: &[f64], statistic: Statistic) -> f64 {
    let without = |left_out: usize| {
        let kept: Vec<f64> =
            samples.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, x)| *x).collect();
        statistic.of_sorted(&kept)
    };
    let values: Vec<f64> = (0..samples.len()).map(without).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in values {
        let away = mean - value;
        squares += away * away;
        cubes += away * away * away;
    }
    // Samples of which each could be left out with the same effect skew nothing.
    if squares > 0.0 { cubes / (6.0 * squares * libm::sqrt(squares)) } else { 0.0 }
}

/// Values of the statistic in ascending order, and how many resamples have each.
struct Distribution {
    values: Vec<(f64, u64)>,
    total: u64,
}

impl Distribution {
    fn of(samples: &[f64], statistic: Statistic) -> Self {
        let mut values = match samples.len() {
            ..=EXACT_SAMPLES_MAX => enumerated(samples, statistic),
            _ => drawn(samples, statistic),
        };
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = values.iter().map(|(_, weight)| weight).sum();
        Self { values, total }
    }

    /// The part below `value`, half of what equals it included; never all or nothing.
    fn part_below(&self, value: f64) -> f64 {
        let weigh = |of: &dyn Fn(f64) -> bool| -> u64 {
            self.values.iter().filter(|(found, _)| of(*found)).map(|(_, weight)| weight).sum()
        };
        let twice = weigh(&|found| found < value) + weigh(&|found| found <= value);
        let total = self.total as f64;
        (twice as f64 / 2.0 / total).clamp(0.5 / total, 1.0 - 0.5 / total)
    }

    /// Between the two nearest values where it falls between them.
    fn quantile(&self, part: f64) -> f64 {
        let place = (self.total - 1) as f64 * part.clamp(0.0, 1.0);
        let whole = libm::floor(place);
        let (low, high) = (self.at(whole as u64), self.at((whole as u64 + 1).min(self.total - 1)));
        low + (high - low) * (place - whole)
    }

    fn at(&self, index: u64) -> f64 {
        let mut seen = 0;
        let found = self.values.iter().find(|(_, weight)| {
            seen += weight;
            index < seen
        });
        found.or(self.values.last()).map_or(f64::NAN, |(value, _)| *value)
    }
}

fn drawn(samples: &[f64], statistic: Statistic) -> Vec<(f64, u64)> {
    let mut stream = Seed::new(SEED).stream("statistics/bootstrap");
    let mut resample = vec![0.0; samples.len()];
    let draw = |_| {
        resample.iter_mut().for_each(|value| *value = samples[stream.below(samples.len() as u64) as usize]);
        resample.sort_by(f64::total_cmp);
        (statistic.of_sorted(&resample), 1)
    };
    (0..RESAMPLES).map(draw).collect()
}

/// Every multiset of samples, with the number of sequences that it stands for.
fn enumerated(samples: &[f64], statistic: Statistic) -> Vec<(f64, u64)> {
    let factorials: Vec<u64> = (0..=samples.len() as u64)
        .scan(1, |product, number| {
            *product *= number.max(1);
            Some(*product)
        })
        .collect();
    let mut counts = vec![0; samples.len()];
    let mut found = Vec::new();
    fill(&mut counts, 0, samples.len(), &mut |counts| {
        let resample: Vec<f64> = samples
            .iter()
            .zip(counts)
            .flat_map(|(sample, count)| std::iter::repeat_n(*sample, *count))
            .collect();
        let sequences =
            counts.iter().fold(factorials[samples.len()], |left, count| left / factorials[*count]);
        found.push((statistic.of_sorted(&resample), sequences));
    });
    found
}

/// All ways to spread `left` over the counts from `from` on.
fn fill(counts: &mut [usize], from: usize, left: usize, each: &mut dyn FnMut(&[usize])) {
    if from + 1 == counts.len() {
        counts[from] = left;
        each(counts);
        return;
    }
    for count in 0..=left {
        counts[from] = count;
        fill(counts, from + 1, left - count, each);
    }
}
