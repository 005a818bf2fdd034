//! What acknowledgements tell of a path: delivery rate (draft-cheng-iccrg-delivery-rate-estimation-00), least round
//! trip, and how lumpy they come.
//!
//! A controller of quinn-proto is not told which packet was acknowledged, but when it had been sent. So what a packet
//! would carry is noted by time, a 64th of a round trip apart: memory does not grow with what is in flight.

use crate::time::{Duration, Timestamp, nanos};
use std::collections::VecDeque;

/// Round trips for which a rate is believed (`BtlBwFilterLen`).
const ROUNDS: usize = 10;
/// How long a least round trip is believed (`RTpropFilterLen`).
const RTT_VALID: Duration = Duration::from_secs(10);
/// Notes that are kept; the oldest goes, and packets from before it are no sample. Four round trips' worth.
const NOTES_MAX: usize = 256;
/// Notes of a round trip.
const NOTES_PER_RTT: u64 = 64;
const NANOS: u128 = 1_000_000_000;

#[derive(Clone, Default)]
pub(super) struct Path {
    delivered: u64,
    delivered_at: Timestamp,
    /// When the newest packet that was acknowledged had been sent.
    first_sent_at: Timestamp,
    in_flight: u64,
    /// Packets that are sent before so much is delivered were not held back by the window.
    idle_until: u64,
    notes: VecDeque<Note>,
    acks: Acks,
    bandwidth: Maximum,
    rtt_min: Option<Duration>,
    rtt_min_at: Timestamp,
    round: u64,
    round_end: u64,
    lumps: Lumps,
}

/// What was known when packets were sent.
#[derive(Clone, Copy)]
struct Note {
    at: Timestamp,
    delivered: u64,
    delivered_at: Timestamp,
    first_sent_at: Timestamp,
    idle: bool,
}

/// Acknowledgements since the last end.
#[derive(Clone, Copy, Default)]
struct Acks {
    bytes: u64,
    rtt: Option<Duration>,
    /// Of the packet that was sent last.
    newest: Option<(Timestamp, Note)>,
}

/// Acknowledgements beyond what the bandwidth explains.
#[derive(Clone, Copy, Default)]
struct Lumps {
    began: Timestamp,
    acked: u64,
    extra: Maximum,
}

/// What a frame of acknowledgements has told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Bytes that it was for.
    pub acked: u64,
    /// A packet was acknowledged that was sent after the last round trip had ended.
    pub round_began: bool,
    /// The sender had less to send than it was let.
    pub idle: bool,
    /// The least round trip is older than is believed.
    pub rtt_expired: bool,
}

impl Path {
    pub fn sent(&mut self, now: Timestamp, bytes: u64) {
        if self.in_flight == 0 {
            (self.first_sent_at, self.delivered_at) = (now, now);
        }
        self.in_flight = self.in_flight.saturating_add(bytes);
        let apart = self.rtt_min() / NOTES_PER_RTT as u32;
        if self.notes.back().is_some_and(|last| now <= last.at + apart) {
            return;
        }
        if self.notes.len() == NOTES_MAX {
            self.notes.pop_front();
        }
        self.notes.push_back(Note {
            at: now,
            delivered: self.delivered,
            delivered_at: self.delivered_at,
            first_sent_at: self.first_sent_at,
            idle: self.delivered < self.idle_until,
        });
    }

    pub fn acked(&mut self, now: Timestamp, sent: Timestamp, bytes: u64) {
        self.delivered = self.delivered.saturating_add(bytes);
        self.delivered_at = now;
        self.acks.bytes = self.acks.bytes.saturating_add(bytes);
        let rtt = now.since(sent);
        self.acks.rtt = Some(self.acks.rtt.map_or(rtt, |least| least.min(rtt)));
        let after = self.notes.partition_point(|note| note.at <= sent);
        let Some(note) = after.checked_sub(1).and_then(|index| self.notes.get(index)) else { return };
        if self.acks.newest.is_none_or(|(newest, _)| newest <= sent) {
            self.acks.newest = Some((sent, *note));
        }
    }

    /// What is left in flight after a loss.
    pub fn lost(&mut self, bytes: u64) -> u64 {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        self.in_flight
    }

