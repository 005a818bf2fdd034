//! The live world: the scenario's replicas as processes of this program on this machine, their gateways and the workload
//! in this one, on real sockets, disks and cryptography, by the wall clock.
//!
//! It yields the same [`Run`] as the simulated world, so that checkers, figures and reports are the same. What differs:
//!
//! * times count from the consortium's genesis, and the run begins when all replicas are up ([`Run::start`]);
//! * hosts are processes that share this machine's cores: the plan's host profiles are not applied;
//! * links are the machine's loopback, or with `--namespaces` those between network namespaces, or with `--netem` the same
//!   with the topology's delays and loss;
//! * opaque load is made inside the replicas' processes, as the closest peer makes it, and where it is too large for a row
//!   each, one operation in so many is listed ([`ROWS_MAX`]);
//! * crashes are SIGKILL and a restart from the journal, pauses SIGSTOP and SIGCONT, partitions routes that lead nowhere.
//!   What cannot be injected is refused before anything starts ([`refuse`]).
//!
//! Nothing repeats a live run to the bit. Its digest is of plan and history.
//!
//! Limits: `HEARD_MAX` frames wait for this process, then replicas wait with theirs; replicas that are not up, or do not
//! end, within `GIVE_UP` without a sign of progress are given up.

mod auditor;
mod digest;
mod end;
mod handover;
mod netem;
mod process;
mod setup;
mod tally;

pub use netem::NetemError;
pub use setup::{TestbedError, refuse};

use crate::cpu::{self, Spent};
use crate::daemon::report::{Answer, Figures, Frame};
use crate::history::{Control, Operation, OperationKind, Progress, ROWS_MAX, Run, Setting, Unlisted};
use crate::plan::{DiskLoss, FaultKind, Plan};
use crate::recorder::Recorder;
use crate::workload::{Generator, Started, Target};
use auditor::Auditor;
use crossbeam_channel::{Receiver, Sender, select};
use handover::Handover;
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Completion, End};
use ledger_core::ledger::transaction::{Outcome, PartyId};
use ledger_core::live::{Clock, Completed, GatewaysHandle, Report};
use ledger_core::seam::{GatewayId, Observation, Output, Peer};
use ledger_core::time::{Duration, Timestamp};
use netem::Netem;
use process::{Heard, Process, Recipe, Told};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tally::{InSeries, Measured, Tally};

/// Frames of all replicas that wait for this process.
const HEARD_MAX: usize = 1 << 14;
/// Without a sign of progress, replicas are not waited for any longer.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Time after the last operation has ended in which slower replicas may finish what it set off.
const SETTLE: Duration = Duration::from_secs(2);
/// From the moment at which all replicas are up to the start of the warm-up: connections are made meanwhile.
const LEAD: Duration = Duration::from_secs(1);
/// Longest sleep, and how often the watcher is asked.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// Before commands that gateways had no room for are handed over again.
const RETRY: Duration = Duration::from_millis(1);
/// Operations started in one turn, so that a generator that lags still hears what has ended.
const STARTS_PER_TURN: usize = 256;
/// Frames and completions taken in one turn.
const TAKEN_PER_TURN: usize = 1024;

/// What a live run is told beside its plan.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where configuration, keys, journals and logs go; made anew.
    pub directory: PathBuf,
    /// Over what replicas and gateways reach each other.
    pub setting: Setting,
    /// The program that has the command `replica`; `None`: this one.
    pub program: Option<PathBuf>,
    /// Threads for what is parallel (keys and documents of the population).
    pub threads: usize,
}

/// Plays a plan to its end, or until the watcher says stop.
///
/// # Errors
/// If it cannot be set up, or a process ends that no fault ended.
pub fn run(
    plan: &Plan,
    options: &Options,
    watch: &mut dyn FnMut(&Progress) -> Control,
) -> Result<Run, TestbedError> {
    let begun = std::time::Instant::now();
    let mut testbed = Testbed::set_up(plan, options, watch)?;
    let setup_wall = begun.elapsed();
    let partial = testbed.play(watch)?;
    testbed.into_run(partial, begun, setup_wall)
}

