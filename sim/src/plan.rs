//! What can run. A [`Plan`] is made only by [`Plan::from_scenario`] (the only validator), is complete
//! (every default filled in), and nothing downstream re-checks it. It round-trips through `result.json`, so that a
//! result is enough to replay its run.

mod claims;
mod clinical_trial;
mod drug_supply;
pub(crate) mod expectation;
mod fault;
mod hostile;
mod policy;
mod telemedicine;
mod validate;

pub use claims::ClaimsPlan;
pub use clinical_trial::{ClinicalTrialPlan, TrialWrongs};
pub use drug_supply::{DrugSupplyPlan, RingPlan};
pub use fault::{Direction, DiskLoss, FaultKind, FaultPlan, LinkFault, PersistPoint, Side, Trigger};
pub use hostile::{GatewayBehaviour, ReplicaBehaviour};
pub use policy::PolicyPlan;
pub use telemedicine::{TelemedicinePlan, TelemedicineWrong};

use crate::document::Documents;
use ledger_core::time::Duration;
use serde::{Deserialize, Serialize};

/// Everything that decides a run: same plan, same digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Short name, `[a-z0-9-]+`; names the result directory.
    pub name: String,
    /// The question that the scenario answers (its first comment line).
    pub question: String,
    /// Root of every random stream.
    pub seed: u64,
    /// Before measurement starts.
    #[serde(with = "duration_text")]
    pub warmup: Duration,
    /// Of measurement, after the warm-up.
    #[serde(with = "duration_text")]
    pub duration: Duration,
    /// Longest wait, after the end, for operations still under way. What is unfinished then counts as timed out.
    #[serde(with = "duration_text")]
    pub drain: Duration,
    /// The ordering and execution layer.
    pub ledger: LedgerPlan,
    /// One row per replica; the index is the replica's id.
    pub replicas: Vec<ReplicaPlan>,
    /// The machine each replica runs on.
    pub replica_host: HostPlan,
    /// The machine each gateway runs on.
    pub gateway_host: HostPlan,
    /// Regions and the links between hosts.
    pub network: NetworkPlan,
    /// Who takes part.
    pub population: PopulationPlan,
    /// What documents say.
    #[serde(default)]
    pub documents: Documents,
    /// What they do.
    pub workloads: Vec<WorkloadPlan>,
    /// When they do it.
    pub arrivals: Arrivals,
    /// What goes wrong, sorted by start.
    pub faults: Vec<FaultPlan>,
    /// What must hold, in the order written.
    pub expect: Vec<Expectation>,
}

/// Ordering protocols that a plan can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolName {
    /// Uncertified DAG, arXiv 2310.14821.
    Mysticeti,
}

/// `ledger:`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerPlan {
    /// `ledger.protocol`
    pub protocol: ProtocolName,
    /// Commits between two signed checkpoints, at least 1.
    pub checkpoint_interval: u64,
    /// What the consortium agreed on.
    pub policy: PolicyPlan,
    /// False when every workload is `opaque`: ordering alone.
    pub execution: bool,
    /// Leader slots a round, 1 to the number of replicas.
    pub leaders_per_round: usize,
    /// How long a proposer waits for missing leader blocks before it goes on.
    #[serde(with = "duration_text")]
    pub leader_timeout: Duration,
    /// Shortest time between two proposals of one replica.
    #[serde(with = "duration_text")]
    pub min_round_interval: Duration,
    /// Rounds below the last committed leader after which a block can no longer be committed.
    pub gc_depth: u64,
    /// Most payload bytes in one block.
    pub block_bytes_max: usize,
    /// Most payload bytes that wait in a replica's mempool; beyond it clients are answered `Busy`.
    pub mempool_bytes_max: usize,
}

/// One replica.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaPlan {
    /// Index into `network.regions`.
    pub region: usize,
    /// Voting weight, at least 1.
    pub stake: u64,
}

