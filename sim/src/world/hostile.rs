//! Who is hostile, and what is noted of it.

use super::World;
use super::node::Machine;
use crate::byzantine::{Byzantine, HostileGateway, Script, Targets};
use crate::history::Vouching;
use crate::network::HostId;
use crate::plan::Plan;
use crate::population::Population;
use crate::seed::Seed;
use bytes::Bytes;
use ledger_core::block::Block;
use ledger_core::committee::Committee;
use ledger_core::gateway::Gateway;
use ledger_core::message::Message;
use ledger_core::replica::{Replica, ReplicaConfig, SnapshotError};
use ledger_core::seam::{GatewayId, JournalEntry, JournalPosition, Peer};
use ledger_core::time::Timestamp;
use std::sync::Arc;

/// Patients that a hostile gateway lies about.
const PATIENTS_MAX: u64 = 64;

/// A replica, correct or not, as the plan says.
pub(super) fn cast_replica(
    plan: &Plan,
    seed: &Seed,
    config: ReplicaConfig,
    now: Timestamp,
    (journal, entries): (JournalPosition, Vec<JournalEntry>),
) -> Result<Machine, SnapshotError> {
    Ok(match Script::of(plan, config.id.index()) {
        Some(script) => {
            let byzantine = Byzantine::new(config, script, seed, now, (journal, entries))?;
            Machine::Byzantine(Box::new(byzantine))
        }
        None => Machine::Replica(Box::new(Replica::new(config, now, journal, entries)?)),
    })
}

/// A gateway, hostile or not, as the plan says.
pub(super) fn cast_gateway(
    plan: &Plan,
    seed: &Seed,
    population: &Population,
    committee: &Arc<Committee>,
    id: GatewayId,
    gateway: Gateway,
) -> Machine {
    if !HostileGateway::is_cast(plan, id.0 as usize) {
        return Machine::Gateway(Box::new(gateway));
    }
    let patients = (0..population.patients().min(PATIENTS_MAX)).map(|index| {
        let patient = population.patient(index);
        (patient, population.key_of(patient).public())
    });
    let targets = Targets {
        patients: patients.collect(),
        scope: population.genesis_scope(),
        gateways: population.institutions() as u32,
    };
    let committee = committee.clone();
    Machine::HostileGateway(Box::new(HostileGateway::new(gateway, id, committee, plan, seed, targets)))
}

impl World {
    pub(super) fn is_byzantine(&self, host: HostId) -> bool {
        matches!(self.nodes[host.index()].machine, Some(Machine::Byzantine(_)))
    }

    /// Takes down what a hostile machine has done so far.
    pub(super) fn note_acts(&mut self, host: HostId) {
        let (acts, forged) = match &mut self.nodes[host.index()].machine {
            Some(Machine::Byzantine(byzantine)) => (byzantine.take_acts(), Vec::new()),
            Some(Machine::HostileGateway(hostile)) => hostile.take_acts(),
            Some(Machine::Replica(_) | Machine::Gateway(_)) | None => return,
        };
        let hostility = self.recorder.hostility();
        for (behaviour, count) in acts {
            *hostility.acts.entry(behaviour).or_default() += count;
        }
        hostility.forged.extend(forged);
    }

    /// A correct replica sends its block to all: whoever accepts it accepts first what it follows.
    pub(super) fn note_vouching(&mut self, at: Timestamp, from: Peer, bytes: &Bytes) {
        let plan = &self.plan;
        let (Peer::Replica(by), true) = (from, plan.byzantine().next().is_some()) else { return };
        let Ok(Message::Block(block)) = Message::decode(bytes) else { return };
        let Ok(block) = Block::from_journal(&self.committee, block) else { return };
        for ancestor in block.ancestors() {
            if ancestor.round.0 == 0 || !plan.byzantine().any(|replica| replica == ancestor.author.index()) {
                continue;
            }
            let key = (ancestor.author, ancestor.round);
            self.recorder.hostility().vouch(key, Vouching { at, by, block: *ancestor });
        }
    }
}
