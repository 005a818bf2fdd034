//! The format of segments. All numbers are little-endian; everything is aligned to 8 bytes.
//!
//! ```text
//! segment  magic 8 │ identity 32 │ salt 16 │ first position 8 │ generation 8 │ checksum 16 │ records
//! record   magic 4 │ length 4 │ position 8 │ durable 8 │ kind 1, zero 7 │ checksum 16 │ entry │ zero 0–7
//! ```
//!
//! Records of one flush follow each other; the flush ends with zeros up to a block of the storage.
//!
//! A record's checksum covers its header and its entry, under a key that is the hash of its segment's header.

use super::{JournalOptions, StorageFile};
use crate::seam::{JournalEntry, JournalPosition};
use bytes::Bytes;
use std::io::{self, IoSlice};

/// What a segment begins with: format 1.
const SEGMENT_MAGIC: [u8; 8] = *b"amnhjnl1";
/// What a record begins with.
const RECORD_MAGIC: [u8; 4] = *b"rec\x01";
/// Bytes before the first record.
pub(super) const SEGMENT_HEADER_BYTES: usize = 88;
/// Bytes of a record before its entry.
pub(super) const RECORD_HEADER_BYTES: usize = 48;
/// Records begin at multiples of it.
pub(super) const ALIGNMENT: usize = 8;
const CHECKSUM_BYTES: usize = 16;

const KIND_BLOCK: u8 = 1;
const KIND_SNAPSHOT: u8 = 2;
const KIND_SEAL: u8 = 3;

/// The name of the segment that begins at a position.
pub(super) fn segment_name(first: JournalPosition) -> String {
    format!("{:016x}.journal", first.0)
}

/// Its name while it is not whole.
pub(super) fn unfinished_name(first: JournalPosition) -> String {
    format!("{:016x}.journal.new", first.0)
}

/// The first position of the segment with this name.
pub(super) fn position_of(name: &str) -> Option<JournalPosition> {
    let digits = name.strip_suffix(".journal").filter(|digits| digits.len() == 16)?;
    u64::from_str_radix(digits, 16).ok().map(JournalPosition)
}

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub first: JournalPosition,
    pub generation: u64,
    pub identity: [u8; 32],
    bytes: [u8; SEGMENT_HEADER_BYTES],
    key: [u8; 32],
}

impl SegmentHeader {
    pub fn new(options: &JournalOptions, first: JournalPosition, generation: u64) -> Self {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[8..40].copy_from_slice(&options.identity);
        bytes[40..56].copy_from_slice(&options.salt);
        bytes[56..64].copy_from_slice(&first.0.to_le_bytes());
        bytes[64..72].copy_from_slice(&generation.to_le_bytes());
        let key = *blake3::hash(&bytes[..72]).as_bytes();
        bytes[72..].copy_from_slice(&key[..CHECKSUM_BYTES]);
        Self { first, generation, identity: options.identity, bytes, key }
    }

    /// `None` if these bytes begin no segment.
    pub fn read(segment: &[u8]) -> Option<Self> {
        let bytes: [u8; SEGMENT_HEADER_BYTES] = segment.get(..SEGMENT_HEADER_BYTES)?.try_into().ok()?;
        let options = JournalOptions {
            identity: bytes[8..40].try_into().expect("32 bytes"),
            salt: bytes[40..56].try_into().expect("16 bytes"),
            segment_bytes_max: 0,
        };
        let header = Self::new(&options, JournalPosition(number(&bytes, 56)), number(&bytes, 64));
        (header.bytes == bytes).then_some(header)
    }

    fn checksum(&self, header: &[u8], entry: &[u8]) -> [u8; CHECKSUM_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(header).update(entry);
        hasher.finalize().as_bytes()[..CHECKSUM_BYTES].try_into().expect("a hash has 32 bytes")
    }
}

/// A record as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub position: JournalPosition,
    /// The journal was durable up to here when the record was written.
    pub durable: JournalPosition,
    /// `None`: a seal, which has no position of its own.
    pub entry: Option<JournalEntry>,
    /// Where the next record begins.
    pub end: usize,
}

impl Record {
    /// Reads the record at an offset of a segment. The entry shares the segment's memory.
    pub fn read(header: &SegmentHeader, segment: &Bytes, offset: usize) -> Option<Self> {
        let holds = |head: &[u8], entry: &[u8], padding: &[u8]| {
            head[32..] == header.checksum(&head[..32], entry) && padding.iter().all(|byte| *byte == 0)
        };
        Self::read_if(segment, offset, holds)
    }

    /// Reads it whatever its checksum says.
    #[cfg(feature = "seeded-bugs")]
    pub fn believe(segment: &Bytes, offset: usize) -> Option<Self> {
        Self::read_if(segment, offset, |_, _, _| true)
    }

