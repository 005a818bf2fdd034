//! The whole message for every mistake: what to change in the base scenario, and what is said.

use super::{edited, refused};

/// Edits of the base, then what is reported.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a str);

#[track_caller]
fn check(rows: &[Row<'_>]) {
    for (edits, expected) in rows {
        refused(&edited(edits), &[], expected);
    }
}

#[test]
fn syntax_and_shape() {
    check(&[
        (
            &[("duration: 60s", "duration: 60s
duration: 70s")],
"error: x.yaml:4:1: duration: the key `duration` is there twice
    4 | duration: 70s
      | ^^^^^^^^
  = it is already on line 3; keep one of the two
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 10, tuning: { gc_depth: 20, gc_depth: 30 } }")],
"error: x.yaml:4:49: ledger.tuning.gc_depth: the key `gc_depth` is there twice
    4 | ledger: { replicas: 10, tuning: { gc_depth: 20, gc_depth: 30 } }
      |                                                 ^^^^^^^^
  = it is already on line 4; keep one of the two
",
        ),
        (
            &[("duration: 60s", "duration: [60s")],
"error: x.yaml:4:7: not YAML: illegal placement of ':' indicator
    4 | ledger: { replicas: 10 }
      |       ^
",
        ),
        (
            &[("duration: 60s", "\tduration: 60s")],
"error: x.yaml:2:7: not YAML: while scanning a plain scalar, found a tab
    2 | name: base
      |       ^
  = YAML is indented with spaces, never with tabs
",
        ),
        (
            &[("name: base", "name: &n base"), ("duration: 60s", "duration: *n")],
"error: x.yaml:2:7: name: anchors are not read
    2 | name: &n base
      |       ^
  = remove the `&name`
error: x.yaml:3:11: duration: aliases are not read
    3 | duration: *n
      |           ^
  = write the value out
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: !big { replicas: 10 }")],
"error: x.yaml:4:9: ledger: the tag `!big` is not read
    4 | ledger: !big { replicas: 10 }
      |         ^
  = remove it: the key says what its value is
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: 10")],
"error: x.yaml:4:9: ledger: a single value where a map belongs
    4 | ledger: 10
      |         ^^
  = expected a map, as in `ledger: { replicas: 4 }`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: [10]")],
"error: x.yaml:4:9: ledger: a list where a map belongs
    4 | ledger: [10]
      |         ^
  = expected a map, as in `ledger: { replicas: 4 }`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger:")],
"error: x.yaml:4:1: ledger: nothing where a map belongs
    4 | ledger:
      | ^^^^^^
  = expected a map, as in `ledger: { replicas: 4 }`
",
        ),
        (
            &[("duration: 60s", "duration: { s: 60 }")],
"error: x.yaml:3:11: duration: a map where a single value belongs
    3 | duration: { s: 60 }
      |           ^
  = expected a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("duration: 60s", "duration: 60s
? [a, b]
: c")],
"error: x.yaml:4:3: a key must be a word
    4 | ? [a, b]
      |   ^
  = as in `duration: 60s`
",
        ),
        (
            &[("expect: [safety]", "expect: [safety]
---
name: two")],
"error: x.yaml:12:1: a second YAML document
   12 | name: two
      | ^
  = one file is one scenario: remove the line `---` and what follows it
",
        ),
        (
            &[("name: base", "name: [[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]")],
"error: x.yaml:2:31: name[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]: nested deeper than 24 levels
    2 | name: [[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]
      |                               ^
  = no key of a scenario is that deep
",
        ),
    ]);
    refused(
        "",
        &[],
        "error: x.yaml:1:1: there is no scenario in it
  = the shortest one has name, duration, ledger, network and workloads
",
    );
    refused(
        "# only a comment\n",
        &[],
        "error: x.yaml:1:1: there is no scenario in it
    1 | # only a comment
      | ^
  = the shortest one has name, duration, ledger, network and workloads
",
    );
    refused(
        "just words\n",
        &[],
        "error: x.yaml:1:1: a single value where a map belongs
    1 | just words
      | ^^^^^^^^^^
  = expected the keys of a scenario, as in `name: smoke`
",
    );
}

#[test]
fn the_run() {
    check(&[
        (
            &[("name: base
", "")],
"error: x.yaml: name: missing
  = add it, as in `name: regional-exchange`
",
        ),
        (
            &[("name: base", "name: Base Case")],
"error: x.yaml:2:7: name: `Base Case` is not a name
    2 | name: Base Case
      |       ^^^^^^^^^
  = expected at most 64 of a to z, 0 to 9 and `-`: it names the result directory
",
        ),
        (
            &[("name: base", "nmae: base")],
"error: x.yaml:2:1: nmae: unknown key `nmae`
    2 | nmae: base
      | ^^^^
  = did you mean `name`?
",
        ),
        (
            &[("name: base", "name: base
colour: blue")],
"error: x.yaml:3:1: colour: unknown key `colour`
    3 | colour: blue
      | ^^^^^^
  = the keys here are name, seed, duration, warmup, drain, network, ledger, host, gateway_host, workloads, population, documents, arrivals, faults, expect, matrix
",
        ),
        (
            &[("duration: 60s
", "")],
"error: x.yaml: duration: missing
  = add it, as in `duration: 60s`
",
        ),
        (
            &[("duration: 60s", "duration: 60")],
"error: x.yaml:3:11: duration: `60` has no unit
    3 | duration: 60
      |           ^^
  = expected a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("duration: 60s", "duration: 60 parsecs")],
"error: x.yaml:3:11: duration: `60 parsecs` is not a duration
    3 | duration: 60 parsecs
      |           ^^^^^^^^^^
  = expected a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("duration: 60s", "duration: 5S")],
"error: x.yaml:3:11: duration: `5S` is not a duration (the unit is written `s`)
    3 | duration: 5S
      |           ^^
  = expected a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("duration: 60s", "duration: 0s")],
"error: x.yaml:3:11: duration: `0s` is too small
    3 | duration: 0s
      |           ^^
  = expected 1ms to 366d
",
        ),
        (
            &[("duration: 60s", "duration: 400d")],
"error: x.yaml:3:11: duration: `400d` is too large
    3 | duration: 400d
      |           ^^^^
  = expected 1ms to 366d
",
        ),
        (
            &[("duration: 60s", "duration: 60s
warmup: -1s")],
"error: x.yaml:4:9: warmup: `-1s` is not a duration
    4 | warmup: -1s
      |         ^^^
  = expected a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("duration: 60s", "duration: 60s
seed: 0x7")],
"error: x.yaml:4:7: seed: `0x7` is not a whole number
    4 | seed: 0x7
      |       ^^^
  = expected a whole number, as in `7`
",
        ),
        (
            &[("duration: 60s", "duration: 60s
seed: 99999999999999999999")],
"error: x.yaml:4:7: seed: `99999999999999999999` is too large
    4 | seed: 99999999999999999999
      |       ^^^^^^^^^^^^^^^^^^^^
  = expected a whole number, as in `7`
",
        ),
        (
            &[("duration: 60s", "duration: 60s
documents: size")],
"error: x.yaml:4:12: documents: `size` is not known here
    4 | documents: size
      |            ^^^^
  = did you mean `sized`?
  = expected `sized` or `fhir`
",
        ),
        (
            &[("duration: 60s", "duration: 60s
matrix: { ledger.replicas: [4, 10] }")],
"error: x.yaml:4:1: matrix: it makes many runs of this scenario
    4 | matrix: { ledger.replicas: [4, 10] }
      | ^^^^^^
  = play them all with `amanah sweep FILE`
",
        ),
    ]);
}

#[test]
fn ledger() {
    check(&[
        (
            &[("ledger: { replicas: 10 }
", "")],
"error: x.yaml: ledger: missing
  = add it, as in `ledger: { replicas: 4 }`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: {}")],
"error: x.yaml:4:1: ledger.replicas: missing
    4 | ledger: {}
      | ^^^^^^
  = add it, as in `replicas: 4`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 0 }")],
"error: x.yaml:4:21: ledger.replicas: `0` is too small
    4 | ledger: { replicas: 0 }
      |                     ^
  = expected 1 to 400
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 401 }")],
"error: x.yaml:4:21: ledger.replicas: `401` is too large
    4 | ledger: { replicas: 401 }
      |                     ^^^
  = expected 1 to 400
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: ten }")],
"error: x.yaml:4:21: ledger.replicas: `ten` is not a whole number
    4 | ledger: { replicas: ten }
      |                     ^^^
  = expected a whole number, as in `40` or `200k`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: [] }")],
"error: x.yaml:4:21: ledger.replicas: a ledger of 0 replicas
    4 | ledger: { replicas: [] }
      |                     ^
  = expected 1 to 400
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: [{ region: nort }, { region: north, stake: 0 }, { stake: 2 }, north] }")],
"error: x.yaml:4:32: ledger.replicas[0].region: there is no region `nort`
    4 | ledger: { replicas: [{ region: nort }, { region: north, stake: 0 }, { stake: 2 }, north] }
      |                                ^^^^
  = did you mean `north`?
  = the topology has north, south
error: x.yaml:4:64: ledger.replicas[1].stake: `0` is too small
    4 | ledger: { replicas: [{ region: nort }, { region: north, stake: 0 }, { stake: 2 }, north] }
      |                                                                ^
  = expected 1 to 1 billion
error: x.yaml:4:69: ledger.replicas[2].region: missing
    4 | ledger: { replicas: [{ region: nort }, { region: north, stake: 0 }, { stake: 2 }, north] }
      |                                                                     ^
  = add it, as in `region: riyadh`
error: x.yaml:4:83: ledger.replicas[3]: a single value where a map belongs
    4 | ledger: { replicas: [{ region: nort }, { region: north, stake: 0 }, { stake: 2 }, north] }
      |                                                                                   ^^^^^
  = expected a replica, as in `{ region: riyadh, stake: 1 }`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: [{ region: north, host: ideal }] }")],
"error: x.yaml:4:39: ledger.replicas[0].host: `host` is known but not available in this version
    4 | ledger: { replicas: [{ region: north, host: ideal }] }
      |                                       ^^^^
  = all replicas run on the machine under the scenario's key `host`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 4, protocol: hotstuff }")],
"error: x.yaml:4:34: ledger.protocol: `hotstuff` is known but not available in this version
    4 | ledger: { replicas: 4, protocol: hotstuff }
      |                                  ^^^^^^^^
  = use `mysticeti`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 4, protocol: mysticety }")],
"error: x.yaml:4:34: ledger.protocol: `mysticety` is not known here
    4 | ledger: { replicas: 4, protocol: mysticety }
      |                                  ^^^^^^^^^
  = did you mean `mysticeti`?
  = expected `mysticeti`
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 6, faults_tolerated: 2 }")],
"error: x.yaml:4:42: ledger.faults_tolerated: 6 replicas cannot tolerate 2 faults
    4 | ledger: { replicas: 6, faults_tolerated: 2 }
      |                                          ^
  = n >= 3f + 1: to tolerate 2 faults takes 7 replicas; 6 tolerate 1 fault
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: [{ region: north, stake: 2 }, { region: north }], faults_tolerated: 1 }")],
"error: x.yaml:4:89: ledger.faults_tolerated: 3 units of stake cannot tolerate 1 fault
    4 | ledger: { replicas: [{ region: north, stake: 2 }, { region: north }], faults_tolerated: 1 }
      |                                                                                         ^
  = n >= 3f + 1: to tolerate 1 fault takes 4 units of stake; 3 tolerate 0 faults
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 4, checkpoint_interval: 0 }")],
"error: x.yaml:4:45: ledger.checkpoint_interval: `0` is too small
    4 | ledger: { replicas: 4, checkpoint_interval: 0 }
      |                                             ^
  = expected 1 to 1M
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 4, tuning: { leaders_per_round: 5 } }")],
"error: x.yaml:4:53: ledger.tuning.leaders_per_round: 5 leaders a round of 4 replicas
    4 | ledger: { replicas: 4, tuning: { leaders_per_round: 5 } }
      |                                                     ^
  = expected 1 to 4: a replica leads at most once a round
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 4, tuning: { leaders_per_round: 0, leader_timeout: 0s, min_round_interval: 2h, gc_depth: 1 } }")],
"error: x.yaml:4:53: ledger.tuning.leaders_per_round: `0` is too small
    4 | ledger: { replicas: 4, tuning: { leaders_per_round: 0, leader_timeout: 0s, min_round_interval: 2h, gc_depth: 1 } }
      |                                                     ^
  = expected 1 to the number of replicas
error: x.yaml:4:72: ledger.tuning.leader_timeout: `0s` is too small
    4 | ledger: { replicas: 4, tuning: { leaders_per_round: 0, leader_timeout: 0s, min_round_interval: 2h, gc_depth: 1 } }
      |                                                                        ^^
  = expected 1us to 1h
error: x.yaml:4:96: ledger.tuning.min_round_interval: `2h` is too large
    4 | ledger: { replicas: 4, tuning: { leaders_per_round: 0, leader_timeout: 0s, min_round_interval: 2h, gc_depth: 1 } }
      |                                                                                                ^^
  = expected 1us to 1h
error: x.yaml:4:110: ledger.tuning.gc_depth: `1` is too small
    4 | ledger: { replicas: 4, tuning: { leaders_per_round: 0, leader_timeout: 0s, min_round_interval: 2h, gc_depth: 1 } }
      |                                                                                                              ^
  = expected 10 to 1M
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 4, tuning: { block_bytes_max: 1KiB, mempool_bytes_max: 100KiB } }")],
"error: x.yaml:4:51: ledger.tuning.block_bytes_max: `1KiB` is too small
    4 | ledger: { replicas: 4, tuning: { block_bytes_max: 1KiB, mempool_bytes_max: 100KiB } }
      |                                                   ^^^^
  = expected 4KiB to 64MiB
error: x.yaml:4:76: ledger.tuning.mempool_bytes_max: the mempool is smaller than one block
    4 | ledger: { replicas: 4, tuning: { block_bytes_max: 1KiB, mempool_bytes_max: 100KiB } }
      |                                                                            ^^^^^^
  = expected at least `block_bytes_max`, 524288 bytes
",
        ),
        (
            &[("ledger: { replicas: 10 }", "ledger: { replicas: 4, tuning: { leader_timout: 1s } }")],
"error: x.yaml:4:34: ledger.tuning.leader_timout: unknown key `leader_timout`
    4 | ledger: { replicas: 4, tuning: { leader_timout: 1s } }
      |                                  ^^^^^^^^^^^^^
  = did you mean `leader_timeout`?
",
        ),
    ]);
}

#[test]
fn hosts() {
    check(&[
        (
            &[("duration: 60s", "duration: 60s
host: reference-8cores")],
"error: x.yaml:4:7: host: `reference-8cores` is not known here
    4 | host: reference-8cores
      |       ^^^^^^^^^^^^^^^^
  = did you mean `reference-8core`?
  = expected `reference-8core`, `reference-2core`, `gateway-2core` or `ideal`
",
        ),
        (
            &[("duration: 60s", "duration: 60s
host: fast")],
"error: x.yaml:4:7: host: `fast` is not known here
    4 | host: fast
      |       ^^^^
  = expected `reference-8core`, `reference-2core`, `gateway-2core` or `ideal`
",
        ),
        (
            &[("duration: 60s", "duration: 60s
host: { cores: 0, costs: { verify: 32, hash: 600ns }, disk: { sync: 11s, bandwidth: 1GB }, bandwidth: 10Gbps }")],
"error: x.yaml:4:16: host.cores: `0` is too small
    4 | host: { cores: 0, costs: { verify: 32, hash: 600ns }, disk: { sync: 11s, bandwidth: 1GB }, bandwidth: 10Gbps }
      |                ^
  = expected 1 to 1024
error: x.yaml:4:36: host.costs.verify: `32` has no unit
    4 | host: { cores: 0, costs: { verify: 32, hash: 600ns }, disk: { sync: 11s, bandwidth: 1GB }, bandwidth: 10Gbps }
      |                                    ^^
  = expected a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
error: x.yaml:4:40: host.costs.hash: unknown key `hash`
    4 | host: { cores: 0, costs: { verify: 32, hash: 600ns }, disk: { sync: 11s, bandwidth: 1GB }, bandwidth: 10Gbps }
      |                                        ^^^^
  = the keys here are message, datagram, handshake, verify, verify_batched, sign, hash_per_kib, seal_per_kib, wrap, execute
error: x.yaml:4:69: host.disk.sync: `11s` is too large
    4 | host: { cores: 0, costs: { verify: 32, hash: 600ns }, disk: { sync: 11s, bandwidth: 1GB }, bandwidth: 10Gbps }
      |                                                                     ^^^
  = expected 0ns to 10s
error: x.yaml:4:85: host.disk.bandwidth: `1GB` is not per second
    4 | host: { cores: 0, costs: { verify: 32, hash: 600ns }, disk: { sync: 11s, bandwidth: 1GB }, bandwidth: 10Gbps }
      |                                                                                     ^^^
  = expected bytes a second, as in `1GB/s`
error: x.yaml:4:103: host.bandwidth: `10Gbps` is not bits a second
    4 | host: { cores: 0, costs: { verify: 32, hash: 600ns }, disk: { sync: 11s, bandwidth: 1GB }, bandwidth: 10Gbps }
      |                                                                                                       ^^^^^^
  = expected bits a second: a number and bit/s, kbit/s, Mbit/s, Gbit/s or Tbit/s, as in `10Gbit/s`
",
        ),
        (
            &[("duration: 60s", "duration: 60s
gateway_host: { profile: gateway }")],
"error: x.yaml:4:26: gateway_host.profile: `gateway` is not known here
    4 | gateway_host: { profile: gateway }
      |                          ^^^^^^^
  = expected `reference-8core`, `reference-2core`, `gateway-2core` or `ideal`
",
        ),
    ]);
}

#[test]
fn network() {
    check(&[
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }
", "")],
"error: x.yaml: network: missing
  = add it, as in `network: { topology: lan }`
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: {}")],
"error: x.yaml:5:1: network.topology: missing
    5 | network: {}
      | ^^^^^^^
  = add it, as in `topology: gulf-5`
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: gulf5 }")],
"error: x.yaml:5:22: network.topology: there is no topology `gulf5`
    5 | network: { topology: gulf5 }
      |                      ^^^^^
  = did you mean `gulf-5`?
  = expected one of {topologies}, or `regions` and `matrix`
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: mine.yaml }")],
"error: x.yaml:5:22: network.topology: there is no topology `mine.yaml`
    5 | network: { topology: mine.yaml }
      |                      ^^^^^^^^^
  = topologies are not read from files in this version: write `regions` and `matrix` here
  = expected one of {topologies}, or `regions` and `matrix`
",
        ),
        (
&[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: lan, transport: tcp }")],
"error: x.yaml:5:38: network.transport: `tcp` is not known here
    5 | network: { topology: lan, transport: tcp }
      |                                      ^^^
  = expected `quic` or `message`
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: lan, congestion_control: bbbr }")],
"error: x.yaml:5:47: network.congestion_control: `bbbr` is not known here
    5 | network: { topology: lan, congestion_control: bbbr }
      |                                               ^^^^
  = did you mean `bbr`?
  = expected `cubic`, `newreno` or `bbr`
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: lan, transport: message, congestion_control: cubic, mtu: 1500B }")],
"error: x.yaml:5:47: network.congestion_control: `congestion_control` belongs to `transport: quic`
    5 | network: { topology: lan, transport: message, congestion_control: cubic, mtu: 1500B }
      |                                               ^^^^^^^^^^^^^^^^^^
  = leave it out, or write `transport: quic`
error: x.yaml:5:74: network.mtu: `mtu` belongs to `transport: quic`
    5 | network: { topology: lan, transport: message, congestion_control: cubic, mtu: 1500B }
      |                                                                          ^^^
  = leave it out, or write `transport: quic`
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: lan, mtu: 900B, queue: 1KiB, duplication: 60%, keep_alive: never, idle_timeout: 0s }")],
"error: x.yaml:5:32: network.mtu: `900B` is too small
    5 | network: { topology: lan, mtu: 900B, queue: 1KiB, duplication: 60%, keep_alive: never, idle_timeout: 0s }
      |                                ^^^^
  = expected 1200B to 65000B
error: x.yaml:5:45: network.queue: `1KiB` is too small
    5 | network: { topology: lan, mtu: 900B, queue: 1KiB, duplication: 60%, keep_alive: never, idle_timeout: 0s }
      |                                             ^^^^
  = expected 1500B to 1TiB
error: x.yaml:5:64: network.duplication: `60%` is too large
    5 | network: { topology: lan, mtu: 900B, queue: 1KiB, duplication: 60%, keep_alive: never, idle_timeout: 0s }
      |                                                                ^^^
  = expected 0 to 50%
error: x.yaml:5:81: network.keep_alive: `never` is not a duration
    5 | network: { topology: lan, mtu: 900B, queue: 1KiB, duplication: 60%, keep_alive: never, idle_timeout: 0s }
      |                                                                                 ^^^^^
  = expected a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
  = or `off`
error: x.yaml:5:102: network.idle_timeout: `0s` is too small
    5 | network: { topology: lan, mtu: 900B, queue: 1KiB, duplication: 60%, keep_alive: never, idle_timeout: 0s }
      |                                                                                                      ^^
  = expected 100ms to 366d
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: lan, transfers: [{ at: 70s, from: 0, to: 10, size: 1GB }, { at: 1s, from: 1, to: 1, size: 1MB }] }")],
"error: x.yaml:5:45: network.transfers[0].at: `70s` is after the end of the run
    5 | network: { topology: lan, transfers: [{ at: 70s, from: 0, to: 10, size: 1GB }, { at: 1s, from: 1, to: 1, size: 1MB }] }
      |                                             ^^^
  = times count from the end of the warm-up; the run ends at `duration`, 1min
error: x.yaml:5:63: network.transfers[0].to: there is no replica 10
    5 | network: { topology: lan, transfers: [{ at: 70s, from: 0, to: 10, size: 1GB }, { at: 1s, from: 1, to: 1, size: 1MB }] }
      |                                                               ^^
  = the replicas are 0 to 9
error: x.yaml:5:73: network.transfers[0].size: `1GB` is too large
    5 | network: { topology: lan, transfers: [{ at: 70s, from: 0, to: 10, size: 1GB }, { at: 1s, from: 1, to: 1, size: 1MB }] }
      |                                                                         ^^^
  = expected 1B to 128MiB
error: x.yaml:5:80: network.transfers[1]: a transfer to oneself
    5 | network: { topology: lan, transfers: [{ at: 70s, from: 0, to: 10, size: 1GB }, { at: 1s, from: 1, to: 1, size: 1MB }] }
      |                                                                                ^
  = `from` and `to` are two replicas
",
        ),
        (
&[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: lan, loss: 30 }")],
"error: x.yaml:5:33: network.loss: `30` is more than the whole (percentages are written `30%`)
    5 | network: { topology: lan, loss: 30 }
      |                                 ^^
  = expected a share from 0 to 1, as in `0.3` or `30%`
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: lan, loss: 60% }")],
"error: x.yaml:5:33: network.loss: `60%` is too large
    5 | network: { topology: lan, loss: 60% }
      |                                 ^^^
  = expected 0 to 50%
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: lan, loss: 1MB }")],
"error: x.yaml:5:33: network.loss: `1MB` is not a share
    5 | network: { topology: lan, loss: 1MB }
      |                                 ^^^
  = expected a share from 0 to 1, as in `0.3` or `30%`
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: { regions: [a, b, a], matrix: [[1ms, 8], [0ms, 1ms, 2ms]] } }")],
"error: x.yaml:5:40: network.topology.regions[2]: the region `a` is there twice
    5 | network: { topology: { regions: [a, b, a], matrix: [[1ms, 8], [0ms, 1ms, 2ms]] } }
      |                                        ^
  = remove one
error: x.yaml:5:52: network.topology.matrix: 2 rows for 3 regions
    5 | network: { topology: { regions: [a, b, a], matrix: [[1ms, 8], [0ms, 1ms, 2ms]] } }
      |                                                    ^
  = `matrix[from][to]` has a one-way delay for every pair of regions
error: x.yaml:5:53: network.topology.matrix[0]: 2 delays for 3 regions
    5 | network: { topology: { regions: [a, b, a], matrix: [[1ms, 8], [0ms, 1ms, 2ms]] } }
      |                                                     ^
  = `matrix[from][to]` has a one-way delay for every pair of regions
error: x.yaml:5:59: network.topology.matrix[0][1]: `8` has no unit
    5 | network: { topology: { regions: [a, b, a], matrix: [[1ms, 8], [0ms, 1ms, 2ms]] } }
      |                                                           ^
  = expected a one-way delay above zero: `8ms`, `50ms..100ms` (uniform) or `8ms + 1ms` (least + mean jitter)
error: x.yaml:5:64: network.topology.matrix[1][0]: `0ms` has no least delay
    5 | network: { topology: { regions: [a, b, a], matrix: [[1ms, 8], [0ms, 1ms, 2ms]] } }
      |                                                                ^^^
  = expected a one-way delay above zero: `8ms`, `50ms..100ms` (uniform) or `8ms + 1ms` (least + mean jitter)
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: { regions: [] } }")],
"error: x.yaml:5:12: network.topology.matrix: missing
    5 | network: { topology: { regions: [] } }
      |            ^^^^^^^^
  = add it, as in `matrix: [[0.2ms, 8ms], [8ms, 0.2ms]]`
error: x.yaml:5:33: network.topology.regions: a topology of 0 regions
    5 | network: { topology: { regions: [] } }
      |                                 ^
  = expected 1 to 256
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: { regions: [a, b], matrix: [[1ms, 8ms]] } }")],
"error: x.yaml:5:49: network.topology.matrix: 1 row for 2 regions
    5 | network: { topology: { regions: [a, b], matrix: [[1ms, 8ms]] } }
      |                                                 ^
  = `matrix[from][to]` has a one-way delay for every pair of regions
",
        ),
        (
            &[("network: { topology: { regions: [north, south], matrix: [[1ms, 8ms], [8ms, 1ms]] } }", "network: { topology: { regions: [a, b], matrix: [[1ms], [8ms, 1ms]] } }")],
"error: x.yaml:5:50: network.topology.matrix[0]: 1 delay for 2 regions
    5 | network: { topology: { regions: [a, b], matrix: [[1ms], [8ms, 1ms]] } }
      |                                                  ^
  = `matrix[from][to]` has a one-way delay for every pair of regions
",
        ),
    ]);
}

#[test]
fn population() {
    check(&[
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }
", "")],
"error: x.yaml: population: missing
  = add it, as in `population: { patients: 10k, hospitals: 8 }`
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { patients: 10k }")],
"error: x.yaml:6:1: population: no institution, so nobody to submit anything
    6 | population: { patients: 10k }
      | ^^^^^^^^^^
  = add some, as in `hospitals: 8`
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { patients: 10k, pharmacies: 4 }")],
"error: x.yaml:6:1: population.hospitals: no hospital, and hospitals keep personal health records
    6 | population: { patients: 10k, pharmacies: 4 }
      | ^^^^^^^^^^
  = add `hospitals: 8`
",
        ),
        (
            &[
                ("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { pharmacies: 4, records_per_patient: 0 }"),
                ("  - personal_health_record: { rate: 400/s }", "  - access_decisions: { rate: 1/s }
  - personal_health_record: { rate: 400/s }"),
            ],
"error: x.yaml:6:1: population.patients: no patients, and access is asked for to patients' records
    6 | population: { pharmacies: 4, records_per_patient: 0 }
      | ^^^^^^^^^^
  = add `patients: 10k`
error: x.yaml:6:1: population.hospitals: no hospital, and what every patient permits is reading in hospitals
    6 | population: { pharmacies: 4, records_per_patient: 0 }
      | ^^^^^^^^^^
  = add `hospitals: 8`
error: x.yaml:6:1: population.records_per_patient: no record exists to ask for access to
    6 | population: { pharmacies: 4, records_per_patient: 0 }
      | ^^^^^^^^^^
  = give each patient at least 1
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { hospitals: 4 }")],
"error: x.yaml:6:1: population.patients: no patients, and personal health records belong to patients
    6 | population: { hospitals: 4 }
      | ^^^^^^^^^^
  = add `patients: 10k`
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { patients: 0, hospitals: 4 }")],
"error: x.yaml:6:25: population.patients: `0` is too small
    6 | population: { patients: 0, hospitals: 4 }
      |                         ^
  = expected 1 to 1 billion
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { patients: 10k, hospitals: 1 }")],
"error: x.yaml:6:1: population.hospitals: one institution has nobody to share with
    6 | population: { patients: 10k, hospitals: 1 }
      | ^^^^^^^^^^
  = add a second institution, or take `share` out of the mix
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { patients: 10k, hospitals: 200k }")],
"error: x.yaml:6:41: population.hospitals: `200k` is too large
    6 | population: { patients: 10k, hospitals: 200k }
      |                                         ^^^^
  = expected 0 to 100k
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { patients: 10k, hospitals: 4, records_per_patient: 0 }"), ("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: { rate: 400/s, mix: { share: 100% } }")],
"error: x.yaml:6:1: population.records_per_patient: no record exists and none is registered
    6 | population: { patients: 10k, hospitals: 4, records_per_patient: 0 }
      | ^^^^^^^^^^
  = give each patient at least 1, or `register` a part of the mix
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { patients: 10k, hospitals: 4.5, placement: by_regoin }")],
"error: x.yaml:6:41: population.hospitals: `4.5` is not a whole number
    6 | population: { patients: 10k, hospitals: 4.5, placement: by_regoin }
      |                                         ^^^
  = expected a whole number, as in `40` or `200k`
error: x.yaml:6:57: population.placement: `by_regoin` is not known here
    6 | population: { patients: 10k, hospitals: 4.5, placement: by_regoin }
      |                                                         ^^^^^^^^^
  = did you mean `by_region`?
  = expected `by_region`
",
        ),
        (
            &[("population: { patients: 10k, hospitals: 4, pharmacies: 2 }", "population: { patients: 10k, hospitls: 4, hospitals: 2 }")],
"error: x.yaml:6:30: population.hospitls: unknown key `hospitls`
    6 | population: { patients: 10k, hospitls: 4, hospitals: 2 }
      |                              ^^^^^^^^
  = did you mean `hospitals`?
",
        ),
    ]);
}

#[test]
fn workloads_and_arrivals() {
    check(&[
        (
            &[("workloads:
  - personal_health_record: { rate: 400/s }
", "")],
"error: x.yaml: workloads: missing
  = add it, as in `workloads: [{ opaque: { rate: 1000/s } }]`
",
        ),
        (
            &[("workloads:
  - personal_health_record: { rate: 400/s }", "workloads: []")],
"error: x.yaml:7:12: workloads: no workload, so nothing happens
    7 | workloads: []
      |            ^
  = expected one workload an item, as in `- opaque: { rate: 1000/s }`
",
        ),
        (
            &[("workloads:
  - personal_health_record: { rate: 400/s }", "workloads: { opaque: { rate: 1/s } }")],
"error: x.yaml:7:12: workloads: a map where a list belongs
    7 | workloads: { opaque: { rate: 1/s } }
      |            ^
  = expected a list, as in `- opaque: { rate: 1000/s }`
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - opaque: { rate: 1000/s }
  - personal_health_record: { rate: 400/s }")],
"error: x.yaml:8:5: workloads[0]: `opaque` beside workloads that are executed
    8 |   - opaque: { rate: 1000/s }
      |     ^
  = opaque bytes switch execution off for the whole run: split this into two scenarios
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_records: { rate: 1/s }")],
"error: x.yaml:8:5: workloads[0].personal_health_records: unknown workload `personal_health_records`
    8 |   - personal_health_records: { rate: 1/s }
      |     ^^^^^^^^^^^^^^^^^^^^^^^
  = did you mean `personal_health_record`?
  = expected `opaque`, `access_decisions`, `personal_health_record`, `clinical_trial`, `drug_supply`, `telemedicine` or `claims`
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - opaque: { rate: 1/s }
    personal_health_record: { rate: 1/s }")],
"error: x.yaml:8:5: workloads[0]: `opaque`, `personal_health_record` together in one item
    8 |   - opaque: { rate: 1/s }
      |     ^
  = expected one workload an item, as in `- opaque: { rate: 1000/s }`
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: {}")],
"error: x.yaml:8:5: workloads[0].personal_health_record.rate: missing
    8 |   - personal_health_record: {}
      |     ^^^^^^^^^^^^^^^^^^^^^^
  = add it, as in `rate: 400/s`
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: { rate: 0/s }")],
"error: x.yaml:8:37: workloads[0].personal_health_record.rate: a rate of zero
    8 |   - personal_health_record: { rate: 0/s }
      |                                     ^^^
  = remove the workload instead
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: { rate: 400 }")],
"error: x.yaml:8:37: workloads[0].personal_health_record.rate: `400` does not say per what time
    8 |   - personal_health_record: { rate: 400 }
      |                                     ^^^
  = expected a rate: a number per s, min, h or day, as in `2000/s`, `10k/s` or `1.2M/day`
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: { rate: 400/fortnight }")],
"error: x.yaml:8:37: workloads[0].personal_health_record.rate: `400/fortnight` is not a rate
    8 |   - personal_health_record: { rate: 400/fortnight }
      |                                     ^^^^^^^^^^^^^
  = expected a rate: a number per s, min, h or day, as in `2000/s`, `10k/s` or `1.2M/day`
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: { rate: 1000M/s }")],
"error: x.yaml:8:37: workloads[0].personal_health_record.rate: the rate is too large
    8 |   - personal_health_record: { rate: 1000M/s }
      |                                     ^^^^^^^
  = expected at most 100M/s
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: { rate: 1/s, mix: { register: 50%, share: 30%, audit: 0.12 } }")],
"error: x.yaml:8:47: workloads[0].personal_health_record.mix: the mix adds up to 92%
    8 |   - personal_health_record: { rate: 1/s, mix: { register: 50%, share: 30%, audit: 0.12 } }
      |                                               ^
  = expected 100%
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: { rate: 1/s, mix: { register: 99%, shares: 1% } }")],
"error: x.yaml:8:64: workloads[0].personal_health_record.mix.shares: unknown key `shares`
    8 |   - personal_health_record: { rate: 1/s, mix: { register: 99%, shares: 1% } }
      |                                                                ^^^^^^
  = did you mean `share`?
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - personal_health_record: { rate: 1/s, zipf: 9 }")],
"error: x.yaml:8:48: workloads[0].personal_health_record.zipf: `9` is too large
    8 |   - personal_health_record: { rate: 1/s, zipf: 9 }
      |                                                ^
  = expected 0 (uniform) to 3
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - opaque: { rate: 1/s, size: 512 }")],
"error: x.yaml:8:32: workloads[0].opaque.size: `512` has no unit
    8 |   - opaque: { rate: 1/s, size: 512 }
      |                                ^^^
  = expected a size: a number and B, kB, MB, GB, KiB, MiB or GiB, as in `4KiB`
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - opaque: { rate: 1/s, size: 1MiB }")],
"error: x.yaml:8:32: workloads[0].opaque.size: `1MiB` is too large
    8 |   - opaque: { rate: 1/s, size: 1MiB }
      |                                ^^^^
  = expected 16B to `ledger.tuning.block_bytes_max`, 524288 bytes
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - access_decisions: { rate: 1/s, bundle: 65 }")],
"error: x.yaml:8:44: workloads[0].access_decisions.bundle: `65` is too large
    8 |   - access_decisions: { rate: 1/s, bundle: 65 }
      |                                            ^^
  = expected 1 (individually signed) to 64, the most actions of a bundle
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - access_decisions: { bundle: 16, mix: {} }")],
"error: x.yaml:8:5: workloads[0].access_decisions.rate: missing
    8 |   - access_decisions: { bundle: 16, mix: {} }
      |     ^^^^^^^^^^^^^^^^
  = add it, as in `rate: 400/s`
error: x.yaml:8:37: workloads[0].access_decisions.mix: unknown key `mix`
    8 |   - access_decisions: { bundle: 16, mix: {} }
      |                                     ^^^
  = the keys here are rate, bundle
",
        ),
        (
            &[("faults: []", "arrivals: burst")],
"error: x.yaml:9:11: arrivals: `burst` needs its figures
    9 | arrivals: burst
      |           ^^^^^
  = as in `arrivals: { burst: { every: 10s, on: 1s, factor: 5 } }`
",
        ),
        (
            &[("faults: []", "arrivals: poison")],
"error: x.yaml:9:11: arrivals: `poison` is not known here
    9 | arrivals: poison
      |           ^^^^^^
  = did you mean `poisson`?
  = expected `poisson` or `constant`
",
        ),
        (
            &[("faults: []", "arrivals: { bursts: {} }")],
"error: x.yaml:9:13: arrivals.bursts: unknown arrivals `bursts`
    9 | arrivals: { bursts: {} }
      |             ^^^^^^
  = did you mean `burst`?
  = expected `poisson`, `constant`, or one of `burst: {…}`, `diurnal: {…}`, `closed: {…}`
",
        ),
        (
            &[("faults: []", "arrivals: { burst: { every: 10s, on: 10s, factor: 1 } }")],
"error: x.yaml:9:20: arrivals.burst: the burst is as long as its cycle
    9 | arrivals: { burst: { every: 10s, on: 10s, factor: 1 } }
      |                    ^
  = expected `on` shorter than `every`
",
        ),
        (
            &[("faults: []", "arrivals: { burst: { every: 10s, on: 3s, factor: 5 } }")],
"error: x.yaml:9:50: arrivals.burst.factor: the burst alone is more than the mean rate of the whole cycle
    9 | arrivals: { burst: { every: 10s, on: 3s, factor: 5 } }
      |                                                  ^
  = expected at most `every` / `on`, 3.333
",
        ),
        (
            &[("faults: []", "arrivals: { diurnal: { day: 60s, peak: 3 } }")],
"error: x.yaml:9:40: arrivals.diurnal.peak: `3` is too large
    9 | arrivals: { diurnal: { day: 60s, peak: 3 } }
      |                                        ^
  = expected 1 to 2
",
        ),
        (
            &[("faults: []", "arrivals: { closed: { clients: 0 } }")],
"error: x.yaml:9:32: arrivals.closed.clients: `0` is too small
    9 | arrivals: { closed: { clients: 0 } }
      |                                ^
  = expected 1 to 10M
",
        ),
    ]);
}

#[test]
fn faults() {
    check(&[
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replicas: [3, 12], for: 1s } }",
            )],
            "error: x.yaml:10:38: faults[0].crash.replicas[1]: replica 12 does not exist
   10 |   - { at: 5s, crash: { replicas: [3, 12], for: 1s } }
      |                                      ^^
  = the ledger has 10 replicas, 0 to 9
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replicas: [3, 4, 3] } }",
            )],
            "error: x.yaml:10:41: faults[0].crash.replicas[2]: replica 3 is there twice
   10 |   - { at: 5s, crash: { replicas: [3, 4, 3] } }
      |                                         ^
  = remove one
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replicas: [] } }",
            )],
            "error: x.yaml:10:34: faults[0].crash.replicas: no replica to crash
   10 |   - { at: 5s, crash: { replicas: [] } }
      |                                  ^
  = name some, as in `[3]`
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 60s, crash: { replicas: [3] } }",
            )],
            "error: x.yaml:10:11: faults[0].at: `60s` is after the end of the run
   10 |   - { at: 60s, crash: { replicas: [3] } }
      |           ^^^
  = times count from the end of the warm-up; the run ends at `duration`, 1min
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replicas: [3], for: 10s } }
  - { at: 14s, crash: { replicas: [2, 3] } }",
            )],
            "error: x.yaml:11:39: faults[1].crash.replicas[1]: replica 3 is already down then
   11 |   - { at: 14s, crash: { replicas: [2, 3] } }
      |                                       ^
  = faults[0] keeps it down from 5s to 15s; a replica stops once at a time
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replicas: [3] } }
  - { at: 50s, crash: { replicas: [3], for: 1s } }",
            )],
            "error: x.yaml:11:36: faults[1].crash.replicas[0]: replica 3 is already down then
   11 |   - { at: 50s, crash: { replicas: [3], for: 1s } }
      |                                    ^
  = faults[0] keeps it down from 5s to the end; a replica stops once at a time
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replicas: 3 } }",
            )],
            "error: x.yaml:10:34: faults[0].crash.replicas: a single value where a list belongs
   10 |   - { at: 5s, crash: { replicas: 3 } }
      |                                  ^
  = expected replicas, as in `[3]`
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replica: [3] } }",
            )],
            "error: x.yaml:10:24: faults[0].crash.replica: unknown key `replica`
   10 |   - { at: 5s, crash: { replica: [3] } }
      |                        ^^^^^^^
  = did you mean `replicas`?
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replicas: [3], for: 0s } }",
            )],
            "error: x.yaml:10:44: faults[0].crash.for: `0s` is too small
   10 |   - { at: 5s, crash: { replicas: [3], for: 0s } }
      |                                            ^^
  = expected 1ns to 366d
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { crash: { replicas: [3] } }",
            )],
            "error: x.yaml:10:5: faults[0].at: missing
   10 |   - { crash: { replicas: [3] } }
      |     ^
  = add it, as in `at: 20s`
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s }",
            )],
            "error: x.yaml:10:5: faults[0]: it does not say what goes wrong
   10 |   - { at: 5s }
      |     ^
  = expected `at` and one of bit_rot, byzantine, churn, clock, crash, disk_full, hostile_gateway, link, one_way, partition, pause, ransomware, region_outage, slow_cpu, slow_disk, stalled_disk
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crash: { replicas: [3] }, partition: { groups: [[0], rest] } }",
            )],
            "error: x.yaml:10:41: faults[0].partition: a second fault in one item
   10 |   - { at: 5s, crash: { replicas: [3] }, partition: { groups: [[0], rest] } }
      |                                         ^^^^^^^^^
  = give each fault its own `- at:`
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, crush: { replicas: [3] } }",
            )],
            "error: x.yaml:10:15: faults[0].crush: unknown key `crush`
   10 |   - { at: 5s, crush: { replicas: [3] } }
      |               ^^^^^
  = did you mean `crash`?
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - byzantine: { replicas: [19], behaviour: equivocate }",
            )],
            "error: x.yaml:10:29: faults[0].byzantine.replicas[0]: replica 19 does not exist
   10 |   - byzantine: { replicas: [19], behaviour: equivocate }
      |                             ^^
  = the ledger has 10 replicas, 0 to 9
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { when: { round: 5 }, byzantine: { replicas: [9], behaviour: silent } }",
            )],
            "error: x.yaml:10:13: faults[0].when: a hostile machine waits for nothing
   10 |   - { when: { round: 5 }, byzantine: { replicas: [9], behaviour: silent } }
      |             ^
  = give it `at`, or leave both out: then it is hostile from the start
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - byzantine: { replicas: [1], behaviour: [silent, equivocat] }
  - byzantine: { replicas: [1], behaviour: silent, victims: [0] }
  - hostile_gateway: { behaviour: flood, rate: 1M/s }",
            )],
            "error: x.yaml:10:53: faults[0].byzantine.behaviour[1]: `equivocat` is not known here
   10 |   - byzantine: { replicas: [1], behaviour: [silent, equivocat] }
      |                                                     ^^^^^^^^^
  = did you mean `equivocate`?
  = expected `silent`, `selective`, `delay`, `equivocate`, `twins`, `corrupt`, `wrong_ancestors`, `withhold`, `replay`, `wrong_results`, `fetch_flood` or `stale_snapshot`
