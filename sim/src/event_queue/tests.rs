use super::*;
use proptest::prelude::*;

/// What a run of the queue does next.
#[derive(Clone, Debug)]
enum Step {
    /// So many events, this long after the last popped one, this far apart.
    Push {
        offset_ns: u64,
        gap_ns: u64,
        count: u16,
    },
    Pop {
        count: u16,
    },
    Peek,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let offset_ns = prop_oneof![
        Just(0),
        0..4u64,
        0..2_000u64,
        100_000..200_000u64,
        0..1_000_000_000u64,
        (0..64u32).prop_map(|bit| 1 << bit),
        Just(u64::MAX),
    ];
    let gap_ns = prop_oneof![Just(0), 0..3u64, 0..5_000u64, Just(1 << 40)];
    let push = (offset_ns, gap_ns, prop_oneof![1..4u16, 40..300u16])
        .prop_map(|(offset_ns, gap_ns, count)| Step::Push { offset_ns, gap_ns, count });
    let pop = prop_oneof![1..4u16, 1..400u16].prop_map(|count| Step::Pop { count });
    prop::collection::vec(prop_oneof![3 => push, 3 => pop, 1 => Just(Step::Peek)], 1..120)
}

/// Plays `steps` on the queue and on a binary heap, and empties both.
fn check(steps: &[Step]) {
    let mut queue = EventQueue::new();
    let mut heap = BinaryHeap::new();
    let mut sequence = 0;
    let mut now = 0u64;
    let pop = |queue: &mut EventQueue<u64>, heap: &mut BinaryHeap<Reverse<(u64, u64)>>, now: &mut u64| {
        let expected = heap.pop().map(|Reverse((time, sequence))| (Timestamp(time), sequence, sequence));
        *now = expected.map_or(*now, |(time, ..)| time.0);
        assert_eq!(queue.pop(), expected);
        assert_eq!(queue.len(), heap.len());
    };
    for step in steps {
        match *step {
            Step::Push { offset_ns, gap_ns, count } => {
                for index in 0..u64::from(count) {
                    // Scattered, so that pushes are not already sorted.
                    let time = now
                        .saturating_add(offset_ns)
                        .saturating_add((index * 37 % 101).saturating_mul(gap_ns));
                    queue.push(Timestamp(time), sequence);
                    heap.push(Reverse((time, sequence)));
                    sequence += 1;
                }
            }
            Step::Pop { count } => (0..count).for_each(|_| pop(&mut queue, &mut heap, &mut now)),
            Step::Peek => {
                assert_eq!(queue.peek_time(), heap.peek().map(|Reverse((time, _))| Timestamp(*time)));
            }
        }
    }
    while !heap.is_empty() {
        pop(&mut queue, &mut heap, &mut now);
    }
    assert!(queue.pop().is_none() && queue.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn pops_in_the_order_of_a_heap(steps in steps()) {
        check(&steps);
    }
}

#[test]
fn equal_times_are_first_in_first_out_through_a_spill() {
    check(&[
        Step::Push { offset_ns: 1 << 20, gap_ns: 1_000, count: 40 },
        Step::Pop { count: 1 },
        Step::Push { offset_ns: 7, gap_ns: 0, count: 300 },
        Step::Push { offset_ns: 0, gap_ns: 1, count: 300 },
        Step::Pop { count: 50 },
        Step::Push { offset_ns: 0, gap_ns: 0, count: 300 },
    ]);
}

#[test]
fn the_end_of_time_is_a_time() {
    check(&[
        Step::Push { offset_ns: u64::MAX, gap_ns: 0, count: 100 },
        Step::Push { offset_ns: u64::MAX - 5, gap_ns: 1, count: 100 },
        Step::Pop { count: 150 },
        Step::Push { offset_ns: u64::MAX, gap_ns: 0, count: 100 },
    ]);
}

#[test]
fn what_is_pushed_before_a_peeked_event_comes_first() {
    check(&[
        Step::Push { offset_ns: 1 << 40, gap_ns: 1, count: 300 },
        Step::Peek,
        Step::Push { offset_ns: 5, gap_ns: 1, count: 300 },
        Step::Pop { count: 100 },
        Step::Peek,
        Step::Push { offset_ns: 3, gap_ns: 0, count: 50 },
    ]);
}

#[test]
#[should_panic(expected = "was pushed after")]
fn the_past_is_refused() {
    let mut queue = EventQueue::new();
    queue.push(Timestamp(10), ());
    queue.pop();
    queue.push(Timestamp(9), ());
}

#[test]
fn memory_is_recycled() {
    let mut queue = EventQueue::new();
    let mut now = Timestamp(0);
    for round in 0..50_000u64 {
        for reply in 0..4 {
            queue.push(Timestamp(now.0 + 50_000 + round * 7_919 % 40_000 + reply), round);
        }
        while queue.len() > 400 {
            now = queue.pop().unwrap().0;
        }
    }
    assert!(queue.bottom.capacity() < 1_000);
    while let Some((time, ..)) = queue.pop() {
        now = time;
    }
    assert!(
        queue.buckets.pool.len() < 100,
        "chunks for what was pending at once: {}",
        queue.buckets.pool.len()
    );
    for index in 0..4 * KEEP_MAX as u64 {
        queue.push(Timestamp(now.0 + index % 2 * index), 0);
    }
    while queue.pop().is_some() {}
    let kept = queue.buckets.pool.iter().map(Vec::capacity).sum::<usize>().max(queue.bottom.capacity());
    assert!(kept <= KEEP_MAX, "a large queue that ran empty gives its memory back: {kept}");
}
