//! The simulated world: hosts, the network between them, faults, and virtual time.
//!
//! A run is a loop over the event queue. Hosts share nothing: they touch each other only through the
//! [`network`](crate::network). Every event that is handled is chained into the run's digest with its
//! time, its place in the order, its host and what it carries.
//!
//! Findings of stateless work are pure functions of the work, so the world computes each once and remembers it
//! (`memo`); every host is still charged for its own.

mod archive;
mod config;
mod faults;
mod hostile;
mod loss;
mod memo;
mod node;
mod observer;
mod onlookers;
mod scene;
mod transport;
mod witness;

pub use archive::ArchiveError;

use crate::document;
use crate::event_queue::EventQueue;
use crate::history::{Control, NetworkRecord, Progress, Run, Setting};
use crate::network::quic::{Capture, Datagram, Effects};
use crate::network::{Cut, Groups, HostAttachment, HostId, Links, link};
use crate::plan::Plan;
use crate::population::Population;
use crate::recorder::Recorder;
use crate::seed::Seed;
use crate::workload::{Generator, Started, Target};
use archive::Archive;
use bytes::Bytes;
use config::{committee, directory, replica_config};
use ledger_core::audit::Receipt;
use ledger_core::committee::{Committee, CommitteeError, ReplicaId};
use ledger_core::crypto::{Digest, SignaturesMade};
use ledger_core::gateway::{Gateway, GatewayConfig};
use ledger_core::live::LiveError;
use ledger_core::message::{Message, Request};
use ledger_core::replica::ReplicaConfig;
use ledger_core::seam::{GatewayId, Input, JobId, JournalPosition, Output, Peer};
use ledger_core::time::{Duration, Timestamp};
use ledger_core::work::Finding;
use memo::Memo;
use node::{Machine, Node};
pub use observer::{Observer, Seen};
use onlookers::{Onlookers, Played};
pub use onlookers::{Tap, run_audited, run_observed, run_tapped, run_witnessed};
pub use scene::{DiskView, HostView, MachineView, Scene};
use std::path::PathBuf;
use std::sync::Arc;
use transport::Transport;
pub use witness::Witness;

/// Why a plan cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The plan's replicas are no committee.
    #[error("the ledger's replicas: {0}")]
    Committee(#[from] CommitteeError),
    /// The capture cannot be written.
    #[error("cannot write the capture: {0}")]
    Capture(#[from] std::io::Error),
}

/// What happens in virtual time.
pub(crate) enum Event {
    /// A message arrives.
    Deliver { to: HostId, from: Peer, content: u64, bytes: Bytes },
    /// A datagram arrives.
    Datagram(Datagram),
    /// An endpoint wanted to be called.
    Endpoint { host: HostId },
    /// A machine's core is done with messages that it made.
    Outbox { host: HostId, incarnation: u32 },
    /// A gateway connects to its home replica.
    Connect { host: HostId },
    /// The network's own load.
    Transfer { transfer: usize },
    /// A machine's core is free and its inbox is not empty.
    Wake { host: HostId },
    /// A machine wanted to be called.
    Timer { host: HostId },
    /// A sync is done.
    Synced { host: HostId, incarnation: u32 },
    /// A job is done.
    Job { host: HostId, incarnation: u32, job: JobId, finding: Box<Finding> },
    /// A document is read.
    Loaded { host: HostId, locator: [u8; 16] },
    /// The next operation of the open loop.
    Arrival,
    /// A client of the closed loop starts its next operation.
    NextOperation,
    /// A fault strikes.
    Strike { fault: usize },
    /// The user of an operation whose gateway is gone waits no longer.
    GaveUp { operation: u64 },
    /// A fault is healed.
    Heal { fault: usize },
    /// A partition that is in force changes.
    Turn { fault: usize, until: Timestamp },
    /// A gateway that comes and goes does so.
    Churn { fault: usize, place: usize },
    /// A second is over.
    Second,
}

/// Journal bytes after which a replica writes a snapshot.
const JOURNAL_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Virtual time after the last operation has ended in which slower replicas may finish what it set off.
const SETTLE: Duration = Duration::from_secs(2);
/// Receipts asked of each replica at the end.
const RECEIPTS_SAMPLED: usize = 64;
/// Events between two looks at the watcher.
const WATCH_INTERVAL: u64 = 1 << 12;

/// What a run may be told beside its plan; nothing of it changes what happens, but seeded bugs do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads for what is parallel (keys and documents of the population).
    pub threads: usize,
    /// Where to write every datagram, as a file that network analysers read.
    pub capture: Option<PathBuf>,
    /// Deliberate mistakes, for testing checkers.
    #[cfg(feature = "seeded-bugs")]
    pub bugs: Vec<SeededBug>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            capture: None,
            #[cfg(feature = "seeded-bugs")]
            bugs: Vec::new(),
        }
    }
}

