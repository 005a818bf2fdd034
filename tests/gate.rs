//! Comparison and gates as CI meets them: baselines, exit codes, and the files that others read.

use crate::amanah::{Build, directory, json, names};
use crate::support::root;
use serde_json::Value;
use sim::gate::Baseline;
use std::fs;
use std::path::Path;

/// Under a second of machine time.
const QUICK: &str = "# Does a gate hold?
name: quick
seed: 5
duration: 1s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
population: { patients: 100, hospitals: 4 }
workloads:
  - personal_health_record: { rate: 20/s, mix: { register: 50%, share: 50% } }
expect:
  - safety
  - share.latency.p99 < 10s
";

/// What the committed baseline of the smoke test holds is what the program does, whatever the profile.
#[test]
fn the_smoke_test_is_what_its_baseline_says() {
    let smoke = root().join("scenarios/smoke.yaml");
    let baselines = root().join("bench-results/baselines");
    let arguments = ["gate", smoke.to_str().unwrap(), "--baseline", baselines.to_str().unwrap()];
    let ended = Build::Debug.run(&directory("gate-smoke"), &arguments).exits(0);
    assert!(ended.stdout.starts_with("smoke: passed: "), "{}", ended.stdout);
}

/// Every committed baseline is whole, says why it is what it is, and belongs to a scenario.
#[test]
fn committed_baselines_are_whole() {
    let directory = root().join("bench-results/baselines");
    let files = names(&directory);
    assert!(files.len() >= 4, "{files:?}");
    for name in files {
        let baseline = Baseline::read(&directory.join(&name)).unwrap().unwrap();
        assert_eq!(name, format!("{}.json", baseline.scenario));
        assert!(baseline.reason.len() > 10 && baseline.metrics.len() > 30, "{name}");
        assert!(root().join("scenarios").join(format!("{}.yaml", baseline.scenario)).exists(), "{name}");
    }
}

/// The life of a baseline: refused without a reason, written, held, and a regression found in every file that CI reads.
#[test]
fn a_figure_that_changed_is_98_and_told_in_every_format() {
    let directory = directory("gate-quick");
    fs::write(directory.join("quick.yaml"), QUICK).unwrap();
    let gate = |more: &[&str]| {
        let arguments: Vec<&str> =
            ["gate", "quick.yaml", "--baseline", "baselines"].iter().chain(more).copied().collect();
        Build::Debug.run(&directory, &arguments)
    };
    gate(&[]).exits(2).says(&["baselines/quick.json: no such baseline", "--update --reason TEXT"]);
    gate(&["--update"]).exits(2).says(&["--reason"]);
    gate(&["--update", "--reason", " "]).exits(2).says(&["a baseline is rewritten for a reason"]);
    let written = gate(&["--update", "--reason", "first of its kind"]).exits(0);
    assert!(
        written.stdout.starts_with("### Baseline of quick, seed 5\n\nfirst of its kind\n\nNew: "),
        "{}",
        written.stdout
    );
    gate(&["--update", "--reason", "again", "--junit", "junit.xml"]).exits(2).says(&["cannot be used with"]);
    let again = gate(&["--update", "--reason", "again", "--json"]).exits(0);
    let document: Value = serde_json::from_str(&again.stdout).unwrap();
    let review = document["scenarios"][0]["checks"][0]["message"].as_str().unwrap();
    assert!(review.contains("Nothing changed but the reason."), "{review}");
    // A run that falls short of what its scenario expects is no measure: no run would ever pass beside it.
    let before = fs::read_to_string(directory.join("baselines/quick.json")).unwrap();
    let short = ["--update", "--reason", "short", "--set", "expect=[safety, share.latency.p99 < 1ns]"];
    gate(&short).exits(99).says(&["the baseline stays what it was"]);
    assert_eq!(fs::read_to_string(directory.join("baselines/quick.json")).unwrap(), before);
    gate(&["--tolerance", "share.latncy=1%"]).exits(2).says(&["there is no metric `share.latncy`"]);

    // Somebody agreed to a run with another latency and one share less.
    let file = directory.join("baselines/quick.json");
    let mut baseline = Baseline::read(&file).unwrap().unwrap();
    let Value::Number(p50) = serde_json::to_value(baseline.metrics["share.latency.p50"]).unwrap() else {
        panic!()
    };
    baseline.metrics["share.latency.p50"] = sim::metrics::Value::Whole(p50.as_u64().unwrap() / 2);
    baseline.result_sha256 = baseline.hash();
    baseline.write(&file).unwrap();
    let files =
        ["--junit", "junit.xml", "--summary", "summary.md", "--annotations", "--bencher", "bencher.json"];
    let more = ["--github-benchmark", "trackers", "--out", "results"];
    let ended = gate(&[&files[..], &more[..]].concat()).exits(98).says(&[
        "error: quick: share.latency.p50: ",
        "(worse, +100",
        "error: quick: it differs from its baseline (exit 98); repeat: amanah run quick.yaml --seed 5",
    ]);
    assert!(ended.stdout.contains("::error file=baselines/quick.json,line="), "{}", ended.stdout);
    assert!(ended.stdout.contains("quick: FAILED: 2 of "), "{}", ended.stdout);
    let junit = fs::read_to_string(directory.join("junit.xml")).unwrap();
    assert!(junit.contains("<testcase name=\"share.latency.p50\" classname=\"quick.baseline\">"), "{junit}");
    assert!(junit.contains("repeat: amanah run quick.yaml --seed 5"), "{junit}");
    assert!(
        fs::read_to_string(directory.join("summary.md"))
            .unwrap()
            .starts_with("## amanah gate: 1 of 1 failed\n")
    );
    for tracker in ["bigger-is-better.json", "smaller-is-better.json"] {
        let rows = json(&directory.join("trackers").join(tracker));
        let rows = rows.as_array().unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row["value"].is_number()), "{tracker}");
    }
    assert!(json(&directory.join("bencher.json"))["quick/share.latency.p50"]["latency"]["value"].is_number());

    // A run that leaves nothing is no pass in any file, and no figure.
    let blocked = ["--out", "blocked", "--junit", "deep/junit.xml", "--summary", "deep/summary.md"];
    fs::create_dir(directory.join("blocked")).unwrap();
    fs::write(directory.join("blocked/quick-5"), "in the way").unwrap();
    let ended = gate(&[&blocked[..], &["--bencher", "deep/bencher.json"]].concat()).exits(1);
    ended.says(&["error: quick: there is no whole run to judge: "]);
    let junit = fs::read_to_string(directory.join("deep/junit.xml")).unwrap();
    assert!(
        junit.contains("<testsuite name=\"quick\" tests=\"1\"") && junit.contains("failures=\"1\""),
        "{junit}"
    );
    let summary = fs::read_to_string(directory.join("deep/summary.md")).unwrap();
    assert!(summary.starts_with("## amanah gate: 1 of 1 failed\n"), "{summary}");
    assert_eq!(json(&directory.join("deep/bencher.json")), serde_json::json!({}));

    // The result that the gate kept, compared with itself.
    let kept = "results/quick-5";
    let same = Build::Debug.run(&directory, &["compare", kept, kept]).exits(0);
    assert!(same.stdout.contains("the digests are equal"), "{}", same.stdout);
    let missing = Build::Debug.run(&directory, &["compare", kept, "nowhere"]).exits(2);
    assert!(missing.stderr.contains("nowhere"), "{}", missing.stderr);
}

