//! The journal on disk: what a replica must still know after its process or its host has died.
//!
//! Entries are appended in memory ([`Journal::append`]) and become durable together ([`Journal::flush`]: one vectored
//! write and one `fdatasync` for all of them). They lie in segment files, `<first position>.journal`; a segment is
//! deleted as a whole once everything in it may be forgotten ([`Journal::truncate`]).
//!
//! Invariants:
//! * a segment appears under its name whole: it is written and synced as `<name>.new`, renamed, and the directory is
//!   synced, before anything in it counts;
//! * a process writes only into segments that it made itself, and only behind what it has written. After a failed write
//!   or sync it never touches that segment again;
//! * a later segment stands for everything from its first position on, whatever earlier ones hold there;
//! * every record says up to where the journal was durable when it was written: this witness tells a torn tail (nobody
//!   was told that it is durable; it is cut) from damage (somebody was; the journal refuses to open).
//!
//! A failed `fdatasync` leaves pages that the kernel calls clean and the disk has never seen, so neither a second sync
//! nor reading the file proves anything. Everything since the last good sync is still in memory, so it is written again,
//! to a new file. For the same reason, what a restarted process finds without a witness is written again before it is
//! handed out. If the new file fails too, and not for want of space, the error is final and the replica must stop:
//! going on without a journal could make it sign twice.
//!
//! When space is short ([`JournalError::OutOfSpace`]) nothing is lost: what waits is kept, what was half written is cut,
//! and the next flush tries again. Callers bound what waits by [`Journal::pending_bytes`].
//!
//! What no journal can know: damage to the last records before a power failure looks like the failure itself, because
//! nothing written later witnesses them. [`Journal::close`] leaves a witness.
//!
//! Checksums are BLAKE3 (the crate has it already; at 80 MB/s CRC32-C would cost half of its 1.3 % of a core), keyed by the
//! segment's header, so that neither a record of another segment nor one inside an entry's bytes passes for a record.

mod direct;
mod directory;
mod record;
mod recovery;
#[cfg(test)]
mod tests;

pub use direct::DirectFile;
pub use directory::Directory;

use crate::seam::{JournalEntry, JournalPosition};
use record::{Records, SegmentHeader};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::path::PathBuf;

/// Most bytes of an entry. Snapshots, which are largest, are at most 1 GiB of ledger and its frame.
pub const ENTRY_BYTES_MAX: usize = 1536 * 1024 * 1024;

/// Files in one place. What is written, created, renamed or removed is certain only after the matching sync.
pub trait Storage: Send {
    /// An open file.
    type File: StorageFile;
    /// What is written between two syncs is a multiple of so many bytes (itself one of 8): the journal fills up with
    /// zeros, and never writes into a block that holds something durable.
    const BLOCK: usize;
    /// Names of all files.
    fn list(&mut self) -> io::Result<Vec<String>>;
    /// Everything in a file.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;
    /// A new file in place of any of that name. Behind what is written in it there may be bytes of a retired file.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name, in place of any that has it.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Deletes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes all creations, renames and deletions so far durable.
    fn sync_names(&mut self) -> io::Result<()>;
    /// Gives up a file for good: durably gone, or to be written over.
    fn retire(&mut self, name: &str) -> io::Result<()> {
        match self.remove(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => self.sync_names(),
        }
    }
    /// How people find a file.
    fn path(&self, name: &str) -> PathBuf;
}

/// A file that is written from start to end.
pub trait StorageFile: Send {
    /// Writes behind what is there; returns how many bytes of the parts were taken. What was taken may be held back
    /// until the next sync, never longer.
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Makes the content durable (not its name).
    fn sync(&mut self) -> io::Result<()>;
    /// Drops everything behind this many bytes.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// What makes a journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// Whose it is: hash of chain and replica. Another's is refused.
    pub identity: [u8; 32],
    /// Unpredictable to whoever can choose an entry's bytes.
    pub salt: [u8; 16],
    /// Bytes after which the next flush begins a new segment.
    pub segment_bytes_max: u64,
}

/// What an existing journal held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Position of the first entry.
    pub first: JournalPosition,
    /// The entries in order.
    pub entries: Vec<JournalEntry>,
    /// A torn tail that was left out: file, offset and bytes.
    pub torn: Option<(PathBuf, u64, u64)>,
}

/// Why the journal cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Not yet: the disk is full. Nothing is lost; flush again later.
    #[error("no space for the journal in {path}: free some, the replica goes on by itself ({source})")]
    OutOfSpace {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk refused, and writing to a new file failed too. Final.
    #[error("cannot {action} {path}: {source}; check the disk, then start again")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the journal open.
    #[error(
        "{path} is locked: another process uses this journal; stop it, or give each replica its own directory"
    )]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// Of another chain or replica.
    #[error("{path} is of another chain or replica: give each replica its own journal directory")]
    Foreign {
        /// The segment.
        path: PathBuf,
    },
    /// What was once durable is damaged. Never valid again.
    #[error(
        "{path} is damaged at byte {offset}: {what}, though it was durable once. Restore the whole directory from a \
         copy made after the replica last ran. If there is none, move the directory away and start \
         with an empty one as a replica that has lost its journal (`journal_lost: true`): it asks the others before it \
         signs anything. Left out, it could sign twice"
    )]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// The journal. See the module.
