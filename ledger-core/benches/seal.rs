//! What a key and a document cost: `cargo bench -p ledger-core --bench seal`.
//!
//! On two busy shared cores, in microseconds (the range over two runs):
//!
//! | | derive | wrap | unwrap |
//! |---|---|---|---|
//! | a key | 0.2–0.3 | 103–133 | 78–104 |
//!
//! | a KiB, in a document of | commitment | seal | open |
//! |---|---|---|---|
//! | 1 KiB | 1.5–2.1 | 0.7–1.1 | 0.9–1.1 |
//! | 64 KiB | 0.34–0.35 | 0.6–1.3 | 0.7–1.7 |
//! | 4 MiB | 0.36–0.86 | 0.8–1.8 | 0.7–1.2 |

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::seal::{
    VaultSecret, WrapKeyPair, commitment, derive, ephemeral_seed, open, pack, seal, unwrap, wrap,
};
use std::hint::black_box;

fn keys(c: &mut Criterion) {
    let secret = VaultSecret::new([1; 32]);
    let pair = WrapKeyPair::of(&secret);
    let (key, salt) = derive(&secret, &[2; 16]);
    let packed = pack(&key, &salt);
    let recipient = pair.public();
    let make = || {
        let seed = ephemeral_seed(&secret, &recipient, b"info", &*packed);
        wrap(&recipient, b"info", &*packed, seed).expect("a wrap key")
    };
    let wrapped = make();
    let mut group = c.benchmark_group("key");
    group.bench_function("derive", |b| b.iter(|| derive(&secret, black_box(&[2; 16]))));
    group.bench_function("wrap", |b| b.iter(make));
    group.bench_function("unwrap", |b| b.iter(|| unwrap(&pair, b"info", black_box(&wrapped))));
    group.finish();
}

fn documents(c: &mut Criterion) {
    let (key, salt) = derive(&VaultSecret::new([1; 32]), &[2; 16]);
    for kib in [1, 64, 4096] {
        let document = vec![7; kib * 1024];
        let name = commitment(&salt, &document);
        let sealed = seal(&key, &name, &document);
        let mut group = c.benchmark_group(format!("document of {kib} KiB"));
        group.throughput(Throughput::Bytes(document.len() as u64)).sample_size(20);
        group.bench_function("commitment", |b| b.iter(|| commitment(&salt, black_box(&document))));
        group.bench_function("seal", |b| b.iter(|| seal(&key, &name, black_box(&document))));
        group.bench_function("open", |b| b.iter(|| open(&key, &name, black_box(&sealed))));
        group.finish();
    }
}

criterion_group!(benches, keys, documents);
criterion_main!(benches);
