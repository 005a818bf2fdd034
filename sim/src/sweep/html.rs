//! A sweep as one page: what was asked, how many held, each metric over the axes, the Pareto front, every configuration.
//!
//! Runs that differ in their seed alone are one configuration: its latencies (quantiles, mean and greatest) are those of all
//! their samples together, and its other figures are means over the runs.

mod heat;
mod lines;
mod pareto;

use super::SEED_AXIS;
use super::manifest::{AxisRow, Manifest};
use super::table::{CSV_NAME, Finished, PARQUET_NAME};
use crate::metrics::catalog::{self, Metric, MetricUnit};
use crate::metrics::{Latency, Value};
use crate::report::html::{Cell, Page, Table, Tone, escape};
use crate::report::units;
use crate::result::Figure;
use std::collections::BTreeMap;

/// Most metrics that are drawn.
const SHOWN_MAX: usize = 6;
/// Most panels of one metric; the table has all.
const PANELS_MAX: usize = 24;
/// Missing runs that are named; the rest are counted.
const MISSING_MAX: usize = 100;
/// What is drawn where the scenario expects nothing of it, as far as runs have it.
const DEFAULTS: &[&str] = &[
    "transactions.committed.rate",
    "share.latency.p99",
    "transactions.latency.p99",
    "commit.latency.p99",
    "recovery.time",
];

/// Runs that differ in their seed alone.
struct Configuration<'a> {
    /// Which value of each axis but the seed's.
    choice: Vec<usize>,
    labels: Vec<&'a str>,
    runs: Vec<&'a Finished>,
}

impl Configuration<'_> {
    /// A metric of it; `None` if no run has it.
    fn get(&self, metric: &str) -> Option<f64> {
        let values: Vec<f64> = self.runs.iter().filter_map(|run| run.get(metric)).collect();
        match values.len() {
            0 => None,
            1 => Some(values[0]),
            _ => self.together(metric).or_else(|| Some(values.iter().sum::<f64>() / values.len() as f64)),
        }
    }

    /// Of all samples of all its runs.
    fn together(&self, metric: &str) -> Option<f64> {
        let (family, aggregate) = metric.rsplit_once('.')?;
        if aggregate == "max" {
            // A distribution knows values to three digits; each run knows its greatest.
            return self
                .runs
                .iter()
                .map(|run| run.get(metric))
                .try_fold(0.0, |most: f64, one| Some(most.max(one?)));
        }
        let mut all = Latency::default();
        for run in &self.runs {
            all.merge(run.latencies.get(family)?);
        }
        all.aggregate(aggregate).map(|ns| ns as f64)
    }

    /// Of its runs, those that did not pass.
    fn failed(&self) -> usize {
        self.runs.iter().filter(|run| run.exit_code != 0).count()
    }

    fn words(&self, axes: &[&AxisRow]) -> String {
        let words = axes.iter().zip(&self.labels).map(|(axis, label)| format!("{}: {label}", axis.path));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// Metrics that are shown: what the scenario expects something of, then what is usual.
pub fn shown(runs: &[Finished]) -> Vec<&'static Metric> {
    let expected = runs.iter().flat_map(|run| &run.expectations).filter_map(|line| {
        let name: String = line.text.chars().take_while(|c| !" <>=!".contains(*c)).collect();
        catalog::lookup(&name)
    });
    let usual = DEFAULTS.iter().filter_map(|name| catalog::lookup(name));
    let mut shown: Vec<&Metric> = Vec::new();
    for metric in usual.clone().take(1).chain(expected).chain(usual) {
        let is_there = runs.iter().any(|run| run.metrics.contains_key(&metric.name));
        if is_there && shown.len() < SHOWN_MAX && !shown.contains(&metric) {
            shown.push(metric);
        }
    }
    shown
}

/// A figure for people.
pub fn figure(figure: Option<&Figure>, unit: MetricUnit) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| units::value(figure.value, unit))
}

/// A number in the base unit of a metric, for people.
fn number(value: f64, unit: MetricUnit) -> String {
    match unit {
        _ if value.is_infinite() => units::value(Value::Never, unit),
        MetricUnit::Nanoseconds | MetricUnit::Bytes => units::value(Value::Whole(value as u64), unit),
        MetricUnit::Count if value.fract().abs() < f64::EPSILON => units::count(value as u64),
        MetricUnit::Count | MetricUnit::PerSecond | MetricUnit::Ratio => {
            units::value(Value::Real(value), unit)
        }
    }
}

