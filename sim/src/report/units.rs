//! Figures for people: three or four digits and the unit that makes them short.

use crate::metrics::Value;
use crate::metrics::catalog::MetricUnit;
use ledger_core::time::{Duration, nanos};

/// A figure of a metric.
pub fn value(value: Value, unit: MetricUnit) -> String {
    match (value, unit) {
        (Value::Never, _) => "never".to_owned(),
        (Value::Whole(ns), MetricUnit::Nanoseconds) => time(ns),
        (Value::Whole(number), MetricUnit::Bytes) => bytes(number),
        (Value::Whole(number), MetricUnit::Count | MetricUnit::PerSecond | MetricUnit::Ratio) => {
            count(number)
        }
        (Value::Real(number), MetricUnit::Nanoseconds) => time(number as u64),
        (Value::Real(number), MetricUnit::Bytes) => bytes(number as u64),
        (Value::Real(number), MetricUnit::PerSecond) => format!("{}/s", real(number)),
        (Value::Real(number), MetricUnit::Count) => real(number),
        (Value::Real(number), MetricUnit::Ratio) => format!("{:.1} %", 100.0 * number),
    }
}

/// Nanoseconds: `850 ns`, `12.3 us`, `87.0 ms`, `1.50 s`, `90.0 s`, `10.5 min`.
pub fn time(ns: u64) -> String {
    match ns {
        0 => "0 ms".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => scaled(ns, 1e3, "us"),
        1_000_000..1_000_000_000 => scaled(ns, 1e6, "ms"),
        1_000_000_000..600_000_000_000 => scaled(ns, 1e9, "s"),
        _ => scaled(ns, 60e9, "min"),
    }
}

/// A span.
pub fn span(duration: Duration) -> String {
    time(nanos(duration))
}

/// Bytes in powers of ten.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => scaled(bytes, 1e3, "kB"),
        1_000_000..1_000_000_000 => scaled(bytes, 1e6, "MB"),
        _ => scaled(bytes, 1e9, "GB"),
    }
}

/// With a comma after thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with a decimal where it says something.
pub fn real(number: f64) -> String {
    if number < 100.0 {
        format!("{number:.2}")
    } else if number < 10_000.0 {
        let tenths = (number * 10.0).round() as u64;
        format!("{}.{}", count(tenths / 10), tenths % 10)
    } else {
        count(number.round() as u64)
    }
}

fn scaled(number: u64, size: f64, unit: &str) -> String {
    let number = number as f64 / size;
    let decimals = match number {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (ns, text) in [
            (0, "0 ms"),
            (850, "850 ns"),
            (12_345, "12.3 us"),
            (87_000_000, "87.0 ms"),
            (999_900_000, "1000 ms"),
            (1_500_000_000, "1.50 s"),
            (630_000_000_000, "10.5 min"),
        ] {
            assert_eq!(time(ns), text);
        }
        assert_eq!([count(999), count(1_000), count(1_234_567)], ["999", "1,000", "1,234,567"]);
        assert_eq!([real(0.5), real(1_234.56), real(123_456.7)], ["0.50", "1,234.6", "123,457"]);
        assert_eq!([bytes(999), bytes(2_048), bytes(31_000_000)], ["999 B", "2.05 kB", "31.0 MB"]);
    }
}
