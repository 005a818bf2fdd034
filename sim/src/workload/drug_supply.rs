//! FarmaTrust: serialised packs from manufacturer to patient, and those who bring in what is not.
//!
//! A manufacturer makes a pallet of one lot (commissioned and packed in one atomic bundle) and ships it to a wholesaler,
//! who unpacks it and ships the cases on: to pharmacies, or first to another wholesaler. A pharmacy unpacks a case, or
//! returns it; verifies some packs and dispenses each; a few dispensings are reversed. So a pack goes through four to six
//! hands, patient included. Lots are recalled, and expire; what is left of them is destroyed by who has it, or somebody
//! tries to use it nevertheless. Each step is asked for by staff of the institution that has the goods, at its own
//! gateway, once the one before it is proven; what timed out is given up with all that is in it, and never spoken of.
//! With nothing to do, manufacturers verify the samples that they keep of each product.
//!
//! # What is wrong on purpose, and when it is caught
//! Right and wrong are known beside the ledger, by construction:
//! * *counterfeit*: a serial number out of a range that no manufacturer uses. Caught by the first scan.
//! * *clone*: a copy of a pack. Of one that a pharmacy has, seen at another pharmacy; of one that was dispensed, seen
//!   anywhere: caught by the first scan of the copy. Of one that a pharmacy has, dispensed there before the original:
//!   nothing tells the two apart, so it is caught when the *original* is scanned, which may be long after; if that never
//!   happens within the run, or timed out, it is not counted.
//! * *mislabelled*: a known serial number under another lot or expiry. Caught by the first scan.
//! * *diversion*: somebody takes in a case that is on its way to another; goods are shipped to who may not have them; a
//!   pharmacy dispenses a pack that another has. Caught by that very deed. Half of what is taken on its way is gone: its
//!   sender writes it off. What is carried off without a scan is not seen by any ledger, and so not done here.
//! * *recalled*, *expired*: a pack or case of such a lot is shipped or dispensed, asked for after the recall was proven, or
//!   [`LAG`] after the expiry. Caught by that deed. While a recall is under way either answer is right, and from [`GUARD`]
//!   before an expiry until [`LAG`] after it nothing is asked.
//!
//! Caught means: a verified receipt says the refusal, and for the first four that an alert was raised.

mod goods;
mod journey;
mod progress;
mod wrongs;

use super::{LifeCycles, Moment, PATIENCE, Started, Target};
use crate::history::{Figure, Incident, Note, OperationKind, System, Wrong};
use crate::plan::{DrugSupplyPlan, Plan};
use crate::population::Population;
use crate::seed::Stream;
use goods::{Goods, Lot, Recent};
use journey::Deed;
use ledger_core::gateway::{Command, CommandKind, Completion, End};
use ledger_core::ledger::transaction::{Action, Actions, Outcome, PartyId, Refusal, Scan, SupplyAction};
use ledger_core::time::{Duration, Timestamp};
use std::collections::BTreeMap;
use wrongs::{Owed, Ring};

/// How much later than it is asked an action may seem to be committed, or earlier: clocks of leaders.
const LAG: Duration = Duration::from_secs(2);
/// Nothing is asked about goods that expire so soon: it might be answered after that.
const GUARD: Duration = Duration::from_secs(PATIENCE.as_secs() + LAG.as_secs());
/// Packs alive, in seconds of operations: enough that something is always due.
const ALIVE_SECONDS: u64 = 30;
const PPB: u64 = 1_000_000_000;

#[derive(Debug)]
pub(super) struct DrugSupply {
    plan: DrugSupplyPlan,
    stream: Stream,
    /// No new pallet while so many packs are alive.
    alive_max: u64,
    alive: u64,
    /// What is to be done next with what, at the earliest. Bounded by the packs alive.
    due: BTreeMap<(Timestamp, u64), Step>,
    steps: u64,
    under_way: BTreeMap<u64, (Timestamp, Intent)>,
    lots: BTreeMap<u32, Lot>,
    next_lot: u32,
    next_pack: u64,
    next_container: u64,
    /// Packs in pharmacies, and packs with patients.
    shelved: Recent,
    dispensed: Recent,
    /// A pack of every manufacturer that stays where it was made.
    samples: BTreeMap<PartyId, Scan>,
    owed: Owed,
    ring: Option<Ring>,
}

#[derive(Debug)]
enum Step {
    Goods(Deed, Goods),
    Recall(u32),
}

/// What an operation under way is meant to do.
#[derive(Debug)]
enum Intent {
    /// To succeed.
    Right(Deed, Goods),
    /// To be refused.
    Wrong(Attempt),
    /// A copy dispensed in the place of these goods: nobody can tell.
    Copy(Goods),
    Recall(u32),
    Sample(PartyId, Scan),
}

/// A wrong deed.
#[derive(Debug)]
struct Attempt {
    wrong: Wrong,
    /// Any of these shows it.
    expected: &'static [Refusal],
    /// Whether an alert belongs to it.
    alert: bool,
    by_ring: bool,
    /// How many packs it is about.
    packs: u64,
    /// What happens with the goods, and how much later.
    then: Option<(Duration, Step)>,
}

/// Who asks for what, and why.
type Order = (PartyId, Vec<SupplyAction>, Intent);

