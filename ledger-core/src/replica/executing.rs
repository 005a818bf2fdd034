//! Execution as a value: commits, and the state to execute them on, leave the machine together and come back together.
//!
//! A driver may execute anywhere ([`Executing::run`]): the live one does on a thread of its own, so that ordering goes on
//! meanwhile. There is one state, and it is in one place: while it is away, what would be answered out of it waits.

use super::Executed;
use crate::audit::{AuditLog, Entry, Frontier};
use crate::block::Block;
use crate::codec::List;
use crate::crypto::Digest;
use crate::ledger::transaction::{Answer, PartyId, Refusal};
use crate::ledger::{Account, Ledger};
use crate::protocol::Commit;
use crate::time::Timestamp;
use crate::work::CheckedPayload;
use std::collections::VecDeque;
use std::sync::Arc;

/// Entries held to answer about: older ones are on record only in their receipts.
pub const ENTRIES_HELD_MAX: usize = 64 * 1024;
/// Answers in them: of large bundles fewer are held.
pub const ANSWERS_HELD_MAX: usize = 4 * ENTRIES_HELD_MAX;

/// What execution reads and changes.
#[derive(Clone)]
pub(super) struct State {
    pub ledger: Option<Ledger>,
    pub log: AuditLog,
    /// Entries from `log.size() - entries.len()` on.
    entries: VecDeque<Entry>,
    /// Answers in `entries`.
    answers: usize,
    /// Of the commit that is executed.
    accounts: Vec<(Digest, Vec<Option<Account>>)>,
}

/// A commit in which every signature has been judged.
#[derive(Clone)]
pub(super) struct Ready {
    pub commit: Commit,
    /// When it was decided.
    pub decided: Timestamp,
    /// Blocks to be executed, in order, with what was found of their payloads.
    pub payloads: Vec<(Arc<Block>, CheckedPayload)>,
    /// Whether the state's root is to be signed after it.
    pub root: bool,
    /// Whether the state after it may become a snapshot.
    pub capture: bool,
}

/// A commit that was executed.
#[derive(Clone)]
pub(super) struct Done {
    pub commit: Commit,
    pub decided: Timestamp,
    pub executed: Vec<Executed>,
    /// To those who asked: why what was answered, by transaction.
    pub accounts: Vec<(Digest, Vec<Option<Account>>)>,
    /// Size and root of the log after it.
    pub log: (u64, Digest),
    /// Root of the ledger after it, if one was asked for.
    pub state_root: Digest,
    pub capture: Option<Captured>,
}

/// A state that may become a snapshot. Shares its parts with the live state.
pub(super) type Captured = (Frontier, Option<Ledger>);

/// Commits to be executed in order; afterwards, what that did.
#[derive(Clone)]
pub struct Executing {
    pub(super) state: Box<State>,
    pub(super) ready: VecDeque<Ready>,
    pub(super) done: Vec<Done>,
}

impl std::fmt::Debug for Executing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} commits to execute, {} executed", self.ready.len(), self.done.len())
    }
}

impl Executing {
    /// Executes what is ready. A pure function of the state and the commits.
    pub fn run(&mut self) {
        while let Some(Ready { commit, decided, payloads, root, capture }) = self.ready.pop_front() {
            let (index, time) = (commit.header.index, commit.header.time);
            let mut executed = Vec::new();
            for (block, checked) in payloads {
                self.state.execute_block(&block, &checked, (index, time), &mut executed);
            }
            let State { ledger, log, .. } = &*self.state;
            let state_root = match ledger {
                Some(ledger) if root => ledger.state_root(),
                Some(_) | None => Digest::default(),
            };
            let capture = capture.then(|| (log.frontier(), ledger.clone()));
            let log = (log.size(), log.root());
            let accounts = std::mem::take(&mut self.state.accounts);
            self.done.push(Done { commit, decided, executed, accounts, log, state_root, capture });
        }
    }
}

impl State {
    pub fn new(ledger: Option<Ledger>, log: AuditLog) -> Self {
        Self { ledger, log, entries: VecDeque::new(), answers: 0, accounts: Vec::new() }
    }

    pub fn log_bytes(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<Entry>() + self.answers * size_of::<Answer>();
        self.log.memory_bytes() + entries
    }

    /// Entries held, and answers in them.
    pub fn held(&self) -> (usize, usize) {
        (self.entries.len(), self.answers)
    }

    /// The entry at an index, while it is held.
    pub fn entry(&self, index: u64) -> Option<&Entry> {
        let first = self.log.size() - self.entries.len() as u64;
        self.entries.get(usize::try_from(index.checked_sub(first)?).ok()?)
    }

    fn log_entry(&mut self, entry: Entry) -> u64 {
        let index = self.log.append(entry.leaf_hash());
        self.answers += entry.answers.len();
        self.entries.push_back(entry);
        while self.entries.len() > ENTRIES_HELD_MAX || self.answers > ANSWERS_HELD_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.answers -= oldest.answers.len();
        }
        let held = ENTRIES_HELD_MAX as u64;
        if self.log.size() - self.log.held_from() >= 2 * held {
            self.log.forget_before(self.log.size() - held);
        }
        index
    }

    /// Executes a block's payload; entries go to the log.
    fn execute_block(
        &mut self,
        block: &Block,
        checked: &CheckedPayload,
        (commit, time): (u64, Timestamp),
        report: &mut Vec<Executed>,
    ) {
        for (item, checked) in block.payload().iter().zip(checked.iter()) {
            let (transaction, actor, answers) = match (checked, &mut self.ledger) {
                (Some(checked), Some(ledger)) => {
                    let answers = ledger.execute(time, &checked.transaction, checked.signature_valid);
                    let accounts = ledger.take_accounts();
                    if !accounts.is_empty() {
                        self.accounts.push((checked.transaction.digest, accounts));
                    }
                    (checked.transaction.digest, checked.transaction.body.actor, answers)
                }
                // Only a faulty replica proposes what is no transaction; it is logged like every refusal.
                _ => {
                    let malformed = List::new(vec![Answer::refused(Refusal::Malformed)]);
                    let answers = malformed.expect("one is at most the limit");
                    (Digest::sha256(&[item]), PartyId::default(), answers)
                }
            };
            let entry = Entry { commit, commit_time: time, transaction, actor, answers: answers.clone() };
            let index = self.log_entry(entry);
            report.push(Executed { transaction, answers, index });
        }
    }
}
