//! An append-only Merkle tree (RFC 6962 section 2.1: SHA-256, `0x00` before leaves, `0x01` before nodes).
//!
//! Hashes of complete subtrees are kept at every second level, less than 43 bytes a leaf; those between are two hashes
//! away. They lie in chunks behind `Arc`, so growth copies nothing and clones share all but the open chunks.
//!
//! A log restored from a [`Frontier`] holds what the frontier covers only as its peaks: it appends, and proves what
//! came after. Invariants: the peaks are the roots of the complete subtrees that the size's binary digits name, the
//! largest first; a level's first stored node is the first that was completed after the base.

use crate::codec::List;
use crate::crypto::Digest;
use borsh::{BorshDeserialize, BorshSerialize};
use std::sync::Arc;

/// Most nodes of a proof: one for each level of a log of 2^64 entries, and a consistency proof's first.
pub const PROOF_NODES_MAX: usize = 65;

const LEVELS_MAX: usize = 64;
/// Digests in a chunk: 8 KiB.
const CHUNK: usize = 256;

/// Hash of an entry.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::sha256(&[&[0], entry])
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Digest::sha256(&[&bytes])
}

/// Why the log cannot say. The caller's mistake, or a peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Not yet: past the end, or sizes out of order.
    #[error("{asked} is past {end}")]
    PastEnd {
        /// What was asked for.
        asked: u64,
        /// Where it must end.
        end: u64,
    },
    /// Never: older than the frontier that the log was restored from.
    #[error("entry or size {asked} is older than {held_from}, where this log begins")]
    NotHeld {
        /// What was asked for.
        asked: u64,
        /// The frontier's size.
        held_from: u64,
    },
}

/// A log. Cloning costs a pointer for every 8 KiB of hashes.
#[derive(Clone, Debug, Default)]
pub struct AuditLog {
    size: u64,
    /// Of the frontier it was restored from, else 0.
    base: u64,
    base_peaks: Vec<Digest>,
    peaks: Vec<Digest>,
    /// Complete subtrees of 4^i leaves, from the first completed after the base.
    levels: Vec<Chunks>,
}

/// What is needed to go on appending: O(log n) digests.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Frontier {
    /// Entries covered.
    pub size: u64,
    /// Roots of its complete subtrees, the largest first.
    pub peaks: List<Digest, LEVELS_MAX>,
}

impl Frontier {
    /// The root of what is covered; `None` if the number of peaks does not fit the size.
    pub fn root(&self) -> Option<Digest> {
        (self.peaks.len() == self.size.count_ones() as usize).then(|| bag(&self.peaks))
    }
}

/// The root over peaks, the smallest first to be joined.
fn bag(peaks: &[Digest]) -> Digest {
    let joined = peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
    joined.unwrap_or_else(|| Digest::sha256(&[]))
}

impl AuditLog {
    /// A log that begins after a frontier; `None` if the number of peaks does not fit the size.
    pub fn from_frontier(frontier: Frontier) -> Option<Self> {
        frontier.root()?;
        let Frontier { size, peaks } = frontier;
        let peaks = peaks.into_vec();
        Some(Self { size, base: size, base_peaks: peaks.clone(), peaks, levels: Vec::new() })
    }

    /// What is needed to go on from here.
    pub fn frontier(&self) -> Frontier {
        let peaks = List::new(self.peaks.clone()).expect("as many as one bits in a u64");
        Frontier { size: self.size, peaks }
    }

