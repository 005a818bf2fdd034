//! Who reaches whom.

use crate::network::Groups;
use crate::world::World;

impl World {
    /// The group of every host: a gateway is with its home replica.
    pub(super) fn groups_of_hosts(&self, groups: &[Vec<usize>]) -> Vec<u32> {
        let group_of =
            |replica: usize| groups.iter().position(|group| group.contains(&replica)).unwrap_or(0) as u32;
        let gateways =
            self.plan.population.institutions.iter().map(|institution| group_of(institution.replica));
        (0..self.replicas).map(group_of).chain(gateways).collect()
    }

    /// Two hosts reach each other if no active partition separates them.
    pub(super) fn apply_partitions(&mut self) {
        if self.partitions.is_empty() {
            return self.set_groups(Groups::default());
        }
        let mut combined: Vec<Vec<u32>> = vec![Vec::new(); self.nodes.len()];
        for (_, groups) in &self.partitions {
            for (host, group) in combined.iter_mut().zip(groups) {
                host.push(*group);
            }
        }
        let mut distinct = combined.clone();
        distinct.sort();
        distinct.dedup();
        let number = |groups: &Vec<u32>| distinct.binary_search(groups).unwrap_or(0) as u32;
        self.set_groups(Groups::of(combined.iter().map(number).collect()));
    }
}
