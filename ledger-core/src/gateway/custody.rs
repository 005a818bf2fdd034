//! The custodian's side: who gets a key.
//!
//! A key request shows the receipt of a bundle and names the action in it that was permitted. The custodian verifies the
//! receipt, that this action's answer is a permit, and that it is of a record in its own custody; then it asks *all* replicas whether the permit is in force, and releases the key only if a
//! quorum of stake says so, for this record, this actor, and the organisation whose gateway asks (as the transport
//! authenticated it).
//!
//! **No key is released under a check that began after a revocation's receipt existed.** A receipt carries a
//! checkpoint signed by a quorum, and a correct replica signs only what it has executed; so when the receipt exists, a
//! quorum has executed the revocation, but for its faulty members. Any other quorum shares a correct replica with it.
//! That replica is asked after it executed the revocation, so it does not answer `InForce` (unless something later
//! lifted a directive again), and without it there is no quorum that does. Hence the check's number in question and
//! answer: an answer to an earlier check of the same permit was given earlier, and would not do. And hence a duty of
//! replicas: one that restarts answers no such question before it has executed again what it signed a checkpoint of.
//!
//! A replica counts with its first definite answer. `Unknown` is none: a replica may not have executed the permit
//! yet, and is asked again. Once those that do not say `InForce` hold a correct replica's stake, no quorum is left and
//! the request is refused. Whether a permit has expired is judged by the replicas' commit time, as everything else is,
//! and not by a clock here.
//!
//! The document then leaves sealed on the bulk lane, its key on the client lane.

use super::{Gateway, GatewayBug, Job, Owner, Permit, Sealed, Sealing};
use crate::audit::{Receipt, ReceiptError};
use crate::committee::{ReplicaId, ReplicaSet};
use crate::ledger::PermitStatus;
use crate::ledger::transaction::{AccessId, Outcome, PartyId};
use crate::message::{Exchange, KeyRefusal, Message, Request};
use crate::seam::{GatewayId, Lane, Observation, Output, Peer};
use crate::time::Timestamp;
use crate::work::Work;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most key requests under way; one beyond is answered `Busy`.
pub const TICKETS_MAX: usize = 1_024;
/// Most of them for one gateway, so that none keeps the others out.
pub const TICKETS_PER_PEER_MAX: usize = 256;

/// Key requests under way. Invariant: `requests` names each ticket once, so a repeated request starts no second one.
#[derive(Default)]
pub(super) struct Custody {
    tickets: BTreeMap<u64, Ticket>,
    requests: BTreeMap<(GatewayId, u64), u64>,
    /// Also the number of its check: never used twice.
    next: u64,
}

struct Ticket {
    from: GatewayId,
    operation: u64,
    requester: PartyId,
    recipient: [u8; 32],
    permit: Permit,
    /// Who may read, once the receipt is verified.
    actor: PartyId,
    expires: Timestamp,
    asked_at: Timestamp,
    step: Step,
}

enum Step {
    Proving,
    Checking(Box<Check>),
    Loading([u8; 16]),
    Sealing,
}

/// A quorum read. A replica is in at most one of the sets.
#[derive(Default)]
struct Check {
    in_force: ReplicaSet,
    /// Revoked or expired, or it is another permit.
    not_in_force: ReplicaSet,
    /// Those of `not_in_force` that know the permit as another organisation's, actor's or record's.
    not_yours: ReplicaSet,
    /// Have not executed the permit yet, and are asked again soon.
    behind: ReplicaSet,
    /// When the silent ones are asked again.
    again_at: Timestamp,
}

impl Custody {
    pub(super) fn len(&self) -> usize {
        self.tickets.len()
    }

    fn is_full(&self, from: GatewayId) -> bool {
        self.tickets.len() >= TICKETS_MAX
            || self.requests.range((from, 0)..=(from, u64::MAX)).count() >= TICKETS_PER_PEER_MAX
    }
}

