//! Snapshots: how a journal stays short, and how a replica catches up that missed more than the window.
//!
//! A snapshot is the state after a commit with a certified checkpoint: the ledger, the audit log's frontier, and what
//! ordering needs to go on ([`OrderedPrefix`]). Everything in it is verified against the checkpoint's quorum: the
//! ledger by its state root, the frontier by size and root, the commit headers by their hash chain, the leader
//! schedule and the recent blocks by the headers.

use super::executing::Captured;
use super::{Job, Replica};
use crate::audit::{AuditLog, Checkpoint, CheckpointError, Frontier};
use crate::block::{BLOCK_BYTES_MAX, Block, BlockError, BlockRef, Round};
use crate::codec::{self, Blob, DecodeError, List};
use crate::committee::{Committee, ReplicaId};
use crate::crypto::SignatureVerifier;
use crate::ledger::{Ledger, RestoreError};
use crate::message::{Message, SNAPSHOT_CHUNK_MAX, SnapshotChunk, SnapshotRequest};
use crate::protocol::mysticeti::Schedule;
use crate::protocol::{Commit, CommitHeader, OrderedPrefix};
use crate::seam::{JournalEntry, JournalPosition, Lane, Peer};
use crate::time::{Duration, Timestamp};
use crate::work::Work;
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// Part of the garbage-collection window between two states that may become snapshots. A replica that is given one must
/// find the blocks after it in the others' windows; a state that is kept costs a copy of whatever changes after it.
const CAPTURES_PER_WINDOW: u64 = 4;
/// Captured states that wait for their checkpoint.
const CAPTURES_MAX: usize = 8;
/// Most bytes of a snapshot.
pub const SNAPSHOT_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// After this long without a part, a download is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most commit headers in a snapshot.
const HEADERS_MAX: usize = 64 * 1024;

/// As stored and sent.
#[derive(BorshSerialize, BorshDeserialize)]
pub struct Snapshot {
    checkpoint: Checkpoint,
    pub(super) headers: List<CommitHeader, HEADERS_MAX>,
    schedule: Schedule,
    pub(super) recent: List<Blob<BLOCK_BYTES_MAX>, 1024>,
    frontier: Frontier,
    ledger: Option<Blob<SNAPSHOT_BYTES_MAX>>,
}

/// Why a snapshot is not to be trusted. Never valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Not a snapshot's encoding.
    #[error("no snapshot: {0}")]
    Codec(#[from] DecodeError),
    /// The checkpoint does not verify.
    #[error("snapshot: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The ledger cannot be restored.
    #[error("snapshot: {0}")]
    Ledger(#[from] RestoreError),
    /// A block in it is not valid.
    #[error("snapshot: {0}")]
    Block(BlockError),
    /// A part is not the one that the checkpoint covers.
    #[error("snapshot: its {0} is not the one that its checkpoint covers")]
    Mismatch(&'static str),
}

/// A snapshot whose every part follows from a quorum's signatures.
#[derive(Clone)]
pub struct VerifiedSnapshot {
    bytes: Bytes,
    checkpoint: Arc<Checkpoint>,
    pub(super) prefix: OrderedPrefix,
    log: AuditLog,
    ledger: Option<Ledger>,
}

impl std::fmt::Debug for VerifiedSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "snapshot of commit {}", self.checkpoint.body.commit)
    }
}

