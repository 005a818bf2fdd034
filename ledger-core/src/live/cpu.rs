//! Processor time of chores: what machines have done for them, counted where it is done, whichever thread that is.
//!
//! What is left of the threads of machines and workers is the machines' own: ordering and execution.

use crate::work::Work;
use nix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering};

/// A kind of chore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chore {
    /// Submissions are decoded and their signatures checked.
    Submissions,
    /// Blocks are decoded, hashed and their signatures checked.
    Blocks,
    /// Transactions in blocks are decoded and their signatures checked.
    Transactions,
    /// Votes on checkpoints are checked.
    Votes,
    /// Receipts are made for all that a checkpoint covers (replicas), or verified (gateways).
    Receipts,
    /// Transactions are signed.
    Signing,
    /// Documents and snapshots are prepared, sealed, opened and restored.
    Documents,
}

impl Chore {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Submissions,
        Self::Blocks,
        Self::Transactions,
        Self::Votes,
        Self::Receipts,
        Self::Signing,
        Self::Documents,
    ];

    /// Its name in figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submissions => "submissions",
            Self::Blocks => "blocks",
            Self::Transactions => "transactions",
            Self::Votes => "votes",
            Self::Receipts => "receipts",
            Self::Signing => "signing",
            Self::Documents => "documents",
        }
    }

    pub(super) fn of(work: &Work) -> Self {
        match work {
            Work::Submissions(_) => Self::Submissions,
            Work::Blocks(_) => Self::Blocks,
            Work::Transactions(_) => Self::Transactions,
            Work::Votes(..) => Self::Votes,
            Work::Checkpoint(_) | Work::Inclusion(_) => Self::Receipts,
            Work::Sign(_) => Self::Signing,
            Work::Snapshot(..) | Work::Prepare(_) | Work::Seal(_) => Self::Documents,
            Work::Open(_) | Work::Rewrap(_) => Self::Documents,
        }
    }
}

/// Nanoseconds by chore, since the process began; in the order of [`Chore::ALL`].
pub type Spent = [u64; Chore::ALL.len()];

/// Adds up what threads spend.
#[derive(Debug, Default)]
pub(super) struct Meter([AtomicU64; Chore::ALL.len()]);

impl Meter {
    /// Does a chore.
    pub fn measure<T>(&self, chore: Chore, body: impl FnOnce() -> T) -> T {
        let before = thread_ns();
        let done = body();
        self.0[chore as usize].fetch_add(thread_ns().saturating_sub(before), Ordering::Relaxed);
        done
    }

    pub fn spent(&self) -> Spent {
        self.0.each_ref().map(|chore| chore.load(Ordering::Relaxed))
    }
}

/// Processor time of this thread; 0 where the system does not tell.
fn thread_ns() -> u64 {
    let Ok(time) = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID) else { return 0 };
    let (seconds, nanos) = (time.tv_sec().try_into().unwrap_or(0), time.tv_nsec().try_into().unwrap_or(0));
    1_000_000_000_u64.saturating_mul(seconds).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chores_are_counted_apart_and_sleep_is_not_work() {
        let meter = Meter::default();
        let sum = meter.measure(Chore::Votes, || (0..2_000_000_u64).map(std::hint::black_box).sum::<u64>());
        assert_eq!(sum, 1_999_999_000_000);
        meter.measure(Chore::Blocks, || std::thread::sleep(std::time::Duration::from_millis(50)));
        let spent = meter.spent();
        assert!(spent[Chore::Votes as usize] > 0);
        assert!(spent[Chore::Blocks as usize] < 40_000_000, "{spent:?}");
        assert_eq!(spent[Chore::Signing as usize], 0);
        for (place, chore) in Chore::ALL.into_iter().enumerate() {
            assert_eq!(chore as usize, place);
        }
    }
}
