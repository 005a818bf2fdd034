//! Turns what machines say into the run's history.

use super::node::Node;
use super::transport::Transport;
use crate::history::{
    CommitRecord, Divergence, Expected, FaultRecord, History, Operation, Release, ReplicaRecord, Second,
};
use crate::network::HostId;
use ledger_core::block::BlockRef;
use ledger_core::committee::{ReplicaId, ReplicaSet};
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Completion, End};
use ledger_core::replica::{CommitReport, ReplicaStatus};
use ledger_core::seam::{Observation, Peer};
use ledger_core::time::Timestamp;
use std::collections::BTreeMap;

/// Misbehaviour reports kept; more are counted only.
const MISBEHAVIOUR_MAX: usize = 1000;

pub(super) struct Recorder {
    history: History,
    /// Operations that have not ended.
    open: usize,
    committed: u64,
    /// Opaque submissions under way, by the hash of their bytes.
    submissions: BTreeMap<Digest, u64>,
    proposed: BTreeMap<BlockRef, Timestamp>,
    faults_active: u64,
    /// Last commit that each replica has reported.
    reported: Vec<u64>,
}

impl Recorder {
    pub fn new(replicas: usize) -> Self {
        let history = History {
            replicas: vec![ReplicaRecord::default(); replicas],
            series: vec![Second::default()],
            ..History::default()
        };
        Self {
            history,
            open: 0,
            committed: 0,
            submissions: BTreeMap::new(),
            proposed: BTreeMap::new(),
            faults_active: 0,
            reported: vec![0; replicas],
        }
    }

    /// Whether every operation has ended.
    pub fn is_idle(&self) -> bool {
        self.open == 0
    }

    pub fn committed(&self) -> u64 {
        self.committed
    }

    fn second_of(&mut self, at: Timestamp) -> &mut Second {
        let index = (at.0 / 1_000_000_000) as usize;
        if self.history.series.len() <= index {
            self.history.series.resize_with(index + 1, Second::default);
        }
        &mut self.history.series[index]
    }

