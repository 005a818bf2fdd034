//! Where an institution's documents lie.

#[cfg(feature = "s3")]
mod bucket;

#[cfg(feature = "s3")]
pub use bucket::BucketVault;

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
    /// The document is there no more when it returns, whether or not it was.
    fn erase(&self, locator: [u8; 16]) -> io::Result<()>;
}

/// Where a bucket of an object store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPlace {
    /// Its name.
    pub bucket: String,
    /// What all keys begin with; may be empty.
    pub prefix: String,
    /// Of a store other than Amazon's: `https://…`, or `http://…` on a network that is trusted.
    pub endpoint: Option<String>,
    /// `us-east-1` if it is not said.
    pub region: Option<String>,
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

    fn erase(&self, locator: [u8; 16]) -> io::Result<()> {
        self.0.lock().expect("nothing panics while it holds this").remove(&locator);
        Ok(())
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

    fn erase(&self, locator: [u8; 16]) -> io::Result<()> {
        match fs::remove_file(self.file(locator)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => self.names.sync_all(),
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
        again.erase([7; 16]).unwrap();
        again.erase([7; 16]).unwrap();
        assert_eq!(vault.load([7; 16]).unwrap(), None);
        fs::remove_dir_all(&path).unwrap();
    }
}
