//! The workload's own account of what can be got back where a hospital loses its vault: of which records the patients'
//! agents hold the key (all of them), who has a sealed copy, and what is to be done about it next.
//!
//! A lost record comes back in two steps: the patient's agent wraps its key to the hospital's new gateway, and the hospital
//! fetches the copy from the last reader, else from the patient's home ([`Population::copy_holder`]), and takes the document
//! into custody again under another key. What nobody has a copy of is lost for good, whoever has the key.

use crate::document;
use crate::history::{Figure, Note};
use crate::population::{Population, RecordInfo};
use ledger_core::codec::Blob;
use ledger_core::crypto::{ChainId, Digest};
use ledger_core::gateway::{CommandKind, Completion, End, Held};
use ledger_core::ledger::transaction::{Outcome, PartyId, RecordId};
use ledger_core::message::KeyRefusal;
use ledger_core::seam::GatewayId;
use ledger_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// How often a step is tried before a record is left lost.
const TRIES_MAX: u32 = 3;

#[derive(Debug, Default)]
pub(in crate::workload) struct Recoveries {
    /// Whether any vault will be lost: nothing is remembered otherwise.
    follows: bool,
    /// Of each record of the run, what its patient's agent knows of the present key; of one of genesis, from when it is
    /// first needed or the key is another.
    held: BTreeMap<RecordId, (RecordInfo, Arc<Held>)>,
    /// Who last read the present version.
    readers: BTreeMap<RecordId, PartyId>,
    /// Given up: there is nothing to get back.
    erased: BTreeSet<RecordId>,
    /// Whose gateways were lost, with all copies that they had from before.
    struck: BTreeSet<PartyId>,
    /// Lost and not in custody again: since when.
    lost: BTreeMap<RecordId, Timestamp>,
    /// Of the gateways that took the place of lost ones.
    wrap_keys: BTreeMap<PartyId, [u8; 32]>,
    due: VecDeque<(RecordId, Step, u32)>,
    notes: Vec<Note>,
}

#[derive(Clone, Debug)]
enum Step {
    /// The patient's agent wraps the key.
    Rewrap,
    /// The hospital fetches the copy.
    Recover(Blob<128>),
}

/// What is under way for a lost record.
#[derive(Debug)]
pub(in crate::workload) enum RecoveryWork {
    Rewrap { record: RecordId, info: RecordInfo, tries: u32 },
    Recover { record: RecordId, info: RecordInfo, wrap: Blob<128>, tries: u32 },
}

impl Recoveries {
    pub(in crate::workload) fn follow(&mut self) {
        self.follows = true;
    }

    /// A record was registered, and its agent told of the key.
    pub(super) fn held(&mut self, record: RecordId, info: RecordInfo, completion: &Completion) {
        if let Some(held) = completion.held.clone().filter(|_| self.follows) {
            self.held.insert(record, (info, held));
        }
    }

    /// A rotation ended: copies are of the version before.
    pub(super) fn rotated(&mut self, population: &Population, record: RecordId, completion: &Completion) {
        if let End::Done(Outcome::KeyRotated { .. }) = completion.end
            && let (Some(info), Some(held)) = (self.info(population, record), &completion.held)
            && self.follows
        {
            self.held.insert(record, (info, held.clone()));
            self.readers.remove(&record);
        }
    }

    fn info(&self, population: &Population, record: RecordId) -> Option<RecordInfo> {
        let known = self.held.get(&record).map(|(info, _)| *info);
        known.or_else(|| population.record(record)).filter(|_| !self.erased.contains(&record))
    }

    /// Of the version whose copies are of use.
    fn commitment(&self, population: &Population, record: RecordId) -> Option<Digest> {
        let known = self.held.get(&record).map(|(_, held)| held.commitment);
        known.or_else(|| population.imported_commitment(record))
    }

    /// What the patient's agent has of the key.
    fn key(
        &mut self,
        population: &Population,
        chain: ChainId,
        record: RecordId,
    ) -> Option<(RecordInfo, Arc<Held>)> {
        let info = self.info(population, record)?;
        if let Some((_, held)) = self.held.get(&record) {
            return Some((info, held.clone()));
        }
        let held = Arc::new(population.imported_key(chain, record)?);
        self.held.insert(record, (info, held.clone()));
        Some((info, held))
    }

    /// Who has a copy of the present version.
    fn holder(&self, population: &Population, record: RecordId) -> Option<PartyId> {
        if let Some(reader) = self.readers.get(&record) {
            return Some(*reader);
        }
        let home = population.copy_holder(record).filter(|home| !self.struck.contains(home))?;
        let first = population.imported_commitment(record);
        (self.commitment(population, record) == first && !self.erased.contains(&record)).then_some(home)
    }

    pub(super) fn erased(&mut self, record: RecordId) {
        self.held.remove(&record);
        self.readers.remove(&record);
        self.lost.remove(&record);
        if self.follows {
            self.erased.insert(record);
        }
    }

    /// Reading ended.
    pub(super) fn read(&mut self, population: &Population, now: Timestamp, reader: PartyId, end: End) {
        match end {
            // Who reads from its own vault has no other copy.
            End::Done(Outcome::Permitted { record, commitment, custodian, .. })
                if self.follows
                    && reader != custodian
                    && self.commitment(population, record) == Some(commitment) =>
            {
                self.readers.insert(record, reader);
            }
            End::KeyRefused(KeyRefusal::NoDocument) if self.follows => {
                self.notes.push(Note::Sample(Figure::SharesWithoutDocument, now, 1));
            }
            _ => {}
        }
    }

