//! Proofs as files: what a run or a gateway hands out, and what `amanah verify` reads.
//!
//! | file | form | proves |
//! |---|---|---|
//! | `*.tlog-proof` | C2SP tlog-proof ([`Receipt::to_text`]); also base64 of the canonical encoding, alone or as `receipt` of a gateway's JSON answer | the ledger gave this answer |
//! | a checkpoint | C2SP signed note | a quorum vouches for this log and state |
//! | `*.audit.json` | JSON of all of these parts ([`PatientAudit`]) | these are *all* accesses to a patient's records |
//!
//! Everything is verified with nothing but the committee ([`committee`]): no network, no replica, no clock. What is
//! printed in words comes from the proven bytes alone, never from what a file says beside them.

pub mod committee;
mod names;
mod patient;
mod words;

pub use names::Names;
pub use patient::{AuditFileError, read_audit, write_audit};
pub use words::{accesses, answers, checkpoint, decision_json, moment, outcome, receipt};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ledger_core::audit::{
    AuditError, Checkpoint, CheckpointError, PROOF_HEADER, PROOF_TEXT_BYTES_MAX, PatientAudit, ProvenAccess,
    Receipt, ReceiptError,
};
use ledger_core::committee::Committee;
use ledger_core::crypto::BatchVerifier;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Largest file of a proof that is read: an audit of some ten thousand accesses.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// What a file claims to prove.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    /// An answer of the ledger.
    Receipt(Box<Receipt>),
    /// The state of log and ledger.
    Checkpoint(Box<Checkpoint>),
    /// All accesses to a patient's records, and what the file says of each beside its proof.
    Audit(Box<PatientAudit>, Vec<serde_json::Value>),
}

/// What was proven.
#[derive(Clone, Debug, PartialEq)]
pub enum Proven<'a> {
    /// An answer of the ledger.
    Receipt(&'a Receipt),
    /// The state of log and ledger.
    Checkpoint(&'a Checkpoint),
    /// All accesses to a patient's records.
    Accesses(&'a PatientAudit, Vec<ProvenAccess>),
}

/// Why a file is not evidence of anything: it cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum EvidenceError {
    #[error("{}: cannot be read: {error}", file.display())]
    Io { file: PathBuf, error: io::Error },
    #[error("{}: {bytes} bytes are more than a proof has (at most {FILE_BYTES_MAX})", file.display())]
    TooLarge { file: PathBuf, bytes: u64 },
    #[error(
        "{}: is no proof: it begins neither with `{PROOF_HEADER}` nor with `amanah/`, and is neither JSON nor base64",
        file.display()
    )]
    Unknown { file: PathBuf },
    #[error("{}: {error}", file.display())]
    Receipt { file: PathBuf, error: ReceiptError },
    #[error("{}: {error}", file.display())]
    Audit { file: PathBuf, error: AuditFileError },
}

/// Why evidence does not convince.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Unproven {
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("what it says of decision {0} is not what it proves")]
    Says(u64),
}

impl Evidence {
    /// Reads a file in any of the forms; nothing is verified. The committee names who signed.
    ///
    /// # Errors
    /// See [`EvidenceError`].
    pub fn read(file: &Path, committee: &Committee) -> Result<Self, EvidenceError> {
        let io = |error| EvidenceError::Io { file: file.to_owned(), error };
        let bytes = fs::metadata(file).map_err(io)?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(EvidenceError::TooLarge { file: file.to_owned(), bytes });
        }
        let bytes = fs::read(file).map_err(io)?;
        let unknown = || EvidenceError::Unknown { file: file.to_owned() };
        let text = std::str::from_utf8(&bytes).map_err(|_| unknown())?;
        let receipt = |error| EvidenceError::Receipt { file: file.to_owned(), error };
        if text.starts_with("c2sp.org/tlog-proof@") {
            return Receipt::from_text(text, committee).map(Self::from).map_err(receipt);
        }
        if text.starts_with("amanah/") {
            let note = Checkpoint::from_note(text, committee).map_err(ReceiptError::from);
            return note.map(|note| Self::Checkpoint(Box::new(note))).map_err(receipt);
        }
        if text.trim_start().starts_with('{') {
            return Self::from_json(file, text, committee);
        }
        let encoded = text.trim();
        if encoded.is_empty() || encoded.len() > PROOF_TEXT_BYTES_MAX {
            return Err(unknown());
        }
        let encoded = BASE64.decode(encoded).map_err(|_| unknown())?;
        Receipt::decode(&encoded).map(Self::from).map_err(receipt)
    }

    /// An audit, or a gateway's answer with the receipt in it.
    fn from_json(file: &Path, text: &str, committee: &Committee) -> Result<Self, EvidenceError> {
        let audit = |error| EvidenceError::Audit { file: file.to_owned(), error };
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| audit(AuditFileError::Json(error)))?;
        if let Some(encoded) = value.get("receipt").and_then(|receipt| receipt.as_str()) {
            let unknown = |_| EvidenceError::Unknown { file: file.to_owned() };
            let bytes = BASE64.decode(encoded).map_err(unknown)?;
            let receipt = |error| EvidenceError::Receipt { file: file.to_owned(), error };
            return Receipt::decode(&bytes).map(Self::from).map_err(receipt);
        }
        let (read, says) = read_audit(text, committee).map_err(audit)?;
        Ok(Self::Audit(Box::new(read), says))
    }

    /// Verifies it with the committee alone.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn verify(&self, committee: &Committee) -> Result<Proven<'_>, Unproven> {
        let verifier = &mut BatchVerifier;
        match self {
            Self::Receipt(receipt) => {
                receipt.verify(committee, verifier)?;
                Ok(Proven::Receipt(receipt))
            }
            Self::Checkpoint(checkpoint) => {
                checkpoint.verify(committee, verifier)?;
                Ok(Proven::Checkpoint(checkpoint))
            }
            Self::Audit(audit, says) => {
                let proven = audit.verify(committee, verifier)?;
                let expected: Vec<_> = proven.iter().map(decision_json).collect();
                let differs = expected.iter().zip(says).position(|(proven, said)| proven != said);
                match differs.or((expected.len() != says.len()).then_some(expected.len().min(says.len()))) {
                    Some(number) => Err(Unproven::Says(number as u64 + 1)),
                    None => Ok(Proven::Accesses(audit, proven)),
                }
            }
        }
    }
}

impl From<Receipt> for Evidence {
    fn from(receipt: Receipt) -> Self {
        Self::Receipt(Box::new(receipt))
    }
}

#[cfg(test)]
mod tests;
