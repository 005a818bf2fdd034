//! A replica whose disk fails.

use super::*;
use crate::live::journal::{DirectFile, Directory, Storage, StorageFile};
use std::io::{self, IoSlice};
use std::sync::atomic::AtomicU8;

const FINE: u8 = 0;
const FULL: u8 = 1;
const BROKEN: u8 = 2;

/// A directory on a disk that can be filled or broken.
struct Fragile {
    directory: Directory,
    health: Arc<AtomicU8>,
}

struct FragileFile {
    file: DirectFile,
    health: Arc<AtomicU8>,
}

fn check(health: &AtomicU8) -> io::Result<()> {
    match health.load(Ordering::SeqCst) {
        FINE => Ok(()),
        FULL => Err(io::ErrorKind::StorageFull.into()),
        _ => Err(io::Error::other("the disk is on fire")),
    }
}

impl Storage for Fragile {
    type File = FragileFile;
    const BLOCK: usize = Directory::BLOCK;

    fn list(&mut self) -> io::Result<Vec<String>> {
        self.directory.list()
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.directory.read(name)
    }

    fn create(&mut self, name: &str) -> io::Result<FragileFile> {
        check(&self.health)?;
        Ok(FragileFile { file: self.directory.create(name)?, health: self.health.clone() })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.directory.rename(from, to)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.directory.remove(name)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.directory.sync_names()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path(name)
    }
}

impl StorageFile for FragileFile {
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        check(&self.health)?;
        self.file.write(parts)
    }

    fn sync(&mut self) -> io::Result<()> {
        check(&self.health)?;
        self.file.sync()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.file.cut(bytes)
    }
}

fn start(consortium: &Consortium) -> (Running, Arc<AtomicU8>) {
    let health = Arc::new(AtomicU8::new(FINE));
    let (options, reports) = consortium.options(0);
    let directory = Directory::open(&options.journal).unwrap();
    let handle = start_on(options, Fragile { directory, health: health.clone() }).unwrap();
    (Running { handle, reports, commits: BTreeMap::new() }, health)
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_full_disk_stops_accepting_until_there_is_space() {
    let consortium = Consortium::new(1);
    let (replica, health) = start(&consortium);
    replica.submit(0..50);
    assert!(all_ordered(&replica.replies(50)));

    health.store(FULL, Ordering::SeqCst);
    wait_until(|| replica.handle.status().disk_full);
    replica.submit(50..60);
    let refused = replica.replies(10);
    assert!(refused.iter().all(|reply| matches!(reply, Reply::Busy(_))), "{refused:?}");
    assert_eq!(replica.handle.status().refused, 10);
    assert!(replica.handle.failed().is_none());

    health.store(FINE, Ordering::SeqCst);
    wait_until(|| !replica.handle.status().disk_full);
    // The machine hears of it a moment after the status.
    let mut number = 60;
    loop {
        replica.submit(number..number + 1);
        number += 1;
        if all_ordered(&replica.replies(1)) {
            break;
        }
    }
    replica.handle.shutdown().unwrap();
    let mut again = consortium.start(0);
    again.submit(1_000..1_001);
    again.until(|report| !report.executed.is_empty());
    again.handle.shutdown().unwrap();
}

#[test]
fn a_broken_disk_stops_the_replica() {
    let consortium = Consortium::new(1);
    let (replica, health) = start(&consortium);
    replica.submit(0..50);
    assert!(all_ordered(&replica.replies(50)));
    health.store(BROKEN, Ordering::SeqCst);
    wait_until(|| replica.handle.failed().is_some());
    let failure = replica.handle.shutdown().unwrap_err();
    assert!(matches!(*failure, LiveError::Journal(JournalError::Storage { .. })), "{failure}");
}
