//! Hosts in memory: datagrams between them take a fixed time and may be lost; time is a number.

use super::link::ALL_LANES;
use super::*;
use crate::committee::ReplicaId;
use crate::crypto::Digest;
use crate::seam::GatewayId;
use std::net::Ipv4Addr;

mod interop;

const DELAY: Duration = Duration::from_millis(5);

fn replica(index: u16) -> Peer {
    Peer::Replica(ReplicaId(index))
}

fn gateway(index: u32) -> Peer {
    Peer::Gateway(GatewayId(index))
}

fn key(peer: Peer) -> SecretKey {
    SecretKey::from_seed(*Digest::sha256(&[format!("{peer:?}").as_bytes()]).0.first_chunk().unwrap())
}

fn address(index: usize) -> SocketAddr {
    (Ipv4Addr::new(10, 0, 0, index as u8 + 1), 4_433).into()
}

fn registry(peers: &[Peer]) -> Registry {
    let mut registry = Registry::default();
    for peer in peers {
        registry.insert(key(*peer).public(), *peer, None);
    }
    registry
}

fn chain(number: u8) -> ChainId {
    ChainId(Digest([number; 32]))
}

/// Hosts and the datagrams between them.
struct Wire {
    peers: Vec<Peer>,
    registry: Arc<Registry>,
    tuning: QuicTuning,
    now: Timestamp,
    hosts: Vec<Option<Host>>,
    events: Vec<Vec<Event>>,
    /// Hosts whose events are left alone.
    deaf: BTreeSet<usize>,
    under_way: BTreeMap<(Timestamp, u64), (usize, SocketAddr, Vec<u8>)>,
    sent: u64,
    /// Whether the datagram of this number is lost.
    loses: fn(u64) -> bool,
}

impl Wire {
    fn new(peers: &[Peer]) -> Self {
        let mut wire = Self {
            peers: peers.to_vec(),
            registry: Arc::new(registry(peers)),
            tuning: QuicTuning { max_datagrams: 1, ..QuicTuning::default() },
            now: Timestamp(1_000),
            hosts: Vec::new(),
            events: vec![Vec::new(); peers.len()],
            deaf: BTreeSet::new(),
            under_way: BTreeMap::new(),
            sent: 0,
            loses: |_| false,
        };
        wire.hosts = (0..peers.len()).map(|index| Some(wire.host(index))).collect();
        wire
    }

    fn config(&self, index: usize) -> HostConfig {
        let addresses = self.peers.iter().enumerate().map(|(index, peer)| (*peer, address(index)));
        HostConfig {
            me: self.peers[index],
            key: key(self.peers[index]),
            chain: chain(1),
            registry: self.registry.clone(),
            addresses: Arc::new(addresses.collect()),
            tuning: self.tuning.clone(),
            entropy: Entropy::from_system().unwrap(),
        }
    }

    fn host(&self, index: usize) -> Host {
        Host::new(self.config(index), self.now).unwrap()
    }

    fn at(&mut self, index: usize) -> &mut Host {
        self.hosts[index].as_mut().unwrap()
    }

    fn send(&mut self, from: usize, to: usize, lane: Lane, bytes: impl Into<Bytes>) {
        let (now, to) = (self.now, self.peers[to]);
        self.at(from).send(now, to, lane, bytes.into());
        self.flush(from);
    }

    fn flush(&mut self, index: usize) {
        let now = self.now;
        loop {
            let Some(host) = &mut self.hosts[index] else { return };
            let mut buf = Vec::new();
            while let Some(transmit) = host.flush(now, &mut buf) {
                assert!(transmit.len <= 1_452 && transmit.segment_size.is_none());
                let to = (0..self.peers.len()).find(|index| address(*index) == transmit.to);
                self.sent += 1;
                if let Some(to) = to.filter(|_| !(self.loses)(self.sent)) {
                    let datagram = (to, address(index), buf[..transmit.len].to_vec());
                    self.under_way.insert((now + DELAY, self.sent), datagram);
                }
            }
            if self.deaf.contains(&index) {
                return;
            }
            let before = self.events[index].len();
            while let Some(event) = host.poll_event() {
                self.events[index].push(event);
            }
            if self.events[index].len() == before {
                return;
            }
        }
    }

