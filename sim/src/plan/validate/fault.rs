//! `faults:`
//!
//! Crashing more replicas than the protocol tolerates is allowed: whether what was committed survives is a question
//! that a scenario may ask.

mod byzantine;
mod clock;
mod disk;
mod gateways;
mod link;
mod partition;
mod ransomware;
mod slow;
mod trigger;

use crate::diagnostic::{Problems, quote};
use crate::plan::{FaultKind, FaultPlan, duration_text};
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::time::Duration;

const KINDS: [&str; 16] = [
    "bit_rot",
    "byzantine",
    "churn",
    "clock",
    "crash",
    "disk_full",
    "hostile_gateway",
    "link",
    "one_way",
    "partition",
    "pause",
    "ransomware",
    "region_outage",
    "slow_cpu",
    "slow_disk",
    "stalled_disk",
];

/// What faults may name; `None` where that has mistakes of its own.
pub(super) struct Scope<'a> {
    /// How many there are.
    pub replicas: Option<usize>,
    /// How many hospitals, and gateways in all.
    pub institutions: Option<(usize, usize)>,
    /// Their names.
    pub regions: Option<&'a [String]>,
    /// Of the measurement.
    pub duration: Option<Duration>,
}

/// What goes wrong and for how long: inner `None` if that has a mistake, innermost `None` if to the end.
type Struck = (FaultKind, Option<Option<Duration>>);

/// What a crash or a pause keeps from running, and which item of the list said so.
struct Outage {
    replica: usize,
    from: Duration,
    until: Option<Duration>,
    item: usize,
}

