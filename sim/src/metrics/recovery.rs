//! How long faults are felt: from the times of commits alone, with whole-number arithmetic.

use crate::history::FaultRecord;
use ledger_core::time::{Duration, Timestamp, nanos};

/// Before a fault, what the rate must come back to is the mean over this.
const BEFORE: Duration = Duration::from_secs(5);
/// The rate after it is taken over windows of this length,
const WINDOW: Duration = Duration::from_secs(1);
/// one starting every step,
const STEP: Duration = Duration::from_millis(100);
/// and has recovered at this part of the rate before, in per cent.
const RECOVERED_PERCENT: u128 = 95;

/// A fault and what followed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Row of `plan.faults`.
    pub fault: usize,
    /// When it struck.
    pub at: Timestamp,
    /// When it was healed.
    pub healed: Option<Timestamp>,
    /// Whether the rate came back.
    pub recovered: Recovered,
}

/// Whether the rate came back after a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// From healing to the start of the first window at the rate from before.
    After(Duration),
    /// Not before arrivals ended.
    Never,
    /// It was not healed, nothing was committed before it, or less than one window followed it.
    Unmeasured,
}

/// Recovery from each fault. `commits` is sorted; `end` is when arrivals ended, and the rate with them.
pub fn recoveries(faults: &[FaultRecord], commits: &[Timestamp], end: Timestamp) -> Vec<Recovery> {
    let row = |fault: &FaultRecord| Recovery {
        fault: fault.fault,
        at: fault.at,
        healed: fault.healed,
        recovered: recovered(fault, commits, end),
    };
    faults.iter().map(row).collect()
}

/// The longest time inside `[start, end)` without any of `commits` (sorted), from its start and to its end included.
pub fn longest_gap(commits: &[Timestamp], start: Timestamp, end: Timestamp) -> Duration {
    let inside = &commits[before(commits, start)..before(commits, end)];
    let edges = [start].into_iter().chain(inside.iter().copied());
    let next = inside.iter().copied().chain([end]);
    edges.zip(next).map(|(from, to)| to.since(from)).max().unwrap_or_default()
}

fn recovered(fault: &FaultRecord, commits: &[Timestamp], end: Timestamp) -> Recovered {
    let Some(healed) = fault.healed else { return Recovered::Unmeasured };
    let from = fault.at - BEFORE;
    let count_before = count(commits, from, fault.at);
    if count_before == 0 || healed + WINDOW > end {
        return Recovered::Unmeasured;
    }
    let wanted = RECOVERED_PERCENT * count_before * u128::from(nanos(WINDOW));
    let mut start = healed;
    while start + WINDOW <= end {
        let seen = count(commits, start, start + WINDOW);
        if 100 * seen * u128::from(nanos(fault.at.since(from))) >= wanted {
            return Recovered::After(start.since(healed));
        }
        start = start + STEP;
    }
    Recovered::Never
}

/// How many are in `[from, to)`.
fn count(commits: &[Timestamp], from: Timestamp, to: Timestamp) -> u128 {
    (before(commits, to) - before(commits, from)) as u128
}

fn before(commits: &[Timestamp], at: Timestamp) -> usize {
    commits.partition_point(|commit| *commit < at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// One commit every 10 ms, but none in `[from, to)`.
    fn commits(from_ms: u64, to_ms: u64, end_ms: u64) -> Vec<Timestamp> {
        let all = (0..end_ms / 10).map(|step| step * 10);
        all.filter(|ms| !(from_ms..to_ms).contains(ms)).map(|ms| Timestamp(ms * MS)).collect()
    }

    #[track_caller]
    fn check(silent_ms: (u64, u64), fault_ms: (u64, Option<u64>), end_ms: u64, expected: Recovered) {
        let commits = commits(silent_ms.0, silent_ms.1, end_ms);
        let fault = FaultRecord {
            fault: 0,
            at: Timestamp(fault_ms.0 * MS),
            healed: fault_ms.1.map(|ms| Timestamp(ms * MS)),
        };
        let found = recoveries(&[fault], &commits, Timestamp(end_ms * MS));
        assert_eq!(found[0].recovered, expected);
    }

    #[test]
    fn the_first_window_at_95_percent_counts() {
        let after = |ms| Recovered::After(Duration::from_millis(ms));
        check((10_000, 12_000), (10_000, Some(12_000)), 20_000, after(0));
        // Windows of 1 s tolerate 50 ms of silence.
        check((10_000, 12_050), (10_000, Some(12_000)), 20_000, after(0));
        check((10_000, 12_060), (10_000, Some(12_000)), 20_000, after(100));
        check((10_000, 13_500), (10_000, Some(12_000)), 20_000, after(1_500));
    }

    #[test]
    fn a_rate_that_does_not_come_back_is_never() {
        check((10_000, 20_000), (10_000, Some(12_000)), 20_000, Recovered::Never);
        check((10_000, 19_100), (10_000, Some(12_000)), 20_000, Recovered::Never);
    }

    #[test]
    fn what_cannot_be_measured_is_said() {
        check((10_000, 12_000), (10_000, None), 20_000, Recovered::Unmeasured);
        check((10_000, 12_000), (10_000, Some(19_500)), 20_000, Recovered::Unmeasured);
        check((0, 12_000), (10_000, Some(12_000)), 20_000, Recovered::Unmeasured);
        // A fault early in the run is measured against the shorter time before it.
        check((2_000, 3_000), (2_000, Some(3_000)), 20_000, Recovered::After(Duration::ZERO));
    }

    #[test]
    fn the_longest_gap_reaches_to_the_edges() {
        let at = |ms: u64| Timestamp(ms * MS);
        let commits = commits(4_000, 5_000, 6_000);
        assert_eq!(longest_gap(&commits, at(1_000), at(6_000)), Duration::from_millis(1_010));
        assert_eq!(longest_gap(&commits, at(1_000), at(8_000)), Duration::from_millis(2_010));
        assert_eq!(longest_gap(&[], at(1_000), at(8_000)), Duration::from_secs(7));
    }
}
