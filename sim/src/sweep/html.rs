//! A sweep as one page: what was asked, how many held, each metric over the axes, the Pareto front, every configuration.
//!
//! Runs that differ in their seed alone are one configuration: its latencies are quantiles of all their samples together, and
//! its other figures are means.

mod heat;
mod lines;
mod pareto;

use super::SEED_AXIS;
use super::manifest::{AxisRow, Manifest};
use super::table::{CSV_NAME, Finished, PARQUET_NAME};
use crate::metrics::catalog::{self, Metric, MetricUnit};
use crate::metrics::{Latency, Value};
use crate::report::units;
use crate::result::Figure;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Most metrics that are drawn.
const SHOWN_MAX: usize = 6;
/// Most panels of one metric; the table has all.
const PANELS_MAX: usize = 24;
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
            _ => self.quantile(metric).or_else(|| Some(values.iter().sum::<f64>() / values.len() as f64)),
        }
    }

    /// Of all samples of all its runs.
    fn quantile(&self, metric: &str) -> Option<f64> {
        let (family, aggregate) = metric.rsplit_once('.')?;
        if !["p50", "p90", "p99", "p999"].contains(&aggregate) {
            return None;
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

/// The whole page.
pub fn page(manifest: &Manifest, runs: &[Finished], missing: &[usize]) -> String {
    let title = format!("{}: a sweep of {} runs", manifest.scenario, manifest.runs.len());
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main class=\"sweep\">\n{}</main>\n</body>\n</html>\n",
        escape(&title),
        body(manifest, runs, missing)
    )
}

/// What is inside a page, for a scaffold with a style of its own.
pub fn body(manifest: &Manifest, runs: &[Finished], missing: &[usize]) -> String {
    let axes: Vec<&AxisRow> = manifest.axes.iter().filter(|axis| axis.path != SEED_AXIS).collect();
    let configurations = configurations(manifest, &axes, runs);
    let metrics = shown(runs);
    let mut html = opening(manifest, runs, missing);
    for metric in &metrics {
        let _ = write!(
            html,
            "<section>\n<h2>{}</h2>\n<p class=\"meaning\">{}</p>\n",
            metric.name,
            escape(metric.meaning)
        );
        html += &match axes.len() {
            0 => String::new(),
            1 => lines::svg(axes[0], &configurations, metric),
            _ => heat::panels(&axes, &configurations, metric),
        };
        html += "</section>\n";
    }
    html += &pareto::section(&axes, &configurations, &metrics);
    html += &table(&axes, &configurations, &metrics);
    html += &closing(manifest, missing);
    html
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

fn opening(manifest: &Manifest, runs: &[Finished], missing: &[usize]) -> String {
    let failed = runs.iter().filter(|run| run.exit_code != 0).count();
    let (class, verdict) = match (failed, missing.len()) {
        (0, 0) => ("passed", format!("All {} runs passed", runs.len())),
        (0, missing) => {
            ("partial", format!("{missing} of {} runs are missing; the others passed", manifest.runs.len()))
        }
        (failed, 0) => ("failed", format!("{failed} of {} runs did not pass", runs.len())),
        (failed, missing) => {
            ("failed", format!("{failed} of {} runs did not pass, and {missing} are missing", runs.len()))
        }
    };
    let axes = manifest.axes.iter().map(|axis| {
        format!("<li><code>{}</code>: {}</li>", escape(&axis.path), escape(&axis.labels.join(", ")))
    });
    format!(
        "<h1>{}</h1>\n<p class=\"verdict {class}\">{verdict}</p>\n<p>Scenario <code>{}</code>, {} runs: every combination of</p>\n\
         <ul class=\"axes\">\n{}\n</ul>\n",
        escape(if manifest.question.is_empty() { &manifest.scenario } else { &manifest.question }),
        escape(&manifest.scenario),
        manifest.runs.len(),
        axes.collect::<Vec<_>>().join("\n"),
    )
}

fn table(axes: &[&AxisRow], configurations: &[Configuration<'_>], metrics: &[&Metric]) -> String {
    let mut html = String::from(
        "<section>\n<h2>Every configuration</h2>\n<div class=\"wide\"><table class=\"sortable\">\n<thead><tr>",
    );
    for axis in axes {
        let _ = write!(html, "<th>{}</th>", escape(&axis.path));
    }
    for metric in metrics {
        let _ = write!(html, "<th>{}</th>", metric.name);
    }
    html += "<th>runs</th><th>did not pass</th></tr></thead>\n<tbody>\n";
    for configuration in configurations {
        html += "<tr>";
        for label in &configuration.labels {
            let _ = write!(html, "<td>{}</td>", escape(label));
        }
        for metric in metrics {
            let _ = match configuration.get(&metric.name) {
                Some(value) => write!(html, "<td data-sort=\"{value}\">{}</td>", number(value, metric.unit)),
                None => write!(html, "<td>-</td>"),
            };
        }
        let (runs, failed) = (configuration.runs.len(), configuration.failed());
        let _ = writeln!(html, "<td>{runs}</td><td>{failed}</td></tr>");
    }
    html += "</tbody></table></div>\n</section>\n";
    html
}

fn closing(manifest: &Manifest, missing: &[usize]) -> String {
    let mut html = format!(
        "<section>\n<h2>Files</h2>\n<p>All figures: <a href=\"{CSV_NAME}\">{CSV_NAME}</a>, <a href=\"{PARQUET_NAME}\">{PARQUET_NAME}</a> \
         (a row for each run and metric). Each run: <code>amanah replay cells/RUN_ID.json</code>. \
         Program {}, sources {}.</p>\n",
        escape(&manifest.program_version),
        escape(&manifest.sources)
    );
    if !missing.is_empty() {
        html += "<h2>Missing</h2>\n<ul>\n";
        for number in missing.iter().take(100) {
            let run = &manifest.runs[*number];
            let _ = writeln!(html, "<li><code>{}</code> {}</li>", run.run_id, escape(&manifest.words(run)));
        }
        html += "</ul>\n";
    }
    html + "</section>\n"
}

/// Text inside a page, or between the quotes of an attribute.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Of charts and of what is around them.
pub const STYLE: &str = include_str!("html/sweep.css");

#[cfg(test)]
mod tests {
    use super::super::table::tests::finished;
    use super::*;

    #[test]
    fn a_page_stands_alone_and_says_what_is_missing() {
        let (manifest, runs) = finished();
        let page = page(&manifest, &runs, &[]);
        assert_eq!(page, super::page(&manifest, &runs, &[]));
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"), "{page}");
        assert!(page.contains("Does it?") && page.contains("All 2 runs passed"), "{page}");
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
    fn seeds_of_a_configuration_are_one_distribution() {
        let (_, runs) = finished();
        let both = Configuration { choice: Vec::new(), labels: Vec::new(), runs: runs.iter().collect() };
        let mut all = runs[0].latencies["share.latency"].clone();
        all.merge(&runs[1].latencies["share.latency"]);
        assert_eq!(both.get("share.latency.p99"), Some(all.quantile(0.99) as f64));
        let rate = "transactions.committed.rate";
        let mean = f64::midpoint(runs[0].get(rate).unwrap(), runs[1].get(rate).unwrap());
        assert_eq!(both.get(rate), Some(mean));
        assert_eq!(both.get("no.such"), None);
    }
}
