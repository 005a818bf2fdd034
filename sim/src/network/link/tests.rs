use super::*;
use crate::plan::Transport;

const MS: u64 = 1_000_000;
const GIGABIT: u64 = 1_000_000_000;

/// One region, `delay_ms` without jitter, gigabit cards.
fn network(hosts: usize, delay_ms: u64, loss_ppb: u64) -> Network {
    jittery(hosts, DelayPlan::Uniform { min_ns: delay_ms * MS, max_ns: delay_ms * MS }, loss_ppb)
}

fn plan(delay: DelayPlan, loss_ppb: u64) -> NetworkPlan {
    NetworkPlan {
        transport: Transport::Message,
        topology: "test".to_owned(),
        regions: vec!["here".to_owned()],
        delays: vec![vec![delay]],
        loss_ppb,
        transfers: Vec::new(),
    }
}

fn jittery(hosts: usize, delay: DelayPlan, loss_ppb: u64) -> Network {
    let plan = plan(delay, loss_ppb);
    let attachment = HostAttachment { region: 0, bandwidth_bits_per_s: GIGABIT };
    connected(Network::new(&plan, vec![attachment; hosts], &Seed::new(7)), hosts as u32)
}

fn connected(mut network: Network, hosts: u32) -> Network {
    for low in 0..hosts {
        (low + 1..hosts).for_each(|high| network.connect(HostId(low), HostId(high)));
    }
    network
}

fn send(network: &mut Network, now_ms: u64, from: u32, to: u32, lane: Lane, bytes: usize) -> u64 {
    network
        .send(Timestamp(now_ms * MS), HostId(from), HostId(to), lane, bytes)
        .expect("no link is narrow")
        .arrival
        .0
}

#[test]
fn a_small_message_takes_its_delay_and_its_bytes() {
    let mut network = network(2, 20, 0);
    // 1,250 B at a gigabit: 10 us.
    assert_eq!(send(&mut network, 5, 0, 1, Lane::Consensus, 1_250), 25 * MS + 10_000);
    assert_eq!(network.delay_min(HostId(0), HostId(1)), Duration::from_millis(20));
}

#[test]
fn the_first_message_opens_the_connection_of_both_directions() {
    let plan = plan(DelayPlan::Uniform { min_ns: 20 * MS, max_ns: 20 * MS }, 0);
    let attachment = HostAttachment { region: 0, bandwidth_bits_per_s: GIGABIT };
    let mut network = Network::new(&plan, vec![attachment; 2], &Seed::new(7));
    assert_eq!(send(&mut network, 0, 0, 1, Lane::Client, 1_250), 60 * MS + 10_000);
    assert_eq!(send(&mut network, 10, 0, 1, Lane::Client, 1_250), 60 * MS + 10_000, "waits for what is left");
    assert_eq!(send(&mut network, 100, 1, 0, Lane::Client, 1_250), 120 * MS + 10_000);
    assert_eq!(
        send(&mut network, 70_000, 1, 0, Lane::Client, 1_250),
        70_060 * MS + 10_000,
        "closed when idle"
    );
}

#[test]
fn a_connection_that_was_closed_begins_again() {
    let plan = plan(DelayPlan::Uniform { min_ns: 50 * MS, max_ns: 50 * MS }, 0);
    let attachment = HostAttachment { region: 0, bandwidth_bits_per_s: GIGABIT };
    let mut network = Network::new(&plan, vec![attachment; 2], &Seed::new(7));
    let mut took = |ms: u64| send(&mut network, ms, 0, 1, Lane::Bulk, 400_000) - ms * MS;
    let first = took(0);
    assert!((590 * MS..630 * MS).contains(&first), "a handshake and slow start: {first}");
    let open = took(50_000);
    assert!(open < 130 * MS, "{open}");
    assert_eq!(took(120_000), first, "closed when idle");
}

#[test]
fn what_leaves_together_queues() {
    let mut network = network(300, 20, 0);
    for to in 1..300 {
        let arrival = send(&mut network, 0, 0, to, Lane::Consensus, 1_250);
        assert_eq!(arrival, 20 * MS + u64::from(to) * 10_000);
    }
}

#[test]
fn a_document_delays_no_vote_but_a_vote_delays_a_document() {
    let mut network = network(3, 20, 0);
    let document = send(&mut network, 0, 0, 1, Lane::Bulk, 100_000_000);
    assert!(document > 820 * MS);
    for now in 1..500 {
        assert_eq!(send(&mut network, now, 0, 1, Lane::Consensus, 1_250), (now + 20) * MS + 10_000);
        let other = send(&mut network, now, 2, 1, Lane::Consensus, 250);
        assert!(other <= (now + 21) * MS, "{now}: {other}");
    }
    let second = send(&mut network, 500, 0, 1, Lane::Bulk, 1_250);
    assert!(second >= document);
}

#[test]
fn a_receiver_takes_no_more_than_its_card() {
    let mut network = network(400, 20, 0);
    // 399 senders × 10 kB = 32 ms of the receiver's card, though each sender needs 80 us.
    let last = (1..400).map(|from| send(&mut network, 0, from, 0, Lane::Client, 10_000)).max().unwrap();
    assert!((50 * MS..54 * MS).contains(&last), "{last}");
    // Beyond the slots: 2.4 s of backlog, after 4 round trips of slow start.
    let last = (1..400).map(|from| send(&mut network, 1_000, from, 0, Lane::Bulk, 750_000)).max().unwrap();
    assert!((3_540 * MS..3_620 * MS).contains(&last), "{last}");
    let vote = send(&mut network, 1_001, 1, 0, Lane::Consensus, 1_250);
    assert!(vote < 1_023 * MS, "{vote}");
}

