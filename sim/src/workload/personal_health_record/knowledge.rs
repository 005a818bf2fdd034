//! What clients have learned from completions: records, consents, log entries, accesses to be reviewed. Shared by all
//! workloads on the same patients.

use super::consents::{Ask, Change, Consents};
use super::delegates::{Delegates, Link};
use super::keys::{KeyWork, Keys};
use super::recoveries::{Recoveries, RecoveryWork};
use crate::history::{Expected, Note};
use crate::plan::Rotation;
use crate::population::{Population, RecordInfo};
use crate::seed::Stream;
use crate::seed::Zipf;
use ledger_core::crypto::ChainId;
use ledger_core::gateway::{Completion, End};
use ledger_core::ledger::transaction::{AccessId, Outcome, PartyId, RecordId, Refusal};
use ledger_core::time::{Duration, Timestamp};
use std::collections::BTreeMap;

/// Log entries remembered for audits; beyond, the oldest is forgotten.
const ENTRIES_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(in crate::workload) struct Knowledge {
    pub(super) consents: Consents,
    pub(super) delegates: Delegates,
    /// Registered in the run, in the order in which that became known.
    records: Vec<(RecordId, RecordInfo)>,
    /// A ring; `entries_seen` modulo its size is the oldest.
    entries: Vec<u64>,
    entries_seen: usize,
    keys: Keys,
    pub(in crate::workload) recoveries: Recoveries,
    /// By when they are due: of which access, by whom, whether that is too late.
    reviews: BTreeMap<(Timestamp, u64), (AccessId, PartyId, bool)>,
    pending: BTreeMap<u64, Pending>,
}

/// An operation under way.
#[derive(Debug)]
pub(in crate::workload) enum Pending {
    Register(RecordInfo),
    /// With the patient's [`Consents::changes`] at its start.
    Share {
        record: RecordInfo,
        reader: PartyId,
        changes: u64,
        expected: Expected,
    },
    /// With each patient's, in the order of the bundle.
    Decisions {
        patients: Vec<(PartyId, u64)>,
        expected: Expected,
    },
    /// Reviewed by its custodian soon; or only after so long.
    BreakGlass {
        record: RecordInfo,
        review_after: Option<Duration>,
    },
    Change {
        patient: PartyId,
        change: Change,
    },
    /// By somebody in the patient's stead.
    ActOfDelegate {
        patient: PartyId,
        change: Change,
    },
    /// Somebody is named who may decide in a patient's stead.
    Delegate(Link),
    Rewrap {
        record: RecordId,
        grantee: PartyId,
    },
    Rotate(RecordId),
    /// Of a lost record: its key from the patient, or its document from a reader.
    Recovery(RecoveryWork),
    /// Of a record of the patient's.
    Erase {
        patient: PartyId,
        record: RecordId,
        locator: [u8; 16],
    },
    /// Nothing is learned from its outcome.
    Other,
}

impl Knowledge {
    pub(in crate::workload) fn begin(&mut self, operation: u64, pending: Pending) {
        if let Pending::Change { patient, .. }
        | Pending::ActOfDelegate { patient, .. }
        | Pending::Erase { patient, .. } = pending
        {
            self.consents.begin(patient);
        }
        self.pending.insert(operation, pending);
    }

    /// What the ledger should say to a request that starts now.
    pub(in crate::workload) fn verdict(
        &self,
        now: Timestamp,
        population: &Population,
        ask: &Ask,
    ) -> Expected {
        self.consents.verdict(now, population, ask)
    }

    /// How many changes of consent a patient ever started.
    pub(in crate::workload) fn changes(&self, patient: PartyId) -> u64 {
        self.consents.changes(patient)
    }

    /// The record that an operation under way is to read.
    pub(in crate::workload) fn to_be_read(&self, operation: u64) -> Option<RecordInfo> {
        match self.pending.get(&operation)? {
            Pending::Share { record, .. } | Pending::BreakGlass { record, .. } => Some(*record),
            Pending::Register(_) | Pending::Decisions { .. } | Pending::Change { .. } | Pending::Other => {
                None
            }
            Pending::ActOfDelegate { .. } | Pending::Delegate(_) => None,
            Pending::Rewrap { .. } | Pending::Rotate(_) | Pending::Recovery(_) | Pending::Erase { .. } => {
                None
            }
        }
    }

