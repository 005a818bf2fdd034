//! Processors and disks that are slower than their profile. Factors of faults that overlap are multiplied.

use crate::world::World;

/// What is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::world) enum Part {
    Cpu,
    Disk,
}

/// Of one host: by fault, how many times slower, in thousandths.
#[derive(Debug, Default)]
pub(in crate::world) struct Slowness(Vec<(usize, Part, u64)>);

impl Slowness {
    /// What takes `ns` on a host as its profile has it.
    pub fn stretch(&self, part: Part, ns: u64) -> u64 {
        let factors = self.0.iter().filter(|(_, slow, _)| *slow == part);
        let stretched = factors.fold(u128::from(ns), |ns, (.., milli)| {
            (ns * u128::from(*milli) / 1_000).min(u128::from(u64::MAX))
        });
        u64::try_from(stretched).unwrap_or(u64::MAX)
    }

    fn factor_milli(&self, part: Part) -> u64 {
        self.stretch(part, 1_000)
    }
}

impl World {
    pub(super) fn slow(&mut self, fault: usize, replicas: &[usize], part: Part, factor_milli: u64) {
        for &replica in replicas {
            let node = &mut self.nodes[replica];
            node.slowness.0.push((fault, part, factor_milli));
            node.disk.set_factor(node.slowness.factor_milli(Part::Disk));
        }
    }

    pub(super) fn no_longer_slow(&mut self, fault: usize, replicas: &[usize]) {
        for &replica in replicas {
            let node = &mut self.nodes[replica];
            node.slowness.0.retain(|(by, ..)| *by != fault);
            node.disk.set_factor(node.slowness.factor_milli(Part::Disk));
        }
    }
}
