//! `workloads: - clinical_trial:` as it runs.

use ledger_core::time::Duration;
use serde::{Deserialize, Serialize};

/// Clinical trials and the sharing of their data. Shares are in parts per million.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClinicalTrialPlan {
    /// Hospitals that take part in a trial.
    pub sites: u64,
    /// Patients enrolled in a trial.
    pub subjects: u64,
    /// Captures of each subject's data.
    pub visits: u64,
    /// Between a subject's visits, in the mean; from half as long to half as long again.
    #[serde(with = "super::duration_text")]
    pub visit_interval: Duration,
    /// Trials amended half-way, with re-consent.
    pub amended_ppm: u32,
    /// Subjects who withdraw.
    pub withdrawn_ppm: u32,
    /// Subjects whose arm their site must know in an emergency.
    pub emergency_ppm: u32,
    /// Subjects who let a research institute read their data.
    pub shared_ppm: u32,
    /// What is done wrong on purpose.
    pub wrong: TrialWrongs,
}

/// How often each wrong is done, in parts per million of its opportunities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialWrongs {
    /// Of trials: another analysis plan than the one registered.
    pub plan_change_ppm: u32,
    /// Of enrolments: one before it, without registration or consent.
    pub early_enrolment_ppm: u32,
    /// Of trials: an enrolment after sites were closed or data locked.
    pub late_enrolment_ppm: u32,
    /// Of re-consents: a capture before it.
    pub stale_consent_ppm: u32,
    /// Of captures: one before it that continues a rewritten chain.
    pub tampering_ppm: u32,
    /// Of trials: a capture after the lock.
    pub late_data_ppm: u32,
    /// Of withdrawals: a capture after it.
    pub withdrawn_data_ppm: u32,
    /// Of trials: arms asked for before the lock, or by another site.
    pub unblinding_ppm: u32,
    /// Of trials: a result that rests on other data than those locked.
    pub result_mismatch_ppm: u32,
    /// Of subjects' data that are shared: a research institute that asks before they are.
    pub unconsented_research_ppm: u32,
}

impl Default for ClinicalTrialPlan {
    /// A small trial, done right.
    fn default() -> Self {
        Self {
            sites: 3,
            subjects: 12,
            visits: 4,
            visit_interval: Duration::from_secs(1),
            amended_ppm: 500_000,
            withdrawn_ppm: 50_000,
            emergency_ppm: 20_000,
            shared_ppm: 250_000,
            wrong: TrialWrongs::default(),
        }
    }
}
