//! When the operations of one workload start, in integers.
//!
//! Time is kept in units of 2^-16 ns, so that gaps of a few nanoseconds do not lose their fractions. A rate that varies
//! is thinned (Lewis & Shedler, "Simulation of nonhomogeneous Poisson processes by thinning", 1979): candidates come at
//! the peak rate, and each is kept with the probability that the rate at its time has of the peak.

use crate::plan::Arrivals;
use crate::seed::Stream;
use ledger_core::time::{Duration, Timestamp, nanos};

/// Arrivals of an open loop, earliest first.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    process: Process,
    stream: Stream,
    /// Of candidates.
    gap_q16: u64,
    /// Candidates before this one, for `Constant`.
    count: u128,
    clock_q16: u128,
    /// What its times count from.
    origin: Timestamp,
}

#[derive(Clone, Copy, Debug)]
enum Process {
    Constant {
        rate_mhz: u64,
    },
    Poisson,
    /// `rest_q32`: rate outside the burst over the rate in it.
    Burst {
        every: u64,
        on: u64,
        rest_q32: u64,
    },
    /// Mean rate over peak rate.
    Diurnal {
        day: u64,
        mean_q32: u64,
    },
}

const ONE_Q32: u64 = 1 << 32;
/// 1000/s are 1,000,000 mHz.
const NS_MHZ: u128 = 1_000_000_000_000;

impl Schedule {
    /// `None` for a closed loop, which has no schedule.
    pub(super) fn new(arrivals: Arrivals, rate_mhz: u64, stream: Stream, origin: Timestamp) -> Option<Self> {
        let (process, peak_milli) = match arrivals {
            Arrivals::Constant => (Process::Constant { rate_mhz }, 1_000),
            Arrivals::Poisson => (Process::Poisson, 1_000),
            Arrivals::Burst { every, on, factor_milli } => {
                let (every, on) = (nanos(every), nanos(on));
                (Process::Burst { every, on, rest_q32: rest_q32(every, on, factor_milli) }, factor_milli)
            }
            Arrivals::Diurnal { day, peak_milli } => {
                let mean_q32 = ONE_Q32 * 1_000 / peak_milli;
                (Process::Diurnal { day: nanos(day), mean_q32 }, peak_milli)
            }
            Arrivals::Closed { .. } => return None,
        };
        let gap_q16 = (NS_MHZ << 16) * 1_000 / (u128::from(rate_mhz.max(1)) * u128::from(peak_milli));
        let gap_q16 = u64::try_from(gap_q16).unwrap_or(u64::MAX);
        Some(Self { process, stream, gap_q16, count: 0, clock_q16: 0, origin })
    }

    /// The next arrival.
    pub(super) fn next(&mut self) -> Timestamp {
        Timestamp(self.origin.0.saturating_add(self.since_origin()))
    }

    fn since_origin(&mut self) -> u64 {
        if let Process::Constant { rate_mhz } = self.process {
            let at = self.count * NS_MHZ / u128::from(rate_mhz.max(1));
            self.count += 1;
            return u64::try_from(at).unwrap_or(u64::MAX);
        }
        loop {
            self.clock_q16 += u128::from(self.stream.exponential(self.gap_q16));
            let at = u64::try_from(self.clock_q16 >> 16).unwrap_or(u64::MAX);
            let keep_q32 = self.process.keep_q32(at);
            if at == u64::MAX || keep_q32 >= ONE_Q32 || self.stream.bits() >> 32 < keep_q32 {
                return at;
            }
        }
    }
}

impl Process {
    /// Rate at a time over the peak rate, in units of 2^-32.
    fn keep_q32(self, at: u64) -> u64 {
        match self {
            Self::Constant { .. } | Self::Poisson => ONE_Q32,
            Self::Burst { every, on, rest_q32 } => {
                if at % every < on {
                    ONE_Q32
                } else {
                    rest_q32
                }
            }
            Self::Diurnal { day, mean_q32 } => {
                // mean + (peak - mean) · wave, and the peak is 1.
                let phase_q32 = (u128::from(at % day) << 32) / u128::from(day);
                let swing = i128::from(ONE_Q32 - mean_q32) * i128::from(wave_q32(phase_q32 as u64));
                (i128::from(mean_q32) + (swing >> 32)).max(0) as u64
            }
        }
    }
}

