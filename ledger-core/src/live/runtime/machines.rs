//! The machines' thread: takes what has come, lets the machines handle it, and carries out what they want.
//!
//! In every turn it takes all that is there, then hands each other thread one batch.

use super::Outlets;
use super::network::{Arrival, NetworkCommand, NetworkLink, Outgoing};
use super::vault::VaultOp;
use super::workers::{Task, Workers};
use super::writer::JournalOp;
use crate::codec::Blob;
use crate::crypto::Digest;
use crate::gateway::{Command, Completion};
use crate::live::clock::Clock;
use crate::live::cpu::Chore;
use crate::live::status::Shared;
use crate::message::{Message, Reply, Request};
use crate::seam::{GatewayId, Input, JournalEntry, Lane, Machine, Output, Peer};
use crate::time::{Duration, Timestamp};
use crate::work::Finding;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TrySendError, select};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests of the own process that wait for the machines; more are refused as busy.
pub(in crate::live) const REQUESTS_MAX: usize = 1_024;
/// Bytes of journal entries that are not durable yet; then no messages are taken until the disk has caught up.
pub(in crate::live) const BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Batches of messages, and requests, taken in one turn: what comes of them is not held up for longer.
const BATCHES_PER_TURN: usize = 4;
const REQUESTS_PER_TURN: usize = 64;
/// How often a machine's figures are read.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(250);
/// Longest sleep: until something is published.
const SLEEP_MAX: Duration = PUBLISH_INTERVAL;

/// What comes back from the other threads.
pub(in crate::live) enum Answer {
    Input(u32, Input),
    DiskFull(bool),
    JournalFailed,
}

/// What the own process wants.
pub(in crate::live) enum LocalRequest {
    /// Messages from [`Peer::Local`] to the first machine.
    Messages(Vec<Bytes>),
    Command(u32, Box<Command>),
    Stop,
}

/// Something that a machine did, with its time, and which gateway if it is one.
pub type Report = (Timestamp, Option<GatewayId>, Output);
/// Encoded replies to [`Peer::Local`], with the time at which they were given.
pub type Replies = (Timestamp, Vec<Bytes>);
/// How a gateway's operation ended, and when.
pub type Completed = (Timestamp, GatewayId, Completion);

/// What a thread of machines is given.
pub(in crate::live) struct Ports {
    pub clock: Clock,
    pub answers: Receiver<Answer>,
    pub arrivals: Receiver<Vec<Arrival>>,
    pub requests: Receiver<LocalRequest>,
    pub network: NetworkLink,
    pub workers: Workers,
    pub outlets: Outlets,
    pub shared: Arc<Shared>,
}

/// The machine's end of a journal.
pub(in crate::live) struct JournalLink {
    pub ops: Sender<Vec<JournalOp>>,
    pub backlog: Arc<AtomicUsize>,
}

/// A machine that this thread can run.
pub(in crate::live) trait Hosted: Machine + Send + 'static {
    /// Tells its figures.
    fn publish(&self, shared: &Shared);
    /// Whether it has more to catch up with than it should be given more of. Asked of the first machine of a process: a
    /// replica is alone in its own.
    fn is_behind(&self) -> bool;
}

/// A machine, and what the driver must know about it.
pub(in crate::live) struct Seat<M> {
    pub machine: M,
    /// Whom a broadcast goes to.
    pub others: Vec<Peer>,
    /// Whose completions these are.
    pub gateway: Option<GatewayId>,
}

/// The machines and all that goes out of them in a turn.
pub(in crate::live) struct Machines<M> {
    slots: Vec<Slot<M>>,
    ports: Ports,
    timers: BTreeSet<(Timestamp, u32)>,
    touched: Vec<u32>,
    /// Findings of work that was done on this thread.
    done: VecDeque<(u32, Input)>,
    disk_full: bool,
    publish_at: Timestamp,
    outgoing: Vec<Outgoing>,
    entries: Vec<JournalOp>,
    replies: Vec<Bytes>,
}

struct Slot<M> {
    seat: Seat<M>,
    armed: Option<Timestamp>,
    touched: bool,
}

