//! The deterministic simulator around `ledger-core`.
pub mod event_queue;
pub mod plan;
pub mod seed;
