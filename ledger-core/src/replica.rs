//! The replica machine: orders bytes, executes them, keeps the audit log, certifies checkpoints, answers gateways.
//!
//! ```text
//! Message ─→ Work::Blocks ─→ Protocol ─→ Commit ─→ Execute ─→ Executed ─→ checkpoint vote ─→ next own block
//!                               │            (Work::Transactions started when the block was accepted)
//!                               └─→ Persist ─→ Durable ─→ Broadcast own block
//! votes in accepted blocks ─→ Work::Votes ─→ certified checkpoint ─→ receipts to waiting gateways
//! ```
//!
//! Invariants:
//! * an own block is on disk before it is sent, and everything that it names was appended before it, so a restarted
//!   replica never signs a second block for a round and never forgets what its blocks vouch for; one whose disk is lost
//!   [asks the others](ReplicaConfig::forgot) and signs no second block either;
//! * commits execute in order, each once, and only when every signature in it has been judged; wherever a driver does
//!   that and however long it takes, the outcome is the same, and nothing is answered out of a state that is being changed;
//! * a gateway is answered only out of a checkpoint that a quorum signed;
//! * about permits a replica answers from a state that is not older than any checkpoint that it voted on.
//!
//! Bounds are the constants below; what goes beyond one is refused with an answer, or counted and dropped.

mod checkpoints;
mod checks;
mod clients;
mod executing;
mod execution;
mod snapshot;
mod stores;
#[cfg(test)]
mod tests;
mod view;

pub use executing::{ANSWERS_HELD_MAX, ENTRIES_HELD_MAX, Executing};
pub use execution::{DEFERRED_MAX, TOGETHER_MAX};
pub use snapshot::{Snapshot, SnapshotError, VerifiedSnapshot};
pub use stores::{STORES, Store};
pub use view::ReplicaView;

use crate::block::{Block, BlockRef};
use crate::committee::{Committee, ReplicaId};
use crate::crypto::{Digest, SecretKey};
use crate::ledger::Ledger;
use crate::ledger::transaction::Answers;
use crate::message::Message;
#[cfg(feature = "seeded-bugs")]
use crate::protocol::ProtocolBug;
use crate::protocol::{Action, NewProtocol, Protocol, ProtocolMessage, ProtocolStatus, Tuning};
use crate::seam::{Input, JobId, JournalEntry, JournalPosition, Lane, Machine, Observation, Output, Peer};
use crate::time::Timestamp;
use crate::work::{Finding, Work};
use bytes::Bytes;
use checkpoints::Checkpoints;
use checks::Checks;
use clients::Clients;
use execution::Execution;
use snapshot::Snapshots;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Jobs of one peer under way; more of its messages are dropped (it sends again).
pub const JOBS_PER_PEER_MAX: usize = 2048;

/// Bytes of one peer in such jobs.
pub const JOB_BYTES_PER_PEER_MAX: usize = 64 * 1024 * 1024;

/// What makes a replica.
#[derive(Clone)]
pub struct ReplicaConfig {
    /// Who orders.
    pub committee: Arc<Committee>,
    /// Which of them this is.
    pub id: ReplicaId,
    /// Its key.
    pub key: SecretKey,
    /// A row of [`PROTOCOLS`](crate::protocol::PROTOCOLS).
    pub protocol: NewProtocol,
    /// Of the protocol.
    pub tuning: Tuning,
    /// Commits between two signed checkpoints, at least 1.
    pub checkpoint_interval: u64,
    /// Journal bytes after which a snapshot is written and what precedes it is deleted.
    pub journal_bytes_max: u64,
    /// Genesis state; `None` orders without executing.
    pub ledger: Option<Ledger>,
    /// Its journal was lost, or a part of it, and the ledger is not new: before it signs anything, it asks the others what it
    /// may have signed. Says this of a whole journal, it only waits for a quorum of the others.
    pub forgot: bool,
    /// A deliberate mistake, for testing checkers.
    #[cfg(feature = "seeded-bugs")]
    pub bug: Option<ReplicaBug>,
}

