//! Telemedicine: each precondition alone and every two of them together, and what no sequence of transactions reaches.

use super::*;

pub(super) const PHARMACY: PartyId = PartyId(12);
pub(super) const PHARMACIST: PartyId = PartyId(13);
const OTHER_PHARMACY: PartyId = PartyId(14);
const OTHER_PHARMACIST: PartyId = PartyId(15);
const OWNER: PartyId = PartyId(16);
const OTHER_OWNER: PartyId = PartyId(17);
const DEVICE: PartyId = PartyId(18);
const OTHER_DEVICE: PartyId = PartyId(19);
pub(super) const OTHER_HOSPITAL: PartyId = PartyId(20);
pub(super) const OTHER_CLINICIAN: PartyId = PartyId(21);
const FOREIGN_DEVICE: PartyId = PartyId(22);
/// Nine more of the hospital's.
const MORE_DEVICES: u32 = 23;

pub(super) const SESSION: SessionId = SessionId(0);
const MODEL: Digest = Digest([40; 32]);
const FIRMWARE: Digest = Digest([41; 32]);
const ROOT: Digest = Digest([50; 32]);

/// [`world`] with the parties of telemedicine.
pub(super) fn clinic() -> Ledger {
    let mut genesis = Genesis::on(world());
    let parties = [
        (Role::Pharmacy, None),
        (Role::Pharmacist, Some(PHARMACY)),
        (Role::Pharmacy, None),
        (Role::Pharmacist, Some(OTHER_PHARMACY)),
        (Role::ModelOwner, None),
        (Role::ModelOwner, None),
        (Role::Device, Some(HOSPITAL)),
        (Role::Device, Some(HOSPITAL)),
        (Role::Hospital, None),
        (Role::Clinician, Some(OTHER_HOSPITAL)),
        (Role::Device, Some(OTHER_HOSPITAL)),
    ];
    let more = std::iter::repeat_n((Role::Device, Some(HOSPITAL)), 9);
    for (index, (role, organisation)) in (12..).zip(parties.into_iter().chain(more)) {
        let key = secret(PartyId(index)).public();
        genesis.party(Party { key, wrap_key: [9; 32], role, organisation, credential: Credential::ALWAYS });
    }
    genesis.build()
}

/// Where the parties that [`clinic`] adds belong.
pub(super) fn home(party: PartyId) -> PartyId {
    match party {
        PHARMACIST => PHARMACY,
        OTHER_PHARMACIST => OTHER_PHARMACY,
        DEVICE | OTHER_DEVICE => HOSPITAL,
        OTHER_CLINICIAN | FOREIGN_DEVICE => OTHER_HOSPITAL,
        more if (MORE_DEVICES..MORE_DEVICES + 9).contains(&more.0) => HOSPITAL,
        itself => itself,
    }
}

/// What is done, in which order, at which second; the last is looked at.
#[derive(Clone)]
struct Setup {
    before: Vec<(u64, PartyId, TelemedicineAction)>,
    at: u64,
    actor: PartyId,
    action: TelemedicineAction,
}

/// Spoils one precondition.
type Spoil = fn(&mut Setup);

fn outcome(setup: &Setup) -> Outcome {
    let mut ledger = clinic();
    let mut steps: Vec<Step> = setup
        .before
        .iter()
        .map(|(at, actor, action)| (*at, *actor, Action::Telemedicine(action.clone())))
        .collect();
    steps.push((setup.at, setup.actor, Action::Telemedicine(setup.action.clone())));
    *play(&mut ledger, &steps).last().unwrap()
}

fn check_order(base: &Setup, preconditions: &[(Refusal, Spoil)]) {
    super::check_order(base, preconditions, outcome);
}

fn open() -> (u64, PartyId, TelemedicineAction) {
    (10, CLINICIAN, TelemedicineAction::OpenSession { clinician: CLINICIAN, patient: PATIENT })
}

fn close() -> (u64, PartyId, TelemedicineAction) {
    (30, CLINICIAN, TelemedicineAction::CloseSession { session: SESSION })
}

fn attest_with(device: PartyId, firmware: Digest, until: u64) -> (u64, PartyId, TelemedicineAction) {
    let certificate = Digest([42; 32]);
    (10, CLERK, TelemedicineAction::AttestDevice { device, certificate, firmware, until: at(until) })
}

