//! Byzantine replicas and hostile gateways, made by wrapping the seam: inside is a correct machine, and what it wants
//! sent is rewritten, held back, repeated, forged or kept before it leaves. Neither protocol nor machine contains
//! hostile code.
//!
//! ```text
//! Input ─→ correct Replica ─→ Output ─┬─ own block ─→ publish ─┬─→ letters ─→ tricks ─→ Send, now or later
//!            (two for `twins`)        └─ everything else ──────┘
//! ```
//!
//! A Byzantine replica holds its own key and no other: it can sign two blocks for a round and checkpoints of any state,
//! and forge nothing in another's name that verifies. Everything that it draws comes from a stream of its own. What it
//! reports of itself is no evidence: the world keeps it from the history.
//!
//! Bounds: [`MEMORY_MAX`] messages and own blocks are remembered for later mischief.

mod flood;
mod gateway;
mod letters;
mod publish;

pub(crate) use gateway::{HostileGateway, Targets};

use crate::plan::{FaultKind, Plan, ReplicaBehaviour};
use crate::seed::{Seed, Stream};
use bytes::Bytes;
use ledger_core::block::BlockRef;
use ledger_core::committee::{Committee, ReplicaId, ReplicaSet};
use ledger_core::crypto::SecretKey;
use ledger_core::message::SnapshotChunk;
use ledger_core::replica::{Replica, ReplicaConfig, ReplicaStatus, ReplicaView, SnapshotError};
use ledger_core::seam::{Input, JobId, JournalEntry, JournalPosition, Lane, Machine, Output, Peer};
use ledger_core::time::{Duration, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Messages, and own blocks, that are remembered.
const MEMORY_MAX: usize = 256;
/// Set in the numbers of the second twin's jobs.
const SECOND: u64 = 1 << 63;

/// How many hostile acts of each behaviour were done.
pub(crate) type Acts = BTreeMap<&'static str, u64>;

/// A behaviour and when it is shown.
#[derive(Clone, Debug)]
struct Term {
    behaviour: ReplicaBehaviour,
    from: Timestamp,
    until: Timestamp,
}

/// What a replica is to do, and when.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    terms: Vec<Term>,
    victims: Vec<ReplicaId>,
}

/// From when until when a fault lasts; what starts at zero starts with the run.
fn span(plan: &Plan, fault: &crate::plan::FaultPlan) -> (Timestamp, Timestamp) {
    let at = Timestamp::after_genesis(plan.warmup + fault.at);
    let until = fault.lasts.map_or(Timestamp::MAX, |lasts| at + lasts);
    (if fault.at == Duration::ZERO { Timestamp::ZERO } else { at }, until)
}

impl Script {
    /// What the plan has this replica do; `None` if it is a correct one.
    pub fn of(plan: &Plan, replica: usize) -> Option<Self> {
        let mut script = Self { terms: Vec::new(), victims: Vec::new() };
        for fault in &plan.faults {
            let FaultKind::Byzantine { replicas, behaviours, victims } = &fault.kind else { continue };
            if replicas.contains(&replica) {
                let (from, until) = span(plan, fault);
                script.terms.extend(behaviours.iter().map(|behaviour| Term {
                    behaviour: *behaviour,
                    from,
                    until,
                }));
                script.victims.extend(victims.iter().map(|victim| ReplicaId(*victim as u16)));
            }
        }
        (!script.terms.is_empty()).then_some(script)
    }

    fn has(&self, behaviour: ReplicaBehaviour) -> bool {
        self.terms.iter().any(|term| term.behaviour == behaviour)
    }
}

/// A message on its way out.
struct Letter {
    to: Peer,
    lane: Lane,
    bytes: Bytes,
    /// Sent so much later.
    hold: Duration,
}

