//! Trials: a whole life, every refusal, which of two refusals wins, bounds, and what no sequence of transactions can do.

mod order;
mod property;

use super::*;
use crate::ledger::transaction::TrialAction::*;

const SPONSOR: PartyId = PartyId(12);
const OFFICER: PartyId = PartyId(13);
const OTHER_SPONSOR: PartyId = PartyId(14);
const BOARD: PartyId = PartyId(15);
const REVIEWER: PartyId = PartyId(16);
const OTHER_HOSPITAL: PartyId = PartyId(17);
const OTHER_CLINICIAN: PartyId = PartyId(18);

const TRIAL: TrialId = TrialId(0);
const SUBJECT: SubjectId = SubjectId(0);
const YEAR: u64 = 365 * 24 * 3600;

/// Stands for whatever is right at the time: the head of the subject's chain, the root of the trial's data.
const RIGHT: Digest = Digest([0xAA; 32]);

type TrialStep = (u64, PartyId, TrialAction);

/// [`world`] and those who run trials.
fn trial_world() -> Ledger {
    let mut genesis = Ledger::genesis(Policy::default());
    for party in world().parties().iter() {
        genesis.party(party.clone());
    }
    let parties = [
        (Role::Sponsor, None),
        (Role::Officer, Some(SPONSOR)),
        (Role::Sponsor, None),
        (Role::EthicsBoard, None),
        (Role::Officer, Some(BOARD)),
        (Role::Hospital, None),
        (Role::Clinician, Some(OTHER_HOSPITAL)),
    ];
    for (index, (role, organisation)) in (12..).zip(parties) {
        let key = secret(PartyId(index)).public();
        let credential = Credential::ALWAYS;
        genesis.party(Party { key, wrap_key: [9; 32], role, organisation, credential });
    }
    genesis.build()
}

fn plan(n: u8) -> TrialPlan {
    TrialPlan { protocol: Digest([n; 32]), analysis: Digest([100 + n; 32]) }
}

fn approve(n: u8, trial: Option<TrialId>, reconsent: bool) -> TrialStep {
    (10, REVIEWER, ApproveTrial { sponsor: SPONSOR, trial, plan: plan(n), reconsent })
}

fn register(n: u8, approval: u32) -> TrialStep {
    (10, OFFICER, RegisterTrial { plan: plan(n), approval: ApprovalId(approval) })
}

fn amend(n: u8, approval: u32) -> TrialStep {
    (10, OFFICER, AmendTrial { trial: TRIAL, plan: plan(n), approval: ApprovalId(approval) })
}

fn activate(site: PartyId) -> TrialStep {
    (10, OFFICER, ActivateSite { trial: TRIAL, site })
}

fn close() -> TrialStep {
    (10, OFFICER, CloseSite { trial: TRIAL, site: HOSPITAL })
}

fn consents(patient: PartyId, version: u32) -> TrialStep {
    (10, patient, SubjectConsent { trial: TRIAL, patient, version })
}

fn enrols(patient: PartyId) -> TrialStep {
    (10, CLINICIAN, Enrol { protocol: plan(0).protocol, patient })
}

fn randomises() -> TrialStep {
    (10, OFFICER, Randomise { subject: SUBJECT, arm: Digest([7; 32]) })
}

fn captures(leaf: u8) -> TrialStep {
    (10, CLINICIAN, CaptureData { subject: SUBJECT, previous: RIGHT, leaf: Digest([leaf; 32]) })
}

fn withdraws() -> TrialStep {
    (10, PATIENT, Withdraw { subject: SUBJECT })
}

fn locks() -> TrialStep {
    (10, OFFICER, LockData { trial: TRIAL, root: RIGHT })
}

fn unblinds() -> TrialStep {
    (10, OFFICER, Unblind { trial: TRIAL })
}

fn unblinds_subject() -> TrialStep {
    (10, CLINICIAN, UnblindSubject { subject: SUBJECT, reason: Digest([1; 32]) })
}

fn publishes() -> TrialStep {
    let (code, report) = (Digest([3; 32]), Digest([4; 32]));
    let analysis = plan(0).analysis;
    (10, OFFICER, PublishResult { trial: TRIAL, version: 0, analysis, root: RIGHT, code, report })
}

