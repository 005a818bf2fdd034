//! What execution costs with a genesis of 200,000 patients, each with a record: a commit of 100 transactions of one
//! kind, with and without the state root after it, in the steady state of one replica.
//!
//! `cargo bench -p ledger-core --bench ledger`; memory is printed to stderr first. On two shared cores, for each
//! transaction, without and with the root, in microseconds (runs differ by a factor of about 1.4):
//!
//! | record | consent | access | break-glass | mixed |
//! |---|---|---|---|---|
//! | 1.9 / 1.9 | 0.9 / 2.8 | 1.9 / 4.3 | 1.5 / 4.3 | 2.0 / 3.7 |
//!
//! Genesis: 0.5 s and 122 MB once; then 315 bytes a record, 133 a consent and 97 an access for each replica.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::audit::AuditLog;
use ledger_core::codec::{Blob, List};
use ledger_core::crypto::{Digest, PublicKey, Signature};
use ledger_core::ledger::transaction::{
    Action, Confidentiality, Grantee, Label, Outcome, PartyId, Purpose, RecordClass, RecordId, Role, Scope,
    Sensitivities, Transaction, TransactionBody,
};
use ledger_core::ledger::{Credential, Ledger, Party, Policy, Record};
use ledger_core::time::Timestamp;
use std::hint::black_box;

const PATIENTS: u32 = 200_000;
const HOSPITALS: u32 = 50;
const CLINICIANS: u32 = 2_000;
const FIRST_PATIENT: u32 = HOSPITALS + CLINICIANS;
const COMMIT: usize = 100;
const LABEL: Label = Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) };

fn key(party: u32) -> PublicKey {
    PublicKey(Digest::sha256(&[b"key", &party.to_le_bytes()]).0)
}

fn commitment(n: u64) -> Digest {
    Digest::sha256(&[b"commitment", &n.to_le_bytes()])
}

fn scope(hospital: u32) -> Scope {
    Scope {
        grantee: Grantee::Party(PartyId(hospital)),
        classes: List::new(vec![RecordClass::Observation]).expect("within limits"),
        confidentiality_max: Confidentiality::N,
        sensitivities: Sensitivities::default(),
        purposes: List::new(vec![Purpose::TREAT]).expect("within limits"),
        from: Timestamp::ZERO,
        until: Timestamp::MAX,
        redisclosure: false,
    }
}

fn genesis() -> Ledger {
    let mut genesis = Ledger::genesis(Policy::default());
    for id in 0..FIRST_PATIENT + PATIENTS {
        let (role, organisation) = match id {
            0..HOSPITALS => (Role::Hospital, None),
            HOSPITALS..FIRST_PATIENT => (Role::Clinician, Some(PartyId(id % HOSPITALS))),
            _ => (Role::Patient, None),
        };
        let credential = Credential::ALWAYS;
        genesis.party(Party { key: key(id), wrap_key: key(id).0, role, organisation, credential });
    }
    for n in 0..PATIENTS {
        genesis.record(Record {
            patient: PartyId(FIRST_PATIENT + n),
            custodian: PartyId(n % HOSPITALS),
            commitment: commitment(n.into()),
            class: RecordClass::Observation,
            label: LABEL,
            size_bucket: 11,
            locator: [0; 16],
            patient_wrap: Blob::new(vec![0; 80]).expect("below the limit"),
            registered_at: Timestamp::ZERO,
            epoch: 0,
            shredded_at: None,
        });
        genesis.consent(PartyId(FIRST_PATIENT + n), false, &scope(n % HOSPITALS)).expect("within limits");
    }
    genesis.build()
}

/// Makes transactions that will be permitted, spread over the population.
struct Workload {
    made: u64,
}

impl Workload {
    fn transaction(&mut self, actor: u32, organisation: u32, action: Action) -> Transaction {
        let body = TransactionBody {
            actor: PartyId(actor),
            organisation: PartyId(organisation),
            sequence: self.made,
            valid_until: Timestamp::MAX,
            atomic: false,
            actions: action.into(),
        };
        Transaction { body, key: key(actor), signature: Signature::default(), digest: Digest::default() }
    }

