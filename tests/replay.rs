//! `amanah replay`: what it shows of a run is what happened, and looking on changes nothing.

use crate::amanah::{Build, directory, json, names};
use crate::support::{plan, run};
use ledger_core::committee::Committee;
use ledger_core::ledger::transaction::{Outcome, Refusal};
use ledger_core::ledger::{Account, Ground};
use ledger_core::protocol::{Fate, Rule};
use serde_json::Value;
use sim::history::Control;
use sim::replay::chronicle::{Chronicle, Kind};
use sim::replay::explain::Inquest;
use sim::replay::subject::Subject;
use sim::world::{Observer, Options, run_observed};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::rc::Rc;

/// Shares, consents and emergencies; a replica crashes and comes back, and another is cut off.
const SCENARIO: &str = "# What happened?
name: replayed
seed: 3
warmup: 500ms
duration: 2500ms
ledger: { replicas: 4, tuning: { leader_timeout: 100ms } }
network: { topology: lan, transport: message }
population: { patients: 40, hospitals: 4, pharmacies: 2, laboratories: 1, insurers: 1, staff: 3 }
workloads:
  - personal_health_record:
      rate: 120/s
      mix: { register: 15%, share: 55%, consent: 20%, audit: 5%, break_glass: 5% }
faults:
  - at: 300ms
    crash: { replicas: [3], for: 500ms }
  - at: 1200ms
    partition: { groups: [[0], rest], for: 300ms }
expect:
  - safety
";

/// A trace's events, and the checks that the format's document asks for: every phase is one that it has, times are
/// microseconds, slices of a track do not overlap, flows begin and end once, counters count, processes have names.
fn trace(file: &Path) -> Vec<Value> {
    let document = json(file);
    let events = document["traceEvents"].as_array().unwrap().clone();
    let mut ends = BTreeMap::<_, f64>::new();
    let mut flows = BTreeMap::<String, Vec<Value>>::new();
    let (mut named, mut used) = (BTreeSet::new(), BTreeSet::new());
    let mut slices: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
    slices.sort_by(|one, other| one["ts"].as_f64().unwrap().total_cmp(&other["ts"].as_f64().unwrap()));
    for slice in slices {
        let (from, took) = (slice["ts"].as_f64().unwrap(), slice["dur"].as_f64().unwrap());
        let track = (slice["pid"].as_u64().unwrap(), slice["tid"].as_u64().unwrap());
        let end = ends.entry(track).or_default();
        assert!(from + 0.0005 >= *end, "overlaps what came before: {slice}");
        *end = from + took;
    }
    for event in &events {
        let (pid, id) = (event["pid"].as_u64().unwrap(), event["id"].as_str().unwrap_or_default().to_owned());
        used.insert(pid);
        assert!(event["ts"].as_f64().unwrap() >= 0.0 && event["name"].is_string(), "{event}");
        match event["ph"].as_str().unwrap() {
            "M" => {
                named.insert(pid);
            }
            "s" | "t" | "f" => flows.entry(id).or_default().push(event.clone()),
            "C" => assert!(event["args"][event["name"].as_str().unwrap()].is_u64(), "{event}"),
            "X" | "i" => assert!(id.is_empty()),
            other => panic!("no phase of the format: {other}"),
        }
    }
    assert_eq!(named, used, "every process has a name");
    for (id, points) in flows {
        let phases: String = points.iter().map(|point| point["ph"].as_str().unwrap()).collect();
        let middle = phases.trim_matches('t').len();
        assert!(
            phases.starts_with('s') && phases.ends_with('f') && phases.matches(['s', 'f']).count() == 2,
            "{id}: {phases}"
        );
        assert!(middle >= 2);
        let times: Vec<f64> = points.iter().map(|point| point["ts"].as_f64().unwrap()).collect();
        assert!(times.is_sorted(), "{id}: {times:?}");
    }
    events
}

fn count(events: &[Value], phase: &str) -> usize {
    events.iter().filter(|event| event["ph"] == phase).count()
}

