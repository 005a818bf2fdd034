//! Durability: what a client holds a receipt for is in the agreed sequence, and a quorum of replicas still has it at
//! the end, whatever crashed in between. A replica that cannot start from a journal that nothing but crashes happened to has
//! lost what it was to keep, whatever the others have.

use super::assumption::byzantine;
use super::{Held, Judgement};
use crate::history::{Operation, OperationKind, Run};
use ledger_core::committee::{ReplicaId, ReplicaSet};
use std::collections::BTreeMap;

pub(super) fn check(run: &Run) -> Judgement {
    let history = &run.history;
    let fallen = history.replicas.iter().enumerate();
    let mut fallen = fallen.filter(|(index, _)| !run.plan.rotten().any(|rotten| rotten == *index));
    if let Some((index, why)) = fallen.find_map(|(index, row)| Some((index, row.stays_down.as_ref()?))) {
        return Err(format!("replica {index} cannot start from what it wrote: {why}"));
    }
    let byzantine = byzantine(run);
    let executed: BTreeMap<_, u64> =
        history.executed.iter().rev().map(|(commit, done)| (done.transaction, *commit)).collect();
    let mut acknowledged = 0u64;
    let mut last = 0;
    for operation in &history.operations {
        let Some(transaction) = acknowledged_transaction(operation) else { continue };
        // An opaque submission is acknowledged by a replica's word alone, which is no evidence if it is Byzantine.
        let replica = ReplicaId(operation.gateway.0 as u16);
        if operation.kind == OperationKind::Opaque && byzantine.contains(replica) {
            continue;
        }
        acknowledged += operation.actions;
        let Some(commit) = executed.get(&transaction) else {
            if history.unreported > 0 {
                let unreported = history.unreported;
                return Ok(Held::Undecided(format!(
                    "{transaction} was acknowledged, and may be in one of {unreported} commits that nobody reported"
                )));
            }
            return Err(format!("{transaction} was acknowledged and is in no commit"));
        };
        last = last.max(*commit);
    }
    // That a Byzantine replica is up, or has what it should, is taken for granted: a quorum has correct ones enough.
    let up: ReplicaSet = with(run, |_| true);
    if !run.committee.is_quorum(&up) {
        return Ok(Held::Undecided(format!("only {} replicas are up at the end", up.len())));
    }
    let mut holders = with(run, |executed| executed >= last);
    holders.extend(&byzantine);
    if !run.partial && !run.committee.is_quorum(&holders) {
        return Err(format!(
            "commit {last} holds an acknowledged transaction, and only {holders:?} have it at the end"
        ));
    }
    Ok(Held::Passed(format!("{acknowledged} acknowledged transactions, the last in commit {last}")))
}

fn acknowledged_transaction(operation: &Operation) -> Option<ledger_core::crypto::Digest> {
    operation.receipt_at?;
    operation.transaction
}

/// Replicas that are up and have executed so far.
fn with(run: &Run, enough: impl Fn(u64) -> bool) -> ReplicaSet {
    let replicas = run.history.replicas.iter().enumerate();
    replicas
        .filter(|(_, record)| record.up && enough(record.status.executed))
        .map(|(index, _)| ReplicaId(index as u16))
        .collect()
}
