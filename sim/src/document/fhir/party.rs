//! People and institutions: pseudonyms alone.

use super::{Id, Identifier, Kind, Reference, Resource, codes};
use crate::document::date::Year;
use crate::document::json::Object;

/// Administrative gender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Gender {
    Female,
    Male,
    Other,
    Unknown,
}

impl Gender {
    /// As FHIR codes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// `Patient`, under a pseudonym.
#[derive(Clone, Copy, Debug)]
pub struct Patient {
    /// The pseudonym.
    pub id: Id,
    /// Administrative gender.
    pub gender: Gender,
    /// Year of birth.
    pub born: Year,
    /// Whose pseudonym it is.
    pub organisation: Reference,
}

impl Resource for Patient {
    fn kind(&self) -> Kind {
        Kind::Patient
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.list("identifier", [Identifier { space: "pseudonym", value: &self.id.text() }]);
        o.put("active", true).put("gender", self.gender.code()).put("birthDate", self.born);
        o.put("managingOrganization", self.organisation);
    }
}

/// Kinds of organisation, after `organization-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrganisationType {
    /// Hospital, pharmacy, laboratory, trial site.
    Provider,
    /// Insurer.
    Payer,
    /// Sponsor, manufacturer, wholesaler.
    Business,
    /// Regulator, ethics board.
    Government,
}

/// `Organization`.
#[derive(Clone, Copy, Debug)]
pub struct Organisation<'a> {
    /// Its id.
    pub id: Id,
    /// What it is.
    pub kind: OrganisationType,
    /// Its name; must not be empty.
    pub name: &'a str,
}

impl Resource for Organisation<'_> {
    fn kind(&self) -> Kind {
        Kind::Organization
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/organization-type";
        let (code, display) = match self.kind {
            OrganisationType::Provider => ("prov", "Healthcare Provider"),
            OrganisationType::Payer => ("pay", "Payer"),
            OrganisationType::Business => ("bus", "Non-Healthcare Business or Corporation"),
            OrganisationType::Government => ("govt", "Government"),
        };
        o.put("active", true).list("type", [codes::concept(SYSTEM, code, display)]).put("name", self.name);
    }
}

/// `Practitioner`, under a pseudonym.
#[derive(Clone, Copy, Debug)]
pub struct Practitioner {
    /// The pseudonym.
    pub id: Id,
}

impl Resource for Practitioner {
    fn kind(&self) -> Kind {
        Kind::Practitioner
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.list("identifier", [Identifier { space: "staff", value: &self.id.text() }]).put("active", true);
    }
}