#[test]
fn a_replay_shows_what_happened_and_repeats_it() {
    let directory = directory("replay-shows");
    fs::write(directory.join("replayed.yaml"), SCENARIO).unwrap();
    let ran = Build::Debug.run(&directory, &["run", "replayed.yaml", "--out", "out"]).exits(0);
    let result = json(&directory.join("out/result.json"));
    let notable = |what: &str| {
        let rows = result["notable"].as_array().unwrap().iter();
        rows.clone().find(|row| row["what"] == what).unwrap_or_else(|| panic!("{result:#}")).clone()
    };
    let refused = notable("first refused access");
    assert!(ran.stdout.contains(&format!("--explain operation:{}", refused["operation"])), "{}", ran.stdout);

    // A refused access, drawn, beside a trace of the whole run.
    let name = format!("operation:{}", refused["operation"]);
    let arguments = ["replay", "out", "--explain", &name, "--chart", "c.svg", "--trace", "t.json"];
    let shown = Build::Debug.run(&directory, &arguments).exits(0).stdout;
    for phrase in ["refused: ", "because: ", " is of class ", "was committed ", " needed)", "verified at "] {
        assert!(shown.contains(phrase), "no {phrase:?} in\n{shown}");
    }
    let digest = result["digest"].as_str().unwrap();
    assert!(shown.ends_with(&format!("replayed: digest {digest} equal\n")), "{shown}");
    let chart = fs::read_to_string(directory.join("c.svg")).unwrap();
    for phrase in ["<svg ", "submission", "receipt", "executes commit ", "replica 2", "</svg>"] {
        assert!(chart.contains(phrase), "no {phrase:?} in\n{chart}");
    }
    let whole = trace(&directory.join("t.json"));
    let transactions = result["metrics"]["transactions.committed"]["value"].as_u64().unwrap();
    assert!(count(&whole, "f") as u64 >= transactions, "{} flows of {transactions}", count(&whole, "f"));
    let faults = whole.iter().filter(|event| event["pid"] == 1 && event["ph"] == "X");
    let faults: BTreeSet<&str> = faults.map(|event| event["name"].as_str().unwrap()).collect();
    assert_eq!(faults, BTreeSet::from(["crash", "partition"]));
    let tracks = |what: &'static str| whole.iter().filter(move |event| event["ph"] == what);
    let threads: BTreeSet<&str> = tracks("M").filter_map(|event| event["args"]["name"].as_str()).collect();
    assert!(
        ["machine", "disk", "core 0", "link to replica 2", "link to replica 2, 2"]
            .iter()
            .all(|it| threads.contains(it)),
        "{threads:?}"
    );
    for counter in ["messages waiting", "messages under way", "bytes not written"] {
        let lengths = tracks("C")
            .filter(|event| event["name"] == counter)
            .map(|event| event["args"][counter].as_u64().unwrap());
        let lengths: BTreeSet<u64> = lengths.collect();
        assert!(lengths.contains(&0) && lengths.len() > 2, "{counter}: {lengths:?}");
    }

    // The same transaction by its digits, as JSON, and a part of the trace.
    let digits = &refused["transaction"].as_str().unwrap()[..12];
    let arguments = [
        "replay",
        "out",
        "--explain",
        digits,
        "--json",
        "--trace",
        "p.json",
        "--from",
        "1s",
        "--until",
        "1200ms",
        "--dump",
        "d",
    ];
    let part = Build::Debug.run(&directory, &arguments);
    // It may be later than the part.
    assert!(matches!(part.code, Some(0 | 2)), "{part:?}");
    let document: Value = serde_json::from_str(&part.stdout).unwrap();
    assert_eq!((&document["equal"], &document["stopped_ns"]), (&Value::Null, &Value::from(1_200_000_000)));
    let events = trace(&directory.join("p.json"));
    assert!(!events.is_empty() && events.len() < whole.len() / 2);
    for event in &events {
        let at = event["ts"].as_f64().unwrap();
        assert!((1_000_000.0..=1_200_000.0).contains(&at), "{event}");
    }
    let dumped = names(&directory.join("d"));
    assert!(dumped.contains(&"replica-3.json".to_owned()) && dumped.contains(&"gateway-7.json".to_owned()));
    let (up, down) = (json(&directory.join("d/replica-0.json")), json(&directory.join("d/replica-3.json")));
    assert_eq!((&up["machine"], &down["machine"]), (&Value::from("replica"), &Value::from("down")));
    assert!(up["state"]["tables"]["records"].as_u64().unwrap() > 0 && up["state"]["state_root"].is_string());
    assert!(
        !up["state"]["undecided"].as_array().unwrap().is_empty(),
        "the newest rounds are not decided yet"
    );
    let table = fs::read_to_string(directory.join("d/state.txt")).unwrap();
    assert!(table.contains("fault 0 in force: crash") && table.contains("replica 3 down"), "{table}");
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let directory = directory("replay-refuses");
    let small = SCENARIO
        .replace("duration: 2500ms", "duration: 500ms")
        .replace("1200ms", "400ms")
        .replace("300ms", "100ms");
    fs::write(directory.join("replayed.yaml"), small).unwrap();
    Build::Debug.run(&directory, &["run", "replayed.yaml", "--out", "out", "--quiet"]).exits(0);
    let replay = |arguments: &[&str]| Build::Debug.run(&directory, &[&["replay", "out"], arguments].concat());
    replay(&["--until", "99s", "--replica", "4", "--gateway", "8"]).exits(2).says(&[
        "--until: the run ends at",
        "--replica 4: replicas are numbered 0 to 3",
        "--gateway 8: gateways are numbered 0 to 7",
    ]);
    replay(&["--explain", "nonsense"]).exits(2).says(&["`nonsense` names nothing", "`commit:41`"]);
    replay(&["--chart", "x.svg"]).exits(2).says(&["--explain"]);
    replay(&["--explain", "commit:100000"]).exits(2).says(&["the run has no commit 100000: the last is "]);
    let stopped = replay(&["--until", "700ms", "--replica", "1", "--explain", "slot:100000/0"]).exits(2);
    assert!(stopped.stdout.contains("stopped at 700 ms: the run went on to"), "{}", stopped.stdout);
    for phrase in ["replica 1\n", "  slot  ", " is undecided: ", "  tables ", "  disk "] {
        assert!(stopped.stdout.contains(phrase), "no {phrase:?} in\n{}", stopped.stdout);
    }
    assert!(
        stopped.stderr.contains("nobody knows of a leader slot in round 100000: the last is "),
        "{}",
        stopped.stderr
    );
}

