//! Requests for access, in signed bundles, and nothing more: what ordering, execution and receipts cost when no key or
//! document moves.
//!
//! A clinician of a hospital, drawn, asks for records, all equally likely, each under the consent that its patient gave
//! at genesis. One whose patient has since decided otherwise (another workload's doing) is drawn again.

use super::personal_health_record::{Ask, Knowledge, Pending};
use super::{Moment, Started, Target};
use crate::history::{Expected, OperationKind};
use crate::plan::InstitutionKind;
use crate::population::{GENESIS_PURPOSE, Population};
use crate::seed::Stream;
use ledger_core::gateway::{Actor, Command, CommandKind};
use ledger_core::ledger::transaction::{Action, Actions, PartyId, RecordId};

/// Redraws until a record's patient permits.
const ATTEMPTS: usize = 8;

#[derive(Debug)]
pub(super) struct AccessDecisions {
    bundle: usize,
    /// Of all hospitals, one row each: an actor's key is derived once. Empty until they first act.
    clinicians: Vec<Vec<Option<Actor>>>,
    stream: Stream,
}

impl AccessDecisions {
    pub(super) fn new(bundle: u64, population: &Population, stream: Stream) -> Self {
        let hospitals = population.institutions_of(InstitutionKind::Hospital).len();
        let staff = population.staff_per_institution() as usize;
        Self { bundle: bundle as usize, clinicians: vec![vec![None; staff]; hospitals], stream }
    }

    pub(super) fn start(&mut self, moment: &Moment<'_>, knowledge: &mut Knowledge) -> Started {
        let population = moment.population;
        let (hospital, actor) = self.clinician(population);
        let mut expected = Expected::Permit;
        let mut patients = Vec::with_capacity(self.bundle);
        let mut actions = Vec::with_capacity(self.bundle);
        for _ in 0..self.bundle {
            let (action, patient, verdict) = self.request(moment, knowledge, hospital);
            patients.push((patient, knowledge.changes(patient)));
            actions.push(action);
            if verdict != Expected::Permit {
                expected = Expected::Either;
            }
        }
        knowledge.begin(moment.operation, Pending::Decisions { patients, expected });
        let gateway = population.gateway(hospital).expect("an institution has a gateway");
        let mut record = moment.row(OperationKind::AccessDecisions, gateway);
        record.actions = self.bundle as u64;
        record.expected = expected;
        let actions = Actions::new(actions).expect("the plan's bundles are within the limit");
        let kind = CommandKind::Bundle { actions, atomic: false };
        let command = Command { operation: moment.operation, actor, deadline: moment.deadline, kind };
        Started { operation: moment.operation, target: Target::Gateway(gateway, command), record }
    }

    fn clinician(&mut self, population: &Population) -> (PartyId, Actor) {
        let hospitals = population.institutions_of(InstitutionKind::Hospital);
        let row = self.stream.below(hospitals.len() as u64) as usize;
        let n = self.stream.below(population.staff_per_institution());
        let known = &mut self.clinicians[row][n as usize];
        let actor = known.get_or_insert_with(|| population.staff(hospitals[row], n));
        (hospitals[row], actor.clone())
    }

    fn request(
        &mut self,
        moment: &Moment<'_>,
        knowledge: &Knowledge,
        reader: PartyId,
    ) -> (Action, PartyId, Expected) {
        let population = moment.population;
        let mut attempt = || {
            let id = RecordId(self.stream.below(population.records()) as u32);
            let record = population.record(id).expect("it was drawn among those of genesis");
            let consent =
                population.patient_index(record.patient).map(|index| population.genesis_consent(index));
            let ask = Ask { reader, record, purpose: GENESIS_PURPOSE, consent };
            let action = Action::RequestAccess { record: id, purpose: GENESIS_PURPOSE, consent };
            (action, record.patient, knowledge.verdict(moment.now, population, &ask))
        };
        let mut request = attempt();
        for _ in 1..ATTEMPTS {
            if request.2 == Expected::Permit {
                break;
            }
            request = attempt();
        }
        request
    }
}
