//! Ordering protocols behind one trait.
//!
//! A protocol orders opaque payload bytes. It is sans-IO: `now` and inputs come in, [`Action`]s come out. It never
//! interprets a payload item or a checkpoint vote, never touches disk or network, and sees only blocks that have
//! passed [`Block::verify`](crate::block::Block::verify).

use crate::block::{Block, BlockRef, CheckpointVote, Round};
use crate::codec::{Blob, List};
use crate::committee::{Committee, ReplicaId};
use crate::crypto::{ChainId, Digest, Domain, SecretKey};
use crate::time::{Duration, Timestamp};
use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use std::sync::Arc;

pub mod account;
pub mod mysticeti;

pub use account::{Fate, ProtocolView, Rule, SlotAccount, Support};

/// Most blocks asked for at once.
pub const FETCH_MAX: usize = 256;
/// Most block bytes in one answer to a fetch or sync.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of blocks in one answer, unless there is one block in it.
pub const FETCHED_BYTES_MAX: usize = 2 * ANSWER_BYTES_MAX;

/// What a deployment chooses.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Leader slots a round.
    pub leaders_per_round: usize,
    /// How long a proposer waits for missing leader blocks.
    pub leader_timeout: Duration,
    /// Shortest time between two proposals.
    pub min_round_interval: Duration,
    /// Rounds below the last committed leader after which a block can no longer be committed.
    pub gc_depth: u64,
    /// Most payload bytes in a block.
    pub block_bytes_max: usize,
    /// Most payload bytes that wait to be proposed.
    pub mempool_bytes_max: usize,
    /// How far ahead of `now` a block's timestamp may be.
    pub clock_drift_max: Duration,
    /// Commits between two updates of the leader schedule.
    pub reputation_window: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            leaders_per_round: 2,
            leader_timeout: Duration::from_millis(500),
            min_round_interval: Duration::from_millis(10),
            gc_depth: 100,
            block_bytes_max: 512 * 1024,
            mempool_bytes_max: 64 * 1024 * 1024,
            clock_drift_max: Duration::from_secs(1),
            reputation_window: 100,
        }
    }
}

/// Messages between the protocol's peers, blocks excepted.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ProtocolMessage {
    /// Asks for blocks.
    Fetch(Fetch),
    /// Asks for all blocks after, per author, the highest round that the asker has.
    Sync(List<Round, { crate::committee::REPLICAS_MAX }>),
    /// Answers either: a fetch newest first, a sync oldest first.
    Blocks(List<Blob<{ crate::block::BLOCK_BYTES_MAX }>, FETCH_MAX>),
    /// Answers a sync that asks for blocks no longer held: only a snapshot helps.
    TooFarBehind,
    /// Asks for the round of the receiver's last own block, because the asker has lost its journal. The time tells its
    /// questions apart.
    Recall(Timestamp),
    /// Answers that, with the question's time.
    Recalled(Timestamp, Round),
}

/// Which blocks are missing, and what else may be.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Fetch {
    /// These are.
    pub wanted: List<BlockRef, FETCH_MAX>,
    /// The asker's last commit: what that one and those before it have is not missing.
    pub committed: u64,
    /// Ancestors so many links below the wanted are welcome too.
    pub reach: u16,
}

/// The ordered outcome of one leader: what every replica agrees on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommitHeader {
    /// 1 for the first commit.
    pub index: u64,
    /// Digest of the commit before; zero for the first.
    pub previous: Digest,
    /// The committed leader block.
    pub leader: BlockRef,
    /// Leader slot within its round.
    pub slot: u16,
    /// Stake-weighted median of the timestamps of the leader's parents, made monotonic.
    pub time: Timestamp,
    /// Hash of the leader schedule state after this commit.
    pub schedule: Digest,
    /// The sub-DAG in execution order, the leader last.
    pub blocks: Vec<BlockRef>,
}

impl CommitHeader {
    /// Chains all commits up to this one.
    pub fn digest(&self, chain: ChainId) -> Digest {
        Digest::blake3(Domain::Commit, &[&chain.0.0, &crate::codec::encode(self)])
    }
}

/// A commit with its blocks.
#[derive(Clone, Debug)]
pub struct Commit {
    /// What is agreed.
    pub header: Arc<CommitHeader>,
    /// Digest of the header.
    pub digest: Digest,
    /// The blocks named by the header, in the same order.
    pub blocks: Vec<Arc<Block>>,
    /// State of the leader schedule after this commit.
    pub schedule: Arc<mysticeti::Schedule>,
    /// Whether the leader was committed by the direct rule.
    pub direct: bool,
}

/// What a protocol wants done, in order.
#[derive(Clone, Debug)]
pub enum Action {
    /// Append to the journal; an own block is to be answered by [`Protocol::handle_durable`] once it is synced.
    Persist(Arc<Block>),
    /// Append to the journal an own block of which only the others knew.
    Keep(Arc<Block>),
    /// Send a block to every other replica.
    Broadcast(Arc<Block>),
    /// Send a message to one replica.
    Send(ReplicaId, ProtocolMessage),
    /// The block and all its ancestors are here: its payload may be checked ahead of its commit.
    Accepted(Arc<Block>),
    /// Execute.
    Commit(Commit),
    /// A block fell out of the window uncommitted.
    Dropped(BlockRef),
    /// A leader slot got its fate: to those who [asked](Protocol::explain) why.
    Decided(Box<SlotAccount>),
    /// Two blocks of one author and round: evidence against the author.
    Equivocation(Arc<Block>, Arc<Block>),
    /// Too far behind for fetching blocks: ask this replica for a snapshot.
    NeedSnapshot(ReplicaId),
}

