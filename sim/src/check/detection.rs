//! Detection: whatever a workload does wrong on purpose is caught, and nothing that is right is taken for wrong.

use super::{Held, Judgement};
use crate::history::{Incident, Run};

pub(super) fn check(run: &Run) -> Judgement {
    let domain = &run.history.domain;
    let missed = |incident: &&Incident| incident.caught.is_none();
    if let Some(Incident { wrong, at, .. }) = domain.incidents.iter().find(missed) {
        return Err(format!("at {at}: {}, and nobody noticed", wrong.meaning()));
    }
    if let Some((system, at, refusal)) = domain.false_alarms.first() {
        return Err(format!("at {at}: {} refused what was right: {refusal:?}", system.name()));
    }
    match domain.incidents.len() {
        0 => Ok(Held::NotApplicable("nothing was done wrong on purpose")),
        count => Ok(Held::Passed(format!("{count} wrong deeds, all caught"))),
    }
}
