//! Tables of `result.json`: what happened to each fault, replica, region and link. Counts and times are whole numbers.

use crate::history::{NetworkRecord, ReplicaRecord, Run};
use crate::metrics::{Latency, Metrics, Recovered, Recovery, Value};
use crate::plan::Plan;
use ledger_core::time::{Timestamp, nanos};
use serde::{Deserialize, Serialize};

/// A fault that struck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRow {
    /// Row of `plan.faults`.
    pub fault: usize,
    /// When it struck, nanoseconds from the start of the warm-up.
    pub at_ns: u64,
    /// When it was healed; absent if it was not.
    pub healed_ns: Option<u64>,
    /// From its healing to 95 % of the rate before it, nanoseconds, or `"never"`; absent if that could not be measured.
    pub recovered_ns: Option<Value>,
}

/// A replica over the whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaRow {
    /// Row of `plan.network.regions`.
    pub region: usize,
    /// Whether it was up at the end.
    pub up: bool,
    /// Why it could not be started again, if it could not.
    pub stays_down: Option<String>,
    /// Round that it reached.
    pub rounds: u64,
    /// Commits that it executed.
    pub commits: u64,
    /// Busy part of its cores, parts per million.
    pub cpu_ppm: u64,
    /// Bytes that it sent.
    pub bytes_sent: u64,
    /// Most payload that waited in its mempool.
    pub mempool_bytes_max: u64,
    /// Most memory of its state.
    pub memory_bytes_max: u64,
    /// Bytes written to its journal.
    pub journal_bytes: u64,
    /// Syncs of its journal.
    pub journal_syncs: u64,
    /// Restarts.
    pub restarts: u64,
}

/// What began in one region, inside the measurement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionRow {
    /// Its name.
    pub region: String,
    /// Replicas there.
    pub replicas: u64,
    /// Gateways there.
    pub gateways: u64,
    /// Transactions committed.
    pub committed: u64,
    /// Their latency.
    pub transactions: Option<QuantilesRow>,
    /// Shares completed.
    pub completed: u64,
    /// Their latency.
    pub shares: Option<QuantilesRow>,
}

/// Quantiles of a latency, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct QuantilesRow {
    pub p50_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
}

impl QuantilesRow {
    fn of(latency: &Latency) -> Option<Self> {
        (latency.count() > 0).then(|| Self {
            p50_ns: latency.quantile(0.5),
            p99_ns: latency.quantile(0.99),
            max_ns: latency.max(),
        })
    }
}

/// What one region sent to another in the whole run, or one kind of traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// Row of `plan.network.regions`.
    pub from: usize,
    /// Row of `plan.network.regions`.
    pub to: usize,
    /// Messages.
    pub messages: u64,
    /// Their bytes, without headers and retransmissions.
    pub bytes: u64,
}

/// What went over all links, by what it was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneRow {
    /// `consensus`, `clients` or `documents`; of a live run `datagrams`.
    pub lane: String,
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

pub(super) fn faults(run: &Run, recoveries: &[Recovery]) -> Vec<FaultRow> {
    let from_start = |at: Timestamp| nanos(at.since(run.start));
    let row = |recovery: &Recovery| FaultRow {
        fault: recovery.fault,
        at_ns: from_start(recovery.at),
        healed_ns: recovery.healed.map(from_start),
        recovered_ns: match recovery.recovered {
            Recovered::After(time) => Some(Value::Whole(nanos(time))),
            Recovered::Never => Some(Value::Never),
            Recovered::Unmeasured => None,
        },
    };
    recoveries.iter().map(row).collect()
}

pub(super) fn replicas(plan: &Plan, records: &[ReplicaRecord]) -> Vec<ReplicaRow> {
    let row = |(index, record): (usize, &ReplicaRecord)| ReplicaRow {
        region: plan.replicas.get(index).map_or(0, |replica| replica.region),
        up: record.up,
        stays_down: record.stays_down.clone(),
        rounds: record.status.protocol.round.0,
        commits: record.status.executed,
        cpu_ppm: record.cpu_ppm,
        bytes_sent: record.bytes_sent,
        mempool_bytes_max: record.mempool_bytes_max,
        memory_bytes_max: record.memory_max,
        journal_bytes: record.journal[1],
        journal_syncs: record.journal[2],
        restarts: record.restarts,
    };
    records.iter().enumerate().map(row).collect()
}

pub(super) fn regions(plan: &Plan, metrics: &Metrics) -> Vec<RegionRow> {
    let named = plan.network.regions.iter().zip(&metrics.regions).enumerate();
    let row = |(index, (name, figures)): (usize, (&String, &crate::metrics::RegionFigures))| RegionRow {
        region: name.clone(),
        replicas: plan.replicas.iter().filter(|replica| replica.region == index).count() as u64,
        gateways: plan.population.institutions.iter().filter(|row| row.region == index).count() as u64,
        committed: figures.committed,
        transactions: QuantilesRow::of(&figures.transactions),
        completed: figures.shares.count(),
        shares: QuantilesRow::of(&figures.shares),
    };
    named.map(row).collect()
}

pub(super) fn links(network: &NetworkRecord) -> Vec<LinkRow> {
    let row = |link: &crate::network::LinkUse| LinkRow {
        from: link.from,
        to: link.to,
        messages: link.messages,
        bytes: link.bytes,
    };
    network.links.iter().map(row).collect()
}

pub(super) fn lanes(run: &Run) -> Vec<LaneRow> {
    let network = &run.history.network;
    let labels = match run.setting.is_live() {
        false => ["consensus", "clients", "documents"],
        // Replicas count datagrams, whatever is in them.
        true => ["datagrams", "", ""],
    };
    let row = |(lane, label): (usize, &str)| LaneRow {
        lane: label.to_owned(),
        messages: network.messages[lane],
        bytes: network.bytes[lane],
    };
    labels.into_iter().enumerate().map(row).filter(|row| row.messages > 0).collect()
}
