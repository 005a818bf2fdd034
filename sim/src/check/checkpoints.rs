//! Checkpoints: those that a quorum signed never contradict each other, nor the log. However many replicas and gateways
//! hold one of a commit, it is the same; it names that commit's digest, log root and state root as replicas executed it,
//! and as many entries as were executed up to it; of two, the later one's log is no shorter, and equal sizes have equal
//! roots. Receipts carry checkpoints too, and are held to the same.

use super::{Held, Judgement};
use crate::history::Run;
use ledger_core::audit::CheckpointBody;
use ledger_core::crypto::Digest;
use std::collections::BTreeMap;

pub(super) fn check(run: &Run) -> Judgement {
    if !run.plan.ledger.execution {
        return Ok(Held::NotApplicable("nothing is executed"));
    }
    let history = &run.history;
    let checkpoints = &history.checkpoints;
    if let Some((by, body)) = checkpoints.conflicts.first() {
        return Err(format!(
            "{by:?} has a signed checkpoint of commit {} that differs from another one: {body:?}",
            body.commit
        ));
    }
    if checkpoints.by_commit.is_empty() {
        return Ok(Held::Undecided("no checkpoint was certified".into()));
    }
    let sizes = sizes(run);
    let mut before: Option<&CheckpointBody> = None;
    for body in checkpoints.by_commit.values() {
        agrees(run, &sizes, body)?;
        if let Some(before) = before
            && (body.size < before.size || (body.size == before.size && body.root != before.root))
        {
            return Err(format!(
                "the checkpoint of commit {} is of {} entries with root {}, that of commit {} of {} with root {}",
                before.commit, before.size, before.root, body.commit, body.size, body.root
            ));
        }
        before = Some(body);
    }
    let receipts = history.receipts.iter().filter_map(|(by, _, receipt)| Some((by, receipt.as_ref()?)));
    let mut shown = 0u64;
    for (by, receipt) in receipts {
        let body = &receipt.checkpoint.body;
        let known = checkpoints.by_commit.get(&body.commit);
        if known.is_some_and(|known| known != body) {
            return Err(format!("{by}'s receipt is under another checkpoint of commit {}", body.commit));
        }
        agrees(run, &sizes, body)?;
        shown += 1;
    }
    Ok(Held::Passed(format!("{} checkpoints, {shown} receipts", checkpoints.by_commit.len())))
}

/// Entries in the log after each commit that has any; `None` if some were reported by nobody.
fn sizes(run: &Run) -> Option<BTreeMap<u64, u64>> {
    let history = &run.history;
    let complete = run.plan.ledger.execution && history.unreported == 0;
    complete.then(|| {
        let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
        for (commit, done) in &history.executed {
            let size = sizes.entry(*commit).or_default();
            *size = (*size).max(done.index + 1);
        }
        sizes
    })
}

/// Whether it is of the commit that it names, as that was executed. A commit that nobody reported says nothing.
fn agrees(run: &Run, sizes: &Option<BTreeMap<u64, u64>>, body: &CheckpointBody) -> Result<(), String> {
    let index = body.commit.saturating_sub(1) as usize;
    let Some(commit) = run.history.commits.get(index).filter(|commit| !commit.replicas.is_empty()) else {
        return Ok(());
    };
    let size =
        sizes.as_ref().map(|sizes| sizes.range(..=body.commit).next_back().map_or(0, |(_, size)| *size));
    let [log, state] = commit.roots;
    let pairs: [(&str, Digest, Digest); 3] = [
        ("the commit's digest", body.commit_digest, commit.digest),
        ("the log's root", body.root, log),
        ("the state's root", body.state_root, state),
    ];
    for (what, signed, executed) in pairs {
        if signed != executed {
            return Err(format!(
                "a quorum signed checkpoint {} with {what} {signed}, and what was executed has {executed}",
                body.commit
            ));
        }
    }
    if let Some(size) = size.filter(|size| *size != body.size) {
        return Err(format!(
            "a quorum signed checkpoint {} of {} entries, and {size} were executed",
            body.commit, body.size
        ));
    }
    Ok(())
}
