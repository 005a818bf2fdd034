//! Each fault of the environment has the effect that it names, and the ledger bears it.

use crate::support::{failures, plan, run};
use ledger_core::gateway::End;
use ledger_core::time::Duration;
use sim::history::Run;
use sim::metrics::Metrics;
use sim::world::Options;

const SECOND: Duration = Duration::from_secs(1);

/// Four replicas that order opaque bytes, with these faults, over `transport`.
fn ordering(transport: &str, faults: &str) -> Run {
    let yaml = format!(
        "# Is it borne?
name: environment
seed: 5
duration: 6s
drain: 20s
ledger: {{ replicas: 4 }}
network: {{ topology: lan, transport: {transport} }}
workloads:
  - opaque: {{ rate: 100/s, size: 64B }}
faults:{}{faults}
",
        if faults.is_empty() { " []" } else { "\n" }
    );
    let run = run(&plan(&yaml), &Options::default());
    let failed = failures(&run);
    assert!(failed.is_empty(), "{faults}: {failed:?}");
    run
}

fn metric(run: &Run, name: &str) -> f64 {
    Metrics::of(run).get(name).unwrap_or_else(|| panic!("no {name}")).as_f64()
}

#[test]
fn a_slow_processor_is_busier_and_a_slow_disk_later() {
    let still = ordering("message", "");
    let slow = ordering("message", "  - { at: 0s, slow_cpu: { replicas: [2], factor: 8, for: 5s } }");
    let busy = |run: &Run| run.history.replicas[2].cpu_ppm;
    assert!(busy(&slow) > 3 * busy(&still), "{} where {}", busy(&slow), busy(&still));
    let all = "  - { at: 0s, slow_disk: { replicas: [0, 1, 2, 3], factor: 50 } }";
    let (slow, fast) = (ordering("message", all), still);
    let latency = |run: &Run| metric(run, "transactions.latency.p50");
    assert!(latency(&slow) > 1.5 * latency(&fast), "{} where {}", latency(&slow), latency(&fast));
}

#[test]
fn what_is_cut_one_way_is_lost_that_way() {
    for transport in ["message", "quic"] {
        let faults = "  - { at: 1s, one_way: { from: [0], to: [1, 2, 3], for: 3s } }";
        let run = ordering(transport, faults);
        // Who is not heard gets nothing committed, and hears the others go on.
        let gap = metric(&run, "unavailability.longest");
        assert!(gap < 2.5e9, "{transport}: stood still for {gap} ns");
        let late = |row: &&sim::history::Operation| row.gateway.0 == 0 && waited(row) > SECOND;
        assert!(run.history.operations.iter().filter(late).count() > 20, "{transport}");
    }
}

/// From when it was due to its end.
fn waited(row: &sim::history::Operation) -> Duration {
    row.ended.map_or(Duration::MAX, |(at, _)| at.since(row.scheduled))
}

#[test]
fn whoever_leads_is_cut_off() {
    let chased = "  - { at: 1s, partition: { isolate: leader, period: 200ms, for: 3s } }";
    let once = "  - { at: 1s, partition: { isolate: leader, for: 3s } }";
    let [chased, once] = [chased, once].map(|faults| ordering("message", faults));
    let slow = |run: &Run, than: Duration| {
        let rows = run.history.operations.iter();
        let replicas = rows.filter(|row| waited(row) > than).map(|row| row.gateway.0);
        replicas.collect::<std::collections::BTreeSet<u32>>().len()
    };
    // The others wait for it once, for the leader timeout.
    assert_eq!(slow(&once, 2 * SECOND), 1);
    assert!(slow(&chased, SECOND / 10) > 1, "nobody else was cut off");
    assert!(once.history.network.undelivered > 100, "{}", once.history.network.undelivered);
}

/// Found by asking that what is submitted to a replica that was cut off is answered: one that went on from a snapshot forgot
/// who waited for what was still in its mempool (seed 5).
#[test]
fn who_was_cut_off_answers_everybody() {
    let run = ordering("message", "  - { at: 1s, partition: { isolate: leader, for: 3s } }");
    let open = run.history.operations.iter().filter(|row| row.ended.is_none()).count();
    assert_eq!(open, 0, "submissions were never answered");
    // What it cannot know is what was in the one block that it was making.
    let lost = run.history.operations.iter().filter(|row| !matches!(row.ended, Some((_, End::Done(_)))));
    let lost: Vec<_> = lost.map(|row| (row.gateway.0, row.scheduled)).collect();
    assert!(lost.len() < 10, "{lost:?}");
}

#[test]
fn a_partition_flaps() {
    let faults = "  - { at: 1s, partition: { groups: [[0, 1], rest], period: 1s, for: 3s } }";
    let run = ordering("message", faults);
    let commits = |from_ms: u64, until_ms: u64| {
        let times = run.history.commits.iter().map(|commit| commit.first_at.0 / 1_000_000);
        times.filter(|at| (from_ms..until_ms).contains(at)).count()
    };
    for apart in [1_000, 2_000, 3_000] {
        assert_eq!(commits(apart + 50, apart + 500), 0, "from {apart} ms");
        assert!(commits(apart + 500, apart + 1_000) > 0, "from {apart} ms");
    }
}

#[test]
fn a_link_is_later_and_loses_and_a_region_is_gone() {
    for transport in ["message", "quic"] {
        let still = ordering(transport, "");
        let p50 = |run: &Run| metric(run, "transactions.latency.p50");
        // Three of four are late: no quorum is quicker.
        let late =
            ordering(transport, "  - { at: 0s, link: { replicas: [0, 1, 2], delay: 40ms, direction: out } }");
        assert!(p50(&late) > p50(&still) + 8e7, "{transport}: {} where {}", p50(&late), p50(&still));
        let lossy = ordering(transport, "  - { at: 1s, link: { replicas: [3], loss: 20%, for: 3s } }");
        let lost = |run: &Run| run.history.network.packets_lost;
        assert!(lost(&lossy) > lost(&still) + 100, "{transport}: {}", lost(&lossy));
    }
    let gone = ordering("message", "  - { at: 1s, region_outage: { regions: [lan], for: 2s } }");
    assert!(metric(&gone, "unavailability.longest") > 1.9e9);
}

#[test]
fn a_fault_waits_for_its_trigger() {
    let faults = "  - { when: { commits: 30 }, crash: { replicas: [3], for: 1s } }
  - { at: 1s, when: { round: 5 }, slow_cpu: { replicas: [0], factor: 2, for: 1s } }";
    let run = ordering("message", faults);
    let struck = |fault: usize| run.history.faults.iter().find(|row| row.fault == fault).unwrap().at;
    // A commit is on record when the core is done with it.
    let done = run.history.commits[29].first_at;
    assert!(struck(0) <= done && done.since(struck(0)) < SECOND / 100, "{} for {done}", struck(0));
    assert_eq!(struck(1).0, 1_000_000_000);
}
