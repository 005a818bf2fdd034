//! The commit rule: which leader blocks are committed, which slots are skipped (arXiv 2310.14821, section 4).
//!
//! For a leader slot `(A, r)`:
//! * a block of `r + 1` *supports* the block of the slot that is among its parents (with waves of three rounds, the
//!   first block of the slot in its depth-first ancestry);
//! * a block of `r + 2` is a *certificate* for a block if a quorum of its parents supports it;
//! * *direct commit*: a quorum of stake at `r + 2` are certificates; *direct skip*: a quorum of stake at `r + 1`
//!   supports no block of the slot;
//! * *indirect*: the first later slot of a round ≥ `r + 3` that is not skipped is the anchor. Undecided anchor →
//!   undecided; committed anchor → commit the block for which a certificate lies in the anchor's ancestry, else skip.
//!
//! Support and certificates are counted once, when a block is accepted: a block's relation to the slots below it
//! depends on its ancestry alone, which is complete then. So deciding never looks at the DAG again, except for the
//! indirect rule, which walks from an anchor down to the certificates in question.

use super::dag::{Dag, Node, NodeId};
use super::schedule::Schedule;
use crate::block::{BlockRef, Round};
use crate::committee::{Committee, ReplicaId, ReplicaSet};
#[cfg(feature = "seeded-bugs")]
use crate::protocol::ProtocolBug;
use crate::protocol::account::{Fate, Rule, SlotAccount, Support};
use smallvec::SmallVec;
use std::collections::VecDeque;

/// Fate of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Undecided,
    Commit { block: NodeId, direct: bool },
    Skip { direct: bool },
}

/// What is known about one block of a slot.
struct Candidate {
    block: NodeId,
    /// Authors whose first block of the next round supports it.
    supporters: ReplicaSet,
    /// Other blocks of the next round that support it.
    supporter_copies: SmallVec<[NodeId; 1]>,
    /// Authors with a certificate.
    certifiers: ReplicaSet,
    certificates: SmallVec<[NodeId; 4]>,
}

struct Slot {
    leader: ReplicaId,
    /// Authors with a block of the next round that supports no block of the slot.
    blames: ReplicaSet,
    candidates: SmallVec<[Candidate; 1]>,
    decision: Decision,
    /// Of an indirect decision: the anchor, and the certificate found in its ancestry.
    anchor: Option<(NodeId, Option<NodeId>)>,
}

struct SlotRow {
    round: Round,
    slots: SmallVec<[Slot; 2]>,
}

/// Leader slots from the first that is not emitted to the newest round with a block.
pub(super) struct Committer {
    per_round: usize,
    rows: VecDeque<SlotRow>,
    /// Slots of the first row that are emitted.
    emitted: usize,
    /// Round of the next row to open.
    next_round: Round,
    /// A deliberate mistake.
    #[cfg(feature = "seeded-bugs")]
    pub bug: Option<ProtocolBug>,
}

impl Committer {
    /// Decides slots from `(first, slot)` on.
    pub fn new(per_round: usize, first: Round, slot: usize) -> Self {
        Self {
            per_round,
            rows: VecDeque::new(),
            emitted: slot,
            next_round: first,
            #[cfg(feature = "seeded-bugs")]
            bug: None,
        }
    }

    fn open_rows(&mut self, schedule: &Schedule, through: Round) {
        while self.next_round <= through {
            let round = self.next_round;
            let slots = schedule
                .leaders(round, self.per_round)
                .map(|leader| Slot {
                    leader,
                    blames: ReplicaSet::default(),
                    candidates: SmallVec::new(),
                    decision: Decision::Undecided,
                    anchor: None,
                })
                .collect();
            self.rows.push_back(SlotRow { round, slots });
            self.next_round = round.next();
        }
    }

    fn row_mut(&mut self, round: Round) -> Option<&mut SlotRow> {
        let first = self.rows.front()?.round;
        self.rows.get_mut(round.0.checked_sub(first.0)? as usize)
    }

    fn row(&self, round: Round) -> Option<&SlotRow> {
        let first = self.rows.front()?.round;
        self.rows.get(round.0.checked_sub(first.0)? as usize)
    }

