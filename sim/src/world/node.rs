//! A host: its machine, the core that the machine runs on, cores for stateless work, and its disk.
//!
//! The machine handles one input at a time on a core of its own; what arrives meanwhile waits in the inbox in order
//! of arrival. Outputs leave when the core is done with the input. A crash empties everything but what is durable.

use super::faults::{Part, Slowness};
use super::transport::Outbox;
use super::{Event, World};
use crate::byzantine::{Byzantine, HostileGateway};
use crate::document;
use crate::host::disk::DiskTimes;
use crate::host::{Cpu, Disk};
use crate::network::HostId;
use crate::plan::HostPlan;
use crate::recorder::Last;
use ledger_core::committee::ReplicaId;
use ledger_core::gateway::{Completion, End, Gateway};
use ledger_core::ledger::transaction::{Outcome, PartyId};
use ledger_core::message::{Message, Reply};
use ledger_core::replica::{Replica, ReplicaStatus};
use ledger_core::seam::{Input, JobId, JournalEntry, JournalPosition, Observation, Output, Peer};
use ledger_core::time::{Duration, Timestamp};
use ledger_core::work::{Effort, Work};
use std::collections::VecDeque;

/// What a host runs.
pub(super) enum Machine {
    Replica(Box<Replica>),
    Gateway(Box<Gateway>),
    Byzantine(Box<Byzantine>),
    HostileGateway(Box<HostileGateway>),
}

impl Machine {
    fn as_machine(&mut self) -> &mut dyn ledger_core::seam::Machine {
        match self {
            Self::Replica(replica) => replica.as_mut(),
            Self::Gateway(gateway) => gateway.as_mut(),
            Self::Byzantine(byzantine) => byzantine.as_mut(),
            Self::HostileGateway(hostile) => hostile.as_mut(),
        }
    }

    /// The gateway that does a gateway's work.
    pub fn as_gateway(&mut self) -> Option<&mut Gateway> {
        match self {
            Self::Gateway(gateway) => Some(gateway),
            Self::HostileGateway(hostile) => Some(hostile.inner_mut()),
            Self::Replica(_) | Self::Byzantine(_) => None,
        }
    }
}

/// Signature checks from which the batched price applies.
const BATCH_MIN: u64 = 8;

pub(super) struct Node {
    pub peer: Peer,
    /// `None` while it is down.
    pub machine: Option<Machine>,
    /// Crashes in force.
    pub down: u32,
    /// Pauses in force: inputs wait, timers do not fire, and neither do its endpoint's.
    pub paused: u32,
    pub disk: Disk<JournalEntry>,
    pub cpu: Cpu,
    costs: HostPlan,
    /// By faults.
    pub slowness: Slowness,
    inbox: VecDeque<Input>,
    pub busy_until: Timestamp,
    pub machine_busy: Duration,
    pub wake_scheduled: bool,
    timer_at: Option<Timestamp>,
    pub incarnation: u32,
    pub bytes_sent: u64,
    pub inbox_max: usize,
    pub outbox: Outbox,
}

impl Node {
    pub fn new(peer: Peer, plan: &HostPlan) -> Self {
        Self {
            peer,
            machine: None,
            down: 0,
            paused: 0,
            disk: Disk::new(DiskTimes {
                append_ns: plan.disk_append_ns,
                sync_ns: plan.disk_sync_ns,
                bytes_per_s: plan.disk_bytes_per_s,
            }),
            cpu: Cpu::new(plan.cores),
            costs: plan.clone(),
            slowness: Slowness::default(),
            inbox: VecDeque::new(),
            busy_until: Timestamp::ZERO,
            machine_busy: Duration::ZERO,
            wake_scheduled: false,
            timer_at: None,
            incarnation: 0,
            bytes_sent: 0,
            inbox_max: 0,
            outbox: Outbox::default(),
        }
    }

    pub fn crash(&mut self, now: Timestamp) {
        self.machine = None;
        self.inbox.clear();
        self.outbox = Outbox::default();
        self.disk.crash();
        self.cpu.crash(now);
        self.incarnation += 1;
        self.timer_at = None;
    }

