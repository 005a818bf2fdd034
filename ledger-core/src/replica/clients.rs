//! Gateways and what they wait for.
//!
//! A submission is answered with a receipt once its entry is under a certified checkpoint. A repetition is answered
//! like the first, as long as the first is remembered ([`ANSWERED_MAX`] executed transactions).

use super::{Executed, Replica};
use crate::audit::{Checkpoint, Entry, Receipt};
use crate::block::Block;
use crate::codec::List;
use crate::committee::Committee;
use crate::crypto::{Digest, FixedMap, Signature};
use crate::ledger::transaction::{Answer, Refusal, Transaction};
use crate::ledger::{Ledger, PermitStatus};
use crate::message::{Message, Reply, Request};
use crate::seam::{Lane, Peer};
use crate::time::Timestamp;
use crate::work::CheckedTransaction;
use bytes::Bytes;
use smallvec::{SmallVec, smallvec};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Executed transactions remembered for repetitions.
pub const ANSWERED_MAX: usize = 64 * 1024;
/// Submissions that may wait for an answer; beyond it the answer is `Busy`.
pub const WAITING_MAX: usize = 256 * 1024;
/// Peers that may wait for one submission.
const WAITING_PER_SUBMISSION_MAX: usize = 4;

/// Ordered and executed soon.
struct Submitted {
    /// Who waits for it.
    peers: SmallVec<[Peer; 1]>,
    /// The signature that was found valid with it, where transactions are executed.
    signature: Option<Signature>,
    /// What was submitted.
    bytes: Bytes,
}

#[derive(Default)]
pub(super) struct Clients {
    /// Submitted here and not executed yet.
    submitted: FixedMap<Digest, Submitted>,
    /// Where nothing is executed: the names of what is in `submitted` in order of submission, which is that of own blocks,
    /// so that their items are compared and not hashed. Names of what has left `submitted` may still be here.
    names: VecDeque<Digest>,
    /// Executed here lately: index in the log.
    executed: FixedMap<Digest, u64>,
    order: VecDeque<Digest>,
    /// Executed, waiting for a checkpoint: who, by index in the log.
    waiting: BTreeMap<u64, SmallVec<[Peer; 1]>>,
    /// Whether execution began at a snapshot: transactions before it are not remembered.
    restored: bool,
    /// Ordered without execution, to be answered at once.
    ordered: Vec<(Digest, u64, Peer)>,
}

impl Clients {
    /// Submissions not executed yet, and entries whose receipts wait for a checkpoint.
    pub fn waiting(&self) -> [usize; 2] {
        [self.submitted.len(), self.waiting.len()]
    }

    /// Takes note of what was executed. With a ledger, answers wait for a checkpoint.
    pub fn executed(&mut self, executed: &[Executed], commit: u64, with_ledger: bool) {
        for done in executed {
            let submitted = self.submitted.remove(&done.transaction);
            let peers = submitted.map(|submitted| submitted.peers).unwrap_or_default();
            if with_ledger {
                self.remember(done);
                // After a snapshot, a stale sequence may be a repetition of what was executed before it. Only a replica
                // that remembers can tell: the gateway will ask another.
                let stale = done.answers.first().and_then(Answer::refusal) == Some(Refusal::StaleSequence);
                let unknown = self.restored && stale;
                if !peers.is_empty() && !unknown {
                    self.waiting.entry(done.index).or_default().extend(peers);
                }
            } else {
                self.ordered.extend(peers.into_iter().map(|peer| (done.transaction, commit, peer)));
            }
        }
    }

    /// The name under which an item of an own block was submitted: its SHA-256.
    pub fn name(&mut self, item: &[u8]) -> Digest {
        while let Some(name) = self.names.front().copied() {
            let submitted = self.submitted.get(&name);
            if submitted.is_some_and(|submitted| submitted.bytes != item) {
                // Proposed in another order than submitted, after its block was dropped.
                break;
            }
            self.names.pop_front();
            if submitted.is_some() {
                return name;
            }
        }
        Digest::sha256(&[item])
    }

