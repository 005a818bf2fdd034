//! Telemedicine: attested devices, anchored vitals, decisions with the provenance of their model, prescriptions.
//!
//! Readings, documents and reasons stay off the ledger: what is here are commitments to them, and the few numbers by
//! which a rule decides.

use super::{PartyId, identifier};
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

identifier!(
    /// A session of a clinician with a patient, in order of opening.
    SessionId
);
identifier!(
    /// A batch of readings, in order of anchoring.
    BatchId
);
identifier!(
    /// A decision model, in order of registration.
    ModelId
);
identifier!(
    /// A triage decision, in order of recording.
    TriageId
);
identifier!(
    /// A prescription, in order of issue.
    PrescriptionId
);

/// Highest NEWS2 there is: seven parameters of at most three points, one of them (oxygen) of at most two.
pub const NEWS2_MAX: u8 = 20;
/// NEWS2 from which a clinician is to look (Royal College of Physicians, National Early Warning Score 2, 2017, chart 4).
pub const NEWS2_URGENT: u8 = 5;
/// NEWS2 from which a team with critical-care competencies is to look (the same).
pub const NEWS2_EMERGENCY: u8 = 7;
/// Scores and thresholds of models are in thousandths, at most this.
pub const SCORE_MILLI_MAX: u16 = 1_000;

/// A NEWS2 result as a rule needs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct News2 {
    /// Points of all parameters together, at most [`NEWS2_MAX`].
    pub total: u8,
    /// Whether a single parameter scores 3.
    pub single_three: bool,
}

impl News2 {
    /// Whether a clinician is to look.
    pub const fn escalates(self) -> bool {
        self.total >= NEWS2_URGENT || self.single_three
    }
}

/// What a triage advises. Ordered by urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Advice {
    /// Go on watching.
    Watch,
    /// A clinician looks at it now.
    Urgent,
    /// A team with critical-care competencies takes over.
    Emergency,
}

/// Which readings, from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vitals {
    /// RFC 6962 Merkle root over the salted readings.
    pub root: Digest,
    /// How many, at least 1.
    pub count: u32,
    /// The first's number among all that this device took in this session, from 0.
    pub first: u64,
    /// When the first was taken and when the last had been (exclusive), by the device's clock.
    pub window: (Timestamp, Timestamp),
}

/// How a model decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Decision {
    /// Hash of the model.
    pub model: Digest,
    /// Root of the anchored batch that it saw.
    pub root: Digest,
    /// Which of its readings: first and end (exclusive), counted in the batch.
    pub leaves: (u32, u32),
    /// NEWS2 of the same readings.
    pub news2: News2,
    /// What the model says, in thousandths.
    pub score_milli: u16,
    /// From which score on a clinician is to look.
    pub threshold_milli: u16,
    /// What follows.
    pub advice: Advice,
}

impl Decision {
    /// Whether a clinician is to look before anything rests on it.
    pub const fn escalates(&self) -> bool {
        self.news2.escalates() || self.score_milli >= self.threshold_milli
    }
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TelemedicineAction {
    /// A hospital's staff open a session.
    OpenSession {
        /// Who treats.
        clinician: PartyId,
        /// Whom.
        patient: PartyId,
    },
    /// The same hospital's staff close it.
    CloseSession {
        /// Which.
        session: SessionId,
    },
    /// A hospital answers for a device of its own. Asked again, it replaces what was attested before.
    AttestDevice {
        /// Which.
        device: PartyId,
        /// Commitment to the certificate of its maker.
        certificate: Digest,
        /// Hash of the firmware that it runs.
        firmware: Digest,
        /// In force until (exclusive).
        until: Timestamp,
    },
    /// A regulator declares a firmware unsafe, for good.
    RevokeFirmware {
        /// Hash of the firmware.
        firmware: Digest,
    },
    /// A device anchors the next readings of a session.
    AnchorVitals {
        /// In which session.
        session: SessionId,
        /// What.
        vitals: Vitals,
    },
    /// A model's owner registers it.
    RegisterModel {
        /// Hash of the model.
        model: Digest,
        /// Hash of what it was trained on.
        training_data: Digest,
    },
    /// Its owner retires it, for good.
    RetireModel {
        /// Hash of the model.
        model: Digest,
    },
    /// A hospital records what a model decided. Replicas do not run models: they check where the decision comes from.
    RecordTriage {
        /// In which session.
        session: SessionId,
        /// How it decided.
        decision: Decision,
    },
    /// A clinician of the hospital reviews a triage.
    OverrideTriage {
        /// Which.
        triage: TriageId,
        /// Whether its advice is taken; else it is overridden.
        accepted: bool,
        /// Commitment to the reason.
        reason: Digest,
    },
    /// A clinician prescribes.
    Prescribe {
        /// In which session.
        session: SessionId,
        /// To whom.
        patient: PartyId,
        /// The triage that it rests on, if it rests on one.
        triage: Option<TriageId>,
        /// Commitment to the medication and its dosage.
        medication: Digest,
        /// How much may be dispensed, in units of the medication.
        quantity: u32,
        /// Until when (exclusive).
        until: Timestamp,
    },
    /// A pharmacy takes a prescription on, to the exclusion of others for a while.
    ClaimPrescription {
        /// Which.
        prescription: PrescriptionId,
        /// Who stands at the counter.
        patient: PartyId,
    },
    /// The pharmacy that has claimed it dispenses all of it or a part.
    DispensePrescription {
        /// Which.
        prescription: PrescriptionId,
        /// Who stands at the counter.
        patient: PartyId,
        /// How much, in units of the medication, at least 1.
        quantity: u32,
    },
}

/// What executing it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum TelemedicineOutcome {
    /// A session is open.
    SessionOpened(SessionId),
    /// A session is closed.
    SessionClosed(SessionId),
    /// A device counts as attested.
    DeviceAttested(PartyId),
    /// Devices with a firmware no longer count.
    FirmwareRevoked,
    /// Readings are anchored.
    VitalsAnchored(BatchId),
    /// A model may decide.
    ModelRegistered(ModelId),
    /// A model may decide no longer.
    ModelRetired(ModelId),
    /// A decision is recorded.
    TriageRecorded {
        /// Which.
        triage: TriageId,
        /// Whether a clinician is to look before anything rests on it.
        escalates: bool,
    },
    /// A clinician has looked.
    TriageReviewed(TriageId),
    /// A prescription is valid.
    Prescribed(PrescriptionId),
    /// A pharmacy has taken it on.
    PrescriptionClaimed {
        /// Which.
        prescription: PrescriptionId,
        /// No other pharmacy may until then.
        until: Timestamp,
    },
    /// It was dispensed.
    Dispensed {
        /// Which.
        prescription: PrescriptionId,
        /// What is left of it.
        remaining: u32,
    },
}
