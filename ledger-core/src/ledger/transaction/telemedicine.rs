//! Telemedicine: attested devices, anchored vitals, decisions with the provenance of their model, prescriptions.

use borsh::{BorshDeserialize, BorshSerialize};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TelemedicineAction {
    /// Refused to everybody.
    Reserved,
}

/// What executing it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TelemedicineOutcome {
    /// Nothing.
    Reserved,
}
