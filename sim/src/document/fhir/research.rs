//! Clinical trials.

use super::{Id, Identifier, Kind, Period, Reference, Resource, codes};
use crate::document::json::Object;

/// Where a trial stands, after `research-study-status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StudyStatus {
    Approved,
    Active,
    /// No more is captured.
    Closed,
    Completed,
    Withdrawn,
}

/// `ResearchStudy`.
#[derive(Clone, Copy, Debug)]
pub struct ResearchStudy<'a> {
    /// Its id.
    pub id: Id,
    /// Its registration number; must not be empty.
    pub registration: &'a str,
    /// Its title; must not be empty.
    pub title: &'a str,
    /// Where it stands.
    pub status: StudyStatus,
    /// Phase, 1 to 4, where that is known.
    pub phase: Option<u8>,
    /// From and until.
    pub period: Period,
    /// Who pays for it.
    pub sponsor: Reference,
    /// Who answers for it.
    pub investigator: Reference,
    /// Names of its arms.
    pub arms: &'a [&'a str],
}

impl Resource for ResearchStudy<'_> {
    fn kind(&self) -> Kind {
        Kind::ResearchStudy
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const PHASE: &str = "http://terminology.hl7.org/CodeSystem/research-study-phase";
        let status = match self.status {
            StudyStatus::Approved => "approved",
            StudyStatus::Active => "active",
            StudyStatus::Closed => "closed-to-accrual-and-intervention",
            StudyStatus::Completed => "completed",
            StudyStatus::Withdrawn => "withdrawn",
        };
        let phase = self.phase.map(|phase| match phase {
            0 | 1 => ("phase-1", "Phase 1"),
            2 => ("phase-2", "Phase 2"),
            3 => ("phase-3", "Phase 3"),
            _ => ("phase-4", "Phase 4"),
        });
        let phase = phase.map(|(code, display)| codes::concept(PHASE, code, display));
        o.list("identifier", [Identifier { space: "trial", value: self.registration }]);
        o.put("title", self.title).put("status", status).maybe("phase", phase);
        o.put("period", self.period).put("sponsor", self.sponsor);
        o.put("principalInvestigator", self.investigator);
        o.objects("arm", self.arms, |arm, o| {
            o.put("name", *arm);
        });
    }
}

/// Where a subject stands, after `research-subject-status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum SubjectStatus {
    Eligible,
    OnStudy,
    Withdrawn,
    OffStudy,
}

/// `ResearchSubject`.
#[derive(Clone, Copy, Debug)]
pub struct ResearchSubject<'a> {
    /// Its id.
    pub id: Id,
    /// Where the subject stands.
    pub status: SubjectStatus,
    /// From and until.
    pub period: Period,
    /// In which trial.
    pub study: Reference,
    /// Who.
    pub patient: Reference,
    /// The arm, once it may be known; else empty.
    pub arm: &'a str,
    /// Under which consent.
    pub consent: Reference,
}

impl Resource for ResearchSubject<'_> {
    fn kind(&self) -> Kind {
        Kind::ResearchSubject
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        let status = match self.status {
            SubjectStatus::Eligible => "eligible",
            SubjectStatus::OnStudy => "on-study",
            SubjectStatus::Withdrawn => "withdrawn",
            SubjectStatus::OffStudy => "off-study",
        };
        o.put("status", status).put("period", self.period).put("study", self.study);
        o.put("individual", self.patient).text("assignedArm", self.arm).put("consent", self.consent);
    }
}
