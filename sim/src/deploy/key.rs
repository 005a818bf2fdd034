//! Secret keys on disk: one line, owner only, written whole or not at all.

use super::fields::{hex, parse_hex32};
use ledger_core::crypto::{PublicKey, SecretKey};
use ledger_core::gateway::Gateway;
use rand::TryRng;
use rand::rngs::SysRng;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What the line begins with.
const PREFIX: &str = "amanah-secret-1 ";
/// Nobody but the owner.
const MODE: u32 = 0o600;
/// Longest key file, bytes.
const FILE_BYTES_MAX: u64 = 256;

/// 32 secret bytes: a replica's or actor's signing key, or what a gateway derives its keys from.
#[derive(Clone)]
pub struct SecretSeed(Zeroizing<[u8; 32]>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file system said no.
    #[error("{}: {error}", file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// Others can read it.
    #[error("{}: readable by others (mode {mode:o}); run `chmod 600 {}`, and make a new key if it was so for long", file.display(), file.display())]
    Exposed {
        /// Which file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Something else is in it.
    #[error("{}: not a key file; `amanah keygen --out FILE` writes one", file.display())]
    NotAKey {
        /// Which file.
        file: PathBuf,
    },
    /// There is one already.
    #[error("{}: exists; a key is never written over another: move it away first", file.display())]
    Exists {
        /// Which file.
        file: PathBuf,
    },
    /// No randomness.
    #[error("the operating system gave no randomness: {0}")]
    Entropy(String),
}

impl SecretSeed {
    /// Known bytes: keys of a scenario's population, which anybody who has the scenario can derive.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From the operating system.
    ///
    /// # Errors
    /// If it gives none.
    pub fn fresh() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; 32]);
        SysRng.try_fill_bytes(&mut *bytes).map_err(|error| KeyError::Entropy(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// If it cannot be read, others can read it too, or it is not a key file.
    pub fn read(file: &Path) -> Result<Self, KeyError> {
        let io = |error| KeyError::Io { file: file.to_owned(), error };
        let metadata = fs::metadata(file).map_err(io)?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed { file: file.to_owned(), mode });
        }
        let not = || KeyError::NotAKey { file: file.to_owned() };
        if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
            return Err(not());
        }
        let text = Zeroizing::new(fs::read(file).map_err(io)?);
        let line = std::str::from_utf8(&text).map_err(|_| not())?;
        let digits = line.strip_prefix(PREFIX).and_then(|line| line.strip_suffix('\n')).ok_or_else(not)?;
        parse_hex32(digits).map(Self::from_bytes).ok_or_else(not)
    }

    /// Writes a key file.
    ///
    /// # Errors
    /// If one is there, or it cannot be written; then nothing is left of it.
    pub fn write(&self, file: &Path) -> Result<(), KeyError> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(format!(".{}.tmp", std::process::id()));
        let beside = PathBuf::from(beside);
        let line = Zeroizing::new(format!("{PREFIX}{}\n", *Zeroizing::new(hex(&*self.0))));
        let written = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&beside).and_then(
            |mut open: File| {
                open.write_all(line.as_bytes())?;
                open.sync_all()?;
                // A link never replaces what is there; a rename would.
                fs::hard_link(&beside, file)
            },
        );
        // What is left beside it is of no use, and the first error is the one to tell.
        let _ = fs::remove_file(&beside);
        written.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists { file: file.to_owned() },
            _ => KeyError::Io { file: file.to_owned(), error },
        })
    }

    /// As a gateway takes it.
    pub fn bytes(&self) -> [u8; 32] {
        *self.0
    }

    /// As a replica or an actor signs with it.
    pub fn signing(&self) -> SecretKey {
        SecretKey::from_seed(*self.0)
    }

    /// The other half of [`signing`](Self::signing).
    pub fn public(&self) -> PublicKey {
        self.signing().public()
    }

    /// What a gateway with this secret authenticates its connections with.
    pub fn transport_key(&self) -> PublicKey {
        Gateway::transport_key(self.bytes()).public()
    }

    /// What data keys are wrapped to for a gateway with this secret.
    pub fn wrap_key(&self) -> [u8; 32] {
        Gateway::wrap_key(self.bytes())
    }
}

impl std::fmt::Debug for SecretSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretSeed(..)")
    }
}
