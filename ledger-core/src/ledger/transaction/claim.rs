//! Insurance: coverage, eligibility and claims.
//!
//! Amounts are in the smallest unit of the consortium's currency. Services are codes of coarse groups: what exactly was
//! done is in the encounter's record, off the ledger.

use super::{PartyId, RecordId, SessionId, identifier};
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

identifier!(
    /// What an insurer covers of a patient, in order of registration.
    CoverageId
);
identifier!(
    /// A claim, in order of submission.
    ClaimId
);

/// What a claim is for: where patient and provider met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Encounter {
    /// A closed session of telemedicine.
    Session(SessionId),
    /// A registered record of class [`Encounter`](super::RecordClass::Encounter).
    Record(RecordId),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ClaimAction {
    /// An insurer covers a patient. Asked again by the same insurer, it replaces what was registered before.
    RegisterCoverage {
        /// Whom.
        patient: PartyId,
        /// Commitment to the policy.
        policy: Digest,
        /// Encounters from and until (exclusive).
        period: (Timestamp, Timestamp),
    },
    /// A provider asks whether an insurer covers a patient now.
    CheckEligibility {
        /// Whom.
        patient: PartyId,
        /// Which insurer.
        insurer: PartyId,
    },
    /// A provider claims for a service.
    SubmitClaim {
        /// To whom it was rendered.
        patient: PartyId,
        /// Who is to pay.
        insurer: PartyId,
        /// Where.
        encounter: Encounter,
        /// Code of the group of services.
        service: u32,
        /// How much.
        amount: u64,
    },
    /// The insurer decides.
    Adjudicate {
        /// Which claim.
        claim: ClaimId,
        /// How much is paid: at most what was claimed; zero denies it.
        approved: u64,
        /// Commitment to the reason.
        reason: Digest,
    },
}

/// What executing it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ClaimOutcome {
    /// A patient is covered.
    CoverageRegistered(CoverageId),
    /// A patient is covered now, under this coverage.
    Eligible(CoverageId),
    /// A claim waits for the insurer.
    ClaimSubmitted(ClaimId),
    /// The insurer has decided.
    Adjudicated(ClaimId),
}
