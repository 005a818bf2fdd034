//! Wraps, rotation and shredding: who may, and what ends with them.

use super::*;
use Refusal::*;

fn wrap(n: u8) -> Blob<128> {
    Blob::new(vec![n; 80]).unwrap()
}

fn rewrap(record: RecordId, grantee: PartyId) -> Action {
    Action::RewrapKey { record, grantee, wrap: wrap(7) }
}

fn rotate(record: RecordId, n: u8) -> Action {
    let patient_wrap = wrap(n);
    Action::RotateKey { record, commitment: Digest([n; 32]), locator: [n; 16], patient_wrap }
}

fn shred(record: RecordId) -> Action {
    Action::ShredKey { record }
}

fn delegate(until: u64) -> Step {
    let Scope { classes, confidentiality_max, sensitivities, purposes, .. } = scope(HOSPITAL);
    let scope = DelegatedScope { classes, confidentiality_max, sensitivities, purposes };
    let (evidence, minor_until, until) = (Digest::default(), None, at(until));
    let (patient, delegate) = (PATIENT, GUARDIAN);
    (10, PATIENT, Action::DelegateAuthority { patient, delegate, scope, until, evidence, minor_until })
}

fn granted() -> Step {
    (10, PATIENT, grant(scope(HOSPITAL)))
}

fn shredded() -> Step {
    (10, PATIENT, shred(RECORD))
}

#[test]
fn refusals_about_keys() {
    let none = RecordId(9);
    let at_ten = |actor, action| vec![(10, actor, action)];
    let empty_wrap = Action::RewrapKey { record: RECORD, grantee: HOSPITAL, wrap: Blob::default() };
    let no_wrap = |n| {
        let mut action = rotate(RECORD, n);
        if let Action::RotateKey { patient_wrap, .. } = &mut action {
            *patient_wrap = Blob::default();
        }
        action
    };
    let rewrapping = |before: Vec<Step>, seconds, grantee| {
        before.into_iter().chain([(seconds, PATIENT, rewrap(RECORD, grantee))]).collect::<Vec<_>>()
    };
    check(vec![
        // Rewrapping.
        (RoleNotAllowed, at_ten(CLERK, rewrap(RECORD, HOSPITAL))),
        (UnknownRecord, at_ten(OTHER_PATIENT, rewrap(none, HOSPITAL))),
        (NotConsentAuthority, vec![shredded(), (10, OTHER_PATIENT, rewrap(RECORD, NOBODY))]),
        (DelegationExpired, vec![delegate(20), (20, GUARDIAN, rewrap(RECORD, NOBODY))]),
        (DelegateScopeExceeded, vec![delegate(20), (10, GUARDIAN, rewrap(SENSITIVE, HOSPITAL))]),
        (KeyShredded, vec![shredded(), (10, PATIENT, rewrap(RECORD, NOBODY))]),
        (UnknownParty, at_ten(PATIENT, rewrap(RECORD, NOBODY))),
        (MissingPatientWrap, at_ten(PATIENT, empty_wrap)),
        // No consent; another's; withdrawn; over or not begun; not for this record; forbidden; no credential.
        (WrapForRevokedGrantee, rewrapping(vec![], 10, HOSPITAL)),
        (WrapForRevokedGrantee, rewrapping(vec![granted()], 10, INSURER)),
        (WrapForRevokedGrantee, rewrapping(vec![granted(), (10, PATIENT, revoke(0))], 10, HOSPITAL)),
        (WrapForRevokedGrantee, rewrapping(vec![granted()], 1000, HOSPITAL)),
        (WrapForRevokedGrantee, {
            let later = grant(Scope { from: at(11), ..scope(HOSPITAL) });
            rewrapping(vec![(10, PATIENT, later)], 10, HOSPITAL)
        }),
        (WrapForRevokedGrantee, vec![granted(), (10, PATIENT, rewrap(SENSITIVE, HOSPITAL))]),
        (
            WrapForRevokedGrantee,
            rewrapping(vec![granted(), (10, PATIENT, deny(scope(HOSPITAL)))], 10, CLINICIAN),
        ),
        (WrapForRevokedGrantee, rewrapping(vec![granted()], 10, LAPSED)),
        // Rotating.
        (RoleNotAllowed, at_ten(PATIENT, rotate(RECORD, 3))),
        (UnknownRecord, at_ten(HOSPITAL, rotate(none, 1))),
        (NotCustodian, vec![shredded(), (10, INSURER, rotate(RECORD, 1))]),
        (KeyShredded, vec![shredded(), (10, HOSPITAL, rotate(RECORD, 1))]),
        (DuplicateRecord, at_ten(HOSPITAL, no_wrap(1))),
        (DuplicateRecord, at_ten(CLERK, rotate(RECORD, 2))),
        (DuplicateRecord, vec![(10, CLERK, rotate(RECORD, 3)), (10, CLERK, register_record(3))]),
        (MissingPatientWrap, at_ten(HOSPITAL, no_wrap(3))),
        // Shredding, and what it ends.
        (RoleNotAllowed, at_ten(REGULATOR, shred(RECORD))),
        (UnknownRecord, at_ten(HOSPITAL, shred(none))),
        (NotCustodian, vec![shredded(), (10, INSURER, shred(RECORD))]),
        (NotConsentAuthority, vec![shredded(), (10, GUARDIAN, shred(RECORD))]),
        (DelegateScopeExceeded, vec![delegate(20), (10, GUARDIAN, shred(SENSITIVE))]),
        (KeyShredded, vec![shredded(), (10, CLERK, shred(RECORD))]),
        (KeyShredded, vec![delegate(20), (10, GUARDIAN, shred(RECORD)), (10, PATIENT, shred(RECORD))]),
        (KeyShredded, vec![granted(), shredded(), (10, CLINICIAN, request(RECORD, Purpose::TREAT))]),
        (KeyShredded, vec![shredded(), (10, CLINICIAN, request(RECORD, Purpose::Other(0)))]),
        (KeyShredded, vec![shredded(), (10, PATIENT, request(RECORD, Purpose::PATRQT))]),
        (KeyShredded, {
            let no_reason = Action::BreakGlass { record: RECORD, reason: Digest::default(), window_ns: 0 };
            vec![shredded(), (10, CLINICIAN, no_reason)]
        }),
    ]);
}

