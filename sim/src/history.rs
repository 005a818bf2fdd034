//! What happened in a run, as far as checkers, metrics and reports need it. Filled by the world (or the testbed),
//! read by everything after it; it never sees either.
//!
//! Memory: one [`Operation`] per started operation, one [`CommitRecord`] per commit, one row per key release; no
//! samples of anything else. Of an opaque load in the live world that would need more than [`ROWS_MAX`] rows, one
//! operation in so many has a row, and the others are counted ([`Unlisted`]).

mod domain;
mod hostile;
mod notable;

pub use domain::{Domain, Figure, FigureKind, Incident, Note, System, Wrong};
pub use hostile::{Hostility, VOUCHED_MAX, Vouching};
pub use notable::Notable;

use crate::cpu::Spent;
use crate::document::inspect::Defect;
use crate::network::LinkUse;
use crate::plan::Plan;
use ledger_core::audit::{CheckpointBody, Receipt};
use ledger_core::block::BlockRef;
use ledger_core::committee::{Committee, ReplicaId, ReplicaSet};
use ledger_core::crypto::Digest;
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::{AccessId, Answer, ConsentId, Outcome, PartyId, RecordId, Refusal};
use ledger_core::replica::{Executed, ReplicaStatus, STORES, Store};
use ledger_core::seam::{GatewayId, Peer};
use ledger_core::time::{Duration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most rows of operations of an opaque load in the live world: a hundred megabytes.
pub const ROWS_MAX: u64 = 1 << 18;

/// Pairs of blocks of one author and round that a history keeps. After so many, equivocation is no news.
pub const EQUIVOCATIONS_MAX: usize = 1 << 16;

/// Where a run was played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// In virtual time: same plan, same digest.
    #[default]
    Simulated,
    /// In processes on one machine, over loopback: the topology's delays are not applied.
    LiveLoopback,
    /// In processes on one machine, each in a network namespace with an address of its own; no delays.
    LiveNamespaces,
    /// The same, with the topology's delays and loss.
    LiveNetem,
}

impl Setting {
    /// Whether it ran on the wall clock, so that nothing repeats it to the bit.
    pub fn is_live(self) -> bool {
        match self {
            Self::Simulated => false,
            Self::LiveLoopback | Self::LiveNamespaces | Self::LiveNetem => true,
        }
    }
}

/// The outcome of running a plan, in either world.
#[derive(Debug)]
pub struct Run {
    /// What was run.
    pub plan: Plan,
    /// Who ordered.
    pub committee: Arc<Committee>,
    /// What happened.
    pub history: History,
    /// Which world it was.
    pub setting: Setting,
    /// Simulated: chains every event: same plan, same digest. Live: of plan and history.
    pub digest: Digest,
    /// When the warm-up began; zero in the simulated world.
    pub start: Timestamp,
    /// Virtual time at the end.
    pub end: Timestamp,
    /// Events handled.
    pub events: u64,
    /// Wall-clock time of the run, its setup included. Not part of the digest.
    pub wall: Duration,
    /// Wall-clock time of building keys, documents and genesis.
    pub setup_wall: Duration,
    /// Whether it was interrupted before its end.
    pub partial: bool,
}

/// Everything recorded.
#[derive(Debug, Default)]
pub struct History {
    /// Every operation started, in order.
    pub operations: Vec<Operation>,
    /// What was measured of operations without a row.
    pub unlisted: Unlisted,
    /// Commits that no report describes, because every process that executed them was killed before it could tell.
    pub unreported: u64,
    /// Every commit, by index − 1.
    pub commits: Vec<CommitRecord>,
    /// What a replica executed otherwise than the first that reported it.
    pub divergences: Vec<Divergence>,
    /// Every bundle executed in the agreed order: (commit index, what).
    pub executed: Vec<(u64, Executed)>,
    /// Nanoseconds from a block's proposal to its commit at its author, with the time of the commit.
    pub commit_latencies: Vec<(Timestamp, u64)>,
    /// Every key release.
    pub releases: Vec<Release>,
    /// Every document opened: when, by whom, under which decision.
    pub opened: Vec<(Timestamp, GatewayId, AccessId, RecordId)>,
    /// What readers found in the documents that they opened.
    pub reading: Reading,
    /// What a machine saw a peer do that no correct peer does: when, who saw it, who did it, what.
    pub misbehaviour: Vec<(Timestamp, Peer, Peer, String)>,
    /// Checkpoints that a quorum signed, as correct replicas and gateways have them.
    pub checkpoints: Checkpoints,
    /// Two blocks of one author and round, as seen by a replica; at most [`EQUIVOCATIONS_MAX`].
    pub equivocations: Vec<(ReplicaId, BlockRef, BlockRef)>,
    /// Receipts of acknowledged transactions, asked of each replica at the end: (replica, log index, receipt).
    pub receipts: Vec<(ReplicaId, u64, Option<Receipt>)>,
    /// Faults as they happened, times from the start of the warm-up.
    pub faults: Vec<FaultRecord>,
    /// Per-second series over the whole run.
    pub series: Vec<Second>,
    /// Each replica at the end.
    pub replicas: Vec<ReplicaRecord>,
    /// Messages and bytes per lane (consensus, client, bulk), and packets lost.
    pub network: NetworkRecord,
    /// What workloads know of right and wrong.
    pub domain: Domain,
    /// What Byzantine replicas and hostile gateways did, as far as the world knows it.
    pub hostility: Hostility,
    /// Live: processor time of gateways, workload and recorder since the run began, nanoseconds by stage.
    pub clients_spent: Spent,
}

