//! Whether tables that a peer sent could be a state.

use super::super::snapshot::{RestoreError, all};
use super::super::transaction::{ContainerId, LotId, PartyId};
use super::{Container, NESTING_MAX, Pack, Place, Tables};
use std::collections::BTreeMap;

/// What points to a container, added up.
#[derive(Clone, Debug, Default)]
struct Sum {
    packs: u32,
    height: u8,
    lots: Vec<LotId>,
}

pub(super) fn check(tables: &Tables, parties: usize) -> Result<(), RestoreError> {
    let party = |id: PartyId| id.index() < parties;
    let Tables { products, partnerships, lots, packs, containers, alerts } = tables;
    all("products", products, |row| party(row.manufacturer))?;
    all("partnerships", partnerships, |row| party(row.supplier) && party(row.customer))?;
    all("lots", lots, |row| row.product.index() < products.len())?;
    let possible = |place: Place| match place {
        Place::Inside(id) => containers.get(id.0).is_some_and(|row| row.place != Place::Unpacked),
        Place::Held { by, from, .. } => party(by) && from.is_none_or(party),
        Place::InTransit { from, to, .. } => party(from) && party(to),
        Place::Dispensed { by, .. } | Place::Destroyed { by, .. } => party(by),
        Place::Unpacked => true,
    };
    all("packs", packs, |row: &Pack| {
        row.lot.index() < lots.len() && row.place != Place::Unpacked && possible(row.place)
    })?;
    let sums = add_up(tables);
    all("containers", containers, |row: &Container| {
        let known = row.lots.iter().all(|lot| lot.index() < lots.len()) && row.lots.is_sorted();
        let place = possible(row.place) && !matches!(row.place, Place::Dispensed { .. });
        known && place && (1..=NESTING_MAX).contains(&row.height)
    })?;
    // Containers are made of what exists: no cycle, and sums of the inner ones are whole before the outer ones.
    for (id, row) in (0..).zip(containers.iter()) {
        let sum = sums.get(&ContainerId(id)).cloned().unwrap_or_default();
        let outer = !matches!(row.place, Place::Inside(outer) if outer.0 <= id);
        let full = row.place == Place::Unpacked
            || sum.packs == row.packs && sum.height + 1 == row.height && sum.lots == row.lots[..];
        if !outer || !full {
            return Err(RestoreError::Impossible { table: "containers", index: id as usize });
        }
    }
    let mut counters: BTreeMap<Option<PartyId>, u64> = BTreeMap::new();
    for (index, row) in alerts.iter().enumerate() {
        let counter = counters.entry(row.manufacturer).or_default();
        *counter += 1;
        let parties = party(row.actor) && party(row.organisation) && row.manufacturer.is_none_or(party);
        if !parties || row.counter != *counter {
            return Err(RestoreError::Impossible { table: "alerts", index });
        }
    }
    Ok(())
}

fn add_up(tables: &Tables) -> BTreeMap<ContainerId, Sum> {
    let mut sums: BTreeMap<ContainerId, Sum> = BTreeMap::new();
    let mut add = |place: Place, packs: u32, height: u8, lots: &[LotId]| {
        if let Place::Inside(outer) = place {
            let sum = sums.entry(outer).or_default();
            sum.packs = sum.packs.saturating_add(packs);
            sum.height = sum.height.max(height);
            sum.lots.extend_from_slice(lots);
            sum.lots.sort_unstable();
            sum.lots.dedup();
        }
    };
    tables.packs.iter().for_each(|row| add(row.place, 1, 0, &[row.lot]));
    tables.containers.iter().for_each(|row| add(row.place, row.packs, row.height, &row.lots));
    sums
}
