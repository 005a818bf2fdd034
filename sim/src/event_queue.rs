//! The pending-event set: events come out exactly by (virtual time, sequence number).
//!
//! A hierarchical timing wheel with a sorted bottom. Pending events lie in three ranges of time:
//!
//! - `[cursor, bottom_last]`: the *bottom*, sorted, from whose front events are popped;
//! - after `bottom_last`: the *buckets*, 64 a level, each level 64 times as wide as the one below;
//! - before `cursor`: the *early* heap. It holds what is pushed after [`EventQueue::peek_time`] has moved the cursor
//!   ahead of the last popped event, and is empty otherwise.
//!
//! An empty bottom is refilled from the first bucket: a small one is sorted, a large one is distributed over the
//! levels below first. The bottom never becomes a large sorted vector into which pushes insert: an insertion that
//! would move more than [`SHIFT_MAX`] keys *spills* the bottom back into the buckets below it. A key only ever moves
//! to a lower level, so it moves at most 11 times, usually 3 or 4.
//!
//! Invariants: while the bottom covers a slot of some level, all levels below it are empty; equal times lie in the
//! same container in the order of their sequence numbers, so that a stable sort by time is the exact order. Events
//! stay where they are in a slab; 16-byte keys move. It refuses to know what an event is.

mod buckets;

use buckets::{BITS, Buckets, Key};
use ledger_core::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

/// Buckets up to this length are sorted into the bottom; longer ones are distributed first.
const SORT_MAX: usize = 400;
/// An insertion into the bottom that would move more keys than this spills it instead.
const SHIFT_MAX: usize = 32;
/// An empty queue keeps memory for this many events and gives the rest back.
const KEEP_MAX: usize = 1 << 16;
/// End of the slab's free list.
const NONE: u64 = u64::MAX;

/// Pending events, ordered by (virtual time, sequence number).
pub struct EventQueue<E> {
    /// The last popped event's time: nothing may be pushed before it.
    now_ns: u64,
    cursor_ns: u64,
    bottom_last_ns: u64,
    /// Sorted from `bottom_head` on; what is before it was popped.
    bottom: Vec<Key>,
    bottom_head: usize,
    buckets: Buckets,
    early: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slab: Vec<Entry<E>>,
    free: u64,
    len: usize,
    sequence_next: u64,
}

/// A pending event and its sequence number, or a free place and the next free one.
struct Entry<E> {
    sequence_or_next: u64,
    event: Option<E>,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> EventQueue<E> {
    /// An empty queue at genesis.
    pub fn new() -> Self {
        Self {
            now_ns: 0,
            cursor_ns: 0,
            bottom_last_ns: 0,
            bottom: Vec::new(),
            bottom_head: 0,
            buckets: Buckets::new(),
            early: BinaryHeap::new(),
            slab: Vec::new(),
            free: NONE,
            len: 0,
            sequence_next: 0,
        }
    }

    /// Schedules `event`; among equal times, first in, first out.
    ///
    /// # Panics
    /// If `time` is before the last popped event: an effect would precede its cause.
    #[inline]
    pub fn push(&mut self, time: Timestamp, event: E) {
        let time_ns = time.0;
        assert!(
            time_ns >= self.now_ns,
            "an event at {time} was pushed after one at {} ns was popped",
            self.now_ns
        );
        let sequence = self.sequence_next;
        self.sequence_next += 1;
        self.len += 1;
        let entry = self.store(sequence, event);
        let key = Key { time_ns, entry };
        if time_ns > self.bottom_last_ns {
            self.buckets.push(self.cursor_ns, key);
        } else if time_ns >= self.cursor_ns {
            self.push_bottom(key);
        } else {
            self.early.push(Reverse((time_ns, sequence, entry)));
        }
    }

    /// The next event with its time and sequence number.
    #[inline]
    pub fn pop(&mut self) -> Option<(Timestamp, u64, E)> {
        let key = if let Some(Reverse((time_ns, _, entry))) = self.early.pop() {
            Key { time_ns, entry }
        } else {
            if self.bottom_head == self.bottom.len() && !self.refill() {
                return None;
            }
            let key = self.bottom[self.bottom_head];
            self.bottom_head += 1;
            key
        };
        self.now_ns = key.time_ns;
        self.len -= 1;
        let (sequence, event) = self.take(key.entry);
        if self.len == 0 {
            self.shrink();
        }
        Some((Timestamp(key.time_ns), sequence, event))
    }

    /// The next event's time. Mutable because it may have to sort what comes next.
    #[inline]
    pub fn peek_time(&mut self) -> Option<Timestamp> {
        if let Some(Reverse((time_ns, ..))) = self.early.peek() {
            return Some(Timestamp(*time_ns));
        }
        if self.bottom_head == self.bottom.len() && !self.refill() {
            return None;
        }
        Some(Timestamp(self.bottom[self.bottom_head].time_ns))
    }

    /// Pending events.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn push_bottom(&mut self, key: Key) {
        let live = &self.bottom[self.bottom_head..];
        let position = live.partition_point(|other| other.time_ns <= key.time_ns);
        if live.len() - position > SHIFT_MAX {
            self.spill();
            if key.time_ns > self.bottom_last_ns {
                self.buckets.push(self.cursor_ns, key);
            } else {
                self.bottom.push(key);
            }
            return;
        }
        // A bottom of equal times can be fed for ever without running empty: what was popped must go some time.
        if self.bottom_head > KEEP_MAX && self.bottom_head > self.bottom.len() / 2 {
            self.bottom.drain(..self.bottom_head);
            self.bottom_head = 0;
        }
        self.bottom.insert(self.bottom_head + position, key);
    }

