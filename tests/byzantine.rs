//! Byzantine replicas and hostile gateways: with as many as are tolerated, whatever they do, safety and liveness hold,
//! and what they did really happened.

use crate::support::{plan, run};
use sim::check::{Status, check};
use sim::history::Run;
use sim::plan::Plan;
use sim::world::Options;

/// Seeds of each behaviour in the short version; `AMANAH_BYZANTINE_SEEDS` asks for more.
const SEEDS: u64 = 3;
/// Of floods, each of which takes as long as ten others.
const FLOOD_SEEDS: u64 = 1;

fn seeds(short: u64) -> u64 {
    std::env::var("AMANAH_BYZANTINE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(short)
}

/// A run of a scenario that leaves the transport open: every other one is played over QUIC.
fn play(number: usize, scenario: &str, seed: u64) -> Run {
    let transport = if (number as u64 + seed).is_multiple_of(2) { "quic" } else { "message" };
    let plan = plan(&scenario.replace("TRANSPORT", transport));
    run(&Plan { seed, ..plan }, &Options::default())
}

const GATEWAY_BEHAVIOURS: [&str; 6] =
    ["bad_signatures", "replayed_bundles", "forged_consents", "key_requests", "stale_receipts", "flood"];

/// Opaque bytes and records, of 4 and 7 replicas, of which as many are Byzantine as are tolerated.
fn scenarios(fault: &str) -> [String; 4] {
    let head = |replicas: usize, byzantine: &str| {
        let fault = fault.replace("WHO", byzantine);
        format!(
            "# Does it hold?
name: byzantine
duration: 3s
drain: 20s
ledger: {{ replicas: {replicas}, tuning: {{ leader_timeout: 200ms }} }}
network: {{ topology: uniform-50-100ms, transport: TRANSPORT }}
faults:
  - {fault}
"
        )
    };
    let opaque = "workloads:\n  - opaque: { rate: 60/s, size: 64B }\n";
    let records = "population: { patients: 100, hospitals: 4, pharmacies: 2, laboratories: 1, staff: 5 }
workloads:
  - personal_health_record: { rate: 40/s, mix: { register: 30%, share: 40%, consent: 25%, audit: 5% } }
";
    let four = head(4, "[1]");
    let seven = head(7, "[2, 5]");
    [
        format!("{four}{opaque}"),
        format!("{seven}{opaque}"),
        format!("{four}{records}"),
        format!("{seven}{records}"),
    ]
}

/// What a checker found, in words.
fn detail(run: &Run, checker: &str) -> String {
    check(run).into_iter().find(|verdict| verdict.checker == checker).unwrap().detail
}

#[track_caller]
fn holds(run: &Run, what: &str) {
    for verdict in check(run) {
        let held = matches!(verdict.status, Status::Passed | Status::NotApplicable);
        assert!(held, "{what}, seed {}: {verdict:#?}", run.plan.seed);
    }
}

/// Runs all scenarios with a fault, and demands that something of each name was done.
#[track_caller]
fn tolerated(fault: &str, acts: &[&str]) {
    tolerated_by(fault, acts, seeds(SEEDS));
}

#[track_caller]
fn tolerated_by(fault: &str, acts: &[&str], seeds: u64) {
    for (number, scenario) in scenarios(fault).iter().enumerate() {
        for seed in 1..=seeds {
            let run = play(number, scenario, seed);
            let what = format!("{fault}, scenario {number}");
            holds(&run, &what);
            if std::env::var_os("AMANAH_BYZANTINE_TALK").is_some() {
                eprintln!(
                    "{what}, seed {seed}: {:?}; {}",
                    run.history.hostility.acts,
                    detail(&run, "evidence")
                );
                eprintln!("  {}; {}", detail(&run, "conduct"), detail(&run, "validity"));
            }
            for act in acts {
                let done = run.history.hostility.acts.get(act).copied().unwrap_or(0);
                assert!(done > 0, "{what}, seed {seed}: nothing {act} was done");
            }
        }
    }
}

macro_rules! behaviours {
    ($($test:ident: $behaviour:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                tolerated(
                    concat!("byzantine: { replicas: WHO, behaviour: ", $behaviour, " }"),
                    &[$behaviour],
                );
            }
        )*
    };
}

behaviours! {
    silent_replicas_are_tolerated: "silent",
    selectively_silent_replicas_are_tolerated: "selective",
    delaying_replicas_are_tolerated: "delay",
    equivocating_replicas_are_tolerated: "equivocate",
    twins_are_tolerated: "twins",
    corrupt_messages_are_tolerated: "corrupt",
    wrong_ancestors_are_tolerated: "wrong_ancestors",
    withheld_blocks_are_tolerated: "withhold",
    replayed_messages_are_tolerated: "replay",
    wrong_results_are_tolerated: "wrong_results",
}

