//! A journal on a disk that loses what was not synced.
//!
//! Appends go to the device's queue at its bandwidth; a sync makes everything durable that was appended before it
//! *started* (group commit). At most one sync runs and at most one more is queued: it starts when that one ends.
//!
//! Invariants: entries are numbered from 0 and stay in order; `first ≤ durable ≤ end`; only a completed sync moves
//! `durable`; a crash keeps exactly the entries below `durable`. It does not know what an entry is.

use ledger_core::time::{Duration, Timestamp};
use std::collections::VecDeque;

/// Times of a disk, as a host's plan gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskTimes {
    /// Fixed time of an append.
    pub append_ns: u64,
    /// Fixed time of a sync, after the device's queue is empty.
    pub sync_ns: u64,
    /// Bytes a second; at least 1.
    pub bytes_per_s: u64,
}

/// A host's journal. It outlives the host's crashes.
#[derive(Clone, Debug)]
pub struct Disk<E> {
    times: DiskTimes,
    /// How many times slower than that, in thousandths.
    factor_milli: u64,
    entries: VecDeque<E>,
    /// Number of the first entry that is still there.
    first: u64,
    /// Entries below this survive a crash.
    durable: u64,
    /// The device has written what was appended so far.
    written_at: Timestamp,
    /// What the running sync will have made durable.
    running: Option<u64>,
    queued: bool,
    counters: DiskCounters,
}

/// Totals of a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Entries appended.
    pub appends: u64,
    /// Bytes appended.
    pub bytes: u64,
    /// Syncs completed.
    pub syncs: u64,
    /// Time spent writing and syncing.
    pub busy: Duration,
    /// Most entries that waited for a sync at once.
    pub unsynced_max: u64,
}

impl<E: Clone> Disk<E> {
    /// An empty disk.
    pub fn new(times: DiskTimes) -> Self {
        Self {
            times,
            factor_milli: 1_000,
            entries: VecDeque::new(),
            first: 0,
            durable: 0,
            written_at: Timestamp::ZERO,
            running: None,
            queued: false,
            counters: DiskCounters::default(),
        }
    }

    /// Appends an entry of so many bytes; it survives a crash after the next sync.
    pub fn append(&mut self, now: Timestamp, entry: E, bytes: usize) {
        let transfer_ns = bytes as u128 * 1_000_000_000 / u128::from(self.times.bytes_per_s.max(1));
        let took_ns = self.times.append_ns.saturating_add(u64::try_from(transfer_ns).unwrap_or(u64::MAX));
        let took = self.stretched(took_ns);
        self.written_at = self.written_at.max(now) + took;
        self.entries.push_back(entry);
        self.counters.appends += 1;
        self.counters.bytes += bytes as u64;
        self.counters.busy = self.counters.busy.saturating_add(took);
        self.counters.unsynced_max = self.counters.unsynced_max.max(self.end() - self.durable);
    }

    /// Asks that everything appended so far becomes durable. `Some`: call [`Disk::complete_sync`] then. `None`: a
    /// sync is running, whose completion starts the next one.
    pub fn request_sync(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.running.is_some() {
            self.queued = true;
            return None;
        }
        Some(self.start_sync(now))
    }

    /// The running sync is done: entries below the returned number are durable. If another was asked for meanwhile, it
    /// starts now and covers everything appended until now; `Some`: call this again then.
    ///
    /// # Panics
    /// If none is running. A completion scheduled before a crash is not one: the world drops it.
    pub fn complete_sync(&mut self, now: Timestamp) -> (u64, Option<Timestamp>) {
        self.durable = self.running.take().expect("a completion follows a request");
        self.counters.syncs += 1;
        let next = std::mem::take(&mut self.queued).then(|| self.start_sync(now));
        (self.durable, next)
    }

    /// The host died: what was not durable is gone, and so is the running sync.
    pub fn crash(&mut self) {
        self.entries.truncate((self.durable - self.first) as usize);
        self.running = None;
        self.queued = false;
        self.written_at = Timestamp::ZERO;
    }

    /// Durable entries in order, for a restart; the first one's number is [`Disk::first`].
    pub fn entries(&self) -> impl Iterator<Item = &E> {
        self.entries.iter().take((self.durable - self.first) as usize)
    }

