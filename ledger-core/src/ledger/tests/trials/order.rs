//! For every action and each pair of its preconditions: which refusal wins.

use super::*;

/// Something that succeeds, and can be made to fail.
#[derive(Clone)]
struct Attempt {
    before: Vec<TrialStep>,
    last: TrialStep,
}

/// The place of the precondition that it breaks, its refusal, how.
type Spoiler = (usize, Refusal, fn(&mut Attempt));

/// Each spoiler alone is refused as it says; of two, the one whose precondition comes first wins. It is applied last, so
/// that what it sets stays.
#[track_caller]
fn check_order(before: Vec<TrialStep>, last: TrialStep, spoilers: &[Spoiler]) {
    let right = Attempt { before, last };
    let whole = [right.before.clone(), vec![right.last.clone()]].concat();
    let outcomes = play_trial(&mut trial_world(), &whole);
    assert!(!matches!(outcomes.last(), Some(Outcome::Refused(_))), "{:?}: {outcomes:?}", right.last);
    for (place, refusal, spoil) in spoilers {
        let mut alone = right.clone();
        spoil(&mut alone);
        check_trial(&alone.before, &alone.last, *refusal);
        for (_, _, spoil_too) in spoilers.iter().filter(|(later, _, _)| later > place) {
            let mut both = right.clone();
            spoil_too(&mut both);
            spoil(&mut both);
            check_trial(&both.before, &both.last, *refusal);
        }
    }
}

impl Attempt {
    /// Approves and does what is approved.
    fn approved(&mut self, plan: TrialPlan, trial: Option<TrialId>, reconsent: bool) {
        let is_approval = |step: &&TrialStep| matches!(step.2, ApproveTrial { .. });
        let approval = ApprovalId(self.before.iter().filter(is_approval).count() as u32);
        self.before.push((10, REVIEWER, ApproveTrial { sponsor: SPONSOR, trial, plan, reconsent }));
        self.before.push(match trial {
            Some(trial) => (10, OFFICER, AmendTrial { trial, plan, approval }),
            None => (10, OFFICER, RegisterTrial { plan, approval }),
        });
    }

    /// Subjects must consent anew, to the same protocol.
    fn reconsented(&mut self) {
        let plan = TrialPlan { protocol: plan(0).protocol, analysis: Digest([33; 32]) };
        self.approved(plan, Some(TRIAL), true);
    }

    fn of_another_trial(&mut self) {
        match &mut self.last.2 {
            AmendTrial { trial, .. } | ActivateSite { trial, .. } | CloseSite { trial, .. } => {
                *trial = TrialId(9)
            }
            SubjectConsent { trial, .. } | LockData { trial, .. } => *trial = TrialId(9),
            Unblind { trial } | PublishResult { trial, .. } => *trial = TrialId(9),
            action => panic!("{action:?} names no trial"),
        }
    }

    fn of_another_subject(&mut self) {
        match &mut self.last.2 {
            Randomise { subject, .. } | Withdraw { subject } => *subject = SubjectId(9),
            CaptureData { subject, .. } | UnblindSubject { subject, .. } => *subject = SubjectId(9),
            action => panic!("{action:?} names no subject"),
        }
    }
}

const NONE: Digest = Digest([0x99; 32]);

#[test]
fn of_an_approval() {
    check_order(
        life_until(REGISTERED),
        approve(1, Some(TRIAL), false),
        &[
            (0, Refusal::UnknownTrial, |it| {
                if let ApproveTrial { trial, .. } = &mut it.last.2 {
                    *trial = Some(TrialId(9));
                }
            }),
            (1, Refusal::UnknownParty, |it| {
                if let ApproveTrial { sponsor, .. } = &mut it.last.2 {
                    *sponsor = OTHER_SPONSOR;
                }
            }),
        ],
    );
}

#[test]
fn of_a_registration() {
    check_order(
        life_until(1),
        register(0, 0),
        &[
            (0, Refusal::DuplicateTrial, |it| it.before.push(register(0, 0))),
            (1, Refusal::TrialWithoutApproval, |it| {
                if let RegisterTrial { approval, .. } = &mut it.last.2 {
                    *approval = ApprovalId(9);
                }
            }),
            (2, Refusal::CommitmentMismatch, |it| {
                if let RegisterTrial { plan, .. } = &mut it.last.2 {
                    plan.analysis = NONE;
                }
            }),
        ],
    );
}

