//! Keys of records: wraps for grantees, rotation, and erasure.
//!
//! The ledger sees wraps, never keys. A wrap is for one grantee and one epoch of a record's key; a rotation begins the
//! next epoch and so voids every wrap, and shredding leaves a tombstone: the commitment stays, no wrap does. What a
//! grantee has unwrapped before it keeps: nothing here can make it unsee.
//!
//! Invariant: a record has at most one wrap for each grantee, void or not.

use super::consent::PurposeSet;
use super::index::IndexKey;
use super::transaction::{Outcome, PartyId, RecordId, Refusal};
use super::{Actor, Ledger, Record};
use crate::codec::Blob;
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most grantees with a wrap for one record. Beyond, `TooManyWraps`, until a rotation voids them: void ones are reused.
pub const WRAPS_PER_RECORD_MAX: u32 = 256;

/// A record's data key, wrapped to a grantee.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Wrap {
    /// Which record's.
    pub record: RecordId,
    /// To whom.
    pub grantee: PartyId,
    /// Of which epoch of the key; void if the record's is another.
    pub epoch: u32,
    /// The wrap; empty once shredded.
    pub wrap: Blob<128>,
}

/// A record's next key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rotation<'a> {
    pub commitment: Digest,
    pub locator: [u8; 16],
    pub patient_wrap: &'a Blob<128>,
}

impl Ledger {
    pub(super) fn push_wrap(&mut self, wrap: Wrap) {
        let record = wrap.record;
        let id = self.wraps.push(wrap).expect("2^32 wraps outlast memory");
        self.wrap_chains.push(record.0, id);
    }

    /// The wrap of a record's present key for a grantee. That there is one does not say that it may be used: that is a
    /// permit's to say.
    pub fn wrap_for(&self, id: RecordId, grantee: PartyId) -> Option<&Wrap> {
        let record = self.record(id).filter(|record| record.shredded_at.is_none())?;
        let mut wraps = self.wrap_chains.of(id.0).filter_map(|wrap| self.wraps.get(wrap));
        wraps.find(|wrap| wrap.grantee == grantee && wrap.epoch == record.epoch)
    }

    /// Refusals, in order: no such record; no authority, or one that has ended or does not cover the record;
    /// `KeyShredded`; no such grantee; an empty wrap (`MissingPatientWrap`); `WrapForRevokedGrantee`, `TooManyWraps`.
    pub(super) fn rewrap_key(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        (id, grantee, wrap): (RecordId, PartyId, &Blob<128>),
    ) -> Result<Outcome, Refusal> {
        let record = self.record(id).ok_or(Refusal::UnknownRecord)?;
        self.authority(now, record.patient, actor.id, |held| held.may_dispose(record))?;
        if record.shredded_at.is_some() {
            return Err(Refusal::KeyShredded);
        }
        self.party(grantee).ok_or(Refusal::UnknownParty)?;
        if wrap.is_empty() {
            return Err(Refusal::MissingPatientWrap);
        }
        if !self.may_hold_wrap(now, record, grantee) {
            return Err(Refusal::WrapForRevokedGrantee);
        }
        self.place_wrap(Wrap { record: id, grantee, epoch: record.epoch, wrap: wrap.clone() })?;
        Ok(Outcome::KeyRewrapped(id))
    }

    /// In the grantee's own slot, else in a void one, else in a new one.
    fn place_wrap(&mut self, wrap: Wrap) -> Result<(), Refusal> {
        let slots = || self.wrap_chains.of(wrap.record.0).filter_map(|id| Some((id, self.wraps.get(id)?)));
        let own = slots().find(|(_, slot)| slot.grantee == wrap.grantee);
        let slot = own.or_else(|| slots().find(|(_, slot)| slot.epoch != wrap.epoch)).map(|(id, _)| id);
        if let Some(slot) = slot.and_then(|id| self.wraps.get_mut(id)) {
            *slot = wrap;
        } else if self.wrap_chains.length(wrap.record.0) < WRAPS_PER_RECORD_MAX {
            self.push_wrap(wrap);
        } else {
            return Err(Refusal::TooManyWraps);
        }
        Ok(())
    }