    /// Forgets durable entries below `number`, as after a snapshot. Entries that are not durable yet stay.
    pub fn truncate_before(&mut self, number: u64) {
        let keep_from = number.min(self.durable);
        let gone = keep_from.saturating_sub(self.first);
        self.entries.drain(..gone as usize);
        self.first += gone;
    }

    /// Number of the first entry that is still there.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Entries below this number survive a crash.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Number that the next entry will have.
    pub fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// When the device has written and synced what it was given so far.
    pub fn written_at(&self) -> Timestamp {
        self.written_at
    }

    /// Totals so far.
    pub fn counters(&self) -> DiskCounters {
        self.counters
    }

    /// From now on it takes so many times as long, in thousandths.
    pub fn set_factor(&mut self, milli: u64) {
        self.factor_milli = milli;
    }

    fn stretched(&self, ns: u64) -> Duration {
        let stretched = u128::from(ns) * u128::from(self.factor_milli) / 1_000;
        Duration::from_nanos(u64::try_from(stretched).unwrap_or(u64::MAX))
    }

    fn start_sync(&mut self, now: Timestamp) -> Timestamp {
        self.running = Some(self.end());
        let sync = self.stretched(self.times.sync_ns);
        self.written_at = self.written_at.max(now) + sync;
        self.counters.busy = self.counters.busy.saturating_add(sync);
        self.written_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: DiskTimes = DiskTimes { append_ns: 10, sync_ns: 1_000, bytes_per_s: 1_000_000_000 };

    #[test]
    fn a_sync_that_waits_covers_what_came_meanwhile() {
        let mut disk = Disk::new(TIMES);
        disk.append(Timestamp(0), 'a', 90);
        assert_eq!(disk.request_sync(Timestamp(0)), Some(Timestamp(1_100)));
        disk.append(Timestamp(500), 'b', 90);
        assert_eq!(disk.request_sync(Timestamp(500)), None);
        disk.append(Timestamp(600), 'c', 90);
        assert_eq!(disk.request_sync(Timestamp(600)), None);
        // b and c were written behind the first sync: the next one ends 1,000 after them.
        assert_eq!(disk.complete_sync(Timestamp(1_100)), (1, Some(Timestamp(2_300))));
        assert_eq!(disk.complete_sync(Timestamp(2_300)), (3, None));
        let counters = disk.counters();
        assert_eq!((counters.appends, counters.bytes, counters.syncs), (3, 270, 2));
        assert_eq!((counters.busy.as_nanos(), counters.unsynced_max), (2_300, 3));
    }

    #[test]
    fn a_crash_keeps_exactly_what_is_durable() {
        let mut disk = Disk::new(TIMES);
        disk.append(Timestamp(0), 'a', 1);
        disk.request_sync(Timestamp(0));
        disk.append(Timestamp(1), 'b', 1);
        disk.complete_sync(Timestamp(1_011));
        disk.append(Timestamp(1_012), 'c', 1);
        disk.request_sync(Timestamp(1_012));
        disk.crash();
        assert_eq!(disk.entries().collect::<String>(), "a");
        disk.append(Timestamp(5_000), 'd', 1);
        assert_eq!(disk.entries().count(), 1);
        let done = disk.request_sync(Timestamp(5_000)).unwrap();
        assert_eq!(disk.complete_sync(done), (2, None));
        assert_eq!(disk.entries().collect::<String>(), "ad");
    }

    #[test]
    fn truncation_keeps_numbers_and_what_is_not_durable() {
        let mut disk = Disk::new(TIMES);
        for entry in "abc".chars() {
            disk.append(Timestamp(0), entry, 1);
        }
        let done = disk.request_sync(Timestamp(0)).unwrap();
        disk.complete_sync(done);
        disk.append(done, 'd', 1);
        disk.truncate_before(2);
        assert_eq!((disk.first(), disk.entries().collect::<String>()), (2, "c".to_owned()));
        disk.truncate_before(100);
        assert_eq!((disk.first(), disk.durable(), disk.end()), (3, 3, 4));
        disk.truncate_before(1);
        assert_eq!(disk.first(), 3);
    }
}
