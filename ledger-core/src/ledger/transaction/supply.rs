//! The supply of medicines: serialised packs from manufacturer to patient.

use borsh::{BorshDeserialize, BorshSerialize};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SupplyAction {
    /// Refused to everybody.
    Reserved,
}

/// What executing it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SupplyOutcome {
    /// Nothing.
    Reserved,
}
