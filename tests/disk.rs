//! Disks that lose, tear, stall, fill up and rot, and processes that die at a write: nothing is signed twice, nothing that was
//! acknowledged is lost, and whoever cannot go on says so.

use crate::support::{failures, plan, run};
use ledger_core::block::{Block, BlockRef, Round};
use ledger_core::committee::ReplicaId;
use ledger_core::gateway::End;
use ledger_core::message::Message;
use ledger_core::protocol::ProtocolMessage;
use ledger_core::time::Duration;
use sim::history::Run;
use sim::metrics::Metrics;
use sim::plan::Plan;
use sim::world::{Options, run_tapped};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Four replicas that order opaque bytes under these faults.
fn ordering(seed: u64, duration: &str, faults: &str) -> Plan {
    plan(&format!(
        "# Does the disk keep what it must?
name: disk
seed: {seed}
duration: {duration}
drain: 20s
ledger: {{ replicas: 4, tuning: {{ leader_timeout: 100ms, min_round_interval: 20ms }} }}
network: {{ topology: lan, transport: message }}
workloads:
  - opaque: {{ rate: 100/s, size: 64B }}
faults:
{faults}
"
    ))
}

/// Plays it; nothing may fail.
fn borne(plan: &Plan) -> Run {
    let run = run(plan, &Options::default());
    let failed = failures(&run);
    assert!(failed.is_empty(), "seed {} of {:?}: {failed:?}", plan.seed, plan.faults);
    run
}

fn restarts(run: &Run) -> Vec<u64> {
    run.history.replicas.iter().map(|replica| replica.restarts).collect()
}

/// Plays it, and looks at every block on the wire: no two of one author and round, whoever sends them.
fn without_equivocation(plan: &Plan) -> Run {
    let mut signed: BTreeMap<(ReplicaId, Round), BlockRef> = BTreeMap::new();
    let seen: Rc<RefCell<Vec<bytes::Bytes>>> = Rc::default();
    let blocks = seen.clone();
    let tap = Box::new(move |_, _, bytes: &bytes::Bytes| match Message::decode(bytes) {
        Ok(Message::Block(block)) => blocks.borrow_mut().push(block),
        Ok(Message::Protocol(ProtocolMessage::Blocks(list))) => {
            blocks.borrow_mut().extend(list.iter().map(|block| block.bytes()));
        }
        _ => {}
    });
    let run = run_tapped(plan, &Options::default(), tap).unwrap();
    for bytes in seen.borrow().iter() {
        let block = Block::from_journal(&run.committee, bytes.clone()).unwrap().reference();
        let first = *signed.entry((block.author, block.round)).or_insert(block);
        assert_eq!(first, block, "seed {} of {:?}", plan.seed, plan.faults);
    }
    let failed = failures(&run);
    assert!(failed.is_empty(), "seed {} of {:?}: {failed:?}", plan.seed, plan.faults);
    run
}

/// Replica 0 dies at one of its writes after the other, just before it or when it is done: 200 times with a disk that keeps
/// all, which is where a block that was not written is most easily signed again, and fewer with others.
#[test]
fn a_replica_dies_at_every_write_and_signs_nothing_twice() {
    for (disk, seed, times) in [("kept", 2, 100), ("lost", 1, 30), ("torn", 3, 30)] {
        let crash = |side, skip| {
            format!(
                "  - {{ at: 0s, crash: {{ replicas: [0], disk: {disk}, persist: {side}, skip: {skip}, times: {times}, for: 5ms }} }}"
            )
        };
        let duration = format!("{}ms", 30 * times);
        let mut plan = ordering(seed, &duration, &format!("{}\n{}", crash("before", 2), crash("after", 1)));
        plan.ledger.min_round_interval = Duration::from_millis(5);
        let run = without_equivocation(&plan);
        assert_eq!(restarts(&run), [2 * times, 0, 0, 0], "{disk}");
        assert!(run.history.replicas[0].status.protocol.round > Round(2 * times));
    }
}

/// The n-th write of replica 0 and no other, each on both sides: a few of the first 200, or as many of them as the environment
/// asks for.
#[test]
fn a_replica_dies_at_one_write() {
    let step = match std::env::var("AMANAH_PERSIST_POINTS") {
        Ok(points) => 200 / points.parse::<usize>().unwrap().clamp(1, 200),
        Err(_) => 50,
    };
    for point in (0..200).step_by(step) {
        for side in ["before", "after"] {
            let crash = format!(
                "  - {{ at: 0s, crash: {{ replicas: [0], persist: {side}, skip: {point}, for: 200ms }} }}"
            );
            let mut plan = ordering(point as u64, &format!("{}ms", 500 + 6 * point), &crash);
            plan.ledger.min_round_interval = Duration::from_millis(5);
            let run = without_equivocation(&plan);
            assert_eq!(restarts(&run), [1, 0, 0, 0], "{side} write {point}");
        }
    }
}

/// Everybody at once, again and again, at instants that have nothing to do with what they write.
#[test]
fn what_a_crash_tears_is_cut_or_kept_and_nothing_else_is() {
    for disk in ["torn", "kept", "lost"] {
        let crashes: Vec<String> = (0..8)
            .map(|turn| {
                let at = 200 + turn * 233;
                format!("  - {{ at: {at}ms, crash: {{ replicas: [0, 1, 2, 3], disk: {disk}, for: 60ms }} }}")
            })
            .collect();
        let run = without_equivocation(&ordering(7, "2500ms", &crashes.join("\n")));
        assert_eq!(restarts(&run), [8; 4], "{disk}");
    }
}

