//! What is said of ransomware, and of what emergencies are judged by.

use super::{edited, refused};

#[track_caller]
fn check(edits: &[(&str, &str)], expected: &str) {
    refused(&edited(edits), &[], expected);
}

#[track_caller]
fn check_fault(fault: &str, expected: &str) {
    check(&[("faults: []", &format!("faults:\n  - {{ at: 5s, {fault} }}"))], expected);
}

#[test]
#[rustfmt::skip]
fn ransomware_strikes_hospitals_that_there_are() {
    check_fault(
        "ransomware: { hospitals: [], for: 10s }",
"error: x.yaml:10:40: faults[0].ransomware.hospitals: no hospital to strike
   10 |   - { at: 5s, ransomware: { hospitals: [], for: 10s } }
      |                                        ^
  = name some, as in `[0]`
",
    );
    check_fault(
        "ransomware: { hospitals: [0, 4, 0], for: 10s }",
"error: x.yaml:10:44: faults[0].ransomware.hospitals[1]: hospital 4 does not exist
   10 |   - { at: 5s, ransomware: { hospitals: [0, 4, 0], for: 10s } }
      |                                            ^
  = the population has 4, 0 to 3
error: x.yaml:10:47: faults[0].ransomware.hospitals[2]: hospital 0 is there twice
   10 |   - { at: 5s, ransomware: { hospitals: [0, 4, 0], for: 10s } }
      |                                               ^
  = remove one
",
    );
    check_fault(
        "ransomware: { hospitals: [0], for: 0s }",
"error: x.yaml:10:50: faults[0].ransomware.for: `0s` is too small
   10 |   - { at: 5s, ransomware: { hospitals: [0], for: 0s } }
      |                                                  ^^
  = expected 1ns to 366d
",
    );
    check_fault(
        "ransomware: { for: 10s }",
"error: x.yaml:10:15: faults[0].ransomware.hospitals: missing
   10 |   - { at: 5s, ransomware: { for: 10s } }
      |               ^^^^^^^^^^
  = add it, as in `hospitals: [0]`
",
    );
    check_fault(
        "ransomware: [0]",
"error: x.yaml:10:27: faults[0].ransomware: a list where a map belongs
   10 |   - { at: 5s, ransomware: [0] }
      |                           ^
  = expected a map, as in `ransomware: { hospitals: [0], for: 15s }`
",
    );
    check_fault(
        "ransomware: { hospitals: [0], pharmacies: [1], for: 10s }",
"error: x.yaml:10:45: faults[0].ransomware.pharmacies: unknown key `pharmacies`
   10 |   - { at: 5s, ransomware: { hospitals: [0], pharmacies: [1], for: 10s } }
      |                                             ^^^^^^^^^^
  = the keys here are hospitals, for
",
    );
    check_fault(
        "ransomware: { hospitals: [first], for: 10s }",
"error: x.yaml:10:41: faults[0].ransomware.hospitals[0]: `first` is not a whole number
   10 |   - { at: 5s, ransomware: { hospitals: [first], for: 10s } }
      |                                         ^^^^^
  = expected a whole number, as in `7`
",
    );
}

#[test]
#[rustfmt::skip]
fn policies_are_windows() {
    let policy = |policy: &str| format!("ledger: {{ replicas: 10, policy: {policy} }}");
    check(
        &[("ledger: { replicas: 10 }", &policy("{ review_window: 0s, permit_window: 9000h }"))],
"error: x.yaml:4:50: ledger.policy.review_window: `0s` is too small
    4 | ledger: { replicas: 10, policy: { review_window: 0s, permit_window: 9000h } }
      |                                                  ^^
  = expected 1ms to 8784h
error: x.yaml:4:69: ledger.policy.permit_window: `9000h` is too large
    4 | ledger: { replicas: 10, policy: { review_window: 0s, permit_window: 9000h } }
      |                                                                     ^^^^^
  = expected 1ms to 8784h
",
    );
    check(
        &[("ledger: { replicas: 10 }", &policy("{ reviews_window: 72h }"))],
"error: x.yaml:4:35: ledger.policy.reviews_window: unknown key `reviews_window`
    4 | ledger: { replicas: 10, policy: { reviews_window: 72h } }
      |                                   ^^^^^^^^^^^^^^
  = did you mean `review_window`?
",
    );
    check(
        &[("ledger: { replicas: 10 }", &policy("72h"))],
"error: x.yaml:4:33: ledger.policy: a single value where a map belongs
    4 | ledger: { replicas: 10, policy: 72h }
      |                                 ^^^
  = expected a map, as in `policy: { review_window: 72h }`
",
    );
}

#[test]
#[rustfmt::skip]
fn emergencies_left_unreviewed_are_a_share() {
    let base = "  - personal_health_record: { rate: 400/s }";
    check(
        &[(base, "  - personal_health_record: { rate: 400/s, unreviewed: 120% }")],
"error: x.yaml:8:56: workloads[0].personal_health_record.unreviewed: `120%` is more than the whole
    8 |   - personal_health_record: { rate: 400/s, unreviewed: 120% }
      |                                                        ^^^^
  = expected a share from 0 to 1, as in `0.3` or `30%`
",
    );
    check(
        &[(base, "  - personal_health_record: { rate: 400/s, unreviewed: -1 }")],
"error: x.yaml:8:56: workloads[0].personal_health_record.unreviewed: `-1` is not a share
    8 |   - personal_health_record: { rate: 400/s, unreviewed: -1 }
      |                                                        ^^
  = expected a share from 0 to 1, as in `0.3` or `30%`
",
    );
    check(
        &[(base, "  - personal_health_record: { rate: 400/s, unreviewed: few }")],
"error: x.yaml:8:56: workloads[0].personal_health_record.unreviewed: `few` is not a share
    8 |   - personal_health_record: { rate: 400/s, unreviewed: few }
      |                                                        ^^^
  = expected a share from 0 to 1, as in `0.3` or `30%`
",
    );
}
