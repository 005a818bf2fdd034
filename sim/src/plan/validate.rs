//! [`Scenario`] to [`Plan`]: the only validator. It reads every key, fills in every default, and reports all mistakes at
//! once; a section with a mistake is read to its end with defaults in the gaps, and checks that need what is missing
//! are left out, so that one mistake is reported once.

mod fault;
mod host;
mod ledger;
mod network;
mod population;
mod workload;

use super::{
    Arrivals, Condition, Expectation, FaultPlan, InstitutionKind, NetworkPlan, Plan, PopulationPlan,
    WorkloadPlan, expectation,
};
use crate::diagnostic::{Diagnostics, Problems, quote};
use crate::document::Documents;
use crate::scenario::Scenario;
use crate::scenario::reader::{Field, Map};
use crate::scenario::units;
use ledger_core::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Longest warm-up, measurement or drain.
const SPAN_MAX: (Duration, &str) = (Duration::from_secs(366 * 86_400), "366d");
const SEED: u64 = 1;

impl Plan {
    /// Reads, completes and checks a scenario.
    ///
    /// # Errors
    /// Every mistake in the file and its overrides, in the order of the text.
    pub fn from_scenario(scenario: &Scenario) -> Result<Self, Diagnostics> {
        let mut problems = scenario.problems.clone();
        let plan = plan(scenario, &mut problems);
        match plan {
            Some(plan) if problems.0.is_empty() => Ok(plan),
            _ => Err(Diagnostics::new(scenario.sources.clone(), problems)),
        }
    }
}

/// `None` only with a problem reported.
fn plan(scenario: &Scenario, problems: &mut Problems) -> Option<Plan> {
    let mut root =
        Field::root(&scenario.root).map(problems, "the keys of a scenario, as in `name: smoke`")?;
    let name = name(&mut root, problems);
    let seed = root.optional("seed").and_then(|field| field.read(problems, &units::INTEGER)).unwrap_or(SEED);
    let duration = root
        .required("duration", "60s")
        .and_then(|field| span(&field, problems, (Duration::from_millis(1), "1ms")));
    let mut pause = |key, default| {
        let field = root.optional(key);
        field.and_then(|field| span(&field, problems, (Duration::ZERO, "0s"))).unwrap_or(default)
    };
    let (warmup, drain) = (pause("warmup", Duration::ZERO), pause("drain", 30 * SECOND));
    let network_field = root.required("network", "{ topology: lan }");
    let network = network_field.as_ref().and_then(|field| network::read(field, problems));
    let ledger = root.required("ledger", "{ replicas: 4 }");
    let ledger = ledger.and_then(|field| ledger::read(&field, network.as_ref(), problems));
    let replicas = ledger.as_ref().and_then(|ledger| ledger.replicas.as_deref());
    let count = ledger.as_ref().and_then(|ledger| ledger.count);
    let transfers = network_field.as_ref().map(|field| network::transfers(field, count, duration, problems));
    let replica_host = host::read(root.optional("host"), "reference-8core", problems);
    let gateway_host = host::read(root.optional("gateway_host"), "gateway-2core", problems);
    let workloads = root.required("workloads", "[{ opaque: { rate: 1000/s } }]");
    let workloads = workloads.and_then(|field| {
        workload::read(&field, ledger.as_ref().map(|l| &l.plan), network.as_ref(), problems)
    });
    let opaque = workloads.as_deref().is_some_and(is_opaque);
    let population = root.optional("population");
    if population.is_none() && workloads.is_some() && !opaque {
        root.missing("population", "{ patients: 10k, hospitals: 8 }");
    }
    let at = population.as_ref().map(|field| field.key);
    let population = population::read(population, network.as_ref(), replicas, problems);
    if let (Some(population), Some(workloads), Some(at)) = (&population, &workloads, at) {
        population::check(population, workloads, at, problems);
    }
    let documents = root.optional("documents");
    let choices = [("sized", Documents::Sized), ("fhir", Documents::Fhir)];
    let documents = documents.map_or(Some(Documents::Sized), |field| field.choice(problems, &choices, &[]));
    let arrivals = root.optional("arrivals");
    let arrivals = arrivals.map_or(Some(Arrivals::Poisson), |field| workload::arrivals(&field, problems));
    let mistakes = problems.0.len();
    let institutions = population.as_ref().map(|all| (hospitals_of(all), all.institutions.len()));
    let regions = network.as_ref().map(|network| network.regions.as_slice());
    let scope = fault::Scope { replicas: count, institutions, regions, duration };
    let faults = root.optional("faults");
    let faults = faults.map(|field| fault::read(&field, &scope, problems));
    let faults = faults.unwrap_or_default();
    let known_faults = (problems.0.len() == mistakes).then_some(faults.as_slice());
    // A mistake in `documents` is not one of what is expected.
    let is_sized = documents == Some(Documents::Sized);
    let expect = root.optional("expect");
    let expect = expect
        .map(|field| expectations(&field, known_faults, opaque, is_sized, problems))
        .unwrap_or_default();
    if let Some(matrix) = root.optional("matrix") {
        let report = problems.report(matrix.key, matrix.path, "it makes many runs of this scenario");
        report.help("play them all with `amanah sweep FILE`");
    }
    root.finish(problems);
    let ledger = ledger?;
    let mut ledger_plan = ledger.plan;
    ledger_plan.execution = !opaque;
    if opaque && !ledger.checkpoint_interval_written {
        // Nobody waits for a receipt: checkpoints only bound the journal.
        ledger_plan.checkpoint_interval = 100;
    }
    Some(Plan {
        name: name?,
        question: scenario.question.clone(),
        seed,
        warmup,
        duration: duration?,
        drain,
        ledger: ledger_plan,
        replicas: ledger.replicas?,
        replica_host: replica_host?,
        gateway_host: gateway_host?,
        network: NetworkPlan { transfers: transfers.unwrap_or_default(), ..network? },
        population: population?,
        documents: documents?,
        workloads: workloads?,
        arrivals: arrivals?,
        faults: sorted(faults),
        expect,
    })
}

