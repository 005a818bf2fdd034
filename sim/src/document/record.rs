//! Documents of personal health records as FHIR: what each class of record looks like, grown to about the size that
//! was drawn for it.
//!
//! | class | document |
//! |---|---|
//! | Observation | one vital sign, blood pressure or laboratory value |
//! | DiagnosticReport | below 2 KB a report that contains its values; above, a bundle of the report and the observations that it cites, the largest with a scan |
//! | MedicationRequest | one prescription |
//! | Encounter | bundle of a visit: patient, staff, vital signs, laboratory reports, prescriptions |
//! | Imaging | bundle of a document reference and the picture, a portable graymap |
//! | Summary | document bundle: a composition and years of results, vital signs and prescriptions |
//!
//! Size is what comes of it: an entry more or less, so within a kilobyte or two of what was drawn for large ones and a
//! few hundred bytes for small ones. It is not padded.

mod text;
mod visit;

use super::Subject;
use super::date::GENESIS;
use super::fhir::bundle::{Bundle, BundleType};
use super::fhir::composition::{Composition, Section};
use super::fhir::document_reference::{Binary, Content, DocumentReference};
use super::fhir::report::{DiagnosticReport, Results};
use super::fhir::{self, Id, Identifier, Kind, Names, Reference, codes};
use super::volume::BANDS;
use crate::population::pick;
use crate::seed::Seed;
use ledger_core::ledger::transaction::{PartyId, RecordClass};
use text::{GRAYMAP, graymap_base64, prose};
use visit::Visit;
pub(crate) use visit::demographics;

/// What decides the content of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Row of [`BANDS`].
    pub band: u8,
    /// About how large: 0 the band's smallest, 255 its largest.
    pub position: u8,
    /// About whom.
    pub patient: PartyId,
    /// Who keeps it.
    pub custodian: PartyId,
    /// Tells it from every other document of the run.
    pub unique: u64,
}

impl Source {
    /// Of a new document.
    ///
    /// # Panics
    /// If no band has its class.
    pub fn of(subject: &Subject) -> Self {
        let Subject { class, size_bytes, patient, custodian, unique } = *subject;
        let of_class = |band: &super::Band| band.class == class;
        let fits =
            |band: &super::Band| of_class(band) && (band.bytes_min..=band.bytes_max).contains(&size_bytes);
        let band = BANDS.iter().position(fits).or_else(|| BANDS.iter().position(of_class));
        let band = band.expect("every class has a band");
        let (low, high) = (BANDS[band].bytes_min, BANDS[band].bytes_max);
        let position = (size_bytes.clamp(low, high) - low) * 255 / (high - low);
        Self { band: band as u8, position: position as u8, patient, custodian, unique }
    }

    /// About how large it is to be.
    fn target(&self) -> usize {
        let Some(band) = BANDS.get(usize::from(self.band)) else { return 0 };
        (band.bytes_min + (band.bytes_max - band.bytes_min) * u64::from(self.position) / 255) as usize
    }

    fn class(&self) -> RecordClass {
        BANDS.get(usize::from(self.band)).map_or(RecordClass::Observation, |band| band.class)
    }
}

/// Minutes before genesis within which documents were written: two years.
const WRITTEN_WITHIN_MIN: u64 = 2 * 365 * 24 * 60;
/// How many of a custodian's staff write documents.
const AUTHORS: u64 = 8;
/// What a result costs in a composition beside its entry, bytes.
const CITATION_BYTES: usize = 66;
/// Reports below it contain their values, bytes.
const CONTAINED_BELOW: usize = 2_000;
/// Above what its entries cost, a report has a scan from so many bytes on.
const SCAN_FROM: usize = 4_000;

/// Writes a document.
pub fn compose(seed: &Seed, source: &Source) -> String {
    let Source { band, position, patient, custodian, unique } = *source;
    let names = Names(seed);
    let mut stream =
        seed.stream(&format!("document/fhir/{band}/{position}/{}/{}/{unique}", patient.0, custodian.0));
    let at = GENESIS.minutes_before(stream.below(WRITTEN_WITHIN_MIN));
    let mut visit = Visit {
        patient: names.patient(custodian, patient),
        custodian: names.organisation(custodian),
        member: names.member(custodian, stream.below(AUTHORS)),
        encounter: None,
        at,
        stream,
    };
    let target = source.target();
    match source.class() {
        RecordClass::Observation => visit.observation(target),
        RecordClass::MedicationRequest => {
            let remark = visit.remark(target, 1_560);
            fhir::text(&visit.prescription(&remark, ""))
        }
        RecordClass::DiagnosticReport if target < CONTAINED_BELOW => small_report(&mut visit, target),
        RecordClass::DiagnosticReport => report(&mut visit, target),
        RecordClass::Encounter => encounter(&mut visit, target),
        RecordClass::Imaging => imaging(&mut visit, unique, target),
        RecordClass::Summary => summary(&mut visit, target),
    }
}