/// A host: virtual cores with a cost table, disk and network card. Times are virtual.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostPlan {
    /// The profile's name, for people.
    pub profile: String,
    /// Virtual cores for stateless jobs (signature checks, hashing), at least 1; the machine itself has one more.
    pub cores: usize,
    /// Fixed cost of handling one message or timer.
    pub message_ns: u64,
    /// Cost of sending or receiving one QUIC datagram, on the network core.
    pub datagram_ns: u64,
    /// Cost of one QUIC handshake at each end, on the network core.
    pub handshake_ns: u64,
    /// Cost of one signature check on its own.
    pub verify_ns: u64,
    /// Cost of one signature check inside a batch of 8 or more.
    pub verify_batched_ns: u64,
    /// Cost of one signature.
    pub sign_ns: u64,
    /// Cost of hashing 1 KiB.
    pub hash_ns_per_kib: u64,
    /// Cost of sealing or opening 1 KiB (AES-256-GCM).
    pub seal_ns_per_kib: u64,
    /// Cost of one key wrap or unwrap (HPKE).
    pub wrap_ns: u64,
    /// Cost of executing one action.
    pub execute_ns: u64,
    /// Disk: fixed time of an append, and of a sync.
    pub disk_append_ns: u64,
    /// Disk: time of a sync after which appended data survives a crash.
    pub disk_sync_ns: u64,
    /// Disk: bytes a second.
    pub disk_bytes_per_s: u64,
    /// Network card, each way: bits a second.
    pub bandwidth_bits_per_s: u64,
}

/// Which transport carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// Real QUIC packets over simulated UDP links.
    Quic(QuicPlan),
    /// One delay-and-bandwidth model per message.
    Message,
}

/// What `transport: quic` is told beside the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuicPlan {
    /// `network.congestion_control`
    pub congestion: Congestion,
    /// Bytes that a sender may have under way before it has heard anything.
    pub initial_window_bytes: u64,
    /// Bytes of a UDP payload.
    pub mtu_bytes: u16,
    /// Bytes that wait in front of each card, each way; what does not fit is dropped.
    pub queue_bytes: u64,
    /// Datagrams delivered twice, in parts per billion.
    pub duplication_ppb: u64,
    /// Datagrams held back so that later ones overtake them, in parts per billion.
    pub reordering_ppb: u64,
    /// A connection without traffic for so long is closed.
    #[serde(with = "duration_text")]
    pub idle_timeout: Duration,
    /// A gateway pings the replicas it is connected to this often if nothing else is sent.
    #[serde(with = "duration_text::option")]
    pub keep_alive: Option<Duration>,
}

/// How fast a sender goes. All compute in integers: runs repeat on every platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Congestion {
    /// RFC 9438.
    Cubic,
    /// RFC 9002, section 7.
    NewReno,
    /// BBR version 1.
    Bbr,
}

/// `network:`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// `network.transport`
    pub transport: Transport,
    /// The topology's name, for people.
    pub topology: String,
    /// Region names; the index is the region's id.
    pub regions: Vec<String>,
    /// `delays[from][to]`: one-way delay between two hosts of these regions.
    pub delays: Vec<Vec<DelayPlan>>,
    /// Packets lost, in parts per billion.
    pub loss_ppb: u64,
    /// Load of the network's own between replicas.
    pub transfers: Vec<TransferPlan>,
}

/// Bytes that one replica sends to another in the lane of documents and snapshots, all at once; they are thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferPlan {
    /// From the start of the measurement.
    #[serde(with = "duration_text")]
    pub at: Duration,
    /// Sender.
    pub from: usize,
    /// Receiver.
    pub to: usize,
    /// How much.
    pub bytes: u64,
}

/// One-way delay of a link: `min + jitter`, where jitter is drawn per message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelayPlan {
    /// Exponential jitter above a minimum: minimum and mean of the jitter.
    Exponential {
        /// Never faster than this.
        min_ns: u64,
        /// Mean of what is added.
        jitter_mean_ns: u64,
    },
    /// Uniform between two bounds.
    Uniform {
        /// Never faster than this.
        min_ns: u64,
        /// Never slower than this.
        max_ns: u64,
    },
}

