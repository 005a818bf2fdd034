//! Markdown: what a GitHub step summary shows, and what is pasted into a review.

use super::{Baseline, Outcome, Status};
use crate::compare::Change;
use std::fmt::Write as _;

/// Rows of a scenario that are listed.
const ROWS_MAX: usize = 50;

/// The whole gate.
pub fn write(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| outcome.count(Status::Failed) > 0).count();
    let mut text = match failed {
        0 => "## amanah gate: passed\n\n".to_owned(),
        _ => format!("## amanah gate: {failed} of {} failed\n\n", outcomes.len()),
    };
    text.push_str("| scenario | | passed | failed | warnings |\n| --- | --- | ---: | ---: | ---: |\n");
    for outcome in outcomes {
        let [passed, failed, warned] =
            [Status::Passed, Status::Failed, Status::Warned].map(|status| outcome.count(status));
        let mark = if failed > 0 { "❌" } else { "✅" };
        let _ = writeln!(text, "| {} | {mark} | {passed} | {failed} | {warned} |", cell(&outcome.scenario));
    }
    for outcome in outcomes {
        let rows: Vec<_> = outcome.with(Status::Failed).chain(outcome.with(Status::Warned)).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "\n### {}\n\n| check | | what was found |\n| --- | --- | --- |",
            cell(&outcome.scenario)
        );
        for check in rows.iter().take(ROWS_MAX) {
            let mark = if check.status == Status::Failed { "❌" } else { "⚠️" };
            let (class, name, message) = (check.class.name(), cell(&check.name), cell(&check.message));
            let _ = writeln!(text, "| {class}: {name} | {mark} | {message} |");
        }
        if rows.len() > ROWS_MAX {
            let _ = writeln!(text, "\nand {} more", rows.len() - ROWS_MAX);
        }
        let _ = writeln!(text, "\n```sh\n{}\n```", outcome.replay);
    }
    text
}

/// What a rewritten baseline changes and why; `before` are the changes, or why there was nothing to change, if not for want
/// of a file.
pub fn review(baseline: &Baseline, before: Result<&[Change], Option<&str>>) -> String {
    let mut text = format!(
        "### Baseline of {}, seed {}\n\n{}\n\n",
        cell(&baseline.scenario),
        baseline.seed,
        baseline.reason
    );
    let changes = match before {
        Ok(changes) => changes,
        Err(unread) => {
            let what = unread.map_or_else(
                || "New".to_owned(),
                |error| format!("In place of one that could not be read ({})", cell(error)),
            );
            let _ =
                writeln!(text, "{what}: {} metrics, digest `{}`.", baseline.metrics.len(), baseline.digest);
            return text;
        }
    };
    if changes.is_empty() {
        text.push_str("Nothing changed but the reason.\n");
        return text;
    }
    text.push_str("| what | was | is |\n| --- | --- | --- |\n");
    let side = |value: &Option<String>| value.as_deref().map_or_else(|| "–".to_owned(), cell);
    for change in changes {
        let _ = writeln!(text, "| {} | {} | {} |", cell(&change.key), side(&change.old), side(&change.new));
    }
    text
}

/// Text as it may stand in a cell of a table.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
