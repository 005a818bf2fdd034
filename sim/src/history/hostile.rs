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
    /// By Byzantine author and round: each block that a correct replica's block follows, and who was first to. At most
    /// [`VOUCHED_MAX`]: beyond it, rounds of which one block alone is known go, the oldest of an author first, and then what
    /// is new.
    pub vouched: BTreeMap<(ReplicaId, Round), Vec<Vouching>>,
}

/// Authors and rounds of which it is known who vouched for their blocks: far more than windows hold, in which a second
/// block may yet be followed.
pub const VOUCHED_MAX: usize = 1 << 16;

impl Hostility {
    /// A correct replica's block follows a block of this author and round.
    pub fn vouch(&mut self, of: (ReplicaId, Round), vouching: Vouching) {
        if self.vouched.len() >= VOUCHED_MAX && !self.vouched.contains_key(&of) {
            self.forget_single();
            if self.vouched.len() >= VOUCHED_MAX {
                return;
            }
        }
        let vouched = self.vouched.entry(of).or_default();
        if !vouched.iter().any(|known| known.block == vouching.block) {
            vouched.push(vouching);
        }
    }

    /// Drops the older half of the rounds of which one block is known.
    fn forget_single(&mut self) {
        let singles = self.vouched.iter().filter(|(_, blocks)| blocks.len() == 1);
        let mut rounds: Vec<Round> = singles.map(|((_, round), _)| *round).collect();
        rounds.sort_unstable();
        let Some(middle) = rounds.get(rounds.len() / 2).copied() else { return };
        self.vouched.retain(|(_, round), blocks| blocks.len() > 1 || *round > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_blocks_is_bounded_and_equivocations_stay() {
        let mut hostility = Hostility::default();
        let vouch = |hostility: &mut Hostility, round: u64, name: u8| {
            let of = (ReplicaId(1), Round(round));
            let block = BlockRef { round: of.1, author: of.0, digest: Digest([name; 32]) };
            hostility.vouch(of, Vouching { at: Timestamp(round), by: ReplicaId(0), block });
        };
        vouch(&mut hostility, 3, 1);
        vouch(&mut hostility, 3, 2);
        vouch(&mut hostility, 3, 2);
        for round in 4..3 * VOUCHED_MAX as u64 {
            vouch(&mut hostility, round, 1);
        }
        assert!(hostility.vouched.len() <= VOUCHED_MAX);
        assert_eq!(hostility.vouched[&(ReplicaId(1), Round(3))].len(), 2);
        assert!(hostility.vouched.contains_key(&(ReplicaId(1), Round(3 * VOUCHED_MAX as u64 - 1))));
    }
}
