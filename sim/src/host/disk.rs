//! A journal on a disk that loses what was not synced.
//!
//! Appends go to the device's queue at its bandwidth; a sync makes everything durable that was appended before it
//! *started* (group commit). At most one sync runs and at most one more is queued: it starts when that one ends.
//!
//! A disk that stalls completes nothing; one that is full takes nothing, and what it should have taken waits in the
//! process's memory. Both are the environment's: a crash changes neither.
//!
//! Invariants: entries are numbered from 0 and stay in order; `first ≤ durable ≤ end`; only a completed sync moves
//! `durable`; a crash keeps the entries below `durable`, and of those above what [`Kept`] says. It does not know what an
//! entry is.

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
    /// Up to where each sync reached, ascending: what lies between two of them became durable together.
    syncs: VecDeque<u64>,
    /// Entries from here on are not even written.
    unwritten: Option<u64>,
    /// What stalls it.
    stalled: u32,
    /// What fills it.
    full: u32,
    /// The running sync is due, and the disk stalls.
    held: bool,
    /// After a crash there may be something of what is above `durable`.
    torn: bool,
    counters: DiskCounters,
}

/// What a crash leaves of entries that are not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Durable,
    /// All that was written.
    Written,
    /// Whatever is found when the disk is [looked at](Disk::recovered).
    Torn,
}

/// Why a disk does not do what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It completes nothing.
    Stalled,
    /// It takes nothing.
    Full,
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
            syncs: VecDeque::new(),
            unwritten: None,
            stalled: 0,
            full: 0,
            held: false,
            torn: false,
            counters: DiskCounters::default(),
        }
    }

    /// Appends an entry of so many bytes; it survives a crash after the next sync.
    pub fn append(&mut self, now: Timestamp, entry: E, bytes: usize) {
        let transfer_ns = bytes as u128 * 1_000_000_000 / u128::from(self.times.bytes_per_s.max(1));
        let took_ns = self.times.append_ns.saturating_add(u64::try_from(transfer_ns).unwrap_or(u64::MAX));
        let took = self.stretched(took_ns);
        if self.full > 0 {
            self.unwritten = self.unwritten.or(Some(self.end()));
        } else {
            self.written_at = self.written_at.max(now) + took;
        }
        self.entries.push_back(entry);
        self.counters.appends += 1;
        self.counters.bytes += bytes as u64;
        self.counters.busy = self.counters.busy.saturating_add(took);
        self.counters.unsynced_max = self.counters.unsynced_max.max(self.end() - self.durable);
    }

    /// Asks that everything appended so far becomes durable. `Some`: call [`Disk::complete_sync`] then. `None`: a
    /// sync is running, whose completion starts the next one, or the disk has trouble, whose end does.
    pub fn request_sync(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.running.is_some() || self.has_trouble() {
            self.queued = true;
            return None;
        }
        Some(self.start_sync(now))
    }

    /// The running sync is done: entries below the returned number are durable. If another was asked for meanwhile, it
    /// starts now and covers everything appended until now; `Some`: call this again then. If the disk stalls, nothing is
    /// done, and nothing durable: the end of it says when to call this again.
    ///
    /// # Panics
    /// If none is running. A completion scheduled before a crash is not one: the world drops it.
    pub fn complete_sync(&mut self, now: Timestamp) -> Option<(u64, Option<Timestamp>)> {
        if self.stalled > 0 {
            self.held = true;
            return None;
        }
        let reached = self.running.take().expect("a completion follows a request");
        self.is_durable(reached);
        self.counters.syncs += 1;
        let next = self.queued && !self.has_trouble();
        self.queued &= !next;
        Some((self.durable, next.then(|| self.start_sync(now))))
    }

    fn is_durable(&mut self, reached: u64) {
        self.durable = reached;
        if self.syncs.back().is_none_or(|last| *last < reached) && reached > self.first {
            self.syncs.push_back(reached);
        }
    }

    /// The host died, and the running sync with it: of what was not durable only so much is left.
    pub fn crash(&mut self, kept: Kept) {
        let written = self.unwritten.take().unwrap_or(self.end());
        // What an earlier crash tore, and nobody looked at since, is as it is.
        if !self.torn {
            let left = if kept == Kept::Durable { self.durable } else { written };
            self.entries.truncate((left - self.first) as usize);
            match kept {
                Kept::Durable => {}
                Kept::Written => self.is_durable(written),
                Kept::Torn => self.torn = true,
            }
        }
        self.running = None;
        self.queued = false;
        self.held = false;
        self.written_at = Timestamp::ZERO;
    }

    /// Everything on it is gone.
    pub fn wipe(&mut self) {
        self.entries.clear();
        self.syncs.clear();
        (self.first, self.durable, self.torn) = (0, 0, false);
    }

    /// Whether a crash left more than is durable, or less than it should.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// Everything that may still be found on it, by what became durable together, with where each part ends; the last is not
    /// durable.
    pub fn written(&self) -> impl Iterator<Item = (u64, Vec<E>)> {
        let ends = self.syncs.iter().copied().chain([self.end()]);
        let starts = std::iter::once(self.first).chain(self.syncs.iter().copied());
        let entries = move |from: u64, to: u64| (from - self.first) as usize..(to - self.first) as usize;
        starts.zip(ends).map(move |(from, to)| (to, self.entries.range(entries(from, to)).cloned().collect()))
    }

    /// It was looked at: this is what is on it, all of it durable.
    pub fn recovered(&mut self, found: Vec<E>)
    where
        E: PartialEq,
    {
        self.entries.truncate(found.len());
        for (entry, found) in self.entries.iter_mut().zip(found) {
            if *entry != found {
                *entry = found;
            }
        }
        self.torn = false;
        let end = self.end();
        self.syncs.retain(|reached| *reached <= end);
        self.is_durable(end);
    }

    /// From now on it has trouble.
    pub fn begin(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Stalled => self.stalled += 1,
            Trouble::Full => self.full += 1,
        }
    }

    /// One trouble has ended. `Some`: call [`Disk::complete_sync`] then.
    pub fn end_of(&mut self, trouble: Trouble, now: Timestamp) -> Option<Timestamp> {
        match trouble {
            Trouble::Stalled => self.stalled -= 1,
            Trouble::Full => self.full -= 1,
        }
        if self.full == 0 {
            self.unwritten = None;
        }
        if self.stalled == 0 && std::mem::take(&mut self.held) {
            self.written_at = self.written_at.max(now) + self.stretched(self.times.sync_ns);
            return Some(self.written_at);
        }
        if self.has_trouble() || self.running.is_some() || !std::mem::take(&mut self.queued) {
            return None;
        }
        Some(self.start_sync(now))
    }

    /// Whether it stalls or is full.
    pub fn has_trouble(&self) -> bool {
        self.stalled > 0 || self.full > 0
    }

    /// Whether it is full.
    pub fn is_full(&self) -> bool {
        self.full > 0
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
        while self.syncs.front().is_some_and(|reached| *reached <= self.first) {
            self.syncs.pop_front();
        }
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
        assert_eq!(disk.complete_sync(Timestamp(1_100)), Some((1, Some(Timestamp(2_300)))));
        assert_eq!(disk.complete_sync(Timestamp(2_300)), Some((3, None)));
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
        disk.crash(Kept::Durable);
        assert_eq!(disk.entries().collect::<String>(), "a");
        disk.append(Timestamp(5_000), 'd', 1);
        assert_eq!(disk.entries().count(), 1);
        let done = disk.request_sync(Timestamp(5_000)).unwrap();
        assert_eq!(disk.complete_sync(done), Some((2, None)));
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
