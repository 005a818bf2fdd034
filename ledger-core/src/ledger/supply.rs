//! The supply of medicines: serialised packs from manufacturer to patient (EU 2016/161, US DSCSA; the events are those
//! of EPCIS 2.0).
//!
//! [`Packs`] is the state; what is derived in it from its tables is in neither root nor snapshot. A pack in a container
//! points to it, and the outermost container alone says where all of it is: what moves a pallet writes one row,
//! whatever is on it, and where a pack is takes at most [`NESTING_MAX`] steps up.
//!
//! Invariants:
//! * aggregation is a forest: a container is made of what exists, so what points to it has a lower number;
//! * a pack has one place: one holder, one shipment between two, a patient, or none any more; what is dispensed or
//!   destroyed is not moved, and what is dispensed is not dispensed again (unless the dispensing was reversed);
//! * no pack of a lot that is recalled or expired is shipped or dispensed;
//! * an alert is raised by a refusal alone, and it is all that the refusal leaves ([`Ledger`]); alerts are numbered
//!   without gaps, over all and for each manufacturer.
//!
//! What a scan shows is where a *number* is, not which of two packs bears it. A copy is caught when its number turns up
//! where the original is not, or after the original is used up. A copy that is used up before its original, where the
//! original is, is caught when the original turns up: then it is the original that is refused.

mod check;
mod dispensing;
mod moving;
mod packing;
mod rows;
mod suspicion;

pub use rows::{
    AlertRecord, Container, LOTS_PER_CONTAINER_MAX, Lot, NESTING_MAX, Node, Pack, Partnership, Place, Product,
};

use super::chain::Chains;
use super::index::{Index, IndexKey};
use super::snapshot::RestoreError;
use super::transaction::{
    AlertId, Answer, Code, ContainerId, Gtin, LotId, Outcome, PackId, PartyId, ProductId, Role, Sscc,
    SupplyAction,
};
use super::{Actor, Ledger, Table};
use crate::crypto::{Digest, Domain};
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};
use suspicion::Denial;

/// State of this family. Cloning costs a few pointers.
#[derive(Clone, Debug, Default)]
pub struct Packs {
    tables: Tables,
    /// Derived: products by GTIN.
    by_gtin: Index,
    /// Derived: partnerships by supplier and customer.
    by_partners: Index,
    /// Derived: lots by product and number.
    by_lot: Index,
    /// Derived: packs by product and serial number.
    by_serial: Index,
    /// Derived: containers by SSCC.
    by_sscc: Index,
    /// Derived: what is directly in each container.
    contents: Table<Vec<Node>>,
    /// Derived: each manufacturer's alerts; under 0 those of nobody's products, else one more than the party's number.
    alert_chains: Chains,
}

#[derive(Clone, Debug, Default, BorshSerialize, BorshDeserialize)]
struct Tables {
    products: Table<Product>,
    partnerships: Table<Partnership>,
    lots: Table<Lot>,
    packs: Table<Pack>,
    containers: Table<Container>,
    alerts: Table<AlertRecord>,
}

impl BorshSerialize for Packs {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        self.tables.serialize(writer)
    }
}

impl BorshDeserialize for Packs {
    /// What is impossible is left to `check`: here it must only do no harm.
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let tables = Tables::deserialize_reader(reader)?;
        let mut packs = Self::default();
        tables.products.iter().for_each(|row| {
            packs.push_product(*row);
        });
        tables.partnerships.iter().for_each(|row| packs.push_partnership(*row));
        tables.lots.iter().for_each(|row| {
            packs.push_lot(*row);
        });
        tables.containers.iter().for_each(|row| {
            packs.push_container(row.clone(), Vec::new());
        });
        for row in tables.packs.iter() {
            let id = packs.push_pack(*row);
            packs.list_content(row.place, Node::Pack(id));
        }
        for (id, row) in (0..).zip(tables.containers.iter()) {
            packs.list_content(row.place, Node::Container(ContainerId(id)));
        }
        // Chained once they are checked: a chain is as long as its owner's number is high.
        packs.tables.alerts = tables.alerts;
        Ok(packs)
    }
}

impl Packs {
    /// Binds every table.
    pub(super) fn root(&self) -> Digest {
        let Tables { products, partnerships, lots, packs, containers, alerts } = &self.tables;
        let roots = [
            products.root("products"),
            partnerships.root("partnerships"),
            lots.root("lots"),
            packs.root("packs"),
            containers.root("containers"),
            alerts.root("alerts"),
        ];
        Digest::sha256(&[Domain::State.tag(), b"supply", &crate::codec::encode(&roots)])
    }