/// Opaque operations scheduled inside the measurement that have no row in [`History::operations`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// Of so many operations one has a row; 0 and 1: all have.
    pub one_in: u64,
    /// Scheduled.
    pub scheduled: u64,
    /// Ordered.
    pub committed: u64,
    /// Neither ordered nor refused in time.
    pub timed_out: u64,
    /// Refused.
    pub rejected: u64,
    /// From schedule to order: how many took so many nanoseconds, as precisely as the histograms tell apart.
    pub latencies: BTreeMap<u64, u64>,
}

impl History {
    /// Finds for every operation in the log when its block was proposed, and its commit decided.
    pub(crate) fn place_operations(&mut self) {
        let of = |commit: &CommitRecord| {
            let decided = commit.decided;
            commit
                .blocks
                .iter()
                .map(move |(first, proposed)| (*first, *proposed, decided))
                .collect::<Vec<_>>()
        };
        let blocks: Vec<_> = self.commits.iter().flat_map(of).collect();
        for operation in &mut self.operations {
            let Some(index) = operation.log_index else { continue };
            // Blocks without entries begin where the next one does.
            let next = blocks.partition_point(|(first, ..)| *first <= index);
            if let Some((_, proposed, decided)) = next.checked_sub(1).and_then(|last| blocks.get(last)) {
                (operation.proposed_at, operation.decided_at) = (*proposed, Some(*decided));
            }
        }
    }

    /// Every wrong deed of which the end is known: those that are operations by themselves, and those noted.
    pub fn incidents(&self) -> impl Iterator<Item = Incident> {
        let incident = |operation: &Operation| {
            // Of what changed meanwhile nobody knows any more whether it is wrong.
            let wrong = operation.wrong.filter(|_| operation.expected == Expected::Refuse)?;
            let (at, caught) = match operation.ended? {
                (at, End::Refused(_)) => (operation.scheduled, Some(at)),
                (_, End::Done(_) | End::Answered) => (operation.scheduled, None),
                (_, End::KeyRefused(_) | End::Corrupt | End::Rejected | End::Overloaded | End::TimedOut) => {
                    return None;
                }
            };
            Some(Incident { wrong, at, caught })
        };
        self.operations.iter().filter_map(incident).chain(self.domain.incidents.iter().copied())
    }

    /// Right deeds that were refused: of which system, when they were scheduled, why.
    pub fn false_alarms(&self) -> impl Iterator<Item = (System, Timestamp, Refusal)> {
        let falsely = |operation: &Operation| match operation.ended {
            Some((_, End::Refused(refusal))) if operation.expected == Expected::Permit => {
                Some((System::PersonalHealthRecord, operation.scheduled, refusal))
            }
            _ => None,
        };
        self.operations.iter().filter_map(falsely).chain(self.domain.false_alarms.iter().copied())
    }
}

/// What readers found in documents that they had opened. Nothing, where documents say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Documents read.
    pub documents: u64,
    /// Of these, not what was asked for.
    pub defective: u64,
    /// The first of them: operation and defect.
    pub defects: Vec<(u64, Defect)>,
}

/// Kinds of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum OperationKind {
    Opaque,
    Register,
    Share,
    BreakGlass,
    Review,
    Grant,
    Deny,
    Revoke,
    Audit,
    AccessDecisions,
    ClinicalTrial,
    DrugSupply,
    Telemedicine,
    Claims,
    Rewrap,
    Rotate,
    Erase,
    Delegate,
}

