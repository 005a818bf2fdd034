//! Evidence: an equivocation that correct replicas can see is on record, with both blocks' names.
//!
//! A block is accepted only after what it follows. So where blocks of correct replicas follow two different blocks of one
//! author and round, every correct replica that accepts both of them holds both of those, and must say so. A pair
//! counts if, from the later of the two on, for [`GRACE`] nothing but hostility disturbed the run: then correct
//! replicas' blocks have reached all correct replicas. Equivocation that only one correct replica ever built on is
//! not demanded: nobody else need have seen it.

use super::assumption::{byzantine, is_exceeded};
use super::{Held, Judgement};
use crate::history::{EQUIVOCATIONS_MAX, Run};
use crate::plan::FaultKind;
use ledger_core::block::Round;
use ledger_core::committee::ReplicaId;
use ledger_core::time::{Duration, Timestamp};
use std::collections::BTreeSet;

/// By then a correct replica's block has reached every other, and what it follows has been fetched.
const GRACE: Duration = Duration::from_secs(5);

pub(super) fn check(run: &Run) -> Judgement {
    if byzantine(run).is_empty() {
        return Ok(Held::NotApplicable("no replica is Byzantine"));
    }
    let history = &run.history;
    let mut recorded: BTreeSet<(ReplicaId, Round)> = BTreeSet::new();
    for (replica, first, second) in &history.equivocations {
        if (first.author, first.round) != (second.author, second.round) || first.digest == second.digest {
            return Err(format!("{replica} takes {first:?} and {second:?} for an equivocation"));
        }
        recorded.insert((first.author, first.round));
    }
    let mut visible = 0u64;
    for ((author, round), vouched) in &history.hostility.vouched {
        let [first, second, ..] = vouched.as_slice() else { continue };
        if is_exceeded(run) || !is_calm(run, first.at.max(second.at)) {
            continue;
        }
        visible += 1;
        if history.equivocations.len() >= EQUIVOCATIONS_MAX {
            return Ok(Held::Undecided(format!(
                "{EQUIVOCATIONS_MAX} pairs of blocks are as many as are kept"
            )));
        }
        if !recorded.contains(&(*author, *round)) {
            return Err(format!(
                "{author} signed {:?} and {:?}, on which {} and {} built, and nobody recorded it",
                first.block, second.block, first.by, second.by
            ));
        }
    }
    let recorded = recorded.len();
    Ok(Held::Passed(format!("{recorded} equivocations on record, {visible} that all had to see")))
}

/// Whether nothing but hostility disturbed the run for long enough after `at`.
fn is_calm(run: &Run, at: Timestamp) -> bool {
    let end = at + GRACE;
    let disturbs = |fault: &crate::history::FaultRecord| {
        let hostile = matches!(
            run.plan.faults[fault.fault].kind,
            FaultKind::Byzantine { .. } | FaultKind::HostileGateway { .. }
        );
        !hostile && fault.at <= end && fault.healed.is_none_or(|healed| healed + GRACE >= at)
    };
    end <= run.end && !run.history.faults.iter().any(disturbs)
}
