//! Integrity: a transaction that is ordered again is refused as stale, and so has no second effect.

use super::{Held, Judgement};
use crate::history::Run;
use ledger_core::ledger::transaction::{Outcome, Refusal};

pub(super) fn check(run: &Run) -> Judgement {
    let mut effects: Vec<_> = run
        .history
        .executed
        .iter()
        .filter(|(_, done)| done.outcome != Some(Outcome::Refused(Refusal::StaleSequence)))
        .map(|(commit, done)| (done.transaction, *commit))
        .collect();
    effects.sort_unstable();
    if let Some(pair) = effects.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("{} executed in commit {} and again in {}", pair[0].0, pair[0].1, pair[1].1));
    }
    Ok(Held::Passed(format!("{} transactions", effects.len())))
}
