//! `amanah compare`: what is different between results.

use super::exit::Exit;
use super::{put, style};
use crate::compare::{Side, compare as judge, distributions};
use crate::report;
use crate::result::write_text;
use crate::scenario::units::SHARE;
use clap::Args;
use std::io;
use std::path::PathBuf;

/// Arguments of `compare`.
#[derive(Args)]
pub struct Compare {
    /// Two sides or more, each a result.json, the directory of one, or a directory with results below it (other seeds,
    /// scenarios, loads). The first is what the others are compared with.
    #[arg(required = true, num_args = 2.., value_name = "RESULT")]
    results: Vec<PathBuf>,
    /// Smallest effect that matters.
    #[arg(long, value_name = "SHARE", default_value = "1%", value_parser = share)]
    threshold: f64,
    /// Show what does not matter too.
    #[arg(long)]
    all: bool,
    /// Write a page with latency by load and distributions of both sides over each other.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON document on stdout instead of text.
    #[arg(long)]
    json: bool,
}

/// `1%` or `0.01`, as scenarios write it.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let parsed = (SHARE.parse)(text).map(|ppb| ppb as f64 / 1e9);
    parsed.map_err(|found| format!("{found}; expected {}", SHARE.expected))
}

/// Compares, and says what was found. Differences are no failure: `amanah gate` judges.
pub fn compare(arguments: &Compare) -> io::Result<Exit> {
    let (mut sides, mut valid) = (Vec::new(), true);
    for path in &arguments.results {
        match Side::read(path) {
            Ok(side) => sides.push(side),
            Err(error) => {
                eprintln!("error: {error}");
                valid = false;
            }
        }
    }
    if !valid {
        return Ok(Exit::Invalid);
    }
    let comparison = judge(&sides, arguments.threshold);
    if let Some(file) = &arguments.html {
        let page = report::comparison_page(&comparison, &distributions(&sides));
        if let Err(error) = write_text(file, &page) {
            eprintln!("error: {error}");
            return Ok(Exit::Failure);
        }
    }
    if arguments.json {
        put(&format!("{:#}\n", serde_json::to_value(&comparison).map_err(io::Error::other)?))?;
    } else {
        put(&report::comparison(&comparison, arguments.all, style()))?;
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::THRESHOLD;

    #[test]
    fn thresholds_are_written_as_shares() {
        assert_eq!(share("1%"), Ok(THRESHOLD));
        assert_eq!(share("0.05"), Ok(0.05));
        assert!(share("much").is_err());
    }
}
