//! Conduct: where no fault makes a machine Byzantine, nobody may see one misbehave or equivocate, and every document
//! that arrives is the registered one.

use super::{Held, Judgement};
use crate::history::{Operation, Run};
use ledger_core::gateway::End;

pub(super) fn check(run: &Run) -> Judgement {
    if let Some((at, by, from, what)) = run.history.misbehaviour.first() {
        return Err(format!("at {at} {by:?} saw {from:?} send {what}"));
    }
    let corrupt = |operation: &&Operation| matches!(operation.ended, Some((_, End::Corrupt)));
    if let Some(operation) = run.history.operations.iter().find(corrupt) {
        return Err(format!("gateway {} received another document than was registered", operation.gateway.0));
    }
    if let Some((replica, first, second)) = run.history.equivocations.first() {
        return Err(format!("{replica} holds both {first:?} and {second:?}"));
    }
    Ok(Held::Passed(format!(
        "{} machines",
        run.history.replicas.len() + run.plan.population.institutions.len()
    )))
}
