//! Blocks that wait for ancestors, and which ancestors to ask whom for.
//!
//! Bounds: at most [`SUSPENDED_PER_AUTHOR_MAX`] blocks of one author wait; beyond it a block is refused and fetched
//! again once its ancestors are here. A missing block is asked for after a grace (it is usually on its way), first
//! from the author of the block that names it, then from the others in rotation, with growing intervals, at most
//! [`FETCH_MAX`] in one request.
//!
//! An answer may name what is missing too: a replica that shows some of the others a chain of blocks of its own, a window
//! deep, would cost the rest a round trip for each. So what an answer makes missing is asked for at once, and is asked for
//! with twice the reach below it that the block had which named it. Other blocks are still asked for alone.

use crate::block::{Block, BlockRef, Round};
use crate::committee::ReplicaId;
use crate::protocol::FETCH_MAX;
use crate::time::{Duration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Waiting blocks of one author beyond which more are refused.
pub(super) const SUSPENDED_PER_AUTHOR_MAX: usize = 256;
/// Ancestors that a waiting block may lack: one for each replica, and as many again that nobody named.
const MISSING_PER_BLOCK_MAX: usize = 2 * crate::committee::REPLICAS_MAX;
/// Longest interval between two requests for one block.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Most links below the wanted blocks that a request reaches: a chain as long as an answer.
pub(super) const REACH_MAX: u16 = FETCH_MAX as u16 - 1;

struct Waiting {
    block: Arc<Block>,
    missing: usize,
}

struct Missing {
    children: Vec<BlockRef>,
    ask_first: ReplicaId,
    attempts: u32,
    ask_at: Timestamp,
    /// A block that was itself asked for names it.
    below: bool,
    /// How many links below it are asked for with it.
    reach: u16,
}

/// A request to one replica.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// At most [`FETCH_MAX`] blocks, ascending.
    pub wanted: Vec<BlockRef>,
    /// How many links below them to ask for.
    pub reach: u16,
}

/// See the module.
pub(super) struct Suspended {
    grace: Duration,
    waiting: BTreeMap<BlockRef, Waiting>,
    missing: BTreeMap<BlockRef, Missing>,
    per_author: Vec<usize>,
    bytes: usize,
    /// When to look for requests that are due.
    next_look: Option<Timestamp>,
    /// What blocks that were asked for have made missing since somebody last looked.
    below: Vec<BlockRef>,
}

