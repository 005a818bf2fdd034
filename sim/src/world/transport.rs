//! How messages travel between hosts, and what a host's endpoint does.

use super::{Event, World};
use crate::history::NetworkRecord;
use crate::network::quic::{Capture, Effects, Member, Network};
use crate::network::{Groups, HostId, link};
use crate::plan::{Plan, QuicPlan};
use crate::population::Population;
use crate::seed::Seed;
use bytes::Bytes;
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::{ChainId, SecretKey};
use ledger_core::gateway::Gateway;
use ledger_core::seam::{GatewayId, Input, Lane, Peer};
use ledger_core::time::Timestamp;
use std::collections::VecDeque;

/// What carries messages.
pub(super) enum Transport {
    Message(link::Network),
    Quic(Box<Network>),
}

impl Transport {
    /// Its totals.
    pub fn record(&self) -> NetworkRecord {
        match self {
            Self::Message(link) => {
                let counters = link.counters();
                NetworkRecord {
                    messages: counters.map(|lane| lane.messages),
                    bytes: counters.map(|lane| lane.bytes),
                    packets_lost: counters.iter().map(|lane| lane.packets_lost).sum(),
                    ..NetworkRecord::default()
                }
            }
            Self::Quic(quic) => {
                let totals = quic.totals();
                NetworkRecord {
                    messages: totals.messages,
                    bytes: totals.bytes,
                    packets_lost: totals.udp.lost + totals.udp.overflowed,
                    datagrams: totals.udp.datagrams,
                    datagram_bytes: totals.udp.bytes,
                    datagrams_overflowed: totals.udp.overflowed,
                    retransmitted: totals.retransmitted,
                    connections: totals.connections,
                    ..NetworkRecord::default()
                }
            }
        }
    }
}

/// Messages that leave when the machine's core is done, in order.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(Timestamp, Peer, Lane, Bytes)>,
    scheduled: bool,
}

impl Outbox {
    /// Messages that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Gateways connect to their home replicas one after the other, so many a second at most: all at once would overflow
/// the replicas' queues and come back in step.
const CONNECTS_PER_SECOND: u64 = 1_000;

/// The message model, with the connections that QUIC makes before anybody waits for them: between replicas, and from
/// each gateway to its home.
pub(super) fn message(plan: &Plan, mut network: link::Network) -> Transport {
    let replicas = plan.replicas.len() as u32;
    for low in 0..replicas {
        (low + 1..replicas).for_each(|high| network.connect(HostId(low), HostId(high)));
    }
    for (index, institution) in plan.population.institutions.iter().enumerate() {
        network.connect(HostId(institution.replica as u32), HostId(replicas + index as u32));
    }
    Transport::Message(network)
}

/// The endpoints of all hosts.
pub(super) fn quic(
    plan: &Plan,
    quic: &QuicPlan,
    population: &Population,
    keys: &[SecretKey],
    chain: ChainId,
    seed: &Seed,
    capture: Option<Capture>,
) -> Transport {
    let replicas = plan.replicas.iter().zip(keys).enumerate().map(|(index, (replica, key))| Member {
        peer: Peer::Replica(ReplicaId(index as u16)),
        key: key.clone(),
        region: replica.region,
        host: &plan.replica_host,
    });
    let gateways = plan.population.institutions.iter().enumerate().map(|(index, institution)| Member {
        peer: Peer::Gateway(GatewayId(index as u32)),
        key: Gateway::transport_key(population.gateway_secret(GatewayId(index as u32))),
        region: institution.region,
        host: &plan.gateway_host,
    });
    let members = replicas.chain(gateways).collect();
    Transport::Quic(Box::new(Network::new(&plan.network, quic, members, chain, seed, capture)))
}

impl World {
    /// Brings up the endpoints of all gateways, and has each connect to its home replica in its turn.
    pub(super) fn connect_gateways(&mut self) {
        let Transport::Quic(network) = &mut self.transport else { return };
        let gateways = self.plan.population.institutions.len() as u64;
        let span_ns = (gateways * 1_000_000_000 / CONNECTS_PER_SECOND).max(1_000_000_000);
        let mut turns = self.seed.stream("network/quic/connect");
        for index in 0..gateways {
            let host = HostId(self.replicas as u32 + index as u32);
            network.start(self.now, host);
            self.queue.push(Timestamp(turns.below(span_ns)), Event::Connect { host });
        }
    }

    /// A gateway connects to its home replica and stays connected.
    pub(super) fn connect(&mut self, host: HostId) {
        let institution = host.index() - self.replicas;
        let home = self.plan.population.institutions[institution].replica;
        let home = Peer::Replica(ReplicaId(home as u16));
        self.on_network(|network, now, effects| network.dial(now, host, home, effects));
    }

