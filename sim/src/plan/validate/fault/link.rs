//! `link:` and `region_outage:` of a fault.

use super::{Scope, Struck, lasting, replicas_of};
use crate::diagnostic::Problems;
use crate::plan::{Direction, FaultKind, LinkFault};
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::time::Duration;

/// Beyond it, a partition says better what is meant.
const LOSS_MAX: (u64, &str) = (900_000_000, "90%");
const SHARE_MAX: (u64, &str) = (1_000_000_000, "100%");
const DELAY_MAX: (Duration, &str) = (Duration::from_secs(60), "60s");
/// Below it, not even handshakes would end.
const BANDWIDTH: ((u64, &str), (u64, &str)) = ((1_000, "1kbit/s"), (1_000_000_000_000, "1Tbit/s"));

pub(super) fn read(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let expected = "a map, as in `link: { replicas: [3], loss: 5%, delay: 100ms, for: 15s }`";
    let mut map = field.map(problems, expected)?;
    let ends = Ends::take(&mut map);
    let (loss, delay, bandwidth) = (map.optional("loss"), map.optional("delay"), map.optional("bandwidth"));
    let (duplication, reordering) = (map.optional("duplication"), map.optional("reordering"));
    let ways = [("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both)];
    let direction = map.optional("direction");
    let direction = direction.map_or(Some(Direction::Both), |field| field.choice(problems, &ways, &[]));
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    if [&loss, &delay, &duplication, &reordering, &bandwidth].iter().all(|wrong| wrong.is_none()) {
        let message = "a link that nothing is wrong with";
        let help = "expected one or more of `loss`, `delay`, `duplication`, `reordering` and `bandwidth`";
        problems.report(field.key, field.path.clone(), message).help(help);
        return None;
    }
    let mut share = |field: Option<Field<'_>>, most: (u64, &str)| {
        field.map_or(Some(0), |field| field.within(problems, &units::SHARE, (0, "0"), most))
    };
    let loss_ppb = share(loss, LOSS_MAX);
    let (duplication_ppb, reordering_ppb) = (share(duplication, SHARE_MAX), share(reordering, SHARE_MAX));
    let delay = delay.map_or(Some(Duration::ZERO), |field| {
        field.within(problems, &units::DURATION, (Duration::ZERO, "0s"), DELAY_MAX)
    });
    let bandwidth = bandwidth
        .map(|field| field.within(problems, &units::BITS_PER_SECOND, BANDWIDTH.0, BANDWIDTH.1))
        .map_or(Some(None), |bandwidth| bandwidth.map(Some));
    let (replicas, regions, between) = ends.read(field, scope, problems)?;
    let link = LinkFault {
        replicas,
        regions,
        between,
        direction: direction?,
        loss_ppb: loss_ppb?,
        delay: delay?,
        duplication_ppb: duplication_ppb?,
        reordering_ppb: reordering_ppb?,
        bandwidth_bits_per_s: bandwidth?,
    };
    Some((FaultKind::Link(link), lasts))
}

/// Which links are meant, as written.
struct Ends<'a> {
    replicas: Option<Field<'a>>,
    regions: Option<Field<'a>>,
    between: Option<Field<'a>>,
}

/// Replicas, regions, and two regions: one of them.
type Links = (Vec<usize>, Vec<usize>, Option<[usize; 2]>);

impl<'a> Ends<'a> {
    fn take(map: &mut Map<'a>) -> Self {
        let ends = Self {
            replicas: map.optional("replicas"),
            regions: map.optional("regions"),
            between: map.optional("between"),
        };
        if ends.replicas.is_none() && ends.regions.is_none() && ends.between.is_none() {
            map.missing("replicas", "[3]");
        }
        ends
    }

    fn read(self, link: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Links> {
        match (self.replicas, self.regions, self.between) {
            (Some(list), None, None) => {
                Some((replicas_of(&list, "impair", scope, problems)?, Vec::new(), None))
            }
            (None, Some(list), None) => {
                Some((Vec::new(), regions_of(&list, "to impair", scope, problems)?, None))
            }
            (None, None, Some(list)) => {
                let regions = regions_of(&list, "to impair", scope, problems)?;
                let Ok(between) = <[usize; 2]>::try_from(regions.as_slice()) else {
                    let message = "a link is between two regions";
                    list.wrong(problems, message).help("name both, as in `[riyadh, dubai]`");
                    return None;
                };
                Some((Vec::new(), Vec::new(), Some(between)))
            }
            // That they are missing is reported with the map.
            (None, None, None) => None,
            _ => {
                let message = "`replicas`, `regions` and `between` together in one fault";
                let report = problems.report(link.key, link.path.clone(), message);
                report.help("give each fault its own `- at:`");
                None
            }
        }
    }
}

/// `region_outage:`
pub(super) fn outage(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let mut map = field.map(problems, "a map, as in `region_outage: { regions: [riyadh], for: 15s }`")?;
    let list = map.required("regions", "[riyadh]");
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let regions = regions_of(&list?, "to strike", scope, problems)?;
    Some((FaultKind::RegionOutage { regions }, lasts))
}

/// Regions by their names, each once.
fn regions_of(
    list: &Field<'_>,
    what: &str,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Vec<usize>> {
    let items = list.list(problems, "names of regions, as in `[riyadh]`")?;
    if items.is_empty() {
        list.wrong(problems, format!("no region {what}")).help("name some, as in `[riyadh]`");
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
    Some(regions)
}
