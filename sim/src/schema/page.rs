//! The scenario reference: a page in Markdown.

use crate::keys::{Form, Key, Need, ROOT};
use std::fmt::Write;

const HEAD: &str = "# Scenario reference

Written by `amanah schema --markdown` from the table of keys (`sim/src/keys.rs`); do not edit it by hand. `amanah explain KEY`
says the same of one key, `amanah schema` is the JSON Schema for editors.

Unknown keys are refused. Durations carry units (`250ms`, `30s`, `10min`, `24h`, `7d`), sizes too (`512B`, `4KiB`, `100MB`), rates
are per time (`2000/s`, `40/min`, `1.2M/day`), shares are `0.3` or `30%`, whole numbers may end in `k` or `M`. Times of faults count
from the end of the warm-up. There are no anchors, aliases and tags.
";

/// The page.
pub fn page() -> String {
    let mut text = HEAD.to_owned();
    section(&mut text, "", "A scenario", ROOT);
    text
}

/// One table for each map, then those below it.
fn section(text: &mut String, path: &str, title: &str, keys: &[Key]) {
    let depth = if path.is_empty() { 2 } else { 3 };
    let _ = write!(text, "\n{} {title}\n\n", "#".repeat(depth));
    text.push_str("| key | value | without it | meaning |\n|---|---|---|---|\n");
    for key in keys {
        let without = match key.need {
            Need::Required => "refused".to_owned(),
            Need::Default(value) => format!("`{value}`"),
            Need::Optional => "none".to_owned(),
            Need::OneOf => "one of these".to_owned(),
        };
        let example = match (key.need, &key.form) {
            (Need::Default(_), _) | (_, Form::Choice(_)) => String::new(),
            _ => format!(" As in `{}`.", key.example),
        };
        let _ = writeln!(
            text,
            "| `{}` | {} | {without} | {}{example}{} |",
            key.name,
            cell(&key.form.words()),
            cell(key.meaning),
            cell(&words(&key.form))
        );
    }
    for key in keys {
        let inner = match path {
            "" => key.name.to_owned(),
            _ => format!("{path}.{}", key.name),
        };
        below(text, &inner, &key.form);
    }
}

fn below(text: &mut String, path: &str, form: &Form) {
    match form {
        Form::Map(keys) => section(text, path, &format!("`{path}`"), keys),
        Form::Single(keys) => section(text, path, &format!("`{path}`: exactly one of"), keys),
        Form::List(item) => below(text, &format!("{path}[]"), item),
        Form::Either(forms) => forms.iter().for_each(|form| below(text, path, form)),
        Form::Quantity(..) | Form::Choice(_) | Form::Text(_) | Form::Paths => {}
    }
}

/// What each of its words means.
fn words(form: &Form) -> String {
    let mut said: Vec<&str> = Vec::new();
    let mut text = String::new();
    for leaf in form.leaves() {
        let Form::Choice(names) = leaf else { continue };
        for (name, meaning) in names.iter().filter(|(_, meaning)| !meaning.is_empty()) {
            if !said.contains(name) {
                said.push(name);
                let _ = write!(text, " `{name}`: {meaning}.");
            }
        }
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
