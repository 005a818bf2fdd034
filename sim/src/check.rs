//! Checkers: what must hold of every run, whatever its faults.
//!
//! A checker reads the [`Run`] alone. Each is shown to notice: a seeded bug makes it fail (`tests/`). One file a
//! checker, one row in [`CHECKERS`].

mod accounting;
mod agreement;
mod conduct;
mod consent;
mod content;
mod detection;
mod durability;
mod integrity;
mod receipts;
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
    /// Whether it is about safety; `validity` alone is about liveness.
    pub fn is_safety(&self) -> bool {
        self.checker != "validity"
    }
}

/// What a checker finds: `Ok` says what was looked at, `Err` the first violation.
type Judgement = Result<Held, String>;

/// Not violated.
enum Held {
    Passed(String),
    Undecided(String),
    NotApplicable(&'static str),
}

type Checker = fn(&Run) -> Judgement;

/// Every checker, with the question it answers.
const CHECKERS: &[(&str, &str, Checker)] = &[
    ("agreement", "do all replicas commit the same sequence?", agreement::order),
    ("total_order", "does executing it do the same everywhere?", agreement::execution),
    ("integrity", "does every transaction execute at most once?", integrity::check),
    ("durability", "does every acknowledged transaction survive?", durability::check),
    ("validity", "does every operation end, once faults are healed?", validity::check),
    ("consent", "does no key or document move without a permit in force?", consent::check),
    ("accounting", "is every decision about access counted, without a gap?", accounting::check),
    ("receipts", "do receipts verify with the committee's keys alone?", receipts::check),
    ("detection", "is every deed caught that is wrong, and none that is right?", detection::check),
    ("content", "is every document that is read what was asked for?", content::check),
    ("conduct", "does no machine see another do what a correct one never does?", conduct::check),
];

/// Runs every checker.
pub fn check(run: &Run) -> Vec<Verdict> {
    CHECKERS
        .iter()
        .map(|(name, _, checker)| {
            let (status, detail) = match checker(run) {
                Ok(Held::Passed(detail)) => (Status::Passed, detail),
                Ok(Held::Undecided(detail)) => (Status::Undecided, detail),
                Ok(Held::NotApplicable(why)) => (Status::NotApplicable, why.to_string()),
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