/// Round numbers from 0 to at least `most`: 1, 2 or 5 times a power of ten apart. The last is where an axis ends.
fn ticks(most: f64) -> Vec<f64> {
    let most = if most > 0.0 && most.is_finite() { most } else { 1.0 };
    let power = libm::pow(10.0, libm::floor(libm::log10(most / 4.0)));
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| step * 4.0 >= most);
    let step = step.unwrap_or(10.0 * power);
    let mut ticks = vec![0.0];
    while ticks[ticks.len() - 1] < most {
        ticks.push(ticks.len() as f64 * step);
    }
    ticks
}

/// The whole page.
pub fn page(manifest: &Manifest, runs: &[Finished], missing: &[usize]) -> String {
    let axes: Vec<&AxisRow> = manifest.axes.iter().filter(|axis| axis.path != SEED_AXIS).collect();
    let configurations = configurations(manifest, &axes, runs);
    let metrics = shown(runs);
    let mut page = Page::new(&format!("{}: a sweep of {} runs", manifest.scenario, manifest.runs.len()));
    opening(&mut page, manifest, runs, missing);
    for (index, metric) in metrics.iter().enumerate().filter(|_| !axes.is_empty()) {
        page.section(&metric.name).text(metric.meaning);
        let style = if index == 0 { STYLE } else { "" };
        match axes.len() {
            1 => drop(page.picture("", &lines::svg(style, axes[0], &configurations, metric))),
            _ => heat::panels(&mut page, style, &axes, &configurations, metric),
        }
    }
    pareto::section(&mut page, &axes, &configurations, &metrics);
    if !configurations.is_empty() {
        page.section("Every configuration").table(&table(&axes, &configurations, &metrics));
    }
    closing(&mut page, manifest, missing);
    page.finish()
}

fn configurations<'a>(
    manifest: &'a Manifest,
    axes: &[&AxisRow],
    runs: &'a [Finished],
) -> Vec<Configuration<'a>> {
    let columns: Vec<usize> = manifest
        .axes
        .iter()
        .enumerate()
        .filter(|(_, axis)| axis.path != SEED_AXIS)
        .map(|(column, _)| column)
        .collect();
    let mut by_choice: BTreeMap<Vec<usize>, Configuration<'_>> = BTreeMap::new();
    for run in runs {
        let row = &manifest.runs[run.number];
        let labels: Vec<&str> = columns.iter().map(|column| row.labels[*column].as_str()).collect();
        let place = |(axis, label): (&&AxisRow, &&str)| axis.labels.iter().position(|known| known == label);
        let choice: Vec<usize> = axes.iter().zip(&labels).filter_map(place).collect();
        let one = || Configuration { choice: choice.clone(), labels, runs: Vec::new() };
        by_choice.entry(choice.clone()).or_insert_with(one).runs.push(run);
    }
    by_choice.into_values().collect()
}

fn opening(page: &mut Page, manifest: &Manifest, runs: &[Finished], missing: &[usize]) {
    let failed = runs.iter().filter(|run| run.exit_code != 0).count();
    let (all, there) = (manifest.runs.len(), runs.len());
    let (tone, word, why) = match (failed, missing.len()) {
        (0, 0) => (Tone::Good, "PASSED", format!("all {all} runs")),
        (0, missing) => {
            (Tone::Doubtful, "PARTIAL", format!("{missing} of {all} runs are missing; the others passed"))
        }
        (failed, 0) => (Tone::Bad, "FAILED", format!("{failed} of {all} runs did not pass")),
        (failed, missing) => {
            (Tone::Bad, "FAILED", format!("{failed} of {there} runs did not pass, and {missing} are missing"))
        }
    };
    page.lead(if manifest.question.is_empty() { &manifest.scenario } else { &manifest.question });
    page.verdict(tone, word, &why);
    let tiles: Vec<(&str, String, String)> = manifest
        .axes
        .iter()
        .map(|axis| (axis.path.as_str(), format!("{} values", axis.labels.len()), axis.labels.join(", ")))
        .collect();
    let tiles: Vec<(&str, &str, &str)> =
        tiles.iter().map(|(path, count, labels)| (*path, count.as_str(), labels.as_str())).collect();
    page.tiles(&tiles);
}

