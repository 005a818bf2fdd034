//! What the time of a share is spent on: a bar for each phase.

use super::tables::figure;
use crate::metrics::Value;
use crate::report::html::{Page, escape};
use crate::report::units;
use crate::result::ResultFile;
use std::fmt::Write as _;

/// Phases in their order: name, and what it is.
const PHASES: [(&str, &str); 6] = [
    ("queue", "from the request until a replica proposes it in a block"),
    ("order", "from the proposal until a replica has decided the commit"),
    ("execute", "from the decision to the verified receipt"),
    ("key", "from the receipt to the key that the custodian let go"),
    ("transfer", "from the key to the document's last byte"),
    ("verify", "from the last byte to the verified hash"),
];
const QUANTILES: [&str; 3] = ["p99", "p90", "p50"];

const WIDTH: f64 = 720.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 16.0;
const ROW: f64 = 44.0;

fn nanoseconds(result: &ResultFile, name: &str) -> Option<f64> {
    match result.metrics.get(name)?.value {
        Value::Never => None,
        value @ (Value::Whole(_) | Value::Real(_)) => Some(value.as_f64()),
    }
}

/// The chart; a run without shares has none.
pub(super) fn write(page: &mut Page, result: &ResultFile) {
    let name = |phase: &str, quantile: &str| format!("share.phase.{phase}.{quantile}");
    let value = |phase: &str, quantile: &str| nanoseconds(result, &name(phase, quantile));
    let most = PHASES.iter().filter_map(|(phase, _)| value(phase, "p99")).fold(0.0, f64::max);
    if most <= 0.0 {
        page.note("The run has no shares, and so no phases of them.");
        return;
    }
    let height = ROW * PHASES.len() as f64 + 6.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" class=\"phases\">"
    );
    for (row, (phase, meaning)) in PHASES.iter().enumerate() {
        let y = ROW * row as f64 + 4.0;
        let _ = write!(svg, "<g><title>{phase}: {}</title>", escape(meaning));
        let _ =
            write!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{phase}</text>", LEFT - 10.0, y + 14.0);
        let mut words = Vec::new();
        for (place, quantile) in QUANTILES.iter().enumerate() {
            let Some(ns) = value(phase, quantile) else { continue };
            let width = (ns / most * (WIDTH - LEFT - RIGHT)).max(1.0);
            let opacity = [0.28, 0.5, 1.0][place];
            let _ = write!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width:.1}\" height=\"18\" rx=\"2\" fill=\"var(--c{row})\" \
                 opacity=\"{opacity}\"/>"
            );
            words.extend(figure(result, &name(phase, quantile)).map(|text| format!("{quantile} {text}")));
        }
        words.reverse();
        let words = escape(&words.join(" · "));
        let _ = write!(svg, "<text x=\"{LEFT}\" y=\"{}\" class=\"dim\">{words}</text></g>", y + 33.0);
    }
    svg.push_str("</svg>");
    page.picture("What a share's time is spent on", &svg);
    page.note(&format!(
        "Dark to light: p50, p90, p99 of each phase by itself (the longest bar is {}); quantiles of phases do not add up to \
         those of the whole.",
        units::time(most as u64)
    ));
}
