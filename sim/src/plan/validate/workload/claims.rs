//! `- claims:`

use super::{WHOLE, millionths, rate};
use crate::diagnostic::Problems;
use crate::plan::{ClaimsPlan, WorkloadPlan};
use crate::scenario::reader::Field;

pub(super) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<WorkloadPlan> {
    let mut map = field.map(problems, "a map, as in `claims: { rate: 100/s }`")?;
    let rate = rate(&mut map, problems);
    // Kinds that are not written do not happen.
    let mut share = |key| match map.optional(key) {
        Some(field) => millionths(&field, problems),
        None => Some(0),
    };
    let shares = ["duplicate", "no_encounter", "not_covered", "double_adjudication"].map(&mut share);
    map.finish(problems);
    let [duplicate, no_encounter, not_covered, double_adjudication] = shares;
    let claims = ClaimsPlan {
        duplicate: duplicate?,
        no_encounter: no_encounter?,
        not_covered: not_covered?,
        double_adjudication: double_adjudication?,
    };
    if claims.shares().into_iter().map(u64::from).sum::<u64>() > WHOLE {
        let message = "the kinds of wrong-doing add up to more than all encounters";
        field
            .wrong(problems, message)
            .help("an encounter sees at most one kind: expected at most 100% together");
        return None;
    }
    Some(WorkloadPlan::Claims { rate_mhz: rate?, claims })
}
