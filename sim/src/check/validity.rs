//! Validity: an operation of a correct client ends. What was under way while a fault was in force, or until its effects
//! must be over ([`healing`](super::healing)), may run out of time, but no later than that and the client's own patience;
//! everything else must not. What is never answered is a mistake, fault or not.

use super::assumption::{byzantine, is_exceeded};
use super::{Held, Judgement, healing, quorum};
use crate::history::{Operation, OperationKind, Run};
use crate::plan::FaultKind;
use ledger_core::committee::ReplicaId;
use ledger_core::gateway::End;
use ledger_core::time::Timestamp;

pub(super) fn check(run: &Run) -> Judgement {
    let history = &run.history;
    // Faults that overlap are felt until the last of them is over.
    let mut disturbed: Vec<(Timestamp, Timestamp)> = Vec::new();
    for disturbance in healing::disturbances(run) {
        match disturbed.last_mut().filter(|(_, over)| disturbance.struck <= *over) {
            Some((_, over)) => *over = disturbance.over.max(*over),
            None => disturbed.push((disturbance.struck, disturbance.over)),
        }
    }
    let excused = |operation: &Operation, until: Timestamp| {
        let patience = healing::client_bound(operation.kind);
        let from = operation.scheduled;
        let fits = |(struck, over): &(Timestamp, Timestamp)| {
            from <= *over && until >= *struck && until <= *over + patience
        };
        disturbed.iter().any(fits)
    };
    // Who submits to a Byzantine replica itself may never hear of it.
    let byzantine = byzantine(run);
    let replica = |operation: &Operation| ReplicaId(operation.gateway.0 as u16);
    // Without a quorum nobody promised anything. (What more than is tolerated may break is said for all checkers alike.)
    let lost = quorum::lost(run).filter(|_| !is_exceeded(run));
    let mut ended = 0u64;
    let mut late = 0u64;
    for (number, operation) in history.operations.iter().enumerate() {
        match operation.ended {
            Some((_, End::Done(_) | End::Answered | End::Refused(_) | End::KeyRefused(_) | End::Corrupt)) => {
                ended += 1
            }
            Some((at, _)) if excused(operation, at) => late += 1,
            Some(_)
                if operation.kind == OperationKind::Opaque
                    && lost_with_its_replica(run, operation.gateway.0) =>
            {
                late += 1;
            }
            None if operation.kind == OperationKind::Opaque && byzantine.contains(replica(operation)) => {
                late += 1;
            }
            None if operation.kind == OperationKind::Opaque
                && lost_with_its_replica(run, operation.gateway.0) =>
            {
                late += 1;
            }
            None if run.partial || excused(operation, run.end) => late += 1,
            _ if lost.is_some() => late += 1,
            _ => {
                return Err(format!(
                    "operation {number} ({:?} at {}, scheduled at {}) did not end well: {:?}",
                    operation.kind,
                    operation.gateway.0,
                    operation.scheduled,
                    operation.ended.map(|(at, end)| (at.to_string(), end)),
                ));
            }
        }
    }
    if late > 0
        && let Some(why) = lost
    {
        return Ok(Held::Exceeded(format!(
            "expected loss of liveness: {why}; {ended} operations ended well, {late} did not"
        )));
    }
    if ended == 0 && late == 0 {
        return Err("no operation was begun".into());
    }
    if ended == 0 && disturbed.iter().any(|(_, over)| *over == Timestamp::MAX) {
        return Ok(Held::Undecided(
            "no operation ended, and a fault that was never healed may be why".into(),
        ));
    }
    if ended == 0 {
        return Ok(Held::NotApplicable("every operation was disturbed by a fault"));
    }
    Ok(Held::Passed(format!("{ended} operations ended, {late} disturbed by faults")))
}

/// Opaque submissions have no gateway that would try another replica.
fn lost_with_its_replica(run: &Run, replica: u32) -> bool {
    run.history.faults.iter().any(|fault| match &run.plan.faults[fault.fault].kind {
        FaultKind::Crash { replicas, .. } | FaultKind::Byzantine { replicas, .. } => {
            replicas.contains(&(replica as usize))
        }
        FaultKind::Pause { replicas } => fault.healed.is_none() && replicas.contains(&(replica as usize)),
        _ => false,
    })
}
