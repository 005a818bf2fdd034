//! Mysticeti-C: an uncertified DAG with many proposers and three message delays to commit (arXiv 2310.14821).
//!
//! Every replica proposes one block a round that names a quorum of blocks of the round before; each block is at once
//! payload, vote and certificate. The commit rule (`committer`) reads commits off the DAG without further messages.
//! An own block is durable before it is sent: a replica that restarts never signs a second block for a round.
//!
//! Deviations from the paper:
//! * waves always have three rounds and a block is named at most once per author and round, so the support rule's
//!   depth-first search comes down to "is it a parent";
//! * the `schedule` replaces silent leaders, as the successors of the paper do;
//! * a replica that missed many rounds asks for all blocks after those that it has (`Sync`), not one by one.
//!
//! A replica that has lost its journal asks (`amnesia`) the others before it signs anything.
//!
//! What it refuses to know: payload items, checkpoint votes, disks, sockets.

mod amnesia;
mod catch_up;
mod committer;
mod dag;
mod propose;
mod schedule;
mod suspended;
#[cfg(test)]
mod tests;

pub use schedule::Schedule;

#[cfg(feature = "seeded-bugs")]
use super::ProtocolBug;
use super::{
    Action, Busy, Commit, CommitHeader, Fetch, OrderedPrefix, Protocol, ProtocolLimits, ProtocolMessage,
    ProtocolStatus, ProtocolView, SlotAccount, Tuning,
};
use crate::block::{Block, BlockRef, CheckpointVote, ITEM_BYTES_MAX, Round};
use crate::codec::{Blob, List};
use crate::committee::{Committee, ReplicaId};
use crate::crypto::{Digest, SecretKey};
use crate::time::Timestamp;
use amnesia::Recollection;
use bytes::Bytes;
use committer::{Committer, Decision};
use dag::{Dag, NodeId, Resolved};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use suspended::{Due, SUSPENDED_PER_AUTHOR_MAX, Suspended};

/// Rounds by which a block may be ahead of what is accepted before its ancestors are asked for all at once.
const SYNC_GAP: u64 = 8;

/// Blocks of one author and round that are accepted without another block naming them: two are evidence enough.
const UNSOLICITED_COPIES_MAX: usize = 2;

/// The ordering machine.
pub struct Mysticeti {
    committee: Arc<Committee>,
    me: ReplicaId,
    key: SecretKey,
    tuning: Tuning,
    dag: Dag,
    suspended: Suspended,
    schedule: Schedule,
    committer: Committer,
    last_header: Option<Arc<CommitHeader>>,
    last_digest: Digest,

    mempool: VecDeque<Bytes>,
    mempool_bytes: usize,
    /// As it was configured.
    mempool_bytes_max: usize,
    votes: Vec<CheckpointVote>,

    started: bool,
    /// Last own block: signed, and sent once durable.
    own: BlockRef,
    proposed_at: Timestamp,
    /// Own block that waits for the disk. Nothing is proposed meanwhile.
    undurable: Option<Arc<Block>>,
    /// Own blocks up to this round may have been signed and forgotten.
    forgotten: Round,
    /// What the others say about that, until it is known.
    recollection: Option<Recollection>,
    /// Highest round with a quorum of stake accepted, and since when.
    quorum_round: Round,
    quorum_since: Timestamp,
    /// Leader timeouts that expired one after the other without a commit in between.
    timeouts: u32,
    /// Accepted after the round in which it could have been a parent of an own block.
    late: Vec<NodeId>,

    /// Highest round accepted per author.
    heights: Vec<Round>,
    /// A sync that is under way.
    sync: Option<Sync>,
    /// When to suspect that messages were lost because nothing moved.
    stalled_at: Timestamp,
    stalls: u32,
    evidence: BTreeSet<(Round, ReplicaId)>,
    actions: VecDeque<Action>,
    status: ProtocolStatus,
    /// Decisions are told with their reasons.
    explains: bool,
    /// When each replica was last given more than it named.
    reached_at: Vec<Option<Timestamp>>,
}

/// All later blocks were asked for.
#[derive(Clone, Copy, Debug)]
struct Sync {
    peer: ReplicaId,
    until: Timestamp,
    /// Quorum round when it was asked for: another is worth asking for only after progress.
    from: Round,
}

