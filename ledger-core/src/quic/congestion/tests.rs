//! What every algorithm keeps to, whatever it is told; and a bottleneck to try them on.

use super::*;
use crate::time::nanos;
use proptest::prelude::*;
use std::collections::VecDeque;

const DATAGRAM: u64 = 1_452;

/// A sender that always has something, one bottleneck, and a receiver that acknowledges every packet.
pub(super) struct Bottleneck<A> {
    pub algorithm: A,
    pub now: Timestamp,
    pub bytes_per_s: u64,
    /// There and back, without the queue.
    pub rtt: Duration,
    /// Bytes in front of the bottleneck; what does not fit is lost.
    pub queue_bytes: u64,
    /// Of so many packets one is lost on its way; 0 for none.
    pub lost_of: u64,
    /// Bytes that were acknowledged.
    pub delivered: u64,
    pub in_flight: u64,
    /// Most in flight since it was last set.
    pub in_flight_max: u64,
    free_at: Timestamp,
    sent: u64,
    smoothed_rtt: Duration,
    /// When a packet's fate is known, when it was sent, and whether it was lost.
    packets: VecDeque<(Timestamp, Timestamp, bool)>,
}

impl<A: Algorithm> Bottleneck<A> {
    pub fn new(algorithm: A, bytes_per_s: u64, rtt: Duration, queue_bytes: u64) -> Self {
        Self {
            algorithm,
            now: Timestamp::ZERO,
            bytes_per_s,
            rtt,
            queue_bytes,
            lost_of: 0,
            delivered: 0,
            in_flight: 0,
            in_flight_max: 0,
            free_at: Timestamp::ZERO,
            sent: 0,
            smoothed_rtt: rtt,
            packets: VecDeque::new(),
        }
    }

    fn send(&mut self) {
        let begins = self.free_at.max(self.now);
        let waiting = nanos(begins.since(self.now)) * self.bytes_per_s / 1_000_000_000;
        self.sent += 1;
        let lost = self.lost_of > 0 && self.sent.is_multiple_of(self.lost_of);
        if waiting + DATAGRAM <= self.queue_bytes && !lost {
            self.free_at = begins + Duration::from_nanos(DATAGRAM * 1_000_000_000 / self.bytes_per_s);
            self.packets.push_back((self.free_at + self.rtt, self.now, false));
        } else {
            self.packets.push_back((begins + self.rtt, self.now, true));
        }
        self.in_flight += DATAGRAM;
        self.in_flight_max = self.in_flight_max.max(self.in_flight);
        self.algorithm.on_sent(self.now, DATAGRAM);
    }

    /// Sends and hears until then; paced as quinn-proto paces.
    pub fn run(&mut self, span: Duration) {
        let end = self.now + span;
        let mut may_send_at = self.now;
        while self.now < end {
            let heard_at = self.packets.front().map(|(at, ..)| *at);
            let room = self.in_flight + DATAGRAM < self.algorithm.window();
            if room && heard_at.is_none_or(|at| may_send_at <= at) {
                self.now = self.now.max(may_send_at);
                self.send();
                let gap = nanos(self.smoothed_rtt) * DATAGRAM * 4 / 5 / self.algorithm.window();
                may_send_at = self.now + Duration::from_nanos(gap);
                continue;
            }
            let Some((at, sent, lost)) = self.packets.pop_front() else { panic!("nothing more can happen") };
            self.now = self.now.max(at);
            self.in_flight -= DATAGRAM;
            if lost {
                self.algorithm.on_congestion(self.now, sent, false, DATAGRAM);
                continue;
            }
            self.delivered += DATAGRAM;
            self.algorithm.on_ack(self.now, sent, DATAGRAM, false, self.smoothed_rtt);
            self.algorithm.on_acks_end(self.now, self.in_flight, false);
            self.smoothed_rtt = (self.smoothed_rtt * 7 + self.now.since(sent)) / 8;
        }
    }
}

/// Without loss and with a queue of a bandwidth-delay product everybody fills the pipe.
#[test]
fn a_bottleneck_is_filled() {
    fn filled(algorithm: impl Algorithm) {
        let mut bottleneck = Bottleneck::new(algorithm, 2_000_000, Duration::from_millis(40), 80_000);
        bottleneck.run(Duration::from_secs(5));
        bottleneck.delivered = 0;
        bottleneck.run(Duration::from_secs(20));
        assert!(bottleneck.delivered >= 2_000_000 * 19, "{} bytes in 20 s", bottleneck.delivered);
    }
    filled(NewReno::new(14_720, DATAGRAM));
    filled(Cubic::new(14_720, DATAGRAM));
    filled(Bbr::new(14_720, DATAGRAM, 1));
}

