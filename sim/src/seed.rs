//! Named random streams: one per consumer, so that adding a fault does not reshuffle the clients.
//!
//! Invariants: a stream's values depend on the root seed and its name alone, are the same on every machine and with
//! every version of every dependency (golden vectors hold them), and every sampler is integer arithmetic or `libm`,
//! never the platform's maths. Nothing here is fit to be a live key: whoever knows the plan knows every draw.

mod logarithm;
mod zipf;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
pub use zipf::Zipf;

/// The root of every stream of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    root: u64,
}

impl Seed {
    /// From `seed:` of the scenario.
    pub fn new(root: u64) -> Self {
        Self { root }
    }

    /// The stream called `name`, from its start. Names are paths such as `workload/gateway/7`.
    pub fn stream(&self, name: &str) -> Stream {
        let mut key = [0; 16];
        key.copy_from_slice(&self.bytes32(name)[..16]);
        Stream { generator: Pcg64Mcg::from_seed(key) }
    }

    /// 32 bytes called `name`, for keys of simulated parties.
    pub fn bytes32(&self, name: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("amanah simulator random stream v1");
        hasher.update(&self.root.to_le_bytes());
        hasher.update(name.as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// What the keys and pseudonyms of an institution follow from, by its gateway's number.
    pub fn gateway_secret(&self, gateway: u32) -> [u8; 32] {
        self.bytes32(&format!("population/gateway/{gateway}/secret"))
    }
}

/// A random stream (PCG XSL 128/64 MCG) and the samplers that we use, all integer.
#[derive(Clone, Debug)]
pub struct Stream {
    generator: Pcg64Mcg,
}

impl Stream {
    /// 64 uniform bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Uniform in `0..n`, unbiased (Lemire, "Fast random integer generation in an interval", 2019).
    ///
    /// # Panics
    /// If `n` is 0.
    #[inline]
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "nothing is below zero");
        let mut product = u128::from(self.bits()) * u128::from(n);
        if (product as u64) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u64) < threshold {
                product = u128::from(self.bits()) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }

    /// Uniform in `low..=high`.
    ///
    /// # Panics
    /// If `low` is above `high`.
    #[inline]
    pub fn uniform(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "{low} is above {high}");
        match (high - low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.bits(),
        }
    }

    /// True with probability `numerator / denominator`.
    ///
    /// # Panics
    /// If `denominator` is 0.
    #[inline]
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// Exponential with this mean, rounded down; at most 44.4 means.
    #[inline]
    pub fn exponential(&mut self, mean_ns: u64) -> u64 {
        let scaled = u128::from(logarithm::negative_ln_q48(self.bits())) * u128::from(mean_ns);
        u64::try_from(scaled >> 48).unwrap_or(u64::MAX)
    }

    /// An index of `weights`, each as probable as its share of their sum.
    ///
    /// # Panics
    /// If all weights are 0.
    pub fn pick_weighted(&mut self, weights: &[u32]) -> usize {
        let total = weights.iter().map(|weight| u64::from(*weight)).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.iter().enumerate() {
            let weight = u64::from(*weight);
            if left < weight {
                return index;
            }
            left -= weight;
        }
        unreachable!("what is below the sum lies in one of its terms")
    }

    /// Permutes `items`, every order equally probable.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index as u64 + 1) as usize);
        }
    }

    /// Fills `bytes`: little-endian words, of the last one as much as fits. Contents of documents come from here.
    pub fn fill_bytes(&mut self, bytes: &mut [u8]) {
        let (words, rest) = bytes.as_chunks_mut::<8>();
        for word in words {
            *word = self.bits().to_le_bytes();
        }
        if !rest.is_empty() {
            let last = self.bits().to_le_bytes();
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

#[cfg(test)]
mod tests;