/// Every account of a slot is one that the rule allows, recounted from the committee alone.
#[track_caller]
fn recounted(chronicle: &Chronicle, committee: &Committee) -> [usize; 4] {
    let mut ways = [0; 4];
    let mut last = None;
    for (key, row) in &chronicle.slots {
        let account = &row.account;
        let certified = account.supports.iter().find(|support| committee.is_quorum(&support.certifiers));
        let (way, rule) = match (&account.fate, Kind::of(account)) {
            (Fate::Committed { block, rule }, Kind::Committed { direct }) => {
                let header = account.commit.as_ref().unwrap();
                assert_eq!(Some(header.leader), *block);
                assert_eq!(header.index, last.unwrap_or(0) + 1, "commits follow the order of slots");
                last = Some(header.index);
                if direct {
                    assert_eq!(certified.map(|support| support.block), *block, "{account:?}");
                }
                (usize::from(!direct), rule)
            }
            (Fate::Skipped { rule }, Kind::Skipped { direct }) => {
                assert!(!direct || committee.is_quorum(&account.blames), "{account:?}");
                assert!(account.commit.is_none());
                (2 + usize::from(!direct), rule)
            }
            other => panic!("{key:?}: {other:?}"),
        };
        if let Rule::Anchor { anchor, certificate } = rule {
            assert!(anchor.unwrap().round.0 >= account.round.0 + 3, "{account:?}");
            assert_eq!(certificate.is_some(), way == 1);
        }
        ways[way] += 1;
    }
    ways
}

