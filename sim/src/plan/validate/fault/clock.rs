//! `clock:` of a fault.

use super::gateways::Named;
use super::{Scope, Struck, lasting, replicas_of};
use crate::diagnostic::Problems;
use crate::plan::FaultKind;
use crate::scenario::reader::Field;
use crate::scenario::units;
use ledger_core::time::{Duration, nanos};

const SKEW: ((Duration, &str), (Duration, &str)) =
    ((Duration::from_nanos(1), "1ns"), (Duration::from_secs(24 * 3600), "24h"));
const DRIFT: ((i64, &str), (i64, &str)) = ((-100_000_000, "-10%"), (100_000_000, "10%"));

pub(super) fn read(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let example = "a map, as in `clock: { replicas: [2], ahead: 200ms, drift: 50ppm, for: 15s }`";
    let mut map = field.map(problems, example)?;
    let replicas = map.optional("replicas");
    let named = Named::take(&mut map);
    if replicas.is_none() && named.is_none() {
        map.missing("replicas", "[2]");
    }
    let (ahead, behind, drift) = (map.optional("ahead"), map.optional("behind"), map.optional("drift"));
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    if let (Some(_), Some(second)) = (&ahead, &behind) {
        let message = "`ahead` and `behind` of one clock";
        problems.report(second.key, second.path.clone(), message).help("remove one");
        return None;
    }
    if ahead.is_none() && behind.is_none() && drift.is_none() {
        let message = "a clock that nothing is wrong with";
        let help = "expected `ahead` or `behind`, `drift`, or both";
        problems.report(field.key, field.path.clone(), message).help(help);
        return None;
    }
    let sign = if behind.is_some() { -1 } else { 1 };
    let skew = match ahead.or(behind) {
        Some(field) => field.within(problems, &units::DURATION, SKEW.0, SKEW.1),
        None => Some(Duration::ZERO),
    };
    let drift_ppb = match drift {
        Some(field) => field.within(problems, &units::DRIFT, DRIFT.0, DRIFT.1),
        None => Some(0),
    };
    let replicas = match replicas {
        Some(list) => replicas_of(&list, "set wrong", scope, problems)?,
        None => Vec::new(),
    };
    let gateways = named.read(scope.institutions, problems)?;
    let skew_ns = sign * i64::try_from(nanos(skew?)).unwrap_or(i64::MAX);
    Some((FaultKind::Clock { replicas, gateways, skew_ns, drift_ppb: drift_ppb? }, lasts))
}
