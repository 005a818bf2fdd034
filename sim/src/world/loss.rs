//! A gateway that is gone for good, with its vault and its secret, and the one that takes its place.
//!
//! The new one has another secret and another wrap key, holds nothing and knows nothing; the regulator has the wrap key
//! listed, so that from one instant on every gateway finds it in its directory. What it is known by on the network stays:
//! that key is a certificate's, which is kept apart from the vault.

use super::node::Machine;
use super::transport::Transport;
use super::{Event, World, directory};
use crate::host::disk::Kept;
use crate::plan::{FaultKind, Plan};
use crate::workload::PATIENCE;
use ledger_core::gateway::{Completion, End, Gateway, GatewayTuning};
use ledger_core::seam::{GatewayId, Peer};
use ledger_core::time::Timestamp;
use std::sync::Arc;

/// Sealed documents that a gateway keeps for others, where somebody may come to need them.
const COPIES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What gateways are told: where a vault will be lost, readers keep copies.
pub(super) fn tuning(plan: &Plan) -> GatewayTuning {
    let loses = plan.faults.iter().any(|fault| matches!(fault.kind, FaultKind::Ransomware { .. }));
    GatewayTuning { copies_bytes_max: if loses { COPIES_BYTES_MAX } else { 0 }, ..GatewayTuning::default() }
}

impl World {
    /// Patients' homes have copies of what a hospital keeps that will lose it. Copies of what nobody loses are never asked
    /// for, and are not made.
    pub(super) fn preload_copies(&mut self) {
        let population = self.generator.population().clone();
        for fault in &self.plan.faults {
            let FaultKind::Ransomware { hospitals } = &fault.kind else { continue };
            for custodian in hospitals.iter().map(|hospital| GatewayId(*hospital as u32)) {
                for (record, _) in population.custody(custodian) {
                    let holder = population.copy_holder(record).and_then(|home| population.gateway(home));
                    let Some(holder) = holder else { continue };
                    let commitment = population.imported_commitment(record);
                    let copy = commitment.zip(population.sealed_copy(record));
                    let (commitment, document) =
                        copy.expect("a record in custody at genesis is one of genesis");
                    let node = &mut self.nodes[self.replicas + holder.0 as usize];
                    if let Some(Machine::Gateway(gateway)) = &mut node.machine {
                        gateway.preload_copy((record, commitment), (custodian, document));
                    }
                }
            }
        }
    }

    pub(super) fn lose_gateways(&mut self, hospitals: &[usize]) {
        for hospital in hospitals {
            let gateway = GatewayId(*hospital as u32);
            let host = self.host_of(Peer::Gateway(gateway));
            self.note_acts(host);
            self.nodes[host.index()].crash(self.now, Kept::Durable);
            if let Transport::Quic(network) = &mut self.transport {
                network.crash(self.now, host);
            }
            for (operation, scheduled) in self.recorder.under_way_at(gateway) {
                let deadline = (scheduled + PATIENCE).min(self.arrivals_end + self.plan.drain);
                self.queue.push(deadline.max(self.now), Event::GaveUp { operation });
            }
            let notes = self.generator.gateway_lost(self.now, gateway);
            self.recorder.note(notes);
        }
    }

    pub(super) fn replace_gateways(&mut self, hospitals: &[usize]) {
        for hospital in hospitals {
            let config = &mut self.gateway_configs[*hospital];
            config.secret = self.generator.population().new_gateway_secret(config.id);
        }
        let configs = &self.gateway_configs;
        let secret = |gateway: GatewayId| configs[gateway.0 as usize].secret;
        let directory = Arc::new(directory(self.generator.population(), &secret));
        for config in &mut self.gateway_configs {
            config.directory = directory.clone();
        }
        for node in &mut self.nodes {
            if let Some(gateway) = node.machine.as_mut().and_then(Machine::as_gateway) {
                gateway.set_directory(directory.clone());
            }
        }
        for hospital in hospitals {
            let config = self.gateway_configs[*hospital].clone();
            let (gateway, wrap_key) = (config.id, Gateway::wrap_key(config.secret));
            let host = self.host_of(Peer::Gateway(gateway));
            let node = &mut self.nodes[host.index()];
            // A lost gateway's hostility is lost with it.
            node.machine = Some(Machine::Gateway(Box::new(Gateway::new(config))));
            node.busy_until = self.now;
            self.on_network(|network, now, _| network.start(now, host));
            self.connect(host);
            self.started_machine(host);
            self.generator.gateway_replaced(gateway, wrap_key);
        }
    }

    /// An operation at a gateway that is gone: its user has waited long enough.
    pub(super) fn gave_up(&mut self, operation: u64) {
        let completion = Completion::new(operation, End::TimedOut);
        let at: Timestamp = self.now;
        if self.recorder.completed(at, operation, &completion) {
            if let Some(witness) = &mut self.witness {
                witness.ended(at, operation, &completion);
            }
            self.go_on(at, [(operation, completion)]);
        }
    }
}
