//! The whole state as bytes, for a replica that is too far behind.
//!
//! Canonical: one state, one snapshot. The bytes come from a peer, so restoring checks whatever execution relies on;
//! that it is the *right* state only the quorum-signed state root tells, which the caller compares.

use super::transaction::{Grantee, PartyId};
use super::{
    Access, Claims, Consent, Delegation, Ledger, Packs, Party, Policy, Record, SequenceWindow, Sessions,
    Table, Trials, Wrap,
};
use crate::codec::{self, DecodeError};
use borsh::{BorshDeserialize, BorshSerialize};

const VERSION: u16 = 4;

/// Why bytes are not a state. Never valid: the sender is faulty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Not an encoding.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Of another version of the software.
    #[error("snapshot version {0} where {VERSION} is taken")]
    Version(u16),
    /// A value that no execution leads to: it refers to nothing, or breaks an invariant.
    #[error("entry {index} of table {table} is impossible")]
    Impossible {
        /// Which table.
        table: &'static str,
        /// Which entry.
        index: usize,
    },
}

#[derive(BorshSerialize, BorshDeserialize)]
struct State {
    version: u16,
    policy: Policy,
    parties: Table<Party>,
    sequences: Table<SequenceWindow>,
    decisions: Table<u64>,
    records: Table<Record>,
    consents: Table<Consent>,
    accesses: Table<Access>,
    delegations: Table<Delegation>,
    wraps: Table<Wrap>,
    trials: Trials,
    packs: Packs,
    sessions: Sessions,
    claims: Claims,
}

impl Ledger {
    /// The state as bytes.
    pub fn snapshot(&self) -> Vec<u8> {
        codec::encode(&State {
            version: VERSION,
            policy: self.policy,
            parties: self.parties.clone(),
            sequences: self.sequences.clone(),
            decisions: self.decisions.clone(),
            records: self.records.clone(),
            consents: self.consents.clone(),
            accesses: self.accesses.clone(),
            delegations: self.delegations.clone(),
            wraps: self.wraps.clone(),
            trials: self.trials.clone(),
            packs: self.packs.clone(),
            sessions: self.sessions.clone(),
            claims: self.claims.clone(),
        })
    }

    /// The state of a snapshot. Limit the length before: what is offered is read.
    pub fn restore(bytes: &[u8]) -> Result<Self, RestoreError> {
        if let Some(version) = bytes.first_chunk().map(|version| u16::from_le_bytes(*version))
            && version != VERSION
        {
            return Err(RestoreError::Version(version));
        }
        let state: State = codec::decode(bytes, usize::MAX)?;
        state.check()?;
        let mut ledger = Self::empty(state.policy);
        state.parties.iter().for_each(|party| {
            ledger.push_party(party.clone());
        });
        state.records.iter().for_each(|record| {
            ledger.push_record(record.clone());
        });
        state.consents.iter().for_each(|consent| {
            ledger.push_consent(consent.clone());
        });
        state.delegations.iter().for_each(|delegation| {
            ledger.push_delegation(delegation.clone());
        });
        state.wraps.iter().for_each(|wrap| ledger.push_wrap(wrap.clone()));
        ledger.sequences = state.sequences;
        ledger.decisions = state.decisions;
        ledger.accesses = state.accesses;
        ledger.trials = state.trials;
        ledger.packs = state.packs;
        ledger.packs.chain_alerts();
        ledger.sessions = state.sessions;
        ledger.claims = state.claims;
        ledger.check_claims()?;
        Ok(ledger)
    }
}

impl State {
    fn check(&self) -> Result<(), RestoreError> {
        let party = |id: PartyId| id.index() < self.parties.len();
        for (table, length) in [("sequences", self.sequences.len()), ("decisions", self.decisions.len())] {
            if length != self.parties.len() {
                return Err(RestoreError::Impossible { table, index: length });
            }
        }
        all("parties", &self.parties, |value| value.organisation.is_none_or(party))?;
        all("sequences", &self.sequences, SequenceWindow::is_canonical)?;
        all("records", &self.records, |value| party(value.patient) && party(value.custodian))?;
        all("consents", &self.consents, |value| {
            let grantee = match value.grantee {
                Grantee::Party(id) => party(id),
                Grantee::Everyone(_) => true,
            };
            party(value.patient) && grantee && value.classes.is_canonical() && value.purposes.is_canonical()
        })?;
        all("accesses", &self.accesses, |value| {
            let consent = value.consent.is_none_or(|id| id.index() < self.consents.len());
            value.record.index() < self.records.len()
                && party(value.actor)
                && party(value.organisation)
                && consent
        })?;
        all("delegations", &self.delegations, |value| {
            let above = value.parent.map(|id| self.delegations.get(id.0));
            let parent = above.is_none_or(|above| {
                above.is_some_and(|it| it.patient == value.patient && it.delegate == value.delegator)
            });
            let parties = [value.patient, value.delegator, value.delegate].into_iter().all(party);
            parties && parent && value.reach.is_canonical()
        })?;
        all("wraps", &self.wraps, |value| {
            let record = self.records.get(value.record.0);
            party(value.grantee) && record.is_some_and(|record| value.epoch <= record.epoch)
        })?;
        self.trials.check(self.parties.len())?;
        self.packs.check(self.parties.len())?;
        self.sessions.check(self.parties.len())?;
        self.claims.check(self.parties.len())
    }
}

pub(super) fn all<T>(
    table: &'static str,
    values: &Table<T>,
    holds: impl Fn(&T) -> bool,
) -> Result<(), RestoreError> {
    match values.iter().position(|value| !holds(value)) {
        Some(index) => Err(RestoreError::Impossible { table, index }),
        None => Ok(()),
    }
}
