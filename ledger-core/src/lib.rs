//! A BFT-ordered ledger for health-record interoperability, as sans-IO machines.
pub mod block;
pub mod codec;
pub mod committee;
pub mod crypto;
pub mod ledger;
pub mod protocol;
pub mod seal;
pub mod time;
