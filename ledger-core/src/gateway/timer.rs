//! One wake-up time for each thing under way.

use crate::ledger::transaction::RecordId;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// An operation of a local user.
    Operation(u64),
    /// A key request of another gateway.
    Ticket(u64),
    /// The version of a record before its last rotation.
    Superseded(RecordId),
}

/// Invariant: `order` and `times` hold the same pairs; so there are no more timers than operations, tickets and old
/// versions.
#[derive(Debug, Default)]
pub(super) struct Timers {
    order: BTreeSet<(Timestamp, Owner)>,
    times: BTreeMap<Owner, Timestamp>,
}

impl Timers {
    /// Replaces the owner's wake-up time.
    pub(super) fn arm(&mut self, owner: Owner, at: Timestamp) {
        self.cancel(owner);
        self.order.insert((at, owner));
        self.times.insert(owner, at);
    }

    /// Moves the owner's wake-up time forward, never back.
    pub(super) fn hasten(&mut self, owner: Owner, at: Timestamp) {
        if self.times.get(&owner).is_none_or(|armed| *armed > at) {
            self.arm(owner, at);
        }
    }

    pub(super) fn cancel(&mut self, owner: Owner) {
        if let Some(at) = self.times.remove(&owner) {
            self.order.remove(&(at, owner));
        }
    }

    /// When the owner wakes up.
    pub(super) fn of(&self, owner: Owner) -> Option<Timestamp> {
        self.times.get(&owner).copied()
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Everyone whose time has come, once.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Vec<Owner> {
        let mut due = Vec::new();
        while let Some((at, owner)) = self.order.first().copied().filter(|(at, _)| *at <= now) {
            self.order.remove(&(at, owner));
            self.times.remove(&owner);
            due.push(owner);
        }
        due
    }
}
