//! Virtual cores with one queue: first come, first served, on the core that is free first.

use ledger_core::time::{Duration, Timestamp, nanos};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The cores of a host. Jobs are started in the order of `now`, which never goes back.
#[derive(Debug)]
pub struct Cpu {
    /// When each core is free; the earliest on top.
    free_at: BinaryHeap<Reverse<Timestamp>>,
    busy: Duration,
    wait_max: Duration,
    jobs: u64,
}

impl Cpu {
    /// So many cores.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(cores: usize) -> Self {
        assert!(cores > 0, "a host has at least one core");
        let free_at = vec![Reverse(Timestamp::ZERO); cores].into();
        Self { free_at, busy: Duration::ZERO, wait_max: Duration::ZERO, jobs: 0 }
    }

    /// Queues a job of `cost_ns` at `now`: when it is done.
    #[inline]
    pub fn start(&mut self, now: Timestamp, cost_ns: u64) -> Timestamp {
        let cost = Duration::from_nanos(cost_ns);
        let mut core = self.free_at.peek_mut().expect("there is at least one core");
        let begin = core.0.max(now);
        let finish = begin + cost;
        core.0 = finish;
        self.jobs += 1;
        self.busy += cost;
        self.wait_max = self.wait_max.max(begin.since(now));
        finish
    }

    /// Forgets all work, done or queued: the host crashed at `now`.
    pub fn crash(&mut self, now: Timestamp) {
        let cores = self.free_at.len();
        let undone = self.free_at.iter().map(|free| free.0.since(now)).sum();
        self.busy = self.busy.saturating_sub(undone);
        self.free_at = vec![Reverse(now); cores].into();
    }

    /// Work accepted so far, over all cores.
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// Share of the cores used from genesis to `now`, in parts per million; work still queued does not count.
    pub fn utilisation_ppm(&self, now: Timestamp) -> u64 {
        let undone = self.free_at.iter().map(|free| free.0.since(now)).sum();
        let done = u128::from(nanos(self.busy.saturating_sub(undone)));
        (done * 1_000_000 / (u128::from(now.0.max(1)) * self.free_at.len() as u128)) as u64
    }

    /// Longest time that a job waited for a core.
    pub fn wait_max(&self) -> Duration {
        self.wait_max
    }

    /// Jobs started.
    pub fn jobs(&self) -> u64 {
        self.jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_take_the_first_free_core() {
        let mut cpu = Cpu::new(2);
        let mut start = |now, cost| cpu.start(Timestamp(now), cost).0;
        assert_eq!([start(0, 100), start(0, 30), start(0, 30), start(10, 50)], [100, 30, 60, 110]);
        assert_eq!(start(500, 1), 501);
        assert_eq!((cpu.busy().as_nanos(), cpu.wait_max().as_nanos(), cpu.jobs()), (211, 50, 5));
        assert_eq!(cpu.utilisation_ppm(Timestamp(1_000)), 105_500);
    }

    #[test]
    fn a_crash_drops_queued_work() {
        let mut cpu = Cpu::new(1);
        cpu.start(Timestamp(0), 1_000);
        cpu.crash(Timestamp(400));
        assert_eq!(cpu.busy().as_nanos(), 400);
        assert_eq!(cpu.start(Timestamp(500), 10), Timestamp(510));
    }
}
