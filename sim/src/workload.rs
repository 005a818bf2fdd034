//! What clients do, and when: a stream of operations for gateways and replicas.
//!
//! [`Generator`] merges the plan's workloads. Each has streams of its own, so that changing one leaves the others' draws
//! as they are. It learns of the world from [`Generator::completed`] alone: what it expects of access decisions
//! ([`Expected`]) is worked out beside the ledger, never asked of it.
//!
//! Open loop: `next_arrival`, `start` at that time, and so on until there is none. Closed loop: `start` at each time of
//! `initial`, and then at each time that `completed` returns.
//!
//! It refuses to know machines, the network, and what a command costs.

mod access_decisions;
mod arrivals;
mod claims;
mod clinical_trial;
mod drug_supply;
mod opaque;
mod personal_health_record;
mod telemedicine;
#[cfg(test)]
mod tests;

use crate::document::Documents;
use crate::document::inspect::Defect;
use crate::history::{Expected, Figure, Note, Operation, OperationKind};
use crate::plan::{Arrivals, FaultKind, Plan, WorkloadPlan};
use crate::population::Population;
use crate::seed::{Seed, Stream};
use access_decisions::AccessDecisions;
use arrivals::{Schedule, client_starts};
use bytes::Bytes;
use claims::Claims;
use clinical_trial::ClinicalTrial;
use drug_supply::DrugSupply;
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::ChainId;
use ledger_core::gateway::{Command, Completion};
use ledger_core::ledger::transaction::PartyId;
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};
use opaque::Opaque;
use personal_health_record::{Knowledge, PersonalHealthRecord};
use std::collections::BTreeMap;
use std::sync::Arc;
use telemedicine::Telemedicine;

/// How long a user waits for an operation.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// All workloads of a plan.
#[derive(Debug)]
pub struct Generator {
    population: Arc<Population>,
    /// Wraps are bound to it.
    chain: ChainId,
    sources: Vec<Source>,
    /// Shared by all workloads on the same patients.
    knowledge: Knowledge,
    /// Operations of life cycles that are under way: whose.
    cycling: BTreeMap<u64, usize>,
    closed: Option<Closed>,
    next_operation: u64,
    /// When the warm-up begins.
    origin: Timestamp,
    /// No operation starts at or after it.
    end: Timestamp,
    /// Every deadline is at or before it.
    drained: Timestamp,
    #[cfg(feature = "seeded-bugs")]
    mixes_up_patients: bool,
}

/// An operation to be carried out.
#[derive(Debug)]
pub struct Started {
    /// Its number, dense from 0 over the whole run. Gateways know it by the same.
    pub operation: u64,
    /// Who is to do it.
    pub target: Target,
    /// Its row in the history.
    pub record: Operation,
}

/// Who is to do something.
#[derive(Clone, Debug)]
pub enum Target {
    /// A gateway, a command.
    Gateway(GatewayId, Command),
    /// A replica, bytes to be ordered.
    Replica(ReplicaId, Bytes),
}

/// What follows from a completion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Closed loop: when the same client starts its next operation.
    pub next_start: Option<Timestamp>,
    /// What is to be expected of it in hindsight, where that has changed: the patient's consents changed while it was
    /// under way.
    pub expected: Option<Expected>,
    /// What the workload has to say of it.
    pub notes: Vec<Note>,
    /// Of a document that was opened: whether it is what was asked for. `None` where documents say nothing.
    pub read: Option<Result<(), Defect>>,
}

#[derive(Debug)]
struct Source {
    /// Of operations.
    rate_mhz: u64,
    /// The next arrival, and the ones after it. `None`: closed loop.
    schedule: Option<(Timestamp, Schedule)>,
    workload: Workload,
}

#[derive(Debug)]
enum Workload {
    Opaque(Opaque),
    AccessDecisions(AccessDecisions),
    PersonalHealthRecord(PersonalHealthRecord),
    LifeCycles(Box<dyn LifeCycles>),
}

/// A system's things, each somewhere in its life: an arrival is the next step of one of them, or the first of a new one.
trait LifeCycles: std::fmt::Debug + Send {
    /// Takes a step.
    fn start(&mut self, moment: &Moment<'_>) -> Started;

    /// Learns how a step of its own ended, and says what there is to say of it.
    fn completed(&mut self, now: Timestamp, operation: u64, completion: &Completion, notes: &mut Vec<Note>);

    /// The run is over: judges what is still open.
    fn finish(&mut self, now: Timestamp, notes: &mut Vec<Note>);
}

#[derive(Debug)]
struct Closed {
    clients: u64,
    /// Draws which workload a client turns to.
    stream: Stream,
}

/// What an operation that starts is told.
struct Moment<'a> {
    population: &'a Population,
    chain: ChainId,
    seed: &'a Seed,
    now: Timestamp,
    operation: u64,
    deadline: Timestamp,
    #[cfg(feature = "seeded-bugs")]
    mixes_up_patients: bool,
}

