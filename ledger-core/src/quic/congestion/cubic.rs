//! CUBIC: RFC 9438, in integers.
//!
//! After a loss at a window of `W_max` the window is 7/10 of that, and then, `t` after the growth has begun,
//!
//! ```text
//! W_cubic(t) = C (t − K)³ + W_max        C = 0.4 segments/s³, K such that W_cubic(0) is the reduced window
//! ```
//!
//! so that it is back at `W_max` after `K`, is careful around it, and probes beyond. Where Reno's window would be larger
//! ([`friendly`](Cubic::friendly), section 4.3) it is that. A loss below the previous `W_max` lowers it further: somebody
//! new needs room (fast convergence, section 4.7).
//!
//! Deviations: time in which the sender had nothing to send does not count for `t` (section 5.8 asks for as much and leaves
//! open how); a loss found spurious is not undone (section 4.9 makes that optional); slow start ends at a loss only, as
//! in RFC 9002.

use super::{Algorithm, WINDOW_MAX};
use crate::time::{Duration, Timestamp, nanos};

/// Datagrams of the least window (RFC 9002, section 7.2).
const DATAGRAMS_MIN: u64 = 2;
/// Windows are kept in this part of a byte: growth per acknowledgement is often less than one.
const FRACTION_BITS: u32 = 20;
/// A window's growth beyond this has no more meaning (about three hours): it keeps cubes within 128 bits.
const GROWTH_US_MAX: u64 = 10_000_000_000;
/// Cubic microseconds in a cubic second.
const CUBIC_US: u128 = 1_000_000_000_000_000_000;

#[derive(Clone)]
pub(super) struct Cubic {
    mtu: u64,
    /// The window, 1/2^20 bytes.
    window: u64,
    /// At and above it the window follows the curve, below it grows by all that is acknowledged. Bytes.
    threshold: u64,
    /// What left before this moment has had its effect.
    recovery_began: Option<Timestamp>,
    /// `W_max`, bytes. 0: there is none, the curve begins at its plateau.
    plateau: u64,
    /// `cwnd_prior`, bytes: the window before the last reduction.
    prior: u64,
    curve: Option<Curve>,
}

/// Growth since the last reduction.
#[derive(Clone, Copy)]
struct Curve {
    began: Timestamp,
    /// Since when the sender has had nothing to send.
    idle_since: Option<Timestamp>,
    /// `W_max`, bytes.
    plateau: u64,
    /// `K`, microseconds.
    inflection_us: u64,
    /// `W_est`: what Reno's window would be, 1/2^20 bytes.
    friendly: u64,
}

impl Cubic {
    pub fn new(window: u64, mtu: u64) -> Self {
        Self {
            mtu,
            window: window.max(DATAGRAMS_MIN * mtu) << FRACTION_BITS,
            threshold: u64::MAX,
            recovery_began: None,
            plateau: 0,
            prior: 0,
            curve: None,
        }
    }

    fn least(&self) -> u64 {
        DATAGRAMS_MIN * self.mtu
    }

    /// The curve that begins now.
    fn begin(&self, now: Timestamp) -> Curve {
        let window = self.window();
        // K³ = (W_max − W) / C, of segments and seconds.
        let below = u128::from(self.plateau.saturating_sub(window));
        let cubed = below * CUBIC_US * 10 / (4 * u128::from(self.mtu));
        Curve {
            began: now,
            idle_since: None,
            plateau: self.plateau.max(window),
            inflection_us: cube_root(cubed),
            friendly: self.window,
        }
    }

    fn grow(&mut self, now: Timestamp, acked: u64, smoothed_rtt: Duration) {
        let mut curve = self.curve.unwrap_or_else(|| self.begin(now));
        if let Some(idle_since) = curve.idle_since.take() {
            curve.began = curve.began + now.since(idle_since);
        }
        let window = self.window();
        // Reno's window grows by a segment each round trip once it is where it was, and before that as much slower as
        // is fair for a sender that gives up less at a loss: 3 (1 − 0.7) / (1 + 0.7) = 9/17 (section 4.3).
        let (share, of) = if curve.friendly >> FRACTION_BITS < self.prior { (9, 17) } else { (1, 1) };
        curve.friendly = added(curve.friendly, self.mtu * share, acked, window * of);
        let elapsed = now.since(curve.began);
        if curve.at(elapsed, self.mtu) < curve.friendly >> FRACTION_BITS {
            self.window = self.window.max(curve.friendly);
        } else {
            let target = curve.at(elapsed + smoothed_rtt, self.mtu).clamp(window, window + window / 2);
            self.window = added(self.window, target - window, acked, window);
        }
        self.curve = Some(curve);
    }
}