impl VerifiedSnapshot {
    /// As on the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Snapshot {
    /// Reads and verifies.
    pub fn verify(
        bytes: &Bytes,
        gc_depth: u64,
        committee: &Committee,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<VerifiedSnapshot, SnapshotError> {
        let snapshot: Self = codec::decode(bytes, SNAPSHOT_BYTES_MAX)?;
        let body = &snapshot.checkpoint.body;
        snapshot.checkpoint.verify(committee, verifier)?;
        let headers: Vec<Arc<CommitHeader>> = snapshot.headers.into_vec().into_iter().map(Arc::new).collect();
        let last = headers.last().ok_or(SnapshotError::Mismatch("list of commits"))?.clone();
        let digests: Vec<_> = headers.iter().map(|header| header.digest(committee.chain())).collect();
        let chained =
            headers.iter().skip(1).zip(headers.iter().zip(&digests)).all(|(next, (header, digest))| {
                next.previous == *digest && header.index.checked_add(1) == Some(next.index)
            });
        if !chained || digests.last() != Some(&body.commit_digest) || last.index != body.commit {
            return Err(SnapshotError::Mismatch("list of commits"));
        }
        if snapshot.schedule.digest() != last.schedule || !snapshot.schedule.fits(committee) {
            return Err(SnapshotError::Mismatch("leader schedule"));
        }
        // Every block that a later commit might meet must be known as committed: all headers of the window are there.
        let floor = last.leader.round.before(gc_depth);
        if headers[0].index != 1 && headers[0].leader.round >= floor {
            return Err(SnapshotError::Mismatch("window of commits"));
        }
        let mut recent = Vec::new();
        for block in snapshot.recent.iter() {
            let block = Block::verify(committee, block.bytes(), verifier).map_err(SnapshotError::Block)?;
            recent.push(Arc::new(block));
        }
        let found: BTreeSet<BlockRef> = recent.iter().map(|block| block.reference()).collect();
        if found != recent_of(&headers) || found.len() != recent.len() {
            return Err(SnapshotError::Mismatch("list of blocks"));
        }
        if snapshot.frontier.size != body.size || snapshot.frontier.root() != Some(body.root) {
            return Err(SnapshotError::Mismatch("audit log"));
        }
        let log = AuditLog::from_frontier(snapshot.frontier).ok_or(SnapshotError::Mismatch("audit log"))?;
        let ledger = snapshot.ledger.map(|ledger| Ledger::restore(&ledger)).transpose()?;
        if ledger.as_ref().map_or(Default::default(), Ledger::state_root) != body.state_root {
            return Err(SnapshotError::Mismatch("ledger"));
        }
        let prefix = OrderedPrefix { headers, schedule: Arc::new(snapshot.schedule), recent };
        let checkpoint = Arc::new(snapshot.checkpoint);
        Ok(VerifiedSnapshot { bytes: bytes.clone(), checkpoint, prefix, log, ledger })
    }
}

/// The committed blocks of the last leader's round and of the round before.
fn recent_of(headers: &[Arc<CommitHeader>]) -> BTreeSet<BlockRef> {
    let Some(last) = headers.last() else { return BTreeSet::new() };
    let lowest = last.leader.round.before(1).max(Round(1));
    let blocks = headers.iter().rev().take_while(|header| header.leader.round >= lowest);
    blocks.flat_map(|header| header.blocks.iter().copied()).filter(|block| block.round >= lowest).collect()
}

/// A state that becomes a snapshot when its checkpoint is certified. Shares its parts with the live state.
#[derive(Clone)]
struct Capture {
    commit: u64,
    leader_round: Round,
    headers: Vec<Arc<CommitHeader>>,
    schedule: Arc<Schedule>,
    recent: Vec<Arc<Block>>,
    frontier: Frontier,
    ledger: Option<Ledger>,
}

/// A snapshot on its way here, part by part.
struct Download {
    from: ReplicaId,
    /// Commit and size, once the first part has come.
    whole: Option<(u64, u64)>,
    bytes: Vec<u8>,
    heard_at: Timestamp,
}

/// What a replica keeps for snapshots.
pub(super) struct Snapshots {
    gc_depth: u64,
    journal_bytes_max: u64,
    journal_bytes: u64,
    /// Headers and leader-near blocks of the window.
    pub(super) headers: VecDeque<Arc<CommitHeader>>,
    recent: VecDeque<Arc<Block>>,
    captures: VecDeque<Capture>,
    /// Leader's round of the last capture.
    captured: Round,
    last: Option<(Capture, Arc<Checkpoint>)>,
    /// The snapshot last asked for, kept for the parts to come: commit, its leader's round, bytes.
    encoded: Option<(u64, Round, Bytes)>,
    download: Option<Download>,
    /// From a peer, waiting for the state to be here.
    verified: Option<VerifiedSnapshot>,
    /// Own snapshot being written: delete before `.1` once `.0` is durable.
    writing: Option<(JournalPosition, JournalPosition)>,
    /// Where the blocks of the window and of one below it lie in the journal, in that order, and their rounds.
    places: VecDeque<(Round, JournalPosition)>,
    /// Rounds below it are behind the window.
    floor: Round,
}

impl Snapshots {
    pub fn new(gc_depth: u64, journal_bytes_max: u64) -> Self {
        Self {
            gc_depth,
            journal_bytes_max,
            journal_bytes: 0,
            headers: VecDeque::new(),
            recent: VecDeque::new(),
            captures: VecDeque::new(),
            captured: Round(0),
            last: None,
            encoded: None,
            download: None,
            verified: None,
            writing: None,
            places: VecDeque::new(),
            floor: Round(0),
        }
    }

