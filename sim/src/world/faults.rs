//! Faults as they strike and heal.

use super::transport::Transport;
use super::{Event, World, WorldError};
use crate::network::{Groups, HostId};
use crate::plan::FaultKind;

impl World {
    pub(super) fn strike(&mut self, fault: usize) {
        let lasts = self.plan.faults[fault].lasts;
        match self.plan.faults[fault].kind.clone() {
            FaultKind::Crash { replicas } => {
                for replica in replicas {
                    self.note_acts(HostId(replica as u32));
                    self.nodes[replica].down += 1;
                    self.nodes[replica].crash(self.now);
                    if let Transport::Quic(network) = &mut self.transport {
                        network.crash(self.now, HostId(replica as u32));
                    }
                    let lost = self.recorder.lost_with(self.now, replica);
                    self.go_on(self.now, lost);
                }
            }
            FaultKind::Pause { replicas } => {
                for replica in replicas {
                    self.nodes[replica].paused += 1;
                    if let Transport::Quic(network) = &mut self.transport {
                        network.pause(self.now, HostId(replica as u32));
                    }
                }
            }
            FaultKind::Ransomware { hospitals } => self.lose_gateways(&hospitals),
            // Who is hostile knows when.
            FaultKind::Byzantine { .. } | FaultKind::HostileGateway { .. } => {}
            FaultKind::Partition { groups } => {
                let groups = self.groups_of_hosts(&groups);
                self.partitions.push((fault, groups));
                self.apply_partitions();
            }
        }
        self.recorder.struck(fault, self.now);
        if let Some(lasts) = lasts {
            self.queue.push(self.now + lasts, Event::Heal { fault });
        }
    }

    pub(super) fn heal(&mut self, fault: usize) -> Result<(), WorldError> {
        match self.plan.faults[fault].kind.clone() {
            FaultKind::Crash { replicas } => {
                for replica in replicas {
                    // Another crash may have struck meanwhile.
                    self.nodes[replica].down -= 1;
                    if self.nodes[replica].down == 0 {
                        self.recorder.restarted(replica);
                        self.boot(HostId(replica as u32))?;
                    }
                }
            }
            FaultKind::Pause { replicas } => {
                for replica in replicas {
                    // Another pause may have struck meanwhile.
                    self.nodes[replica].paused -= 1;
                    if self.nodes[replica].paused == 0 {
                        self.go_on_after_pause(HostId(replica as u32));
                    }
                }
            }
            FaultKind::Ransomware { hospitals } => self.replace_gateways(&hospitals),
            FaultKind::Byzantine { .. } | FaultKind::HostileGateway { .. } => {}
            FaultKind::Partition { .. } => {
                self.partitions.retain(|(active, _)| *active != fault);
                self.apply_partitions();
            }
        }
        self.recorder.healed(fault, self.now);
        Ok(())
    }

    /// The group of every host: a gateway is with its home replica.
    fn groups_of_hosts(&self, groups: &[Vec<usize>]) -> Vec<u32> {
        let group_of =
            |replica: usize| groups.iter().position(|group| group.contains(&replica)).unwrap_or(0) as u32;
        let gateways =
            self.plan.population.institutions.iter().map(|institution| group_of(institution.replica));
        (0..self.replicas).map(group_of).chain(gateways).collect()
    }

    /// Two hosts reach each other if no active partition separates them.
    fn apply_partitions(&mut self) {
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
