//! DAGs drawn as text, and a small cluster.
//!
//! One line a round: `2: A B(ABC) C C'(BCD)`. A block is its author's letter, then in brackets the letters of its
//! parents (of all first blocks of the round before, if there are no brackets); `'` marks a second block of an
//! author. Letters follow the leader schedule: with one leader a round and four replicas, B leads round 1, C leads
//! round 2, D leads 3, A leads 4 and so on.

mod fetching;

use super::*;
use crate::block::BlockBody;
use crate::codec::Blob;
use crate::committee::tests::committee;
use fetching::asking_for;
use proptest::prelude::*;
use std::collections::BTreeMap;

struct Drawing {
    committee: Arc<Committee>,
    keys: Vec<SecretKey>,
    /// Replica by letter.
    order: Vec<ReplicaId>,
    blocks: Vec<Arc<Block>>,
    named: BTreeMap<(u64, String), BlockRef>,
}

impl Drawing {
    fn new(n: usize) -> Self {
        let (committee, keys) = committee(&vec![1; n]);
        let schedule = Schedule::genesis(&committee);
        // With one slot a round, the leader of round r is the r-th in turn.
        let order = (0..n as u64).map(|turn| schedule.leaders(Round(turn), 1).next().unwrap()).collect();
        Self { committee: Arc::new(committee), keys, order, blocks: Vec::new(), named: BTreeMap::new() }
    }

    fn parse(text: &str) -> Self {
        let mut drawing = Self::new(4);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (round, blocks) = line.split_once(':').unwrap();
            let round: u64 = round.trim().parse().unwrap();
            for block in blocks.split_whitespace() {
                let (name, parents) = match block.split_once('(') {
                    Some((name, parents)) => (name, Some(parents.trim_end_matches(')'))),
                    None => (block, None),
                };
                let all: String = (b'A'..b'A' + 4)
                    .map(|letter| (letter as char).to_string())
                    .filter(|name| round == 1 || drawing.named.contains_key(&(round - 1, name.clone())))
                    .collect();
                drawing.add(round, name, parents.unwrap_or(&all));
            }
        }
        drawing
    }

    fn replica(&self, name: &str) -> ReplicaId {
        self.order[(name.as_bytes()[0] - b'A') as usize]
    }

    fn add(&mut self, round: u64, name: &str, parents: &str) {
        let author = self.replica(name);
        let chain = self.committee.chain();
        let mut parent_names: Vec<String> = Vec::new();
        for letter in parents.chars() {
            if letter == '\'' {
                parent_names.last_mut().unwrap().push('\'');
            } else {
                parent_names.push(letter.to_string());
            }
        }
        let mut ancestors: Vec<BlockRef> = parent_names
            .iter()
            .map(|parent| match round {
                1 => BlockRef::genesis(chain, self.replica(parent)),
                _ => self.named[&(round - 1, parent.clone())],
            })
            .collect();
        ancestors.sort();
        let own = match ancestors.iter().position(|ancestor| ancestor.author == author) {
            Some(at) => ancestors.remove(at),
            None => {
                let older = (1..round).rev().find_map(|r| self.named.get(&(r, name[..1].to_string())));
                older.copied().unwrap_or_else(|| BlockRef::genesis(chain, author))
            }
        };
        ancestors.insert(0, own);
        let body = BlockBody {
            epoch: 0,
            round: Round(round),
            author,
            ancestors: List::new(ancestors).unwrap(),
            payload: List::new(vec![Blob::new(format!("{name}{round}").into_bytes()).unwrap()]).unwrap(),
            timestamp: Timestamp(round),
            votes: List::default(),
        };
        let block = Arc::new(Block::sign(chain, body, &self.keys[author.index()]));
        let bytes = block.bytes().clone();
        Block::verify(&self.committee, bytes, &mut crate::crypto::BatchVerifier)
            .expect("the drawing is valid");
        self.named.insert((round, name.to_string()), block.reference());
        self.blocks.push(block);
    }

    /// Fate of every slot: `B1` direct commit, `-B1` direct skip, `(B1)` indirect commit, `(-B1)` indirect skip,
    /// `B1?` undecided; a committed second block of an equivocator keeps its mark.
    fn decisions(&self, top: u64) -> String {
        let genesis =
            self.committee.replicas().map(|r| BlockRef::genesis(self.committee.chain(), r)).collect();
        let schedule = Schedule::genesis(&self.committee);
        let mut dag = Dag::new(genesis, 100, 50);
        let mut committer = Committer::new(1, Round(1), 0);
        for block in &self.blocks {
            let id = dag.accept(block.clone()).unwrap();
            committer.observe(&self.committee, &schedule, &dag, id);
            // Deciding more often than needed must change nothing.
            committer.decide_indirectly(&dag);
        }
        committer.decide_indirectly(&dag);
        let name = |round: Round, leader: ReplicaId, decision: Decision| {
            let letter = (b'A' + self.order.iter().position(|r| *r == leader).unwrap() as u8) as char;
            let slot = format!("{letter}{}", round.0);
            match decision {
                Decision::Undecided => format!("{slot}?"),
                Decision::Skip { direct: true } => format!("-{slot}"),
                Decision::Skip { direct: false } => format!("(-{slot})"),
                Decision::Commit { block, direct } => {
                    let reference = dag.node(block).unwrap().block.reference();
                    let (key, _) = self.named.iter().find(|(_, named)| **named == reference).unwrap();
                    let mark = if key.1.ends_with('\'') { "'" } else { "" };
                    if direct { format!("{slot}{mark}") } else { format!("({slot}{mark})") }
                }
            }
        };
        let fates: Vec<String> = committer
            .pending()
            .filter(|(round, _, _)| round.0 <= top)
            .map(|(round, leader, decision)| name(round, leader, decision))
            .collect();
        fates.join(" ")
    }
}