    pub fn replica_status(&self) -> Option<ReplicaStatus> {
        match &self.machine {
            Some(Machine::Replica(replica)) => Some(replica.status()),
            Some(Machine::Byzantine(byzantine)) => Some(byzantine.status()),
            Some(Machine::Gateway(_) | Machine::HostileGateway(_)) | None => None,
        }
    }

    /// How it is at the end of a run.
    pub fn last(&self, now: Timestamp) -> Last {
        let machine_ppm = self.machine_busy.as_nanos() * 1_000_000 / u128::from(now.0.max(1));
        let disk = self.disk.counters();
        let held = self.disk.entries().map(|entry| entry.len() as u64).sum();
        Last {
            status: self.replica_status(),
            bytes_sent: self.bytes_sent,
            cpu_ppm: self.cpu.utilisation_ppm(now).max(machine_ppm as u64),
            journal: [disk.appends, disk.bytes, disk.syncs, held],
            cpu_ns: 0,
            spent: Default::default(),
            resident_max: 0,
        }
    }

    fn price(&self, effort: &Effort) -> u64 {
        let costs = &self.costs;
        let verify = if effort.signatures >= BATCH_MIN { costs.verify_batched_ns } else { costs.verify_ns };
        let cost = effort.signatures * verify
            + effort.hashed_bytes * costs.hash_ns_per_kib / 1024
            + effort.sealed_bytes * costs.seal_ns_per_kib / 1024
            + effort.wraps * costs.wrap_ns
            + effort.signed * costs.sign_ns;
        self.slowness.stretch(Part::Cpu, cost)
    }
}

impl World {
    /// Hands an input to a host's machine.
    pub(super) fn input(&mut self, host: HostId, input: Input) {
        let node = &mut self.nodes[host.0 as usize];
        if node.machine.is_none() {
            return;
        }
        node.inbox.push_back(input);
        node.inbox_max = node.inbox_max.max(node.inbox.len());
        self.process(host);
    }

    /// Lets a machine handle its inbox until its core is busy.
    pub(super) fn process(&mut self, host: HostId) {
        let now = self.now;
        loop {
            let node = &mut self.nodes[host.0 as usize];
            if node.inbox.is_empty() || node.machine.is_none() || node.paused > 0 {
                return;
            }
            if node.busy_until > now {
                if !node.wake_scheduled {
                    node.wake_scheduled = true;
                    let at = node.busy_until;
                    self.queue.push(at, Event::Wake { host });
                }
                return;
            }
            let (Some(input), Some(machine)) = (node.inbox.pop_front(), &mut node.machine) else { return };
            machine.as_machine().handle(now, input);
            let cost = node.costs.message_ns;
            self.finish_step(host, cost);
        }
    }

    /// The last pause has ended: what waited is handled, in the machine's inbox and at its endpoint, and timers that came
    /// meanwhile fire.
    pub(super) fn go_on_after_pause(&mut self, host: HostId) {
        self.arm_timer(host);
        self.process(host);
        self.on_network(|network, now, effects| network.resume(now, host, effects));
    }

    /// A timer that may be due.
    pub(super) fn timer(&mut self, host: HostId) {
        let now = self.now;
        let node = &mut self.nodes[host.0 as usize];
        if node.timer_at != Some(now) {
            return;
        }
        node.timer_at = None;
        if node.paused > 0 {
            return;
        }
        let Some(machine) = &mut node.machine else { return };
        let machine = machine.as_machine();
        if machine.poll_timeout().is_some_and(|at| at <= now) {
            if node.busy_until > now {
                let at = node.busy_until;
                node.timer_at = Some(at);
                self.queue.push(at, Event::Timer { host });
                return;
            }
            machine.handle_timeout(now);
            let cost = node.costs.message_ns;
            self.finish_step(host, cost);
            self.process(host);
        } else {
            self.arm_timer(host);
        }
    }

    /// Carries out what a machine wants after it started.
    pub(super) fn started_machine(&mut self, host: HostId) {
        self.finish_step(host, 0);
        self.process(host);
    }

