//! Risk assessments: what a triage advises, on which readings, by which model.

use super::{Concept, Id, Identifier, Kind, Reference, Resource, codes};
use crate::document::date::Instant;
use crate::document::json::{Decimal, Object};

/// How urgent a triage finds it, after `risk-probability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Level {
    Low,
    Moderate,
    High,
}

/// `RiskAssessment`.
#[derive(Clone, Copy, Debug)]
pub struct RiskAssessment<'a> {
    /// Its id.
    pub id: Id,
    /// Of whom.
    pub patient: Reference,
    /// At which visit.
    pub encounter: Option<Reference>,
    /// When.
    pub occurred: Instant,
    /// The model, or who assessed.
    pub performer: Reference,
    /// The readings that it rests on.
    pub basis: &'a [Reference],
    /// Root of the readings that is on the ledger, in hexadecimal; must not be empty.
    pub vitals_root: &'a str,
    /// Of deterioration, in thousandths.
    pub probability_milli: u64,
    /// In words.
    pub level: Level,
    /// What is advised; may be empty.
    pub advice: &'a str,
}

impl Resource for RiskAssessment<'_> {
    fn kind(&self) -> Kind {
        Kind::RiskAssessment
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const LEVEL: &str = "http://terminology.hl7.org/CodeSystem/risk-probability";
        let (code, display) = match self.level {
            Level::Low => ("low", "Low likelihood"),
            Level::Moderate => ("moderate", "Moderate likelihood"),
            Level::High => ("high", "High likelihood"),
        };
        o.list("identifier", [Identifier { space: "vitals-root", value: self.vitals_root }]);
        o.put("status", "final").put("subject", self.patient).maybe("encounter", self.encounter);
        o.put("occurrenceDateTime", self.occurred).put("performer", self.performer);
        o.list("basis", self.basis.iter().copied());
        o.objects("prediction", [self.probability_milli.min(1_000)], |milli, o| {
            o.put("outcome", Concept(codes::loinc("88526-9", "Clinical deterioration")));
            // A percentage in R4: a probability above 1 would be one too.
            o.put("probabilityDecimal", Decimal { units: milli as i64, scale: 3 });
            o.put("qualitativeRisk", codes::concept(LEVEL, code, display));
        });
        o.text("mitigation", self.advice);
    }
}