fn check(text: &str, top: u64, expected: &str) {
    assert_eq!(Drawing::parse(text).decisions(top), expected, "\n{text}");
}

#[test]
fn direct_commit() {
    check("1: A B C D\n 2: A B C D\n 3: A B C D", 1, "B1");
    check("1: A B C D\n 2: A B C D\n 3: A B C D\n 4: A B C D", 3, "B1 C2 D3?");
    // Two certificates of four are no quorum.
    check("1: A B C D\n 2: A B C D\n 3: A B", 1, "B1?");
    check("1: A B C D\n 2: A B C D\n 3: A B C", 1, "B1");
}

#[test]
fn direct_skip() {
    check("1: A B C D\n 2: A(ACD) B(BCD) C(ACD) D(ACD)", 1, "-B1");
    // The leader was silent.
    check("1: A C D\n 2: A C D", 1, "-B1");
    // One blame short.
    check("1: A B C D\n 2: A(ACD) C(ACD) B", 1, "B1?");
}

#[test]
fn undecided_until_an_anchor_is_decided() {
    // Two supporters of B1 and two blames: neither a certificate nor a skip can form directly.
    let start = "1: A B C D\n 2: A(ACD) B(ABC) C(ACD) D(ABD)\n 3: A B C D\n 4: A B C D\n 5: A B C D\n";
    check(start, 2, "B1? C2");
    // The anchor is A4: once it is committed, B1 without a certificate in its ancestry is skipped.
    check(&format!("{start} 6: A B C D"), 2, "(-B1) C2");
    check(&format!("{start} 6: A B"), 2, "B1? C2");
}

#[test]
fn indirect_commit() {
    // Three supporters of B1, but only one block of round 3 sees them all: one certificate, in the anchor's ancestry.
    let text = "1: A B C D
                2: A B C D(ACD)
                3: A(ABC) B(ABD) C(BCD) D(ACD)
                4: A B C D
                5: A B C D
                6: A B C D";
    check(text, 2, "(B1) C2");
}

#[test]
fn indirect_skip_when_the_certificate_is_not_in_the_anchor() {
    // As above, but the certificate A3 is in nobody's ancestry.
    let text = "1: A B C D
                2: A B C D(ACD)
                3: A(ABC) B(ABD) C(BCD) D(ACD)
                4: A(ABCD) B(BCD) C(BCD) D(BCD)
                5: B(BCD) C(BCD) D(BCD)
                6: B(BCD) C(BCD) D(BCD)
                7: B C D
                8: B C D
                9: B C D
                10: B C D";
    // A4 leads round 4, is silent afterwards and is skipped; B5 is the anchor of B1. The only certificate of C2 is
    // A4 too.
    check(text, 2, "(-B1) (-C2)");
}

#[test]
fn a_skipped_slot_is_no_anchor() {
    // The anchor of B1 would be A4, but A is silent from round 4 on: B5 decides.
    let start = "1: A B C D
                 2: A(ACD) B(ABC) C(ACD) D(ABD)
                 3: A B C D
                 4: B C D
                 5: B C D
                 6: B C D\n";
    check(start, 4, "B1? C2 D3 -A4");
    check(&format!("{start} 7: B C D"), 5, "(-B1) C2 D3 -A4 B5");
}

#[test]
fn an_equivocating_leader_commits_one_block_at_most() {
    // Every supporter saw the second block.
    check("1: A B B' C D\n 2: A(AB'C) B'(B'CD) C(B'CD) D(B'CD)\n 3: A(ACD) C(ACD) D(ACD)", 1, "B1'");
    // Split support: nothing directly, and skipped by the anchor.
    let split = "1: A B B' C D
                 2: A(ABC) B(ABC) C(AB'C) D(B'CD)
                 3: A B C D
                 4: A B C D
                 5: A B C D
                 6: A B C D";
    check(split, 1, "(-B1)");
}

