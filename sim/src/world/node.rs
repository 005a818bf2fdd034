//! A host: its machine, the core that the machine runs on, cores for stateless work, and its disk.
//!
//! The machine handles one input at a time on a core of its own; what arrives meanwhile waits in the inbox in order
//! of arrival. Outputs leave when the core is done with the input. A crash empties everything but what is durable.

use super::faults::{Part, Slowness, Trap};
use super::observer::Seen;
use super::transport::Outbox;
use super::{Event, World};
use crate::byzantine::{Byzantine, HostileGateway};
use crate::document;
use crate::host::disk::{DiskTimes, Kept};
use crate::host::journal::Flip;
use crate::host::{Clock, Cpu, Disk};
use crate::network::HostId;
use crate::plan::{HostPlan, Side};
use crate::recorder::Last;
use ledger_core::committee::ReplicaId;
use ledger_core::gateway::{Completion, End, Gateway};
use ledger_core::ledger::transaction::{Outcome, PartyId};
use ledger_core::live::busy;
use ledger_core::message::{Message, Reply};
use ledger_core::replica::{Replica, ReplicaStatus};
use ledger_core::seam::{Input, JobId, JournalEntry, JournalPosition, Lane, Observation, Output, Peer};
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
    /// A gateway's, while its process is gone: what its vault holds outlives it.
    pub away: Option<Machine>,
    /// Crashes in force.
    pub down: u32,
    /// Pauses in force: inputs wait, timers do not fire, and neither do its endpoint's.
    pub paused: u32,
    pub disk: Disk<JournalEntry>,
    /// Bits of its journal that flipped since it was opened.
    pub flips: Vec<Flip>,
    /// Writes at which it dies.
    pub traps: Vec<Trap>,
    /// Its disk was wiped: until so many entries are durable since, it cannot know from its journal what it signed.
    forgot_until: Option<u64>,
    /// It is to run, and its disk does not let it.
    pub boot_waits: bool,
    /// Its journal cannot be opened: it is down for good.
    pub stays_down: bool,
    pub cpu: Cpu,
    /// What the machine takes for the time.
    pub clock: Clock,
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
            away: None,
            down: 0,
            paused: 0,
            disk: Disk::new(DiskTimes {
                append_ns: plan.disk_append_ns,
                sync_ns: plan.disk_sync_ns,
                bytes_per_s: plan.disk_bytes_per_s,
            }),
            flips: Vec::new(),
            traps: Vec::new(),
            forgot_until: None,
            boot_waits: false,
            stays_down: false,
            cpu: Cpu::new(plan.cores),
            clock: Clock::default(),
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

    pub fn crash(&mut self, now: Timestamp, kept: Kept) {
        self.machine = None;
        self.boot_waits = false;
        self.inbox.clear();
        self.outbox = Outbox::default();
        self.disk.crash(kept);
        self.cpu.crash(now);
        self.incarnation += 1;
        self.timer_at = None;
    }

    /// Nothing is left of what it has written.
    pub fn wipe(&mut self) {
        self.disk.wipe();
        self.flips.clear();
        self.forgot_until = Some(u64::MAX);
    }

    /// It starts: unless the journal tells enough by now, what it proposed since is lost too.
    pub fn goes_on_forgetting(&mut self) {
        self.forgot_until =
            self.forgot_until.map(|until| if self.has_forgotten() { u64::MAX } else { until });
    }

    /// Whether its journal does not tell all that it may have signed.
    pub fn has_forgotten(&self) -> bool {
        self.forgot_until.is_some_and(|entries| self.disk.durable() < entries)
    }

    pub fn replica_status(&self) -> Option<ReplicaStatus> {
        match &self.machine {
            Some(Machine::Replica(replica)) => Some(replica.status()),
            Some(Machine::Byzantine(byzantine)) => Some(byzantine.status()),
            Some(Machine::Gateway(_) | Machine::HostileGateway(_)) | None => None,
        }
    }

    /// Inputs that wait, and when the timer is due.
    pub fn waiting(&self) -> (usize, Option<Timestamp>) {
        (self.inbox.len(), self.timer_at)
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
        if let (Input::Message { from, bytes }, false) = (&input, self.observers.is_empty()) {
            let peer = node.peer;
            self.see(Seen::Arrived { at: self.now, host: peer, from: *from, bytes });
        }
        let node = &mut self.nodes[host.0 as usize];
        // As the live driver answers while its journal cannot be written.
        if node.disk.is_full()
            && let Input::Message { from, bytes } = &input
            && let Some(bytes) = busy(*from, bytes)
        {
            let output = Output::Send { to: *from, lane: Lane::Client, bytes };
            return self.carry_out(host, self.now, output);
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
            let Some(mut input) = node.inbox.pop_front() else { return };
            if let Input::Command(command) = &mut input {
                // A user waits no longer because a clock is wrong.
                command.deadline = node.clock.read(command.deadline);
            }
            let peer = node.peer;
            self.see(Seen::Handles { at: now, host: peer, input: &input });
            let node = &mut self.nodes[host.0 as usize];
            let Some(machine) = &mut node.machine else { return };
            machine.as_machine().handle(node.clock.read(now), input);
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
        let shown = node.clock.read(now);
        if machine.poll_timeout().is_some_and(|at| at <= shown) {
            if node.busy_until > now {
                let at = node.busy_until;
                node.timer_at = Some(at);
                self.queue.push(at, Event::Timer { host });
                return;
            }
            machine.handle_timeout(shown);
            let (cost, peer) = (node.costs.message_ns, node.peer);
            self.see(Seen::Wakes { at: now, host: peer });
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
                        machine.handle(node.clock.read(self.now), Input::Executed(executing));
                        continue;
                    }
                    output => output,
                };
                self.stirred |=
                    matches!(output, Output::Observed(Observation::Proposed(_)) | Output::Committed(_));
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
        let from = node.busy_until.max(self.now);
        node.busy_until = from + cost;
        node.machine_busy += cost;
        let (leaves, peer) = (node.busy_until, node.peer);
        self.see(Seen::Step { host: peer, from, to: leaves });
        let mut died = None;
        for output in outputs.drain(..) {
            if let Output::Persist { sync: true, .. } = &output
                && let Some(fault) = self.nodes[host.index()].springs(Side::Before)
            {
                died = Some(fault);
                break;
            }
            self.carry_out(host, leaves, output);
        }
        self.outputs = outputs;
        match died {
            Some(fault) => self.strike_now(fault),
            None => self.arm_timer(host),
        }
    }

    pub(super) fn arm_timer(&mut self, host: HostId) {
        let node = &mut self.nodes[host.0 as usize];
        let Some(machine) = &mut node.machine else { return };
        let Some(at) = machine.as_machine().poll_timeout() else { return };
        let at = node.clock.when(at).max(self.now);
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
                self.see(Seen::Sent { at, from: peer, to, lane, bytes: &bytes });
                let content = content(&bytes);
                self.transmit(at, host, to, lane, bytes, content);
            }
            Output::Broadcast { lane, bytes } => {
                self.note_vouching(at, peer, &bytes);
                let content = content(&bytes);
                let replicas = (0..self.replicas as u16).map(|id| Peer::Replica(ReplicaId(id)));
                for to in replicas.filter(|to| *to != peer) {
                    self.show(peer, to, &bytes);
                    self.see(Seen::Sent { at, from: peer, to, lane, bytes: &bytes });
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
                    self.see(Seen::Committed { at, replica: peer, report: &report });
                    self.recorder.executed(at, replica, report);
                }
            }
            Output::Completed(mut completion) => {
                let clock = &self.nodes[host.index()].clock;
                let times =
                    [&mut completion.receipt_at, &mut completion.key_at, &mut completion.transferred_at];
                times.into_iter().flatten().for_each(|shown| *shown = clock.when(*shown));
                let operation = completion.operation;
                if self.recorder.completed(at, operation, &completion) {
                    self.see(Seen::Ended { at, operation, completion: &completion });
                    if let Some(witness) = &mut self.witness {
                        witness.ended(at, operation, &completion);
                    }
                    self.go_on(at, [(operation, completion)]);
                }
            }
            Output::Observed(mut observation) => {
                if let Observation::KeyReleased { asked_at, .. } = &mut observation {
                    *asked_at = self.nodes[host.index()].clock.when(*asked_at);
                }
                if let Observation::Proposed(_) = &observation {
                    let node = &mut self.nodes[host.index()];
                    // The block itself is the next entry. From then on the journal says what was signed last.
                    let entries = node.disk.end() + 1;
                    node.forgot_until = node.forgot_until.map(|until| until.min(entries));
                }
                if matches!(observation, Observation::Certified(_)) {
                    self.archive_certified(host);
                }
                self.see(Seen::Observed { at, by: peer, observation: &observation });
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
        let from = node.disk.written_at().max(at);
        node.disk.append(at, entry, bytes);
        debug_assert_eq!(node.disk.end(), position.0, "the machine counts as the disk does");
        self.see_writing(host, from, bytes);
        let node = &mut self.nodes[host.0 as usize];
        let from = node.disk.written_at().max(at);
        if sync && let Some(done) = node.disk.request_sync(at) {
            let incarnation = node.incarnation;
            self.see_syncing(host, from, done);
            self.queue.push(done, Event::Synced { host, incarnation });
        }
    }

    pub(super) fn synced(&mut self, host: HostId, incarnation: u32) {
        let node = &mut self.nodes[host.0 as usize];
        if node.incarnation != incarnation {
            return;
        }
        let from = node.disk.written_at().max(self.now);
        let Some((durable, next)) = node.disk.complete_sync(self.now) else { return };
        if let Some(fault) = node.springs(Side::After) {
            return self.strike_now(fault);
        }
        if let Some(next) = next {
            self.see_syncing(host, from, next);
            self.queue.push(next, Event::Synced { host, incarnation });
        }
        self.input(host, Input::Durable(JournalPosition(durable)));
    }

    fn start_job(&mut self, host: HostId, at: Timestamp, job: JobId, work: &Work) {
        let finding = self.memo.run(work, &self.committee);
        let node = &mut self.nodes[host.0 as usize];
        let cost = node.price(&work.effort());
        let done = if cost == 0 { at } else { node.cpu.start(at, cost) };
        let (incarnation, peer) = (node.incarnation, node.peer);
        let from = Timestamp(done.0.saturating_sub(cost));
        self.see(Seen::Job { host: peer, from, to: done, work });
        let node = &mut self.nodes[host.0 as usize];
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
