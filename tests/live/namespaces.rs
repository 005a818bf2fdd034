//! The same configuration files across separate addresses: every replica in a network namespace of its own, and a
//! partition that is really one. Skips where namespaces are not permitted. Delays too, where the kernel has netem.

use crate::amanah::{Build, directory, json};
use std::process::Command;

/// Whether this process may make namespaces, and with `delays` shape their traffic; else why not.
fn permitted(delays: bool) -> Result<(), String> {
    let name = format!("amtest{}", std::process::id());
    let run = |line: &str| -> Result<(), String> {
        let mut words = line.split(' ');
        let program = words.next().unwrap();
        let output =
            Command::new(program).args(words).output().map_err(|error| format!("{program}: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("`{line}`: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    };
    run(&format!("ip netns add {name}"))?;
    let shaped =
        run(&format!("ip -n {name} link add am-probe type veth peer name am-other")).and_then(|()| {
            let shape = format!("ip netns exec {name} tc qdisc add dev am-probe root netem delay 1ms");
            if delays { run(&shape) } else { Ok(()) }
        });
    run(&format!("ip netns del {name}"))?;
    shaped
}

#[test]
fn namespaces_separate_replicas_and_a_partition_heals() {
    check("namespaces", false);
}

#[test]
fn namespaces_have_the_delays_of_the_topology() {
    check("netem", true);
}

fn check(name: &str, delays: bool) {
    if let Err(why) = permitted(delays) {
        eprintln!(
            "SKIPPED {name}: not permitted here ({why}); run as root with `ip`, for delays also `tc` and netem"
        );
        return;
    }
    let (flag, world) = if delays { ("--netem", "live_netem") } else { ("--namespaces", "live_namespaces") };
    let scenario = "name: namespaces
seed: 1
warmup: 2s
duration: 10s
drain: 30s
ledger: { replicas: 4 }
network: { topology: metro, loss: 0.1% }
population: { patients: 100, hospitals: 4, staff: 4 }
workloads:
  - personal_health_record: { rate: 10/s }
faults:
  - { at: 2s, partition: { groups: [[0, 1], rest], for: 2s } }
  - { at: 6s, crash: { replicas: [1], for: 500ms } }
expect:
  - safety
";
    let directory = directory(&format!("live-{name}"));
    std::fs::write(directory.join("live.yaml"), scenario).unwrap();
    let arguments = ["run", "--live", flag, "live.yaml", "--out", "out"];
    let ended = Build::Debug.run(&directory, &arguments);
    super::ended_well(ended, &directory);
    let result = json(&directory.join("out/result.json"));
    assert_eq!(result["world"], world);
    for row in result["verdicts"].as_array().unwrap() {
        assert!(super::held(row), "{row}\n{}", super::logs(&directory.join("out/live")));
    }
    // No side of the partition has a quorum.
    let standstill = super::count(&result, "unavailability.longest");
    assert!(standstill >= 1_500_000_000, "nothing stood still: {standstill} ns");
}
