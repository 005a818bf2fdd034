//! Authority in a patient's stead.
//!
//! A patient names a guardian, or a regulator does for a minor; a guardian may name another, for no more than it holds.
//! A delegation leans on the one its delegator held, so a guardian's authority is what *every* link above still gives:
//! a link that has run out, or whose holder has lost its credential, ends all below it.
//!
//! Invariants: for one patient there is at most one delegation by each delegator to each delegate (who delegates again
//! replaces it); who delegates to whom has no cycle, whether in force or not.

use super::consent::{ClassSet, Consent, PurposeSet};
use super::transaction::{
    Confidentiality, DelegatedScope, DelegationId, Outcome, PartyId, Refusal, Role, Sensitivities,
};
use super::{Actor, Ledger, Record};
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most delegations over one patient, ended ones included: they are walked whenever somebody acts in the patient's
/// stead. Beyond, `TooManyDelegations`.
pub const DELEGATIONS_PER_PATIENT_MAX: u32 = 32;

/// What of a patient's records somebody may decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Reach {
    /// Which classes of record.
    pub classes: ClassSet,
    /// Up to which confidentiality.
    pub confidentiality_max: Confidentiality,
    /// Which sensitive matters.
    pub sensitivities: Sensitivities,
    /// For which purposes, each with what it subsumes.
    pub purposes: PurposeSet,
}

impl Reach {
    /// `EmptyScope` without class or purpose, `UnknownPurpose` for one outside the tree.
    fn new(scope: &DelegatedScope) -> Result<Self, Refusal> {
        if scope.classes.is_empty() || scope.purposes.is_empty() {
            return Err(Refusal::EmptyScope);
        }
        Ok(Self {
            classes: ClassSet::new(&scope.classes),
            confidentiality_max: scope.confidentiality_max,
            sensitivities: scope.sensitivities,
            purposes: PurposeSet::new(&scope.purposes).ok_or(Refusal::UnknownPurpose)?,
        })
    }

    fn of(consent: &Consent) -> Self {
        let Consent { classes, confidentiality_max, sensitivities, purposes, .. } = *consent;
        Self { classes, confidentiality_max, sensitivities, purposes }
    }

    fn contains(&self, other: &Self) -> bool {
        self.classes.contains_all(other.classes)
            && other.confidentiality_max <= self.confidentiality_max
            && other.sensitivities.0 & !self.sensitivities.0 == 0
            && other.purposes.iter().all(|purpose| self.purposes.covers(purpose))
    }

    fn covers(&self, record: &Record) -> bool {
        self.classes.contains(record.class)
            && record.label.confidentiality <= self.confidentiality_max
            && record.label.sensitivities.0 & !self.sensitivities.0 == 0
    }

    pub(super) fn is_canonical(&self) -> bool {
        self.classes.is_canonical() && self.purposes.is_canonical()
    }
}

/// One link of authority over a patient's records.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Delegation {
    /// Whose records.
    pub patient: PartyId,
    /// Who gave it: the patient, a regulator, or a delegate.
    pub delegator: PartyId,
    /// Who holds it.
    pub delegate: PartyId,
    /// The delegation that the delegator relied on; none for the patient and a regulator.
    pub parent: Option<DelegationId>,
    /// What about.
    pub reach: Reach,
    /// In force until (exclusive).
    pub until: Timestamp,
    /// Commitment to what proves it, such as a court's order.
    pub evidence: Digest,
    /// Where the patient is a minor: when that ends, and the delegation with it.
    pub minor_until: Option<Timestamp>,
}

impl Delegation {
    /// When it is over (exclusive).
    pub fn end(&self) -> Timestamp {
        self.minor_until.map_or(self.until, |minor_until| minor_until.min(self.until))
    }

    /// Whether a consent or directive may be given under it, which must end with it.
    pub(super) fn may_give(&self, consent: &Consent) -> bool {
        self.may_withdraw(consent) && consent.until <= self.end()
    }

    /// Whether a consent or directive may be withdrawn under it.
    pub(super) fn may_withdraw(&self, consent: &Consent) -> bool {
        self.reach.contains(&Reach::of(consent))
    }

    /// Whether a record's key may be disposed of under it.
    pub(super) fn may_dispose(&self, record: &Record) -> bool {
        self.reach.covers(record)
    }

    fn may_pass_on(&self, other: &Self) -> bool {
        self.reach.contains(&other.reach) && other.end() <= self.end()
    }
}

/// Who is to act for whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appointment<'a> {
    pub patient: PartyId,
    pub delegate: PartyId,
    pub scope: &'a DelegatedScope,
    pub until: Timestamp,
    pub evidence: Digest,
    pub minor_until: Option<Timestamp>,
}

impl Ledger {
    pub(super) fn push_delegation(&mut self, delegation: Delegation) -> DelegationId {
        let patient = delegation.patient;
        let id = self.delegations.push(delegation).expect("2^32 delegations outlast memory");
        self.delegation_chains.push(patient.0, id);
        DelegationId(id)
    }

    /// The delegations over a patient, newest first, ended ones included.
    pub fn delegations_of(&self, patient: PartyId) -> impl Iterator<Item = (DelegationId, &Delegation)> {
        let ids = self.delegation_chains.of(patient.0);
        ids.filter_map(|id| Some((DelegationId(id), self.delegations.get(id)?)))
    }