    /// A block lies in the journal at a position.
    pub fn placed(&mut self, round: Round, at: JournalPosition) {
        self.places.push_back((round, at));
    }

    fn raise_floor(&mut self, floor: Round) {
        self.floor = self.floor.max(floor);
        // A window more: whoever restarts at the floor proposes for the round before it at the earliest, and must find its own
        // block of that round; and others, some commits behind, may lack what it no longer needs.
        let kept = self.floor.before(self.gc_depth.max(2));
        while self.places.front().is_some_and(|(round, _)| *round < kept) {
            self.places.pop_front();
        }
    }

    pub fn journaled(&mut self, bytes: u64) {
        self.journal_bytes += bytes;
    }

    pub fn gc_depth(&self) -> u64 {
        self.gc_depth
    }

    /// A commit is about to be executed.
    pub fn commit(&mut self, commit: &Commit) {
        self.headers.push_back(commit.header.clone());
        self.recent.extend(commit.blocks.iter().cloned());
        // The oldest header kept is the last from below the window (or the first of all): it shows that none is missing.
        let floor = commit.header.leader.round.before(self.gc_depth);
        while self.headers.get(1).is_some_and(|header| header.leader.round < floor) {
            self.headers.pop_front();
        }
        self.raise_floor(floor);
        let near = commit.header.leader.round.before(8);
        self.recent.retain(|block| block.round() >= near);
    }

    /// Whether the state after a commit is to be captured, should it be voted on; then it is the last that is.
    pub fn is_due(&mut self, commit: &Commit) -> bool {
        let round = commit.header.leader.round;
        let due = round.before(self.gc_depth / CAPTURES_PER_WINDOW) >= self.captured;
        if due {
            self.captured = round;
        }
        due
    }

    /// A commit was executed and voted on, and perhaps its state was captured.
    pub fn executed(&mut self, commit: &Commit, captured: Option<Captured>) {
        let Some((frontier, ledger)) = captured else { return };
        let header = &commit.header;
        let headers: Vec<_> = self.headers.iter().cloned().collect();
        let round = header.leader.round.before(1);
        let recent: Vec<_> = self.recent.iter().filter(|block| block.round() >= round).cloned().collect();
        debug_assert_eq!(recent.len(), recent_of(&headers).len());
        if self.captures.len() == CAPTURES_MAX {
            self.captures.pop_front();
        }
        self.captures.push_back(Capture {
            commit: header.index,
            leader_round: header.leader.round,
            headers,
            schedule: commit.schedule.clone(),
            recent,
            frontier,
            ledger,
        });
    }

    /// A checkpoint was certified: the state that it covers, if captured, is the new snapshot.
    pub fn certified(&mut self, checkpoint: Option<&Arc<Checkpoint>>) {
        let Some(checkpoint) = checkpoint else { return };
        while let Some(capture) = self.captures.front()
            && capture.commit <= checkpoint.body.commit
        {
            if let Some(capture) = self.captures.pop_front()
                && capture.commit == checkpoint.body.commit
            {
                self.last = Some((capture, checkpoint.clone()));
            }
        }
    }

