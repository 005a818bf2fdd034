//! The workload's own account of keys: who was given a wrap of which record, which records need another key, and what
//! is to be done about it next.
//!
//! * A grant is followed by a **rewrap**: the patient's agent wraps the key of one record that the consent covers to the
//!   grantee. Of a genesis record it has the wrap from the custodian that imported it ([`Population::imported_key`]).
//! * A revocation is followed by a **rotation** of every record of which the grantee has a wrap: at once if rotation is
//!   eager; if it is lazy, before such a record's key is next wrapped to anybody. The other grantees are given wraps of
//!   the new key.
//!
//! Bounds: [`DUE_MAX`] things to do; what goes beyond is left undone.

use crate::document;
use crate::plan::Rotation;
use crate::population::{Population, RecordInfo};
use ledger_core::crypto::ChainId;
use ledger_core::gateway::{Completion, End, Held};
use ledger_core::ledger::transaction::{Outcome, PartyId, RecordClass, RecordId};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

const DUE_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub(in crate::workload) struct Keys {
    /// Whether any workload does key work: nothing is remembered otherwise.
    tracks: bool,
    eager: bool,
    known: BTreeMap<RecordId, Key>,
    /// Of each patient, the record last registered in the run.
    latest: BTreeMap<PartyId, RecordId>,
    /// Records of which a grantee has a wrap, by patient and grantee.
    given: BTreeMap<(PartyId, PartyId), BTreeSet<RecordId>>,
    due: VecDeque<Due>,
}

#[derive(Debug)]
struct Key {
    info: RecordInfo,
    /// Where its last version lies, or one that may have been committed.
    locator: [u8; 16],
    /// What the agent knows of the present key; none: a rotation ended without an answer.
    held: Option<Arc<Held>>,
    wrapped_to: BTreeSet<PartyId>,
    /// Somebody whose consent was withdrawn has a wrap.
    stale: bool,
    /// Something is under way.
    busy: bool,
}

#[derive(Clone, Debug)]
enum Due {
    Grant { patient: PartyId, grantee: PartyId, classes: &'static [RecordClass] },
    Rewrap { record: RecordId, grantee: PartyId },
    Rotate(RecordId),
}

/// What is to be done next.
#[derive(Clone, Debug)]
pub(super) enum KeyWork {
    Rewrap { record: RecordId, info: RecordInfo, grantee: PartyId, held: Arc<Held> },
    Rotate { record: RecordId, info: RecordInfo, locator: [u8; 16] },
}

impl Keys {
    pub(super) fn track(&mut self, rotation: Rotation) {
        self.tracks = true;
        self.eager |= rotation == Rotation::Eager;
    }

    /// The next thing that can be done, and is under way from now on.
    pub(super) fn take(&mut self, population: &Population, chain: ChainId) -> Option<KeyWork> {
        for _ in 0..self.due.len().min(super::ATTEMPTS) {
            let due = self.due.pop_front()?;
            let due = match due {
                Due::Grant { patient, grantee, classes } => {
                    let Some(record) = self.covered(population, patient, classes) else { continue };
                    Due::Rewrap { record, grantee }
                }
                Due::Rewrap { .. } | Due::Rotate(_) => due,
            };
            let (Due::Rewrap { record, .. } | Due::Rotate(record)) = due else { continue };
            let Some(key) = self.key(population, chain, record) else { continue };
            if key.busy {
                self.push(due);
                continue;
            }
            let info = key.info;
            match (&due, &key.held) {
                (Due::Rewrap { grantee, .. }, Some(held)) if !key.stale => {
                    let (grantee, held) = (*grantee, held.clone());
                    key.busy = true;
                    return Some(KeyWork::Rewrap { record, info, grantee, held });
                }
                _ => {
                    let Some(locator) = document::next_version(population.seed(), key.locator) else {
                        continue;
                    };
                    (key.locator, key.busy) = (locator, true);
                    if matches!(due, Due::Rewrap { .. }) {
                        self.due.push_front(due);
                    }
                    return Some(KeyWork::Rotate { record, info, locator });
                }
            }
        }
        None
    }

