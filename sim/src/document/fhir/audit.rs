//! Audit events: who asked for what, and how it was answered.

use super::codes::{self, ACT_REASON};
use super::{Coding, Concept, Id, Kind, Reference, Resource};
use crate::document::date::Instant;
use crate::document::json::Object;

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Permitted.
    Permitted,
    /// Refused: the ledger's word for why.
    Refused(&'a str),
}

/// `AuditEvent` of a decision about access, or of another request of the ledger.
#[derive(Clone, Copy, Debug)]
pub struct AuditEvent<'a> {
    /// Its id.
    pub id: Id,
    /// What kind of request.
    pub event: Event,
    /// When the ledger decided.
    pub recorded: Instant,
    /// How.
    pub decision: Decision<'a>,
    /// v3 ActReason; may be empty.
    pub purpose: &'static str,
    /// Who asked.
    pub actor: Reference,
    /// For whom.
    pub organisation: Reference,
    /// What about: records, consents.
    pub entities: &'a [Reference],
    /// Where the transaction is on the ledger, as in a provenance.
    pub entry: &'a str,
}

/// Kinds of request, after DICOM's audit message types and FHIR's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// To read.
    Access,
    /// To read in an emergency.
    Emergency,
    /// To close an emergency access.
    Review,
    /// To change a consent.
    ConsentChange,
}

impl Event {
    fn codes(self) -> (Coding, Coding, &'static str) {
        const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
        const REST: &str = "http://hl7.org/fhir/restful-interaction";
        let dicom = |code, display| Coding { system: DICOM, code, display };
        let rest = |code| Coding { system: REST, code, display: code };
        match self {
            Self::Access => (dicom("110112", "Query"), rest("read"), "R"),
            Self::Emergency => {
                (dicom("110113", "Security Alert"), dicom("110127", "Emergency Override Started"), "E")
            }
            Self::Review => {
                (dicom("110113", "Security Alert"), dicom("110138", "Emergency Override Stopped"), "E")
            }
            Self::ConsentChange => (dicom("110110", "Patient Record"), rest("update"), "U"),
        }
    }
}

impl Resource for AuditEvent<'_> {
    fn kind(&self) -> Kind {
        Kind::AuditEvent
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const SOURCE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";
        const ENTITY: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
        let (kind, subtype, action) = self.event.codes();
        o.put("type", kind).list("subtype", [subtype]).put("action", action).put("recorded", self.recorded);
        match self.decision {
            Decision::Permitted => {
                o.put("outcome", "0");
            }
            // A minor failure: the request was understood, and answered with no.
            Decision::Refused(why) => {
                o.put("outcome", "4").put("outcomeDesc", why);
            }
        }
        if !self.purpose.is_empty() {
            let purpose = Coding { system: ACT_REASON, code: self.purpose, display: "" };
            o.list("purposeOfEvent", [Concept(purpose)]);
        }
        o.objects("agent", [(self.actor, true), (self.organisation, false)], |(who, requestor), o| {
            o.put("who", who).put("requestor", requestor);
        });
        o.object("source", |o| {
            o.put("site", self.entry).put("observer", self.organisation);
            o.list("type", [codes::concept(SOURCE, "4", "Application Server").0]);
        });
        o.objects("entity", self.entities, |entity, o| {
            o.put("what", *entity)
                .put("type", Coding { system: ENTITY, code: "2", display: "System Object" });
        });
    }
}
