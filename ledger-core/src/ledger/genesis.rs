//! What exists before the first commit.
//!
//! Nothing is checked but that ids refer to something: the consortium agreed on it, and its state root is part of the
//! chain's identity.

use super::chain::Chains;
use super::index::Index;
use super::supply::{Partnership, Product};
use super::transaction::{ConsentId, PartyId, ProductId, RecordId, Scope};
use super::{Claims, Consent, Ledger, Packs, Party, Policy, Record, Refusal, Sessions, Table, Trials};

/// Builds the first state. One that is built is cloned for every replica, and they share it.
#[derive(Clone, Debug)]
pub struct Genesis(Ledger);

impl Genesis {
    /// Nobody and nothing yet.
    pub fn new(policy: Policy) -> Self {
        Self(Ledger::empty(policy))
    }

    /// More than is there already.
    #[cfg(test)]
    pub(super) fn on(ledger: Ledger) -> Self {
        Self(ledger)
    }

    /// Adds a party with its credential.
    ///
    /// # Panics
    /// If its organisation was not added before.
    pub fn party(&mut self, party: Party) -> PartyId {
        let known = party.organisation.is_none_or(|organisation| self.0.party(organisation).is_some());
        assert!(known, "an organisation is added before its staff");
        self.0.push_party(party)
    }

    /// Adds a record.
    ///
    /// # Panics
    /// If its patient or custodian was not added before.
    pub fn record(&mut self, record: Record) -> RecordId {
        let known = self.0.party(record.patient).is_some() && self.0.party(record.custodian).is_some();
        assert!(known, "patient and custodian are added before the record");
        self.0.push_record(record)
    }

    /// Adds a consent, or a directive if it `denies`.
    ///
    /// # Panics
    /// If its patient was not added before.
    pub fn consent(&mut self, patient: PartyId, denies: bool, scope: &Scope) -> Result<ConsentId, Refusal> {
        assert!(self.0.party(patient).is_some(), "a patient is added before the consent");
        Ok(self.0.push_consent(Consent::new(patient, denies, scope)?))
    }

    /// Adds a product.
    ///
    /// # Panics
    /// If its manufacturer was not added before, or its GTIN was.
    pub fn product(&mut self, product: Product) -> ProductId {
        assert!(self.0.party(product.manufacturer).is_some(), "a manufacturer is added before its products");
        assert!(self.0.packs.product_by_gtin(product.gtin).is_none(), "a GTIN is one product's");
        self.0.packs.push_product(product)
    }

    /// Adds a licence to trade.
    ///
    /// # Panics
    /// If one of the two was not added before, or their licence was.
    pub fn partnership(&mut self, partnership: Partnership) {
        let Partnership { supplier, customer, .. } = partnership;
        let known = self.0.party(supplier).is_some() && self.0.party(customer).is_some();
        assert!(known, "partners are added before their licence");
        assert!(self.0.packs.partnership(supplier, customer).is_none(), "a licence is there once");
        self.0.packs.push_partnership(partnership);
    }

    /// The ledger, its root computed, so that clones share the hashes too.
    pub fn build(self) -> Ledger {
        self.0.state_root();
        self.0
    }
}

impl Ledger {
    /// A builder of a first state.
    pub fn genesis(policy: Policy) -> Genesis {
        Genesis::new(policy)
    }

    pub(super) fn empty(policy: Policy) -> Self {
        Self {
            policy,
            parties: Table::default(),
            sequences: Table::default(),
            decisions: Table::default(),
            records: Table::default(),
            consents: Table::default(),
            accesses: Table::default(),
            delegations: Table::default(),
            wraps: Table::default(),
            trials: Trials::default(),
            packs: Packs::default(),
            sessions: Sessions::default(),
            claims: Claims::default(),
            party_keys: Index::default(),
            commitments: Index::default(),
            consent_chains: Chains::default(),
            directives: Table::default(),
            directive_chains: Chains::default(),
            delegation_chains: Chains::default(),
            wrap_chains: Chains::default(),
            accounts: None,
            #[cfg(feature = "seeded-bugs")]
            bug: None,
        }
    }
}
