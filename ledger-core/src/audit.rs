//! The transparency log: what was executed, provable to anybody who knows the committee.
//!
//! Every executed transaction appends one [`Entry`] to an RFC 6962 Merkle log. A quorum of replicas signs
//! [`Checkpoint`]s of it, in C2SP signed-note form, and a [`Receipt`] ties an entry to a checkpoint. Nothing here
//! knows the ledger's rules or how the order came about.

mod accesses;
mod checkpoint;
mod log;
mod receipt;
mod text;

pub use accesses::{AccessProof, Asked, AuditError, PatientAudit, ProvenAccess};
pub use checkpoint::{
    Checkpoint, CheckpointBody, CheckpointError, NOTE_BYTES_MAX, key_hash as verifier_key_hash,
};
pub use log::{
    AuditLog, Frontier, LogError, PROOF_NODES_MAX, ProofError, leaf_hash, verify_consistency,
    verify_inclusion,
};
pub use receipt::{Entry, RECEIPT_BYTES_MAX, Receipt, ReceiptError};
pub use text::{PROOF_HEADER, PROOF_TEXT_BYTES_MAX};
