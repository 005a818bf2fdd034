//! `workloads: - telemedicine:` as it runs.

use serde::{Deserialize, Serialize};

/// Sessions, devices, decisions, prescriptions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TelemedicinePlan {}