/// What the workload's own model of consent says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Must be permitted.
    Permit,
    /// Must be refused.
    Refuse,
    /// Changes of consent are under way: either is right.
    Either,
}

/// One operation of a client, from its scheduled start.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Kind.
    pub kind: OperationKind,
    /// Where; for opaque submissions the replica's number.
    pub gateway: GatewayId,
    /// When the schedule says that it starts.
    pub scheduled: Timestamp,
    /// When it ended and how; `None` while it runs.
    pub ended: Option<(Timestamp, End)>,
    /// When a replica put its transaction into a block.
    pub proposed_at: Option<Timestamp>,
    /// When a replica first decided the commit that its transaction is in.
    pub decided_at: Option<Timestamp>,
    /// When its transaction's receipt was verified.
    pub receipt_at: Option<Timestamp>,
    /// When the custodian's key arrived.
    pub key_at: Option<Timestamp>,
    /// When the document's last byte arrived.
    pub transferred_at: Option<Timestamp>,
    /// How many actions it asks for in one bundle: as many transactions, as clients count them.
    pub actions: u64,
    /// How many of them the ledger refused.
    pub refused: u64,
    /// Identity of its bundle.
    pub transaction: Option<Digest>,
    /// Log index of its entry.
    pub log_index: Option<u64>,
    /// Size of the document registered or shared; bytes of an opaque submission.
    pub bytes: u64,
    /// For requests for access.
    pub expected: Expected,
    /// What is wrong with it, if it is wrong on purpose.
    pub wrong: Option<Wrong>,
    /// Consent relied on or revoked.
    pub consent: Option<ConsentId>,
    /// Record asked for.
    pub record: Option<RecordId>,
    /// Whose records it is about, where it is about one patient's.
    pub patient: Option<PartyId>,
    /// When the consent ends that it gives.
    pub until: Option<Timestamp>,
    /// What the ledger decided about access, where it is one request.
    pub decided: Option<Decided>,
    /// Of an audit: the transaction whose entry was proven.
    pub proved: Option<Digest>,
}

/// A decision about access, as its receipt tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The patient's number of it; none, if there was no record to decide about.
    pub number: Option<u64>,
    /// If it was permitted.
    pub access: Option<AccessId>,
    /// If it was refused.
    pub refusal: Option<Refusal>,
}

impl Decided {
    /// From the first answer; `None` if that is about something else.
    pub fn of(answer: &Answer) -> Option<Self> {
        let access = match answer.outcome {
            Outcome::Permitted { access, .. } => Some(access),
            _ => None,
        };
        let (number, refusal) = (answer.decision.map(|decision| decision.counter), answer.refusal());
        (access.is_some() || refusal.is_some()).then_some(Self { number, access, refusal })
    }
}

impl Operation {
    /// One that has just started.
    pub fn new(kind: OperationKind, gateway: GatewayId, scheduled: Timestamp, bytes: u64) -> Self {
        Self {
            kind,
            gateway,
            scheduled,
            ended: None,
            proposed_at: None,
            decided_at: None,
            receipt_at: None,
            key_at: None,
            transferred_at: None,
            actions: 1,
            refused: 0,
            transaction: None,
            log_index: None,
            bytes,
            expected: Expected::Either,
            wrong: None,
            consent: None,
            record: None,
            patient: None,
            until: None,
            decided: None,
            proved: None,
        }
    }
}

/// Checkpoints that a quorum signed.
#[derive(Clone, Debug, Default)]
pub struct Checkpoints {
    /// The first that anybody had, by commit.
    pub by_commit: BTreeMap<u64, CheckpointBody>,
    /// Those that differ from the first of their commit, and who had them.
    pub conflicts: Vec<(Peer, CheckpointBody)>,
}

/// A commit as the first replica reported it.
#[derive(Clone, Debug)]
pub struct CommitRecord {
    /// Chain of commits up to it.
    pub digest: Digest,
    /// Hash of what executing it did: state root, log root, executed transactions.
    pub result: Digest,
    /// Root of the audit log, and of the state (zero where no checkpoint follows).
    pub roots: [Digest; 2],
    /// Commit time.
    pub time: Timestamp,
    /// Virtual time of the first report.
    pub first_at: Timestamp,
    /// When it was decided at the replica that reported first.
    pub decided: Timestamp,
    /// Where something is executed: of each of its blocks the log index of its first entry, and when it was proposed.
    pub blocks: Vec<(u64, Option<Timestamp>)>,
    /// Who reported the same.
    pub replicas: ReplicaSet,
}

