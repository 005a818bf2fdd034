//! Throughput against latency: which configurations no other one beats in both.

use super::{AxisRow, Cell, Configuration, Page, Table, escape, number, ticks};
use crate::metrics::catalog::{Metric, lookup};
use std::fmt::Write as _;

const WIDTH: usize = 620;
const HEIGHT: usize = 360;
const LEFT: usize = 84;
const TOP: usize = 16;
const BOTTOM: usize = 52;
const RIGHT: usize = 24;
/// Of throughput, the first that runs have.
const GAINS: &[&str] = &["shares.rate", "transactions.committed.rate"];
/// Of latency, the first that runs have.
const COSTS: &[&str] = &["share.latency.p99", "transactions.latency.p99", "commit.latency.p99"];
/// Most points that have their words beside them.
const NAMED_MAX: usize = 8;

/// A configuration: what is gained, and what it costs.
struct Point<'a> {
    one: &'a Configuration<'a>,
    gain: f64,
    cost: f64,
}

/// Of those that gain more or cost less than every other one, by gain: their numbers.
fn front(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| {
        let (one, other) = (points[*a], points[*b]);
        other.0.total_cmp(&one.0).then(one.1.total_cmp(&other.1)).then(a.cmp(b))
    });
    let mut least = f64::INFINITY;
    let mut front: Vec<usize> = Vec::new();
    for number in order {
        let (gain, cost) = points[number];
        let equals_last = front.last().is_some_and(|last| {
            points[*last].0.total_cmp(&gain).is_eq() && points[*last].1.total_cmp(&cost).is_eq()
        });
        if cost < least || equals_last {
            least = least.min(cost);
            front.push(number);
        }
    }
    front.reverse();
    front
}

/// The chart and the list of the front; nothing if there are less than two configurations with both figures.
pub(super) fn section(
    page: &mut Page,
    axes: &[&AxisRow],
    configurations: &[Configuration<'_>],
    shown: &[&Metric],
) {
    let has = |name: &&&str| configurations.iter().any(|one| one.get(name).is_some_and(|value| value > 0.0));
    let preferred = |names: &'static [&'static str]| {
        let drawn = shown.iter().find_map(|metric| names.iter().find(|name| **name == metric.name));
        drawn.or_else(|| names.iter().find(has)).and_then(|name| lookup(name))
    };
    let (Some(gain), Some(cost)) = (preferred(GAINS), preferred(COSTS)) else { return };
    let points: Vec<Point<'_>> = configurations
        .iter()
        .filter_map(|one| Some(Point { one, gain: one.get(&gain.name)?, cost: one.get(&cost.name)? }))
        .collect();
    if points.len() < 2 {
        return;
    }
    // What did not pass is drawn, and recommended to nobody.
    let sound: Vec<usize> = (0..points.len()).filter(|number| points[*number].one.failed() == 0).collect();
    let figures: Vec<(f64, f64)> =
        sound.iter().map(|number| (points[*number].gain, points[*number].cost)).collect();
    let front: Vec<usize> = front(&figures).into_iter().map(|place| sound[place]).collect();
    page.section(&format!("{} against {}", gain.name, cost.name));
    page.text(
        "The line joins the configurations that passed and that no other such one beats in both (the Pareto front). Right and \
         low is better; what did not pass is red.",
    );
    page.picture("", &chart(axes, &points, &front, gain, cost));
    let mut table = Table::new("The front", &["configuration", gain.name.as_str(), cost.name.as_str()]);
    for point in front.iter().rev().map(|number| &points[*number]) {
        table.row([
            Cell::text(point.one.words(axes)),
            Cell::figure(point.gain, number(point.gain, gain.unit)),
            Cell::figure(point.cost, number(point.cost, cost.unit)),
        ]);
    }
    page.table(&table);
}

fn chart(axes: &[&AxisRow], points: &[Point<'_>], front: &[usize], gain: &Metric, cost: &Metric) -> String {
    let ticks = |of: fn(&Point<'_>) -> f64| {
        ticks(points.iter().map(of).filter(|value| value.is_finite()).fold(0.0, f64::max))
    };
    let (gains, costs) = (ticks(|point| point.gain), ticks(|point| point.cost));
    let (most_gain, most_cost) = (gains[gains.len() - 1], costs[costs.len() - 1]);
    let (inner_x, inner_y) = ((WIDTH - LEFT - RIGHT) as f64, (HEIGHT - TOP - BOTTOM) as f64);
    let x = |value: f64| LEFT as f64 + inner_x * (value / most_gain).min(1.0);
    let y = |value: f64| TOP as f64 + inner_y * (1.0 - (value / most_cost).min(1.0));
    let mut svg = format!(
        "<svg class=\"sweep\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{} against {}\">\n",
        gain.name, cost.name
    );
    for value in costs {
        let up = y(value);
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {up:.1}H{}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8,
            up + 4.0,
            number(value, cost.unit),
        );
    }
    for value in gains {
        let across = x(value);
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{across:.1} {TOP}V{0}\"/><text class=\"tick\" x=\"{across:.1}\" y=\"{1}\" text-anchor=\"middle\">{2}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 18,
            number(value, gain.unit),
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        LEFT + (WIDTH - LEFT - RIGHT) / 2,
        HEIGHT - 8,
        gain.name
    );
    let path =
        front.iter().map(|number| format!("{:.1} {:.1}", x(points[*number].gain), y(points[*number].cost)));
    if !front.is_empty() {
        let _ = writeln!(svg, "<path class=\"line\" d=\"M{}\"/>", path.collect::<Vec<_>>().join("L"));
    }
    let mut named: Vec<(f64, f64)> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let on_front = front.contains(&index);
        let class = match (on_front, point.one.failed()) {
            (true, _) => "point",
            (false, 0) => "point behind",
            (false, _) => "point behind short",
        };
        let words = escape(&point.one.words(axes));
        let (gained, costs) = (number(point.gain, gain.unit), number(point.cost, cost.unit));
        let (cx, cy) = (x(point.gain), y(point.cost));
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"5\"><title>{words}: {gained} at {costs}</title></circle>"
        );
        let is_free = named.iter().all(|(x, y)| (x - cx).abs() > 120.0 || (y - cy).abs() > 14.0);
        if on_front && is_free && named.len() < NAMED_MAX {
            named.push((cx, cy));
            let (anchor, dx) = if cx > WIDTH as f64 / 2.0 { ("end", -9.0) } else { ("start", 9.0) };
            let labels = escape(&point.one.labels.join(", "));
            let _ = writeln!(
                svg,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{labels}</text>",
                cx + dx,
                cy - 8.0
            );
        }
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_beats_the_front_in_both() {
        let points = [
            (10.0, 5.0),
            (20.0, 7.0),
            (15.0, 9.0),
            (20.0, 8.0),
            (5.0, 1.0),
            (10.0, 5.0),
            (30.0, f64::INFINITY),
        ];
        assert_eq!(front(&points), [4, 5, 0, 1]);
        assert!(front(&[]).is_empty());
        for (number, (gain, cost)) in points.iter().enumerate().filter(|(_, (_, cost))| cost.is_finite()) {
            let beaten = points
                .iter()
                .any(|(more, less)| (more > gain && less <= cost) || (more >= gain && less < cost));
            assert_eq!(front(&points).contains(&number), !beaten, "{number}");
        }
    }
}
