//! The supply of medicines: serialised packs from manufacturer to patient.
//!
//! What identifies a medicine is what is printed on it: the application identifiers 01 (GTIN), 21 (serial number), 10
//! (lot), 17 (expiry) and 00 (SSCC) of the GS1 General Specifications. Values that no scanner reads do not decode.
//!
//! Bounds: [`SERIALS_MAX`] and [`UNITS_MAX`]; what goes beyond does not decode.

use super::{ContainerId, LotId, PackId, PartyId, ProductId};
use crate::codec::List;
use crate::time::Timestamp;
use borsh::io::{Error, ErrorKind, Read, Result, Write};
use borsh::{BorshDeserialize, BorshSerialize};
use std::fmt;

/// Most packs of one commissioning.
pub const SERIALS_MAX: usize = 256;
/// Most units that an action moves, and most that a container directly holds.
pub const UNITS_MAX: usize = 256;

/// Longest serial or lot number (AI 21, AI 10).
const CODE_BYTES_MAX: usize = 20;

/// The check digit to the right of a number: weights 3, 1, 3, … from the right, complement to ten (GS1 General
/// Specifications, section 7.9).
const fn check_digit(mut number: u64) -> u64 {
    let (mut sum, mut weight) = (0, 3);
    while number > 0 {
        sum += number % 10 * weight;
        (number, weight) = (number / 10, 4 - weight);
    }
    (10 - sum % 10) % 10
}

macro_rules! checked_number {
    ($(#[$doc:meta])* $name:ident, $digits:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
        pub struct $name(u64);

        impl $name {
            /// With its check digit; `None` if that is wrong or the number too long.
            pub const fn new(number: u64) -> Option<Self> {
                if number < 10u64.pow($digits) && number % 10 == check_digit(number / 10) {
                    Some(Self(number))
                } else {
                    None
                }
            }

            /// Completes a number by its check digit; `None` if it is too long.
            pub const fn complete(number: u64) -> Option<Self> {
                if number < 10u64.pow($digits - 1) { Some(Self(number * 10 + check_digit(number))) } else { None }
            }

            /// With its check digit.
            pub const fn number(self) -> u64 {
                self.0
            }
        }

        impl BorshDeserialize for $name {
            fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
                let wrong = || Error::new(ErrorKind::InvalidData, "a check digit is wrong");
                Self::new(u64::deserialize_reader(reader)?).ok_or_else(wrong)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:0width$}", self.0, width = $digits)
            }
        }
    };
}

checked_number!(
    /// Global Trade Item Number: what a product is. 14 digits, the last a check digit.
    Gtin,
    14
);
checked_number!(
    /// Serial Shipping Container Code: which case or pallet it is. 18 digits, the last a check digit.
    Sscc,
    18
);

/// A serial or lot number: 1 to 20 characters of GS1's character set 82. Encoded as its length and the characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    length: u8,
    /// Zero beyond the length.
    bytes: [u8; CODE_BYTES_MAX],
}

impl Code {
    /// `None` if it is empty, too long, or has another character.
    pub fn new(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > CODE_BYTES_MAX || !text.iter().all(|byte| is_encodable(*byte)) {
            return None;
        }
        let mut bytes = [0; CODE_BYTES_MAX];
        bytes[..text.len()].copy_from_slice(text);
        Some(Self { length: text.len() as u8, bytes })
    }

    /// Its characters.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// GS1 AI encodable character set 82 (GS1 General Specifications, figure 7.11-1).
const fn is_encodable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'"' | b'%'..=b'/' | b':'..=b'?' | b'_')
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}

impl BorshSerialize for Code {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.length.serialize(writer)?;
        writer.write_all(self.bytes())
    }
}

impl BorshDeserialize for Code {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::InvalidData, "not a serial or lot number");
        let mut bytes = [0; CODE_BYTES_MAX];
        let length = usize::from(u8::deserialize_reader(reader)?);
        reader.read_exact(bytes.get_mut(..length).ok_or_else(wrong)?)?;
        Self::new(&bytes[..length]).ok_or_else(wrong)
    }
}

/// What moves: a pack, or a container with all that is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Unit {
    /// One pack.
    Pack {
        /// Of which product.
        gtin: Gtin,
        /// Which.
        serial: Code,
    },
    /// A case, a pallet.
    Container {
        /// Which.
        sscc: Sscc,
    },
}

/// What a scanner reads off a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Scan {
    /// Of which product.
    pub gtin: Gtin,
    /// Which.
    pub serial: Code,
    /// Of which lot.
    pub lot: Code,
    /// Not to be used from then on.
    pub expiry: Timestamp,
}

impl Scan {
    /// The pack that it says to be.
    pub fn unit(&self) -> Unit {
        Unit::Pack { gtin: self.gtin, serial: self.serial }
    }
}

/// What an alert suspects. A single sight does not tell a copy from a stolen original: both are a known pack in a place
/// where it should not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum AlertKind {
    /// Nobody commissioned it.
    Counterfeit,
    /// It was used up before, or somebody takes in what another holds: there are two of it.
    Clone,
    /// Somebody handles it who does not hold it, or trades with whom it may not.
    Diversion,
    /// Its label is not that of the pack with its number.
    Mislabelled,
}

