//! Deterministic execution of ordered transactions.
pub mod transaction;
