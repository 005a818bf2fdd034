//! `link:` and `region_outage:` of a fault.

use super::{Scope, Struck, lasting, replicas_of};
use crate::diagnostic::Problems;
use crate::plan::{Direction, FaultKind};
use crate::scenario::reader::Field;
use crate::scenario::units;
use ledger_core::time::Duration;

/// Beyond it, a partition says better what is meant.
const LOSS_PPB_MAX: u64 = 900_000_000;
const DELAY_MAX: Duration = Duration::from_secs(60);

pub(super) fn read(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let expected = "a map, as in `link: { replicas: [3], loss: 5%, delay: 100ms, for: 15s }`";
    let mut map = field.map(problems, expected)?;
    let list = map.required("replicas", "[3]");
    let (loss, delay) = (map.optional("loss"), map.optional("delay"));
    let ways = [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both)];
    let direction = map.optional("direction");
    let direction = direction.map_or(Some(Direction::Both), |field| field.choice(problems, &ways, &[]));
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    if loss.is_none() && delay.is_none() {
        let message = "a link that nothing is wrong with";
        problems.report(field.key, field.path.clone(), message).help("expected `loss`, `delay` or both");
        return None;
    }
    let loss_ppb =
        loss.map_or(Some(0), |field| field.within(problems, &units::SHARE, (0, "0"), (LOSS_PPB_MAX, "90%")));
    let delay = delay.map_or(Some(Duration::ZERO), |field| {
        field.within(problems, &units::DURATION, (Duration::ZERO, "0s"), (DELAY_MAX, "60s"))
    });
    let replicas = replicas_of(&list?, "impair", scope, problems)?;
    Some((FaultKind::Link { replicas, direction: direction?, loss_ppb: loss_ppb?, delay: delay? }, lasts))
}

/// `region_outage:`
pub(super) fn outage(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let mut map = field.map(problems, "a map, as in `region_outage: { regions: [riyadh], for: 15s }`")?;
    let list = map.required("regions", "[riyadh]");
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let items = list.as_ref()?.list(problems, "names of regions, as in `[riyadh]`")?;
    if items.is_empty() {
        list?.wrong(problems, "no region to strike").help("name some, as in `[riyadh]`");
        return None;
    }
    let names = scope.regions?;
    let mut regions = Vec::new();
    for item in &items {
        let Some(name) = item.text(problems, "a region's name") else { continue };
        match names.iter().position(|known| known == name) {
            Some(region) if regions.contains(&region) => {
                item.wrong(problems, format!("region {name} is there twice")).help("remove one");
            }
            Some(region) => regions.push(region),
            None => {
                let report = item.wrong(problems, format!("region {name} does not exist"));
                report.suggest(name, names.iter().map(String::as_str));
                report.help(format!("the topology has {}", names.join(", ")));
            }
        }
    }
    Some((FaultKind::RegionOutage { regions }, lasts))
}
