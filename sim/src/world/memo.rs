//! Remembers findings of stateless work, so that what every replica must find out is computed once.
//!
//! Findings are pure functions of the work, so remembering changes nothing but the wall clock; every host is charged
//! its own virtual time. Two generations bound the memory: when the young one is full it becomes the old one.

use bytes::Bytes;
use ledger_core::block::{Block, BlockError};
use ledger_core::committee::Committee;
use ledger_core::crypto::{FixedMap, RememberingVerifier, SignaturesMade};
use ledger_core::work::{CheckedPayload, Finding, Work};
use std::sync::Arc;

/// Entries of a generation.
pub(super) const SIGNATURES_MAX: usize = 1 << 18;
const BLOCKS_MAX: usize = 1 << 12;

/// Two generations of a bounded map. Never iterated.
struct Generations<K, V> {
    young: FixedMap<K, V>,
    old: FixedMap<K, V>,
    limit: usize,
}

impl<K: std::hash::Hash + Eq, V: Clone> Generations<K, V> {
    fn new(limit: usize) -> Self {
        Self { young: FixedMap::default(), old: FixedMap::default(), limit }
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
    signatures: RememberingVerifier,
    /// By address of the encoding, which the entry keeps alive.
    blocks: Generations<(usize, usize), (Bytes, BlockFinding)>,
    /// By address of the block, which the entry keeps alive.
    payloads: Generations<usize, (Arc<Block>, CheckedPayload)>,
    /// A deliberate mistake: every block's signature is valid.
    #[cfg(feature = "seeded-bugs")]
    believes: bool,
}

/// Takes every signature for valid.
#[cfg(feature = "seeded-bugs")]
struct Believer;

#[cfg(feature = "seeded-bugs")]
impl ledger_core::crypto::SignatureVerifier for Believer {
    fn verify(&mut self, checks: &[ledger_core::crypto::SignatureCheck]) -> Vec<bool> {
        vec![true; checks.len()]
    }
}

impl Memo {
    /// Knows what keys of this world have signed.
    pub fn new(made: SignaturesMade) -> Self {
        Self {
            signatures: RememberingVerifier::knowing(SIGNATURES_MAX, made),
            blocks: Generations::new(BLOCKS_MAX),
            payloads: Generations::new(BLOCKS_MAX),
            #[cfg(feature = "seeded-bugs")]
            believes: false,
        }
    }

    /// From now on every block's signature is valid.
    #[cfg(feature = "seeded-bugs")]
    pub fn believe(&mut self) {
        self.believes = true;
    }

    /// The finding of a work.
    pub fn run(&mut self, work: &Work, committee: &Committee) -> Finding {
        match work {
            Work::Blocks(blocks) => {
                Finding::Blocks(blocks.iter().map(|bytes| self.block(bytes, committee)).collect())
            }
            Work::Transactions(blocks) => Finding::Transactions(
                blocks.iter().map(|(block, _)| self.payload(block, committee)).collect(),
            ),
            _ => work.run(committee, &mut self.signatures),
        }
    }

    fn payload(&mut self, block: &Arc<Block>, committee: &Committee) -> CheckedPayload {
        let key = Arc::as_ptr(block) as usize;
        if let Some((_, payload)) = self.payloads.get(&key) {
            return payload;
        }
        let work = Work::Transactions(vec![(block.clone(), Vec::new())]);
        let Finding::Transactions(found) = work.run(committee, &mut self.signatures) else {
            unreachable!("transactions are found of transactions")
        };
        let payload = found.into_iter().next().expect("one for each block");
        self.payloads.insert(key, (block.clone(), payload.clone()));
        payload
    }

    fn block(&mut self, bytes: &Bytes, committee: &Committee) -> BlockFinding {
        let key = (bytes.as_ptr() as usize, bytes.len());
        if let Some((_, finding)) = self.blocks.get(&key) {
            return finding;
        }
        #[cfg(feature = "seeded-bugs")]
        if self.believes {
            return Block::verify(committee, bytes.clone(), &mut Believer).map(Arc::new);
        }
        let finding = Block::verify(committee, bytes.clone(), &mut self.signatures).map(Arc::new);
        self.blocks.insert(key, (bytes.clone(), finding.clone()));
        finding
    }
}
