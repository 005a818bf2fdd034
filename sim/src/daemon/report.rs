//! The report stream: what a replica's process tells the testbed that started it.
//!
//! ```text
//! u32 length, little-endian ‖ canonical encoding of a Frame
//! ```
//!
//! A process that is killed leaves a torn frame at the end, and what it had not written yet is lost; the reader stops
//! there, and whoever restarts the process is told again what is executed again. Nothing in a stream is secret.
//!
//! Limits: a frame has at most [`FRAME_BYTES_MAX`] bytes.

use crate::cpu::Spent;
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_core::audit::CheckpointBody;
use ledger_core::block::BlockRef;
use ledger_core::codec;
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::Digest;
use ledger_core::ledger::transaction::Answers;
use ledger_core::protocol::ProtocolStatus;
use ledger_core::replica::{CommitReport, Executed, ReplicaStatus, STORES, Store};
use ledger_core::seam::{GatewayId, Observation, Peer};
use ledger_core::time::Timestamp;
use std::io::{self, Read, Write};
use std::time::Duration;

/// Most bytes of a frame: a commit of a hundred thousand transactions.
pub const FRAME_BYTES_MAX: usize = 32 << 20;

/// One thing that a process tells.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Frame {
    /// The replica is up: it has recovered what its journal holds, and listens.
    Up(Timestamp),
    /// It executed a commit.
    Committed(Timestamp, Commit),
    /// It observed something.
    Seen(Timestamp, Sight),
    /// How it is, about once a second and when it ends.
    Status(Timestamp, Box<Figures>),
    /// What became of opaque load since the last such frame.
    Load(Box<Progress>),
    /// A sampled submission began: its scheduled time, and the SHA-256 of its bytes.
    Submitted(Timestamp, Digest),
    /// A sampled submission ended.
    Answered(Timestamp, Digest, Answer),
}

/// [`CommitReport`] on the stream.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Commit {
    index: u64,
    digest: Digest,
    state_root: Digest,
    log_root: Digest,
    time: Timestamp,
    blocks: Vec<(BlockRef, u64)>,
    took_ns: u64,
    executed: Vec<Done>,
}

/// [`Executed`] on the stream.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Done {
    transaction: Digest,
    answers: Answers,
    index: u64,
}

impl Commit {
    /// The report, without what `listed` leaves out of the executed transactions.
    pub fn of(report: CommitReport, listed: impl Fn(&Digest) -> bool) -> Self {
        let done = |done: &Executed| Done {
            transaction: done.transaction,
            answers: done.answers.clone(),
            index: done.index,
        };
        Self {
            index: report.index,
            digest: report.digest,
            state_root: report.state_root,
            log_root: report.log_root,
            time: report.time,
            blocks: report.blocks,
            took_ns: u64::try_from(report.took.as_nanos()).unwrap_or(u64::MAX),
            executed: report.executed.iter().filter(|done| listed(&done.transaction)).map(done).collect(),
        }
    }

    /// As the replica made it.
    pub fn into_report(self) -> CommitReport {
        let executed =
            |done: Done| Executed { transaction: done.transaction, answers: done.answers, index: done.index };
        CommitReport {
            index: self.index,
            digest: self.digest,
            state_root: self.state_root,
            log_root: self.log_root,
            time: self.time,
            blocks: self.blocks,
            took: Duration::from_nanos(self.took_ns),
            executed: self.executed.into_iter().map(executed).collect(),
        }
    }
}

/// What of an [`Observation`] a replica makes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Sight {
    /// It proposed a block.
    Proposed(BlockRef),
    /// It holds two blocks of one author and round.
    Equivocation(BlockRef, BlockRef),
    /// It certified a checkpoint.
    Certified(Box<CheckpointBody>),
    /// A replica sent what no correct one sends.
    MisbehaviourOfReplica(u16, String),
    /// A gateway did.
    MisbehaviourOfGateway(u32, String),
}