/// Deliberate mistakes, each caught by a checker of the simulator.
#[cfg(feature = "seeded-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaBug {
    /// Leaves out an undecided leader slot instead of waiting for its anchor.
    SkipUndecided,
    /// Executes the blocks of a commit in reverse order.
    ReverseCommits,
    /// Answers "durable" without writing.
    ForgetPersist,
    /// Sends an own block, and then writes it.
    SendBeforePersist,
    /// Goes on from an empty disk as if nothing had ever been on it.
    AskNobody,
    /// Asks for nothing that it missed.
    NeverFetch,
    /// Sends receipts for another outcome than the logged one.
    ForgeReceipts,
    /// Orders a submission again although it was executed.
    ExecuteTwice,
    /// Commits with the votes of f + 1 where a quorum is needed.
    CommitWithFew,
    /// Certifies checkpoints with the signatures of f + 1.
    CertifyWithFew,
    /// Says nothing of equivocation.
    ForgetEvidence,
    /// Skips what the indirect rule would commit.
    SkipIndirect,
    /// Signs checkpoints that name the commit before.
    AttestPrevious,
    /// Takes submissions without end.
    BottomlessMempool,
    /// Says nothing again, however long nothing moves.
    NeverRepeat,
}

/// One executed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Identity of the transaction, or SHA-256 of opaque bytes.
    pub transaction: Digest,
    /// What its actions did; none where nothing is executed.
    pub answers: Answers,
    /// Its place in the audit log.
    pub index: u64,
}

/// What a replica reports of an executed commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitReport {
    /// 1 for the first.
    pub index: u64,
    /// Chains all commits up to this one.
    pub digest: Digest,
    /// Ledger state after it; zero where nothing is executed, and between checkpoints.
    pub state_root: Digest,
    /// Root of the audit log after it.
    pub log_root: Digest,
    /// Commit time.
    pub time: Timestamp,
    /// Its blocks in order, each with the log index of its first entry.
    pub blocks: Vec<(BlockRef, u64)>,
    /// From its decision until it was executed, by the replica's clock.
    pub took: Duration,
    /// What was executed, in order; where nothing is executed, the items of own blocks.
    pub executed: Vec<Executed>,
}

/// Figures that a run reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplicaStatus {
    /// Of the protocol.
    pub protocol: ProtocolStatus,
    /// Last commit executed.
    pub executed: u64,
    /// Commits that wait for execution.
    pub waiting: usize,
    /// Entries in the audit log.
    pub log_size: u64,
    /// Last commit with a certified checkpoint.
    pub certified: u64,
    /// Bytes held for ordering: window, suspended blocks, mempool.
    pub ordering_bytes: usize,
    /// Bytes held for ledger state, beyond what all replicas share from genesis.
    pub ledger_bytes: usize,
    /// Bytes held for the audit log and for answering about recent entries.
    pub log_bytes: usize,
    /// Messages dropped because their sender is faulty or too busy.
    pub dropped: u64,
    /// How full its stores are, in the order of [`STORES`].
    pub stores: [Store; STORES.len()],
}

enum Job {
    Blocks { from: ReplicaId, answer: bool, bytes: usize },
    Transactions(Vec<BlockRef>),
    Submissions(Vec<(Peer, Bytes)>),
    Votes(u64, Vec<ReplicaId>),
    Snapshot(ReplicaId),
}

/// The machine. See the module.
pub struct Replica {
    committee: Arc<Committee>,
    id: ReplicaId,
    protocol: Box<dyn Protocol>,
    execution: Execution,
    checkpoints: Checkpoints,
    clients: Clients,
    snapshots: Snapshots,
    jobs: BTreeMap<JobId, Job>,
    /// Jobs and their bytes under way, by the replica that caused them.
    jobs_per_peer: Vec<(usize, usize)>,
    checks: Checks,
    next_job: u64,
    journal: JournalPosition,
    /// Last commit on whose checkpoint this replica may have voted before it restarted: until it has executed that far
    /// again it says nothing about permits, because a revocation's receipt may rest on its vote. The greatest while that is
    /// forgotten.
    vouched_for: u64,
    /// Own blocks that wait for the disk.
    undurable: VecDeque<(JournalPosition, BlockRef)>,
    outputs: VecDeque<Output>,
    dropped: u64,
    #[cfg(feature = "seeded-bugs")]
    bug: Option<ReplicaBug>,
}

