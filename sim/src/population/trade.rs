//! The trade in medicines before a run: which products there are, and who may supply whom.
//!
//! A function of who takes part. Every manufacturer supplies every wholesaler and every wholesaler every other; a
//! pharmacy has two wholesalers (one, where there is one).

use super::Population;
use crate::plan::InstitutionKind;
use ledger_core::ledger::transaction::{Gtin, PartyId};
use ledger_core::ledger::{Genesis, Partnership, Product};
use ledger_core::time::Timestamp;

/// Of each manufacturer.
pub(crate) const PRODUCTS_PER_MANUFACTURER: u64 = 8;

impl Population {
    /// The `n`-th product of a manufacturer, modulo their number. Its indicator digit is 0, as of every item that is sold
    /// singly.
    pub fn product(&self, manufacturer: PartyId, n: u64) -> Gtin {
        let item = u64::from(manufacturer.0) * PRODUCTS_PER_MANUFACTURER + n % PRODUCTS_PER_MANUFACTURER;
        Gtin::complete(400_000_000_000 + item)
            .expect("below a million items for each of 100,000 institutions")
    }

    /// The wholesalers that supply a pharmacy.
    pub fn suppliers_of(&self, pharmacy: PartyId) -> Vec<PartyId> {
        let wholesalers = self.institutions_of(InstitutionKind::Wholesaler);
        let pharmacies = self.institutions_of(InstitutionKind::Pharmacy);
        let Some(row) = pharmacies.iter().position(|found| *found == pharmacy) else { return Vec::new() };
        suppliers(wholesalers, row)
    }

    /// The pharmacies that a wholesaler supplies.
    pub fn customers_of(&self, wholesaler: PartyId) -> Vec<PartyId> {
        let wholesalers = self.institutions_of(InstitutionKind::Wholesaler);
        let pharmacies = self.institutions_of(InstitutionKind::Pharmacy).iter().enumerate();
        let supplied = pharmacies.filter(|(row, _)| suppliers(wholesalers, *row).contains(&wholesaler));
        supplied.map(|(_, pharmacy)| *pharmacy).collect()
    }
}

fn suppliers(wholesalers: &[PartyId], row: usize) -> Vec<PartyId> {
    let count = wholesalers.len();
    let step = if count > 1 { 1 + row / count % (count - 1) } else { 0 };
    let places = [row % count.max(1), (row + step) % count.max(1)];
    let mut found: Vec<PartyId> =
        places.iter().filter_map(|place| wholesalers.get(*place).copied()).collect();
    found.dedup();
    found
}

pub(super) fn add_to(genesis: &mut Genesis, population: &Population) {
    let manufacturers = population.institutions_of(InstitutionKind::Manufacturer);
    let wholesalers = population.institutions_of(InstitutionKind::Wholesaler);
    for manufacturer in manufacturers.iter().copied() {
        for n in 0..PRODUCTS_PER_MANUFACTURER {
            genesis.product(Product { gtin: population.product(manufacturer, n), manufacturer });
        }
    }
    let mut license = |supplier: PartyId, customer: PartyId| {
        genesis.partnership(Partnership { supplier, customer, until: Timestamp::MAX, withdrawn_at: None });
    };
    for wholesaler in wholesalers.iter().copied() {
        manufacturers.iter().for_each(|manufacturer| license(*manufacturer, wholesaler));
        wholesalers
            .iter()
            .filter(|other| **other != wholesaler)
            .for_each(|other| license(wholesaler, *other));
    }
    for pharmacy in population.institutions_of(InstitutionKind::Pharmacy).iter().copied() {
        population.suppliers_of(pharmacy).into_iter().for_each(|supplier| license(supplier, pharmacy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pharmacy_has_two_wholesalers_where_there_are_two() {
        for (wholesalers, each) in [(1usize, 1), (2, 2), (3, 2), (7, 2)] {
            let ids: Vec<PartyId> = (0..wholesalers as u32).map(PartyId).collect();
            let mut served = vec![0; wholesalers];
            for row in 0..10 * wholesalers {
                let found = suppliers(&ids, row);
                assert_eq!(found.len(), each, "{row} of {wholesalers}");
                found.iter().for_each(|id| served[id.index()] += 1);
            }
            assert!(served.iter().all(|customers| *customers >= 10), "{served:?}");
        }
        assert!(suppliers(&[], 3).is_empty());
    }
}
