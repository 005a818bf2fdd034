//! `workloads: - clinical_trial:` as it runs.

use serde::{Deserialize, Serialize};

/// Clinical trials and the sharing of their data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClinicalTrialPlan {}
