//! `replica-N.yaml`: what one replica's process needs beside the public description.

use super::fields::{self, Document, hex};
use super::{Consortium, SecretSeed};
use crate::diagnostic::{Diagnostics, Problems};
use crate::scenario::reader::Field;
use crate::scenario::units;
use crate::scenario::yaml::Subject;
use ledger_core::committee::ReplicaId;
use ledger_core::time::Duration;
use std::path::{Path, PathBuf};

const SUBJECT: Subject =
    Subject { noun: "replica's configuration", shortest: "format, consortium, id, key, listen and data" };
const WORKERS_MAX: u64 = 1_024;
/// Journal: bytes of a segment file.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Journal: bytes after which a snapshot is written and what precedes it is deleted.
const JOURNAL_BYTES: u64 = 256 << 20;

/// One replica, complete and consistent with its consortium.
#[derive(Clone, Debug)]
pub struct ReplicaFile {
    /// Whose replica it is.
    pub consortium: Consortium,
    /// Which one.
    pub id: ReplicaId,
    /// Its key: the one that the consortium names.
    pub key: SecretSeed,
    /// `host:port` of its UDP socket.
    pub listen: String,
    /// Directory of its journal.
    pub data: PathBuf,
    /// Its journal was lost, and the ledger is not new: it asks the others before it signs anything.
    pub journal_lost: bool,
    /// Threads for stateless work, besides the machine's own; `None`: one fewer than there are cores.
    pub workers: Option<usize>,
    /// `host:port` of health and metrics over HTTP; `None`: none.
    pub metrics: Option<String>,
    /// Bytes of a journal segment.
    pub segment_bytes: u64,
    /// Journal bytes after which a snapshot is written.
    pub journal_bytes_max: u64,
    /// Where reports of commits go, for a testbed; `stdout` for the process's own.
    pub report: Option<PathBuf>,
    /// Opaque load made inside the process, for ordering benchmarks.
    pub load: Option<LoadPlan>,
}

/// Opaque submissions of a replica to itself, open loop, equal gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadPlan {
    /// Submissions a second, in thousandths.
    pub rate_mhz: u64,
    /// Bytes each.
    pub size_bytes: usize,
    /// Of the bytes that fill them.
    pub seed: u64,
    /// First one, after the consortium's genesis time; `None`: when a line on standard input says `start` and the
    /// nanoseconds since genesis.
    pub start: Option<Duration>,
    /// From the first to the end.
    pub duration: Duration,
    /// One in so many is reported with its times; the rest are counted and enter the histogram.
    pub sample: u64,
}

impl ReplicaFile {
    /// Reads a file and what it names.
    ///
    /// # Errors
    /// Every mistake in it and in its consortium's file.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let mut document = Document::read(path, SUBJECT)?;
        let mut problems = std::mem::take(&mut document.problems);
        let mut other = None;
        let replica = read(&document, &mut problems, &mut other);
        document.problems = problems;
        document.finish(replica.as_ref(), other)?;
        Ok(replica.expect("a file without a mistake is complete"))
    }
}

/// The consortium that a file names; its mistakes go to `other`.
pub(super) fn named_consortium(
    field: &Field<'_>,
    folder: &Path,
    problems: &mut Problems,
    other: &mut Option<Diagnostics>,
) -> Option<Consortium> {
    match Consortium::read(&fields::path(field, folder, problems)?) {
        Ok(consortium) => Some(consortium),
        Err(errors) => {
            *other = Some(errors);
            None
        }
    }
}

/// The secret in the file that a field names.
pub(super) fn secret(field: &Field<'_>, folder: &Path, problems: &mut Problems) -> Option<SecretSeed> {
    let file = fields::path(field, folder, problems)?;
    SecretSeed::read(&file).map_err(|error| field.wrong(problems, error.to_string())).ok()
}

