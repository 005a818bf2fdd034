//! What ordering costs live: four replicas on loopback in this process, 512-byte opaque payloads, open loop.
//!
//! Prints CPU time for each transaction in all four replicas and the load together, and for each kind of thread.
//!
//! `MIMALLOC_PURGE_DELAY=-1 cargo bench -p ledger-core --features live --bench live -- [rate] [seconds] [workers] [mtu] [directory] [block KiB] [gc depth]`
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a measurement of real time on real sockets, which ends at the first surprise"
)]

use bytes::Bytes;
use ledger_core::codec::Blob;
use ledger_core::committee::{Committee, Member, ReplicaId, Stake};
use ledger_core::crypto::SecretKey;
use ledger_core::live::{LocalClient, ReplicaHandle, ReplicaOptions, start_replica};
use ledger_core::message::{Message, Reply, Request};
use ledger_core::protocol::{PROTOCOLS, Tuning};
use ledger_core::quic::{QuicTuning, Registry};
use ledger_core::replica::ReplicaConfig;
use ledger_core::seam::Peer;
use std::collections::{BTreeMap, VecDeque};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const REPLICAS: u16 = 4;
const TICK: Duration = Duration::from_millis(10);

fn argument<T: std::str::FromStr>(place: usize, default: T) -> T {
    let arguments: Vec<String> = std::env::args().filter(|argument| argument != "--bench").collect();
    arguments.get(place).and_then(|argument| argument.parse().ok()).unwrap_or(default)
}

fn start(workers: usize, mtu: u16, directory: &std::path::Path) -> Vec<ReplicaHandle> {
    let keys: Vec<SecretKey> =
        (0..REPLICAS).map(|number| SecretKey::from_seed([number as u8 + 1; 32])).collect();
    let member = |(number, key): (usize, &SecretKey)| Member {
        name: format!("r{number}"),
        key: key.public(),
        stake: Stake(1),
    };
    let members = keys.iter().enumerate().map(member).collect();
    let committee = Arc::new(Committee::new(b"bench", members).unwrap());
    let sockets: Vec<UdpSocket> = keys.iter().map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let peers: BTreeMap<Peer, SocketAddr> = committee
        .replicas()
        .map(Peer::Replica)
        .zip(sockets.iter().map(|socket| socket.local_addr().unwrap()))
        .collect();
    drop(sockets);
    let registry = Arc::new(Registry::of_committee(&committee));
    let genesis_at = SystemTime::now() - Duration::from_secs(10);
    (0..REPLICAS)
        .map(|number| {
            let id = ReplicaId(number);
            start_replica(ReplicaOptions {
                config: ReplicaConfig {
                    committee: committee.clone(),
                    id,
                    key: keys[id.index()].clone(),
                    protocol: PROTOCOLS[0].1,
                    tuning: Tuning {
                        block_bytes_max: argument(6, 1_024) << 10,
                        gc_depth: argument(7, 50),
                        ..Tuning::default()
                    },
                    checkpoint_interval: 10,
                    journal_bytes_max: 2 << 30,
                    ledger: None,
                    forgot: false,
                    #[cfg(feature = "seeded-bugs")]
                    bug: None,
                },
                listen: peers[&Peer::Replica(id)],
                peers: Arc::new(peers.clone()),
                registry: registry.clone(),
                journal: directory.join(format!("r{number}")),
                workers,
                genesis_at,
                observer: None,
                quic: QuicTuning { mtu, max_datagrams: 40, ..QuicTuning::default() },
            })
            .unwrap()
        })
        .collect()
}

/// Items submitted and not answered, oldest first: answers come in the order of submission.
struct Load {
    local: LocalClient,
    waiting: VecDeque<(Instant, usize)>,
    next: u64,
    ordered: u64,
    busy: u64,
    latencies: Vec<u32>,
}

impl Load {
    fn submit(&mut self, count: usize) {
        let messages: Vec<Bytes> = (0..count)
            .map(|_| {
                let mut payload = vec![0; 512];
                payload[..8].copy_from_slice(&self.next.to_le_bytes());
                payload[8..24].copy_from_slice(
                    &u128::from(self.next).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes(),
                );
                self.next += 4;
                Message::Request(Request::Submit(Blob::new(payload).unwrap())).encode()
            })
            .collect();
        match self.local.submit(messages) {
            Ok(()) => self.waiting.push_back((Instant::now(), count)),
            Err(_) => self.busy += count as u64,
        }
    }

