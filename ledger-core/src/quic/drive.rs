//! How a host moves its connections along: they are made, tell what happened, are written to and read from, and end.

use super::identity::{is_refusal, key_of_spki, refusal_of};
use super::link::{ALL_LANES, Link, Read};
use super::registry::name_of;
use super::{CLOSE_EXPIRED, CLOSE_MISBEHAVED, Event, Host, RESPONSES_MAX, Reason, Refusal, Transmit, draw};
use crate::crypto::PublicKey;
use crate::seam::{Lane, Peer};
use crate::time::{Duration, Timestamp, nanos};
use bytes::Bytes;
use quinn_proto::{ConnectionError, ConnectionHandle, Dir, Incoming, StreamEvent, StreamId, VarInt};
use rustls::pki_types::CertificateDer;

impl Host {
    /// There is a message for a peer without a connection.
    pub(super) fn reach(&mut self, now: Timestamp, to: Peer) {
        let Some(contact) = self.contacts.get(&to) else { return };
        if contact.dialling.is_some() || contact.redial_at.is_some() {
            return;
        }
        // Between replicas the lower one dials, so that a pair has one connection; only if nothing comes of that does
        // the higher one.
        match (self.me, to) {
            (Peer::Replica(me), Peer::Replica(to_replica)) if to_replica < me => {
                self.schedule(to, now + self.tuning.redial_max);
            }
            (Peer::Replica(_) | Peer::Gateway(_) | Peer::Local, _) => self.start(now, to),
        }
    }

    /// Begins a handshake.
    pub(super) fn start(&mut self, now: Timestamp, to: Peer) {
        let instant = self.clock.set(now);
        let config = match to {
            Peer::Replica(_) => self.to_replica.clone(),
            Peer::Gateway(_) | Peer::Local => self.to_gateway.clone(),
        };
        let name = name_of(to);
        let begun = self
            .addresses
            .get(&to)
            .and_then(|address| self.endpoint.connect(instant, config, *address, &name).ok());
        match begun {
            Some((handle, connection)) => {
                let deadline = now + self.tuning.patience(self.me, to).0;
                self.adopt(handle, Link::new(connection, Some(to), deadline));
                self.contacts.entry(to).or_default().dialling = Some(handle.0);
                self.settle(now, handle.0);
            }
            None => self.unreachable(now, to, Reason::NoAddress),
        }
    }

    /// Someone wants to connect.
    pub(super) fn accept(&mut self, now: Timestamp, incoming: Incoming, mut answer: Vec<u8>) {
        let instant = self.clock.set(now);
        let from = incoming.remote_address();
        if self.handshakes >= self.tuning.handshakes_max {
            self.counters.refused[Refusal::Full as usize] += 1;
            return self.endpoint.ignore(incoming);
        }
        if self.closing || self.links_len >= self.tuning.connections_max {
            self.refused(from, Refusal::Full);
            let transmit = self.endpoint.refuse(incoming, &mut answer);
            return self.respond(transmit, answer);
        }
        match self.endpoint.accept(incoming, instant, &mut answer, None) {
            Ok((handle, connection)) => {
                let deadline = now + self.tuning.handshake_timeout;
                self.handshakes += 1;
                self.adopt(handle, Link::new(connection, None, deadline));
                self.settle(now, handle.0);
            }
            Err(error) => {
                self.counters.handshakes_failed += 1;
                if let Reason::Refused(refusal) = reason_of(&error.cause, false) {
                    self.refused(from, refusal);
                }
                if let Some(transmit) = error.response {
                    self.respond(transmit, answer);
                }
            }
        }
    }

    fn adopt(&mut self, handle: ConnectionHandle, link: Link) {
        if self.links.len() <= handle.0 {
            self.links.resize_with(handle.0 + 1, || None);
        }
        self.links[handle.0] = Some(link);
        self.links_len += 1;
    }

