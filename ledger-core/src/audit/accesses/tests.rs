//! What an auditor hands over, and everything it could leave out, add or change.

use super::*;
use crate::audit::checkpoint::tests::{body, signed};
use crate::audit::{AuditLog, leaf_hash};
use crate::codec::{Blob, encode};
use crate::committee::tests::committee;
use crate::crypto::{BatchVerifier, SecretKey};
use crate::ledger::transaction::{
    Actions, Confidentiality, Label, RecordClass, Refusal, Role, Sensitivities, TransactionBody,
};
use crate::ledger::{Credential, Ledger, Party, Policy, Record};

const HOSPITAL: PartyId = PartyId(0);
const CLINICIAN: PartyId = PartyId(1);
const PATIENT: PartyId = PartyId(2);
const OTHER: PartyId = PartyId(3);

fn secret(party: PartyId) -> SecretKey {
    SecretKey::from_seed([party.0 as u8 + 1; 32])
}

fn genesis() -> Ledger {
    let mut genesis = Ledger::genesis(Policy::default());
    let parties = [
        (HOSPITAL, Role::Hospital, None),
        (CLINICIAN, Role::Clinician, Some(HOSPITAL)),
        (PATIENT, Role::Patient, None),
        (OTHER, Role::Patient, None),
    ];
    for (id, role, organisation) in parties {
        let (key, credential) = (secret(id).public(), Credential::ALWAYS);
        genesis.party(Party { key, wrap_key: [9; 32], role, organisation, credential });
    }
    for (n, patient) in [(1, PATIENT), (2, OTHER), (3, PATIENT)] {
        genesis.record(Record {
            patient,
            custodian: HOSPITAL,
            commitment: Digest([n; 32]),
            class: RecordClass::Observation,
            label: Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) },
            size_bucket: 10,
            locator: [n; 16],
            patient_wrap: Blob::new(vec![1; 80]).unwrap(),
            registered_at: Timestamp::ZERO,
            epoch: 0,
            shredded_at: None,
        });
    }
    genesis.build()
}

/// Who asks for what: each row is one bundle.
fn bundles() -> Vec<(PartyId, Vec<Action>)> {
    let ask =
        |record| Action::RequestAccess { record: RecordId(record), purpose: Purpose::TREAT, consent: None };
    let own = Action::RequestAccess { record: RecordId(0), purpose: Purpose::PATRQT, consent: None };
    let (record, reason) = (RecordId(2), Digest([8; 32]));
    vec![
        (CLINICIAN, vec![ask(0)]),
        (CLINICIAN, vec![ask(1)]),
        (PATIENT, vec![own]),
        (CLINICIAN, vec![ask(1), ask(2), ask(0)]),
        (CLINICIAN, vec![Action::BreakGlass { record, reason, window_ns: 5 }]),
        (OTHER, vec![ask(1)]),
    ]
}

/// The audit of the patient, complete and signed by three of four.
fn audit() -> (PatientAudit, Committee) {
    let (committee, keys) = committee(&[1; 4]);
    let (mut ledger, mut log, mut entries) = (genesis(), AuditLog::default(), Vec::new());
    for (n, (actor, actions)) in (1..).zip(bundles()) {
        let organisation = if actor == CLINICIAN { HOSPITAL } else { actor };
        let body = TransactionBody {
            actor,
            organisation,
            sequence: 100 * n,
            valid_until: Timestamp::MAX,
            atomic: false,
            actions: Actions::new(actions).unwrap(),
        };
        let (transaction, bytes) = Transaction::sign(committee.chain(), body, &secret(actor));
        let commit_time = Timestamp(n);
        let answers = ledger.execute(commit_time, &transaction, true);
        let entry = Entry { commit: n, commit_time, transaction: transaction.digest, actor, answers };
        log.append(leaf_hash(&encode(&entry)));
        entries.push((entry, bytes));
    }
    let mut body = body(committee.chain());
    (body.size, body.root, body.state_root) = (log.size(), log.root(), ledger.state_root());
    let concerns = |entry: &Entry| {
        let mut decisions = entry.answers.iter().filter_map(|answer| answer.decision);
        decisions.any(|decision| decision.patient == PATIENT)
    };
    let accesses =
        (0..).zip(entries).filter(|(_, (entry, _))| concerns(entry)).map(|(index, (entry, bytes))| {
            let proof = List::new(log.inclusion_proof(index, log.size()).unwrap()).unwrap();
            AccessProof { entry, index, proof, transaction: bytes }
        });
    let audit = PatientAudit {
        patient: PATIENT,
        checkpoint: signed(body, &keys, &[0, 1, 3]),
        counter: ledger.prove_decisions(PATIENT).unwrap(),
        accesses: accesses.collect(),
    };
    (audit, committee)
}

