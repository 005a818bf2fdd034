//! What a message is, in a word or two; and which arrival belongs to which sending.

use bytes::Bytes;
use ledger_core::message::{Exchange, Message, Reply, Request};
use ledger_core::protocol::ProtocolMessage;
use ledger_core::seam::Peer;
use std::collections::{BTreeMap, VecDeque};

/// Longer messages are told by their first byte: documents, snapshots, blocks.
const DECODED_MAX: usize = 256 * 1024;

/// What it is.
pub fn kind(bytes: &Bytes) -> &'static str {
    match bytes.first() {
        Some(0) => return "block",
        Some(3) => return "snapshot",
        Some(1) if bytes.len() > DECODED_MAX => return "blocks",
        Some(6) if bytes.len() > DECODED_MAX => return "document",
        Some(0xff) => return "transfer",
        Some(_) | None => {}
    }
    match Message::decode(bytes) {
        Err(_) => "unreadable",
        Ok(Message::Block(_)) => "block",
        Ok(Message::Snapshot(_)) => "snapshot",
        Ok(Message::SnapshotRequest(_)) => "snapshot request",
        Ok(Message::Protocol(message)) => match message {
            ProtocolMessage::Fetch(_) => "fetch",
            ProtocolMessage::Sync(_) => "sync",
            ProtocolMessage::Blocks(_) => "blocks",
            ProtocolMessage::TooFarBehind => "too far behind",
            ProtocolMessage::Recall(_) => "what did I sign?",
            ProtocolMessage::Recalled(..) => "what you signed",
        },
        Ok(Message::Request(request)) => match request {
            Request::Submit(_) => "submission",
            Request::PermitStatus { .. } => "is it in force?",
            Request::Entry(_) => "entry request",
        },
        Ok(Message::Reply(reply)) => match reply {
            Reply::Receipt(_) => "receipt",
            Reply::Ordered { .. } => "ordered",
            Reply::Busy(_) => "busy",
            Reply::Rejected(_) => "rejected",
            Reply::PermitStatus { .. } => "permit status",
            Reply::NoEntry(_) => "no entry",
            Reply::Forgotten(_) => "ask another",
        },
        Ok(Message::Exchange(exchange)) => match exchange {
            Exchange::KeyRequest { .. } => "key request",
            Exchange::KeyRelease { .. } => "key",
            Exchange::Document { .. } => "document",
            Exchange::KeyRefused { .. } => "key refused",
            Exchange::CopyRequest { .. } => "copy request",
        },
    }
}

/// Messages on their way. Equal ones between the same two are taken to arrive in order.
pub struct InFlight<T> {
    flying: BTreeMap<(Peer, Peer, u64), VecDeque<T>>,
}

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self { flying: BTreeMap::new() }
    }
}

impl<T> InFlight<T> {
    fn key(from: Peer, to: Peer, bytes: &[u8]) -> (Peer, Peer, u64) {
        let hash = blake3::hash(bytes);
        (from, to, u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has 32 bytes")))
    }

    /// One leaves.
    pub fn sent(&mut self, from: Peer, to: Peer, bytes: &[u8], what: T) {
        self.flying.entry(Self::key(from, to, bytes)).or_default().push_back(what);
    }

    /// One arrives: what was said of it when it left.
    pub fn arrived(&mut self, from: Peer, to: Peer, bytes: &[u8]) -> Option<T> {
        if self.flying.is_empty() {
            return None;
        }
        let key = Self::key(from, to, bytes);
        let waiting = self.flying.get_mut(&key)?;
        let what = waiting.pop_front();
        if waiting.is_empty() {
            self.flying.remove(&key);
        }
        what
    }

    /// What did not arrive, by sender and receiver.
    pub fn lost(self) -> impl Iterator<Item = (Peer, Peer, T)> {
        self.flying
            .into_iter()
            .flat_map(|((from, to, _), what)| what.into_iter().map(move |it| (from, to, it)))
    }
}
