//! Every figure of a run whose operations are known.

use super::*;
use crate::document::Documents;
use crate::history::{Figure, Incident, Note, Setting, Unlisted, Wrong};
use crate::metrics::fake;
use crate::plan::{Plan, WorkloadPlan};
use crate::scenario::Scenario;
use ledger_core::time::Duration;

const MS: u64 = 1_000_000;

fn fake_run() -> Run {
    fake::run(&fake::plan())
}

#[track_caller]
fn check(run: &Run, expected: &[(&str, Option<Value>)]) {
    let metrics = Metrics::of(run);
    for (name, value) in expected {
        assert!(catalog::lookup(name).is_some(), "{name}");
        assert_eq!(metrics.get(name), *value, "{name}");
    }
}

fn whole(number: u64) -> Option<Value> {
    Some(Value::Whole(number))
}

/// A workload of each system but the one that the fake plan has.
fn every_system() -> Vec<WorkloadPlan> {
    let yaml = "name: systems
duration: 1s
ledger: { replicas: 1 }
network: { topology: lan }
population: { patients: 100, hospitals: 8, pharmacies: 1, insurers: 1, manufacturers: 1, wholesalers: 1, sponsors: 1,
  ethics_boards: 1, research_institutes: 1, model_owners: 1, devices: 16 }
workloads: [clinical_trial: { rate: 1/s }, drug_supply: { rate: 1/s }, telemedicine: { rate: 1/s }, claims: { rate: 1/s }]
";
    let scenario = Scenario::parse("systems.yaml", yaml).unwrap_or_else(|errors| panic!("{errors}"));
    Plan::from_scenario(&scenario).unwrap_or_else(|errors| panic!("{errors}")).workloads
}

#[test]
fn every_name_of_the_catalog_is_covered() {
    let mut run = fake_run();
    run.plan.documents = Documents::Fhir;
    run.history.series[3].resident_bytes = 1 << 20;
    run.history.operations[1_000].kind = OperationKind::AccessDecisions;
    let at = run.history.operations[1_000].scheduled;
    for wrong in Wrong::ALL {
        run.history.domain.note(Note::Incident(Incident { wrong: *wrong, at, caught: Some(at) }));
    }
    for figure in Figure::ALL {
        run.history.domain.note(Note::Sample(*figure, at, 3));
    }
    run.plan.workloads.extend(every_system());
    let keys = [OperationKind::Rewrap, OperationKind::Rotate, OperationKind::Erase, OperationKind::Delegate];
    for (number, kind) in (1_001..).zip(keys) {
        run.history.operations[number].kind = kind;
    }
    let missing = |run: &Run| -> Vec<&str> {
        let metrics = Metrics::of(run);
        let names = catalog::all().iter().map(|metric| metric.name.as_str());
        names.filter(|name| metrics.get(name).is_none()).collect()
    };
    // Processes are measured where there are any, and there nothing is simulated.
    let of_processes = catalog::all().iter().map(|metric| metric.name.as_str());
    let of_processes: Vec<&str> = of_processes.filter(|name| name.contains(".process.")).collect();
    assert_eq!(missing(&run), of_processes);
    run.setting = Setting::LiveLoopback;
    // Whatever a process can spend time on, these did.
    run.history.clients_spent.fill(1_000_000);
    run.history.replicas[0].spent.fill(1_000_000);
    assert_eq!(missing(&run), ["simulator.memory.max"]);
}

#[test]
fn operations_without_a_row_count_as_those_with_one() {
    let mut run = fake_run();
    run.history.unlisted = Unlisted {
        one_in: 3,
        scheduled: 200,
        committed: 150,
        timed_out: 40,
        rejected: 10,
        latencies: [(5_000_000_000, 150)].into(),
    };
    check(
        &run,
        &[
            ("transactions.submitted", whole(2_000)),
            ("transactions.committed", whole(1_949)),
            ("transactions.timed_out", whole(41)),
            ("transactions.rejected", whole(10)),
        ],
    );
    let latency = &Metrics::of(&run).latencies["transactions.latency"];
    assert_eq!(latency.count(), 1_949);
    assert!(latency.quantile(0.99) >= 4_900_000_000, "{}", latency.quantile(0.99));
}

#[test]
fn operations_count_by_their_scheduled_start() {
    // 20 s at 100/s, a tenth of them audits; what starts in the warm-up or commits in the drain does not matter.
    check(
        &fake_run(),
        &[
            ("transactions.submitted", whole(1_800)),
            ("transactions.committed", whole(1_799)),
            ("transactions.timed_out", whole(1)),
            ("transactions.refused", whole(20)),
            ("transactions.committed.rate", Some(Value::Real(89.95))),
            ("shares.requested", whole(1_000)),
            ("shares.completed", whole(980)),
            ("shares.refused", whole(20)),
            ("shares.refused_wrongly", whole(0)),
            ("shares.permitted_wrongly", whole(0)),
            ("shares.bytes", whole(980 * 2_048)),
            ("audits.verified", whole(200)),
            ("consent.revocation.completed", whole(200)),
            ("generator.achieved.rate", Some(Value::Real(100.0))),
            ("generator.offered.rate", Some(Value::Real(100.0))),
        ],
    );
}

