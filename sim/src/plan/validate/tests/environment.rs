//! Mistakes in faults of links, clocks and gateways, and what is said of them.

use super::{edited, refused};

/// A list of faults, and what is reported.
#[track_caller]
fn check(faults: &str, expected: &str) {
    let faults = format!("faults:\n{faults}");
    refused(&edited(&[("faults: []", faults.as_str())]), &[], expected);
}

#[test]
fn links() {
    check(
        "  - { at: 5s, link: { replicas: [1], for: 2s } }
  - { at: 5s, link: { loss: 5% } }
  - { at: 5s, link: { replicas: [1], regions: [north], loss: 5% } }
  - { at: 5s, link: { between: [north], bandwidth: 1bit/s } }
  - { at: 5s, link: { regions: [nroth], duplication: 120% } }",
        "error: x.yaml:10:15: faults[0].link: a link that nothing is wrong with
   10 |   - { at: 5s, link: { replicas: [1], for: 2s } }
      |               ^^^^
  = expected one or more of `loss`, `delay`, `duplication`, `reordering` and `bandwidth`
error: x.yaml:11:15: faults[1].link.replicas: missing
   11 |   - { at: 5s, link: { loss: 5% } }
      |               ^^^^
  = add it, as in `replicas: [3]`
error: x.yaml:12:15: faults[2].link: `replicas`, `regions` and `between` together in one fault
   12 |   - { at: 5s, link: { replicas: [1], regions: [north], loss: 5% } }
      |               ^^^^
  = give each fault its own `- at:`
error: x.yaml:13:32: faults[3].link.between: a link is between two regions
   13 |   - { at: 5s, link: { between: [north], bandwidth: 1bit/s } }
      |                                ^
  = name both, as in `[riyadh, dubai]`
error: x.yaml:13:52: faults[3].link.bandwidth: `1bit/s` is too small
   13 |   - { at: 5s, link: { between: [north], bandwidth: 1bit/s } }
      |                                                    ^^^^^^
  = expected 1kbit/s to 1Tbit/s
error: x.yaml:14:33: faults[4].link.regions[0]: region nroth does not exist
   14 |   - { at: 5s, link: { regions: [nroth], duplication: 120% } }
      |                                 ^^^^^
  = did you mean `north`?
  = the topology has north, south
error: x.yaml:14:54: faults[4].link.duplication: `120%` is more than the whole
   14 |   - { at: 5s, link: { regions: [nroth], duplication: 120% } }
      |                                                      ^^^^
  = expected a share from 0 to 1, as in `0.3` or `30%`
",
    );
}

#[test]
fn bridges() {
    check(
        "  - { at: 5s, partition: { groups: [[0, 1, 2], rest], bridge: [2] } }
  - { at: 5s, partition: { isolate: leader, bridge: [2] } }
  - { at: 5s, partition: { groups: [[0], rest], bridge: [] } }",
        "error: x.yaml:10:44: faults[0].partition.groups[0][2]: replica 2 is the bridge
   10 |   - { at: 5s, partition: { groups: [[0, 1, 2], rest], bridge: [2] } }
      |                                            ^
  = the bridge is in no group
error: x.yaml:11:45: faults[1].partition.bridge: `isolate` and `bridge` in one partition
   11 |   - { at: 5s, partition: { isolate: leader, bridge: [2] } }
      |                                             ^^^^^^
  = give each fault its own `- at:`
error: x.yaml:12:57: faults[2].partition.bridge: no replica to bridge them
   12 |   - { at: 5s, partition: { groups: [[0], rest], bridge: [] } }
      |                                                         ^
  = name some, as in `[3]`
",
    );
}

