//! Links that are worse than the plan has them, and regions that are gone.

use crate::network::{Impairment, Shared, WorseLinks};
use crate::plan::{Direction, LinkFault};
use crate::world::World;
use crate::world::transport::Transport;
use ledger_core::time::Timestamp;

impl World {
    /// A fault of links is in force from now on.
    pub(super) fn impair(&mut self, fault: usize, link: &LinkFault, until: Timestamp) {
        let links = self.worse_links(link, until);
        match &mut self.transport {
            Transport::Message(network) => network.impair(fault, links),
            Transport::Quic(network) => network.impair(fault, links),
        }
    }

    /// No longer.
    pub(super) fn mend(&mut self, fault: usize) {
        match &mut self.transport {
            Transport::Message(network) => network.mend(fault),
            Transport::Quic(network) => network.mend(fault),
        }
    }

    /// By direction, out first.
    fn worse_links(&self, link: &LinkFault, until: Timestamp) -> Vec<WorseLinks> {
        let adds = Impairment {
            loss_ppb: link.loss_ppb,
            delay_ns: ledger_core::time::nanos(link.delay),
            duplication_ppb: link.duplication_ppb,
            reordering_ppb: link.reordering_ppb,
        };
        let regions: Vec<usize> = self.regions_of_hosts().collect();
        let in_region = |named: usize| regions.iter().map(|region| *region == named).collect::<Vec<bool>>();
        let near: Vec<bool> = match link.between {
            Some([near, _]) => in_region(near),
            None => {
                let host = |(host, region): (usize, &usize)| {
                    link.replicas.contains(&host) || link.regions.contains(region)
                };
                regions.iter().enumerate().map(host).collect()
            }
        };
        let far = match link.between {
            Some([_, far]) => in_region(far),
            None => vec![true; regions.len()],
        };
        let narrow = |own: Shared| {
            let shared = if link.between.is_some() { Shared::ByAll } else { own };
            link.bandwidth_bits_per_s.map(|bandwidth| (bandwidth, shared))
        };
        let mut links = Vec::new();
        if matches!(link.direction, Direction::Out | Direction::Both) {
            let bandwidth = narrow(Shared::BySender);
            let (from, to) = (near.clone(), far.clone());
            links.push(WorseLinks { from, to, adds, bandwidth, until_ns: until.0 });
        }
        if matches!(link.direction, Direction::In | Direction::Both) {
            let bandwidth = narrow(Shared::ByReceiver);
            links.push(WorseLinks { from: far, to: near, adds, bandwidth, until_ns: until.0 });
        }
        links
    }

    /// Replicas first.
    fn regions_of_hosts(&self) -> impl Iterator<Item = usize> + '_ {
        let replicas = self.plan.replicas.iter().map(|replica| replica.region);
        replicas.chain(self.plan.population.institutions.iter().map(|institution| institution.region))
    }

    /// Each host of these regions alone, and all others together.
    pub(super) fn regions_apart(&self, regions: &[usize]) -> Vec<u32> {
        let hosts = self.regions_of_hosts().enumerate();
        hosts.map(|(host, region)| if regions.contains(&region) { host as u32 + 1 } else { 0 }).collect()
    }
}