/// A live gate of so few pairs that nothing can be said of them is refused before anything runs, and a program that cannot be
/// run fails in every file.
#[test]
fn a_live_gate_that_could_not_fail_is_refused() {
    let directory = directory("gate-live");
    fs::write(directory.join("quick.yaml"), QUICK).unwrap();
    let gate = |more: &[&str]| {
        let arguments = [&["gate", "quick.yaml", "--live", "/bin/false", "/bin/false"], more].concat();
        Build::Debug.run(&directory, &arguments)
    };
    gate(&["--pairs", "1..7"]).exits(2).says(&["at least 8"]);
    gate(&["--pairs", "7..10"]).exits(2).says(&["at least 8"]);
    gate(&["--junit", "junit.xml", "--pairs", "8..8"])
        .exits(1)
        .says(&["there is no whole run to judge", "/bin/false run"]);
    let junit = fs::read_to_string(directory.join("junit.xml")).unwrap();
    assert!(junit.contains("failures=\"1\""), "{junit}");
}

/// The examples for CI are YAML, call this program with flags that it has, and name scenarios and baselines that are there.
#[test]
fn examples_for_ci_call_what_there_is() {
    for name in ["github-actions.yml", "gitlab-ci.yml"] {
        let text = fs::read_to_string(root().join("scenarios/ci").join(name)).unwrap();
        let document: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        let command = find(&document, "amanah gate").unwrap_or_else(|| panic!("{name} gates nothing"));
        let words: Vec<&str> =
            command.split_whitespace().skip_while(|word| !word.ends_with("amanah")).skip(1).collect();
        for word in words.iter().filter(|word| word.ends_with(".yaml")) {
            assert!(root().join(word).exists(), "{name}: {word}");
            let stem = Path::new(word).file_stem().unwrap().to_str().unwrap();
            assert!(root().join(format!("bench-results/baselines/{stem}.json")).exists(), "{name}: {word}");
        }
        // The flags as they are, of scenarios that are not: nothing runs, and no flag is unknown.
        let words: Vec<&str> =
            words.iter().map(|word| if word.ends_with(".yaml") { "no.yaml" } else { *word }).collect();
        Build::Debug
            .run(&directory(&format!("gate-{name}")), &words)
            .exits(2)
            .says(&["no.yaml", "no such file"]);
    }
}

/// The first text in a document that has a word in it.
fn find(value: &serde_yaml::Value, word: &str) -> Option<String> {
    match value {
        serde_yaml::Value::String(text) if text.contains(word) && text.contains("--") => Some(text.clone()),
        serde_yaml::Value::Sequence(items) => items.iter().find_map(|item| find(item, word)),
        serde_yaml::Value::Mapping(fields) => fields.iter().find_map(|(_, field)| find(field, word)),
        _ => None,
    }
}
