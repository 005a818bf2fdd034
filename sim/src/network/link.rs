//! `transport: message`: one delay-and-bandwidth model per message, for populations too large for packets.
//!
//! A message passes, in this order:
//!
//! 1. the sender's card: a queue per lane, higher lanes first (`nic::Egress`);
//! 2. its connection: a round trip for the handshake if there is none (`Connection`), then (`path::Path`) slow-start
//!    rounds if it is larger than the window, retransmissions of the packets it loses, and the one-way delay drawn for
//!    it;
//! 3. the receiver's card: bandwidth shared by arrival time, higher lanes first (`nic::Ingress`);
//! 4. its stream: within (from, to, lane) nothing overtakes.
//!
//! Invariants: a message never arrives before `now +` [`Network::delay_min`]; what is drawn for one (from, to) pair
//! changes no draw of another; memory grows with the pairs that talk, not with all pairs. Messages count
//! without headers, acknowledgements cost nothing, and links between the cards have room for everything. It does not
//! know what a message says, and delivers it whether or not the hosts can reach each other: the world asks its
//! [`Groups`](super::Groups) when it is sent and when it arrives, and drops it if either says no.

pub(in crate::network) mod nic;
mod path;

use super::impair::{Impairments, Load, Room, WorseLinks};
use super::pairs::Pairs;
use super::{HostAttachment, HostId};
use crate::plan::{DelayPlan, NetworkPlan};
use crate::seed::Seed;
use ledger_core::seam::Lane;
use ledger_core::time::{Duration, Timestamp};
use nic::{Egress, Ingress};
use path::{Loss, Path};

/// Lanes that there are.
pub const LANES: usize = 3;
/// Bytes of a message that fit in a packet.
pub const PACKET_BYTES: u64 = 1_200;
/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// When its last byte is at the receiver, in stream order.
    pub arrival: Timestamp,
    /// Packets that had to be sent again.
    pub packets_lost: u64,
}

/// What would wait for longer than this in front of a link that a fault has narrowed is shed, as senders shed what their
/// buffers have no room for: a message knows when it arrives as soon as it is sent, so a longer backlog would outlive the fault.
const NARROW_ROOM_NS: u64 = 1_000_000_000;

/// A connection that nobody has used for so long is closed, as `network.idle_timeout` has it if nothing is written.
const IDLE_TIMEOUT_NS: u64 = 60_000_000_000;

/// What is between two hosts, whoever opened it.
#[derive(Clone, Copy, Default)]
struct Connection {
    /// When it was opened, when its handshake is done, and when it was last used.
    opened_ns: u64,
    ready_ns: u64,
    used_ns: Option<u64>,
    /// Whether it is kept alive.
    kept: bool,
    /// By direction: whether it was opened anew since anything was sent.
    cold: [bool; 2],
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
    paths: Pairs<Path>,
    /// By (lower, higher).
    connections: Pairs<Connection>,
    impairments: Impairments,
    seed: Seed,
    counters: [LaneCounters; LANES],
}

struct Host {
    region: usize,
    /// Since when its process runs: connections from before are gone.
    restarted_ns: u64,
    egress: Egress,
    ingress: Ingress,
}

impl Network {
    /// Hosts are named by their index in `hosts`. The plan is complete: every region has its row of delays.
    pub fn new(plan: &NetworkPlan, hosts: Vec<HostAttachment>, seed: &Seed) -> Self {
        let host = |attachment: HostAttachment| Host {
            region: attachment.region,
            restarted_ns: 0,
            egress: Egress::new(attachment.bandwidth_bits_per_s),
            ingress: Ingress::new(attachment.bandwidth_bits_per_s),
        };
        Self {
            delays: plan.delays.clone(),
            loss: Loss::new(plan.loss_ppb),
            paths: Pairs::new(hosts.len()),
            connections: Pairs::new(hosts.len()),
            impairments: Impairments::new(hosts.len(), Room::Nanos(NARROW_ROOM_NS), seed),
            hosts: hosts.into_iter().map(host).collect(),
            seed: seed.clone(),
            counters: [LaneCounters::default(); LANES],
        }
    }

    /// Two hosts are connected from the start, and stay so.
    pub fn connect(&mut self, a: HostId, b: HostId) {
        let connection = self.connections.get(a.min(b), a.max(b), Connection::default);
        connection.kept = true;
    }

    /// A host's process starts anew, and with it the connections that are kept.
    pub fn restarted(&mut self, now: Timestamp, host: HostId) {
        self.hosts[host.index()].restarted_ns = now.0;
    }

