//! Commits, executed in order once every signature in them has been judged; the audit log of what they did.

use super::{CommitReport, Executed, Replica};
use crate::audit::{AuditLog, CheckpointBody, Entry};
use crate::block::{Block, BlockRef, Round};
use crate::codec::List;
use crate::crypto::Digest;
use crate::ledger::Ledger;
use crate::ledger::transaction::{Answer, Answers, PartyId, Refusal};
use crate::protocol::Commit;
use crate::seam::Output;
use crate::time::Timestamp;
use crate::work::CheckedPayload;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Entries held to answer about: older ones are on record only in their receipts.
pub const ENTRIES_HELD_MAX: usize = 64 * 1024;
/// Answers in them: of large bundles fewer are held.
pub const ANSWERS_HELD_MAX: usize = 4 * ENTRIES_HELD_MAX;

/// Ledger, log, and the commits that wait for them.
pub(super) struct Execution {
    ledger: Option<Ledger>,
    log: AuditLog,
    /// Entries from `log.size() - entries.len()` on.
    entries: VecDeque<Entry>,
    /// Answers in `entries`.
    answers: usize,
    queue: VecDeque<Commit>,
    /// Judged payloads of accepted blocks that are not executed yet.
    checked: BTreeMap<BlockRef, CheckedPayload>,
    executed: u64,
    time: Timestamp,
    /// Bytes of the ledger's rows at genesis.
    genesis_bytes: usize,
}

impl Execution {
    pub fn new(ledger: Option<Ledger>) -> Self {
        Self {
            genesis_bytes: ledger.as_ref().map_or(0, Ledger::rows_bytes),
            ledger,
            log: AuditLog::default(),
            entries: VecDeque::new(),
            answers: 0,
            queue: VecDeque::new(),
            checked: BTreeMap::new(),
            executed: 0,
            time: Timestamp::ZERO,
        }
    }

    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    pub fn log(&self) -> &AuditLog {
        &self.log
    }

    /// Last commit executed.
    pub fn executed(&self) -> u64 {
        self.executed
    }

    /// Time of the last commit executed.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of the ledger's rows since genesis.
    pub fn ledger_bytes(&self) -> usize {
        self.ledger.as_ref().map_or(0, Ledger::rows_bytes).saturating_sub(self.genesis_bytes)
    }

    pub fn log_bytes(&self) -> usize {
        let entries = self.entries.capacity() * size_of::<Entry>() + self.answers * size_of::<Answer>();
        self.log.memory_bytes() + entries
    }

    /// The entry at an index, while it is held.
    pub fn entry(&self, index: u64) -> Option<&Entry> {
        let first = self.log.size() - self.entries.len() as u64;
        self.entries.get(usize::try_from(index.checked_sub(first)?).ok()?)
    }

    pub fn needs_check(&self, block: &Block) -> bool {
        self.ledger.is_some() && !block.payload().is_empty()
    }

    pub fn checked(&mut self, block: BlockRef, checked: CheckedPayload) {
        self.checked.insert(block, checked);
    }

    pub fn forget(&mut self, block: &BlockRef) {
        self.checked.remove(block);
    }

    /// Blocks of lower rounds can no longer be committed.
    pub fn forget_below(&mut self, round: Round) {
        while self.checked.first_key_value().is_some_and(|(block, _)| block.round < round) {
            self.checked.pop_first();
        }
    }

    pub fn push(&mut self, commit: Commit) {
        self.queue.push_back(commit);
    }

    /// The next commit, if every signature in it has been judged.
    fn pop_ready(&mut self) -> Option<Commit> {
        let next = self.queue.front()?;
        let judged = |block: &Arc<Block>| {
            self.ledger.is_none()
                || block.payload().is_empty()
                || self.checked.contains_key(&block.reference())
        };
        if !next.blocks.iter().all(judged) {
            return None;
        }
        self.queue.pop_front()
    }

    /// Continues after a snapshot.
    pub fn restore(&mut self, ledger: Option<Ledger>, log: AuditLog, commit: u64, time: Timestamp) {
        self.queue.retain(|waiting| waiting.header.index > commit);
        self.ledger = ledger;
        self.log = log;
        self.entries.clear();
        self.answers = 0;
        self.executed = commit;
        self.time = time;
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
    fn execute_block(&mut self, block: &Block, commit: u64, time: Timestamp, report: &mut Vec<Executed>) {
        let Some(checked) = self.checked.remove(&block.reference()) else { return };
        for (item, checked) in block.payload().iter().zip(checked.iter()) {
            let (transaction, actor, answers) = match (checked, &mut self.ledger) {
                (Some(checked), Some(ledger)) => {
                    let answers = ledger.execute(time, &checked.transaction, checked.signature_valid);
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

impl Replica {
    /// Executes all commits that are ready.
    pub(super) fn execute(&mut self, _now: Timestamp) {
        while let Some(commit) = self.execution.pop_ready() {
            self.execute_commit(&commit);
        }
        self.answer_ordered();
    }

    fn execute_commit(&mut self, commit: &Commit) {
        let header = &commit.header;
        self.snapshots.commit(commit);
        self.execution.forget_below(header.leader.round.before(self.snapshots.gc_depth()));
        let mut executed = Vec::new();
        let mut blocks: Vec<&Arc<Block>> = commit.blocks.iter().collect();
        #[cfg(feature = "seeded-bugs")]
        if self.has_bug(super::ReplicaBug::ReverseCommits) {
            blocks.reverse();
        }
        if self.execution.ledger.is_some() {
            for block in blocks.drain(..) {
                self.execution.execute_block(block, header.index, header.time, &mut executed);
            }
        } else {
            // Ordering alone: the header names every block, so own items are all that must be looked at.
            for block in blocks.iter().filter(|block| block.author() == self.id) {
                executed.extend(block.payload().iter().map(|item| Executed {
                    transaction: self.clients.name(item),
                    answers: Answers::default(),
                    index: 0,
                }));
            }
        }
        self.execution.executed = header.index;
        self.execution.time = header.time;
        self.clients.executed(&executed, header.index, self.execution.ledger.is_some());
        let body = CheckpointBody {
            chain: self.committee.chain(),
            size: self.execution.log.size(),
            root: self.execution.log.root(),
            commit: header.index,
            commit_digest: commit.digest,
            state_root: match &self.execution.ledger {
                Some(ledger) if self.checkpoints.is_due(header.index) => ledger.state_root(),
                Some(_) | None => Digest::default(),
            },
        };
        let report = CommitReport {
            index: header.index,
            digest: commit.digest,
            state_root: body.state_root,
            log_root: body.root,
            time: header.time,
            own: commit
                .blocks
                .iter()
                .filter(|block| block.author() == self.id)
                .map(|block| block.reference())
                .collect(),
            executed,
        };
        self.outputs.push_back(Output::Committed(report));
        if let Some(vote) = self.checkpoints.executed(body) {
            self.protocol.attach(vote);
            self.check_votes(&[vote]);
            self.snapshots.executed(commit, self.execution.ledger.as_ref(), &self.execution.log);
        }
    }
}
