//! The handshake's cryptography with every random byte drawn from the run's seed: hello randoms and key shares.
//!
//! rustls wants its random source and key exchange as `&'static` objects, which know no host; so the stream of the host
//! whose turn it is lies in a thread-local for as long as the turn lasts ([`with`]). Outside of a turn there is no randomness: a
//! handshake fails rather than draw from anywhere else. This is the only reproducible provider, and it is reached only
//! with a [`Seed`](crate::seed::Seed): live code makes its own from the operating system.

use crate::seed::Stream;
use ledger_core::quic::Entropy;
use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup,
};
use rustls::{Error, NamedGroup, PeerMisbehaved};
use std::cell::RefCell;
use std::sync::Arc;
use x25519_dalek::{PublicKey, StaticSecret};

thread_local! {
    static TURN: RefCell<Option<Stream>> = const { RefCell::new(None) };
}

/// Runs `turn` with `stream` as the source of all its randomness.
pub(super) fn with<T>(stream: &mut Option<Stream>, turn: impl FnOnce() -> T) -> T {
    TURN.with_borrow_mut(|current| std::mem::swap(current, stream));
    let result = turn();
    TURN.with_borrow_mut(|current| std::mem::swap(current, stream));
    result
}

/// The provider; all hosts of a run share it.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { secure_random: &Seeded, kx_groups: vec![&Seeded], ..Entropy::provider() })
}

#[derive(Debug)]
struct Seeded;

impl SecureRandom for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        TURN.with_borrow_mut(|turn| turn.as_mut().map(|stream| stream.fill_bytes(bytes)))
            .ok_or(GetRandomFailed)
    }
}

impl SupportedKxGroup for Seeded {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut bytes = [0; 32];
        self.fill(&mut bytes)?;
        let secret = StaticSecret::from(bytes);
        Ok(Box::new(Exchange { public: PublicKey::from(&secret), secret }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// An X25519 key share (RFC 7748).
struct Exchange {
    secret: StaticSecret,
    public: PublicKey,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        let shared = self.secret.diffie_hellman(&PublicKey::from(peer));
        if !shared.was_contributory() {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&shared.as_bytes()[..]))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}
