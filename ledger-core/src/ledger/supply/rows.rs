//! What the ledger knows of medicines, row by row.

use super::super::transaction::{
    AlertKind, Code, ContainerId, Gtin, LotId, PackId, PartyId, ProductId, Refusal, Sscc, Unit,
};
use crate::codec::List;
use crate::time::Timestamp;
use borsh::{BorshDeserialize, BorshSerialize};

/// Most lots in a container, so that what a shipment costs does not grow with what is in it. Beyond, `TooManyLots`.
pub const LOTS_PER_CONTAINER_MAX: usize = 32;

/// Most containers inside one another: packs in bundles in cases on a pallet, and one more. Beyond, `NestedTooDeep`.
pub const NESTING_MAX: u8 = 4;

/// Who may commission packs of a GTIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Product {
    /// Which.
    pub gtin: Gtin,
    /// Whose.
    pub manufacturer: PartyId,
}

/// A licence for one to supply another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Partnership {
    /// Ships.
    pub supplier: PartyId,
    /// Receives, and may return.
    pub customer: PartyId,
    /// In force until (exclusive).
    pub until: Timestamp,
    /// When it was withdrawn.
    pub withdrawn_at: Option<Timestamp>,
}

impl Partnership {
    /// Whether they may trade.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.withdrawn_at.is_none() && now < self.until
    }
}

/// Packs made together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Lot {
    /// Of which product.
    pub product: ProductId,
    /// As printed.
    pub number: Code,
    /// Not to be used from then on.
    pub expiry: Timestamp,
    /// When it was called back.
    pub recalled_at: Option<Timestamp>,
}

/// Where a pack or container is. Of what is inside a container, the outermost one tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Place {
    /// In a container.
    Inside(ContainerId),
    /// With an organisation.
    Held {
        /// Whose stock.
        by: PartyId,
        /// Who supplied it, to whom it may be returned: nobody once it came back, was mixed, or where it was made.
        from: Option<PartyId>,
        /// Since when.
        since: Timestamp,
    },
    /// Between two.
    InTransit {
        /// Who sent it.
        from: PartyId,
        /// Who is to receive it.
        to: PartyId,
        /// Whether it is a return.
        back: bool,
    },
    /// A pack with a patient.
    Dispensed {
        /// By which organisation.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// No more.
    Destroyed {
        /// By which organisation.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// A container of which nothing is left but its number.
    Unpacked,
}

/// A serialised pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pack {
    /// Made when.
    pub lot: LotId,
    /// As printed.
    pub serial: Code,
    /// Where it is.
    pub place: Place,
}

/// A logistic unit. What is in it points to it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Container {
    /// As printed.
    pub sscc: Sscc,
    /// Where it is.
    pub place: Place,
    /// 1 if only packs are in it, else one more than the highest in it.
    pub height: u8,
    /// In it and in what is in it.
    pub packs: u32,
    /// The lots of these packs, in order.
    pub lots: List<LotId, LOTS_PER_CONTAINER_MAX>,
}

/// What was suspected, and who saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct AlertRecord {
    /// What is suspected.
    pub kind: AlertKind,
    /// Of what, as it was named.
    pub unit: Unit,
    /// Whose product is concerned.
    pub manufacturer: Option<PartyId>,
    /// The how-manieth of this manufacturer, from 1.
    pub counter: u64,
    /// What was answered.
    pub refusal: Refusal,
    /// Who asked.
    pub actor: PartyId,
    /// For whom.
    pub organisation: PartyId,
    /// Commit time.
    pub at: Timestamp,
}

/// A pack or container by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// A pack.
    Pack(PackId),
    /// A container.
    Container(ContainerId),
}
