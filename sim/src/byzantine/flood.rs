//! A replica that asks everybody for everything, all the time.

use super::{Byzantine, Letter, ReplicaBehaviour};
use ledger_core::block::{BlockRef, Round};
use ledger_core::codec::List;
use ledger_core::message::{Message, SnapshotRequest};
use ledger_core::protocol::{Fetch, ProtocolMessage};
use ledger_core::seam::{Lane, Peer};
use ledger_core::time::{Duration, Timestamp};

/// Between two waves of questions.
const WAVE: Duration = Duration::from_millis(20);
/// Blocks in a question.
const ASKED: usize = 64;
/// Of so many waves one asks for a snapshot too.
const SNAPSHOT_ONE_IN: u64 = 8;

impl Byzantine {
    /// One wave: to each replica a question for blocks that it has, for blocks that nobody has, and for all blocks.
    pub(super) fn flood(&mut self) {
        self.flood_at = self.now + WAVE;
        if !self.does(ReplicaBehaviour::FetchFlood) {
            let later = self
                .script
                .terms
                .iter()
                .filter(|term| term.behaviour == ReplicaBehaviour::FetchFlood && term.from > self.now);
            self.flood_at = later.map(|term| term.from).min().unwrap_or(Timestamp::MAX);
            return;
        }
        let known: Vec<BlockRef> = (0..ASKED).filter_map(|_| Some(self.known_block()?.reference())).collect();
        let invented: Vec<BlockRef> = (0..ASKED).filter_map(|_| self.invented()).collect();
        let fetch = |wanted| ProtocolMessage::Fetch(Fetch { wanted, committed: 0, reach: u16::MAX });
        let all = vec![Round(0); self.committee.size()];
        let questions = [
            List::new(known).map(fetch),
            List::new(invented).map(fetch),
            List::new(all).map(ProtocolMessage::Sync),
        ];
        let mut questions: Vec<(Lane, Message)> = questions
            .into_iter()
            .flatten()
            .map(|question| (Lane::Consensus, Message::Protocol(question)))
            .collect();
        if self.stream.chance(1, SNAPSHOT_ONE_IN) {
            let request = SnapshotRequest { commit: None, after: 0, offset: 0 };
            questions.push((Lane::Bulk, Message::SnapshotRequest(request)));
        }
        for (lane, question) in questions {
            let bytes = question.encode();
            for to in self.others() {
                self.count(ReplicaBehaviour::FetchFlood);
                let letter =
                    Letter { to: Peer::Replica(to), lane, bytes: bytes.clone(), hold: Duration::ZERO };
                self.leave(letter);
            }
        }
    }
}