error: x.yaml:11:52: faults[1].byzantine.victims: victims of nobody
   11 |   - byzantine: { replicas: [1], behaviour: silent, victims: [0] }
      |                                                    ^^^^^^^
  = only `selective` has victims: add it to `behaviour`, or leave them out
error: x.yaml:12:5: faults[2].hostile_gateway.gateways: missing
   12 |   - hostile_gateway: { behaviour: flood, rate: 1M/s }
      |     ^^^^^^^^^^^^^^^
  = add it, as in `gateways: [0]`
error: x.yaml:12:48: faults[2].hostile_gateway.rate: `1M/s` is too large
   12 |   - hostile_gateway: { behaviour: flood, rate: 1M/s }
      |                                                ^^^^
  = expected 0.001/s to 10k/s
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, partition: { groups: [[0, 1], [1, 2], rest, rest] } }",
            )],
            "error: x.yaml:10:46: faults[0].partition.groups[1][0]: replica 1 is there twice
   10 |   - { at: 5s, partition: { groups: [[0, 1], [1, 2], rest, rest] } }
      |                                              ^
  = a replica is in exactly one group
error: x.yaml:10:59: faults[0].partition.groups[3]: `rest` is there twice
   10 |   - { at: 5s, partition: { groups: [[0, 1], [1, 2], rest, rest] } }
      |                                                           ^^^^
  = remove one
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, partition: { groups: [[0, 1, 2], [4, 5, 6, 7, 8, 9]] } }",
            )],
            "error: x.yaml:10:36: faults[0].partition.groups: replica 3 is in no group
   10 |   - { at: 5s, partition: { groups: [[0, 1, 2], [4, 5, 6, 7, 8, 9]] } }
      |                                    ^
  = every replica needs a group; `rest` stands for all that are in no other
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, partition: { groups: [[0, 11], rest] } }",
            )],
            "error: x.yaml:10:41: faults[0].partition.groups[0][1]: replica 11 does not exist
   10 |   - { at: 5s, partition: { groups: [[0, 11], rest] } }
      |                                         ^^
  = the ledger has 10 replicas, 0 to 9
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, partition: { groups: [rest] } }",
            )],
            "error: x.yaml:10:36: faults[0].partition.groups: a partition into 1 group
   10 |   - { at: 5s, partition: { groups: [rest] } }
      |                                    ^
  = expected at least 2 groups; `rest` stands for all other replicas
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, partition: { groups: [[], rest] } }",
            )],
            "error: x.yaml:10:37: faults[0].partition.groups[0]: an empty group
   10 |   - { at: 5s, partition: { groups: [[], rest] } }
      |                                     ^
  = remove it, or name its replicas
