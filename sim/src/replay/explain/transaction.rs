//! What became of a transaction, in words.

use super::{Cast, Explanation, Inquest, SHOWN_MAX, Unknown, access, replica, slot};
use crate::history::Operation;
use crate::proof::{self, Names, moment};
use crate::replay::chronicle::TransactionRow;
use crate::report::units;
use ledger_core::crypto::Digest;
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::{AccessId, Action, Answer, Outcome, PartyId, Transaction};
use ledger_core::time::Timestamp;
use serde_json::json;
use std::fmt::Write as _;

impl Inquest<'_> {
    pub(super) fn transaction(&self, name: Digest) -> Result<Explanation, Unknown> {
        let Some(row) = self.chronicle.transactions.get(&name) else {
            return Err(Unknown(format!(
                "transaction {name} was proposed and never submitted: nothing is known of it"
            )));
        };
        let history = &self.run.history;
        let mut operations = (0..).zip(&history.operations);
        let operation = operations.find(|(_, operation)| operation.transaction == Some(name));
        let executed = history.executed.iter().find(|(_, done)| done.transaction == name);
        let mut it = Explanation { title: format!("transaction {name}"), ..Explanation::default() };
        if let Some((number, _)) = operation {
            let _ = write!(it.title, "\n{}", self.operation_title(number));
        }
        let scheduled = operation.map(|(_, operation)| operation.scheduled);
        it.part("asked", self.asked(row));
        it.part("submitted", self.submitted(row, scheduled));
        it.part("proposed", self.proposed(row));
        let commit = executed.map(|(commit, _)| *commit);
        match commit {
            Some(index) => self.committed(&mut it, index),
            None => {
                let waiting = match row.blocks.last() {
                    None => "no block carries it up to here".to_owned(),
                    Some(block) => format!("{} is in no commit up to here", slot::name(block)),
                };
                it.part("committed", vec![format!("not: {waiting}")]);
                it.part("waits for", self.waits_for(row.blocks.last()));
            }
        }
        if let Some((_, done)) = executed {
            let mut outcomes = Vec::new();
            for (number, answer) in done.answers.iter().enumerate() {
                let of =
                    if done.answers.len() > 1 { format!("action {}: ", number + 1) } else { String::new() };
                outcomes.push(format!("{of}{}", proof::outcome(answer.outcome)));
                let account = row.accounts.as_ref().and_then(|(_, accounts)| accounts.get(number)?.as_ref());
                outcomes.extend(account.into_iter().flat_map(|account| self.ground(account, answer)));
            }
            it.part("outcome", outcomes);
        }
        it.part("receipt", self.receipt(row, operation.map(|(_, operation)| operation)));
        it.cast = Cast {
            transaction: Some(name),
            operation: operation.map(|(number, _)| number),
            gateway: row.sent.first().map(|(_, from, _)| *from),
            viewpoint: row
                .sent
                .first()
                .and_then(|(_, _, to)| replica(*to))
                .or(row.blocks.first().map(|it| it.author)),
            blocks: row.blocks.iter().copied().chain(it.cast.blocks.iter().copied()).collect(),
            access: executed.and_then(|(_, done)| permit(&done.answers)),
            bytes: Some(row.bytes.clone()),
            ..std::mem::take(&mut it.cast)
        };
        let first = scheduled.or(row.sent.first().map(|(at, ..)| *at)).or(row.arrived.first().map(|it| it.0));
        let ended = operation.and_then(|(_, operation)| Some(operation.ended?.0));
        let last = [ended, it.span.map(|span| span.1), row.receipt_arrived].into_iter().flatten().max();
        it.span = first.map(|first| (first, last.unwrap_or(self.run.end).max(first)));
        let place = commit.and_then(|index| self.chronicle.commits.get(&index)?.slot);
        it.facts = json!({
            "transaction": name.to_string(),
            "operation": it.cast.operation,
            "submitted_ns": first.map(|at| at.0),
            "blocks": row.blocks.iter().map(slot::name).collect::<Vec<_>>(),
            "commit": commit,
            "round": place.map(|(round, _)| round.0),
            "entry": executed.map(|(_, done)| done.index),
            "outcomes": executed.map(|(_, done)| done.answers.iter().map(|it| proof::outcome(it.outcome)).collect::<Vec<_>>()),
            "receipt_ns": operation.and_then(|(_, operation)| operation.receipt_at).map(|at| at.0),
        });
        Ok(it)
    }

    fn asked(&self, row: &TransactionRow) -> Vec<String> {
        let (names, chain) = (Names::of(&self.run.plan), self.run.committee.chain());
        if !self.run.plan.ledger.execution {
            return vec![format!("opaque bytes, {} of them, ordered and not executed", row.bytes.len())];
        }
        let Ok(transaction) = Transaction::decode(chain, &row.bytes) else {
            return vec!["no transaction: it does not decode".to_owned()];
        };
        let body = &transaction.body;
        let for_whom = match body.organisation == body.actor {
            true => String::new(),
            false => format!(" for {}", names.name(body.organisation.0)),
        };
        let mut sentences = vec![format!(
            "by {}{for_whom}, sequence {}, {}valid until {}",
            names.name(body.actor.0),
            body.sequence,
            if body.atomic { "all or nothing, " } else { "" },
            moment(body.valid_until),
        )];
        sentences.extend(body.actions.iter().take(SHOWN_MAX).map(|action| self.action(action)));
        if let Some(more @ 1..) = body.actions.len().checked_sub(SHOWN_MAX) {
            sentences.push(format!("and {more} more actions"));
        }
        sentences
    }

    fn action(&self, action: &Action) -> String {
        let names = Names::of(&self.run.plan);
        let name = |party: PartyId| names.name(party.0);
        match action {
            Action::RegisterRecord { patient, class, .. } => {
                format!("registers a record ({class:?}) of {}", name(*patient))
            }
            Action::GrantConsent { patient, scope } => {
                format!("gives a consent for {}: {}", name(*patient), access::scope(scope, &names))
            }
            Action::DenyDirective { patient, scope } => {
                format!("gives a directive for {}: {}", name(*patient), access::scope(scope, &names))
            }
            Action::RevokeConsent { consent } => format!("withdraws consent {}", consent.0),
            Action::RequestAccess { record, purpose, consent } => {
                let relying = consent.map_or(String::new(), |id| format!(", relying on consent {}", id.0));
                format!("asks to read record {} for {purpose:?}{relying}", record.0)
            }
            Action::BreakGlass { record, window_ns, .. } => {
                format!("breaks the glass on record {} for {}", record.0, units::time(*window_ns))
            }
            Action::ReviewBreakGlass { access, justified } => {
                let verdict = if *justified { "justified" } else { "unjustified" };
                format!("reviews break-glass access {}: {verdict}", access.0)
            }
            Action::DelegateAuthority { patient, delegate, until, .. } => {
                let (patient, delegate) = (name(*patient), name(*delegate));
                format!("lets {delegate} decide for {patient} until {}", moment(*until))
            }
            Action::RewrapKey { record, grantee, .. } => {
                format!("wraps the key of record {} to {}", record.0, name(*grantee))
            }
            Action::RotateKey { record, .. } => format!("gives record {} another key", record.0),
            Action::ShredKey { record } => format!("gives the key of record {} up", record.0),
            Action::RegisterParty { role, .. } => format!("registers a party ({role:?})"),
            Action::RevokeCredential { party } => format!("revokes the credential of {}", name(*party)),
            Action::Trial(action) => format!("clinical trial: {}", short(&format!("{action:?}"))),
            Action::Supply(action) => format!("drug supply: {}", short(&format!("{action:?}"))),
            Action::Telemedicine(action) => format!("telemedicine: {}", short(&format!("{action:?}"))),
            Action::Claim(action) => format!("insurance: {}", short(&format!("{action:?}"))),
        }
    }

    fn submitted(&self, row: &TransactionRow, scheduled: Option<Timestamp>) -> Vec<String> {
        let mut sentences = Vec::new();
        let mut first = scheduled.map_or(String::new(), |at| format!("due at {}; ", moment(at)));
        for (at, from, to) in row.sent.iter().take(SHOWN_MAX) {
            let mut arrivals = row.arrived.iter().filter(|(arrival, host)| host == to && arrival >= at);
            let arrival = match arrivals.next() {
                Some((arrival, _)) => format!("there after {}", units::span(arrival.since(*at))),
                None => "not arrived".to_owned(),
            };
            let (from, to) = (self.peer(*from), self.peer(*to));
            sentences.push(format!("{first}sent by {from} to {to} at {}, {arrival}", moment(*at)));
            first.clear();
        }
        if row.sent.is_empty()
            && let Some((at, host)) = row.arrived.first()
        {
            sentences.push(format!("{first}at {} on {} itself", moment(*at), self.peer(*host)));
        }
        sentences
    }

    fn proposed(&self, row: &TransactionRow) -> Vec<String> {
        let mut sentences = Vec::new();
        for reference in row.blocks.iter().take(SHOWN_MAX) {
            let block = self.chronicle.blocks.get(reference).copied().unwrap_or_default();
            let at = block.proposed.or(block.sent).map_or(String::new(), |at| format!(" at {}", moment(at)));
            let with = block.size.map_or(String::new(), |(items, bytes)| {
                let items = units::count(items as u64);
                format!(", with {items} transaction(s), {} long", units::bytes(bytes as u64))
            });
            let disk = match (block.proposed, block.sent) {
                (Some(signed), Some(sent)) => {
                    format!("; on its disk and sent after {}", units::span(sent.since(signed)))
                }
                (Some(_), None) => "; not sent".to_owned(),
                (None, _) => String::new(),
            };
            sentences.push(format!(
                "by {} in its block of round {}{at}{with}{disk}",
                reference.author, reference.round.0
            ));
        }
        sentences
    }

    fn receipt(&self, row: &TransactionRow, operation: Option<&Operation>) -> Vec<String> {
        let mut sentences = Vec::new();
        if let Some((at, by, commit)) = row.receipts.first() {
            let arrival = row.receipt_arrived.map_or("not arrived".to_owned(), |arrived| {
                format!("there after {}", units::span(arrived.since(*at)))
            });
            let by = self.peer(*by);
            sentences.push(format!(
                "sent by {by} at {}, under the checkpoint of commit {commit}; {arrival}",
                moment(*at)
            ));
        }
        let Some(operation) = operation else { return sentences };
        if let Some(at) = operation.receipt_at {
            let took = units::span(at.since(operation.scheduled));
            sentences.push(format!("verified at {}, {took} after it was due", moment(at)));
        }
        if let Some(at) = operation.key_at {
            sentences.push(format!("the custodian's key came at {}", moment(at)));
        }
        if let Some(at) = operation.transferred_at {
            sentences.push(format!("the document's last byte came at {}", moment(at)));
        }
        if let Some((at, end)) = operation.ended {
            let end = match end {
                End::Done(_) | End::Answered => "done".to_owned(),
                other => format!("{other:?}"),
            };
            sentences.push(format!("the operation ended at {}: {end}", moment(at)));
        }
        sentences
    }
}

/// The permit that a transaction gave.
fn permit(answers: &[Answer]) -> Option<AccessId> {
    answers.iter().find_map(|answer| {
        let Outcome::Permitted { access, .. } = answer.outcome else { return None };
        Some(access)
    })
}

/// The beginning of a long text.
fn short(text: &str) -> String {
    const CHARS_MAX: usize = 90;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}
