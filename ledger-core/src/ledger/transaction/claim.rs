//! Insurance: eligibility and claims.

use borsh::{BorshDeserialize, BorshSerialize};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ClaimAction {
    /// Refused to everybody.
    Reserved,
}

/// What executing it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ClaimOutcome {
    /// Nothing.
    Reserved,
}
