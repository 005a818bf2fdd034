//! Faults as they strike and heal.

mod churn;
mod clock;
mod disk;
mod link;
mod partition;
mod process;
mod slow;
mod trigger;

use super::{Event, Seen, World};
use crate::host::clock::Error;
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
        let until = lasts.map_or(Timestamp::MAX, |lasts| self.now + lasts);
        let mut over = false;
        match self.plan.faults[fault].kind.clone() {
            FaultKind::Crash { replicas, disk, .. } => self.crash(&replicas, disk),
            FaultKind::Pause { replicas } => self.pause(&replicas),
            FaultKind::Ransomware { hospitals } => self.lose_gateways(&hospitals),
            // Who is hostile knows when.
            FaultKind::Byzantine { .. } | FaultKind::HostileGateway { .. } => {}
            FaultKind::Partition { groups, bridge } => self.pull_apart(fault, &groups, &bridge),
            FaultKind::Flapping { .. } | FaultKind::IsolateLeader { .. } => {
                self.turn_partition(fault, until);
            }
            FaultKind::Clock { replicas, gateways, skew_ns, drift_ppb } => {
                self.misset(fault, &self.hosts(&replicas, &gateways), Error { skew_ns, drift_ppb });
            }
            FaultKind::Churn { gateways, .. } => self.begin_churn(fault, gateways.len()),
            FaultKind::CrashGateways { gateways } => {
                gateways.into_iter().for_each(|gateway| self.gateway_leaves(gateway, false));
            }
            FaultKind::Link(link) => self.impair(fault, &link, until),
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
        self.see(Seen::Struck { at: self.now, fault });
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
            FaultKind::Partition { .. } | FaultKind::Flapping { .. } => self.join(fault),
            FaultKind::IsolateLeader { .. } | FaultKind::RegionOutage { .. } => self.join(fault),
            FaultKind::OneWay { .. } => self.join(fault),
            FaultKind::Link(_) => self.mend(fault),
            FaultKind::Clock { replicas, gateways, .. } => {
                self.set_right(fault, &self.hosts(&replicas, &gateways));
            }
            FaultKind::Churn { gateways, .. } => self.end_churn(fault, &gateways),
            FaultKind::CrashGateways { gateways } => {
                gateways.into_iter().for_each(|gateway| self.gateway_returns(gateway));
            }
            FaultKind::SlowCpu { replicas, .. } | FaultKind::SlowDisk { replicas, .. } => {
                self.no_longer_slow(fault, &replicas);
            }
            FaultKind::StalledDisk { replicas } => self.end_trouble(&replicas, Trouble::Stalled),
            FaultKind::DiskFull { replicas } => self.end_trouble(&replicas, Trouble::Full),
            // What has flipped stays so.
            FaultKind::BitRot { .. } => {}
        }
        self.see(Seen::Healed { at: self.now, fault });
        self.recorder.healed(fault, self.now);
    }
}
