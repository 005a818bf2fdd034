//! A scenario as written: the YAML tree with the position of every key and value, and the `--set` arguments applied to
//! it. Nothing here knows which keys exist; [`Plan::from_scenario`](crate::plan::Plan::from_scenario) does.

mod matrix;
pub(crate) mod node;
pub(crate) mod overrides;
pub(crate) mod reader;
mod text;
pub(crate) mod units;
pub(crate) mod yaml;

pub use matrix::{Axis, Matrix};

use crate::diagnostic::{Diagnostics, Problems, Source, nearest};
use node::Node;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Largest scenario file; a scenario is written by people.
pub const FILE_BYTES_MAX: usize = 1 << 20;

/// What the files here are about.
const SUBJECT: yaml::Subject =
    yaml::Subject { noun: "scenario", shortest: "name, duration, ledger, network and workloads" };

/// One YAML file as written, with its overrides.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file first, then one source per override.
    pub(crate) sources: Vec<Source>,
    pub(crate) root: Node,
    /// The comment that opens the file: the question that the scenario answers.
    pub(crate) question: String,
    /// Mistakes that leave the tree readable (a duplicate key, an alias): reported together with the plan's.
    pub(crate) problems: Problems,
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, is not UTF-8 or is not YAML.
    pub fn read(path: &Path) -> Result<Self, Diagnostics> {
        let text = text_of(path, SUBJECT.noun, FILE_BYTES_MAX)?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads `text`; `file` is what errors call it.
    ///
    /// # Errors
    /// When `text` is empty or is not YAML.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostics> {
        let sources = vec![Source { name: file.to_owned(), text: text.to_owned(), is_argument: false }];
        let mut problems = Problems::default();
        match yaml::parse(text, SUBJECT, 0, 0, &mut problems) {
            Some(root) => Ok(Self { sources, root, question: question(text), problems }),
            None => Err(Diagnostics::new(sources, problems)),
        }
    }

    /// The comment that opens the file.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// Applies `--set key=value`. Mistakes in it are reported with all others by the validator.
    pub fn set(&mut self, assignment: &str) {
        overrides::apply(self, "--set", assignment);
    }

    /// Applies `--seed N`.
    pub fn set_seed(&mut self, seed: u64) {
        overrides::apply(self, "--seed", &format!("seed={seed}"));
    }
}

/// The text of a file that is a `noun`.
///
/// # Errors
/// When the file cannot be read, is longer than `bytes_max` or is not UTF-8.
pub(crate) fn text_of(path: &Path, noun: &str, bytes_max: usize) -> Result<String, Diagnostics> {
    let file = path.display().to_string();
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Diagnostics::of_file(&file, "no such file", similar_files(path)),
        _ => Diagnostics::of_file(&file, format!("cannot be read: {error}"), Vec::new()),
    })?;
    if bytes.len() > bytes_max {
        let message = format!("{} bytes, more than a {noun} may have", bytes.len());
        return Err(Diagnostics::of_file(&file, message, vec![format!("at most {bytes_max} bytes")]));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
        let line = 1 + valid.filter(|b| **b == b'\n').count();
        let message = format!("line {line} is not UTF-8 text");
        Diagnostics::of_file(&file, message, vec!["save the file as UTF-8".to_owned()])
    })
}

/// The comment lines that open the file, joined; directives for editors are left out.
fn question(text: &str) -> String {
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let comments =
        lines.take_while(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let words: Vec<&str> =
        comments.filter(|line| !line.is_empty() && !line.starts_with("yaml-language-server:")).collect();
    words.join(" ")
}

fn similar_files(path: &Path) -> Vec<String> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(directory) else {
        return vec![format!("the directory {} does not exist", directory.display())];
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => vec![format!("did you mean `{}`?", path.with_file_name(near).display())],
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_the_opening_comment() {
        let text = "# yaml-language-server: $schema=x\n# Does it\n#\n# hold?\nname: a\n# later\n";
        assert_eq!(question(text), "Does it hold?");
        assert_eq!(question("name: a\n"), "");
    }
}
