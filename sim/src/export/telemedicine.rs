//! Telemedicine: sessions, devices and models, anchored vitals, triages and their reviews, prescriptions.
//!
//! Readings stay in the hospital: the ledger holds their number, their window, the root over them, and of a triage NEWS2,
//! the model's score and the advice. So an Observation says how many readings there are and that they are masked, and its
//! Provenance names the root; values would be invented. The reason of a session and of a review is not on the ledger
//! either, and not written. Of a medication there is a commitment: the drug that stands for it here is chosen by that,
//! always the same.
//!
//! A session is written when it closes, a prescription when all of it is dispensed, both else at the end; devices and
//! models as they are then. A dispensation is under the pharmacy's pseudonym of the patient, all else under the
//! hospital's.
//!
//! Memory: devices, models, and sessions and prescriptions that are open.

use super::{Family, Place, Sink, Step};
use crate::document::date::Instant;
use crate::document::fhir::codes::{self, Drug};
use crate::document::fhir::device::Device;
use crate::document::fhir::encounter::{Encounter, Setting};
use crate::document::fhir::medication::{MedicationDispense, MedicationRequest};
use crate::document::fhir::observation::{Category, Finding, Observation};
use crate::document::fhir::provenance::{Deed, Provenance};
use crate::document::fhir::risk::{Level, RiskAssessment};
use crate::document::fhir::{Coding, Id, Kind, Period, Reference};
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::{
    Action, Advice, BatchId, Decision, Outcome, PartyId, PrescriptionId, Refusal, SessionId,
    TelemedicineAction, TelemedicineOutcome, TriageId, Vitals,
};
use ledger_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

struct Session {
    hospital: PartyId,
    clinician: PartyId,
    patient: PartyId,
    opened: Instant,
    /// By root.
    batches: BTreeMap<Digest, BatchId>,
}

struct Attested {
    hospital: PartyId,
    firmware: Digest,
    until: Timestamp,
}

struct Model {
    owner: PartyId,
    active: bool,
}

struct Prescription {
    session: SessionId,
    hospital: PartyId,
    patient: PartyId,
    prescriber: PartyId,
    drug: Drug,
    authored: Instant,
    until: Timestamp,
    quantity: u32,
}

#[derive(Default)]
struct Telemedicine {
    sessions: BTreeMap<SessionId, Session>,
    devices: BTreeMap<PartyId, Attested>,
    revoked: BTreeSet<Digest>,
    models: BTreeMap<Digest, Model>,
    prescriptions: BTreeMap<PrescriptionId, Prescription>,
    /// The latest commit: what has expired by then is not active.
    last: Option<Instant>,
}

pub(super) fn family() -> Box<dyn Family> {
    Box::<Telemedicine>::default()
}

/// The reference of a visit.
fn visit(place: &Place, session: SessionId) -> Reference {
    place.numbered(Kind::Encounter, "session", session.0)
}

fn device_reference(place: &Place, device: PartyId) -> Reference {
    place.numbered(Kind::Device, "device", device.0)
}

fn model_reference(place: &Place, model: &Digest) -> Reference {
    Reference { kind: Kind::Device, id: Id::named(&place.seed, &format!("model/{model}"), [0, 0]) }
}

/// The drug that stands for a commitment.
fn drug(medication: &Digest) -> Drug {
    codes::DRUGS[usize::from(medication.0[0]) % codes::DRUGS.len()]
}

const fn level(advice: Advice) -> Level {
    match advice {
        Advice::Watch => Level::Low,
        Advice::Urgent => Level::Moderate,
        Advice::Emergency => Level::High,
    }
}

fn advice(decision: &Decision) -> String {
    let words = match decision.advice {
        Advice::Watch => "Go on watching",
        Advice::Urgent => "A clinician looks at it now",
        Advice::Emergency => "A team with critical-care competencies takes over",
    };
    format!("{words}. NEWS2 {}.", decision.news2.total)
}

