//! What a transaction costs in processor time: four replicas and their gateways in one thread, without network and disk.
//!
//! `cargo bench -p ledger-core --bench replicas [-- opaque|bundle|single]` prints microseconds for each transaction, all
//! four replicas and the clients together, by stage. Messages arrive a millisecond after they were sent, findings half a
//! millisecond after their job was started, both in virtual time; what handling them takes is measured. Every signature
//! is real. Results are in `bench-results/core.md`.

#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a benchmark asks the clock")]

use bytes::Bytes;
use ledger_core::codec::{Blob, List};
use ledger_core::committee::{Committee, Member, ReplicaId, Stake};
use ledger_core::crypto::{BatchVerifier, Digest, RememberingVerifier, SecretKey};
use ledger_core::gateway::{
    Actor, Command, CommandKind, Directory, End, Gateway, GatewayConfig, GatewayTuning, Institution,
};
use ledger_core::ledger::transaction::{
    Action, Actions, Confidentiality, Grantee, Label, PartyId, Purpose, RecordClass, RecordId, Role, Scope,
    Sensitivities,
};
use ledger_core::ledger::{Credential, Ledger, Party, Policy, Record};
use ledger_core::message::{Message, Reply, Request};
use ledger_core::protocol::{PROTOCOLS, Tuning};
use ledger_core::replica::{Replica, ReplicaConfig};
use ledger_core::seam::{GatewayId, Input, JournalPosition, Machine, Output, Peer};
use ledger_core::time::{Duration, Timestamp};
use ledger_core::work::Work;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

const REPLICAS: u16 = 4;
const HOSPITALS: u32 = 20;
const STAFF: u32 = 20;
const PATIENTS: u32 = 100_000;
const FIRST_STAFF: u32 = HOSPITALS;
const FIRST_PATIENT: u32 = HOSPITALS + HOSPITALS * STAFF;
const TICK: Duration = Duration::from_micros(500);
const HOP: u64 = 2;
const LABEL: Label = Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) };

/// What is submitted.
#[derive(Clone, Copy, PartialEq)]
struct Load {
    name: &'static str,
    /// Transactions a second of virtual time.
    rate: u64,
    /// Actions in a bundle; opaque items if none.
    bundle: Option<u64>,
    /// Virtual seconds.
    seconds: u64,
}

const LOADS: [Load; 3] = [
    Load { name: "opaque", rate: 160_000, bundle: None, seconds: 3 },
    Load { name: "bundle", rate: 60_000, bundle: Some(16), seconds: 3 },
    Load { name: "single", rate: 15_000, bundle: Some(1), seconds: 3 },
];
const OPAQUE_BYTES: usize = 512;

enum Node {
    Replica(Box<Replica>),
    Gateway(Box<Gateway>),
}

impl Node {
    fn machine(&mut self) -> &mut dyn Machine {
        match self {
            Self::Replica(replica) => replica.as_mut(),
            Self::Gateway(gateway) => gateway.as_mut(),
        }
    }
}

#[derive(Default)]
struct Stage {
    nanos: u64,
    calls: u64,
}

struct World {
    now: Timestamp,
    committee: Arc<Committee>,
    nodes: Vec<Node>,
    /// By tick.
    events: VecDeque<Vec<(usize, Input)>>,
    stages: BTreeMap<&'static str, Stage>,
    /// Of all gateways, as in a process that hosts them.
    clients: RememberingVerifier,
    measuring: bool,
    committed: u64,
    refused: u64,
    sent_bytes: u64,
}

fn party_key(party: u32) -> SecretKey {
    SecretKey::from_seed(Digest::sha256(&[b"key", &party.to_le_bytes()]).0)
}