/// A life, from approval to publication.
fn life() -> Vec<TrialStep> {
    vec![
        approve(0, None, false),
        register(0, 0),
        activate(HOSPITAL),
        consents(PATIENT, 0),
        enrols(PATIENT),
        randomises(),
        captures(1),
        locks(),
        unblinds(),
        publishes(),
    ]
}

/// Its first steps.
fn life_until(end: usize) -> Vec<TrialStep> {
    life().into_iter().take(end).collect()
}

const REGISTERED: usize = 2;
const ACTIVE: usize = 3;
const CONSENTED: usize = 4;
const ENROLLED: usize = 5;
const RANDOMISED: usize = 6;
const CAPTURED: usize = 7;
const LOCKED: usize = 8;
const UNBLINDED: usize = 9;

/// With [`RIGHT`] filled in.
fn resolved(ledger: &Ledger, mut action: TrialAction) -> TrialAction {
    let trials = ledger.trials();
    match &mut action {
        CaptureData { subject, previous, .. } if *previous == RIGHT => {
            *previous = trials.data(*subject).map_or(RIGHT, |chain| chain.head);
        }
        LockData { trial, root } if *root == RIGHT => *root = trials.root_of(*trial),
        PublishResult { trial, root, .. } if *root == RIGHT => {
            *root = trials.trial(*trial).and_then(|trial| trial.lock).map_or(RIGHT, |lock| lock.root);
        }
        _ => {}
    }
    action
}

fn act(ledger: &mut Ledger, sequence: u64, (seconds, actor, action): &TrialStep) -> Outcome {
    let action = Action::Trial(resolved(ledger, action.clone()));
    let organisation = ledger.party(*actor).and_then(|party| party.organisation).unwrap_or(*actor);
    let valid_until = at(10 * YEAR);
    let actions = action.into();
    let (actor, atomic) = (*actor, false);
    let body = TransactionBody { actor, organisation, sequence, valid_until, atomic, actions };
    ledger.apply(at(*seconds), &sign(body), true)
}

/// Executes one after the other.
fn play_trial(ledger: &mut Ledger, steps: &[TrialStep]) -> Vec<Outcome> {
    (0..).zip(steps).map(|(sequence, step)| act(ledger, sequence, step)).collect()
}

/// After steps of which none is refused, the last one ends so.
#[track_caller]
fn check_trial(before: &[TrialStep], last: &TrialStep, refusal: Refusal) {
    let mut ledger = trial_world();
    for (step, outcome) in before.iter().zip(play_trial(&mut ledger, before)) {
        assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?} of {step:?} before {refusal:?}");
    }
    let root = ledger.trials().root();
    let outcome = act(&mut ledger, before.len() as u64, last);
    assert_eq!(outcome, Outcome::Refused(refusal), "{last:?}");
    assert_eq!(ledger.trials().root(), root, "{refusal:?} changed something");
}

