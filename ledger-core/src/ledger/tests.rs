//! One small world, in which outcomes, permits, counters, replays and snapshots are tried.

mod accounts;
mod authority;
mod bundles;
mod claims;
mod keys;
mod order;
mod permits;
mod refusals;
mod supply;
mod telemedicine;
mod trials;

use super::transaction::*;
use super::*;
use crate::codec::{Blob, List};
use crate::crypto::{ChainId, PublicKey, SecretKey};
use crate::time::Duration;
use proptest::prelude::*;

const REGULATOR: PartyId = PartyId(0);
const HOSPITAL: PartyId = PartyId(1);
const CLINICIAN: PartyId = PartyId(2);
const CLERK: PartyId = PartyId(3);
const INSURER: PartyId = PartyId(4);
const PATIENT: PartyId = PartyId(5);
const OTHER_PATIENT: PartyId = PartyId(6);
const LAPSED: PartyId = PartyId(7);
const LAPSED_HOSPITAL: PartyId = PartyId(8);
const STRANDED: PartyId = PartyId(9);
const STRANGER: PartyId = PartyId(10);
const GUARDIAN: PartyId = PartyId(11);
const NOBODY: PartyId = PartyId(99);

/// Normal, of the patient, kept by the hospital.
const RECORD: RecordId = RecordId(0);
/// Restricted and about HIV.
const SENSITIVE: RecordId = RecordId(1);

const HIV: Sensitivities = Sensitivities(4);
const HIV_AND_PSY: Sensitivities = Sensitivities(5);

fn at(seconds: u64) -> Timestamp {
    Timestamp::after_genesis(Duration::from_secs(seconds))
}

fn secret(party: PartyId) -> SecretKey {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&party.0.to_le_bytes());
    SecretKey::from_seed(seed)
}

fn record(n: u8, label: Label) -> Record {
    Record {
        patient: PATIENT,
        custodian: HOSPITAL,
        commitment: Digest([n; 32]),
        class: RecordClass::Observation,
        label,
        size_bucket: 11,
        locator: [n; 16],
        patient_wrap: Blob::new(vec![1; 80]).unwrap(),
        registered_at: Timestamp::ZERO,
        epoch: 0,
        shredded_at: None,
    }
}

const NORMAL: Label = Label { confidentiality: Confidentiality::N, sensitivities: Sensitivities(0) };

fn world() -> Ledger {
    let mut genesis = Ledger::genesis(Policy::default());
    let until = |seconds| Credential { until: at(seconds), ..Credential::ALWAYS };
    let parties = [
        (Role::Regulator, None, Credential::ALWAYS),
        (Role::Hospital, None, Credential::ALWAYS),
        (Role::Clinician, Some(HOSPITAL), Credential::ALWAYS),
        (Role::Clerk, Some(HOSPITAL), Credential::ALWAYS),
        (Role::Insurer, None, Credential::ALWAYS),
        (Role::Patient, None, Credential::ALWAYS),
        (Role::Patient, None, Credential::ALWAYS),
        (Role::Clinician, Some(HOSPITAL), until(5)),
        (Role::Hospital, None, until(5)),
        (Role::Clinician, Some(LAPSED_HOSPITAL), Credential::ALWAYS),
        (Role::Clinician, None, Credential::ALWAYS),
        (Role::Guardian, None, Credential::ALWAYS),
    ];
    for (index, (role, organisation, credential)) in parties.into_iter().enumerate() {
        let key = secret(PartyId(index as u32)).public();
        genesis.party(Party { key, wrap_key: [9; 32], role, organisation, credential });
    }
    genesis.record(record(1, NORMAL));
    genesis.record(record(2, Label { confidentiality: Confidentiality::R, sensitivities: HIV_AND_PSY }));
    genesis.build()
}

fn scope(grantee: PartyId) -> Scope {
    Scope {
        grantee: Grantee::Party(grantee),
        classes: List::new(vec![RecordClass::Observation]).unwrap(),
        confidentiality_max: Confidentiality::N,
        sensitivities: Sensitivities::default(),
        purposes: List::new(vec![Purpose::TREAT]).unwrap(),
        from: at(0),
        until: at(1000),
        redisclosure: false,
    }
}

fn purposes(purposes: &[Purpose]) -> List<Purpose, 16> {
    List::new(purposes.to_vec()).unwrap()
}

/// As much as [`scope`] covers.
fn reach() -> DelegatedScope {
    let Scope { classes, confidentiality_max, sensitivities, purposes, .. } = scope(HOSPITAL);
    DelegatedScope { classes, confidentiality_max, sensitivities, purposes }
}

