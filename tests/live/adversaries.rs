//! Whoever is not a member, and members that do not behave: refused or shed, and the cluster goes on.

use super::cluster::{Cluster, edit};
use bytes::{Bytes, BytesMut};
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::SecretKey;
use ledger_core::gateway::Gateway;
use ledger_core::live::Clock;
use ledger_core::message::{Message, Request};
use ledger_core::quic::{Entropy, Event, Host, HostConfig, QuicTuning, Registry};
use ledger_core::seam::{GatewayId, Lane, Peer};
use sim::deploy::{Consortium, SecretSeed};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A QUIC host of a test, on a socket of its own.
struct Caller {
    host: Host,
    socket: UdpSocket,
    clock: Clock,
}

impl Caller {
    /// Calls replica 0 as whoever its own registry says that it is.
    fn new(cluster: &Cluster, me: Peer, key: SecretKey) -> Self {
        let consortium = Consortium::read(&cluster.directory.join("consortium.yaml")).unwrap();
        let mut registry = Registry::of_committee(&consortium.committee);
        registry.insert(key.public(), me, None);
        let clock = Clock::new(consortium.genesis_time);
        let to = format!("127.0.0.1:{}", cluster.replica_port(0)).parse().unwrap();
        let config = HostConfig {
            me,
            key,
            chain: consortium.chain(),
            registry: Arc::new(registry),
            addresses: Arc::new(BTreeMap::from([(Peer::Replica(ReplicaId(0)), to)])),
            tuning: QuicTuning { max_datagrams: 1, ..QuicTuning::default() },
            entropy: Entropy::from_system().unwrap(),
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        Self { host: Host::new(config, clock.now()).unwrap(), socket, clock }
    }

    fn send(&mut self, bytes: Bytes) {
        self.host.send(self.clock.now(), Peer::Replica(ReplicaId(0)), Lane::Client, bytes);
    }

    /// Sends what is there; receives for a moment if it listens.
    fn turn(&mut self, listen: bool) {
        let mut buffer = Vec::new();
        while let Some(transmit) = self.host.flush(self.clock.now(), &mut buffer) {
            let _ = self.socket.send_to(&buffer[..transmit.len], transmit.to);
        }
        let mut datagram = vec![0; 65_535];
        if listen && let Ok((length, from)) = self.socket.recv_from(&mut datagram) {
            self.host.on_datagram(self.clock.now(), from, None, BytesMut::from(&datagram[..length]));
        }
        let now = self.clock.now();
        if self.host.next_timeout().is_some_and(|at| at <= now) {
            self.host.on_timeout(now);
        }
    }
}

fn entry(index: u64) -> Bytes {
    Message::Request(Request::Entry(index)).encode()
}

/// Calls until the replica has counted a refusal for this reason more than before.
fn refused(cluster: &Cluster, mut caller: Caller, reason: &str) {
    let name = format!("amanah_quic_refused_total{{reason=\"{reason}\"}}");
    let before = cluster.figure(0, &name).unwrap();
    let since = Instant::now();
    caller.send(entry(0));
    while cluster.figure(0, &name).unwrap() == before {
        (0..20).for_each(|_| caller.turn(true));
        while let Some(event) = caller.host.poll_event() {
            assert!(!matches!(event, Event::Message { .. }), "it was answered: {event:?}");
            if matches!(event, Event::Disconnected(..)) {
                caller.send(entry(0));
            }
        }
        assert!(
            since.elapsed() < super::cluster::GIVE_UP,
            "never refused\n{}",
            super::logs(&cluster.directory)
        );
    }
}

#[test]
fn who_is_not_a_member_is_refused() {
    let mut cluster = Cluster::new("strangers");
    let expired = " }\n  - { gateway: 2";
    edit(
        &cluster.directory.join("consortium.yaml"),
        expired,
        ", expires: 2026-01-01T00:00:00Z }\n  - { gateway: 2",
    );
    cluster.start_replicas();
    cluster.commits(5);
    // Somebody who says that they are replica 1, with a key of their own.
    let stranger = || SecretSeed::fresh().unwrap();
    refused(
        &cluster,
        Caller::new(&cluster, Peer::Replica(ReplicaId(1)), stranger().signing()),
        "the key is not in the registry",
    );
    // An unknown client.
    refused(
        &cluster,
        Caller::new(&cluster, Peer::Gateway(GatewayId(77)), stranger().signing()),
        "the key is not in the registry",
    );
    // A client whose time is over.
    let secret = SecretSeed::read(&cluster.directory.join("gateway-1.key")).unwrap();
    let key = Gateway::transport_key(secret.bytes());
    refused(&cluster, Caller::new(&cluster, Peer::Gateway(GatewayId(1)), key), "the key has expired");
    cluster.commits(20);
}

#[test]
fn a_flood_of_garbage_is_dropped_and_the_cluster_goes_on() {
    let mut cluster = Cluster::new("garbage");
    cluster.start_replicas();
    cluster.commits(5);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state: u64 = 7;
    let mut garbage = vec![0u8; 1_400];
    let mut flood = |datagrams: usize| {
        for number in 0..datagrams {
            for byte in &mut garbage {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (state >> 56) as u8;
            }
            // Every fourth looks like the first packet of a connection.
            garbage[0] = if number % 4 == 0 { 0xc3 } else { garbage[0] };
            let port = cluster.replica_port((number % 4) as u16);
            let _ = socket.send_to(&garbage[..200 + number % 1_200], ("127.0.0.1", port));
        }
    };
    for _ in 0..5 {
        flood(4_000);
        cluster.commits(10);
    }
    assert!(cluster.figure(0, "amanah_quic_garbage_total").unwrap() > 0);
    let health = super::cluster::http("GET", cluster.replica_port(0), "/health/live", "").unwrap();
    assert_eq!(health.0, 200, "{health:?}");
}

#[test]
fn a_slow_reader_holds_nobody_up() {
    let mut cluster = Cluster::new("slow-reader");
    cluster.start_replicas();
    cluster.commits(5);
    let secret = SecretSeed::read(&cluster.directory.join("gateway-1.key")).unwrap();
    let mut caller =
        Caller::new(&cluster, Peer::Gateway(GatewayId(1)), Gateway::transport_key(secret.bytes()));
    // It connects and is answered once; from then on it asks and does not read.
    caller.send(entry(u64::MAX));
    let since = Instant::now();
    'answered: loop {
        caller.turn(true);
        while let Some(event) = caller.host.poll_event() {
            if matches!(event, Event::Message { .. }) {
                break 'answered;
            }
        }
        assert!(
            since.elapsed() < super::cluster::GIVE_UP,
            "not answered\n{}",
            super::logs(&cluster.directory)
        );
    }
    for round in 0..20 {
        (0..500).for_each(|index| caller.send(entry(round * 500 + index)));
        // What acknowledges packets must go on, or the connection would simply end; messages are left in their streams.
        (0..50).for_each(|_| caller.turn(true));
    }
    cluster.commits(20);
    let health = super::cluster::http("GET", cluster.replica_port(0), "/health/ready", "").unwrap();
    assert_eq!(health.0, 200, "{health:?}");
}