/// What an action is part of, and when it was committed.
struct Scene<'a, 'b> {
    step: &'a Step<'b>,
    at: Instant,
    part: u64,
}

impl Scene<'_, '_> {
    fn organisation(&self) -> PartyId {
        self.step.command.actor.organisation
    }

    fn provenance(
        &self,
        sink: &mut Sink,
        deed: Deed,
        target: Reference,
        author: Reference,
        sources: &[&str],
    ) -> io::Result<()> {
        let organisation = self.step.place.organisation(self.organisation(), sink)?;
        sink.resource(&Provenance {
            id: self.step.id(self.part),
            deed,
            targets: &[target],
            recorded: self.at,
            author,
            organisation,
            sources,
        })?;
        Ok(())
    }
}

impl Telemedicine {
    fn done(
        &mut self,
        scene: &Scene<'_, '_>,
        sink: &mut Sink,
        action: &TelemedicineAction,
        outcome: TelemedicineOutcome,
    ) -> io::Result<()> {
        match (action, outcome) {
            (
                TelemedicineAction::OpenSession { clinician, patient },
                TelemedicineOutcome::SessionOpened(id),
            ) => {
                let session = Session {
                    hospital: scene.organisation(),
                    clinician: *clinician,
                    patient: *patient,
                    opened: scene.at,
                    batches: BTreeMap::new(),
                };
                self.sessions.insert(id, session);
            }
            (TelemedicineAction::CloseSession { session }, _) => {
                if let Some(known) = self.sessions.remove(session) {
                    write_session(scene.step.place, sink, *session, &known, Some(scene.at))?;
                }
            }
            (TelemedicineAction::AttestDevice { device, firmware, until, .. }, _) => {
                let (hospital, firmware, until) = (scene.organisation(), *firmware, *until);
                self.devices.insert(*device, Attested { hospital, firmware, until });
            }
            (TelemedicineAction::RevokeFirmware { firmware }, _) => {
                self.revoked.insert(*firmware);
            }
            (
                TelemedicineAction::AnchorVitals { session, vitals },
                TelemedicineOutcome::VitalsAnchored(batch),
            ) => self.anchored(scene, sink, *session, (batch, vitals))?,
            (TelemedicineAction::RegisterModel { model, .. }, _) => {
                self.models.insert(*model, Model { owner: scene.organisation(), active: true });
            }
            (TelemedicineAction::RetireModel { model }, _) => {
                if let Some(model) = self.models.get_mut(model) {
                    model.active = false;
                }
            }
            (
                TelemedicineAction::RecordTriage { session, decision },
                TelemedicineOutcome::TriageRecorded { triage, .. },
            ) => self.triaged(scene, sink, *session, (triage, decision))?,
            (TelemedicineAction::OverrideTriage { triage, accepted, .. }, _) => {
                let deed = Deed::Reviewed(if *accepted { "accepted" } else { "overridden" });
                let target = scene.step.place.numbered(Kind::RiskAssessment, "triage", triage.0);
                let author = scene.step.place.actor(&scene.step.command.actor, sink)?;
                scene.provenance(sink, deed, target, author, &[&scene.step.entry()])?;
            }
            (
                TelemedicineAction::Prescribe { session, patient, medication, quantity, until, .. },
                TelemedicineOutcome::Prescribed(id),
            ) => {
                let prescription = Prescription {
                    session: *session,
                    hospital: scene.organisation(),
                    patient: *patient,
                    prescriber: scene.step.command.actor.party,
                    drug: drug(medication),
                    authored: scene.at,
                    until: *until,
                    quantity: *quantity,
                };
                self.prescriptions.insert(id, prescription);
            }
            (
                TelemedicineAction::DispensePrescription { patient, quantity, .. },
                TelemedicineOutcome::Dispensed { prescription, remaining },
            ) => self.dispensed(scene, sink, prescription, (*patient, *quantity, remaining))?,
            // A pharmacy that takes a prescription on has dispensed nothing.
            (TelemedicineAction::ClaimPrescription { .. }, _) => {}
            // What an action does not come to.
            (
                TelemedicineAction::OpenSession { .. }
                | TelemedicineAction::AnchorVitals { .. }
                | TelemedicineAction::RecordTriage { .. }
                | TelemedicineAction::Prescribe { .. }
                | TelemedicineAction::DispensePrescription { .. },
                _,
            ) => {}
        }
        Ok(())
    }

