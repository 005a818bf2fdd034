//! An auditor in the simulated world: it follows what replicas report, keeps every leaf of the log and what concerns one
//! patient, and proves both under a checkpoint that a quorum signed.
//!
//! It changes nothing of the run: it looks at outputs that are carried out anyway. A replica forgets entries beyond a
//! bound; an auditor that follows from the start does not need them again.
//!
//! Bounds: a digest for each log entry, the transactions that are not executed yet, the accesses of one patient, and
//! [`STATES_MAX`] states (which share what they have in common).

use super::World;
use super::node::Machine;
use crate::network::HostId;
use bytes::Bytes;
use ledger_core::audit::{AccessProof, AuditLog, Checkpoint, Entry, PatientAudit};
use ledger_core::codec::List;
use ledger_core::crypto::{ChainId, Digest};
use ledger_core::ledger::Ledger;
use ledger_core::ledger::transaction::{PartyId, Transaction};
use ledger_core::message::{Message, Request};
use ledger_core::replica::{CommitReport, Replica};
use std::collections::BTreeMap;
use std::sync::Arc;

/// States that wait for a quorum's signatures.
const STATES_MAX: usize = 1_024;

/// Why there is no audit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Ordering alone: there are no accesses.
    #[error("the run executes nothing (`ledger.execution: false`): there are no accesses to audit")]
    NothingExecuted,
    /// No checkpoint was certified.
    #[error("no quorum of replicas signed a checkpoint: nothing can be proven")]
    NoCheckpoint,
    /// A commit that nobody reported in its turn.
    #[error("nobody reported commit {0}: the log cannot be followed past it")]
    Gap(u64),
    /// An entry of the patient's whose transaction nobody submitted.
    #[error("the transaction of entry {0} was submitted by nobody: who asked for what cannot be shown")]
    NoTransaction(u64),
    /// The reports are not what the quorum signed.
    #[error("the log that replicas reported up to commit {0} is not the one that a quorum signed")]
    OtherLog(u64),
}

/// See the module.
pub(super) struct Archive {
    patient: PartyId,
    chain: ChainId,
    log: AuditLog,
    /// Last commit followed.
    followed: u64,
    submitted: BTreeMap<Digest, Bytes>,
    accesses: Vec<(u64, Entry, Bytes)>,
    /// After commits, until one of them is certified.
    states: BTreeMap<u64, Ledger>,
    certified: Option<(Arc<Checkpoint>, Ledger)>,
    error: Option<ArchiveError>,
    #[cfg(feature = "seeded-bugs")]
    leaves_out: bool,
}

impl Archive {
    pub fn new(patient: PartyId, chain: ChainId) -> Self {
        Self {
            patient,
            chain,
            log: AuditLog::default(),
            followed: 0,
            submitted: BTreeMap::new(),
            accesses: Vec::new(),
            states: BTreeMap::new(),
            certified: None,
            error: None,
            #[cfg(feature = "seeded-bugs")]
            leaves_out: false,
        }
    }

    /// From now on the auditor keeps silent about one of the accesses.
    #[cfg(feature = "seeded-bugs")]
    pub fn leave_out_an_access(&mut self) {
        self.leaves_out = true;
    }

    /// A message to a replica.
    fn sent(&mut self, bytes: &Bytes) {
        if let Ok(Message::Request(Request::Submit(submitted))) = Message::decode(bytes)
            && let Ok(transaction) = Transaction::decode(self.chain, &submitted)
        {
            self.submitted.insert(transaction.digest, submitted.bytes());
        }
    }

    /// A replica's report of a commit, and the replica, which has executed it and perhaps more.
    fn reported(&mut self, report: &CommitReport, replica: &Replica) {
        if self.error.is_some() || report.index <= self.followed {
            return;
        }
        if report.index != self.followed + 1 {
            self.error = Some(ArchiveError::Gap(self.followed + 1));
            return;
        }
        self.followed = report.index;
        for done in &report.executed {
            let Some(entry) = replica.entry(done.index) else {
                self.error = Some(ArchiveError::Gap(report.index));
                return;
            };
            self.log.append(entry.leaf_hash());
            let transaction = self.submitted.remove(&done.transaction);
            let mut decisions = done.answers.iter().filter_map(|answer| answer.decision);
            if decisions.any(|decision| decision.patient == self.patient) {
                match transaction {
                    Some(transaction) => self.accesses.push((done.index, entry.clone(), transaction)),
                    None => self.error = Some(ArchiveError::NoTransaction(done.index)),
                }
            }
        }
        if replica.status().executed == report.index
            && let Some(ledger) = replica.ledger()
        {
            self.states.insert(report.index, ledger.clone());
            if self.states.len() > STATES_MAX {
                self.states.pop_first();
            }
        }
    }

    /// What a replica has a quorum's signatures for.
    fn certified(&mut self, checkpoint: &Arc<Checkpoint>) {
        let commit = checkpoint.body.commit;
        if let Some(state) = self.states.remove(&commit) {
            self.states.retain(|later, _| *later > commit);
            self.certified = Some((checkpoint.clone(), state));
        }
    }

    /// All accesses up to the last checkpoint.
    pub fn finish(self) -> Result<PatientAudit, ArchiveError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let (checkpoint, state) = self.certified.ok_or(ArchiveError::NoCheckpoint)?;
        let body = &checkpoint.body;
        let other_log = || ArchiveError::OtherLog(body.commit);
        if self.log.root_at(body.size) != Ok(body.root) {
            return Err(other_log());
        }
        let accesses = self.accesses.into_iter().filter(|(index, ..)| *index < body.size);
        let accesses: Option<Vec<AccessProof>> = accesses
            .map(|(index, entry, transaction)| {
                let proof = List::new(self.log.inclusion_proof(index, body.size).ok()?)?;
                Some(AccessProof { entry, index, proof, transaction })
            })
            .collect();
        #[cfg_attr(not(feature = "seeded-bugs"), allow(unused_mut, reason = "a seeded bug changes it"))]
        let mut accesses = accesses.ok_or_else(other_log)?;
        #[cfg(feature = "seeded-bugs")]
        if self.leaves_out && !accesses.is_empty() {
            accesses.remove(accesses.len() / 2);
        }
        let counter = state.prove_decisions(self.patient).ok_or_else(other_log)?;
        Ok(PatientAudit { patient: self.patient, checkpoint: (*checkpoint).clone(), counter, accesses })
    }
}

impl World {
    /// Tells the auditor, if there is one, of a message.
    pub(super) fn archive_sent(&mut self, bytes: &Bytes) {
        if let Some(archive) = &mut self.archive {
            archive.sent(bytes);
        }
    }

    /// Tells the auditor, if there is one, of a commit.
    pub(super) fn archive_reported(&mut self, host: HostId, report: &CommitReport) {
        if let (Some(archive), Some(Machine::Replica(replica))) =
            (&mut self.archive, &self.nodes[host.0 as usize].machine)
        {
            archive.reported(report, replica);
        }
    }

    /// Tells the auditor, if there is one, that a checkpoint was certified.
    pub(super) fn archive_certified(&mut self, host: HostId) {
        if let (Some(archive), Some(Machine::Replica(replica))) =
            (&mut self.archive, &self.nodes[host.0 as usize].machine)
            && let Some(checkpoint) = replica.certified()
        {
            archive.certified(checkpoint);
        }
    }
}
