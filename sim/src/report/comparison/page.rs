//! A comparison as a page: tables that sort, latency by load and the distributions of both sides over each other.

use super::{effect, figure, interval, side, trust};
use crate::compare::{Change, Comparison, Distribution, Effect, Group, Judgement, Load};
use crate::report::html::{Axis, Cell, Chart, Page, Series, Table, Tone};

/// The whole page.
pub fn page(comparison: &Comparison, distributions: &[Distribution]) -> String {
    let names = comparison.sides.join(", ");
    let mut page = Page::new(&format!("Comparison of {names}"));
    let first = comparison.sides.first().map_or("", String::as_str);
    page.lead(&format!("What is different from {first}?"));
    let (tone, word, why) = verdict(comparison);
    page.verdict(tone, word, &why);
    for group in &comparison.groups {
        self::group(&mut page, group, comparison);
    }
    if !comparison.loads.is_empty() {
        page.section("Latency by load");
        comparison.loads.iter().for_each(|load| {
            page.chart(&curves(load));
        });
    }
    if !distributions.is_empty() {
        page.section("Distribution of latency").note("Of the first result of each side.");
        distributions.iter().for_each(|distribution| {
            page.chart(&percentiles(distribution));
        });
    }
    for (side, scenario) in &comparison.unmatched {
        page.note(&format!("Only in {side}: {scenario}."));
    }
    page.finish()
}

fn verdict(comparison: &Comparison) -> (Tone, &'static str, String) {
    let count = |judgement| {
        let rows = comparison.groups.iter().flat_map(|group| &group.rows);
        rows.filter(|row| row.cell.judgement == judgement).count()
    };
    let (worse, better) = (count(Judgement::Worse), count(Judgement::Better));
    let why =
        format!("{worse} figures worse, {better} better, {} changed otherwise", count(Judgement::Changed));
    let same = !comparison.groups.is_empty() && comparison.groups.iter().all(|group| group.identical);
    match (worse, better) {
        _ if same => {
            (Tone::Good, "IDENTICAL", "the digests are equal, and so are the runs, to the bit".to_owned())
        }
        (0, 0) => (Tone::Plain, "NO DIFFERENCE THAT MATTERS", why),
        (0, _) => (Tone::Good, "BETTER", why),
        (_, 0) => (Tone::Bad, "WORSE", why),
        (_, _) => (Tone::Doubtful, "BETTER AND WORSE", why),
    }
}

fn group(page: &mut Page, group: &Group, comparison: &Comparison) {
    page.section(&format!("{}: {} against {}", group.scenario, group.after, group.before));
    page.table(&changed("What changed in the plan", &group.plan));
    page.table(&changed("Checkers and expectations whose outcome changed", &group.outcomes));
    let heads = ["figure", &group.before, &group.after, "change", "95 % interval", ""];
    let mut table = Table::new("Figures", &heads);
    for row in group.rows.iter().filter(|row| row.cell.judgement != Judgement::Equal) {
        let tone = match row.cell.judgement {
            Judgement::Worse => Tone::Bad,
            Judgement::Better => Tone::Good,
            Judgement::Unclear => Tone::Doubtful,
            _ => Tone::Plain,
        };
        let cell = |value: Option<crate::metrics::Value>| match value {
            Some(value) => Cell::figure(value.as_f64(), figure(row, value)),
            None => Cell::none(),
        };
        let change = match row.cell.effect {
            Some(Effect::Factor(size) | Effect::Difference(size)) => Cell::figure(size, effect(row)),
            None => Cell::none(),
        };
        let interval = row.cell.interval.as_ref().map_or_else(Cell::none, |of| interval(row, of).into());
        let judgement = Cell::text(row.cell.judgement.name()).tone(tone);
        table.row([
            row.metric.clone().into(),
            cell(row.before),
            cell(row.after),
            change,
            interval,
            judgement,
        ]);
    }
    page.table(&table);
    let equal = group.rows.iter().filter(|row| row.cell.judgement == Judgement::Equal).count();
    page.note(&format!("{equal} figures are equal."));
    trust(group, comparison).iter().for_each(|line| {
        page.note(line);
    });
}

fn changed(title: &str, changes: &[Change]) -> Table {
    let mut table = Table::new(title, &["key", "was", "is"]);
    for change in changes {
        table.row([change.key.clone().into(), side(&change.old, "–").into(), side(&change.new, "–").into()]);
    }
    table
}

fn curves(load: &Load) -> Chart {
    let title = format!("{}: {}", load.scenario, load.latency);
    let mut chart =
        Chart::new(&title, Axis::rate().label("offered"), Axis::nanoseconds().label(load.latency).log());
    for curve in &load.curves {
        chart = chart.series(Series::line(
            &curve.side,
            curve.points.iter().map(|point| (point.offered, point.latency)),
        ));
    }
    chart
}

fn percentiles(distribution: &Distribution) -> Chart {
    let mut chart = Chart::new(distribution.metric, Axis::percentiles(), Axis::nanoseconds().log());
    for (side, points) in &distribution.curves {
        chart = chart.series(Series::line(side, points.iter().copied()));
    }
    chart
}
