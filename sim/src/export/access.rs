//! Decisions about access, permitted and refused, emergencies and their reviews; and requests in bundles.

use super::consents::{purpose_code, reference};
use super::{Family, Sink, Step, records};
use crate::document::fhir::audit::{AuditEvent, Decision, Event};
use ledger_core::gateway::CommandKind;
use ledger_core::ledger::transaction::{Action, ConsentId, Purpose, RecordId, Refusal};
use std::io;

struct Access;

pub(super) fn family() -> Box<dyn Family> {
    Box::new(Access)
}

/// What was asked, as far as an audit tells it.
struct Asked {
    event: Event,
    record: Option<RecordId>,
    purpose: Purpose,
    consent: Option<ConsentId>,
}

impl Family for Access {
    fn ended(&mut self, step: &Step<'_>, sink: &mut Sink) -> io::Result<()> {
        let asked = match &step.command.kind {
            CommandKind::Share { record, purpose, consent } => {
                Asked { event: Event::Access, record: Some(*record), purpose: *purpose, consent: *consent }
            }
            CommandKind::BreakGlass { record, .. } => {
                Asked { event: Event::Emergency, record: Some(*record), purpose: Purpose::BTG, consent: None }
            }
            CommandKind::Review { .. } => {
                Asked { event: Event::Review, record: None, purpose: Purpose::BTG, consent: None }
            }
            CommandKind::Bundle { .. } => return bundle(step, sink),
            CommandKind::Register { .. }
            | CommandKind::Grant { .. }
            | CommandKind::Deny { .. }
            | CommandKind::Revoke { .. }
            | CommandKind::Audit { .. }
            | CommandKind::Rewrap { .. }
            | CommandKind::Rotate { .. }
            | CommandKind::Recover { .. }
            | CommandKind::Shred { .. }
            | CommandKind::Delegate { .. } => return Ok(()),
        };
        match step.verdict() {
            Some(verdict) => write(step, sink, 0, &asked, verdict),
            None => Ok(()),
        }
    }
}

fn bundle(step: &Step<'_>, sink: &mut Sink) -> io::Result<()> {
    for (part, (action, answer)) in (0..).zip(step.answered()) {
        if let Action::RequestAccess { record, purpose, consent } = action {
            let asked =
                Asked { event: Event::Access, record: Some(*record), purpose: *purpose, consent: *consent };
            write(step, sink, part, &asked, answer.refusal().map_or(Ok(()), Err))?;
        }
    }
    Ok(())
}

fn write(
    step: &Step<'_>,
    sink: &mut Sink,
    part: u64,
    asked: &Asked,
    verdict: Result<(), Refusal>,
) -> io::Result<()> {
    let Some(recorded) = step.committed() else { return Ok(()) };
    let why = verdict.err().map(|refusal| format!("{refusal:?}"));
    let actor = step.place.actor(&step.command.actor, sink)?;
    let organisation = step.place.behalf(&step.command.actor, sink)?;
    let record = asked.record.map(|record| records::index(step.place, record, sink)).transpose()?;
    let consent = asked.consent.map(|consent| reference(step.place, consent));
    let entities: Vec<_> = record.into_iter().chain(consent).collect();
    sink.resource(&AuditEvent {
        id: step.id(part),
        event: asked.event,
        recorded,
        decision: why.as_deref().map_or(Decision::Permitted, Decision::Refused),
        purpose: purpose_code(asked.purpose),
        actor,
        organisation,
        entities: &entities,
        entry: &step.entry(),
    })?;
    Ok(())
}
