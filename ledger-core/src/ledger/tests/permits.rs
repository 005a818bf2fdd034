//! Access only under a permit in force: every decision against the plain reading of what patients said before it.

use super::*;

/// What the decision rests on, kept as it was said.
#[derive(Default)]
struct Said {
    /// Patient's directive or consent: denies, what, and whether it was withdrawn.
    consents: Vec<(bool, Scope, bool)>,
    shredded: Vec<RecordId>,
    /// Of the one patient.
    decisions: u64,
}

impl Said {
    /// Reader of an organisation, for treatment.
    fn permits(&self, ledger: &Ledger, now: Timestamp, reader: PartyId, id: RecordId) -> bool {
        let Some(record) = ledger.record(id) else { return false };
        let applies = |scope: &Scope| {
            scope.grantee == Grantee::Party(home(reader))
                && scope.from <= now
                && now < scope.until
                && scope.classes.contains(&record.class)
                && record.label.confidentiality <= scope.confidentiality_max
                && record.label.sensitivities.0 & !scope.sensitivities.0 == 0
                && scope.purposes.contains(&Purpose::TREAT)
        };
        let some = |denying: bool| {
            self.consents
                .iter()
                .any(|(denies, scope, withdrawn)| *denies == denying && !withdrawn && applies(scope))
        };
        // Nothing here covers what is labelled sensitive, neither consents nor directives.
        !self.shredded.contains(&id) && some(false) && !some(true)
    }

    fn learn(&mut self, action: &Action, outcome: Outcome) {
        match (action, outcome) {
            (Action::GrantConsent { scope, .. }, Outcome::ConsentRegistered(_)) => {
                self.consents.push((false, scope.clone(), false));
            }
            (Action::DenyDirective { scope, .. }, Outcome::ConsentRegistered(_)) => {
                self.consents.push((true, scope.clone(), false));
            }
            (Action::RevokeConsent { .. }, Outcome::ConsentRevoked(id)) => {
                self.consents[id.index()].2 = true;
            }
            (Action::ShredKey { .. }, Outcome::KeyShredded(id)) => self.shredded.push(id),
            _ => {}
        }
    }
}

/// Grants, directives, withdrawals, erasures and requests for treatment.
fn any_deed() -> impl Strategy<Value = (PartyId, Action)> {
    let scope = (0usize..3, 0u64..60, 1u64..120).prop_map(|(purpose, from, until)| {
        let listed = [Purpose::TREAT, Purpose::HPAYMT, Purpose::ETREAT];
        let (from, until) = (at(from), at(until));
        Scope { purposes: purposes(&[listed[purpose]]), from, until, ..scope(HOSPITAL) }
    });
    let by_patient = prop_oneof![
        4 => scope.clone().prop_map(grant),
        1 => scope.prop_map(deny),
        2 => (0u32..12).prop_map(revoke),
    ];
    let request = (0u32..3).prop_map(|id| request(RecordId(id), Purpose::TREAT));
    let readers = prop_oneof![Just(CLINICIAN), Just(CLERK), Just(INSURER), Just(STRANGER)];
    prop_oneof![
        4 => by_patient.prop_map(|action| (PATIENT, action)),
        6 => (readers, request),
        1 => (1u32..3).prop_map(|id| (CLERK, Action::ShredKey { record: RecordId(id) })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn access_only_under_a_permit_in_force(deeds in prop::collection::vec(any_deed(), 1..100)) {
        let (mut ledger, mut said) = (world(), Said::default());
        for (second, (actor, action)) in (1u64..).zip(deeds) {
            let now = at(second);
            let expected = match &action {
                Action::RequestAccess { record, .. } => Some((*record, said.permits(&ledger, now, actor, *record))),
                _ => None,
            };
            let outcome = play(&mut ledger, &[(second, actor, action.clone())])[0];
            if let Some((record, permitted)) = expected {
                let is_permitted = matches!(outcome, Outcome::Permitted { .. });
                prop_assert_eq!(is_permitted, permitted, "{:?} of {:?} at {}: {:?}", record, actor, second, outcome);
                said.decisions += u64::from(ledger.record(record).is_some());
            }
            said.learn(&action, outcome);
            // The patient's counter has no gap: it is the number of decisions.
            prop_assert_eq!(ledger.activity(PATIENT).unwrap().accesses, said.decisions);
            // A permit that was given is in force for as long as its consent, and no longer.
            for id in 0..ledger.accesses().len() as u32 {
                let access = ledger.access(AccessId(id)).unwrap();
                let in_force = matches!(ledger.permit_status(AccessId(id), now), PermitStatus::InForce { .. });
                let consent = access.consent.unwrap();
                let withdrawn = said.consents[consent.index()].2;
                prop_assert!(!in_force || (!withdrawn && !said.shredded.contains(&access.record) && now < access.until));
            }
        }
    }
}