#[test]
fn a_trial_lives() {
    let mut ledger = trial_world();
    let mut steps = life();
    // An amendment with re-consent, a second subject who leaves, an emergency.
    let middle = [
        approve(1, Some(TRIAL), true),
        amend(1, 1),
        consents(PATIENT, 1),
        consents(OTHER_PATIENT, 1),
        (11, CLINICIAN, Enrol { protocol: plan(1).protocol, patient: OTHER_PATIENT }),
        captures(2),
        unblinds_subject(),
        (12, OTHER_PATIENT, Withdraw { subject: SubjectId(1) }),
        close(),
        activate(HOSPITAL),
        captures(3),
    ];
    steps.splice(CAPTURED..CAPTURED, middle);
    if let PublishResult { version, analysis, .. } = &mut steps.last_mut().unwrap().2 {
        (*version, *analysis) = (1, plan(1).analysis);
    }
    let outcomes = play_trial(&mut ledger, &steps);
    let mut chain = DataChain::default();
    let mut captured = |leaf: u8| {
        chain = chain.with(&Digest([leaf; 32]));
        TrialOutcome::Captured { subject: SUBJECT, captures: chain.captures, head: chain.head }
    };
    let captured = [1, 2, 3].map(&mut captured);
    let root = data_root(&[(SUBJECT, chain), (SubjectId(1), DataChain::default())]);
    let expected = [
        TrialOutcome::Approved(ApprovalId(0)),
        TrialOutcome::Registered(TRIAL),
        TrialOutcome::SiteActivated(TRIAL),
        TrialOutcome::Consented(SUBJECT),
        TrialOutcome::Enrolled(SUBJECT),
        TrialOutcome::Randomised(SUBJECT),
        captured[0],
        TrialOutcome::Approved(ApprovalId(1)),
        TrialOutcome::Amended { trial: TRIAL, version: 1 },
        TrialOutcome::Consented(SUBJECT),
        TrialOutcome::Consented(SubjectId(1)),
        TrialOutcome::Enrolled(SubjectId(1)),
        captured[1],
        TrialOutcome::SubjectUnblinded(SUBJECT),
        TrialOutcome::Withdrawn(SubjectId(1)),
        TrialOutcome::SiteClosed(TRIAL),
        TrialOutcome::SiteActivated(TRIAL),
        captured[2],
        TrialOutcome::Locked { trial: TRIAL, root },
        TrialOutcome::Unblinded(TRIAL),
        TrialOutcome::Published { trial: TRIAL, root },
    ];
    assert_eq!(outcomes, expected.map(Outcome::Trial));
    let trial = ledger.trials().trial(TRIAL).unwrap();
    assert_eq!(trial.result.map(|result| (result.version, result.root)), Some((1, root)));
    let restored = Ledger::restore(&ledger.snapshot()).unwrap();
    assert_eq!(restored.state_root(), ledger.state_root());
    assert_ne!(ledger.state_root(), trial_world().state_root());
    assert_eq!(restored.trials().subject_of(TRIAL, OTHER_PATIENT), Some(SubjectId(1)));
    assert_eq!(restored.trials().versions_of(TRIAL).count(), 2);
}

