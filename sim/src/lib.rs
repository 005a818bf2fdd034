//! The deterministic simulator around `ledger-core`.
pub mod plan;
