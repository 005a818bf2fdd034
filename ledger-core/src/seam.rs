//! The seam between the machines and the world.
//!
//! A [`Machine`] takes `now` and an [`Input`] and yields [`Output`]s. It knows no clock, socket, file, thread or
//! entropy. The simulator and the live driver run the same machines; what a driver must do with each output is said
//! on the output. Expensive stateless work leaves as [`Output::Verify`] and comes back as [`Input::Verified`], commits leave
//! with the state to execute them on as [`Output::Execute`] and come back as [`Input::Executed`]; a
//! message that depends on a write is held back by the machine until [`Input::Durable`].

use crate::committee::ReplicaId;
use crate::gateway::{Command, Completion};
use crate::replica::{CommitReport, Executing};
use crate::time::Timestamp;
use crate::work::{Finding, Work};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// An institution's place in the registry.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    borsh::BorshSerialize,
    borsh::BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct GatewayId(pub u32);

/// Who sends or receives a message. The transport authenticates it; it is never taken from a message's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Peer {
    /// A replica.
    Replica(ReplicaId),
    /// A gateway.
    Gateway(GatewayId),
    /// A load generator on the machine's own host: for ordering benchmarks.
    Local,
}

/// Kinds of traffic that must not delay each other, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// Blocks and what brings them.
    Consensus,
    /// Requests, replies, keys.
    Client,
    /// Documents and snapshots.
    Bulk,
}

/// Names a job until its finding comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Number of entries ever appended to this machine's journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalPosition(pub u64);

/// What a replica's journal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalEntry {
    /// A block, as on the wire.
    Block(Bytes),
    /// A snapshot: everything before it is no longer needed once [`Output::Truncate`] says so.
    Snapshot(Bytes),
}

impl JournalEntry {
    /// Bytes on disk, without framing.
    pub fn len(&self) -> usize {
        match self {
            Self::Block(bytes) | Self::Snapshot(bytes) => bytes.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What happens to a machine.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message from an authenticated peer.
    Message {
        /// Sender.
        from: Peer,
        /// A [`Message`](crate::message::Message).
        bytes: Bytes,
    },
    /// The journal is durable up to this position (exclusive).
    Durable(JournalPosition),
    /// A job is done.
    Verified(JobId, Finding),
    /// Commits were executed.
    Executed(Box<Executing>),
    /// A document that the machine asked for; `None` if the vault does not have it.
    Loaded([u8; 16], Option<Bytes>),
    /// A local user wants something.
    Command(Command),
}

/// What a machine wants done. Outputs are to be carried out in order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send to one peer. Lost messages are the machine's concern: it asks again.
    Send {
        /// Receiver.
        to: Peer,
        /// Urgency.
        lane: Lane,
        /// A [`Message`](crate::message::Message).
        bytes: Bytes,
    },
    /// Send to every other replica.
    Broadcast {
        /// Urgency.
        lane: Lane,
        /// A [`Message`](crate::message::Message).
        bytes: Bytes,
    },
    /// Append to the journal; if `sync`, make it durable soon and answer with [`Input::Durable`].
    Persist {
        /// Position after this entry.
        position: JournalPosition,
        /// What to append.
        entry: JournalEntry,
        /// Whether the machine waits for it.
        sync: bool,
    },
    /// Entries before this position may be deleted.
    Truncate(JournalPosition),
    /// Do this away from the machine and answer with [`Input::Verified`].
    Verify(JobId, Work),
    /// [Run](Executing::run) this, here or elsewhere, and answer with [`Input::Executed`]. There is one at a time: it holds
    /// the machine's state.
    Execute(Box<Executing>),
    /// Put a document into the vault.
    Store([u8; 16], Bytes),
    /// Get a document from the vault and answer with [`Input::Loaded`].
    Load([u8; 16]),
    /// Take a document out of the vault for good, if it is there.
    Erase([u8; 16]),
    /// A replica executed a commit.
    Committed(CommitReport),
    /// A gateway finished an operation.
    Completed(Completion),
    /// Something that a checker wants to know.
    Observed(Observation),
}

/// What machines tell checkers beside their outputs. Carries no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A custodian let a data key go.
    KeyReleased {
        /// Under which decision.
        access: crate::ledger::transaction::AccessId,
        /// Of which record.
        record: crate::ledger::transaction::RecordId,
        /// To which gateway.
        to: GatewayId,
        /// When it began to ask whether the permit is in force.
        asked_at: Timestamp,
    },
    /// A requester holds a document in plain text.
    DocumentOpened {
        /// Under which decision.
        access: crate::ledger::transaction::AccessId,
        /// Of which record.
        record: crate::ledger::transaction::RecordId,
        /// Plain bytes.
        bytes: u64,
    },
    /// A replica proposed a block (its own, signed, not yet sent).
    Proposed(crate::block::BlockRef),
    /// Two blocks of one author and round.
    Equivocation(crate::block::BlockRef, crate::block::BlockRef),
    /// A replica certified a checkpoint.
    Certified(Box<crate::audit::CheckpointBody>),
    /// A replica's leader slot got its fate; only where explanations were asked for.
    Decided(Box<crate::protocol::SlotAccount>),
    /// A replica executed a transaction; only where explanations were asked for.
    Accounted {
        /// In which commit.
        commit: u64,
        /// Which.
        transaction: crate::crypto::Digest,
        /// Why each of its actions was answered as it was; `None` where the outcome says everything.
        accounts: Vec<Option<crate::ledger::Account>>,
    },
    /// A peer sent what no correct peer sends.
    Misbehaviour {
        /// Who.
        from: Peer,
        /// What.
        what: String,
    },
}

/// A sans-IO machine.
pub trait Machine {
    /// Something happened.
    fn handle(&mut self, now: Timestamp, input: Input);
    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    fn handle_timeout(&mut self, now: Timestamp);
    /// Next thing to do, if any. Poll until `None` after every call of the above.
    fn poll_output(&mut self) -> Option<Output>;
    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing happens before.
    fn poll_timeout(&self) -> Option<Timestamp>;
}
