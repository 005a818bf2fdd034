//! One axis: a metric over it, a dot for each run and a line through the configurations.

use super::{AxisRow, Configuration, escape, number};
use crate::metrics::catalog::Metric;
use std::fmt::Write as _;

const HEIGHT: usize = 220;
const LEFT: usize = 84;
const TOP: usize = 12;
const BOTTOM: usize = 44;
const STEP_MIN: usize = 72;

/// Of one metric.
pub(super) fn svg(axis: &AxisRow, configurations: &[Configuration<'_>], metric: &Metric) -> String {
    let count = axis.labels.len().max(1);
    let step = STEP_MIN.max(520 / count);
    let width = LEFT + step * count + 12;
    let runs = configurations.iter().flat_map(|one| one.runs.iter()).filter_map(|run| run.get(&metric.name));
    let most = runs.filter(|value| value.is_finite()).fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.1 } else { 1.0 };
    let inner = HEIGHT - TOP - BOTTOM;
    let x = |place: usize| LEFT + step * place + step / 2;
    let y = |value: f64| TOP as f64 + inner as f64 * (1.0 - (value / most).min(1.0));
    let mut svg = format!(
        "<div class=\"wide\"><svg viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{} by {}\">\n",
        metric.name,
        escape(&axis.path)
    );
    for part in 0..=4 {
        let value = most * f64::from(part) / 4.0;
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{}\"/><text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            width - 12,
            LEFT - 8,
            y(value) + 4.0,
            number(value.round(), metric.unit),
            at = y(value),
        );
    }
    for (place, label) in axis.labels.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(place),
            HEIGHT - BOTTOM + 18,
            escape(label)
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        LEFT + step * count / 2,
        HEIGHT - 6,
        escape(&axis.path)
    );
    let points = configurations.iter().filter_map(|one| Some((one, one.get(&metric.name)?)));
    let points: Vec<_> = points.filter(|(_, value)| value.is_finite()).collect();
    let path: Vec<String> =
        points.iter().map(|(one, value)| format!("{} {:.1}", x(one.choice[0]), y(*value))).collect();
    if path.len() > 1 {
        let _ = writeln!(svg, "<path class=\"line\" d=\"M{}\"/>", path.join("L"));
    }
    for (one, value) in &points {
        for (run, value) in one
            .runs
            .iter()
            .filter_map(|run| Some((run, run.get(&metric.name)?)))
            .filter(|_| one.runs.len() > 1)
        {
            let class = if run.exit_code == 0 { "run" } else { "run short" };
            let _ = writeln!(
                svg,
                "<circle class=\"{class}\" cx=\"{}\" cy=\"{:.1}\" r=\"2.5\"/>",
                x(one.choice[0]),
                y(value)
            );
        }
        let class = if one.failed() == 0 { "point" } else { "point short" };
        let text = number(*value, metric.unit);
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" cx=\"{0}\" cy=\"{1:.1}\" r=\"4.5\"><title>{2}: {text}</title></circle>\
             <text class=\"value\" x=\"{0}\" y=\"{3:.1}\" text-anchor=\"middle\">{text}</text>",
            x(one.choice[0]),
            y(*value),
            escape(&one.labels.join(", ")),
            y(*value) - 9.0,
        );
    }
    svg + "</svg></div>\n"
}
