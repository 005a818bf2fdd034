//! Linearizability of what gateways see of records and consents: for each patient there is one order of all operations, in
//! agreement with the times at which they began and were answered, in which each answer is the one that a ledger of one
//! copy, executing one after the other, would give.
//!
//! It is judged from what clients were told alone: not from the order that replicas agreed on. What that order says serves
//! as a hint where to look first. Patients share nothing here, so that each is a history of its own (Herlihy and Wing: an
//! object is linearizable if its parts are).
//!
//! | operation | answered | is right only while |
//! |---|---|---|
//! | register, grant, deny | its id | the id is new |
//! | revoke | done | the consent is given and not withdrawn |
//! | erase | done | the record is registered and not erased |
//! | decision on access | permitted | the access is new, the record is registered and not erased, the consent that was named is given and not withdrawn |
//! | | refused as erased; for any other reason | the record is erased; it is not |
//! | | consent unknown, withdrawn; out of time, class or purpose | the consent named is not given, is withdrawn; is given and not withdrawn |
//! | | denied by a directive | a directive is in force, or may be |
//! | | with a number | the number is above all earlier ones |
//! | fresh check of a permit by its custodian, for which it let a key go | in force | decided, the record not erased, the consent that was named not withdrawn |
//! | proof of an entry | of this transaction | that transaction is done |
//!
//! What timed out may have had its effect at any time after it began, or never. Times at which consents end, classes,
//! readers and purposes are for `consent` and `detection`.
//!
//! Bound: [`STEPS_MAX`] for each patient; beyond it the verdict is undecided.

mod search;

use super::{Held, Judgement};
use crate::history::{Operation, OperationKind, Run};
use ledger_core::crypto::Digest;
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::{AccessId, ConsentId, Outcome, PartyId, RecordId, Refusal};
use ledger_core::time::Timestamp;
use search::{Call, Found, Object, search};
use std::collections::{BTreeMap, BTreeSet};

/// Steps of the search for one patient.
const STEPS_MAX: u64 = 1_000_000;

pub(super) fn check(run: &Run) -> Judgement {
    if !run.plan.ledger.execution {
        return Ok(Held::NotApplicable("nothing is executed"));
    }
    let mut histories = histories(run);
    let (mut calls, mut undecided) = (0, 0);
    for (patient, history) in &mut histories {
        history.calls.sort_by_key(|call| (call.invoked, call.returned, call.hint));
        calls += history.calls.len();
        let mut steps = STEPS_MAX;
        match search(&mut Ledger::of(history), &history.calls, &mut steps) {
            Found::Order => {}
            Found::None { placed, stuck } => {
                let call = &history.calls[stuck];
                return Err(format!(
                    "of {} operations about the records of party {} at most {placed} have an order; then nothing is \
                     right for {:?}, begun at {}, answered at {}",
                    history.calls.len(),
                    patient.0,
                    call.act.act,
                    call.invoked,
                    call.returned.unwrap_or(Timestamp::MAX),
                ));
            }
            Found::GaveUp => undecided += 1,
        }
    }
    if undecided > 0 {
        return Ok(Held::Undecided(format!(
            "{undecided} of {} patients' histories have more orders than {STEPS_MAX} steps try",
            histories.len()
        )));
    }
    match calls {
        0 => Ok(Held::NotApplicable("nobody reads or consents")),
        calls => Ok(Held::Passed(format!("{calls} operations about {} patients", histories.len()))),
    }
}

/// One call, by the transaction that it was asked in, if it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    act: Act,
    transaction: Option<Digest>,
}

/// What was asked, and what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Registered(RecordId),
    /// A consent, or a directive.
    Given {
        consent: ConsentId,
        denies: bool,
    },
    Withdrawn(ConsentId),
    Erased(RecordId),
    Decided {
        record: RecordId,
        consent: Option<ConsentId>,
        number: Option<u64>,
        verdict: Verdict,
    },
    /// A custodian found a permit in force.
    InForce {
        access: AccessId,
        record: RecordId,
        consent: Option<ConsentId>,
    },
    /// Somebody was shown the entry of this transaction.
    Proved(Digest),
    /// No answer: it may be withdrawn.
    PerhapsWithdrawn(ConsentId),
    PerhapsErased(RecordId),
    PerhapsDenied,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Permitted(AccessId),
    Refused(Refusal),
}

/// Calls about one patient, and which of its objects came into being in the run.
#[derive(Default)]
struct History {
    calls: Vec<Call<Step>>,
    new_records: BTreeSet<RecordId>,
    new_consents: BTreeSet<ConsentId>,
}

