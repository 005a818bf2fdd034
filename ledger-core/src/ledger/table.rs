//! A persistent Merkle vector over dense ids.
//!
//! A radix tree of fan-out 16 whose leaves hold up to 16 values. Clones share every node; a write copies only the path
//! to the value it changes, so that many replicas of one genesis hold it once and pay for what differs.
//!
//! Invariants: a link's cached hash is the hash of what is behind it (every write behind a link drops its cache); all
//! leaves but the last, and all inner nodes but those on the last path, are full; the height is the least that holds
//! the length, so that the length alone determines the shape.
//!
//! What a look-up costs is the memory it waits for: one place a level. Values lie in their leaf, links in their node,
//! and the hash of what is behind a link lies beside it, so that a root is computed without a look at what has not
//! changed.
//!
//! The root is `SHA-256(tag ‖ name ‖ 0 ‖ length ‖ top)`, a leaf `SHA-256(0x00 ‖ values)` and an inner node
//! `SHA-256(0x01 ‖ children)`. Values are self-delimiting in the codec, and the length is bound, so the concatenation
//! is unambiguous.

use crate::codec::{Blob, List};
use crate::crypto::{Digest, Domain};
use borsh::{BorshDeserialize, BorshSerialize};
use smallvec::SmallVec;
use std::sync::{Arc, OnceLock};

const BITS: u32 = 4;
const FAN_OUT: usize = 1 << BITS;
const MASK: u32 = FAN_OUT as u32 - 1;
/// Inner levels of a table of 2^32 values.
const LEVELS_MAX: usize = 7;
/// Most bytes of a leaf in a proof: sixteen of the largest values.
pub(super) const LEAF_BYTES_MAX: usize = 64 * 1024;

/// Values by dense `u32` id, with a Merkle root. Cloning costs a pointer.
#[derive(Clone, Debug)]
pub struct Table<T> {
    top: Link<T>,
    /// Inner levels above the leaves.
    height: u32,
    len: u32,
}

/// To a subtree.
#[derive(Clone, Debug)]
struct Link<T> {
    hash: OnceLock<Digest>,
    node: Node<T>,
}

type Leaf<T> = SmallVec<[T; FAN_OUT]>;
type Inner<T> = SmallVec<[Link<T>; FAN_OUT]>;

#[derive(Clone, Debug)]
enum Node<T> {
    Leaf(Arc<Leaf<T>>),
    Inner(Arc<Inner<T>>),
}

impl<T> Link<T> {
    fn to(node: Node<T>) -> Self {
        Self { hash: OnceLock::new(), node }
    }

    fn leaf() -> Self {
        Self::to(Node::Leaf(Arc::default()))
    }

    fn inner() -> Self {
        Self::to(Node::Inner(Arc::default()))
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { top: Link::leaf(), height: 0, len: 0 }
    }
}

impl<T> Table<T> {
    /// Number of values.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// `None` past the end.
    pub fn get(&self, id: u32) -> Option<&T> {
        self.chunk(id).map(|values| &values[(id & MASK) as usize])
    }

    /// All values in order of id.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.len).step_by(FAN_OUT).filter_map(|first| self.chunk(first)).flatten()
    }

    /// The leaf that holds `id`, if there is such an id.
    fn chunk(&self, id: u32) -> Option<&[T]> {
        if id >= self.len {
            return None;
        }
        let (mut node, mut shift) = (&self.top.node, self.height * BITS);
        loop {
            match node {
                Node::Leaf(values) => return Some(values),
                Node::Inner(links) => {
                    node = &links[((id >> shift) & MASK) as usize].node;
                    shift -= BITS;
                }
            }
        }
    }

    /// Bytes that no clone shares: nodes, values and what `heap` says each value owns elsewhere.
    pub fn memory_bytes(&self, heap: impl Fn(&T) -> usize) -> usize {
        const COUNTERS: usize = 2 * size_of::<usize>();
        fn own<T>(node: &Node<T>, heap: &impl Fn(&T) -> usize) -> usize {
            match node {
                Node::Leaf(values) if Arc::strong_count(values) == 1 => {
                    COUNTERS + size_of::<Leaf<T>>() + values.iter().map(heap).sum::<usize>()
                }
                Node::Inner(links) if Arc::strong_count(links) == 1 => {
                    let below: usize = links.iter().map(|link| own(&link.node, heap)).sum();
                    COUNTERS + size_of::<Inner<T>>() + below
                }
                Node::Leaf(_) | Node::Inner(_) => 0,
            }
        }
        own(&self.top.node, &heap)
    }
}

