//! Steps as signed commands, each at its own institution's gateway.

use super::super::{Moment, Started, Target};
use super::case::{Case, Monitor, Step};
use super::{Deed, Models, Telemedicine};
use crate::history::OperationKind;
use crate::plan::InstitutionKind;
use crate::triage::model::features;
use crate::triage::{Batch, Summary, news2, training_data};
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Actor, Command, CommandKind};
use ledger_core::ledger::transaction::{
    Action, Actions, Decision, PartyId, PrescriptionId, SessionId, TelemedicineAction, Vitals,
};
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};

/// How long attestations and prescriptions hold.
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const HOUR: Duration = Duration::from_secs(3_600);
/// How long an attestation holds that is to run out.
const BRIEF: Duration = Duration::from_secs(2);

/// Who asks, where, for what.
type Order = (Actor, PartyId, TelemedicineAction);

/// Salted per session, so that equal facts do not look alike.
fn commitment(what: &str, moment: &Moment<'_>) -> Digest {
    Digest(moment.seed.bytes32(&format!("telemedicine/{what}/{}", moment.operation)))
}

fn firmware(moment: &Moment<'_>) -> Digest {
    Digest(moment.seed.bytes32("telemedicine/firmware"))
}

impl Telemedicine {
    pub(super) fn register_models(&self, moment: &Moment<'_>) -> Started {
        let models = [self.models.hash, self.models.earlier];
        let register = |model| TelemedicineAction::RegisterModel { model, training_data: training_data() };
        self.by_owner(moment, models.map(register).to_vec())
    }

    pub(super) fn retire_model(&self, moment: &Moment<'_>) -> Started {
        self.by_owner(moment, vec![TelemedicineAction::RetireModel { model: self.models.earlier }])
    }

    fn by_owner(&self, moment: &Moment<'_>, actions: Vec<TelemedicineAction>) -> Started {
        let owners = moment.population.institutions_of(InstitutionKind::ModelOwner);
        let owner = *owners.first().expect("the plan has a model owner");
        submit(moment, moment.population.staff(owner, 0), owner, actions)
    }

    /// Takes a case's next step.
    pub(super) fn take_step(&mut self, moment: &Moment<'_>, id: u64) -> Started {
        let case = self.cases.get_mut(&id).expect("only cases that there are fall due");
        let (actor, institution, action) = match case.next {
            Step::Anchor => {
                let monitor = case.monitor.as_mut().expect("a device anchors");
                monitor.decline();
                let vitals = measure(monitor, moment, &mut self.stream, &self.models);
                anchor(case, moment, vitals)
            }
            Step::Wrong(deed) => wrong(case, moment, deed, &self.models, &self.devices.strangers),
            step => right(case, moment, step),
        };
        submit(moment, actor, institution, vec![action])
    }
}

fn submit(
    moment: &Moment<'_>,
    actor: Actor,
    institution: PartyId,
    actions: Vec<TelemedicineAction>,
) -> Started {
    let gateway = moment.population.gateway(institution).unwrap_or(GatewayId(0));
    let mut record = moment.row(OperationKind::Telemedicine, gateway);
    record.actions = actions.len() as u64;
    let actions: Vec<Action> = actions.into_iter().map(Action::Telemedicine).collect();
    let actions = Actions::new(actions).expect("one or two are at most the limit");
    let kind = CommandKind::Bundle { actions, atomic: false };
    let command = Command { operation: moment.operation, actor, deadline: moment.deadline, kind };
    Started { operation: moment.operation, target: Target::Gateway(gateway, command), record }
}

impl Case {
    fn by_clinician(&self, moment: &Moment<'_>, action: TelemedicineAction) -> Order {
        (moment.population.staff(self.hospital, self.clinician), self.hospital, action)
    }

    fn by_pharmacist(&self, moment: &Moment<'_>, pharmacy: PartyId, action: TelemedicineAction) -> Order {
        (moment.population.staff(pharmacy, self.pharmacist), pharmacy, action)
    }

    fn session(&self) -> SessionId {
        self.session.expect("it is open")
    }

    fn prescription(&self) -> PrescriptionId {
        self.prescription.expect("it is prescribed")
    }

    fn monitor(&self) -> &Monitor {
        self.monitor.as_ref().expect("it is monitored")
    }

    fn device(&self, moment: &Moment<'_>) -> PartyId {
        moment.population.device(self.monitor().device)
    }

    /// How much the next part is: what is left, in equal parts.
    fn part(&self) -> u32 {
        (self.quantity - self.dispensed).div_ceil(self.parts.max(1))
    }