impl Suspended {
    pub fn new(replicas: usize, grace: Duration) -> Self {
        Self {
            grace,
            waiting: BTreeMap::new(),
            missing: BTreeMap::new(),
            per_author: vec![0; replicas],
            bytes: 0,
            next_look: None,
            below: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Highest round of a waiting block.
    pub fn top(&self) -> Round {
        self.waiting.last_key_value().map_or(Round(0), |(reference, _)| reference.round)
    }

    /// Whether a waiting block names it.
    pub fn is_wanted(&self, reference: &BlockRef) -> bool {
        self.missing.contains_key(reference)
    }

    /// What is waited for.
    pub fn missing(&self) -> Vec<BlockRef> {
        self.missing.keys().copied().collect()
    }

    /// Blocks that wait.
    pub fn waiting(&self) -> impl Iterator<Item = BlockRef> {
        self.waiting.keys().copied()
    }

    /// What is waited for, how often it was asked for, and when it is asked for again.
    pub fn asked(&self) -> impl Iterator<Item = (BlockRef, u32, Timestamp)> {
        self.missing.iter().map(|(reference, missing)| (*reference, missing.attempts, missing.ask_at))
    }

    pub fn contains(&self, reference: &BlockRef) -> bool {
        self.waiting.contains_key(reference)
    }

    /// All blocks of an answer are here. If they made others missing, these are not on their way, and there may be more below.
    pub fn answered(&mut self, now: Timestamp) {
        for reference in std::mem::take(&mut self.below) {
            let is_here = self.waiting.contains_key(&reference);
            let wanted = self.missing.get_mut(&reference).filter(|wanted| wanted.attempts == 0 && !is_here);
            if let Some(wanted) = wanted {
                wanted.ask_at = now;
                self.next_look = Some(now);
            }
        }
    }

    pub fn next_look(&self) -> Option<Timestamp> {
        self.next_look
    }

    /// Lets a block wait for `missing` ancestors. False if too many of its author wait already.
    pub fn insert(
        &mut self,
        now: Timestamp,
        from: ReplicaId,
        block: Arc<Block>,
        missing: &[BlockRef],
    ) -> bool {
        let author = block.author().index();
        if self.per_author[author] >= SUSPENDED_PER_AUTHOR_MAX || missing.len() > MISSING_PER_BLOCK_MAX {
            return false;
        }
        self.per_author[author] += 1;
        self.bytes += block.bytes().len();
        let reference = block.reference();
        let asked = self.missing.get(&reference).filter(|wanted| wanted.attempts > 0 || wanted.below);
        let reach = asked.map(|wanted| (2 * wanted.reach + 1).min(REACH_MAX));
        for ancestor in missing {
            let entry = self.missing.entry(*ancestor).or_insert_with(|| {
                if reach.is_some() {
                    self.below.push(*ancestor);
                }
                let (below, reach) = (reach.is_some(), reach.unwrap_or(0));
                Missing {
                    children: Vec::new(),
                    ask_first: from,
                    attempts: 0,
                    ask_at: now + self.grace,
                    below,
                    reach,
                }
            });
            entry.children.push(reference);
        }
        self.waiting.insert(reference, Waiting { block, missing: missing.len() });
        let look = now + self.grace;
        self.next_look = Some(self.next_look.map_or(look, |next| next.min(look)));
        true
    }

    /// A block was accepted (or need not be waited for): returns those that waited for nothing else.
    pub fn release(&mut self, reference: &BlockRef) -> Vec<Arc<Block>> {
        let Some(missing) = self.missing.remove(reference) else { return Vec::new() };
        let mut ready = Vec::new();
        for child in missing.children {
            let Some(waiting) = self.waiting.get_mut(&child) else { continue };
            waiting.missing -= 1;
            if waiting.missing == 0
                && let Some(waiting) = self.waiting.remove(&child)
            {
                self.forget(&waiting.block);
                ready.push(waiting.block);
            }
        }
        ready
    }

    fn forget(&mut self, block: &Block) {
        self.per_author[block.author().index()] -= 1;
        self.bytes -= block.bytes().len();
    }

    /// References below a floor need not be waited for; blocks below it need not wait. Returns the released blocks.
    pub fn raise_floor(&mut self, floor: Round) -> Vec<Arc<Block>> {
        let lowest =
            BlockRef { round: floor, author: ReplicaId(0), digest: crate::crypto::Digest::default() };
        let kept = self.waiting.split_off(&lowest);
        for (_, waiting) in std::mem::replace(&mut self.waiting, kept) {
            self.forget(&waiting.block);
        }
        let settled: Vec<BlockRef> = self.missing.range(..lowest).map(|(reference, _)| *reference).collect();
        settled.iter().flat_map(|reference| self.release(reference)).collect()
    }

    /// Requests that are due: whom to ask, and for what.
    pub fn due(&mut self, now: Timestamp, me: ReplicaId) -> BTreeMap<ReplicaId, Due> {
        let mut requests: BTreeMap<ReplicaId, Due> = BTreeMap::new();
        if self.next_look.is_none_or(|at| at > now) {
            return requests;
        }
        let replicas = self.per_author.len() as u16;
        let mut next = Timestamp::MAX;
        self.missing.retain(|_, missing| {
            // Children that were dropped with their round no longer need it.
            !missing.children.is_empty()
        });
        // What is not asked for at once is asked for in its time.
        self.below.clear();
        for (reference, missing) in &mut self.missing {
            // What is itself waiting here is not missing: its own ancestors are.
            if missing.ask_at <= now && !self.waiting.contains_key(reference) {
                let turn = (u32::from(missing.ask_first.0) + missing.attempts) % u32::from(replicas);
                let mut peer = ReplicaId(turn as u16);
                if peer == me {
                    peer = ReplicaId((peer.0 + 1) % replicas);
                    missing.attempts += 1;
                }
                let request = requests.entry(peer).or_default();
                if request.wanted.len() < FETCH_MAX {
                    request.wanted.push(*reference);
                    request.reach = request.reach.max(missing.reach);
                    missing.attempts += 1;
                    missing.ask_at = now + (self.grace * 2 * missing.attempts).min(RETRY_MAX);
                }
            }
            next = next.min(missing.ask_at.max(now + self.grace / 2));
        }
        self.next_look = (!self.missing.is_empty()).then_some(next);
        requests
    }
}