#[test]
fn every_access_is_proven_with_who_what_and_why() {
    let (audit, committee) = audit();
    let proven = audit.verify(&committee, &mut BatchVerifier).unwrap();
    let rows: Vec<_> = proven.iter().map(|row| (row.counter, row.index, row.actor, row.record.0)).collect();
    let expected = [
        (1, 0, CLINICIAN, 0),
        (2, 2, PATIENT, 0),
        (3, 3, CLINICIAN, 2),
        (4, 3, CLINICIAN, 0),
        (5, 4, CLINICIAN, 2),
    ];
    assert_eq!(rows, expected);
    assert_eq!(proven[0].outcome, Outcome::Refused(Refusal::NoConsent));
    assert_eq!(proven[0].organisation, HOSPITAL);
    assert_eq!(proven[0].asked, Asked::Purpose { purpose: Purpose::TREAT, consent: None });
    assert!(matches!(proven[1].outcome, Outcome::Permitted { .. }));
    assert_eq!(proven[4].asked, Asked::BreakGlass { reason: Digest([8; 32]), window_ns: 5 });
}

/// Whatever an auditor leaves out, its number is missing.
#[test]
fn nothing_can_be_left_out() {
    let (good, committee) = audit();
    let without = |left_out: &[usize]| {
        let mut audit = good.clone();
        let mut number = 0..;
        audit.accesses.retain(|_| !left_out.contains(&number.next().unwrap()));
        audit.verify(&committee, &mut BatchVerifier).unwrap_err()
    };
    assert_eq!(without(&[0]), AuditError::Missing { index: 2, expected: 1, found: 2 });
    assert_eq!(without(&[1]), AuditError::Missing { index: 3, expected: 2, found: 3 });
    assert_eq!(without(&[3]), AuditError::MissingLast { listed: 4, counted: 5 });
    assert_eq!(without(&[2, 3]), AuditError::MissingLast { listed: 2, counted: 5 });
    assert_eq!(without(&[0, 1, 2, 3]), AuditError::MissingLast { listed: 0, counted: 5 });
}

#[test]
fn nothing_can_be_changed_or_added() {
    let (good, committee) = audit();
    let other = Transaction::sign(
        committee.chain(),
        TransactionBody {
            actor: CLINICIAN,
            organisation: HOSPITAL,
            sequence: 9_000,
            valid_until: Timestamp::MAX,
            atomic: false,
            actions: bundles()[0].1[0].clone().into(),
        },
        &secret(CLINICIAN),
    );
    type Change<'a> = &'a dyn Fn(&mut PatientAudit);
    let changes: [(Change<'_>, AuditError); 9] = [
        (&|it| it.patient = OTHER, AuditError::Missing { index: 0, expected: 1, found: 1 }),
        (&|it| it.accesses.swap(0, 1), AuditError::Missing { index: 2, expected: 1, found: 2 }),
        (&|it| it.accesses.push(it.accesses[3].clone()), AuditError::Order(4)),
        (
            &|it| it.accesses[0].entry.actor = OTHER,
            AuditError::Inclusion { index: 0, error: ProofError::Root },
        ),
        (&|it| it.accesses[0].transaction = other.1.clone(), AuditError::OtherTransaction(0)),
        (&|it| it.checkpoint.body.commit = 0, AuditError::CommitOrder { index: 0, entry: 1, checkpoint: 0 }),
        (&|it| it.checkpoint.body.state_root.0[0] ^= 1, AuditError::Counter(StateProofError::StateRoot)),
        (
            &|it| it.checkpoint.body.commit += 1,
            AuditError::Checkpoint(CheckpointError::BadSignature(crate::committee::ReplicaId(0))),
        ),
        (
            &|it| it.counter = genesis().prove_decisions(PATIENT).unwrap(),
            AuditError::Counter(StateProofError::StateRoot),
        ),
    ];
    for (number, (change, error)) in changes.into_iter().enumerate() {
        let mut bad = good.clone();
        change(&mut bad);
        let found = bad.verify(&committee, &mut BatchVerifier).unwrap_err();
        // Another patient's audit fails at whichever comes first; that it fails is what counts.
        assert!(found == error || number == 0, "change {number}: {found:?}");
    }
    // Somebody else's signature under the very same body has another digest; a broken one has the same.
    let mut forged = good.clone();
    let mut bytes = forged.accesses[0].transaction.to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    forged.accesses[0].transaction = bytes.into();
    assert_eq!(forged.verify(&committee, &mut BatchVerifier), Err(AuditError::BadSignature(0)));
    let mut short = good;
    short.checkpoint.signatures = List::new(short.checkpoint.signatures[..2].to_vec()).unwrap();
    let error = CheckpointError::NoQuorum { found: 2, quorum: 3 };
    assert_eq!(short.verify(&committee, &mut BatchVerifier), Err(error.into()));
}

#[test]
fn a_patient_nobody_asked_about_has_a_proof_too() {
    let (good, committee) = audit();
    let empty = PatientAudit { patient: HOSPITAL, accesses: Vec::new(), ..good };
    assert_eq!(empty.verify(&committee, &mut BatchVerifier), Ok(Vec::new()));
}
