//! What is wrong on purpose: how it is done, and what must come of it.

use super::goods::{Content, Goods, Lot, Seen, alone, invented_serial, lot_code, pick_except};
use super::journey::Deed;
use super::progress::AFTERMATH;
use super::{Attempt, DrugSupply, Intent, Order, PPB, Step};
use crate::history::Wrong;
use crate::plan::{InstitutionKind, Plan, RingPlan};
use crate::population::{PRODUCTS_PER_MANUFACTURER, Population, pick};
use ledger_core::ledger::transaction::{Code, PartyId, Refusal, Scan, SupplyAction};
use ledger_core::time::{Duration, Timestamp};

/// Wrong deeds on goods in their course, to be done with the next that fit.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Copies dispensed before their originals.
    pub copies: u64,
    pub diversions: u64,
    /// Of the ring: only what is at or on its way to its region.
    pub by_ring: u64,
}

/// Most owed of each kind: what finds no goods is not saved up.
const OWED_MAX: u64 = 64;

/// A ring at its work.
#[derive(Debug)]
pub(super) struct Ring {
    from: Timestamp,
    until: Timestamp,
    share_ppb: u64,
    pharmacies: Vec<PartyId>,
    first: Option<Timestamp>,
    caught: bool,
}

impl Ring {
    pub fn new(ring: &RingPlan, plan: &Plan, population: &Population, start: Timestamp) -> Self {
        let in_region = |party: &PartyId| {
            plan.population.institutions.get(party.index()).is_some_and(|one| one.region == ring.region)
        };
        let pharmacies = population.institutions_of(InstitutionKind::Pharmacy);
        Self {
            from: start + ring.at,
            until: start + ring.at + ring.lasts,
            share_ppb: ring.share_ppb,
            pharmacies: pharmacies.iter().copied().filter(in_region).collect(),
            first: None,
            caught: false,
        }
    }

    /// The first proof of any of its deeds: when the first was done, and how long that took.
    pub fn caught(&mut self, now: Timestamp) -> Option<(Timestamp, Duration)> {
        let first = self.first.filter(|_| !self.caught)?;
        self.caught = true;
        Some((first, now.since(first)))
    }
}

impl DrugSupply {
    /// By chance, or because a ring is at work.
    pub(super) fn wrong_order(&mut self, population: &Population, now: Timestamp) -> Option<Order> {
        if let Some(ring) = &self.ring
            && ring.from <= now
            && now < ring.until
            && !ring.pharmacies.is_empty()
            && self.stream.chance(ring.share_ppb, PPB)
        {
            return self.ring_order(population, now);
        }
        let mut left = self.stream.below(PPB);
        let plan = &self.plan;
        let shares = [plan.counterfeit_ppb, plan.clone_ppb, plan.mislabelled_ppb, plan.diversion_ppb];
        let drawn = shares.into_iter().position(|share| {
            let drawn = left < share;
            left = left.saturating_sub(share);
            drawn
        });
        let pharmacies = population.institutions_of(InstitutionKind::Pharmacy);
        match drawn? {
            0 => self.counterfeit(population, pharmacies, false),
            // Copies that nobody can tell from their originals.
            1 if self.stream.chance(1, 4) => {
                self.owed.copies = (self.owed.copies + 1).min(OWED_MAX);
                None
            }
            1 => self.clone_elsewhere(population, pharmacies, false),
            2 => self.mislabelled(pharmacies),
            _ => {
                self.owed.diversions = (self.owed.diversions + 1).min(OWED_MAX);
                None
            }
        }
    }

    /// Half of it counterfeits, a third copies, the rest diversions.
    fn ring_order(&mut self, population: &Population, now: Timestamp) -> Option<Order> {
        let pharmacies = self.ring.as_ref().map(|ring| ring.pharmacies.clone()).unwrap_or_default();
        let order = match self.stream.below(6) {
            0..=2 => self.counterfeit(population, &pharmacies, true),
            3 | 4 => self.clone_elsewhere(population, &pharmacies, true),
            _ => {
                self.owed.by_ring = (self.owed.by_ring + 1).min(OWED_MAX);
                None
            }
        };
        if let Some(ring) = self.ring.as_mut().filter(|_| order.is_some()) {
            ring.first.get_or_insert(now);
        }
        order
    }

    fn counterfeit(
        &mut self,
        population: &Population,
        pharmacies: &[PartyId],
        by_ring: bool,
    ) -> Option<Order> {
        let pharmacy = pick(pharmacies, &mut self.stream)?;
        let serial = invented_serial(&mut self.stream);
        // A label that was seen, or one that looks like it.
        let scan = match self.shelved.draw(&mut self.stream) {
            Some(Seen { scan, .. }) => Scan { serial, ..scan },
            None => {
                let makers = population.institutions_of(InstitutionKind::Manufacturer);
                let maker = pick(makers, &mut self.stream)?;
                let gtin = population.product(maker, self.stream.below(PRODUCTS_PER_MANUFACTURER));
                Scan { gtin, serial, lot: lot_code(0), expiry: Timestamp::MAX }
            }
        };
        let action = self.seen_at(population, pharmacy, scan)?;
        let expected = &[Refusal::UnknownSerial];
        Some(self.attempt(pharmacy, action, (Wrong::Counterfeit, expected), by_ring))
    }