/// A report that differs from the first.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub replica: ReplicaId,
    /// Which commit.
    pub commit: u64,
    /// Whether the order differs (else only what executing it did).
    pub order: bool,
    /// In words.
    pub what: String,
}

/// A custodian let a key go.
#[derive(Clone, Copy, Debug)]
pub struct Release {
    /// When.
    pub at: Timestamp,
    /// When the custodian began to ask whether the permit is in force.
    pub asked_at: Timestamp,
    /// By whom.
    pub by: GatewayId,
    /// To whom.
    pub to: GatewayId,
    /// Under which decision.
    pub access: AccessId,
    /// Of which record.
    pub record: RecordId,
}

/// A fault that happened.
#[derive(Clone, Debug)]
pub struct FaultRecord {
    /// Row of `plan.faults`.
    pub fault: usize,
    /// When it struck.
    pub at: Timestamp,
    /// When it was healed.
    pub healed: Option<Timestamp>,
}

/// One second of a run.
#[derive(Clone, Debug, Default)]
pub struct Second {
    /// Actions of operations scheduled.
    pub scheduled: u64,
    /// Actions whose receipt arrived (opaque: ordered).
    pub committed: u64,
    /// Shares completed.
    pub shared: u64,
    /// Largest bytes held by a replica for ordering at the end of the second.
    pub ordering_bytes: u64,
    /// Largest bytes held by a replica for ledger state, beyond genesis.
    pub ledger_bytes: u64,
    /// Largest bytes held by a replica for the log.
    pub log_bytes: u64,
    /// Resident memory of this process; live: of all replicas' together. Bytes. Not part of the digest.
    pub resident_bytes: u64,
    /// Faults in force.
    pub faults: u64,
}

/// A replica over the whole run.
#[derive(Clone, Debug, Default)]
pub struct ReplicaRecord {
    /// At the end; zero if it is down.
    pub status: ReplicaStatus,
    /// Whether it is up at the end.
    pub up: bool,
    /// Restarts.
    pub restarts: u64,
    /// Why it could not be started again, and is down for good.
    pub stays_down: Option<String>,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Busy part of its cores, parts per million.
    pub cpu_ppm: u64,
    /// Largest mempool, bytes.
    pub mempool_bytes_max: u64,
    /// Most blocks that waited for ancestors.
    pub suspended_max: u64,
    /// Largest memory, bytes: ordering, ledger and log together.
    pub memory_max: u64,
    /// How full each of its stores ever was, seen once a second, and its limit.
    pub stores: [Store; STORES.len()],
    /// Journal: appends, bytes, syncs, and bytes held at the end.
    pub journal: [u64; 4],
    /// Live: processor time of its processes.
    pub cpu_ns: u64,
    /// Live: the same by stage.
    pub spent: Spent,
    /// Live: largest resident memory of its process, bytes.
    pub resident_max: u64,
}

/// The network over the whole run.
#[derive(Clone, Debug, Default)]
pub struct NetworkRecord {
    /// Messages by lane.
    pub messages: [u64; 3],
    /// Bytes by lane.
    pub bytes: [u64; 3],
    /// What each region sent to each other; empty live.
    pub links: Vec<LinkUse>,
    /// Packets lost (and sent again).
    pub packets_lost: u64,
    /// Datagrams sent; zero without QUIC, as what follows.
    pub datagrams: u64,
    /// Bytes of the datagrams, with IP and UDP headers.
    pub datagram_bytes: u64,
    /// Of the lost packets, those for which a queue had no room.
    pub datagrams_overflowed: u64,
    /// Packets that senders believed lost.
    pub retransmitted: u64,
    /// Connections established.
    pub connections: u64,
    /// Bytes of the network's own load that arrived, and when the last of them did.
    pub transferred: u64,
    /// See `transferred`.
    pub transferred_at: Timestamp,
    /// Messages that did not arrive: partition, or receiver down.
    pub undelivered: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Virtual time; live, time since the beginning.
    pub now: Timestamp,
    /// When arrivals end.
    pub end: Timestamp,
    /// Events handled.
    pub events: u64,
    /// Actions committed.
    pub committed: u64,
}

/// What a watcher of a run wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// End now: the run is partial.
    Stop,
}
