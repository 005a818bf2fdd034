//! A journal's files in a directory of the host, for one process at a time.
//!
//! What is retired is written over. Deleting a segment of 64 MiB takes 10 to 30 ms where the file system hands free blocks
//! back to the device, which does little else meanwhile; and a file whose blocks are allocated is synced without touching
//! the file system's own journal. What is left in it of an earlier segment is no record of a later one: checksums are keyed
//! by the segment. After a kill it looks like a torn tail.

use super::direct::{BLOCK, DirectFile};
use super::{JournalError, Storage};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file that a process locks while it uses the directory. The kernel unlocks it when the process ends, however.
const LOCK: &str = "lock";

/// What the names of files begin with that will be written over.
const SPARE: &str = "spare-";
/// So many are kept; what is retired beyond them is deleted.
const SPARES_MAX: usize = 8;

fn spare_name(spare: u64) -> String {
    format!("{SPARE}{spare}")
}

/// A directory. Holds its lock.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Open to be synced.
    names: File,
    /// Files to be written over, by number.
    spares: Vec<u64>,
    next_spare: u64,
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
        let mut directory =
            Self { path: path.to_path_buf(), names, spares: Vec::new(), next_spare: 0, _lock: lock };
        let names = directory.list().map_err(failed("list", path))?;
        for name in names.iter().filter(|name| name.starts_with(SPARE)) {
            directory.remove(name).map_err(failed("delete", &path.join(name)))?;
        }
        Ok(directory)
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
        let path = self.path.join(name);
        match self.spares.pop() {
            Some(spare) if self.rename(&spare_name(spare), name).is_ok() => DirectFile::reuse(&path),
            Some(_) | None => DirectFile::create(&path),
        }
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

    fn retire(&mut self, name: &str) -> io::Result<()> {
        let spare = self.next_spare;
        let gone = if self.spares.len() < SPARES_MAX {
            self.rename(name, &spare_name(spare))
        } else {
            self.remove(name)
        };
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // Before it may be written over.
        self.sync_names()?;
        if self.path.join(spare_name(spare)).exists() {
            self.spares.push(spare);
            self.next_spare += 1;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}
