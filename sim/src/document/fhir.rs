//! FHIR R4 (4.0.1) in JSON: builders, one file for each family of resources.
//!
//! A builder is a struct of what a workload knows ([`Resource`] writes it); what the standard wants beside that is
//! filled in here, always the same. Nothing is drawn: whoever builds decides every value, so that same seed, same text.
//!
//! Invariants:
//! * people are pseudonyms: an [`Id`] and a year of birth, no name, no address;
//! * decimals are integers with a scale, and nothing empty is written;
//! * references are relative and every entry of a [`bundle`] has the address at which they resolve
//!   (R4, 2.36.4: resolving references in bundles).
//!
//! Codes are those of [`codes`], with their sources.

pub mod audit;
pub mod bundle;
pub mod claim;
pub mod codes;
pub mod composition;
pub mod consent;
pub mod coverage;
pub mod device;
pub mod document_reference;
pub mod encounter;
pub mod medication;
pub mod observation;
pub mod party;
pub mod provenance;
pub mod report;
pub mod research;
pub mod risk;
pub mod specimen;

use super::date::Instant;
use super::json::{Decimal, Object, Put, object};
use crate::seed::{Seed, Stream};
use ledger_core::ledger::transaction::PartyId;
use ledger_core::seal::{Pseudonym, VaultSecret};

/// Where resources would be served; `.example` belongs to nobody (RFC 2606).
pub const BASE: &str = "https://fhir.amanah.example/";
/// Namespace of our identifiers.
pub const IDENTIFIERS: &str = "https://fhir.amanah.example/id/";

/// A resource's logical id: a UUID of version 8 (RFC 9562), derived or drawn, never random.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u128);

impl Id {
    /// From 128 bits, of which six are given up for version and variant.
    pub const fn new(bits: u128) -> Self {
        let version = bits & !(0xf << 76) | 8 << 76;
        Self(version & !(0b11 << 62) | 0b10 << 62)
    }

    /// Derived: what is named by `what` and `parts` in the run of a seed.
    pub fn named(seed: &Seed, what: &str, parts: [u64; 2]) -> Self {
        let bytes = seed.bytes32(&format!("fhir/{what}/{}/{}", parts[0], parts[1]));
        let (head, _) = bytes.split_first_chunk::<16>().expect("32 bytes hold 16");
        Self::new(u128::from_le_bytes(*head))
    }

    /// Drawn.
    pub fn drawn(stream: &mut Stream) -> Self {
        Self::new(u128::from(stream.bits()) << 64 | u128::from(stream.bits()))
    }

    /// As text, without quotes.
    pub fn write(self, out: &mut String) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for nibble in 0..32 {
            if matches!(nibble, 8 | 12 | 16 | 20) {
                out.push('-');
            }
            let value = self.0 >> (124 - 4 * nibble) & 0xf;
            out.push(char::from(DIGITS[value as usize]));
        }
    }

    /// As text.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(36);
        self.write(&mut text);
        text
    }
}

impl Put for Id {
    fn put(&self, out: &mut String) {
        out.push('"');
        self.write(out);
        out.push('"');
    }
}

/// Who is who in documents. Patients' pseudonyms differ per organisation.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a>(pub &'a Seed);

impl Names<'_> {
    /// A patient as an organisation calls it, whose gateway has its number.
    pub fn patient(self, organisation: PartyId, patient: PartyId) -> Reference {
        let secret = VaultSecret::new(self.0.gateway_secret(organisation.0));
        Reference { kind: Kind::Patient, id: Id::new(Pseudonym::of(&secret, patient.0).0) }
    }

    /// An organisation.
    pub fn organisation(self, organisation: PartyId) -> Reference {
        Reference {
            kind: Kind::Organization,
            id: Id::named(self.0, "organisation", [u64::from(organisation.0), 0]),
        }
    }

    /// The n-th member of an organisation's staff.
    pub fn member(self, organisation: PartyId, n: u64) -> Reference {
        let id = Id::named(self.0, "member", [u64::from(organisation.0), n]);
        Reference { kind: Kind::Practitioner, id }
    }
}

macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        /// Types of resource that are built here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs)]
        pub enum Kind { $($kind),* }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// As FHIR calls it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind)),* }
            }
        }
    };
}

