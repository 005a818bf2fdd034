//! One pack in hand: verified, dispensed, taken back; and lots recalled.

use super::super::transaction::{AlertKind, Code, Gtin, PackId, PartyId, Refusal, Role, Scan, SupplyOutcome};
use super::super::{Actor, Ledger, LedgerBug};
use super::suspicion::Denial;
use super::{Node, Packs, Place};
use crate::time::Timestamp;

impl Packs {
    /// Refusals, in order: `UnknownProduct`, `UnknownSerial`, `LotExpiryMismatch`.
    fn recognise(&self, scan: &Scan) -> Result<PackId, Denial> {
        let unit = scan.unit();
        let unknown = || Denial::suspect(Refusal::UnknownSerial, AlertKind::Counterfeit, unit);
        let Node::Pack(id) = self.identify(unit)? else { return Err(unknown()) };
        let lot = self.lots_of(Node::Pack(id)).next().ok_or_else(unknown)?;
        if lot.number != scan.lot || lot.expiry != scan.expiry {
            return Err(Denial::suspect(Refusal::LotExpiryMismatch, AlertKind::Mislabelled, unit));
        }
        Ok(id)
    }
}

impl Ledger {
    /// Wherever it is is right for a regulator; for others if they hold it or it is on its way to them, packed or not.
    ///
    /// Refusals, in order: `UnknownProduct`, `UnknownSerial`, `LotExpiryMismatch`, `AlreadyDispensed`,
    /// `NotCurrentHolder`, `PackRecalled`, `PackExpired`.
    pub(super) fn verify_pack(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        scan: &Scan,
    ) -> Result<SupplyOutcome, Denial> {
        let id = self.packs.recognise(scan)?;
        let place = self.packs.locate(scan.unit())?.place;
        let is_here = |me: PartyId| match place {
            Place::Held { by, .. } => by == me,
            Place::InTransit { to, .. } => to == me,
            Place::Inside(_) | Place::Dispensed { .. } | Place::Destroyed { .. } | Place::Unpacked => false,
        };
        if actor.role != Role::Regulator && !is_here(actor.organisation) {
            return Err(Denial::suspect(Refusal::NotCurrentHolder, AlertKind::Diversion, scan.unit()));
        }
        self.packs.condition(now, Node::Pack(id))?;
        Ok(SupplyOutcome::Verified(id))
    }

    /// Refusals, in order: `UnknownProduct`, `UnknownSerial`, `LotExpiryMismatch`, `AlreadyDispensed`,
    /// `NotCurrentHolder`, `StillPacked`, `PackRecalled`, `PackExpired`.
    pub(super) fn dispense(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        scan: &Scan,
    ) -> Result<SupplyOutcome, Denial> {
        let (by, id) = (actor.organisation, self.packs.recognise(scan)?);
        let node = Node::Pack(id);
        let again = self.has_bug(LedgerBug::DispenseAgain)
            && matches!(self.packs.place(node), Some(Place::Dispensed { .. }));
        if !again {
            self.packs.in_hand(by, scan.unit())?;
        }
        if !self.has_bug(LedgerBug::IgnoreRecall) {
            self.packs.condition(now, node)?;
        }
        self.packs.set_place(node, Place::Dispensed { by, at: now });
        Ok(SupplyOutcome::Dispensed(id))
    }

    /// Refusals, in order: `UnknownProduct`, `UnknownSerial`, `LotExpiryMismatch`, destroyed (`AlreadyDispensed`),
    /// `NotDispensed`, dispensed by another (`NotCurrentHolder`), `PackRecalled`, `PackExpired`,
    /// `ReverseWindowClosed` (EU 2016/161, Article 13).
    pub(super) fn reverse_dispensing(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        scan: &Scan,
    ) -> Result<SupplyOutcome, Denial> {
        let (me, id) = (actor.organisation, self.packs.recognise(scan)?);
        let node = Node::Pack(id);
        let (by, at) = match self.packs.place(node) {
            Some(Place::Dispensed { by, at }) => (by, at),
            Some(Place::Held { .. } | Place::InTransit { .. }) => return Err(Refusal::NotDispensed.into()),
            Some(Place::Destroyed { .. } | Place::Inside(_) | Place::Unpacked) | None => {
                return Err(Denial::suspect(Refusal::AlreadyDispensed, AlertKind::Clone, scan.unit()));
            }
        };
        if by != me {
            return Err(Denial::suspect(Refusal::NotCurrentHolder, AlertKind::Diversion, scan.unit()));
        }
        self.packs.condition(now, node)?;
        if now >= at + self.policy.reverse_window() {
            return Err(Refusal::ReverseWindowClosed.into());
        }
        self.packs.set_place(node, Place::Held { by: me, from: None, since: now });
        Ok(SupplyOutcome::Reversed(id))
    }

    /// Refusals, in order: `UnknownProduct`, another manufacturer (`NotGtinOwner`), `UnknownLot`, recalled before
    /// (`PackRecalled`).
    pub(super) fn recall(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        gtin: Gtin,
        number: Code,
    ) -> Result<SupplyOutcome, Refusal> {
        let packs = &mut self.packs;
        let product = packs.product_by_gtin(gtin).ok_or(Refusal::UnknownProduct)?;
        let owner = packs.products().get(product.0).map(|row| row.manufacturer);
        if actor.role != Role::Regulator && owner != Some(actor.organisation) {
            return Err(Refusal::NotGtinOwner);
        }
        let id = packs.lot_by_number(product, number).ok_or(Refusal::UnknownLot)?;
        let lot = packs.tables.lots.get_mut(id.0).ok_or(Refusal::UnknownLot)?;
        if lot.recalled_at.is_some() {
            return Err(Refusal::PackRecalled);
        }
        lot.recalled_at = Some(now);
        Ok(SupplyOutcome::Recalled(id))
    }
}
