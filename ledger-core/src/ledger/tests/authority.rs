//! Delegated authority: who may decide in a patient's stead, about what, until when, and who may not.

use super::*;
use Refusal::*;

/// A guardian who is registered in the course of a test.
const SECOND: PartyId = PartyId(12);

fn with_purposes(listed: &[Purpose]) -> DelegatedScope {
    DelegatedScope { purposes: purposes(listed), ..reach() }
}

fn delegate_as(delegate: PartyId, scope: DelegatedScope, until: u64, minor_until: Option<u64>) -> Action {
    let (until, minor_until) = (at(until), minor_until.map(at));
    Action::DelegateAuthority {
        patient: PATIENT,
        delegate,
        scope,
        until,
        evidence: Digest([1; 32]),
        minor_until,
    }
}

fn delegate(delegate: PartyId, until: u64) -> Action {
    delegate_as(delegate, reach(), until, None)
}

fn named() -> Step {
    (10, PATIENT, delegate(GUARDIAN, 1000))
}

/// A court names the guardian of a minor, who comes of age at second 500.
fn appointed() -> Step {
    (10, REGULATOR, delegate_as(GUARDIAN, reach(), 1000, Some(500)))
}

fn second() -> Step {
    let action = Action::RegisterParty {
        key: secret(SECOND).public(),
        wrap_key: [0; 32],
        role: Role::Guardian,
        organisation: None,
        valid: (at(0), at(5000)),
    };
    (10, REGULATOR, action)
}

/// Patient → guardian → second.
fn chain() -> Vec<Step> {
    vec![second(), named(), (10, GUARDIAN, delegate(SECOND, 900))]
}

fn then(mut steps: Vec<Step>, seconds: u64, actor: PartyId, action: Action) -> Vec<Step> {
    steps.push((seconds, actor, action));
    steps
}

fn no_evidence() -> Action {
    let mut action = delegate_as(GUARDIAN, reach(), 1000, Some(500));
    if let Action::DelegateAuthority { evidence, .. } = &mut action {
        *evidence = Digest::default();
    }
    action
}

fn short(until: u64) -> Scope {
    Scope { until: at(until), ..scope(HOSPITAL) }
}

#[test]
fn refusals_of_delegating() {
    let wider = with_purposes(&[Purpose::TREAT, Purpose::HPAYMT]);
    let no_class = DelegatedScope { classes: List::default(), ..reach() };
    let imaging = DelegatedScope { classes: List::new(vec![RecordClass::Imaging]).unwrap(), ..reach() };
    let for_no_patient = {
        let mut action = delegate(GUARDIAN, 1000);
        if let Action::DelegateAuthority { patient, .. } = &mut action {
            *patient = CLERK;
        }
        action
    };
    let by = |actor, action| vec![(10, actor, action)];
    check(vec![
        (RoleNotAllowed, by(CLINICIAN, delegate(GUARDIAN, 1000))),
        (UnknownParty, by(PATIENT, for_no_patient)),
        (UnknownParty, by(PATIENT, delegate(NOBODY, 1000))),
        (UnknownParty, by(PATIENT, delegate(CLERK, 0))),
        (NotConsentAuthority, by(OTHER_PATIENT, delegate(OTHER_PATIENT, 0))),
        (NotConsentAuthority, by(GUARDIAN, delegate(GUARDIAN, 1000))),
        // A regulator only for a minor, and with evidence.
        (NotConsentAuthority, by(REGULATOR, delegate(GUARDIAN, 1000))),
        (NotConsentAuthority, by(REGULATOR, no_evidence())),
        (MinorAgedOut, by(REGULATOR, delegate_as(GUARDIAN, reach(), 1000, Some(10)))),
        // What was held and has ended comes before what is wrong with the request.
        (MinorAgedOut, then(vec![appointed()], 500, GUARDIAN, delegate(GUARDIAN, 0))),
        (DelegationExpired, then(vec![named()], 1000, GUARDIAN, delegate(GUARDIAN, 0))),
        (MinorAgedOut, then(vec![appointed()], 1000, GUARDIAN, delegate(OTHER_PATIENT, 2000))),
        // To oneself, back to the patient, back to who delegated, and around through another.
        (DelegationCycle, by(PATIENT, delegate_as(PATIENT, no_class.clone(), 1000, None))),
        (DelegationCycle, then(vec![named()], 10, GUARDIAN, delegate(GUARDIAN, 900))),
        (DelegationCycle, then(vec![named()], 10, GUARDIAN, delegate(PATIENT, 900))),
        (DelegationCycle, then(chain(), 10, SECOND, delegate(GUARDIAN, 800))),
        (DelegationCycle, {
            let longer = then(chain(), 10, SECOND, delegate(OTHER_PATIENT, 800));
            then(longer, 10, OTHER_PATIENT, delegate(GUARDIAN, 700))
        }),
        (EmptyScope, by(PATIENT, delegate_as(GUARDIAN, no_class, 0, None))),
        (EmptyScope, by(PATIENT, delegate_as(GUARDIAN, with_purposes(&[]), 0, None))),
        (UnknownPurpose, by(PATIENT, delegate_as(GUARDIAN, with_purposes(&[Purpose::Other(1)]), 0, None))),
        (ExpiryInPast, by(PATIENT, delegate_as(GUARDIAN, reach(), 10, Some(10)))),
        (MinorAgedOut, by(PATIENT, delegate_as(GUARDIAN, reach(), 11, Some(10)))),
        // Further than it is held: in purpose, in class, in time.
        (
            DelegateScopeExceeded,
            then(vec![named()], 10, GUARDIAN, delegate_as(OTHER_PATIENT, wider, 900, None)),
        ),
        (
            DelegateScopeExceeded,
            then(vec![named()], 10, GUARDIAN, delegate_as(OTHER_PATIENT, imaging, 900, None)),
        ),
        (DelegateScopeExceeded, then(vec![named()], 10, GUARDIAN, delegate(OTHER_PATIENT, 1001))),
        (DelegateScopeExceeded, then(vec![appointed()], 10, GUARDIAN, delegate(OTHER_PATIENT, 501))),
    ]);
}