/// A deliberate mistake and who makes it.
#[cfg(feature = "seeded-bugs")]
#[derive(Clone, Copy, Debug)]
pub enum SeededBug {
    /// One replica, or all.
    Replica(Option<ReplicaId>, ledger_core::replica::ReplicaBug),
    /// All replicas' ledgers.
    Ledger(ledger_core::ledger::LedgerBug),
    /// All gateways.
    Gateway(ledger_core::gateway::GatewayBug),
    /// All custodians: they register another patient's document.
    MixedUpPatients,
    /// The auditor leaves out an access.
    Auditor,
    /// All replicas take every block's signature for valid.
    BelieveSignatures,
    /// All replicas take whatever they find in their journal for what they wrote.
    TrustTornTail,
}

/// Runs a plan to its end, or until the watcher says stop.
pub fn run(plan: &Plan, watch: &mut dyn FnMut(&Progress) -> Control) -> Result<Run, WorldError> {
    run_with(plan, &Options::default(), watch)
}

/// Like [`run`], with options.
pub fn run_with(
    plan: &Plan,
    options: &Options,
    watch: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Run, WorldError> {
    Ok(play(plan, options, Onlookers::default(), watch)?.run)
}

fn play(
    plan: &Plan,
    options: &Options,
    onlookers: Onlookers,
    watch: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Played, WorldError> {
    let begun = std::time::Instant::now();
    let mut world = World::new(plan, options)?;
    world.observers = onlookers.observers;
    world.until = onlookers.until;
    if plan.ledger.execution {
        world.archive = onlookers.patient.map(|patient| Archive::new(patient, world.committee.chain()));
    }
    #[cfg(feature = "seeded-bugs")]
    if options.bugs.iter().any(|bug| matches!(bug, SeededBug::Auditor)) {
        world.archive.iter_mut().for_each(Archive::leave_out_an_access);
    }
    world.tap = onlookers.tap;
    world.witness = onlookers.witness;
    if let Some(witness) = &mut world.witness {
        witness.begins(world.generator.population());
    }
    world.begin_observation();
    let setup_wall = begun.elapsed();
    let partial = world.run(watch)?;
    if let Transport::Quic(network) = &mut world.transport {
        network.finish()?;
    }
    let archive = world.archive.take();
    let stopped = world.until.is_some_and(|until| until == world.now);
    let scene = if onlookers.looks { world.scene(stopped) } else { Scene::default() };
    let run = world.into_run(plan, partial, begun.elapsed(), setup_wall);
    Ok(Played { run, archive, scene })
}

struct World {
    now: Timestamp,
    queue: EventQueue<Event>,
    nodes: Vec<Node>,
    replicas: usize,
    transport: Transport,
    /// What regions send to each other.
    links: Links,
    groups: Groups,
    seed: Seed,
    memo: Memo,
    committee: Arc<Committee>,
    configs: Vec<ReplicaConfig>,
    gateway_configs: Vec<GatewayConfig>,
    generator: Generator,
    witness: Option<Box<dyn Witness>>,
    recorder: Recorder,
    /// Follows the run, if it is audited.
    archive: Option<Archive>,
    /// Sees what replicas are sent.
    tap: Option<Tap>,
    observers: Vec<Box<dyn Observer>>,
    /// Ends the run.
    until: Option<Timestamp>,
    plan: Plan,
    /// Deliberate mistakes.
    #[cfg(feature = "seeded-bugs")]
    bugs: Vec<SeededBug>,
    /// Group of each host per active partition.
    partitions: Vec<(usize, Vec<u32>)>,
    /// What is cut one way, per active fault.
    cuts: Vec<(usize, Cut)>,
    /// Active churn: which of its gateways are away.
    churning: Vec<(usize, Vec<bool>)>,
    /// Faults whose time has come and that wait for their trigger.
    awaiting: Vec<usize>,
    /// Whether a replica has proposed or executed since they were looked at.
    stirred: bool,
    arrivals_end: Timestamp,
    deadline: Timestamp,
    /// Since when no operation is under way, after the last arrival.
    idle_since: Option<Timestamp>,
    digest: blake3::Hasher,
    digest_buffer: Vec<u8>,
    /// Reused between steps.
    outputs: Vec<Output>,
    effects: Effects,
    events: u64,
}

impl World {
    fn new(plan: &Plan, options: &Options) -> Result<Self, WorldError> {
        let seed = Seed::new(plan.seed);
        let made = SignaturesMade::new(memo::SIGNATURES_MAX);
        let population = Arc::new(Population::new(plan, &seed, options.threads).noting(&made));
        let (committee, keys) = committee(plan, &seed, &population, &made)?;
        let configs: Vec<ReplicaConfig> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| replica_config(plan, options, &committee, &population, index, key))
            .collect();
        let replicas = configs.len();
        let mut nodes: Vec<Node> = (0..replicas)
            .map(|index| Node::new(Peer::Replica(ReplicaId(index as u16)), &plan.replica_host))
            .collect();
        let mut hosts: Vec<HostAttachment> = plan
            .replicas
            .iter()
            .map(|replica| HostAttachment {
                region: replica.region,
                bandwidth_bits_per_s: plan.replica_host.bandwidth_bits_per_s,
            })
            .collect();
        let directory = Arc::new(directory(&population, &|gateway| population.gateway_secret(gateway)));
        let mut gateway_configs = Vec::new();
        for (index, institution) in plan.population.institutions.iter().enumerate() {
            let id = GatewayId(index as u32);
            let organisation = population.organisation(id);
            let config = GatewayConfig {
                id,
                organisation,
                committee: committee.clone(),
                home: ReplicaId(institution.replica as u16),
                directory: directory.clone(),
                secret: population.gateway_secret(id),
                tuning: loss::tuning(plan),
            };
            let mut gateway = Gateway::new(config.clone());
            gateway_configs.push(config);
            for (record, locator) in population.custody(id) {
                gateway.preload(record, locator);
            }
            #[cfg(feature = "seeded-bugs")]
            for bug in &options.bugs {
                if let SeededBug::Gateway(bug) = bug {
                    gateway.set_bug(*bug);
                }
            }
            let mut node = Node::new(Peer::Gateway(id), &plan.gateway_host);
            node.machine = Some(hostile::cast_gateway(plan, &seed, &population, &committee, id, gateway));
            nodes.push(node);
            hosts.push(HostAttachment {
                region: institution.region,
                bandwidth_bits_per_s: plan.gateway_host.bandwidth_bits_per_s,
            });
        }
        let links = Links::new(plan.network.regions.len(), hosts.iter().map(|host| host.region).collect());
        let transport = match &plan.network.transport {
            crate::plan::Transport::Message => {
                transport::message(plan, link::Network::new(&plan.network, hosts, &seed))
            }
            crate::plan::Transport::Quic(quic) => {
                let capture = options.capture.as_deref().map(Capture::create).transpose()?;
                transport::quic(plan, quic, &population, &keys, committee.chain(), &seed, capture)
            }
        };
        let arrivals_end = Timestamp::after_genesis(plan.warmup + plan.duration);
        let mut world = Self {
            now: Timestamp::ZERO,
            queue: EventQueue::new(),
            replicas,
            transport,
            links,
            groups: Groups::default(),
            memo: Memo::new(made),
            generator: Generator::new(plan, population, &seed, committee.chain()),
            witness: None,
            recorder: Recorder::new(replicas, Timestamp::ZERO),
            archive: None,
            tap: None,
            observers: Vec::new(),
            until: None,
            partitions: Vec::new(),
            cuts: Vec::new(),
            churning: Vec::new(),
            awaiting: Vec::new(),
            stirred: false,
            arrivals_end,
            deadline: arrivals_end + plan.drain + SETTLE,
            idle_since: None,
            digest: blake3::Hasher::new(),
            digest_buffer: Vec::with_capacity(8192),
            outputs: Vec::new(),
            effects: Effects::default(),
            events: 0,
            plan: plan.clone(),
            #[cfg(feature = "seeded-bugs")]
            bugs: options.bugs.clone(),
            nodes,
            seed,
            committee,
            configs,
            gateway_configs,
        };
        #[cfg(feature = "seeded-bugs")]
        if options.bugs.iter().any(|bug| matches!(bug, SeededBug::BelieveSignatures)) {
            world.memo.believe();
        }
        #[cfg(feature = "seeded-bugs")]
        if options.bugs.iter().any(|bug| matches!(bug, SeededBug::MixedUpPatients)) {
            world.generator.mix_up_patients();
        }
        for index in 0..replicas {
            world.boot(HostId(index as u32));
        }
        world.preload_copies();
        world.connect_gateways();
        world.schedule_start();
        Ok(world)
    }

    fn schedule_start(&mut self) {
        for (index, fault) in self.plan.faults.iter().enumerate() {
            let at = Timestamp::after_genesis(self.plan.warmup + fault.at);
            self.queue.push(at, Event::Strike { fault: index });
        }
        for (index, transfer) in self.plan.network.transfers.iter().enumerate() {
            let at = Timestamp::after_genesis(self.plan.warmup + transfer.at);
            self.queue.push(at, Event::Transfer { transfer: index });
        }
        self.queue.push(Timestamp(1_000_000_000), Event::Second);
        for at in self.generator.initial() {
            self.queue.push(at, Event::NextOperation);
        }
        self.schedule_arrival();
    }

    fn schedule_arrival(&mut self) {
        if let Some(at) = self.generator.next_arrival() {
            self.queue.push(at, Event::Arrival);
        }
    }

    /// Handles events until all operations have ended after the last arrival, and a little longer. True if the watcher stopped it.
    fn run(&mut self, watch: &mut dyn FnMut(&Progress) -> Control) -> Result<bool, WorldError> {
        if watch(&self.progress()) == Control::Stop {
            return Ok(true);
        }
        while let Some((time, sequence, event)) = self.queue.pop() {
            if time > self.deadline || self.idle_since.is_some_and(|idle| time > idle + SETTLE) {
                break;
            }
            if let Some(until) = self.until.filter(|until| time > *until) {
                self.now = until;
                break;
            }
            self.now = time;
            self.events += 1;
            self.chain(sequence, &event);
            self.handle(event);
            self.strike_awaited();
            let idle = self.now > self.arrivals_end && self.recorder.is_idle();
            self.idle_since = self.idle_since.or(idle.then_some(self.now));
            if self.events.is_multiple_of(WATCH_INTERVAL) && watch(&self.progress()) == Control::Stop {
                return Ok(true);
            }
        }
        Ok(watch(&self.progress()) == Control::Stop)
    }

    fn progress(&self) -> Progress {
        Progress {
            now: self.now,
            end: self.arrivals_end,
            events: self.events,
            committed: self.recorder.committed(),
        }
    }

    /// Chains an event into the digest.
    fn chain(&mut self, sequence: u64, event: &Event) {
        let (tag, host, content): (u8, u32, u64) = match event {
            Event::Deliver { to, content, .. } => (0, to.0, *content),
            Event::Wake { host } => (1, host.0, 0),
            Event::Timer { host } => (2, host.0, 0),
            Event::Synced { host, incarnation } => (3, host.0, u64::from(*incarnation)),
            Event::Job { host, job, .. } => (4, host.0, job.0),
            Event::Loaded { host, locator } => (5, host.0, u128::from_le_bytes(*locator) as u64),
            Event::Arrival => (6, 0, 0),
            Event::NextOperation => (7, 0, 0),
            Event::Strike { fault } => (8, 0, *fault as u64),
            Event::Heal { fault } => (9, 0, *fault as u64),
            Event::Second => (10, 0, 0),
            Event::Datagram(datagram) => (11, datagram.to.0, datagram.content()),
            Event::Endpoint { host } => (12, host.0, 0),
            Event::Outbox { host, incarnation } => (13, host.0, u64::from(*incarnation)),
            Event::Connect { host } => (14, host.0, 0),
            Event::Transfer { transfer } => (15, 0, *transfer as u64),
            Event::GaveUp { operation } => (16, 0, *operation),
            Event::Turn { fault, .. } => (17, 0, *fault as u64),
            Event::Churn { fault, place } => (18, *place as u32, *fault as u64),
        };
        let buffer = &mut self.digest_buffer;
        buffer.push(tag);
        buffer.extend_from_slice(&self.now.0.to_le_bytes());
        buffer.extend_from_slice(&sequence.to_le_bytes());
        buffer.extend_from_slice(&host.to_le_bytes());
        buffer.extend_from_slice(&content.to_le_bytes());
        if buffer.len() > 8000 {
            self.digest.update(buffer);
            buffer.clear();
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver { to, from, bytes, .. } => {
                let reachable = match from {
                    Peer::Local => true,
                    Peer::Replica(_) | Peer::Gateway(_) => self.groups.reachable(self.host_of(from), to),
                };
                if !reachable || self.nodes[to.0 as usize].machine.is_none() {
                    self.recorder.undelivered(1);
                } else if bytes.first() == Some(&transport::TRANSFER) {
                    self.recorder.transferred(self.now, bytes.len() as u64);
                } else {
                    self.input(to, Input::Message { from, bytes });
                }
            }
            Event::Datagram(datagram) => {
                self.on_network(|network, now, effects| network.receive(now, datagram, effects));
            }
            Event::Endpoint { host } => {
                self.on_network(|network, now, effects| network.wake(now, host, effects));
            }
            Event::Outbox { host, incarnation } => self.send_outbox(host, incarnation),
            Event::Connect { host } => self.connect(host),
            Event::Transfer { transfer } => self.transfer(transfer),
            Event::Wake { host } => {
                self.nodes[host.0 as usize].wake_scheduled = false;
                self.process(host);
            }
            Event::Timer { host } => self.timer(host),
            Event::Synced { host, incarnation } => self.synced(host, incarnation),
            Event::Job { host, incarnation, job, finding } => {
                if self.nodes[host.0 as usize].incarnation == incarnation {
                    self.input(host, Input::Verified(job, *finding));
                }
            }
            Event::Loaded { host, locator } => {
                let content = document::content(&self.seed, locator);
                self.input(host, Input::Loaded(locator, Some(content)));
            }
            Event::Arrival => {
                if self.now <= self.arrivals_end {
                    let started = self.generator.start(self.now);
                    self.begin(started);
                    self.schedule_arrival();
                }
            }
            Event::NextOperation => {
                if self.now <= self.arrivals_end {
                    let started = self.generator.start(self.now);
                    self.begin(started);
                }
            }
            Event::GaveUp { operation } => self.gave_up(operation),
            Event::Strike { fault } => self.strike_when(fault),
            Event::Heal { fault } => self.heal(fault),
            Event::Turn { fault, until } => self.turn_partition(fault, until),
            Event::Churn { fault, place } => self.churn(fault, place),
            Event::Second => {
                let statuses = self.nodes[..self.replicas].iter().map(Node::replica_status);
                self.recorder.second(self.now, statuses, resident_bytes());
                self.queue.push(self.now + Duration::from_secs(1), Event::Second);
            }
        }
    }

    /// Starts an operation.
    fn begin(&mut self, started: Started) {
        let Started { operation, target, record } = started;
        self.recorder.started(operation, record);
        match target {
            Target::Gateway(gateway, command) => {
                self.see(Seen::Started { at: self.now, operation, gateway, command: &command });
                if let Some(witness) = &mut self.witness {
                    witness.started(operation, gateway, &command);
                }
                let host = self.host_of(Peer::Gateway(gateway));
                if self.nodes[host.index()].machine.is_none() {
                    return self.queue.push(command.deadline, Event::GaveUp { operation });
                }
                self.input(host, Input::Command(command));
            }
            Target::Replica(replica, bytes) => {
                self.recorder.submitted(operation, Digest::sha256(&[&bytes]));
                let Some(blob) = ledger_core::codec::Blob::new(bytes) else { return };
                let bytes = Message::Request(Request::Submit(blob)).encode();
                let host = self.host_of(Peer::Replica(replica));
                if self.nodes[host.0 as usize].machine.is_some() {
                    self.input(host, Input::Message { from: Peer::Local, bytes });
                } else {
                    let lost = self.recorder.lost_with(self.now, replica.index());
                    self.go_on(self.now, lost);
                }
            }
        }
    }

    fn host_of(&self, peer: Peer) -> HostId {
        match peer {
            Peer::Replica(replica) => HostId(u32::from(replica.0)),
            Peer::Gateway(gateway) => HostId(self.replicas as u32 + gateway.0),
            Peer::Local => unreachable!("local load has no host of its own"),
        }
    }

    /// Starts a replica from its disk. False if it cannot: then it is down for good, and the run says why.
    fn boot(&mut self, host: HostId) -> bool {
        let index = host.index();
        let opened = if self.nodes[index].stays_down { return false } else { self.open_journal(host) };
        let node = &mut self.nodes[index];
        node.goes_on_forgetting();
        let entries = node.disk.entries().cloned().collect();
        let journal = JournalPosition(node.disk.first());
        let config = ReplicaConfig { forgot: node.has_forgotten(), ..self.configs[index].clone() };
        let shown = node.clock.read(self.now);
        let started = opened.map_err(LiveError::Journal).and_then(|()| {
            hostile::cast_replica(&self.plan, &self.seed, config, shown, (journal, entries))
                .map_err(LiveError::Replay)
        });
        let node = &mut self.nodes[index];
        match started {
            Ok(machine) => node.machine = Some(machine),
            Err(why) => {
                node.stays_down = true;
                self.recorder.stays_down(index, why.to_string());
                return false;
            }
        }
        node.busy_until = self.now;
        self.explain(host);
        self.start_endpoint(host);
        self.started_machine(host);
        true
    }

    fn into_run(mut self, plan: &Plan, partial: bool, wall: Duration, setup_wall: Duration) -> Run {
        self.digest.update(&self.digest_buffer);
        let receipts = self.sample_receipts();
        (0..self.nodes.len() as u32).for_each(|host| self.note_acts(HostId(host)));
        let last = self.nodes[..self.replicas].iter().map(|node| node.last(self.now)).collect();
        self.recorder.note(self.generator.finish(self.now));
        let mut history =
            self.recorder.finish(last, NetworkRecord { links: self.links.used(), ..self.transport.record() });
        if let Transport::Quic(quic) = &self.transport {
            for (index, record) in history.replicas.iter_mut().enumerate() {
                let busy = u128::from(quic.core_busy_ns(HostId(index as u32)));
                let ppm = (busy * 1_000_000 / u128::from(self.now.0.max(1))) as u64;
                record.cpu_ppm = record.cpu_ppm.max(ppm);
            }
        }
        history.receipts = receipts;
        Run {
            plan: plan.clone(),
            committee: self.committee,
            history,
            setting: Setting::Simulated,
            start: Timestamp::ZERO,
            digest: Digest(*self.digest.finalize().as_bytes()),
            end: self.now,
            events: self.events,
            wall,
            setup_wall,
            partial,
        }
    }

    fn sample_receipts(&self) -> Vec<(ReplicaId, u64, Option<Receipt>)> {
        let indices = self.recorder.acknowledged_sample(RECEIPTS_SAMPLED);
        let mut receipts = Vec::new();
        for (number, node) in self.nodes[..self.replicas].iter().enumerate() {
            if let Some(Machine::Replica(replica)) = &node.machine {
                for index in &indices {
                    receipts.push((ReplicaId(number as u16), *index, replica.receipt(*index)));
                }
            }
        }
        receipts
    }
}

/// Resident memory of this process.
fn resident_bytes() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let pages: u64 = status.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
