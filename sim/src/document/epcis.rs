//! EPCIS 2.0 events in JSON-LD: what happened to serialised packs and the cases that they are in.
//!
//! Things and places are named by GS1 Digital Link URIs in their canonical form ([`key`]), business steps and
//! dispositions by CBV 2.0's bare words. An event's identity is its content: [`Event::id`] is the hash of CBV 2.0,
//! section 8.9 ([`hash`]), so that two partners who captured the same event know it.
//!
//! Invariant: what is written is already canonical (UTC, milliseconds, canonical URIs), so the hash needs no
//! normalisation of its own.

pub mod hash;
pub mod key;
pub mod specimen;

use super::date::{Date, Instant};
use super::json::{Object, Put, object};
use key::{Epc, Gln, Gtin, Sscc, lot_uri};

/// Where the JSON-LD context of EPCIS 2.0 is.
pub const CONTEXT: &str = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld";
/// Namespace of master data attributes in a pre-hash string.
pub const MASTER_DATA: &str = "urn:epcglobal:cbv:mda:";

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident => $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum $name { $($variant),* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// CBV 2.0's word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }
    };
}

words!(
    /// Business steps.
    BizStep {
        Commissioning => "commissioning",
        Packing => "packing",
        Unpacking => "unpacking",
        Shipping => "shipping",
        Receiving => "receiving",
        Inspecting => "inspecting",
        Dispensing => "dispensing",
        Stocking => "stocking",
        Holding => "holding",
        Destroying => "destroying",
        Decommissioning => "decommissioning",
    }
);

words!(
    /// Dispositions.
    Disposition {
        Active => "active",
        InProgress => "in_progress",
        InTransit => "in_transit",
        SellableAccessible => "sellable_accessible",
        Dispensed => "dispensed",
        Recalled => "recalled",
        Expired => "expired",
        Inactive => "inactive",
        Destroyed => "destroyed",
        NoPedigreeMatch => "no_pedigree_match",
        MismatchInstance => "mismatch_instance",
    }
);

/// Whether things begin to be, are seen, or cease to be (of an aggregation: to be together).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Action {
    Add,
    Observe,
    Delete,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Observe => "OBSERVE",
            Self::Delete => "DELETE",
        }
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// `ObjectEvent`: things; must not be empty, and none twice.
    Objects(&'a [Epc<'a>]),
    /// `ObjectEvent`: a lot of a trade item, whichever of its packs there are. The lot is percent-encoded where a URI
    /// needs it.
    Lot(Gtin, &'a str),
    /// `AggregationEvent`: a container and what is in it.
    Aggregation {
        /// The container.
        parent: Sscc,
        /// Its content; must not be empty, and none twice.
        children: &'a [Epc<'a>],
    },
}

/// How packs were made: instance and lot master data, given at commissioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made<'a> {
    /// Lot; must not be empty.
    pub lot: &'a str,
    /// First day on which they may no longer be used.
    pub expiry: Date,
}

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// When it happened.
    pub at: Instant,
    /// To what.
    pub what: What<'a>,
    /// How.
    pub action: Action,
    /// In which step of business.
    pub step: BizStep,
    /// In which state things are afterwards.
    pub disposition: Disposition,
    /// Where.
    pub place: Gln,
    /// From whom to whom, where things change hands.
    pub parties: Option<(Gln, Gln)>,
    /// At commissioning.
    pub made: Option<Made<'a>>,
}

impl Event<'_> {
    pub(super) fn kind(&self) -> &'static str {
        match self.what {
            What::Objects(_) | What::Lot(..) => "ObjectEvent",
            What::Aggregation { .. } => "AggregationEvent",
        }
    }

    /// The event's identity.
    pub fn id(&self) -> String {
        hash::id(self)
    }
}

impl Put for Event<'_> {
    fn put(&self, out: &mut String) {
        object(out, |o| {
            o.put("type", self.kind()).put("eventID", self.id());
            o.put("eventTime", self.at).put("eventTimeZoneOffset", "+00:00");
            match self.what {
                What::Objects(things) => o.list("epcList", things.iter().copied()),
                What::Lot(gtin, lot) => o.objects("quantityList", [lot_uri(gtin, lot)], |class, o| {
                    o.put("epcClass", class);
                }),
                What::Aggregation { parent, children } => {
                    o.put("parentID", Epc::Sscc(parent)).list("childEPCs", children.iter().copied())
                }
            };
            o.put("action", self.action.word()).put("bizStep", self.step.word());
            o.put("disposition", self.disposition.word());
            let place = |o: &mut Object<'_>| {
                o.put("id", self.place);
            };
            o.object("readPoint", place).object("bizLocation", place);
            if let Some((source, destination)) = self.parties {
                party(o, "sourceList", "source", source);
                party(o, "destinationList", "destination", destination);
            }
            if let Some(made) = self.made {
                o.object("ilmd", |o| {
                    o.put("cbvmda:lotNumber", made.lot).put("cbvmda:itemExpirationDate", made.expiry);
                });
            }
        });
    }
}

fn party(o: &mut Object<'_>, list: &str, key: &str, gln: Gln) {
    o.objects(list, [gln], |gln, o| {
        o.put("type", "owning_party").put(key, gln.party());
    });
}

/// A document in the making: events are appended one by one.
#[derive(Debug)]
pub struct Document {
    text: String,
    events: usize,
}

impl Document {
    /// Without events.
    pub fn begin(created: Instant) -> Self {
        let mut text = String::from("{\"@context\":[");
        CONTEXT.put(&mut text);
        text.push_str(",{\"cbvmda\":\"");
        text.push_str(MASTER_DATA);
        text.push_str("\"}],\"type\":\"EPCISDocument\",\"schemaVersion\":\"2.0\",\"creationDate\":");
        created.put(&mut text);
        text.push_str(",\"epcisBody\":{\"eventList\":[");
        Self { text, events: 0 }
    }

    /// Adds an event.
    pub fn add(&mut self, event: &Event<'_>) {
        let mut text = String::new();
        event.put(&mut text);
        self.add_written(&text);
    }

    /// Adds an event that is written already.
    pub fn add_written(&mut self, event: &str) {
        if self.events > 0 {
            self.text.push(',');
        }
        self.events += 1;
        self.text.push_str(event);
    }

    /// How many events.
    pub fn events(&self) -> usize {
        self.events
    }

    /// The document.
    pub fn end(mut self) -> String {
        self.text.push_str("]}}");
        self.text
    }
}

#[cfg(test)]
mod tests;
