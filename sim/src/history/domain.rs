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
    LateEnrolment: ClinicalTrial, "clinical_trial.early_enrolment",
        "a subject enrolled before registration or consent";
    PlanChange: ClinicalTrial, "clinical_trial.plan_change",
        "a result published against another analysis plan than the one registered";
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