impl<M: Hosted> Machines<M> {
    pub fn new(seats: Vec<Seat<M>>, ports: Ports) -> Self {
        let slots: Vec<Slot<M>> =
            seats.into_iter().map(|seat| Slot { seat, armed: None, touched: false }).collect();
        Self {
            slots,
            ports,
            timers: BTreeSet::new(),
            touched: Vec::new(),
            done: VecDeque::new(),
            disk_full: false,
            publish_at: Timestamp::ZERO,
            outgoing: Vec::new(),
            entries: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// Until it is told to stop.
    pub fn run(mut self) {
        for machine in 0..self.slots.len() as u32 {
            self.collect(self.ports.clock.now(), machine);
        }
        loop {
            let (worked, open) = self.turn();
            self.settle();
            self.carry_out();
            if !open {
                break;
            }
            if !worked && !self.wait() {
                break;
            }
        }
        self.slots.iter().for_each(|slot| slot.seat.machine.publish(&self.ports.shared));
    }

    /// Whether disk and execution keep up, so that messages may be taken.
    fn may_take(&self) -> bool {
        let journal = self.ports.outlets.journal.as_ref();
        let kept_up = |journal: &JournalLink| journal.backlog.load(Ordering::Acquire) <= BACKLOG_BYTES_MAX;
        journal.is_none_or(kept_up) && !self.slots.first().is_some_and(|slot| slot.seat.machine.is_behind())
    }

    /// Takes what is there: whether there was anything, and whether to go on.
    fn turn(&mut self) -> (bool, bool) {
        let mut worked = false;
        while let Ok(answer) = self.ports.answers.try_recv() {
            worked = true;
            if !self.take_answer(answer) {
                return (worked, false);
            }
        }
        for _ in 0..BATCHES_PER_TURN {
            if !self.may_take() {
                break;
            }
            let Ok(batch) = self.ports.arrivals.try_recv() else { break };
            worked = true;
            self.take_arrivals(batch);
        }
        for _ in 0..REQUESTS_PER_TURN {
            let Ok(request) = self.ports.requests.try_recv() else { break };
            worked = true;
            if !self.take_request(request) {
                return (worked, false);
            }
        }
        (self.fire_timers() || worked, true)
    }

    /// Sleeps until something comes; takes it. False when there is nothing to come any more.
    fn wait(&mut self) -> bool {
        let now = self.ports.clock.now();
        if now >= self.publish_at {
            self.publish_at = now + PUBLISH_INTERVAL;
            self.slots.iter().for_each(|slot| slot.seat.machine.publish(&self.ports.shared));
        }
        let due = self.timers.first().map_or(SLEEP_MAX, |(at, _)| at.since(now).min(SLEEP_MAX));
        let closed = crossbeam_channel::never();
        let arrivals = if self.may_take() { self.ports.arrivals.clone() } else { closed };
        let go_on = select! {
            recv(self.ports.answers) -> answer => answer.is_ok_and(|answer| self.take_answer(answer)),
            recv(arrivals) -> batch => {
                // A network that is gone has said why.
                batch.is_ok_and(|batch| {
                    self.take_arrivals(batch);
                    true
                })
            }
            recv(self.ports.requests) -> request => request.is_ok_and(|request| self.take_request(request)),
            default(due) => true,
        };
        self.fire_timers();
        self.settle();
        self.carry_out();
        go_on
    }

    /// Handles what was found on this thread, until nothing more follows from it.
    fn settle(&mut self) {
        while let Some((machine, input)) = self.done.pop_front() {
            self.handle(machine, input);
        }
    }

    // --- what comes ---

    fn take_answer(&mut self, answer: Answer) -> bool {
        match answer {
            Answer::Input(machine, input) => self.handle(machine, input),
            Answer::DiskFull(full) => self.disk_full = full,
            Answer::JournalFailed => return false,
        }
        true
    }

    fn take_arrivals(&mut self, batch: Vec<Arrival>) {
        self.ports.network.feed();
        for Arrival { machine, from, bytes } in batch {
            self.handle_message(machine, from, bytes);
        }
    }

    fn take_request(&mut self, request: LocalRequest) -> bool {
        match request {
            LocalRequest::Messages(messages) => {
                messages.into_iter().for_each(|bytes| self.handle_message(0, Peer::Local, bytes));
            }
            LocalRequest::Command(machine, command) => self.handle(machine, Input::Command(*command)),
            LocalRequest::Stop => return false,
        }
        true
    }

    fn handle_message(&mut self, machine: u32, from: Peer, bytes: Bytes) {
        if self.disk_full
            && let Some(bytes) = busy(from, &bytes)
        {
            self.ports.shared.count_refused();
            let output = Output::Send { to: from, lane: Lane::Client, bytes };
            return self.act(Timestamp::ZERO, machine, output);
        }
        self.handle(machine, Input::Message { from, bytes });
    }

    fn handle(&mut self, machine: u32, input: Input) {
        let now = self.ports.clock.now();
        let slot = &mut self.slots[machine as usize];
        if let Input::Verified(_, Finding::Votes(_)) = input {
            // A checkpoint is certified: what follows are receipts.
            self.ports.shared.meter.measure(Chore::Receipts, || slot.seat.machine.handle(now, input));
        } else {
            slot.seat.machine.handle(now, input);
        }
        self.collect(now, machine);
    }

    fn fire_timers(&mut self) -> bool {
        self.arm();
        let now = self.ports.clock.now();
        let mut fired = false;
        while let Some((at, machine)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, machine));
            let slot = &mut self.slots[machine as usize];
            slot.armed = None;
            slot.seat.machine.handle_timeout(now);
            self.collect(now, machine);
            fired = true;
        }
        if fired {
            self.arm();
        }
        fired
    }

