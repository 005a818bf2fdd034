//! What the ledger keeps of trials, and the arithmetic of their data.

use crate::crypto::{Digest, Domain};
use crate::ledger::transaction::{ApprovalId, PartyId, SubjectId, TrialId, TrialPlan};
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// What an ethics board approved.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Approval {
    /// Who approved.
    pub board: PartyId,
    /// Who may register it.
    pub sponsor: PartyId,
    /// The trial to be amended; `None`: a new one.
    pub trial: Option<TrialId>,
    /// What was reviewed.
    pub plan: TrialPlan,
    /// Whether subjects must consent anew.
    pub reconsent: bool,
    /// When.
    pub at: Timestamp,
}

/// A registered trial.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Trial {
    /// Who answers for it.
    pub sponsor: PartyId,
    /// Commit time of its registration.
    pub registered_at: Timestamp,
    /// The least version to which consent is still good: the last one with re-consent.
    pub consent_from: u32,
    /// Once its data are final.
    pub lock: Option<DataLock>,
    /// When its sponsor learnt the arms.
    pub unblinded_at: Option<Timestamp>,
    /// What came of it.
    pub result: Option<TrialResult>,
}

/// The end of data capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DataLock {
    /// When.
    pub at: Timestamp,
    /// Over all chains.
    pub root: Digest,
}

/// A published result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TrialResult {
    /// When.
    pub at: Timestamp,
    /// The version whose analysis plan was followed.
    pub version: u32,
    /// The locked data that were analysed.
    pub root: Digest,
    /// Hash of the analysis code.
    pub code: Digest,
    /// Hash of the report.
    pub report: Digest,
}

/// A version of a trial.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TrialVersion {
    /// Whose.
    pub trial: TrialId,
    /// From 0, without gaps.
    pub number: u32,
    /// What the trial is bound to from then on.
    pub plan: TrialPlan,
    /// What it was approved by. No other version has the same.
    pub approval: ApprovalId,
    /// When.
    pub at: Timestamp,
}

/// A hospital that takes part in a trial.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Site {
    /// In which.
    pub trial: TrialId,
    /// Which hospital.
    pub organisation: PartyId,
    /// When it was activated last.
    pub activated_at: Timestamp,
    /// Closed since.
    pub closed_at: Option<Timestamp>,
}

/// Somebody who consented to take part.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Subject {
    /// In which trial.
    pub trial: TrialId,
    /// Who.
    pub patient: PartyId,
    /// When for the first time.
    pub consented_at: Timestamp,
    /// The version consented to last.
    pub version: u32,
    /// Once enrolled.
    pub enrolment: Option<Enrolment>,
    /// Commitment to the arm, once randomised. Never another.
    pub arm: Option<Digest>,
    /// When the subject's site learnt the arm by the emergency rule.
    pub unblinded_at: Option<Timestamp>,
    /// Left at.
    pub withdrawn_at: Option<Timestamp>,
}

/// Where and when somebody was enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Enrolment {
    /// Which hospital.
    pub site: PartyId,
    /// When.
    pub at: Timestamp,
}

/// The hash chain of what was captured of a subject. The default is of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DataChain {
    /// How many leaves.
    pub captures: u32,
    /// Zero at first, then `SHA-256(tag ‖ 0 ‖ head before ‖ leaf)`.
    pub head: Digest,
}

impl DataChain {
    /// With one leaf more. The caller keeps the count in its bound.
    pub fn with(self, leaf: &Digest) -> Self {
        let head = Digest::sha256(&[Domain::TrialData.tag(), &[0], &self.head.0, &leaf.0]);
        Self { captures: self.captures.saturating_add(1), head }
    }
}

/// Binds the chains of a trial: `SHA-256(tag ‖ 1 ‖ number ‖ (subject ‖ captures ‖ head)*)`, all who were enrolled in
/// order of their number, integers little-endian. Whoever has the leaves works it out anew.
pub fn data_root(chains: &[(SubjectId, DataChain)]) -> Digest {
    let mut bytes = Vec::with_capacity(chains.len() * 40);
    for (subject, chain) in chains {
        bytes.extend(subject.0.to_le_bytes());
        bytes.extend(chain.captures.to_le_bytes());
        bytes.extend(chain.head.0);
    }
    let number = (chains.len() as u64).to_le_bytes();
    Digest::sha256(&[Domain::TrialData.tag(), &[1], &number, &bytes])
}
