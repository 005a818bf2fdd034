//! What institutions and people ask of the ledger, and how it answers.
//!
//! A transaction is a *bundle* of one to [`ACTIONS_MAX`] actions. One actor, the organisation the actor acts for, one
//! range of the actor's sequence, one valid-until and one signature cover it. Every action has an [`Answer`] of its
//! own, which is committed to the audit log: a refusal is an outcome, not an error. The actions of a bundle that is
//! `atomic` are all done or none. Time is commit time.
//!
//! Bounds: [`ACTIONS_MAX`] and [`TRANSACTION_BYTES_MAX`]; what goes beyond either does not decode.

mod answer;
mod claim;
mod supply;
mod telemedicine;
mod trial;

pub use answer::{AccessDecision, Alert, Answer, Answers, Outcome, Refusal};
pub use claim::{ClaimAction, ClaimId, ClaimOutcome, CoverageId, Encounter};
pub use supply::{
    AlertKind, Code, Gtin, SERIALS_MAX, Scan, Sscc, SupplyAction, SupplyOutcome, UNITS_MAX, Unit,
};
pub use telemedicine::{
    Advice, BatchId, Decision, ModelId, NEWS2_EMERGENCY, NEWS2_MAX, NEWS2_URGENT, News2, PrescriptionId,
    SCORE_MILLI_MAX, SessionId, TelemedicineAction, TelemedicineOutcome, TriageId, Vitals,
};
pub use trial::{TrialAction, TrialOutcome, TrialPlan};

use crate::codec::{self, Blob, DecodeError, List};
use crate::crypto::{ChainId, Digest, Domain, PublicKey, SecretKey, Signature, SignatureCheck};
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use std::ops::Deref;

/// Most bytes of an encoded transaction.
pub const TRANSACTION_BYTES_MAX: usize = 16 * 1024;
/// Most actions of a transaction. Half of [`SEQUENCE_WINDOW`](super::SEQUENCE_WINDOW), so that two whole bundles of an
/// actor may overtake each other.
pub const ACTIONS_MAX: usize = 64;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
            serde::Serialize, serde::Deserialize,
        )]
        pub struct $name(pub u32);

        impl $name {
            /// As an index into the ledger's table.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

use identifier;

identifier!(
    /// A registered person or organisation, in order of registration.
    PartyId
);
identifier!(
    /// A registered record, in order of registration.
    RecordId
);
identifier!(
    /// A consent or deny directive, in order of registration.
    ConsentId
);
identifier!(
    /// An access decision that permitted, in order of decision.
    AccessId
);
identifier!(
    /// A delegation of authority, in order of registration.
    DelegationId
);
identifier!(
    /// A medicinal product with a GTIN, in order of registration.
    ProductId
);
identifier!(
    /// A lot of a product, in order of its first commissioning.
    LotId
);
identifier!(
    /// A serialised pack, in order of commissioning.
    PackId
);
identifier!(
    /// A case, pallet or other logistic unit with an SSCC, in order of packing.
    ContainerId
);
identifier!(
    /// An alert about medicines, in order of raising, without gaps.
    AlertId
);

identifier!(
    /// What an ethics board approved, in order of approval.
    ApprovalId
);
identifier!(
    /// A clinical trial, in order of registration.
    TrialId
);
identifier!(
    /// Somebody who consented to take part in a trial, in order of consent.
    SubjectId
);

/// What a party may act as. A role is granted by a credential with validity and revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Role {
    Patient,
    Guardian,
    Clinician,
    Pharmacist,
    Technician,
    Clerk,
    Hospital,
    Pharmacy,
    Laboratory,
    Insurer,
    Regulator,
    Auditor,
    /// Makes medicines, owns GTINs.
    Manufacturer,
    /// Trades medicines between manufacturers and pharmacies.
    Wholesaler,
    /// Answers for a clinical trial.
    Sponsor,
    /// Approves trials and their amendments.
    EthicsBoard,
    /// Employs researchers, to whom data of trials are shared.
    ResearchInstitute,
    /// Owns decision models.
    ModelOwner,
    /// Acts for a sponsor, an ethics board, a manufacturer, a wholesaler, a model owner.
    Officer,
    /// Acts for a research institute.
    Researcher,
    /// Measures; attested before what it measures counts.
    Device,
}

