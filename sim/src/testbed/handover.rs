//! Commands on their way to the gateways' process. What it has no room for at the moment waits here, in order, and counts
//! from its schedule all the same: back-pressure is not a refusal. Beyond [`WAITING_MAX`] it is.

use ledger_core::gateway::Command;
use ledger_core::live::{Busy, GatewaysHandle};
use ledger_core::seam::GatewayId;
use std::collections::VecDeque;

/// Commands that wait: half a second of a load of 16,000 a second.
pub(super) const WAITING_MAX: usize = 8_192;

#[derive(Default)]
pub(super) struct Handover {
    waiting: VecDeque<(GatewayId, Command)>,
}

impl Handover {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes a command after those that wait; false if too many do.
    pub fn take(&mut self, gateway: GatewayId, command: Command) -> bool {
        let room = self.waiting.len() < WAITING_MAX;
        if room {
            self.waiting.push_back((gateway, command));
        }
        room
    }

    /// Hands over as many as there is room for.
    pub fn go_on(&mut self, gateways: &GatewaysHandle) {
        while let Some((gateway, command)) = self.waiting.pop_front() {
            if let Err(Busy(command)) = gateways.command(gateway, command) {
                return self.waiting.push_front((gateway, *command));
            }
        }
    }
}
