//! Diagnostic reports. A report cites its observations, which travel beside it or in it.

use super::codes::{self, Measure};
use super::{Coding, Concept, Id, Kind, Reference, Resource};
use crate::document::date::Instant;
use crate::document::json::Object;

/// `DiagnosticReport` of a laboratory.
#[derive(Clone, Copy, Debug)]
pub struct DiagnosticReport<'a> {
    /// Its id.
    pub id: Id,
    /// Which panel.
    pub code: Coding,
    /// Whose.
    pub patient: Reference,
    /// At which visit.
    pub encounter: Option<Reference>,
    /// When the specimen was taken.
    pub effective: Instant,
    /// When it was released.
    pub issued: Instant,
    /// The laboratory.
    pub performer: Reference,
    /// Its observations.
    pub results: Results<'a>,
    /// In words; may be empty.
    pub conclusion: &'a str,
    /// The report as it was printed and scanned.
    pub scan: Option<Scan<'a>>,
}

/// The observations of a report.
#[derive(Clone, Copy, Debug)]
pub enum Results<'a> {
    /// They travel beside it.
    Cited(&'a [Reference]),
    /// They are contained in it, each named by its place.
    Contained(&'a [(Measure, i64)]),
}

/// A picture.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// Media type.
    pub content_type: &'a str,
    /// In base64; must not be empty.
    pub data: &'a str,
}

impl Resource for DiagnosticReport<'_> {
    fn kind(&self) -> Kind {
        Kind::DiagnosticReport
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const SECTION: &str = "http://terminology.hl7.org/CodeSystem/v2-0074";
        if let Results::Contained(values) = self.results {
            o.objects("contained", (1u64..).zip(values), |(place, (measure, units)), o| {
                o.put("resourceType", "Observation").put("id", format!("o{place}")).put("status", "final");
                o.put("code", Concept(measure.code)).put("valueQuantity", measure.quantity(*units));
                o.list("interpretation", [Concept(measure.interpretation(*units))]);
            });
        }
        o.put("status", "final").list("category", [codes::concept(SECTION, "LAB", "Laboratory")]);
        o.put("code", Concept(self.code)).put("subject", self.patient).maybe("encounter", self.encounter);
        o.put("effectiveDateTime", self.effective).put("issued", self.issued);
        o.list("performer", [self.performer]);
        match self.results {
            Results::Cited(results) => o.list("result", results.iter().copied()),
            Results::Contained(values) => o.objects("result", 1..=values.len(), |place, o| {
                o.put("reference", format!("#o{place}"));
            }),
        };
        o.text("conclusion", self.conclusion);
        o.objects("presentedForm", self.scan, |scan, o| {
            o.put("contentType", scan.content_type).put("data", scan.data);
        });
    }
}