fn attest(device: PartyId) -> (u64, PartyId, TelemedicineAction) {
    attest_with(device, FIRMWARE, 10_000)
}

fn revoke_firmware() -> (u64, PartyId, TelemedicineAction) {
    (11, REGULATOR, TelemedicineAction::RevokeFirmware { firmware: FIRMWARE })
}

/// Ten readings.
fn vitals(first: u64, root: Digest) -> Vitals {
    Vitals { root, count: 10, first, window: (at(10 + first), at(20 + first)) }
}

fn anchor(device: PartyId, vitals: Vitals) -> (u64, PartyId, TelemedicineAction) {
    let seconds = vitals.window.1.0 / 1_000_000_000;
    (seconds, device, TelemedicineAction::AnchorVitals { session: SESSION, vitals })
}

fn register_model() -> (u64, PartyId, TelemedicineAction) {
    (10, OWNER, TelemedicineAction::RegisterModel { model: MODEL, training_data: Digest([43; 32]) })
}

fn retire_model() -> (u64, PartyId, TelemedicineAction) {
    (25, OWNER, TelemedicineAction::RetireModel { model: MODEL })
}

fn decision(news2: u8, score_milli: u16) -> Decision {
    Decision {
        model: MODEL,
        root: ROOT,
        leaves: (0, 10),
        news2: News2 { total: news2, single_three: false },
        score_milli,
        threshold_milli: 500,
        advice: Advice::Watch,
    }
}

fn triage_of(decision: Decision) -> (u64, PartyId, TelemedicineAction) {
    (26, CLINICIAN, TelemedicineAction::RecordTriage { session: SESSION, decision })
}

fn review_triage() -> (u64, PartyId, TelemedicineAction) {
    let (triage, reason) = (TriageId(0), Digest([44; 32]));
    (27, CLINICIAN, TelemedicineAction::OverrideTriage { triage, accepted: true, reason })
}

/// All that a triage needs.
fn monitored() -> Vec<(u64, PartyId, TelemedicineAction)> {
    vec![open(), attest(DEVICE), register_model(), anchor(DEVICE, vitals(0, ROOT))]
}

fn prescribe() -> TelemedicineAction {
    TelemedicineAction::Prescribe {
        session: SESSION,
        patient: PATIENT,
        triage: Some(TriageId(0)),
        medication: Digest([45; 32]),
        quantity: 30,
        until: at(5_000),
    }
}

fn claim_by(pharmacist: PartyId) -> (u64, PartyId, TelemedicineAction) {
    let prescription = PrescriptionId(0);
    (40, pharmacist, TelemedicineAction::ClaimPrescription { prescription, patient: PATIENT })
}

fn dispense(quantity: u32) -> TelemedicineAction {
    TelemedicineAction::DispensePrescription { prescription: PrescriptionId(0), patient: PATIENT, quantity }
}

/// Up to a prescription of 30 that is reviewed.
fn prescribed() -> Vec<(u64, PartyId, TelemedicineAction)> {
    let mut before = monitored();
    before.extend([triage_of(decision(7, 900)), review_triage(), (28, CLINICIAN, prescribe())]);
    before
}

macro_rules! field {
    ($setup:ident, $variant:ident { $field:ident }, $value:expr) => {
        if let TelemedicineAction::$variant { $field, .. } = &mut $setup.action {
            *$field = $value;
        }
    };
}

#[test]
fn sessions_devices_and_firmware() {
    use Refusal::*;
    let (at, actor, action) = open();
    check_order(
        &Setup { before: vec![], at, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = PHARMACIST),
            (UnknownParty, |it| field!(it, OpenSession { patient }, CLERK)),
            (ClinicianNotLicensed, |it| field!(it, OpenSession { clinician }, CLERK)),
        ],
    );
    for unlicensed in [STRANGER, LAPSED, OTHER_CLINICIAN, NOBODY] {
        let action = TelemedicineAction::OpenSession { clinician: unlicensed, patient: PATIENT };
        let setup = Setup { before: vec![], at: 10, actor: CLERK, action };
        assert_eq!(outcome(&setup), Outcome::Refused(ClinicianNotLicensed), "{unlicensed:?}");
    }
    let (at, actor, action) = close();
    check_order(
        &Setup { before: vec![open()], at, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = DEVICE),
            (UnknownSession, |it| it.before.clear()),
            (ClinicianNotLicensed, |it| it.actor = OTHER_CLINICIAN),
            (SessionClosed, |it| it.before.push(close())),
        ],
    );
    let (at, actor, action) = attest(DEVICE);
    check_order(
        &Setup { before: vec![], at: at + 2, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = INSURER),
            (UnknownDevice, |it| field!(it, AttestDevice { device }, FOREIGN_DEVICE)),
            (AttestationExpired, |it| field!(it, AttestDevice { until }, at_second(12))),
            (FirmwareRevoked, |it| it.before.push(revoke_firmware())),
        ],
    );
    let (at, actor, action) = revoke_firmware();
    check_order(
        &Setup { before: vec![], at, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = HOSPITAL),
            (AlreadyRevoked, |it| it.before.push(revoke_firmware())),
        ],
    );
}

