//! Remembers findings of stateless work, so that what every replica must find out is computed once.
//!
//! Findings are pure functions of the work, so remembering changes nothing but the wall clock; every host is charged
//! its own virtual time. Two generations bound the memory: when the young one is full it becomes the old one.

use bytes::Bytes;
use ledger_core::block::{Block, BlockError};
use ledger_core::committee::Committee;
use ledger_core::crypto::{BatchVerifier, SignatureCheck, SignatureVerifier};
use ledger_core::work::{Finding, Work};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// Entries of a generation.
const SIGNATURES_MAX: usize = 1 << 18;
const BLOCKS_MAX: usize = 1 << 12;

/// Keys are hashes or addresses already.
#[derive(Default)]
pub(super) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Identity>>;

/// Two generations of a bounded map. Never iterated.
struct Generations<K, V> {
    young: Map<K, V>,
    old: Map<K, V>,
    limit: usize,
}

impl<K: std::hash::Hash + Eq, V: Clone> Generations<K, V> {
    fn new(limit: usize) -> Self {
        Self { young: Map::default(), old: Map::default(), limit }
    }

    fn get(&self, key: &K) -> Option<V> {
        self.young.get(key).or_else(|| self.old.get(key)).cloned()
    }

    fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.limit {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

type BlockFinding = Result<Arc<Block>, BlockError>;

/// See the module.
pub(super) struct Memo {
    signatures: Signatures,
    /// By address of the encoding, which the entry keeps alive.
    blocks: Generations<(usize, usize), (Bytes, BlockFinding)>,
    /// By address of the block, which the entry keeps alive.
    transactions: Generations<usize, (Arc<Block>, Finding)>,
}

impl Default for Memo {
    fn default() -> Self {
        Self {
            signatures: Signatures(Generations::new(SIGNATURES_MAX)),
            blocks: Generations::new(BLOCKS_MAX),
            transactions: Generations::new(BLOCKS_MAX),
        }
    }
}

impl Memo {
    /// The finding of a work.
    pub fn run(&mut self, work: &Work, committee: &Committee) -> Finding {
        match work {
            Work::Blocks(blocks) => {
                Finding::Blocks(blocks.iter().map(|bytes| self.block(bytes, committee)).collect())
            }
            Work::Transactions(block) => {
                let key = Arc::as_ptr(block) as usize;
                if let Some((_, finding)) = self.transactions.get(&key) {
                    return finding;
                }
                let finding = work.run(committee, &mut self.signatures);
                self.transactions.insert(key, (block.clone(), finding.clone()));
                finding
            }
            _ => work.run(committee, &mut self.signatures),
        }
    }

    fn block(&mut self, bytes: &Bytes, committee: &Committee) -> BlockFinding {
        let key = (bytes.as_ptr() as usize, bytes.len());
        if let Some((_, finding)) = self.blocks.get(&key) {
            return finding;
        }
        let finding = Block::verify(committee, bytes.clone(), &mut self.signatures).map(Arc::new);
        self.blocks.insert(key, (bytes.clone(), finding.clone()));
        finding
    }
}

/// Verdicts by hash of what was checked.
struct Signatures(Generations<[u8; 16], bool>);

impl SignatureVerifier for Signatures {
    fn verify(&mut self, checks: &[SignatureCheck]) -> Vec<bool> {
        let keys: Vec<[u8; 16]> = checks.iter().map(key_of).collect();
        let mut verdicts: Vec<Option<bool>> = keys.iter().map(|key| self.0.get(key)).collect();
        let unknown: Vec<usize> = (0..checks.len()).filter(|index| verdicts[*index].is_none()).collect();
        let fresh: Vec<SignatureCheck> = unknown.iter().map(|index| checks[*index].clone()).collect();
        for (index, verdict) in unknown.iter().zip(BatchVerifier.verify(&fresh)) {
            verdicts[*index] = Some(verdict);
            self.0.insert(keys[*index], verdict);
        }
        verdicts.into_iter().map(|verdict| verdict.unwrap_or(false)).collect()
    }
}

fn key_of(check: &SignatureCheck) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&check.key.0).update(&check.signature.0).update(&check.message);
    hasher.finalize().as_bytes()[..16].try_into().expect("a hash has 32 bytes")
}
