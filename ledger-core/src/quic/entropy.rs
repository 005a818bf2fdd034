//! Where a host's randomness comes from, all of it: hello randoms and key shares (the [`CryptoProvider`]), connection
//! ids, packet numbers to skip, jitter (the seed). Connection-id and reset *keys* derive from the identity, so that
//! a restarted process is recognised by what it cannot remember.

use crate::crypto::SecretKey;
use crate::time::Duration;
use quinn_proto::crypto::{CryptoError, HmacKey};
use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rustls::crypto::{CryptoProvider, ring};
use std::sync::{Arc, Mutex};

/// Randomness for one host. [`from_system`](Self::from_system) is what live code uses; whoever wants another brings a
/// provider, and the only reproducible one lives in the simulator.
pub struct Entropy {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) seed: [u8; 32],
}

impl Entropy {
    /// The operating system's. `None` if it has none to give.
    pub fn from_system() -> Option<Self> {
        let provider = Self::provider();
        let mut seed = [0; 32];
        provider.secure_random.fill(&mut seed).ok()?;
        Some(Self { provider: Arc::new(provider), seed })
    }

    /// A provider of one's own (built from [`provider`](Self::provider)), and a seed that must not repeat.
    pub fn of(provider: Arc<CryptoProvider>, seed: [u8; 32]) -> Self {
        Self { provider, seed }
    }

    /// The cryptography of the handshake: TLS 1.3 with X25519, AES-128-GCM or ChaCha20-Poly1305, no more to negotiate.
    pub fn provider() -> CryptoProvider {
        CryptoProvider {
            cipher_suites: vec![
                ring::cipher_suite::TLS13_AES_128_GCM_SHA256,
                ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            ],
            kx_groups: vec![ring::kx_group::X25519],
            ..ring::default_provider()
        }
    }
}

/// A host's own stream of random numbers.
pub(super) type Random = Arc<Mutex<ChaCha20Rng>>;

pub(super) fn random(seed: [u8; 32], purpose: &str) -> Random {
    Arc::new(Mutex::new(ChaCha20Rng::from_seed(blake3::derive_key(purpose, &seed))))
}

pub(super) fn draw<const BYTES: usize>(random: &Random) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    random.lock().expect("nothing panics while it draws").fill_bytes(&mut bytes);
    bytes
}

/// Bytes of a connection id that are drawn, and that a keyed hash of them fills.
const NONCE_BYTES: usize = 6;
const TAG_BYTES: usize = 4;

/// Connection ids that their maker recognises: garbage is dropped unanswered, and a packet for a connection of the
/// process before this one is answered with a reset.
#[derive(Clone)]
pub(super) struct ConnectionIds {
    key: [u8; 32],
    random: Random,
}

impl ConnectionIds {
    pub fn new(identity: &SecretKey, random: Random) -> Self {
        Self { key: identity.derive("amanah 2026 quic connection ids"), random }
    }

    fn tag(&self, nonce: &[u8]) -> [u8; TAG_BYTES] {
        let hash = blake3::keyed_hash(&self.key, nonce);
        hash.as_bytes()[..TAG_BYTES].try_into().expect("a hash is longer")
    }
}

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; NONCE_BYTES + TAG_BYTES];
        id[..NONCE_BYTES].copy_from_slice(&draw::<NONCE_BYTES>(&self.random));
        let tag = self.tag(&id[..NONCE_BYTES]);
        id[NONCE_BYTES..].copy_from_slice(&tag);
        ConnectionId::new(&id)
    }

    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        let (nonce, tag) = id.split_at_checked(NONCE_BYTES).ok_or(InvalidCid)?;
        if tag == self.tag(nonce) { Ok(()) } else { Err(InvalidCid) }
    }

    fn cid_len(&self) -> usize {
        NONCE_BYTES + TAG_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Signs the tokens by which a peer believes that its connection is gone.
pub(super) struct ResetKey([u8; 32]);

impl ResetKey {
    pub fn new(identity: &SecretKey) -> Self {
        Self(identity.derive("amanah 2026 quic stateless reset"))
    }
}

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(blake3::keyed_hash(&self.0, data).as_bytes());
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        // `blake3::Hash` compares in constant time.
        let given = blake3::Hash::from_slice(signature).map_err(|_| CryptoError)?;
        if blake3::keyed_hash(&self.0, data) == given { Ok(()) } else { Err(CryptoError) }
    }
}
