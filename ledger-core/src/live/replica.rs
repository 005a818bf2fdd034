//! A replica on this host.

use super::LiveError;
use super::clock::Clock;
use super::journal::{Directory, Journal, JournalError, JournalOptions, Storage};
use super::runtime::executor;
use super::runtime::machines::{Hosted, JournalLink, LocalRequest, Replies, Report, Seat};
use super::runtime::network::AddressBook;
use super::runtime::writer::Writer;
use super::runtime::{Outlets, Process, Setup, joined, spawn};
use super::socket;
use super::status::{LiveStatus, Shared};
use crate::committee::{Committee, ReplicaId};
use crate::crypto::Digest;
use crate::quic::{Entropy, Host, HostConfig, QuicTuning, Registry};
use crate::replica::{Replica, ReplicaConfig};
use crate::seam::Peer;
use crate::time::Timestamp;
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TrySendError, unbounded};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::JoinHandle;
use std::time::SystemTime;

/// Bytes of a journal's segment.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A ledger's age from which an empty journal is worth a question.
const YOUNG: Timestamp = Timestamp(60_000_000_000);

/// Commits that wait for execution; then no messages are taken until it has caught up. Nothing that execution waits for
/// comes in a message.
pub const COMMITS_WAITING_MAX: usize = 256;

/// What a replica's process is told.
pub struct ReplicaOptions {
    /// The machine.
    pub config: ReplicaConfig,
    /// Where it receives.
    pub listen: SocketAddr,
    /// Where the other replicas are.
    pub peers: Arc<BTreeMap<Peer, SocketAddr>>,
    /// Who may connect.
    pub registry: Arc<Registry>,
    /// Where its journal is; no other process may use it.
    pub journal: PathBuf,
    /// Threads for signatures and hashes; with none, the machine's own thread does that too, which is best where replicas
    /// outnumber cores.
    pub workers: usize,
    /// The chain's genesis on the wall clock.
    pub genesis_at: SystemTime,
    /// Is told of commits and observations; what it has no room for is counted in [`LiveStatus::unobserved`].
    pub observer: Option<Sender<Report>>,
    /// Transport.
    pub quic: QuicTuning,
}

/// Starts a replica from its journal.
pub fn start_replica(options: ReplicaOptions) -> Result<ReplicaHandle, LiveError> {
    let storage = Directory::open(&options.journal)?;
    start_on(options, storage)
}

/// Starts a replica whose journal is in a storage of the caller's.
pub fn start_on<S: Storage + 'static>(options: ReplicaOptions, storage: S) -> Result<ReplicaHandle, LiveError>
where
    S::File: 'static,
{
    let ReplicaOptions { config, listen, peers, registry, workers, genesis_at, observer, quic, .. } = options;
    let clock = Clock::new(genesis_at);
    let now = clock.now();
    let (committee, id) = (config.committee.clone(), config.id);
    let entropy = Entropy::from_system().ok_or(LiveError::Entropy)?;
    let mut salt = [0; 16];
    SystemRandom::new().fill(&mut salt).map_err(|_| LiveError::Entropy)?;
    let journal_options = JournalOptions {
        identity: Digest::sha256(&[&committee.chain().0.0, &id.0.to_le_bytes()]).0,
        salt,
        segment_bytes_max: SEGMENT_BYTES_MAX,
    };
    let (journal, recovered) = Journal::open(storage, journal_options)?;
    if let Some((path, offset, bytes)) = &recovered.torn {
        tracing::warn!(path = %path.display(), offset, bytes, "cut a torn tail: nothing in it was acknowledged");
    }
    if recovered.entries.is_empty() && !config.forgot && now > YOUNG {
        tracing::warn!(
            "the journal is empty and the ledger is not new: if this replica ever ran, stop it, and start it as one that has lost \
             its journal; it could sign a second block for a round"
        );
    }
    if config.forgot {
        tracing::warn!(
            "lost its journal: it signs nothing before a quorum of the others said what it may have signed"
        );
    }
    tracing::info!(replica = id.0, first = recovered.first.0, entries = recovered.entries.len(), "starting");

    let (socket, tuning) = socket::bind(listen, &quic)?;
    let host_config = HostConfig {
        me: Peer::Replica(id),
        key: config.key.clone(),
        chain: committee.chain(),
        registry,
        addresses: peers,
        tuning,
        entropy,
    };
    let mut host = Host::new(host_config, now)?;
    // The lower one of two keeps the connection up.
    for other in committee.replicas().filter(|other| *other > id) {
        host.dial(now, Peer::Replica(other));
    }
    let replica = Replica::new(config, now, recovered.first, recovered.entries).map_err(LiveError::Replay)?;

    let shared = Arc::new(Shared::default());
    let (answers, backlog) = (unbounded(), Arc::new(AtomicUsize::new(0)));
    let (ops_in, ops) = unbounded();
    let (local_in, replies) = unbounded();
    let writer =
        Writer { journal, ops, answers: answers.0.clone(), backlog: backlog.clone(), shared: shared.clone() };
    let writer = spawn("journal", &shared, move || writer.run()).map_err(LiveError::Thread)?;
    let (orders_in, orders) = unbounded();
    let answers_in = answers.0.clone();
    let executor = spawn("execution", &shared, move || executor::serve(&orders, &answers_in));
    let executor = executor.map_err(LiveError::Thread)?;
    let member = (committee.clone(), id);
    let process = Process::start(Setup {
        clock,
        workers,
        hosts: vec![(host, socket)],
        seats: vec![Seat {
            machine: replica,
            others: committee.replicas().filter(|other| *other != id).map(Peer::Replica).collect(),
            gateway: None,
        }],
        committee,
        shared,
        answers,
        outlets: Outlets {
            journal: Some(JournalLink { ops: ops_in, backlog }),
            executor: Some(orders_in),
            observer,
            local: Some(local_in),
            ..Outlets::default()
        },
    })?;
    Ok(ReplicaHandle { clock, member, process, replies, writer, executor })
}