    /// Takes what a connection has to say, gives it what waits for it, and lets it send.
    pub(super) fn settle(&mut self, now: Timestamp, index: usize) {
        self.take_events(now, index);
        self.pump(index);
    }

    /// Takes what a connection has to say.
    pub(super) fn take_events(&mut self, now: Timestamp, index: usize) {
        while let Some(link) = &mut self.links[index] {
            if let Some(event) = link.connection.poll() {
                self.on_event(now, index, event);
                continue;
            }
            let Some(event) = link.connection.poll_endpoint_events() else { return };
            let drained = event.is_drained();
            if let Some(event) = self.endpoint.handle_event(ConnectionHandle(index), event) {
                link.connection.handle_event(event);
            }
            if drained {
                self.forget(index);
            }
        }
    }

    fn on_event(&mut self, now: Timestamp, index: usize, event: quinn_proto::Event) {
        match event {
            quinn_proto::Event::Connected => self.connected(now, index),
            quinn_proto::Event::ConnectionLost { reason } => {
                let established = self.links[index].as_ref().is_some_and(|link| link.established.is_some());
                self.lost(now, index, reason_of(&reason, established));
            }
            quinn_proto::Event::Stream(StreamEvent::Opened { dir: Dir::Uni }) => {
                while let Some(stream) = self.links[index].as_mut().and_then(Link::accept) {
                    self.offer(index, stream);
                }
            }
            quinn_proto::Event::Stream(StreamEvent::Readable { id }) => self.offer(index, id),
            // Whatever was blocked is tried again after every event; bidirectional streams and datagrams are not allowed.
            quinn_proto::Event::Stream(_)
            | quinn_proto::Event::HandshakeDataReady
            | quinn_proto::Event::DatagramReceived
            | quinn_proto::Event::DatagramsUnblocked => {}
        }
    }

    /// Both ends have proved their keys.
    fn connected(&mut self, now: Timestamp, index: usize) {
        let Some(link) = &mut self.links[index] else { return };
        if !link.dialled {
            self.handshakes -= 1;
        }
        link.established = Some(now);
        link.key = proved_key(link);
        let admitted =
            link.key.ok_or(Refusal::UnknownKey).and_then(|key| self.gate.registry().admit(&key, now));
        let (peer, expires) = match admitted {
            Ok((peer, expires)) if link.peer.is_none_or(|dialled| dialled == peer) => (peer, expires),
            // The registry was replaced during the handshake.
            Ok(_) => return self.end(now, index, CLOSE_EXPIRED, Reason::Refused(Refusal::WrongKey)),
            Err(refusal) => return self.end(now, index, CLOSE_EXPIRED, Reason::Refused(refusal)),
        };
        link.peer = Some(peer);
        link.deadline = expires;
        let dialled = link.dialled;
        let contact = self.contacts.entry(peer).or_default();
        contact.links.push(index);
        if contact.dialling == Some(index) {
            contact.dialling = None;
        }
        if contact.links.len() == 1 {
            self.events.push_back(Event::Connected(peer));
        }
        let counter = if dialled { &mut self.counters.dialled } else { &mut self.counters.accepted };
        *counter += 1;
    }

    /// Closes a connection from this end.
    pub(super) fn end(&mut self, now: Timestamp, index: usize, code: u32, reason: Reason) {
        let instant = self.clock.set(now);
        let Some(link) = &mut self.links[index] else { return };
        link.connection.close(instant, VarInt::from_u32(code), Bytes::new());
        self.wake(index);
        self.lost(now, index, reason);
    }

