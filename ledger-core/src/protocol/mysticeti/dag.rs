//! The accepted blocks inside the garbage-collection window.
//!
//! Invariants: every ancestor of an accepted block above the window's floor is accepted, or settled (committed
//! before the point from which this replica restored); blocks of one author and round keep the order in which they
//! arrived (their *copy*), which nothing that replicas must agree on may depend on.
//!
//! What falls out of the window and was not committed long ago is kept a while longer, to be served: a replica that is
//! behind by a few commits has a lower floor, and may have to wait for a block that others no longer need.
//!
//! Each round keeps its authors' first blocks as bits, so that support, certificates and reachability are word
//! operations; second and later blocks of an equivocating author take the slow path beside them.

use crate::block::{Block, BlockRef, Round};
use crate::committee::{ReplicaId, ReplicaSet};
use crate::crypto::Digest;
use crate::protocol::{FETCH_MAX, FETCHED_BYTES_MAX};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Where an accepted block stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId {
    pub round: Round,
    pub author: ReplicaId,
    /// 0 for the first block of this author and round that arrived.
    pub copy: u16,
}

/// An accepted block and its resolved ancestors.
pub(super) struct Node {
    pub block: Arc<Block>,
    /// Parents that are their author's first block of the round before.
    pub parents: ReplicaSet,
    /// Every other ancestor: older ones, and parents that are a second block.
    pub others: SmallVec<[NodeId; 2]>,
    /// Index of the commit that has it; `None`: not committed. For first blocks the row has a bit besides.
    commit: Option<u64>,
}

/// A block that fell out of the window.
struct Outgrown {
    block: Arc<Block>,
    /// Of the commit that has it.
    commit: Option<u64>,
}

/// The blocks of a round.
struct Row {
    /// Digests of first blocks, beside each other for quick look-up; meaningful where `present`.
    digests: Vec<Digest>,
    nodes: Vec<Option<Node>>,
    /// Authors with a block.
    present: ReplicaSet,
    /// First blocks that are committed.
    committed: ReplicaSet,
    /// First blocks that are a parent of an accepted block.
    linked: ReplicaSet,
    /// Second and later blocks, by (author, copy).
    extra: Vec<(ReplicaId, Node)>,
}

/// What a reference points to.
pub(super) enum Resolved {
    /// An accepted block.
    Node(NodeId),
    /// Below the floor, or settled: nothing to wait for.
    Settled,
    /// Not here.
    Missing,
}

/// See the module.
pub(super) struct Dag {
    size: usize,
    /// Round of `rows[0]`. Blocks of rounds below it are gone.
    floor: Round,
    rows: VecDeque<Row>,
    /// Committed blocks that a restored replica does not hold.
    settled: BTreeSet<BlockRef>,
    /// Below the floor: blocks that replicas which are some commits behind may lack.
    outgrown: BTreeMap<BlockRef, Outgrown>,
    /// Rounds below the floor for which they are kept.
    depth: u64,
    /// Commits that such a replica may be behind by: who is behind by more takes a snapshot.
    lag: u64,
    genesis: Vec<BlockRef>,
    blocks: usize,
    bytes: usize,
}

/// Copies of one author and round beyond which more are refused: each correct replica can refer to one at most.
const COPIES_MAX: usize = u16::MAX as usize;

impl Dag {
    /// Empty. Blocks that others may lack, who are behind by `lag` commits at most, are kept for `depth` rounds below the floor.
    pub fn new(genesis: Vec<BlockRef>, depth: u64, lag: u64) -> Self {
        let size = genesis.len();
        Self {
            size,
            floor: Round(1),
            rows: VecDeque::new(),
            settled: BTreeSet::new(),
            outgrown: BTreeMap::new(),
            depth,
            lag,
            genesis,
            blocks: 0,
            bytes: 0,
        }
    }

    pub fn genesis(&self) -> &[BlockRef] {
        &self.genesis
    }

    /// Lowest round held.
    pub fn floor(&self) -> Round {
        self.floor
    }

    /// Highest round with a block, or the one below the floor.
    pub fn top(&self) -> Round {
        Round(self.floor.0 + self.rows.len() as u64 - 1)
    }

