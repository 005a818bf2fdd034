//! The supply of medicines as EPCIS events: what each action says was done to packs and containers, where and when.
//!
//! | action | event |
//! |---|---|
//! | commission | ObjectEvent ADD, commissioning, active, with lot and expiry |
//! | aggregate, disaggregate | AggregationEvent ADD packing, DELETE unpacking |
//! | ship, return | ObjectEvent OBSERVE, shipping, in transit, from and to |
//! | receive | ObjectEvent OBSERVE, receiving, from and to |
//! | verify | ObjectEvent OBSERVE, inspecting |
//! | dispense, reverse | ObjectEvent OBSERVE, dispensing; stocking, sellable again |
//! | recall | ObjectEvent OBSERVE of the lot, recalled |
//! | destroy | ObjectEvent DELETE, destroying; decommissioning of what its sender writes off |
//! | refused scan | ObjectEvent OBSERVE, inspecting, with what is wrong with the pack |
//!
//! The ledger holds all of this in clear but for where things are: a place is an institution, its GLN made of its
//! number. A dispensed pack is observed, not deleted: a dispensing may be reversed. What was refused for a reason that
//! says nothing of the pack (a bundle rolled back, a partner without licence) left no trace in the world and none here.
//!
//! Memory: content of containers until they are unpacked or destroyed, and units under way.

use super::{Family, Sink, Step};
use crate::document::date::Instant;
use crate::document::epcis::key::{Epc, Gln, Gtin, Sscc, encoded};
use crate::document::epcis::{Action, BizStep, Disposition, Event, Made, What};
use ledger_core::ledger::transaction::{
    self as ledger, AlertKind, Answer, PartyId, Refusal, SupplyAction, Unit,
};
use ledger_core::time::Timestamp;
use std::collections::BTreeMap;
use std::io;

/// Before the number of an institution: one company prefix for all.
const GLN_PREFIX: u64 = 400_000_000_000;

#[derive(Default)]
struct Supply {
    inside: BTreeMap<ledger::Sscc, Vec<Unit>>,
    /// Sent by whom, and not taken in.
    under_way: BTreeMap<Unit, PartyId>,
}

pub(super) fn family() -> Box<dyn Family> {
    Box::<Supply>::default()
}

/// The place of an institution, and the party that it is.
fn gln(party: PartyId) -> io::Result<Gln> {
    Gln::new(GLN_PREFIX + u64::from(party.0)).ok_or_else(|| io::Error::other("a GLN has 13 digits"))
}

fn gtin(gtin: ledger::Gtin) -> io::Result<Gtin> {
    Gtin::new(gtin.number() / 10).ok_or_else(|| io::Error::other("a GTIN has 14 digits"))
}

fn sscc(sscc: ledger::Sscc) -> io::Result<Sscc> {
    Sscc::new(sscc.number() / 10).ok_or_else(|| io::Error::other("an SSCC has 18 digits"))
}

/// Units with their serial numbers as URIs have them.
struct Things(Vec<(Unit, String)>);

impl Things {
    fn of<'a>(units: impl IntoIterator<Item = &'a Unit>) -> Self {
        let text = |unit: &Unit| match unit {
            Unit::Pack { serial, .. } => encoded(serial.bytes()),
            Unit::Container { .. } => String::new(),
        };
        Self(units.into_iter().map(|unit| (*unit, text(unit))).collect())
    }

    fn epcs(&self) -> io::Result<Vec<Epc<'_>>> {
        self.0
            .iter()
            .map(|(unit, serial)| match unit {
                Unit::Pack { gtin: number, .. } => Ok(Epc::Sgtin(gtin(*number)?, serial)),
                Unit::Container { sscc: number } => Ok(Epc::Sscc(sscc(*number)?)),
            })
            .collect()
    }
}

/// Where and when an action was done, and where it is written.
struct Scene<'a> {
    at: Instant,
    by: PartyId,
    sink: &'a mut Sink,
}

/// Action, step and disposition of an event.
type Sort = (Action, BizStep, Disposition);

