//! A BFT-ordered ledger for health-record interoperability, as sans-IO machines.
pub mod time;
