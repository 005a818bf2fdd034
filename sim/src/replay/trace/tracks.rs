//! The tracks that a trace makes as it needs them: of links, and of how long queues are.

use super::{DISK, MACHINE};
use ledger_core::seam::Peer;
use ledger_core::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// First thread of a host's links.
const LINKS: u64 = 1_000;

/// One link's messages may overtake each other: as many tracks as fly at once.
#[derive(Default)]
pub(super) struct Links {
    /// Of each track: its thread, and when its last message arrived.
    tracks: BTreeMap<(Peer, Peer), Vec<(u64, Timestamp)>>,
    threads: BTreeMap<Peer, u64>,
}

impl Links {
    /// A track on which nothing was under way meanwhile: its thread at the sender, and its number among the link's.
    pub(super) fn place(
        &mut self,
        from: Peer,
        to: Peer,
        left: Timestamp,
        arrived: Timestamp,
    ) -> (u64, usize) {
        let tracks = self.tracks.entry((from, to)).or_default();
        let number = tracks.iter().position(|(_, free)| *free <= left).unwrap_or(tracks.len());
        if number == tracks.len() {
            let thread = self.threads.entry(from).or_insert(LINKS);
            tracks.push((*thread, left));
            *thread += 1;
        }
        tracks[number].1 = arrived;
        (tracks[number].0, number)
    }
}

/// A queue whose length a trace draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Queue {
    /// Messages that are at a host, and that its machine has not come to yet.
    Waiting,
    /// Messages that a host has sent and that have not arrived.
    UnderWay,
    /// Bytes handed to a host's disk that it has not written.
    Unwritten,
}

impl Queue {
    /// Thread and name of its track.
    pub(super) fn track(self) -> (u64, &'static str) {
        match self {
            Self::Waiting => (MACHINE, "messages waiting"),
            Self::UnderWay => (MACHINE, "messages under way"),
            Self::Unwritten => (DISK, "bytes not written"),
        }
    }
}

/// Lengths of the queues of all hosts.
#[derive(Default)]
pub(super) struct Queues {
    lengths: BTreeMap<(Peer, Queue), u64>,
    /// What disks have before them: when each is done, and its bytes.
    writes: BTreeMap<Peer, VecDeque<(Timestamp, u64)>>,
}

impl Queues {
    /// A queue grows: its new length.
    pub(super) fn grows(&mut self, host: Peer, queue: Queue, by: u64) -> u64 {
        let length = self.lengths.entry((host, queue)).or_default();
        *length += by;
        *length
    }

    /// A queue shrinks: its new length. What came before the trace began is not counted, so it may shrink too often.
    pub(super) fn shrinks(&mut self, host: Peer, queue: Queue, by: u64) -> Option<u64> {
        let length = self.lengths.get_mut(&(host, queue)).filter(|length| **length > 0)?;
        *length = length.saturating_sub(by);
        Some(*length)
    }

    /// A crash empties a queue.
    pub(super) fn is_emptied(&mut self, host: Peer, queue: Queue) -> bool {
        if queue == Queue::Unwritten {
            self.writes.remove(&host);
        }
        self.lengths.remove(&(host, queue)).is_some_and(|length| length > 0)
    }

    /// The disk has so many bytes more before it, until an instant.
    pub(super) fn writes(&mut self, host: Peer, until: Timestamp, bytes: u64) -> u64 {
        self.writes.entry(host).or_default().push_back((until, bytes));
        self.grows(host, Queue::Unwritten, bytes)
    }

    /// What a disk has done by an instant: when, and what is left.
    pub(super) fn written(&mut self, host: Peer, by: Timestamp) -> Vec<(Timestamp, u64)> {
        let mut rows = Vec::new();
        while let Some((at, bytes)) =
            self.writes.get_mut(&host).and_then(|writes| writes.pop_front_if(|(at, _)| *at <= by))
        {
            rows.extend(self.shrinks(host, Queue::Unwritten, bytes).map(|length| (at, length)));
        }
        rows
    }

    /// Hosts whose disks have something before them.
    pub(super) fn writing(&self) -> Vec<Peer> {
        self.writes.iter().filter(|(_, writes)| !writes.is_empty()).map(|(host, _)| *host).collect()
    }
}
