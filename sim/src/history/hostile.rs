//! What the world knows of hostile machines, because it made them hostile.

use ledger_core::block::{BlockRef, Round};
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::Digest;
use ledger_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// A correct replica's block that follows a Byzantine one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vouching {
    /// When the correct replica sent it to all.
    pub at: Timestamp,
    /// Who.
    pub by: ReplicaId,
    /// Which block it follows.
    pub block: BlockRef,
}

/// What hostile machines did.
#[derive(Clone, Debug, Default)]
pub struct Hostility {
    /// Hostile acts by the behaviour's name.
    pub acts: BTreeMap<&'static str, u64>,
    /// Bundles that their actors did not sign.
    pub forged: BTreeSet<Digest>,
    /// By Byzantine author and round: each block that a correct replica's block follows, and who was first to.
    pub vouched: BTreeMap<(ReplicaId, Round), Vec<Vouching>>,
}
