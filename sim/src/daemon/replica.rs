//! `amanah replica`: one replica, its report stream, and its opaque load if it has any.

use super::load::Load;
use super::names::{addresses, follow, resolve};
use super::report::{self, Answer, Commit, Figures, Frame, Sight};
use super::{DaemonError, Stop, registry};
use crate::cpu;
use crate::deploy::{Congestion, LoadPlan, ReplicaFile};
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select, tick};
use ledger_core::codec::Blob;
use ledger_core::crypto::Digest;
use ledger_core::live::metrics::MetricsServer;
use ledger_core::live::{
    Busy, LiveStatus, LocalClient, Monitor, ReplicaOptions, Report, SOCKET_BUFFER_BYTES, start_replica,
};
use ledger_core::message::{Message, Reply, Request};
use ledger_core::protocol::PROTOCOLS;
use ledger_core::quic::QuicTuning;
use ledger_core::replica::ReplicaConfig;
use ledger_core::seam::Output;
use ledger_core::time::{Duration, Timestamp};
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// Reports and frames that wait to be written, many seconds of either; more reports are lost, and the process says how many.
/// Room for all is made at the start.
const REPORTS_MAX: usize = 1 << 13;
/// How often a replica says how it is.
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// How often load is accounted for.
const LOAD_INTERVAL: Duration = Duration::from_millis(200);
/// How often the daemon looks whether it is to end.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// Submissions handed over at once.
const BATCH_MAX: usize = 256;
/// Shortest sleep of the load generator: what falls due meanwhile is handed over together, late, and counts from its
/// schedule. Waking for every single submission cost a third of all processor time.
const LOAD_SLEEP_MIN: Duration = Duration::from_millis(2);
/// Longest sleep of the load generator.
const LOAD_SLEEP_MAX: Duration = Duration::from_millis(5);
/// Datagrams of one system call; the socket lowers it to what fits. A call costs as much as sealing a dozen datagrams.
const DATAGRAMS_MAX: usize = 44;
/// Bytes under way in a lane. The kernel holds twice [`SOCKET_BUFFER_BYTES`] for a socket: what three others have under
/// way fits in, so that a replica that was not scheduled for a while loses no datagram. (After a loss the congestion
/// window is small for seconds.) Over 100 ms it carries 20 MB/s from each peer.
const WINDOW_BYTES: u32 = SOCKET_BUFFER_BYTES as u32 / 2;
/// Time of a process's last status, after which it tells nothing.
const LAST: Timestamp = Timestamp::MAX;

/// Runs a replica until it is told to stop or fails.
///
/// # Errors
/// Why it could not start, or failed.
pub fn run_replica(file: ReplicaFile, stop: &Stop) -> Result<(), DaemonError> {
    let ledger = file.consortium.load_genesis()?;
    let consortium = &file.consortium;
    let peers = addresses(consortium, stop)?;
    let (observer, reports) = bounded(REPORTS_MAX);
    let name = match consortium.protocol {
        crate::plan::ProtocolName::Mysticeti => "mysticeti",
    };
    let (_, protocol) =
        PROTOCOLS.iter().find(|(row, _)| *row == name).expect("configuration names protocols of the table");
    let options = ReplicaOptions {
        config: ReplicaConfig {
            committee: consortium.committee.clone(),
            id: file.id,
            key: file.key.signing(),
            protocol: *protocol,
            tuning: consortium.tuning.clone(),
            checkpoint_interval: consortium.checkpoint_interval,
            journal_bytes_max: file.journal_bytes_max,
            ledger,
            forgot: file.journal_lost,
            #[cfg(feature = "seeded-bugs")]
            bug: None,
        },
        listen: resolve(&file.listen)?,
        peers: Arc::new(peers.clone()),
        registry: Arc::new(registry(consortium)),
        journal: file.data.clone(),
        workers: file.workers.unwrap_or_else(default_workers),
        genesis_at: consortium.genesis_time,
        observer: file.report.is_some().then_some(observer),
        quic: tuning(consortium.congestion),
    };
    let handle = start_replica(options)?;
    tracing::info!(replica = file.id.0, listen = %file.listen, chain = %consortium.chain().0, "up");
    follow(consortium, peers, handle.address_book(), stop)?;
    let (frames, written) = bounded(REPORTS_MAX);
    let one_in = file.load.map_or(1, |load| load.sample);
    let writer = match &file.report {
        None => None,
        Some(path) => {
            let up = Frame::Up(handle.clock().now());
            let stream = Stream::open(path, handle.monitor(), one_in, stop.clone())?;
            let clock = handle.clock();
            Some(spawn("reports", move || stream.run(up, &reports, &written, &|| clock.now()))?)
        }
    };
    let begun = Stop::default();
    let load = match file.load {
        None => None,
        Some(plan) => {
            let (client, clock, stop) = (handle.local(), handle.clock(), stop.clone());
            let (id, frames, begun) = (file.id, frames.clone(), begun.clone());
            let body = move || {
                let Some(start) = start_of(&plan, &stop) else { return };
                begun.ask();
                let load = Load::new(plan, id, start, clock.now());
                Driver { load, client, frames, rows: Vec::new(), waiting: Vec::new() }
                    .run(&|| clock.now(), &stop);
            };
            Some(spawn("load", body)?)
        }
    };
    let metrics = match &file.metrics {
        Some(address) => Some(MetricsServer::start(resolve(address)?, handle.monitor())?),
        None => None,
    };
    while !stop.asked() && handle.failed().is_none() {
        std::thread::sleep(LOOK_INTERVAL);
    }
    stop.ask();
    drop(metrics);
    tracing::info!("stopping");
    let monitor = handle.monitor();
    let threads = cpu::threads();
    let ended = handle.shutdown();
    // One that still waits for a line on standard input ends with the process.
    if let Some(load) = load.filter(|_| begun.asked()) {
        let _ = load.join();
    }
    let _ = frames.send(Frame::Status(LAST, Box::new(figures(&monitor.status(), &threads))));
    if let Some(writer) = writer {
        let _ = writer.join();
    }
    ended.map_err(DaemonError::Live)
}