fn tuning() -> Tuning {
    Tuning { leaders_per_round: 1, ..Tuning::default() }
}

/// Hands blocks to a fresh machine in an order; its commit digests.
fn commits(drawing: &Drawing, blocks: &[Arc<Block>], tuning: &Tuning) -> Vec<Digest> {
    let me = ReplicaId(0);
    let committee = drawing.committee.clone();
    let mut machine = Mysticeti::new(committee, me, drawing.keys[0].clone(), tuning.clone());
    let now = Timestamp(1_000_000_000);
    let mut digests = Vec::new();
    for block in blocks {
        machine.handle_block(now, block.author(), block.clone());
        // Again: idempotent.
        machine.handle_block(now, block.author(), block.clone());
        while let Some(action) = machine.poll_action() {
            if let Action::Commit(commit) = action {
                assert_eq!(commit.header.blocks.last(), Some(&commit.header.leader));
                digests.push(commit.digest);
            }
        }
    }
    assert_eq!(machine.status().suspended, 0, "everything that was missing has arrived");
    digests
}

/// A random DAG: some authors silent for a round, some equivocate, parents at random quorums.
fn random_dag(n: usize, rounds: u64, choices: &mut impl FnMut(u64) -> u64) -> Drawing {
    let mut drawing = Drawing::new(n);
    let quorum = drawing.committee.quorum().0 as usize;
    let letters: Vec<String> = (0..n).map(|i| ((b'A' + i as u8) as char).to_string()).collect();
    for round in 1..=rounds {
        let silent = if choices(6) == 0 { choices(n as u64) as usize } else { n };
        for (index, letter) in letters.iter().enumerate() {
            if index == silent {
                continue;
            }
            // The last author equivocates at times: one Byzantine replica.
            let copies = if index == n - 1 && choices(3) == 0 { 2 } else { 1 };
            for copy in 0..copies {
                let mut present: Vec<String> = if round == 1 {
                    letters.clone()
                } else {
                    letters
                        .iter()
                        .filter(|l| drawing.named.contains_key(&(round - 1, (*l).clone())))
                        .cloned()
                        .collect()
                };
                while present.len() > quorum && choices(4) == 0 {
                    let at = choices(present.len() as u64) as usize;
                    if present[at] != *letter {
                        present.remove(at);
                    }
                }
                for name in &mut present {
                    let second = format!("{name}'");
                    if drawing.named.contains_key(&(round - 1, second.clone())) && choices(2) == 0 {
                        *name = second;
                    }
                }
                let name = if copy == 0 { letter.clone() } else { format!("{letter}'") };
                drawing.add(round, &name, &present.concat());
            }
        }
    }
    drawing
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Late blocks in any order: the same commits.
    #[test]
    fn every_arrival_order_commits_the_same(seed: u64, n in 4usize..8, leaders in 1usize..4) {
        let mut choices = xorshift(seed);
        let drawing = random_dag(n, 16, &mut choices);
        let tuning = Tuning { leaders_per_round: leaders, reputation_window: 5, ..tuning() };
        prop_assume!(!commits(&drawing, &drawing.blocks, &tuning).is_empty());
        check_orders(&drawing, &tuning, 4, &mut choices);
    }
}

fn xorshift(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed | 1;
    move |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    }
}

/// Shuffled arrivals commit what arrival round by round commits.
fn check_orders(drawing: &Drawing, tuning: &Tuning, orders: usize, choices: &mut impl FnMut(u64) -> u64) {
    let expected = commits(drawing, &drawing.blocks, tuning);
    for _ in 0..orders {
        let mut blocks = drawing.blocks.clone();
        for index in (1..blocks.len()).rev() {
            blocks.swap(index, choices(index as u64 + 1) as usize);
        }
        assert_eq!(commits(drawing, &blocks, tuning), expected);
    }
}

/// Found by the property above: a slot of the round in which the schedule changes had been decided by an anchor of the
/// old schedule in some orders of arrival, and by one of the new schedule in others.
#[test]
fn an_anchor_of_the_old_schedule_decides_nothing_after_the_change() {
    let mut choices = xorshift(7_150_510_318_297_692_654);
    let drawing = random_dag(7, 16, &mut choices);
    let tuning = Tuning { leaders_per_round: 3, reputation_window: 5, ..tuning() };
    check_orders(&drawing, &tuning, 8, &mut choices);
}

