//! Links that carry datagrams: delay, jitter, loss, duplication, reordering, bandwidth and bounded queues.
//!
//! A datagram passes, in this order:
//!
//! 1. the sender's network core, which takes [`HostPlan::datagram_ns`](crate::plan::HostPlan) for it;
//! 2. the sender's card: one queue, first come, first served, of [`QuicPlan::queue_bytes`]; what does not fit is dropped;
//! 3. the path: lost, duplicated or held back with the plan's shares, otherwise in order. Datagrams that leave at one moment
//!    share one draw of jitter, because what delays one on its way delays the next;
//! 4. the receiver's port: bandwidth and a queue like the sender's;
//! 5. the receiver's network core, in front of which [`SOCKET_DATAGRAMS`] may wait. While its process stands still they do.
//!
//! Invariants: no datagram arrives before the path's least delay is over; what is drawn for one (from, to) pair changes
//! no draw of another.

use crate::network::impair::{Gone, Impairments, Room};
use crate::network::pairs::Pairs;
use crate::network::rate::Rate;
use crate::network::{HostAttachment, HostId};
use crate::plan::{DelayPlan, NetworkPlan, QuicPlan};
use crate::seed::{Seed, Stream};
use ledger_core::time::Timestamp;

/// IPv4 and UDP headers of each datagram.
const HEADER_BYTES: u64 = 28;
/// Datagrams that wait in a socket's buffer (4 MiB of full ones); what comes then is dropped.
const SOCKET_DATAGRAMS: u32 = 2_800;

/// What became of datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpCounters {
    /// Sent.
    pub datagrams: u64,
    /// Bytes of those, headers included.
    pub bytes: u64,
    /// Lost on paths.
    pub lost: u64,
    /// Dropped because a queue was full.
    pub overflowed: u64,
    /// Delivered twice.
    pub duplicated: u64,
    /// Held back, so that later ones came first.
    pub reordered: u64,
}

/// When a datagram that was sent reaches the receiver's port, and when its duplicate does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Crossing {
    pub arrival: Option<Timestamp>,
    pub duplicate: Option<Timestamp>,
}

/// What the receiver's end says to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It can be handled now.
    Now,
    /// It waits until then.
    At(Timestamp),
    /// It waits until the process goes on.
    Held,
    /// There is no room for it.
    Dropped,
}

/// All cards and paths.
pub(super) struct Udp {
    delays: Vec<Vec<DelayPlan>>,
    loss_ppb: u64,
    duplication_ppb: u64,
    reordering_ppb: u64,
    ends: Vec<End>,
    paths: Pairs<Path>,
    pub impairments: Impairments,
    seed: Seed,
    pub counters: UdpCounters,
}

/// Where a host meets the network.
struct End {
    region: usize,
    rate: Rate,
    /// What a full queue takes to leave.
    queue_ns: u64,
    datagram_ns: u64,
    out_until_ns: u64,
    in_until_ns: u64,
    core_until_ns: u64,
    core_busy_ns: u64,
    /// Datagrams in the socket.
    waiting: u32,
    /// While the process stands still: what its core had still to do.
    paused_ns: Option<u64>,
}

/// One direction between two hosts.
struct Path {
    stream: Stream,
    left_ns: u64,
    delay_ns: u64,
    last_arrival_ns: u64,
}

impl Udp {
    pub fn new(plan: &NetworkPlan, quic: &QuicPlan, hosts: &[(HostAttachment, u64)], seed: &Seed) -> Self {
        let end = |(attachment, datagram_ns): &(HostAttachment, u64)| {
            let rate = Rate::new(attachment.bandwidth_bits_per_s);
            End {
                region: attachment.region,
                rate,
                queue_ns: rate.time_ns(quic.queue_bytes),
                datagram_ns: *datagram_ns,
                out_until_ns: 0,
                in_until_ns: 0,
                core_until_ns: 0,
                core_busy_ns: 0,
                waiting: 0,
                paused_ns: None,
            }
        };
        Self {
            delays: plan.delays.clone(),
            loss_ppb: plan.loss_ppb,
            duplication_ppb: quic.duplication_ppb,
            reordering_ppb: quic.reordering_ppb,
            ends: hosts.iter().map(end).collect(),
            paths: Pairs::new(hosts.len()),
            impairments: Impairments::new(hosts.len(), Room::Bytes(quic.queue_bytes), seed),
            seed: seed.clone(),
            counters: UdpCounters::default(),
        }
    }

