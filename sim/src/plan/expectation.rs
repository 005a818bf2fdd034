//! One line of `expect:`: `metric operator value`, or the name of a checker.

use super::{Comparison, Condition, Expectation};
use crate::diagnostic::{Problems, one_of, quote};
use crate::metrics::catalog::{self, MetricUnit};
use crate::scenario::reader::Field;
use crate::scenario::units::{self, Unit};

const CHECKERS: &[(&str, Condition)] = &[("safety", Condition::Safety), ("liveness", Condition::Liveness)];

/// Longest operator first.
const COMPARISONS: &[(&str, Comparison)] = &[
    ("<=", Comparison::LessOrEqual),
    (">=", Comparison::GreaterOrEqual),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

const FORM: &str =
    "expected `metric operator value`, as in `share.latency.p99 < 800ms`, or `safety`, or `liveness`";

/// Reads one expectation; positions point at the word that is wrong.
pub(crate) fn read(field: &Field<'_>, problems: &mut Problems) -> Option<Expectation> {
    let text = field.text(problems, "an expectation, as in `share.latency.p99 < 800ms`")?;
    let condition = condition(field, text, problems)?;
    Some(Expectation { text: text.to_owned(), condition })
}

fn condition(field: &Field<'_>, text: &str, problems: &mut Problems) -> Option<Condition> {
    let trimmed = text.trim();
    if let Some((_, condition)) = CHECKERS.iter().find(|(name, _)| *name == trimmed) {
        return Some(condition.clone());
    }
    let Some(at) = text.find(['<', '>', '=', '!']) else {
        let word = text.split_whitespace().next().unwrap_or_default();
        let is_metric = catalog::lookup(word).is_some();
        let found = if is_metric { "has no comparison" } else { "is not an expectation" };
        let report = field.wrong(problems, format!("{} {found}", quote(text)));
        report.suggest(trimmed, CHECKERS.iter().map(|(name, _)| *name));
        report.help(FORM);
        return None;
    };
    let (name, rest) = (text[..at].trim(), &text[at..]);
    let width = rest.find(|c| !matches!(c, '<' | '>' | '=' | '!')).unwrap_or(rest.len());
    let (operator, value) = rest.split_at(width);
    let metric = metric(field, name, problems);
    let comparison =
        COMPARISONS.iter().find(|(text, _)| *text == operator).map(|(_, comparison)| *comparison);
    if comparison.is_none() {
        let position = field.node.part(text[..at].chars().count(), width);
        let message = format!("{} is not a comparison", quote(operator));
        let report = problems.report(position, field.path.clone(), message);
        if operator == "=" {
            report.help("did you mean `==`?");
        }
        report.help(format!("expected {}", one_of(COMPARISONS.iter().map(|(text, _)| *text))));
    }
    let metric = metric?;
    let offset = text[..at + width].chars().count() + value.len() - value.trim_start().len();
    let value = value.trim();
    match self::value(metric.unit, value) {
        Ok(number) => {
            Some(Condition::Metric { metric: metric.name.clone(), comparison: comparison?, value: number })
        }
        Err((found, expected)) => {
            let position = field.node.part(offset, value.chars().count().max(1));
            let found = if value.is_empty() { "there is no value to compare with".to_owned() } else { found };
            problems
                .report(position, field.path.clone(), found)
                .help(format!("{} expects {expected}", metric.name));
            None
        }
    }
}

fn metric(field: &Field<'_>, name: &str, problems: &mut Problems) -> Option<&'static catalog::Metric> {
    let metric = catalog::lookup(name);
    if metric.is_none() {
        let position = field.node.part(0, name.chars().count().max(1));
        let message = format!("there is no metric {}", quote(name));
        let report = problems.report(position, field.path.clone(), message);
        let prefix = format!("{name}.");
        let members: Vec<&str> = catalog::all()
            .iter()
            .filter(|metric| metric.name.starts_with(&prefix))
            .map(|metric| metric.name.as_str())
            .collect();
        if !members.is_empty() {
            report.help(format!("did you mean {}?", one_of(members)));
        } else if !report.suggest(name, catalog::all().iter().map(|metric| metric.name.as_str())) {
            report.help("`amanah metrics` lists them");
        }
    }
    metric
}

/// The value in the metric's base unit, or what was found and what was expected.
fn value(unit: MetricUnit, text: &str) -> Result<f64, (String, &'static str)> {
    fn read<T>(unit: &Unit<T>, text: &str) -> Result<T, (String, &'static str)> {
        (unit.parse)(text).map_err(|found| (found, unit.expected))
    }
    Ok(match unit {
        MetricUnit::Nanoseconds => read(&units::DURATION, text)?.as_nanos() as f64,
        MetricUnit::Bytes => read(&units::SIZE, text)? as f64,
        MetricUnit::PerSecond => read(&units::RATE, text)? as f64 / 1e3,
        MetricUnit::Count => read(&units::COUNT, text)? as f64,
        MetricUnit::Ratio => read(&units::SHARE, text)? as f64 / 1e9,
    })
}
