//! `transport: quic`: every host has the QUIC host that a live one has, over simulated UDP links.
//!
//! What is real: every byte of every datagram, TLS 1.3 with both keys proved, loss recovery, congestion control, flow
//! control, streams and their priorities. What is modelled: the links (`udp`), and the time that a host's
//! network core takes for a datagram and for a handshake.
//!
//! Invariants: with the same plan and seed the same datagrams leave at the same times, byte for byte: every random byte of
//! a host comes from a stream named after the host and its incarnation (`provider`), and quinn-proto is given virtual time.
//! A host that is down receives nothing; one that restarted has no connection, and a new stream. One whose process stands
//! still answers nothing, fires no timer and sends nothing; what comes waits in its socket. A host has at most
//! one timer event ahead: it is made earlier when it must be, and looked at again when it comes.
//!
//! It does not know what a message says, and makes no events itself: what is to happen goes into [`Effects`].

mod capture;
mod provider;
mod standstill;
mod udp;

pub use capture::Capture;
pub use udp::UdpCounters;

use super::{Groups, HostAttachment, HostId, WorseLinks};
use crate::plan::{Congestion, HostPlan, NetworkPlan, QuicPlan};
use crate::seed::{Seed, Stream};
use bytes::{Bytes, BytesMut};
use ledger_core::crypto::{ChainId, SecretKey};
use ledger_core::quic::{self, EcnCodepoint, Entropy, Event, Host, HostConfig, QuicTuning, Registry};
use ledger_core::seam::{Lane, Peer};
use ledger_core::time::Timestamp;
use rustls::crypto::CryptoProvider;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use udp::{Admission, Udp};

/// The port of every host.
const PORT: u16 = 4_433;

/// A host as the network sees it.
pub struct Member<'a> {
    /// Who it is.
    pub peer: Peer,
    /// Proves it.
    pub key: SecretKey,
    /// In which region.
    pub region: usize,
    /// Its card and costs.
    pub host: &'a HostPlan,
}

/// A datagram on its way.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Sender.
    pub from: HostId,
    /// Receiver.
    pub to: HostId,
    /// Marking of the IP header.
    pub ecn: Option<EcnCodepoint>,
    /// Whether it has passed the receiver's port and waits for its core.
    pub admitted: bool,
    /// Payload.
    pub bytes: BytesMut,
}

impl Datagram {
    /// What stands for it in the run's digest: its end, which authenticates the rest.
    pub fn content(&self) -> u64 {
        let end = self.bytes.last_chunk().copied().unwrap_or_default();
        u64::from_le_bytes(end) ^ self.bytes.len() as u64
    }
}

/// What is to happen because of a call.
#[derive(Debug, Default)]
pub struct Effects {
    /// Datagrams, and when they are due.
    pub datagrams: Vec<(Timestamp, Datagram)>,
    /// Hosts to be woken, and when.
    pub wakes: Vec<(Timestamp, HostId)>,
    /// Messages that arrived: at whom, from whom, what.
    pub messages: Vec<(HostId, Peer, Lane, Bytes)>,
    /// Messages that will never arrive.
    pub shed: u64,
}

/// Totals of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Of the links.
    pub udp: UdpCounters,
    /// Connections established, counted once.
    pub connections: u64,
    /// Packets that senders declared lost, and sent again.
    pub retransmitted: u64,
    /// Messages by lane.
    pub messages: [u64; 3],
    /// Bytes of messages by lane.
    pub bytes: [u64; 3],
}

/// All hosts' endpoints and the links between them.
pub struct Network {
    hosts: Vec<HostState>,
    udp: Udp,
    groups: Groups,
    registry: Arc<Registry>,
    addresses: Arc<BTreeMap<Peer, SocketAddr>>,
    chain: ChainId,
    tuning: QuicTuning,
    provider: Arc<CryptoProvider>,
    seed: Seed,
    capture: Option<Capture>,
    buffer: Vec<u8>,
    totals: Totals,
}

struct HostState {
    peer: Peer,
    key: SecretKey,
    handshake_ns: u64,
    /// `None` while it is down.
    endpoint: Option<Host>,
    random: Option<Stream>,
    incarnation: u32,
    wake_at: Option<Timestamp>,
    /// While its process stands still: what waits for it.
    socket: Option<standstill::Socket>,
    /// Handshakes that its core was charged for.
    handshakes: u64,
    /// Counted before it crashed.
    retransmitted: u64,
    dialled: u64,
}

