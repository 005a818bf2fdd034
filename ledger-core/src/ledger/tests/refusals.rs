//! Every refusal has a case that triggers exactly it, and the common checks come in order.

use super::*;

/// What comes before, and the last step with its refusal. Everything happens at second 10 unless said otherwise.
#[test]
fn every_refusal_of_an_action() {
    use Refusal::*;
    let no_class = Scope { classes: List::default(), ..scope(HOSPITAL) };
    let no_purpose = Scope { purposes: List::default(), ..scope(HOSPITAL) };
    let with = |listed: &[Purpose]| Scope { purposes: purposes(listed), ..scope(HOSPITAL) };
    let everything = Scope {
        confidentiality_max: Confidentiality::V,
        sensitivities: Sensitivities(31),
        ..scope(HOSPITAL)
    };
    let granted = || (10, PATIENT, grant(scope(HOSPITAL)));
    let no_wrap = {
        let mut action = register_record(3);
        if let Action::RegisterRecord { patient_wrap, .. } = &mut action {
            *patient_wrap = Blob::default();
        }
        action
    };
    let for_no_patient = {
        let mut action = register_record(1);
        if let Action::RegisterRecord { patient, .. } = &mut action {
            *patient = CLERK;
        }
        action
    };
    let glass =
        |record, reason, window_ns| Action::BreakGlass { record, reason: Digest([reason; 32]), window_ns };
    let hours = |n: u64| n * 3_600_000_000_000;
    let ask = |record, purpose| vec![(10, CLINICIAN, request(record, purpose))];
    let after = |before: Vec<Step>, last: Vec<Step>| before.into_iter().chain(last).collect::<Vec<_>>();
    let treat = || ask(RECORD, Purpose::TREAT);
    let cases: Vec<(Refusal, Vec<Step>)> = vec![
        // Roles.
        (RoleNotAllowed, vec![(10, HOSPITAL, register_party(PartyId(50), None, at(99)))]),
        (RoleNotAllowed, vec![(10, CLINICIAN, Action::RevokeCredential { party: CLERK })]),
        (RoleNotAllowed, vec![(10, PATIENT, register_record(3))]),
        (RoleNotAllowed, vec![(10, REGULATOR, register_record(3))]),
        (RoleNotAllowed, vec![(10, CLINICIAN, grant(scope(HOSPITAL)))]),
        (RoleNotAllowed, vec![(10, CLERK, break_glass())]),
        (RoleNotAllowed, vec![(10, STRANGER, break_glass())]),
        (RoleNotAllowed, vec![(10, STRANDED, request(RECORD, Purpose::TREAT))]),
        // Parties.
        (UnknownParty, vec![(10, REGULATOR, register_party(PartyId(50), Some(NOBODY), at(99)))]),
        (UnknownParty, vec![(10, REGULATOR, register_party(PartyId(50), Some(CLERK), at(99)))]),
        (UnknownParty, vec![(10, REGULATOR, Action::RevokeCredential { party: NOBODY })]),
        (DuplicateParty, vec![(10, REGULATOR, register_party(CLERK, None, at(1)))]),
        (ExpiryInPast, vec![(10, REGULATOR, register_party(PartyId(50), None, at(10)))]),
        (AlreadyRevoked, {
            let revoke = (10, REGULATOR, Action::RevokeCredential { party: CLERK });
            vec![revoke.clone(), revoke]
        }),
        // Records.
        (UnknownParty, vec![(10, HOSPITAL, for_no_patient)]),
        (DuplicateRecord, vec![(10, INSURER, register_record(1))]),
        (DuplicateRecord, vec![(10, HOSPITAL, register_record(3)), (10, CLERK, register_record(3))]),
        (NotCustodian, vec![(10, INSURER, register_record(3))]),
        (NotCustodian, vec![(10, STRANGER, register_record(3))]),
        (NotCustodian, vec![(10, INSURER, no_wrap.clone())]),
        (MissingPatientWrap, vec![(10, HOSPITAL, no_wrap)]),
        // Consents.
        (UnknownParty, vec![(10, PATIENT, grant(scope(NOBODY)))]),
        (UnknownParty, vec![(10, PATIENT, Action::GrantConsent { patient: CLERK, scope: scope(HOSPITAL) })]),
        (NotConsentAuthority, vec![(10, OTHER_PATIENT, grant(no_class.clone()))]),
        (NotConsentAuthority, vec![(10, GUARDIAN, grant(scope(HOSPITAL)))]),
        (EmptyScope, vec![(10, PATIENT, grant(no_class))]),
        (EmptyScope, vec![(10, PATIENT, deny(no_purpose))]),
        (UnknownPurpose, vec![(10, PATIENT, grant(Scope { until: at(0), ..with(&[Purpose::Other(1)]) }))]),
        (UnknownPurpose, vec![(10, PATIENT, grant(with(&[Purpose::TREAT, Purpose::BTG])))]),
        (ExpiryInPast, vec![(10, PATIENT, grant(Scope { until: at(10), ..scope(HOSPITAL) }))]),
        (ExpiryInPast, vec![(10, PATIENT, deny(Scope { from: at(20), until: at(20), ..scope(HOSPITAL) }))]),
        (UnknownConsent, vec![(10, PATIENT, revoke(0))]),
        (NotConsentAuthority, vec![granted(), (10, OTHER_PATIENT, revoke(0))]),
        (AlreadyRevoked, vec![granted(), (10, PATIENT, revoke(0)), (10, PATIENT, revoke(0))]),
        // Access.
        (UnknownRecord, ask(RecordId(9), Purpose::TREAT)),
        (UnknownPurpose, after(vec![granted()], ask(RECORD, Purpose::Other(0)))),
        (NoConsent, treat()),
        (NoConsent, after(vec![(10, PATIENT, grant(scope(INSURER)))], treat())),
        (NoConsent, vec![granted(), (10, STRANGER, request_by(0))]),
        (NoConsent, vec![(10, PATIENT, request(RECORD, Purpose::TREAT))]),
        (NoConsent, vec![(10, OTHER_PATIENT, request(RECORD, Purpose::PATRQT))]),
        (NoConsent, {
            let theirs = Action::GrantConsent { patient: OTHER_PATIENT, scope: scope(HOSPITAL) };
            vec![granted(), (10, OTHER_PATIENT, theirs), (10, CLINICIAN, request_by(1))]
        }),
        (UnknownConsent, vec![granted(), (10, CLINICIAN, request_by(1))]),
        (ConsentExpired, vec![granted(), (1000, CLINICIAN, request_by(0))]),
        (ConsentExpired, vec![granted(), (1000, CLINICIAN, request(RECORD, Purpose::TREAT))]),
        (
            ConsentExpired,
            after(vec![(10, PATIENT, grant(Scope { from: at(11), ..scope(HOSPITAL) }))], treat()),
        ),
        (ConsentRevoked, after(vec![granted(), (10, PATIENT, revoke(0))], treat())),
        (ConsentRevoked, vec![granted(), (10, PATIENT, revoke(0)), (10, CLINICIAN, request_by(0))]),
        (PurposeMismatch, after(vec![granted()], ask(RECORD, Purpose::HPAYMT))),
        (PurposeMismatch, after(vec![granted()], ask(RECORD, Purpose::BTG))),
        (PurposeMismatch, after(vec![(10, PATIENT, grant(with(&[Purpose::ETREAT])))], treat())),
        (LabelNotCovered, after(vec![granted()], ask(SENSITIVE, Purpose::TREAT))),
        (LabelNotCovered, {
            let part = Scope { sensitivities: HIV, ..everything.clone() };
            after(vec![(10, PATIENT, grant(part))], ask(SENSITIVE, Purpose::HPAYMT))
        }),
        (LabelNotCovered, {
            let imaging = List::new(vec![RecordClass::Imaging]).unwrap();
            after(vec![(10, PATIENT, grant(Scope { classes: imaging, ..everything.clone() }))], treat())
        }),
        // The consent that got furthest tells.
        (PurposeMismatch, {
            let revoked =
                vec![granted(), (10, PATIENT, revoke(0)), (10, PATIENT, grant(with(&[Purpose::HPAYMT])))];
            after(after(revoked, vec![(10, PATIENT, grant(scope(INSURER)))]), treat())
        }),
        // A directive wins over consent, also when only it is named; staff do not escape one against their hospital.
        (DeniedByDirective, after(vec![granted(), (10, PATIENT, deny(scope(HOSPITAL)))], treat())),
        (DeniedByDirective, {
            let any = Scope { sensitivities: HIV, ..everything.clone() };
            let all = vec![(10, PATIENT, grant(everything.clone())), (10, PATIENT, deny(any))];
            after(all, ask(SENSITIVE, Purpose::ETREAT))
        }),
        (DeniedByDirective, {
            let hospitals = Scope { grantee: Grantee::Everyone(Role::Hospital), ..scope(HOSPITAL) };
            after(vec![granted(), (10, PATIENT, deny(hospitals))], treat())
        }),
        (DeniedByDirective, vec![(10, PATIENT, deny(with(&[Purpose::BTG]))), (10, CLINICIAN, break_glass())]),
        // Break-glass.
        (UnknownRecord, vec![(10, CLINICIAN, glass(RecordId(9), 0, 0))]),
        (ReasonMissing, vec![(10, CLINICIAN, glass(RECORD, 0, 0))]),
        (WindowTooLong, vec![(10, CLINICIAN, glass(RECORD, 1, 0))]),
        (WindowTooLong, vec![(10, CLINICIAN, glass(RECORD, 1, hours(8) + 1))]),
        (UnknownAccess, vec![(10, CLERK, review(0))]),
        (UnknownAccess, after(after(vec![granted()], treat()), vec![(10, CLERK, review(0))])),
        (NotCustodian, vec![(10, CLINICIAN, break_glass()), (10, INSURER, review(0))]),
        (RoleNotAllowed, vec![(10, CLINICIAN, break_glass()), (10, CLINICIAN, review(0))]),
        (
            AlreadyReviewed,
            vec![(10, CLINICIAN, break_glass()), (10, CLERK, review(0)), (10, CLERK, review(0))],
        ),
        (ReviewOverdue, vec![(10, CLINICIAN, break_glass()), (72 * 3600 + 11, CLERK, review(0))]),
    ];
    check(cases);
}