    /// Goes on for so long.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        (0..self.hosts.len()).for_each(|index| self.flush(index));
        loop {
            let arrival = self.under_way.first_key_value().map(|((at, _), _)| *at);
            let timers = self.hosts.iter().flatten().filter_map(Host::next_timeout);
            let Some(next) = timers.chain(arrival).min().filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            let now = self.now;
            while let Some(entry) = self.under_way.first_entry().filter(|entry| entry.key().0 <= now) {
                let (to, from, bytes) = entry.remove();
                if let Some(host) = &mut self.hosts[to] {
                    host.on_datagram(now, from, None, BytesMut::from(&bytes[..]));
                    self.flush(to);
                }
            }
            for index in 0..self.hosts.len() {
                if let Some(host) = &mut self.hosts[index]
                    && host.next_timeout().is_some_and(|at| at <= now)
                {
                    host.on_timeout(now);
                    self.flush(index);
                }
            }
        }
        self.now = end;
    }

    fn messages(&self, at: usize) -> Vec<(Peer, Lane, Bytes)> {
        let message = |event: &Event| match event {
            Event::Message { from, lane, bytes } => Some((*from, *lane, bytes.clone())),
            Event::Connected(_) | Event::Disconnected(..) | Event::Refused { .. } | Event::Shed { .. } => {
                None
            }
        };
        self.events[at].iter().filter_map(message).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn messages_of_every_lane_and_length_arrive_in_order() {
    let mut wire = Wire::new(&[replica(0), gateway(7)]);
    let lengths = [0usize, 1, 3, 1_000, 4_096, 4_097, 70_000, 3_000_000];
    for (number, length) in lengths.iter().enumerate() {
        for lane in ALL_LANES {
            wire.send(1, 0, lane, vec![number as u8; *length]);
            wire.send(0, 1, lane, vec![number as u8; *length]);
        }
    }
    wire.run(10 * SECOND);
    for at in [0, 1] {
        for lane in ALL_LANES {
            let messages = wire.messages(at);
            let found: Vec<_> = messages.iter().filter(|(_, found, _)| *found == lane).collect();
            assert_eq!(found.iter().map(|(_, _, bytes)| bytes.len()).collect::<Vec<_>>(), lengths);
            for (number, (from, _, bytes)) in found.into_iter().enumerate() {
                assert_eq!(*from, wire.peers[1 - at]);
                assert!(bytes.iter().all(|byte| usize::from(*byte) == number));
            }
        }
    }
    assert_eq!(wire.at(0).counters().shed + wire.at(1).counters().shed, 0);
}

#[test]
fn the_longest_message_crosses_and_a_longer_one_is_shed() {
    let mut wire = Wire::new(&[replica(0), gateway(7)]);
    wire.send(1, 0, Lane::Bulk, vec![9; MESSAGE_BYTES_MAX]);
    wire.send(1, 0, Lane::Bulk, vec![9; MESSAGE_BYTES_MAX + 1]);
    wire.run(30 * SECOND);
    assert_eq!(wire.messages(0).len(), 1);
    assert_eq!(wire.at(1).counters().shed_bytes, MESSAGE_BYTES_MAX as u64 + 1);
}

#[test]
fn what_is_lost_is_sent_again() {
    let mut wire = Wire::new(&[replica(0), gateway(7)]);
    wire.loses = |number| number % 7 == 3;
    for number in 0..200u32 {
        wire.send(1, 0, Lane::Client, number.to_le_bytes().to_vec());
    }
    wire.send(1, 0, Lane::Bulk, vec![1; 200_000]);
    wire.run(20 * SECOND);
    assert_eq!(wire.messages(0).len(), 201);
    assert!(wire.at(1).counters().packets_lost > 10);
}

#[test]
fn urgent_messages_overtake_bulk() {
    let mut wire = Wire::new(&[replica(0), replica(1)]);
    wire.send(0, 1, Lane::Consensus, &b"hello"[..]);
    wire.run(SECOND);
    wire.send(0, 1, Lane::Bulk, vec![0; 20_000_000]);
    wire.send(0, 1, Lane::Client, &b"client"[..]);
    wire.send(0, 1, Lane::Consensus, &b"vote"[..]);
    wire.run(Duration::from_millis(50));
    let mut lanes: Vec<Lane> = wire.messages(1).iter().map(|(_, lane, _)| *lane).collect();
    lanes.sort();
    assert_eq!(lanes, [Lane::Consensus, Lane::Consensus, Lane::Client], "the bulk is still under way");
    wire.run(10 * SECOND);
    assert_eq!(wire.messages(1).len(), 4);
}

#[test]
fn a_pair_of_replicas_has_one_connection_and_both_use_it() {
    let mut wire = Wire::new(&[replica(0), replica(1)]);
    let now = wire.now;
    wire.at(0).dial(now, replica(1));
    wire.send(1, 0, Lane::Consensus, &b"up"[..]);
    wire.send(0, 1, Lane::Consensus, &b"down"[..]);
    wire.run(SECOND);
    assert_eq!((wire.messages(0).len(), wire.messages(1).len()), (1, 1));
    assert_eq!((wire.at(0).counters().dialled, wire.at(1).counters().accepted), (1, 1));
    assert_eq!((wire.at(0).counters().accepted, wire.at(1).counters().dialled), (0, 0));
}

#[test]
fn both_may_dial_at_once() {
    let mut wire = Wire::new(&[gateway(0), gateway(1)]);
    for number in 0..10u8 {
        wire.send(0, 1, Lane::Client, vec![number]);
        wire.send(1, 0, Lane::Client, vec![number]);
        wire.run(Duration::from_millis(3));
    }
    wire.run(SECOND);
    assert_eq!((wire.messages(0).len(), wire.messages(1).len()), (10, 10));
    assert_eq!(wire.events[0].iter().filter(|event| matches!(event, Event::Connected(_))).count(), 1);
}

#[test]
fn a_lost_peer_is_dialled_again_and_what_waits_is_shed() {
    let mut wire = Wire::new(&[replica(0), replica(1)]);
    let now = wire.now;
    wire.at(0).dial(now, replica(1));
    wire.run(SECOND);
    let gone = wire.hosts[1].take();
    wire.run(10 * SECOND);
    assert!(wire.events[0].contains(&Event::Disconnected(replica(1), Reason::TimedOut)));
    assert!(wire.events[0].contains(&Event::Disconnected(replica(1), Reason::HandshakeTimedOut)));
    wire.send(0, 1, Lane::Consensus, &b"lost"[..]);
    wire.run(10 * SECOND);
    let shed = Event::Shed { to: replica(1), lane: Lane::Consensus, bytes: 4 };
    assert!(wire.events[0].contains(&shed), "{:?}", wire.events[0]);
    wire.hosts[1] = gone;
    wire.run(6 * SECOND);
    wire.send(0, 1, Lane::Consensus, &b"found"[..]);
    wire.run(SECOND);
    assert_eq!(wire.messages(1), [(replica(0), Lane::Consensus, Bytes::from_static(b"found"))]);
}

#[test]
fn a_restarted_peer_is_noticed_at_once() {
    let mut wire = Wire::new(&[replica(0), gateway(3)]);
    wire.send(1, 0, Lane::Client, &b"before"[..]);
    wire.run(SECOND);
    wire.hosts[0] = Some(wire.host(0));
    wire.run(SECOND);
    // This one is lost with the connection; a machine would ask again.
    wire.send(1, 0, Lane::Client, &b"lost"[..]);
    wire.run(Duration::from_millis(50));
    assert!(wire.events[1].contains(&Event::Disconnected(gateway_of(&wire), Reason::Restarted)));
    wire.send(1, 0, Lane::Client, &b"after"[..]);
    wire.run(SECOND);
    let found: Vec<_> = wire.messages(0).into_iter().map(|(_, _, bytes)| bytes).collect();
    assert_eq!(found, ["before", "after"]);
}

/// The peer at the other end of host 1.
fn gateway_of(wire: &Wire) -> Peer {
    wire.peers[0]
}

#[track_caller]
fn refused(mut wire: Wire, at_server: Refusal) {
    wire.send(1, 0, Lane::Client, &b"let me in"[..]);
    wire.run(5 * SECOND);
    assert_eq!(wire.messages(0), []);
    assert!(wire.at(0).counters().refused_for(at_server) > 0, "{:?}", wire.at(0).counters());
    let told = Event::Refused { from: address(1), reason: at_server };
    assert!(wire.events[0].contains(&told), "{:?}", wire.events[0]);
    let told = Event::Disconnected(replica(0), Reason::RefusedByPeer(at_server));
    assert!(wire.events[1].contains(&told), "{:?}", wire.events[1]);
    assert!(!wire.at(0).is_connected(gateway(3)));
}

#[test]
fn an_unknown_key_is_refused() {
    let mut wire = Wire::new(&[replica(0), gateway(3)]);
    let now = wire.now;
    wire.at(0).set_registry(now, Arc::new(registry(&[replica(0)])));
    refused(wire, Refusal::UnknownKey);
}

#[test]
fn an_expired_key_is_refused() {
    let mut wire = Wire::new(&[replica(0), gateway(3)]);
    let mut expired = registry(&[replica(0)]);
    let now = wire.now;
    expired.insert(key(gateway(3)).public(), gateway(3), Some(now + DELAY));
    wire.at(0).set_registry(now, Arc::new(expired));
    refused(wire, Refusal::ExpiredKey);
}

#[test]
fn another_chain_is_refused() {
    let mut wire = Wire::new(&[replica(0), gateway(3)]);
    let config = HostConfig { chain: chain(2), ..wire.config(1) };
    wire.hosts[1] = Some(Host::new(config, wire.now).unwrap());
    refused(wire, Refusal::OtherChain);
}

#[test]
fn a_wrong_key_is_refused_by_who_dialled() {
    let mut wire = Wire::new(&[replica(0), gateway(3), replica(1)]);
    // Replica 1 answers where replica 0 should be.
    let addresses = Arc::new([(replica(0), address(2))].into());
    wire.at(1).set_addresses(addresses);
    wire.send(1, 0, Lane::Client, &b"secret"[..]);
    wire.run(5 * SECOND);
    assert_eq!((wire.messages(0), wire.messages(2)), (vec![], vec![]));
    let told = Event::Disconnected(replica(0), Reason::Refused(Refusal::WrongKey));
    assert!(wire.events[1].contains(&told), "{:?}", wire.events[1]);
    assert!(wire.at(1).counters().refused_for(Refusal::WrongKey) > 0);
}

#[test]
fn a_key_that_expires_or_is_removed_ends_its_connection() {
    let mut wire = Wire::new(&[replica(0), gateway(3), gateway(4)]);
    let mut lease = registry(&[replica(0), gateway(4)]);
    let now = wire.now;
    lease.insert(key(gateway(3)).public(), gateway(3), Some(now + 2 * SECOND));
    wire.at(0).set_registry(now, Arc::new(lease));
    wire.send(1, 0, Lane::Client, &b"in time"[..]);
    wire.send(2, 0, Lane::Client, &b"as well"[..]);
    wire.run(SECOND);
    assert!(wire.at(0).is_connected(gateway(3)) && wire.at(0).is_connected(gateway(4)));
    wire.run(2 * SECOND);
    let expired = Reason::Refused(Refusal::ExpiredKey);
    assert!(wire.events[0].contains(&Event::Disconnected(gateway(3), expired)));
    assert!(!wire.at(0).is_connected(gateway(3)) && wire.at(0).is_connected(gateway(4)));
    let now = wire.now;
    wire.at(0).set_registry(now, Arc::new(registry(&[replica(0)])));
    wire.run(SECOND);
    let removed = Reason::Refused(Refusal::UnknownKey);
    assert!(wire.events[0].contains(&Event::Disconnected(gateway(4), removed)));
    assert!(
        wire.events[2].contains(&Event::Disconnected(replica(0), Reason::RefusedByPeer(Refusal::ExpiredKey)))
    );
}

#[test]
fn a_full_queue_sheds_and_says_so() {
    let mut wire = Wire::new(&[replica(0), gateway(3)]);
    // Two, four and six messages, and 64 bytes for each that waits before the last.
    wire.tuning.queue_bytes_max = [1_000 + 64, 2_000 + 3 * 64, 3_000 + 5 * 64];
    wire.hosts[1] = Some(wire.host(1));
    for _ in 0..10 {
        ALL_LANES.into_iter().for_each(|lane| wire.send(1, 0, lane, vec![0; 500]));
    }
    assert_eq!(wire.at(1).counters().queued_bytes, 6_000);
    assert_eq!(wire.at(1).counters().shed, 30 - 12);
    let shed = Event::Shed { to: replica(0), lane: Lane::Client, bytes: 500 };
    assert_eq!(wire.events[1].iter().filter(|event| **event == shed).count(), 6);
    wire.run(SECOND);
    assert_eq!(wire.messages(0).len(), 12);
    assert_eq!(wire.at(1).counters().queued_bytes, 0);
}

#[test]
fn a_frame_that_is_too_long_ends_the_connection() {
    for (bytes, lane) in [((MESSAGE_BYTES_MAX as u32 + 1).to_le_bytes(), 2), ([0; 4], 3)] {
        let mut wire = Wire::new(&[replica(0), gateway(3)]);
        wire.send(1, 0, Lane::Client, &b"correct"[..]);
        wire.run(SECOND);
        let link = wire.at(1).links[0].as_mut().unwrap();
        let stream = link.connection.streams().open(quinn_proto::Dir::Uni).unwrap();
        link.connection.send_stream(stream).write(&[&[lane], &bytes[..]].concat()).unwrap();
        wire.at(1).wake(0);
        wire.run(SECOND);
        assert!(wire.events[0].contains(&Event::Disconnected(gateway(3), Reason::Misbehaved)));
        assert!(wire.events[1].contains(&Event::Disconnected(replica(0), Reason::ClosedByPeer)));
    }
}

#[test]
fn garbage_costs_nothing_that_lasts() {
    let mut wire = Wire::new(&[replica(0), gateway(3)]);
    wire.send(1, 0, Lane::Client, &b"before"[..]);
    wire.run(SECOND);
    let before = wire.at(0).counters();
    let mut state = 1u64;
    for number in 0..20_000usize {
        let mut datagram = BytesMut::zeroed(20 + number % 1_400);
        for byte in datagram.iter_mut() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        // Long headers of the right version, too.
        if number % 3 == 0 {
            datagram[..5].copy_from_slice(&[0xc0, 0, 0, 0, 1]);
        }
        let now = wire.now;
        wire.at(0).on_datagram(now, address(number % 200), None, datagram);
        assert!(wire.at(0).responses.len() <= RESPONSES_MAX);
    }
    wire.run(10 * SECOND);
    let after = wire.at(0).counters();
    assert!(after.garbage - before.garbage > 15_000, "{after:?}");
    assert_eq!(after.connections, before.connections, "{after:?}");
    assert!(after.datagrams_sent - before.datagrams_sent < 1_000, "garbage is hardly answered: {after:?}");
    wire.send(1, 0, Lane::Client, &b"after"[..]);
    wire.run(SECOND);
    assert_eq!(wire.messages(0).len(), 2);
}

#[test]
fn too_many_handshakes_wait_for_their_turn() {
    let peers: Vec<Peer> = [replica(0)].into_iter().chain((0..40).map(gateway)).collect();
    let mut wire = Wire::new(&peers);
    wire.tuning.handshakes_max = 16;
    wire.hosts[0] = Some(wire.host(0));
    (1..=40).for_each(|from| wire.send(from, 0, Lane::Client, &b"me too"[..]));
    wire.run(Duration::from_millis(30));
    assert!(wire.at(0).counters().refused_for(Refusal::Full) > 0);
    wire.run(20 * SECOND);
    assert_eq!(wire.at(0).handshakes, 0);
    assert_eq!(wire.messages(0).len(), 40, "who is ignored tries again");
}

#[test]
fn who_does_not_read_is_not_overrun() {
    let mut wire = Wire::new(&[replica(0), gateway(3), gateway(4)]);
    wire.tuning.window_bytes = 64 * 1024;
    wire.tuning.queue_bytes_max = [1 << 20; 3];
    wire.hosts = (0..3).map(|index| Some(wire.host(index))).collect();
    wire.at(0).pause_reading(gateway(3));
    for number in 0..10u8 {
        wire.send(1, 0, Lane::Client, vec![number; 50_000]);
        wire.send(2, 0, Lane::Client, vec![number; 50_000]);
    }
    wire.run(10 * SECOND);
    let from = |wire: &Wire, peer| wire.messages(0).iter().filter(|(from, ..)| *from == peer).count();
    assert_eq!((from(&wire, gateway(3)), from(&wire, gateway(4))), (0, 10), "only one of them is held back");
    assert!(wire.at(0).counters().bytes_received < 500_000 + 64 * 1024 + 50_000);
    assert!(wire.at(1).counters().queued_bytes >= 350_000, "the rest waits at its sender");
    wire.at(0).resume_reading(gateway(3));
    wire.run(10 * SECOND);
    assert_eq!(from(&wire, gateway(3)), 10);
}

#[test]
fn a_driver_that_polls_no_events_holds_everyone_back() {
    let mut wire = Wire::new(&[replica(0), gateway(3)]);
    wire.tuning.window_bytes = 64 * 1024;
    wire.hosts = (0..2).map(|index| Some(wire.host(index))).collect();
    wire.deaf.insert(0);
    (0..100u8).for_each(|number| wire.send(1, 0, Lane::Bulk, vec![number; 10_000]));
    wire.run(10 * SECOND);
    assert!(wire.at(0).counters().bytes_received < 150_000);
    wire.deaf.remove(&0);
    wire.run(10 * SECOND);
    assert_eq!(wire.messages(0).len(), 100);
}

#[test]
fn an_idle_connection_without_keep_alive_has_one_timer() {
    let mut wire = Wire::new(&[replica(0), gateway(3)]);
    wire.tuning.keep_alive = None;
    wire.tuning.idle_timeout = 30 * SECOND;
    wire.hosts[1] = Some(wire.host(1));
    wire.send(1, 0, Lane::Client, &b"hello"[..]);
    wire.run(5 * SECOND);
    let sent = wire.sent;
    let timeout = wire.at(1).next_timeout().unwrap();
    assert!(timeout > wire.now + 20 * SECOND, "the idle timeout and nothing else: {timeout}");
    wire.run(20 * SECOND);
    assert_eq!(wire.sent, sent);
    wire.run(20 * SECOND);
    assert!(wire.events[1].contains(&Event::Disconnected(replica(0), Reason::TimedOut)));
    assert_eq!(wire.at(1).counters().connections, 0);
    assert_eq!(wire.at(1).next_timeout(), None);
}

#[test]
fn closing_tells_the_peers() {
    let mut wire = Wire::new(&[replica(0), replica(1)]);
    let now = wire.now;
    wire.at(0).dial(now, replica(1));
    wire.run(SECOND);
    let now = wire.now;
    wire.at(1).close(now);
    wire.run(Duration::from_millis(20));
    assert!(wire.events[0].contains(&Event::Disconnected(replica(1), Reason::ClosedByPeer)));
    wire.run(2 * SECOND);
    assert_eq!(wire.at(1).counters().connections, 0);
    wire.send(1, 0, Lane::Client, &b"too late"[..]);
    assert_eq!(wire.at(1).counters().shed, 1);
}

#[test]
fn a_host_must_be_who_it_says() {
    let wire = Wire::new(&[replica(0), gateway(3)]);
    let config = HostConfig { me: gateway(3), ..wire.config(0) };
    assert!(matches!(Host::new(config, wire.now), Err(QuicError::NotRegistered(Peer::Gateway(_)))));
    let tuning = QuicTuning { mtu: 1_100, ..QuicTuning::default() };
    let config = HostConfig { tuning, ..wire.config(0) };
    assert!(matches!(Host::new(config, wire.now), Err(QuicError::Tuning(_))));
}
