//! A replica that has lost its journal must sign nothing that contradicts what it has forgotten.
//!
//! It asks every other replica for the round of that one's last own block. When a quorum without itself has answered, it goes
//! on, and signs nothing up to the round after the highest of them.
//!
//! Why that is enough: had it signed a block of round r, that named a quorum of blocks of round r - 1, signed before. Any
//! two quorums share a correct replica, so among those who answer there is a correct one that had signed a block of round
//! r - 1 and knew so when it was asked, because the question came after all that is forgotten. Hence r is at most the highest answer
//! plus one. Nothing of this rests on what the network delivered: not even blocks that nobody received are signed again.
//!
//! A liar can only say too much, which would silence the asker for good. So an answer counts when a block of that round or a
//! later one by whoever gave it is accepted here: with all that it follows, so that no round counts that the committee
//! has not come to.
//!
//! While it asks it is like a replica that is down: it takes part in nothing, answers nobody who asks the same, and needs the
//! others to be a quorum. If they are not, or have forgotten too, it stays silent.

use super::Mysticeti;
use crate::block::Round;
use crate::committee::{ReplicaId, ReplicaSet};
use crate::protocol::{Action, ProtocolMessage};
use crate::time::Timestamp;

/// What the others say.
pub(super) struct Recollection {
    /// Answers to older questions, from before a restart, do not count.
    asked: Timestamp,
    ask_at: Timestamp,
    /// Round of the last own block of each.
    answers: Vec<Option<Round>>,
}

impl Recollection {
    pub fn new(replicas: usize) -> Self {
        Self { asked: Timestamp::ZERO, ask_at: Timestamp::ZERO, answers: vec![None; replicas] }
    }

    /// From now on it may ask.
    pub fn begin(&mut self, now: Timestamp) {
        (self.asked, self.ask_at) = (now, now);
    }

    /// When it asks next those who have not answered.
    pub fn ask_at(&self) -> Timestamp {
        self.ask_at
    }
}

impl Mysticeti {
    /// Whether the next own block can contradict nothing that was forgotten, and what it follows is here.
    pub(super) fn remembers_enough(&self) -> bool {
        self.forgotten == Round(0) || self.quorum_round.next() > self.forgotten && !self.is_missing(&self.own)
    }

    /// Asks, and takes what was answered into account.
    pub(super) fn recollect(&mut self, now: Timestamp) {
        let Some(recollection) = self.recollection.as_mut().filter(|_| self.started) else { return };
        let mut heard = ReplicaSet::default();
        let mut highest = Round(0);
        for (replica, answer) in self.committee.replicas().zip(&recollection.answers) {
            if let Some(round) = answer.filter(|round| self.heights[replica.index()] >= *round) {
                heard.insert(replica);
                highest = highest.max(round);
            }
        }
        if self.committee.is_quorum(&heard) {
            self.forgotten = highest.next();
            self.recollection = None;
            return;
        }
        if recollection.ask_at > now {
            return;
        }
        recollection.ask_at = now + self.tuning.leader_timeout;
        let silent =
            |replica: &ReplicaId| *replica != self.me && recollection.answers[replica.index()].is_none();
        for replica in self.committee.replicas().filter(silent) {
            let question = ProtocolMessage::Recall(recollection.asked);
            self.actions.push_back(Action::Send(replica, question));
        }
    }

    pub(super) fn answer_recall(&mut self, from: ReplicaId, asked: Timestamp) {
        if self.recollection.is_none() {
            // Whatever it has forgotten itself is not above that.
            let round = self.own.round.max(self.forgotten);
            self.actions.push_back(Action::Send(from, ProtocolMessage::Recalled(asked, round)));
        }
    }

    pub(super) fn hear_recalled(&mut self, from: ReplicaId, asked: Timestamp, round: Round) {
        if let Some(recollection) = &mut self.recollection
            && recollection.asked == asked
            && from != self.me
        {
            recollection.answers[from.index()].get_or_insert(round);
        }
    }
}