    /// Moves the bottom, but for what is due at the cursor, back into the (empty) buckets below its level.
    fn spill(&mut self) {
        self.cursor_ns = self.cursor_ns.max(self.now_ns);
        self.bottom_last_ns = self.cursor_ns;
        let live = &self.bottom[self.bottom_head..];
        let due = self.bottom_head + live.partition_point(|key| key.time_ns <= self.cursor_ns);
        for key in &self.bottom[due..] {
            self.buckets.push(self.cursor_ns, *key);
        }
        self.bottom.truncate(due);
    }

    /// Sorts the first bucket into the empty bottom. False if there is none.
    fn refill(&mut self) -> bool {
        self.bottom.clear();
        self.bottom_head = 0;
        while let Some((level, start_ns, keys)) = self.buckets.detach_first(self.cursor_ns) {
            debug_assert!(start_ns >= self.cursor_ns, "buckets hold nothing before the cursor");
            self.cursor_ns = start_ns;
            if level > 0 && keys.len > SORT_MAX {
                self.buckets.redistribute(self.cursor_ns, keys);
                continue;
            }
            self.bottom_last_ns = start_ns | ((1 << (level * BITS)) - 1);
            self.buckets.collect(keys, &mut self.bottom);
            if level > 0 {
                self.bottom.sort_by_key(|key| key.time_ns);
            }
            self.touch();
            return true;
        }
        false
    }

    /// The bottom's events lie scattered over the slab: asking for all of them at once, before they are popped one
    /// by one, lets their cache misses overlap: at a million pending, 65 ns a pop + push instead of 131.
    fn touch(&self) {
        let entries = self.bottom.iter().map(|key| &self.slab[key.entry as usize]);
        black_box(
            entries.fold(0, |sum, entry| sum ^ entry.sequence_or_next ^ u64::from(entry.event.is_some())),
        );
    }

    #[inline]
    fn store(&mut self, sequence: u64, event: E) -> u32 {
        if self.free != NONE {
            let entry = self.free as u32;
            let place = &mut self.slab[entry as usize];
            self.free = place.sequence_or_next;
            *place = Entry { sequence_or_next: sequence, event: Some(event) };
            return entry;
        }
        let entry = u32::try_from(self.slab.len()).expect("memory ends before 2^32 pending events");
        self.slab.push(Entry { sequence_or_next: sequence, event: Some(event) });
        entry
    }

    #[inline]
    fn take(&mut self, entry: u32) -> (u64, E) {
        let place = &mut self.slab[entry as usize];
        let sequence = std::mem::replace(&mut place.sequence_or_next, self.free);
        let event = place.event.take().expect("a key names an occupied entry");
        self.free = u64::from(entry);
        (sequence, event)
    }

    fn shrink(&mut self) {
        if self.slab.len() > KEEP_MAX {
            self.slab = Vec::new();
            self.free = NONE;
            self.bottom = Vec::new();
            self.bottom_head = 0;
            self.buckets.shrink();
        }
    }
}

#[cfg(test)]
mod tests;
