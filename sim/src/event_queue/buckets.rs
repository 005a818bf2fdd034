//! The buckets of the wheel: 64 slots at each of 11 levels, six bits of the time a level.
//!
//! Invariants: `occupied[level]` has bit `slot` set exactly if that bucket holds an event; all of a bucket's chunks
//! but the open one are full. A bucket keeps events in the order in which they were pushed, so that the lowest
//! level, whose slots are a nanosecond wide, needs no sort. It knows neither events nor what time it is.

use super::Pending;
use std::collections::VecDeque;

/// Bits of the time that one level resolves.
pub(super) const BITS: u32 = 6;
/// Slots a level.
const SLOTS: usize = 1 << BITS;
/// Levels that cover 64 bits.
const LEVELS: usize = 11;
/// Memory of a chunk: shorter ones are slower beyond a cache's size, longer ones are no faster.
const CHUNK_BYTES: usize = 4096;

/// A chunk never grows: one that is full is followed by another.
type Chunk<E> = Vec<Pending<E>>;

struct Bucket<E> {
    full: Vec<Chunk<E>>,
    /// Without capacity exactly if the bucket is empty.
    open: Chunk<E>,
}

impl<E> Bucket<E> {
    const EMPTY: Self = Self { full: Vec::new(), open: Vec::new() };
}

/// All buckets and the pool of empty chunks that they share.
pub(super) struct Buckets<E> {
    buckets: Box<[[Bucket<E>; SLOTS]; LEVELS]>,
    occupied: [u64; LEVELS],
    /// Last in, first out: what was emptied last is still in the cache.
    pub pool: Vec<Chunk<E>>,
}

/// What a bucket held: its level, the first nanosecond that it covers, its events.
pub(super) struct Detached<E> {
    pub level: u32,
    pub start_ns: u64,
    bucket: Bucket<E>,
}

impl<E> Detached<E> {
    pub fn len(&self) -> usize {
        self.bucket.full.iter().map(Vec::len).sum::<usize>() + self.bucket.open.len()
    }

    fn chunks(self) -> impl Iterator<Item = Chunk<E>> {
        self.bucket.full.into_iter().chain([self.bucket.open])
    }
}

impl<E> Buckets<E> {
    /// Events a chunk.
    const CHUNK_LEN: usize = 1 + CHUNK_BYTES / size_of::<Pending<E>>();

    pub fn new() -> Self {
        Self {
            buckets: Box::new([const { [const { Bucket::EMPTY }; SLOTS] }; LEVELS]),
            occupied: [0; LEVELS],
            pool: Vec::new(),
        }
    }

    /// Adds an event to the bucket that its time has as seen from `cursor_ns`: the level is that of the highest bit in
    /// which they differ.
    #[inline]
    pub fn push(&mut self, cursor_ns: u64, pending: Pending<E>) {
        let differs = (pending.time_ns ^ cursor_ns) | 1;
        let level = ((63 - differs.leading_zeros()) / BITS) as usize;
        let slot = (pending.time_ns >> (level as u32 * BITS)) as usize % SLOTS;
        let open = &self.buckets[level][slot].open;
        if open.len() == open.capacity() {
            self.open_chunk(level, slot);
        }
        self.buckets[level][slot].open.push(pending);
    }

    #[cold]
    fn open_chunk(&mut self, level: usize, slot: usize) {
        let fresh = self.pool.pop().unwrap_or_else(|| Vec::with_capacity(Self::CHUNK_LEN));
        let bucket = &mut self.buckets[level][slot];
        let full = std::mem::replace(&mut bucket.open, fresh);
        if full.is_empty() {
            self.occupied[level] |= 1 << slot;
        } else {
            bucket.full.push(full);
        }
    }

    /// Detaches the earliest bucket.
    /// As no event is earlier than the cursor, it is the lowest slot of the lowest level that holds any.
    pub fn detach_first(&mut self, cursor_ns: u64) -> Option<Detached<E>> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let slot = self.occupied[level].trailing_zeros();
        self.occupied[level] &= self.occupied[level] - 1;
        let bucket = std::mem::replace(&mut self.buckets[level][slot as usize], Bucket::EMPTY);
        let shift = level as u32 * BITS;
        let above = cursor_ns.checked_shr(shift + BITS).unwrap_or(0).checked_shl(shift + BITS).unwrap_or(0);
        let start_ns = above | (u64::from(slot) << shift);
        Some(Detached { level: level as u32, start_ns, bucket })
    }

    /// Distributes detached events over the buckets that they have as seen from `cursor_ns`.
    pub fn redistribute(&mut self, cursor_ns: u64, detached: Detached<E>) {
        for mut chunk in detached.chunks() {
            for pending in chunk.drain(..) {
                self.push(cursor_ns, pending);
            }
            self.pool.push(chunk);
        }
    }

    /// Appends detached events to `into`.
    pub fn collect(&mut self, detached: Detached<E>, into: &mut VecDeque<Pending<E>>) {
        for mut chunk in detached.chunks() {
            into.extend(chunk.drain(..));
            self.pool.push(chunk);
        }
    }

    /// Gives empty chunks back, but for those of `keep` events.
    pub fn shrink(&mut self, keep: usize) {
        self.pool.truncate(keep / Self::CHUNK_LEN);
    }
}
