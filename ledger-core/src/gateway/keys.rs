//! What becomes of a record's key after its registration.
//!
//! ```text
//! Rewrap  unwrap as the patient's agent, wrap to the grantee → sign → submit → receipt
//! Rotate  load → new key and salt at a new locator, commit, wrap to the patient → store → sign → submit → receipt
//! Shred   sign → submit → receipt → erase
//! ```
//!
//! A custodian follows its own rotations: from the receipt on, a permit for the new commitment is served from the new
//! locator. Permits that were given before name the old commitment, and are served from the old locator until
//! [`superseded_for`](super::GatewayTuning::superseded_for) has passed; then the old version is erased. One old version
//! is kept: a second rotation within that time erases it early, and requests under such a permit find no document.
//!
//! Erasure takes the document out of the vault and the wraps out of the ledger's state. What a patient's agent or a
//! grantee has unwrapped before, it keeps.

use super::job::{Rewrapping, context_of_patient_wrap, wrap_to_patient};
use super::submission::{Aim, Preparing, Stage};
use super::{End, Gateway, GatewayBug, Job, Owner, Permit};
use crate::codec::Blob;
use crate::crypto::{ChainId, Digest};
use crate::ledger::transaction::{Action, PartyId, RecordId, Refusal};
use crate::message::KeyRefusal;
use crate::seal::{self, DataKey, VaultSecret, WrapKeyPair};
use crate::seam::Output;
use crate::time::Timestamp;
use crate::work::Work;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// Most records of which an old version is kept; a rotation beyond erases one early.
pub const SUPERSEDED_MAX: usize = 65_536;

/// Records remembered as given up; beyond, the oldest is forgotten.
const GIVEN_UP_MAX: usize = 65_536;

/// What a custodian tells the patient's agent of a record's present key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// In the custodian's vault.
    pub locator: [u8; 16],
    /// Salted commitment under the key.
    pub commitment: Digest,
    /// Key ‖ salt, wrapped to the patient.
    pub patient_wrap: Blob<128>,
}

impl Held {
    /// What a custodian tells of a record that was imported before there was a chain to register it on: as it would have
    /// told it of a registration. `None` if the wrap key is none.
    pub fn imported(
        secret: &VaultSecret,
        (locator, commitment): ([u8; 16], Digest),
        patient_wrap_key: &[u8; 32],
        chain: ChainId,
    ) -> Option<Self> {
        let (key, salt) = seal::derive(secret, &locator);
        let patient_wrap =
            wrap_to_patient((secret, &locator), (chain, &commitment), patient_wrap_key, (&key, &salt))?;
        Some(Self { locator, commitment, patient_wrap })
    }

    /// Key and salt, for whom they are wrapped to; `None` for everybody else.
    pub fn open(&self, pair: &WrapKeyPair, chain: ChainId) -> Option<(DataKey, [u8; 32])> {
        let info = context_of_patient_wrap(chain, &self.locator, &self.commitment);
        seal::unpack(&seal::unwrap(pair, &info, &self.patient_wrap).ok()?)
    }
}

/// A rotation, while it is made.
#[derive(Clone, Copy)]
pub(super) struct Rotation {
    pub record: RecordId,
    pub old: [u8; 16],
    pub locator: [u8; 16],
    pub patient_wrap_key: [u8; 32],
}

/// Where the documents in custody lie in the vault.
#[derive(Default)]
pub(super) struct Holdings {
    pub records: BTreeMap<RecordId, [u8; 16]>,
    /// Registered perhaps: the deadline came before the receipt.
    unconfirmed: BTreeMap<Digest, [u8; 16]>,
    /// Of records that were rotated here: the present commitment, and where the version before lies.
    rotated: BTreeMap<RecordId, (Digest, Option<[u8; 16]>)>,
    /// Given up here: a rotation that was committed before, and whose receipt comes after, brings nothing back.
    given_up: BTreeSet<RecordId>,
}

impl Holdings {
    pub fn insert(&mut self, record: RecordId, locator: [u8; 16]) {
        self.records.insert(record, locator);
    }

    pub fn present(&self, record: RecordId) -> Option<[u8; 16]> {
        self.records.get(&record).copied()
    }

