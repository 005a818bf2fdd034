//! Blocks: what replicas sign and order. Payload items are opaque bytes.
//!
//! On the wire a block is `body ‖ signature`. Its digest is BLAKE3 over `domain tag ‖ chain ‖ body` and the signature
//! covers the digest, so neither can be replayed in another chain, epoch or message kind. [`Block::verify`] decides
//! everything about validity that does not need other blocks or a clock; a [`Block`] in hand has passed it.

use crate::codec::{self, Blob, List, Reader};
use crate::committee::{Committee, ReplicaId, ReplicaSet};
use crate::crypto::{ChainId, Digest, Domain, SecretKey, Signature, SignatureCheck, SignatureVerifier};
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most bytes of an encoded block.
pub const BLOCK_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Most blocks that a block names.
pub const ANCESTORS_MAX: usize = 1024;
/// Most payload items in a block.
pub const ITEMS_MAX: usize = 16 * 1024;
/// Most bytes in a payload item.
pub const ITEM_BYTES_MAX: usize = 64 * 1024;
/// Most checkpoint votes in a block.
pub const VOTES_MAX: usize = 256;

/// A step of the DAG. Genesis is round 0.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct Round(pub u64);

impl Round {
    /// The next round.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// `rounds` earlier, not before genesis.
    pub const fn before(self, rounds: u64) -> Self {
        Self(self.0.saturating_sub(rounds))
    }
}

/// Names one block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct BlockRef {
    /// Its round.
    pub round: Round,
    /// Its author.
    pub author: ReplicaId,
    /// Hash of everything in it but the signature.
    pub digest: Digest,
}

impl BlockRef {
    /// The block that `author` has at round 0 without having to send it.
    pub fn genesis(chain: ChainId, author: ReplicaId) -> Self {
        let digest = Digest::blake3(Domain::GenesisBlock, &[&chain.0.0, &author.0.to_le_bytes()]);
        Self { round: Round(0), author, digest }
    }
}

impl fmt::Debug for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "B{}@{}#{:?}", self.author.0, self.round.0, self.digest)
    }
}

/// A signature on the checkpoint after a commit, carried by its signer's block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CheckpointVote {
    /// Index of the commit.
    pub commit: u64,
    /// Over the checkpoint's note.
    pub signature: Signature,
}

/// What an author decides about a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockBody {
    /// Epoch of the committee.
    pub epoch: u64,
    /// Round, at least 1.
    pub round: Round,
    /// Author.
    pub author: ReplicaId,
    /// The author's previous block first; then others' by (round, author), ascending and distinct.
    pub ancestors: List<BlockRef, ANCESTORS_MAX>,
    /// What is to be ordered.
    pub payload: List<Blob<ITEM_BYTES_MAX>, ITEMS_MAX>,
    /// The author's clock, not below any ancestor's.
    pub timestamp: Timestamp,
    /// Signatures on checkpoints.
    pub votes: List<CheckpointVote, VOTES_MAX>,
}

impl BlockBody {
    /// Reads an encoding, of which the payload's items are slices.
    fn read(bytes: Bytes) -> Result<Self, codec::DecodeError> {
        let mut reader = Reader::new(bytes, BLOCK_BYTES_MAX)?;
        let body = Self {
            epoch: reader.value()?,
            round: reader.value()?,
            author: reader.value()?,
            ancestors: reader.value()?,
            payload: reader.blobs()?,
            timestamp: reader.value()?,
            votes: reader.value()?,
        };
        reader.finish()?;
        Ok(body)
    }
}

/// A valid block. Invariant: it passed [`Block::verify`] (or was made by [`Block::sign`] from a body that would).
#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    reference: BlockRef,
    body: BlockBody,
    bytes: Bytes,
}

/// Why bytes are no valid block. Never valid: the sender is faulty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// Not a block's encoding.
    #[error("no block: {0}")]
    Codec(#[from] codec::DecodeError),
    /// Of another epoch.
    #[error("of epoch {0}")]
    Epoch(u64),
    /// Author not in the committee.
    #[error("author {0} is not in the committee")]
    Author(ReplicaId),
    /// Round 0, or an ancestor of its own or a later round.
    #[error("of round {0:?} with an ancestor of round {1:?}")]
    Round(Round, Round),
    /// Ancestors that do not start with the author's own, or are not ascending and distinct.
    #[error("ancestors out of order")]
    AncestorOrder,
    /// A round-0 ancestor that is not that author's genesis.
    #[error("names a genesis block that does not exist")]
    Genesis,
    /// Blocks of the previous round without a quorum of stake.
    #[error("its parents are no quorum")]
    NoQuorum,
    /// Signature does not verify.
    #[error("bad signature")]
    Signature,
}

