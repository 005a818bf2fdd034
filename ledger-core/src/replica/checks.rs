//! Signatures of transactions: when they are checked, and how many together.
//!
//! A signature in a large batch costs half of one alone, so what comes soon after another waits a little: submissions for
//! each other, accepted blocks for those of the same round. A commit waits for nobody: when one is due, what it needs is
//! checked at once. Each replica checks a transaction once: what it was found to be when it was submitted is known when it
//! comes back in an own block.

use super::{Job, Replica};
use crate::block::{Block, BlockRef};
use crate::seam::Peer;
use crate::time::{Duration, Timestamp};
use crate::work::Work;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

/// Between two jobs that check submissions. One that arrives when none was started so lately is checked at once.
pub const SUBMISSION_PAUSE: Duration = Duration::from_millis(2);
/// Submissions in one such job; as many are checked together without waiting.
pub const SUBMISSIONS_PER_JOB_MAX: usize = 256;
/// Such jobs at once; more submissions wait.
pub const SUBMISSION_JOBS_MAX: usize = 16;
/// Longest wait of an accepted block for others.
pub const PAYLOAD_PAUSE: Duration = Duration::from_millis(5);
/// Payload items that are checked together without waiting.
pub const PAYLOAD_ITEMS_MAX: usize = 512;

/// What waits to be checked, and jobs under way.
#[derive(Default)]
pub(super) struct Checks {
    submissions: VecDeque<(Peer, Bytes)>,
    /// When the next of them are checked.
    submissions_due: Timestamp,
    /// Jobs that check some, and submissions in them.
    under_way: (usize, usize),
    /// Accepted blocks, and their items.
    payloads: Vec<Arc<Block>>,
    items: usize,
    /// When they are checked.
    payloads_due: Timestamp,
}

impl Checks {
    /// Submissions waiting and being checked.
    pub fn submissions(&self) -> usize {
        self.submissions.len() + self.under_way.1
    }

    /// A job is done that checked so many submissions.
    pub fn finished(&mut self, submissions: usize) {
        self.under_way.0 -= 1;
        self.under_way.1 -= submissions;
    }

    fn submissions_at(&self) -> Option<Timestamp> {
        let waits = !self.submissions.is_empty() && self.under_way.0 < SUBMISSION_JOBS_MAX;
        waits.then_some(self.submissions_due)
    }

    fn payloads_at(&self) -> Option<Timestamp> {
        (!self.payloads.is_empty()).then_some(self.payloads_due)
    }

    /// When something is to be checked next.
    pub fn due(&self) -> Option<Timestamp> {
        self.submissions_at().into_iter().chain(self.payloads_at()).min()
    }

    /// A block can no longer be committed.
    pub fn forget(&mut self, block: &BlockRef) {
        if let Some(at) = self.payloads.iter().position(|waiting| waiting.reference() == *block) {
            self.items -= self.payloads.remove(at).payload().len();
        }
    }
}

impl Replica {
    /// A submission's signature is to be checked.
    pub(super) fn check_submission(&mut self, now: Timestamp, from: Peer, bytes: Bytes) {
        self.checks.submissions.push_back((from, bytes));
        self.check_due(now);
    }

    /// An accepted block's transactions are to be checked.
    pub(super) fn check_payload(&mut self, now: Timestamp, block: Arc<Block>) {
        if self.checks.payloads.is_empty() {
            self.checks.payloads_due = now + PAYLOAD_PAUSE;
        }
        self.checks.items += block.payload().len();
        self.checks.payloads.push(block);
        if self.checks.items >= PAYLOAD_ITEMS_MAX {
            self.check_payloads();
        }
    }

    /// Starts whatever is due.
    pub(super) fn check_due(&mut self, now: Timestamp) {
        while let Some(due) = self.checks.submissions_at()
            && (due <= now || self.checks.submissions.len() >= SUBMISSIONS_PER_JOB_MAX)
        {
            self.checks.submissions_due = now + SUBMISSION_PAUSE;
            let count = self.checks.submissions.len().min(SUBMISSIONS_PER_JOB_MAX);
            let batch: Vec<(Peer, Bytes)> = self.checks.submissions.drain(..count).collect();
            self.checks.under_way.0 += 1;
            self.checks.under_way.1 += count;
            let work = Work::Submissions(batch.iter().map(|(_, bytes)| bytes.clone()).collect());
            self.start_job(Job::Submissions(batch), work);
        }
        if self.checks.payloads_at().is_some_and(|due| due <= now) {
            self.check_payloads();
        }
    }

    /// Checks the transactions of all blocks that wait for it.
    pub(super) fn check_payloads(&mut self) {
        let blocks = std::mem::take(&mut self.checks.payloads);
        self.checks.items = 0;
        if blocks.is_empty() {
            return;
        }
        let references = blocks.iter().map(|block| block.reference()).collect();
        let with_known = |block: Arc<Block>| {
            let own = block.author() == self.id;
            let known = if own { self.clients.known(&self.committee, &block) } else { Vec::new() };
            (block, known)
        };
        let work = Work::Transactions(blocks.into_iter().map(with_known).collect());
        self.start_job(Job::Transactions(references), work);
    }
}
