//! Where a resource comes from.

use super::codes;
use super::{Id, Kind, Reference, Resource};
use crate::document::date::Instant;
use crate::document::json::Object;

/// `Provenance` of something that was registered.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// Its id.
    pub id: Id,
    /// Of what.
    pub targets: &'a [Reference],
    /// When the ledger committed it.
    pub recorded: Instant,
    /// Who registered it.
    pub author: Reference,
    /// For whom.
    pub organisation: Reference,
    /// Where the transaction is on the ledger: chain, entry and transaction in a URI.
    pub entry: &'a str,
}

impl Resource for Provenance<'_> {
    fn kind(&self) -> Kind {
        Kind::Provenance
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const OPERATION: &str = "http://terminology.hl7.org/CodeSystem/v3-DataOperation";
        const AGENT: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
        o.list("target", self.targets.iter().copied()).put("recorded", self.recorded);
        o.put("activity", codes::concept(OPERATION, "CREATE", "create"));
        o.objects("agent", [self.author], |author, o| {
            o.put("type", codes::concept(AGENT, "author", "Author")).put("who", author);
            o.put("onBehalfOf", self.organisation);
        });
        o.objects("entity", [self.entry], |entry, o| {
            o.put("role", "source");
            o.object("what", |o| {
                o.object("identifier", |o| {
                    o.put("system", "urn:ietf:rfc:3986").put("value", entry);
                });
            });
        });
    }
}
