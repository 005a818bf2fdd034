use super::super::tests::Bottleneck;
use super::*;

const MTU: u64 = 1_452;
const RTT: Duration = Duration::from_millis(40);
const BYTES_PER_S: u64 = 5_000_000;
/// Bytes that fill the pipe.
const PIPE: u64 = 200_000;

fn bottleneck(queue_bytes: u64) -> Bottleneck<Bbr> {
    Bottleneck::new(Bbr::new(14_720, MTU, 7), BYTES_PER_S, RTT, queue_bytes)
}

#[track_caller]
fn within_percent(found: u64, expected: u64, percent: u64) {
    assert!(found.abs_diff(expected) * 100 <= expected * percent, "{found}, not {expected} ± {percent} %");
}

#[test]
fn it_finds_the_rate_and_the_round_trip() {
    let mut bottleneck = bottleneck(PIPE);
    bottleneck.run(Duration::from_secs(2));
    let path = &bottleneck.algorithm.path;
    within_percent(path.bandwidth(), BYTES_PER_S, 3);
    within_percent(nanos_of(path.rtt_min()), nanos_of(RTT), 3);
    assert!(matches!(bottleneck.algorithm.mode, Mode::ProbeBandwidth { .. }));
}

fn nanos_of(span: Duration) -> u64 {
    crate::time::nanos(span)
}

/// What is in flight is the pipe and what the probe adds, not the queue.
#[test]
fn it_fills_no_queue() {
    let mut bottleneck = bottleneck(4 * PIPE);
    bottleneck.run(Duration::from_secs(3));
    bottleneck.in_flight_max = 0;
    bottleneck.run(Duration::from_secs(5));
    let most = bottleneck.in_flight_max;
    assert!(most <= PIPE * 140 / 100, "{most} bytes in flight, the pipe holds {PIPE}");
}

#[test]
fn losses_do_not_slow_it_down() {
    let mut bottleneck = bottleneck(PIPE);
    bottleneck.lost_of = 100;
    bottleneck.run(Duration::from_secs(2));
    bottleneck.delivered = 0;
    bottleneck.run(Duration::from_secs(30));
    let most = BYTES_PER_S * 30 * 99 / 100;
    assert!(bottleneck.delivered >= most * 93 / 100, "{} of {most} bytes", bottleneck.delivered);
}

#[test]
fn it_follows_a_path_that_changes() {
    let mut bottleneck = bottleneck(2 * PIPE);
    bottleneck.run(Duration::from_secs(3));
    bottleneck.bytes_per_s = BYTES_PER_S * 2;
    bottleneck.run(Duration::from_secs(4));
    within_percent(bottleneck.algorithm.path.bandwidth(), BYTES_PER_S * 2, 5);
    bottleneck.bytes_per_s = BYTES_PER_S / 2;
    bottleneck.run(Duration::from_secs(6));
    within_percent(bottleneck.algorithm.path.bandwidth(), BYTES_PER_S / 2, 5);
    // A longer way is believed once the shorter one has not been seen for ten seconds.
    bottleneck.rtt = RTT * 2;
    let (end, mut small) = (bottleneck.now + Duration::from_secs(15), Duration::ZERO);
    while bottleneck.now < end {
        let before = bottleneck.now;
        bottleneck.run(Duration::from_millis(10));
        if matches!(bottleneck.algorithm.mode, Mode::ProbeRtt { .. }) {
            small += bottleneck.now.since(before);
        }
    }
    // 200 ms, a round trip, and the time that it takes to get there.
    assert!((200..=700).contains(&small.as_millis()), "small for {small:?}");
    within_percent(nanos_of(bottleneck.algorithm.path.rtt_min()), nanos_of(RTT * 2), 5);
}

/// Giving back after each probe empties the queue, and the least round trip is seen without making oneself small.
#[test]
fn it_stays_large_where_the_least_round_trip_is_seen() {
    let mut bottleneck = bottleneck(PIPE);
    bottleneck.run(Duration::from_secs(3));
    bottleneck.delivered = 0;
    for _ in 0..3_000 {
        bottleneck.run(Duration::from_millis(10));
        assert!(!matches!(bottleneck.algorithm.mode, Mode::ProbeRtt { .. }));
    }
    within_percent(bottleneck.delivered, BYTES_PER_S * 30, 3);
}

#[test]
fn startup_ends_at_a_short_queue_without_losing_much() {
    let mut bottleneck = bottleneck(PIPE / 10);
    bottleneck.run(Duration::from_secs(1));
    assert!(bottleneck.algorithm.full);
    bottleneck.delivered = 0;
    bottleneck.run(Duration::from_secs(5));
    within_percent(bottleneck.delivered, BYTES_PER_S * 5, 8);
}

#[test]
fn first_phases_differ_by_seed_and_never_give_back_first() {
    let first = |seed| match Bbr::new(14_720, MTU, seed).probe_bandwidth(Timestamp::ZERO) {
        Mode::ProbeBandwidth { phase, .. } => phase,
        Mode::Startup | Mode::Drain | Mode::ProbeRtt { .. } => unreachable!("it was asked for another"),
    };
    let mut seen = [0; 8];
    (0..700).for_each(|seed| seen[first(seed)] += 1);
    assert_eq!(seen[1], 0);
    assert!(seen.iter().enumerate().all(|(phase, times)| phase == 1 || *times > 50), "{seen:?}");
}
