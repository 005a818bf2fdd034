use super::*;

/// Values that no change of a dependency may move: every committed digest depends on them.
#[test]
fn golden_vectors() {
    let seed = Seed::new(7);
    let mut stream = seed.stream("workload/gateway/7");
    let words: Vec<u64> = (0..4).map(|_| stream.bits()).collect();
    let exponentials: Vec<u64> = (0..4).map(|_| stream.exponential(1_000_000)).collect();
    let uniforms: Vec<u64> = (0..4).map(|_| stream.uniform(10, 1_000)).collect();
    let mut items: Vec<u8> = (0..8).collect();
    stream.shuffle(&mut items);
    let mut bytes = [0; 11];
    stream.fill_bytes(&mut bytes);
    let zipf = Zipf::new(10_000_000, 990);
    let ranks: Vec<u64> = (0..6).map(|_| zipf.sample(&mut stream)).collect();
    let found = format!(
        "{:?}\n{words:?}\n{exponentials:?}\n{uniforms:?}\n{items:?}\n{bytes:?}\n{ranks:?}",
        &seed.bytes32("key/0")[..8]
    );
    assert_eq!(found, GOLDEN);
}

const GOLDEN: &str = "[133, 244, 209, 164, 36, 37, 38, 240]
[17167726659063269936, 2466955448870903868, 16306513436888332055, 16890013498337777186]
[1550432, 2420766, 3524298, 2361724]
[963, 774, 778, 223]
[7, 6, 3, 0, 1, 2, 4, 5]
[72, 88, 202, 51, 255, 189, 248, 131, 175, 187, 150]
[198, 71, 2300, 94639, 6, 7202550]";

#[test]
fn names_and_seeds_separate_streams() {
    let draw = |root, name: &str| Seed::new(root).stream(name).bits();
    assert_eq!(draw(1, "a"), draw(1, "a"));
    assert_ne!(draw(1, "a"), draw(2, "a"));
    assert_ne!(draw(1, "a"), draw(1, "b"));
}

fn check_share(found: u64, draws: u64, expected: f64) {
    let share = found as f64 / draws as f64;
    let sigma = (expected * (1.0 - expected) / draws as f64).sqrt();
    assert!((share - expected).abs() <= 5.0 * sigma, "{share} is far from {expected}");
}

#[test]
fn exponential_has_the_mean_and_the_tail_of_theory() {
    let mut stream = Seed::new(1).stream("exponential");
    let (draws, mean) = (1_000_000u64, 1_000_000u64);
    let mut sum = 0u64;
    let mut beyond = [0u64; 10];
    for _ in 0..draws {
        let draw = stream.exponential(mean);
        sum += draw;
        for (means, count) in beyond.iter_mut().enumerate() {
            *count += u64::from(draw >= means as u64 * mean);
        }
    }
    assert!((sum as f64 / draws as f64 / mean as f64 - 1.0).abs() < 0.005);
    for (means, count) in beyond.iter().enumerate() {
        check_share(*count, draws, libm::exp(-(means as f64)));
    }
    assert!(stream.exponential(u64::MAX) > 0);
    assert_eq!(stream.exponential(0), 0);
}

#[test]
fn integers_are_unbiased() {
    let mut stream = Seed::new(1).stream("integers");
    // Of three quarters of the range, a biased draw would favour the lower third twofold.
    let n = 3 << 62;
    let lower = (0..100_000).filter(|_| stream.below(n) < n / 3).count();
    check_share(lower as u64, 100_000, 1.0 / 3.0);
    let hits = (0..100_000).filter(|_| stream.chance(3, 10)).count();
    check_share(hits as u64, 100_000, 0.3);
    let mut picked = [0u64; 4];
    (0..100_000).for_each(|_| picked[stream.pick_weighted(&[1, 0, 5, 4])] += 1);
    for (count, share) in picked.iter().zip([0.1, 0.0, 0.5, 0.4]) {
        check_share(*count, 100_000, share);
    }
    assert!((0..1_000).all(|_| (5..=6).contains(&stream.uniform(5, 6))));
    stream.uniform(0, u64::MAX);
}

#[test]
fn shuffles_reach_every_order_equally() {
    let mut stream = Seed::new(1).stream("shuffle");
    let mut seen = std::collections::BTreeMap::new();
    for _ in 0..60_000 {
        let mut items = [0, 1, 2];
        stream.shuffle(&mut items);
        *seen.entry(items).or_insert(0u64) += 1;
    }
    assert_eq!(seen.len(), 6);
    seen.values().for_each(|count| check_share(*count, 60_000, 1.0 / 6.0));
}

#[test]
fn zipf_ranks_have_their_probabilities() {
    for (n, milli) in [(1, 990), (10, 0), (50, 500), (1_000, 990), (1_000, 1_000), (1_000_000, 1_200)] {
        let zipf = Zipf::new(n, milli);
        let mut stream = Seed::new(milli).stream("zipf");
        let weight = |rank: u64| libm::pow((rank + 1) as f64, -(milli as f64) / 1000.0);
        let total: f64 = (0..n).map(weight).sum();
        let mut counts = [0u64; 5];
        for _ in 0..200_000 {
            let rank = zipf.sample(&mut stream);
            assert!(rank < n);
            if let Some(count) = counts.get_mut(rank as usize) {
                *count += 1;
            }
        }
        for (rank, count) in counts.iter().enumerate().take(n as usize) {
            check_share(*count, 200_000, weight(rank as u64) / total);
        }
    }
}