const SIGNATURE_BYTES: usize = 64;

impl Block {
    /// Makes and signs a block.
    pub fn sign(chain: ChainId, body: BlockBody, key: &SecretKey) -> Self {
        let mut bytes = Vec::with_capacity(codec::encoded_length(&body) + SIGNATURE_BYTES);
        codec::encode_into(&mut bytes, &body);
        let digest = Digest::blake3(Domain::Block, &[&chain.0.0, &bytes]);
        let length = bytes.len();
        bytes.extend_from_slice(&key.sign(Domain::Block, chain, &digest).0);
        let reference = BlockRef { round: body.round, author: body.author, digest };
        let bytes = Bytes::from(bytes);
        // Its items share its bytes, like those of a received block: what was submitted need not be kept as long.
        let body = BlockBody::read(bytes.slice(..length)).unwrap_or(body);
        Self { reference, body, bytes }
    }

    /// Everything about validity that needs no other block and no clock.
    pub fn verify(
        committee: &Committee,
        bytes: Bytes,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<Self, BlockError> {
        let (block, signature) = Self::decode(committee, bytes)?;
        let author = committee.member(block.body.author).ok_or(BlockError::Author(block.body.author))?;
        let digest = &block.reference.digest;
        let check =
            SignatureCheck::of_digest(author.key, Domain::Block, committee.chain(), digest, signature);
        if verifier.verify(&[check]) != [true] {
            return Err(BlockError::Signature);
        }
        Ok(block)
    }

    /// A block that this replica verified before and read back from its own journal.
    pub fn from_journal(committee: &Committee, bytes: Bytes) -> Result<Self, BlockError> {
        Self::decode(committee, bytes).map(|(block, _)| block)
    }

    fn decode(committee: &Committee, bytes: Bytes) -> Result<(Self, Signature), BlockError> {
        let Some(body_length) = bytes.len().checked_sub(SIGNATURE_BYTES) else {
            return Err(codec::DecodeError::Malformed("shorter than a signature".into()).into());
        };
        let body = BlockBody::read(bytes.slice(..body_length))?;
        check_body(committee, &body)?;
        let (encoded, signature) = bytes.split_at(body_length);
        let digest = Digest::blake3(Domain::Block, &[&committee.chain().0.0, encoded]);
        let signature = Signature(signature.try_into().expect("split off 64 bytes"));
        let reference = BlockRef { round: body.round, author: body.author, digest };
        Ok((Self { reference, body, bytes }, signature))
    }

    /// Its name.
    pub fn reference(&self) -> BlockRef {
        self.reference
    }

    /// Its round.
    pub fn round(&self) -> Round {
        self.body.round
    }

    /// Its author.
    pub fn author(&self) -> ReplicaId {
        self.body.author
    }

    /// The author's clock.
    pub fn timestamp(&self) -> Timestamp {
        self.body.timestamp
    }

    /// The author's previous block, then others by (round, author).
    pub fn ancestors(&self) -> &[BlockRef] {
        &self.body.ancestors
    }

    /// Ancestors of the round before.
    pub fn parents(&self) -> impl Iterator<Item = &BlockRef> {
        self.body.ancestors.iter().filter(|ancestor| ancestor.round.next() == self.body.round)
    }

    /// What is to be ordered.
    pub fn payload(&self) -> &[Blob<ITEM_BYTES_MAX>] {
        &self.body.payload
    }

    /// Signatures on checkpoints.
    pub fn votes(&self) -> &[CheckpointVote] {
        &self.body.votes
    }

    /// As on the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{:?}", self.reference, self.ancestors())
    }
}