    /// The last snapshot's bytes.
    pub fn encode_last(&mut self) -> Option<Bytes> {
        let (capture, checkpoint) = self.last.as_ref()?;
        if self.encoded.as_ref().is_none_or(|(commit, ..)| *commit != capture.commit) {
            let snapshot = Snapshot {
                checkpoint: (**checkpoint).clone(),
                headers: List::new(capture.headers.iter().map(|header| (**header).clone()).collect())?,
                schedule: (*capture.schedule).clone(),
                recent: List::new(
                    capture.recent.iter().filter_map(|block| Blob::new(block.bytes().clone())).collect(),
                )?,
                frontier: capture.frontier.clone(),
                ledger: match &capture.ledger {
                    Some(ledger) => Some(Blob::new(ledger.snapshot())?),
                    None => None,
                },
            };
            self.encoded = Some((capture.commit, capture.leader_round, codec::encode(&snapshot).into()));
        }
        self.encoded.as_ref().map(|(.., bytes)| bytes.clone())
    }

    /// A part of a snapshot: of the one that the asker began with while it is kept, else from the start of the last.
    pub fn serve(&mut self, request: &SnapshotRequest) -> Option<SnapshotChunk> {
        let kept = self.encoded.as_ref().filter(|(commit, ..)| *commit > request.after);
        let recent = self.last.as_ref().map(|(capture, _)| capture).filter(|it| it.commit > request.after);
        let newest = recent.map_or(Round(0), |capture| capture.leader_round);
        let fresh = kept.is_some_and(|(_, round, _)| *round >= newest.before(self.gc_depth / 2));
        let begun = kept.is_some_and(|(commit, ..)| Some(*commit) == request.commit);
        let offset = if begun { request.offset } else { 0 };
        if offset == 0 && !fresh {
            recent?;
            self.encode_last()?;
        }
        let (commit, _, bytes) = self.encoded.as_ref()?;
        let start = usize::try_from(offset).ok().filter(|start| *start < bytes.len())?;
        let end = bytes.len().min(start + SNAPSHOT_CHUNK_MAX);
        let part = Blob::new(bytes.slice(start..end))?;
        Some(SnapshotChunk { commit: *commit, total: bytes.len() as u64, offset, bytes: part })
    }

    /// The own snapshot is durable: what may be deleted.
    pub fn durable(&mut self, position: JournalPosition) -> Option<JournalPosition> {
        let (_, before) = self.writing.take_if(|(last, _)| *last <= position)?;
        Some(before)
    }
}

impl Replica {
    /// Writes the last certified snapshot to the journal when that has grown long. The window's blocks stay where they are:
    /// what lies before the first of them is deleted. (Written again behind the snapshot, they once held up the next own
    /// block for as long as the disk took for a window.)
    pub(super) fn write_snapshot(&mut self) {
        let snapshots = &mut self.snapshots;
        if snapshots.journal_bytes < snapshots.journal_bytes_max || snapshots.writing.is_some() {
            return;
        }
        // From the snapshot on, no block may be missing.
        if snapshots.last.as_ref().is_none_or(|(last, _)| last.leader_round < snapshots.floor) {
            return;
        }
        let Some(bytes) = self.snapshots.encode_last() else {
            // Too large for a snapshot: trying again at every checkpoint would cost more than a longer journal.
            self.snapshots.journal_bytes_max *= 2;
            return;
        };
        self.snapshots.journal_bytes = 0;
        let written = bytes.len() as u64;
        let first = self.snapshots.places.front().map_or(self.journal, |(_, at)| *at);
        self.persist(JournalEntry::Snapshot(bytes), false);
        // The next own block syncs it.
        self.snapshots.writing = Some((self.journal, first));
        // A larger state earns a longer journal, so that writing snapshots costs no more than writing blocks.
        self.snapshots.journal_bytes_max = self.snapshots.journal_bytes_max.max(4 * written);
    }

