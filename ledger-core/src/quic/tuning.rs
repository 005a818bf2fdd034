//! What may differ between deployments without changing what a host does.

use super::congestion::{Congestion, Factory};
use super::entropy::Random;
use crate::seam::{Lane, Peer};
use crate::time::Duration;
use quinn_proto::{MtuDiscoveryConfig, TransportConfig, VarInt};
use std::sync::Arc;

/// Smallest datagram that QUIC works with (RFC 9000, section 14).
pub const MTU_MIN: u16 = 1_200;
/// Streams that a peer may open: one a lane, and one to spare.
pub(super) const STREAMS_MAX: u32 = 4;

/// A host's limits and times. Each limit says what happens at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuicTuning {
    /// How fast a sender goes.
    pub congestion: Congestion,
    /// First congestion window, bytes.
    pub initial_window: u64,
    /// Bytes of a UDP payload, at least [`MTU_MIN`]. Nothing larger is sent unless it was discovered.
    pub mtu: u16,
    /// Look for a larger one, up to this. Costs a handful of datagrams a connection.
    pub mtu_discovery: Option<u16>,
    /// Datagrams that [`flush`](super::Host::flush) may put together for one system call.
    pub max_datagrams: usize,
    /// A connection without traffic for so long is closed.
    pub idle_timeout: Duration,
    /// The same between replicas, shorter: an old connection probes less and less often (RFC 9002, section 6.2), so that
    /// after an outage it comes back as much later as the outage was long; a new one is back at once.
    pub replica_idle_timeout: Duration,
    /// A quiet connection that a gateway dialled to a replica is pinged this often.
    pub keep_alive: Option<Duration>,
    /// The same between replicas.
    pub replica_keep_alive: Option<Duration>,
    /// A handshake that takes longer is given up.
    pub handshake_timeout: Duration,
    /// The same between replicas.
    pub replica_handshake_timeout: Duration,
    /// Round trip assumed before the first one is measured: a lost first packet is sent again after three times this.
    pub initial_rtt: Duration,
    /// First wait before dialling again; doubled with every failure, up to `redial_max`, of which half is jitter.
    pub redial_min: Duration,
    /// Longest wait before dialling again.
    pub redial_max: Duration,
    /// The same between replicas.
    pub replica_redial_max: Duration,
    /// Bytes that may wait for a peer in each lane, in the order of [`Lane`], 64 more counted for each message; what comes then
    /// is shed.
    pub queue_bytes_max: [usize; 3],
    /// Bytes under way in each lane that the receiver has not taken; then the lane waits. A connection buffers at most
    /// four times this each way.
    pub window_bytes: u32,
    /// Connections, handshakes included; those that come then are refused.
    pub connections_max: usize,
    /// Handshakes of others under way; those that come then are ignored, and may try again.
    pub handshakes_max: usize,
}

impl Default for QuicTuning {
    fn default() -> Self {
        Self {
            congestion: Congestion::Cubic,
            initial_window: 14_720,
            mtu: 1_452,
            mtu_discovery: None,
            max_datagrams: 10,
            idle_timeout: Duration::from_secs(60),
            replica_idle_timeout: Duration::from_secs(1),
            keep_alive: Some(Duration::from_secs(20)),
            replica_keep_alive: Some(Duration::from_millis(300)),
            handshake_timeout: Duration::from_secs(3),
            replica_handshake_timeout: Duration::from_secs(1),
            initial_rtt: Duration::from_millis(100),
            redial_min: Duration::from_millis(100),
            redial_max: Duration::from_secs(2),
            replica_redial_max: Duration::from_millis(200),
            queue_bytes_max: [64 << 20, 16 << 20, 128 << 20],
            window_bytes: 4 << 20,
            connections_max: 65_536,
            handshakes_max: 4_096,
        }
    }
}

impl QuicTuning {
    /// What is wrong with it.
    pub(super) fn flaw(&self) -> Option<&'static str> {
        let zero = |durations: &[Duration]| durations.contains(&Duration::ZERO);
        if self.mtu < MTU_MIN {
            Some("`mtu` is below 1,200")
        } else if self.max_datagrams == 0 {
            Some("`max_datagrams` is 0")
        } else if self.window_bytes < u32::from(self.mtu) || self.window_bytes > 1 << 29 {
            Some("`window_bytes` is below `mtu` or above 512 MiB")
        } else if zero(&[
            self.idle_timeout,
            self.replica_idle_timeout,
            self.handshake_timeout,
            self.initial_rtt,
        ]) {
            Some("a timeout or `initial_rtt` is 0")
        } else if zero(&[self.redial_min]) || self.redial_min > self.redial_max.min(self.replica_redial_max) {
            Some("`redial_min` is 0 or above a longest wait")
        } else {
            None
        }
    }

    /// How long a handshake with `peer` may take, and the longest wait before it is dialled again.
    pub(super) fn patience(&self, me: Peer, peer: Peer) -> (Duration, Duration) {
        match (me, peer) {
            (Peer::Replica(_), Peer::Replica(_)) => (self.replica_handshake_timeout, self.replica_redial_max),
            (Peer::Replica(_) | Peer::Gateway(_) | Peer::Local, _) => {
                (self.handshake_timeout, self.redial_max)
            }
        }
    }

    /// How a connection behaves. `random` seeds controllers that draw.
    pub(super) fn transport(&self, pairing: Pairing, random: &Random) -> Arc<TransportConfig> {
        let (idle, keep_alive) = match pairing {
            Pairing::Replicas => (self.replica_idle_timeout, self.replica_keep_alive),
            Pairing::GatewayAndReplica => (self.idle_timeout, self.keep_alive),
            // The shorter timeout of both ends counts, and the end that dialled keeps it alive.
            Pairing::Gateways | Pairing::Unknown => (self.idle_timeout, None),
        };
        let mut transport = TransportConfig::default();
        let whole = VarInt::from_u32(self.window_bytes * STREAMS_MAX);
        transport
            .max_concurrent_bidi_streams(VarInt::from_u32(0))
            .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_MAX))
            .max_idle_timeout(idle.try_into().ok())
            .keep_alive_interval(keep_alive)
            .stream_receive_window(VarInt::from_u32(self.window_bytes))
            .receive_window(whole)
            .send_window(whole.into_inner())
            .initial_rtt(self.initial_rtt)
            .initial_mtu(self.mtu)
            .mtu_discovery_config(self.mtu_discovery.map(|upper_bound| {
                let mut discovery = MtuDiscoveryConfig::default();
                discovery.upper_bound(upper_bound);
                discovery
            }))
            .datagram_receive_buffer_size(None)
            .allow_spin(false)
            .enable_segmentation_offload(self.max_datagrams > 1)
            .congestion_controller_factory(Arc::new(Factory {
                congestion: self.congestion,
                initial_window: self.initial_window,
                random: random.clone(),
            }));
        Arc::new(transport)
    }
}

/// Who is at both ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pairing {
    /// Two replicas.
    Replicas,
    /// A gateway that dialled a replica.
    GatewayAndReplica,
    /// Someone who dialled a gateway: there are too many pairs to keep all alive.
    Gateways,
    /// The other end dialled, and has not said yet who it is.
    Unknown,
}

/// Streams of higher priority are sent first.
pub(super) fn priority(lane: Lane) -> i32 {
    match lane {
        Lane::Consensus => 2,
        Lane::Client => 1,
        Lane::Bulk => 0,
    }
}