",
        ),
        (
            &[(
                "faults: []",
                "faults:
  - { at: 5s, partition: { groups: [[0], others] } }",
            )],
            "error: x.yaml:10:42: faults[0].partition.groups[1]: `others` is not a group
   10 |   - { at: 5s, partition: { groups: [[0], others] } }
      |                                          ^^^^^^
  = expected a list of replicas, as in `[0, 1]`, or `rest`
",
        ),
        (
            &[
                ("ledger: { replicas: 10 }", "ledger: { replicas: 2 }"),
                (
                    "faults: []",
                    "faults:
  - { at: 5s, partition: { groups: [[0], [1], rest] } }",
                ),
            ],
            "error: x.yaml:10:47: faults[0].partition.groups[2]: no replica is left for `rest`
   10 |   - { at: 5s, partition: { groups: [[0], [1], rest] } }
      |                                               ^^^^
  = remove it, or shorten another group
",
        ),
        (
            &[("faults: []", "faults: { at: 5s }")],
            "error: x.yaml:9:9: faults: a map where a list belongs
    9 | faults: { at: 5s }
      |         ^
  = expected a list, as in `- at: 20s` with `crash: { replicas: [3], for: 15s }`
",
        ),
    ]);
}

#[test]
fn expectations() {
    check(&[
        (
            &[("expect: [safety]", "expect:
  - share.latency.p98 < 800ms")],
"error: x.yaml:11:5: expect[0]: there is no metric `share.latency.p98`
   11 |   - share.latency.p98 < 800ms
      |     ^^^^^^^^^^^^^^^^^
  = did you mean `share.latency.p90`?
",
        ),
        (
            &[("expect: [safety]", "expect:
  - shares.latency.p99 < 800ms")],
"error: x.yaml:11:5: expect[0]: there is no metric `shares.latency.p99`
   11 |   - shares.latency.p99 < 800ms
      |     ^^^^^^^^^^^^^^^^^^
  = did you mean `share.latency.p99`?
",
        ),
        (
            &[("expect: [safety]", "expect:
  - share.latency < 800ms")],
"error: x.yaml:11:5: expect[0]: there is no metric `share.latency`
   11 |   - share.latency < 800ms
      |     ^^^^^^^^^^^^^
  = did you mean `share.latency.p50`, `share.latency.p90`, `share.latency.p99`, `share.latency.p999`, `share.latency.mean` or `share.latency.max`?
",
        ),
        (
            &[("expect: [safety]", "expect:
  - throughput > 5/s")],
"error: x.yaml:11:5: expect[0]: there is no metric `throughput`
   11 |   - throughput > 5/s
      |     ^^^^^^^^^^
  = `amanah metrics` lists them
",
        ),
        (
            &[("expect: [safety]", "expect:
  - share.latency.p99 800ms")],
"error: x.yaml:11:5: expect[0]: `share.latency.p99 800ms` has no comparison
   11 |   - share.latency.p99 800ms
      |     ^^^^^^^^^^^^^^^^^^^^^^^
  = expected `metric operator value`, as in `share.latency.p99 < 800ms`, or `safety`, or `liveness`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - safty")],
"error: x.yaml:11:5: expect[0]: `safty` is not an expectation
   11 |   - safty
      |     ^^^^^
  = did you mean `safety`?
  = expected `metric operator value`, as in `share.latency.p99 < 800ms`, or `safety`, or `liveness`
",
        ),
        (
            &[("expect: [safety]", r#"expect:
  - "share.latency.p99 = 800ms""#)],
r#"error: x.yaml:11:24: expect[0]: `=` is not a comparison
   11 |   - "share.latency.p99 = 800ms"
      |                        ^
  = did you mean `==`?
  = expected `<=`, `>=`, `==`, `<` or `>`
"#,
        ),
        (
            &[("expect: [safety]", "expect:
  - share.latency.p99 != 800ms")],
"error: x.yaml:11:23: expect[0]: `!=` is not a comparison
   11 |   - share.latency.p99 != 800ms
      |                       ^^
  = expected `<=`, `>=`, `==`, `<` or `>`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - share.latency.p99 < 800")],
"error: x.yaml:11:25: expect[0]: `800` has no unit
   11 |   - share.latency.p99 < 800
      |                         ^^^
  = share.latency.p99 expects a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - share.latency.p99 < 800MB")],
"error: x.yaml:11:25: expect[0]: `800MB` is not a duration
   11 |   - share.latency.p99 < 800MB
      |                         ^^^^^
  = share.latency.p99 expects a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - transactions.committed.rate > 500")],
"error: x.yaml:11:35: expect[0]: `500` does not say per what time
   11 |   - transactions.committed.rate > 500
      |                                   ^^^
  = transactions.committed.rate expects a rate: a number per s, min, h or day, as in `2000/s`, `10k/s` or `1.2M/day`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - shares.refused_wrongly == 0%")],
"error: x.yaml:11:31: expect[0]: `0%` is not a whole number
   11 |   - shares.refused_wrongly == 0%
      |                               ^^
  = shares.refused_wrongly expects a whole number, as in `40` or `200k`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - replica.memory.max < 4")],
"error: x.yaml:11:26: expect[0]: `4` has no unit
   11 |   - replica.memory.max < 4
      |                          ^
  = replica.memory.max expects a size: a number and B, kB, MB, GB, KiB, MiB or GiB, as in `4KiB`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - replica.cpu.utilisation < 80")],
"error: x.yaml:11:31: expect[0]: `80` is more than the whole (percentages are written `80%`)
   11 |   - replica.cpu.utilisation < 80
      |                               ^^
  = replica.cpu.utilisation expects a share from 0 to 1, as in `0.3` or `30%`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - share.latency.p99 <")],
"error: x.yaml:11:24: expect[0]: there is no value to compare with
   11 |   - share.latency.p99 <
      |                        ^
  = share.latency.p99 expects a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - recovery.time < 3s")],
"error: x.yaml:11:5: expect[0]: this run never measures `recovery.time`
   11 |   - recovery.time < 3s
      |     ^^^^^^^^^^^^^^^^^^
  = it needs a fault that heals: give one under `faults`, with `for`
",
        ),
        (
            &[("faults: []", "faults:
  - { at: 5s, crash: { replicas: [12], for: 1 } }"), ("expect: [safety]", "expect:
  - recovery.time < 3s")],
"error: x.yaml:10:35: faults[0].crash.replicas[0]: replica 12 does not exist
   10 |   - { at: 5s, crash: { replicas: [12], for: 1 } }
      |                                   ^^
  = the ledger has 10 replicas, 0 to 9
error: x.yaml:10:45: faults[0].crash.for: `1` has no unit
   10 |   - { at: 5s, crash: { replicas: [12], for: 1 } }
      |                                             ^
  = expected a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - opaque: { rate: 1/s }"), ("expect: [safety]", "expect:
  - share.latency.p99 < 1s")],
"error: x.yaml:11:5: expect[0]: this run never measures `share.latency.p99`
   11 |   - share.latency.p99 < 1s
      |     ^^^^^^^^^^^^^^^^^^^^^^
  = opaque bytes are ordered and not executed: nothing is shared, consented or audited
",
        ),
        (
            &[("expect: [safety]", "expect: safety")],
"error: x.yaml:10:9: expect: a single value where a list belongs
   10 | expect: safety
      |         ^^^^^^
  = expected a list, as in `- share.latency.p99 < 800ms`
",
        ),
        (
            &[("expect: [safety]", "expect:
  - { safety: yes }")],
"error: x.yaml:11:5: expect[0]: a map where a single value belongs
   11 |   - { safety: yes }
      |     ^
  = expected an expectation, as in `share.latency.p99 < 800ms`
",
        ),
    ]);
}

#[test]
fn clinical_trials() {
    check(&[
        (
            &[("hospitals: 4, pharmacies: 2", "hospitals: 4, sponsors: 1, ethics_boards: 1, research_institutes: 1"), ("  - personal_health_record: { rate: 400/s }", "  - clinical_trial: { rate: 1/s, tamperin: 1% }")],
"error: x.yaml:8:34: workloads[0].clinical_trial.tamperin: unknown key `tamperin`
    8 |   - clinical_trial: { rate: 1/s, tamperin: 1% }
      |                                  ^^^^^^^^
  = did you mean `tampering`?
",
        ),
        (
            &[("  - personal_health_record: { rate: 400/s }", "  - clinical_trial: { rate: 1/s, sites: 65, visits: 0, visit_interval: 25h, late_data: 101%, tampering: 0.00001% }")],
"error: x.yaml:8:41: workloads[0].clinical_trial.sites: `65` is too large
    8 |   - clinical_trial: { rate: 1/s, sites: 65, visits: 0, visit_interval: 25h, late_data: 101%, tampering: 0.00001% }
      |                                         ^^
  = expected 1 to 64, the most actions of a bundle
error: x.yaml:8:53: workloads[0].clinical_trial.visits: `0` is too small
    8 |   - clinical_trial: { rate: 1/s, sites: 65, visits: 0, visit_interval: 25h, late_data: 101%, tampering: 0.00001% }
      |                                                     ^
  = expected 1 to 1000
error: x.yaml:8:72: workloads[0].clinical_trial.visit_interval: `25h` is too large
    8 |   - clinical_trial: { rate: 1/s, sites: 65, visits: 0, visit_interval: 25h, late_data: 101%, tampering: 0.00001% }
      |                                                                        ^^^
  = expected 0s to 24h
error: x.yaml:8:88: workloads[0].clinical_trial.late_data: `101%` is more than the whole
    8 |   - clinical_trial: { rate: 1/s, sites: 65, visits: 0, visit_interval: 25h, late_data: 101%, tampering: 0.00001% }
      |                                                                                        ^^^^
  = expected a share from 0 to 1, as in `0.3` or `30%`
error: x.yaml:8:105: workloads[0].clinical_trial.tampering: finer than one in a million
    8 |   - clinical_trial: { rate: 1/s, sites: 65, visits: 0, visit_interval: 25h, late_data: 101%, tampering: 0.00001% }
      |                                                                                                         ^^^^^^^^
  = expected at most 4 decimals of a percentage
",
        ),
        (
            &[("patients: 10k", "patients: 20"), ("  - personal_health_record: { rate: 400/s }", "  - clinical_trial: { rate: 1/s, sites: 5, subjects: 20 }")],
"error: x.yaml:6:1: population.sponsors: no sponsor, and sponsors register trials
    6 | population: { patients: 20, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `sponsors: 2`
error: x.yaml:6:1: population.ethics_boards: no ethics board, and ethics boards approve trials
    6 | population: { patients: 20, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `ethics_boards: 1`
error: x.yaml:6:1: population.research_institutes: no research institute, and research institutes read the data of trials
    6 | population: { patients: 20, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `research_institutes: 1`
error: x.yaml:6:1: population.hospitals: fewer hospitals than a trial has sites
    6 | population: { patients: 20, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add hospitals, or lower the workload's `sites`
error: x.yaml:6:1: population.patients: too few patients for the subjects of a trial and one more
    6 | population: { patients: 20, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add patients, or lower the workload's `subjects`
",
        ),
    ]);
}

#[test]
fn overrides() {
    refused(
        &edited(&[]),
        &["ledger.replicas=0"],
        "error: --set: ledger.replicas: `0` is too small
      | ledger.replicas=0
      |                 ^
  = expected 1 to 400
",
    );
    refused(
        &edited(&[]),
        &["ledger.replica=5"],
        "error: --set: ledger.replica: unknown key `replica`
      | ledger.replica=5
      | ^^^^^^^^^^^^^^
  = did you mean `replicas`?
",
    );
    refused(
        &edited(&[]),
        &["faults[0].at=5s"],
        "error: --set: faults[0].at: there is no item 0; the list has 0, counted from 0
      | faults[0].at=5s
      | ^^^^^^^^^^^^
  = an override sets a key of a map or replaces an item of a list
",
    );
    refused(
        &edited(&[]),
        &["duration.x=5s"],
        "error: --set: duration.x: there is a single value where `x` would be a key
      | duration.x=5s
      | ^^^^^^^^^^
  = an override sets a key of a map or replaces an item of a list
",
    );
    refused(
        &edited(&[]),
        &["duration"],
        "error: --set: `duration` has no `=`
      | duration
      | ^^^^^^^^
  = write `--set key=value`, as in `--set ledger.replicas=7`
",
    );
    refused(
        &edited(&[]),
        &["=5"],
        "error: --set: `` is not a key path
      | =5
      | ^
  = keys are joined with dots and list items counted from 0, as in `faults[0].crash.for`
",
    );
    refused(
        &edited(&[]),
        &["a..b=5"],
        "error: --set: `a..b` is not a key path
      | a..b=5
      | ^^^^
  = keys are joined with dots and list items counted from 0, as in `faults[0].crash.for`
",
    );
    refused(
        &edited(&[]),
        &["duration="],
        "error: --set: duration: there is no value after the `=`
      | duration=
      | ^^^^^^^^^
  = to remove a key, edit the file
",
    );
    refused(
        &edited(&[]),
        &["duration=[5"],
        "error: --set: not YAML: while parsing a flow sequence, expected ',' or ']'
      | duration=[5
      |            ^
",
    );
    refused(
        &edited(&[]),
        &["expect=[safety, livenes]"],
        "error: --set: expect[1]: `livenes` is not an expectation
      | expect=[safety, livenes]
      |                 ^^^^^^^
  = did you mean `liveness`?
  = expected `metric operator value`, as in `share.latency.p99 < 800ms`, or `safety`, or `liveness`
",
    );
    refused(
        &edited(&[]),
        &["network.loss=x", "name=UP"],
        "error: --set: network.loss: `x` is not a share
      | network.loss=x
      |              ^
  = expected a share from 0 to 1, as in `0.3` or `30%`
error: --set: name: `UP` is not a name
      | name=UP
      |      ^^
  = expected at most 64 of a to z, 0 to 9 and `-`: it names the result directory
",
    );
}

#[test]
fn medicines() {
    const PEOPLE: (&str, &str) =
        ("hospitals: 4, pharmacies: 2 }", "manufacturers: 1, wholesalers: 1, pharmacies: 2 }");
    const RECORDS: &str = "personal_health_record: { rate: 400/s }";
    check(&[
        (
            &[PEOPLE, (RECORDS, "drug_supply: { rate: 9/s, packs_per_case: 0, counterfeit: 2 }")],
            "error: x.yaml:8:47: workloads[0].drug_supply.packs_per_case: `0` is too small
    8 |   - drug_supply: { rate: 9/s, packs_per_case: 0, counterfeit: 2 }
      |                                               ^
  = expected 1 to 192
error: x.yaml:8:63: workloads[0].drug_supply.counterfeit: `2` is more than the whole (percentages are written `2%`)
    8 |   - drug_supply: { rate: 9/s, packs_per_case: 0, counterfeit: 2 }
      |                                                               ^
  = expected a share from 0 to 1, as in `0.3` or `30%`
",
        ),
        (
            &[PEOPLE, (RECORDS, "drug_supply: { rate: 9/s, packs_per_case: 100, cases_per_pallet: 5 }")],
            "error: x.yaml:8:18: workloads[0].drug_supply: a pallet of 500 packs does not fit into a transaction
    8 |   - drug_supply: { rate: 9/s, packs_per_case: 100, cases_per_pallet: 5 }
      |                  ^
  = expected `packs_per_case` × `cases_per_pallet` of at most 384
",
        ),
        (
            &[PEOPLE, (RECORDS, "drug_supply: { rate: 9/s, clone: 30%, diversion: 21% }")],
            "error: x.yaml:8:18: workloads[0].drug_supply: more than half of all operations are wrong on purpose
    8 |   - drug_supply: { rate: 9/s, clone: 30%, diversion: 21% }
      |                  ^
  = expected `counterfeit`, `clone`, `mislabelled` and `diversion` of at most 50% together
",
        ),
        (
            &[PEOPLE, (RECORDS, "drug_supply: { rate: 9/s, ring: { region: nord, at: 1s, share: 5% } }")],
            "error: x.yaml:8:31: workloads[0].drug_supply.ring.for: missing
    8 |   - drug_supply: { rate: 9/s, ring: { region: nord, at: 1s, share: 5% } }
      |                               ^^^^
  = add it, as in `for: 20s`
error: x.yaml:8:47: workloads[0].drug_supply.ring.region: `nord` is not a region of the topology
    8 |   - drug_supply: { rate: 9/s, ring: { region: nord, at: 1s, share: 5% } }
      |                                               ^^^^
  = expected `north` or `south`
",
        ),
        (
            &[(RECORDS, "drug_supply: { rate: 9/s }")],
            "error: x.yaml:6:1: population.manufacturers: no manufacturer, and manufacturers commission packs
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `manufacturers: 2`
error: x.yaml:6:1: population.wholesalers: no wholesaler, and packs reach pharmacies by wholesalers
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `wholesalers: 4`
",
        ),
    ]);
}
