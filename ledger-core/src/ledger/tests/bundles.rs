//! Several actions under one signature.

use super::*;
use crate::codec::{decode, encode};

fn bundle(actor: PartyId, sequence: u64, atomic: bool, actions: Vec<Action>) -> Transaction {
    let actions = Actions::new(actions).expect("between one and the limit");
    sign(TransactionBody { atomic, actions, ..body(actor, sequence, revoke(0)) })
}

fn refusals(answers: &Answers) -> Vec<Option<Refusal>> {
    answers.iter().map(Answer::refusal).collect()
}

fn with_consent() -> Ledger {
    let mut ledger = world();
    play(&mut ledger, &[(10, PATIENT, grant(scope(HOSPITAL)))]);
    ledger
}

#[test]
fn each_action_has_its_own_answer_and_sees_what_came_before() {
    let mut ledger = with_consent();
    let actions =
        vec![revoke(0), revoke(0), grant(scope(HOSPITAL)), request(RECORD, Purpose::TREAT), revoke(1)];
    let answers = ledger.execute(at(10), &bundle(PATIENT, 1, false, actions), true);
    let outcomes: Vec<_> = answers.iter().map(|answer| answer.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::ConsentRevoked(ConsentId(0)),
            Outcome::Refused(Refusal::AlreadyRevoked),
            Outcome::ConsentRegistered(ConsentId(1)),
            // The consent is the hospital's.
            Outcome::Refused(Refusal::NoConsent),
            Outcome::ConsentRevoked(ConsentId(1)),
        ]
    );
    assert_eq!(answers[3].decision, Some(AccessDecision { patient: PATIENT, counter: 1 }));
}

#[test]
fn an_atomic_bundle_is_done_whole() {
    let (mut together, mut apart) = (with_consent(), with_consent());
    let actions = vec![request_by(0), break_glass(), request_by(0)];
    let answers = together.execute(at(10), &bundle(CLINICIAN, 0, true, actions.clone()), true);
    assert_eq!(refusals(&answers), [None; 3]);
    assert_eq!(answers, apart.execute(at(10), &bundle(CLINICIAN, 0, false, actions), true));
    assert_eq!(together.state_root(), apart.state_root());
}

/// The first refusal is its own; what came before is undone, what comes after is not looked at.
#[test]
fn an_atomic_bundle_is_refused_whole() {
    let mut ledger = with_consent();
    let (before, accesses) = (ledger.clone(), ledger.accesses().len());
    let actions = vec![
        request_by(0),
        register_record(7),
        request(SENSITIVE, Purpose::TREAT),
        request(RECORD, Purpose::HMARKT),
        request_by(0),
    ];
    let answers = ledger.execute(at(10), &bundle(CLINICIAN, 0, true, actions), true);
    let rolled_back = Some(Refusal::RolledBack);
    assert_eq!(
        refusals(&answers),
        [rolled_back, rolled_back, Some(Refusal::LabelNotCovered), rolled_back, rolled_back]
    );
    // Whether access would have been permitted was decided twice, and is counted twice.
    let counters: Vec<_> = answers.iter().map(|answer| answer.decision.map(|it| it.counter)).collect();
    assert_eq!(counters, [Some(1), None, Some(2), None, None]);
    assert_eq!(ledger.activity(PATIENT).unwrap().accesses, 2);
    assert_eq!((ledger.accesses().len(), ledger.records().len()), (accesses, before.records().len()));
    assert_eq!(ledger.permit_status(AccessId(0), at(10)), PermitStatus::Unknown);
    // The commitment that was rolled back is free, and its numbers are used up.
    assert!(matches!(
        ledger.apply(at(10), &sign(body(CLINICIAN, 5, register_record(7))), true),
        Outcome::RecordRegistered(_)
    ));
    for sequence in 0..5 {
        let again = ledger.apply(at(10), &sign(body(CLINICIAN, sequence, register_record(8))), true);
        assert_eq!(again, Outcome::Refused(Refusal::StaleSequence));
    }
}

/// What is common to all is judged before any, in the order of single transactions.
#[test]
fn common_refusals_refuse_every_action() {
    let two = |body: TransactionBody| {
        let actions = Actions::new(vec![register_record(7), register_record(8)]).unwrap();
        TransactionBody { actions, ..body }
    };
    let clerk = two(body(CLERK, 0, revoke(0)));
    let late = TransactionBody { valid_until: at(10), ..clerk.clone() };
    let elsewhere = TransactionBody { organisation: INSURER, ..clerk.clone() };
    let cases = [
        (Refusal::UnknownActor, two(body(NOBODY, 0, revoke(0))), true, 0),
        (Refusal::BadSignature, clerk.clone(), false, 0),
        (Refusal::CredentialRevoked, two(body(LAPSED, 0, revoke(0))), true, 0),
        (Refusal::TransactionExpired, late, true, 0),
        (Refusal::StaleSequence, TransactionBody { sequence: u64::MAX, ..clerk }, true, 0),
        (Refusal::RoleNotAllowed, elsewhere, true, 2),
    ];
    for atomic in [false, true] {
        for (refusal, body, signature_valid, used) in cases.clone() {
            let (mut ledger, before) = (world(), world());
            let transaction = sign(TransactionBody { atomic, ..body });
            let answers = ledger.execute(at(10), &transaction, signature_valid);
            assert_eq!(refusals(&answers), [Some(refusal); 2]);
            let fresh = ledger.activity(CLERK).unwrap().sequences;
            assert_eq!(
                [0, 1, 2].map(|n| fresh.is_fresh(n, n)),
                [used < 1, used < 2, used < 3],
                "{refusal:?}"
            );
            assert_eq!(ledger.state_root() == before.state_root(), used == 0, "{refusal:?}");
        }
    }
    // The role is judged action by action.
    let mut ledger = world();
    let actions = vec![register_record(7), grant(scope(HOSPITAL)), register_record(8)];
    let answers = ledger.execute(at(10), &bundle(CLERK, 0, false, actions.clone()), true);
    assert_eq!(refusals(&answers), [None, Some(Refusal::RoleNotAllowed), None]);
    let answers = world().execute(at(10), &bundle(CLERK, 0, true, actions), true);
    let rolled_back = Some(Refusal::RolledBack);
    assert_eq!(refusals(&answers), [rolled_back, Some(Refusal::RoleNotAllowed), rolled_back]);
}

