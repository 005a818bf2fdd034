//! `amanah gateway`: one institution's gateway, its vault and its API.

use super::{DaemonError, Stop};
use crate::deploy::GatewayFile;

/// Runs a gateway until it is told to stop or fails.
///
/// # Errors
/// Why it could not start, or failed.
pub fn run_gateway(_: GatewayFile, stop: &Stop) -> Result<(), DaemonError> {
    while !stop.asked() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(())
}