/// Replicas whose messages take a pseudo-random time; disks are instant.
struct Cluster {
    machines: Vec<Mysticeti>,
    /// (due, sequence) → (to, from, message).
    wire: BTreeMap<(Timestamp, u64), (usize, usize, Wire)>,
    sequence: u64,
    now: Timestamp,
    commits: Vec<Vec<Digest>>,
    payloads: Vec<Vec<Bytes>>,
    down: ReplicaSet,
    noise: u64,
}

enum Wire {
    Block(Arc<Block>),
    Message(ProtocolMessage),
}

use crate::committee::ReplicaSet;
use crate::time::Duration;

impl Cluster {
    fn new(n: usize, tuning: &Tuning) -> Self {
        let (committee, keys) = committee(&vec![1; n]);
        let committee = Arc::new(committee);
        let machines = keys
            .iter()
            .enumerate()
            .map(|(i, key)| {
                Mysticeti::new(committee.clone(), ReplicaId(i as u16), key.clone(), tuning.clone())
            })
            .collect();
        Self {
            machines,
            wire: BTreeMap::new(),
            sequence: 0,
            now: Timestamp::ZERO,
            commits: vec![Vec::new(); n],
            payloads: vec![Vec::new(); n],
            down: ReplicaSet::default(),
            noise: 7,
        }
    }

    fn start(&mut self) {
        for index in 0..self.machines.len() {
            self.machines[index].start(self.now);
            self.drain(index);
        }
    }

    fn send(&mut self, to: usize, from: usize, wire: Wire) {
        if self.down.contains(ReplicaId(to as u16)) || self.down.contains(ReplicaId(from as u16)) {
            return;
        }
        self.noise =
            self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let due = self.now + Duration::from_millis(20 + (self.noise >> 33) % 30);
        self.sequence += 1;
        self.wire.insert((due, self.sequence), (to, from, wire));
    }

    fn drain(&mut self, index: usize) {
        while let Some(action) = self.machines[index].poll_action() {
            let n = self.machines.len();
            match action {
                Action::Persist(block) if block.author().index() == index => {
                    self.machines[index].handle_durable(self.now, block.reference());
                }
                Action::Broadcast(block) => {
                    for to in (0..n).filter(|to| *to != index) {
                        self.send(to, index, Wire::Block(block.clone()));
                    }
                }
                Action::Send(to, message) => self.send(to.index(), index, Wire::Message(message)),
                Action::Commit(commit) => {
                    self.commits[index].push(commit.digest);
                    for block in &commit.blocks {
                        self.payloads[index].extend(block.payload().iter().map(|item| item.bytes()));
                    }
                }
                Action::Persist(_) | Action::Keep(_) | Action::Accepted(_) | Action::Dropped(_) => {}
                Action::Equivocation(..) | Action::NeedSnapshot(_) | Action::Decided(_) => {}
            }
        }
    }

    fn run_until(&mut self, end: Timestamp) {
        loop {
            let message = self.wire.keys().next().map(|(due, _)| *due);
            let up = (0..self.machines.len()).filter(|index| !self.down.contains(ReplicaId(*index as u16)));
            let timer = up.filter_map(|index| self.machines[index].poll_timeout()).min();
            let Some(next) = message.into_iter().chain(timer).min() else { return };
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            if message.is_some_and(|due| due <= self.now) {
                let (_, (to, from, wire)) = self.wire.pop_first().unwrap();
                let from = ReplicaId(from as u16);
                match wire {
                    Wire::Block(block) => self.machines[to].handle_block(self.now, from, block),
                    Wire::Message(ProtocolMessage::Blocks(blocks)) => {
                        let committee = self.machines[to].committee.clone();
                        for bytes in blocks.iter() {
                            let block = Block::from_journal(&committee, bytes.bytes()).unwrap();
                            self.machines[to].handle_block(self.now, from, Arc::new(block));
                        }
                        let done = ProtocolMessage::Blocks(List::default());
                        self.machines[to].handle_message(self.now, from, done);
                    }
                    Wire::Message(message) => self.machines[to].handle_message(self.now, from, message),
                }
                self.drain(to);
            } else {
                for index in 0..self.machines.len() {
                    if !self.down.contains(ReplicaId(index as u16))
                        && self.machines[index].poll_timeout().is_some_and(|at| at <= self.now)
                    {
                        self.machines[index].handle_timeout(self.now);
                        self.drain(index);
                    }
                }
            }
        }
    }

    fn agreed(&self) -> usize {
        let longest = self.commits.iter().max_by_key(|commits| commits.len()).unwrap();
        for commits in &self.commits {
            assert_eq!(commits[..], longest[..commits.len()]);
        }
        self.commits.iter().map(Vec::len).min().unwrap()
    }
}

fn seconds(s: u64) -> Timestamp {
    Timestamp(s * 1_000_000_000)
}

