//! Every schedule of a small world in which one replica exists twice: the exploration of Twins (arXiv 2004.10617).
//!
//! Four replicas order; one of them runs in two copies with one key, which is how a replica equivocates, forgets and
//! contradicts itself without a line of hostile code. A schedule says for each of the first rounds who is cut off from whom
//! (two sides; all 16 ways to split five machines) and which replica is doubled; leaders take turns, so that doubling each
//! replica in turn doubles each place in the leader schedule. Then everybody hears everybody for [`HEALED_STEPS`] steps. Of every schedule:
//! no two correct replicas commit differently, and all of them commit again once it has healed.
//!
//! A step lies further from the next than any timeout, so that nobody waits for anybody: what is not delivered in a step is lost.

use crate::jobs::on_threads;
use ledger_core::block::{Block, Round};
use ledger_core::committee::{Committee, Member, ReplicaId, Stake};
use ledger_core::crypto::{Digest, SecretKey};
#[cfg(feature = "seeded-bugs")]
use ledger_core::protocol::ProtocolBug;
use ledger_core::protocol::{Action, NewProtocol, Protocol, ProtocolMessage, Tuning};
use ledger_core::time::{Duration, Timestamp};
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Replicas, one of them in two copies.
pub const REPLICAS: usize = 4;
/// Steps in which everybody hears everybody, after the schedule: enough for what was missed to be fetched and for two leaders
/// of correct replicas to be decided.
pub const HEALED_STEPS: u32 = 8;
/// Ways to part five machines into two sides, one of which may be empty.
const SPLITS: u64 = 16;
/// Rounds of which the schedules can be counted.
pub const ROUNDS_MAX: u32 = 12;
/// Longer than every timeout with its largest back-off.
const STEP: Duration = Duration::from_secs(10);
/// Schedules that a thread takes at a time.
const CHUNK: u64 = 256;
/// Violations that are told in words; more are counted.
pub const TOLD_MAX: usize = 16;

/// What is explored.
#[derive(Clone)]
pub struct Scope {
    /// A row of [`PROTOCOLS`](ledger_core::protocol::PROTOCOLS).
    pub protocol: NewProtocol,
    /// Rounds in which machines are parted; at most [`ROUNDS_MAX`].
    pub rounds: u32,
    /// Leader slots a round.
    pub leaders_per_round: usize,
    /// Threads. The findings do not depend on it.
    pub jobs: usize,
    /// All replicas leave out undecided leader slots.
    #[cfg(feature = "seeded-bugs")]
    pub skip_undecided: bool,
}

impl Scope {
    /// How many schedules there are.
    pub fn schedules(&self) -> u64 {
        REPLICAS as u64 * SPLITS.pow(self.rounds.min(ROUNDS_MAX))
    }
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Two correct replicas committed differently.
    Conflict,
    /// A correct replica committed nothing after everything had healed.
    NoProgress,
}

/// A schedule in which something went wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Violation {
    /// Its number: [`explain`] plays it again.
    pub schedule: u64,
    /// What went wrong.
    pub kind: Kind,
}

/// What an exploration found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Schedules played.
    pub schedules: u64,
    /// Commits of correct replicas, over all schedules.
    pub commits: u64,
    /// Leader slots that correct replicas committed directly, committed indirectly, skipped directly, skipped indirectly.
    pub decisions: [u64; 4],
    /// Schedules in which a correct replica has the doubled one's contradiction on record.
    pub evidence: u64,
    /// How many schedules went wrong.
    pub violations: u64,
    /// The first of them.
    pub told: Vec<Violation>,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.schedules += other.schedules;
        self.commits += other.commits;
        self.evidence += other.evidence;
        self.violations += other.violations;
        self.decisions.iter_mut().zip(other.decisions).for_each(|(sum, more)| *sum += more);
        self.told.extend(other.told);
        self.told.sort();
        self.told.truncate(TOLD_MAX);
    }
}

/// Plays every schedule of a scope.
pub fn explore(scope: &Scope) -> Found {
    let next = AtomicU64::new(0);
    let total = scope.schedules();
    let ring = Ring::new();
    let worker = || {
        let mut found = Found::default();
        loop {
            let first = next.fetch_add(CHUNK, Ordering::Relaxed);
            if first >= total {
                return found;
            }
            for schedule in first..(first + CHUNK).min(total) {
                found.add(play(scope, &ring, schedule));
            }
        }
    };
    let mut found = Found::default();
    on_threads(scope.jobs, worker, |part| found.add(part));
    found
}

/// A schedule in words: who is doubled, and the sides of each round.
pub fn explain(scope: &Scope, schedule: u64) -> String {
    let doubled = doubled(schedule);
    let name = |machine: usize| match machine {
        REPLICAS => format!("{}'", doubled.0),
        _ => machine.to_string(),
    };
    let sides = (0..scope.rounds).map(|step| {
        let side = |wanted: bool| {
            let members = (0..=REPLICAS).filter(|machine| other_side(schedule, step, *machine) == wanted);
            members.map(name).collect::<Vec<_>>().join(" ")
        };
        match side(true).as_str() {
            "" => "all".to_owned(),
            other => format!("{} | {other}", side(false)),
        }
    });
    format!("replica {} twice: {}", doubled.0, sides.collect::<Vec<_>>().join(", "))
}

