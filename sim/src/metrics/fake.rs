//! A small run that never ran: every operation's times are written by hand, so that every figure can be checked.
//!
//! One operation every 10 ms over the warm-up (5 s) and the measurement (20 s): of ten, five shares, two documents
//! registered, one revocation, one consent granted, one audit. Everything commits 40 ms after it starts, but replica 3
//! is down from 8 s to 10 s of measurement, and what starts then commits when it is back.

use crate::history::{
    CommitRecord, Expected, FaultRecord, History, NetworkRecord, Operation, OperationKind, Release,
    ReplicaRecord, Run, Second, Setting,
};
use crate::plan::Plan;
use crate::scenario::Scenario;
use ledger_core::codec::List;
use ledger_core::committee::{Committee, Member, ReplicaId, ReplicaSet, Stake};
use ledger_core::crypto::{Digest, SecretKey};
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::{AccessId, Answer, ConsentId, Outcome, PartyId, RecordId, Refusal};
use ledger_core::replica::Executed;
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};
use std::sync::Arc;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
const SCENARIO: &str = "\
# Does a share arrive within 100 ms while one of four replicas is down?
name: fake
seed: 7
warmup: 5s
duration: 20s
ledger: { replicas: 4 }
network: { topology: lan }
population: { patients: 1k, hospitals: 8, pharmacies: 4 }
workloads:
  - personal_health_record: { rate: 100/s }
arrivals: constant
faults:
  - at: 8s
    crash: { replicas: [3], for: 2s }
expect:
  - safety
  - share.latency.p99 < 100ms
  - shares.refused_wrongly == 0
";

/// The plan of the fake run.
pub fn plan() -> Plan {
    let scenario = Scenario::parse("fake.yaml", SCENARIO).expect("the text above is YAML");
    Plan::from_scenario(&scenario).expect("the text above is a valid scenario")
}

/// The fake run.
pub fn run(plan: &Plan) -> Run {
    let mut history = History {
        faults: vec![FaultRecord {
            fault: 0,
            at: Timestamp(13 * SECOND),
            healed: Some(Timestamp(15 * SECOND)),
        }],
        network: NetworkRecord {
            messages: [40_000, 9_000, 1_000],
            bytes: [60_000_000, 9_000_000, 31_000_000],
            packets_lost: 12,
            undelivered: 340,
            ..NetworkRecord::default()
        },
        ..History::default()
    };
    for number in 0..2_500 {
        operation(&mut history, number);
    }
    for index in 0..50 {
        commit(&mut history, index);
    }
    history.series = (0..25).map(|second| series(&history, second)).collect();
    history.replicas = (0..4).map(replica).collect();
    Run {
        plan: plan.clone(),
        committee: Arc::new(committee()),
        history,
        setting: Setting::Simulated,
        start: Timestamp::ZERO,
        digest: Digest::sha256(&[b"fake", &plan.seed.to_be_bytes()]),
        end: Timestamp(26 * SECOND),
        events: 1_200_000,
        wall: Duration::from_millis(2_500),
        setup_wall: Duration::from_millis(500),
        partial: false,
    }
}

fn committee() -> Committee {
    let member = |index: u8| Member {
        name: format!("r{index}"),
        key: SecretKey::from_seed([index; 32]).public(),
        stake: Stake(1),
    };
    Committee::new(b"fake", (0..4).map(member).collect()).expect("four members with keys of their own")
}

