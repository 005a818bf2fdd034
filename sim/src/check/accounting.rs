//! Accounting: every decision about access to a patient's records takes the patient's next number, permits and refusals
//! alike, so that whoever leaves one out leaves a gap. What `amanah audit` proves for one patient holds for all.

use super::{Held, Judgement};
use crate::history::Run;
use ledger_core::ledger::transaction::PartyId;
use std::collections::BTreeMap;

pub(super) fn check(run: &Run) -> Judgement {
    if !run.plan.ledger.execution {
        return Ok(Held::NotApplicable("nothing is executed"));
    }
    let history = &run.history;
    if history.unreported > 0 {
        return Ok(Held::Undecided(format!("{} commits were reported by nobody", history.unreported)));
    }
    let mut counters: BTreeMap<PartyId, u64> = BTreeMap::new();
    let mut decisions = 0u64;
    // Reports may come out of order; the log has one.
    let mut executed: Vec<_> = history.executed.iter().collect();
    executed.sort_by_key(|(_, done)| done.index);
    for (commit, done) in executed {
        for decision in done.answers.iter().filter_map(|answer| answer.decision) {
            decisions += 1;
            let last = counters.entry(decision.patient).or_default();
            if decision.counter != *last + 1 {
                return Err(format!(
                    "in commit {commit} a decision about the records of party {} has number {}, after number {last}",
                    decision.patient.0, decision.counter
                ));
            }
            *last = decision.counter;
        }
    }
    Ok(Held::Passed(format!("{decisions} decisions about {} patients", counters.len())))
}
