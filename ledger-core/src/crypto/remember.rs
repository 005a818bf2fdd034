//! A verifier that remembers its verdicts, so that what comes again (a checkpoint's signatures under every receipt that
//! it covers, for every gateway of a process) is verified once. A verdict is a pure function of its check, so remembering
//! changes the cost and nothing else.
//!
//! In a simulation the keys of all machines are in one process. What such a key [has signed](SignaturesMade) verifies under
//! it, so there it need not be verified at all; whatever else claims to be a signature is.
//!
//! Two generations bound the memory: when the young one is full it becomes the old one, and the old one is forgotten.

use super::{BatchVerifier, FixedMap, PublicKey, Signature, SignatureCheck, SignatureVerifier};
use std::sync::{Arc, Mutex, PoisonError};

/// By a hash of key, signature and message.
#[derive(Debug)]
struct Verdicts {
    young: FixedMap<[u8; 32], bool>,
    old: FixedMap<[u8; 32], bool>,
    limit: usize,
}

impl Verdicts {
    fn new(limit: usize) -> Self {
        Self { young: FixedMap::default(), old: FixedMap::default(), limit }
    }

    fn get(&self, key: &[u8; 32]) -> Option<bool> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn insert(&mut self, key: [u8; 32], verdict: bool) {
        if self.young.len() >= self.limit {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, verdict);
    }
}

/// Signatures that keys of this process made, as far as they are [told](super::SecretKey::noted) to note them here. A live
/// machine has no use for it: what it verifies comes from elsewhere.
#[derive(Clone, Debug)]
pub struct SignaturesMade(Arc<Mutex<Verdicts>>);

impl SignaturesMade {
    /// Remembers the last `limit` signatures, and at most as many before them; some 40 bytes each.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Verdicts::new(limit))))
    }

    pub(super) fn note(&self, key: &PublicKey, message: &[u8], signature: &Signature) {
        let key = hash(key, message, signature);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, true);
    }

    fn knows(&self, key: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).is_some()
    }
}

/// Remembers verdicts by a hash of key, signature and message.
#[derive(Debug)]
pub struct RememberingVerifier {
    verdicts: Verdicts,
    made: Option<SignaturesMade>,
}

impl RememberingVerifier {
    /// Remembers the last `limit` verdicts, and at most as many before them; some 40 bytes each.
    pub fn new(limit: usize) -> Self {
        Self { verdicts: Verdicts::new(limit), made: None }
    }

    /// And knows what keys of this process signed.
    pub fn knowing(limit: usize, made: SignaturesMade) -> Self {
        Self { made: Some(made), ..Self::new(limit) }
    }

    fn remembered(&self, key: &[u8; 32]) -> Option<bool> {
        let made = || self.made.as_ref().is_some_and(|made| made.knows(key)).then_some(true);
        self.verdicts.get(key).or_else(made)
    }
}

impl SignatureVerifier for RememberingVerifier {
    fn verify(&mut self, checks: &[SignatureCheck]) -> Vec<bool> {
        let keys: Vec<[u8; 32]> = checks.iter().map(key_of).collect();
        let mut verdicts: Vec<Option<bool>> = keys.iter().map(|key| self.remembered(key)).collect();
        let unknown: Vec<usize> = (0..checks.len()).filter(|index| verdicts[*index].is_none()).collect();
        if !unknown.is_empty() {
            let fresh: Vec<SignatureCheck> = unknown.iter().map(|index| checks[*index].clone()).collect();
            for (index, verdict) in unknown.into_iter().zip(BatchVerifier.verify(&fresh)) {
                verdicts[index] = Some(verdict);
                self.verdicts.insert(keys[index], verdict);
            }
        }
        verdicts.into_iter().map(|verdict| verdict.unwrap_or(false)).collect()
    }
}

fn key_of(check: &SignatureCheck) -> [u8; 32] {
    hash(&check.key, &check.message, &check.signature)
}

fn hash(key: &PublicKey, message: &[u8], signature: &Signature) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&key.0).update(&signature.0).update(message);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SecretKey;

    #[test]
    fn verdicts_are_the_same_remembered_or_not() {
        let key = SecretKey::from_seed([1; 32]);
        let check = |n: u8| {
            let signature = key.sign_bytes(&[n]);
            // Every third is of another message.
            SignatureCheck {
                key: key.public(),
                message: vec![if n.is_multiple_of(3) { 255 } else { n }],
                signature,
            }
        };
        let mut verifier = RememberingVerifier::new(4);
        for checks in [0..3u8, 0..9, 6..9, 0..20, 18..20, 0..3] {
            let checks: Vec<_> = checks.map(check).collect();
            assert_eq!(verifier.verify(&checks), BatchVerifier.verify(&checks));
            assert!(verifier.verdicts.young.len() <= 4 && verifier.verdicts.old.len() <= 4);
        }
        assert!(verifier.verify(&[]).is_empty());
    }

    /// Whether signatures are noted or not: the same are made, and the same are believed.
    #[test]
    fn what_was_signed_here_is_known_and_nothing_else() {
        let made = SignaturesMade::new(64);
        let plain = SecretKey::from_seed([1; 32]);
        let noted = plain.clone().noted(&made);
        let other = SecretKey::from_seed([2; 32]);
        let mut checks = Vec::new();
        for n in 0..30u8 {
            let signature = noted.sign_bytes(&[n]);
            assert_eq!(signature, plain.sign_bytes(&[n]));
            let good = SignatureCheck { key: noted.public(), message: vec![n], signature };
            let mut bent = good.clone();
            bent.signature.0[usize::from(n) * 2] ^= 1;
            let elsewhere = SignatureCheck { key: other.public(), ..good.clone() };
            let unnoted =
                SignatureCheck { key: other.public(), message: vec![n], signature: other.sign_bytes(&[n]) };
            let unsaid = SignatureCheck { message: vec![n, n], ..good.clone() };
            checks.extend([good, bent, elsewhere, unnoted, unsaid]);
        }
        let verdicts = RememberingVerifier::knowing(8, made.clone()).verify(&checks);
        assert_eq!(verdicts, BatchVerifier.verify(&checks));
        assert_eq!(verdicts.iter().filter(|verdict| **verdict).count(), 60);
        let known = checks.iter().filter(|check| made.knows(&key_of(check))).count();
        assert_eq!(known, 30, "those of the key that notes");
    }
}