fn hospitals_of(population: &PopulationPlan) -> usize {
    population.institutions.iter().filter(|one| one.kind == InstitutionKind::Hospital).count()
}

fn name(root: &mut Map<'_>, problems: &mut Problems) -> Option<String> {
    let field = root.required("name", "regional-exchange")?;
    let text = field.text(problems, "a short name, as in `regional-exchange`")?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.len() > 64 || text.starts_with('-') || !text.chars().all(fits) {
        let report = field.wrong(problems, format!("{} is not a name", quote(text)));
        report.help("expected at most 64 of a to z, 0 to 9 and `-`: it names the result directory");
        return None;
    }
    Some(text.to_owned())
}

/// A span of the run.
fn span(field: &Field<'_>, problems: &mut Problems, least: (Duration, &str)) -> Option<Duration> {
    field.within(problems, &units::DURATION, least, SPAN_MAX)
}

fn is_opaque(workloads: &[WorkloadPlan]) -> bool {
    workloads.iter().any(|workload| matches!(workload, WorkloadPlan::Opaque { .. }))
}

fn expectations(
    field: &Field<'_>,
    faults: Option<&[FaultPlan]>,
    opaque: bool,
    is_sized: bool,
    problems: &mut Problems,
) -> Vec<Expectation> {
    let Some(items) = field.list(problems, "a list, as in `- share.latency.p99 < 800ms`") else {
        return Vec::new();
    };
    let mut expectations = Vec::new();
    for item in &items {
        let Some(expectation) = expectation::read(item, problems) else { continue };
        if let Condition::Metric { metric, .. } = &expectation.condition
            && let Some(reason) = never_measured(metric, faults, opaque, is_sized)
        {
            item.wrong(problems, format!("this run never measures {}", quote(metric))).help(reason);
        }
        expectations.push(expectation);
    }
    expectations
}

/// Why a run of this scenario has no sample of `metric`; `faults` is `None` when they have mistakes of their own.
fn never_measured(
    metric: &str,
    faults: Option<&[FaultPlan]>,
    opaque: bool,
    is_sized: bool,
) -> Option<&'static str> {
    let of_records = ["share.", "shares.", "documents.", "decisions.", "consent.", "audits."];
    if opaque && of_records.iter().any(|prefix| metric.starts_with(prefix)) {
        return Some("opaque bytes are ordered and not executed: nothing is shared, consented or audited");
    }
    if is_sized && metric.starts_with("documents.") {
        return Some("documents are only sized: nobody reads them; write `documents: fhir`");
    }
    let heals = |faults: &[FaultPlan]| faults.iter().any(|fault| fault.lasts.is_some());
    if metric == "recovery.time" && faults.is_some_and(|faults| !heals(faults)) {
        return Some("it needs a fault that heals: give one under `faults`, with `for`");
    }
    None
}

fn sorted(mut faults: Vec<FaultPlan>) -> Vec<FaultPlan> {
    faults.sort_by_key(|fault| fault.at);
    faults
}

#[cfg(test)]
mod tests;