impl Gateway {
    pub(super) fn key_request(
        &mut self,
        now: Timestamp,
        from: GatewayId,
        operation: u64,
        (receipt, action): (Receipt, u8),
    ) {
        if self.custody.requests.contains_key(&(from, operation)) {
            return;
        }
        let requester = self.config.directory.organisation_of(from);
        let institution = requester.and_then(|requester| self.config.directory.institution(requester));
        let (Some(requester), Some(institution)) = (requester, institution) else {
            return self.refuse_key(from, operation, KeyRefusal::NotYours);
        };
        let answer = receipt.entry.answers.get(usize::from(action)).map(|answer| answer.outcome);
        let Some(Outcome::Permitted { access, record, commitment, custodian, .. }) = answer else {
            return self.refuse_key(from, operation, KeyRefusal::BadReceipt);
        };
        if custodian != self.config.organisation {
            return self.refuse_key(from, operation, KeyRefusal::NotYours);
        }
        if self.custody.is_full(from) {
            return self.refuse_key(from, operation, KeyRefusal::Busy);
        }
        let id = self.custody.next;
        self.custody.next += 1;
        let expires = now + self.config.tuning.custody_patience;
        let ticket = Ticket {
            from,
            operation,
            requester,
            recipient: institution.wrap_key,
            permit: Permit { access, record, commitment },
            actor: receipt.entry.actor,
            expires,
            asked_at: now,
            step: Step::Proving,
        };
        self.custody.tickets.insert(id, ticket);
        self.custody.requests.insert((from, operation), id);
        self.timers.arm(Owner::Ticket(id), expires);
        if self.has_bug(GatewayBug::ReleaseWithoutPermit) {
            return self.fetch_document(id);
        }
        self.verify(now, Job::Ticket(id), Arc::new(receipt));
    }

    pub(super) fn ticket_proven(&mut self, now: Timestamp, id: u64, result: Result<(), ReceiptError>) {
        let Some(ticket) = self.custody.tickets.get_mut(&id) else { return };
        if let Err(error) = result {
            let from = Peer::Gateway(ticket.from);
            self.misbehaved(from, format!("receipt with a key request: {error}"));
            return self.refuse_ticket(id, KeyRefusal::BadReceipt);
        }
        ticket.asked_at = now;
        ticket.step = Step::Checking(Box::default());
        if self.has_bug(GatewayBug::SkipFreshCheck) || self.has_bug(GatewayBug::KeepErased) {
            return self.fetch_document(id);
        }
        self.ask_permit(now, id);
    }

    /// Asks whoever is due: those behind, and from time to time all who have not answered.
    fn ask_permit(&mut self, now: Timestamp, id: u64) {
        let Some(ticket) = self.custody.tickets.get_mut(&id) else { return };
        let Step::Checking(check) = &mut ticket.step else { return };
        let all: ReplicaSet = self.config.committee.replicas().collect();
        let mut due = std::mem::take(&mut check.behind);
        if now >= check.again_at {
            due = all.without(&check.in_force).without(&check.not_in_force);
            check.again_at = now + self.config.tuning.reply_timeout;
        }
        let wake = check.again_at.min(ticket.expires);
        let access = ticket.permit.access;
        let bytes = Message::Request(Request::PermitStatus { access, check: id }).encode();
        for replica in due.iter() {
            let (to, bytes) = (Peer::Replica(replica), bytes.clone());
            self.outputs.push_back(Output::Send { to, lane: Lane::Client, bytes });
        }
        self.timers.arm(Owner::Ticket(id), wake);
    }

    pub(super) fn permit_status(
        &mut self,
        now: Timestamp,
        from: ReplicaId,
        (access, id): (AccessId, u64),
        status: PermitStatus,
    ) {
        let Some(ticket) = self.custody.tickets.get_mut(&id) else { return };
        let Step::Checking(check) = &mut ticket.step else { return };
        if ticket.permit.access != access
            || check.in_force.contains(from)
            || check.not_in_force.contains(from)
        {
            return;
        }
        check.behind.remove(from);
        match status {
            PermitStatus::InForce { record, actor, organisation }
                if (record, actor, organisation)
                    == (ticket.permit.record, ticket.actor, ticket.requester) =>
            {
                check.in_force.insert(from);
            }
            PermitStatus::InForce { .. } => {
                check.not_in_force.insert(from);
                check.not_yours.insert(from);
            }
            PermitStatus::Revoked | PermitStatus::Expired => {
                check.not_in_force.insert(from);
            }
            PermitStatus::Unknown => {
                check.behind.insert(from);
                let soon = (now + self.config.tuning.permit_pause).min(ticket.expires);
                return self.timers.hasten(Owner::Ticket(id), soon);
            }
        }
        let committee = &self.config.committee;
        if committee.is_quorum(&check.in_force) {
            self.fetch_document(id);
        } else if committee.is_valid(&check.not_in_force) {
            // As much as a correct replica's stake against it: what is left is less than a quorum.
            let not_yours = committee.is_valid(&check.not_yours);
            let reason = if not_yours { KeyRefusal::NotYours } else { KeyRefusal::NotInForce };
            self.refuse_ticket(id, reason);
        }
    }

