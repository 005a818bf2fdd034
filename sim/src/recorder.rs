//! Turns what machines say into the run's history, in either world.
//!
//! In the simulated world everything is told in the order in which it happens. In the live one reports of replicas come
//! over streams of their own: a commit that is told before its predecessors waits for them, at most [`EARLY_MAX`] of
//! them, and the earliest time counts, whoever is heard first.

use crate::cpu::Spent;
use crate::document::inspect::Defect;
use crate::history::{
    CommitRecord, Decided, Divergence, EQUIVOCATIONS_MAX, Expected, FaultRecord, History, Hostility,
    NetworkRecord, Note, Operation, OperationKind, Release, ReplicaRecord, Second,
};
use ledger_core::audit::CheckpointBody;
use ledger_core::block::BlockRef;
use ledger_core::committee::{ReplicaId, ReplicaSet};
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Completion, End};
use ledger_core::replica::{ANSWERS_HELD_MAX, CommitReport, ENTRIES_HELD_MAX, ReplicaStatus};
use ledger_core::seam::{GatewayId, Observation, Peer};
use ledger_core::time::{Timestamp, nanos};
use std::collections::BTreeMap;

/// Reports of misbehaviour kept of each accused, so that a noisy one does not cover up for another.
const MISBEHAVIOUR_MAX: usize = 1000;
/// Checkpoints kept that contradict an earlier one.
const CONFLICTS_MAX: usize = 1000;
/// Defects of documents kept; more are counted only.
const DEFECTS_MAX: usize = 1000;
/// Commits told before their predecessors that wait for them; beyond it the gap is taken for one that nobody fills.
const EARLY_MAX: usize = 4096;

/// Commits that cannot be recorded yet, with what was said of each.
type Early = BTreeMap<u64, Vec<(Timestamp, ReplicaId, CommitReport)>>;

pub(crate) struct Recorder {
    history: History,
    /// When the warm-up began.
    start: Timestamp,
    /// Operations that have not ended.
    open: usize,
    committed: u64,
    /// Opaque submissions under way, by the hash of their bytes.
    submissions: BTreeMap<Digest, u64>,
    proposed: BTreeMap<BlockRef, Timestamp>,
    faults_active: u64,
    /// Last commit that each replica has reported.
    reported: Vec<u64>,
    early: Early,
    /// Reports of misbehaviour kept, by accused.
    accused: BTreeMap<Peer, usize>,
}

/// A replica when a run is over.
pub(crate) struct Last {
    /// `None` if it is down.
    pub status: Option<ReplicaStatus>,
    pub bytes_sent: u64,
    pub cpu_ppm: u64,
    pub journal: [u64; 4],
    pub cpu_ns: u64,
    pub spent: Spent,
    pub resident_max: u64,
}

impl Recorder {
    /// Of a run whose warm-up begins at `start`.
    pub fn new(replicas: usize, start: Timestamp) -> Self {
        let history = History {
            replicas: vec![ReplicaRecord::default(); replicas],
            series: vec![Second::default()],
            ..History::default()
        };
        Self {
            history,
            start,
            open: 0,
            committed: 0,
            submissions: BTreeMap::new(),
            proposed: BTreeMap::new(),
            faults_active: 0,
            reported: vec![0; replicas],
            early: Early::new(),
            accused: BTreeMap::new(),
        }
    }

    /// The warm-up begins.
    pub fn begin(&mut self, start: Timestamp) {
        self.start = start;
    }

    /// Whether every replica has reported a commit.
    pub fn heard_from_all(&self) -> bool {
        self.reported.iter().all(|last| *last > 0)
    }

    /// Operations without a row.
    pub fn counted(&mut self, at: Timestamp, scheduled: u64, committed: u64) {
        self.committed += committed;
        let second = self.second_of(at);
        second.scheduled += scheduled;
        second.committed += committed;
    }

    /// Whether every operation has ended.
    pub fn is_idle(&self) -> bool {
        self.open == 0
    }

    pub fn committed(&self) -> u64 {
        self.committed
    }

    fn second_of(&mut self, at: Timestamp) -> &mut Second {
        let index = (at.since(self.start).as_secs()) as usize;
        if self.history.series.len() <= index {
            self.history.series.resize_with(index + 1, Second::default);
        }
        &mut self.history.series[index]
    }

