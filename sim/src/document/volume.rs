//! How large documents are: classes and sizes are drawn from [`BANDS`], which holds published figures.

use crate::seed::Stream;
use ledger_core::ledger::transaction::RecordClass;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

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
}
