//! Verdicts on a run.

use crate::history::Run;

/// What one checker says of a run.
pub struct Verdict {
    /// The checker's name.
    pub checker: &'static str,
    /// What it found.
    pub status: Status,
    /// In words.
    pub detail: String,
}

/// Kinds of verdict.
pub enum Status {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// The checker could not tell within its budget.
    Undecided,
    /// There was nothing to check.
    NotApplicable,
}

impl Verdict {
    /// Whether it is about safety; else about liveness.
    pub fn is_safety(&self) -> bool {
        self.checker != "validity"
    }
}

/// Every checker's verdict.
pub fn check(_run: &Run) -> Vec<Verdict> {
    Vec::new()
}
