//! What a quorum of replicas vouches for: the log, the commit and the state, after one commit.
//!
//! The text is a C2SP tlog-checkpoint, and a signature is that of a C2SP signed note (Ed25519, type 0x01), so that
//! any implementation of these verifies it:
//!
//! ```text
//! amanah/<chain, 64 hex digits>
//! <log size, decimal>
//! <log root, base64>
//! commit <index, decimal> <commit digest, hex>
//! state <state root, hex>
//!
//! — <replica's name> <base64 of 4 bytes of key hash and the signature>
//! ```
//!
//! The origin line is derived from the chain, so that no signature counts in another chain; and no other signature of
//! a replica is one of a checkpoint, since none starts with `amanah/`. Invariant of a [`Checkpoint`]: its signers
//! ascend, so that there is one encoding and nobody counts twice.

use crate::codec::List;
use crate::committee::{Committee, Member, REPLICAS_MAX, ReplicaId, ReplicaSet};
use crate::crypto::{ChainId, Digest, PublicKey, SecretKey, Signature, SignatureCheck, SignatureVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// Most bytes of a note that is read.
pub const NOTE_BYTES_MAX: usize = 128 * 1024;

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CheckpointBody {
    /// Of which chain: its log's origin.
    pub chain: ChainId,
    /// Entries in the log.
    pub size: u64,
    /// The log's root.
    pub root: Digest,
    /// Index of the last commit executed.
    pub commit: u64,
    /// Its hash-chained digest.
    pub commit_digest: Digest,
    /// The ledger's state root after it.
    pub state_root: Digest,
}

/// A checkpoint with signatures of replicas, in ascending order of replica.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Checkpoint {
    /// What is signed.
    pub body: CheckpointBody,
    /// By whom.
    pub signatures: List<(ReplicaId, Signature), REPLICAS_MAX>,
}

/// Why a checkpoint does not count. Never valid, except that more signatures mend [`NoQuorum`](Self::NoQuorum).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a note in the one form that is written.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// Of another chain.
    #[error("a checkpoint of another chain")]
    WrongChain,
    /// Signed by a replica that is not of the committee.
    #[error("{0} is not in the committee")]
    UnknownSigner(ReplicaId),
    /// A replica signs twice, or signers do not ascend.
    #[error("{0} signs twice or out of order")]
    DuplicateSigner(ReplicaId),
    /// Not yet: too little stake.
    #[error("stake {found} where a quorum is {quorum}")]
    NoQuorum {
        /// Stake that signed.
        found: u64,
        /// Stake needed.
        quorum: u64,
    },
    /// A signature does not verify.
    #[error("the signature of {0} does not verify")]
    BadSignature(ReplicaId),
}

impl CheckpointBody {
    /// The first line: names the log, and so the chain.
    pub fn origin(&self) -> String {
        format!("amanah/{}", self.chain.0)
    }

    /// The bytes that are signed.
    pub fn text(&self) -> String {
        let Self { size, root, commit, commit_digest, state_root, .. } = self;
        let (origin, root) = (self.origin(), STANDARD.encode(root.0));
        format!("{origin}\n{size}\n{root}\ncommit {commit} {commit_digest}\nstate {state_root}\n")
    }

