//! `transport: message`: one delay-and-bandwidth model per message, for populations too large for packets.
//!
//! A message passes, in this order:
//!
//! 1. the sender's card: a queue per lane, higher lanes first ([`nic::Egress`]);
//! 2. its connection ([`path::Path`]): slow-start rounds if it is larger than the window, retransmissions of the
//!    packets it loses, then the one-way delay drawn for it;
//! 3. the receiver's card: bandwidth shared by arrival time, higher lanes first ([`nic::Ingress`]);
//! 4. its stream: within (from, to, lane) nothing overtakes.
//!
//! Invariants: a message never arrives before `now +` [`Network::delay_min`]; what is drawn for one (from, to) pair
//! changes no draw of another; memory grows with the pairs that talk, not with all pairs. Messages count
//! without headers, acknowledgements cost nothing, and links between the cards have room for everything. It does not
//! know what a message says, and delivers it whether or not the hosts can reach each other: the world asks
//! [`Network::reachable`] when it is sent and when it arrives, and drops it if either says no.

mod nic;
mod path;

use crate::plan::{DelayPlan, NetworkPlan};
use crate::seed::Seed;
use ledger_core::seam::Lane;
use ledger_core::time::{Duration, Timestamp};
use nic::{Egress, Ingress};
use path::{Loss, Path};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A host's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

/// Lanes that there are.
pub const LANES: usize = 3;
/// Bytes of a message that fit in a packet.
pub const PACKET_BYTES: u64 = 1_200;
/// Hosts with ids below this find their paths in a table, others in a map: committees come first.
const DENSE_HOSTS: usize = 128;
/// An unused place in the table.
const NONE: u32 = u32::MAX;

/// Where a host is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostAttachment {
    /// Index into the plan's regions.
    pub region: usize,
    /// Of its card, each way; at least 1.
    pub bandwidth_bits_per_s: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When its last byte is at the receiver, in stream order.
    pub arrival: Timestamp,
    /// Packets that had to be sent again.
    pub packets_lost: u64,
}

/// Totals of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneCounters {
    /// Messages sent.
    pub messages: u64,
    /// Bytes sent, retransmissions not counted.
    pub bytes: u64,
    /// Packets sent, retransmissions not counted.
    pub packets: u64,
    /// Packets lost, and therefore sent again.
    pub packets_lost: u64,
}

/// All hosts' cards and the paths between them.
pub struct Network {
    delays: Vec<Vec<DelayPlan>>,
    loss: Loss,
    hosts: Vec<Host>,
    groups: Option<Vec<u32>>,
    paths: Vec<Path>,
    /// `dense[from * dense_hosts + to]` indexes `paths`.
    dense: Vec<u32>,
    dense_hosts: usize,
    sparse: HashMap<u64, u32, BuildHasherDefault<PairHasher>>,
    seed: Seed,
    counters: [LaneCounters; LANES],
}

struct Host {
    region: usize,
    egress: Egress,
    ingress: Ingress,
}

impl Network {
    /// Hosts are named by their index in `hosts`. The plan is complete: every region has its row of delays.
    pub fn new(plan: &NetworkPlan, hosts: Vec<HostAttachment>, seed: &Seed) -> Self {
        let dense_hosts = hosts.len().min(DENSE_HOSTS);
        let host = |attachment: HostAttachment| Host {
            region: attachment.region,
            egress: Egress::new(attachment.bandwidth_bits_per_s),
            ingress: Ingress::new(attachment.bandwidth_bits_per_s),
        };
        Self {
            delays: plan.delays.clone(),
            loss: Loss::new(plan.loss_ppb),
            hosts: hosts.into_iter().map(host).collect(),
            groups: None,
            paths: Vec::new(),
            dense: vec![NONE; dense_hosts * dense_hosts],
            dense_hosts,
            sparse: HashMap::default(),
            seed: seed.clone(),
            counters: [LaneCounters::default(); LANES],
        }
    }