    /// A replica's endpoint comes up; between replicas the lower one dials.
    pub(super) fn start_endpoint(&mut self, host: HostId) {
        let replicas = self.replicas as u32;
        self.on_network(|network, now, effects| {
            network.start(now, host);
            for to in host.0 + 1..replicas {
                let to = Peer::Replica(ReplicaId(to as u16));
                network.dial(now, host, to, effects);
            }
        });
    }

    /// Sends a message at `at`, when the core that made it is done.
    pub(super) fn transmit(
        &mut self,
        at: Timestamp,
        from: HostId,
        to: Peer,
        lane: Lane,
        bytes: Bytes,
        content: u64,
    ) {
        let receiver = self.host_of(to);
        let node = &mut self.nodes[from.index()];
        node.bytes_sent += bytes.len() as u64;
        match &mut self.transport {
            Transport::Message(network) => {
                if !self.groups.reachable(from, receiver) {
                    return self.recorder.undelivered(1);
                }
                let Some(delivery) = network.send(at, from, receiver, lane, bytes.len()) else {
                    return self.recorder.undelivered(1);
                };
                self.links.sent(from, receiver, bytes.len());
                let event = Event::Deliver { to: receiver, from: node.peer, content, bytes };
                self.queue.push(delivery.arrival, event);
            }
            Transport::Quic(_) => {
                node.outbox.waiting.push_back((at, to, lane, bytes));
                if !std::mem::replace(&mut node.outbox.scheduled, true) {
                    self.queue.push(at, Event::Outbox { host: from, incarnation: node.incarnation });
                }
            }
        }
    }

    /// A core is done with what made messages.
    pub(super) fn send_outbox(&mut self, host: HostId, incarnation: u32) {
        if self.nodes[host.index()].incarnation != incarnation {
            return;
        }
        loop {
            let outbox = &mut self.nodes[host.index()].outbox;
            match outbox.waiting.front() {
                None => return outbox.scheduled = false,
                Some((at, ..)) if *at > self.now => {
                    let at = *at;
                    return self.queue.push(at, Event::Outbox { host, incarnation });
                }
                Some(_) => {}
            }
            let Some((_, to, lane, bytes)) = outbox.waiting.pop_front() else { return };
            self.links.sent(host, self.host_of(to), bytes.len());
            self.on_network(|network, now, effects| network.send(now, host, to, lane, bytes, effects));
        }
    }

    /// Lets the network do something, and schedules what comes of it.
    pub(super) fn on_network(&mut self, act: impl FnOnce(&mut Network, Timestamp, &mut Effects)) {
        let Transport::Quic(network) = &mut self.transport else { return };
        let mut effects = std::mem::take(&mut self.effects);
        act(network, self.now, &mut effects);
        for (at, datagram) in effects.datagrams.drain(..) {
            self.queue.push(at, Event::Datagram(datagram));
        }
        for (at, host) in effects.wakes.drain(..) {
            self.queue.push(at, Event::Endpoint { host });
        }
        self.recorder.undelivered(std::mem::take(&mut effects.shed));
        let mut messages = std::mem::take(&mut effects.messages);
        self.effects = effects;
        for (to, from, lane, bytes) in messages.drain(..) {
            if lane == Lane::Bulk && bytes.first() == Some(&TRANSFER) {
                self.recorder.transferred(self.now, bytes.len() as u64);
            } else {
                self.input(to, Input::Message { from, bytes });
            }
        }
        // Inputs do not come back here before this: what they send waits in an outbox.
        self.effects.messages = messages;
    }

    /// Part of a transfer of bytes that no machine wants: the network's own load.
    pub(super) fn transfer(&mut self, transfer: usize) {
        let row = self.plan.network.transfers[transfer];
        let mut left = row.bytes;
        let block = Bytes::from(vec![TRANSFER; TRANSFER_BYTES]);
        while left > 0 {
            let bytes = block.slice(..left.min(TRANSFER_BYTES as u64) as usize);
            left -= bytes.len() as u64;
            let to = Peer::Replica(ReplicaId(row.to as u16));
            self.transmit(self.now, HostId(row.from as u32), to, Lane::Bulk, bytes, left);
        }
    }

    pub(super) fn set_groups(&mut self, groups: Groups) {
        if let Transport::Quic(network) = &mut self.transport {
            network.set_groups(groups.clone());
        }
        self.groups = groups;
    }
}

/// First byte of a transfer's messages, which no [`Message`](ledger_core::message::Message) begins with.
pub(super) const TRANSFER: u8 = 0xff;
const TRANSFER_BYTES: usize = 1 << 20;