#[test]
fn a_healthy_cluster_commits_every_payload_once() {
    let mut cluster = Cluster::new(4, &Tuning::default());
    cluster.start();
    for i in 0..100u32 {
        let payload = Bytes::from(i.to_le_bytes().to_vec());
        cluster.machines[(i % 4) as usize].submit(cluster.now, payload).unwrap();
        cluster.run_until(Timestamp(u64::from(i) * 10_000_000));
    }
    cluster.run_until(seconds(5));
    assert!(cluster.agreed() > 50, "{} commits", cluster.agreed());
    for payloads in &cluster.payloads {
        let mut seen: Vec<_> = payloads.clone();
        seen.sort();
        seen.dedup();
        assert_eq!((payloads.len(), seen.len()), (100, 100));
    }
    assert_eq!(cluster.machines[0].status().leader_timeouts, 0);
}

#[test]
fn one_silent_replica_costs_a_few_timeouts() {
    let mut cluster = Cluster::new(4, &Tuning { reputation_window: 1_000_000, ..Tuning::default() });
    cluster.down.insert(ReplicaId(2));
    cluster.start();
    cluster.run_until(seconds(10));
    let status = cluster.machines[0].status();
    assert!((1..=4).contains(&status.leader_timeouts), "{} timeouts", status.leader_timeouts);
    assert!(status.commits > 100, "{} commits", status.commits);
}

#[test]
fn the_schedule_replaces_a_silent_replica() {
    let mut cluster = Cluster::new(4, &Tuning { reputation_window: 20, ..Tuning::default() });
    cluster.down.insert(ReplicaId(2));
    cluster.start();
    cluster.run_until(seconds(10));
    let at_10 = cluster.machines[0].status();
    cluster.run_until(seconds(20));
    let at_20 = cluster.machines[0].status();
    assert!(at_10.decisions[2] > 0, "its slots were skipped at first");
    assert!(at_20.commits > at_10.commits + 100);
    assert_eq!(at_20.decisions[2], at_10.decisions[2], "it has none any more");
}

#[test]
fn messages_lost_in_a_partition_are_fetched_after_it_heals() {
    let mut cluster = Cluster::new(4, &Tuning::default());
    cluster.start();
    cluster.run_until(seconds(2));
    cluster.down.insert(ReplicaId(1));
    cluster.run_until(seconds(4));
    cluster.down.remove(ReplicaId(1));
    cluster.run_until(seconds(8));
    let behind = cluster.commits[0].len().abs_diff(cluster.commits[1].len());
    assert!(behind < 10, "{behind} commits behind");
    // Everybody stops, in the middle of rounds, and all messages under way are lost.
    for replica in 0..4 {
        cluster.down.insert(ReplicaId(replica));
    }
    cluster.wire.clear();
    cluster.now = seconds(9);
    cluster.down = ReplicaSet::default();
    let before = cluster.agreed();
    cluster.run_until(seconds(20));
    assert!(cluster.agreed() > before + 20, "{} after {before}", cluster.agreed());
}

fn machine(drawing: &Drawing, tuning: &Tuning) -> Mysticeti {
    Mysticeti::new(drawing.committee.clone(), ReplicaId(0), drawing.keys[0].clone(), tuning.clone())
}

/// Commits of a machine fed with all blocks, and after each the prefix a snapshot of it would hold.
fn prefixes(drawing: &Drawing, tuning: &Tuning) -> Vec<(Commit, OrderedPrefix)> {
    let mut machine = machine(drawing, tuning);
    let mut commits: Vec<Commit> = Vec::new();
    for block in &drawing.blocks {
        machine.handle_block(Timestamp(1_000_000_000), block.author(), block.clone());
        while let Some(action) = machine.poll_action() {
            if let Action::Commit(commit) = action {
                commits.push(commit);
            }
        }
    }
    (0..commits.len())
        .map(|at| {
            let commit = commits[at].clone();
            let round = commit.header.leader.round;
            let headers: Vec<_> = commits[..=at].iter().map(|commit| commit.header.clone()).collect();
            let recent = commits[..=at]
                .iter()
                .flat_map(|commit| commit.blocks.iter().cloned())
                .filter(|block| block.round() >= round.before(1))
                .collect();
            let prefix = OrderedPrefix { headers, schedule: commit.schedule.clone(), recent };
            (commit, prefix)
        })
        .collect()
}

fn after_restore(drawing: &Drawing, tuning: &Tuning, prefix: OrderedPrefix) -> Vec<Arc<CommitHeader>> {
    let mut machine = machine(drawing, tuning);
    machine.restore(Timestamp(1_000_000_000), prefix);
    let mut found = Vec::new();
    for block in &drawing.blocks {
        machine.handle_block(Timestamp(1_000_000_000), block.author(), block.clone());
        while let Some(action) = machine.poll_action() {
            if let Action::Commit(commit) = action {
                found.push(commit.header);
            }
        }
    }
    found
}