impl Curve {
    /// `W_cubic` so long after the beginning, bytes.
    fn at(&self, elapsed: Duration, mtu: u64) -> u64 {
        let elapsed_us = (nanos(elapsed) / 1_000).min(GROWTH_US_MAX);
        let distance = u128::from(elapsed_us.abs_diff(self.inflection_us));
        let bytes = distance.pow(3) * 4 * u128::from(mtu) / (10 * CUBIC_US);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if elapsed_us < self.inflection_us {
            self.plateau.saturating_sub(bytes)
        } else {
            self.plateau.saturating_add(bytes)
        }
    }
}

impl Algorithm for Cubic {
    fn on_ack(&mut self, now: Timestamp, sent: Timestamp, bytes: u64, idle: bool, smoothed_rtt: Duration) {
        if idle {
            if let Some(curve) = &mut self.curve {
                curve.idle_since.get_or_insert(now);
            }
            return;
        }
        if self.recovery_began.is_some_and(|began| sent <= began) {
            return;
        }
        if self.window() < self.threshold {
            self.window = (self.window + (bytes << FRACTION_BITS)).min(WINDOW_MAX << FRACTION_BITS);
        } else {
            self.grow(now, bytes, smoothed_rtt);
        }
    }

    fn on_congestion(&mut self, now: Timestamp, sent: Timestamp, persistent: bool, _lost: u64) {
        if self.recovery_began.is_some_and(|began| sent <= began) {
            return;
        }
        let window = self.window();
        self.recovery_began = Some(now);
        self.curve = None;
        self.prior = window;
        self.plateau = if window < self.plateau { window * 17 / 20 } else { window };
        self.threshold = (window * 7 / 10).max(self.least());
        let reduced = if persistent { self.least() } else { self.threshold };
        self.window = reduced << FRACTION_BITS;
        if persistent {
            // After a timeout the curve begins at its plateau, wherever slow start will have brought it (section 4.8).
            self.plateau = 0;
        }
    }

    fn on_mtu(&mut self, mtu: u64) {
        self.mtu = mtu;
        self.window = self.window.max(self.least() << FRACTION_BITS);
    }

    fn window(&self) -> u64 {
        self.window >> FRACTION_BITS
    }

    fn threshold(&self) -> Option<u64> {
        Some(self.threshold)
    }
}

/// A window of 1/2^20 bytes, grown by `most` bytes for each `per` bytes of `acked`.
fn added(window: u64, most: u64, acked: u64, per: u64) -> u64 {
    let growth = ((u128::from(most) * u128::from(acked)) << FRACTION_BITS) / u128::from(per.max(1));
    let growth = u64::try_from(growth).unwrap_or(u64::MAX);
    window.saturating_add(growth).min(WINDOW_MAX << FRACTION_BITS)
}

