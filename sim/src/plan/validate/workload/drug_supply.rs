//! `- drug_supply:`

use super::rate;
use crate::diagnostic::Problems;
use crate::plan::{DrugSupplyPlan, WorkloadPlan};
use crate::scenario::reader::Field;

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `drug_supply: { rate: 100/s }`")?;
    let rate = rate(&mut map, problems);
    map.finish(problems);
    Some(WorkloadPlan::DrugSupply { rate_mhz: rate?, supply: DrugSupplyPlan::default() })
}
