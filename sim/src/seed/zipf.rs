//! Zipf-distributed ranks by rejection-inversion, in constant memory.

use super::Stream;

/// Ranks `0..n` with probability proportional to `(rank + 1)^-exponent`.
///
/// Rejection-inversion (Hörmann & Derflinger, "Rejection-inversion to generate variates from monotone discrete
/// distributions", 1996): about 1.1 draws a sample for any `n`. Its maths is `libm`'s.
#[derive(Clone, Debug, PartialEq)]
pub struct Zipf {
    n: u64,
    exponent: f64,
    integral_first: f64,
    integral_last: f64,
    accept_below: f64,
}

impl Zipf {
    /// Over `n` ranks, the exponent in thousandths; exponent 0 is uniform.
    ///
    /// # Panics
    /// If `n` is 0.
    pub fn new(n: u64, exponent_milli: u64) -> Self {
        assert!(n > 0, "a rank is drawn from at least one");
        let exponent = exponent_milli as f64 / 1000.0;
        let mut zipf = Self { n, exponent, integral_first: 0.0, integral_last: 0.0, accept_below: 0.0 };
        zipf.integral_first = zipf.integral(1.5) - 1.0;
        zipf.integral_last = zipf.integral(n as f64 + 0.5);
        zipf.accept_below = 2.0 - zipf.integral_inverse(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    /// A rank in `0..n`, 0 the most popular.
    pub fn sample(&self, stream: &mut Stream) -> u64 {
        if self.exponent == 0.0 || self.n == 1 {
            return stream.below(self.n);
        }
        loop {
            let unit = (stream.bits() >> 11) as f64 / (1u64 << 53) as f64;
            let area = self.integral_last + unit * (self.integral_first - self.integral_last);
            let x = self.integral_inverse(area);
            let rank = ((x + 0.5) as u64).clamp(1, self.n);
            let k = rank as f64;
            if k - x <= self.accept_below || area >= self.integral(k + 0.5) - self.weight(k) {
                return rank - 1;
            }
        }
    }

    fn weight(&self, x: f64) -> f64 {
        libm::exp(-self.exponent * libm::log(x))
    }

    /// Integral of the weight, (x^(1-s) - 1) / (1-s), written so that s = 1 is no special case.
    fn integral(&self, x: f64) -> f64 {
        let ln = libm::log(x);
        expm1_over(ln * (1.0 - self.exponent)) * ln
    }

    fn integral_inverse(&self, area: f64) -> f64 {
        let t = (area * (1.0 - self.exponent)).max(-1.0);
        libm::exp(ln_1p_over(t) * area)
    }
}

/// (e^x - 1) / x.
fn expm1_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { libm::expm1(x) / x } else { 1.0 + x / 2.0 }
}

/// ln(1 + x) / x.
fn ln_1p_over(x: f64) -> f64 {
    if x.abs() > 1e-8 { libm::log1p(x) / x } else { 1.0 - x / 2.0 }
}