impl DrugSupply {
    pub(super) fn new(
        (supply, rate_mhz): (&DrugSupplyPlan, u64),
        plan: &Plan,
        population: &Population,
        stream: Stream,
        origin: Timestamp,
    ) -> Self {
        Self {
            plan: supply.clone(),
            stream,
            alive_max: (rate_mhz / 1_000).max(1) * ALIVE_SECONDS,
            alive: 0,
            due: BTreeMap::new(),
            steps: 0,
            under_way: BTreeMap::new(),
            lots: BTreeMap::new(),
            next_lot: 0,
            next_pack: 0,
            next_container: 0,
            shelved: Recent::default(),
            dispensed: Recent::default(),
            samples: BTreeMap::new(),
            owed: Owed::default(),
            ring: supply.ring.as_ref().map(|ring| Ring::new(ring, plan, population, origin + plan.warmup)),
        }
    }

    fn chance(&mut self, ppb: u64) -> bool {
        self.stream.chance(ppb, PPB)
    }

    fn plan_step(&mut self, at: Timestamp, step: Step) {
        self.due.insert((at, self.steps), step);
        self.steps += 1;
    }

    fn plan_deed(&mut self, now: Timestamp, (low_ms, high_ms): (u64, u64), deed: Deed, goods: Goods) {
        let after = Duration::from_millis(self.stream.uniform(low_ms, high_ms));
        self.plan_step(now + after, Step::Goods(deed, goods));
    }

    /// What is due, or something new.
    fn order(&mut self, population: &Population, now: Timestamp) -> Order {
        if let Some(order) = self.wrong_order(population, now) {
            return order;
        }
        if self.alive < self.alive_max && self.stream.chance(1, 4) {
            return self.make(population, now);
        }
        // A step that is put off is put off beyond now.
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let order = match entry.remove() {
                Step::Goods(deed, goods) => self.take(population, now, deed, goods),
                Step::Recall(lot) => self.recall(now, lot),
            };
            if let Some(order) = order {
                return order;
            }
        }
        match self.alive < self.alive_max {
            true => self.make(population, now),
            false => self.sample(population),
        }
    }
}

impl LifeCycles for DrugSupply {
    fn start(&mut self, moment: &Moment<'_>) -> Started {
        let (institution, actions, intent) = self.order(moment.population, moment.now);
        let gateway = moment.population.gateway(institution).expect("an institution has a gateway");
        let actor = moment.population.staff(institution, moment.operation);
        let mut record = moment.row(OperationKind::DrugSupply, gateway);
        record.actions = actions.len() as u64;
        let actions = Actions::new(actions.into_iter().map(Action::Supply).collect());
        let kind = CommandKind::Bundle {
            actions: actions.expect("at most 33 for a pallet of 16 cases"),
            atomic: true,
        };
        let command = Command { operation: moment.operation, actor, deadline: moment.deadline, kind };
        self.under_way.insert(moment.operation, (moment.now, intent));
        Started { operation: moment.operation, target: Target::Gateway(gateway, command), record }
    }

    fn completed(&mut self, now: Timestamp, operation: u64, completion: &Completion, notes: &mut Vec<Note>) {
        let Some((at, intent)) = self.under_way.remove(&operation) else { return };
        let alerts = completion.answers.iter().filter(|answer| answer.alert.is_some()).count() as u64;
        if alerts > 0 {
            notes.push(Note::Sample(Figure::Alerts, at, alerts));
        }
        let ended = Ended::of(completion);
        let proven = completion.receipt_at.unwrap_or(now);
        match intent {
            Intent::Right(deed, goods) => self.end_right((at, proven), ended, (deed, goods), notes),
            Intent::Copy(goods) => self.end_copy((at, proven), ended, goods),
            Intent::Recall(lot) => self.end_recall((at, proven), ended, lot, notes),
            Intent::Sample(manufacturer, scan) => match ended {
                Ended::Done => drop(self.samples.insert(manufacturer, scan)),
                Ended::Refused(refusal) => notes.push(Note::FalseAlarm(System::DrugSupply, at, refusal)),
                Ended::Unknown => {}
            },
            Intent::Wrong(attempt) => {
                let alerted = alerts > 0 || !attempt.alert;
                self.end_wrong((at, proven), ended, alerted, attempt, notes);
            }
        }
    }

    /// A copy whose original has not been seen since is not noted: there was nothing to see.
    fn finish(&mut self, _: Timestamp, _: &mut Vec<Note>) {}
}

/// How an operation ended, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Done,
    /// By this refusal, of the action that ended the bundle.
    Refused(Refusal),
    Unknown,
}

impl Ended {
    fn of(completion: &Completion) -> Self {
        match completion.end {
            End::Answered => {}
            End::Done(_)
            | End::Refused(_)
            | End::KeyRefused(_)
            | End::Corrupt
            | End::Rejected
            | End::Overloaded
            | End::TimedOut => return Self::Unknown,
        }
        let refusals = completion.answers.iter().filter_map(|answer| answer.refusal());
        match refusals.min_by_key(|refusal| *refusal == Refusal::RolledBack) {
            Some(refusal) => Self::Refused(refusal),
            None if completion.answers.iter().all(|answer| matches!(answer.outcome, Outcome::Supply(_))) => {
                Self::Done
            }
            None => Self::Unknown,
        }
    }
}

/// What a wrong deed comes to, if that is known.
fn incident(wrong: Wrong, at: Timestamp, caught: Option<Timestamp>) -> Note {
    Note::Incident(Incident { wrong, at, caught })
}
