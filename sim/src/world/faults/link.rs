//! Links that are worse than the plan has them, and regions that are gone.

use crate::network::Impairment;
use crate::plan::{Direction, FaultKind};
use crate::world::World;
use crate::world::transport::Transport;

impl World {
    /// A fault of links is in force from now on, or no longer.
    pub(super) fn impair(&mut self, fault: usize, in_force: bool) {
        self.impaired.retain(|active| *active != fault);
        if in_force {
            self.impaired.push(fault);
        }
        let mut hosts = Vec::new();
        if !self.impaired.is_empty() {
            hosts.resize(self.nodes.len(), [Impairment::default(); 2]);
        }
        for &fault in &self.impaired {
            if let FaultKind::Link { replicas, direction, loss_ppb, delay } = &self.plan.faults[fault].kind {
                let delay_ns = ledger_core::time::nanos(*delay);
                let added = Impairment { loss_ppb: *loss_ppb, delay_ns };
                for &replica in replicas {
                    let [out, into] = &mut hosts[replica];
                    if matches!(direction, Direction::Out | Direction::Both) {
                        *out = out.and(added);
                    }
                    if matches!(direction, Direction::In | Direction::Both) {
                        *into = into.and(added);
                    }
                }
            }
        }
        match &mut self.transport {
            Transport::Message(network) => network.impair(hosts),
            Transport::Quic(network) => network.impair(hosts),
        }
    }

    /// Each host of these regions alone, and all others together.
    pub(super) fn regions_apart(&self, regions: &[usize]) -> Vec<u32> {
        let replicas = self.plan.replicas.iter().map(|replica| replica.region);
        let gateways = self.plan.population.institutions.iter().map(|institution| institution.region);
        let hosts = replicas.chain(gateways).enumerate();
        hosts.map(|(host, region)| if regions.contains(&region) { host as u32 + 1 } else { 0 }).collect()
    }
}