/// Where a replica's process is in its life.
enum Life {
    Running(Process),
    /// Killed; whether all that it told has been heard, and whether it is to be started again once it has.
    Dead {
        heard_out: bool,
        restart: bool,
    },
}

/// A replica as the testbed sees it.
struct Seat {
    recipe: Recipe,
    life: Life,
    /// Crashes and pauses in force.
    stopped: u32,
    /// What becomes of its journal before it starts again.
    loses_journal: bool,
    /// What it last said of itself.
    figures: Figures,
    /// What its earlier processes used: cumulative figures begin at zero with each.
    before: Figures,
    resident_max: u64,
    is_up: bool,
    tally: Option<Tally>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Strike(usize),
    Heal(usize),
    Second,
    NextOperation,
}

struct Testbed {
    plan: Plan,
    committee: std::sync::Arc<ledger_core::committee::Committee>,
    clock: Clock,
    start: Timestamp,
    arrivals_end: Timestamp,
    deadline: Timestamp,
    idle_since: Option<Timestamp>,
    generator: Option<Generator>,
    recorder: Recorder,
    unlisted: Unlisted,
    measured: Measured,
    seats: Vec<Seat>,
    heard_in: Sender<Heard>,
    heard: Receiver<Heard>,
    gateways: Option<GatewaysHandle>,
    handover: Handover,
    completions: Receiver<Completed>,
    observed: Receiver<Report>,
    auditor: Option<Auditor>,
    setting: Setting,
    netem: Option<Netem>,
    partitions: Vec<(usize, Vec<u32>)>,
    due: BTreeMap<(Timestamp, u64), Due>,
    due_sequence: u64,
    next_operation: u64,
    frames: u64,
    /// What this process had used when the run began.
    spent_before: Spent,
    asked_at: Timestamp,
}