/// Kind of document, as far as consent distinguishes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum RecordClass {
    Observation,
    DiagnosticReport,
    MedicationRequest,
    Encounter,
    Imaging,
    Summary,
}

impl RecordClass {
    /// Every class, in the order of its encoding.
    pub const ALL: [Self; 6] = [
        Self::Observation,
        Self::DiagnosticReport,
        Self::MedicationRequest,
        Self::Encounter,
        Self::Imaging,
        Self::Summary,
    ];
}

/// HL7 v3 Confidentiality: unrestricted, low, moderate, normal, restricted, very restricted. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Confidentiality {
    U,
    L,
    M,
    N,
    R,
    V,
}

/// Sensitivity labels as bits: PSY 1, SUD 2, HIV 4, SEX 8, GDIS 16.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub struct Sensitivities(pub u8);

/// Security label of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Label {
    /// How confidential.
    pub confidentiality: Confidentiality,
    /// Which sensitive matters it touches.
    pub sensitivities: Sensitivities,
}

/// HL7 v3 ActReason, as far as the ledger distinguishes purposes of use. Unknown codes travel as `Other` and are
/// refused (`UnknownPurpose`), so that an unknown purpose is a committed refusal rather than a malformed transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs, clippy::upper_case_acronyms)]
pub enum Purpose {
    TREAT,
    ETREAT,
    BTG,
    ERTREAT,
    CLINTRL,
    HPAYMT,
    COVERAGE,
    CLMATTCH,
    HRESCH,
    CLINTRCH,
    CLINTRCHPC,
    CLINTRCHNPC,
    PATRQT,
    FAMRQT,
    PWATRNY,
    SUPNWK,
    HOPERAT,
    PUBHLTH,
    HMARKT,
    Other(u8),
}

/// To whom a consent or directive applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Grantee {
    /// A person, or an organisation and everyone who acts for it.
    Party(PartyId),
    /// Everyone who acts for an organisation of this role.
    Everyone(Role),
}

/// What a consent or directive covers. Empty classes or purposes are refused (`EmptyScope`).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Scope {
    /// To whom.
    pub grantee: Grantee,
    /// Which classes of record.
    pub classes: List<RecordClass, 16>,
    /// Highest confidentiality covered.
    pub confidentiality_max: Confidentiality,
    /// Sensitive matters covered: a record is covered if all of its sensitivities are.
    pub sensitivities: Sensitivities,
    /// Purposes of use, each covering what it subsumes (never break-glass).
    pub purposes: List<Purpose, 16>,
    /// In force from.
    pub from: Timestamp,
    /// In force until (exclusive).
    pub until: Timestamp,
    /// Whether the grantee may pass it on.
    pub redisclosure: bool,
}

