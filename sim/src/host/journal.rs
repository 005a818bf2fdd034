//! A damaged disk, as the journal of live replicas finds it.
//!
//! A simulated disk counts entries and has no bytes. When some of them are damaged, they are written as the live journal
//! would have written them, by its own code: what became durable together as one flush, what a crash tore behind that. Then
//! bytes are cut, garbled and flipped, and the same code opens what is left. So what is taken for a torn tail and what for
//! damage is decided here as it is live, by checksums and witnesses.
//!
//! Of the live driver's habits it does not have: segments that a replica retires one by one (here there is one, from the first
//! entry that is still there), and writes ahead of a flush, which change nothing that a crash can leave.

use super::Disk;
use crate::seed::Stream;
use ledger_core::live::SEGMENT_BYTES_MAX;
use ledger_core::live::journal::{
    Directory, Journal, JournalError, JournalOptions, Recovered, Storage, StorageFile,
};
use ledger_core::seam::JournalEntry;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a disk writes whole.
const SECTOR: usize = 512;
/// Bits that are garbled in a sector that was being written.
const GARBLED_BITS: u64 = 8;

/// A bit that flipped where it lay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flip {
    /// Where, as a part of 2^64 of what was durable then.
    place: u64,
    bit: u8,
    /// How many entries were durable when it flipped.
    durable: u64,
}

impl Flip {
    /// Somewhere in what is durable now.
    pub fn draw<E: Clone>(disk: &Disk<E>, stream: &mut Stream) -> Self {
        Self { place: stream.bits(), bit: stream.below(8) as u8, durable: disk.durable() }
    }
}

/// What happened to a disk.
pub struct Damage<'a> {
    /// Of the draws for what a crash tore.
    pub torn: Stream,
    /// What flipped.
    pub flips: &'a [Flip],
}

/// Whose journal it is.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// Hash of chain and replica.
    pub identity: [u8; 32],
    /// Of its segments.
    pub salt: [u8; 16],
    /// A deliberate mistake, for testing checkers: records are believed without their checksums.
    #[cfg(feature = "seeded-bugs")]
    pub believes: bool,
}

/// What a replica finds that opens its journal on this disk.
///
/// # Errors
/// When it refuses to, as a live one would.
pub fn open(
    disk: &Disk<JournalEntry>,
    owner: Owner,
    damage: Damage<'_>,
) -> Result<Vec<JournalEntry>, JournalError> {
    let options =
        JournalOptions { identity: owner.identity, salt: owner.salt, segment_bytes_max: SEGMENT_BYTES_MAX };
    let medium = Medium::default();
    let (mut journal, _) = Journal::open(medium.clone(), options)?;
    // Bytes on the disk when so many entries were durable.
    let mut sizes: Vec<(u64, usize)> = Vec::new();
    for (end, entries) in disk.written() {
        entries.into_iter().for_each(|entry| {
            journal.append(entry);
        });
        if end <= disk.durable() {
            journal.flush()?;
            sizes.push((end, medium.bytes()));
        } else {
            journal.write();
        }
    }
    drop(journal);
    let Damage { mut torn, flips } = damage;
    for flip in flips {
        let size = sizes.iter().rev().find(|(end, _)| *end <= flip.durable).map_or(0, |(_, size)| *size);
        medium.flip(((u128::from(flip.place) * size as u128) >> 64) as usize, flip.bit, size);
    }
    medium.tear(&mut torn);
    #[cfg(feature = "seeded-bugs")]
    if owner.believes {
        return Ok(Journal::open_believing(medium, options)?.1.entries);
    }
    let (_, Recovered { entries, .. }) = Journal::open(medium, options)?;
    Ok(entries)
}

/// Files in memory.
#[derive(Clone, Default)]
struct Medium(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    names: BTreeMap<String, usize>,
    contents: Vec<Content>,
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    /// So many of them survive everything.
    synced: usize,
}

impl Medium {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes(&self) -> usize {
        let files = self.files();
        files.names.values().map(|file| files.contents[*file].bytes.len()).sum()
    }

    /// Flips a bit of the first `size` bytes, counted over all files in the order of their names.
    fn flip(&self, mut at: usize, bit: u8, size: usize) {
        let mut files = self.files();
        let Files { names, contents } = &mut *files;
        for file in names.values().filter(|_| size > 0) {
            let bytes = &mut contents[*file].bytes;
            match bytes.get_mut(at) {
                Some(byte) => {
                    *byte ^= 1 << bit;
                    return;
                }
                None => at -= bytes.len(),
            }
        }
    }

    /// What a loss of power leaves of what was not synced.
    fn tear(&self, stream: &mut Stream) {
        for Content { bytes, synced } in &mut self.files().contents {
            let tail = bytes.len() - *synced;
            if tail == 0 {
                continue;
            }
            let left = *synced + stream.uniform(0, tail as u64) as usize;
            match stream.below(3) {
                0 => bytes.truncate(left),
                1 => {
                    bytes.truncate(left);
                    let last = left.saturating_sub(SECTOR).max(*synced);
                    if last < left {
                        for _ in 0..GARBLED_BITS {
                            let at = stream.uniform(last as u64, left as u64 - 1) as usize;
                            bytes[at] ^= 1 << stream.below(8);
                        }
                    }
                }
                // A disk may write them in any order.
                _ => {
                    for sector in bytes[*synced..].chunks_mut(SECTOR) {
                        if stream.chance(1, 2) {
                            sector.fill(0);
                        }
                    }
                }
            }
            *synced = bytes.len();
        }
    }
}

