//! One picture of a run, as SVG: the question, the verdict, throughput and latency over time with the faults. It stands in
//! a README as it is: it asks for nothing, knows light and dark, and has a background of its own.

use super::html::run::{answer, marks};
use super::html::{Tone, escape};
use super::units;
use crate::metrics::Value;
use crate::metrics::catalog;
use crate::result::{ResultFile, Series};
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 86.0;
const RIGHT: f64 = 24.0;
/// Height of each of both panels.
const PANEL: f64 = 170.0;
/// Letters of a line of the question.
const LINE: usize = 84;

/// Seconds and values.
type Points = Vec<(f64, Option<f64>)>;

/// A panel's place: where its values are drawn.
struct Panel {
    top: f64,
    /// Seconds at both ends.
    x: (f64, f64),
    /// Values at both ends, logarithms if `log`.
    y: (f64, f64),
    log: bool,
}

impl Panel {
    fn x(&self, at: f64) -> f64 {
        LEFT + (at - self.x.0) / (self.x.1 - self.x.0).max(1e-9) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let value = if self.log { libm::log10(value.max(1.0)) } else { value };
        self.top + PANEL - (value - self.y.0) / (self.y.1 - self.y.0).max(1e-9) * PANEL
    }

    /// A line through the values; it breaks where there are none.
    fn path(&self, points: &[(f64, Option<f64>)]) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for (at, value) in points {
            match value {
                Some(value) => {
                    let _ = write!(path, "{pen}{:.1} {:.1}", self.x(*at), self.y(*value));
                    pen = 'L';
                }
                None => pen = 'M',
            }
        }
        path
    }
}

/// Round steps of an axis from 0: at most six.
fn steps(most: f64) -> Vec<f64> {
    let size = libm::pow(10.0, libm::floor(libm::log10(most.max(1e-9))));
    let step = [0.2, 0.5, 1.0, 2.0, 5.0].map(|part| part * size).into_iter().find(|step| most / step <= 5.0);
    let step = step.unwrap_or(size);
    (0..=(most / step) as u64).map(|number| number as f64 * step).collect()
}

/// The picture.
///
/// # Errors
/// If there is nothing to draw: no series, or one without a measurement.
pub fn svg(result: &ResultFile, rows: &Series) -> Result<String, String> {
    if rows.len() < 2 {
        return Err(
            "no series.csv of at least two seconds stands beside it, so there is nothing to draw".to_owned()
        );
    }
    // What comes after the measurement is of no interest.
    let shown = match rows.warmup + rows.measurement {
        0 => rows.len(),
        shown => shown,
    };
    let zero = rows.warmup as f64;
    let points = |column: &str| -> Points {
        let values = rows.column(column).into_iter().take(shown).enumerate();
        values.map(|(second, value)| (second as f64 - zero, value)).collect()
    };
    let title =
        lines(if result.plan.question.is_empty() { &result.plan.name } else { &result.plan.question });
    let head = 46.0 + 24.0 * title.len() as f64 + 36.0;
    let gap = 64.0;
    let height = head + 2.0 * PANEL + gap + 88.0;
    let x = (-zero, (shown - 1) as f64 - zero);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">\n{STYLE}\
         <rect class=\"back\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"10\"/>\n",
        escape(&title.join(" ")),
        WIDTH - 1.0,
        height - 1.0
    );
    for (number, line) in title.iter().enumerate() {
        text(&mut out, "title", 28.0, 44.0 + 24.0 * number as f64, line);
    }
    verdict(&mut out, result, 40.0 + 24.0 * title.len() as f64);

    let columns = ["scheduled", "committed", "shared"].map(points);
    let most = most(&columns) * 1.08;
    let rate = Panel { top: head + 30.0, x, y: (0.0, most.max(1.0)), log: false };
    frame(&mut out, &rate, &steps(most), |value| units::count(value as u64));
    text(&mut out, "name", LEFT, rate.top - 12.0, "Throughput, a second");
    faults(&mut out, result, &rate, true);
    let [scheduled, committed, shared] = &columns;
    let floor = rate.top + PANEL;
    let area = rate.path(committed);
    let (first, last) = (rate.x(x.0), rate.x(x.1));
    let _ = writeln!(out, "<path class=\"area\" d=\"{area}L{last:.1} {floor:.1}L{first:.1} {floor:.1}Z\"/>");
    let mut legend = vec![("c0", "committed"), ("offered", "scheduled")];
    let _ = writeln!(out, "<path class=\"line offered\" d=\"{}\"/>", rate.path(scheduled));
    let _ = writeln!(out, "<path class=\"line c0\" d=\"{area}\"/>");
    if shared.iter().any(|(_, value)| value.is_some_and(|value| value > 0.0)) {
        let _ = writeln!(out, "<path class=\"line c2\" d=\"{}\"/>", rate.path(shared));
        legend.push(("c2", "shares"));
    }
    key(&mut out, rate.top - 12.0, &legend);
    latency(&mut out, result, &points, (rate.top + PANEL + gap, x));
    text(
        &mut out,
        "dim",
        LEFT,
        height - 14.0,
        &format!("seconds from the start of the measurement · {}", result.replay),
    );
    out.push_str("</svg>\n");
    Ok(out)
}

