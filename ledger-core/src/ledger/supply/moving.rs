//! From hand to hand. What is moved is moved whole or not at all, at the cost of one row a unit.

use super::super::transaction::{AlertKind, PartyId, Refusal, SupplyOutcome, UNITS_MAX, Unit};
use super::super::{Actor, Ledger};
use super::suspicion::Denial;
use super::{Node, Packs, Place};
use crate::codec::List;
use crate::time::Timestamp;
use std::collections::BTreeSet;

/// A unit that exists and is not used up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located {
    pub node: Node,
    /// Of the outermost container around it, if there is one.
    pub place: Place,
    pub is_inside: bool,
}

impl Located {
    /// Who supplied it and since when it is there, if it is in these hands.
    pub fn held_by(&self, organisation: PartyId) -> Option<(Option<PartyId>, Timestamp)> {
        match self.place {
            Place::Held { by, from, since } if by == organisation => Some((from, since)),
            Place::Held { .. }
            | Place::Inside(_)
            | Place::InTransit { .. }
            | Place::Dispensed { .. }
            | Place::Destroyed { .. }
            | Place::Unpacked => None,
        }
    }

    /// Whether this organisation sent it, and it has not arrived.
    fn is_sent_by(&self, organisation: PartyId) -> bool {
        matches!(self.place, Place::InTransit { from, .. } if from == organisation)
    }
}

impl Packs {
    /// Refusals, in order: `UnknownProduct`, `UnknownSerial`.
    pub(super) fn identify(&self, unit: Unit) -> Result<Node, Denial> {
        let unknown = |refusal| Denial::suspect(refusal, AlertKind::Counterfeit, unit);
        let node = match unit {
            Unit::Pack { gtin, serial } => {
                let product = self.product_by_gtin(gtin).ok_or_else(|| unknown(Refusal::UnknownProduct))?;
                self.pack_by_serial(product, serial).map(Node::Pack)
            }
            Unit::Container { sscc } => self.container_by_sscc(sscc).map(Node::Container),
        };
        node.ok_or_else(|| unknown(Refusal::UnknownSerial))
    }

    /// Refusals, in order: `UnknownProduct`, `UnknownSerial`, used up (`AlreadyDispensed`).
    pub(super) fn locate(&self, unit: Unit) -> Result<Located, Denial> {
        let node = self.identify(unit)?;
        let used_up = || Denial::suspect(Refusal::AlreadyDispensed, AlertKind::Clone, unit);
        let place = self.place(node).ok_or_else(used_up)?;
        match place {
            Place::Dispensed { .. } | Place::Destroyed { .. } | Place::Unpacked => Err(used_up()),
            Place::Inside(_) | Place::Held { .. } | Place::InTransit { .. } => {
                let is_inside = matches!(self.own_place(node), Some(Place::Inside(_)));
                Ok(Located { node, place, is_inside })
            }
        }
    }

    /// Refusals, in order: those of `locate`, `NotCurrentHolder`, `StillPacked`.
    pub(super) fn in_hand(&self, organisation: PartyId, unit: Unit) -> Result<Located, Denial> {
        let found = self.locate(unit)?;
        if found.held_by(organisation).is_none() {
            return Err(Denial::suspect(Refusal::NotCurrentHolder, AlertKind::Diversion, unit));
        }
        if found.is_inside {
            return Err(Refusal::StillPacked.into());
        }
        Ok(found)
    }

    /// One recalled, and one expired, of the lots in a node.
    pub(super) fn condition(&self, now: Timestamp, node: Node) -> Result<(), Refusal> {
        if self.lots_of(node).any(|lot| lot.recalled_at.is_some()) {
            return Err(Refusal::PackRecalled);
        }
        if self.lots_of(node).any(|lot| lot.expiry <= now) {
            return Err(Refusal::PackExpired);
        }
        Ok(())
    }

