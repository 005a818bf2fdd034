//! Right and wrong as workloads know it: what they did wrong on purpose and when it was caught, what was refused
//! although it was right, and the figures that the users of a system ask for.
//!
//! A workload knows before the ledger answers whether a deed is wrong, for it does it on purpose, and works that out
//! beside the ledger. A row of [`Wrong`] or [`Figure`] becomes metrics of its name; a workload that notes none leaves
//! them out.

use ledger_core::ledger::transaction::Refusal;
use ledger_core::time::Timestamp;

/// The systems that a ledger serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Medrec.
    PersonalHealthRecord,
    /// Blok.Health.
    ClinicalTrial,
    /// FarmaTrust.
    DrugSupply,
    /// DOKChain.
    Telemedicine,
    /// Insurance.
    Claims,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::PersonalHealthRecord, Self::ClinicalTrial, Self::DrugSupply, Self::Telemedicine, Self::Claims];

    /// As in the names of its workload and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PersonalHealthRecord => "personal_health_record",
            Self::ClinicalTrial => "clinical_trial",
            Self::DrugSupply => "drug_supply",
            Self::Telemedicine => "telemedicine",
            Self::Claims => "claims",
        }
    }
}

macro_rules! wrongs {
    ($($(#[$doc:meta])* $variant:ident: $system:ident, $name:literal, $meaning:literal;)*) => {
        /// Wrong-doing that a workload injects, and that the rules define as detectable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum Wrong {
            $($(#[$doc])* $variant,)*
        }

        impl Wrong {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Whose.
            pub const fn system(self) -> System {
                match self {
                    $(Self::$variant => System::$system,)*
                }
            }

            /// What its metrics' names begin with.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The name of the time from deed to detection.
            pub const fn time_name(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($name, ".time"),)*
                }
            }

            /// What it is.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

wrongs! {
    AccessWithoutConsent: PersonalHealthRecord, "personal_health_record.no_consent",
        "reading asked for where no consent covers it";
    AccessAfterRevocation: PersonalHealthRecord, "personal_health_record.after_revocation",
        "reading asked for under a consent withdrawn before";
    AccessOutsidePurpose: PersonalHealthRecord, "personal_health_record.outside_purpose",
        "reading asked for with a purpose that the consent does not cover";
    BreakGlassUnreviewed: PersonalHealthRecord, "personal_health_record.unreviewed",
        "an emergency access that nobody reviewed in time; caught when a review is tried and refused as too late";
    ActAfterDelegation: PersonalHealthRecord, "personal_health_record.ended_delegation",
        "a consent given in a patient's stead after the authority ended";
    ActBeyondDelegation: PersonalHealthRecord, "personal_health_record.beyond_delegation",
        "a consent given in a patient's stead for more than the authority is about";
    PlanChange: ClinicalTrial, "clinical_trial.plan_change",
        "another analysis plan than the one registered: amended without approval or after unblinding, or followed by a result";
    EarlyEnrolment: ClinicalTrial, "clinical_trial.early_enrolment",
        "a subject enrolled before the trial's registration or the subject's consent";
    LateEnrolment: ClinicalTrial, "clinical_trial.late_enrolment",
        "a subject enrolled after the site was closed or the data locked";
    StaleConsent: ClinicalTrial, "clinical_trial.stale_consent",
        "data of a subject who has not consented to the amended trial";
    TamperedData: ClinicalTrial, "clinical_trial.tampering",
        "a chain of data continued from a rewritten past";
    LateData: ClinicalTrial, "clinical_trial.late_data",
        "data captured after the lock";
    WithdrawnData: ClinicalTrial, "clinical_trial.withdrawn_data",
        "data captured of a subject who has withdrawn";
    Unblinding: ClinicalTrial, "clinical_trial.unblinding",
        "arms asked for before the data are locked, or by a site that is not the subject's";
    ResultMismatch: ClinicalTrial, "clinical_trial.result_mismatch",
        "a result that rests on other data than those locked";
    UnconsentedResearch: ClinicalTrial, "clinical_trial.unconsented_research",
        "a subject's data asked for by a research institute without the subject's consent";
    Counterfeit: DrugSupply, "drug_supply.counterfeit",
        "a pack with a serial number that nobody commissioned";
    Clone: DrugSupply, "drug_supply.clone",
        "a copy of a pack that is in use elsewhere or used up";
    Diversion: DrugSupply, "drug_supply.diversion",
        "a pack handled by somebody who does not hold it or may not";
    RecalledPack: DrugSupply, "drug_supply.recalled",
        "a pack of a recalled lot used nevertheless";
    ExpiredPack: DrugSupply, "drug_supply.expired",
        "a pack used after its expiry";
    MislabelledPack: DrugSupply, "drug_supply.mislabelled",
        "a pack with another lot or expiry on its label than its own";
    SpoofedDevice: Telemedicine, "telemedicine.spoofed_device",
        "vitals of a device that is not attested, or under another key, after its attestation, or with revoked firmware";
    VitalsGap: Telemedicine, "telemedicine.vitals_gap",
        "readings of a session left out";
    VitalsOverlap: Telemedicine, "telemedicine.vitals_overlap",
        "readings of a session anchored twice";
    SkewedClock: Telemedicine, "telemedicine.clock_skew",
        "vitals of a device whose clock is off";
    UnregisteredModel: Telemedicine, "telemedicine.unregistered_model",
        "a decision by a model that is not registered or no longer";
    UnanchoredInput: Telemedicine, "telemedicine.unanchored_input",
        "a decision from readings that were not anchored";
    MissingReview: Telemedicine, "telemedicine.missing_review",
        "a prescription on an alarm that no clinician has looked at";
    WrongPatient: Telemedicine, "telemedicine.wrong_patient",
        "a prescription for or handed to somebody else";
    DoubleDispensing: Telemedicine, "telemedicine.double_dispensing",
        "a prescription dispensed again, beyond what it prescribes, or by a pharmacy that has not claimed it";
    UnlicensedClinician: Telemedicine, "telemedicine.unlicensed_clinician",
        "a session in the name of somebody who is no clinician";
    DuplicateClaim: Claims, "claims.duplicate",
        "a claim for what was claimed before";
    ClaimWithoutEncounter: Claims, "claims.no_encounter",
        "a claim for an encounter that there was not";
    UncoveredClaim: Claims, "claims.not_covered",
        "a claim to an insurer who does not cover the patient";
    DoubleAdjudication: Claims, "claims.double_adjudication",
        "a claim decided again, or by another insurer";
}

/// What a [`Figure`]'s samples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// Added up.
    Count,
    /// Of which the mean is taken.
    Mean,
    /// Nanoseconds, into a distribution.
    Span,
}

macro_rules! figures {
    ($($variant:ident: $kind:ident, $name:literal, $meaning:literal;)*) => {
        /// A figure that the users of a system ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum Figure {
            $($variant,)*
        }

        impl Figure {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The metric's name; of a span what its aggregates follow.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What its samples are.
            pub const fn kind(self) -> FigureKind {
                match self {
                    $(Self::$variant => FigureKind::$kind,)*
                }
            }

            /// What it says.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                }
            }
        }
    };
}

figures! {
    RecordsLost: Count, "personal_health_record.records.lost",
        "records whose document was lost with the vault of their custodian";
    RecordsWithCopies: Count, "personal_health_record.records.with_copies",
        "of these, with a sealed copy elsewhere: at the patient's home since before the run, or at a former reader";
    RecordsRecovered: Count, "personal_health_record.records.recovered",
        "of these, in custody again: opened with the key from the patient, found to be what was registered, under another key";
    RecordsWithheld: Count, "personal_health_record.records.withheld",
        "of those with copies, whose recovery the ledger refused, with proof: the patient has forbidden the custodian to read it, or it was erased";
    RecordsUnavailable: Count, "personal_health_record.records.unavailable",
        "records lost and not in custody again at the end";
    RecordsLostForGood: Count, "personal_health_record.records.lost_for_good",
        "of these, of which nobody has a copy: the patient has the key, and there is nothing left to open with it";
    RecoveryOfRecord: Span, "personal_health_record.records.recovery.time",
        "from the loss of a record's document to the receipt that it is in custody again";
    SharesWithoutDocument: Count, "personal_health_record.shares.no_document",
        "reading that the ledger permitted and the custodian could not serve, because the document is lost";
    ActsOfDelegates: Count, "personal_health_record.delegates.acts",
        "consents given and withdrawn by who has authority in the patient's stead";
    TrialsRegistered: Count, "clinical_trial.trials.registered", "trials registered";
    TrialsLocked: Count, "clinical_trial.trials.locked", "trials whose data were locked";
    TrialsPublished: Count, "clinical_trial.trials.published", "trials whose result was published";
    TrialsAbandoned: Count, "clinical_trial.trials.abandoned",
        "trials given up because a step of theirs had no answer in time, or a wrong one";
    SubjectsEnrolled: Count, "clinical_trial.subjects.enrolled", "subjects enrolled";
    SubjectsWithdrawn: Count, "clinical_trial.subjects.withdrawn", "subjects who withdrew";
    ConsentsRenewed: Count, "clinical_trial.reconsents", "subjects who consented anew after an amendment";
    DataCaptured: Count, "clinical_trial.captures", "visits whose data were added to a subject's chain";
    EmergencyUnblindings: Count, "clinical_trial.emergencies", "subjects unblinded by the emergency rule";
    ViolationsRefused: Count, "clinical_trial.violations.refused", "wrong deeds that the ledger refused, with a receipt";
    TrialPublicationTime: Span, "clinical_trial.publication.time",
        "from the receipt of a trial's registration to that of its publication";
    TrialDataShared: Count, "clinical_trial.data_sets.shared",
        "subjects' locked data that a research institute obtained and verified";
    ResultsVerified: Count, "clinical_trial.results.verified",
        "published results whose data root was worked out anew from the captured leaves, after data of the trial were shared";
    ResultsDisproved: Count, "clinical_trial.results.disproved",
        "published results whose data root is not that of the captured leaves; must be 0";
    PacksCommissioned: Count, "drug_supply.packs.commissioned", "packs that came into being";
    PacksDispensed: Count, "drug_supply.packs.dispensed", "packs given to patients; one whose dispensing is reversed counts again";
    PacksReversed: Count, "drug_supply.packs.reversed", "dispensings taken back";
    PacksReturned: Count, "drug_supply.packs.returned", "packs that came back to a wholesaler";
    PacksDestroyed: Count, "drug_supply.packs.destroyed", "packs destroyed or written off";
    PacksBlocked: Count, "drug_supply.packs.blocked", "packs of recalled or expired lots that the ledger kept from going on";
    HandsPerPack: Mean, "drug_supply.packs.hands", "hands that a dispensed pack went through, manufacturer and patient among them";
    Alerts: Count, "drug_supply.alerts", "alerts that refusals raised, as receipts prove them";
    RecallReach: Span, "drug_supply.recall.reach", "from a recall until the last pack of its lot was blocked, destroyed or dispensed";
    RingCaught: Span, "drug_supply.ring.caught", "from a ring's first deed to the first proof of one";
    SessionsOpened: Count, "telemedicine.sessions.opened", "sessions of a clinician with a patient that were opened";
    VitalsAnchored: Count, "telemedicine.vitals.anchored", "readings of devices anchored on the ledger";
    BatchesAnchored: Count, "telemedicine.batches.anchored", "batches in which they were, each under one Merkle root";
    Triages: Count, "telemedicine.triages", "decisions recorded, one a batch";
    AlarmsRaised: Count, "telemedicine.alarms.raised",
        "decisions that call for a clinician: NEWS2 of 5 or more or a single 3, or the model's score at its threshold";
    AlarmsJustified: Count, "telemedicine.alarms.justified",
        "of these, where the patient had deteriorated by the last reading, as the generator of vitals knows";
    AlarmsMissed: Count, "telemedicine.alarms.missed",
        "decisions that call for nobody although the patient had deteriorated";
    AlarmsMissedByNews2: Count, "telemedicine.alarms.missed_by_news2",
        "decisions on a deteriorated patient that NEWS2 alone would not have escalated";
    VitalsToDecision: Span, "telemedicine.decision.latency",
        "from the last reading of a batch to the verified receipt of its triage or, if that calls for a clinician, of \
         the review; the time that a clinician thinks is not simulated";
    Overrides: Count, "telemedicine.overrides", "alarms that a clinician overrode";
    Prescribed: Count, "telemedicine.prescriptions.issued", "prescriptions issued";
    Dispensed: Count, "telemedicine.prescriptions.dispensed", "prescriptions dispensed to the last unit";
    Dispensings: Count, "telemedicine.dispensings", "times that a pharmacy dispensed all or a part of one";
    ClaimsSubmitted: Count, "claims.submitted", "claims that insurers have to decide";
    ClaimsAdjudicated: Count, "claims.adjudicated", "claims that they decided";
    AdjudicationTime: Span, "claims.adjudication.time",
        "from the scheduled start of a claim's submission to the verified receipt of the insurer's decision; the time that \
         a clerk takes is not simulated";
    EligibilityChecks: Count, "claims.eligibility.checked", "questions whether a patient is covered that were answered";
}

/// A wrong deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What.
    pub wrong: Wrong,
    /// When it was scheduled.
    pub at: Timestamp,
    /// When somebody had proof of it; `None`: it went unnoticed.
    pub caught: Option<Timestamp>,
}

/// What a workload has to say of an operation, once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A wrong deed of which the end is known. One that timed out is not noted.
    Incident(Incident),
    /// What was right was refused: of which system, when it was scheduled, why.
    FalseAlarm(System, Timestamp, Refusal),
    /// A sample of a figure, and when what it is of was scheduled.
    Sample(Figure, Timestamp, u64),
}

/// All notes of a run.
#[derive(Debug, Default)]
pub struct Domain {
    /// In the order in which their ends became known.
    pub incidents: Vec<Incident>,
    /// Right deeds that were refused.
    pub false_alarms: Vec<(System, Timestamp, Refusal)>,
    /// Samples of figures.
    pub samples: Vec<(Figure, Timestamp, u64)>,
}

impl Domain {
    /// Takes a note.
    pub fn note(&mut self, note: Note) {
        match note {
            Note::Incident(incident) => self.incidents.push(incident),
            Note::FalseAlarm(system, at, refusal) => self.false_alarms.push((system, at, refusal)),
            Note::Sample(figure, at, sample) => self.samples.push((figure, at, sample)),
        }
    }
}