impl<T: Clone> Table<T> {
    /// Appends a value and returns its id; `None` if every id is taken.
    pub fn push(&mut self, value: T) -> Option<u32> {
        let id = self.len;
        self.len = id.checked_add(1)?;
        if id != 0 && u64::from(id) == 1 << (BITS * (self.height + 1)) {
            let below = std::mem::replace(&mut self.top, Link::inner());
            if let Node::Inner(links) = &mut self.top.node {
                Arc::make_mut(links).push(below);
            }
            self.height += 1;
        }
        let mut level = self.height;
        let mut link = &mut self.top;
        loop {
            link.hash.take();
            match &mut link.node {
                Node::Leaf(values) => {
                    Arc::make_mut(values).push(value);
                    return Some(id);
                }
                Node::Inner(links) => {
                    let links = Arc::make_mut(links);
                    let slot = ((id >> (level * BITS)) & MASK) as usize;
                    level -= 1;
                    if slot == links.len() {
                        links.push(if level == 0 { Link::leaf() } else { Link::inner() });
                    }
                    link = &mut links[slot];
                }
            }
        }
    }

    /// The value to change; the path to it is copied if shared, and hashed again by the next [`root`](Self::root).
    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        if id >= self.len {
            return None;
        }
        let mut shift = self.height * BITS;
        let mut link = &mut self.top;
        loop {
            link.hash.take();
            match &mut link.node {
                Node::Leaf(values) => return Some(&mut Arc::make_mut(values)[(id & MASK) as usize]),
                Node::Inner(links) => {
                    link = &mut Arc::make_mut(links)[((id >> shift) & MASK) as usize];
                    shift -= BITS;
                }
            }
        }
    }
}

impl<T: BorshSerialize> Table<T> {
    /// The Merkle root under the table's name. Hashes what changed since the last call (of this table or of a clone
    /// that shares the nodes), and one node more.
    pub fn root(&self, name: &str) -> Digest {
        table_root(name, self.len, &Self::hash(&self.top, &mut Vec::new()))
    }

    fn hash(link: &Link<T>, scratch: &mut Vec<u8>) -> Digest {
        if let Some(hash) = link.hash.get() {
            return *hash;
        }
        let hash = match &link.node {
            Node::Leaf(values) => {
                scratch.clear();
                scratch.push(0);
                for value in values.iter() {
                    value.serialize(scratch).expect("writing to a Vec fails only when out of memory");
                }
                Digest::sha256(&[scratch])
            }
            Node::Inner(links) => {
                let mut bytes = [1; 1 + 32 * FAN_OUT];
                for (slot, link) in links.iter().enumerate() {
                    bytes[1 + 32 * slot..][..32].copy_from_slice(&Self::hash(link, scratch).0);
                }
                Digest::sha256(&[&bytes[..1 + 32 * links.len()]])
            }
        };
        *link.hash.get_or_init(|| hash)
    }
}