impl Network {
    /// Hosts are named by their index in `members`; all are down. The plan is complete.
    pub fn new(
        plan: &NetworkPlan,
        quic: &QuicPlan,
        members: Vec<Member<'_>>,
        chain: ChainId,
        seed: &Seed,
        capture: Option<Capture>,
    ) -> Self {
        let ends: Vec<(HostAttachment, u64)> = members
            .iter()
            .map(|member| {
                let bandwidth_bits_per_s = member.host.bandwidth_bits_per_s;
                (HostAttachment { region: member.region, bandwidth_bits_per_s }, member.host.datagram_ns)
            })
            .collect();
        let mut registry = Registry::default();
        let mut addresses = BTreeMap::new();
        for (index, member) in members.iter().enumerate() {
            registry.insert(member.key.public(), member.peer, None);
            addresses.insert(member.peer, address(HostId(index as u32)));
        }
        let host = |member: Member<'_>| HostState {
            peer: member.peer,
            key: member.key,
            handshake_ns: member.host.handshake_ns,
            endpoint: None,
            random: None,
            incarnation: 0,
            wake_at: None,
            socket: None,
            handshakes: 0,
            retransmitted: 0,
            dialled: 0,
        };
        Self {
            udp: Udp::new(plan, quic, &ends, seed),
            hosts: members.into_iter().map(host).collect(),
            groups: Groups::default(),
            registry: Arc::new(registry),
            addresses: Arc::new(addresses),
            chain,
            tuning: tuning(quic),
            provider: provider::provider(),
            seed: seed.clone(),
            capture,
            buffer: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// A host comes up, for the first time or again.
    pub fn start(&mut self, now: Timestamp, host: HostId) {
        let state = &mut self.hosts[host.index()];
        let name = format!("network/quic/{}/{}", host.0, state.incarnation);
        state.incarnation += 1;
        state.random = Some(self.seed.stream(&name));
        let config = HostConfig {
            me: state.peer,
            key: state.key.clone(),
            chain: self.chain,
            registry: self.registry.clone(),
            addresses: self.addresses.clone(),
            tuning: self.tuning.clone(),
            entropy: Entropy::of(self.provider.clone(), self.seed.bytes32(&name)),
        };
        let endpoint = provider::with(&mut state.random, || Host::new(config, now));
        state.endpoint = Some(endpoint.expect("members are registered, and a plan's tuning is checked"));
    }

    /// A host goes down without a word.
    pub fn crash(&mut self, now: Timestamp, host: HostId) {
        let state = &mut self.hosts[host.index()];
        if let Some(endpoint) = state.endpoint.take() {
            let counters = endpoint.counters();
            state.retransmitted += counters.packets_lost;
            state.dialled += counters.dialled;
        }
        state.handshakes = 0;
        state.wake_at = None;
        state.socket = state.socket.as_ref().map(|_| standstill::Socket::new());
        self.udp.crash(now, host);
    }

    /// A host's process ends: peers are told. [`crash`](Self::crash) is to follow.
    pub fn close(&mut self, now: Timestamp, host: HostId, effects: &mut Effects) {
        self.turn(now, host, effects, |endpoint| endpoint.close(now));
    }

    /// Has a host stay connected with a peer.
    pub fn dial(&mut self, now: Timestamp, host: HostId, to: Peer, effects: &mut Effects) {
        self.turn(now, host, effects, |endpoint| endpoint.dial(now, to));
    }

    /// Sends a message.
    pub fn send(
        &mut self,
        now: Timestamp,
        host: HostId,
        to: Peer,
        lane: Lane,
        bytes: Bytes,
        effects: &mut Effects,
    ) {
        self.totals.messages[lane as usize] += 1;
        self.totals.bytes[lane as usize] += bytes.len() as u64;
        self.turn(now, host, effects, |endpoint| endpoint.send(now, to, lane, bytes));
    }

    /// A datagram is due.
    pub fn receive(&mut self, now: Timestamp, mut datagram: Datagram, effects: &mut Effects) {
        let to = datagram.to;
        // What is in a socket has crossed every partition.
        let cut = !datagram.admitted && !self.groups.reachable(datagram.from, to);
        if cut || self.hosts[to.index()].endpoint.is_none() {
            return;
        }
        if !std::mem::replace(&mut datagram.admitted, true) {
            match self.udp.admit(now, to, datagram.bytes.len()) {
                Admission::Now => {}
                Admission::At(later) => return effects.datagrams.push((later, datagram)),
                Admission::Held => return self.hold(datagram, false),
                Admission::Dropped => return,
            }
        } else if self.hosts[to.index()].socket.is_some() {
            return self.hold(datagram, true);
        } else {
            self.udp.take(to);
        }
        let from = address(datagram.from);
        self.turn(now, to, effects, |endpoint| {
            endpoint.on_datagram(now, from, datagram.ecn, datagram.bytes);
        });
    }

    /// A host wanted to be woken.
    pub fn wake(&mut self, now: Timestamp, host: HostId, effects: &mut Effects) {
        let state = &mut self.hosts[host.index()];
        if state.wake_at != Some(now) {
            // A crash or an earlier wake has overtaken this one.
            return;
        }
        state.wake_at = None;
        if state.socket.is_none() {
            self.turn(now, host, effects, |endpoint| fire(endpoint, now));
        }
    }

    /// Separates hosts of different groups.
    pub fn set_groups(&mut self, groups: Groups) {
        self.groups = groups;
    }

    /// Links are worse from now on, because of a fault.
    pub fn impair(&mut self, fault: usize, links: Vec<WorseLinks>) {
        self.udp.impairments.begin(fault, links);
    }

    /// No longer, as far as this fault made them so.
    pub fn mend(&mut self, fault: usize) {
        self.udp.impairments.end(fault);
    }

    /// Whether a host is connected with a peer.
    pub fn is_connected(&self, host: HostId, peer: Peer) -> bool {
        self.hosts[host.index()].endpoint.as_ref().is_some_and(|endpoint| endpoint.is_connected(peer))
    }

    /// What a host's endpoint has counted since it came up.
    pub fn counters(&self, host: HostId) -> quic::Counters {
        self.hosts[host.index()].endpoint.as_ref().map(Host::counters).unwrap_or_default()
    }

    /// Time that a host's network core worked.
    pub fn core_busy_ns(&self, host: HostId) -> u64 {
        self.udp.core_busy_ns(host)
    }

    /// What all hosts have counted.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals { udp: self.udp.counters, ..self.totals };
        for state in &self.hosts {
            let counters = state.endpoint.as_ref().map(Host::counters).unwrap_or_default();
            totals.retransmitted += state.retransmitted + counters.packets_lost;
            totals.connections += state.dialled + counters.dialled;
        }
        totals
    }