    /// A connection ended, or did not come about.
    fn lost(&mut self, now: Timestamp, index: usize, reason: Reason) {
        let Some(link) = self.links[index].as_mut().filter(|link| !link.ended) else { return };
        link.ended = true;
        link.deadline = None;
        let (dialled, established, peer) = (link.dialled, link.established, link.peer);
        let from = link.connection.remote_address();
        if established.is_some() {
            self.counters.disconnected += 1;
        } else {
            self.counters.handshakes_failed += 1;
            self.handshakes -= usize::from(!dialled);
        }
        if let Reason::Refused(refusal) = reason {
            if dialled {
                self.counters.refused[refusal as usize] += 1;
            } else {
                self.refused(from, refusal);
            }
        }
        let Some(peer) = peer else { return };
        let Some(contact) = self.contacts.get_mut(&peer) else { return };
        contact.links.retain(|link| *link != index);
        if contact.dialling == Some(index) {
            contact.dialling = None;
        }
        if !contact.links.is_empty() {
            return;
        }
        match established {
            None => self.unreachable(now, peer, reason),
            Some(since) => {
                // One that did not last is a failed attempt: a peer that refuses this host's key says so only after
                // this host believes that it is connected.
                let lasted = now.since(since) >= self.tuning.patience(self.me, peer).1;
                contact.failures = if lasted { 0 } else { contact.failures + 1 };
                self.events.push_back(Event::Disconnected(peer, reason));
                self.redial(now, peer);
            }
        }
    }

    /// An attempt failed: what waits is shed rather than kept for a peer that may never come.
    fn unreachable(&mut self, now: Timestamp, peer: Peer, reason: Reason) {
        let contact = self.contacts.entry(peer).or_default();
        contact.failures += 1;
        if contact.links.is_empty() {
            self.events.push_back(Event::Disconnected(peer, reason));
            self.shed_all(peer);
            self.redial(now, peer);
        }
    }

    fn redial(&mut self, now: Timestamp, peer: Peer) {
        let Some(contact) = self.contacts.get(&peer) else { return };
        if self.closing || contact.redial_at.is_some() || contact.dialling.is_some() {
            return;
        }
        let wait = nanos(contact.backoff(self.tuning.redial_min, self.tuning.patience(self.me, peer).1));
        let jitter = u64::from_le_bytes(draw(&self.random)) % (wait / 2 + 1);
        self.schedule(peer, now + Duration::from_nanos(wait - jitter));
    }

    fn schedule(&mut self, peer: Peer, at: Timestamp) {
        self.contacts.entry(peer).or_default().redial_at = Some(at);
        self.redials.insert((at, peer));
    }

    /// Writes what waits for the connection's peer, as far as flow control lets it.
    pub(super) fn pump(&mut self, index: usize) {
        let Some(link) = &mut self.links[index] else { return };
        if let Some(peer) = link.peer.filter(|_| link.is_open())
            && let Some(contact) = self.contacts.get_mut(&peer)
        {
            let newest = contact.link() == Some(index);
            for lane in ALL_LANES {
                if link.has_rest(lane) && !link.write_rest(lane) || !newest {
                    continue;
                }
                while contact.front(lane).is_some_and(|message| link.write(lane, message)) {
                    contact.pop(lane);
                }
            }
        }
        self.wake(index);
    }

    /// Has a connection polled for what it sends, and its timer set.
    pub(super) fn wake(&mut self, index: usize) {
        if let Some(link) = &mut self.links[index]
            && !std::mem::replace(&mut link.waiting, true)
        {
            self.waiting.push_back(index);
        }
    }

    pub(super) fn arm(&mut self, index: usize) {
        let Some(link) = &mut self.links[index] else { return };
        let timeout = link.connection.poll_timeout().map(|at| self.clock.timestamp(at));
        let next = timeout.into_iter().chain(link.deadline).min();
        if link.armed != next {
            if let Some(armed) = link.armed {
                self.timers.remove(&(armed, index));
            }
            link.armed = next;
            self.timers.extend(next.map(|at| (at, index)));
        }
    }

    fn forget(&mut self, index: usize) {
        let Some(link) = self.links[index].take() else { return };
        self.links_len -= 1;
        self.counters.packets_lost += link.packets_lost();
        if let Some(armed) = link.armed {
            self.timers.remove(&(armed, index));
        }
        if link.waiting {
            self.waiting.retain(|waiting| *waiting != index);
        }
    }