    pub fn started(&mut self, operation: u64, record: Operation) {
        debug_assert_eq!(operation, self.history.operations.len() as u64);
        self.second_of(record.scheduled).scheduled += 1;
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
            operation,
            end,
            receipt_at: matches!(end, End::Done(_)).then_some(at),
            key_at: None,
            transferred_at: None,
            transaction: Some(*submission),
            log_index: None,
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

    /// What is to be expected of an operation, in hindsight.
    pub fn expect(&mut self, operation: u64, expected: Expected) {
        if let Some(record) = self.history.operations.get_mut(operation as usize) {
            record.expected = expected;
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
        let shared = record.transferred_at.is_some() && matches!(completion.end, End::Done(_));
        let receipt = completion.receipt_at.filter(|_| completion.transaction.is_some());
        self.open -= 1;
        if let Some(receipt) = receipt {
            self.committed += 1;
            self.second_of(receipt).committed += 1;
        }
        if shared {
            self.second_of(at).shared += 1;
        }
        true
    }

    pub fn executed(&mut self, at: Timestamp, replica: ReplicaId, report: CommitReport) {
        for own in &report.own {
            if let Some(proposed) = self.proposed.remove(own) {
                self.history.commit_latencies.push((at, at.since(proposed).as_nanos() as u64));
            }
        }
        let executes = report.executed.iter().any(|done| done.outcome.is_some());
        let result = result_of(&report, executes);
        let index = report.index as usize - 1;
        let commits = &mut self.history.commits;
        debug_assert!(index <= commits.len(), "replicas execute without gaps from what they restored");
        if let Some(first) = commits.get_mut(index) {
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
            let record =
                CommitRecord { digest: report.digest, result, time: report.time, first_at: at, replicas };
            commits.push(record);
            if executes {
                self.history.executed.extend(report.executed.iter().map(|done| (report.index, *done)));
            }
        }
        let last = &mut self.reported[replica.index()];
        let again = report.index <= *last;
        *last = report.index.max(*last);
        if !executes && !again {
            // Ordering alone: each replica reports its own items; after a restart, again.
            self.history.executed.extend(report.executed.iter().map(|done| (report.index, *done)));
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
                self.history.equivocations.push((replica, first, second));
            }
            (Observation::Misbehaviour { from, what }, _) => {
                if self.history.misbehaviour.len() < MISBEHAVIOUR_MAX {
                    self.history.misbehaviour.push((at, by, from, what));
                }
            }
            (
                Observation::KeyReleased { .. }
                | Observation::DocumentOpened { .. }
                | Observation::Equivocation(..)
                | Observation::Certified { .. },
                _,
            ) => {}
        }
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

    pub fn restarted(&mut self, replica: usize) {
        self.history.replicas[replica].restarts += 1;
    }

    /// A second is over.
    pub fn second(&mut self, now: Timestamp, statuses: impl Iterator<Item = Option<ReplicaStatus>>) {
        let mut largest = (0, 0, 0);
        for (record, status) in self.history.replicas.iter_mut().zip(statuses) {
            let Some(status) = status else { continue };
            record.mempool_bytes_max = record.mempool_bytes_max.max(status.protocol.mempool_bytes as u64);
            record.suspended_max = record.suspended_max.max(status.protocol.suspended as u64);
            let memory = status.ordering_bytes + status.ledger_bytes + status.log_bytes;
            record.memory_max = record.memory_max.max(memory as u64);
            largest.0 = largest.0.max(status.ordering_bytes as u64);
            largest.1 = largest.1.max(status.ledger_bytes as u64);
            largest.2 = largest.2.max(status.log_bytes as u64);
        }
        let faults = self.faults_active;
        let second = self.second_of(Timestamp(now.0 - 1));
        (second.ordering_bytes, second.ledger_bytes, second.log_bytes) = largest;
        second.faults = faults;
        second.resident_bytes = resident_bytes();
    }

    /// Log indices of acknowledged transactions, evenly spread over the last ones (older entries are not held).
    pub fn acknowledged_sample(&self, count: usize) -> Vec<u64> {
        let mut indices: Vec<u64> =
            self.history.operations.iter().filter_map(|record| record.log_index).collect();
        indices.sort_unstable();
        indices.dedup();
        let recent = indices.len().saturating_sub(32 * 1024);
        let indices = &indices[recent..];
        let step = indices.len().div_ceil(count).max(1);
        indices.iter().rev().step_by(step).copied().collect()
    }

    pub fn finish(self, nodes: &[Node], replicas: usize, transport: &Transport, now: Timestamp) -> History {
        let mut history = self.history;
        for (record, node) in history.replicas.iter_mut().zip(&nodes[..replicas]) {
            let status = node.replica_status();
            record.up = status.is_some();
            record.status = status.unwrap_or_default();
            record.bytes_sent = node.bytes_sent;
            let machine_ppm = node.machine_busy.as_nanos() * 1_000_000 / u128::from(now.0.max(1));
            record.cpu_ppm = node.cpu.utilisation_ppm(now).max(machine_ppm as u64);
            let disk = node.disk.counters();
            let held = node.disk.entries().map(|entry| entry.len() as u64).sum();
            record.journal = [disk.appends, disk.bytes, disk.syncs, held];
        }
        let network = &mut history.network;
        match transport {
            Transport::Message(link) => {
                let counters = link.counters();
                network.messages = counters.map(|lane| lane.messages);
                network.bytes = counters.map(|lane| lane.bytes);
                network.packets_lost = counters.iter().map(|lane| lane.packets_lost).sum();
            }
            Transport::Quic(quic) => {
                let totals = quic.totals();
                network.messages = totals.messages;
                network.bytes = totals.bytes;
                network.packets_lost = totals.udp.lost + totals.udp.overflowed;
                network.datagrams = totals.udp.datagrams;
                network.datagram_bytes = totals.udp.bytes;
                network.datagrams_overflowed = totals.udp.overflowed;
                network.retransmitted = totals.retransmitted;
                network.connections = totals.connections;
                for (index, record) in history.replicas.iter_mut().enumerate() {
                    let busy = u128::from(quic.core_busy_ns(HostId(index as u32)));
                    let ppm = (busy * 1_000_000 / u128::from(now.0.max(1))) as u64;
                    record.cpu_ppm = record.cpu_ppm.max(ppm);
                }
            }
        }
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
            hasher.update(&ledger_core::codec::encode(&done.outcome));
        }
    }
    Digest(*hasher.finalize().as_bytes())
}

/// Resident memory of this process.
fn resident_bytes() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let pages: u64 = status.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
