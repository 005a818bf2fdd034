//! No sequence of actions, valid or not, leads to a state that could not be.

use super::*;
use std::collections::BTreeMap;

/// What any organisation may try, over few packs, cases and partners, so that much succeeds and much is refused.
fn any_action() -> impl Strategy<Value = (PartyId, SupplyAction)> {
    let serial = || (0u8..8).prop_map(|n| n.to_string());
    let unit = || prop_oneof![3 => serial().prop_map(|serial| pack(&serial)), 2 => (0u64..6).prop_map(case)];
    let some = move || prop::collection::vec(unit(), 0..4);
    let partner = || (1u32..7).prop_map(PartyId);
    let lot = || (0usize..3).prop_map(|n| ["A", "B", "C"][n]);
    // Lot C expires on the way.
    let expiry = |lot: &str| if lot == "C" { at(40) } else { at(EXPIRY) };
    let scan = move || {
        (serial(), lot()).prop_map(move |(serial, lot)| Scan {
            gtin: gtin(1),
            serial: code(&serial),
            lot: code(lot),
            expiry: expiry(lot),
        })
    };
    let made = (prop::collection::vec(serial(), 1..4), lot()).prop_map(move |(serials, lot)| {
        let serials = List::new(serials.iter().map(|serial| code(serial)).collect()).unwrap();
        SupplyAction::Commission { gtin: gtin(1), lot: code(lot), expiry: expiry(lot), serials }
    });
    let by_anybody = prop_oneof![
        3 => (0u64..6, some()).prop_map(|(n, children)| aggregate(n, &children)),
        2 => (0u64..6).prop_map(disaggregate),
        4 => (some(), partner()).prop_map(|(units, to)| ship(&units, to)),
        4 => (some(), partner()).prop_map(|(units, from)| receive(&units, from)),
        1 => (some(), partner()).prop_map(|(units, to)| give_back(&units, to)),
        1 => some().prop_map(|units| destroy(&units)),
        1 => scan().prop_map(|pack| SupplyAction::Verify { pack }),
    ];
    let at_the_counter = prop_oneof![
        3 => scan().prop_map(|pack| SupplyAction::Dispense { pack }),
        1 => scan().prop_map(|pack| SupplyAction::Reverse { pack }),
    ];
    prop_oneof![
        4 => made.prop_map(|action| (MAKER, action)),
        1 => lot().prop_map(|lot| (MAKER, recall(lot))),
        1 => (partner(), partner()).prop_map(|(one, other)| (REGULATOR, withdraw(one, other))),
        2 => (partner(), partner()).prop_map(|(one, other)| (REGULATOR, authorise(one, other, EXPIRY))),
        12 => (partner(), by_anybody),
        6 => (4u32..6, at_the_counter).prop_map(|(pharmacy, action)| (PartyId(pharmacy), action)),
    ]
}

/// What the answers alone say happened.
#[derive(Default)]
struct Told {
    commissioned: usize,
    destroyed: usize,
    /// Dispensed, and not reversed since.
    with_patients: BTreeMap<PackId, u32>,
}

fn hear(told: &mut Told, before: &Ledger, now: Timestamp, outcome: SupplyOutcome) {
    match outcome {
        SupplyOutcome::Commissioned { packs, .. } => told.commissioned += packs as usize,
        SupplyOutcome::Destroyed(packs) => told.destroyed += packs as usize,
        SupplyOutcome::Dispensed(id) => {
            *told.with_patients.entry(id).or_default() += 1;
            let lot = before.packs().lots().get(before.packs().packs().get(id.0).unwrap().lot.0).unwrap();
            assert!(lot.recalled_at.is_none() && now < lot.expiry, "{lot:?} dispensed at {now}");
        }
        SupplyOutcome::Reversed(id) => *told.with_patients.get_mut(&id).unwrap() -= 1,
        SupplyOutcome::ProductRegistered(_)
        | SupplyOutcome::PartnerAuthorised
        | SupplyOutcome::PartnerWithdrawn
        | SupplyOutcome::Aggregated { .. }
        | SupplyOutcome::Disaggregated(_)
        | SupplyOutcome::Shipped(_)
        | SupplyOutcome::Received(_)
        | SupplyOutcome::Returned(_)
        | SupplyOutcome::Verified(_)
        | SupplyOutcome::Recalled(_) => {}
    }
    assert!(told.with_patients.values().all(|times| *times <= 1), "dispensed twice");
}

