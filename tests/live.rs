//! The live world: processes, sockets and disks. Nothing here has a limit of wall-clock time: conditions are waited for
//! as long as there is progress.

mod adversaries;
mod cluster;
mod daemons;
mod deployment;
mod load;
mod namespaces;

use crate::amanah::{Build, Ended, directory, json, names};
use crate::support::root;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// Kills in the short version; `AMANAH_LIVE_KILLS` asks for more.
const KILLS: u64 = 20;

/// Four replicas that share records while `faults` happen.
fn scenario(name: &str, seconds: u64, faults: &str) -> String {
    format!(
        "name: {name}
seed: 1
warmup: 1s
duration: {seconds}s
drain: 30s
ledger: {{ replicas: 4 }}
network: {{ topology: lan }}
population: {{ patients: 200, hospitals: 4, staff: 4 }}
workloads:
  - personal_health_record: {{ rate: 30/s }}
faults:
{faults}
expect:
  - safety
  - liveness
  - shares.permitted_wrongly == 0
"
    )
}

/// Runs a scenario live, and gives back its result and directory.
fn run_live(name: &str, scenario: &str) -> (Value, std::path::PathBuf) {
    let directory = directory(&format!("live-{name}"));
    std::fs::write(directory.join("live.yaml"), scenario).unwrap();
    let ended = Build::Debug.run(&directory, &["run", "--live", "live.yaml", "--out", "out", "--quiet"]);
    let result = directory.join("out/result.json");
    assert!(result.exists(), "{ended:?}\n{}", logs(&directory.join("out/live")));
    let result = json(&result);
    for row in result["verdicts"].as_array().unwrap() {
        let logs = || logs(&directory.join("out/live"));
        assert!(held(row), "{}: {}\n{ended:?}\n{}", row["checker"], row["detail"], logs());
    }
    ended_well(ended, &directory);
    (result, directory)
}

/// Whether a checker found nothing, where the scenario has what it looks at: nothing is done wrong on purpose in these,
/// documents say nothing, nobody is hostile, some read and consent to nothing, and most are shorter than what healing may take.
fn held(verdict: &Value) -> bool {
    let looks_at_none = [
        "detection",
        "content",
        "evidence",
        "forgery",
        "assumption",
        "progress",
        "revocation",
        "linearizability",
    ];
    let has_none = looks_at_none.iter().any(|checker| verdict["checker"] == *checker);
    verdict["status"] == "passed" || (has_none && verdict["status"] == "not_applicable")
}

/// A machine that is too busy for the rate makes a measurement invalid, not the ledger wrong.
fn ended_well(ended: Ended, directory: &Path) {
    assert!(matches!(ended.code, Some(0 | 13)), "{ended:?}\n{}", logs(&directory.join("out/live")));
}

/// The ends of all logs in a directory.
fn logs(directory: &Path) -> String {
    let mut text = String::new();
    for name in names(directory).iter().filter(|name| name.ends_with(".log")) {
        let log = std::fs::read_to_string(directory.join(name)).unwrap_or_default();
        let from = log.len().saturating_sub(2_000);
        let tail: String = log.chars().skip_while(|c| !c.is_ascii()).collect();
        let _ = writeln!(text, "--- {name}\n{}", tail.get(from..).unwrap_or(&tail));
    }
    text
}

fn count(result: &Value, metric: &str) -> u64 {
    result["metrics"][metric]["value"].as_u64().unwrap_or_else(|| panic!("no {metric}"))
}

#[test]
fn a_scenario_runs_live_and_its_checkers_pass() {
    let directory = directory("live-scenario");
    let file = root().join("scenarios/live.yaml");
    let file = file.to_str().unwrap();
    let ended = Build::Debug.run(&directory, &["run", "--live", file, "--out", "out"]);
    for phrase in ["live: 4 replica processes on loopback", "ok   receipts", "ok   durability", "crash of 3"]
    {
        assert!(
            ended.stdout.contains(phrase),
            "no {phrase:?} in {ended:?}\n{}",
            logs(&directory.join("out/live"))
        );
    }
    ended_well(ended, &directory);
    let out = directory.join("out");
    let result = json(&out.join("result.json"));
    assert_eq!(result["world"], "live_loopback");
    assert_eq!(count(&result, "replica.restarts"), 1);
    assert!(count(&result, "transactions.committed") > 0);
    assert!(out.join("series.csv").exists() && out.join("live/consortium.yaml").exists());

    let refused = Build::Debug.run(&directory, &["replay", "out"]).exits(2);
    refused.says(&["it was run live", "no run repeats it to the bit"]);
}

