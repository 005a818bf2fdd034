//! The replica machine.

use crate::crypto::Digest;
use crate::time::Timestamp;

/// What a replica reports of an executed commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitReport {
    /// 1 for the first.
    pub index: u64,
    /// Chains all commits up to this one.
    pub digest: Digest,
    /// Ledger state after it.
    pub state_root: Digest,
    /// Commit time.
    pub time: Timestamp,
}