#[test]
fn reasons_are_those_of_the_rules_and_observers_change_nothing() {
    let plan = plan(SCENARIO);
    let chronicle = Rc::new(RefCell::new(Chronicle::new(None)));
    let observers: Vec<Box<dyn Observer>> = vec![Box::new(chronicle.clone())];
    let options = Options::default();
    let (observed, scene) =
        run_observed(&plan, &options, (observers, None), &mut |_| Control::Continue).unwrap();
    assert_eq!(observed.digest, run(&plan, &options).digest);
    let chronicle = chronicle.borrow();
    let ways = recounted(&chronicle, &observed.committee);
    assert!(ways[0] > 50 && ways[2] > 0, "direct commits and skips of who is down: {ways:?}");
    let slots =
        observed.history.replicas.iter().map(|replica| replica.status.protocol.decisions.iter().sum::<u64>());
    assert_eq!(slots.max().unwrap() as usize, chronicle.slots.len());

    // Every decision about access has its ground, and every ground the outcome that follows from it.
    let mut grounds: BTreeMap<&str, usize> = BTreeMap::new();
    for (commit, done) in &observed.history.executed {
        for (number, answer) in done.answers.iter().enumerate() {
            let Some(decision) = answer.decision else { continue };
            let (accounted, accounts) = chronicle.transactions[&done.transaction].accounts.as_ref().unwrap();
            assert_eq!(accounted, commit);
            let Some(Account::Access(account)) = &accounts[number] else { panic!("{:?}", accounts[number]) };
            assert_eq!(account.patient, decision.patient);
            let permitted = matches!(answer.outcome, Outcome::Permitted { .. });
            let (name, fits) = match account.ground {
                Ground::Own => ("own", permitted),
                Ground::Emergency => ("emergency", permitted),
                Ground::Consent(_) => {
                    let consent = account.consent.as_ref().unwrap();
                    let holds = consent.revoked_at.is_none()
                        && consent.from <= account.at
                        && account.at < consent.until;
                    ("consent", permitted && holds && consent.purposes.covers(account.purpose))
                }
                Ground::Directive(_) => ("directive", answer.refusal() == Some(Refusal::DeniedByDirective)),
                Ground::NoConsent(nearest) => {
                    let consent = account.consent.as_ref();
                    assert_eq!(nearest.is_some(), consent.is_some());
                    let revoked = answer.refusal() == Some(Refusal::ConsentRevoked);
                    let fits = !revoked || consent.unwrap().revoked_at.is_some_and(|at| at <= account.at);
                    ("no consent", !permitted && fits)
                }
                Ground::KeyShredded | Ground::UnknownPurpose | Ground::BadEmergency => {
                    ("request", !permitted)
                }
            };
            assert!(fits, "{account:?} and {answer:?}");
            *grounds.entry(name).or_default() += 1;
        }
    }
    for name in ["consent", "no consent", "emergency"] {
        assert!(grounds.get(name).is_some_and(|count| *count > 0), "{grounds:?}");
    }

    // Whatever is asked about is told.
    let inquest = Inquest { chronicle: &chronicle, run: &observed, scene: &scene };
    for (_, done) in observed.history.executed.iter().step_by(7) {
        let subject = Subject::Entry(done.index);
        let told = inquest.explain(&subject).unwrap_or_else(|unknown| panic!("{subject}: {unknown}"));
        let text = told.text();
        assert!(text.contains("in commit ") && text.contains(&done.transaction.to_string()), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 150), "{text}");
    }
    for row in chronicle.slots.values().step_by(11) {
        let subject = Subject::Slot(row.account.round, row.account.leader.0);
        let text = inquest.explain(&subject).unwrap().text();
        assert!(text.contains("was committed") || text.contains("was skipped"), "{text}");
    }
}
