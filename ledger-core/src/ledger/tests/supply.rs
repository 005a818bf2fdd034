//! Medicines from hand to hand: what succeeds, what is refused and which refusal wins, what alerts are left.

mod invariants;
mod order;

use super::*;
use crate::ledger::supply::{Node, Place, Product};

const MAKER: PartyId = PartyId(1);
const OTHER_MAKER: PartyId = PartyId(2);
const WHOLESALER: PartyId = PartyId(3);
const PHARMACY: PartyId = PartyId(4);
const OTHER_PHARMACY: PartyId = PartyId(5);
const UNLICENSED: PartyId = PartyId(6);
const SOMEBODY: PartyId = PartyId(7);

/// Second from which lot A is expired, and the last that a licence covers.
const EXPIRY: u64 = 2_000_000;
/// Longer than the window for reversals, ten days.
const LATE: u64 = 900_000;

fn gtin(n: u64) -> Gtin {
    Gtin::complete(n).unwrap()
}

fn sscc(n: u64) -> Sscc {
    Sscc::complete(n).unwrap()
}

fn code(text: &str) -> Code {
    Code::new(text.as_bytes()).unwrap()
}

fn pack(serial: &str) -> Unit {
    Unit::Pack { gtin: gtin(1), serial: code(serial) }
}

fn case(n: u64) -> Unit {
    Unit::Container { sscc: sscc(n) }
}

fn units(units: &[Unit]) -> List<Unit, UNITS_MAX> {
    List::new(units.to_vec()).unwrap()
}

fn scan(serial: &str) -> Scan {
    Scan { gtin: gtin(1), serial: code(serial), lot: code("A"), expiry: at(EXPIRY) }
}

fn commission(lot: &str, serials: &[&str]) -> SupplyAction {
    let serials = List::new(serials.iter().map(|serial| code(serial)).collect()).unwrap();
    SupplyAction::Commission { gtin: gtin(1), lot: code(lot), expiry: at(EXPIRY), serials }
}

fn aggregate(n: u64, children: &[Unit]) -> SupplyAction {
    SupplyAction::Aggregate { sscc: sscc(n), children: units(children) }
}

fn disaggregate(n: u64) -> SupplyAction {
    SupplyAction::Disaggregate { sscc: sscc(n) }
}

fn ship(what: &[Unit], to: PartyId) -> SupplyAction {
    SupplyAction::Ship { units: units(what), to }
}

fn receive(what: &[Unit], from: PartyId) -> SupplyAction {
    SupplyAction::Receive { units: units(what), from }
}

fn give_back(what: &[Unit], to: PartyId) -> SupplyAction {
    SupplyAction::Return { units: units(what), to }
}

fn destroy(what: &[Unit]) -> SupplyAction {
    SupplyAction::Destroy { units: units(what) }
}

fn verify(serial: &str) -> SupplyAction {
    SupplyAction::Verify { pack: scan(serial) }
}

fn dispense(serial: &str) -> SupplyAction {
    SupplyAction::Dispense { pack: scan(serial) }
}

fn reverse(serial: &str) -> SupplyAction {
    SupplyAction::Reverse { pack: scan(serial) }
}

fn recall(lot: &str) -> SupplyAction {
    SupplyAction::Recall { gtin: gtin(1), lot: code(lot) }
}

fn authorise(supplier: PartyId, customer: PartyId, until: u64) -> SupplyAction {
    SupplyAction::AuthorisePartner { supplier, customer, until: at(until) }
}

fn withdraw(supplier: PartyId, customer: PartyId) -> SupplyAction {
    SupplyAction::WithdrawPartner { supplier, customer }
}

