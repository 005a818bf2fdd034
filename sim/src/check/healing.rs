//! How long a fault may be felt after it is healed, derived from the timeouts of those who feel it.
//!
//! When everything is healed, what may still have to pass before commits go on is, at most,
//!
//! ```text
//! bound = reconnect + max(stall, fetch, leader) + 3 × round + backlog
//! ```
//!
//! * `reconnect`, over QUIC: a connection whose probes have grown rare is given up after `replica_idle_timeout`; a dial
//!   under way as the fault heals is given up after `replica_handshake_timeout`, the next begins within
//!   `replica_redial_max` and takes a round trip, three if a packet is lost. In the model of messages, a round trip;
//! * `stall`: a replica that nothing reached says its last block again and asks for what it lacks after 2, 4, 8, 16, 16, …
//!   leader timeouts. Those add up, so the wait that is running as the fault heals is at most the fault's length and 2
//!   leader timeouts, and never more than 16;
//! * `fetch`: a missing block is asked for again within 2 s at the latest;
//! * `leader`: a proposer waits for a leader at most for the leader timeout, doubled with every timeout beyond four in a row
//!   without a commit, up to 16 times: those before add up too, so at most the fault's length and the leader timeout;
//! * three `round`s are what a commit takes. In each, one leader may be missing: a leader timeout, a round trip of the
//!   slowest pair of regions, the shortest time between proposals, and a write to disk;
//! * `backlog`: what piled up behind a slow part is worked off no more slowly than it came. So it is the fault's length
//!   where something was slow, and nothing where it was gone. What a bad link lost is sent again after timeouts that double:
//!   the one that is running as the link heals is as long as all before it, and a round trip with what the fault added. A
//!   write that is under way as a slow disk heals takes the time that it was given.
//!
//! Those who are behind by more than the window fetch a snapshot meanwhile, in as many round trips as it has parts; a peer
//! that does not answer costs them [`SNAPSHOT_PATIENCE`].
//!
//! A gateway's operation that was under way also waits for its own next attempt: at most `reply_timeout_max` of gateways;
//! one that reads, for a custodian's patience or a transfer besides. The live world adds what starting a process takes.

use crate::history::{FaultRecord, OperationKind, Run};
use crate::plan::{DelayPlan, FaultKind, Plan, Transport};
use ledger_core::gateway::GatewayTuning;
use ledger_core::quic::QuicTuning;
use ledger_core::time::{Duration, Timestamp};

/// Multiples of the leader timeout that back-off of leaders and stalls reaches.
const BACKOFF_MAX: u32 = 16;
/// A missing block is asked for again after it.
const FETCH_RETRY_MAX: Duration = Duration::from_secs(2);
/// For a part of a snapshot, before another replica is asked.
pub(super) const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(5);
/// Live: a process starts, reads its journal and is heard of; everything shares one machine.
const LIVE: Duration = Duration::from_secs(5);
/// Jitter is exponential without end: one delay in 22,000 has more than so many means of it.
const JITTER_MEANS: u64 = 10;

/// A span of a run that a fault disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Disturbance {
    /// When it struck.
    pub struck: Timestamp,
    /// When it was healed; [`Timestamp::MAX`]: never. Who crashes or stands still for good is gone, and the others are well.
    pub healed: Timestamp,
    /// By when commits go on.
    pub over: Timestamp,
}

/// Every fault of a run that may delay a correct machine, in the order in which they struck. Hostile machines, within the
/// assumption, excuse nothing.
pub(super) fn disturbances(run: &Run) -> Vec<Disturbance> {
    let disturbance = |record: &FaultRecord| {
        let kind = &run.plan.faults[record.fault].kind;
        let hostile = matches!(kind, FaultKind::Byzantine { .. } | FaultKind::HostileGateway { .. });
        let never = Disturbance { struck: record.at, healed: Timestamp::MAX, over: Timestamp::MAX };
        let gone_for_good = matches!(kind, FaultKind::Crash { .. } | FaultKind::Pause { .. });
        let healed = |healed: Timestamp| Disturbance {
            healed,
            over: healed + bound(run, record, healed.since(record.at)),
            ..never
        };
        (!hostile).then(|| record.healed.or(gone_for_good.then_some(record.at)).map_or(never, healed))
    };
    run.history.faults.iter().filter_map(disturbance).collect()
}

/// Longest time without a commit while nothing goes wrong: what healing takes after a fault of no length.
pub(super) fn calm_bound(run: &Run) -> Duration {
    common_bound(run, Duration::ZERO)
}

