use super::*;
use crate::plan::{DelayPlan, Transport};

const MS: u64 = 1_000_000;

fn plan(change: impl FnOnce(&mut NetworkPlan, &mut QuicPlan)) -> (NetworkPlan, QuicPlan) {
    let mut quic = QuicPlan {
        congestion: Congestion::NewReno,
        initial_window_bytes: 14_720,
        mtu_bytes: 1_452,
        queue_bytes: 256 * 1024,
        duplication_ppb: 0,
        reordering_ppb: 0,
        idle_timeout: ledger_core::time::Duration::from_secs(60),
        keep_alive: None,
    };
    let mut network = NetworkPlan {
        transport: Transport::Message,
        topology: "test".into(),
        regions: vec!["here".into()],
        delays: vec![vec![DelayPlan::Uniform { min_ns: 20 * MS, max_ns: 20 * MS }]],
        loss_ppb: 0,
        transfers: Vec::new(),
    };
    change(&mut network, &mut quic);
    network.transport = Transport::Quic(quic);
    (network, quic)
}

/// Hosts with gigabit cards whose cores take `datagram_ns` for a datagram.
fn udp(hosts: usize, datagram_ns: u64, change: impl FnOnce(&mut NetworkPlan, &mut QuicPlan)) -> Udp {
    let (network, quic) = plan(change);
    let end = (HostAttachment { region: 0, bandwidth_bits_per_s: 1_000_000_000 }, datagram_ns);
    Udp::new(&network, &quic, &vec![end; hosts], &Seed::new(7))
}

/// When a datagram of 1,250 bytes on the wire arrives: 10 us at a gigabit.
fn send(udp: &mut Udp, now_ns: u64, from: u32, to: u32) -> Option<u64> {
    udp.send(Timestamp(now_ns), HostId(from), HostId(to), 1_222).arrival.map(|at| at.0)
}

#[test]
fn a_datagram_takes_its_bytes_its_delay_and_both_cores() {
    let mut udp = udp(3, 3_000, |_, _| {});
    assert_eq!(send(&mut udp, 0, 0, 1), Some(20 * MS + 10_000 + 6_000));
    assert_eq!(send(&mut udp, 0, 0, 2), Some(20 * MS + 20_000 + 6_000), "one card, one queue");
    assert_eq!(udp.admit(Timestamp(20 * MS + 16_000), HostId(1), 1_222), Admission::Now);
    // A second one at the same moment waits for the port: 10 us.
    assert_eq!(
        udp.admit(Timestamp(20 * MS + 16_000), HostId(1), 1_222),
        Admission::At(Timestamp(20 * MS + 26_000))
    );
    assert_eq!(udp.core_busy_ns(HostId(1)), 6_000);
}

#[test]
fn a_full_queue_drops_the_tail() {
    let mut udp = udp(2, 0, |_, quic| quic.queue_bytes = 12_500);
    let arrivals = (0..20).filter_map(|_| send(&mut udp, 0, 0, 1)).count();
    assert_eq!((arrivals, udp.counters.overflowed), (10, 10));
    assert!(send(&mut udp, 10_000, 0, 1).is_some(), "one has left");
    let admitted =
        (0..20).filter(|_| udp.admit(Timestamp(MS), HostId(1), 1_222) != Admission::Dropped).count();
    assert!((10..=12).contains(&admitted), "{admitted}");
}

#[test]
fn loss_duplication_and_reordering_have_their_shares() {
    let mut udp = udp(2, 0, |network, quic| {
        network.loss_ppb = 50_000_000;
        quic.duplication_ppb = 20_000_000;
        quic.reordering_ppb = 10_000_000;
    });
    let (mut last, mut overtaken) = (0, 0);
    for number in 0..100_000u64 {
        if let Some(at) = send(&mut udp, number * 100_000, 0, 1) {
            overtaken += u64::from(at < last);
            last = last.max(at);
        }
    }
    let near = |found: u64, expected: u64| found.abs_diff(expected) * 20 < expected;
    assert!(near(udp.counters.lost, 5_100), "{:?}", udp.counters);
    assert!(near(udp.counters.duplicated, 1_900), "{:?}", udp.counters);
    assert!(near(udp.counters.reordered, 970), "{:?}", udp.counters);
    assert!(overtaken > 5_000, "what is held back is overtaken by many: {overtaken}");
}

#[test]
fn jitter_reorders_nothing_and_what_leaves_together_stays_together() {
    let mut udp = udp(2, 0, |network, _| {
        network.delays[0][0] = DelayPlan::Exponential { min_ns: 5 * MS, jitter_mean_ns: 5 * MS };
    });
    let mut last = 0;
    for burst in 0..1_000u64 {
        let first = send(&mut udp, burst * MS, 0, 1).unwrap();
        assert!(first >= last.max(burst * MS + 5 * MS));
        last = send(&mut udp, burst * MS, 0, 1).unwrap();
        // What waits for an earlier one on its way comes with it.
        assert!((first..=first + 10_000).contains(&last));
    }
}

