//! Clinical trials: registration before enrolment, consent before enrolment, committed protocol and analysis plan, a
//! hash chain of captured data, results that cite what was locked.
//!
//! All commitments are salted and made off the ledger: to a protocol, an analysis plan, an arm, what was captured.

use super::{ApprovalId, PartyId, SubjectId, TrialId};
use crate::crypto::Digest;
use borsh::{BorshDeserialize, BorshSerialize};

/// What a trial is bound to before it has data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TrialPlan {
    /// Commitment to the protocol. It names the trial to its sites, registered or not.
    pub protocol: Digest,
    /// Commitment to the statistical analysis plan.
    pub analysis: Digest,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TrialAction {
    /// An ethics board approves a new trial, or an amendment. What registration cites.
    ApproveTrial {
        /// Who may register it.
        sponsor: PartyId,
        /// The trial to be amended; `None`: a new one.
        trial: Option<TrialId>,
        /// What was reviewed.
        plan: TrialPlan,
        /// Whether subjects must consent anew before anything more is captured of them.
        reconsent: bool,
    },
    /// A sponsor registers a trial. Its version is 0.
    RegisterTrial {
        /// As approved.
        plan: TrialPlan,
        /// By what.
        approval: ApprovalId,
    },
    /// The sponsor registers the trial's next version.
    AmendTrial {
        /// Which trial.
        trial: TrialId,
        /// As approved.
        plan: TrialPlan,
        /// By what.
        approval: ApprovalId,
    },
    /// The sponsor lets a hospital enrol and capture; again after it was closed.
    ActivateSite {
        /// For which trial.
        trial: TrialId,
        /// Which hospital.
        site: PartyId,
    },
    /// The sponsor stops a site.
    CloseSite {
        /// For which trial.
        trial: TrialId,
        /// Which hospital.
        site: PartyId,
    },
    /// A patient (or who holds authority) consents to a version of a trial, for the first time or anew.
    SubjectConsent {
        /// Which trial.
        trial: TrialId,
        /// Who takes part.
        patient: PartyId,
        /// Must be the present one.
        version: u32,
    },
    /// A site enrols a patient.
    Enrol {
        /// Commitment to the protocol that the site works by. It, rather than a number, so that an enrolment before
        /// registration is a committed refusal.
        protocol: Digest,
        /// Whom.
        patient: PartyId,
    },
    /// The sponsor or the subject's site allocates an arm.
    Randomise {
        /// Whom.
        subject: SubjectId,
        /// Commitment to the arm: nobody reads it before unblinding.
        arm: Digest,
    },
    /// A subject (or who holds authority) leaves the trial for good. What was captured before stays.
    Withdraw {
        /// Who.
        subject: SubjectId,
    },
    /// The subject's site adds to the chain of the subject's data.
    CaptureData {
        /// Of whom.
        subject: SubjectId,
        /// The chain's head before.
        previous: Digest,
        /// Commitment to what was captured.
        leaf: Digest,
    },
    /// The sponsor ends data capture for good.
    LockData {
        /// Which trial.
        trial: TrialId,
        /// [`data_root`](crate::ledger::data_root) over the chains of all who were enrolled.
        root: Digest,
    },
    /// The sponsor learns who was in which arm.
    Unblind {
        /// Which trial.
        trial: TrialId,
    },
    /// The emergency rule: a subject's site learns that subject's arm.
    UnblindSubject {
        /// Whose.
        subject: SubjectId,
        /// Commitment to the reason. Zero is refused (`ReasonMissing`).
        reason: Digest,
    },
    /// The sponsor publishes what the analysis found.
    PublishResult {
        /// Which trial.
        trial: TrialId,
        /// The version whose analysis plan was followed.
        version: u32,
        /// Commitment to the analysis plan that was followed.
        analysis: Digest,
        /// The locked data that were analysed.
        root: Digest,
        /// Hash of the analysis code.
        code: Digest,
        /// Hash of the report.
        report: Digest,
    },
}

/// What executing it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TrialOutcome {
    /// A trial or amendment may be registered.
    Approved(ApprovalId),
    /// A trial exists.
    Registered(TrialId),
    /// A trial has a new version.
    Amended {
        /// Which trial.
        trial: TrialId,
        /// From 1.
        version: u32,
    },
    /// A site may enrol and capture.
    SiteActivated(TrialId),
    /// A site may not any more.
    SiteClosed(TrialId),
    /// A patient consents to the present version.
    Consented(SubjectId),
    /// A subject takes part.
    Enrolled(SubjectId),
    /// A subject has an arm.
    Randomised(SubjectId),
    /// A subject has left.
    Withdrawn(SubjectId),
    /// A chain has a new head. With the leaves before, this proves what was captured.
    Captured {
        /// Of whom.
        subject: SubjectId,
        /// How many were captured of this subject.
        captures: u32,
        /// The new head.
        head: Digest,
    },
    /// A trial's data are final.
    Locked {
        /// Which trial.
        trial: TrialId,
        /// Over all chains.
        root: Digest,
    },
    /// A trial's arms are known to its sponsor.
    Unblinded(TrialId),
    /// A subject's arm is known to its site.
    SubjectUnblinded(SubjectId),
    /// A trial has its result.
    Published {
        /// Which trial.
        trial: TrialId,
        /// The data that it rests on.
        root: Digest,
    },
}
