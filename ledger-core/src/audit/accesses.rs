//! Every access to a patient's records, provably all of them.
//!
//! One checkpoint, signed by a quorum after one commit, binds the log *and* the state. So the proof has two halves:
//!
//! * each decision is an entry of that log (RFC 6962), and with it travels the signed transaction whose digest the entry
//!   names: who asked, for which organisation, for what and why is therefore the actor's own signed word;
//! * the patient's counter in that state says how many decisions there were. The ledger numbers them 1, 2, 3, … without
//!   a gap, permits and refusals alike. Who leaves one out leaves out its number; who leaves out the last ones is short
//!   of the counter, and the counter cannot be changed without the quorum's signatures.
//!
//! What is proven holds up to the checkpoint's commit, and says nothing of what came after it. A document that its own
//! custodian reads outside the ledger is no access that the ledger could count.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::log::{PROOF_NODES_MAX, ProofError, verify_inclusion};
use super::receipt::Entry;
use crate::codec::{DecodeError, List};
use crate::committee::Committee;
use crate::crypto::{Digest, SignatureVerifier};
use crate::ledger::transaction::{Action, ConsentId, Outcome, PartyId, Purpose, RecordId, Transaction};
use crate::ledger::{StateProof, StateProofError};
use crate::time::Timestamp;
use bytes::Bytes;

/// An entry in which access to the patient's records was decided, and what it decided about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessProof {
    /// What was logged.
    pub entry: Entry,
    /// Where in the log.
    pub index: u64,
    /// RFC 6962 audit path to the checkpoint's root.
    pub proof: List<Digest, PROOF_NODES_MAX>,
    /// The signed transaction that the entry names.
    pub transaction: Bytes,
}

/// All accesses to one patient's records up to a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientAudit {
    /// Whose records.
    pub patient: PartyId,
    /// Signed by a quorum: binds log and state.
    pub checkpoint: Checkpoint,
    /// Of the patient's counter, under the checkpoint's state root.
    pub counter: StateProof,
    /// In ascending order of index.
    pub accesses: Vec<AccessProof>,
}

/// One decision, proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProvenAccess {
    /// The how-manieth decision about this patient's records, from 1.
    pub counter: u64,
    /// Index of its entry in the log.
    pub index: u64,
    /// Index of its commit.
    pub commit: u64,
    /// Time of its commit.
    pub at: Timestamp,
    /// Identity of its transaction.
    pub transaction: Digest,
    /// Who asked.
    pub actor: PartyId,
    /// For which organisation.
    pub organisation: PartyId,
    /// Which record.
    pub record: RecordId,
    /// On which ground.
    pub asked: Asked,
    /// Permit or refusal.
    pub outcome: Outcome,
}

/// On which ground access was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// For a purpose.
    Purpose {
        /// Which.
        purpose: Purpose,
        /// The consent named; `None`: any.
        consent: Option<ConsentId>,
    },
    /// In an emergency, outside consent.
    BreakGlass {
        /// Commitment to the reason.
        reason: Digest,
        /// For how long, nanoseconds.
        window_ns: u64,
    },
}

/// Why an audit proves nothing. Never valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum AuditError {
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("the patient's access counter: {0}")]
    Counter(#[from] StateProofError),
    #[error("entry {index}: {error}")]
    Inclusion { index: u64, error: ProofError },
    #[error("entry {index} says that it is of commit {entry}, after the checkpoint of commit {checkpoint}")]
    CommitOrder { index: u64, entry: u64, checkpoint: u64 },
    #[error("entry {0} is listed twice or out of order")]
    Order(u64),
    #[error("entry {0} decides nothing about this patient's records")]
    Unrelated(u64),
    #[error("the transaction of entry {index}: {error}")]
    Transaction { index: u64, error: DecodeError },
    #[error("the transaction of entry {0} is another one than the entry names")]
    OtherTransaction(u64),
    #[error("the transaction of entry {0} is not signed by its actor")]
    BadSignature(u64),
    #[error("an access is left out: number {expected} is missing, entry {index} is number {found}")]
    Missing { index: u64, expected: u64, found: u64 },
    #[error("accesses are left out: {listed} are listed, and the signed state counts {counted}")]
    MissingLast { listed: u64, counted: u64 },
}

