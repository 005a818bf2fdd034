//! No sequence of transactions, valid or not, reaches a state in which a trial breaks its promises.

use super::*;
use std::collections::BTreeMap;

/// By anybody who has a part in trials, over few ids, mostly right in what is hard to hit.
fn any_trial_step() -> impl Strategy<Value = (PartyId, TrialAction)> {
    let actors = [
        OFFICER,
        OFFICER,
        CLINICIAN,
        CLINICIAN,
        OTHER_CLINICIAN,
        REVIEWER,
        PATIENT,
        OTHER_PATIENT,
        OTHER_SPONSOR,
        GUARDIAN,
    ];
    let trial = || prop_oneof![8 => Just(TRIAL), 1 => Just(TrialId(1)), 1 => Just(TrialId(2))];
    let subject = || (0u32..3).prop_map(SubjectId);
    let plan = || (0u8..3).prop_map(plan);
    let patient = || prop_oneof![Just(PATIENT), Just(OTHER_PATIENT)];
    let site = || prop_oneof![3 => Just(HOSPITAL), 1 => Just(OTHER_HOSPITAL)];
    let right = |wrong: u8| prop_oneof![9 => Just(RIGHT), 1 => Just(Digest([wrong; 32]))];
    let approval = || (0u32..6).prop_map(ApprovalId);
    let actions = prop_oneof![
        2 => (prop::option::of(trial()), plan(), any::<bool>()).prop_map(|(trial, plan, reconsent)| {
            ApproveTrial { sponsor: SPONSOR, trial, plan, reconsent }
        }),
        2 => (plan(), approval()).prop_map(|(plan, approval)| RegisterTrial { plan, approval }),
        2 => (trial(), plan(), approval()).prop_map(|(trial, plan, approval)| {
            AmendTrial { trial, plan, approval }
        }),
        2 => (trial(), site()).prop_map(|(trial, site)| ActivateSite { trial, site }),
        1 => (trial(), site()).prop_map(|(trial, site)| CloseSite { trial, site }),
        4 => (trial(), patient(), 0u32..3).prop_map(|(trial, patient, version)| {
            SubjectConsent { trial, patient, version }
        }),
        4 => (plan(), patient()).prop_map(|(plan, patient)| Enrol { protocol: plan.protocol, patient }),
        3 => (subject(), any::<u8>()).prop_map(|(subject, arm)| {
            Randomise { subject, arm: Digest([arm; 32]) }
        }),
        1 => subject().prop_map(|subject| Withdraw { subject }),
        6 => (subject(), right(5), any::<u8>()).prop_map(|(subject, previous, leaf)| {
            CaptureData { subject, previous, leaf: Digest([leaf; 32]) }
        }),
        1 => (trial(), right(6)).prop_map(|(trial, root)| LockData { trial, root }),
        2 => trial().prop_map(|trial| Unblind { trial }),
        1 => subject().prop_map(|subject| UnblindSubject { subject, reason: Digest([1; 32]) }),
        2 => (trial(), 0u32..3, plan(), right(7)).prop_map(|(trial, version, plan, root)| {
            let (analysis, code, report) = (plan.analysis, NONE, NONE);
            PublishResult { trial, version, analysis, root, code, report }
        }),
    ];
    (0usize..actors.len(), actions).prop_map(move |(actor, action)| {
        // Half of the time by one who may.
        let may = match action {
            _ if actor % 2 == 0 => actors[actor],
            ApproveTrial { .. } => REVIEWER,
            RegisterTrial { .. } | AmendTrial { .. } | ActivateSite { .. } | CloseSite { .. } => OFFICER,
            LockData { .. } | Unblind { .. } | PublishResult { .. } | Randomise { .. } => OFFICER,
            SubjectConsent { patient, .. } => patient,
            Withdraw { .. } => PATIENT,
            Enrol { .. } | CaptureData { .. } | UnblindSubject { .. } => CLINICIAN,
        };
        (may, action)
    })
}

const NONE: Digest = Digest([0x99; 32]);

