//! `- clinical_trial:`

use super::rate;
use crate::diagnostic::Problems;
use crate::plan::{ClinicalTrialPlan, WorkloadPlan};
use crate::scenario::reader::Field;

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `clinical_trial: { rate: 100/s }`")?;
    let rate = rate(&mut map, problems);
    map.finish(problems);
    Some(WorkloadPlan::ClinicalTrial { rate_mhz: rate?, trial: ClinicalTrialPlan::default() })
}
