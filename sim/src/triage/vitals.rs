//! Simulated patients and what devices read off them, all in integers.
//!
//! A [`Patient`] has signs at rest, each drawn from a bell around a healthy adult's, a benign disturbance (exercise,
//! pain, anxiety, a fever that means nothing) that moves some signs although nothing is wrong, and a way to decline:
//! as in sepsis, in respiratory failure, or by bleeding. Each shifts the signs in its own pattern, in proportion to
//! *severity*, 0 to 1,000 thousandths, and by a susceptibility of the patient's own. [`SEVERE`] is the ground truth of
//! deterioration. Directions and rough sizes follow the textbooks' early signs (Royal College of Physicians 2017,
//! chapter 3); they are made up to be plausible and are no model of any cohort. Hours are compressed into minutes.

use crate::seed::Stream;
use ledger_core::audit::{AuditLog, leaf_hash};
use ledger_core::crypto::Digest;

/// Severity from which a patient counts as deteriorated, thousandths.
pub const SEVERE: u32 = 500;
/// Most severe.
pub const SEVERITY_MAX: u32 = 1_000;
/// Bytes of a reading's salt.
pub const SALT_BYTES: usize = 16;
/// Bytes of an encoded reading.
const READING_BYTES: usize = 11;

/// ACVPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Consciousness {
    Alert,
    Confused,
    Voice,
    Pain,
    Unresponsive,
}

/// What a device reads off at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Beats a minute.
    pub heart_rate: u16,
    /// Breaths a minute.
    pub respiration: u16,
    /// SpO2, per cent.
    pub saturation: u16,
    /// Tenths of a degree Celsius.
    pub temperature: u16,
    /// Systolic blood pressure, mmHg.
    pub systolic: u16,
    /// ACVPU.
    pub consciousness: Consciousness,
}

impl Reading {
    /// The leaf's content after its salt: little-endian, in the order of the fields.
    pub fn encode(&self) -> [u8; READING_BYTES] {
        let mut bytes = [0; READING_BYTES];
        let signs = [self.heart_rate, self.respiration, self.saturation, self.temperature, self.systolic];
        for (place, sign) in bytes.chunks_exact_mut(2).zip(signs) {
            place.copy_from_slice(&sign.to_le_bytes());
        }
        bytes[READING_BYTES - 1] = self.consciousness as u8;
        bytes
    }
}

/// Shift of each sign at full severity: heart rate, respiration, saturation, temperature, systolic.
type Shift = [i64; 5];

/// Ways to decline.
const DECLINES: [Shift; 3] = [
    // Sepsis.
    [45, 11, -5, 17, -38],
    // Respiratory failure.
    [32, 14, -10, 3, 8],
    // Bleeding.
    [55, 7, -2, -6, -48],
];
/// Benign disturbances at their fullest.
const BENIGN: [Shift; 3] = [[30, 6, -1, 2, 18], [18, 2, 0, 14, 4], [-16, -3, -2, -3, -16]];
/// At rest, and how far a bell reaches to either side.
const REST: [(i64, i64); 5] = [(76, 20), (16, 4), (97, 3), (368, 6), (126, 26)];
/// How far readings scatter.
const SCATTER: [i64; 5] = [6, 3, 1, 2, 9];
/// Severity from which consciousness may suffer.
const CONFUSED_FROM: u32 = 700;

/// Somebody, and how they would decline.
#[derive(Clone, Debug)]
pub struct Patient {
    rest: Shift,
    benign: Shift,
    decline: Shift,
    /// Confused at high severity.
    confusable: bool,
    /// On supplemental oxygen.
    pub oxygen: bool,
    /// Known hypercapnic failure: SpO2 on NEWS2's scale 2.
    pub hypercapnic: bool,
}

/// Between `-reach` and `reach`, mostly in the middle: the mean of four uniform draws.
fn bell(stream: &mut Stream, reach: i64) -> i64 {
    let width = 2 * reach as u64;
    let sum: u64 = (0..4).map(|_| stream.uniform(0, width)).sum();
    (sum as i64 - 4 * reach) / 4
}