impl Sight {
    /// `None` for what only gateways observe, and for what a replica's own load generator did.
    pub fn of(observation: Observation) -> Option<Self> {
        match observation {
            Observation::Proposed(block) => Some(Self::Proposed(block)),
            Observation::Equivocation(first, second) => Some(Self::Equivocation(first, second)),
            Observation::Certified(body) => Some(Self::Certified(body)),
            Observation::Misbehaviour { from, what } => match from {
                Peer::Replica(replica) => Some(Self::MisbehaviourOfReplica(replica.0, what)),
                Peer::Gateway(gateway) => Some(Self::MisbehaviourOfGateway(gateway.0, what)),
                Peer::Local => None,
            },
            Observation::KeyReleased { .. } | Observation::DocumentOpened { .. } => None,
            // A replica process is asked for no explanations.
            Observation::Decided(_) | Observation::Accounted { .. } => None,
        }
    }

    /// As the replica made it.
    pub fn into_observation(self) -> Observation {
        match self {
            Self::Proposed(block) => Observation::Proposed(block),
            Self::Equivocation(first, second) => Observation::Equivocation(first, second),
            Self::Certified(body) => Observation::Certified(body),
            Self::MisbehaviourOfReplica(replica, what) => {
                Observation::Misbehaviour { from: Peer::Replica(ReplicaId(replica)), what }
            }
            Self::MisbehaviourOfGateway(gateway, what) => {
                Observation::Misbehaviour { from: Peer::Gateway(GatewayId(gateway)), what }
            }
        }
    }
}

/// How a replica and its process are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Figures {
    /// Round of the last own block.
    pub round: u64,
    /// Blocks accepted.
    pub accepted: u64,
    /// Blocks that wait for ancestors.
    pub suspended: u64,
    /// Payload bytes that wait to be proposed.
    pub mempool_bytes: u64,
    /// Last commit executed.
    pub executed: u64,
    /// Last commit with a certified checkpoint.
    pub certified: u64,
    /// Entries in the audit log.
    pub log_size: u64,
    /// Bytes held for ordering, for ledger state, for the log.
    pub memory: [u64; 3],
    /// Messages dropped.
    pub dropped: u64,
    /// How full its stores are, and their limits.
    pub stores: [(u64, u64); STORES.len()],
    /// Processor time of the process so far, nanoseconds.
    pub cpu_ns: u64,
    /// The same by stage.
    pub spent: Spent,
    /// Resident memory of the process.
    pub resident_bytes: u64,
    /// Journal: appends, bytes, syncs, and bytes held.
    pub journal: [u64; 4],
    /// Datagrams sent.
    pub datagrams: u64,
    /// Bytes of them.
    pub bytes_sent: u64,
    /// Packets lost, as the senders judge.
    pub packets_lost: u64,
    /// Messages shed because a queue was full.
    pub shed: u64,
    /// Reports that never reached the stream, because it was too slow.
    pub unreported: u64,
}

impl Figures {
    /// What a replica says of itself; figures of its process are for the caller to add.
    pub fn of(status: &ReplicaStatus) -> Self {
        let ProtocolStatus { round, accepted, suspended, mempool_bytes, .. } = status.protocol;
        Self {
            round: round.0,
            accepted,
            suspended: suspended as u64,
            mempool_bytes: mempool_bytes as u64,
            executed: status.executed,
            certified: status.certified,
            log_size: status.log_size,
            memory: [status.ordering_bytes, status.ledger_bytes, status.log_bytes].map(|bytes| bytes as u64),
            dropped: status.dropped,
            stores: status.stores.map(|store| (store.held, store.most)),
            ..Self::default()
        }
    }

    /// As far as it is told.
    pub fn status(&self) -> ReplicaStatus {
        let [ordering_bytes, ledger_bytes, log_bytes] = self.memory.map(|bytes| bytes as usize);
        ReplicaStatus {
            protocol: ProtocolStatus {
                round: ledger_core::block::Round(self.round),
                accepted: self.accepted,
                suspended: self.suspended as usize,
                mempool_bytes: self.mempool_bytes as usize,
                ..ProtocolStatus::default()
            },
            executed: self.executed,
            log_size: self.log_size,
            certified: self.certified,
            ordering_bytes,
            ledger_bytes,
            log_bytes,
            dropped: self.dropped,
            stores: self.stores.map(|(held, most)| Store { held, most }),
            ..ReplicaStatus::default()
        }
    }
}

/// How a sampled submission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[allow(missing_docs)]
pub enum Answer {
    Ordered,
    Busy,
    Rejected,
    TimedOut,
}