/// What a delegate may decide about. Empty classes or purposes are refused (`EmptyScope`).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct DelegatedScope {
    /// Which classes of record.
    pub classes: List<RecordClass, 16>,
    /// Up to which confidentiality.
    pub confidentiality_max: Confidentiality,
    /// Which sensitive matters.
    pub sensitivities: Sensitivities,
    /// For which purposes of use, each with what it subsumes (never break-glass, unless it is named: a delegate may
    /// then forbid it).
    pub purposes: List<Purpose, 16>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// A regulator registers a party with its first credential.
    RegisterParty {
        /// Verifies its signatures.
        key: PublicKey,
        /// HPKE key (X25519) that data keys are wrapped to.
        wrap_key: [u8; 32],
        /// What it may act as.
        role: Role,
        /// The organisation it belongs to; itself if `None`.
        organisation: Option<PartyId>,
        /// Credential in force from and until (exclusive).
        valid: (Timestamp, Timestamp),
    },
    /// A regulator revokes a party's credential.
    RevokeCredential {
        /// Whose.
        party: PartyId,
    },
    /// The custodian registers a document.
    RegisterRecord {
        /// Whose record.
        patient: PartyId,
        /// Salted commitment to the document.
        commitment: Digest,
        /// Kind.
        class: RecordClass,
        /// Label.
        label: Label,
        /// Size bucket: the document is at most `2^bucket` bytes.
        size_bucket: u8,
        /// Opaque locator in the custodian's vault.
        locator: [u8; 16],
        /// The data key wrapped to the patient. Empty is refused (`MissingPatientWrap`).
        patient_wrap: Blob<128>,
    },
    /// The patient (or who holds authority) permits.
    GrantConsent {
        /// Whose records.
        patient: PartyId,
        /// What is covered.
        scope: Scope,
    },
    /// The patient forbids; wins over every consent.
    DenyDirective {
        /// Whose records.
        patient: PartyId,
        /// What is covered.
        scope: Scope,
    },
    /// Withdraws a consent or directive.
    RevokeConsent {
        /// Which.
        consent: ConsentId,
    },
    /// Someone asks to read. Permit and refusal are both committed.
    RequestAccess {
        /// Which record.
        record: RecordId,
        /// Why.
        purpose: Purpose,
        /// Consent relied on; `None`: any in force.
        consent: Option<ConsentId>,
    },
    /// A clinician reads in an emergency, outside consent; to be reviewed.
    BreakGlass {
        /// Which record.
        record: RecordId,
        /// Commitment to the reason (free text stays off the ledger). Zero is refused (`ReasonMissing`).
        reason: Digest,
        /// For how long, nanoseconds.
        window_ns: u64,
    },
    /// The custodian's reviewer closes a break-glass access.
    ReviewBreakGlass {
        /// Which access.
        access: AccessId,
        /// Whether it was justified.
        justified: bool,
    },
    /// Names who may decide in a patient's stead. Asked by the patient, by a delegate for no more than it holds, or by
    /// a regulator for a minor. Asked again by the same for the same delegate, it replaces what was asked before.
    DelegateAuthority {
        /// Whose records.
        patient: PartyId,
        /// Who is to decide: a guardian or another patient.
        delegate: PartyId,
        /// What about.
        scope: DelegatedScope,
        /// In force until (exclusive); so is what is granted under it.
        until: Timestamp,
        /// Commitment to what proves it. A regulator's may not be zero (`NotConsentAuthority`).
        evidence: Digest,
        /// Where the patient is a minor: its coming of age, which ends the authority. A regulator must name it.
        minor_until: Option<Timestamp>,
    },
    /// The patient's agent puts a record's data key, wrapped to a grantee, on the ledger.
    RewrapKey {
        /// Which record.
        record: RecordId,
        /// To whom.
        grantee: PartyId,
        /// The wrap. Empty is refused (`MissingPatientWrap`).
        wrap: Blob<128>,
    },
    /// The custodian has encrypted the document anew. Wraps of the key before are void.
    RotateKey {
        /// Which record.
        record: RecordId,
        /// Salted commitment under the new key.
        commitment: Digest,
        /// Opaque locator in the custodian's vault.
        locator: [u8; 16],
        /// The new data key wrapped to the patient. Empty is refused (`MissingPatientWrap`).
        patient_wrap: Blob<128>,
    },
    /// Erasure: the patient's agent or the custodian gives the record's key up for good.
    ShredKey {
        /// Which record.
        record: RecordId,
    },
    /// Clinical trials.
    Trial(TrialAction),
    /// The supply of medicines.
    Supply(SupplyAction),
    /// Telemedicine: sessions, devices, decisions, prescriptions.
    Telemedicine(TelemedicineAction),
    /// Insurance.
    Claim(ClaimAction),
}

