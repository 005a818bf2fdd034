//! Bundles: resources that travel together. Entries are written as they come, so that a bundle of megabytes needs no tree.

use super::{BASE, Id, Identifier, Reference, Resource};
use crate::document::date::Instant;
use crate::document::json::Put;

/// What a bundle is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BundleType {
    /// A composition and what it cites; the composition comes first.
    Document,
    /// Resources, nothing more.
    Collection,
    /// To be carried out whole: every entry is put under its own id.
    Transaction,
}

/// A `Bundle` under construction.
#[derive(Debug)]
pub struct Bundle {
    kind: BundleType,
    entries: String,
}

impl Bundle {
    /// With nothing in it.
    pub fn new(kind: BundleType) -> Self {
        Self { kind, entries: String::new() }
    }

    /// Bytes of its entries.
    pub fn bytes(&self) -> usize {
        self.entries.len()
    }

    /// Adds a resource; what others call it by.
    pub fn add(&mut self, resource: &dyn Resource) -> Reference {
        if !self.entries.is_empty() {
            self.entries.push(',');
        }
        entry(self.kind, resource, &mut self.entries)
    }

    /// The bundle, with `first` before everything that was added.
    ///
    /// # Panics
    /// If it has no entry: FHIR forbids empty lists.
    pub fn end(self, id: Id, at: Instant, first: Option<&dyn Resource>) -> String {
        assert!(first.is_some() || !self.entries.is_empty(), "a bundle holds something");
        let mut out = String::with_capacity(self.entries.len() + 4096);
        out.push_str("{\"resourceType\":\"Bundle\",\"id\":");
        id.put(&mut out);
        if self.kind == BundleType::Document {
            out.push_str(",\"identifier\":");
            Identifier { space: "document", value: &id.text() }.put(&mut out);
        }
        out.push_str(",\"type\":\"");
        out.push_str(match self.kind {
            BundleType::Document => "document",
            BundleType::Collection => "collection",
            BundleType::Transaction => "transaction",
        });
        out.push_str("\",\"timestamp\":");
        at.put(&mut out);
        out.push_str(",\"entry\":[");
        if let Some(first) = first {
            entry(self.kind, first, &mut out);
            if !self.entries.is_empty() {
                out.push(',');
            }
        }
        out.push_str(&self.entries);
        out.push_str("]}");
        out
    }
}

fn entry(kind: BundleType, resource: &dyn Resource, out: &mut String) -> Reference {
    let reference = resource.reference();
    out.push_str("{\"fullUrl\":\"");
    out.push_str(BASE);
    reference.write(out);
    out.push_str("\",\"resource\":");
    super::write(resource, out);
    if kind == BundleType::Transaction {
        out.push_str(",\"request\":{\"method\":\"PUT\",\"url\":\"");
        reference.write(out);
        out.push_str("\"}");
    }
    out.push('}');
    reference
}
