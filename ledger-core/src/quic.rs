//! The sans-IO QUIC host of both worlds: one UDP address, its connections, and lanes of messages over them.
//!
//! Datagrams, time and messages go in; datagrams, a next timeout and events come out. The simulator and the live
//! driver run this same code over quinn-proto, which knows no socket, clock or thread either.
//!
//! * **Who.** Both ends prove an Ed25519 key in a TLS 1.3 handshake (raw public keys, RFC 7250), and the [`Registry`]
//!   says whose it is. Whom a message is from is the peer whose key its connection proved, never an address. Refusals
//!   are counted by reason. The chain is in the ALPN: machines of different chains never talk.
//! * **Lanes.** Each [`Lane`] has a stream of its own in each direction, in frames `u32 length ‖ message`. More urgent
//!   lanes are sent first, and a lane's flow control is its own, so a large document delays no vote. Within a lane of
//!   a connection nothing overtakes; after a reconnection it may.
//! * **Connections.** [`send`](Host::send) dials when there is none, [`dial`](Host::dial) stays connected, with back-off and jitter. Both
//!   ends may dial: what arrives on any connection is read, and the newest is written to. What was under way on a connection
//!   that is lost is lost; machines ask again. A restarted process answers packets of its predecessor's
//!   connections with a stateless reset, so that peers notice at once.
//! * **Limits.** Everything that grows has a bound in [`QuicTuning`]; beyond it messages are shed with an event, and
//!   handshakes refused or ignored. A driver that polls no more events leaves messages in their streams, and
//!   flow control pushes back.
//! * **Randomness** comes from the [`Entropy`] it is given, and nowhere else. With the same entropy, inputs and times
//!   the same datagrams come out, byte for byte, whichever congestion control there is.
//!
//! It does not know what a message says, what a committee is, or which peer should be talked to.

mod clock;
mod congestion;
mod contact;
mod drive;
mod entropy;
mod event;
mod identity;
mod link;
mod registry;
mod tuning;

pub use congestion::Congestion;
pub use entropy::Entropy;
pub use event::{Counters, Event, Reason, Refusal};
pub use identity::{alpn, key_of_spki, spki};
pub use quinn_proto::EcnCodepoint;
pub use registry::Registry;
pub use tuning::{MTU_MIN, QuicTuning};

