//! From manufacturer to patient, as it should be: what is asked for next.

use super::goods::{Case, Content, Goods, Lot, Recall, Seen, alone, lot_code, pick_except, serial, sscc};
use super::{Attempt, DrugSupply, GUARD, Intent, LAG, Order, Step};
use crate::history::Wrong;
use crate::plan::InstitutionKind;
use crate::population::{PRODUCTS_PER_MANUFACTURER, Population, pick};
use ledger_core::codec::List;
use ledger_core::ledger::transaction::{Code, PartyId, Refusal, Scan, SupplyAction, Unit};
use ledger_core::time::{Duration, Timestamp};

/// Wholesalers after the first.
const RESALES_MAX: usize = 2;
/// How long a lot is good for, unless it expires within the run.
const SHELF_LIFE: Duration = Duration::from_secs(2 * 365 * 86_400);

/// What is done with goods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Commissioned and packed.
    Make,
    Ship,
    Receive,
    Unpack,
    /// By a pharmacy, to who supplied it.
    Return,
    TakeBack,
    Verify,
    Dispense,
    Reverse,
    Destroy,
    /// By who sent it.
    WriteOff,
}

/// Why goods should not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfit {
    Recalled,
    Expired,
    /// Soon, or just now: wait and see.
    Doubtful,
}

impl DrugSupply {
    /// A pallet of a new lot.
    pub(super) fn make(&mut self, population: &Population, now: Timestamp) -> Order {
        let manufacturer = pick(population.institutions_of(InstitutionKind::Manufacturer), &mut self.stream)
            .expect("the plan has one");
        let gtin = population.product(manufacturer, self.stream.below(PRODUCTS_PER_MANUFACTURER));
        let id = self.next_lot;
        self.next_lot += 1;
        let span = match self.chance(self.plan.expiring_ppb) {
            true => Duration::from_secs(self.stream.uniform(GUARD.as_secs() + 8, GUARD.as_secs() + 28)),
            false => SHELF_LIFE,
        };
        let (number, expiry) = (lot_code(id), now + span);
        let cases: Vec<Case> = (0..self.plan.cases_per_pallet).map(|_| self.next_case()).collect();
        let pallet = self.next_container();
        let wholesalers = population.institutions_of(InstitutionKind::Wholesaler);
        let first = pick(wholesalers, &mut self.stream).expect("the plan has one");
        let content = Content::Pallet { number: pallet, cases: cases.clone() };
        let goods = Goods { lot: id, content, at: manufacturer, stops: vec![first], hands: 1, copied: None };
        let left = goods.packs();
        self.alive += left;
        let recall = Recall::No;
        self.lots.insert(id, Lot { manufacturer, gtin, number, expiry, recall, left, blocked: None });
        if self.chance(self.plan.recalled_ppb) {
            let after = Duration::from_millis(self.stream.uniform(8_000, 25_000));
            self.plan_step(now + after, Step::Recall(id));
        }
        let packs = |case: &Case| (case.first..case.first + case.packs).map(serial);
        let mut actions = Vec::with_capacity(2 * cases.len() + 1);
        for case in &cases {
            let serials = List::new(packs(case).collect()).expect("the plan's limit is below");
            actions.push(SupplyAction::Commission { gtin, lot: number, expiry, serials });
        }
        for case in &cases {
            let units = packs(case).map(|serial| Unit::Pack { gtin, serial }).collect();
            let children = List::new(units).expect("the plan's limit is below");
            actions.push(SupplyAction::Aggregate { sscc: sscc(case.number), children });
        }
        let units = cases.iter().map(|case| Unit::Container { sscc: sscc(case.number) }).collect();
        let children = List::new(units).expect("at most 16 cases");
        actions.push(SupplyAction::Aggregate { sscc: sscc(pallet), children });
        (manufacturer, actions, Intent::Right(Deed::Make, goods))
    }

    fn next_case(&mut self) -> Case {
        let case =
            Case { number: self.next_container(), first: self.next_pack, packs: self.plan.packs_per_case };
        self.next_pack += case.packs;
        case
    }

    fn next_container(&mut self) -> u64 {
        self.next_container += 1;
        self.next_container - 1
    }

