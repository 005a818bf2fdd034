//! The network thread: sockets and QUIC hosts, on one single-threaded runtime.

use crate::live::clock::Clock;
use crate::live::socket::{Buffers, Socket};
use crate::live::status::Shared;
use crate::quic::{Event, Host, Transmit};
use crate::seam::{Lane, Peer};
use crate::time::{Duration, Timestamp};
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Notify;
use tokio::task::LocalSet;

/// Batches of messages that wait for the machines; then nothing more is read from the streams.
pub(in crate::live) const ARRIVALS_MAX: usize = 32;
/// Bytes after which a batch is handed over.
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// System calls that receive before what was received is worked on.
const RECEIVES_MAX: usize = 8;
/// How often counters are read.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(250);
/// How often shed messages are logged, at most.
const SHED_LOG_INTERVAL: Duration = Duration::from_secs(1);

/// A message that came.
pub(in crate::live) struct Arrival {
    pub machine: u32,
    pub from: Peer,
    pub bytes: Bytes,
}

/// A message that goes.
pub(in crate::live) struct Outgoing {
    pub machine: u32,
    pub to: Peer,
    pub lane: Lane,
    pub bytes: Bytes,
}

/// What the machines tell the network.
pub(in crate::live) enum NetworkCommand {
    Send(Vec<Outgoing>),
    /// Where peers are from now on.
    Addresses(Arc<BTreeMap<Peer, SocketAddr>>),
    Close,
}

/// The machines' end.
#[derive(Clone)]
pub(in crate::live) struct NetworkLink {
    pub commands: Sender<NetworkCommand>,
    pub wake: Arc<Notify>,
    /// Whether the network waits for room among the arrivals.
    pub starved: Arc<AtomicBool>,
}

impl NetworkLink {
    pub fn tell(&self, command: NetworkCommand) {
        // A network that is gone has said why.
        if self.commands.send(command).is_ok() {
            self.wake.notify_one();
        }
    }

    /// There is room again.
    pub fn feed(&self) {
        if self.starved.swap(false, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }
}

/// Tells a process's network where peers are: names may have come to mean other addresses since it started.
#[derive(Clone)]
pub struct AddressBook(pub(in crate::live) NetworkLink);

impl AddressBook {
    /// Replaces all addresses, for connections to come: who is dialled again is dialled there.
    pub fn replace(&self, addresses: Arc<BTreeMap<Peer, SocketAddr>>) {
        self.0.tell(NetworkCommand::Addresses(addresses));
    }
}

/// What a network thread is given.
pub(in crate::live) struct Network {
    /// A host and its bound socket for every machine, in order.
    pub hosts: Vec<(Host, UdpSocket)>,
    pub clock: Clock,
    pub commands: Receiver<NetworkCommand>,
    pub arrivals: Sender<Vec<Arrival>>,
    pub wake: Arc<Notify>,
    pub starved: Arc<AtomicBool>,
    pub shared: Arc<Shared>,
}

struct Endpoint {
    machine: u32,
    host: Host,
    socket: Rc<Socket>,
    /// What `buffer` holds and the socket did not take.
    blocked: Option<Transmit>,
    buffer: Vec<u8>,
    /// What the machines had no room for.
    stuck: Vec<Arrival>,
    /// When its task wakes.
    armed: Option<Timestamp>,
    poke: Rc<Notify>,
}

struct Thread {
    endpoints: Vec<Rc<RefCell<Endpoint>>>,
    buffers: RefCell<Buffers>,
    clock: Clock,
    commands: Receiver<NetworkCommand>,
    arrivals: Sender<Vec<Arrival>>,
    starved: Arc<AtomicBool>,
    shared: Arc<Shared>,
    shed: RefCell<Shed>,
    closed: Notify,
}

#[derive(Default)]
struct Shed {
    messages: u64,
    bytes: u64,
    logged_at: Timestamp,
}

impl Network {
    /// Until it is told to close.
    pub fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let local = LocalSet::new();
        local.block_on(&runtime, self.serve())
    }

