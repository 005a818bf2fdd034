//! Gateways on this host: one institution's, or hundreds under one load generator.

use super::LiveError;
use super::clock::Clock;
use super::replica::{Busy, Monitor};
use super::runtime::machines::{Completed, Hosted, LocalRequest, Report, Seat};
use super::runtime::network::AddressBook;
use super::runtime::{Outlets, Process, Setup, joined, spawn, vault};
use super::socket;
use super::status::{LiveStatus, Shared};
use super::vault::Vault;
use crate::committee::Committee;
use crate::gateway::{Command, Gateway, GatewayConfig};
use crate::ledger::transaction::RecordId;
use crate::quic::{Entropy, Host, HostConfig, QuicTuning, Registry};
use crate::seam::{GatewayId, Peer};
use crossbeam_channel::{Receiver, Sender, TrySendError, unbounded};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

/// One gateway.
pub struct GatewayMember {
    /// The machine.
    pub config: GatewayConfig,
    /// Where it receives.
    pub listen: SocketAddr,
    /// Records in custody from before, and where their documents are in the vault.
    pub preload: Vec<(RecordId, [u8; 16])>,
    /// Its documents.
    pub vault: Arc<dyn Vault>,
}

/// What a process of gateways is told.
pub struct GatewaysOptions {
    /// The gateways: all of one consortium.
    pub gateways: Vec<GatewayMember>,
    /// The replicas.
    pub committee: Arc<Committee>,
    /// Where replicas and other gateways are.
    pub peers: Arc<BTreeMap<Peer, SocketAddr>>,
    /// Who may connect.
    pub registry: Arc<Registry>,
    /// Threads for signatures, hashes and seals; with none, the machines' own thread does that too.
    pub workers: usize,
    /// The chain's genesis on the wall clock.
    pub genesis_at: SystemTime,
    /// Is told of observations; what it has no room for is counted in [`LiveStatus::unobserved`].
    pub observer: Option<Sender<Report>>,
    /// Transport.
    pub quic: QuicTuning,
}

/// Starts gateways.
pub fn start_gateways(options: GatewaysOptions) -> Result<GatewaysHandle, LiveError> {
    let GatewaysOptions { gateways, committee, peers, registry, workers, genesis_at, observer, quic } =
        options;
    let clock = Clock::new(genesis_at);
    let now = clock.now();
    let (mut hosts, mut seats, mut vaults) = (Vec::new(), Vec::new(), Vec::new());
    let mut places = BTreeMap::new();
    for (place, member) in (0..).zip(gateways) {
        let GatewayMember { config, listen, preload, vault } = member;
        let id = config.id;
        let (socket, tuning) = socket::bind(listen, &quic)?;
        let host = Host::new(
            HostConfig {
                me: Peer::Gateway(id),
                key: Gateway::transport_key(config.secret),
                chain: committee.chain(),
                registry: registry.clone(),
                addresses: peers.clone(),
                tuning,
                entropy: Entropy::from_system().ok_or(LiveError::Entropy)?,
            },
            now,
        )?;
        let mut machine = Gateway::new(config);
        preload.into_iter().for_each(|(record, locator)| machine.preload(record, locator));
        hosts.push((host, socket));
        seats.push(Seat { machine, others: Vec::new(), gateway: Some(id) });
        vaults.push(vault);
        places.insert(id, place);
    }
    tracing::info!(gateways = seats.len(), "starting");
    let shared = Arc::new(Shared::default());
    let answers = unbounded();
    let (vault_in, ops) = unbounded();
    let (completions_in, completions) = unbounded();
    let answers_in = answers.0.clone();
    let vault = spawn("vault", &shared, move || vault::serve(&vaults, &ops, &answers_in));
    let process = Process::start(Setup {
        clock,
        committee,
        workers,
        hosts,
        seats,
        shared,
        answers,
        outlets: Outlets {
            vault: Some(vault_in),
            observer,
            completions: Some(completions_in),
            ..Outlets::default()
        },
    })?;
    Ok(GatewaysHandle { clock, process, completions, places, vault: vault.map_err(LiveError::Thread)? })
}

/// Running gateways.
pub struct GatewaysHandle {
    clock: Clock,
    process: Process,
    completions: Receiver<Completed>,
    /// Which machine a gateway is.
    places: BTreeMap<GatewayId, u32>,
    vault: JoinHandle<()>,
}

impl GatewaysHandle {
    /// Hands a command to a gateway; `Busy` gives it back. It ends with one completion.
    ///
    /// # Panics
    /// If the gateway is none of this process's.
    pub fn command(&self, gateway: GatewayId, command: Command) -> Result<(), Busy<Box<Command>>> {
        let place = *self.places.get(&gateway).expect("the caller commands gateways that it started");
        match self.process.requests.try_send(LocalRequest::Command(place, Box::new(command))) {
            Ok(()) => Ok(()),
            Err(
                TrySendError::Full(LocalRequest::Command(_, command))
                | TrySendError::Disconnected(LocalRequest::Command(_, command)),
            ) => Err(Busy(command)),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                unreachable!("what was sent comes back")
            }
        }
    }

    /// How commands ended. As many wait here as were given.
    pub fn completions(&self) -> &Receiver<Completed> {
        &self.completions
    }

    /// Their time.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Figures.
    pub fn status(&self) -> LiveStatus {
        self.process.shared.status()
    }

    /// Why they stopped by themselves, if they did.
    pub fn failed(&self) -> Option<Arc<LiveError>> {
        self.process.shared.failure()
    }

    /// A way to tell them where peers are now.
    pub fn address_book(&self) -> AddressBook {
        AddressBook(self.process.link.clone())
    }

    /// A view of them that outlives a move of the handle.
    pub fn monitor(&self) -> Monitor {
        Monitor::new(&self.process.shared, None)
    }

    /// Stops, tells peers, and waits for all threads. What was under way is not completed.
    pub fn shutdown(self) -> Result<(), Arc<LiveError>> {
        let vault = self.vault;
        self.process.stop(|| joined("vault", vault))
    }
}

impl Hosted for Gateway {
    fn publish(&self, _: &Shared) {}

    fn is_behind(&self) -> bool {
        false
    }
}