fn genesis() -> Ledger {
    let mut genesis = Ledger::genesis(Policy::default());
    for id in 0..FIRST_PATIENT + PATIENTS {
        let (role, organisation) = match id {
            0..HOSPITALS => (Role::Hospital, None),
            FIRST_STAFF..FIRST_PATIENT => (Role::Clinician, Some(PartyId((id - FIRST_STAFF) / STAFF))),
            _ => (Role::Patient, None),
        };
        let key = match id {
            0..FIRST_PATIENT => party_key(id).public(),
            // Patients sign nothing here.
            _ => ledger_core::crypto::PublicKey(Digest::sha256(&[&id.to_le_bytes()]).0),
        };
        let credential = Credential::ALWAYS;
        genesis.party(Party { key, wrap_key: [0; 32], role, organisation, credential });
    }
    let scope = Scope {
        grantee: Grantee::Everyone(Role::Hospital),
        classes: List::new(vec![RecordClass::Observation]).expect("within limits"),
        confidentiality_max: Confidentiality::N,
        sensitivities: Sensitivities::default(),
        purposes: List::new(vec![Purpose::TREAT]).expect("within limits"),
        from: Timestamp::ZERO,
        until: Timestamp::MAX,
        redisclosure: false,
    };
    for n in 0..PATIENTS {
        genesis.record(Record {
            patient: PartyId(FIRST_PATIENT + n),
            custodian: PartyId(n % HOSPITALS),
            commitment: Digest::sha256(&[b"commitment", &n.to_le_bytes()]),
            class: RecordClass::Observation,
            label: LABEL,
            size_bucket: 11,
            locator: [0; 16],
            patient_wrap: Blob::new(vec![0; 80]).expect("below the limit"),
            registered_at: Timestamp::ZERO,
            epoch: 0,
            shredded_at: None,
        });
        genesis.consent(PartyId(FIRST_PATIENT + n), false, &scope).expect("within limits");
    }
    genesis.build()
}

impl World {
    fn new(ledger: Option<Ledger>) -> Self {
        let key = |n: u16| SecretKey::from_seed([n as u8 + 1; 32]);
        let member = |n: u16| Member { name: format!("r{n}"), key: key(n).public(), stake: Stake(1) };
        let committee = Committee::new(b"bench", (0..REPLICAS).map(member).collect());
        let committee = Arc::new(committee.expect("four members with keys of their own"));
        let replica = |n: u16| {
            let config = ReplicaConfig {
                committee: committee.clone(),
                id: ReplicaId(n),
                key: key(n),
                protocol: PROTOCOLS[0].1,
                tuning: Tuning {
                    min_round_interval: Duration::from_millis(10),
                    block_bytes_max: 4 * 1024 * 1024,
                    // A second holds a hundred rounds here; whoever is away for less needs no snapshot.
                    gc_depth: if ledger.is_some() { 400 } else { 100 },
                    ..Tuning::default()
                },
                // One a round: there are two leaders in each.
                checkpoint_interval: 2,
                journal_bytes_max: 256 << 20,
                ledger: ledger.clone(),
                forgot: false,
                #[cfg(feature = "seeded-bugs")]
                bug: None,
            };
            let replica = Replica::new(config, Timestamp::ZERO, JournalPosition(0), Vec::new());
            Node::Replica(Box::new(replica.expect("an empty journal holds nothing wrong")))
        };
        let institution =
            |n: u32| Institution { gateway: GatewayId(n), wrap_key: Gateway::wrap_key([n as u8; 32]) };
        let directory = Directory::new((0..HOSPITALS).map(|n| (PartyId(n), institution(n))));
        let directory = Arc::new(directory.expect("one gateway each"));
        let gateway = |n: u32| {
            Node::Gateway(Box::new(Gateway::new(GatewayConfig {
                id: GatewayId(n),
                organisation: PartyId(n),
                committee: committee.clone(),
                home: ReplicaId(n as u16 % REPLICAS),
                directory: directory.clone(),
                secret: [n as u8; 32],
                tuning: GatewayTuning::default(),
            })))
        };
        let mut world = Self {
            now: Timestamp::ZERO,
            nodes: (0..REPLICAS).map(replica).chain((0..HOSPITALS).map(gateway)).collect(),
            committee: committee.clone(),
            events: VecDeque::new(),
            stages: BTreeMap::new(),
            clients: RememberingVerifier::new(1 << 12),
            measuring: false,
            committed: 0,
            refused: 0,
            sent_bytes: 0,
        };
        (0..world.nodes.len()).for_each(|node| world.drain(node));
        world
    }

    fn timed<T>(&mut self, stage: &'static str, run: impl FnOnce(&mut Self) -> T) -> T {
        let begun = Instant::now();
        let result = run(self);
        if self.measuring {
            let stage = self.stages.entry(stage).or_default();
            stage.nanos += begun.elapsed().as_nanos() as u64;
            stage.calls += 1;
        }
        result
    }

    fn after(&mut self, ticks: u64, node: usize, input: Input) {
        while self.events.len() <= ticks as usize {
            self.events.push_back(Vec::new());
        }
        self.events[ticks as usize].push((node, input));
    }

