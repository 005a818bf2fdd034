//! Claims against the ledger alone: paid once, for what there was, by who covers it.

use super::*;
use crate::plan::{ClaimsPlan, InstitutionKind, InstitutionPlan};

fn insured(insurers: usize, wrong_ppm: u32) -> Plan {
    let claims = ClaimsPlan {
        duplicate: wrong_ppm,
        no_encounter: wrong_ppm,
        not_covered: wrong_ppm,
        double_adjudication: wrong_ppm,
    };
    let workload = WorkloadPlan::Claims { rate_mhz: 200_000, claims };
    let mut plan = plan(500, vec![workload], Arrivals::Poisson);
    plan.population.institutions.retain(|one| one.kind != InstitutionKind::Insurer);
    let insurer = InstitutionPlan { kind: InstitutionKind::Insurer, region: 0, replica: 0 };
    plan.population.institutions.extend(std::iter::repeat_n(insurer, insurers));
    plan
}

#[test]
fn what_must_not_be_paid_is_refused_and_nothing_else() {
    for insurers in [1, 3] {
        let domain = domain(World::new(&insured(insurers, 150_000)).run());
        all_wrongs_are_caught(&domain, System::Claims, 10);
    }
}

/// Nothing is decided that was not claimed, nothing claimed that the ledger does not hold.
#[test]
fn figures_are_the_ledgers() {
    let world = World::new(&insured(2, 0)).run();
    assert_eq!(world.count(|_, outcome| matches!(outcome, Some(Outcome::Refused(_)))), 0);
    let claims = world.ledger.claims().claims().len() as u64;
    let domain = domain(world);
    let count = |figure| sum(&domain, figure);
    assert!(domain.incidents.is_empty() && domain.false_alarms.is_empty());
    assert_eq!(count(Figure::ClaimsSubmitted), claims);
    assert!(count(Figure::ClaimsAdjudicated) <= claims && claims > 500, "{claims}");
    assert!(count(Figure::ClaimsAdjudicated) * 10 > claims * 8);
    // One to three services of an encounter, for which it was asked once.
    let asked = count(Figure::EligibilityChecks);
    assert!(claims <= 3 * asked && claims > asked, "{claims} for {asked}");
}

/// What ended without an answer may have been done: it is not repeated, and what follows from it is not judged.
#[test]
fn a_claim_whose_answer_is_lost_is_left() {
    let mut world = World::new(&insured(2, 100_000));
    world.lost_one_in = 50;
    let domain = domain(world.run());
    assert_eq!(domain.false_alarms, []);
    assert!(domain.incidents.iter().all(|incident| incident.caught.is_some()));
    assert!(domain.incidents.len() > 50 && sum(&domain, Figure::ClaimsAdjudicated) > 100);
}