#[test]
fn fetch_floods_are_tolerated() {
    let fault = "byzantine: { replicas: WHO, behaviour: fetch_flood }";
    tolerated_by(fault, &["fetch_flood"], seeds(FLOOD_SEEDS));
}

#[test]
fn silence_to_one_victim_is_tolerated() {
    tolerated("byzantine: { replicas: WHO, behaviour: selective, victims: [0] }", &["selective"]);
}

/// A replica that missed more than the window is served old and spoilt snapshots.
const STALE_SNAPSHOTS: &str = "# Does it catch up?
name: stale-snapshots
duration: 12s
drain: 20s
ledger: { replicas: 7, tuning: { leader_timeout: 200ms, gc_depth: 20 } }
network: { topology: uniform-50-100ms, transport: TRANSPORT }
workloads:
  - opaque: { rate: 60/s, size: 64B }
faults:
  - at: 1s
    crash: { replicas: [0], for: 5s }
  - byzantine: { replicas: [1, 2], behaviour: stale_snapshot }
";

/// Two liars in a row kept the replica from catching up until the run was over: after each it waited for a stall, and
/// stalls grow. Now it asks the next at once.
#[test]
fn a_liar_about_snapshots_costs_one_question() {
    for seed in [4, 5] {
        holds(&play(0, STALE_SNAPSHOTS, seed), "stale snapshots");
    }
}

#[test]
fn stale_snapshots_are_tolerated() {
    let mut served = 0;
    for seed in 1..=seeds(SEEDS) {
        let run = play(0, STALE_SNAPSHOTS, seed);
        holds(&run, "stale snapshots");
        served += run.history.hostility.acts.get("stale_snapshot").copied().unwrap_or(0);
    }
    assert!(served > 0, "no Byzantine replica was asked for a snapshot");
}

#[test]
fn hostile_gateways_are_tolerated() {
    for behaviour in GATEWAY_BEHAVIOURS {
        let fault = format!("hostile_gateway: {{ gateways: [0, 4], behaviour: {behaviour}, rate: 50/s }}");
        // Records only: where bytes are opaque nobody has a gateway.
        for (number, scenario) in scenarios(&fault).iter().enumerate().skip(2) {
            for seed in 1..=seeds(SEEDS) {
                let run = play(number, scenario, seed);
                let what = format!("{fault}, scenario {number}");
                holds(&run, &what);
                let done = run.history.hostility.acts.get(behaviour).copied().unwrap_or(0);
                assert!(done > 0, "{what}, seed {seed}: nothing {behaviour} was done");
                if std::env::var_os("AMANAH_BYZANTINE_TALK").is_some() {
                    let found = [detail(&run, "forgery"), detail(&run, "conduct"), detail(&run, "consent")];
                    eprintln!("{what}, seed {seed}: {done}; {found:?}");
                }
            }
        }
    }
}

/// More than f Byzantine replicas: the run says so, the loss of liveness is expected, and a violation of safety is one.
#[test]
fn beyond_the_assumption_a_run_says_so() {
    let [opaque, ..] = scenarios("byzantine: { replicas: [1, 2], behaviour: silent }");
    let verdicts = check(&play(0, &opaque, 1));
    let of = |checker: &str| verdicts.iter().find(|verdict| verdict.checker == checker).unwrap();
    for checker in ["assumption", "validity"] {
        assert_eq!(of(checker).status, Status::Expected, "{:#?}", of(checker));
        assert!(of(checker).detail.starts_with("assumption exceeded: "), "{:#?}", of(checker));
    }
    assert!(of("assumption").says_exceeded());
    assert!(verdicts.iter().all(|verdict| verdict.status != Status::Failed), "{verdicts:#?}");
}

#[test]
fn live_runs_refuse_hostile_machines_in_words() {
    for fault in [
        "byzantine: { replicas: [1], behaviour: silent }",
        "hostile_gateway: { hospitals: [1], behaviour: flood }",
    ] {
        let [_, _, records, _] = scenarios(fault);
        let reasons = sim::testbed::refuse(
            &plan(&records.replace("TRANSPORT", "quic")),
            sim::history::Setting::LiveLoopback,
        );
        assert!(reasons.iter().any(|reason| reason.contains("contain no hostile code")), "{reasons:?}");
    }
}

#[test]
fn several_behaviours_at_once_are_tolerated() {
    let all = "byzantine: { replicas: WHO, behaviour: [equivocate, corrupt, replay, wrong_results, delay] }";
    tolerated(all, &["equivocate", "corrupt", "replay", "wrong_results", "delay"]);
}