    fn input(&mut self, node: usize, input: Input) {
        let stage = match (&self.nodes[node], &input) {
            (Node::Gateway(_), Input::Command(_)) => "gateway: command",
            (Node::Gateway(_), Input::Verified(..)) => "gateway: findings",
            (Node::Gateway(_), _) => "gateway: messages",
            (Node::Replica(_), Input::Message { from: Peer::Replica(_), .. }) => "replica: blocks in",
            (Node::Replica(_), Input::Message { .. }) => "replica: submissions in",
            (Node::Replica(_), Input::Verified(_, finding)) => match finding {
                ledger_core::work::Finding::Blocks(_) => "replica: blocks accepted, proposed, executed",
                ledger_core::work::Finding::Transactions(_) => "replica: transactions checked, executed",
                ledger_core::work::Finding::Votes(_) => "replica: votes counted, receipts",
                _ => "replica: submissions checked",
            },
            (Node::Replica(_), Input::Durable(_)) => "replica: durable",
            (Node::Replica(_), Input::Executed(_)) => "replica: log, checkpoints, answers",
            (Node::Replica(_), Input::Loaded(..) | Input::Command(_)) => unreachable!("it has neither"),
        };
        let now = self.now;
        self.timed(stage, |world| world.nodes[node].machine().handle(now, input));
        self.drain(node);
    }

    fn drain(&mut self, node: usize) {
        let from = match self.nodes[node] {
            Node::Replica(_) => Peer::Replica(ReplicaId(node as u16)),
            Node::Gateway(_) => Peer::Gateway(GatewayId((node - usize::from(REPLICAS)) as u32)),
        };
        while let Some(output) = self.nodes[node].machine().poll_output() {
            match output {
                Output::Send { to: Peer::Local, bytes, .. } => self.answer(&bytes),
                Output::Send { to, bytes, .. } => {
                    self.sent_bytes += bytes.len() as u64;
                    let to = match to {
                        Peer::Replica(id) => id.index(),
                        Peer::Gateway(id) => usize::from(REPLICAS) + id.0 as usize,
                        Peer::Local => unreachable!("matched above"),
                    };
                    self.after(HOP, to, Input::Message { from, bytes });
                }
                Output::Broadcast { bytes, .. } => {
                    for to in (0..usize::from(REPLICAS)).filter(|to| *to != node) {
                        self.sent_bytes += bytes.len() as u64;
                        // Each receives a copy of its own, as from a network.
                        self.after(HOP, to, Input::Message { from, bytes: Bytes::copy_from_slice(&bytes) });
                    }
                }
                Output::Persist { position, sync: true, .. } => {
                    self.after(1, node, Input::Durable(position));
                }
                Output::Verify(job, work) => {
                    let stage = match (&work, &self.nodes[node]) {
                        (Work::Blocks(_), _) => "work: blocks decoded, hashed, verified",
                        (Work::Transactions(..), _) => "work: transactions of others' blocks",
                        (Work::Votes(..), _) => "work: votes",
                        (Work::Sign(_), _) => "work: sign (client)",
                        (Work::Checkpoint(_) | Work::Inclusion(_), _) => "work: receipts (client)",
                        (_, Node::Replica(_)) => "work: submissions",
                        (_, Node::Gateway(_)) => "work: other (client)",
                    };
                    let committee = self.committee.clone();
                    let finding = self.timed(stage, |world| match world.nodes[node] {
                        Node::Replica(_) => work.run(&committee, &mut BatchVerifier),
                        Node::Gateway(_) => work.run(&committee, &mut world.clients),
                    });
                    self.timed("work: dropped", |_| drop(work));
                    self.after(1, node, Input::Verified(job, finding));
                }
                Output::Execute(mut executing) => {
                    self.timed("replica: executed", |_| executing.run());
                    self.after(1, node, Input::Executed(executing));
                }
                Output::Completed(completion) => {
                    assert_eq!(completion.end, End::Answered);
                    self.committed += completion.answers.len() as u64;
                    self.refused +=
                        completion.answers.iter().filter(|answer| answer.refusal().is_some()).count() as u64;
                }
                Output::Committed(report) => self.timed("replica: report dropped", |_| drop(report)),
                Output::Persist { .. } | Output::Truncate(_) | Output::Observed(_) => {}
                Output::Store(..) | Output::Load(_) | Output::Erase(_) => unreachable!("no document moves"),
            }
        }
    }

    fn answer(&mut self, bytes: &Bytes) {
        match Message::decode(bytes) {
            Ok(Message::Reply(Reply::Ordered { .. })) => self.committed += 1,
            other => panic!("{other:?}"),
        }
    }