impl<T: BorshSerialize> Table<T> {
    /// The way from a value to the root; `None` past the end, or where its leaf is too large to be shown.
    pub(super) fn prove(&self, id: u32) -> Option<TableProof> {
        let mut leaf = Vec::new();
        for value in self.chunk(id)? {
            value.serialize(&mut leaf).expect("writing to a Vec fails only when out of memory");
        }
        let (mut node, mut shift) = (&self.top.node, self.height * BITS);
        let mut levels = Vec::new();
        while let Node::Inner(links) = node {
            let hashes = links.iter().map(|link| Self::hash(link, &mut Vec::new())).collect();
            levels.push(List::new(hashes)?);
            node = &links[((id >> shift) & MASK) as usize].node;
            shift -= BITS;
        }
        Some(TableProof { length: self.len, leaf: Blob::new(leaf)?, levels: List::new(levels)? })
    }
}

/// The leaf that holds a value, and every inner node above it, the top first.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(super) struct TableProof {
    /// Of the table; so the shape is known, and what is past the end is proven to be there by nothing.
    length: u32,
    leaf: Blob<LEAF_BYTES_MAX>,
    levels: List<List<Digest, FAN_OUT>, LEVELS_MAX>,
}

impl TableProof {
    /// The value with this id under the root of the table with this name; `None` if it is not proven.
    pub fn value<T: BorshDeserialize>(&self, name: &str, id: u32, root: &Digest) -> Option<T> {
        if id >= self.length {
            return None;
        }
        let mut below = Digest::sha256(&[&[0], &self.leaf]);
        for (level, hashes) in self.levels.iter().rev().enumerate() {
            let slot = (id >> (BITS * (level as u32 + 1))) & MASK;
            if hashes.get(slot as usize) != Some(&below) {
                return None;
            }
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
            below = Digest::sha256(&[&[1], &bytes]);
        }
        // The root binds the length and the length the height, but not how many levels a proof claims.
        let height = (0..).find(|height| u64::from(self.length) <= 1 << (BITS * (height + 1)))?;
        if self.levels.len() != height as usize || table_root(name, self.length, &below) != *root {
            return None;
        }
        let mut rest = &self.leaf[..];
        let mut value = None;
        for _ in 0..=id & MASK {
            value = Some(T::deserialize(&mut rest).ok()?);
        }
        value
    }
}

fn table_root(name: &str, length: u32, top: &Digest) -> Digest {
    Digest::sha256(&[Domain::State.tag(), name.as_bytes(), &[0], &u64::from(length).to_le_bytes(), &top.0])
}

impl<T: BorshSerialize> BorshSerialize for Table<T> {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.len.serialize(writer)?;
        self.iter().try_for_each(|value| value.serialize(writer))
    }
}

