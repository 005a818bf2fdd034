//! Prescriptions and dispensations.

use super::codes::{self, Drug};
use super::{Concept, Id, Identifier, Kind, Period, Quantity, Reference, Resource, narrative};
use crate::document::date::Instant;
use crate::document::json::{Decimal, Object, Put, object};

/// `MedicationRequest`: an order for an outpatient.
#[derive(Clone, Copy, Debug)]
pub struct MedicationRequest<'a> {
    /// Its id.
    pub id: Id,
    /// What is prescribed.
    pub drug: Drug,
    /// For whom.
    pub patient: Reference,
    /// At which visit.
    pub encounter: Option<Reference>,
    /// By whom.
    pub prescriber: Reference,
    /// When.
    pub authored: Instant,
    /// How many doses at a time.
    pub quantity: u64,
    /// How often it may be dispensed again.
    pub repeats: u64,
    /// For how many days it can be dispensed.
    pub valid_days: u64,
    /// Whether all of it was dispensed.
    pub completed: bool,
    /// For people; may be empty.
    pub narrative: &'a str,
    /// A remark; may be empty.
    pub note: &'a str,
}

/// So many doses.
fn doses(drug: &Drug, count: u64) -> Quantity {
    Quantity { value: Decimal::whole(count as i64), unit: drug.form.0, ucum: drug.form.1 }
}

/// So many days.
fn days(count: u64) -> Quantity {
    Quantity { value: Decimal::whole(count as i64), unit: "days", ucum: "d" }
}

/// How it is taken.
struct Dosage(Drug);

impl Put for Dosage {
    fn put(&self, out: &mut String) {
        let drug = &self.0;
        object(out, |o| {
            o.put("sequence", 1u64);
            o.put("text", format!("1 {} by mouth, {} a day", drug.form.0, drug.a_day));
            o.object("timing", |o| {
                o.object("repeat", |o| {
                    o.put("frequency", drug.a_day).put("period", 1u64).put("periodUnit", "d");
                });
            });
            o.objects("doseAndRate", [()], |(), o| {
                o.put("doseQuantity", doses(drug, 1));
            });
        });
    }
}

impl Resource for MedicationRequest<'_> {
    fn kind(&self) -> Kind {
        Kind::MedicationRequest
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/medicationrequest-category";
        narrative(o, self.narrative);
        o.list("identifier", [Identifier { space: "prescription", value: &self.id.text() }]);
        o.put("status", if self.completed { "completed" } else { "active" }).put("intent", "order");
        o.list("category", [codes::concept(CATEGORY, "outpatient", "Outpatient")]);
        o.put("medicationCodeableConcept", Concept(self.drug.code)).put("subject", self.patient);
        o.maybe("encounter", self.encounter).put("authoredOn", self.authored);
        o.put("requester", self.prescriber);
        o.list("reasonCode", [Concept(codes::CONDITIONS[self.drug.reason])]);
        if !self.note.is_empty() {
            o.objects("note", [self.note], |note, o| {
                o.put("text", note);
            });
        }
        o.list("dosageInstruction", [Dosage(self.drug)]);
        o.object("dispenseRequest", |o| {
            let end = Some(self.authored.days_after(self.valid_days));
            o.put("validityPeriod", Period { start: self.authored, end });
            o.put("numberOfRepeatsAllowed", self.repeats).put("quantity", doses(&self.drug, self.quantity));
            o.put("expectedSupplyDuration", days(self.quantity / self.drug.a_day.max(1)));
        });
        o.object("substitution", |o| {
            o.put("allowedBoolean", true);
        });
    }
}

/// `MedicationDispense`.
#[derive(Clone, Copy, Debug)]
pub struct MedicationDispense {
    /// Its id.
    pub id: Id,
    /// What was handed over.
    pub drug: Drug,
    /// To whom.
    pub patient: Reference,
    /// By whom.
    pub dispenser: Reference,
    /// On which prescription.
    pub prescription: Reference,
    /// How many doses.
    pub quantity: u64,
    /// When.
    pub handed_over: Instant,
}

impl Resource for MedicationDispense {
    fn kind(&self) -> Kind {
        Kind::MedicationDispense
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.put("status", "completed").put("medicationCodeableConcept", Concept(self.drug.code));
        o.put("subject", self.patient);
        o.objects("performer", [self.dispenser], |dispenser, o| {
            o.put("actor", dispenser);
        });
        o.list("authorizingPrescription", [self.prescription]);
        o.put("quantity", doses(&self.drug, self.quantity));
        o.put("daysSupply", days(self.quantity / self.drug.a_day.max(1)));
        o.put("whenPrepared", self.handed_over).put("whenHandedOver", self.handed_over);
        o.list("dosageInstruction", [Dosage(self.drug)]);
        o.object("substitution", |o| {
            o.put("wasSubstituted", false);
        });
    }
}
