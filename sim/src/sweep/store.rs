//! Where the results of a sweep are: a directory, or an object store that others can reach too.
//!
//! Files are written whole or not at all, and durable when the call returns. What is created where something is stays as it
//! was. That a store cannot be reached is worth another try; that it says no is not.

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long one call may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why something is not to be had from a store, or not to be left there.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum StoreError {
    /// Never: what was asked for is no store of this program.
    #[error("{address}: {reason}")]
    Address { address: String, reason: String },
    /// Never: it says no.
    #[error("{place}: {error}")]
    Refused { place: String, error: object_store::Error },
    /// Not now.
    #[error("{place}: cannot be reached: {error}")]
    Unreachable { place: String, error: object_store::Error },
    #[error("{name} is damaged: {reason}; remove it, and what it held is played again")]
    Damaged { name: String, reason: String },
    #[error("{name} holds the same run with {theirs}, and it was played again with {ours}")]
    Conflict { name: String, ours: String, theirs: String },
    #[error("{name} is of another sweep or hunt: {why}; choose another --out")]
    OtherSweep { name: String, why: &'static str },
}

/// What was where something was to be created.
#[derive(Debug)]
pub enum Put {
    /// Nothing.
    New,
    /// This.
    There(Bytes),
}

/// An opened store.
#[derive(Debug)]
pub struct Store {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    address: String,
    directory: Option<PathBuf>,
    runtime: Runtime,
}

impl Store {
    /// A directory, which is made if it is not there, `file:///…`, or, with the feature `s3`,
    /// `s3://bucket/prefix?endpoint=https://…&region=…` with credentials from the environment.
    ///
    /// # Errors
    /// If it is none of these, or the directory cannot be made.
    pub fn open(address: &str) -> Result<Self, StoreError> {
        let refused = |reason: String| StoreError::Address { address: address.to_owned(), reason };
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| refused(error.to_string()))?;
        if let Some(local) = local(address) {
            let directory = PathBuf::from(local);
            std::fs::create_dir_all(&directory)
                .map_err(|error| refused(format!("cannot be made: {error}")))?;
            let store =
                LocalFileSystem::new_with_prefix(&directory).map_err(|error| refused(error.to_string()))?;
            let (store, prefix) = (Box::new(store.with_fsync(true)), Path::default());
            let address = local.trim_end_matches('/').to_owned();
            return Ok(Self { store, prefix, address, directory: Some(directory), runtime });
        }
        match address.strip_prefix("s3://") {
            Some(rest) => bucket(address, rest, runtime),
            None => Err(refused(
                "results are kept in a directory, at file:///… or at s3://bucket/prefix".to_owned(),
            )),
        }
    }

    /// Opens what somebody has written: a directory is not made.
    ///
    /// # Errors
    /// As [`Store::open`], and if there is no such directory.
    pub fn existing(address: &str) -> Result<Self, StoreError> {
        match local(address) {
            Some(directory) if !std::path::Path::new(directory).is_dir() => Err(StoreError::Address {
                address: address.to_owned(),
                reason: "there is no such directory".to_owned(),
            }),
            _ => Self::open(address),
        }
    }

    /// On this machine's disk.
    pub fn directory(&self) -> Option<&std::path::Path> {
        self.directory.as_deref()
    }

    /// What a file is called in messages.
    pub fn shown(&self, name: &str) -> String {
        let (place, query) = self.address.split_once('?').unwrap_or((&self.address, ""));
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        format!("{place}/{name}{query}")
    }

    /// As it was opened.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Creates a file where none is.
    ///
    /// # Errors
    /// If the store cannot be reached or refuses.
    pub fn create(&self, name: &str, bytes: Bytes) -> Result<Put, StoreError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.within(self.store.put_opts(&self.key(name), bytes.into(), options)) {
            Ok(_) => Ok(Put::New),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                match self.read(name)? {
                    Some(bytes) => Ok(Put::There(bytes)),
                    None => {
                        let error = object_store::Error::Generic {
                            store: "put",
                            source: format!("{name} was there and is not").into(),
                        };
                        Err(self.failed(error))
                    }
                }
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Writes a file in place of any other.
    ///
    /// # Errors
    /// If the store cannot be reached or refuses.
    pub fn replace(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.within(self.store.put(&self.key(name), bytes.into())).map_err(|error| self.failed(error))?;
        Ok(())
    }

    /// A file, if it is there.
    ///
    /// # Errors
    /// If the store cannot be reached or refuses.
    pub fn read(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        let key = self.key(name);
        let fetch = async {
            let found = self.store.get(&key).await?;
            // A store that sends something else than was put there must not fill this host's memory.
            if found.meta.size > FILE_BYTES_MAX {
                let source = format!("{} bytes are more than a file of results has", found.meta.size).into();
                return Err(object_store::Error::Generic { store: "get", source });
            }
            found.bytes().await
        };
        match self.within(fetch) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Names of the files in a folder.
    ///
    /// # Errors
    /// If the store cannot be reached or refuses.
    pub fn list(&self, folder: &str) -> Result<BTreeSet<String>, StoreError> {
        let listed = self.within(self.store.list_with_delimiter(Some(&self.key(folder))));
        let listed = match listed {
            Ok(listed) => listed,
            Err(object_store::Error::NotFound { .. }) => return Ok(BTreeSet::new()),
            Err(error) => return Err(self.failed(error)),
        };
        Ok(listed.objects.iter().filter_map(|object| object.location.filename()).map(str::to_owned).collect())
    }

    fn key(&self, name: &str) -> Path {
        name.split('/').fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn failed(&self, error: object_store::Error) -> StoreError {
        use object_store::Error;
        let place = self.address.clone();
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } | Error::NotSupported { .. } => {
                StoreError::Refused { place, error }
            }
            error => StoreError::Unreachable { place, error },
        }
    }

    fn within<T>(
        &self,
        call: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, object_store::Error> {
        let limited = async {
            let late = |_| object_store::Error::Generic {
                store: "results",
                source: format!("no answer within {} s", PATIENCE.as_secs()).into(),
            };
            tokio::time::timeout(PATIENCE, call).await.map_err(late)?
        };
        self.runtime.block_on(limited)
    }
}

/// The directory that an address is, if it is one.
fn local(address: &str) -> Option<&str> {
    address.strip_prefix("file://").or((!address.contains("://")).then_some(address))
}

#[cfg(not(feature = "s3"))]
fn bucket(address: &str, _: &str, _: Runtime) -> Result<Store, StoreError> {
    let reason = "this program was built without the feature `s3`".to_owned();
    Err(StoreError::Address { address: address.to_owned(), reason })
}

#[cfg(feature = "s3")]
fn bucket(address: &str, rest: &str, runtime: Runtime) -> Result<Store, StoreError> {
    use object_store::aws::AmazonS3Builder;
    use object_store::{ClientOptions, RetryConfig};

    let refused = |reason: String| StoreError::Address { address: address.to_owned(), reason };
    let place = crate::deploy::bucket(rest).map_err(refused)?;
    // Two providers could be linked in: this one is chosen, unless the process has chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(&place.bucket)
        .with_region(place.region.as_deref().unwrap_or("us-east-1"))
        .with_client_options(ClientOptions::new().with_timeout(PATIENCE))
        .with_retry(RetryConfig { max_retries: 3, retry_timeout: PATIENCE, ..RetryConfig::default() });
    if let Some(endpoint) = &place.endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
    }
    let store = Box::new(builder.build().map_err(|error| refused(error.to_string()))?);
    let prefix = place.prefix.split('/').filter(|part| !part.is_empty());
    let prefix = prefix.fold(Path::default(), |path, part| path.join(part));
    Ok(Store { store, prefix, address: address.to_owned(), directory: None, runtime })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(store: &Store) {
        assert!(store.list("cells").unwrap().is_empty());
        assert_eq!(store.read("cells/a.json").unwrap(), None);
        let one = Bytes::from_static(b"one");
        assert!(matches!(store.create("cells/a.json", one.clone()).unwrap(), Put::New));
        let again = store.create("cells/a.json", Bytes::from_static(b"two")).unwrap();
        assert!(matches!(again, Put::There(bytes) if bytes == one));
        store.replace("table.csv", one.clone()).unwrap();
        store.replace("table.csv", Bytes::from_static(b"three")).unwrap();
        assert_eq!(store.read("table.csv").unwrap(), Some(Bytes::from_static(b"three")));
        assert_eq!(store.list("cells").unwrap(), BTreeSet::from(["a.json".to_owned()]));
    }

    #[test]
    fn what_is_created_stays() {
        let path = std::env::temp_dir().join(format!("amanah-store-{}", std::process::id()));
        check(&Store::open(path.to_str().unwrap()).unwrap());
        let store = Store::open(&format!("file://{}", path.display())).unwrap();
        assert_eq!(store.list("cells").unwrap().len(), 1);
        assert_eq!(store.shown("cells/a.json"), format!("{}/cells/a.json", path.display()));
        std::fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for address in ["gs://bucket/x", "http://127.0.0.1/x", "s3://NO"] {
            let error = Store::open(address).unwrap_err();
            assert!(matches!(error, StoreError::Address { .. }), "{error}");
        }
    }

    /// Against a real server, which `tests/s3.sh` starts and stops.
    #[cfg(feature = "s3")]
    #[test]
    #[ignore = "needs an S3 server: run tests/s3.sh"]
    fn a_bucket_keeps_what_is_created() {
        let endpoint = std::env::var("AMANAH_S3_ENDPOINT").expect("`tests/s3.sh` says where its server is");
        let store = Store::open(&format!("s3://records/sweeps/one?endpoint={endpoint}")).unwrap();
        check(&store);
        let nobody = Store::open("s3://records/x?endpoint=http://127.0.0.1:9").unwrap();
        assert!(matches!(nobody.read("x"), Err(StoreError::Unreachable { .. })));
    }
}