fn doubled(schedule: u64) -> ReplicaId {
    ReplicaId((schedule % REPLICAS as u64) as u16)
}

/// Whether a machine is on the side in which the first one is not.
fn other_side(schedule: u64, step: u32, machine: usize) -> bool {
    let split = schedule / REPLICAS as u64 / SPLITS.pow(step) % SPLITS;
    machine > 0 && split >> (machine - 1) & 1 == 1
}

/// Who orders.
struct Ring {
    committee: Arc<Committee>,
    keys: Vec<SecretKey>,
}

impl Ring {
    fn new() -> Self {
        let keys: Vec<SecretKey> =
            (0..REPLICAS as u8).map(|replica| SecretKey::from_seed([replica + 1; 32])).collect();
        let member = |(index, key): (usize, &SecretKey)| Member {
            name: format!("replica-{index}"),
            key: key.public(),
            stake: Stake(1),
        };
        let members = keys.iter().enumerate().map(member).collect();
        let committee = Committee::new(b"twins", members).expect("four distinct keys are a committee");
        Self { committee: Arc::new(committee), keys }
    }
}

struct Machine {
    id: ReplicaId,
    protocol: Box<dyn Protocol>,
    commits: Vec<Digest>,
    /// Round of the last committed leader.
    leader: Round,
    evidence: bool,
}

enum Item {
    Block(Arc<Block>),
    Message(ProtocolMessage),
}

struct World<'a> {
    ring: &'a Ring,
    now: Timestamp,
    machines: Vec<Machine>,
    queue: VecDeque<(usize, ReplicaId, Item)>,
    /// Of each machine, in this step.
    sides: [bool; REPLICAS + 1],
}

fn play(scope: &Scope, ring: &Ring, schedule: u64) -> Found {
    let doubled = doubled(schedule);
    let tuning = Tuning { leaders_per_round: scope.leaders_per_round, ..Tuning::default() };
    let ids = ring.committee.replicas().chain([doubled]);
    let machine = |id: ReplicaId| Machine {
        id,
        protocol: (scope.protocol)(ring.committee.clone(), id, ring.keys[id.index()].clone(), tuning.clone()),
        commits: Vec::new(),
        leader: Round(0),
        evidence: false,
    };
    let mut world = World {
        ring,
        now: Timestamp::ZERO,
        machines: ids.map(machine).collect(),
        queue: VecDeque::new(),
        sides: [false; REPLICAS + 1],
    };
    #[cfg(feature = "seeded-bugs")]
    if scope.skip_undecided {
        world.machines.iter_mut().for_each(|machine| machine.protocol.seed_bug(ProtocolBug::SkipUndecided));
    }
    for step in 0..scope.rounds {
        world.step(std::array::from_fn(|machine| other_side(schedule, step, machine)));
    }
    let correct = |world: &World<'_>, of: fn(&Machine) -> u64| -> Vec<u64> {
        world.machines.iter().filter(|machine| machine.id != doubled).map(of).collect()
    };
    let round = |machine: &Machine| machine.protocol.status().round.0;
    let healed_at = Round(correct(&world, round).into_iter().max().unwrap_or(0));
    for _ in 0..HEALED_STEPS {
        world.step([false; REPLICAS + 1]);
    }
    world.judge(doubled, healed_at, schedule)
}