#[test]
fn a_bundle_uses_a_range_of_the_sequence() {
    let mut ledger = world();
    let mut accepts = |first: u64, count: u8| {
        let base = ledger.records().len() as u8;
        let actions = (0..count).map(|n| register_record(base + 1 + n)).collect();
        let answers = ledger.execute(at(10), &bundle(CLERK, first, false, actions), true);
        let stale = answers.iter().all(|answer| answer.refusal() == Some(Refusal::StaleSequence));
        assert!(stale || refusals(&answers).iter().all(Option::is_none), "{answers:?}");
        !stale
    };
    assert!(accepts(10, 4));
    assert!(!accepts(10, 1) && !accepts(13, 1) && !accepts(8, 3) && !accepts(12, 5));
    assert!(accepts(14, 2) && accepts(9, 1) && accepts(0, 9));
    assert!(accepts(100, 64));
    assert!(!accepts(35, 2), "behind the window");
    assert!(accepts(36, 64), "the other half of the window");
    assert!(!accepts(99, 2) && accepts(164, 1));
}

#[test]
fn a_bundle_has_one_to_sixty_four_actions() {
    let chain = ChainId::default();
    assert!(Actions::new(Vec::new()).is_none());
    assert!(Actions::new(vec![revoke(0); ACTIONS_MAX + 1]).is_none());
    assert!(
        decode::<Actions>(&0u32.to_le_bytes(), 64).unwrap_err().to_string().contains("without an action")
    );
    let too_many = encode(&vec![revoke(0); ACTIONS_MAX + 1]);
    assert!(decode::<Actions>(&too_many, 1024).unwrap_err().to_string().contains("at most 64"));
    for (count, atomic) in [(1, false), (2, true), (ACTIONS_MAX, false)] {
        let actions = Actions::new(vec![register_record(1); count]).unwrap();
        let body = TransactionBody { atomic, actions, ..body(CLERK, 3, revoke(0)) };
        let (transaction, bytes) = Transaction::sign(chain, body, &secret(CLERK));
        assert!(bytes.len() <= TRANSACTION_BYTES_MAX);
        assert_eq!(Transaction::decode(chain, &bytes), Ok(transaction));
    }
}

/// The actions of a few steps, all by the actor of the first.
fn any_bundle() -> impl Strategy<Value = (PartyId, u64, Vec<Action>)> {
    (any_step(), prop::collection::vec(any_step(), 0..6)).prop_map(|((actor, sequence, action), more)| {
        let more = more.into_iter().map(|(_, _, action)| action);
        (actor, sequence, std::iter::once(action).chain(more).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// A refused atomic bundle leaves nothing but its sequence numbers and the count of what was decided; one that is
    /// not refused, and every other bundle, does what its actions do one by one.
    #[test]
    fn bundles_are_their_actions_or_nothing(bundles in prop::collection::vec(any_bundle(), 1..40)) {
        let mut ledger = with_consent();
        for (second, (actor, sequence, actions)) in bundles.into_iter().enumerate() {
            let (now, count) = (at(second as u64), actions.len() as u64);
            let mut singly = ledger.clone();
            let one = |(n, action): (u64, &Action)| {
                singly.execute(now, &sign(body(actor, sequence + n, action.clone())), true)[0]
            };
            let admitted = ledger.activity(actor).unwrap().sequences.is_fresh(sequence, sequence + count - 1);
            let expected: Vec<Answer> = (0..).zip(&actions).map(one).collect();
            let mut partial = ledger.clone();
            let answers = partial.execute(now, &bundle(actor, sequence, false, actions.clone()), true);
            if admitted {
                prop_assert_eq!(answers.to_vec(), expected.clone());
                prop_assert_eq!(partial.state_root(), singly.state_root());
            }
            let mut trace = ledger.clone();
            let partly = answers;
            let answers = ledger.execute(now, &bundle(actor, sequence, true, actions), true);
            let Some(refused) = partly.iter().position(|answer| answer.refusal().is_some()) else {
                prop_assert_eq!(answers, partly);
                prop_assert_eq!(ledger.state_root(), partial.state_root());
                continue;
            };
            prop_assert_eq!(answers[refused], partly[refused]);
            for (n, answer) in answers.iter().enumerate().filter(|(n, _)| *n != refused) {
                // What is common to all is the same for all.
                let all = refused == 0 && *answer == partly[0];
                prop_assert!(all || answer.refusal() == Some(Refusal::RolledBack));
                prop_assert_eq!(answer.decision, partly[n].decision.filter(|_| n < refused));
            }
            if let Some(used) = partial.activity(actor).map(|activity| activity.sequences) {
                *trace.sequences.get_mut(actor.0).unwrap() = used;
            }
            for decision in answers.iter().filter_map(|answer| answer.decision) {
                *trace.decisions.get_mut(decision.patient.0).unwrap() += 1;
            }
            prop_assert_eq!(ledger.snapshot(), trace.snapshot());
            prop_assert_eq!(ledger.state_root(), trace.state_root());
        }
    }
}
