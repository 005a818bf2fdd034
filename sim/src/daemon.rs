//! The processes of a deployed consortium: `amanah replica` and `amanah gateway`.
//!
//! A daemon reads its configuration, starts the live driver, and ends well on SIGTERM and SIGINT: it stops accepting,
//! makes the journal durable and closes its connections. It refuses to know what is ordered and why.

mod gateway;
mod http;
pub mod load;
mod names;
mod replica;
pub mod report;

pub use gateway::run_gateway;
pub use names::{addresses, resolve};
pub use replica::run_replica;
pub(crate) use replica::tuning;

use crate::deploy::{Consortium, GenesisError};
use ledger_core::live::LiveError;
use ledger_core::quic::Registry;
use ledger_core::seam::Peer;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a daemon does not run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum DaemonError {
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    #[error("{0}")]
    Live(Arc<LiveError>),
    #[error("{address}: cannot be resolved: {error}")]
    Address { address: String, error: io::Error },
    #[error("{what}: {error}")]
    Io { what: String, error: io::Error },
    #[error("told to stop before it had started")]
    Stopped,
}

impl From<LiveError> for DaemonError {
    fn from(error: LiveError) -> Self {
        Self::Live(Arc::new(error))
    }
}

/// Asks a daemon to end. Clones ask the same.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends it soon.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Everybody who may connect: the committee, and the institutions up to their expiry.
pub fn registry(consortium: &Consortium) -> Registry {
    let mut registry = Registry::of_committee(&consortium.committee);
    for entry in &consortium.institutions {
        let expires = entry.expires.map(|moment| consortium.timestamp(moment));
        registry.insert(entry.transport_key, Peer::Gateway(entry.gateway), expires);
    }
    registry
}