    /// Forgets what only proofs of entries before `base` need. Costs hashing what is kept once more, so call it when as
    /// much is to be forgotten as to be kept. Does nothing if `base` is not held or past the end.
    pub fn forget_before(&mut self, base: u64) {
        if base <= self.base || base > self.size {
            return;
        }
        let (mut peaks, mut start) = (Vec::new(), 0);
        for level in (0..u64::BITS).rev().filter(|level| base >> level & 1 == 1) {
            peaks.push(self.node(level, start >> level));
            start += 1 << level;
        }
        let leaves: Option<Vec<Digest>> = (base..self.size).map(|index| self.node(0, index)).collect();
        let frontier = peaks.into_iter().collect::<Option<Vec<Digest>>>().and_then(List::new);
        let shorter = frontier.and_then(|peaks| Self::from_frontier(Frontier { size: base, peaks }));
        if let (Some(mut shorter), Some(leaves)) = (shorter, leaves) {
            for leaf in leaves {
                shorter.append(leaf);
            }
            *self = shorter;
        }
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The first entry that this log can prove.
    pub fn held_from(&self) -> u64 {
        self.base
    }

    /// Appends an entry by its [`leaf_hash`] and returns its index.
    pub fn append(&mut self, leaf: Digest) -> u64 {
        let index = self.size;
        let (mut hash, mut level) = (leaf, 0);
        self.store(level, hash);
        while index >> level & 1 == 1 {
            let left = self.peaks.pop().expect("a one bit of the size is a peak");
            hash = node_hash(&left, &hash);
            level += 1;
            self.store(level, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
        index
    }

    fn store(&mut self, level: usize, hash: Digest) {
        if !level.is_multiple_of(2) {
            return;
        }
        if self.levels.len() <= level / 2 {
            self.levels.push(Chunks::default());
        }
        self.levels[level / 2].push(hash);
    }

    /// The root of all entries.
    pub fn root(&self) -> Digest {
        bag(&self.peaks)
    }

    /// The root when the log had `size` entries.
    pub fn root_at(&self, size: u64) -> Result<Digest, LogError> {
        if size == 0 {
            return Ok(bag(&[]));
        }
        self.check_size(size)?;
        self.range(0, size).ok_or(LogError::NotHeld { asked: size, held_from: self.base })
    }

    /// Proof that entry `index` is in the log of the first `size` entries, the lowest sibling first.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Digest>, LogError> {
        self.check_size(size)?;
        if index >= size {
            return Err(LogError::PastEnd { asked: index, end: size });
        }
        let missing = LogError::NotHeld { asked: index, held_from: self.base };
        if index < self.base {
            return Err(missing);
        }
        let (mut start, mut end, mut proof) = (0, size, Vec::new());
        while end - start > 1 {
            let middle = start + split(end - start);
            let (sibling_start, sibling_end);
            if index < middle {
                (sibling_start, sibling_end, end) = (middle, end, middle);
            } else {
                (sibling_start, sibling_end, start) = (start, middle, middle);
            }
            proof.push(self.range(sibling_start, sibling_end).ok_or(missing)?);
        }
        proof.reverse();
        Ok(proof)
    }

    /// Proof that the log of the first `old` entries is a prefix of that of the first `new`; empty from nothing.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Digest>, LogError> {
        self.check_size(new)?;
        if old > new {
            return Err(LogError::PastEnd { asked: old, end: new });
        }
        if old == 0 {
            return Ok(Vec::new());
        }
        self.check_size(old)?;
        let missing = LogError::NotHeld { asked: old, held_from: self.base };
        // SUBPROOF of RFC 6962 section 2.1.2, from the top down.
        let (mut start, mut end, mut whole, mut proof) = (0, new, true, Vec::new());
        while end != old {
            let middle = start + split(end - start);
            let (sibling_start, sibling_end);
            if old <= middle {
                (sibling_start, sibling_end, end) = (middle, end, middle);
            } else {
                (sibling_start, sibling_end, start, whole) = (start, middle, middle, false);
            }
            proof.push(self.range(sibling_start, sibling_end).ok_or(missing)?);
        }
        if !whole {
            proof.push(self.range(start, end).ok_or(missing)?);
        }
        proof.reverse();
        Ok(proof)
    }

    fn check_size(&self, size: u64) -> Result<(), LogError> {
        if size > self.size {
            return Err(LogError::PastEnd { asked: size, end: self.size });
        }
        if size < self.base {
            return Err(LogError::NotHeld { asked: size, held_from: self.base });
        }
        Ok(())
    }

    /// The hash over entries `start..end`, where `start` is a multiple of the least power of two not below the length.
    fn range(&self, start: u64, end: u64) -> Option<Digest> {
        let length = end - start;
        if length.is_power_of_two() {
            let level = length.trailing_zeros();
            return self.node(level, start >> level);
        }
        let middle = start + split(length);
        Some(node_hash(&self.range(start, middle)?, &self.range(middle, end)?))
    }

    /// The root of complete subtree `index` of `2^level` entries.
    fn node(&self, level: u32, index: u64) -> Option<Digest> {
        let first = self.base >> level;
        if index < first {
            // Held only as a peak of the base: one of its one bits, at this level, with all higher bits before it.
            let is_peak = self.base >> level & 1 == 1 && index + 1 == first;
            return is_peak.then(|| self.base_peaks[(first >> 1).count_ones() as usize]);
        }
        if level.is_multiple_of(2) {
            return self.levels.get(level as usize / 2)?.get(index - first);
        }
        Some(node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?))
    }

