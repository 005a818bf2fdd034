//! Who asks why is told the rule that decided, and asking changes nothing.

use super::*;

/// Plays steps and gives the account of the last one.
fn account(steps: &[Step]) -> (Outcome, Option<Account>) {
    let (mut told, mut plain) = (world(), world());
    told.explain();
    let outcomes = play(&mut told, steps);
    assert_eq!(outcomes, play(&mut plain, steps));
    assert_eq!(told.state_root(), plain.state_root(), "accounts are no part of the state");
    assert!(plain.take_accounts().is_empty());
    let mut accounts = told.take_accounts();
    assert_eq!(accounts.len(), steps.len(), "one for each action");
    assert!(told.take_accounts().is_empty());
    (*outcomes.last().unwrap(), accounts.pop().unwrap())
}

#[track_caller]
fn ground(steps: &[Step], ground: Ground, refusal: Option<Refusal>) {
    let (outcome, account) = account(steps);
    let Some(Account::Access(access)) = account else { panic!("{account:?}") };
    assert_eq!(access.ground, ground);
    let refused = if let Outcome::Refused(refusal) = outcome { Some(refusal) } else { None };
    assert_eq!(refused, refusal);
    assert_eq!((access.patient, access.record), (PATIENT, RECORD));
}

#[test]
fn every_decision_about_access_has_its_ground() {
    let ask = (20, CLINICIAN, request(RECORD, Purpose::TREAT));
    let given = (10, PATIENT, grant(scope(HOSPITAL)));
    let id = ConsentId;
    ground(std::slice::from_ref(&ask), Ground::NoConsent(None), Some(Refusal::NoConsent));
    ground(&[given.clone(), ask.clone()], Ground::Consent(id(0)), None);
    let withdrawn = [given.clone(), (15, PATIENT, revoke(0)), ask.clone()];
    ground(&withdrawn, Ground::NoConsent(Some(id(0))), Some(Refusal::ConsentRevoked));
    let denied = [given.clone(), (15, PATIENT, deny(scope(HOSPITAL))), ask.clone()];
    ground(&denied, Ground::Directive(id(1)), Some(Refusal::DeniedByDirective));
    // The one that gets furthest is named, not the newest.
    let payment = Scope { purposes: purposes(&[Purpose::HPAYMT]), ..scope(HOSPITAL) };
    let nearest = [(10, PATIENT, grant(payment)), (11, PATIENT, grant(scope(INSURER))), ask.clone()];
    ground(&nearest, Ground::NoConsent(Some(id(0))), Some(Refusal::PurposeMismatch));
    ground(&[given.clone(), (20, CLINICIAN, request_by(0))], Ground::Consent(id(0)), None);
    ground(&[(20, CLINICIAN, request_by(7))], Ground::NoConsent(None), Some(Refusal::UnknownConsent));
    ground(&[(20, PATIENT, request(RECORD, Purpose::PATRQT))], Ground::Own, None);
    let unknown = (20, CLINICIAN, request(RECORD, Purpose::Other(1)));
    ground(&[unknown], Ground::UnknownPurpose, Some(Refusal::UnknownPurpose));
    ground(&[(20, CLINICIAN, break_glass())], Ground::Emergency, None);
    let for_ever = Action::BreakGlass { record: RECORD, reason: Digest([1; 32]), window_ns: u64::MAX };
    ground(&[(20, CLINICIAN, for_ever)], Ground::BadEmergency, Some(Refusal::WindowTooLong));
    let shredded = [(10, PATIENT, Action::ShredKey { record: RECORD }), ask];
    ground(&shredded, Ground::KeyShredded, Some(Refusal::KeyShredded));
}

#[test]
fn an_account_holds_the_rule_as_it_was() {
    let steps = [(10, PATIENT, grant(scope(HOSPITAL))), (20, CLINICIAN, request(RECORD, Purpose::TREAT))];
    let (_, account) = account(&steps);
    let Some(Account::Access(access)) = account else { panic!("{account:?}") };
    let consent = access.consent.unwrap();
    assert_eq!((consent.grantee, consent.revoked_at), (Grantee::Party(HOSPITAL), None));
    assert_eq!((access.given, access.at, access.organisation), (1, at(20), HOSPITAL));
}

#[test]
fn who_decides_for_a_patient_is_told_with_the_delegation() {
    let (_, own) = account(&[(10, PATIENT, grant(scope(HOSPITAL)))]);
    assert_eq!(own, Some(Account::Authority { patient: PATIENT, delegation: None }));
    let delegate = Action::DelegateAuthority {
        patient: PATIENT,
        delegate: GUARDIAN,
        scope: reach(),
        until: at(1000),
        evidence: Digest([1; 32]),
        minor_until: None,
    };
    let (_, held) = account(&[(10, PATIENT, delegate), (20, GUARDIAN, grant(scope(HOSPITAL)))]);
    let Some(Account::Authority { delegation: Some((id, delegation)), .. }) = held else {
        panic!("{held:?}")
    };
    assert_eq!((id, delegation.delegate, delegation.delegator), (DelegationId(0), GUARDIAN, PATIENT));
}

#[test]
fn a_bundle_that_is_rolled_back_keeps_its_accounts() {
    let mut ledger = world();
    ledger.explain();
    let actions = vec![
        grant(scope(HOSPITAL)),
        request(RECORD, Purpose::PATRQT),
        revoke(9),
        request(RECORD, Purpose::PATRQT),
    ];
    let actions = Actions::new(actions).unwrap();
    let body = TransactionBody { atomic: true, actions, ..body(PATIENT, 1, revoke(0)) };
    let answers = ledger.execute(at(10), &sign(body), true);
    assert_eq!(answers[1].outcome, Outcome::Refused(Refusal::RolledBack));
    let accounts = ledger.take_accounts();
    assert_eq!(accounts.len(), 3, "what follows a refusal is not looked at");
    assert!(matches!(&accounts[1], Some(Account::Access(access)) if access.ground == Ground::Own));
    assert_eq!(accounts[2], None);
}
