//! Throughput against latency: which configurations no other one beats in both.

use super::{AxisRow, Configuration, escape, number};
use crate::metrics::catalog::{Metric, MetricUnit, lookup};
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
pub(super) fn section(axes: &[&AxisRow], configurations: &[Configuration<'_>], shown: &[&Metric]) -> String {
    let has = |name: &&&str| configurations.iter().any(|one| one.get(name).is_some_and(|value| value > 0.0));
    let preferred = |names: &'static [&'static str]| {
        let drawn = shown.iter().find_map(|metric| names.iter().find(|name| **name == metric.name));
        drawn.or_else(|| names.iter().find(has)).and_then(|name| lookup(name))
    };
    let (Some(gain), Some(cost)) = (preferred(GAINS), preferred(COSTS)) else { return String::new() };
    let points: Vec<Point<'_>> = configurations
        .iter()
        .filter_map(|one| Some(Point { one, gain: one.get(&gain.name)?, cost: one.get(&cost.name)? }))
        .collect();
    if points.len() < 2 {
        return String::new();
    }
    let front = front(&points.iter().map(|point| (point.gain, point.cost)).collect::<Vec<_>>());
    let mut html = format!(
        "<section>\n<h2>{} against {}</h2>\n<p class=\"meaning\">The line joins the Pareto front: the configurations that no other \
         one beats in both. Right and low is better.</p>\n{}<ul class=\"front\">\n",
        gain.name,
        cost.name,
        chart(axes, &points, &front, gain, cost)
    );
    for point in front.iter().rev().map(|number| &points[*number]) {
        let (words, gained, costs) =
            (point.one.words(axes), number(point.gain, gain.unit), number(point.cost, cost.unit));
        let _ = writeln!(html, "<li>{}: {gained} at {costs}</li>", escape(&words));
    }
    html + "</ul>\n</section>\n"
}

fn chart(axes: &[&AxisRow], points: &[Point<'_>], front: &[usize], gain: &Metric, cost: &Metric) -> String {
    let most = |of: fn(&Point<'_>) -> f64| {
        let most = points.iter().map(of).filter(|value| value.is_finite()).fold(0.0, f64::max);
        if most > 0.0 { most * 1.08 } else { 1.0 }
    };
    let (most_gain, most_cost) = (most(|point| point.gain), most(|point| point.cost));
    let (inner_x, inner_y) = ((WIDTH - LEFT - RIGHT) as f64, (HEIGHT - TOP - BOTTOM) as f64);
    let x = |value: f64| LEFT as f64 + inner_x * (value / most_gain).min(1.0);
    let y = |value: f64| TOP as f64 + inner_y * (1.0 - (value / most_cost).min(1.0));
    let mut svg = format!(
        "<div class=\"wide\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{} against {}\">\n",
        gain.name, cost.name
    );
    for part in 0..=4 {
        let part = f64::from(part) / 4.0;
        let (across, up) = (x(most_gain * part), y(most_cost * part));
        let tick = |value: f64, unit: MetricUnit| number(value.round(), unit);
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {up:.1}H{}M{across:.1} {TOP}V{}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text class=\"tick\" x=\"{across:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            WIDTH - RIGHT,
            HEIGHT - BOTTOM,
            LEFT - 8,
            up + 4.0,
            tick(most_cost * part, cost.unit),
            HEIGHT - BOTTOM + 18,
            tick(most_gain * part, gain.unit),
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
    let _ = writeln!(svg, "<path class=\"line\" d=\"M{}\"/>", path.collect::<Vec<_>>().join("L"));
    for (index, point) in points.iter().enumerate() {
        let on_front = front.contains(&index);
        let class = match (on_front, point.one.failed()) {
            (true, 0) => "point",
            (false, 0) => "point behind",
            (true, _) => "point short",
            (false, _) => "point behind short",
        };
        let words = escape(&point.one.words(axes));
        let (gained, costs) = (number(point.gain, gain.unit), number(point.cost, cost.unit));
        let (cx, cy) = (x(point.gain), y(point.cost));
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"5\"><title>{words}: {gained} at {costs}</title></circle>"
        );
        if on_front && front.len() <= NAMED_MAX {
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
    svg + "</svg></div>\n"
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