fn table(axes: &[&AxisRow], configurations: &[Configuration<'_>], metrics: &[&Metric]) -> Table {
    let heads =
        axes.iter().map(|axis| axis.path.as_str()).chain(metrics.iter().map(|metric| metric.name.as_str()));
    let heads: Vec<&str> = heads.chain(["runs", "did not pass"]).collect();
    let mut table = Table::new("", &heads);
    for configuration in configurations {
        let labels = configuration.labels.iter().map(|label| match label.parse::<f64>() {
            Ok(value) => Cell::figure(value, *label),
            Err(_) => Cell::text(*label),
        });
        let figures = metrics.iter().map(|metric| match configuration.get(&metric.name) {
            Some(value) => Cell::figure(value, number(value, metric.unit)),
            None => Cell::none(),
        });
        let failed = Cell::figure(configuration.failed() as f64, configuration.failed().to_string());
        let failed = if configuration.failed() > 0 { failed.tone(Tone::Bad) } else { failed };
        let runs = Cell::figure(configuration.runs.len() as f64, configuration.runs.len().to_string());
        table.row(labels.chain(figures).chain([runs, failed]));
    }
    table
}

fn closing(page: &mut Page, manifest: &Manifest, missing: &[usize]) {
    page.section("Files");
    page.text(&format!(
        "{CSV_NAME} and {PARQUET_NAME} have a row for each run and metric. One run, played again:"
    ));
    page.command("amanah replay cells/RUN_ID.json");
    page.note(&format!("Played by version {}, sources {}.", manifest.program_version, manifest.sources));
    if !missing.is_empty() {
        let mut table = Table::new("", &["run", "what it is"]);
        for number in missing.iter().take(MISSING_MAX) {
            let run = &manifest.runs[*number];
            table.row([Cell::text(run.run_id.as_str()), Cell::text(manifest.words(run))]);
        }
        page.section("Missing").table(&table);
        if missing.len() > MISSING_MAX {
            page.note(&format!("And {} more.", missing.len() - MISSING_MAX));
        }
    }
}

/// Of charts, inside the first of them.
const STYLE: &str = concat!("<style>", include_str!("html/sweep.css"), "</style>");

#[cfg(test)]
mod tests {
    use super::super::table::tests::finished;
    use super::*;

    #[test]
    fn a_page_stands_alone_and_says_what_is_missing() {
        let (manifest, runs) = finished();
        let page = page(&manifest, &runs, &[]);
        assert_eq!(page, super::page(&manifest, &runs, &[]));
        assert!(!page.contains(" src=") && !page.contains("<link"), "{page}");
        assert!(page.contains("Does it?") && page.contains("all 2 runs"), "{page}");
        assert!(page.contains("a, &quot;b&quot;") && !page.contains("a, \"b\""), "{page}");
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(page.contains("<svg"), "{page}");
        let part = super::page(&manifest, &runs[..1], &[1]);
        assert!(
            part.contains("1 of 2 runs are missing") && part.contains(&manifest.runs[1].run_id),
            "{part}"
        );
        let none = super::page(&manifest, &[], &[0, 1]);
        assert!(none.contains("2 of 2 runs are missing"), "{none}");
    }

    #[test]
    fn ticks_are_round_and_reach_the_greatest() {
        assert_eq!(ticks(459e6), [0.0, 200e6, 400e6, 600e6]);
        assert_eq!(ticks(182.5), [0.0, 50.0, 100.0, 150.0, 200.0]);
        assert_eq!(ticks(200.0), [0.0, 50.0, 100.0, 150.0, 200.0]);
        assert_eq!(ticks(0.0), ticks(1.0));
        for most in [1e-9, 0.3, 7.0, 99.0, 1e15, f64::INFINITY] {
            assert!((3..=6).contains(&ticks(most).len()), "{most}: {:?}", ticks(most));
        }
    }

    #[test]
    fn seeds_of_a_configuration_are_one_distribution() {
        let (_, runs) = finished();
        let both = Configuration { choice: Vec::new(), labels: Vec::new(), runs: runs.iter().collect() };
        let mut all = runs[0].latencies["share.latency"].clone();
        all.merge(&runs[1].latencies["share.latency"]);
        assert_eq!(both.get("share.latency.p99"), Some(all.quantile(0.99) as f64));
        let most = runs.iter().map(|run| run.get("share.latency.max").unwrap()).fold(0.0, f64::max);
        assert_eq!(both.get("share.latency.max"), Some(most));
        let rate = "transactions.committed.rate";
        let mean = f64::midpoint(runs[0].get(rate).unwrap(), runs[1].get(rate).unwrap());
        assert_eq!(both.get(rate), Some(mean));
        assert_eq!(both.get("no.such"), None);
    }
}