impl Moment<'_> {
    fn row(&self, kind: OperationKind, gateway: GatewayId) -> Operation {
        Operation::new(kind, gateway, self.now, 0)
    }

    /// Whom a document that is registered for a patient is about.
    fn about(&self, patient: PartyId) -> PartyId {
        #[cfg(feature = "seeded-bugs")]
        if self.mixes_up_patients {
            return PartyId(patient.0 ^ 1);
        }
        patient
    }
}

impl Generator {
    /// The workloads of a plan at their start, on a chain.
    pub fn new(plan: &Plan, population: Arc<Population>, seed: &Seed, chain: ChainId) -> Self {
        Self::starting(plan, population, seed, (chain, Timestamp::ZERO))
    }

    /// The same, where the warm-up begins at `origin`.
    pub fn starting(
        plan: &Plan,
        population: Arc<Population>,
        seed: &Seed,
        (chain, origin): (ChainId, Timestamp),
    ) -> Self {
        let source = |(index, workload): (usize, &WorkloadPlan)| {
            let stream = |what: &str| seed.stream(&format!("workload/{index}/{what}"));
            let (rate_mhz, workload) = match *workload {
                WorkloadPlan::Opaque { rate_mhz, size_bytes } => {
                    let opaque = Opaque::new(size_bytes, plan.replicas.len(), stream("opaque"));
                    (rate_mhz, Workload::Opaque(opaque))
                }
                WorkloadPlan::AccessDecisions { rate_mhz, bundle } => {
                    let workload = AccessDecisions::new(bundle, &population, stream("access_decisions"));
                    // Bundles arrive; the rate is of what is in them.
                    ((rate_mhz / bundle).max(1), Workload::AccessDecisions(workload))
                }
                WorkloadPlan::PersonalHealthRecord { rate_mhz, mix, zipf_milli, unreviewed_ppm, .. } => {
                    let draws = stream("personal_health_record");
                    let (popularity, window) =
                        ((zipf_milli, unreviewed_ppm), plan.ledger.policy.review_window);
                    let workload = PersonalHealthRecord::new(mix, popularity, window, &population, draws);
                    (rate_mhz, Workload::PersonalHealthRecord(workload))
                }
                WorkloadPlan::ClinicalTrial { rate_mhz, ref trial } => {
                    let workload = ClinicalTrial::new(trial, &population, stream("clinical_trial"));
                    (rate_mhz, Workload::LifeCycles(Box::new(workload)))
                }
                WorkloadPlan::DrugSupply { rate_mhz, ref supply } => {
                    let workload = {
                        let draws = stream("drug_supply");
                        DrugSupply::new((supply, rate_mhz), plan, &population, draws, origin)
                    };
                    (rate_mhz, Workload::LifeCycles(Box::new(workload)))
                }
                WorkloadPlan::Telemedicine { rate_mhz, ref telemedicine } => {
                    let workload =
                        Telemedicine::new(telemedicine, rate_mhz, &population, stream("telemedicine"));
                    (rate_mhz, Workload::LifeCycles(Box::new(workload)))
                }
                WorkloadPlan::Claims { rate_mhz, ref claims } => {
                    let workload = Claims::new(claims, stream("claims"));
                    (rate_mhz, Workload::LifeCycles(Box::new(workload)))
                }
            };
            let schedule = Schedule::new(plan.arrivals, rate_mhz, stream("arrivals"), origin);
            let schedule = schedule.map(|mut schedule| (schedule.next(), schedule));
            Source { rate_mhz, schedule, workload }
        };
        let sources = plan.workloads.iter().enumerate().map(source).collect();
        let closed = match plan.arrivals {
            Arrivals::Closed { clients } => Some(Closed { clients, stream: seed.stream("workload/closed") }),
            Arrivals::Poisson | Arrivals::Constant | Arrivals::Burst { .. } | Arrivals::Diurnal { .. } => {
                None
            }
        };
        let mut knowledge = Knowledge::default();
        for workload in &plan.workloads {
            if let WorkloadPlan::PersonalHealthRecord { mix, rotation, .. } = workload
                && mix.keys > 0
            {
                knowledge.track_keys(*rotation);
            }
        }
        if plan.faults.iter().any(|fault| matches!(fault.kind, FaultKind::Ransomware { .. })) {
            knowledge.recoveries.follow();
        }
        let end = origin + plan.warmup + plan.duration;
        Self {
            population,
            chain,
            sources,
            knowledge,
            cycling: BTreeMap::new(),
            closed,
            next_operation: 0,
            origin,
            end,
            drained: end + plan.drain,
            #[cfg(feature = "seeded-bugs")]
            mixes_up_patients: false,
        }
    }

    /// Who takes part.
    pub fn population(&self) -> &Arc<Population> {
        &self.population
    }

    /// Custodians register another patient's document instead of the one that they should.
    #[cfg(feature = "seeded-bugs")]
    pub fn mix_up_patients(&mut self) {
        self.mixes_up_patients = true;
    }

    /// When the next operation of an open loop starts, until it is started. `None` when arrivals are over, and for a
    /// closed loop.
    pub fn next_arrival(&self) -> Option<Timestamp> {
        self.earliest().map(|(at, _)| at)
    }

