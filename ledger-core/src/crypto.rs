//! Signatures and hashes, each where it belongs.
//!
//! * Ed25519 under ZIP-215 rules: batch verification accepts exactly what single verification accepts, so replicas
//!   that batch differently cannot fork (`ed25519-zebra`).
//! * Every signature covers `domain tag ‖ chain ‖ digest`, so none can be replayed in another chain or message kind.
//! * SHA-256 for Merkle nodes and other small inputs (faster below about 1 KiB, and what RFC 6962 asks for);
//!   BLAKE3 for blocks and documents.
//!
//! Nothing here draws entropy: keys come from seeds, and the coefficients of a batch are derived from the batch.

mod remember;

pub use remember::{RememberingVerifier, SignaturesMade};

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_zebra::{SigningKey, VerificationKey, VerificationKeyBytes, batch};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

/// A 32-byte hash.
#[derive(
    Clone,
    Copy,
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
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256 of the parts, one after the other.
    pub fn sha256(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// BLAKE3 of the parts, one after the other, in a derivation context.
    pub fn blake3(domain: Domain, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(domain.tag());
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The first eight bytes as a number: for fixed-key hash maps and short displays, never for identity.
    pub fn prefix(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("a digest has 32 bytes"))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A hasher for digests and addresses, which are spread already. Not keyed: whoever wants digests that fall together must
/// find them by trial, and gains a few probes for each thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedHasher(u64);

impl Hasher for FixedHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
}

/// For look-ups by digest or address. Never iterated.
pub type FixedMap<K, V> = HashMap<K, V, BuildHasherDefault<FixedHasher>>;

/// What a hash or signature is about. Tags have one length, so no tag is another's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    /// A block's body.
    Block,
    /// The block that every author has at round 0.
    GenesisBlock,
    /// A transaction's body.
    Transaction,
    /// A commit's header.
    Commit,
    /// The leader schedule that follows a commit.
    Schedule,
    /// The genesis of a chain.
    Genesis,
    /// The ledger's state.
    State,
    /// A document's plain text.
    Document,
    /// A record's salted commitment.
    Commitment,
    /// Key release between gateways.
    KeyRequest,
    /// Coefficients of a batch verification.
    Batch,
    /// Chains of a trial's data, and the root over them.
    TrialData,
}

impl Domain {
    /// Sixteen bytes.
    pub const fn tag(self) -> &'static [u8; 16] {
        match self {
            Self::Block => b"amanah1 block   ",
            Self::GenesisBlock => b"amanah1 gen-blk ",
            Self::Transaction => b"amanah1 transact",
            Self::Commit => b"amanah1 commit  ",
            Self::Schedule => b"amanah1 schedule",
            Self::Genesis => b"amanah1 genesis ",
            Self::State => b"amanah1 state   ",
            Self::Document => b"amanah1 document",
            Self::Commitment => b"amanah1 commitmt",
            Self::KeyRequest => b"amanah1 key-req ",
            Self::Batch => b"amanah1 batch   ",
            Self::TrialData => b"amanah1 trialdat",
        }
    }
}

/// Identifies a chain: the hash of its genesis.
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
pub struct ChainId(pub Digest);

/// The bytes under a signature: `domain tag ‖ chain ‖ digest`.
pub fn signing_message(domain: Domain, chain: ChainId, digest: &Digest) -> Vec<u8> {
    let mut message = Vec::with_capacity(80);
    message.extend_from_slice(domain.tag());
    message.extend_from_slice(&chain.0.0);
    message.extend_from_slice(&digest.0);
    message
}

/// An Ed25519 verification key as bytes; it may not be a point of the curve, in which case nothing verifies under it.
#[derive(
    Clone,
    Copy,
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
pub struct PublicKey(pub [u8; 32]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {:?}", Digest(self.0))
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);

impl Default for Signature {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signature {:02x}{:02x}…", self.0[0], self.0[1])
    }
}

/// An Ed25519 signing key. Never printed, never serialised.
#[derive(Clone)]
pub struct SecretKey {
    key: SigningKey,
    /// Where its signatures are noted, if anywhere.
    made: Option<SignaturesMade>,
}

impl SecretKey {
    /// The key of a seed.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { key: SigningKey::from(seed), made: None }
    }

    /// The same key, whose signatures are noted from now on. For simulations.
    pub fn noted(self, made: &SignaturesMade) -> Self {
        Self { made: Some(made.clone()), ..self }
    }

    /// The key that others verify under.
    pub fn public(&self) -> PublicKey {
        PublicKey(VerificationKeyBytes::from(&self.key).into())
    }

    /// A secret that depends on this key and on `purpose` (a constant that names the use), and tells nothing of the key.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, self.key.as_bytes())
    }

    /// Signs arbitrary bytes: for formats that bring their own domain separation (signed notes).
    pub fn sign_bytes(&self, message: &[u8]) -> Signature {
        let signature = Signature(self.key.sign(message).to_bytes());
        if let Some(made) = &self.made {
            made.note(&self.public(), message, &signature);
        }
        signature
    }

    /// Signs a digest in a domain of a chain.
    pub fn sign(&self, domain: Domain, chain: ChainId, digest: &Digest) -> Signature {
        self.sign_bytes(&signing_message(domain, chain, digest))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret of {:?}", self.public())
    }
}