#[test]
fn clocks() {
    check(
        "  - { at: 5s, clock: { replicas: [1], for: 2s } }
  - { at: 5s, clock: { ahead: 1s } }
  - { at: 5s, clock: { replicas: [1], ahead: 1s, behind: 1s } }
  - { at: 5s, clock: { replicas: [1], drift: 50 } }
  - { at: 5s, clock: { gateways: [1000], drift: -20% } }",
        "error: x.yaml:10:15: faults[0].clock: a clock that nothing is wrong with
   10 |   - { at: 5s, clock: { replicas: [1], for: 2s } }
      |               ^^^^^
  = expected `ahead` or `behind`, `drift`, or both
error: x.yaml:11:15: faults[1].clock.replicas: missing
   11 |   - { at: 5s, clock: { ahead: 1s } }
      |               ^^^^^
  = add it, as in `replicas: [2]`
error: x.yaml:12:50: faults[2].clock.behind: `ahead` and `behind` of one clock
   12 |   - { at: 5s, clock: { replicas: [1], ahead: 1s, behind: 1s } }
      |                                                  ^^^^^^
  = remove one
error: x.yaml:13:46: faults[3].clock.drift: `50` has no unit
   13 |   - { at: 5s, clock: { replicas: [1], drift: 50 } }
      |                                              ^^
  = expected parts per million or a share, below zero for a slow clock, as in `50ppm`, `-200ppm` or `0.1%`
error: x.yaml:14:35: faults[4].clock.gateways[0]: gateway 1000 does not exist
   14 |   - { at: 5s, clock: { gateways: [1000], drift: -20% } }
      |                                   ^^^^
  = the population has 6, 0 to 5
error: x.yaml:14:49: faults[4].clock.drift: `-20%` is too small
   14 |   - { at: 5s, clock: { gateways: [1000], drift: -20% } }
      |                                                 ^^^^
  = expected -10% to 10%
",
    );
}

#[test]
fn gateways_that_come_and_go() {
    check(
        "  - { at: 5s, churn: { period: 2s, away: 2s } }
  - { at: 5s, churn: { hospitals: [0], period: 2s, away: 2s } }
  - { at: 5s, churn: { hospitals: [0], gateways: [1], period: 2s, away: 1s } }
  - { at: 5s, crash: { hospitals: [77] } }
  - { at: 5s, crash: { hospitals: [1], for: 2s } }
  - { at: 5s, ransomware: { hospitals: [1] } }",
        "error: x.yaml:10:15: faults[0].churn.gateways: missing
   10 |   - { at: 5s, churn: { period: 2s, away: 2s } }
      |               ^^^^^
  = add it, as in `gateways: [0]`
error: x.yaml:10:42: faults[0].churn.away: they would never be there
   10 |   - { at: 5s, churn: { period: 2s, away: 2s } }
      |                                          ^^
  = expected less than `period`
error: x.yaml:11:58: faults[1].churn.away: they would never be there
   11 |   - { at: 5s, churn: { hospitals: [0], period: 2s, away: 2s } }
      |                                                          ^^
  = expected less than `period`
error: x.yaml:12:24: faults[2].churn.hospitals: `gateways` and `hospitals` together in one fault
   12 |   - { at: 5s, churn: { hospitals: [0], gateways: [1], period: 2s, away: 1s } }
      |                        ^^^^^^^^^
  = hospitals are the first gateways: name all under `gateways`
error: x.yaml:13:36: faults[3].crash.hospitals[0]: hospital 77 does not exist
   13 |   - { at: 5s, crash: { hospitals: [77] } }
      |                                    ^^
  = the population has 4, 0 to 3
error: x.yaml:15:5: faults[5]: faults[4] has the same hospital come and go
   15 |   - { at: 5s, ransomware: { hospitals: [1] } }
      |     ^
  = what is lost with its vault has nothing to come back with: name another hospital
",
    );
}

#[test]
fn triggers() {
    check(
        "  - { when: { leader_change: 3 }, crash: { replicas: [0], for: 2s } }",
        "error: x.yaml:10:15: faults[0].when.leader_change: a fault cannot wait for `leader_change`
   10 |   - { when: { leader_change: 3 }, crash: { replicas: [0], for: 2s } }
      |               ^^^^^^^^^^^^^
  = did you mean `leader_changes`?
  = expected `commits`, `round` or `leader_changes`
",
    );
}
