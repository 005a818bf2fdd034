//! Compositions: what holds a document bundle together.

use super::{Coding, Concept, Id, Kind, Reference, Resource};
use crate::document::date::Instant;
use crate::document::json::Object;

/// A section of a composition.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// LOINC.
    pub code: Coding,
    /// What it holds; must not be empty.
    pub entries: &'a [Reference],
}

/// `Composition`.
#[derive(Clone, Copy, Debug)]
pub struct Composition<'a> {
    /// Its id.
    pub id: Id,
    /// LOINC: kind of document.
    pub code: Coding,
    /// About whom.
    pub patient: Reference,
    /// When it was put together.
    pub date: Instant,
    /// By whom.
    pub author: Reference,
    /// Who keeps it.
    pub custodian: Reference,
    /// Sections.
    pub sections: &'a [Section<'a>],
}

impl Resource for Composition<'_> {
    fn kind(&self) -> Kind {
        Kind::Composition
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.put("status", "final").put("type", Concept(self.code)).put("subject", self.patient);
        o.put("date", self.date).list("author", [self.author]).put("title", self.code.display);
        o.put("confidentiality", "N").put("custodian", self.custodian);
        o.objects("section", self.sections, |section, o| {
            o.put("title", section.code.display).put("code", Concept(section.code));
            o.list("entry", section.entries.iter().copied());
        });
    }
}
