//! Proofs of single values against the state root that a quorum signs.
//!
//! The log says what was decided; only the state says how much was. A patient's access counter, proven against the
//! state root of the very checkpoint that covers the log, is therefore what turns a list of accesses into *all* of them.
//! A record, proven the same way, tells a patient's agent which wrap is the present one, on the word of a quorum.
//!
//! A proof shows the sixteen neighbours of what it proves, since a leaf is hashed whole: whoever is given the proof of a
//! patient's counter also learns the counters of up to fifteen parties registered beside them.

use super::table::{LEAF_BYTES_MAX, TableProof};
use super::transaction::{PartyId, RecordId};
use super::{Ledger, Policy, Record};
use crate::codec::{self, List};
use crate::crypto::{Digest, Domain};
use borsh::{BorshDeserialize, BorshSerialize};

/// Tables under the state root.
pub(super) const TABLES: usize = 8;
/// Most tables that a proof of any version names.
const TABLES_MAX: usize = 64;
const DECISIONS: usize = 2;
const RECORDS: usize = 3;

/// That a table of the state holds a value. What it proves depends on what it is asked: see its methods.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateProof {
    policy: Policy,
    roots: List<Digest, TABLES_MAX>,
    table: TableProof,
}

/// Why a proof proves nothing. Never valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateProofError {
    /// The tables are not those under the state root.
    #[error("its tables are not those under the state root")]
    StateRoot,
    /// The value is not where the table's root has it.
    #[error("its value is not the one under the root of the table `{0}`")]
    Table(&'static str),
}

/// What is signed of policy and tables.
pub(super) fn state_root(policy: &Policy, roots: &[Digest; TABLES]) -> Digest {
    Digest::sha256(&[Domain::State.tag(), &codec::encode(policy), &codec::encode(roots)])
}

impl Ledger {
    /// Proof of how many decisions were made about a party's records; see [`StateProof::decisions`].
    pub fn prove_decisions(&self, patient: PartyId) -> Option<StateProof> {
        self.proof_with(self.decisions.prove(patient.0)?)
    }

    /// Proof of a record; see [`StateProof::record`].
    pub fn prove_record(&self, record: RecordId) -> Option<StateProof> {
        self.proof_with(self.records.prove(record.0)?)
    }

    fn proof_with(&self, table: TableProof) -> Option<StateProof> {
        let roots = List::new(self.table_roots().to_vec())?;
        Some(StateProof { policy: self.policy, roots, table })
    }
}

impl StateProof {
    /// Most bytes of an encoding.
    pub const BYTES_MAX: usize = LEAF_BYTES_MAX + 8 * 1024;

    /// How many decisions about access a patient's records had seen in the state of this root: the last of their
    /// counters, which run from 1 without a gap.
    pub fn decisions(&self, patient: PartyId, root: &Digest) -> Result<u64, StateProofError> {
        self.value(DECISIONS, "decisions", patient.0, root)
    }

    /// The record in the state of this root.
    pub fn record(&self, record: RecordId, root: &Digest) -> Result<Record, StateProofError> {
        self.value(RECORDS, "records", record.0, root)
    }

    fn value<T>(&self, table: usize, name: &'static str, id: u32, root: &Digest) -> Result<T, StateProofError>
    where
        T: BorshSerialize + BorshDeserialize,
    {
        let roots: &[Digest; TABLES] = self.roots[..].try_into().map_err(|_| StateProofError::StateRoot)?;
        if state_root(&self.policy, roots) != *root {
            return Err(StateProofError::StateRoot);
        }
        self.table.value(name, id, &roots[table]).ok_or(StateProofError::Table(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use crate::crypto::SecretKey;
    use crate::ledger::transaction::Role;
    use crate::ledger::{Credential, Party};

    fn ledger(patients: u8, decided: &[(u32, u64)]) -> Ledger {
        let mut genesis = Ledger::genesis(Policy::default());
        for n in 0..patients {
            let key = SecretKey::from_seed([n; 32]).public();
            let (role, organisation, credential) = (Role::Patient, None, Credential::ALWAYS);
            genesis.party(Party { key, wrap_key: [0; 32], role, organisation, credential });
        }
        let mut ledger = genesis.build();
        for (patient, times) in decided {
            (0..*times).for_each(|_| {
                ledger.count_decision(PartyId(*patient));
            });
        }
        ledger
    }

    #[test]
    fn a_counter_is_proven_against_the_state_root_and_no_other() {
        let ledger = ledger(40, &[(0, 3), (17, 5), (39, 1)]);
        let root = ledger.state_root();
        for (patient, counter) in [(0, 3), (1, 0), (17, 5), (38, 0), (39, 1)] {
            let proof = ledger.prove_decisions(PartyId(patient)).unwrap();
            let read: StateProof = decode(&encode(&proof), StateProof::BYTES_MAX).unwrap();
            assert_eq!(read.decisions(PartyId(patient), &root), Ok(counter));
        }
        assert!(ledger.prove_decisions(PartyId(40)).is_none());
        let proof = ledger.prove_decisions(PartyId(17)).unwrap();
        // Of the same leaf it proves the neighbours too; of another leaf, another table or another state nothing.
        assert_eq!(proof.decisions(PartyId(16), &root), Ok(0));
        assert_eq!(proof.decisions(PartyId(39), &root), Err(StateProofError::Table("decisions")));
        assert_eq!(proof.decisions(PartyId(77), &root), Err(StateProofError::Table("decisions")));
        assert_eq!(proof.record(RecordId(17), &root), Err(StateProofError::Table("records")));
        let later = {
            let mut later = ledger.clone();
            later.count_decision(PartyId(17));
            later.state_root()
        };
        assert_eq!(proof.decisions(PartyId(17), &later), Err(StateProofError::StateRoot));
    }

    /// No bit of a proof can be flipped: an auditor that wants to hide an access has nothing to change.
    #[test]
    fn every_bit_of_a_proof_counts() {
        let ledger = ledger(40, &[(17, 5)]);
        let root = ledger.state_root();
        let bytes = encode(&ledger.prove_decisions(PartyId(17)).unwrap());
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let proof = decode::<StateProof>(&bad, StateProof::BYTES_MAX);
            let proven = proof.ok().and_then(|proof| proof.decisions(PartyId(17), &root).ok());
            assert_eq!(proven, None, "bit {bit}");
        }
    }
}