#[test]
fn of_an_amendment() {
    check_order(
        [life_until(CAPTURED), vec![approve(1, Some(TRIAL), false)]].concat(),
        amend(1, 1),
        &[
            (0, Refusal::UnknownTrial, Attempt::of_another_trial),
            (1, Refusal::RoleNotAllowed, |it| it.last.1 = OTHER_SPONSOR),
            (2, Refusal::PlanChangedAfterUnblind, |it| it.before.extend([locks(), unblinds()])),
            (3, Refusal::AmendmentWithoutApproval, |it| {
                if let AmendTrial { approval, .. } = &mut it.last.2 {
                    *approval = ApprovalId(0);
                }
            }),
            (4, Refusal::CommitmentMismatch, |it| {
                if let AmendTrial { plan: asked, .. } = &mut it.last.2 {
                    *asked = plan(2);
                }
            }),
            (5, Refusal::DuplicateTrial, |it| it.approved(plan(1), None, false)),
        ],
    );
}

#[test]
fn of_a_site() {
    check_order(
        life_until(REGISTERED),
        activate(HOSPITAL),
        &[
            (0, Refusal::UnknownTrial, Attempt::of_another_trial),
            (1, Refusal::RoleNotAllowed, |it| it.last.1 = OTHER_SPONSOR),
            (2, Refusal::UnknownParty, |it| {
                if let ActivateSite { site, .. } = &mut it.last.2 {
                    *site = PATIENT;
                }
            }),
            (3, Refusal::DataAfterLock, |it| it.before.push(locks())),
        ],
    );
    check_order(
        life_until(ACTIVE),
        close(),
        &[
            (0, Refusal::UnknownTrial, Attempt::of_another_trial),
            (1, Refusal::RoleNotAllowed, |it| it.last.1 = OTHER_SPONSOR),
            (2, Refusal::SiteNotActive, |it| it.before.push(close())),
        ],
    );
}

#[test]
fn of_a_consent_and_a_withdrawal() {
    check_order(
        life_until(ACTIVE),
        consents(PATIENT, 0),
        &[
            (0, Refusal::UnknownTrial, Attempt::of_another_trial),
            (1, Refusal::UnknownParty, |it| {
                if let SubjectConsent { patient, .. } = &mut it.last.2 {
                    *patient = CLERK;
                }
            }),
            (2, Refusal::NotConsentAuthority, |it| it.last.1 = OTHER_PATIENT),
            (3, Refusal::DataAfterLock, |it| it.before.push(locks())),
            (4, Refusal::ConsentVersionStale, |it| {
                if let SubjectConsent { version, .. } = &mut it.last.2 {
                    *version = 7;
                }
            }),
            (5, Refusal::SubjectWithdrawn, |it| {
                it.before.splice(ACTIVE..ACTIVE, [consents(PATIENT, 0), withdraws()]);
            }),
        ],
    );
    check_order(
        life_until(CONSENTED),
        withdraws(),
        &[
            (0, Refusal::UnknownSubject, Attempt::of_another_subject),
            (1, Refusal::NotConsentAuthority, |it| it.last.1 = OTHER_PATIENT),
            (2, Refusal::SubjectWithdrawn, |it| it.before.push(withdraws())),
        ],
    );
}

#[test]
fn of_an_enrolment() {
    check_order(
        life_until(CONSENTED),
        enrols(PATIENT),
        &[
            (0, Refusal::EnrolBeforeRegistration, |it| {
                it.before.push(approve(5, None, false));
                if let Enrol { protocol, .. } = &mut it.last.2 {
                    *protocol = plan(5).protocol;
                }
            }),
            (0, Refusal::UnknownTrial, |it| {
                if let Enrol { protocol, .. } = &mut it.last.2 {
                    *protocol = NONE;
                }
            }),
            (1, Refusal::CommitmentMismatch, |it| it.approved(plan(1), Some(TRIAL), false)),
            (2, Refusal::DataAfterLock, |it| it.before.push(locks())),
            (3, Refusal::SiteNotActive, |it| it.last.1 = OTHER_CLINICIAN),
            (4, Refusal::EnrolBeforeConsent, |it| {
                if let Enrol { patient, .. } = &mut it.last.2 {
                    *patient = OTHER_PATIENT;
                }
            }),
            (5, Refusal::SubjectWithdrawn, |it| it.before.push(withdraws())),
            (6, Refusal::AlreadyEnrolled, |it| it.before.insert(CONSENTED, enrols(PATIENT))),
            (7, Refusal::ConsentVersionStale, Attempt::reconsented),
        ],
    );
}

