//! Figures for the trackers of others: the custom JSON of github-action-benchmark, and Bencher's metric format.
//!
//! Both plot what they are given; only figures with a better direction are, and only finite ones.

use super::Outcome;
use crate::metrics::Value;
use crate::metrics::catalog::{self, Better, Metric, MetricUnit};
use serde_json::{Map, Value as Json, json};

/// Metrics of an outcome that repeat, and of which one way is better.
fn figures(outcome: &Outcome) -> impl Iterator<Item = (&'static Metric, Value)> {
    let metrics = outcome.result.iter().flat_map(|result| &result.metrics);
    metrics.filter_map(|(name, figure)| {
        let metric = catalog::lookup(name)?;
        let repeats = metric.deterministic && figure.value.as_f64().is_finite();
        let told = metric.better != Better::Neither && repeats;
        told.then_some((metric, figure.value))
    })
}

/// For `tool: customBiggerIsBetter` or, of the other direction, `customSmallerIsBetter`.
pub fn github_action(outcomes: &[Outcome], better: Better) -> String {
    let mut rows = Vec::new();
    for outcome in outcomes {
        for (metric, value) in figures(outcome).filter(|(metric, _)| metric.better == better) {
            let (seed, digest) =
                outcome.result.as_ref().map_or((0, ""), |result| (result.seed, result.digest.as_str()));
            rows.push(json!({
                "name": format!("{}/{}", outcome.scenario, metric.name),
                "unit": metric.unit.symbol(),
                "value": value,
                "extra": format!("seed={seed}\ndigest={digest}"),
            }));
        }
    }
    format!("{:#}\n", Json::Array(rows))
}

/// For `bencher run --adapter json`: a benchmark a metric, with Bencher's own measures for times and rates.
pub fn bencher(outcomes: &[Outcome]) -> String {
    let mut benchmarks = Map::new();
    for outcome in outcomes {
        for (metric, value) in figures(outcome) {
            let measure = match metric.unit {
                MetricUnit::Nanoseconds => "latency",
                MetricUnit::PerSecond => "throughput",
                MetricUnit::Bytes => "bytes",
                MetricUnit::Count => "count",
                MetricUnit::Ratio => "ratio",
            };
            let name = format!("{}/{}", outcome.scenario, metric.name);
            benchmarks.insert(name, json!({ measure: { "value": value } }));
        }
    }
    format!("{:#}\n", Json::Object(benchmarks))
}
