//! The pending-event set under load: nanoseconds per pop + push.
//!
//! *hold*: a full queue; pop one, push one an exponential offset later. *replies*: a PBFT-shaped model, in which one
//! event pushes a burst of replies 100–120 us later and each reply is popped alone. Payloads are 32 bytes.
//!
//! *hold_keys* is the hold model with nothing to carry but a 4-byte number: what published figures of such structures
//! usually measure. The heap keeps it inside its 24-byte entries.
//!
//! `AMANAH_BENCH_MAX` bounds the pending events of the hold model (10,000,000 by default).

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ledger_core::time::Timestamp;
use sim::event_queue::EventQueue;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::{Duration, Instant};

type Payload = [u64; 4];

trait Queue: Default {
    fn push(&mut self, time_ns: u64, event: Payload);
    fn pop(&mut self) -> (u64, Payload);
}

impl Queue for EventQueue<Payload> {
    fn push(&mut self, time_ns: u64, event: Payload) {
        Self::push(self, Timestamp(time_ns), event);
    }
    fn pop(&mut self) -> (u64, Payload) {
        let (time, _, event) = Self::pop(self).expect("the model never empties it");
        (time.0, event)
    }
}

/// Keys in a heap, events in a slab, as anyone would write it first.
#[derive(Default)]
struct Slab {
    events: Vec<Payload>,
    free: Vec<u32>,
    sequence: u32,
}

impl Slab {
    fn store(&mut self, event: Payload) -> (u32, u32) {
        self.sequence = self.sequence.wrapping_add(1);
        let entry = self.free.pop().unwrap_or_else(|| {
            self.events.push(event);
            self.events.len() as u32 - 1
        });
        self.events[entry as usize] = event;
        (self.sequence, entry)
    }
    fn take(&mut self, entry: u32) -> Payload {
        self.free.push(entry);
        self.events[entry as usize]
    }
}

#[derive(Default)]
struct Binary(BinaryHeap<Reverse<(u64, u32, u32)>>, Slab);

impl Queue for Binary {
    fn push(&mut self, time_ns: u64, event: Payload) {
        let (sequence, entry) = self.1.store(event);
        self.0.push(Reverse((time_ns, sequence, entry)));
    }
    fn pop(&mut self) -> (u64, Payload) {
        let Reverse((time_ns, _, entry)) = self.0.pop().expect("the model never empties it");
        (time_ns, self.1.take(entry))
    }
}

/// 16-byte keys: time, sequence, entry.
#[derive(Default)]
struct FourAry(Vec<u128>, Slab);

impl Queue for FourAry {
    fn push(&mut self, time_ns: u64, event: Payload) {
        let (sequence, entry) = self.1.store(event);
        let key = u128::from(time_ns) << 64 | u128::from(sequence) << 32 | u128::from(entry);
        let mut at = self.0.len();
        self.0.push(key);
        while at > 0 && key < self.0[(at - 1) / 4] {
            self.0[at] = self.0[(at - 1) / 4];
            at = (at - 1) / 4;
        }
        self.0[at] = key;
    }
    fn pop(&mut self) -> (u64, Payload) {
        let first = self.0[0];
        let last = self.0.pop().expect("the model never empties it");
        let mut at = 0;
        while 4 * at + 1 < self.0.len() {
            let children = &self.0[4 * at + 1..(4 * at + 5).min(self.0.len())];
            let mut best = 0;
            for child in 1..children.len() {
                best = if children[child] < children[best] { child } else { best };
            }
            if children[best] >= last {
                break;
            }
            self.0[at] = children[best];
            at = 4 * at + 1 + best;
        }
        if let Some(place) = self.0.get_mut(at) {
            *place = last;
        }
        ((first >> 64) as u64, self.1.take(first as u32))
    }
}

impl Queue for EventQueue<u32> {
    fn push(&mut self, time_ns: u64, event: Payload) {
        Self::push(self, Timestamp(time_ns), event[0] as u32);
    }
    fn pop(&mut self) -> (u64, Payload) {
        let (time, _, event) = Self::pop(self).expect("the model never empties it");
        (time.0, [u64::from(event); 4])
    }
}

/// 24-byte entries: time, sequence, number.
#[derive(Default)]
struct BinaryKeys(BinaryHeap<Reverse<(u64, u64, u32)>>, u64);

