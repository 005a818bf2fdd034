//! Blok.Health: clinical trials, and the sharing of their data.
//!
//! A trial's life is written when it begins ([`script`]): an ethics board approves, a sponsor registers and activates
//! sites, subjects consent, are enrolled, randomised and visited, some withdraw, half-way an amendment has everybody
//! consent anew, sites are closed, the data locked, the arms opened, the result published; then subjects let a research
//! institute read their data, and the result is verified from what was captured. Each step goes out at its own
//! institution's gateway (a subject's at home), once the receipt of those that it depends on is there.
//!
//! An arrival is the next step that is due of the oldest trial that has one, or else the first of a new trial, so that
//! there are as many trials as the rate asks for and each ends as soon as it can.
//!
//! What is done wrong on purpose is a step of its own, where its opportunity is; it must be refused for the reason that
//! the rules give, with a receipt, and the trial goes on. What ends without an answer may have happened or not, so its
//! trial is given up, and nothing is said of that step.
//!
//! Documents: the data of a subject that are shared are the leaves of the subject's chain under a pseudonym of the
//! trial, which is in no transaction.
//!
//! Bounds: under way are at most the arrivals of one patience, waiting those of a visit interval more; a trial that is
//! over, or given up, is dropped with all its steps.

mod order;
mod script;
mod study;

use super::{LifeCycles, Moment, Started, Target};
use crate::history::{Figure, Note};
use crate::plan::ClinicalTrialPlan;
use crate::population::Population;
use crate::seed::Stream;
use ledger_core::gateway::{Command, Completion};
use ledger_core::time::{Duration, Timestamp, nanos};
use order::Order;
use script::Step;
use std::collections::{BTreeMap, BTreeSet};
use study::{Study, Went};

/// Which lane of which trial.
type LaneKey = (u64, usize);

#[derive(Debug)]
pub(super) struct ClinicalTrial {
    plan: ClinicalTrialPlan,
    stream: Stream,
    studies: BTreeMap<u64, Study>,
    next_study: u64,
    /// Lanes whose next step may start, the oldest trial's first.
    ready: BTreeSet<LaneKey>,
    /// Lanes whose next step is due later.
    waiting: BTreeSet<(Timestamp, LaneKey)>,
    /// By operation.
    under_way: BTreeMap<u64, Taken>,
}

/// A step under way.
#[derive(Clone, Copy, Debug)]
struct Taken {
    lane: LaneKey,
    step: Step,
    scheduled: Timestamp,
}

impl ClinicalTrial {
    pub(super) fn new(plan: &ClinicalTrialPlan, _: &Population, stream: Stream) -> Self {
        Self {
            plan: plan.clone(),
            stream,
            studies: BTreeMap::new(),
            next_study: 0,
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            under_way: BTreeMap::new(),
        }
    }

    /// The lane to go on with; of a new trial if nothing is due.
    fn next_lane(&mut self, moment: &Moment<'_>) -> LaneKey {
        while let Some(first) = self.waiting.first().copied().filter(|(due, _)| *due <= moment.now) {
            self.waiting.remove(&first);
            self.ready.insert(first.1);
        }
        if let Some(lane) = self.ready.pop_first() {
            return lane;
        }
        let number = self.next_study;
        self.next_study += 1;
        let study = Study::new(&self.plan, moment.population, &mut self.stream);
        self.studies.insert(number, study);
        self.open_lanes(number);
        self.ready.pop_first().expect("a trial begins with its approval")
    }

    /// All lanes of a trial's present stage may start.
    fn open_lanes(&mut self, number: u64) {
        let lanes = self.studies.get(&number).map_or(0, |study| study.lanes.len());
        self.ready.extend((0..lanes).map(|lane| (number, lane)));
    }

    fn abandon(&mut self, number: u64) {
        self.studies.remove(&number);
        self.ready.retain(|(study, _)| *study != number);
        self.waiting.retain(|(_, (study, _))| *study != number);
    }

    /// A lane's step is over.
    fn advance(&mut self, now: Timestamp, (number, lane): LaneKey) {
        let Some(study) = self.studies.get_mut(&number) else { return };
        match study.lanes[lane].front() {
            Some(Step::Capture { first: false, .. }) => {
                let interval = nanos(self.plan.visit_interval);
                let pause = self.stream.uniform(interval / 2, interval / 2 + interval);
                self.waiting.insert((now + Duration::from_nanos(pause), (number, lane)));
            }
            Some(_) => {
                self.ready.insert((number, lane));
            }
            None => {
                study.open -= 1;
                if study.open == 0 && study.next_stage() {
                    self.open_lanes(number);
                }
            }
        }
    }
}

impl LifeCycles for ClinicalTrial {
    fn start(&mut self, moment: &Moment<'_>) -> Started {
        let lane = self.next_lane(moment);
        let study = self.studies.get_mut(&lane.0).expect("a lane's trial is alive");
        let step = study.lanes[lane.1].pop_front().expect("a lane that may start has a step");
        let Order { gateway, actor, command: kind, record } = study.order(step, moment, &mut self.stream);
        let scheduled = moment.now;
        self.under_way.insert(moment.operation, Taken { lane, step, scheduled });
        let command = Command { operation: moment.operation, actor, deadline: moment.deadline, kind };
        Started { operation: moment.operation, target: Target::Gateway(gateway, command), record }
    }

    fn completed(&mut self, now: Timestamp, operation: u64, completion: &Completion, notes: &mut Vec<Note>) {
        let Some(Taken { lane, step, scheduled }) = self.under_way.remove(&operation) else { return };
        // Of a trial that was given up nothing is said: what its steps meet is no longer known.
        let Some(study) = self.studies.get_mut(&lane.0) else { return };
        match study.learn(step, (scheduled, now), completion, notes) {
            Went::Well => {}
            Went::Nowhere => study.lanes[lane.1].clear(),
            Went::Wrong => {
                notes.push(Note::Sample(Figure::TrialsAbandoned, scheduled, 1));
                return self.abandon(lane.0);
            }
        }
        self.advance(now, lane);
        let Some(study) = self.studies.get(&lane.0).filter(|study| study.is_over()) else { return };
        study.verify(scheduled, notes);
        self.studies.remove(&lane.0);
    }

    fn finish(&mut self, _: Timestamp, _: &mut Vec<Note>) {}
}
