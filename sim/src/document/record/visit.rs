//! What happens at a visit, as resources.

use super::Cited;
use super::text::prose;
use crate::document::date::{Instant, Year};
use crate::document::fhir::bundle::Bundle;
use crate::document::fhir::codes::{self, Measure};
use crate::document::fhir::encounter::{Encounter, Setting};
use crate::document::fhir::medication::MedicationRequest;
use crate::document::fhir::observation::{Category, Finding, Observation};
use crate::document::fhir::party::{Gender, Organisation, OrganisationType, Patient, Practitioner};
use crate::document::fhir::report::{DiagnosticReport, Results};
use crate::document::fhir::{self, Coding, Id, Period, Reference, Resource as _};
use crate::population::pick;
use crate::seed::Stream;

/// A visit under way: who, where, when.
#[derive(Debug)]
pub(super) struct Visit {
    pub patient: Reference,
    pub custodian: Reference,
    pub member: Reference,
    pub encounter: Option<Reference>,
    pub at: Instant,
    pub stream: Stream,
}

/// A patient's gender and year of birth follow from its pseudonym, so that all documents of a custodian agree.
pub(crate) fn demographics(patient: Reference) -> (Gender, Year) {
    let text = patient.id.text();
    let number = text.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let gender = if number & 1 == 0 { Gender::Female } else { Gender::Male };
    (gender, Year(1930 + (number >> 8) as u16 % 90))
}

impl Visit {
    /// A new encounter, which what follows refers to.
    pub fn begin(&mut self) -> Encounter {
        let encounter = Encounter {
            id: Id::drawn(&mut self.stream),
            setting: if self.stream.chance(1, 4) { Setting::Inpatient } else { Setting::Ambulatory },
            patient: self.patient,
            practitioner: self.member,
            period: Period { start: self.at, end: Some(self.at.minutes_after(self.stream.uniform(10, 90))) },
            reason: Some(pick(&codes::CONDITIONS, &mut self.stream).expect("there are conditions")),
            provider: self.custodian,
        };
        self.encounter = Some(encounter.reference());
        encounter
    }

    /// Patient, organisation and practitioner, whom everything refers to.
    pub fn people(&self, bundle: &mut Bundle) {
        let (gender, born) = demographics(self.patient);
        bundle.add(&Patient { id: self.patient.id, gender, born, organisation: self.custodian });
        bundle.add(&Organisation {
            id: self.custodian.id,
            kind: OrganisationType::Provider,
            name: "Member of the exchange",
        });
        bundle.add(&Practitioner { id: self.member.id });
    }

    /// Vital signs, a laboratory report and a prescription, as far as there is room below `until` bytes.
    pub fn round(&mut self, bundle: &mut Bundle, until: usize, cited: &mut Cited) {
        for measure in codes::VITALS {
            if bundle.bytes() >= until {
                return;
            }
            let vital = self.vital(measure, "");
            cited.vitals.push(bundle.add(&vital));
        }
        let pressure = self.pressure("");
        cited.vitals.push(bundle.add(&pressure));
        let panel = pick(&codes::PANELS, &mut self.stream).expect("there are panels");
        let mut results = Vec::new();
        for measure in panel.measures {
            if bundle.bytes() >= until {
                break;
            }
            results.push(bundle.add(&self.value(*measure, "")));
        }
        if !results.is_empty() {
            let report = DiagnosticReport { results: Results::Cited(&results), ..self.report_of(panel.code) };
            cited.results.push(bundle.add(&report));
        }
        if bundle.bytes() < until {
            let prescription = self.prescription("", "");
            cited.medications.push(bundle.add(&prescription));
        }
    }

    /// One observation of about `target` bytes.
    pub fn observation(&mut self, target: usize) -> String {
        match self.stream.pick_weighted(&[50, 16, 34]) {
            0 => {
                let measure = pick(&codes::VITALS, &mut self.stream).expect("there are vital signs");
                let remark = self.remark(target, 1_150);
                fhir::text(&self.vital(measure, &remark))
            }
            1 => {
                let remark = self.remark(target, 1_900);
                fhir::text(&self.pressure(&remark))
            }
            _ => {
                let panel = pick(&codes::PANELS, &mut self.stream).expect("there are panels");
                let measure = pick(panel.measures, &mut self.stream).expect("a panel has measures");
                let remark = self.remark(target, 1_150);
                fhir::text(&self.value(measure, &remark))
            }
        }
    }

    /// A remark that brings a resource of `without` bytes to about `target`.
    pub fn remark(&mut self, target: usize, without: usize) -> String {
        prose(&mut self.stream, target.saturating_sub(without))
    }

    fn observed<'a>(&mut self, category: Category, finding: Finding, note: &'a str) -> Observation<'a> {
        Observation {
            id: Id::drawn(&mut self.stream),
            category,
            finding,
            patient: self.patient,
            encounter: self.encounter,
            effective: self.at.minutes_after(self.stream.below(10)),
            performer: if category == Category::Laboratory { self.custodian } else { self.member },
            device: None,
            narrative: "",
            note,
        }
    }

    fn vital<'a>(&mut self, measure: Measure, note: &'a str) -> Observation<'a> {
        let units = measure.draw(&mut self.stream);
        self.observed(Category::VitalSigns, Finding::Value(measure, units), note)
    }

    /// A blood pressure. The systolic value is drawn above the diastolic one.
    fn pressure<'a>(&mut self, note: &'a str) -> Observation<'a> {
        let diastolic = codes::DIASTOLIC.draw(&mut self.stream);
        let systolic = codes::SYSTOLIC.draw(&mut self.stream).max(diastolic + 20);
        let components = [(codes::SYSTOLIC, systolic), (codes::DIASTOLIC, diastolic)];
        let finding = Finding::Components(codes::BLOOD_PRESSURE, components);
        self.observed(Category::VitalSigns, finding, note)
    }

    /// A laboratory value.
    pub fn value<'a>(&mut self, measure: Measure, note: &'a str) -> Observation<'a> {
        let units = measure.draw(&mut self.stream);
        self.observed(Category::Laboratory, Finding::Value(measure, units), note)
    }

    /// A report without results.
    pub fn report_of(&mut self, code: Coding) -> DiagnosticReport<'static> {
        DiagnosticReport {
            id: Id::drawn(&mut self.stream),
            code,
            patient: self.patient,
            encounter: self.encounter,
            effective: self.at,
            issued: self.at.minutes_after(self.stream.uniform(30, 600)),
            performer: self.custodian,
            results: Results::Cited(&[]),
            conclusion: "",
            scan: None,
        }
    }

    /// A prescription for one to three months.
    pub fn prescription<'a>(&mut self, note: &'a str, narrative: &'a str) -> MedicationRequest<'a> {
        let drug = pick(&codes::DRUGS, &mut self.stream).expect("there are medicines");
        MedicationRequest {
            id: Id::drawn(&mut self.stream),
            drug,
            patient: self.patient,
            encounter: self.encounter,
            prescriber: self.member,
            authored: self.at,
            quantity: drug.a_day * 30 * self.stream.uniform(1, 3),
            repeats: self.stream.below(4),
            valid_days: 365,
            completed: false,
            narrative,
            note,
        }
    }
}
