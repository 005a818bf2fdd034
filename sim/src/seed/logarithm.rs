//! Minus the natural logarithm of a uniform draw, in integers: a table of 256 steps and a short series.

/// `-ln(draw / 2^64)` in units of 2^-48, for a draw of 1 or more; 0 counts as 1. Off by less than 2^-40.
#[inline]
pub(super) fn negative_ln_q48(draw: u64) -> u64 {
    let draw = draw.max(1);
    let zeros = draw.leading_zeros();
    // draw / 2^64 = mantissa / 2^63 · 2^-(zeros + 1), the mantissa being 1 to 2 in units of 2^-63.
    let mantissa = draw << zeros;
    let step = (mantissa >> 55) as usize & 0xFF;
    let over = mantissa & ((1 << 55) - 1);
    // mantissa = (1 + step/256)(1 + e), with e below 1/256: three terms after the first are enough.
    let e = multiply(over, TABLES.reciprocals[step]);
    let (e2, e3, e4) = powers(e);
    let series = e - e2 / 2 + e3 / 3 - e4 / 4;
    let ln_mantissa = TABLES.logarithms[step] + series;
    let total = u128::from(zeros + 1) * u128::from(LN_2_Q63) - u128::from(ln_mantissa);
    (total >> 15) as u64
}

/// ln 2 in units of 2^-63.
const LN_2_Q63: u64 = ln_ratio_q63(1, 3);

struct Tables {
    /// ln(1 + i/256) in units of 2^-63.
    logarithms: [u64; 256],
    /// 1 / (1 + i/256) in units of 2^-63.
    reciprocals: [u64; 256],
}

static TABLES: Tables = tables();

const fn tables() -> Tables {
    let mut tables = Tables { logarithms: [0; 256], reciprocals: [0; 256] };
    let mut i = 0;
    while i < 256 {
        tables.logarithms[i] = ln_ratio_q63(i as u64, 512 + i as u64);
        tables.reciprocals[i] = ((256u128 << 63) / (256 + i as u128)) as u64;
        i += 1;
    }
    tables
}

/// ln((1 + t) / (1 - t)) = 2 (t + t³/3 + t⁵/5 + …) for t = `numerator / denominator` up to 1/3, in units of 2^-63.
const fn ln_ratio_q63(numerator: u64, denominator: u64) -> u64 {
    // In units of 2^-80 on the way.
    let t = ((numerator as u128) << 80) / denominator as u128;
    let t_squared = ((t >> 20) * (t >> 20)) >> 40;
    let mut power = t;
    let mut sum = 0;
    let mut odd = 1;
    while odd < 60 {
        sum += power / odd;
        power = ((power >> 20) * (t_squared >> 20)) >> 40;
        odd += 2;
    }
    (sum >> 16) as u64
}

#[inline]
fn multiply(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) >> 63) as u64
}

#[inline]
fn powers(e: u64) -> (u64, u64, u64) {
    let squared = multiply(e, e);
    (squared, multiply(squared, e), multiply(squared, squared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_libm() {
        let mut draw = 1u64;
        for _ in 0..100_000 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            for draw in [draw, draw >> 31, draw >> 60, u64::MAX - (draw >> 20)] {
                let draw = draw.max(1);
                let expected = -libm::log(draw as f64 / 18_446_744_073_709_551_616.0);
                let found = negative_ln_q48(draw) as f64 / (1u64 << 48) as f64;
                assert!((found - expected).abs() < 1e-12 * (1.0 + expected), "{draw}: {found} {expected}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(negative_ln_q48(0), negative_ln_q48(1));
        assert!(negative_ln_q48(u64::MAX) < 4);
        assert_eq!(negative_ln_q48(1) >> 48, 44);
    }
}
