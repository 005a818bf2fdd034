//! One direction of a connection between two hosts: delay, window, loss, order.

use super::nic::Sent;
use super::{LANES, Lane};
use crate::network::rate::Rate;
use crate::plan::DelayPlan;
use crate::seed::Stream;

/// A connection's first window (RFC 9002, section 7.2, with packets of 1,472 bytes).
pub(super) const WINDOW_INITIAL_BYTES: u64 = 14_720;
/// Bytes that leave without pacing: ten packets.
const PACING_BURST_BYTES: u64 = 14_520;
/// How long a receiver may hold back its acknowledgement (RFC 9000, section 18.2).
const ACK_DELAY_MAX_NS: u64 = 25_000_000;
/// Least variance that a probe timeout counts with (RFC 9002, section 6.1.2).
const GRANULARITY_NS: u64 = 1_000_000;
/// A message arrives after this many rounds of retransmission even if packets are still missing.
const RETRANSMISSIONS_MAX: u32 = 16;

/// State of one direction between two hosts.
pub(super) struct Path {
    stream: Stream,
    delay: DelayPlan,
    rate: Rate,
    /// Packets that get through before the next loss.
    until_loss: u64,
    window_bytes: u64,
    /// What fills the window, as each lane sees it: higher lanes go first, lower ones give way.
    flights: [InFlight; LANES],
    last_arrival_ns: [u64; LANES],
}

/// Bytes of a lane and all higher ones sent in the round trip that began at `start_ns`.
#[derive(Clone, Copy, Default)]
struct InFlight {
    start_ns: u64,
    bytes: u64,
}

/// How a message crossed.
pub(super) struct Flight {
    pub arrival_ns: u64,
    pub packets_lost: u64,
}

/// Independent loss of packets.
///
/// Instead of a draw a packet, the number of packets until the next loss is drawn (it is geometric): what is not lost
/// costs a subtraction.
pub(super) struct Loss {
    /// Mean of the exponential whose floor is that number, in units of 2^-20; `None` without loss.
    mean_q20: Option<u64>,
}

impl Loss {
    pub fn new(loss_ppb: u64) -> Self {
        let kept = libm::log1p(-(loss_ppb.min(999_999_999) as f64) / 1e9);
        Self { mean_q20: (loss_ppb > 0).then(|| (-1_048_576.0 / kept) as u64) }
    }

    fn gap(&self, stream: &mut Stream) -> u64 {
        self.mean_q20.map_or(u64::MAX, |mean| stream.exponential(mean) >> 20)
    }
}

impl Path {
    pub fn new(delay: DelayPlan, bandwidth_bits_per_s: u64, loss: &Loss, mut stream: Stream) -> Self {
        let until_loss = loss.gap(&mut stream);
        Self {
            stream,
            delay,
            rate: Rate::new(bandwidth_bits_per_s),
            until_loss,
            window_bytes: WINDOW_INITIAL_BYTES,
            flights: [InFlight::default(); LANES],
            last_arrival_ns: [0; LANES],
        }
    }

    /// A message crosses: one delay is drawn for it, and a round trip of its own is twice that.
    pub fn cross(&mut self, loss: &Loss, lane: Lane, sent: Sent, bytes: u64, packets: u64) -> Flight {
        let delay_ns = self.draw_delay();
        let round_trip_ns = delay_ns.saturating_mul(2);
        let stalled_ns = self.slow_start(lane, sent, bytes, round_trip_ns);
        let (recovery_ns, packets_lost) = if packets <= self.until_loss {
            self.until_loss -= if self.until_loss == u64::MAX { 0 } else { packets };
            (0, 0)
        } else {
            self.recover(loss, packets, round_trip_ns)
        };
        let arrival_ns =
            [delay_ns, stalled_ns, recovery_ns].into_iter().fold(sent.end_ns, u64::saturating_add);
        Flight { arrival_ns, packets_lost }
    }

    /// A connection that was closed for being idle begins again: what its window had grown to is forgotten. While it is
    /// open, an idle window stays as it is, as the congestion controllers of `transport: quic` leave it.
    pub fn open(&mut self) {
        self.window_bytes = WINDOW_INITIAL_BYTES;
        self.flights = [InFlight::default(); LANES];
    }

    /// Holds an arrival back until what was sent before it in its lane has arrived.
    pub fn in_order(&mut self, lane: Lane, arrival_ns: u64) -> u64 {
        let last = &mut self.last_arrival_ns[lane as usize];
        *last = arrival_ns.max(*last);
        *last
    }

