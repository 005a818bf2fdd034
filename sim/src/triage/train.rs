//! Where the model comes from: data made up from a fixed seed, and boosting in integers.
//!
//! Data: [`EXAMPLES`] batches of sixteen readings of as many [`Patient`]s, one in four of whom has
//! deteriorated or is about to; the label is the ground truth at the batch's end. Training: gradient boosting of squared
//! loss (Friedman, "Greedy function approximation: a gradient boosting machine", 2001, algorithm 2) with stumps, a
//! learning rate of one fifth, residuals in millionths; ties go to the first feature and the lowest cut. The threshold
//! is the lowest that lets at most [`FALSE_ALARMS_MILLI`] of the healthy training batches pass it.
//!
//! `cargo run --release -p sim --example train_triage` trains again and prints `weights.rs`; a test holds that it is what is checked in.

use super::model::{Ensemble, Feature, Features, Stump, features};
use super::vitals::{Batch, Course, Patient, SEVERITY_MAX, Summary};
use crate::seed::{Seed, Stream};
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::SCORE_MILLI_MAX;

/// Examples to train on, and as many more to test on.
pub const EXAMPLES: usize = 8_000;
/// Rounds of boosting.
pub const STUMPS: usize = 64;
/// Of a thousand healthy batches, how many may raise an alarm by the model.
pub const FALSE_ALARMS_MILLI: usize = 50;
const SEED: u64 = 2017;
const READINGS: u32 = 16;
/// Cuts tried for each feature.
const CUTS: usize = 48;
const RATE_DIVISOR: i64 = 5;
const ONE: i64 = 1_000_000;

/// A batch as the model sees it, and the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Example {
    /// What is seen.
    pub features: Features,
    /// NEWS2's points.
    pub news2: u8,
    /// Whether the patient has deteriorated.
    pub severe: bool,
}

/// The training examples or, from a stream of their own, the test's.
pub fn examples(name: &str) -> Vec<Example> {
    let mut stream = Seed::new(SEED).stream(&format!("triage/{name}"));
    (0..EXAMPLES).map(|_| example(&mut stream)).collect()
}

fn example(stream: &mut Stream) -> Example {
    let patient = Patient::draw(stream);
    let course = match stream.chance(1, 4) {
        true => {
            let to = stream.uniform(250, u64::from(SEVERITY_MAX)) as u32;
            Course { from: to.saturating_sub(stream.uniform(0, 300) as u32), to }
        }
        false => Course::default(),
    };
    let batch = Batch::read(&patient, course, READINGS, &[0; 32], stream);
    let (features, news2) = features(&Summary::of(&batch.readings), &patient);
    Example { features, news2: news2.total, severe: course.is_severe() }
}

/// Identifies examples: what is registered on the ledger beside the model.
pub fn data_hash(examples: &[Example]) -> Digest {
    let mut bytes = Vec::with_capacity(examples.len() * 50);
    for example in examples {
        example.features.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        bytes.extend([example.news2, u8::from(example.severe)]);
    }
    Digest::sha256(&[b"amanah triage examples v1", &bytes])
}

/// Boosts. Same examples, same model.
pub fn train(examples: &[Example]) -> Ensemble {
    let count = examples.len().max(1) as i64;
    let severe = examples.iter().filter(|example| example.severe).count() as i64;
    let base = severe * ONE / count;
    let mut residuals: Vec<i64> =
        examples.iter().map(|example| i64::from(example.severe) * ONE - base).collect();
    let cuts = Feature::ALL.map(|feature| cuts(examples, feature));
    let mut stumps = Vec::with_capacity(STUMPS);
    for _ in 0..STUMPS {
        let best = Feature::ALL
            .into_iter()
            .zip(&cuts)
            .filter_map(|(feature, cuts)| best_cut(examples, &residuals, feature, cuts));
        // The first of equals.
        let best = best.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((_, stump)) = best else { break };
        for (residual, example) in residuals.iter_mut().zip(examples) {
            *residual -= i64::from(stump.of(&example.features));
        }
        stumps.push(stump);
    }
    let mut ensemble = Ensemble { base: base as i32, threshold_milli: SCORE_MILLI_MAX, stumps };
    ensemble.threshold_milli = threshold(&ensemble, examples);
    ensemble
}