    /// Half a millisecond of virtual time.
    fn tick(&mut self) {
        for (node, input) in self.events.pop_front().unwrap_or_default() {
            self.input(node, input);
        }
        let now = self.now;
        for node in 0..self.nodes.len() {
            if self.nodes[node].machine().poll_timeout().is_some_and(|at| at <= now) {
                let stage = match self.nodes[node] {
                    Node::Replica(_) => "replica: timers",
                    Node::Gateway(_) => "gateway: timers",
                };
                self.timed(stage, |world| world.nodes[node].machine().handle_timeout(now));
                self.drain(node);
            }
        }
        self.now = self.now + TICK;
    }

    fn submit(&mut self, load: Load, number: u64) {
        let Some(bundle) = load.bundle else {
            let item = self.timed("load: opaque item made and encoded", |_| {
                let mut item = vec![0x5a; OPAQUE_BYTES];
                item[..8].copy_from_slice(&number.to_le_bytes());
                Message::Request(Request::Submit(Blob::new(item).expect("below the limit"))).encode()
            });
            let to = (number % u64::from(REPLICAS)) as usize;
            return self.input(to, Input::Message { from: Peer::Local, bytes: item });
        };
        let staff = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u32 % (HOSPITALS * STAFF);
        let (party, organisation) = (PartyId(FIRST_STAFF + staff), PartyId(staff / STAFF));
        let request = |action: u64| {
            let n = ((number * bundle + action).wrapping_mul(0xd134_2543_de82_ef95) >> 32) as u32 % PATIENTS;
            let consent = Some(ledger_core::ledger::transaction::ConsentId(n));
            Action::RequestAccess { record: RecordId(n), purpose: Purpose::TREAT, consent }
        };
        let actions = Actions::new((0..bundle).map(request).collect()).expect("within limits");
        let command = Command {
            operation: number,
            actor: Actor { party, organisation, key: KEYS.with(|keys| keys[staff as usize].clone()) },
            deadline: self.now + Duration::from_secs(10),
            kind: CommandKind::Bundle { actions, atomic: false },
        };
        self.input(usize::from(REPLICAS) + organisation.index(), Input::Command(command));
    }
}

thread_local! {
    static KEYS: Vec<SecretKey> = (0..HOSPITALS * STAFF).map(|n| party_key(FIRST_STAFF + n)).collect();
}

fn measure(load: Load, ledger: Option<Ledger>) {
    let mut world = World::new(ledger);
    let operations_per_second = load.rate / load.bundle.unwrap_or(1);
    let ticks_per_second = Duration::from_secs(1).as_nanos() as u64 / TICK.as_nanos() as u64;
    let (warmup, total) = (ticks_per_second / 2, ticks_per_second / 2 + ticks_per_second * load.seconds);
    let mut started = 0;
    let mut before = 0;
    let mut begun = (Instant::now(), processor_nanos());
    for tick in 0..total {
        if tick == warmup {
            world.measuring = true;
            before = world.committed;
            begun = (Instant::now(), processor_nanos());
        }
        while started * ticks_per_second < tick * operations_per_second {
            world.submit(load, started);
            started += 1;
        }
        world.tick();
    }
    let committed = world.committed - before;
    let all: u64 = world.stages.values().map(|stage| stage.nanos).sum();
    // Others use the machine too: wall-clock time is scaled to what this process had of it.
    let running = (processor_nanos() - begun.1) as f64 / begun.0.elapsed().as_nanos() as f64;
    let each = |nanos: u64| nanos as f64 * running / 1e3 / committed as f64;
    println!(
        "\n{}: {committed} transactions, {} refused, {:.2} us each",
        load.name,
        world.refused,
        each(all)
    );
    println!("  of wall-clock time on a processor: {:.0} %", 100.0 * running);
    println!("  bytes sent each: {:.0}", world.sent_bytes as f64 / world.committed as f64);
    let mut stages: Vec<_> = world.stages.iter().collect();
    stages.sort_by_key(|(_, stage)| std::cmp::Reverse(stage.nanos));
    for (name, stage) in stages.into_iter().filter(|(_, stage)| each(stage.nanos) >= 0.005) {
        println!("  {:8.3} us  {:9} calls  {name}", each(stage.nanos), stage.calls);
    }
}

/// Time on a processor so far; field 1 of the kernel's `schedstat`.
fn processor_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("a Linux kernel");
    text.split(' ').next().and_then(|field| field.parse().ok()).expect("a number")
}

fn main() {
    let chosen: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |load: &Load| chosen.is_empty() || chosen.iter().any(|name| name == load.name);
    let ledger = LOADS.iter().any(|load| wanted(load) && load.bundle.is_some()).then(genesis);
    for load in LOADS.into_iter().filter(wanted) {
        measure(load, ledger.clone().filter(|_| load.bundle.is_some()));
    }
}