    fn read_if(
        segment: &Bytes,
        offset: usize,
        holds: impl FnOnce(&[u8], &[u8], &[u8]) -> bool,
    ) -> Option<Self> {
        let head = segment.get(offset..offset + RECORD_HEADER_BYTES)?;
        if head[..4] != RECORD_MAGIC || head[25..32] != [0; 7] {
            return None;
        }
        let length = u32::from_le_bytes(head[4..8].try_into().expect("4 bytes")) as usize;
        let start = offset + RECORD_HEADER_BYTES;
        let entry = segment.get(start..start.checked_add(length)?)?;
        let end = (start + length).next_multiple_of(ALIGNMENT);
        let padding = segment.get(start + length..end)?;
        if !holds(head, entry, padding) {
            return None;
        }
        let bytes = segment.slice(start..start + length);
        let entry = match head[24] {
            KIND_BLOCK => Some(JournalEntry::Block(bytes)),
            KIND_SNAPSHOT => Some(JournalEntry::Snapshot(bytes)),
            KIND_SEAL => None,
            _ => return None,
        };
        let position = JournalPosition(number(head, 8));
        Some(Self { position, durable: JournalPosition(number(head, 16)), entry, end })
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

/// What goes between the entries of one write: reused, so that an entry costs no allocation and no copy.
#[derive(Default)]
pub(super) struct Records {
    /// Headers and padding, one after the other.
    heads: Vec<u8>,
    /// Where in `heads` each entry goes in between.
    gaps: Vec<usize>,
}

impl Records {
    /// Starts a write.
    pub fn begin(&mut self) {
        self.heads.clear();
        self.gaps.clear();
    }

    /// Starts a write at the start of a segment.
    pub fn begin_segment(&mut self, header: &SegmentHeader) {
        self.begin();
        self.heads.extend_from_slice(&header.bytes);
    }

    /// Adds records of entries from a position on.
    pub fn add(
        &mut self,
        header: &SegmentHeader,
        first: JournalPosition,
        durable: JournalPosition,
        entries: &[JournalEntry],
    ) {
        for (position, entry) in (first.0..).zip(entries) {
            let (kind, bytes) = match entry {
                JournalEntry::Block(bytes) => (KIND_BLOCK, bytes),
                JournalEntry::Snapshot(bytes) => (KIND_SNAPSHOT, bytes),
            };
            self.add_head(header, JournalPosition(position), durable, kind, bytes);
            self.gaps.push(self.heads.len());
            let padding = bytes.len().next_multiple_of(ALIGNMENT) - bytes.len();
            self.heads.extend_from_slice(&[0; ALIGNMENT][..padding]);
        }
    }

    /// Adds a record that says nothing but up to where the journal is durable.
    pub fn add_seal(&mut self, header: &SegmentHeader, durable: JournalPosition) {
        self.add_head(header, durable, durable, KIND_SEAL, &[]);
    }

    /// Fills up with zeros to a multiple of `block`, the entries' bytes included.
    pub fn fill(&mut self, block: usize, entries_bytes: usize) {
        let length = self.heads.len() + entries_bytes;
        self.heads.resize(self.heads.len() + length.next_multiple_of(block) - length, 0);
    }

    fn add_head(
        &mut self,
        header: &SegmentHeader,
        position: JournalPosition,
        durable: JournalPosition,
        kind: u8,
        entry: &[u8],
    ) {
        let mut head = [0; RECORD_HEADER_BYTES];
        head[..4].copy_from_slice(&RECORD_MAGIC);
        let length = u32::try_from(entry.len()).expect("entries are at most ENTRY_BYTES_MAX long");
        head[4..8].copy_from_slice(&length.to_le_bytes());
        head[8..16].copy_from_slice(&position.0.to_le_bytes());
        head[16..24].copy_from_slice(&durable.0.to_le_bytes());
        head[24] = kind;
        let checksum = header.checksum(&head[..32], entry);
        head[32..].copy_from_slice(&checksum);
        self.heads.extend_from_slice(&head);
    }

    /// Writes all of it; returns how many bytes.
    pub fn write(&self, file: &mut impl StorageFile, entries: &[JournalEntry]) -> io::Result<u64> {
        debug_assert_eq!(self.gaps.len(), entries.len());
        let mut parts = Vec::with_capacity(2 * entries.len() + 1);
        let mut from = 0;
        for (gap, entry) in self.gaps.iter().zip(entries) {
            parts.push(IoSlice::new(&self.heads[from..*gap]));
            let (JournalEntry::Block(bytes) | JournalEntry::Snapshot(bytes)) = entry;
            parts.push(IoSlice::new(bytes));
            from = *gap;
        }
        parts.push(IoSlice::new(&self.heads[from..]));
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut parts = &mut parts[..];
        let mut left = total;
        while left > 0 {
            match file.write(parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    left -= written;
                    IoSlice::advance_slices(&mut parts, written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total as u64)
    }
}