fn read(
    document: &Document,
    problems: &mut Problems,
    other: &mut Option<Diagnostics>,
) -> Option<ReplicaFile> {
    let folder = &document.folder;
    let mut root = Document::map(&document.root, problems, "the keys of a replica, as in `format: 1`")?;
    let consortium = root.required("consortium", "consortium.yaml");
    let consortium = consortium.and_then(|field| named_consortium(&field, folder, problems, other));
    let id = root.required("id", "0").and_then(|field| {
        let id = field.read(problems, &units::INTEGER)?;
        let count = consortium.as_ref().map_or(usize::MAX, |consortium| consortium.replicas.len());
        if id as usize >= count {
            let report = field.wrong(problems, format!("replica {id} does not exist"));
            report.help(format!("the consortium has 0 to {}", count - 1));
            return None;
        }
        Some(ReplicaId(id as u16))
    });
    let key = root.required("key", "replica-0.key").and_then(|field| {
        let key = secret(&field, folder, problems)?;
        let (consortium, id) = (consortium.as_ref()?, id?);
        let named = consortium.replicas[id.index()].member.key;
        if key.public() != named {
            let report = field.wrong(problems, format!("it is not the key of replica {}", id.0));
            report.help(format!("its public key is {}", hex(&key.public().0)));
            report.help(format!("the consortium names {}", hex(&named.0)));
            return None;
        }
        Some(key)
    });
    let listen = root.required("listen", "0.0.0.0:7000");
    let listen = listen.and_then(|field| fields::address(&field, problems));
    let data = root.required("data", "data/replica-0");
    let data = data.and_then(|field| fields::path(&field, folder, problems));
    let journal_lost = root.optional("journal_lost").map_or(Some(false), |field| {
        match field.text(problems, "`true` or `false`")? {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                let found = format!("{} is neither `true` nor `false`", crate::diagnostic::quote(other));
                let report = field.wrong(problems, found);
                report.help(
                    "`true` for a replica that starts again with an empty directory, or an older copy of it",
                );
                None
            }
        }
    });
    let workers = root.optional("workers").map_or(Some(None), |field| {
        let workers = field.within(problems, &units::COUNT, (0, "0"), (WORKERS_MAX, "1024"))?;
        Some(Some(workers as usize))
    });
    let metrics = root.optional("metrics");
    let metrics = metrics.map_or(Some(None), |field| fields::address(&field, problems).map(Some));
    let journal = root.optional("journal");
    let journal = journal.map_or(Some((SEGMENT_BYTES, JOURNAL_BYTES)), |field| journal_of(&field, problems));
    let report = root.optional("report").map_or(Some(None), |field| {
        let stdout = field.text(problems, "`stdout` or a path")? == "stdout";
        let path =
            if stdout { Some(PathBuf::from("/dev/stdout")) } else { fields::path(&field, folder, problems) };
        path.map(Some)
    });
    let executes = consortium.as_ref().is_some_and(|consortium| consortium.genesis.is_some());
    let load = root.optional("load").map_or(Some(None), |field| {
        if executes {
            let report = field.wrong(problems, "opaque load where a ledger executes");
            report.help("remove it, or remove `genesis` from the consortium: then bytes are ordered only");
        }
        load_of(&field, problems).map(Some)
    });
    root.finish(problems);
    let (segment_bytes, journal_bytes_max) = journal?;
    Some(ReplicaFile {
        consortium: consortium?,
        id: id?,
        key: key?,
        listen: listen?,
        data: data?,
        journal_lost: journal_lost?,
        workers: workers?,
        metrics: metrics?,
        segment_bytes,
        journal_bytes_max,
        report: report?,
        load: load?,
    })
}

fn journal_of(field: &Field<'_>, problems: &mut Problems) -> Option<(u64, u64)> {
    let mut map =
        field.map(problems, "a map, as in `journal: { segment: 64MiB, snapshot_after: 256MiB }`")?;
    let (least, most) = ((1 << 20, "1MiB"), (1 << 40, "1024GiB"));
    let mut size = |key, default| {
        let field = map.optional(key);
        field.map_or(Some(default), |field| field.within(problems, &units::SIZE, least, most))
    };
    let (segment, snapshot_after) = (size("segment", SEGMENT_BYTES), size("snapshot_after", JOURNAL_BYTES));
    map.finish(problems);
    Some((segment?, snapshot_after?))
}

fn load_of(field: &Field<'_>, problems: &mut Problems) -> Option<LoadPlan> {
    let example = "a map, as in `load: { rate: 20k/s, size: 512B, seed: 1, start: 2s, duration: 60s }`";
    let mut map = field.map(problems, example)?;
    let rate = map.required("rate", "20k/s").and_then(|field| {
        field.within(problems, &units::RATE, (1, "one in 1000 s"), (10_000_000_000, "10M/s"))
    });
    let size = map.required("size", "512B");
    let size = size.and_then(|field| field.within(problems, &units::SIZE, (16, "16B"), (64 << 10, "64KiB")));
    let seed = map.optional("seed").map_or(Some(1), |field| field.read(problems, &units::INTEGER));
    let (least, most) = ((Duration::ZERO, "0s"), (Duration::from_secs(366 * 86_400), "366d"));
    let start = map.required("start", "2s").and_then(|field| {
        match field.text(problems, "a duration, or `stdin`")? {
            "stdin" => Some(None),
            _ => fields::duration(&field, problems, least, most).map(Some),
        }
    });
    let length = map.required("duration", "60s");
    let length = length.and_then(|field| fields::duration(&field, problems, least, most));
    let sample = map.optional("sample").map_or(Some(1), |field| {
        field.within(problems, &units::COUNT, (1, "1"), (1_000_000_000, "1 billion"))
    });
    map.finish(problems);
    Some(LoadPlan {
        rate_mhz: rate?,
        size_bytes: size? as usize,
        seed: seed?,
        start: start?,
        duration: length?,
        sample: sample?,
    })
}
