//! Faults as they strike and heal.

mod disk;
mod link;
mod partition;
mod process;
mod slow;
mod trigger;

use super::{Event, World};
use crate::host::disk::Trouble;
use crate::plan::FaultKind;
use ledger_core::time::Timestamp;
pub(super) use process::Trap;
pub(super) use slow::{Part, Slowness};

impl World {
    pub(super) fn strike(&mut self, fault: usize) {
        match &self.plan.faults[fault].kind {
            // It strikes when what it lies in wait for comes.
            FaultKind::Crash { replicas, persist: Some(point), .. } => {
                let trap = Trap::new(fault, *point);
                replicas.iter().for_each(|replica| self.nodes[*replica].traps.push(trap));
            }
            _ => self.strike_now(fault),
        }
    }

    pub(super) fn strike_now(&mut self, fault: usize) {
        let lasts = self.plan.faults[fault].lasts;
        let mut over = false;
        match self.plan.faults[fault].kind.clone() {
            FaultKind::Crash { replicas, disk, .. } => self.crash(&replicas, disk),
            FaultKind::Pause { replicas } => self.pause(&replicas),
            FaultKind::Ransomware { hospitals } => self.lose_gateways(&hospitals),
            // Who is hostile knows when.
            FaultKind::Byzantine { .. } | FaultKind::HostileGateway { .. } => {}
            FaultKind::Partition { groups } => {
                self.separate(fault, Some(self.groups_of_hosts(&groups)));
            }
            FaultKind::Flapping { .. } | FaultKind::IsolateLeader { .. } => {
                let until = lasts.map_or(Timestamp::MAX, |lasts| self.now + lasts);
                self.turn_partition(fault, until);
            }
            FaultKind::Link { .. } => self.impair(fault, true),
            FaultKind::RegionOutage { regions } => {
                self.separate(fault, Some(self.regions_apart(&regions)));
            }
            FaultKind::OneWay { from, to } => {
                self.cuts.push((fault, self.cut(&from, &to)));
                self.apply_partitions();
            }
            FaultKind::SlowCpu { replicas, factor_milli } => {
                self.slow(fault, &replicas, Part::Cpu, factor_milli);
            }
            FaultKind::SlowDisk { replicas, factor_milli } => {
                self.slow(fault, &replicas, Part::Disk, factor_milli);
            }
            FaultKind::StalledDisk { replicas } => self.begin_trouble(&replicas, Trouble::Stalled),
            FaultKind::DiskFull { replicas } => self.begin_trouble(&replicas, Trouble::Full),
            FaultKind::BitRot { replicas, bits } => {
                self.rot(fault, &replicas, bits);
                over = true;
            }
        }
        self.recorder.struck(fault, self.now);
        if over {
            self.recorder.healed(fault, self.now);
        }
        if let Some(lasts) = lasts {
            self.queue.push(self.now + lasts, Event::Heal { fault });
        }
    }

    pub(super) fn heal(&mut self, fault: usize) {
        match self.plan.faults[fault].kind.clone() {
            FaultKind::Crash { replicas, .. } => self.restart(&replicas),
            FaultKind::Pause { replicas } => self.go_on_after(&replicas),
            FaultKind::Ransomware { hospitals } => self.replace_gateways(&hospitals),
            FaultKind::Byzantine { .. } | FaultKind::HostileGateway { .. } => {}
            FaultKind::Partition { .. } | FaultKind::Flapping { .. } | FaultKind::IsolateLeader { .. } => {
                self.separate(fault, None);
            }
            FaultKind::Link { .. } => self.impair(fault, false),
            FaultKind::RegionOutage { .. } => self.separate(fault, None),
            FaultKind::OneWay { .. } => {
                self.cuts.retain(|(active, _)| *active != fault);
                self.apply_partitions();
            }
            FaultKind::SlowCpu { replicas, .. } | FaultKind::SlowDisk { replicas, .. } => {
                self.no_longer_slow(fault, &replicas);
            }
            FaultKind::StalledDisk { replicas } => self.end_trouble(&replicas, Trouble::Stalled),
            FaultKind::DiskFull { replicas } => self.end_trouble(&replicas, Trouble::Full),
            // What has flipped stays so.
            FaultKind::BitRot { .. } => {}
        }
        self.recorder.healed(fault, self.now);
    }
}
