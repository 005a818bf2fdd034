//! A comparison as text: what changed in the plan, then the differences that matter, then how far they can be trusted.

mod page;

pub use page::page;

use super::table::Table;
use super::{Style, some, units};
use crate::compare::{Change, Comparison, Curve, Effect, Group, Judgement, Load, Row, pairs_needed};
use crate::metrics::Value;
use crate::metrics::catalog::{self, MetricUnit};
use crate::statistics::Interval;

/// Changes of a plan that are listed; a scenario with another population has thousands.
const CHANGES_MAX: usize = 40;

/// The whole comparison; `all` shows the differences that do not matter too.
pub fn comparison(comparison: &Comparison, all: bool, style: Style) -> String {
    let mut text = String::new();
    for group in &comparison.groups {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&head(group, style));
        text.push_str(&changes("Plan", &group.plan, style));
        text.push_str(&changes("Outcomes", &group.outcomes, style));
        text.push_str(&figures(group, all, style));
        for line in trust(group, comparison) {
            text.push_str(&format!("{}\n", style.dim(&line)));
        }
    }
    for load in &comparison.loads {
        text.push('\n');
        text.push_str(&curves(load, style));
    }
    for (side, scenario) in &comparison.unmatched {
        text.push_str(&format!("\nonly in {side}: {scenario}\n"));
    }
    text
}

fn head(group: &Group, style: Style) -> String {
    let runs = match group.runs {
        [before, after] if before == after => some(before, "run") + " each",
        [before, after] => format!("{} and {after}", some(before, "run")),
    };
    let seeds = match group.seeds.as_slice() {
        [] => "no seed in common".to_owned(),
        [seed] => format!("seed {seed}"),
        seeds => format!("{} seeds in common", seeds.len()),
    };
    let title = style.bold(&format!("{}: {} against {}", group.scenario, group.after, group.before));
    let world = if group.live { ", live" } else { "" };
    format!("{title}\n{}\n", style.dim(&format!("{runs}, {seeds}{world}")))
}

/// What changed, by key path.
pub fn changes(title: &str, changes: &[Change], style: Style) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", style.bold(title));
    let width = changes.iter().take(CHANGES_MAX).map(|change| change.key.chars().count()).max().unwrap_or(0);
    for change in changes.iter().take(CHANGES_MAX) {
        let (old, new) = (side(&change.old, style.none()), side(&change.new, style.none()));
        text.push_str(&format!("  {:width$}  {old} -> {new}\n", change.key));
    }
    if changes.len() > CHANGES_MAX {
        text.push_str(&format!("  and {} more\n", changes.len() - CHANGES_MAX));
    }
    text
}

fn side(value: &Option<String>, none: &str) -> String {
    value.clone().unwrap_or_else(|| none.to_owned())
}

