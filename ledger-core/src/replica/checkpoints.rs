//! Checkpoints: own votes, the others' votes, and when a quorum is together.
//!
//! Votes arrive inside accepted blocks. Those on a checkpoint that this replica has not executed yet wait for it;
//! once a quorum of stake has voted on one that it has, the signatures are checked together and the checkpoint is
//! certified. Bounds: [`OPEN_MAX`] checkpoints are open at once; the oldest gives way (a later certified checkpoint
//! covers everything that an earlier one does).

use super::{Job, Replica};
use crate::audit::{Checkpoint, CheckpointBody};
use crate::block::CheckpointVote;
use crate::codec::List;
use crate::committee::{Committee, ReplicaId, ReplicaSet};
use crate::crypto::{SecretKey, Signature};
use crate::seam::{Observation, Output, Peer};
use crate::work::Work;
use std::collections::BTreeMap;
use std::sync::Arc;

type Votes = Vec<(ReplicaId, Signature)>;

/// Checkpoints ahead of execution on which votes are kept.
pub(super) const AHEAD_MAX: u64 = 256;
/// Checkpoints waiting for a quorum.
pub const OPEN_MAX: usize = 1024;

#[derive(Default)]
struct Open {
    body: Option<Arc<CheckpointBody>>,
    votes: BTreeMap<ReplicaId, Signature>,
    valid: ReplicaSet,
    /// Votes being checked.
    checking: ReplicaSet,
}

pub(super) struct Checkpoints {
    committee: Arc<Committee>,
    id: ReplicaId,
    key: SecretKey,
    interval: u64,
    open: BTreeMap<u64, Open>,
    certified: Option<Arc<Checkpoint>>,
    /// A deliberate mistake: f + 1 signatures are enough.
    #[cfg(feature = "seeded-bugs")]
    few: bool,
}

impl Checkpoints {
    pub fn new(committee: Arc<Committee>, id: ReplicaId, key: SecretKey, interval: u64) -> Self {
        Self {
            committee,
            id,
            key,
            interval: interval.max(1),
            open: BTreeMap::new(),
            certified: None,
            #[cfg(feature = "seeded-bugs")]
            few: false,
        }
    }

    #[cfg(feature = "seeded-bugs")]
    pub fn certify_with_few(&mut self) {
        self.few = true;
    }

    /// Whether these signatures certify.
    fn is_enough(&self, signers: &ReplicaSet) -> bool {
        #[cfg(feature = "seeded-bugs")]
        if self.few {
            return self.committee.is_valid(signers);
        }
        self.committee.is_quorum(signers)
    }

    /// How many wait for a quorum.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// The last one that a quorum signed.
    pub fn certified(&self) -> Option<&Arc<Checkpoint>> {
        self.certified.as_ref()
    }

    fn is_certified(&self, commit: u64) -> bool {
        self.certified.as_ref().is_some_and(|checkpoint| checkpoint.body.commit >= commit)
    }

    /// Whether a checkpoint follows a commit.
    pub fn is_due(&self, commit: u64) -> bool {
        commit.is_multiple_of(self.interval)
    }

    /// A commit was executed: the own vote, if a checkpoint is due.
    pub fn executed(&mut self, body: CheckpointBody) -> Option<CheckpointVote> {
        let commit = body.commit;
        if !self.is_due(commit) || self.is_certified(commit) {
            return None;
        }
        let signature = body.sign(&self.key);
        let open = self.open.entry(commit).or_default();
        open.body = Some(Arc::new(body));
        open.votes.insert(self.id, signature);
        open.valid.insert(self.id);
        while self.open.len() > OPEN_MAX {
            self.open.pop_first();
        }
        Some(CheckpointVote { commit, signature })
    }

    /// A vote in an accepted block. One on a commit that no correct replica can be at yet is not kept: junk must not
    /// crowd out what is executed.
    pub fn vote(&mut self, executed: u64, voter: ReplicaId, vote: CheckpointVote) {
        let horizon = executed.saturating_add(AHEAD_MAX.saturating_mul(self.interval));
        if self.is_certified(vote.commit)
            || !vote.commit.is_multiple_of(self.interval)
            || vote.commit > horizon
        {
            return;
        }
        self.open.entry(vote.commit).or_default().votes.entry(voter).or_insert(vote.signature);
    }