    fn take(&mut self, measuring: bool) {
        while let Ok((_, replies)) = self.local.replies().try_recv() {
            for reply in replies {
                match Message::decode(&reply).unwrap() {
                    Message::Reply(Reply::Ordered { .. }) => self.ordered += u64::from(measuring),
                    Message::Reply(Reply::Busy(_)) => self.busy += u64::from(measuring),
                    other => panic!("{other:?}"),
                }
                if let Some((at, count)) = self.waiting.front_mut() {
                    if measuring {
                        self.latencies.push(at.elapsed().as_micros() as u32);
                    }
                    *count -= 1;
                    if *count == 0 {
                        self.waiting.pop_front();
                    }
                }
            }
        }
    }
}

/// User and system time of this process, microseconds.
fn cpu() -> (u64, u64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() * 10_000, fields[12].parse::<u64>().unwrap() * 10_000)
}

fn memory_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4 / 1024
}

/// CPU of each kind of thread, microseconds.
fn threads() -> BTreeMap<String, (u64, u64)> {
    let mut totals: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let Ok(stat) = std::fs::read_to_string(task.unwrap().path().join("stat")) else { continue };
        let name = stat[stat.find('(').unwrap() + 1..stat.rfind(')').unwrap()].to_string();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let total = totals.entry(name).or_default();
        total.0 += fields[11].parse::<u64>().unwrap() * 10_000;
        total.1 += fields[12].parse::<u64>().unwrap() * 10_000;
    }
    totals
}

fn main() {
    let rate: usize = argument(1, 40_000);
    let seconds: u64 = argument(2, 10);
    let (workers, mtu) = (argument(3, 0), argument(4, 1_452));
    let directory: std::path::PathBuf =
        argument(5, std::env::temp_dir()).join(format!("amanah-bench-{}", std::process::id()));
    let replicas = start(workers, mtu, &directory);
    let mut loads: Vec<Load> = (0..)
        .zip(&replicas)
        .map(|(next, replica)| Load {
            local: replica.local(),
            waiting: VecDeque::new(),
            next,
            ordered: 0,
            busy: 0,
            latencies: Vec::new(),
        })
        .collect();
    let per_tick = rate * TICK.as_millis() as usize / 1_000 / loads.len();
    let started = Instant::now();
    let warm = Duration::from_secs(2);
    let end = warm + Duration::from_secs(seconds);
    let mut before = None;
    let mut tick = Duration::ZERO;
    while tick < end {
        let measuring = tick >= warm;
        if measuring && before.is_none() {
            before = Some((Instant::now(), cpu(), threads()));
        }
        for load in &mut loads {
            load.take(measuring);
            load.submit(per_tick);
        }
        tick += TICK;
        std::thread::sleep((started + tick).saturating_duration_since(Instant::now()));
    }
    let (since, cpu_before, threads_before) = before.unwrap();
    let (elapsed, cpu_after) = (since.elapsed().as_secs_f64(), cpu());
    let ordered: u64 = loads.iter().map(|load| load.ordered).sum();
    let mut latencies: Vec<u32> = loads.iter().flat_map(|load| load.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    let at = |share: f64| {
        latencies.get((latencies.len() as f64 * share) as usize).map_or(0.0, |us| f64::from(*us) / 1e3)
    };
    let per = |us: u64| us as f64 / ordered.max(1) as f64;
    println!(
        "offered {rate}/s, ordered {:.0}/s, busy {}, p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms, {} MiB, CPU {:.2} us/tx (user {:.2}, system {:.2})",
        ordered as f64 / elapsed,
        loads.iter().map(|load| load.busy).sum::<u64>(),
        at(0.5),
        at(0.99),
        at(0.9999),
        memory_mib(),
        per(cpu_after.0 + cpu_after.1 - cpu_before.0 - cpu_before.1),
        per(cpu_after.0 - cpu_before.0),
        per(cpu_after.1 - cpu_before.1),
    );
    for (name, (user, system)) in threads() {
        let (user_before, system_before) = threads_before.get(&name).copied().unwrap_or_default();
        println!(
            "  {name:12} user {:.2}, system {:.2} us/tx",
            per(user - user_before),
            per(system - system_before)
        );
    }
    let status = replicas[0].status();
    println!(
        "  replica 0: round {}, {} commits, {} leader timeouts, {} suspended, {} dropped, {} KB queued, {} syncs, {} MB journal, {} datagrams sent, {} lost, {} shed",
        status.replica.protocol.round.0,
        status.replica.executed,
        status.replica.protocol.leader_timeouts,
        status.replica.protocol.suspended,
        status.replica.dropped,
        status.network.queued_bytes >> 10,
        status.syncs,
        status.journal_bytes >> 20,
        status.network.datagrams_sent,
        status.network.packets_lost,
        status.network.shed,
    );
    replicas.into_iter().for_each(|replica| replica.shutdown().unwrap());
    let _ = std::fs::remove_dir_all(directory);
}
