//! Access decisions and the permits they leave.
//!
//! The order is credential (checked before any action), deny directive, explicit permit, default deny; break-glass
//! stands outside consent and is closed by a review. Every decision about a patient's record, permitted or refused,
//! takes the next value of the patient's counter.
//!
//! A consent is judged by grantee, withdrawal, validity, label and purpose, in this order. Where the request names no
//! consent, the newest that permits is relied on; if none does, the refusal is that of the consent that got furthest,
//! and `NoConsent` where none is for this reader.

use super::account::Ground;
use super::consent::Consent;
use super::transaction::{
    AccessDecision, AccessId, Answer, ConsentId, Outcome, PartyId, Purpose, RecordId, Refusal, Role,
};
use super::{Actor, Ledger, LedgerBug, Record};
use crate::crypto::Digest;
use crate::time::{Duration, Timestamp};
use borsh::{BorshDeserialize, BorshSerialize};

/// For how long a deliberate mistake about the age of a consent lasts.
const BUG_SPAN: Duration = Duration::from_millis(1_500);

/// A decision that permitted.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Access {
    /// What may be read.
    pub record: RecordId,
    /// Who may read.
    pub actor: PartyId,
    /// For whom.
    pub organisation: PartyId,
    /// Why; BTG if the glass was broken.
    pub purpose: Purpose,
    /// The consent relied on; none for the patient's own reading and for break-glass.
    pub consent: Option<ConsentId>,
    /// Decided at.
    pub from: Timestamp,
    /// Permit in force until (exclusive), unless revoked before.
    pub until: Timestamp,
    /// The patient's access counter of this decision.
    pub counter: u64,
    /// Of break-glass.
    pub review: Review,
}

/// Where the review of an access stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Review {
    /// Permitted by consent, or the patient's own.
    NotNeeded,
    /// Break-glass, not reviewed; overdue once the policy's review window has passed, and for good.
    Pending,
    /// Reviewed and found right.
    Justified,
    /// Reviewed and found wrong.
    Unjustified,
}

/// What a permit is worth now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum PermitStatus {
    /// The key may be released.
    InForce {
        /// What may be read.
        record: RecordId,
        /// Who may read.
        actor: PartyId,
        /// For whom.
        organisation: PartyId,
    },
    /// Its consent was withdrawn, a directive forbids it, a credential it needs is no longer in force, or the record's
    /// key is shredded.
    Revoked,
    /// Its time is over.
    Expired,
    /// No such decision.
    Unknown,
}

impl Ledger {
    /// What a permit is worth at `now`, given everything committed so far.
    pub fn permit_status(&self, id: AccessId, now: Timestamp) -> PermitStatus {
        let Some(access) = self.access(id) else { return PermitStatus::Unknown };
        if now >= access.until {
            return PermitStatus::Expired;
        }
        let Some(record) = self.record(access.record) else { return PermitStatus::Unknown };
        if record.shredded_at.is_some() {
            return PermitStatus::Revoked;
        }
        let in_force = |party| self.party(party).is_some_and(|party| party.credential.is_in_force(now));
        let actor = self.actor(now, access.actor, access.organisation).filter(|_| in_force(access.actor));
        let Some(actor) = actor else { return PermitStatus::Revoked };
        let own = actor.id == record.patient && access.purpose == Purpose::PATRQT;
        let withdrawn = access.consent.and_then(|consent| self.consent(consent)).is_some_and(|consent| {
            consent.revoked_at.is_some() && !self.has_bug(LedgerBug::IgnoreRevocation)
        });
        if withdrawn || (!own && self.denied_by(now, &actor, record, access.purpose).is_some()) {
            return PermitStatus::Revoked;
        }
        let Access { record, actor, organisation, .. } = *access;
        PermitStatus::InForce { record, actor, organisation }
    }

    /// Whether a break-glass access was not reviewed in time.
    pub fn is_review_overdue(&self, id: AccessId, now: Timestamp) -> bool {
        self.access(id).is_some_and(|access| {
            access.review == Review::Pending && now > access.from + self.policy.review_window()
        })
    }