impl Testbed {
    /// Handles what happens until all operations have ended after the last arrival, and a little longer. True if the
    /// watcher stopped it.
    fn play(&mut self, watch: &mut dyn FnMut(&Progress) -> Control) -> Result<bool, TestbedError> {
        loop {
            let now = self.clock.now();
            if now > self.deadline || self.idle_since.is_some_and(|idle| now > idle + SETTLE) {
                return Ok(watch(&self.progress(now)) == Control::Stop);
            }
            while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
                let due = entry.remove();
                self.happen(now, due)?;
            }
            let lagging = self.start_due(now);
            let taken = self.take_all()?;
            if let Some(gateways) = &self.gateways {
                self.handover.go_on(gateways);
            }
            if now >= self.asked_at {
                self.asked_at = now + SLEEP_MAX;
                if watch(&self.progress(now)) == Control::Stop {
                    return Ok(true);
                }
                self.look_after()?;
            }
            let idle = now > self.arrivals_end && self.is_idle();
            self.idle_since = if idle { self.idle_since.or(Some(now)) } else { None };
            if !lagging && !taken {
                self.wait()?;
            }
        }
    }

    fn progress(&self, now: Timestamp) -> Progress {
        let since = |at: Timestamp| Timestamp::after_genesis(at.since(self.start));
        Progress {
            now: since(now),
            end: since(self.arrivals_end),
            events: self.frames,
            committed: self.recorder.committed(),
        }
    }

    fn is_idle(&self) -> bool {
        let loaded = self.seats.iter().filter_map(|seat| seat.tally.as_ref());
        self.recorder.is_idle() && loaded.into_iter().all(Tally::is_done)
    }

    fn at(&mut self, time: Timestamp, due: Due) {
        self.due_sequence += 1;
        self.due.insert((time, self.due_sequence), due);
    }

    fn happen(&mut self, now: Timestamp, due: Due) -> Result<(), TestbedError> {
        match due {
            Due::Strike(fault) => self.strike(now, fault),
            Due::Heal(fault) => self.heal(now, fault),
            Due::Second => {
                self.second(now);
                Ok(())
            }
            Due::NextOperation => {
                if now < self.arrivals_end
                    && let Some(generator) = &mut self.generator
                {
                    let started = generator.start(now);
                    self.begin(now, started);
                }
                Ok(())
            }
        }
    }

    fn second(&mut self, now: Timestamp) {
        let statuses = self.seats.iter().map(|seat| seat.is_up.then(|| seat.figures.status()));
        let resident = self.seats.iter().filter(|seat| seat.is_up).map(|seat| seat.figures.resident_bytes);
        self.recorder.second(now, statuses, resident.sum());
        self.at(now + Duration::from_secs(1), Due::Second);
    }

    /// Starts operations that are due; true if there are more.
    fn start_due(&mut self, now: Timestamp) -> bool {
        for _ in 0..STARTS_PER_TURN {
            let Some(generator) = &mut self.generator else { return false };
            if generator.next_arrival().is_none_or(|at| at > now) {
                return false;
            }
            let started = generator.start(now);
            self.begin(now, started);
        }
        true
    }

    fn begin(&mut self, now: Timestamp, started: Started) {
        let Started { operation, target, record } = started;
        self.next_operation = operation + 1;
        self.recorder.started(operation, record);
        match (target, &self.gateways) {
            (Target::Gateway(gateway, command), Some(gateways)) => {
                let room = self.handover.take(gateway, command);
                self.handover.go_on(gateways);
                if !room {
                    self.ended(now, operation, Completion::new(operation, End::Overloaded));
                }
            }
            (Target::Gateway(..), None) | (Target::Replica(..), _) => {
                unreachable!("opaque load is made by the replicas, and the rest has gateways")
            }
        }
    }

    fn ended(&mut self, at: Timestamp, operation: u64, completion: Completion) {
        if !self.recorder.completed(at, operation, &completion) {
            return;
        }
        let Some(generator) = &mut self.generator else { return };
        let followed = generator.completed(at, operation, &completion);
        self.recorder.note(followed.notes);
        if let Some(expected) = followed.expected {
            self.recorder.expect(operation, expected);
        }
        if let Some(read) = followed.read {
            self.recorder.read(operation, read);
        }
        if let Some(next) = followed.next_start {
            self.at(next, Due::NextOperation);
        }
    }

    /// Sleeps until something is due or comes, and takes it.
    fn wait(&mut self) -> Result<(), TestbedError> {
        let now = self.clock.now();
        let arrival = self.generator.as_ref().and_then(Generator::next_arrival);
        let due = self.due.keys().next().map(|(at, _)| *at);
        let next = [arrival, due].into_iter().flatten().min().unwrap_or(Timestamp::MAX);
        let sleep_max = if self.handover.is_empty() { SLEEP_MAX } else { RETRY };
        select! {
            recv(self.heard) -> heard => match heard {
                Ok(heard) => self.hear(heard)?,
                Err(_) => unreachable!("this process holds a sender"),
            },
            recv(self.completions) -> completed => match completed {
                Ok((at, _, completion)) => self.ended(at, completion.operation, completion),
                Err(_) => return Err(self.gateways_failed()),
            },
            recv(self.observed) -> report => match report {
                Ok(report) => self.observe(report),
                Err(_) => return Err(self.gateways_failed()),
            },
            default(next.since(now).min(sleep_max)) => {}
        }
        Ok(())
    }

    /// Takes what has come; whether there was anything.
    fn take_all(&mut self) -> Result<bool, TestbedError> {
        let mut taken = false;
        for _ in 0..TAKEN_PER_TURN {
            let heard = self.heard.try_recv().ok();
            let completed = self.completions.try_recv().ok();
            let observed = self.observed.try_recv().ok();
            if heard.is_none() && completed.is_none() && observed.is_none() {
                return Ok(taken);
            }
            taken = true;
            if let Some(heard) = heard {
                self.hear(heard)?;
            }
            if let Some((at, _, completion)) = completed {
                self.ended(at, completion.operation, completion);
            }
            if let Some(report) = observed {
                self.observe(report);
            }
        }
        Ok(taken)
    }

    fn observe(&mut self, report: Report) {
        let (at, by, output) = report;
        if let (Output::Observed(observation), Some(gateway)) = (output, by) {
            self.recorder.observed(at, Peer::Gateway(gateway), observation);
        }
    }

    /// What this process has used so far.
    fn spent(&self) -> Spent {
        let chores = self.gateways.as_ref().map(|gateways| gateways.status().spent).unwrap_or_default();
        cpu::divide(cpu::process_ns(), &cpu::threads(), &chores)
    }

    // --- replicas ---

    fn hear(&mut self, heard: Heard) -> Result<(), TestbedError> {
        self.frames += 1;
        let Heard { replica, told } = heard;
        let id = ReplicaId(replica as u16);
        match told {
            Told::Frame(frame) => match *frame {
                Frame::Up(_) => self.seats[replica].is_up = true,
                Frame::Committed(at, commit) => self.recorder.executed(at, id, commit.into_report()),
                Frame::Seen(at, sight) => {
                    let observation: Observation = sight.into_observation();
                    self.recorder.observed(at, Peer::Replica(id), observation);
                }
                Frame::Status(_, figures) => {
                    let seat = &mut self.seats[replica];
                    seat.resident_max = seat.resident_max.max(figures.resident_bytes);
                    seat.figures = *figures;
                }
                Frame::Load(progress) => {
                    if let Some(tally) = &mut self.seats[replica].tally {
                        let series = tally.take(&progress, self.measured, &mut self.unlisted);
                        self.in_series(series);
                    }
                }
                Frame::Submitted(scheduled, submission) => self.submitted(replica, scheduled, submission),
                Frame::Answered(at, submission, answer) => {
                    let end = match answer {
                        Answer::Ordered => ORDERED,
                        Answer::Busy => End::Overloaded,
                        Answer::Rejected => End::Rejected,
                        Answer::TimedOut => End::TimedOut,
                    };
                    // Commits of sampled operations are in the tally's series already.
                    self.recorder.answered(at, &submission, end);
                }
            },
            Told::Ended(why) => self.heard_out(replica, why)?,
        }
        Ok(())
    }

    /// A process has told all that it will.
    fn heard_out(&mut self, replica: usize, why: Option<String>) -> Result<(), TestbedError> {
        let now = self.clock.now();
        let seat = &mut self.seats[replica];
        seat.is_up = false;
        seat.before = end::sum(&seat.before, &seat.figures);
        seat.figures = Figures::default();
        if let Some(tally) = &mut seat.tally {
            tally.lost(self.measured, &mut self.unlisted);
        }
        match &mut seat.life {
            Life::Dead { heard_out, restart } => {
                *heard_out = true;
                if *restart {
                    self.restart(replica)?;
                }
            }
            Life::Running(_) => {
                let (log, tail) = (seat.recipe.log.clone(), seat.recipe.log_tail());
                return Err(TestbedError::Died { replica, why, log, tail });
            }
        }
        let lost = self.recorder.lost_with(now, replica);
        for (operation, completion) in lost {
            self.ended(now, operation, completion);
        }
        Ok(())
    }

    /// A sampled opaque submission.
    fn submitted(&mut self, replica: usize, scheduled: Timestamp, submission: Digest) {
        let bytes = self.seats[replica].tally.as_ref().map_or(0, Tally::size);
        let operation = self.next_operation;
        self.next_operation += 1;
        let gateway = GatewayId(replica as u32);
        self.recorder.started(operation, Operation::new(OperationKind::Opaque, gateway, scheduled, bytes));
        self.recorder.submitted(operation, submission);
    }

    fn in_series(&mut self, rows: Vec<InSeries>) {
        for InSeries { at, scheduled, committed } in rows {
            self.recorder.counted(at, scheduled, committed);
        }
    }

    /// Processes that ended by themselves, and gateways that failed.
    fn look_after(&mut self) -> Result<(), TestbedError> {
        match &self.gateways {
            Some(gateways) if gateways.failed().is_some() => Err(self.gateways_failed()),
            Some(_) | None => Ok(()),
        }
    }

    fn gateways_failed(&self) -> TestbedError {
        let why = self.gateways.as_ref().and_then(GatewaysHandle::failed);
        TestbedError::Gateways(why.map_or_else(|| "their threads are gone".to_owned(), |why| why.to_string()))
    }

    // --- faults ---

    fn strike(&mut self, now: Timestamp, fault: usize) -> Result<(), TestbedError> {
        match self.plan.faults[fault].kind.clone() {
            FaultKind::Crash { replicas, disk, .. } => {
                // All first, so that they die together.
                for replica in &replicas {
                    let seat = &mut self.seats[*replica];
                    seat.stopped += 1;
                    seat.loses_journal |= disk == DiskLoss::Wiped;
                    if let Life::Running(process) = &mut seat.life {
                        process.kill().map_err(TestbedError::process(*replica))?;
                        seat.life = Life::Dead { heard_out: false, restart: false };
                    }
                }
            }
            FaultKind::Pause { replicas } => {
                for replica in replicas {
                    if let Life::Running(process) = &self.seats[replica].life {
                        process.pause().map_err(TestbedError::process(replica))?;
                    }
                }
            }
            FaultKind::Partition { groups, .. } => {
                let of = |replica: usize| groups.iter().position(|group| group.contains(&replica));
                let groups = (0..self.seats.len()).map(|replica| of(replica).unwrap_or(0) as u32).collect();
                self.partitions.push((fault, groups));
                self.separate()?;
            }
            // `refuse` lets no other kind come so far.
            _ => {}
        }
        self.recorder.struck(fault, now);
        if let Some(lasts) = self.plan.faults[fault].lasts {
            self.at(now + lasts, Due::Heal(fault));
        }
        Ok(())
    }

    fn heal(&mut self, now: Timestamp, fault: usize) -> Result<(), TestbedError> {
        match self.plan.faults[fault].kind.clone() {
            FaultKind::Crash { replicas, .. } => {
                for replica in replicas {
                    let seat = &mut self.seats[replica];
                    seat.stopped -= 1;
                    if seat.stopped > 0 {
                        continue;
                    }
                    match &mut seat.life {
                        Life::Dead { heard_out: true, .. } => self.restart(replica)?,
                        Life::Dead { restart, .. } => *restart = true,
                        Life::Running(_) => {}
                    }
                }
            }
            FaultKind::Pause { replicas } => {
                for replica in replicas {
                    if let Life::Running(process) = &self.seats[replica].life {
                        process.resume().map_err(TestbedError::process(replica))?;
                    }
                }
            }
            FaultKind::Partition { .. } => {
                self.partitions.retain(|(active, _)| *active != fault);
                self.separate()?;
            }
            _ => {}
        }
        self.recorder.healed(fault, now);
        Ok(())
    }

    fn restart(&mut self, replica: usize) -> Result<(), TestbedError> {
        let seat = &mut self.seats[replica];
        let lost = std::mem::take(&mut seat.loses_journal);
        seat.recipe.prepare(lost).map_err(TestbedError::process(replica))?;
        let mut process = seat.recipe.start(self.heard_in.clone()).map_err(TestbedError::process(replica))?;
        if seat.tally.is_some() {
            process.tell(&format!("start {}", self.start.0)).map_err(TestbedError::process(replica))?;
        }
        seat.life = Life::Running(process);
        self.recorder.restarted(replica);
        Ok(())
    }

    /// Two replicas reach each other if no active partition separates them.
    fn separate(&self) -> Result<(), TestbedError> {
        let Some(netem) = &self.netem else { return Ok(()) };
        if self.partitions.is_empty() {
            return Ok(netem.separate(None)?);
        }
        let combined = |replica: usize| -> Vec<u32> {
            self.partitions.iter().map(|(_, groups)| groups[replica]).collect()
        };
        let groups: Vec<Vec<u32>> = (0..self.seats.len()).map(combined).collect();
        let mut distinct = groups.clone();
        distinct.sort();
        distinct.dedup();
        let number = |group: &Vec<u32>| distinct.binary_search(group).unwrap_or(0) as u32;
        Ok(netem.separate(Some(&groups.iter().map(number).collect::<Vec<_>>()))?)
    }
}

/// How an opaque submission ends well: there is no outcome, so one that says nothing stands for it.
const ORDERED: End = End::Done(Outcome::PartyRegistered(PartyId(0)));
