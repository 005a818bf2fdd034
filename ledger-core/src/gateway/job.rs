//! The gateway's expensive work, as values. Everything here is a pure function.

use super::Held;
use crate::codec::{self, Blob};
use crate::crypto::{ChainId, Digest, Domain, SecretKey};
use crate::ledger::transaction::{AccessId, RecordId, Transaction, TransactionBody};
use crate::message::DOCUMENT_BYTES_MAX;
use crate::seal::{self, VaultSecret, WrapKeyPair};
use crate::work::Effort;
use borsh::BorshSerialize;
use bytes::Bytes;

/// A document sealed for transfer.
pub type SealedBlob = Blob<{ DOCUMENT_BYTES_MAX + 64 }>;

/// Makes what a registration needs.
#[derive(Clone, Debug)]
pub struct Preparation {
    /// The custodian's.
    pub secret: VaultSecret,
    /// Where the document goes.
    pub locator: [u8; 16],
    /// Whom the data key is wrapped to.
    pub patient_wrap_key: [u8; 32],
    /// Plain text.
    pub document: Bytes,
}

/// What a registration needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Salted commitment to the document.
    pub commitment: Digest,
    /// Key ‖ salt, wrapped to the patient.
    pub patient_wrap: Blob<128>,
}

/// Wraps a record's key, which is wrapped to the patient, to a grantee.
#[derive(Clone, Debug)]
pub struct Rewrapping {
    /// Of the agent's gateway, for the ephemeral seed.
    pub secret: VaultSecret,
    /// The agent's.
    pub pair: WrapKeyPair,
    /// Of the custodian.
    pub held: Held,
    /// Which record's.
    pub record: RecordId,
    /// The grantee's wrap key.
    pub recipient: [u8; 32],
}

/// Signs a transaction.
#[derive(Clone, Debug)]
pub struct Signing {
    /// What.
    pub body: TransactionBody,
    /// With.
    pub key: SecretKey,
}

/// What a key is released for. A wrap is bound to all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize)]
pub struct Permit {
    /// The decision.
    pub access: AccessId,
    /// What may be read.
    pub record: RecordId,
    /// What the document must match.
    pub commitment: Digest,
}

/// Seals a document and wraps its key.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// The custodian's.
    pub secret: VaultSecret,
    /// Where the document is.
    pub locator: [u8; 16],
    /// From the vault.
    pub document: Bytes,
    /// For what.
    pub permit: Permit,
    /// The requester's wrap key.
    pub recipient: [u8; 32],
}

/// What goes to the requester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Key ‖ salt.
    pub wrap: Blob<256>,
    /// The document.
    pub document: SealedBlob,
}

/// Opens a document and compares it with what was registered.
#[derive(Clone, Debug)]
pub enum Opening {
    /// From another institution.
    Transferred {
        /// The requester's.
        pair: WrapKeyPair,
        /// What arrived.
        wrap: Blob<256>,
        /// What arrived.
        document: SealedBlob,
        /// What it was asked for with.
        permit: Permit,
    },
    /// From the own vault.
    Own {
        /// The custodian's.
        secret: VaultSecret,
        /// Where the document is.
        locator: [u8; 16],
        /// From the vault.
        document: Bytes,
        /// For what.
        permit: Permit,
    },
    /// A copy, back from a former reader.
    Copy {
        /// The custodian's.
        pair: WrapKeyPair,
        /// From the ledger: the patient's agent made it.
        wrap: Blob<128>,
        /// What arrived.
        document: SealedBlob,
        /// Which record's.
        record: RecordId,
        /// What it must match.
        commitment: Digest,
    },
}

impl Preparation {
    /// `None` if the wrap key is none.
    pub fn run(&self, chain: ChainId) -> Option<Prepared> {
        let (key, salt) = seal::derive(&self.secret, &self.locator);
        let commitment = seal::commitment(&salt, &self.document);
        let patient_wrap = wrap_to_patient(
            (&self.secret, &self.locator),
            (chain, &commitment),
            &self.patient_wrap_key,
            (&key, &salt),
        )?;
        Some(Prepared { commitment, patient_wrap })
    }

    /// What it costs.
    pub fn effort(&self) -> Effort {
        Effort { hashed_bytes: self.document.len() as u64, wraps: 1, ..Effort::default() }
    }
}

impl Rewrapping {
    /// `None` if the key is not wrapped to the agent, or the grantee's wrap key is none.
    pub fn run(&self, chain: ChainId) -> Option<Blob<128>> {
        let (key, salt) = self.held.open(&self.pair, chain)?;
        let info = context_of_grantee_wrap(chain, self.record, &self.held.commitment);
        Blob::new(wrap(&self.secret, &self.recipient, &info, &*seal::pack(&key, &salt))?)
    }

    /// What it costs.
    pub fn effort(&self) -> Effort {
        Effort { wraps: 2, ..Effort::default() }
    }
}

