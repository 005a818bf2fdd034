//! Versions of a document: a rotation encrypts the same plain text anew and puts it at another locator.
//!
//! The last byte of a locator counts rotations, and what a document says does not depend on it.

use crate::document::{self, Locator};
use crate::seed::Seed;
use bytes::Bytes;

/// Where the count of rotations is.
const COUNT: usize = 15;

/// Where the next version lies; `None` after 255 rotations.
pub fn next(mut locator: Locator) -> Option<Locator> {
    locator[COUNT] = locator[COUNT].checked_add(1)?;
    Some(locator)
}

/// Where the first version lay.
pub fn first(mut locator: Locator) -> Locator {
    locator[COUNT] = 0;
    locator
}

/// The document's bytes, in every version the same.
pub fn content(seed: &Seed, locator: Locator) -> Bytes {
    document::content(seed, first(locator))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::ledger::transaction::RecordClass;

    #[test]
    fn a_version_has_a_place_of_its_own_and_says_the_same() {
        let seed = Seed::new(1);
        let mut locator = document::locator(RecordClass::Observation, 900, 77);
        let original = document::content(&seed, locator);
        for _ in 0..255 {
            let next = next(locator).unwrap();
            assert_ne!(next, locator);
            assert_eq!((first(next), content(&seed, next)), (first(locator), original.clone()));
            assert_eq!(document::size_of(next), 900);
            locator = next;
        }
        assert_eq!(next(locator), None);
    }
}
