//! A hunt: many short runs of one scenario, each under a fault schedule of its own, and every checker on each.
//!
//! A seed decides its schedule and its run, so the findings do not depend on how many threads look for them. What fails is
//! shrunk and written as a scenario of its own that `amanah run` plays to the same digest.

pub mod coverage;
pub mod draw;
pub mod shrink;

use crate::check::{Status, Verdict, check};
use crate::expect::evaluate;
use crate::history::{Control, Run};
use crate::jobs::on_threads;
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::result::{self, FILE_NAME, ResultFile, WriteError};
use crate::scenario::Scenario;
use crate::world::{Options, run_with};
use coverage::Coverage;
use draw::{Case, Drawn};
use serde::Serialize;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Findings that are kept; more are counted.
pub const FINDINGS_MAX: usize = 64;
/// Findings that are shrunk and written, no two of one checker before each has one.
pub const WRITTEN_MAX: usize = 8;
/// File of a written finding.
pub const SCENARIO_FILE: &str = "scenario.yaml";
/// In place of a checker's name: the run panicked.
pub const PANIC: &str = "panic";
/// In place of a checker's name: the world gave up.
pub const ERROR: &str = "error";

/// What is hunted in.
#[derive(Clone, Debug)]
pub struct Scope {
    /// What every run starts from. Its faults are replaced.
    pub scenario: Scenario,
    /// Faults of every schedule, beside those that are drawn; their kinds are not drawn.
    pub always: Vec<Drawn>,
    /// Kinds that are not drawn.
    pub without: Vec<&'static str>,
    /// One run each.
    pub seeds: Range<u64>,
    /// Threads. The findings do not depend on it.
    pub jobs: usize,
    /// Mistakes on purpose, and one thread a run.
    pub options: Options,
}

impl Scope {
    /// Without mistakes on purpose.
    pub fn new(scenario: Scenario, seeds: Range<u64>, jobs: usize) -> Self {
        let options = Options { threads: 1, ..Options::default() };
        Self { scenario, always: Vec::new(), without: Vec::new(), seeds, jobs, options }
    }

    /// Whether schedules draw a kind.
    pub fn draws(&self, kind: &str) -> bool {
        !self.without.contains(&kind) && self.always.iter().all(|fault| fault.kind != kind)
    }
}

/// A checker that failed, or what stands for one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Failure {
    /// Its name, or [`PANIC`] or [`ERROR`].
    pub checker: String,
    /// Whether it is about safety; else about liveness.
    pub safety: bool,
    /// In its words.
    pub detail: String,
}

/// A seed under which something failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Of its schedule and its run.
    pub seed: u64,
    /// What failed, in the order of the checkers.
    pub failures: Vec<Failure>,
}

/// What a hunt found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Found {
    /// Runs played.
    pub runs: u64,
    /// Runs in which something failed.
    pub failed: u64,
    /// The first of them by seed.
    pub findings: Vec<Finding>,
    /// What was exercised.
    pub coverage: Coverage,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.failed += other.failed;
        self.findings.extend(other.findings);
        self.trim();
        self.coverage.add(other.coverage);
    }

    fn trim(&mut self) {
        self.findings.sort();
        self.findings.truncate(FINDINGS_MAX);
    }

    /// Which findings are worth a scenario of their own, and for which checker: the first of each checker, then more.
    pub fn to_write(&self) -> Vec<(&Finding, &Failure)> {
        let mut rows: Vec<(usize, &Finding, &Failure)> = Vec::new();
        for finding in &self.findings {
            let Some(failure) = finding.failures.first() else { continue };
            let earlier = rows.iter().filter(|(.., other)| other.checker == failure.checker).count();
            rows.push((earlier, finding, failure));
        }
        rows.sort_by_key(|(earlier, finding, _)| (*earlier, finding.seed));
        rows.into_iter().take(WRITTEN_MAX).map(|(_, finding, failure)| (finding, failure)).collect()
    }
}

/// What became of one case.
pub struct Played {
    /// Everything that failed.
    pub failures: Vec<Failure>,
    outcome: Option<(Run, Vec<Verdict>)>,
}

impl Played {
    /// Whether it ended, and nobody had asked for anything.
    pub fn is_idle(&self) -> bool {
        self.outcome.as_ref().is_some_and(|(run, _)| run.history.operations.is_empty())
    }
}

