//! One connection and its lanes: a unidirectional stream for each lane and direction, opened when first used, whose
//! first byte is the lane and the rest frames `u32 little-endian length ‖ message`.

use super::tuning::priority;
use crate::crypto::PublicKey;
use crate::message::MESSAGE_BYTES_MAX;
use crate::seam::{Lane, Peer};
use crate::time::Timestamp;
use bytes::{Bytes, BytesMut};
use quinn_proto::{Connection, Dir, ReadError, StreamId, WriteError};
use smallvec::SmallVec;

/// Lanes that there are.
pub(super) const LANES: usize = 3;
/// In order of urgency.
pub(super) const ALL_LANES: [Lane; LANES] = [Lane::Consensus, Lane::Client, Lane::Bulk];
/// Messages up to this length are put together with their head; longer ones are not copied.
const JOIN_BYTES_MAX: usize = 4_096;
/// Bytes of a frame that are reserved on the word of its head; then for each byte that has come room for so many more.
const RESERVE_BYTES_MAX: usize = 64 * 1024;
const VOUCHES_FOR: usize = 8;
/// Bytes read from a stream before others have their turn.
const READ_BYTES: usize = 64 * 1024;

/// A connection, and what its streams have half-way.
pub(super) struct Link {
    pub connection: Connection,
    /// Who is at the other end: the one dialled, or the one who proved to be.
    pub peer: Option<Peer>,
    pub dialled: bool,
    /// The key that was proved.
    pub key: Option<PublicKey>,
    /// Since when both ends are authenticated.
    pub established: Option<Timestamp>,
    /// Whether its end has been told; it lingers for a moment to answer what is under way.
    pub ended: bool,
    /// When the handshake must be done, then when the peer's key expires.
    pub deadline: Option<Timestamp>,
    /// The entry in the host's timers.
    pub armed: Option<Timestamp>,
    /// Whether it waits for its turn to send.
    pub waiting: bool,
    outgoing: [Option<Outgoing>; LANES],
    incoming: SmallVec<[Incoming; LANES]>,
}

struct Outgoing {
    stream: StreamId,
    /// What of the lane's first byte and of the last frame is not yet written.
    rest: SmallVec<[Bytes; 2]>,
}

struct Incoming {
    stream: StreamId,
    lane: Option<Lane>,
    /// Whether it is among the host's readable streams.
    waiting: bool,
    head: SmallVec<[u8; 4]>,
    left: usize,
    body: Vec<u8>,
}

/// What a peer sent that no correct peer sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    Lane,
    Length,
}

/// What reading a stream gave.
pub(super) enum Read {
    /// There may be more.
    More,
    /// Nothing until the stream is readable again, if ever.
    Done,
}

impl Link {
    pub fn new(connection: Connection, peer: Option<Peer>, deadline: Timestamp) -> Self {
        Self {
            connection,
            dialled: peer.is_some(),
            peer,
            key: None,
            established: None,
            ended: false,
            deadline: Some(deadline),
            armed: None,
            waiting: false,
            outgoing: [const { None }; LANES],
            incoming: SmallVec::new(),
        }
    }

    /// Whether messages can be given to it.
    pub fn is_open(&self) -> bool {
        self.established.is_some() && !self.ended
    }

    /// Writes as much of `message` as goes, all of it if it returns true: what does not fit is kept and goes first
    /// next time. Returns false, and takes nothing, if an earlier rest is still waiting.
    pub fn write(&mut self, lane: Lane, message: &Bytes) -> bool {
        if !self.write_rest(lane) {
            return false;
        }
        let Some(outgoing) = &mut self.outgoing[lane as usize] else { return false };
        let head = (message.len() as u32).to_le_bytes();
        if message.len() <= JOIN_BYTES_MAX {
            let mut frame = BytesMut::with_capacity(head.len() + message.len());
            frame.extend_from_slice(&head);
            frame.extend_from_slice(message);
            outgoing.rest.push(frame.freeze());
        } else {
            outgoing.rest.push(Bytes::copy_from_slice(&head));
            outgoing.rest.push(message.clone());
        }
        self.write_rest(lane);
        true
    }

    /// Goes on with what was kept: whether nothing is left of it.
    pub fn write_rest(&mut self, lane: Lane) -> bool {
        let outgoing = match &mut self.outgoing[lane as usize] {
            Some(outgoing) => outgoing,
            empty => {
                let Some(stream) = self.connection.streams().open(Dir::Uni) else { return false };
                // It exists: it was opened just now.
                let _ = self.connection.send_stream(stream).set_priority(priority(lane));
                let tag = Bytes::copy_from_slice(&[lane as u8]);
                empty.insert(Outgoing { stream, rest: SmallVec::from_iter([tag]) })
            }
        };
        while !outgoing.rest.is_empty() {
            match self.connection.send_stream(outgoing.stream).write_chunks(&mut outgoing.rest) {
                Ok(written) => {
                    outgoing.rest.drain(..written.chunks);
                }
                Err(WriteError::Blocked) => return false,
                // A correct peer never stops a lane; the connection's end will be told by itself.
                Err(WriteError::Stopped(_) | WriteError::ClosedStream) => return false,
            }
        }
        true
    }

