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
//! levels below first. The bottom never becomes a large sorted sequence into which pushes insert: an insertion that
//! would move more than `SHIFT_MAX` events *spills* the bottom back into the buckets below it. An event only ever
//! moves to a lower level, so it moves at most 11 times, usually 3 or 4.
//!
//! Events lie beside their time and sequence number wherever they are and move with them: every access but the
//! sort of a few hundred is sequential, and the queue has no places to name, free or miss the cache for. That suits
//! events up to about a cache line; box what is larger.
//!
//! Invariant: while the bottom covers a slot of some level, all levels below it are empty. It refuses to know what an
//! event is.

mod buckets;

use buckets::{BITS, Buckets};
use ledger_core::time::Timestamp;
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

/// Buckets up to this length are sorted into the bottom; longer ones are distributed first.
const SORT_MAX: usize = 400;
/// An insertion into the bottom that would move more events than this, on its shorter side, spills it instead.
const SHIFT_MAX: usize = 64;
/// An empty queue keeps memory for this many events and gives the rest back.
const KEEP_MAX: usize = 1 << 16;

/// Pending events, ordered by (virtual time, sequence number).
pub struct EventQueue<E> {
    /// The last popped event's time: nothing may be pushed before it.
    now_ns: u64,
    cursor_ns: u64,
    bottom_last_ns: u64,
    bottom: VecDeque<Pending<E>>,
    buckets: Buckets<E>,
    early: BinaryHeap<Reverse<Pending<E>>>,
    len: usize,
    sequence_next: u64,
}

/// An event and its place in the order.
struct Pending<E> {
    time_ns: u64,
    sequence: u64,
    event: E,
}

impl<E> Pending<E> {
    /// As one number, because two are compared with a branch.
    #[inline]
    fn order(&self) -> u128 {
        u128::from(self.time_ns) << 64 | u128::from(self.sequence)
    }
}

impl<E> Ord for Pending<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl<E> PartialOrd for Pending<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Pending<E> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<E> Eq for Pending<E> {}

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
            bottom: VecDeque::new(),
            buckets: Buckets::new(),
            early: BinaryHeap::new(),
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
        let pending = Pending { time_ns, sequence: self.sequence_next, event };
        self.sequence_next += 1;
        self.len += 1;
        if time_ns > self.bottom_last_ns {
            self.buckets.push(self.cursor_ns, pending);
        } else if time_ns >= self.cursor_ns {
            self.push_bottom(pending);
        } else {
            self.early.push(Reverse(pending));
        }
    }

    /// The next event with its time and sequence number.
    #[inline]
    pub fn pop(&mut self) -> Option<(Timestamp, u64, E)> {
        let next = if self.early.is_empty() {
            if self.bottom.is_empty() && !self.refill() {
                return None;
            }
            self.bottom.pop_front()?
        } else {
            self.early.pop()?.0
        };
        self.now_ns = next.time_ns;
        self.len -= 1;
        if self.len == 0 {
            self.shrink();
        }
        Some((Timestamp(next.time_ns), next.sequence, next.event))
    }

    /// The next event's time. Mutable because it may have to sort what comes next.
    #[inline]
    pub fn peek_time(&mut self) -> Option<Timestamp> {
        if let Some(Reverse(next)) = self.early.peek() {
            return Some(Timestamp(next.time_ns));
        }
        if self.bottom.is_empty() && !self.refill() {
            return None;
        }
        self.bottom.front().map(|next| Timestamp(next.time_ns))
    }

    /// Pending events.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline(never)]
    fn push_bottom(&mut self, pending: Pending<E>) {
        let position = self.bottom.partition_point(|other| other.time_ns <= pending.time_ns);
        if (self.bottom.len() - position).min(position) <= SHIFT_MAX {
            self.bottom.insert(position, pending);
            return;
        }
        self.spill();
        if pending.time_ns > self.bottom_last_ns {
            self.buckets.push(self.cursor_ns, pending);
        } else {
            self.bottom.push_back(pending);
        }
    }

    /// Moves the bottom, but for what is due at the cursor, back into the (empty) buckets below its level.
    #[inline(never)]
    fn spill(&mut self) {
        self.cursor_ns = self.cursor_ns.max(self.now_ns);
        self.bottom_last_ns = self.cursor_ns;
        let due = self.bottom.partition_point(|pending| pending.time_ns <= self.cursor_ns);
        for pending in self.bottom.drain(due..) {
            self.buckets.push(self.cursor_ns, pending);
        }
    }

    /// Sorts the first bucket into the empty bottom. False if there is none.
    #[inline(never)]
    fn refill(&mut self) -> bool {
        while let Some(detached) = self.buckets.detach_first(self.cursor_ns) {
            debug_assert!(detached.start_ns >= self.cursor_ns, "buckets hold nothing before the cursor");
            self.cursor_ns = detached.start_ns;
            let level = detached.level;
            if level > 0 && detached.len() > SORT_MAX {
                self.buckets.redistribute(self.cursor_ns, detached);
                continue;
            }
            self.bottom_last_ns = self.cursor_ns | ((1 << (level * BITS)) - 1);
            self.buckets.collect(detached, &mut self.bottom);
            if level > 0 {
                self.bottom.make_contiguous().sort_unstable();
            }
            return true;
        }
        false
    }

    #[inline(never)]
    fn shrink(&mut self) {
        self.bottom.shrink_to(KEEP_MAX);
        self.early.shrink_to(KEEP_MAX);
        self.buckets.shrink(KEEP_MAX);
    }
}

#[cfg(test)]
mod tests;
