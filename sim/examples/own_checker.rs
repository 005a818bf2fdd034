//! A checker of one's own: it reads the history of a run and nothing else, as ours do. `own_checker [FILE]`.
//!
//! This one asks whether anybody's home gateway was treated worse than others: whether the slowest gateway's mean latency is
//! within ten times the fastest's.

use sim::check::{Status, check};
use sim::history::{Control, Run};
use sim::plan::Plan;
use sim::scenario::Scenario;
use sim::world::{Options, run_with};
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// At most so many times the fastest gateway's mean.
const RATIO_MAX: u64 = 10;

/// What it looked at, or the violation.
fn fairness(run: &Run) -> Result<String, String> {
    let mut means: BTreeMap<_, (u64, u64)> = BTreeMap::new();
    for operation in &run.history.operations {
        let Some(receipt_at) = operation.receipt_at else { continue };
        let took = receipt_at.since(operation.scheduled).as_micros() as u64;
        let (sum, count) = means.entry(operation.gateway).or_default();
        *sum += took;
        *count += 1;
    }
    let mean = |(sum, count): &(u64, u64)| sum / count;
    let fastest = means.iter().min_by_key(|(_, sums)| mean(sums));
    let slowest = means.iter().max_by_key(|(_, sums)| mean(sums));
    let (Some((one, least)), Some((other, most))) = (fastest, slowest) else {
        return Ok("nobody submitted anything".to_owned());
    };
    let (least, most) = (mean(least), mean(most));
    if most > RATIO_MAX * least.max(1) {
        return Err(format!(
            "gateway {} waits {most} us on average, gateway {} only {least} us",
            other.0, one.0
        ));
    }
    Ok(format!("{} gateways, {least} to {most} us on average", means.len()))
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "scenarios/smoke.yaml".to_owned());
    let plan = Plan::from_scenario(&Scenario::read(Path::new(&file))?)?;
    let run = run_with(&plan, &Options::default(), &mut |_| Control::Continue)?;
    // Ours first: what they refuse need not be judged for fairness.
    let failed: Vec<_> = check(&run).into_iter().filter(|verdict| verdict.status == Status::Failed).collect();
    for verdict in &failed {
        println!("FAIL {:12} {}", verdict.checker, verdict.detail);
    }
    let judged = fairness(&run);
    match &judged {
        Ok(seen) => println!("ok   fairness     {seen}"),
        Err(violation) => println!("FAIL fairness     {violation}"),
    }
    Ok(if failed.is_empty() && judged.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
