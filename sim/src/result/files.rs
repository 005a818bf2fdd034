//! The directory of a run: `series.csv`, a `.hgrm` per latency, `report.html`, `committee.json` and a few receipts for
//! `amanah verify`, and `result.json` last.

use super::{FILE_BYTES_MAX, FILE_NAME, ReadError, ResultFile, series};
use crate::history::Run;
use crate::metrics::Metrics;
use crate::proof::committee;
use crate::report::html;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Distributions that are written beside the result.
const HISTOGRAMS: &[&str] = &["transactions.latency", "commit.latency", "share.latency"];

/// Per-second series.
const SERIES_NAME: &str = "series.csv";
/// The page about the run.
pub const REPORT_NAME: &str = "report.html";

/// What stands beside `result.json` and is shown with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Text of `series.csv`; empty if there is none.
    pub series: String,
    /// Family and text of each `.hgrm`.
    pub histograms: Vec<(String, String)>,
}

impl Beside {
    /// Of a run.
    pub fn of(run: &Run, metrics: &Metrics) -> Self {
        let histogram = |family: &&'static str| {
            Some(((*family).to_owned(), metrics.latencies.get(family)?.percentile_text()))
        };
        Self {
            series: series::text(run, &metrics.seconds),
            histograms: HISTOGRAMS.iter().filter_map(histogram).collect(),
        }
    }

    /// From the directory of a result; what is not there is left out.
    ///
    /// # Errors
    /// If something is there and cannot be read.
    pub fn read(directory: &Path) -> Result<Self, ReadError> {
        let text = |name: String| {
            let file = directory.join(name);
            match fs::metadata(&file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Ok(metadata) if metadata.len() > FILE_BYTES_MAX => {
                    return Err(ReadError::TooLarge { file, bytes: metadata.len() });
                }
                Ok(_) | Err(_) => {}
            }
            fs::read_to_string(&file).map(Some).map_err(|error| ReadError::Io { file, error })
        };
        let mut beside =
            Self { series: text(SERIES_NAME.to_owned())?.unwrap_or_default(), ..Self::default() };
        for family in HISTOGRAMS {
            let histogram = text(format!("{family}.hgrm"))?;
            beside.histograms.extend(histogram.map(|text| ((*family).to_owned(), text)));
        }
        Ok(beside)
    }
}

/// Where receipts are.
const RECEIPTS: &str = "receipts";
/// Receipts that are written: enough to try, few enough to ignore.
const RECEIPTS_MAX: usize = 8;

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written: {error}", file.display())]
pub struct WriteError {
    file: PathBuf,
    error: io::Error,
}

/// Makes sure that results can be written, before a long run finds out that they cannot.
///
/// # Errors
/// If the directory cannot be made or written to.
pub fn prepare(directory: &Path) -> Result<(), WriteError> {
    let probe = directory.join(".probe.tmp");
    let remove = || match fs::remove_file(&probe) {
        // Somebody else tries the same directory at the same time, and was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    let tried = fs::create_dir_all(directory).and_then(|()| File::create(&probe)).and_then(|_| remove());
    tried.map_err(|error| WriteError { file: directory.to_owned(), error })
}

/// Writes everything, the result last. Files of an earlier run in the directory are replaced.
///
/// # Errors
/// At the first file that cannot be written.
pub fn write(
    directory: &Path,
    run: &Run,
    metrics: &Metrics,
    result: &ResultFile,
) -> Result<PathBuf, WriteError> {
    prepare(directory)?;
    let file = directory.join(FILE_NAME);
    // An old result must not stand beside new series if this process dies in between.
    if let Err(error) = fs::remove_file(&file)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(WriteError { file, error });
    }
    let beside = Beside::of(run, metrics);
    whole(&directory.join(SERIES_NAME), &beside.series)?;
    for family in HISTOGRAMS {
        let file = directory.join(format!("{family}.hgrm"));
        match beside.histograms.iter().find(|(name, _)| name == family) {
            Some((_, text)) => whole(&file, text)?,
            // One of an earlier run would be taken for this one's.
            None => match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(WriteError { file, error });
                }
                Ok(()) | Err(_) => {}
            },
        }
    }
    whole(&directory.join(REPORT_NAME), &html::run(result, &beside, None))?;
    whole(&directory.join(committee::FILE_NAME), &committee::to_json(&run.committee))?;
    write_receipts(&directory.join(RECEIPTS), run)?;
    whole(&file, &result.to_json())?;
    Ok(file)
}

/// The first few of the receipts that replicas were asked for at the end. Those of an earlier run would be of another
/// chain: they go.
fn write_receipts(directory: &Path, run: &Run) -> Result<(), WriteError> {
    let failed = |error| WriteError { file: directory.to_owned(), error };
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {}
    }
    let receipts =
        run.history.receipts.iter().filter_map(|(_, index, receipt)| Some((index, receipt.as_ref()?)));
    let receipts: BTreeMap<_, _> = receipts.collect();
    if receipts.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(directory).map_err(failed)?;
    for (index, receipt) in receipts.into_iter().take(RECEIPTS_MAX) {
        whole(&directory.join(format!("{index:08}.tlog-proof")), &receipt.to_text(&run.committee))?;
    }
    Ok(())
}

/// Writes a file whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub fn write_text(file: &Path, text: &str) -> Result<(), WriteError> {
    whole(file, text)
}

/// Beside its place first, then moved there.
fn whole(file: &Path, text: &str) -> Result<(), WriteError> {
    let mut name = file.as_os_str().to_owned();
    name.push(".tmp");
    let beside = PathBuf::from(name);
    let written = File::create(&beside)
        .and_then(|mut open| open.write_all(text.as_bytes()).and_then(|()| open.sync_all()))
        .and_then(|()| fs::rename(&beside, file));
    written.map_err(|error| {
        // What is left of it is of no use; the first error is the one to tell.
        let _ = fs::remove_file(&beside);
        WriteError { file: file.to_owned(), error }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fake;

    #[test]
    fn many_may_try_one_directory_at_once() {
        let directory = std::env::temp_dir().join(format!("amanah-probe-{}", std::process::id()));
        std::thread::scope(|scope| {
            let tries = || (0..200).try_for_each(|_| prepare(&directory));
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(tries)).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
        });
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_run_leaves_a_whole_directory() {
        let directory = std::env::temp_dir().join(format!("amanah-files-{}", std::process::id()));
        let run = fake::run(&fake::plan());
        let metrics = Metrics::of(&run);
        let result = ResultFile::new(&run, &metrics, &[], &[], String::new());
        for _ in 0..2 {
            let file = write(&directory, &run, &metrics, &result).unwrap();
            assert_eq!(ResultFile::read(&file).unwrap(), result);
            assert_eq!(ResultFile::read(&directory).unwrap(), result);
            assert_eq!(Beside::read(&directory).unwrap(), Beside::of(&run, &metrics));
        }
        let mut names: Vec<String> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected = [
            "commit.latency.hgrm",
            "committee.json",
            "report.html",
            "result.json",
            "series.csv",
            "share.latency.hgrm",
            "transactions.latency.hgrm",
        ];
        assert_eq!(names, expected);
        let series = fs::read_to_string(directory.join("series.csv")).unwrap();
        assert_eq!(series.lines().count(), 26);
        assert!(series.contains("\n4,warmup,100,90,"), "{series}");
        assert!(series.contains("\n14,measurement,100,0,0,"), "{series}");
        fs::remove_dir_all(directory).unwrap();
    }
}
