//! Exit codes, and which of several an invocation ends with.

use crate::check::{Status, Verdict};
use crate::expect::Expected;
use crate::plan::{Condition, Plan};
use std::process::ExitCode;

/// How an invocation ends, the least bad first: of several, the greatest wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All held.
    Success,
    /// It is not what the baseline says, or worse than the program before it.
    Regressed,
    /// An expectation fell short.
    FellShort,
    /// The generator lagged, or nothing was measured.
    MeasurementInvalid,
    /// A checker could not tell.
    Undecided,
    /// What it depends on could not be reached: worth another try, as nothing else is.
    Retry,
    /// Internal or environment failure: the run is not there.
    Failure,
    /// What correct clients asked for did not end.
    NoProgress,
    /// A safety checker failed.
    SafetyViolated,
    /// A replay differs.
    Nondeterminism,
    /// Ctrl-C.
    Interrupted,
    /// Usage, or an invalid scenario: nothing ran.
    Invalid,
}

impl Exit {
    /// All of them, the least bad first.
    pub const ALL: [Self; 12] = [
        Self::Success,
        Self::Regressed,
        Self::FellShort,
        Self::MeasurementInvalid,
        Self::Undecided,
        Self::Retry,
        Self::Failure,
        Self::NoProgress,
        Self::SafetyViolated,
        Self::Nondeterminism,
        Self::Interrupted,
        Self::Invalid,
    ];

    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Invalid => 2,
            Self::SafetyViolated => 10,
            Self::NoProgress => 11,
            Self::Undecided => 12,
            Self::MeasurementInvalid => 13,
            Self::Nondeterminism => 20,
            Self::Retry => 75,
            Self::Regressed => 98,
            Self::FellShort => 99,
            Self::Interrupted => 130,
        }
    }

    /// What a run that was recorded with this code ended with.
    pub fn recorded(code: u8) -> Self {
        let ends = [
            Self::Success,
            Self::FellShort,
            Self::MeasurementInvalid,
            Self::Undecided,
            Self::NoProgress,
            Self::SafetyViolated,
        ];
        ends.into_iter().find(|end| end.code() == code).unwrap_or(Self::Failure)
    }

    /// In words, for the line that says why a run failed.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Success => "all held",
            Self::Failure => "it could not be run",
            Self::Invalid => "it is not valid",
            Self::SafetyViolated => "safety was violated",
            Self::NoProgress => "no progress: operations of correct clients did not end",
            Self::Undecided => "a checker could not tell",
            Self::MeasurementInvalid => "the measurement is invalid",
            Self::Nondeterminism => "the replay differs",
            Self::Retry => "something that it needs could not be reached",
            Self::Regressed => "it differs from its baseline",
            Self::FellShort => "an expectation fell short",
            Self::Interrupted => "it was interrupted",
        }
    }

    /// Of a finished run.
    pub fn of(
        plan: &Plan,
        partial: bool,
        invalid: bool,
        verdicts: &[Verdict],
        expectations: &[Expected],
    ) -> Self {
        let verdict = |verdict: &Verdict| match verdict.status {
            Status::Passed | Status::NotApplicable | Status::Expected => Self::Success,
            Status::Undecided => Self::Undecided,
            Status::Failed if verdict.is_safety() => Self::SafetyViolated,
            Status::Failed => Self::NoProgress,
        };
        let from_verdicts = verdicts.iter().map(verdict).max().unwrap_or(Self::Success);
        let missed = plan.expect.iter().zip(expectations).filter(|(_, result)| !result.held);
        let from_expectations = missed.map(|(line, _)| match line.condition {
            // A checker that failed is counted above. Without one, nothing is known to be violated.
            Condition::Safety | Condition::Liveness => Self::Undecided,
            Condition::Metric { .. } => Self::FellShort,
        });
        let measured = if invalid { Self::MeasurementInvalid } else { Self::Success };
        let interrupted = if partial { Self::Interrupted } else { Self::Success };
        from_expectations.chain([from_verdicts, measured, interrupted]).max().unwrap_or(Self::Success)
    }
}

