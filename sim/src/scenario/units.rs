//! Numbers with units, read exactly: decimals are scaled integers, and nothing passes through a float.

use crate::diagnostic::quote;
use crate::plan::DelayPlan;
use ledger_core::time::Duration;

/// How to read one kind of quantity.
pub(crate) struct Unit<T> {
    /// Completes "expected …".
    pub expected: &'static str,
    /// The value, or what was found instead.
    pub parse: fn(&str) -> Result<T, String>,
}

/// A span of time.
pub(crate) const DURATION: Unit<Duration> = Unit {
    expected: "a duration: a number and ns, us, ms, s, min, h or d, as in `250ms`",
    parse: |text| scaled(text, "a duration", &DURATION_UNITS).map(Duration::from_nanos),
};

/// Bytes.
pub(crate) const SIZE: Unit<u64> = Unit {
    expected: "a size: a number and B, kB, MB, GB, KiB, MiB or GiB, as in `4KiB`",
    parse: |text| scaled(text, "a size", &SIZE_UNITS),
};

/// Events a second, in thousandths, rounded to the nearest.
pub(crate) const RATE: Unit<u64> = Unit {
    expected: "a rate: a number per s, min, h or day, as in `2000/s`, `10k/s` or `1.2M/day`",
    parse: rate,
};

/// Parts per billion.
pub(crate) const SHARE: Unit<u64> =
    Unit { expected: "a share from 0 to 1, as in `0.3` or `30%`", parse: share };

/// A whole number, with k or M for thousands and millions.
pub(crate) const COUNT: Unit<u64> = Unit {
    expected: "a whole number, as in `40` or `200k`",
    parse: |text| scaled(text, "a whole number", &[("", 1), ("k", 1_000), ("M", 1_000_000)]),
};

/// A whole number without any unit.
pub(crate) const INTEGER: Unit<u64> =
    Unit { expected: "a whole number, as in `7`", parse: |text| scaled(text, "a whole number", &[("", 1)]) };

/// Thousandths.
pub(crate) const FACTOR: Unit<u64> = Unit {
    expected: "a number with at most 3 decimals, as in `2.5`",
    parse: |text| scaled(text, "a number with at most 3 decimals", &[("", 1_000)]),
};

/// How fast or slow a clock runs, in parts per billion.
pub(crate) const DRIFT: Unit<i64> = Unit {
    expected: "parts per million or a share, below zero for a slow clock, as in `50ppm`, `-200ppm` or `0.1%`",
    parse: drift,
};

/// Bytes a second.
pub(crate) const BYTES_PER_SECOND: Unit<u64> = Unit {
    expected: "bytes a second, as in `1GB/s`",
    parse: |text| match text.strip_suffix("/s") {
        Some(size) => scaled(size, "a size", &SIZE_UNITS),
        None => Err(format!("{} is not per second", quote(text))),
    },
};

/// Bits a second.
pub(crate) const BITS_PER_SECOND: Unit<u64> = Unit {
    expected: "bits a second: a number and bit/s, kbit/s, Mbit/s, Gbit/s or Tbit/s, as in `10Gbit/s`",
    parse: |text| {
        let units = [
            ("bit/s", 1),
            ("kbit/s", 1_000),
            ("Mbit/s", 1_000_000),
            ("Gbit/s", 1_000_000_000),
            ("Tbit/s", 1_000_000_000_000),
        ];
        scaled(text, "bits a second", &units)
    },
};

/// One-way delay of a link.
pub(crate) const DELAY: Unit<DelayPlan> = Unit {
    expected: "a one-way delay above zero: `8ms`, `50ms..100ms` (uniform) or `8ms + 1ms` (least + mean jitter)",
    parse: delay,
};

const DURATION_UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// `mantissa / 10^decimals`
struct Decimal {
    mantissa: u128,
    decimals: u32,
}

