//! Consents and directives.
//!
//! `Consent.policyRule` says what holds in general and the provisions nested in the root are the exceptions; the root
//! itself takes no `type` in R4 ("not permitted in root rule, required in all nested rules"), which schema validators
//! do not notice. A consent of the ledger is an exception to "share nothing" (`OPTOUT`), a directive an exception to
//! what the patient has otherwise agreed to (`OPTIN`).

use super::codes::{self, ACT_CODE, ACT_REASON, CONFIDENTIALITY, RESOURCE_TYPES};
use super::{Coding, Id, Identifier, Kind, Period, Reference, Resource};
use crate::document::date::Instant;
use crate::document::json::{Object, Put, object};

/// To whom a consent or directive applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// An organisation or a person.
    One(Reference),
    /// Everybody who acts for an organisation of this role, a word; a group that is no resource of its own.
    Everyone(&'static str),
}

/// What it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Who may read.
    Privacy,
    /// To take part in a trial.
    Research,
}

/// `Consent`.
#[derive(Clone, Copy, Debug)]
pub struct Consent<'a> {
    /// Its id.
    pub id: Id,
    /// What it is about.
    pub scope: Scope,
    /// Whose records.
    pub patient: Reference,
    /// Where it was given.
    pub organisation: Reference,
    /// When.
    pub given: Instant,
    /// Permits, or forbids.
    pub permits: bool,
    /// Whether it is still in force: not withdrawn.
    pub active: bool,
    /// Whom it concerns.
    pub recipient: Recipient,
    /// From and until.
    pub period: Period,
    /// Purposes of use, v3 ActReason.
    pub purposes: &'a [&'static str],
    /// Types of resource.
    pub classes: &'a [Kind],
    /// Highest confidentiality covered, v3 Confidentiality.
    pub confidentiality_max: &'static str,
}

struct Provision<'a>(&'a Consent<'a>);

impl Put for Provision<'_> {
    fn put(&self, out: &mut String) {
        const ROLE: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
        let consent = self.0;
        let coded = |system: &'static str, code: &'static str| Coding { system, code, display: "" };
        object(out, |o| {
            o.put("type", if consent.permits { "permit" } else { "deny" }).put("period", consent.period);
            o.objects("actor", [consent.recipient], |recipient, o| {
                o.put("role", codes::concept(ROLE, "IRCP", "information recipient"));
                match recipient {
                    Recipient::One(who) => o.put("reference", who),
                    Recipient::Everyone(role) => o.object("reference", |o| {
                        o.put("type", "Group").put("identifier", Identifier { space: "role", value: role });
                    }),
                };
            });
            o.list("securityLabel", [coded(CONFIDENTIALITY, consent.confidentiality_max)]);
            o.list("purpose", consent.purposes.iter().map(|purpose| coded(ACT_REASON, purpose)));
            o.list("class", consent.classes.iter().map(|kind| coded(RESOURCE_TYPES, kind.name())));
        });
    }
}

impl Resource for Consent<'_> {
    fn kind(&self) -> Kind {
        Kind::Consent
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
        o.put("status", if self.active { "active" } else { "inactive" });
        let (code, display) = match self.scope {
            Scope::Privacy => ("patient-privacy", "Privacy Consent"),
            Scope::Research => ("research", "Research"),
        };
        o.put("scope", codes::concept(SCOPE, code, display));
        o.list("category", [super::Concept(codes::loinc("59284-0", "Consent Document"))]);
        o.put("patient", self.patient).put("dateTime", self.given).list("performer", [self.patient]);
        o.list("organization", [self.organisation]);
        let (code, display) = if self.permits { ("OPTOUT", "opt-out") } else { ("OPTIN", "opt-in") };
        o.put("policyRule", codes::concept(ACT_CODE, code, display));
        o.object("provision", |o| {
            o.list("provision", [Provision(self)]);
        });
    }
}
