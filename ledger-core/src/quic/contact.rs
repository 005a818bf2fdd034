//! A peer as the host knows it: its connections, what waits for it, and when it is dialled next.

use super::link::{ALL_LANES, LANES};
use crate::seam::Lane;
use crate::time::{Duration, Timestamp};
use bytes::Bytes;
use std::collections::VecDeque;

/// Failures after which the wait before dialling no longer grows.
const DOUBLINGS_MAX: u32 = 16;
/// What a message that waits costs beside its bytes: its handle, and its share of the allocation. Without it a peer that
/// asks for the shortest answers and does not read them would have several times the lane's bound kept for it.
const MESSAGE_COST: usize = 64;

/// Invariant: `queued_bytes` are the bytes in `queues`.
#[derive(Default)]
pub(super) struct Contact {
    /// Established connections by index, the newest last.
    pub links: Vec<usize>,
    /// The connection being made.
    pub dialling: Option<usize>,
    /// Whether to stay connected.
    pub keep: bool,
    /// Attempts that failed since the last connection that lasted.
    pub failures: u32,
    /// When to dial next; the entry in the host's redials.
    pub redial_at: Option<Timestamp>,
    /// Whether its messages are left in its streams.
    pub paused: bool,
    queues: [VecDeque<Bytes>; LANES],
    queued_bytes: [usize; LANES],
}

impl Contact {
    /// The newest connection: if the peer restarted, no other reaches it.
    pub fn link(&self) -> Option<usize> {
        self.links.last().copied()
    }

    /// Queues a message unless the lane would hold more than `bytes_max`, [`MESSAGE_COST`] counted for each message that waits
    /// already.
    pub fn push(&mut self, lane: Lane, bytes: Bytes, bytes_max: usize) -> bool {
        let queued = &mut self.queued_bytes[lane as usize];
        let costs = self.queues[lane as usize].len() * MESSAGE_COST;
        if *queued + costs + bytes.len() > bytes_max {
            return false;
        }
        *queued += bytes.len();
        self.queues[lane as usize].push_back(bytes);
        true
    }

    pub fn front(&self, lane: Lane) -> Option<&Bytes> {
        self.queues[lane as usize].front()
    }

    pub fn pop(&mut self, lane: Lane) -> Option<Bytes> {
        let bytes = self.queues[lane as usize].pop_front()?;
        self.queued_bytes[lane as usize] -= bytes.len();
        Some(bytes)
    }

    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes.iter().sum()
    }

    pub fn has_queued(&self) -> bool {
        ALL_LANES.iter().any(|lane| self.front(*lane).is_some())
    }

    /// How long to wait before the next attempt, jitter not yet taken off: half of it may be.
    pub fn backoff(&self, min: Duration, max: Duration) -> Duration {
        let doubled = min.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX));
        doubled.min(max)
    }
}
