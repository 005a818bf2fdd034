//! The standard normal distribution, by `libm`: the same bits everywhere.

/// The part of it below `x`.
pub fn below(x: f64) -> f64 {
    0.5 * libm::erfc(-x / core::f64::consts::SQRT_2)
}

/// Where a part of it, between 0 and 1, is below. Halving the interval is slow and needs no table of coefficients; it is
/// done a few times an interval.
pub fn quantile(part: f64) -> f64 {
    let (mut low, mut high) = (-40.0, 40.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if below(middle) < part {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}
