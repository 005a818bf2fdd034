//! Commits on their way to execution, in order and once every signature in them has been judged, and what follows from
//! their having been executed.

use super::executing::{Done, Executing, Ready, State};
use super::{CommitReport, Executed, Replica};
use crate::audit::{AuditLog, CheckpointBody};
use crate::block::{Block, BlockRef, Round};
use crate::ledger::Ledger;
use crate::ledger::transaction::Answers;
use crate::message::Request;
use crate::protocol::Commit;
use crate::seam::{Observation, Output, Peer};
use crate::time::Timestamp;
use crate::work::CheckedPayload;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Commits executed together, at most: what waits for the state does not wait for more.
pub const TOGETHER_MAX: usize = 64;
/// Questions that wait for the state; more are dropped (their clients ask again).
pub const DEFERRED_MAX: usize = 4_096;

/// The state while it is here, and the commits that wait for it.
pub(super) struct Execution {
    /// Not here while commits are executed.
    state: Option<Box<State>>,
    executes: bool,
    /// Decisions are told with their grounds.
    explains: bool,
    /// With when they were decided.
    queue: VecDeque<(Timestamp, Commit)>,
    /// Judged payloads of accepted blocks that are not executed yet.
    checked: BTreeMap<BlockRef, CheckedPayload>,
    /// Questions about the state, to be answered when it is back.
    deferred: VecDeque<(Peer, Request)>,
    executed: u64,
    time: Timestamp,
    /// Bytes of the ledger's rows at genesis.
    genesis_bytes: usize,
    figures: Figures,
}

/// Of the state, when it was last here.
#[derive(Clone, Copy, Default)]
pub(super) struct Figures {
    pub log_size: u64,
    /// Bytes of the ledger's rows since genesis.
    pub ledger_bytes: usize,
    pub log_bytes: usize,
}

impl Execution {
    pub fn new(ledger: Option<Ledger>) -> Self {
        Self {
            genesis_bytes: ledger.as_ref().map_or(0, Ledger::rows_bytes),
            executes: ledger.is_some(),
            explains: false,
            state: Some(Box::new(State::new(ledger, AuditLog::default()))),
            queue: VecDeque::new(),
            checked: BTreeMap::new(),
            deferred: VecDeque::new(),
            executed: 0,
            time: Timestamp::ZERO,
            figures: Figures::default(),
        }
    }

    /// The state, unless commits are being executed on it.
    pub fn state(&self) -> Option<&State> {
        self.state.as_deref()
    }

    /// Whether anything is executed, or only ordered.
    pub fn executes(&self) -> bool {
        self.executes
    }

    pub fn figures(&self) -> Figures {
        let Some(state) = &self.state else { return self.figures };
        let rows = state.ledger.as_ref().map_or(0, Ledger::rows_bytes);
        Figures {
            log_size: state.log.size(),
            ledger_bytes: rows.saturating_sub(self.genesis_bytes),
            log_bytes: state.log_bytes(),
        }
    }

    /// Last commit executed.
    pub fn executed(&self) -> u64 {
        self.executed
    }

    /// Time of the last commit executed.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// From now on every decision of the ledger is told with its ground. The state is here.
    pub fn explain(&mut self) {
        self.explains = true;
        if let Some(ledger) = self.state.as_mut().and_then(|state| state.ledger.as_mut()) {
            ledger.explain();
        }
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub fn needs_check(&self, block: &Block) -> bool {
        self.executes && !block.payload().is_empty()
    }

    pub fn checked(&mut self, block: BlockRef, checked: CheckedPayload) {
        self.checked.insert(block, checked);
    }

    pub fn forget(&mut self, block: &BlockRef) {
        self.checked.remove(block);
    }

    /// Blocks of lower rounds can no longer be committed.
    fn forget_below(&mut self, round: Round) {
        while self.checked.first_key_value().is_some_and(|(block, _)| block.round < round) {
            self.checked.pop_first();
        }
    }

    pub fn push(&mut self, now: Timestamp, commit: Commit) {
        self.queue.push_back((now, commit));
    }

    /// Questions that wait for the state.
    pub fn deferred(&self) -> usize {
        self.deferred.len()
    }

    /// A question that waits for the state. False if there is no room.
    pub fn defer(&mut self, from: Peer, request: Request) -> bool {
        let room = self.deferred.len() < DEFERRED_MAX;
        if room {
            self.deferred.push_back((from, request));
        }
        room
    }

    /// The next commit, if every signature in it has been judged.
    fn pop_ready(&mut self) -> Option<(Timestamp, Commit)> {
        let ready = self.queue.front().is_some_and(|(_, next)| self.is_judged(next));
        if ready { self.queue.pop_front() } else { None }
    }

    /// Whether the last commit must not wait for its signatures to be judged together with others.
    pub fn is_held_up(&self) -> bool {
        let judged = |(_, last): &(Timestamp, Commit)| self.is_judged(last);
        !self.queue.is_empty() && (self.state.is_some() || !self.queue.back().is_none_or(judged))
    }

    fn is_judged(&self, commit: &Commit) -> bool {
        let judged = |block: &Arc<Block>| {
            !self.executes || block.payload().is_empty() || self.checked.contains_key(&block.reference())
        };
        commit.blocks.iter().all(judged)
    }

    /// Continues after a snapshot; the state is here.
    pub fn restore(&mut self, ledger: Option<Ledger>, log: AuditLog, commit: u64, time: Timestamp) {
        debug_assert!(self.state.is_some(), "nothing is installed while something is executed");
        self.queue.retain(|(_, waiting)| waiting.header.index > commit);
        self.state = Some(Box::new(State::new(ledger, log)));
        self.executed = commit;
        self.time = time;
        if self.explains {
            self.explain();
        }
    }
}

impl Replica {
    /// Executes all commits that are ready: away from here, if there is anything to execute. What becomes ready meanwhile
    /// is executed next.
    pub(super) fn execute(&mut self, now: Timestamp) {
        while let Some(mut executing) = self.executing() {
            if self.execution.executes {
                return self.outputs.push_back(Output::Execute(executing));
            }
            executing.run();
            self.take_back(now, *executing);
        }
        self.answer_ordered();
    }

