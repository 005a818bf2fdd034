//! Who reaches whom.

use crate::network::{Cut, Groups};
use crate::plan::FaultKind;
use crate::world::{Event, World};
use ledger_core::time::Timestamp;

impl World {
    /// A fault separates hosts of different groups, or no longer.
    pub(super) fn separate(&mut self, fault: usize, groups: Option<Vec<u32>>) {
        self.partitions.retain(|(active, _)| *active != fault);
        self.partitions.extend(groups.map(|groups| (fault, groups)));
        self.apply_partitions();
    }

    /// Groups no longer reach each other, but for a bridge between them.
    pub(super) fn pull_apart(&mut self, fault: usize, groups: &[Vec<usize>], bridge: &[usize]) {
        let of = self.groups_of_hosts(groups);
        if bridge.is_empty() {
            return self.separate(fault, Some(of));
        }
        // Reaching each other is no longer transitive: each group is cut off from all others.
        let homes = self.plan.population.institutions.iter().map(|institution| institution.replica);
        let bridging: Vec<bool> =
            (0..self.replicas).chain(homes).map(|home| bridge.contains(&home)).collect();
        for group in 0..groups.len() as u32 {
            let side = |inside: bool| {
                let hosts = of.iter().zip(&bridging);
                hosts.map(|(of, bridging)| !bridging && (*of == group) == inside).collect()
            };
            self.cuts.push((fault, Cut { from: side(true), to: side(false) }));
        }
        self.apply_partitions();
    }

    /// What a fault separated or cut reaches each other again.
    pub(super) fn join(&mut self, fault: usize) {
        self.partitions.retain(|(active, _)| *active != fault);
        self.cuts.retain(|(active, _)| *active != fault);
        self.apply_partitions();
    }

    fn is_apart(&self, fault: usize) -> bool {
        self.partitions.iter().any(|(active, _)| *active == fault)
            || self.cuts.iter().any(|(active, _)| *active == fault)
    }

    /// A partition that changes in itself begins, or has its next turn.
    pub(in crate::world) fn turn_partition(&mut self, fault: usize, until: Timestamp) {
        let next = match &self.plan.faults[fault].kind {
            FaultKind::Flapping { groups, bridge, period } => {
                let (groups, bridge, period) = (groups.clone(), bridge.clone(), *period);
                match self.is_apart(fault) {
                    true => self.join(fault),
                    false => self.pull_apart(fault, &groups, &bridge),
                }
                Some(period / 2)
            }
            FaultKind::IsolateLeader { period } => {
                let period = *period;
                self.separate(fault, self.leader_apart());
                period
            }
            _ => return,
        };
        // When it ends, it is healed.
        if let Some(next) = next.map(|next| self.now + next).filter(|next| *next < until) {
            self.queue.push(next, Event::Turn { fault, until });
        }
    }

    /// The leader alone, and all others; `None` while nobody is up.
    fn leader_apart(&self) -> Option<Vec<u32>> {
        let statuses = self.nodes[..self.replicas].iter().filter_map(|node| node.replica_status());
        let furthest = statuses.map(|status| status.protocol).max_by_key(|status| status.round)?;
        let leader = furthest.leader?.index();
        Some((0..self.nodes.len()).map(|host| u32::from(host == leader)).collect())
    }

    pub(super) fn cut(&self, from: &[usize], to: &[usize]) -> Cut {
        let hosts = |named: &[usize]| (0..self.nodes.len()).map(|host| named.contains(&host)).collect();
        Cut { from: hosts(from), to: hosts(to) }
    }

    /// The group of every host: a gateway is with its home replica.
    pub(super) fn groups_of_hosts(&self, groups: &[Vec<usize>]) -> Vec<u32> {
        let group_of =
            |replica: usize| groups.iter().position(|group| group.contains(&replica)).unwrap_or(0) as u32;
        let gateways =
            self.plan.population.institutions.iter().map(|institution| group_of(institution.replica));
        (0..self.replicas).map(group_of).chain(gateways).collect()
    }

    /// Two hosts reach each other if no active partition separates them, and nothing cuts that way.
    pub(super) fn apply_partitions(&mut self) {
        let cuts = self.cuts.iter().map(|(_, cut)| cut.clone()).collect();
        if self.partitions.is_empty() {
            return self.set_groups(Groups::default().with(cuts));
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
        self.set_groups(Groups::of(combined.iter().map(number).collect()).with(cuts));
    }
}
