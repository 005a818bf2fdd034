//! The threads under a process's machines, and the channels between them.
//!
//! ```text
//!             arrivals (bounded)            journal entries
//!  network ──────────────────────→ machines ───────────────→ writer
//!    ↑ ↑                            ↑ │ │ ↑                     │
//!    │ └──────── messages ──────────┼─┘ │ └── durable ──────────┘
//!  sockets                 findings │   │ work
//!                         work, commits └── workers, executor, vault
//! ```
//!
//! One network thread has all sockets and QUIC hosts, one thread all machines, one the journal, one the vault, one executes
//! what a replica has ordered, and a few do stateless work. Everything passes in batches: one wake-up for all that is there.
//!
//! No circle of threads waits for each other. Only the network is ever held back: when the machines' inbox is full
//! ([`network::ARRIVALS_MAX`] batches), or the disk is behind ([`machines::BACKLOG_BYTES_MAX`]), or execution is
//! ([`COMMITS_WAITING_MAX`](super::replica::COMMITS_WAITING_MAX)), it leaves messages in their
//! streams and QUIC's flow control holds the senders back. The other channels are unbounded in type and bounded in fact:
//! what is under way there, a machine has bounded itself (jobs, operations), or the host's queues bound it (messages: what
//! a slow peer does not take is shed, with a count).

pub(super) mod executor;
pub(super) mod machines;
pub(super) mod network;
pub(super) mod vault;
pub(super) mod workers;
pub(super) mod writer;

use super::LiveError;
use super::clock::Clock;
use super::status::Shared;
use crate::committee::Committee;
use crate::quic::Host;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use machines::{Answer, Hosted, LocalRequest, Machines, Ports, REQUESTS_MAX, Seat};
use network::{ARRIVALS_MAX, Network, NetworkCommand, NetworkLink};
use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::JoinHandle;
use workers::Workers;

/// What the threads of a process are started with.
pub(super) struct Setup<M> {
    pub clock: Clock,
    pub committee: Arc<Committee>,
    pub workers: usize,
    /// A host and its bound socket for every machine, in the same order.
    pub hosts: Vec<(Host, UdpSocket)>,
    pub seats: Vec<Seat<M>>,
    pub shared: Arc<Shared>,
    pub answers: (Sender<Answer>, Receiver<Answer>),
    pub outlets: Outlets,
}

/// Where what machines want goes, beside network and workers.
#[derive(Default)]
pub(super) struct Outlets {
    pub journal: Option<machines::JournalLink>,
    /// Without one, the machines' own thread executes.
    pub executor: Option<Sender<executor::Order>>,
    pub vault: Option<Sender<vault::VaultOp>>,
    pub observer: Option<Sender<machines::Report>>,
    /// Replies to the own process.
    pub local: Option<Sender<machines::Replies>>,
    pub completions: Option<Sender<machines::Completed>>,
}

/// The running threads of a process.
pub(super) struct Process {
    pub requests: Sender<LocalRequest>,
    pub shared: Arc<Shared>,
    pub link: NetworkLink,
    machines: JoinHandle<()>,
    network: JoinHandle<io::Result<()>>,
    workers: Vec<JoinHandle<()>>,
}

impl Process {
    pub fn start<M: Hosted>(setup: Setup<M>) -> Result<Self, LiveError> {
        let Setup { clock, committee, workers, hosts, seats, shared, answers, outlets } = setup;
        let (answers_in, answers) = answers;
        let (arrivals_in, arrivals) = bounded(ARRIVALS_MAX);
        let (requests_in, requests) = bounded(REQUESTS_MAX);
        let (commands_in, commands) = unbounded();
        let link = NetworkLink { commands: commands_in, wake: Arc::default(), starved: Arc::default() };
        let (workers, worker_threads) =
            Workers::start(workers, &committee, &answers_in, &shared).map_err(LiveError::Thread)?;
        drop(answers_in);
        let network = Network {
            hosts,
            clock,
            commands,
            arrivals: arrivals_in,
            wake: link.wake.clone(),
            starved: link.starved.clone(),
            shared: shared.clone(),
        };
        let network = spawn("network", &shared, move || network.run()).map_err(LiveError::Thread)?;
        let ports = Ports {
            clock,
            answers,
            arrivals,
            requests,
            network: link.clone(),
            workers,
            outlets,
            shared: shared.clone(),
        };
        let machines = Machines::new(seats, ports);
        let machines = spawn("machines", &shared, move || machines.run()).map_err(LiveError::Thread)?;
        Ok(Self { requests: requests_in, shared, link, machines, network, workers: worker_threads })
    }

    /// Stops the machines, waits until `others` have dealt with what they left, tells peers, and waits for all threads.
    pub fn stop(self, others: impl FnOnce() -> Result<(), LiveError>) -> Result<(), Arc<LiveError>> {
        // Machines that stopped by themselves do not hear this.
        let _ = self.requests.send(LocalRequest::Stop);
        let mut results = vec![joined("machines", self.machines), others()];
        self.link.tell(NetworkCommand::Close);
        results.push(match self.network.join() {
            Ok(result) => result.map_err(LiveError::Thread),
            Err(_) => Err(LiveError::Panicked { thread: "network".into() }),
        });
        results.extend(self.workers.into_iter().map(|worker| joined("worker", worker)));
        results.into_iter().filter_map(Result::err).for_each(|error| self.shared.fail(error));
        tracing::info!("stopped");
        self.shared.failure().map_or(Ok(()), Err)
    }
}

/// Waits for a thread.
pub(super) fn joined<T>(name: &str, thread: JoinHandle<T>) -> Result<T, LiveError> {
    thread.join().map_err(|_| LiveError::Panicked { thread: name.into() })
}

/// Starts a thread. Should it panic, that is the process's failure, not a silence.
pub(super) fn spawn<T: Send + 'static>(
    name: &str,
    shared: &Arc<Shared>,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    let alarm = Alarm { thread: name.into(), shared: shared.clone() };
    std::thread::Builder::new().name(name.into()).spawn(move || {
        let _alarm = alarm;
        body()
    })
}

struct Alarm {
    thread: String,
    shared: Arc<Shared>,
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.fail(LiveError::Panicked { thread: self.thread.clone() });
        }
    }
}
