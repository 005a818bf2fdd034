//! Opening a journal that somebody has written.

use super::record::{self, ALIGNMENT, Record, Records, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::{Journal, JournalError, JournalOptions, Recovered, Storage};
use crate::seam::{JournalEntry, JournalPosition};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

/// What has been read so far.
struct Reading {
    first: JournalPosition,
    entries: Vec<JournalEntry>,
    /// Up to here somebody may have been told that it is durable.
    witnessed: JournalPosition,
    generation: u64,
    torn: Option<(PathBuf, u64, u64)>,
    otherwise: Otherwise,
}

/// What is taken for a record where there is none: nothing, but for tests of checkers.
type Otherwise = fn(&Bytes, usize) -> Option<Record>;

pub(super) fn open<S: Storage>(
    mut storage: S,
    options: JournalOptions,
    otherwise: Otherwise,
) -> Result<(Journal<S>, Recovered), JournalError> {
    let segments = segments(&mut storage)?;
    let first = segments.first().copied().unwrap_or_default();
    let (entries, witnessed, generation, torn) = (Vec::new(), first, 0, None);
    let mut reading = Reading { first, entries, witnessed, generation, torn, otherwise };
    for (number, segment) in segments.iter().enumerate() {
        reading.read_segment(&mut storage, &options, *segment, segments.get(number + 1).copied())?;
    }
    let Reading { first, entries, witnessed, generation, torn, otherwise: _ } = reading;
    let mut journal = Journal {
        storage,
        options,
        segments: VecDeque::from(segments),
        generation,
        current: None,
        durable: witnessed,
        pending: Vec::new(),
        pending_bytes: 0,
        written_entries: 0,
        written_bytes: 0,
        records: Records::default(),
        syncs: 0,
        written: 0,
    };
    // What nobody witnesses may be in the kernel's memory only, even if a sync of it would succeed now.
    for entry in &entries[(witnessed.0 - first.0) as usize..] {
        journal.append(entry.clone());
    }
    journal.flush()?;
    Ok((journal, Recovered { first, entries, torn }))
}

/// First positions of the segments, ascending. Segments that were never finished are deleted.
fn segments(storage: &mut impl Storage) -> Result<Vec<JournalPosition>, JournalError> {
    let names = storage.list().map_err(|source| JournalError::Storage {
        action: "list",
        path: storage.path(""),
        source,
    })?;
    let mut segments = Vec::new();
    for name in names {
        if let Some(first) = record::position_of(&name) {
            segments.push(first);
        } else if name.strip_suffix(".new").and_then(record::position_of).is_some() {
            match storage.remove(&name) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(JournalError::Storage {
                        action: "delete",
                        path: storage.path(&name),
                        source,
                    });
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

impl Reading {
    fn end(&self) -> JournalPosition {
        JournalPosition(self.first.0 + self.entries.len() as u64)
    }

    /// Reads a segment up to where the next one begins.
    fn read_segment<S: Storage>(
        &mut self,
        storage: &mut S,
        options: &JournalOptions,
        first: JournalPosition,
        next: Option<JournalPosition>,
    ) -> Result<(), JournalError> {
        let name = record::segment_name(first);
        let path = storage.path(&name);
        let segment = storage.read(&name).map(Bytes::from).map_err(|source| JournalError::Storage {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let corrupt =
            |offset: usize, what| JournalError::Corrupt { path: path.clone(), offset: offset as u64, what };
        // It was whole before it had its name.
        let header = SegmentHeader::read(&segment).ok_or_else(|| corrupt(0, "its header is none"))?;
        if header.identity != options.identity {
            return Err(JournalError::Foreign { path });
        }
        if header.first != first || first != self.end() {
            return Err(corrupt(0, "it does not begin where the segment before ends, or is misnamed"));
        }
        self.generation = self.generation.max(header.generation);
        self.witnessed = self.witnessed.max(first);
        let mut offset = SEGMENT_HEADER_BYTES;
        while next.is_none_or(|next| self.end() < next) {
            if offset == segment.len() {
                if next.is_some() {
                    return Err(corrupt(offset, "it ends before the next segment begins, or one is missing"));
                }
                break;
            }
            let record =
                Record::read(&header, &segment, offset).or_else(|| (self.otherwise)(&segment, offset));
            let Some(record) = record.filter(|record| record.position == self.end()) else {
                if let Some(boundary) = filled::<S>(&segment, offset) {
                    offset = boundary;
                    continue;
                }
                if next.is_some() {
                    return Err(corrupt(offset, "no record where a later segment needs one"));
                }
                if witness(&header, &segment, offset).is_some_and(|durable| durable > self.end()) {
                    return Err(corrupt(offset, "no record where a later record needs one"));
                }
                self.torn = Some((path, offset as u64, (segment.len() - offset) as u64));
                break;
            };
            self.witnessed = self.witnessed.max(record.durable);
            self.entries.extend(record.entry);
            offset = record.end;
        }
        Ok(())
    }
}

/// The end of the zeros that fill up a flush from here, if these are some.
fn filled<S: Storage>(segment: &[u8], offset: usize) -> Option<usize> {
    let boundary = offset.next_multiple_of(S::BLOCK);
    let zeros = segment.get(offset..boundary)?;
    (!zeros.is_empty() && zeros.iter().all(|byte| *byte == 0)).then_some(boundary)
}

/// The furthest that any record behind an offset says the journal was durable.
fn witness(header: &SegmentHeader, segment: &Bytes, offset: usize) -> Option<JournalPosition> {
    let mut found = None;
    let mut at = offset + ALIGNMENT;
    while at < segment.len() {
        let record = Record::read(header, segment, at);
        at = record.as_ref().map_or(at + ALIGNMENT, |record| record.end);
        found = found.max(record.map(|record| record.durable));
    }
    found
}
