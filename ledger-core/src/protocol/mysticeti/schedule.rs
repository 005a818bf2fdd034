//! Which authors lead which rounds.
//!
//! Leader slots rotate through a permutation of the committee that is drawn anew, from the digest of a commit, every
//! `reputation_window` commits. A replica that contributed to less than half as many of the window's leaders as the
//! median replica loses its slots for the next window to the best ones, up to f of the stake. Both follow from the
//! committed sequence alone, so every correct replica holds the same schedule for every undecided slot.
//!
//! A replica contributes to a leader when its block is among the leader's parents. (Certificates would measure the
//! same presence one round later, but need blocks that a replica restored from a snapshot does not hold.)

use crate::block::{Block, Round};
use crate::codec;
use crate::committee::{Committee, ReplicaId, Stake};
use crate::crypto::{Digest, Domain};
use borsh::{BorshDeserialize, BorshSerialize};

/// State of the schedule after some commit.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Schedule {
    /// Slot owners in turn. A replica may stand in for another, so this need not be a permutation.
    order: Vec<ReplicaId>,
    /// Last round of the order before, and that order: slots of that round that come after the commit which changed the
    /// schedule are still to be decided.
    until: Round,
    previous: Vec<ReplicaId>,
    /// Leaders contributed to, in this window.
    scores: Vec<u32>,
    /// Commits in this window.
    commits: u64,
}

impl Schedule {
    /// Before the first commit.
    pub fn genesis(committee: &Committee) -> Self {
        let order = permutation(&committee.chain().0, committee.size());
        Self {
            previous: order.clone(),
            order,
            until: Round(0),
            scores: vec![0; committee.size()],
            commits: 0,
        }
    }

    /// Hash of the state.
    pub fn digest(&self) -> Digest {
        Digest::blake3(Domain::Schedule, &[&codec::encode(self)])
    }

    /// Leaders of a round, in slot order and distinct: fewer than `per_round` where one stands in for another.
    pub fn leaders(&self, round: Round, per_round: usize) -> impl Iterator<Item = ReplicaId> + '_ {
        let order = if round <= self.until { &self.previous } else { &self.order };
        let n = order.len();
        let first = (round.0 % n as u64) as usize * per_round;
        let leader = move |slot: usize| order[(first + slot) % n];
        (0..per_round.min(n))
            .filter(move |slot| (0..*slot).all(|earlier| leader(earlier) != leader(*slot)))
            .map(leader)
    }

    /// Whether it can be the schedule of a committee: read from a snapshot, it might not.
    pub fn fits(&self, committee: &Committee) -> bool {
        self.order.len() == committee.size()
            && self.previous.len() == committee.size()
            && self.scores.len() == committee.size()
            && self.order.iter().chain(&self.previous).all(|replica| replica.index() < committee.size())
    }

    /// Counts a commit. True if a new window starts after it, with new leaders.
    pub fn record(&mut self, committee: &Committee, leader: &Block, previous: &Digest, window: u64) -> bool {
        for parent in leader.parents() {
            self.scores[parent.author.index()] += 1;
        }
        self.commits += 1;
        if self.commits < window {
            return false;
        }
        self.until = leader.round();
        self.previous = std::mem::replace(&mut self.order, permutation(previous, committee.size()));
        self.replace_absent(committee);
        self.scores.fill(0);
        self.commits = 0;
        true
    }

    fn replace_absent(&mut self, committee: &Committee) {
        let mut ranked: Vec<ReplicaId> = committee.replicas().collect();
        ranked.sort_by_key(|replica| (self.scores[replica.index()], *replica));
        let median = self.scores[ranked[ranked.len() / 2].index()];
        let mut stake = Stake(0);
        let absent: Vec<ReplicaId> = ranked
            .iter()
            .copied()
            .filter(|replica| self.scores[replica.index()] < median / 2)
            .take_while(|replica| {
                stake.0 += committee.stake(*replica).0;
                stake <= committee.faulty_max()
            })
            .collect();
        for (absent, present) in absent.iter().zip(ranked.iter().rev()) {
            self.order.iter_mut().filter(|leader| *leader == absent).for_each(|leader| *leader = *present);
        }
    }
}

/// A permutation of 0..n drawn from a seed (Fisher–Yates over a BLAKE3 stream; the modulo bias of 64 bits is nil).
fn permutation(seed: &Digest, n: usize) -> Vec<ReplicaId> {
    let mut stream = blake3::Hasher::new().update(Domain::Schedule.tag()).update(&seed.0).finalize_xof();
    let mut order: Vec<ReplicaId> = (0..n as u16).map(ReplicaId).collect();
    for index in (1..n).rev() {
        let mut bytes = [0; 8];
        stream.fill(&mut bytes);
        order.swap(index, (u64::from_le_bytes(bytes) % (index as u64 + 1)) as usize);
    }
    order
}
