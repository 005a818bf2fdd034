//! Understanding a run by playing it again: what became of a transaction, commit or leader slot and why.

pub mod chart;
pub mod chronicle;
pub mod explain;
mod message;
pub mod state;
pub mod subject;
pub mod trace;
