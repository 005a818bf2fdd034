//! Documents of every class are what they say, hold what they cite, and are about as large as they should be.

use super::*;
use crate::document::inspect::{Defect, inspect};
use crate::document::{Documents, draw, draw_from};
use std::collections::BTreeMap;

const PATIENT: PartyId = PartyId(4_711);
const CUSTODIAN: PartyId = PartyId(7);

fn subject(class: RecordClass, size_bytes: u64, unique: u64) -> Subject {
    Subject { class, size_bytes, patient: PATIENT, custodian: CUSTODIAN, unique }
}

fn document(seed: &Seed, subject: &Subject) -> bytes::Bytes {
    Documents::Fhir.compose(seed, subject).1
}

#[test]
fn a_reader_finds_what_was_asked_for() {
    let seed = Seed::new(11);
    let mut stream = seed.stream("test");
    let patient = Names(&seed).patient(CUSTODIAN, PATIENT);
    for unique in 0..2_000 {
        let (class, size) = draw_from(&mut stream, 100_000);
        let document = document(&seed, &subject(class, size, unique));
        assert_eq!(inspect(&document, class, patient), Ok(()), "{class:?} of {size}: {document:?}");
    }
    for (class, size) in [(RecordClass::Summary, 1_300_000), (RecordClass::Imaging, 7_500_000)] {
        assert_eq!(inspect(&document(&seed, &subject(class, size, 0)), class, patient), Ok(()));
    }
}

#[test]
fn a_reader_notices_what_is_wrong() {
    let seed = Seed::new(11);
    let names = Names(&seed);
    let (patient, other) = (names.patient(CUSTODIAN, PATIENT), names.patient(CUSTODIAN, PartyId(4_712)));
    let visit = document(&seed, &subject(RecordClass::Encounter, 50_000, 1));
    let report = document(&seed, &subject(RecordClass::DiagnosticReport, 12_000, 2));
    let check = |document: &[u8], class| inspect(document, class, patient);
    assert!(matches!(inspect(&visit, RecordClass::Encounter, other), Err(Defect::Patient(..))));
    assert!(matches!(check(&visit, RecordClass::Summary), Err(Defect::Class(..))));
    assert!(matches!(check(&visit, RecordClass::Observation), Err(Defect::Class(..))));
    assert!(matches!(check(&visit[1..], RecordClass::Encounter), Err(Defect::Unreadable(_))));
    // One observation that a report cites goes by another name.
    let text = String::from_utf8(report.to_vec()).unwrap();
    assert_eq!(check(text.as_bytes(), RecordClass::DiagnosticReport), Ok(()));
    let at = text.find("\"resourceType\":\"Observation\",\"id\":\"").unwrap() + 35;
    let renamed = format!("{}x{}", &text[..at], &text[at + 1..]);
    assert!(matches!(check(renamed.as_bytes(), RecordClass::DiagnosticReport), Err(Defect::Missing(_))));
    let nobody = br#"{"resourceType":"Observation","id":"1"}"#;
    assert_eq!(check(nobody, RecordClass::Observation), Err(Defect::NoPatient));
}

#[test]
fn sizes_are_near_those_that_were_drawn() {
    let seed = Seed::new(5);
    let mut stream = seed.stream("sizes");
    let mut sizes: BTreeMap<RecordClass, Vec<(u64, u64)>> = BTreeMap::new();
    for unique in 0..3_000 {
        let (class, size) = draw_from(&mut stream, 748_000);
        let actual = document(&seed, &subject(class, size, unique)).len() as u64;
        sizes.entry(class).or_default().push((size, actual));
    }
    for (class, size) in [(RecordClass::Summary, 1_900_000), (RecordClass::Imaging, 7_500_000)] {
        let actual = document(&seed, &subject(class, size, 0)).len() as u64;
        assert!(actual.abs_diff(size) < size / 50, "{class:?}: {actual} for {size}");
    }
    for (class, pairs) in &sizes {
        let drawn: u64 = pairs.iter().map(|(drawn, _)| drawn).sum();
        let actual: u64 = pairs.iter().map(|(_, actual)| actual).sum();
        assert!(actual.abs_diff(drawn) < drawn / 8, "{class:?}: {actual} bytes where {drawn} were drawn");
    }
    let mut reports: Vec<u64> =
        sizes[&RecordClass::DiagnosticReport].iter().map(|(_, actual)| *actual).collect();
    reports.sort_unstable();
    let median = reports[reports.len() / 2];
    assert!((1_700..2_600).contains(&median), "the median report has {median} bytes");
}

#[test]
fn the_mean_document_is_as_large_as_a_sized_one() {
    let seed = Seed::new(6);
    let mut stream = seed.stream("mean");
    let (mut drawn, mut actual) = (0, 0);
    for unique in 0..1_000 {
        let (class, size) = draw(&mut stream);
        if size < 1_000_000 {
            drawn += size;
            actual += document(&seed, &subject(class, size, unique)).len() as u64;
        }
    }
    assert!(actual.abs_diff(drawn) < drawn / 10, "{actual} where {drawn} were drawn");
}
