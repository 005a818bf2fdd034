//! `*.audit.json`: all accesses to one patient's records, with what proves them.
//!
//! ```text
//! { "format": "amanah-audit/1", "patient": 57,
//!   "checkpoint": "<signed note>", "counter": "<base64: proof of the patient's counter under the checkpoint's state root>",
//!   "accesses": [ { "index": 12, "entry": "<base64>", "proof": ["<base64>", …], "transaction": "<base64>",
//!                   "decisions": [ { "counter": 1, "who": 31, "for": 2, "record": 9, "why": "TREAT", … } ] }, … ] }
//! ```
//!
//! `decisions` is for people and their tools: it says nothing that is not proven, since reading refuses a file whose
//! `decisions` are not those of its entries and transactions.

use super::words;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ledger_core::audit::{AccessProof, Checkpoint, CheckpointError, Entry, PatientAudit, ProvenAccess};
use ledger_core::codec::{self, DecodeError, List};
use ledger_core::committee::Committee;
use ledger_core::crypto::Digest;
use ledger_core::ledger::StateProof;
use ledger_core::ledger::transaction::PartyId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const FORMAT: &str = "amanah-audit/1";
const ENTRY_BYTES_MAX: usize = 32 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditFile {
    format: String,
    patient: u32,
    checkpoint: String,
    counter: String,
    accesses: Vec<AccessRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessRow {
    index: u64,
    entry: String,
    proof: Vec<String>,
    transaction: String,
    decisions: Vec<Value>,
}

/// Why JSON is not an audit.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum AuditFileError {
    #[error("is no audit: {0}")]
    Json(serde_json::Error),
    #[error("its `format` is {0:?}, and this program reads {FORMAT:?}")]
    Format(String),
    #[error("its `{0}` is not base64 of what it should be")]
    Base64(String),
    #[error("its `{field}`: {error}")]
    Codec { field: String, error: DecodeError },
    #[error("its `checkpoint`: {0}")]
    Checkpoint(#[from] CheckpointError),
}

/// The file of an audit and of what verifying it yielded.
pub fn write_audit(audit: &PatientAudit, proven: &[ProvenAccess], committee: &Committee) -> String {
    let row = |access: &AccessProof| AccessRow {
        index: access.index,
        entry: BASE64.encode(codec::encode(&access.entry)),
        proof: access.proof.iter().map(|node| BASE64.encode(node.0)).collect(),
        transaction: BASE64.encode(&access.transaction),
        decisions: proven
            .iter()
            .filter(|decision| decision.index == access.index)
            .map(words::decision_json)
            .collect(),
    };
    let file = AuditFile {
        format: FORMAT.to_owned(),
        patient: audit.patient.0,
        checkpoint: audit.checkpoint.note(committee),
        counter: BASE64.encode(codec::encode(&audit.counter)),
        accesses: audit.accesses.iter().map(row).collect(),
    };
    let mut text = serde_json::to_string_pretty(&file).expect("keys are text");
    text.push('\n');
    text
}

/// Reads a file and what its `decisions` say; nothing is verified.
///
/// # Errors
/// See [`AuditFileError`].
pub fn read_audit(text: &str, committee: &Committee) -> Result<(PatientAudit, Vec<Value>), AuditFileError> {
    let value: Value = serde_json::from_str(text).map_err(AuditFileError::Json)?;
    let format = value.get("format").and_then(Value::as_str).unwrap_or_default();
    if format != FORMAT {
        return Err(AuditFileError::Format(format.to_owned()));
    }
    let file: AuditFile = serde_json::from_str(text).map_err(AuditFileError::Json)?;
    let counter = bytes("counter", &file.counter)?;
    let counter = codec::decode(&counter, StateProof::BYTES_MAX);
    let counter = counter.map_err(|error| AuditFileError::Codec { field: "counter".to_owned(), error })?;
    let decisions = file.accesses.iter().flat_map(|row| row.decisions.clone()).collect();
    let accesses = file.accesses.into_iter().enumerate();
    let accesses: Result<_, _> = accesses.map(|(number, row)| access(number, &row)).collect();
    let audit = PatientAudit {
        patient: PartyId(file.patient),
        checkpoint: Checkpoint::from_note(&file.checkpoint, committee)?,
        counter,
        accesses: accesses?,
    };
    Ok((audit, decisions))
}

fn access(number: usize, row: &AccessRow) -> Result<AccessProof, AuditFileError> {
    let field = |name: &str| format!("accesses[{number}].{name}");
    let entry = bytes(&field("entry"), &row.entry)?;
    let entry: Entry = codec::decode(&entry, ENTRY_BYTES_MAX)
        .map_err(|error| AuditFileError::Codec { field: field("entry"), error })?;
    let mut proof = Vec::new();
    for node in &row.proof {
        let node = bytes(&field("proof"), node)?.try_into();
        proof.push(Digest(node.map_err(|_| AuditFileError::Base64(field("proof")))?));
    }
    let proof = List::new(proof).ok_or_else(|| AuditFileError::Base64(field("proof")))?;
    let transaction = bytes(&field("transaction"), &row.transaction)?.into();
    Ok(AccessProof { entry, index: row.index, proof, transaction })
}

fn bytes(field: &str, text: &str) -> Result<Vec<u8>, AuditFileError> {
    BASE64.decode(text).map_err(|_| AuditFileError::Base64(field.to_owned()))
}
