//! A run for people, as text at most 100 columns wide where names allow: the question first, then the answer, then the
//! figures behind it, and at the end how to repeat it.
//!
//! It sees the run and what was found about it, never the world; it decides nothing.

mod comparison;
mod faults;
pub mod html;
pub mod picture;
mod sections;
pub mod sequence;
mod table;
pub mod units;

pub use comparison::{changes, comparison, difference, page as comparison_page, percent};

use crate::check::{Status, Verdict};
use crate::expect::Expected;
use crate::history::{Run, Setting};
use crate::metrics::Metrics;
use std::path::Path;

/// Rows of a table of latencies: what they are called there, and their metrics.
const LATENCIES: [(&str, &str); 11] = [
    ("transaction", "transactions.latency"),
    ("  refused", "transactions.refused.latency"),
    ("commit", "commit.latency"),
    ("share", "share.latency"),
    ("  queue", "share.phase.queue"),
    ("  order", "share.phase.order"),
    ("  execute", "share.phase.execute"),
    ("  key", "share.phase.key"),
    ("  transfer", "share.phase.transfer"),
    ("  verify", "share.phase.verify"),
    ("revocation", "consent.revocation.effect"),
];

/// Everything that is known of a run.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// What happened.
    pub run: &'a Run,
    /// What was measured.
    pub metrics: &'a Metrics,
    /// What the checkers say.
    pub verdicts: &'a [Verdict],
    /// What became of the expectations.
    pub expectations: &'a [Expected],
    /// Where `result.json` is.
    pub file: &'a Path,
    /// The command that repeats the run.
    pub replay: &'a str,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Colours.
    pub colour: bool,
    /// Characters beyond ASCII.
    pub unicode: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }
    fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }
    fn good(self, text: &str) -> String {
        self.paint("1;32", text)
    }
    fn bad(self, text: &str) -> String {
        self.paint("1;31", text)
    }
    fn doubtful(self, text: &str) -> String {
        self.paint("1;33", text)
    }
    fn times(self) -> &'static str {
        if self.unicode { "×" } else { "x" }
    }
    /// A mark of what held and what did not, all of one width.
    fn mark(self, held: bool) -> String {
        match (held, self.unicode) {
            (true, true) => self.good("✓"),
            (false, true) => self.bad("✗"),
            (true, false) => self.good("ok  "),
            (false, false) => self.bad("FAIL"),
        }
    }
    /// What a column shows where there is nothing to show.
    fn none(self) -> &'static str {
        if self.unicode { "–" } else { "-" }
    }
}

