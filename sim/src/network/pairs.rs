//! What there is for each pair of hosts that talk: memory grows with them, not with all pairs.

use super::HostId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Hosts with ids below this find their pairs in a table, others in a map: committees come first.
const DENSE_HOSTS: usize = 128;
/// An unused place in the table.
const NONE: u32 = u32::MAX;

/// Values by (from, to), made when first asked for.
pub(super) struct Pairs<T> {
    values: Vec<T>,
    /// `dense[from * dense_hosts + to]` indexes `values`.
    dense: Vec<u32>,
    dense_hosts: usize,
    sparse: HashMap<u64, u32, BuildHasherDefault<PairHasher>>,
}

impl<T> Pairs<T> {
    /// Of so many hosts.
    pub fn new(hosts: usize) -> Self {
        let dense_hosts = hosts.min(DENSE_HOSTS);
        Self {
            values: Vec::new(),
            dense: vec![NONE; dense_hosts * dense_hosts],
            dense_hosts,
            sparse: HashMap::default(),
        }
    }

    /// How many pairs have one.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// The pair's value, which `make` makes.
    #[inline]
    pub fn get(&mut self, from: HostId, to: HostId, make: impl FnOnce() -> T) -> &mut T {
        let (row, column) = (from.0 as usize, to.0 as usize);
        let known = if row < self.dense_hosts && column < self.dense_hosts {
            self.dense[row * self.dense_hosts + column]
        } else {
            self.sparse.get(&pair(from, to)).copied().unwrap_or(NONE)
        };
        let index = if known == NONE { self.put(from, to, make()) } else { known as usize };
        &mut self.values[index]
    }

    #[cold]
    fn put(&mut self, from: HostId, to: HostId, value: T) -> usize {
        let index = u32::try_from(self.values.len()).expect("memory ends before 2^32 paths");
        self.values.push(value);
        let (row, column) = (from.0 as usize, to.0 as usize);
        if row < self.dense_hosts && column < self.dense_hosts {
            self.dense[row * self.dense_hosts + column] = index;
        } else {
            self.sparse.insert(pair(from, to), index);
        }
        index as usize
    }
}

fn pair(from: HostId, to: HostId) -> u64 {
    u64::from(from.0) << 32 | u64::from(to.0)
}

/// Mixes a pair of host ids; fixed, because std's hasher is seeded by the operating system. The map is never iterated.
#[derive(Default)]
struct PairHasher(u64);

impl Hasher for PairHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