    pub fn started(&mut self, operation: u64, record: Operation) {
        debug_assert_eq!(operation, self.history.operations.len() as u64);
        self.second_of(record.scheduled).scheduled += record.actions;
        self.open += 1;
        self.history.operations.push(record);
    }

    pub fn submitted(&mut self, operation: u64, submission: Digest) {
        self.submissions.insert(submission, operation);
    }

    /// An opaque submission ended.
    pub fn answered(&mut self, at: Timestamp, submission: &Digest, end: End) -> Option<(u64, Completion)> {
        let operation = self.submissions.remove(submission)?;
        let completion = Completion {
            receipt_at: matches!(end, End::Done(_)).then_some(at),
            transaction: Some(*submission),
            ..Completion::new(operation, end)
        };
        self.completed(at, operation, &completion).then_some((operation, completion))
    }

    /// A replica crashed, or was down: what was submitted to it and is not answered is lost to its client.
    pub fn lost_with(&mut self, at: Timestamp, replica: usize) -> Vec<(u64, Completion)> {
        let lost: Vec<Digest> = self
            .submissions
            .iter()
            .filter(|(_, operation)| {
                self.history.operations[**operation as usize].gateway.0 == replica as u32
            })
            .map(|(submission, _)| *submission)
            .collect();
        lost.iter().filter_map(|submission| self.answered(at, submission, End::TimedOut)).collect()
    }

    /// Operations of a gateway that have not ended, and when they were scheduled.
    pub fn under_way_at(&self, gateway: GatewayId) -> Vec<(u64, Timestamp)> {
        let operations = (0..).zip(&self.history.operations);
        let open = operations.filter(|(_, row)| row.gateway == gateway && row.ended.is_none());
        open.map(|(operation, row)| (operation, row.scheduled)).collect()
    }

    /// What is to be expected of an operation, in hindsight.
    pub fn expect(&mut self, operation: u64, expected: Expected) {
        if let Some(record) = self.history.operations.get_mut(operation as usize) {
            record.expected = expected;
        }
    }

    /// A reader looked at a document that had been opened.
    pub fn read(&mut self, operation: u64, found: Result<(), Defect>) {
        let reading = &mut self.history.reading;
        reading.documents += 1;
        if let Err(defect) = found {
            reading.defective += 1;
            if reading.defects.len() < DEFECTS_MAX {
                reading.defects.push((operation, defect));
            }
        }
    }

    /// An operation ended. False if it had ended before.
    pub fn completed(&mut self, at: Timestamp, operation: u64, completion: &Completion) -> bool {
        let Some(record) = self.history.operations.get_mut(operation as usize) else { return false };
        if record.ended.is_some() {
            return false;
        }
        record.ended = Some((at, completion.end));
        record.receipt_at = completion.receipt_at;
        record.key_at = completion.key_at;
        record.transferred_at = completion.transferred_at;
        record.transaction = completion.transaction;
        record.log_index = completion.log_index;
        if let Some(receipt) = &completion.receipt {
            let gateway = Peer::Gateway(record.gateway);
            self.certified(gateway, receipt.checkpoint.body);
        }
        let Some(record) = self.history.operations.get_mut(operation as usize) else { return false };
        match (record.kind, &completion.receipt) {
            (OperationKind::Share | OperationKind::BreakGlass, _) => {
                record.decided = completion.answers.first().and_then(Decided::of);
            }
            (OperationKind::Audit, Some(receipt)) => record.proved = Some(receipt.entry.transaction),
            _ => {}
        }
        let shared = record.transferred_at.is_some() && matches!(completion.end, End::Done(_));
        let receipt = completion.receipt_at.filter(|_| completion.transaction.is_some());
        record.refused = completion.answers.iter().filter(|answer| answer.refusal().is_some()).count() as u64;
        let actions = record.actions;
        self.open -= 1;
        if let Some(receipt) = receipt {
            self.committed += actions;
            self.second_of(receipt).committed += actions;
        }
        if shared {
            self.second_of(at).shared += 1;
        }
        true
    }

    pub fn executed(&mut self, at: Timestamp, replica: ReplicaId, report: CommitReport) {
        if report.index > self.history.commits.len() as u64 + 1 {
            self.early.entry(report.index).or_default().push((at, replica, report));
            if self.early.len() > EARLY_MAX {
                self.give_up_gap();
            }
            return;
        }
        self.execute(at, replica, report);
        self.release_early();
    }

