//! Links that faults make worse: delay and loss beyond what the plan's paths have.
//!
//! Invariant: what is drawn here comes from streams of its own, by pair, so that paths draw what they draw without faults,
//! and where no fault is in force nothing is drawn.

use super::HostId;
use super::pairs::Pairs;
use crate::seed::{Seed, Stream};

const BILLION: u64 = 1_000_000_000;
/// A message arrives after so many rounds of retransmission even if packets are still missing.
const ROUNDS_MAX: u32 = 16;

/// What one way of a host's link adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impairment {
    /// Packets lost, in parts per billion.
    pub loss_ppb: u64,
    /// To each packet's way.
    pub delay_ns: u64,
}

impl Impairment {
    /// Both one after the other.
    pub fn and(self, other: Self) -> Self {
        let kept = |loss_ppb: u64| BILLION - loss_ppb.min(BILLION);
        let kept = u128::from(kept(self.loss_ppb)) * u128::from(kept(other.loss_ppb)) / u128::from(BILLION);
        let delay_ns = self.delay_ns.saturating_add(other.delay_ns);
        Self { loss_ppb: BILLION - kept as u64, delay_ns }
    }
}

/// Of all hosts.
pub(super) struct Impairments {
    /// By host: out and in. Empty while there are none.
    hosts: Vec<[Impairment; 2]>,
    streams: Pairs<Stream>,
    seed: Seed,
}

impl Impairments {
    pub fn new(hosts: usize, seed: &Seed) -> Self {
        Self { hosts: Vec::new(), streams: Pairs::new(hosts), seed: seed.clone() }
    }

    /// From now on it is like this, by host: out and in.
    pub fn set(&mut self, hosts: Vec<[Impairment; 2]>) {
        self.hosts = hosts;
    }

    fn between(&self, from: HostId, to: HostId) -> Option<Impairment> {
        let both = self.hosts.get(from.index())?[0].and(self.hosts.get(to.index())?[1]);
        (both != Impairment::default()).then_some(both)
    }

    /// How much later one packet arrives; `None` if it is lost.
    pub fn packet(&mut self, from: HostId, to: HostId) -> Option<u64> {
        let Some(Impairment { loss_ppb, delay_ns }) = self.between(from, to) else { return Some(0) };
        if loss_ppb > 0 && self.stream(from, to).chance(loss_ppb, BILLION) {
            return None;
        }
        Some(delay_ns)
    }

    /// How much later a message of so many packets arrives, and how many of them were lost on the way and sent again. A round
    /// of retransmission takes a round trip, `round_trip_ns` and what is added.
    pub fn message(
        &mut self,
        from: HostId,
        to: HostId,
        packets: u64,
        round_trip_ns: impl FnOnce() -> u64,
    ) -> (u64, u64) {
        let Some(Impairment { loss_ppb, delay_ns }) = self.between(from, to) else { return (0, 0) };
        if loss_ppb == 0 {
            return (delay_ns, 0);
        }
        let back_ns = self.between(to, from).map_or(0, |back| back.delay_ns);
        let round_ns = round_trip_ns().saturating_add(delay_ns).saturating_add(back_ns);
        let (mut later_ns, mut lost_in_all, mut flight) = (delay_ns, 0, packets);
        let stream = self.stream(from, to);
        for attempt in 0..ROUNDS_MAX {
            let lost = (0..flight).filter(|_| stream.chance(loss_ppb, BILLION)).count() as u64;
            if lost == 0 {
                break;
            }
            lost_in_all += lost;
            // A lone packet is missed by its timeout alone, which backs off.
            let wait_ns = if flight == 1 { round_ns.saturating_mul(1 << attempt) } else { round_ns };
            later_ns = later_ns.saturating_add(wait_ns);
            flight = lost;
        }
        (later_ns, lost_in_all)
    }

    fn stream(&mut self, from: HostId, to: HostId) -> &mut Stream {
        let seed = &self.seed;
        self.streams.get(from, to, || seed.stream(&format!("network/impaired/{}/{}", from.0, to.0)))
    }
}