    /// What no clone shares: see [`Ledger::memory_bytes`].
    pub(super) fn memory_bytes(&self) -> usize {
        let Tables { products, partnerships, lots, packs, containers, alerts } = &self.tables;
        let indexes = [&self.by_gtin, &self.by_partners, &self.by_lot, &self.by_serial, &self.by_sscc];
        products.memory_bytes(|_| 0)
            + partnerships.memory_bytes(|_| 0)
            + lots.memory_bytes(|_| 0)
            + packs.memory_bytes(|_| 0)
            + containers.memory_bytes(|container| container.lots.len() * size_of::<LotId>())
            + alerts.memory_bytes(|_| 0)
            + indexes.into_iter().map(Index::memory_bytes).sum::<usize>()
            + self.contents.memory_bytes(|nodes| nodes.capacity() * size_of::<Node>())
            + self.alert_chains.memory_bytes()
    }

    /// All rows: see [`Ledger::rows_bytes`].
    pub(super) fn rows_bytes(&self) -> usize {
        const INDEX_ENTRY: usize = 32;
        let Tables { products, partnerships, lots, packs, containers, alerts } = &self.tables;
        products.len() * (size_of::<Product>() + INDEX_ENTRY)
            + partnerships.len() * (size_of::<Partnership>() + INDEX_ENTRY)
            + lots.len() * (size_of::<Lot>() + INDEX_ENTRY)
            + packs.len() * (size_of::<Pack>() + size_of::<Node>() + INDEX_ENTRY)
            + containers.len() * (size_of::<Container>() + size_of::<Vec<Node>>() + INDEX_ENTRY)
            + alerts.len() * size_of::<AlertRecord>()
    }

    /// Whether what a peer sent could be a state, where there are so many parties.
    pub(super) fn check(&self, parties: usize) -> Result<(), RestoreError> {
        check::check(&self.tables, parties)
    }

    /// After [`check`](Self::check): the alerts of each manufacturer.
    pub(super) fn chain_alerts(&mut self) {
        for (id, row) in (0..).zip(self.tables.alerts.iter()) {
            self.alert_chains.push(alert_chain(row.manufacturer), id);
        }
    }

    /// All products, by [`ProductId`].
    pub fn products(&self) -> &Table<Product> {
        &self.tables.products
    }

    /// All licences to trade.
    pub fn partnerships(&self) -> &Table<Partnership> {
        &self.tables.partnerships
    }

    /// All lots, by [`LotId`].
    pub fn lots(&self) -> &Table<Lot> {
        &self.tables.lots
    }

    /// All packs, by [`PackId`].
    pub fn packs(&self) -> &Table<Pack> {
        &self.tables.packs
    }

    /// All containers, by [`ContainerId`].
    pub fn containers(&self) -> &Table<Container> {
        &self.tables.containers
    }

    /// All alerts, by [`AlertId`]: what a regulator sees.
    pub fn alerts(&self) -> &Table<AlertRecord> {
        &self.tables.alerts
    }

    /// The alerts about a manufacturer's products (`None`: about nobody's), newest first: what the manufacturer sees.
    pub fn alerts_of(&self, manufacturer: Option<PartyId>) -> impl Iterator<Item = (AlertId, &AlertRecord)> {
        let ids = self.alert_chains.of(alert_chain(manufacturer));
        ids.filter_map(|id| Some((AlertId(id), self.tables.alerts.get(id)?)))
    }

    /// What is directly in a container.
    pub fn contents(&self, container: ContainerId) -> &[Node] {
        self.contents.get(container.0).map_or(&[], Vec::as_slice)
    }

    /// The product of a GTIN.
    pub fn product_by_gtin(&self, gtin: Gtin) -> Option<ProductId> {
        let mut found = self.by_gtin.candidates(gtin_key(gtin));
        found.find(|id| self.tables.products.get(*id).is_some_and(|row| row.gtin == gtin)).map(ProductId)
    }

    /// A lot by its number.
    pub fn lot_by_number(&self, product: ProductId, number: Code) -> Option<LotId> {
        let is_it = |id: &u32| {
            self.tables.lots.get(*id).is_some_and(|row| row.product == product && row.number == number)
        };
        self.by_lot.candidates(code_key(product, number)).find(is_it).map(LotId)
    }

