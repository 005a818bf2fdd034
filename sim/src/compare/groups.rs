//! Which results belong together: on one side, those of one plan but for the seed; across sides, those of the same
//! scenario, and of the same load where there are several.

use super::Side;
use super::changes::document;
use crate::result::ResultFile;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The load that a plan asks for.
const OFFERED: &str = "generator.offered.rate";
/// What became of it.
const ACHIEVED: &str = "transactions.committed.rate";
/// The latencies of a curve: of sharing if the scenario shares, of transactions in any case.
const LATENCIES: [&str; 4] =
    ["transactions.latency.p50", "transactions.latency.p99", "share.latency.p50", "share.latency.p99"];

/// Results of one plan.
pub(super) struct Runs<'a> {
    pub name: &'a str,
    pub plan: Value,
    /// Thousandths of an operation a second, so that it can be compared.
    pub offered_milli: Option<u64>,
    pub runs: Vec<&'a ResultFile>,
}

impl Runs<'_> {
    /// For people.
    pub fn label(&self) -> String {
        match self.offered_milli {
            Some(milli) => format!("{} at {}/s", self.name, milli as f64 / 1e3),
            None => self.name.to_owned(),
        }
    }

    fn load(&self) -> (&str, Option<u64>) {
        (self.name, self.offered_milli)
    }
}

/// By plan, in the order of their first results.
pub(super) fn group(results: &[(PathBuf, ResultFile)]) -> Vec<Runs<'_>> {
    let mut groups: Vec<Runs<'_>> = Vec::new();
    let mut by_plan: BTreeMap<String, usize> = BTreeMap::new();
    for (_, result) in results {
        let plan = document(&result.plan);
        let index = *by_plan.entry(plan.to_string()).or_insert(groups.len());
        if index == groups.len() {
            let (name, offered_milli) = (result.plan.name.as_str(), offered(result));
            groups.push(Runs { name, plan, offered_milli, runs: Vec::new() });
        }
        groups[index].runs.push(result);
    }
    groups
}

fn offered(result: &ResultFile) -> Option<u64> {
    result.metrics.get(OFFERED).map(|figure| (figure.value.as_f64() * 1e3).round() as u64)
}

/// Which of `others` is the same scenario: the same plan, or the only one of the same name and load, or of the same name,
/// or the only one there is on either side.
pub(super) fn partner(runs: &Runs<'_>, own: &[Runs<'_>], others: &[Runs<'_>]) -> Option<usize> {
    let only = |same: &dyn Fn(&Runs<'_>) -> bool| {
        let among = |groups: &[Runs<'_>]| groups.iter().filter(|other| same(other)).count();
        (among(own) == 1 && among(others) == 1).then(|| others.iter().position(same)).flatten()
    };
    let same_plan = others.iter().position(|other| other.plan == runs.plan);
    same_plan
        .or_else(|| only(&|other| other.load() == runs.load()))
        .or_else(|| only(&|other| other.name == runs.name))
        .or_else(|| only(&|_| true))
}

/// Latency by load of one scenario.
#[derive(Debug, Serialize)]
pub struct Load {
    /// The scenario's name.
    pub scenario: String,
    /// Of which latency, as a metric.
    pub latency: &'static str,
    /// By side: its points, by load.
    pub curves: Vec<Curve>,
}

/// One side of a [`Load`].
#[derive(Debug, Serialize)]
pub struct Curve {
    /// The side's name.
    pub side: String,
    /// In the order of the load.
    pub points: Vec<Point>,
}

/// Medians of the runs at one load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Operations a second that the plan asks for.
    pub offered: f64,
    /// Transactions committed a second.
    pub achieved: f64,
    /// Nanoseconds.
    pub latency: f64,
}

/// Curves of the scenarios of which some side has several loads.
pub(super) fn loads(sides: &[Side], grouped: &[Vec<Runs<'_>>]) -> Vec<Load> {
    let mut names: Vec<&str> = Vec::new();
    for name in grouped.iter().flatten().map(|runs| runs.name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut loads = Vec::new();
    for name in names {
        for latency in LATENCIES {
            let curve = |(side, groups): (&Side, &Vec<Runs<'_>>)| {
                let of_name = groups.iter().filter(|runs| runs.name == name);
                let mut points: Vec<Point> = of_name.filter_map(|runs| point(runs, latency)).collect();
                points.sort_by(|a, b| a.offered.total_cmp(&b.offered));
                Curve { side: side.name.clone(), points }
            };
            let curves: Vec<Curve> = sides.iter().zip(grouped).map(curve).collect();
            if curves.iter().any(|curve| distinct(&curve.points) > 1) {
                loads.push(Load { scenario: name.to_owned(), latency, curves });
            }
        }
    }
    loads
}

fn distinct(points: &[Point]) -> usize {
    let mut loads: Vec<u64> = points.iter().map(|point| (point.offered * 1e3).round() as u64).collect();
    loads.dedup();
    loads.len()
}

fn point(runs: &Runs<'_>, latency: &str) -> Option<Point> {
    let median = |metric: &str| {
        let values = runs.runs.iter().filter_map(|run| run.metrics.get(metric));
        let values: Vec<f64> =
            values.map(|figure| figure.value.as_f64()).filter(|value| value.is_finite()).collect();
        crate::statistics::median(&values)
    };
    Some(Point { offered: median(OFFERED)?, achieved: median(ACHIEVED)?, latency: median(latency)? })
}