/// Values of a feature at equal steps of its order, without repetition.
fn cuts(examples: &[Example], feature: Feature) -> Vec<i32> {
    let mut values: Vec<i32> = examples.iter().map(|example| example.features[feature as usize]).collect();
    values.sort_unstable();
    let steps = (1..=CUTS).map(|step| step * values.len() / (CUTS + 1));
    let mut cuts: Vec<i32> = steps.filter_map(|at| values.get(at).copied()).collect();
    cuts.dedup();
    cuts
}

/// The cut that leaves the least squares, with what it takes off them.
fn best_cut(
    examples: &[Example],
    residuals: &[i64],
    feature: Feature,
    cuts: &[i32],
) -> Option<(i128, Stump)> {
    // By the first cut that is not below the value; the last place is above all.
    let mut sums = vec![(0_i64, 0_i64); cuts.len() + 1];
    for (example, residual) in examples.iter().zip(residuals) {
        let place = cuts.partition_point(|cut| *cut < example.features[feature as usize]);
        sums[place].0 += 1;
        sums[place].1 += residual;
    }
    let (count, total) = sums.iter().fold((0, 0), |all, row| (all.0 + row.0, all.1 + row.1));
    let (mut below, mut best) = ((0, 0), None);
    for (cut, row) in cuts.iter().zip(&sums) {
        below = (below.0 + row.0, below.1 + row.1);
        let above = (count - below.0, total - below.1);
        if below.0 == 0 || above.0 == 0 {
            continue;
        }
        let square = |(count, sum): (i64, i64)| i128::from(sum) * i128::from(sum) / i128::from(count);
        let gain = square(below) + square(above);
        let step = |(count, sum): (i64, i64)| (sum / count / RATE_DIVISOR) as i32;
        let stump = Stump { feature, at_most: *cut, low: step(below), high: step(above) };
        if best.is_none_or(|(most, _)| gain > most) {
            best = Some((gain, stump));
        }
    }
    best
}

fn threshold(ensemble: &Ensemble, examples: &[Example]) -> u16 {
    let healthy: Vec<u16> = examples
        .iter()
        .filter(|example| !example.severe)
        .map(|example| ensemble.score(&example.features))
        .collect();
    let passes = |threshold: u16| healthy.iter().filter(|score| **score >= threshold).count();
    let allowed = healthy.len() * FALSE_ALARMS_MILLI / 1_000;
    (1..=SCORE_MILLI_MAX).find(|threshold| passes(*threshold) <= allowed).unwrap_or(SCORE_MILLI_MAX)
}

/// Area under the receiver operating characteristic, in millionths: how often a deteriorated patient scores higher than a
/// healthy one, ties counting half.
pub fn auroc(scored: impl Iterator<Item = (u16, bool)>) -> u64 {
    let mut by_score = std::collections::BTreeMap::<u16, (u64, u64)>::new();
    for (score, severe) in scored {
        let row = by_score.entry(score).or_default();
        if severe { row.0 += 1 } else { row.1 += 1 }
    }
    let (mut doubled, mut lower, mut severe) = (0, 0, 0);
    for (positive, negative) in by_score.into_values() {
        doubled += positive * (2 * lower + negative);
        lower += negative;
        severe += positive;
    }
    doubled * ONE as u64 / (2 * severe * lower).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::{trained, training_data};
    use super::*;

    #[test]
    fn training_again_gives_what_is_checked_in() {
        let data = examples("training");
        let model = train(&data);
        assert_eq!(data_hash(&data), training_data());
        assert_eq!(model, trained());
        assert_eq!(model.hash(), super::super::weights::MODEL);
    }

    #[test]
    fn the_model_sees_more_than_news2_alone() {
        let (model, test) = (trained(), examples("test"));
        let by_model = auroc(test.iter().map(|one| (model.score(&one.features), one.severe)));
        let by_news2 = auroc(test.iter().map(|one| (u16::from(one.news2), one.severe)));
        assert!(by_model > by_news2 && by_news2 > 800_000, "{by_model} and {by_news2} millionths");
    }

    #[test]
    fn the_area_is_what_it_says() {
        let of = |scored: &[(u16, bool)]| auroc(scored.iter().copied());
        assert_eq!(of(&[(1, false), (2, true)]), 1_000_000);
        assert_eq!(of(&[(2, false), (1, true)]), 0);
        assert_eq!(of(&[(1, false), (1, true)]), 500_000);
        assert_eq!(of(&[(1, false), (3, false), (2, true), (4, true)]), 750_000);
    }
}