/// [`at`] under a name that no field takes.
fn at_second(seconds: u64) -> Timestamp {
    at(seconds)
}

#[test]
fn vitals_are_of_attested_devices_and_gapless() {
    use Refusal::*;
    let (at, actor, action) = anchor(DEVICE, vitals(10, Digest([51; 32])));
    let before = vec![open(), attest(DEVICE), anchor(DEVICE, vitals(0, ROOT))];
    fn change(setup: &mut Setup, change: impl Fn(&mut Vitals)) {
        if let TelemedicineAction::AnchorVitals { vitals, .. } = &mut setup.action {
            change(vitals);
        }
    }
    check_order(
        &Setup { before, at, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = CLINICIAN),
            (UnknownSession, |it| field!(it, AnchorVitals { session }, SessionId(7))),
            (SessionClosed, |it| it.before.push(close())),
            (UnknownDevice, |it| it.actor = FOREIGN_DEVICE),
            (DeviceNotAttested, |it| it.actor = OTHER_DEVICE),
            (AttestationExpired, |it| it.before[1] = attest_with(DEVICE, FIRMWARE, 30)),
            (FirmwareRevoked, |it| it.before.push(revoke_firmware())),
            (ClockSkew, |it| change(it, |vitals| vitals.window = (at_second(400), at_second(410)))),
            (BatchOverlap, |it| change(it, |vitals| vitals.first = 9)),
            (BatchGap, |it| change(it, |vitals| vitals.count = 0)),
        ],
    );
}

#[test]
fn clocks_overlaps_and_gaps_in_each_way() {
    use Refusal::*;
    let next = vitals(10, Digest([51; 32]));
    let late = |seconds: u64| (30 + seconds, Vitals { ..next });
    let cases: Vec<(Option<Refusal>, (u64, Vitals))> = vec![
        (None, late(0)),
        (None, late(600)),
        (Some(ClockSkew), late(601)),
        (None, (110, Vitals { window: (at(400), at(410)), ..next })),
        (Some(ClockSkew), (109, Vitals { window: (at(400), at(410)), ..next })),
        // Attested until 10,000: the last reading counts, whatever commit time is.
        (Some(AttestationExpired), (9_990, Vitals { window: (at(9_980), at(10_000)), ..next })),
        (None, (9_990, Vitals { window: (at(9_980), at(9_999)), ..next })),
        (Some(ClockSkew), (30, Vitals { window: (at(30), at(30)), ..next })),
        (Some(BatchOverlap), (30, Vitals { window: (at(19), at(30)), ..next })),
        (Some(BatchOverlap), (30, Vitals { root: ROOT, ..next })),
        (Some(BatchOverlap), (30, Vitals { first: 0, ..next })),
        (Some(BatchGap), (30, Vitals { first: 11, ..next })),
        (Some(BatchGap), (30, Vitals { first: u64::MAX, ..next })),
    ];
    for (refusal, (seconds, vitals)) in cases {
        let before = vec![open(), attest(DEVICE), anchor(DEVICE, self::vitals(0, ROOT))];
        let action = TelemedicineAction::AnchorVitals { session: SESSION, vitals };
        let found = outcome(&Setup { before, at: seconds, actor: DEVICE, action });
        let expected = match refusal {
            Some(refusal) => Outcome::Refused(refusal),
            None => Outcome::Telemedicine(TelemedicineOutcome::VitalsAnchored(BatchId(1))),
        };
        assert_eq!(found, expected, "{seconds} {vitals:?}");
    }
    for (from, refused) in [(100, false), (99, true)] {
        let opened = (400, CLINICIAN, open().2);
        let vitals = Vitals { window: (at(from), at(410)), ..vitals(0, ROOT) };
        let action = TelemedicineAction::AnchorVitals { session: SESSION, vitals };
        let found = outcome(&Setup { before: vec![attest(DEVICE), opened], at: 410, actor: DEVICE, action });
        assert_eq!(found == Outcome::Refused(ClockSkew), refused, "{found:?}");
    }
    // Another device counts for itself, until there are too many.
    let mut before = vec![open()];
    for device in 0..DEVICES_PER_SESSION_MAX {
        let device = PartyId(MORE_DEVICES + device);
        before.extend([attest(device), anchor(device, vitals(0, Digest([60 + device.0 as u8; 32])))]);
    }
    before.push(attest(DEVICE));
    let (at, actor, action) = anchor(DEVICE, vitals(0, ROOT));
    check_order(
        &Setup { before: vec![open(), attest(DEVICE)], at, actor, action: action.clone() },
        &[
            (ClockSkew, |it| {
                if let TelemedicineAction::AnchorVitals { vitals, .. } = &mut it.action {
                    vitals.window = (at_second(500), at_second(510));
                }
            }),
            (BatchGap, |it| {
                if let TelemedicineAction::AnchorVitals { vitals, .. } = &mut it.action {
                    vitals.first = 1;
                }
            }),
        ],
    );
    let setup = Setup { before, at, actor, action };
    assert_eq!(outcome(&setup), Outcome::Refused(TooManyDevices));
}

