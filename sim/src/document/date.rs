//! Civil time in documents: milliseconds since 1970 in UTC, by integer arithmetic alone.
//!
//! A run's genesis stands for [`GENESIS`], so that documents of a run are the same whenever it is played.

use super::json::{Put, digits};
use ledger_core::time::Timestamp;

/// An instant: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub u64);

/// A calendar day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub u64);

/// A year alone, as a pseudonymous patient's birth date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Year(pub u16);

/// 2026-01-01T00:00:00Z.
pub const GENESIS: Instant = Instant(1_767_225_600_000);

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

impl Instant {
    /// What a time of the run stands for. What is later than the year 9999 becomes its last day: FHIR knows no later.
    pub fn of(time: Timestamp) -> Self {
        const LAST: u64 = 253_402_214_400_000;
        Self((GENESIS.0 + time.0 / 1_000_000).min(LAST))
    }

    /// So many minutes earlier.
    pub fn minutes_before(self, minutes: u64) -> Self {
        Self(self.0.saturating_sub(minutes * MINUTE_MS))
    }

    /// So many minutes later.
    pub fn minutes_after(self, minutes: u64) -> Self {
        Self(self.0 + minutes * MINUTE_MS)
    }

    /// So many days later.
    pub fn days_after(self, days: u64) -> Self {
        Self(self.0 + days * DAY_MS)
    }

    /// Its day.
    pub fn date(self) -> Date {
        Date(self.0 / DAY_MS)
    }

    /// As text: `2026-01-01T00:00:00.000Z`.
    pub fn write(self, out: &mut String) {
        self.date().write(out);
        out.push('T');
        let within = self.0 % DAY_MS;
        digits(out, within / 3_600_000, 2);
        out.push(':');
        digits(out, within / MINUTE_MS % 60, 2);
        out.push(':');
        digits(out, within / 1000 % 60, 2);
        out.push('.');
        digits(out, within % 1000, 3);
        out.push('Z');
    }
}

impl Date {
    /// Year, month and day (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013).
    pub fn civil(self) -> (u64, u64, u64) {
        let shifted = self.0 + 719_468;
        let era = shifted / 146_097;
        let of_era = shifted % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (year_of_era + era * 400 + u64::from(month <= 2), month, day)
    }

    /// As text: `2026-01-01`.
    pub fn write(self, out: &mut String) {
        let (year, month, day) = self.civil();
        digits(out, year, 4);
        out.push('-');
        digits(out, month, 2);
        out.push('-');
        digits(out, day, 2);
    }
}

impl Put for Instant {
    fn put(&self, out: &mut String) {
        out.push('"');
        self.write(out);
        out.push('"');
    }
}

impl Put for Date {
    fn put(&self, out: &mut String) {
        out.push('"');
        self.write(out);
        out.push('"');
    }
}

impl Put for Year {
    fn put(&self, out: &mut String) {
        out.push('"');
        digits(out, u64::from(self.0), 4);
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(instant: Instant) -> String {
        let mut out = String::new();
        instant.write(&mut out);
        out
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(text(GENESIS), "2026-01-01T00:00:00.000Z");
        assert_eq!(text(Instant(951_782_399_999)), "2000-02-28T23:59:59.999Z");
        assert_eq!(text(Instant(951_782_400_000)), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(Instant(4_107_542_400_000)), "2100-03-01T00:00:00.000Z");
        assert_eq!(text(Instant::of(Timestamp::MAX)), "2610-07-22T23:34:33.709Z");
        assert_eq!(text(GENESIS.minutes_before(1)), "2025-12-31T23:59:00.000Z");
        for day in 0..80_000 {
            let (year, month, date) = Date(day).civil();
            let next = Date(day + 1).civil();
            let follows = next == (year, month, date + 1)
                || next == (year, month + 1, 1)
                || (next == (year + 1, 1, 1) && (month, date) == (12, 31));
            assert!(follows, "{:?} after {:?}", next, (year, month, date));
        }
    }
}