    /// Counts what a newly accepted block says about the slots of the two rounds below it. True if a slot was decided.
    pub fn observe(&mut self, committee: &Committee, schedule: &Schedule, dag: &Dag, id: NodeId) -> bool {
        self.open_rows(schedule, id.round);
        let Some(node) = dag.node(id) else { return false };
        self.tally(committee, id, node, Round(0))
    }

    /// Starts over for the rounds after `round` under a new schedule. Later slots of `round` itself keep their leaders
    /// and direct decisions, but not what an anchor of the old schedule decided: whether that happened before or after
    /// the schedule changed depends on the order of arrival.
    pub fn reschedule(&mut self, committee: &Committee, schedule: &Schedule, dag: &Dag, round: Round) {
        while self.rows.back().is_some_and(|row| row.round > round) {
            self.rows.pop_back();
        }
        for slot in self.rows.iter_mut().flat_map(|row| row.slots.iter_mut()).skip(self.emitted) {
            if matches!(
                slot.decision,
                Decision::Commit { direct: false, .. } | Decision::Skip { direct: false }
            ) {
                slot.decision = Decision::Undecided;
                slot.anchor = None;
            }
        }
        self.next_round = self.next_round.min(round.next());
        self.count(committee, schedule, dag);
    }

    /// Opens all rounds that the DAG reaches, and counts what its blocks say about them.
    pub fn count(&mut self, committee: &Committee, schedule: &Schedule, dag: &Dag) {
        let fresh = self.next_round;
        self.open_rows(schedule, dag.top());
        let mut at = fresh.next();
        while at <= dag.top() {
            for id in dag.round(at) {
                let Some(node) = dag.node(id) else { continue };
                self.tally(committee, id, node, fresh);
            }
            at = at.next();
        }
    }

    /// Counts what a block says about the slots of the two rounds below it, as far as they are not below `lowest`.
    fn tally(&mut self, committee: &Committee, id: NodeId, node: &Node, lowest: Round) -> bool {
        let mut decided = false;
        let (voted, certified) = (id.round.before(1), id.round.before(2));
        let enough = self.enough(committee);
        if voted >= lowest
            && let Some(row) = self.row_mut(voted)
        {
            for slot in &mut row.slots {
                decided |= slot.vote(committee, id, node);
            }
        }
        if certified >= lowest
            && let Some(row) = self.row_mut(certified)
        {
            for slot in &mut row.slots {
                decided |= slot.certify(&enough, id, node);
            }
        }
        decided
    }