#[test]
fn decisions_name_their_model_and_input() {
    use Refusal::*;
    let (at, actor, action) = register_model();
    check_order(
        &Setup { before: vec![], at, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = CLINICIAN),
            (DuplicateModel, |it| it.before.extend([register_model(), retire_model()])),
        ],
    );
    let (at, actor, action) = retire_model();
    check_order(
        &Setup { before: vec![register_model()], at, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = HOSPITAL),
            (ModelNotRegistered, |it| it.actor = OTHER_OWNER),
            (ModelRetired, |it| it.before.push(retire_model())),
        ],
    );
    let (at, actor, action) = triage_of(decision(7, 900));
    fn change(setup: &mut Setup, change: impl Fn(&mut Decision)) {
        if let TelemedicineAction::RecordTriage { decision, .. } = &mut setup.action {
            change(decision);
        }
    }
    let mut before = monitored();
    before.extend([open(), attest(OTHER_DEVICE)]);
    let elsewhere = Vitals { root: Digest([52; 32]), ..vitals(0, ROOT) };
    let action_elsewhere = TelemedicineAction::AnchorVitals { session: SessionId(1), vitals: elsewhere };
    before.push((20, OTHER_DEVICE, action_elsewhere));
    check_order(
        &Setup { before, at, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = DEVICE),
            (UnknownSession, |it| field!(it, RecordTriage { session }, SessionId(7))),
            (ClinicianNotLicensed, |it| it.actor = OTHER_CLINICIAN),
            (SessionClosed, |it| it.before.push(close())),
            (ModelNotRegistered, |it| change(it, |decision| decision.model = Digest([99; 32]))),
            (ModelRetired, |it| it.before.push(retire_model())),
            (InputRootUnknown, |it| change(it, |decision| decision.root = Digest([52; 32]))),
            (InputRootUnknown, |it| change(it, |decision| decision.leaves = (0, 11))),
            (InputRootUnknown, |it| change(it, |decision| decision.leaves = (3, 3))),
            (ScoreOutOfRange, |it| change(it, |decision| decision.news2.total = 21)),
            (ScoreOutOfRange, |it| change(it, |decision| decision.score_milli = 1_001)),
        ],
    );
    let (at, actor, action) = review_triage();
    let mut before = monitored();
    before.push(triage_of(decision(7, 900)));
    check_order(
        &Setup { before, at, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = CLERK),
            (UnknownTriage, |it| field!(it, OverrideTriage { triage }, TriageId(1))),
            (ClinicianNotLicensed, |it| it.actor = OTHER_CLINICIAN),
            (AlreadyReviewed, |it| it.before.push(review_triage())),
        ],
    );
}

