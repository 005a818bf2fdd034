//! Charts of a run.

use super::marks;
use crate::report::html::{Axis, Chart, Mark, Page, Series, Shape};
use crate::result::{ResultFile, Series as Rows};

/// Most points along a time axis; of more seconds, so many share one.
const POINTS_MAX: usize = 400;

/// Charts that move together.
const TIME: &str = "time";

/// Seconds that share a point.
fn bucket(seconds: usize) -> usize {
    seconds.div_ceil(POINTS_MAX).max(1)
}

/// One point for each `size` seconds: least, mean and most of those that have a value. `zero` is the second at which the
/// axis has its 0.
fn thin(values: &[Option<f64>], size: usize, zero: usize) -> Vec<(f64, Option<[f64; 3]>)> {
    let point = |(index, part): (usize, &[Option<f64>])| {
        let known: Vec<f64> = part.iter().flatten().copied().collect();
        let least = known.iter().copied().reduce(f64::min);
        let most = known.iter().copied().reduce(f64::max);
        let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
        let at = (index * size) as f64 - zero as f64;
        (at, least.zip(most).map(|(least, most)| [least, mean, most]))
    };
    values.chunks(size).enumerate().map(point).collect()
}

/// One line, and where points stand for many seconds, the least and most of them.
fn lines(mut chart: Chart, name: &str, shape: Shape, values: &[Option<f64>], zero: usize) -> Chart {
    let size = bucket(values.len());
    let points = thin(values, size, zero);
    let of = |which: usize| points.iter().map(move |(at, three)| (*at, three.map(|three| three[which])));
    if points.iter().all(|(_, three)| three.is_none()) {
        return chart;
    }
    chart = chart.series(Series::new(name, shape, of(1)));
    if size > 1 {
        chart = chart.series(Series::new(&format!("{name}, least"), Shape::Line, of(0)).dashed());
        chart = chart.series(Series::new(&format!("{name}, most"), Shape::Line, of(2)).dashed());
    }
    chart
}

/// Faults, and where warm-up and measurement end.
fn marked(mut chart: Chart, result: &ResultFile, rows: &Rows) -> Chart {
    if rows.warmup > 0 {
        chart = chart.mark(Mark::span(-(rows.warmup as f64), 0.0, "warm-up").quiet());
    }
    let end = rows.warmup + rows.measurement;
    if end > 0 && rows.len() > end {
        let (from, to) = (rows.measurement as f64, (rows.len() - rows.warmup) as f64);
        chart = chart.mark(Mark::span(from, to, "drain").quiet());
    }
    for (from, to, what) in marks(result) {
        chart = chart.mark(match to {
            Some(to) => Mark::span(from, to, &what),
            None => Mark::at(from, &what),
        });
    }
    chart
}

fn time() -> Axis {
    Axis::seconds().label("time from the start of the measurement")
}

/// Throughput and latency.
pub(super) fn over_time(page: &mut Page, result: &ResultFile, rows: &Rows) {
    let mut rate = Chart::new("Throughput", time(), Axis::rate()).group(TIME);
    for (name, column, shape) in [
        ("committed", "committed", Shape::Area),
        ("scheduled", "scheduled", Shape::Line),
        ("shares completed", "shared", Shape::Line),
    ] {
        let values = rows.column(column);
        // A run without shares has a column of zeros.
        if column == "shared" && values.iter().flatten().all(|value| *value == 0.0) {
            continue;
        }
        rate = lines(rate, name, shape, &values, rows.warmup);
    }
    page.chart(&marked(rate, result, rows));
    let mut latency = Chart::new("Latency, by when it was scheduled", time(), Axis::nanoseconds().log());
    latency = latency.group(TIME);
    for (name, column) in [
        ("transaction p50", "transaction_p50_ns"),
        ("transaction p99", "transaction_p99_ns"),
        ("share p50", "share_p50_ns"),
        ("share p99", "share_p99_ns"),
    ] {
        latency = lines(latency, name, Shape::Line, &rows.column(column), rows.warmup);
    }
    if latency.is_empty() && !rows.is_empty() {
        page.note("Latency over time is left out: this series.csv has no latencies.");
    }
    page.chart(&marked(latency, result, rows));
    let size = bucket(rows.len());
    if size > 1 {
        page.note(&format!(
            "{} seconds: each point is the mean of {size}; dashed are the least and the most of them.",
            rows.len()
        ));
    }
}

