//! How long bytes take at a bandwidth.

/// Nanoseconds that bytes take at some bandwidth, in fixed point.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Rate {
    bandwidth_bits_per_s: u64,
    /// In units of 2^-20 ns.
    per_byte: u64,
}

impl Rate {
    pub fn new(bandwidth_bits_per_s: u64) -> Self {
        let per_byte = ((8_000_000_000u128 << 20) / u128::from(bandwidth_bits_per_s.max(1))) as u64;
        Self { bandwidth_bits_per_s, per_byte }
    }

    pub fn bandwidth_bits_per_s(self) -> u64 {
        self.bandwidth_bits_per_s
    }

    #[inline]
    pub fn time_ns(self, bytes: u64) -> u64 {
        u64::try_from((u128::from(bytes) * u128::from(self.per_byte)) >> 20).unwrap_or(u64::MAX)
    }
}