    /// Writes what the capture holds.
    pub fn finish(&mut self) -> std::io::Result<()> {
        self.capture.take().map_or(Ok(()), Capture::finish)
    }

    /// Lets an endpoint do something, and carries out what it wants then: once its process goes on, if it stands still.
    fn turn(&mut self, now: Timestamp, host: HostId, effects: &mut Effects, act: impl FnOnce(&mut Host)) {
        let Self { hosts, udp, groups, buffer, capture, .. } = self;
        let state = &mut hosts[host.index()];
        let Some(endpoint) = &mut state.endpoint else { return };
        provider::with(&mut state.random, || {
            act(endpoint);
            if state.socket.is_some() {
                return;
            }
            loop {
                while let Some(transmit) = endpoint.flush(now, buffer) {
                    let Some(to) = host_at(transmit.to) else { continue };
                    if let Some(capture) = capture {
                        capture.datagram(now, address(host), transmit.to, &buffer[..transmit.len]);
                    }
                    if !groups.reachable(host, to) {
                        continue;
                    }
                    let crossing = udp.send(now, host, to, transmit.len);
                    for at in [crossing.arrival, crossing.duplicate].into_iter().flatten() {
                        let bytes = BytesMut::from(&buffer[..transmit.len]);
                        let datagram = Datagram { from: host, to, ecn: transmit.ecn, admitted: false, bytes };
                        effects.datagrams.push((at, datagram));
                    }
                }
                let mut any = false;
                while let Some(event) = endpoint.poll_event() {
                    any = true;
                    match event {
                        Event::Message { from, lane, bytes } => {
                            effects.messages.push((host, from, lane, bytes))
                        }
                        Event::Shed { .. } => effects.shed += 1,
                        Event::Connected(_) | Event::Disconnected(..) | Event::Refused { .. } => {}
                    }
                }
                if !any {
                    break;
                }
            }
        });
        if state.socket.is_some() {
            return;
        }
        let handshakes = endpoint.handshakes();
        if handshakes > state.handshakes {
            udp.occupy(now, host, (handshakes - state.handshakes).saturating_mul(state.handshake_ns));
            state.handshakes = handshakes;
        }
        if let Some(at) = endpoint.next_timeout().map(|at| at.max(now))
            && state.wake_at.is_none_or(|armed| armed > at)
        {
            state.wake_at = Some(at);
            effects.wakes.push((at, host));
        }
    }
}

/// Timers that are due.
fn fire(endpoint: &mut Host, now: Timestamp) {
    if endpoint.next_timeout().is_some_and(|at| at <= now) {
        endpoint.on_timeout(now);
    }
}

/// Where a host is: its index is in its address.
fn address(host: HostId) -> SocketAddr {
    (Ipv4Addr::from(0x0a00_0001 + host.0), PORT).into()
}

fn host_at(address: SocketAddr) -> Option<HostId> {
    match address {
        SocketAddr::V4(address) => u32::from(*address.ip()).checked_sub(0x0a00_0001).map(HostId),
        SocketAddr::V6(_) => None,
    }
}

fn tuning(quic: &QuicPlan) -> QuicTuning {
    QuicTuning {
        congestion: match quic.congestion {
            Congestion::Cubic => quic::Congestion::Cubic,
            Congestion::NewReno => quic::Congestion::NewReno,
            Congestion::Bbr => quic::Congestion::Bbr,
        },
        initial_window: quic.initial_window_bytes,
        mtu: quic.mtu_bytes,
        // More would let one draw of the link decide for several.
        max_datagrams: 1,
        idle_timeout: quic.idle_timeout,
        keep_alive: quic.keep_alive,
        ..QuicTuning::default()
    }
}

#[cfg(test)]
mod tests;