/// A running replica.
pub struct ReplicaHandle {
    clock: Clock,
    member: (Arc<Committee>, ReplicaId),
    process: Process,
    replies: Receiver<Replies>,
    writer: JoinHandle<Result<(), JournalError>>,
    executor: JoinHandle<()>,
}

/// The inbox is full: try again later.
#[derive(Debug, thiserror::Error)]
#[error("busy: the inbox is full, try again later")]
pub struct Busy<T>(pub T);

impl ReplicaHandle {
    /// Figures.
    pub fn status(&self) -> LiveStatus {
        self.process.shared.status()
    }

    /// Why it stopped by itself, if it did.
    pub fn failed(&self) -> Option<Arc<LiveError>> {
        self.process.shared.failure()
    }

    /// Its time.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A way in for a load generator of this process.
    pub fn local(&self) -> LocalClient {
        LocalClient { requests: self.process.requests.clone(), replies: self.replies.clone() }
    }

    /// A way to tell it where peers are now.
    pub fn address_book(&self) -> AddressBook {
        AddressBook(self.process.link.clone())
    }

    /// A view of it that outlives a move of the handle.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(&self.process.shared, Some(self.member.clone()))
    }

    /// Stops accepting, makes the journal durable, tells peers, and waits for all threads.
    pub fn shutdown(self) -> Result<(), Arc<LiveError>> {
        let (writer, executor) = (self.writer, self.executor);
        self.process.stop(|| {
            let executed = joined("execution", executor);
            joined("journal", writer)??;
            executed
        })
    }
}

/// Sees how a process is doing.
#[derive(Clone)]
pub struct Monitor {
    shared: Arc<Shared>,
    /// Whose quorum a replica must be connected with to be of use.
    member: Option<(Arc<Committee>, ReplicaId)>,
}

impl Monitor {
    pub(super) fn new(shared: &Arc<Shared>, member: Option<(Arc<Committee>, ReplicaId)>) -> Self {
        Self { shared: shared.clone(), member }
    }

    /// Figures.
    pub fn status(&self) -> LiveStatus {
        self.shared.status()
    }

    /// Why it stopped by itself, if it did.
    pub fn failed(&self) -> Option<Arc<LiveError>> {
        self.shared.failure()
    }

    /// Whether it works at all, or why not.
    pub fn live(&self) -> Result<(), String> {
        self.failed().map_or(Ok(()), |failure| Err(failure.to_string()))
    }

    /// Whether it can serve clients, or why not (yet).
    pub fn ready(&self) -> Result<(), String> {
        self.live()?;
        if self.shared.status().disk_full {
            return Err("the disk is full".into());
        }
        let Some((committee, me)) = &self.member else { return Ok(()) };
        let mut reached = self.shared.replicas_connected();
        reached.insert(*me);
        if committee.is_quorum(&reached) {
            Ok(())
        } else {
            Err(format!("connected with {} of {} other replicas", reached.len() - 1, committee.size() - 1))
        }
    }
}

/// A load generator in the replica's own process: a [`Peer::Local`].
#[derive(Clone)]
pub struct LocalClient {
    requests: Sender<LocalRequest>,
    replies: Receiver<Replies>,
}

impl LocalClient {
    /// Hands over encoded [`Message`](crate::message::Message)s; `Busy` gives them back. Each is answered.
    pub fn submit(&self, messages: Vec<Bytes>) -> Result<(), Busy<Vec<Bytes>>> {
        match self.requests.try_send(LocalRequest::Messages(messages)) {
            Ok(()) => Ok(()),
            Err(
                TrySendError::Full(LocalRequest::Messages(messages))
                | TrySendError::Disconnected(LocalRequest::Messages(messages)),
            ) => Err(Busy(messages)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                unreachable!("what was sent comes back")
            }
        }
    }

    /// Encoded replies, with the time at which the replica gave them. As many wait here as were submitted.
    pub fn replies(&self) -> &Receiver<Replies> {
        &self.replies
    }
}

impl Hosted for Replica {
    fn publish(&self, shared: &Shared) {
        shared.publish_replica(self.status());
    }

    fn is_behind(&self) -> bool {
        self.commits_waiting() > COMMITS_WAITING_MAX
    }
}