    /// What waited for commits that are there by now.
    fn release_early(&mut self) {
        while let Some(entry) = self.early.first_entry() {
            if *entry.key() > self.history.commits.len() as u64 + 1 {
                return;
            }
            for (at, replica, report) in entry.remove() {
                self.execute(at, replica, report);
            }
        }
    }

    /// Nobody tells of the next commits any more: what is known of them is that there were some.
    fn give_up_gap(&mut self) {
        let Some((next, reports)) = self.early.first_key_value() else { return };
        let (next, at) = (*next, reports.iter().map(|(at, ..)| *at).min().unwrap_or(self.start));
        while (self.history.commits.len() as u64) < next - 1 {
            self.history.unreported += 1;
            self.history.commits.push(CommitRecord {
                digest: Digest::default(),
                result: Digest::default(),
                roots: [Digest::default(); 2],
                time: at,
                first_at: at,
                decided: at,
                blocks: Vec::new(),
                replicas: ReplicaSet::default(),
            });
        }
        self.release_early();
    }

    fn execute(&mut self, at: Timestamp, replica: ReplicaId, report: CommitReport) {
        let proposals: Vec<(u64, Option<Timestamp>)> =
            report.blocks.iter().map(|(block, first)| (*first, self.proposed.get(block).copied())).collect();
        for (own, _) in report.blocks.iter().filter(|(block, _)| block.author == replica) {
            if let Some(proposed) = self.proposed.remove(own) {
                self.history.commit_latencies.push((at, at.since(proposed).as_nanos() as u64));
            }
        }
        let executes = report.executed.iter().any(|done| !done.answers.is_empty());
        let result = result_of(&report, executes);
        let index = report.index as usize - 1;
        let commits = &mut self.history.commits;
        debug_assert!(index <= commits.len(), "what comes early waits");
        if let Some(first) = commits.get_mut(index).filter(|first| !first.replicas.is_empty()) {
            first.first_at = first.first_at.min(at);
            let order = first.digest != report.digest;
            if order || first.result != result {
                let what = format!(
                    "{replica} executed commit {} otherwise than the first: {:?}/{:?} where {:?}/{:?}",
                    report.index, report.digest, result, first.digest, first.result
                );
                let divergence = Divergence { at, replica, commit: report.index, order, what };
                self.history.divergences.push(divergence);
            } else {
                first.replicas.insert(replica);
            }
        } else {
            let mut replicas = ReplicaSet::default();
            replicas.insert(replica);
            let record = CommitRecord {
                digest: report.digest,
                result,
                roots: [report.log_root, report.state_root],
                time: report.time,
                first_at: at,
                decided: Timestamp(at.0.saturating_sub(nanos(report.took))),
                blocks: if executes { proposals } else { Vec::new() },
                replicas,
            };
            match commits.get_mut(index) {
                // Given up too early.
                Some(gap) => {
                    *gap = record;
                    self.history.unreported -= 1;
                }
                None => commits.push(record),
            }
            if executes {
                let executed = report.executed.into_iter().map(|done| (report.index, done));
                self.history.executed.extend(executed);
                self.reported[replica.index()] = report.index;
                return;
            }
        }
        let last = &mut self.reported[replica.index()];
        let again = report.index <= *last;
        *last = report.index.max(*last);
        if !executes && !again {
            // Ordering alone: each replica reports its own items; after a restart, again.
            self.history.executed.extend(report.executed.into_iter().map(|done| (report.index, done)));
        }
    }

    pub fn observed(&mut self, at: Timestamp, by: Peer, observation: Observation) {
        match (observation, by) {
            (Observation::KeyReleased { access, record, to, asked_at }, Peer::Gateway(by)) => {
                self.history.releases.push(Release { at, asked_at, by, to, access, record });
            }
            (Observation::DocumentOpened { access, record, .. }, Peer::Gateway(by)) => {
                self.history.opened.push((at, by, access, record));
            }
            (Observation::Proposed(block), _) => {
                self.proposed.insert(block, at);
            }
            (Observation::Equivocation(first, second), Peer::Replica(replica)) => {
                if self.history.equivocations.len() < EQUIVOCATIONS_MAX {
                    self.history.equivocations.push((replica, first, second));
                }
            }
            (Observation::Certified(body), Peer::Replica(_)) => self.certified(by, *body),
            (Observation::Misbehaviour { from, what }, _) => {
                let reports = self.accused.entry(from).or_default();
                if *reports < MISBEHAVIOUR_MAX {
                    *reports += 1;
                    self.history.misbehaviour.push((at, by, from, what));
                }
            }
            (
                Observation::KeyReleased { .. }
                | Observation::DocumentOpened { .. }
                | Observation::Equivocation(..)
                | Observation::Decided(_)
                | Observation::Accounted { .. }
                | Observation::Certified(_),
                _,
            ) => {}
        }
    }

