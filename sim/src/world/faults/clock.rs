//! Clocks that are wrong.
//!
//! What a host's endpoint measures, it measures with a clock of its own that only runs forward, as operating systems have
//! one: it stays true.

use crate::host::clock::Error;
use crate::network::HostId;
use crate::world::World;

impl World {
    /// Replicas, then gateways.
    pub(super) fn hosts(&self, replicas: &[usize], gateways: &[usize]) -> Vec<HostId> {
        let gateways = gateways.iter().map(|gateway| self.replicas + gateway);
        replicas.iter().copied().chain(gateways).map(|host| HostId(host as u32)).collect()
    }

    pub(super) fn misset(&mut self, fault: usize, hosts: &[HostId], error: Error) {
        for &host in hosts {
            self.nodes[host.index()].clock.err(self.now, fault, error);
            // Timers may be due by now.
            self.arm_timer(host);
        }
    }

    pub(super) fn set_right(&mut self, fault: usize, hosts: &[HostId]) {
        for &host in hosts {
            self.nodes[host.index()].clock.mend(self.now, fault);
            self.arm_timer(host);
        }
    }
}
