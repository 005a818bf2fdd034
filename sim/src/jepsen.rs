//! A run's history for other people's checkers, which know nothing of this program: what clients asked, when, and what
//! they were told.
//!
//! Two histories, each as EDN (Jepsen's, which Knossos and Elle read) and as JSON, one operation a line:
//!
//! * `registers`: linearizable registers, one for each consent and each record, under independent keys (`[key value]`).
//!   A consent given and a record registered write 1, a consent withdrawn and a record erased write 0. A decision on access
//!   that permits reads 1 of its record, and of the consent that it names; one that refuses because either was ended reads
//!   0; a custodian that finds a permit in force reads 1 of both. What is read and never written in the run was written
//!   before it, by process 0. For Knossos and Porcupine: models `register`, keys apart.
//! * `appends`: lists, one for each patient, to which each decision about access that is an operation of its own appends its
//!   place in the audit log; after the run one transaction for each patient reads the list, in the order of the numbers that decisions were
//!   given, which is what `amanah audit` proves. For Elle: `list-append`.
//!
//! A process has one operation under way. One that timed out ends as `info`, and its process does nothing more. Times are
//! nanoseconds from genesis; an operation begins when the schedule says so.

use crate::history::{Operation, OperationKind, Run};
use ledger_core::gateway::End;
use ledger_core::ledger::transaction::{AccessId, ConsentId, Outcome, PartyId, RecordId, Refusal};
use ledger_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;

/// Files that [`write()`] makes.
pub const FILES: [&str; 4] = ["registers.edn", "registers.json", "appends.edn", "appends.json"];

/// Writes both histories into a directory, and says how many operations each has.
///
/// # Errors
/// If a file cannot be written.
pub fn write(run: &Run, directory: &Path) -> io::Result<[usize; 2]> {
    std::fs::create_dir_all(directory)?;
    let histories = [registers(run), appends(run)];
    for (history, files) in histories.iter().zip(FILES.chunks(2)) {
        let events = events(history);
        std::fs::write(directory.join(files[0]), lines(&events, Event::to_edn))?;
        std::fs::write(directory.join(files[1]), lines(&events, Event::to_json))?;
    }
    Ok(histories.map(|history| history.len()))
}

/// A register, by its kind and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Consent(ConsentId),
    Record(RecordId),
}

/// What is done to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Deed {
    Write(Key, u8),
    /// What was seen.
    Read(Key, u8),
    Append(PartyId, u64),
    List(PartyId, Vec<u64>),
}

/// One operation of one client.
#[derive(Clone, Debug)]
struct Step {
    invoked: Timestamp,
    /// `None`: nobody knows whether it was done.
    returned: Option<Timestamp>,
    deed: Deed,
}

fn registers(run: &Run) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut permits: BTreeMap<AccessId, &Operation> = BTreeMap::new();
    for operation in &run.history.operations {
        if let Some(access) = operation.decided.and_then(|decided| decided.access) {
            permits.insert(access, operation);
        }
        for deed in deeds(operation) {
            let returned = operation.receipt_at;
            // A read without an answer says nothing.
            if returned.is_some() || matches!(deed, Deed::Write(..)) {
                steps.push(Step { invoked: operation.scheduled, returned, deed });
            }
        }
    }
    for release in &run.history.releases {
        let Some(decision) = permits.get(&release.access) else { continue };
        let consent = decision.consent.map(Key::Consent);
        steps.extend([Some(Key::Record(release.record)), consent].into_iter().flatten().map(|key| Step {
            invoked: release.asked_at,
            returned: Some(release.at),
            deed: Deed::Read(key, 1),
        }));
    }
    let written: BTreeSet<Key> = steps.iter().filter_map(|step| created(&step.deed)).collect();
    let keys: BTreeSet<Key> = steps.iter().filter_map(|step| key(&step.deed)).collect();
    let before = keys.difference(&written).map(|key| Step {
        invoked: Timestamp::ZERO,
        returned: Some(Timestamp::ZERO),
        deed: Deed::Write(*key, 1),
    });
    before.collect::<Vec<_>>().into_iter().chain(steps).collect()
}