    /// Sends `bytes` at `now`, which never goes back.
    pub fn send(&mut self, now: Timestamp, from: HostId, to: HostId, lane: Lane, bytes: usize) -> Delivery {
        let bytes = bytes as u64;
        let packets = bytes.div_ceil(PACKET_BYTES).max(1);
        let path = self.path(from, to);
        let sent = self.hosts[from.0 as usize].egress.send(now.0, lane, bytes);
        let path = &mut self.paths[path];
        let flight = path.cross(&self.loss, lane, sent, bytes, packets);
        let arrived =
            self.hosts[to.0 as usize].ingress.receive(now.0, flight.arrival_ns, sent.took_ns, lane, bytes);
        let counters = &mut self.counters[lane as usize];
        counters.messages += 1;
        counters.bytes += bytes;
        counters.packets += packets;
        counters.packets_lost += flight.packets_lost;
        Delivery { arrival: Timestamp(path.in_order(lane, arrived)), packets_lost: flight.packets_lost }
    }

    /// Separates hosts of different groups (one group per host), or heals all with `None`.
    ///
    /// # Panics
    /// If the groups are not one per host.
    pub fn set_groups(&mut self, groups: Option<Vec<u32>>) {
        assert!(groups.as_ref().is_none_or(|groups| groups.len() == self.hosts.len()), "one group per host");
        self.groups = groups;
    }

    /// Whether a message between them gets through at this moment.
    pub fn reachable(&self, from: HostId, to: HostId) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups[from.0 as usize] == groups[to.0 as usize])
    }

    /// No message from `from` is at `to` sooner than this after it was sent.
    pub fn delay_min(&self, from: HostId, to: HostId) -> Duration {
        match self.delay(from, to) {
            DelayPlan::Exponential { min_ns, .. } | DelayPlan::Uniform { min_ns, .. } => {
                Duration::from_nanos(min_ns)
            }
        }
    }

    /// Totals by lane, in the order of [`Lane`].
    pub fn counters(&self) -> &[LaneCounters; LANES] {
        &self.counters
    }

    fn delay(&self, from: HostId, to: HostId) -> DelayPlan {
        self.delays[self.hosts[from.0 as usize].region][self.hosts[to.0 as usize].region]
    }

    #[inline]
    fn path(&mut self, from: HostId, to: HostId) -> usize {
        let (row, column) = (from.0 as usize, to.0 as usize);
        let known = if row < self.dense_hosts && column < self.dense_hosts {
            self.dense[row * self.dense_hosts + column]
        } else {
            self.sparse.get(&pair(from, to)).copied().unwrap_or(NONE)
        };
        if known == NONE { self.open(from, to) } else { known as usize }
    }

    #[cold]
    fn open(&mut self, from: HostId, to: HostId) -> usize {
        let index = u32::try_from(self.paths.len()).expect("memory ends before 2^32 paths");
        let bottleneck = |host: HostId| self.hosts[host.0 as usize].egress.bandwidth_bits_per_s();
        let stream = self.seed.stream(&format!("network/path/{}/{}", from.0, to.0));
        let bandwidth = bottleneck(from).min(bottleneck(to));
        self.paths.push(Path::new(self.delay(from, to), bandwidth, &self.loss, stream));
        let (row, column) = (from.0 as usize, to.0 as usize);
        if row < self.dense_hosts && column < self.dense_hosts {
            self.dense[row * self.dense_hosts + column] = index;
        } else {
            self.sparse.insert(pair(from, to), index);
        }
        index as usize
    }
}

fn pair(from: HostId, to: HostId) -> u64 {
    u64::from(from.0) << 32 | u64::from(to.0)
}

/// Mixes a pair of host ids; fixed, because std's hasher is seeded by the operating system. The map is never iterated.
#[derive(Default)]
struct PairHasher(u64);

impl Hasher for PairHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