/// The largest integer whose cube is not above `value`. From the highest bit down: a bit stays if its cube still fits.
fn cube_root(value: u128) -> u64 {
    let mut root: u128 = 0;
    for bit in (0..42).rev() {
        let candidate = root | 1 << bit;
        if candidate.pow(3) <= value {
            root = candidate;
        }
    }
    root as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: u64 = 1_000;

    /// A sender whose packets of `MTU` bytes are acknowledged one by one, a window each `rtt`.
    fn round(cubic: &mut Cubic, now: &mut Timestamp, rtt: Duration) {
        let packets = cubic.window() / MTU;
        for _ in 0..packets {
            *now = *now + rtt / packets as u32;
            cubic.on_ack(*now, *now, MTU, false, rtt);
        }
    }

    #[test]
    fn cube_roots_are_exact() {
        for root in (0..2_000).chain([46_340, 1 << 30, (1 << 42) - 1]) {
            let cube = u128::from(root).pow(3);
            assert_eq!(cube_root(cube), root);
            assert_eq!(cube_root(cube + 1), if root == 0 { 1 } else { root });
            assert_eq!(cube_root(cube.saturating_sub(1)), root.saturating_sub(1));
        }
    }

    /// The RFC's own example of a curve, section 4.2: the reduced window at 0, `W_max` at K, and beyond it as far as below.
    #[test]
    fn the_curve_starts_at_the_reduced_window_and_turns_at_the_plateau() {
        let mut cubic = Cubic::new(1_000 * MTU, MTU);
        cubic.on_congestion(Timestamp(1), Timestamp(1), false, MTU);
        let curve = cubic.begin(Timestamp(2));
        // K = cbrt(1000 × 0.3 / 0.4) s
        assert_eq!(curve.inflection_us, 9_085_602);
        let at = |micros| curve.at(Duration::from_micros(micros), MTU);
        assert!((699_999..=700_001).contains(&at(0)), "{}", at(0));
        assert_eq!(at(9_085_602), 1_000_000);
        assert!((1_299_999..=1_300_001).contains(&at(2 * 9_085_602)), "{}", at(2 * 9_085_602));
        assert_eq!(at(10_085_602), 1_000_400, "C = 0.4 segments a second cubed");
    }

    #[test]
    fn it_is_back_at_the_plateau_after_k() {
        let rtt = Duration::from_millis(100);
        let mut cubic = Cubic::new(1_000 * MTU, MTU);
        let mut now = Timestamp(1);
        cubic.on_congestion(now, now, false, MTU);
        assert_eq!(cubic.window(), 700 * MTU);
        while now < Timestamp(9_085_602_000) {
            round(&mut cubic, &mut now, rtt);
        }
        assert!((995 * MTU..=1_005 * MTU).contains(&cubic.window()), "{}", cubic.window());
    }

    /// Where the curve is slower than Reno, 9/17 of a segment each round trip, and a whole one once it is where it was.
    #[test]
    fn it_is_as_fast_as_reno_where_that_is_faster() {
        let rtt = Duration::from_millis(10);
        let mut cubic = Cubic::new(20 * MTU, MTU);
        let mut now = Timestamp(1);
        cubic.on_congestion(now, now, false, MTU);
        let start = cubic.window();
        (0..10).for_each(|_| round(&mut cubic, &mut now, rtt));
        let grown = cubic.window() - start;
        assert!((4_900..=5_400).contains(&grown), "{grown}: ten times 9/17 of {MTU}");
        while cubic.window() < 21 * MTU {
            round(&mut cubic, &mut now, rtt);
        }
        let start = cubic.window();
        (0..10).for_each(|_| round(&mut cubic, &mut now, rtt));
        let grown = cubic.window() - start;
        assert!((9_200..=10_000).contains(&grown), "{grown}: ten times {MTU}");
    }

    #[test]
    fn losses_reduce_once_a_round_trip_and_make_room() {
        let mut cubic = Cubic::new(100 * MTU, MTU);
        cubic.on_congestion(Timestamp(50), Timestamp(10), false, MTU);
        assert_eq!((cubic.window(), cubic.plateau), (70 * MTU, 100 * MTU));
        // Sent before the reduction.
        cubic.on_congestion(Timestamp(60), Timestamp(50), false, MTU);
        assert_eq!(cubic.window(), 70 * MTU);
        // Below the plateau: fast convergence.
        cubic.on_congestion(Timestamp(100), Timestamp(51), false, MTU);
        assert_eq!((cubic.window(), cubic.plateau), (49 * MTU, 70 * MTU * 17 / 20));
        cubic.on_congestion(Timestamp(200), Timestamp(101), true, MTU);
        assert_eq!((cubic.window(), cubic.threshold), (2 * MTU, 49 * MTU * 7 / 10));
        assert_eq!(cubic.begin(Timestamp(300)).inflection_us, 0);
    }

    #[test]
    fn time_with_nothing_to_send_does_not_count() {
        let rtt = Duration::from_millis(100);
        let mut cubic = Cubic::new(1_000 * MTU, MTU);
        let mut now = Timestamp(1);
        cubic.on_congestion(now, now, false, MTU);
        round(&mut cubic, &mut now, rtt);
        cubic.on_ack(now, now, MTU, true, rtt);
        let before = cubic.window();
        now = now + Duration::from_secs(3_600);
        cubic.on_ack(now, now, MTU, false, rtt);
        assert!(cubic.window() - before < MTU, "{} after {before}", cubic.window());
    }
}