    fn anchored(
        &mut self,
        scene: &Scene<'_, '_>,
        sink: &mut Sink,
        id: SessionId,
        (batch, vitals): (BatchId, &Vitals),
    ) -> io::Result<()> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        session.batches.insert(vitals.root, batch);
        let place = scene.step.place;
        let hospital = place.organisation(session.hospital, sink)?;
        let party = scene.step.command.actor.party;
        let device = self.devices.contains_key(&party).then(|| device_reference(place, party));
        let readings = Observation {
            id: place.numbered(Kind::Observation, "batch", batch.0).id,
            category: Category::VitalSigns,
            finding: Finding::Readings(u64::from(vitals.count)),
            patient: place.patient(session.hospital, session.patient, sink)?,
            encounter: Some(visit(place, id)),
            effective: Instant::of(vitals.window.1),
            performer: hospital,
            device,
            narrative: "",
            note: "",
        };
        let observation = sink.resource(&readings)?;
        let root = format!("urn:amanah:merkle-root:{}", vitals.root);
        let sources = [scene.step.entry(), root];
        let sources = sources.each_ref().map(String::as_str);
        scene.provenance(sink, Deed::Created, observation, device.unwrap_or(hospital), &sources)
    }

    fn triaged(
        &self,
        scene: &Scene<'_, '_>,
        sink: &mut Sink,
        id: SessionId,
        (triage, decision): (TriageId, &Decision),
    ) -> io::Result<()> {
        let Some(session) = self.sessions.get(&id) else { return Ok(()) };
        let place = scene.step.place;
        let hospital = place.organisation(session.hospital, sink)?;
        let known = self.models.contains_key(&decision.model);
        let batch = session.batches.get(&decision.root);
        let basis: Vec<Reference> =
            batch.iter().map(|batch| place.numbered(Kind::Observation, "batch", batch.0)).collect();
        let risk_assessment = RiskAssessment {
            id: place.numbered(Kind::RiskAssessment, "triage", triage.0).id,
            patient: place.patient(session.hospital, session.patient, sink)?,
            encounter: Some(visit(place, id)),
            occurred: scene.at,
            performer: if known { model_reference(place, &decision.model) } else { hospital },
            basis: &basis,
            vitals_root: &decision.root.to_string(),
            probability_milli: u64::from(decision.score_milli),
            level: level(decision.advice),
            advice: &advice(decision),
        };
        sink.resource(&risk_assessment)?;
        Ok(())
    }

    fn dispensed(
        &mut self,
        scene: &Scene<'_, '_>,
        sink: &mut Sink,
        id: PrescriptionId,
        (patient, quantity, remaining): (PartyId, u32, u32),
    ) -> io::Result<()> {
        let Some(prescription) = self.prescriptions.get(&id) else { return Ok(()) };
        let place = scene.step.place;
        let medication_dispense = MedicationDispense {
            id: scene.step.id(scene.part),
            drug: prescription.drug,
            patient: place.patient(scene.organisation(), patient, sink)?,
            dispenser: place.actor(&scene.step.command.actor, sink)?,
            prescription: place.numbered(Kind::MedicationRequest, "prescription", id.0),
            quantity: u64::from(quantity),
            handed_over: scene.at,
        };
        sink.resource(&medication_dispense)?;
        if remaining == 0 {
            write_prescription(place, sink, (id, prescription), true)?;
            self.prescriptions.remove(&id);
        }
        Ok(())
    }

    fn write_devices(&self, place: &Place, sink: &mut Sink) -> io::Result<()> {
        // No published code system has both.
        const TYPES: &str = "https://fhir.amanah.example/id/device-type";
        for (party, attested) in &self.devices {
            let serial = party.0.to_string();
            let device = Device {
                id: device_reference(place, *party).id,
                active: !self.revoked.contains(&attested.firmware)
                    && self.last < Some(Instant::of(attested.until)),
                manufacturer: "",
                model: "",
                serial: &serial,
                version: &format!("sha-256:{}", attested.firmware),
                code: Coding { system: TYPES, code: "monitor", display: "Vital signs monitor" },
                patient: None,
                owner: place.organisation(attested.hospital, sink)?,
            };
            sink.resource(&device)?;
        }
        for (hash, model) in &self.models {
            let owner = place.organisation(model.owner, sink)?;
            let version = hash.to_string();
            sink.resource(&Device {
                id: model_reference(place, hash).id,
                active: model.active,
                manufacturer: "",
                model: "",
                serial: &version,
                version: &format!("sha-256:{version}"),
                code: Coding { system: TYPES, code: "triage-model", display: "Triage model" },
                patient: None,
                owner,
            })?;
        }
        Ok(())
    }
}