/// One signature to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCheck {
    /// Signer.
    pub key: PublicKey,
    /// What was signed, domain included.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

impl SignatureCheck {
    /// A check of a digest signed in a domain of a chain.
    pub fn of_digest(
        key: PublicKey,
        domain: Domain,
        chain: ChainId,
        digest: &Digest,
        signature: Signature,
    ) -> Self {
        Self { key, message: signing_message(domain, chain, digest), signature }
    }
}

/// Checks signatures. The verdicts are a pure function of the checks; implementations differ in cost only (one by
/// one, in batches, or remembering what was checked before).
pub trait SignatureVerifier {
    /// One verdict per check, in order.
    fn verify(&mut self, checks: &[SignatureCheck]) -> Vec<bool>;
}

/// Verifies in batches, and one by one only when a batch fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct BatchVerifier;

/// Below this many, one by one is as quick.
const BATCH_MIN: usize = 4;

impl SignatureVerifier for BatchVerifier {
    fn verify(&mut self, checks: &[SignatureCheck]) -> Vec<bool> {
        if checks.len() >= BATCH_MIN && verify_batch(checks) {
            return vec![true; checks.len()];
        }
        checks.iter().map(verify_one).collect()
    }
}

/// Single verification under ZIP-215.
pub fn verify_one(check: &SignatureCheck) -> bool {
    let signature = ed25519_zebra::Signature::from(check.signature.0);
    VerificationKey::try_from(check.key.0).is_ok_and(|key| key.verify(&signature, &check.message).is_ok())
}

fn verify_batch(checks: &[SignatureCheck]) -> bool {
    let mut batch = batch::Verifier::new();
    let mut transcript = blake3::Hasher::new();
    transcript.update(Domain::Batch.tag());
    for check in checks {
        transcript.update(&check.key.0).update(&check.signature.0);
        transcript.update(&(check.message.len() as u64).to_le_bytes()).update(&check.message);
        let signature = ed25519_zebra::Signature::from(check.signature.0);
        batch.queue((VerificationKeyBytes::from(check.key.0), signature, &check.message));
    }
    // The coefficients must be unpredictable to whoever made the signatures: a hash of the whole batch is.
    batch.verify(ChaCha20Rng::from_seed(*transcript.finalize().as_bytes())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(seed: u8, message: &[u8]) -> SignatureCheck {
        let key = SecretKey::from_seed([seed; 32]);
        SignatureCheck { key: key.public(), message: message.to_vec(), signature: key.sign_bytes(message) }
    }

    #[test]
    fn domains_and_chains_separate() {
        let key = SecretKey::from_seed([1; 32]);
        let digest = Digest::sha256(&[b"x"]);
        let signature = key.sign(Domain::Block, ChainId(digest), &digest);
        let verdict = |domain, chain| {
            verify_one(&SignatureCheck::of_digest(key.public(), domain, chain, &digest, signature))
        };
        assert!(verdict(Domain::Block, ChainId(digest)));
        assert!(!verdict(Domain::Transaction, ChainId(digest)));
        assert!(!verdict(Domain::Block, ChainId(Digest::default())));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Batch = single, whatever is broken: message, signature, or key.
        #[test]
        fn batch_accepts_what_single_accepts(broken in prop::collection::vec(0u8..6, 4..20)) {
            let checks: Vec<_> = broken.iter().enumerate().map(|(i, how)| {
                let mut check = check(i as u8, format!("message {i}").as_bytes());
                match how {
                    0 => check.message.push(0),
                    1 => check.signature.0[3] ^= 1,
                    2 => check.key.0[5] ^= 1,
                    _ => {}
                }
                check
            }).collect();
            let single: Vec<_> = checks.iter().map(verify_one).collect();
            prop_assert_eq!(BatchVerifier.verify(&checks), single);
            prop_assert_eq!(verify_batch(&checks), checks.iter().all(verify_one));
        }
    }

    /// The small-order cases on which other libraries' batch and single verification disagree: ZIP-215 accepts both ways.
    #[test]
    fn small_order_points_verify_alike() {
        // A small-order key and R with s = 0 satisfy the cofactored equation for every message.
        let mut identity = [0u8; 32];
        identity[0] = 1;
        let mut signature = [0u8; 64];
        signature[..32].copy_from_slice(&identity);
        let check = |m: &[u8]| SignatureCheck {
            key: PublicKey(identity),
            message: m.to_vec(),
            signature: Signature(signature),
        };
        let checks = vec![check(b"a"), check(b"b"), check(b"c"), check(b"d")];
        assert!(checks.iter().all(verify_one));
        assert!(verify_batch(&checks));
    }
}
