//! What a hunt exercised, and what it never did. Sums, so that the order of the runs does not matter.

use super::draw::{Case, KINDS};
use crate::check::{Status, Verdict};
use crate::history::{OperationKind, Run};
use crate::plan::{GatewayBehaviour, ReplicaBehaviour};
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::Refusal;
use serde::Serialize;
use std::collections::BTreeMap;

/// How operations of clients end, beside being refused.
pub const ENDS: [&str; 7] =
    ["done", "key refused", "corrupt", "rejected", "overloaded", "timed out", "not ended"];

/// How often what happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Faults drawn, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Commits, of the first replica to report each.
    pub commits: u64,
    /// Leader slots that replicas committed directly, committed indirectly, skipped directly, skipped indirectly. A replica's
    /// counts, as all of its own below, are those since its last restart.
    pub decisions: [u64; 4],
    /// Timeouts that expired while a replica waited for a leader.
    pub leader_timeouts: u64,
    /// Blocks that replicas refused.
    pub blocks_refused: u64,
    /// Restarts from disk.
    pub restarts: u64,
    /// Messages that did not arrive.
    pub undelivered: u64,
    /// Accusations: a machine saw what no correct one does.
    pub misbehaviour: u64,
    /// Pairs of blocks of one author and round that correct replicas had.
    pub equivocations: u64,
    /// What hostile machines did, by the name of their behaviour.
    pub acts: BTreeMap<&'static str, u64>,
    /// Operations started, by kind.
    pub operations: BTreeMap<String, u64>,
    /// How they ended, by name of [`ENDS`].
    pub ends: BTreeMap<&'static str, u64>,
    /// Refusals that the ledger executed, every name of which there is one.
    pub refusals: BTreeMap<String, u64>,
    /// Runs in which each checker passed, failed, could not tell, did not apply, fell short because more was faulty than is tolerated.
    pub verdicts: BTreeMap<&'static str, [u64; 5]>,
}

impl Default for Coverage {
    fn default() -> Self {
        let replicas = ReplicaBehaviour::ALL.iter().map(|(name, _)| *name);
        let gateways = GatewayBehaviour::ALL.iter().map(|(name, _)| *name);
        // The ledger's codec knows its refusals by number.
        let refusals = (0..=u8::MAX).filter_map(|tag| borsh::from_slice::<Refusal>(&[tag]).ok());
        Self {
            faults: KINDS.iter().map(|(kind, _)| (*kind, 0)).collect(),
            commits: 0,
            decisions: [0; 4],
            leader_timeouts: 0,
            blocks_refused: 0,
            restarts: 0,
            undelivered: 0,
            misbehaviour: 0,
            equivocations: 0,
            acts: replicas.chain(gateways).map(|behaviour| (behaviour, 0)).collect(),
            operations: BTreeMap::new(),
            ends: ENDS.iter().map(|end| (*end, 0)).collect(),
            refusals: refusals.map(|refusal| (format!("{refusal:?}"), 0)).collect(),
            verdicts: BTreeMap::new(),
        }
    }
}

impl Coverage {
    /// Takes a run into account; `None` if it panicked.
    pub fn note(&mut self, case: &Case, outcome: Option<(&Run, &[Verdict])>) {
        for fault in &case.faults {
            *self.faults.entry(fault.kind).or_default() += 1;
        }
        let Some((run, verdicts)) = outcome else { return };
        let history = &run.history;
        self.commits += history.commits.len() as u64;
        for replica in &history.replicas {
            let status = &replica.status.protocol;
            self.decisions.iter_mut().zip(status.decisions).for_each(|(sum, more)| *sum += more);
            self.leader_timeouts += status.leader_timeouts;
            self.blocks_refused += status.refused;
            self.restarts += replica.restarts;
        }
        self.undelivered += history.network.undelivered;
        self.misbehaviour += history.misbehaviour.len() as u64;
        self.equivocations += history.equivocations.len() as u64;
        for (behaviour, count) in &history.hostility.acts {
            *self.acts.entry(behaviour).or_default() += count;
        }
        for operation in &history.operations {
            *self.operations.entry(name(operation.kind)).or_default() += 1;
            if let Some(end) = end(operation.ended.map(|(_, end)| end)) {
                *self.ends.entry(end).or_default() += 1;
            }
        }
        let answers = history.executed.iter().flat_map(|(_, done)| done.answers.iter());
        for refusal in answers.filter_map(|answer| answer.refusal()) {
            *self.refusals.entry(format!("{refusal:?}")).or_default() += 1;
        }
        for verdict in verdicts {
            let place = match verdict.status {
                Status::Passed => 0,
                Status::Failed => 1,
                Status::Undecided => 2,
                Status::NotApplicable => 3,
                Status::Expected => 4,
            };
            self.verdicts.entry(verdict.checker).or_default()[place] += 1;
        }
    }

    /// Adds what another thread saw.
    pub fn add(&mut self, other: Self) {
        fn sum<K: Ord>(into: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
            from.into_iter().for_each(|(key, more)| *into.entry(key).or_default() += more);
        }
        sum(&mut self.faults, other.faults);
        sum(&mut self.acts, other.acts);
        self.equivocations += other.equivocations;
        sum(&mut self.operations, other.operations);
        sum(&mut self.ends, other.ends);
        sum(&mut self.refusals, other.refusals);
        for (checker, counts) in other.verdicts {
            let row = self.verdicts.entry(checker).or_default();
            row.iter_mut().zip(counts).for_each(|(sum, more)| *sum += more);
        }
        self.decisions.iter_mut().zip(other.decisions).for_each(|(sum, more)| *sum += more);
        self.commits += other.commits;
        self.leader_timeouts += other.leader_timeouts;
        self.blocks_refused += other.blocks_refused;
        self.restarts += other.restarts;
        self.undelivered += other.undelivered;
        self.misbehaviour += other.misbehaviour;
    }
}

/// As in `result.json`.
fn name(kind: OperationKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(_) | Err(_) => format!("{kind:?}"),
    }
}

/// `None` for what the ledger refused, which is counted by its reason.
fn end(end: Option<End>) -> Option<&'static str> {
    let place = match end {
        Some(End::Done(_) | End::Answered) => 0,
        Some(End::Refused(_)) => return None,
        Some(End::KeyRefused(_)) => 1,
        Some(End::Corrupt) => 2,
        Some(End::Rejected) => 3,
        Some(End::Overloaded) => 4,
        Some(End::TimedOut) => 5,
        None => 6,
    };
    Some(ENDS[place])
}