/// What is asked together. At least one action, at most [`ACTIONS_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize)]
pub struct Actions(List<Action, ACTIONS_MAX>);

impl Actions {
    /// `None` if there are none, or too many.
    pub fn new(actions: Vec<Action>) -> Option<Self> {
        List::new(actions).filter(|actions| !actions.is_empty()).map(Self)
    }

    /// The last sequence number of a range that begins at `first`; `None` if numbers do not go so far.
    pub fn last_sequence(&self, first: u64) -> Option<u64> {
        first.checked_add(self.len() as u64 - 1)
    }
}

impl From<Action> for Actions {
    fn from(action: Action) -> Self {
        Self(List::new(vec![action]).expect("one is at most the limit"))
    }
}

impl Deref for Actions {
    type Target = [Action];
    fn deref(&self) -> &[Action] {
        &self.0
    }
}

impl BorshDeserialize for Actions {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let actions = List::deserialize_reader(reader)?;
        if actions.is_empty() {
            let message = "a transaction without an action";
            return Err(borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, message));
        }
        Ok(Self(actions))
    }
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TransactionBody {
    /// Who asks.
    pub actor: PartyId,
    /// For which organisation.
    pub organisation: PartyId,
    /// The first of the actor's sequence numbers that it uses, one for each action: each number is used at most once,
    /// inside a sliding window.
    pub sequence: u64,
    /// Refused if committed at or after this time.
    pub valid_until: Timestamp,
    /// Whether all actions are to be done or none.
    pub atomic: bool,
    /// What is asked.
    pub actions: Actions,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Wire {
    body: TransactionBody,
    key: PublicKey,
    signature: Signature,
}

/// A decoded transaction with its identity. The key under which it claims to be signed travels with it, so that its
/// signature can be checked before it is executed; execution compares that key with the actor's registered one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// What is signed.
    pub body: TransactionBody,
    /// Claimed key.
    pub key: PublicKey,
    /// Over `digest`.
    pub signature: Signature,
    /// Identity: hash of the signed body and key in its chain's domain.
    pub digest: Digest,
}

impl Transaction {
    /// Signs a body; the encoding is what is submitted.
    pub fn sign(chain: ChainId, body: TransactionBody, key: &SecretKey) -> (Self, Bytes) {
        let public = key.public();
        let digest = Self::digest_of(chain, &codec::encode(&body), &public);
        let signature = key.sign(Domain::Transaction, chain, &digest);
        let wire = Wire { body, key: public, signature };
        let bytes = codec::encode(&wire).into();
        (Self { body: wire.body, key: public, signature, digest }, bytes)
    }

    /// Reads an encoding. The signature is not checked: see [`check`](Self::check).
    pub fn decode(chain: ChainId, bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: Wire = codec::decode(bytes, TRANSACTION_BYTES_MAX)?;
        let body_length = bytes.len() - 32 - 64;
        let digest = Self::digest_of(chain, &bytes[..body_length], &wire.key);
        Ok(Self { body: wire.body, key: wire.key, signature: wire.signature, digest })
    }

    /// Identity and signature of what may be an encoding, without reading it: two that agree in both are signed alike.
    pub fn identify(chain: ChainId, bytes: &[u8]) -> Option<(Digest, Signature)> {
        let (rest, signature) = bytes.split_last_chunk()?;
        let (body, key) = rest.split_last_chunk()?;
        Some((Self::digest_of(chain, body, &PublicKey(*key)), Signature(*signature)))
    }

    /// The signature check that it needs.
    pub fn check(&self, chain: ChainId) -> SignatureCheck {
        SignatureCheck::of_digest(self.key, Domain::Transaction, chain, &self.digest, self.signature)
    }

    fn digest_of(chain: ChainId, body: &[u8], key: &PublicKey) -> Digest {
        Digest::sha256(&[Domain::Transaction.tag(), &chain.0.0, body, &key.0])
    }
}