    /// What is ready, and the state to execute it on, if that is here.
    fn executing(&mut self) -> Option<Box<Executing>> {
        self.execution.state.as_ref()?;
        let mut ready = VecDeque::new();
        while ready.len() < TOGETHER_MAX
            && let Some((decided, commit)) = self.execution.pop_ready()
        {
            let checked = &mut self.execution.checked;
            let with_payload =
                |block: &Arc<Block>| Some((block.clone(), checked.remove(&block.reference())?));
            #[allow(unused_mut, reason = "a seeded bug changes it")]
            let mut payloads: Vec<_> = commit.blocks.iter().filter_map(with_payload).collect();
            #[cfg(feature = "seeded-bugs")]
            if self.has_bug(super::ReplicaBug::ReverseCommits) {
                payloads.reverse();
            }
            let root = self.checkpoints.is_due(commit.header.index);
            let capture = root && self.snapshots.is_due(&commit);
            ready.push_back(Ready { commit, decided, payloads, root, capture });
        }
        if ready.is_empty() {
            return None;
        }
        self.execution.figures = self.execution.figures();
        let state = self.execution.state.take()?;
        Some(Box::new(Executing { state, ready, done: Vec::new() }))
    }

    /// Commits were executed. What waited for the state is answered before it leaves again.
    pub(super) fn executed(&mut self, now: Timestamp, executing: Executing) {
        self.take_back(now, executing);
        self.adopt_waiting(now);
        self.answer_waiting();
        for (from, request) in std::mem::take(&mut self.execution.deferred) {
            self.answer(now, from, request);
        }
        self.execute(now);
    }

    fn take_back(&mut self, now: Timestamp, executing: Executing) {
        let Executing { state, ready, done } = executing;
        debug_assert!(
            ready.is_empty() && self.execution.state.is_none(),
            "a driver executes all of it, once"
        );
        self.execution.state = Some(state);
        done.into_iter().for_each(|done| self.account_for(now, done));
    }

    fn account_for(&mut self, now: Timestamp, done: Done) {
        let Done { commit, decided, mut executed, accounts, log: (size, root), state_root, capture } = done;
        let header = &commit.header;
        self.snapshots.commit(&commit);
        self.execution.forget_below(header.leader.round.before(self.snapshots.gc_depth()));
        let id = self.id;
        let own = || commit.blocks.iter().filter(move |block| block.author() == id);
        let entries =
            |block: &Arc<Block>| if self.execution.executes { block.payload().len() as u64 } else { 0 };
        let mut first = size - commit.blocks.iter().map(entries).sum::<u64>();
        let mut with_first = |block: &Arc<Block>| {
            let index = first;
            first += entries(block);
            (block.reference(), index)
        };
        let blocks = commit.blocks.iter().map(&mut with_first).collect();
        if !self.execution.executes {
            // Ordering alone: the header names every block, so own items are all that must be looked at.
            for block in own() {
                executed.extend(block.payload().iter().map(|item| Executed {
                    transaction: self.clients.name(item),
                    answers: Answers::default(),
                    index: 0,
                }));
            }
        }
        self.execution.executed = header.index;
        self.execution.time = header.time;
        let report = CommitReport {
            index: header.index,
            digest: commit.digest,
            state_root,
            log_root: root,
            time: header.time,
            blocks,
            took: now.since(decided),
            executed,
        };
        self.clients.executed(&report.executed, header.index, self.execution.executes);
        self.outputs.push_back(Output::Committed(report));
        for (transaction, accounts) in accounts {
            let commit = header.index;
            let accounted = Observation::Accounted { commit, transaction, accounts };
            self.outputs.push_back(Output::Observed(accounted));
        }
        let body = CheckpointBody {
            chain: self.committee.chain(),
            size,
            root,
            commit: header.index,
            commit_digest: commit.digest,
            state_root,
        };
        #[cfg(feature = "seeded-bugs")]
        let body = match self.bug {
            Some(super::ReplicaBug::AttestPrevious) => {
                CheckpointBody { commit_digest: header.previous, ..body }
            }
            _ => body,
        };
        if let Some(vote) = self.checkpoints.executed(body) {
            self.protocol.attach(vote);
            self.check_votes(&[vote]);
            self.snapshots.executed(&commit, capture);
        }
    }
}
