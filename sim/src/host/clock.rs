//! A host's clock: what its machine takes for the time while virtual time is the true one.
//!
//! Faults set it ahead or back and let it run fast or slow; between two changes it runs evenly, and so it is a list of
//! straight lines. It never goes back, as no driver's clock does: one that is set back all but stands still until it is right
//! (`HELD_PPB`). Hence every time that it shows tells, to a microsecond, when it showed it.
//!
//! Without faults it is virtual time itself.

use ledger_core::time::Timestamp;

const BILLION: u64 = 1_000_000_000;
/// The pace of a clock that is to go back. Above zero, so that it shows no time twice.
const HELD_PPB: u64 = 1_000_000;

/// How far a clock is off, and by how much it runs fast (or slow, below zero).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    pub skew_ns: i64,
    /// Parts per billion, above -1/2.
    pub drift_ppb: i64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Faults in force, and since when.
    errors: Vec<(usize, Timestamp, Error)>,
    /// In order of both times, and perhaps one that is still to come; before the first it is right.
    lines: Vec<Line>,
}

/// From then on it shows this and runs at this pace.
#[derive(Clone, Copy, Debug)]
struct Line {
    from: Timestamp,
    shows: Timestamp,
    pace_ppb: u64,
}

impl Clock {
    /// What it shows at `at`.
    pub fn read(&self, at: Timestamp) -> Timestamp {
        let line = self.lines.iter().rev().find(|line| line.from <= at);
        line.map_or(at, |line| {
            let passed = u128::from(at.0 - line.from.0) * u128::from(line.pace_ppb) / u128::from(BILLION);
            Timestamp(line.shows.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
        })
    }

    /// When it shows `shown`, or first shows something later.
    pub fn when(&self, shown: Timestamp) -> Timestamp {
        let line = self.lines.iter().rposition(|line| line.shows <= shown);
        let next = self.lines.get(line.map_or(0, |line| line + 1)).map_or(Timestamp::MAX, |next| next.from);
        let at = line.map_or(shown, |line| {
            let Line { from, shows, pace_ppb } = self.lines[line];
            let nanos = u128::from(shown.0 - shows.0) * u128::from(BILLION);
            let passed = nanos.div_ceil(u128::from(pace_ppb.max(1)));
            Timestamp(from.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
        });
        at.min(next)
    }

    /// A fault sets it wrong.
    pub fn err(&mut self, now: Timestamp, fault: usize, error: Error) {
        self.errors.push((fault, now, error));
        self.set(now);
    }

    /// It is set right, as far as this fault is concerned.
    pub fn mend(&mut self, now: Timestamp, fault: usize) {
        self.errors.retain(|(by, ..)| *by != fault);
        self.set(now);
    }

    fn set(&mut self, now: Timestamp) {
        let shown = self.read(now);
        self.lines.retain(|line| line.from <= now);
        let drift: i64 = self.errors.iter().map(|(.., error)| error.drift_ppb).sum();
        let pace_ppb = BILLION.saturating_add_signed(drift).max(BILLION / 2);
        let target = self.target(now);
        if target >= i128::from(shown.0) {
            let shows = Timestamp(u64::try_from(target).unwrap_or(u64::MAX));
            return self.lines.push(Line { from: now, shows, pace_ppb });
        }
        let behind = (i128::from(shown.0) - target).unsigned_abs();
        let catches_up = (behind * u128::from(BILLION)).div_ceil(u128::from(pace_ppb - HELD_PPB));
        self.lines.push(Line { from: now, shows: shown, pace_ppb: HELD_PPB });
        let right = Timestamp(now.0.saturating_add(u64::try_from(catches_up).unwrap_or(u64::MAX)));
        let shows = self.read(right).max(Timestamp(u64::try_from(self.target(right)).unwrap_or(0)));
        self.lines.push(Line { from: right, shows, pace_ppb });
    }

    /// What the faults in force would have it show.
    fn target(&self, at: Timestamp) -> i128 {
        let off = self.errors.iter().map(|(_, since, error)| {
            let drifted = i128::from(error.drift_ppb) * i128::from(at.0 - since.0) / i128::from(BILLION);
            i128::from(error.skew_ns) + drifted
        });
        i128::from(at.0) + off.sum::<i128>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(ms: u64) -> Timestamp {
        Timestamp(ms * 1_000_000)
    }

    fn skewed(ms: i64) -> Error {
        Error { skew_ns: ms * 1_000_000, drift_ppb: 0 }
    }

    /// Whatever is done to it, it never goes back, and its times tell when they were shown.
    fn holds(clock: &Clock) {
        let mut last = Timestamp::ZERO;
        for ms in 0..20_000 {
            let shown = clock.read(at(ms));
            assert!(shown >= last, "at {ms} ms it shows {shown} after {last}");
            let when = clock.when(shown);
            assert!(at(ms).0.abs_diff(when.0) <= 1_000, "{shown} was shown at {ms} ms, not at {when}");
            last = shown;
        }
    }

    #[test]
    fn without_faults_it_is_right() {
        let clock = Clock::default();
        assert_eq!((clock.read(at(5)), clock.when(at(5))), (at(5), at(5)));
        assert_eq!(clock.when(Timestamp::MAX), Timestamp::MAX);
    }

    #[test]
    fn it_jumps_ahead_and_waits_to_be_right_again() {
        let mut clock = Clock::default();
        clock.err(at(1_000), 0, skewed(200));
        assert_eq!((clock.read(at(999)), clock.read(at(1_000))), (at(999), at(1_200)));
        assert_eq!(clock.when(at(1_100)), at(1_000), "what it never showed was passed when it jumped");
        clock.mend(at(3_000), 0);
        assert_eq!(clock.read(at(3_100)), at(3_200) + std::time::Duration::from_micros(100));
        assert_eq!(clock.read(at(3_300)), at(3_300));
        holds(&clock);
    }

    #[test]
    fn it_is_set_back_without_going_back() {
        let mut clock = Clock::default();
        clock.err(at(1_000), 0, skewed(-500));
        assert!(clock.read(at(1_400)) < at(1_001));
        assert_eq!(clock.read(at(4_000)), at(3_500));
        clock.mend(at(5_000), 0);
        assert_eq!(clock.read(at(5_000)), at(5_000));
        holds(&clock);
    }

    #[test]
    fn it_drifts_and_errors_add_up() {
        let mut clock = Clock::default();
        clock.err(at(0), 0, Error { skew_ns: 0, drift_ppb: 50_000 });
        assert_eq!(clock.read(Timestamp(10 * SECOND)).0, 10 * SECOND + 500_000);
        clock.err(Timestamp(10 * SECOND), 1, skewed(100));
        assert_eq!(clock.read(Timestamp(10 * SECOND)).0, 10 * SECOND + 100_500_000);
        clock.mend(Timestamp(12 * SECOND), 0);
        assert_eq!(clock.read(Timestamp(14 * SECOND)).0, 14 * SECOND + 100_000_000);
        clock.err(Timestamp(15 * SECOND), 2, Error { skew_ns: -50_000_000, drift_ppb: -100_000 });
        assert!(clock.read(Timestamp(17 * SECOND)).0.abs_diff(17 * SECOND + 49_800_000) <= 2);
        holds(&clock);
    }
}
