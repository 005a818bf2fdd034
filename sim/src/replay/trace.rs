//! A run as a trace in the Trace Event Format (JSON), which Perfetto and `chrome://tracing` read.
//!
//! ```text
//! process   a host            thread  the machine's core, its disk, each of its other cores, each of its links to others
//! process   faults            thread  a fault of the plan
//! slice     a step, a job, a write, a sync, a fault in force      instant  a slot decided, a commit executed
//! slice     a message from its sender's core to its arrival       flow     a transaction from gateway to receipt
//! counter   a host's messages waiting and under way, its bytes not written yet
//! ```
//!
//! Times are virtual, microseconds with nanoseconds as decimals. Same plan, same window, same bytes. A flow is written a
//! point late, so that the last point there is ends it: every flow has one `s` and one `f`, also where the window cuts it.
//! Bound: [`EVENTS_MAX`] events; the trace then ends, and says where.

mod tracks;

use self::tracks::{Links, Queue, Queues};
use super::message::{self, InFlight};
use super::state::{fault_name, name};
use crate::plan::Plan;
use crate::world::{Observer, Seen};
use bytes::Bytes;
use ledger_core::block::Block;
use ledger_core::committee::Committee;
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::Transaction;
use ledger_core::message::{Message, Reply, Request};
use ledger_core::seam::{Input, Lane, Observation, Peer};
use ledger_core::time::Timestamp;
use ledger_core::work::Work;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

/// Most events of a trace: about 300 MB, which viewers still open.
pub const EVENTS_MAX: u64 = 2_000_000;

/// Process of the faults; hosts follow.
const FAULTS: u64 = 1;
/// Threads of a host.
const MACHINE: u64 = 1;
const DISK: u64 = 2;
const CORES: u64 = 10;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Events.
    pub events: u64,
    /// Transactions with a flow.
    pub flows: u64,
    /// Messages that arrived.
    pub messages: u64,
    /// Where [`EVENTS_MAX`] ended it.
    pub cut_at: Option<Timestamp>,
}

/// A point of a flow.
type Point = (Timestamp, u64);

/// What a machine handles.
#[derive(Default)]
struct Handling {
    what: &'static str,
    /// Whose message it is.
    from: String,
    /// The transaction that it is about, and whether its flow ends here.
    flow: Option<(Digest, bool)>,
}

#[derive(Default)]
struct Flow {
    begun: bool,
    held: Option<Point>,
    author: Option<Peer>,
}