impl Patient {
    /// Somebody drawn.
    pub fn draw(stream: &mut Stream) -> Self {
        let hypercapnic = stream.chance(4, 100);
        let oxygen = stream.chance(if hypercapnic { 40 } else { 6 }, 100);
        let mut rest = REST.map(|(middle, reach)| middle + bell(stream, reach));
        if hypercapnic {
            rest[2] -= 7;
        }
        let kind = stream.below(BENIGN.len() as u64) as usize;
        // Squared, so that most disturbances are slight.
        let fullness = stream.below(1_000).pow(2) / 1_000;
        let benign = BENIGN[kind].map(|shift| shift * fullness as i64 / 1_000);
        let kind = stream.below(DECLINES.len() as u64) as usize;
        let decline = DECLINES[kind].map(|shift| shift * stream.uniform(500, 1_300) as i64 / 1_000);
        Self { rest, benign, decline, confusable: stream.chance(1, 2), oxygen, hypercapnic }
    }

    /// What a device reads at a severity, thousandths.
    pub fn read(&self, severity: u32, stream: &mut Stream) -> Reading {
        let mut signs = [0; 5];
        for (sign, place) in signs.iter_mut().enumerate() {
            let declined = self.decline[sign] * i64::from(severity) / i64::from(SEVERITY_MAX);
            *place = self.rest[sign] + self.benign[sign] + declined + bell(stream, SCATTER[sign]);
        }
        let confused = self.confusable && severity >= CONFUSED_FROM && stream.chance(1, 8);
        let within = |sign: usize, low: i64, high: i64| signs[sign].clamp(low, high) as u16;
        Reading {
            heart_rate: within(0, 20, 230),
            respiration: within(1, 4, 60),
            saturation: within(2, 60, 100),
            temperature: within(3, 330, 420),
            systolic: within(4, 50, 260),
            consciousness: if confused { Consciousness::Confused } else { Consciousness::Alert },
        }
    }
}

/// How severity moves from the beginning of a batch to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// At the first reading, thousandths.
    pub from: u32,
    /// At the last.
    pub to: u32,
}

impl Course {
    /// Whether the patient has deteriorated at its end: the ground truth.
    pub fn is_severe(self) -> bool {
        self.to >= SEVERE
    }

    fn at(self, index: u64, count: u64) -> u32 {
        let (from, to) = (u64::from(self.from), u64::from(self.to));
        let last = count.saturating_sub(1).max(1);
        ((from * (last - index.min(last)) + to * index.min(last)) / last) as u32
    }
}

/// Readings that follow each other, and their salts.
#[derive(Clone, Debug)]
pub struct Batch {
    /// In order.
    pub readings: Vec<Reading>,
    salts: Vec<u8>,
}

impl Batch {
    /// `count` readings of a patient, salted from a key that stays with the hospital.
    pub fn read(
        patient: &Patient,
        course: Course,
        count: u32,
        salt_key: &[u8; 32],
        stream: &mut Stream,
    ) -> Self {
        let count = u64::from(count);
        let readings = (0..count).map(|index| patient.read(course.at(index, count), stream)).collect();
        let mut salts = vec![0; count as usize * SALT_BYTES];
        blake3::Hasher::new_keyed(salt_key).finalize_xof().fill(&mut salts);
        Self { readings, salts }
    }

    /// RFC 6962 root over salt ‖ reading: without its salt nobody finds a reading by trying all.
    pub fn root(&self) -> Digest {
        let mut log = AuditLog::default();
        let mut leaf = [0; SALT_BYTES + READING_BYTES];
        for (reading, salt) in self.readings.iter().zip(self.salts.chunks_exact(SALT_BYTES)) {
            leaf[..SALT_BYTES].copy_from_slice(salt);
            leaf[SALT_BYTES..].copy_from_slice(&reading.encode());
            log.append(leaf_hash(&leaf));
        }
        log.root()
    }
}

