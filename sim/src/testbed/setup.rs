//! From a plan to running processes: what cannot be run is refused, then the directory is written, replicas are started,
//! and when all of them commit, gateways and workload begin.

use super::auditor::Auditor;
use super::netem::{Netem, NetemError};
use super::process::{Recipe, begin_log};
use super::tally::{Measured, Tally};
use super::{Due, GIVE_UP, HEARD_MAX, LEAD, Life, Options, ROWS_MAX, Seat, Testbed};
use crate::daemon::report::Figures;
use crate::daemon::{DaemonError, Stop, addresses, registry, resolve, tuning};
use crate::deploy::{
    Consortium, Endpoints, GenesisError, LoadPlan, Report as ReportTo, WriteError, auditor_gateway,
    replica_data, write_consortium, write_replica,
};
use crate::document;
use crate::history::{Control, Progress, Setting, Unlisted};
use crate::plan::{Arrivals, DiskLoss, FaultKind, Plan, WorkloadPlan};
use crate::population::Population;
use crate::recorder::Recorder;
use crate::seed::Seed;
use crate::workload::Generator;
use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, never};
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::ChainId;
use ledger_core::gateway::{GatewayConfig, GatewayTuning};
use ledger_core::live::{
    Clock, GatewayMember, GatewaysHandle, GatewaysOptions, Report, Vault, start_gateways,
};
use ledger_core::seam::GatewayId;
use ledger_core::time::{Duration, Timestamp};
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// Observations of gateways that wait to be recorded.
const OBSERVED_MAX: usize = 1 << 16;
/// How often a replica that is not up yet is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Threads of the gateways' process for seals and signatures.
const GATEWAY_WORKERS: usize = 1;

/// Why a live run is not there.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum TestbedError {
    #[error("{what}: {error}")]
    Io { what: String, error: io::Error },
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error("the configuration just written is not valid: {0}")]
    Configuration(String),
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    #[error(transparent)]
    Netem(#[from] NetemError),
    #[error("the gateways stopped: {0}")]
    Gateways(String),
    #[error("replica {replica}: {error}")]
    Process { replica: usize, error: io::Error },
    #[error(
        "replica {replica} ended by itself{}; its log is {}\n{tail}",
        why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default(), log.display()
    )]
    Died { replica: usize, why: Option<String>, log: PathBuf, tail: String },
    #[error("replica {replica} shows no progress: not {waiting}; its log is {}\n{tail}", log.display())]
    Stuck { replica: usize, waiting: &'static str, log: PathBuf, tail: String },
    #[error("stopped before it had begun")]
    Stopped,
}

impl TestbedError {
    /// About a replica's process.
    pub(super) fn process(replica: usize) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Process { replica, error }
    }
}

fn simulated_only(index: usize, what: &str) -> String {
    format!("faults[{index}], {what}, is injected in virtual time alone: leave out `--live`, or the fault")
}

fn hostile(index: usize, kind: &str) -> String {
    format!(
        "faults[{index}], {kind}, needs the simulator: the programs that are run live contain no hostile code"
    )
}

