//! Receipts as text: a C2SP tlog-proof, so that a receipt is one file that other tools of transparency logs read.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! extra <base64 of the entry's canonical encoding>
//! index <decimal>
//! <base64 of a node of the audit path, the lowest first>
//! ...
//!
//! <checkpoint: a signed note>
//! ```
//!
//! The entry travels as the format's `extra` data, which the format leaves to the application: here its RFC 6962 leaf
//! hash is what the audit path begins with, so a changed entry does not verify.

use super::checkpoint::{Checkpoint, NOTE_BYTES_MAX};
use super::log::PROOF_NODES_MAX;
use super::receipt::{Entry, RECEIPT_BYTES_MAX, Receipt, ReceiptError};
use crate::codec::{self, List};
use crate::committee::Committee;
use crate::crypto::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// The first line of a receipt as text.
pub const PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";
/// Most bytes of a receipt as text.
pub const PROOF_TEXT_BYTES_MAX: usize = 2 * RECEIPT_BYTES_MAX + NOTE_BYTES_MAX;

impl Receipt {
    /// As text. Signers outside the committee have no name and are left out.
    pub fn to_text(&self, committee: &Committee) -> String {
        let mut text = format!("{PROOF_HEADER}\n");
        let extra = STANDARD.encode(codec::encode(&self.entry));
        let _ = writeln!(text, "extra {extra}\nindex {}", self.index);
        for node in self.proof.iter() {
            let _ = writeln!(text, "{}", STANDARD.encode(node.0));
        }
        text.push('\n');
        text.push_str(&self.checkpoint.note(committee));
        text
    }

    /// Reads text; nothing is verified. Signatures by keys that the committee does not hold are skipped.
    ///
    /// # Errors
    /// At the first line that is not as the format has it.
    pub fn from_text(text: &str, committee: &Committee) -> Result<Self, ReceiptError> {
        let malformed = |what| ReceiptError::Text(what);
        if text.len() > PROOF_TEXT_BYTES_MAX {
            return Err(malformed("longer than a receipt"));
        }
        let (head, note) = text.split_once("\n\n").ok_or(malformed("no blank line before the checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(PROOF_HEADER) {
            return Err(malformed("its first line is not `c2sp.org/tlog-proof@v1`"));
        }
        let extra = lines.next().and_then(|line| line.strip_prefix("extra "));
        let extra = extra.ok_or(malformed("no `extra` line: the entry is missing"))?;
        let extra = STANDARD.decode(extra).map_err(|_| malformed("its `extra` line is not base64"))?;
        let entry: Entry = codec::decode(&extra, RECEIPT_BYTES_MAX)?;
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(parse_index).ok_or(malformed("its `index` line is not a number"))?;
        let proof: Option<Vec<Digest>> = lines.by_ref().take(PROOF_NODES_MAX + 1).map(parse_node).collect();
        let proof = proof.ok_or(malformed("a line of its proof is not base64 of 32 bytes"))?;
        let proof = List::new(proof).ok_or(malformed("its proof is longer than any log is high"))?;
        let checkpoint = Checkpoint::from_note(note, committee)?;
        Ok(Self { entry, index, proof, checkpoint })
    }
}

/// Decimal without leading zeros.
fn parse_index(text: &str) -> Option<u64> {
    text.parse().ok().filter(|index: &u64| index.to_string() == text)
}

fn parse_node(line: &str) -> Option<Digest> {
    STANDARD.decode(line).ok()?.try_into().ok().map(Digest)
}
