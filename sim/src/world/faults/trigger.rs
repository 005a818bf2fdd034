//! Faults that wait for something to come to pass.

use crate::network::HostId;
use crate::plan::Trigger;
use crate::world::World;
use ledger_core::replica::ReplicaStatus;

impl World {
    /// A fault's time has come: it strikes, or waits for its trigger from now on.
    pub(in crate::world) fn strike_when(&mut self, fault: usize) {
        match self.plan.faults[fault].when {
            Some(trigger) if !self.has_come(trigger) => self.awaiting.push(fault),
            Some(_) | None => self.strike(fault),
        }
    }

    /// What has come to pass strikes, in the order of the plan. Only a step in which a replica proposed or executed can
    /// have brought it about: such a step has stirred the world.
    pub(in crate::world) fn strike_awaited(&mut self) {
        let stirred = std::mem::take(&mut self.stirred);
        if self.awaiting.is_empty() || !stirred {
            return;
        }
        let plan = &self.plan;
        let of = |fault: usize| plan.faults[fault].when.is_none_or(|trigger| self.has_come(trigger));
        let (mut come, waiting): (Vec<usize>, Vec<usize>) =
            self.awaiting.iter().partition(|fault| of(**fault));
        self.awaiting = waiting;
        come.sort_unstable();
        come.into_iter().for_each(|fault| self.strike(fault));
    }

    fn has_come(&self, trigger: Trigger) -> bool {
        let reached = |status: ReplicaStatus| match trigger {
            Trigger::Commits(commits) => status.executed >= commits,
            Trigger::Round(round) => status.protocol.round.0 >= round,
            Trigger::LeaderChanges(changes) => status.protocol.leader_changes >= changes,
        };
        // What a Byzantine replica says of itself counts for nothing.
        let correct = (0..self.replicas as u32).map(HostId).filter(|host| !self.is_byzantine(*host));
        correct.filter_map(|host| self.nodes[host.index()].replica_status()).any(reached)
    }
}