impl Report<'_> {
    /// The whole report.
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        self.head(style, &mut text);
        let title = |line: &str| style.bold(line);
        for table in sections::all(self, style) {
            if !table.is_empty() {
                text.push('\n');
                text.push_str(&table.render(title));
            }
        }
        self.checkers(style, &mut text);
        self.expectations(style, &mut text);
        let (file, replay) = (self.file.display(), self.replay);
        let digest = self.run.digest.to_string();
        text.push_str(&format!("\n{} {digest}\n", style.dim("digest ")));
        text.push_str(&format!("{} {file}\n{} {replay}\n", style.dim("results"), style.dim("repeat ")));
        text
    }

    /// The question, and in one line the answer.
    fn head(&self, style: Style, text: &mut String) {
        let plan = &self.run.plan;
        if !plan.question.is_empty() {
            wrapped(text, &plan.question, |line| style.bold(line));
        }
        text.push_str(&style.dim(&format!("{}, seed {}", plan.name, plan.seed)));
        let count = plan.replicas.len();
        let replicas = format!("{count} replica process{}", if count == 1 { "" } else { "es" });
        text.push_str(&style.dim(&match self.run.setting {
            Setting::Simulated => String::new(),
            Setting::LiveLoopback => {
                format!(", live: {replicas} on loopback, where no link has the topology's delay")
            }
            Setting::LiveNamespaces => {
                format!(", live: {replicas} in network namespaces, where no link has the topology's delay")
            }
            Setting::LiveNetem => {
                format!(", live: {replicas} in network namespaces with the topology's delays and loss")
            }
        }));
        text.push_str("\n\n");
        let (answer, why) = self.answer();
        let answer = match answer {
            Answer::Yes => style.good("PASSED"),
            Answer::No => style.bad("FAILED"),
            Answer::Invalid => style.doubtful("INVALID"),
            Answer::Undecided => style.doubtful("UNDECIDED"),
        };
        let partial = format!(
            "{}  interrupted at {}: figures stop there, and expectations are of the whole run\n",
            style.doubtful("PARTIAL"),
            units::span(self.run.end.since(self.run.start))
        );
        text.push_str(if self.run.partial { &partial } else { "" });
        text.push_str(&format!("{answer}  {why}\n"));
        if let Some(why) = &self.metrics.invalid {
            text.push_str(&format!("{}  {why}\n", style.doubtful("the measurement is invalid:")));
        }
    }

    fn answer(&self) -> (Answer, String) {
        let failed = self.verdicts.iter().filter(|row| matches!(row.status, Status::Failed)).count();
        let undecided = self.verdicts.iter().filter(|row| matches!(row.status, Status::Undecided)).count();
        let passed = self.verdicts.iter().filter(|row| matches!(row.status, Status::Passed)).count();
        let held = self.expectations.iter().filter(|row| row.held).count();
        let missed = self.expectations.len() - held;
        let checkers = match (failed, undecided) {
            (0, 0) => format!("{} passed", some(passed, "checker")),
            (0, _) => format!("{} undecided", some(undecided, "checker")),
            (_, 0) => format!("{} failed", some(failed, "checker")),
            (_, _) => format!("{} failed, {undecided} undecided", some(failed, "checker")),
        };
        let expectations = match (missed, self.expectations.len()) {
            (_, 0) => "nothing expected".to_owned(),
            (_, all) => format!("{held} of {} held", some(all, "expectation")),
        };
        let answer = match () {
            () if failed > 0 => Answer::No,
            () if undecided > 0 => Answer::Undecided,
            () if self.metrics.invalid.is_some() => Answer::Invalid,
            () if missed > 0 => Answer::No,
            () => Answer::Yes,
        };
        let exceeded = self.verdicts.iter().any(Verdict::says_exceeded);
        let exceeded = if exceeded { "assumption exceeded: " } else { "" };
        (answer, format!("{exceeded}{checkers}, {expectations}"))
    }

    fn checkers(&self, style: Style, text: &mut String) {
        if self.verdicts.is_empty() {
            return;
        }
        text.push_str(&format!("\n{}\n", style.bold("Checkers")));
        let width = self.verdicts.iter().map(|row| row.checker.chars().count()).max().unwrap_or(0);
        for row in self.verdicts {
            let mark = match row.status {
                Status::Passed => style.mark(true),
                Status::Failed => style.mark(false),
                Status::Expected => style.doubtful(if style.unicode { "!" } else { "!   " }),
                Status::Undecided => style.doubtful(if style.unicode { "?" } else { "?   " }),
                Status::NotApplicable => style.dim(if style.unicode { "–" } else { "n/a " }),
            };
            let detail = row.detail.replace(char::is_control, " ");
            text.push_str(&format!("  {mark} {:width$}  {detail}", row.checker).replace("  \n", "\n"));
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }

    fn expectations(&self, style: Style, text: &mut String) {
        if self.expectations.is_empty() {
            return;
        }
        text.push_str(&format!("\n{}\n", style.bold("Expectations")));
        let width = self.expectations.iter().map(|row| row.text.chars().count()).max().unwrap_or(0);
        for row in self.expectations {
            let found = if row.held { style.dim(&row.found) } else { style.bad(&row.found) };
            text.push_str(&format!("  {} {:width$}  {found}\n", style.mark(row.held), row.text));
        }
    }
}

enum Answer {
    Yes,
    No,
    Invalid,
    Undecided,
}

/// "1 checker", "3 checkers".
fn some(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Breaks between words, at 100 columns.
fn wrapped(text: &mut String, words: &str, paint: impl Fn(&str) -> String) {
    const COLUMNS: usize = 100;
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            text.push_str(&format!("{}\n", paint(&line)));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.push_str(&format!("{}\n", paint(&line)));
}

#[cfg(test)]
mod tests;
