//! Agreement and total order: every replica's report of a commit is compared with the first one, as it is made.

use super::{Held, Judgement};
use crate::history::Run;

/// No two replicas order differently.
pub(super) fn order(run: &Run) -> Judgement {
    divergence(run, true)
}

/// No two replicas, having ordered the same, execute differently.
pub(super) fn execution(run: &Run) -> Judgement {
    if !run.plan.ledger.execution {
        return Ok(Held::NotApplicable("nothing is executed"));
    }
    divergence(run, false)
}

fn divergence(run: &Run, order: bool) -> Judgement {
    if let Some(divergence) = run.history.divergences.iter().find(|divergence| divergence.order == order) {
        return Err(format!("at {}: {}", divergence.at, divergence.what));
    }
    if run.history.commits.is_empty() {
        return Ok(Held::Undecided("nothing was committed".into()));
    }
    let reports: u64 = run.history.commits.iter().map(|commit| u64::from(commit.replicas.len())).sum();
    Ok(Held::Passed(format!("{} commits, {reports} reports of replicas", run.history.commits.len())))
}