impl PatientAudit {
    /// Every access, if a quorum of the committee vouches for each, and for there being no other.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(
        &self,
        committee: &Committee,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<Vec<ProvenAccess>, AuditError> {
        let body = &self.checkpoint.body;
        let counted = self.counter.decisions(self.patient, &body.state_root)?;
        let mut proven: Vec<ProvenAccess> = Vec::new();
        let (mut checks, mut before) = (Vec::new(), None);
        for access in &self.accesses {
            if before.replace(access.index) >= Some(access.index) {
                return Err(AuditError::Order(access.index));
            }
            let transaction = self.prove(committee, access, &mut proven)?;
            checks.push(transaction.check(committee.chain()));
        }
        let listed = proven.len() as u64;
        if listed != counted {
            return Err(AuditError::MissingLast { listed, counted });
        }
        self.checkpoint.verify(committee, verifier)?;
        let verdicts = verifier.verify(&checks);
        let unsigned = self.accesses.iter().zip(verdicts).find(|(_, valid)| !valid);
        unsigned.map_or(Ok(proven), |(access, _)| Err(AuditError::BadSignature(access.index)))
    }

    /// Adds the decisions of one entry; its transaction's signature remains to be checked.
    fn prove(
        &self,
        committee: &Committee,
        access: &AccessProof,
        proven: &mut Vec<ProvenAccess>,
    ) -> Result<Transaction, AuditError> {
        let (body, AccessProof { entry, index, .. }) = (&self.checkpoint.body, access);
        let index = *index;
        if entry.commit > body.commit {
            return Err(AuditError::CommitOrder { index, entry: entry.commit, checkpoint: body.commit });
        }
        verify_inclusion(&entry.leaf_hash(), index, body.size, &access.proof, &body.root)
            .map_err(|error| AuditError::Inclusion { index, error })?;
        let transaction = Transaction::decode(committee.chain(), &access.transaction)
            .map_err(|error| AuditError::Transaction { index, error })?;
        let asked = &transaction.body;
        if transaction.digest != entry.transaction
            || asked.actor != entry.actor
            || asked.actions.len() != entry.answers.len()
        {
            return Err(AuditError::OtherTransaction(index));
        }
        let known = proven.len();
        for (action, answer) in asked.actions.iter().zip(entry.answers.iter()) {
            let Some(decision) = answer.decision.filter(|decision| decision.patient == self.patient) else {
                continue;
            };
            let (expected, found) = (proven.len() as u64 + 1, decision.counter);
            if found != expected {
                return Err(AuditError::Missing { index, expected, found });
            }
            let (record, asked_for) = ground(action).ok_or(AuditError::OtherTransaction(index))?;
            proven.push(ProvenAccess {
                counter: found,
                index,
                commit: entry.commit,
                at: entry.commit_time,
                transaction: entry.transaction,
                actor: asked.actor,
                organisation: asked.organisation,
                record,
                asked: asked_for,
                outcome: answer.outcome,
            });
        }
        if proven.len() == known {
            return Err(AuditError::Unrelated(index));
        }
        Ok(transaction)
    }
}

/// Of the actions about which access is decided.
fn ground(action: &Action) -> Option<(RecordId, Asked)> {
    match *action {
        Action::RequestAccess { record, purpose, consent } => {
            Some((record, Asked::Purpose { purpose, consent }))
        }
        Action::BreakGlass { record, reason, window_ns } => {
            Some((record, Asked::BreakGlass { reason, window_ns }))
        }
        // A quorum signs no decision on anything else.
        Action::RegisterParty { .. }
        | Action::RevokeCredential { .. }
        | Action::RegisterRecord { .. }
        | Action::GrantConsent { .. }
        | Action::DenyDirective { .. }
        | Action::RevokeConsent { .. }
        | Action::ReviewBreakGlass { .. }
        | Action::DelegateAuthority { .. }
        | Action::RewrapKey { .. }
        | Action::RotateKey { .. }
        | Action::ShredKey { .. } => None,
    }
}

#[cfg(test)]
mod tests;
