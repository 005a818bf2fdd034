//! Consents and directives as they are when the run ends, and what changed them.

use super::{Family, Place, Sink, Step};
use crate::document::date::{GENESIS, Instant};
use crate::document::fhir::audit::{AuditEvent, Decision, Event};
use crate::document::fhir::consent::{self, Consent, Recipient};
use crate::document::fhir::{Id, Kind, Period, Reference};
use ledger_core::gateway::{CommandKind, End};
use ledger_core::ledger::transaction::{
    Action, Answer, Confidentiality, ConsentId, Grantee, Outcome, PartyId, Purpose, RecordClass, Role, Scope,
};
use ledger_core::time::Timestamp;
use std::collections::BTreeMap;
use std::io;

/// What is known of a consent.
struct Known {
    patient: PartyId,
    permits: bool,
    scope: Scope,
    given: Instant,
    revoked: bool,
}

#[derive(Default)]
struct Consents(BTreeMap<ConsentId, Known>);

pub(super) fn family() -> Box<dyn Family> {
    Box::<Consents>::default()
}

/// What others call a consent by.
pub(super) fn reference(place: &Place, consent: ConsentId) -> Reference {
    Reference { kind: Kind::Consent, id: Id::named(&place.seed, "consent", [u64::from(consent.0), 0]) }
}

/// A purpose of use as v3 ActReason has it.
pub(super) const fn purpose_code(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::TREAT => "TREAT",
        Purpose::ETREAT => "ETREAT",
        Purpose::BTG => "BTG",
        Purpose::ERTREAT => "ERTREAT",
        Purpose::CLINTRL => "CLINTRL",
        Purpose::HPAYMT => "HPAYMT",
        Purpose::COVERAGE => "COVERAGE",
        Purpose::CLMATTCH => "CLMATTCH",
        Purpose::HRESCH => "HRESCH",
        Purpose::CLINTRCH => "CLINTRCH",
        Purpose::CLINTRCHPC => "CLINTRCHPC",
        Purpose::CLINTRCHNPC => "CLINTRCHNPC",
        Purpose::PATRQT => "PATRQT",
        Purpose::FAMRQT => "FAMRQT",
        Purpose::PWATRNY => "PWATRNY",
        Purpose::SUPNWK => "SUPNWK",
        Purpose::HOPERAT => "HOPERAT",
        Purpose::PUBHLTH => "PUBHLTH",
        Purpose::HMARKT => "HMARKT",
        Purpose::Other(_) => "",
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Patient => "Patient",
        Role::Guardian => "Guardian",
        Role::Clinician => "Clinician",
        Role::Pharmacist => "Pharmacist",
        Role::Technician => "Technician",
        Role::Clerk => "Clerk",
        Role::Hospital => "Hospital",
        Role::Pharmacy => "Pharmacy",
        Role::Laboratory => "Laboratory",
        Role::Insurer => "Insurer",
        Role::Regulator => "Regulator",
        Role::Auditor => "Auditor",
        Role::Manufacturer => "Manufacturer",
        Role::Wholesaler => "Wholesaler",
        Role::Sponsor => "Sponsor",
        Role::EthicsBoard => "EthicsBoard",
        Role::ResearchInstitute => "ResearchInstitute",
        Role::ModelOwner => "ModelOwner",
        Role::Officer => "Officer",
        Role::Researcher => "Researcher",
        Role::Device => "Device",
    }
}

const fn class_kind(class: RecordClass) -> Kind {
    match class {
        RecordClass::Observation => Kind::Observation,
        RecordClass::DiagnosticReport => Kind::DiagnosticReport,
        RecordClass::MedicationRequest => Kind::MedicationRequest,
        RecordClass::Encounter => Kind::Encounter,
        RecordClass::Imaging => Kind::DocumentReference,
        RecordClass::Summary => Kind::Composition,
    }
}

const fn confidentiality_code(confidentiality: Confidentiality) -> &'static str {
    match confidentiality {
        Confidentiality::U => "U",
        Confidentiality::L => "L",
        Confidentiality::M => "M",
        Confidentiality::N => "N",
        Confidentiality::R => "R",
        Confidentiality::V => "V",
    }
}

