//! What follows from how a step ended.

use super::goods::{Content, Goods, Recall, Seen};
use super::journey::Deed;
use super::{Attempt, DrugSupply, Ended, Step, incident};
use crate::history::{Figure, Note, System, Wrong};
use ledger_core::ledger::transaction::Refusal;
use ledger_core::time::{Duration, Timestamp, nanos};

/// Milliseconds between steps, least and most.
const HANDLING: (u64, u64) = (200, 1_500);
const TRANSIT: (u64, u64) = (1_000, 4_000);
const REVERSAL: (u64, u64) = (3_000, 8_000);
const ORIGINAL: (u64, u64) = (1_000, 5_000);

/// When it was scheduled, and when its end was proven.
type Times = (Timestamp, Timestamp);

impl DrugSupply {
    pub(super) fn end_right(
        &mut self,
        (at, now): Times,
        ended: Ended,
        (deed, goods): (Deed, Goods),
        notes: &mut Vec<Note>,
    ) {
        let recall = self.lots.get(&goods.lot).map_or(Recall::No, |lot| lot.recall);
        match ended {
            Ended::Done if goods.copied.is_some() && deed == Deed::Dispense => {
                // The second of two was dispensed like the first.
                notes.push(incident(Wrong::Clone, goods.copied.unwrap_or(at), None));
                self.settle(&goods, Some(notes));
            }
            Ended::Done => self.go_on((at, now), deed, goods, notes),
            Ended::Refused(Refusal::AlreadyDispensed) if goods.copied.is_some() => {
                notes.push(incident(Wrong::Clone, goods.copied.unwrap_or(at), Some(now)));
                self.settle(&goods, Some(notes));
            }
            // It was asked for before the recall was proven.
            Ended::Refused(Refusal::PackRecalled) if recall != Recall::No => {
                notes.push(Note::Sample(Figure::PacksBlocked, at, goods.packs()));
                match deed {
                    Deed::Reverse => self.settle(&goods, Some(notes)),
                    Deed::Make
                    | Deed::Ship
                    | Deed::Receive
                    | Deed::Unpack
                    | Deed::Return
                    | Deed::TakeBack
                    | Deed::Verify
                    | Deed::Dispense
                    | Deed::Destroy
                    | Deed::WriteOff => self.plan_deed(now, HANDLING, Deed::Destroy, goods),
                }
            }
            Ended::Refused(refusal) => {
                notes.push(Note::FalseAlarm(System::DrugSupply, at, refusal));
                self.settle(&goods, Some(notes));
            }
            Ended::Unknown => self.settle(&goods, Some(notes)),
        }
    }

    fn go_on(&mut self, (at, now): Times, deed: Deed, mut goods: Goods, notes: &mut Vec<Note>) {
        let packs = goods.packs();
        let mut note = |figure, sample| notes.push(Note::Sample(figure, at, sample));
        match deed {
            Deed::Make => {
                note(Figure::PacksCommissioned, packs);
                self.plan_deed(now, HANDLING, Deed::Ship, goods);
            }
            Deed::Ship => self.plan_deed(now, TRANSIT, Deed::Receive, goods),
            Deed::Receive => {
                let from = goods.at;
                goods.at = goods.stops.pop().unwrap_or(from);
                goods.hands += 1;
                let at_its_end = goods.stops.is_empty() && matches!(goods.content, Content::Case(_));
                if at_its_end && self.chance(self.plan.returned_ppb) {
                    goods.stops = vec![from];
                    return self.plan_deed(now, HANDLING, Deed::Return, goods);
                }
                let deed = if goods.stops.is_empty() { Deed::Unpack } else { Deed::Ship };
                self.plan_deed(now, HANDLING, deed, goods);
            }
            Deed::Unpack => self.unpack(now, goods),
            Deed::Return => self.plan_deed(now, TRANSIT, Deed::TakeBack, goods),
            Deed::TakeBack => {
                note(Figure::PacksReturned, packs);
                goods.at = goods.stops.pop().unwrap_or(goods.at);
                goods.hands += 1;
                self.redirect(now, goods);
            }
            Deed::Verify => self.plan_deed(now, HANDLING, Deed::Dispense, goods),
            Deed::Dispense => {
                note(Figure::PacksDispensed, 1);
                note(Figure::HandsPerPack, goods.hands + 1);
                if self.chance(self.plan.reversed_ppb) {
                    return self.plan_deed(now, REVERSAL, Deed::Reverse, goods);
                }
                if let Content::Pack(number) = goods.content
                    && let Some(scan) = self.scan(goods.lot, number)
                {
                    self.dispensed.push(Seen { scan, pharmacy: goods.at });
                }
                self.settle(&goods, Some(notes));
            }
            Deed::Reverse => {
                note(Figure::PacksReversed, 1);
                self.plan_deed(now, HANDLING, Deed::Dispense, goods);
            }
            Deed::Destroy | Deed::WriteOff => {
                note(Figure::PacksDestroyed, packs);
                if let Some(lot) = self.lots.get_mut(&goods.lot).filter(|lot| lot.recall != Recall::No) {
                    lot.blocked = Some(now);
                }
                self.settle(&goods, Some(notes));
            }
        }
    }

