//! A disk that remembers every operation, so that a test can ask what a crash after each of them might leave.

use crate::live::journal::{Storage, StorageFile};
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What a crash tears: real disks write 512 bytes or more at once, which tears less.
pub const SECTOR: usize = 24;

#[derive(Clone, Debug)]
pub enum Op {
    Create(String, usize),
    Write(usize, Vec<u8>),
    Cut(usize, usize),
    Sync(usize),
    /// The kernel gave up: pages count as clean, and a later sync will not write them.
    SyncFailed(usize),
    Rename(String, String, usize),
    Remove(String),
    SyncNames,
    /// Not an operation: the journal said that so many entries are durable.
    Acknowledged(u64),
}

#[derive(Clone, Debug)]
enum Change {
    Write(Vec<u8>),
    Cut(usize),
}

#[derive(Clone, Debug, Default)]
struct Inode {
    /// As everybody sees it while the host runs.
    cached: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
}

/// A disk and the kernel's memory of it.
#[derive(Clone, Debug, Default)]
pub struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    names_changed: Vec<Op>,
    pub acknowledged: u64,
}

impl State {
    pub fn apply(&mut self, op: &Op) {
        match op {
            Op::Create(_, inode) => {
                self.inodes.resize_with(self.inodes.len().max(inode + 1), Inode::default);
                rename(&mut self.names, op);
                self.names_changed.push(op.clone());
            }
            Op::Write(inode, bytes) => {
                self.inodes[*inode].cached.extend_from_slice(bytes);
                self.inodes[*inode].changes.push(Change::Write(bytes.clone()));
            }
            Op::Cut(inode, length) => {
                self.inodes[*inode].cached.truncate(*length);
                self.inodes[*inode].changes.push(Change::Cut(*length));
            }
            Op::Sync(inode) => {
                let inode = &mut self.inodes[*inode];
                let mut durable = std::mem::take(&mut inode.durable);
                inode.changes.drain(..).for_each(|change| apply(&mut durable, &change));
                inode.durable = durable;
            }
            Op::SyncFailed(inode) => {
                // Zeros are where the lost pages should be.
                for change in &mut self.inodes[*inode].changes {
                    if let Change::Write(bytes) = change {
                        bytes.fill(0);
                    }
                }
            }
            Op::Rename(..) | Op::Remove(_) => {
                rename(&mut self.names, op);
                self.names_changed.push(op.clone());
            }
            Op::SyncNames => {
                self.names_changed.drain(..).for_each(|op| rename(&mut self.durable_names, &op));
            }
            Op::Acknowledged(entries) => self.acknowledged = *entries,
        }
    }

    /// Everything that a loss of power now might leave.
    pub fn crashes(&self) -> Vec<Self> {
        let mut states = Vec::new();
        for kept in 0..1u32 << self.names_changed.len() {
            let mut names = self.durable_names.clone();
            let survivors = self.names_changed.iter().enumerate().filter(|(bit, _)| kept & (1 << bit) != 0);
            survivors.for_each(|(_, op)| rename(&mut names, op));
            for lazy in [false, true] {
                let base: Vec<Vec<u8>> = self
                    .inodes
                    .iter()
                    .map(|inode| if lazy { inode.durable.clone() } else { inode.applied(usize::MAX) })
                    .collect();
                states.push(self.with(&names, base.clone()));
                for (number, inode) in self.inodes.iter().enumerate() {
                    for content in inode.torn() {
                        let mut contents = base.clone();
                        contents[number] = content;
                        states.push(self.with(&names, contents));
                    }
                }
            }
        }
        states
    }

    fn with(&self, names: &BTreeMap<String, usize>, contents: Vec<Vec<u8>>) -> Self {
        let inodes = contents
            .into_iter()
            .map(|bytes| Inode { cached: bytes.clone(), durable: bytes, changes: Vec::new() })
            .collect();
        Self {
            inodes,
            names: names.clone(),
            durable_names: names.clone(),
            names_changed: Vec::new(),
            acknowledged: self.acknowledged,
        }
    }

    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.names.iter().map(|(name, inode)| (name.clone(), self.inodes[*inode].cached.clone())).collect()
    }

    pub fn edit(&mut self, name: &str, edit: impl FnOnce(&mut Vec<u8>)) {
        let inode = &mut self.inodes[self.names[name]];
        edit(&mut inode.cached);
        inode.durable = inode.cached.clone();
    }
}

impl Inode {
    fn applied(&self, changes: usize) -> Vec<u8> {
        let mut content = self.durable.clone();
        self.changes.iter().take(changes).for_each(|change| apply(&mut content, change));
        content
    }

