//! What is said of mistakes in faults of disks, and of crashes that have to do with them.

use super::{edited, refused, valid};
use crate::plan::{DiskLoss, FaultKind, PersistPoint, Side};

#[track_caller]
fn check(fault: &str, expected: &str) {
    refused(&edited(&[("faults: []", &format!("faults:\n  - {{ at: 5s, {fault} }}"))]), &[], expected);
}

#[test]
fn what_is_left_out_is_as_ever() {
    let kind = |fault: &str| {
        let faults = format!("faults: [{{ at: 5s, {fault} }}]");
        valid(&[("faults: []", &faults)]).faults.remove(0).kind
    };
    let crash = |disk, persist| FaultKind::Crash { replicas: vec![3], disk, persist };
    assert_eq!(kind("crash: { replicas: [3] }"), crash(DiskLoss::Lost, None));
    assert_eq!(kind("crash: { replicas: [3], disk: torn }"), crash(DiskLoss::Torn, None));
    let point = PersistPoint { side: Side::After, skip: 0, times: 1 };
    assert_eq!(kind("crash: { replicas: [3], persist: after }"), crash(DiskLoss::Lost, Some(point)));
    let point = PersistPoint { side: Side::Before, skip: 2, times: 5 };
    let fault = "crash: { replicas: [3], disk: kept, persist: before, skip: 2, times: 5, for: 1s }";
    assert_eq!(kind(fault), crash(DiskLoss::Kept, Some(point)));
    assert_eq!(kind("bit_rot: { replicas: [1] }"), FaultKind::BitRot { replicas: vec![1], bits: 1 });
}

#[test]
fn mistakes() {
    check(
        "crash: { replicas: [3], disk: tron }",
        "error: x.yaml:10:45: faults[0].crash.disk: `tron` is not known here
   10 |   - { at: 5s, crash: { replicas: [3], disk: tron } }
      |                                             ^^^^
  = did you mean `torn`?
  = expected `kept`, `lost`, `torn` or `wiped`
",
    );
    check(
        "crash: { replicas: [3, 4], persist: before }",
        "error: x.yaml:10:34: faults[0].crash.replicas: each replica has writes of its own
   10 |   - { at: 5s, crash: { replicas: [3, 4], persist: before } }
      |                                  ^
  = with `persist`, name one replica; give each its own item
",
    );
    check(
        "crash: { replicas: [3], persist: after, times: 2 }",
        "error: x.yaml:10:48: faults[0].crash.persist: it dies more than once, and is never started again
   10 |   - { at: 5s, crash: { replicas: [3], persist: after, times: 2 } }
      |                                                ^^^^^
  = say for how long it is down, as in `for: 1s`
",
    );
    check(
        "crash: { replicas: [3], skip: 2, for: 1s }",
        "error: x.yaml:10:45: faults[0].crash.skip: `skip` counts writes
   10 |   - { at: 5s, crash: { replicas: [3], skip: 2, for: 1s } }
      |                                             ^
  = it goes with `persist: before` or `persist: after`
",
    );
    check(
        "bit_rot: { replicas: [3], bits: 0, for: 1s }",
        "error: x.yaml:10:47: faults[0].bit_rot.bits: `0` is too small
   10 |   - { at: 5s, bit_rot: { replicas: [3], bits: 0, for: 1s } }
      |                                               ^
  = expected 1 to 1000000
error: x.yaml:10:55: faults[0].bit_rot.for: bits that have flipped stay so
   10 |   - { at: 5s, bit_rot: { replicas: [3], bits: 0, for: 1s } }
      |                                                       ^^
  = leave it out; a later `crash` of the replica shows what it finds when it starts again
",
    );
    check(
        "stalled_disk: { replicas: [] }",
        "error: x.yaml:10:41: faults[0].stalled_disk.replicas: no replica to stall
   10 |   - { at: 5s, stalled_disk: { replicas: [] } }
      |                                         ^
  = name some, as in `[3]`
",
    );
    check(
        "disk_full: { replicas: [12] }",
        "error: x.yaml:10:39: faults[0].disk_full.replicas[0]: replica 12 does not exist
   10 |   - { at: 5s, disk_full: { replicas: [12] } }
      |                                       ^^
  = the ledger has 10 replicas, 0 to 9
",
    );
}