    pub fn blocks(&self) -> usize {
        self.blocks
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn row(&self, round: Round) -> Option<&Row> {
        self.rows.get(round.0.checked_sub(self.floor.0)? as usize)
    }

    fn row_mut(&mut self, round: Round) -> Option<&mut Row> {
        self.rows.get_mut(round.0.checked_sub(self.floor.0)? as usize)
    }

    /// Authors with a block in a round.
    pub fn present(&self, round: Round) -> ReplicaSet {
        self.row(round).map_or(ReplicaSet::default(), |row| row.present)
    }

    pub fn node(&self, id: NodeId) -> Option<&Node> {
        let row = self.row(id.round)?;
        if id.copy == 0 {
            return row.nodes[id.author.index()].as_ref();
        }
        row.extra
            .iter()
            .filter(|(author, _)| *author == id.author)
            .nth(id.copy as usize - 1)
            .map(|(_, node)| node)
    }

    /// Every block of an author in a round.
    pub fn copies(&self, round: Round, author: ReplicaId) -> impl Iterator<Item = NodeId> + use<> {
        let copies = self.row(round).map_or(0, |row| {
            let extra = row.extra.iter().filter(|(other, _)| *other == author).count();
            usize::from(row.present.contains(author)) + extra
        });
        (0..copies).map(move |copy| NodeId { round, author, copy: copy as u16 })
    }

    /// Every block of a round, first blocks by author and then the others.
    pub fn round(&self, round: Round) -> impl Iterator<Item = NodeId> + '_ {
        let authors = self.present(round);
        (0..self.size as u16)
            .map(ReplicaId)
            .filter(move |author| authors.contains(*author))
            .flat_map(move |author| self.copies(round, author))
    }

    pub fn resolve(&self, reference: &BlockRef) -> Resolved {
        if reference.round < self.floor {
            return Resolved::Settled;
        }
        let author = reference.author;
        if let Some(row) = self.row(reference.round)
            && author.index() < self.size
            && row.present.contains(author)
        {
            if row.digests[author.index()] == reference.digest {
                return Resolved::Node(NodeId { round: reference.round, author, copy: 0 });
            }
            let mut others = row.extra.iter().filter(|(other, _)| *other == author);
            if let Some(copy) = others.position(|(_, node)| node.block.reference().digest == reference.digest)
            {
                return Resolved::Node(NodeId { round: reference.round, author, copy: copy as u16 + 1 });
            }
        }
        if !self.settled.is_empty() && self.settled.contains(reference) {
            return Resolved::Settled;
        }
        Resolved::Missing
    }

    pub fn contains(&self, reference: &BlockRef) -> bool {
        !matches!(self.resolve(reference), Resolved::Missing)
    }

    pub fn block(&self, reference: &BlockRef) -> Option<&Arc<Block>> {
        match self.resolve(reference) {
            Resolved::Node(id) => self.node(id).map(|node| &node.block),
            Resolved::Settled | Resolved::Missing => None,
        }
    }

    /// A block of the window, or kept below it, and the commit that has it.
    fn held(&self, reference: &BlockRef) -> Option<(&Arc<Block>, Option<u64>)> {
        if reference.round < self.floor {
            return self.outgrown.get(reference).map(|outgrown| (&outgrown.block, outgrown.commit));
        }
        let Resolved::Node(id) = self.resolve(reference) else { return None };
        self.node(id).map(|node| (&node.block, node.commit))
    }

    /// What a replica whose last commit is `committed` may lack of these blocks and their ancestors, down to `reach` links
    /// below them: newest first, and as many as an answer has; what was named, the oldest of it first, before all others.
    pub fn lacking(&self, wanted: &[BlockRef], committed: u64, reach: u16) -> Vec<Arc<Block>> {
        let mut found: BTreeMap<BlockRef, &Arc<Block>> = BTreeMap::new();
        let mut bytes = 0;
        let mut level: Vec<BlockRef> = wanted.to_vec();
        // The oldest is what all others wait for.
        level.sort_unstable();
        for links in 0..=reach {
            let mut below: Vec<BlockRef> = Vec::new();
            for reference in level {
                if found.len() == FETCH_MAX {
                    break;
                }
                let Some((block, commit)) = self.held(&reference) else { continue };
                // What is asked for by name may be lacking whatever is thought of it.
                let had = links > 0 && commit.is_some_and(|commit| commit <= committed);
                let size = block.bytes().len();
                let fits = found.is_empty() || bytes + size <= FETCHED_BYTES_MAX;
                if !had && fits && found.insert(reference, block).is_none() {
                    bytes += size;
                    below.extend(block.ancestors().iter().filter(|ancestor| ancestor.round > Round(0)));
                }
            }
            if below.is_empty() {
                break;
            }
            below.sort_unstable_by(|a, b| b.cmp(a));
            below.dedup();
            level = below;
        }
        found.into_values().rev().cloned().collect()
    }

