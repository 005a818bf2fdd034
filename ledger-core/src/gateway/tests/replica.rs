//! Replicas that answer at once from one ledger, each with its habit.

use super::*;

impl World {
    pub(super) fn replica(&mut self, replica: usize, request: Request) -> Option<Reply> {
        let habit = self.habits[replica];
        if habit == Habit::Silent {
            return None;
        }
        match request {
            Request::Submit(bytes) => {
                let submission = Digest::sha256(&[&bytes]);
                match habit {
                    Habit::Rejects => return Some(Reply::Rejected(submission)),
                    Habit::Busy(left @ 1..) => {
                        self.habits[replica] = Habit::Busy(left - 1);
                        return Some(Reply::Busy(submission));
                    }
                    _ => {}
                }
                let transaction = Transaction::decode(self.committee.chain(), &bytes).unwrap();
                let index = self.execute(&transaction);
                let mut receipt = self.prove(index);
                if habit == Habit::Forges {
                    let made_up = Answer::from(Ok(Outcome::RecordRegistered(RecordId(77))));
                    receipt.entry.answers = List::new(vec![made_up]).unwrap();
                }
                Some(Reply::Receipt(receipt))
            }
            Request::PermitStatus { access, check } => {
                let mut status = self.ledger.permit_status(access, self.now);
                match habit {
                    Habit::Behind(left @ 1..) => {
                        self.habits[replica] = Habit::Behind(left - 1);
                        status = PermitStatus::Unknown;
                    }
                    Habit::Claims(true) => {
                        let (actor, organisation) = (CLINICIANS[READER], HOSPITALS[READER]);
                        status = PermitStatus::InForce { record: RecordId(0), actor, organisation };
                    }
                    Habit::Claims(false) => status = PermitStatus::Revoked,
                    _ => {}
                }
                Some(Reply::PermitStatus { access, check, status, commit: self.entries.len() as u64 })
            }
            Request::Entry(index) if index < self.log.size() => {
                Some(Reply::Receipt(self.prove(index as usize)))
            }
            Request::Entry(index) => Some(Reply::NoEntry(index)),
        }
    }

    /// The ledger executes a transaction once.
    pub(super) fn execute(&mut self, transaction: &Transaction) -> usize {
        if let Some(index) = self.executed.get(&transaction.digest) {
            return *index;
        }
        let answers = self.ledger.execute(self.now, transaction, true);
        let index = self.entries.len();
        let entry = Entry {
            commit: index as u64 + 1,
            commit_time: self.now,
            transaction: transaction.digest,
            actor: transaction.body.actor,
            answers,
        };
        self.log.append(entry.leaf_hash());
        self.entries.push(entry);
        self.executed.insert(transaction.digest, index);
        index
    }

    pub(super) fn prove(&self, index: usize) -> Receipt {
        let body = CheckpointBody {
            chain: self.committee.chain(),
            size: self.log.size(),
            root: self.log.root(),
            commit: self.entries.len() as u64,
            commit_digest: Digest::default(),
            state_root: Digest::default(),
        };
        let votes = [0, 1, 3].map(|n| (ReplicaId(n), body.sign(&self.keys[usize::from(n)])));
        let proof = self.log.inclusion_proof(index as u64, body.size).unwrap();
        Receipt {
            entry: self.entries[index].clone(),
            index: index as u64,
            proof: List::new(proof).unwrap(),
            checkpoint: Checkpoint::new(body, votes.to_vec()).unwrap(),
        }
    }

    /// The regulator revokes a credential.
    pub(super) fn revoke_credential(&mut self, party: PartyId) {
        let body = TransactionBody {
            actor: REGULATOR,
            organisation: REGULATOR,
            sequence: 1 + u64::from(party.0),
            valid_until: Timestamp::MAX,
            atomic: false,
            actions: Action::RevokeCredential { party }.into(),
        };
        let (transaction, _) = Transaction::sign(self.committee.chain(), body, &seed(REGULATOR));
        let index = self.execute(&transaction);
        assert_eq!(self.entries[index].answers[0].outcome, Outcome::CredentialRevoked(party));
    }

    /// The patient withdraws, and the ledger has executed it.
    pub(super) fn revoke(&mut self, consent: u32) {
        let body = TransactionBody {
            actor: PATIENT,
            organisation: PATIENT,
            sequence: 1_000_000_000_000 + u64::from(consent),
            valid_until: Timestamp::MAX,
            atomic: false,
            actions: Action::RevokeConsent { consent: ConsentId(consent) }.into(),
        };
        let (transaction, _) = Transaction::sign(self.committee.chain(), body, &seed(PATIENT));
        let index = self.execute(&transaction);
        assert_eq!(self.entries[index].answers[0].outcome, Outcome::ConsentRevoked(ConsentId(consent)));
    }
}
