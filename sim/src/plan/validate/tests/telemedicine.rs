//! What is said of telemedicine and claims.

use super::{edited, refused};

const BASE: &str = "  - personal_health_record: { rate: 400/s }";

#[track_caller]
fn check(workload: &str, expected: &str) {
    refused(&edited(&[(BASE, workload)]), &[], expected);
}

#[test]
#[rustfmt::skip]
fn batches_sampling_and_shares_have_bounds() {
    check(
        "  - telemedicine: { rate: 10/s, batch: 90s, batches: 0, sampling_max: 500 }",
"error: x.yaml:8:40: workloads[0].telemedicine.batch: `90s` is too large
    8 |   - telemedicine: { rate: 10/s, batch: 90s, batches: 0, sampling_max: 500 }
      |                                        ^^^
  = expected 1s to 60s
error: x.yaml:8:54: workloads[0].telemedicine.batches: `0` is too small
    8 |   - telemedicine: { rate: 10/s, batch: 90s, batches: 0, sampling_max: 500 }
      |                                                      ^
  = expected 1 to 1000
error: x.yaml:8:71: workloads[0].telemedicine.sampling_max: `500` is too large
    8 |   - telemedicine: { rate: 10/s, batch: 90s, batches: 0, sampling_max: 500 }
      |                                                                       ^^^
  = expected 1 to 250 (readings a second)
",
    );
    check(
        "  - telemedicine: { rate: 10/s, vitals_gap: 60%, spoofed_device: 50% }",
"error: x.yaml:8:19: workloads[0].telemedicine: the kinds of wrong-doing add up to more than all sessions
    8 |   - telemedicine: { rate: 10/s, vitals_gap: 60%, spoofed_device: 50% }
      |                   ^
  = a session sees at most one kind: expected at most 100% together
",
    );
    check(
        "  - telemedicine: { rate: 10/s, vital_gap: 1% }",
"error: x.yaml:6:1: population.model_owners: no model owner, and triage takes a registered model
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `model_owners: 1`
error: x.yaml:6:1: population.devices: fewer than two devices for each hospital, and devices measure vitals
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `devices: 400`, at least twice the number of hospitals
error: x.yaml:8:33: workloads[0].telemedicine.vital_gap: unknown key `vital_gap`
    8 |   - telemedicine: { rate: 10/s, vital_gap: 1% }
      |                                 ^^^^^^^^^
  = did you mean `vitals_gap`?
",
    );
    check(
        "  - claims: { rate: 10/s, duplicate: 70%, no_encounter: 70% }",
"error: x.yaml:8:13: workloads[0].claims: the kinds of wrong-doing add up to more than all encounters
    8 |   - claims: { rate: 10/s, duplicate: 70%, no_encounter: 70% }
      |             ^
  = an encounter sees at most one kind: expected at most 100% together
",
    );
}

#[test]
#[rustfmt::skip]
fn who_is_missing_is_said() {
    check(
        "  - telemedicine: { rate: 10/s }",
"error: x.yaml:6:1: population.model_owners: no model owner, and triage takes a registered model
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `model_owners: 1`
error: x.yaml:6:1: population.devices: fewer than two devices for each hospital, and devices measure vitals
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `devices: 400`, at least twice the number of hospitals
",
    );
    check(
        "  - claims: { rate: 10/s }",
"error: x.yaml:6:1: population.insurers: no insurer, and insurers adjudicate claims
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `insurers: 2`
",
    );
}

#[test]
#[rustfmt::skip]
fn devices_are_one_workloads_alone() {
    check(
        "  - telemedicine: { rate: 10/s }\n  - telemedicine: { rate: 20/s }",
"error: x.yaml:6:1: population.model_owners: no model owner, and triage takes a registered model
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `model_owners: 1`
error: x.yaml:6:1: population.devices: fewer than two devices for each hospital, and devices measure vitals
    6 | population: { patients: 10k, hospitals: 4, pharmacies: 2 }
      | ^^^^^^^^^^
  = add `devices: 400`, at least twice the number of hospitals
error: x.yaml:9:5: workloads[1]: a second `telemedicine`, and devices are one workload's alone
    9 |   - telemedicine: { rate: 20/s }
      |     ^
  = raise the rate of the first
",
    );
}
