//! Who sees everything that happens in a simulated world: for traces, explanations and charts.

use super::World;
use super::node::Machine;
use crate::network::HostId;
use crate::plan::Plan;
use crate::population::Population;
use bytes::Bytes;
use ledger_core::committee::Committee;
use ledger_core::gateway::{Command, Completion};
use ledger_core::replica::CommitReport;
use ledger_core::seam::{GatewayId, Input, Lane, Observation, Peer};
use ledger_core::time::Timestamp;
use ledger_core::work::Work;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// Is shown everything, in the order in which the world comes to it. Nothing that it does changes the run: replicas are
/// asked for their reasons, which costs wall-clock time alone.
pub trait Observer {
    /// Something happens.
    fn sees(&mut self, seen: Seen<'_>);
}

impl<O: Observer> Observer for Rc<RefCell<O>> {
    fn sees(&mut self, seen: Seen<'_>) {
        self.borrow_mut().sees(seen);
    }
}

/// What happens. Times of what a core, a disk or a link is busy with may lie ahead of the world's.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the variants say what the fields are")]
pub enum Seen<'a> {
    /// Before anything else.
    Begins { plan: &'a Plan, population: &'a Arc<Population>, committee: &'a Arc<Committee> },
    /// An operation starts at a gateway.
    Started { at: Timestamp, operation: u64, gateway: GatewayId, command: &'a Command },
    /// An operation has ended.
    Ended { at: Timestamp, operation: u64, completion: &'a Completion },
    /// A message is at its receiver, and waits until the machine comes to it.
    Arrived { at: Timestamp, host: Peer, from: Peer, bytes: &'a Bytes },
    /// A machine is about to handle something: what it does until its next step is the consequence.
    Handles { at: Timestamp, host: Peer, input: &'a Input },
    /// The machine's timer has come: the same.
    Wakes { at: Timestamp, host: Peer },
    /// The step has kept the machine's core busy.
    Step { host: Peer, from: Timestamp, to: Timestamp },
    /// A job keeps one of the other cores busy.
    Job { host: Peer, from: Timestamp, to: Timestamp, work: &'a Work },
    /// The disk writes so many bytes.
    Writes { host: Peer, from: Timestamp, to: Timestamp, bytes: usize },
    /// The disk makes durable what was written.
    Syncs { host: Peer, from: Timestamp, to: Timestamp },
    /// A message leaves.
    Sent { at: Timestamp, from: Peer, to: Peer, lane: Lane, bytes: &'a Bytes },
    /// A replica has executed a commit.
    Committed { at: Timestamp, replica: Peer, report: &'a CommitReport },
    /// A machine tells something beside its outputs.
    Observed { at: Timestamp, by: Peer, observation: &'a Observation },
    /// A fault of the plan strikes.
    Struck { at: Timestamp, fault: usize },
    /// A fault of the plan is healed.
    Healed { at: Timestamp, fault: usize },
}

impl World {
    /// Shows something to whoever looks on.
    #[inline]
    pub(super) fn see(&mut self, seen: Seen<'_>) {
        for observer in &mut self.observers {
            observer.sees(seen);
        }
    }

    /// Shows what there is before anything happens, and asks replicas for their reasons from now on.
    pub(super) fn begin_observation(&mut self) {
        if self.observers.is_empty() {
            return;
        }
        let (plan, committee) = (self.plan.clone(), self.committee.clone());
        let population = self.generator.population().clone();
        self.see(Seen::Begins { plan: &plan, population: &population, committee: &committee });
        (0..self.replicas as u32).for_each(|host| self.explain(HostId(host)));
    }

    /// Asks a replica for its reasons, if anybody looks on.
    pub(super) fn explain(&mut self, host: HostId) {
        if let (Some(Machine::Replica(replica)), false) =
            (&mut self.nodes[host.index()].machine, self.observers.is_empty())
        {
            replica.explain();
        }
    }

    pub(super) fn see_writing(&mut self, host: HostId, from: Timestamp, bytes: usize) {
        if !self.observers.is_empty() {
            let node = &self.nodes[host.index()];
            let (host, to) = (node.peer, node.disk.written_at());
            self.see(Seen::Writes { host, from, to, bytes });
        }
    }

    pub(super) fn see_syncing(&mut self, host: HostId, from: Timestamp, to: Timestamp) {
        if !self.observers.is_empty() {
            let host = self.nodes[host.index()].peer;
            self.see(Seen::Syncs { host, from, to });
        }
    }
}