fn check_body(committee: &Committee, body: &BlockBody) -> Result<(), BlockError> {
    if body.epoch != committee.epoch() {
        return Err(BlockError::Epoch(body.epoch));
    }
    if body.author.index() >= committee.size() {
        return Err(BlockError::Author(body.author));
    }
    let Some((own, others)) = body.ancestors.split_first() else {
        return Err(BlockError::AncestorOrder);
    };
    let ascending =
        others.windows(2).all(|pair| (pair[0].round, pair[0].author) < (pair[1].round, pair[1].author));
    if own.author != body.author || !ascending || others.iter().any(|other| other.author == body.author) {
        return Err(BlockError::AncestorOrder);
    }
    let mut parents = ReplicaSet::default();
    for ancestor in body.ancestors.iter() {
        if ancestor.author.index() >= committee.size() {
            return Err(BlockError::Author(ancestor.author));
        }
        if ancestor.round >= body.round {
            return Err(BlockError::Round(body.round, ancestor.round));
        }
        if ancestor.round == Round(0) && *ancestor != BlockRef::genesis(committee.chain(), ancestor.author) {
            return Err(BlockError::Genesis);
        }
        if ancestor.round.next() == body.round {
            parents.insert(ancestor.author);
        }
    }
    if !committee.is_quorum(&parents) {
        return Err(BlockError::NoQuorum);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committee::tests::committee;
    use crate::crypto::BatchVerifier;

    fn first(committee: &Committee, author: u16) -> BlockBody {
        let mut ancestors: Vec<_> =
            committee.replicas().map(|replica| BlockRef::genesis(committee.chain(), replica)).collect();
        let own = ancestors.remove(author as usize);
        ancestors.insert(0, own);
        BlockBody {
            epoch: 0,
            round: Round(1),
            author: ReplicaId(author),
            ancestors: List::new(ancestors).unwrap(),
            payload: List::new(vec![Blob::new(vec![1, 2, 3]).unwrap()]).unwrap(),
            timestamp: Timestamp(5),
            votes: List::default(),
        }
    }

    #[test]
    fn a_valid_block_verifies_and_keeps_its_name() {
        let (committee, keys) = committee(&[1; 4]);
        let block = Block::sign(committee.chain(), first(&committee, 2), &keys[2]);
        let again = Block::verify(&committee, block.bytes().clone(), &mut BatchVerifier).unwrap();
        assert_eq!(again, block);
    }

    /// Each mutation is refused for its own reason.
    #[test]
    fn what_is_not_valid_is_refused() {
        type Mutation = fn(&mut BlockBody);
        let (committee, keys) = committee(&[1; 4]);
        fn edit(body: &mut BlockBody, edit: fn(&mut Vec<BlockRef>)) {
            let mut ancestors = body.ancestors.to_vec();
            edit(&mut ancestors);
            body.ancestors = List::new(ancestors).unwrap();
        }
        let cases: &[(Mutation, BlockError)] = &[
            (|b| b.epoch = 3, BlockError::Epoch(3)),
            (|b| b.author = ReplicaId(9), BlockError::Author(ReplicaId(9))),
            (|b| b.round = Round(0), BlockError::Round(Round(0), Round(0))),
            (|b| edit(b, Vec::clear), BlockError::AncestorOrder),
            (|b| edit(b, |a| a.swap(1, 2)), BlockError::AncestorOrder),
            (|b| edit(b, |a| a.swap(0, 1)), BlockError::AncestorOrder),
            (|b| edit(b, |a| a[2] = a[1]), BlockError::AncestorOrder),
            (|b| edit(b, |a| a.truncate(2)), BlockError::NoQuorum),
            (|b| edit(b, |a| a[1].digest.0[0] ^= 1), BlockError::Genesis),
            (|b| edit(b, |a| a[3].round = Round(1)), BlockError::Round(Round(1), Round(1))),
            (|b| b.round = Round(2), BlockError::NoQuorum),
        ];
        for (index, (mutate, expected)) in cases.iter().enumerate() {
            let mut body = first(&committee, 2);
            mutate(&mut body);
            let key = keys.get(body.author.index()).unwrap_or(&keys[0]);
            let bytes = Block::sign(committee.chain(), body, key).bytes().clone();
            let found = Block::verify(&committee, bytes, &mut BatchVerifier).map(|_| ());
            assert_eq!(found, Err(expected.clone()), "case {index}");
        }
        let forged = Block::sign(committee.chain(), first(&committee, 2), &keys[1]).bytes().clone();
        assert_eq!(Block::verify(&committee, forged, &mut BatchVerifier), Err(BlockError::Signature));
        assert!(Block::verify(&committee, Bytes::from_static(b"short"), &mut BatchVerifier).is_err());
    }
}
