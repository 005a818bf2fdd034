//! Every refusal of every action, and of each two the one that wins.

use super::*;
use Refusal::*;

/// What is wrong. Everything else about the action is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// The list is empty.
    Nothing,
    /// Its GTIN is nobody's.
    Product,
    /// Nobody commissioned it.
    Serial,
    /// Its label names another lot.
    Label,
    /// It was dispensed or destroyed.
    UsedUp,
    /// Another asks than who has it, or another asks than who is to receive it.
    Hands,
    /// It is still in a case.
    Packed,
    /// It is listed twice.
    Twice,
    /// The other is named as having sent it.
    Sender,
    /// The licence is withdrawn.
    Licence,
    Recalled,
    Expired,
    /// The window for reversals is over.
    Late,
    /// It is not dispensed yet.
    Undispensed,
}

/// What an action does with pack 1, which a pharmacy has or, for `Receive`, is to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Ship,
    Receive,
    Return,
    Destroy,
    Verify,
    Dispense,
    Reverse,
}

/// The action with these defects, after all that leads to it.
fn attempt(deed: Deed, defects: &[Defect]) -> Answer {
    let has = |defect| defects.contains(&defect);
    let mut ledger = trade();
    done(&mut ledger, 10, MAKER, commission("A", &["1"]));
    let goods = if has(Defect::Packed) { case(1) } else { pack("1") };
    if has(Defect::Packed) {
        done(&mut ledger, 10, MAKER, aggregate(1, &[pack("1")]));
    }
    done(&mut ledger, 10, MAKER, ship(&[goods], WHOLESALER));
    done(&mut ledger, 10, WHOLESALER, receive(&[goods], MAKER));
    done(&mut ledger, 10, WHOLESALER, ship(&[goods], PHARMACY));
    let keeper = if deed == Deed::Receive { WHOLESALER } else { PHARMACY };
    if deed != Deed::Receive {
        done(&mut ledger, 10, PHARMACY, receive(&[goods], WHOLESALER));
    }
    if has(Defect::UsedUp) {
        done(&mut ledger, 10, keeper, destroy(&[goods]));
    } else if deed == Deed::Reverse && !has(Defect::Undispensed) {
        done(&mut ledger, 10, PHARMACY, dispense("1"));
    }
    let seconds = match (has(Defect::Expired), has(Defect::Late)) {
        (true, _) => EXPIRY,
        (false, true) => LATE,
        (false, false) => 20,
    };
    if has(Defect::Recalled) {
        done(&mut ledger, 11, MAKER, recall("A"));
    }
    if has(Defect::Licence) {
        done(&mut ledger, 11, REGULATOR, withdraw(WHOLESALER, PHARMACY));
        done(&mut ledger, 11, REGULATOR, withdraw(PHARMACY, OTHER_PHARMACY));
    }
    let actor = if has(Defect::Hands) { OTHER_PHARMACY } else { PHARMACY };
    let number = if has(Defect::Serial) { "9" } else { "1" };
    let product = gtin(if has(Defect::Product) { 2 } else { 1 });
    let lot = code(if has(Defect::Label) { "B" } else { "A" });
    let scanned = Scan { gtin: product, lot, ..scan(number) };
    let listed = match (has(Defect::Nothing), has(Defect::Twice)) {
        (true, _) => vec![],
        (false, true) => vec![scanned.unit(); 2],
        (false, false) => vec![scanned.unit()],
    };
    let partner = if has(Defect::Sender) { OTHER_PHARMACY } else { WHOLESALER };
    let action = match deed {
        Deed::Ship => ship(&listed, if actor == PHARMACY { OTHER_PHARMACY } else { PHARMACY }),
        Deed::Receive => receive(&listed, partner),
        Deed::Return => give_back(&listed, partner),
        Deed::Destroy => destroy(&listed),
        Deed::Verify => SupplyAction::Verify { pack: scanned },
        Deed::Dispense => SupplyAction::Dispense { pack: scanned },
        Deed::Reverse => SupplyAction::Reverse { pack: scanned },
    };
    act(&mut ledger, seconds, actor, action)
}

/// One that is used up is in nobody's hands, undispensed or not; in a case it was not dispensed.
fn go_together(deed: Deed, one: Defect, other: Defect) -> bool {
    let both = |a, b| (one, other) == (a, b) || (one, other) == (b, a);
    let nothing_else = one != other && (one == Defect::Nothing || other == Defect::Nothing);
    let listed = nothing_else && both(Defect::Nothing, Defect::Twice);
    let dispensed = deed == Deed::Reverse && both(Defect::UsedUp, Defect::Undispensed);
    !listed && !dispensed
}

