//! What goes wrong, and when.

use super::duration_text;
use super::{GatewayBehaviour, ReplicaBehaviour};
use ledger_core::time::Duration;
use serde::{Deserialize, Serialize};

/// One scheduled fault, from `at` for `lasts`. Times count from the start of the measurement (after the warm-up).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultPlan {
    /// Start.
    #[serde(with = "duration_text")]
    pub at: Duration,
    /// Strikes at the first of this, not before `at`; never, if it does not come to pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Trigger>,
    /// Until healed; `None`: to the end of the run.
    #[serde(with = "duration_text::option")]
    pub lasts: Option<Duration>,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// What a fault waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Some replica has executed so many commits.
    Commits(u64),
    /// Some replica has proposed in this round.
    Round(u64),
    /// The leader schedule was drawn anew so often, as some correct replica has seen.
    LeaderChanges(u64),
}

/// Which way packets go, as seen from a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What it receives.
    In,
    /// What it sends.
    Out,
    /// All.
    Both,
}

/// Links that are worse, and how. One of `replicas`, `regions` and `between` says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFault {
    /// What these replicas send and receive, also with gateways.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<usize>,
    /// What all hosts of these regions send and receive: indices into `network.regions`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<usize>,
    /// What hosts of the first region send to those of the second (out) and receive from them (in).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<[usize; 2]>,
    /// Which way, as seen from them; one way alone makes delays asymmetric.
    pub direction: Direction,
    /// Packets lost, in parts per billion; below a billion.
    pub loss_ppb: u64,
    /// Added to every packet's way.
    #[serde(with = "duration_text")]
    pub delay: Duration,
    /// Packets that arrive twice, in parts per billion.
    #[serde(default)]
    pub duplication_ppb: u64,
    /// Packets that are held back while later ones pass, in parts per billion.
    #[serde(default)]
    pub reordering_ppb: u64,
    /// What is left of it, in bits a second: of each host's link, each way; between regions of all that crosses, each way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bandwidth_bits_per_s: Option<u64>,
}

/// What a crash leaves of what a replica has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskLoss {
    /// All of it: the process alone died.
    Kept,
    /// What was synced: the host lost its power.
    #[default]
    Lost,
    /// What was synced, and of the rest what a disk may have had time for: a part of it, the last sector garbled, or some
    /// sectors without those before them.
    Torn,
    /// Nothing: the replica restarts with an empty disk.
    Wiped,
}

/// On which side of a write that something waits for a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It is not written any more.
    Before,
    /// It is durable, and what waits for it is not done.
    After,
}

/// The writes at which a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersistPoint {
    /// Just before it, or when it has become durable.
    pub side: Side,
    /// So many writes go well first, and again after each restart.
    pub skip: u64,
    /// It dies so often. At least 1.
    pub times: u64,
}

fn is_default(loss: &DiskLoss) -> bool {
    *loss == DiskLoss::default()
}

