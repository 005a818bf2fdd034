//! Operations: what a command becomes, up to the receipt and after it.

use super::inquiry::{Inquiry, Subject};
use super::keys::Rotation;
use super::recovery::Recovery;
use super::{
    ACTORS_MAX, Actor, Command, CommandKind, Completion, End, Gateway, GatewayBug, Held, Job, OPERATIONS_MAX,
    Owner, Preparation, Prepared, Rewrapping, Signing, share,
};
use crate::audit::Receipt;
use crate::codec::Blob;
use crate::crypto::Digest;
use crate::ledger::transaction::{
    Action, Actions, Label, Outcome, PartyId, RecordClass, RecordId, TransactionBody,
};
use crate::message::{DOCUMENT_BYTES_MAX, Message, Request};
use crate::seam::Output;
use crate::time::{Timestamp, nanos};
use crate::work::Work;
use bytes::Bytes;
use std::sync::Arc;

/// Something that a local user wants.
pub(super) struct Operation {
    actor: Actor,
    pub(super) deadline: Timestamp,
    aim: Aim,
    pub(super) stage: Stage,
    /// What is known of it so far; its end is `TimedOut` until there is another.
    pub(super) completion: Completion,
}

/// What follows the receipt.
#[derive(Clone, Copy)]
pub(super) enum Aim {
    /// Nothing.
    Answer,
    /// Nothing: there are as many answers as the entry has.
    Answers,
    /// The record is in custody here.
    Hold { locator: [u8; 16], commitment: Digest },
    /// The permitted record is fetched and opened.
    Read,
    /// A record in custody here has another key.
    Turn { rotation: Rotation, commitment: Digest },
    /// A record is given up, and erased if it is in custody here.
    GiveUp(RecordId),
}

/// What a commitment and a wrap are made for.
pub(super) enum Preparing {
    Registration { patient: PartyId, class: RecordClass, label: Label },
    Rotation(Rotation),
}

/// How far it is. Each stage is left for a later one only.
pub(super) enum Stage {
    /// Of a rotation: its document is fetched.
    Turning(Rotation),
    /// A copy of a lost document is fetched and opened.
    Recovering(Box<Recovery>),
    Preparing(Box<Registration>),
    /// A key, to a grantee.
    Wrapping(RecordId, PartyId),
    Signing,
    Asking(Box<Inquiry>),
    Reading(share::Reading),
}

/// A document, while its commitment and wrap are made.
pub(super) struct Registration {
    subject: Preparing,
    locator: [u8; 16],
    document: Bytes,
}

impl Operation {
    pub(super) fn aim(&self) -> Aim {
        self.aim
    }

    pub(super) fn inquiry(&mut self) -> Option<&mut Inquiry> {
        match &mut self.stage {
            Stage::Asking(inquiry) => Some(inquiry),
            Stage::Turning(_) | Stage::Recovering(_) | Stage::Preparing(_) | Stage::Wrapping(..) => None,
            Stage::Signing | Stage::Reading(_) => None,
        }
    }

    pub(super) fn reading(&mut self) -> Option<&mut share::Reading> {
        match &mut self.stage {
            Stage::Reading(reading) => Some(reading),
            Stage::Turning(_) | Stage::Recovering(_) | Stage::Preparing(_) | Stage::Wrapping(..) => None,
            Stage::Signing | Stage::Asking(_) => None,
        }
    }
}

impl Gateway {
    pub(super) fn command(&mut self, now: Timestamp, command: Command) {
        let Command { operation: id, actor, deadline, kind } = command;
        debug_assert!(!self.operations.contains_key(&id), "operation {id} is under way");
        let newcomer = !self.sequences.contains_key(&actor.party);
        let completion = Completion::new(id, End::TimedOut);
        let end = if now >= deadline {
            Some(End::TimedOut)
        } else if self.operations.len() >= OPERATIONS_MAX || (newcomer && self.sequences.len() >= ACTORS_MAX)
        {
            Some(End::Overloaded)
        } else {
            None
        };
        if let Some(end) = end {
            return self.outputs.push_back(Output::Completed(Completion { end, ..completion }));
        }
        let aim = match kind {
            CommandKind::Share { .. } | CommandKind::BreakGlass { .. } => Aim::Read,
            CommandKind::Bundle { .. } | CommandKind::Audit { .. } => Aim::Answers,
            // A registration's aim is known once it is prepared.
            CommandKind::Register { .. } | CommandKind::Review { .. } => Aim::Answer,
            CommandKind::Grant { .. } | CommandKind::Deny { .. } | CommandKind::Revoke { .. } => Aim::Answer,
            CommandKind::Delegate { .. } | CommandKind::Rewrap { .. } => Aim::Answer,
            // So is a rotation's.
            CommandKind::Rotate { .. } | CommandKind::Recover { .. } => Aim::Answer,
            CommandKind::Shred { record } => Aim::GiveUp(record),
        };
        let operation = Operation { actor, deadline, aim, stage: Stage::Signing, completion };
        self.operations.insert(id, operation);
        self.timers.arm(Owner::Operation(id), deadline);
        self.start(now, id, kind);
    }

