//! A distribution of times: quantiles to three significant digits, count, sum and maximum exact.

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use std::fmt::Write;

/// What histograms tell apart: from 1 us to 1 h. What is outside counts as the bound; the maximum stays exact.
const BOUNDS_NS: (u64, u64) = (1_000, 3_600_000_000_000);
const SIGNIFICANT_DIGITS: u8 = 3;
/// What follows from the digits: the power of two at or above 2 * 10^3.
const SUB_BUCKETS: u64 = 2_048;

/// Times in nanoseconds.
#[derive(Clone, Debug)]
pub struct Latency {
    histogram: Histogram<u64>,
    sum_ns: u128,
    max_ns: u64,
}

impl Default for Latency {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(BOUNDS_NS.0, BOUNDS_NS.1, SIGNIFICANT_DIGITS)
            .expect("the bounds are ordered and the digits are between 0 and 5");
        Self { histogram, sum_ns: 0, max_ns: 0 }
    }
}

impl Latency {
    /// Adds a sample.
    pub fn record(&mut self, ns: u64) {
        self.histogram.saturating_record(ns);
        self.sum_ns += u128::from(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds so many equal samples.
    pub fn record_many(&mut self, ns: u64, count: u64) {
        self.histogram.saturating_record_n(ns, count);
        self.sum_ns += u128::from(ns) * u128::from(count);
        self.max_ns = self.max_ns.max(ns);
    }

    /// The histogram as other programs read it: the compressed second version of HdrHistogram's format. The exact sum and
    /// maximum are not in it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let written = V2DeflateSerializer::new().serialize(&self.histogram, &mut bytes);
        written.expect("a histogram of these bounds fits its format, and memory takes every write");
        bytes
    }

    /// Reads what [`Latency::encode`] wrote; sum and maximum are those of its buckets. `None` if it is something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &*bytes).ok()?;
        if (histogram.low(), histogram.high(), histogram.sigfig())
            != (BOUNDS_NS.0, BOUNDS_NS.1, SIGNIFICANT_DIGITS)
        {
            return None;
        }
        let sum_ns = histogram.iter_recorded().map(|step| {
            u128::from(histogram.median_equivalent(step.value_iterated_to()))
                * u128::from(step.count_at_value())
        });
        Some(Self { sum_ns: sum_ns.sum(), max_ns: histogram.max(), histogram })
    }

    /// Adds all samples of another: bucket by bucket, so that what comes out is the histogram of both.
    pub fn merge(&mut self, other: &Self) {
        self.histogram.add(&other.histogram).expect("all have the same bounds");
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Samples.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The time within which a part of the samples is, 0 to 1.
    pub fn quantile(&self, part: f64) -> u64 {
        self.histogram.value_at_quantile(part).min(self.max_ns)
    }

    /// Largest sample.
    pub fn max(&self) -> u64 {
        self.max_ns
    }

    /// Mean of the samples, rounded down; 0 if there are none.
    pub fn mean(&self) -> u64 {
        self.sum_ns.checked_div(u128::from(self.count())).unwrap_or(0) as u64
    }

    /// The value that an aggregate of the catalog stands for.
    pub fn aggregate(&self, name: &str) -> Option<u64> {
        match name {
            "p50" => Some(self.quantile(0.5)),
            "p90" => Some(self.quantile(0.9)),
            "p99" => Some(self.quantile(0.99)),
            "p999" => Some(self.quantile(0.999)),
            "mean" => Some(self.mean()),
            "max" => Some(self.max_ns),
            _ => None,
        }
    }

    /// HDR percentile text, values in milliseconds: what the plotters of HdrHistogram read.
    pub fn percentile_text(&self) -> String {
        let ms = |ns: u64| ns.min(self.max_ns) as f64 / 1e6;
        let mut text = format!(
            "{:>12} {:>14} {:>10} {:>14}\n\n",
            "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
        );
        let mut seen = 0;
        for step in self.histogram.iter_quantiles(5) {
            seen += step.count_since_last_iteration();
            let (value, quantile) = (ms(step.value_iterated_to()), step.quantile_iterated_to());
            let _ = write!(text, "{value:12.3} {quantile:14.12} {seen:10}");
            let _ = if quantile < 1.0 {
                writeln!(text, " {:14.2}", 1.0 / (1.0 - quantile))
            } else {
                writeln!(text)
            };
        }
        let (mean, deviation) = (self.mean() as f64 / 1e6, self.histogram.stdev() / 1e6);
        let _ = writeln!(text, "#[Mean    = {mean:12.3}, StdDeviation   = {deviation:12.3}]");
        let _ = writeln!(text, "#[Max     = {:12.3}, Total count    = {seen:12}]", ms(self.max_ns));
        let (buckets, sub_buckets) = (self.histogram.buckets(), SUB_BUCKETS);
        let _ = writeln!(text, "#[Buckets = {buckets:12}, SubBuckets     = {sub_buckets:12}]");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_maximum_are_exact_and_quantiles_are_near() {
        let mut latency = Latency::default();
        (1..=1_000).for_each(|ms| latency.record(ms * 1_000_000));
        assert_eq!((latency.count(), latency.mean(), latency.max()), (1_000, 500_500_000, 1_000_000_000));
        for (part, ms) in [(0.5, 500), (0.9, 900), (0.99, 990)] {
            let found = latency.quantile(part);
            assert!(found.abs_diff(ms * 1_000_000) <= ms * 1_000, "{part}: {found}");
        }
        assert_eq!(latency.quantile(1.0), latency.max());
    }

    #[test]
    fn merged_is_the_histogram_of_all_samples() {
        let mut samples = (0_u64..5_000).map(|number| number.pow(4) % 7_200_000_000_000 + 1);
        let [mut whole, mut parts] = [Latency::default(), Latency::default()];
        for _ in 0..5 {
            let mut part = Latency::default();
            samples.by_ref().take(1_000).for_each(|ns| {
                part.record(ns);
                whole.record(ns);
            });
            parts.merge(&Latency::decode(&part.encode()).unwrap());
        }
        assert_eq!(parts.histogram, whole.histogram);
        assert_eq!(parts.encode(), whole.encode());
        for part in [0.0, 0.5, 0.9, 0.99, 0.999] {
            assert_eq!(parts.quantile(part), whole.quantile(part));
        }
        assert!(Latency::decode(b"no histogram").is_none());
        let other = Histogram::<u64>::new(2).unwrap();
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&other, &mut bytes).unwrap();
        assert!(Latency::decode(&bytes).is_none());
    }

    #[test]
    fn what_is_out_of_bounds_is_kept() {
        let mut latency = Latency::default();
        [0, 5, 2 * BOUNDS_NS.1].into_iter().for_each(|ns| latency.record(ns));
        assert_eq!((latency.count(), latency.max()), (3, 2 * BOUNDS_NS.1));
    }

    #[test]
    fn percentile_text_ends_at_the_maximum() {
        let mut latency = Latency::default();
        [1_000_000, 2_000_000, 4_000_000].into_iter().for_each(|ns| latency.record(ns));
        let text = latency.percentile_text();
        assert!(
            text.lines().any(|line| line.trim_start().starts_with("4.000 1.000000000000          3")),
            "{text}"
        );
        assert!(text.contains("Total count    =            3]"), "{text}");
    }
}
