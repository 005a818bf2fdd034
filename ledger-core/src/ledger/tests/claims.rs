//! Claims: each precondition alone and every two of them together, and what no sequence of transactions reaches.

use super::telemedicine::{OTHER_CLINICIAN, OTHER_HOSPITAL, PHARMACY, SESSION, clinic};
use super::*;

const OTHER_INSURER: PartyId = OTHER_HOSPITAL;

#[derive(Clone)]
struct Setup {
    before: Vec<Step>,
    at: u64,
    actor: PartyId,
    action: ClaimAction,
}

type Spoil = fn(&mut Setup);

fn outcome(setup: &Setup) -> Outcome {
    let mut steps = setup.before.clone();
    steps.push((setup.at, setup.actor, Action::Claim(setup.action.clone())));
    *play(&mut clinic(), &steps).last().unwrap()
}

fn check_order(base: &Setup, preconditions: &[(Refusal, Spoil)]) {
    super::check_order(base, preconditions, outcome);
}

fn cover(until: u64) -> Step {
    let (policy, period) = (Digest([70; 32]), (at(5), at(until)));
    let action = ClaimAction::RegisterCoverage { patient: PATIENT, policy, period };
    (5, INSURER, Action::Claim(action))
}

/// A closed session of the patient at the hospital.
fn met() -> [Step; 2] {
    let open = TelemedicineAction::OpenSession { clinician: CLINICIAN, patient: PATIENT };
    let close = TelemedicineAction::CloseSession { session: SESSION };
    [(10, CLINICIAN, Action::Telemedicine(open)), (20, CLINICIAN, Action::Telemedicine(close))]
}

fn claim() -> ClaimAction {
    let encounter = Encounter::Session(SESSION);
    ClaimAction::SubmitClaim { patient: PATIENT, insurer: INSURER, encounter, service: 3, amount: 100 }
}

fn adjudicate(approved: u64) -> ClaimAction {
    ClaimAction::Adjudicate { claim: ClaimId(0), approved, reason: Digest([71; 32]) }
}

fn covered() -> Vec<Step> {
    std::iter::once(cover(1_000)).chain(met()).collect()
}

macro_rules! field {
    ($setup:ident, $variant:ident { $field:ident }, $value:expr) => {
        if let ClaimAction::$variant { $field, .. } = &mut $setup.action {
            *$field = $value;
        }
    };
}

fn at_second(seconds: u64) -> Timestamp {
    at(seconds)
}

#[test]
fn every_refusal_in_its_order() {
    use Refusal::*;
    let period = (at(5), at(1_000));
    let action = ClaimAction::RegisterCoverage { patient: PATIENT, policy: Digest([70; 32]), period };
    check_order(
        &Setup { before: vec![], at: 10, actor: INSURER, action },
        &[
            (RoleNotAllowed, |it| it.actor = HOSPITAL),
            (UnknownParty, |it| field!(it, RegisterCoverage { patient }, CLERK)),
            (ExpiryInPast, |it| field!(it, RegisterCoverage { period }, (at_second(1), at_second(10)))),
        ],
    );
    let action = ClaimAction::CheckEligibility { patient: PATIENT, insurer: INSURER };
    check_order(
        &Setup { before: vec![cover(1_000)], at: 10, actor: CLERK, action },
        &[
            (RoleNotAllowed, |it| it.actor = PATIENT),
            (NotCovered, |it| it.before = vec![cover(10)]),
            (NotCovered, |it| field!(it, CheckEligibility { insurer }, OTHER_INSURER)),
        ],
    );
    check_order(
        &Setup { before: covered(), at: 30, actor: CLERK, action: claim() },
        &[
            (RoleNotAllowed, |it| it.actor = INSURER),
            (ClaimWithoutEncounter, |it| it.actor = OTHER_CLINICIAN),
            (ClaimWithoutEncounter, |it| field!(it, SubmitClaim { patient }, OTHER_PATIENT)),
            (ClaimWithoutEncounter, |it| {
                field!(it, SubmitClaim { encounter }, Encounter::Session(SessionId(9)))
            }),
            // An observation is no encounter.
            (ClaimWithoutEncounter, |it| field!(it, SubmitClaim { encounter }, Encounter::Record(RECORD))),
            (DuplicateClaim, |it| it.before.push((25, CLERK, Action::Claim(claim())))),
            (NotCovered, |it| field!(it, SubmitClaim { insurer }, OTHER_INSURER)),
        ],
    );
    let mut open = covered();
    open.pop();
    let setup = Setup { before: open, at: 30, actor: CLERK, action: claim() };
    assert_eq!(outcome(&setup), Outcome::Refused(ClaimWithoutEncounter), "the session is still open");
    let before: Vec<Step> = std::iter::once(cover(10)).chain(met()).collect();
    let setup = Setup { before, at: 30, actor: CLERK, action: claim() };
    assert_eq!(outcome(&setup), Outcome::Refused(NotCovered), "not at the time of the encounter");
    let mut before = covered();
    before.push((30, CLERK, Action::Claim(claim())));
    check_order(
        &Setup { before, at: 40, actor: INSURER, action: adjudicate(100) },
        &[
            (RoleNotAllowed, |it| it.actor = PHARMACY),
            (UnknownClaim, |it| field!(it, Adjudicate { claim }, ClaimId(1))),
            (AlreadyAdjudicated, |it| it.before.push((35, INSURER, Action::Claim(adjudicate(0))))),
            (AmountExceeded, |it| field!(it, Adjudicate { approved }, 101)),
        ],
    );
}