    /// Where a case goes from a wholesaler, the next last: perhaps other wholesalers, then one of the last one's
    /// pharmacies.
    fn stops(&mut self, population: &Population, from: PartyId) -> Vec<PartyId> {
        let wholesalers = population.institutions_of(InstitutionKind::Wholesaler);
        let (mut stops, mut last) = (Vec::new(), from);
        for _ in 0..RESALES_MAX {
            let without_customers = population.customers_of(last).is_empty();
            if !without_customers && !self.chance(self.plan.resold_ppb) {
                break;
            }
            let mut passed = stops.clone();
            passed.push(from);
            let Some(next) = pick_except(wholesalers, &passed, &mut self.stream) else { break };
            stops.push(next);
            last = next;
        }
        stops.extend(pick(&population.customers_of(last), &mut self.stream));
        stops.reverse();
        stops
    }

    /// What a lot's packs say.
    pub(super) fn scan(&self, lot: u32, number: u64) -> Option<Scan> {
        let Lot { gtin, number: code, expiry, .. } = *self.lots.get(&lot)?;
        Some(Scan { gtin, serial: serial(number), lot: code, expiry })
    }

    fn unfit(&self, now: Timestamp, lot: &Lot) -> Option<Unfit> {
        if matches!(lot.recall, Recall::Known(_)) {
            return Some(Unfit::Recalled);
        }
        if now >= lot.expiry + LAG {
            return Some(Unfit::Expired);
        }
        (now + GUARD >= lot.expiry).then_some(Unfit::Doubtful)
    }

    /// The step that is due; `None` if it is put off, or there is nothing left to do.
    pub(super) fn take(
        &mut self,
        population: &Population,
        now: Timestamp,
        mut deed: Deed,
        mut goods: Goods,
    ) -> Option<Order> {
        let lot = self.lots.get(&goods.lot)?.clone();
        if deed == Deed::Ship && goods.stops.is_empty() {
            goods.stops = self.stops(population, goods.at);
            if goods.stops.is_empty() {
                deed = Deed::Destroy;
            }
        }
        let unfit = self.unfit(now, &lot);
        let onward = match deed {
            Deed::Ship | Deed::Dispense | Deed::Verify | Deed::Reverse => goods.copied.is_none(),
            Deed::Make | Deed::Receive | Deed::Unpack | Deed::Return | Deed::TakeBack => false,
            Deed::Destroy | Deed::WriteOff => false,
        };
        match unfit.filter(|_| onward) {
            None => {}
            Some(Unfit::Doubtful) => {
                self.plan_step(lot.expiry + LAG, Step::Goods(deed, goods));
                return None;
            }
            Some(Unfit::Recalled | Unfit::Expired) if deed == Deed::Reverse => {
                // It stays with the patient.
                self.settle(&goods, None);
                return None;
            }
            Some(unfit @ (Unfit::Recalled | Unfit::Expired)) => {
                let careless = deed != Deed::Verify && self.chance(self.plan.careless_ppb);
                return self.use_or_destroy(deed, goods, &lot, (unfit == Unfit::Recalled, careless));
            }
        }
        if let Some(order) = self.divert(population, now, (deed, &goods), &lot) {
            return Some(order);
        }
        if deed == Deed::Dispense && goods.copied.is_none() && self.owed.copies > 0 {
            self.owed.copies -= 1;
            let action = self.action(Deed::Dispense, &goods, &lot)?;
            return Some((goods.at, vec![action], Intent::Copy(goods)));
        }
        let action = self.action(deed, &goods, &lot)?;
        Some((self.actor(deed, &goods), vec![action], Intent::Right(deed, goods)))
    }

    fn actor(&self, deed: Deed, goods: &Goods) -> PartyId {
        match deed {
            Deed::Receive | Deed::TakeBack => goods.stops.last().copied().unwrap_or(goods.at),
            Deed::Make
            | Deed::Ship
            | Deed::Unpack
            | Deed::Return
            | Deed::Verify
            | Deed::Dispense
            | Deed::Reverse
            | Deed::Destroy
            | Deed::WriteOff => goods.at,
        }
    }

