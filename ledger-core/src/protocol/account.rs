//! What a protocol says of itself to those who want to understand it: why a leader slot has its fate, with the votes that
//! the rule itself counted, and how the machine stands at an instant. Nothing here decides anything.

use super::CommitHeader;
use crate::block::{BlockRef, Round};
use crate::committee::{ReplicaId, ReplicaSet};
use crate::time::Timestamp;
use std::sync::Arc;

/// Why a leader slot has its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotAccount {
    /// Its round.
    pub round: Round,
    /// Its number within the round.
    pub slot: usize,
    /// Whose it is.
    pub leader: ReplicaId,
    /// What became of it.
    pub fate: Fate,
    /// Authors with a block of the next round that supports no block of the slot.
    pub blames: ReplicaSet,
    /// Each block of the slot that somebody supports.
    pub supports: Vec<Support>,
    /// What its commit made of it, where it is committed and its turn has come.
    pub commit: Option<Arc<CommitHeader>>,
}

/// What was counted for one block of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The block.
    pub block: BlockRef,
    /// Authors with a block of the next round that supports it.
    pub supporters: ReplicaSet,
    /// Authors with a certificate for it: a block of the second round after with a quorum of supporters among its parents.
    pub certifiers: ReplicaSet,
}

/// What became of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Neither rule applies yet.
    Undecided {
        /// The slot on which the indirect rule waits: the first of a round at least three later that is not skipped.
        /// `None`: no such round has a block yet.
        anchor: Option<(Round, ReplicaId)>,
    },
    /// A block of it is committed.
    Committed {
        /// Which; `None` if it is no longer held.
        block: Option<BlockRef>,
        /// By which rule.
        rule: Rule,
    },
    /// No block of it is committed.
    Skipped {
        /// By which rule.
        rule: Rule,
    },
}

/// A rule that decides slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// By a quorum of certificates, or a quorum that supports no block.
    Direct,
    /// By a committed leader of a later round.
    Anchor {
        /// That leader's block; `None` if it is no longer held.
        anchor: Option<BlockRef>,
        /// The certificate in its ancestry; `None` where there was none.
        certificate: Option<BlockRef>,
    },
}

/// How a protocol's machine stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolView {
    /// Last own block.
    pub own: BlockRef,
    /// Own block that waits for the disk.
    pub undurable: Option<BlockRef>,
    /// Highest round with a quorum of stake accepted, and since when.
    pub quorum: (Round, Timestamp),
    /// Lowest and highest round of the window.
    pub window: (Round, Round),
    /// Last commit: index, leader, time.
    pub last: Option<(u64, BlockRef, Timestamp)>,
    /// Leaders of the next round.
    pub leaders: Vec<ReplicaId>,
    /// Leader slots that are not decided up to here, in order.
    pub slots: Vec<SlotAccount>,
    /// Blocks that wait for ancestors, by reference.
    pub suspended: Vec<BlockRef>,
    /// What they wait for: the ancestor, how often it was asked for, and when it will be asked for again.
    pub missing: Vec<(BlockRef, u32, Timestamp)>,
    /// What the machine will do at what time, if nothing happens before.
    pub timers: Vec<(&'static str, Timestamp)>,
    /// Payload items that wait to be proposed, and their bytes.
    pub mempool: (usize, usize),
    /// Whose equivocations are known, and in which rounds.
    pub equivocations: Vec<(Round, ReplicaId)>,
}
