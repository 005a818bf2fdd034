//! Asks replicas for receipts, as an institution of the consortium, over one QUIC host of its own on a blocking socket.

use super::TestbedError;
use crate::daemon::{Stop, addresses, registry, resolve};
use crate::deploy::{Consortium, SecretSeed};
use bytes::{Bytes, BytesMut};
use ledger_core::audit::Receipt;
use ledger_core::committee::ReplicaId;
use ledger_core::live::Clock;
use ledger_core::message::{Message, Reply, Request};
use ledger_core::quic::{Entropy, Event, Host, HostConfig, QuicTuning};
use ledger_core::seam::{GatewayId, Lane, Peer};
use ledger_core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Without an answer for so long, what is missing is given up: receipts that were not shown.
const GIVE_UP: Duration = Duration::from_secs(10);
/// What is missing is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Longest wait for a datagram.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// A receipt that a replica was asked for, if it showed one.
pub(super) type Shown = (ReplicaId, u64, Option<Receipt>);

/// See the module.
pub(super) struct Auditor {
    host: Host,
    socket: UdpSocket,
    clock: Clock,
}

impl Auditor {
    /// The institution whose secret lies in the testbed's directory.
    pub fn new(directory: &Path, consortium: &Consortium, gateway: GatewayId) -> Result<Self, TestbedError> {
        let entry = consortium.institution(gateway).expect("it was written with the others");
        let secret = SecretSeed::read(&directory.join(format!("gateway-{}.key", gateway.0)));
        let secret = secret.map_err(|error| TestbedError::Configuration(error.to_string()))?;
        let clock = Clock::new(consortium.genesis_time);
        let io = |error| TestbedError::Io { what: format!("the auditor's socket {}", entry.address), error };
        let socket = UdpSocket::bind(resolve(&entry.address)?).map_err(io)?;
        let config = HostConfig {
            me: Peer::Gateway(gateway),
            key: ledger_core::gateway::Gateway::transport_key(secret.bytes()),
            chain: consortium.chain(),
            registry: Arc::new(registry(consortium)),
            addresses: Arc::new(addresses(consortium, &Stop::default())?),
            tuning: QuicTuning { max_datagrams: 1, ..QuicTuning::default() },
            entropy: Entropy::from_system()
                .ok_or_else(|| TestbedError::Configuration("no randomness".to_owned()))?,
        };
        let host = Host::new(config, clock.now());
        let host = host.map_err(|error| TestbedError::Configuration(error.to_string()))?;
        Ok(Self { host, socket, clock })
    }

    /// What replicas show for these entries.
    pub fn ask(&mut self, replicas: &[ReplicaId], indices: &[u64]) -> Vec<Shown> {
        let mut missing: BTreeSet<(ReplicaId, u64)> =
            replicas.iter().flat_map(|replica| indices.iter().map(|index| (*replica, *index))).collect();
        let mut shown: BTreeMap<(ReplicaId, u64), Option<Receipt>> = BTreeMap::new();
        let (mut heard_at, mut asked_at) = (Instant::now(), None::<Instant>);
        while !missing.is_empty() && heard_at.elapsed() < GIVE_UP {
            if asked_at.is_none_or(|at| at.elapsed() >= ASK_AGAIN) {
                asked_at = Some(Instant::now());
                for (replica, index) in &missing {
                    let bytes = Message::Request(Request::Entry(*index)).encode();
                    self.host.send(self.clock.now(), Peer::Replica(*replica), Lane::Client, bytes);
                }
            }
            self.turn();
            while let Some(event) = self.host.poll_event() {
                let Event::Message { from: Peer::Replica(from), bytes, .. } = event else { continue };
                if let Some((index, receipt)) = answer(&bytes)
                    && missing.remove(&(from, index))
                {
                    shown.insert((from, index), receipt);
                    heard_at = Instant::now();
                }
            }
        }
        shown.extend(missing.into_iter().map(|key| (key, None)));
        shown.into_iter().map(|((replica, index), receipt)| (replica, index, receipt)).collect()
    }

    /// Sends what is to be sent, and receives for a moment. What the socket refuses is lost, as on any network.
    fn turn(&mut self) {
        let mut buffer = Vec::new();
        while let Some(transmit) = self.host.flush(self.clock.now(), &mut buffer) {
            let _ = self.socket.send_to(&buffer[..transmit.len], transmit.to);
        }
        let now = self.clock.now();
        let timeout = self.host.next_timeout().map_or(WAIT_MAX, |at| at.since(now).min(WAIT_MAX));
        let _ = self.socket.set_read_timeout(Some(timeout.max(Duration::from_micros(100))));
        let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
        match self.socket.recv_from(&mut datagram) {
            Ok((length, from)) => {
                self.host.on_datagram(self.clock.now(), from, None, BytesMut::from(&datagram[..length]));
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => {}
        }
        let now = self.clock.now();
        if self.host.next_timeout().is_some_and(|at| at <= now) {
            self.host.on_timeout(now);
        }
    }
}

fn answer(bytes: &Bytes) -> Option<(u64, Option<Receipt>)> {
    match Message::decode(bytes) {
        Ok(Message::Reply(Reply::Receipt(receipt))) => Some((receipt.index, Some(receipt))),
        Ok(Message::Reply(Reply::NoEntry(index))) => Some((index, None)),
        Ok(_) | Err(_) => None,
    }
}