impl<T: BorshDeserialize + Clone> BorshDeserialize for Table<T> {
    /// Allocates with what really arrives, whatever length is claimed.
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let mut table = Self::default();
        for _ in 0..u32::deserialize_reader(reader)? {
            table.push(T::deserialize_reader(reader)?);
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use proptest::prelude::*;

    /// The definition of the root, computed from scratch.
    fn naive(values: &[u64]) -> Digest {
        let mut level: Vec<Digest> = values
            .chunks(16)
            .map(|chunk| {
                let bytes: Vec<u8> = chunk.iter().flat_map(|value| value.to_le_bytes()).collect();
                Digest::sha256(&[&[0], &bytes])
            })
            .collect();
        if level.is_empty() {
            level.push(Digest::sha256(&[&[0]]));
        }
        while level.len() > 1 {
            level = level
                .chunks(16)
                .map(|nodes| {
                    let bytes: Vec<u8> = nodes.iter().flat_map(|node| node.0).collect();
                    Digest::sha256(&[&[1], &bytes])
                })
                .collect();
        }
        let length = (values.len() as u64).to_le_bytes();
        Digest::sha256(&[Domain::State.tag(), b"t", &[0], &length, &level[0].0])
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u64),
        Set(u32, u64),
        Root,
        Fork,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => any::<u64>().prop_map(Step::Push),
            4 => (0u32..600, any::<u64>()).prop_map(|(id, value)| Step::Set(id, value)),
            1 => Just(Step::Root),
            1 => Just(Step::Fork),
        ]
    }

    proptest! {
        #[test]
        fn behaves_as_a_vector_with_the_naive_root(start in 0u64..300, steps in prop::collection::vec(step(), 0..300)) {
            let mut model: Vec<u64> = (0..start).collect();
            let mut table = Table::default();
            model.iter().for_each(|value| { table.push(*value); });
            let mut forks = Vec::new();
            for step in steps {
                match step {
                    Step::Push(value) => {
                        prop_assert_eq!(table.push(value), Some(model.len() as u32));
                        model.push(value);
                    }
                    Step::Set(id, value) => match (table.get_mut(id), model.get_mut(id as usize)) {
                        (Some(here), Some(there)) => (*here, *there) = (value, value),
                        (here, there) => prop_assert_eq!(here, there),
                    },
                    Step::Root => prop_assert_eq!(table.root("t"), naive(&model)),
                    Step::Fork => forks.push((table.clone(), model.clone())),
                }
            }
            forks.push((table, model));
            for (table, model) in forks {
                prop_assert_eq!(table.iter().copied().collect::<Vec<_>>(), model.clone());
                prop_assert_eq!(table.root("t"), naive(&model));
                let restored: Table<u64> = decode(&encode(&table), 1 << 20).unwrap();
                prop_assert_eq!(restored.root("t"), naive(&model));
            }
        }
    }

    #[test]
    fn every_size_around_a_new_level() {
        let (mut table, mut model) = (Table::default(), Vec::new());
        for value in 0..=16 * 16 * 16 + 17u64 {
            if value < 40 || value % 256 < 2 || value % 256 > 254 || value > 4090 {
                assert_eq!(table.root("t"), naive(&model), "{value} values");
            }
            table.push(value);
            model.push(value);
            assert_eq!(table.get(value as u32), Some(&value));
            assert_eq!(table.get(value as u32 + 1), None);
        }
        assert_ne!(table.root("t"), table.root("u"));
    }

    #[test]
    fn clones_own_only_what_they_change() {
        let mut genesis = Table::default();
        (0..100_000u64).for_each(|value| {
            genesis.push(value);
        });
        let whole = genesis.memory_bytes(|_| 0);
        assert!(whole > 800_000, "{whole}");
        let root = genesis.root("t");
        let mut replica = genesis.clone();
        assert_eq!(replica.memory_bytes(|_| 0), 0);
        *replica.get_mut(77_777).unwrap() = 0;
        let own = replica.memory_bytes(|_| 0);
        // A leaf and the four inner nodes above it, whose links and their hashes lie in them.
        assert!(own > 0 && own < 4_500, "{own} bytes for one changed value");
        assert_ne!(replica.root("t"), root);
        assert_eq!(genesis.root("t"), root);
        assert_eq!(genesis.get(77_777), Some(&77_777));
    }

    #[test]
    fn every_value_is_proven_at_every_height_and_in_its_place_alone() {
        for length in [1, 2, 15, 16, 17, 255, 256, 257, 4096, 4097] {
            let mut table = Table::default();
            (0..length).for_each(|value: u64| {
                table.push(value * 7);
            });
            let root = table.root("t");
            for id in [0, 1, length / 2, length - 1].map(|id| id.min(length - 1) as u32) {
                let proof = table.prove(id).unwrap();
                assert_eq!(proof.value("t", id, &root), Some(u64::from(id) * 7), "{id} of {length}");
                assert_eq!(proof.value::<u64>("u", id, &root), None);
                assert_eq!(proof.value::<u64>("t", id, &Digest::default()), None);
                let elsewhere = (id + 16) % (length as u32 + 16);
                assert_eq!(proof.value::<u64>("t", elsewhere, &root), None, "{elsewhere} of {length}");
            }
            assert!(table.prove(length as u32).is_none());
        }
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        assert!(decode::<Table<u64>>(&u32::MAX.to_le_bytes(), 64).is_err());
    }
}