/// Equivocations remembered; further ones are not reported.
const EVIDENCE_MAX: usize = 1024;

/// How long a committed block that fell out of the window is kept for those who lack it, in commits: until they are nearly so
/// far behind that a snapshot is offered to them. A block that is not late is committed within [`COMMIT_ROUNDS`] of its own
/// round, so that when it falls out everybody has had it for as long.
fn kept_commits(tuning: &Tuning) -> u64 {
    let rounds = (tuning.gc_depth * 7 / 8).min(tuning.gc_depth.saturating_sub(COMMIT_ROUNDS));
    rounds * tuning.leaders_per_round as u64
}

/// Rounds within which a block is committed that is not late.
const COMMIT_ROUNDS: u64 = 4;

impl Mysticeti {
    /// A machine at genesis.
    pub fn new(committee: Arc<Committee>, me: ReplicaId, key: SecretKey, tuning: Tuning) -> Self {
        let n = committee.size();
        let genesis: Vec<BlockRef> =
            committee.replicas().map(|replica| BlockRef::genesis(committee.chain(), replica)).collect();
        Self {
            own: genesis[me.index()],
            dag: Dag::new(genesis, tuning.gc_depth, kept_commits(&tuning)),
            suspended: Suspended::new(n, tuning.leader_timeout / 4),
            reached_at: vec![None; n],
            schedule: Schedule::genesis(&committee),
            committer: Committer::new(tuning.leaders_per_round, Round(1), 0),
            last_header: None,
            last_digest: Digest::default(),
            mempool: VecDeque::new(),
            mempool_bytes: 0,
            mempool_bytes_max: tuning.mempool_bytes_max,
            votes: Vec::new(),
            started: false,
            proposed_at: Timestamp::ZERO,
            undurable: None,
            forgotten: Round(0),
            recollection: None,
            quorum_round: Round(0),
            quorum_since: Timestamp::ZERO,
            timeouts: 0,
            late: Vec::new(),
            heights: vec![Round(0); n],
            sync: None,
            stalled_at: Timestamp::MAX,
            stalls: 0,
            evidence: BTreeSet::new(),
            actions: VecDeque::new(),
            status: ProtocolStatus::default(),
            explains: false,
            committee,
            me,
            key,
            tuning,
        }
    }

    /// Lowest round of which blocks can be committed with or after this leader's.
    fn floor_under(&self, leader: Round) -> Round {
        Round(leader.0.saturating_sub(self.tuning.gc_depth).max(1))
    }

    fn last_leader_round(&self) -> Round {
        self.last_header.as_ref().map_or(Round(0), |header| header.leader.round)
    }

    /// Index of the last commit.
    fn last_commit(&self) -> u64 {
        self.last_header.as_ref().map_or(0, |header| header.index)
    }

    fn last_commit_time(&self) -> Timestamp {
        self.last_header.as_ref().map_or(Timestamp::ZERO, |header| header.time)
    }

    // --- accepting blocks ---

    /// Takes a block in, and whatever waited for it.
    fn take(&mut self, now: Timestamp, from: ReplicaId, block: Arc<Block>) {
        let mut ready = vec![block];
        let mut decided = false;
        while let Some(block) = ready.pop() {
            let reference = block.reference();
            if block.round() < self.dag.floor() || self.dag.contains(&reference) {
                continue;
            }
            if self.suspended.contains(&reference) {
                continue;
            }
            if self.dag.copies(block.round(), block.author()).count() >= UNSOLICITED_COPIES_MAX
                && !self.suspended.is_wanted(&reference)
            {
                self.status.refused += 1;
                continue;
            }
            let missing: Vec<BlockRef> =
                block.ancestors().iter().filter(|ancestor| self.is_missing(ancestor)).copied().collect();
            if !missing.is_empty() {
                self.suspend(now, from, block, &missing);
                continue;
            }
            if !self.timestamp_holds(now, &block) {
                self.status.refused += 1;
                continue;
            }
            if let Some(id) = self.accept(now, block) {
                decided |= self.committer.observe(&self.committee, &self.schedule, &self.dag, id);
            }
            ready.extend(self.suspended.release(&reference));
        }
        if decided {
            self.commit(now);
        }
    }