impl Replica {
    /// A replica at genesis, or restarted from what its journal holds (its durable entries in order, the first of
    /// which is at `journal`).
    pub fn new(
        config: ReplicaConfig,
        now: Timestamp,
        journal: JournalPosition,
        entries: Vec<JournalEntry>,
    ) -> Result<Self, SnapshotError> {
        let ReplicaConfig { committee, id, key, protocol, tuning, checkpoint_interval, .. } = config;
        let replicas = committee.size();
        let gc_depth = tuning.gc_depth;
        let mut replica = Self {
            protocol: protocol(committee.clone(), id, key.clone(), tuning),
            execution: Execution::new(config.ledger),
            checkpoints: Checkpoints::new(committee.clone(), id, key, checkpoint_interval),
            clients: Clients::default(),
            snapshots: Snapshots::new(gc_depth, config.journal_bytes_max),
            jobs: BTreeMap::new(),
            jobs_per_peer: vec![(0, 0); replicas],
            checks: Checks::default(),
            next_job: 0,
            journal: JournalPosition(journal.0 + entries.len() as u64),
            vouched_for: 0,
            undurable: VecDeque::new(),
            outputs: VecDeque::new(),
            dropped: 0,
            #[cfg(feature = "seeded-bugs")]
            bug: config.bug,
            committee,
            id,
        };
        #[cfg(feature = "seeded-bugs")]
        let of_protocol = match replica.bug {
            Some(ReplicaBug::CommitWithFew) => Some(ProtocolBug::CommitWithFew),
            Some(ReplicaBug::SkipUndecided) => Some(ProtocolBug::SkipUndecided),
            Some(ReplicaBug::SkipIndirect) => Some(ProtocolBug::SkipIndirect),
            Some(ReplicaBug::BottomlessMempool) => Some(ProtocolBug::BottomlessMempool),
            Some(ReplicaBug::NeverRepeat) => Some(ProtocolBug::NeverRepeat),
            _ => None,
        };
        #[cfg(feature = "seeded-bugs")]
        if let Some(bug) = of_protocol {
            replica.protocol.seed_bug(bug);
        }
        #[cfg(feature = "seeded-bugs")]
        if replica.bug == Some(ReplicaBug::CertifyWithFew) {
            replica.checkpoints.certify_with_few();
        }
        #[cfg(feature = "seeded-bugs")]
        let forgot = config.forgot && replica.bug != Some(ReplicaBug::AskNobody);
        #[cfg(not(feature = "seeded-bugs"))]
        let forgot = config.forgot;
        if forgot {
            replica.protocol.forget();
            replica.vouched_for = u64::MAX;
        }
        replica.recover(now, journal, entries)?;
        replica.protocol.start(now);
        replica.pump(now);
        Ok(replica)
    }