#[test]
fn what_escalates_is_reviewed_before_anything_rests_on_it() {
    for (news2, single_three, score, escalates) in [
        (4, false, 499, false),
        (5, false, 0, true),
        (0, true, 0, true),
        (0, false, 500, true),
        (20, true, 1_000, true),
    ] {
        let mut decision = decision(news2, score);
        decision.news2.single_three = single_three;
        let mut before = monitored();
        let (at, actor, action) = triage_of(decision);
        let found = outcome(&Setup { before: before.clone(), at, actor, action });
        let recorded = TelemedicineOutcome::TriageRecorded { triage: TriageId(0), escalates };
        assert_eq!(found, Outcome::Telemedicine(recorded));
        before.push(triage_of(decision));
        let found = outcome(&Setup { before, at: 28, actor: CLINICIAN, action: prescribe() });
        let refused = found == Outcome::Refused(Refusal::ReviewMissing);
        assert_eq!(refused, escalates, "{decision:?}: {found:?}");
    }
}

#[test]
fn prescriptions_are_dispensed_once() {
    use Refusal::*;
    let mut before = monitored();
    before.extend([triage_of(decision(7, 900)), review_triage()]);
    check_order(
        &Setup { before, at: 28, actor: CLINICIAN, action: prescribe() },
        &[
            (RoleNotAllowed, |it| it.actor = PHARMACIST),
            (UnknownSession, |it| field!(it, Prescribe { session }, SessionId(7))),
            (ClinicianNotLicensed, |it| it.actor = OTHER_CLINICIAN),
            (SessionClosed, |it| it.before.push((27, CLINICIAN, close().2))),
            (PatientMismatch, |it| field!(it, Prescribe { patient }, OTHER_PATIENT)),
            (UnknownTriage, |it| field!(it, Prescribe { triage }, Some(TriageId(1)))),
            (ReviewMissing, |it| {
                it.before.retain(|(.., it)| !matches!(it, TelemedicineAction::OverrideTriage { .. }));
            }),
            (QuantityExceeded, |it| field!(it, Prescribe { quantity }, 0)),
            (PrescriptionExpired, |it| field!(it, Prescribe { until }, at_second(28))),
        ],
    );
    let (at, actor, action) = claim_by(PHARMACIST);
    check_order(
        &Setup { before: prescribed(), at: at + 1, actor, action },
        &[
            (RoleNotAllowed, |it| it.actor = CLINICIAN),
            (UnknownPrescription, |it| field!(it, ClaimPrescription { prescription }, PrescriptionId(1))),
            (PatientMismatch, |it| field!(it, ClaimPrescription { patient }, OTHER_PATIENT)),
            (PrescriptionExpired, |it| it.at = 5_000),
            (PrescriptionAlreadyDispensed, |it| {
                it.before.extend([claim_by(OTHER_PHARMACIST), (40, OTHER_PHARMACIST, dispense(30))]);
            }),
            (PrescriptionClaimed, |it| it.before.push(claim_by(OTHER_PHARMACIST))),
        ],
    );
    let mut before = prescribed();
    before.extend([claim_by(PHARMACIST), (41, PHARMACIST, dispense(20))]);
    check_order(
        &Setup { before, at: 50, actor: PHARMACIST, action: dispense(10) },
        &[
            (RoleNotAllowed, |it| it.actor = DEVICE),
            (UnknownPrescription, |it| field!(it, DispensePrescription { prescription }, PrescriptionId(1))),
            (PatientMismatch, |it| field!(it, DispensePrescription { patient }, OTHER_PATIENT)),
            (PrescriptionExpired, |it| it.at = 5_000),
            (PrescriptionAlreadyDispensed, |it| it.before.push((45, PHARMACIST, dispense(10)))),
            (PrescriptionNotClaimed, |it| it.actor = OTHER_PHARMACIST),
            (QuantityExceeded, |it| field!(it, DispensePrescription { quantity }, 11)),
            (QuantityExceeded, |it| field!(it, DispensePrescription { quantity }, 0)),
        ],
    );
}