#[test]
fn an_encounter_may_be_a_record_and_the_insurer_is_the_one_named() {
    let encounter = |class| {
        let mut action = register_record(9);
        if let Action::RegisterRecord { class: of, .. } = &mut action {
            *of = class;
        }
        (10, CLERK, action)
    };
    let by_record = ClaimAction::SubmitClaim {
        patient: PATIENT,
        insurer: INSURER,
        encounter: Encounter::Record(RecordId(2)),
        service: 3,
        amount: 1,
    };
    let before = vec![cover(1_000), encounter(RecordClass::Encounter)];
    let setup = Setup { before: before.clone(), at: 30, actor: HOSPITAL, action: by_record.clone() };
    assert_eq!(outcome(&setup), Outcome::Claim(ClaimOutcome::ClaimSubmitted(ClaimId(0))));
    let register = (6, REGULATOR, {
        let mut action = register_party(PartyId(50), None, at(99));
        if let Action::RegisterParty { role, .. } = &mut action {
            *role = Role::Insurer;
        }
        action
    });
    let mut ledger = clinic();
    let newcomer = PartyId(ledger.parties().len() as u32);
    let mut steps = before;
    steps.extend([register, (30, HOSPITAL, Action::Claim(by_record))]);
    play(&mut ledger, &steps);
    let mut body = body(newcomer, 1, Action::Claim(adjudicate(1)));
    body.organisation = newcomer;
    let signed = Transaction::sign(ChainId::default(), body, &secret(PartyId(50))).0;
    assert_eq!(ledger.apply(at(40), &signed, true), Outcome::Refused(Refusal::NotClaimedInsurer));
}

fn any_claim() -> impl Strategy<Value = (PartyId, ClaimAction)> {
    let encounter = prop_oneof![
        3 => (0u32..3).prop_map(|id| Encounter::Session(SessionId(id))),
        1 => (0u32..4).prop_map(|id| Encounter::Record(RecordId(id))),
    ];
    let patient = prop::sample::select(vec![PATIENT, PATIENT, PATIENT, OTHER_PATIENT]);
    let action = prop_oneof![
        1 => (patient.clone(), 20u64..60).prop_map(|(patient, until)| ClaimAction::RegisterCoverage {
            patient,
            policy: Digest([70; 32]),
            period: (at(0), at(until)),
        }),
        1 => patient.clone().prop_map(|patient| ClaimAction::CheckEligibility { patient, insurer: INSURER }),
        4 => (patient, encounter, 0u32..4, 0u64..5).prop_map(|(patient, encounter, service, amount)| {
            ClaimAction::SubmitClaim { patient, insurer: INSURER, encounter, service, amount }
        }),
        3 => (0u32..6, 0u64..5).prop_map(|(claim, approved)| ClaimAction::Adjudicate {
            claim: ClaimId(claim),
            approved,
            reason: Digest([71; 32]),
        }),
    ];
    let actors = prop::sample::select(vec![HOSPITAL, CLERK, INSURER, INSURER, OTHER_CLINICIAN, PATIENT]);
    (actors, action)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn nothing_is_claimed_or_decided_twice(
        steps in prop::collection::vec((any_claim(), 0u64..2), 0..120),
    ) {
        let mut ledger = clinic();
        play(&mut ledger, &covered());
        let (mut seconds, mut decided) = (25, Vec::new());
        for (sequence, ((actor, action), pause)) in steps.into_iter().enumerate() {
            seconds += pause;
            let transaction = sign(body(actor, 1_000 + sequence as u64, Action::Claim(action)));
            if let Outcome::Claim(ClaimOutcome::Adjudicated(id)) = ledger.apply(at(seconds), &transaction, true) {
                prop_assert!(!decided.contains(&id), "{id:?} is decided twice");
                decided.push(id);
            }
        }
        let claims: Vec<Claim> = ledger.claims().claims().iter().copied().collect();
        for (index, claim) in claims.iter().enumerate() {
            let same = |other: &&Claim| (other.encounter, other.service) == (claim.encounter, claim.service);
            prop_assert_eq!(claims[..index].iter().filter(same).count(), 0);
            prop_assert!(claim.decision.is_none_or(|decision| decision.approved <= claim.amount));
        }
        let restored = Ledger::restore(&ledger.snapshot()).unwrap();
        prop_assert_eq!(restored.state_root(), ledger.state_root());
        prop_assert_eq!(restored.snapshot(), ledger.snapshot());
    }
}