/// See the module.
pub(crate) struct Byzantine {
    /// The correct machine; a twin follows.
    faces: Vec<Replica>,
    script: Script,
    me: ReplicaId,
    key: SecretKey,
    committee: Arc<Committee>,
    leader_timeout: Duration,
    stream: Stream,
    now: Timestamp,
    outputs: VecDeque<Output>,
    /// By when they leave, and then in order.
    held: BTreeMap<(Timestamp, u64), Output>,
    holds: u64,
    /// Blocks of others, lately.
    seen: VecDeque<Bytes>,
    /// What was sent, lately.
    sent: VecDeque<(Peer, Lane, Bytes)>,
    /// Under which name an own block was published, where that is not its own.
    published: BTreeMap<BlockRef, BlockRef>,
    /// The other block of the same round.
    doubled: BTreeMap<BlockRef, BlockRef>,
    /// The first snapshot's part that was served.
    stale: Option<SnapshotChunk>,
    flood_at: Timestamp,
    acts: Acts,
}

impl Byzantine {
    /// Like [`Replica::new`], with a script. A second twin has no disk: it begins at genesis.
    pub fn new(
        config: ReplicaConfig,
        script: Script,
        seed: &Seed,
        now: Timestamp,
        (journal, entries): (JournalPosition, Vec<JournalEntry>),
    ) -> Result<Self, SnapshotError> {
        let (me, key, committee) = (config.id, config.key.clone(), config.committee.clone());
        let leader_timeout = config.tuning.leader_timeout;
        let twin =
            script.has(ReplicaBehaviour::Twins).then(|| ReplicaConfig { forgot: false, ..config.clone() });
        let mut faces = vec![Replica::new(config, now, journal, entries)?];
        if let Some(config) = twin {
            faces.push(Replica::new(config, now, JournalPosition(0), Vec::new())?);
        }
        let flood_at = match script.has(ReplicaBehaviour::FetchFlood) {
            true => now,
            false => Timestamp::MAX,
        };
        let mut byzantine = Self {
            faces,
            script,
            me,
            key,
            committee,
            leader_timeout,
            stream: seed.stream(&format!("byzantine/replica/{}", me.0)),
            now,
            outputs: VecDeque::new(),
            held: BTreeMap::new(),
            holds: 0,
            seen: VecDeque::new(),
            sent: VecDeque::new(),
            published: BTreeMap::new(),
            doubled: BTreeMap::new(),
            stale: None,
            flood_at,
            acts: Acts::new(),
        };
        byzantine.drain();
        Ok(byzantine)
    }

    /// Of the machine inside.
    pub fn status(&self) -> ReplicaStatus {
        self.faces[0].status()
    }

    /// How the machine inside stands.
    pub fn view(&self) -> ReplicaView {
        self.faces[0].view()
    }

    /// What it has done since this was asked last.
    pub fn take_acts(&mut self) -> Acts {
        std::mem::take(&mut self.acts)
    }

    fn does(&self, behaviour: ReplicaBehaviour) -> bool {
        let in_force =
            |term: &Term| term.behaviour == behaviour && term.from <= self.now && self.now < term.until;
        self.script.terms.iter().any(in_force)
    }

    fn count(&mut self, behaviour: ReplicaBehaviour) {
        *self.acts.entry(behaviour.name()).or_default() += 1;
    }

    fn others(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        let me = self.me;
        self.committee.replicas().filter(move |replica| *replica != me)
    }

    /// Which half of the others a replica is of.
    fn half(&self, replica: ReplicaId) -> usize {
        let place = self.others().take_while(|other| *other != replica).count();
        usize::from(place >= (self.committee.size() - 1).div_ceil(2))
    }

    /// Whom `selective` is silent to.
    fn victims(&self) -> ReplicaSet {
        if !self.script.victims.is_empty() {
            return self.script.victims.iter().copied().collect();
        }
        let mut served: ReplicaSet = std::iter::once(self.me).collect();
        for other in self.others() {
            let mut more = served;
            more.insert(other);
            if self.committee.is_quorum(&more) {
                break;
            }
            served = more;
        }
        self.committee.replicas().filter(|replica| !served.contains(*replica)).collect()
    }

