//! Expensive stateless work, as values.
//!
//! A machine yields [`Work`]; a driver runs it anywhere ([`Work::run`]) and hands the [`Finding`] back. A finding is a
//! pure function of its work, so a driver may batch, spread over threads, or remember findings; the simulator charges
//! [`Work::effort`] to a host's virtual cores.

use crate::audit::{CheckpointBody, Entry, Receipt, ReceiptError};
use crate::block::{Block, BlockError};
use crate::committee::{Committee, ReplicaId};
use crate::crypto::{Digest, Signature, SignatureCheck, SignatureVerifier};
use crate::gateway::{Opening, Preparation, Prepared, Sealed, Sealing, Signing};
use crate::ledger::transaction::Transaction;
use crate::replica::{Snapshot, SnapshotError, VerifiedSnapshot};
use bytes::Bytes;
use std::sync::Arc;

/// What is to be found out.
#[derive(Clone, Debug)]
pub enum Work {
    /// Decode, hash and verify blocks.
    Blocks(Vec<Bytes>),
    /// Decode a block's payload as transactions and check their signatures.
    Transactions(Arc<Block>),
    /// Decode a submitted transaction and check its signature.
    Submission(Bytes),
    /// Check votes on a checkpoint.
    Votes(Arc<CheckpointBody>, Vec<(ReplicaId, Signature)>),
    /// Verify a receipt.
    Receipt(Box<Receipt>),
    /// Verify and restore a snapshot, in a chain with this garbage-collection depth.
    Snapshot(Bytes, u64),
    /// Make what a registration needs.
    Prepare(Box<Preparation>),
    /// Sign a transaction.
    Sign(Box<Signing>),
    /// Seal a document and wrap its key.
    Seal(Box<Sealing>),
    /// Open a document and compare it with what was registered.
    Open(Box<Opening>),
}

/// A payload item as a transaction.
#[derive(Clone, Debug)]
pub struct CheckedTransaction {
    /// The transaction.
    pub transaction: Transaction,
    /// Whether its signature verifies under the key that it carries.
    pub signature_valid: bool,
}

/// What was found out.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Of [`Work::Blocks`], in order.
    Blocks(Vec<Result<Arc<Block>, BlockError>>),
    /// Of [`Work::Transactions`], in order; `None` where an item is no transaction.
    Transactions(Arc<Vec<Option<CheckedTransaction>>>),
    /// Of [`Work::Submission`]; `None` if it is no transaction.
    Submission(Option<Arc<CheckedTransaction>>),
    /// Of [`Work::Votes`], in order.
    Votes(Vec<bool>),
    /// Of [`Work::Receipt`].
    Receipt(Result<Entry, ReceiptError>),
    /// Of [`Work::Snapshot`].
    Snapshot(Result<Box<VerifiedSnapshot>, SnapshotError>),
    /// Of [`Work::Prepare`]; `None` if the patient's wrap key is none.
    Prepared(Option<Prepared>),
    /// Of [`Work::Sign`]: the transaction's identity and encoding.
    Signed(Digest, Bytes),
    /// Of [`Work::Seal`]; `None` if it is not the registered document, or the recipient's wrap key is none.
    Sealed(Option<Box<Sealed>>),
    /// Of [`Work::Open`]: length of the plain text; `None` if it does not open or is not the registered document.
    Opened(Option<u64>),
}

/// How much work, in units that a cost table prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Signatures checked.
    pub signatures: u64,
    /// Bytes hashed.
    pub hashed_bytes: u64,
    /// Bytes sealed or opened.
    pub sealed_bytes: u64,
    /// Keys wrapped or unwrapped.
    pub wraps: u64,
    /// Signatures made.
    pub signed: u64,
}

