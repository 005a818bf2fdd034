//! Parties, their credentials, and what moves with every transaction of theirs.
//!
//! A [`Party`] changes only when its credential is revoked. What changes often, an actor's sequence window and a
//! patient's access counter, lives in tables of their own ([`Activity`] is both), so that the hot leaves are small to
//! copy and to hash: every decision changes a counter somewhere, and few actors make many.

use super::index::IndexKey;
use super::transaction::{Outcome, PartyId, Refusal, Role};
use super::{Actor, Ledger};
use crate::crypto::PublicKey;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// Grants a role for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Credential {
    /// In force from.
    pub from: Timestamp,
    /// In force until (exclusive).
    pub until: Timestamp,
    /// Revoked at; never in force from then on.
    pub revoked_at: Option<Timestamp>,
}

impl Credential {
    /// In force from genesis for good, unless revoked.
    pub const ALWAYS: Self = Self { from: Timestamp::ZERO, until: Timestamp::MAX, revoked_at: None };

    /// Whether it grants its role at a time at or after every revocation known.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.from <= now && now < self.until
    }
}

/// A registered person or organisation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Party {
    /// Verifies its signatures.
    pub key: PublicKey,
    /// HPKE key (X25519) that data keys are wrapped to.
    pub wrap_key: [u8; 32],
    /// What it may act as.
    pub role: Role,
    /// The organisation it belongs to; itself if `None`.
    pub organisation: Option<PartyId>,
    /// Its one credential.
    pub credential: Credential,
}

/// How far back a sequence number may lie behind the highest one used.
pub const SEQUENCE_WINDOW: u64 = 128;

/// The sequence numbers an actor has used, in the manner of RFC 4303's anti-replay window: each number at most once,
/// in any order within [`SEQUENCE_WINDOW`] of the highest; older ones count as used.
///
/// Invariant: bit `i` of `used` is `highest − i`; bit 0 is set unless nothing was used, when all is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SequenceWindow {
    highest: u64,
    used: u128,
}

impl SequenceWindow {
    /// Whether all of these numbers, at most [`ACTIONS_MAX`](super::transaction::ACTIONS_MAX) of them, could still be used.
    pub fn is_fresh(&self, first: u64, last: u64) -> bool {
        let behind = self.highest.saturating_sub(first);
        behind < SEQUENCE_WINDOW && self.used & self.bits(first, last.min(self.highest)) == 0
    }

    /// Uses numbers, at most [`ACTIONS_MAX`](super::transaction::ACTIONS_MAX); false, and none is used, if one of them is used up.
    pub fn take(&mut self, first: u64, last: u64) -> bool {
        if !self.is_fresh(first, last) {
            return false;
        }
        if last > self.highest {
            let ahead = last - self.highest;
            self.used = if ahead < SEQUENCE_WINDOW { self.used << ahead } else { 0 };
            self.highest = last;
        }
        self.used |= self.bits(first, last);
        true
    }

    /// The bits of numbers up to the highest and less than a window behind it; none if the last is before the first.
    fn bits(&self, first: u64, last: u64) -> u128 {
        match last.checked_sub(first) {
            Some(more) => ((1 << more << 1) - 1) << (self.highest - last),
            None => 0,
        }
    }

    /// Whether the invariant holds, and no bit stands for a negative number.
    pub(super) fn is_canonical(&self) -> bool {
        let reach = self.highest.saturating_add(1);
        let representable = reach >= SEQUENCE_WINDOW || self.used >> reach == 0;
        representable && (self.used & 1 == 1 || *self == Self::default())
    }
}

/// What moves with a party's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Sequence numbers it has used as an actor.
    pub sequences: SequenceWindow,
    /// Access decisions about its records as a patient, permitted and refused. Gapless: the n-th decision is logged
    /// with counter n, so that an auditor sees an omission.
    pub accesses: u64,
}

impl Role {
    /// Whether staff may belong to it.
    pub const fn is_organisation(self) -> bool {
        match self {
            Self::Hospital | Self::Pharmacy | Self::Laboratory | Self::Insurer | Self::Regulator => true,
            Self::Manufacturer | Self::Wholesaler | Self::Sponsor | Self::EthicsBoard => true,
            Self::ResearchInstitute | Self::ModelOwner => true,
            Self::Patient | Self::Guardian | Self::Clinician | Self::Pharmacist | Self::Technician => false,
            Self::Clerk | Self::Auditor | Self::Officer | Self::Researcher | Self::Device => false,
        }
    }

    /// Whether it may be a custodian of records.
    pub const fn keeps_records(self) -> bool {
        matches!(self, Self::Hospital | Self::Pharmacy | Self::Laboratory)
    }

