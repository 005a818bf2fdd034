//! Data keys: one per record, derived in the custodian's vault, wrapped to whoever may read.
//!
//! * A document is sealed with AES-256-GCM under its record's key. Nonce and associated data are both the record's
//!   commitment, which names one plain text under one salt. So a (key, nonce) pair only ever seals the one plain text
//!   that the commitment names, and sealing it again yields the same bytes: nothing is reused in the sense that
//!   breaks GCM. Whoever seals has checked the document against the commitment; see [`seal`].
//! * Key and salt are derived from the custodian's secret and the locator ([`derive()`]), so the vault keeps no secret
//!   per record. The price: a single record cannot be forgotten by forgetting its key. Erasure by shredding comes
//!   with a secret per record (or a punctured derivation), and is not here yet.
//! * Keys are wrapped with HPKE (RFC 9180) in base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
//!   Base mode authenticates no sender: the transport does, and the commitment tells whether the key was the right one.
//!
//! Nothing here draws entropy. The ephemeral key of a wrap comes from a seed, and two wraps with one seed, recipient
//! and `info` must wrap the same secret: [`ephemeral_seed`] sees to it by hashing all of them under a secret.

use crate::crypto::{Digest, Domain};
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{CryptoRng, SeedableRng};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes that sealing adds: the tag.
pub const SEAL_OVERHEAD: usize = 16;
/// Bytes that wrapping adds: the encapsulated key and the tag.
pub const WRAP_OVERHEAD: usize = ENCAPSULATED + 16;
const ENCAPSULATED: usize = 32;

type X25519Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type X25519Public = <X25519HkdfSha256 as Kem>::PublicKey;
type X25519Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Why a seal or wrap does not open, or cannot be made. Never valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The recipient's bytes are not a usable X25519 key.
    #[error("not a wrap key")]
    WrapKey,
    /// Another key, another context, or changed bytes.
    #[error("does not open: another key, another context, or changed bytes")]
    Opening,
}

/// Key of one record. Zeroised when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey(Zeroizing<[u8; 32]>);

impl DataKey {
    /// From its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("data key")
    }
}

/// An institution's secret, from which its vault's keys derive. Zeroised when dropped, never printed.
#[derive(Clone)]
pub struct VaultSecret(Zeroizing<[u8; 32]>);

impl VaultSecret {
    /// From its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A secret for one purpose. `context` is a constant of the program.
    fn derive(&self, context: &str, parts: &[&[u8]], out: &mut [u8]) {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&*self.0);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
        }
        hasher.finalize_xof().fill(out);
    }
}

impl fmt::Debug for VaultSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("vault secret")
    }
}

/// Key and salt of the record at a locator.
pub fn derive(secret: &VaultSecret, locator: &[u8; 16]) -> (DataKey, [u8; 32]) {
    let mut bytes = Zeroizing::new([0; 64]);
    secret.derive("amanah 2026 record key and salt v1", &[locator], &mut *bytes);
    unpack(&bytes[..]).expect("64 bytes are a key and a salt")
}

/// What an institution calls a patient outside the ledger: an UUID of version 8 (RFC 9562). It follows from the institution's
/// own secret, so that nobody else can tell which patient it is, or whether two institutions mean the same one (a pairwise
/// pseudonym, as in NIST SP 800-63C, 6.2.5). Who has the secret, and who knows the patient, can make it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pseudonym(pub u128);

