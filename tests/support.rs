//! What the tests share.

use sim::check::{Status, Verdict, check};
use sim::history::{Control, Run};
use sim::plan::Plan;
use sim::scenario::Scenario;
use sim::world::{Options, run_with};
use std::path::{Path, PathBuf};

/// The workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// The plan of a scenario in YAML.
pub fn plan(yaml: &str) -> Plan {
    let scenario = Scenario::parse("test.yaml", yaml).unwrap_or_else(|errors| panic!("{errors}"));
    Plan::from_scenario(&scenario).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Runs a plan.
pub fn run(plan: &Plan, options: &Options) -> Run {
    run_with(plan, options, &mut |_| Control::Continue).unwrap_or_else(|error| panic!("{error}"))
}

/// The verdicts that failed, in words.
pub fn failures(run: &Run) -> Vec<Verdict> {
    check(run).into_iter().filter(|verdict| verdict.status == Status::Failed).collect()
}
