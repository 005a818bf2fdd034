//! Trials against the ledger itself: what is right is done, what is wrong is refused for its reason.

use super::*;
use crate::plan::{ClinicalTrialPlan, InstitutionKind, InstitutionPlan, TrialWrongs};

fn trial_plan(trial: ClinicalTrialPlan) -> Plan {
    let mut plan =
        plan(500, vec![WorkloadPlan::ClinicalTrial { rate_mhz: 200_000, trial }], Arrivals::Poisson);
    let kinds = [InstitutionKind::Sponsor, InstitutionKind::EthicsBoard, InstitutionKind::ResearchInstitute];
    let more = kinds.map(|kind| InstitutionPlan { kind, region: 0, replica: 0 });
    plan.population.institutions.extend(more);
    plan
}

/// So much of everything that nothing is left out.
fn every_wrong(ppm: u32) -> TrialWrongs {
    TrialWrongs {
        plan_change_ppm: ppm,
        early_enrolment_ppm: ppm,
        late_enrolment_ppm: ppm,
        stale_consent_ppm: ppm,
        tampering_ppm: ppm,
        late_data_ppm: ppm,
        withdrawn_data_ppm: ppm,
        unblinding_ppm: ppm,
        result_mismatch_ppm: ppm,
        unconsented_research_ppm: ppm,
    }
}

#[test]
fn every_wrong_is_refused_and_nothing_right() {
    let wrong = every_wrong(300_000);
    let trial = ClinicalTrialPlan { subjects: 6, withdrawn_ppm: 200_000, wrong, ..Default::default() };
    let domain = domain(World::new(&trial_plan(trial)).run());
    all_wrongs_are_caught(&domain, System::ClinicalTrial, 3);
    let count = |figure| sum(&domain, figure);
    assert_eq!(count(Figure::ViolationsRefused), domain.incidents.len() as u64);
    let published = count(Figure::TrialsPublished);
    assert!(published > 20 && published <= count(Figure::TrialsLocked), "{published}");
    assert!(count(Figure::TrialsLocked) <= count(Figure::TrialsRegistered));
    assert!(count(Figure::SubjectsEnrolled) >= 6 * published);
    assert!(count(Figure::SubjectsWithdrawn) > 0 && count(Figure::EmergencyUnblindings) > 0);
    assert!(count(Figure::ConsentsRenewed) > published && count(Figure::TrialDataShared) > 0);
    assert!(count(Figure::ResultsVerified) > 10);
    assert_eq!((count(Figure::ResultsDisproved), count(Figure::TrialsAbandoned)), (0, 0));
}

/// What ended without an answer was done: nothing that a trial does later may lean on a guess.
#[test]
fn a_trial_whose_answer_is_lost_is_given_up() {
    let trial = ClinicalTrialPlan { subjects: 6, wrong: every_wrong(100_000), ..Default::default() };
    let mut world = World::new(&trial_plan(trial));
    world.lost_one_in = 100;
    let domain = domain(world.run());
    assert_eq!(domain.false_alarms, []);
    assert!(domain.incidents.iter().all(|incident| incident.caught.is_some()));
    assert!(domain.incidents.len() > 50 && sum(&domain, Figure::TrialsAbandoned) > 20);
    assert!(sum(&domain, Figure::ResultsVerified) > 0);
    assert_eq!(sum(&domain, Figure::ResultsDisproved), 0);
}

/// The smallest trial, in which everybody leaves at the only visit and nothing is shared.
#[test]
fn the_smallest_trial_is_published() {
    for amended_ppm in [0, 1_000_000] {
        let trial = ClinicalTrialPlan {
            sites: 1,
            subjects: 1,
            visits: 1,
            amended_ppm,
            withdrawn_ppm: 1_000_000,
            ..Default::default()
        };
        let domain = domain(World::new(&trial_plan(trial)).run());
        assert_eq!((domain.false_alarms.as_slice(), domain.incidents.as_slice()), (&[][..], &[][..]));
        assert!(sum(&domain, Figure::TrialsPublished) > 20);
        assert_eq!(sum(&domain, Figure::DataCaptured), 0);
    }
}
