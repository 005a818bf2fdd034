//! Clinical trials as they stand when the run ends: studies, subjects and their consents; and where a result comes from.
//!
//! Protocol, analysis plan, arms and captured data are on the ledger as commitments alone. So a study has a number for a
//! title, no phase and no arms, a subject no arm, and captured data are not written: the provenance of the published
//! result names the root over them that was locked, the analysis plan, the code and the report. Who takes part is
//! under the pseudonym of the site; who has consented and was not enrolled, under that of their home.
//!
//! Memory: one row for each trial and each subject.

use super::{Family, Place, Sink, Step};
use crate::document::date::Instant;
use crate::document::fhir::consent::{Consent, Recipient, Scope};
use crate::document::fhir::provenance::{Deed, Provenance};
use crate::document::fhir::research::{ResearchStudy, ResearchSubject, StudyStatus, SubjectStatus};
use crate::document::fhir::{Kind, Period, Reference};
use ledger_core::ledger::transaction::{
    Action, Outcome, PartyId, SubjectId, TrialAction, TrialId, TrialOutcome,
};
use std::collections::BTreeMap;
use std::io;

struct Study {
    sponsor: PartyId,
    /// Who registered it.
    officer: PartyId,
    status: StudyStatus,
    registered: Instant,
    locked: Option<Instant>,
    published: Option<Instant>,
}

struct Subject {
    trial: TrialId,
    patient: PartyId,
    /// To the present version.
    consented: Instant,
    /// At which site, and when.
    enrolled: Option<(PartyId, Instant)>,
    left: Option<Instant>,
}

#[derive(Default)]
struct Trials {
    studies: BTreeMap<TrialId, Study>,
    subjects: BTreeMap<SubjectId, Subject>,
}

pub(super) fn family() -> Box<dyn Family> {
    Box::<Trials>::default()
}

fn study_reference(place: &Place, id: TrialId) -> Reference {
    place.numbered(Kind::ResearchStudy, "trial", id.0)
}

impl Trials {
    fn action(
        &mut self,
        step: &Step<'_>,
        sink: &mut Sink,
        (at, part): (Instant, u64),
        (action, outcome): (&TrialAction, TrialOutcome),
    ) -> io::Result<()> {
        let actor = &step.command.actor;
        match outcome {
            TrialOutcome::Registered(id) => {
                let (sponsor, officer) = (actor.organisation, actor.party);
                let status = StudyStatus::Approved;
                let study = Study { sponsor, officer, status, registered: at, locked: None, published: None };
                self.studies.insert(id, study);
            }
            TrialOutcome::SiteActivated(id) => self.reaches(id, StudyStatus::Active),
            TrialOutcome::Consented(id) => {
                if let TrialAction::SubjectConsent { trial, patient, .. } = action {
                    let (trial, patient) = (*trial, *patient);
                    let new = Subject { trial, patient, consented: at, enrolled: None, left: None };
                    self.subjects.entry(id).or_insert(new).consented = at;
                }
            }
            TrialOutcome::Enrolled(id) => {
                if let Some(subject) = self.subjects.get_mut(&id) {
                    subject.enrolled = Some((actor.organisation, at));
                }
            }
            TrialOutcome::Withdrawn(id) => {
                if let Some(subject) = self.subjects.get_mut(&id) {
                    subject.left = Some(at);
                }
            }
            TrialOutcome::Locked { trial, .. } => {
                self.reaches(trial, StudyStatus::Closed);
                if let Some(study) = self.studies.get_mut(&trial) {
                    study.locked = Some(at);
                }
            }
            TrialOutcome::Published { trial, .. } => {
                self.reaches(trial, StudyStatus::Completed);
                if let Some(study) = self.studies.get_mut(&trial) {
                    study.published = Some(at);
                    result(step, sink, (at, part), trial, action)?;
                }
            }
            // Commitments alone, or nothing that these resources tell.
            TrialOutcome::Approved(_)
            | TrialOutcome::Amended { .. }
            | TrialOutcome::SiteClosed(_)
            | TrialOutcome::Randomised(_)
            | TrialOutcome::Captured { .. }
            | TrialOutcome::Unblinded(_)
            | TrialOutcome::SubjectUnblinded(_) => {}
        }
        Ok(())
    }

