//! The command line as scripts and people meet it: exit codes, what goes to which stream, what is left on disk.

use crate::amanah::{Build, directory, json, names};
use crate::support::root;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Under a second of machine time, and every section in it.
const GOOD: &str = "# Is it refused?
name: good
duration: 2s
ledger:
  replicas: 4
network:
  topology: lan
population:
  patients: 100
  hospitals: 4
workloads:
  - personal_health_record: { rate: 20/s, mix: { register: 50%, share: 50% } }
faults:
  - at: 1s
    crash: { replicas: [3], for: 500ms }
expect:
  - safety
  - share.latency.p99 < 10s
";

/// A directory with `good.yaml` in it.
fn with_good(name: &str) -> std::path::PathBuf {
    let directory = directory(&format!("command-line-{name}"));
    fs::write(directory.join("good.yaml"), GOOD).unwrap();
    directory
}

fn scenario(name: &str) -> String {
    root().join("scenarios").join(name).to_str().unwrap().to_owned()
}

/// Every second of the run is a row of whole numbers, as wide as the head.
fn check_series(file: &Path) {
    let text = fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    assert_eq!(head[..2], ["second", "phase"]);
    let mut rows = 0;
    for (second, line) in lines.enumerate() {
        let row: Vec<&str> = line.split(',').collect();
        assert_eq!(row.len(), head.len(), "{line}");
        assert_eq!(row[0], second.to_string());
        assert!(["warmup", "measurement", "drain"].contains(&row[1]), "{line}");
        for (head, figure) in head.iter().zip(&row).skip(2) {
            // A second in which nothing of what was scheduled ended has no latency.
            let none = figure.is_empty() && head.ends_with("_ns");
            assert!(none || figure.parse::<u64>().is_ok(), "{head}: {line}");
        }
        rows += 1;
    }
    assert!(rows >= 6, "{rows} seconds of a run of 6");
}

#[test]
fn run_leaves_a_result_that_replay_repeats() {
    let directory = directory("command-line-smoke");
    let smoke = scenario("smoke.yaml");
    let ended = Build::Debug.run(&directory, &["run", &smoke, "--out", "out"]).exits(0);
    for phrase in ["PASSED", "Checkers", "Expectations", "amanah replay out/result.json"] {
        assert!(ended.stdout.contains(phrase), "no {phrase:?} in\n{}", ended.stdout);
    }
    assert!(
        !ended.stdout.contains('\u{1b}') && !ended.stderr.contains('\u{1b}'),
        "colour without a terminal"
    );
    assert!(ended.stderr.contains("smoke: "), "no progress: {}", ended.stderr);
    assert_eq!(names(&directory), ["out"]);
    let out = directory.join("out");
    assert!(names(&out).iter().all(|name| !name.ends_with(".tmp")), "{:?}", names(&out));
    check_series(&out.join("series.csv"));
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("<strong>PASSED</strong>") && page.len() < 400_000, "{} bytes", page.len());
    // From the result alone the same page comes again.
    Build::Debug.run(&directory, &["report", "out", "--out", "again.html"]).exits(0);
    assert!(fs::read_to_string(directory.join("again.html")).unwrap() == page);
    fs::remove_file(directory.join("again.html")).unwrap();
    let result = json(&out.join("result.json"));
    let carried = |rows: &str| -> u64 {
        result[rows].as_array().unwrap().iter().map(|row| row["bytes"].as_u64().unwrap()).sum()
    };
    let sent = result["metrics"]["network.bytes"]["value"].as_u64().unwrap();
    assert_eq!((carried("links"), carried("lanes")), (sent, sent), "between regions, and by what it was for");
    assert_eq!(result["schema_version"], 1);
    assert_eq!(result["seed"], 1);
    assert_eq!(result["partial"], false);
    assert!(result["metrics"]["transactions.committed"]["value"].as_u64().unwrap() > 0);
    assert!(result["expectations"].as_array().unwrap().iter().all(|line| line["held"] == true));

    for path in ["out", "out/result.json"] {
        let replayed = Build::Debug.run(&directory, &["replay", path]).exits(0);
        let digest = result["digest"].as_str().unwrap();
        assert_eq!(replayed.stdout, format!("replayed: digest {digest} equal\n"));
    }
}

#[test]
fn without_out_results_are_named_after_scenario_and_seed() {
    let directory = with_good("default-out");
    Build::Debug.run(&directory, &["run", "good.yaml", "--quiet", "--seed", "9"]).exits(0);
    assert_eq!(names(&directory.join("results")), ["good-9"]);
    assert_eq!(json(&directory.join("results/good-9/result.json"))["seed"], 9);
}

