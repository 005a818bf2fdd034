//! `- telemedicine:`

use super::{WHOLE, millionths, rate};
use crate::diagnostic::Problems;
use crate::plan::{TelemedicinePlan, TelemedicineWrong, WorkloadPlan};
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::time::Duration;

const BATCH: Duration = Duration::from_secs(10);
const BATCH_LEAST: (Duration, &str) = (Duration::from_secs(1), "1s");
/// At 250 readings a second 15,000.
const BATCH_MOST: (Duration, &str) = (Duration::from_secs(60), "60s");
const BATCHES: u64 = 4;
const BATCHES_MAX: (u64, &str) = (1_000, "1000");
const SAMPLING_MAX: (u64, &str) = (250, "250 (readings a second)");
const DETERIORATING: u32 = 250_000;

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `telemedicine: { rate: 100/s }`")?;
    let rate = rate(&mut map, problems);
    let batch = match map.optional("batch") {
        Some(field) => field.within(problems, &units::DURATION, BATCH_LEAST, BATCH_MOST),
        None => Some(BATCH),
    };
    let batches = match map.optional("batches") {
        Some(field) => field.within(problems, &units::COUNT, (1, "1"), BATCHES_MAX),
        None => Some(BATCHES),
    };
    let sampling = match map.optional("sampling_max") {
        Some(field) => field.within(problems, &units::COUNT, (1, "1"), SAMPLING_MAX),
        None => Some(SAMPLING_MAX.0),
    };
    let deteriorating = share(&mut map, "deteriorating", DETERIORATING, problems);
    let wrong = wrong(&mut map, field, problems);
    map.finish(problems);
    let telemedicine = TelemedicinePlan {
        batch: batch?,
        batches: batches?,
        sampling_hz_max: sampling?,
        deteriorating: deteriorating?,
        wrong: wrong?,
    };
    Some(WorkloadPlan::Telemedicine { rate_mhz: rate?, telemedicine })
}

fn share(map: &mut Map<'_>, key: &'static str, default: u32, problems: &mut Problems) -> Option<u32> {
    match map.optional(key) {
        Some(field) => millionths(&field, problems),
        None => Some(default),
    }
}

/// Kinds that are not written do not happen.
fn wrong(map: &mut Map<'_>, field: &Field<'_>, problems: &mut Problems) -> Option<TelemedicineWrong> {
    let mut of = |key| share(map, key, 0, problems);
    let wrong = TelemedicineWrong {
        spoofed_device: of("spoofed_device")?,
        vitals_gap: of("vitals_gap")?,
        vitals_overlap: of("vitals_overlap")?,
        clock_skew: of("clock_skew")?,
        unregistered_model: of("unregistered_model")?,
        unanchored_input: of("unanchored_input")?,
        missing_review: of("missing_review")?,
        wrong_patient: of("wrong_patient")?,
        double_dispensing: of("double_dispensing")?,
        unlicensed_clinician: of("unlicensed_clinician")?,
    };
    let sum: u64 = wrong.shares().into_iter().map(u64::from).sum();
    if sum > WHOLE {
        let message = "the kinds of wrong-doing add up to more than all sessions";
        field
            .wrong(problems, message)
            .help("a session sees at most one kind: expected at most 100% together");
        return None;
    }
    Some(wrong)
}