    /// Whether a consent in force permits the grantee, where it belongs, some purpose that no directive forbids.
    fn may_hold_wrap(&self, now: Timestamp, record: &Record, grantee: PartyId) -> bool {
        let Some(party) = self.party(grantee).filter(|party| party.credential.is_in_force(now)) else {
            return false;
        };
        let Some(reader) = self.actor(now, grantee, party.organisation.unwrap_or(grantee)) else {
            return false;
        };
        let (mut permitted, mut denied) = (PurposeSet::default(), PurposeSet::default());
        for (_, consent) in self.consents_of(record.patient) {
            let in_force = consent.revoked_at.is_none() && consent.is_timely(now);
            if in_force && consent.is_for(&reader) && consent.covers(record) {
                let purposes = if consent.denies { &mut denied } else { &mut permitted };
                *purposes = purposes.union(consent.purposes);
            }
        }
        PurposeSet::ALL.iter().any(|purpose| permitted.covers(purpose) && !denied.covers(purpose))
    }

    /// Refusals, in order: no such record, `NotCustodian`, `KeyShredded`, a commitment in use (`DuplicateRecord`),
    /// `MissingPatientWrap`, no epoch left (`TooManyWraps`). The commitment that is replaced is free again.
    pub(super) fn rotate_key(
        &mut self,
        actor: &Actor,
        id: RecordId,
        rotation: Rotation<'_>,
    ) -> Result<Outcome, Refusal> {
        let Rotation { commitment, locator, patient_wrap } = rotation;
        let record = self.record(id).ok_or(Refusal::UnknownRecord)?;
        if record.custodian != actor.organisation {
            return Err(Refusal::NotCustodian);
        }
        if record.shredded_at.is_some() {
            return Err(Refusal::KeyShredded);
        }
        if self.record_by_commitment(&commitment).is_some() {
            return Err(Refusal::DuplicateRecord);
        }
        if patient_wrap.is_empty() {
            return Err(Refusal::MissingPatientWrap);
        }
        let epoch = record.epoch.checked_add(1).ok_or(Refusal::TooManyWraps)?;
        self.commitments.remove(IndexKey::of(&record.commitment.0), id.0);
        self.commitments.insert(IndexKey::of(&commitment.0), id.0);
        if let Some(record) = self.records.get_mut(id.0) {
            let patient_wrap = patient_wrap.clone();
            *record = Record { commitment, locator, patient_wrap, epoch, ..record.clone() };
        }
        Ok(Outcome::KeyRotated { record: id, epoch })
    }

    /// Refusals, in order: no such record; `NotCustodian` for another institution, and for people no authority, or one
    /// that has ended or does not cover the record; `KeyShredded` before.
    pub(super) fn shred_key(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        id: RecordId,
    ) -> Result<Outcome, Refusal> {
        let record = self.record(id).ok_or(Refusal::UnknownRecord)?;
        if !actor.role.acts_for_institution() {
            self.authority(now, record.patient, actor.id, |held| held.may_dispose(record))?;
        } else if record.custodian != actor.organisation {
            return Err(Refusal::NotCustodian);
        }
        if record.shredded_at.is_some() {
            return Err(Refusal::KeyShredded);
        }
        let wraps: Vec<u32> = self.wrap_chains.of(id.0).collect();
        for wrap in wraps {
            if let Some(wrap) = self.wraps.get_mut(wrap) {
                wrap.wrap = Blob::default();
            }
        }
        if let Some(record) = self.records.get_mut(id.0) {
            record.shredded_at = Some(now);
            record.patient_wrap = Blob::default();
        }
        Ok(Outcome::KeyShredded(id))
    }
}
