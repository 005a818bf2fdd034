//! What stands for the digest of a live run: a hash of its plan and of what was recorded. It identifies a result; no
//! other run has it.

use crate::history::History;
use crate::plan::Plan;
use ledger_core::crypto::Digest;

pub(super) fn of(plan: &Plan, history: &History) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(serde_json::to_string(plan).expect("a plan is plain data").as_bytes());
    for commit in &history.commits {
        hasher.update(&commit.digest.0).update(&commit.result.0).update(&commit.first_at.0.to_le_bytes());
    }
    for operation in &history.operations {
        hasher.update(&operation.scheduled.0.to_le_bytes());
        let (at, end) = match operation.ended {
            Some((at, end)) => (at.0, format!("{end:?}")),
            None => (u64::MAX, String::new()),
        };
        hasher.update(&at.to_le_bytes()).update(end.as_bytes());
    }
    let unlisted = &history.unlisted;
    for count in [unlisted.scheduled, unlisted.committed, unlisted.timed_out, unlisted.rejected] {
        hasher.update(&count.to_le_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}