    fn start(&mut self, now: Timestamp, id: u64, kind: CommandKind) {
        let Some(patient) = self.operations.get(&id).map(|operation| operation.actor.party) else { return };
        let action = match kind {
            CommandKind::Register { patient, patient_wrap_key, class, label, locator, document } => {
                let subject = Preparing::Registration { patient, class, label };
                return self.prepare_document(id, subject, (locator, document), patient_wrap_key);
            }
            CommandKind::Audit { index } => {
                let request = Message::Request(Request::Entry(index));
                self.audits.insert((index, id));
                return self.inquire(now, id, Subject::Entry(index), request);
            }
            CommandKind::Bundle { actions, atomic } => return self.sign(now, id, actions, atomic),
            CommandKind::Share { record, purpose, consent } => {
                Action::RequestAccess { record, purpose, consent }
            }
            CommandKind::BreakGlass { record, reason, window } => {
                Action::BreakGlass { record, reason, window_ns: nanos(window) }
            }
            CommandKind::Review { access, justified } => Action::ReviewBreakGlass { access, justified },
            CommandKind::Grant { patient, scope } => Action::GrantConsent { patient, scope },
            CommandKind::Deny { scope } => Action::DenyDirective { patient, scope },
            CommandKind::Revoke { consent } => Action::RevokeConsent { consent },
            CommandKind::Delegate { patient, delegate, scope, until, evidence, minor_until } => {
                Action::DelegateAuthority { patient, delegate, scope, until, evidence, minor_until }
            }
            CommandKind::Rewrap { record, grantee, recipient, pair, held } => {
                let job = Rewrapping { secret: self.secret.clone(), pair, held, record, recipient };
                return self.rewrap(id, (record, grantee), job);
            }
            CommandKind::Rotate { record, patient_wrap_key, locator } => {
                return self.rotate(id, (record, locator, patient_wrap_key));
            }
            CommandKind::Recover { record, commitment, wrap, lost, holder, patient_wrap_key, locator } => {
                let rotation = Rotation { record, old: lost, locator, patient_wrap_key };
                return self.recover(now, id, rotation, (commitment, wrap), holder);
            }
            CommandKind::Shred { record } => Action::ShredKey { record },
        };
        self.sign(now, id, action.into(), false);
    }

