//! Each fault of the environment has the effect that it names, and the ledger bears it.

use crate::support::{failures, plan, run};
use sim::history::Run;
use sim::metrics::Metrics;
use sim::world::Options;

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