#[test]
fn several_files_get_a_directory_each() {
    let directory = with_good("several");
    fs::write(directory.join("other.yaml"), GOOD.replace("name: good", "name: other")).unwrap();
    Build::Debug.run(&directory, &["run", "good.yaml", "other.yaml", "--quiet", "--out", "out"]).exits(0);
    assert_eq!(names(&directory.join("out")), ["good-1", "other-1"]);
}

#[test]
fn json_is_one_document_and_nothing_else() {
    let directory = with_good("json");
    let ended = Build::Debug.run(&directory, &["run", "good.yaml", "--json", "--out", "out"]).exits(0);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["exit_code"], 0);
    assert_eq!(document["results"], json!([json(&directory.join("out/result.json"))]));

    let ended = Build::Debug.run(&directory, &["replay", "out", "--json"]).exits(0);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&document["exit_code"], &document["equal"]), (&json!(0), &json!(true)));

    let ended = Build::Debug.run(&directory, &["check", "good.yaml", "missing.yaml", "--json"]).exits(2);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(document["ok"], false);
    assert_eq!(document["files"][0]["ok"], true);
    assert_eq!(document["files"][1]["errors"][0]["message"], "no such file");
}

#[test]
fn quiet_prints_nothing_but_failures() {
    let directory = with_good("quiet");
    let ended = Build::Debug.run(&directory, &["run", "good.yaml", "--quiet", "--out", "out"]).exits(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    assert!(directory.join("out/result.json").exists());
    let set = ["run", "good.yaml", "--quiet", "--out", "out", "--set", "expect=[share.latency.p99 < 1ns]"];
    let ended = Build::Debug.run(&directory, &set).exits(99);
    assert_eq!((ended.stdout.as_str(), ended.stderr.lines().count()), ("", 1), "{}", ended.stderr);
}

#[test]
fn an_expectation_that_falls_short_is_99() {
    let directory = with_good("fell-short");
    fs::write(directory.join("good.yaml"), GOOD.replace("p99 < 10s", "p99 < 1ns")).unwrap();
    let ended = Build::Debug
        .run(&directory, &["run", "good.yaml", "--out", "out"])
        .exits(99)
        .says(&["an expectation fell short (exit 99)", "repeat: amanah replay out/result.json"]);
    let line = ended.stdout.lines().find(|line| line.contains("share.latency.p99 < 1ns")).unwrap();
    assert!(!line.trim_start().starts_with("ok"), "{line}");
    let expectations = json(&directory.join("out/result.json"))["expectations"].clone();
    assert_eq!((&expectations[0]["held"], &expectations[1]["held"]), (&json!(true), &json!(false)));
    // The run itself is sound, and repeats.
    Build::Debug.run(&directory, &["replay", "out"]).exits(0);
}

#[test]
fn a_result_that_was_tampered_with_is_20() {
    let directory = with_good("tampered");
    Build::Debug.run(&directory, &["run", "good.yaml", "--quiet", "--out", "out"]).exits(0);
    let sound = json(&directory.join("out/result.json"));
    let replay = |pointer: &str, value: Value, json: &[&str]| {
        let mut result = sound.clone();
        let place = result.pointer_mut(pointer).unwrap();
        assert_ne!(*place, value);
        *place = value;
        fs::write(directory.join("tampered.json"), result.to_string()).unwrap();
        let arguments = [&["replay", "tampered.json"], json].concat();
        Build::Debug.run(&directory, &arguments).exits(20).says(&["the replay differs (exit 20)"]).stdout
    };
    let (digest, other) = (sound["digest"].as_str().unwrap(), "00".repeat(32));
    let shown = replay("/digest", json!(other), &[]);
    assert!(shown.contains(&format!("replayed: digest {digest} DIFFERS")), "{shown}");
    assert!(shown.contains(&format!("recorded: digest {other}")), "{shown}");

    let shown = replay("/metrics/transactions.committed/value", json!(1_000_000), &[]);
    assert!(shown.contains("equal, but metrics differ"), "{shown}");
    assert!(shown.contains("transactions.committed") && shown.contains("1,000,000"), "{shown}");

    let document = replay("/metrics/transactions.committed/value", json!(1_000_000), &["--json"]);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["exit_code"], &document["equal"]), (&json!(20), &json!(false)));
    assert_eq!(document["differences"][0]["metric"], "transactions.committed");
    assert_eq!(document["recorded_digest"], document["replayed_digest"]);

    // Another plan is another run.
    let shown = replay("/plan/seed", json!(2), &[]);
    assert!(shown.contains(" DIFFERS\n"), "{shown}");
}

#[test]
fn what_is_no_result_is_not_replayed() {
    let directory = with_good("no-result");
    fs::write(directory.join("half.json"), "{ \"schema_version\": 1, ").unwrap();
    let table = [
        ("missing", "missing: cannot be read"),
        ("good.yaml", "good.yaml: is not JSON"),
        ("half.json", "half.json: is not JSON"),
        (".", "result.json: cannot be read"),
    ];
    for (argument, phrase) in table {
        let ended = Build::Debug.run(&directory, &["replay", argument]).exits(2).says(&[phrase]);
        assert_eq!(ended.stdout, "");
    }
}

