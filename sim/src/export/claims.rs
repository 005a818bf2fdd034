//! Insurance: coverage as it is when the run ends, eligibility, claims and how they were decided.
//!
//! Everything is under the insurer's pseudonym of a patient: that is what is on the patient's card. The ledger holds a
//! commitment to the policy, which is written as the policy's number, and one to the reason of a decision, which is not
//! written; a service is a code of a coarse group; why the patient was treated is in the encounter's record. The ledger
//! names no currency: [`CURRENCY`]. What was refused never reached an insurer, but a question whether somebody is covered,
//! which is answered.
//!
//! Memory: coverages, and claims until they are decided.

use super::{Family, Place, Sink, Step, records};
use crate::document::date::Instant;
use crate::document::fhir::claim::{Claim, ClaimResponse, Item, Service};
use crate::document::fhir::coverage::{Coverage, CoverageEligibilityRequest, CoverageEligibilityResponse};
use crate::document::fhir::{Kind, Money, Period, Reference};
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::{
    Action, Answer, ClaimAction, ClaimId, ClaimOutcome, CoverageId, Encounter, Outcome, PartyId, Refusal,
};
use ledger_core::time::Timestamp;
use std::collections::BTreeMap;
use std::io;

/// Of the consortium.
const CURRENCY: &str = "EUR";

struct Covered {
    patient: PartyId,
    insurer: PartyId,
    policy: Digest,
    period: (Timestamp, Timestamp),
}

struct Submitted {
    patient: PartyId,
    insurer: PartyId,
    provider: PartyId,
    amount: u64,
}

#[derive(Default)]
struct Claims {
    coverages: BTreeMap<CoverageId, Covered>,
    /// By patient and insurer.
    by_patient: BTreeMap<(PartyId, PartyId), CoverageId>,
    open: BTreeMap<ClaimId, Submitted>,
}

pub(super) fn family() -> Box<dyn Family> {
    Box::<Claims>::default()
}

const fn money(cents: u64) -> Money {
    Money { cents, currency: CURRENCY }
}

fn coverage_reference(place: &Place, id: CoverageId) -> Reference {
    place.numbered(Kind::Coverage, "coverage", id.0)
}

/// The visit, or the index entry of its record.
fn met(place: &Place, encounter: Encounter, sink: &mut Sink) -> io::Result<Reference> {
    match encounter {
        Encounter::Session(session) => Ok(place.numbered(Kind::Encounter, "session", session.0)),
        Encounter::Record(record) => records::index(place, record, sink),
    }
}

/// When, and the how-manieth action of its bundle.
type When = (Instant, u64);

impl Claims {
    fn coverage_of(&self, place: &Place, patient: PartyId, insurer: PartyId) -> Option<Reference> {
        self.by_patient.get(&(patient, insurer)).map(|id| coverage_reference(place, *id))
    }

    fn eligibility(
        &self,
        step: &Step<'_>,
        sink: &mut Sink,
        (at, part): When,
        (patient, insurer): (PartyId, PartyId),
        in_force: bool,
    ) -> io::Result<()> {
        let coverage = self.coverage_of(step.place, patient, insurer);
        let provider = step.place.organisation(step.command.actor.organisation, sink)?;
        let patient = step.place.patient(insurer, patient, sink)?;
        let insurer = step.place.organisation(insurer, sink)?;
        let id = step.id(part);
        let request = CoverageEligibilityRequest { id, patient, created: at, provider, insurer, coverage };
        let request = sink.resource(&request)?;
        sink.resource(&CoverageEligibilityResponse {
            id,
            patient,
            created: at,
            request,
            insurer,
            coverage,
            in_force,
        })?;
        Ok(())
    }

    fn submitted(
        &mut self,
        step: &Step<'_>,
        sink: &mut Sink,
        (at, id): (Instant, ClaimId),
        (claim, encounter, service): (Submitted, Encounter, u32),
    ) -> io::Result<()> {
        // The ledger found one; it is known, unless nobody heard of its registration.
        let Some(coverage) = self.coverage_of(step.place, claim.patient, claim.insurer) else {
            return Ok(());
        };
        let service = service.to_string();
        let (patient, insurer, provider) = parties(step.place, &claim, sink)?;
        let written = Claim {
            id: step.place.numbered(Kind::Claim, "claim", id.0).id,
            patient,
            created: at,
            provider,
            insurer,
            coverage,
            encounter: met(step.place, encounter, sink)?,
            diagnosis: None,
            items: &[Item { service: Service::Group(&service), price: money(claim.amount) }],
        };
        sink.resource(&written)?;
        self.open.insert(id, claim);
        Ok(())
    }