    /// A copy of what another pharmacy has, or of what was dispensed.
    fn clone_elsewhere(
        &mut self,
        population: &Population,
        pharmacies: &[PartyId],
        by_ring: bool,
    ) -> Option<Order> {
        let dispensed = self.stream.chance(1, 2);
        let seen = if dispensed { &self.dispensed } else { &self.shelved };
        let Seen { scan, pharmacy: original } = seen.draw(&mut self.stream)?;
        let pharmacy = pick_except(pharmacies, &[original], &mut self.stream)?;
        let action = self.seen_at(population, pharmacy, scan)?;
        // The original may be used up meanwhile.
        let expected = &[Refusal::AlreadyDispensed, Refusal::NotCurrentHolder, Refusal::NoMatchingShipment];
        Some(self.attempt(pharmacy, action, (Wrong::Clone, expected), by_ring))
    }

    fn mislabelled(&mut self, pharmacies: &[PartyId]) -> Option<Order> {
        let Seen { scan, .. } = self.shelved.draw(&mut self.stream)?;
        let pharmacy = pick(pharmacies, &mut self.stream)?;
        let pack = match self.stream.chance(1, 2) {
            true => Scan { expiry: scan.expiry + Duration::from_secs(365 * 86_400), ..scan },
            // Lots begin with another letter.
            false => Scan { lot: Code::new(b"X1")?, ..scan },
        };
        let action = match self.stream.chance(1, 2) {
            true => SupplyAction::Verify { pack },
            false => SupplyAction::Dispense { pack },
        };
        let expected = &[Refusal::LotExpiryMismatch];
        Some(self.attempt(pharmacy, action, (Wrong::MislabelledPack, expected), false))
    }

    /// Verified, dispensed, or taken in from a wholesaler.
    fn seen_at(&mut self, population: &Population, pharmacy: PartyId, pack: Scan) -> Option<SupplyAction> {
        Some(match self.stream.below(3) {
            0 => SupplyAction::Verify { pack },
            1 => SupplyAction::Dispense { pack },
            _ => {
                let from = pick(&population.suppliers_of(pharmacy), &mut self.stream)?;
                SupplyAction::Receive { units: alone(pack.unit()), from }
            }
        })
    }

    fn attempt(
        &self,
        by: PartyId,
        action: SupplyAction,
        (wrong, expected): (Wrong, &'static [Refusal]),
        by_ring: bool,
    ) -> Order {
        let attempt = Attempt { wrong, expected, alert: true, by_ring, packs: 1, then: None };
        (by, vec![action], Intent::Wrong(attempt))
    }

    /// In the place of a right step, if one is owed and these goods fit.
    pub(super) fn divert(
        &mut self,
        population: &Population,
        now: Timestamp,
        (deed, goods): (Deed, &Goods),
        lot: &Lot,
    ) -> Option<Order> {
        if goods.copied.is_some() {
            return None;
        }
        let destination = goods.stops.first().copied().unwrap_or(goods.at);
        let rings = self.owed.by_ring > 0
            && self.ring.as_ref().is_some_and(|ring| ring.pharmacies.contains(&destination));
        if !rings && self.owed.diversions == 0 {
            return None;
        }
        let (by, action, expected, then): (_, _, &'static [Refusal], _) = match deed {
            Deed::Receive => {
                let thief = self.thief(population, &[goods.at, *goods.stops.last()?])?;
                let action = SupplyAction::Receive { units: alone(goods.unit(lot.gtin)), from: goods.at };
                let then = if self.stream.chance(1, 2) { Deed::WriteOff } else { Deed::Receive };
                (thief, action, &[Refusal::NoMatchingShipment], then)
            }
            Deed::Ship => {
                // Nobody supplies a manufacturer.
                let makers = population.institutions_of(InstitutionKind::Manufacturer);
                let pharmacies = population.institutions_of(InstitutionKind::Pharmacy);
                let mut customers = population.customers_of(goods.at);
                customers.push(goods.at);
                let stranger = match lot.manufacturer == goods.at {
                    true => pick(pharmacies, &mut self.stream),
                    false => pick_except(pharmacies, &customers, &mut self.stream),
                };
                let to = stranger.or_else(|| pick_except(makers, &[goods.at], &mut self.stream))?;
                let action = SupplyAction::Ship { units: alone(goods.unit(lot.gtin)), to };
                (goods.at, action, &[Refusal::UnauthorisedPartner], Deed::Ship)
            }
            Deed::Dispense => {
                let pharmacies = population.institutions_of(InstitutionKind::Pharmacy);
                let other = pick_except(pharmacies, &[goods.at], &mut self.stream)?;
                let Content::Pack(number) = goods.content else { return None };
                let action = SupplyAction::Dispense { pack: self.scan(goods.lot, number)? };
                (other, action, &[Refusal::NotCurrentHolder], Deed::Destroy)
            }
            Deed::Make | Deed::Unpack | Deed::Return | Deed::TakeBack | Deed::Verify => return None,
            Deed::Reverse | Deed::Destroy | Deed::WriteOff => return None,
        };
        match self.ring.as_mut().filter(|_| rings) {
            Some(ring) => {
                ring.first.get_or_insert(now);
                self.owed.by_ring -= 1;
            }
            None => self.owed.diversions -= 1,
        }
        let then = Some((AFTERMATH, Step::Goods(then, goods.clone())));
        let (wrong, packs) = (Wrong::Diversion, goods.packs());
        let attempt = Attempt { wrong, expected, alert: true, by_ring: rings, packs, then };
        Some((by, vec![action], Intent::Wrong(attempt)))
    }

    /// Who takes in what is not on its way to it.
    fn thief(&mut self, population: &Population, not: &[PartyId]) -> Option<PartyId> {
        let wholesalers = population.institutions_of(InstitutionKind::Wholesaler);
        let pharmacies = population.institutions_of(InstitutionKind::Pharmacy);
        let wholesaler = pick_except(wholesalers, not, &mut self.stream);
        wholesaler.or_else(|| pick_except(pharmacies, not, &mut self.stream))
    }
}
