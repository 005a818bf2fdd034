//! Health, metrics and the gateway's API over HTTP.

use super::DaemonError;
use ledger_core::committee::ReplicaId;
use ledger_core::live::Monitor;

/// Serves until it is dropped.
pub struct Server;

/// Health and metrics of a replica.
pub fn serve_replica(_: &str, _: Monitor, _: ReplicaId) -> Result<Server, DaemonError> {
    Ok(Server)
}
