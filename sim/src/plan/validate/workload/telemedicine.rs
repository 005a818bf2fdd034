//! `- telemedicine:`

use super::rate;
use crate::diagnostic::Problems;
use crate::plan::{TelemedicinePlan, WorkloadPlan};
use crate::scenario::reader::Field;

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `telemedicine: { rate: 100/s }`")?;
    let rate = rate(&mut map, problems);
    map.finish(problems);
    Some(WorkloadPlan::Telemedicine { rate_mhz: rate?, telemedicine: TelemedicinePlan::default() })
}