/// What else may go wrong than the pairs below show.
#[test]
fn every_refusal_of_a_trial() {
    use Refusal::*;
    let with = |end, more: &[TrialStep]| [&life_until(end), more].concat();
    let by = |actor, step: TrialStep| (step.0, actor, step.2);
    let cases: Vec<(Refusal, Vec<TrialStep>, TrialStep)> = vec![
        // Roles.
        (RoleNotAllowed, vec![], by(OFFICER, approve(0, None, false))),
        (RoleNotAllowed, with(1, &[]), by(REVIEWER, register(0, 0))),
        (RoleNotAllowed, with(1, &[]), by(CLINICIAN, register(0, 0))),
        (RoleNotAllowed, with(REGISTERED, &[]), by(CLINICIAN, activate(HOSPITAL))),
        (RoleNotAllowed, with(ACTIVE, &[]), by(CLINICIAN, consents(PATIENT, 0))),
        (RoleNotAllowed, with(CONSENTED, &[]), by(OFFICER, enrols(PATIENT))),
        (RoleNotAllowed, with(CONSENTED, &[]), by(CLERK, enrols(PATIENT))),
        (RoleNotAllowed, with(ENROLLED, &[]), by(PATIENT, randomises())),
        (RoleNotAllowed, with(ENROLLED, &[]), by(OFFICER, captures(1))),
        (RoleNotAllowed, with(CAPTURED, &[]), by(CLINICIAN, locks())),
        (RoleNotAllowed, with(LOCKED, &[]), by(CLINICIAN, unblinds())),
        (RoleNotAllowed, with(RANDOMISED, &[]), by(OFFICER, unblinds_subject())),
        // An approval is one sponsor's, for one trial, once, for a year.
        (TrialWithoutApproval, with(1, &[]), by(OTHER_SPONSOR, register(0, 0))),
        (TrialWithoutApproval, with(1, &[]), (10 + YEAR, OFFICER, register(0, 0).2)),
        (TrialWithoutApproval, with(REGISTERED, &[approve(1, Some(TRIAL), false)]), register(1, 1)),
        (AmendmentWithoutApproval, with(REGISTERED, &[approve(1, None, false)]), amend(1, 1)),
        (
            AmendmentWithoutApproval,
            with(REGISTERED, &[approve(1, Some(TRIAL), false)]),
            (10 + YEAR, OFFICER, amend(1, 1).2),
        ),
        (
            AmendmentWithoutApproval,
            with(REGISTERED, &[approve(1, Some(TRIAL), false), amend(1, 1)]),
            amend(1, 1),
        ),
        (
            UnknownParty,
            vec![],
            (10, REVIEWER, {
                ApproveTrial { sponsor: HOSPITAL, trial: None, plan: plan(0), reconsent: false }
            }),
        ),
        // Another sponsor.
        (RoleNotAllowed, with(REGISTERED, &[]), by(OTHER_SPONSOR, activate(HOSPITAL))),
        (RoleNotAllowed, with(ACTIVE, &[]), by(OTHER_SPONSOR, close())),
        (RoleNotAllowed, with(CAPTURED, &[]), by(OTHER_SPONSOR, locks())),
        (UnblindNotAuthorised, with(LOCKED, &[]), by(OTHER_SPONSOR, unblinds())),
        (RoleNotAllowed, with(UNBLINDED, &[]), by(OTHER_SPONSOR, publishes())),
        // Authority over patients.
        (NotConsentAuthority, with(ACTIVE, &[]), by(OTHER_PATIENT, consents(PATIENT, 0))),
        (NotConsentAuthority, with(ENROLLED, &[]), by(GUARDIAN, withdraws())),
        // Sites.
        (SiteNotActive, with(REGISTERED, &[]), enrols(PATIENT)),
        (SiteNotActive, with(CONSENTED, &[close()]), enrols(PATIENT)),
        (SiteNotActive, with(ENROLLED, &[close()]), captures(1)),
        (SiteNotActive, with(ACTIVE, &[close()]), close()),
        // Versions.
        (ConsentVersionStale, with(ACTIVE, &[]), consents(PATIENT, 1)),
        (
            ConsentVersionStale,
            with(ACTIVE, &[approve(1, Some(TRIAL), false), amend(1, 1)]),
            consents(PATIENT, 0),
        ),
        (
            CommitmentMismatch,
            with(CONSENTED, &[approve(1, Some(TRIAL), false), amend(1, 1)]),
            enrols(PATIENT),
        ),
        // A number that nobody has, and one who consented but is not enrolled.
        (UnknownSubject, with(ACTIVE, &[]), captures(1)),
        (UnknownSubject, with(CONSENTED, &[]), captures(1)),
        (UnknownSubject, with(CONSENTED, &[]), randomises()),
        (UnknownSubject, with(CONSENTED, &[]), unblinds_subject()),
        // A chain is broken by an older head too.
        (
            BrokenChain,
            with(CAPTURED, &[]),
            (10, CLINICIAN, {
                CaptureData { subject: SUBJECT, previous: Digest::default(), leaf: Digest([2; 32]) }
            }),
        ),
        (UnblindNotAuthorised, with(CAPTURED, &[]), unblinds()),
        (UnblindNotAuthorised, with(UNBLINDED, &[]), unblinds()),
        (UnblindNotAuthorised, with(ENROLLED, &[]), unblinds_subject()),
        (UnblindNotAuthorised, with(RANDOMISED, &[]), by(OTHER_CLINICIAN, unblinds_subject())),
        (UnblindNotAuthorised, with(RANDOMISED, &[unblinds_subject()]), unblinds_subject()),
        (UnblindNotAuthorised, with(LOCKED, &[]), publishes()),
        (CommitmentMismatch, with(CAPTURED, &[]), publishes()),
        (AlreadyPublished, life(), publishes()),
        // The plan that was in force before an amendment is no longer the trial's.
        (
            ResultPlanMismatch,
            with(CAPTURED, &[approve(1, Some(TRIAL), false), amend(1, 1), locks(), unblinds()]),
            publishes(),
        ),
    ];
    for (refusal, before, last) in cases {
        check_trial(&before, &last, refusal);
    }
}

