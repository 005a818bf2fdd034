//! Made by `cargo run --release -p sim --example train_triage`; a test makes it again.

use super::model::{Feature, Stump};
use ledger_core::crypto::Digest;

/// Of the training data.
pub const TRAINING_DATA: Digest = Digest([
    0x44, 0x2b, 0xb1, 0xe1, 0x71, 0x87, 0x1c, 0xc2, 0x8a, 0x8f, 0x9a, 0x8e, 0xda, 0x14, 0x7e, 0xbe, 0xb1,
    0x81, 0x22, 0xdd, 0x7c, 0x9d, 0x0c, 0x0b, 0x46, 0x54, 0x71, 0x14, 0x5a, 0x01, 0x9f, 0xfa,
]);
/// Of the model.
#[cfg(test)]
pub const MODEL: Digest = Digest([
    0xab, 0x87, 0xc7, 0x8f, 0x7e, 0xf0, 0x56, 0x60, 0xbc, 0xf4, 0x03, 0xd4, 0xab, 0xa2, 0xec, 0xc5, 0xf2,
    0xc2, 0x33, 0x3c, 0xe3, 0xf3, 0x12, 0x1b, 0xf6, 0xc9, 0x81, 0x7f, 0xb4, 0xa2, 0x82, 0xce,
]);
pub const BASE: i32 = 165875;
pub const THRESHOLD_MILLI: u16 = 258;
pub const STUMPS: [Stump; 64] = [
    Stump { feature: Feature::News2, at_most: 3, low: -24628, high: 144202 },
    Stump { feature: Feature::News2, at_most: 3, low: -19702, high: 115362 },
    Stump { feature: Feature::News2, at_most: 2, low: -19208, high: 76357 },
    Stump { feature: Feature::News2, at_most: 3, low: -13154, high: 77018 },
    Stump { feature: Feature::HeartRateChange, at_most: 20, low: -13308, high: 50712 },
    Stump { feature: Feature::News2, at_most: 4, low: -8530, high: 65402 },
    Stump { feature: Feature::News2, at_most: 1, low: -12471, high: 30718 },
    Stump { feature: Feature::HeartRateChange, at_most: 30, low: -7644, high: 40624 },
    Stump { feature: Feature::News2, at_most: 5, low: -4773, high: 51546 },
    Stump { feature: Feature::Systolic, at_most: 1069, low: 41959, high: -4785 },
    Stump { feature: Feature::Respiration, at_most: 181, low: -7696, high: 19271 },
    Stump { feature: Feature::HeartRateChange, at_most: 43, low: -4123, high: 30093 },
    Stump { feature: Feature::Systolic, at_most: 1089, low: 26876, high: -3752 },
    Stump { feature: Feature::SaturationChange, at_most: -5, low: 26958, high: -3293 },
    Stump { feature: Feature::Saturation, at_most: 944, low: 22674, high: -3176 },
    Stump { feature: Feature::HeartRate, at_most: 981, low: -3495, high: 17979 },
    Stump { feature: Feature::Systolic, at_most: 1126, low: 16504, high: -3238 },
    Stump { feature: Feature::HeartRateChange, at_most: 13, low: -4105, high: 10042 },
    Stump { feature: Feature::Respiration, at_most: 231, low: -1512, high: 24449 },
    Stump { feature: Feature::Systolic, at_most: 1069, low: 16409, high: -1871 },
    Stump { feature: Feature::Saturation, at_most: 944, low: 14393, high: -2016 },
    Stump { feature: Feature::SaturationChange, at_most: -5, low: 13515, high: -1651 },
    Stump { feature: Feature::Systolic, at_most: 1139, low: 9374, high: -2135 },
    Stump { feature: Feature::HeartRate, at_most: 1021, low: -1486, high: 10671 },
    Stump { feature: Feature::Saturation, at_most: 944, low: 9851, high: -1380 },
    Stump { feature: Feature::Systolic, at_most: 1423, low: 759, high: -18007 },
    Stump { feature: Feature::TemperatureChange, at_most: -10, low: 19953, high: -643 },
    Stump { feature: Feature::Systolic, at_most: 1191, low: 4948, high: -2192 },
    Stump { feature: Feature::Respiration, at_most: 231, low: -802, high: 12975 },
    Stump { feature: Feature::SaturationChange, at_most: -5, low: 8589, high: -1050 },
    Stump { feature: Feature::Temperature, at_most: 3646, low: 14462, high: -616 },
    Stump { feature: Feature::Systolic, at_most: 1423, low: 592, high: -14045 },
    Stump { feature: Feature::Respiration, at_most: 173, low: -2137, high: 3711 },
    Stump { feature: Feature::Systolic, at_most: 963, low: 12576, high: -537 },
    Stump { feature: Feature::TemperatureChange, at_most: -10, low: 13784, high: -445 },
    Stump { feature: Feature::Systolic, at_most: 1283, low: 1827, high: -3179 },
    Stump { feature: Feature::Saturation, at_most: 944, low: 6245, high: -875 },
    Stump { feature: Feature::Systolic, at_most: 1455, low: 328, high: -15997 },
    Stump { feature: Feature::TemperatureChange, at_most: -7, low: 7984, high: -551 },
    Stump { feature: Feature::SaturationChange, at_most: -5, low: 5878, high: -718 },
    Stump { feature: Feature::Temperature, at_most: 3646, low: 9834, high: -419 },
    Stump { feature: Feature::Respiration, at_most: 263, low: -279, high: 13696 },
    Stump { feature: Feature::Systolic, at_most: 1423, low: 405, high: -9620 },
    Stump { feature: Feature::HeartRate, at_most: 834, low: -1730, high: 2127 },
    Stump { feature: Feature::Respiration, at_most: 206, low: 756, high: -4635 },
    Stump { feature: Feature::Respiration, at_most: 173, low: -1408, high: 2445 },
    Stump { feature: Feature::Systolic, at_most: 1348, low: 817, high: -4189 },
    Stump { feature: Feature::Respiration, at_most: 231, low: -432, high: 6996 },
    Stump { feature: Feature::Respiration, at_most: 206, low: 750, high: -4600 },
    Stump { feature: Feature::HeartRate, at_most: 668, low: -5778, high: 522 },
    Stump { feature: Feature::Temperature, at_most: 3653, low: 5547, high: -503 },
    Stump { feature: Feature::Saturation, at_most: 944, low: 4357, high: -610 },
    Stump { feature: Feature::Respiration, at_most: 206, low: 674, high: -4135 },
    Stump { feature: Feature::HeartRate, at_most: 1000, low: -693, high: 4175 },
    Stump { feature: Feature::RespirationChange, at_most: 8, low: -719, high: 3317 },
    Stump { feature: Feature::Respiration, at_most: 206, low: 656, high: -4022 },
    Stump { feature: Feature::Respiration, at_most: 231, low: -408, high: 6603 },
    Stump { feature: Feature::Respiration, at_most: 206, low: 606, high: -3718 },
    Stump { feature: Feature::Respiration, at_most: 173, low: -1208, high: 2098 },
    Stump { feature: Feature::Systolic, at_most: 1455, low: 215, high: -10496 },
    Stump { feature: Feature::HeartRate, at_most: 635, low: -7073, high: 309 },
    Stump { feature: Feature::Systolic, at_most: 1283, low: 1122, high: -1953 },
    Stump { feature: Feature::Respiration, at_most: 263, low: -209, high: 10285 },
    Stump { feature: Feature::Respiration, at_most: 206, low: 580, high: -3560 },
];
