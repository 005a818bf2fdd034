//! The deterministic simulator around `ledger-core`.
pub mod event_queue;
pub mod host;
pub mod network;
pub mod plan;
pub mod seed;