/// Key and salt out of a wrap on the ledger, for the grantee it was made for; `None` for everybody else.
pub fn open_grantee_wrap(
    pair: &WrapKeyPair,
    chain: ChainId,
    (record, commitment): (RecordId, &Digest),
    wrapped: &[u8],
) -> Option<(seal::DataKey, [u8; 32])> {
    let info = context_of_grantee_wrap(chain, record, commitment);
    seal::unpack(&seal::unwrap(pair, &info, wrapped).ok()?)
}

impl Signing {
    /// The transaction's identity and encoding.
    pub fn run(&self, chain: ChainId) -> (Digest, Bytes) {
        let (transaction, bytes) = Transaction::sign(chain, self.body.clone(), &self.key);
        (transaction.digest, bytes)
    }

    /// What it costs.
    pub fn effort(&self) -> Effort {
        Effort { signed: 1, ..Effort::default() }
    }
}

impl Sealing {
    /// `None` if the vault's document is not the registered one, or the wrap key is none. Sealing another document
    /// under the same commitment would reuse a nonce.
    pub fn run(&self, chain: ChainId) -> Option<Sealed> {
        let (key, salt) = seal::derive(&self.secret, &self.locator);
        let commitment = self.permit.commitment;
        if seal::commitment(&salt, &self.document) != commitment {
            return None;
        }
        let info = context(Domain::KeyRequest, chain, &self.permit);
        let wrapped = wrap(&self.secret, &self.recipient, &info, &*seal::pack(&key, &salt))?;
        let document = Blob::new(seal::seal(&key, &commitment, &self.document))?;
        Some(Sealed { wrap: Blob::new(wrapped)?, document })
    }

    /// What it costs.
    pub fn effort(&self) -> Effort {
        let bytes = self.document.len() as u64;
        Effort { hashed_bytes: bytes, sealed_bytes: bytes, wraps: 1, ..Effort::default() }
    }
}

impl Opening {
    /// The plain text; `None` if it does not open or is not the registered document.
    pub fn run(&self, chain: ChainId) -> Option<Bytes> {
        let matches = |salt: &[u8; 32], document: Bytes, commitment: &Digest| {
            (seal::commitment(salt, &document) == *commitment).then_some(document)
        };
        match self {
            Self::Transferred { pair, wrap, document, permit } => {
                let info = context(Domain::KeyRequest, chain, permit);
                let (key, salt) = seal::unpack(&seal::unwrap(pair, &info, wrap).ok()?)?;
                let plain = seal::open(&key, &permit.commitment, document).ok()?;
                matches(&salt, plain.into(), &permit.commitment)
            }
            Self::Own { secret, locator, document, permit } => {
                let (_, salt) = seal::derive(secret, locator);
                matches(&salt, document.clone(), &permit.commitment)
            }
            Self::Copy { pair, wrap, document, record, commitment } => {
                let (key, salt) = open_grantee_wrap(pair, chain, (*record, commitment), wrap)?;
                let plain = seal::open(&key, commitment, document).ok()?;
                matches(&salt, plain.into(), commitment)
            }
        }
    }

    /// What it costs.
    pub fn effort(&self) -> Effort {
        match self {
            Self::Transferred { document, .. } | Self::Copy { document, .. } => {
                let bytes = document.len() as u64;
                Effort { hashed_bytes: bytes, sealed_bytes: bytes, wraps: 1, ..Effort::default() }
            }
            Self::Own { document, .. } => Effort { hashed_bytes: document.len() as u64, ..Effort::default() },
        }
    }
}

/// The wrap that a registration or rotation carries.
pub(super) fn wrap_to_patient(
    (secret, locator): (&VaultSecret, &[u8; 16]),
    (chain, commitment): (ChainId, &Digest),
    patient_wrap_key: &[u8; 32],
    (key, salt): (&seal::DataKey, &[u8; 32]),
) -> Option<Blob<128>> {
    let info = context_of_patient_wrap(chain, locator, commitment);
    Blob::new(wrap(secret, patient_wrap_key, &info, &*seal::pack(key, salt))?)
}

/// Its context.
pub(super) fn context_of_patient_wrap(chain: ChainId, locator: &[u8; 16], commitment: &Digest) -> Vec<u8> {
    context(Domain::Commitment, chain, &(*locator, *commitment))
}

/// Shorter than that of the patient's wrap by twelve bytes, so that neither is ever taken for the other.
fn context_of_grantee_wrap(chain: ChainId, record: RecordId, commitment: &Digest) -> Vec<u8> {
    context(Domain::Commitment, chain, &(record, *commitment))
}

fn context(domain: Domain, chain: ChainId, about: &impl BorshSerialize) -> Vec<u8> {
    [&domain.tag()[..], &chain.0.0, &codec::encode(about)].concat()
}

fn wrap(secret: &VaultSecret, recipient: &[u8; 32], info: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    let seed = seal::ephemeral_seed(secret, recipient, info, wrapped);
    seal::wrap(recipient, info, wrapped, seed).ok()
}
