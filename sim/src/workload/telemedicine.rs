//! DOKChain: consultations at a distance, monitored by attested devices and triaged by a registered model.
//!
//! * A **monitored session**: a clinician opens it; a device of the hospital is attested, unless it was, and anchors a
//!   batch of readings as often as the plan says; each is triaged by NEWS2 and the model, recorded with model, root and
//!   leaf range; what calls for a clinician is reviewed by another one; what is accepted may end in a prescription;
//!   the session closes, a pharmacy claims the prescription and dispenses it in one to three parts.
//! * A **consultation** is the same without a device: it is what arrivals turn to when no monitored session wants
//!   anything, so that vitals never wait in a queue of the workload's own making. Monitored sessions take about
//!   [`MONITORED_PERCENT`] of the operations.
//! * Before all that a model's owner registers the model and an earlier version of it, and retires that.
//!
//! Wrong deeds are steps like others ([`Deed`]): refused, they change nothing, and the session goes on with the right
//! step. Whether a patient has deteriorated is known to the generator of vitals alone; the ledger is asked nothing.
//!
//! A step that times out, or that a gateway turns away, ends its session silently: what became of it is unknown. Its
//! device rests for [`QUARANTINE`], until nothing of it can still take effect. Bounds: monitored sessions by rate and
//! devices; consultations by what is under way, since none begins while another waits.

mod case;
mod order;
mod progress;
mod wrong;

use super::{LifeCycles, Moment, Started};
use crate::history::{Figure, Note, System};
use crate::plan::{InstitutionKind, TelemedicinePlan};
use crate::population::Population;
use crate::seed::Stream;
use crate::triage::{self, Ensemble};
use case::{Case, Monitor, Step};
use ledger_core::crypto::Digest;
use ledger_core::gateway::{Completion, End};
use ledger_core::ledger::transaction::{Outcome, Refusal, TelemedicineOutcome};
use ledger_core::time::{Duration, Timestamp, nanos};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use wrong::Deed;

/// Of the operations, how many monitored sessions are to take.
const MONITORED_PERCENT: u64 = 60;
/// Operations of a batch, in tenths: anchored, triaged, every other one reviewed or part of something else.
const STEPS_PER_BATCH_TENTHS: u64 = 25;
/// Of a hospital's devices, one in so many is never attested.
const UNATTESTED_ONE_IN: u64 = 8;
/// Longer than a transaction can take effect after its operation timed out.
const QUARANTINE: Duration = Duration::from_secs(30);
/// Stumps of the model's earlier version, and of one that nobody registers.
const EARLIER_STUMPS: usize = 48;
const UNKNOWN_STUMPS: usize = 32;

#[derive(Debug)]
pub(super) struct Telemedicine {
    plan: TelemedicinePlan,
    stream: Stream,
    models: Models,
    setup: Setup,
    devices: Devices,
    cases: BTreeMap<u64, Case>,
    next_case: u64,
    monitored: u64,
    monitored_max: u64,
    /// No monitored session opens before it, so that their batches do not fall due together.
    next_monitored_at: Timestamp,
    /// Cases whose next step is due, monitored ones and consultations.
    due: [BTreeSet<(Timestamp, u64)>; 2],
    /// By operation.
    pending: BTreeMap<u64, Pending>,
}

#[derive(Debug)]
struct Models {
    model: Ensemble,
    hash: Digest,
    earlier: Digest,
    unknown: Digest,
}

/// What comes before the first monitored session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setup {
    Register,
    Registering,
    Retire,
    Retiring,
    Done,
}

/// Which devices are free.
#[derive(Debug)]
struct Devices {
    free: Vec<u64>,
    /// Never attested.
    strangers: Vec<u64>,
    attested: BTreeSet<u64>,
    /// Free again from then on.
    resting: VecDeque<(Timestamp, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    /// `None`: the setup's.
    case: Option<u64>,
    scheduled: Timestamp,
}

/// How a step ended.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Done(TelemedicineOutcome),
    Refused(Refusal),
    /// Nothing is known of it.
    Unknown,
}

