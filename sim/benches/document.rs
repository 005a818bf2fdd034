//! What documents cost: `cargo bench -p sim --bench document` (bench-results/documents.md).
//!
//! `compose` writes a document of its class, `read` is all that a reader checks beside the hash, `seal` and `open` are
//! what a share adds to them. Sizes are the documents' own, so bytes a second tell how each grows.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledger_core::ledger::transaction::{PartyId, RecordClass};
use ledger_core::seal::{VaultSecret, commitment, derive, open, seal};
use sim::document::fhir::Names;
use sim::document::inspect::inspect;
use sim::document::{Documents, Subject, content, draw, epcis, fhir, size_of};
use sim::seed::Seed;
use std::hint::black_box;

const PATIENT: PartyId = PartyId(77);
const CUSTODIAN: PartyId = PartyId(3);

/// Class, about how large, and how many samples.
const CASES: [(&str, RecordClass, u64, usize); 7] = [
    ("observation", RecordClass::Observation, 1_300, 100),
    ("prescription", RecordClass::MedicationRequest, 1_800, 100),
    ("small report", RecordClass::DiagnosticReport, 1_500, 100),
    ("report", RecordClass::DiagnosticReport, 12_000, 100),
    ("visit", RecordClass::Encounter, 63_000, 50),
    ("summary", RecordClass::Summary, 1_900_000, 10),
    ("radiograph", RecordClass::Imaging, 7_500_000, 10),
];

fn classes(c: &mut Criterion) {
    let seed = Seed::new(7);
    let patient = Names(&seed).patient(CUSTODIAN, PATIENT);
    let (key, salt) = derive(&VaultSecret::new([1; 32]), &[2; 16]);
    for (name, class, size_bytes, samples) in CASES {
        let subject = Subject { class, size_bytes, patient: PATIENT, custodian: CUSTODIAN, unique: 5 };
        let (locator, document) = Documents::Fhir.compose(&seed, &subject);
        let named = commitment(&salt, &document);
        let sealed = seal(&key, &named, &document);
        let mut group = c.benchmark_group(format!("{name} of {} bytes", document.len()));
        group.throughput(Throughput::Bytes(document.len() as u64)).sample_size(samples);
        group.bench_function("compose", |b| b.iter(|| Documents::Fhir.compose(&seed, black_box(&subject))));
        group.bench_function("content", |b| b.iter(|| content(&seed, black_box(locator))));
        group.bench_function("read", |b| b.iter(|| inspect(black_box(&document), class, patient)));
        group.bench_function("commitment", |b| b.iter(|| commitment(&salt, black_box(&document))));
        group.bench_function("seal", |b| b.iter(|| seal(&key, &named, black_box(&document))));
        group.bench_function("open", |b| b.iter(|| open(&key, &named, black_box(&sealed))));
        group.finish();
    }
    c.bench_function("size of a locator", |b| {
        let subject = Subject {
            class: RecordClass::Observation,
            size_bytes: 1_300,
            patient: PATIENT,
            custodian: CUSTODIAN,
            unique: 5,
        };
        let (locator, _) = Documents::Fhir.compose(&seed, &subject);
        b.iter(|| size_of(&seed, black_box(locator)));
    });
}

/// Documents as they are drawn, large and small.
fn mix(c: &mut Criterion) {
    let seed = Seed::new(7);
    for (name, style) in [("sized", Documents::Sized), ("fhir", Documents::Fhir)] {
        let mut stream = seed.stream("mix");
        let mut unique = 0;
        c.bench_function(&format!("documents as drawn/{name}"), |b| {
            b.iter_batched(
                || {
                    unique += 1;
                    let (class, size_bytes) = draw(&mut stream);
                    Subject { class, size_bytes, patient: PATIENT, custodian: CUSTODIAN, unique }
                },
                |subject| style.compose(&seed, &subject),
                BatchSize::SmallInput,
            );
        });
    }
}

fn specimens(c: &mut Criterion) {
    let seed = Seed::new(7);
    let (resources, events) =
        (fhir::specimen::specimens(&seed, 1).len(), epcis::specimen::specimens(&seed, 1).len());
    let mut group = c.benchmark_group("specimens");
    group.throughput(Throughput::Elements(resources as u64));
    group.bench_function("a story of FHIR resources", |b| {
        b.iter(|| fhir::specimen::specimens(&seed, black_box(1)))
    });
    group.throughput(Throughput::Elements(events as u64));
    group.bench_function("a story of EPCIS events", |b| {
        b.iter(|| epcis::specimen::specimens(&seed, black_box(1)))
    });
    group.finish();
}

criterion_group!(benches, classes, mix, specimens);
criterion_main!(benches);