/// Why a plan cannot be played live as asked, each with its cure. Empty if it can.
pub fn refuse(plan: &Plan, setting: Setting) -> Vec<String> {
    let mut reasons = Vec::new();
    for (index, fault) in plan.faults.iter().enumerate() {
        if fault.when.is_some() {
            reasons.push(simulated_only(
                index,
                "a fault that waits for a round, a commit or a change of leaders",
            ));
        }
        match &fault.kind {
            FaultKind::Crash { persist: Some(_), .. } => {
                reasons.push(simulated_only(index, "a crash at a write"));
            }
            FaultKind::Crash { disk: DiskLoss::Torn, .. } => {
                reasons.push(simulated_only(index, "a crash that tears a write"));
            }
            FaultKind::Crash { .. } | FaultKind::Pause { .. } => {}
            FaultKind::StalledDisk { .. } | FaultKind::DiskFull { .. } | FaultKind::BitRot { .. } => {
                reasons.push(simulated_only(index, "a disk that stalls, is full or loses bits"));
            }
            FaultKind::Ransomware { .. } => reasons.push(format!(
                "faults[{index}], ransomware, needs gateways that are processes of their own: they share one here"
            )),
            FaultKind::Clock { .. } => reasons.push(simulated_only(index, "a clock that is wrong")),
            FaultKind::Churn { .. } | FaultKind::CrashGateways { .. } => reasons.push(format!(
                "faults[{index}], gateways that come and go, needs gateways that are processes of their own: they share one \
                 here"
            )),
            FaultKind::Link(_) | FaultKind::RegionOutage { .. } => {
                reasons.push(simulated_only(index, "a link or region that fails"));
            }
            FaultKind::SlowCpu { .. } | FaultKind::SlowDisk { .. } => {
                reasons.push(simulated_only(index, "a host slower than its profile"));
            }
            FaultKind::Flapping { .. } | FaultKind::IsolateLeader { .. } | FaultKind::OneWay { .. } => {
                reasons.push(simulated_only(index, "a partition that changes or goes one way"));
            }
            FaultKind::Byzantine { .. } => reasons.push(hostile(index, "byzantine")),
            FaultKind::HostileGateway { .. } => reasons.push(hostile(index, "hostile_gateway")),
            FaultKind::Partition { bridge, .. } if !bridge.is_empty() => {
                reasons.push(simulated_only(index, "a partition with a bridge"));
            }
            FaultKind::Partition { .. } if setting != Setting::LiveLoopback => {}
            FaultKind::Partition { .. } => reasons.push(format!(
                "faults[{index}], a partition, cannot be injected on loopback, where all processes reach each other: run \
                 as root with `--namespaces`, or leave it out"
            )),
        }
    }
    let opaque = |workload: &WorkloadPlan| matches!(workload, WorkloadPlan::Opaque { .. });
    if plan.workloads.iter().any(opaque) {
        if plan.workloads.len() > 1 {
            reasons.push("opaque load is made inside the replicas: live it is the only workload".to_owned());
        }
        if plan.arrivals != Arrivals::Constant {
            reasons.push(
                "opaque load made inside the replicas has equal gaps: write `arrivals: constant`, or pass `--set \
                 arrivals=constant`"
                    .to_owned(),
            );
        }
    }
    let permitted = match setting {
        Setting::Simulated | Setting::LiveLoopback => Ok(()),
        Setting::LiveNamespaces => Netem::permitted(false)
            .map_err(|error| format!("`--namespaces` needs root and the tool `ip`: {error}")),
        Setting::LiveNetem => Netem::permitted(true).map_err(|error| {
            format!(
                "`--netem` needs root, the tools `ip` and `tc`, and a kernel with netem (`--namespaces` does without \
                 delays): {error}"
            )
        }),
    };
    reasons.extend(permitted.err());
    reasons
}

/// A vault for documents of which only the size matters: their content follows from their locator.
struct PlanVault(Seed);

impl Vault for PlanVault {
    fn store(&self, locator: [u8; 16], document: &Bytes) -> io::Result<()> {
        debug_assert_eq!(document::content(&self.0, locator), document);
        Ok(())
    }

    fn load(&self, locator: [u8; 16]) -> io::Result<Option<Bytes>> {
        Ok(Some(document::content(&self.0, locator)))
    }

    fn erase(&self, _: [u8; 16]) -> io::Result<()> {
        Ok(())
    }
}

