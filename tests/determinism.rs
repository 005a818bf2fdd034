//! Same plan, same digest: in every process, in debug and release, with any number of threads, and from one version of
//! the program to the next unless someone says otherwise.

use crate::amanah::{Build, directory, json, names};
use crate::support::{plan, root, run};
use serde_json::Value;
use sim::plan::Plan;
use sim::scenario::Scenario;
use sim::world::Options;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Gateways, documents, consent, a restart from disk and a partition that heals, over QUIC.
const RECORDS: &str = "# Does a run with records repeat?
name: records
seed: 31
warmup: 500ms
duration: 3s
ledger: { replicas: 4 }
network: { topology: gulf-5, loss: 0.1% }
population: { patients: 200, hospitals: 4, pharmacies: 2, laboratories: 1, insurers: 1 }
workloads:
  - personal_health_record:
      rate: 60/s
      mix: { register: 30%, share: 40%, consent: 20%, audit: 5%, break_glass: 5% }
faults:
  - at: 500ms
    crash: { replicas: [2], for: 800ms }
  - at: 1800ms
    partition: { groups: [[0, 1], rest], for: 700ms }
expect:
  - safety
";

/// Ordering alone, over the message model.
const OPAQUE: &str = "# Does a run of opaque bytes repeat?
name: opaque
seed: 32
warmup: 500ms
duration: 3s
ledger: { replicas: 4 }
network: { topology: uniform-50-100ms, loss: 0.1%, transport: message }
workloads:
  - opaque: { rate: 300/s, size: 256B }
faults:
  - at: 500ms
    crash: { replicas: [2], for: 800ms }
  - at: 1800ms
    partition: { groups: [[0, 1], rest], for: 700ms }
expect:
  - safety
";

/// What a result says about the run itself, without what it says about the machine.
fn repeatable(result: &Path) -> Value {
    let mut result = json(&result.join("result.json"));
    let fields = result.as_object_mut().unwrap();
    fields.remove("environment").unwrap();
    fields.remove("replay").unwrap();
    fields["metrics"].as_object_mut().unwrap().retain(|_, figure| figure["deterministic"] == true);
    result
}

/// Every file of a directory, those of its folders too.
fn files(directory: &Path) -> Vec<String> {
    let inside = |name: String| match directory.join(&name).is_dir() {
        true => files(&directory.join(&name)).into_iter().map(|file| format!("{name}/{file}")).collect(),
        false => vec![name],
    };
    names(directory).into_iter().flat_map(inside).collect()
}

/// A file beside the result, without the one column of `series.csv` that is about the machine: the process's memory.
fn table(file: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).unwrap();
    let mut rows: Vec<Vec<String>> =
        text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    if let Some(column) = rows[0].iter().position(|name| name == "resident_bytes") {
        rows.iter_mut().for_each(|row| drop(row.remove(column)));
    }
    rows
}

#[track_caller]
fn same_in_debug_and_release(yaml: &str) {
    let plan = plan(yaml);
    let directory = directory(&format!("determinism-{}", plan.name));
    fs::write(directory.join("scenario.yaml"), yaml).unwrap();
    let runs = [(Build::Debug, "debug"), (Build::Debug, "debug-again"), (Build::Release, "release")];
    for (build, out) in runs {
        build.run(&directory, &["run", "scenario.yaml", "--quiet", "--out", out]).exits(0);
    }
    let first = directory.join("debug");
    assert_eq!(json(&first.join("result.json"))["environment"]["profile"], "debug");
    assert_eq!(json(&directory.join("release/result.json"))["environment"]["profile"], "release");
    for out in ["debug-again", "release"] {
        let other = directory.join(out);
        let (expected, found) = (repeatable(&first), repeatable(&other));
        for (field, expected) in expected.as_object().unwrap() {
            assert_eq!(expected, &found[field], "`{field}` of {out} differs: see {}", directory.display());
        }
        assert_eq!(files(&first), files(&other));
        // The page shows the result, with the figures of the machine's wall clock.
        let shown = |name: &&String| ["result.json", "report.html"].contains(&name.as_str());
        for name in files(&first).iter().filter(|name| !shown(name)) {
            assert_eq!(table(&first.join(name)), table(&other.join(name)), "{name} of {out}");
        }
    }
    for (build, recorded) in [(Build::Release, "debug"), (Build::Debug, "release")] {
        let replayed = build.run(&directory, &["replay", recorded]).exits(0);
        assert!(replayed.stdout.contains(" equal\n"), "{}", replayed.stdout);
    }
    // The seeded bugs that the tests' own build carries change nothing while they sleep.
    let here = run(&plan, &Options::default()).digest.to_string();
    assert_eq!(here, repeatable(&first)["digest"], "in the tests' process");
}

#[test]
fn records_are_the_same_in_every_process_in_debug_and_release() {
    same_in_debug_and_release(RECORDS);
}

#[test]
fn opaque_bytes_are_the_same_in_every_process_in_debug_and_release() {
    same_in_debug_and_release(OPAQUE);
}

#[test]
fn threads_change_nothing() {
    let plan = plan(RECORDS);
    let digests = [1, 2, 5].map(|threads| run(&plan, &Options { threads, ..Options::default() }).digest);
    assert!(digests.iter().all(|digest| *digest == digests[0]), "1, 2 and 5 threads: {digests:?}");
}

#[test]
fn another_seed_is_another_run() {
    for yaml in [RECORDS, OPAQUE] {
        let mut plan = plan(yaml);
        let first = run(&plan, &Options::default()).digest;
        plan.seed += 1;
        assert_ne!(first, run(&plan, &Options::default()).digest, "{}", plan.name);
    }
}

/// Scenarios whose digest is kept, and what is changed in them.
const GOLDEN: &[(&str, &[&str])] = &[("smoke.yaml", &[]), ("peer-simulation-10.yaml", &["duration=2s"])];

const GOLDEN_HEAD: &str = "# Digests of runs, kept so that nobody changes what a run does without saying so.
# Written by: UPDATE_GOLDEN=1 cargo test --package tests golden
";

fn golden() -> String {
    let mut text = GOLDEN_HEAD.to_owned();
    for (name, overrides) in GOLDEN {
        let mut scenario = Scenario::read(&root().join("scenarios").join(name)).unwrap();
        overrides.iter().for_each(|assignment| scenario.set(assignment));
        let plan = Plan::from_scenario(&scenario).unwrap_or_else(|errors| panic!("{errors}"));
        let digest = run(&plan, &Options::default()).digest;
        let set: String = overrides.iter().map(|assignment| format!(" --set {assignment}")).collect();
        writeln!(text, "{digest} {name}{set}").unwrap();
    }
    text
}

#[test]
fn golden_digests_are_those_of_the_file() {
    let file = root().join("tests/golden.txt");
    let found = golden();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        fs::write(&file, &found).unwrap();
    }
    // A checkout may have changed the line ends.
    let kept = fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(
        kept, found,
        "\na run no longer does what it did. If that was not intended, this is a bug: a change that only moves code, \
         or only looks, leaves every digest alone.\nIf it was, write the new digests with\n  \
         UPDATE_GOLDEN=1 cargo test --package tests golden\nand commit tests/golden.txt with the change, the reason \
         in the message.\nkept in tests/golden.txt (left), found (right)"
    );
}
