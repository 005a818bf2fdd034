//! The fuzz targets' short share: mutations of what the program itself writes. `tests/fuzz/run` is the long one.

use crate::harness;

/// Mutations of each target; `AMANAH_FUZZ_MUTATIONS` for more.
const MUTATIONS: u64 = 3_000;

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Stream(u64);

impl Stream {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let byte = self.next() as u8;
        match self.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = byte,
            2 => bytes.insert(at, byte),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            // Lengths and counts at their limits.
            5 => {
                let extreme = [0u32, 1, 0x7fff_ffff, 0xffff_ffff, 0x0001_0000][self.below(5)].to_le_bytes();
                let end = (at + 4).min(bytes.len());
                bytes.splice(at..end, extreme);
            }
            _ => {
                let end = at + self.below(16).min(bytes.len() - at);
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

#[test]
fn no_target_is_upset_by_mutations() {
    let asked = std::env::var("AMANAH_FUZZ_MUTATIONS").ok().and_then(|text| text.parse().ok());
    for (name, target) in harness::TARGETS {
        let seeds = harness::seeds(name);
        seeds.iter().for_each(|seed| target(seed));
        // A replica's script is some hundred messages.
        let mutations = asked.unwrap_or(if *name == "replica" { MUTATIONS / 10 } else { MUTATIONS });
        let mut stream = Stream(mutations);
        for number in 0..mutations {
            let mut bytes = seeds[number as usize % seeds.len()].clone();
            for _ in 0..=stream.below(8) {
                stream.mutate(&mut bytes);
            }
            target(&bytes);
        }
    }
}

/// Otherwise the mutations of a replica's script would test its first messages alone.
#[test]
fn a_replica_goes_along_with_its_script() {
    let rounds = harness::rounds_of(&harness::seeds("replica")[0]);
    assert!(rounds >= 20, "{rounds} rounds");
}
