//! Faults of links, clocks and gateways, beside those of `environment.rs`: each has the effect that it names, and the ledger
//! bears it.

use crate::support::{failures, plan, run};
use ledger_core::gateway::End;
use ledger_core::message::KeyRefusal;
use ledger_core::time::Timestamp;
use sim::check::{Status, check};
use sim::history::{OperationKind, Run};
use sim::metrics::Metrics;
use sim::world::Options;

const MS: u64 = 1_000_000;

fn play(yaml: &str) -> Run {
    let run = run(&plan(yaml), &Options::default());
    let failed = failures(&run);
    assert!(failed.is_empty(), "{yaml}: {failed:?}");
    run
}

/// Replicas that order opaque bytes.
fn ordering(replicas: usize, transport: &str, load: &str, faults: &str) -> Run {
    play(&format!(
        "# Is it borne?
name: disturbances
seed: 5
duration: 3s
drain: 20s
ledger: {{ replicas: {replicas}, tuning: {{ min_round_interval: 30ms, leader_timeout: 200ms }} }}
network: {{ topology: metro, transport: {transport} }}
workloads:
  - opaque: {{ {load} }}
faults:
{faults}
"
    ))
}

const LIGHT: &str = "rate: 50/s, size: 64B";

/// A district that shares records.
fn sharing(transport: &str, faults: &str) -> Run {
    play(&format!(
        "# Is it borne?
name: disturbances
seed: 5
duration: 4s
drain: 20s
ledger: {{ replicas: 4, tuning: {{ min_round_interval: 40ms, leader_timeout: 200ms }} }}
network: {{ topology: metro, transport: {transport} }}
population: {{ patients: 20, hospitals: 3, pharmacies: 1, staff: 2 }}
workloads:
  - personal_health_record: {{ rate: 30/s, mix: {{ register: 30%, share: 40%, consent: 20%, keys: 10% }} }}
faults:
{faults}
"
    ))
}

fn metric(run: &Run, name: &str) -> f64 {
    Metrics::of(run).get(name).unwrap_or_else(|| panic!("no {name}")).as_f64()
}

fn p50(run: &Run) -> f64 {
    metric(run, "transactions.latency.p50")
}

fn detail(run: &Run, checker: &str) -> (Status, String) {
    let verdict = check(run).into_iter().find(|verdict| verdict.checker == checker).unwrap();
    (verdict.status, verdict.detail)
}

#[test]
fn halves_that_a_bridge_joins_go_on() {
    let apart = "groups: [[0, 1], [3, 4]], bridge: [2], for: 2s";
    let run = ordering(5, "message", LIGHT, &format!("  - {{ at: 500ms, partition: {{ {apart} }} }}"));
    assert!(run.history.network.undelivered > 100, "{}", run.history.network.undelivered);
    // Neither half has a quorum with the bridge: what the other half proposed comes over it.
    let during =
        run.history.commits.iter().filter(|commit| (700 * MS..2_500 * MS).contains(&commit.first_at.0));
    assert!(during.count() > 5);
    let flapping = format!("  - {{ at: 500ms, partition: {{ {apart}, period: 400ms }} }}");
    assert!(ordering(5, "quic", LIGHT, &flapping).history.commits.len() > 20);
}

#[test]
fn links_of_regions_and_between_them_are_worse() {
    for transport in ["message", "quic"] {
        let still = ordering(4, transport, LIGHT, "  []");
        let late = |ends: &str| {
            ordering(4, transport, LIGHT, &format!("  - {{ at: 0s, link: {{ {ends}, delay: 60ms }} }}"))
        };
        // Regions a and b hold three of four replicas.
        let (within, between) = (late("regions: [metro-a]"), late("between: [metro-a, metro-b]"));
        for run in [&within, &between] {
            assert!(p50(run) > p50(&still) + 5e7, "{transport}: {} where {}", p50(run), p50(&still));
        }
        let spoilt = "replicas: [0, 1, 2, 3], duplication: 30%, reordering: 30%";
        let spoilt = ordering(4, transport, LIGHT, &format!("  - {{ at: 0s, link: {{ {spoilt} }} }}"));
        assert!(p50(&spoilt) < p50(&still) + 5e7, "{transport}: {} where {}", p50(&spoilt), p50(&still));
    }
}

#[test]
fn bandwidth_collapses_and_comes_back() {
    for transport in ["message", "quic"] {
        // A replica sends three times 80 kB a second, and may send half of that.
        let load = "rate: 16/s, size: 20kB";
        let fault =
            "  - { at: 500ms, link: { replicas: [3], direction: out, bandwidth: 1Mbit/s, for: 1500ms } }";
        let run = ordering(4, transport, load, fault);
        let slowest = |replica: u32| {
            let rows = run.history.operations.iter().filter(|row| row.gateway.0 == replica);
            rows.filter_map(|row| Some(row.ended?.0.since(row.scheduled))).max().unwrap()
        };
        assert!(slowest(3) > 3 * slowest(0) / 2, "{transport}: {:?} where {:?}", slowest(3), slowest(0));
    }
}