fn grant(scope: Scope) -> Action {
    Action::GrantConsent { patient: PATIENT, scope }
}

fn deny(scope: Scope) -> Action {
    Action::DenyDirective { patient: PATIENT, scope }
}

fn revoke(consent: u32) -> Action {
    Action::RevokeConsent { consent: ConsentId(consent) }
}

fn request(record: RecordId, purpose: Purpose) -> Action {
    Action::RequestAccess { record, purpose, consent: None }
}

fn request_by(consent: u32) -> Action {
    Action::RequestAccess { record: RECORD, purpose: Purpose::TREAT, consent: Some(ConsentId(consent)) }
}

fn break_glass() -> Action {
    Action::BreakGlass { record: RECORD, reason: Digest([1; 32]), window_ns: 1_000_000_000 }
}

fn review(access: u32) -> Action {
    Action::ReviewBreakGlass { access: AccessId(access), justified: true }
}

fn register_record(n: u8) -> Action {
    let Record { patient, commitment, class, label, size_bucket, locator, patient_wrap, .. } =
        record(n, NORMAL);
    Action::RegisterRecord { patient, commitment, class, label, size_bucket, locator, patient_wrap }
}

fn register_party(key: PartyId, organisation: Option<PartyId>, until: Timestamp) -> Action {
    let key = secret(key).public();
    Action::RegisterParty {
        key,
        wrap_key: [0; 32],
        role: Role::Clinician,
        organisation,
        valid: (at(0), until),
    }
}

/// The organisation the party belongs to in [`world`].
fn home(party: PartyId) -> PartyId {
    match party {
        CLINICIAN | CLERK | LAPSED => HOSPITAL,
        STRANDED => LAPSED_HOSPITAL,
        _ => telemedicine::home(party),
    }
}

fn body(actor: PartyId, sequence: u64, action: Action) -> TransactionBody {
    let (organisation, valid_until) = (home(actor), at(1_000_000));
    TransactionBody { actor, organisation, sequence, valid_until, atomic: false, actions: action.into() }
}

fn sign(body: TransactionBody) -> Transaction {
    let key = secret(body.actor);
    Transaction::sign(ChainId::default(), body, &key).0
}

/// Executes one after the other, at the given seconds, and returns the outcomes.
fn play(ledger: &mut Ledger, steps: &[Step]) -> Vec<Outcome> {
    let steps = steps.iter().enumerate();
    steps
        .map(|(n, (seconds, actor, action))| {
            let fresh = ledger.activity(*actor).map_or(0, |activity| {
                (0..).find(|sequence| activity.sequences.is_fresh(*sequence, *sequence)).unwrap_or(n as u64)
            });
            ledger.apply(at(*seconds), &sign(body(*actor, fresh, action.clone())), true)
        })
        .collect()
}

/// When, who, what.
type Step = (u64, PartyId, Action);

/// The last step of each case is refused exactly so, and no step before it.
fn check(cases: Vec<(Refusal, Vec<Step>)>) {
    for (number, (refusal, steps)) in cases.into_iter().enumerate() {
        let outcomes = play(&mut world(), &steps);
        let (last, before) = outcomes.split_last().unwrap();
        assert_eq!(*last, Outcome::Refused(refusal), "case {number}: {:?}", steps.last());
        assert!(before.iter().all(|outcome| !matches!(outcome, Outcome::Refused(_))), "{number}: {before:?}");
    }
}

/// What spoils a setup, and the refusal that then follows.
type Spoiled<S> = (Refusal, fn(&mut S));

/// Each precondition refuses by itself, and of any two the first in the list wins. A setup as it is is accepted.
fn check_order<S: Clone>(base: &S, preconditions: &[Spoiled<S>], outcome: impl Fn(&S) -> Outcome) {
    let found = outcome(base);
    assert!(!matches!(found, Outcome::Refused(_)), "{found:?}");
    for (first, (refusal, spoil)) in preconditions.iter().enumerate() {
        let mut setup = base.clone();
        spoil(&mut setup);
        assert_eq!(outcome(&setup), Outcome::Refused(*refusal), "row {first}");
        for (second, (_, later)) in preconditions.iter().enumerate().skip(first + 1) {
            // Later ones first: what they put into the action the earlier one may overwrite.
            let mut setup = base.clone();
            later(&mut setup);
            spoil(&mut setup);
            assert_eq!(outcome(&setup), Outcome::Refused(*refusal), "rows {first} and {second}");
        }
    }
}

