//! Medicines against the ledger alone: latencies of up to three seconds, so that steps overtake each other.

use super::*;
use crate::history::{Figure, Incident, System, Wrong};
use crate::plan::{DrugSupplyPlan, InstitutionKind, InstitutionPlan};
use ledger_core::ledger::{Node, Place};

const PERCENT: u64 = 10_000_000;

fn supply() -> DrugSupplyPlan {
    DrugSupplyPlan {
        packs_per_case: 6,
        cases_per_pallet: 4,
        resold_ppb: 30 * PERCENT,
        verified_ppb: 20 * PERCENT,
        returned_ppb: 10 * PERCENT,
        reversed_ppb: 3 * PERCENT,
        recalled_ppb: 10 * PERCENT,
        expiring_ppb: 10 * PERCENT,
        careless_ppb: 20 * PERCENT,
        counterfeit_ppb: PERCENT,
        clone_ppb: 2 * PERCENT,
        mislabelled_ppb: PERCENT,
        diversion_ppb: PERCENT,
        ring: None,
    }
}

fn trade(wholesalers: usize, pharmacies: usize, supply: DrugSupplyPlan, arrivals: Arrivals) -> Plan {
    let mut plan = plan(10, vec![WorkloadPlan::DrugSupply { rate_mhz: 100_000, supply }], arrivals);
    let kinds = [
        (InstitutionKind::Manufacturer, 2),
        (InstitutionKind::Wholesaler, wholesalers),
        (InstitutionKind::Pharmacy, pharmacies),
    ];
    let institution =
        |(kind, count)| std::iter::repeat_n(InstitutionPlan { kind, region: 0, replica: 0 }, count);
    plan.population.institutions = kinds.into_iter().flat_map(institution).collect();
    plan.duration = Duration::from_secs(110);
    plan
}

#[test]
fn all_that_is_wrong_is_caught_and_nothing_else() {
    for (wholesalers, pharmacies, arrivals) in
        [(4, 10, Arrivals::Poisson), (1, 1, Arrivals::Poisson), (3, 2, Arrivals::Closed { clients: 60 })]
    {
        let world = World::new(&trade(wholesalers, pharmacies, supply(), arrivals)).run();
        let mut caught: BTreeMap<Wrong, u64> = BTreeMap::new();
        let mut figures: BTreeMap<Figure, u64> = BTreeMap::new();
        for note in &world.notes {
            match note {
                Note::Incident(Incident { wrong, at, caught: when }) => {
                    assert!(when.is_some(), "{wrong:?} at {at}");
                    *caught.entry(*wrong).or_default() += 1;
                }
                Note::FalseAlarm(_, at, refusal) => panic!("{refusal:?} at {at}"),
                Note::Sample(figure, _, sample) => *figures.entry(*figure).or_default() += sample,
            }
        }
        if pharmacies > 1 {
            let wrongs = Wrong::ALL.iter().filter(|wrong| wrong.system() == System::DrugSupply);
            wrongs.for_each(|wrong| assert!(caught.contains_key(wrong), "no {wrong:?}: {caught:?}"));
        }
        check_against_the_ledger(&world, &figures);
    }
}

/// What receipts told is what the ledger says.
fn check_against_the_ledger(world: &World, figures: &BTreeMap<Figure, u64>) {
    let figure = |figure| figures.get(&figure).copied().unwrap_or_default();
    let packs = world.ledger.packs();
    let (mut dispensed, mut destroyed) = (0, 0);
    for id in 0..packs.packs().len() as u32 {
        match packs.place(Node::Pack(ledger_core::ledger::transaction::PackId(id))).unwrap() {
            Place::Dispensed { .. } => dispensed += 1,
            Place::Destroyed { .. } => destroyed += 1,
            Place::Held { .. } | Place::InTransit { .. } => {}
            place @ (Place::Inside(_) | Place::Unpacked) => panic!("{place:?}"),
        }
    }
    // Copies that were dispensed before their originals are the ledger's packs, too.
    let copies = dispensed + figure(Figure::PacksReversed) - figure(Figure::PacksDispensed);
    assert!(copies < dispensed / 10, "{copies} of {dispensed}");
    assert_eq!(figure(Figure::PacksDestroyed), destroyed);
    // Samples are commissioned one by one, and not counted.
    let samples = packs.packs().len() as u64 - figure(Figure::PacksCommissioned);
    assert!(samples < 500, "{samples}");
    assert_eq!(figure(Figure::Alerts), packs.alerts().len() as u64);
    assert!(dispensed > 1_000 && destroyed > 100, "{figures:?}");
}

/// What a run of any length holds is bounded by its rate.
#[test]
fn what_is_finished_is_forgotten() {
    let alive = |seconds| {
        let mut plan = trade(4, 10, supply(), Arrivals::Poisson);
        plan.duration = Duration::from_secs(seconds);
        let world = World::new(&plan).run();
        format!("{:?}", world.generator).len()
    };
    let (short, long) = (alive(60), alive(240));
    assert!(long < short * 3 / 2, "{short} and {long}");
}
