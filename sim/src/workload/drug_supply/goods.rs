//! What is alive in the supply of medicines, and what it is called on the ledger.

use crate::population::pick;
use crate::seed::Stream;
use ledger_core::codec::List;
use ledger_core::ledger::transaction::{Code, Gtin, PartyId, Scan, Sscc, UNITS_MAX, Unit};
use ledger_core::time::Timestamp;
use std::collections::VecDeque;

/// Ten to the twelfth: serial numbers have twelve digits.
const SERIALS: u64 = 1_000_000_000_000;
/// Genuine numbers stay below, what was never commissioned lies above.
const GENUINE: u64 = SERIALS / 2;
/// Odd and no multiple of five, so that multiplying by it permutes the serial numbers.
const SPREAD: u64 = 387_420_489;

/// What packs of a known pack are remembered for copies.
const RECENT_MAX: usize = 512;

/// The serial number of the `number`-th pack: no two are the same, and none tells its neighbours.
pub(super) fn serial(number: u64) -> Code {
    let spread = u128::from(number % SERIALS) * u128::from(SPREAD) % u128::from(SERIALS);
    Code::new(format!("{spread:012}").as_bytes()).expect("twelve digits")
}

/// A serial number that looks like the others and that no pack ever has.
pub(super) fn invented_serial(stream: &mut Stream) -> Code {
    serial(GENUINE + stream.below(SERIALS - GENUINE))
}

/// As printed.
pub(super) fn lot_code(number: u32) -> Code {
    Code::new(format!("L{number}").as_bytes()).expect("a letter and at most ten digits")
}

/// The `number`-th container. The company prefix is one for all: numbers are dense.
pub(super) fn sscc(number: u64) -> Sscc {
    Sscc::complete(40_000_000_000_000_000 + number).expect("below 10^16 containers")
}

/// A lot of which packs are alive.
#[derive(Clone, Debug)]
pub(super) struct Lot {
    pub manufacturer: PartyId,
    pub gtin: Gtin,
    pub number: Code,
    pub expiry: Timestamp,
    pub recall: Recall,
    /// Packs that are not used up.
    pub left: u64,
    /// When the last of its packs was blocked or destroyed after its recall.
    pub blocked: Option<Timestamp>,
}

/// How far a recall is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recall {
    No,
    /// Asked for at; the ledger has not answered.
    Asked(Timestamp),
    /// Asked for at; whatever is asked from now on is after it.
    Known(Timestamp),
}

impl Recall {
    /// When it was asked for.
    pub fn at(self) -> Option<Timestamp> {
        match self {
            Self::No => None,
            Self::Asked(at) | Self::Known(at) => Some(at),
        }
    }
}

/// Consecutive packs in a case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// Of the container.
    pub number: u64,
    pub first: u64,
    pub packs: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Pallet { number: u64, cases: Vec<Case> },
    Case(Case),
    Pack(u64),
}

/// Packs that are somewhere together.
#[derive(Clone, Debug)]
pub(super) struct Goods {
    pub lot: u32,
    pub content: Content,
    /// Who has them, or sent them.
    pub at: PartyId,
    /// Whom they are still to go to, the next last.
    pub stops: Vec<PartyId>,
    /// Hands so far.
    pub hands: u64,
    /// A copy of the pack was dispensed then: the pack will be refused.
    pub copied: Option<Timestamp>,
}

impl Goods {
    /// How many packs.
    pub fn packs(&self) -> u64 {
        match &self.content {
            Content::Pallet { cases, .. } => cases.iter().map(|case| case.packs).sum(),
            Content::Case(case) => case.packs,
            Content::Pack(_) => 1,
        }
    }

    /// As scanned.
    pub fn unit(&self, gtin: Gtin) -> Unit {
        match &self.content {
            Content::Pallet { number, .. } => Unit::Container { sscc: sscc(*number) },
            Content::Case(case) => Unit::Container { sscc: sscc(case.number) },
            Content::Pack(number) => Unit::Pack { gtin, serial: serial(*number) },
        }
    }
}

/// One unit as a list.
pub(super) fn alone(unit: Unit) -> List<Unit, UNITS_MAX> {
    List::new(vec![unit]).expect("one is at most the limit")
}

/// A pack that a pharmacy has or had, as a ring may have seen and copied it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub scan: Scan,
    /// Where it is or was, and will not leave but to a patient or to be destroyed.
    pub pharmacy: PartyId,
}

/// The last few.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<Seen>);

impl Recent {
    pub fn push(&mut self, seen: Seen) {
        if self.0.len() == RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(seen);
    }

    pub fn draw(&self, stream: &mut Stream) -> Option<Seen> {
        let index = (!self.0.is_empty()).then(|| stream.below(self.0.len() as u64) as usize)?;
        self.0.get(index).copied()
    }
}

/// One of these that is none of those.
pub(super) fn pick_except(items: &[PartyId], not: &[PartyId], stream: &mut Stream) -> Option<PartyId> {
    let left: Vec<PartyId> = items.iter().copied().filter(|item| !not.contains(item)).collect();
    pick(&left, stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn serial_numbers_are_apart() {
        let genuine = (0..5_000).chain(GENUINE - 5_000..GENUINE);
        let mut all: BTreeSet<Code> = genuine.clone().map(serial).collect();
        assert_eq!(all.len(), 10_000);
        all.extend((GENUINE..GENUINE + 5_000).map(serial));
        assert_eq!(all.len(), 15_000);
    }
}