    /// Carries on what the machines inside want.
    fn drain(&mut self) {
        let mut face = 0;
        while face < self.faces.len() {
            match self.faces[face].poll_output() {
                Some(output) => {
                    self.carry(face, output);
                    // What one carries out may tell the other something.
                    face = 0;
                }
                None => face += 1,
            }
        }
    }

    fn carry(&mut self, face: usize, output: Output) {
        match output {
            Output::Execute(mut executing) => {
                executing.run();
                let now = self.clock(face);
                self.faces[face].handle(now, Input::Executed(executing));
            }
            Output::Send { to, lane, bytes } => {
                self.post(face, vec![Letter { to, lane, bytes, hold: Duration::ZERO }]);
            }
            Output::Broadcast { lane, bytes } => {
                let letters = self.publish(face, lane, bytes);
                self.post(face, letters);
            }
            Output::Verify(job, work) if face > 0 => {
                self.outputs.push_back(Output::Verify(JobId(job.0 | SECOND), work));
            }
            Output::Persist { position, sync, .. } if face > 0 => {
                if sync {
                    let now = self.clock(face);
                    self.faces[face].handle(now, Input::Durable(position));
                }
            }
            Output::Truncate(_) | Output::Committed(_) | Output::Observed(_) if face > 0 => {}
            output @ (Output::Persist { .. }
            | Output::Truncate(_)
            | Output::Verify(..)
            | Output::Store(..)
            | Output::Load(_)
            | Output::Erase(_)
            | Output::Committed(_)
            | Output::Completed(_)
            | Output::Observed(_)) => self.outputs.push_back(output),
        }
    }

    /// The twins' clocks differ, so that their blocks do.
    fn clock(&self, face: usize) -> Timestamp {
        self.now + Duration::from_nanos(face as u64)
    }

    /// Lets a message leave, now or later.
    fn leave(&mut self, letter: Letter) {
        let Letter { to, lane, bytes, hold } = letter;
        let output = Output::Send { to, lane, bytes };
        if hold == Duration::ZERO {
            self.outputs.push_back(output);
        } else {
            self.holds += 1;
            self.held.insert((self.now + hold, self.holds), output);
        }
    }
}

/// Remembers, and forgets the oldest.
fn remember<T>(memory: &mut VecDeque<T>, item: T) {
    if memory.len() >= MEMORY_MAX {
        memory.pop_front();
    }
    memory.push_back(item);
}

impl Machine for Byzantine {
    fn handle(&mut self, now: Timestamp, input: Input) {
        self.now = now;
        match input {
            Input::Message { from, bytes } => {
                self.learn(&bytes);
                for face in 0..self.faces.len() {
                    let input = Input::Message { from, bytes: bytes.clone() };
                    let now = self.clock(face);
                    self.faces[face].handle(now, input);
                }
            }
            Input::Verified(job, finding) if job.0 & SECOND != 0 => {
                let now = self.clock(1);
                self.faces[1].handle(now, Input::Verified(JobId(job.0 & !SECOND), finding));
            }
            input @ (Input::Durable(_)
            | Input::Verified(..)
            | Input::Executed(_)
            | Input::Loaded(..)
            | Input::Command(_)) => self.faces[0].handle(now, input),
        }
        self.drain();
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.now = now;
        while let Some(entry) = self.held.first_entry()
            && entry.key().0 <= now
        {
            self.outputs.push_back(entry.remove());
        }
        if self.flood_at <= now {
            self.flood();
        }
        for face in 0..self.faces.len() {
            let clock = self.clock(face);
            if self.faces[face].poll_timeout().is_some_and(|at| at <= clock) {
                self.faces[face].handle_timeout(clock);
            }
        }
        self.drain();
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        let held = self.held.keys().next().map(|(at, _)| *at);
        let flood = (self.flood_at < Timestamp::MAX).then_some(self.flood_at);
        self.faces.iter().filter_map(Replica::poll_timeout).chain(held).chain(flood).min()
    }
}