    fn packs_in(&self, node: Node) -> u32 {
        match node {
            Node::Pack(_) => 1,
            Node::Container(id) => self.containers().get(id.0).map_or(0, |container| container.packs),
        }
    }

    /// Packs in all of them.
    fn move_to(&mut self, nodes: &[Node], place: Place) -> u32 {
        nodes.iter().for_each(|node| self.set_place(*node, place));
        nodes.iter().fold(0, |sum, node| sum.saturating_add(self.packs_in(*node)))
    }
}

/// `EmptyScope` before, what `find` refuses unit by unit, `DuplicateSerial` for one that is listed twice.
fn each(
    units: &List<Unit, UNITS_MAX>,
    find: impl Fn(Unit) -> Result<Located, Denial>,
) -> Result<(&Unit, Vec<Located>), Denial> {
    let first = units.first().ok_or(Refusal::EmptyScope)?;
    let found = units.iter().map(|unit| find(*unit)).collect::<Result<Vec<_>, _>>()?;
    let mut listed = BTreeSet::new();
    if !found.iter().all(|located| listed.insert(located.node)) {
        return Err(Refusal::DuplicateSerial.into());
    }
    Ok((first, found))
}

fn nodes(found: &[Located]) -> Vec<Node> {
    found.iter().map(|located| located.node).collect()
}

impl Ledger {
    /// Whether one may supply the other: a licence of both, and one for the two.
    fn may_supply_to(&self, now: Timestamp, supplier: PartyId, customer: PartyId) -> bool {
        let licensed = |id| self.party(id).is_some_and(|party| party.credential.is_in_force(now));
        let partnership = self.packs.partnership(supplier, customer);
        partnership.is_some_and(|row| row.is_in_force(now)) && licensed(supplier) && licensed(customer)
    }

    /// Refusals, in order: `EmptyScope`; unit by unit `UnknownProduct`, `UnknownSerial`, `AlreadyDispensed`,
    /// `NotCurrentHolder`, `StillPacked`; `DuplicateSerial`, `UnauthorisedPartner`; unit by unit `PackRecalled`,
    /// `PackExpired`.
    pub(super) fn ship(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        units: &List<Unit, UNITS_MAX>,
        to: PartyId,
    ) -> Result<SupplyOutcome, Denial> {
        let from = actor.organisation;
        let (first, found) = each(units, |unit| self.packs.in_hand(from, unit))?;
        if !self.may_supply_to(now, from, to) {
            return Err(Denial::suspect(Refusal::UnauthorisedPartner, AlertKind::Diversion, *first));
        }
        found.iter().try_for_each(|located| self.packs.condition(now, located.node))?;
        let place = Place::InTransit { from, to, back: false };
        Ok(SupplyOutcome::Shipped(self.packs.move_to(&nodes(&found), place)))
    }

