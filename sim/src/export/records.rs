//! Records that were registered: the document, its index entry, and where it comes from.

use super::{Family, Place, Sink, Step};
use crate::document::Documents;
use crate::document::date::GENESIS;
use crate::document::fhir::codes;
use crate::document::fhir::document_reference::{Content, DocumentReference};
use crate::document::fhir::provenance::{Deed, Provenance};
use crate::document::fhir::{Coding, Identifier, Reference};
use ledger_core::gateway::{CommandKind, Completion, End};
use ledger_core::ledger::transaction::{Outcome, RecordClass, RecordId};
use std::io;

struct Records;

pub(super) fn family() -> Box<dyn Family> {
    Box::new(Records)
}

/// The record that a registration made.
pub(super) fn registered(completion: &Completion) -> Option<RecordId> {
    match completion.end {
        End::Done(Outcome::RecordRegistered(record)) => Some(record),
        _ => None,
    }
}

/// Kind of document, for the index.
const fn class_code(class: RecordClass) -> Coding {
    match class {
        RecordClass::Observation => codes::loinc("8716-3", "Vital signs"),
        RecordClass::DiagnosticReport => codes::loinc("11502-2", "Laboratory report"),
        RecordClass::MedicationRequest => codes::loinc("57833-6", "Prescription for medication"),
        RecordClass::Encounter => codes::loinc("34133-9", "Summary of episode note"),
        RecordClass::Imaging => codes::loinc("18748-4", "Diagnostic imaging study"),
        RecordClass::Summary => codes::loinc("60591-5", "Patient summary Document"),
    }
}

/// The index entry of a record that something names. One of genesis is written then: there are some of every patient.
pub(super) fn index(place: &Place, record: RecordId, sink: &mut Sink) -> io::Result<Reference> {
    let reference = place.record_reference(record);
    let Some(info) = place.population.record(record) else { return Ok(reference) };
    let custodian = place.organisation(info.custodian, sink)?;
    let patient = place.patient(info.custodian, info.patient, sink)?;
    let number = record.0.to_string();
    sink.once(&DocumentReference {
        id: reference.id,
        code: class_code(info.class),
        patient,
        date: GENESIS,
        author: custodian,
        custodian,
        identifier: Identifier { space: "record", value: &number },
        content_type: media_type(place),
        content: Content::Url(&format!("urn:amanah:record:{number}")),
    })
}

/// What a vault holds.
fn media_type(place: &Place) -> &'static str {
    match place.population.documents() {
        Documents::Fhir => "application/fhir+json",
        Documents::Sized => "application/octet-stream",
    }
}

impl Family for Records {
    fn ended(&mut self, step: &Step<'_>, sink: &mut Sink) -> io::Result<()> {
        let CommandKind::Register { patient, class, document, .. } = &step.command.kind else {
            return Ok(());
        };
        let (Some(record), Some(at)) = (registered(step.completion), step.committed()) else { return Ok(()) };
        let actor = &step.command.actor;
        let custodian = step.place.organisation(actor.organisation, sink)?;
        let patient = step.place.patient(actor.organisation, *patient, sink)?;
        let author = step.place.actor(actor, sink)?;
        if step.place.population.documents() == Documents::Fhir {
            sink.document(std::str::from_utf8(document).map_err(io::Error::other)?)?;
        }
        let number = record.0.to_string();
        let index = sink.resource(&DocumentReference {
            id: step.place.record_reference(record).id,
            code: class_code(*class),
            patient,
            date: at,
            author,
            custodian,
            identifier: Identifier { space: "record", value: &number },
            content_type: media_type(step.place),
            content: Content::Url(&format!("urn:amanah:record:{number}")),
        })?;
        sink.resource(&Provenance {
            id: step.id(0),
            deed: Deed::Created,
            targets: &[index],
            recorded: at,
            author,
            organisation: custodian,
            sources: &[&step.entry()],
        })?;
        Ok(())
    }
}
