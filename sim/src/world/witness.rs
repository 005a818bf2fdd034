//! Who watches a run from its clients' side.

use crate::population::Population;
use ledger_core::gateway::{Command, Completion};
use ledger_core::seam::GatewayId;
use ledger_core::time::Timestamp;
use std::sync::Arc;

/// Is told what clients ask of gateways and how it ends, in the order in which it happens. Nothing that it does changes
/// the run.
pub trait Witness {
    /// Before anything happens.
    fn begins(&mut self, population: &Arc<Population>);
    /// An operation starts.
    fn started(&mut self, operation: u64, gateway: GatewayId, command: &Command);
    /// An operation has ended. What never ends is never told.
    fn ended(&mut self, at: Timestamp, operation: u64, completion: &Completion);
}