fn write_session(
    place: &Place,
    sink: &mut Sink,
    id: SessionId,
    session: &Session,
    closed: Option<Instant>,
) -> io::Result<()> {
    let encounter = Encounter {
        id: visit(place, id).id,
        setting: Setting::Virtual,
        patient: place.patient(session.hospital, session.patient, sink)?,
        practitioner: place.party(session.clinician, sink)?,
        period: Period { start: session.opened, end: closed },
        reason: None,
        provider: place.organisation(session.hospital, sink)?,
    };
    sink.resource(&encounter)?;
    Ok(())
}

fn write_prescription(
    place: &Place,
    sink: &mut Sink,
    (id, prescription): (PrescriptionId, &Prescription),
    completed: bool,
) -> io::Result<()> {
    const DAY_MS: u64 = 86_400_000;
    let valid_ms = Instant::of(prescription.until).0.saturating_sub(prescription.authored.0);
    let medication_request = MedicationRequest {
        id: place.numbered(Kind::MedicationRequest, "prescription", id.0).id,
        drug: prescription.drug,
        patient: place.patient(prescription.hospital, prescription.patient, sink)?,
        encounter: Some(visit(place, prescription.session)),
        prescriber: place.party(prescription.prescriber, sink)?,
        authored: prescription.authored,
        quantity: u64::from(prescription.quantity),
        repeats: 0,
        valid_days: valid_ms.div_ceil(DAY_MS),
        completed,
        narrative: "",
        note: "",
    };
    sink.resource(&medication_request)?;
    Ok(())
}

impl Family for Telemedicine {
    fn ended(&mut self, step: &Step<'_>, sink: &mut Sink) -> io::Result<()> {
        let Some(at) = step.committed() else { return Ok(()) };
        self.last = self.last.max(Some(at));
        for (part, (action, answer)) in (0..).zip(step.answered()) {
            let Action::Telemedicine(action) = action else { continue };
            let scene = Scene { step, at, part };
            match (action, answer.outcome) {
                (_, Outcome::Telemedicine(outcome)) => self.done(&scene, sink, action, outcome)?,
                // Nobody heard of its registration.
                (
                    TelemedicineAction::RegisterModel { model, .. },
                    Outcome::Refused(Refusal::DuplicateModel),
                ) => {
                    let owner = scene.organisation();
                    self.models.entry(*model).or_insert(Model { owner, active: true });
                }
                (_, _) => {}
            }
        }
        Ok(())
    }

    fn finish(&mut self, place: &Place, sink: &mut Sink) -> io::Result<()> {
        for (id, session) in &self.sessions {
            write_session(place, sink, *id, session, None)?;
        }
        for (id, prescription) in &self.prescriptions {
            write_prescription(place, sink, (*id, prescription), false)?;
        }
        self.write_devices(place, sink)
    }
}