fn restores_agree(seed: u64, n: usize, leaders: usize, window: u64) {
    let mut choices = xorshift(seed);
    let drawing = random_dag(n, 24, &mut choices);
    let tuning = Tuning { leaders_per_round: leaders, reputation_window: window, ..tuning() };
    let all = prefixes(&drawing, &tuning);
    for (at, (commit, prefix)) in all.iter().enumerate() {
        let prefix = prefix.clone();
        let expected: Vec<_> = all[at + 1..].iter().map(|(commit, _)| commit.header.clone()).collect();
        let found = after_restore(&drawing, &tuning, prefix);
        assert_eq!(
            found, expected,
            "seed {seed} n {n} restored after commit {} (leader {:?} slot {}, window {window})",
            commit.header.index, commit.header.leader, commit.header.slot
        );
    }
}

#[test]
fn restore_within_a_schedule_window() {
    for seed in 1..40 {
        restores_agree(seed * 7919, 4 + (seed % 4) as usize, 1 + (seed % 3) as usize, 1000);
    }
}

#[test]
fn restore_where_the_schedule_changes() {
    for seed in 1..40 {
        restores_agree(seed * 7919, 4 + (seed % 4) as usize, 1 + (seed % 3) as usize, 5);
    }
}

#[test]
fn fetch_of_an_author_that_does_not_exist() {
    let drawing = Drawing::parse("1: A B C D");
    let mut machine = machine(&drawing, &tuning());
    for block in &drawing.blocks {
        machine.handle_block(Timestamp(1_000_000_000), block.author(), block.clone());
    }
    let wanted = BlockRef { round: Round(1), author: ReplicaId(u16::MAX), digest: Digest::default() };
    let message = asking_for(&[wanted], 0, 0);
    machine.handle_message(Timestamp(1_000_000_000), ReplicaId(1), message);
}

#[test]
fn sync_from_the_last_round_there_is() {
    let drawing = Drawing::parse("1: A B C D");
    let mut machine = machine(&drawing, &tuning());
    let message = ProtocolMessage::Sync(List::new(vec![Round(u64::MAX); 4]).unwrap());
    machine.handle_message(Timestamp(1_000_000_000), ReplicaId(1), message);
}

/// A block that a correct replica's block names must be accepted, however many others its author signed.
#[test]
fn many_copies_of_one_block() {
    let mut drawing = Drawing::parse("1: A C D");
    let start = drawing.blocks.clone();
    let chain = drawing.committee.chain();
    let b = drawing.replica("B");
    let mut ancestors: Vec<BlockRef> =
        drawing.committee.replicas().map(|replica| BlockRef::genesis(chain, replica)).collect();
    let own = ancestors.remove(b.index());
    ancestors.insert(0, own);
    let mut copies: Vec<Arc<Block>> = (0..257u32)
        .map(|copy| {
            let body = BlockBody {
                epoch: 0,
                round: Round(1),
                author: b,
                ancestors: List::new(ancestors.clone()).unwrap(),
                payload: List::new(vec![Blob::new(copy.to_le_bytes().to_vec()).unwrap()]).unwrap(),
                timestamp: Timestamp(1),
                votes: List::default(),
            };
            Arc::new(Block::sign(chain, body, &drawing.keys[b.index()]))
        })
        .collect();
    let named = copies.pop().unwrap();
    drawing.named.insert((1, "B".into()), named.reference());
    drawing.add(2, "A", "ABCD");
    let child = drawing.blocks.last().unwrap().clone();
    let mut machine = machine(&drawing, &tuning());
    let now = Timestamp(1_000_000_000);
    for block in start.into_iter().chain(copies).chain([named.clone(), child.clone()]) {
        machine.handle_block(now, block.author(), block);
    }
    assert_eq!(machine.dag.copies(Round(1), b).count(), 2, "the others are not kept");
    // Now that a correct replica names it, it is asked for and taken.
    machine.handle_block(now, child.author(), named);
    assert!(machine.dag.contains(&child.reference()), "the correct replica's block is accepted");
}

