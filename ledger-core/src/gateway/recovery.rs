//! A custodian that lost its vault, and its secret with it, gets documents back from those who read them.
//!
//! ```text
//! Recover  ask a former reader → sealed copy → unwrap the key that the patient's agent wrapped anew → open, compare
//!          → as a rotation: new key and salt at a new locator, commit, wrap → store → sign → submit → receipt
//! ```
//!
//! A reader keeps documents as they came, sealed under the record's data key; it gives one back to the record's custodian
//! alone. The key comes from the patient: the agent opens the wrap that it has of the custodian, which no vault can lose
//! (it is on the ledger too, but for records that were imported), and wraps the key to the institution's new one. The copy is believed for the commitment on the ledger, never for who sent it. Afterwards
//! the record has another key: whoever holds what was stolen with the vault opens nothing of the new version.
//!
//! Bounds: [`copies_bytes_max`](super::GatewayTuning::copies_bytes_max); a restart forgets the copies.

use super::keys::Rotation;
use super::submission::{Preparing, Stage};
use super::{End, Gateway, Job, Opening, Owner, SealedBlob};
use crate::codec::Blob;
use crate::crypto::Digest;
use crate::ledger::transaction::{PartyId, RecordId};
use crate::message::{Exchange, KeyRefusal, Message};
use crate::seam::{GatewayId, Lane, Peer};
use crate::time::Timestamp;
use crate::work::Work;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};

/// Documents read here, as they came. Invariant: `order` names each once, and `bytes` is the sum of their lengths.
#[derive(Default)]
pub(super) struct Copies {
    held: BTreeMap<RecordId, Copy>,
    order: VecDeque<RecordId>,
    bytes: usize,
}

struct Copy {
    custodian: GatewayId,
    commitment: Digest,
    document: SealedBlob,
}

impl Copies {
    fn keep(&mut self, record: RecordId, copy: Copy, bytes_max: usize) {
        self.bytes += copy.document.len();
        match self.held.insert(record, copy) {
            Some(before) => self.bytes -= before.document.len(),
            None => self.order.push_back(record),
        }
        while self.bytes > bytes_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.held.remove(&oldest).map_or(0, |copy| copy.document.len());
        }
    }
}

/// A recovery, until its document is opened.
pub(super) struct Recovery {
    rotation: Rotation,
    commitment: Digest,
    wrap: Blob<128>,
    holder: GatewayId,
    attempts: u32,
    opening: bool,
}

impl Gateway {
    pub(super) fn recover(
        &mut self,
        now: Timestamp,
        id: u64,
        rotation: Rotation,
        (commitment, wrap): (Digest, Blob<128>),
        holder: PartyId,
    ) {
        let Some(holder) = self.config.directory.institution(holder).map(|holder| holder.gateway) else {
            return self.finish(id, End::KeyRefused(KeyRefusal::NoDocument));
        };
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let recovery = Recovery { rotation, commitment, wrap, holder, attempts: 0, opening: false };
        operation.stage = Stage::Recovering(Box::new(recovery));
        self.request_copy(now, id);
    }

    fn recovery(&mut self, id: u64) -> Option<(&mut Recovery, Timestamp)> {
        let operation = self.operations.get_mut(&id)?;
        let deadline = operation.deadline;
        match &mut operation.stage {
            Stage::Recovering(recovery) => Some((recovery, deadline)),
            Stage::Turning(_) | Stage::Preparing(_) | Stage::Wrapping(..) | Stage::Signing => None,
            Stage::Asking(_) | Stage::Reading(_) => None,
        }
    }

    /// Whether an operation waits for this gateway's copy.
    pub(super) fn is_recovering(&mut self, id: u64, from: GatewayId) -> bool {
        self.recovery(id).is_some_and(|(recovery, _)| recovery.holder == from && !recovery.opening)
    }

