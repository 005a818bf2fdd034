//! A client's connection with one replica: requests go out on one stream, replies come back on another.

use crate::audit::Receipt;
use crate::committee::ReplicaId;
use crate::crypto::Digest;
use crate::message::{MESSAGE_BYTES_MAX, Message, Reply};
use crate::quic::server_name;
use crate::seam::{Lane, Peer};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// What became of a transaction, submitted as the bytes with this SHA-256.
    Transaction { digest: Digest, submission: Digest },
    /// What is in the log.
    Entry(u64),
}

/// What a replica says. Nothing is verified yet.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Receipt(Box<Receipt>),
    Busy,
    /// Rejected, or no such entry.
    No,
}

/// Subjects after which those that nobody waits for any more are dropped; at most `QUESTIONS_MAX` are waited for.
const WAITING_MAX: usize = 2 * super::QUESTIONS_MAX;

type Waiting = BTreeMap<Subject, Vec<oneshot::Sender<Answer>>>;

pub(super) struct Link {
    connection: quinn::Connection,
    requests: tokio::sync::Mutex<quinn::SendStream>,
    /// `None` once the connection is lost.
    waiting: Mutex<Option<Waiting>>,
}

impl Link {
    pub async fn connect(
        endpoint: &quinn::Endpoint,
        config: &quinn::ClientConfig,
        replica: ReplicaId,
        address: SocketAddr,
    ) -> Option<Arc<Self>> {
        let name = server_name(Peer::Replica(replica));
        let connection = endpoint.connect_with(config.clone(), address, &name).ok()?.await.ok()?;
        let mut requests = connection.open_uni().await.ok()?;
        requests.write_all(&[Lane::Client as u8]).await.ok()?;
        let link = Arc::new(Self {
            connection,
            requests: tokio::sync::Mutex::new(requests),
            waiting: Mutex::new(Some(Waiting::new())),
        });
        tokio::spawn(link.clone().read());
        Some(link)
    }

    pub fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    /// `None` if the connection is lost before the answer.
    pub async fn ask(&self, subject: Subject, request: &Bytes) -> Option<Answer> {
        let (sender, answer) = oneshot::channel();
        {
            let mut guard = self.waiting.lock().expect("nothing panics while it holds this");
            let waiting = guard.as_mut()?;
            if waiting.len() >= WAITING_MAX {
                waiting.retain(|_, waiters| {
                    waiters.retain(|waiter| !waiter.is_closed());
                    !waiters.is_empty()
                });
            }
            waiting.entry(subject).or_default().push(sender);
        }
        {
            let mut requests = self.requests.lock().await;
            let head = (request.len() as u32).to_le_bytes();
            requests.write_all_chunks(&mut [Bytes::copy_from_slice(&head), request.clone()]).await.ok()?;
        }
        answer.await.ok()
    }

    async fn read(self: Arc<Self>) {
        while let Ok(stream) = self.connection.accept_uni().await {
            // A correct replica opens one stream a lane; quinn's limit bounds a faulty one.
            tokio::spawn(self.clone().read_stream(stream));
        }
        self.waiting.lock().expect("nothing panics while it holds this").take();
    }

    async fn read_stream(self: Arc<Self>, mut stream: quinn::RecvStream) {
        let (mut lane, mut head) = ([0], [0; 4]);
        if stream.read_exact(&mut lane).await.is_err() {
            return;
        }
        while stream.read_exact(&mut head).await.is_ok() {
            let length = u32::from_le_bytes(head) as usize;
            if length > MESSAGE_BYTES_MAX {
                break;
            }
            let mut message = vec![0; length];
            if stream.read_exact(&mut message).await.is_err() {
                break;
            }
            match Message::decode(&message.into()) {
                Ok(Message::Reply(reply)) => self.route(reply),
                Ok(_) | Err(_) => break,
            }
        }
        // What came was no reply, or there is no more.
        self.connection.close(1u32.into(), b"");
    }

    fn route(&self, reply: Reply) {
        let mut guard = self.waiting.lock().expect("nothing panics while it holds this");
        let Some(waiting) = guard.as_mut() else { return };
        match reply {
            Reply::Receipt(receipt) => {
                let digest = receipt.entry.transaction;
                let mut subjects = of_transaction(waiting, digest);
                subjects.push(Subject::Entry(receipt.index));
                tell(waiting, subjects, &Answer::Receipt(Box::new(receipt)));
            }
            Reply::Busy(submission) | Reply::Forgotten(submission) => {
                tell(waiting, of_submission(waiting, submission), &Answer::Busy);
            }
            Reply::Rejected(submission) => tell(waiting, of_submission(waiting, submission), &Answer::No),
            Reply::NoEntry(index) => tell(waiting, vec![Subject::Entry(index)], &Answer::No),
            // Nobody here asks for these.
            Reply::Ordered { .. } | Reply::PermitStatus { .. } => {}
        }
    }
}

fn of_transaction(waiting: &Waiting, digest: Digest) -> Vec<Subject> {
    let first = Subject::Transaction { digest, submission: Digest([0; 32]) };
    let last = Subject::Transaction { digest, submission: Digest([255; 32]) };
    waiting.range(first..=last).map(|(subject, _)| *subject).collect()
}

fn of_submission(waiting: &Waiting, name: Digest) -> Vec<Subject> {
    let named = |subject: &&Subject| matches!(subject, Subject::Transaction { submission, .. } if *submission == name);
    waiting.keys().filter(named).copied().collect()
}

fn tell(waiting: &mut Waiting, subjects: Vec<Subject>, answer: &Answer) {
    for waiter in subjects.into_iter().filter_map(|subject| waiting.remove(&subject)).flatten() {
        // Whoever gave up does not mind.
        let _ = waiter.send(answer.clone());
    }
}
