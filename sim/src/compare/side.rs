//! What is compared: a result, or all results in a directory.

use crate::result::{FILE_NAME, ReadError, ResultFile};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How deep results are looked for: `results/<sweep>/<cell>/<run>/result.json` is three directories down.
const DEPTH_MAX: usize = 4;
/// Results that one side may have.
const RUNS_MAX: usize = 10_000;

/// One side of a comparison.
#[derive(Debug)]
pub struct Side {
    /// As it was given.
    pub name: String,
    /// Where each result is, and the result, in the order of their paths.
    pub runs: Vec<(PathBuf, ResultFile)>,
}

impl Side {
    /// A result file, the directory of one, or a directory with several below it.
    ///
    /// # Errors
    /// If there is none, or one cannot be read.
    pub fn read(path: &Path) -> Result<Self, SideError> {
        let mut files = Vec::new();
        if path.is_dir() {
            find(path, DEPTH_MAX, &mut files)
                .map_err(|error| SideError::Io { path: path.to_owned(), error })?;
        } else {
            files.push(path.to_owned());
        }
        match files.len() {
            0 => return Err(SideError::None { path: path.to_owned() }),
            runs if runs > RUNS_MAX => return Err(SideError::TooMany { path: path.to_owned(), runs }),
            _ => {}
        }
        let runs: Result<Vec<_>, ReadError> =
            files.into_iter().map(|file| ResultFile::read(&file).map(|result| (file, result))).collect();
        Ok(Self { name: path.display().to_string(), runs: runs? })
    }
}

/// A result ends the search below its directory.
fn find(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let file = directory.join(FILE_NAME);
    if file.is_file() {
        files.push(file);
        return Ok(());
    }
    if depth == 0 {
        return Ok(());
    }
    let mut inside: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    inside.sort();
    inside.into_iter().filter(|path| path.is_dir()).try_for_each(|path| find(&path, depth - 1, files))
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum SideError {
    #[error("{}: has no {FILE_NAME}, and no directory in it has one\n  = `amanah run --out {}` leaves one there", path.display(), path.display())]
    None { path: PathBuf },
    #[error("{}: has {runs} results; at most {RUNS_MAX} are compared", path.display())]
    TooMany { path: PathBuf, runs: usize },
    #[error("{}: cannot be read: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Result(#[from] ReadError),
}