    /// Reads what [`text`](Self::text) writes, and nothing else.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let mut lines = text.lines();
        let mut line = || lines.next().ok_or(malformed("too few lines"));
        let digest = |hex: &str| parse_hex(hex).ok_or(malformed("not a digest"));
        let number = |decimal: &str| decimal.parse().map_err(|_| malformed("not a number"));
        let chain = ChainId(digest(line()?.strip_prefix("amanah/").ok_or(malformed("origin"))?)?);
        let size = number(line()?)?;
        let root = STANDARD.decode(line()?).ok().and_then(|bytes| bytes.try_into().ok());
        let root = Digest(root.ok_or(malformed("root"))?);
        let commit = line()?.strip_prefix("commit ").and_then(|rest| rest.split_once(' '));
        let (commit, commit_digest) = commit.ok_or(malformed("commit"))?;
        let (commit, commit_digest) = (number(commit)?, digest(commit_digest)?);
        let state_root = digest(line()?.strip_prefix("state ").ok_or(malformed("state"))?)?;
        let body = Self { chain, size, root, commit, commit_digest, state_root };
        // Leading zeros, other cases and further lines all show here.
        if body.text() == text { Ok(body) } else { Err(malformed("not in canonical form")) }
    }

    /// A replica's signature.
    pub fn sign(&self, key: &SecretKey) -> Signature {
        key.sign_bytes(self.text().as_bytes())
    }

    /// What verifies a replica's signature.
    pub fn check(&self, key: PublicKey, signature: Signature) -> SignatureCheck {
        SignatureCheck { key, message: self.text().into_bytes(), signature }
    }
}

impl Checkpoint {
    /// Puts signatures in order; `DuplicateSigner` if a replica signs twice.
    pub fn new(
        body: CheckpointBody,
        mut signatures: Vec<(ReplicaId, Signature)>,
    ) -> Result<Self, CheckpointError> {
        signatures.sort_by_key(|(replica, _)| *replica);
        let signatures = List::new(signatures).ok_or(CheckpointError::Malformed("too many signatures"))?;
        let checkpoint = Self { body, signatures };
        checkpoint.ascends()?;
        Ok(checkpoint)
    }

    fn ascends(&self) -> Result<(), CheckpointError> {
        match self.signatures.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
            Some(pair) => Err(CheckpointError::DuplicateSigner(pair[1].0)),
            None => Ok(()),
        }
    }

    /// The signature checks that remain once the signers are known to be distinct members with a quorum of stake.
    pub fn checks(&self, committee: &Committee) -> Result<Vec<SignatureCheck>, CheckpointError> {
        if self.body.chain != committee.chain() {
            return Err(CheckpointError::WrongChain);
        }
        self.ascends()?;
        let message = self.body.text().into_bytes();
        let (mut signers, mut checks) = (ReplicaSet::default(), Vec::with_capacity(self.signatures.len()));
        for (replica, signature) in self.signatures.iter() {
            let member = committee.member(*replica).ok_or(CheckpointError::UnknownSigner(*replica))?;
            signers.insert(*replica);
            let message = message.clone();
            checks.push(SignatureCheck { key: member.key, message, signature: *signature });
        }
        if !committee.is_quorum(&signers) {
            let (found, quorum) = (committee.stake_of(&signers).0, committee.quorum().0);
            return Err(CheckpointError::NoQuorum { found, quorum });
        }
        Ok(checks)
    }

    /// Whether a quorum vouches for it. Every signature must verify, also those beyond the quorum.
    pub fn verify(
        &self,
        committee: &Committee,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<(), CheckpointError> {
        let verdicts = verifier.verify(&self.checks(committee)?);
        let bad = self.signatures.iter().zip(verdicts).find(|(_, valid)| !valid);
        bad.map_or(Ok(()), |((replica, _), _)| Err(CheckpointError::BadSignature(*replica)))
    }

    /// The signed note. Signers outside the committee have no name and are left out.
    pub fn note(&self, committee: &Committee) -> String {
        let mut note = self.body.text();
        note.push('\n');
        for (replica, signature) in self.signatures.iter() {
            let Some(member) = committee.member(*replica) else { continue };
            let mut blob = key_hash(member).to_vec();
            blob.extend_from_slice(&signature.0);
            writeln!(note, "— {} {}", member.name, STANDARD.encode(blob)).expect("a String takes all");
        }
        note
    }

    /// Reads a signed note. As the format asks, signatures by keys that the committee does not hold are skipped;
    /// nothing is verified.
    pub fn from_note(note: &str, committee: &Committee) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        if note.len() > NOTE_BYTES_MAX {
            return Err(malformed("too long"));
        }
        let end = note.rfind("\n\n").ok_or(malformed("no blank line"))? + 1;
        let (body, lines) = (CheckpointBody::parse(&note[..end])?, &note[end + 1..]);
        if !lines.ends_with('\n') {
            return Err(malformed("cut short"));
        }
        let mut signatures = Vec::new();
        for line in lines.split_terminator('\n') {
            let named = line.strip_prefix("— ").and_then(|rest| rest.split_once(' '));
            let (name, blob) = named.ok_or(malformed("signature line"))?;
            let blob = STANDARD.decode(blob).map_err(|_| malformed("signature"))?;
            let (hash, signature) = blob.split_first_chunk::<4>().ok_or(malformed("signature"))?;
            let mut members = committee.replicas().zip(committee.members());
            let Some((replica, _)) = members.find(|(_, it)| it.name == name && key_hash(it) == *hash) else {
                continue;
            };
            let signature = signature.try_into().map_err(|_| malformed("signature"))?;
            signatures.push((replica, Signature(signature)));
        }
        Self::new(body, signatures)
    }
}

