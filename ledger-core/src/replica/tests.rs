//! Four replicas, a queue between them, and disks that forget what was not synced.

use super::*;
use crate::block::Round;
use crate::codec::Blob;
use crate::committee::tests::committee;
use crate::crypto::BatchVerifier;
use crate::message::{Reply, Request};
use crate::protocol::PROTOCOLS;
use crate::time::Duration;
use std::collections::BTreeMap;

/// A replica with its disk.
struct Host {
    config: ReplicaConfig,
    machine: Option<Replica>,
    journal: Vec<JournalEntry>,
    truncated: u64,
    durable: usize,
    persists: usize,
}

struct Cluster {
    hosts: Vec<Host>,
    now: Timestamp,
    wire: VecDeque<(usize, Peer, Bytes)>,
    /// What each replica signed and sent, by round.
    signed: BTreeMap<(usize, Round), BlockRef>,
    commits: Vec<BTreeMap<u64, Digest>>,
    ordered: usize,
    /// Crash this replica when it has written so often: before the write is synced, or after.
    crash: Option<(usize, usize, bool)>,
}

impl Cluster {
    fn new(journal_bytes_max: u64) -> Self {
        let (committee, keys) = committee(&[1; 4]);
        let committee = Arc::new(committee);
        let hosts = keys
            .iter()
            .enumerate()
            .map(|(index, key)| Host {
                config: ReplicaConfig {
                    committee: committee.clone(),
                    id: ReplicaId(index as u16),
                    key: key.clone(),
                    protocol: PROTOCOLS[0].1,
                    tuning: Tuning {
                        gc_depth: 20,
                        min_round_interval: Duration::from_millis(25),
                        ..Tuning::default()
                    },
                    checkpoint_interval: 1,
                    journal_bytes_max,
                    ledger: None,
                    #[cfg(feature = "seeded-bugs")]
                    bug: None,
                },
                machine: None,
                journal: Vec::new(),
                truncated: 0,
                durable: 0,
                persists: 0,
            })
            .collect();
        let mut cluster = Self {
            hosts,
            now: Timestamp::ZERO,
            wire: VecDeque::new(),
            signed: BTreeMap::new(),
            commits: vec![BTreeMap::new(); 4],
            ordered: 0,
            crash: None,
        };
        for index in 0..4 {
            cluster.boot(index);
        }
        cluster
    }

    fn boot(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.journal.truncate(host.durable);
        let journal = JournalPosition(host.truncated);
        host.machine =
            Some(Replica::new(host.config.clone(), self.now, journal, host.journal.clone()).unwrap());
        self.drain(index);
    }

    fn stop(&mut self, index: usize) {
        self.hosts[index].machine = None;
        self.wire.retain(|(to, _, _)| *to != index);
    }

    fn handle(&mut self, index: usize, input: Input) {
        if let Some(machine) = &mut self.hosts[index].machine {
            machine.handle(self.now, input);
            self.drain(index);
        }
    }

    fn drain(&mut self, index: usize) {
        let mut durable = None;
        while let Some(output) = self.hosts[index].machine.as_mut().and_then(Replica::poll_output) {
            match output {
                Output::Send { to: Peer::Replica(to), bytes, .. } => {
                    self.wire.push_back((to.index(), Peer::Replica(ReplicaId(index as u16)), bytes));
                }
                Output::Send { bytes, .. } => {
                    let reply = Message::decode(&bytes).unwrap();
                    self.ordered += usize::from(matches!(reply, Message::Reply(Reply::Ordered { .. })));
                }
                Output::Broadcast { bytes, .. } => {
                    if let Ok(Message::Block(block)) = Message::decode(&bytes) {
                        let committee = self.hosts[index].config.committee.clone();
                        let block = Block::from_journal(&committee, block).unwrap().reference();
                        let first = *self.signed.entry((index, block.round)).or_insert(block);
                        assert_eq!(first, block, "replica {index} signed two blocks");
                    }
                    for to in (0..4).filter(|to| *to != index) {
                        self.wire.push_back((to, Peer::Replica(ReplicaId(index as u16)), bytes.clone()));
                    }
                }
                Output::Persist { position, entry, sync } => {
                    let host = &mut self.hosts[index];
                    host.journal.push(entry);
                    assert_eq!(position.0, host.truncated + host.journal.len() as u64);
                    host.persists += 1;
                    let crash = self.crash.filter(|(who, at, _)| *who == index && *at == host.persists);
                    if let Some((_, _, synced)) = crash {
                        if synced {
                            host.durable = host.journal.len();
                        }
                        self.crash = None;
                        self.stop(index);
                        return self.boot(index);
                    }
                    if sync {
                        host.durable = host.journal.len();
                        durable = Some(position);
                    }
                }
                Output::Truncate(before) => {
                    let host = &mut self.hosts[index];
                    let gone = (before.0 - host.truncated) as usize;
                    host.journal.drain(..gone);
                    host.durable -= gone;
                    host.truncated = before.0;
                }
                Output::Verify(job, work) => {
                    let finding = work.run(&self.hosts[index].config.committee, &mut BatchVerifier);
                    self.handle(index, Input::Verified(job, finding));
                }
                Output::Committed(report) => {
                    let first = *self.commits[index].entry(report.index).or_insert(report.digest);
                    assert_eq!(first, report.digest, "replica {index} committed {} twice", report.index);
                }
                Output::Observed(Observation::Misbehaviour { what, .. }) => panic!("{what}"),
                Output::Observed(_) => {}
                Output::Store(..) | Output::Load(_) | Output::Completed(_) => unreachable!(),
            }
        }
        if let Some(position) = durable {
            self.handle(index, Input::Durable(position));
        }
    }

