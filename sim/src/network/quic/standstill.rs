//! A host whose process stands still, as after SIGSTOP: its endpoint answers nothing, fires no timer and sends nothing.
//! The kernel goes on without it: datagrams wait in the socket, up to its bound, and whoever comes then is dropped.

use super::{Datagram, Effects, HostId, Network, Timestamp, fire};
use std::collections::VecDeque;

/// Datagrams in a socket, in order, and whether the core has been paid for them.
pub(super) type Socket = VecDeque<(Datagram, bool)>;

impl Network {
    /// A host's process stands still.
    pub fn pause(&mut self, now: Timestamp, host: HostId) {
        self.hosts[host.index()].socket.get_or_insert_default();
        self.udp.pause(now, host);
    }

    /// It goes on: its core takes what waits in the socket, and then timers fire that came meanwhile.
    pub fn resume(&mut self, now: Timestamp, host: HostId, effects: &mut Effects) {
        let Some(socket) = self.hosts[host.index()].socket.take() else { return };
        self.udp.resume(now, host);
        if socket.is_empty() {
            return self.turn(now, host, effects, |endpoint| fire(endpoint, now));
        }
        for (datagram, admitted) in socket {
            effects.datagrams.push((self.udp.catch_up(now, host, admitted), datagram));
        }
    }

    /// A datagram waits for a process that stands still.
    pub(super) fn hold(&mut self, datagram: Datagram, admitted: bool) {
        if let Some(socket) = &mut self.hosts[datagram.to.index()].socket {
            socket.push_back((datagram, admitted));
        }
    }
}