/// The mempool is full: try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("busy: the mempool is full, try again later")]
pub struct Busy;

/// Figures that a run reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProtocolStatus {
    /// Round of the last own block.
    pub round: Round,
    /// Index of the last commit.
    pub commits: u64,
    /// First leader of the round after it, as far as this replica knows the schedule.
    pub leader: Option<ReplicaId>,
    /// How often the leader schedule was drawn anew, from the first commit to the last.
    pub leader_changes: u64,
    /// Blocks accepted.
    pub accepted: u64,
    /// Blocks that wait for ancestors.
    pub suspended: usize,
    /// Payload bytes that wait to be proposed.
    pub mempool_bytes: usize,
    /// Blocks in the window.
    pub blocks: usize,
    /// Payload and block bytes held by the window, the suspended set and the mempool.
    pub bytes: usize,
    /// Leader timeouts that expired.
    pub leader_timeouts: u64,
    /// Leader slots committed directly, committed indirectly, skipped directly, skipped indirectly.
    pub decisions: [u64; 4],
    /// Blocks refused (too old, too early, too many suspended).
    pub refused: u64,
    /// Own blocks of this round and below may have been signed and forgotten; zero where nothing was. The greatest round
    /// while it is not known yet.
    pub forgotten: Round,
    /// Equivocations remembered.
    pub evidence: usize,
}

/// Most that a protocol keeps of what others could make grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProtocolLimits {
    /// Payload bytes that wait to be proposed: what is submitted, and what fell out of the window in own blocks.
    pub mempool_bytes: usize,
    /// Blocks that wait for ancestors.
    pub suspended: usize,
    /// Equivocations remembered.
    pub evidence: usize,
}

/// Deliberate mistakes of ordering.
#[cfg(feature = "seeded-bugs")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolBug {
    /// An undecided leader slot is left out as soon as something later is decided.
    SkipUndecided,
    /// The votes of f + 1 commit.
    CommitWithFew,
    /// Under a committed anchor, slots are skipped whether or not they have a certificate below it.
    SkipIndirect,
    /// The mempool has no limit.
    BottomlessMempool,
    /// Nothing is said again, however long nothing moves.
    NeverRepeat,
}

/// Orders opaque payloads.
pub trait Protocol: Send {
    /// Queues a payload item for an own block.
    fn submit(&mut self, now: Timestamp, payload: Bytes) -> Result<(), Busy>;
    /// Queues a checkpoint vote for the next own block.
    fn attach(&mut self, vote: CheckpointVote);
    /// A verified block arrived, directly from its author or in an answer.
    fn handle_block(&mut self, now: Timestamp, from: ReplicaId, block: Arc<Block>);
    /// A message arrived.
    fn handle_message(&mut self, now: Timestamp, from: ReplicaId, message: ProtocolMessage);
    /// An own block is on disk.
    fn handle_durable(&mut self, now: Timestamp, block: BlockRef);
    /// The time of [`poll_timeout`](Self::poll_timeout) has come.
    fn handle_timeout(&mut self, now: Timestamp);
    /// Next action, if any.
    fn poll_action(&mut self) -> Option<Action>;
    /// When to call [`handle_timeout`](Self::handle_timeout).
    fn poll_timeout(&self) -> Option<Timestamp>;
    /// Figures.
    fn status(&self) -> ProtocolStatus;
    /// How it stands.
    fn view(&self) -> ProtocolView;
    /// From now on every decision about a leader slot is told with its reason.
    fn explain(&mut self);
    /// What [`status`](Self::status) stays within.
    fn limits(&self) -> ProtocolLimits;
    /// Own payload whose fate a prefix leaves open: it waits to be proposed, or is in an own block that the prefix's
    /// window still holds and none of its commits has. What it does not name was ordered by the prefix, or was in a
    /// block below its window, of which nobody here can tell.
    fn open_payload(&self, prefix: &OrderedPrefix) -> Vec<Bytes>;
    /// Starts over from an ordered prefix that a quorum has certified, keeping what is still useful.
    fn restore(&mut self, now: Timestamp, prefix: OrderedPrefix);
    /// The journal is lost, or some of it: whatever it said was signed before is no longer known. To be said before anything else
    /// is handled.
    fn forget(&mut self);
    /// Blocks of the own journal, in the order in which they were written, before anything else is handled.
    fn replay(&mut self, now: Timestamp, blocks: Vec<Arc<Block>>);
    /// Every accepted block in the window, ancestors before descendants.
    #[cfg(test)]
    fn window(&self) -> Vec<Arc<Block>>;
    /// Makes it do something wrong.
    #[cfg(feature = "seeded-bugs")]
    fn seed_bug(&mut self, bug: ProtocolBug);
    /// Starts proposing.
    fn start(&mut self, now: Timestamp);
}

/// What a replica must know about the commits up to a point to go on ordering after it.
#[derive(Clone, Debug)]
pub struct OrderedPrefix {
    /// Headers of the last commits, oldest first, covering the garbage-collection window; the last is the point.
    pub headers: Vec<Arc<CommitHeader>>,
    /// Schedule after the last header.
    pub schedule: Arc<mysticeti::Schedule>,
    /// Committed blocks of the last header's leader round and of the round before.
    pub recent: Vec<Arc<Block>>,
}

/// Makes a protocol's machine.
pub type NewProtocol = fn(Arc<Committee>, ReplicaId, SecretKey, Tuning) -> Box<dyn Protocol>;

/// One row per protocol.
pub const PROTOCOLS: &[(&str, NewProtocol)] = &[("mysticeti", |committee, replica, key, tuning| {
    Box::new(mysticeti::Mysticeti::new(committee, replica, key, tuning))
})];