    /// A quorum signed a checkpoint, as somebody has it.
    fn certified(&mut self, by: Peer, body: CheckpointBody) {
        let checkpoints = &mut self.history.checkpoints;
        let first = checkpoints.by_commit.entry(body.commit).or_insert_with(|| body);
        if *first != body && checkpoints.conflicts.len() < CONFLICTS_MAX {
            checkpoints.conflicts.push((by, body));
        }
    }

    /// What hostile machines did.
    pub fn hostility(&mut self) -> &mut Hostility {
        &mut self.history.hostility
    }

    /// What a workload has to say.
    pub fn note(&mut self, notes: Vec<Note>) {
        notes.into_iter().for_each(|note| self.history.domain.note(note));
    }

    pub fn undelivered(&mut self, messages: u64) {
        self.history.network.undelivered += messages;
    }

    /// Some of the network's own load arrived.
    pub fn transferred(&mut self, at: Timestamp, bytes: u64) {
        self.history.network.transferred += bytes;
        self.history.network.transferred_at = at;
    }

    pub fn struck(&mut self, fault: usize, at: Timestamp) {
        self.faults_active += 1;
        self.history.faults.push(FaultRecord { fault, at, healed: None });
    }

    pub fn healed(&mut self, fault: usize, at: Timestamp) {
        self.faults_active -= 1;
        if let Some(record) = self.history.faults.iter_mut().rev().find(|record| record.fault == fault) {
            record.healed = Some(at);
        }
    }

    /// Faults that have struck and are not healed, by their rows in the plan.
    pub fn faults_in_force(&self) -> Vec<usize> {
        let faults = self.history.faults.iter();
        faults.filter(|record| record.healed.is_none()).map(|record| record.fault).collect()
    }

    /// It cannot be started any more.
    pub fn stays_down(&mut self, replica: usize, why: String) {
        self.history.replicas[replica].stays_down = Some(why);
    }

    pub fn restarted(&mut self, replica: usize) {
        self.history.replicas[replica].restarts += 1;
    }

    /// A second is over.
    pub fn second(
        &mut self,
        now: Timestamp,
        statuses: impl Iterator<Item = Option<ReplicaStatus>>,
        resident_bytes: u64,
    ) {
        let mut largest = (0, 0, 0);
        for (record, status) in self.history.replicas.iter_mut().zip(statuses) {
            let Some(status) = status else { continue };
            record.mempool_bytes_max = record.mempool_bytes_max.max(status.protocol.mempool_bytes as u64);
            record.suspended_max = record.suspended_max.max(status.protocol.suspended as u64);
            for (most, store) in record.stores.iter_mut().zip(status.stores) {
                if store.held > most.held || most.most == 0 {
                    *most = store;
                }
            }
            let memory = status.ordering_bytes + status.ledger_bytes + status.log_bytes;
            record.memory_max = record.memory_max.max(memory as u64);
            largest.0 = largest.0.max(status.ordering_bytes as u64);
            largest.1 = largest.1.max(status.ledger_bytes as u64);
            largest.2 = largest.2.max(status.log_bytes as u64);
        }
        let faults = self.faults_active;
        let second = self.second_of(Timestamp(now.0.saturating_sub(1)));
        (second.ordering_bytes, second.ledger_bytes, second.log_bytes) = largest;
        second.faults = faults;
        second.resident_bytes = resident_bytes;
    }

    /// Log indices of acknowledged transactions, evenly spread over the last ones: replicas hold no older entries. What
    /// they hold is bounded in entries and in the answers of these ([`ENTRIES_HELD_MAX`], [`ANSWERS_HELD_MAX`]); half of it
    /// is sampled, because other entries than acknowledged ones may lie between and after them.
    pub fn acknowledged_sample(&self, count: usize) -> Vec<u64> {
        let acknowledged = self.history.operations.iter();
        let acknowledged =
            acknowledged.filter_map(|record| Some((record.log_index?, record.actions as usize)));
        let acknowledged: BTreeMap<u64, usize> = acknowledged.collect();
        let mut answers = 0;
        let held = acknowledged.iter().rev().take(ENTRIES_HELD_MAX / 2).take_while(|(_, actions)| {
            answers += **actions;
            answers <= ANSWERS_HELD_MAX / 2
        });
        let recent: Vec<u64> = held.map(|(index, _)| *index).collect();
        let step = recent.len().div_ceil(count).max(1);
        recent.into_iter().step_by(step).collect()
    }