    /// Whether it acts in the business of an institution: its staff or itself.
    pub const fn acts_for_institution(self) -> bool {
        match self {
            Self::Clinician | Self::Pharmacist | Self::Technician | Self::Clerk => true,
            Self::Hospital | Self::Pharmacy | Self::Laboratory | Self::Insurer => true,
            Self::Patient | Self::Guardian | Self::Regulator | Self::Auditor => false,
            Self::Manufacturer | Self::Wholesaler | Self::Sponsor | Self::EthicsBoard => true,
            Self::ResearchInstitute | Self::ModelOwner | Self::Officer | Self::Researcher => true,
            Self::Device => false,
        }
    }
}

impl Ledger {
    pub(super) fn push_party(&mut self, party: Party) -> PartyId {
        let key = IndexKey::of(&party.key.0);
        let id = self.parties.push(party).expect("2^32 parties outlast memory");
        self.sequences.push(SequenceWindow::default()).expect("as many as parties");
        self.decisions.push(0).expect("as many as parties");
        self.party_keys.insert(key, id);
        PartyId(id)
    }

    /// The party that signs with a key.
    pub fn party_by_key(&self, key: &PublicKey) -> Option<PartyId> {
        let mut candidates = self.party_keys.candidates(IndexKey::of(&key.0));
        candidates.find(|id| self.parties.get(*id).is_some_and(|party| party.key == *key)).map(PartyId)
    }

    /// Refusals, in order: an organisation that is unknown or none, a key in use, a credential that ends too soon.
    pub(super) fn register_party(&mut self, now: Timestamp, party: Party) -> Result<Outcome, Refusal> {
        if let Some(organisation) = party.organisation {
            let known = self.party(organisation).ok_or(Refusal::UnknownParty)?;
            if !known.role.is_organisation() {
                return Err(Refusal::UnknownParty);
            }
        }
        if self.party_by_key(&party.key).is_some() {
            return Err(Refusal::DuplicateParty);
        }
        if party.credential.until <= now.max(party.credential.from) {
            return Err(Refusal::ExpiryInPast);
        }
        Ok(Outcome::PartyRegistered(self.push_party(party)))
    }

    pub(super) fn revoke_credential(&mut self, now: Timestamp, id: PartyId) -> Result<Outcome, Refusal> {
        let party = self.party(id).ok_or(Refusal::UnknownParty)?;
        if party.credential.revoked_at.is_some() {
            return Err(Refusal::AlreadyRevoked);
        }
        if let Some(party) = self.parties.get_mut(id.0) {
            party.credential.revoked_at = Some(now);
        }
        Ok(Outcome::CredentialRevoked(id))
    }

    /// The actor in the organisation it claims: its own, or itself. `None` if it has no such place, or the
    /// organisation's credential is not in force.
    pub(super) fn actor(&self, now: Timestamp, id: PartyId, organisation: PartyId) -> Option<Actor> {
        let party = self.party(id)?;
        let home = party.organisation.unwrap_or(id);
        if organisation != home && organisation != id {
            return None;
        }
        let claimed = self.party(organisation).filter(|claimed| claimed.credential.is_in_force(now))?;
        let home_role = self.party(home)?.role;
        Some(Actor { id, role: party.role, organisation, organisation_role: claimed.role, home, home_role })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::transaction::ACTIONS_MAX;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Against the plain definition: a set of used numbers and the highest one.
        #[test]
        fn window_is_a_set(
            start in prop_oneof![Just(0u64), Just(u64::MAX - 500)],
            ranges in prop::collection::vec((0u64..400, prop_oneof![3 => Just(1u64), 1 => 1..=ACTIONS_MAX as u64]), 0..300),
        ) {
            let (mut window, mut used) = (SequenceWindow::default(), BTreeSet::<u64>::new());
            for (offset, count) in ranges {
                let (first, last) = (start + offset, start + offset + count - 1);
                let highest = used.last().copied();
                let below = highest.is_some_and(|highest| highest.saturating_sub(first) >= SEQUENCE_WINDOW);
                let fresh = !below && used.range(first..=last).next().is_none();
                prop_assert_eq!(window.is_fresh(first, last), fresh);
                prop_assert_eq!(window.take(first, last), fresh);
                if fresh {
                    used.extend(first..=last);
                }
                prop_assert!(window.is_canonical());
            }
        }
    }

    #[test]
    fn window_edges() {
        let mut window = SequenceWindow::default();
        assert!(window.take(0, 0) && !window.take(0, 0));
        assert!(window.take(u64::MAX, u64::MAX) && !window.take(u64::MAX, u64::MAX));
        assert!(window.take(u64::MAX - 127, u64::MAX - 126) && !window.take(u64::MAX - 128, u64::MAX - 128));
        assert!(!window.take(u64::MAX - 128, u64::MAX - 65), "begins behind the window");
        assert!(window.take(u64::MAX - 125, u64::MAX - 62) && !window.take(u64::MAX - 62, u64::MAX - 61));
        assert!(!SequenceWindow { highest: 3, used: 0b1_0001 }.is_canonical());
        assert!(!SequenceWindow { highest: 3, used: 0b10 }.is_canonical());
    }
}