    /// Whether something of this lane was kept.
    pub fn has_rest(&self, lane: Lane) -> bool {
        self.outgoing[lane as usize].as_ref().is_some_and(|outgoing| !outgoing.rest.is_empty())
    }

    /// Packets declared lost.
    pub fn packets_lost(&self) -> u64 {
        self.connection.stats().path.lost_packets
    }

    /// A stream of the peer has something: its lane if it is to be queued for reading (most urgent while unknown).
    pub fn readable(&mut self, stream: StreamId) -> Option<Lane> {
        let incoming = match self.incoming.iter_mut().position(|incoming| incoming.stream == stream) {
            Some(index) => &mut self.incoming[index],
            None => {
                self.incoming.push(Incoming {
                    stream,
                    lane: None,
                    waiting: false,
                    head: SmallVec::new(),
                    left: 0,
                    body: Vec::new(),
                });
                self.incoming.last_mut().expect("it was pushed just now")
            }
        };
        let first = !std::mem::replace(&mut incoming.waiting, true);
        first.then_some(incoming.lane.unwrap_or(Lane::Consensus))
    }

    /// A stream that was left as it is may be queued for reading again.
    pub fn release(&mut self, stream: StreamId) {
        if let Some(incoming) = self.incoming.iter_mut().find(|incoming| incoming.stream == stream) {
            incoming.waiting = false;
        }
    }

    /// Streams that the peer has opened.
    pub fn accept(&mut self) -> Option<StreamId> {
        self.connection.streams().accept(Dir::Uni)
    }

    /// Reads some of a stream; `take` is called with each message.
    pub fn read(&mut self, stream: StreamId, mut take: impl FnMut(Lane, Bytes)) -> Result<Read, Violation> {
        let Some(index) = self.incoming.iter().position(|incoming| incoming.stream == stream) else {
            return Ok(Read::Done);
        };
        let incoming = &mut self.incoming[index];
        incoming.waiting = false;
        let mut receive = self.connection.recv_stream(stream);
        let Ok(mut chunks) = receive.read(true) else {
            self.incoming.remove(index);
            return Ok(Read::Done);
        };
        let mut read = 0;
        let end = loop {
            if read >= READ_BYTES {
                break Ok(Read::More);
            }
            match chunks.next(READ_BYTES) {
                Ok(Some(chunk)) => {
                    read += chunk.bytes.len();
                    if let Err(violation) = incoming.absorb(&chunk.bytes, &mut take) {
                        break Err(violation);
                    }
                }
                Err(ReadError::Blocked) => break Ok(Read::Done),
                Ok(None) | Err(ReadError::Reset(_)) => {
                    drop(chunks);
                    self.incoming.remove(index);
                    return Ok(Read::Done);
                }
            }
        };
        // Flow control goes out with what is sent next; the host sees to it that something is.
        let _ = chunks.finalize();
        end
    }
}

impl Incoming {
    fn absorb(&mut self, mut bytes: &[u8], take: &mut impl FnMut(Lane, Bytes)) -> Result<(), Violation> {
        let lane = match self.lane {
            Some(lane) => lane,
            None => {
                let Some((tag, rest)) = bytes.split_first() else { return Ok(()) };
                let lane = *ALL_LANES.get(usize::from(*tag)).ok_or(Violation::Lane)?;
                bytes = rest;
                *self.lane.insert(lane)
            }
        };
        while !bytes.is_empty() {
            if self.head.len() < 4 {
                let (head, rest) = bytes.split_at(bytes.len().min(4 - self.head.len()));
                self.head.extend_from_slice(head);
                bytes = rest;
                let Ok(head) = <[u8; 4]>::try_from(&self.head[..]) else { return Ok(()) };
                self.left = u32::from_le_bytes(head) as usize;
                if self.left > MESSAGE_BYTES_MAX {
                    return Err(Violation::Length);
                }
                self.body = Vec::with_capacity(self.left.min(RESERVE_BYTES_MAX));
            }
            let (body, rest) = bytes.split_at(bytes.len().min(self.left));
            if self.body.capacity() - self.body.len() < body.len() {
                // Never beyond the message's end: blocks are kept, and so would be the room behind them.
                let vouched = self.body.len().saturating_mul(VOUCHES_FOR);
                self.body.reserve_exact(self.left.min(vouched).max(body.len()));
            }
            self.body.extend_from_slice(body);
            self.left -= body.len();
            bytes = rest;
            if self.left == 0 {
                self.head.clear();
                take(lane, std::mem::take(&mut self.body).into());
            }
        }
        Ok(())
    }
}
