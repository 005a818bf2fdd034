//! What a replica keeps that somebody else could make grow: how full it is, and its limit. One row a store.
//!
//! Beside these a replica keeps the window of blocks (its depth is `gc_depth` rounds below the last commit), the ledger's
//! rows, and the audit log, whose size is what was executed.

use super::checkpoints::{AHEAD_MAX, OPEN_MAX};
use super::clients::{ANSWERED_MAX, WAITING_MAX};
use super::{
    ANSWERS_HELD_MAX, DEFERRED_MAX, ENTRIES_HELD_MAX, JOB_BYTES_PER_PEER_MAX, JOBS_PER_PEER_MAX, Replica,
};
use crate::message::MESSAGE_BYTES_MAX;

/// Names of a replica's stores, in the order of [`Replica::stores`].
pub const STORES: [&str; 11] = [
    "mempool, bytes",
    "blocks without ancestors",
    "equivocations remembered",
    "jobs of one peer",
    "bytes of such jobs",
    "submissions",
    "answers remembered",
    "questions about the state",
    "checkpoints without a quorum",
    "log entries held",
    "answers in them",
];

/// How full a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Store {
    /// Held.
    pub held: u64,
    /// Limit.
    pub most: u64,
}

impl Replica {
    /// How full each store is, in the order of [`STORES`].
    pub fn stores(&self) -> [Store; STORES.len()] {
        let protocol = self.protocol.status();
        let limits = self.protocol.limits();
        let store = |held: usize, most: usize| Store { held: held as u64, most: most as u64 };
        let fullest = |of: fn(&(usize, usize)) -> usize| self.jobs_per_peer.iter().map(of).max().unwrap_or(0);
        let (entries, answers) = self.execution.state().map_or((0, 0), |state| state.held());
        [
            store(protocol.mempool_bytes, limits.mempool_bytes),
            store(protocol.suspended, limits.suspended),
            store(protocol.evidence, limits.evidence),
            store(fullest(|(jobs, _)| *jobs), JOBS_PER_PEER_MAX),
            // One message more than the limit may be taken.
            store(fullest(|(_, bytes)| *bytes), JOB_BYTES_PER_PEER_MAX + MESSAGE_BYTES_MAX),
            store(self.clients.pending() + self.checks.submissions(), WAITING_MAX),
            store(self.clients.remembered(), ANSWERED_MAX),
            store(self.execution.deferred(), DEFERRED_MAX),
            // Votes on what is ahead open some before the oldest give way.
            store(self.checkpoints.open(), OPEN_MAX + AHEAD_MAX as usize),
            store(entries, ENTRIES_HELD_MAX),
            store(answers, ANSWERS_HELD_MAX),
        ]
    }
}