/// Valid faults in the order written.
pub(super) fn read(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Vec<FaultPlan> {
    let Some(items) =
        field.list(problems, "a list, as in `- at: 20s` with `crash: { replicas: [3], for: 15s }`")
    else {
        return Vec::new();
    };
    let mut outages = Vec::new();
    let read = items.iter().enumerate().filter_map(|(index, item)| {
        Some((index, item.key, fault(item, index, scope, &mut outages, problems)?))
    });
    let faults: Vec<_> = read.collect();
    gateways::refuse_lost(&faults, problems);
    faults.into_iter().map(|(.., fault)| fault).collect()
}

fn fault(
    item: &Field<'_>,
    index: usize,
    scope: &Scope<'_>,
    outages: &mut Vec<Outage>,
    problems: &mut Problems,
) -> Option<FaultPlan> {
    let mut map = item.map(problems, "a fault, as in `{ at: 20s, crash: { replicas: [3], for: 15s } }`")?;
    let hostile = map.has("byzantine") || map.has("hostile_gateway");
    let when = map.optional("when");
    if let Some(field) = when.as_ref().filter(|_| hostile) {
        let report = field.wrong(problems, "a hostile machine waits for nothing");
        report.help("give it `at`, or leave both out: then it is hostile from the start");
    }
    let when = when.map(|field| trigger::read(&field, problems));
    let optional = hostile || when.is_some();
    let at = match optional {
        true => map.optional("at"),
        false => map.required("at", "20s"),
    };
    let at = match at {
        None if optional => Some(Duration::ZERO),
        at => at.and_then(|field| start(&field, scope.duration, problems)),
    };
    // When it strikes is known before the run if it waits for nothing.
    let known = at.filter(|_| when.is_none());
    let mut named: Vec<(&str, Field<'_>)> =
        KINDS.iter().filter_map(|kind| Some((*kind, map.optional(kind)?))).collect();
    let misspelt = map.has_unknown();
    map.finish(problems);
    if named.len() > 1 {
        let (_, field) = named.swap_remove(1);
        let message = "a second fault in one item";
        problems.report(field.key, field.path, message).help("give each fault its own `- at:`");
        return None;
    }
    let (kind, lasts) = match named.pop() {
        Some(("link", field)) => link::read(&field, scope, problems)?,
        Some(("region_outage", field)) => link::outage(&field, scope, problems)?,
        Some(("churn", field)) => gateways::churn(&field, scope, problems)?,
        Some(("clock", field)) => clock::read(&field, scope, problems)?,
        Some(("crash", field)) if field.has("gateways") || field.has("hospitals") => {
            gateways::crash(&field, scope, problems)?
        }
        Some(("one_way", field)) => partition::one_way(&field, scope, problems)?,
        Some(("partition", field)) => partition::read(&field, scope, problems)?,
        Some(("ransomware", field)) => {
            ransomware::read(&field, scope.institutions.map(|(hospitals, _)| hospitals), problems)?
        }
        Some(("bit_rot", field)) => disk::rot(&field, scope, problems)?,
        Some((kind @ ("stalled_disk" | "disk_full"), field)) => disk::trouble(&field, kind, scope, problems)?,
        Some((kind @ ("slow_cpu" | "slow_disk"), field)) => slow::read(&field, kind, scope, problems)?,
        Some(("byzantine", field)) => byzantine::replicas(&field, scope.replicas, problems)?,
        Some(("hostile_gateway", field)) => byzantine::gateways(&field, scope.institutions, problems)?,
        Some((kind, field)) => halt_of(&field, kind, (index, known), scope.replicas, outages, problems)?,
        None if misspelt => return None,
        None => {
            let report = item.wrong(problems, "it does not say what goes wrong");
            report.help(format!("expected `at` and one of {}", KINDS.join(", ")));
            return None;
        }
    };
    let when = when.map_or(Some(None), |when| when.map(Some))?;
    Some(FaultPlan { at: at?, when, lasts: lasts?, kind })
}

/// When something happens, from the end of the warm-up.
pub(super) fn start(
    field: &Field<'_>,
    duration: Option<Duration>,
    problems: &mut Problems,
) -> Option<Duration> {
    let at = field.read(problems, &units::DURATION)?;
    if let Some(end) = duration.filter(|end| at >= *end) {
        let end = duration_text::format(end);
        let found = field.text(problems, "a duration").map(quote).unwrap_or_default();
        let report = field.wrong(problems, format!("{found} is after the end of the run"));
        report.help(format!("times count from the end of the warm-up; the run ends at `duration`, {end}"));
        return None;
    }
    Some(at)
}

/// `for`: outer `None` when it has a mistake, inner `None` when the fault lasts to the end.
fn lasting(map: &mut Map<'_>, problems: &mut Problems) -> Option<Option<Duration>> {
    let Some(field) = map.optional("for") else { return Some(None) };
    let (least, most) = ((Duration::from_nanos(1), "1ns"), super::SPAN_MAX);
    field.within(problems, &units::DURATION, least, most).map(Some)
}

/// A crash or a pause: what keeps replicas from running.
fn halt_of(
    field: &Field<'_>,
    kind: &str,
    (index, at): (usize, Option<Duration>),
    replicas: Option<usize>,
    outages: &mut Vec<Outage>,
    problems: &mut Problems,
) -> Option<Struck> {
    let mut map = field.map(problems, &format!("a map, as in `{kind}: {{ replicas: [3], for: 15s }}`"))?;
    let list = map.required("replicas", "[3]");
    let lasts = lasting(&mut map, problems);
    let crash =
        (kind == "crash").then(|| disk::crash(&mut map, lasts.is_none_or(|lasts| lasts.is_some()), problems));
    map.finish(problems);
    // When it strikes at a write, nobody knows before the run.
    let at = at.filter(|_| crash.as_ref().is_none_or(|crash| crash.persist == Some(None)));
    let items = list.as_ref()?.list(problems, "replicas, as in `[3]`")?;
    if items.is_empty() {
        list?.wrong(problems, format!("no replica to {kind}")).help("name some, as in `[3]`");
        return None;
    }
    if items.len() > 1 && crash.as_ref().is_some_and(|crash| matches!(crash.persist, Some(Some(_)))) {
        list?
            .wrong(problems, "each replica has writes of its own")
            .help("with `persist`, name one replica; give each its own item");
        return None;
    }
    let mut halted: Vec<usize> = Vec::new();
    for item in &items {
        let Some(replica) = replica_id(item, replicas, problems) else { continue };
        if halted.contains(&replica) {
            item.wrong(problems, format!("replica {replica} is there twice")).help("remove one");
            continue;
        }
        halted.push(replica);
        let (Some(from), Some(lasts)) = (at, lasts) else { continue };
        let outage = Outage { replica, from, until: lasts.map(|lasts| from + lasts), item: index };
        refuse_overlap(item, &outage, outages, problems);
        outages.push(outage);
    }
    let kind = match crash {
        Some(crash) => FaultKind::Crash { replicas: halted, disk: crash.disk?, persist: crash.persist? },
        None => FaultKind::Pause { replicas: halted },
    };
    Some((kind, lasts))
}

fn refuse_overlap(item: &Field<'_>, new: &Outage, outages: &[Outage], problems: &mut Problems) {
    let before = |end: Option<Duration>, start: Duration| end.is_some_and(|end| end <= start);
    let overlaps = |old: &&Outage| {
        old.replica == new.replica && !before(old.until, new.from) && !before(new.until, old.from)
    };
    let Some(old) = outages.iter().find(overlaps) else { return };
    let from = duration_text::format(old.from);
    let until = old.until.map_or_else(|| "the end".to_owned(), duration_text::format);
    let message = format!("replica {} is already down then", new.replica);
    item.wrong(problems, message).help(format!(
        "faults[{}] keeps it down from {from} to {until}; a replica stops once at a time",
        old.item
    ));
}

fn replica_id(item: &Field<'_>, replicas: Option<usize>, problems: &mut Problems) -> Option<usize> {
    let id = item.read(problems, &units::INTEGER)?;
    let replicas = replicas?;
    match usize::try_from(id).ok().filter(|id| *id < replicas) {
        Some(id) => Some(id),
        None => {
            let report = item.wrong(problems, format!("replica {id} does not exist"));
            report.help(match replicas {
                1 => "the ledger has 1 replica, 0".to_owned(),
                _ => format!("the ledger has {replicas} replicas, 0 to {}", replicas - 1),
            });
            None
        }
    }
}

/// `replicas:` of a fault that may strike a host more than once at a time.
fn replicas_of(
    list: &Field<'_>,
    kind: &str,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Vec<usize>> {
    let items = list.list(problems, "replicas, as in `[3]`")?;
    if items.is_empty() {
        list.wrong(problems, format!("no replica to {kind}")).help("name some, as in `[3]`");
        return None;
    }
    let mut named = Vec::new();
    for item in &items {
        let Some(replica) = replica_id(item, scope.replicas, problems) else { continue };
        if named.contains(&replica) {
            item.wrong(problems, format!("replica {replica} is there twice")).help("remove one");
            continue;
        }
        named.push(replica);
    }
    Some(named)
}

/// The numbers of a list, each once.
fn distinct(
    list: &Field<'_>,
    what: &str,
    problems: &mut Problems,
    read: impl Fn(&Field<'_>, &mut Problems) -> Option<usize>,
) -> Option<Vec<usize>> {
    let items = list.list(problems, &format!("{what}s, as in `[0]`"))?;
    if items.is_empty() {
        list.wrong(problems, format!("no {what}")).help("name some, as in `[0]`");
        return None;
    }
    let mut found = Vec::new();
    for item in &items {
        let Some(id) = read(item, problems) else { continue };
        if found.contains(&id) {
            item.wrong(problems, format!("{what} {id} is there twice")).help("remove one");
            continue;
        }
        found.push(id);
    }
    Some(found)
}
