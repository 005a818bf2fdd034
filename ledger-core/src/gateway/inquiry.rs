//! A question that any replica can answer with a receipt.
//!
//! One replica is asked at a time. It may be silent, busy, behind, or lie; whatever it does, the next one is asked
//! with the same bytes after a wait that grows. A receipt ends the search only once it is verified. `Rejected` ends it
//! only once replicas with a correct one among them said so: the word of one would let it suppress whom it likes.

use super::submission::{Operation, Stage};
use super::{End, Gateway, Job, Owner};
use crate::audit::{Receipt, ReceiptError};
use crate::committee::{ReplicaId, ReplicaSet};
use crate::crypto::Digest;
use crate::message::Message;
use crate::seam::{Lane, Output, Peer};
use crate::time::Timestamp;
use std::sync::Arc;

/// A question that any replica can answer with a receipt.
pub(super) struct Inquiry {
    pub(super) subject: Subject,
    request: Message,
    /// Asked last.
    replica: ReplicaId,
    /// Who may answer: asked, and not caught with a bad receipt since.
    asked: ReplicaSet,
    rejected: ReplicaSet,
    attempts: u32,
    pauses: u32,
    wait: Wait,
    /// Under verification: what a custodian will be shown.
    receipt: Option<Arc<Receipt>>,
}

#[derive(Clone, Copy)]
pub(super) enum Subject {
    Transaction { digest: Digest, submission: Digest },
    Entry(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// For a replica; when it is over, the replica failed.
    Reply,
    /// Before asking the next one.
    Pause,
    /// For a receipt's verification.
    Proof,
}

impl Gateway {
    pub(super) fn inquire(&mut self, now: Timestamp, id: u64, subject: Subject, request: Message) {
        let replica = self.contact.choose(now);
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.stage = Stage::Asking(Box::new(Inquiry {
            subject,
            request,
            replica,
            asked: ReplicaSet::default(),
            rejected: ReplicaSet::default(),
            attempts: 0,
            pauses: 0,
            wait: Wait::Reply,
            receipt: None,
        }));
        self.ask(now, id, replica);
    }

    fn ask(&mut self, now: Timestamp, id: u64, replica: ReplicaId) {
        let base = self.config.tuning.reply_timeout;
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let deadline = operation.deadline;
        let Some(inquiry) = operation.inquiry() else { return };
        inquiry.replica = replica;
        inquiry.asked.insert(replica);
        inquiry.wait = Wait::Reply;
        let attempts = inquiry.attempts;
        inquiry.attempts += 1;
        let bytes = inquiry.request.encode();
        self.outputs.push_back(Output::Send { to: Peer::Replica(replica), lane: Lane::Client, bytes });
        let wait = self.backed_off(base, attempts);
        self.timers.arm(Owner::Operation(id), (now + wait).min(deadline));
    }

    /// Asks the next replica after a pause.
    fn pause(&mut self, now: Timestamp, id: u64) {
        let base = self.config.tuning.busy_pause;
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let deadline = operation.deadline;
        let Some(inquiry) = operation.inquiry() else { return };
        inquiry.wait = Wait::Pause;
        let pauses = inquiry.pauses;
        inquiry.pauses += 1;
        let wait = self.backed_off(base, pauses);
        self.timers.arm(Owner::Operation(id), (now + wait).min(deadline));
    }

    fn ask_next(&mut self, now: Timestamp, id: u64) {
        let Some(inquiry) = self.operations.get_mut(&id).and_then(Operation::inquiry) else { return };
        let next = self.contact.after(inquiry.replica);
        self.ask(now, id, next);
    }

    pub(super) fn inquiry_woke(&mut self, now: Timestamp, id: u64) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let deadline = operation.deadline;
        let Some(inquiry) = operation.inquiry() else { return };
        match inquiry.wait {
            Wait::Reply => {
                let silent = inquiry.replica;
                self.contact.failed(now, silent);
                self.ask_next(now, id);
            }
            Wait::Pause => self.ask_next(now, id),
            Wait::Proof => self.timers.arm(Owner::Operation(id), deadline),
        }
    }