/// A mistake: what it is, the line of [`GOOD`] that is changed and into what, where the mistake is, and what is said of it.
type Mistake = (&'static str, (&'static str, &'static str), &'static str, &'static [&'static str]);

#[rustfmt::skip]
const MISTAKES: &[Mistake] = &[
    ("unknown key", ("duration: 2s", "duraton: 2s"), "3:1",
        &["duraton: unknown key `duraton`", "did you mean `duration`?"]),
    ("unknown key inside", ("  replicas: 4", "  replcas: 4"), "5:3",
        &["ledger.replcas: unknown key `replcas`", "did you mean `replicas`?"]),
    ("key twice", ("name: good", "name: good\nname: again"), "3:1",
        &["the key `name` is there twice", "it is already on line 2"]),
    ("wrong unit", ("duration: 2s", "duration: 2MB"), "3:11",
        &["duration: `2MB` is not a duration", "as in `250ms`"]),
    ("no unit", ("duration: 2s", "duration: 2"), "3:11",
        &["duration: `2` has no unit", "as in `250ms`"]),
    ("tabs", ("  topology: lan", "\ttopology: lan"), "7:2",
        &["not YAML", "indented with spaces, never with tabs"]),
    ("replica twice", ("replicas: [3]", "replicas: [3, 3]"), "15:28",
        &["faults[0].crash.replicas[1]: replica 3 is there twice", "remove one"]),
    ("replica in two groups", ("crash: { replicas: [3]", "partition: { groups: [[0, 1, 2], [2, 3]]"), "15:39",
        &["faults[0].partition.groups[1][0]: replica 2 is there twice", "in exactly one group"]),
    ("replica that does not exist", ("replicas: [3]", "replicas: [4]"), "15:25",
        &["faults[0].crash.replicas[0]: replica 4 does not exist", "the ledger has 4 replicas, 0 to 3"]),
    ("fault after the end", ("at: 1s", "at: 9s"), "14:9",
        &["faults[0].at: `9s` is after the end of the run", "the run ends at `duration`, 2s"]),
    ("too many faults tolerated", ("  replicas: 4", "  replicas: 4\n  faults_tolerated: 2"), "6:21",
        &["ledger.faults_tolerated: 4 replicas cannot tolerate 2 faults", "n >= 3f + 1", "takes 7 replicas"]),
    ("mix below the whole", ("share: 50%", "share: 40%"), "12:48",
        &["personal_health_record.mix: the mix adds up to 90%", "expected 100%"]),
    ("mix above the whole", ("share: 50%", "share: 60%"), "12:48",
        &["personal_health_record.mix: the mix adds up to 110%", "expected 100%"]),
    ("unknown metric", ("share.latency.p99", "share.latncy.p99"), "18:5",
        &["expect[1]: there is no metric `share.latncy.p99`", "did you mean `share.latency.p99`?"]),
    ("metric without samples", (", for: 500ms }\nexpect:\n  - safety\n  - share.latency.p99 < 10s", " }\nexpect:\n  - safety\n  - recovery.time < 1s"), "18:5",
        &["expect[1]: this run never measures `recovery.time`", "it needs a fault that heals"]),
];

/// Runs what must be refused: nothing on stdout, nothing written.
#[track_caller]
fn refused(directory: &Path, files: &[&str], phrases: &[&str]) -> String {
    let before = names(directory);
    for out in [&[][..], &["--out", "out"]] {
        let arguments = [&["run"], files, out].concat();
        let ended = Build::Debug.run(directory, &arguments).exits(2).says(phrases);
        assert_eq!(ended.stdout, "", "{}", ended.command);
        assert_eq!(names(directory), before, "{} wrote something", ended.command);
    }
    let checked = Build::Debug.run(directory, &[&["check"], files].concat()).exits(2).says(phrases);
    checked.stderr
}

#[test]
fn every_mistake_is_named_with_its_place_and_its_cure() {
    let directory = directory("command-line-mistakes");
    for (what, (from, to), at, phrases) in MISTAKES {
        assert_eq!(GOOD.matches(from).count(), 1, "{what}");
        fs::write(directory.join("bad.yaml"), GOOD.replace(from, to)).unwrap();
        let stderr = refused(&directory, &["bad.yaml"], phrases);
        let first = stderr.lines().next().unwrap();
        assert!(first.starts_with(&format!("error: bad.yaml:{at}: ")), "{what} is not at {at}:\n{stderr}");
        assert_eq!(stderr.matches("error: ").count(), 1, "{what} is one mistake:\n{stderr}");
        assert!(stderr.lines().any(|line| line.starts_with("  = ")), "{what} has no cure:\n{stderr}");
        assert!(
            stderr.lines().any(|line| line.trim_start().starts_with("| ")),
            "{what}: no caret:\n{stderr}"
        );
    }
}