    async fn serve(self) -> io::Result<()> {
        let mut endpoints = Vec::with_capacity(self.hosts.len());
        for (machine, (host, socket)) in (0..).zip(self.hosts) {
            endpoints.push(Rc::new(RefCell::new(Endpoint {
                machine,
                host,
                socket: Rc::new(Socket::new(socket)?),
                blocked: None,
                buffer: Vec::new(),
                stuck: Vec::new(),
                armed: None,
                poke: Rc::new(Notify::new()),
            })));
        }
        let thread = Rc::new(Thread {
            endpoints,
            buffers: RefCell::default(),
            clock: self.clock,
            commands: self.commands,
            arrivals: self.arrivals,
            starved: self.starved,
            shared: self.shared,
            shed: RefCell::default(),
            closed: Notify::new(),
        });
        for endpoint in &thread.endpoints {
            tokio::task::spawn_local(serve_endpoint(thread.clone(), endpoint.clone()));
        }
        let mut publish = tokio::time::interval(PUBLISH_INTERVAL);
        loop {
            tokio::select! {
                () = self.wake.notified() => {
                    thread.take_commands();
                    thread.feed_stuck();
                }
                _ = publish.tick() => thread.publish(),
                () = thread.closed.notified() => break,
            }
        }
        thread.publish();
        Ok(())
    }
}

/// One socket's receiving, sending and timers.
async fn serve_endpoint(thread: Rc<Thread>, endpoint: Rc<RefCell<Endpoint>>) {
    let (socket, poke) = {
        let endpoint = endpoint.borrow();
        (endpoint.socket.clone(), endpoint.poke.clone())
    };
    loop {
        let (armed, blocked) = {
            let mut endpoint = endpoint.borrow_mut();
            endpoint.armed = endpoint.host.next_timeout();
            (endpoint.armed, endpoint.blocked.is_some())
        };
        let wake_at = thread.clock.instant(armed.unwrap_or_default());
        tokio::select! {
            biased;
            () = socket.readable() => {}
            () = socket.writable(), if blocked => {}
            () = poke.notified() => {}
            () = tokio::time::sleep_until(wake_at.into()), if armed.is_some() => {}
        }
        {
            let mut endpoint = endpoint.borrow_mut();
            let now = thread.clock.now();
            endpoint.receive(now, &mut thread.buffers.borrow_mut());
            if endpoint.host.next_timeout().is_some_and(|at| at <= now) {
                endpoint.host.on_timeout(now);
            }
            endpoint.drive(now, &thread);
        }
        // Under load this task is always ready: what waits to be sent must not wait for it to pause.
        thread.take_commands();
    }
}

impl Endpoint {
    fn receive(&mut self, now: Timestamp, buffers: &mut Buffers) {
        let (socket, host) = (&self.socket, &mut self.host);
        for _ in 0..RECEIVES_MAX {
            let received =
                socket.receive(buffers, |from, ecn, bytes| host.on_datagram(now, from, ecn, bytes));
            match received {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP answer to something sent earlier: QUIC has timeouts for that.
                Err(error) => {
                    tracing::debug!(%error, "receiving failed");
                    return;
                }
            }
        }
    }

    /// Sends what is to be sent and hands over what has come, until there is neither.
    fn drive(&mut self, now: Timestamp, thread: &Thread) {
        loop {
            self.flush(now);
            if !self.deliver(thread) {
                break;
            }
            let mut bytes = 0;
            while bytes < BATCH_BYTES
                && let Some(event) = self.host.poll_event()
            {
                match event {
                    Event::Message { from, bytes: message, .. } => {
                        bytes += message.len();
                        self.stuck.push(Arrival { machine: self.machine, from, bytes: message });
                    }
                    Event::Connected(peer) => {
                        tracing::info!(machine = self.machine, ?peer, "connected");
                        thread.shared.connected(self.machine, peer, true);
                    }
                    Event::Disconnected(peer, reason) => {
                        tracing::info!(machine = self.machine, ?peer, %reason, "disconnected");
                        thread.shared.connected(self.machine, peer, false);
                    }
                    Event::Refused { from, reason } => {
                        tracing::warn!(machine = self.machine, %from, %reason, "refused a connection");
                    }
                    Event::Shed { to, bytes, .. } => thread.shed.borrow_mut().count(now, to, bytes),
                }
                bytes += 1;
            }
            if bytes == 0 {
                break;
            }
        }
    }

