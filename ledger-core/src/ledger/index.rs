//! A persistent look-up from a hashed key to ids.
//!
//! A radix trie over the first 64 bits of `SHA-256(key)`: keys are chosen by clients, and hashing them first means that
//! nobody can choose a deep path cheaply. Equal prefixes are possible, so a look-up yields candidates and the caller
//! compares what they refer to. Derived from the tables, so it is in no root and no snapshot. Clones share nodes.

use crate::crypto::Digest;
use std::sync::Arc;

const BUCKET_MAX: usize = 16;
const DEPTH_MAX: u32 = 16;

/// Ids by the hash of a key. Cloning costs a pointer.
#[derive(Clone, Debug)]
pub struct Index(Arc<Node>);

#[derive(Clone, Debug)]
enum Node {
    /// At most [`BUCKET_MAX`] entries, unless at [`DEPTH_MAX`].
    Bucket(Vec<(u64, u32)>),
    Branch([Option<Arc<Node>>; 16]),
}

impl Default for Index {
    fn default() -> Self {
        Self(Arc::new(Node::Bucket(Vec::new())))
    }
}

/// A key's place in an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexKey(u64);

impl IndexKey {
    /// Of a commitment or verification key.
    pub fn of(key: &[u8; 32]) -> Self {
        Self(Digest::sha256(&[key]).prefix())
    }

    /// Of what is not 32 bytes. The caller sees to it that the parts' concatenation is unambiguous.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        Self(Digest::sha256(parts).prefix())
    }

    fn slot(self, depth: u32) -> usize {
        (self.0 >> (4 * depth) & 15) as usize
    }
}

impl Index {
    /// Ids whose key may be `key`.
    pub fn candidates(&self, key: IndexKey) -> impl Iterator<Item = u32> {
        let (mut node, mut depth) = (Some(&self.0), 0);
        while let Some(Node::Branch(children)) = node.map(Arc::as_ref) {
            node = children[key.slot(depth)].as_ref();
            depth += 1;
        }
        let entries = match node.map(Arc::as_ref) {
            Some(Node::Bucket(entries)) => entries.as_slice(),
            Some(Node::Branch(_)) | None => &[],
        };
        entries.iter().filter(move |(entry, _)| *entry == key.0).map(|(_, id)| *id)
    }

    /// Adds an id under a key.
    pub fn insert(&mut self, key: IndexKey, id: u32) {
        Self::insert_at(&mut self.0, 0, key, id);
    }

    /// Takes an id out, if it is in under this key.
    pub fn remove(&mut self, key: IndexKey, id: u32) {
        if !self.candidates(key).any(|candidate| candidate == id) {
            return;
        }
        let (mut node, mut depth) = (Arc::make_mut(&mut self.0), 0);
        loop {
            match node {
                Node::Bucket(entries) => return entries.retain(|entry| *entry != (key.0, id)),
                Node::Branch(children) => match &mut children[key.slot(depth)] {
                    Some(child) => node = Arc::make_mut(child),
                    None => return,
                },
            }
            depth += 1;
        }
    }

    fn insert_at(node: &mut Arc<Node>, depth: u32, key: IndexKey, id: u32) {
        let node = Arc::make_mut(node);
        if let Node::Bucket(entries) = node {
            if entries.len() < BUCKET_MAX || depth == DEPTH_MAX {
                entries.push((key.0, id));
                return;
            }
            let entries = std::mem::take(entries);
            *node = Node::Branch(Default::default());
            if let Node::Branch(children) = node {
                for (entry, id) in entries {
                    Self::insert_below(children, depth, IndexKey(entry), id);
                }
            }
        }
        if let Node::Branch(children) = node {
            Self::insert_below(children, depth, key, id);
        }
    }

    fn insert_below(children: &mut [Option<Arc<Node>>; 16], depth: u32, key: IndexKey, id: u32) {
        let child = children[key.slot(depth)].get_or_insert_with(|| Arc::new(Node::Bucket(Vec::new())));
        Self::insert_at(child, depth + 1, key, id);
    }

    /// Bytes that no clone shares.
    pub fn memory_bytes(&self) -> usize {
        fn own(node: &Arc<Node>) -> usize {
            if Arc::strong_count(node) > 1 {
                return 0;
            }
            let below = match node.as_ref() {
                Node::Bucket(entries) => entries.capacity() * size_of::<(u64, u32)>(),
                Node::Branch(children) => children.iter().flatten().map(own).sum(),
            };
            2 * size_of::<usize>() + size_of::<Node>() + below
        }
        own(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_forks_apart() {
        let key = |n: u32| IndexKey::of(&Digest::sha256(&[&n.to_le_bytes()]).0);
        let mut index = Index::default();
        (0..5_000).for_each(|n| index.insert(key(n), n));
        let mut fork = index.clone();
        assert_eq!(fork.memory_bytes(), 0);
        (5_000..5_010).for_each(|n| fork.insert(key(n), n));
        assert!(fork.memory_bytes() < 10 * 2_000);
        for n in 0..5_010 {
            assert_eq!(fork.candidates(key(n)).collect::<Vec<_>>(), [n]);
            assert_eq!(index.candidates(key(n)).count(), usize::from(n < 5_000));
        }
        (0..5_000).step_by(2).for_each(|n| fork.remove(key(n), n));
        fork.remove(key(1), 7);
        for n in 0..5_000 {
            assert_eq!(fork.candidates(key(n)).count(), (n % 2) as usize);
            assert_eq!(index.candidates(key(n)).count(), 1);
        }
    }

    #[test]
    fn equal_prefixes_are_all_candidates() {
        let mut index = Index::default();
        (0..100).for_each(|n| index.insert(IndexKey(7), n));
        assert_eq!(index.candidates(IndexKey(7)).count(), 100);
        assert_eq!(index.candidates(IndexKey(8)).count(), 0);
    }
}
