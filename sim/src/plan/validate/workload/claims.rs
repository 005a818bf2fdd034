//! `- claims:`

use super::rate;
use crate::diagnostic::Problems;
use crate::plan::{ClaimsPlan, WorkloadPlan};
use crate::scenario::reader::Field;

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `claims: { rate: 100/s }`")?;
    let rate = rate(&mut map, problems);
    map.finish(problems);
    Some(WorkloadPlan::Claims { rate_mhz: rate?, claims: ClaimsPlan::default() })
}