    /// Of the version that a permit names.
    pub fn locator(&self, permit: &Permit) -> Option<[u8; 16]> {
        let unconfirmed = || self.unconfirmed.get(&permit.commitment).copied();
        unconfirmed().or_else(|| match self.rotated.get(&permit.record) {
            Some((commitment, before)) if *commitment != permit.commitment => *before,
            Some(_) | None => self.present(permit.record),
        })
    }

    pub fn forget_unconfirmed(&mut self, commitment: &Digest) {
        self.unconfirmed.remove(commitment);
    }

    pub fn remember_unconfirmed(&mut self, commitment: Digest, locator: [u8; 16]) {
        if self.unconfirmed.len() >= super::UNCONFIRMED_MAX {
            self.unconfirmed.pop_first();
        }
        self.unconfirmed.insert(commitment, locator);
    }

    /// The document lies elsewhere from now on. Returns what is to be erased.
    fn rotate(&mut self, rotation: &Rotation, commitment: Digest) -> Option<[u8; 16]> {
        if self.given_up.contains(&rotation.record) {
            return Some(rotation.locator);
        }
        self.records.insert(rotation.record, rotation.locator);
        let older = self.rotated.insert(rotation.record, (commitment, Some(rotation.old)));
        older.and_then(|(_, before)| before)
    }

    /// The time of the version before is over. Returns what is to be erased.
    fn forget_before(&mut self, record: RecordId) -> Option<[u8; 16]> {
        self.rotated.get_mut(&record).and_then(|(_, before)| before.take())
    }

    /// Returns what is to be erased.
    fn give_up(&mut self, record: RecordId) -> impl Iterator<Item = [u8; 16]> + use<> {
        self.given_up.insert(record);
        if self.given_up.len() > GIVEN_UP_MAX {
            self.given_up.pop_first();
        }
        let before = self.rotated.remove(&record).and_then(|(_, before)| before);
        self.records.remove(&record).into_iter().chain(before)
    }

    /// Records of which an old version is kept.
    pub fn with_version_before(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.rotated.iter().filter(|(_, (_, before))| before.is_some()).map(|(record, _)| *record)
    }

    fn superseded(&self) -> usize {
        self.rotated.values().filter(|(_, before)| before.is_some()).count()
    }
}