/// Real documents, composed, sealed, sent, opened, verified and read by processes on real sockets.
#[test]
fn fhir_documents_arrive_readable_live() {
    let scenario = scenario("fhir", 4, "").replace("faults:\n\n", "documents: fhir\n");
    let (result, _) = run_live("fhir", &scenario);
    assert!(count(&result, "documents.read") > 10, "{}", result["metrics"]);
    assert_eq!(count(&result, "documents.defective"), 0);
    let rows = result["verdicts"].as_array().unwrap();
    let content = rows.iter().find(|row| row["checker"] == "content").unwrap();
    assert_eq!(content["status"], "passed", "{content}");
}

#[test]
fn what_cannot_be_injected_is_refused_before_anything_starts() {
    let directory = directory("live-refused");
    let smoke = root().join("scenarios/smoke.yaml");
    let smoke = smoke.to_str().unwrap();
    let ended = Build::Debug.run(&directory, &["run", "--live", smoke, "--out", "out"]).exits(2);
    ended.says(&["faults[1], a partition, cannot be injected on loopback", "--namespaces"]);
    let opaque = root().join("scenarios/peer-simulation-10.yaml");
    let ended =
        Build::Debug.run(&directory, &["run", "--live", opaque.to_str().unwrap(), "--out", "out"]).exits(2);
    ended.says(&["equal gaps", "--set arrivals=constant"]);
    assert_eq!(names(&directory), Vec::<String>::new());
    Build::Debug.run(&directory, &["run", "--netem", smoke]).exits(2).says(&["--live"]);
}

