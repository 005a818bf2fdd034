//! `workloads: - drug_supply:` as it runs.

use serde::{Deserialize, Serialize};

/// Medicines from manufacturer to patient.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DrugSupplyPlan {}
