//! A sweep as people and engines meet it: every combination once, resumed and shared, and the same bytes however it came about.

use crate::amanah::{Build, Ended, directory, json, names};
use crate::support::root;
use serde_json::Value;
use sim::sweep::cell::Cell;
use std::fs;
use std::path::Path;

/// Four runs of a second.
const TINY: &str = "# Does a tiny sweep hold?
name: tiny
duration: 1s
drain: 5s
ledger: { replicas: 4 }
network: { topology: lan, transport: message }
workloads:
  - opaque: { rate: 20/s, size: 64B }
expect:
  - safety
matrix:
  ledger.replicas: [4, 5]
  workloads[0].opaque.rate: [20/s, 40/s]
";

const FILES: [&str; 3] = ["index.html", "results.csv", "results.parquet"];

fn with(name: &str, text: &str) -> std::path::PathBuf {
    let directory = directory(&format!("sweep-{name}"));
    fs::write(directory.join("tiny.yaml"), text).unwrap();
    directory
}

#[track_caller]
fn amanah(directory: &Path, arguments: &[&str]) -> Ended {
    Build::Debug.run(directory, arguments)
}

/// One machine, the same again, three machines, and what is not there yet or not whole.
#[test]
fn shards_make_the_table_of_one_machine_to_the_byte() {
    let directory = with("shards", TINY);
    let ended = amanah(&directory, &["sweep", "tiny.yaml", "--out", "one"]).exits(0);
    assert!(
        ended.stdout.contains("tiny: 4 of 4 runs") && ended.stdout.contains("one/results.parquet"),
        "{}",
        ended.stdout
    );
    let cells = names(&directory.join("one/cells"));
    assert_eq!(cells.len(), 4);
    let csv = fs::read_to_string(directory.join("one/results.csv")).unwrap();
    let head = "run_id,scenario,cell,seed,axis_ledger_replicas,axis_workloads_0_opaque_rate,digest,exit_code,metric,unit,value,hdr";
    assert_eq!(csv.lines().next(), Some(head));
    assert_eq!(csv.matches(",transactions.committed,count,").count(), 4);
    assert!(csv.contains(",tiny,3,1,5,40/s,"), "{csv}");

    // The same again: nothing is played, nothing changes.
    let files = |place: &str| FILES.map(|name| fs::read(directory.join(place).join(name)).unwrap());
    let written =
        |name: &String| fs::metadata(directory.join("one/cells").join(name)).unwrap().modified().unwrap();
    let (one, times): (_, Vec<_>) = (files("one"), cells.iter().map(written).collect());
    amanah(&directory, &["sweep", "tiny.yaml", "--out", "one"])
        .exits(0)
        .says(&["4 of 4 runs are there already"]);
    assert_eq!((files("one"), cells.iter().map(written).collect::<Vec<_>>()), (one.clone(), times));

    // Three machines, of which one is late; the place is a URL.
    let place = format!("file://{}/shared", directory.display());
    amanah(&directory, &["sweep", "plan", "tiny.yaml", "--out", &place]).exits(0);
    amanah(&directory, &["sweep", "status", &place]).exits(75).says(&["missing: "]);
    for shard in ["0/3", "2/3"] {
        amanah(&directory, &["sweep", "tiny.yaml", "--shard", shard, "--out", &place]).exits(0);
    }
    let ended = amanah(&directory, &["merge", &place]).exits(75).says(&["missing: ", "ledger.replicas: 4"]);
    assert!(ended.stdout.contains("3 of 4 runs"), "{}", ended.stdout);
    let mut late = Build::Debug.command(&directory);
    late.args(["sweep", "tiny.yaml", "--shard", "auto/3", "--out", &place]).env("JOB_COMPLETION_INDEX", "1");
    Ended::new("the late shard".to_owned(), late.output().unwrap()).exits(0);
    amanah(&directory, &["sweep", "status", &place]).exits(0);
    amanah(&directory, &["merge", &place]).exits(0);
    assert_eq!(names(&directory.join("shared/cells")), cells);
    assert!(files("shared") == one, "merged shards differ from a sweep on one machine");
    // What is planned stays.
    fs::write(directory.join("other.yaml"), TINY.replace("[4, 5]", "[4, 6]")).unwrap();
    let other = ["sweep", "other.yaml", "--shard", "0/3", "--out", &place];
    amanah(&directory, &other).exits(2).says(&["is of another sweep", "choose another --out"]);
    let alone = ["sweep", "other.yaml", "--out", &place];
    amanah(&directory, &alone).exits(2).says(&["is of another sweep", "choose another --out"]);
    // Of a sweep of one's own another takes the place, and of a damaged one nothing is read.
    fs::create_dir(directory.join("own")).unwrap();
    let manifest = |place: &str| directory.join(place).join("sweep.json");
    fs::copy(manifest("one"), manifest("own")).unwrap();
    amanah(&directory, &["sweep", "other.yaml", "--out", "own", "--cell", "no"]).exits(2);
    amanah(&directory, &["sweep", "plan", "tiny.yaml", "--out", "own"]).exits(0);
    assert_eq!(fs::read(manifest("own")).unwrap(), fs::read(manifest("shared")).unwrap());
    let text = fs::read_to_string(manifest("own")).unwrap();
    let damaged = text.replacen("\"labels\": [\n", "\"labels\": [], \"before\": [\n", 1);
    assert_ne!(damaged, text);
    fs::write(manifest("own"), damaged).unwrap();
    for command in [&["merge", "own"][..], &["sweep", "status", "own"]] {
        amanah(&directory, command).exits(1).says(&["sweep.json is damaged: its checksum does not match"]);
    }

    // A cell is a result.
    let cell = format!("shared/cells/{}", cells[0]);
    let replayed = amanah(&directory, &["replay", &cell]).exits(0);
    assert!(replayed.stdout.ends_with(" equal\n"), "{}", replayed.stdout);

    // Played again and found otherwise: somebody is not deterministic.
    let file = directory.join(&cell);
    let whole = fs::read(&file).unwrap();
    let run_id = cells[0].trim_end_matches(".json");
    let mut forged = Cell::parse("x", run_id, &whole).unwrap();
    forged.result.digest = forged.result.digest.chars().rev().collect();
    fs::write(&file, forged.to_text()).unwrap();
    let again = ["sweep", "tiny.yaml", "--out", "shared", "--cell", run_id];
    amanah(&directory, &again).exits(20).says(&[&cell, "holds the same run with digest"]);
    // Damaged: refused by name, and played again once it is gone.
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    for command in [&["merge", "shared"][..], &["sweep", "tiny.yaml", "--out", "shared"]] {
        let ended = amanah(&directory, command).exits(1).says(&[&cell, "is damaged"]);
        assert_eq!(ended.stdout, "");
    }
    fs::remove_file(&file).unwrap();
    amanah(&directory, &again).exits(0);
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[test]
fn a_matrix_is_validated_before_it_is_played_and_never_run_by_halves() {
    let directory = with("refused", TINY);
    amanah(&directory, &["run", "tiny.yaml"])
        .exits(2)
        .says(&["tiny.yaml:11:1: matrix: ", "`amanah sweep FILE`"]);
    let checked = amanah(&directory, &["check", "tiny.yaml"]).exits(0);
    assert!(checked.stdout.starts_with("tiny.yaml: ok: 4 runs of a sweep"), "{}", checked.stdout);
    fs::write(directory.join("bad.yaml"), TINY.replace("40/s]", "40]")).unwrap();
    for command in ["sweep", "check"] {
        let phrases = [
            "bad.yaml:13:36: workloads[0].opaque.rate: `40` does not say per what time",
            "in 2 of 4 combinations",
        ];
        amanah(&directory, &[command, "bad.yaml"]).exits(2).says(&phrases);
    }
    let seeds = ["sweep", "tiny.yaml", "--seeds", "2", "--set", "matrix={seed: [1, 2]}"];
    amanah(&directory, &seeds).exits(2).says(&["an axis `seed`, and --seeds adds another"]);
    let same = ["sweep", "tiny.yaml", "--set", "matrix={duration: [1s, 1000ms]}"];
    amanah(&directory, &same).exits(2).says(&["are one and the same run"]);
    amanah(&directory, &["sweep", "tiny.yaml", "--out", "gs://x"])
        .exits(2)
        .says(&["gs://x: results are kept in"]);
    amanah(&directory, &["merge", "nothing"]).exits(2).says(&["nothing: there is no such directory"]);
    amanah(&directory, &["merge", "."]).exits(2).says(&["there is neither a sweep nor a hunt"]);
    assert_eq!(names(&directory), ["bad.yaml", "tiny.yaml"]);
    // A place that takes nothing more is worth another try.
    fs::create_dir(directory.join("full")).unwrap();
    fs::write(directory.join("full/cells"), "").unwrap();
    let full = ["sweep", "tiny.yaml", "--shard", "0/4", "--out", "full"];
    amanah(&directory, &full).exits(75).says(&["cannot be reached", "(exit 75)"]);
}

/// Ctrl-C when the first run is finished and an hour of the second is ahead.
#[cfg(unix)]
#[test]
fn an_interrupted_sweep_keeps_what_is_finished() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let text = TINY.split("matrix:").next().unwrap().to_owned() + "matrix: { duration: [1s, 2h] }\n";
    let directory = with("interrupted", &text.replace("rate: 20/s", "rate: 1/s"));
    let mut command = Build::Debug.command(&directory);
    command
        .args(["sweep", "tiny.yaml", "--out", "out", "--jobs", "1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let cells = directory.join("out/cells");
    let is_there = || cells.exists() && names(&cells).iter().any(|name| name.ends_with(".json"));
    while !is_there() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was interrupted");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = Ended::new("amanah sweep, interrupted".to_owned(), child.wait_with_output().unwrap());
    let ended = ended
        .exits(130)
        .says(&["1 of 2 runs are finished and stay", "resume: amanah sweep tiny.yaml --out out"]);
    assert_eq!(ended.stdout, "");
    assert_eq!(names(&cells).len(), 1);
    amanah(&directory, &["sweep", "status", "out"]).exits(75);
}

#[test]
fn a_hunt_of_many_machines_is_the_hunt_of_one() {
    let directory = directory("sweep-hunt");
    let file = root().join("scenarios/hunt.yaml");
    let hunt = ["hunt", file.to_str().unwrap(), "--seeds", "5", "--out"];
    let document = |ended: Ended| serde_json::from_str::<Value>(&ended.exits(0).stdout).unwrap();
    let one = document(amanah(&directory, &[&hunt[..], &["one", "--json"]].concat()));
    for shard in ["1/2", "1/2", "0/2"] {
        amanah(&directory, &[&hunt[..], &["parts", "--shard", shard]].concat()).exits(0);
        if shard == "1/2" {
            amanah(&directory, &["merge", "parts"]).exits(75).says(&["missing: part 0/2"]);
        }
    }
    let merged = document(amanah(&directory, &["merge", "parts", "--json"]));
    assert_eq!(merged["found"], one["found"]);
    assert_eq!(json(&directory.join("parts/hunt.json"))["shards"], 2);
    let others = [&hunt[..], &["parts", "--shard", "0/3"]].concat();
    amanah(&directory, &others).exits(2).says(&["hunt.json is of another sweep or hunt"]);
    let part = directory.join("parts/parts/1.json");
    let text = fs::read_to_string(&part).unwrap();
    fs::write(&part, text.replacen("\"failed\": 0", "\"failed\": 1", 1)).unwrap();
    amanah(&directory, &["merge", "parts"]).exits(1).says(&["parts/1.json is damaged: its checksum"]);
    let last = u64::MAX.to_string();
    let last = [&hunt[..4], &["--from", &last, "--out", "last"]].concat();
    amanah(&directory, &last).exits(2).says(&["expected an earlier first seed, or fewer"]);
}
