//! Who pays, and whether.

use super::{Id, Identifier, Kind, Period, Reference, Resource, codes};
use crate::document::date::Instant;
use crate::document::json::Object;

/// `Coverage`.
#[derive(Clone, Copy, Debug)]
pub struct Coverage<'a> {
    /// Its id.
    pub id: Id,
    /// Number of the policy; must not be empty.
    pub policy: &'a str,
    /// Who is covered.
    pub patient: Reference,
    /// By whom.
    pub insurer: Reference,
    /// From and until.
    pub period: Period,
    /// Whether it is in force.
    pub active: bool,
}

impl Resource for Coverage<'_> {
    fn kind(&self) -> Kind {
        Kind::Coverage
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        const RELATION: &str = "http://terminology.hl7.org/CodeSystem/subscriber-relationship";
        o.list("identifier", [Identifier { space: "policy", value: self.policy }]);
        o.put("status", if self.active { "active" } else { "cancelled" });
        o.put("type", codes::concept(codes::ACT_CODE, "EHCPOL", "extended healthcare"));
        o.put("subscriberId", self.policy).put("beneficiary", self.patient);
        o.put("relationship", codes::concept(RELATION, "self", "Self"));
        o.put("period", self.period).list("payor", [self.insurer]);
    }
}

/// `CoverageEligibilityRequest`.
#[derive(Clone, Copy, Debug)]
pub struct CoverageEligibilityRequest {
    /// Its id.
    pub id: Id,
    /// For whom.
    pub patient: Reference,
    /// When it was asked.
    pub created: Instant,
    /// Who asks.
    pub provider: Reference,
    /// Who is asked.
    pub insurer: Reference,
    /// About which coverage, where that is known.
    pub coverage: Option<Reference>,
}

impl Resource for CoverageEligibilityRequest {
    fn kind(&self) -> Kind {
        Kind::CoverageEligibilityRequest
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.put("status", "active").list("purpose", ["validation"]).put("patient", self.patient);
        o.put("servicedDate", self.created.date()).put("created", self.created);
        o.put("provider", self.provider).put("insurer", self.insurer);
        o.objects("insurance", self.coverage, |coverage, o| {
            o.put("focal", true).put("coverage", coverage);
        });
    }
}

/// `CoverageEligibilityResponse`.
#[derive(Clone, Copy, Debug)]
pub struct CoverageEligibilityResponse {
    /// Its id.
    pub id: Id,
    /// For whom.
    pub patient: Reference,
    /// When it was answered.
    pub created: Instant,
    /// What was asked.
    pub request: Reference,
    /// Who answers.
    pub insurer: Reference,
    /// About which coverage, where that is known.
    pub coverage: Option<Reference>,
    /// Whether it is in force.
    pub in_force: bool,
}

impl Resource for CoverageEligibilityResponse {
    fn kind(&self) -> Kind {
        Kind::CoverageEligibilityResponse
    }

    fn id(&self) -> Id {
        self.id
    }

    fn body(&self, o: &mut Object<'_>) {
        o.put("status", "active").list("purpose", ["validation"]).put("patient", self.patient);
        o.put("created", self.created).put("request", self.request).put("outcome", "complete");
        o.put("insurer", self.insurer);
        o.objects("insurance", self.coverage, |coverage, o| {
            o.put("coverage", coverage).put("inforce", self.in_force);
        });
    }
}
