//! Commit latency against what the network allows.

use crate::support::{plan, run};
use ledger_core::time::Timestamp;
use sim::plan::{DelayPlan, Plan};
use sim::world::Options;

/// Mean one-way delay, nanoseconds.
fn mean(delay: DelayPlan) -> u64 {
    match delay {
        DelayPlan::Exponential { min_ns, jitter_mean_ns } => min_ns + jitter_mean_ns,
        DelayPlan::Uniform { min_ns, max_ns } => u64::midpoint(min_ns, max_ns),
    }
}

/// The slowest quorum path: over all replicas, how long a block takes from the farthest member of its nearest quorum.
fn slowest_quorum_path(plan: &Plan) -> u64 {
    let n = plan.replicas.len();
    let quorum = n - (n - 1) / 3;
    (0..n)
        .map(|to| {
            let mut delays: Vec<u64> = (0..n)
                .map(|from| {
                    let (a, b) = (plan.replicas[from].region, plan.replicas[to].region);
                    if from == to { 0 } else { mean(plan.network.delays[a][b]) }
                })
                .collect();
            delays.sort_unstable();
            delays[quorum - 1]
        })
        .max()
        .unwrap()
}

#[test]
fn a_healthy_run_commits_in_three_to_four_one_way_delays_of_the_slowest_quorum_path() {
    let plan = plan(
        "# How long does a commit take?
name: latency
warmup: 2s
duration: 10s
ledger: { replicas: 10 }
network: { topology: gulf-5, transport: message }
workloads:
  - opaque: { rate: 1000/s, size: 512B }
",
    );
    let run = run(&plan, &Options::default());
    let from = Timestamp::after_genesis(plan.warmup);
    let latencies: Vec<u64> = run
        .history
        .commit_latencies
        .iter()
        .filter(|(at, _)| *at >= from)
        .map(|(_, latency)| *latency)
        .collect();
    assert!(latencies.len() > 500, "{} blocks", latencies.len());
    let mean = latencies.iter().sum::<u64>() / latencies.len() as u64;
    let delay = slowest_quorum_path(&plan);
    // What each of the four hops adds on its hosts: a message, a block's hash and signature, an append and a sync.
    let host = &plan.replica_host;
    let step =
        4 * host.message_ns + host.verify_ns + host.sign_ns + host.disk_sync_ns + 16 * host.hash_ns_per_kib;
    let modelled = step + host.disk_append_ns * plan.replicas.len() as u64;
    let (least, most) = (3 * delay, 4 * (delay + modelled));
    assert!(
        (least..=most).contains(&mean),
        "mean {mean} ns is not in {least}..={most} (one-way delay {delay})"
    );
}