/// Kinds of institution; each runs a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstitutionKind {
    /// Custodian of most records.
    Hospital,
    /// Reads prescriptions.
    Pharmacy,
    /// Registers results.
    Laboratory,
    /// Reads for payment.
    Insurer,
    /// Makes medicines.
    Manufacturer,
    /// Trades medicines.
    Wholesaler,
    /// Answers for clinical trials.
    Sponsor,
    /// Approves trials.
    EthicsBoard,
    /// Reads trials' shared data.
    ResearchInstitute,
    /// Owns decision models.
    ModelOwner,
}

/// One institution and its gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InstitutionPlan {
    /// What it is.
    pub kind: InstitutionKind,
    /// Index into `network.regions`.
    pub region: usize,
    /// Replica that its gateway talks to first; on failure it moves to the next.
    pub replica: usize,
}

/// `population:`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PopulationPlan {
    /// People with records.
    pub patients: u64,
    /// In the order of [`InstitutionKind`]; the index is the gateway's id.
    pub institutions: Vec<InstitutionPlan>,
    /// Clinicians (hospital), pharmacists, technicians, clerks per institution.
    pub staff_per_institution: u64,
    /// Devices that measure, spread over the hospitals.
    pub devices: u64,
    /// Records on the ledger before the run, per patient.
    pub records_per_patient: u64,
}

/// One workload with its own rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadPlan {
    /// Random bytes to be ordered and not executed.
    Opaque {
        /// Operations a second, in millihertz (1000/s = 1_000_000).
        rate_mhz: u64,
        /// Bytes each.
        size_bytes: usize,
    },
    /// Requests for access by staff under consents in force, in signed bundles; no key or document moves.
    AccessDecisions {
        /// Transactions (actions) a second, in millihertz.
        rate_mhz: u64,
        /// Actions in a bundle, 1 to [`ACTIONS_MAX`](ledger_core::ledger::transaction::ACTIONS_MAX).
        bundle: u64,
    },
    /// Medrec.
    PersonalHealthRecord {
        /// Operations a second, in millihertz.
        rate_mhz: u64,
        /// What the operations are.
        mix: RecordMix,
        /// Skew of patients' and records' popularity (Zipf exponent in thousandths; 0 = uniform).
        zipf_milli: u64,
        /// Break-glass accesses that nobody reviews in time, parts per million.
        unreviewed_ppm: u32,
        /// When records whose key somebody has who may no longer read them get another.
        #[serde(default)]
        rotation: Rotation,
    },
    /// Blok.Health.
    ClinicalTrial {
        /// Operations a second, in millihertz.
        rate_mhz: u64,
        /// What happens in them.
        trial: ClinicalTrialPlan,
    },
    /// FarmaTrust.
    DrugSupply {
        /// Operations a second, in millihertz.
        rate_mhz: u64,
        /// What happens in it.
        supply: DrugSupplyPlan,
    },
    /// DOKChain.
    Telemedicine {
        /// Operations a second, in millihertz.
        rate_mhz: u64,
        /// What happens in it.
        telemedicine: TelemedicinePlan,
    },
    /// Eligibility and claims.
    Claims {
        /// Operations a second, in millihertz.
        rate_mhz: u64,
        /// What happens in them.
        claims: ClaimsPlan,
    },
}

/// When a withdrawn consent is followed by another key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// Before the key is next wrapped to somebody.
    #[default]
    Lazy,
    /// At once.
    Eager,
}

/// Shares of operations in parts per million; they add up to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordMix {
    /// A custodian registers a new document.
    pub register: u32,
    /// A clinician elsewhere asks for, receives and verifies a document.
    pub share: u32,
    /// A patient grants, denies or revokes.
    pub consent: u32,
    /// An auditor or patient fetches the proof of an earlier access.
    pub audit: u32,
    /// A clinician breaks the glass in an emergency.
    pub break_glass: u32,
    /// Keys are wrapped to grantees, and rotated.
    #[serde(default)]
    pub keys: u32,
    /// A custodian erases a record.
    #[serde(default)]
    pub erase: u32,
    /// A patient names who may decide in their stead.
    #[serde(default)]
    pub delegate: u32,
}