pub struct Journal<S: Storage> {
    storage: S,
    options: JournalOptions,
    /// First positions of the segments, ascending.
    segments: VecDeque<JournalPosition>,
    /// Number of the last segment made, in any process.
    generation: u64,
    /// The last segment, if this process made it and nothing went wrong with it.
    current: Option<Segment<S::File>>,
    durable: JournalPosition,
    /// Appended behind `durable`.
    pending: Vec<JournalEntry>,
    pending_bytes: usize,
    /// How many of the pending entries are written to the current segment, and their bytes. Not synced, they may be
    /// there or not.
    written_entries: usize,
    written_bytes: usize,
    records: Records,
    syncs: u64,
    written: u64,
}

struct Segment<F> {
    file: F,
    name: String,
    header: SegmentHeader,
    /// Bytes in the file, all durable.
    length: u64,
    /// Bytes behind them that are not durable yet.
    unsynced: u64,
}

impl<S: Storage> Journal<S> {
    /// Opens what the storage holds, or begins anew.
    pub fn open(storage: S, options: JournalOptions) -> Result<(Self, Recovered), JournalError> {
        recovery::open(storage, options, |_, _| None)
    }

    /// Opens it with a deliberate mistake, for testing checkers: what has no right checksum is taken for a record nevertheless.
    #[cfg(feature = "seeded-bugs")]
    pub fn open_believing(storage: S, options: JournalOptions) -> Result<(Self, Recovered), JournalError> {
        recovery::open(storage, options, record::Record::believe)
    }

    /// Takes an entry; it is durable after the next [`flush`](Self::flush). Returns the position after it.
    /// # Panics
    /// If it is larger than [`ENTRY_BYTES_MAX`], which no machine makes.
    pub fn append(&mut self, entry: JournalEntry) -> JournalPosition {
        assert!(entry.len() <= ENTRY_BYTES_MAX, "blocks and snapshots are smaller");
        self.pending_bytes += entry.len();
        self.pending.push(entry);
        self.end()
    }

    /// Everything before this position survives.
    pub fn durable(&self) -> JournalPosition {
        self.durable
    }

    /// Position after the last entry appended.
    pub fn end(&self) -> JournalPosition {
        JournalPosition(self.durable.0 + self.pending.len() as u64)
    }

    /// Bytes of entries that wait for a flush.
    pub fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    /// Bytes of entries that are not even written.
    pub fn unwritten_bytes(&self) -> usize {
        self.pending_bytes - self.written_bytes
    }

    /// Writes what is pending, so that the next flush has less to do. Nothing is durable by it, and what fails, the
    /// flush tries again.
    pub fn write(&mut self) {
        let room = |segment: &mut Segment<S::File>| {
            segment.length + segment.unsynced < self.options.segment_bytes_max
        };
        if let Some(mut segment) = self.current.take_if(room) {
            match self.write_pending(&mut segment, 0) {
                Ok(()) => self.current = Some(segment),
                Err(_) => self.give_up(segment),
            }
        }
    }

    /// Syncs of segments, and bytes written, by this process.
    pub fn totals(&self) -> (u64, u64) {
        (self.syncs, self.written)
    }

    /// Makes everything appended durable. After [`JournalError::OutOfSpace`] it may be called again.
    pub fn flush(&mut self) -> Result<JournalPosition, JournalError> {
        if self.pending.is_empty() {
            return Ok(self.durable);
        }
        // A snapshot begins a segment, so that truncation can delete everything before it.
        let snapshot = self.pending.iter().any(|entry| matches!(entry, JournalEntry::Snapshot(_)));
        let room = |segment: &mut Segment<S::File>| segment.length < self.options.segment_bytes_max;
        match self.current.take_if(|segment| !snapshot && room(segment)) {
            Some(segment) => match self.extend(segment) {
                Ok(()) => {}
                Err(error @ JournalError::OutOfSpace { .. }) => return Err(error),
                Err(_) => self.begin_segment()?,
            },
            None => {
                if let Some(segment) = self.current.take() {
                    self.give_up(segment);
                }
                self.begin_segment()?;
            }
        }
        self.durable = self.end();
        self.pending.clear();
        (self.pending_bytes, self.written_entries, self.written_bytes) = (0, 0, 0);
        Ok(self.durable)
    }

