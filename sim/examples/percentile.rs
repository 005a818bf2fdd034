//! Runs a scenario from code and reads figures of it: `percentile [FILE] [REPLICAS…]`.

use sim::history::Control;
use sim::metrics::Metrics;
use sim::plan::Plan;
use sim::scenario::Scenario;
use sim::world::{Options, run_with};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "scenarios/smoke.yaml".to_owned());
    let replicas: Vec<String> = arguments.collect();
    let replicas = if replicas.is_empty() { vec!["4".to_owned()] } else { replicas };
    for replicas in replicas {
        // What `--set` does: the value goes into the tree before it is validated.
        let mut scenario = Scenario::read(Path::new(&file))?;
        scenario.set(&format!("ledger.replicas={replicas}"));
        let plan = Plan::from_scenario(&scenario)?;
        let run = run_with(&plan, &Options::default(), &mut |_| Control::Continue)?;
        let metrics = Metrics::of(&run);
        let Some(latency) = metrics.latencies.get("transactions.latency") else {
            println!("{replicas} replicas: nothing was committed");
            continue;
        };
        // Any quantile, not only those that have a name.
        let [half, most] = [0.5, 0.95].map(|part| latency.quantile(part) as f64 / 1e6);
        println!(
            "{replicas} replicas: {} transactions, p50 {half:.1} ms, p95 {most:.1} ms, digest {}",
            latency.count(),
            run.digest
        );
    }
    Ok(())
}
