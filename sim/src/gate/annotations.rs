//! GitHub's workflow commands: what failed, beside the line that asks for it. GitHub shows ten of a kind for a step, so
//! that the tenth says how many more there are.

use super::{Check, Class, Outcome, Status};
use std::fmt::Write as _;

/// Annotations of one kind that GitHub shows for a step.
const SHOWN_MAX: usize = 10;

/// The commands, errors first. `line` finds the line of a word in a file.
pub fn write(outcomes: &[Outcome], line: impl Fn(&str, &str) -> usize) -> String {
    let mut text = String::new();
    for (kind, status) in [("error", Status::Failed), ("warning", Status::Warned)] {
        let rows: Vec<(&Outcome, &Check)> = outcomes
            .iter()
            .flat_map(|outcome| outcome.with(status).map(move |check| (outcome, check)))
            .collect();
        let shown = if rows.len() > SHOWN_MAX { SHOWN_MAX - 1 } else { rows.len() };
        for (outcome, check) in &rows[..shown] {
            let (file, word) = place(outcome, check);
            let title = format!("{}: {} {}", outcome.scenario, check.class.name(), check.name);
            let message = match status {
                Status::Failed => format!("{}\nrepeat: {}", check.message, outcome.replay),
                _ => check.message.clone(),
            };
            let _ = writeln!(
                text,
                "::{kind} file={},line={},title={}::{}",
                property(file),
                line(file, &word),
                property(&title),
                data(&message)
            );
        }
        if rows.len() > shown {
            let _ = writeln!(
                text,
                "::{kind} title=amanah gate::{} more; the step's summary lists them",
                rows.len() - shown
            );
        }
    }
    text
}

/// The file that asks for it, and the word by which its line is found.
fn place<'a>(outcome: &'a Outcome, check: &Check) -> (&'a str, String) {
    match (check.class, &outcome.baseline) {
        (Class::Baseline, Some(baseline)) => (baseline, format!("\"{}\":", check.name)),
        (Class::Expectations, _) => (&outcome.file, check.name.clone()),
        (Class::Checkers | Class::Live | Class::Baseline, _) => (&outcome.file, "name:".to_owned()),
    }
}

/// The first line, from 1, in which the word is; the first of all if it is nowhere.
pub fn line_of(text: &str, word: &str) -> usize {
    text.lines().position(|line| line.contains(word)).map_or(1, |index| index + 1)
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
