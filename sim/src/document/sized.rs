//! Documents of which only the size matters: nobody keeps bytes.

use super::Locator;
use crate::seed::Seed;
use bytes::Bytes;
use ledger_core::ledger::transaction::RecordClass;

/// Classes by their number in a locator.
const CLASSES: [RecordClass; 6] = [
    RecordClass::Observation,
    RecordClass::DiagnosticReport,
    RecordClass::MedicationRequest,
    RecordClass::Encounter,
    RecordClass::Imaging,
    RecordClass::Summary,
];

/// Names a document: class (1 byte), size in bytes (7 bytes, little-endian), unique number (8 bytes, little-endian).
///
/// # Panics
/// If the size does not fit into 56 bits.
pub fn locator(class: RecordClass, size_bytes: u64, unique: u64) -> Locator {
    assert!(size_bytes >> 56 == 0, "a document of {size_bytes} bytes");
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

/// The document's bytes.
pub fn content(seed: &Seed, locator: Locator) -> Bytes {
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
    fn a_locator_says_what_it_names() {
        for (number, class) in CLASSES.into_iter().enumerate() {
            assert_eq!(class as usize, number);
            let named = locator(class, 7_654_321, u64::MAX);
            assert_eq!((class_of(named), size_of(named)), (Some(class), 7_654_321));
        }
        assert_ne!(locator(RecordClass::Imaging, 1, 2), locator(RecordClass::Imaging, 1, 3));
        assert_eq!(class_of([6; 16]), None);
    }
}
