//! The deterministic simulator around `ledger-core`.
pub mod check;
pub mod cli;
pub mod diagnostic;
pub mod document;
pub mod event_queue;
pub mod history;
pub mod host;
pub mod metrics;
pub mod network;
pub mod plan;
pub mod population;
pub mod scenario;
pub mod seed;
pub mod workload;
pub mod world;