fn small_report(visit: &mut Visit, target: usize) -> String {
    let panel = pick(&codes::PANELS, &mut visit.stream).expect("there are panels");
    let count = (target.saturating_sub(600) / 400).clamp(1, panel.measures.len());
    let first = visit.stream.below((panel.measures.len() - count + 1) as u64) as usize;
    let values: Vec<_> = panel.measures[first..first + count]
        .iter()
        .map(|measure| (*measure, measure.draw(&mut visit.stream)))
        .collect();
    fhir::text(&DiagnosticReport { results: Results::Contained(&values), ..visit.report_of(panel.code) })
}

fn report(visit: &mut Visit, target: usize) -> String {
    let mut bundle = Bundle::new(BundleType::Collection);
    let panel = pick(&codes::PANELS, &mut visit.stream).expect("there are panels");
    let mut results = Vec::new();
    for measure in panel.measures {
        results.push(bundle.add(&visit.value(*measure, "")));
        if bundle.bytes() + 1_000 > target {
            break;
        }
    }
    let left = target.saturating_sub(bundle.bytes() + 900);
    let data = if left >= SCAN_FROM { graymap_base64(&mut visit.stream, left) } else { String::new() };
    let conclusion = prose(&mut visit.stream, 80.min(left));
    let report = DiagnosticReport {
        results: Results::Cited(&results),
        conclusion: &conclusion,
        scan: (!data.is_empty()).then_some(fhir::report::Scan { content_type: GRAYMAP, data: &data }),
        ..visit.report_of(panel.code)
    };
    bundle.end(Id::drawn(&mut visit.stream), visit.at, Some(&report))
}

fn encounter(visit: &mut Visit, target: usize) -> String {
    let mut bundle = Bundle::new(BundleType::Collection);
    let encounter = visit.begin();
    visit.people(&mut bundle);
    let mut cited = Cited::default();
    while bundle.bytes() < target {
        visit.round(&mut bundle, target, &mut cited);
    }
    bundle.end(Id::drawn(&mut visit.stream), visit.at, Some(&encounter))
}

/// What a composition cites, by section.
#[derive(Debug, Default)]
struct Cited {
    vitals: Vec<Reference>,
    results: Vec<Reference>,
    medications: Vec<Reference>,
    encounters: Vec<Reference>,
}

impl Cited {
    fn bytes(&self) -> usize {
        let lists = [&self.vitals, &self.results, &self.medications, &self.encounters];
        lists.iter().map(|list| list.len() * CITATION_BYTES).sum()
    }
}

fn summary(visit: &mut Visit, target: usize) -> String {
    let mut bundle = Bundle::new(BundleType::Document);
    let date = visit.at;
    visit.people(&mut bundle);
    let mut cited = Cited::default();
    while bundle.bytes() + cited.bytes() < target {
        // Visit after visit into the past, a month or so apart.
        visit.at = visit.at.minutes_before(visit.stream.uniform(20_000, 70_000));
        let encounter = visit.begin();
        cited.encounters.push(bundle.add(&encounter));
        let until = target.min(bundle.bytes() + visit.stream.uniform(30_000, 70_000) as usize);
        while bundle.bytes() < until && bundle.bytes() + cited.bytes() < target {
            visit.round(&mut bundle, until, &mut cited);
        }
    }
    let section = |code, display, entries| Section { code: codes::loinc(code, display), entries };
    let sections = [
        section("46240-8", "History of Hospitalizations+Outpatient visits Narrative", &cited.encounters[..]),
        section("8716-3", "Vital signs", &cited.vitals[..]),
        section("30954-2", "Relevant diagnostic tests/laboratory data Narrative", &cited.results[..]),
        section("10160-0", "History of Medication use Narrative", &cited.medications[..]),
    ];
    let sections: Vec<_> = sections.into_iter().filter(|section| !section.entries.is_empty()).collect();
    let composition = Composition {
        id: Id::drawn(&mut visit.stream),
        code: codes::loinc("60591-5", "Patient summary Document"),
        patient: visit.patient,
        date,
        author: visit.member,
        custodian: visit.custodian,
        sections: &sections,
    };
    bundle.end(Id::drawn(&mut visit.stream), date, Some(&composition))
}

fn imaging(visit: &mut Visit, unique: u64, target: usize) -> String {
    let data = graymap_base64(&mut visit.stream, target.saturating_sub(1_600));
    let binary = Binary { id: Id::drawn(&mut visit.stream), content_type: GRAYMAP, data: &data };
    let mut bundle = Bundle::new(BundleType::Collection);
    let reference = DocumentReference {
        id: Id::drawn(&mut visit.stream),
        code: codes::loinc("36643-5", "XR Chest 2 Views"),
        patient: visit.patient,
        date: visit.at,
        author: visit.member,
        custodian: visit.custodian,
        identifier: Identifier { space: "image", value: &format!("{unique}") },
        content_type: GRAYMAP,
        content: Content::Resource(
            Reference { kind: Kind::Binary, id: binary.id },
            text::decoded_bytes(&data),
        ),
    };
    bundle.add(&reference);
    bundle.add(&binary);
    bundle.end(Id::drawn(&mut visit.stream), visit.at, None)
}

#[cfg(test)]
mod tests;
