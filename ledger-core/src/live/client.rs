//! An async client for programs that submit transactions and check what became of them.
//!
//! It speaks QUIC through the `quinn` crate, with the transport key of a registered gateway, and believes nothing but
//! receipts that a quorum of the committee signed. It asks one replica at a time and moves on to the next when that
//! one is silent, gone, or says what cannot be verified. `Busy` is waited out with back-off.
//!
//! ```no_run
//! # use ledger_core::{committee::Committee, crypto::SecretKey, ledger::transaction::*, live::client::*};
//! # use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
//! # async fn example(
//! #     committee: Arc<Committee>,
//! #     replicas: BTreeMap<ledger_core::committee::ReplicaId, SocketAddr>,
//! #     transport_key: SecretKey,
//! #     actor_key: SecretKey,
//! #     body: TransactionBody,
//! # ) -> Result<(), ClientError> {
//! let client = Client::new(ClientOptions::new(committee.clone(), replicas, transport_key))?;
//! let (transaction, bytes) = Transaction::sign(committee.chain(), body, &actor_key);
//! let receipt = client.submit(bytes).await?;
//! assert_eq!(receipt.entry.transaction, transaction.digest);
//! println!("{:?} at index {}", receipt.entry.answers, receipt.index);
//! let proof = client.entry(receipt.index).await?; // anybody with the committee can verify it, offline
//! assert_eq!(proof.entry, receipt.entry);
//! # Ok(()) }
//! ```

mod link;
#[cfg(test)]
mod tests;

use crate::audit::Receipt;
use crate::codec::{Blob, DecodeError};
use crate::committee::{Committee, ReplicaId, ReplicaSet};
use crate::crypto::{BatchVerifier, Digest, SecretKey};
use crate::ledger::transaction::Transaction;
use crate::message::{Message, Request};
use crate::quic::{Entropy, QuicError, Registry, client_crypto};
use crate::time::Duration;
use bytes::Bytes;
use link::{Answer, Link, Subject};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::time::{sleep, timeout};

/// Questions under way; those that come then wait.
pub const QUESTIONS_MAX: usize = 4_096;
/// Doublings after which a wait no longer grows.
const DOUBLINGS_MAX: u32 = 6;

/// What a client is told.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Whose signatures count.
    pub committee: Arc<Committee>,
    /// Where they are.
    pub replicas: BTreeMap<ReplicaId, SocketAddr>,
    /// The key that the replicas' registry knows this client by.
    pub transport_key: SecretKey,
    /// For an answer of one replica, before the next one is asked.
    pub reply_timeout: Duration,
    /// For everything that one call does.
    pub patience: Duration,
    /// After `Busy`; doubled with every time.
    pub busy_pause: Duration,
}

impl ClientOptions {
    /// With times for a network of a region.
    pub fn new(
        committee: Arc<Committee>,
        replicas: BTreeMap<ReplicaId, SocketAddr>,
        transport_key: SecretKey,
    ) -> Self {
        Self {
            committee,
            replicas,
            transport_key,
            reply_timeout: Duration::from_secs(3),
            patience: Duration::from_secs(30),
            busy_pause: Duration::from_millis(50),
        }
    }
}