/// A maker supplies a wholesaler, that two pharmacies, and the first the second. The unlicensed wholesaler has no partner.
fn trade() -> Ledger {
    let mut genesis = Ledger::genesis(Policy::default());
    let roles = [
        Role::Regulator,
        Role::Manufacturer,
        Role::Manufacturer,
        Role::Wholesaler,
        Role::Pharmacy,
        Role::Pharmacy,
        Role::Wholesaler,
        Role::Patient,
    ];
    for (index, role) in (0..).zip(roles) {
        let key = secret(PartyId(index)).public();
        let credential = Credential::ALWAYS;
        genesis.party(Party { key, wrap_key: [0; 32], role, organisation: None, credential });
    }
    genesis.product(Product { gtin: gtin(1), manufacturer: MAKER });
    let mut ledger = genesis.build();
    let licences = [
        (MAKER, WHOLESALER),
        (WHOLESALER, PHARMACY),
        (WHOLESALER, OTHER_PHARMACY),
        (PHARMACY, OTHER_PHARMACY),
    ];
    for (supplier, customer) in licences {
        done(&mut ledger, 1, REGULATOR, authorise(supplier, customer, 2 * EXPIRY));
    }
    ledger
}

fn act(ledger: &mut Ledger, seconds: u64, actor: PartyId, action: SupplyAction) -> Answer {
    act_together(ledger, seconds, actor, false, vec![action])[0]
}

fn act_together(
    ledger: &mut Ledger,
    seconds: u64,
    actor: PartyId,
    atomic: bool,
    actions: Vec<SupplyAction>,
) -> Answers {
    let used = ledger.activity(actor).unwrap().sequences;
    let count = actions.len() as u64;
    let sequence = (0..).find(|first| used.is_fresh(*first, first + count - 1)).unwrap();
    let actions = Actions::new(actions.into_iter().map(Action::Supply).collect()).unwrap();
    let body = TransactionBody {
        actor,
        organisation: actor,
        sequence,
        valid_until: Timestamp::MAX,
        atomic,
        actions,
    };
    ledger.execute(at(seconds), &sign(body), true)
}

#[track_caller]
fn done(ledger: &mut Ledger, seconds: u64, actor: PartyId, action: SupplyAction) -> SupplyOutcome {
    let answer = act(ledger, seconds, actor, action.clone());
    assert_eq!(answer.alert, None);
    match answer.outcome {
        Outcome::Supply(outcome) => outcome,
        outcome => panic!("{action:?} by {actor:?}: {outcome:?}"),
    }
}

fn place_of(ledger: &Ledger, serial: &str) -> Place {
    let packs = ledger.packs();
    let product = packs.product_by_gtin(gtin(1)).unwrap();
    packs.place(Node::Pack(packs.pack_by_serial(product, code(serial)).unwrap())).unwrap()
}

/// Lot A: packs 1 and 2 in case 1, 3 in case 2, both on pallet 3, at the wholesaler; pack 4 at the maker.
fn delivered() -> Ledger {
    let mut ledger = trade();
    done(&mut ledger, 10, MAKER, commission("A", &["1", "2", "3", "4"]));
    done(&mut ledger, 10, MAKER, aggregate(1, &[pack("1"), pack("2")]));
    done(&mut ledger, 10, MAKER, aggregate(2, &[pack("3")]));
    done(&mut ledger, 10, MAKER, aggregate(3, &[case(1), case(2)]));
    done(&mut ledger, 11, MAKER, ship(&[case(3)], WHOLESALER));
    done(&mut ledger, 12, WHOLESALER, receive(&[case(3)], MAKER));
    ledger
}