    /// A pack by its serial number.
    pub fn pack_by_serial(&self, product: ProductId, serial: Code) -> Option<PackId> {
        let is_it = |id: &u32| {
            let pack = self.tables.packs.get(*id).filter(|pack| pack.serial == serial);
            let lot = pack.and_then(|pack| self.tables.lots.get(pack.lot.0));
            lot.is_some_and(|lot| lot.product == product)
        };
        self.by_serial.candidates(code_key(product, serial)).find(is_it).map(PackId)
    }

    /// A container by its code.
    pub fn container_by_sscc(&self, sscc: Sscc) -> Option<ContainerId> {
        let mut found = self.by_sscc.candidates(IndexKey::of_parts(&[&sscc.number().to_le_bytes()]));
        found.find(|id| self.tables.containers.get(*id).is_some_and(|row| row.sscc == sscc)).map(ContainerId)
    }

    fn partnership_row(&self, supplier: PartyId, customer: PartyId) -> Option<u32> {
        let is_it = |id: &u32| {
            let row = self.tables.partnerships.get(*id);
            row.is_some_and(|row| row.supplier == supplier && row.customer == customer)
        };
        self.by_partners.candidates(partners_key(supplier, customer)).find(is_it)
    }

    /// The licence of one to supply another, in force or not.
    pub fn partnership(&self, supplier: PartyId, customer: PartyId) -> Option<&Partnership> {
        self.tables.partnerships.get(self.partnership_row(supplier, customer)?)
    }

    /// Where a node says that it is.
    fn own_place(&self, node: Node) -> Option<Place> {
        match node {
            Node::Pack(id) => self.tables.packs.get(id.0).map(|row| row.place),
            Node::Container(id) => self.tables.containers.get(id.0).map(|row| row.place),
        }
    }

    /// Where a node is: its outermost container says. `None` if there is no such node.
    pub fn place(&self, node: Node) -> Option<Place> {
        let mut place = self.own_place(node)?;
        // One more than there can be: a peer's snapshot is not checked by walking.
        for _ in 0..=NESTING_MAX {
            match place {
                Place::Inside(container) => place = self.own_place(Node::Container(container))?,
                Place::Held { .. }
                | Place::InTransit { .. }
                | Place::Dispensed { .. }
                | Place::Destroyed { .. }
                | Place::Unpacked => return Some(place),
            }
        }
        None
    }

    pub(super) fn set_place(&mut self, node: Node, place: Place) {
        let own = match node {
            Node::Pack(id) => self.tables.packs.get_mut(id.0).map(|row| &mut row.place),
            Node::Container(id) => self.tables.containers.get_mut(id.0).map(|row| &mut row.place),
        };
        *own.expect("what was looked up is there") = place;
    }

    pub(super) fn push_product(&mut self, row: Product) -> ProductId {
        let id = self.tables.products.push(row).expect("2^32 products outlast memory");
        self.by_gtin.insert(gtin_key(row.gtin), id);
        ProductId(id)
    }

    pub(super) fn push_partnership(&mut self, row: Partnership) {
        let id = self.tables.partnerships.push(row).expect("2^32 partnerships outlast memory");
        self.by_partners.insert(partners_key(row.supplier, row.customer), id);
    }

    fn push_lot(&mut self, row: Lot) -> LotId {
        let id = self.tables.lots.push(row).expect("2^32 lots outlast memory");
        self.by_lot.insert(code_key(row.product, row.number), id);
        LotId(id)
    }

    fn push_pack(&mut self, row: Pack) -> PackId {
        let id = self.tables.packs.push(row).expect("2^32 packs outlast memory");
        // A lot that there is not is refused by `check`.
        let product = self.tables.lots.get(row.lot.0).map_or(ProductId::default(), |lot| lot.product);
        self.by_serial.insert(code_key(product, row.serial), id);
        PackId(id)
    }

    fn push_container(&mut self, row: Container, children: Vec<Node>) -> ContainerId {
        let key = IndexKey::of_parts(&[&row.sscc.number().to_le_bytes()]);
        let id = self.tables.containers.push(row).expect("2^32 containers outlast memory");
        self.by_sscc.insert(key, id);
        self.contents.push(children).expect("as many as containers");
        ContainerId(id)
    }