    /// When each client of a closed loop starts its first operation. Empty for an open loop.
    pub fn initial(&self) -> Vec<Timestamp> {
        let clients = self.closed.as_ref().map_or(0, |closed| closed.clients);
        client_starts(clients)
            .map(|at| self.origin + at.since(Timestamp::ZERO))
            .filter(|at| *at < self.end)
            .collect()
    }

    /// Starts the operation that is due. In an open loop it is scheduled at `next_arrival`, however late `now` is.
    ///
    /// # Panics
    /// If there is none: the plan has no workload, or arrivals are over.
    pub fn start(&mut self, now: Timestamp) -> Started {
        let (scheduled, source) = match (self.earliest(), &mut self.closed) {
            (Some(earliest), _) => earliest,
            (None, Some(closed)) => {
                let total = self.sources.iter().map(|source| source.rate_mhz).sum();
                let mut left = closed.stream.below(total);
                let chosen = self.sources.iter().position(|source| {
                    let chosen = left < source.rate_mhz;
                    left = left.saturating_sub(source.rate_mhz);
                    chosen
                });
                (now, chosen.expect("what is below the sum lies in one of its terms"))
            }
            (None, None) => panic!("nothing is due at {now}"),
        };
        let index = source;
        let source = &mut self.sources[index];
        if let Some((next, schedule)) = &mut source.schedule {
            *next = schedule.next();
        }
        let operation = self.next_operation;
        self.next_operation += 1;
        let deadline = (scheduled + PATIENCE).min(self.drained);
        let population = &*self.population;
        let moment = Moment {
            population,
            chain: self.chain,
            seed: population.seed(),
            now: scheduled,
            operation,
            deadline,
            #[cfg(feature = "seeded-bugs")]
            mixes_up_patients: self.mixes_up_patients,
        };
        match &mut source.workload {
            Workload::Opaque(opaque) => opaque.start(&moment),
            Workload::AccessDecisions(workload) => workload.start(&moment, &mut self.knowledge),
            Workload::PersonalHealthRecord(workload) => workload.start(&moment, &mut self.knowledge),
            Workload::LifeCycles(workload) => {
                self.cycling.insert(operation, index);
                workload.start(&moment)
            }
        }
    }

    /// Tells that an operation ended. What never ends is simply never told.
    pub fn completed(&mut self, now: Timestamp, operation: u64, completion: &Completion) -> Followed {
        let read = self.read(operation, completion);
        let expected = self.knowledge.completed(now, operation, completion, &self.population);
        let mut notes = self.knowledge.take_notes();
        if let Some(source) = self.cycling.remove(&operation)
            && let Workload::LifeCycles(workload) = &mut self.sources[source].workload
        {
            workload.completed(now, operation, completion, &mut notes);
        }
        let next_start = (self.closed.is_some() && now < self.end).then_some(now);
        Followed { next_start, expected, notes, read }
    }

    /// A gateway is gone, with its vault and its secret.
    pub fn gateway_lost(&mut self, now: Timestamp, gateway: GatewayId) -> Vec<Note> {
        self.knowledge.recoveries.gateway_lost(now, &self.population, gateway);
        self.knowledge.recoveries.take_notes()
    }

    /// Another has taken its place, which has this wrap key.
    pub fn gateway_replaced(&mut self, gateway: GatewayId, wrap_key: [u8; 32]) {
        let institution = self.population.organisation(gateway);
        self.knowledge.recoveries.gateway_replaced(&self.population, institution, wrap_key);
    }

    /// The run is over. What it has to say of what never ended, or was never noticed.
    pub fn finish(&mut self, now: Timestamp) -> Vec<Note> {
        let mut notes = self.knowledge.recoveries.take_notes();
        if self.knowledge.recoveries.follows() {
            // Within the measurement, whose last instant is before its end.
            let last = Timestamp(self.end.0.saturating_sub(1));
            let (lost, for_good) = self.knowledge.recoveries.lost(&self.population);
            notes.push(Note::Sample(Figure::RecordsUnavailable, last, lost));
            notes.push(Note::Sample(Figure::RecordsLostForGood, last, for_good));
        }
        for source in &mut self.sources {
            if let Workload::LifeCycles(workload) = &mut source.workload {
                workload.finish(now, &mut notes);
            }
        }
        notes
    }

    /// The reader looks at what has arrived.
    fn read(&self, operation: u64, completion: &Completion) -> Option<Result<(), Defect>> {
        if self.population.documents() == Documents::Sized {
            return None;
        }
        let document = completion.document.as_ref()?;
        let record = self.knowledge.to_be_read(operation)?;
        Some(self.population.inspect(&record, document))
    }

    /// The first of equals is the first in the plan.
    fn earliest(&self) -> Option<(Timestamp, usize)> {
        let next = |(index, source): (usize, &Source)| Some((source.schedule.as_ref()?.0, index));
        self.sources.iter().enumerate().filter_map(next).min().filter(|(at, _)| *at < self.end)
    }
}