    /// A gateway is gone, with the documents in its custody and the copies that it kept.
    pub(in crate::workload) fn gateway_lost(
        &mut self,
        now: Timestamp,
        population: &Population,
        gateway: GatewayId,
    ) {
        let institution = population.organisation(gateway);
        self.struck.insert(institution);
        self.readers.retain(|_, reader| *reader != institution);
        let own = self.held.iter().filter(|(_, (info, _))| info.custodian == institution);
        let genesis = population.custody(gateway).map(|(record, _)| record);
        let lost: BTreeSet<RecordId> = own.map(|(record, _)| *record).chain(genesis).collect();
        let lost: Vec<RecordId> = lost.difference(&self.erased).copied().collect();
        let has_copy = |record: &&RecordId| self.holder(population, **record).is_some();
        let copies = lost.iter().filter(has_copy).count() as u64;
        self.notes.push(Note::Sample(Figure::RecordsLost, now, lost.len() as u64));
        self.notes.push(Note::Sample(Figure::RecordsWithCopies, now, copies));
        self.lost.extend(lost.into_iter().map(|record| (record, now)));
    }

    /// Another gateway has taken its place.
    pub(in crate::workload) fn gateway_replaced(
        &mut self,
        population: &Population,
        institution: PartyId,
        wrap_key: [u8; 32],
    ) {
        self.wrap_keys.insert(institution, wrap_key);
        let is_due = |record: &&RecordId| {
            let info = self.info(population, **record);
            info.is_some_and(|info| info.custodian == institution)
                && self.holder(population, **record).is_some()
        };
        let due: Vec<RecordId> = self.lost.keys().filter(is_due).copied().collect();
        self.due.extend(due.into_iter().map(|record| (record, Step::Rewrap, 0)));
    }

    /// The next thing to be done, which is under way from now on.
    pub(super) fn take(
        &mut self,
        population: &Population,
        chain: ChainId,
    ) -> Option<(RecoveryWork, CommandKind)> {
        while let Some((record, step, tries)) = self.due.pop_front() {
            let Some(holder) = self.holder(population, record) else { continue };
            let Some((info, held)) = self.key(population, chain, record) else { continue };
            let home = population.patient_index(info.patient).map(|patient| population.home_of(patient));
            let (Some(home), Some(recipient)) = (home, self.wrap_keys.get(&info.custodian)) else { continue };
            let Some(locator) = document::next_version(population.seed(), held.locator) else { continue };
            return Some(match step {
                Step::Rewrap => (
                    RecoveryWork::Rewrap { record, info, tries },
                    CommandKind::Rewrap {
                        record,
                        grantee: info.custodian,
                        recipient: *recipient,
                        pair: population.agent_pair(home),
                        held: (*held).clone(),
                    },
                ),
                Step::Recover(wrap) => (
                    RecoveryWork::Recover { record, info, wrap: wrap.clone(), tries },
                    CommandKind::Recover {
                        record,
                        commitment: held.commitment,
                        wrap,
                        lost: held.locator,
                        holder,
                        patient_wrap_key: population.wrap_public(info.patient),
                        locator,
                    },
                ),
            });
        }
        None
    }

    /// A step ended. Returns the record if it is in custody again.
    pub(super) fn completed(
        &mut self,
        population: &Population,
        (now, completion): (Timestamp, &Completion),
        work: RecoveryWork,
    ) -> Option<RecordId> {
        match (work, completion.end) {
            (RecoveryWork::Rewrap { record, .. }, End::Done(_)) => {
                let wrap = completion.wrap.clone()?;
                self.due.push_back((record, Step::Recover(wrap), 0));
            }
            (RecoveryWork::Recover { record, .. }, End::Done(Outcome::KeyRotated { .. })) => {
                self.rotated(population, record, completion);
                let since = self.lost.remove(&record)?;
                self.notes.push(Note::Sample(Figure::RecordsRecovered, now, 1));
                let took = now.since(since).as_nanos() as u64;
                self.notes.push(Note::Sample(Figure::RecoveryOfRecord, now, took));
                return Some(record);
            }
            // A refusal is final; what ran out of time is tried again.
            (RecoveryWork::Rewrap { record, tries, .. }, End::TimedOut) if tries < TRIES_MAX => {
                self.due.push_back((record, Step::Rewrap, tries + 1));
            }
            (RecoveryWork::Recover { record, wrap, tries, .. }, End::TimedOut) if tries < TRIES_MAX => {
                self.due.push_back((record, Step::Recover(wrap), tries + 1));
            }
            (RecoveryWork::Rewrap { .. } | RecoveryWork::Recover { .. }, End::Refused(_)) => {
                self.notes.push(Note::Sample(Figure::RecordsWithheld, now, 1));
            }
            (RecoveryWork::Rewrap { .. } | RecoveryWork::Recover { .. }, _) => {}
        }
        None
    }

    pub(in crate::workload) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    pub(in crate::workload) fn follows(&self) -> bool {
        self.follows
    }

    /// How many stay lost, and how many of these for good: nobody has a copy.
    pub(in crate::workload) fn lost(&self, population: &Population) -> (u64, u64) {
        let for_good = self.lost.keys().filter(|record| self.holder(population, **record).is_none());
        (self.lost.len() as u64, for_good.count() as u64)
    }
}