    /// Sets the timers of the machines that have handled something.
    fn arm(&mut self) {
        for machine in self.touched.drain(..) {
            let slot = &mut self.slots[machine as usize];
            slot.touched = false;
            let next = slot.seat.machine.poll_timeout();
            if slot.armed != next {
                if let Some(armed) = slot.armed {
                    self.timers.remove(&(armed, machine));
                }
                slot.armed = next;
                self.timers.extend(next.map(|at| (at, machine)));
            }
        }
    }

    // --- what goes ---

    fn collect(&mut self, now: Timestamp, machine: u32) {
        let slot = &mut self.slots[machine as usize];
        if !std::mem::replace(&mut slot.touched, true) {
            self.touched.push(machine);
        }
        while let Some(output) = self.slots[machine as usize].seat.machine.poll_output() {
            self.act(now, machine, output);
        }
    }

    fn act(&mut self, now: Timestamp, machine: u32, output: Output) {
        match output {
            Output::Send { to: Peer::Local, bytes, .. } => self.replies.push(bytes),
            Output::Send { to, lane, bytes } => self.outgoing.push(Outgoing { machine, to, lane, bytes }),
            Output::Broadcast { lane, bytes } => {
                for to in &self.slots[machine as usize].seat.others {
                    self.outgoing.push(Outgoing { machine, to: *to, lane, bytes: bytes.clone() });
                }
            }
            Output::Persist { entry, sync, .. } => self.persist(entry, sync),
            Output::Truncate(before) => self.entries.push(JournalOp::Truncate(before)),
            Output::Verify(job, work) => {
                // Not handled here: one finding can be followed by another without end.
                self.done.extend(self.ports.workers.submit(Task { machine, job, work }));
            }
            Output::Execute(mut executing) => {
                match &self.ports.outlets.executor {
                    // An executor that is gone has said why.
                    Some(executor) => drop(executor.send((machine, executing))),
                    None => {
                        executing.run();
                        self.done.push_back((machine, Input::Executed(executing)));
                    }
                }
            }
            Output::Store(locator, document) => {
                self.vault(VaultOp::Store { machine, locator, document });
            }
            Output::Load(locator) => self.vault(VaultOp::Load { machine, locator }),
            Output::Erase(locator) => self.vault(VaultOp::Erase { machine, locator }),
            Output::Completed(completion) => {
                if let (Some(completions), Some(gateway)) =
                    (&self.ports.outlets.completions, self.slots[machine as usize].seat.gateway)
                {
                    // Whoever does not listen does not want to know.
                    let _ = completions.send((now, gateway, completion));
                }
            }
            output @ (Output::Committed(_) | Output::Observed(_)) => {
                let Some(observer) = &self.ports.outlets.observer else { return };
                match observer.try_send((now, self.slots[machine as usize].seat.gateway, output)) {
                    Ok(()) | Err(TrySendError::Disconnected(_)) => {}
                    Err(TrySendError::Full(_)) => self.ports.shared.count_unobserved(),
                }
            }
        }
    }

    fn persist(&mut self, entry: JournalEntry, sync: bool) {
        if let Some(journal) = &self.ports.outlets.journal {
            journal.backlog.fetch_add(entry.len(), Ordering::AcqRel);
        }
        self.entries.push(JournalOp::Persist { entry, sync });
    }

    fn vault(&self, op: VaultOp) {
        if let Some(vault) = &self.ports.outlets.vault {
            // The vault's thread lives as long as this one.
            let _ = vault.send(op);
        }
    }

    /// Hands every other thread its batch.
    fn carry_out(&mut self) {
        if !self.entries.is_empty() {
            let entries = std::mem::take(&mut self.entries);
            if let Some(journal) = &self.ports.outlets.journal {
                // A writer that failed has said so.
                let _ = journal.ops.send(entries);
            }
        }
        if !self.outgoing.is_empty() {
            self.ports.network.tell(NetworkCommand::Send(std::mem::take(&mut self.outgoing)));
        }
        if !self.replies.is_empty() {
            let replies = std::mem::take(&mut self.replies);
            if let Some(local) = &self.ports.outlets.local {
                let _ = local.send((self.ports.clock.now(), replies));
            }
        }
    }
}

/// The answer to a client's submission while nothing can be made durable; `None` if it is none.
pub fn busy(from: Peer, bytes: &Bytes) -> Option<Bytes> {
    match from {
        Peer::Replica(_) => return None,
        Peer::Gateway(_) | Peer::Local => {}
    }
    match Message::decode(bytes) {
        Ok(Message::Request(Request::Submit(submission))) => {
            let submission: Blob<_> = submission;
            Some(Message::Reply(Reply::Busy(Digest::sha256(&[&submission]))).encode())
        }
        Ok(_) | Err(_) => None,
    }
}