    /// On what authority a party decides for a patient: its own (`None`) or a delegation whose every link is in force
    /// and allows it. Refusals are those of the delegation that got furthest, in order: `NotConsentAuthority`,
    /// `CredentialRevoked` (of a link's holder), `MinorAgedOut`, `DelegationExpired`, `DelegateScopeExceeded`.
    pub(super) fn authority(
        &self,
        now: Timestamp,
        patient: PartyId,
        party: PartyId,
        allows: impl Fn(&Delegation) -> bool,
    ) -> Result<Option<DelegationId>, Refusal> {
        if party == patient {
            return Ok(None);
        }
        let mut nearest = Refusal::NotConsentAuthority;
        for (id, delegation) in self.delegations_of(patient).filter(|(_, it)| it.delegate == party) {
            match self.judge_delegation(now, delegation, &allows) {
                Ok(()) => return Ok(Some(id)),
                Err(refusal) if progress(refusal) > progress(nearest) => nearest = refusal,
                Err(_) => {}
            }
        }
        Err(nearest)
    }

    fn judge_delegation(
        &self,
        now: Timestamp,
        delegation: &Delegation,
        allows: &impl Fn(&Delegation) -> bool,
    ) -> Result<(), Refusal> {
        let links = || {
            // A peer's snapshot might hold a cycle, which must not hang the replica before its root is compared.
            let above = |link: &&Delegation| self.delegations.get(link.parent?.0);
            std::iter::successors(Some(delegation), above).take(DELEGATIONS_PER_PATIENT_MAX as usize)
        };
        let holds = |id| self.party(id).is_some_and(|party| party.credential.is_in_force(now));
        if !links().all(|link| holds(link.delegate)) {
            return Err(Refusal::CredentialRevoked);
        }
        if links().any(|link| link.minor_until.is_some_and(|minor_until| minor_until <= now)) {
            return Err(Refusal::MinorAgedOut);
        }
        if links().any(|link| link.until <= now) {
            return Err(Refusal::DelegationExpired);
        }
        if links().all(allows) { Ok(()) } else { Err(Refusal::DelegateScopeExceeded) }
    }

    /// Refusals, in order: no such patient, or a delegate who is neither guardian nor patient (`UnknownParty`); no
    /// authority, or one that has ended (a regulator has it for a minor, with evidence); `DelegationCycle`,
    /// `EmptyScope`, `UnknownPurpose`, `ExpiryInPast`, `MinorAgedOut`, `DelegateScopeExceeded`, `TooManyDelegations`.
    pub(super) fn delegate_authority(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        appointment: Appointment<'_>,
    ) -> Result<Outcome, Refusal> {
        let Appointment { patient, delegate, scope, until, evidence, minor_until } = appointment;
        let role = |id| self.party(id).map(|party| party.role).ok_or(Refusal::UnknownParty);
        if role(patient)? != Role::Patient || !matches!(role(delegate)?, Role::Patient | Role::Guardian) {
            return Err(Refusal::UnknownParty);
        }
        let official =
            actor.role == Role::Regulator && minor_until.is_some() && evidence != Digest::default();
        if !official {
            self.authority(now, patient, actor.id, |_| true)?;
        }
        if delegate == patient || self.reaches(patient, delegate, actor.id) {
            return Err(Refusal::DelegationCycle);
        }
        let reach = Reach::new(scope)?;
        if until <= now {
            return Err(Refusal::ExpiryInPast);
        }
        if minor_until.is_some_and(|minor_until| minor_until <= now) {
            return Err(Refusal::MinorAgedOut);
        }
        let delegator = actor.id;
        let mut delegation =
            Delegation { patient, delegator, delegate, parent: None, reach, until, evidence, minor_until };
        if !official {
            delegation.parent =
                self.authority(now, patient, delegator, |held| held.may_pass_on(&delegation))?;
        }
        self.place_delegation(delegation).map(Outcome::DelegationRegistered)
    }

    fn place_delegation(&mut self, delegation: Delegation) -> Result<DelegationId, Refusal> {
        let Delegation { patient, delegator, delegate, .. } = delegation;
        let mut delegations = self.delegations_of(patient);
        let same = delegations.find(|(_, it)| it.delegator == delegator && it.delegate == delegate);
        let same = same.map(|(id, _)| id);
        drop(delegations);
        if let Some(id) = same
            && let Some(replaced) = self.delegations.get_mut(id.0)
        {
            *replaced = delegation;
            return Ok(id);
        }
        if self.delegation_chains.length(patient.0) >= DELEGATIONS_PER_PATIENT_MAX {
            return Err(Refusal::TooManyDelegations);
        }
        Ok(self.push_delegation(delegation))
    }

    /// Whether authority over the patient flows, directly or through others, from one party to the other.
    fn reaches(&self, patient: PartyId, from: PartyId, to: PartyId) -> bool {
        let mut reached = vec![from];
        let mut next = 0;
        while let Some(&delegator) = reached.get(next) {
            if delegator == to {
                return true;
            }
            for (_, delegation) in self.delegations_of(patient).filter(|(_, it)| it.delegator == delegator) {
                if !reached.contains(&delegation.delegate) {
                    reached.push(delegation.delegate);
                }
            }
            next += 1;
        }
        false
    }
}

/// How far a delegation got in [`Ledger::judge_delegation`].
fn progress(refusal: Refusal) -> usize {
    const STAGES: [Refusal; 5] = [
        Refusal::NotConsentAuthority,
        Refusal::CredentialRevoked,
        Refusal::MinorAgedOut,
        Refusal::DelegationExpired,
        Refusal::DelegateScopeExceeded,
    ];
    STAGES.iter().position(|stage| *stage == refusal).unwrap_or(0)
}
