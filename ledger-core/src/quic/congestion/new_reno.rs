//! NewReno for QUIC: RFC 9002, section 7.

use super::{Algorithm, WINDOW_MAX};
use crate::time::{Duration, Timestamp};

/// Datagrams of the least window (RFC 9002, section 7.2).
const DATAGRAMS_MIN: u64 = 2;

#[derive(Clone)]
pub(super) struct NewReno {
    mtu: u64,
    window: u64,
    /// At and above it the window grows by a datagram each round trip, below by all that is acknowledged.
    threshold: u64,
    /// What left before this moment has had its effect.
    recovery_began: Timestamp,
    /// Bytes acknowledged since the last growth above the threshold: appropriate byte counting (RFC 3465).
    acked: u64,
}

impl NewReno {
    pub fn new(window: u64, mtu: u64) -> Self {
        let window = window.max(DATAGRAMS_MIN * mtu);
        Self { mtu, window, threshold: u64::MAX, recovery_began: Timestamp::ZERO, acked: 0 }
    }
}

impl Algorithm for NewReno {
    fn on_ack(&mut self, _now: Timestamp, sent: Timestamp, bytes: u64, idle: bool, _smoothed_rtt: Duration) {
        if idle || sent <= self.recovery_began {
            return;
        }
        if self.window < self.threshold {
            self.window += bytes;
            // What is beyond the threshold counts towards the slow growth above it.
            self.acked = self.window.saturating_sub(self.threshold);
        } else {
            self.acked += bytes;
            if self.acked >= self.window {
                self.acked -= self.window;
                self.window += self.mtu;
            }
        }
        self.window = self.window.min(WINDOW_MAX);
    }

    fn on_congestion(&mut self, now: Timestamp, sent: Timestamp, persistent: bool, _lost: u64) {
        if sent <= self.recovery_began {
            return;
        }
        self.recovery_began = now;
        let least = DATAGRAMS_MIN * self.mtu;
        self.threshold = (self.window / 2).max(least);
        self.window = if persistent { least } else { self.threshold };
    }

    fn on_mtu(&mut self, mtu: u64) {
        self.mtu = mtu;
        self.window = self.window.max(DATAGRAMS_MIN * mtu);
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn threshold(&self) -> Option<u64> {
        Some(self.threshold)
    }
}