impl Queue for BinaryKeys {
    fn push(&mut self, time_ns: u64, event: Payload) {
        self.1 += 1;
        self.0.push(Reverse((time_ns, self.1, event[0] as u32)));
    }
    fn pop(&mut self) -> (u64, Payload) {
        let Reverse((time_ns, _, number)) = self.0.pop().expect("the model never empties it");
        (time_ns, [u64::from(number); 4])
    }
}

/// A cheap generator, so that its cost does not hide the queue's.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

const OFFSETS: usize = 1 << 16;

/// Exponential offsets with a mean of one second.
fn offsets() -> Vec<u64> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    (0..OFFSETS)
        .map(|_| {
            let unit = ((random.next() >> 11) + 1) as f64 / (1u64 << 53) as f64;
            (-libm::log(unit) * 1e9) as u64
        })
        .collect()
}

fn hold<Q: Queue>(queue: &mut Q, random: &mut Random, offsets: &[u64], steps: u64) -> Duration {
    let start = Instant::now();
    for _ in 0..steps {
        let (time_ns, mut event) = queue.pop();
        event[0] ^= time_ns;
        let draw = random.next();
        queue.push(time_ns + offsets[draw as usize % OFFSETS] + (draw >> 48), event);
    }
    start.elapsed()
}

fn hold_full<Q: Queue>(criterion: &mut Criterion, group: &str, name: &str, pending: usize) {
    let offsets = offsets();
    let mut random = Random(88_172_645_463_325_252);
    let mut queue = Q::default();
    for _ in 0..pending {
        let draw = random.next();
        queue.push(offsets[draw as usize % OFFSETS] + (draw >> 48), [draw; 4]);
    }
    // Until the queue forgets how it was filled.
    hold(&mut queue, &mut random, &offsets, 2 * pending as u64);
    let mut group = criterion.benchmark_group(group);
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    group.bench_function(BenchmarkId::new(name, pending), |bencher| {
        bencher.iter_custom(|steps| hold(&mut queue, &mut random, &offsets, steps));
    });
    group.finish();
    black_box(queue.pop());
}

/// `requests` outstanding, each answered by `burst` replies of which the first one popped is the next request.
fn replies<Q: Queue>(criterion: &mut Criterion, name: &str, requests: u64, burst: u64) {
    let mut random = Random(88_172_645_463_325_252);
    let mut queue = Q::default();
    for request in 0..requests {
        queue.push(request * 997, [1; 4]);
    }
    let mut group = criterion.benchmark_group("replies");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2));
    group.bench_function(BenchmarkId::new(name, format!("{requests}x{burst}")), |bencher| {
        bencher.iter_custom(|steps| {
            let start = Instant::now();
            let mut done = 0;
            while done < steps {
                let (time_ns, event) = queue.pop();
                if event[0] == 1 {
                    for reply in 1..=burst {
                        queue.push(time_ns + 100_000 + random.next() % 20_000, [reply; 4]);
                    }
                    done += burst;
                }
            }
            start.elapsed()
        });
    });
    group.finish();
}

fn all<Q: Queue>(criterion: &mut Criterion, name: &str, pending_max: usize) {
    for pending in [1_000, 100_000, 1_000_000, 10_000_000] {
        if pending <= pending_max {
            hold_full::<Q>(criterion, "hold", name, pending);
        }
    }
    for (requests, burst) in [(4, 100), (50, 50), (2_000, 50)] {
        replies::<Q>(criterion, name, requests, burst);
    }
}

fn event_queue(criterion: &mut Criterion) {
    let pending_max =
        std::env::var("AMANAH_BENCH_MAX").ok().and_then(|max| max.parse().ok()).unwrap_or(10_000_000);
    for pending in
        [1_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|pending| *pending <= pending_max)
    {
        hold_full::<EventQueue<u32>>(criterion, "hold_keys", "wheel", pending);
        hold_full::<BinaryKeys>(criterion, "hold_keys", "binary_heap", pending);
    }
    all::<EventQueue<Payload>>(criterion, "wheel", pending_max);
    all::<FourAry>(criterion, "four_ary_heap", pending_max);
    all::<Binary>(criterion, "binary_heap", pending_max);
}

criterion_group!(benches, event_queue);
criterion_main!(benches);