#[test]
fn refusals_of_acting_for_a_patient() {
    let no_class = Scope { classes: List::default(), ..short(400) };
    let paying = Scope { purposes: purposes(&[Purpose::HPAYMT]), ..short(400) };
    let glass = Scope { purposes: purposes(&[Purpose::BTG]), ..short(400) };
    let secret = Scope { confidentiality_max: Confidentiality::R, ..short(400) };
    let about_hiv = Scope { sensitivities: HIV, ..short(400) };
    let guardian = |action| then(vec![named()], 10, GUARDIAN, action);
    let consented = || vec![(10, PATIENT, grant(secret.clone())), named()];
    let by_guardian = || guardian(grant(short(400)));
    check(vec![
        (NotConsentAuthority, then(vec![named()], 10, OTHER_PATIENT, grant(short(400)))),
        (NotConsentAuthority, {
            let other = Action::GrantConsent { patient: OTHER_PATIENT, scope: short(400) };
            guardian(other)
        }),
        (MinorAgedOut, then(vec![appointed()], 500, GUARDIAN, grant(no_class.clone()))),
        (MinorAgedOut, then(vec![appointed()], 500, GUARDIAN, deny(short(600)))),
        (DelegationExpired, then(vec![named()], 1000, GUARDIAN, grant(no_class.clone()))),
        (DelegationExpired, then(by_guardian(), 1000, GUARDIAN, revoke(0))),
        (EmptyScope, guardian(grant(no_class))),
        (ExpiryInPast, guardian(grant(Scope { until: at(10), ..paying.clone() }))),
        (DelegateScopeExceeded, guardian(grant(paying))),
        (DelegateScopeExceeded, guardian(grant(secret.clone()))),
        (DelegateScopeExceeded, guardian(deny(about_hiv))),
        (DelegateScopeExceeded, guardian(deny(glass))),
        (DelegateScopeExceeded, guardian(grant(short(1001)))),
        (DelegateScopeExceeded, then(vec![appointed()], 10, GUARDIAN, grant(short(501)))),
        (DelegateScopeExceeded, then(consented(), 10, GUARDIAN, revoke(0))),
        (NotConsentAuthority, then(by_guardian(), 10, OTHER_PATIENT, revoke(0))),
        (AlreadyRevoked, then(then(by_guardian(), 11, PATIENT, revoke(0)), 12, GUARDIAN, revoke(0))),
        // Each link binds those below it: its time, its holder's credential, and what it is narrowed to.
        (DelegationExpired, then(chain(), 900, SECOND, grant(short(950)))),
        (DelegateScopeExceeded, then(chain(), 10, SECOND, grant(short(901)))),
        (CredentialRevoked, {
            let lost = then(chain(), 10, REGULATOR, Action::RevokeCredential { party: GUARDIAN });
            then(lost, 10, SECOND, grant(short(400)))
        }),
        (DelegateScopeExceeded, {
            let narrowed = delegate_as(GUARDIAN, with_purposes(&[Purpose::ETREAT]), 1000, None);
            then(then(chain(), 10, PATIENT, narrowed), 10, SECOND, grant(short(400)))
        }),
        (DelegationExpired, {
            let shortened = then(chain(), 10, PATIENT, delegate(GUARDIAN, 20));
            then(shortened, 20, SECOND, grant(short(400)))
        }),
    ]);
}

