//! Processes that end or stand still.

use crate::network::HostId;
use crate::world::transport::Transport;
use crate::world::{World, WorldError};

impl World {
    pub(super) fn crash(&mut self, replicas: &[usize]) {
        for &replica in replicas {
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

    pub(super) fn restart(&mut self, replicas: &[usize]) -> Result<(), WorldError> {
        for &replica in replicas {
            // Another crash may have struck meanwhile.
            self.nodes[replica].down -= 1;
            if self.nodes[replica].down == 0 {
                self.recorder.restarted(replica);
                self.boot(HostId(replica as u32))?;
            }
        }
        Ok(())
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