    fn reaches(&mut self, trial: TrialId, status: StudyStatus) {
        if let Some(study) = self.studies.get_mut(&trial) {
            study.status = status;
        }
    }
}

/// What a published result rests on.
fn result(
    step: &Step<'_>,
    sink: &mut Sink,
    (at, part): (Instant, u64),
    trial: TrialId,
    action: &TrialAction,
) -> io::Result<()> {
    let TrialAction::PublishResult { analysis, root, code, report, .. } = action else { return Ok(()) };
    let named =
        [("data-root", root), ("analysis-plan", analysis), ("analysis-code", code), ("report", report)];
    let named = named.map(|(what, digest)| format!("urn:amanah:{what}:{digest}"));
    let entry = step.entry();
    let sources: Vec<&str> = std::iter::once(&entry).chain(&named).map(String::as_str).collect();
    let provenance = Provenance {
        id: step.id(part),
        deed: Deed::Created,
        targets: &[study_reference(step.place, trial)],
        recorded: at,
        author: step.place.actor(&step.command.actor, sink)?,
        organisation: step.place.organisation(step.command.actor.organisation, sink)?,
        sources: &sources,
    };
    sink.resource(&provenance)?;
    Ok(())
}

fn write_study(place: &Place, sink: &mut Sink, id: TrialId, study: &Study) -> io::Result<()> {
    let number = id.0.to_string();
    let research_study = ResearchStudy {
        id: study_reference(place, id).id,
        registration: &number,
        title: &format!("Trial {number}"),
        status: study.status,
        phase: None,
        period: Period { start: study.registered, end: study.published },
        sponsor: place.organisation(study.sponsor, sink)?,
        investigator: place.party(study.officer, sink)?,
        arms: &[],
    };
    sink.resource(&research_study)?;
    Ok(())
}

/// The consent; and the subject, if enrolled.
fn write_subject(
    place: &Place,
    sink: &mut Sink,
    (id, subject): (SubjectId, &Subject),
    study: &Study,
) -> io::Result<()> {
    let Some(index) = place.population.patient_index(subject.patient) else { return Ok(()) };
    let organisation = subject.enrolled.map_or(place.population.home_of(index), |(site, _)| site);
    let patient = place.patient(organisation, subject.patient, sink)?;
    let given = Consent {
        id: place.numbered(Kind::Consent, "subject-consent", id.0).id,
        scope: Scope::Research,
        patient,
        organisation: place.organisation(organisation, sink)?,
        given: subject.consented,
        permits: true,
        active: subject.left.is_none(),
        recipient: Recipient::One(place.organisation(study.sponsor, sink)?),
        period: Period { start: subject.consented, end: subject.left },
        purposes: &["CLINTRCH"],
        classes: &[],
        confidentiality_max: "N",
    };
    let consent = sink.resource(&given)?;
    let Some((_, enrolled)) = subject.enrolled else { return Ok(()) };
    let status = match (subject.left, study.locked) {
        (Some(_), _) => SubjectStatus::Withdrawn,
        (None, Some(_)) => SubjectStatus::OffStudy,
        (None, None) => SubjectStatus::OnStudy,
    };
    sink.resource(&ResearchSubject {
        id: place.numbered(Kind::ResearchSubject, "subject", id.0).id,
        status,
        period: Period { start: enrolled, end: subject.left.or(study.locked) },
        study: study_reference(place, subject.trial),
        patient,
        arm: "",
        consent,
    })?;
    Ok(())
}

impl Family for Trials {
    fn ended(&mut self, step: &Step<'_>, sink: &mut Sink) -> io::Result<()> {
        let Some(at) = step.committed() else { return Ok(()) };
        for (part, (action, answer)) in (0..).zip(step.answered()) {
            if let (Action::Trial(action), Outcome::Trial(outcome)) = (action, answer.outcome) {
                self.action(step, sink, (at, part), (action, outcome))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, place: &Place, sink: &mut Sink) -> io::Result<()> {
        for (id, study) in &self.studies {
            write_study(place, sink, *id, study)?;
        }
        for (id, subject) in &self.subjects {
            // Of a trial of whose registration nobody heard.
            let Some(study) = self.studies.get(&subject.trial) else { continue };
            write_subject(place, sink, (*id, subject), study)?;
        }
        Ok(())
    }
}
