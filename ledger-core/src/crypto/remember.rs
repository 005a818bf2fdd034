//! A verifier that remembers its verdicts, so that what comes again (a checkpoint's signatures under every receipt that
//! it covers, for every gateway of a process) is verified once. A verdict is a pure function of its check, so remembering
//! changes the cost and nothing else.
//!
//! Two generations bound the memory: when the young one is full it becomes the old one, and the old one is forgotten.

use super::{BatchVerifier, FixedMap, SignatureCheck, SignatureVerifier};

/// Remembers verdicts by a hash of key, signature and message.
#[derive(Debug)]
pub struct RememberingVerifier {
    young: FixedMap<[u8; 32], bool>,
    old: FixedMap<[u8; 32], bool>,
    limit: usize,
}

impl RememberingVerifier {
    /// Remembers the last `limit` verdicts, and at most as many before them; some 40 bytes each.
    pub fn new(limit: usize) -> Self {
        Self { young: FixedMap::default(), old: FixedMap::default(), limit }
    }

    fn remembered(&self, key: &[u8; 32]) -> Option<bool> {
        self.young.get(key).or_else(|| self.old.get(key)).copied()
    }

    fn remember(&mut self, key: [u8; 32], verdict: bool) {
        if self.young.len() >= self.limit {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, verdict);
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
                self.remember(keys[index], verdict);
            }
        }
        verdicts.into_iter().map(|verdict| verdict.unwrap_or(false)).collect()
    }
}

fn key_of(check: &SignatureCheck) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&check.key.0).update(&check.signature.0).update(&check.message);
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
            assert!(verifier.young.len() <= 4 && verifier.old.len() <= 4);
        }
        assert!(verifier.verify(&[]).is_empty());
    }
}