#[derive(Clone, Debug)]
enum Happening {
    Sent { bytes: u64 },
    Acked { age: u64, bytes: u64, idle: bool, rtt: u64 },
    AcksEnd { in_flight: u64, idle: bool },
    Lost { age: u64, bytes: u64, persistent: bool },
    Mtu(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    // Up to what could go wrong at all: days, and more bytes than a window may be.
    let span =
        || prop_oneof![0..1_000_000u64, 0..1_000_000_000u64, 0..1_000_000_000_000_000u64, Just(u64::MAX)];
    let bytes = || prop_oneof![0..2_000u64, 0..1u64 << 40, Just(u64::MAX >> 20)];
    prop_oneof![
        bytes().prop_map(|bytes| Happening::Sent { bytes }),
        (span(), 0..70_000u64, any::<bool>(), span()).prop_map(|(age, bytes, idle, rtt)| Happening::Acked {
            age,
            bytes,
            idle,
            rtt
        }),
        (bytes(), any::<bool>()).prop_map(|(in_flight, idle)| Happening::AcksEnd { in_flight, idle }),
        (span(), bytes(), any::<bool>()).prop_map(|(age, bytes, persistent)| Happening::Lost {
            age,
            bytes,
            persistent
        }),
        (1_200..65_527u64).prop_map(Happening::Mtu),
    ]
}

/// Every window on the way is between the least one and the largest, and nothing overflows.
fn stays_within(mut algorithm: impl Algorithm, datagrams_min: u64, steps: &[(u64, Happening)]) {
    let (mut now, mut mtu) = (Timestamp::ZERO, DATAGRAM);
    for (passes, step) in steps {
        now = now + Duration::from_nanos(*passes);
        let ago = |age: u64| now - Duration::from_nanos(age);
        match *step {
            Happening::Sent { bytes } => algorithm.on_sent(now, bytes),
            Happening::Acked { age, bytes, idle, rtt } => {
                algorithm.on_ack(now, ago(age), bytes, idle, Duration::from_nanos(rtt));
            }
            Happening::AcksEnd { in_flight, idle } => algorithm.on_acks_end(now, in_flight, idle),
            Happening::Lost { age, bytes, persistent } => {
                algorithm.on_congestion(now, ago(age), persistent, bytes);
            }
            Happening::Mtu(bytes) => {
                mtu = bytes;
                algorithm.on_mtu(bytes);
            }
        }
        let window = algorithm.window();
        assert!((datagrams_min * mtu..=WINDOW_MAX).contains(&window), "{window} after {step:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn windows_stay_within_their_bounds(
        window in prop_oneof![0..100_000u64, Just(WINDOW_MAX - 1)],
        steps in proptest::collection::vec((0..2_000_000_000u64, happening()), 1..120),
    ) {
        stays_within(NewReno::new(window, DATAGRAM), 2, &steps);
        stays_within(Cubic::new(window, DATAGRAM), 2, &steps);
        stays_within(Bbr::new(window, DATAGRAM, window), 4, &steps);
    }
}

/// RFC 9002, section 7.3: doubling, half after a loss, then a datagram each round trip.
#[test]
fn new_reno_halves_and_adds() {
    let mut reno = NewReno::new(10 * DATAGRAM, DATAGRAM);
    let rtt = Duration::from_millis(10);
    let ack = |reno: &mut NewReno, at| reno.on_ack(Timestamp(at), Timestamp(at), DATAGRAM, false, rtt);
    (0..10).for_each(|_| ack(&mut reno, 1));
    assert_eq!(reno.window(), 20 * DATAGRAM);
    reno.on_congestion(Timestamp(5), Timestamp(2), false, DATAGRAM);
    reno.on_congestion(Timestamp(6), Timestamp(5), false, DATAGRAM);
    assert_eq!(reno.window(), 10 * DATAGRAM, "once a round trip");
    (0..10).for_each(|_| ack(&mut reno, 7));
    assert_eq!(reno.window(), 11 * DATAGRAM);
    reno.on_congestion(Timestamp(9), Timestamp(8), true, DATAGRAM);
    assert_eq!((reno.window(), reno.threshold()), (2 * DATAGRAM, Some(11 * DATAGRAM / 2)));
}
