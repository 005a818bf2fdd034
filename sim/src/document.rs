//! Documents of which only the size matters: nobody in the simulation keeps bytes.
//!
//! A [`Locator`] names class, exact size and a unique number, and the content of a document is a pure function of seed
//! and locator ([`content`]). So a vault needs no store: it fills a document when one is asked for. (A live vault draws
//! opaque locators: these would tell an outsider class and size.)
//!
//! Classes and sizes are drawn from [`BANDS`], which holds published figures; a document costs about 20 KB in the mean.

use crate::seed::{Seed, Stream};
use bytes::Bytes;
use ledger_core::ledger::transaction::RecordClass;

/// Class (1 byte), size in bytes (7 bytes, little-endian), unique number (8 bytes, little-endian).
pub type Locator = [u8; 16];

/// A part of the distribution of documents: sizes uniform in `bytes_min..=bytes_max`.
#[derive(Clone, Copy, Debug)]
pub struct Band {
    /// Kind of document.
    pub class: RecordClass,
    /// Share of all documents, parts per million.
    pub share_ppm: u32,
    /// Smallest.
    pub bytes_min: u64,
    /// Largest.
    pub bytes_max: u64,
}

const fn band(class: RecordClass, share_ppm: u32, bytes_min: u64, bytes_max: u64) -> Band {
    Band { class, share_ppm, bytes_min, bytes_max }
}

/// Every document is of one band; shares add up to 1,000,000. The figures are published ones (FHIR R4 resources, size
/// studies of lifetime records and of radiographs), the shares between them our reading:
///
/// | class | figure | here |
/// |---|---|---|
/// | Observation | FHIR R4 resources of 0.75–1.9 KB; 53 % of inpatient orders are vitals, some of the rest laboratory values | 58 % |
/// | DiagnosticReport | median 2 KB, at most 748 KB; 26 % of inpatient orders are laboratory, some of them values | 22 %, in three bands around the median |
/// | MedicationRequest | as Consent, 1.8 KB | 14.3 % |
/// | Encounter | bundle of a visit, 63 KB | 5.4 % |
/// | Summary | lifetime record, 1.9 MB in the mean, at most 4 MB | 0.2 %: rare |
/// | Imaging | a radiograph, 7.5 MB | 0.1 %: rare |
pub const BANDS: [Band; 9] = [
    band(RecordClass::Observation, 580_000, 750, 1_900),
    band(RecordClass::DiagnosticReport, 110_000, 900, 2_000),
    band(RecordClass::DiagnosticReport, 105_000, 2_000, 32_000),
    band(RecordClass::DiagnosticReport, 5_000, 32_000, 748_000),
    band(RecordClass::MedicationRequest, 143_000, 1_600, 2_000),
    band(RecordClass::Encounter, 54_000, 42_000, 84_000),
    band(RecordClass::Summary, 1_800, 1_100_000, 2_500_000),
    band(RecordClass::Summary, 200, 2_500_000, 4_000_000),
    band(RecordClass::Imaging, 1_000, 7_000_000, 8_000_000),
];

/// Classes by their number in a locator.
const CLASSES: [RecordClass; 6] = [
    RecordClass::Observation,
    RecordClass::DiagnosticReport,
    RecordClass::MedicationRequest,
    RecordClass::Encounter,
    RecordClass::Imaging,
    RecordClass::Summary,
];

/// Class and size of a new document.
pub fn draw(stream: &mut Stream) -> (RecordClass, u64) {
    draw_from(stream, u64::MAX)
}

/// The same with nothing above `bytes_max`: bands that begin above it are left out, and one that reaches above it ends
/// there.
///
/// # Panics
/// If no band begins at or below `bytes_max`.
pub fn draw_from(stream: &mut Stream, bytes_max: u64) -> (RecordClass, u64) {
    let share = |band: &Band| if band.bytes_min <= bytes_max { band.share_ppm } else { 0 };
    let band = &BANDS[stream.pick_weighted(&BANDS.each_ref().map(share))];
    (band.class, stream.uniform(band.bytes_min, band.bytes_max.min(bytes_max)))
}

/// Names a document.
///
/// # Panics
/// If the size does not fit into 56 bits.
pub fn locator(class: RecordClass, size_bytes: u64, unique: u64) -> Locator {
    assert!(size_bytes >> 56 == 0, "a document of {size_bytes} bytes");
    let mut locator = [0; 16];
    locator[..8].copy_from_slice(&(size_bytes << 8 | class as u64).to_le_bytes());
    locator[8..].copy_from_slice(&unique.to_le_bytes());
    locator
}