    /// Of an own block's items, which have passed the check of their submission, signature included.
    pub fn known(&self, committee: &Committee, block: &Block) -> Vec<bool> {
        let known = |item: &[u8]| {
            let (digest, signature) = Transaction::identify(committee.chain(), item)?;
            Some(self.submitted.get(&digest)?.signature == Some(signature))
        };
        block.payload().iter().map(|item| known(item).unwrap_or(false)).collect()
    }

    /// Submissions that wait for an answer.
    pub fn pending(&self) -> usize {
        self.submitted.len() + self.waiting.len()
    }

    /// Executed transactions remembered.
    pub fn remembered(&self) -> usize {
        self.order.len()
    }

    /// Execution goes on from a snapshot. What is `open` is answered when it is executed; of the rest it is not known what
    /// became of it: who waits for that, in the order of names.
    fn restored(&mut self, open: &BTreeSet<&Bytes>) -> BTreeMap<Digest, Submitted> {
        let (kept, forgotten): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.submitted).into_iter().partition(|(_, it)| open.contains(&it.bytes));
        self.submitted.extend(kept);
        self.names.retain(|name| self.submitted.contains_key(name));
        self.waiting.clear();
        self.restored = true;
        forgotten
    }

    fn remember(&mut self, done: &Executed) {
        if self.executed.contains_key(&done.transaction) {
            // A repetition was refused: the first outcome stands.
            return;
        }
        if self.order.len() == ANSWERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.executed.remove(&oldest);
        }
        self.executed.insert(done.transaction, done.index);
        self.order.push_back(done.transaction);
    }
}

impl Replica {
    pub(super) fn answer(&mut self, now: Timestamp, from: Peer, request: Request) {
        let asks = !matches!(request, Request::Submit(_));
        if asks && self.execution.state().is_none() {
            if !self.execution.defer(from, request) {
                self.dropped += 1;
            }
            return;
        }
        match request {
            Request::Submit(bytes) => self.submit(now, from, bytes.bytes()),
            Request::PermitStatus { access, check } => {
                let (time, commit) = (self.execution.time(), self.execution.executed());
                let ledger = self.execution.state().and_then(|state| state.ledger.as_ref());
                let current = ledger.filter(|_| commit >= self.vouched_for);
                let status =
                    current.map_or(PermitStatus::Unknown, |ledger| ledger.permit_status(access, time));
                self.reply(from, Reply::PermitStatus { access, check, status, commit });
            }
            Request::Entry(index) => match self.receipt(index) {
                Some(receipt) => self.reply(from, Reply::Receipt(receipt)),
                None => self.reply(from, Reply::NoEntry(index)),
            },
        }
    }

    /// Goes on from a snapshot: whoever waits for what may be behind it is told to ask elsewhere.
    pub(super) fn forget_submissions(&mut self, open: &[Bytes]) {
        for submitted in self.clients.restored(&open.iter().collect()).into_values() {
            let submission = Digest::sha256(&[&submitted.bytes]);
            for peer in submitted.peers {
                self.reply(peer, Reply::Forgotten(submission));
            }
        }
    }

    fn reply(&mut self, to: Peer, reply: Reply) {
        self.send(to, Lane::Client, &Message::Reply(reply));
    }

    fn submit(&mut self, now: Timestamp, from: Peer, bytes: Bytes) {
        if self.clients.pending() + self.checks.submissions() >= WAITING_MAX {
            return self.reply(from, Reply::Busy(Digest::sha256(&[&bytes])));
        }
        if self.execution.executes() {
            self.check_submission(now, from, bytes);
        } else {
            let submission = Digest::sha256(&[&bytes]);
            self.enqueue(now, from, (submission, None), bytes);
        }
    }

