//! Stories of live clusters: real threads, sockets and disks on this host.

pub mod exchange;
mod operations;
mod ordering;
mod storage;

use super::*;
use crate::committee::tests::committee;
use crate::committee::{Committee, ReplicaId};
use crate::crypto::{Digest, SecretKey};
use crate::ledger::Ledger;
use crate::message::{Message, Reply, Request};
use crate::protocol::{PROTOCOLS, Tuning};
use crate::quic::{QuicTuning, Registry};
use crate::replica::{CommitReport, ReplicaConfig};
use crate::seam::{Output, Peer};
use crate::time::Duration;
use bytes::Bytes;
use crossbeam_channel::{Receiver, bounded};
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// Only a test that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(120);

/// What all machines of a test's consortium know.
pub struct Consortium {
    pub committee: Arc<Committee>,
    keys: Vec<SecretKey>,
    pub addresses: BTreeMap<Peer, SocketAddr>,
    registry: Registry,
    genesis_at: SystemTime,
    ledger: Option<Ledger>,
    directory: PathBuf,
}

/// A replica and what it has reported.
pub struct Running {
    pub handle: ReplicaHandle,
    reports: Receiver<Report>,
    commits: BTreeMap<u64, Digest>,
}

impl Consortium {
    fn new(replicas: usize) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("amanah-live-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let (committee, keys) = committee(&vec![1; replicas]);
        let peers: Vec<Peer> = committee.replicas().map(Peer::Replica).collect();
        Self {
            registry: Registry::of_committee(&committee),
            committee: Arc::new(committee),
            keys,
            addresses: free_addresses(&peers),
            genesis_at: SystemTime::now() - Duration::from_secs(10),
            ledger: None,
            directory,
        }
    }

    fn options(&self, id: u16) -> (ReplicaOptions, Receiver<Report>) {
        let (observer, reports) = bounded(1 << 20);
        let id = ReplicaId(id);
        let config = ReplicaConfig {
            committee: self.committee.clone(),
            id,
            key: self.keys[id.index()].clone(),
            protocol: PROTOCOLS[0].1,
            tuning: Tuning { leader_timeout: Duration::from_millis(200), ..Tuning::default() },
            checkpoint_interval: 1,
            journal_bytes_max: 4 << 20,
            ledger: self.ledger.clone(),
            forgot: false,
            #[cfg(feature = "seeded-bugs")]
            bug: None,
        };
        let options = ReplicaOptions {
            config,
            listen: self.addresses[&Peer::Replica(id)],
            peers: Arc::new(self.addresses.clone()),
            registry: Arc::new(self.registry.clone()),
            journal: self.directory.join(format!("r{}", id.0)),
            workers: usize::from(id.0.is_multiple_of(2)),
            genesis_at: self.genesis_at,
            observer: Some(observer),
            quic: QuicTuning::default(),
        };
        (options, reports)
    }

    fn start(&self, id: u16) -> Running {
        let (options, reports) = self.options(id);
        Running { handle: start_replica(options).unwrap(), reports, commits: BTreeMap::new() }
    }

    pub fn start_all(&self) -> Vec<Running> {
        self.committee.replicas().map(|replica| self.start(replica.0)).collect()
    }
}

impl Drop for Consortium {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Running {
    /// Takes reports until one satisfies.
    fn until(&mut self, mut satisfied: impl FnMut(&CommitReport) -> bool) {
        loop {
            let report = self.reports.recv_timeout(PATIENCE).expect("the replica commits");
            if let Output::Committed(report) = report.2 {
                self.commits.insert(report.index, report.digest);
                if satisfied(&report) {
                    return;
                }
            }
        }
    }

    fn submit(&self, payloads: impl Iterator<Item = u64>) -> usize {
        let messages: Vec<Bytes> = payloads.map(submission).collect();
        let count = messages.len();
        self.handle.local().submit(messages).unwrap();
        count
    }

    /// Waits for so many replies.
    fn replies(&self, count: usize) -> Vec<Reply> {
        let local = self.handle.local();
        let mut replies = Vec::new();
        while replies.len() < count {
            let (_, batch) = local.replies().recv_timeout(PATIENCE).expect("every submission is answered");
            replies.extend(batch.iter().map(|bytes| match Message::decode(bytes).unwrap() {
                Message::Reply(reply) => reply,
                other => panic!("{other:?}"),
            }));
        }
        assert_eq!(replies.len(), count);
        replies
    }
}

fn submission(number: u64) -> Bytes {
    let mut payload = vec![0; 512];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    Message::Request(Request::Submit(crate::codec::Blob::new(payload).unwrap())).encode()
}

/// Addresses that nobody used a moment ago.
fn free_addresses(peers: &[Peer]) -> BTreeMap<Peer, SocketAddr> {
    let sockets: Vec<UdpSocket> = peers.iter().map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    peers.iter().copied().zip(sockets.iter().map(|socket| socket.local_addr().unwrap())).collect()
}

fn assert_agreement(replicas: &[&Running]) {
    for pair in replicas.windows(2) {
        for (index, digest) in &pair[0].commits {
            assert!(pair[1].commits.get(index).is_none_or(|other| other == digest), "commit {index} differs");
        }
    }
}

fn all_ordered(replies: &[Reply]) -> bool {
    replies.iter().all(|reply| matches!(reply, Reply::Ordered { .. }))
}
