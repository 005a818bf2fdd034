//! What a local user asks of a gateway, and how it ends.

use super::Held;
use crate::audit::Receipt;
use crate::codec::Blob;
use crate::crypto::{Digest, SecretKey};
use crate::ledger::transaction::{
    AccessId, Actions, Answers, ConsentId, DelegatedScope, Label, Outcome, PartyId, Purpose, RecordClass,
    RecordId, Refusal, Scope,
};
use crate::message::KeyRefusal;
use crate::seal::WrapKeyPair;
use crate::time::{Duration, Timestamp};
use bytes::Bytes;
use std::sync::Arc;

/// A person or institution at this gateway, with the key that signs for them (a smart card, a patient's agent).
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub party: PartyId,
    /// For which organisation.
    pub organisation: PartyId,
    /// Signs.
    pub key: SecretKey,
}

/// What a local user wants. `operation` names it in its [`Completion`] and is unique at this gateway.
#[derive(Clone, Debug)]
pub struct Command {
    /// Unique at this gateway.
    pub operation: u64,
    /// Who wants it.
    pub actor: Actor,
    /// Give up at this time.
    pub deadline: Timestamp,
    /// What.
    pub kind: CommandKind,
}

/// Kinds of command.
#[derive(Clone, Debug)]
pub enum CommandKind {
    /// This institution takes a new document of a patient into custody.
    Register {
        /// Whose.
        patient: PartyId,
        /// The patient's wrap key.
        patient_wrap_key: [u8; 32],
        /// Kind.
        class: RecordClass,
        /// Label.
        label: Label,
        /// Vault locator, unique.
        locator: [u8; 16],
        /// Plain text.
        document: Bytes,
    },
    /// Request, obtain, open and verify a document held elsewhere.
    Share {
        /// Which record.
        record: RecordId,
        /// Why.
        purpose: Purpose,
        /// Under which consent.
        consent: Option<ConsentId>,
    },
    /// The same in an emergency.
    BreakGlass {
        /// Which record.
        record: RecordId,
        /// Commitment to the reason.
        reason: Digest,
        /// For how long.
        window: Duration,
    },
    /// Review a break-glass access.
    Review {
        /// Which.
        access: AccessId,
        /// Verdict.
        justified: bool,
    },
    /// A patient permits, or who has authority in the patient's stead.
    Grant {
        /// Whose records.
        patient: PartyId,
        /// What.
        scope: Scope,
    },
    /// A patient forbids.
    Deny {
        /// What.
        scope: Scope,
    },
    /// A patient withdraws.
    Revoke {
        /// Which.
        consent: ConsentId,
    },
    /// A patient names who may decide in their stead, or a guardian passes on part of what it may.
    Delegate {
        /// Whose records.
        patient: PartyId,
        /// Who is to decide.
        delegate: PartyId,
        /// What about.
        scope: DelegatedScope,
        /// Until when.
        until: Timestamp,
        /// Commitment to what proves it.
        evidence: Digest,
        /// The coming of age of a minor.
        minor_until: Option<Timestamp>,
    },
    /// The patient's agent wraps a record's key to a grantee.
    Rewrap {
        /// Which record.
        record: RecordId,
        /// To whom.
        grantee: PartyId,
        /// The grantee's wrap key.
        recipient: [u8; 32],
        /// The agent's, to which the key is wrapped.
        pair: WrapKeyPair,
        /// What the custodian told of the present key.
        held: Held,
    },
    /// This institution gives a document in its custody another key.
    Rotate {
        /// Which record.
        record: RecordId,
        /// The patient's wrap key.
        patient_wrap_key: [u8; 32],
        /// Vault locator of the new version, unique.
        locator: [u8; 16],
    },
    /// This institution has lost a document in its custody, and its secret: it fetches the sealed copy that a former reader
    /// kept, opens it with the key that the patient's agent wrapped anew, and takes it into custody under another key.
    Recover {
        /// Which record.
        record: RecordId,
        /// Its commitment on the ledger.
        commitment: Digest,
        /// Its key, as the patient's agent wrapped it to this institution on the ledger.
        wrap: Blob<128>,
        /// Vault locator of the lost version.
        lost: [u8; 16],
        /// Who has a copy.
        holder: PartyId,
        /// The patient's wrap key.
        patient_wrap_key: [u8; 32],
        /// Vault locator of the new version, unique.
        locator: [u8; 16],
    },
    /// Gives a record's key up for good. At the custodian, the document goes too.
    Shred {
        /// Which record.
        record: RecordId,
    },
    /// Ask the ledger several things in one signed bundle. Answers are all that comes of it: nothing is stored, no key
    /// and no document moves.
    Bundle {
        /// What is asked.
        actions: Actions,
        /// Whether all is to be done or nothing.
        atomic: bool,
    },
    /// Fetch and verify the proof of a log entry.
    Audit {
        /// Which.
        index: u64,
    },
}

/// How an operation ended.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The command's.
    pub operation: u64,
    /// How.
    pub end: End,
    /// When its transaction's receipt was verified, if it was.
    pub receipt_at: Option<Timestamp>,
    /// When the custodian's key arrived, if it did.
    pub key_at: Option<Timestamp>,
    /// When the document's last byte arrived, if it did.
    pub transferred_at: Option<Timestamp>,
    /// Identity of its transaction, if it made one.
    pub transaction: Option<Digest>,
    /// Log index of the transaction's entry, if its receipt was verified.
    pub log_index: Option<u64>,
    /// What the entry says, action by action, if its receipt was verified.
    pub answers: Answers,
    /// The document that was asked for, in plain text, once it was found to be the registered one.
    pub document: Option<Bytes>,
    /// That receipt: proves to anybody who has the committee's keys what the transaction did.
    pub receipt: Option<Arc<Receipt>>,
    /// Of a registration or a rotation: what the patient's agent is to be told.
    pub held: Option<Arc<Held>>,
    /// Of a rewrap: the key, wrapped to the grantee, as the ledger has it.
    pub wrap: Option<Blob<128>>,
}

impl Completion {
    /// Of an operation that ended before anything came of it.
    pub fn new(operation: u64, end: End) -> Self {
        Self {
            operation,
            end,
            receipt_at: None,
            key_at: None,
            transferred_at: None,
            transaction: None,
            log_index: None,
            answers: Answers::default(),
            document: None,
            receipt: None,
            held: None,
            wrap: None,
        }
    }
}

/// Ends of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Done: the outcome.
    Done(Outcome),
    /// A bundle was executed, or an audit's entry proven: [`Completion::answers`] says how each action fared.
    Answered,
    /// The ledger refused, and proved it.
    Refused(Refusal),
    /// The custodian refused.
    KeyRefused(KeyRefusal),
    /// What arrived was not the registered document.
    Corrupt,
    /// Unacceptable: replicas said so (enough of them that a correct one did), or the document is too long, or the
    /// patient's wrap key is none.
    Rejected,
    /// Too much is under way at this gateway: nothing was submitted.
    Overloaded,
    /// The deadline passed first. What became of it is unknown.
    TimedOut,
}