    pub(super) fn prepare_document(
        &mut self,
        id: u64,
        subject: Preparing,
        (locator, document): ([u8; 16], Bytes),
        patient_wrap_key: [u8; 32],
    ) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        if document.len() > DOCUMENT_BYTES_MAX {
            return self.finish(id, End::Rejected);
        }
        let secret = self.secret.clone();
        let registration = Registration { subject, locator, document: document.clone() };
        operation.stage = Stage::Preparing(Box::new(registration));
        let job = Preparation { secret, locator, patient_wrap_key, document };
        self.work(Job::Operation(id), Work::Prepare(Box::new(job)));
    }

    pub(super) fn prepared(&mut self, now: Timestamp, id: u64, prepared: Option<Prepared>) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Some(Prepared { commitment, patient_wrap }) = prepared else {
            return self.finish(id, End::Rejected);
        };
        let Stage::Preparing(registration) = std::mem::replace(&mut operation.stage, Stage::Signing) else {
            return;
        };
        let Registration { subject, locator, document } = *registration;
        let held = Held { locator, commitment, patient_wrap: patient_wrap.clone() };
        operation.completion.held = Some(Arc::new(held));
        let size_bucket = document.len().next_power_of_two().trailing_zeros() as u8;
        self.outputs.push_back(Output::Store(locator, document));
        let action = match subject {
            Preparing::Registration { patient, class, label } => {
                operation.aim = Aim::Hold { locator, commitment };
                Action::RegisterRecord {
                    patient,
                    commitment,
                    class,
                    label,
                    size_bucket,
                    locator,
                    patient_wrap,
                }
            }
            Preparing::Rotation(rotation) => {
                operation.aim = Aim::Turn { rotation, commitment };
                // Others may see it committed before this gateway does.
                self.holdings.remember_unconfirmed(commitment, locator);
                Action::RotateKey { record: rotation.record, commitment, locator, patient_wrap }
            }
        };
        self.sign(now, id, action.into(), false);
    }

    pub(super) fn sign(&mut self, now: Timestamp, id: u64, actions: Actions, atomic: bool) {
        let reuses = self.has_bug(GatewayBug::ReuseSequence);
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Actor { party: actor, organisation, ref key } = operation.actor;
        // An actor's first number here is the time in microseconds: above all that a gateway gave before a restart,
        // unless it gave more than a million a second.
        let sequence = self.sequences.get(&actor).map_or(now.0 / 1_000, |last| last + 1);
        let reused = reuses && sequence % 2 == 1;
        let sequence = if reused { sequence - 1 } else { sequence };
        let last = actions.last_sequence(sequence).expect("microseconds and actions stay below 2^64");
        let last = if reused { last + 1 } else { last };
        self.sequences.insert(actor, last);
        let valid_until = operation.deadline + self.config.tuning.valid_margin;
        let body = TransactionBody { actor, organisation, sequence, valid_until, atomic, actions };
        let signing = Signing { body, key: key.clone() };
        self.work(Job::Operation(id), Work::Sign(Box::new(signing)));
    }

    pub(super) fn signed(&mut self, now: Timestamp, id: u64, digest: Digest, bytes: Bytes) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.completion.transaction = Some(digest);
        let submission = Digest::sha256(&[&bytes]);
        let Some(blob) = Blob::new(bytes) else { return self.finish(id, End::Rejected) };
        self.transactions.insert(digest, id);
        self.submissions.insert(submission, id);
        let request = Message::Request(Request::Submit(blob));
        self.inquire(now, id, Subject::Transaction { digest, submission }, request);
    }

    pub(super) fn operation_woke(&mut self, now: Timestamp, id: u64) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let deadline = operation.deadline;
        if now >= deadline {
            return self.finish(id, End::TimedOut);
        }
        match operation.stage {
            Stage::Asking(_) => self.inquiry_woke(now, id),
            Stage::Reading(_) => self.reading_woke(now, id),
            Stage::Recovering(_) => self.recovery_woke(now, id),
            Stage::Turning(_) | Stage::Preparing(_) | Stage::Wrapping(..) | Stage::Signing => {
                self.timers.arm(Owner::Operation(id), deadline);
            }
        }
    }

    /// A quorum's answer to what was asked.
    pub(super) fn answered(&mut self, now: Timestamp, id: u64, receipt: &Receipt) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        operation.completion.receipt_at = Some(now);
        operation.completion.log_index = Some(receipt.index);
        operation.completion.answers = receipt.entry.answers.clone();
        operation.completion.receipt = Some(Arc::new(receipt.clone()));
        // What is no bundle has one action, and a quorum signed no entry without an answer to it.
        let Some(outcome) = receipt.entry.answers.first().map(|answer| answer.outcome) else {
            return self.finish(id, End::Rejected);
        };
        match (operation.aim, outcome) {
            (Aim::Answers, _) => self.finish(id, End::Answered),
            (aim, Outcome::Refused(refusal)) => {
                self.key_kept(aim, refusal);
                self.finish(id, End::Refused(refusal));
            }
            (Aim::Hold { locator, .. }, Outcome::RecordRegistered(record)) => {
                self.preload(record, locator);
                self.finish(id, End::Done(outcome));
            }
            (Aim::Read, Outcome::Permitted { .. }) => self.begin_reading(now, id, outcome, receipt),
            (aim, _) => {
                self.key_changed(now, aim);
                self.finish(id, End::Done(outcome));
            }
        }
    }

    /// The only way an operation ends: whatever belongs to it is dropped.
    pub(super) fn finish(&mut self, id: u64, end: End) {
        let Some(mut operation) = self.operations.remove(&id) else { return };
        self.timers.cancel(Owner::Operation(id));
        match &operation.stage {
            Stage::Asking(inquiry) => self.forget_subject(id, inquiry.subject),
            Stage::Reading(reading) => {
                if let Some(locator) = reading.loading() {
                    self.loads.remove(&(locator, Owner::Operation(id)));
                }
            }
            Stage::Turning(rotation) => {
                self.loads.remove(&(rotation.old, Owner::Operation(id)));
            }
            Stage::Recovering(_) | Stage::Preparing(_) | Stage::Wrapping(..) | Stage::Signing => {}
        }
        match (end, operation.aim) {
            // It may have been committed all the same: permits of the new version are served, if there are any.
            (
                End::TimedOut,
                Aim::Hold { locator, commitment }
                | Aim::Turn { rotation: Rotation { locator, .. }, commitment },
            ) => {
                self.holdings.remember_unconfirmed(commitment, locator);
            }
            (_, Aim::Hold { .. } | Aim::Turn { .. }) => {}
            (_, Aim::Answer | Aim::Answers | Aim::Read | Aim::GiveUp(_)) => {}
        }
        operation.completion.end = end;
        self.outputs.push_back(Output::Completed(operation.completion));
    }

    /// Leaves the stage of asking.
    pub(super) fn read(&mut self, id: u64, reading: share::Reading) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let stage = std::mem::replace(&mut operation.stage, Stage::Reading(reading));
        if let Stage::Asking(inquiry) = stage {
            self.forget_subject(id, inquiry.subject);
        }
    }
}
