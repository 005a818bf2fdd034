//! What a client keeps: proof that the ledger gave an answer, to be verified with nothing but the committee.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::log::{PROOF_NODES_MAX, ProofError, leaf_hash, verify_inclusion};
use crate::codec::{self, DecodeError, List};
use crate::committee::Committee;
use crate::crypto::{Digest, SignatureVerifier};
use crate::ledger::transaction::{Answers, PartyId};
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most bytes of an encoded receipt: 256 signatures, a proof and an entry take less.
pub const RECEIPT_BYTES_MAX: usize = 32 * 1024;

/// What is logged of an executed transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Entry {
    /// Index of its commit.
    pub commit: u64,
    /// Time of its commit.
    pub commit_time: Timestamp,
    /// Its identity.
    pub transaction: Digest,
    /// Who asked.
    pub actor: PartyId,
    /// One for each action, in order: its outcome, and where access was decided, whose record it was and the patient's
    /// counter, so that an omission shows. One if it was no transaction.
    pub answers: Answers,
}

impl Entry {
    /// Its leaf in the log: over the canonical encoding.
    pub fn leaf_hash(&self) -> Digest {
        leaf_hash(&codec::encode(self))
    }
}

/// An entry, its place in the log, and a checkpoint that covers it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// What was logged.
    pub entry: Entry,
    /// Where in the log.
    pub index: u64,
    /// RFC 6962 audit path to the checkpoint's root.
    pub proof: List<Digest, PROOF_NODES_MAX>,
    /// Signed by a quorum.
    pub checkpoint: Checkpoint,
}

/// Why a receipt proves nothing. Never valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not an encoding.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Not in the text form.
    #[error("not a receipt: {0}")]
    Text(&'static str),
    /// No quorum vouches for the checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not where it is said to be.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The entry says it was committed after the checkpoint that covers it.
    #[error("entry of commit {entry} under a checkpoint of commit {checkpoint}")]
    CommitOrder {
        /// The entry's.
        entry: u64,
        /// The checkpoint's.
        checkpoint: u64,
    },
}