impl Testbed {
    pub(super) fn set_up(
        plan: &Plan,
        options: &Options,
        watch: &mut dyn FnMut(&Progress) -> Control,
    ) -> Result<Self, TestbedError> {
        let seed = Seed::new(plan.seed);
        let population = Arc::new(Population::new(plan, &seed, options.threads));
        let netem = match options.setting {
            Setting::Simulated | Setting::LiveLoopback => None,
            Setting::LiveNamespaces => Some(Netem::build(plan, false)?),
            Setting::LiveNetem => Some(Netem::build(plan, true)?),
        };
        let (endpoints, auditor_address) = endpoints(plan, netem.as_ref())?;
        let directory = &options.directory;
        let file = written(directory, plan, &population, &endpoints, &auditor_address)?;
        let consortium =
            Consortium::read(&file).map_err(|errors| TestbedError::Configuration(errors.to_string()))?;
        let clock = Clock::new(consortium.genesis_time);
        let load = load_of(plan);

        let (heard_in, heard) = bounded(HEARD_MAX);
        let program = match &options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(io_of("this program"))?,
        };
        let mut seats = Vec::new();
        // Where replicas outnumber cores, threads of their own would only take turns.
        let workers = if plan.replicas.len() >= options.threads { Some(0) } else { None };
        for replica in 0..plan.replicas.len() {
            let listen = &endpoints.replicas[replica];
            let config = write_replica(
                directory,
                ReplicaId(replica as u16),
                listen,
                ReportTo::Stdout,
                workers,
                load.as_ref(),
            )?;
            let log = directory.join(format!("replica-{replica}.log"));
            begin_log(&log).map_err(TestbedError::process(replica))?;
            let namespace = netem.as_ref().map(|netem| netem.namespace(replica));
            let data = directory.join(replica_data(replica));
            let recipe = Recipe { replica, program: program.clone(), config, data, log, namespace };
            let process = recipe.start(heard_in.clone()).map_err(TestbedError::process(replica))?;
            seats.push(Seat {
                recipe,
                life: Life::Running(process),
                stopped: 0,
                loses_journal: false,
                figures: Figures::default(),
                before: Figures::default(),
                resident_max: 0,
                is_up: false,
                tally: None,
            });
        }
        let mut testbed = Self {
            committee: consortium.committee.clone(),
            recorder: Recorder::new(seats.len(), Timestamp::ZERO),
            clock,
            start: Timestamp::ZERO,
            arrivals_end: Timestamp::MAX,
            deadline: Timestamp::MAX,
            idle_since: None,
            generator: None,
            unlisted: Unlisted::default(),
            measured: Measured { from: Timestamp::MAX, until: Timestamp::MAX },
            seats,
            heard_in,
            heard,
            gateways: None,
            handover: Default::default(),
            completions: never(),
            observed: never(),
            auditor: None,
            setting: options.setting,
            netem,
            partitions: Vec::new(),
            due: Default::default(),
            due_sequence: 0,
            next_operation: 0,
            frames: 0,
            spent_before: Default::default(),
            asked_at: Timestamp::ZERO,
            plan: plan.clone(),
        };
        testbed.wait_for("committing", watch, |testbed| testbed.recorder.heard_from_all())?;
        if plan.ledger.execution {
            let (handle, observed) = gateways(plan, &consortium, &population, &endpoints, &seed)?;
            testbed.completions = handle.completions().clone();
            testbed.gateways = Some(handle);
            testbed.observed = observed;
            testbed.auditor = Some(Auditor::new(directory, &consortium, auditor_gateway(plan))?);
        }
        testbed.begin_run(&population, (&seed, consortium.committee.chain()), load)?;
        Ok(testbed)
    }

    /// Time begins.
    fn begin_run(
        &mut self,
        population: &Arc<Population>,
        (seed, chain): (&Seed, ChainId),
        load: Option<LoadPlan>,
    ) -> Result<(), TestbedError> {
        let plan = self.plan.clone();
        self.start = self.clock.now() + LEAD;
        self.spent_before = self.spent();
        let from = self.start + plan.warmup;
        self.arrivals_end = from + plan.duration;
        self.measured = Measured { from, until: self.arrivals_end };
        self.deadline = self.arrivals_end + plan.drain + super::SETTLE;
        self.recorder.begin(self.start);
        for (index, fault) in plan.faults.iter().enumerate() {
            self.at(from + fault.at, Due::Strike(index));
        }
        self.at(self.start + Duration::from_secs(1), Due::Second);
        match load {
            Some(load) => {
                self.unlisted.one_in = load.sample;
                let line = format!("start {}", self.start.0);
                for (replica, seat) in self.seats.iter_mut().enumerate() {
                    seat.tally = Some(Tally::new(load, self.start));
                    if let Life::Running(process) = &mut seat.life {
                        process.tell(&line).map_err(TestbedError::process(replica))?;
                    }
                }
            }
            None => {
                let generator = Generator::starting(&plan, population.clone(), seed, (chain, self.start));
                for at in generator.initial() {
                    self.at(at, Due::NextOperation);
                }
                self.generator = Some(generator);
            }
        }
        Ok(())
    }

    /// Hears replicas until `done`, as long as they make progress: they tell something, or use the processor.
    fn wait_for(
        &mut self,
        waiting: &'static str,
        watch: &mut dyn FnMut(&Progress) -> Control,
        done: impl Fn(&Self) -> bool,
    ) -> Result<(), TestbedError> {
        let mut progress = (self.frames, self.used());
        let mut since = self.clock.now();
        while !done(self) {
            match self.heard.recv_timeout(LOOK_INTERVAL) {
                Ok(heard) => self.hear(heard)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("this process holds a sender"),
            }
            let now = self.clock.now();
            if (self.frames, self.used()) != progress {
                progress = (self.frames, self.used());
                since = now;
            }
            if now.since(since) > GIVE_UP {
                let replica = self.seats.iter().position(|seat| !seat.is_up).unwrap_or(0);
                let recipe = &self.seats[replica].recipe;
                let (log, tail) = (recipe.log.clone(), recipe.log_tail());
                return Err(TestbedError::Stuck { replica, waiting, log, tail });
            }
            let before = Progress {
                now: Timestamp::ZERO,
                end: Timestamp::after_genesis(self.plan.warmup + self.plan.duration),
                events: self.frames,
                committed: 0,
            };
            if watch(&before) == Control::Stop {
                return Err(TestbedError::Stopped);
            }
        }
        Ok(())
    }

    /// Processor time of all replicas.
    fn used(&self) -> u64 {
        let used = |seat: &Seat| match &seat.life {
            Life::Running(process) => process.processor_ticks(),
            Life::Dead { .. } => 0,
        };
        self.seats.iter().map(used).sum()
    }
}

