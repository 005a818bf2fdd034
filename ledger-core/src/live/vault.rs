//! Where an institution's documents lie.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Documents by locator. A locator is used once.
pub trait Vault: Send + Sync {
    /// Keeps a document; durable when it returns.
    fn store(&self, locator: [u8; 16], document: &Bytes) -> io::Result<()>;
    /// The document, if there is one.
    fn load(&self, locator: [u8; 16]) -> io::Result<Option<Bytes>>;
}

/// In memory: for tests and load generators.
#[derive(Debug, Default)]
pub struct MemoryVault(Mutex<BTreeMap<[u8; 16], Bytes>>);

impl Vault for MemoryVault {
    fn store(&self, locator: [u8; 16], document: &Bytes) -> io::Result<()> {
        self.0.lock().expect("nothing panics while it holds this").insert(locator, document.clone());
        Ok(())
    }

    fn load(&self, locator: [u8; 16]) -> io::Result<Option<Bytes>> {
        Ok(self.0.lock().expect("nothing panics while it holds this").get(&locator).cloned())
    }
}

/// One file for each document, named by its locator.
#[derive(Debug)]
pub struct DirectoryVault {
    path: PathBuf,
    names: File,
}

impl DirectoryVault {
    /// In a directory, which is made if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.to_path_buf(), names: File::open(path)? })
    }

    fn file(&self, locator: [u8; 16]) -> PathBuf {
        self.path.join(format!("{:032x}", u128::from_be_bytes(locator)))
    }
}

impl Vault for DirectoryVault {
    fn store(&self, locator: [u8; 16], document: &Bytes) -> io::Result<()> {
        let path = self.file(locator);
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(document)?;
        file.sync_data()?;
        fs::rename(&fresh, &path)?;
        self.names.sync_all()
    }

    fn load(&self, locator: [u8; 16]) -> io::Result<Option<Bytes>> {
        match fs::read(self.file(locator)) {
            Ok(document) => Ok(Some(document.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_documents() {
        let path = std::env::temp_dir().join(format!("amanah-vault-{}", std::process::id()));
        let document = Bytes::from_static(b"a document");
        let vault = DirectoryVault::open(&path).unwrap();
        assert_eq!(vault.load([7; 16]).unwrap(), None);
        vault.store([7; 16], &document).unwrap();
        let again = DirectoryVault::open(&path).unwrap();
        assert_eq!(again.load([7; 16]).unwrap(), Some(document));
        fs::remove_dir_all(&path).unwrap();
    }
}
