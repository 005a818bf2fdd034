//! Opaque load made inside a replica's process, as the closest peer makes it: bytes that are ordered and not executed.
//!
//! Open loop, equal gaps, by the schedule alone: what is late is submitted late and counts from its schedule. Each
//! submission is unique: its first 16 bytes are its number and its replica's. A process that was down has not submitted
//! what was scheduled meanwhile; [`Progress`] says from which number on it was there.
//!
//! Memory: at most [`OUTSTANDING_MAX`] submissions under way, and figures of the slots since the last report.

use super::report::{Answer, Counts, Progress};
use crate::deploy::LoadPlan;
use crate::seed::{Seed, Stream};
use bytes::Bytes;
use ledger_core::committee::ReplicaId;
use ledger_core::crypto::Digest;
use ledger_core::time::{Duration, Timestamp, nanos};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Resolution of the figures.
pub const SLOT: Duration = Duration::from_millis(100);
/// Submissions under way; what is due beyond it counts as rejected.
pub const OUTSTANDING_MAX: usize = 1 << 17;
/// How long a submission may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Latencies are told apart as far as this many leading bits do: three digits.
const LEADING_BITS: u32 = 11;

/// Whether a submission is one of those that are reported one by one.
pub fn is_sampled(submission: &Digest, one_in: u64) -> bool {
    submission.prefix().is_multiple_of(one_in.max(1))
}

/// When a submission is scheduled.
pub fn scheduled_at(plan: &LoadPlan, start: Timestamp, number: u64) -> Timestamp {
    let since = u128::from(number) * 1_000_000_000_000 / u128::from(plan.rate_mhz.max(1));
    Timestamp(start.0.saturating_add(u64::try_from(since).unwrap_or(u64::MAX)))
}

/// How many are scheduled before a time.
pub fn scheduled_before(plan: &LoadPlan, start: Timestamp, at: Timestamp) -> u64 {
    let since = nanos(at.since(start).min(plan.duration));
    let product = u128::from(since) * u128::from(plan.rate_mhz);
    product.div_ceil(1_000_000_000_000) as u64
}

/// Submissions of one replica to itself.
pub struct Load {
    plan: LoadPlan,
    replica: ReplicaId,
    start: Timestamp,
    /// Number of the next submission.
    next: u64,
    /// How many there are in all.
    end: u64,
    stream: Stream,
    /// By submission: its number.
    outstanding: HashMap<Digest, u64>,
    /// In order of submission; those answered are still in it.
    order: VecDeque<(Digest, u64)>,
    progress: Progress,
    slots: BTreeMap<u64, (Counts, BTreeMap<u64, u64>)>,
    ordered: BTreeMap<u64, u64>,
}

/// A submission that is due.
#[derive(Debug)]
pub struct Due {
    /// What to submit.
    pub bytes: Bytes,
    /// Its SHA-256.
    pub submission: Digest,
    /// When the schedule says that it starts.
    pub scheduled: Timestamp,
    /// Whether it is reported by itself.
    pub sampled: bool,
}

impl Load {
    /// From the first submission that is not yet due at `now`; `start` is when the schedule begins.
    pub fn new(plan: LoadPlan, replica: ReplicaId, start: Timestamp, now: Timestamp) -> Self {
        let next = scheduled_before(&plan, start, now);
        let name = format!("load/{}/{next}", replica.0);
        Self {
            end: scheduled_before(&plan, start, Timestamp::MAX),
            stream: Seed::new(plan.seed).stream(&name),
            plan,
            replica,
            start,
            next,
            outstanding: HashMap::new(),
            order: VecDeque::new(),
            progress: Progress { first: next, next, ..Progress::default() },
            slots: BTreeMap::new(),
            ordered: BTreeMap::new(),
        }
    }

    /// When the next one is due; `None` when there is no more.
    pub fn next_at(&self) -> Option<Timestamp> {
        (self.next < self.end).then(|| scheduled_at(&self.plan, self.start, self.next))
    }

    /// The next one, if it is due. Beyond [`OUTSTANDING_MAX`] under way it is counted as rejected instead.
    pub fn due(&mut self, now: Timestamp) -> Option<Due> {
        while let Some(scheduled) = self.next_at().filter(|at| *at <= now) {
            let number = self.next;
            self.next += 1;
            let mut bytes = vec![0; self.plan.size_bytes.max(16)];
            let (head, rest) = bytes.split_at_mut(16);
            head[..8].copy_from_slice(&number.to_le_bytes());
            head[8..10].copy_from_slice(&self.replica.0.to_le_bytes());
            self.stream.fill_bytes(rest);
            let submission = Digest::sha256(&[&bytes]);
            let sampled = is_sampled(&submission, self.plan.sample);
            let full = self.outstanding.len() >= OUTSTANDING_MAX;
            if !sampled {
                let (counts, _) = self.slot(scheduled);
                counts.scheduled += 1;
                counts.rejected += u64::from(full);
            }
            if full && !sampled {
                continue;
            }
            self.outstanding.insert(submission, number);
            self.order.push_back((submission, number));
            return Some(Due { bytes: bytes.into(), submission, scheduled, sampled });
        }
        None
    }

