//! The deterministic simulator around `ledger-core`.
pub mod cli;
pub mod diagnostic;
pub mod metrics;
pub mod network;
pub mod plan;
pub mod scenario;