/// A day as two parabolas, -1 at its start (night) and 1 at its middle; its mean is 0. Within 6 % of a cosine.
fn wave_q32(phase_q32: u64) -> i64 {
    // From the rising zero, a quarter into the day.
    let shifted = (phase_q32 + 3 * (ONE_Q32 / 4)) % ONE_Q32;
    let half = ONE_Q32 / 2;
    let x = (shifted % half) * 2;
    let lobe = ((u128::from(x) * u128::from(ONE_Q32 - x)) >> 30) as i64;
    if shifted < half { lobe } else { -lobe }
}

/// The mean stays 1: `(every - on · factor) / (every - on)` over `factor`.
fn rest_q32(every: u64, on: u64, factor_milli: u64) -> u64 {
    let (every, on, factor) = (u128::from(every), u128::from(on), u128::from(factor_milli));
    let rest = (every * 1_000).saturating_sub(on * factor);
    ((rest << 32) / ((every - on).max(1) * factor)) as u64
}

/// First starts of the clients of a closed loop, spread over a tenth of a second: all at once would not be a load but
/// a blow.
pub(super) fn client_starts(clients: u64) -> impl Iterator<Item = Timestamp> {
    let spread = u128::from(nanos(Duration::from_millis(100)));
    (0..clients).map(move |client| Timestamp((u128::from(client) * spread / u128::from(clients)) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    const SECOND: u64 = 1_000_000_000;

    fn arrivals(arrivals: Arrivals, rate_mhz: u64, seconds: u64) -> Vec<u64> {
        let mut schedule =
            Schedule::new(arrivals, rate_mhz, Seed::new(7).stream("arrivals"), Timestamp::ZERO).unwrap();
        std::iter::from_fn(|| Some(schedule.next().0)).take_while(|at| *at < seconds * SECOND).collect()
    }

    /// `expected` in thousandths.
    fn check_ratio(found: u64, of: u64, expected: u64, tolerance_milli: u64) {
        let milli = found * 1_000 / of;
        assert!(milli.abs_diff(expected) <= tolerance_milli, "{found} of {of} is {milli}, not {expected}");
    }

    #[test]
    fn mean_rates_are_as_written() {
        let day = Duration::from_secs(10);
        let burst = Arrivals::Burst { every: day, on: Duration::from_secs(1), factor_milli: 6_500 };
        for process in [
            Arrivals::Constant,
            Arrivals::Poisson,
            burst,
            Arrivals::Diurnal { day, peak_milli: 1_500 },
            Arrivals::Diurnal { day, peak_milli: 2_000 },
        ] {
            for (rate_mhz, seconds) in [(400_000, 500), (50_000, 4_000), (100_000_000, 10)] {
                let count = arrivals(process, rate_mhz, seconds).len() as u64;
                check_ratio(count, rate_mhz * seconds / 1_000, 1_000, 10);
            }
        }
    }

    #[test]
    fn equal_gaps_are_equal() {
        let found = arrivals(Arrivals::Constant, 3_000, 2);
        assert_eq!(found, [0, 333_333_333, 666_666_666, SECOND, 1_333_333_333, 1_666_666_666]);
    }

    #[test]
    fn bursts_have_their_factor() {
        let every = Duration::from_secs(10);
        let process = Arrivals::Burst { every, on: Duration::from_secs(1), factor_milli: 6_500 };
        let found = arrivals(process, 1_000_000, 1_000);
        let inside = found.iter().filter(|at| **at % (10 * SECOND) < SECOND).count() as u64;
        check_ratio(inside, found.len() as u64, 650, 5);
        let process = Arrivals::Burst { every, on: Duration::from_secs(1), factor_milli: 10_000 };
        let found = arrivals(process, 1_000_000, 100);
        assert!(found.iter().all(|at| at % (10 * SECOND) < SECOND));
    }

    #[test]
    fn days_peak_at_noon() {
        let day = Duration::from_secs(100);
        let found = arrivals(Arrivals::Diurnal { day, peak_milli: 1_800 }, 1_000_000, 2_000);
        let within = |from: u64, to: u64| {
            found.iter().filter(|at| (from..to).contains(&(**at / SECOND % 100))).count() as u64 / (to - from)
        };
        let mean = found.len() as u64 / 100;
        check_ratio(within(48, 52), mean, 1_800, 30);
        assert!(within(0, 2) * 1_000 / mean < 240);
        check_ratio(within(24, 26), mean, 1_000, 60);
    }

    #[test]
    fn clients_start_apart() {
        let starts: Vec<u64> = client_starts(4).map(|at| at.0).collect();
        assert_eq!(starts, [0, 25_000_000, 50_000_000, 75_000_000]);
    }
}