kinds!(
    AuditEvent,
    Binary,
    Bundle,
    Claim,
    ClaimResponse,
    Composition,
    Consent,
    Coverage,
    CoverageEligibilityRequest,
    CoverageEligibilityResponse,
    Device,
    DiagnosticReport,
    DocumentReference,
    Encounter,
    MedicationDispense,
    MedicationRequest,
    Observation,
    Organization,
    Patient,
    Practitioner,
    Provenance,
    ResearchStudy,
    ResearchSubject,
    RiskAssessment,
);

/// A resource that is named, not contained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Its type.
    pub kind: Kind,
    /// Which.
    pub id: Id,
}

impl Reference {
    /// `Type/id`, without quotes.
    pub fn write(self, out: &mut String) {
        out.push_str(self.kind.name());
        out.push('/');
        self.id.write(out);
    }

    /// `Type/id`.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(64);
        self.write(&mut text);
        text
    }
}

impl Put for Reference {
    fn put(&self, out: &mut String) {
        out.push_str("{\"reference\":\"");
        self.write(out);
        out.push_str("\"}");
    }
}

/// A code of a code system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    /// Address of the code system.
    pub system: &'static str,
    /// The code.
    pub code: &'static str,
    /// For people.
    pub display: &'static str,
}

impl Put for Coding {
    fn put(&self, out: &mut String) {
        object(out, |o| {
            o.text("system", self.system).text("code", self.code).text("display", self.display);
        });
    }
}

/// A concept with one coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concept(pub Coding);

impl Put for Concept {
    fn put(&self, out: &mut String) {
        object(out, |o| {
            o.list("coding", [self.0]);
        });
    }
}

/// An amount with its UCUM unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// How much.
    pub value: Decimal,
    /// For people.
    pub unit: &'static str,
    /// The unit's UCUM code.
    pub ucum: &'static str,
}

impl Put for Quantity {
    fn put(&self, out: &mut String) {
        object(out, |o| {
            o.put("value", self.value);
            o.put("unit", self.unit).put("system", codes::UCUM).put("code", self.ucum);
        });
    }
}

/// From and until.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// First instant.
    pub start: Instant,
    /// Last instant; `None` while it goes on.
    pub end: Option<Instant>,
}

impl Put for Period {
    fn put(&self, out: &mut String) {
        object(out, |o| {
            o.put("start", self.start).maybe("end", self.end);
        });
    }
}

/// An amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// In hundredths.
    pub cents: u64,
    /// ISO 4217.
    pub currency: &'static str,
}

impl Put for Money {
    fn put(&self, out: &mut String) {
        object(out, |o| {
            o.put("value", Decimal::hundredths(self.cents as i64)).put("currency", self.currency);
        });
    }
}

/// A business identifier in a namespace of ours.
#[derive(Clone, Copy, Debug)]
pub struct Identifier<'a> {
    /// What is appended to [`IDENTIFIERS`].
    pub space: &'a str,
    /// Value; must not be empty.
    pub value: &'a str,
}

impl Put for Identifier<'_> {
    fn put(&self, out: &mut String) {
        object(out, |o| {
            let system = o.key("system");
            system.push('"');
            system.push_str(IDENTIFIERS);
            system.push_str(self.space);
            system.push('"');
            o.put("value", self.value);
        });
    }
}

/// A paragraph for people, written as the generated narrative of a resource. Holds text, no markup.
pub(super) fn narrative(o: &mut Object<'_>, text: &str) {
    if text.is_empty() {
        return;
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    o.object("text", |o| {
        o.put("status", "generated");
        o.put("div", format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>{escaped}</p></div>"));
    });
}

/// Something that can be written as a resource.
pub trait Resource {
    /// Its type.
    fn kind(&self) -> Kind;
    /// Its logical id.
    fn id(&self) -> Id;
    /// Everything but type and id.
    fn body(&self, o: &mut Object<'_>);

    /// What others call it by.
    fn reference(&self) -> Reference {
        Reference { kind: self.kind(), id: self.id() }
    }
}

/// Appends a resource.
pub fn write(resource: &dyn Resource, out: &mut String) {
    object(out, |o| {
        o.put("resourceType", resource.kind().name()).put("id", resource.id());
        resource.body(o);
    });
}

/// A resource as text.
pub fn text(resource: &dyn Resource) -> String {
    let mut out = String::with_capacity(2048);
    write(resource, &mut out);
    out
}

#[cfg(test)]
mod tests;