    /// Decides on a request. Refusals, in order: `UnknownRecord` (no decision: there is no patient to count for),
    /// `KeyShredded`, `UnknownPurpose`, `DeniedByDirective`, then those of the consents.
    pub(super) fn request_access(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        (id, purpose, named): (RecordId, Purpose, Option<ConsentId>),
    ) -> Answer {
        let Some(record) = self.record(id) else { return Answer::refused(Refusal::UnknownRecord) };
        let (patient, holding) = (record.patient, (record.commitment, record.custodian));
        let until = now + self.policy.permit_window();
        let (ground, permit) = if record.shredded_at.is_some() {
            (Ground::KeyShredded, Err(Refusal::KeyShredded))
        } else if actor.id == patient && purpose == Purpose::PATRQT {
            (Ground::Own, Ok((None, until)))
        } else if !purpose.is_known() {
            (Ground::UnknownPurpose, Err(Refusal::UnknownPurpose))
        } else if let Some(directive) = self.denied_by(now, actor, record, purpose) {
            (Ground::Directive(directive), Err(Refusal::DeniedByDirective))
        } else {
            match self.relied_on(now, actor, record, purpose, named) {
                Ok((id, consent)) => (Ground::Consent(id), Ok((Some(id), until.min(self.end_of(consent))))),
                Err((refusal, nearest)) => (Ground::NoConsent(nearest), Err(refusal)),
            }
        };
        self.account_for_access(now, actor, (id, purpose), ground);
        self.decided(patient, permit, |ledger, counter, (consent, until)| {
            let (actor, organisation) = (actor.id, actor.organisation);
            let review = Review::NotNeeded;
            let access = Access {
                record: id,
                actor,
                organisation,
                purpose,
                consent,
                from: now,
                until,
                counter,
                review,
            };
            ledger.push_access(access, holding)
        })
    }

    /// Decides on an emergency. Refusals, in order: `RoleNotAllowed`, `UnknownRecord` (neither is a decision),
    /// `KeyShredded`, `ReasonMissing`, `WindowTooLong` (also for none), `DeniedByDirective` (one that names BTG).
    pub(super) fn break_glass(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        (id, reason, window_ns): (RecordId, Digest, u64),
    ) -> Answer {
        let Some(record) = self.record(id) else { return Answer::refused(Refusal::UnknownRecord) };
        let (patient, holding) = (record.patient, (record.commitment, record.custodian));
        let (ground, permit) = if record.shredded_at.is_some() {
            (Ground::KeyShredded, Err(Refusal::KeyShredded))
        } else if reason == Digest::default() {
            (Ground::BadEmergency, Err(Refusal::ReasonMissing))
        } else if window_ns == 0 || window_ns > self.policy.break_glass_window_ns_max {
            (Ground::BadEmergency, Err(Refusal::WindowTooLong))
        } else if let Some(directive) = self.denied_by(now, actor, record, Purpose::BTG) {
            (Ground::Directive(directive), Err(Refusal::DeniedByDirective))
        } else {
            (Ground::Emergency, Ok(now + Duration::from_nanos(window_ns)))
        };
        self.account_for_access(now, actor, (id, Purpose::BTG), ground);
        self.decided(patient, permit, |ledger, counter, until| {
            let access = Access {
                record: id,
                actor: actor.id,
                organisation: actor.organisation,
                purpose: Purpose::BTG,
                consent: None,
                from: now,
                until,
                counter,
                review: Review::Pending,
            };
            ledger.push_access(access, holding)
        })
    }

    /// Refusals, in order: no such break-glass access, not its custodian's staff, the reader themself, reviewed
    /// before, too late. What is too late stays `Pending`, and so stays visible as overdue.
    pub(super) fn review_break_glass(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: AccessId,
        justified: bool,
    ) -> Result<Outcome, Refusal> {
        let access = self.access(id).filter(|access| access.review != Review::NotNeeded);
        let access = access.ok_or(Refusal::UnknownAccess)?;
        let custodian = self.record(access.record).map(|record| record.custodian);
        if custodian != Some(actor.organisation) {
            return Err(Refusal::NotCustodian);
        }
        if access.actor == actor.id {
            return Err(Refusal::RoleNotAllowed);
        }
        if access.review != Review::Pending {
            return Err(Refusal::AlreadyReviewed);
        }
        if self.is_review_overdue(id, now) {
            return Err(Refusal::ReviewOverdue);
        }
        if let Some(access) = self.accesses.get_mut(id.0) {
            access.review = if justified { Review::Justified } else { Review::Unjustified };
        }
        Ok(Outcome::Reviewed(id))
    }

    /// Counts a decision for the patient, and records its permit.
    fn decided<P>(
        &mut self,
        patient: PartyId,
        permit: Result<P, Refusal>,
        record: impl FnOnce(&mut Self, u64, P) -> Outcome,
    ) -> Answer {
        let forgotten = permit.is_err() && self.has_bug(LedgerBug::ForgetRefusals);
        let counter = match forgotten {
            true => self.decisions.get(patient.0).copied(),
            false => self.count_decision(patient),
        };
        let Some(counter) = counter else {
            return Answer::refused(Refusal::UnknownRecord);
        };
        let outcome = match permit {
            Ok(permit) => record(self, counter, permit),
            Err(refusal) => Outcome::Refused(refusal),
        };
        Answer { outcome, decision: Some(AccessDecision { patient, counter }), alert: None }
    }

