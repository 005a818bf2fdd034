//! A scenario as YAML again, its overrides in their places: one file that says everything.
//!
//! The first two levels are written in lines, what is below them in flow style. What was quoted stays quoted, so that a
//! reader tells words from numbers as it did before.

use super::Scenario;
use super::node::{Node, Value};
use std::fmt::Write;

impl Scenario {
    /// The text of a file that reads as this scenario does, opened by `question` as its comment.
    pub fn to_yaml(&self, question: &str) -> String {
        let mut text = String::new();
        question.lines().for_each(|line| {
            let _ = writeln!(text, "# {line}");
        });
        let Value::Map(entries) = &self.root.value else { return text + &flow(&self.root) + "\n" };
        for entry in entries {
            let _ = write!(text, "{}:", scalar(&entry.key, false));
            let _ = match &entry.node.value {
                Value::Map(inner) if !inner.is_empty() => inner.iter().try_for_each(|entry| {
                    write!(text, "\n  {}: {}", scalar(&entry.key, false), flow(&entry.node))
                }),
                Value::List(items) if !items.is_empty() => {
                    items.iter().try_for_each(|item| write!(text, "\n  - {}", flow(item)))
                }
                Value::Map(_) | Value::List(_) | Value::Null | Value::Scalar { .. } | Value::Refused => {
                    write!(text, " {}", flow(&entry.node))
                }
            };
            text.push('\n');
        }
        text
    }

    /// What the workload with this index is called.
    pub(crate) fn workload(&self, index: usize) -> Option<String> {
        let Value::Map(root) = &self.root.value else { return None };
        let Value::List(items) = &root.iter().find(|entry| entry.key == "workloads")?.node.value else {
            return None;
        };
        let Value::Map(item) = &items.get(index)?.value else { return None };
        Some(item.first()?.key.clone())
    }
}

pub(super) fn flow(node: &Node) -> String {
    match &node.value {
        Value::Null | Value::Refused => "~".to_owned(),
        Value::Scalar { text, quoted } => scalar(text, *quoted),
        Value::List(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entry =
                |entry: &super::node::Entry| format!("{}: {}", scalar(&entry.key, false), flow(&entry.node));
            format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A word as it may stand inside brackets.
fn scalar(text: &str, quoted: bool) -> String {
    let plain = |c: char| c.is_alphanumeric() || " ._-+/%<>=()".contains(c);
    let starts = |c: char| c.is_alphanumeric() || "./".contains(c);
    if !quoted && text.starts_with(starts) && !text.ends_with(' ') && text.chars().all(plain) {
        return text.to_owned();
    }
    // YAML's double-quoted style has JSON's escapes.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use std::path::Path;

    #[test]
    fn every_scenario_reads_back_as_it_was() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
        let mut read = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let mut scenario = Scenario::read(&file).unwrap();
            scenario.set("faults=[{ at: 2ms, crash: { replicas: [0], for: 1500us } }]");
            scenario.set("name='quoted-1'");
            let text = scenario.to_yaml(&scenario.question);
            let again =
                Scenario::parse("again.yaml", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
            let (one, two) = (Plan::from_scenario(&scenario), Plan::from_scenario(&again));
            match (one, two) {
                (Ok(one), Ok(two)) => assert_eq!(one, two, "{text}"),
                // Where an expectation needs the faults that were replaced.
                (Err(_), Err(_)) => continue,
                (one, two) => panic!("{:?}: {one:?}\n{two:?}\n{text}", file.display()),
            }
            read += 1;
        }
        assert!(read > 15, "{read}");
    }
}