fn operation(history: &mut History, number: u64) {
    let scheduled = Timestamp(number * 10 * MS);
    let down = (13 * SECOND..15 * SECOND).contains(&scheduled.0);
    let start = if down { Timestamp(15 * SECOND) } else { scheduled };
    let after = |ms: u64| Some(start + Duration::from_millis(ms));
    let kind = match number % 10 {
        0..=4 => OperationKind::Share,
        5 | 6 => OperationKind::Register,
        7 => OperationKind::Revoke,
        8 => OperationKind::Grant,
        _ => OperationKind::Audit,
    };
    let transaction = Digest::sha256(&[&number.to_be_bytes()]);
    let mut operation = Operation {
        kind,
        gateway: GatewayId((number % 12) as u32),
        scheduled,
        ended: None,
        proposed_at: after(5),
        decided_at: after(30),
        receipt_at: after(40),
        key_at: None,
        transferred_at: None,
        actions: 1,
        refused: 0,
        transaction: Some(transaction),
        log_index: Some(number),
        bytes: 2_048,
        expected: Expected::Either,
        wrong: None,
        consent: None,
        record: None,
        patient: None,
        until: None,
        decided: None,
        proved: None,
    };
    let access = AccessId(number as u32);
    let outcome = match kind {
        OperationKind::Share => {
            operation.expected = Expected::Permit;
            operation.consent = Some(ConsentId((number / 10) as u32));
            operation.record = Some(RecordId(number as u32));
            operation.key_at = after(60);
            operation.transferred_at = after(85);
            Outcome::Permitted {
                access,
                until: Timestamp::MAX,
                record: RecordId(0),
                commitment: Digest::default(),
                custodian: PartyId(0),
            }
        }
        OperationKind::Revoke => {
            // While the replica is down, shares and revocations of one consent would be ordered together.
            let consent = ConsentId(if down { 10_000 } else { 0 } + (number / 10) as u32);
            operation.consent = Some(consent);
            Outcome::ConsentRevoked(consent)
        }
        OperationKind::Grant => Outcome::ConsentRegistered(ConsentId(number as u32)),
        _ => Outcome::RecordRegistered(RecordId(number as u32)),
    };
    let took = if kind == OperationKind::Share { 87 } else { 40 };
    operation.ended = after(took).map(|at| (at, End::Done(outcome)));
    if number % 100 == 4 {
        // Rightly refused.
        operation.expected = Expected::Refuse;
        operation.key_at = None;
        operation.transferred_at = None;
        operation.refused = 1;
        operation.ended = after(40).map(|at| (at, End::Refused(Refusal::NoConsent)));
    } else if kind == OperationKind::Share {
        let (gateway, to) = (GatewayId(0), operation.gateway);
        let asked_at = start + Duration::from_millis(45);
        let at = start + Duration::from_millis(55);
        history.releases.push(Release {
            at,
            asked_at,
            by: gateway,
            to,
            access,
            record: RecordId(number as u32),
        });
    }
    if kind == OperationKind::Audit {
        operation.ended = operation.ended.map(|(at, _)| (at, End::Answered));
        operation.receipt_at = None;
        operation.transaction = None;
    }
    if number == 2_405 {
        operation.ended = Some((Timestamp(25 * SECOND), End::TimedOut));
        operation.receipt_at = None;
    }
    if operation.transaction.is_none() {
        history.operations.push(operation);
        return;
    }
    let answers = List::new(vec![Answer::from(Ok(outcome))]).expect("one is at most the limit");
    let executed = Executed { transaction, answers, index: number };
    history.executed.push((number / 50 + 1, executed));
    history.operations.push(operation);
}

fn commit(history: &mut History, index: u64) {
    let at = Timestamp(index * 500 * MS + 30 * MS);
    let mut replicas = ReplicaSet::default();
    (0..4).for_each(|id| {
        replicas.insert(ReplicaId(id));
    });
    let digest = Digest::sha256(&[&index.to_be_bytes()]);
    let roots = [digest; 2];
    history.commits.push(CommitRecord {
        digest,
        result: digest,
        roots,
        time: at,
        first_at: at,
        decided: at,
        blocks: Vec::new(),
        replicas,
    });
    history.commit_latencies.push((at, 30 * MS));
}

fn series(history: &History, second: u64) -> Second {
    let of = |at: &Timestamp| at.0 / SECOND == second;
    let operations = &history.operations;
    Second {
        scheduled: operations.iter().filter(|row| of(&row.scheduled)).count() as u64,
        committed: operations.iter().filter_map(|row| row.receipt_at.as_ref()).filter(|at| of(at)).count()
            as u64,
        shared: operations.iter().filter_map(|row| row.transferred_at.as_ref()).filter(|at| of(at)).count()
            as u64,
        ordering_bytes: 1 << 20,
        ledger_bytes: second << 10,
        log_bytes: second << 9,
        resident_bytes: 64 << 20,
        faults: u64::from((13..15).contains(&second)),
    }
}

fn replica(index: u64) -> ReplicaRecord {
    let mut record = ReplicaRecord {
        up: true,
        restarts: u64::from(index == 3),
        bytes_sent: (index + 1) * 10_000_000,
        cpu_ppm: 310_000 + index * 20_000,
        mempool_bytes_max: 40_000 + index,
        suspended_max: index,
        memory_max: (index + 5) << 20,
        journal: [900, 5_000_000, 880, 1_000_000],
        ..ReplicaRecord::default()
    };
    record.status.protocol.round.0 = 2_000 - index;
    record.status.protocol.accepted = 7_990 - index;
    record
}
