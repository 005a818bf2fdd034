//! Real QUIC in virtual time: the same bytes in every process, the goodput that theory says, urgent traffic beside
//! bulk, idle connections that cost nothing, and how far the message model is from it.

use crate::amanah::{Build, directory};
use crate::support::{failures, plan, run};
use bytes::Bytes;
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::{ChainId, SecretKey};
use ledger_core::seam::{GatewayId, Lane, Peer};
use ledger_core::time::{Duration, Timestamp};
use sim::event_queue::EventQueue;
use sim::history::Run;
use sim::metrics::Metrics;
use sim::network::HostId;
use sim::network::quic::{Datagram, Effects, Member, Network};
use sim::plan::{Congestion, DelayPlan, Plan, Transport};
use sim::seed::Seed;
use sim::world::Options;
use std::fs;

/// Everything that a link can do to datagrams, a restart and a partition.
const HOSTILE: &str = "# Are datagrams the same in every process?
name: hostile
seed: 41
warmup: 500ms
duration: 2500ms
ledger: { replicas: 4 }
network:
  topology: gulf-5
  loss: 2%
  duplication: 1%
  reordering: 1%
  queue: 64KiB
  congestion_control: newreno
population: { patients: 100, hospitals: 3, pharmacies: 2, laboratories: 1 }
workloads:
  - personal_health_record: { rate: 40/s, mix: { register: 30%, share: 40%, consent: 20%, audit: 10% } }
faults:
  - at: 500ms
    crash: { replicas: [2], for: 500ms }
  - at: 1500ms
    partition: { groups: [[0, 1], rest], for: 500ms }
";

#[test]
fn every_datagram_is_the_same_in_every_process() {
    let directory = directory("quic-capture");
    fs::write(directory.join("scenario.yaml"), HOSTILE).unwrap();
    for (build, name) in [(Build::Debug, "first"), (Build::Debug, "second"), (Build::Release, "release")] {
        let pcap = format!("{name}.pcap");
        build.run(&directory, &["run", "scenario.yaml", "--quiet", "--out", name, "--pcap", &pcap]).exits(0);
    }
    let captures =
        ["first", "second", "release"].map(|name| fs::read(directory.join(format!("{name}.pcap"))).unwrap());
    assert!(captures[0].len() > 1_000_000, "{} bytes captured", captures[0].len());
    assert!(captures.iter().all(|capture| *capture == captures[0]), "time, source, destination and bytes");
}

#[test]
fn crashes_partitions_and_hostile_links_pass_every_checker() {
    for seed in [41, 42, 43] {
        let run = run(&Plan { seed, ..plan(HOSTILE) }, &Options::default());
        let network = &run.history.network;
        assert!(network.packets_lost > 30 && network.retransmitted > 30, "{network:?}");
        let failed = failures(&run);
        assert!(failed.is_empty(), "seed {seed}: {failed:#?}");
    }
}

/// Hosts and links without machines.
struct Links {
    network: Network,
    queue: EventQueue<Happening>,
    now: Timestamp,
    effects: Effects,
    events: u64,
    received: u64,
}

enum Happening {
    Datagram(Datagram),
    Wake(HostId),
}

impl Links {
    /// One replica and so many gateways, all one-way `delay` apart.
    fn new(gateways: u32, delay: Duration, change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = plan(HOSTILE);
        let delay_ns = delay.as_nanos() as u64;
        plan.network.delays = vec![vec![DelayPlan::Uniform { min_ns: delay_ns, max_ns: delay_ns }; 5]; 5];
        plan.network.loss_ppb = 0;
        let Transport::Quic(quic) = &mut plan.network.transport else { panic!("quic is the default") };
        (quic.duplication_ppb, quic.reordering_ppb, quic.queue_bytes) = (0, 0, 625_000);
        plan.replica_host.datagram_ns = 0;
        plan.gateway_host.datagram_ns = 0;
        change(&mut plan);
        let Transport::Quic(quic) = plan.network.transport else { panic!("quic is the default") };
        let member = |peer, number: u32, host| {
            let mut seed = [9; 32];
            seed[..4].copy_from_slice(&number.to_le_bytes());
            Member { peer, key: SecretKey::from_seed(seed), region: 0, host }
        };
        let replica = member(Peer::Replica(ReplicaId(0)), u32::MAX, &plan.replica_host);
        let gateways = (0..gateways).map(|id| member(Peer::Gateway(GatewayId(id)), id, &plan.gateway_host));
        let members: Vec<Member<'_>> = [replica].into_iter().chain(gateways).collect();
        let hosts = members.len() as u32;
        let mut network =
            Network::new(&plan.network, &quic, members, ChainId::default(), &Seed::new(5), None);
        (0..hosts).for_each(|host| network.start(Timestamp::ZERO, HostId(host)));
        Self {
            network,
            queue: EventQueue::new(),
            now: Timestamp::ZERO,
            effects: Effects::default(),
            events: 0,
            received: 0,
        }
    }

