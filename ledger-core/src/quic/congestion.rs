//! Congestion control: how many bytes of a connection may be in flight.
//!
//! quinn-proto asks a controller for its window and paces what is sent at 5/4 of a window per smoothed round trip
//! (RFC 9002, section 7.7); a controller has no say in the pace. It brings controllers of its own. These stand in their
//! place because a simulated run must be the same to the bit everywhere: they compute in integers only, and BBR's one random
//! choice comes from the host's own stream. Both worlds use them.
//!
//! An [`Algorithm`] knows no instant and no packet: it is told times since its connection began, and bytes. Its window
//! is always between its least one and [`WINDOW_MAX`].

#![expect(
    clippy::disallowed_types,
    reason = "quinn-proto's API speaks in instants; they are only subtracted"
)]

mod bbr;
mod cubic;
mod new_reno;
#[cfg(test)]
mod tests;

use super::entropy::{Random, draw};
use crate::time::{Duration, Timestamp};
use bbr::Bbr;
use cubic::Cubic;
use new_reno::NewReno;
use quinn_proto::RttEstimator;
use quinn_proto::congestion::{Controller, ControllerFactory, ControllerMetrics};
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

/// Largest window, bytes: quinn-proto does not pace larger ones.
const WINDOW_MAX: u64 = u32::MAX as u64;

/// How fast a sender goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Congestion {
    /// RFC 9438: the window is a cubic function of the time since the last loss, and at least what Reno's would be.
    Cubic,
    /// RFC 9002, section 7: one datagram more each round trip, half after a loss.
    NewReno,
    /// BBR version 1 (draft-cardwell-iccrg-bbr-congestion-control-00): what is in flight follows the measured bandwidth
    /// and round trip, not losses.
    Bbr,
}

/// Makes each connection's controller.
pub(super) struct Factory {
    pub congestion: Congestion,
    /// First window, bytes.
    pub initial_window: u64,
    /// What seeds a controller that draws.
    pub random: Random,
}

impl ControllerFactory for Factory {
    fn build(self: Arc<Self>, now: Instant, current_mtu: u16) -> Box<dyn Controller> {
        let (window, mtu) = (self.initial_window.min(WINDOW_MAX), u64::from(current_mtu));
        match self.congestion {
            Congestion::Cubic => Adapter::boxed(Cubic::new(window, mtu), now, window),
            Congestion::NewReno => Adapter::boxed(NewReno::new(window, mtu), now, window),
            Congestion::Bbr => {
                let seed = u64::from_le_bytes(draw(&self.random));
                Adapter::boxed(Bbr::new(window, mtu, seed), now, window)
            }
        }
    }
}

/// Acknowledgements and losses in, a window out. Acknowledgements come packet by packet, and
/// [`on_acks_end`](Self::on_acks_end) after the last one of a frame.
trait Algorithm: Clone + Send + Sync + 'static {
    /// Bytes were sent.
    fn on_sent(&mut self, _now: Timestamp, _bytes: u64) {}

    /// A packet of `bytes` that left at `sent` was acknowledged. `idle`: the window was not all used.
    fn on_ack(&mut self, now: Timestamp, sent: Timestamp, bytes: u64, idle: bool, smoothed_rtt: Duration);

    /// No more acknowledgements for now; `in_flight` bytes are left.
    fn on_acks_end(&mut self, _now: Timestamp, _in_flight: u64, _idle: bool) {}

    /// `lost` bytes, the last of which left at `sent`, are lost, or the network has marked packets (then 0). `persistent`:
    /// all that was sent for several round trips is lost (RFC 9002, section 7.6).
    fn on_congestion(&mut self, now: Timestamp, sent: Timestamp, persistent: bool, lost: u64);

    /// Datagrams are of another size from now on.
    fn on_mtu(&mut self, mtu: u64);

    /// Bytes that may be in flight.
    fn window(&self) -> u64;

    /// The window up to which it doubles each round trip.
    fn threshold(&self) -> Option<u64>;
}

/// An algorithm as quinn-proto wants it.
#[derive(Clone)]
struct Adapter<A> {
    algorithm: A,
    began: Instant,
    initial_window: u64,
}

impl<A: Algorithm> Adapter<A> {
    fn boxed(algorithm: A, began: Instant, initial_window: u64) -> Box<dyn Controller> {
        Box::new(Self { algorithm, began, initial_window })
    }

    fn time(&self, instant: Instant) -> Timestamp {
        Timestamp::after_genesis(instant.saturating_duration_since(self.began))
    }
}

impl<A: Algorithm> Controller for Adapter<A> {
    fn on_sent(&mut self, now: Instant, bytes: u64, _last_packet_number: u64) {
        self.algorithm.on_sent(self.time(now), bytes);
    }

    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, app_limited: bool, rtt: &RttEstimator) {
        let (now, sent) = (self.time(now), self.time(sent));
        self.algorithm.on_ack(now, sent, bytes, app_limited, rtt.get());
    }

    fn on_end_acks(&mut self, now: Instant, in_flight: u64, app_limited: bool, _largest: Option<u64>) {
        self.algorithm.on_acks_end(self.time(now), in_flight, app_limited);
    }

    fn on_congestion_event(&mut self, now: Instant, sent: Instant, persistent: bool, lost_bytes: u64) {
        self.algorithm.on_congestion(self.time(now), self.time(sent), persistent, lost_bytes);
    }

    fn on_mtu_update(&mut self, new_mtu: u16) {
        self.algorithm.on_mtu(u64::from(new_mtu));
    }

    fn window(&self) -> u64 {
        self.algorithm.window()
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.algorithm.window();
        metrics.ssthresh = self.algorithm.threshold();
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        self.initial_window
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