    fn unpack(&mut self, now: Timestamp, goods: Goods) {
        match &goods.content {
            Content::Pallet { cases, .. } => {
                for case in cases {
                    let case = Goods { content: Content::Case(*case), ..goods.clone() };
                    self.redirect(now, case);
                }
            }
            Content::Case(case) => self.shelve(now, &goods, case.first, case.packs),
            Content::Pack(_) => {}
        }
    }

    /// On from a wholesaler. Where to is settled when it leaves.
    fn redirect(&mut self, now: Timestamp, goods: Goods) {
        self.plan_deed(now, HANDLING, Deed::Ship, Goods { stops: Vec::new(), ..goods });
    }

    /// The copy is with a patient; the original is still there.
    pub(super) fn end_copy(&mut self, (at, now): Times, ended: Ended, goods: Goods) {
        match ended {
            Ended::Done => self.plan_deed(now, ORIGINAL, Deed::Dispense, Goods { copied: Some(at), ..goods }),
            // It was recalled meanwhile, and with it the original. Whatever else is the original's to find out.
            Ended::Refused(_) => self.plan_deed(now, HANDLING, Deed::Dispense, goods),
            Ended::Unknown => self.settle(&goods, None),
        }
    }

    pub(super) fn end_recall(&mut self, (at, now): Times, ended: Ended, id: u32, notes: &mut Vec<Note>) {
        match ended {
            // An earlier attempt that nobody heard of has done it.
            Ended::Done | Ended::Refused(Refusal::PackRecalled) => {
                if let Some(lot) = self.lots.get_mut(&id)
                    && let Some(asked) = lot.recall.at()
                {
                    lot.recall = Recall::Known(asked);
                }
            }
            Ended::Refused(refusal) => notes.push(Note::FalseAlarm(System::DrugSupply, at, refusal)),
            Ended::Unknown => self.plan_step(now, Step::Recall(id)),
        }
    }

    pub(super) fn end_wrong(
        &mut self,
        (at, now): Times,
        ended: Ended,
        alerted: bool,
        attempt: Attempt,
        notes: &mut Vec<Note>,
    ) {
        let Attempt { wrong, expected, packs, then, by_ring, .. } = attempt;
        let caught = match ended {
            Ended::Refused(refusal) => Some(alerted && expected.contains(&refusal)),
            Ended::Done => Some(false),
            Ended::Unknown => None,
        };
        if let Some(caught) = caught {
            notes.push(incident(wrong, at, caught.then_some(now)));
        }
        if caught == Some(true) && matches!(wrong, Wrong::RecalledPack | Wrong::ExpiredPack) {
            notes.push(Note::Sample(Figure::PacksBlocked, at, packs));
        }
        if let Some(ring) = self.ring.as_mut().filter(|_| by_ring && caught == Some(true))
            && let Some((first, span)) = ring.caught(now)
        {
            notes.push(Note::Sample(Figure::RingCaught, first, nanos(span)));
        }
        match then {
            // What was not refused is who knows where.
            Some((_, Step::Goods(_, goods))) if ended == Ended::Done => self.settle(&goods, Some(notes)),
            Some((after, step)) => self.plan_step(now + after, step),
            None => {}
        }
    }

    /// These packs are used up, or given up.
    pub(super) fn settle(&mut self, goods: &Goods, notes: Option<&mut Vec<Note>>) {
        let packs = goods.packs();
        self.alive = self.alive.saturating_sub(packs);
        let Some(lot) = self.lots.get_mut(&goods.lot) else { return };
        lot.left = lot.left.saturating_sub(packs);
        if lot.left > 0 {
            return;
        }
        if let (Recall::Known(asked), Some(notes)) = (lot.recall, notes)
            && let Some(blocked) = lot.blocked
        {
            let reach = nanos(blocked.since(asked));
            notes.push(Note::Sample(Figure::RecallReach, asked, reach));
        }
        // A recall that is under way has nothing left to recall.
        self.lots.remove(&goods.lot);
    }
}

/// What wrong deeds wait before the goods go on.
pub(super) const AFTERMATH: Duration = Duration::from_secs(1);