    /// Votes worth checking: those on an executed checkpoint that could complete a quorum, unless those that are being
    /// checked will.
    fn unchecked(&mut self, commit: u64) -> Option<(Arc<CheckpointBody>, Votes)> {
        let open = self.open.get(&commit)?;
        let body = open.body.clone()?;
        let voters: ReplicaSet = open.votes.keys().copied().collect();
        let mut expected = open.valid;
        expected.extend(&open.checking);
        if !self.is_enough(&voters) || self.is_enough(&expected) {
            return None;
        }
        let open = self.open.get_mut(&commit)?;
        let known = |replica: &ReplicaId| open.valid.contains(*replica) || open.checking.contains(*replica);
        let votes: Vec<_> =
            open.votes.iter().filter(|(replica, _)| !known(replica)).map(|(r, s)| (*r, *s)).collect();
        open.checking.extend(&voters);
        (!votes.is_empty()).then_some((body, votes))
    }

    /// Verdicts on votes: those refused, and whether the checkpoint became certified.
    fn count(&mut self, commit: u64, voters: &[ReplicaId], verdicts: &[bool]) -> (Vec<ReplicaId>, bool) {
        let mut refused = Vec::new();
        let Some(open) = self.open.get_mut(&commit) else { return (refused, false) };
        for (voter, valid) in voters.iter().zip(verdicts) {
            open.checking.remove(*voter);
            if *valid && open.votes.contains_key(voter) {
                open.valid.insert(*voter);
            } else if !*valid {
                open.votes.remove(voter);
                refused.push(*voter);
            }
        }
        let valid = open.valid;
        if !self.is_enough(&valid) {
            return (refused, false);
        }
        let (Some(open), true) = (self.open.remove(&commit), !self.is_certified(commit)) else {
            return (refused, false);
        };
        self.open.retain(|later, _| *later > commit);
        let signatures =
            open.valid.iter().filter_map(|voter| Some((voter, *open.votes.get(&voter)?))).collect();
        if let (Some(body), Some(signatures)) = (open.body, List::new(signatures)) {
            self.certified = Some(Arc::new(Checkpoint { body: *body, signatures }));
        }
        (refused, true)
    }

    /// Continues after a snapshot.
    pub fn restore(&mut self, checkpoint: Arc<Checkpoint>) {
        self.open.retain(|commit, _| *commit > checkpoint.body.commit);
        self.certified = Some(checkpoint);
    }
}

impl Replica {
    /// Starts checking votes where a quorum may be together.
    pub(super) fn check_votes(&mut self, votes: &[CheckpointVote]) {
        for vote in votes {
            self.check_votes_on(vote.commit);
        }
    }

    fn check_votes_on(&mut self, commit: u64) {
        if let Some((body, votes)) = self.checkpoints.unchecked(commit) {
            let voters = votes.iter().map(|(replica, _)| *replica).collect();
            self.start_job(Job::Votes(commit, voters), Work::Votes(body, votes));
        }
    }

    pub(super) fn count_votes(&mut self, commit: u64, voters: &[ReplicaId], verdicts: &[bool]) {
        let (refused, certified) = self.checkpoints.count(commit, voters, verdicts);
        if !refused.is_empty() {
            self.check_votes_on(commit);
        }
        for voter in refused {
            let what = format!("a vote on another checkpoint {commit} than the one executed here");
            self.drop_message(Peer::Replica(voter), what);
        }
        if certified {
            if let Some(checkpoint) = self.checkpoints.certified() {
                let body = Box::new(checkpoint.body);
                self.outputs.push_back(Output::Observed(Observation::Certified(body)));
            }
            self.snapshots.certified(self.checkpoints.certified());
            self.write_snapshot();
            self.answer_waiting();
        }
    }
}