#[test]
fn a_chain_of_guardians_acts_until_it_ends() {
    let mut ledger = world();
    let id = |n| Outcome::DelegationRegistered(DelegationId(n));
    assert_eq!(play(&mut ledger, &chain())[1..], [id(0), id(1)]);
    assert_eq!(ledger.delegation(DelegationId(1)).unwrap().parent, Some(DelegationId(0)));
    let steps = [
        (899, SECOND, grant(short(900))),
        (899, CLINICIAN, request(RECORD, Purpose::TREAT)),
        (899, GUARDIAN, deny(short(1000))),
        (899, SECOND, revoke(1)),
        (899, PATIENT, revoke(0)),
        // Asked again, it replaces: longer for the guardian, and the second's own time stays.
        (899, PATIENT, delegate(GUARDIAN, 2000)),
        (1500, GUARDIAN, grant(short(2000))),
        (1500, SECOND, grant(short(2000))),
    ];
    let outcomes = play(&mut ledger, &steps);
    assert!(outcomes[..7].iter().all(|outcome| !matches!(outcome, Outcome::Refused(_))), "{outcomes:?}");
    assert_eq!((outcomes[5], outcomes[7]), (id(0), Outcome::Refused(DelegationExpired)));
    assert_eq!(ledger.delegations_of(PATIENT).count(), 2);
    assert_eq!(ledger.delegations_of(OTHER_PATIENT).count(), 0);
}

#[test]
fn a_minor_comes_of_age() {
    let mut ledger = world();
    let steps = [
        appointed(),
        (499, GUARDIAN, grant(short(500))),
        (499, CLINICIAN, request(RECORD, Purpose::TREAT)),
        (500, CLINICIAN, request(RECORD, Purpose::TREAT)),
        (500, GUARDIAN, grant(short(600))),
        (500, PATIENT, grant(short(600))),
    ];
    let outcomes = play(&mut ledger, &steps);
    assert!(matches!(outcomes[2], Outcome::Permitted { until, .. } if until == at(500)));
    assert_eq!(outcomes[3..5], [ConsentExpired, MinorAgedOut].map(Outcome::Refused));
    assert_eq!(outcomes[5], Outcome::ConsentRegistered(ConsentId(1)));
}

#[test]
fn delegations_over_one_patient_are_bounded() {
    let mut ledger = world();
    let newcomer = |n: u32| {
        let key = secret(PartyId(n)).public();
        let (organisation, valid) = (None, (at(0), at(5000)));
        let action =
            Action::RegisterParty { key, wrap_key: [0; 32], role: Role::Guardian, organisation, valid };
        (10, REGULATOR, action)
    };
    for n in 0..DELEGATIONS_PER_PATIENT_MAX {
        let outcomes = play(&mut ledger, &[newcomer(12 + n), (10, PATIENT, delegate(PartyId(12 + n), 1000))]);
        assert_eq!(outcomes[1], Outcome::DelegationRegistered(DelegationId(n)));
    }
    let outcomes = play(&mut ledger, &[named(), (10, PATIENT, delegate(SECOND, 900))]);
    let replaced = Outcome::DelegationRegistered(DelegationId(0));
    assert_eq!(outcomes, [Outcome::Refused(TooManyDelegations), replaced]);
}

#[test]
fn snapshots_keep_delegations_and_refuse_impossible_ones() {
    let mut ledger = world();
    play(&mut ledger, &chain());
    let mut restored = Ledger::restore(&ledger.snapshot()).unwrap();
    assert_eq!(restored.state_root(), ledger.state_root());
    assert_ne!(ledger.state_root(), world().state_root());
    let next = [(20, SECOND, grant(short(400))), (20, SECOND, delegate(GUARDIAN, 800))];
    assert_eq!(play(&mut restored, &next), play(&mut ledger, &next));
    let impossible = RestoreError::Impossible { table: "delegations", index: 1 };
    for parent in [DelegationId(1), DelegationId(2)] {
        let mut bad = ledger.clone();
        bad.delegations.get_mut(1).unwrap().parent = Some(parent);
        assert_eq!(Ledger::restore(&bad.snapshot()).unwrap_err(), impossible);
    }
}