#[test]
fn bounds_hold() {
    // Versions.
    let mut ledger = trial_world();
    let mut steps = life_until(REGISTERED);
    for n in 1..=VERSIONS_PER_TRIAL_MAX {
        steps.extend([approve(1, Some(TRIAL), false), amend(1, n)]);
    }
    let outcomes = play_trial(&mut ledger, &steps);
    let (last, before) = outcomes.split_last().unwrap();
    assert_eq!(*last, Outcome::Refused(Refusal::TooManyAmendments));
    assert!(before.iter().all(|outcome| !matches!(outcome, Outcome::Refused(_))));
    // Sites, subjects, leaves: filled from inside.
    let mut ledger = trial_world();
    play_trial(&mut ledger, &life_until(RANDOMISED));
    let site = ledger.trials.site(TRIAL, HOSPITAL).unwrap().clone();
    for n in 1..SITES_PER_TRIAL_MAX {
        ledger.trials.push_site(Site { organisation: PartyId(1000 + n), ..site.clone() });
    }
    let subject = ledger.trials.subject(SUBJECT).unwrap().clone();
    for n in 1..SUBJECTS_PER_TRIAL_MAX {
        ledger.trials.push_subject(Subject { patient: PartyId(1000 + n), ..subject.clone() });
    }
    ledger.trials.rows.data.get_mut(0).unwrap().captures = CAPTURES_PER_SUBJECT_MAX - 1;
    let full = [activate(OTHER_HOSPITAL), consents(OTHER_PATIENT, 0), captures(1), captures(2)];
    let outcomes: Vec<_> =
        (100..).zip(&full).map(|(sequence, step)| act(&mut ledger, sequence, step)).collect();
    assert_eq!(outcomes[0], Outcome::Refused(Refusal::TooManySites));
    assert_eq!(outcomes[1], Outcome::Refused(Refusal::TooManySubjects));
    assert!(matches!(outcomes[2], Outcome::Trial(TrialOutcome::Captured { .. })));
    assert_eq!(outcomes[3], Outcome::Refused(Refusal::TooManyCaptures));
}

#[test]
fn a_guardian_with_the_right_reach_consents() {
    let delegate = |purpose| Action::DelegateAuthority {
        patient: PATIENT,
        delegate: GUARDIAN,
        scope: DelegatedScope { purposes: purposes(&[purpose]), ..reach() },
        until: at(1000),
        evidence: Digest([1; 32]),
        minor_until: None,
    };
    let consent = (10, GUARDIAN, consents(PATIENT, 0).2);
    for (purpose, refusal) in
        [(Purpose::HRESCH, None), (Purpose::TREAT, Some(Refusal::DelegateScopeExceeded))]
    {
        let mut ledger = trial_world();
        play_trial(&mut ledger, &life_until(ACTIVE));
        play(&mut ledger, &[(10, PATIENT, delegate(purpose))]);
        let outcome = act(&mut ledger, 50, &consent);
        assert_eq!(Answer { outcome, decision: None, alert: None }.refusal(), refusal);
    }
}

/// A bundle of a sponsor's, whole or not at all, and one in which each stands for itself.
#[test]
fn bundles_of_trials() {
    for atomic in [true, false] {
        let mut ledger = trial_world();
        play_trial(&mut ledger, &life_until(REGISTERED));
        let root = ledger.trials().root();
        let sites = [HOSPITAL, PATIENT, OTHER_HOSPITAL];
        let actions = sites.map(|site| Action::Trial(activate(site).2)).to_vec();
        let body = TransactionBody {
            actor: OFFICER,
            organisation: SPONSOR,
            sequence: 70,
            valid_until: at(1000),
            atomic,
            actions: Actions::new(actions).unwrap(),
        };
        let answers = ledger.execute(at(10), &sign(body), true);
        let unknown = Some(Refusal::UnknownParty);
        let rolled_back = atomic.then_some(Refusal::RolledBack);
        let refusals: Vec<_> = answers.iter().map(Answer::refusal).collect();
        assert_eq!(refusals, [rolled_back, unknown, rolled_back]);
        assert_eq!(ledger.trials().root() == root, atomic);
    }
}