impl Receipt {
    /// Reads an encoding; nothing is verified.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReceiptError> {
        Ok(codec::decode(bytes, RECEIPT_BYTES_MAX)?)
    }

    /// The one encoding.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Whether the entry is under its checkpoint, whoever vouches for that.
    pub fn verify_inclusion(&self) -> Result<(), ReceiptError> {
        let body = &self.checkpoint.body;
        if self.entry.commit > body.commit {
            return Err(ReceiptError::CommitOrder { entry: self.entry.commit, checkpoint: body.commit });
        }
        verify_inclusion(&self.entry.leaf_hash(), self.index, body.size, &self.proof, &body.root)?;
        Ok(())
    }

    /// The entry, if a quorum of the committee vouches for it. Cheap checks come first.
    pub fn verify(
        &self,
        committee: &Committee,
        verifier: &mut dyn SignatureVerifier,
    ) -> Result<&Entry, ReceiptError> {
        self.verify_inclusion()?;
        self.checkpoint.verify(committee, verifier)?;
        Ok(&self.entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::AuditLog;
    use crate::audit::checkpoint::tests::{body, signed};
    use crate::audit::text::{PROOF_HEADER, PROOF_TEXT_BYTES_MAX};
    use crate::committee::tests::committee;
    use crate::crypto::BatchVerifier;
    use crate::ledger::transaction::{AccessDecision, Answer, Outcome, RecordId, Refusal};

    fn entry(n: u64) -> Entry {
        Entry {
            commit: n / 3,
            commit_time: Timestamp(n),
            transaction: Digest([n as u8; 32]),
            actor: PartyId(4),
            answers: answers(&[
                Answer {
                    outcome: Outcome::RecordRegistered(RecordId(6)),
                    decision: Some(AccessDecision { patient: PartyId(5), counter: n + 1 }),
                },
                Answer::refused(Refusal::NoConsent),
            ]),
        }
    }

    fn answers(answers: &[Answer]) -> Answers {
        List::new(answers.to_vec()).unwrap()
    }

    fn receipt(by: &[u16]) -> (Receipt, Committee) {
        let (committee, keys) = committee(&[1; 4]);
        let mut log = AuditLog::default();
        (0..20).for_each(|n| {
            log.append(entry(n).leaf_hash());
        });
        let mut body = body(committee.chain());
        (body.size, body.root) = (log.size(), log.root());
        let checkpoint = signed(body, &keys, by);
        let proof = List::new(log.inclusion_proof(13, 20).unwrap()).unwrap();
        (Receipt { entry: entry(13), index: 13, proof, checkpoint }, committee)
    }

    #[test]
    fn a_receipt_verifies_with_the_committee_alone() {
        let (receipt, committee) = receipt(&[0, 1, 3]);
        let receipt = Receipt::decode(&receipt.encode()).unwrap();
        assert_eq!(receipt.verify(&committee, &mut BatchVerifier), Ok(&entry(13)));
    }

    #[test]
    fn quorum_minus_one_is_refused() {
        let (receipt, committee) = receipt(&[0, 1]);
        let error = CheckpointError::NoQuorum { found: 2, quorum: 3 };
        assert_eq!(receipt.verify(&committee, &mut BatchVerifier), Err(error.into()));
    }

    #[test]
    fn tampering_with_any_field_is_refused() {
        let (good, committee) = receipt(&[0, 1, 3]);
        let changes: [fn(&mut Receipt); 15] = [
            |it| it.entry.commit -= 1,
            |it| it.entry.commit_time.0 += 1,
            |it| it.entry.transaction.0[0] ^= 1,
            |it| it.entry.actor.0 += 1,
            |it| it.entry.answers = answers(&it.entry.answers[..1]),
            |it| it.entry.answers = answers(&[it.entry.answers[1], it.entry.answers[0]]),
            |it| it.entry.answers = answers(&[Answer { decision: None, ..it.entry.answers[0] }]),
            |it| it.entry.answers = answers(&[it.entry.answers[0], Answer::refused(Refusal::RolledBack)]),
            |it| it.index += 1,
            |it| it.proof = List::new(it.proof[1..].to_vec()).unwrap(),
            |it| it.checkpoint.body.size += 1,
            |it| it.checkpoint.body.root.0[0] ^= 1,
            |it| it.checkpoint.body.commit += 1,
            |it| it.checkpoint.body.state_root.0[0] ^= 1,
            |it| it.checkpoint.signatures = List::default(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut bad = good.clone();
            change(&mut bad);
            assert!(bad.verify(&committee, &mut BatchVerifier).is_err(), "change {number}");
        }
        let mut late = good.clone();
        late.entry.commit = 78;
        let error = ReceiptError::CommitOrder { entry: 78, checkpoint: 77 };
        assert_eq!(late.verify(&committee, &mut BatchVerifier), Err(error));
    }

    #[test]
    fn text_is_read_back_and_nothing_else_is() {
        let (good, committee) = receipt(&[0, 1, 3]);
        let text = good.to_text(&committee);
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{text}");
        assert_eq!(Receipt::from_text(&text, &committee).unwrap(), good);
        let line = |number: usize| text.lines().nth(number).unwrap().to_owned();
        let changes = [
            (PROOF_HEADER.to_owned(), "c2sp.org/tlog-proof@v2".to_owned()),
            (line(1), "extra !".to_owned()),
            (format!("{}\n", line(1)), String::new()),
            (line(1), "extra AAAA".to_owned()),
            ("index 13".to_owned(), "index 013".to_owned()),
            ("index 13\n".to_owned(), String::new()),
            (line(3), "AAAA".to_owned()),
            ("\n\n".to_owned(), "\n".to_owned()),
            (line(3), format!("{}\n", line(3)).repeat(PROOF_NODES_MAX + 1).trim_end().to_owned()),
        ];
        for (from, to) in changes {
            let bad = text.replacen(&from, &to, 1);
            assert_ne!(bad, text, "{from}");
            assert!(Receipt::from_text(&bad, &committee).is_err(), "{from} -> {to}");
        }
        let long = format!("{text}{}", "\n".repeat(PROOF_TEXT_BYTES_MAX));
        assert!(matches!(Receipt::from_text(&long, &committee), Err(ReceiptError::Text(_))));
    }

    /// No bit can be flipped.
    #[test]
    fn every_bit_counts() {
        let (good, committee) = receipt(&[0, 1, 3]);
        let bytes = good.encode();
        for bit in (0..bytes.len() * 8).step_by(3) {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let verdict = Receipt::decode(&bad)
                .and_then(|receipt| receipt.verify(&committee, &mut BatchVerifier).map(|_| ()));
            assert!(verdict.is_err(), "bit {bit}");
        }
        assert!(Receipt::decode(&vec![0; RECEIPT_BYTES_MAX + 1]).is_err());
    }
}