    fn is_missing(&self, reference: &BlockRef) -> bool {
        if reference.round == Round(0) {
            return false;
        }
        matches!(self.dag.resolve(reference), Resolved::Missing)
    }

    fn suspend(&mut self, now: Timestamp, from: ReplicaId, block: Arc<Block>, missing: &[BlockRef]) {
        let round = block.round();
        if !self.suspended.insert(now, from, block, missing) {
            self.status.refused += 1;
        }
        if round.0.saturating_sub(SYNC_GAP) > self.quorum_round.0 && self.sync.is_none() {
            self.ask_sync(now, from);
        }
    }

    /// Whether a block is not from the future. That it is not below its ancestors' timestamps is no rule here: replicas
    /// whose windows differ would judge differently, and a block refused by some and built upon by others splits the
    /// DAG. Commit time is a median made monotonic and needs no such rule.
    fn timestamp_holds(&self, now: Timestamp, block: &Block) -> bool {
        block.timestamp() <= now + self.tuning.clock_drift_max
    }

    fn accept(&mut self, now: Timestamp, block: Arc<Block>) -> Option<NodeId> {
        let (round, author) = (block.round(), block.author());
        let Some(id) = self.dag.accept(block.clone()) else {
            self.status.refused += 1;
            return None;
        };
        if id.copy > 0 && self.evidence.len() < EVIDENCE_MAX && self.evidence.insert((round, author)) {
            let first =
                self.dag.node(NodeId { copy: 0, ..id }).expect("a second copy follows a first").block.clone();
            self.actions.push_back(Action::Equivocation(first, block.clone()));
        }
        let height = &mut self.heights[author.index()];
        *height = (*height).max(round);
        if round < self.own.round {
            self.late.push(id);
        }
        if round > self.quorum_round && self.committee.is_quorum(&self.dag.present(round)) {
            self.quorum_round = round;
            self.quorum_since = now;
            self.stalls = 0;
            self.arm_stall(now);
        }
        self.status.accepted += 1;
        if author != self.me {
            self.actions.push_back(Action::Persist(block.clone()));
        } else if round <= self.forgotten {
            self.actions.push_back(Action::Keep(block.clone()));
        }
        self.actions.push_back(Action::Accepted(block));
        Some(id)
    }

    // --- committing ---

    fn commit(&mut self, now: Timestamp) {
        self.committer.decide_indirectly(&self.dag);
        while let Some((round, slot, decision)) = self.committer.emit() {
            let account =
                self.explains.then(|| self.committer.account_emitted(&self.dag, decision)).flatten();
            let (block, direct) = match decision {
                Decision::Commit { block, direct } => (block, direct),
                Decision::Skip { direct } => {
                    self.status.decisions[if direct { 2 } else { 3 }] += 1;
                    self.tell(account, false);
                    continue;
                }
                Decision::Undecided => unreachable!("undecided slots are not emitted"),
            };
            self.status.decisions[usize::from(!direct)] += 1;
            self.timeouts = 0;
            let rescheduled = self.commit_leader(block, slot, direct);
            self.tell(account, true);
            if rescheduled {
                self.committer.reschedule(&self.committee, &self.schedule, &self.dag, round);
                self.committer.decide_indirectly(&self.dag);
            }
        }
        self.raise_floor(now, self.floor_under(self.last_leader_round()));
    }

    /// Tells of a decision to those who asked for reasons.
    fn tell(&mut self, account: Option<SlotAccount>, committed: bool) {
        if let Some(account) = account {
            let commit = self.last_header.clone().filter(|_| committed);
            self.actions.push_back(Action::Decided(Box::new(SlotAccount { commit, ..account })));
        }
    }

    /// Emits a commit. True if the schedule changed.
    fn commit_leader(&mut self, leader: NodeId, slot: usize, direct: bool) -> bool {
        let leader_block = self.dag.node(leader).expect("a committed leader is in the window").block.clone();
        let lowest = self.floor_under(leader.round);
        let index = self.last_commit() + 1;
        let blocks = self.dag.linearise(leader, lowest, index);
        let time = self.median_time(&leader_block).max(self.last_commit_time());
        let window = self.tuning.reputation_window;
        let rescheduled = self.schedule.record(&self.committee, &leader_block, &self.last_digest, window);
        let header = Arc::new(CommitHeader {
            index,
            previous: self.last_digest,
            leader: leader_block.reference(),
            slot: slot as u16,
            time,
            schedule: self.schedule.digest(),
            blocks: blocks.iter().map(|block| block.reference()).collect(),
        });
        let digest = header.digest(self.committee.chain());
        self.last_digest = digest;
        self.last_header = Some(header.clone());
        let schedule = Arc::new(self.schedule.clone());
        self.actions.push_back(Action::Commit(Commit { header, digest, blocks, schedule, direct }));
        rescheduled
    }

