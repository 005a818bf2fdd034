//! Products and partners, packs that come into being, containers.

use super::super::transaction::{
    AlertKind, Code, Gtin, LotId, PartyId, Refusal, Role, SERIALS_MAX, Sscc, SupplyOutcome, UNITS_MAX, Unit,
};
use super::super::{Actor, Ledger};
use super::suspicion::Denial;
use super::{
    Container, LOTS_PER_CONTAINER_MAX, Lot, NESTING_MAX, Node, Pack, Packs, Partnership, Place, Product,
};
use crate::codec::List;
use crate::time::Timestamp;
use std::collections::BTreeSet;

/// A container in the making.
#[derive(Default)]
struct Packing {
    nodes: Vec<Node>,
    lots: BTreeSet<LotId>,
    packs: u32,
    height: u8,
    /// The supplier of all of it; `Some(None)` once they differ.
    from: Option<Option<PartyId>>,
    since: Option<Timestamp>,
}

impl Packing {
    fn add(&mut self, node: Node, (from, since): (Option<PartyId>, Timestamp), packs: &Packs) {
        match node {
            Node::Pack(id) => {
                self.packs += 1;
                self.lots.extend(packs.packs().get(id.0).map(|pack| pack.lot));
            }
            Node::Container(id) => {
                if let Some(inner) = packs.containers().get(id.0) {
                    self.packs = self.packs.saturating_add(inner.packs);
                    self.height = self.height.max(inner.height);
                    self.lots.extend(inner.lots.iter().copied());
                }
            }
        }
        self.nodes.push(node);
        self.from = Some(self.from.map_or(from, |before| before.filter(|_| before == from)));
        self.since = Some(self.since.map_or(since, |before| before.min(since)));
    }
}

impl Ledger {
    /// Refusals, in order: no manufacturer (`UnknownParty`), a GTIN in use.
    pub(super) fn register_product(
        &mut self,
        gtin: Gtin,
        manufacturer: PartyId,
    ) -> Result<SupplyOutcome, Refusal> {
        if self.party(manufacturer).is_none_or(|party| party.role != Role::Manufacturer) {
            return Err(Refusal::UnknownParty);
        }
        if self.packs.product_by_gtin(gtin).is_some() {
            return Err(Refusal::DuplicateProduct);
        }
        Ok(SupplyOutcome::ProductRegistered(self.packs.push_product(Product { gtin, manufacturer })))
    }

    /// Refusals, in order: one of the two does not trade in medicines, or they are one (`UnknownParty`), `ExpiryInPast`.
    pub(super) fn authorise_partner(
        &mut self,
        now: Timestamp,
        (supplier, customer): (PartyId, PartyId),
        until: Timestamp,
    ) -> Result<SupplyOutcome, Refusal> {
        let trades = |id| self.party(id).is_some_and(|party| party.role.trades_medicines());
        if !trades(supplier) || !trades(customer) || supplier == customer {
            return Err(Refusal::UnknownParty);
        }
        if until <= now {
            return Err(Refusal::ExpiryInPast);
        }
        let row = Partnership { supplier, customer, until, withdrawn_at: None };
        match self.packs.partnership_row(supplier, customer) {
            Some(id) => *self.packs.tables.partnerships.get_mut(id).expect("just found") = row,
            None => self.packs.push_partnership(row),
        }
        Ok(SupplyOutcome::PartnerAuthorised)
    }

    /// Refusals, in order: never authorised (`UnauthorisedPartner`), `AlreadyRevoked`.
    pub(super) fn withdraw_partner(
        &mut self,
        now: Timestamp,
        supplier: PartyId,
        customer: PartyId,
    ) -> Result<SupplyOutcome, Refusal> {
        let id = self.packs.partnership_row(supplier, customer).ok_or(Refusal::UnauthorisedPartner)?;
        if self.packs.tables.partnerships.get(id).is_some_and(|row| row.withdrawn_at.is_some()) {
            return Err(Refusal::AlreadyRevoked);
        }
        self.packs.tables.partnerships.get_mut(id).expect("just found").withdrawn_at = Some(now);
        Ok(SupplyOutcome::PartnerWithdrawn)
    }