#[test]
fn of_randomising() {
    check_order(
        life_until(ENROLLED),
        randomises(),
        &[
            (0, Refusal::UnknownSubject, Attempt::of_another_subject),
            (1, Refusal::RoleNotAllowed, |it| it.last.1 = OTHER_CLINICIAN),
            (2, Refusal::DataAfterLock, |it| it.before.push(locks())),
            (3, Refusal::SubjectWithdrawn, |it| it.before.push(withdraws())),
            (4, Refusal::AlreadyRandomised, |it| it.before.insert(ENROLLED, randomises())),
            (5, Refusal::ConsentVersionStale, Attempt::reconsented),
        ],
    );
}

#[test]
fn of_a_capture() {
    check_order(
        life_until(RANDOMISED),
        captures(1),
        &[
            (0, Refusal::UnknownSubject, Attempt::of_another_subject),
            (1, Refusal::DataAfterLock, |it| it.before.push(locks())),
            (2, Refusal::SiteNotActive, |it| it.last.1 = OTHER_CLINICIAN),
            (3, Refusal::SubjectWithdrawn, |it| it.before.push(withdraws())),
            (4, Refusal::ConsentVersionStale, Attempt::reconsented),
            (5, Refusal::BrokenChain, |it| {
                if let CaptureData { previous, .. } = &mut it.last.2 {
                    *previous = NONE;
                }
            }),
        ],
    );
}

#[test]
fn of_a_lock_and_unblinding() {
    check_order(
        life_until(CAPTURED),
        locks(),
        &[
            (0, Refusal::UnknownTrial, Attempt::of_another_trial),
            (1, Refusal::RoleNotAllowed, |it| it.last.1 = OTHER_SPONSOR),
            (2, Refusal::DataAfterLock, |it| it.before.push(locks())),
            (3, Refusal::CommitmentMismatch, |it| {
                if let LockData { root, .. } = &mut it.last.2 {
                    *root = NONE;
                }
            }),
        ],
    );
    check_order(
        life_until(LOCKED),
        unblinds(),
        &[
            (0, Refusal::UnknownTrial, Attempt::of_another_trial),
            (1, Refusal::UnblindNotAuthorised, |it| it.last.1 = OTHER_SPONSOR),
        ],
    );
    check_order(
        life_until(RANDOMISED),
        unblinds_subject(),
        &[
            (0, Refusal::UnknownSubject, Attempt::of_another_subject),
            (1, Refusal::ReasonMissing, |it| {
                if let UnblindSubject { reason, .. } = &mut it.last.2 {
                    *reason = Digest::default();
                }
            }),
            (2, Refusal::UnblindNotAuthorised, |it| it.last.1 = OTHER_CLINICIAN),
        ],
    );
}

#[test]
fn of_a_result() {
    check_order(
        life_until(UNBLINDED),
        publishes(),
        &[
            (0, Refusal::UnknownTrial, Attempt::of_another_trial),
            (1, Refusal::RoleNotAllowed, |it| it.last.1 = OTHER_SPONSOR),
            (2, Refusal::AlreadyPublished, |it| it.before.push(publishes())),
            (3, Refusal::ResultPlanMismatch, |it| {
                if let PublishResult { analysis, .. } = &mut it.last.2 {
                    *analysis = NONE;
                }
            }),
            (4, Refusal::CommitmentMismatch, |it| {
                if let PublishResult { root, .. } = &mut it.last.2 {
                    *root = NONE;
                }
            }),
        ],
    );
    // Before unblinding, both others come first.
    check_order(
        life_until(UNBLINDED),
        publishes(),
        &[
            (0, Refusal::ResultPlanMismatch, |it| {
                if let PublishResult { version, .. } = &mut it.last.2 {
                    *version = 1;
                }
            }),
            (1, Refusal::CommitmentMismatch, |it| {
                if let PublishResult { root, .. } = &mut it.last.2 {
                    *root = NONE;
                }
            }),
            (2, Refusal::UnblindNotAuthorised, |it| it.before.retain(|step| *step != unblinds())),
        ],
    );
}
