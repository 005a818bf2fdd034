//! When to propose, and what.
//!
//! A replica proposes for the round after the highest with a quorum of accepted blocks, once, and not before that
//! quorum's leaders are here and voted on, or a timeout. Waiting serves speed alone: it makes direct decisions likely.
//! A replica that the others have overtaken does not leave a round out where they wait for its block.

use super::Mysticeti;
use super::dag::NodeId;
use crate::block::{ANCESTORS_MAX, Block, BlockBody, BlockRef, ITEM_BYTES_MAX, ITEMS_MAX, Round, VOTES_MAX};
use crate::codec::{Blob, List};
use crate::committee::{ReplicaId, ReplicaSet};
use crate::protocol::Action;
use crate::time::Timestamp;
use std::sync::Arc;

/// Rounds without a block after which nobody waits for a leader: waiting serves speed alone, so each replica may
/// judge for itself, and a crash costs a few timeouts instead of one a turn until the schedule changes.
const SILENT_ROUNDS: u64 = 4;
/// Largest multiple of the leader timeout that back-off reaches.
const BACKOFF_MAX: u32 = 16;

impl Mysticeti {
    pub(super) fn leaders(&self, round: Round) -> impl Iterator<Item = ReplicaId> + '_ {
        self.schedule.leaders(round, self.tuning.leaders_per_round)
    }

    /// Whether the leaders of the quorum round are here, as far as they are worth waiting for, and those of the round before it are voted on.
    pub(super) fn leaders_seen(&self) -> bool {
        if self.quorum_round == Round(0) {
            return true;
        }
        let present = self.dag.present(self.quorum_round);
        self.leaders(self.quorum_round).all(|leader| !self.is_awaited(leader, &present))
            && self.voted_with(|| self.awaited(&present))
    }

    /// Whether another replica may yet come to the quorum round: it is neither there, nor in a later one, nor silent.
    fn is_awaited(&self, replica: ReplicaId, present: &ReplicaSet) -> bool {
        let height = self.heights[replica.index()];
        // Who is in a later round has left this one out.
        let may_come = height < self.quorum_round && height.0 + SILENT_ROUNDS >= self.quorum_round.0;
        replica != self.me && may_come && !present.contains(replica)
    }

    fn awaited(&self, present: &ReplicaSet) -> ReplicaSet {
        let mut awaited = ReplicaSet::default();
        for replica in self.committee.replicas().filter(|replica| self.is_awaited(*replica, present)) {
            awaited.insert(replica);
        }
        awaited
    }

    fn voted_with(&self, awaited: impl Fn() -> ReplicaSet) -> bool {
        self.quorum_round <= Round(1)
            || self.committer.voted(&self.committee, self.quorum_round.before(1), awaited)
    }

    pub(super) fn leader_deadline(&self) -> Timestamp {
        let backoff = (1u32 << self.timeouts.saturating_sub(4).min(8)).min(BACKOFF_MAX);
        self.quorum_since + self.tuning.leader_timeout * backoff
    }

    pub(super) fn may_propose(&self) -> bool {
        self.started
            && self.undurable.is_none()
            && self.quorum_round >= self.own.round
            && self.remembers_enough()
    }

    /// Whether the others have a quorum in a round in which this replica has no block, wait for it, and can have it: as its
    /// leader, or because their votes on the leaders before are split and its own decides. (After a snapshot the round
    /// before may hold less than a quorum.)
    fn is_waited_for(&self) -> bool {
        let before = self.quorum_round.before(1);
        if self.own.round >= self.quorum_round
            || self.quorum_round <= self.forgotten
            || !(before == Round(0) || self.committee.is_quorum(&self.dag.present(before)))
        {
            return false;
        }
        let with_mine = || {
            let mut awaited = self.awaited(&self.dag.present(self.quorum_round));
            awaited.insert(self.me);
            awaited
        };
        self.leaders(self.quorum_round).any(|leader| leader == self.me) || !self.voted_with(with_mine)
    }

    pub(super) fn propose_at(&self) -> Option<Timestamp> {
        if !self.may_propose() {
            return None;
        }
        let earliest = if self.own.round == Round(0) {
            Timestamp::ZERO
        } else {
            self.proposed_at + self.tuning.min_round_interval
        };
        Some(if self.is_waited_for() || self.leaders_seen() {
            earliest
        } else {
            earliest.max(self.leader_deadline())
        })
    }

    pub(super) fn try_propose(&mut self, now: Timestamp) {
        if self.propose_at().is_none_or(|at| at > now) {
            return;
        }
        let filling = self.is_waited_for();
        if !filling && !self.leaders_seen() {
            self.timeouts += 1;
            self.status.leader_timeouts += 1;
        }
        let round = if filling { self.quorum_round } else { self.quorum_round.next() };
        let ancestors = self.choose_ancestors(round);
        // What its own clock says, and no earlier than it said before. What others' clocks say is for the median to weigh: who
        // followed the latest of them would have one fast clock drive them all.
        let before = self.dag.block(&self.own).map(|own| own.timestamp());
        let timestamp = before.map_or(now, |before| before.max(now));
        let body = BlockBody {
            epoch: self.committee.epoch(),
            round,
            author: self.me,
            ancestors: List::new(ancestors).expect("at most a few per author, and authors are at most 256"),
            payload: self.choose_payload(),
            timestamp,
            votes: List::new(self.votes.drain(..self.votes.len().min(VOTES_MAX)).collect())
                .expect("no more than the limit was drained"),
        };
        let block = Arc::new(Block::sign(self.committee.chain(), body, &self.key));
        self.own = block.reference();
        self.proposed_at = now;
        self.undurable = Some(block.clone());
        self.status.round = round;
        self.actions.push_back(Action::Persist(block));
    }

    /// The own previous block; every parent; and older blocks that nobody has named yet.
    pub(super) fn choose_ancestors(&mut self, round: Round) -> Vec<BlockRef> {
        let below = round.before(1);
        if below == Round(0) {
            let mut genesis = self.dag.genesis().to_vec();
            let own = genesis.remove(self.me.index());
            genesis.insert(0, own);
            return genesis;
        }
        let mut skipped: Vec<NodeId> = Vec::new();
        let mut at = self.own.round.max(self.dag.floor());
        while at < below {
            skipped.extend(self.dag.round(at));
            at = at.next();
        }
        let late = std::mem::take(&mut self.late);
        let mut named: Vec<BlockRef> = late
            .into_iter()
            .chain(skipped)
            .filter(|id| {
                id.copy == 0 && id.round < below && !self.dag.is_linked(*id) && !self.dag.is_committed(*id)
            })
            .chain(self.dag.round(below).filter(|id| id.copy == 0))
            .filter(|id| id.author != self.me)
            .filter_map(|id| Some(self.dag.node(id)?.block.reference()))
            .collect();
        named.sort_unstable();
        named.dedup_by_key(|reference| (reference.round, reference.author));
        let surplus = (named.len() + 1).saturating_sub(ANCESTORS_MAX);
        named.drain(..surplus);
        let mut ancestors = vec![self.own];
        ancestors.extend(named);
        ancestors
    }

    pub(super) fn choose_payload(&mut self) -> List<Blob<ITEM_BYTES_MAX>, ITEMS_MAX> {
        let mut payload = Vec::new();
        let mut bytes = 0;
        while payload.len() < ITEMS_MAX
            && let Some(item) = self.mempool.front()
            && (payload.is_empty() || bytes + item.len() <= self.tuning.block_bytes_max)
        {
            bytes += item.len();
            payload.push(Blob::new(item.clone()).expect("submit refuses larger items"));
            self.mempool.pop_front();
        }
        self.mempool_bytes -= bytes;
        List::new(payload).expect("no more than the limit was taken")
    }
}
