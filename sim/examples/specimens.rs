//! Writes specimens of every document for independent validators:
//! `cargo run -p sim --example specimens -- DIRECTORY STORIES`.
//!
//! `fhir.ndjson` has a resource a line: each story's resources, and as many documents of personal health records;
//! `epcis.ndjson` has an EPCIS document a line.

use sim::document::{Documents, Subject, draw_from, epcis, fhir};
use sim::seed::Seed;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

/// Larger documents are the same at greater length.
const DOCUMENT_BYTES_MAX: u64 = 100_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: specimens DIRECTORY STORIES";
    let directory = PathBuf::from(arguments.next().ok_or(usage)?);
    let stories: u64 = arguments.next().ok_or(usage)?.parse()?;
    fs::create_dir_all(&directory)?;
    let seed = Seed::new(7);
    let mut stream = seed.stream("specimens");
    let mut resources = BufWriter::new(File::create(directory.join("fhir.ndjson"))?);
    let mut events = BufWriter::new(File::create(directory.join("epcis.ndjson"))?);
    for n in 0..stories {
        for text in fhir::specimen::specimens(&seed, n) {
            writeln!(resources, "{text}")?;
        }
        let (class, size_bytes) = draw_from(&mut stream, DOCUMENT_BYTES_MAX);
        let patient = ledger_core::ledger::transaction::PartyId(n as u32);
        let custodian = ledger_core::ledger::transaction::PartyId(3);
        let subject = Subject { class, size_bytes, patient, custodian, unique: n };
        let (_, document) = Documents::Fhir.compose(&seed, &subject);
        resources.write_all(&document)?;
        writeln!(resources)?;
        writeln!(events, "{}", epcis::specimen::document(&epcis::specimen::specimens(&seed, n)))?;
    }
    resources.flush()?;
    events.flush()?;
    Ok(())
}
