//! What becomes of an own block: signed again with other contents, doubled, or kept from most.
//!
//! Whatever is published under another name than the machine inside knows is told to it too, and its next block is made
//! to follow what was published: the chain of own blocks that the others see has no hole.

use super::{Byzantine, Letter, MEMORY_MAX, ReplicaBehaviour};
use bytes::Bytes;
use ledger_core::block::{Block, BlockBody, BlockRef, CheckpointVote, Round};
use ledger_core::codec::List;
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::Digest;
use ledger_core::message::Message;
use ledger_core::seam::{Input, Lane, Machine, Peer};
use ledger_core::time::Duration;
use std::collections::BTreeMap;

/// A block's contents, to be changed and signed again.
pub(super) fn body_of(block: &Block, epoch: u64) -> BlockBody {
    let list = "what a block held fits into one";
    BlockBody {
        epoch,
        round: block.round(),
        author: block.author(),
        ancestors: List::new(block.ancestors().to_vec()).expect(list),
        payload: List::new(block.payload().to_vec()).expect(list),
        timestamp: block.timestamp(),
        votes: List::new(block.votes().to_vec()).expect(list),
    }
}

fn edit(body: &mut BlockBody, change: impl FnOnce(&mut Vec<BlockRef>)) {
    let mut ancestors = body.ancestors.to_vec();
    change(&mut ancestors);
    body.ancestors = List::new(ancestors).expect("no ancestor is added");
}

/// Notes under which name a block is known, and forgets the oldest.
fn note(names: &mut BTreeMap<BlockRef, BlockRef>, inner: BlockRef, outer: BlockRef) {
    names.insert(inner, outer);
    if names.len() > MEMORY_MAX {
        names.pop_first();
    }
}

impl Byzantine {
    /// To everybody else, and what that becomes if it is an own block.
    pub(super) fn publish(&mut self, face: usize, lane: Lane, bytes: Bytes) -> Vec<Letter> {
        let block = match Message::decode(&bytes) {
            Ok(Message::Block(block)) => Block::from_journal(&self.committee, block).ok(),
            _ => None,
        };
        let Some(inner) = block.filter(|block| block.author() == self.me) else {
            return self.others().map(|to| letter(to, lane, bytes.clone())).collect();
        };
        let block = self.misreport(&inner);
        let mut copies: Vec<(ReplicaId, Bytes)> = Vec::new();
        let first = Message::encode_block(block.bytes());
        if self.does(ReplicaBehaviour::Equivocate) {
            let second = Message::encode_block(self.double(&inner, &block).bytes());
            copies.extend(self.others().map(|to| match self.half(to) {
                0 => (to, first.clone()),
                _ => (to, second.clone()),
            }));
        } else {
            copies.extend(self.others().map(|to| (to, first.clone())));
        }
        if self.does(ReplicaBehaviour::WrongAncestors) && self.stream.chance(1, 2) {
            self.count(ReplicaBehaviour::WrongAncestors);
            let wrong = Message::encode_block(self.with_wrong_ancestors(&block).bytes());
            copies.iter_mut().for_each(|(_, copy)| *copy = wrong.clone());
        }
        if self.does(ReplicaBehaviour::Withhold) {
            self.count(ReplicaBehaviour::Withhold);
            let chosen = (inner.round().0 % copies.len() as u64) as usize;
            copies = vec![copies.swap_remove(chosen)];
        }
        if face > 0 && self.does(ReplicaBehaviour::Twins) {
            self.count(ReplicaBehaviour::Twins);
        }
        copies.into_iter().map(|(to, bytes)| letter(to, lane, bytes)).collect()
    }

    /// Signs a body and tells the machine inside of it.
    fn sign(&mut self, body: BlockBody) -> Block {
        let block = Block::sign(self.committee.chain(), body, &self.key);
        let told =
            Input::Message { from: Peer::Replica(self.me), bytes: Message::encode_block(block.bytes()) };
        let now = self.now;
        self.faces[0].handle(now, told);
        block
    }

    /// The block with votes on checkpoints of another state, if it is time for that, and after what was published.
    fn misreport(&mut self, inner: &Block) -> Block {
        let wrong = self.does(ReplicaBehaviour::WrongResults) && !inner.votes().is_empty();
        let before = inner.ancestors().first().and_then(|own| self.published.get(own)).copied();
        if !wrong && before.is_none() {
            return inner.clone();
        }
        let mut body = body_of(inner, self.committee.epoch());
        if let Some(before) = before {
            edit(&mut body, |ancestors| ancestors[0] = before);
        }
        if wrong {
            self.count(ReplicaBehaviour::WrongResults);
            let votes = inner.votes().iter().map(|vote| CheckpointVote {
                commit: vote.commit,
                signature: self.wrong_signature(vote.commit),
            });
            body.votes = List::new(votes.collect()).expect("as many as before");
        }
        let outer = self.sign(body);
        note(&mut self.published, inner.reference(), outer.reference());
        outer
    }

    /// On the last certified checkpoint's text, with another state and of this commit.
    fn wrong_signature(&self, commit: u64) -> ledger_core::crypto::Signature {
        let certified = self.faces[0].certified().map(|checkpoint| checkpoint.body);
        let zero = Digest::default();
        let mut body = certified.unwrap_or(ledger_core::audit::CheckpointBody {
            chain: self.committee.chain(),
            size: 1,
            root: zero,
            commit,
            commit_digest: zero,
            state_root: zero,
        });
        body.commit = commit;
        body.state_root.0[0] ^= 1;
        body.sign(&self.key)
    }

    /// A second block of the same round, without the payload, in a chain of its own.
    fn double(&mut self, inner: &Block, first: &Block) -> Block {
        self.count(ReplicaBehaviour::Equivocate);
        let mut body = body_of(first, self.committee.epoch());
        if let Some(before) = inner.ancestors().first().and_then(|own| self.doubled.get(own)).copied() {
            edit(&mut body, |ancestors| ancestors[0] = before);
        }
        body.payload = List::default();
        body.timestamp = body.timestamp + Duration::from_nanos(1);
        let second = self.sign(body);
        note(&mut self.doubled, inner.reference(), second.reference());
        second
    }

    fn with_wrong_ancestors(&mut self, block: &Block) -> Block {
        let mut body = body_of(block, self.committee.epoch());
        let mut digest = Digest::default();
        self.stream.fill_bytes(&mut digest.0);
        let round = body.round;
        match self.stream.below(5) {
            // One that does not exist.
            0 => edit(&mut body, |ancestors| {
                if let Some(last) = ancestors.last_mut().filter(|last| last.round > Round(0)) {
                    last.digest = digest;
                }
            }),
            // An own block before that does not exist.
            1 => edit(&mut body, |ancestors| {
                if ancestors[0].round > Round(0) {
                    ancestors[0].digest = digest;
                }
            }),
            // Of a later round.
            2 => edit(&mut body, |ancestors| {
                if let Some(last) = ancestors.last_mut() {
                    last.round = round.next();
                }
            }),
            // Too few of the round before.
            3 => edit(&mut body, |ancestors| ancestors.truncate(2)),
            // Out of order.
            _ => edit(&mut body, |ancestors| ancestors.reverse()),
        }
        Block::sign(self.committee.chain(), body, &self.key)
    }
}

fn letter(to: ReplicaId, lane: Lane, bytes: Bytes) -> Letter {
    Letter { to: Peer::Replica(to), lane, bytes, hold: Duration::ZERO }
}
