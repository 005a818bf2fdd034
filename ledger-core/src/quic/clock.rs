//! Time as quinn-proto wants it. It never asks for the time; it is given an [`Instant`] with every call, and such a
//! value can only be had from the operating system. So one is taken when a host is made, what it says is never looked
//! at, and every later one is this base plus a [`Timestamp`].

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "quinn-proto's API speaks in these types"
)]

use crate::time::{Duration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

/// quinn-proto subtracts spans from instants; an instant cannot lie before the machine was switched on.
const MARGIN: Duration = Duration::from_secs(24 * 3_600);

/// Translates between the two, and tells the handshake what time it is.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    base: Instant,
    now: Arc<AtomicU64>,
}

impl Clock {
    pub fn new(now: Timestamp) -> Self {
        Self { base: Instant::now() + MARGIN, now: Arc::new(AtomicU64::new(now.0)) }
    }

    /// The moment of the call under way.
    pub fn set(&self, now: Timestamp) -> Instant {
        self.now.store(now.0, Ordering::Relaxed);
        self.base + Duration::from_nanos(now.0)
    }

    pub fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }

    pub fn timestamp(&self, instant: Instant) -> Timestamp {
        Timestamp::after_genesis(instant.saturating_duration_since(self.base))
    }
}

impl quinn_proto::TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.now.load(Ordering::Relaxed))
    }
}

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_nanos(Self::now(self).0)))
    }
}