    /// Stake-weighted median of the timestamps of a block's parents; its own where they are genesis.
    fn median_time(&self, leader: &Block) -> Timestamp {
        let mut times: Vec<(Timestamp, u64)> = leader
            .parents()
            .filter(|parent| parent.round > Round(0))
            .map(|parent| {
                let block =
                    self.dag.block(parent).expect("the parents of an uncommitted block are in the window");
                (block.timestamp(), self.committee.stake(parent.author).0)
            })
            .collect();
        times.sort_unstable();
        let half = times.iter().map(|(_, stake)| stake).sum::<u64>() / 2;
        let mut below = 0;
        for (time, stake) in times {
            below += stake;
            if below > half {
                return time;
            }
        }
        leader.timestamp()
    }

    fn raise_floor(&mut self, now: Timestamp, floor: Round) {
        if floor <= self.dag.floor() {
            return;
        }
        for block in self.dag.raise_floor(floor, self.last_commit()) {
            self.drop_uncommitted(&block);
        }
        self.late.retain(|id| id.round >= floor);
        self.evidence = self.evidence.split_off(&(floor, ReplicaId(0)));
        for block in self.suspended.raise_floor(floor) {
            self.take(now, self.me, block);
        }
    }

    fn drop_uncommitted(&mut self, block: &Block) {
        self.actions.push_back(Action::Dropped(block.reference()));
        if block.author() == self.me {
            // It can never be committed any more, so proposing its payload again cannot execute it twice.
            for item in block.payload().iter().rev() {
                self.mempool_bytes += item.len();
                self.mempool.push_front(item.bytes());
            }
        }
    }

    fn fetch(&mut self, now: Timestamp) {
        for (peer, Due { wanted, reach }) in self.suspended.due(now, self.me) {
            let wanted = List::new(wanted).expect("due() respects the limit");
            let fetch = Fetch { wanted, committed: self.last_commit(), reach };
            self.actions.push_back(Action::Send(peer, ProtocolMessage::Fetch(fetch)));
        }
    }

    fn progress(&mut self, now: Timestamp) {
        if self.sync.is_some_and(|sync| sync.until <= now) {
            self.sync = None;
        }
        self.handle_stall(now);
        self.recollect(now);
        self.try_propose(now);
    }
}

impl Protocol for Mysticeti {
    fn submit(&mut self, now: Timestamp, payload: Bytes) -> Result<(), Busy> {
        if payload.len() > ITEM_BYTES_MAX
            || self.mempool_bytes + payload.len() > self.tuning.mempool_bytes_max
        {
            return Err(Busy);
        }
        self.mempool_bytes += payload.len();
        self.mempool.push_back(payload);
        self.try_propose(now);
        Ok(())
    }

    fn attach(&mut self, vote: CheckpointVote) {
        self.votes.push(vote);
    }

    fn handle_block(&mut self, now: Timestamp, from: ReplicaId, block: Arc<Block>) {
        if self.me == block.author() && block.round() > self.own.round {
            // Only a replica that lost its disk can meet a block of its own that it does not know.
            self.own = block.reference();
        }
        self.take(now, from, block);
        self.progress(now);
    }

