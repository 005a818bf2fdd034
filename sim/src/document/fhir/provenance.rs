//! Where a resource comes from.

use super::codes;
use super::{Id, Kind, Reference, Resource};
use crate::document::date::Instant;
use crate::document::json::Object;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It was made.
    Created,
    /// Somebody looked at it, and found this; a word.
    Reviewed(&'static str),
}

/// `Provenance` of something that is on the ledger.
#[derive(Clone, Copy, Debug)]
pub struct Provenance<'a> {
    /// Its id.
    pub id: Id,
    /// What was done.
    pub deed: Deed,
    /// To what.
    pub targets: &'a [Reference],
    /// When the ledger committed it.
    pub recorded: Instant,
    /// Who did it.
    pub author: Reference,
    /// For whom.
    pub organisation: Reference,
    /// URIs of what vouches for it: where its transaction is on the ledger, and commitments that are there.
    pub sources: &'a [&'a str],
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
        let agent = match self.deed {
            Deed::Created => {
                o.put("activity", codes::concept(OPERATION, "CREATE", "create"));
                codes::concept(AGENT, "author", "Author")
            }
            Deed::Reviewed(found) => {
                o.objects("reason", [found], |found, o| {
                    o.put("text", found);
                });
                codes::concept(AGENT, "verifier", "Verifier")
            }
        };
        o.objects("agent", [self.author], |author, o| {
            o.put("type", agent).put("who", author);
            o.put("onBehalfOf", self.organisation);
        });
        o.objects("entity", self.sources, |entry, o| {
            o.put("role", "source");
            o.object("what", |o| {
                o.object("identifier", |o| {
                    o.put("system", "urn:ietf:rfc:3986").put("value", *entry);
                });
            });
        });
    }
}