/// By how much commit time was ahead of true time at most, and behind it, in milliseconds.
fn commit_time_off(run: &Run) -> (u64, u64) {
    let commits = || run.history.commits.iter().skip(5);
    let ahead = commits().map(|commit| commit.time.since(commit.first_at)).max().unwrap();
    let behind = commits().map(|commit| commit.first_at.since(commit.time)).max().unwrap();
    (ahead.as_millis() as u64, behind.as_millis() as u64)
}

#[test]
fn a_wrong_clock_moves_commit_time_no_further_than_it_may() {
    let with =
        |clock: &str| ordering(4, "message", LIGHT, &format!("  - {{ at: 0s, clock: {{ {clock} }} }}"));
    let (ahead, still_behind) = commit_time_off(&ordering(4, "message", LIGHT, "  []"));
    assert_eq!(ahead, 0);
    // One of four is outvoted.
    let (ahead, behind) = commit_time_off(&with("replicas: [1], ahead: 800ms, drift: 100ppm"));
    assert!(ahead == 0 && behind < still_behind + 200, "{behind} ms where {still_behind}");
    // A clock that is set back stands still until time has caught up, and its replica's timers with it: after a first block
    // nothing more comes of it, and it costs what a replica costs that goes down then (two leader timeouts), and nothing more.
    let gone = ordering(4, "message", LIGHT, "  - { at: 10ms, crash: { replicas: [1] } }");
    let (_, gone_behind) = commit_time_off(&gone);
    for clock in ["behind: 800ms", "behind: 5s"] {
        let (ahead, behind) = commit_time_off(&with(&format!("replicas: [1], {clock}")));
        assert!(ahead == 0 && behind < gone_behind + 50, "{clock}: {behind} ms where {gone_behind}");
    }
    // Two of four are more than is tolerated, and move it by what replicas allow each other at most.
    let (ahead, _) = commit_time_off(&with("replicas: [1, 2], ahead: 800ms, drift: 100ppm"));
    assert!((500..=1_000).contains(&ahead), "{ahead} ms");
    // Beyond that blocks are refused, and nobody else is disturbed.
    let run = with("replicas: [1], ahead: 5s");
    assert_eq!(commit_time_off(&run).0, 0);
    assert!(run.history.replicas[0].status.protocol.refused > 10);
    let slow = |replica: u32| {
        let rows = run.history.operations.iter().filter(|row| row.gateway.0 == replica);
        rows.filter(|row| row.ended.is_none_or(|(at, _)| at.since(row.scheduled).as_millis() > 600)).count()
    };
    assert!(slow(1) > 10 && [0, 2, 3].iter().all(|replica| slow(*replica) <= 2), "{}", slow(0));
    // All run fast alike.
    let run = with("replicas: [0, 1, 2, 3], drift: 10%");
    assert!((100..=500).contains(&commit_time_off(&run).0), "{:?}", commit_time_off(&run));
}

#[test]
fn a_clock_set_right_again_is_right() {
    let fault = "  - { at: 500ms, clock: { replicas: [1], ahead: 400ms, drift: -1%, for: 1s } }
  - { at: 700ms, clock: { replicas: [2], behind: 300ms, for: 500ms } }";
    let run = ordering(4, "quic", LIGHT, fault);
    let late = run.history.commits.iter().filter(|commit| commit.first_at.0 > 2_600 * MS);
    let off = late.map(|commit| commit.time.since(commit.first_at)).max().unwrap();
    assert_eq!(off.as_nanos(), 0);
}

#[test]
fn clocks_of_gateways_decide_nothing() {
    for clock in ["ahead: 10min", "behind: 1s, drift: -1%"] {
        let run = sharing("message", &format!("  - {{ at: 500ms, clock: {{ gateways: [0, 1], {clock} }} }}"));
        assert!(metric(&run, "shares.completed") > 30.0, "{clock}");
        assert!(metric(&run, "shares.refused_wrongly") < 0.5, "{clock}");
        // Times on record are true ones, whatever the gateway took for the time.
        for row in &run.history.operations {
            let (ended, _) = row.ended.unwrap();
            let times = [row.receipt_at, row.key_at, row.transferred_at];
            assert!(
                times.into_iter().flatten().all(|at| row.scheduled <= at && at <= ended),
                "{clock}: {row:?}"
            );
        }
    }
}

