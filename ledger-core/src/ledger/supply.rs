//! The supply of medicines: serialised packs from manufacturer to patient.
//!
//! [`Packs`] is the state; what is derived in it from its tables is in neither root nor snapshot.

use super::snapshot::RestoreError;
use super::transaction::{Answer, Refusal, SupplyAction};
use super::{Actor, Ledger};
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// State of this family. Cloning costs a few pointers.
#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
pub struct Packs {}

impl Packs {
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
    pub(super) fn may_supply(_actor: &Actor, action: &SupplyAction) -> bool {
        match action {
            SupplyAction::Reserved => false,
        }
    }

    /// Does it.
    pub(super) fn act_supply(&mut self, _now: Timestamp, _actor: &Actor, action: &SupplyAction) -> Answer {
        match action {
            SupplyAction::Reserved => Answer::refused(Refusal::RoleNotAllowed),
        }
    }
}
