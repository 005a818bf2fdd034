//! The buckets of the wheel: 64 slots at each of 11 levels, six bits of the time a level.
//!
//! Invariants: a bucket keeps its keys in the order in which they were pushed; a chunk belongs to exactly one bucket
//! or to the free list; `occupied[level]` has bit `slot` set exactly if that bucket holds a key. It knows neither
//! events nor what time it is.

/// Bits of the time that one level resolves.
pub(super) const BITS: u32 = 6;
/// Slots a level.
const SLOTS: usize = 1 << BITS;
/// Levels that cover 64 bits.
const LEVELS: usize = 11;
/// Keys a chunk: with its header, just under a kilobyte.
const CHUNK_KEYS: usize = 63;
/// End of a chunk list.
const NONE: u32 = u32::MAX;

/// What moves when events are sorted: when, and where the event lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub time_ns: u64,
    pub entry: u32,
}

#[derive(Clone, Copy)]
struct Chunk {
    keys: [Key; CHUNK_KEYS],
    len: u32,
    next: u32,
}

#[derive(Clone, Copy)]
struct Bucket {
    head: u32,
    tail: u32,
    len: u32,
}

const EMPTY: Bucket = Bucket { head: NONE, tail: NONE, len: 0 };

/// All buckets and the pool of chunks that they share.
pub(super) struct Buckets {
    buckets: Box<[[Bucket; SLOTS]; LEVELS]>,
    occupied: [u64; LEVELS],
    chunks: Vec<Chunk>,
    free: u32,
}

/// A bucket's keys, detached from it.
pub(super) struct Detached {
    head: u32,
    pub len: usize,
}

impl Buckets {
    pub fn new() -> Self {
        Self {
            buckets: Box::new([[EMPTY; SLOTS]; LEVELS]),
            occupied: [0; LEVELS],
            chunks: Vec::new(),
            free: NONE,
        }
    }

    /// Adds `key` to the bucket that its time has as seen from `cursor_ns`: the level is that of the highest bit in
    /// which they differ.
    #[inline]
    pub fn push(&mut self, cursor_ns: u64, key: Key) {
        let differs = (key.time_ns ^ cursor_ns) | 1;
        let level = ((63 - differs.leading_zeros()) / BITS) as usize;
        let slot = (key.time_ns >> (level as u32 * BITS)) as usize % SLOTS;
        let bucket = &mut self.buckets[level][slot];
        if bucket.tail != NONE {
            let chunk = &mut self.chunks[bucket.tail as usize];
            if let Some(place) = chunk.keys.get_mut(chunk.len as usize) {
                *place = key;
                chunk.len += 1;
                bucket.len += 1;
                return;
            }
        }
        self.push_chunk(level, slot, key);
    }

    fn push_chunk(&mut self, level: usize, slot: usize, key: Key) {
        let fresh = self.take_chunk();
        let chunk = &mut self.chunks[fresh as usize];
        chunk.keys[0] = key;
        chunk.len = 1;
        chunk.next = NONE;
        let bucket = &mut self.buckets[level][slot];
        bucket.len += 1;
        if bucket.tail == NONE {
            bucket.head = fresh;
            self.occupied[level] |= 1 << slot;
        } else {
            self.chunks[bucket.tail as usize].next = fresh;
        }
        bucket.tail = fresh;
    }

    fn take_chunk(&mut self) -> u32 {
        if self.free != NONE {
            let chunk = self.free;
            self.free = self.chunks[chunk as usize].next;
            return chunk;
        }
        let chunk = u32::try_from(self.chunks.len()).expect("the slab refuses its 2^32nd event before");
        self.chunks.push(Chunk { keys: [Key::default(); CHUNK_KEYS], len: 0, next: NONE });
        chunk
    }

    /// Detaches the earliest bucket: its level, the first nanosecond that it covers, its keys.
    /// As no key is earlier than the cursor, it is the lowest slot of the lowest level that holds any.
    pub fn detach_first(&mut self, cursor_ns: u64) -> Option<(u32, u64, Detached)> {
        let level = self.occupied.iter().position(|slots| *slots != 0)?;
        let slot = self.occupied[level].trailing_zeros();
        self.occupied[level] &= self.occupied[level] - 1;
        let bucket = std::mem::replace(&mut self.buckets[level][slot as usize], EMPTY);
        let shift = level as u32 * BITS;
        let above = cursor_ns.checked_shr(shift + BITS).unwrap_or(0).checked_shl(shift + BITS).unwrap_or(0);
        let start_ns = above | (u64::from(slot) << shift);
        Some((level as u32, start_ns, Detached { head: bucket.head, len: bucket.len as usize }))
    }

    /// Distributes detached keys over the buckets that they have as seen from `cursor_ns`.
    pub fn redistribute(&mut self, cursor_ns: u64, keys: Detached) {
        let mut at = keys.head;
        while at != NONE {
            let Chunk { len, next, .. } = self.chunks[at as usize];
            for index in 0..len as usize {
                let key = self.chunks[at as usize].keys[index];
                self.push(cursor_ns, key);
            }
            self.release(at);
            at = next;
        }
    }

    /// Appends detached keys to `into`.
    pub fn collect(&mut self, keys: Detached, into: &mut Vec<Key>) {
        let mut at = keys.head;
        while at != NONE {
            let chunk = &self.chunks[at as usize];
            into.extend_from_slice(&chunk.keys[..chunk.len as usize]);
            let next = chunk.next;
            self.release(at);
            at = next;
        }
    }

    fn release(&mut self, chunk: u32) {
        self.chunks[chunk as usize].next = self.free;
        self.free = chunk;
    }

    /// Gives the memory back. Only for empty buckets.
    pub fn shrink(&mut self) {
        debug_assert!(self.occupied.iter().all(|slots| *slots == 0), "shrinks only when empty");
        self.chunks = Vec::new();
        self.free = NONE;
    }
}