#[test]
fn a_claim_to_a_prescription_runs_out() {
    let mut ledger = clinic();
    let day = 24 * 3600;
    let mut before = prescribed();
    if let Some((.., TelemedicineAction::Prescribe { until, .. })) = before.last_mut() {
        *until = at(10 * day);
    }
    before.extend([claim_by(PHARMACIST), (40 + day, OTHER_PHARMACIST, claim_by(OTHER_PHARMACIST).2)]);
    before.push((41 + day, PHARMACIST, dispense(1)));
    let steps: Vec<Step> =
        before.into_iter().map(|(at, actor, action)| (at, actor, Action::Telemedicine(action))).collect();
    let outcomes = play(&mut ledger, &steps);
    let (last, rest) = outcomes.split_last().unwrap();
    assert_eq!(*last, Outcome::Refused(Refusal::PrescriptionNotClaimed));
    assert!(rest.iter().all(|outcome| matches!(outcome, Outcome::Telemedicine(_))), "{rest:?}");
}

#[test]
fn states_that_no_execution_leads_to_are_not_restored() {
    let ledger = played(&prescribed());
    let bytes = ledger.snapshot();
    let restored = Ledger::restore(&bytes).unwrap();
    assert_eq!(restored.state_root(), ledger.state_root());
    assert_ne!(ledger.state_root(), clinic().state_root());
    // Whichever byte is another: refused, or another state.
    for index in 0..bytes.len() {
        let mut other = bytes.clone();
        other[index] ^= 1;
        if let Ok(restored) = Ledger::restore(&other) {
            assert_ne!(restored.state_root(), ledger.state_root(), "byte {index}");
        }
    }
}

fn played(before: &[(u64, PartyId, TelemedicineAction)]) -> Ledger {
    let mut ledger = clinic();
    let step = |(at, actor, action): &(u64, PartyId, TelemedicineAction)| {
        (*at, *actor, Action::Telemedicine(action.clone()))
    };
    let steps: Vec<Step> = before.iter().map(step).collect();
    let outcomes = play(&mut ledger, &steps);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Telemedicine(_))), "{outcomes:?}");
    ledger
}

/// Of any kind, by anybody, over few ids, so that much succeeds and much is refused.
pub(super) fn any_telemedicine() -> impl Strategy<Value = (PartyId, TelemedicineAction)> {
    let id = 0u32..4;
    let root = 50u8..54;
    let decided = (root.clone(), 0u8..8, 0u16..1_001, 0u32..12).prop_map(|(root, news2, score, end)| {
        Decision { root: Digest([root; 32]), leaves: (0, end), ..decision(news2, score) }
    });
    let action = prop_oneof![
        1 => (0u32..14).prop_map(|id| TelemedicineAction::OpenSession { clinician: PartyId(id), patient: PATIENT }),
        1 => id.clone().prop_map(|id| TelemedicineAction::CloseSession { session: SessionId(id) }),
        1 => (18u32..23, 40u64..60).prop_map(|(device, until)| attest_with(PartyId(device), FIRMWARE, until).2),
        1 => Just(revoke_firmware().2),
        4 => (id.clone(), root, 0u64..4, 0u32..12, 0u64..50).prop_map(|(session, root, first, count, from)| {
            let window = (at(from), at(from + 5));
            let vitals = Vitals { root: Digest([root; 32]), count, first: 5 * first, window };
            TelemedicineAction::AnchorVitals { session: SessionId(session), vitals }
        }),
        1 => Just(register_model().2),
        1 => Just(retire_model().2),
        2 => (id.clone(), decided).prop_map(|(session, decision)| {
            TelemedicineAction::RecordTriage { session: SessionId(session), decision }
        }),
        1 => (id.clone(), any::<bool>()).prop_map(|(triage, accepted)| {
            TelemedicineAction::OverrideTriage { triage: TriageId(triage), accepted, reason: ROOT }
        }),
        2 => (id.clone(), prop::option::of(id.clone()), 0u32..20).prop_map(|(session, triage, quantity)| {
            TelemedicineAction::Prescribe {
                session: SessionId(session),
                patient: PATIENT,
                triage: triage.map(TriageId),
                medication: ROOT,
                quantity,
                until: at(55),
            }
        }),
        2 => id.clone().prop_map(|id| TelemedicineAction::ClaimPrescription {
            prescription: PrescriptionId(id),
            patient: PATIENT,
        }),
        3 => (id, 0u32..12).prop_map(|(id, quantity)| TelemedicineAction::DispensePrescription {
            prescription: PrescriptionId(id),
            patient: PATIENT,
            quantity,
        }),
    ];
    let actors = vec![
        REGULATOR,
        HOSPITAL,
        CLINICIAN,
        CLERK,
        PHARMACIST,
        OTHER_PHARMACIST,
        OWNER,
        DEVICE,
        OTHER_DEVICE,
        OTHER_CLINICIAN,
        FOREIGN_DEVICE,
    ];
    (prop::sample::select(actors), action).prop_map(|(anybody, action)| {
        // Half of the actors are those whose role it is.
        let fitting = match &action {
            TelemedicineAction::AnchorVitals { .. } => DEVICE,
            TelemedicineAction::RevokeFirmware { .. } => anybody,
            TelemedicineAction::RegisterModel { .. } | TelemedicineAction::RetireModel { .. } => OWNER,
            TelemedicineAction::ClaimPrescription { .. }
            | TelemedicineAction::DispensePrescription { .. } => PHARMACIST,
            TelemedicineAction::OpenSession { .. }
            | TelemedicineAction::CloseSession { .. }
            | TelemedicineAction::AttestDevice { .. }
            | TelemedicineAction::RecordTriage { .. }
            | TelemedicineAction::OverrideTriage { .. }
            | TelemedicineAction::Prescribe { .. } => CLINICIAN,
        };
        (if anybody.0 % 2 == 0 { fitting } else { anybody }, action)
    })
}

