//! Observations: vital signs and laboratory values.

use super::codes::{self, Measure};
use super::{Coding, Concept, Id, Kind, Reference, Resource, narrative};
use crate::document::date::Instant;
use crate::document::json::{Object, Put, object};

/// What kind of observation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Measured at the patient.
    VitalSigns,
    /// Measured in a laboratory.
    Laboratory,
}

impl Category {
    fn concept(self) -> Concept {
        const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/observation-category";
        match self {
            Self::VitalSigns => codes::concept(SYSTEM, "vital-signs", "Vital Signs"),
            Self::Laboratory => codes::concept(SYSTEM, "laboratory", "Laboratory"),
        }
    }
}

/// What was found.
#[derive(Clone, Copy, Debug)]
pub enum Finding {
    /// One value, in the measure's own steps.
    Value(Measure, i64),
    /// Values under a code of their own, as a blood pressure.
    Components(Coding, [(Measure, i64); 2]),
    /// Words: what an analyser or a person concluded.
    Words(Coding, &'static str),
    /// So many readings of vital signs that are not told.
    Readings(u64),
}

/// `Observation`.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// Its id.
    pub id: Id,
    /// Vital sign or laboratory value.
    pub category: Category,
    /// What was found.
    pub finding: Finding,
    /// Whose.
    pub patient: Reference,
    /// At which visit.
    pub encounter: Option<Reference>,
    /// When it was so.
    pub effective: Instant,
    /// Who answers for it.
    pub performer: Reference,
    /// With what it was measured.
    pub device: Option<Reference>,
    /// For people; may be empty.
    pub narrative: &'a str,
    /// A remark; may be empty.
    pub note: &'a str,
}

/// A reference interval.
struct Range(Measure);

impl Put for Range {
    fn put(&self, out: &mut String) {
        object(out, |o| {
            let (low, high) = self.0.normal;
            o.put("low", self.0.quantity(low)).put("high", self.0.quantity(high));
        });
    }
}

impl Resource for Observation<'_> {
    fn kind(&self) -> Kind {
        Kind::Observation
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const ABSENT: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
        narrative(o, self.narrative);
        o.put("status", "final").list("category", [self.category.concept()]);
        let code = match self.finding {
            Finding::Value(measure, _) => measure.code,
            Finding::Components(code, _) | Finding::Words(code, _) => code,
            Finding::Readings(_) => codes::VITALS_PANEL,
        };
        o.put("code", Concept(code)).put("subject", self.patient).maybe("encounter", self.encounter);
        o.put("effectiveDateTime", self.effective).put("issued", self.effective);
        o.list("performer", [self.performer]);
        match self.finding {
            Finding::Value(measure, units) => {
                o.put("valueQuantity", measure.quantity(units));
                o.list("interpretation", [Concept(measure.interpretation(units))]);
            }
            Finding::Components(..) => {}
            Finding::Readings(_) => {
                o.put("dataAbsentReason", codes::concept(ABSENT, "masked", "Masked"));
            }
            Finding::Words(_, words) => {
                o.put("valueString", words);
            }
        }
        if !self.note.is_empty() {
            o.objects("note", [self.note], |note, o| {
                o.put("text", note);
            });
        }
        o.maybe("device", self.device);
        match self.finding {
            Finding::Value(measure, _) => {
                o.list("referenceRange", [Range(measure)]);
            }
            Finding::Components(_, components) => {
                o.objects("component", components, |(measure, units), o| {
                    o.put("code", Concept(measure.code)).put("valueQuantity", measure.quantity(units));
                    o.list("interpretation", [Concept(measure.interpretation(units))]);
                    o.list("referenceRange", [Range(measure)]);
                });
            }
            Finding::Readings(count) => {
                o.objects("component", [count], |count, o| {
                    o.object("code", |o| {
                        o.put("text", "Number of readings");
                    });
                    o.put("valueInteger", count);
                });
            }
            Finding::Words(..) => {}
        }
    }
}