    fn act(&mut self, act: impl FnOnce(&mut Network, Timestamp, &mut Effects)) {
        act(&mut self.network, self.now, &mut self.effects);
        for (at, datagram) in self.effects.datagrams.drain(..) {
            self.queue.push(at, Happening::Datagram(datagram));
        }
        for (at, host) in self.effects.wakes.drain(..) {
            self.queue.push(at, Happening::Wake(host));
        }
        self.received += self.effects.messages.drain(..).map(|(.., bytes)| bytes.len() as u64).sum::<u64>();
    }

    fn run_until(&mut self, end: Timestamp) {
        while self.queue.peek_time().is_some_and(|at| at <= end) {
            let Some((at, _, happening)) = self.queue.pop() else { return };
            self.now = at;
            self.events += 1;
            match happening {
                Happening::Datagram(datagram) => {
                    self.act(|network, now, effects| network.receive(now, datagram, effects));
                }
                Happening::Wake(host) => self.act(|network, now, effects| network.wake(now, host, effects)),
            }
        }
        self.now = end;
    }
}

/// Megabits a second that a gateway's bulk lane carries over 100 Mbit/s.
fn goodput(congestion: Congestion, rtt: Duration, loss: f64, seconds: u64) -> f64 {
    const CHUNK: usize = 100_000;
    let mut links = Links::new(1, rtt / 2, |plan| {
        plan.network.loss_ppb = (loss * 1e9) as u64;
        plan.replica_host.bandwidth_bits_per_s = 100_000_000;
        plan.gateway_host.bandwidth_bits_per_s = 100_000_000;
        if let Transport::Quic(quic) = &mut plan.network.transport {
            quic.congestion = congestion;
        }
    });
    let chunk = Bytes::from(vec![0; CHUNK]);
    // The sender always has something waiting.
    let mut sent = 0;
    let start = Duration::from_secs(5);
    let mut at_start = 0;
    for step in 0..(seconds + 5) * 20 {
        while sent < links.received + 4_000_000 {
            let chunk = chunk.clone();
            links.act(|network, now, effects| {
                network.send(now, HostId(1), Peer::Replica(ReplicaId(0)), Lane::Bulk, chunk, effects);
            });
            sent += CHUNK as u64;
        }
        links.run_until(Timestamp((step + 1) * 50_000_000));
        if links.now == Timestamp::after_genesis(start) {
            at_start = links.received;
        }
    }
    (links.received - at_start) as f64 * 8.0 / 1e6 / seconds as f64
}

/// Payload bytes of a full packet: a datagram less the short header, the AEAD tag and the stream frame's head.
const SEGMENT_BYTES: f64 = 1_452.0 - 35.0;
/// Megabits a second that 100 leave to the payload.
const FULL: f64 = 100.0 * SEGMENT_BYTES / 1_480.0;
const NEAR: Duration = Duration::from_millis(50);
const FAR: Duration = Duration::from_millis(200);

/// Goodput of so many segments in flight on average.
fn of_window(segments: f64, rtt: Duration) -> f64 {
    segments * SEGMENT_BYTES * 8.0 / 1e6 / rtt.as_secs_f64()
}

/// Mathis, Semke, Mahdavi and Ott, "The macroscopic behavior of the TCP congestion avoidance algorithm", 1997:
/// C = 1.22 without delayed growth.
fn mathis(loss: f64, rtt: Duration) -> f64 {
    of_window(1.22 / loss.sqrt(), rtt)
}