/// Latency of transactions, and of shares if there were any.
fn latency(
    out: &mut String,
    result: &ResultFile,
    points: &dyn Fn(&str) -> Points,
    (top, x): (f64, (f64, f64)),
) {
    let (what, columns) = match points("share_p50_ns").iter().any(|(_, value)| value.is_some()) {
        true => ("Share latency, by when it was asked for", ["share_p50_ns", "share_p99_ns"]),
        false => {
            ("Transaction latency, by when it was scheduled", ["transaction_p50_ns", "transaction_p99_ns"])
        }
    };
    let columns = columns.map(points);
    let values = || columns.iter().flatten().filter_map(|(_, value)| *value);
    let least = libm::floor(libm::log10(values().fold(f64::INFINITY, f64::min).max(1.0)));
    let most = libm::ceil(libm::log10(most(&columns).max(1.0)));
    if !least.is_finite() {
        text(out, "dim", LEFT, top + 20.0, "No latencies are in this result's series.csv.");
        return;
    }
    let panel = Panel { top, x, y: (least, most.max(least + 1.0)), log: true };
    let decades =
        (least as i32..=panel.y.1 as i32).map(|power| libm::pow(10.0, f64::from(power))).collect::<Vec<_>>();
    frame(out, &panel, &decades, |value| units::time(value as u64));
    text(out, "name", LEFT, top - 12.0, what);
    faults(out, result, &panel, false);
    let _ = writeln!(out, "<path class=\"line c1 thin\" d=\"{}\"/>", panel.path(&columns[1]));
    let _ = writeln!(out, "<path class=\"line c0\" d=\"{}\"/>", panel.path(&columns[0]));
    key(out, top - 12.0, &[("c0", "p50"), ("c1", "p99")]);
    let mut at = (panel.x.0 / 5.0).ceil() * 5.0;
    let step = steps(panel.x.1 - panel.x.0).get(1).copied().unwrap_or(5.0).max(1.0);
    at = (at / step).ceil() * step;
    while at <= panel.x.1 {
        let _ = writeln!(
            out,
            "<text class=\"dim mid\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            panel.x(at),
            top + PANEL + 18.0,
            at as i64
        );
        at += step;
    }
}

fn most(columns: &[Points]) -> f64 {
    columns.iter().flatten().filter_map(|(_, value)| *value).fold(0.0, f64::max)
}

/// Words, in lines.
fn lines(words: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn text(out: &mut String, class: &str, x: f64, y: f64, words: &str) {
    let _ = writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(words));
}