    fn list_content(&mut self, place: Place, node: Node) {
        if let Place::Inside(container) = place
            && let Some(contents) = self.contents.get_mut(container.0)
        {
            contents.push(node);
        }
    }
}

fn alert_chain(manufacturer: Option<PartyId>) -> u32 {
    manufacturer.map_or(0, |party| party.0 + 1)
}

fn gtin_key(gtin: Gtin) -> IndexKey {
    IndexKey::of_parts(&[&gtin.number().to_le_bytes()])
}

fn code_key(product: ProductId, code: Code) -> IndexKey {
    IndexKey::of_parts(&[&product.0.to_le_bytes(), code.bytes()])
}

fn partners_key(supplier: PartyId, customer: PartyId) -> IndexKey {
    IndexKey::of_parts(&[&supplier.0.to_le_bytes(), &customer.0.to_le_bytes()])
}

impl Role {
    /// Whether it may hold stocks of medicines.
    pub const fn trades_medicines(self) -> bool {
        matches!(self, Self::Manufacturer | Self::Wholesaler | Self::Pharmacy | Self::Hospital)
    }
}

impl Ledger {
    /// Whether the roles may do this at all.
    pub(super) fn may_supply(actor: &Actor, action: &SupplyAction) -> bool {
        let for_its_organisation = actor.role.acts_for_institution();
        let trades = for_its_organisation && actor.organisation_role.trades_medicines();
        match action {
            SupplyAction::RegisterProduct { .. }
            | SupplyAction::AuthorisePartner { .. }
            | SupplyAction::WithdrawPartner { .. } => actor.role == Role::Regulator,
            SupplyAction::Commission { .. } => {
                for_its_organisation && actor.organisation_role == Role::Manufacturer
            }
            SupplyAction::Aggregate { .. }
            | SupplyAction::Disaggregate { .. }
            | SupplyAction::Ship { .. }
            | SupplyAction::Receive { .. }
            | SupplyAction::Return { .. }
            | SupplyAction::Destroy { .. } => trades,
            SupplyAction::Verify { .. } => trades || actor.role == Role::Regulator,
            SupplyAction::Dispense { .. } | SupplyAction::Reverse { .. } => {
                trades && matches!(actor.organisation_role, Role::Pharmacy | Role::Hospital)
            }
            SupplyAction::Recall { .. } => {
                let owner = for_its_organisation && actor.organisation_role == Role::Manufacturer;
                owner || actor.role == Role::Regulator
            }
        }
    }

    /// Does it. A refusal that is suspicious raises its alert.
    pub(super) fn act_supply(&mut self, now: Timestamp, actor: &Actor, action: &SupplyAction) -> Answer {
        let done = match action {
            SupplyAction::RegisterProduct { gtin, manufacturer } => {
                self.register_product(*gtin, *manufacturer).map_err(Denial::from)
            }
            SupplyAction::AuthorisePartner { supplier, customer, until } => {
                self.authorise_partner(now, (*supplier, *customer), *until).map_err(Denial::from)
            }
            SupplyAction::WithdrawPartner { supplier, customer } => {
                self.withdraw_partner(now, *supplier, *customer).map_err(Denial::from)
            }
            SupplyAction::Commission { gtin, lot, expiry, serials } => {
                self.commission(now, actor, (*gtin, *lot, *expiry), serials).map_err(Denial::from)
            }
            SupplyAction::Aggregate { sscc, children } => self.aggregate(actor, *sscc, children),
            SupplyAction::Disaggregate { sscc } => self.disaggregate(actor, *sscc),
            SupplyAction::Ship { units, to } => self.ship(now, actor, units, *to),
            SupplyAction::Receive { units, from } => self.receive(now, actor, units, *from),
            SupplyAction::Return { units, to } => self.give_back(now, actor, units, *to),
            SupplyAction::Verify { pack } => self.verify_pack(now, actor, pack),
            SupplyAction::Dispense { pack } => self.dispense(now, actor, pack),
            SupplyAction::Reverse { pack } => self.reverse_dispensing(now, actor, pack),
            SupplyAction::Recall { gtin, lot } => self.recall(now, actor, *gtin, *lot).map_err(Denial::from),
            SupplyAction::Destroy { units } => self.destroy(now, actor, units),
        };
        match done {
            Ok(outcome) => Ok(Outcome::Supply(outcome)).into(),
            Err(denial) => self.deny_supply(now, actor, denial),
        }
    }
}