impl Scene<'_> {
    fn event(&mut self, what: What<'_>, sort: Sort, made: Option<Made<'_>>) -> io::Result<()> {
        self.between(what, sort, None, made)
    }

    fn between(
        &mut self,
        what: What<'_>,
        (action, step, disposition): Sort,
        parties: Option<(Gln, Gln)>,
        made: Option<Made<'_>>,
    ) -> io::Result<()> {
        let (at, place) = (self.at, gln(self.by)?);
        self.sink.event(&Event { at, what, action, step, disposition, place, parties, made });
        Ok(())
    }

    fn seen<'a>(&mut self, units: impl IntoIterator<Item = &'a Unit>, sort: Sort) -> io::Result<()> {
        self.moved(units, sort, None)
    }

    fn moved<'a>(
        &mut self,
        units: impl IntoIterator<Item = &'a Unit>,
        sort: Sort,
        parties: Option<(PartyId, PartyId)>,
    ) -> io::Result<()> {
        let things = Things::of(units);
        // Who takes back what it sent itself hands it to nobody.
        let parties = parties.filter(|(from, to)| from != to);
        let parties = parties.map(|(from, to)| io::Result::Ok((gln(from)?, gln(to)?))).transpose()?;
        self.between(What::Objects(&things.epcs()?), sort, parties, None)
    }
}

const SHIPPED: Sort = (Action::Observe, BizStep::Shipping, Disposition::InTransit);
const RECEIVED: Sort = (Action::Observe, BizStep::Receiving, Disposition::InProgress);

impl Supply {
    fn done(&mut self, scene: &mut Scene<'_>, action: &SupplyAction) -> io::Result<()> {
        match action {
            // What a regulator decides happens to no thing.
            SupplyAction::RegisterProduct { .. }
            | SupplyAction::AuthorisePartner { .. }
            | SupplyAction::WithdrawPartner { .. } => Ok(()),
            SupplyAction::Commission { gtin, lot, expiry, serials } => {
                let unit = |serial: &ledger::Code| Unit::Pack { gtin: *gtin, serial: *serial };
                let units: Vec<Unit> = serials.iter().map(unit).collect();
                commissioned(scene, &units, &lot.to_string(), *expiry)
            }
            SupplyAction::Aggregate { sscc: container, children } => {
                self.inside.insert(*container, children.to_vec());
                packed(scene, *container, children, (Action::Add, BizStep::Packing, Disposition::InProgress))
            }
            SupplyAction::Disaggregate { sscc: container } => {
                let sort = (Action::Delete, BizStep::Unpacking, Disposition::InProgress);
                // Without content it was packed by a bundle that nobody heard of.
                self.inside.remove(container).map_or(Ok(()), |units| packed(scene, *container, &units, sort))
            }
            SupplyAction::Ship { units, to } | SupplyAction::Return { units, to } => {
                self.under_way.extend(units.iter().map(|unit| (*unit, scene.by)));
                scene.moved(units.iter(), SHIPPED, Some((scene.by, *to)))
            }
            SupplyAction::Receive { units, from } => {
                for unit in units.iter() {
                    self.under_way.remove(unit);
                }
                scene.moved(units.iter(), RECEIVED, Some((*from, scene.by)))
            }
            SupplyAction::Verify { pack } => {
                scene.seen(&[pack.unit()], (Action::Observe, BizStep::Inspecting, Disposition::InProgress))
            }
            SupplyAction::Dispense { pack } => {
                scene.seen(&[pack.unit()], (Action::Observe, BizStep::Dispensing, Disposition::Dispensed))
            }
            SupplyAction::Reverse { pack } => {
                let sort = (Action::Observe, BizStep::Stocking, Disposition::SellableAccessible);
                scene.seen(&[pack.unit()], sort)
            }
            SupplyAction::Recall { gtin: item, lot } => {
                let sort = (Action::Observe, BizStep::Holding, Disposition::Recalled);
                scene.event(What::Lot(gtin(*item)?, &encoded(lot.bytes())), sort, None)
            }
            SupplyAction::Destroy { units } => self.destroyed(scene, units),
        }
    }

