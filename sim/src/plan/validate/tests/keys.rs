//! The table of keys and the validator agree: on keys, units, ranges, words, defaults and examples. Neither is made of the
//! other, so the validator is listened to while it reads every example of the table.

use super::*;
use crate::keys::{self, Form, Key, Need, Placed};
use crate::scenario::reader::heard::{self, Heard};
use std::collections::{BTreeMap, BTreeSet};

/// Everybody whom a workload needs, and a topology that faults can name regions of.
const WHOLE: &str = "\
name: keys
duration: 60s
ledger: { replicas: 4 }
network: { topology: gulf-5 }
population: { patients: 10k, hospitals: 8, pharmacies: 8, laboratories: 2, insurers: 2, manufacturers: 2, wholesalers: 2,
  sponsors: 2, ethics_boards: 1, research_institutes: 1, model_owners: 1, devices: 100 }
workloads: [{ personal_health_record: { rate: 400/s } }]
faults: []
expect: [safety]
";

/// Examples that cannot stand beside the others of their maps: the whole value around them.
const INSTEAD: &[(&str, &str)] = &[
    (
        "faults[].byzantine.victims",
        "faults=[{ at: 20s, byzantine: { replicas: [3], behaviour: selective, victims: [0] } }]",
    ),
    ("faults[].churn.gateways", "faults=[{ at: 20s, churn: { gateways: [0], period: 2s, away: 500ms } }]"),
    ("faults[].clock.behind", "faults=[{ at: 20s, clock: { replicas: [2], behind: 200ms } }]"),
    ("faults[].clock.gateways", "faults=[{ at: 20s, clock: { gateways: [0], ahead: 200ms } }]"),
    ("faults[].clock.hospitals", "faults=[{ at: 20s, clock: { hospitals: [0], ahead: 200ms } }]"),
    ("faults[].crash.gateways", "faults=[{ at: 20s, crash: { gateways: [0], for: 2s } }]"),
    ("faults[].crash.hospitals", "faults=[{ at: 20s, crash: { hospitals: [0], for: 2s } }]"),
    (
        "faults[].crash.skip",
        "faults=[{ at: 20s, crash: { replicas: [3], for: 2s, persist: after, skip: 3 } }]",
    ),
    (
        "faults[].crash.times",
        "faults=[{ at: 20s, crash: { replicas: [3], for: 2s, persist: after, times: 2 } }]",
    ),
    (
        "faults[].hostile_gateway.hospitals",
        "faults=[{ hostile_gateway: { hospitals: [0], behaviour: flood } }]",
    ),
    (
        "faults[].link.between",
        "faults=[{ at: 20s, link: { between: [me-central-1, eu-south-1], loss: 5% } }]",
    ),
    ("faults[].link.regions", "faults=[{ at: 20s, link: { regions: [me-south-1], loss: 5% } }]"),
    ("faults[].partition.bridge", "faults=[{ at: 20s, partition: { groups: [[0, 1], rest], bridge: [2] } }]"),
    ("faults[].partition.isolate", "faults=[{ at: 20s, partition: { isolate: leader, for: 5s } }]"),
    ("ledger.replicas[].region", "ledger.replicas=[{ region: me-central-1 }, { region: eu-south-1 }]"),
    (
        "ledger.replicas[].stake",
        "ledger.replicas=[{ region: me-central-1, stake: 3 }, { region: eu-south-1 }]",
    ),
    (
        "network.topology.matrix",
        "network.topology={ regions: [riyadh, dubai], matrix: [[0.2ms, 8ms], [8ms, 0.2ms]] }",
    ),
    (
        "network.topology.regions",
        "network.topology={ regions: [riyadh, dubai], matrix: [[0.2ms, 8ms], [8ms, 0.2ms]] }",
    ),
    ("network.transfers[].to", "network.transfers=[{ at: 5s, from: 0, to: 1, size: 100MB }]"),
];
/// Parts that only add up with others.
const PARTS: &str = "workloads[].personal_health_record.mix.";