#[test]
fn files_that_hold_no_scenario_are_named() {
    let directory = with_good("no-scenario");
    fs::write(directory.join("empty.yaml"), "").unwrap();
    fs::write(directory.join("latin.yaml"), b"# ok\nname: caf\xe9\n").unwrap();
    refused(&directory, &["god.yaml"], &["error: god.yaml: no such file", "did you mean `good.yaml`?"]);
    refused(
        &directory,
        &["no/such.yaml"],
        &["error: no/such.yaml: no such file", "the directory no does not exist"],
    );
    let empty = ["error: empty.yaml:1:1: there is no scenario in it", "the shortest one has name, duration"];
    refused(&directory, &["empty.yaml"], &empty);
    refused(
        &directory,
        &["latin.yaml"],
        &["error: latin.yaml: line 2 is not UTF-8", "save the file as UTF-8"],
    );
    refused(&directory, &["."], &["error: .: cannot be read"]);
}

#[test]
fn mistakes_in_overrides_name_the_argument() {
    let directory = with_good("overrides");
    let table: [(&[&str], &[&str]); 3] = [
        (
            &["--set", "ledger.replcas=7"],
            &["error: --set: ledger.replcas: unknown key", "did you mean `replicas`?"],
        ),
        (
            &["--set", "ledger.replicas"],
            &["error: --set: `ledger.replicas` has no `=`", "write `--set key=value`"],
        ),
        (&["--set", "faults[3].at=1s"], &["error: --set: faults[3].at: there is no item 3; the list has 1"]),
    ];
    for (arguments, phrases) in table {
        refused(&directory, &[&["good.yaml"], arguments].concat(), phrases);
    }
}

#[test]
fn of_several_files_none_runs_if_one_is_wrong() {
    let directory = with_good("one-wrong");
    fs::write(directory.join("bad.yaml"), GOOD.replace("duration: 2s", "duration: 2MB")).unwrap();
    let mistakes = ["error: bad.yaml:3:11: duration", "error: missing.yaml: no such file"];
    refused(&directory, &["good.yaml", "bad.yaml", "missing.yaml"], &mistakes);
    let twice = ["good.yaml", "good.yaml"];
    let ended = Build::Debug.run(&directory, &[&["run"], &twice[..]].concat()).exits(2);
    ended.says(&["have one name and seed: both would write results/good-1"]);
    assert!(!directory.join("results").exists());
}

#[test]
fn every_scenario_of_ours_is_accepted_by_check() {
    let folder = root().join("scenarios");
    let files: Vec<String> = crate::scenarios::scenarios().iter().map(|name| scenario(name)).collect();
    let arguments: Vec<&str> = ["check"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let ended = Build::Debug.run(&folder, &arguments).exits(0);
    assert_eq!(ended.stdout.lines().count(), files.len());
    assert!(ended.stdout.lines().zip(&files).all(|(line, file)| line.starts_with(&format!("{file}: ok: "))));
}

/// Ctrl-C at the first line of progress: nine tenths of an hour are left then, so that the run cannot end by itself.
#[cfg(unix)]
#[test]
fn an_interrupted_run_leaves_partial_results() {
    use crate::amanah::Ended;
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    let directory = directory("command-line-interrupted");
    let long = "# Does an interrupted run leave partial results?
name: long
duration: 1h
ledger: { replicas: 4 }
network: { topology: uniform-50-100ms }
workloads:
  - opaque: { rate: 1/s, size: 64B }
expect:
  - safety
";
    fs::write(directory.join("long.yaml"), long).unwrap();
    let mut command = Build::Debug.command(&directory);
    command.args(["run", "long.yaml", "--out", "out"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    stderr.read_line(&mut first).unwrap();
    assert!(first.starts_with("long: ") && first.contains('%'), "{first}");
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    let mut ended =
        Ended::new("amanah run long.yaml, interrupted".to_owned(), child.wait_with_output().unwrap());
    ended.stderr = first + &rest;
    let ended = ended.exits(130).says(&["interrupted: stopping with partial results", "(exit 130)"]);
    assert!(ended.stdout.contains("PARTIAL"), "{}", ended.stdout);
    let result = json(&directory.join("out/result.json"));
    assert_eq!(result["partial"], true);
    assert!(directory.join("out/series.csv").exists());
    assert!(result["metrics"]["transactions.committed"]["value"].as_u64().unwrap() > 0);
    let replayed = Build::Debug.run(&directory, &["replay", "out/result.json"]);
    replayed.exits(2).says(&["the recorded run was interrupted", "run the scenario again"]);
}