/// Opaque load of one process. Slots are [`SLOT`](super::load::SLOT) long and count from the load's start.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Progress {
    /// Number of the first submission that this process was there for.
    pub first: u64,
    /// Number of the next one.
    pub next: u64,
    /// Submissions under way.
    pub outstanding: u64,
    /// What changed, by slot of the schedule: submissions that are not sampled.
    pub slots: Vec<(u64, Counts)>,
    /// How many of the same were ordered, by slot of the answer.
    pub ordered: Vec<(u64, u64)>,
}

/// Submissions of one slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Counts {
    /// Scheduled.
    pub scheduled: u64,
    /// Ordered.
    pub ordered: u64,
    /// Refused, or not submitted because too many were under way.
    pub rejected: u64,
    /// Not answered in time.
    pub timed_out: u64,
    /// From schedule to answer: nanoseconds, rounded, and how many.
    pub latencies: Vec<(u64, u64)>,
}

/// Writes a frame.
///
/// # Errors
/// As the writer.
pub fn write(to: &mut impl Write, frame: &Frame) -> io::Result<()> {
    let bytes = codec::encode(frame);
    debug_assert!(bytes.len() <= FRAME_BYTES_MAX, "a commit of {} bytes", bytes.len());
    to.write_all(&(bytes.len() as u32).to_le_bytes())?;
    to.write_all(&bytes)
}

/// Reads the next frame; `None` at the end of the stream, be it in the middle of a frame.
///
/// # Errors
/// As the reader, and [`io::ErrorKind::InvalidData`] for what is no frame.
pub fn read(from: &mut impl Read) -> io::Result<Option<Frame>> {
    let torn = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Ok(None),
        _ => Err(error),
    };
    let mut length = [0; 4];
    if let Err(error) = from.read_exact(&mut length) {
        return torn(error);
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        let message = format!("a frame of {length} bytes (at most {FRAME_BYTES_MAX})");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let mut bytes = vec![0; length];
    if let Err(error) = from.read_exact(&mut bytes) {
        return torn(error);
    }
    codec::decode(&bytes, FRAME_BYTES_MAX)
        .map(Some)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::codec::List;
    use ledger_core::ledger::transaction::{self, Outcome, PartyId};

    fn frames() -> Vec<Frame> {
        let digest = Digest::sha256(&[b"x"]);
        let answer = transaction::Answer::from(Ok(Outcome::PartyRegistered(PartyId(7))));
        let done = Executed { transaction: digest, answers: List::new(vec![answer]).unwrap(), index: 3 };
        let report = CommitReport {
            index: 5,
            digest,
            state_root: digest,
            log_root: digest,
            time: Timestamp(9),
            blocks: Vec::new(),
            took: Duration::from_millis(3),
            executed: vec![done],
        };
        assert_eq!(Commit::of(report.clone(), |_| true).into_report(), report);
        assert!(Commit::of(report.clone(), |_| false).into_report().executed.is_empty());
        let figures = Figures { round: 4, memory: [1, 2, 3], cpu_ns: 5, ..Figures::default() };
        let counts = Counts { scheduled: 3, latencies: vec![(1_000, 2)], ..Counts::default() };
        vec![
            Frame::Up(Timestamp(1)),
            Frame::Committed(Timestamp(2), Commit::of(report, |_| true)),
            Frame::Seen(Timestamp(3), Sight::MisbehaviourOfGateway(7, "noise".to_owned())),
            Frame::Status(Timestamp(4), Box::new(figures)),
            Frame::Load(Box::new(Progress {
                first: 0,
                next: 9,
                outstanding: 1,
                slots: vec![(0, counts)],
                ordered: vec![(1, 2)],
            })),
            Frame::Submitted(Timestamp(5), digest),
            Frame::Answered(Timestamp(6), digest, Answer::Ordered),
        ]
    }

    #[test]
    fn a_stream_ends_well_wherever_it_is_torn() {
        let frames = frames();
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for frame in &frames {
            write(&mut bytes, frame).unwrap();
            ends.push(bytes.len());
        }
        for torn in 0..=bytes.len() {
            let mut from = &bytes[..torn];
            let whole = ends.iter().filter(|end| **end <= torn).count() - 1;
            for frame in &frames[..whole] {
                assert_eq!(read(&mut from).unwrap().as_ref(), Some(frame));
            }
            assert_eq!(read(&mut from).unwrap(), None, "torn at {torn}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert_eq!(read(&mut &[255u8; 8][..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(&mut &[1, 0, 0, 0, 99][..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
