//! A consortium for trials, as an operator starts it: `keygen`, then daemons.

use crate::amanah::{Build, directory};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Without a sign of progress for so long, a condition is given up.
pub const GIVE_UP: Duration = Duration::from_secs(120);

const SCENARIO: &str = "name: trial
duration: 1s
ledger: { replicas: 4 }
network: { topology: lan }
population: { patients: 40, hospitals: 3, staff: 2 }
workloads:
  - personal_health_record: { rate: 1/s }
";

/// Replicas and gateways on loopback; killed when dropped.
pub struct Cluster {
    pub directory: PathBuf,
    pub port: u16,
    processes: Vec<(String, Child)>,
}

impl Cluster {
    /// Writes keys and configuration.
    pub fn new(name: &str) -> Self {
        let directory = directory(&format!("live-{name}"));
        std::fs::write(directory.join("trial.yaml"), SCENARIO).unwrap();
        let port = free_ports(4 + 3);
        let keygen = ["keygen", "--scenario", "trial.yaml", "--out", "trial", "--port", &port.to_string()];
        Build::Debug.run(&directory, &keygen).exits(0);
        Self { directory: directory.join("trial"), port, processes: Vec::new() }
    }

    /// Starts a daemon: `replica` or `gateway`.
    pub fn start(&mut self, kind: &str, number: usize) {
        let name = format!("{kind}-{number}");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.directory.join(format!("{name}.log")))
            .unwrap();
        let mut command: Command = Build::Debug.command(&self.directory);
        let child = command
            .args([kind, "--config", &format!("{name}.yaml")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.processes.push((name, child));
    }

    pub fn start_replicas(&mut self) {
        (0..4).for_each(|number| self.start("replica", number));
    }

    /// Ends a daemon with a signal's name, and gives back how it ended.
    pub fn end(&mut self, kind: &str, number: usize, signal: &str) -> std::process::ExitStatus {
        let name = format!("{kind}-{number}");
        let at = self.processes.iter().position(|(running, _)| *running == name).unwrap();
        let (_, mut child) = self.processes.remove(at);
        let kill =
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        child.wait().unwrap()
    }

    pub fn replica_port(&self, number: u16) -> u16 {
        self.port + number
    }

    pub fn gateway_port(&self, number: u16) -> u16 {
        self.port + 4 + number
    }

    /// Resident memory of a replica's process, bytes.
    pub fn resident(&self, replica: usize) -> u64 {
        let name = format!("replica-{replica}");
        let (_, child) = self.processes.iter().find(|(running, _)| *running == name).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/statm", child.id())).unwrap();
        status.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4_096
    }

    /// A figure of a replica's metrics.
    pub fn figure(&self, replica: u16, name: &str) -> Option<u64> {
        let (_, text) = http("GET", self.replica_port(replica), "/metrics", "")?;
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// Waits until all replicas have executed this many commits more; gives up without progress.
    pub fn commits(&self, more: u64) {
        let now = || -> Vec<u64> {
            (0..4).map(|replica| self.figure(replica, "amanah_commits_executed_total").unwrap_or(0)).collect()
        };
        let start = now();
        let (mut last, mut since) = (start.clone(), Instant::now());
        while last.iter().zip(&start).any(|(last, start)| *last < start + more) {
            assert!(
                since.elapsed() < GIVE_UP,
                "no progress beyond {last:?}\n{}",
                super::logs(&self.directory)
            );
            std::thread::sleep(Duration::from_millis(50));
            let found = now();
            if found != last {
                (last, since) = (found, Instant::now());
            }
        }
    }

    /// Posts a JSON body to a gateway's API until it answers.
    pub fn post(&self, gateway: u16, operation: &str, body: &Value) -> (u16, Value) {
        let since = Instant::now();
        loop {
            let path = format!("/v1/{operation}");
            if let Some((code, text)) = http("POST", self.gateway_port(gateway), &path, &body.to_string()) {
                let value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{code}: {text}"));
                return (code, value);
            }
            assert!(since.elapsed() < GIVE_UP, "no gateway\n{}", super::logs(&self.directory));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in &mut self.processes {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One request; `None` if nobody answers.
pub fn http(method: &str, port: u16, path: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split_whitespace().nth(1)?.parse().ok()?;
    Some((code, body.to_owned()))
}

/// The first of this many ports in a row that are free now, over UDP and TCP.
fn free_ports(count: u16) -> u16 {
    let free = |port: u16| {
        UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok()
    };
    for _ in 0..1_000 {
        let first = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if first < u16::MAX - count && (first..first + count).all(free) {
            return first;
        }
    }
    panic!("no {count} free ports in a row");
}

/// Changes a file of a cluster before it is started.
pub fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} has no {from:?}:\n{text}", file.display());
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}
