//! Charts of pages. Their points go into the page as JSON, and its script draws them.

use super::escape;
use super::page::script_json;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// By which a page knows that it has a chart.
pub(super) const CLASS: &str = "class=\"chart\"";

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm.
    Log,
    /// Of 1 / (1 - part of the whole), by its logarithm: 0, 90, 99, 99.9 % are equally far apart.
    Percentile,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    label: String,
    unit: &'static str,
    scale: Scale,
    zero: bool,
}

impl Axis {
    /// Of values in `unit`, as `result.json` writes units (`ns`, `B`, `1/s`, `count`, `ratio`), or `s`.
    pub fn new(label: &str, unit: &'static str, scale: Scale) -> Self {
        Self { label: label.to_owned(), unit, scale, zero: false }
    }

    /// Time of a run, in seconds.
    pub fn seconds() -> Self {
        Self::new("time", "s", Scale::Linear)
    }

    /// Spans, from 0.
    pub fn nanoseconds() -> Self {
        Self::new("", "ns", Scale::Linear).from_zero()
    }

    /// Events a second, from 0.
    pub fn rate() -> Self {
        Self::new("", "1/s", Scale::Linear).from_zero()
    }

    /// Parts of a distribution; places are given by [`Axis::percentile`].
    pub fn percentiles() -> Self {
        Self::new("percentile", "percentile", Scale::Percentile)
    }

    /// Where a part of the whole (less than 1) is on the axis of percentiles.
    pub fn percentile(part: f64) -> f64 {
        1.0 / (1.0 - part)
    }

    /// With another label.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// By logarithms.
    #[must_use]
    pub fn log(mut self) -> Self {
        (self.scale, self.zero) = (Scale::Log, false);
        self
    }

    /// Beginning at 0.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.zero = true;
        self
    }

    fn json(&self) -> Value {
        let scale = match self.scale {
            Scale::Linear => "linear",
            Scale::Log => "log",
            Scale::Percentile => "percentile",
        };
        json!({ "label": self.label, "unit": self.unit, "scale": scale, "zero": self.zero })
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Shape {
    Line,
    Points,
    Area,
    /// A line that keeps its value until the next point.
    Steps,
}

/// Points of one name.
#[derive(Clone, Debug)]
pub struct Series {
    name: String,
    shape: Shape,
    points: Vec<(f64, Option<f64>)>,
    dashed: bool,
}

impl Series {
    /// Drawn as `shape`; `None` is a gap.
    pub fn new(name: &str, shape: Shape, points: impl IntoIterator<Item = (f64, Option<f64>)>) -> Self {
        Self { name: name.to_owned(), shape, points: points.into_iter().collect(), dashed: false }
    }

    /// A line.
    pub fn line(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self::new(name, Shape::Line, points.into_iter().map(|(x, y)| (x, Some(y))))
    }

    /// Dashed: a bound, or what was asked for.
    #[must_use]
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }
}

/// Something that happened, at an instant or for a while.
#[derive(Clone, Debug)]
pub struct Mark {
    from: f64,
    to: Option<f64>,
    label: String,
    quiet: bool,
}

impl Mark {
    /// At an instant.
    pub fn at(x: f64, label: &str) -> Self {
        Self { from: x, to: None, label: label.to_owned(), quiet: false }
    }

    /// For a while.
    pub fn span(from: f64, to: f64, label: &str) -> Self {
        Self { from, to: Some(to), label: label.to_owned(), quiet: false }
    }
}

impl Mark {
    /// Nothing that went wrong: a part of the time.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }
}

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    x: Axis,
    y: Axis,
    series: Vec<Series>,
    marks: Vec<Mark>,
    group: Option<&'static str>,
}

impl Chart {
    /// A chart without series.
    pub fn new(title: &str, x: Axis, y: Axis) -> Self {
        Self { title: title.to_owned(), x, y, series: Vec::new(), marks: Vec::new(), group: None }
    }

