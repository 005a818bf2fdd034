//! `--set key=value`: a dotted key path and a YAML value, put into the tree before validation, so that an override is
//! checked like any line of the file and its mistakes cite the argument.

use super::node::{Entry, Node, Value};
use super::{SUBJECT, Scenario, yaml};
use crate::diagnostic::{Kind, Position, Source, quote};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// Applies one assignment; mistakes go to the scenario's problems.
pub(crate) fn apply(scenario: &mut Scenario, flag: &str, assignment: &str) {
    let source = scenario.sources.len();
    scenario.sources.push(Source { name: flag.to_owned(), text: assignment.to_owned(), is_argument: true });
    let whole = Position { source, line: 1, column: 1, width: assignment.chars().count().max(1) };
    let Some((path, value)) = assignment.split_once('=') else {
        let report = scenario.problems.report(whole, "", format!("{} has no `=`", quote(assignment)));
        report.of(Kind::Override).help("write `--set key=value`, as in `--set ledger.replicas=7`");
        return;
    };
    let path_width = path.chars().count();
    let key_position = Position { width: path_width.max(1), ..whole };
    let Some(steps) = steps(path) else {
        let report = scenario.problems.report(key_position, "", format!("{} is not a key path", quote(path)));
        report
            .of(Kind::Override)
            .help("keys are joined with dots and list items counted from 0, as in `faults[0].crash.for`");
        return;
    };
    if value.trim().is_empty() {
        let report = scenario.problems.report(whole, path, "there is no value after the `=`");
        report.of(Kind::Override).help("to remove a key, edit the file");
        return;
    }
    let Some(value) = yaml::parse(value, SUBJECT, source, path_width + 1, &mut scenario.problems) else {
        return;
    };
    if let Err(message) = put(&mut scenario.root, &steps, key_position, value) {
        let report = scenario.problems.report(key_position, path, message);
        report.of(Kind::Override).help("an override sets a key of a map or replaces an item of a list");
    }
}

pub(super) fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if key.is_empty() || key.contains(char::is_whitespace) {
            return None;
        }
        steps.push(Step::Key(key.to_owned()));
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = after;
        }
    }
    Some(steps)
}

pub(super) fn put(node: &mut Node, steps: &[Step], position: Position, value: Node) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return Ok(());
    };
    match step {
        Step::Key(key) => {
            if matches!(node.value, Value::Null) {
                *node = Node { value: Value::Map(Vec::new()), position };
            }
            let kind = node.kind();
            let Value::Map(entries) = &mut node.value else {
                return Err(format!("there is {kind} where {} would be a key", quote(key)));
            };
            let at = match entries.iter().position(|entry| entry.key == *key) {
                Some(at) => at,
                None => {
                    let empty = Node { value: Value::Null, position };
                    entries.push(Entry { key: key.clone(), position, node: empty });
                    entries.len() - 1
                }
            };
            if rest.is_empty() {
                entries[at].position = position;
            }
            put(&mut entries[at].node, rest, position, value)
        }
        Step::Index(index) => {
            let kind = node.kind();
            let Value::List(items) = &mut node.value else {
                return Err(format!("there is {kind} where a list would have an item {index}"));
            };
            let count = items.len();
            match items.get_mut(*index) {
                Some(item) => put(item, rest, position, value),
                None => Err(format!("there is no item {index}; the list has {count}, counted from 0")),
            }
        }
    }
}