    /// The machine has handled something at `now`, for `cost` and what its outputs add to it.
    fn finish_step(&mut self, host: HostId, mut cost: u64) {
        let mut outputs = std::mem::take(&mut self.outputs);
        let node = &mut self.nodes[host.0 as usize];
        if let Some(machine) = &mut node.machine {
            let machine = machine.as_machine();
            while let Some(output) = machine.poll_output() {
                let output = match output {
                    // On the machine's own core: what it takes is charged with each commit.
                    Output::Execute(mut executing) => {
                        executing.run();
                        machine.handle(self.now, Input::Executed(executing));
                        continue;
                    }
                    output => output,
                };
                match &output {
                    Output::Committed(report) => {
                        let actions: usize = report.executed.iter().map(|done| done.answers.len()).sum();
                        cost += node.costs.execute_ns * actions as u64;
                    }
                    // An own block is signed, and so is a vote on each checkpoint that it carries.
                    Output::Observed(Observation::Proposed(_)) => cost += node.costs.sign_ns,
                    _ => {}
                }
                outputs.push(output);
            }
        }
        let cost = Duration::from_nanos(node.slowness.stretch(Part::Cpu, cost));
        node.busy_until = node.busy_until.max(self.now) + cost;
        node.machine_busy += cost;
        let leaves = node.busy_until;
        for output in outputs.drain(..) {
            self.carry_out(host, leaves, output);
        }
        self.outputs = outputs;
        self.arm_timer(host);
    }

    fn arm_timer(&mut self, host: HostId) {
        let node = &mut self.nodes[host.0 as usize];
        let Some(machine) = &mut node.machine else { return };
        let Some(at) = machine.as_machine().poll_timeout() else { return };
        let at = at.max(self.now);
        if node.timer_at.is_none_or(|armed| armed > at) {
            node.timer_at = Some(at);
            self.queue.push(at, Event::Timer { host });
        }
    }

    fn carry_out(&mut self, host: HostId, at: Timestamp, output: Output) {
        let peer = self.nodes[host.0 as usize].peer;
        match output {
            Output::Send { to: Peer::Local, bytes, .. } => self.answer_local(at, &bytes),
            Output::Send { to, lane, bytes } => {
                self.archive_sent(&bytes);
                self.show(peer, to, &bytes);
                let content = content(&bytes);
                self.transmit(at, host, to, lane, bytes, content);
            }
            Output::Broadcast { lane, bytes } => {
                self.note_vouching(at, peer, &bytes);
                let content = content(&bytes);
                let replicas = (0..self.replicas as u16).map(|id| Peer::Replica(ReplicaId(id)));
                for to in replicas.filter(|to| *to != peer) {
                    self.show(peer, to, &bytes);
                    self.transmit(at, host, to, lane, bytes.clone(), content);
                }
            }
            Output::Persist { position, entry, sync } => self.persist(host, at, position, entry, sync),
            Output::Truncate(before) => self.nodes[host.0 as usize].disk.truncate_before(before.0),
            Output::Verify(job, work) => self.start_job(host, at, job, &work),
            Output::Execute(_) => unreachable!("executed within the step"),
            Output::Store(locator, document) => {
                debug_assert_eq!(document::content(&self.seed, locator), document);
            }
            // Nobody keeps bytes. Who may read is the ledger's to say, and a gateway asks for no document that it gave up.
            Output::Erase(_) => {}
            Output::Load(locator) => {
                let costs = &self.nodes[host.0 as usize].costs;
                let bytes = document::size_of(&self.seed, locator);
                let read = u128::from(bytes) * 1_000_000_000 / u128::from(costs.disk_bytes_per_s.max(1));
                let takes = Duration::from_nanos(costs.disk_append_ns.saturating_add(read as u64));
                self.queue.push(at + takes, Event::Loaded { host, locator });
            }
            // What a Byzantine replica reports of itself is no evidence.
            Output::Committed(_) | Output::Observed(_) if self.is_byzantine(host) => {}
            Output::Committed(report) => {
                if let Peer::Replica(replica) = peer {
                    self.archive_reported(host, &report);
                    self.recorder.executed(at, replica, report);
                }
            }
            Output::Completed(completion) => {
                let operation = completion.operation;
                if self.recorder.completed(at, operation, &completion) {
                    if let Some(witness) = &mut self.witness {
                        witness.ended(at, operation, &completion);
                    }
                    self.go_on(at, [(operation, completion)]);
                }
            }
            Output::Observed(observation) => {
                if matches!(observation, Observation::Certified(_)) {
                    self.archive_certified(host);
                }
                self.recorder.observed(at, peer, observation);
            }
        }
    }