/// Whether a block is valid must not depend on how far the judge's window has moved.
#[test]
fn timestamp_of_an_ancestor_below_the_floor() {
    let text: String = (1..=12).map(|round| format!("{round}: A B C D\n")).collect();
    let drawing = Drawing::parse(&text);
    let chain = drawing.committee.chain();
    // D names, at round 13, everybody's parents and an own block of round 3 whose time is later than its own.
    let d = drawing.replica("D");
    let others: Vec<BlockRef> = {
        let mut parents: Vec<_> =
            ["A", "B", "C"].iter().map(|name| drawing.named[&(12, name.to_string())]).collect();
        parents.sort();
        parents
    };
    let sign = |round: u64, ancestors: Vec<BlockRef>, timestamp: u64| {
        let body = BlockBody {
            epoch: 0,
            round: Round(round),
            author: d,
            ancestors: List::new(ancestors).unwrap(),
            payload: List::default(),
            timestamp: Timestamp(timestamp),
            votes: List::default(),
        };
        Arc::new(Block::sign(chain, body, &drawing.keys[d.index()]))
    };
    let mut early = vec![drawing.named[&(2, "D".into())]];
    let mut parents: Vec<_> =
        ["A", "B", "C"].iter().map(|name| drawing.named[&(2, name.to_string())]).collect();
    parents.sort();
    early.extend(parents);
    let fast = sign(3, early, 900);
    let late = sign(13, [vec![fast.reference()], others].concat(), 100);
    let accepts = |gc_depth: u64| {
        let mut machine = machine(&drawing, &Tuning { gc_depth, ..tuning() });
        let now = Timestamp(1_000_000_000);
        let blocks = drawing.blocks.iter();
        let early = blocks.clone().filter(|block| block.round() <= Round(3));
        let later = blocks.filter(|block| block.round() > Round(3));
        for block in early.chain([&fast]).chain(later).chain([&late]) {
            machine.handle_block(now, block.author(), block.clone());
        }
        machine.dag.contains(&late.reference())
    };
    // The depth stands for how far a replica has committed.
    assert_eq!(accepts(3), accepts(100));
}

/// A missing block that is asked for at long intervals must not delay the first request for another.
#[test]
fn a_hopeless_fetch_delays_others() {
    let drawing = Drawing::parse("1: A B C D\n 2: A B C D\n 3: A B C D");
    let mut suspended = Suspended::new(4, Duration::from_millis(125));
    let hopeless = BlockRef { round: Round(2), author: ReplicaId(1), digest: Digest::default() };
    let child = |name: &str| {
        let reference = drawing.named[&(3, name.to_string())];
        drawing.blocks.iter().find(|block| block.reference() == reference).unwrap().clone()
    };
    suspended.insert(Timestamp(0), ReplicaId(1), child("A"), &[hopeless]);
    let mut now = Timestamp(0);
    while now < seconds(30) {
        now = suspended.next_look().unwrap();
        suspended.due(now, ReplicaId(0));
    }
    let real = drawing.named[&(2, "C".into())];
    suspended.insert(now, ReplicaId(2), child("B"), &[real]);
    let waits = suspended.next_look().unwrap().0 - now.0;
    assert!(waits <= 130_000_000, "first asked for after {} ms", waits / 1_000_000);
}

/// The others have a quorum in the round that this replica leads, before it may propose again: it proposes for that
/// round all the same, and neither it nor they wait for the leader timeout.
#[test]
fn an_overtaken_leader_keeps_its_round() {
    let drawing = Drawing::parse("1: A B C D\n2: A(ABD) B(ABD) D(ABD)");
    let me = drawing.replica("C");
    let tuning = Tuning { leaders_per_round: 1, ..Tuning::default() };
    let key = drawing.keys[me.index()].clone();
    let mut machine = Mysticeti::new(drawing.committee.clone(), me, key, tuning.clone());
    machine.start(Timestamp::ZERO);
    assert_eq!(proposed(&mut machine, Timestamp::ZERO), [1]);
    let early = Timestamp(1_000_000);
    for block in drawing.blocks.iter().filter(|block| block.author() != me) {
        machine.handle_block(early, block.author(), block.clone());
    }
    assert_eq!(proposed(&mut machine, early), Vec::<u64>::new());
    let next = Timestamp::ZERO + tuning.min_round_interval;
    assert_eq!(proposed(&mut machine, next), [2]);
    assert_eq!(proposed(&mut machine, next + tuning.min_round_interval), [3]);
}

/// A machine that has forgotten what it signed, with the blocks of the first three rounds, and whom it asks.
fn forgetful(drawing: &Drawing, now: Timestamp) -> Mysticeti {
    let mut machine = machine(drawing, &tuning());
    machine.forget();
    machine.start(now);
    let mut asked = Vec::new();
    while let Some(action) = machine.poll_action() {
        if let Action::Send(to, ProtocolMessage::Recall(at)) = action {
            assert_eq!(at, now);
            asked.push(to.0);
        }
    }
    assert_eq!(asked, [1, 2, 3]);
    for block in &drawing.blocks {
        machine.handle_block(now, block.author(), block.clone());
    }
    machine
}