impl RecordMix {
    /// Only this: shares in parts per million of registrations, shares, changes of consent, audits and emergencies.
    pub const fn of([register, share, consent, audit, break_glass]: [u32; 5]) -> Self {
        Self { register, share, consent, audit, break_glass, keys: 0, erase: 0, delegate: 0 }
    }
}

/// When operations start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Open loop, exponential gaps.
    Poisson,
    /// Open loop, equal gaps.
    Constant,
    /// Open loop, Poisson whose rate is `factor_milli`/1000 times higher during the first `on` of each `every`;
    /// the rate outside it is lowered so that the mean stays as written.
    Burst {
        /// Length of a cycle.
        #[serde(with = "duration_text")]
        every: Duration,
        /// Length of the burst at the cycle's start.
        #[serde(with = "duration_text")]
        on: Duration,
        /// Rate in the burst over the mean rate, in thousandths.
        factor_milli: u64,
    },
    /// Open loop, Poisson whose rate follows a day compressed into `day`, peak over mean as given.
    Diurnal {
        /// Length of the compressed day.
        #[serde(with = "duration_text")]
        day: Duration,
        /// Peak rate over mean rate, in thousandths, 1000 to 2000.
        peak_milli: u64,
    },
    /// Closed loop: each client starts its next operation when the last one ends; rates only weigh the workloads.
    Closed {
        /// Clients in all.
        clients: u64,
    },
}

/// One line of `expect:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// As written.
    pub text: String,
    /// What it means.
    pub condition: Condition,
}

/// What an expectation asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Every safety checker passed.
    Safety,
    /// Everything submitted by correct clients ended within the drain.
    Liveness,
    /// `metric comparison value`, the value in the metric's base unit (ns, bytes, 1/s, count, ratio).
    Metric {
        /// Dotted name as in `result.json`.
        metric: String,
        /// How to compare.
        comparison: Comparison,
        /// In the metric's base unit.
        value: f64,
    },
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    LessOrEqual,
    /// `==`
    #[serde(rename = "==")]
    Equal,
    /// `>=`
    #[serde(rename = ">=")]
    GreaterOrEqual,
    /// `>`
    #[serde(rename = ">")]
    Greater,
}

/// Durations as text with their unit (`250ms`), exact to the nanosecond.
pub mod duration_text {
    use ledger_core::time::Duration;
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// The shortest exact text: the largest unit that divides the span.
    pub fn format(duration: Duration) -> String {
        let nanos = duration.as_nanos();
        for (unit, size) in [
            ("h", 3_600_000_000_000u128),
            ("min", 60_000_000_000),
            ("s", 1_000_000_000),
            ("ms", 1_000_000),
            ("us", 1_000),
        ] {
            if nanos > 0 && nanos.is_multiple_of(size) {
                return format!("{}{unit}", nanos / size);
            }
        }
        format!("{nanos}ns")
    }

    /// Reads what [`format()`] wrote: whole numbers with a unit.
    pub fn parse(text: &str) -> Option<Duration> {
        let split = text.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = text.split_at(split);
        let size: u64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        Some(Duration::from_nanos(number.parse::<u64>().ok()?.checked_mul(size)?))
    }

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is not a duration such as 250ms")))
    }

    /// The same for `Option<Duration>`.
    pub mod option {
        use super::{Deserialize, Deserializer, Duration, Serializer, de, format, parse};
        pub(crate) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => serializer.serialize_some(&format(*duration)),
                None => serializer.serialize_none(),
            }
        }
        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
            parse(&text)
                .map(Some)
                .ok_or_else(|| de::Error::custom(format!("`{text}` is not a duration such as 250ms")))
        }
    }
}