#[test]
fn common_checks_come_in_order() {
    use Refusal::*;
    let mut ledger = world();
    // Everything is wrong at first; each step mends what was refused before.
    let mut wrong = body(NOBODY, 3, break_glass());
    wrong.valid_until = at(10);
    let refused = |ledger: &mut Ledger, transaction: &Transaction, valid| match ledger.apply(
        at(10),
        transaction,
        valid,
    ) {
        Outcome::Refused(refusal) => refusal,
        outcome => panic!("{outcome:?}"),
    };
    assert_eq!(refused(&mut ledger, &sign(wrong.clone()), false), UnknownActor);
    wrong.actor = LAPSED;
    let by_another = Transaction::sign(ChainId::default(), wrong.clone(), &secret(CLERK)).0;
    assert_eq!(refused(&mut ledger, &sign(wrong.clone()), false), BadSignature);
    assert_eq!(refused(&mut ledger, &by_another, true), BadSignature);
    assert_eq!(refused(&mut ledger, &sign(wrong.clone()), true), CredentialRevoked);
    wrong.actor = CLERK;
    assert_eq!(refused(&mut ledger, &sign(wrong.clone()), true), TransactionExpired);
    // Until here nothing was used up; from here on the sequence is.
    assert_eq!(ledger.state_root(), world().state_root());
    wrong.valid_until = at(11);
    wrong.organisation = INSURER;
    assert_eq!(refused(&mut ledger, &sign(wrong.clone()), true), RoleNotAllowed);
    let used = ledger.state_root();
    assert_ne!(used, world().state_root());
    assert_eq!(refused(&mut ledger, &sign(wrong.clone()), true), StaleSequence);
    assert_eq!(ledger.state_root(), used);
    wrong.organisation = HOSPITAL;
    assert_eq!(refused(&mut ledger, &sign(wrong.clone()), true), StaleSequence);
    wrong.sequence = 4;
    assert_eq!(refused(&mut ledger, &sign(wrong.clone()), true), RoleNotAllowed);
    // For oneself, with the credential of the organisation lapsed or not.
    let mut alone = body(STRANDED, 0, request(RECORD, Purpose::TREAT));
    assert_eq!(refused(&mut ledger, &sign(alone.clone()), true), RoleNotAllowed);
    (alone.organisation, alone.sequence) = (STRANDED, 1);
    assert_eq!(refused(&mut ledger, &sign(alone), true), NoConsent);
    // A future and a revoked credential count alike.
    play(&mut ledger, &[(10, REGULATOR, Action::RevokeCredential { party: STRANGER })]);
    assert_eq!(refused(&mut ledger, &sign(body(STRANGER, 0, break_glass())), true), CredentialRevoked);
}