#[test]
fn rotation_voids_wraps_and_shredding_ends_access() {
    let mut ledger = world();
    let steps = [
        granted(),
        delegate(1000),
        (10, PATIENT, rewrap(RECORD, HOSPITAL)),
        (10, GUARDIAN, rewrap(RECORD, CLINICIAN)),
        (10, CLINICIAN, request_by(0)),
    ];
    let outcomes = play(&mut ledger, &steps);
    assert_eq!(outcomes[2..4], [Outcome::KeyRewrapped(RECORD); 2]);
    let wrapped = Wrap { record: RECORD, grantee: CLINICIAN, epoch: 0, wrap: wrap(7) };
    assert_eq!(ledger.wrap_for(RECORD, CLINICIAN), Some(&wrapped));
    assert_eq!(ledger.wrap_for(SENSITIVE, CLINICIAN), None);

    let outcomes = play(&mut ledger, &[(11, CLERK, rotate(RECORD, 8))]);
    assert_eq!(outcomes, [Outcome::KeyRotated { record: RECORD, epoch: 1 }]);
    assert_eq!((ledger.wrap_for(RECORD, CLINICIAN), ledger.wrap_for(RECORD, HOSPITAL)), (None, None));
    assert_eq!(ledger.record_by_commitment(&Digest([8; 32])), Some(RECORD));
    assert_eq!(ledger.record_by_commitment(&Digest([1; 32])), None);
    let changed = Record { epoch: 1, patient_wrap: wrap(8), ..record(8, NORMAL) };
    assert_eq!(ledger.record(RECORD), Some(&changed));

    // The grantee's slot is used again, and the void one of another before a new one.
    play(&mut ledger, &[(12, PATIENT, rewrap(RECORD, CLINICIAN)), (12, PATIENT, rewrap(RECORD, CLERK))]);
    assert_eq!(ledger.wraps.len(), 2);
    assert_eq!(ledger.wrap_for(RECORD, CLERK).unwrap().epoch, 1);

    let status = |ledger: &Ledger| ledger.permit_status(AccessId(0), at(12));
    assert!(matches!(status(&ledger), PermitStatus::InForce { .. }));
    let mut restored = Ledger::restore(&ledger.snapshot()).unwrap();
    let decisions = ledger.activity(PATIENT).unwrap().accesses;
    let last = [(12, CLERK, shred(RECORD)), (12, CLINICIAN, break_glass())];
    let outcomes = play(&mut ledger, &last);
    assert_eq!(outcomes, [Outcome::KeyShredded(RECORD), Outcome::Refused(KeyShredded)]);
    assert_eq!(play(&mut restored, &last), outcomes);
    assert_eq!(restored.state_root(), ledger.state_root());
    assert_eq!(status(&ledger), PermitStatus::Revoked);
    assert_eq!(ledger.activity(PATIENT).unwrap().accesses, decisions + 1);
    assert_eq!(ledger.wrap_for(RECORD, CLERK), None);
    assert!(ledger.wraps.iter().all(|wrap| wrap.wrap.is_empty()));
    let tombstone = ledger.record(RECORD).unwrap();
    assert!(tombstone.patient_wrap.is_empty() && tombstone.shredded_at == Some(at(12)));
    assert_eq!(Ledger::restore(&ledger.snapshot()).unwrap().state_root(), ledger.state_root());
}

#[test]
fn wraps_of_one_record_are_bounded_until_a_rotation() {
    let mut ledger = world();
    play(&mut ledger, &[granted()]);
    for n in 0..WRAPS_PER_RECORD_MAX {
        ledger.push_wrap(Wrap { record: RECORD, grantee: PartyId(1000 + n), epoch: 0, wrap: wrap(1) });
    }
    let steps = [
        (10, PATIENT, rewrap(RECORD, CLERK)),
        (10, HOSPITAL, rotate(RECORD, 3)),
        (10, PATIENT, rewrap(RECORD, CLERK)),
    ];
    let outcomes = play(&mut ledger, &steps);
    assert_eq!((outcomes[0], outcomes[2]), (Outcome::Refused(TooManyWraps), Outcome::KeyRewrapped(RECORD)));
    // None of these grantees exists, nor may a wrap be ahead of its record.
    let impossible = |index| RestoreError::Impossible { table: "wraps", index };
    assert_eq!(Ledger::restore(&ledger.snapshot()).unwrap_err(), impossible(0));
    let mut ahead = world();
    ahead.push_wrap(Wrap { record: RECORD, grantee: CLERK, epoch: 1, wrap: wrap(1) });
    assert_eq!(Ledger::restore(&ahead.snapshot()).unwrap_err(), impossible(0));
}
