//! Rows of one table by the row of another that they belong to: a patient's consents, a record's wraps.
//!
//! A chain runs from an owner's newest row to its oldest, so that a decision walks what is its owner's and nothing
//! else. Derived from the table, so it is in no root and no snapshot. Clones share nodes.

use super::Table;

/// For every owner, its rows. Ends at the last owner that has one.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    heads: Table<Head>,
    /// For each row, the same owner's one before.
    earlier: Table<Option<u32>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Head {
    newest: Option<u32>,
    length: u32,
}

impl Chains {
    /// Adds the next row of the table.
    pub fn push(&mut self, owner: u32, row: u32) {
        while self.heads.len() <= owner as usize {
            self.heads.push(Head::default()).expect("as many as owners");
        }
        let head = self.heads.get_mut(owner).expect("just made");
        let earlier = head.newest.replace(row);
        head.length += 1;
        self.earlier.push(earlier).expect("as many as rows");
    }

    /// How many rows an owner has.
    pub fn length(&self, owner: u32) -> u32 {
        self.heads.get(owner).map_or(0, |head| head.length)
    }

    /// An owner's rows, newest first.
    pub fn of(&self, owner: u32) -> impl Iterator<Item = u32> {
        let Head { newest, length } = self.heads.get(owner).copied().unwrap_or_default();
        let (mut next, mut left) = (newest, length);
        // One that is its owner's first has none before it: no need to look.
        std::iter::from_fn(move || {
            let row = next?;
            left -= 1;
            next = if left == 0 { None } else { *self.earlier.get(row)? };
            Some(row)
        })
    }

    /// Bytes that no clone shares.
    pub fn memory_bytes(&self) -> usize {
        self.heads.memory_bytes(|_| 0) + self.earlier.memory_bytes(|_| 0)
    }
}
