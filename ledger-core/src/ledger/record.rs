//! Records: what the ledger knows of a document that stays in its custodian's vault.
//!
//! A record changes only with its key: a rotation replaces what the key made, shredding leaves a tombstone. Its
//! commitment is salted and its locator opaque: neither tells anything of the document.

use super::index::IndexKey;
use super::transaction::{Label, Outcome, PartyId, RecordClass, RecordId, Refusal, Role};
use super::{Actor, Ledger};
use crate::codec::Blob;
use crate::crypto::Digest;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// A registered document.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Record {
    /// Whose.
    pub patient: PartyId,
    /// The organisation whose vault holds the document.
    pub custodian: PartyId,
    /// Salted commitment to the document.
    pub commitment: Digest,
    /// Kind.
    pub class: RecordClass,
    /// Label.
    pub label: Label,
    /// The document is at most `2^bucket` bytes.
    pub size_bucket: u8,
    /// Opaque locator in the custodian's vault.
    pub locator: [u8; 16],
    /// The data key wrapped to the patient; empty once shredded.
    pub patient_wrap: Blob<128>,
    /// Commit time of its registration.
    pub registered_at: Timestamp,
    /// How often its key was rotated.
    pub epoch: u32,
    /// When its key was given up.
    pub shredded_at: Option<Timestamp>,
}

impl Ledger {
    pub(super) fn push_record(&mut self, record: Record) -> RecordId {
        let key = IndexKey::of(&record.commitment.0);
        let id = self.records.push(record).expect("2^32 records outlast memory");
        self.commitments.insert(key, id);
        RecordId(id)
    }

    /// The record of a commitment.
    pub fn record_by_commitment(&self, commitment: &Digest) -> Option<RecordId> {
        let mut candidates = self.commitments.candidates(IndexKey::of(&commitment.0));
        candidates
            .find(|id| self.records.get(*id).is_some_and(|record| record.commitment == *commitment))
            .map(RecordId)
    }

    /// Refusals, in order: no such patient, a commitment in use, an organisation that keeps no records, no wrap.
    pub(super) fn register_record(&mut self, actor: &Actor, record: Record) -> Result<Outcome, Refusal> {
        if self.party(record.patient).is_none_or(|party| party.role != Role::Patient) {
            return Err(Refusal::UnknownParty);
        }
        if self.record_by_commitment(&record.commitment).is_some() {
            return Err(Refusal::DuplicateRecord);
        }
        if !actor.organisation_role.keeps_records() {
            return Err(Refusal::NotCustodian);
        }
        if record.patient_wrap.is_empty() {
            return Err(Refusal::MissingPatientWrap);
        }
        Ok(Outcome::RecordRegistered(self.push_record(record)))
    }
}