    /// Adds a block whose ancestors are all here or settled. `None` if it equivocates beyond the limit.
    pub fn accept(&mut self, block: Arc<Block>) -> Option<NodeId> {
        let (round, author) = (block.round(), block.author());
        debug_assert!(round >= self.floor && !self.contains(&block.reference()));
        let copy = self.copies(round, author).count();
        if copy > COPIES_MAX {
            return None;
        }
        let mut parents = ReplicaSet::default();
        let mut others: SmallVec<[NodeId; 2]> = SmallVec::new();
        for ancestor in block.ancestors() {
            let Resolved::Node(id) = self.resolve(ancestor) else { continue };
            if id.copy == 0 && id.round.next() == round {
                parents.insert(id.author);
            } else {
                others.push(id);
            }
        }
        let below = round.before(1);
        if let Some(row) = self.row_mut(below) {
            row.linked.extend(&parents);
        }
        for id in others.iter().filter(|id| id.copy == 0) {
            if let Some(row) = self.row_mut(id.round) {
                row.linked.insert(id.author);
            }
        }
        while self.top() < round {
            self.rows.push_back(Row {
                digests: vec![Digest::default(); self.size],
                nodes: (0..self.size).map(|_| None).collect(),
                present: ReplicaSet::default(),
                committed: ReplicaSet::default(),
                linked: ReplicaSet::default(),
                extra: Vec::new(),
            });
        }
        self.blocks += 1;
        self.bytes += block.bytes().len();
        let digest = block.reference().digest;
        let row = self.row_mut(round).expect("rows reach the block's round");
        let node = Node { block, parents, others, commit: None };
        if copy == 0 {
            row.present.insert(author);
            row.digests[author.index()] = digest;
            row.nodes[author.index()] = Some(node);
        } else {
            row.extra.push((author, node));
        }
        Some(NodeId { round, author, copy: copy as u16 })
    }

    /// Whether a first block is a parent of an accepted block.
    pub fn is_linked(&self, id: NodeId) -> bool {
        self.row(id.round).is_none_or(|row| row.linked.contains(id.author))
    }

    pub fn is_committed(&self, id: NodeId) -> bool {
        if id.copy == 0 {
            return self.row(id.round).is_none_or(|row| row.committed.contains(id.author));
        }
        self.node(id).is_none_or(|node| node.commit.is_some())
    }

    fn set_committed(&mut self, id: NodeId, commit: u64) {
        let Some(row) = self.row_mut(id.round) else { return };
        let node = if id.copy == 0 {
            row.committed.insert(id.author);
            row.nodes[id.author.index()].as_mut()
        } else {
            let mut others = row.extra.iter_mut().filter(|(author, _)| *author == id.author);
            others.nth(usize::from(id.copy) - 1).map(|(_, node)| node)
        };
        if let Some(node) = node {
            node.commit = Some(commit);
        }
    }

    /// Blocks in the ancestry of `from` (itself included) of rounds `lowest` and up, from the top down. With
    /// `uncommitted_only`, committed blocks are left out and not passed through: their ancestry is committed too.
    pub fn ancestry(&self, from: NodeId, lowest: Round, uncommitted_only: bool) -> Vec<NodeId> {
        let depth = (from.round.0 + 1).saturating_sub(lowest.0.max(self.floor.0)) as usize;
        let mut found = Vec::new();
        // What is reached: first blocks by distance from the top, other copies by round.
        let mut firsts = vec![ReplicaSet::default(); depth];
        let mut copies: BTreeSet<NodeId> = BTreeSet::new();
        let reach = |id: NodeId, firsts: &mut Vec<ReplicaSet>, copies: &mut BTreeSet<NodeId>| {
            let distance = (from.round.0 - id.round.0) as usize;
            if distance >= depth {
                return;
            }
            if id.copy == 0 {
                firsts[distance].insert(id.author);
            } else {
                copies.insert(id);
            }
        };
        reach(from, &mut firsts, &mut copies);
        for distance in 0..depth {
            let round = from.round.before(distance as u64);
            let Some(row) = self.row(round) else { continue };
            let mut here = firsts[distance];
            if uncommitted_only {
                here = here.without(&row.committed);
            }
            // Copies of this round can only be reached from above, so they are complete by now.
            let first = NodeId { round, author: ReplicaId(0), copy: 0 };
            let seconds: SmallVec<[NodeId; 2]> = copies
                .range(first..NodeId { round: round.next(), ..first })
                .copied()
                .filter(|id| !(uncommitted_only && self.is_committed(*id)))
                .collect();
            for id in here.iter().map(|author| NodeId { round, author, copy: 0 }).chain(seconds) {
                let Some(node) = self.node(id) else { continue };
                found.push(id);
                if let Some(below) = firsts.get_mut(distance + 1) {
                    below.extend(&node.parents);
                }
                for other in &node.others {
                    reach(*other, &mut firsts, &mut copies);
                }
            }
        }
        found
    }

