//! Clinical trials: registration before enrolment, consent before enrolment, committed protocol and analysis plan, a hash chain of
//! captured data, results that cite what was locked.

use borsh::{BorshDeserialize, BorshSerialize};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TrialAction {
    /// Refused to everybody.
    Reserved,
}

/// What executing it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TrialOutcome {
    /// Nothing.
    Reserved,
}