    fn submit(&mut self, index: usize, payload: u32) {
        let bytes = Blob::new(payload.to_le_bytes().to_vec()).unwrap();
        let bytes = Message::Request(Request::Submit(bytes)).encode();
        self.handle(index, Input::Message { from: Peer::Local, bytes });
    }

    /// Runs for a while: a message takes a millisecond.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + Duration::from_millis(1);
            for _ in 0..self.wire.len() {
                if let Some((to, from, bytes)) = self.wire.pop_front() {
                    self.handle(to, Input::Message { from, bytes });
                }
            }
            for index in 0..4 {
                let machine = &mut self.hosts[index].machine;
                if let Some(machine) = machine
                    && machine.poll_timeout().is_some_and(|at| at <= self.now)
                {
                    machine.handle_timeout(self.now);
                    self.drain(index);
                }
            }
        }
    }

    /// No two replicas committed differently; the shortest sequence.
    fn agreed(&self) -> u64 {
        let last = |commits: &BTreeMap<u64, Digest>| commits.last_key_value().map_or(0, |(index, _)| *index);
        for commits in &self.commits {
            for (index, digest) in commits {
                for others in &self.commits {
                    assert!(others.get(index).is_none_or(|other| other == digest), "commit {index} differs");
                }
            }
        }
        self.commits.iter().map(last).min().unwrap()
    }
}

#[test]
fn a_crash_at_any_write_never_signs_twice_and_never_stops_the_others() {
    // The first write happens while the replica starts.
    for write in 2..40 {
        for synced in [false, true] {
            let mut cluster = Cluster::new(u64::MAX);
            cluster.crash = Some((0, write, synced));
            for payload in 0..8 {
                cluster.submit((payload % 3) as usize + 1, payload);
            }
            cluster.run(Duration::from_secs(1));
            assert_eq!(cluster.crash, None, "write {write} was reached");
            let agreed = cluster.agreed();
            cluster.run(Duration::from_secs(2));
            assert!(
                cluster.agreed() > agreed + 50,
                "write {write} synced {synced}: commits go on after {agreed}"
            );
            assert_eq!(cluster.ordered, 8);
        }
    }
}

#[test]
fn all_crash_at_once_and_go_on_from_their_disks() {
    let mut cluster = Cluster::new(u64::MAX);
    cluster.run(Duration::from_secs(1));
    let before: Vec<u64> = cluster.commits.iter().map(|commits| commits.len() as u64).collect();
    for index in 0..4 {
        cluster.stop(index);
    }
    for index in 0..4 {
        cluster.boot(index);
    }
    cluster.run(Duration::from_secs(3));
    assert!(cluster.agreed() > before.iter().max().unwrap() + 20);
}

#[test]
fn a_replica_far_behind_catches_up_from_a_snapshot() {
    let mut cluster = Cluster::new(u64::MAX);
    cluster.run(Duration::from_millis(300));
    cluster.stop(3);
    // Many times the window of 20 rounds.
    cluster.run(Duration::from_secs(10));
    let ahead = cluster.commits[0].len();
    cluster.boot(3);
    cluster.run(Duration::from_secs(8));
    let caught_up = cluster.agreed();
    assert!(caught_up as usize > ahead, "{caught_up} after {ahead}");
    let skipped = (1..caught_up).filter(|index| !cluster.commits[3].contains_key(index)).count();
    assert!(skipped > 0, "a snapshot was installed");
}

#[test]
fn the_journal_stays_short_and_is_enough_to_restart() {
    let mut cluster = Cluster::new(64 * 1024);
    for payload in 0..2000 {
        cluster.submit(payload as usize % 4, payload);
        if payload % 10 == 0 {
            cluster.run(Duration::from_millis(20));
        }
    }
    cluster.run(Duration::from_secs(1));
    let held: usize = cluster.hosts[0].journal.iter().map(JournalEntry::len).sum();
    assert!(cluster.hosts[0].truncated > 0, "snapshots were written");
    assert!(held < 512 * 1024, "{held} bytes of journal");
    let before = cluster.agreed();
    for index in 0..4 {
        cluster.stop(index);
    }
    for index in 0..4 {
        cluster.boot(index);
    }
    cluster.run(Duration::from_secs(3));
    assert!(cluster.agreed() > before + 20);
}