impl Decimal {
    /// The number at the start of `text`, and what follows it. At most 20 digits, so that products fit.
    fn split(text: &str) -> Option<(Self, &str)> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (number, ""),
        };
        if whole.is_empty() || whole.len() + fraction.len() > 20 || fraction.contains('.') {
            return None;
        }
        let mantissa = format!("{whole}{fraction}").parse().ok()?;
        Some((Self { mantissa, decimals: u32::try_from(fraction.len()).ok()? }, rest.trim_start()))
    }

    /// `self * numerator / denominator`, and whether that is exact.
    fn times(&self, numerator: u64, denominator: u64) -> Option<(u64, bool)> {
        let dividend = self.mantissa.checked_mul(u128::from(numerator))?;
        let divisor = 10u128.pow(self.decimals).checked_mul(u128::from(denominator))?;
        let rounded = dividend.checked_add(divisor / 2)? / divisor;
        Some((u64::try_from(rounded).ok()?, dividend.is_multiple_of(divisor)))
    }
}

fn scaled(text: &str, what: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let shown = quote(text);
    let Some((number, unit)) = Decimal::split(text.trim()) else {
        return Err(format!("{shown} is not {what}"));
    };
    let Some((_, size)) = units.iter().find(|(name, _)| *name == unit) else {
        return Err(wrong_unit(&shown, what, unit, units));
    };
    match number.times(*size, 1) {
        Some((value, true)) => Ok(value),
        Some((_, false)) if units.contains(&("", 1)) => Err(format!("{shown} is not {what}")),
        Some((_, false)) => Err(format!("{shown} is too fine")),
        None => Err(format!("{shown} is too large")),
    }
}

fn wrong_unit(shown: &str, what: &str, unit: &str, units: &[(&str, u64)]) -> String {
    if unit.is_empty() {
        return format!("{shown} has no unit");
    }
    match units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)) {
        Some((name, _)) => format!("{shown} is not {what} (the unit is written `{name}`)"),
        None => format!("{shown} is not {what}"),
    }
}

fn rate(text: &str) -> Result<u64, String> {
    let shown = quote(text);
    let Some((count, per)) = text.split_once('/') else {
        return Err(match Decimal::split(text) {
            Some(_) => format!("{shown} does not say per what time"),
            None => format!("{shown} is not a rate"),
        });
    };
    let per = match per.trim() {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        "day" | "d" => 86_400,
        _ => return Err(format!("{shown} is not a rate")),
    };
    let number = Decimal::split(count.trim());
    let Some((number, multiple)) = number else { return Err(format!("{shown} is not a rate")) };
    let multiple = match multiple {
        "" => 1_000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        _ => return Err(format!("{shown} is not a rate")),
    };
    match number.times(multiple, per) {
        Some((0, false)) => Err(format!("{shown} is too small: the least is one operation in 1000 s")),
        Some((value, _)) => Ok(value),
        None => Err(format!("{shown} is too large")),
    }
}

fn drift(text: &str) -> Result<i64, String> {
    let (sign, number) = match text.trim().strip_prefix('-') {
        Some(number) => (-1, number),
        None => (1, text.trim()),
    };
    let ppb = scaled(number, "a drift", &[("ppb", 1), ("ppm", 1_000), ("%", 10_000_000)])?;
    i64::try_from(ppb).map(|ppb| sign * ppb).map_err(|_| format!("{} is too large", quote(text)))
}

fn share(text: &str) -> Result<u64, String> {
    const BILLION: u64 = 1_000_000_000;
    let shown = quote(text);
    let (number, scale) = match Decimal::split(text.trim()) {
        Some((number, "")) => (number, BILLION),
        Some((number, "%")) => (number, BILLION / 100),
        _ => return Err(format!("{shown} is not a share")),
    };
    match number.times(scale, 1) {
        Some((value, _)) if value > BILLION && scale == BILLION => {
            Err(format!("{shown} is more than the whole (percentages are written `{}%`)", text.trim()))
        }
        Some((value, _)) if value > BILLION => Err(format!("{shown} is more than the whole")),
        Some((value, true)) => Ok(value),
        Some((_, false)) => Err(format!("{shown} is too fine: the least is one in a billion")),
        None => Err(format!("{shown} is more than the whole")),
    }
}