    fn handle_message(&mut self, now: Timestamp, from: ReplicaId, message: ProtocolMessage) {
        match message {
            ProtocolMessage::Fetch(fetch) => self.answer_fetch(now, from, &fetch),
            ProtocolMessage::Sync(heights) => self.answer_sync(from, &heights),
            ProtocolMessage::Blocks(_) => {
                // The replica verified each of them and handed it to `handle_block` before this.
                self.suspended.answered(now);
                if let Some(sync) = self.sync.take_if(|sync| sync.peer == from)
                    && self.quorum_round > sync.from
                    && self.suspended.top().0.saturating_sub(SYNC_GAP) > self.quorum_round.0
                {
                    self.ask_sync(now, from);
                }
            }
            ProtocolMessage::TooFarBehind => {
                if self.sync.is_some_and(|sync| sync.peer == from) {
                    self.actions.push_back(Action::NeedSnapshot(from));
                }
            }
            ProtocolMessage::Recall(asked) => self.answer_recall(from, asked),
            ProtocolMessage::Recalled(asked, round) => self.hear_recalled(from, asked, round),
        }
        self.fetch(now);
        self.progress(now);
    }

    fn handle_durable(&mut self, now: Timestamp, block: BlockRef) {
        if let Some(own) = self.undurable.take_if(|own| own.reference() == block) {
            self.actions.push_back(Action::Broadcast(own.clone()));
            self.take(now, self.me, own);
        }
        // Where there is always something to do, no timer fires.
        self.fetch(now);
        self.progress(now);
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        self.fetch(now);
        self.progress(now);
    }

    fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        let stall = self.started.then_some(self.stalled_at);
        let ask = self.recollection.as_ref().filter(|_| self.started).map(Recollection::ask_at);
        [self.propose_at(), self.suspended.next_look(), self.sync.map(|sync| sync.until), stall, ask]
            .into_iter()
            .flatten()
            .min()
    }

    fn status(&self) -> ProtocolStatus {
        let commits = self.last_commit();
        ProtocolStatus {
            commits,
            // Told by the commits, so that a restart forgets none.
            leader_changes: commits / self.tuning.reputation_window.max(1),
            leader: self.leaders(self.status.round.next()).next(),
            suspended: self.suspended.len(),
            mempool_bytes: self.mempool_bytes,
            blocks: self.dag.blocks(),
            bytes: self.dag.bytes() + self.suspended.bytes() + self.mempool_bytes,
            forgotten: self.forgotten,
            evidence: self.evidence.len(),
            ..self.status
        }
    }

    fn view(&self) -> ProtocolView {
        let timers = [
            ("propose", self.propose_at()),
            ("ask for missing blocks", self.suspended.next_look()),
            ("sync ends", self.sync.map(|sync| sync.until)),
            ("suspect a standstill", self.started.then_some(self.stalled_at)),
        ];
        let timers = timers.into_iter().filter_map(|(name, at)| Some((name, at?)));
        ProtocolView {
            own: self.own,
            undurable: self.undurable.as_ref().map(|block| block.reference()),
            quorum: (self.quorum_round, self.quorum_since),
            window: (self.dag.floor(), self.dag.top()),
            last: self.last_header.as_ref().map(|header| (header.index, header.leader, header.time)),
            leaders: self.leaders(self.own.round.next()).collect(),
            slots: self.committer.accounts(&self.dag),
            suspended: self.suspended.waiting().collect(),
            missing: self.suspended.asked().collect(),
            timers: timers.filter(|(_, at)| *at != Timestamp::MAX).collect(),
            mempool: (self.mempool.len(), self.mempool_bytes),
            equivocations: self.evidence.iter().copied().collect(),
        }
    }

    fn explain(&mut self) {
        self.explains = true;
    }

    fn limits(&self) -> ProtocolLimits {
        // Each own block of the window may fall out of it at once; a block holds one item at least.
        let block = self.tuning.block_bytes_max.max(ITEM_BYTES_MAX);
        let again = block.saturating_mul(self.tuning.gc_depth as usize + 1);
        ProtocolLimits {
            mempool_bytes: self.mempool_bytes_max.saturating_add(again),
            suspended: SUSPENDED_PER_AUTHOR_MAX * self.committee.size(),
            evidence: EVIDENCE_MAX,
        }
    }

    fn open_payload(&self, prefix: &OrderedPrefix) -> Vec<Bytes> {
        let leader = prefix.headers.last().map_or(Round(0), |last| last.leader.round);
        let floor = self.floor_under(leader);
        let ordered: BTreeSet<BlockRef> =
            prefix.headers.iter().flat_map(|header| header.blocks.iter().copied()).collect();
        let mut blocks: Vec<&Arc<Block>> = Vec::new();
        let mut round = self.dag.floor().max(floor);
        while round <= self.dag.top() {
            let own = self.dag.copies(round, self.me).filter_map(|id| Some(&self.dag.node(id)?.block));
            blocks.extend(own.filter(|block| !ordered.contains(&block.reference())));
            round = round.next();
        }
        blocks.extend(self.undurable.iter().filter(|block| block.round() >= floor));
        let in_blocks = blocks.iter().flat_map(|block| block.payload().iter().map(Blob::bytes));
        in_blocks.chain(self.mempool.iter().cloned()).collect()
    }

    fn restore(&mut self, now: Timestamp, prefix: OrderedPrefix) {
        let Some(last) = prefix.headers.last().cloned() else { return };
        if last.index <= self.last_commit() {
            return;
        }
        let floor = self.floor_under(last.leader.round);
        let settled = prefix.headers.iter().flat_map(|header| header.blocks.iter().copied());
        for block in settled.clone() {
            let height = &mut self.heights[block.author.index()];
            *height = (*height).max(block.round);
        }
        for block in self.dag.settle(floor, last.index, settled, &prefix.recent) {
            // It may have been committed before the headers begin: its clients submit again what was not.
            self.actions.push_back(Action::Dropped(block.reference()));
        }
        self.schedule = (*prefix.schedule).clone();
        self.last_digest = last.digest(self.committee.chain());
        let per_round = self.tuning.leaders_per_round;
        self.committer = Committer::new(per_round, last.leader.round, last.slot as usize + 1);
        self.last_header = Some(last.clone());
        self.committer.count(&self.committee, &self.schedule, &self.dag);
        self.sync = None;
        if self.quorum_round < last.leader.round.before(1) {
            self.quorum_round = last.leader.round.before(1);
            self.quorum_since = now;
        }
        self.late.retain(|id| id.round >= floor);
        for block in self.suspended.raise_floor(floor) {
            self.take(now, self.me, block);
        }
        for reference in self.suspended.missing() {
            if self.dag.contains(&reference) {
                for block in self.suspended.release(&reference) {
                    self.take(now, self.me, block);
                }
            }
        }
        self.commit(now);
    }

    fn forget(&mut self) {
        self.forgotten = Round(u64::MAX);
        self.recollection = Some(Recollection::new(self.committee.size()));
    }

    fn replay(&mut self, now: Timestamp, blocks: Vec<Arc<Block>>) {
        for block in blocks {
            if block.author() == self.me && block.round() > self.own.round {
                self.own = block.reference();
                self.proposed_at = now;
            }
            if block.round() < self.dag.floor() {
                // Of this nobody says any more what became of it; others may lack it.
                self.dag.outgrow(block, None);
            } else {
                self.take(now, self.me, block);
            }
        }
        self.actions.retain(|action| !matches!(action, Action::Persist(_) | Action::Keep(_)));
        // What fell out of the window was proposed again before the restart, and is in a later block or lost; clients
        // submit again what is not answered.
        self.mempool.clear();
        self.mempool_bytes = 0;
    }

    #[cfg(test)]
    fn window(&self) -> Vec<Arc<Block>> {
        let rounds = self.dag.floor().0..=self.dag.top().0;
        rounds
            .flat_map(|round| self.dag.round(Round(round)))
            .filter_map(|id| Some(self.dag.node(id)?.block.clone()))
            .chain(self.undurable.clone())
            .collect()
    }

    #[cfg(feature = "seeded-bugs")]
    fn seed_bug(&mut self, bug: ProtocolBug) {
        match bug {
            ProtocolBug::BottomlessMempool => self.tuning.mempool_bytes_max = usize::MAX,
            ProtocolBug::SkipUndecided
            | ProtocolBug::CommitWithFew
            | ProtocolBug::SkipIndirect
            | ProtocolBug::NeverRepeat => self.committer.bug = Some(bug),
        }
    }

    fn start(&mut self, now: Timestamp) {
        self.started = true;
        self.quorum_since = now;
        self.arm_stall(now);
        self.status.round = self.own.round;
        if let Some(recollection) = &mut self.recollection {
            recollection.begin(now);
        }
        if self.own.round > Round(0) || self.recollection.is_some() {
            // Restarted: the others may be far ahead.
            self.stalled_at = now;
        }
        self.progress(now);
    }
}