    /// Sends `bytes` at `now`, which never goes back. `None` if a fault has narrowed a link on the way so much that there is
    /// no room.
    pub fn send(
        &mut self,
        now: Timestamp,
        from: HostId,
        to: HostId,
        lane: Lane,
        bytes: usize,
    ) -> Option<Delivery> {
        let bytes = bytes as u64;
        let packets = bytes.div_ceil(PACKET_BYTES).max(1);
        let sent = self.hosts[from.0 as usize].egress.send(now.0, lane, bytes);
        let (handshake_ns, cold) = self.handshake(now.0, from, to);
        let (delays, hosts, loss, seed) = (&self.delays, &self.hosts, &self.loss, &self.seed);
        let path = self.paths.get(from, to, || {
            let (source, sink) = (&hosts[from.0 as usize], &hosts[to.0 as usize]);
            let bandwidth = source.egress.bandwidth_bits_per_s().min(sink.egress.bandwidth_bits_per_s());
            let stream = seed.stream(&format!("network/path/{}/{}", from.0, to.0));
            Path::new(delays[source.region][sink.region], bandwidth, loss, stream)
        });
        if cold {
            path.open();
        }
        let flight = path.cross(&self.loss, lane, sent, bytes, packets);
        let region = |host: HostId| hosts[host.0 as usize].region;
        let delay = |from: HostId, to: HostId| mean_ns(delays[region(from)][region(to)]);
        let round_trip_ns = || delay(from, to).saturating_add(delay(to, from));
        let least_ns = least_ns(delays[region(from)][region(to)]);
        let load = Load { lane, bytes, packets, left_ns: sent.end_ns, least_ns };
        let carried = self.impairments.message((from, to), load, round_trip_ns)?;
        let packets_lost = flight.packets_lost + carried.lost;
        let arrival_ns = flight.arrival_ns.saturating_add(handshake_ns).saturating_add(carried.later_ns);
        let taken = bytes + carried.duplicated_bytes();
        let arrived = self.hosts[to.0 as usize].ingress.receive(now.0, arrival_ns, sent.took_ns, lane, taken);
        let counters = &mut self.counters[lane as usize];
        counters.messages += 1;
        counters.bytes += bytes;
        counters.packets += packets;
        counters.packets_lost += packets_lost;
        Some(Delivery { arrival: Timestamp(path.in_order(lane, arrived)), packets_lost })
    }

    /// Links are worse from now on, because of a fault.
    pub fn impair(&mut self, fault: usize, links: Vec<WorseLinks>) {
        self.impairments.begin(fault, links);
    }

    /// No longer, as far as this fault made them so.
    pub fn mend(&mut self, fault: usize) {
        self.impairments.end(fault);
    }

    /// How long a message waits for its connection: the one that opens it waits for a round trip (RFC 9000, section 7), and
    /// those behind it for what is left of that. And whether nothing was sent this way since it was opened.
    fn handshake(&mut self, now_ns: u64, from: HostId, to: HostId) -> (u64, bool) {
        let round_trip_ns = mean_ns(self.delay(from, to)).saturating_add(mean_ns(self.delay(to, from)));
        let connection = self.connections.get(from.min(to), from.max(to), Connection::default);
        let last_ns = connection.used_ns.replace(now_ns);
        let gone_ns = self.hosts[from.index()].restarted_ns.max(self.hosts[to.index()].restarted_ns);
        if gone_ns > connection.opened_ns {
            connection.opened_ns = now_ns;
            let dialled_ns = if connection.kept { gone_ns } else { now_ns };
            connection.ready_ns = dialled_ns.saturating_add(round_trip_ns);
            connection.cold = [true; 2];
        } else if !connection.kept && last_ns.is_none_or(|last| now_ns.saturating_sub(last) > IDLE_TIMEOUT_NS)
        {
            connection.ready_ns = now_ns.saturating_add(round_trip_ns);
            connection.cold = [true; 2];
        }
        let cold = std::mem::take(&mut connection.cold[usize::from(from > to)]);
        (connection.ready_ns.saturating_sub(now_ns), cold)
    }

    /// No message from `from` is at `to` sooner than this after it was sent.
    pub fn delay_min(&self, from: HostId, to: HostId) -> Duration {
        Duration::from_nanos(least_ns(self.delay(from, to)))
    }

    /// Totals by lane, in the order of [`Lane`].
    pub fn counters(&self) -> &[LaneCounters; LANES] {
        &self.counters
    }

    fn delay(&self, from: HostId, to: HostId) -> DelayPlan {
        self.delays[self.hosts[from.0 as usize].region][self.hosts[to.0 as usize].region]
    }
}

fn least_ns(delay: DelayPlan) -> u64 {
    match delay {
        DelayPlan::Exponential { min_ns, .. } | DelayPlan::Uniform { min_ns, .. } => min_ns,
    }
}

fn mean_ns(delay: DelayPlan) -> u64 {
    match delay {
        DelayPlan::Exponential { min_ns, jitter_mean_ns } => min_ns.saturating_add(jitter_mean_ns),
        DelayPlan::Uniform { min_ns, max_ns } => u64::midpoint(min_ns, max_ns),
    }
}

#[cfg(test)]
mod tests;
