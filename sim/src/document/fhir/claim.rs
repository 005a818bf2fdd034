//! Claims and how they are adjudicated.

use super::{Coding, Concept, IDENTIFIERS, Id, Kind, Money, Reference, Resource, codes};
use crate::document::date::Instant;
use crate::document::json::{Object, Put, object};

const CLAIM_TYPE: Concept =
    codes::concept("http://terminology.hl7.org/CodeSystem/claim-type", "professional", "Professional");

/// What was done.
#[derive(Clone, Copy, Debug)]
pub enum Service<'a> {
    /// A code of a published code system.
    Coded(Coding),
    /// A code of the consortium's own, for a group of services; must not be empty.
    Group(&'a str),
}

impl Put for Service<'_> {
    fn put(&self, out: &mut String) {
        match self {
            Self::Coded(coding) => Concept(*coding).put(out),
            Self::Group(code) => object(out, |o| {
                o.objects("coding", [code], |code, o| {
                    o.put("system", format!("{IDENTIFIERS}service-group")).put("code", code);
                });
            }),
        }
    }
}

/// A line of a claim.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// What was done.
    pub service: Service<'a>,
    /// Its price.
    pub price: Money,
}

/// `Claim`.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Its id.
    pub id: Id,
    /// For whom.
    pub patient: Reference,
    /// When it was made.
    pub created: Instant,
    /// Who claims.
    pub provider: Reference,
    /// Of whom.
    pub insurer: Reference,
    /// Under which coverage.
    pub coverage: Reference,
    /// For which visit: an `Encounter`, or the record of one.
    pub encounter: Reference,
    /// Why, where that is known.
    pub diagnosis: Option<Coding>,
    /// What was done; must not be empty.
    pub items: &'a [Item<'a>],
}

impl Resource for Claim<'_> {
    fn kind(&self) -> Kind {
        Kind::Claim
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const INFORMATION: &str = "http://terminology.hl7.org/CodeSystem/claiminformationcategory";
        const PRIORITY: &str = "http://terminology.hl7.org/CodeSystem/processpriority";
        o.put("status", "active").put("type", CLAIM_TYPE).put("use", "claim").put("patient", self.patient);
        o.put("created", self.created).put("insurer", self.insurer).put("provider", self.provider);
        o.put("priority", codes::concept(PRIORITY, "normal", "Normal"));
        if self.encounter.kind != Kind::Encounter {
            o.objects("supportingInfo", [self.encounter], |record, o| {
                o.put("sequence", 1u64)
                    .put("category", codes::concept(INFORMATION, "attachment", "Attachment"));
                o.put("valueReference", record);
            });
        }
        o.objects("diagnosis", self.diagnosis, |diagnosis, o| {
            o.put("sequence", 1u64).put("diagnosisCodeableConcept", Concept(diagnosis));
        });
        o.objects("insurance", [self.coverage], |coverage, o| {
            o.put("sequence", 1u64).put("focal", true).put("coverage", coverage);
        });
        o.objects("item", (1u64..).zip(self.items), |(sequence, item), o| {
            o.put("sequence", sequence).put("productOrService", item.service);
            o.put("unitPrice", item.price).put("net", item.price);
            o.list("encounter", Some(self.encounter).filter(|visit| visit.kind == Kind::Encounter));
        });
        if let Some(first) = self.items.first() {
            let cents = self.items.iter().map(|item| item.price.cents).sum();
            o.put("total", Money { cents, ..first.price });
        }
    }
}

/// `ClaimResponse`.
#[derive(Clone, Copy, Debug)]
pub struct ClaimResponse<'a> {
    /// Its id.
    pub id: Id,
    /// For whom.
    pub patient: Reference,
    /// When it was decided.
    pub created: Instant,
    /// By whom.
    pub insurer: Reference,
    /// Who claimed.
    pub provider: Reference,
    /// What.
    pub claim: Reference,
    /// What is paid of each of its items, in order.
    pub benefits: &'a [Money],
    /// In words; may be empty.
    pub disposition: &'a str,
}

/// A category of adjudication.
fn category(code: &'static str, display: &'static str) -> Concept {
    codes::concept("http://terminology.hl7.org/CodeSystem/adjudication", code, display)
}

fn amount(o: &mut Object<'_>, amount: impl Put) {
    o.put("category", category("benefit", "Benefit Amount")).put("amount", amount);
}

impl Resource for ClaimResponse<'_> {
    fn kind(&self) -> Kind {
        Kind::ClaimResponse
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.put("status", "active").put("type", CLAIM_TYPE).put("use", "claim").put("patient", self.patient);
        o.put("created", self.created).put("insurer", self.insurer).put("requestor", self.provider);
        o.put("request", self.claim).put("outcome", "complete").text("disposition", self.disposition);
        o.objects("item", (1u64..).zip(self.benefits), |(sequence, benefit), o| {
            o.put("itemSequence", sequence);
            o.objects("adjudication", [*benefit], |benefit, o| amount(o, benefit));
        });
        if let Some(first) = self.benefits.first() {
            let cents = self.benefits.iter().map(|benefit| benefit.cents).sum();
            o.objects("total", [Money { cents, ..*first }], |total, o| amount(o, total));
        }
    }
}