#[test]
fn paths_draw_from_streams_of_their_own() {
    let lossy = |network: &mut NetworkPlan, _: &mut QuicPlan| network.loss_ppb = 300_000_000;
    let (mut quiet, mut noisy) = (udp(3, 0, lossy), udp(3, 0, lossy));
    for number in 0..200 {
        send(&mut noisy, number * MS, 2, 1);
        assert_eq!(send(&mut quiet, number * MS, 0, 1), send(&mut noisy, number * MS, 0, 1));
    }
}

#[test]
fn outside_of_a_turn_there_is_no_randomness() {
    let provider = provider::provider();
    let mut bytes = [0; 32];
    assert!(provider.secure_random.fill(&mut bytes).is_err());
    assert!(provider.kx_groups[0].start().is_err());
    let mut drawn = Vec::new();
    for _ in 0..2 {
        let mut stream = Some(Seed::new(1).stream("test"));
        let (share, secret) = provider::with(&mut stream, || {
            provider.secure_random.fill(&mut bytes).unwrap();
            let (ours, theirs) =
                (provider.kx_groups[0].start().unwrap(), provider.kx_groups[0].start().unwrap());
            let share = theirs.pub_key().to_vec();
            let public = ours.pub_key().to_vec();
            let secret = ours.complete(&share).unwrap();
            assert_eq!(secret.secret_bytes(), theirs.complete(&public).unwrap().secret_bytes());
            (share, secret.secret_bytes().to_vec())
        });
        drawn.push((bytes, share, secret));
    }
    assert_eq!(drawn[0], drawn[1], "the seed decides all");
    let zero = provider::with(&mut Some(Seed::new(1).stream("test")), || {
        provider.kx_groups[0].start().unwrap().complete(&[0; 32]).is_err()
    });
    assert!(zero, "a share of small order is refused");
}

#[test]
fn a_restarted_host_is_another_and_its_peers_find_it() {
    let (network, quic) = plan(|_, _| {});
    let host = HostPlan { datagram_ns: 1_000, handshake_ns: 1_000, ..ideal() };
    let peers = [0, 1].map(|id| Peer::Replica(ledger_core::committee::ReplicaId(id)));
    let members = peers.map(|peer| Member {
        peer,
        key: SecretKey::from_seed([u8::from(peer == peers[1]); 32]),
        region: 0,
        host: &host,
    });
    let mut network = Network::new(&network, &quic, members.into(), ChainId::default(), &Seed::new(3), None);
    let mut queue = crate::event_queue::EventQueue::new();
    let (mut effects, mut received) = (Effects::default(), Vec::new());
    network.start(Timestamp::ZERO, HostId(0));
    network.start(Timestamp::ZERO, HostId(1));
    network.dial(Timestamp::ZERO, HostId(0), peers[1], &mut effects);
    queue.push(Timestamp(100 * MS), Err(HostId(9)));
    queue.push(Timestamp(600 * MS), Err(HostId(8)));
    queue.push(Timestamp(2_500 * MS), Err(HostId(7)));
    loop {
        effects.datagrams.drain(..).for_each(|(at, datagram)| queue.push(at, Ok(datagram)));
        effects.wakes.drain(..).for_each(|(at, host)| queue.push(at, Err(host)));
        received.extend(effects.messages.drain(..).map(|(to, from, _, bytes)| (to, from, bytes)));
        let Some((now, _, event)) = queue.pop().filter(|(now, ..)| now.0 < 3_000 * MS) else { break };
        match event {
            Ok(datagram) => network.receive(now, datagram, &mut effects),
            Err(HostId(9)) => {
                assert!(network.is_connected(HostId(0), peers[1]));
                network.crash(now, HostId(1));
            }
            Err(HostId(8)) => network.start(now, HostId(1)),
            Err(HostId(7)) => {
                for (from, to) in [(0, 1), (1, 0)] {
                    let hello = Bytes::from_static(b"hello");
                    network.send(now, HostId(from), peers[to], Lane::Client, hello, &mut effects);
                }
            }
            Err(host) => network.wake(now, host, &mut effects),
        }
    }
    let hello = Bytes::from_static(b"hello");
    received.sort();
    assert_eq!(received, [(HostId(0), peers[1], hello.clone()), (HostId(1), peers[0], hello)]);
    assert_eq!(network.totals().connections, 2);
}

fn ideal() -> HostPlan {
    HostPlan {
        profile: "test".into(),
        cores: 1,
        message_ns: 0,
        datagram_ns: 0,
        handshake_ns: 0,
        verify_ns: 0,
        verify_batched_ns: 0,
        sign_ns: 0,
        hash_ns_per_kib: 0,
        seal_ns_per_kib: 0,
        wrap_ns: 0,
        execute_ns: 0,
        disk_append_ns: 0,
        disk_sync_ns: 0,
        disk_bytes_per_s: 1,
        bandwidth_bits_per_s: 1_000_000_000,
    }
}