#[test]
fn a_near_message_passes_a_far_one_that_was_sent_before() {
    let uniform = |ms| DelayPlan::Uniform { min_ns: ms * MS, max_ns: ms * MS };
    let plan = NetworkPlan {
        transport: Transport::Message,
        topology: "test".to_owned(),
        regions: vec!["near".to_owned(), "far".to_owned()],
        delays: vec![vec![uniform(1), uniform(150)], vec![uniform(150), uniform(1)]],
        loss_ppb: 0,
        transfers: Vec::new(),
    };
    let host = |region| HostAttachment { region, bandwidth_bits_per_s: GIGABIT };
    let mut network = connected(Network::new(&plan, vec![host(0), host(0), host(1)], &Seed::new(7)), 3);
    assert_eq!(send(&mut network, 0, 2, 0, Lane::Client, 12_500), 150 * MS + 100_000);
    assert_eq!(send(&mut network, 0, 1, 0, Lane::Client, 12_500), MS + 100_000);
}

#[test]
fn a_cold_link_pays_slow_start_and_a_warm_one_does_not() {
    let mut network = network(2, 50, 0);
    // 400 kB in windows of 14,720 B doubling: 4 round trips of 100 ms before the last part leaves, which is paced.
    let cold = send(&mut network, 0, 0, 1, Lane::Bulk, 400_000);
    assert!((490 * MS..530 * MS).contains(&cold), "{cold}");
    let warm = send(&mut network, 1_000, 0, 1, Lane::Bulk, 400_000) - 1_000 * MS;
    assert!(warm < 130 * MS, "{warm}");
    let rested = send(&mut network, 60_000, 0, 1, Lane::Bulk, 400_000) - 60_000 * MS;
    assert!(rested < 130 * MS, "an open connection keeps its window: {rested}");
    // A steady stream waits for the acknowledgements of its first flight once, and no more when the window has grown.
    let mut network = self::network(2, 50, 0);
    let took: Vec<u64> = (0..500)
        .map(|ms| send(&mut network, 90_000 + ms, 0, 1, Lane::Client, 1_250) - (90_000 + ms) * MS)
        .collect();
    assert!((135 * MS..140 * MS).contains(&took[11]), "{}", took[11]);
    assert!(took[250..].iter().all(|took| *took < 51 * MS), "{took:?}");
    // Many small messages at once fill the window too.
    let mut network = self::network(2, 50, 0);
    let many = (0..40).map(|_| send(&mut network, 120_000, 0, 1, Lane::Client, 1_000)).max().unwrap();
    assert!(many > 120_149 * MS, "{many}");
}

#[test]
fn lost_packets_cost_round_trips() {
    let mut network = network(2, 20, 10_000_000);
    let mut slow = 0u64;
    for index in 0..100_000u64 {
        let took = send(&mut network, index * 1_000, 0, 1, Lane::Client, 1_000) - index * 1_000 * MS;
        // Probe timeout: 40 ms round trip + 1 ms + 25 ms.
        let probed = took > 20 * MS + 66 * MS;
        slow += u64::from(probed);
        assert!(probed || took < 21 * MS, "{took}");
    }
    assert!((900..1_100).contains(&slow), "{slow}");
    let before = network.counters()[Lane::Bulk as usize];
    let took = send(&mut network, 200_000_000, 0, 1, Lane::Bulk, 12_000_000) - 200_000_000 * MS;
    let bulk = network.counters()[Lane::Bulk as usize];
    assert_eq!((before.packets, bulk.packets, bulk.bytes, bulk.messages), (0, 10_000, 12_000_000, 1));
    assert!((60..150).contains(&bulk.packets_lost), "{}", bulk.packets_lost);
    assert!(took < 900 * MS, "a hundred losses in a flight cost a round trip, not a hundred: {took}");
}

#[test]
fn a_lane_is_a_stream_and_lanes_are_independent() {
    let mut network = jittery(2, DelayPlan::Exponential { min_ns: MS, jitter_mean_ns: 20 * MS }, 50_000_000);
    let mut last = [0; 2];
    let mut overtaken = false;
    for now in 0..2_000 {
        for (index, lane) in [Lane::Consensus, Lane::Client].into_iter().enumerate() {
            let arrival = send(&mut network, now, 0, 1, lane, 3_000);
            assert!(arrival >= last[index] && arrival >= (now + 1) * MS);
            overtaken |= arrival < last[1 - index];
            last[index] = arrival;
        }
    }
    assert!(overtaken);
}

#[test]
fn a_path_is_not_perturbed_by_others() {
    let delay = DelayPlan::Exponential { min_ns: 10 * MS, jitter_mean_ns: 5 * MS };
    let (mut quiet, mut noisy) = (jittery(5_000, delay, 20_000_000), jittery(5_000, delay, 20_000_000));
    for now in 0..500 {
        send(&mut noisy, now * 10, 2, 3, Lane::Consensus, 500);
        send(&mut noisy, now * 10, 4_000, 3, Lane::Client, 500);
        for to in [1, 4_999] {
            let expected = send(&mut quiet, now * 10 + 1, 0, to, Lane::Client, 500);
            assert_eq!(send(&mut noisy, now * 10 + 1, 0, to, Lane::Client, 500), expected);
        }
    }
    assert_eq!((quiet.paths.len(), noisy.paths.len()), (2, 4));
}