/// Exact size of the document.
pub fn size_of(locator: Locator) -> u64 {
    head(&locator) >> 8
}

/// Class of the document; `None` if no [`locator`] made this.
pub fn class_of(locator: Locator) -> Option<RecordClass> {
    CLASSES.get(usize::from(locator[0])).copied()
}

/// The ledger's size bucket: the document is at most `2^bucket` bytes.
pub fn size_bucket(size_bytes: u64) -> u8 {
    size_bytes.max(1).next_power_of_two().trailing_zeros() as u8
}

/// The document's bytes.
pub fn content(seed: &Seed, locator: Locator) -> Bytes {
    let mut stream = seed.stream(&format!("document/{:032x}", u128::from_le_bytes(locator)));
    let mut bytes = vec![0; size_of(locator) as usize];
    stream.fill_bytes(&mut bytes);
    bytes.into()
}

fn head(locator: &Locator) -> u64 {
    let (head, _) = locator.split_first_chunk::<8>().expect("a locator has 16 bytes");
    u64::from_le_bytes(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locator_says_what_it_names() {
        for (number, class) in CLASSES.into_iter().enumerate() {
            assert_eq!(class as usize, number);
            let named = locator(class, 7_654_321, u64::MAX);
            assert_eq!((class_of(named), size_of(named)), (Some(class), 7_654_321));
        }
        assert_ne!(locator(RecordClass::Imaging, 1, 2), locator(RecordClass::Imaging, 1, 3));
        assert_eq!(class_of([6; 16]), None);
    }

    #[test]
    fn content_follows_seed_and_locator() {
        let (here, there) = (Seed::new(1), Seed::new(2));
        let named = locator(RecordClass::Observation, 1_003, 5);
        assert_eq!(content(&here, named).len(), 1_003);
        assert_eq!(content(&here, named), content(&here, named));
        assert_ne!(content(&here, named), content(&there, named));
        assert_ne!(content(&here, named), content(&here, locator(RecordClass::Observation, 1_003, 6)));
    }

    #[test]
    fn shares_add_up_and_the_mean_is_modest() {
        let total: u64 = BANDS.iter().map(|band| u64::from(band.share_ppm)).sum();
        assert_eq!(total, 1_000_000);
        let mean: u64 =
            BANDS.iter().map(|b| u64::from(b.share_ppm) * (b.bytes_min + b.bytes_max) / 2).sum::<u64>()
                / 1_000_000;
        assert!((15_000..25_000).contains(&mean), "{mean}");
    }

    #[test]
    fn draws_follow_the_table() {
        let mut stream = Seed::new(3).stream("document");
        let mut counts = [0u64; BANDS.len()];
        let (mut total, draws) = (0, 1_000_000u64);
        let mut reports = Vec::new();
        for _ in 0..draws {
            let (class, size) = draw(&mut stream);
            let row = BANDS
                .iter()
                .position(|band| band.class == class && (band.bytes_min..=band.bytes_max).contains(&size));
            counts[row.expect("within a band")] += 1;
            total += size;
            if class == RecordClass::DiagnosticReport {
                reports.push(size);
            }
        }
        for (band, count) in BANDS.iter().zip(counts) {
            let expected = u64::from(band.share_ppm);
            // Six standard deviations of a Poisson count, and the one size that two bands share.
            let tolerance = 6 * expected.isqrt() + 10;
            assert!(count.abs_diff(expected) < tolerance, "{band:?}: {count}");
        }
        assert!((18_000..22_000).contains(&(total / draws)), "{}", total / draws);
        reports.sort_unstable();
        assert!(reports[reports.len() / 2].abs_diff(2_000) < 100, "{}", reports[reports.len() / 2]);
    }

    #[test]
    fn a_cap_holds() {
        let mut stream = Seed::new(3).stream("capped");
        assert!((0..100_000).all(|_| draw_from(&mut stream, 50_000).1 <= 50_000));
    }

    #[test]
    fn buckets_hold_their_documents() {
        let found: Vec<u8> = [0, 1, 2, 3, 1_024, 1_025, 4_000_000].map(size_bucket).to_vec();
        assert_eq!(found, [0, 0, 1, 2, 10, 11, 22]);
    }
}
