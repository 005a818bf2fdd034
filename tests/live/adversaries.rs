//! Whoever is not a member, and members that do not behave: refused or shed, and the cluster keeps its rate. Each attack
//! has load of a known rate beside it, and what is committed of that is counted before the attack and during it.

use super::cluster::{Cluster, GIVE_UP, edit, http};
use super::load::{Attack, Load};
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
        Self::with(cluster, me, key, QuicTuning::default().window_bytes)
    }

    /// The same, but it takes so many bytes of a lane before it has read them.
    fn with(cluster: &Cluster, me: Peer, key: SecretKey, window_bytes: u32) -> Self {
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
            tuning: QuicTuning { max_datagrams: 1, window_bytes, ..QuicTuning::default() },
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

/// Somebody who calls replica 0 again and again, and is refused for a reason.
struct Refused {
    caller: Caller,
    /// The figure that counts it, and what it was at first.
    figure: String,
    before: u64,
    since: Instant,
}

impl Refused {
    fn new(cluster: &Cluster, caller: Caller, reason: &str) -> Self {
        let figure = format!("amanah_quic_refused_total{{reason=\"{reason}\"}}");
        let before = cluster.figure(0, &figure).unwrap();
        Self { caller, figure, before, since: Instant::now() }
    }

    /// Calls; has had its effect once the replica has counted a few refusals.
    fn call(&mut self, cluster: &Cluster) -> Attack {
        self.caller.send(entry(0));
        (0..20).for_each(|_| self.caller.turn(true));
        while let Some(event) = self.caller.host.poll_event() {
            assert!(!matches!(event, Event::Message { .. }), "it was answered: {event:?}");
        }
        if cluster.figure(0, &self.figure).unwrap() >= self.before + 3 {
            return Attack::HasHad;
        }
        assert!(self.since.elapsed() < GIVE_UP, "never refused\n{}", super::logs(&cluster.directory));
        Attack::GoesOn
    }
}

/// A cluster with a gateway that carries load.
fn loaded(name: &str, change: impl FnOnce(&Cluster)) -> (Cluster, Load) {
    let mut cluster = Cluster::new(name);
    change(&cluster);
    cluster.start_replicas();
    cluster.start("gateway", 0);
    cluster.commits(5);
    let load = Load::start(&cluster, 0);
    (cluster, load)
}

/// The transport key of a gateway whose process does not run.
fn key_of(cluster: &Cluster, gateway: u32) -> SecretKey {
    let secret = SecretSeed::read(&cluster.directory.join(format!("gateway-{gateway}.key"))).unwrap();
    Gateway::transport_key(secret.bytes())
}

#[test]
fn who_is_not_a_member_is_refused() {
    let (cluster, load) = loaded("strangers", |cluster| {
        let file = cluster.directory.join("consortium.yaml");
        edit(&file, " }\n  - { gateway: 2", ", expires: 2026-01-01T00:00:00Z }\n  - { gateway: 2");
    });
    let stranger = || SecretSeed::fresh().unwrap().signing();
    let unknown = "the key is not in the registry";
    let mut callers = [
        // Somebody who says that they are replica 1, with a key of their own.
        (Caller::new(&cluster, Peer::Replica(ReplicaId(1)), stranger()), unknown),
        // An unknown client.
        (Caller::new(&cluster, Peer::Gateway(GatewayId(77)), stranger()), unknown),
        // A client whose time is over.
        (Caller::new(&cluster, Peer::Gateway(GatewayId(1)), key_of(&cluster, 1)), "the key has expired"),
    ]
    .map(|(caller, reason)| Refused::new(&cluster, caller, reason));
    load.endures("strangers", || {
        let calls = callers.each_mut().map(|caller| caller.call(&cluster));
        if calls.contains(&Attack::GoesOn) { Attack::GoesOn } else { Attack::HasHad }
    });
}

/// Datagrams a second of the flood, to all replicas together.
const FLOOD_RATE: u32 = 4_000;

#[test]
fn a_flood_of_garbage_is_dropped() {
    let (cluster, load) = loaded("garbage", |_| {});
    let before = cluster.figure(0, "amanah_quic_garbage_total").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state: u64 = 7;
    let mut garbage = vec![0u8; 1_400];
    let (mut sent, mut since) = (0, None);
    load.endures("garbage", || {
        let since = *since.get_or_insert_with(Instant::now);
        while sent < since.elapsed().as_millis() as usize * FLOOD_RATE as usize / 1_000 {
            for byte in &mut garbage {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (state >> 56) as u8;
            }
            // Every fourth looks like the first packet of a connection.
            garbage[0] = if sent % 4 == 0 { 0xc3 } else { garbage[0] };
            let port = cluster.replica_port((sent / 4 % 4) as u16);
            let _ = socket.send_to(&garbage[..200 + sent % 1_200], ("127.0.0.1", port));
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(2));
        if cluster.figure(0, "amanah_quic_garbage_total").unwrap() >= before + 1_000 {
            return Attack::HasHad;
        }
        assert!(since.elapsed() < GIVE_UP, "it was not counted\n{}", super::logs(&cluster.directory));
        Attack::GoesOn
    });
    let health = http("GET", cluster.replica_port(0), "/health/live", "").unwrap();
    assert_eq!(health.0, 200, "{health:?}");
}

/// What a replica keeps for a client that does not read: the bound of the client lane.
const LANE_BYTES: u64 = 16 << 20;

/// A member asks and does not read: what it is answered fills its window and then its lane at the replica, and the rest is
/// shed and counted. Twice what the lane holds is shed, and memory does not grow with it.
#[test]
fn a_slow_reader_is_shed() {
    let (cluster, load) = loaded("slow-reader", |_| {});
    let key = key_of(&cluster, 1);
    let mut caller = Caller::with(&cluster, Peer::Gateway(GatewayId(1)), key, 64 * 1024);
    let since = Instant::now();
    // It connects and reads one answer; from then on it reads nothing.
    'answered: loop {
        caller.send(entry(0));
        caller.turn(true);
        while let Some(event) = caller.host.poll_event() {
            if matches!(event, Event::Message { .. }) {
                break 'answered;
            }
        }
        assert!(since.elapsed() < GIVE_UP, "not answered\n{}", super::logs(&cluster.directory));
    }
    let figure = |name: &str| cluster.figure(0, name).unwrap();
    let resident = cluster.resident(0);
    assert_eq!(figure("amanah_quic_shed_messages_total"), 0);
    let (mut queued_max, mut progress) = (0, (0, Instant::now()));
    load.endures("slow reader", || {
        // Each asks for the receipt of the first registration: some hundred bytes for nine.
        while caller.host.counters().queued_bytes < 64 * 1024 {
            (0..1_000).for_each(|_| caller.send(entry(0)));
            caller.turn(false);
        }
        // What acknowledges packets goes on, or the connection would simply end; messages are left in their streams.
        (0..20).for_each(|_| caller.turn(true));
        let shed = figure("amanah_quic_shed_bytes_total");
        let queued = figure("amanah_quic_queued_bytes");
        queued_max = queued.max(queued_max);
        if shed + queued > progress.0 {
            progress = (shed + queued, Instant::now());
        }
        assert!(progress.1.elapsed() < GIVE_UP, "nothing more is shed\n{}", super::logs(&cluster.directory));
        if shed >= 2 * LANE_BYTES { Attack::HasHad } else { Attack::GoesOn }
    });
    let grown = cluster.resident(0).saturating_sub(resident);
    let shed = figure("amanah_quic_shed_messages_total");
    println!("{shed} messages shed; at most {queued_max} bytes queued, memory grew by {grown} bytes");
    assert!(shed > 0 && queued_max > LANE_BYTES / 2, "{shed} shed, {queued_max} queued");
    assert!(queued_max <= LANE_BYTES + LANE_BYTES / 8, "{queued_max} bytes queued");
    assert!(grown <= 4 * LANE_BYTES, "{grown} bytes more");
    let health = http("GET", cluster.replica_port(0), "/health/ready", "").unwrap();
    assert_eq!(health.0, 200, "{health:?}");
}
