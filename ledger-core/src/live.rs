//! The live driver: the same machines on sockets, disks, threads and the host's clock.
//!
//! This is the one module of the crate that asks for the time, draws entropy, and owns threads, sockets and files; the
//! machines that it drives do not. It refuses to know what is ordered, what the ledger's rules are, and what documents
//! say.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the driver is what the machines leave clock, entropy, threads, sockets and files to"
)]

pub mod journal;
