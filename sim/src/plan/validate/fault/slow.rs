//! `slow_cpu:` and `slow_disk:` of a fault.

use super::{Scope, Struck, lasting, replicas_of};
use crate::diagnostic::Problems;
use crate::plan::FaultKind;
use crate::scenario::reader::Field;
use crate::scenario::units;

/// Beyond it nothing would end within a run.
const FACTOR_MILLI_MAX: u64 = 1_000_000_000;

pub(super) fn read(
    field: &Field<'_>,
    kind: &str,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Struck> {
    let expected = format!("a map, as in `{kind}: {{ replicas: [3], factor: 10, for: 15s }}`");
    let mut map = field.map(problems, &expected)?;
    let list = map.required("replicas", "[3]");
    let factor = map.required("factor", "10");
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let bounds = ((1_001, "1.001"), (FACTOR_MILLI_MAX, "1000000"));
    let factor = factor.and_then(|field| field.within(problems, &units::FACTOR, bounds.0, bounds.1));
    let replicas = replicas_of(&list?, "slow down", scope, problems)?;
    let factor_milli = factor?;
    let kind = match kind {
        "slow_cpu" => FaultKind::SlowCpu { replicas, factor_milli },
        _ => FaultKind::SlowDisk { replicas, factor_milli },
    };
    Some((kind, lasts))
}