fn key(deed: &Deed) -> Option<Key> {
    match deed {
        Deed::Write(key, _) | Deed::Read(key, _) => Some(*key),
        Deed::Append(..) | Deed::List(..) => None,
    }
}

fn created(deed: &Deed) -> Option<Key> {
    match deed {
        Deed::Write(key, 1) => Some(*key),
        Deed::Write(..) | Deed::Read(..) | Deed::Append(..) | Deed::List(..) => None,
    }
}

/// What an operation did to registers.
fn deeds(operation: &Operation) -> Vec<Deed> {
    let outcome = match operation.ended {
        Some((_, End::Done(outcome))) => Some(outcome),
        _ => None,
    };
    let unknown = operation.receipt_at.is_none();
    let (consent, record) = (operation.consent.map(Key::Consent), operation.record.map(Key::Record));
    let ended = |key: Option<Key>| key.map(|key| Deed::Write(key, 0)).into_iter().collect();
    match (operation.kind, outcome) {
        (OperationKind::Register, Some(Outcome::RecordRegistered(record))) => {
            vec![Deed::Write(Key::Record(record), 1)]
        }
        (OperationKind::Grant | OperationKind::Deny, Some(Outcome::ConsentRegistered(consent))) => {
            vec![Deed::Write(Key::Consent(consent), 1)]
        }
        (OperationKind::Revoke, Some(Outcome::ConsentRevoked(_))) => ended(consent),
        (OperationKind::Revoke, None) if unknown => ended(consent),
        (OperationKind::Erase, Some(Outcome::KeyShredded(_))) => ended(record),
        (OperationKind::Erase, None) if unknown => ended(record),
        (OperationKind::Share | OperationKind::BreakGlass, _) => {
            let Some(decided) = operation.decided else { return Vec::new() };
            let seen = |key: Option<Key>, value| key.map(|key| Deed::Read(key, value));
            let reads = match (decided.access, decided.refusal) {
                (Some(_), _) => [seen(record, 1), seen(consent, 1)],
                (None, Some(Refusal::KeyShredded)) => [seen(record, 0), None],
                (None, Some(Refusal::ConsentRevoked)) => [None, seen(consent, 0)],
                (None, _) => [None, None],
            };
            reads.into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

fn appends(run: &Run) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut appended: BTreeSet<u64> = BTreeSet::new();
    for operation in &run.history.operations {
        let Some((patient, index)) = operation.patient.zip(operation.log_index) else { continue };
        if operation.decided.and_then(|decided| decided.number).is_some() {
            appended.insert(index);
            let deed = Deed::Append(patient, index);
            steps.push(Step { invoked: operation.scheduled, returned: operation.receipt_at, deed });
        }
    }
    let mut lists: BTreeMap<PartyId, BTreeMap<u64, u64>> = BTreeMap::new();
    for (_, done) in run.history.executed.iter().filter(|(_, done)| appended.contains(&done.index)) {
        for decision in done.answers.iter().filter_map(|answer| answer.decision) {
            lists.entry(decision.patient).or_default().insert(decision.counter, done.index);
        }
    }
    steps.extend(lists.into_iter().map(|(patient, list)| Step {
        invoked: run.end,
        returned: Some(run.end),
        deed: Deed::List(patient, list.into_values().collect()),
    }));
    steps
}

/// How an operation begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Invoke,
    Ok,
    Info,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Info => "info",
        }
    }
}

/// A line of a history.
struct Event<'a> {
    index: usize,
    at: Timestamp,
    process: usize,
    kind: Kind,
    deed: &'a Deed,
}

