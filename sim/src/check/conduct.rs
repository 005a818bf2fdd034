//! Conduct: nobody sees a correct machine misbehave or equivocate, and every document that arrives is the registered
//! one. What hostile machines say that they saw is no evidence; what correct ones see of hostile ones is as it should be.

use super::assumption::{is_hostile, may_contradict_itself};
use super::{Held, Judgement};
use crate::history::{Operation, Run};
use ledger_core::gateway::End;
use ledger_core::seam::Peer;

pub(super) fn check(run: &Run) -> Judgement {
    let hostile = |peer: Peer| is_hostile(run, peer);
    let misbehaviour = &run.history.misbehaviour;
    let mut against_correct = misbehaviour.iter().filter(|(_, by, from, _)| !hostile(*by) && !hostile(*from));
    if let Some((at, by, from, what)) = against_correct.next() {
        return Err(format!("at {at} {by:?} saw {from:?} send {what}"));
    }
    let corrupt = |operation: &&Operation| matches!(operation.ended, Some((_, End::Corrupt)));
    if let Some(operation) = run.history.operations.iter().find(corrupt) {
        return Err(format!("gateway {} received another document than was registered", operation.gateway.0));
    }
    let mut equivocations = run.history.equivocations.iter();
    if let Some((replica, first, second)) =
        equivocations.find(|(_, first, _)| !may_contradict_itself(run, first.author))
    {
        return Err(format!("{replica} holds both {first:?} and {second:?}"));
    }
    let machines = run.history.replicas.len() + run.plan.population.institutions.len();
    Ok(Held::Passed(match misbehaviour.len() {
        0 => format!("{machines} machines"),
        seen => format!("{machines} machines; {seen} misdeeds seen, all of hostile ones"),
    }))
}