impl Consents {
    /// A consent of genesis is written once something names it: there is one of every patient.
    fn relied_on(&mut self, step: &Step<'_>) {
        let population = &step.place.population;
        let requested = |(action, _): (&Action, &Answer)| match action {
            Action::RequestAccess { consent, .. } => *consent,
            _ => None,
        };
        let named = match &step.command.kind {
            CommandKind::Share { consent, .. } => *consent,
            CommandKind::Revoke { consent } => Some(*consent),
            _ => None,
        };
        for id in named.into_iter().chain(step.answered().filter_map(requested)) {
            if u64::from(id.0) < population.patients() {
                let patient = population.patient(u64::from(id.0));
                let scope = population.genesis_scope();
                let known = Known { patient, permits: true, scope, given: GENESIS, revoked: false };
                self.0.entry(id).or_insert(known);
            }
        }
    }
}

impl Family for Consents {
    fn ended(&mut self, step: &Step<'_>, sink: &mut Sink) -> io::Result<()> {
        self.relied_on(step);
        let Some(at) = step.committed() else { return Ok(()) };
        let patient = step.command.actor.party;
        let changed = match (&step.command.kind, step.completion.end) {
            (
                kind @ (CommandKind::Grant { scope, .. } | CommandKind::Deny { scope }),
                End::Done(Outcome::ConsentRegistered(id)),
            ) => {
                let (patient, permits) = match kind {
                    CommandKind::Grant { patient, .. } => (*patient, true),
                    _ => (patient, false),
                };
                let known = Known { patient, permits, scope: scope.clone(), given: at, revoked: false };
                self.0.insert(id, known);
                Some(id)
            }
            (CommandKind::Revoke { consent }, End::Done(Outcome::ConsentRevoked(_))) => {
                if let Some(known) = self.0.get_mut(consent) {
                    known.revoked = true;
                }
                Some(*consent)
            }
            (CommandKind::Grant { .. } | CommandKind::Deny { .. } | CommandKind::Revoke { .. }, _) => None,
            _ => return Ok(()),
        };
        let Some(verdict) = step.verdict() else { return Ok(()) };
        let why = verdict.err().map(|refusal| format!("{refusal:?}"));
        let actor = step.place.actor(&step.command.actor, sink)?;
        let organisation = step.place.behalf(&step.command.actor, sink)?;
        let entities: Vec<Reference> = changed.iter().map(|id| reference(step.place, *id)).collect();
        sink.resource(&AuditEvent {
            id: step.id(1),
            event: Event::ConsentChange,
            recorded: at,
            decision: why.as_deref().map_or(Decision::Permitted, Decision::Refused),
            purpose: "PATRQT",
            actor,
            organisation,
            entities: &entities,
            entry: &step.entry(),
        })?;
        Ok(())
    }

    fn finish(&mut self, place: &Place, sink: &mut Sink) -> io::Result<()> {
        for (id, known) in &self.0 {
            let Some(index) = place.population.patient_index(known.patient) else { continue };
            let home = place.population.home_of(index);
            let purposes: Vec<_> =
                known.scope.purposes.iter().map(|purpose| purpose_code(*purpose)).collect();
            let classes: Vec<_> = known.scope.classes.iter().map(|class| class_kind(*class)).collect();
            let recipient = match known.scope.grantee {
                Grantee::Party(party) => Recipient::One(place.organisation(party, sink)?),
                Grantee::Everyone(role) => Recipient::Everyone(role_word(role)),
            };
            let until = known.scope.until;
            let patient = place.patient(home, known.patient, sink)?;
            let organisation = place.organisation(home, sink)?;
            sink.resource(&Consent {
                id: reference(place, *id).id,
                scope: consent::Scope::Privacy,
                patient,
                organisation,
                given: known.given,
                permits: known.permits,
                active: !known.revoked,
                recipient,
                period: Period {
                    start: Instant::of(known.scope.from),
                    end: (until < Timestamp::MAX).then(|| Instant::of(until)),
                },
                purposes: &purposes,
                classes: &classes,
                confidentiality_max: confidentiality_code(known.scope.confidentiality_max),
            })?;
        }
        Ok(())
    }
}
