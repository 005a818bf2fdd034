//! Where peers are: names of the configuration, and the addresses that they mean now.
//!
//! Names are looked up when a daemon starts, and again every [`AGAIN`] as long as it runs: who moves is dialled where it is.
//! A name that cannot be looked up for a while keeps its last address, and one that means several keeps the one that it
//! has for as long as it is among them. Addresses that are written as numbers are never looked up. A connection that stands
//! is left alone.

use super::{DaemonError, Stop};
use crate::deploy::Consortium;
use ledger_core::live::AddressBook;
use ledger_core::seam::Peer;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two attempts to resolve the names of peers that do not exist yet.
const RESOLVE_PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at all names.
const AGAIN: Duration = Duration::from_secs(5);
/// How often it is looked whether the daemon is to end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Where everybody is. Waits for the names of replicas that cannot be resolved yet; institutions without an address
/// are left out, because it is they who connect.
///
/// # Errors
/// If told to stop while waiting.
pub fn addresses(consortium: &Consortium, stop: &Stop) -> Result<BTreeMap<Peer, SocketAddr>, DaemonError> {
    let mut found = BTreeMap::new();
    for (replica, entry) in consortium.committee.replicas().zip(&consortium.replicas) {
        let mut told = false;
        loop {
            match resolve(&entry.address) {
                Ok(address) => {
                    found.insert(Peer::Replica(replica), address);
                    break;
                }
                Err(error) if !told => {
                    tracing::warn!(replica = replica.0, %error, "waiting for its name");
                    told = true;
                }
                Err(_) => {}
            }
            if stop.asked() {
                return Err(DaemonError::Stopped);
            }
            std::thread::sleep(RESOLVE_PAUSE);
        }
    }
    for entry in &consortium.institutions {
        if let Ok(address) = resolve(&entry.address) {
            found.insert(Peer::Gateway(entry.gateway), address);
        }
    }
    Ok(found)
}

/// The first address of `host:port`.
///
/// # Errors
/// If there is none.
pub fn resolve(address: &str) -> Result<SocketAddr, DaemonError> {
    let failed = |error| DaemonError::Address { address: address.to_owned(), error };
    let mut found = address.to_socket_addrs().map_err(failed)?;
    found.next().ok_or_else(|| failed(io::Error::other("the name has no address")))
}

/// Looks names up again and again, on a thread of its own, until the daemon ends. Without names there is none.
///
/// # Errors
/// If there is no thread to be had.
pub(super) fn follow(
    consortium: &Consortium,
    known: BTreeMap<Peer, SocketAddr>,
    book: AddressBook,
    stop: &Stop,
) -> Result<(), DaemonError> {
    let names = names(consortium);
    if names.is_empty() {
        return Ok(());
    }
    let stop = stop.clone();
    let body = move || {
        let mut known = known;
        while !waited(&stop) {
            let look_up = |name: &str| name.to_socket_addrs().map(Iterator::collect).unwrap_or_default();
            if let Some(moved) = moved(&names, &known, look_up) {
                book.replace(Arc::new(moved.clone()));
                known = moved;
            }
        }
    };
    // It is not waited for: a look-up may take as long as the system's resolver likes.
    let started = std::thread::Builder::new().name("names".to_owned()).spawn(body);
    started.map(drop).map_err(|error| DaemonError::Io { what: "thread names".to_owned(), error })
}

/// Peers whose address is a name.
fn names(consortium: &Consortium) -> Vec<(Peer, String)> {
    let replicas = consortium.committee.replicas().map(Peer::Replica).zip(&consortium.replicas);
    let replicas = replicas.map(|(peer, entry)| (peer, &entry.address));
    let institutions = consortium.institutions.iter();
    let institutions = institutions.map(|entry| (Peer::Gateway(entry.gateway), &entry.address));
    let named = replicas.chain(institutions).filter(|(_, address)| address.parse::<SocketAddr>().is_err());
    named.map(|(peer, address)| (peer, address.clone())).collect()
}

/// Where everybody is if somebody is elsewhere than was known.
fn moved(
    names: &[(Peer, String)],
    known: &BTreeMap<Peer, SocketAddr>,
    look_up: impl Fn(&str) -> Vec<SocketAddr>,
) -> Option<BTreeMap<Peer, SocketAddr>> {
    let mut found = known.clone();
    for (peer, name) in names {
        let addresses = look_up(name);
        let stays = known.get(peer).is_some_and(|address| addresses.contains(address));
        if let Some(address) = addresses.first().filter(|_| !stays) {
            tracing::info!(?peer, name, %address, "is at another address");
            found.insert(*peer, *address);
        }
    }
    (found != *known).then_some(found)
}

/// Waits for the next look; true if the daemon is to end.
fn waited(stop: &Stop) -> bool {
    let since = Instant::now();
    while since.elapsed() < AGAIN && !stop.asked() {
        std::thread::sleep(LOOK_INTERVAL);
    }
    stop.asked()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::committee::ReplicaId;

    #[test]
    fn who_moved_is_found_and_who_cannot_be_found_stays() {
        let peer = |id| Peer::Replica(ReplicaId(id));
        let at = |port: u16| SocketAddr::from(([10, 0, 0, 1], port));
        let known = BTreeMap::from([(peer(0), at(1)), (peer(1), at(2)), (peer(2), at(3))]);
        let names = [(peer(0), "a:1".to_owned()), (peer(1), "b:1".to_owned())];
        let look = |a: &[u16], b: &[u16]| {
            let addresses = |ports: &[u16]| ports.iter().map(|port| at(*port)).collect::<Vec<_>>();
            moved(&names, &known, |name| addresses(if name == "a:1" { a } else { b }))
        };
        assert_eq!(look(&[1], &[]), None, "one is where it was, the other has no address now");
        assert_eq!(look(&[7, 1], &[8, 9, 2]), None, "still among several");
        let found = look(&[7, 9], &[2]).unwrap();
        assert_eq!(found, BTreeMap::from([(peer(0), at(7)), (peer(1), at(2)), (peer(2), at(3))]));
    }
}