impl Work {
    /// Does it.
    pub fn run(&self, committee: &Committee, verifier: &mut dyn SignatureVerifier) -> Finding {
        match self {
            Self::Blocks(blocks) => Finding::Blocks(
                blocks
                    .iter()
                    .map(|bytes| Block::verify(committee, bytes.clone(), verifier).map(Arc::new))
                    .collect(),
            ),
            Self::Transactions(block) => {
                Finding::Transactions(Arc::new(check_transactions(block, committee, verifier)))
            }
            Self::Submission(bytes) => {
                let transaction = Transaction::decode(committee.chain(), bytes).ok();
                Finding::Submission(transaction.map(|transaction| {
                    let signature_valid = verifier.verify(&[transaction.check(committee.chain())]) == [true];
                    Arc::new(CheckedTransaction { transaction, signature_valid })
                }))
            }
            Self::Votes(body, votes) => {
                let message = body.text().into_bytes();
                let checks: Vec<SignatureCheck> = votes
                    .iter()
                    .map(|(replica, signature)| SignatureCheck {
                        key: committee.member(*replica).map_or_else(Default::default, |member| member.key),
                        message: message.clone(),
                        signature: *signature,
                    })
                    .collect();
                Finding::Votes(verifier.verify(&checks))
            }
            Self::Receipt(receipt) => Finding::Receipt(receipt.verify(committee, verifier).cloned()),
            Self::Snapshot(bytes, gc_depth) => {
                Finding::Snapshot(Snapshot::verify(bytes, *gc_depth, committee, verifier).map(Box::new))
            }
            Self::Prepare(job) => Finding::Prepared(job.run(committee.chain())),
            Self::Sign(job) => {
                let (digest, bytes) = job.run(committee.chain());
                Finding::Signed(digest, bytes)
            }
            Self::Seal(job) => Finding::Sealed(job.run(committee.chain()).map(Box::new)),
            Self::Open(job) => Finding::Opened(job.run(committee.chain())),
        }
    }

    /// What it costs.
    pub fn effort(&self) -> Effort {
        match self {
            Self::Blocks(blocks) => Effort {
                signatures: blocks.len() as u64,
                hashed_bytes: blocks.iter().map(|block| block.len() as u64).sum(),
                ..Effort::default()
            },
            Self::Transactions(block) => Effort {
                signatures: block.payload().len() as u64,
                hashed_bytes: block.payload().iter().map(|item| item.len() as u64).sum(),
                ..Effort::default()
            },
            Self::Submission(bytes) => {
                Effort { signatures: 1, hashed_bytes: bytes.len() as u64, ..Effort::default() }
            }
            Self::Votes(_, votes) => Effort { signatures: votes.len() as u64, ..Effort::default() },
            Self::Snapshot(bytes, _) => {
                Effort { signatures: 1, hashed_bytes: 2 * bytes.len() as u64, ..Effort::default() }
            }
            Self::Receipt(receipt) => Effort {
                signatures: receipt.checkpoint.signatures.len() as u64,
                hashed_bytes: 64 * (receipt.proof.len() as u64 + 8),
                ..Effort::default()
            },
            Self::Prepare(job) => job.effort(),
            Self::Sign(job) => job.effort(),
            Self::Seal(job) => job.effort(),
            Self::Open(job) => job.effort(),
        }
    }
}

fn check_transactions(
    block: &Block,
    committee: &Committee,
    verifier: &mut dyn SignatureVerifier,
) -> Vec<Option<CheckedTransaction>> {
    let transactions: Vec<Option<Transaction>> =
        block.payload().iter().map(|item| Transaction::decode(committee.chain(), item).ok()).collect();
    let checks: Vec<SignatureCheck> =
        transactions.iter().flatten().map(|transaction| transaction.check(committee.chain())).collect();
    let mut verdicts = verifier.verify(&checks).into_iter();
    transactions
        .into_iter()
        .map(|transaction| {
            let transaction = transaction?;
            let signature_valid = verdicts.next().unwrap_or(false);
            Some(CheckedTransaction { transaction, signature_valid })
        })
        .collect()
}