    fn recover(
        &mut self,
        now: Timestamp,
        first: JournalPosition,
        entries: Vec<JournalEntry>,
    ) -> Result<(), SnapshotError> {
        // The last snapshot is where execution begins; all blocks count, also those before it: a snapshot that came from
        // a peer stands behind own blocks that must not be signed again.
        let last = entries.iter().rposition(|entry| matches!(entry, JournalEntry::Snapshot(_)));
        let mut blocks = Vec::new();
        for (number, entry) in entries.into_iter().enumerate() {
            match entry {
                JournalEntry::Snapshot(bytes) => {
                    self.snapshots.journaled(bytes.len() as u64);
                    if Some(number) == last {
                        let mut verifier = crate::crypto::BatchVerifier;
                        let gc_depth = self.snapshots.gc_depth();
                        let snapshot = Snapshot::verify(&bytes, gc_depth, &self.committee, &mut verifier)?;
                        self.install(now, snapshot);
                    }
                }
                JournalEntry::Block(bytes) => {
                    self.snapshots.journaled(bytes.len() as u64);
                    let block = Block::from_journal(&self.committee, bytes).map_err(SnapshotError::Block)?;
                    self.snapshots.placed(block.round(), JournalPosition(first.0 + number as u64));
                    if block.author() == self.id {
                        let voted = block.votes().iter().map(|vote| vote.commit).max();
                        self.vouched_for = self.vouched_for.max(voted.unwrap_or(0));
                    }
                    blocks.push(Arc::new(block));
                }
            }
        }
        self.protocol.replay(now, blocks);
        Ok(())
    }

    /// Figures.
    pub fn status(&self) -> ReplicaStatus {
        let (protocol, figures) = (self.protocol.status(), self.execution.figures());
        ReplicaStatus {
            protocol,
            executed: self.execution.executed(),
            waiting: self.execution.waiting(),
            log_size: figures.log_size,
            certified: self.checkpoints.certified().map_or(0, |checkpoint| checkpoint.body.commit),
            ordering_bytes: protocol.bytes,
            ledger_bytes: figures.ledger_bytes,
            log_bytes: figures.log_bytes,
            dropped: self.dropped,
            stores: self.stores(),
        }
    }

    /// Commits that wait for execution. A driver that executes elsewhere gives the machine no more messages when there are
    /// many: ordering alone is no reason to wait.
    pub fn commits_waiting(&self) -> usize {
        self.execution.waiting()
    }

    #[cfg(feature = "seeded-bugs")]
    fn has_bug(&self, bug: ReplicaBug) -> bool {
        self.bug == Some(bug)
    }

    fn start_job(&mut self, job: Job, work: Work) {
        let id = JobId(self.next_job);
        self.next_job += 1;
        match &job {
            Job::Blocks { from, bytes, .. } => {
                let (jobs, held) = &mut self.jobs_per_peer[from.index()];
                *jobs += 1;
                *held += bytes;
            }
            Job::Submissions(_) | Job::Transactions(_) | Job::Votes(..) | Job::Snapshot(_) => {}
        }
        self.jobs.insert(id, job);
        self.outputs.push_back(Output::Verify(id, work));
    }

    // --- messages ---

    fn receive(&mut self, now: Timestamp, from: Peer, bytes: &Bytes) {
        let message = match Message::decode(bytes) {
            Ok(message) => message,
            Err(error) => return self.drop_message(from, error.to_string()),
        };
        match (message, from) {
            (Message::Request(request), Peer::Gateway(_) | Peer::Local) => self.answer(now, from, request),
            (_, Peer::Gateway(_) | Peer::Local) => {
                self.drop_message(from, "a message only replicas send".into())
            }
            (Message::Request(_) | Message::Reply(_) | Message::Exchange(_), Peer::Replica(_)) => {
                self.drop_message(from, "a message that replicas do not send each other".into());
            }
            (_, Peer::Replica(replica))
                if replica.index() >= self.committee.size()
                    || self.jobs_per_peer[replica.index()].0 >= JOBS_PER_PEER_MAX
                    || self.jobs_per_peer[replica.index()].1 >= JOB_BYTES_PER_PEER_MAX =>
            {
                self.dropped += 1;
            }
            (Message::Block(block), Peer::Replica(replica)) => {
                let job = Job::Blocks { from: replica, answer: false, bytes: block.len() };
                self.start_job(job, Work::Blocks(vec![block]));
            }
            (Message::Protocol(ProtocolMessage::Blocks(blocks)), Peer::Replica(replica)) => {
                let blocks: Vec<Bytes> = blocks.iter().map(|block| block.bytes()).collect();
                let bytes = blocks.iter().map(Bytes::len).sum();
                self.start_job(Job::Blocks { from: replica, answer: true, bytes }, Work::Blocks(blocks));
            }
            (Message::Protocol(message), Peer::Replica(replica)) => {
                self.protocol.handle_message(now, replica, message);
            }
            (Message::SnapshotRequest(request), Peer::Replica(_)) => {
                if let Some(chunk) = self.snapshots.serve(&request) {
                    self.send(from, Lane::Bulk, &Message::Snapshot(chunk));
                }
            }
            (Message::Snapshot(chunk), Peer::Replica(replica)) => self.take_chunk(now, replica, &chunk),
        }
    }

