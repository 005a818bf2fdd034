//! What became of every transaction, block and leader slot of a run, as far as explaining any of them takes.
//!
//! Memory: a row for each transaction, block, commit and slot, and the bytes of transactions. Bound: [`ROWS_MAX`]
//! transactions; of what is submitted after them nothing is remembered, and [`Chronicle::forgot`] says so.

use crate::plan::Plan;
use crate::population::Population;
use crate::world::{Observer, Seen};
use bytes::Bytes;
use ledger_core::block::{Block, BlockRef, Round};
use ledger_core::committee::{Committee, ReplicaId};
use ledger_core::crypto::Digest;
use ledger_core::gateway::CommandKind;
use ledger_core::ledger::Account;
use ledger_core::ledger::transaction::{ConsentId, Outcome, Transaction};
use ledger_core::message::{Message, Reply, Request};
use ledger_core::protocol::{Fate, Rule, SlotAccount};
use ledger_core::replica::CommitReport;
use ledger_core::seam::{GatewayId, Observation, Peer};
use ledger_core::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Transactions remembered.
pub const ROWS_MAX: usize = 1 << 20;
/// Submissions and proposals remembered of each.
const COPIES_MAX: usize = 16;

/// See the module.
#[derive(Default)]
pub struct Chronicle {
    /// Who orders.
    pub committee: Option<Arc<Committee>>,
    /// Who takes part.
    pub population: Option<Arc<Population>>,
    executes: bool,
    /// Whose decisions are told in full; of the others, only how they decided. `None`: who decides first.
    viewpoint: Option<ReplicaId>,
    /// What was asked of a gateway, by operation.
    pub operations: BTreeMap<u64, OperationRow>,
    /// By identity.
    pub transactions: BTreeMap<Digest, TransactionRow>,
    /// Every block proposed or sent.
    pub blocks: BTreeMap<BlockRef, BlockRow>,
    /// Leader slots that somebody decided.
    pub slots: BTreeMap<(Round, usize), SlotRow>,
    /// By index.
    pub commits: BTreeMap<u64, CommitRow>,
    /// Which transaction registered which consent.
    pub consents: BTreeMap<ConsentId, Digest>,
    /// Transactions beyond [`ROWS_MAX`].
    pub forgot: u64,
    /// The block that each replica sent last, so that a broadcast is read once.
    last_block: BTreeMap<Peer, (usize, usize)>,
}

/// An operation.
#[derive(Clone, Copy, Debug)]
pub struct OperationRow {
    /// When it started.
    pub at: Timestamp,
    /// Where.
    pub gateway: GatewayId,
    /// What it is.
    pub kind: &'static str,
}

/// A transaction.
#[derive(Clone, Debug, Default)]
pub struct TransactionRow {
    /// As submitted.
    pub bytes: Bytes,
    /// Every time that somebody sent it to a replica: when, who, whom.
    pub sent: Vec<(Timestamp, Peer, Peer)>,
    /// Every time that it came to a replica: when, which.
    pub arrived: Vec<(Timestamp, Peer)>,
    /// Blocks that carry it.
    pub blocks: Vec<BlockRef>,
    /// Receipts sent: when, by which replica, under the checkpoint of which commit.
    pub receipts: Vec<(Timestamp, Peer, u64)>,
    /// When a receipt came to a gateway first.
    pub receipt_arrived: Option<Timestamp>,
    /// In which commit it was executed first, and why its actions were answered as they were.
    pub accounts: Option<(u64, Vec<Option<Account>>)>,
}

/// A block.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlockRow {
    /// When its author signed it.
    pub proposed: Option<Timestamp>,
    /// When its author sent it first.
    pub sent: Option<Timestamp>,
    /// Payload items, and its length.
    pub size: Option<(usize, usize)>,
    /// Its commit.
    pub commit: Option<u64>,
}

/// A leader slot.
#[derive(Clone, Debug)]
pub struct SlotRow {
    /// The decision as the viewpoint made it, or who decided first.
    pub account: SlotAccount,
    /// Who that was, and when.
    pub by: (ReplicaId, Timestamp),
    /// Everybody's decision, in the order of time.
    pub decisions: Vec<(ReplicaId, Timestamp, Kind)>,
}

/// How a slot was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Committed { direct: bool },
    Skipped { direct: bool },
    Undecided,
}

impl Kind {
    /// Of an account.
    pub fn of(account: &SlotAccount) -> Self {
        let is_direct = |rule: &Rule| matches!(rule, Rule::Direct);
        match &account.fate {
            Fate::Undecided { .. } => Self::Undecided,
            Fate::Committed { rule, .. } => Self::Committed { direct: is_direct(rule) },
            Fate::Skipped { rule } => Self::Skipped { direct: is_direct(rule) },
        }
    }
}