/// Kinds of fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The process dies, at once or at a write; it restarts from its disk when the fault ends.
    Crash {
        /// Which replicas.
        replicas: Vec<usize>,
        /// What it finds on its disk then.
        #[serde(default, skip_serializing_if = "is_default")]
        disk: DiskLoss,
        /// `None`: it dies at once. Else there is one replica.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        persist: Option<PersistPoint>,
    },
    /// The process stands still: it handles nothing and no timer of it fires, and it forgets nothing. What is sent to it
    /// waits.
    Pause {
        /// Which replicas.
        replicas: Vec<usize>,
    },
    /// A hospital's gateway is gone, its vault wiped and its secret lost. When the fault ends, a new gateway with a new
    /// secret takes its place, which holds nothing; the regulator has its wrap key listed in everybody's directory.
    Ransomware {
        /// Which hospitals, in the order of the population.
        hospitals: Vec<usize>,
    },
    /// Replicas of different groups cannot reach each other. A gateway is with the group of its home replica
    /// (and so loses the others).
    Partition {
        /// Disjoint groups that cover all replicas but those of the bridge.
        groups: Vec<Vec<usize>>,
        /// Replicas that reach every group, and that every group reaches; their gateways too.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bridge: Vec<usize>,
    },
    /// As `Partition` in the first half of each period; in the second half all reach each other.
    Flapping {
        /// Disjoint groups that cover all replicas but those of the bridge.
        groups: Vec<Vec<usize>>,
        /// As there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        bridge: Vec<usize>,
        /// At least 2 ns.
        #[serde(with = "duration_text")]
        period: Duration,
    },
    /// The replica that leads the round in the making is cut off from all other hosts, gateways included. Who that is says
    /// the replica that has come furthest: the first leader of the round after its last own block.
    IsolateLeader {
        /// It is looked for anew so often; `None`: once.
        #[serde(with = "duration_text::option")]
        period: Option<Duration>,
    },
    /// What the ones send to the others is lost; the way back is open. Gateways reach everybody.
    OneWay {
        /// Senders.
        from: Vec<usize>,
        /// Receivers.
        to: Vec<usize>,
    },
    /// What some links carry is later, lost or otherwise worse than what the network does anyway.
    Link(LinkFault),
    /// All hosts of these regions, gateways included, reach nobody, not each other either.
    RegionOutage {
        /// Indices into `network.regions`.
        regions: Vec<usize>,
    },
    /// The clocks of these hosts are wrong: what their machines take for the time, timers included. They never go back: one
    /// that is set back all but stands still until it is right.
    Clock {
        /// Which replicas.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        replicas: Vec<usize>,
        /// Which gateways, in the order of the population.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gateways: Vec<usize>,
        /// Ahead by so many nanoseconds; below zero: behind.
        skew_ns: i64,
        /// Fast by so many parts per billion; below zero: slow.
        drift_ppb: i64,
    },
    /// Gateways leave and come back while the run goes on, each once a period and one after the other: their processes end
    /// and close their connections, and start anew from what their vaults hold.
    Churn {
        /// Which gateways, in the order of the population.
        gateways: Vec<usize>,
        /// At least a millisecond.
        #[serde(with = "duration_text")]
        period: Duration,
        /// Shorter than the period.
        #[serde(with = "duration_text")]
        away: Duration,
    },
    /// Gateways' processes die without a word, and start anew from what their vaults hold when the fault ends.
    CrashGateways {
        /// Which gateways, in the order of the population.
        gateways: Vec<usize>,
    },
    /// Everything that these hosts compute takes longer: steps of the machine, and jobs on the other cores.
    SlowCpu {
        /// Which replicas.
        replicas: Vec<usize>,
        /// So many times, in thousandths; above 1000.
        factor_milli: u64,
    },
    /// Appends, syncs and reads take longer; with a large factor the disk stalls. A sync that is under way is not delayed.
    SlowDisk {
        /// Which replicas.
        replicas: Vec<usize>,
        /// So many times, in thousandths; above 1000.
        factor_milli: u64,
    },
    /// Nothing that a disk is asked for completes until this has healed; neither does a restart.
    StalledDisk {
        /// Which replicas.
        replicas: Vec<usize>,
    },
    /// Writes fail for want of space until this has healed: what waits for them waits, submissions are answered with `Busy`, and
    /// whoever dies meanwhile does not come back before.
    DiskFull {
        /// Which replicas.
        replicas: Vec<usize>,
    },
    /// Bits of the journal flip where it lies. Whoever has it open does not notice; the next start does.
    BitRot {
        /// Which replicas.
        replicas: Vec<usize>,
        /// How many bits of each, at least 1.
        bits: u64,
    },
    /// Replicas do what no correct one does. What starts at zero does so from the very beginning, the warm-up included.
    Byzantine {
        /// Which replicas.
        replicas: Vec<usize>,
        /// All at once.
        behaviours: Vec<ReplicaBehaviour>,
        /// Whom `selective` is silent to; none: see there.
        victims: Vec<usize>,
    },
    /// Gateways send what no correct one sends, beside their normal work.
    HostileGateway {
        /// Which gateways, in the order of the population.
        gateways: Vec<usize>,
        /// In turn.
        behaviours: Vec<GatewayBehaviour>,
        /// Hostile messages a second of each, in millihertz.
        rate_mhz: u64,
    },
}
