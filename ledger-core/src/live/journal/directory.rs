//! A journal's files in a directory of the host, for one process at a time.

use super::direct::{BLOCK, DirectFile};
use super::{JournalError, Storage};
use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// The file that a process locks while it uses the directory. The kernel unlocks it when the process ends, however.
const LOCK: &str = "lock";

/// A directory. Holds its lock.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Open to be synced.
    names: File,
    /// Deletes what is retired. Ends before the lock does.
    sweeper: Sweeper,
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
        let sweeper = Sweeper::start(path).map_err(failed("start deleting in", path))?;
        Ok(Self { path: path.to_path_buf(), names, sweeper, _lock: lock })
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

    fn retire(&mut self, name: &str) -> io::Result<()> {
        self.sweeper.retire(self.path.join(name))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// Deletes files one after the other, on a thread of its own: deleting a segment takes 30 ms where the file system hands
/// free blocks back to the device, and nobody's block should wait for that.
#[derive(Debug)]
struct Sweeper {
    retired: Option<Sender<PathBuf>>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    fn start(path: &Path) -> io::Result<Self> {
        let (retired, paths) = channel();
        let names = File::open(path)?;
        let body = move || sweep(&paths, &names);
        let thread = std::thread::Builder::new().name("sweeper".into()).spawn(body)?;
        Ok(Self { retired: Some(retired), thread: Some(thread) })
    }

    fn retire(&self, path: PathBuf) -> io::Result<()> {
        let sent = self.retired.as_ref().is_some_and(|retired| retired.send(path).is_ok());
        sent.then_some(()).ok_or_else(|| io::Error::other("the thread that deletes is gone"))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.retired = None;
        if let Some(thread) = self.thread.take() {
            // What it did not delete, the next start deletes.
            let _ = thread.join();
        }
    }
}

/// Until nobody retires any more. A file that cannot be deleted holds up those after it, and is tried again with them.
fn sweep(paths: &Receiver<PathBuf>, names: &File) {
    let mut waiting = VecDeque::new();
    for path in paths {
        waiting.push_back(path);
        while let Some(oldest) = waiting.front() {
            let removed = match fs::remove_file(oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => names.sync_all(),
            };
            if let Err(error) = removed {
                tracing::warn!(path = %oldest.display(), %error, "deleting an old segment failed");
                break;
            }
            waiting.pop_front();
        }
    }
}
