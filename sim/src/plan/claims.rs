//! `workloads: - claims:` as it runs.

use serde::{Deserialize, Serialize};

/// Eligibility and claims. Shares are of encounters, in millionths; an encounter sees at most one kind of wrong-doing, so
/// their sum is at most one million.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsPlan {
    /// Claimed again.
    pub duplicate: u32,
    /// Claimed for an encounter that there was not.
    pub no_encounter: u32,
    /// Claimed from an insurer who does not cover the patient.
    pub not_covered: u32,
    /// Decided again, or by another insurer.
    pub double_adjudication: u32,
}

impl ClaimsPlan {
    /// In the order of the fields.
    pub const fn shares(&self) -> [u32; 4] {
        [self.duplicate, self.no_encounter, self.not_covered, self.double_adjudication]
    }
}