    /// The next value of the patient's counter.
    pub(super) fn count_decision(&mut self, patient: PartyId) -> Option<u64> {
        let decisions = self.decisions.get_mut(patient.0)?;
        *decisions = decisions.saturating_add(1);
        Some(*decisions)
    }

    fn push_access(&mut self, access: Access, (commitment, custodian): (Digest, PartyId)) -> Outcome {
        let Access { until, record, .. } = access;
        let id = self.accesses.push(access).expect("2^32 accesses outlast memory");
        Outcome::Permitted { access: AccessId(id), until, record, commitment, custodian }
    }

    /// The newest directive that forbids it.
    fn denied_by(
        &self,
        now: Timestamp,
        actor: &Actor,
        record: &Record,
        purpose: Purpose,
    ) -> Option<ConsentId> {
        let mut directives = self.directives_of(record.patient);
        let denying = directives.find(|(_, directive)| {
            directive.revoked_at.is_none()
                && directive.is_timely(now)
                && directive.is_for(actor)
                && directive.covers(record)
                && directive.purposes.covers(purpose)
        });
        denying.map(|(id, _)| id)
    }

    /// The consent that permits, or the refusal of the nearest miss, and which that was.
    fn relied_on(
        &self,
        now: Timestamp,
        actor: &Actor,
        record: &Record,
        purpose: Purpose,
        named: Option<ConsentId>,
    ) -> Result<(ConsentId, &Consent), (Refusal, Option<ConsentId>)> {
        if let Some(id) = named {
            let consent = self.consent(id).ok_or((Refusal::UnknownConsent, None))?;
            if self.has_bug(LedgerBug::LateGrants) && now < consent.from + BUG_SPAN {
                return Err((Refusal::UnknownConsent, None));
            }
            if consent.patient != record.patient || consent.denies {
                return Err((Refusal::NoConsent, Some(id)));
            }
            let judged = self.judge(now, actor, record, purpose, consent);
            return judged.map(|()| (id, consent)).map_err(|refusal| (refusal, Some(id)));
        }
        let mut nearest = (Refusal::NoConsent, None);
        for (id, consent) in self.consents_of(record.patient).filter(|(_, consent)| !consent.denies) {
            match self.judge(now, actor, record, purpose, consent) {
                Ok(()) => return Ok((id, consent)),
                Err(refusal) if progress(refusal) > progress(nearest.0) => nearest = (refusal, Some(id)),
                Err(_) => {}
            }
        }
        Err(nearest)
    }

    fn judge(
        &self,
        now: Timestamp,
        actor: &Actor,
        record: &Record,
        purpose: Purpose,
        consent: &Consent,
    ) -> Result<(), Refusal> {
        if !consent.is_for(actor) {
            return Err(Refusal::NoConsent);
        }
        let stale = |at: Timestamp| self.has_bug(LedgerBug::AcceptStaleConsent) && now < at + BUG_SPAN;
        let revoked = consent.revoked_at.filter(|at| !stale(*at));
        if revoked.is_some() && !self.has_bug(LedgerBug::IgnoreRevocation) {
            return Err(Refusal::ConsentRevoked);
        }
        if !consent.is_timely(now) && !self.has_bug(LedgerBug::IgnoreExpiry) {
            return Err(Refusal::ConsentExpired);
        }
        if !consent.covers(record) {
            return Err(Refusal::LabelNotCovered);
        }
        if !consent.purposes.covers(purpose) {
            return Err(Refusal::PurposeMismatch);
        }
        Ok(())
    }

    fn end_of(&self, consent: &Consent) -> Timestamp {
        if self.has_bug(LedgerBug::IgnoreExpiry) { Timestamp::MAX } else { consent.until }
    }

    /// Who may break the glass: a clinician of a hospital, for the hospital.
    pub(super) fn may_break_glass(actor: &Actor) -> bool {
        actor.role == Role::Clinician && actor.organisation_role == Role::Hospital
    }
}

/// How far a consent got in [`Ledger::judge`].
fn progress(refusal: Refusal) -> usize {
    const STAGES: [Refusal; 5] = [
        Refusal::NoConsent,
        Refusal::ConsentRevoked,
        Refusal::ConsentExpired,
        Refusal::LabelNotCovered,
        Refusal::PurposeMismatch,
    ];
    STAGES.iter().position(|stage| *stage == refusal).unwrap_or(0)
}