/// Plays every seed of a scope. `go_on` is told how many runs are done before each, and ends the hunt with `false`.
///
/// # Panics
/// If the scope's scenario cannot run.
pub fn explore(scope: &Scope, go_on: &(dyn Fn(u64) -> bool + Sync)) -> Found {
    let base = Plan::from_scenario(&scope.scenario).expect("a scope's scenario is one that can run");
    let next = AtomicU64::new(scope.seeds.start);
    let done = AtomicU64::new(0);
    let worker = || {
        let mut found = Found::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= scope.seeds.end || !go_on(done.load(Ordering::Relaxed)) {
                return found;
            }
            let case = Case::draw(scope, &base, seed);
            let played = play(scope, &case);
            let outcome = played.outcome.as_ref();
            found.coverage.note(&case, outcome.map(|(run, verdicts)| (run, verdicts.as_slice())));
            found.runs += 1;
            if !played.failures.is_empty() {
                found.failed += 1;
                found.findings.push(Finding { seed, failures: played.failures });
                found.trim();
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    let mut found = Found::default();
    on_threads(scope.jobs, worker, |part| found.add(part));
    found
}

/// Plays a case. One that cannot run fails nothing.
pub fn play(scope: &Scope, case: &Case) -> Played {
    match case.plan(&scope.scenario) {
        Ok(plan) => play_plan(scope, &plan),
        Err(_) => Played { failures: Vec::new(), outcome: None },
    }
}

fn play_plan(scope: &Scope, plan: &Plan) -> Played {
    let failure =
        |checker: &str, detail: String| Failure { checker: checker.to_owned(), safety: true, detail };
    // Nothing of the world is used after a panic.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let run = run_with(plan, &scope.options, &mut |_| Control::Continue)?;
        let verdicts = check(&run);
        Ok::<_, crate::world::WorldError>((run, verdicts))
    }));
    match outcome {
        Ok(Ok((run, verdicts))) => {
            let failed = verdicts.iter().filter(|verdict| verdict.status == Status::Failed);
            let failures = failed.map(|verdict| Failure {
                safety: verdict.is_safety(),
                ..failure(verdict.checker, verdict.detail.clone())
            });
            Played { failures: failures.collect(), outcome: Some((run, verdicts)) }
        }
        Ok(Err(error)) => Played { failures: vec![failure(ERROR, error.to_string())], outcome: None },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
            Played { failures: vec![failure(PANIC, text.to_owned())], outcome: None }
        }
    }
}

/// A finding made small and written.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// Of the run.
    pub seed: u64,
    /// What fails.
    pub failure: Failure,
    /// Faults of the shrunk schedule, as in its scenario.
    pub faults: Vec<String>,
    /// Runs that shrinking took.
    pub shrink_runs: u64,
    /// Where its scenario is.
    pub scenario: PathBuf,
    /// Of the run; `None` if it has no end.
    pub digest: Option<String>,
}

/// Shrinks a finding and writes it into a directory of its own below `out`: `scenario.yaml`, and the result if the run has
/// one.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    scope: &Scope,
    (finding, failure): (&Finding, &Failure),
    out: &Path,
    go_on: &dyn Fn() -> bool,
) -> Result<Written, WriteError> {
    let base = Plan::from_scenario(&scope.scenario).expect("a scope's scenario is one that can run");
    let drawn = Case::draw(scope, &base, finding.seed);
    let (case, shrink_runs) = shrink::shrink(scope, drawn, &failure.checker, go_on);
    let directory = out.join(format!("found-{}-{}", failure.checker, finding.seed));
    result::prepare(&directory)?;
    let question = format!(
        "Does `{}` hold of what a hunt found with seed {}?\nIt said: {}",
        failure.checker,
        finding.seed,
        failure.detail.replace(char::is_control, " ")
    );
    let text = case.scenario(&scope.scenario).to_yaml(&question);
    let scenario = directory.join(SCENARIO_FILE);
    result::write_text(&scenario, &text)?;
    // What is judged last is what was written, read back.
    let plan = Scenario::parse(&scenario.display().to_string(), &text)
        .and_then(|scenario| Plan::from_scenario(&scenario))
        .expect("a case that ran reads back as it was written");
    let played = play_plan(scope, &plan);
    let failure = played.failures.iter().find(|found| found.checker == failure.checker);
    let failure = failure.expect("the same plan fails the same checker").clone();
    let mut digest = None;
    if let Some((run, verdicts)) = &played.outcome {
        let metrics = Metrics::of(run);
        let expectations = evaluate(&run.plan.expect, &metrics, verdicts);
        let replay = format!("amanah replay {}", directory.join(FILE_NAME).display());
        let result = ResultFile::new(run, &metrics, verdicts, &expectations, replay);
        result::write(&directory, run, &metrics, &result)?;
        digest = Some(result.digest);
    }
    let faults = case.faults.iter().map(Drawn::to_yaml).collect();
    Ok(Written { seed: finding.seed, failure, faults, shrink_runs, scenario, digest })
}
