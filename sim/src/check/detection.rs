//! Detection: whatever a workload does wrong on purpose is caught, and nothing that is right is taken for wrong.

use super::{Held, Judgement};
use crate::history::Run;

pub(super) fn check(run: &Run) -> Judgement {
    let mut count = 0;
    for incident in run.history.incidents() {
        if incident.caught.is_none() {
            return Err(format!("at {}: {}, and nobody noticed", incident.at, incident.wrong.meaning()));
        }
        count += 1;
    }
    if let Some((system, at, refusal)) = run.history.false_alarms().next() {
        return Err(format!("at {at}: {} refused what was right: {refusal:?}", system.name()));
    }
    match count {
        0 => Ok(Held::NotApplicable("nothing was done wrong on purpose")),
        count => Ok(Held::Passed(format!("{count} wrong deeds, all caught"))),
    }
}