/// The machine's own thread, the network's and the journal's share the cores with these.
fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).saturating_sub(1)
}

/// Of every connection of a daemon.
pub(crate) fn tuning(congestion: Congestion) -> QuicTuning {
    let congestion = match congestion {
        Congestion::Cubic => ledger_core::quic::Congestion::Cubic,
        Congestion::NewReno => ledger_core::quic::Congestion::NewReno,
        Congestion::Bbr => ledger_core::quic::Congestion::Bbr,
    };
    QuicTuning {
        congestion,
        max_datagrams: DATAGRAMS_MAX,
        window_bytes: WINDOW_BYTES,
        ..QuicTuning::default()
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<std::thread::JoinHandle<T>, DaemonError> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    started.map_err(|error| DaemonError::Io { what: format!("thread {name}"), error })
}

/// The report stream's writer.
struct Stream {
    out: BufWriter<std::fs::File>,
    monitor: Monitor,
    /// Of executed opaque submissions, which are listed.
    one_in: u64,
    stop: Stop,
}

impl Stream {
    fn open(path: &Path, monitor: Monitor, one_in: u64, stop: Stop) -> Result<Self, DaemonError> {
        let open = OpenOptions::new().write(true).create(true).truncate(true).open(path);
        let file = open.map_err(|error| DaemonError::Io { what: path.display().to_string(), error })?;
        Ok(Self { out: BufWriter::with_capacity(1 << 18, file), monitor, one_in, stop })
    }

    /// Until all frames are written. A reader that is gone ends the daemon: it was there for that reader.
    fn run(
        mut self,
        up: Frame,
        reports: &Receiver<Report>,
        frames: &Receiver<Frame>,
        now: &dyn Fn() -> Timestamp,
    ) {
        if let Err(error) = self.go_on(up, reports, frames, now) {
            tracing::error!(%error, "nobody reads the reports: stopping");
            self.stop.ask();
        }
    }

    fn go_on(
        &mut self,
        up: Frame,
        reports: &Receiver<Report>,
        frames: &Receiver<Frame>,
        now: &dyn Fn() -> Timestamp,
    ) -> io::Result<()> {
        report::write(&mut self.out, &up)?;
        let seconds = tick(STATUS_INTERVAL);
        loop {
            self.out.flush()?;
            select! {
                recv(reports) -> told => {
                    if let Ok(told) = told {
                        self.report(told)?;
                        self.reports(reports)?;
                    } else {
                        // The replica has stopped; what is left are frames.
                        return self.rest(frames);
                    }
                }
                recv(frames) -> frame => {
                    // What a submission's answer rests on was reported before it: it is written before it.
                    let mut batch: Vec<Frame> = frame.into_iter().collect();
                    batch.extend(frames.try_iter());
                    self.reports(reports)?;
                    for frame in &batch {
                        report::write(&mut self.out, frame)?;
                    }
                }
                recv(seconds) -> _ => {
                    let figures = Box::new(figures(&self.monitor.status(), &cpu::threads()));
                    report::write(&mut self.out, &Frame::Status(now(), figures))?;
                }
            }
        }
    }

    /// Frames up to the last status.
    fn rest(&mut self, frames: &Receiver<Frame>) -> io::Result<()> {
        for frame in frames {
            report::write(&mut self.out, &frame)?;
            if matches!(frame, Frame::Status(LAST, _)) {
                break;
            }
        }
        self.out.flush()
    }

    fn reports(&mut self, reports: &Receiver<Report>) -> io::Result<()> {
        loop {
            match reports.try_recv() {
                Ok(told) => self.report(told)?,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    fn report(&mut self, (at, _, output): Report) -> io::Result<()> {
        let frame = match output {
            Output::Committed(report) => {
                let one_in = self.one_in;
                Frame::Committed(at, Commit::of(report, |digest| super::load::is_sampled(digest, one_in)))
            }
            Output::Observed(observation) => match Sight::of(observation) {
                Some(sight) => Frame::Seen(at, sight),
                None => return Ok(()),
            },
            // The driver reports nothing else.
            Output::Send { .. }
            | Output::Broadcast { .. }
            | Output::Persist { .. }
            | Output::Truncate(_)
            | Output::Verify(..)
            | Output::Execute(_)
            | Output::Store(..)
            | Output::Load(_)
            | Output::Erase(_)
            | Output::Completed(_) => return Ok(()),
        };
        report::write(&mut self.out, &frame)
    }
}

/// How the replica and this process are.
fn figures(status: &LiveStatus, threads: &[cpu::Thread]) -> Figures {
    let cpu_ns = cpu::process_ns();
    Figures {
        cpu_ns,
        spent: cpu::divide(cpu_ns, threads, &status.spent),
        resident_bytes: resident_bytes(),
        journal: [status.durable.0, status.journal_bytes, status.syncs, 0],
        bytes_sent: status.network.bytes_sent,
        datagrams: status.network.datagrams_sent,
        packets_lost: status.network.packets_lost,
        shed: status.network.shed,
        unreported: status.unobserved,
        ..Figures::of(&status.replica)
    }
}

/// Resident memory of this process.
fn resident_bytes() -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let pages: u64 = status.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// When the load begins; `None` if nobody says so before the end.
fn start_of(plan: &LoadPlan, stop: &Stop) -> Option<Timestamp> {
    if let Some(start) = plan.start {
        return Some(Timestamp::after_genesis(start));
    }
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line).ok()?;
    let start = line.trim().strip_prefix("start ").and_then(|nanos| nanos.parse().ok()).map(Timestamp);
    if start.is_none() && read > 0 {
        tracing::error!(
            line = line.trim(),
            "expected `start` and nanoseconds since genesis on standard input"
        );
    }
    start.filter(|_| !stop.asked())
}

/// Submits load and hears what became of it.
struct Driver {
    load: Load,
    client: LocalClient,
    frames: Sender<Frame>,
    /// Sampled submissions since the last account.
    rows: Vec<Frame>,
    /// Messages that the replica had no room for.
    waiting: Vec<Bytes>,
}

impl Driver {
    fn run(mut self, now: &dyn Fn() -> Timestamp, stop: &Stop) {
        let mut account_at = now();
        while !stop.asked() {
            let time = now();
            self.submit(time);
            if time >= account_at {
                account_at = time + LOAD_INTERVAL;
                for submission in self.load.give_up(time) {
                    self.rows.push(Frame::Answered(time, submission, Answer::TimedOut));
                }
                self.account();
            }
            // Replies carry the time at which they were given: nobody need wake for them.
            while let Ok((at, replies)) = self.client.replies().try_recv() {
                self.answered(at, &replies);
            }
            let next = self.load.next_at().map_or(LOAD_SLEEP_MAX, |at| at.since(now()));
            std::thread::sleep(next.clamp(LOAD_SLEEP_MIN, LOAD_SLEEP_MAX));
        }
        self.account();
    }

    /// Counts and rows together, so that a kill loses both or neither.
    fn account(&mut self) {
        let progress = Frame::Load(Box::new(self.load.report()));
        for frame in [progress].into_iter().chain(self.rows.drain(..)) {
            // A writer that is gone has ended the daemon.
            let _ = self.frames.send(frame);
        }
    }

    /// Hands over what is due. What the replica has no room for waits, and counts from its schedule all the same.
    fn submit(&mut self, now: Timestamp) {
        loop {
            let mut messages = std::mem::take(&mut self.waiting);
            while messages.len() < BATCH_MAX
                && let Some(due) = self.load.due(now)
            {
                if due.sampled {
                    self.rows.push(Frame::Submitted(due.scheduled, due.submission));
                }
                let blob = Blob::new(due.bytes).expect("configuration limits the size");
                messages.push(Message::Request(Request::Submit(blob)).encode());
            }
            if messages.is_empty() {
                return;
            }
            if let Err(Busy(messages)) = self.client.submit(messages) {
                self.waiting = messages;
                return;
            }
        }
    }

    fn answered(&mut self, at: Timestamp, replies: &[Bytes]) {
        for reply in replies {
            let Ok(Message::Reply(reply)) = Message::decode(reply) else { continue };
            match reply {
                Reply::Ordered { submission, .. } => self.end(at, &submission, Answer::Ordered),
                Reply::Busy(submission) => self.end(at, &submission, Answer::Busy),
                Reply::Rejected(submission) => self.end(at, &submission, Answer::Rejected),
                Reply::Forgotten(submission) => self.end(at, &submission, Answer::TimedOut),
                Reply::Receipt(_) | Reply::PermitStatus { .. } | Reply::NoEntry(_) => {}
            }
        }
    }

    fn end(&mut self, at: Timestamp, submission: &Digest, answer: Answer) {
        if self.load.answered(at, submission, answer) == Some(true) {
            self.rows.push(Frame::Answered(at, *submission, answer));
        }
    }
}