/// RFC 9438, section 5.1: what the curve alone yields, and not less than Reno (section 4.3).
fn cubic(loss: f64, rtt: Duration) -> f64 {
    of_window(1.054 * (rtt.as_secs_f64() / loss).powf(0.75), rtt).max(mathis(loss, rtt))
}

/// Measured over `seconds` against theory: between `least` and `most` of it.
#[track_caller]
fn yields(congestion: Congestion, rtt: Duration, loss: f64, seconds: u64, theory: f64, band: [f64; 2]) {
    let found = goodput(congestion, rtt, loss, seconds);
    let told = format!("{congestion:?}, {rtt:?}, loss {loss}: {found:.2} Mbit/s, theory {theory:.2}");
    println!("{told}");
    assert!((band[0] * theory..=band[1] * theory).contains(&found), "{told}");
}

/// Without loss 99 % of what headers leave of the bandwidth, with it the theory within 20 % either way.
#[test]
fn new_reno_yields_what_theory_says() {
    yields(Congestion::NewReno, NEAR, 0.0, 20, FULL, [0.99, 1.01]);
    for (loss, seconds) in [(0.001, 240), (0.01, 60)] {
        yields(Congestion::NewReno, NEAR, loss, seconds, mathis(loss, NEAR), [0.8, 1.2]);
    }
}

/// The same bands. At 50 ms and these losses it is in its Reno-friendly region; at 200 ms it is on its curve, half as much
/// again as Reno.
#[test]
fn cubic_yields_what_theory_says() {
    yields(Congestion::Cubic, NEAR, 0.0, 20, FULL, [0.99, 1.01]);
    for (rtt, loss, seconds) in [(NEAR, 0.001, 240), (NEAR, 0.01, 60), (FAR, 0.001, 480)] {
        yields(Congestion::Cubic, rtt, loss, seconds, cubic(loss, rtt), [0.8, 1.2]);
    }
    assert!(cubic(0.001, FAR) > 1.4 * mathis(0.001, FAR));
}

/// What arrives of the bandwidth: random losses slow nothing down, and probes cost a few percent at most.
#[test]
fn bbr_fills_the_link_whatever_is_lost() {
    for loss in [0.0, 0.001, 0.01] {
        yields(Congestion::Bbr, NEAR, loss, 30, FULL * (1.0 - loss), [0.95, 1.01]);
    }
}

/// A process that stands still answers nothing and fires no timer; what comes waits in its socket, up to its bound.
#[test]
fn an_endpoint_whose_process_stands_still_does_too() {
    let [replica, gateway] = [HostId(0), HostId(1)];
    let second = |seconds| Timestamp::after_genesis(Duration::from_secs(seconds));
    let mut links = Links::new(1, Duration::from_millis(5), |_| {});
    let ask = |links: &mut Links, from, to, bytes: usize| {
        let message = Bytes::from(vec![7; bytes]);
        links.act(|network, now, effects| network.send(now, from, to, Lane::Client, message, effects));
    };
    ask(&mut links, gateway, Peer::Replica(ReplicaId(0)), 1_000);
    links.run_until(second(1));
    assert_eq!(links.received, 1_000);

    links.act(|network, now, _| network.pause(now, replica));
    ask(&mut links, gateway, Peer::Replica(ReplicaId(0)), 50_000);
    ask(&mut links, replica, Peer::Gateway(GatewayId(0)), 3_000);
    links.run_until(second(4));
    let counters = |links: &Links, host| links.network.counters(host);
    let [still, heard] = [replica, gateway].map(|host| counters(&links, host));
    assert_eq!(links.received, 1_000, "nobody has heard anything");
    assert!(counters(&links, gateway).datagrams_sent > 10);

    links.run_until(second(6));
    let [later, silent] = [replica, gateway].map(|host| counters(&links, host));
    assert_eq!(
        (later.datagrams_sent, later.datagrams_received),
        (still.datagrams_sent, still.datagrams_received)
    );
    assert_eq!(heard.datagrams_received, silent.datagrams_received, "no acknowledgement, no timer");
    assert!(silent.datagrams_sent > heard.datagrams_sent, "the other one asks again");

    links.act(|network, now, effects| network.resume(now, replica, effects));
    links.run_until(second(20));
    assert_eq!(links.received, 54_000, "what was under way and what was to be said arrive");
    assert_eq!(links.network.totals().connections, 1, "on the same connection");
}

