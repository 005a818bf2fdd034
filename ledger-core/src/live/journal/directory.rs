//! A journal's files in a directory of the host, for one process at a time.

use super::direct::{BLOCK, DirectFile};
use super::{JournalError, Storage};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file that a process locks while it uses the directory. The kernel unlocks it when the process ends, however.
const LOCK: &str = "lock";

/// A directory. Holds its lock.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Open to be synced.
    names: File,
    _lock: File,
}

impl Directory {
    /// Locks a directory, which is made if it is not there.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let failed = |action, path: &Path| {
            let path = path.to_path_buf();
            move |source| JournalError::Storage { action, path, source }
        };
        fs::create_dir_all(path).map_err(failed("make the directory", path))?;
        let lock_path = path.join(LOCK);
        let lock = File::create(&lock_path).map_err(failed("make", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked { path: lock_path }),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &lock_path)(error)),
        }
        let names = File::open(path).map_err(failed("open", path))?;
        // The directory's own name must survive too.
        if let Some(parent) = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_path_buf)) {
            File::open(&parent).and_then(|parent| parent.sync_all()).map_err(failed("sync", &parent))?;
        }
        Ok(Self { path: path.to_path_buf(), names, _lock: lock })
    }
}

impl Storage for Directory {
    type File = DirectFile;
    const BLOCK: usize = BLOCK;

    fn list(&mut self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.file_name().into_string()));
        // A name that is no text is none of the journal's.
        names.filter_map(|name| name.map(Result::ok).transpose()).collect()
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(name))
    }

    fn create(&mut self, name: &str) -> io::Result<DirectFile> {
        DirectFile::create(&self.path.join(name))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.names.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}
