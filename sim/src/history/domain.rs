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
    MislabelledPack: DrugSupply, "drug_supply.mislabelled",
        "a pack with another lot or expiry on its label than its own";
    SpoofedDevice: Telemedicine, "telemedicine.spoofed_device",
        "vitals of a device that is not attested";
    VitalsGap: Telemedicine, "telemedicine.vitals_gap",
        "readings of a session left out";
    UnregisteredModel: Telemedicine, "telemedicine.unregistered_model",
        "a decision by a model that is not registered or no longer";
    DoubleDispensing: Telemedicine, "telemedicine.double_dispensing",
        "a prescription dispensed beyond what it prescribes";
    DuplicateClaim: Claims, "claims.duplicate",
        "a claim for what was claimed before";
    ClaimWithoutEncounter: Claims, "claims.no_encounter",
        "a claim for an encounter that there was not";
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
    VitalsAnchored: Count, "telemedicine.vitals.anchored", "readings of devices anchored on the ledger";
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