/// What names a replica's key in a C2SP signed note: `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)[..4]`.
pub fn key_hash(member: &Member) -> [u8; 4] {
    let hash = Sha256::new().chain_update(&member.name).chain_update([0x0a, 1]).chain_update(member.key.0);
    *hash.finalize().first_chunk().expect("a digest has 32 bytes")
}

fn parse_hex(hex: &str) -> Option<Digest> {
    let mut digest = Digest::default();
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (at, byte) in digest.0.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use crate::committee::tests::committee;
    use crate::crypto::BatchVerifier;

    pub(crate) fn body(chain: ChainId) -> CheckpointBody {
        CheckpointBody {
            chain,
            size: 20_852_163,
            root: Digest([1; 32]),
            commit: 77,
            commit_digest: Digest([0xab; 32]),
            state_root: Digest([3; 32]),
        }
    }

    /// Signed by the given replicas.
    pub(crate) fn signed(body: CheckpointBody, keys: &[SecretKey], by: &[u16]) -> Checkpoint {
        let signatures = by.iter().map(|id| (ReplicaId(*id), body.sign(&keys[*id as usize])));
        Checkpoint::new(body, signatures.collect()).unwrap()
    }

    #[test]
    fn a_quorum_counts_and_less_does_not() {
        let (committee, keys) = committee(&[1; 7]);
        let body = body(committee.chain());
        let verify = |checkpoint: &Checkpoint| checkpoint.verify(&committee, &mut BatchVerifier);
        assert_eq!(verify(&signed(body, &keys, &[0, 2, 3, 5, 6])), Ok(()));
        assert_eq!(verify(&signed(body, &keys, &[0, 1, 2, 3, 4, 5, 6])), Ok(()));
        let short = signed(body, &keys, &[0, 2, 3, 6]);
        assert_eq!(verify(&short), Err(CheckpointError::NoQuorum { found: 4, quorum: 5 }));
        // The same replica again does not help, neither do strangers or broken signatures.
        let with = |extra: (ReplicaId, Signature)| {
            let signatures = short.signatures.iter().copied().chain([extra]).collect();
            Checkpoint { body, signatures: List::new(signatures).unwrap() }
        };
        let again = short.signatures[3];
        assert_eq!(verify(&with(again)), Err(CheckpointError::DuplicateSigner(ReplicaId(6))));
        let duplicate = Checkpoint::new(body, vec![again, again]);
        assert_eq!(duplicate, Err(CheckpointError::DuplicateSigner(ReplicaId(6))));
        for stranger in [7, 300, u16::MAX] {
            let error = verify(&with((ReplicaId(stranger), again.1)));
            assert_eq!(error, Err(CheckpointError::UnknownSigner(ReplicaId(stranger))));
        }
        let mut broken = signed(body, &keys, &[0, 2, 3, 5]).signatures.into_vec();
        broken.push((ReplicaId(6), broken[0].1));
        let broken = Checkpoint::new(body, broken).unwrap();
        assert_eq!(verify(&broken), Err(CheckpointError::BadSignature(ReplicaId(6))));
    }

    #[test]
    fn every_field_is_signed() {
        let (committee, keys) = committee(&[1; 4]);
        let good = signed(body(committee.chain()), &keys, &[0, 1, 2]);
        let changes: [fn(&mut CheckpointBody); 6] = [
            |body| body.chain.0.0[0] ^= 1,
            |body| body.size += 1,
            |body| body.root.0[31] ^= 1,
            |body| body.commit += 1,
            |body| body.commit_digest.0[7] ^= 1,
            |body| body.state_root.0[0] ^= 1,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut bad = good.clone();
            change(&mut bad.body);
            let expected = match number {
                0 => CheckpointError::WrongChain,
                _ => CheckpointError::BadSignature(ReplicaId(0)),
            };
            assert_eq!(bad.verify(&committee, &mut BatchVerifier), Err(expected));
        }
        // Signed by the same replicas for another chain.
        let other = signed(body(ChainId::default()), &keys, &[0, 1, 2]);
        let replayed = Checkpoint { body: good.body, signatures: other.signatures };
        assert!(replayed.verify(&committee, &mut BatchVerifier).is_err());
        assert_eq!(decode::<Checkpoint>(&encode(&good), 1024).unwrap(), good);
    }

    #[test]
    fn notes_round_trip_in_one_form() {
        let (committee, keys) = committee(&[1; 4]);
        let checkpoint = signed(body(committee.chain()), &keys, &[0, 1, 3]);
        let note = checkpoint.note(&committee);
        let text = checkpoint.body.text();
        assert_eq!(
            text,
            format!(
                "amanah/{}\n20852163\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\ncommit 77 {}\nstate {}\n",
                committee.chain().0,
                "ab".repeat(32),
                "03".repeat(32)
            )
        );
        assert!(note.starts_with(&format!("{text}\n— r0 ")) && note.ends_with('\n'));
        assert_eq!(Checkpoint::from_note(&note, &committee), Ok(checkpoint.clone()));
        let stranger = format!("{note}— someone.else AAAAAAAA\n");
        assert_eq!(Checkpoint::from_note(&stranger, &committee), Ok(checkpoint));
        let bad = [
            note.replace("\n20852163", "\n020852163"),
            note.replace("\n20852163", "\n+20852163"),
            note.replace("abab", "ABAB"),
            note.replace("AQE=", "AQF="),
            note.replace("\nstate", "\nother x\nstate"),
            note.replace("\n\n", "\nmore\n\n"),
            note.replace("— r1 ", "- r1 "),
            note.trim_end().to_owned(),
            note.replace('\n', "\r\n"),
            note.clone() + "\r\n",
            text.clone(),
            note.replace("\n\n", "\n"),
            String::new(),
            "x".repeat(NOTE_BYTES_MAX + 1),
        ];
        for bad in bad {
            assert!(
                matches!(Checkpoint::from_note(&bad, &committee), Err(CheckpointError::Malformed(_))),
                "{bad}"
            );
        }
        let line = note.lines().last().unwrap();
        let twice = Checkpoint::from_note(&format!("{note}{line}\n"), &committee);
        assert_eq!(twice, Err(CheckpointError::DuplicateSigner(ReplicaId(3))));
    }

    /// The key hash of the example in the signed-note documentation (golang.org/x/mod/sumdb/note).
    #[test]
    fn key_hash_of_the_documentation() {
        let key = STANDARD.decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
        let member = Member {
            name: "PeterNeumann".into(),
            key: PublicKey(key[1..].try_into().unwrap()),
            stake: crate::committee::Stake(1),
        };
        assert_eq!(hex::encode(key_hash(&member)), "c74f20a3");
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let blob =
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let signature = STANDARD.decode(blob).unwrap();
        let signature = Signature(signature[4..].try_into().unwrap());
        let check = SignatureCheck { key: member.key, message: text.into(), signature };
        assert!(crate::crypto::verify_one(&check));
    }
}