/// By patient.
fn histories(run: &Run) -> BTreeMap<PartyId, History> {
    let mut histories: BTreeMap<PartyId, History> = BTreeMap::new();
    let mut permits: BTreeMap<AccessId, &Operation> = BTreeMap::new();
    let mut patients: BTreeMap<Digest, PartyId> = BTreeMap::new();
    for operation in &run.history.operations {
        let Some(patient) = operation.patient else { continue };
        let Some((act, returned)) = act(operation) else { continue };
        let history = histories.entry(patient).or_default();
        if let Act::Registered(record) = act {
            history.new_records.insert(record);
        }
        if let Act::Given { consent, .. } = act {
            history.new_consents.insert(consent);
        }
        if let Act::Decided { verdict: Verdict::Permitted(access), .. } = act {
            permits.insert(access, operation);
        }
        let transaction = operation.transaction.filter(|_| returned.is_some());
        patients.extend(transaction.map(|transaction| (transaction, patient)));
        let hint = operation.log_index.unwrap_or(u64::MAX);
        let act = Step { act, transaction };
        history.calls.push(Call { invoked: operation.scheduled, returned, hint, act });
    }
    let read = |act| Step { act, transaction: None };
    for release in &run.history.releases {
        // Of a permit whose receipt nobody has told of, nothing is known but that there is one.
        let Some(decision) = permits.get(&release.access) else { continue };
        let Some(history) = decision.patient.and_then(|patient| histories.get_mut(&patient)) else {
            continue;
        };
        let (access, record) = (release.access, release.record);
        let act = read(Act::InForce { access, record, consent: decision.consent });
        let (invoked, returned) = (release.asked_at, Some(release.at));
        history.calls.push(Call { invoked, returned, hint: 0, act });
    }
    for audit in run.history.operations.iter().filter(|row| row.kind == OperationKind::Audit) {
        let Some((transaction, (at, _))) = audit.proved.zip(audit.ended) else { continue };
        let patient = patients.get(&transaction);
        let Some(history) = patient.and_then(|patient| histories.get_mut(patient)) else { continue };
        let act = read(Act::Proved(transaction));
        history.calls.push(Call { invoked: audit.scheduled, returned: Some(at), hint: 0, act });
    }
    histories
}

/// What an operation did, and when its client knew; `None` if it says nothing about records and consents.
fn act(operation: &Operation) -> Option<(Act, Option<Timestamp>)> {
    let outcome = match operation.ended {
        Some((_, End::Done(outcome))) => Some(outcome),
        _ => None,
    };
    let known = |act| Some((act, Some(operation.receipt_at?)));
    let open = operation.receipt_at.is_none();
    match operation.kind {
        OperationKind::Register => match outcome {
            Some(Outcome::RecordRegistered(record)) => known(Act::Registered(record)),
            _ => None,
        },
        OperationKind::Grant | OperationKind::Deny => match outcome {
            Some(Outcome::ConsentRegistered(consent)) => {
                known(Act::Given { consent, denies: operation.kind == OperationKind::Deny })
            }
            _ if open && operation.kind == OperationKind::Deny => Some((Act::PerhapsDenied, None)),
            _ => None,
        },
        OperationKind::Revoke => match outcome {
            Some(Outcome::ConsentRevoked(consent)) => known(Act::Withdrawn(consent)),
            _ if open => Some((Act::PerhapsWithdrawn(operation.consent?), None)),
            _ => None,
        },
        OperationKind::Erase => match outcome {
            Some(Outcome::KeyShredded(record)) => known(Act::Erased(record)),
            _ if open => Some((Act::PerhapsErased(operation.record?), None)),
            _ => None,
        },
        // The decision counts, whatever became of the document.
        OperationKind::Share | OperationKind::BreakGlass => {
            let decided = operation.decided?;
            let verdict = match (decided.access, decided.refusal) {
                (Some(access), _) => Verdict::Permitted(access),
                (None, Some(refusal)) => Verdict::Refused(refusal),
                (None, None) => return None,
            };
            let (record, consent) = (operation.record?, operation.consent);
            known(Act::Decided { record, consent, number: decided.number, verdict })
        }
        _ => None,
    }
}

/// One patient's part of a ledger of one copy.
struct Ledger<'a> {
    history: &'a History,
    done: BTreeSet<Digest>,
    records: BTreeSet<RecordId>,
    given: BTreeSet<ConsentId>,
    directives: BTreeSet<ConsentId>,
    withdrawn: BTreeSet<ConsentId>,
    erased: BTreeSet<RecordId>,
    permitted: BTreeSet<AccessId>,
    number: u64,
    perhaps_denied: u32,
}

/// Of a call that was carried out: whether it changed anything, and the number before it.
struct Undo {
    changed: bool,
    number: u64,
}

impl<'a> Ledger<'a> {
    fn of(history: &'a History) -> Self {
        Self {
            history,
            done: BTreeSet::new(),
            records: BTreeSet::new(),
            given: BTreeSet::new(),
            directives: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            erased: BTreeSet::new(),
            permitted: BTreeSet::new(),
            number: 0,
            perhaps_denied: 0,
        }
    }