/// What is asked. Lists may not be empty (`EmptyScope`).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SupplyAction {
    /// A regulator assigns a GTIN to its manufacturer.
    RegisterProduct {
        /// Which.
        gtin: Gtin,
        /// Whose.
        manufacturer: PartyId,
    },
    /// A regulator licenses trade between two. Asked again, it replaces what was asked before.
    AuthorisePartner {
        /// Who ships.
        supplier: PartyId,
        /// Who receives, and may return.
        customer: PartyId,
        /// In force until (exclusive).
        until: Timestamp,
    },
    /// A regulator ends it.
    WithdrawPartner {
        /// Who ships.
        supplier: PartyId,
        /// Who receives.
        customer: PartyId,
    },
    /// A manufacturer brings packs of one lot into being, and the lot with its first packs.
    Commission {
        /// Of which product.
        gtin: Gtin,
        /// Of which lot.
        lot: Code,
        /// Not to be used from then on; the same for a whole lot.
        expiry: Timestamp,
        /// Which.
        serials: List<Code, SERIALS_MAX>,
    },
    /// Units go into a new container.
    Aggregate {
        /// Which; never used before.
        sscc: Sscc,
        /// What goes in.
        children: List<Unit, UNITS_MAX>,
    },
    /// A container is unpacked, once and for all.
    Disaggregate {
        /// Which.
        sscc: Sscc,
    },
    /// Units leave for a customer.
    Ship {
        /// Which.
        units: List<Unit, UNITS_MAX>,
        /// To whom.
        to: PartyId,
    },
    /// Units arrive; or come back to who sent them, if `from` is the receiver itself.
    Receive {
        /// Which.
        units: List<Unit, UNITS_MAX>,
        /// From whom.
        from: PartyId,
    },
    /// Units go back to who supplied them.
    Return {
        /// Which.
        units: List<Unit, UNITS_MAX>,
        /// To whom.
        to: PartyId,
    },
    /// Is this pack what it says, and where it should be? Nothing changes.
    Verify {
        /// As scanned.
        pack: Scan,
    },
    /// A pack goes to a patient, who is not named.
    Dispense {
        /// As scanned.
        pack: Scan,
    },
    /// A pack that was dispensed comes back into stock where it was dispensed.
    Reverse {
        /// As scanned.
        pack: Scan,
    },
    /// The manufacturer or a regulator calls a lot back: nobody ships or dispenses it from now on.
    Recall {
        /// Of which product.
        gtin: Gtin,
        /// Which lot.
        lot: Code,
    },
    /// Units are destroyed by who holds them, or written off by who sent them.
    Destroy {
        /// Which.
        units: List<Unit, UNITS_MAX>,
    },
}

/// What executing it did. Packs inside containers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SupplyOutcome {
    /// A GTIN is assigned.
    ProductRegistered(ProductId),
    /// Two may trade.
    PartnerAuthorised,
    /// Two may trade no longer.
    PartnerWithdrawn,
    /// Packs exist.
    Commissioned {
        /// Of this lot.
        lot: LotId,
        /// The first; the others follow it.
        first: PackId,
        /// How many.
        packs: u32,
    },
    /// A container exists.
    Aggregated {
        /// Which.
        container: ContainerId,
        /// How many packs are in it.
        packs: u32,
    },
    /// A container is no more.
    Disaggregated(ContainerId),
    /// So many packs are under way.
    Shipped(u32),
    /// So many packs arrived.
    Received(u32),
    /// So many packs are on their way back.
    Returned(u32),
    /// The pack is what it says, and where it should be.
    Verified(PackId),
    /// The pack is used up.
    Dispensed(PackId),
    /// The pack is in stock again.
    Reversed(PackId),
    /// The lot is recalled.
    Recalled(LotId),
    /// So many packs are no more.
    Destroyed(u32),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};

    #[test]
    fn check_digits_are_those_of_the_standard() {
        // The examples of GS1's check digit calculator, and the GTIN of EPCIS 2.0's examples.
        assert_eq!(Gtin::complete(629104150021).map(Gtin::number), Some(6291041500213));
        assert_eq!(Sscc::complete(37610425002123456).map(Sscc::number), Some(376104250021234569));
        assert!(Gtin::new(6291041500213).is_some() && Gtin::new(6291041500214).is_none());
        assert_eq!(Gtin::new(100_000_000_000_000 + 6291041500213), None);
        assert_eq!(Gtin::complete(629104150021).unwrap().to_string(), "06291041500213");
        assert!(decode::<Gtin>(&6291041500214u64.to_le_bytes(), 8).is_err());
    }

    #[test]
    fn a_code_has_one_encoding() {
        let code = Code::new(b"A1-b/_").unwrap();
        assert_eq!(encode(&code), b"\x06A1-b/_");
        assert_eq!(decode::<Code>(&encode(&code), 99), Ok(code));
        for wrong in [&b""[..], b"a b", b"\xc3\xa9", b"#", b"$", b"@", b"123456789012345678901"] {
            assert_eq!(Code::new(wrong), None);
            let bytes: Vec<u8> = std::iter::once(wrong.len() as u8).chain(wrong.iter().copied()).collect();
            assert!(decode::<Code>(&bytes, 99).is_err());
        }
    }
}
