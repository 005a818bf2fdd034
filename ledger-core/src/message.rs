//! Everything that travels between machines. One tag byte, then the canonical encoding of the variant.
//!
//! Limits: a message is at most [`MESSAGE_BYTES_MAX`] long, and each variant has its own limit below that.

use crate::audit::Receipt;
use crate::block::BLOCK_BYTES_MAX;
use crate::codec::{self, Blob, DecodeError, Reader};
use crate::crypto::Digest;
use crate::ledger::PermitStatus;
use crate::ledger::transaction::{AccessId, RecordId, TRANSACTION_BYTES_MAX};
use crate::protocol::ProtocolMessage;
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;

/// Most bytes of a message: a document of 32 MiB with room for its frame.
pub const MESSAGE_BYTES_MAX: usize = 33 * 1024 * 1024;
/// Most bytes of a document.
pub const DOCUMENT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A block, verified by whoever receives it.
    Block(Bytes),
    /// Between protocols.
    Protocol(ProtocolMessage),
    /// Asks a replica for a part of a certified snapshot.
    SnapshotRequest(SnapshotRequest),
    /// A part of a [`Snapshot`](crate::replica::Snapshot).
    Snapshot(SnapshotChunk),
    /// A gateway asks a replica.
    Request(Request),
    /// A replica answers.
    Reply(Reply),
    /// Between gateways.
    Exchange(Exchange),
}

/// Most bytes of a snapshot in one message.
pub const SNAPSHOT_CHUNK_MAX: usize = 4 * 1024 * 1024;

/// Which part of which snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SnapshotRequest {
    /// Of this commit, as an earlier part said; `None`: any that helps.
    pub commit: Option<u64>,
    /// One of a commit up to this one does not help.
    pub after: u64,
    /// From this byte on.
    pub offset: u64,
}

/// A part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SnapshotChunk {
    /// Commit that the snapshot is of.
    pub commit: u64,
    /// Bytes of the whole.
    pub total: u64,
    /// Where this part begins.
    pub offset: u64,
    /// The part.
    pub bytes: Blob<SNAPSHOT_CHUNK_MAX>,
}

/// What gateways ask replicas.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Request {
    /// Order and execute this transaction; a repetition is answered like the first.
    Submit(Blob<{ 64 * 1024 }>),
    /// Is this permit in force, as far as you have executed?
    PermitStatus {
        /// Which.
        access: AccessId,
        /// The asker's number for this check, repeated in the reply: an answer to an earlier check of the same permit
        /// says nothing about now.
        check: u64,
    },
    /// Prove the log entry at this index.
    Entry(u64),
}

/// How replicas answer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Reply {
    /// Executed: the outcome, with its proof.
    Receipt(Receipt),
    /// Ordered at this commit; nothing is executed here.
    Ordered {
        /// SHA-256 of the submitted bytes.
        submission: Digest,
        /// Which commit.
        commit: u64,
    },
    /// The mempool is full: try again later.
    Busy(Digest),
    /// Never acceptable: not a transaction, or its signature is bad. Names the submission.
    Rejected(Digest),
    /// State of a permit after a commit.
    PermitStatus {
        /// Which.
        access: AccessId,
        /// The asker's number for the check.
        check: u64,
        /// Its state.
        status: PermitStatus,
        /// Last commit executed.
        commit: u64,
    },
    /// No such entry here (yet), or it is no longer held.
    NoEntry(u64),
    /// This replica goes on from a snapshot, and what became of the submission was before it: ask another.
    Forgotten(Digest),
}

/// What gateways say to each other.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Exchange {
    /// Asks the custodian for key and document of a record, under a permit.
    KeyRequest {
        /// The requester's operation.
        operation: u64,
        /// Of the bundle that the permit was asked for in.
        receipt: Receipt,
        /// Which of its actions, from 0.
        action: u8,
    },
    /// The data key, wrapped to the requester's organisation.
    KeyRelease {
        /// The requester's operation.
        operation: u64,
        /// HPKE: encapsulated key ‖ ciphertext of data key ‖ salt.
        wrap: Blob<256>,
    },
    /// The document, sealed under the data key.
    Document {
        /// The requester's operation.
        operation: u64,
        /// AES-256-GCM.
        sealed: Blob<{ 32 * 1024 * 1024 + 64 }>,
    },
    /// The custodian, or who is asked for a copy, refuses.
    KeyRefused {
        /// The requester's operation.
        operation: u64,
        /// Why.
        reason: KeyRefusal,
    },
    /// A record's custodian has lost the document, and asks a former reader for the sealed copy; a `Document` answers.
    CopyRequest {
        /// The custodian's operation.
        operation: u64,
        /// Of which record.
        record: RecordId,
        /// Of which version.
        commitment: Digest,
    },
}

