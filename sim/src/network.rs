//! The simulated network: where hosts are, and how long what is between them takes.
//!
//! [`topology`] names latency matrices. [`quic`] is `transport: quic`: real QUIC packets over simulated UDP links;
//! [`link`] is `transport: message`: one model per message. Hosts touch each other only through here, and every path has
//! a minimum delay.

mod impair;
pub mod link;
mod links;
mod pairs;
pub mod quic;
mod rate;
pub mod topology;

pub use impair::{Impairment, Shared, WorseLinks};
pub use links::{LinkUse, Links};
use std::sync::Arc;

/// A host's index: replicas first, then gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

impl HostId {
    /// As an index into tables of hosts.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a host is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostAttachment {
    /// Index into the plan's regions.
    pub region: usize,
    /// Of its card, each way; at least 1.
    pub bandwidth_bits_per_s: u64,
}

/// Who reaches whom: hosts of one group reach each other, but for what is cut one way. Without groups all do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    of: Option<Arc<[u32]>>,
    cuts: Option<Arc<[Cut]>>,
}

/// What some hosts send to others is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Senders, by host.
    pub from: Vec<bool>,
    /// Receivers, by host.
    pub to: Vec<bool>,
}

impl Groups {
    /// One group per host.
    pub fn of(groups: Vec<u32>) -> Self {
        Self { of: Some(groups.into()), cuts: None }
    }

    /// The same, but for these cuts.
    pub fn with(self, cuts: Vec<Cut>) -> Self {
        Self { cuts: (!cuts.is_empty()).then(|| cuts.into()), ..self }
    }

    /// Whether what is between them gets through.
    pub fn reachable(&self, from: HostId, to: HostId) -> bool {
        let cut = |cut: &Cut| cut.from[from.index()] && cut.to[to.index()];
        self.of.as_ref().is_none_or(|groups| groups[from.index()] == groups[to.index()])
            && !self.cuts.as_ref().is_some_and(|cuts| cuts.iter().any(cut))
    }
}