    /// What was recalled or has expired on its way is received too: it must be in somebody's hands to be destroyed.
    ///
    /// Refusals, in order: `EmptyScope`; unit by unit `UnknownProduct`, `UnknownSerial`, `AlreadyDispensed`,
    /// `NoMatchingShipment`, `StillPacked`; `DuplicateSerial`, `UnauthorisedPartner` (not for what comes back to who
    /// sent it).
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        units: &List<Unit, UNITS_MAX>,
        sender: PartyId,
    ) -> Result<SupplyOutcome, Denial> {
        let me = actor.organisation;
        let (first, found) = each(units, |unit| self.packs.on_its_way(me, sender, unit))?;
        let authorised = |located: &Located| match located.place {
            Place::InTransit { from, .. } if from == me => true,
            Place::InTransit { from, back: false, .. } => self.may_supply_to(now, from, me),
            Place::InTransit { from, back: true, .. } => self.may_supply_to(now, me, from),
            Place::Inside(_)
            | Place::Held { .. }
            | Place::Dispensed { .. }
            | Place::Destroyed { .. }
            | Place::Unpacked => false,
        };
        if !found.iter().all(authorised) {
            return Err(Denial::suspect(Refusal::UnauthorisedPartner, AlertKind::Diversion, *first));
        }
        let mut packs = 0u32;
        for located in found {
            let supplied = matches!(located.place, Place::InTransit { back: false, from, .. } if from != me);
            let place = Place::Held { by: me, from: supplied.then_some(sender), since: now };
            packs = packs.saturating_add(self.packs.move_to(&[located.node], place));
        }
        Ok(SupplyOutcome::Received(packs))
    }

    /// Refusals, in order: `EmptyScope`; unit by unit `UnknownProduct`, `UnknownSerial`, `AlreadyDispensed`,
    /// `NotCurrentHolder`, `StillPacked`, not supplied by `to` (`NoMatchingShipment`, no alert); `DuplicateSerial`,
    /// `UnauthorisedPartner`; `ReverseWindowClosed`.
    pub(super) fn give_back(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        units: &List<Unit, UNITS_MAX>,
        to: PartyId,
    ) -> Result<SupplyOutcome, Denial> {
        let me = actor.organisation;
        let (first, found) = each(units, |unit| {
            let located = self.packs.in_hand(me, unit)?;
            let supplied = located.held_by(me).is_some_and(|(from, _)| from == Some(to));
            if supplied { Ok(located) } else { Err(Refusal::NoMatchingShipment.into()) }
        })?;
        if !self.may_supply_to(now, to, me) {
            return Err(Denial::suspect(Refusal::UnauthorisedPartner, AlertKind::Diversion, *first));
        }
        let window = self.policy.reverse_window();
        let in_time = |located: &Located| located.held_by(me).is_some_and(|(_, since)| now < since + window);
        if !found.iter().all(in_time) {
            return Err(Refusal::ReverseWindowClosed.into());
        }
        let place = Place::InTransit { from: me, to, back: true };
        Ok(SupplyOutcome::Returned(self.packs.move_to(&nodes(&found), place)))
    }

    /// By who holds it; or by who sent it and gives it up for lost.
    ///
    /// Refusals, in order: `EmptyScope`; unit by unit `UnknownProduct`, `UnknownSerial`, `AlreadyDispensed`,
    /// `NotCurrentHolder`, `StillPacked`; `DuplicateSerial`.
    pub(super) fn destroy(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        units: &List<Unit, UNITS_MAX>,
    ) -> Result<SupplyOutcome, Denial> {
        let me = actor.organisation;
        let (_, found) = each(units, |unit| {
            let located = self.packs.locate(unit)?;
            match located.is_sent_by(me) {
                true if located.is_inside => Err(Refusal::StillPacked.into()),
                true => Ok(located),
                false => self.packs.in_hand(me, unit),
            }
        })?;
        let place = Place::Destroyed { by: me, at: now };
        Ok(SupplyOutcome::Destroyed(self.packs.move_to(&nodes(&found), place)))
    }
}

impl Packs {
    /// Refusals, in order: those of `locate`, `NoMatchingShipment`, `StillPacked`.
    fn on_its_way(&self, me: PartyId, sender: PartyId, unit: Unit) -> Result<Located, Denial> {
        let found = self.locate(unit)?;
        let kind = match found.place {
            Place::InTransit { from, to, .. } if from == sender && (to == me || from == me) => {
                return if found.is_inside { Err(Refusal::StillPacked.into()) } else { Ok(found) };
            }
            // From somebody else than the receiver says: a mistake, but not one about who has it.
            Place::InTransit { to, .. } if to == me => return Err(Refusal::NoMatchingShipment.into()),
            Place::Held { by, .. } if by == me => return Err(Refusal::NoMatchingShipment.into()),
            Place::Held { .. } => AlertKind::Clone,
            Place::InTransit { .. }
            | Place::Inside(_)
            | Place::Dispensed { .. }
            | Place::Destroyed { .. }
            | Place::Unpacked => AlertKind::Diversion,
        };
        Err(Denial::suspect(Refusal::NoMatchingShipment, kind, unit))
    }
}
