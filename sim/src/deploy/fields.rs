//! Reading what only configuration files have: keys in hexadecimal, addresses, moments, paths.

use crate::diagnostic::{Diagnostics, Position, Problems, Source, quote};
use crate::scenario::node::Node;
use crate::scenario::reader::{Field, Map};
use crate::scenario::yaml::{self, Subject};
use crate::scenario::{text_of, units};
use ledger_core::time::Duration;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{FILE_BYTES_MAX, FORMAT};

/// A configuration file as written.
pub(super) struct Document {
    pub source: Source,
    pub root: Node,
    pub problems: Problems,
    /// What paths in it are relative to.
    pub folder: PathBuf,
}

impl Document {
    /// Reads a file.
    pub fn read(path: &Path, subject: Subject) -> Result<Self, Diagnostics> {
        let text = text_of(path, subject.noun, FILE_BYTES_MAX)?;
        let source = Source { name: path.display().to_string(), text, is_argument: false };
        let mut problems = Problems::default();
        let root = yaml::parse(&source.text, subject, 0, 0, &mut problems);
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        match root {
            Some(root) => Ok(Self { source, root, problems, folder }),
            None => Err(Diagnostics::new(vec![source], problems)),
        }
    }

    /// The root's keys; `format` is checked.
    pub fn map<'a>(root: &'a Node, problems: &mut Problems, example: &str) -> Option<Map<'a>> {
        let mut map = Field::root(root).map(problems, example)?;
        if let Some(format) = map.required("format", "1").and_then(|field| {
            let found = field.read(problems, &units::INTEGER)?;
            (found != FORMAT).then_some((field, found))
        }) {
            let report = format.0.wrong(problems, format!("format {} is not known here", format.1));
            report.help(format!("this program reads format {FORMAT}"));
        }
        Some(map)
    }

    /// The file's mistakes, if it has any, then those of the file that it names.
    pub fn finish(self, value: Option<impl Sized>, other: Option<Diagnostics>) -> Result<(), Diagnostics> {
        let own = (!self.problems.0.is_empty()).then(|| Diagnostics::new(vec![self.source], self.problems));
        match (own, other) {
            (None, None) => {
                debug_assert!(value.is_some(), "what is missing was reported");
                Ok(())
            }
            (Some(own), None) => Err(own),
            (None, Some(other)) => Err(other),
            (Some(own), Some(other)) => Err(own.and(other)),
        }
    }
}

/// 32 bytes in hexadecimal.
pub(super) fn hex32(field: &Field<'_>, problems: &mut Problems) -> Option<[u8; 32]> {
    const EXPECTED: &str = "32 bytes as 64 digits of 0 to 9 and a to f";
    let text = field.text(problems, EXPECTED)?;
    let bytes = parse_hex32(text);
    if bytes.is_none() {
        let digits = text.chars().count();
        let report = field.wrong(problems, format!("{} is not a hash or key", quote(text)));
        report.help(format!("expected {EXPECTED}; these are {digits} characters"));
    }
    bytes
}

/// 32 bytes of 64 lower-case hexadecimal digits.
pub fn parse_hex32(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `host:port`, not resolved: names may come to life later.
pub(super) fn address(field: &Field<'_>, problems: &mut Problems) -> Option<String> {
    const EXPECTED: &str = "host:port, as in `replica-0.example.org:7000` or `[::1]:7000`";
    let text = field.text(problems, EXPECTED)?;
    let fits = text.rsplit_once(':').is_some_and(|(host, port)| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let named = bare.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c));
        !bare.is_empty() && named && (bracketed || !bare.contains(':')) && port.parse::<u16>().is_ok()
    });
    if !fits {
        let report = field.wrong(problems, format!("{} is not an address", quote(text)));
        report.help(format!("expected {EXPECTED}"));
        return None;
    }
    Some(text.to_owned())
}

/// A moment of the wall clock, as nanoseconds since 1970.
pub(super) fn moment(field: &Field<'_>, problems: &mut Problems) -> Option<SystemTime> {
    const EXPECTED: &str = "a moment in UTC, as in `2026-11-22T21:00:00Z`";
    let text = field.text(problems, EXPECTED)?;
    let moment = humantime::parse_rfc3339(text).ok();
    if moment.is_none() {
        let report = field.wrong(problems, format!("{} is not a moment", quote(text)));
        report.help(format!("expected {EXPECTED}"));
    }
    moment
}

/// What [`moment`] reads.
pub(super) fn show_moment(moment: SystemTime) -> String {
    humantime::format_rfc3339_nanos(moment).to_string()
}

/// A path, relative to the file.
pub(super) fn path(field: &Field<'_>, folder: &Path, problems: &mut Problems) -> Option<PathBuf> {
    let text = field.text(problems, "a path, relative to this file")?;
    Some(folder.join(text))
}

/// A duration within bounds.
pub(super) fn duration(
    field: &Field<'_>,
    problems: &mut Problems,
    least: (Duration, &str),
    most: (Duration, &str),
) -> Option<Duration> {
    field.within(problems, &units::DURATION, least, most)
}

/// Remembers what was seen where, and reports what is there twice.
pub(super) struct Unique<T> {
    what: &'static str,
    seen: std::collections::BTreeMap<T, usize>,
}

impl<T: Ord> Unique<T> {
    pub fn new(what: &'static str) -> Self {
        Self { what, seen: std::collections::BTreeMap::new() }
    }

    pub fn add(&mut self, value: T, field: &Field<'_>, problems: &mut Problems) {
        let Position { line, .. } = field.node.position;
        if let Some(first) = self.seen.insert(value, line) {
            let report = field.wrong(problems, format!("this {} is there twice", self.what));
            report.help(format!("it is already on line {first}; every member has its own"));
        }
    }
}