/// See the module.
pub struct Trace {
    out: Box<dyn Write>,
    window: (Timestamp, Timestamp),
    written: Written,
    error: Option<io::Error>,
    committee: Option<Arc<Committee>>,
    plan: Option<Plan>,
    executes: bool,
    tracks: BTreeSet<(u64, u64)>,
    /// Of each host: what its machine handles, and the flows that pass through it.
    handles: BTreeMap<Peer, Handling>,
    /// Of each host: its machine's last step, from when to when.
    steps: BTreeMap<Peer, (Timestamp, Timestamp)>,
    /// Of each host: when each core is free.
    cores: BTreeMap<Peer, Vec<Timestamp>>,
    disks: BTreeMap<Peer, Timestamp>,
    flying: InFlight<(Timestamp, &'static str, Lane, usize)>,
    links: Links,
    queues: Queues,
    flows: BTreeMap<Digest, Flow>,
    ended: BTreeSet<Digest>,
    last_block: BTreeMap<Peer, (usize, usize)>,
    struck: BTreeMap<usize, Timestamp>,
    now: Timestamp,
}

impl Trace {
    /// Of what happens from one instant to another.
    pub fn new(out: Box<dyn Write>, window: (Timestamp, Timestamp)) -> Self {
        let mut trace = Self {
            out,
            window,
            written: Written::default(),
            error: None,
            committee: None,
            plan: None,
            executes: false,
            tracks: BTreeSet::new(),
            handles: BTreeMap::new(),
            steps: BTreeMap::new(),
            cores: BTreeMap::new(),
            disks: BTreeMap::new(),
            flying: InFlight::default(),
            links: Links::default(),
            queues: Queues::default(),
            flows: BTreeMap::new(),
            ended: BTreeSet::new(),
            last_block: BTreeMap::new(),
            struck: BTreeMap::new(),
            now: Timestamp::ZERO,
        };
        trace.put("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
        trace
    }

    fn put(&mut self, text: &str) {
        if self.error.is_none()
            && let Err(error) = self.out.write_all(text.as_bytes())
        {
            self.error = Some(error);
        }
    }

    fn is_in(&self, at: Timestamp) -> bool {
        self.window.0 <= at && at <= self.window.1 && self.written.cut_at.is_none()
    }

    /// Writes an event at an instant of the window.
    fn event(&mut self, ph: &str, at: Timestamp, (pid, tid): (u64, u64), what: &str, more: &str) {
        if !self.is_in(at) {
            return;
        }
        if self.written.events >= EVENTS_MAX {
            self.written.cut_at = Some(at);
            return;
        }
        let comma = if self.written.events == 0 { "\n" } else { ",\n" };
        self.written.events += 1;
        let what = Value::from(what);
        let ts = micros(at.0);
        self.put(&format!(
            "{comma}{{\"ph\":\"{ph}\",\"pid\":{pid},\"tid\":{tid},\"ts\":{ts},\"name\":{what}{more}}}"
        ));
    }

    fn process(&self, host: Peer) -> u64 {
        let replicas = self.committee.as_ref().map_or(0, |committee| committee.size() as u64);
        FAULTS
            + 1
            + match host {
                Peer::Replica(replica) => u64::from(replica.0),
                Peer::Gateway(gateway) => replicas + u64::from(gateway.0),
                Peer::Local => u64::MAX >> 1,
            }
    }

    /// Names a track when it is first used.
    fn track(&mut self, at: Timestamp, host: Option<Peer>, tid: u64, thread: &str) -> (u64, u64) {
        let pid = host.map_or(FAULTS, |host| self.process(host));
        if !self.is_in(at) {
            return (pid, tid);
        }
        if self.tracks.insert((pid, 0)) {
            let process = host.map_or("faults".to_owned(), name);
            let named = format!(",\"args\":{{\"name\":{}}}", Value::from(process));
            self.event("M", at, (pid, 0), "process_name", &named);
            self.event(
                "M",
                at,
                (pid, 0),
                "process_sort_index",
                &format!(",\"args\":{{\"sort_index\":{pid}}}"),
            );
        }
        if self.tracks.insert((pid, tid)) {
            let named = format!(",\"args\":{{\"name\":{}}}", Value::from(thread));
            self.event("M", at, (pid, tid), "thread_name", &named);
        }
        (pid, tid)
    }

    fn slice(&mut self, track: (u64, u64), (from, to): (Timestamp, Timestamp), what: &str, args: &Value) {
        let took = micros(to.0.saturating_sub(from.0));
        self.event("X", from, track, what, &format!(",\"dur\":{took},\"args\":{args}"));
    }

    // --- flows ---

    /// A transaction passes through the step that a host's machine took last.
    fn pass(&mut self, transaction: Digest, host: Peer, ends: bool) {
        let Some((at, _)) = self.steps.get(&host).copied() else { return };
        if !self.is_in(at) || self.ended.contains(&transaction) {
            return;
        }
        let point = (at, self.process(host));
        let mut flow = self.flows.remove(&transaction).unwrap_or_default();
        if let Some(held) = flow.held.replace(point) {
            let ph = if flow.begun { "t" } else { "s" };
            flow.begun = true;
            self.point(ph, transaction, held);
        }
        if ends && flow.begun {
            self.ended.insert(transaction);
            self.point("f", transaction, point);
            self.written.flows += 1;
        } else {
            self.flows.insert(transaction, flow);
        }
    }

    fn point(&mut self, ph: &str, transaction: Digest, (at, pid): Point) {
        let id = &transaction.to_string()[..16];
        let end = if ph == "f" { ",\"bp\":\"e\"" } else { "" };
        let more = format!(",\"cat\":\"transaction\",\"id\":\"0x{id}\"{end}");
        self.event(ph, at, (pid, MACHINE), "transaction", &more);
    }

    fn transaction_of(&self, bytes: &Bytes) -> Option<Digest> {
        if bytes.first() != Some(&4) {
            return None;
        }
        let Ok(Message::Request(Request::Submit(transaction))) = Message::decode(bytes) else { return None };
        self.identity(&transaction)
    }

    fn identity(&self, item: &[u8]) -> Option<Digest> {
        match self.executes {
            true => Some(Transaction::identify(self.committee.as_ref()?.chain(), item)?.0),
            false => Some(Digest::sha256(&[item])),
        }
    }

    /// A broadcast is one block to many: it is read once.
    fn block_leaves(&mut self, from: Peer, bytes: &Bytes) {
        let place = (bytes.as_ptr() as usize, bytes.len());
        if self.last_block.insert(from, place) == Some(place) {
            return;
        }
        let Some(committee) = self.committee.clone() else { return };
        let Ok(Message::Block(body)) = Message::decode(bytes) else { return };
        let Ok(block) = Block::from_journal(&committee, body) else { return };
        if Peer::Replica(block.author()) != from {
            return;
        }
        for item in block.payload() {
            let Some(transaction) = self.identity(item) else { continue };
            self.pass(transaction, from, false);
            if let Some(flow) = self.flows.get_mut(&transaction) {
                flow.author = Some(from);
            }
        }
    }

    // --- what is seen ---

    fn handles(&mut self, host: Peer, input: &Input) {
        let plain = |what| Handling { what, ..Handling::default() };
        let row = match input {
            Input::Message { from, bytes } => {
                let receipt = || match (bytes.first(), Message::decode(bytes)) {
                    (Some(5), Ok(Message::Reply(Reply::Receipt(receipt)))) => {
                        Some((receipt.entry.transaction, true))
                    }
                    _ => None,
                };
                let flow = self.transaction_of(bytes).map(|it| (it, false)).or_else(receipt);
                Handling { what: message::kind(bytes), from: name(*from), flow }
            }
            Input::Durable(_) => plain("durable"),
            Input::Verified(..) => plain("job done"),
            Input::Executed(_) => plain("executed"),
            Input::Loaded(..) => plain("loaded"),
            Input::Command(_) => plain("command"),
        };
        self.handles.insert(host, row);
    }

    fn step(&mut self, host: Peer, from: Timestamp, to: Timestamp) {
        let handling = self.handles.remove(&host).unwrap_or_else(|| self.starts(host, from));
        self.steps.insert(host, (from, to));
        let track = self.track(from, Some(host), MACHINE, "machine");
        let args = if handling.from.is_empty() { json!({}) } else { json!({ "from": handling.from }) };
        self.slice(track, (from, to), handling.what, &args);
        if let Some((transaction, ends)) = handling.flow {
            self.pass(transaction, host, ends);
        }
    }

    /// A machine starts: what waited for the one before it, or for its disk, is gone.
    fn starts(&mut self, host: Peer, at: Timestamp) -> Handling {
        for queue in [Queue::Waiting, Queue::Unwritten] {
            if self.queues.is_emptied(host, queue) {
                self.count(at, host, queue, 0);
            }
        }
        Handling { what: "start", ..Handling::default() }
    }

    fn job(&mut self, host: Peer, from: Timestamp, to: Timestamp, work: &Work) {
        let cores = self.cores.entry(host).or_default();
        let core = cores.iter().position(|free| *free <= from).unwrap_or(cores.len());
        if core == cores.len() {
            cores.push(Timestamp::ZERO);
        }
        cores[core] = to;
        let track = self.track(from, Some(host), CORES + core as u64, &format!("core {core}"));
        let (what, count) = job(work);
        self.slice(track, (from, to), what, &json!({ "count": count }));
    }

    fn disk(&mut self, host: Peer, (from, to): (Timestamp, Timestamp), what: &str, args: &Value) {
        // A crash empties the device's queue: what was in it never ended.
        let free = self.disks.entry(host).or_default();
        let from = from.max(*free);
        *free = to.max(*free);
        if from < to {
            let track = self.track(from, Some(host), DISK, "disk");
            self.slice(track, (from, to), what, args);
        }
    }

    fn sent(&mut self, at: Timestamp, from: Peer, to: Peer, lane: Lane, bytes: &Bytes) {
        if to == Peer::Local {
            return;
        }
        if let (Peer::Gateway(_), Some(transaction)) = (from, self.transaction_of(bytes)) {
            self.pass(transaction, from, false);
        }
        if let (Peer::Replica(_), Peer::Replica(_), Some(0)) = (from, to, bytes.first()) {
            self.block_leaves(from, bytes);
        }
        if self.is_in(at) {
            self.flying.sent(from, to, bytes, (at, message::kind(bytes), lane, bytes.len()));
            let length = self.queues.grows(from, Queue::UnderWay, 1);
            self.count(at, from, Queue::UnderWay, length);
        }
    }

    fn arrived(&mut self, at: Timestamp, host: Peer, from: Peer, bytes: &Bytes) {
        if !self.is_in(at) {
            return;
        }
        let length = self.queues.grows(host, Queue::Waiting, 1);
        self.count(at, host, Queue::Waiting, length);
        let Some((left, what, lane, length)) = self.flying.arrived(from, host, bytes) else { return };
        self.written.messages += 1;
        if let Some(length) = self.queues.shrinks(from, Queue::UnderWay, 1) {
            self.count(at, from, Queue::UnderWay, length);
        }
        let (thread, number) = self.links.place(from, host, left, at);
        let link = match number {
            0 => format!("link to {}", name(host)),
            more => format!("link to {}, {}", name(host), more + 1),
        };
        let track = self.track(left, Some(from), thread, &link);
        self.slice(
            track,
            (left, at),
            what,
            &json!({ "bytes": length, "lane": format!("{lane:?}").to_lowercase() }),
        );
    }

    fn count(&mut self, at: Timestamp, host: Peer, queue: Queue, length: u64) {
        let (thread, what) = queue.track();
        let track = (self.track(at, Some(host), MACHINE, "machine").0, thread);
        self.event("C", at, track, what, &format!(",\"args\":{{\"{what}\":{length}}}"));
    }

    /// Counters of what a disk has done by an instant.
    fn written_by(&mut self, host: Peer, at: Timestamp) {
        for (done, length) in self.queues.written(host, at) {
            self.count(done, host, Queue::Unwritten, length);
        }
    }

    fn instant(&mut self, at: Timestamp, host: Peer, what: &str, args: &Value) {
        let track = self.track(at, Some(host), MACHINE, "machine");
        self.event("i", at, track, what, &format!(",\"s\":\"t\",\"args\":{args}"));
    }

    fn fault(&mut self, fault: usize, from: Timestamp, to: Timestamp) {
        let kind = self.plan.as_ref().and_then(|plan| plan.faults.get(fault)).map(|row| row.kind.clone());
        let Some(kind) = kind else { return };
        let from = from.max(self.window.0);
        let what = fault_name(&kind);
        let track = self.track(from, None, CORES + fault as u64, &format!("fault {fault}"));
        self.slice(track, (from, to.min(self.window.1).max(from)), &what, &json!({ "fault": kind }));
    }

    /// Ends what is open, and the document.
    ///
    /// # Errors
    /// If something could not be written.
    pub fn finish(&mut self) -> io::Result<Written> {
        let end = self.now.min(self.window.1);
        for (fault, from) in std::mem::take(&mut self.struck) {
            self.fault(fault, from, end);
        }
        for (transaction, flow) in std::mem::take(&mut self.flows) {
            if let (true, Some(held)) = (flow.begun, flow.held) {
                self.point("f", transaction, held);
                self.written.flows += 1;
            }
        }
        for host in self.queues.writing() {
            self.written_by(host, end);
        }
        for (from, to, (at, what, ..)) in std::mem::take(&mut self.flying).lost() {
            self.instant(at, from, &format!("{what} to {}: not arrived", name(to)), &json!({}));
        }
        self.put("\n],\"otherData\":{\"clock\":\"virtual\"}}\n");
        match self.error.take() {
            Some(error) => Err(error),
            None => self.out.flush().map(|()| self.written),
        }
    }
}

impl Observer for Trace {
    fn sees(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Begins { plan, committee, .. } => {
                self.executes = plan.ledger.execution;
                self.committee = Some(committee.clone());
                self.plan = Some(plan.clone());
            }
            Seen::Handles { at, host, input } => {
                self.now = at;
                if matches!(input, Input::Message { .. })
                    && let Some(length) = self.queues.shrinks(host, Queue::Waiting, 1)
                {
                    self.count(at, host, Queue::Waiting, length);
                }
                self.handles(host, input);
            }
            Seen::Wakes { at, host } => {
                self.now = at;
                self.handles.insert(host, Handling { what: "timer", ..Handling::default() });
            }
            Seen::Step { host, from, to } => self.step(host, from, to),
            Seen::Job { host, from, to, work } => self.job(host, from, to, work),
            Seen::Writes { host, from, to, bytes } => {
                self.disk(host, (from, to), "append", &json!({ "bytes": bytes }));
                let handed = self.steps.get(&host).map_or(from, |(_, to)| *to);
                if self.is_in(handed) {
                    self.written_by(host, handed);
                    let length = self.queues.writes(host, to, bytes as u64);
                    self.count(handed, host, Queue::Unwritten, length);
                }
            }
            Seen::Syncs { host, from, to } => self.disk(host, (from, to), "sync", &json!({})),
            Seen::Sent { at, from, to, lane, bytes } => self.sent(at, from, to, lane, bytes),
            Seen::Arrived { at, host, from, bytes } => self.arrived(at, host, from, bytes),
            Seen::Committed { at, replica, report } => {
                let what = format!("commit {}", report.index);
                self.instant(at, replica, &what, &json!({ "transactions": report.executed.len() }));
                for done in &report.executed {
                    let author = self.flows.get(&done.transaction).and_then(|flow| flow.author);
                    if author == Some(replica) {
                        // Where nothing is executed, no receipt follows.
                        self.pass(done.transaction, replica, !self.executes);
                    }
                }
            }
            Seen::Observed { at, by, observation } => match observation {
                Observation::Decided(account) => {
                    let slot = super::explain::slot::json(account);
                    let what = format!("slot {}/{}", account.round.0, account.leader);
                    self.instant(at, by, &what, &json!({ "fate": slot["fate"], "why": slot["why"] }));
                }
                Observation::Proposed(block) => {
                    self.instant(at, by, &format!("proposes in round {}", block.round.0), &json!({}));
                }
                Observation::KeyReleased { .. }
                | Observation::DocumentOpened { .. }
                | Observation::Equivocation(..)
                | Observation::Certified { .. }
                | Observation::Accounted { .. }
                | Observation::Misbehaviour { .. } => {}
            },
            Seen::Struck { at, fault } => {
                self.struck.insert(fault, at);
            }
            Seen::Healed { at, fault } => {
                if let Some(from) = self.struck.remove(&fault)
                    && at >= self.window.0
                {
                    self.fault(fault, from, at);
                }
            }
            Seen::Started { .. } | Seen::Ended { .. } => {}
        }
    }
}

/// Nanoseconds as microseconds.
fn micros(ns: u64) -> String {
    format!("{}.{:03}", ns / 1_000, ns % 1_000)
}

/// What a job is, and of how much.
fn job(work: &Work) -> (&'static str, usize) {
    match work {
        Work::Blocks(blocks) => ("verify blocks", blocks.len()),
        Work::Transactions(blocks) => ("verify transactions of blocks", blocks.len()),
        Work::Submissions(submissions) => ("verify submissions", submissions.len()),
        Work::Votes(_, votes) => ("verify votes", votes.len()),
        Work::Checkpoint(_) => ("verify checkpoint", 1),
        Work::Inclusion(_) => ("verify inclusion", 1),
        Work::Snapshot(..) => ("verify snapshot", 1),
        Work::Prepare(_) => ("prepare registration", 1),
        Work::Sign(_) => ("sign", 1),
        Work::Rewrap(_) => ("wrap key", 1),
        Work::Seal(_) => ("seal document", 1),
        Work::Open(_) => ("open document", 1),
    }
}