/// The value `value` of a key, with what must stand around it: assignments to [`WHOLE`].
fn around(placed: &Placed, value: &str) -> Vec<String> {
    let path = placed.path.as_str();
    if let Some((_, whole)) = INSTEAD.iter().find(|(known, _)| *known == path) {
        return vec![(*whole).to_owned()];
    }
    if let Some(part) = path.strip_prefix(PARTS) {
        let rest = if part == "register" { "share" } else { "register" };
        return vec![format!(
            "workloads=[{{ personal_health_record: {{ rate: 1/s, mix: {{ {part}: 0, {rest}: 100% }} }} }}]"
        )];
    }
    if placed.path.starts_with("population.") {
        let who = if placed.key.name == "insurers" { "hospitals" } else { "insurers" };
        return vec![
            "workloads=[{ opaque: { rate: 1/s } }]".to_owned(),
            format!("population={{ patients: 10k, {who}: 1 }}"),
            format!("{path}={value}"),
        ];
    }
    let top = |from: usize| {
        // An example of the map around it, which the value is then put into.
        let kind = placed.above.get(from).copied().unwrap_or(placed.key);
        let example = if placed.above.len() > from { kind.example } else { value };
        match path.split(['[', '.']).next() {
            Some("workloads") => format!("workloads=[{{ {}: {example} }}]", kind.name),
            Some("arrivals") => format!("arrivals={{ {}: {example} }}", kind.name),
            Some("faults") if kind.name == "at" => {
                format!("faults=[{{ at: {value}, pause: {{ replicas: [0], for: 1s }} }}]")
            }
            Some("faults") if kind.name == "when" => {
                let when = if placed.above.len() > from {
                    format!("{{ {}: {value} }}", placed.key.name)
                } else {
                    value.to_owned()
                };
                format!("faults=[{{ when: {when}, pause: {{ replicas: [0], for: 1s }} }}]")
            }
            _ => format!("faults=[{{ at: 20s, {}: {example} }}]", kind.name),
        }
    };
    let indexed = path.replace("[]", "[0]");
    match path.split(['[', '.']).next() {
        Some("workloads" | "faults" | "arrivals") if !placed.above.is_empty() => {
            let mut all = vec![top(1)];
            if placed.above.len() > 1 && !path.contains(".when.") {
                for (depth, key) in placed.above.iter().enumerate().skip(2) {
                    let inner: Vec<&str> = indexed.split('.').take(depth + 1).collect();
                    all.push(format!("{}={}", inner.join("."), key.example));
                }
                all.push(format!("{indexed}={value}"));
            }
            all
        }
        _ => {
            let mut all = Vec::new();
            for (depth, key) in placed.above.iter().enumerate() {
                let inner: Vec<&str> = indexed.split('.').take(depth + 1).collect();
                // What stands there already is only added to.
                if !matches!(key.need, Need::Required) {
                    let example = if key.name.ends_with("host") { "{ cores: 2 }" } else { key.example };
                    all.push(format!("{}={example}", inner.join(".").trim_end_matches("[0]")));
                }
            }
            all.push(format!("{indexed}={value}"));
            all
        }
    }
}

fn plan_with(assignments: &[String]) -> Plan {
    let words: Vec<&str> = assignments.iter().map(String::as_str).collect();
    read(WHOLE, &words).unwrap_or_else(|errors| panic!("{words:?}\n{errors}"))
}

/// Examples that a scenario can hold.
fn examples() -> Vec<Placed> {
    let can = |placed: &Placed| !matches!(placed.key.form, Form::Choice([]) | Form::Paths);
    keys::all().into_iter().filter(can).collect()
}

fn without_indices(path: &str) -> String {
    path.split('[')
        .map(|part| part.split_once(']').map_or(part.to_owned(), |(_, rest)| format!("[]{rest}")))
        .collect()
}