use crate::crypto::{ChainId, SecretKey};
use crate::message::MESSAGE_BYTES_MAX;
use crate::seam::{Lane, Peer};
use crate::time::{Duration, Timestamp};
use bytes::{Bytes, BytesMut};
use clock::Clock;
use contact::Contact;
use entropy::{ConnectionIds, Random, ResetKey, draw, random};
use identity::{Gate, Identity};
use link::{LANES, Link};
use quinn_proto::{
    ClientConfig, DatagramEvent, Endpoint, EndpointConfig, NoneTokenLog, NoneTokenStore, ServerConfig,
    StreamId, TransportConfig,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use tuning::Pairing;

/// Answers to datagrams of no connection that wait to be sent; more are dropped.
const RESPONSES_MAX: usize = 256;
/// Shortest time between two stateless resets: a restarted replica tells thousands of gateways within seconds, and a
/// flood is not answered datagram by datagram.
const RESET_INTERVAL: Duration = Duration::from_millis(1);
/// Application error codes of CONNECTION_CLOSE.
const CLOSE_DONE: u32 = 0;
const CLOSE_MISBEHAVED: u32 = 1;
const CLOSE_EXPIRED: u32 = 2;
const CLOSE_HANDSHAKE: u32 = 3;

/// What a host is told when it is made.
pub struct HostConfig {
    /// Whose host it is.
    pub me: Peer,
    /// Proves it.
    pub key: SecretKey,
    /// The chain that it serves.
    pub chain: ChainId,
    /// Who may connect.
    pub registry: Arc<Registry>,
    /// Where peers are.
    pub addresses: Arc<BTreeMap<Peer, SocketAddr>>,
    /// Limits and times.
    pub tuning: QuicTuning,
    /// All its randomness.
    pub entropy: Entropy,
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
pub enum QuicError {
    /// The registry would not let the host's own key in.
    #[error("the registry does not hold this key as {0:?}'s: register the key, or use the registered one")]
    NotRegistered(Peer),
    /// A value that cannot work.
    #[error("quic tuning: {0}")]
    Tuning(&'static str),
    /// The provider lacks what the handshake needs.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// Datagrams to send: `len` bytes, or several datagrams of `segment_size` bytes of which the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// To where.
    pub to: SocketAddr,
    /// Marking of the IP header.
    pub ecn: Option<EcnCodepoint>,
    /// Bytes in the buffer.
    pub len: usize,
    /// `None` for one datagram.
    pub segment_size: Option<usize>,
}

/// One UDP address and all its connections. After every call, [`flush`](Self::flush) until `None`,
/// [`poll_event`](Self::poll_event) while there is room for events, and `flush` again if there were any.
pub struct Host {
    me: Peer,
    clock: Clock,
    gate: Arc<Gate>,
    tuning: QuicTuning,
    addresses: Arc<BTreeMap<Peer, SocketAddr>>,
    endpoint: Endpoint,
    /// Configurations of connections that this host dials, to replicas and to others.
    to_replica: ClientConfig,
    to_gateway: ClientConfig,
    random: Random,
    /// By connection handle, which quinn-proto reuses.
    links: Vec<Option<Link>>,
    links_len: usize,
    /// Handshakes of others under way.
    handshakes: usize,
    contacts: BTreeMap<Peer, Contact>,
    /// Links that may have something to send.
    waiting: VecDeque<usize>,
    timers: BTreeSet<(Timestamp, usize)>,
    redials: BTreeSet<(Timestamp, Peer)>,
    responses: VecDeque<(Transmit, Vec<u8>)>,
    /// Streams with something to read, by lane.
    readable: [VecDeque<(usize, StreamId)>; LANES],
    /// Streams of peers whose reading is paused.
    held: Vec<(usize, StreamId)>,
    events: VecDeque<Event>,
    counters: Counters,
    closing: bool,
}

impl Host {
    /// A host without connections.
    pub fn new(config: HostConfig, now: Timestamp) -> Result<Self, QuicError> {
        let HostConfig { me, key, chain, registry, addresses, tuning, entropy } = config;
        if let Some(flaw) = tuning.flaw() {
            return Err(QuicError::Tuning(flaw));
        }
        if registry.admit(&key.public(), now).map(|(peer, _)| peer) != Ok(me) {
            return Err(QuicError::NotRegistered(me));
        }
        let clock = Clock::new(now);
        let gate = Gate::new(registry, clock.clone());
        let identity = Identity::new(&key, chain, &gate, &clock, &entropy)?;

        let mut endpoint = EndpointConfig::new(Arc::new(ResetKey::new(&key)));
        let ids = ConnectionIds::new(&key, random(entropy.seed, "amanah 2026 quic connection ids"));
        endpoint
            .cid_generator(move || Box::new(ids.clone()))
            .rng_seed(Some(blake3::derive_key("amanah 2026 quic endpoint", &entropy.seed)))
            .min_reset_interval(RESET_INTERVAL);
        let payload = tuning.mtu_discovery.unwrap_or(0).max(tuning.mtu).max(1_472);
        endpoint.max_udp_payload_size(payload).map_err(|_| QuicError::Tuning("`mtu` is above 65,527"))?;

        // Retry and address tokens are never used, but the key must be there.
        let token_key = ring::hkdf::Salt::new(ring::hkdf::HKDF_SHA256, &[])
            .extract(&key.derive("amanah 2026 quic tokens"));
        let mut server = ServerConfig::new(identity.server.clone(), Arc::new(token_key));
        let congestion = random(entropy.seed, "amanah 2026 quic congestion control");
        server.transport_config(tuning.transport(Pairing::Unknown, &congestion)).migration(false);
        server.time_source(Arc::new(clock.clone()));
        server.validation_token.log(Arc::new(NoneTokenLog)).sent(0);

        let first_ids = random(entropy.seed, "amanah 2026 quic first connection ids");
        let client = |transport: Arc<TransportConfig>| {
            let first_ids = first_ids.clone();
            let mut client = ClientConfig::new(identity.client.clone());
            client
                .transport_config(transport)
                .token_store(Arc::new(NoneTokenStore))
                .initial_dst_cid_provider(Arc::new(move || {
                    quinn_proto::ConnectionId::new(&draw::<16>(&first_ids))
                }));
            client
        };
        let to_replica = match me {
            Peer::Replica(_) => Pairing::Replicas,
            Peer::Gateway(_) | Peer::Local => Pairing::GatewayAndReplica,
        };
        Ok(Self {
            to_replica: client(tuning.transport(to_replica, &congestion)),
            to_gateway: client(tuning.transport(Pairing::Gateways, &congestion)),
            endpoint: Endpoint::new(Arc::new(endpoint), Some(Arc::new(server)), true, None),
            random: random(entropy.seed, "amanah 2026 quic jitter"),
            me,
            clock,
            gate,
            tuning,
            addresses,
            links: Vec::new(),
            links_len: 0,
            handshakes: 0,
            contacts: BTreeMap::new(),
            waiting: VecDeque::new(),
            timers: BTreeSet::new(),
            redials: BTreeSet::new(),
            responses: VecDeque::new(),
            readable: [const { VecDeque::new() }; LANES],
            held: Vec::new(),
            events: VecDeque::new(),
            counters: Counters::default(),
            closing: false,
        })
    }

    /// Sends a message, on the newest connection or on one that it dials. Bytes beyond the lane's bound, and whatever
    /// waits for a peer that cannot be reached, are shed: [`Event::Shed`].
    pub fn send(&mut self, now: Timestamp, to: Peer, lane: Lane, bytes: Bytes) {
        self.clock.set(now);
        if self.closing || to == self.me || to == Peer::Local || bytes.len() > MESSAGE_BYTES_MAX {
            return self.shed(to, lane, bytes.len());
        }
        let len = bytes.len();
        let contact = self.contacts.entry(to).or_default();
        if !contact.push(lane, bytes, self.tuning.queue_bytes_max[lane as usize]) {
            return self.shed(to, lane, len);
        }
        match contact.link() {
            Some(index) => self.pump(index),
            None => self.reach(now, to),
        }
    }

    /// Stays connected with a peer: dials now and whenever the connection is lost.
    pub fn dial(&mut self, now: Timestamp, to: Peer) {
        self.clock.set(now);
        let contact = self.contacts.entry(to).or_default();
        contact.keep = true;
        if contact.links.is_empty() && contact.dialling.is_none() && contact.redial_at.is_none() {
            self.start(now, to);
        }
    }

    /// A datagram came.
    pub fn on_datagram(
        &mut self,
        now: Timestamp,
        from: SocketAddr,
        ecn: Option<EcnCodepoint>,
        bytes: BytesMut,
    ) {
        let instant = self.clock.set(now);
        self.counters.datagrams_received += 1;
        self.counters.bytes_received += bytes.len() as u64;
        let mut answer = Vec::new();
        match self.endpoint.handle(instant, from, None, ecn, bytes, &mut answer) {
            None => self.counters.garbage += 1,
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(link) = self.links.get_mut(handle.0).and_then(Option::as_mut) {
                    link.connection.handle_event(event);
                    self.settle(now, handle.0);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => self.accept(now, incoming, answer),
            Some(DatagramEvent::Response(transmit)) => {
                self.counters.garbage += 1;
                self.respond(transmit, answer);
            }
        }
    }

    /// The time of [`next_timeout`](Self::next_timeout) has come.
    pub fn on_timeout(&mut self, now: Timestamp) {
        let instant = self.clock.set(now);
        while let Some((at, index)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, index));
            let Some(link) = self.links[index].as_mut() else { continue };
            link.armed = None;
            link.connection.handle_timeout(instant);
            let due = link.deadline.is_some_and(|deadline| deadline <= now) && !link.ended;
            if due {
                let (code, reason) = match link.established {
                    Some(_) => (CLOSE_EXPIRED, Reason::Refused(Refusal::ExpiredKey)),
                    None => (CLOSE_HANDSHAKE, Reason::HandshakeTimedOut),
                };
                self.end(now, index, code, reason);
            }
            self.settle(now, index);
        }
        while let Some((at, peer)) = self.redials.first().copied().filter(|(at, _)| *at <= now) {
            self.redials.remove(&(at, peer));
            let Some(contact) = self.contacts.get_mut(&peer) else { continue };
            contact.redial_at = None;
            let wanted = contact.keep || contact.has_queued();
            if wanted && contact.links.is_empty() && contact.dialling.is_none() {
                self.start(now, peer);
            }
        }
    }

    /// The next datagrams to send, in `buf`, which is emptied first.
    pub fn flush(&mut self, now: Timestamp, buf: &mut Vec<u8>) -> Option<Transmit> {
        let instant = self.clock.set(now);
        buf.clear();
        if let Some((transmit, bytes)) = self.responses.pop_front() {
            buf.extend_from_slice(&bytes);
            self.count_sent(&transmit);
            return Some(transmit);
        }
        while let Some(index) = self.waiting.front().copied() {
            if let Some(link) = &mut self.links[index] {
                if let Some(sent) = link.connection.poll_transmit(instant, self.tuning.max_datagrams, buf) {
                    let transmit = Transmit {
                        to: sent.destination,
                        ecn: sent.ecn,
                        len: sent.size,
                        segment_size: sent.segment_size,
                    };
                    self.count_sent(&transmit);
                    return Some(transmit);
                }
                link.waiting = false;
            }
            self.waiting.pop_front();
            self.take_events(now, index);
            self.arm(index);
        }
        None
    }

    /// When to call [`on_timeout`](Self::on_timeout), if nothing happens before. Exact once everything is flushed.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let timer = self.timers.first().map(|(at, _)| *at);
        let redial = self.redials.first().map(|(at, _)| *at);
        timer.into_iter().chain(redial).min()
    }

    /// The next event, if any. Messages are read from their streams here, urgent lanes first: who does not poll
    /// holds senders back.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let (index, stream) = self.readable.iter_mut().find_map(VecDeque::pop_front)?;
            self.read(index, stream);
        }
    }

    /// Leaves a peer's messages in their streams until [`resume_reading`](Self::resume_reading): its windows fill,
    /// and it is held back.
    pub fn pause_reading(&mut self, from: Peer) {
        self.contacts.entry(from).or_default().paused = true;
    }

    /// Reads a peer's messages again.
    pub fn resume_reading(&mut self, from: Peer) {
        if let Some(contact) = self.contacts.get_mut(&from) {
            contact.paused = false;
        }
        for (index, stream) in std::mem::take(&mut self.held) {
            if let Some(link) = &mut self.links[index] {
                link.release(stream);
            }
            self.offer(index, stream);
        }
    }

    /// Replaces the registry: connections whose keys it does not let in are closed.
    pub fn set_registry(&mut self, now: Timestamp, registry: Arc<Registry>) {
        self.clock.set(now);
        self.gate.replace(registry.clone());
        for index in 0..self.links.len() {
            let Some(link) = self.links[index].as_mut().filter(|link| link.is_open()) else { continue };
            let (Some(key), Some(peer)) = (link.key, link.peer) else { continue };
            let refusal = match registry.admit(&key, now) {
                Ok((holder, expires)) if holder == peer => {
                    link.deadline = expires;
                    self.wake(index);
                    continue;
                }
                Ok(_) => Refusal::WrongKey,
                Err(refusal) => refusal,
            };
            self.end(now, index, CLOSE_EXPIRED, Reason::Refused(refusal));
        }
    }

    /// Replaces where peers are: for connections to come.
    pub fn set_addresses(&mut self, addresses: Arc<BTreeMap<Peer, SocketAddr>>) {
        self.addresses = addresses;
    }

    /// Closes all connections and makes no more; what waits is shed. Flush once more, so that peers are told.
    pub fn close(&mut self, now: Timestamp) {
        self.clock.set(now);
        self.closing = true;
        self.redials.clear();
        for index in 0..self.links.len() {
            if self.links[index].as_ref().is_some_and(|link| !link.ended) {
                self.end(now, index, CLOSE_DONE, Reason::Closed);
            }
        }
        let peers: Vec<Peer> = self.contacts.keys().copied().collect();
        peers.into_iter().for_each(|peer| self.shed_all(peer));
    }

    /// Whether there is a connection with a peer.
    pub fn is_connected(&self, peer: Peer) -> bool {
        self.contacts.get(&peer).is_some_and(|contact| !contact.links.is_empty())
    }

    /// Connections established so far.
    pub fn handshakes(&self) -> u64 {
        self.counters.dialled + self.counters.accepted
    }

    /// What was counted so far. Costs a look at every connection.
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.packets_lost += self.links.iter().flatten().map(Link::packets_lost).sum::<u64>();
        counters.queued_bytes = self.contacts.values().map(|contact| contact.queued_bytes() as u64).sum();
        counters.connections = self.links_len as u64;
        counters
    }
}

/// What another QUIC stack needs to dial machines of a chain with this key: it then speaks TLS as a [`Host`] does, and
/// checks that whoever it dials by [`server_name`] holds that peer's key. The registry's expiries are not looked at.
pub fn client_crypto(
    key: &SecretKey,
    chain: ChainId,
    registry: Arc<Registry>,
    entropy: &Entropy,
) -> Result<Arc<quinn_proto::crypto::rustls::QuicClientConfig>, QuicError> {
    let clock = Clock::new(Timestamp::ZERO);
    let gate = Gate::new(registry, clock.clone());
    Ok(Identity::new(key, chain, &gate, &clock, entropy)?.client)
}

/// The name under which a peer is dialled: it tells the verifier whose key to expect.
pub fn server_name(peer: Peer) -> String {
    registry::name_of(peer)
}

#[cfg(test)]
mod tests;