#[test]
fn a_pack_goes_from_hand_to_hand() {
    use SupplyOutcome::*;
    let mut ledger = delivered();
    let held = |by, from, since| Place::Held { by, from: Some(from), since: at(since) };
    assert_eq!(place_of(&ledger, "1"), held(WHOLESALER, MAKER, 12));
    let steps = [
        (WHOLESALER, verify("1"), Verified(PackId(0))),
        (WHOLESALER, disaggregate(3), Disaggregated(ContainerId(2))),
        (WHOLESALER, ship(&[case(1), case(2)], PHARMACY), Shipped(3)),
        // On its way it may be verified by who is to receive it, and by a regulator anywhere.
        (PHARMACY, verify("2"), Verified(PackId(1))),
        (REGULATOR, verify("4"), Verified(PackId(3))),
        (PHARMACY, receive(&[case(1), case(2)], WHOLESALER), Received(3)),
        (PHARMACY, give_back(&[case(2)], WHOLESALER), Returned(1)),
        (WHOLESALER, receive(&[case(2)], PHARMACY), Received(1)),
        (WHOLESALER, destroy(&[case(2)]), Destroyed(1)),
        (PHARMACY, disaggregate(1), Disaggregated(ContainerId(0))),
        (PHARMACY, dispense("1"), Dispensed(PackId(0))),
        (PHARMACY, reverse("1"), Reversed(PackId(0))),
        (PHARMACY, dispense("1"), Dispensed(PackId(0))),
        (PHARMACY, aggregate(4, &[pack("2")]), Aggregated { container: ContainerId(3), packs: 1 }),
        (MAKER, recall("A"), Recalled(LotId(0))),
        // What was recalled still goes back, and is destroyed.
        (PHARMACY, give_back(&[case(4)], WHOLESALER), Returned(1)),
        (WHOLESALER, receive(&[case(4)], PHARMACY), Received(1)),
    ];
    for (seconds, (actor, action, outcome)) in (20..).zip(steps) {
        assert_eq!(done(&mut ledger, seconds, actor, action), outcome);
    }
    assert_eq!(place_of(&ledger, "1"), Place::Dispensed { by: PHARMACY, at: at(32) });
    assert_eq!(place_of(&ledger, "2"), Place::Held { by: WHOLESALER, from: None, since: at(36) });
    assert_eq!(place_of(&ledger, "3"), Place::Destroyed { by: WHOLESALER, at: at(28) });
    assert!(ledger.packs().alerts().is_empty());
}

#[test]
fn what_was_sent_comes_back_or_is_written_off() {
    let mut ledger = delivered();
    done(&mut ledger, 20, WHOLESALER, ship(&[case(3)], PHARMACY));
    assert_eq!(
        done(&mut ledger, 21, WHOLESALER, receive(&[case(3)], WHOLESALER)),
        SupplyOutcome::Received(3)
    );
    assert_eq!(place_of(&ledger, "1"), Place::Held { by: WHOLESALER, from: None, since: at(21) });
    done(&mut ledger, 22, WHOLESALER, ship(&[case(3)], PHARMACY));
    assert_eq!(done(&mut ledger, 23, WHOLESALER, destroy(&[case(3)])), SupplyOutcome::Destroyed(3));
    let refused = act(&mut ledger, 24, PHARMACY, receive(&[case(3)], WHOLESALER));
    assert_eq!(refused.refusal(), Some(Refusal::AlreadyDispensed));
}