/// The directory, anew.
fn written(
    directory: &std::path::Path,
    plan: &Plan,
    population: &Population,
    endpoints: &Endpoints,
    auditor: &str,
) -> Result<PathBuf, TestbedError> {
    match fs::remove_dir_all(directory) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_of(&directory.display().to_string())(error)),
    }
    let now = SystemTime::now();
    Ok(write_consortium(directory, plan, population, endpoints, now, Some(auditor))?)
}

/// Opaque load for each replica, if that is the workload.
fn load_of(plan: &Plan) -> Option<LoadPlan> {
    let replicas = plan.replicas.len() as u64;
    plan.workloads.iter().find_map(|workload| match *workload {
        WorkloadPlan::Opaque { rate_mhz, size_bytes } => {
            let duration = plan.warmup + plan.duration;
            let total = u128::from(rate_mhz) * duration.as_nanos() / 1_000_000_000_000;
            let sample = u64::try_from(total.div_ceil(u128::from(ROWS_MAX))).unwrap_or(u64::MAX).max(1);
            let rate_mhz = rate_mhz.div_ceil(replicas);
            Some(LoadPlan { rate_mhz, size_bytes, seed: plan.seed, start: None, duration, sample })
        }
        WorkloadPlan::AccessDecisions { .. }
        | WorkloadPlan::PersonalHealthRecord { .. }
        | WorkloadPlan::ClinicalTrial { .. }
        | WorkloadPlan::DrugSupply { .. }
        | WorkloadPlan::Telemedicine { .. }
        | WorkloadPlan::Claims { .. } => None,
    })
}

/// Where everybody listens, and the auditor: ports that are free now, on loopback or each replica on its own address.
fn endpoints(plan: &Plan, netem: Option<&Netem>) -> Result<(Endpoints, String), TestbedError> {
    /// In a namespace nobody else has ports.
    const PORT: u16 = 7000;
    let count = plan.replicas.len();
    let institutions = if plan.ledger.execution { plan.population.institutions.as_slice() } else { &[] };
    // Held until all are known, so that none is given twice.
    let mut held = Vec::new();
    let mut free = |address: String| -> Result<String, TestbedError> {
        let socket = UdpSocket::bind(format!("{address}:0")).map_err(io_of(&address))?;
        let found = socket.local_addr().map_err(io_of(&address))?;
        held.push(socket);
        Ok(found.to_string())
    };
    let replica = |replica| match netem {
        Some(netem) => Ok(format!("{}:{PORT}", netem.replica(replica))),
        None => free("127.0.0.1".to_owned()),
    };
    let replicas = (0..count).map(replica).collect::<Result<_, _>>()?;
    let gateways = institutions.iter().map(|one| {
        free(netem.map_or_else(|| "127.0.0.1".to_owned(), |netem| netem.gateway(one.region, one.replica)))
    });
    let gateways = gateways.collect::<Result<_, _>>()?;
    let auditor = free(netem.map_or_else(|| "127.0.0.1".to_owned(), Netem::testbed))?;
    Ok((Endpoints { replicas, gateways }, auditor))
}

fn gateways(
    plan: &Plan,
    consortium: &Consortium,
    population: &Population,
    endpoints: &Endpoints,
    seed: &Seed,
) -> Result<(GatewaysHandle, Receiver<Report>), TestbedError> {
    let directory = Arc::new(consortium.directory());
    let vault: Arc<dyn Vault> = Arc::new(PlanVault(seed.clone()));
    let mut members = Vec::new();
    for (index, institution) in plan.population.institutions.iter().enumerate() {
        let id = GatewayId(index as u32);
        members.push(GatewayMember {
            config: GatewayConfig {
                id,
                organisation: population.organisation(id),
                committee: consortium.committee.clone(),
                home: ReplicaId(institution.replica as u16),
                directory: directory.clone(),
                secret: population.gateway_secret(id),
                tuning: GatewayTuning::default(),
            },
            listen: resolve(&endpoints.gateways[index])?,
            preload: population.custody(id).collect(),
            vault: vault.clone(),
        });
    }
    let (observer, observed) = bounded(OBSERVED_MAX);
    let handle = start_gateways(GatewaysOptions {
        gateways: members,
        committee: consortium.committee.clone(),
        peers: Arc::new(addresses(consortium, &Stop::default())?),
        registry: Arc::new(registry(consortium)),
        workers: GATEWAY_WORKERS,
        genesis_at: consortium.genesis_time,
        observer: Some(observer),
        quic: tuning(consortium.congestion),
    });
    let handle = handle.map_err(|error| TestbedError::Gateways(error.to_string()))?;
    Ok((handle, observed))
}

fn io_of(what: &str) -> impl FnOnce(io::Error) -> TestbedError {
    let what = what.to_owned();
    move |error| TestbedError::Io { what, error }
}
