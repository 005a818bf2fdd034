//! How the ledger answers.

use super::{
    ACTIONS_MAX, AccessId, AlertId, AlertKind, ClaimOutcome, ConsentId, DelegationId, PartyId, RecordId,
    SupplyOutcome, TelemedicineOutcome, TrialOutcome,
};
use crate::codec::List;
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// How one action was answered, what of it concerns a patient's access counter, and the alert that it raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Answer {
    /// What it did.
    pub outcome: Outcome,
    /// Where access was decided.
    pub decision: Option<AccessDecision>,
    /// Where a refusal shows that a medicine may be falsified or diverted.
    pub alert: Option<Alert>,
}

/// A transaction's answers: one for each of its actions, in their order.
pub type Answers = List<Answer, ACTIONS_MAX>;

/// A decision about access to a patient's record, permitted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AccessDecision {
    /// Whose record.
    pub patient: PartyId,
    /// The how-manieth decision of this patient, from 1.
    pub counter: u64,
}

/// A refusal that somebody must look into. What is suspected of which pack is in the ledger's row of its id; that it
/// was raised is in the log, and so proven by the transaction's receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Alert {
    /// The ledger's how-manieth alert, from 0 and without gaps, so that a regulator sees an omission.
    pub id: AlertId,
    /// What is suspected.
    pub kind: AlertKind,
    /// Whose product is concerned; `None` where nobody's.
    pub manufacturer: Option<PartyId>,
    /// The how-manieth of this manufacturer (or of nobody's), from 1 and without gaps, so that a manufacturer sees one.
    pub counter: u64,
}

impl Answer {
    /// Refused without a decision on access.
    pub const fn refused(refusal: Refusal) -> Self {
        Self { outcome: Outcome::Refused(refusal), decision: None, alert: None }
    }

    /// Why not, if not.
    pub const fn refusal(&self) -> Option<Refusal> {
        match self.outcome {
            Outcome::Refused(refusal) => Some(refusal),
            Outcome::PartyRegistered(_)
            | Outcome::CredentialRevoked(_)
            | Outcome::RecordRegistered(_)
            | Outcome::ConsentRegistered(_)
            | Outcome::ConsentRevoked(_)
            | Outcome::Permitted { .. }
            | Outcome::Reviewed(_)
            | Outcome::DelegationRegistered(_)
            | Outcome::KeyRewrapped(_)
            | Outcome::KeyRotated { .. }
            | Outcome::KeyShredded(_)
            | Outcome::Trial(_)
            | Outcome::Supply(_)
            | Outcome::Telemedicine(_)
            | Outcome::Claim(_) => None,
        }
    }
}

impl From<Result<Outcome, Refusal>> for Answer {
    fn from(result: Result<Outcome, Refusal>) -> Self {
        Self { outcome: result.unwrap_or_else(Outcome::Refused), decision: None, alert: None }
    }
}