/// The family's invariants, from the tables alone.
fn assert_invariants(ledger: &Ledger) {
    let sessions = ledger.sessions();
    let mut ends = vec![(0, Timestamp::ZERO); sessions.streams().len()];
    for batch in sessions.batches().iter() {
        let end = &mut ends[batch.stream as usize];
        assert_eq!(batch.vitals.first, end.0, "a gap or an overlap: {batch:?}");
        assert!(batch.vitals.count > 0 && batch.vitals.window.0 >= end.1, "{batch:?}");
        *end = (batch.vitals.first + u64::from(batch.vitals.count), batch.vitals.window.1);
    }
    for triage in sessions.triages().iter() {
        let model = sessions.models().iter().find(|model| model.model == triage.decision.model).unwrap();
        assert!(model.registered_at <= triage.recorded_at);
        assert!(model.retired_at.is_none_or(|at| triage.recorded_at <= at), "{triage:?}");
        let batch = sessions.batches().get(triage.batch.0).unwrap();
        assert_eq!(batch.vitals.root, triage.decision.root);
        assert_eq!(sessions.streams().get(batch.stream).unwrap().session, triage.session);
        assert!(batch.anchored_at <= triage.recorded_at);
    }
    for prescription in sessions.prescriptions().iter() {
        assert!(prescription.dispensed <= prescription.quantity, "{prescription:?}");
        if let Some(triage) = prescription.triage.map(|id| *sessions.triage(id).unwrap()) {
            let reviewed = triage.review.is_some_and(|review| review.at <= prescription.prescribed_at);
            assert!(reviewed || !triage.decision.escalates(), "{prescription:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_sequence_breaks_an_invariant(
        tail in prop::collection::vec((any_telemedicine(), 0u64..3, any::<bool>()), 0..160),
    ) {
        let mut ledger = played(&[open(), attest(DEVICE), register_model()]);
        let mut seconds = 12;
        for (sequence, ((actor, action), pause, undone)) in tail.into_iter().enumerate() {
            seconds += pause / 2;
            let action = Action::Telemedicine(action);
            let mut body = body(actor, 1_000 + 2 * sequence as u64, action.clone());
            if undone {
                // An atomic bundle that fails leaves nothing of it.
                let failing = Action::RevokeCredential { party: NOBODY };
                body.actions = Actions::new(vec![action, failing]).unwrap();
                body.atomic = true;
            }
            let before = ledger.sessions().root();
            let answers = ledger.execute(at(seconds), &sign(body), true);
            if answers.iter().all(|answer| answer.refusal().is_some()) {
                prop_assert_eq!(ledger.sessions().root(), before);
            }
            assert_invariants(&ledger);
        }
        let restored = Ledger::restore(&ledger.snapshot()).unwrap();
        prop_assert_eq!(restored.state_root(), ledger.state_root());
        prop_assert_eq!(restored.snapshot(), ledger.snapshot());
    }
}