    pub fn acks_end(&mut self, now: Timestamp, in_flight: u64, idle: bool, window: u64) -> Sample {
        let acks = std::mem::take(&mut self.acks);
        self.in_flight = in_flight;
        let rtt_expired = now.since(self.rtt_min_at) > RTT_VALID;
        if let Some(rtt) =
            acks.rtt.filter(|rtt| rtt_expired || self.rtt_min.is_none_or(|least| *rtt <= least))
        {
            (self.rtt_min, self.rtt_min_at) = (Some(rtt), now);
        }
        let mut sample = Sample { acked: acks.bytes, round_began: false, idle, rtt_expired };
        if let Some((sent, note)) = acks.newest {
            sample.idle |= note.idle;
            self.first_sent_at = self.first_sent_at.max(sent);
            while self.notes.front().is_some_and(|first| first.at < note.at) {
                self.notes.pop_front();
            }
            if note.delivered >= self.round_end {
                self.round += 1;
                self.round_end = self.delivered;
                sample.round_began = true;
            }
            self.measure(now, sent, &note);
        }
        let bandwidth = self.bandwidth();
        self.lumps.acked(now, acks.bytes, bandwidth, window, self.round);
        if self.delivered >= self.idle_until {
            self.idle_until = 0;
        }
        if idle {
            self.idle_until = self.delivered.saturating_add(in_flight.max(1));
        }
        sample
    }

    /// The rate since the packet's note was taken: over the longer of the time in which these bytes were sent and the
    /// time in which they were acknowledged.
    fn measure(&mut self, now: Timestamp, sent: Timestamp, note: &Note) {
        let took = now.since(note.delivered_at).max(sent.since(note.first_sent_at));
        if took.is_zero() || took < self.rtt_min() {
            return;
        }
        let bytes = u128::from(self.delivered - note.delivered);
        let rate = u64::try_from(bytes * NANOS / took.as_nanos()).unwrap_or(u64::MAX);
        if !note.idle || rate >= self.bandwidth() {
            self.bandwidth.take(self.round, rate);
        }
    }

    /// A probe for the least round trip has ended: what it has found is believed from now on.
    pub fn rtt_probed(&mut self, now: Timestamp) {
        self.rtt_min_at = now;
    }

    /// Bytes that fill the pipe, once both are known.
    pub fn pipe(&self) -> Option<u64> {
        let rtt = self.rtt_min.filter(|_| self.bandwidth() > 0)?;
        let bytes = u128::from(self.bandwidth()) * u128::from(nanos(rtt)) / NANOS;
        Some(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// Bytes a second.
    pub fn bandwidth(&self) -> u64 {
        self.bandwidth.get()
    }

    /// Zero while unknown.
    pub fn rtt_min(&self) -> Duration {
        self.rtt_min.unwrap_or_default()
    }

    /// Most bytes that were acknowledged at once, beyond what the bandwidth explains.
    pub fn extra_acked(&self) -> u64 {
        self.lumps.extra.get()
    }

    /// Round trips so far.
    pub fn round(&self) -> u64 {
        self.round
    }

    /// Bytes acknowledged so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }
}

impl Lumps {
    fn acked(&mut self, now: Timestamp, bytes: u64, bandwidth: u64, window: u64, round: u64) {
        let expected = u128::from(bandwidth) * u128::from(nanos(now.since(self.began))) / NANOS;
        let mut expected = u64::try_from(expected).unwrap_or(u64::MAX);
        if self.acked <= expected {
            (self.began, self.acked, expected) = (now, 0, 0);
        }
        self.acked = self.acked.saturating_add(bytes);
        self.extra.take(round, self.acked.saturating_sub(expected).min(window));
    }
}

/// The largest value of the last [`ROUNDS`] round trips.
#[derive(Clone, Copy, Default)]
struct Maximum {
    /// By round trip, modulo their number.
    values: [u64; ROUNDS],
    round: u64,
}

impl Maximum {
    fn take(&mut self, round: u64, value: u64) {
        let passed = round.saturating_sub(self.round).min(ROUNDS as u64);
        for old in 0..passed {
            self.values[((round - old) % ROUNDS as u64) as usize] = 0;
        }
        self.round = round;
        let slot = &mut self.values[(round % ROUNDS as u64) as usize];
        *slot = value.max(*slot);
    }

    fn get(&self) -> u64 {
        self.values.iter().copied().max().unwrap_or(0)
    }
}
