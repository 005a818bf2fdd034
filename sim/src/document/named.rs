//! Locators of FHIR documents: what a document is made of, enciphered.
//!
//! The first byte is `MARK`, which no sized document has; the other 120 bits are a permutation of
//!
//! | bits | what |
//! |---|---|
//! | 4, 8 | band and position in it: about how large it was to be |
//! | 24 | exact size, bytes |
//! | 32, 17 | patient, custodian |
//! | 31 | unique number |
//! | 4 | how often its key was rotated |
//!
//! The permutation is a Feistel network of four rounds (M. Luby and C. Rackoff, "How to construct pseudorandom
//! permutations from pseudorandom functions", 1988) over keyed BLAKE3. The key follows from the seed, so this hides
//! nothing from whoever has the scenario, and everything else from whoever has not. A custodian that is deployed draws
//! its locators.

use super::Locator;
use super::record::Source;
use crate::seed::Seed;
use ledger_core::ledger::transaction::PartyId;

/// First byte; more than the number of any class.
const MARK: u8 = 0xf4;
const HALF_BITS: u32 = 60;
const HALF: u64 = (1 << HALF_BITS) - 1;
const ROUNDS: u8 = 4;

const SIZE_BITS: u32 = 24;
const CUSTODIAN_BITS: u32 = 17;
const UNIQUE_BITS: u32 = 31;
const VERSION_BITS: u32 = 4;

/// A document by what it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// What decides its content.
    pub source: Source,
    /// Exact size.
    pub size_bytes: u64,
    /// How often its key was rotated.
    pub version: u8,
}

impl Named {
    /// Its locator.
    ///
    /// # Panics
    /// If a field has more bits than the table grants it: 16 MiB, 131,072 institutions, 2 billion documents.
    pub fn encipher(&self, seed: &Seed) -> Locator {
        let Source { band, position, patient, custodian, unique } = self.source;
        let fields = [
            (u64::from(band), 4),
            (u64::from(position), 8),
            (self.size_bytes, SIZE_BITS),
            (u64::from(patient.0), 32),
            (u64::from(custodian.0), CUSTODIAN_BITS),
            (unique, UNIQUE_BITS),
            (u64::from(self.version), VERSION_BITS),
        ];
        let packed = fields.iter().fold(0u128, |packed, (value, bits)| {
            assert!(value >> bits == 0, "{value} has more than {bits} bits");
            packed << bits | u128::from(*value)
        });
        let (mut left, mut right) = ((packed >> HALF_BITS) as u64, packed as u64 & HALF);
        let key = key(seed);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ mix(&key, round, right));
        }
        let permuted = u128::from(left) << HALF_BITS | u128::from(right);
        (permuted << 8 | u128::from(MARK)).to_le_bytes()
    }

    /// What a locator names; `None` if it is none of a FHIR document.
    pub fn decipher(seed: &Seed, locator: Locator) -> Option<Self> {
        if locator[0] != MARK {
            return None;
        }
        let permuted = u128::from_le_bytes(locator) >> 8;
        let (mut left, mut right) = ((permuted >> HALF_BITS) as u64, permuted as u64 & HALF);
        let key = key(seed);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ mix(&key, round, left), left);
        }
        let mut packed = u128::from(left) << HALF_BITS | u128::from(right);
        let mut take = |bits: u32| {
            let value = (packed & ((1 << bits) - 1)) as u64;
            packed >>= bits;
            value
        };
        let version = take(VERSION_BITS) as u8;
        let unique = take(UNIQUE_BITS);
        let custodian = PartyId(take(CUSTODIAN_BITS) as u32);
        let patient = PartyId(take(32) as u32);
        let size_bytes = take(SIZE_BITS);
        let (position, band) = (take(8) as u8, take(4) as u8);
        Some(Self { source: Source { band, position, patient, custodian, unique }, size_bytes, version })
    }

    /// The same after another rotation; `None` after 15.
    pub fn next_version(self) -> Option<Self> {
        let version = self.version + 1;
        (version >> VERSION_BITS == 0).then_some(Self { version, ..self })
    }
}

fn key(seed: &Seed) -> [u8; 32] {
    seed.bytes32("document/locator")
}

/// The round function.
fn mix(key: &[u8; 32], round: u8, half: u64) -> u64 {
    let mut input = [round; 9];
    input[1..].copy_from_slice(&half.to_le_bytes());
    let hash = blake3::keyed_hash(key, &input);
    let (head, _) = hash.as_bytes().split_first_chunk::<8>().expect("a hash has 32 bytes");
    u64::from_le_bytes(*head) & HALF
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(unique: u64) -> Named {
        let source = Source {
            band: 8,
            position: 255,
            patient: PartyId(u32::MAX),
            custodian: PartyId(131_071),
            unique,
        };
        Named { source, size_bytes: (1 << 24) - 1, version: 15 }
    }

    #[test]
    fn a_locator_is_read_with_its_seed_alone() {
        let (here, there) = (Seed::new(1), Seed::new(2));
        for unique in [0, 1, 77, (1 << 31) - 1] {
            let locator = named(unique).encipher(&here);
            assert_eq!(Named::decipher(&here, locator), Some(named(unique)));
            assert_ne!(Named::decipher(&there, locator), Some(named(unique)));
        }
        assert_eq!(Named::decipher(&here, [0; 16]), None);
    }

    #[test]
    fn a_version_has_a_place_of_its_own_and_says_the_same() {
        let seed = Seed::new(1);
        let mut version = Named { version: 0, ..named(3) };
        let mut places = std::collections::BTreeSet::from([version.encipher(&seed)]);
        while let Some(next) = version.next_version() {
            assert_eq!((next.source, next.size_bytes), (version.source, version.size_bytes));
            assert!(places.insert(next.encipher(&seed)));
            version = next;
        }
        assert_eq!(places.len(), 16);
    }

    #[test]
    fn neighbours_look_unrelated() {
        let seed = Seed::new(1);
        let bits = |unique| u128::from_le_bytes(named(unique).encipher(&seed));
        let differing: u32 = (0..1_000).map(|unique| (bits(unique) ^ bits(unique + 1)).count_ones()).sum();
        // Of 120 bits half should differ; the mean of a thousand is within six of its standard deviations (0.17).
        assert!((59_000..61_000).contains(&differing), "{differing}");
    }
}