    /// Sees to it that the endpoint's task knows what changed while it slept.
    fn nudge(&self) {
        let earlier =
            self.host.next_timeout().is_some_and(|next| self.armed.is_none_or(|armed| next < armed));
        if earlier || self.blocked.is_some() {
            self.poke.notify_one();
        }
    }

    fn flush(&mut self, now: Timestamp) {
        loop {
            let transmit = match self.blocked.take() {
                Some(blocked) => blocked,
                None => match self.host.flush(now, &mut self.buffer) {
                    Some(transmit) => transmit,
                    None => return,
                },
            };
            match self.socket.send(&transmit, &self.buffer[..transmit.len]) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = Some(transmit);
                    return;
                }
                // As if it were lost on the way.
                Err(error) => tracing::debug!(%error, to = %transmit.to, "sending failed"),
            }
        }
    }

    /// Hands arrivals to the machines. False if they have no room.
    fn deliver(&mut self, thread: &Thread) -> bool {
        if self.stuck.is_empty() {
            return true;
        }
        let mut batch = std::mem::take(&mut self.stuck);
        // The machines may have made room, and looked whether anybody waits, just between the two attempts.
        for _ in 0..2 {
            match thread.arrivals.try_send(batch) {
                Ok(()) => return true,
                Err(TrySendError::Full(back)) => {
                    batch = back;
                    thread.starved.store(true, Ordering::Release);
                }
                // The machines have stopped.
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        self.stuck = batch;
        false
    }
}

impl Thread {
    fn take_commands(&self) {
        let mut touched: Vec<u32> = Vec::new();
        let mut now = None;
        while let Ok(command) = self.commands.try_recv() {
            let now = *now.get_or_insert_with(|| self.clock.now());
            match command {
                NetworkCommand::Send(batch) => {
                    for Outgoing { machine, to, lane, bytes } in batch {
                        self.endpoints[machine as usize].borrow_mut().host.send(now, to, lane, bytes);
                        touched.push(machine);
                    }
                }
                NetworkCommand::Addresses(addresses) => {
                    for endpoint in &self.endpoints {
                        endpoint.borrow_mut().host.set_addresses(addresses.clone());
                    }
                }
                NetworkCommand::Close => {
                    for endpoint in &self.endpoints {
                        let mut endpoint = endpoint.borrow_mut();
                        endpoint.host.close(now);
                        endpoint.flush(now);
                    }
                    self.closed.notify_one();
                    return;
                }
            }
        }
        let Some(now) = now else { return };
        touched.sort_unstable();
        touched.dedup();
        for machine in touched {
            let mut endpoint = self.endpoints[machine as usize].borrow_mut();
            endpoint.drive(now, self);
            endpoint.nudge();
        }
    }

    fn feed_stuck(&self) {
        let now = self.clock.now();
        for endpoint in &self.endpoints {
            let mut endpoint = endpoint.borrow_mut();
            if !endpoint.stuck.is_empty() {
                endpoint.drive(now, self);
                endpoint.nudge();
            }
        }
    }

    fn publish(&self) {
        let counters = self.endpoints.iter().map(|endpoint| endpoint.borrow().host.counters());
        self.shared.publish_network(counters);
    }
}

impl Shed {
    fn count(&mut self, now: Timestamp, to: Peer, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
        if now.since(self.logged_at) >= SHED_LOG_INTERVAL {
            tracing::warn!(last_to = ?to, messages = self.messages, bytes = self.bytes, "shed messages: peers are slow or away");
            *self = Self { logged_at: now, ..Self::default() };
        }
    }
}