impl Gateway {
    pub(super) fn rewrap(&mut self, id: u64, (record, grantee): (RecordId, PartyId), job: Rewrapping) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.stage = Stage::Wrapping(record, grantee);
        self.work(Job::Operation(id), Work::Rewrap(Box::new(job)));
    }

    pub(super) fn rewrapped(&mut self, now: Timestamp, id: u64, wrap: Option<Blob<128>>) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Stage::Wrapping(record, grantee) = operation.stage else { return };
        operation.stage = Stage::Signing;
        let Some(wrap) = wrap else { return self.finish(id, End::Rejected) };
        operation.completion.wrap = Some(wrap.clone());
        self.sign(now, id, Action::RewrapKey { record, grantee, wrap }.into(), false);
    }

    /// Fetches the document that gets another key.
    pub(super) fn rotate(
        &mut self,
        id: u64,
        (record, locator, patient_wrap_key): (RecordId, [u8; 16], [u8; 32]),
    ) {
        let Some(old) = self.holdings.present(record) else {
            return self.finish(id, End::KeyRefused(KeyRefusal::NoDocument));
        };
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.stage = Stage::Turning(Rotation { record, old, locator, patient_wrap_key });
        self.load(old, Owner::Operation(id));
    }

    pub(super) fn turning_loaded(&mut self, id: u64, rotation: Rotation, document: Option<Bytes>) {
        match document {
            None => self.finish(id, End::KeyRefused(KeyRefusal::NoDocument)),
            Some(document) => {
                let Rotation { locator, patient_wrap_key, .. } = rotation;
                let subject = Preparing::Rotation(rotation);
                self.prepare_document(id, subject, (locator, document), patient_wrap_key);
            }
        }
    }

    /// A quorum has committed the rotation.
    pub(super) fn rotated(&mut self, now: Timestamp, rotation: &Rotation, commitment: Digest) {
        let record = rotation.record;
        self.holdings.forget_unconfirmed(&commitment);
        if let Some(older) = self.holdings.rotate(rotation, commitment) {
            self.outputs.push_back(Output::Erase(older));
        }
        let until = match self.holdings.superseded() > SUPERSEDED_MAX {
            true => now,
            false => now + self.config.tuning.superseded_for,
        };
        self.timers.arm(Owner::Superseded(record), until);
    }

    pub(super) fn superseded_woke(&mut self, record: RecordId) {
        if let Some(before) = self.holdings.forget_before(record) {
            self.outputs.push_back(Output::Erase(before));
        }
    }

    /// A quorum has committed that the key is given up.
    pub(super) fn gave_up(&mut self, record: RecordId) {
        if self.has_bug(GatewayBug::KeepErased) {
            return;
        }
        self.timers.cancel(Owner::Superseded(record));
        for locator in self.holdings.give_up(record) {
            self.outputs.push_back(Output::Erase(locator));
        }
    }

    /// A rotation was refused: its new version is of no use. (Where its commitment is in use, the version is, too.) An erasure
    /// that was refused because a quorum has committed one before, the patient's own or one whose answer was lost, is one.
    pub(super) fn key_kept(&mut self, aim: Aim, refusal: Refusal) {
        match aim {
            Aim::Turn { rotation, commitment } if refusal != Refusal::DuplicateRecord => {
                self.holdings.forget_unconfirmed(&commitment);
                self.outputs.push_back(Output::Erase(rotation.locator));
            }
            Aim::GiveUp(record) if refusal == Refusal::KeyShredded => self.gave_up(record),
            Aim::Turn { .. } | Aim::GiveUp(_) | Aim::Answer | Aim::Answers | Aim::Hold { .. } | Aim::Read => {
            }
        }
    }

    /// What follows the receipt of a rotation or an erasure.
    pub(super) fn key_changed(&mut self, now: Timestamp, aim: Aim) {
        match aim {
            Aim::Turn { rotation, commitment } => self.rotated(now, &rotation, commitment),
            Aim::GiveUp(record) => self.gave_up(record),
            Aim::Answer | Aim::Answers | Aim::Hold { .. } | Aim::Read => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: RecordId = RecordId(7);

    fn rotation(old: u8, locator: u8) -> Rotation {
        Rotation { record: RECORD, old: [old; 16], locator: [locator; 16], patient_wrap_key: [0; 32] }
    }

    #[test]
    fn one_version_before_is_kept() {
        let mut holdings = Holdings::default();
        holdings.insert(RECORD, [1; 16]);
        let commitment = |n| Digest([n; 32]);
        let permit = |n| Permit { access: Default::default(), record: RECORD, commitment: commitment(n) };
        assert_eq!(holdings.rotate(&rotation(1, 2), commitment(2)), None);
        assert_eq!(holdings.locator(&permit(2)), Some([2; 16]));
        assert_eq!(holdings.locator(&permit(1)), Some([1; 16]));
        assert_eq!(holdings.rotate(&rotation(2, 3), commitment(3)), Some([1; 16]), "the oldest goes");
        assert_eq!(holdings.forget_before(RECORD), Some([2; 16]));
        assert_eq!((holdings.locator(&permit(2)), holdings.locator(&permit(3))), (None, Some([3; 16])));
        assert_eq!(holdings.give_up(RECORD).collect::<Vec<_>>(), [[3; 16]]);
        assert_eq!(holdings.locator(&permit(3)), None);
    }

    /// Where the erasure's receipt overtakes that of a rotation before it, the new version does not come back.
    #[test]
    fn a_rotation_that_is_late_brings_nothing_back() {
        let mut holdings = Holdings::default();
        holdings.insert(RECORD, [1; 16]);
        assert_eq!(holdings.give_up(RECORD).collect::<Vec<_>>(), [[1; 16]]);
        assert_eq!(holdings.rotate(&rotation(1, 2), Digest([2; 32])), Some([2; 16]));
        assert_eq!(holdings.present(RECORD), None);
    }
}