    /// By who has them; or what never arrived is given up by who sent it. Containers go with their content.
    fn destroyed(&mut self, scene: &mut Scene<'_>, units: &[Unit]) -> io::Result<()> {
        for unit in units {
            let lost = self.under_way.remove(unit).is_some();
            let mut whole = vec![*unit];
            self.unpack(*unit, &mut whole);
            let sort = match lost {
                true => (Action::Delete, BizStep::Decommissioning, Disposition::Inactive),
                false => (Action::Delete, BizStep::Destroying, Disposition::Destroyed),
            };
            scene.seen(&whole, sort)?;
        }
        Ok(())
    }

    /// A pallet holds cases and a case packs: the ledger bounds the depth.
    fn unpack(&mut self, unit: Unit, whole: &mut Vec<Unit>) {
        if let Unit::Container { sscc } = unit
            && let Some(units) = self.inside.remove(&sscc)
        {
            for unit in units {
                whole.push(unit);
                self.unpack(unit, whole);
            }
        }
    }
}

fn commissioned(scene: &mut Scene<'_>, units: &[Unit], lot: &str, expiry: Timestamp) -> io::Result<()> {
    let things = Things::of(units);
    let made = Made { lot, expiry: Instant::of(expiry).date() };
    let sort = (Action::Add, BizStep::Commissioning, Disposition::Active);
    scene.event(What::Objects(&things.epcs()?), sort, Some(made))
}

fn packed(scene: &mut Scene<'_>, container: ledger::Sscc, units: &[Unit], sort: Sort) -> io::Result<()> {
    let things = Things::of(units);
    scene.event(What::Aggregation { parent: sscc(container)?, children: &things.epcs()? }, sort, None)
}

/// What a refusal says of the things; `None` if nothing.
fn suspected(answer: &Answer) -> Option<Disposition> {
    match (answer.alert.map(|alert| alert.kind), answer.refusal()?) {
        // What it did not do, it did not do with these goods: they stay where they may be.
        (Some(AlertKind::Diversion), Refusal::UnauthorisedPartner) => None,
        // Nobody made it; or whoever did never sent it here.
        (Some(AlertKind::Counterfeit | AlertKind::Diversion), _) => Some(Disposition::NoPedigreeMatch),
        // There is such a pack, and it is another than this.
        (Some(AlertKind::Clone | AlertKind::Mislabelled), _) => Some(Disposition::MismatchInstance),
        (None, Refusal::PackRecalled) => Some(Disposition::Recalled),
        (None, Refusal::PackExpired) => Some(Disposition::Expired),
        (None, _) => None,
    }
}

fn refused(scene: &mut Scene<'_>, action: &SupplyAction, disposition: Disposition) -> io::Result<()> {
    let sort = (Action::Observe, BizStep::Inspecting, disposition);
    match action {
        SupplyAction::Verify { pack } | SupplyAction::Dispense { pack } | SupplyAction::Reverse { pack } => {
            scene.seen(&[pack.unit()], sort)
        }
        SupplyAction::Ship { units, .. }
        | SupplyAction::Receive { units, .. }
        | SupplyAction::Return { units, .. }
        | SupplyAction::Destroy { units }
        | SupplyAction::Aggregate { children: units, .. } => scene.seen(units.iter(), sort),
        SupplyAction::Disaggregate { sscc } => scene.seen(&[Unit::Container { sscc: *sscc }], sort),
        // Of something that is known by a list, and not seen.
        SupplyAction::RegisterProduct { .. }
        | SupplyAction::AuthorisePartner { .. }
        | SupplyAction::WithdrawPartner { .. }
        | SupplyAction::Commission { .. }
        | SupplyAction::Recall { .. } => Ok(()),
    }
}

impl Family for Supply {
    fn ended(&mut self, step: &Step<'_>, sink: &mut Sink) -> io::Result<()> {
        let Some(at) = step.committed() else { return Ok(()) };
        let mut scene = Scene { at, by: step.command.actor.organisation, sink };
        for (action, answer) in step.answered() {
            let ledger::Action::Supply(action) = action else { continue };
            match answer.outcome {
                ledger::Outcome::Supply(_) => self.done(&mut scene, action)?,
                _ => {
                    if let Some(disposition) = suspected(answer) {
                        refused(&mut scene, action, disposition)?;
                    }
                }
            }
        }
        Ok(())
    }
}
