//! What a running process says of itself.

use super::LiveError;
use super::cpu::{Meter, Spent};
use crate::committee::ReplicaSet;
use crate::quic::{Counters, Refusal};
use crate::replica::ReplicaStatus;
use crate::seam::{JournalPosition, Peer};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// Figures, at most half a second old.
#[derive(Clone, Debug, Default)]
pub struct LiveStatus {
    /// Of the replica, if the process runs one.
    pub replica: ReplicaStatus,
    /// Of all QUIC hosts together.
    pub network: Counters,
    /// Other replicas that the (first) machine has a connection with.
    pub replicas_connected: usize,
    /// Journal entries ever made durable.
    pub durable: JournalPosition,
    /// Syncs of the journal.
    pub syncs: u64,
    /// Bytes written to the journal.
    pub journal_bytes: u64,
    /// Whether nothing is accepted because the disk is full.
    pub disk_full: bool,
    /// Submissions answered with `Busy` because the disk was full.
    pub refused: u64,
    /// Reports that the observer had no room for.
    pub unobserved: u64,
    /// Processor time of chores, nanoseconds.
    pub spent: Spent,
}

/// What the threads of a process share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    status: Mutex<LiveStatus>,
    connected: Mutex<ReplicaSet>,
    disk_full: AtomicBool,
    refused: AtomicU64,
    unobserved: AtomicU64,
    pub meter: Meter,
    failure: OnceLock<Arc<LiveError>>,
}

impl Shared {
    pub fn status(&self) -> LiveStatus {
        let mut status = self.status.lock().expect("nothing panics while it holds this").clone();
        status.disk_full = self.disk_full.load(Ordering::Acquire);
        status.refused = self.refused.load(Ordering::Relaxed);
        status.unobserved = self.unobserved.load(Ordering::Relaxed);
        status.spent = self.meter.spent();
        status.replicas_connected = self.replicas_connected().len() as usize;
        status
    }

    fn change(&self, change: impl FnOnce(&mut LiveStatus)) {
        change(&mut self.status.lock().expect("nothing panics while it holds this"));
    }

    pub fn publish_replica(&self, replica: ReplicaStatus) {
        self.change(|status| status.replica = replica);
    }

    pub fn publish_journal(&self, durable: JournalPosition, (syncs, bytes): (u64, u64)) {
        self.change(|status| (status.durable, status.syncs, status.journal_bytes) = (durable, syncs, bytes));
    }

    pub fn publish_network(&self, hosts: impl Iterator<Item = Counters>) {
        let total = hosts.fold(Counters::default(), add);
        self.change(|status| status.network = total);
    }

    pub fn connected(&self, machine: u32, peer: Peer, connected: bool) {
        let (0, Peer::Replica(replica)) = (machine, peer) else { return };
        let mut replicas = self.connected.lock().expect("nothing panics while it holds this");
        if connected {
            replicas.insert(replica);
        } else {
            replicas.remove(replica);
        }
    }

    pub fn replicas_connected(&self) -> ReplicaSet {
        *self.connected.lock().expect("nothing panics while it holds this")
    }

    pub fn set_disk_full(&self, full: bool) {
        self.disk_full.store(full, Ordering::Release);
    }

    pub fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub fn count_unobserved(&self) {
        if self.unobserved.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!("the observer is too slow: reports are lost");
        }
    }

    /// The first failure is the one that counts.
    pub fn fail(&self, error: LiveError) {
        let _ = self.failure.set(Arc::new(error));
    }

    pub fn failure(&self) -> Option<Arc<LiveError>> {
        self.failure.get().cloned()
    }
}

fn add(mut total: Counters, host: Counters) -> Counters {
    let Counters {
        datagrams_sent,
        datagrams_received,
        bytes_sent,
        bytes_received,
        garbage,
        packets_lost,
        dialled,
        accepted,
        disconnected,
        handshakes_failed,
        refused,
        shed,
        shed_bytes,
        queued_bytes,
        connections,
    } = host;
    total.datagrams_sent += datagrams_sent;
    total.datagrams_received += datagrams_received;
    total.bytes_sent += bytes_sent;
    total.bytes_received += bytes_received;
    total.garbage += garbage;
    total.packets_lost += packets_lost;
    total.dialled += dialled;
    total.accepted += accepted;
    total.disconnected += disconnected;
    total.handshakes_failed += handshakes_failed;
    (0..Refusal::ALL.len()).for_each(|reason| total.refused[reason] += refused[reason]);
    total.shed += shed;
    total.shed_bytes += shed_bytes;
    total.queued_bytes += queued_bytes;
    total.connections += connections;
    total
}
