//! Visits.

use super::codes::ACT_CODE;
use super::{Coding, Concept, Id, Kind, Period, Reference, Resource};
use crate::document::json::Object;

/// Where a visit takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The patient comes and goes.
    Ambulatory,
    /// The patient stays.
    Inpatient,
    /// At a distance: telemedicine.
    Virtual,
    /// In an emergency.
    Emergency,
}

/// `Encounter`, finished.
#[derive(Clone, Copy, Debug)]
pub struct Encounter {
    /// Its id.
    pub id: Id,
    /// Where.
    pub setting: Setting,
    /// Whose.
    pub patient: Reference,
    /// Who sees the patient.
    pub practitioner: Reference,
    /// From and until.
    pub period: Period,
    /// Why, where that is known.
    pub reason: Option<Coding>,
    /// Whose visit it is.
    pub provider: Reference,
}

impl Resource for Encounter {
    fn kind(&self) -> Kind {
        Kind::Encounter
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        let (code, display) = match self.setting {
            Setting::Ambulatory => ("AMB", "ambulatory"),
            Setting::Inpatient => ("IMP", "inpatient encounter"),
            Setting::Virtual => ("VR", "virtual"),
            Setting::Emergency => ("EMER", "emergency"),
        };
        o.put("status", if self.period.end.is_some() { "finished" } else { "in-progress" });
        o.put("class", Coding { system: ACT_CODE, code, display }).put("subject", self.patient);
        o.objects("participant", [self.practitioner], |practitioner, o| {
            o.put("individual", practitioner);
        });
        o.put("period", self.period).list("reasonCode", self.reason.map(Concept));
        o.put("serviceProvider", self.provider);
    }
}