    fn use_or_destroy(
        &mut self,
        deed: Deed,
        goods: Goods,
        lot: &Lot,
        (recalled, careless): (bool, bool),
    ) -> Option<Order> {
        let deed = if careless { deed } else { Deed::Destroy };
        let (action, actor) = (self.action(deed, &goods, lot)?, goods.at);
        if !careless {
            return Some((actor, vec![action], Intent::Right(deed, goods)));
        }
        let (wrong, expected): (_, &'static [Refusal]) = match recalled {
            true => (Wrong::RecalledPack, &[Refusal::PackRecalled]),
            false => (Wrong::ExpiredPack, &[Refusal::PackExpired]),
        };
        let packs = goods.packs();
        let then = Some((Duration::from_secs(1), Step::Goods(Deed::Destroy, goods)));
        let attempt = Attempt { wrong, expected, alert: false, by_ring: false, packs, then };
        Some((actor, vec![action], Intent::Wrong(attempt)))
    }

    /// `None` for what has nowhere to go.
    pub(super) fn action(&self, deed: Deed, goods: &Goods, lot: &Lot) -> Option<SupplyAction> {
        let unit = goods.unit(lot.gtin);
        let units = alone(unit);
        let scan = match goods.content {
            Content::Pack(number) => self.scan(goods.lot, number),
            Content::Pallet { .. } | Content::Case(_) => None,
        };
        Some(match deed {
            // It is made whole, by `make`.
            Deed::Make => return None,
            Deed::Ship => SupplyAction::Ship { units, to: *goods.stops.last()? },
            Deed::Receive | Deed::TakeBack => SupplyAction::Receive { units, from: goods.at },
            Deed::Unpack => match &goods.content {
                Content::Pallet { number, .. } => SupplyAction::Disaggregate { sscc: sscc(*number) },
                Content::Case(case) => SupplyAction::Disaggregate { sscc: sscc(case.number) },
                Content::Pack(_) => return None,
            },
            Deed::Return => SupplyAction::Return { units, to: *goods.stops.last()? },
            Deed::Verify => SupplyAction::Verify { pack: scan? },
            Deed::Dispense => SupplyAction::Dispense { pack: scan? },
            Deed::Reverse => SupplyAction::Reverse { pack: scan? },
            Deed::Destroy | Deed::WriteOff => SupplyAction::Destroy { units },
        })
    }

    pub(super) fn recall(&mut self, now: Timestamp, id: u32) -> Option<Order> {
        let lot = self.lots.get_mut(&id)?;
        lot.recall = Recall::Asked(lot.recall.at().unwrap_or(now));
        let action = SupplyAction::Recall { gtin: lot.gtin, lot: lot.number };
        Some((lot.manufacturer, vec![action], Intent::Recall(id)))
    }

    /// A manufacturer looks after what it keeps, or puts it aside.
    pub(super) fn sample(&mut self, population: &Population) -> Order {
        let manufacturer = pick(population.institutions_of(InstitutionKind::Manufacturer), &mut self.stream)
            .expect("the plan has one");
        if let Some(pack) = self.samples.get(&manufacturer).copied() {
            let verify = SupplyAction::Verify { pack };
            return (manufacturer, vec![verify], Intent::Sample(manufacturer, pack));
        }
        let (gtin, lot) =
            (population.product(manufacturer, 0), Code::new(b"SAMPLES").expect("seven letters"));
        let serial = serial(self.next_pack);
        self.next_pack += 1;
        let expiry = Timestamp::MAX;
        let serials = List::new(vec![serial]).expect("one is at most the limit");
        let action = SupplyAction::Commission { gtin, lot, expiry, serials };
        (manufacturer, vec![action], Intent::Sample(manufacturer, Scan { gtin, serial, lot, expiry }))
    }

    /// A pharmacy has them now, one by one.
    pub(super) fn shelve(&mut self, now: Timestamp, case: &Goods, first: u64, packs: u64) {
        for number in first..first + packs {
            let goods = Goods { content: Content::Pack(number), stops: Vec::new(), ..case.clone() };
            if let Some(scan) = self.scan(goods.lot, number) {
                self.shelved.push(Seen { scan, pharmacy: goods.at });
            }
            let deed = if self.chance(self.plan.verified_ppb) { Deed::Verify } else { Deed::Dispense };
            self.plan_deed(now, (500, 20_000), deed, goods);
        }
    }
}
