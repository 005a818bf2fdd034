//! The replicas of a chain, and all stake and quorum arithmetic.

use crate::crypto::{ChainId, Digest, Domain, PublicKey};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most replicas in a committee.
pub const REPLICAS_MAX: usize = 256;

/// A replica's place in the committee.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct ReplicaId(pub u16);

impl ReplicaId {
    /// As an index into per-replica tables.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Voting weight.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
    Serialize,
    Deserialize,
)]
pub struct Stake(pub u64);

/// One replica as its peers know it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Member {
    /// Name in signed notes: letters, digits, `.` and `-`.
    pub name: String,
    /// Verifies its blocks and checkpoints.
    pub key: PublicKey,
    /// Voting weight, at least 1.
    pub stake: Stake,
}

/// Why members do not make a committee.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitteeError {
    /// None or too many.
    #[error("{0} replicas where 1 to {REPLICAS_MAX} are possible")]
    Size(usize),
    /// A member without stake.
    #[error("replica {0} has no stake")]
    NoStake(usize),
    /// Stakes whose sum (times three) does not fit.
    #[error("the sum of stakes is too large")]
    StakeOverflow,
    /// Two members share a key.
    #[error("replicas {0} and {1} share a key")]
    SharedKey(usize, usize),
}

/// The replicas of a chain. Invariants: 1 to [`REPLICAS_MAX`] members with distinct keys and positive stake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    chain: ChainId,
    /// What else the chain's identity depends on.
    genesis: Box<[u8]>,
    epoch: u64,
    members: Vec<Member>,
    total: u64,
    /// Every member's stake where all are equal, so that set arithmetic is a population count.
    uniform: Option<u64>,
}

impl Committee {
    /// Checks the members. `genesis` is what else the chain's identity depends on (its state root, its name).
    pub fn new(genesis: &[u8], members: Vec<Member>) -> Result<Self, CommitteeError> {
        if members.is_empty() || members.len() > REPLICAS_MAX {
            return Err(CommitteeError::Size(members.len()));
        }
        let mut total = 0u64;
        for (index, member) in members.iter().enumerate() {
            if member.stake.0 == 0 {
                return Err(CommitteeError::NoStake(index));
            }
            total = total.checked_add(member.stake.0).ok_or(CommitteeError::StakeOverflow)?;
            if let Some(other) = members[..index].iter().position(|earlier| earlier.key == member.key) {
                return Err(CommitteeError::SharedKey(other, index));
            }
        }
        total.checked_mul(3).ok_or(CommitteeError::StakeOverflow)?;
        let encoded = crate::codec::encode(&members);
        let chain = ChainId(Digest::blake3(Domain::Genesis, &[genesis, &encoded]));
        let first = members[0].stake.0;
        let uniform = members.iter().all(|member| member.stake.0 == first).then_some(first);
        Ok(Self { chain, genesis: genesis.into(), epoch: 0, members, total, uniform })
    }

    /// The chain it orders.
    pub fn chain(&self) -> ChainId {
        self.chain
    }

    /// What else than its members the chain's identity depends on: who is told it can derive [`chain`](Self::chain).
    pub fn genesis(&self) -> &[u8] {
        &self.genesis
    }

    /// The epoch it serves.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Number of replicas.
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// All of them, by [`ReplicaId`].
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// `None` for a replica that does not exist.
    pub fn member(&self, replica: ReplicaId) -> Option<&Member> {
        self.members.get(replica.index())
    }

    /// Every replica's id.
    pub fn replicas(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        (0..self.members.len() as u16).map(ReplicaId)
    }

    /// Stake of one replica, zero if it does not exist.
    pub fn stake(&self, replica: ReplicaId) -> Stake {
        self.member(replica).map_or(Stake(0), |member| member.stake)
    }

    /// Stake of a set.
    pub fn stake_of(&self, set: &ReplicaSet) -> Stake {
        match self.uniform {
            Some(stake) => Stake(stake * u64::from(set.len())),
            None => Stake(set.iter().map(|replica| self.stake(replica).0).sum()),
        }
    }

    /// Stake of all.
    pub fn total(&self) -> Stake {
        Stake(self.total)
    }

    /// The most stake that may be faulty, `f = ⌊(total − 1) / 3⌋`.
    pub fn faulty_max(&self) -> Stake {
        Stake((self.total - 1) / 3)
    }

    /// Stake of a quorum, `total − f`: two quorums share a correct replica.
    pub fn quorum(&self) -> Stake {
        Stake(self.total - self.faulty_max().0)
    }

    /// Least stake that holds a correct replica, `f + 1`.
    pub fn validity(&self) -> Stake {
        Stake(self.faulty_max().0 + 1)
    }

    /// Whether a set is a quorum.
    pub fn is_quorum(&self, set: &ReplicaSet) -> bool {
        self.stake_of(set) >= self.quorum()
    }

