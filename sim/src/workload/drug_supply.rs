//! See [`DrugSupplyPlan`].

use super::{LifeCycles, Moment, Started, Target};
use crate::history::{Note, OperationKind};
use crate::plan::DrugSupplyPlan;
use crate::population::Population;
use crate::seed::Stream;
use ledger_core::gateway::{Command, CommandKind, Completion};
use ledger_core::ledger::transaction::{Action, PartyId, SupplyAction};
use ledger_core::time::Timestamp;

#[derive(Debug)]
pub(super) struct DrugSupply {
    stream: Stream,
}

impl DrugSupply {
    pub(super) fn new(_plan: &DrugSupplyPlan, _population: &Population, stream: Stream) -> Self {
        Self { stream }
    }
}

impl LifeCycles for DrugSupply {
    fn start(&mut self, moment: &Moment<'_>) -> Started {
        let institution = PartyId(self.stream.below(moment.population.institutions() as u64) as u32);
        let gateway = moment.population.gateway(institution).expect("an institution has a gateway");
        let actor = moment.population.staff(institution, 0);
        let actions = Action::Supply(SupplyAction::Reserved).into();
        let kind = CommandKind::Bundle { actions, atomic: false };
        let command = Command { operation: moment.operation, actor, deadline: moment.deadline, kind };
        let record = moment.row(OperationKind::DrugSupply, gateway);
        Started { operation: moment.operation, target: Target::Gateway(gateway, command), record }
    }

    fn completed(&mut self, _: Timestamp, _: u64, _: &Completion, _: &mut Vec<Note>) {}

    fn finish(&mut self, _: Timestamp, _: &mut Vec<Note>) {}
}