#[test]
fn snapshots_with_impossible_trials_are_refused() {
    type Damage = (&'static str, fn(&mut Ledger));
    let damages: &[Damage] = &[
        ("trials.approvals", |it| it.trials.rows.approvals.get_mut(0).unwrap().trial = Some(TrialId(5))),
        ("trials.versions", |it| it.trials.rows.versions.get_mut(0).unwrap().trial = TrialId(u32::MAX)),
        ("trials.versions", |it| it.trials.rows.versions.get_mut(0).unwrap().approval = ApprovalId(9)),
        ("trials.sites", |it| it.trials.rows.sites.get_mut(0).unwrap().trial = TrialId(5)),
        ("trials.sites", |it| {
            let site = it.trials.site(TRIAL, HOSPITAL).unwrap().clone();
            it.trials.push_site(site);
        }),
        ("trials.subjects", |it| it.trials.rows.subjects.get_mut(0).unwrap().trial = TrialId(u32::MAX)),
        ("trials.subjects", |it| it.trials.rows.subjects.get_mut(0).unwrap().patient = NOBODY),
        ("trials.subjects", |it| it.trials.rows.subjects.get_mut(0).unwrap().version = 1),
        ("trials.subjects", |it| it.trials.rows.subjects.get_mut(0).unwrap().consented_at = at(11)),
        ("trials.subjects", |it| it.trials.rows.subjects.get_mut(0).unwrap().enrolment = None),
        ("trials.subjects", |it| {
            let subject = it.trials.subject(SUBJECT).unwrap().clone();
            it.trials.push_subject(subject);
        }),
        ("trials.data", |it| it.trials.rows.data.get_mut(0).unwrap().captures = u32::MAX),
        ("trials.data", |it| {
            it.trials.rows.data.push(DataChain::default());
        }),
        ("trials.trials", |it| it.trials.rows.versions.get_mut(0).unwrap().number = 1),
        ("trials.trials", |it| it.trials.rows.trials.get_mut(0).unwrap().consent_from = 1),
        ("trials.trials", |it| it.trials.rows.trials.get_mut(0).unwrap().sponsor = NOBODY),
        ("trials.trials", |it| it.trials.rows.trials.get_mut(0).unwrap().lock = None),
        ("trials.trials", |it| it.trials.rows.trials.get_mut(0).unwrap().unblinded_at = None),
        // Tampering with locked data.
        ("trials.trials", |it| it.trials.rows.data.get_mut(0).unwrap().head = Digest([9; 32])),
        ("trials.trials", |it| {
            it.trials.rows.trials.get_mut(0).unwrap().result.as_mut().unwrap().version = 1;
        }),
    ];
    for (number, (expected, damage)) in damages.iter().enumerate() {
        let mut ledger = trial_world();
        play_trial(&mut ledger, &life());
        Ledger::restore(&ledger.snapshot()).unwrap();
        damage(&mut ledger);
        match Ledger::restore(&ledger.snapshot()).unwrap_err() {
            RestoreError::Impossible { table, .. } => assert_eq!(table, *expected, "damage {number}"),
            error => panic!("damage {number}: {error}"),
        }
    }
}

#[cfg(feature = "seeded-bugs")]
#[test]
fn seeded_bugs_of_trials_bite() {
    let mut ledger = trial_world();
    ledger.seed_bug(LedgerBug::IgnoreLock);
    let steps = [life_until(LOCKED), vec![captures(2)]].concat();
    let outcomes = play_trial(&mut ledger, &steps);
    assert!(matches!(outcomes.last(), Some(Outcome::Trial(TrialOutcome::Captured { .. }))));
    let mut ledger = trial_world();
    ledger.seed_bug(LedgerBug::IgnoreStaleConsent);
    let steps =
        [life_until(ENROLLED), vec![approve(1, Some(TRIAL), true), amend(1, 1), captures(2)]].concat();
    let outcomes = play_trial(&mut ledger, &steps);
    assert!(matches!(outcomes.last(), Some(Outcome::Trial(TrialOutcome::Captured { .. }))));
}
