//! Documents that are named, and bytes that are attached.

use super::{Coding, Concept, Id, Identifier, Kind, Reference, Resource, codes};
use crate::document::date::Instant;
use crate::document::json::Object;

/// `DocumentReference`.
#[derive(Clone, Copy, Debug)]
pub struct DocumentReference<'a> {
    /// Its id.
    pub id: Id,
    /// LOINC: kind of document.
    pub code: Coding,
    /// About whom.
    pub patient: Reference,
    /// When it was indexed.
    pub date: Instant,
    /// Who made it.
    pub author: Reference,
    /// Who keeps it.
    pub custodian: Reference,
    /// What it is called elsewhere, in a namespace of ours.
    pub identifier: Identifier<'a>,
    /// Media type of what it names.
    pub content_type: &'a str,
    /// Where that is.
    pub content: Content<'a>,
}

/// Where the content of a document is.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A resource that travels along, of so many bytes.
    Resource(Reference, u64),
    /// Elsewhere.
    Url(&'a str),
}

impl Resource for DocumentReference<'_> {
    fn kind(&self) -> Kind {
        Kind::DocumentReference
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.list("identifier", [self.identifier]).put("status", "current").put("docStatus", "final");
        o.put("type", Concept(self.code)).put("subject", self.patient).put("date", self.date);
        o.list("author", [self.author]).put("custodian", self.custodian);
        o.list("securityLabel", [codes::concept(codes::CONFIDENTIALITY, "N", "normal")]);
        o.objects("content", [self.content], |content, o| {
            o.object("attachment", |o| {
                o.put("contentType", self.content_type);
                match content {
                    Content::Resource(reference, bytes) => {
                        o.put("url", reference.text()).put("size", bytes);
                    }
                    Content::Url(url) => {
                        o.put("url", url);
                    }
                }
            });
        });
    }
}

/// `Binary`: bytes in base64.
#[derive(Clone, Copy, Debug)]
pub struct Binary<'a> {
    /// Its id.
    pub id: Id,
    /// Media type.
    pub content_type: &'a str,
    /// The bytes, in base64.
    pub data: &'a str,
}

impl Resource for Binary<'_> {
    fn kind(&self) -> Kind {
        Kind::Binary
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.put("contentType", self.content_type).put("data", self.data);
    }
}
