//! Validity: an operation of a correct client ends. What was under way while a fault was in force, or shortly after,
//! may run out of time; everything else must not.

use super::assumption::byzantine;
use super::{Held, Judgement, quorum};
use crate::history::{Operation, OperationKind, Run};
use crate::plan::FaultKind;
use ledger_core::committee::ReplicaId;
use ledger_core::gateway::End;
use ledger_core::time::{Duration, Timestamp};

/// After a fault is healed, operations may still suffer from it for this long.
const GRACE: Duration = Duration::from_secs(5);

pub(super) fn check(run: &Run) -> Judgement {
    let history = &run.history;
    let disturbed: Vec<(Timestamp, Timestamp)> = history
        .faults
        .iter()
        .filter(|fault| disturbs(&run.plan.faults[fault.fault].kind))
        .map(|fault| (fault.at, fault.healed.map_or(Timestamp::MAX, |healed| healed + GRACE)))
        .collect();
    let excused = |from: Timestamp, until: Timestamp| {
        disturbed.iter().any(|(struck, healed)| from <= *healed && until >= *struck)
    };
    // Who submits to a Byzantine replica itself may never hear of it.
    let byzantine = byzantine(run);
    let replica = |operation: &Operation| ReplicaId(operation.gateway.0 as u16);
    let mut ended = 0u64;
    let mut late = 0u64;
    for (number, operation) in history.operations.iter().enumerate() {
        match operation.ended {
            Some((_, End::Done(_) | End::Answered | End::Refused(_) | End::KeyRefused(_) | End::Corrupt)) => {
                ended += 1
            }
            Some((at, _)) if excused(operation.scheduled, at) => late += 1,
            Some(_)
                if operation.kind == OperationKind::Opaque
                    && lost_with_its_replica(run, operation.gateway.0) =>
            {
                late += 1;
            }
            None if operation.kind == OperationKind::Opaque && byzantine.contains(replica(operation)) => {
                late += 1;
            }
            None if run.partial || excused(operation.scheduled, run.end) => late += 1,
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
        && let Some(why) = quorum::lost(run)
    {
        return Ok(Held::Exceeded(format!(
            "expected loss of liveness: {why}; {ended} operations ended well, {late} did not"
        )));
    }
    if ended == 0 {
        return Err("no operation ended".into());
    }
    Ok(Held::Passed(format!("{ended} operations ended, {late} disturbed by faults")))
}

/// Hostile machines, within the assumption, excuse nothing, and nobody notices damage before a crash.
fn disturbs(kind: &FaultKind) -> bool {
    !matches!(kind, FaultKind::Byzantine { .. } | FaultKind::HostileGateway { .. } | FaultKind::BitRot { .. })
}

/// Opaque submissions have no gateway that would try another replica.
fn lost_with_its_replica(run: &Run, replica: u32) -> bool {
    run.history.faults.iter().any(|fault| match &run.plan.faults[fault.fault].kind {
        FaultKind::Crash { replicas, .. } | FaultKind::Byzantine { replicas, .. } => {
            replicas.contains(&(replica as usize))
        }
        _ => false,
    })
}