/// Beginnings before ends of the same time, so that operations overlap rather than follow.
fn events(steps: &[Step]) -> Vec<Event<'_>> {
    let mut marks: Vec<(Timestamp, Kind, usize)> = Vec::new();
    let end = steps.iter().filter_map(|step| step.returned.or(Some(step.invoked))).max();
    for (number, step) in steps.iter().enumerate() {
        marks.push((step.invoked, Kind::Invoke, number));
        marks.push(match step.returned {
            Some(returned) => (returned, Kind::Ok, number),
            None => (end.unwrap_or_default(), Kind::Info, number),
        });
    }
    marks.sort_by_key(|(at, kind, number)| (*at, *kind, *number));
    let mut idle: BTreeSet<usize> = BTreeSet::new();
    let mut processes: BTreeMap<usize, usize> = BTreeMap::new();
    let mut started = 0;
    let event = |(index, (at, kind, number)): (usize, (Timestamp, Kind, usize))| {
        let process = match kind {
            Kind::Invoke => idle.pop_first().unwrap_or_else(|| {
                started += 1;
                started - 1
            }),
            Kind::Ok | Kind::Info => processes.remove(&number).expect("what ends has begun"),
        };
        match kind {
            Kind::Invoke => drop(processes.insert(number, process)),
            Kind::Ok => drop(idle.insert(process)),
            Kind::Info => {}
        }
        Event { index, at, process, kind, deed: &steps[number].deed }
    };
    marks.into_iter().enumerate().map(event).collect()
}

fn lines<'a>(events: &[Event<'a>], line: fn(&Event<'a>, &mut String) -> fmt::Result) -> String {
    let mut text = String::new();
    for event in events {
        line(event, &mut text).expect("strings take everything");
        text.push('\n');
    }
    text
}

impl Event<'_> {
    fn function(&self) -> &'static str {
        match self.deed {
            Deed::Write(..) => "write",
            Deed::Read(..) => "read",
            Deed::Append(..) | Deed::List(..) => "txn",
        }
    }

    /// A read's value is known when it ends.
    fn is_open(&self) -> bool {
        self.kind == Kind::Invoke
    }

    fn to_edn(&self, text: &mut String) -> fmt::Result {
        let Self { index, at, process, kind, .. } = self;
        let (kind, function) = (kind.name(), self.function());
        write!(
            text,
            "{{:index {index}, :type :{kind}, :process {process}, :f :{function}, :time {}, ",
            at.0
        )?;
        match self.deed {
            Deed::Read(key, _) if self.is_open() => write!(text, ":value [{key} nil]}}"),
            Deed::Write(key, value) | Deed::Read(key, value) => write!(text, ":value [{key} {value}]}}"),
            Deed::Append(patient, place) => write!(text, ":value [[:append {} {place}]]}}", patient.0),
            Deed::List(patient, _) if self.is_open() => write!(text, ":value [[:r {} nil]]}}", patient.0),
            Deed::List(patient, list) => {
                let places: Vec<String> = list.iter().map(u64::to_string).collect();
                write!(text, ":value [[:r {} [{}]]]}}", patient.0, places.join(" "))
            }
        }
    }

    fn to_json(&self, text: &mut String) -> fmt::Result {
        let value = match self.deed {
            Deed::Read(key, _) if self.is_open() => serde_json::json!([key.name(), null]),
            Deed::Write(key, value) | Deed::Read(key, value) => serde_json::json!([key.name(), value]),
            Deed::Append(patient, place) => serde_json::json!([["append", patient.0, place]]),
            Deed::List(patient, _) if self.is_open() => serde_json::json!([["r", patient.0, null]]),
            Deed::List(patient, list) => serde_json::json!([["r", patient.0, list]]),
        };
        let line = serde_json::json!({
            "index": self.index,
            "type": self.kind.name(),
            "process": self.process,
            "f": self.function(),
            "time": self.at.0,
            "value": value,
        });
        write!(text, "{line}")
    }
}

impl Key {
    fn name(self) -> String {
        match self {
            Self::Consent(consent) => format!("consent-{}", consent.0),
            Self::Record(record) => format!("record-{}", record.0),
        }
    }
}

/// As an EDN keyword.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ":{}", self.name())
    }
}