impl Pseudonym {
    /// Of the patient with this party number.
    pub fn of(secret: &VaultSecret, patient: u32) -> Self {
        let mut bytes = [0; 16];
        secret.derive("amanah 2026 pairwise pseudonym v1", &[&patient.to_le_bytes()], &mut bytes);
        let version = u128::from_be_bytes(bytes) & !(0xf << 76) | 8 << 76;
        Self(version & !(0b11 << 62) | 0b10 << 62)
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |from: u32, digits: u32| (self.0 >> from) & ((1 << (4 * digits)) - 1);
        let [a, b, c, d, e] = [part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12)];
        write!(f, "{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }
}

/// What is wrapped: key ‖ salt.
pub fn pack(key: &DataKey, salt: &[u8; 32]) -> Zeroizing<[u8; 64]> {
    let mut bytes = Zeroizing::new([0; 64]);
    bytes[..32].copy_from_slice(&*key.0);
    bytes[32..].copy_from_slice(salt);
    bytes
}

/// The reverse of [`pack`]; `None` if it is not 64 bytes.
pub fn unpack(bytes: &[u8]) -> Option<(DataKey, [u8; 32])> {
    let (key, salt) = bytes.split_first_chunk::<32>()?;
    Some((DataKey::new(*key), salt.try_into().ok()?))
}

/// Hash of a document.
pub fn document_hash(document: &[u8]) -> Digest {
    Digest::blake3(Domain::Document, &[document])
}

/// Salted commitment to a document.
pub fn commitment(salt: &[u8; 32], document: &[u8]) -> Digest {
    commitment_of(salt, &document_hash(document))
}

/// [`commitment`], for a verifier who knows the document's hash only.
pub fn commitment_of(salt: &[u8; 32], document_hash: &Digest) -> Digest {
    Digest::blake3(Domain::Commitment, &[salt, &document_hash.0])
}

/// Seals a document: ciphertext ‖ tag. `commitment` must be the document's, under a salt that belongs to this key;
/// otherwise one nonce could seal two plain texts.
pub fn seal(key: &DataKey, commitment: &Digest, plain: &[u8]) -> Vec<u8> {
    cipher(key)
        .encrypt(&nonce(commitment), Payload { msg: plain, aad: &commitment.0 })
        .expect("a document is shorter than the 64 GiB that one nonce can seal")
}

/// Opens what [`seal`] made. The result is what the key's holder sealed; whether it is the document that was
/// registered, only its [`commitment`] tells.
pub fn open(key: &DataKey, commitment: &Digest, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    cipher(key)
        .decrypt(&nonce(commitment), Payload { msg: sealed, aad: &commitment.0 })
        .map_err(|_| SealError::Opening)
}

/// Bytes that [`at_rest`] adds.
pub const AT_REST_OVERHEAD: usize = 12 + SEAL_OVERHEAD;

/// Seals a document for a store that is not trusted: nonce ‖ ciphertext ‖ tag, under a key of this vault and locator that
/// no grantee ever has. The nonce follows from the document, so sealing the same again yields the same, and sealing
/// another document at the same locator does not reuse a nonce.
pub fn at_rest(secret: &VaultSecret, locator: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    let (key, mut nonce) = (rest_key(secret, locator), [0; 12]);
    secret.derive("amanah 2026 nonce at rest v1", &[locator, &document_hash(plain).0], &mut nonce);
    let sealed = cipher(&key)
        .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: locator })
        .expect("a document is shorter than the 64 GiB that one nonce can seal");
    [&nonce[..], &sealed].concat()
}

/// Opens what [`at_rest`] made, for the same locator.
pub fn from_rest(secret: &VaultSecret, locator: &[u8; 16], sealed: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or(SealError::Opening)?;
    cipher(&rest_key(secret, locator))
        .decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: locator })
        .map_err(|_| SealError::Opening)
}

fn rest_key(secret: &VaultSecret, locator: &[u8; 16]) -> DataKey {
    let mut bytes = Zeroizing::new([0; 32]);
    secret.derive("amanah 2026 key at rest v1", &[locator], &mut *bytes);
    DataKey::new(*bytes)
}

fn cipher(key: &DataKey) -> Aes256Gcm {
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*key.0))
}

fn nonce(commitment: &Digest) -> Nonce<aes_gcm::aead::consts::U12> {
    let (nonce, _) = commitment.0.split_first_chunk::<12>().expect("a digest has 32 bytes");
    Nonce::from(*nonce)
}

/// A key pair that data keys are wrapped to.
#[derive(Clone)]
pub struct WrapKeyPair {
    private: X25519Private,
    public: [u8; 32],
}

impl WrapKeyPair {
    /// RFC 9180 `DeriveKeyPair`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        let (private, public) = X25519HkdfSha256::derive_keypair(&*seed);
        Self { private, public: public.to_bytes().into() }
    }

    /// An institution's key pair.
    pub fn of(secret: &VaultSecret) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        secret.derive("amanah 2026 wrap key pair v1", &[], &mut *seed);
        Self::from_seed(*seed)
    }

    /// What others wrap to.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }
}

impl fmt::Debug for WrapKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrap key pair of {:?}", Digest(self.public))
    }
}

/// Seed of a wrap's ephemeral key: secret, and different whenever recipient, context or wrapped secret differ. Needs
/// no counter that a restart would have to remember.
pub fn ephemeral_seed(secret: &VaultSecret, recipient: &[u8; 32], info: &[u8], wrapped: &[u8]) -> [u8; 32] {
    let mut seed = [0; 32];
    secret.derive("amanah 2026 ephemeral seed v1", &[recipient, info, wrapped], &mut seed);
    seed
}