    fn prescribe(&self, moment: &Moment<'_>, patient: u64) -> TelemedicineAction {
        TelemedicineAction::Prescribe {
            session: self.session(),
            patient: moment.population.patient(patient),
            triage: self.rests_on,
            medication: commitment("medication", moment),
            quantity: self.quantity,
            until: moment.now + MONTH,
        }
    }

    fn dispense(&self, moment: &Moment<'_>, patient: u64, quantity: u32) -> TelemedicineAction {
        TelemedicineAction::DispensePrescription {
            prescription: self.prescription(),
            patient: moment.population.patient(patient),
            quantity,
        }
    }

    fn attest(&self, moment: &Moment<'_>, firmware: Digest, until: Timestamp) -> Order {
        let device = self.device(moment);
        let certificate = Digest(moment.seed.bytes32(&format!("telemedicine/certificate/{}", device.0)));
        self.by_clinician(moment, TelemedicineAction::AttestDevice { device, certificate, firmware, until })
    }
}

fn right(case: &mut Case, moment: &Moment<'_>, step: Step) -> Order {
    let population = moment.population;
    match step {
        Step::Open => {
            let clinician = population.staff(case.hospital, case.clinician).party;
            let patient = population.patient(case.patient);
            case.by_clinician(moment, TelemedicineAction::OpenSession { clinician, patient })
        }
        Step::Attest => case.attest(moment, firmware(moment), moment.now + MONTH),
        Step::AttestBriefly => {
            let until = moment.now + BRIEF;
            if let Some(monitor) = &mut case.monitor {
                monitor.brief_until = until;
            }
            case.attest(moment, firmware(moment), until)
        }
        Step::AttestLot => {
            let lot = commitment("lot", moment);
            if let Some(monitor) = &mut case.monitor {
                monitor.lot = lot;
            }
            case.attest(moment, lot, moment.now + MONTH)
        }
        Step::RevokeLot => {
            // The regulator has no gateway: the first institution's carries it, always the same, for it counts sequences.
            let action = TelemedicineAction::RevokeFirmware { firmware: case.monitor().lot };
            (population.regulator_actor(), population.organisation(GatewayId(0)), action)
        }
        Step::Triage => {
            let decision = case.monitor().decision.expect("it was measured");
            let session = case.session();
            case.by_clinician(moment, TelemedicineAction::RecordTriage { session, decision })
        }
        Step::Review => {
            let accepted = case.monitor().accepts(moment.operation);
            if let Some(monitor) = &mut case.monitor {
                monitor.accepted = accepted;
            }
            let triage = case.monitor().triage.expect("it was recorded");
            let action =
                TelemedicineAction::OverrideTriage { triage, accepted, reason: commitment("reason", moment) };
            (population.staff(case.hospital, case.reviewer), case.hospital, action)
        }
        Step::Prescribe => case.by_clinician(moment, case.prescribe(moment, case.patient)),
        Step::Close => {
            case.by_clinician(moment, TelemedicineAction::CloseSession { session: case.session() })
        }
        Step::Claim => {
            let (prescription, patient) = (case.prescription(), population.patient(case.patient));
            let action = TelemedicineAction::ClaimPrescription { prescription, patient };
            case.by_pharmacist(moment, case.pharmacy, action)
        }
        Step::Dispense => {
            let action = case.dispense(moment, case.patient, case.part());
            case.by_pharmacist(moment, case.pharmacy, action)
        }
        Step::Anchor | Step::Wrong(_) | Step::Finish => unreachable!("{step:?} is taken elsewhere"),
    }
}

impl Monitor {
    /// What a reviewer makes of an alarm: nine in ten are judged by the truth.
    fn accepts(&self, operation: u64) -> bool {
        self.course.is_severe() != operation.is_multiple_of(10)
    }
}

/// Reads a batch and decides on it.
fn measure(
    monitor: &mut Monitor,
    moment: &Moment<'_>,
    stream: &mut crate::seed::Stream,
    models: &Models,
) -> Vitals {
    let from = monitor.window_from;
    let span = moment.now.since(from);
    let count = (span.as_nanos() * u128::from(monitor.sampling_hz) / 1_000_000_000).max(1);
    let count = u32::try_from(count).unwrap_or(u32::MAX).min(READINGS_MAX);
    let key = moment.seed.bytes32(&format!("telemedicine/salt/{}", moment.operation));
    let batch = Batch::read(&monitor.patient, monitor.course, count, &key, stream);
    let vitals = Vitals { root: batch.root(), count, first: monitor.readings, window: (from, moment.now) };
    let (seen, news2) = features(&Summary::of(&batch.readings), &monitor.patient);
    let score_milli = models.model.score(&seen);
    let threshold_milli = models.model.threshold_milli;
    monitor.vitals = Some(vitals);
    monitor.decision = Some(Decision {
        model: models.hash,
        root: vitals.root,
        leaves: (0, count),
        news2,
        score_milli,
        threshold_milli,
        advice: news2::advice(news2, score_milli >= threshold_milli),
    });
    vitals
}