    /// A submission was answered. Gives back whether it is reported by itself; `None` if it was not under way.
    pub fn answered(&mut self, at: Timestamp, submission: &Digest, answer: Answer) -> Option<bool> {
        let number = self.outstanding.remove(submission)?;
        let scheduled = scheduled_at(&self.plan, self.start, number);
        let sampled = is_sampled(submission, self.plan.sample);
        if sampled {
            return Some(true);
        }
        if answer == Answer::Ordered {
            *self.ordered.entry(self.index(at)).or_default() += 1;
        }
        let (counts, latencies) = self.slot(scheduled);
        match answer {
            Answer::Ordered => {
                counts.ordered += 1;
                *latencies.entry(rounded(nanos(at.since(scheduled)))).or_default() += 1;
            }
            Answer::Busy | Answer::Rejected => counts.rejected += 1,
            Answer::TimedOut => counts.timed_out += 1,
        }
        Some(false)
    }

    /// Those that have waited for too long; they are no longer under way. Gives back the sampled ones.
    pub fn give_up(&mut self, now: Timestamp) -> Vec<Digest> {
        let mut sampled = Vec::new();
        while let Some((submission, number)) = self.order.front().copied() {
            let waiting = self.outstanding.contains_key(&submission);
            if waiting && scheduled_at(&self.plan, self.start, number) + PATIENCE > now {
                break;
            }
            self.order.pop_front();
            if waiting && self.answered(now, &submission, Answer::TimedOut) == Some(true) {
                sampled.push(submission);
            }
        }
        sampled
    }

    /// Submissions under way.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// What has happened since the last report.
    pub fn report(&mut self) -> Progress {
        self.progress.next = self.next;
        self.progress.outstanding = self.outstanding.len() as u64;
        let slots = std::mem::take(&mut self.slots).into_iter().map(|(slot, (counts, latencies))| {
            (slot, Counts { latencies: latencies.into_iter().collect(), ..counts })
        });
        Progress {
            slots: slots.collect(),
            ordered: std::mem::take(&mut self.ordered).into_iter().collect(),
            ..self.progress
        }
    }

    fn index(&self, at: Timestamp) -> u64 {
        nanos(at.since(self.start)) / nanos(SLOT)
    }

    fn slot(&mut self, at: Timestamp) -> &mut (Counts, BTreeMap<u64, u64>) {
        self.slots.entry(self.index(at)).or_default()
    }
}

/// To [`LEADING_BITS`], rounded down.
fn rounded(ns: u64) -> u64 {
    let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(LEADING_BITS);
    ns >> shift << shift
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(5_000_000_000);

    fn plan(sample: u64) -> LoadPlan {
        LoadPlan {
            rate_mhz: 1_000_000,
            size_bytes: 512,
            seed: 1,
            start: Some(Duration::ZERO),
            duration: Duration::from_secs(2),
            sample,
        }
    }

    fn at(ms: u64) -> Timestamp {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn the_schedule_is_kept_whatever_the_delay() {
        let mut load = Load::new(plan(u64::MAX), ReplicaId(1), START, Timestamp::ZERO);
        assert_eq!(load.next_at(), Some(START));
        let mut seen = std::collections::BTreeSet::new();
        let mut submissions = Vec::new();
        while let Some(due) = load.due(at(499)) {
            assert_eq!((due.bytes.len(), due.sampled), (512, false));
            assert!(seen.insert(due.bytes.clone()), "unique");
            submissions.push(due.submission);
        }
        assert_eq!(submissions.len(), 500);
        for submission in &submissions {
            assert_eq!(load.answered(at(600), submission, Answer::Ordered), Some(false));
            assert_eq!(load.answered(at(600), submission, Answer::Ordered), None);
        }
        let progress = load.report();
        assert_eq!((progress.first, progress.next), (0, 500));
        assert_eq!(progress.ordered, [(6, 500)]);
        assert_eq!(progress.slots.len(), 5);
        let (_, first) = &progress.slots[0];
        assert_eq!((first.scheduled, first.ordered), (100, 100));
        assert_eq!(first.latencies.iter().map(|(_, count)| count).sum::<u64>(), 100);
        assert!(first.latencies.iter().all(|(ns, _)| (499_000_000..=600_000_000).contains(ns)));
        assert_eq!(load.report().slots, []);
        while load.due(at(60_000)).is_some() {}
        assert_eq!((load.report().next, load.next_at()), (2_000, None));
    }

    #[test]
    fn a_restarted_process_goes_on_where_the_schedule_is() {
        let load = Load::new(plan(1), ReplicaId(0), START, at(1_500));
        assert_eq!(load.next_at(), Some(at(1_500)));
        assert_eq!(load.progress.first, 1_500);
        assert_eq!(scheduled_before(&plan(1), START, at(1_500)), 1_500);
    }

    #[test]
    fn what_nobody_answers_is_given_up() {
        let mut load = Load::new(plan(1), ReplicaId(0), START, START);
        let due = load.due(at(0)).unwrap();
        assert!(due.sampled);
        assert_eq!(load.give_up(at(9_999)), []);
        assert_eq!(load.give_up(at(10_000)), [due.submission]);
        assert_eq!(load.outstanding(), 0);
    }

    #[test]
    fn rounding_keeps_three_digits() {
        for ns in [0, 7, 2_047, 123_456_789, u64::MAX] {
            let near = rounded(ns);
            assert!(near <= ns && ns - near <= ns / 1_000, "{ns}: {near}");
        }
    }
}