    /// Whether a set holds a correct replica.
    pub fn is_valid(&self, set: &ReplicaSet) -> bool {
        self.stake_of(set) >= self.validity()
    }
}

/// A set of replicas, as bits.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ReplicaSet([u64; REPLICAS_MAX / 64]);

impl ReplicaSet {
    /// Adds a replica; false if it was there.
    pub fn insert(&mut self, replica: ReplicaId) -> bool {
        let (word, bit) = (replica.index() / 64, 1u64 << (replica.index() % 64));
        let absent = self.0[word] & bit == 0;
        self.0[word] |= bit;
        absent
    }

    /// Removes a replica.
    pub fn remove(&mut self, replica: ReplicaId) {
        if let Some(word) = self.0.get_mut(replica.index() / 64) {
            *word &= !(1u64 << (replica.index() % 64));
        }
    }

    /// Whether it is in.
    pub fn contains(&self, replica: ReplicaId) -> bool {
        self.0.get(replica.index() / 64).is_some_and(|word| word & (1u64 << (replica.index() % 64)) != 0)
    }

    /// How many.
    pub fn len(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Those in both.
    pub fn and(&self, other: &Self) -> Self {
        let mut both = *self;
        both.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
        both
    }

    /// Those that are not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = *self;
        rest.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
        rest
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = ReplicaId> + '_ {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut word = *word;
            std::iter::from_fn(move || {
                if word == 0 {
                    return None;
                }
                let bit = word.trailing_zeros();
                word &= word - 1;
                Some(ReplicaId((index * 64) as u16 + bit as u16))
            })
        })
    }
}

impl fmt::Debug for ReplicaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|replica| replica.0)).finish()
    }
}

impl FromIterator<ReplicaId> for ReplicaSet {
    fn from_iter<I: IntoIterator<Item = ReplicaId>>(replicas: I) -> Self {
        let mut set = Self::default();
        for replica in replicas {
            set.insert(replica);
        }
        set
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::crypto::SecretKey;

    /// A committee with the stakes, and its keys.
    pub(crate) fn committee(stakes: &[u64]) -> (Committee, Vec<SecretKey>) {
        let keys: Vec<_> = (0..stakes.len())
            .map(|index| {
                let mut seed = [0; 32];
                seed[..8].copy_from_slice(&(index as u64).to_le_bytes());
                SecretKey::from_seed(seed)
            })
            .collect();
        let members = keys
            .iter()
            .zip(stakes)
            .enumerate()
            .map(|(index, (key, stake))| Member {
                name: format!("r{index}"),
                key: key.public(),
                stake: Stake(*stake),
            })
            .collect();
        (Committee::new(b"test", members).unwrap(), keys)
    }

    #[test]
    fn quorums_of_every_size_intersect_in_a_correct_replica() {
        for n in 1..=100u64 {
            let (committee, _) = committee(&vec![1; n as usize]);
            let (f, quorum) = (committee.faulty_max().0, committee.quorum().0);
            assert!(3 * f < n, "f = {f} of {n}");
            assert!(2 * quorum - n > f, "two quorums share more than f of {n}");
            assert!(quorum <= n - f, "the correct ones are a quorum of {n}");
            assert_eq!(committee.validity().0, f + 1);
        }
    }

    #[test]
    fn weighted_stake() {
        let (committee, _) = committee(&[5, 1, 1, 1]);
        let set = |ids: &[u16]| ids.iter().map(|id| ReplicaId(*id)).collect::<ReplicaSet>();
        assert_eq!(committee.quorum(), Stake(6));
        assert!(committee.is_quorum(&set(&[0, 3])));
        assert!(!committee.is_quorum(&set(&[1, 2, 3])));
        assert!(committee.is_valid(&set(&[1, 2, 3])));
        assert_eq!(set(&[3, 200, 64]).iter().map(|r| r.0).collect::<Vec<_>>(), [3, 64, 200]);
    }

    #[test]
    fn what_is_no_committee() {
        let key = SecretKey::from_seed([0; 32]).public();
        let member = |key, stake| Member { name: "r".into(), key, stake: Stake(stake) };
        assert_eq!(Committee::new(b"", vec![]), Err(CommitteeError::Size(0)));
        assert_eq!(Committee::new(b"", vec![member(key, 0)]), Err(CommitteeError::NoStake(0)));
        assert_eq!(
            Committee::new(b"", vec![member(key, 1), member(key, 1)]),
            Err(CommitteeError::SharedKey(0, 1))
        );
        let other = SecretKey::from_seed([1; 32]).public();
        assert_eq!(
            Committee::new(b"", vec![member(key, u64::MAX / 2), member(other, 1)]),
            Err(CommitteeError::StakeOverflow)
        );
    }
}