/// Wraps a secret to a recipient: encapsulated key ‖ ciphertext ‖ tag. `info` is the context, the same for
/// [`unwrap`]. One seed serves one secret: see [`ephemeral_seed`].
pub fn wrap(
    recipient: &[u8; 32],
    info: &[u8],
    secret: &[u8],
    ephemeral_seed: [u8; 32],
) -> Result<Vec<u8>, SealError> {
    wrap_with(recipient, (info, &[]), secret, &mut ChaCha20Rng::from_seed(ephemeral_seed))
}

fn wrap_with(
    recipient: &[u8; 32],
    (info, associated): (&[u8], &[u8]),
    secret: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, SealError> {
    let recipient = X25519Public::from_bytes(recipient).map_err(|_| SealError::WrapKey)?;
    let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        X25519HkdfSha256,
    >(&OpModeS::Base, &recipient, info, secret, associated, rng)
    .map_err(|_| SealError::WrapKey)?;
    let mut wrapped = Vec::with_capacity(ENCAPSULATED + ciphertext.len());
    wrapped.extend_from_slice(&encapsulated.to_bytes());
    wrapped.extend_from_slice(&ciphertext);
    Ok(wrapped)
}

/// Opens what [`wrap`] made.
pub fn unwrap(pair: &WrapKeyPair, info: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (encapsulated, ciphertext) = wrapped.split_first_chunk::<ENCAPSULATED>().ok_or(SealError::Opening)?;
    let encapsulated = X25519Encapsulated::from_bytes(encapsulated).map_err(|_| SealError::Opening)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &pair.private,
        &encapsulated,
        info,
        ciphertext,
        &[],
    )
    .map(Zeroizing::new)
    .map_err(|_| SealError::Opening)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_chacha::rand_core::{TryCryptoRng, TryRng};
    use std::convert::Infallible;

    fn vault(seed: u8) -> VaultSecret {
        VaultSecret::new([seed; 32])
    }

    #[test]
    fn pseudonyms_differ_by_institution_and_by_patient_and_say_nothing_of_either() {
        let of = |secret, patient| Pseudonym::of(&vault(secret), patient);
        let all: std::collections::BTreeSet<u128> =
            (0..20).flat_map(|secret| (0..50).map(move |patient| of(secret, patient).0)).collect();
        assert_eq!(all.len(), 1_000);
        assert_eq!(of(1, 7), of(1, 7));
        // Version 8 and the variant of RFC 9562; each other bit is set in about half of them.
        let text = of(1, 7).to_string();
        assert_eq!((text.len(), &text[14..15]), (36, "8"), "{text}");
        assert_eq!(u128::from_str_radix(&text.replace('-', ""), 16), Ok(of(1, 7).0));
        for bit in (0..128).filter(|bit| !(76..80).contains(bit) && !(62..64).contains(bit)) {
            let set = all.iter().filter(|id| *id >> bit & 1 == 1).count();
            assert!((400..600).contains(&set), "bit {bit} is set in {set} of 1,000");
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_nothing_else_does(
            plain in prop::collection::vec(any::<u8>(), 0..300), secret: u8, at: prop::sample::Index, bit in 0u8..8,
        ) {
            let (key, salt) = derive(&vault(secret), &[7; 16]);
            let name = commitment(&salt, &plain);
            let mut sealed = seal(&key, &name, &plain);
            prop_assert_eq!(sealed.len(), plain.len() + SEAL_OVERHEAD);
            prop_assert_eq!(open(&key, &name, &sealed).unwrap(), plain.clone());
            let (other, _) = derive(&vault(secret), &[8; 16]);
            prop_assert_eq!(open(&other, &name, &sealed), Err(SealError::Opening));
            prop_assert_eq!(open(&key, &commitment(&salt, b"another"), &sealed), Err(SealError::Opening));
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(open(&key, &name, &sealed), Err(SealError::Opening));
        }

        #[test]
        fn what_is_wrapped_unwraps_and_nothing_else_does(
            secret: [u8; 64], seed: [u8; 32], at: prop::sample::Index, bit in 0u8..8,
        ) {
            let pair = WrapKeyPair::from_seed([1; 32]);
            let mut wrapped = wrap(&pair.public(), b"context", &secret, seed).unwrap();
            prop_assert_eq!(wrapped.len(), 64 + WRAP_OVERHEAD);
            prop_assert_eq!(&unwrap(&pair, b"context", &wrapped).unwrap()[..], &secret[..]);
            prop_assert_eq!(unwrap(&pair, b"other", &wrapped), Err(SealError::Opening));
            let other = WrapKeyPair::from_seed([2; 32]);
            prop_assert_eq!(unwrap(&other, b"context", &wrapped), Err(SealError::Opening));
            let at = at.index(wrapped.len());
            // X25519 ignores the top bit of a point, so HPKE's shared secret has to bind the encoding itself.
            wrapped[at] ^= 1 << bit;
            prop_assert_eq!(unwrap(&pair, b"context", &wrapped), Err(SealError::Opening));
        }
    }

    #[test]
    fn what_rests_elsewhere_opens_here_and_in_its_place_alone() {
        let sealed = at_rest(&vault(1), &[2; 16], b"a document");
        assert_eq!(sealed.len(), 10 + AT_REST_OVERHEAD);
        assert_eq!(from_rest(&vault(1), &[2; 16], &sealed).unwrap(), b"a document");
        assert_eq!(at_rest(&vault(1), &[2; 16], b"a document"), sealed);
        assert_eq!(from_rest(&vault(2), &[2; 16], &sealed), Err(SealError::Opening));
        assert_eq!(from_rest(&vault(1), &[3; 16], &sealed), Err(SealError::Opening));
        assert_eq!(from_rest(&vault(1), &[2; 16], &sealed[..11]), Err(SealError::Opening));
        assert_ne!(at_rest(&vault(1), &[2; 16], b"b document")[..12], sealed[..12]);
        for at in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[at] ^= 1;
            assert_eq!(from_rest(&vault(1), &[2; 16], &bad), Err(SealError::Opening), "byte {at}");
        }
    }

    #[test]
    fn who_knows_the_hash_only_can_check_a_commitment() {
        let (_, salt) = derive(&vault(1), &[2; 16]);
        assert_eq!(commitment(&salt, b"document"), commitment_of(&salt, &document_hash(b"document")));
        assert_ne!(commitment(&salt, b"document"), commitment(&[0; 32], b"document"));
    }

    #[test]
    fn locators_and_vaults_separate_keys_and_salts() {
        let of = |secret: u8, locator: u8| {
            let (key, salt) = derive(&vault(secret), &[locator; 16]);
            *pack(&key, &salt)
        };
        assert_eq!(of(1, 1), of(1, 1));
        assert_ne!(of(1, 1)[..32], of(1, 2)[..32]);
        assert_ne!(of(1, 1)[32..], of(2, 1)[32..]);
        assert_ne!(of(1, 1)[..32], of(1, 1)[32..]);
    }

    #[test]
    fn seeds_follow_what_is_wrapped() {
        let seed = |info: &[u8], wrapped: &[u8]| ephemeral_seed(&vault(1), &[3; 32], info, wrapped);
        assert_eq!(seed(b"a", b"b"), seed(b"a", b"b"));
        assert_ne!(seed(b"a", b"b"), seed(b"a", b"c"));
        assert_ne!(seed(b"ab", b""), seed(b"a", b"b"));
    }

    #[test]
    fn low_order_points_are_no_wrap_keys() {
        assert_eq!(wrap(&[0; 32], b"", b"secret", [1; 32]), Err(SealError::WrapKey));
        assert_eq!(unwrap(&WrapKeyPair::from_seed([1; 32]), b"", &[0; 112]), Err(SealError::Opening));
        assert_eq!(unwrap(&WrapKeyPair::from_seed([1; 32]), b"", &[0; 20]), Err(SealError::Opening));
    }

    #[test]
    fn secrets_are_not_printed() {
        let shown = format!("{:?} {:?}", vault(7), DataKey::new([7; 32]));
        assert!(!shown.contains('7'), "{shown}");
    }

    /// Gives the vector's `ikmE` where an ephemeral seed is drawn.
    struct Fixed(Vec<u8>);

    impl TryRng for Fixed {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            unreachable!("HPKE fills bytes")
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            unreachable!("HPKE fills bytes")
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
            bytes.copy_from_slice(&self.0);
            Ok(())
        }
    }

    impl TryCryptoRng for Fixed {}

    /// RFC 9180, A.2.1.
    #[test]
    fn rfc_9180_vector() {
        let bytes = |text: &str| hex::decode(text).unwrap();
        let seed = "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df";
        let pair = WrapKeyPair::from_seed(bytes(seed).try_into().unwrap());
        let public = "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a";
        assert_eq!(hex::encode(pair.public()), public);
        let mut rng = Fixed(bytes("909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b"));
        let info = bytes("4f6465206f6e2061204772656369616e2055726e");
        let wrapped =
            wrap_with(&pair.public(), (&info, b"Count-0"), b"Beauty is truth, truth beauty", &mut rng)
                .unwrap();
        let (encapsulated, ciphertext) = wrapped.split_at(ENCAPSULATED);
        assert_eq!(
            hex::encode(encapsulated),
            "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
        );
        assert_eq!(
            hex::encode(ciphertext),
            "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
        );
    }
}