    /// What did not come into being in the run was there before it.
    fn is_registered(&self, record: RecordId) -> bool {
        self.records.contains(&record) || !self.history.new_records.contains(&record)
    }

    fn is_given(&self, consent: ConsentId) -> bool {
        self.given.contains(&consent) || !self.history.new_consents.contains(&consent)
    }

    fn is_in_force(&self, consent: Option<ConsentId>) -> bool {
        consent.is_none_or(|consent| self.is_given(consent) && !self.withdrawn.contains(&consent))
    }

    fn is_readable(&self, record: RecordId) -> bool {
        self.is_registered(record) && !self.erased.contains(&record)
    }

    /// A refusal without a number is none about access, but that there is no such record.
    fn may_answer(
        &self,
        (record, consent): (RecordId, Option<ConsentId>),
        number: Option<u64>,
        verdict: Verdict,
    ) -> bool {
        let refusal = match verdict {
            Verdict::Permitted(access) => {
                return self.is_readable(record)
                    && self.is_in_force(consent)
                    && !self.permitted.contains(&access);
            }
            Verdict::Refused(refusal) => refusal,
        };
        match refusal {
            Refusal::UnknownRecord => return !self.is_registered(record),
            _ if number.is_none() => return true,
            Refusal::KeyShredded => return self.erased.contains(&record),
            _ if !self.is_readable(record) => return false,
            _ => {}
        }
        let withdrawn = |consent| self.withdrawn.contains(&consent);
        match (refusal, consent) {
            (Refusal::UnknownConsent, Some(consent)) => !self.is_given(consent),
            (Refusal::ConsentRevoked, Some(consent)) => withdrawn(consent),
            (Refusal::ConsentExpired | Refusal::LabelNotCovered | Refusal::PurposeMismatch, Some(_)) => {
                self.is_in_force(consent)
            }
            (Refusal::DeniedByDirective, _) => {
                self.perhaps_denied > 0 || self.directives.iter().any(|directive| !withdrawn(*directive))
            }
            _ => true,
        }
    }
}

impl Object for Ledger<'_> {
    type Act = Step;
    type Undo = Undo;

    fn apply(&mut self, step: &Step) -> Option<Undo> {
        let number = self.number;
        let mut changed = true;
        match step.act {
            Act::Registered(record) => {
                if !self.records.insert(record) {
                    return None;
                }
            }
            Act::Given { consent, denies } => {
                if !self.given.insert(consent) {
                    return None;
                }
                if denies {
                    self.directives.insert(consent);
                }
            }
            Act::Withdrawn(consent) => {
                if !self.is_given(consent) || !self.withdrawn.insert(consent) {
                    return None;
                }
            }
            Act::Erased(record) => {
                if !self.is_registered(record) || !self.erased.insert(record) {
                    return None;
                }
            }
            Act::Decided { record, consent, number, verdict } => {
                if number.is_some_and(|number| number <= self.number)
                    || !self.may_answer((record, consent), number, verdict)
                {
                    return None;
                }
                self.number = number.unwrap_or(self.number);
                if let Verdict::Permitted(access) = verdict {
                    self.permitted.insert(access);
                }
            }
            Act::InForce { access, record, consent } => {
                let in_force =
                    self.permitted.contains(&access) && self.is_readable(record) && self.is_in_force(consent);
                return in_force.then_some(Undo { changed: false, number });
            }
            Act::Proved(transaction) => {
                return self.done.contains(&transaction).then_some(Undo { changed: false, number });
            }
            Act::PerhapsWithdrawn(consent) => changed = self.withdrawn.insert(consent),
            Act::PerhapsErased(record) => changed = self.erased.insert(record),
            Act::PerhapsDenied => self.perhaps_denied += 1,
        }
        self.done.extend(step.transaction);
        Some(Undo { changed, number })
    }

    fn undo(&mut self, step: &Step, Undo { changed, number }: Undo) {
        self.number = number;
        if let Some(transaction) = step.transaction {
            self.done.remove(&transaction);
        }
        if !changed {
            return;
        }
        match step.act {
            Act::Registered(record) => {
                self.records.remove(&record);
            }
            Act::Given { consent, .. } => {
                self.given.remove(&consent);
                self.directives.remove(&consent);
            }
            Act::Withdrawn(consent) | Act::PerhapsWithdrawn(consent) => {
                self.withdrawn.remove(&consent);
            }
            Act::Erased(record) | Act::PerhapsErased(record) => {
                self.erased.remove(&record);
            }
            Act::Decided { verdict: Verdict::Permitted(access), .. } => {
                self.permitted.remove(&access);
            }
            Act::PerhapsDenied => self.perhaps_denied -= 1,
            Act::Decided { .. } | Act::InForce { .. } | Act::Proved(_) => {}
        }
    }

    fn is_read(step: &Step) -> bool {
        matches!(step.act, Act::InForce { .. } | Act::Proved(_))
    }
}