#[test]
fn the_table_of_keys_says_what_the_validator_reads() {
    heard::take();
    for placed in examples() {
        plan_with(&around(&placed, placed.key.example));
    }
    let table: BTreeMap<String, Vec<&Form>> =
        keys::all().into_iter().fold(BTreeMap::new(), |mut all, placed| {
            all.entry(placed.path).or_insert_with(Vec::new).extend(placed.key.form.leaves());
            all
        });
    let mut read = BTreeSet::new();
    for question in heard::take() {
        let (Heard::Key(path) | Heard::Unit(path, _) | Heard::Range(path, ..) | Heard::Names(path, _)) =
            &question;
        let path = without_indices(path);
        // Items have no keys of their own.
        let key = path.trim_end_matches("[]").to_owned();
        let leaves =
            table.get(&key).unwrap_or_else(|| panic!("`{key}` is read and not in the table of keys"));
        match question {
            Heard::Key(_) => drop(read.insert(path)),
            Heard::Unit(_, expected) => {
                let is_it =
                    |form: &&&Form| matches!(form, Form::Quantity(kind, _) if kind.expected() == expected);
                assert!(leaves.iter().any(|form| is_it(&form)), "{key}: {expected}");
            }
            Heard::Range(_, least, most) => {
                let is_it = |form: &&&Form| match form {
                    Form::Quantity(_, Some(range)) => {
                        *range == (least.as_str(), most.as_str()) || most.contains('`')
                    }
                    _ => false,
                };
                assert!(leaves.iter().any(|form| is_it(&form)), "{key}: {least} to {most}");
            }
            Heard::Names(_, names) => {
                let is_it = |form: &&&Form| match form {
                    Form::Choice(rows) => rows.iter().map(|(name, _)| *name).collect::<Vec<_>>() == names,
                    _ => false,
                };
                assert!(leaves.iter().any(|form| is_it(&form)), "{key}: {names:?}");
            }
        }
    }
    // Of a map that names its kind by its only key, the validator asks for no key in particular.
    let named_by_kind = |placed: &Placed| {
        ["workloads", "arrivals", "faults[].when"].contains(&parent(&placed.path).trim_end_matches("[]"))
    };
    let written: BTreeSet<String> =
        keys::all().into_iter().filter(|placed| !named_by_kind(placed)).map(|placed| placed.path).collect();
    assert_eq!(read, written);
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// The words between backticks of what is said about an unknown kind.
#[track_caller]
fn check_kinds(assignment: &str, keys: &[&str]) {
    let errors = read(WHOLE, &[assignment]).unwrap_err().to_string();
    let help = errors.lines().rfind(|line| line.contains("= expected")).unwrap();
    let words = help.split('`').skip(1).step_by(2).map(|word| word.split(':').next().unwrap());
    let said: BTreeSet<&str> = words.filter(|word| !["poisson", "constant"].contains(word)).collect();
    assert_eq!(said, keys.iter().copied().collect());
}

#[test]
fn kinds_are_the_same() {
    let below = |path: &str| -> Vec<&str> {
        let all = keys::all();
        all.iter().filter(|placed| parent(&placed.path) == path).map(|placed| placed.key.name).collect()
    };
    check_kinds("workloads=[{ qqq: {} }]", &below("workloads[]"));
    check_kinds("arrivals={ qqq: {} }", &below("arrivals"));
    check_kinds("faults=[{ when: { qqq: 1 }, pause: { replicas: [0] } }]", &below("faults[].when"));
    let names = |path: &str| {
        let all = keys::all();
        let key: &'static Key = all.iter().find(|placed| placed.path == path).unwrap().key;
        let leaves = key.form.leaves();
        let Some(Form::Choice(names)) = leaves.first() else { panic!("{path} is no choice") };
        names.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    };
    // What is not read by `choice`.
    assert_eq!(names("network.topology"), topology::NAMES);
}

#[test]
fn defaults_are_what_the_validator_fills_in() {
    let mut seen = 0;
    for placed in examples() {
        let Need::Default(value) = placed.key.need else { continue };
        let mut with = around(&placed, value);
        let is_there = |above: &&&Key| above.example.contains(&format!("{}:", placed.key.name));
        let stands_alone = INSTEAD.iter().any(|(path, _)| *path == placed.path);
        if stands_alone || placed.path.starts_with(PARTS) || placed.above.last().filter(is_there).is_some() {
            continue;
        }
        // The last assignment is the key itself.
        let written = plan_with(&with);
        with.pop();
        assert_eq!(plan_with(&with), written, "{}: {value}", placed.path);
        seen += 1;
    }
    assert!(seen > 90, "{seen}");
    let mix = "workloads=[{ personal_health_record: { rate: 400/s, mix: { register: 45%, share: 35%, consent: 15%, audit: 5% } } }]";
    assert_eq!(plan_with(&[mix.to_owned()]), plan_with(&[]));
}

#[test]
fn people_find_keys_without_the_marks_of_lists() {
    assert_eq!(keys::plain("faults[].crash.disk"), "faults.crash.disk");
    assert_eq!(keys::plain("faults[3].crash.replicas[0]"), "faults.crash.replicas");
    let mut paths: Vec<String> = keys::all().into_iter().map(|placed| keys::plain(&placed.path)).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), count);
}