/// Memory of replicas.
pub(super) fn memory(page: &mut Page, result: &ResultFile, rows: &Rows) {
    let axis = Axis::new("", "B", crate::report::html::Scale::Linear).from_zero();
    let mut chart = Chart::new("State of the replica that holds most", time(), axis).group(TIME);
    for (name, column) in
        [("ordering", "ordering_bytes"), ("ledger, beyond genesis", "ledger_bytes"), ("log", "log_bytes")]
    {
        let values = rows.column(column);
        if values.iter().flatten().any(|value| *value > 0.0) {
            chart = lines(chart, name, Shape::Line, &values, rows.warmup);
        }
    }
    if chart.is_empty() {
        page.note("No series of memory is in this result.");
    }
    page.chart(&marked(chart, result, rows));
}

/// Distributions by the logarithm of what is above them.
pub(super) fn distribution(page: &mut Page, histograms: &[(String, String)]) {
    let mut chart = Chart::new("Distribution", Axis::percentiles(), Axis::nanoseconds().log());
    for (family, text) in histograms {
        let name = match family.as_str() {
            "transactions.latency" => "transaction",
            "commit.latency" => "commit",
            "share.latency" => "share",
            other => other,
        };
        chart = chart.series(Series::line(name, percentiles(text)));
    }
    if chart.is_empty() {
        page.note("No histograms (.hgrm) stand beside this result, so the distribution is left out.");
    }
    page.chart(&chart);
}

/// Points of HDR percentile text: place on the axis of percentiles, and nanoseconds. The largest sample has no percentile:
/// it is placed where one of all samples is above.
pub(in crate::report) fn percentiles(text: &str) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for line in text.lines() {
        let mut cells = line.split_whitespace().map(str::parse::<f64>);
        let (Some(Ok(ms)), Some(Ok(part)), Some(Ok(count))) = (cells.next(), cells.next(), cells.next())
        else {
            continue;
        };
        let last = points.last().map_or(1.0, |point| point.0);
        let place = if part < 1.0 { Axis::percentile(part) } else { count.max(last) };
        match points.last_mut() {
            Some(point) if point.0 >= place => point.1 = ms * 1e6,
            _ => points.push((place, ms * 1e6)),
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Latency;

    #[test]
    fn thinning_keeps_the_least_and_the_most() {
        let values: Vec<Option<f64>> =
            [1.0, 9.0, 2.0, 4.0].map(Some).into_iter().chain([None, None]).collect();
        let expected = [(-2.0, Some([1.0, 5.0, 9.0])), (0.0, Some([2.0, 3.0, 4.0])), (2.0, None)];
        assert_eq!(thin(&values, 2, 2), expected);
        assert_eq!([bucket(0), bucket(400), bucket(401), bucket(86_400)], [1, 1, 2, 216]);
    }

    #[test]
    fn percentile_text_is_read_as_it_was_written() {
        let mut latency = Latency::default();
        (1..=1_000).for_each(|ms| latency.record(ms * 1_000_000));
        let points = percentiles(&latency.percentile_text());
        assert_eq!(points.first().map(|point| point.0), Some(1.0));
        let (place, ns) = points.last().unwrap();
        assert!((*place, *ns) == (1_000.0, 1e9) || *place > 1_000.0, "{place} {ns}");
        let half = points.iter().find(|(place, _)| *place >= 2.0).unwrap();
        assert!((half.1 - 5e8).abs() < 5e6, "{half:?}");
        assert!(points.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 <= two[1].1));
    }
}
