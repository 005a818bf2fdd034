//! The files by which a consortium is deployed, on many hosts by hand or on one by the testbed.
//!
//! ```text
//! consortium.yaml   public, the same for everyone: members, addresses, tuning, and the hash of the genesis file
//! genesis.bin       public: the first state of the ledger
//! replica-N.yaml    one replica's own: its key, where it listens, where its journal is
//! gateway-N.yaml    one institution's own: its secret, its vault, the people who act here
//! *.key             32 secret bytes each, readable by their owner alone
//! ```
//!
//! Invariants:
//! * what is read is complete and consistent: a key file holds the key that the consortium names, the genesis file has
//!   the hash that it names, and the chain is the one that all of it together identifies;
//! * every mistake of a file, and of the files that it names, is reported at once, with file, line, key path and cure;
//! * unknown keys are refused, and paths are relative to the file that they stand in;
//! * a key file is written whole or not at all, never over another one, and refused if anybody else can read it.
//!
//! Limits: [`FILE_BYTES_MAX`] of a configuration, [`GENESIS_BYTES_MAX`] of a genesis file.
//!
//! It refuses to know sockets, threads and machines; the daemons do.

mod consortium;
mod directory;
mod fields;
mod gateway;
mod key;
mod replica;
#[cfg(test)]
mod tests;
mod vault;

pub use consortium::{Congestion, Consortium, GenesisError, GenesisFile, InstitutionEntry, ReplicaEntry};
pub use directory::{
    DOCUMENTS_PER_GATEWAY_MAX, Endpoints, PATIENTS_PER_GATEWAY_MAX, Report, WriteError, auditor_gateway,
    replica_data, write_consortium, write_gateway, write_replica,
};
pub use fields::{hex, parse_hex32 as parse_key};
pub use gateway::GatewayFile;
pub use key::{KeyError, SecretSeed};
pub use replica::{LoadPlan, ReplicaFile};
pub use vault::VaultPlace;
#[cfg(feature = "s3")]
pub(crate) use vault::bucket;

/// What `format:` says in every file.
pub const FORMAT: u64 = 1;
/// Largest configuration file, bytes: a consortium of 10,000 institutions.
pub const FILE_BYTES_MAX: usize = 8 << 20;
/// Largest genesis file, bytes.
pub const GENESIS_BYTES_MAX: u64 = 8 << 30;
/// Name of the public description in the directory that `keygen` writes.
pub const CONSORTIUM_FILE: &str = "consortium.yaml";
/// Name of the first state beside it.
pub const GENESIS_FILE: &str = "genesis.bin";