impl Telemedicine {
    pub(super) fn new(
        plan: &TelemedicinePlan,
        rate_mhz: u64,
        population: &Population,
        stream: Stream,
    ) -> Self {
        let model = triage::trained();
        let (hash, earlier) = (model.hash(), model.prefix(EARLIER_STUMPS).hash());
        let unknown = model.prefix(UNKNOWN_STUMPS).hash();
        // Devices go round the hospitals, so that each has a stranger, its first.
        let hospitals = population.institutions_of(InstitutionKind::Hospital).len().max(1) as u64;
        let is_stranger = |device: &u64| (device / hospitals).is_multiple_of(UNATTESTED_ONE_IN);
        let (strangers, free): (Vec<u64>, Vec<u64>) = (0..population.devices()).partition(is_stranger);
        // Operations of a batch's time that are monitored sessions', over those that each takes in it.
        let share = u128::from(rate_mhz) * u128::from(nanos(plan.batch)) * u128::from(MONITORED_PERCENT);
        let each = u128::from(STEPS_PER_BATCH_TENTHS) * 10_000_000_000_000;
        Self {
            plan: plan.clone(),
            stream,
            models: Models { model, hash, earlier, unknown },
            setup: Setup::Register,
            devices: Devices { free, strangers, attested: BTreeSet::new(), resting: VecDeque::new() },
            cases: BTreeMap::new(),
            next_case: 0,
            monitored: 0,
            monitored_max: u64::try_from(share / each).unwrap_or(u64::MAX).max(1),
            next_monitored_at: Timestamp::ZERO,
            due: [BTreeSet::new(), BTreeSet::new()],
            pending: BTreeMap::new(),
        }
    }

    /// The case whose step is due first, monitored ones before all others; else a new one.
    fn next_case(&mut self, moment: &Moment<'_>) -> u64 {
        let due = |queue: &mut BTreeSet<(Timestamp, u64)>| {
            let first = *queue.first().filter(|(at, _)| *at <= moment.now)?;
            queue.remove(&first);
            Some(first.1)
        };
        if let Some(case) = due(&mut self.due[0]) {
            return case;
        }
        let monitor = self.begin_monitor(moment);
        if monitor.is_none()
            && let Some(case) = due(&mut self.due[1])
        {
            return case;
        }
        let id = self.next_case;
        self.next_case += 1;
        let case = Case::draw(&mut self.stream, moment.population, monitor, &self.plan.wrong);
        self.cases.insert(id, case);
        id
    }

    fn begin_monitor(&mut self, moment: &Moment<'_>) -> Option<Monitor> {
        let registered = matches!(self.setup, Setup::Retire | Setup::Retiring | Setup::Done);
        if !registered || self.monitored >= self.monitored_max || moment.now < self.next_monitored_at {
            return None;
        }
        self.devices.wake(moment.now);
        let device = self.devices.take(&mut self.stream)?;
        let pace = self.plan.batch / u32::try_from(self.monitored_max).unwrap_or(u32::MAX);
        self.next_monitored_at = moment.now + pace;
        self.monitored += 1;
        Some(Monitor::draw(&mut self.stream, &self.plan, device))
    }

    /// Puts a case's next step on the agenda, or the case aside if there is none.
    fn arrange(&mut self, id: u64) {
        let Some(case) = self.cases.get(&id) else { return };
        if case.next == Step::Finish {
            self.put_aside(id, None);
        } else {
            self.due[usize::from(case.monitor.is_none())].insert((case.due, id));
        }
    }

    /// Its device is free again, `from` then on.
    fn put_aside(&mut self, id: u64, from: Option<Timestamp>) {
        let Some(Case { monitor: Some(monitor), .. }) = self.cases.remove(&id) else { return };
        self.monitored -= 1;
        match from {
            Some(from) => {
                self.devices.attested.remove(&monitor.device);
                self.devices.resting.push_back((from, monitor.device));
            }
            None => self.devices.free.push(monitor.device),
        }
    }