#[test]
fn gateways_come_and_go_and_keep_what_was_acknowledged() {
    for transport in ["message", "quic"] {
        let churn = "hospitals: [0, 1, 2], period: 900ms, away: 200ms, for: 3s";
        let run = sharing(transport, &format!("  - {{ at: 500ms, churn: {{ {churn} }} }}"));
        let operations = &run.history.operations;
        assert!(
            operations.iter().any(|row| row.ended.is_none_or(|(_, end)| end == End::TimedOut)),
            "{transport}"
        );
        // Records that were registered before a process ended are served by the next.
        let shared =
            operations.iter().filter(|row| row.kind == OperationKind::Share && row.transferred_at.is_some());
        let late = shared.filter(|row| row.scheduled.0 > 2_000 * MS).count();
        assert!(late > 5, "{transport}: {late}");
        let unserved = End::KeyRefused(KeyRefusal::NoDocument);
        let unserved = operations.iter().filter(|row| row.ended.is_some_and(|(_, end)| end == unserved));
        assert_eq!(unserved.count(), 0, "{transport}");
        assert!(metric(&run, "shares.refused_wrongly") < 0.5, "{transport}");
    }
}

#[test]
fn a_gateway_dies_and_is_back() {
    let run = sharing("quic", "  - { at: 1s, crash: { gateways: [3], for: 1s } }");
    let at = |from: u64, until: u64| {
        let rows = run.history.operations.iter().filter(|row| row.gateway.0 == 3);
        let rows = rows.filter(|row| (from * MS..until * MS).contains(&row.scheduled.0));
        let ended = rows.filter(|row| row.receipt_at.is_some_and(|at| at.since(row.scheduled).as_secs() < 1));
        ended.count()
    };
    assert_eq!(at(1_000, 2_000), 0);
    assert!(at(2_000, 4_000) > 0);
}

#[test]
fn a_fault_waits_for_leaders_to_change() {
    let fault = "  - { when: { leader_changes: 1 }, crash: { replicas: [3], for: 500ms } }";
    let run = ordering(4, "message", LIGHT, fault);
    let struck = run.history.faults[0].at;
    // Leaders are drawn anew every hundred commits.
    let done = run.history.commits[99].first_at;
    assert!(struck <= done && done.since(struck).as_millis() < 10, "{struck} for {done}");
}

#[test]
fn without_a_quorum_the_loss_of_liveness_is_expected() {
    for fault in [
        "  - { at: 1s, crash: { replicas: [1, 2] } }",
        "  - { at: 1s, partition: { groups: [[0, 1], rest] } }",
        "  - { at: 1s, byzantine: { replicas: [3], behaviour: silent } }\n  - { at: 1s, pause: { replicas: [1] } }",
    ] {
        let run = ordering(4, "message", LIGHT, fault);
        let (status, words) = detail(&run, "validity");
        assert!(
            status == Status::Expected && words.starts_with("expected loss of liveness: "),
            "{fault}: {words}"
        );
        let (status, words) = detail(&run, "assumption");
        assert!(status == Status::Expected && words.contains("where a quorum is 3"), "{fault}: {words}");
    }
    let run = ordering(4, "message", LIGHT, "  - { at: 1s, crash: { replicas: [1] } }");
    assert_eq!(detail(&run, "validity").0, Status::Passed);
}

/// The history of a ledger that stood still from `at` on.
fn standing_still(mut run: Run, at: u64) -> Run {
    run.history.commits.retain(|commit| commit.first_at.0 < at * MS);
    for operation in &mut run.history.operations {
        if operation.ended.is_none_or(|(ended, _)| ended.0 >= at * MS) {
            (operation.ended, operation.receipt_at) = (None, None);
        }
    }
    // What is under way is waited for until the drain is over.
    run.end = run.end.max(Timestamp(23_000 * MS));
    run
}

/// Who is gone for good excuses nothing that a quorum of the others owes; nor do faults that are over.
#[test]
fn a_standstill_is_found_beside_faults_that_explain_none() {
    let slow =
        |at: &str| format!("  - {{ at: {at}, slow_disk: {{ replicas: [2], factor: 200, for: 300ms }} }}\n");
    for faults in [
        "  - { at: 0s, crash: { replicas: [3] } }".to_owned(),
        "  - { at: 100ms, pause: { replicas: [3] } }".to_owned(),
        [slow("0s"), slow("1s"), slow("2s")].concat(),
    ] {
        let run = ordering(4, "message", LIGHT, &faults);
        assert_eq!(detail(&run, "validity").0, Status::Passed, "{faults}: {}", detail(&run, "validity").1);
        let still = standing_still(run, 2_500);
        let (status, words) = detail(&still, "progress");
        assert!(
            status == Status::Failed && words.starts_with("nothing was committed from"),
            "{faults}: {words}"
        );
    }
    // Where nobody did anything from the beginning on, that one replica is gone explains nothing either.
    let still = standing_still(ordering(4, "message", LIGHT, "  - { at: 0s, crash: { replicas: [3] } }"), 0);
    assert_eq!(detail(&still, "validity").0, Status::Failed, "{}", detail(&still, "validity").1);
    // Of a link that was bad to the end nobody can tell.
    let bad = "  - { at: 0s, link: { replicas: [3], loss: 1% } }";
    let still = standing_still(ordering(4, "message", LIGHT, bad), 0);
    assert_eq!(detail(&still, "validity").0, Status::Undecided, "{}", detail(&still, "validity").1);
}
