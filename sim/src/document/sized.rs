//! Documents of which only the size matters: nobody keeps bytes.

use super::Locator;
use crate::seed::Seed;
use bytes::Bytes;
use ledger_core::ledger::transaction::RecordClass;

/// Classes by their number in a locator.
const CLASSES: [RecordClass; 6] = RecordClass::ALL;

/// Where the count of rotations is.
const VERSION: usize = 15;

/// Names a document: class (1 byte), size in bytes (7 bytes, little-endian), unique number (7 bytes, little-endian), and
/// how often its key was rotated (1 byte).
///
/// # Panics
/// If the size or the number does not fit into 56 bits.
pub fn locator(class: RecordClass, size_bytes: u64, unique: u64) -> Locator {
    assert!(size_bytes >> 56 == 0, "a document of {size_bytes} bytes");
    assert!(unique >> 56 == 0, "document {unique}");
    let mut locator = [0; 16];
    locator[..8].copy_from_slice(&(size_bytes << 8 | class as u64).to_le_bytes());
    locator[8..].copy_from_slice(&unique.to_le_bytes());
    locator
}

/// Exact size of the document.
pub fn size_of(locator: Locator) -> u64 {
    head(&locator) >> 8
}

/// Class of the document; `None` if no [`locator`] made this.
pub fn class_of(locator: Locator) -> Option<RecordClass> {
    CLASSES.get(usize::from(locator[0])).copied()
}

/// Where the next version lies; `None` after 255 rotations.
pub fn next_version(mut locator: Locator) -> Option<Locator> {
    locator[VERSION] = locator[VERSION].checked_add(1)?;
    Some(locator)
}

/// Where the first version lay.
pub fn first_version(mut locator: Locator) -> Locator {
    locator[VERSION] = 0;
    locator
}

/// The document's bytes, in every version the same.
pub fn content(seed: &Seed, locator: Locator) -> Bytes {
    let locator = first_version(locator);
    let mut stream = seed.stream(&format!("document/{:032x}", u128::from_le_bytes(locator)));
    let mut bytes = vec![0; size_of(locator) as usize];
    stream.fill_bytes(&mut bytes);
    bytes.into()
}

fn head(locator: &Locator) -> u64 {
    let (head, _) = locator.split_first_chunk::<8>().expect("a locator has 16 bytes");
    u64::from_le_bytes(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_a_place_of_its_own_and_says_the_same() {
        let seed = Seed::new(1);
        let first = locator(RecordClass::Observation, 900, 77);
        let original = content(&seed, first);
        let mut version = first;
        for _ in 0..255 {
            let next = next_version(version).unwrap();
            assert_ne!(next, version);
            assert_eq!((first_version(next), content(&seed, next)), (first, original.clone()));
            assert_eq!(size_of(next), 900);
            version = next;
        }
        assert_eq!(next_version(version), None);
    }

    #[test]
    fn a_locator_says_what_it_names() {
        for (number, class) in CLASSES.into_iter().enumerate() {
            assert_eq!(class as usize, number);
            let named = locator(class, 7_654_321, u64::MAX >> 8);
            assert_eq!((class_of(named), size_of(named)), (Some(class), 7_654_321));
        }
        assert_ne!(locator(RecordClass::Imaging, 1, 2), locator(RecordClass::Imaging, 1, 3));
        assert_eq!(class_of([6; 16]), None);
    }
}
