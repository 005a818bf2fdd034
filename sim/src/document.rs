//! Documents: what a vault holds and a clinician reads.
//!
//! The content of a document is a pure function of seed and [`Locator`] ([`content`]), so a vault of the simulator needs
//! no store: it fills a document when one is asked for. What a document says is the scenario's choice ([`Documents`]):
//!
//! * [`sized`]: bytes of which only the number matters. The locator names class, exact size and a unique number.
//! * [`fhir`]: FHIR R4 resources about the patient ([`record`]). The locator carries what they are made of, enciphered
//!   with a key that follows from the seed ([`named`]): to whoever does not know the seed it is opaque.
//!
//! Locators are on the ledger in both worlds. Those of sized documents would tell an outsider class and exact size, where
//! the ledger tells class and [`size_bucket`]; a custodian that is deployed draws them at random.
//!
//! Classes and sizes are drawn from [`BANDS`] whatever the style, so that both styles of a scenario ask for the same.

pub mod date;
pub mod epcis;
pub mod fhir;
pub mod inspect;
pub mod json;
pub mod named;
pub mod record;
pub mod sized;
pub mod volume;

pub use sized::{class_of, locator};
pub use volume::{BANDS, Band, draw, draw_from};

use crate::seed::Seed;
use bytes::Bytes;
use ledger_core::ledger::transaction::{PartyId, RecordClass};
use serde::{Deserialize, Serialize};

/// Names a document in its custodian's vault.
pub type Locator = [u8; 16];

/// What documents say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Documents {
    /// Nothing: only their sizes matter.
    #[default]
    Sized,
    /// They are FHIR R4 resources about their patient.
    Fhir,
}

/// What a new document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Kind.
    pub class: RecordClass,
    /// About how large, bytes: as [`draw`] drew it. A sized document has exactly this size.
    pub size_bytes: u64,
    /// About whom.
    pub patient: PartyId,
    /// Who keeps it.
    pub custodian: PartyId,
    /// Tells it from every other document of the run.
    pub unique: u64,
}

impl Documents {
    /// Makes a document: where it is found again, and its bytes.
    pub fn compose(self, seed: &Seed, subject: &Subject) -> (Locator, Bytes) {
        match self {
            Self::Sized => {
                let locator = locator(subject.class, subject.size_bytes, subject.unique);
                (locator, sized::content(seed, locator))
            }
            Self::Fhir => {
                let source = record::Source::of(subject);
                let text = record::compose(seed, &source);
                (
                    named::Named { source, size_bytes: text.len() as u64, version: 0 }.encipher(seed),
                    text.into(),
                )
            }
        }
    }
}

/// The document's bytes, in every version the same.
pub fn content(seed: &Seed, locator: Locator) -> Bytes {
    match named::Named::decipher(seed, locator) {
        Some(named) => record::compose(seed, &named.source).into(),
        None => sized::content(seed, locator),
    }
}

/// Exact size of the document, bytes.
pub fn size_of(seed: &Seed, locator: Locator) -> u64 {
    match named::Named::decipher(seed, locator) {
        Some(named) => named.size_bytes,
        None => sized::size_of(locator),
    }
}

/// Where the next version lies: a rotation encrypts the same text anew and puts it at another locator. `None` when a
/// document has had all the versions that a locator can count: 255 of a sized one, 15 of others.
pub fn next_version(seed: &Seed, locator: Locator) -> Option<Locator> {
    match named::Named::decipher(seed, locator) {
        Some(named) => Some(named.next_version()?.encipher(seed)),
        None => sized::next_version(locator),
    }
}

/// Where the first version lay.
pub fn first_version(seed: &Seed, locator: Locator) -> Locator {
    match named::Named::decipher(seed, locator) {
        Some(named) => named::Named { version: 0, ..named }.encipher(seed),
        None => sized::first_version(locator),
    }
}

/// The ledger's size bucket: the document is at most `2^bucket` bytes.
pub fn size_bucket(size_bytes: u64) -> u8 {
    size_bytes.max(1).next_power_of_two().trailing_zeros() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_follows_seed_and_locator_in_either_style() {
        let (here, there) = (Seed::new(1), Seed::new(2));
        let subject = Subject {
            class: RecordClass::Observation,
            size_bytes: 1_003,
            patient: PartyId(77),
            custodian: PartyId(3),
            unique: 5,
        };
        for style in [Documents::Sized, Documents::Fhir] {
            let (locator, document) = style.compose(&here, &subject);
            assert_eq!(content(&here, locator), document);
            assert_eq!(size_of(&here, locator), document.len() as u64);
            assert_ne!(style.compose(&there, &subject).1, document);
            assert_ne!(style.compose(&here, &Subject { unique: 6, ..subject }), (locator, document));
        }
    }

    #[test]
    fn buckets_hold_their_documents() {
        let found: Vec<u8> = [0, 1, 2, 3, 1_024, 1_025, 4_000_000].map(size_bucket).to_vec();
        assert_eq!(found, [0, 0, 1, 2, 10, 11, 22]);
    }
}
