//! stub
use crate::plan::Plan;
use crate::seed::Seed;
use ledger_core::ledger::Ledger;
use ledger_core::ledger::transaction::{PartyId, RecordId};
use ledger_core::seam::GatewayId;
/// stub
pub struct Population {}
#[allow(missing_docs)]
impl Population {
    pub fn new(_: &Plan, _: &Seed, _: usize) -> Self {
        Self {}
    }
    pub fn organisation(&self, id: GatewayId) -> PartyId {
        PartyId(id.0)
    }
    pub fn gateway_secret(&self, id: GatewayId) -> [u8; 32] {
        [id.0 as u8; 32]
    }
    pub fn custody(&self, _: GatewayId) -> Vec<(RecordId, [u8; 16])> {
        vec![]
    }
    pub fn genesis_ledger(&self) -> Option<Ledger> {
        None
    }
}
