//! What is kept of genesis records elsewhere than at their custodians: keys by patients' agents, sealed copies at
//! patients' homes.
//!
//! A record that is registered brings its wrap to the ledger. Those of genesis were imported: their custodians wrapped
//! each key to its patient and gave the wrap to the patient's agent, off the ledger, where a placeholder stands
//! ([`GENESIS_WRAP`](super::GENESIS_WRAP)). 600,000 wraps would take 50 seconds of setup; each is a function of the
//! seed instead, made when somebody first needs it.

use super::Population;
use ledger_core::codec::Blob;
use ledger_core::crypto::{ChainId, Digest};
use ledger_core::gateway::{Held, SealedBlob};
use ledger_core::ledger::transaction::{PartyId, RecordId};
use ledger_core::seal;

impl Population {
    /// What the patient's agent has of the first key of a genesis record: one HPKE wrap, 90 µs. `None` of other records.
    pub fn imported_key(&self, chain: ChainId, id: RecordId) -> Option<Held> {
        let record = self.ledger.record(id)?;
        let secret = self.vault_secret(self.gateway(record.custodian)?);
        let version = (record.locator, record.commitment);
        Held::imported(&secret, version, &self.wrap_public(record.patient), chain)
    }

    /// The commitment to the first version of a genesis record.
    pub fn imported_commitment(&self, id: RecordId) -> Option<Digest> {
        Some(self.ledger.record(id)?.commitment)
    }

    /// Who has a sealed copy of the first version of a genesis record, beside its custodian: the patient's home, which
    /// was sent a report on what others did. None of what the home itself keeps.
    pub fn copy_holder(&self, id: RecordId) -> Option<PartyId> {
        let record = self.ledger.record(id)?;
        let home = self.home_of(self.patient_index(record.patient)?);
        (home != record.custodian).then_some(home)
    }

    /// That copy.
    pub fn sealed_copy(&self, id: RecordId) -> Option<SealedBlob> {
        let record = self.ledger.record(id)?;
        let secret = self.vault_secret(self.gateway(record.custodian)?);
        let (key, _) = seal::derive(&secret, &record.locator);
        let document = crate::document::content(&self.seed, record.locator);
        Blob::new(seal::seal(&key, &record.commitment, &document))
    }
}