    fn request_copy(&mut self, now: Timestamp, id: u64) {
        let base = self.config.tuning.reply_timeout;
        let Some((recovery, deadline)) = self.recovery(id) else { return };
        let (record, commitment) = (recovery.rotation.record, recovery.commitment);
        let (to, attempts) = (Peer::Gateway(recovery.holder), recovery.attempts);
        recovery.attempts += 1;
        let request = Message::Exchange(Exchange::CopyRequest { operation: id, record, commitment });
        self.send(to, Lane::Client, &request);
        let wait = self.backed_off(base, attempts);
        self.timers.arm(Owner::Operation(id), (now + wait).min(deadline));
    }

    /// What was asked for did not come, or is being opened.
    pub(super) fn recovery_woke(&mut self, now: Timestamp, id: u64) {
        let Some((recovery, deadline)) = self.recovery(id) else { return };
        match recovery.opening {
            true => self.timers.arm(Owner::Operation(id), deadline),
            false => self.request_copy(now, id),
        }
    }

    pub(super) fn copy_arrived(&mut self, id: u64, document: SealedBlob) {
        let pair = self.pair.clone();
        let Some((recovery, _)) = self.recovery(id) else { return };
        recovery.opening = true;
        let (record, commitment) = (recovery.rotation.record, recovery.commitment);
        let opening = Opening::Copy { pair, wrap: recovery.wrap.clone(), document, record, commitment };
        self.work(Job::Operation(id), Work::Open(Box::new(opening)));
    }

    pub(super) fn copy_opened(&mut self, id: u64, document: Option<Bytes>) {
        let Some((recovery, _)) = self.recovery(id) else { return };
        let rotation = recovery.rotation;
        let Some(document) = document else { return self.finish(id, End::Corrupt) };
        let Rotation { locator, patient_wrap_key, .. } = rotation;
        self.prepare_document(id, Preparing::Rotation(rotation), (locator, document), patient_wrap_key);
    }

    /// A document was opened here, and is what was registered.
    pub(super) fn keep_copy(
        &mut self,
        (record, commitment): (RecordId, Digest),
        (custodian, document): (GatewayId, SealedBlob),
    ) {
        let copy = Copy { custodian, commitment, document };
        self.copies.keep(record, copy, self.config.tuning.copies_bytes_max);
    }

    /// A custodian wants its document back.
    pub(super) fn copy_request(
        &mut self,
        from: GatewayId,
        operation: u64,
        (record, commitment): (RecordId, Digest),
    ) {
        let (lane, answer) = match self.copies.held.get(&record) {
            Some(copy) if copy.custodian != from => {
                (Lane::Client, Exchange::KeyRefused { operation, reason: KeyRefusal::NotYours })
            }
            Some(copy) if copy.commitment == commitment => {
                (Lane::Bulk, Exchange::Document { operation, sealed: copy.document.clone() })
            }
            Some(_) | None => {
                (Lane::Client, Exchange::KeyRefused { operation, reason: KeyRefusal::NoDocument })
            }
        };
        self.send(Peer::Gateway(from), lane, &Message::Exchange(answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_copies_go() {
        let copy = |bytes: usize| Copy {
            custodian: GatewayId(0),
            commitment: Digest::default(),
            document: Blob::new(vec![0; bytes]).unwrap(),
        };
        let mut copies = Copies::default();
        copies.keep(RecordId(1), copy(40), 100);
        copies.keep(RecordId(2), copy(40), 100);
        copies.keep(RecordId(1), copy(50), 100);
        assert_eq!((copies.bytes, copies.order.len()), (90, 2));
        copies.keep(RecordId(3), copy(30), 100);
        assert_eq!(copies.held.keys().copied().collect::<Vec<_>>(), [RecordId(2), RecordId(3)]);
        assert_eq!((copies.bytes, copies.order.len()), (70, 2));
        copies.keep(RecordId(4), copy(101), 100);
        assert_eq!((copies.bytes, copies.order.len(), copies.held.len()), (0, 0, 0));
    }
}
