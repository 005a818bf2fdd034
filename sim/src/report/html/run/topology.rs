//! A map of regions and of what they sent to each other.

use crate::plan::DelayPlan;
use crate::report::html::escape;
use crate::report::units;
use crate::result::ResultFile;
use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 470.0;
const RADIUS: (f64, f64) = (270.0, 165.0);
const NODE: (f64, f64) = (138.0, 52.0);
const STROKE_MAX: f64 = 14.0;
/// With more links than this their labels would cover each other: they are told when pointed at.
const LABELS_MAX: usize = 16;

/// One-way delay of a link: least and mean, nanoseconds.
pub(super) fn delay(plan: DelayPlan) -> (u64, u64) {
    match plan {
        DelayPlan::Exponential { min_ns, jitter_mean_ns } => (min_ns, min_ns.saturating_add(jitter_mean_ns)),
        DelayPlan::Uniform { min_ns, max_ns } => (min_ns, u64::midpoint(min_ns, max_ns)),
    }
}

/// Regions on an ellipse, and a line for each pair that talked, as wide as it carried much.
pub(super) fn svg(result: &ResultFile) -> String {
    let regions = &result.plan.network.regions;
    let place = |index: usize| {
        let (mx, my) = (WIDTH / 2.0, HEIGHT / 2.0);
        if regions.len() == 1 {
            return (mx, my);
        }
        let turn = std::f64::consts::TAU * index as f64 / regions.len() as f64 - std::f64::consts::FRAC_PI_2;
        (mx + RADIUS.0 * libm::cos(turn), my + RADIUS.1 * libm::sin(turn))
    };
    let between = |a: usize, b: usize| -> u64 {
        let both = |from, to| {
            let link = result.links.iter().find(|link| (link.from, link.to) == (from, to));
            link.map_or(0, |link| link.bytes)
        };
        if a == b { both(a, a) } else { both(a, b) + both(b, a) }
    };
    let pairs: Vec<(usize, usize, u64)> = (0..regions.len())
        .flat_map(|a| (a + 1..regions.len()).map(move |b| (a, b)))
        .map(|(a, b)| (a, b, between(a, b)))
        .filter(|(_, _, bytes)| *bytes > 0)
        .collect();
    let most = pairs.iter().map(|(_, _, bytes)| *bytes).max().unwrap_or(1).max(1);
    let height = if regions.len() == 1 { 120.0 } else { HEIGHT };
    let top = (HEIGHT - height) / 2.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 {top} {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" class=\"topology\">"
    );
    let mut labels = String::new();
    for (a, b, bytes) in &pairs {
        let ((ax, ay), (bx, by)) = (place(*a), place(*b));
        let width = (STROKE_MAX * *bytes as f64 / most as f64).max(1.0);
        let mean = result.plan.network.delays.get(*a).and_then(|row| row.get(*b)).map(|plan| delay(*plan).1);
        let delay = mean.map_or(String::new(), |ns| format!(", {} one way", units::time(ns)));
        let (from, to, size) = (escape(&regions[*a]), escape(&regions[*b]), units::bytes(*bytes));
        let _ = write!(
            svg,
            "<line x1=\"{ax:.1}\" y1=\"{ay:.1}\" x2=\"{bx:.1}\" y2=\"{by:.1}\" stroke-width=\"{width:.1}\">\
             <title>{from} – {to}: {size} both ways{delay}</title></line>"
        );
        if pairs.len() <= LABELS_MAX {
            // Not in the middle, where lines that cross would have theirs too.
            let (x, y) = (ax + (bx - ax) * 0.42, ay + (by - ay) * 0.42);
            let _ = write!(labels, "<text x=\"{x:.1}\" y=\"{:.1}\" class=\"label\">{size}</text>", y + 4.0);
        }
    }
    svg.push_str(&labels);
    for (index, name) in regions.iter().enumerate() {
        let (x, y) = place(index);
        let (left, up) = (x - NODE.0 / 2.0, y - NODE.1 / 2.0);
        let replicas = result.plan.replicas.iter().filter(|row| row.region == index).count();
        let gateways = result.plan.population.institutions.iter().filter(|row| row.region == index).count();
        let inside = between(index, index);
        let inside = if inside > 0 { format!(", {} inside", units::bytes(inside)) } else { String::new() };
        let short: String = name.chars().take(18).collect();
        let (full, short) = (escape(name), escape(&short));
        let _ = write!(
            svg,
            "<g><title>{full}: {replicas} replicas, {gateways} gateways{inside}</title>\
             <rect x=\"{left:.1}\" y=\"{up:.1}\" width=\"{}\" height=\"{}\" rx=\"8\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" class=\"name\">{short}</text>\
             <text x=\"{x:.1}\" y=\"{:.1}\" class=\"dim\">{replicas} repl., {gateways} gw</text></g>",
            NODE.0,
            NODE.1,
            y - 3.0,
            y + 15.0
        );
    }
    svg.push_str("</svg>");
    svg
}
