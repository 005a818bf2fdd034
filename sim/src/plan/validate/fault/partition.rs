//! `partition:` of a fault.

use super::{Scope, Struck, lasting, replica_id, replicas_of};
use crate::diagnostic::{Problems, quote};
use crate::plan::FaultKind;
use crate::plan::validate::SPAN_MAX;
use crate::scenario::node::Value;
use crate::scenario::reader::Field;
use crate::scenario::units;
use ledger_core::time::Duration;

/// Who is with whom, and whether that comes and goes.
pub(super) fn read(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let mut map = field.map(problems, "a map, as in `partition: { groups: [[0, 1], rest], for: 5s }`")?;
    let isolate = map.optional("isolate");
    let bridge = map.optional("bridge");
    let list = match isolate {
        Some(_) => map.optional("groups"),
        None => map.required("groups", "[[0, 1], rest]"),
    };
    let period = map.optional("period").map(|field| period(&field, problems));
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    if let Some(isolate) = isolate {
        isolate.choice(problems, &[("leader", ())], &[])?;
        for (key, field) in [("groups", list), ("bridge", bridge)] {
            let Some(field) = field else { continue };
            let message = format!("`isolate` and `{key}` in one partition");
            problems.report(field.key, field.path, message).help("give each fault its own `- at:`");
            return None;
        }
        let period = period.map_or(Some(None), |period| period.map(Some))?;
        return Some((FaultKind::IsolateLeader { period }, lasts));
    }
    let bridge = bridge.map_or(Some(Vec::new()), |field| replicas_of(&field, "bridge them", scope, problems));
    let groups = groups(&list?, bridge.as_deref(), scope.replicas, problems)?;
    let bridge = bridge?;
    let kind = match period {
        Some(period) => FaultKind::Flapping { groups, bridge, period: period? },
        None => FaultKind::Partition { groups, bridge },
    };
    Some((kind, lasts))
}

/// `one_way:`
pub(super) fn one_way(field: &Field<'_>, scope: &Scope<'_>, problems: &mut Problems) -> Option<Struck> {
    let mut map = field.map(problems, "a map, as in `one_way: { from: [0], to: [1, 2], for: 5s }`")?;
    let (from, to) = (map.required("from", "[0]"), map.required("to", "[1, 2]"));
    let lasts = lasting(&mut map, problems);
    map.finish(problems);
    let mut side = |field: Option<Field<'_>>| replicas_of(&field?, "cut off", scope, problems);
    let (from, to) = (side(from), side(to));
    Some((FaultKind::OneWay { from: from?, to: to? }, lasts))
}

fn period(field: &Field<'_>, problems: &mut Problems) -> Option<Duration> {
    // Shorter ones would make more events than messages.
    field.within(problems, &units::DURATION, (Duration::from_millis(1), "1ms"), SPAN_MAX)
}

/// `bridge` is `None` when it has mistakes of its own.
fn groups(
    list: &Field<'_>,
    bridge: Option<&[usize]>,
    replicas: Option<usize>,
    problems: &mut Problems,
) -> Option<Vec<Vec<usize>>> {
    let items = list.list(problems, "groups of replicas, as in `[[0, 1], rest]`")?;
    if items.len() < 2 {
        let report = list.wrong(
            problems,
            format!("a partition into {}", if items.is_empty() { "nothing" } else { "1 group" }),
        );
        report.help("expected at least 2 groups; `rest` stands for all other replicas");
        return None;
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut rest: Option<(usize, &Field<'_>)> = None;
    for (index, item) in items.iter().enumerate() {
        let group = match &item.node.value {
            Value::Scalar { text, .. } if text == "rest" => {
                if rest.is_some() {
                    item.wrong(problems, "`rest` is there twice").help("remove one");
                }
                rest = Some((index, item));
                Vec::new()
            }
            Value::Scalar { text, .. } => {
                item.wrong(problems, format!("{} is not a group", quote(text)))
                    .help("expected a list of replicas, as in `[0, 1]`, or `rest`");
                return None;
            }
            Value::Null | Value::List(_) | Value::Map(_) | Value::Refused => {
                group(item, &groups, bridge.unwrap_or(&[]), replicas, problems)?
            }
        };
        groups.push(group);
    }
    let replicas = replicas?;
    let bridge = bridge?;
    let placed =
        |replica: &usize| bridge.contains(replica) || groups.iter().any(|group| group.contains(replica));
    let missing: Vec<usize> = (0..replicas).filter(|replica| !placed(replica)).collect();
    match rest {
        Some((_, item)) if missing.is_empty() => {
            item.wrong(problems, "no replica is left for `rest`").help("remove it, or shorten another group");
        }
        Some((index, _)) => groups[index] = missing,
        None if !missing.is_empty() => {
            let message = format!("{} in no group", listing(&missing));
            list.wrong(problems, message)
                .help("every replica needs a group; `rest` stands for all that are in no other");
        }
        None => {}
    }
    Some(groups)
}

fn listing(replicas: &[usize]) -> String {
    let shown: Vec<String> = replicas.iter().take(8).map(usize::to_string).collect();
    match replicas {
        [one] => format!("replica {one} is"),
        _ if replicas.len() > shown.len() => format!("replicas {}, … are", shown.join(", ")),
        _ => format!("replicas {} are", shown.join(", ")),
    }
}

fn group(
    item: &Field<'_>,
    earlier: &[Vec<usize>],
    bridge: &[usize],
    replicas: Option<usize>,
    problems: &mut Problems,
) -> Option<Vec<usize>> {
    let items = item.list(problems, "a list of replicas, as in `[0, 1]`, or `rest`")?;
    if items.is_empty() {
        item.wrong(problems, "an empty group").help("remove it, or name its replicas");
    }
    let mut group = Vec::new();
    for item in &items {
        let Some(replica) = replica_id(item, replicas, problems) else { continue };
        if bridge.contains(&replica) {
            item.wrong(problems, format!("replica {replica} is the bridge"))
                .help("the bridge is in no group");
            continue;
        }
        if group.contains(&replica) || earlier.iter().any(|group| group.contains(&replica)) {
            item.wrong(problems, format!("replica {replica} is there twice"))
                .help("a replica is in exactly one group");
            continue;
        }
        group.push(replica);
    }
    Some(group)
}