fn verdict(out: &mut String, result: &ResultFile, y: f64) {
    let (tone, word, why) = answer(result);
    let class = match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Doubtful | Tone::Plain => "doubtful",
    };
    let width = 22.0 + 9.2 * word.len() as f64;
    let _ = writeln!(
        out,
        "<rect class=\"pill {class}\" x=\"28\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"24\" rx=\"12\"/>\
         <text class=\"word\" x=\"{:.1}\" y=\"{:.1}\">{word}</text>",
        28.0 + width / 2.0,
        y + 17.0
    );
    let mut words = vec![why];
    for (label, name) in
        [("p99 share", "share.latency.p99"), ("longest standstill", "unavailability.longest")]
    {
        if let (Some(row), Some(metric)) = (result.metrics.get(name), catalog::lookup(name)) {
            words.push(format!("{label} {}", units::value(row.value, metric.unit)));
        }
    }
    if let Some(row) = result.metrics.get("recovery.time") {
        words.push(match row.value {
            Value::Never => "not recovered".to_owned(),
            value @ (Value::Whole(_) | Value::Real(_)) => {
                format!("recovered after {}", units::time(value.as_f64() as u64))
            }
        });
    }
    text(out, "dim", 28.0 + width + 12.0, y + 17.0, &words.join(" · "));
}

/// Lines across, and what they stand for.
fn frame(out: &mut String, panel: &Panel, steps: &[f64], show: impl Fn(f64) -> String) {
    for step in steps {
        let y = panel.y(*step);
        let _ = writeln!(
            out,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text class=\"dim end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            escape(&show(*step))
        );
    }
}

/// Bands of the warm-up and of faults; labels in the first panel.
fn faults(out: &mut String, result: &ResultFile, panel: &Panel, labels: bool) {
    let clamp = |at: f64| panel.x(at.clamp(panel.x.0, panel.x.1));
    if panel.x.0 < 0.0 {
        let (from, to) = (clamp(panel.x.0), clamp(0.0));
        let _ = writeln!(
            out,
            "<rect class=\"warm\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{PANEL}\"/>",
            panel.top,
            to - from
        );
        if labels {
            text(out, "dim", from + 5.0, panel.top + 14.0, "warm-up");
        }
    }
    let mut ends = [f64::NEG_INFINITY; 4];
    for (from, to, what) in marks(result) {
        if from > panel.x.1 {
            continue;
        }
        let (left, right) = (clamp(from), clamp(to.unwrap_or(from)));
        let _ = writeln!(
            out,
            "<rect class=\"fault\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{PANEL}\"/>\
             <path class=\"struck\" d=\"M{left:.1} {:.1}v{PANEL}\"/>",
            panel.top,
            (right - left).max(1.0),
            panel.top
        );
        if !labels {
            continue;
        }
        let what: String = what.chars().take(46).collect();
        let wide = 6.6 * what.chars().count() as f64;
        let at = (left + 5.0).min(WIDTH - RIGHT - wide);
        // Where there is no room the band speaks for itself.
        let Some(row) = ends.iter().position(|end| *end < at) else { continue };
        ends[row] = at + wide + 8.0;
        text(out, "label", at, panel.top + 14.0 + 15.0 * row as f64, &what);
    }
}

fn key(out: &mut String, y: f64, rows: &[(&str, &str)]) {
    let mut x = WIDTH - RIGHT;
    for (class, name) in rows.iter().rev() {
        x -= 7.2 * name.len() as f64;
        text(out, "dim", x, y, name);
        let _ = writeln!(out, "<path class=\"line {class}\" d=\"M{:.1} {:.1}h18\"/>", x - 24.0, y - 4.0);
        x -= 40.0;
    }
}