    /// A patient far from the last, with the hospital that keeps the record and a clinician of it.
    fn next(&mut self) -> (u32, u32, u32) {
        self.made += 1;
        let n = (self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % PATIENTS;
        let hospital = n % HOSPITALS;
        let clinician = HOSPITALS + hospital + HOSPITALS * (self.made as u32 % (CLINICIANS / HOSPITALS));
        (n, hospital, clinician)
    }

    fn record(&mut self) -> Transaction {
        let (n, hospital, clinician) = self.next();
        let action = Action::RegisterRecord {
            patient: PartyId(FIRST_PATIENT + n),
            commitment: commitment(1 << 40 | self.made),
            class: RecordClass::Observation,
            label: LABEL,
            size_bucket: 11,
            locator: [0; 16],
            patient_wrap: Blob::new(vec![0; 80]).expect("below the limit"),
        };
        self.transaction(clinician, hospital, action)
    }

    fn consent(&mut self) -> Transaction {
        let (n, hospital, _) = self.next();
        let patient = FIRST_PATIENT + n;
        let action = Action::GrantConsent { patient: PartyId(patient), scope: scope(hospital) };
        self.transaction(patient, patient, action)
    }

    fn access(&mut self) -> Transaction {
        let (n, hospital, clinician) = self.next();
        let action = Action::RequestAccess { record: RecordId(n), purpose: Purpose::TREAT, consent: None };
        self.transaction(clinician, hospital, action)
    }

    fn break_glass(&mut self) -> Transaction {
        let (n, hospital, clinician) = self.next();
        let action = Action::BreakGlass { record: RecordId(n), reason: commitment(1), window_ns: 1 };
        self.transaction(clinician, hospital, action)
    }

    fn mixed(&mut self) -> Transaction {
        match self.made % 10 {
            0..3 => self.record(),
            3 => self.consent(),
            _ => self.access(),
        }
    }
}

fn execute(ledger: &mut Ledger, commit: &[Transaction]) {
    for transaction in commit {
        let outcome = ledger.apply(Timestamp(1), transaction, true);
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    }
}

fn print_memory(genesis: &Ledger) {
    for (name, make) in KINDS {
        let (mut ledger, mut workload) = (genesis.clone(), Workload { made: 0 });
        let mut before = 0;
        for count in [0, 10_000, 100_000u64] {
            (workload.made..count).for_each(|_| execute(&mut ledger, &[make(&mut workload)]));
            let now = ledger.memory_bytes();
            if count > 0 {
                eprintln!("{name}: {now} bytes own after {count}, {before} before");
            }
            before = now;
        }
    }
}

type Make = fn(&mut Workload) -> Transaction;
const KINDS: [(&str, Make); 5] = [
    ("record", Workload::record),
    ("consent", Workload::consent),
    ("access", Workload::access),
    ("break_glass", Workload::break_glass),
    ("mixed", Workload::mixed),
];

fn ledger(criterion: &mut Criterion) {
    let genesis = genesis();
    eprintln!("genesis: {} bytes", genesis.memory_bytes());
    print_memory(&genesis);
    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(COMMIT as u64));
    for (name, make) in KINDS {
        for with_root in [false, true] {
            let (mut ledger, mut workload) = (genesis.clone(), Workload { made: 0 });
            group.bench_function(format!("{name}{}", if with_root { "_and_root" } else { "" }), |bench| {
                bench.iter_batched(
                    || (0..COMMIT).map(|_| make(&mut workload)).collect::<Vec<_>>(),
                    |commit| {
                        execute(&mut ledger, &commit);
                        if with_root {
                            black_box(ledger.state_root());
                        }
                        commit
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

fn audit(criterion: &mut Criterion) {
    let mut log = AuditLog::default();
    (0..1_000_000u64).for_each(|n| {
        log.append(commitment(n));
    });
    let mut n = 0;
    criterion.bench_function("audit/append", |bench| bench.iter(|| log.append(Digest::default())));
    criterion.bench_function("audit/inclusion_proof", |bench| {
        bench.iter(|| {
            n += 1;
            log.inclusion_proof(n * 7919 % 1_000_000, log.size())
        })
    });
    criterion.bench_function("genesis/200k", |bench| bench.iter_with_large_drop(genesis));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = ledger, audit
}
criterion_main!(benches);