    fn fetch_document(&mut self, id: u64) {
        let Some(ticket) = self.custody.tickets.get_mut(&id) else { return };
        let Some(locator) = self.holdings.locator(&ticket.permit) else {
            return self.refuse_ticket(id, KeyRefusal::NoDocument);
        };
        ticket.step = Step::Loading(locator);
        self.timers.arm(Owner::Ticket(id), ticket.expires);
        self.load(locator, Owner::Ticket(id));
    }

    pub(super) fn ticket_loaded(&mut self, id: u64, locator: [u8; 16], document: Option<Bytes>) {
        let Some(ticket) = self.custody.tickets.get_mut(&id) else { return };
        let Some(document) = document else { return self.refuse_ticket(id, KeyRefusal::NoDocument) };
        ticket.step = Step::Sealing;
        let (permit, recipient) = (ticket.permit, ticket.recipient);
        let sealing = Sealing { secret: self.secret.clone(), locator, document, permit, recipient };
        self.work(Job::Ticket(id), Work::Seal(Box::new(sealing)));
    }

    pub(super) fn ticket_sealed(&mut self, id: u64, sealed: Option<Sealed>) {
        let Some(Sealed { wrap, document }) = sealed else {
            return self.refuse_ticket(id, KeyRefusal::NoDocument);
        };
        let Some(ticket) = self.end_ticket(id) else { return };
        let Ticket { from, operation, permit: Permit { access, record, .. }, asked_at, .. } = ticket;
        let to = Peer::Gateway(from);
        let released = Observation::KeyReleased { access, record, to: from, asked_at };
        self.outputs.push_back(Output::Observed(released));
        let key = Message::Exchange(Exchange::KeyRelease { operation, wrap });
        self.send(to, Lane::Client, &key);
        let document = Message::Exchange(Exchange::Document { operation, sealed: document });
        self.send(to, Lane::Bulk, &document);
    }

    pub(super) fn ticket_woke(&mut self, now: Timestamp, id: u64) {
        let Some(ticket) = self.custody.tickets.get(&id) else { return };
        if now >= ticket.expires {
            // No answer: the requester asks again, or has given up.
            self.end_ticket(id);
            return;
        }
        match ticket.step {
            Step::Checking(_) => self.ask_permit(now, id),
            Step::Proving | Step::Loading(_) | Step::Sealing => {
                self.timers.arm(Owner::Ticket(id), ticket.expires);
            }
        }
    }

    fn refuse_ticket(&mut self, id: u64, reason: KeyRefusal) {
        if let Some(Ticket { from, operation, .. }) = self.end_ticket(id) {
            self.refuse_key(from, operation, reason);
        }
    }

    fn refuse_key(&mut self, to: GatewayId, operation: u64, reason: KeyRefusal) {
        let message = Message::Exchange(Exchange::KeyRefused { operation, reason });
        self.send(Peer::Gateway(to), Lane::Client, &message);
    }

    /// The only way a key request ends: whatever belongs to it is dropped.
    fn end_ticket(&mut self, id: u64) -> Option<Ticket> {
        let ticket = self.custody.tickets.remove(&id)?;
        self.custody.requests.remove(&(ticket.from, ticket.operation));
        self.timers.cancel(Owner::Ticket(id));
        if let Step::Loading(locator) = ticket.step {
            self.loads.remove(&(locator, Owner::Ticket(id)));
        }
        Some(ticket)
    }
}