    /// What to expect in hindsight, where that has changed.
    pub(in crate::workload) fn completed(
        &mut self,
        now: Timestamp,
        operation: u64,
        completion: &Completion,
        population: &Population,
    ) -> Option<Expected> {
        let pending = self.pending.remove(&operation)?;
        if let Some(index) = completion.log_index {
            self.remember_entry(index);
        }
        match (pending, completion.end) {
            (Pending::Register(info), End::Done(Outcome::RecordRegistered(id))) => {
                self.records.push((id, info));
                self.recoveries.held(id, info, completion);
                self.keys.registered(id, info, completion);
            }
            (Pending::BreakGlass { record, review_after }, End::Done(Outcome::Permitted { access, .. })) => {
                let due = now + review_after.unwrap_or_default() + Duration::from_secs(5 + operation % 25);
                self.reviews.insert((due, operation), (access, record.custodian, review_after.is_some()));
            }
            // An erasure that was asked for later may be ordered first.
            (Pending::BreakGlass { record, .. }, End::Refused(Refusal::KeyShredded))
                if self.consents.may_be_erased(now, &record) =>
            {
                return Some(Expected::Either);
            }
            (Pending::Change { patient, change }, end) => {
                self.follow_with_keys(patient, &change, end);
                self.consents.finish(now, patient, change, end);
            }
            (Pending::ActOfDelegate { patient, change }, end) => {
                self.delegates.acted(now, end);
                self.follow_with_keys(patient, &change, end);
                self.consents.finish(now, patient, change, end);
            }
            (Pending::Delegate(link), end) => self.delegates.named(link, end),
            (Pending::Rewrap { record, grantee }, end) => self.keys.rewrapped(record, grantee, end),
            (Pending::Rotate(record), _) => {
                self.recoveries.rotated(population, record, completion);
                self.keys.rotated(record, completion);
            }
            (Pending::Recovery(work), _) => {
                if let Some(record) = self.recoveries.completed(population, (now, completion), work) {
                    self.keys.rotated(record, completion);
                }
            }
            (Pending::Erase { patient, record, locator }, end) => {
                if let End::Done(Outcome::KeyShredded(_)) = end {
                    self.keys.erased(record, patient);
                    self.recoveries.erased(record);
                }
                self.consents.finish(now, patient, Change::Erase(locator), end);
            }
            (Pending::Share { record, reader, changes, expected }, end) => {
                self.recoveries.read(population, now, reader, end);
                let changed =
                    self.consents.changes(record.patient) != changes && expected != Expected::Either;
                return changed.then_some(Expected::Either);
            }
            (Pending::Decisions { patients, expected }, _) => {
                let differs =
                    |(patient, changes): &(PartyId, u64)| self.consents.changes(*patient) != *changes;
                let changed = expected != Expected::Either && patients.iter().any(differs);
                return changed.then_some(Expected::Either);
            }
            (Pending::Register(_) | Pending::BreakGlass { .. } | Pending::Other, _) => {}
        }
        None
    }

    /// What there is to say of what ended.
    pub(in crate::workload) fn take_notes(&mut self) -> Vec<Note> {
        let mut notes = self.recoveries.take_notes();
        notes.append(&mut self.delegates.notes);
        notes
    }

    /// From now on keys are followed.
    pub(in crate::workload) fn track_keys(&mut self, rotation: Rotation) {
        self.keys.track(rotation);
    }

    /// The next thing to be done about keys.
    pub(super) fn take_key_work(&mut self, population: &Population, chain: ChainId) -> Option<KeyWork> {
        self.keys.take(population, chain)
    }

    /// What a change of consent, not yet in the model, means for keys.
    fn follow_with_keys(&mut self, patient: PartyId, change: &Change, end: End) {
        match (change, end) {
            (Change::Register(terms), End::Done(Outcome::ConsentRegistered(_))) if !terms.denies => {
                self.keys.granted(patient, terms.grantee, terms.classes);
            }
            (Change::Revoke, End::Done(Outcome::ConsentRevoked(id))) => {
                let revoked = self.consents.of(patient).iter().find(|known| known.id == id);
                if let Some(grantee) = revoked.map(|known| known.terms.grantee) {
                    self.keys.revoked(patient, grantee);
                }
            }
            _ => {}
        }
    }

    /// A known record by popularity: what is new is read most; genesis follows, patient by patient.
    pub(super) fn draw_record(
        &self,
        population: &Population,
        zipf_milli: u64,
        stream: &mut Stream,
    ) -> Option<(RecordId, RecordInfo)> {
        let in_run = self.records.len() as u64;
        let known = in_run + population.records();
        if known == 0 {
            return None;
        }
        let rank = Zipf::new(known, zipf_milli).sample(stream);
        if rank < in_run {
            return Some(self.records[(in_run - 1 - rank) as usize]);
        }
        let id = RecordId((rank - in_run) as u32);
        Some((id, population.record(id)?))
    }

    /// A recent log entry.
    pub(super) fn draw_entry(&self, stream: &mut Stream) -> Option<u64> {
        crate::population::pick(&self.entries, stream)
    }

    /// A break-glass access whose review is due, its custodian, and whether it is overdue.
    pub(super) fn take_review(&mut self, now: Timestamp) -> Option<(AccessId, PartyId, bool)> {
        let first = self.reviews.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    fn remember_entry(&mut self, index: u64) {
        if self.entries.len() < ENTRIES_MAX {
            self.entries.push(index);
        } else {
            self.entries[self.entries_seen % ENTRIES_MAX] = index;
        }
        self.entries_seen += 1;
    }
}