/// Why the ledger said no. Committed like every outcome.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    serde::Serialize,
)]
#[allow(missing_docs)]
pub enum Refusal {
    Malformed,
    BadSignature,
    UnknownActor,
    CredentialRevoked,
    TransactionExpired,
    StaleSequence,
    RoleNotAllowed,
    UnknownParty,
    UnknownRecord,
    UnknownConsent,
    UnknownAccess,
    DuplicateParty,
    DuplicateRecord,
    NotCustodian,
    MissingPatientWrap,
    NotConsentAuthority,
    EmptyScope,
    UnknownPurpose,
    ExpiryInPast,
    AlreadyRevoked,
    NoConsent,
    ConsentExpired,
    ConsentRevoked,
    PurposeMismatch,
    LabelNotCovered,
    DeniedByDirective,
    ReasonMissing,
    WindowTooLong,
    ReviewOverdue,
    TooManyConsents,
    AlreadyReviewed,
    DelegationCycle,
    DelegateScopeExceeded,
    DelegationExpired,
    MinorAgedOut,
    TooManyDelegations,
    WrapForRevokedGrantee,
    KeyShredded,
    TooManyWraps,
    // Trials.
    UnknownTrial,
    UnknownSubject,
    DuplicateTrial,
    AmendmentWithoutApproval,
    EnrolBeforeRegistration,
    EnrolBeforeConsent,
    ConsentVersionStale,
    SiteNotActive,
    SubjectWithdrawn,
    AlreadyEnrolled,
    BrokenChain,
    DataAfterLock,
    UnblindNotAuthorised,
    PlanChangedAfterUnblind,
    ResultPlanMismatch,
    CommitmentMismatch,
    TrialWithoutApproval,
    AlreadyRandomised,
    AlreadyPublished,
    TooManyAmendments,
    TooManySites,
    TooManySubjects,
    TooManyCaptures,
    // Drug supply.
    UnknownProduct,
    DuplicateProduct,
    UnknownLot,
    DuplicateSerial,
    NotGtinOwner,
    ChildNotHeld,
    /// It is inside a container, which is to be unpacked first.
    StillPacked,
    NestedTooDeep,
    TooManyLots,
    NotCurrentHolder,
    NoMatchingShipment,
    UnauthorisedPartner,
    UnknownSerial,
    AlreadyDispensed,
    NotDispensed,
    LotExpiryMismatch,
    PackExpired,
    PackRecalled,
    ReverseWindowClosed,
    // Telemedicine.
    UnknownSession,
    ClinicianNotLicensed,
    SessionClosed,
    UnknownDevice,
    DeviceNotAttested,
    AttestationExpired,
    FirmwareRevoked,
    TooManyDevices,
    BatchGap,
    BatchOverlap,
    ClockSkew,
    DuplicateModel,
    ModelNotRegistered,
    ModelRetired,
    InputRootUnknown,
    ScoreOutOfRange,
    UnknownTriage,
    ReviewMissing,
    UnknownPrescription,
    /// By another pharmacy, whose time for it has not run out.
    PrescriptionClaimed,
    PrescriptionNotClaimed,
    PrescriptionAlreadyDispensed,
    QuantityExceeded,
    PrescriptionExpired,
    PatientMismatch,
    // Claims.
    UnknownClaim,
    DuplicateClaim,
    ClaimWithoutEncounter,
    NotCovered,
    /// Another insurer's claim.
    NotClaimedInsurer,
    AmountExceeded,
    AlreadyAdjudicated,
    /// Another action of the same atomic bundle was refused.
    RolledBack,
}

/// What executing an action did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Outcome {
    /// A party exists.
    PartyRegistered(PartyId),
    /// A credential is revoked.
    CredentialRevoked(PartyId),
    /// A record exists.
    RecordRegistered(RecordId),
    /// A consent or directive is in force (from its `from` on).
    ConsentRegistered(ConsentId),
    /// A consent or directive is withdrawn.
    ConsentRevoked(ConsentId),
    /// Access is permitted until the time (exclusive), unless revoked before.
    Permitted {
        /// The decision.
        access: AccessId,
        /// Permit in force until.
        until: Timestamp,
        /// What may be read.
        record: RecordId,
        /// What the document must match.
        commitment: Digest,
        /// Who keeps it.
        custodian: PartyId,
    },
    /// A break-glass access is reviewed.
    Reviewed(AccessId),
    /// Nothing changed but the actor's sequence, the patient's access counter if access was decided, and the log.
    Refused(Refusal),
    /// Somebody may decide in a patient's stead.
    DelegationRegistered(DelegationId),
    /// A grantee has a wrap of the record's present key.
    KeyRewrapped(RecordId),
    /// A record has another key.
    KeyRotated {
        /// Which record.
        record: RecordId,
        /// The how-manieth rotation, from 1.
        epoch: u32,
    },
    /// A record's key is given up.
    KeyShredded(RecordId),
    /// In a clinical trial.
    Trial(TrialOutcome),
    /// In the supply of medicines.
    Supply(SupplyOutcome),
    /// In telemedicine.
    Telemedicine(TelemedicineOutcome),
    /// In insurance.
    Claim(ClaimOutcome),
}