    /// With one more series.
    #[must_use]
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// With one more mark.
    #[must_use]
    pub fn mark(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// Charts of one group move and zoom along x together.
    #[must_use]
    pub fn group(mut self, group: &'static str) -> Self {
        self.group = Some(group);
        self
    }

    /// Whether no series has a value.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.iter().all(|(_, y)| y.is_none()))
    }

    /// What the script draws: one list of x for all series, in order. A series that has no point at an x of another is
    /// drawn across it (`span`); a gap of its own is kept only where all series have the same x.
    fn json(&self) -> Value {
        let drawn = || self.series.iter().flat_map(|series| &series.points).map(|(x, _)| *x);
        let mut xs: Vec<f64> = drawn().filter(|x| x.is_finite()).collect();
        xs.sort_by(f64::total_cmp);
        xs.dedup();
        let place: BTreeMap<u64, usize> = xs.iter().enumerate().map(|(at, x)| (x.to_bits(), at)).collect();
        let series: Vec<Value> = self
            .series
            .iter()
            .map(|series| {
                let mut ys = vec![Value::Null; xs.len()];
                for (x, y) in &series.points {
                    if let (Some(at), Some(y)) = (place.get(&x.to_bits()), y) {
                        ys[*at] = rounded(*y);
                    }
                }
                let shape = match series.shape {
                    Shape::Line => "line",
                    Shape::Points => "points",
                    Shape::Area => "area",
                    Shape::Steps => "steps",
                };
                let span = series.points.len() < xs.len();
                json!({ "name": series.name, "shape": shape, "dashed": series.dashed, "span": span, "y": ys })
            })
            .collect();
        let marks: Vec<Value> = self
            .marks
            .iter()
            .map(|mark| json!({ "from": mark.from, "to": mark.to, "label": mark.label, "quiet": mark.quiet }))
            .collect();
        let xs: Vec<Value> = xs.iter().map(|x| rounded(*x)).collect();
        json!({
            "title": self.title, "x": self.x.json(), "y": self.y.json(), "xs": xs, "series": series,
            "marks": marks, "group": self.group,
        })
    }

    pub(super) fn write(&self, out: &mut String) {
        let (title, data) = (escape(&self.title), script_json(&self.json()));
        let _ = writeln!(
            out,
            "<figure {CLASS}><figcaption>{title}</figcaption><div class=\"plot\"></div>\
             <script type=\"application/json\">{data}</script></figure>"
        );
    }
}

/// Six digits are more than a screen shows.
fn rounded(value: f64) -> Value {
    let Ok(short) = format!("{value:.5e}").parse::<f64>() else { return Value::Null };
    match short {
        short if !short.is_finite() => Value::Null,
        short if short.fract() == 0.0 && short.abs() < 9e15 => json!(short as i64),
        short => json!(short),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_share_one_list_of_places() {
        let chart = Chart::new("t", Axis::seconds(), Axis::rate())
            .series(Series::line("a", [(0.0, 1.0), (2.0, 3.0)]))
            .series(Series::new(
                "b",
                Shape::Points,
                [(1.0, Some(5.0)), (0.0, None), (2.0, Some(123_456_789.0))],
            ));
        let json = chart.json();
        assert_eq!(json["xs"], json!([0, 1, 2]));
        assert_eq!(json["series"][0]["y"], json!([1, null, 3]));
        assert_eq!(json["series"][0]["span"], json!(true));
        assert_eq!(json["series"][1]["y"], json!([null, 5, 123_457_000]));
        assert_eq!(json["series"][1]["span"], json!(false));
        assert!(!chart.is_empty());
    }

    #[test]
    fn what_is_no_number_is_a_gap() {
        assert_eq!(rounded(f64::NAN), Value::Null);
        assert_eq!(rounded(f64::INFINITY), Value::Null);
        assert_eq!(rounded(0.1 + 0.2), json!(0.3));
    }
}
