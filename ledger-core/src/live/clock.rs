//! The host's clock as the machines see it: nanoseconds since the chain's genesis.
//!
//! The wall clock is read once, when a process starts; from then on time is monotonic. Before genesis it stands still
//! at zero.

use crate::time::{Duration, Timestamp};
use std::time::{Instant, SystemTime};

/// Tells the time of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    /// Nanoseconds from genesis to `started`; negative if genesis was still to come.
    offset: i64,
}

impl Clock {
    /// For a chain whose genesis is at this time of the host's wall clock.
    pub fn new(genesis_at: SystemTime) -> Self {
        let started = Instant::now();
        let nanos = |span: Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        let offset = match SystemTime::now().duration_since(genesis_at) {
            Ok(since) => nanos(since),
            Err(before) => -nanos(before.duration()),
        };
        Self { started, offset }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX);
        Timestamp(u64::try_from(self.offset.saturating_add(elapsed)).unwrap_or(0))
    }

    /// The host's monotonic clock at a time of the chain; at the earliest, when this clock was made.
    pub fn instant(&self, at: Timestamp) -> Instant {
        let since = i64::try_from(at.0).unwrap_or(i64::MAX).saturating_sub(self.offset);
        self.started + Duration::from_nanos(u64::try_from(since).unwrap_or(0)).min(FAR)
    }
}

/// Nobody waits longer.
const FAR: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_the_wall_clock_and_stands_still_before_genesis() {
        let clock = Clock::new(SystemTime::now() - Duration::from_secs(100));
        let now = clock.now();
        assert!(now >= Timestamp::after_genesis(Duration::from_secs(100)) && now <= clock.now());
        assert!(clock.instant(now + Duration::from_secs(1)) > clock.started);
        assert_eq!(clock.instant(Timestamp::ZERO), clock.started);
        let early = Clock::new(SystemTime::now() + Duration::from_secs(100));
        assert_eq!(early.now(), Timestamp::ZERO);
    }
}