fn figures(group: &Group, all: bool, style: Style) -> String {
    if group.identical {
        return format!(
            "\n{}: the digests are equal, and so are the runs, to the bit\n",
            style.good("identical")
        );
    }
    let mut table = Table::figures(&["Figures", &group.before, &group.after, "change", "95 % interval", ""]);
    let mut shown: Vec<&Row> = group
        .rows
        .iter()
        .filter(|row| all || row.cell.judgement.matters() || row.cell.judgement == Judgement::Unclear)
        .collect();
    shown.sort_by_key(|row| row.cell.judgement);
    for row in shown {
        let figure =
            |value: Option<Value>| value.map_or_else(|| style.none().to_owned(), |value| figure(row, value));
        let interval = row.cell.interval.as_ref().map(|interval| self::interval(row, interval));
        table.row([
            &row.metric,
            &figure(row.before),
            &figure(row.after),
            &effect(row),
            &interval.unwrap_or_else(|| style.none().to_owned()),
            row.cell.judgement.name(),
        ]);
    }
    let left: Vec<String> = [Judgement::Small, Judgement::Equal]
        .into_iter()
        .map(|judgement| (judgement, group.rows.iter().filter(|row| row.cell.judgement == judgement).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(judgement, count)| format!("{count} {}", judgement.name()))
        .collect();
    let mut text =
        if table.is_empty() { String::new() } else { format!("\n{}", table.render(|line| style.bold(line))) };
    if !all && !left.is_empty() {
        text.push_str(&style.dim(&format!("\n{}; --all lists them\n", left.join(", "))));
    }
    text
}

/// Results without a whole measurement that are named; the rest are counted.
const UNSOUND_MAX: usize = 3;

/// What the figures rest on, a line each.
fn trust(group: &Group, comparison: &Comparison) -> Vec<String> {
    let level = comparison.level * 100.0;
    let excludes = if group.intervals() > 0 { ", and an interval that excludes no change" } else { "" };
    let mut lines: Vec<String> = group.unsound.iter().take(UNSOUND_MAX).cloned().collect();
    if group.unsound.len() > UNSOUND_MAX {
        lines.push(format!("and {} more results like these", group.unsound.len() - UNSOUND_MAX));
    }
    if !lines.is_empty() {
        lines.push("so no difference is judged".to_owned());
    }
    lines.push(format!("matters: {} % or more{excludes}", comparison.threshold * 100.0));
    let further = match (group.pairs, group.live) {
        _ if group.identical => None,
        (0, _) => Some(
            "no result has a seed of the other side: nothing can be paired, medians are shown".to_owned(),
        ),
        (1, false) => {
            Some("one run each in virtual time: exact at this seed, which says nothing of others".to_owned())
        }
        (1, true) => Some("one live run each cannot tell a change from noise".to_owned()),
        (pairs, _) if pairs < pairs_needed() => Some(format!(
            "{pairs} pairs are too few for an interval at {level} %, which takes {}: what is called better or worse is so \
             in every pair",
            pairs_needed()
        )),
        (pairs, _) => {
            let intervals = group.intervals();
            let chance = (intervals as f64 * (1.0 - comparison.level)).round();
            Some(format!(
                "median of {} paired by seed, BCa bootstrap; of {intervals} intervals at {level} %, about {chance} miss the truth \
                 by chance",
                some(pairs, "run")
            ))
        }
    };
    lines.extend(further);
    lines
}

fn figure(row: &Row, value: Value) -> String {
    units::value(value, unit(row))
}

fn unit(row: &Row) -> MetricUnit {
    catalog::lookup(&row.metric).map_or(MetricUnit::Count, |metric| metric.unit)
}

fn effect(row: &Row) -> String {
    match row.cell.effect {
        None => String::new(),
        Some(Effect::Factor(factor)) => percent(factor),
        Some(Effect::Difference(apart)) => difference(apart, unit(row)),
    }
}

fn interval(row: &Row, interval: &Interval) -> String {
    let [low, high] = [interval.low, interval.high].map(|bound| match row.cell.effect {
        Some(Effect::Difference(_)) => difference(bound, unit(row)),
        Some(Effect::Factor(_)) | None => percent(bound),
    });
    format!("{low} to {high}")
}

/// A factor as people say it: `+3.2 %`, `-40 %`, `x 12`.
pub fn percent(factor: f64) -> String {
    let percent = (factor - 1.0) * 100.0;
    match percent.abs() {
        _ if factor >= 10.0 => format!("x {factor:.0}"),
        0.0..0.1 => format!("{percent:+.2} %"),
        0.1..100.0 => format!("{percent:+.1} %"),
        _ => format!("{percent:+.0} %"),
    }
}

/// A difference in a metric's unit, with its sign.
pub fn difference(apart: f64, unit: MetricUnit) -> String {
    let sign = if apart < 0.0 { "-" } else { "+" };
    let size = match (apart.abs(), unit) {
        (size, _) if !size.is_finite() => Value::Never,
        (size, MetricUnit::Ratio | MetricUnit::PerSecond) => Value::Real(size),
        (size, MetricUnit::Nanoseconds | MetricUnit::Bytes | MetricUnit::Count) => {
            Value::Whole(size.round() as u64)
        }
    };
    format!("{sign}{}", units::value(size, unit))
}

fn curves(load: &Load, style: Style) -> String {
    let mut table =
        Table::figures(&[&format!("{} by load", load.latency), "offered", "committed", "latency"]);
    for Curve { side, points } in &load.curves {
        for point in points {
            let rate = |rate: f64| units::value(Value::Real(rate), MetricUnit::PerSecond);
            table.row([
                side,
                &rate(point.offered),
                &rate(point.achieved),
                &units::time(point.latency as u64),
            ]);
        }
    }
    format!("{}\n{}", style.bold(&load.scenario), table.render(|line| style.bold(line)))
}