#[test]
fn the_socket_of_a_process_that_stands_still_drops_what_it_cannot_hold() {
    const HOLDS: u64 = 2_800;
    let mut links = Links::new(1, Duration::from_millis(5), |_| {});
    links.act(|network, now, _| network.pause(now, HostId(0)));
    let garbage =
        Datagram { from: HostId(1), to: HostId(0), ecn: None, admitted: false, bytes: [0; 100][..].into() };
    for number in 0..HOLDS + 200 {
        links.now = Timestamp(1_000_000 + number * 10_000);
        links.act(|network, now, effects| network.receive(now, garbage.clone(), effects));
    }
    assert_eq!(links.network.totals().udp.overflowed, 200);
    assert_eq!(links.network.counters(HostId(0)).datagrams_received, 0);
    links.act(|network, now, effects| network.resume(now, HostId(0), effects));
    links.run_until(Timestamp::after_genesis(Duration::from_secs(1)));
    assert_eq!(links.network.counters(HostId(0)).datagrams_received, HOLDS);
    // There is room again.
    links.act(|network, now, effects| network.receive(now, garbage.clone(), effects));
    assert_eq!(links.network.totals().udp.overflowed, 200);
}

/// Of four replicas one stands still for longer than the others keep its connections: all checkers pass, and it comes back.
#[test]
fn a_replica_that_stood_still_comes_back() {
    let crash = "crash: { replicas: [2], for: 500ms }";
    assert!(HOSTILE.contains(crash));
    for seconds in [1, 2] {
        let scenario = HOSTILE.replace(crash, &format!("pause: {{ replicas: [2], for: {seconds}s }}"));
        let run = run(&plan(&scenario), &Options::default());
        let failed = failures(&run);
        assert!(failed.is_empty(), "{seconds} s: {failed:#?}");
    }
}

#[test]
fn idle_connections_cost_nothing_but_keep_alive() {
    const GATEWAYS: u32 = 100;
    let events_of_a_minute = |keep_alive: Option<Duration>| {
        let mut links = Links::new(GATEWAYS, Duration::from_millis(5), |plan| {
            if let Transport::Quic(quic) = &mut plan.network.transport {
                quic.keep_alive = keep_alive;
                quic.idle_timeout = Duration::from_secs(100);
            }
        });
        for gateway in 1..=GATEWAYS {
            links.act(|network, now, effects| {
                network.dial(now, HostId(gateway), Peer::Replica(ReplicaId(0)), effects);
            });
        }
        // Handshakes, and the timers that they leave.
        links.run_until(Timestamp::after_genesis(Duration::from_secs(30)));
        assert!(
            (1..=GATEWAYS)
                .all(|gateway| links.network.is_connected(HostId(gateway), Peer::Replica(ReplicaId(0))))
        );
        let (events, datagrams) = (links.events, links.network.totals().udp.datagrams);
        links.run_until(Timestamp::after_genesis(Duration::from_secs(90)));
        assert_eq!(links.network.totals().connections, u64::from(GATEWAYS));
        (links.events - events, links.network.totals().udp.datagrams - datagrams)
    };
    assert_eq!(events_of_a_minute(None), (0, 0));
    // Every 20 s a ping and its acknowledgement: two datagrams, and the timers around them.
    let (events, datagrams) = events_of_a_minute(Some(Duration::from_secs(20)));
    println!("keep-alive of {GATEWAYS} connections for a minute: {events} events, {datagrams} datagrams");
    assert!(datagrams <= u64::from(GATEWAYS) * 3 * 2, "{datagrams} datagrams");
    assert!(events <= u64::from(GATEWAYS) * 3 * 6, "{events} events");
}

