//! `- clinical_trial:`

use super::{millionths, rate};
use crate::diagnostic::Problems;
use crate::plan::{ClinicalTrialPlan, TrialWrongs, WorkloadPlan};
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::ledger::transaction::ACTIONS_MAX;
use ledger_core::time::Duration;

/// Sites are activated in one bundle.
const SITES_MAX: (u64, &str) = (ACTIONS_MAX as u64, "64, the most actions of a bundle");
const SUBJECTS_MAX: (u64, &str) = (1_000, "1000");
const VISITS_MAX: (u64, &str) = (1_000, "1000");
const INTERVAL_MAX: (Duration, &str) = (Duration::from_secs(24 * 3600), "24h");

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `clinical_trial: { rate: 100/s }`")?;
    let rate = rate(&mut map, problems);
    let default = ClinicalTrialPlan::default();
    let mut count = |key, default, most| match map.optional(key) {
        Some(field) => field.within(problems, &units::COUNT, (1, "1"), most),
        None => Some(default),
    };
    let sites = count("sites", default.sites, SITES_MAX);
    let subjects = count("subjects", default.subjects, SUBJECTS_MAX);
    let visits = count("visits", default.visits, VISITS_MAX);
    let interval = match map.optional("visit_interval") {
        Some(field) => field.within(problems, &units::DURATION, (Duration::ZERO, "0s"), INTERVAL_MAX),
        None => Some(default.visit_interval),
    };
    let mut part = |key, default| share(&mut map, key, default, problems);
    let amended = part("amended", default.amended_ppm);
    let withdrawn = part("withdrawn", default.withdrawn_ppm);
    let emergency = part("emergency", default.emergency_ppm);
    let shared = part("shared", default.shared_ppm);
    let wrong = wrongs(&mut map, problems);
    map.finish(problems);
    let trial = ClinicalTrialPlan {
        sites: sites?,
        subjects: subjects?,
        visits: visits?,
        visit_interval: interval?,
        amended_ppm: amended?,
        withdrawn_ppm: withdrawn?,
        emergency_ppm: emergency?,
        shared_ppm: shared?,
        wrong: wrong?,
    };
    Some(WorkloadPlan::ClinicalTrial { rate_mhz: rate?, trial })
}

/// Nothing is wrong that is not asked for.
fn wrongs(map: &mut Map<'_>, problems: &mut Problems) -> Option<TrialWrongs> {
    let mut part = |key| share(map, key, 0, problems);
    let plan_change = part("plan_change");
    let early_enrolment = part("early_enrolment");
    let late_enrolment = part("late_enrolment");
    let stale_consent = part("stale_consent");
    let tampering = part("tampering");
    let late_data = part("late_data");
    let withdrawn_data = part("withdrawn_data");
    let unblinding = part("unblinding");
    let result_mismatch = part("result_mismatch");
    let unconsented_research = part("unconsented_research");
    Some(TrialWrongs {
        plan_change_ppm: plan_change?,
        early_enrolment_ppm: early_enrolment?,
        late_enrolment_ppm: late_enrolment?,
        stale_consent_ppm: stale_consent?,
        tampering_ppm: tampering?,
        late_data_ppm: late_data?,
        withdrawn_data_ppm: withdrawn_data?,
        unblinding_ppm: unblinding?,
        result_mismatch_ppm: result_mismatch?,
        unconsented_research_ppm: unconsented_research?,
    })
}

fn share(map: &mut Map<'_>, key: &'static str, default: u32, problems: &mut Problems) -> Option<u32> {
    match map.optional(key) {
        Some(field) => millionths(&field, problems),
        None => Some(default),
    }
}