/// What a decision is made from: means of readings, in tenths of their units, and how they change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Means in tenths: heart rate, respiration, saturation, temperature (in tenths of tenths), systolic.
    pub means: [i32; 5],
    /// Means of the last quarter less those of the first.
    pub changes: [i32; 5],
    /// The means rounded half up, and the worst consciousness.
    pub reading: Reading,
}

impl Summary {
    /// Of at least one reading.
    pub fn of(readings: &[Reading]) -> Self {
        let means = means(readings);
        let quarter = readings.len().div_ceil(4);
        let (first, last) =
            (means_of(readings, 0, quarter), means_of(readings, readings.len() - quarter, quarter));
        let mut changes = [0; 5];
        for (sign, change) in changes.iter_mut().enumerate() {
            *change = last[sign] - first[sign];
        }
        let [heart_rate, respiration, saturation, temperature, systolic] =
            means.map(|tenths| ((tenths + 5) / 10) as u16);
        let worst = readings.iter().map(|reading| reading.consciousness).max();
        let consciousness = worst.unwrap_or(Consciousness::Alert);
        let reading = Reading { heart_rate, respiration, saturation, temperature, systolic, consciousness };
        Self { means, changes, reading }
    }
}

fn means_of(readings: &[Reading], from: usize, count: usize) -> [i32; 5] {
    means(&readings[from..from + count])
}

fn means(readings: &[Reading]) -> [i32; 5] {
    let mut sums = [0_u64; 5];
    for reading in readings {
        let signs = [
            reading.heart_rate,
            reading.respiration,
            reading.saturation,
            reading.temperature,
            reading.systolic,
        ];
        for (sum, sign) in sums.iter_mut().zip(signs) {
            *sum += u64::from(sign);
        }
    }
    sums.map(|sum| (sum * 10 / readings.len().max(1) as u64) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn a_root_binds_every_reading_its_place_and_its_salt() {
        let mut stream = Seed::new(1).stream("test");
        let patient = Patient::draw(&mut stream);
        let batch = Batch::read(&patient, Course::default(), 7, &[1; 32], &mut stream);
        let leaf = |index: usize| {
            let salt = &batch.salts[index * SALT_BYTES..][..SALT_BYTES];
            Digest::sha256(&[&[0], salt, &batch.readings[index].encode()])
        };
        // RFC 6962 section 2.1, seven leaves: ((0 1) (2 3)) ((4 5) 6).
        let node = |left: Digest, right: Digest| Digest::sha256(&[&[1], &left.0, &right.0]);
        let left = node(node(leaf(0), leaf(1)), node(leaf(2), leaf(3)));
        let right = node(node(leaf(4), leaf(5)), leaf(6));
        assert_eq!(batch.root(), node(left, right));
        let mut other = batch.clone();
        other.readings.swap(0, 6);
        assert!(other.root() != batch.root() || batch.readings[0] == batch.readings[6]);
        let other = Batch { salts: vec![0; batch.salts.len()], ..batch.clone() };
        assert_ne!(other.root(), batch.root());
    }

    #[test]
    fn the_severe_look_worse() {
        let mut stream = Seed::new(2).stream("test");
        let mut totals = [0_u32; 2];
        for _ in 0..500 {
            let patient = Patient::draw(&mut stream);
            for (place, severity) in [0, 900].into_iter().enumerate() {
                let course = Course { from: severity, to: severity };
                let batch = Batch::read(&patient, course, 8, &[0; 32], &mut stream);
                let summary = Summary::of(&batch.readings);
                let news2 = super::super::news2::score(&summary.reading, patient.oxygen, patient.hypercapnic);
                totals[place] += u32::from(news2.total);
            }
        }
        assert!(totals[0] < 500 * 2 && totals[1] > 500 * 5, "{totals:?}");
    }

    #[test]
    fn a_course_goes_from_its_beginning_to_its_end() {
        let course = Course { from: 100, to: 700 };
        assert_eq!((course.at(0, 5), course.at(2, 5), course.at(4, 5)), (100, 400, 700));
        assert_eq!((course.at(0, 1), course.is_severe()), (100, true));
    }
}
