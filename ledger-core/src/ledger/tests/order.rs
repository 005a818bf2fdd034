//! Which refusal wins: of every two things wrong with an action, the one that is judged first.

use super::*;
use Refusal::*;

/// An action with things wrong with it: what happens before, and the action itself, last.
type Build = fn(&dyn Fn(Refusal) -> bool) -> Vec<Step>;

const HOURS_72: u64 = 72 * 3_600;

/// Refusals in the order in which they win; each is named once.
const LADDERS: &[(&str, &[Refusal], Build)] = &[
    ("RegisterParty", &[RoleNotAllowed, UnknownParty, DuplicateParty, ExpiryInPast], |wrong| {
        let actor = if wrong(RoleNotAllowed) { HOSPITAL } else { REGULATOR };
        let key = if wrong(DuplicateParty) { CLERK } else { PartyId(50) };
        let organisation = if wrong(UnknownParty) { NOBODY } else { HOSPITAL };
        let until = if wrong(ExpiryInPast) { at(10) } else { at(99) };
        vec![(10, actor, register_party(key, Some(organisation), until))]
    }),
    ("RevokeCredential", &[RoleNotAllowed, UnknownParty], |wrong| {
        let actor = if wrong(RoleNotAllowed) { HOSPITAL } else { REGULATOR };
        let party = if wrong(UnknownParty) { NOBODY } else { CLERK };
        vec![(10, actor, Action::RevokeCredential { party })]
    }),
    (
        "RegisterRecord",
        &[RoleNotAllowed, UnknownParty, DuplicateRecord, NotCustodian, MissingPatientWrap],
        |wrong| {
            let mut action = register_record(if wrong(DuplicateRecord) { 1 } else { 3 });
            if let Action::RegisterRecord { patient, patient_wrap, .. } = &mut action {
                *patient = if wrong(UnknownParty) { CLERK } else { PATIENT };
                if wrong(MissingPatientWrap) {
                    *patient_wrap = Blob::default();
                }
            }
            let actor = keeper(wrong);
            vec![(10, actor, action)]
        },
    ),
    (
        "GrantConsent",
        &[
            RoleNotAllowed,
            UnknownParty,
            NotConsentAuthority,
            EmptyScope,
            UnknownPurpose,
            ExpiryInPast,
            DelegateScopeExceeded,
        ],
        |wrong| {
            let mut steps = delegated(wrong);
            let mut listed = vec![Purpose::TREAT];
            listed.extend(wrong(UnknownPurpose).then_some(Purpose::Other(1)));
            listed.extend(wrong(DelegateScopeExceeded).then_some(Purpose::HPAYMT));
            let classes = if wrong(EmptyScope) { vec![] } else { vec![RecordClass::Observation] };
            let scope = Scope {
                classes: List::new(classes).unwrap(),
                purposes: purposes(&listed),
                until: if wrong(ExpiryInPast) { at(10) } else { at(900) },
                ..scope(if wrong(UnknownParty) { NOBODY } else { HOSPITAL })
            };
            let actor = if wrong(RoleNotAllowed) { CLERK } else { GUARDIAN };
            steps.push((10, actor, grant(scope)));
            steps
        },
    ),
    ("RevokeConsent", &[RoleNotAllowed, UnknownConsent, NotConsentAuthority, AlreadyRevoked], |wrong| {
        let mut steps = vec![(10, PATIENT, grant(scope(HOSPITAL)))];
        if wrong(AlreadyRevoked) {
            steps.push((10, PATIENT, revoke(0)));
        }
        let actor = decider(wrong);
        steps.push((10, actor, revoke(if wrong(UnknownConsent) { 9 } else { 0 })));
        steps
    }),
    (
        "RequestAccess",
        &[
            UnknownRecord,
            KeyShredded,
            UnknownPurpose,
            DeniedByDirective,
            UnknownConsent,
            NoConsent,
            ConsentRevoked,
            ConsentExpired,
            LabelNotCovered,
            PurposeMismatch,
        ],
        |wrong| {
            let class = if wrong(LabelNotCovered) { RecordClass::Imaging } else { RecordClass::Observation };
            let purpose = if wrong(PurposeMismatch) { Purpose::HPAYMT } else { Purpose::TREAT };
            let given = Scope {
                classes: List::new(vec![class]).unwrap(),
                purposes: purposes(&[purpose]),
                until: if wrong(ConsentExpired) { at(15) } else { at(99) },
                ..scope(if wrong(NoConsent) { INSURER } else { HOSPITAL })
            };
            let mut steps = vec![(10, PATIENT, grant(given))];
            if wrong(DeniedByDirective) {
                steps.push((10, PATIENT, deny(scope(HOSPITAL))));
            }
            if wrong(ConsentRevoked) {
                steps.push((10, PATIENT, revoke(0)));
            }
            if wrong(KeyShredded) {
                steps.push((10, CLERK, Action::ShredKey { record: RECORD }));
            }
            let record = if wrong(UnknownRecord) { RecordId(9) } else { RECORD };
            let purpose = if wrong(UnknownPurpose) { Purpose::Other(1) } else { Purpose::TREAT };
            let consent = Some(ConsentId(if wrong(UnknownConsent) { 9 } else { 0 }));
            steps.push((20, CLINICIAN, Action::RequestAccess { record, purpose, consent }));
            steps
        },
    ),
    (
        "BreakGlass",
        &[RoleNotAllowed, UnknownRecord, KeyShredded, ReasonMissing, WindowTooLong, DeniedByDirective],
        |wrong| {
            let mut steps = Vec::new();
            if wrong(DeniedByDirective) {
                let emergencies = Scope { purposes: purposes(&[Purpose::BTG]), ..scope(HOSPITAL) };
                steps.push((10, PATIENT, deny(emergencies)));
            }
            if wrong(KeyShredded) {
                steps.push((10, CLERK, Action::ShredKey { record: RECORD }));
            }
            let actor = if wrong(RoleNotAllowed) { CLERK } else { CLINICIAN };
            let record = if wrong(UnknownRecord) { RecordId(9) } else { RECORD };
            let reason = Digest([u8::from(!wrong(ReasonMissing)); 32]);
            let window_ns = if wrong(WindowTooLong) { u64::MAX } else { 1 };
            steps.push((10, actor, Action::BreakGlass { record, reason, window_ns }));
            steps
        },
    ),
    (
        "ReviewBreakGlass",
        &[RoleNotAllowed, UnknownAccess, NotCustodian, AlreadyReviewed, ReviewOverdue],
        |wrong| {
            let mut steps = vec![(10, CLINICIAN, break_glass())];
            if wrong(AlreadyReviewed) {
                steps.push((10, CLERK, review(0)));
            }
            let actor = keeper(wrong);
            let seconds = if wrong(ReviewOverdue) { HOURS_72 + 11 } else { 10 };
            steps.push((seconds, actor, review(if wrong(UnknownAccess) { 9 } else { 0 })));
            steps
        },
    ),
    (
        "DelegateAuthority",
        &[
            RoleNotAllowed,
            UnknownParty,
            NotConsentAuthority,
            DelegationCycle,
            EmptyScope,
            UnknownPurpose,
            ExpiryInPast,
            MinorAgedOut,
            DelegateScopeExceeded,
        ],
        |wrong| {
            let mut steps = delegated(wrong);
            let mut listed = vec![Purpose::TREAT];
            listed.extend(wrong(UnknownPurpose).then_some(Purpose::Other(1)));
            listed.extend(wrong(DelegateScopeExceeded).then_some(Purpose::HPAYMT));
            let classes = if wrong(EmptyScope) { vec![] } else { vec![RecordClass::Observation] };
            let scope = DelegatedScope {
                classes: List::new(classes).unwrap(),
                purposes: purposes(&listed),
                ..reach()
            };
            let delegate = match (wrong(UnknownParty), wrong(DelegationCycle)) {
                (true, _) => CLERK,
                (false, true) => PATIENT,
                (false, false) => OTHER_PATIENT,
            };
            let action = Action::DelegateAuthority {
                patient: PATIENT,
                delegate,
                scope,
                until: if wrong(ExpiryInPast) { at(10) } else { at(900) },
                evidence: Digest([1; 32]),
                minor_until: wrong(MinorAgedOut).then_some(at(10)),
            };
            steps.push((10, if wrong(RoleNotAllowed) { CLERK } else { GUARDIAN }, action));
            steps
        },
    ),
    (
        "RewrapKey",
        &[
            RoleNotAllowed,
            UnknownRecord,
            NotConsentAuthority,
            KeyShredded,
            UnknownParty,
            MissingPatientWrap,
            WrapForRevokedGrantee,
        ],
        |wrong| {
            let mut steps = Vec::new();
            if !wrong(WrapForRevokedGrantee) {
                steps.push((10, PATIENT, grant(scope(HOSPITAL))));
            }
            if wrong(KeyShredded) {
                steps.push((10, CLERK, Action::ShredKey { record: RECORD }));
            }
            let actor = decider(wrong);
            let record = if wrong(UnknownRecord) { RecordId(9) } else { RECORD };
            let grantee = if wrong(UnknownParty) { NOBODY } else { HOSPITAL };
            let wrap = if wrong(MissingPatientWrap) { vec![] } else { vec![1; 80] };
            let wrap = Blob::new(wrap).unwrap();
            steps.push((10, actor, Action::RewrapKey { record, grantee, wrap }));
            steps
        },
    ),
    (
        "RotateKey",
        &[RoleNotAllowed, UnknownRecord, NotCustodian, KeyShredded, DuplicateRecord, MissingPatientWrap],
        |wrong| {
            let mut steps = Vec::new();
            if wrong(KeyShredded) {
                steps.push((10, CLERK, Action::ShredKey { record: RECORD }));
            }
            let record = if wrong(UnknownRecord) { RecordId(9) } else { RECORD };
            let n = if wrong(DuplicateRecord) { 2 } else { 3 };
            let patient_wrap = if wrong(MissingPatientWrap) { vec![] } else { vec![1; 80] };
            let patient_wrap = Blob::new(patient_wrap).unwrap();
            let (commitment, locator) = (Digest([n; 32]), [n; 16]);
            steps.push((10, keeper(wrong), Action::RotateKey { record, commitment, locator, patient_wrap }));
            steps
        },
    ),
    ("ShredKey", &[RoleNotAllowed, UnknownRecord, NotCustodian, KeyShredded], |wrong| {
        let mut steps = Vec::new();
        if wrong(KeyShredded) {
            steps.push((10, CLERK, Action::ShredKey { record: RECORD }));
        }
        let actor = if wrong(RoleNotAllowed) { REGULATOR } else { keeper(wrong) };
        let record = if wrong(UnknownRecord) { RecordId(9) } else { RECORD };
        steps.push((10, actor, Action::ShredKey { record }));
        steps
    }),
];