impl World<'_> {
    /// Everybody's timeouts expire, and what is sent arrives on the same side.
    fn step(&mut self, sides: [bool; REPLICAS + 1]) {
        self.sides = sides;
        for machine in 0..self.machines.len() {
            let protocol = &mut self.machines[machine].protocol;
            // The copies of a replica must not make the same block.
            let payload = vec![machine as u8];
            protocol.submit(self.now, payload.into()).expect("a few bytes fit into the mempool");
            match self.now {
                Timestamp::ZERO => protocol.start(self.now),
                _ => protocol.handle_timeout(self.now),
            }
            self.drain(machine);
        }
        while let Some((machine, from, item)) = self.queue.pop_front() {
            let protocol = &mut self.machines[machine].protocol;
            match item {
                Item::Block(block) => protocol.handle_block(self.now, from, block),
                Item::Message(ProtocolMessage::Blocks(blocks)) => {
                    for bytes in blocks.iter() {
                        let block = Block::from_journal(&self.ring.committee, bytes.bytes());
                        let block = block.expect("machines send what they have signed or accepted");
                        protocol.handle_block(self.now, from, Arc::new(block));
                    }
                    protocol.handle_message(self.now, from, ProtocolMessage::Blocks(Default::default()));
                }
                Item::Message(message) => protocol.handle_message(self.now, from, message),
            }
            self.drain(machine);
        }
        self.now = self.now + STEP;
    }

    /// Carries out what a machine wants.
    fn drain(&mut self, machine: usize) {
        let id = self.machines[machine].id;
        while let Some(action) = self.machines[machine].protocol.poll_action() {
            match action {
                Action::Persist(block) => {
                    if block.author() == id {
                        self.machines[machine].protocol.handle_durable(self.now, block.reference());
                    }
                }
                Action::Broadcast(block) => self.send(machine, None, || Item::Block(block.clone())),
                Action::Send(to, message) => {
                    self.send(machine, Some(to), || Item::Message(message.clone()));
                }
                Action::Commit(commit) => {
                    let machine = &mut self.machines[machine];
                    machine.commits.push(commit.digest);
                    machine.leader = commit.header.leader.round;
                }
                Action::Equivocation(..) => self.machines[machine].evidence = true,
                Action::Keep(_) | Action::Accepted(_) | Action::Dropped(_) | Action::NeedSnapshot(_) => {}
                Action::Decided(_) => {}
            }
        }
    }

    /// To every copy of the addressee that is on the same side; nobody writes to itself.
    fn send(&mut self, from: usize, to: Option<ReplicaId>, item: impl Fn() -> Item) {
        let sender = self.machines[from].id;
        for machine in 0..self.machines.len() {
            let id = self.machines[machine].id;
            if id != sender && to.is_none_or(|to| to == id) && self.sides[machine] == self.sides[from] {
                self.queue.push_back((machine, sender, item()));
            }
        }
    }

    fn judge(&self, doubled: ReplicaId, healed_at: Round, schedule: u64) -> Found {
        let correct: Vec<&Machine> = self.machines.iter().filter(|machine| machine.id != doubled).collect();
        let longest = correct.iter().max_by_key(|machine| machine.commits.len()).expect("three are correct");
        let conflict = correct.iter().any(|machine| !longest.commits.starts_with(&machine.commits));
        let stuck = correct.iter().any(|machine| machine.leader <= healed_at);
        let kind = match (conflict, stuck) {
            (true, _) => Some(Kind::Conflict),
            (false, true) => Some(Kind::NoProgress),
            (false, false) => None,
        };
        let mut found = Found {
            schedules: 1,
            commits: correct.iter().map(|machine| machine.commits.len() as u64).sum(),
            evidence: u64::from(correct.iter().any(|machine| machine.evidence)),
            violations: u64::from(kind.is_some()),
            told: kind.into_iter().map(|kind| Violation { schedule, kind }).collect(),
            ..Found::default()
        };
        for machine in correct {
            let decisions = machine.protocol.status().decisions;
            found.decisions.iter_mut().zip(decisions).for_each(|(sum, more)| *sum += more);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::protocol::PROTOCOLS;

    fn scope(rounds: u32, leaders_per_round: usize, jobs: usize) -> Scope {
        Scope {
            protocol: PROTOCOLS[0].1,
            rounds,
            leaders_per_round,
            jobs,
            #[cfg(feature = "seeded-bugs")]
            skip_undecided: false,
        }
    }

    /// The slow share is a command: `amanah twins --rounds 5`.
    #[test]
    fn no_schedule_of_two_rounds_forks_or_stops() {
        for leaders in [1, 2] {
            let scope = scope(2, leaders, 2);
            let found = explore(&scope);
            let told: Vec<String> = found
                .told
                .iter()
                .map(|told| format!("{told:?}: {}", explain(&scope, told.schedule)))
                .collect();
            assert_eq!(found.violations, 0, "{told:#?}");
            assert_eq!(found.schedules, 4 * 16 * 16);
            // Every way to decide a slot was taken, and contradictions were seen.
            assert!(found.decisions.iter().all(|count| *count > 0), "{:?}", found.decisions);
            assert!(found.evidence > found.schedules / 2, "{}", found.evidence);
        }
    }

    #[test]
    fn findings_do_not_depend_on_threads() {
        assert_eq!(explore(&scope(2, 1, 1)), explore(&scope(2, 1, 3)));
    }

    #[test]
    fn schedules_in_words() {
        let scope = scope(2, 1, 1);
        assert_eq!(explain(&scope, 0), "replica 0 twice: all, all");
        // Of the first round the machines 1 and 4 are on the other side, of the second 2.
        assert_eq!(
            explain(&scope, 3 + 4 * (0b1001 + 16 * 0b0010)),
            "replica 3 twice: 0 2 3 | 1 3', 0 1 3 3' | 2"
        );
    }

    #[cfg(feature = "seeded-bugs")]
    #[test]
    fn a_rule_that_leaves_out_undecided_slots_forks() {
        let scope = Scope { skip_undecided: true, ..scope(2, 2, 2) };
        let found = explore(&scope);
        assert!(found.told.iter().any(|violation| violation.kind == Kind::Conflict), "{found:?}");
    }
}