/// Who, what, and the kind of the alert that its refusal raises.
#[test]
fn refusals_raise_alerts_without_gaps() {
    use AlertKind::*;
    let mut ledger = delivered();
    done(&mut ledger, 20, WHOLESALER, disaggregate(3));
    done(&mut ledger, 20, WHOLESALER, ship(&[case(1)], PHARMACY));
    done(&mut ledger, 20, PHARMACY, receive(&[case(1)], WHOLESALER));
    done(&mut ledger, 20, PHARMACY, disaggregate(1));
    done(&mut ledger, 20, PHARMACY, dispense("1"));
    done(&mut ledger, 20, WHOLESALER, ship(&[case(2)], PHARMACY));
    let mislabelled = Scan { lot: code("B"), ..scan("2") };
    let unknown = Scan { gtin: gtin(2), ..scan("2") };
    let cases = [
        (PHARMACY, verify("9"), Refusal::UnknownSerial, Some(Counterfeit), true),
        (
            PHARMACY,
            SupplyAction::Dispense { pack: unknown },
            Refusal::UnknownProduct,
            Some(Counterfeit),
            false,
        ),
        (PHARMACY, receive(&[case(8)], WHOLESALER), Refusal::UnknownSerial, Some(Counterfeit), false),
        (
            PHARMACY,
            SupplyAction::Verify { pack: mislabelled },
            Refusal::LotExpiryMismatch,
            Some(Mislabelled),
            true,
        ),
        (OTHER_PHARMACY, dispense("1"), Refusal::AlreadyDispensed, Some(Clone), true),
        (PHARMACY, verify("1"), Refusal::AlreadyDispensed, Some(Clone), true),
        (OTHER_PHARMACY, receive(&[pack("2")], WHOLESALER), Refusal::NoMatchingShipment, Some(Clone), true),
        (OTHER_PHARMACY, receive(&[case(2)], WHOLESALER), Refusal::NoMatchingShipment, Some(Diversion), true),
        (OTHER_PHARMACY, verify("2"), Refusal::NotCurrentHolder, Some(Diversion), true),
        (OTHER_PHARMACY, aggregate(9, &[pack("2")]), Refusal::ChildNotHeld, Some(Diversion), true),
        (MAKER, ship(&[pack("4")], PHARMACY), Refusal::UnauthorisedPartner, Some(Diversion), true),
        (PHARMACY, receive(&[case(2)], MAKER), Refusal::NoMatchingShipment, None, true),
        (PHARMACY, receive(&[pack("3")], WHOLESALER), Refusal::StillPacked, None, true),
        (PHARMACY, reverse("2"), Refusal::NotDispensed, None, true),
        (OTHER_MAKER, recall("A"), Refusal::NotGtinOwner, None, true),
    ];
    let (mut total, mut own) = (0, 0);
    for (actor, action, refusal, kind, of_maker) in cases {
        let mut quiet = ledger.clone();
        let answer = act(&mut ledger, 30, actor, action.clone());
        assert_eq!(
            (answer.refusal(), answer.alert.map(|alert| alert.kind)),
            (Some(refusal), kind),
            "{action:?}"
        );
        // Atomic or alone, the alert is the same, and all that is left.
        let together = act_together(&mut quiet, 30, actor, true, vec![action.clone(), action]);
        assert_eq!(together[0], answer);
        assert_eq!(together[1], Answer::refused(Refusal::RolledBack));
        assert_eq!(quiet.packs().root(), ledger.packs().root());
        let Some(alert) = answer.alert else { continue };
        assert_eq!((alert.id, alert.manufacturer), (AlertId(total), of_maker.then_some(MAKER)));
        total += 1;
        own += u64::from(of_maker);
        assert_eq!(alert.counter, if of_maker { own } else { u64::from(total) - own });
        let row = ledger.packs().alerts().get(alert.id.0).unwrap();
        assert_eq!((row.kind, row.refusal, row.actor, row.at), (alert.kind, refusal, actor, at(30)));
    }
    assert_eq!((ledger.packs().alerts().len(), total, own), (11, 11, 9));
    let numbers = |who| ledger.packs().alerts_of(who).map(|(_, row)| row.counter).collect::<Vec<_>>();
    assert_eq!(numbers(Some(MAKER)), (1..=9).rev().collect::<Vec<_>>());
    assert_eq!(numbers(None), [2, 1]);
    assert_eq!(numbers(Some(OTHER_MAKER)), Vec::<u64>::new());
}

#[test]
fn an_atomic_bundle_that_ends_in_an_alert_leaves_the_alert() {
    let mut ledger = delivered();
    let before = ledger.clone();
    let answers =
        act_together(&mut ledger, 30, MAKER, true, vec![commission("A", &["5"]), destroy(&[pack("6")])]);
    assert_eq!(answers[0], Answer::refused(Refusal::RolledBack));
    assert_eq!(answers[1].alert.map(|alert| (alert.id, alert.counter)), Some((AlertId(0), 1)));
    assert_eq!(ledger.packs().packs().len(), before.packs().packs().len());
    assert_eq!(ledger.packs().alerts_of(Some(MAKER)).count(), 1);
    let restored = Ledger::restore(&ledger.snapshot()).unwrap();
    assert_eq!(restored.state_root(), ledger.state_root());
    assert_eq!(restored.packs().alerts_of(Some(MAKER)).count(), 1);
}

