//! Fillings: sentences, and pictures.

use crate::seed::Stream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Media type of a portable graymap.
pub(super) const GRAYMAP: &str = "image/x-portable-graymap";

const SENTENCES: [&str; 12] = [
    "Patient seated and at rest for five minutes before the measurement.",
    "Repeated once; the second value is given.",
    "No change since the last visit.",
    "Discussed with the patient, who agrees with the plan.",
    "Cuff size suited to the arm.",
    "Specimen not haemolysed.",
    "Follow-up in three months, earlier if symptoms return.",
    "To be taken with food and a glass of water.",
    "No known adverse reaction to this medicine.",
    "Result released without manual review.",
    "Compared with the values of the previous year.",
    "Patient reports good adherence.",
];

/// Whole sentences of about `bytes` bytes, none if it is less than half of a sentence.
pub(super) fn prose(stream: &mut Stream, bytes: usize) -> String {
    let mut text = String::new();
    while text.len() + 24 < bytes {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(SENTENCES[stream.below(SENTENCES.len() as u64) as usize]);
    }
    text
}

/// A picture of 8-bit grey values (netpbm's P5) whose base64 has about `bytes` bytes: four in five as wide as high. The
/// values are noise, so that nothing on the way compresses them.
pub(super) fn graymap_base64(stream: &mut Stream, bytes: usize) -> String {
    let pixels = (bytes as u64 * 3 / 4).max(64);
    let width = (pixels * 4 / 5).isqrt().max(1);
    let height = (pixels / width).max(1);
    let mut picture = format!("P5\n{width} {height}\n255\n").into_bytes();
    let head = picture.len();
    picture.resize(head + (width * height) as usize, 0);
    stream.fill_bytes(&mut picture[head..]);
    STANDARD.encode(&picture)
}

/// How many bytes a base64 text stands for.
pub(super) fn decoded_bytes(base64: &str) -> u64 {
    let padding = base64.bytes().rev().take_while(|byte| *byte == b'=').count();
    (base64.len() / 4 * 3 - padding) as u64
}