    /// What is a quorum of votes.
    fn enough<'a>(&self, committee: &'a Committee) -> impl Fn(&ReplicaSet) -> bool + use<'a> {
        #[cfg(feature = "seeded-bugs")]
        let few = self.bug == Some(ProtocolBug::CommitWithFew);
        move |votes| {
            #[cfg(feature = "seeded-bugs")]
            if few {
                return committee.is_valid(votes);
            }
            committee.is_quorum(votes)
        }
    }

    /// Applies the indirect rule, newest slots first. Call when a slot was decided directly.
    pub fn decide_indirectly(&mut self, dag: &Dag) {
        let rows = self.rows.len();
        // anchors[i]: first slot of row i or later that is not skipped.
        let mut anchors: Vec<Option<(usize, usize)>> = vec![None; rows + 1];
        for index in (0..rows).rev() {
            let anchor = anchors.get(index + 3).copied().flatten();
            for slot in (0..self.rows[index].slots.len()).rev() {
                if self.rows[index].slots[slot].decision == Decision::Undecided
                    && let Some((row, at)) = anchor
                    && let Decision::Commit { block: anchor, .. } = self.rows[row].slots[at].decision
                {
                    let (decision, certificate) = self.rows[index].slots[slot].decide_by(dag, anchor);
                    #[cfg(feature = "seeded-bugs")]
                    let decision = match self.bug {
                        Some(ProtocolBug::SkipIndirect) => Decision::Skip { direct: false },
                        _ => decision,
                    };
                    self.rows[index].slots[slot].decision = decision;
                    self.rows[index].slots[slot].anchor = Some((anchor, certificate));
                }
            }
            let first = self.rows[index].first_kept();
            anchors[index] = first.map(|slot| (index, slot)).or(anchors[index + 1]);
        }
    }

    /// The next slot in order, if it is decided: its round, its number and its fate.
    pub fn emit(&mut self) -> Option<(Round, usize, Decision)> {
        loop {
            let row = self.rows.front()?;
            let Some(slot) = row.slots.get(self.emitted) else {
                self.rows.pop_front();
                self.emitted = 0;
                continue;
            };
            #[cfg(feature = "seeded-bugs")]
            if self.bug == Some(ProtocolBug::SkipUndecided)
                && slot.decision == Decision::Undecided
                && self.rows.iter().skip(1).any(|row| {
                    row.slots.iter().any(|later| matches!(later.decision, Decision::Commit { .. }))
                })
            {
                let skipped = (row.round, self.emitted, Decision::Skip { direct: true });
                self.emitted += 1;
                return Some(skipped);
            }
            if slot.decision == Decision::Undecided {
                return None;
            }
            let decided = (row.round, self.emitted, slot.decision);
            self.emitted += 1;
            return Some(decided);
        }
    }

    /// Whether waiting for more blocks of the next round is of no use to any slot of a round: each has a quorum that
    /// supports one of its blocks, or a quorum that supports none, or can reach neither with the votes of those who are
    /// still `awaited` (votes split where replicas proposed under different schedules, or did not wait for a leader).
    pub fn voted(&self, committee: &Committee, round: Round, awaited: impl Fn() -> ReplicaSet) -> bool {
        let Some(row) = self.row(round) else { return true };
        let settled = |slot: &&Slot| {
            let mut supported = slot.candidates.iter().map(|candidate| &candidate.supporters);
            slot.decision != Decision::Undecided
                || committee.is_quorum(&slot.blames)
                || supported.any(|supporters| committee.is_quorum(supporters))
        };
        let mut open = row.slots.iter().filter(|slot| !settled(slot)).peekable();
        if open.peek().is_none() {
            return true;
        }
        let absent = committee.stake_of(&awaited()).0;
        let may = |set: &ReplicaSet| committee.stake_of(set).0 + absent >= committee.quorum().0;
        open.all(|slot| {
            let mut supported = slot.candidates.iter().map(|candidate| &candidate.supporters);
            !(may(&slot.blames) || supported.any(may) || slot.candidates.is_empty())
        })
    }

    /// Why the slot that was emitted last, as `decision`, has its fate.
    pub fn account_emitted(&self, dag: &Dag, decision: Decision) -> Option<SlotAccount> {
        let (row, number) = (self.rows.front()?, self.emitted.checked_sub(1)?);
        Some(row.slots.get(number)?.account(dag, (row.round, number), decision, None))
    }

    /// Slots that are not emitted yet, in order, each with the reason.
    pub fn accounts(&self, dag: &Dag) -> Vec<SlotAccount> {
        let mut accounts = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            let anchor = self.rows.iter().skip(index + 3).find_map(|later| {
                let slot = later.first_kept()?;
                Some((later.round, later.slots[slot].leader))
            });
            let emitted = if index == 0 { self.emitted } else { 0 };
            for (number, slot) in row.slots.iter().enumerate().skip(emitted) {
                accounts.push(slot.account(dag, (row.round, number), slot.decision, anchor));
            }
        }
        accounts
    }

    /// Slots not yet emitted, in order, with their fate: for tests.
    #[cfg(test)]
    pub fn pending(&self) -> impl Iterator<Item = (Round, ReplicaId, Decision)> + '_ {
        self.rows
            .iter()
            .flat_map(|row| row.slots.iter().map(|slot| (row.round, slot.leader, slot.decision)))
            .skip(self.emitted)
    }
}

impl SlotRow {
    /// The first slot that is not skipped: the anchor of those of three rounds before and earlier.
    fn first_kept(&self) -> Option<usize> {
        self.slots.iter().position(|slot| !matches!(slot.decision, Decision::Skip { .. }))
    }
}