const STYLE: &str = "<style>
svg { --back: #ffffff; --edge: #d8dee4; --ink: #1f2328; --dim: #59636e; --grid: #e6eaee; --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --good: #1a7f37; --bad: #cf222e; --doubtful: #9a6700; --warm: #8c959f }
@media (prefers-color-scheme: dark) {
  svg { --back: #0d1117; --edge: #30363d; --ink: #e6edf3; --dim: #9198a1; --grid: #21262d; --c0: #58a6ff; --c1: #f0883e; --c2: #3fb950; --good: #238636; --bad: #da3633; --doubtful: #9e6a03; --warm: #6e7681 }
}
text { font: 13px ui-sans-serif, system-ui, -apple-system, 'Segoe UI', sans-serif; fill: var(--ink) }
.back { fill: var(--back); stroke: var(--edge) }
.title { font-size: 19px; font-weight: 600 }
.name { font-weight: 600 }
.dim { fill: var(--dim); font-size: 12px }
.end { text-anchor: end; font-variant-numeric: tabular-nums }
.mid { text-anchor: middle }
.word { fill: #ffffff; font-weight: 700; text-anchor: middle; letter-spacing: 0.5px }
.pill.good { fill: var(--good) }
.pill.bad { fill: var(--bad) }
.pill.doubtful { fill: var(--doubtful) }
.grid { stroke: var(--grid); fill: none }
.warm { fill: var(--warm); opacity: 0.12 }
.fault { fill: var(--bad); opacity: 0.13 }
.struck { stroke: var(--bad); stroke-width: 1.2 }
.label { fill: var(--bad); font-size: 12px; paint-order: stroke; stroke: var(--back); stroke-width: 3px; stroke-linejoin: round }
.line { fill: none; stroke-width: 2; stroke-linejoin: round }
.thin { stroke-width: 1.5 }
.c0 { stroke: var(--c0) }
.c1 { stroke: var(--c1) }
.c2 { stroke: var(--c2) }
.offered { stroke: var(--dim); stroke-dasharray: 5 4; stroke-width: 1.4 }
.area { fill: var(--c0); opacity: 0.12 }
</style>
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, fake};
    use crate::result::Beside;

    #[test]
    fn a_picture_has_the_question_the_verdict_and_the_faults() {
        let mut run = fake::run(&fake::plan());
        run.plan.question = "Is 1 < 2 & \"safe\"?".to_owned();
        let metrics = Metrics::of(&run);
        let result = ResultFile::new(&run, &metrics, &[], &[], "amanah replay x".to_owned());
        let series = Series::parse(&Beside::of(&run, &metrics).series);
        let svg = svg(&result, &series).unwrap();
        for part in [
            "Is 1 &lt; 2 &amp; &quot;safe&quot;?",
            "PASSED",
            "crash of 3",
            "prefers-color-scheme: dark",
            "warm-up",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert_eq!(svg.matches("class=\"fault\"").count(), 2, "one in each panel");
        assert!(!svg.contains("NaN") && !svg.contains("inf "), "{svg}");
        assert!(super::svg(&result, &Series::default()).is_err());
    }

    #[test]
    fn the_readme_shows_what_the_program_draws() {
        let kept =
            std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../bench-results/partition-heals"));
        let (result, beside) = (ResultFile::read(kept).unwrap(), Beside::read(kept).unwrap());
        let drawn = svg(&result, &Series::parse(&beside.series)).unwrap();
        let shown = std::fs::read_to_string(kept.with_extension("svg")).unwrap();
        assert!(
            drawn == shown,
            "draw it again: cargo run --release -- report bench-results/partition-heals --picture \
             bench-results/partition-heals.svg"
        );
    }

    #[test]
    fn axes_have_few_round_steps() {
        assert_eq!(steps(1_080.0), [0.0, 500.0, 1_000.0]);
        assert_eq!(steps(430.0), [0.0, 100.0, 200.0, 300.0, 400.0]);
        assert_eq!(steps(9.0), [0.0, 2.0, 4.0, 6.0, 8.0]);
    }
}