    fn setup_ended(
        &mut self,
        now: Timestamp,
        scheduled: Timestamp,
        completion: &Completion,
        notes: &mut Vec<Note>,
    ) {
        // What was done before it was asked again is done.
        let harmless = |refusal| matches!(refusal, Refusal::DuplicateModel | Refusal::ModelRetired);
        let known = matches!(completion.end, End::Answered) && !completion.answers.is_empty();
        let refusal =
            completion.answers.iter().filter_map(|answer| answer.refusal()).find(|it| !harmless(*it));
        let done = known && refusal.is_none();
        if let Some(refusal) = refusal.filter(|refusal| *refusal != Refusal::TransactionExpired) {
            notes.push(Note::FalseAlarm(System::Telemedicine, scheduled, refusal));
        }
        self.setup = match (self.setup, done) {
            (Setup::Register | Setup::Registering, true) => Setup::Retire,
            (Setup::Register | Setup::Registering, false) => Setup::Register,
            (Setup::Retire | Setup::Retiring, true) => Setup::Done,
            (Setup::Retire | Setup::Retiring, false) => Setup::Retire,
            (Setup::Done, _) => Setup::Done,
        };
        self.next_monitored_at = self.next_monitored_at.max(now);
    }
}

impl Devices {
    fn wake(&mut self, now: Timestamp) {
        while let Some((_, device)) = self.resting.pop_front_if(|(from, _)| *from <= now) {
            self.free.push(device);
        }
    }

    fn take(&mut self, stream: &mut Stream) -> Option<u64> {
        if self.free.is_empty() {
            return None;
        }
        let index = stream.below(self.free.len() as u64) as usize;
        Some(self.free.swap_remove(index))
    }
}

impl Verdict {
    fn of(completion: &Completion) -> Self {
        let outcome = match completion.end {
            End::Answered => completion.answers.first().map(|answer| answer.outcome),
            End::Done(_) | End::Refused(_) | End::KeyRefused(_) | End::Corrupt => None,
            End::Rejected | End::Overloaded | End::TimedOut => None,
        };
        match outcome {
            // Too late to have been looked at.
            Some(Outcome::Refused(Refusal::TransactionExpired)) => Self::Unknown,
            Some(Outcome::Refused(refusal)) => Self::Refused(refusal),
            Some(Outcome::Telemedicine(outcome)) => Self::Done(outcome),
            // Of another system: not this workload's.
            Some(_) | None => Self::Unknown,
        }
    }
}

impl LifeCycles for Telemedicine {
    fn start(&mut self, moment: &Moment<'_>) -> Started {
        let (case, started) = match self.setup {
            Setup::Register => {
                self.setup = Setup::Registering;
                (None, self.register_models(moment))
            }
            Setup::Retire => {
                self.setup = Setup::Retiring;
                (None, self.retire_model(moment))
            }
            Setup::Registering | Setup::Retiring | Setup::Done => {
                let id = self.next_case(moment);
                (Some(id), self.take_step(moment, id))
            }
        };
        self.pending.insert(moment.operation, Pending { case, scheduled: moment.now });
        started
    }

    fn completed(&mut self, now: Timestamp, operation: u64, completion: &Completion, notes: &mut Vec<Note>) {
        let Some(Pending { case, scheduled }) = self.pending.remove(&operation) else { return };
        let Some(id) = case else { return self.setup_ended(now, scheduled, completion, notes) };
        let at = completion.receipt_at.unwrap_or(now);
        match Verdict::of(completion) {
            Verdict::Unknown => self.put_aside(id, Some(now + QUARANTINE)),
            verdict => {
                self.go_on(id, at, scheduled, verdict, notes);
                self.arrange(id);
            }
        }
    }

    fn finish(&mut self, _: Timestamp, _: &mut Vec<Note>) {
        self.cases.clear();
        self.pending.clear();
        self.due.iter_mut().for_each(BTreeSet::clear);
    }
}

fn sample(figure: Figure, at: Timestamp, value: u64) -> Note {
    Note::Sample(figure, at, value)
}