    /// Refusals, in order: nothing listed (`EmptyScope`), `UnknownProduct`, `NotGtinOwner`, a lot that is known with
    /// another expiry (`LotExpiryMismatch`), recalled (`PackRecalled`) or expired (`PackExpired`), a serial number in use
    /// or listed twice (`DuplicateSerial`).
    pub(super) fn commission(
        &mut self,
        now: Timestamp,
        actor: &Actor,
        (gtin, number, expiry): (Gtin, Code, Timestamp),
        serials: &List<Code, SERIALS_MAX>,
    ) -> Result<SupplyOutcome, Refusal> {
        if serials.is_empty() {
            return Err(Refusal::EmptyScope);
        }
        let packs = &mut self.packs;
        let product = packs.product_by_gtin(gtin).ok_or(Refusal::UnknownProduct)?;
        if packs.products().get(product.0).is_none_or(|row| row.manufacturer != actor.organisation) {
            return Err(Refusal::NotGtinOwner);
        }
        let known = packs.lot_by_number(product, number);
        let lot = known.and_then(|id| packs.lots().get(id.0));
        if lot.is_some_and(|lot| lot.expiry != expiry) {
            return Err(Refusal::LotExpiryMismatch);
        }
        if lot.is_some_and(|lot| lot.recalled_at.is_some()) {
            return Err(Refusal::PackRecalled);
        }
        if expiry <= now {
            return Err(Refusal::PackExpired);
        }
        let mut listed = BTreeSet::new();
        let fresh =
            |serial: &Code| listed.insert(*serial) && packs.pack_by_serial(product, *serial).is_none();
        if !serials.iter().all(fresh) {
            return Err(Refusal::DuplicateSerial);
        }
        let lot = known.unwrap_or_else(|| packs.push_lot(Lot { product, number, expiry, recalled_at: None }));
        let place = Place::Held { by: actor.organisation, from: None, since: now };
        let mut ids = serials.iter().map(|serial| packs.push_pack(Pack { lot, serial: *serial, place }));
        let first = ids.next().ok_or(Refusal::EmptyScope)?;
        Ok(SupplyOutcome::Commissioned { lot, first, packs: 1 + ids.count() as u32 })
    }

    /// What is packed stays returnable to its supplier, if that is the same for all of it, in the time that is left for
    /// what came first.
    ///
    /// Refusals, in order: nothing listed (`EmptyScope`), a code in use (`DuplicateSerial`); child by child:
    /// `UnknownProduct`, `UnknownSerial`, `AlreadyDispensed`, not in the organisation's hands, in a container or listed
    /// twice (`ChildNotHeld`); `NestedTooDeep`, `TooManyLots`.
    pub(super) fn aggregate(
        &mut self,
        actor: &Actor,
        sscc: Sscc,
        children: &List<Unit, UNITS_MAX>,
    ) -> Result<SupplyOutcome, Denial> {
        if children.is_empty() {
            return Err(Refusal::EmptyScope.into());
        }
        if self.packs.container_by_sscc(sscc).is_some() {
            return Err(Refusal::DuplicateSerial.into());
        }
        let (mut packing, mut listed) = (Packing::default(), BTreeSet::new());
        for child in children.iter() {
            let found = self.packs.locate(*child)?;
            let Some((from, since)) = found.held_by(actor.organisation) else {
                return Err(Denial::suspect(Refusal::ChildNotHeld, AlertKind::Diversion, *child));
            };
            if found.is_inside || !listed.insert(found.node) {
                return Err(Refusal::ChildNotHeld.into());
            }
            packing.add(found.node, (from, since), &self.packs);
        }
        let Packing { nodes, lots, packs, height, from, since } = packing;
        if height >= NESTING_MAX {
            return Err(Refusal::NestedTooDeep.into());
        }
        let lots: List<LotId, LOTS_PER_CONTAINER_MAX> =
            List::new(lots.into_iter().collect()).ok_or(Refusal::TooManyLots)?;
        let (from, since) = (from.flatten(), since.unwrap_or_default());
        let place = Place::Held { by: actor.organisation, from, since };
        let container = Container { sscc, place, height: height + 1, packs, lots };
        let container = self.packs.push_container(container, nodes.clone());
        nodes.into_iter().for_each(|node| self.packs.set_place(node, Place::Inside(container)));
        Ok(SupplyOutcome::Aggregated { container, packs })
    }

    /// What was in it is where it was.
    ///
    /// Refusals, in order: `UnknownSerial`, `AlreadyDispensed`, `NotCurrentHolder`, `StillPacked`.
    pub(super) fn disaggregate(&mut self, actor: &Actor, sscc: Sscc) -> Result<SupplyOutcome, Denial> {
        let found = self.packs.in_hand(actor.organisation, Unit::Container { sscc })?;
        let Node::Container(container) = found.node else { return Err(Refusal::UnknownSerial.into()) };
        let contents = self.packs.contents.get_mut(container.0).map(std::mem::take).unwrap_or_default();
        contents.into_iter().for_each(|node| self.packs.set_place(node, found.place));
        self.packs.set_place(found.node, Place::Unpacked);
        Ok(SupplyOutcome::Disaggregated(container))
    }
}