/// How much later than commits an operation of a kind may be that was under way.
pub(super) fn client_bound(kind: OperationKind) -> Duration {
    let tuning = GatewayTuning::default();
    match kind {
        OperationKind::Opaque => Duration::ZERO,
        OperationKind::Share | OperationKind::BreakGlass | OperationKind::Rotate => {
            tuning.reply_timeout_max + tuning.transfer_timeout.max(tuning.custody_patience)
        }
        OperationKind::Register
        | OperationKind::Review
        | OperationKind::Grant
        | OperationKind::Deny
        | OperationKind::Revoke
        | OperationKind::Audit
        | OperationKind::AccessDecisions
        | OperationKind::ClinicalTrial
        | OperationKind::DrugSupply
        | OperationKind::Telemedicine
        | OperationKind::Claims
        | OperationKind::Rewrap
        | OperationKind::Erase
        | OperationKind::Delegate => tuning.reply_timeout_max,
    }
}

fn bound(run: &Run, record: &FaultRecord, lasted: Duration) -> Duration {
    let kind = &run.plan.faults[record.fault].kind;
    let gone = matches!(
        kind,
        FaultKind::Crash { .. }
            | FaultKind::Ransomware { .. }
            | FaultKind::Partition { .. }
            | FaultKind::Flapping { .. }
            | FaultKind::IsolateLeader { .. }
            | FaultKind::OneWay { .. }
            | FaultKind::RegionOutage { .. }
    );
    let backlog = match kind {
        _ if gone => Duration::ZERO,
        FaultKind::Link(link) => lasted + link.delay * 2,
        FaultKind::SlowDisk { replicas, .. } => lasted + slowest_write(run, record, replicas),
        _ => lasted,
    };
    common_bound(run, lasted) + backlog
}

/// A write that is under way as its disk is healed takes the time that it was given, by all faults that slowed the disk
/// while this one did.
fn slowest_write(run: &Run, record: &FaultRecord, replicas: &[usize]) -> Duration {
    let host = &run.plan.replica_host;
    let write_ns = u128::from(host.disk_append_ns + host.disk_sync_ns);
    let until = |record: &FaultRecord| record.healed.unwrap_or(Timestamp::MAX);
    let meets = |other: &&FaultRecord| other.at <= until(record) && record.at <= until(other);
    let slowed_ns = |replica: &usize| {
        let met = run.history.faults.iter().filter(meets);
        let factors = met.filter_map(|other| match &run.plan.faults[other.fault].kind {
            FaultKind::SlowDisk { replicas, factor_milli } if replicas.contains(replica) => {
                Some(u128::from(*factor_milli))
            }
            _ => None,
        });
        factors.fold(write_ns, |ns, factor| ns.saturating_mul(factor) / 1_000)
    };
    let slowest_ns = replicas.iter().map(slowed_ns).max().unwrap_or_default();
    Duration::from_nanos(u64::try_from(slowest_ns).unwrap_or(u64::MAX))
}

fn common_bound(run: &Run, lasted: Duration) -> Duration {
    let plan = &run.plan;
    let round_trip = round_trip_max(plan);
    let quic = QuicTuning::default();
    let reconnect = match plan.network.transport {
        Transport::Quic(_) => {
            quic.replica_idle_timeout.min(lasted)
                + quic.replica_handshake_timeout
                + quic.replica_redial_max
                + round_trip * 3
        }
        Transport::Message => round_trip,
    };
    let leader_timeout = plan.ledger.leader_timeout;
    let longest = leader_timeout * BACKOFF_MAX;
    let stall = longest.min(lasted + leader_timeout * 2);
    let leader = longest.min(lasted + leader_timeout);
    let write = Duration::from_nanos(plan.replica_host.disk_append_ns + plan.replica_host.disk_sync_ns);
    let round = leader_timeout + round_trip + plan.ledger.min_round_interval + write;
    let live = if run.setting.is_live() { LIVE } else { Duration::ZERO };
    reconnect + stall.max(leader).max(FETCH_RETRY_MAX) + round * 3 + live
}

/// Twice the longest way between two replicas.
fn round_trip_max(plan: &Plan) -> Duration {
    let regions = || plan.replicas.iter().map(|replica| replica.region);
    let delays = regions().flat_map(|from| regions().map(move |to| plan.network.delays[from][to]));
    let longest = delays.map(|delay| match delay {
        DelayPlan::Exponential { min_ns, jitter_mean_ns } => min_ns + JITTER_MEANS * jitter_mean_ns,
        DelayPlan::Uniform { max_ns, .. } => max_ns,
    });
    Duration::from_nanos(2 * longest.max().unwrap_or_default())
}
