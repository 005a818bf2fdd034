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
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Findings that are kept, beside the first of each checker; more are counted.
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Failure {
    /// Its name, or [`PANIC`] or [`ERROR`].
    pub checker: String,
    /// Whether it is about safety; else about liveness.
    pub safety: bool,
    /// In its words.
    pub detail: String,
}

/// A seed under which something failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// The first of them by seed, and the first of each checker: [`keep`].
    pub findings: Vec<Finding>,
    /// What was exercised.
    pub coverage: Coverage,
}

impl Found {
    fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.failed += other.failed;
        self.findings.extend(other.findings);
        keep(&mut self.findings);
        self.coverage.add(other.coverage);
    }

    /// Which findings are worth a scenario of their own, and for which checker: the first of each checker, safety first,
    /// then more.
    pub fn to_write(&self) -> Vec<(&Finding, &Failure)> {
        let mut rows: Vec<(usize, &Finding, &Failure)> = Vec::new();
        for finding in &self.findings {
            let Some(failure) = finding.failures.first() else { continue };
            let earlier = rows.iter().filter(|(.., other)| other.checker == failure.checker).count();
            rows.push((earlier, finding, failure));
        }
        // Those that never fail first.
        for finding in &self.findings {
            for failure in &finding.failures {
                if rows.iter().all(|(.., other)| other.checker != failure.checker) {
                    rows.push((0, finding, failure));
                }
            }
        }
        rows.sort_by_key(|(earlier, finding, failure)| (*earlier, !failure.safety, finding.seed));
        rows.into_iter().take(WRITTEN_MAX).map(|(_, finding, failure)| (finding, failure)).collect()
    }
}

/// Keeps the first [`FINDINGS_MAX`] by seed, and of the others those in which a checker fails that fails in none before:
/// no violation of safety is lost behind many findings of another kind. Keeping of parts, and then of what was kept of
/// them, is keeping of the whole.
pub fn keep(findings: &mut Vec<Finding>) {
    findings.sort();
    let (mut seen, mut rank) = (BTreeSet::new(), 0);
    findings.retain(|finding| {
        let new = finding.failures.iter().filter(|failure| seen.insert(failure.checker.clone())).count();
        rank += 1;
        new > 0 || rank <= FINDINGS_MAX
    });
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
    // Counted from the first on: beyond the last seed may be no number.
    let (next, count) = (AtomicU64::new(0), scope.seeds.end.saturating_sub(scope.seeds.start));
    let done = AtomicU64::new(0);
    let worker = || {
        let mut found = Found::default();
        loop {
            let offset = next.fetch_add(1, Ordering::Relaxed);
            if offset >= count || !go_on(done.load(Ordering::Relaxed)) {
                return found;
            }
            let seed = scope.seeds.start + offset;
            let case = Case::draw(scope, &base, seed);
            let played = play(scope, &case);
            let outcome = played.outcome.as_ref();
            found.coverage.note(&case, outcome.map(|(run, verdicts)| (run, verdicts.as_slice())));
            found.runs += 1;
            if !played.failures.is_empty() {
                found.failed += 1;
                found.findings.push(Finding { seed, failures: played.failures });
                keep(&mut found.findings);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(seed: u64, checkers: &[(&str, bool)]) -> Finding {
        let failure = |(checker, safety): &(&str, bool)| Failure {
            checker: (*checker).to_owned(),
            safety: *safety,
            detail: String::new(),
        };
        Finding { seed, failures: checkers.iter().map(failure).collect() }
    }

    /// A hundred findings of liveness, and behind them one of safety, which a finding of liveness hides as well.
    fn many() -> Vec<Finding> {
        let mut all: Vec<Finding> = (0..100).map(|seed| finding(seed, &[("validity", false)])).collect();
        all.push(finding(100, &[("validity", false), ("agreement", true)]));
        all.push(finding(101, &[("agreement", true)]));
        all
    }

    #[test]
    fn a_violation_of_safety_is_not_lost_behind_others() {
        let mut kept = many();
        keep(&mut kept);
        assert_eq!(kept.len(), FINDINGS_MAX + 1);
        assert_eq!(kept.last().unwrap().seed, 100);
        let found = Found { findings: kept.clone(), ..Found::default() };
        let written = found.to_write();
        let (first, failure) = written[0];
        assert_eq!((first.seed, failure.checker.as_str(), written.len()), (100, "agreement", WRITTEN_MAX));
        // Parts kept apart are the whole kept.
        for parts in [2, 3, 7] {
            let mut sum = Vec::new();
            for part in 0..parts {
                let mut own = many();
                own.retain(|finding| finding.seed % parts == part);
                keep(&mut own);
                sum.extend(own);
            }
            keep(&mut sum);
            assert_eq!(sum, kept, "{parts} parts");
        }
    }
}
