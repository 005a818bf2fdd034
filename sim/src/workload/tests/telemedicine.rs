//! Consultations against the ledger alone: what is wrong is refused for its reason, alarms are those of the ground truth.

use super::*;
use crate::plan::{InstitutionKind, InstitutionPlan, TelemedicinePlan, TelemedicineWrong};
use ledger_core::ledger::transaction::TelemedicineOutcome;

fn consultations(wrong_ppm: u32, deteriorating: u32) -> Plan {
    let wrong = TelemedicineWrong {
        spoofed_device: wrong_ppm,
        vitals_gap: wrong_ppm,
        vitals_overlap: wrong_ppm,
        clock_skew: wrong_ppm,
        unregistered_model: wrong_ppm,
        unanchored_input: wrong_ppm,
        missing_review: wrong_ppm,
        wrong_patient: wrong_ppm,
        double_dispensing: wrong_ppm,
        unlicensed_clinician: wrong_ppm,
    };
    let telemedicine = TelemedicinePlan {
        batch: Duration::from_secs(4),
        batches: 4,
        sampling_hz_max: 4,
        deteriorating,
        wrong,
    };
    let workload = WorkloadPlan::Telemedicine { rate_mhz: 200_000, telemedicine };
    let mut plan = plan(500, vec![workload], Arrivals::Poisson);
    let owner = InstitutionPlan { kind: InstitutionKind::ModelOwner, region: 0, replica: 0 };
    plan.population.institutions.push(owner);
    plan.population.devices = 200;
    plan.duration = Duration::from_secs(110);
    plan
}

#[test]
fn every_misuse_is_refused_and_nothing_right() {
    let domain = domain(World::new(&consultations(90_000, 400_000)).run());
    all_wrongs_are_caught(&domain, System::Telemedicine, 3);
}

/// Receipts told what the ledger holds, and the generator's truth judges the alarms.
#[test]
fn figures_are_the_ledgers() {
    let world = World::new(&consultations(0, 300_000)).run();
    let done = |of: fn(&TelemedicineOutcome) -> bool| {
        let outcome = |outcome| matches!(outcome, Some(Outcome::Telemedicine(outcome)) if of(&outcome));
        world.count(|_, answer| outcome(answer))
    };
    let opened = done(|outcome| matches!(outcome, TelemedicineOutcome::SessionOpened(_)));
    let prescribed = done(|outcome| matches!(outcome, TelemedicineOutcome::Prescribed(_)));
    assert_eq!(world.count(|_, outcome| matches!(outcome, Some(Outcome::Refused(_)))), 0);
    let domain = domain(world);
    let count = |figure| sum(&domain, figure);
    assert!(domain.incidents.is_empty() && domain.false_alarms.is_empty());
    assert_eq!((count(Figure::SessionsOpened), count(Figure::Prescribed)), (opened, prescribed));
    assert!(opened > 200 && prescribed > 50, "{opened} {prescribed}");
    assert!(count(Figure::Triages) <= count(Figure::BatchesAnchored));
    assert!(count(Figure::VitalsAnchored) > 4 * count(Figure::BatchesAnchored));
    let (raised, justified) = (count(Figure::AlarmsRaised), count(Figure::AlarmsJustified));
    assert!(justified > 20 && justified <= raised, "{justified} of {raised}");
    assert!(count(Figure::AlarmsMissed) * 5 < justified, "{}", count(Figure::AlarmsMissed));
    assert!(count(Figure::Dispensed) <= count(Figure::Dispensings) && count(Figure::Dispensed) > 20);
}

/// A step without an answer ends its session; nothing later leans on a guess.
#[test]
fn a_session_whose_answer_is_lost_ends() {
    let mut world = World::new(&consultations(50_000, 300_000));
    world.lost_one_in = 50;
    let domain = domain(world.run());
    assert_eq!(domain.false_alarms, []);
    assert!(domain.incidents.iter().all(|incident| incident.caught.is_some()));
    assert!(domain.incidents.len() > 50 && sum(&domain, Figure::Dispensed) > 20);
}