#[test]
fn of_two_refusals_the_first_wins() {
    let identity = [(Defect::Product, UnknownProduct), (Defect::Serial, UnknownSerial)];
    let scanned = || identity.into_iter().chain([(Defect::Label, LotExpiryMismatch)]);
    let listed = || [(Defect::Nothing, EmptyScope)].into_iter().chain(identity);
    let used_up = (Defect::UsedUp, AlreadyDispensed);
    let in_hand = [used_up, (Defect::Hands, NotCurrentHolder), (Defect::Packed, StillPacked)];
    let (twice, licence) = ((Defect::Twice, DuplicateSerial), (Defect::Licence, UnauthorisedPartner));
    let condition = [(Defect::Recalled, PackRecalled), (Defect::Expired, PackExpired)];
    let arriving = [
        used_up,
        (Defect::Hands, NoMatchingShipment),
        (Defect::Sender, NoMatchingShipment),
        (Defect::Packed, StillPacked),
    ];
    let late = (Defect::Late, ReverseWindowClosed);
    let table: Vec<(Deed, Vec<(Defect, Refusal)>)> = vec![
        (Deed::Ship, listed().chain(in_hand).chain([twice, licence]).chain(condition).collect()),
        (Deed::Receive, listed().chain(arriving).chain([twice, licence]).collect()),
        (
            Deed::Return,
            listed()
                .chain(in_hand)
                .chain([(Defect::Sender, NoMatchingShipment), twice, licence, late])
                .collect(),
        ),
        (Deed::Destroy, listed().chain(in_hand).chain([twice]).collect()),
        (Deed::Verify, scanned().chain([used_up, in_hand[1]]).chain(condition).collect()),
        (Deed::Dispense, scanned().chain(in_hand).chain(condition).collect()),
        (
            Deed::Reverse,
            scanned()
                .chain([used_up, (Defect::Undispensed, NotDispensed), (Defect::Hands, NotCurrentHolder)])
                .chain(condition)
                .chain([late])
                .collect(),
        ),
    ];
    let mut tried = 0;
    for (deed, order) in table {
        assert_eq!(attempt(deed, &[]).refusal(), None, "{deed:?}");
        for (n, (first, refusal)) in order.iter().enumerate() {
            for (second, _) in order[n..].iter().filter(|(second, _)| go_together(deed, *first, *second)) {
                let answer = attempt(deed, &[*first, *second]);
                assert_eq!(answer.refusal(), Some(*refusal), "{deed:?} {first:?} {second:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 200, "{tried} pairs");
}

#[test]
fn verifying_and_receiving_see_through_recall_and_packing() {
    assert_eq!(attempt(Deed::Verify, &[Defect::Packed]).refusal(), None);
    assert_eq!(attempt(Deed::Receive, &[Defect::Recalled, Defect::Expired]).refusal(), None);
    assert_eq!(attempt(Deed::Return, &[Defect::Recalled]).refusal(), None);
}

/// What comes before, and the last step with its refusal; at second 20 unless said otherwise.
#[test]
fn every_other_refusal() {
    let register = |n, manufacturer| SupplyAction::RegisterProduct { gtin: gtin(n), manufacturer };
    let of = |n, lot: &str, expiry| SupplyAction::Commission {
        gtin: gtin(n),
        lot: code(lot),
        expiry: at(expiry),
        serials: List::new(vec![code("1")]).unwrap(),
    };
    let none = || SupplyAction::Commission {
        gtin: gtin(2),
        lot: code("A"),
        expiry: at(0),
        serials: List::default(),
    };
    let nested = |depth: u64| {
        (11..11 + depth).map(|n| (20, MAKER, aggregate(n, &[if n == 11 { pack("4") } else { case(n - 1) }])))
    };
    let lots = |count: u64| {
        let packs: Vec<(String, String)> = (0..count).map(|n| (format!("L{n}"), format!("s{n}"))).collect();
        let all: Vec<Unit> = packs.iter().map(|(_, serial)| pack(serial)).collect();
        let made = packs.iter().map(|(lot, serial)| (20, MAKER, commission(lot, &[serial])));
        made.chain([(20, MAKER, aggregate(50, &all))]).collect::<Vec<_>>()
    };
    type Step = (u64, PartyId, SupplyAction);
    let one = |actor, action| vec![(20, actor, action)];
    let recalled = |actor, action| vec![(20, MAKER, recall("A")), (20, actor, action)];
    let cases: Vec<(Refusal, Vec<Step>)> = vec![
        (RoleNotAllowed, one(MAKER, register(2, MAKER))),
        (RoleNotAllowed, one(WHOLESALER, commission("A", &["9"]))),
        (RoleNotAllowed, one(WHOLESALER, dispense("1"))),
        (RoleNotAllowed, one(SOMEBODY, verify("1"))),
        (RoleNotAllowed, one(REGULATOR, ship(&[pack("4")], WHOLESALER))),
        (RoleNotAllowed, one(PHARMACY, recall("A"))),
        (RoleNotAllowed, one(WHOLESALER, authorise(WHOLESALER, UNLICENSED, EXPIRY))),
        (UnknownParty, one(REGULATOR, register(1, WHOLESALER))),
        (UnknownParty, one(REGULATOR, register(2, NOBODY))),
        (DuplicateProduct, one(REGULATOR, register(1, OTHER_MAKER))),
        (UnknownParty, one(REGULATOR, authorise(MAKER, SOMEBODY, 0))),
        (UnknownParty, one(REGULATOR, authorise(NOBODY, WHOLESALER, EXPIRY))),
        (UnknownParty, one(REGULATOR, authorise(MAKER, MAKER, EXPIRY))),
        (ExpiryInPast, one(REGULATOR, authorise(MAKER, WHOLESALER, 20))),
        (UnauthorisedPartner, one(REGULATOR, withdraw(WHOLESALER, MAKER))),
        (AlreadyRevoked, vec![(20, REGULATOR, withdraw(MAKER, WHOLESALER)); 2]),
        // Commission.
        (EmptyScope, one(OTHER_MAKER, none())),
        (UnknownProduct, one(OTHER_MAKER, of(2, "A", 0))),
        (NotGtinOwner, one(OTHER_MAKER, of(1, "A", 0))),
        (LotExpiryMismatch, recalled(MAKER, of(1, "A", 0))),
        (PackRecalled, vec![(20, MAKER, recall("A")), (EXPIRY, MAKER, of(1, "A", EXPIRY))]),
        (PackExpired, one(MAKER, of(1, "B", 20))),
        (PackExpired, vec![(EXPIRY, MAKER, commission("A", &["1"]))]),
        (DuplicateSerial, one(MAKER, commission("B", &["9", "1"]))),
        (DuplicateSerial, one(MAKER, commission("B", &["9", "9"]))),
        // Aggregate.
        (EmptyScope, one(MAKER, aggregate(1, &[]))),
        (DuplicateSerial, one(MAKER, aggregate(1, &[pack("9")]))),
        (UnknownSerial, one(MAKER, aggregate(11, &[pack("9")]))),
        (UnknownProduct, one(MAKER, aggregate(11, &[Unit::Pack { gtin: gtin(2), serial: code("4") }]))),
        (
            AlreadyDispensed,
            vec![(20, MAKER, destroy(&[pack("4")])), (20, MAKER, aggregate(11, &[pack("4")]))],
        ),
        (ChildNotHeld, one(MAKER, aggregate(11, &[pack("4"), pack("1")]))),
        (ChildNotHeld, one(MAKER, aggregate(11, &[pack("4"), pack("4")]))),
        (
            ChildNotHeld,
            vec![(20, MAKER, aggregate(11, &[pack("4")])), (20, MAKER, aggregate(12, &[pack("4")]))],
        ),
        (NestedTooDeep, nested(5).collect()),
        (TooManyLots, lots(33)),
        // Disaggregate.
        (UnknownSerial, one(WHOLESALER, disaggregate(9))),
        (AlreadyDispensed, vec![(20, WHOLESALER, disaggregate(3)), (20, WHOLESALER, disaggregate(3))]),
        (NotCurrentHolder, one(MAKER, disaggregate(1))),
        (StillPacked, one(WHOLESALER, disaggregate(1))),
        // Recall.
        (UnknownProduct, one(OTHER_MAKER, SupplyAction::Recall { gtin: gtin(2), lot: code("X") })),
        (NotGtinOwner, one(OTHER_MAKER, recall("X"))),
        (UnknownLot, one(REGULATOR, recall("X"))),
        (PackRecalled, recalled(REGULATOR, recall("A"))),
    ];
    for (number, (refusal, steps)) in cases.into_iter().enumerate() {
        let mut ledger = delivered();
        let (last, before) = steps.split_last().unwrap();
        for (seconds, actor, action) in before.iter().cloned() {
            done(&mut ledger, seconds, actor, action);
        }
        let (seconds, actor, action) = last.clone();
        assert_eq!(
            act(&mut ledger, seconds, actor, action).refusal(),
            Some(refusal),
            "case {number}: {last:?}"
        );
    }
    let mut ledger = delivered();
    for (seconds, actor, action) in lots(32).into_iter().chain(nested(4)) {
        done(&mut ledger, seconds, actor, action);
    }
}

#[test]
fn a_partner_without_credential_is_unauthorised() {
    let mut ledger = delivered();
    play(&mut ledger, &[(20, REGULATOR, Action::RevokeCredential { party: PHARMACY })]);
    let refused = act(&mut ledger, 21, WHOLESALER, ship(&[case(3)], PHARMACY));
    assert_eq!(refused.refusal(), Some(UnauthorisedPartner));
    // A licence is renewed, and ends.
    done(&mut ledger, 22, REGULATOR, withdraw(WHOLESALER, OTHER_PHARMACY));
    done(&mut ledger, 23, REGULATOR, authorise(WHOLESALER, OTHER_PHARMACY, 30));
    let refused = act(&mut ledger, 30, WHOLESALER, ship(&[case(3)], OTHER_PHARMACY));
    assert_eq!(refused.refusal(), Some(UnauthorisedPartner));
    done(&mut ledger, 29, WHOLESALER, ship(&[case(3)], OTHER_PHARMACY));
}