/// One place for each pack; nothing lost; what is in a container is where it is, and listed there alone.
fn check_places(ledger: &Ledger, told: &Told) {
    let packs = ledger.packs();
    let (mut active, mut under_way, mut dispensed, mut destroyed) = (0, 0, 0, 0);
    for id in 0..packs.packs().len() as u32 {
        match packs.place(Node::Pack(PackId(id))).expect("a pack is somewhere") {
            Place::Held { .. } => active += 1,
            Place::InTransit { from, to, .. } => {
                assert_ne!(from, to);
                under_way += 1;
            }
            Place::Dispensed { .. } => {
                assert_eq!(told.with_patients.get(&PackId(id)), Some(&1));
                dispensed += 1;
            }
            Place::Destroyed { .. } => destroyed += 1,
            place @ (Place::Inside(_) | Place::Unpacked) => panic!("pack {id} is {place:?}"),
        }
    }
    assert_eq!(told.commissioned, active + under_way + dispensed + destroyed);
    assert_eq!(told.with_patients.values().sum::<u32>(), dispensed as u32);
    assert_eq!(told.destroyed, destroyed);
    let mut listed = Vec::new();
    for (id, container) in (0..).map(ContainerId).zip(packs.containers().iter()) {
        for node in packs.contents(id) {
            let own = match node {
                Node::Pack(id) => packs.packs().get(id.0).unwrap().place,
                Node::Container(id) => packs.containers().get(id.0).unwrap().place,
            };
            assert_eq!(own, Place::Inside(id));
            assert_eq!(packs.place(*node), packs.place(Node::Container(id)));
            listed.push(*node);
        }
        assert!(container.place != Place::Unpacked || packs.contents(id).is_empty());
    }
    let inside = packs.packs().iter().filter(|row| matches!(row.place, Place::Inside(_))).count()
        + packs.containers().iter().filter(|row| matches!(row.place, Place::Inside(_))).count();
    assert_eq!(listed.len(), inside);
    listed.sort_unstable();
    listed.dedup();
    assert_eq!(listed.len(), inside);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_pack_is_in_one_place(
        bundles in prop::collection::vec((any_action(), prop::collection::vec(any_action(), 0..2), any::<bool>()), 1..120),
    ) {
        let (mut ledger, mut told) = (trade(), Told::default());
        for (second, ((actor, action), more, atomic)) in (2..).zip(bundles) {
            // Those of one actor, in one bundle.
            let more = more.into_iter().filter(|(other, _)| *other == actor).map(|(_, action)| action);
            let actions: Vec<SupplyAction> = std::iter::once(action).chain(more).collect();
            let before = ledger.clone();
            let answers = act_together(&mut ledger, second, actor, atomic, actions);
            for answer in answers.iter() {
                match answer.outcome {
                    Outcome::Supply(outcome) => hear(&mut told, &ledger, at(second), outcome),
                    Outcome::Refused(_) => {}
                    outcome => panic!("{outcome:?}"),
                }
            }
            let alerts = answers.iter().filter(|answer| answer.alert.is_some()).count();
            prop_assert_eq!(ledger.packs().alerts().len(), before.packs().alerts().len() + alerts);
            if answers.iter().all(|answer| answer.refusal().is_some()) {
                let changed = ledger.packs().root() != before.packs().root();
                prop_assert_eq!(changed, alerts > 0, "a refusal leaves its alert alone");
                prop_assert_eq!(ledger.packs().packs().root(""), before.packs().packs().root(""));
                prop_assert_eq!(ledger.packs().containers().root(""), before.packs().containers().root(""));
                prop_assert_eq!(ledger.packs().lots().root(""), before.packs().lots().root(""));
            }
            check_places(&ledger, &told);
        }
        let bytes = ledger.snapshot();
        let restored = Ledger::restore(&bytes).unwrap();
        prop_assert_eq!(restored.state_root(), ledger.state_root());
        prop_assert_eq!(restored.snapshot(), bytes);
        check_places(&restored, &told);
    }
}