    /// Sends a datagram of `bytes` at `now`, which never goes back.
    pub fn send(&mut self, now: Timestamp, from: HostId, to: HostId, bytes: usize) -> Crossing {
        let bytes = bytes as u64 + HEADER_BYTES;
        self.counters.datagrams += 1;
        self.counters.bytes += bytes;
        let (region, handling_ns) = (self.ends[to.index()].region, self.ends[to.index()].datagram_ns);
        let end = &mut self.ends[from.index()];
        let ready_ns = end.compute(now.0, end.datagram_ns);
        let begins_ns = ready_ns.max(end.out_until_ns);
        let takes_ns = end.rate.time_ns(bytes);
        if begins_ns - ready_ns + takes_ns > end.queue_ns.max(takes_ns) {
            self.counters.overflowed += 1;
            return Crossing::default();
        }
        end.out_until_ns = begins_ns + takes_ns;
        let (left_ns, delay) = (end.out_until_ns, self.delays[end.region][region]);
        let seed = &self.seed;
        let path = self.paths.get(from, to, || Path {
            stream: seed.stream(&format!("network/udp/{}/{}", from.0, to.0)),
            left_ns: u64::MAX,
            delay_ns: 0,
            last_arrival_ns: 0,
        });
        if path.left_ns != now.0 {
            path.left_ns = now.0;
            path.delay_ns = draw(delay, &mut path.stream);
        }
        let happens = |share: u64, stream: &mut Stream| share > 0 && stream.chance(share, 1_000_000_000);
        let impairments = &mut self.impairments;
        let duplicated =
            happens(self.duplication_ppb, &mut path.stream) | impairments.duplicates(from, to, left_ns);
        let mut cross = |counters: &mut UdpCounters| {
            if happens(self.loss_ppb, &mut path.stream) {
                counters.lost += 1;
                return None;
            }
            let crossed = match impairments.packet((from, to), bytes, (left_ns, least(delay))) {
                Ok(crossed) => crossed,
                Err(gone) => {
                    match gone {
                        Gone::Lost => counters.lost += 1,
                        Gone::Overflowed => counters.overflowed += 1,
                    }
                    return None;
                }
            };
            let mut arrival_ns = left_ns.saturating_add(path.delay_ns).saturating_add(crossed.later_ns);
            let held_ns = match happens(self.reordering_ppb, &mut path.stream) {
                true => Some(path.stream.below(least(delay).max(1))),
                false => crossed.held_ns,
            };
            if let Some(held_ns) = held_ns {
                counters.reordered += 1;
                arrival_ns = arrival_ns.saturating_add(held_ns);
            } else {
                arrival_ns = arrival_ns.max(path.last_arrival_ns);
                path.last_arrival_ns = arrival_ns;
            }
            // The receiver's core is named here so that an idle one costs no event of its own.
            Some(Timestamp(arrival_ns.saturating_add(handling_ns)))
        };
        let arrival = cross(&mut self.counters);
        let duplicate = duplicated.then(|| cross(&mut self.counters)).flatten();
        self.counters.duplicated += u64::from(duplicate.is_some());
        Crossing { arrival, duplicate }
    }

    /// A datagram that [`send`](Self::send) announced is at its receiver's port.
    pub fn admit(&mut self, now: Timestamp, to: HostId, bytes: usize) -> Admission {
        if !self.passes_port(now, to, bytes) {
            self.counters.overflowed += 1;
            return Admission::Dropped;
        }
        let end = &mut self.ends[to.index()];
        if end.paused_ns.is_some() {
            end.waiting += 1;
            return Admission::Held;
        }
        let done = Timestamp(end.compute(end.in_until_ns, end.datagram_ns));
        if done <= now {
            return Admission::Now;
        }
        end.waiting += 1;
        Admission::At(done)
    }

