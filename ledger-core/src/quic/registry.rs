//! Whose key is whose. There is no certificate authority: committee and institutions are known by their keys.

use super::event::Refusal;
use crate::committee::{Committee, ReplicaId};
use crate::crypto::PublicKey;
use crate::seam::{GatewayId, Peer};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// The keys that may connect. A peer may have several (while one replaces another); a key has one peer.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    keys: BTreeMap<PublicKey, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    peer: Peer,
    expires: Option<Timestamp>,
}

impl Registry {
    /// Every member of a committee, without expiry.
    pub fn of_committee(committee: &Committee) -> Self {
        let mut registry = Self::default();
        for (replica, member) in committee.replicas().zip(committee.members()) {
            registry.insert(member.key, Peer::Replica(replica), None);
        }
        registry
    }

    /// Lets a key in as `peer`, up to (and without) `expires`. Returns whose it was before.
    pub fn insert(&mut self, key: PublicKey, peer: Peer, expires: Option<Timestamp>) -> Option<Peer> {
        self.keys.insert(key, Entry { peer, expires }).map(|entry| entry.peer)
    }

    /// Lets a key in no longer.
    pub fn remove(&mut self, key: &PublicKey) {
        self.keys.remove(key);
    }

    /// Who holds the key, and until when.
    pub fn admit(&self, key: &PublicKey, now: Timestamp) -> Result<(Peer, Option<Timestamp>), Refusal> {
        match self.keys.get(key) {
            None => Err(Refusal::UnknownKey),
            Some(entry) if entry.expires.is_some_and(|expires| expires <= now) => Err(Refusal::ExpiredKey),
            Some(entry) => Ok((entry.peer, entry.expires)),
        }
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// A peer as the name that TLS hands to the verifier. It never leaves the host: no SNI is sent.
pub(super) fn name_of(peer: Peer) -> String {
    match peer {
        Peer::Replica(replica) => format!("r{}.amanah", replica.0),
        Peer::Gateway(gateway) => format!("g{}.amanah", gateway.0),
        Peer::Local => "local.amanah".into(),
    }
}

/// The peer that [`name_of`] wrote.
pub(super) fn peer_of(name: &str) -> Option<Peer> {
    let (kind, number) = name.strip_suffix(".amanah")?.split_at_checked(1)?;
    match kind {
        "r" => number.parse().ok().map(|number| Peer::Replica(ReplicaId(number))),
        "g" => number.parse().ok().map(|number| Peer::Gateway(GatewayId(number))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;

    #[test]
    fn keys_are_admitted_until_they_expire() {
        let mut registry = Registry::default();
        let key = SecretKey::from_seed([1; 32]).public();
        let peer = Peer::Gateway(GatewayId(70_000));
        assert_eq!(registry.admit(&key, Timestamp(9)), Err(Refusal::UnknownKey));
        registry.insert(key, peer, Some(Timestamp(10)));
        assert_eq!(registry.admit(&key, Timestamp(9)), Ok((peer, Some(Timestamp(10)))));
        assert_eq!(registry.admit(&key, Timestamp(10)), Err(Refusal::ExpiredKey));
        assert_eq!(registry.insert(key, peer, None), Some(peer));
        assert_eq!(registry.admit(&key, Timestamp::MAX), Ok((peer, None)));
        registry.remove(&key);
        assert!(registry.is_empty());
    }

    #[test]
    fn names_say_who() {
        for peer in [Peer::Replica(ReplicaId(255)), Peer::Gateway(GatewayId(u32::MAX))] {
            assert_eq!(peer_of(&name_of(peer)), Some(peer));
        }
        for name in ["", "r.amanah", "r70000.amanah", "x1.amanah", "r1", &name_of(Peer::Local)] {
            assert_eq!(peer_of(name), None, "{name}");
        }
    }
}