    /// Bytes of hashes, shared with clones or not.
    pub fn memory_bytes(&self) -> usize {
        let digests = self.peaks.capacity() + self.base_peaks.capacity();
        digests * size_of::<Digest>() + self.levels.iter().map(Chunks::memory_bytes).sum::<usize>()
    }
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (63 - (length - 1).leading_zeros())
}

/// Digests in order; all chunks but the last are full.
#[derive(Clone, Debug, Default)]
struct Chunks(Vec<Arc<Vec<Digest>>>);

impl Chunks {
    fn push(&mut self, digest: Digest) {
        match self.0.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => Arc::make_mut(chunk).push(digest),
            Some(_) | None => self.0.push(Arc::new(vec![digest])),
        }
    }

    fn get(&self, index: u64) -> Option<Digest> {
        let index = usize::try_from(index).ok()?;
        self.0.get(index / CHUNK)?.get(index % CHUNK).copied()
    }

    fn memory_bytes(&self) -> usize {
        let digests: usize = self.0.iter().map(|chunk| chunk.capacity()).sum();
        digests * size_of::<Digest>() + self.0.capacity() * size_of::<usize>() + self.0.len() * 40
    }
}

/// Why a proof does not hold. Never valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The index is not in a log of the size, or the old log is larger than the new one.
    #[error("{inner} does not fit in a log of {size}")]
    OutOfRange {
        /// Index, or old size.
        inner: u64,
        /// Size.
        size: u64,
    },
    /// More or fewer nodes than the sizes need.
    #[error("a proof of {0} nodes has the wrong length")]
    Length(usize),
    /// Another root.
    #[error("the proof leads to another root")]
    Root,
}

/// RFC 9162 section 2.1.3.2.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { inner: index, size });
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length(proof.len()));
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length(proof.len()));
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// RFC 9162 section 2.1.4.2; from nothing, an empty proof of the empty root.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Digest],
    old_root: &Digest,
    new_root: &Digest,
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::OutOfRange { inner: old, size: new });
    }
    if old == new || old == 0 {
        if !proof.is_empty() {
            return Err(ProofError::Length(proof.len()));
        }
        let holds = if old == new { old_root == new_root } else { *old_root == bag(&[]) };
        return if holds { Ok(()) } else { Err(ProofError::Root) };
    }
    let length = ProofError::Length(proof.len());
    let (first, rest) =
        if old.is_power_of_two() { (old_root, proof) } else { proof.split_first().ok_or(length)? };
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    if old_hash == *old_root && new_hash == *new_root { Ok(()) } else { Err(ProofError::Root) }
}

#[cfg(test)]
mod tests;
