//! `workloads: - telemedicine:` as it runs.

use super::duration_text;
use ledger_core::time::Duration;
use serde::{Deserialize, Serialize};

/// Sessions, devices, decisions, prescriptions. Shares are in millionths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TelemedicinePlan {
    /// Time that a batch of readings covers.
    #[serde(with = "duration_text")]
    pub batch: Duration,
    /// Batches of a monitored session in the mean, at least 1.
    pub batches: u64,
    /// Readings a second of the fastest devices, 1 to 250.
    pub sampling_hz_max: u64,
    /// Of monitored patients, how many deteriorate.
    pub deteriorating: u32,
    /// Wrong-doing.
    pub wrong: TelemedicineWrong,
}

/// How many sessions see each kind of wrong-doing, millionths. A session sees at most one, so the sum is at most one
/// million; what needs a device, an alarm or a prescription happens where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TelemedicineWrong {
    /// Vitals of a device that is not attested, under another key, after its attestation, with revoked firmware.
    pub spoofed_device: u32,
    /// Readings left out.
    pub vitals_gap: u32,
    /// Readings anchored twice.
    pub vitals_overlap: u32,
    /// A device's clock is off.
    pub clock_skew: u32,
    /// A decision by a model that is not registered, or retired.
    pub unregistered_model: u32,
    /// A decision from readings that were not anchored.
    pub unanchored_input: u32,
    /// A prescription on an alarm that no clinician has looked at.
    pub missing_review: u32,
    /// A prescription for somebody else, or handed to somebody else.
    pub wrong_patient: u32,
    /// Dispensed again, beyond what is left, or by a pharmacy that has not claimed it.
    pub double_dispensing: u32,
    /// A session in the name of somebody who is no clinician.
    pub unlicensed_clinician: u32,
}

impl TelemedicineWrong {
    /// In the order of the fields.
    pub const fn shares(&self) -> [u32; 10] {
        [
            self.spoofed_device,
            self.vitals_gap,
            self.vitals_overlap,
            self.clock_skew,
            self.unregistered_model,
            self.unanchored_input,
            self.missing_review,
            self.wrong_patient,
            self.double_dispensing,
            self.unlicensed_clinician,
        ]
    }
}