    /// Deletes segments that hold nothing from this position on.
    pub fn truncate(&mut self, before: JournalPosition) -> Result<(), JournalError> {
        while self.segments.len() > 1 && self.segments[1] <= before.min(self.durable) {
            let name = record::segment_name(self.segments[0]);
            // One after the other: were a later one gone and an earlier one left, a gap would show.
            let (path, retired) = (self.storage.path(&name), self.storage.retire(&name));
            retired.map_err(|source| JournalError::Storage { action: "delete", path, source })?;
            self.segments.pop_front();
        }
        Ok(())
    }

    /// Flushes, and leaves a witness of all of it. Nothing may be appended by others meanwhile.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.flush()?;
        let Some(mut segment) = self.current.take() else { return Ok(()) };
        self.records.begin();
        self.records.add_seal(&segment.header, self.durable);
        self.records.fill(S::BLOCK, 0);
        self.records
            .write(&mut segment.file, &[])
            .and_then(|written| segment.file.sync().map(|()| segment.length + written))
            // Nothing behind the seal may look like a torn tail.
            .and_then(|end| segment.file.cut(end))
            .map_err(|error| self.explain("write", &segment.name, error))
    }

    fn explain(&self, action: &'static str, name: &str, source: io::Error) -> JournalError {
        let path = self.storage.path(name);
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::WriteZero => {
                JournalError::OutOfSpace { path, source }
            }
            _ => JournalError::Storage { action, path, source },
        }
    }

    /// Writes and syncs what is pending behind the current segment. Only a success makes it current again.
    fn extend(&mut self, mut segment: Segment<S::File>) -> Result<(), JournalError> {
        let block = S::BLOCK;
        let done = self
            .write_pending(&mut segment, block)
            .map_err(|error| ("write", error))
            .and_then(|()| segment.file.sync().map_err(|error| ("sync", error)));
        match done {
            Ok(()) => {
                self.syncs += 1;
                segment.length += std::mem::take(&mut segment.unsynced);
                self.current = Some(segment);
                Ok(())
            }
            Err((action, error)) => {
                let error = self.explain(action, &segment.name, error);
                self.give_up(segment);
                Err(error)
            }
        }
    }

    /// Writes the pending entries that are not written yet, and fills up to a block, if it is not 0.
    fn write_pending(&mut self, segment: &mut Segment<S::File>, block: usize) -> io::Result<()> {
        let entries = &self.pending[self.written_entries..];
        let first = JournalPosition(self.durable.0 + self.written_entries as u64);
        self.records.begin();
        self.records.add(&segment.header, first, self.durable, entries);
        if block > 0 {
            let before = self.pending_bytes - self.written_bytes + segment.unsynced as usize;
            self.records.fill(block, before);
        }
        let written = self.records.write(&mut segment.file, entries)?;
        segment.unsynced += written;
        self.written += written;
        (self.written_entries, self.written_bytes) = (self.pending.len(), self.pending_bytes);
        Ok(())
    }

    /// Writes no more to a segment. The next one stands for everything behind what is durable in it.
    fn give_up(&mut self, mut segment: Segment<S::File>) {
        (self.written_entries, self.written_bytes) = (0, 0);
        // Gives the space back; should it fail, the bytes are ignored all the same.
        let _ = segment.file.cut(segment.length);
    }

    /// Begins a segment at the durable position, with what is pending.
    fn begin_segment(&mut self) -> Result<(), JournalError> {
        let name = record::segment_name(self.durable);
        let fresh = record::unfinished_name(self.durable);
        match self.write_segment(&name, &fresh) {
            Ok(segment) => {
                self.current = Some(segment);
                if self.segments.back() != Some(&self.durable) {
                    self.segments.push_back(self.durable);
                }
                Ok(())
            }
            Err((action, error)) => {
                let _ = self.storage.remove(&fresh);
                Err(self.explain(action, &name, error))
            }
        }
    }

    fn write_segment(
        &mut self,
        name: &str,
        fresh: &str,
    ) -> Result<Segment<S::File>, (&'static str, io::Error)> {
        let header = SegmentHeader::new(&self.options, self.durable, self.generation + 1);
        let mut file = self.storage.create(fresh).map_err(|error| ("create", error))?;
        self.records.begin_segment(&header);
        self.records.add(&header, self.durable, self.durable, &self.pending);
        self.records.fill(S::BLOCK, self.pending_bytes);
        let length = self.records.write(&mut file, &self.pending).map_err(|error| ("write", error))?;
        file.sync().map_err(|error| ("sync", error))?;
        self.storage.rename(fresh, name).map_err(|error| ("rename", error))?;
        self.storage.sync_names().map_err(|error| ("sync the directory of", error))?;
        self.generation += 1;
        self.syncs += 1;
        self.written += length;
        Ok(Segment { file, name: name.into(), header, length, unsynced: 0 })
    }
}