    /// Every byte at which unsynced writes can stop, and every sector that can be missing while later ones are there.
    fn torn(&self) -> Vec<Vec<u8>> {
        let mut states = Vec::new();
        for (number, change) in self.changes.iter().enumerate() {
            let before = self.applied(number);
            if let Change::Write(bytes) = change {
                for length in 0..bytes.len() {
                    states.push([&before, &bytes[..length]].concat());
                }
            }
        }
        let whole = self.applied(usize::MAX);
        for start in (self.durable.len()..whole.len()).step_by(SECTOR) {
            let end = whole.len().min(start + SECTOR);
            let mut hole = whole.clone();
            hole[start..end].fill(0);
            states.push(hole);
            let mut lone = whole.clone();
            lone[self.durable.len()..start].fill(0);
            states.push(lone);
        }
        states
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(bytes) => content.extend_from_slice(bytes),
        Change::Cut(length) => content.truncate(*length),
    }
}

fn rename(names: &mut BTreeMap<String, usize>, op: &Op) {
    match op {
        Op::Create(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Op::Rename(from, to, inode) => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
        Op::Remove(name) => {
            names.remove(name);
        }
        Op::Write(..)
        | Op::Cut(..)
        | Op::Sync(_)
        | Op::SyncFailed(_)
        | Op::SyncNames
        | Op::Acknowledged(_) => {}
    }
}

#[derive(Debug, Default)]
struct Host {
    /// Before the first operation of the log.
    before: State,
    state: State,
    log: Vec<Op>,
    /// Bytes that still fit.
    room: Option<usize>,
    /// Syncs of content from now on that fail.
    failing_syncs: usize,
    failing_names: usize,
    /// Most bytes that one write takes.
    write_max: Option<usize>,
}

impl Host {
    fn act(&mut self, op: Op) {
        self.state.apply(&op);
        self.log.push(op);
    }
}

/// The storage of a simulated host; clones are handles to the same.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Host>>);

pub struct DiskFile {
    host: Arc<Mutex<Host>>,
    inode: usize,
}

impl Disk {
    /// A host whose disk is in this state.
    pub fn of(state: State) -> Self {
        Self(Arc::new(Mutex::new(Host { before: state.clone(), state, ..Host::default() })))
    }

    pub fn state(&self) -> State {
        self.0.lock().unwrap().state.clone()
    }

    /// As it was when the log began.
    pub fn before(&self) -> State {
        self.0.lock().unwrap().before.clone()
    }

    pub fn log(&self) -> Vec<Op> {
        self.0.lock().unwrap().log.clone()
    }

    pub fn acknowledge(&self, entries: u64) {
        self.0.lock().unwrap().act(Op::Acknowledged(entries));
    }

    pub fn set_room(&self, bytes: Option<usize>) {
        self.0.lock().unwrap().room = bytes;
    }

    pub fn fail_syncs(&self, times: usize) {
        self.0.lock().unwrap().failing_syncs = times;
    }

    pub fn fail_names(&self, times: usize) {
        self.0.lock().unwrap().failing_names = times;
    }

    pub fn set_write_max(&self, bytes: usize) {
        self.0.lock().unwrap().write_max = Some(bytes);
    }
}

impl Storage for Disk {
    type File = DiskFile;
    const BLOCK: usize = 32;

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().state.names.keys().cloned().collect())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let host = self.0.lock().unwrap();
        let inode = host.state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(host.state.inodes[*inode].cached.clone())
    }

    fn create(&mut self, name: &str) -> io::Result<DiskFile> {
        let mut host = self.0.lock().unwrap();
        let inode = host.state.inodes.len();
        host.act(Op::Create(name.into(), inode));
        Ok(DiskFile { host: self.0.clone(), inode })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut host = self.0.lock().unwrap();
        let inode = *host.state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        host.act(Op::Rename(from.into(), to.into(), inode));
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.0.lock().unwrap().act(Op::Remove(name.into()));
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let mut host = self.0.lock().unwrap();
        if host.failing_names > 0 {
            host.failing_names -= 1;
            return Err(io::Error::other("the disk is on fire"));
        }
        host.act(Op::SyncNames);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/disk").join(name)
    }
}

impl StorageFile for DiskFile {
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut host = self.host.lock().unwrap();
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let fits = bytes.len().min(host.room.unwrap_or(usize::MAX)).min(host.write_max.unwrap_or(usize::MAX));
        if fits == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        host.room = host.room.map(|room| room - fits);
        host.act(Op::Write(self.inode, bytes[..fits].to_vec()));
        Ok(fits)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut host = self.host.lock().unwrap();
        if host.failing_syncs > 0 {
            host.failing_syncs -= 1;
            host.act(Op::SyncFailed(self.inode));
            return Err(io::Error::other("the disk is on fire"));
        }
        host.act(Op::Sync(self.inode));
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.host.lock().unwrap().act(Op::Cut(self.inode, bytes as usize));
        Ok(())
    }
}
