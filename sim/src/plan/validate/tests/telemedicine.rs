//! What is said of telemedicine and claims.

use super::{edited, refused};

const BASE: &str = "  - personal_health_record: { rate: 400/s }";

#[track_caller]
fn check(workload: &str, expected: &str) {
    refused(&edited(&[(BASE, workload)]), &[], expected);
}

#[test]
fn batches_sampling_and_shares_have_bounds() {
    check("  - telemedicine: { rate: 10/s, batch: 90s, sampling_max: 500, batches: 0 }", "");
    check("  - telemedicine: { rate: 10/s, vitals_gap: 60%, spoofed_device: 50% }", "");
    check("  - telemedicine: { rate: 10/s, vital_gap: 1% }", "");
    check("  - claims: { rate: 10/s, duplicate: 2 }", "");
    check("  - claims: { rate: 10/s, duplicate: 70%, no_encounter: 70% }", "");
}

#[test]
fn who_is_missing_is_said() {
    check("  - telemedicine: { rate: 10/s }", "");
    check("  - claims: { rate: 10/s }", "");
}
