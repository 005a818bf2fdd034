//! A vault in an object store that speaks S3's protocol.
//!
//! What leaves this host is sealed first, under a key that derives from the institution's secret and the locator
//! ([`seal::at_rest`]): whoever runs the store learns locators, sizes and times, and no document.
//!
//! Calls block the vault's thread, one after the other, each at most [`PATIENCE`]; the store's own retries are within
//! it. Credentials come from the environment or the host's role, never from a configuration file.

use super::{BucketPlace, Vault};
use crate::message::DOCUMENT_BYTES_MAX;
use crate::seal::{self, VaultSecret};
use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStoreExt as _, RetryConfig};
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// How long one call may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Documents in a bucket, sealed.
pub struct BucketVault {
    store: AmazonS3,
    prefix: String,
    secret: VaultSecret,
    runtime: Runtime,
}

impl std::fmt::Debug for BucketVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "vault in {}", self.store)
    }
}

impl BucketVault {
    /// In a bucket, for the institution with this secret. Writes to it and takes that away again, so that
    /// wrong credentials or a missing bucket are found at the start.
    ///
    /// # Errors
    /// What the place, the credentials or the store say.
    pub fn open(place: &BucketPlace, secret: [u8; 32]) -> io::Result<Self> {
        // Two providers could be linked in: this one is chosen, unless the process has chosen before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = ClientOptions::new().with_timeout(PATIENCE);
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&place.bucket)
            .with_region(place.region.as_deref().unwrap_or("us-east-1"))
            .with_client_options(client)
            .with_retry(RetryConfig { max_retries: 3, retry_timeout: PATIENCE, ..RetryConfig::default() });
        if let Some(endpoint) = &place.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let store = builder.build().map_err(io::Error::other)?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let vault = Self { store, prefix: place.prefix.clone(), secret: VaultSecret::new(secret), runtime };
        vault.probe()?;
        Ok(vault)
    }

    /// Writes something and takes it away. (Reading what is not there would look the same in a bucket that is not there.)
    fn probe(&self) -> io::Result<()> {
        let key = Path::from(format!("{}/probe", self.prefix));
        let written = async {
            self.store.put(&key, Bytes::from_static(b"amanah").into()).await?;
            self.store.delete(&key).await
        };
        self.within(written).map_err(io::Error::other)
    }

    fn key(&self, locator: [u8; 16]) -> Path {
        let name = format!("{:032x}", u128::from_be_bytes(locator));
        Path::from(format!("{}/{name}", self.prefix))
    }

    fn within<T>(
        &self,
        call: impl Future<Output = Result<T, object_store::Error>>,
    ) -> Result<T, object_store::Error> {
        let limited = async {
            let late = |_| object_store::Error::Generic {
                store: "S3",
                source: format!("no answer within {} s", PATIENCE.as_secs()).into(),
            };
            tokio::time::timeout(PATIENCE, call).await.map_err(late)?
        };
        self.runtime.block_on(limited)
    }
}

impl Vault for BucketVault {
    fn store(&self, locator: [u8; 16], document: &Bytes) -> io::Result<()> {
        let sealed = seal::at_rest(&self.secret, &locator, document);
        self.within(self.store.put(&self.key(locator), sealed.into())).map_err(io::Error::other)?;
        Ok(())
    }

    fn load(&self, locator: [u8; 16]) -> io::Result<Option<Bytes>> {
        let key = self.key(locator);
        let fetch = async {
            let found = self.store.get(&key).await?;
            // A store that sends something else than was put there must not fill this host's memory.
            if found.meta.size > (DOCUMENT_BYTES_MAX + seal::AT_REST_OVERHEAD) as u64 {
                let source = format!("{} bytes are more than a document has", found.meta.size).into();
                return Err(object_store::Error::Generic { store: "S3", source });
            }
            found.bytes().await
        };
        match self.within(fetch) {
            Ok(sealed) => {
                let document = seal::from_rest(&self.secret, &locator, &sealed);
                let document = document.map_err(|error| {
                    io::Error::new(io::ErrorKind::InvalidData, format!("{key} in the bucket: {error}"))
                })?;
                Ok(Some(document.into()))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn erase(&self, locator: [u8; 16]) -> io::Result<()> {
        match self.within(self.store.delete(&self.key(locator))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(bucket: &str) -> BucketPlace {
        let endpoint = std::env::var("AMANAH_S3_ENDPOINT").expect("`tests/s3.sh` says where its server is");
        let (bucket, prefix) = (bucket.to_owned(), "hospital-0/live".to_owned());
        BucketPlace { bucket, prefix, endpoint: Some(endpoint), region: None }
    }

    /// Against a real server, which `tests/s3.sh` starts and stops.
    #[test]
    #[ignore = "needs an S3 server: run tests/s3.sh"]
    fn a_bucket_keeps_documents_sealed_and_gives_them_up() {
        let document = Bytes::from("a document that nobody else may read".repeat(50));
        let vault = BucketVault::open(&place("records"), [1; 32]).unwrap();
        assert_eq!(vault.load([7; 16]).unwrap(), None);
        vault.store([7; 16], &document).unwrap();
        vault.store([8; 16], &Bytes::new()).unwrap();
        let again = BucketVault::open(&place("records"), [1; 32]).unwrap();
        assert_eq!(again.load([7; 16]).unwrap(), Some(document.clone()));
        assert_eq!(again.load([8; 16]).unwrap(), Some(Bytes::new()));
        // What lies in the bucket is not the document, and another institution's secret does not open it.
        let raw = vault.within(async { vault.store.get(&vault.key([7; 16])).await?.bytes().await }).unwrap();
        assert_eq!(raw.len(), document.len() + seal::AT_REST_OVERHEAD);
        assert!(!raw.windows(16).any(|window| window == &document[..16]));
        let other = BucketVault::open(&place("records"), [2; 32]).unwrap();
        let error = other.load([7; 16]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        vault.erase([7; 16]).unwrap();
        vault.erase([7; 16]).unwrap();
        assert_eq!(again.load([7; 16]).unwrap(), None);
        assert_eq!(again.load([8; 16]).unwrap(), Some(Bytes::new()));
        let large = Bytes::from(vec![5; DOCUMENT_BYTES_MAX]);
        vault.store([9; 16], &large).unwrap();
        assert_eq!(again.load([9; 16]).unwrap(), Some(large));
    }

    #[test]
    #[ignore = "needs an S3 server: run tests/s3.sh"]
    fn a_bucket_that_is_not_there_is_found_out_at_the_start() {
        let error = BucketVault::open(&place("no-such-bucket"), [1; 32]).unwrap_err().to_string();
        assert!(error.contains("NoSuchBucket"), "{error}");
    }

    #[test]
    fn an_endpoint_where_nobody_listens_is_an_error_within_its_time() {
        let endpoint = Some("http://127.0.0.1:9".to_owned());
        let place =
            BucketPlace { bucket: "records".to_owned(), prefix: String::new(), endpoint, region: None };
        // Whether credentials are missing or nobody answers, it is said and not waited for.
        let begun = std::time::Instant::now();
        assert!(BucketVault::open(&place, [1; 32]).is_err());
        assert!(begun.elapsed() < 2 * PATIENCE);
    }
}