    /// A receipt answers the operation whose transaction it is of, and every audit of its place in the log.
    pub(super) fn receipt(&mut self, now: Timestamp, from: ReplicaId, receipt: Receipt) {
        let (index, receipt) = (receipt.index, Arc::new(receipt));
        let mut waiting: Vec<u64> =
            self.audits.range((index, 0)..=(index, u64::MAX)).map(|(_, id)| *id).collect();
        waiting.extend(self.transactions.get(&receipt.entry.transaction));
        for id in waiting {
            let Some(operation) = self.operations.get_mut(&id) else { continue };
            let deadline = operation.deadline;
            let Some(inquiry) = operation.inquiry() else { continue };
            if inquiry.wait == Wait::Proof || !inquiry.asked.contains(from) {
                continue;
            }
            inquiry.wait = Wait::Proof;
            inquiry.receipt = Some(receipt.clone());
            self.timers.arm(Owner::Operation(id), deadline);
            self.verify(now, Job::Proof { operation: id, from }, receipt.clone());
        }
    }

    pub(super) fn proven(
        &mut self,
        now: Timestamp,
        id: u64,
        from: ReplicaId,
        result: Result<(), ReceiptError>,
    ) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Some(inquiry) = operation.inquiry() else { return };
        let receipt = inquiry.receipt.take();
        if let Err(error) = result {
            // What else it sends about this does not count until it is asked again.
            inquiry.asked.remove(from);
            let all_asked = inquiry.attempts as usize >= self.config.committee.size();
            self.contact.failed(now, from);
            self.misbehaved(Peer::Replica(from), format!("receipt: {error}"));
            return if all_asked { self.pause(now, id) } else { self.ask_next(now, id) };
        }
        self.contact.answered(from);
        let receipt = receipt.expect("a receipt is kept while it is verified");
        self.answered(now, id, &receipt);
    }

    pub(super) fn busy(&mut self, now: Timestamp, from: ReplicaId, submission: Digest) {
        let Some(id) = self.submissions.get(&submission).copied() else { return };
        self.put_off(now, id, from);
    }

    pub(super) fn no_entry(&mut self, now: Timestamp, from: ReplicaId, index: u64) {
        let waiting: Vec<u64> =
            self.audits.range((index, 0)..=(index, u64::MAX)).map(|(_, id)| *id).collect();
        for id in waiting {
            self.put_off(now, id, from);
        }
    }

    fn put_off(&mut self, now: Timestamp, id: u64, from: ReplicaId) {
        let Some(inquiry) = self.operations.get_mut(&id).and_then(Operation::inquiry) else { return };
        if inquiry.replica == from && inquiry.wait == Wait::Reply {
            self.pause(now, id);
        }
    }

    pub(super) fn rejected(&mut self, now: Timestamp, from: ReplicaId, submission: Digest) {
        let Some(id) = self.submissions.get(&submission).copied() else { return };
        let Some(inquiry) = self.operations.get_mut(&id).and_then(Operation::inquiry) else { return };
        if !inquiry.asked.contains(from) || inquiry.wait == Wait::Proof {
            return;
        }
        let news = inquiry.rejected.insert(from);
        if self.config.committee.is_valid(&inquiry.rejected) {
            return self.finish(id, End::Rejected);
        }
        if inquiry.replica == from && inquiry.wait == Wait::Reply {
            if news { self.ask_next(now, id) } else { self.pause(now, id) }
        }
    }

    pub(super) fn forget_subject(&mut self, id: u64, subject: Subject) {
        match subject {
            Subject::Transaction { digest, submission } => {
                self.transactions.remove(&digest);
                self.submissions.remove(&submission);
            }
            Subject::Entry(index) => {
                self.audits.remove(&(index, id));
            }
        }
    }
}