/// Why there is no receipt.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No socket.
    #[error("cannot open a socket: {0}")]
    Socket(#[from] io::Error),
    /// The key or the handshake's configuration.
    #[error(transparent)]
    Quic(#[from] QuicError),
    /// The system has no randomness.
    #[error("the operating system gave no randomness: without it no connection is safe")]
    Entropy,
    /// No replica is known.
    #[error("no address of any replica is known")]
    NoReplicas,
    /// What was to be submitted is no transaction of this chain. Never valid.
    #[error("not a transaction of this chain: {0}")]
    Malformed(#[from] DecodeError),
    /// So many replicas refuse it that a correct one does: not signed by its actor. Never valid.
    #[error("the replicas reject it: its signature does not verify under the key that it carries")]
    Rejected,
    /// Every replica says that it does not hold the entry (yet, or any more).
    #[error("no replica holds log entry {0}: it is not certified yet, or too old")]
    NoEntry(u64),
    /// Not yet: nobody answered in time. A submission may still be executed; submitting the same bytes again is safe.
    #[error("no verified answer in time; whether it was executed is not known, and asking again is safe")]
    TimedOut,
}

/// See the module. Clones share connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    options: ClientOptions,
    endpoint: quinn::Endpoint,
    config: quinn::ClientConfig,
    links: Mutex<BTreeMap<ReplicaId, Arc<Link>>>,
    /// Whom to ask first.
    current: Mutex<ReplicaId>,
    questions: tokio::sync::Semaphore,
}

impl Client {
    /// A client; connections are made when they are needed. Must be called on a tokio runtime.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let (first, address) = options.replicas.first_key_value().ok_or(ClientError::NoReplicas)?;
        let any: IpAddr = match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let entropy = Entropy::from_system().ok_or(ClientError::Entropy)?;
        let registry = Arc::new(Registry::of_committee(&options.committee));
        let crypto = client_crypto(&options.transport_key, options.committee.chain(), registry, &entropy)?;
        let inner = Inner {
            endpoint: quinn::Endpoint::client((any, 0).into())?,
            config: quinn::ClientConfig::new(crypto),
            links: Mutex::default(),
            current: Mutex::new(*first),
            questions: tokio::sync::Semaphore::new(QUESTIONS_MAX),
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Submits an encoded, signed transaction and waits until a quorum vouches for what became of it. That the ledger
    /// refused it is an answer too: see the receipt's outcome.
    pub async fn submit(&self, transaction: Bytes) -> Result<Receipt, ClientError> {
        let digest = Transaction::decode(self.inner.options.committee.chain(), &transaction)?.digest;
        let submission = Digest::sha256(&[&transaction]);
        let blob =
            Blob::new(transaction).expect("what decodes as a transaction is no longer than a submission");
        let request = Message::Request(Request::Submit(blob)).encode();
        self.ask(Subject::Transaction { digest, submission }, request).await
    }

    /// Fetches the proof of a log entry.
    pub async fn entry(&self, index: u64) -> Result<Receipt, ClientError> {
        self.ask(Subject::Entry(index), Message::Request(Request::Entry(index)).encode()).await
    }

    /// Tells the replicas that it goes away.
    pub async fn close(self) {
        self.inner.endpoint.close(0u32.into(), b"");
        self.inner.endpoint.wait_idle().await;
    }

    async fn ask(&self, subject: Subject, request: Bytes) -> Result<Receipt, ClientError> {
        let all = async {
            let _permit = self.inner.questions.acquire().await;
            self.ask_all(subject, &request).await
        };
        timeout(self.inner.options.patience, all).await.unwrap_or(Err(ClientError::TimedOut))
    }

    /// Asks one replica after the other until one proves something, or enough of them say no.
    async fn ask_all(&self, subject: Subject, request: &Bytes) -> Result<Receipt, ClientError> {
        let Inner { options, .. } = &*self.inner;
        let (mut refused, mut pauses) = (ReplicaSet::default(), 0);
        let mut replica = *self.inner.current.lock().expect("nothing panics while it holds this");
        loop {
            let asked = timeout(options.reply_timeout, self.ask_one(replica, subject, request.clone())).await;
            match asked {
                Ok(Some(Answer::Receipt(receipt))) if self.proves(&receipt, subject) => {
                    *self.inner.current.lock().expect("nothing panics while it holds this") = replica;
                    return Ok(*receipt);
                }
                Ok(Some(Answer::Busy)) => {
                    self.pause(subject, pauses).await;
                    pauses += 1;
                    continue;
                }
                Ok(Some(Answer::No)) => {
                    refused.insert(replica);
                    let all = options.replicas.keys().all(|replica| refused.contains(*replica));
                    match subject {
                        Subject::Transaction { .. } if options.committee.is_valid(&refused) || all => {
                            return Err(ClientError::Rejected);
                        }
                        Subject::Entry(index) if all => return Err(ClientError::NoEntry(index)),
                        Subject::Transaction { .. } | Subject::Entry(_) => {}
                    }
                }
                // A false proof, no connection, or silence: another replica will do better.
                Ok(Some(Answer::Receipt(_))) | Err(_) => {}
                Ok(None) => {
                    self.pause(subject, pauses).await;
                    pauses += 1;
                }
            }
            let later =
                options.replicas.range((std::ops::Bound::Excluded(replica), std::ops::Bound::Unbounded));
            replica = *later.chain(&options.replicas).next().expect("there is at least one").0;
        }
    }

    /// `None` if there is no connection, or it was lost.
    async fn ask_one(&self, replica: ReplicaId, subject: Subject, request: Bytes) -> Option<Answer> {
        let known = self.links().get(&replica).filter(|link| link.is_open()).cloned();
        let link = match known {
            Some(link) => link,
            None => {
                let address = *self.inner.options.replicas.get(&replica)?;
                let link = Link::connect(&self.inner.endpoint, &self.inner.config, replica, address).await?;
                // Another question may have connected meanwhile: either will do.
                self.links().insert(replica, link.clone());
                link
            }
        };
        link.ask(subject, &request).await
    }

    fn links(&self) -> std::sync::MutexGuard<'_, BTreeMap<ReplicaId, Arc<Link>>> {
        self.inner.links.lock().expect("nothing panics while it holds this")
    }

    fn proves(&self, receipt: &Receipt, subject: Subject) -> bool {
        let about = match subject {
            Subject::Transaction { digest, .. } => receipt.entry.transaction == digest,
            Subject::Entry(index) => receipt.index == index,
        };
        about && receipt.verify(&self.inner.options.committee, &mut BatchVerifier).is_ok()
    }

    /// Longer with every time, and not the same for everybody.
    async fn pause(&self, subject: Subject, pauses: u32) {
        let pause = self.inner.options.busy_pause * (1 << pauses.min(DOUBLINGS_MAX));
        let seed = match subject {
            Subject::Transaction { digest, .. } => digest.prefix(),
            Subject::Entry(index) => index,
        };
        let share = seed.rotate_left(pauses).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        sleep(pause / 2 + pause / 2 * share as u32 / 256).await;
    }
}