/// An open file of a [`Medium`].
struct Handle {
    medium: Medium,
    file: usize,
}

impl StorageFile for Handle {
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = &mut self.medium.files().contents[self.file].bytes;
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn sync(&mut self) -> io::Result<()> {
        let content = &mut self.medium.files().contents[self.file];
        content.synced = content.bytes.len();
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        let content = &mut self.medium.files().contents[self.file];
        content.bytes.truncate(bytes as usize);
        content.synced = content.synced.min(content.bytes.len());
        Ok(())
    }
}

impl Storage for Medium {
    type File = Handle;
    const BLOCK: usize = Directory::BLOCK;

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.files().names.keys().cloned().collect())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let files = self.files();
        let file = files.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(files.contents[*file].bytes.clone())
    }

    fn create(&mut self, name: &str) -> io::Result<Handle> {
        let mut files = self.files();
        let file = files.contents.len();
        files.contents.push(Content::default());
        files.names.insert(name.to_owned(), file);
        Ok(Handle { medium: self.clone(), file })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let file = files.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.names.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.files().names.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::disk::{DiskTimes, Kept};
    use crate::seed::Seed;
    use bytes::Bytes;
    use ledger_core::time::Timestamp;

    const OWNER: Owner = Owner {
        identity: [1; 32],
        salt: [2; 16],
        #[cfg(feature = "seeded-bugs")]
        believes: false,
    };

    /// Entries of 700 bytes, the first so many of them durable, two a flush.
    fn disk(durable: u8, end: u8) -> Disk<JournalEntry> {
        let mut disk = Disk::new(DiskTimes { append_ns: 1, sync_ns: 1, bytes_per_s: 1_000_000_000 });
        let mut now = Timestamp::ZERO;
        for number in 0..end {
            disk.append(now, JournalEntry::Block(Bytes::from(vec![number; 700])), 700);
            if number % 2 == 1 && number < durable {
                now = disk.request_sync(now).unwrap();
                disk.complete_sync(now);
            }
        }
        assert_eq!((disk.durable(), disk.end()), (u64::from(durable), u64::from(end)));
        disk
    }

    fn found(disk: &Disk<JournalEntry>, seed: u64, flips: &[Flip]) -> Result<usize, JournalError> {
        let found = open(disk, OWNER, Damage { torn: Seed::new(seed).stream("torn"), flips })?;
        let written: Vec<JournalEntry> = disk.written().flat_map(|(_, entries)| entries).collect();
        assert_eq!(found, written[..found.len()]);
        Ok(found.len())
    }

    #[test]
    fn a_torn_tail_is_cut_and_nothing_durable_with_it() {
        let mut torn = disk(6, 11);
        torn.crash(Kept::Torn);
        let mut lengths: Vec<usize> = (0..200).map(|seed| found(&torn, seed, &[]).unwrap()).collect();
        lengths.sort_unstable();
        lengths.dedup();
        // Whatever survives is a beginning of what was written; all of it only if the last byte does.
        assert_eq!(lengths[..5], [6, 7, 8, 9, 10]);
        assert!(lengths[5..].iter().all(|length| *length == 11), "{lengths:?}");
    }

    #[test]
    fn what_flips_in_the_middle_is_damage_and_at_the_end_cannot_be_told_from_a_torn_tail() {
        let (mut refused, mut cut, mut whole) = (0, 0, 0);
        let disk = disk(20, 20);
        for seed in 0..300 {
            let mut stream = Seed::new(seed).stream("rot");
            match found(&disk, seed, &[Flip::draw(&disk, &mut stream)]) {
                Ok(20) => whole += 1,
                // The last flush has no witness.
                Ok(left) => {
                    assert!(left >= 18, "{left}");
                    cut += 1;
                }
                Err(JournalError::Corrupt { .. }) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(refused > 20 && cut > 2 && whole > 5, "{refused} refused, {cut} cut, {whole} whole");
    }

    #[test]
    fn nothing_flips_in_what_was_written_later() {
        let (mut disk, flip) = (disk(0, 0), |durable| Flip { place: u64::MAX, bit: 0, durable });
        let flips = [flip(disk.durable())];
        for at in [0, 1_000_000] {
            disk.append(Timestamp(at), JournalEntry::Block(Bytes::from_static(b"later")), 5);
            let done = disk.request_sync(Timestamp(at)).unwrap();
            disk.complete_sync(done);
        }
        assert_eq!(found(&disk, 1, &flips).unwrap(), 2);
        // In what fills up the first flush: the second has no witness, and looks torn.
        assert_eq!(found(&disk, 1, &[flip(1)]).unwrap(), 1);
    }
}