    /// A record that a consent covers: the last one that was registered, else one of genesis.
    fn covered(
        &self,
        population: &Population,
        patient: PartyId,
        classes: &[RecordClass],
    ) -> Option<RecordId> {
        let fits = |id: &RecordId| {
            let info = self.known.get(id).map(|key| key.info).or_else(|| population.record(*id));
            info.is_some_and(|info| classes.contains(&info.class))
        };
        let latest = self.latest.get(&patient).copied().filter(|id| fits(id));
        latest.or_else(|| {
            let each = population.records().checked_div(population.patients()).unwrap_or(0);
            let first = population.patient_index(patient)? * each;
            (first..first + each).map(|id| RecordId(id as u32)).find(fits)
        })
    }

    fn key(&mut self, population: &Population, chain: ChainId, record: RecordId) -> Option<&mut Key> {
        match self.known.entry(record) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(unknown) => {
                let info = population.record(record)?;
                let held = population.imported_key(chain, record).map(Arc::new);
                Some(unknown.insert(Key::new(info, held)))
            }
        }
    }

    pub(super) fn registered(&mut self, record: RecordId, info: RecordInfo, completion: &Completion) {
        if self.tracks {
            self.known.insert(record, Key::new(info, completion.held.clone()));
            self.latest.insert(info.patient, record);
        }
    }

    pub(super) fn granted(&mut self, patient: PartyId, grantee: PartyId, classes: &'static [RecordClass]) {
        self.push(Due::Grant { patient, grantee, classes });
    }

    /// A consent for a grantee is withdrawn.
    pub(super) fn revoked(&mut self, patient: PartyId, grantee: PartyId) {
        for record in self.given.remove(&(patient, grantee)).into_iter().flatten() {
            let Some(key) = self.known.get_mut(&record) else { continue };
            key.stale = true;
            key.wrapped_to.remove(&grantee);
            if self.eager {
                self.push(Due::Rotate(record));
            }
        }
    }

    /// A rewrap ended.
    pub(super) fn rewrapped(&mut self, record: RecordId, grantee: PartyId, end: End) {
        let Some(key) = self.known.get_mut(&record) else { return };
        key.busy = false;
        if matches!(end, End::Done(Outcome::KeyRewrapped(_))) {
            key.wrapped_to.insert(grantee);
            self.given.entry((key.info.patient, grantee)).or_default().insert(record);
        }
    }

    /// A rotation ended. Who had a wrap of the key before is to have one of this.
    pub(super) fn rotated(&mut self, record: RecordId, completion: &Completion) {
        let Some(key) = self.known.get_mut(&record) else { return };
        key.busy = false;
        match completion.end {
            End::Done(Outcome::KeyRotated { .. }) => {
                key.held = completion.held.clone();
                key.locator = completion.held.as_ref().map_or(key.locator, |held| held.locator);
                key.stale = false;
                for grantee in std::mem::take(&mut key.wrapped_to) {
                    self.push(Due::Rewrap { record, grantee });
                }
            }
            End::Refused(_) | End::KeyRefused(_) | End::Rejected | End::Overloaded => {}
            // It may have been committed all the same: the agent's wrap may be void.
            End::Done(_) | End::Answered | End::Corrupt | End::TimedOut => key.held = None,
        }
    }

    /// A record is given up for good.
    pub(super) fn erased(&mut self, record: RecordId, patient: PartyId) {
        self.known.remove(&record);
        self.given.values_mut().for_each(|records| {
            records.remove(&record);
        });
        if self.latest.get(&patient) == Some(&record) {
            self.latest.remove(&patient);
        }
    }

    fn push(&mut self, due: Due) {
        if self.tracks && self.due.len() < DUE_MAX {
            self.due.push_back(due);
        }
    }
}

impl Key {
    fn new(info: RecordInfo, held: Option<Arc<Held>>) -> Self {
        let locator = held.as_ref().map_or(info.locator, |held| held.locator);
        Self { info, locator, held, wrapped_to: BTreeSet::new(), stale: false, busy: false }
    }
}
