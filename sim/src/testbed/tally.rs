//! What is known of opaque load that replicas make in their own processes, and of what was lost with one.

use crate::daemon::load::{SLOT, scheduled_at};
use crate::daemon::report::Progress;
use crate::deploy::LoadPlan;
use crate::history::Unlisted;
use ledger_core::time::{Duration, Timestamp, nanos};
use std::collections::BTreeMap;

/// One replica's load.
pub(super) struct Tally {
    plan: LoadPlan,
    start: Timestamp,
    /// Number of the next submission that nobody has told of.
    next: u64,
    /// Told as under way at the last report of the running process.
    outstanding: u64,
    /// Submissions that are not sampled and have not ended, by slot.
    open: BTreeMap<u64, u64>,
}

/// What is measured: operations scheduled inside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Operations of a slot of the run, for its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InSeries {
    pub at: Timestamp,
    pub scheduled: u64,
    pub committed: u64,
}

impl Tally {
    pub fn new(plan: LoadPlan, start: Timestamp) -> Self {
        Self { plan, start, next: 0, outstanding: 0, open: BTreeMap::new() }
    }

    /// Bytes of a submission.
    pub fn size(&self) -> u64 {
        self.plan.size_bytes as u64
    }

    /// Whether every submission has ended.
    pub fn is_done(&self) -> bool {
        self.outstanding == 0
            && scheduled_at(&self.plan, self.start, self.next) >= self.start + self.plan.duration
    }

    /// Takes a report of the running process.
    pub fn take(
        &mut self,
        progress: &Progress,
        measured: Measured,
        unlisted: &mut Unlisted,
    ) -> Vec<InSeries> {
        let mut series = Vec::new();
        if progress.first > self.next {
            series.extend(self.missed(progress.first, measured, unlisted));
        }
        self.next = progress.next.max(self.next);
        self.outstanding = progress.outstanding;
        for (slot, counts) in &progress.slots {
            let at = self.start + slot_time(*slot);
            series.push(InSeries { at, scheduled: counts.scheduled, committed: 0 });
            let ended = counts.ordered + counts.rejected + counts.timed_out;
            let open = self.open.entry(*slot).or_default();
            *open = (*open + counts.scheduled).saturating_sub(ended);
            if *open == 0 {
                self.open.remove(slot);
            }
            if measured.from <= at && at < measured.until {
                unlisted.scheduled += counts.scheduled;
                unlisted.committed += counts.ordered;
                unlisted.rejected += counts.rejected;
                unlisted.timed_out += counts.timed_out;
                for (ns, count) in &counts.latencies {
                    *unlisted.latencies.entry(*ns).or_default() += count;
                }
            }
        }
        for (slot, count) in &progress.ordered {
            series.push(InSeries { at: self.start + slot_time(*slot), scheduled: 0, committed: *count });
        }
        series
    }

    /// The process was killed: what it had under way is lost to its client.
    pub fn lost(&mut self, measured: Measured, unlisted: &mut Unlisted) {
        self.outstanding = 0;
        for (slot, open) in std::mem::take(&mut self.open) {
            let at = self.start + slot_time(slot);
            if measured.from <= at && at < measured.until {
                unlisted.timed_out += open;
            }
        }
    }

    /// Nobody was there from the last known submission to `first`: they were due, and did not happen.
    fn missed(&mut self, first: u64, measured: Measured, unlisted: &mut Unlisted) -> Vec<InSeries> {
        let mut series: BTreeMap<u64, u64> = BTreeMap::new();
        for number in self.next..first {
            let at = scheduled_at(&self.plan, self.start, number);
            *series.entry(nanos(at.since(self.start)) / nanos(SLOT)).or_default() += 1;
        }
        self.next = first;
        let row = |(slot, scheduled): (u64, u64)| {
            let at = self.start + slot_time(slot);
            if measured.from <= at && at < measured.until {
                unlisted.scheduled += scheduled;
                unlisted.timed_out += scheduled;
            }
            InSeries { at, scheduled, committed: 0 }
        };
        series.into_iter().map(row).collect()
    }

    /// The process will not come back: what was still to come does not happen.
    pub fn close(&mut self, measured: Measured, unlisted: &mut Unlisted) -> Vec<InSeries> {
        self.lost(measured, unlisted);
        let end = crate::daemon::load::scheduled_before(&self.plan, self.start, Timestamp::MAX);
        self.missed(end, measured, unlisted)
    }
}

fn slot_time(slot: u64) -> Duration {
    Duration::from_nanos(slot * nanos(SLOT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::report::Counts;

    const START: Timestamp = Timestamp(1_000_000_000);
    const MEASURED: Measured = Measured { from: START, until: Timestamp(3_000_000_000) };

    fn tally() -> Tally {
        let plan = LoadPlan {
            rate_mhz: 100_000,
            size_bytes: 16,
            seed: 1,
            start: None,
            duration: Duration::from_secs(2),
            sample: u64::MAX,
        };
        Tally::new(plan, START)
    }

    fn progress(first: u64, next: u64, slot: u64, scheduled: u64, ordered: u64) -> Progress {
        let latencies = vec![(1_000_000, ordered)];
        let counts = Counts { scheduled, ordered, latencies, ..Counts::default() };
        let outstanding = scheduled - ordered;
        Progress { first, next, outstanding, slots: vec![(slot, counts)], ordered: vec![(slot, ordered)] }
    }

    #[test]
    fn what_is_lost_with_a_process_has_timed_out() {
        let (mut tally, mut unlisted) = (tally(), Unlisted::default());
        tally.take(&progress(0, 10, 0, 10, 7), MEASURED, &mut unlisted);
        assert_eq!((unlisted.scheduled, unlisted.committed, unlisted.timed_out), (10, 7, 0));
        tally.lost(MEASURED, &mut unlisted);
        assert_eq!(unlisted.timed_out, 3);
        // Down for a second: 100 submissions were due.
        let series = tally.take(&progress(110, 120, 11, 10, 10), MEASURED, &mut unlisted);
        assert_eq!((unlisted.scheduled, unlisted.committed, unlisted.timed_out), (120, 17, 103));
        assert_eq!(series.iter().map(|row| row.scheduled).sum::<u64>(), 110);
        assert!(!tally.is_done());
        tally.close(MEASURED, &mut unlisted);
        assert!(tally.is_done());
        assert_eq!((unlisted.scheduled, unlisted.committed, unlisted.timed_out), (200, 17, 183));
        assert_eq!(unlisted.latencies[&1_000_000], 17);
    }
}
