//! Processes that end or stand still.

use crate::host::disk::Kept;
use crate::network::HostId;
use crate::plan::{DiskLoss, PersistPoint, Side};
use crate::world::World;
use crate::world::node::Node;
use crate::world::transport::Transport;

/// Writes at which a process dies.
#[derive(Clone, Copy, Debug)]
pub(in crate::world) struct Trap {
    fault: usize,
    side: Side,
    skip: u64,
    /// Writes that go well before it dies next.
    skips_left: u64,
    /// It dies so often still; at least 1.
    times_left: u64,
}

impl Trap {
    pub fn new(fault: usize, point: PersistPoint) -> Self {
        let PersistPoint { side, skip, times } = point;
        Self { fault, side, skip, skips_left: skip, times_left: times }
    }
}

impl Node {
    /// The process is at this side of a write that something waits for. By which fault it dies, if it does.
    pub fn springs(&mut self, side: Side) -> Option<usize> {
        let mut sprung = None;
        for trap in self.traps.iter_mut().filter(|trap| trap.side == side) {
            if trap.skips_left > 0 {
                trap.skips_left -= 1;
            } else if sprung.is_none() {
                sprung = Some(trap.fault);
                trap.skips_left = trap.skip;
                trap.times_left -= 1;
            }
        }
        self.traps.retain(|trap| trap.times_left > 0);
        sprung
    }
}

impl World {
    pub(super) fn crash(&mut self, replicas: &[usize], disk: DiskLoss) {
        let kept = match disk {
            DiskLoss::Kept => Kept::Written,
            DiskLoss::Lost | DiskLoss::Wiped => Kept::Durable,
            DiskLoss::Torn => Kept::Torn,
        };
        for &replica in replicas {
            self.note_acts(HostId(replica as u32));
            self.nodes[replica].down += 1;
            self.nodes[replica].crash(self.now, kept);
            if disk == DiskLoss::Wiped {
                self.nodes[replica].wipe();
            }
            if let Transport::Quic(network) = &mut self.transport {
                network.crash(self.now, HostId(replica as u32));
            }
            let lost = self.recorder.lost_with(self.now, replica);
            self.go_on(self.now, lost);
        }
    }

    pub(super) fn restart(&mut self, replicas: &[usize]) {
        for &replica in replicas {
            // Another crash may have struck meanwhile.
            self.nodes[replica].down -= 1;
            if self.nodes[replica].down == 0 {
                self.restart_now(HostId(replica as u32));
            }
        }
    }

    pub(super) fn restart_now(&mut self, host: HostId) {
        let node = &mut self.nodes[host.index()];
        if node.disk.has_trouble() {
            node.boot_waits = true;
            return;
        }
        if self.boot(host) {
            self.recorder.restarted(host.index());
        }
    }

    pub(super) fn pause(&mut self, replicas: &[usize]) {
        for &replica in replicas {
            self.nodes[replica].paused += 1;
            if let Transport::Quic(network) = &mut self.transport {
                network.pause(self.now, HostId(replica as u32));
            }
        }
    }

    pub(super) fn go_on_after(&mut self, replicas: &[usize]) {
        for &replica in replicas {
            // Another pause may have struck meanwhile.
            self.nodes[replica].paused -= 1;
            if self.nodes[replica].paused == 0 {
                self.go_on_after_pause(HostId(replica as u32));
            }
        }
    }
}