    pub(super) fn submit_checked(
        &mut self,
        now: Timestamp,
        from: Peer,
        bytes: Bytes,
        checked: Option<CheckedTransaction>,
    ) {
        let Some(checked) = checked.filter(|checked| checked.signature_valid) else {
            return self.reply(from, Reply::Rejected(Digest::sha256(&[&bytes])));
        };
        let digest = checked.transaction.digest;
        #[cfg(feature = "seeded-bugs")]
        if self.has_bug(super::ReplicaBug::ExecuteTwice) {
            self.clients.executed.remove(&digest);
        }
        if let Some(index) = self.clients.executed.get(&digest) {
            self.clients.waiting.entry(*index).or_default().push(from);
            return self.answer_waiting();
        }
        self.enqueue(now, from, (digest, Some(checked.transaction.signature)), bytes);
    }

    fn enqueue(
        &mut self,
        now: Timestamp,
        from: Peer,
        (name, signature): (Digest, Option<Signature>),
        bytes: Bytes,
    ) {
        if let Some(Submitted { peers, .. }) = self.clients.submitted.get_mut(&name) {
            if !peers.contains(&from) && peers.len() < WAITING_PER_SUBMISSION_MAX {
                peers.push(from);
            }
            return;
        }
        if self.protocol.submit(now, bytes.clone()).is_err() {
            return self.reply(from, Reply::Busy(Digest::sha256(&[&bytes])));
        }
        let unsigned = signature.is_none();
        self.clients.submitted.insert(name, Submitted { peers: smallvec![from], signature, bytes });
        if unsigned {
            self.clients.names.push_back(name);
            if self.clients.names.len() > 2 * WAITING_MAX {
                self.clients.names.retain(|name| self.clients.submitted.contains_key(name));
            }
        }
    }

    /// Sends receipts for everything that the last certified checkpoint covers; as soon as the state is here.
    pub(super) fn answer_waiting(&mut self) {
        if self.execution.state().is_none() {
            return;
        }
        let covered = self.checkpoints.certified().map_or(0, |checkpoint| checkpoint.body.size);
        let later = self.clients.waiting.split_off(&covered);
        for (index, peers) in std::mem::replace(&mut self.clients.waiting, later) {
            let Some(receipt) = self.receipt(index) else { continue };
            for peer in peers {
                self.reply(peer, Reply::Receipt(receipt.clone()));
            }
        }
    }

    /// Answers submissions that were ordered and are not executed here.
    pub(super) fn answer_ordered(&mut self) {
        for (submission, commit, peer) in std::mem::take(&mut self.clients.ordered) {
            self.reply(peer, Reply::Ordered { submission, commit });
        }
    }

    /// The entry at an index of the log, while it is held; none while commits are executed.
    pub fn entry(&self, index: u64) -> Option<&Entry> {
        self.execution.state()?.entry(index)
    }

    /// The executed state; none while commits are executed, and where nothing is.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.execution.state()?.ledger.as_ref()
    }

    /// The last checkpoint that a quorum signed.
    pub fn certified(&self) -> Option<&Arc<Checkpoint>> {
        self.checkpoints.certified()
    }

    /// The receipt of an entry under the last certified checkpoint; none while commits are executed.
    pub fn receipt(&self, index: u64) -> Option<Receipt> {
        let checkpoint = self.checkpoints.certified()?;
        if index >= checkpoint.body.size {
            return None;
        }
        let state = self.execution.state()?;
        let proof = state.log.inclusion_proof(index, checkpoint.body.size).ok()?;
        #[allow(unused_mut, reason = "a seeded bug changes it")]
        let mut entry = state.entry(index)?.clone();
        #[cfg(feature = "seeded-bugs")]
        if self.has_bug(super::ReplicaBug::ForgeReceipts) {
            entry.commit_time = Timestamp(entry.commit_time.0 + 1);
        }
        Some(Receipt { entry, index, proof: List::new(proof)?, checkpoint: (**checkpoint).clone() })
    }
}
