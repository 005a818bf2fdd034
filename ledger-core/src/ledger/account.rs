//! On what ground the ledger decided, for those who asked to be told. The rules themselves say so where they decide;
//! nothing here decides anything, is part of the state, or costs anything while nobody asks.

use super::consent::Consent;
use super::delegation::Delegation;
use super::transaction::{ConsentId, DelegationId, Label, PartyId, Purpose, RecordClass, RecordId};
use super::{Actor, Ledger};
use crate::time::Timestamp;

/// Why an action was answered as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// Access was decided.
    Access(AccessAccount),
    /// Somebody decided for a patient.
    Authority {
        /// For whom.
        patient: PartyId,
        /// The delegation relied on, as it was; `None`: the patient's own word.
        delegation: Option<(DelegationId, Delegation)>,
    },
}

/// A decision about access to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessAccount {
    /// When, in commit time.
    pub at: Timestamp,
    /// Who asked.
    pub actor: PartyId,
    /// For whom.
    pub organisation: PartyId,
    /// Why.
    pub purpose: Purpose,
    /// Which record, what it is, and whose.
    pub record: RecordId,
    /// Its kind.
    pub class: RecordClass,
    /// Its label.
    pub label: Label,
    /// Whose it is.
    pub patient: PartyId,
    /// Which rule decided.
    pub ground: Ground,
    /// The consent or directive of the ground, as it was then.
    pub consent: Option<Consent>,
    /// How many consents and directives the patient had given then, withdrawn and expired ones included.
    pub given: u32,
}

/// The rule that decided about an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The record's key is given up: nobody reads it.
    KeyShredded,
    /// The patient reads what is the patient's own.
    Own,
    /// The purpose is none of the tree.
    UnknownPurpose,
    /// A directive forbids it.
    Directive(ConsentId),
    /// A consent permits it.
    Consent(ConsentId),
    /// No consent permits it; this one came nearest, if there is one for this reader.
    NoConsent(Option<ConsentId>),
    /// An emergency, which stands outside consent.
    Emergency,
    /// An emergency without a reason, or for longer than the policy allows.
    BadEmergency,
}

impl Ground {
    fn consent(self) -> Option<ConsentId> {
        match self {
            Self::Directive(id) | Self::Consent(id) => Some(id),
            Self::NoConsent(nearest) => nearest,
            Self::KeyShredded | Self::Own | Self::UnknownPurpose => None,
            Self::Emergency | Self::BadEmergency => None,
        }
    }
}

impl Ledger {
    /// From now on every decision is accounted for: see [`take_accounts`](Self::take_accounts).
    pub fn explain(&mut self) {
        self.accounts = Some(Vec::new());
    }

    /// The accounts of what was executed since the last call, one for each action that was looked at, in order; `None`
    /// where the outcome says everything.
    pub fn take_accounts(&mut self) -> Vec<Option<Account>> {
        self.accounts.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// An action was answered, and how many accounts there were before it.
    pub(super) fn acted(&mut self, before: usize) {
        if let Some(accounts) = &mut self.accounts {
            accounts.truncate(before + 1);
            accounts.resize(before + 1, None);
        }
    }

    pub(super) fn accounts_len(&self) -> usize {
        self.accounts.as_ref().map_or(0, Vec::len)
    }

    pub(super) fn account_for_access(
        &mut self,
        at: Timestamp,
        actor: &Actor,
        (record, purpose): (RecordId, Purpose),
        ground: Ground,
    ) {
        if self.accounts.is_none() {
            return;
        }
        let Some(row) = self.record(record) else { return };
        let account = AccessAccount {
            at,
            actor: actor.id,
            organisation: actor.organisation,
            purpose,
            record,
            class: row.class,
            label: row.label,
            patient: row.patient,
            ground,
            consent: ground.consent().and_then(|id| self.consent(id)).cloned(),
            given: self.consent_chains.length(row.patient.0),
        };
        self.account(Account::Access(account));
    }

    pub(super) fn account_for_authority(&mut self, patient: PartyId, held: Option<DelegationId>) {
        if self.accounts.is_some() {
            let delegation = held.and_then(|id| Some((id, self.delegation(id)?.clone())));
            self.account(Account::Authority { patient, delegation });
        }
    }

    fn account(&mut self, account: Account) {
        if let Some(accounts) = &mut self.accounts {
            accounts.push(Some(account));
        }
    }

    /// Every table with the number of its rows.
    pub fn sizes(&self) -> Vec<(&'static str, usize)> {
        let mut sizes = vec![
            ("parties", self.parties.len()),
            ("records", self.records.len()),
            ("consents", self.consents.len()),
            ("directives", self.directives.len()),
            ("accesses", self.accesses.len()),
            ("delegations", self.delegations.len()),
            ("wraps", self.wraps.len()),
        ];
        let (trials, packs, sessions, claims) = (self.trials(), self.packs(), self.sessions(), self.claims());
        sizes.extend([
            ("trials", trials.trials().len()),
            ("trials.subjects", trials.subjects().len()),
            ("supply.products", packs.products().len()),
            ("supply.lots", packs.lots().len()),
            ("supply.packs", packs.packs().len()),
            ("supply.containers", packs.containers().len()),
            ("supply.alerts", packs.alerts().len()),
            ("telemedicine.sessions", sessions.sessions().len()),
            ("telemedicine.batches", sessions.batches().len()),
            ("telemedicine.triages", sessions.triages().len()),
            ("telemedicine.prescriptions", sessions.prescriptions().len()),
            ("claims", claims.claims().len()),
        ]);
        sizes
    }
}
