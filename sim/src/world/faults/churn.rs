//! Gateways whose processes end and start anew, from what their vaults hold.
//!
//! Whoever waits there for an operation sees it time out; whoever asks for a key from there asks again. What was acknowledged
//! is on the ledger, and its documents are in the vault.

use crate::host::disk::Kept;
use crate::network::HostId;
use crate::plan::FaultKind;
use crate::workload::PATIENCE;
use crate::world::node::Machine;
use crate::world::transport::Transport;
use crate::world::{Event, World};
use ledger_core::gateway::Gateway;
use ledger_core::seam::{GatewayId, Peer};
use ledger_core::time::Duration;

impl World {
    /// Each in its turn, evenly over the period.
    pub(super) fn begin_churn(&mut self, fault: usize, gateways: usize) {
        let FaultKind::Churn { period, .. } = self.plan.faults[fault].kind else { return };
        self.churning.push((fault, vec![false; gateways]));
        for place in 0..gateways {
            let turn = Duration::from_nanos((period.as_nanos() * place as u128 / gateways as u128) as u64);
            self.queue.push(self.now + turn, Event::Churn { fault, place });
        }
    }

    /// A gateway leaves, or comes back.
    pub(in crate::world) fn churn(&mut self, fault: usize, place: usize) {
        let FaultKind::Churn { gateways, period, away } = &self.plan.faults[fault].kind else { return };
        let (gateway, period, away) = (gateways[place], *period, *away);
        // When it is healed, all stay.
        let Some((_, left)) = self.churning.iter_mut().find(|(active, _)| *active == fault) else { return };
        left[place] = !left[place];
        let next = if left[place] { away } else { period - away };
        match left[place] {
            true => self.gateway_leaves(gateway, true),
            false => self.gateway_returns(gateway),
        }
        self.queue.push(self.now + next, Event::Churn { fault, place });
    }

    pub(super) fn end_churn(&mut self, fault: usize, gateways: &[usize]) {
        let Some(at) = self.churning.iter().position(|(active, _)| *active == fault) else { return };
        let (_, left) = self.churning.remove(at);
        let away = gateways.iter().zip(left).filter(|(_, left)| *left);
        away.for_each(|(gateway, _)| self.gateway_returns(*gateway));
    }

    /// A gateway's process ends; with notice, its connections are closed.
    pub(super) fn gateway_leaves(&mut self, gateway: usize, notice: bool) {
        let (host, id) = self.gateway_host(gateway);
        self.nodes[host.index()].down += 1;
        let Some(machine) = self.nodes[host.index()].machine.take() else { return };
        let node = &mut self.nodes[host.index()];
        node.crash(self.now, Kept::Durable);
        node.away = Some(machine);
        if notice {
            self.on_network(|network, now, effects| network.close(now, host, effects));
        }
        if let Transport::Quic(network) = &mut self.transport {
            network.crash(self.now, host);
        }
        for (operation, scheduled) in self.recorder.under_way_at(id) {
            let deadline = (scheduled + PATIENCE).min(self.arrivals_end + self.plan.drain);
            self.queue.push(deadline.max(self.now), Event::GaveUp { operation });
        }
    }

    /// The next process of a gateway starts, unless another fault keeps it away.
    pub(super) fn gateway_returns(&mut self, gateway: usize) {
        let (host, _) = self.gateway_host(gateway);
        let node = &mut self.nodes[host.index()];
        node.down -= 1;
        if node.down > 0 {
            return;
        }
        let Some(mut machine) = node.away.take() else { return };
        if let Some(before) = Machine::as_gateway(&mut machine) {
            let next = Gateway::new(self.gateway_configs[gateway].clone());
            let kept = std::mem::replace(before, next).into_kept();
            before.resume(node.clock.read(self.now), kept);
        }
        node.machine = Some(machine);
        node.busy_until = self.now;
        match &mut self.transport {
            Transport::Quic(network) => network.start(self.now, host),
            Transport::Message(network) => network.restarted(self.now, host),
        }
        self.connect(host);
        self.started_machine(host);
    }

    fn gateway_host(&self, gateway: usize) -> (HostId, GatewayId) {
        let id = GatewayId(gateway as u32);
        (self.host_of(Peer::Gateway(id)), id)
    }
}
