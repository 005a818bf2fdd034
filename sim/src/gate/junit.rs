//! JUnit XML, as Jenkins, GitLab and most others read it: a suite a scenario, a test case a check.

use super::{Outcome, Status};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// The document. Class names are `scenario.class`; what failed says how to play it again.
///
/// # Errors
/// If it cannot be serialised.
pub fn write(outcomes: &[Outcome]) -> Result<String, String> {
    let mut report = Report::new("amanah gate");
    for outcome in outcomes {
        let mut suite = TestSuite::new(outcome.scenario.as_str());
        for check in &outcome.checks {
            let mut status = match check.status {
                Status::Passed | Status::Warned => TestCaseStatus::success(),
                Status::Skipped => TestCaseStatus::skipped(),
                Status::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            };
            if check.status == Status::Failed {
                status.set_type(check.class.name());
                status.set_message(format!("{}; repeat: {}", check.message, outcome.replay));
            } else if check.status == Status::Skipped {
                status.set_message(check.message.as_str());
            }
            let mut case = TestCase::new(check.name.as_str(), status);
            case.set_classname(format!("{}.{}", outcome.scenario, check.class.name()));
            if check.status == Status::Warned {
                case.set_system_out(format!("warning: {}", check.message));
            }
            suite.add_test_case(case);
        }
        report.add_test_suite(suite);
    }
    let text = report.to_string().map_err(|error| error.to_string())?;
    // The root comes first. Jenkins' schema (junit-10.xsd) counts what was skipped in suites alone.
    let skipped: usize = outcomes.iter().map(|outcome| outcome.count(Status::Skipped)).sum();
    Ok(text.replacen(&format!(" skipped=\"{skipped}\""), "", 1))
}
