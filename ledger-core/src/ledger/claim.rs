//! Insurance: eligibility and claims.
//!
//! [`Claims`] is the state; what is derived in it from its tables is in neither root nor snapshot.

use super::snapshot::RestoreError;
use super::transaction::{Answer, ClaimAction, Refusal};
use super::{Actor, Ledger};
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// State of this family. Cloning costs a few pointers.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Claims {}

impl Claims {
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
    pub(super) fn may_claim(_actor: &Actor, action: &ClaimAction) -> bool {
        match action {
            ClaimAction::Reserved => false,
        }
    }

    /// Does it.
    pub(super) fn act_claim(&mut self, _now: Timestamp, _actor: &Actor, action: &ClaimAction) -> Answer {
        match action {
            ClaimAction::Reserved => Answer::refused(Refusal::RoleNotAllowed),
        }
    }
}