/// Why a custodian does not release a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum KeyRefusal {
    /// The receipt does not verify, or is not of a permit.
    BadReceipt,
    /// The permit is of another organisation or of a record held elsewhere.
    NotYours,
    /// Revoked or expired meanwhile.
    NotInForce,
    /// The document is not in the vault.
    NoDocument,
    /// Too many requests are under way.
    Busy,
}

/// Tags of a submission: that of requests, then its own.
const SUBMIT: [u8; 2] = [4, 0];

/// A tag and a value, in memory of just that length.
fn tagged<T: BorshSerialize>(tag: u8, value: &T) -> Bytes {
    let mut bytes = Vec::with_capacity(codec::encoded_length(value) + 1);
    bytes.push(tag);
    codec::encode_into(&mut bytes, value);
    bytes.into()
}

const _: () = assert!(TRANSACTION_BYTES_MAX <= crate::block::ITEM_BYTES_MAX);

impl Message {
    /// As on the wire.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Block(bytes) => Self::encode_block(bytes),
            Self::Protocol(message) => tagged(1, message),
            Self::SnapshotRequest(request) => tagged(2, request),
            Self::Snapshot(chunk) => tagged(3, chunk),
            Self::Request(request) => tagged(4, request),
            Self::Reply(reply) => tagged(5, reply),
            Self::Exchange(exchange) => tagged(6, exchange),
        }
    }

    /// [`Message::Block`] without a copy of the block's bytes beforehand.
    pub fn encode_block(block: &[u8]) -> Bytes {
        let mut bytes = Vec::with_capacity(block.len() + 1);
        bytes.push(0);
        bytes.extend_from_slice(block);
        bytes.into()
    }

    /// From the wire. A block and a submitted transaction share the message's memory.
    pub fn decode(bytes: &Bytes) -> Result<Self, DecodeError> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(DecodeError::TooLong { found: bytes.len(), limit: MESSAGE_BYTES_MAX });
        }
        let Some(tag) = bytes.first() else {
            return Err(DecodeError::Malformed("empty message".into()));
        };
        let body = bytes.slice(1..);
        Ok(match tag {
            0 if body.len() <= BLOCK_BYTES_MAX => Self::Block(body),
            1 => Self::Protocol(codec::decode(&body, MESSAGE_BYTES_MAX)?),
            2 => Self::SnapshotRequest(codec::decode(&body, 32)?),
            3 => Self::Snapshot(codec::decode(&body, MESSAGE_BYTES_MAX)?),
            4 if body.first() == SUBMIT.last() => {
                let mut reader = Reader::new(body.slice(1..), 128 * 1024)?;
                let transaction = reader.blob()?;
                reader.finish()?;
                Self::Request(Request::Submit(transaction))
            }
            4 => Self::Request(codec::decode(&body, 128 * 1024)?),
            5 => Self::Reply(codec::decode(&body, 128 * 1024)?),
            6 => Self::Exchange(codec::decode(&body, MESSAGE_BYTES_MAX)?),
            tag => {
                return Err(DecodeError::Malformed(format!(
                    "no message has tag {tag} and {} bytes",
                    body.len()
                )));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read apart from the codec is what the codec reads.
    #[test]
    fn submissions_are_read_as_requests_are() {
        for length in [0, 1, 512, 64 * 1024] {
            let request = Request::Submit(Blob::new(vec![7; length]).unwrap());
            let encoded = Message::Request(request.clone()).encode();
            assert_eq!(encoded[0], SUBMIT[0]);
            assert_eq!(encoded[1..], codec::encode(&request));
            assert_eq!(Message::decode(&encoded), Ok(Message::Request(request)));
            assert!(Message::decode(&encoded.slice(..encoded.len() - 1)).is_err());
        }
        let long = [&[4, 0][..], &u32::MAX.to_le_bytes(), &[0; 8]].concat();
        assert!(Message::decode(&long.into()).is_err());
        let left_over = [&[4, 0][..], &1u32.to_le_bytes(), &[0; 2]].concat();
        assert!(Message::decode(&left_over.into()).is_err());
    }
}
