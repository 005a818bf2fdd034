//! How much each link between regions carries. Bounded by the topology, whatever the population.

use super::HostId;

/// What went from one region to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkUse {
    /// Region of the senders.
    pub from: usize,
    /// Region of the receivers.
    pub to: usize,
    /// Messages that the network took.
    pub messages: u64,
    /// Their bytes, without headers and retransmissions.
    pub bytes: u64,
}

/// A table, region by region.
#[derive(Debug)]
pub struct Links {
    regions: usize,
    /// Region of each host.
    of: Vec<usize>,
    /// `rows[from * regions + to]`: messages and bytes.
    rows: Vec<(u64, u64)>,
}

impl Links {
    /// Nothing was sent yet. `of` has the region of each host, below `regions`.
    pub fn new(regions: usize, of: Vec<usize>) -> Self {
        Self { regions, of, rows: vec![(0, 0); regions * regions] }
    }

    /// The network took a message.
    #[inline]
    pub fn sent(&mut self, from: HostId, to: HostId, bytes: usize) {
        let row = &mut self.rows[self.of[from.index()] * self.regions + self.of[to.index()]];
        row.0 += 1;
        row.1 += bytes as u64;
    }

    /// Every link that carried anything, by sender and then receiver.
    pub fn used(&self) -> Vec<LinkUse> {
        let row = |(at, (messages, bytes)): (usize, &(u64, u64))| {
            let (from, to) = (at / self.regions, at % self.regions);
            (*messages > 0).then_some(LinkUse { from, to, messages: *messages, bytes: *bytes })
        };
        self.rows.iter().enumerate().filter_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_by_the_regions_of_both_ends() {
        let mut links = Links::new(2, vec![0, 1, 1]);
        links.sent(HostId(0), HostId(1), 10);
        links.sent(HostId(0), HostId(2), 5);
        links.sent(HostId(2), HostId(1), 7);
        let expected = [
            LinkUse { from: 0, to: 1, messages: 2, bytes: 15 },
            LinkUse { from: 1, to: 1, messages: 1, bytes: 7 },
        ];
        assert_eq!(links.used(), expected);
    }
}