    fn draw_delay(&mut self) -> u64 {
        match self.delay {
            DelayPlan::Exponential { min_ns, jitter_mean_ns } => {
                min_ns.saturating_add(self.stream.exponential(jitter_mean_ns))
            }
            DelayPlan::Uniform { min_ns, max_ns } => self.stream.uniform(min_ns, max_ns),
        }
    }

    fn jitter_mean_ns(&self) -> u64 {
        match self.delay {
            DelayPlan::Exponential { jitter_mean_ns, .. } => jitter_mean_ns,
            DelayPlan::Uniform { min_ns, max_ns } => (max_ns - min_ns) / 2,
        }
    }

    /// Waits for the window: what does not fit waits for the acknowledgements of the flight under way, which double
    /// the window, and so on until it holds as much as the bandwidth carries in a round trip. Then the card is what
    /// limits. A flight that used more than half of the window widens it as well. Returns the time waited.
    fn slow_start(&mut self, lane: Lane, sent: Sent, bytes: u64, round_trip_ns: u64) -> u64 {
        for (seen_by, flight) in self.flights.iter_mut().enumerate().skip(lane as usize) {
            if sent.start_ns.saturating_sub(flight.start_ns) >= round_trip_ns {
                let total = seen_by == LANES - 1;
                if total
                    && flight.bytes > self.window_bytes / 2
                    && self.rate.time_ns(self.window_bytes) < round_trip_ns
                {
                    self.window_bytes += flight.bytes.min(self.window_bytes);
                }
                *flight = InFlight { start_ns: sent.start_ns, bytes: 0 };
            }
            flight.bytes = flight.bytes.saturating_add(bytes);
        }
        // Of the flight under way, part of the round trip is over.
        let under_way_ns = sent.start_ns.saturating_sub(self.flights[lane as usize].start_ns);
        let first_ns = round_trip_ns.saturating_sub(under_way_ns).max(1);
        let mut over = self.flights[lane as usize].bytes;
        let mut waited_ns = 0;
        while over > self.window_bytes {
            let drains_ns = self.rate.time_ns(self.window_bytes);
            if drains_ns >= round_trip_ns {
                return waited_ns;
            }
            let whole_ns = round_trip_ns - drains_ns;
            waited_ns += if waited_ns == 0 { first_ns.min(whole_ns) } else { whole_ns };
            over -= self.window_bytes;
            self.window_bytes *= 2;
        }
        // A sender spreads its window over the round trip, a quarter faster than it takes (RFC 9002, section 7.7).
        let paced_bytes = u128::from(bytes.saturating_sub(PACING_BURST_BYTES).min(over));
        let paced_ns =
            paced_bytes * u128::from(round_trip_ns) * 4 / (5 * u128::from(self.window_bytes.max(1)));
        if waited_ns > 0 {
            // The window has moved on by whole round trips: what is left of the message opens a new flight.
            self.flights[lane as usize] =
                InFlight { start_ns: sent.start_ns.saturating_add(waited_ns), bytes: over };
        }
        waited_ns.saturating_add(paced_ns as u64)
    }

    /// Sends lost packets again until all are there: the time it takes, and how many were lost.
    ///
    /// However many of a flight are lost, it costs one round trip, because later packets' acknowledgements tell. A
    /// flight of one packet has no later ones: it waits for a probe timeout, which doubles each time (RFC 9002, section
    /// 6.2). On a busy connection the next message would tell sooner; that is not modelled, nor does loss shrink the
    /// window.
    fn recover(&mut self, loss: &Loss, packets: u64, round_trip_ns: u64) -> (u64, u64) {
        let (mut spent_ns, mut lost_in_all) = (0u64, 0);
        let mut flight = packets;
        for attempt in 0..RETRANSMISSIONS_MAX {
            let lost = self.lose(loss, flight);
            if lost == 0 {
                break;
            }
            lost_in_all += lost;
            let probe_ns = if flight == 1 {
                let variance_ns = (4 * self.jitter_mean_ns()).max(GRANULARITY_NS);
                ((round_trip_ns + variance_ns + ACK_DELAY_MAX_NS) << attempt) - round_trip_ns
            } else {
                0
            };
            spent_ns = spent_ns.saturating_add(round_trip_ns).saturating_add(probe_ns);
            flight = lost;
        }
        (spent_ns, lost_in_all)
    }

    fn lose(&mut self, loss: &Loss, packets: u64) -> u64 {
        let (mut left, mut lost) = (packets, 0);
        while left > self.until_loss {
            left -= self.until_loss + 1;
            lost += 1;
            self.until_loss = loss.gap(&mut self.stream);
        }
        self.until_loss -= if self.until_loss == u64::MAX { 0 } else { left };
        lost
    }
}
