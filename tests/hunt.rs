//! A hunt finds what is wrong on purpose, makes it small, and what it writes fails alone; of what is right it finds nothing,
//! whatever the number of threads.

use crate::amanah::directory;
use crate::support::{failures, root, run};
use ledger_core::replica::ReplicaBug;
use sim::hunt::draw::{FAULTS_MAX, KINDS};
use sim::hunt::{Found, SCENARIO_FILE, Scope, explore, write};
use sim::plan::Plan;
use sim::result::ResultFile;
use sim::scenario::Scenario;
use sim::world::{Options, SeededBug};
use std::ops::Range;

fn scope(seeds: Range<u64>, jobs: usize) -> Scope {
    let scenario = Scenario::read(&root().join("scenarios/hunt.yaml"));
    Scope::new(scenario.unwrap_or_else(|errors| panic!("{errors}")), seeds, jobs)
}

/// Replicas that forget what they wrote, and little else than crashes to bring it out.
fn forgetful(seeds: Range<u64>, jobs: usize) -> Scope {
    let bugs = vec![SeededBug::Replica(None, ReplicaBug::ForgetPersist)];
    let scope = scope(seeds, jobs);
    let without = KINDS.iter().map(|(kind, _)| *kind).filter(|kind| !["crash", "pause"].contains(kind));
    Scope { without: without.collect(), options: Options { bugs, ..scope.options.clone() }, ..scope }
}

fn found(scope: &Scope) -> Found {
    explore(scope, &|_| true)
}

#[test]
fn a_sound_ledger_is_hunted_in_vain() {
    let found = found(&scope(1..21, 2));
    assert_eq!((found.runs, found.failed), (20, 0), "{:#?}", found.findings);
    let coverage = &found.coverage;
    assert_eq!(coverage.faults.len(), KINDS.len());
    let drawn: u64 = coverage.faults.values().sum();
    assert!((20..=20 * FAULTS_MAX).contains(&drawn), "{:?}", coverage.faults);
    // Some seeds leave out many kinds; all of them come in enough schedules (a test of drawing holds that).
    let kinds = coverage.faults.values().filter(|count| **count > 0).count();
    assert!(kinds * 4 >= KINDS.len() * 3, "{:?}", coverage.faults);
    assert!(coverage.restarts > 0 && coverage.leader_timeouts > 0, "{coverage:?}");
    assert!(coverage.ends["done"] > 500, "{:?}", coverage.ends);
    assert_eq!(coverage.acts.len(), 18, "{:?}", coverage.acts);
    // Names of what never happened are there too.
    assert!(coverage.refusals["NoConsent"] > 0 && coverage.refusals["DuplicateClaim"] == 0);
}

#[test]
fn findings_do_not_depend_on_threads() {
    let one = found(&forgetful(1..9, 1));
    assert!(one.failed > 0);
    assert_eq!(one, found(&forgetful(1..9, 3)));
}

#[test]
fn what_is_found_is_made_small_and_fails_alone() {
    let scope = forgetful(1..17, 2);
    let found = found(&scope);
    let first = *found.to_write().first().expect("replicas that forget are found out within 16 seeds");
    let out = directory("hunt");
    let written = write(&scope, first, &out, &|| true).unwrap();
    assert!(written.faults.len() <= 2 && written.shrink_runs > 0, "{written:?}");
    let file = out.join(format!("found-{}-{}", first.1.checker, first.0.seed)).join(SCENARIO_FILE);
    assert_eq!(written.scenario, file);
    let scenario = Scenario::read(&file).unwrap_or_else(|errors| panic!("{errors}"));
    let plan = Plan::from_scenario(&scenario).unwrap_or_else(|errors| panic!("{errors}"));
    let played = run(&plan, &scope.options);
    assert!(failures(&played).iter().any(|verdict| verdict.checker == first.1.checker));
    let result = ResultFile::read(file.parent().unwrap()).unwrap();
    assert_eq!((result.plan, Some(result.digest)), (plan.clone(), written.digest));
    assert_eq!(played.digest.to_string(), ResultFile::read(file.parent().unwrap()).unwrap().digest);
    // Without the mistake the same checker passes.
    let sound = failures(&run(&plan, &Options::default()));
    assert!(sound.iter().all(|verdict| verdict.checker != first.1.checker), "{sound:?}");
}