/// A commit.
#[derive(Clone, Debug, Default)]
pub struct CommitRow {
    /// Its slot.
    pub slot: Option<(Round, usize)>,
    /// Digest of the chain up to it.
    pub digest: Digest,
    /// Its time.
    pub time: Timestamp,
    /// Who executed it, and when.
    pub executed: Vec<(ReplicaId, Timestamp)>,
    /// What was executed in it.
    pub transactions: Vec<(Digest, u64)>,
    /// Who certified a checkpoint that covers it first, and when.
    pub certified: Option<(ReplicaId, Timestamp, u64)>,
}

impl Chronicle {
    /// With decisions as one replica made them.
    pub fn new(viewpoint: Option<ReplicaId>) -> Self {
        Self { viewpoint, ..Self::default() }
    }

    /// The identity of submitted bytes.
    fn name(&self, bytes: &[u8]) -> Option<Digest> {
        let chain = self.committee.as_ref()?.chain();
        match self.executes {
            true => Transaction::identify(chain, bytes).map(|(digest, _)| digest),
            false => Some(Digest::sha256(&[bytes])),
        }
    }

    fn row(&mut self, name: Digest, bytes: &Bytes) -> Option<&mut TransactionRow> {
        if !self.transactions.contains_key(&name) {
            if self.transactions.len() >= ROWS_MAX {
                self.forgot += 1;
                return None;
            }
            self.transactions.insert(name, TransactionRow { bytes: bytes.clone(), ..Default::default() });
        }
        self.transactions.get_mut(&name)
    }

    fn sent(&mut self, at: Timestamp, from: Peer, to: Peer, bytes: &Bytes) {
        match (from, to, bytes.first()) {
            (Peer::Replica(_), Peer::Replica(_), Some(0)) => self.sent_block(at, from, bytes),
            (Peer::Gateway(_), Peer::Replica(_), Some(4)) => {
                let Some((name, transaction)) = self.submission(bytes) else { return };
                if let Some(row) = self.row(name, &transaction)
                    && row.sent.len() < COPIES_MAX
                {
                    row.sent.push((at, from, to));
                }
            }
            (Peer::Replica(_), Peer::Gateway(_), Some(5)) => {
                let Ok(Message::Reply(Reply::Receipt(receipt))) = Message::decode(bytes) else { return };
                let commit = receipt.checkpoint.body.commit;
                if let Some(row) = self.transactions.get_mut(&receipt.entry.transaction)
                    && row.receipts.len() < COPIES_MAX
                {
                    row.receipts.push((at, from, commit));
                }
            }
            _ => {}
        }
    }

    fn submission(&self, bytes: &Bytes) -> Option<(Digest, Bytes)> {
        let Ok(Message::Request(Request::Submit(transaction))) = Message::decode(bytes) else { return None };
        let transaction = transaction.bytes();
        Some((self.name(&transaction)?, transaction))
    }

    /// A broadcast goes out to one after the other: what is read is the first.
    fn sent_block(&mut self, at: Timestamp, from: Peer, bytes: &Bytes) {
        let place = (bytes.as_ptr() as usize, bytes.len());
        if self.last_block.insert(from, place) == Some(place) {
            return;
        }
        let (Some(committee), Ok(Message::Block(body))) = (self.committee.clone(), Message::decode(bytes))
        else {
            return;
        };
        let Ok(block) = Block::from_journal(&committee, body) else { return };
        let reference = block.reference();
        let row = self.blocks.entry(reference).or_default();
        if row.size.is_some() {
            return;
        }
        row.size = Some((block.payload().len(), block.bytes().len()));
        row.sent = Some(at);
        for item in block.payload() {
            let Some(name) = self.name(item) else { continue };
            if let Some(row) = self.transactions.get_mut(&name)
                && row.blocks.len() < COPIES_MAX
            {
                row.blocks.push(reference);
            }
        }
    }

    fn arrived(&mut self, at: Timestamp, host: Peer, from: Peer, bytes: &Bytes) {
        match (host, from, bytes.first()) {
            (Peer::Replica(_), Peer::Gateway(_) | Peer::Local, Some(4)) => {
                let Some((name, transaction)) = self.submission(bytes) else { return };
                if let Some(row) = self.row(name, &transaction)
                    && row.arrived.len() < COPIES_MAX
                {
                    row.arrived.push((at, host));
                }
            }
            (Peer::Gateway(_), Peer::Replica(_), Some(5)) => {
                let Ok(Message::Reply(Reply::Receipt(receipt))) = Message::decode(bytes) else { return };
                if let Some(row) = self.transactions.get_mut(&receipt.entry.transaction) {
                    row.receipt_arrived = row.receipt_arrived.or(Some(at));
                }
            }
            _ => {}
        }
    }