    fn adjudicated(
        &mut self,
        step: &Step<'_>,
        sink: &mut Sink,
        (at, id): (Instant, ClaimId),
        approved: u64,
    ) -> io::Result<()> {
        let Some(claim) = self.open.remove(&id) else { return Ok(()) };
        let (patient, insurer, provider) = parties(step.place, &claim, sink)?;
        sink.resource(&ClaimResponse {
            id: step.place.numbered(Kind::ClaimResponse, "claim", id.0).id,
            patient,
            created: at,
            insurer,
            provider,
            claim: step.place.numbered(Kind::Claim, "claim", id.0),
            benefits: &[money(approved)],
            disposition: match approved {
                0 => "Denied.",
                _ if approved < claim.amount => "Paid in part.",
                _ => "Paid.",
            },
        })?;
        Ok(())
    }

    fn action(
        &mut self,
        step: &Step<'_>,
        sink: &mut Sink,
        when: When,
        (action, answer): (&ClaimAction, &Answer),
    ) -> io::Result<()> {
        let by = step.command.actor.organisation;
        match (action, answer.outcome) {
            (
                ClaimAction::RegisterCoverage { patient, policy, period },
                Outcome::Claim(ClaimOutcome::CoverageRegistered(id)),
            ) => {
                let covered = Covered { patient: *patient, insurer: by, policy: *policy, period: *period };
                self.coverages.insert(id, covered);
                self.by_patient.insert((*patient, by), id);
                Ok(())
            }
            (
                ClaimAction::CheckEligibility { patient, insurer },
                outcome @ (Outcome::Claim(ClaimOutcome::Eligible(_)) | Outcome::Refused(Refusal::NotCovered)),
            ) => {
                let in_force = matches!(outcome, Outcome::Claim(_));
                self.eligibility(step, sink, when, (*patient, *insurer), in_force)
            }
            (
                ClaimAction::SubmitClaim { patient, insurer, encounter, service, amount },
                Outcome::Claim(ClaimOutcome::ClaimSubmitted(id)),
            ) => {
                let claim = Submitted { patient: *patient, insurer: *insurer, provider: by, amount: *amount };
                self.submitted(step, sink, (when.0, id), (claim, *encounter, *service))
            }
            (ClaimAction::Adjudicate { approved, .. }, Outcome::Claim(ClaimOutcome::Adjudicated(id))) => {
                self.adjudicated(step, sink, (when.0, id), *approved)
            }
            // Refused.
            (
                ClaimAction::RegisterCoverage { .. }
                | ClaimAction::CheckEligibility { .. }
                | ClaimAction::SubmitClaim { .. }
                | ClaimAction::Adjudicate { .. },
                _,
            ) => Ok(()),
        }
    }
}

/// Patient, insurer and provider of a claim.
fn parties(
    place: &Place,
    claim: &Submitted,
    sink: &mut Sink,
) -> io::Result<(Reference, Reference, Reference)> {
    let patient = place.patient(claim.insurer, claim.patient, sink)?;
    Ok((patient, place.organisation(claim.insurer, sink)?, place.organisation(claim.provider, sink)?))
}

impl Family for Claims {
    fn ended(&mut self, step: &Step<'_>, sink: &mut Sink) -> io::Result<()> {
        let Some(at) = step.committed() else { return Ok(()) };
        for (part, (action, answer)) in (0..).zip(step.answered()) {
            if let Action::Claim(action) = action {
                self.action(step, sink, (at, part), (action, answer))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, place: &Place, sink: &mut Sink) -> io::Result<()> {
        for (id, covered) in &self.coverages {
            let (start, end) = covered.period;
            let policy = covered.policy.to_string();
            let coverage = Coverage {
                id: coverage_reference(place, *id).id,
                policy: &policy,
                patient: place.patient(covered.insurer, covered.patient, sink)?,
                insurer: place.organisation(covered.insurer, sink)?,
                period: Period { start: Instant::of(start), end: Some(Instant::of(end)) },
                active: true,
            };
            sink.resource(&coverage)?;
        }
        Ok(())
    }
}
