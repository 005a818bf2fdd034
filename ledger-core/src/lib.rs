//! A BFT-ordered ledger for health-record interoperability, as sans-IO machines.
pub mod audit;
pub mod block;
pub mod codec;
pub mod committee;
pub mod crypto;
pub mod gateway;
pub mod ledger;
pub mod message;
pub mod protocol;
pub mod replica;
pub mod seal;
pub mod seam;
pub mod time;
pub mod work;