#[test]
fn latency_counts_from_the_schedule() {
    // What was scheduled when the replica went down waited two seconds.
    check(
        &fake_run(),
        &[
            ("share.latency.max", whole(2_087 * MS)),
            ("transactions.latency.max", whole(2_040 * MS)),
            ("share.phase.queue.max", whole(2_005 * MS)),
            ("share.phase.order.max", whole(25 * MS)),
            ("share.phase.execute.max", whole(10 * MS)),
            ("share.phase.transfer.max", whole(25 * MS)),
            ("share.phase.verify.max", whole(2 * MS)),
            ("unavailability.longest", whole(2_020 * MS)),
            ("recovery.time", whole(0)),
        ],
    );
}

#[test]
fn wrong_decisions_are_counted_both_ways() {
    let mut run = fake_run();
    run.history.operations[1_000].expected = Expected::Refuse;
    run.history.operations[1_104].expected = Expected::Permit;
    check(&run, &[("shares.permitted_wrongly", whole(1)), ("shares.refused_wrongly", whole(1))]);
}

#[test]
fn a_key_asked_for_after_the_revocation_is_late() {
    let mut run = fake_run();
    check(&run, &[("consent.revocation.late_accesses", whole(0))]);
    // Share 1000 names consent 100, which operation 1007 revokes.
    let revoked = run.history.operations[1_007].receipt_at.expect("it is committed");
    let release = run.history.releases.iter_mut().find(|row| row.access == AccessId(1_000));
    let release = release.expect("the share was permitted");
    release.asked_at = revoked;
    check(&run, &[("consent.revocation.late_accesses", whole(0))]);
    let release = run.history.releases.iter_mut().find(|row| row.access == AccessId(1_000));
    release.expect("the share was permitted").asked_at = revoked + Duration::from_nanos(1);
    check(&run, &[("consent.revocation.late_accesses", whole(1))]);
}

#[test]
fn bundles_count_by_the_action_and_last_once() {
    let mut run = fake_run();
    let bundle = Operation {
        kind: OperationKind::AccessDecisions,
        actions: 16,
        refused: 3,
        ended: run.history.operations[1_000].receipt_at.map(|at| (at, End::Answered)),
        ..run.history.operations[1_000].clone()
    };
    run.history.operations = vec![bundle; 2];
    run.history.operations[1].expected = Expected::Either;
    check(
        &run,
        &[
            ("transactions.submitted", whole(32)),
            ("transactions.committed", whole(32)),
            ("transactions.refused", whole(6)),
            ("decisions.requested", whole(32)),
            ("decisions.permitted", whole(26)),
            ("decisions.refused_wrongly", whole(3)),
            ("shares.requested", None),
        ],
    );
    assert_eq!(Metrics::of(&run).latencies["transactions.latency"].count(), 2);
}

#[test]
fn an_interrupted_run_is_measured_to_where_it_came() {
    let mut run = fake_run();
    run.partial = true;
    run.end = Timestamp(10_000 * MS);
    run.history.operations.retain(|operation| operation.scheduled < run.end);
    let last = run.history.operations.last_mut().expect("there are operations");
    (last.kind, last.ended, last.receipt_at) = (OperationKind::Register, None, None);
    check(
        &run,
        &[
            ("transactions.submitted", whole(451)),
            ("transactions.unfinished", whole(1)),
            ("transactions.timed_out", whole(0)),
            ("generator.achieved.rate", Some(Value::Real(100.0))),
        ],
    );
}

#[test]
fn opaque_submissions_commit_when_they_are_ordered() {
    let mut run = fake_run();
    let operation = run.history.operations[1_000].clone();
    let at = operation.scheduled + Duration::from_millis(300);
    let outcome = Outcome::RecordRegistered(ledger_core::ledger::transaction::RecordId(0));
    let ended = Some((at, End::Done(outcome)));
    run.history.operations =
        vec![Operation { kind: OperationKind::Opaque, receipt_at: None, ended, ..operation }];
    check(
        &run,
        &[
            ("transactions.committed", whole(1)),
            ("transactions.latency.max", whole(300 * MS)),
            ("shares.requested", None),
            ("share.latency.p99", None),
            ("audits.failed", None),
            ("consent.revocation.late_accesses", None),
        ],
    );
}