impl Slot {
    fn account(
        &self,
        dag: &Dag,
        (round, slot): (Round, usize),
        decision: Decision,
        anchor: Option<(Round, ReplicaId)>,
    ) -> SlotAccount {
        let name = |id: NodeId| dag.node(id).map(|node| node.block.reference());
        let rule = |direct: bool| match self.anchor.filter(|_| !direct) {
            None => Rule::Direct,
            Some((anchor, certificate)) => {
                Rule::Anchor { anchor: name(anchor), certificate: certificate.and_then(name) }
            }
        };
        let fate = match decision {
            Decision::Undecided => Fate::Undecided { anchor },
            Decision::Commit { block, direct } => Fate::Committed { block: name(block), rule: rule(direct) },
            Decision::Skip { direct } => Fate::Skipped { rule: rule(direct) },
        };
        let support = |candidate: &Candidate| {
            let mut supporters = candidate.supporters;
            candidate.supporter_copies.iter().for_each(|copy| {
                supporters.insert(copy.author);
            });
            let block: BlockRef = name(candidate.block)?;
            Some(Support { block, supporters, certifiers: candidate.certifiers })
        };
        let supports = self.candidates.iter().filter_map(support).collect();
        SlotAccount { round, slot, leader: self.leader, fate, blames: self.blames, supports, commit: None }
    }

    /// Counts a block of the next round.
    fn vote(&mut self, committee: &Committee, id: NodeId, node: &Node) -> bool {
        let round = id.round.before(1);
        let leader = self.leader;
        let supported = if node.parents.contains(leader) {
            Some(NodeId { round, author: leader, copy: 0 })
        } else {
            node.others.iter().copied().find(|other| other.round == round && other.author == leader)
        };
        let Some(block) = supported else {
            self.blames.insert(id.author);
            if self.decision == Decision::Undecided && committee.is_quorum(&self.blames) {
                self.decision = Decision::Skip { direct: true };
                return true;
            }
            return false;
        };
        let index =
            self.candidates.iter().position(|candidate| candidate.block == block).unwrap_or_else(|| {
                self.candidates.push(Candidate {
                    block,
                    supporters: ReplicaSet::default(),
                    supporter_copies: SmallVec::new(),
                    certifiers: ReplicaSet::default(),
                    certificates: SmallVec::new(),
                });
                self.candidates.len() - 1
            });
        let candidate = &mut self.candidates[index];
        if id.copy == 0 {
            candidate.supporters.insert(id.author);
        } else {
            candidate.supporter_copies.push(id);
        }
        false
    }

    /// Counts a block of the second round after.
    fn certify(&mut self, enough: &impl Fn(&ReplicaSet) -> bool, id: NodeId, node: &Node) -> bool {
        for candidate in &mut self.candidates {
            let mut voters = node.parents.and(&candidate.supporters);
            for copy in &candidate.supporter_copies {
                if node.others.contains(copy) {
                    voters.insert(copy.author);
                }
            }
            if !enough(&voters) {
                continue;
            }
            candidate.certificates.push(id);
            candidate.certifiers.insert(id.author);
            if self.decision == Decision::Undecided && enough(&candidate.certifiers) {
                self.decision = Decision::Commit { block: candidate.block, direct: true };
                return true;
            }
        }
        false
    }

    /// The indirect rule under a committed anchor, and the certificate that it found.
    fn decide_by(&self, dag: &Dag, anchor: NodeId) -> (Decision, Option<NodeId>) {
        let certified = |candidate: &&Candidate| !candidate.certificates.is_empty();
        if self.candidates.iter().any(|candidate| certified(&candidate)) {
            let round = self.candidates[0].block.round.next().next();
            let reached = dag.ancestry(anchor, round, false);
            let below = &reached[reached.partition_point(|id| id.round > round)..];
            for candidate in self.candidates.iter().filter(certified) {
                let found = candidate.certificates.iter().find(|certificate| below.contains(certificate));
                if let Some(certificate) = found {
                    let decision = Decision::Commit { block: candidate.block, direct: false };
                    return (decision, Some(*certificate));
                }
            }
        }
        (Decision::Skip { direct: false }, None)
    }
}
