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
    /// Review: how long checking transactions takes at each replica, and what is under way.
    slow: [Duration; 4],
    later: Vec<(Timestamp, usize, Input)>,
    /// How long executing takes at each replica.
    slow_execution: [Duration; 4],
    /// What each replica answered about permits: in which state.
    permits: [Vec<u64>; 4],
    /// At each replica: transactions' signatures verified, and jobs that did.
    verified: [(u64, usize); 4],
    /// Receipts that went out.
    receipts: usize,
    /// Review: cut off from the others.
    cut: Option<usize>,
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
                    forgot: false,
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
            slow: [Duration::ZERO; 4],
            slow_execution: [Duration::ZERO; 4],
            permits: Default::default(),
            later: Vec::new(),
            verified: [(0, 0); 4],
            receipts: 0,
            cut: None,
        };
        for index in 0..4 {
            cluster.boot(index);
        }
        cluster
    }

    fn with_ledger(journal_bytes_max: u64) -> Self {
        let mut cluster = Self::new(journal_bytes_max);
        cluster.wire.clear();
        cluster.signed.clear();
        for index in 0..4 {
            let host = &mut cluster.hosts[index];
            host.config.tuning.gc_depth = 60;
            host.config.ledger = Some(Ledger::genesis(Default::default()).build());
            (host.journal, host.durable, host.persists) = (Vec::new(), 0, 0);
            host.machine = None;
        }
        for index in 0..4 {
            cluster.boot(index);
        }
        cluster
    }

    /// Runs under load: every replica gets an item every 20 ms.
    fn load(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            for index in 0..4 {
                let item = Bytes::from((self.now.0 * 4 + index as u64).to_le_bytes().to_vec());
                if let Some(machine) = &mut self.hosts[index].machine {
                    let now = self.now + Duration::from_millis(index as u64 * 6);
                    machine.protocol.submit(now, item).unwrap();
                    machine.pump(now);
                    self.drain(index);
                }
            }
            self.run(Duration::from_millis(20));
        }
    }

    fn boot(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        host.journal.truncate(host.durable);
        let journal = JournalPosition(host.truncated);
        host.machine = Some(
            Replica::new(
                host.config.clone(),
                self.now + Duration::from_millis(index as u64 * 6),
                journal,
                host.journal.clone(),
            )
            .unwrap(),
        );
        self.drain(index);
    }

    fn stop(&mut self, index: usize) {
        self.hosts[index].machine = None;
        self.later.retain(|(_, to, _)| *to != index);
        self.wire.retain(|(to, _, _)| *to != index);
    }

    fn handle(&mut self, index: usize, input: Input) {
        if let Some(machine) = &mut self.hosts[index].machine {
            machine.handle(self.now + Duration::from_millis(index as u64 * 6), input);
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
                    if let Message::Reply(Reply::PermitStatus { commit, .. }) = reply {
                        self.permits[index].push(commit);
                    }
                    self.receipts += usize::from(matches!(reply, Message::Reply(Reply::Receipt(_))));
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
                    if matches!(work, Work::Submissions(_) | Work::Transactions(_)) {
                        let (signatures, jobs) = &mut self.verified[index];
                        *signatures += work.effort().signatures;
                        *jobs += 1;
                    }
                    if matches!(work, Work::Transactions(..) | Work::Votes(..))
                        && self.hosts[index].config.ledger.is_some()
                    {
                        let slow = matches!(work, Work::Transactions(..)).then_some(self.slow[index]);
                        let at = self.now + slow.unwrap_or_default();
                        self.later.push((at, index, Input::Verified(job, finding)));
                        continue;
                    }
                    self.handle(index, Input::Verified(job, finding));
                }
                Output::Execute(mut executing) => {
                    executing.run();
                    let takes = self.slow_execution[index];
                    if takes.is_zero() {
                        self.handle(index, Input::Executed(executing));
                    } else {
                        self.later.push((self.now + takes, index, Input::Executed(executing)));
                    }
                }
                Output::Committed(report) => {
                    let result = [report.digest, report.state_root, report.log_root];
                    let result = Digest::sha256(&result.each_ref().map(|digest| &digest.0[..]));
                    let first = *self.commits[index].entry(report.index).or_insert(result);
                    assert_eq!(first, result, "replica {index} committed {} twice", report.index);
                }
                Output::Observed(Observation::Misbehaviour { what, .. }) => panic!("{what}"),
                Output::Observed(_) => {}
                Output::Store(..) | Output::Load(_) | Output::Erase(_) | Output::Completed(_) => {
                    unreachable!()
                }
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
            let due: Vec<_> = self.later.extract_if(.., |(at, ..)| *at <= self.now).collect();
            for (_, index, input) in due {
                self.handle(index, input);
            }
            for _ in 0..self.wire.len() {
                if let Some((to, from, bytes)) = self.wire.pop_front() {
                    let sender = match from {
                        Peer::Replica(replica) => Some(replica.index()),
                        _ => None,
                    };
                    if self.cut.is_some() && (self.cut == Some(to) || self.cut == sender) {
                        continue;
                    }
                    self.handle(to, Input::Message { from, bytes });
                }
            }
            for index in 0..4 {
                let machine = &mut self.hosts[index].machine;
                let now = self.now + Duration::from_millis(index as u64 * 6);
                if let Some(machine) = machine
                    && machine.poll_timeout().is_some_and(|at| at <= now)
                {
                    machine.handle_timeout(now);
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

/// A crash between the parts of a snapshot and the blocks after it once made a replica forget its own blocks.
#[test]
fn a_crash_while_a_snapshot_is_written_never_signs_twice() {
    for (write, synced) in [(328, true), (329, false), (331, true), (415, false)] {
        let mut cluster = Cluster::new(4 * 1024);
        cluster.crash = Some((0, write, synced));
        cluster.run(Duration::from_secs(6));
        assert_eq!(cluster.crash, None, "write {write} was reached");
        assert!(cluster.agreed() > 100);
    }
}

#[test]
fn votes_on_commits_far_ahead_stop_no_checkpoint() {
    let (committee, keys) = committee(&[1; 4]);
    let committee = Arc::new(committee);
    let mut checkpoints = Checkpoints::new(committee.clone(), ReplicaId(0), keys[0].clone(), 1);
    let signature = keys[1].sign_bytes(b"anything");
    // Four blocks of one faulty replica.
    for commit in (0..1024).map(|below| u64::MAX - below) {
        checkpoints.vote(0, ReplicaId(1), crate::block::CheckpointVote { commit, signature });
    }
    let body = crate::audit::CheckpointBody {
        chain: committee.chain(),
        size: 0,
        root: Digest::default(),
        commit: 1,
        commit_digest: Digest::default(),
        state_root: Digest::default(),
    };
    assert!(checkpoints.executed(body).is_some(), "it still votes on what it executes");
}

/// What a snapshot taken now by a replica lacks: blocks that medians need, and headers of the window.
fn lacking(cluster: &mut Cluster, index: usize) -> Option<String> {
    let committee = cluster.hosts[index].config.committee.clone();
    let gc_depth = cluster.hosts[index].config.tuning.gc_depth;
    let all = cluster.hosts[(index + 1) % 4].machine.as_ref().unwrap().protocol.window();
    let machine = cluster.hosts[index].machine.as_mut().unwrap();
    let bytes = machine.snapshots.encode_last()?;
    let snapshot = match Snapshot::verify(&bytes, gc_depth, &committee, &mut BatchVerifier) {
        Ok(snapshot) => snapshot,
        Err(error) => return Some(error.to_string()),
    };
    let last = snapshot.prefix.headers.last().unwrap();
    let first = snapshot.prefix.headers.first().unwrap();
    if first.index > 1 && first.leader.round >= last.leader.round.before(gc_depth) {
        return Some(format!("headers from {:?} to {:?}", first.leader, last.leader));
    }
    let leader = all.iter().find(|block| block.reference() == last.leader)?;
    let held: Vec<_> = snapshot.prefix.recent.iter().map(|block| block.reference()).collect();
    let missing: Vec<_> = leader.parents().filter(|parent| !held.contains(parent)).collect();
    (!missing.is_empty()).then(|| format!("after {:?}: no {missing:?}", last.leader))
}

#[test]
fn a_snapshot_is_whole_although_execution_lags() {
    let mut cluster = Cluster::with_ledger(u64::MAX);
    cluster.slow = [Duration::from_millis(700); 4];
    cluster.load(Duration::from_secs(5));
    assert_eq!(lacking(&mut cluster, 0), None);
}

#[test]
fn who_restores_from_a_lagging_replica_agrees() {
    for extra in 0..8 {
        let mut cluster = Cluster::with_ledger(u64::MAX);
        cluster.slow = [Duration::from_millis(400); 4];
        cluster.load(Duration::from_millis(4000 + extra * 60));
        let bytes = cluster.hosts[0].machine.as_mut().unwrap().snapshots.encode_last().unwrap();
        // Replica 3 has nothing but this snapshot, as when it was far behind.
        cluster.stop(3);
        cluster.signed.retain(|(who, _), _| *who != 3);
        cluster.commits[3].clear();
        cluster.hosts[3].journal = vec![JournalEntry::Snapshot(bytes)];
        cluster.hosts[3].durable = 1;
        cluster.hosts[3].truncated = 0;
        cluster.boot(3);
        cluster.load(Duration::from_secs(4));
        cluster.agreed();
        assert!(cluster.commits[3].len() > 100, "{}", cluster.commits[3].len());
    }
}

#[test]
fn a_snapshot_is_whole_after_a_restart() {
    let mut cluster = Cluster::with_ledger(u64::MAX);
    cluster.load(Duration::from_secs(4));
    assert_eq!(lacking(&mut cluster, 0), None, "before");
    for _ in 0..12 {
        cluster.load(Duration::from_millis(60));
        cluster.stop(0);
        cluster.boot(0);
        cluster.run(Duration::from_millis(10));
        assert!(cluster.hosts[0].machine.as_mut().unwrap().snapshots.encode_last().is_some());
        assert_eq!(lacking(&mut cluster, 0), None, "after");
    }
}

#[test]
fn restarting_twice_with_a_ledger_and_a_full_journal() {
    let mut cluster = Cluster::with_ledger(u64::MAX);
    cluster.load(Duration::from_secs(5));
    for _ in 0..12 {
        // The journal is just about to be shortened.
        cluster.hosts[0].config.journal_bytes_max = 1024;
        cluster.stop(0);
        cluster.boot(0);
        cluster.load(Duration::from_millis(90));
        cluster.agreed();
    }
    let before = cluster.agreed();
    cluster.load(Duration::from_secs(3));
    assert!(cluster.agreed() > before + 50);
}

#[test]
fn own_blocks_before_an_installed_snapshot_are_remembered() {
    let mut cluster = Cluster::new(u64::MAX);
    cluster.run(Duration::from_secs(3));
    let signed = cluster.signed.keys().filter(|(who, _)| *who == 3).map(|(_, round)| *round).max().unwrap();
    let bytes = cluster.hosts[0].machine.as_mut().unwrap().snapshots.encode_last().unwrap();
    cluster.stop(3);
    // As `finish` writes it after installing what a peer sent (here: executed lagged behind what was proposed).
    cluster.hosts[3].journal.push(JournalEntry::Snapshot(bytes));
    cluster.hosts[3].durable = cluster.hosts[3].journal.len();
    cluster.boot(3);
    let knows = cluster.hosts[3].machine.as_ref().unwrap().protocol.status().round;
    assert!(knows >= signed, "signed round {}, remembers {}", signed.0, knows.0);
}

#[test]
fn a_snapshot_installed_while_execution_lags_leaves_the_headers_whole() {
    let mut cluster = Cluster::with_ledger(u64::MAX);
    cluster.load(Duration::from_secs(2));
    cluster.slow[3] = Duration::from_millis(1500);
    cluster.load(Duration::from_millis(1200));
    let machine = cluster.hosts[0].machine.as_mut().unwrap();
    let bytes = machine.snapshots.encode_last().unwrap();
    let machine = cluster.hosts[3].machine.as_mut().unwrap();
    let before = machine.status();
    let committee = machine.committee.clone();
    let snapshot = Snapshot::verify(&bytes, 20, &committee, &mut BatchVerifier).unwrap();
    assert!(machine.install(Timestamp::ZERO, snapshot));
    cluster.drain(3);
    let installed = cluster.hosts[3].machine.as_ref().unwrap().status();
    assert!(installed.executed > before.executed && installed.executed < installed.protocol.commits);
    cluster.load(Duration::from_millis(100));
    cluster.agreed();
    let headers = &cluster.hosts[3].machine.as_ref().unwrap().snapshots.headers;
    let indices: Vec<u64> = headers.iter().map(|header| header.index).collect();
    assert!(indices.windows(2).all(|pair| pair[1] == pair[0] + 1), "{indices:?}");
}

#[test]
fn what_was_submitted_before_a_snapshot_is_ordered_when_submitted_again() {
    let mut cluster = Cluster::new(u64::MAX);
    cluster.run(Duration::from_secs(1));
    cluster.submit(3, 77);
    let of_3 = |cluster: &Cluster| cluster.signed.keys().filter(|(who, _)| *who == 3).count();
    let signed = of_3(&cluster);
    while of_3(&cluster) == signed {
        cluster.run(Duration::from_millis(1));
    }
    // The block that carries it is on its way to nobody.
    cluster.cut = Some(3);
    cluster.run(Duration::from_secs(10));
    cluster.cut = None;
    cluster.run(Duration::from_secs(10));
    let agreed = cluster.agreed();
    let skipped = (1..agreed).filter(|index| !cluster.commits[3].contains_key(index)).count();
    assert!(skipped > 0, "a snapshot was installed");
    assert_eq!(cluster.ordered, 0, "it was lost");
    for _ in 0..3 {
        cluster.submit(3, 77);
        cluster.run(Duration::from_secs(3));
    }
    assert!(cluster.ordered > 0, "its client gets an answer at last");
}

/// A faulty server cannot leave out what a later commit would need, though its checkpoint is genuine.
#[test]
fn a_snapshot_with_something_left_out_is_refused() {
    let mut cluster = Cluster::new(u64::MAX);
    cluster.run(Duration::from_secs(3));
    let machine = cluster.hosts[0].machine.as_mut().unwrap();
    let committee = machine.committee.clone();
    let whole = machine.snapshots.encode_last().unwrap();
    let verify = |edit: fn(&mut Snapshot)| {
        let mut snapshot: Snapshot = crate::codec::decode(&whole, whole.len()).unwrap();
        edit(&mut snapshot);
        let bytes = Bytes::from(crate::codec::encode(&snapshot));
        Snapshot::verify(&bytes, 20, &committee, &mut BatchVerifier).map(|_| ())
    };
    let cut = |edit| verify(edit).unwrap_err().to_string();
    assert_eq!(verify(|_| {}), Ok(()));
    let last_header = |snapshot: &mut Snapshot| {
        snapshot.headers =
            crate::codec::List::new(snapshot.headers[snapshot.headers.len() - 1..].to_vec()).unwrap();
    };
    assert!(cut(last_header).contains("window of commits"));
    assert!(cut(|snapshot| snapshot.recent = Default::default()).contains("list of blocks"));
    let one_missing = |snapshot: &mut Snapshot| {
        snapshot.recent = crate::codec::List::new(snapshot.recent[1..].to_vec()).unwrap()
    };
    assert!(cut(one_missing).contains("list of blocks"));
}

/// Each replica executes as slowly as it likes, and falls behind: commits, states and logs are the same.
#[test]
fn how_long_execution_takes_changes_nothing_but_time() {
    let mut cluster = Cluster::with_ledger(u64::MAX);
    cluster.slow_execution = [0, 30, 90, 400].map(Duration::from_millis);
    cluster.load(Duration::from_secs(3));
    let behind = cluster.hosts[3].machine.as_ref().unwrap().status();
    assert!(behind.waiting > 5, "{behind:?}");
    let before = cluster.agreed();
    assert!(before > 50, "{before}");
    // A restart in the middle of an execution, and the state of before.
    cluster.stop(3);
    cluster.boot(3);
    cluster.load(Duration::from_secs(2));
    cluster.slow_execution = [Duration::ZERO; 4];
    cluster.load(Duration::from_secs(1));
    assert!(cluster.agreed() > before + 50);
    assert_eq!(lacking(&mut cluster, 3), None);
}

/// A state that is being changed answers nothing, and what is asked meanwhile is answered from what it became.
#[test]
fn questions_wait_for_the_state_and_are_answered_from_it() {
    use crate::ledger::transaction::AccessId;
    let mut cluster = Cluster::with_ledger(u64::MAX);
    cluster.load(Duration::from_secs(1));
    cluster.slow_execution[2] = Duration::from_millis(200);
    let away = |cluster: &Cluster| cluster.hosts[2].machine.as_ref().unwrap().execution.state().is_none();
    while !away(&cluster) {
        cluster.load(Duration::from_millis(1));
    }
    let executed = cluster.hosts[2].machine.as_ref().unwrap().status().executed;
    let ask = Message::Request(Request::PermitStatus { access: AccessId(1), check: 7 }).encode();
    cluster.handle(2, Input::Message { from: Peer::Local, bytes: ask.clone() });
    assert!(away(&cluster) && cluster.permits[2].is_empty());
    cluster.run(Duration::from_millis(250));
    assert_eq!(cluster.permits[2].len(), 1);
    assert!(cluster.permits[2][0] > executed, "{:?} after {executed}", cluster.permits[2]);
    // More than may wait is dropped.
    while !away(&cluster) {
        cluster.load(Duration::from_millis(1));
    }
    let dropped = cluster.hosts[2].machine.as_ref().unwrap().status().dropped;
    for _ in 0..DEFERRED_MAX + 3 {
        cluster.handle(2, Input::Message { from: Peer::Local, bytes: ask.clone() });
    }
    assert_eq!(cluster.hosts[2].machine.as_ref().unwrap().status().dropped, dropped + 3);
    cluster.run(Duration::from_millis(250));
    assert_eq!(cluster.permits[2].len(), 1 + DEFERRED_MAX);
}

/// A snapshot that comes while commits are executed is installed after them, or not if they were further.
#[test]
fn a_snapshot_waits_for_the_state() {
    let mut cluster = Cluster::with_ledger(u64::MAX);
    cluster.load(Duration::from_secs(2));
    cluster.slow_execution[3] = Duration::from_millis(1500);
    cluster.load(Duration::from_millis(1200));
    let bytes = cluster.hosts[0].machine.as_mut().unwrap().snapshots.encode_last().unwrap();
    let machine = cluster.hosts[3].machine.as_mut().unwrap();
    assert!(machine.execution.state().is_none());
    let before = machine.status();
    let snapshot = Snapshot::verify(&bytes, 60, &machine.committee.clone(), &mut BatchVerifier).unwrap();
    machine.adopt(Timestamp::ZERO, snapshot);
    cluster.drain(3);
    assert_eq!(cluster.hosts[3].machine.as_ref().unwrap().status().executed, before.executed);
    cluster.slow_execution[3] = Duration::ZERO;
    cluster.load(Duration::from_secs(2));
    assert!(cluster.agreed() > before.executed);
    assert_eq!(lacking(&mut cluster, 3), None);
}

/// By whoever it was submitted to: on arrival, and not again in an own block. By the others: in that block.
#[test]
fn each_replica_verifies_each_transaction_once() {
    use crate::ledger::transaction::{Action, ConsentId, PartyId, Transaction, TransactionBody};
    let mut cluster = Cluster::with_ledger(u64::MAX);
    cluster.run(Duration::from_millis(100));
    let chain = cluster.hosts[0].config.committee.chain();
    let key = SecretKey::from_seed([1; 32]);
    let submit = |cluster: &mut Cluster, index: usize, sequence: u64| {
        // Nobody's, and refused; but signed.
        let body = TransactionBody {
            actor: PartyId(9),
            organisation: PartyId(9),
            sequence,
            valid_until: Timestamp::MAX,
            atomic: false,
            actions: Action::RevokeConsent { consent: ConsentId(0) }.into(),
        };
        let (_, bytes) = Transaction::sign(chain, body, &key);
        let bytes = Message::Request(Request::Submit(Blob::new(bytes).unwrap())).encode();
        cluster.handle(index, Input::Message { from: Peer::Local, bytes });
    };
    for sequence in 0..40 {
        submit(&mut cluster, (sequence % 2) as usize, sequence);
    }
    cluster.run(Duration::from_millis(600));
    assert_eq!(cluster.receipts, 40);
    assert_eq!(cluster.verified.map(|(signatures, _)| signatures), [40; 4]);
    // The first submission alone, the rest together, and payloads with those of their round.
    assert!(cluster.verified.iter().all(|(_, jobs)| *jobs <= 6), "{:?}", cluster.verified);
    // What is submitted elsewhere too is verified there on arrival, and answered from what is known.
    submit(&mut cluster, 2, 0);
    cluster.run(Duration::from_millis(100));
    assert_eq!((cluster.verified[2].0, cluster.receipts), (41, 41));
}