    fn drop_message(&mut self, from: Peer, what: String) {
        self.dropped += 1;
        self.outputs.push_back(Output::Observed(Observation::Misbehaviour { from, what }));
    }

    fn send(&mut self, to: Peer, lane: Lane, message: &Message) {
        self.outputs.push_back(Output::Send { to, lane, bytes: message.encode() });
    }

    // --- findings ---

    fn finish(&mut self, now: Timestamp, id: JobId, finding: Finding) {
        let Some(job) = self.jobs.remove(&id) else { return };
        match &job {
            Job::Blocks { from, bytes, .. } => {
                let (jobs, held) = &mut self.jobs_per_peer[from.index()];
                *jobs -= 1;
                *held -= bytes;
            }
            Job::Submissions(submissions) => self.checks.finished(submissions.len()),
            Job::Transactions(_) | Job::Votes(..) | Job::Snapshot(_) => {}
        }
        match (job, finding) {
            (Job::Blocks { from, answer, .. }, Finding::Blocks(blocks)) => {
                for block in blocks {
                    match block {
                        Ok(block) => self.protocol.handle_block(now, from, block),
                        Err(error) => self.drop_message(Peer::Replica(from), error.to_string()),
                    }
                }
                if answer {
                    self.protocol.handle_message(now, from, ProtocolMessage::Blocks(Default::default()));
                }
            }
            (Job::Transactions(blocks), Finding::Transactions(checked)) => {
                for (block, checked) in blocks.into_iter().zip(checked) {
                    self.execution.checked(block, checked);
                }
                self.execute(now);
            }
            (Job::Submissions(submissions), Finding::Submissions(checked)) => {
                self.check_due(now);
                for ((from, bytes), checked) in submissions.into_iter().zip(checked) {
                    self.submit_checked(now, from, bytes, checked);
                }
            }
            (Job::Votes(commit, voters), Finding::Votes(verdicts)) => {
                self.count_votes(commit, &voters, &verdicts)
            }
            (Job::Snapshot(from), Finding::Snapshot(snapshot)) => match snapshot {
                Ok(snapshot) => self.adopt(now, *snapshot),
                Err(error) => {
                    self.drop_message(Peer::Replica(from), error.to_string());
                    // Ordering asks again only after a pause that has grown long by now: liars would draw it out.
                    self.ask_another_for_snapshot(now, from);
                }
            },
            _ => debug_assert!(false, "a driver answered a job with the finding of another"),
        }
    }

    // --- actions of the protocol ---

    /// Carries out what the protocol wants, until it wants nothing more.
    fn pump(&mut self, now: Timestamp) {
        while let Some(action) = self.protocol.poll_action() {
            self.act(now, action);
        }
    }