#[test]
fn one_replica_after_another_is_killed_and_nothing_is_lost() {
    let kills = std::env::var("AMANAH_LIVE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    // Instants and replicas that look random, and are the same in every run.
    let mut faults = String::new();
    let mut at_ms = 500;
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..kills {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (replica, gap_ms) = ((state >> 60) % 4, 700 + (state >> 33) % 900);
        let _ = writeln!(faults, "  - {{ at: {at_ms}ms, crash: {{ replicas: [{replica}], for: 400ms }} }}");
        at_ms += gap_ms;
    }
    let (result, _) = run_live("kills", &scenario("kills", at_ms / 1_000 + 2, &faults));
    assert_eq!(count(&result, "replica.restarts"), kills);
    assert!(count(&result, "transactions.committed") > 0);
}

#[test]
fn all_replicas_are_killed_at_once_and_nothing_is_lost() {
    let faults = "  - { at: 2s, crash: { replicas: [0, 1, 2, 3], for: 500ms } }
  - { at: 6s, crash: { replicas: [3, 2, 1, 0], for: 500ms } }";
    let (result, _) = run_live("all-killed", &scenario("all-killed", 10, faults));
    assert_eq!(count(&result, "replica.restarts"), 8);
    assert!(count(&result, "transactions.committed") > 0);
}

/// Its journal is deleted, and it starts with an empty one and `journal_lost: true`: it asks the others what it may have signed
/// before it signs anything, takes a snapshot or their blocks, and goes on. Killed once more, it has a journal again.
#[test]
fn a_replica_that_lost_its_journal_comes_back() {
    let faults = "  - { at: 2s, crash: { replicas: [1], disk: wiped, for: 500ms } }
  - { at: 6s, crash: { replicas: [1], for: 500ms } }";
    let (result, directory) = run_live("wiped", &scenario("wiped", 9, faults));
    assert_eq!(count(&result, "replica.restarts"), 2);
    assert!(count(&result, "transactions.committed") > 0);
    let config = std::fs::read_to_string(directory.join("out/live/replica-1.yaml")).unwrap();
    assert!(!config.contains("journal_lost"), "an operator takes it out again: {config}");
    let log = std::fs::read_to_string(directory.join("out/live/replica-1.log")).unwrap();
    assert!(log.contains("lost its journal"), "{log}");
}

#[test]
fn opaque_load_is_made_in_the_replicas_and_counted() {
    let scenario = "name: opaque
duration: 4s
drain: 20s
arrivals: constant
ledger: { replicas: 4 }
network: { topology: lan }
workloads:
  - opaque: { rate: 400/s, size: 512B }
faults:
  - { at: 1s, crash: { replicas: [2], for: 500ms } }
expect:
  - safety
";
    let directory = directory("live-opaque");
    std::fs::write(directory.join("live.yaml"), scenario).unwrap();
    let ended = Build::Debug.run(&directory, &["run", "--live", "live.yaml", "--out", "out", "--quiet"]);
    ended_well(ended, &directory);
    let result = json(&directory.join("out/result.json"));
    let [submitted, committed, timed_out] =
        ["submitted", "committed", "timed_out"].map(|name| count(&result, &format!("transactions.{name}")));
    // All that was scheduled is accounted for: what fell due while a process was dead timed out with it.
    assert!((1_590..=1_610).contains(&submitted), "{submitted}");
    assert!(committed > submitted / 2 && timed_out > 0, "{committed} of {submitted}, {timed_out} timed out");
}

#[test]
fn access_is_decided_live_and_processor_time_is_accounted_for() {
    let scenario = "name: decisions
seed: 1
warmup: 1s
duration: 4s
drain: 30s
ledger: { replicas: 4 }
network: { topology: lan }
population: { patients: 200, hospitals: 4, staff: 4 }
workloads:
  - access_decisions: { rate: 400/s, bundle: 4 }
expect:
  - safety
  - liveness
  - decisions.refused_wrongly == 0
";
    let (result, _) = run_live("decisions", scenario);
    assert!(count(&result, "decisions.permitted") > 0);
    for (name, did, did_not) in [
        ("replica", ["submissions", "blocks", "transactions"], "signing"),
        ("clients", ["signing", "receipts", "machines"], "journal"),
    ] {
        let all = count(&result, &format!("{name}.process.cpu"));
        let metrics = result["metrics"].as_object().unwrap();
        let prefix = format!("{name}.process.cpu.");
        let stages = metrics.keys().filter(|key| key.starts_with(&prefix));
        let sum: u64 = stages.map(|stage| count(&result, stage)).sum();
        // Chores are counted to the nanosecond, threads to a hundredth of a second each.
        assert!(sum.abs_diff(all) <= all / 5 + 200_000_000, "{name}: {sum} of {all}");
        for stage in did {
            assert!(count(&result, &format!("{prefix}{stage}")) > 0, "{name} did nothing of {stage}");
        }
        assert!(!metrics.contains_key(&format!("{prefix}{did_not}")), "{name}, {did_not}");
    }
}

/// A run of a minute, at its first line of progress, and then a signal to it.
fn signalled(name: &str, signal: &str) -> (Ended, std::path::PathBuf) {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    let directory = directory(&format!("live-{name}"));
    std::fs::write(directory.join("live.yaml"), scenario("signalled", 60, "  []")).unwrap();
    let mut command = Build::Debug.command(&directory);
    command
        .args(["run", "--live", "live.yaml", "--out", "out"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    stderr.read_line(&mut text).unwrap();
    assert!(text.starts_with("signalled: ") && text.contains('%'), "{text}");
    assert_eq!(replicas_of(&directory).len(), 4);
    let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    stderr.read_to_string(&mut text).unwrap();
    let mut ended = Ended::new(format!("amanah run --live, {signal}"), child.wait_with_output().unwrap());
    ended.stderr = text;
    (ended, directory)
}

/// Processes that run a replica of this directory.
fn replicas_of(directory: &Path) -> Vec<String> {
    let config = directory.join("out/live").to_string_lossy().into_owned();
    let relative = "out/live/replica-";
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok());
    processes
        .filter(|process| {
            let line = std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
            let here = std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == directory);
            line.contains(&config) || (here && line.contains(relative))
        })
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn an_interrupted_live_run_leaves_partial_results_and_no_process() {
    let (ended, directory) = signalled("interrupted", "INT");
    let ended = ended.exits(130).says(&["stopping with partial results", "(exit 130)"]);
    assert!(ended.stdout.contains("PARTIAL"), "{}", ended.stdout);
    let result = json(&directory.join("out/result.json"));
    assert_eq!((&result["partial"], &result["world"]), (&Value::Bool(true), &Value::from("live_loopback")));
    assert_eq!(replicas_of(&directory), Vec::<String>::new());
}

#[test]
fn replicas_of_a_killed_testbed_end_by_themselves() {
    let (ended, directory) = signalled("orphans", "KILL");
    assert_eq!(ended.code, None);
    let since = std::time::Instant::now();
    while !replicas_of(&directory).is_empty() {
        assert!(since.elapsed() < cluster::GIVE_UP, "{:?} live on", replicas_of(&directory));
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