    /// The history. What `network` says of undelivered messages is added to what was recorded; transfers are as recorded.
    pub fn finish(mut self, replicas: Vec<Last>, network: NetworkRecord) -> History {
        while !self.early.is_empty() {
            self.give_up_gap();
        }
        let mut history = self.history;
        history.place_operations();
        for (record, last) in history.replicas.iter_mut().zip(replicas) {
            record.up = last.status.is_some();
            record.status = last.status.unwrap_or_default();
            record.bytes_sent = last.bytes_sent;
            record.cpu_ppm = last.cpu_ppm;
            record.journal = last.journal;
            record.cpu_ns = last.cpu_ns;
            record.spent = last.spent;
            record.resident_max = last.resident_max;
        }
        let NetworkRecord { undelivered, transferred, transferred_at, .. } = history.network;
        let undelivered = undelivered + network.undelivered;
        history.network = NetworkRecord { undelivered, transferred, transferred_at, ..network };
        history
    }
}

/// Hash of what executing a commit did. Where nothing is executed, replicas report their own items only.
fn result_of(report: &CommitReport, executes: bool) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&report.state_root.0).update(&report.log_root.0).update(&report.time.0.to_le_bytes());
    if executes {
        for done in &report.executed {
            hasher.update(&done.transaction.0).update(&done.index.to_le_bytes());
            hasher.update(&ledger_core::codec::encode(&done.answers));
        }
    }
    Digest(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(index: u64, what: &[u8]) -> CommitReport {
        CommitReport {
            index,
            digest: Digest::sha256(&[what, &index.to_le_bytes()]),
            state_root: Digest::default(),
            log_root: Digest::default(),
            time: Timestamp(index),
            blocks: Vec::new(),
            took: std::time::Duration::ZERO,
            executed: Vec::new(),
        }
    }

    fn finish(recorder: Recorder) -> History {
        recorder.finish(Vec::new(), NetworkRecord::default())
    }

    #[test]
    fn what_is_told_early_waits_and_the_earliest_time_counts() {
        let mut recorder = Recorder::new(2, Timestamp::ZERO);
        let (ahead, behind) = (ReplicaId(0), ReplicaId(1));
        recorder.executed(Timestamp(30), ahead, report(3, b"x"));
        recorder.executed(Timestamp(20), ahead, report(2, b"x"));
        assert!(recorder.history.commits.is_empty() && !recorder.heard_from_all());
        for index in 1..=3 {
            recorder.executed(Timestamp(25), behind, report(index, b"x"));
        }
        let history = finish(recorder);
        let times: Vec<u64> = history.commits.iter().map(|commit| commit.first_at.0).collect();
        assert_eq!(times, [25, 20, 25]);
        assert_eq!((history.unreported, history.divergences.len()), (0, 0));
        assert_eq!(history.commits.iter().map(|commit| commit.replicas.len()).collect::<Vec<_>>(), [1, 2, 2]);
    }

    #[test]
    fn a_gap_that_nobody_fills_is_counted_and_hides_no_divergence() {
        let mut recorder = Recorder::new(2, Timestamp::ZERO);
        recorder.executed(Timestamp(1), ReplicaId(0), report(1, b"x"));
        recorder.executed(Timestamp(4), ReplicaId(0), report(4, b"x"));
        recorder.executed(Timestamp(5), ReplicaId(1), report(4, b"y"));
        let history = finish(recorder);
        assert_eq!((history.commits.len(), history.unreported), (4, 2));
        assert_eq!(history.divergences.len(), 1);
        assert!(history.commits[1].replicas.is_empty());
    }

    #[test]
    fn seconds_count_from_the_start() {
        let mut recorder = Recorder::new(1, Timestamp::ZERO);
        recorder.begin(Timestamp(5_000_000_000));
        recorder.counted(Timestamp(6_500_000_000), 3, 2);
        recorder.second(Timestamp(7_000_000_000), std::iter::once(None), 77);
        let history = finish(recorder);
        assert_eq!((history.series[1].scheduled, history.series[1].committed), (3, 2));
        assert_eq!(history.series[1].resident_bytes, 77);
    }
}
