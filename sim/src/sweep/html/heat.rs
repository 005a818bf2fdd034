//! Heat maps: two axes, a metric as colour and number. Further axes make small multiples with one scale.

use super::{AxisRow, Configuration, PANELS_MAX, escape, number};
use crate::metrics::catalog::Metric;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const TILE: (usize, usize) = (92, 36);
const TOP: usize = 46;
/// Of a character of a label.
const CHAR: usize = 8;
/// From the least value to the greatest, red, green and blue: pale to dark, so that it is read without colours too.
const SCALE: [[f64; 3]; 2] = [[222.0, 235.0, 247.0], [8.0, 48.0, 107.0]];

/// A map for each combination of the axes after the first two.
pub(super) fn panels(axes: &[&AxisRow], configurations: &[Configuration<'_>], metric: &Metric) -> String {
    let mut by_rest: BTreeMap<&[usize], Vec<&Configuration<'_>>> = BTreeMap::new();
    for one in configurations {
        by_rest.entry(&one.choice[2..]).or_default().push(one);
    }
    let values =
        configurations.iter().filter_map(|one| one.get(&metric.name)).filter(|value| value.is_finite());
    let bounds = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    let left_out = by_rest.len().saturating_sub(PANELS_MAX);
    let mut html = String::from("<div class=\"panels\">\n");
    for group in by_rest.values().take(PANELS_MAX) {
        let words =
            axes.iter().zip(&group[0].labels).skip(2).map(|(axis, label)| format!("{}: {label}", axis.path));
        let words = words.collect::<Vec<_>>().join(", ");
        let caption = if words.is_empty() {
            String::new()
        } else {
            format!("<figcaption>{}</figcaption>\n", escape(&words))
        };
        let _ =
            writeln!(html, "<figure class=\"wide\">{caption}{}</figure>", map(axes, group, metric, bounds));
    }
    html += "</div>\n";
    if left_out > 0 {
        let _ = writeln!(html, "<p>{left_out} more maps are left out; the table below has everything.</p>");
    }
    html
}

fn map(axes: &[&AxisRow], group: &[&Configuration<'_>], metric: &Metric, bounds: (f64, f64)) -> String {
    let (down, across) = (axes[0], axes[1]);
    let longest = down.labels.iter().map(|label| label.chars().count().min(24)).max().unwrap_or(0);
    let left = 16 + CHAR * longest;
    let width = (left + TILE.0 * across.labels.len() + 4).max(CHAR * (across.path.len() + 4) + left);
    let height = TOP + TILE.1 * down.labels.len() + 22;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}: {} by {}\">\n\
         <text class=\"axis\" x=\"{left}\" y=\"14\">{} →</text>\n<text class=\"axis\" x=\"4\" y=\"{}\">↑ {}</text>\n",
        metric.name,
        escape(&down.path),
        escape(&across.path),
        escape(&across.path),
        height - 6,
        escape(&down.path),
    );
    for (column, label) in across.labels.iter().enumerate() {
        let x = left + TILE.0 * column + TILE.0 / 2;
        let _ = writeln!(
            svg,
            "<text class=\"tick\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            TOP - 8,
            short(label, 12)
        );
    }
    for (row, label) in down.labels.iter().enumerate() {
        let y = TOP + TILE.1 * row + TILE.1 / 2 + 5;
        let _ = writeln!(
            svg,
            "<text class=\"tick\" x=\"{}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
            left - 8,
            short(label, 24)
        );
        for column in 0..across.labels.len() {
            let found = group.iter().find(|one| one.choice[..2] == [row, column]);
            svg += &tile(axes, found.copied(), metric, bounds, (left + TILE.0 * column, TOP + TILE.1 * row));
        }
    }
    svg + "</svg>\n"
}

fn tile(
    axes: &[&AxisRow],
    found: Option<&Configuration<'_>>,
    metric: &Metric,
    bounds: (f64, f64),
    (x, y): (usize, usize),
) -> String {
    let (width, height) = (TILE.0 - 2, TILE.1 - 2);
    let at = |dx: usize| x + dx;
    let value = found.and_then(|one| Some((one, one.get(&metric.name)?)));
    let Some((one, value)) = value else {
        return format!(
            "<rect class=\"none\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>\n\
             <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">-</text>\n",
            at(width / 2),
            y + height / 2 + 5
        );
    };
    let part = match bounds.1 - bounds.0 {
        _ if value.is_infinite() => 1.0,
        span if span > 0.0 => (value - bounds.0) / span,
        _ => 0.0,
    };
    let [red, green, blue] =
        [0, 1, 2].map(|channel| (SCALE[0][channel] + part * (SCALE[1][channel] - SCALE[0][channel])) as u8);
    let (text, failed) = (number(value, metric.unit), one.failed());
    let said = if failed > 0 {
        format!("; {failed} of {} runs did not pass", one.runs.len())
    } else {
        String::new()
    };
    let mut svg = format!(
        "<g><title>{}: {text}{said}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"rgb({red},{green},{blue})\"/>\
         <text class=\"value\" x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"{}\">{text}</text>",
        escape(&one.words(axes)),
        at(width / 2),
        y + height / 2 + 5,
        if part > 0.5 { "#fff" } else { "#111" },
    );
    if failed > 0 {
        // A corner, not a colour alone.
        let right = at(width);
        let _ = write!(svg, "<path class=\"short\" d=\"M{} {y}H{right}V{}Z\"/>", right - 14, y + 14);
    }
    svg + "</g>\n"
}

fn short(label: &str, most: usize) -> String {
    let mut text: String = label.chars().take(most).collect();
    if label.chars().nth(most).is_some() {
        text.pop();
        text.push('…');
    }
    escape(&text)
}
