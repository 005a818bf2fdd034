//! What a host tells its driver, and what it counts.

use crate::seam::{Lane, Peer};
use bytes::Bytes;
use std::fmt;
use std::net::SocketAddr;

/// What happened on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message from an authenticated peer.
    Message {
        /// Sender.
        from: Peer,
        /// Urgency.
        lane: Lane,
        /// The message.
        bytes: Bytes,
    },
    /// The first connection with a peer that had none.
    Connected(Peer),
    /// No connection with this peer is left, or an attempt to make one failed.
    Disconnected(Peer, Reason),
    /// Someone who wanted to connect may not.
    Refused {
        /// Where the attempt came from.
        from: SocketAddr,
        /// Why.
        reason: Refusal,
    },
    /// A message that will not be sent: its queue is full, or the peer cannot be reached.
    Shed {
        /// To whom.
        to: Peer,
        /// Urgency.
        lane: Lane,
        /// Its length.
        bytes: usize,
    },
}

/// Why a handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The registry does not have the key.
    UnknownKey,
    /// The registry has the key, but its time is over.
    ExpiredKey,
    /// The key is another peer's than the one that was dialled.
    WrongKey,
    /// The handshake is not signed by the key.
    BadSignature,
    /// The peer serves another chain or speaks another version.
    OtherChain,
    /// No room: too many handshakes under way, or too many connections.
    Full,
    /// The handshake failed otherwise.
    Handshake,
}

impl Refusal {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::UnknownKey,
        Self::ExpiredKey,
        Self::WrongKey,
        Self::BadSignature,
        Self::OtherChain,
        Self::Full,
        Self::Handshake,
    ];
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownKey => "the key is not in the registry",
            Self::ExpiredKey => "the key has expired",
            Self::WrongKey => "the key is another peer's",
            Self::BadSignature => "the handshake is not signed by the key",
            Self::OtherChain => "the peer serves another chain or speaks another version",
            Self::Full => "no room for another connection",
            Self::Handshake => "the handshake failed",
        })
    }
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is not known where the peer is.
    NoAddress,
    /// Nothing was heard for the idle timeout.
    TimedOut,
    /// The handshake took too long.
    HandshakeTimedOut,
    /// The peer's process is another one than before.
    Restarted,
    /// The peer closed it.
    ClosedByPeer,
    /// This host closed it.
    Closed,
    /// This host refused the peer.
    Refused(Refusal),
    /// The peer refused this host.
    RefusedByPeer(Refusal),
    /// The peer sent what no correct peer sends: an oversized frame, an unknown lane, or broken QUIC.
    Misbehaved,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("no address"),
            Self::TimedOut => f.write_str("nothing heard for too long"),
            Self::HandshakeTimedOut => f.write_str("no answer to the handshake"),
            Self::Restarted => f.write_str("the peer restarted"),
            Self::ClosedByPeer => f.write_str("closed by the peer"),
            Self::Closed => f.write_str("closed"),
            Self::Refused(refusal) => write!(f, "refused: {refusal}"),
            Self::RefusedByPeer(refusal) => write!(f, "refused by the peer: {refusal}"),
            Self::Misbehaved => f.write_str("the peer broke the protocol"),
        }
    }
}

/// What a host has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams handed out.
    pub datagrams_sent: u64,
    /// Datagrams taken in.
    pub datagrams_received: u64,
    /// Bytes of the datagrams handed out.
    pub bytes_sent: u64,
    /// Bytes of the datagrams taken in.
    pub bytes_received: u64,
    /// Datagrams that belong to no connection and open none.
    pub garbage: u64,
    /// Packets declared lost, and so sent again.
    pub packets_lost: u64,
    /// Connections established by dialling.
    pub dialled: u64,
    /// Connections established by a peer's dialling.
    pub accepted: u64,
    /// Connections that ended after they were established.
    pub disconnected: u64,
    /// Handshakes that ended without a connection, refused ones included.
    pub handshakes_failed: u64,
    /// Refused, in the order of [`Refusal::ALL`].
    pub refused: [u64; Refusal::ALL.len()],
    /// Messages shed.
    pub shed: u64,
    /// Bytes of the messages shed.
    pub shed_bytes: u64,
    /// Bytes that wait for a connection or for flow control now.
    pub queued_bytes: u64,
    /// Connections now, those in handshake and those closing included.
    pub connections: u64,
}

impl Counters {
    /// Refused for this reason.
    pub fn refused_for(&self, refusal: Refusal) -> u64 {
        self.refused[refusal as usize]
    }
}