/// What only grows, worked out beside the ledger: the leaves that were answered as captured.
#[derive(Default)]
struct Model {
    chains: BTreeMap<SubjectId, DataChain>,
}

impl Model {
    fn learn(&mut self, action: &TrialAction, outcome: Outcome) {
        if let (CaptureData { leaf, .. }, Outcome::Trial(TrialOutcome::Captured { subject, .. })) =
            (action, outcome)
        {
            let chain = self.chains.entry(subject).or_default();
            *chain = chain.with(leaf);
        }
    }

    /// The family's invariants, in one state and over one step.
    fn check(&self, before: &Trials, after: &Trials) {
        for (id, subject) in (0..).map(SubjectId).zip(after.subjects().iter()) {
            let data = after.data(id).unwrap();
            assert_eq!(data, self.chains.get(&id).copied().unwrap_or_default(), "{id:?}: chain unbroken");
            let trial = after.trial(subject.trial).unwrap();
            if let Some(enrolment) = subject.enrolment {
                assert!(subject.consented_at <= enrolment.at && trial.registered_at <= enrolment.at);
            }
            assert!(subject.enrolment.is_some() || (data.captures == 0 && subject.arm.is_none()));
            let Some(earlier) = before.subject(id) else { continue };
            let grew = before.data(id) != Some(data);
            let good = earlier.version >= before.trial(subject.trial).unwrap().consent_from;
            assert!(!grew || (earlier.withdrawn_at.is_none() && good), "{id:?} left, or did not consent");
            assert!(!grew || before.trial(subject.trial).unwrap().lock.is_none(), "{id:?} after lock");
            assert!(earlier.arm.is_none() || earlier.arm == subject.arm, "{id:?} has another arm");
            assert!(earlier.withdrawn_at.is_none() || earlier.withdrawn_at == subject.withdrawn_at);
            assert!(earlier.enrolment.is_none() || earlier.enrolment == subject.enrolment);
        }
        for (id, trial) in (0..).map(TrialId).zip(after.trials().iter()) {
            let version = |number| after.versions_of(id).find(|version| version.number == number);
            if let Some(result) = trial.result {
                assert_eq!(trial.lock.map(|lock| lock.root), Some(result.root), "{id:?} cites locked data");
                assert!(trial.unblinded_at.is_some());
                let plan = version(result.version).expect("a registered version").plan;
                assert_eq!(after.versions_of(id).next().unwrap().plan.analysis, plan.analysis);
            }
            assert!(
                trial.lock.is_none_or(|lock| lock.root == after.root_of(id)),
                "{id:?}: what is locked stays"
            );
            assert!(trial.unblinded_at.is_none() || trial.lock.is_some());
            let Some(earlier) = before.trial(id) else { continue };
            assert!(earlier.lock.is_none() || earlier.lock == trial.lock);
            assert!(earlier.result.is_none() || earlier.result == trial.result);
            if earlier.unblinded_at.is_some() {
                let plan = |trials: &Trials| trials.versions_of(id).next().unwrap().plan.analysis;
                assert_eq!(plan(before), plan(after), "{id:?}: plan changed after unblinding");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn trials_keep_their_promises(
        start in 0usize..8,
        steps in prop::collection::vec(any_trial_step(), 1..60),
    ) {
        let (mut ledger, mut model) = (trial_world(), Model::default());
        let begun = life_until(start).into_iter().map(|(_, actor, action)| (actor, action));
        for (number, (actor, action)) in (0..).zip(begun.chain(steps)) {
            let before = ledger.clone();
            let action = resolved(&ledger, action);
            let outcome = act(&mut ledger, number, &(10 + number, actor, action.clone()));
            model.learn(&action, outcome);
            model.check(before.trials(), ledger.trials());
            if matches!(outcome, Outcome::Refused(_)) {
                prop_assert_eq!(before.trials().root(), ledger.trials().root());
            }
        }
        let bytes = ledger.snapshot();
        let restored = Ledger::restore(&bytes).unwrap();
        prop_assert_eq!(restored.snapshot(), bytes);
        prop_assert_eq!(restored.state_root(), ledger.state_root());
    }
}