/// Early, when all that was ever signed is still in everybody's window, and late, when a snapshot must be fetched; over both
/// transports; and again and again at its writes, while it has hardly come back.
#[test]
fn a_wiped_replica_signs_nothing_twice_and_comes_back() {
    let wiped = |more: &str| format!("crash: {{ replicas: [3], disk: wiped, {more}, for: 200ms }}");
    for (at, more, restarted) in [
        ("300ms", "persist: before", 1),
        ("2500ms", "persist: after", 1),
        ("300ms", "persist: after, skip: 1, times: 5", 5),
        ("300ms", "persist: before, skip: 2, times: 5", 5),
    ] {
        let duration = if at == "300ms" { "3s" } else { "4s" };
        let plan = ordering(3, duration, &format!("  - {{ at: {at}, {} }}", wiped(more)));
        let run = without_equivocation(&plan);
        let [other, replica] = [0, 3].map(|index: usize| &run.history.replicas[index]);
        assert_eq!((replica.restarts, replica.up), (restarted, true), "{at} {more}");
        assert!(replica.status.protocol.round.0 + 20 > other.status.protocol.round.0, "{at} {more}");
        assert!(replica.status.executed + 20 > other.status.executed, "{at} {more}");
        let after = run.history.operations.iter().filter(|row| row.gateway.0 == 3).rev().take(10);
        assert!(after.into_iter().all(|row| matches!(row.ended, Some((_, End::Done(_))))), "{at} {more}");
    }
}

/// Beyond the assumption nothing is signed twice either: whoever forgot waits for a quorum of those who did not.
#[test]
fn a_wiped_replica_waits_for_a_quorum_of_the_others() {
    let faults = "  - { at: 1s, crash: { replicas: [3], disk: wiped, for: 200ms } }
  - { at: 1s, crash: { replicas: [0], for: 2s } }";
    let run = without_equivocation(&ordering(1, "4s", faults));
    let gap = Metrics::of(&run).get("unavailability.longest").unwrap().as_f64();
    assert!((1.9e9..3.0e9).contains(&gap), "{gap}");
    assert!(run.history.replicas[3].status.protocol.round > Round(80));
}

#[test]
fn a_stalled_disk_holds_up_what_waits_for_it_and_nothing_else() {
    let all = "  - { at: 1s, stalled_disk: { replicas: [0, 1, 2, 3], for: 1500ms } }";
    let gap = |run: &Run| Metrics::of(run).get("unavailability.longest").unwrap().as_f64();
    let run = borne(&ordering(1, "3s", all));
    assert!((1.45e9..2.0e9).contains(&gap(&run)), "{}", gap(&run));
    let one = borne(&ordering(1, "4s", "  - { at: 1s, stalled_disk: { replicas: [2], for: 1500ms } }"));
    assert!(gap(&one) < 0.5e9, "{}", gap(&one));
    // Whoever dies meanwhile cannot read its journal before it is over.
    let crash = "  - { at: 1s, stalled_disk: { replicas: [2], for: 2s } }
  - { at: 1500ms, crash: { replicas: [2], for: 100ms } }";
    let run = borne(&ordering(1, "4s", crash));
    assert_eq!(restarts(&run), [0, 0, 1, 0]);
    let down = run.history.operations.iter().filter(|row| {
        row.gateway.0 == 2 && row.scheduled.0 > 1_600_000_000 && row.scheduled.0 < 2_900_000_000
    });
    assert!(down.clone().count() > 20);
    assert!(down.into_iter().all(|row| matches!(row.ended, Some((_, End::TimedOut)))));
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let full = "  - { at: 1s, disk_full: { replicas: [1], for: 1s } }";
    let run = borne(&ordering(1, "3s", full));
    let (mut refused, mut done) = (0, 0);
    for row in run.history.operations.iter().filter(|row| row.gateway.0 == 1) {
        match row.ended {
            Some((_, End::Overloaded)) => {
                assert!((1_000_000_000..=2_000_000_000).contains(&row.scheduled.0), "{row:?}");
                refused += 1;
            }
            Some((_, End::Done(_))) => done += 1,
            _ => panic!("{row:?}"),
        }
    }
    assert!(refused > 15 && done > 40, "{refused} refused, {done} done");
    // Died while it was full: down until there is space.
    let both = format!("{full}\n  - {{ at: 1500ms, crash: {{ replicas: [1], disk: kept, for: 100ms }} }}");
    assert_eq!(restarts(&without_equivocation(&ordering(1, "3s", &both))), [0, 1, 0, 0]);
    let all = "  - { at: 1s, disk_full: { replicas: [0, 1, 2, 3], for: 1s } }
  - { at: 1500ms, crash: { replicas: [0, 1, 2, 3], for: 100ms } }";
    assert_eq!(restarts(&without_equivocation(&ordering(1, "3s", all))), [1; 4]);
}

#[test]
fn a_rotten_journal_is_noticed_at_the_next_start() {
    let faults = "  - { at: 1s, bit_rot: { replicas: [3], bits: 4 } }
  - { at: 1500ms, crash: { replicas: [3], for: 200ms } }";
    let mut refused = 0;
    for seed in 1..=4 {
        let run = borne(&ordering(seed, "2s", faults));
        let replica = &run.history.replicas[3];
        if let Some(why) = &replica.stays_down {
            assert!(why.contains("is damaged at byte") && !replica.up && replica.restarts == 0, "{why}");
            refused += 1;
        } else {
            assert!(replica.up && replica.restarts == 1);
        }
    }
    assert!(refused >= 2, "{refused}");
    let unnoticed = borne(&ordering(1, "2s", "  - { at: 1s, bit_rot: { replicas: [3], bits: 4 } }"));
    assert!(unnoticed.history.replicas[3].up);
}
