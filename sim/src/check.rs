//! Checkers: what must hold of every run, whatever its faults.
//!
//! A checker reads the [`Run`] alone. Each is shown to notice: a seeded bug makes it fail (`tests/`). One file a
//! checker, one row in `CHECKERS`.

mod accounting;
mod agreement;
mod assumption;
mod checkpoints;
mod conduct;
mod consent;
mod content;
mod detection;
mod durability;
mod evidence;
mod forgery;
mod healing;
mod integrity;
mod linearizability;
mod progress;
mod quorum;
mod receipts;
mod resources;
mod revocation;
mod validity;

use crate::history::Run;
use serde::Serialize;

/// How a checker judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It held.
    Passed,
    /// It did not.
    Failed,
    /// More is faulty than the protocol tolerates: nothing was promised, and it did not hold.
    Expected,
    /// The run does not tell.
    Undecided,
    /// The run has nothing of the kind.
    NotApplicable,
}

/// One checker's judgement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Which checker.
    pub checker: &'static str,
    /// How it judged.
    pub status: Status,
    /// Why, in one line: the first violation, or what was looked at.
    pub detail: String,
}

impl Verdict {
    /// Whether it is about safety; else about liveness.
    pub fn is_safety(&self) -> bool {
        !LIVENESS.contains(&self.checker)
    }

    /// Whether it says that more was faulty than the protocol tolerates.
    pub fn says_exceeded(&self) -> bool {
        self.checker == ASSUMPTION && self.status == Status::Expected
    }
}

const LIVENESS: [&str; 2] = ["validity", "progress"];
const ASSUMPTION: &str = "assumption";

/// What a checker finds: `Ok` says what was looked at, `Err` the first violation.
type Judgement = Result<Held, String>;

/// Not violated.
enum Held {
    Passed(String),
    Undecided(String),
    NotApplicable(&'static str),
    Exceeded(String),
}

type Checker = fn(&Run) -> Judgement;

/// Every checker, with the question it answers.
const CHECKERS: &[(&str, &str, Checker)] = &[
    ("agreement", "do all replicas commit the same sequence?", agreement::order),
    ("total_order", "does executing it do the same everywhere?", agreement::execution),
    ("integrity", "does every transaction execute at most once?", integrity::check),
    ("durability", "does every acknowledged transaction survive?", durability::check),
    ("validity", "does every operation end, once faults are healed?", validity::check),
    ("progress", "do commits go on, and all replicas keep up, once faults are healed?", progress::check),
    ("consent", "does no key or document move without a permit in force?", consent::check),
    (
        "revocation",
        "does no permit follow a withdrawal, and no key it by more than the bound?",
        revocation::check,
    ),
    ("linearizability", "is what gateways see what a ledger of one copy would say?", linearizability::check),
    ("accounting", "is every decision about access counted, without a gap?", accounting::check),
    ("receipts", "do receipts verify with the committee's keys alone?", receipts::check),
    ("checkpoints", "does no signed checkpoint contradict another, or the log?", checkpoints::check),
    ("resources", "does nothing that others can make grow outgrow its limit?", resources::check),
    ("detection", "is every deed caught that is wrong, and none that is right?", detection::check),
    ("content", "is every document that is read what was asked for?", content::check),
    ("evidence", "is every equivocation on record that correct replicas can see?", evidence::check),
    ("forgery", "does nothing take effect that its actor did not sign?", forgery::check),
    ("conduct", "does no machine see a correct one do what a correct one never does?", conduct::check),
    ("assumption", "is no more faulty than the protocol tolerates?", assumption::check),
];

/// Runs every checker.
///
/// With more faulty stake than the protocol tolerates, the loss of liveness is expected; a loss of safety is reported as
/// what it is, and says so.
pub fn check(run: &Run) -> Vec<Verdict> {
    let exceeded = assumption::is_exceeded(run);
    let lost = quorum::lost(run).is_some();
    CHECKERS
        .iter()
        .map(|(name, _, checker)| {
            let (status, detail) = match checker(run) {
                Ok(Held::Passed(detail)) => (Status::Passed, detail),
                Ok(Held::Undecided(detail)) => (Status::Undecided, detail),
                Ok(Held::NotApplicable(why)) => (Status::NotApplicable, why.to_string()),
                Ok(Held::Exceeded(detail)) => (Status::Expected, detail),
                Err(violation) if (exceeded || lost) && LIVENESS.contains(name) => {
                    (Status::Expected, format!("assumption exceeded: {violation}"))
                }
                Err(violation) if exceeded => (Status::Failed, format!("assumption exceeded: {violation}")),
                Err(violation) => (Status::Failed, violation),
            };
            Verdict { checker: name, status, detail }
        })
        .collect()
}

/// The checkers' names and questions.
pub fn questions() -> impl Iterator<Item = (&'static str, &'static str)> {
    CHECKERS.iter().map(|(name, question, _)| (*name, *question))
}