/// The `percent`th percentile of commit latencies between two moments, nanoseconds.
fn commits(run: &Run, from: Timestamp, to: Timestamp, percent: usize) -> u64 {
    let in_span = |(at, latency): &(Timestamp, u64)| (from..to).contains(at).then_some(*latency);
    let mut latencies: Vec<u64> = run.history.commit_latencies.iter().filter_map(in_span).collect();
    latencies.sort_unstable();
    assert!(latencies.len() >= 100, "{} commits", latencies.len());
    latencies[latencies.len() * percent / 100]
}

#[test]
fn a_hundred_megabytes_of_bulk_delay_no_commit() {
    let scenario = |transfers: &str| {
        plan(&format!(
            "# Does a snapshot delay commits?
name: bulk
seed: 3
warmup: 2s
duration: 8s
ledger: {{ replicas: 4 }}
host: {{ profile: reference-8core, bandwidth: 1Gbit/s }}
network: {{ topology: gulf-5, transfers: {transfers} }}
workloads:
  - opaque: {{ rate: 500/s, size: 512B }}
"
        ))
    };
    let quiet = run(&scenario("[]"), &Options::default());
    let busy = run(&scenario("[{ at: 1s, from: 0, to: 1, size: 100MB }]"), &Options::default());
    assert_eq!(busy.history.network.transferred, 100_000_000);
    let (from, to) = (Timestamp(3_000_000_000), busy.history.network.transferred_at);
    let (before, during) = (commits(&quiet, from, to, 99), commits(&busy, from, to, 99));
    println!(
        "p99 of commits {before} ns without, {during} ns during 100 MB, which took {:?}",
        to.since(from)
    );
    assert!(during * 100 <= before * 110, "{before} ns without, {during} ns during the transfer");
    assert!(failures(&busy).is_empty());
}

/// Figures in which both transports must agree when the network is healthy.
const COMPARED: &[&str] = &[
    "transactions.committed.rate",
    "transactions.latency.p50",
    "transactions.latency.p90",
    "transactions.latency.p99",
    "commit.latency.p50",
    "commit.latency.p90",
    "commit.latency.p99",
    "shares.rate",
    "share.latency.p50",
    "share.latency.p90",
    "share.latency.p99",
];

/// Means over some seeds: one run's median of a few hundred shares is off by as much as the models may be.
const SEEDS: [u64; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

#[track_caller]
fn agrees(scenario: &str) {
    let figures = |transport: &str| {
        let plan = plan(&scenario.replace("TRANSPORT", transport));
        let runs = SEEDS.map(|seed| Metrics::of(&run(&Plan { seed, ..plan.clone() }, &Options::default())));
        COMPARED.iter().map(move |name| {
            let values = runs.iter().map(|metrics| metrics.get(name).expect("every run has it").as_f64());
            values.sum::<f64>() / SEEDS.len() as f64
        })
    };
    let mut off = Vec::new();
    for ((name, quic), message) in COMPARED.iter().zip(figures("quic")).zip(figures("message")) {
        let percent = (message - quic) / quic * 100.0;
        println!("{name:30} quic {quic:16.1} message {message:16.1} {percent:+.2} %");
        if percent.abs() >= 5.0 {
            off.push(format!("{name}: {percent:+.2} %"));
        }
    }
    assert!(off.is_empty(), "{off:?}");
}

#[test]
fn the_message_model_agrees_with_packets() {
    agrees(
        "# Does the message model agree with packets?
name: agreement
seed: 4
warmup: 5s
duration: 30s
ledger: { replicas: 4 }
network: { topology: gulf-5, transport: TRANSPORT }
population: { patients: 1k, hospitals: 6, pharmacies: 6, laboratories: 2, insurers: 1 }
workloads:
  - personal_health_record: { rate: 80/s }
",
    );
}

/// Most shares open the connection that they use.
#[test]
fn the_message_model_agrees_with_packets_where_most_connections_are_new() {
    agrees(
        "# Does the message model agree with packets when gateways meet for the first time?
name: strangers
seed: 6
warmup: 2s
duration: 15s
ledger: { replicas: 4 }
network: { topology: gulf-5, transport: TRANSPORT }
population: { patients: 2k, hospitals: 20, pharmacies: 60, laboratories: 5, insurers: 2, staff: 4 }
workloads:
  - personal_health_record: { rate: 150/s }
",
    );
}