    fn decided(&mut self, at: Timestamp, by: ReplicaId, account: &SlotAccount) {
        let key = (account.round, account.slot);
        let kind = Kind::of(account);
        if let Some(header) = &account.commit {
            self.commits.entry(header.index).or_default().slot = Some(key);
            for block in &header.blocks {
                self.blocks.entry(*block).or_default().commit = Some(header.index);
            }
        }
        let row = self.slots.entry(key).or_insert_with(|| SlotRow {
            account: account.clone(),
            by: (by, at),
            decisions: Vec::new(),
        });
        if row.decisions.iter().any(|(known, ..)| *known == by) {
            return;
        }
        row.decisions.push((by, at, kind));
        if self.viewpoint == Some(by) {
            (row.account, row.by) = (account.clone(), (by, at));
        }
    }

    fn committed(&mut self, at: Timestamp, by: ReplicaId, report: &CommitReport) {
        let row = self.commits.entry(report.index).or_default();
        // After a restart, again: the first time counts.
        if row.executed.iter().all(|(known, _)| *known != by) {
            row.executed.push((by, at));
        }
        if !row.transactions.is_empty() {
            return;
        }
        (row.digest, row.time) = (report.digest, report.time);
        row.transactions = report.executed.iter().map(|done| (done.transaction, done.index)).collect();
        for done in &report.executed {
            for answer in done.answers.iter() {
                if let Outcome::ConsentRegistered(consent) = answer.outcome {
                    self.consents.insert(consent, done.transaction);
                }
            }
        }
    }

    fn certified(&mut self, at: Timestamp, by: ReplicaId, commit: u64) {
        // Commits without a checkpoint of their own are covered by the next one.
        for (_, row) in self.commits.range_mut(..=commit).rev() {
            if row.certified.is_some() {
                return;
            }
            row.certified = Some((by, at, commit));
        }
    }
}

impl Observer for Chronicle {
    fn sees(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Begins { plan, population, committee } => {
                let Plan { ledger, .. } = plan;
                self.executes = ledger.execution;
                self.committee = Some(committee.clone());
                self.population = Some(population.clone());
            }
            Seen::Started { at, operation, gateway, command } => {
                if self.operations.len() < ROWS_MAX {
                    let kind = kind(&command.kind);
                    self.operations.insert(operation, OperationRow { at, gateway, kind });
                }
            }
            Seen::Sent { at, from, to, bytes, .. } => self.sent(at, from, to, bytes),
            Seen::Arrived { at, host, from, bytes } => self.arrived(at, host, from, bytes),
            Seen::Committed { at, replica: Peer::Replica(by), report } => self.committed(at, by, report),
            Seen::Observed { at, by: Peer::Replica(by), observation } => match observation {
                Observation::Proposed(block) => {
                    self.blocks.entry(*block).or_default().proposed = Some(at);
                }
                Observation::Decided(account) => self.decided(at, by, account),
                Observation::Accounted { commit, transaction, accounts } => {
                    if let Some(row) = self.transactions.get_mut(transaction) {
                        row.accounts.get_or_insert_with(|| (*commit, accounts.clone()));
                    }
                }
                Observation::Certified(body) => self.certified(at, by, body.commit),
                Observation::KeyReleased { .. }
                | Observation::DocumentOpened { .. }
                | Observation::Equivocation(..)
                | Observation::Misbehaviour { .. } => {}
            },
            Seen::Committed { .. } | Seen::Observed { .. } | Seen::Ended { .. } => {}
            Seen::Handles { .. } | Seen::Wakes { .. } | Seen::Step { .. } | Seen::Job { .. } => {}
            Seen::Writes { .. } | Seen::Syncs { .. } | Seen::Struck { .. } | Seen::Healed { .. } => {}
        }
    }
}

/// What an operation is, in a word or two.
fn kind(kind: &CommandKind) -> &'static str {
    match kind {
        CommandKind::Register { .. } => "registration",
        CommandKind::Share { .. } => "share",
        CommandKind::BreakGlass { .. } => "break-glass",
        CommandKind::Review { .. } => "review",
        CommandKind::Grant { .. } => "consent",
        CommandKind::Deny { .. } => "directive",
        CommandKind::Revoke { .. } => "withdrawal",
        CommandKind::Delegate { .. } => "delegation",
        CommandKind::Rewrap { .. } => "rewrap",
        CommandKind::Rotate { .. } => "key rotation",
        CommandKind::Recover { .. } => "recovery",
        CommandKind::Shred { .. } => "erasure",
        CommandKind::Bundle { .. } => "bundle",
        CommandKind::Audit { .. } => "audit",
    }
}