    /// Whether there is room for a datagram in the port's queue and in the socket behind it.
    fn passes_port(&mut self, now: Timestamp, to: HostId, bytes: usize) -> bool {
        let end = &mut self.ends[to.index()];
        let takes_ns = end.rate.time_ns(bytes as u64 + HEADER_BYTES);
        let arrived_ns = now.0.saturating_sub(end.datagram_ns);
        let backlog_ns = end.in_until_ns.saturating_sub(arrived_ns);
        if backlog_ns > end.queue_ns.max(takes_ns) {
            return false;
        }
        end.in_until_ns = arrived_ns.max(end.in_until_ns.saturating_add(takes_ns));
        end.waiting < SOCKET_DATAGRAMS
    }

    /// A datagram that was admitted for later is taken.
    pub fn take(&mut self, to: HostId) {
        // A crash may have emptied the socket meanwhile.
        let waiting = &mut self.ends[to.index()].waiting;
        *waiting = waiting.saturating_sub(1);
    }

    /// A host's process stands still; what arrives waits in its socket.
    pub fn pause(&mut self, now: Timestamp, host: HostId) {
        let end = &mut self.ends[host.index()];
        end.paused_ns.get_or_insert(end.core_until_ns.saturating_sub(now.0));
    }

    /// It goes on where it stood.
    pub fn resume(&mut self, now: Timestamp, host: HostId) {
        let end = &mut self.ends[host.index()];
        if let Some(left_ns) = end.paused_ns.take() {
            end.core_until_ns = now.0.saturating_add(left_ns);
        }
    }

    /// When the core is done with a datagram that waited in the socket; one that had been admitted is paid for.
    pub fn catch_up(&mut self, now: Timestamp, host: HostId, admitted: bool) -> Timestamp {
        let end = &mut self.ends[host.index()];
        let cost_ns = if admitted { 0 } else { end.datagram_ns };
        Timestamp(end.compute(now.0, cost_ns))
    }

    /// Keeps a host's network core busy: a handshake's cryptography.
    pub fn occupy(&mut self, now: Timestamp, host: HostId, cost_ns: u64) {
        self.ends[host.index()].compute(now.0, cost_ns);
    }

    /// A crash empties a host's queues.
    pub fn crash(&mut self, now: Timestamp, host: HostId) {
        let end = &mut self.ends[host.index()];
        end.core_busy_ns -= end.core_until_ns.saturating_sub(now.0).min(end.core_busy_ns);
        end.waiting = 0;
        end.paused_ns = end.paused_ns.map(|_| 0);
        (end.out_until_ns, end.in_until_ns, end.core_until_ns) = (now.0, now.0, now.0);
    }

    /// Time that a host's network core worked.
    pub fn core_busy_ns(&self, host: HostId) -> u64 {
        self.ends[host.index()].core_busy_ns
    }
}

impl End {
    fn compute(&mut self, ready_ns: u64, cost_ns: u64) -> u64 {
        self.core_until_ns = self.core_until_ns.max(ready_ns).saturating_add(cost_ns);
        self.core_busy_ns += cost_ns;
        self.core_until_ns
    }
}

fn draw(delay: DelayPlan, stream: &mut Stream) -> u64 {
    match delay {
        DelayPlan::Exponential { min_ns, jitter_mean_ns } => {
            min_ns.saturating_add(stream.exponential(jitter_mean_ns))
        }
        DelayPlan::Uniform { min_ns, max_ns } => stream.uniform(min_ns, max_ns),
    }
}

fn least(delay: DelayPlan) -> u64 {
    match delay {
        DelayPlan::Exponential { min_ns, .. } | DelayPlan::Uniform { min_ns, .. } => min_ns,
    }
}
