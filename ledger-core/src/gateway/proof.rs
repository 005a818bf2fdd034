//! Receipts on their way to be believed.
//!
//! Many receipts come under one checkpoint. Its signatures are verified once, while the receipts that came with it wait;
//! then each receipt has only its inclusion to show. A checkpoint is the same if every byte is: the same body under other
//! signatures is verified again.
//!
//! Bounds: [`CHECKPOINTS_MAX`] verified checkpoints are remembered, the oldest gives way. An operation or key request has
//! at most one receipt here, so no more wait than there are of these.

use super::{Gateway, GatewayBug, Job};
use crate::audit::{Checkpoint, CheckpointError, Receipt, ReceiptError};
use crate::seam::JobId;
use crate::time::Timestamp;
use crate::work::Work;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Verified checkpoints remembered.
pub const CHECKPOINTS_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Proofs {
    /// A quorum's, the newest last.
    verified: VecDeque<Checkpoint>,
    /// Being verified, with the receipts that wait; never without one.
    verifying: BTreeMap<JobId, Vec<(Job, Arc<Receipt>)>>,
}

impl Gateway {
    /// Verifies a receipt for a job.
    pub(super) fn verify(&mut self, now: Timestamp, job: Job, receipt: Arc<Receipt>) {
        if self.has_bug(GatewayBug::AcceptAnyReceipt) {
            return self.receipt_proven(now, job, Ok(()));
        }
        let is_same = |other: &Checkpoint| *other == receipt.checkpoint;
        if self.proofs.verified.iter().rev().any(is_same) {
            self.work(job, Work::Inclusion(receipt));
            return;
        }
        let mut under_way = self.proofs.verifying.values_mut();
        if let Some(waiting) = under_way.find(|waiting| is_same(&waiting[0].1.checkpoint)) {
            return waiting.push((job, receipt));
        }
        let verifying = self.work(Job::Checkpoint, Work::Checkpoint(receipt.clone()));
        self.proofs.verifying.insert(verifying, vec![(job, receipt)]);
    }

    pub(super) fn checkpoint_proven(
        &mut self,
        now: Timestamp,
        id: JobId,
        result: Result<(), CheckpointError>,
    ) {
        let Some(waiting) = self.proofs.verifying.remove(&id) else { return };
        if result.is_ok() {
            if self.proofs.verified.len() == CHECKPOINTS_MAX {
                self.proofs.verified.pop_front();
            }
            self.proofs.verified.push_back(waiting[0].1.checkpoint.clone());
        }
        for (job, receipt) in waiting {
            match &result {
                Ok(()) => {
                    self.work(job, Work::Inclusion(receipt));
                }
                Err(error) => self.receipt_proven(now, job, Err(error.clone().into())),
            }
        }
    }

    pub(super) fn receipt_proven(&mut self, now: Timestamp, job: Job, result: Result<(), ReceiptError>) {
        match job {
            Job::Proof { operation, from } => self.proven(now, operation, from, result),
            Job::Ticket(id) => self.ticket_proven(now, id, result),
            Job::Operation(_) | Job::Checkpoint => debug_assert!(false, "{job:?} has no receipt"),
        }
    }
}