/// Every exit code: what `amanah explain` says of it.
pub const CODES: &[(u8, &str, &str)] = &[
    (0, "all held", "Everything that was asked for was done, and every checker and expectation held."),
    (
        1,
        "internal or environment failure",
        "It could not be run or written: a disk, a port, a permission, or a mistake of ours.",
    ),
    (
        2,
        "usage or invalid scenario",
        "The command line or a file is not valid; nothing ran. Every mistake is named with its place and its cure.",
    ),
    (
        10,
        "safety violation",
        "A checker of safety failed: something happened that must never happen. Do not deploy; replay it.",
    ),
    (11, "no progress", "Operations of correct clients did not end, although faults had healed."),
    (
        12,
        "checker undecided",
        "A checker ran out of its budget, or had nothing to judge: nothing is known to be wrong, and nothing proven.",
    ),
    (13, "measurement invalid", "The generator lagged, or the run was too short: the figures say nothing."),
    (
        20,
        "nondeterminism",
        "A replay differs from what was recorded: another program version, a changed file, or a mistake of ours.",
    ),
    (
        75,
        "retryable infrastructure failure",
        "Somebody else's service did not answer; the same command may succeed later.",
    ),
    (
        98,
        "regression against the baseline",
        "A gate found figures worse than its baseline, beyond what it tolerates.",
    ),
    (99, "expectation fell short", "The run was safe and complete, and a line of `expect` did not hold."),
    (130, "interrupted", "Ctrl-C: partial results are written and marked as such."),
];

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fake;

    #[test]
    fn the_worst_of_several_wins() {
        use Exit::{FellShort, MeasurementInvalid, NoProgress, Nondeterminism, SafetyViolated, Undecided};
        let order = [Nondeterminism, SafetyViolated, NoProgress, Undecided, MeasurementInvalid, FellShort];
        assert!(order.is_sorted_by(|a, b| a > b));
        assert_eq!(order.map(Exit::code), [20, 10, 11, 12, 13, 99]);
        assert!(Exit::ALL.is_sorted_by(|a, b| a < b));
        assert!(Exit::Regressed < FellShort && Exit::Regressed.code() == 98);
    }

    #[test]
    fn every_code_is_explained() {
        for exit in Exit::ALL {
            assert!(CODES.iter().any(|(code, ..)| *code == exit.code()), "{exit:?}");
        }
        assert_eq!(CODES.len(), Exit::ALL.len());
        assert!(CODES.is_sorted_by_key(|(code, ..)| *code));
    }

    fn verdict(checker: &'static str, status: Status) -> Verdict {
        Verdict { checker, status, detail: String::new() }
    }

    /// The fake plan expects `safety`, and two metrics.
    #[track_caller]
    fn check(held: [bool; 3], verdicts: &[Verdict], invalid: bool, partial: bool, expected: u8) {
        let plan = fake::plan();
        let expectations = held.map(|held| Expected { text: String::new(), held, found: String::new() });
        assert_eq!(Exit::of(&plan, partial, invalid, verdicts, &expectations).code(), expected);
    }

    #[test]
    fn a_run_ends_with_its_worst_finding() {
        let agreed = || verdict("agreement", Status::Passed);
        check([true, true, true], &[agreed()], false, false, 0);
        check([true, false, true], &[agreed()], false, false, 99);
        check([true, false, true], &[agreed()], true, false, 13);
        check([false, true, true], &[], false, false, 12);
        check([false, true, true], &[verdict("agreement", Status::Failed)], false, false, 10);
        check([false, true, true], &[verdict("history", Status::Undecided)], false, false, 12);
        check([true, true, true], &[agreed(), verdict("validity", Status::Failed)], true, false, 11);
        check([true, false, true], &[agreed()], false, true, 130);
        // Beyond the assumption nothing was promised but that nobody hides it.
        check([true, true, true], &[agreed(), verdict("validity", Status::Expected)], false, false, 0);
        check([false, true, true], &[verdict("assumption", Status::Expected)], false, false, 12);
    }
}
