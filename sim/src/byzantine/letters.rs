//! Tricks with messages on their way out, whatever they are.

use super::publish::body_of;
use super::{Byzantine, Letter, ReplicaBehaviour, remember};
use bytes::Bytes;
use ledger_core::block::{Block, BlockRef};
use ledger_core::codec::{Blob, List};
use ledger_core::crypto::Digest;
use ledger_core::ledger::{Access, PermitStatus};
use ledger_core::message::{Message, Reply};
use ledger_core::seam::{Lane, Peer};
use ledger_core::time::Duration;

impl Byzantine {
    /// Something arrived that may be of use.
    pub(super) fn learn(&mut self, bytes: &Bytes) {
        if let Ok(Message::Block(block)) = Message::decode(bytes) {
            remember(&mut self.seen, block);
        }
    }

    /// The name of a block of somebody's, at random.
    pub(super) fn known_block(&mut self) -> Option<Block> {
        if self.seen.is_empty() {
            return None;
        }
        let at = self.stream.below(self.seen.len() as u64) as usize;
        Block::from_journal(&self.committee, self.seen[at].clone()).ok()
    }

    /// Lets letters of a face go through every trick.
    pub(super) fn post(&mut self, face: usize, letters: Vec<Letter>) {
        let twins = self.does(ReplicaBehaviour::Twins);
        for letter in letters {
            let spoken_by = match letter.to {
                Peer::Replica(to) if twins => self.half(to),
                Peer::Gateway(to) if twins => to.0 as usize % 2,
                Peer::Replica(_) | Peer::Gateway(_) | Peer::Local => 0,
            };
            if spoken_by == face {
                self.trick(letter);
            }
        }
    }

    fn trick(&mut self, mut letter: Letter) {
        self.answer_wrongly(&mut letter);
        self.serve_stale(&mut letter);
        let mut letters = vec![letter];
        self.replay(&mut letters);
        self.corrupt(&mut letters);
        let victims = self.does(ReplicaBehaviour::Selective).then(|| self.victims());
        for mut letter in letters {
            if self.does(ReplicaBehaviour::Silent) {
                self.count(ReplicaBehaviour::Silent);
                continue;
            }
            if let (Some(victims), Peer::Replica(to)) = (&victims, letter.to)
                && victims.contains(to)
            {
                self.count(ReplicaBehaviour::Selective);
                continue;
            }
            if self.does(ReplicaBehaviour::Delay) && letter.to != Peer::Local {
                self.count(ReplicaBehaviour::Delay);
                let most = self.leader_timeout.as_nanos() as u64;
                letter.hold = Duration::from_nanos(self.stream.uniform(1, most.max(1)));
            }
            self.leave(letter);
        }
    }

    /// Each second message is followed by an old one.
    fn replay(&mut self, letters: &mut Vec<Letter>) {
        if !self.does(ReplicaBehaviour::Replay) {
            return;
        }
        for letter in letters.iter().filter(|letter| letter.to != Peer::Local) {
            remember(&mut self.sent, (letter.to, letter.lane, letter.bytes.clone()));
        }
        if !self.sent.is_empty() && self.stream.chance(1, 2) {
            self.count(ReplicaBehaviour::Replay);
            let at = self.stream.below(self.sent.len() as u64) as usize;
            let (to, lane, bytes) = self.sent[at].clone();
            letters.push(Letter { to, lane, bytes, hold: Duration::ZERO });
        }
    }

    /// Each fourth message is spoilt, or followed by something that nobody can have meant.
    fn corrupt(&mut self, letters: &mut Vec<Letter>) {
        if !self.does(ReplicaBehaviour::Corrupt) || !self.stream.chance(1, 4) {
            return;
        }
        let Some(letter) = letters.first_mut().filter(|letter| letter.to != Peer::Local) else { return };
        self.count(ReplicaBehaviour::Corrupt);
        match self.stream.below(5) {
            0 => {
                let mut bytes = letter.bytes.to_vec();
                let bit = self.stream.below(bytes.len() as u64 * 8);
                bytes[bit as usize / 8] ^= 1 << (bit % 8);
                letter.bytes = bytes.into();
            }
            1 => {
                let length = self.stream.below(letter.bytes.len() as u64) as usize;
                letter.bytes = letter.bytes.slice(..length);
            }
            2 => {
                let mut bytes = vec![0; 1 + self.stream.below(512) as usize];
                self.stream.fill_bytes(&mut bytes);
                letter.bytes = bytes.into();
            }
            _ => {
                let (to, lane) = (letter.to, letter.lane);
                if let (Peer::Replica(_), Some(bytes)) = (to, self.forgery()) {
                    letters.push(Letter { to, lane, bytes, hold: Duration::ZERO });
                }
            }
        }
    }