/// The guardian may decide for the patient.
fn delegated(wrong: &dyn Fn(Refusal) -> bool) -> Vec<Step> {
    if wrong(NotConsentAuthority) {
        return Vec::new();
    }
    let action = Action::DelegateAuthority {
        patient: PATIENT,
        delegate: GUARDIAN,
        scope: reach(),
        until: at(1_000),
        evidence: Digest([1; 32]),
        minor_until: None,
    };
    vec![(10, PATIENT, action)]
}

/// Who decides for the patient, or should not.
fn decider(wrong: &dyn Fn(Refusal) -> bool) -> PartyId {
    match (wrong(RoleNotAllowed), wrong(NotConsentAuthority)) {
        (true, _) => CLERK,
        (false, true) => OTHER_PATIENT,
        (false, false) => PATIENT,
    }
}

/// Who keeps the record, or should not.
fn keeper(wrong: &dyn Fn(Refusal) -> bool) -> PartyId {
    match (wrong(RoleNotAllowed), wrong(NotCustodian)) {
        (true, _) => PATIENT,
        (false, true) => INSURER,
        (false, false) => CLERK,
    }
}

#[test]
fn of_two_refusals_the_first_wins() {
    for (action, refusals, build) in LADDERS {
        let last = |wrong: &[Refusal]| {
            let steps = build(&|refusal| wrong.contains(&refusal));
            *play(&mut world(), &steps).last().unwrap()
        };
        let accepted = last(&[]);
        assert!(!matches!(accepted, Outcome::Refused(_)), "{action}: {accepted:?}");
        for (number, first) in refusals.iter().enumerate() {
            assert_eq!(last(&[*first]), Outcome::Refused(*first), "{action}");
            for second in &refusals[number + 1..] {
                assert_eq!(
                    last(&[*first, *second]),
                    Outcome::Refused(*first),
                    "{action}: {second:?} as well"
                );
            }
        }
    }
}
