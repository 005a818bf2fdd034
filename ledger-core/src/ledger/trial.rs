//! Clinical trials: registration before enrolment, consent before enrolment, committed protocol and analysis plan, a hash chain of
//! captured data, results that cite what was locked.
//!
//! [`Trials`] is the state; what is derived in it from its tables is in neither root nor snapshot.

use super::snapshot::RestoreError;
use super::transaction::{Answer, Refusal, TrialAction};
use super::{Actor, Ledger};
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// State of this family. Cloning costs a few pointers.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Trials {}

impl Trials {
    /// Binds every table.
    pub(super) fn root(&self) -> Digest {
        Digest::default()
    }

    /// What no clone shares: see [`Ledger::memory_bytes`].
    pub(super) fn memory_bytes(&self) -> usize {
        0
    }

    /// All rows: see [`Ledger::rows_bytes`].
    pub(super) fn rows_bytes(&self) -> usize {
        0
    }

    /// Whether what a peer sent could be a state, where there are so many parties.
    pub(super) fn check(&self, _parties: usize) -> Result<(), RestoreError> {
        Ok(())
    }
}

impl Ledger {
    /// Whether the roles may do this at all.
    pub(super) fn may_trial(_actor: &Actor, action: &TrialAction) -> bool {
        match action {
            TrialAction::Reserved => false,
        }
    }

    /// Does it.
    pub(super) fn act_trial(&mut self, _now: Timestamp, _actor: &Actor, action: &TrialAction) -> Answer {
        match action {
            TrialAction::Reserved => Answer::refused(Refusal::RoleNotAllowed),
        }
    }
}