    /// To the tap, if there is one.
    fn show(&mut self, from: Peer, to: Peer, bytes: &bytes::Bytes) {
        if let (Some(tap), Peer::Replica(replica)) = (&mut self.tap, to) {
            tap(from, replica, bytes);
        }
    }

    fn persist(
        &mut self,
        host: HostId,
        at: Timestamp,
        position: JournalPosition,
        entry: JournalEntry,
        sync: bool,
    ) {
        let node = &mut self.nodes[host.0 as usize];
        let bytes = entry.len();
        node.disk.append(at, entry, bytes);
        debug_assert_eq!(node.disk.end(), position.0, "the machine counts as the disk does");
        if sync && let Some(done) = node.disk.request_sync(at) {
            let incarnation = node.incarnation;
            self.queue.push(done, Event::Synced { host, incarnation });
        }
    }

    pub(super) fn synced(&mut self, host: HostId, incarnation: u32) {
        let node = &mut self.nodes[host.0 as usize];
        if node.incarnation != incarnation {
            return;
        }
        let (durable, next) = node.disk.complete_sync(self.now);
        if let Some(next) = next {
            self.queue.push(next, Event::Synced { host, incarnation });
        }
        self.input(host, Input::Durable(JournalPosition(durable)));
    }

    fn start_job(&mut self, host: HostId, at: Timestamp, job: JobId, work: &Work) {
        let finding = self.memo.run(work, &self.committee);
        let node = &mut self.nodes[host.0 as usize];
        let cost = node.price(&work.effort());
        let done = if cost == 0 { at } else { node.cpu.start(at, cost) };
        let incarnation = node.incarnation;
        if done <= self.now {
            // Nothing takes no time: straight to the inbox.
            node.inbox.push_back(Input::Verified(job, finding));
            return;
        }
        self.queue.push(done, Event::Job { host, incarnation, job, finding: Box::new(finding) });
    }

    /// A replica answers the load generator on its own host.
    fn answer_local(&mut self, at: Timestamp, bytes: &bytes::Bytes) {
        let Ok(Message::Reply(reply)) = Message::decode(bytes) else { return };
        let (submission, end) = match reply {
            Reply::Ordered { submission, .. } => (submission, ORDERED),
            Reply::Busy(submission) => (submission, End::Overloaded),
            Reply::Rejected(submission) => (submission, End::Rejected),
            // It may have been ordered or not: to try again might order it twice.
            Reply::Forgotten(submission) => (submission, End::TimedOut),
            Reply::Receipt(_) | Reply::PermitStatus { .. } | Reply::NoEntry(_) => return,
        };
        let ended = self.recorder.answered(at, &submission, end);
        self.go_on(at, ended);
    }

    /// Clients of a closed loop start their next operation.
    pub(super) fn go_on(&mut self, at: Timestamp, ended: impl IntoIterator<Item = (u64, Completion)>) {
        for (operation, completion) in ended {
            let followed = self.generator.completed(at, operation, &completion);
            self.recorder.note(followed.notes);
            if let Some(expected) = followed.expected {
                self.recorder.expect(operation, expected);
            }
            if let Some(read) = followed.read {
                self.recorder.read(operation, read);
            }
            if let Some(next) = followed.next_start {
                self.queue.push(next, Event::NextOperation);
            }
        }
    }
}

/// How an opaque submission ends well: there is no outcome, so one that says nothing stands for it.
const ORDERED: End = End::Done(Outcome::PartyRegistered(PartyId(0)));

/// What stands for a message's bytes in the digest.
fn content(bytes: &[u8]) -> u64 {
    let hash = blake3::hash(bytes);
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes"))
}