    /// Commits the uncommitted ancestry of a leader above `lowest`, as the commit of that index: its sub-DAG in execution
    /// order, ascending by (round, author, digest), the leader last.
    pub fn linearise(&mut self, leader: NodeId, lowest: Round, index: u64) -> Vec<Arc<Block>> {
        let ids = self.ancestry(leader, lowest, true);
        let mut blocks = Vec::with_capacity(ids.len());
        for id in ids {
            self.set_committed(id, index);
            if let Some(node) = self.node(id) {
                blocks.push(node.block.clone());
            }
        }
        blocks.sort_unstable_by_key(|block| block.reference());
        blocks
    }

    /// Moves the window up to `floor`, with `committed` as the index of the last commit; the uncommitted blocks that fall out
    /// of it are returned.
    pub fn raise_floor(&mut self, floor: Round, committed: u64) -> Vec<Arc<Block>> {
        let mut dropped = Vec::new();
        while self.floor < floor {
            if let Some(row) = self.rows.pop_front() {
                let firsts = row.nodes.into_iter().flatten();
                for node in firsts.chain(row.extra.into_iter().map(|(_, node)| node)) {
                    self.blocks -= 1;
                    self.bytes -= node.block.bytes().len();
                    if node.commit.is_none() {
                        dropped.push(node.block.clone());
                    }
                    if node.commit.is_none_or(|commit| commit + self.lag > committed) {
                        self.outgrow(node.block, node.commit);
                    }
                }
            }
            self.floor = self.floor.next();
        }
        let first = |round: Round| BlockRef { round, author: ReplicaId(0), digest: Digest::default() };
        self.settled = self.settled.split_off(&first(self.floor));
        let kept = self.outgrown.split_off(&first(self.floor.before(self.depth)));
        for (_, outgrown) in std::mem::replace(&mut self.outgrown, kept) {
            self.blocks -= 1;
            self.bytes -= outgrown.block.bytes().len();
        }
        dropped
    }

    /// Keeps a block of a round below the floor for those who may lack it.
    pub fn outgrow(&mut self, block: Arc<Block>, commit: Option<u64>) {
        let reference = block.reference();
        if reference.round < self.floor.before(self.depth) {
            return;
        }
        let bytes = block.bytes().len();
        if self.outgrown.insert(reference, Outgrown { block, commit }).is_none() {
            self.blocks += 1;
            self.bytes += bytes;
        }
    }

    /// Takes over a prefix ordered elsewhere up to the commit of index `committed`: `settled` are its committed blocks, of which
    /// `recent` are at hand. Returns the blocks that fell out of the window.
    pub fn settle(
        &mut self,
        floor: Round,
        committed: u64,
        settled: impl Iterator<Item = BlockRef>,
        recent: &[Arc<Block>],
    ) -> Vec<Arc<Block>> {
        let dropped = self.raise_floor(floor, committed);
        let mut settled: BTreeSet<BlockRef> = settled.filter(|reference| reference.round >= floor).collect();
        let mut recent: Vec<_> = recent.iter().filter(|block| settled.contains(&block.reference())).collect();
        recent.sort_unstable_by_key(|block| block.reference());
        for block in recent {
            if matches!(self.resolve(&block.reference()), Resolved::Missing) {
                self.accept(block.clone());
            }
        }
        settled.retain(|reference| match self.resolve(reference) {
            Resolved::Node(id) => {
                self.set_committed(id, committed);
                false
            }
            Resolved::Settled | Resolved::Missing => true,
        });
        self.settled.extend(settled);
        dropped
    }
}