#[test]
fn whoever_forgot_signs_above_what_a_quorum_of_the_others_says() {
    let mut drawing = Drawing::parse("1: A B C D\n2: A B C D\n3: A B C D");
    let now = Timestamp(1_000_000_000);
    let later = now + tuning().leader_timeout * 20;
    let mut machine = forgetful(&drawing, now);
    assert_eq!(machine.own.round, Round(3), "its own blocks are known from the others");
    for (from, round) in [(1, 3), (2, 2)] {
        machine.handle_message(now, ReplicaId(from), ProtocolMessage::Recalled(now, Round(round)));
    }
    // Another question's answer, one's own, and two of four.
    machine.handle_message(now, ReplicaId(3), ProtocolMessage::Recalled(Timestamp(1), Round(1)));
    machine.handle_message(now, ReplicaId(0), ProtocolMessage::Recalled(now, Round(1)));
    assert_eq!((proposed(&mut machine, later), machine.forgotten), (vec![], Round(u64::MAX)));
    machine.handle_message(now, ReplicaId(3), ProtocolMessage::Recalled(now, Round(3)));
    assert_eq!((proposed(&mut machine, later), machine.forgotten), (vec![], Round(4)));
    // A block of round 4 by itself may be on its way.
    let others: Vec<&str> =
        ["A", "B", "C", "D"].into_iter().filter(|name| drawing.replica(name) != ReplicaId(0)).collect();
    for name in others {
        drawing.add(4, name, "ABCD");
        let block = drawing.blocks.last().unwrap().clone();
        machine.handle_block(later, block.author(), block);
    }
    assert_eq!(proposed(&mut machine, later + tuning().leader_timeout * 20), [5]);
}

#[test]
fn a_round_that_nobody_came_to_is_not_believed() {
    let drawing = Drawing::parse("1: A B C D\n2: A B C D\n3: A B C D");
    let now = Timestamp(1_000_000_000);
    let mut machine = forgetful(&drawing, now);
    for (from, round) in [(1, 3), (2, 3), (3, u64::MAX)] {
        machine.handle_message(now, ReplicaId(from), ProtocolMessage::Recalled(now, Round(round)));
    }
    assert_eq!(machine.forgotten, Round(u64::MAX));
    // Nobody is told anything by who has forgotten.
    let mut other = forgetful(&drawing, now);
    while other.poll_action().is_some() {}
    other.handle_message(now, ReplicaId(1), ProtocolMessage::Recall(now));
    assert!(
        std::iter::from_fn(|| other.poll_action())
            .all(|action| !matches!(action, Action::Send(_, ProtocolMessage::Recalled(..))))
    );
}

/// Rounds for which a machine proposes at `now`.
fn proposed(machine: &mut Mysticeti, now: Timestamp) -> Vec<u64> {
    machine.handle_timeout(now);
    let mut rounds = Vec::new();
    while let Some(action) = machine.poll_action() {
        if let Action::Persist(block) = action
            && block.author() == machine.me
        {
            rounds.push(block.round().0);
            machine.handle_durable(now, block.reference());
        }
    }
    rounds
}

/// A machine that has the blocks of a drawing, its own among them.
fn restarted(drawing: &Drawing, name: &str) -> Mysticeti {
    let me = drawing.replica(name);
    let tuning = Tuning { leaders_per_round: 1, ..Tuning::default() };
    let key = drawing.keys[me.index()].clone();
    let mut machine = Mysticeti::new(drawing.committee.clone(), me, key, tuning);
    machine.replay(Timestamp::ZERO, drawing.blocks.clone());
    machine.start(Timestamp::ZERO);
    machine
}

/// B leads round 1, and the votes of round 2 on its block are split, two to one. D, whom the others have overtaken, votes
/// for the sake of the decision, and leaves round 2 out where nobody needs it.
#[test]
fn an_overtaken_replica_votes_where_votes_are_split() {
    let next = Timestamp::ZERO + Tuning::default().min_round_interval;
    let split = Drawing::parse("1: A B C D\n2: A(ABD) B(ABD) C(ACD)");
    assert_eq!(proposed(&mut restarted(&split, "D"), next), [2]);
    let decided = Drawing::parse("1: A B C D\n2: A(ABD) B(ABD) C(ABC)");
    assert_eq!(proposed(&mut restarted(&decided, "D"), next), [3]);
}

/// Votes on B's block of round 1 are split as above. A waits for D's vote while it may come, and not once D has left
/// the round out.
#[test]
fn nobody_waits_for_a_vote_that_cannot_come() {
    let next = Timestamp::ZERO + Tuning::default().min_round_interval;
    let mut drawing = Drawing::parse("1: A B C D\n2: A(ABD) B(ABD) C(ACD)");
    assert!(proposed(&mut restarted(&drawing, "A"), next).is_empty());
    drawing.add(3, "D", "ABC");
    assert_eq!(proposed(&mut restarted(&drawing, "A"), next), [3]);
}
