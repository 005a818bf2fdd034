//! Conduct: where no fault makes a machine Byzantine, nobody may see one misbehave or equivocate.

use super::{Held, Judgement};
use crate::history::Run;

pub(super) fn check(run: &Run) -> Judgement {
    if let Some((at, by, from, what)) = run.history.misbehaviour.first() {
        return Err(format!("at {at} {by:?} saw {from:?} send {what}"));
    }
    if let Some((replica, first, second)) = run.history.equivocations.first() {
        return Err(format!("{replica} holds both {first:?} and {second:?}"));
    }
    Ok(Held::Passed(format!(
        "{} machines",
        run.history.replicas.len() + run.plan.population.institutions.len()
    )))
}