    /// Asks for a snapshot, unless one is on its way.
    pub(super) fn ask_snapshot(&mut self, now: Timestamp, from: ReplicaId) {
        if self.snapshots.download.as_ref().is_some_and(|download| download.heard_at + PATIENCE > now) {
            return;
        }
        self.snapshots.download = Some(Download { from, whole: None, bytes: Vec::new(), heard_at: now });
        self.ask_chunk();
    }

    /// Asks the next replica after one whose snapshot was not to be trusted.
    pub(super) fn ask_another_for_snapshot(&mut self, now: Timestamp, liar: ReplicaId) {
        let replicas = self.committee.size() as u16;
        let after = |replica: ReplicaId| ReplicaId((replica.0 + 1) % replicas);
        let next = Some(after(liar)).filter(|next| *next != self.id).unwrap_or_else(|| after(self.id));
        self.ask_snapshot(now, next);
    }

    fn ask_chunk(&mut self) {
        let Some(download) = &self.snapshots.download else { return };
        let request = SnapshotRequest {
            commit: download.whole.map(|(commit, _)| commit),
            after: self.execution.executed(),
            offset: download.bytes.len() as u64,
        };
        let from = download.from;
        self.send(Peer::Replica(from), Lane::Consensus, &Message::SnapshotRequest(request));
    }

    /// Takes a part of a snapshot; the whole is verified like any other work.
    pub(super) fn take_chunk(&mut self, now: Timestamp, from: ReplicaId, chunk: &SnapshotChunk) {
        let Some(download) = self.snapshots.download.as_mut().filter(|download| download.from == from) else {
            return;
        };
        if chunk.bytes.is_empty() || chunk.total > SNAPSHOT_BYTES_MAX as u64 {
            self.snapshots.download = None;
            return self.drop_message(Peer::Replica(from), "a snapshot of no possible size".into());
        }
        if chunk.offset == 0 {
            // The first part, or the peer has begun again with a later snapshot.
            download.whole = Some((chunk.commit, chunk.total));
            download.bytes.clear();
        } else if download.whole != Some((chunk.commit, chunk.total))
            || chunk.offset != download.bytes.len() as u64
        {
            return;
        }
        download.heard_at = now;
        download.bytes.extend_from_slice(&chunk.bytes);
        if (download.bytes.len() as u64) < chunk.total {
            return self.ask_chunk();
        }
        let bytes = std::mem::take(&mut download.bytes).into();
        self.snapshots.download = None;
        self.start_job(Job::Snapshot(from), Work::Snapshot(bytes, self.snapshots.gc_depth));
    }

    /// Goes on from a peer's snapshot, as soon as nothing is being executed.
    pub(super) fn adopt(&mut self, now: Timestamp, snapshot: VerifiedSnapshot) {
        self.snapshots.verified = Some(snapshot);
        self.adopt_waiting(now);
    }

    pub(super) fn adopt_waiting(&mut self, now: Timestamp) {
        if self.execution.state().is_none() {
            return;
        }
        let Some(snapshot) = self.snapshots.verified.take() else { return };
        let written = snapshot.bytes().clone();
        if self.install(now, snapshot) {
            self.persist(JournalEntry::Snapshot(written), false);
        }
    }

    /// Goes on from a snapshot. False if it is not ahead of what is executed.
    pub(super) fn install(&mut self, now: Timestamp, snapshot: VerifiedSnapshot) -> bool {
        let VerifiedSnapshot { checkpoint, prefix, log, ledger, .. } = snapshot;
        let Some(last) = prefix.headers.last().cloned() else { return false };
        if last.index <= self.execution.executed() || ledger.is_some() != self.execution.executes() {
            return false;
        }
        self.snapshots.download = None;
        self.snapshots.headers = prefix.headers.iter().cloned().collect();
        self.snapshots.recent = prefix.recent.iter().cloned().collect();
        self.snapshots.captures.clear();
        self.snapshots.raise_floor(last.leader.round.before(self.snapshots.gc_depth));
        self.execution.restore(ledger, log, last.index, last.time);
        let open = self.protocol.open_payload(&prefix);
        self.forget_submissions(&open);
        self.checkpoints.restore(checkpoint);
        self.protocol.restore(now, prefix);
        true
    }
}