    /// Queues a stream for reading.
    pub(super) fn offer(&mut self, index: usize, stream: StreamId) {
        let Some(link) = self.links.get_mut(index).and_then(Option::as_mut) else { return };
        if let Some(lane) = link.readable(stream) {
            self.readable[lane as usize].push_back((index, stream));
        }
    }

    /// Reads some of a stream into events.
    pub(super) fn read(&mut self, index: usize, stream: StreamId) {
        let Some(link) = self.links.get_mut(index).and_then(Option::as_mut) else { return };
        let Some(from) = link.peer.filter(|_| link.established.is_some()) else { return };
        if self.contacts.get(&from).is_some_and(|contact| contact.paused) {
            return self.held.push((index, stream));
        }
        let events = &mut self.events;
        let read = link.read(stream, |lane, bytes| events.push_back(Event::Message { from, lane, bytes }));
        match read {
            Ok(Read::More) => self.offer(index, stream),
            Ok(Read::Done) => {}
            Err(_) if link.ended => {}
            Err(_) => self.end(self.clock.now(), index, CLOSE_MISBEHAVED, Reason::Misbehaved),
        }
        self.wake(index);
    }

    pub(super) fn shed(&mut self, to: Peer, lane: Lane, bytes: usize) {
        self.counters.shed += 1;
        self.counters.shed_bytes += bytes as u64;
        self.events.push_back(Event::Shed { to, lane, bytes });
    }

    pub(super) fn shed_all(&mut self, peer: Peer) {
        for lane in ALL_LANES {
            while let Some(bytes) = self.contacts.get_mut(&peer).and_then(|contact| contact.pop(lane)) {
                self.shed(peer, lane, bytes.len());
            }
        }
    }

    fn refused(&mut self, from: std::net::SocketAddr, reason: Refusal) {
        self.counters.refused[reason as usize] += 1;
        self.events.push_back(Event::Refused { from, reason });
    }

    pub(super) fn respond(&mut self, sent: quinn_proto::Transmit, bytes: Vec<u8>) {
        if self.responses.len() < RESPONSES_MAX {
            let transmit =
                Transmit { to: sent.destination, ecn: sent.ecn, len: sent.size, segment_size: None };
            self.responses.push_back((transmit, bytes));
        }
    }

    pub(super) fn count_sent(&mut self, transmit: &Transmit) {
        let segment = transmit.segment_size.unwrap_or(transmit.len).max(1);
        self.counters.datagrams_sent += transmit.len.div_ceil(segment) as u64;
        self.counters.bytes_sent += transmit.len as u64;
    }
}

fn proved_key(link: &Link) -> Option<PublicKey> {
    let identity = link.connection.crypto_session().peer_identity()?;
    let keys = identity.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    key_of_spki(keys.first()?)
}

fn reason_of(error: &ConnectionError, established: bool) -> Reason {
    match error {
        ConnectionError::VersionMismatch => Reason::Refused(Refusal::OtherChain),
        ConnectionError::TransportError(error) => {
            let code = u64::from(error.code);
            if is_refusal(code) || !established {
                Reason::Refused(refusal_of(code))
            } else {
                Reason::Misbehaved
            }
        }
        ConnectionError::ConnectionClosed(close) => {
            let code = u64::from(close.error_code);
            if is_refusal(code) { Reason::RefusedByPeer(refusal_of(code)) } else { Reason::ClosedByPeer }
        }
        ConnectionError::ApplicationClosed(close) => {
            if close.error_code == VarInt::from_u32(CLOSE_EXPIRED) {
                Reason::RefusedByPeer(Refusal::ExpiredKey)
            } else {
                Reason::ClosedByPeer
            }
        }
        ConnectionError::Reset => Reason::Restarted,
        ConnectionError::TimedOut if established => Reason::TimedOut,
        ConnectionError::TimedOut => Reason::HandshakeTimedOut,
        ConnectionError::LocallyClosed | ConnectionError::CidsExhausted => Reason::Closed,
    }
}
