//! Expensive stateless work, as values.
//!
//! A machine yields [`Work`]; a driver runs it anywhere ([`Work::run`]) and hands the [`Finding`] back. A finding is a
//! pure function of its work, so a driver may batch, spread over threads, or remember findings; the simulator charges
//! [`Work::effort`] to a host's virtual cores.

use crate::audit::{CheckpointBody, CheckpointError, Receipt, ReceiptError};
use crate::block::{Block, BlockError};
use crate::codec::Blob;
use crate::committee::{Committee, ReplicaId};
use crate::crypto::{Digest, Signature, SignatureCheck, SignatureVerifier};
use crate::gateway::{Opening, Preparation, Prepared, Rewrapping, Sealed, Sealing, Signing};
use crate::ledger::transaction::Transaction;
use crate::replica::{Snapshot, SnapshotError, VerifiedSnapshot};
use bytes::Bytes;
use std::sync::Arc;

/// What is to be found out.
#[derive(Clone, Debug)]
pub enum Work {
    /// Decode, hash and verify blocks.
    Blocks(Vec<Bytes>),
    /// Decode blocks' payloads as transactions and check their signatures together, but for those items of which this
    /// replica has found before that they are valid (where it has of none, no item is named).
    Transactions(Vec<(Arc<Block>, Vec<bool>)>),
    /// Decode submitted transactions and check their signatures.
    Submissions(Vec<Bytes>),
    /// Check votes on a checkpoint.
    Votes(Arc<CheckpointBody>, Vec<(ReplicaId, Signature)>),
    /// Verify the signatures of a receipt's checkpoint.
    Checkpoint(Arc<Receipt>),
    /// Verify that a receipt's entry is under its checkpoint.
    Inclusion(Arc<Receipt>),
    /// Verify and restore a snapshot, in a chain with this garbage-collection depth.
    Snapshot(Bytes, u64),
    /// Make what a registration needs.
    Prepare(Box<Preparation>),
    /// Sign a transaction.
    Sign(Box<Signing>),
    /// Wrap a record's key to a grantee.
    Rewrap(Box<Rewrapping>),
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

/// A block's payload, in order; `None` where an item is no transaction.
pub type CheckedPayload = Arc<Vec<Option<CheckedTransaction>>>;

/// What was found out.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Of [`Work::Blocks`], in order.
    Blocks(Vec<Result<Arc<Block>, BlockError>>),
    /// Of [`Work::Transactions`], in order.
    Transactions(Vec<CheckedPayload>),
    /// Of [`Work::Submissions`], in order; `None` where it is no transaction.
    Submissions(Vec<Option<CheckedTransaction>>),
    /// Of [`Work::Votes`], in order.
    Votes(Vec<bool>),
    /// Of [`Work::Checkpoint`].
    Checkpoint(Result<(), CheckpointError>),
    /// Of [`Work::Inclusion`].
    Inclusion(Result<(), ReceiptError>),
    /// Of [`Work::Snapshot`].
    Snapshot(Result<Box<VerifiedSnapshot>, SnapshotError>),
    /// Of [`Work::Prepare`]; `None` if the patient's wrap key is none.
    Prepared(Option<Prepared>),
    /// Of [`Work::Sign`]: the transaction's identity and encoding.
    Signed(Digest, Bytes),
    /// Of [`Work::Rewrap`]; `None` if the key is not the agent's, or the grantee's wrap key is none.
    Rewrapped(Option<Blob<128>>),
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
            Self::Transactions(blocks) => {
                let items = blocks.iter().flat_map(|(block, known)| {
                    let known = known.iter().copied().chain(std::iter::repeat(false));
                    block.payload().iter().map(|item| &**item).zip(known)
                });
                let mut checked = check_transactions(items, committee, verifier).into_iter();
                let payload =
                    |block: &Block| Arc::new(checked.by_ref().take(block.payload().len()).collect());
                Finding::Transactions(blocks.iter().map(|(block, _)| block.as_ref()).map(payload).collect())
            }
            Self::Submissions(items) => {
                let items = items.iter().map(|item| (&**item, false));
                Finding::Submissions(check_transactions(items, committee, verifier))
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
            Self::Checkpoint(receipt) => Finding::Checkpoint(receipt.checkpoint.verify(committee, verifier)),
            Self::Inclusion(receipt) => Finding::Inclusion(receipt.verify_inclusion()),
            Self::Snapshot(bytes, gc_depth) => {
                Finding::Snapshot(Snapshot::verify(bytes, *gc_depth, committee, verifier).map(Box::new))
            }
            Self::Prepare(job) => Finding::Prepared(job.run(committee.chain())),
            Self::Sign(job) => {
                let (digest, bytes) = job.run(committee.chain());
                Finding::Signed(digest, bytes)
            }
            Self::Rewrap(job) => Finding::Rewrapped(job.run(committee.chain())),
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
            Self::Transactions(blocks) => {
                let items = blocks.iter().flat_map(|(block, _)| block.payload());
                let known = blocks.iter().flat_map(|(_, known)| known).filter(|known| **known).count();
                Effort {
                    signatures: (items.clone().count() - known) as u64,
                    hashed_bytes: items.map(|item| item.len() as u64).sum(),
                    ..Effort::default()
                }
            }
            Self::Submissions(items) => Effort {
                signatures: items.len() as u64,
                hashed_bytes: items.iter().map(|item| item.len() as u64).sum(),
                ..Effort::default()
            },
            Self::Votes(_, votes) => Effort { signatures: votes.len() as u64, ..Effort::default() },
            Self::Snapshot(bytes, _) => {
                Effort { signatures: 1, hashed_bytes: 2 * bytes.len() as u64, ..Effort::default() }
            }
            Self::Checkpoint(receipt) => {
                Effort { signatures: receipt.checkpoint.signatures.len() as u64, ..Effort::default() }
            }
            Self::Inclusion(receipt) => Effort {
                hashed_bytes: 64 * (receipt.proof.len() + 1 + receipt.entry.answers.len()) as u64,
                ..Effort::default()
            },
            Self::Prepare(job) => job.effort(),
            Self::Sign(job) => job.effort(),
            Self::Rewrap(job) => job.effort(),
            Self::Seal(job) => job.effort(),
            Self::Open(job) => job.effort(),
        }
    }
}

/// Of items, each with whether it is known that its signature is valid.
fn check_transactions<'a>(
    items: impl Iterator<Item = (&'a [u8], bool)>,
    committee: &Committee,
    verifier: &mut dyn SignatureVerifier,
) -> Vec<Option<CheckedTransaction>> {
    let chain = committee.chain();
    let mut checks = Vec::new();
    let mut transactions: Vec<Option<CheckedTransaction>> = items
        .map(|(item, signature_valid)| {
            let transaction = Transaction::decode(chain, item).ok()?;
            if !signature_valid {
                checks.push(transaction.check(chain));
            }
            Some(CheckedTransaction { transaction, signature_valid })
        })
        .collect();
    let mut verdicts = verifier.verify(&checks).into_iter();
    for checked in transactions.iter_mut().flatten().filter(|checked| !checked.signature_valid) {
        checked.signature_valid = verdicts.next().unwrap_or(false);
    }
    transactions
}
