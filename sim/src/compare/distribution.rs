//! Distributions of latency, as the files beside results hold them.

use super::Side;

/// Families whose distribution is compared.
const FAMILIES: [&str; 3] = ["share.latency", "transactions.latency", "commit.latency"];

/// One latency on every side.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Of which.
    pub metric: &'static str,
    /// By side: 1 / (1 - part of the whole), nanoseconds.
    pub curves: Vec<(String, Vec<(f64, f64)>)>,
}

/// Of the first result of each side; a result without files beside it has none.
pub fn distributions(sides: &[Side]) -> Vec<Distribution> {
    let of = |metric: &'static str| {
        let curve = |side: &Side| {
            let (file, _) = side.runs.first()?;
            let text = std::fs::read_to_string(file.parent()?.join(format!("{metric}.hgrm")));
            let points = parse(&text.ok()?);
            (!points.is_empty()).then(|| (side.name.clone(), points))
        };
        Distribution { metric, curves: sides.iter().filter_map(curve).collect() }
    };
    FAMILIES.into_iter().map(of).filter(|distribution| !distribution.curves.is_empty()).collect()
}

/// Rows of `value in ms, part of the whole, count, 1 / (1 - part)`; the last, of the whole, has no fourth column.
fn parse(text: &str) -> Vec<(f64, f64)> {
    let point = |line: &str| {
        let columns: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
        match columns[..] {
            [ms, _, _, inverse] => Some((inverse, ms * 1e6)),
            _ => None,
        }
    };
    text.lines().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Latency;

    #[test]
    fn percentile_text_is_read_back() {
        let mut latency = Latency::default();
        (1..=1_000).for_each(|ms| latency.record(ms * 1_000_000));
        let points = parse(&latency.percentile_text());
        assert!(points.len() > 20 && points.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1), "{points:?}");
        let half = points.iter().find(|(inverse, _)| *inverse >= 2.0).unwrap();
        assert!((half.1 - 500e6).abs() < 5e6, "{half:?}");
    }
}
