//! Lost messages and long absences: saying again, asking for what is missing, answering those who ask.

use super::suspended::REACH_MAX;
use super::{Mysticeti, Sync};
use crate::block::{Block, Round};
use crate::codec::{Blob, List};
use crate::committee::ReplicaId;
use crate::protocol::{ANSWER_BYTES_MAX, Action, FETCH_MAX, FETCHED_BYTES_MAX, Fetch, ProtocolMessage};
use crate::time::{Duration, Timestamp};
use std::sync::Arc;

/// Times that nothing moved before a snapshot is asked for, in case what is missing is no longer held anywhere.
const STALLS_BEFORE_SNAPSHOT: u32 = 3;
/// A replica is given what it did not name once in this time.
pub(super) const REACH_PAUSE: Duration = Duration::from_millis(20);

impl Mysticeti {
    pub(super) fn arm_stall(&mut self, now: Timestamp) {
        let patience = self.tuning.leader_timeout * 2 * (1 << self.stalls.min(3));
        self.stalled_at = now + patience;
    }

    /// Nothing moved for long: our messages or our peers' may be lost. Say again what we said, ask for what we lack.
    pub(super) fn handle_stall(&mut self, now: Timestamp) {
        if self.stalled_at > now || !self.started {
            return;
        }
        self.stalls += 1;
        self.arm_stall(now);
        #[cfg(feature = "seeded-bugs")]
        if self.committer.bug == Some(crate::protocol::ProtocolBug::NeverRepeat) {
            return;
        }
        if self.undurable.is_none()
            && let Some(block) = self.dag.block(&self.own)
        {
            self.actions.push_back(Action::Broadcast(block.clone()));
        }
        let n = self.committee.size() as u32;
        if n > 1 {
            let turn = (u32::from(self.me.0) + 1 + (self.stalls - 1) % (n - 1)) % n;
            let peer = ReplicaId(turn as u16);
            self.ask_sync(now, peer);
            if self.stalls > STALLS_BEFORE_SNAPSHOT {
                self.actions.push_back(Action::NeedSnapshot(peer));
            }
        }
    }

    pub(super) fn ask_sync(&mut self, now: Timestamp, peer: ReplicaId) {
        if peer == self.me {
            return;
        }
        self.sync = Some(Sync { peer, until: now + self.tuning.leader_timeout * 2, from: self.quorum_round });
        let heights = List::new(self.heights.clone()).expect("one per replica");
        self.actions.push_back(Action::Send(peer, ProtocolMessage::Sync(heights)));
    }

    /// Newest first: each block makes the asker want the next, which it might not take otherwise. Few bytes ask for many: what
    /// nobody named is given to each replica once in [`REACH_PAUSE`], which costs who needs it no more than that.
    pub(super) fn answer_fetch(&mut self, now: Timestamp, from: ReplicaId, fetch: &Fetch) {
        let reached_at = &mut self.reached_at[from.index()];
        let reach = match fetch.reach.min(REACH_MAX) {
            0 => 0,
            _ if reached_at.is_some_and(|at| now < at + REACH_PAUSE) => 0,
            reach => {
                *reached_at = Some(now);
                reach
            }
        };
        let blocks = self.dag.lacking(&fetch.wanted, fetch.committed, reach);
        self.answer(from, blocks);
    }

    pub(super) fn answer_sync(&mut self, from: ReplicaId, heights: &[Round]) {
        if heights.len() != self.committee.size() {
            return;
        }
        let quorum_height = {
            let mut heights = heights.to_vec();
            heights.sort_unstable();
            heights[(heights.len() - 1) / 3]
        };
        if quorum_height.next() < self.dag.floor() {
            self.actions.push_back(Action::Send(from, ProtocolMessage::TooFarBehind));
            return;
        }
        let mut blocks = Vec::new();
        let mut bytes = 0;
        let mut round = heights.iter().min().map_or(Round(1), |round| round.next()).max(self.dag.floor());
        'rounds: while round <= self.dag.top() {
            for id in self.dag.round(round).filter(|id| round > heights[id.author.index()]) {
                let Some(node) = self.dag.node(id) else { continue };
                if blocks.len() == FETCH_MAX || bytes > ANSWER_BYTES_MAX {
                    break 'rounds;
                }
                bytes += node.block.bytes().len();
                blocks.push(node.block.clone());
            }
            round = round.next();
        }
        self.answer(from, blocks);
    }

    pub(super) fn answer(&mut self, to: ReplicaId, blocks: Vec<Arc<Block>>) {
        let mut bytes = 0;
        let blobs: Vec<_> = blocks
            .iter()
            .take(FETCH_MAX)
            .take_while(|block| {
                let first = bytes == 0;
                bytes += block.bytes().len();
                first || bytes <= FETCHED_BYTES_MAX
            })
            .filter_map(|block| Blob::new(block.bytes().clone()))
            .collect();
        if let Some(blocks) = List::new(blobs)
            && !blocks.is_empty()
        {
            self.actions.push_back(Action::Send(to, ProtocolMessage::Blocks(blocks)));
        }
    }
}