    fn act(&mut self, now: Timestamp, action: Action) {
        match action {
            Action::Persist(block) => self.persist_block(now, &block),
            Action::Keep(block) => {
                self.snapshots.placed(block.round(), self.journal);
                self.persist(JournalEntry::Block(block.bytes().clone()), false);
            }
            Action::Broadcast(block) => {
                let bytes = Message::encode_block(block.bytes());
                self.outputs.push_back(Output::Broadcast { lane: Lane::Consensus, bytes });
            }
            Action::Send(to, message) => {
                #[cfg(feature = "seeded-bugs")]
                if self.has_bug(ReplicaBug::NeverFetch)
                    && matches!(message, ProtocolMessage::Fetch(_) | ProtocolMessage::Sync(_))
                {
                    return;
                }
                self.send(Peer::Replica(to), Lane::Consensus, &Message::Protocol(message));
            }
            Action::Accepted(block) => {
                for vote in block.votes() {
                    self.checkpoints.vote(self.execution.executed(), block.author(), *vote);
                }
                self.check_votes(block.votes());
                if self.execution.needs_check(&block) {
                    self.check_payload(now, block);
                }
            }
            Action::Commit(commit) => {
                if self.vouched_for == u64::MAX {
                    // Whatever was signed and forgotten is of this round at most, and so are votes in it.
                    let known = commit.header.leader.round >= self.protocol.status().forgotten;
                    self.vouched_for = if known { commit.header.index } else { u64::MAX };
                }
                self.execution.push(now, commit);
                self.execute(now);
                if self.execution.is_held_up() {
                    self.check_payloads();
                }
            }
            Action::Dropped(block) => {
                self.checks.forget(&block);
                self.execution.forget(&block);
            }
            Action::Decided(account) => {
                self.outputs.push_back(Output::Observed(Observation::Decided(account)));
            }
            Action::Equivocation(first, second) => {
                #[cfg(feature = "seeded-bugs")]
                if self.has_bug(ReplicaBug::ForgetEvidence) {
                    return;
                }
                let evidence = Observation::Equivocation(first.reference(), second.reference());
                self.outputs.push_back(Output::Observed(evidence));
            }
            Action::NeedSnapshot(peer) => {
                #[cfg(feature = "seeded-bugs")]
                if self.has_bug(ReplicaBug::NeverFetch) {
                    return;
                }
                self.ask_snapshot(now, peer);
            }
        }
    }

    fn persist_block(&mut self, now: Timestamp, block: &Arc<Block>) {
        let own = block.author() == self.id;
        if own {
            self.outputs.push_back(Output::Observed(Observation::Proposed(block.reference())));
        }
        #[cfg(feature = "seeded-bugs")]
        if self.has_bug(ReplicaBug::ForgetPersist) {
            if own {
                self.protocol.handle_durable(now, block.reference());
            }
            return;
        }
        #[cfg(feature = "seeded-bugs")]
        let early = own && self.has_bug(ReplicaBug::SendBeforePersist);
        #[cfg(not(feature = "seeded-bugs"))]
        let early = false;
        if early {
            self.protocol.handle_durable(now, block.reference());
            self.pump(now);
        }
        self.snapshots.placed(block.round(), self.journal);
        self.persist(JournalEntry::Block(block.bytes().clone()), own);
        if own && !early {
            self.undurable.push_back((self.journal, block.reference()));
        }
    }

    fn persist(&mut self, entry: JournalEntry, sync: bool) {
        self.journal.0 += 1;
        self.snapshots.journaled(entry.len() as u64);
        self.outputs.push_back(Output::Persist { position: self.journal, entry, sync });
    }

    fn durable(&mut self, now: Timestamp, position: JournalPosition) {
        while let Some((at, block)) = self.undurable.front().copied()
            && at <= position
        {
            self.undurable.pop_front();
            self.protocol.handle_durable(now, block);
        }
        if let Some(before) = self.snapshots.durable(position) {
            self.outputs.push_back(Output::Truncate(before));
        }
    }
}

impl Machine for Replica {
    fn handle(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Message { from, bytes } => self.receive(now, from, &bytes),
            Input::Durable(position) => self.durable(now, position),
            Input::Verified(id, finding) => self.finish(now, id, finding),
            Input::Executed(executing) => self.executed(now, *executing),
            Input::Loaded(..) | Input::Command(_) => {
                debug_assert!(false, "replicas have no vault and no users");
            }
        }
        self.pump(now);
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.check_due(now);
        self.protocol.handle_timeout(now);
        self.pump(now);
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        self.protocol.poll_timeout().into_iter().chain(self.checks.due()).min()
    }
}
