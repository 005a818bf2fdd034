//! `workloads: - claims:` as it runs.

use serde::{Deserialize, Serialize};

/// Eligibility and claims.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClaimsPlan {}
