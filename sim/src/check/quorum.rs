//! Whether a quorum is left at the end: replicas that neither crash nor stand still for good, are not Byzantine, and reach
//! each other. Without one nothing can be ordered, and nobody promised that it would be.

use super::assumption::byzantine;
use crate::history::Run;
use crate::plan::FaultKind;
use ledger_core::committee::{ReplicaId, ReplicaSet};

/// Why no quorum is left, in words; `None` if one is.
pub(super) fn lost(run: &Run) -> Option<String> {
    let replicas = run.plan.replicas.len();
    // A run that was stopped has no end that says anything.
    if run.partial {
        return None;
    }
    let to_the_end = run.history.faults.iter().filter(|fault| fault.healed.is_none());
    let kinds: Vec<&FaultKind> = to_the_end.map(|fault| &run.plan.faults[fault.fault].kind).collect();
    let for_good = |replica: usize| run.history.replicas[replica].stays_down.is_some();
    let is_gone = |replica: &usize| for_good(*replica) || kinds.iter().any(|kind| halts(kind, *replica));
    let gone: Vec<usize> = (0..replicas).filter(is_gone).collect();
    let byzantine = byzantine(run);
    let id = |replica: usize| ReplicaId(replica as u16);
    let left: Vec<usize> = (0..replicas)
        .filter(|replica| !gone.contains(replica) && !byzantine.contains(id(*replica)))
        .collect();
    let with = |one: usize| -> ReplicaSet {
        let met = left.iter().filter(|other| !kinds.iter().any(|kind| parts(run, kind, one, **other)));
        met.map(|other| id(*other)).collect()
    };
    if left.iter().any(|replica| run.committee.is_quorum(&with(*replica))) {
        return None;
    }
    let most = left.iter().map(|replica| run.committee.stake_of(&with(*replica)).0).max().unwrap_or(0);
    let quorum = run.committee.quorum().0;
    let down = match gone.as_slice() {
        [] => String::new(),
        [one] => format!("; replica {one} is down to the end"),
        many => {
            let many: Vec<String> = many.iter().map(usize::to_string).collect();
            format!("; replicas {} are down to the end", many.join(", "))
        }
    };
    Some(format!("correct replicas that reach each other hold stake {most} where a quorum is {quorum}{down}"))
}

fn halts(kind: &FaultKind, replica: usize) -> bool {
    match kind {
        FaultKind::Crash { replicas, .. } | FaultKind::Pause { replicas } => replicas.contains(&replica),
        _ => false,
    }
}

/// Whether one of two does not hear the other.
fn parts(run: &Run, kind: &FaultKind, one: usize, other: usize) -> bool {
    if one == other {
        return false;
    }
    match kind {
        FaultKind::Partition { groups, bridge } => {
            let bridged = bridge.contains(&one) || bridge.contains(&other);
            !bridged && !groups.iter().any(|group| group.contains(&one) && group.contains(&other))
        }
        FaultKind::RegionOutage { regions } => {
            let out = |replica: usize| regions.contains(&run.plan.replicas[replica].region);
            out(one) || out(other)
        }
        FaultKind::OneWay { from, to } => {
            let cut = |one: &usize, other: &usize| from.contains(one) && to.contains(other);
            cut(&one, &other) || cut(&other, &one)
        }
        _ => false,
    }
}
