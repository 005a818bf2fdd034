//! The simulated network: where hosts are, and how long messages between them take.
//!
//! [`topology`] names latency matrices; [`link`] is `transport: message`. Hosts touch each other only through here,
//! and every path has a minimum delay.

pub mod link;
pub mod topology;