#[test]
fn every_action_succeeds() {
    let mut ledger = world();
    let records = ledger.clone();
    let permitted = |access, seconds, record| {
        let Record { commitment, custodian, .. } = *records.record(record).unwrap();
        Outcome::Permitted { access: AccessId(access), until: at(seconds), record, commitment, custodian }
    };
    let steps = [
        (10, REGULATOR, register_party(PartyId(50), Some(HOSPITAL), at(99))),
        (10, HOSPITAL, register_record(3)),
        (10, CLERK, register_record(4)),
        (10, PATIENT, grant(scope(HOSPITAL))),
        (10, CLINICIAN, request(RECORD, Purpose::ERTREAT)),
        (10, CLINICIAN, request_by(0)),
        (980, CLINICIAN, request_by(0)),
        (980, PATIENT, request(SENSITIVE, Purpose::PATRQT)),
        (980, CLINICIAN, break_glass()),
        (981, CLERK, review(4)),
        (981, PATIENT, deny(Scope { until: at(2000), ..scope(HOSPITAL) })),
        (982, PATIENT, revoke(0)),
        (982, REGULATOR, Action::RevokeCredential { party: CLINICIAN }),
    ];
    let expected = [
        Outcome::PartyRegistered(PartyId(12)),
        Outcome::RecordRegistered(RecordId(2)),
        Outcome::RecordRegistered(RecordId(3)),
        Outcome::ConsentRegistered(ConsentId(0)),
        permitted(0, 40, RECORD),
        permitted(1, 40, RECORD),
        permitted(2, 1000, RECORD),
        permitted(3, 1010, SENSITIVE),
        permitted(4, 981, RECORD),
        Outcome::Reviewed(AccessId(4)),
        Outcome::ConsentRegistered(ConsentId(1)),
        Outcome::ConsentRevoked(ConsentId(0)),
        Outcome::CredentialRevoked(CLINICIAN),
    ];
    assert_eq!(play(&mut ledger, &steps), expected);
    assert_eq!(ledger.record(RecordId(3)).unwrap().custodian, HOSPITAL);
    assert_eq!(ledger.activity(PATIENT).unwrap().accesses, 5);
    assert_eq!(ledger.consents_of(PATIENT).map(|(id, _)| id.0).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(ledger.consents_of(OTHER_PATIENT).count(), 0);
    assert_eq!(ledger.consents_of(NOBODY).count(), 0);
}

#[test]
fn staff_who_act_for_themselves_do_not_escape_a_directive() {
    let mut ledger = world();
    play(&mut ledger, &[(10, PATIENT, grant(scope(CLINICIAN))), (10, PATIENT, deny(scope(HOSPITAL)))]);
    let mut alone = body(CLINICIAN, 0, request_by(0));
    alone.organisation = CLINICIAN;
    assert_eq!(ledger.apply(at(10), &sign(alone), true), Outcome::Refused(Refusal::DeniedByDirective));
}

#[test]
fn permits_end() {
    let permitted = || {
        let mut ledger = world();
        let steps = [(10, PATIENT, grant(scope(HOSPITAL))), (10, CLINICIAN, request_by(0))];
        play(&mut ledger, &steps);
        ledger
    };
    let status = |ledger: &Ledger, seconds| ledger.permit_status(AccessId(0), at(seconds));
    let in_force = PermitStatus::InForce { record: RECORD, actor: CLINICIAN, organisation: HOSPITAL };
    let ledger = permitted();
    assert_eq!((status(&ledger, 10), status(&ledger, 39)), (in_force, in_force));
    assert_eq!(status(&ledger, 40), PermitStatus::Expired);
    assert_eq!(ledger.permit_status(AccessId(1), at(10)), PermitStatus::Unknown);
    let enders = [
        (11, PATIENT, revoke(0)),
        (11, PATIENT, deny(scope(HOSPITAL))),
        (11, REGULATOR, Action::RevokeCredential { party: CLINICIAN }),
        (11, REGULATOR, Action::RevokeCredential { party: HOSPITAL }),
    ];
    for ender in enders {
        let mut ledger = permitted();
        play(&mut ledger, std::slice::from_ref(&ender));
        assert_eq!(status(&ledger, 11), PermitStatus::Revoked, "{ender:?}");
    }
    // Break-glass stands outside consent, but not outside a directive that names it.
    let mut ledger = world();
    play(&mut ledger, &[(10, CLINICIAN, break_glass()), (10, PATIENT, deny(scope(HOSPITAL)))]);
    assert_eq!(status(&ledger, 10), in_force);
    assert!(!ledger.is_review_overdue(AccessId(0), at(72 * 3600 + 10)));
    assert!(ledger.is_review_overdue(AccessId(0), at(72 * 3600 + 11)));
    play(
        &mut ledger,
        &[(10, PATIENT, deny(Scope { purposes: purposes(&[Purpose::BTG]), ..scope(HOSPITAL) }))],
    );
    assert_eq!(status(&ledger, 10), PermitStatus::Revoked);
}

#[test]
fn access_counter_has_no_gap() {
    let mut ledger = world();
    play(&mut ledger, &[(10, PATIENT, grant(scope(HOSPITAL)))]);
    let mut decisions = Vec::new();
    let glass = |reason| Action::BreakGlass { record: RECORD, reason, window_ns: 1 };
    let actions = [
        request(RECORD, Purpose::TREAT),
        request(RECORD, Purpose::HMARKT),
        request(RecordId(77), Purpose::TREAT),
        glass(Digest::default()),
        glass(Digest([1; 32])),
        register_record(9),
        request(SENSITIVE, Purpose::TREAT),
    ];
    for (sequence, action) in actions.into_iter().enumerate() {
        let transaction = sign(body(CLINICIAN, sequence as u64, action));
        decisions.push(ledger.execute(at(10), &transaction, true)[0].decision);
        assert_eq!(ledger.execute(at(10), &transaction, true)[0].decision, None);
    }
    let counters: Vec<_> = decisions.iter().map(|decision| decision.map_or(0, |it| it.counter)).collect();
    assert_eq!(counters, [1, 2, 0, 3, 4, 0, 5]);
    assert_eq!(ledger.access(AccessId(1)).unwrap().counter, 4);
}

#[test]
fn too_many_consents_of_one_patient() {
    let mut genesis = Ledger::genesis(Policy::default());
    let key = secret(PartyId(0)).public();
    let patient = genesis.party(Party {
        key,
        wrap_key: [0; 32],
        role: Role::Patient,
        organisation: None,
        credential: Credential::ALWAYS,
    });
    for _ in 1..CONSENTS_PER_PATIENT_MAX {
        genesis.consent(patient, false, &scope(patient)).unwrap();
    }
    let mut ledger = genesis.build();
    let action = Action::GrantConsent { patient, scope: scope(patient) };
    let outcomes = play(&mut ledger, &[(1, patient, action.clone()), (1, patient, action)]);
    assert_eq!(outcomes[1], Outcome::Refused(Refusal::TooManyConsents));
    assert!(matches!(outcomes[0], Outcome::ConsentRegistered(_)));
}

/// A transaction of any kind, by anybody, over few ids, so that much is permitted and much refused.
fn any_step() -> impl Strategy<Value = (PartyId, u64, Action)> {
    let scope = (1u32..6, 0usize..5, 1u64..60).prop_map(|(grantee, purpose, until)| {
        let listed = [Purpose::TREAT, Purpose::HPAYMT, Purpose::BTG, Purpose::ETREAT, Purpose::Other(0)];
        Scope { purposes: purposes(&[listed[purpose]]), until: at(until), ..scope(PartyId(grantee)) }
    });
    let action = prop_oneof![
        (0u8..9).prop_map(register_record),
        scope.clone().prop_map(grant),
        scope.prop_map(deny),
        (0u32..4).prop_map(revoke),
        (0u32..3).prop_map(|id| request(RecordId(id), Purpose::TREAT)),
        (0u32..3).prop_map(request_by),
        Just(break_glass()),
        (0u32..3).prop_map(review),
        (4u32..13, 1u64..60).prop_map(|(delegate, until)| {
            let (scope, patient, delegate, until) = (reach(), PATIENT, PartyId(delegate), at(until));
            let (evidence, minor_until) = (Digest([1; 32]), Some(at(50)));
            Action::DelegateAuthority { patient, delegate, scope, until, evidence, minor_until }
        }),
        (0u32..3, 1u32..6).prop_map(|(id, grantee)| {
            let (record, grantee) = (RecordId(id), PartyId(grantee));
            Action::RewrapKey { record, grantee, wrap: Blob::new(vec![1; 80]).unwrap() }
        }),
        (0u32..3, 0u8..9).prop_map(|(id, n)| {
            let (record, patient_wrap) = (RecordId(id), Blob::new(vec![n; 80]).unwrap());
            Action::RotateKey { record, commitment: Digest([n; 32]), locator: [n; 16], patient_wrap }
        }),
        (1u32..3).prop_map(|id| Action::ShredKey { record: RecordId(id) }),
        (12u32..15).prop_map(|id| register_party(PartyId(id), Some(HOSPITAL), at(50))),
    ];
    (0u32..12, 0u64..200, action).prop_map(|(actor, sequence, action)| (PartyId(actor), sequence, action))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Replays, also from a snapshot taken on the way, give the same outcomes and roots; a fork leaves its origin be.
    #[test]
    fn replays_and_snapshots_agree(steps in prop::collection::vec(any_step(), 1..80), cut in 0usize..80) {
        let genesis = world();
        let genesis_root = genesis.state_root();
        let (mut first, mut second) = (genesis.clone(), world());
        for (second_number, (actor, sequence, action)) in steps.into_iter().enumerate() {
            let transaction = sign(body(actor, sequence, action));
            let now = at(second_number as u64);
            prop_assert_eq!(first.execute(now, &transaction, true), second.execute(now, &transaction, true));
            if second_number % 7 == 0 {
                first.state_root();
            }
            if second_number == cut {
                let bytes = second.snapshot();
                second = Ledger::restore(&bytes).unwrap();
                prop_assert_eq!(second.snapshot(), bytes);
            }
        }
        prop_assert_eq!(first.state_root(), second.state_root());
        prop_assert_eq!(genesis.state_root(), genesis_root);
    }

    #[test]
    fn hostile_snapshots_are_refused_or_restore_to_themselves(at in 0usize..4000, flip in 1u8..=255, cut in 0usize..4000) {
        let mut ledger = world();
        play(&mut ledger, &[(10, PATIENT, grant(scope(HOSPITAL))), (10, CLINICIAN, request_by(0))]);
        let mut bytes = ledger.snapshot();
        let length = bytes.len();
        prop_assert!(Ledger::restore(&bytes[..cut % length]).is_err());
        bytes[at % length] ^= flip;
        if let Ok(restored) = Ledger::restore(&bytes) {
            prop_assert_eq!(restored.snapshot(), bytes);
            prop_assert_ne!(restored.state_root(), ledger.state_root());
        }
    }
}

#[test]
fn snapshots_that_refer_to_nothing_are_refused() {
    let ledger = world();
    let mut bad = ledger.clone();
    bad.records.get_mut(0).unwrap().custodian = NOBODY;
    let error = RestoreError::Impossible { table: "records", index: 0 };
    assert_eq!(Ledger::restore(&bad.snapshot()).unwrap_err(), error);
    let mut bytes = ledger.snapshot();
    bytes[0] = 9;
    assert_eq!(Ledger::restore(&bytes).unwrap_err(), RestoreError::Version(9));
    assert!(matches!(Ledger::restore(&[]), Err(RestoreError::Decode(_))));
}

#[test]
fn replicas_of_a_genesis_share_it() {
    let mut genesis = Ledger::genesis(Policy::default());
    let mut key = [0; 32];
    for n in 0..20_000u32 {
        key[..4].copy_from_slice(&n.to_le_bytes());
        let key = PublicKey(key);
        genesis.party(Party {
            key,
            wrap_key: [0; 32],
            role: Role::Patient,
            organisation: None,
            credential: Credential::ALWAYS,
        });
    }
    let genesis = genesis.build();
    assert!(genesis.memory_bytes() > 20_000 * 100);
    let mut replica = genesis.clone();
    assert_eq!(replica.memory_bytes(), 0);
    *replica.decisions.get_mut(12_345).unwrap() = 1;
    assert!(replica.memory_bytes() < 4_500);
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn seeded_bugs_bite() {
    let with = |bug| {
        let mut ledger = world();
        ledger.seed_bug(bug);
        ledger
    };
    let permitted = |outcome: Option<&Outcome>| matches!(outcome, Some(Outcome::Permitted { .. }));
    let granted = (10, PATIENT, grant(scope(HOSPITAL)));
    let mut ledger = with(LedgerBug::IgnoreRevocation);
    let steps = [granted.clone(), (10, PATIENT, revoke(0)), (10, CLINICIAN, request_by(0))];
    assert!(permitted(play(&mut ledger, &steps).last()));
    let mut ledger = with(LedgerBug::IgnoreExpiry);
    assert!(permitted(play(&mut ledger, &[granted.clone(), (2000, CLINICIAN, request_by(0))]).last()));
    let mut ledger = with(LedgerBug::ForgetSequence);
    let transaction = sign(body(PATIENT, 0, granted.2));
    for _ in 0..2 {
        assert!(matches!(ledger.apply(at(10), &transaction, true), Outcome::ConsentRegistered(_)));
    }
}
