//! Specimens: the life of a few packs with drawn keys, every business step and disposition once. For validators and
//! benchmarks.

use super::key::{Epc, Gln, Gtin, Sscc};
use super::{Action, BizStep, Disposition, Document, Event, Made, What};
use crate::document::date::GENESIS;
use crate::document::json::Put;
use crate::seed::Seed;

/// Events of the `n`-th story of a seed, written.
pub fn specimens(seed: &Seed, n: u64) -> Vec<String> {
    let mut stream = seed.stream(&format!("epcis/specimen/{n}"));
    let mut digits = |width: u32| stream.below(10u64.pow(width));
    let gtin = Gtin::new(digits(13)).expect("13 digits");
    let case = Sscc::new(digits(17)).expect("17 digits");
    let glns = [digits(12), digits(12)].map(|number| Gln::new(number).expect("12 digits"));
    let serials: Vec<String> =
        (0..1 + digits(1) as usize).map(|pack| format!("{}x{pack}", digits(9))).collect();
    let packs: Vec<Epc<'_>> = serials.iter().map(|serial| Epc::Sgtin(gtin, serial)).collect();
    let lot = format!("L{}", digits(6));
    let at = GENESIS.minutes_before(digits(5));
    let made = Made { lot: &lot, expiry: at.days_after(700).date() };
    let mut texts = Vec::new();
    let mut minute = 0;
    let mut emit = |what, action, step, disposition, parties, made| {
        minute += 7;
        let at = at.minutes_after(minute);
        let event = Event { at, what, action, step, disposition, place: glns[0], parties, made };
        let mut text = String::new();
        event.put(&mut text);
        texts.push(text);
    };
    let (all, one) = (What::Objects(&packs), What::Objects(&packs[..1]));
    let inside = What::Aggregation { parent: case, children: &packs };
    let cases = [Epc::Sscc(case)];
    let whole = What::Objects(&cases);
    let hands = Some((glns[0], glns[1]));
    let (add, see, end) = (Action::Add, Action::Observe, Action::Delete);
    emit(all, add, BizStep::Commissioning, Disposition::Active, None, Some(made));
    emit(inside, add, BizStep::Packing, Disposition::InProgress, None, None);
    emit(whole, see, BizStep::Shipping, Disposition::InTransit, hands, None);
    emit(whole, see, BizStep::Receiving, Disposition::InProgress, hands, None);
    emit(inside, end, BizStep::Unpacking, Disposition::SellableAccessible, None, None);
    emit(one, see, BizStep::Inspecting, Disposition::NoPedigreeMatch, None, None);
    emit(one, see, BizStep::Inspecting, Disposition::MismatchInstance, None, None);
    emit(one, end, BizStep::Dispensing, Disposition::Dispensed, None, None);
    emit(one, see, BizStep::Stocking, Disposition::SellableAccessible, None, None);
    emit(What::Lot(gtin, &lot), see, BizStep::Holding, Disposition::Recalled, None, None);
    emit(all, see, BizStep::Holding, Disposition::Recalled, None, None);
    emit(all, see, BizStep::Inspecting, Disposition::Expired, None, None);
    emit(one, end, BizStep::Destroying, Disposition::Destroyed, None, None);
    emit(one, end, BizStep::Decommissioning, Disposition::Inactive, None, None);
    texts
}

/// A document of written events.
pub fn document<'a>(events: impl IntoIterator<Item = &'a String>) -> String {
    let mut document = Document::begin(GENESIS);
    events.into_iter().for_each(|event| document.add_written(event));
    document.end()
}
