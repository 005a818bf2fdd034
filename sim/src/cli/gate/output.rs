//! Where a gate's findings go: the terminal, and the files that CI systems read.

use super::super::exit::Exit;
use super::super::put;
use crate::gate::{Outcome, Status, annotations, benchmark, junit, summary};
use crate::metrics::catalog::Better;
use crate::result::write_text;
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Names of the two files of github-action-benchmark.
const BIGGER: &str = "bigger-is-better.json";
const SMALLER: &str = "smaller-is-better.json";

/// Flags of what CI systems read.
pub(super) const FOR_CI: [&str; 5] = ["junit", "summary", "annotations", "github_benchmark", "bencher"];

/// Flags of what is written.
#[derive(Args)]
pub(super) struct Output {
    /// Write JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Append a summary in Markdown. [default on GitHub: $GITHUB_STEP_SUMMARY]
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// Print GitHub annotations, which it shows beside the lines of scenarios and baselines. [default on GitHub]
    #[arg(long)]
    annotations: bool,
    /// Write bigger-is-better.json and smaller-is-better.json for github-action-benchmark.
    #[arg(long, value_name = "DIR")]
    github_benchmark: Option<PathBuf>,
    /// Write Bencher's metric format.
    #[arg(long, value_name = "FILE")]
    bencher: Option<PathBuf>,
    /// Print nothing but failures.
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

impl Output {
    /// Makes the directories of all files that are to be written at the end: an error of each that cannot be made.
    pub fn prepare(&self) -> Vec<String> {
        let files = [("--junit", &self.junit), ("--summary", &self.summary), ("--bencher", &self.bencher)];
        let made = files.into_iter().filter_map(|(flag, file)| {
            let file = file.as_ref()?;
            let made = fs::create_dir_all(file.parent()?);
            Some(format!("{flag} {}: its directory cannot be made: {}", file.display(), made.err()?))
        });
        made.collect()
    }

    /// Writes everything that was asked for. A file that cannot be written is a failure: CI would read an old one.
    pub fn write(&self, outcomes: &[Outcome], exit: Exit, updated: bool) -> io::Result<Exit> {
        let on_github = std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        let mut exit = exit;
        if !updated {
            for error in self.files(outcomes) {
                eprintln!("error: {error}");
                exit = exit.max(Exit::Failure);
            }
            if self.annotations || on_github {
                let mut texts: BTreeMap<String, String> = BTreeMap::new();
                for outcome in outcomes {
                    for file in outcome.baseline.iter().chain([&outcome.file]) {
                        texts.insert(file.clone(), fs::read_to_string(file).unwrap_or_default());
                    }
                }
                let line = |file: &str, word: &str| {
                    texts.get(file).map_or(1, |text| annotations::line_of(text, word))
                };
                let commands = annotations::write(outcomes, line);
                if self.json { eprint!("{commands}") } else { put(&commands)? }
            }
        }
        if self.json {
            put(&format!("{:#}\n", json!({ "exit_code": exit.code(), "scenarios": outcomes })))?;
        } else if updated {
            let reviews = outcomes.iter().flat_map(|outcome| outcome.with(Status::Passed));
            reviews.into_iter().try_for_each(|review| put(&review.message))?;
        } else if !self.quiet {
            outcomes.iter().try_for_each(|outcome| put(&line(outcome)))?;
        }
        Ok(exit)
    }

    fn files(&self, outcomes: &[Outcome]) -> Vec<String> {
        let mut errors = Vec::new();
        let mut whole = |file: &Path, text: Result<String, String>| {
            let written = text.and_then(|text| write_text(file, &text).map_err(|error| error.to_string()));
            errors.extend(written.err());
        };
        if let Some(file) = &self.junit {
            whole(file, junit::write(outcomes));
        }
        if let Some(directory) = &self.github_benchmark {
            let made = fs::create_dir_all(directory);
            for (name, better) in [(BIGGER, Better::Higher), (SMALLER, Better::Lower)] {
                let text = made.as_ref().map_err(|error| format!("{}: {error}", directory.display()));
                whole(&directory.join(name), text.map(|()| benchmark::github_action(outcomes, better)));
            }
        }
        if let Some(file) = &self.bencher {
            whole(file, Ok(benchmark::bencher(outcomes)));
        }
        let given =
            std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()).map(PathBuf::from);
        if let Some(file) = self.summary.clone().or(given) {
            let appended = OpenOptions::new().create(true).append(true).open(&file);
            let appended = appended.and_then(|mut open| open.write_all(summary::write(outcomes).as_bytes()));
            errors.extend(
                appended.err().map(|error| format!("{}: cannot be written: {error}", file.display())),
            );
        }
        errors
    }
}

/// One line a scenario.
fn line(outcome: &Outcome) -> String {
    let [passed, failed, warned] =
        [Status::Passed, Status::Failed, Status::Warned].map(|status| outcome.count(status));
    let warnings = if warned > 0 { format!(", {warned} warnings") } else { String::new() };
    match failed {
        0 => format!("{}: passed: {passed} checks{warnings}\n", outcome.scenario),
        _ => format!("{}: FAILED: {failed} of {} checks{warnings}\n", outcome.scenario, passed + failed),
    }
}
