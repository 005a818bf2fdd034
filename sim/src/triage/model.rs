//! The model: a boosted ensemble of stumps over a summary of readings, in integers.
//!
//! A stump looks at one feature and adds one of two numbers. The sum, in millionths, clamped and divided by a thousand
//! is the score in thousandths. Integer addition has no order of rounding, so every machine computes the same.

use super::news2;
use super::vitals::{Consciousness, Patient, Summary};
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::{News2, SCORE_MILLI_MAX};

/// What a stump may look at. In tenths of the sign's unit, where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Feature {
    HeartRate,
    Respiration,
    Saturation,
    /// In hundredths of a degree.
    Temperature,
    Systolic,
    HeartRateChange,
    RespirationChange,
    SaturationChange,
    TemperatureChange,
    SystolicChange,
    /// 1 unless alert throughout.
    Confusion,
    /// Points.
    News2,
}

impl Feature {
    /// All, in the order of [`Features`].
    pub const ALL: [Self; 12] = [
        Self::HeartRate,
        Self::Respiration,
        Self::Saturation,
        Self::Temperature,
        Self::Systolic,
        Self::HeartRateChange,
        Self::RespirationChange,
        Self::SaturationChange,
        Self::TemperatureChange,
        Self::SystolicChange,
        Self::Confusion,
        Self::News2,
    ];
}

/// A value for each [`Feature`].
pub type Features = [i32; Feature::ALL.len()];

/// The features of a summary, and its NEWS2, which is one of them.
pub fn features(summary: &Summary, patient: &Patient) -> (Features, News2) {
    let news2 = news2::score(&summary.reading, patient.oxygen, patient.hypercapnic);
    let mut features = [0; Feature::ALL.len()];
    features[..5].copy_from_slice(&summary.means);
    features[5..10].copy_from_slice(&summary.changes);
    features[10] = i32::from(summary.reading.consciousness != Consciousness::Alert);
    features[11] = i32::from(news2.total);
    (features, news2)
}

/// One question and its two answers, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stump {
    /// Of what.
    pub feature: Feature,
    /// Added is `low` if it is at most this, else `high`.
    pub at_most: i32,
    /// See `at_most`.
    pub low: i32,
    /// See `at_most`.
    pub high: i32,
}

/// A model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ensemble {
    /// What is added to, in millionths.
    pub base: i32,
    /// From which score on a clinician is to look, thousandths.
    pub threshold_milli: u16,
    /// In the order of their training.
    pub stumps: Vec<Stump>,
}

impl Ensemble {
    /// The probability of deterioration as the model sees it, thousandths.
    pub fn score(&self, features: &Features) -> u16 {
        let sum: i64 = self.stumps.iter().map(|stump| i64::from(stump.of(features))).sum();
        let most = i64::from(SCORE_MILLI_MAX);
        ((i64::from(self.base) + sum) / 1_000).clamp(0, most) as u16
    }

    /// Its first stumps alone: what an earlier version of it was.
    pub fn prefix(&self, stumps: usize) -> Self {
        Self { stumps: self.stumps.iter().take(stumps).copied().collect(), ..self.clone() }
    }

    /// Identifies it: what is registered on the ledger.
    pub fn hash(&self) -> Digest {
        let mut bytes = Vec::with_capacity(16 + 16 * self.stumps.len());
        bytes.extend(self.base.to_le_bytes());
        bytes.extend(self.threshold_milli.to_le_bytes());
        bytes.extend((self.stumps.len() as u64).to_le_bytes());
        for stump in &self.stumps {
            bytes.push(stump.feature as u8);
            [stump.at_most, stump.low, stump.high].iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        }
        Digest::sha256(&[b"amanah triage ensemble v1", &bytes])
    }
}

impl Stump {
    /// What it adds.
    pub fn of(&self, features: &Features) -> i32 {
        if features[self.feature as usize] <= self.at_most { self.low } else { self.high }
    }
}
