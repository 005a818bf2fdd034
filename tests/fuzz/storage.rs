//! A journal in memory, for the journal's target.

use bytes::Bytes;
use ledger_core::live::journal::{Journal, JournalOptions, Storage, StorageFile};
use ledger_core::seam::JournalEntry;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a journal's first segment is called.
const FIRST: &str = "0000000000000000.journal";
const OPTIONS: JournalOptions =
    JournalOptions { identity: [7; 32], salt: [9; 16], segment_bytes_max: 64 * 1024 };

/// Files by name, shared by all who have it open.
#[derive(Clone, Debug, Default)]
struct Memory(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Memory {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.0.lock().expect("one thread")
    }

    fn holding(segment: &[u8]) -> Self {
        let memory = Self::default();
        memory.files().insert(FIRST.to_owned(), segment.to_vec());
        memory
    }
}

struct File {
    memory: Memory,
    /// A renamed file is the same file: found by what it was created as, or is called now.
    names: Vec<String>,
}

impl File {
    fn content<T>(&self, change: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut files = self.memory.files();
        let name = self.names.iter().find(|name| files.contains_key(*name)).cloned();
        change(files.entry(name.unwrap_or_default()).or_default())
    }
}

impl StorageFile for File {
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.content(|content| parts.iter().for_each(|part| content.extend_from_slice(part)));
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.content(|content| content.truncate(bytes as usize));
        Ok(())
    }
}

impl Storage for Memory {
    type File = File;
    const BLOCK: usize = 8;

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.files().keys().cloned().collect())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.files().get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        self.files().insert(name.to_owned(), Vec::new());
        let finished = name.strip_suffix(".new").unwrap_or(name).to_owned();
        Ok(File { memory: self.clone(), names: vec![name.to_owned(), finished] })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.files();
        let content = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let removed = self.files().remove(name);
        removed.map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        name.into()
    }
}

/// A segment with three entries.
pub fn written() -> Vec<u8> {
    let memory = Memory::default();
    let (mut journal, _) = Journal::open(memory.clone(), OPTIONS).expect("it is empty");
    for entry in [
        JournalEntry::Block(Bytes::from_static(b"a block")),
        JournalEntry::Snapshot(Bytes::from_static(b"a snapshot of some bytes")),
        JournalEntry::Block(Bytes::from_static(&[0; 100])),
    ] {
        journal.append(entry);
        journal.flush().expect("memory does not fail");
    }
    drop(journal);
    let files = memory.files();
    files.values().next().expect("a segment").clone()
}

/// Whatever a segment holds, a journal opens with entries or says why not; what it recovers stays recovered, and what is
/// written after it is there the next time.
pub fn journal(segment: &[u8]) {
    let memory = Memory::holding(segment);
    let Ok((mut journal, recovered)) = Journal::open(memory.clone(), OPTIONS) else { return };
    let more = JournalEntry::Block(Bytes::from_static(b"one more"));
    journal.append(more.clone());
    journal.flush().expect("memory does not fail");
    drop(journal);
    let (_, again) = Journal::open(memory, OPTIONS).expect("it opened before");
    assert_eq!(again.first, recovered.first);
    assert_eq!(again.entries[..again.entries.len() - 1], recovered.entries);
    assert_eq!(again.entries.last(), Some(&more));
}
