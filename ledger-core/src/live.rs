//! The live driver: the same machines on sockets, disks, threads and the host's clock.
//!
//! [`start_replica`] runs a replica from its journal, [`start_gateways`] one gateway or hundreds; both speak QUIC over
//! UDP. [`client`] is an SDK for programs that submit transactions without being a gateway, [`metrics`] an endpoint for
//! health checks and Prometheus.
//!
//! This is the one module of the crate that asks for the time, draws entropy, and owns threads, sockets and files; the
//! machines that it drives do not. It refuses to know what is ordered, what the ledger's rules are, and what documents
//! say.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the driver is what the machines leave clock, entropy, threads, sockets and files to"
)]

pub mod client;
mod clock;
mod cpu;
mod gateways;
pub mod journal;
pub mod metrics;
mod replica;
mod runtime;
mod socket;
mod status;
#[cfg(test)]
mod tests;
mod vault;

pub use clock::Clock;
pub use cpu::{Chore, Spent};
pub use gateways::{GatewayMember, GatewaysHandle, GatewaysOptions, start_gateways};
pub use replica::{
    Busy, LocalClient, Monitor, ReplicaHandle, ReplicaOptions, SEGMENT_BYTES_MAX, start_on, start_replica,
};
pub use runtime::machines::{Completed, Replies, Report, busy};
pub use runtime::network::AddressBook;
pub use socket::SOCKET_BUFFER_BYTES;
pub use status::LiveStatus;
#[cfg(feature = "s3")]
pub use vault::BucketVault;
pub use vault::{BucketPlace, DirectoryVault, MemoryVault, Vault};

use crate::quic::QuicError;
use crate::replica::SnapshotError;
use journal::JournalError;
use std::io;
use std::net::SocketAddr;

/// Why a process cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// Its journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal is whole, but what it says cannot be believed.
    #[error("the journal does not fit the consortium's configuration: {0}; was the chain or a key changed?")]
    Replay(SnapshotError),
    /// Its address.
    #[error("cannot receive at {address}: {source}; is another process using it, or is it another host's?")]
    Socket {
        /// Where it was to receive.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Its transport.
    #[error(transparent)]
    Quic(#[from] QuicError),
    /// The host has no randomness to give.
    #[error("the operating system gave no randomness: without it no connection is safe")]
    Entropy,
    /// No thread could be started, or a thread's runtime failed.
    #[error("a thread failed: {0}")]
    Thread(io::Error),
    /// Our own mistake.
    #[error("the {thread} thread panicked: a bug of the program; its message is in the log")]
    Panicked {
        /// Which.
        thread: String,
    },
}
