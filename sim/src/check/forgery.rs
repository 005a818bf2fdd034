//! Forgery: what was forged in somebody's name has no effect. If it is logged at all, each of its answers is a refusal.

use super::{Held, Judgement};
use crate::history::Run;

pub(super) fn check(run: &Run) -> Judgement {
    let forged = &run.history.hostility.forged;
    if forged.is_empty() {
        return Ok(Held::NotApplicable("nothing was forged"));
    }
    let mut logged = 0u64;
    for (commit, done) in &run.history.executed {
        if !forged.contains(&done.transaction) {
            continue;
        }
        logged += 1;
        if done.answers.iter().any(|answer| answer.refusal().is_none()) {
            return Err(format!("{} in commit {commit} was forged, and took effect", done.transaction));
        }
    }
    Ok(Held::Passed(format!("{} forged bundles, {logged} logged as refused", forged.len())))
}
