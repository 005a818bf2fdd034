//! `workloads: - drug_supply:` as it runs.

use super::duration_text;
use ledger_core::time::Duration;
use serde::{Deserialize, Serialize};

/// Medicines from manufacturer to patient. Shares are in parts per billion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DrugSupplyPlan {
    /// Packs in a case.
    pub packs_per_case: u64,
    /// Cases on a pallet, which is what a manufacturer makes at once.
    pub cases_per_pallet: u64,
    /// Cases that a wholesaler sells to another; of these the same share once more.
    pub resold_ppb: u64,
    /// Packs that a pharmacy verifies before it dispenses them.
    pub verified_ppb: u64,
    /// Cases that a pharmacy returns unopened.
    pub returned_ppb: u64,
    /// Dispensings that are reversed.
    pub reversed_ppb: u64,
    /// Lots that are recalled.
    pub recalled_ppb: u64,
    /// Lots that expire within the run.
    pub expiring_ppb: u64,
    /// Cases and packs of a recalled or expired lot that somebody tries to use nevertheless.
    pub careless_ppb: u64,
    /// Operations that are about a pack that nobody commissioned.
    pub counterfeit_ppb: u64,
    /// Operations that are about a copy of a pack.
    pub clone_ppb: u64,
    /// Operations that are about a pack with another lot or expiry on it than its own.
    pub mislabelled_ppb: u64,
    /// Operations by somebody who does not hold what it handles, or with somebody who may not have it.
    pub diversion_ppb: u64,
    /// Somebody does all this at one place for a while.
    pub ring: Option<RingPlan>,
}

/// A ring that floods the pharmacies of a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RingPlan {
    /// Index into `network.regions`.
    pub region: usize,
    /// From the start of the measurement.
    #[serde(with = "duration_text")]
    pub at: Duration,
    /// For how long.
    #[serde(with = "duration_text")]
    pub lasts: Duration,
    /// Of all operations meanwhile.
    pub share_ppb: u64,
}