fn delay(text: &str) -> Result<DelayPlan, String> {
    let nanos = |part: &str| scaled(part, "a delay", &DURATION_UNITS);
    let positive = |min_ns: u64| match min_ns {
        0 => Err(format!("{} has no least delay", quote(text))),
        _ => Ok(min_ns),
    };
    if let Some((min, max)) = text.split_once("..") {
        let (min_ns, max_ns) = (positive(nanos(min)?)?, nanos(max)?);
        if min_ns > max_ns {
            return Err(format!("{} ends before it begins", quote(text)));
        }
        return Ok(DelayPlan::Uniform { min_ns, max_ns });
    }
    let (min, jitter) = text.split_once('+').unwrap_or((text, "0ns"));
    Ok(DelayPlan::Exponential { min_ns: positive(nanos(min)?)?, jitter_mean_ns: nanos(jitter)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: PartialEq + std::fmt::Debug>(unit: &Unit<T>, text: &str, expected: Result<T, &str>) {
        assert_eq!((unit.parse)(text), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn durations() {
        check(&DURATION, "250ms", Ok(Duration::from_millis(250)));
        check(&DURATION, "1.5 s", Ok(Duration::from_millis(1_500)));
        check(&DURATION, "2min", Ok(Duration::from_secs(120)));
        check(&DURATION, "24h", Ok(Duration::from_secs(86_400)));
        check(&DURATION, "500", Err("`500` has no unit"));
        check(&DURATION, "5MB", Err("`5MB` is not a duration"));
        check(&DURATION, "5MS", Err("`5MS` is not a duration (the unit is written `ms`)"));
        check(&DURATION, "-5s", Err("`-5s` is not a duration"));
        check(&DURATION, "5.s", Err("`5.s` is not a duration"));
        check(&DURATION, "0.5ns", Err("`0.5ns` is too fine"));
        check(&DURATION, "999999d", Err("`999999d` is too large"));
        check(&DURATION, "999999999999999999999s", Err("`999999999999999999999s` is not a duration"));
    }

    #[test]
    fn sizes_rates_shares_and_counts() {
        check(&SIZE, "512B", Ok(512));
        check(&SIZE, "4KiB", Ok(4_096));
        check(&SIZE, "100MB", Ok(100_000_000));
        check(&SIZE, "4kib", Err("`4kib` is not a size (the unit is written `KiB`)"));
        check(&RATE, "2000/s", Ok(2_000_000));
        check(&RATE, "10k/s", Ok(10_000_000));
        check(&RATE, "40/min", Ok(667));
        check(&RATE, "1.2M/day", Ok(13_889));
        check(&RATE, "1000", Err("`1000` does not say per what time"));
        check(&RATE, "5/week", Err("`5/week` is not a rate"));
        check(&RATE, "1/day", Err("`1/day` is too small: the least is one operation in 1000 s"));
        check(&SHARE, "0.3", Ok(300_000_000));
        check(&SHARE, "30%", Ok(300_000_000));
        check(&SHARE, "0.01%", Ok(100_000));
        check(&SHARE, "30", Err("`30` is more than the whole (percentages are written `30%`)"));
        check(&SHARE, "101%", Err("`101%` is more than the whole"));
        check(&COUNT, "200k", Ok(200_000));
        check(&COUNT, "1.5", Err("`1.5` is not a whole number"));
        check(&COUNT, "many", Err("`many` is not a whole number"));
        check(&FACTOR, "2.5", Ok(2_500));
        check(&BYTES_PER_SECOND, "1GB/s", Ok(1_000_000_000));
        check(&BITS_PER_SECOND, "10 Gbit/s", Ok(10_000_000_000));
        check(&BITS_PER_SECOND, "10Gbps", Err("`10Gbps` is not bits a second"));
    }

    #[test]
    fn delays() {
        check(&DELAY, "8ms", Ok(DelayPlan::Exponential { min_ns: 8_000_000, jitter_mean_ns: 0 }));
        check(
            &DELAY,
            "8ms + 1ms",
            Ok(DelayPlan::Exponential { min_ns: 8_000_000, jitter_mean_ns: 1_000_000 }),
        );
        check(&DELAY, "50ms..100ms", Ok(DelayPlan::Uniform { min_ns: 50_000_000, max_ns: 100_000_000 }));
        check(&DELAY, "0ms", Err("`0ms` has no least delay"));
        check(&DELAY, "9ms..3ms", Err("`9ms..3ms` ends before it begins"));
    }
}