#[test]
fn shipping_a_pallet_writes_one_row_whatever_is_on_it() {
    let mut ledger = trade();
    let mut cases = Vec::new();
    for n in 0..64u64 {
        let serials: Vec<String> = (0..SERIALS_MAX).map(|serial| format!("{n}-{serial}")).collect();
        let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
        done(&mut ledger, 2, MAKER, commission("A", &serials));
        done(
            &mut ledger,
            2,
            MAKER,
            aggregate(n, &serials.iter().map(|serial| pack(serial)).collect::<Vec<_>>()),
        );
        cases.push(case(n));
    }
    done(&mut ledger, 2, MAKER, aggregate(99, &cases));
    let mut replica = ledger.clone();
    assert_eq!(done(&mut replica, 3, MAKER, ship(&[case(99)], WHOLESALER)), SupplyOutcome::Shipped(16_384));
    let own = replica.packs().memory_bytes();
    assert!(own < 8_000, "{own} bytes for one shipment");
}

#[test]
fn snapshots_of_impossible_trade_are_refused() {
    let ledger = delivered();
    let nobody = Place::Held { by: NOBODY, from: None, since: Timestamp::ZERO };
    let mut bad = ledger.clone();
    bad.packs.push_product(Product { gtin: gtin(7), manufacturer: NOBODY });
    let error = RestoreError::Impossible { table: "products", index: 1 };
    assert_eq!(Ledger::restore(&bad.snapshot()).unwrap_err(), error);
    let changes: [(Node, Place, &str); 6] = [
        (Node::Pack(PackId(3)), nobody, "packs"),
        (Node::Pack(PackId(3)), Place::Inside(ContainerId(9)), "packs"),
        (Node::Pack(PackId(3)), Place::Unpacked, "packs"),
        // Its sum is wrong then; the pallet cannot be in its own case, nor with a patient.
        (Node::Pack(PackId(3)), Place::Inside(ContainerId(0)), "containers"),
        (Node::Container(ContainerId(2)), Place::Inside(ContainerId(0)), "containers"),
        (Node::Container(ContainerId(2)), Place::Dispensed { by: PHARMACY, at: at(1) }, "containers"),
    ];
    for (node, place, expected) in changes {
        let mut bad = ledger.clone();
        bad.packs.set_place(node, place);
        let refused = Ledger::restore(&bad.snapshot());
        assert!(
            matches!(refused, Err(RestoreError::Impossible { table, .. }) if table == expected),
            "{node:?} {place:?}: {refused:?}"
        );
    }
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn seeded_bugs_of_trade_bite() {
    let at_pharmacy = |bug| {
        let mut ledger = trade();
        done(&mut ledger, 10, MAKER, commission("A", &["1"]));
        done(&mut ledger, 10, MAKER, ship(&[pack("1")], WHOLESALER));
        done(&mut ledger, 10, WHOLESALER, receive(&[pack("1")], MAKER));
        done(&mut ledger, 10, WHOLESALER, ship(&[pack("1")], PHARMACY));
        done(&mut ledger, 10, PHARMACY, receive(&[pack("1")], WHOLESALER));
        ledger.seed_bug(bug);
        ledger
    };
    let mut ledger = at_pharmacy(LedgerBug::DispenseAgain);
    done(&mut ledger, 11, PHARMACY, dispense("1"));
    done(&mut ledger, 12, OTHER_PHARMACY, dispense("1"));
    let mut ledger = at_pharmacy(LedgerBug::IgnoreRecall);
    done(&mut ledger, 11, MAKER, recall("A"));
    done(&mut ledger, 12, PHARMACY, dispense("1"));
}