    /// A block in the name of another, which this replica cannot sign: alone, or in an answer.
    fn forgery(&mut self) -> Option<Bytes> {
        let block = self.known_block()?;
        let mut body = body_of(&block, self.committee.epoch());
        body.timestamp = body.timestamp + Duration::from_nanos(1 + self.stream.below(1_000));
        let forged = Block::sign(self.committee.chain(), body, &self.key);
        if self.stream.chance(1, 2) {
            return Some(Message::encode_block(forged.bytes()));
        }
        let blocks = List::new(vec![Blob::new(forged.bytes().clone())?])?;
        Some(Message::Protocol(ledger_core::protocol::ProtocolMessage::Blocks(blocks)).encode())
    }

    /// Lies to clients.
    fn answer_wrongly(&mut self, letter: &mut Letter) {
        if !self.does(ReplicaBehaviour::WrongResults) || letter.lane != Lane::Client {
            return;
        }
        let Ok(Message::Reply(reply)) = Message::decode(&letter.bytes) else { return };
        let wrong = match reply {
            Reply::Receipt(mut receipt) => {
                match self.stream.below(4) {
                    0 => receipt.index += 1,
                    1 => receipt.entry.commit_time = receipt.entry.commit_time + Duration::from_nanos(1),
                    2 => receipt.checkpoint.body.state_root.0[0] ^= 1,
                    // That it has no such answer, when it has.
                    _ => {
                        self.count(ReplicaBehaviour::WrongResults);
                        letter.bytes = Message::Reply(Reply::NoEntry(receipt.index)).encode();
                        return;
                    }
                }
                Reply::Receipt(receipt)
            }
            Reply::Ordered { submission, commit } => match self.stream.chance(1, 2) {
                true => Reply::Rejected(submission),
                false => Reply::Ordered { submission, commit: commit + 1 },
            },
            Reply::Busy(submission) | Reply::Forgotten(submission) => Reply::Rejected(submission),
            Reply::Rejected(submission) => Reply::Busy(submission),
            Reply::PermitStatus { access, check, status, commit } => {
                let known = self.faces[0].ledger().and_then(|ledger| ledger.access(access));
                let status = match (status, known) {
                    (PermitStatus::InForce { .. }, _) => PermitStatus::Revoked,
                    (_, Some(&Access { record, actor, organisation, .. })) => {
                        PermitStatus::InForce { record, actor, organisation }
                    }
                    (_, None) => PermitStatus::Expired,
                };
                Reply::PermitStatus { access, check, status, commit: commit + 1 }
            }
            Reply::NoEntry(index) => Reply::NoEntry(index + 1),
        };
        self.count(ReplicaBehaviour::WrongResults);
        letter.bytes = Message::Reply(wrong).encode();
    }

    /// Instead of a part of a snapshot, the first that was ever served, or a spoilt one.
    fn serve_stale(&mut self, letter: &mut Letter) {
        if !self.does(ReplicaBehaviour::StaleSnapshot) || letter.lane != Lane::Bulk {
            return;
        }
        let Ok(Message::Snapshot(mut chunk)) = Message::decode(&letter.bytes) else { return };
        let stale = self.stale.get_or_insert_with(|| chunk.clone()).clone();
        if self.stream.chance(1, 2) && stale.commit != chunk.commit {
            chunk = stale;
        } else {
            let mut bytes = chunk.bytes.to_vec();
            if !bytes.is_empty() {
                let bit = self.stream.below(bytes.len() as u64 * 8);
                bytes[bit as usize / 8] ^= 1 << (bit % 8);
            }
            chunk.bytes = Blob::new(bytes).expect("as long as before");
        }
        self.count(ReplicaBehaviour::StaleSnapshot);
        letter.bytes = Message::Snapshot(chunk).encode();
    }

    /// The name of a block that does not exist.
    pub(super) fn invented(&mut self) -> Option<BlockRef> {
        let known = self.known_block()?.reference();
        let mut digest = Digest::default();
        self.stream.fill_bytes(&mut digest.0);
        Some(BlockRef { digest, ..known })
    }
}