/// Most readings of a batch: what the fastest device takes in a minute. A device whose batch comes later drops the rest
/// of its window's resolution, not of its window.
const READINGS_MAX: u32 = 15_000;

fn anchor(case: &Case, moment: &Moment<'_>, vitals: Vitals) -> Order {
    let action = TelemedicineAction::AnchorVitals { session: case.session(), vitals };
    (moment.population.device_actor(case.monitor().device), case.hospital, action)
}

/// Vitals that nobody took, as the next of the device.
fn made_up(monitor: &Monitor, moment: &Moment<'_>) -> Vitals {
    let from = monitor.window_from.min(Timestamp(moment.now.0.saturating_sub(1)));
    Vitals {
        root: commitment("made up", moment),
        count: 10,
        first: monitor.readings,
        window: (from, moment.now),
    }
}

fn wrong(case: &Case, moment: &Moment<'_>, deed: Deed, models: &Models, strangers: &[u64]) -> Order {
    let population = moment.population;
    match deed {
        Deed::Unlicensed => {
            let clinician = population.staff(case.pharmacy, case.pharmacist).party;
            let patient = population.patient(case.patient);
            case.by_clinician(moment, TelemedicineAction::OpenSession { clinician, patient })
        }
        Deed::NotAttested
        | Deed::WrongKey
        | Deed::ExpiredAttestation
        | Deed::RevokedFirmware
        | Deed::Skewed
        | Deed::Gap
        | Deed::Overlap => wrong_vitals(case, moment, deed, strangers),
        Deed::UnregisteredModel => wrong_triage(case, moment, |decision| decision.model = models.unknown),
        Deed::RetiredModel => wrong_triage(case, moment, |decision| decision.model = models.earlier),
        Deed::UnanchoredInput => {
            wrong_triage(case, moment, |decision| decision.root = commitment("made up", moment))
        }
        Deed::MissingReview => case.by_clinician(moment, case.prescribe(moment, case.patient)),
        Deed::PrescribeForOther => case.by_clinician(moment, case.prescribe(moment, case.other_patient)),
        Deed::DispenseForOther => {
            let action = case.dispense(moment, case.other_patient, case.part());
            case.by_pharmacist(moment, case.pharmacy, action)
        }
        Deed::DispenseAgain => {
            case.by_pharmacist(moment, case.pharmacy, case.dispense(moment, case.patient, 1))
        }
        Deed::DispenseTooMuch => {
            let action = case.dispense(moment, case.patient, case.quantity - case.dispensed + 1);
            case.by_pharmacist(moment, case.pharmacy, action)
        }
        Deed::DispenseElsewhere => {
            let pharmacy = case.other_pharmacy.unwrap_or(case.pharmacy);
            case.by_pharmacist(moment, pharmacy, case.dispense(moment, case.patient, case.part()))
        }
    }
}

fn wrong_triage(case: &Case, moment: &Moment<'_>, spoil: impl Fn(&mut Decision)) -> Order {
    let mut decision = case.monitor().decision.expect("it was measured");
    spoil(&mut decision);
    case.by_clinician(moment, TelemedicineAction::RecordTriage { session: case.session(), decision })
}

fn wrong_vitals(case: &Case, moment: &Moment<'_>, deed: Deed, strangers: &[u64]) -> Order {
    let population = moment.population;
    let mut vitals = made_up(case.monitor(), moment);
    let mut actor = population.device_actor(case.monitor().device);
    if deed == Deed::Skewed {
        vitals.window = (vitals.window.0 + HOUR, vitals.window.1 + HOUR);
    }
    if deed == Deed::Gap {
        vitals.first += 10;
    }
    if deed == Deed::Overlap {
        vitals.first = 0;
    }
    if deed == Deed::WrongKey {
        actor.key = population.key_of(PartyId(u32::MAX));
    }
    let of_hospital = |device: &&u64| population.hospital_of_device(**device) == Some(case.hospital);
    if deed == Deed::NotAttested
        && let Some(stranger) = strangers.iter().find(of_hospital)
    {
        actor = population.device_actor(*stranger);
    }
    let action = TelemedicineAction::AnchorVitals { session: case.session(), vitals };
    (actor, case.hospital, action)
}
