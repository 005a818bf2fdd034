//! Refusals, and what they give to suspect.
//!
//! | refusal | alert |
//! |---|---|
//! | `UnknownProduct`, `UnknownSerial` of what somebody has in hand | counterfeit |
//! | `AlreadyDispensed`: dispensed, destroyed, or a container unpacked before | clone |
//! | `NoMatchingShipment` of what another holds | clone |
//! | `NoMatchingShipment` of what is on its way to another | diversion |
//! | `NotCurrentHolder`, `ChildNotHeld` of what another has, `UnauthorisedPartner` | diversion |
//! | `LotExpiryMismatch` of a scan | mislabelled |
//!
//! No other refusal raises one: a recalled or expired pack is genuine.

use super::super::transaction::{Alert, AlertId, AlertKind, Answer, Outcome, PartyId, Refusal, Unit};
use super::super::{Actor, Ledger};
use super::{AlertRecord, Lot, Node, Packs, alert_chain};
use crate::time::Timestamp;

/// Why not, and what of which unit that gives to suspect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Denial {
    refusal: Refusal,
    suspicion: Option<(AlertKind, Unit)>,
}

impl From<Refusal> for Denial {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, suspicion: None }
    }
}

impl Denial {
    pub fn suspect(refusal: Refusal, kind: AlertKind, unit: Unit) -> Self {
        Self { refusal, suspicion: Some((kind, unit)) }
    }
}

impl Packs {
    /// Whose product a unit is: of mixed containers, that of the first lot.
    fn manufacturer_of(&self, unit: Unit) -> Option<PartyId> {
        let product = match unit {
            Unit::Pack { gtin, .. } => self.product_by_gtin(gtin)?,
            Unit::Container { sscc } => {
                let container = self.tables.containers.get(self.container_by_sscc(sscc)?.0)?;
                self.tables.lots.get(container.lots.first()?.0)?.product
            }
        };
        self.tables.products.get(product.0).map(|row| row.manufacturer)
    }

    /// The lots of a node, in order.
    pub(super) fn lots_of(&self, node: Node) -> impl Iterator<Item = &Lot> {
        let lots = match node {
            Node::Pack(id) => self.tables.packs.get(id.0).map(|pack| std::slice::from_ref(&pack.lot)),
            Node::Container(id) => self.tables.containers.get(id.0).map(|container| &container.lots[..]),
        };
        lots.unwrap_or_default().iter().filter_map(|lot| self.tables.lots.get(lot.0))
    }

    fn push_alert(&mut self, row: AlertRecord) -> AlertId {
        let id = self.tables.alerts.push(row).expect("2^32 alerts outlast memory");
        self.alert_chains.push(alert_chain(row.manufacturer), id);
        AlertId(id)
    }
}

impl Ledger {
    pub(super) fn deny_supply(&mut self, now: Timestamp, actor: &Actor, denial: Denial) -> Answer {
        let Denial { refusal, suspicion } = denial;
        let alert = suspicion.map(|(kind, unit)| {
            let manufacturer = self.packs.manufacturer_of(unit);
            let counter = u64::from(self.packs.alert_chains.length(alert_chain(manufacturer))) + 1;
            let (by, organisation) = (actor.id, actor.organisation);
            let row =
                AlertRecord { kind, unit, manufacturer, counter, refusal, actor: by, organisation, at: now };
            Alert { id: self.packs.push_alert(row), kind, manufacturer, counter }
        });
        Answer { outcome: Outcome::Refused(refusal), decision: None, alert }
    }

    /// What an atomic bundle that was refused leaves: the alert of its refusal, raised on the clone that is dropped.
    pub(in crate::ledger) fn keep_alert(&mut self, refused: &Answer, trial: &Self) {
        if let Some(alert) = refused.alert
            && let Some(row) = trial.packs.tables.alerts.get(alert.id.0)
        {
            let id = self.packs.push_alert(*row);
            debug_assert_eq!(id, alert.id, "what came before it in the bundle was not refused");
        }
    }
}
