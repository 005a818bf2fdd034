//! Reads typed values out of the tree and collects every mistake with its position and key path. A reader that returns
//! `None` has reported why, so callers go on with a default and find the next mistake.

use super::node::{Node, Value};
use super::units::Unit;
use super::yaml::join;
use crate::diagnostic::{Diagnostic, Kind, Position, Problems, nearest, one_of, quote};

/// A value, the key that led to it, and the whole path.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    pub node: &'a Node,
    /// Of the key; of the value itself for list items.
    pub key: Position,
    pub path: String,
}

impl<'a> Field<'a> {
    /// The root of a tree.
    pub fn root(node: &'a Node) -> Self {
        Self { node, key: node.position, path: String::new() }
    }

    /// Reports a mistake about the value.
    pub fn wrong<'p>(&self, problems: &'p mut Problems, message: impl Into<String>) -> &'p mut Diagnostic {
        let position = if matches!(self.node.value, Value::Null) { self.key } else { self.node.position };
        problems.report(position, self.path.clone(), message)
    }

    /// The text of a scalar; `expected` completes "expected …".
    pub fn text(&self, problems: &mut Problems, expected: &str) -> Option<&'a str> {
        match &self.node.value {
            Value::Scalar { text, .. } => Some(text),
            Value::Null => {
                self.wrong(problems, "there is no value")
                    .of(Kind::WrongType)
                    .help(format!("expected {expected}"));
                None
            }
            Value::List(_) | Value::Map(_) => {
                let message = format!("{} where a single value belongs", self.node.kind());
                self.wrong(problems, message).of(Kind::WrongType).help(format!("expected {expected}"));
                None
            }
            Value::Refused => None,
        }
    }

    /// A number with its unit.
    pub fn read<T>(&self, problems: &mut Problems, unit: &Unit<T>) -> Option<T> {
        #[cfg(test)]
        heard::note(heard::Heard::Unit(self.path.clone(), unit.expected));
        let text = self.text(problems, unit.expected)?;
        match (unit.parse)(text) {
            Ok(value) => Some(value),
            Err(found) => {
                self.wrong(problems, found).of(Kind::WrongValue).help(format!("expected {}", unit.expected));
                None
            }
        }
    }

    /// Like [`Field::read`], refusing what is below `least` or above `most`.
    pub fn within<T: PartialOrd + Copy>(
        &self,
        problems: &mut Problems,
        unit: &Unit<T>,
        (least, least_text): (T, &str),
        (most, most_text): (T, &str),
    ) -> Option<T> {
        #[cfg(test)]
        heard::note(heard::Heard::Range(self.path.clone(), least_text.to_owned(), most_text.to_owned()));
        let value = self.read(problems, unit)?;
        if value >= least && value <= most {
            return Some(value);
        }
        let found = self.text(problems, unit.expected)?;
        let side = if value < least { "too small" } else { "too large" };
        self.wrong(problems, format!("{} is {side}", quote(found)))
            .of(Kind::OutOfRange)
            .help(format!("expected {least_text} to {most_text}"));
        None
    }

    /// One of `names`; `later` are names that scenarios may use in a later version.
    pub fn choice<T: Copy>(
        &self,
        problems: &mut Problems,
        names: &[(&'static str, T)],
        later: &[&str],
    ) -> Option<T> {
        #[cfg(test)]
        heard::note(heard::Heard::Names(self.path.clone(), names.iter().map(|(name, _)| *name).collect()));
        let known = one_of(names.iter().map(|(name, _)| *name));
        let found = self.text(problems, &known)?;
        if let Some((_, value)) = names.iter().find(|(name, _)| *name == found) {
            return Some(*value);
        }
        if later.contains(&found) {
            self.wrong(problems, format!("{} is known but not available in this version", quote(found)))
                .of(Kind::NotAvailable)
                .help(format!("use {known}"));
            return None;
        }
        let report = self.wrong(problems, format!("{} is not known here", quote(found)));
        report.suggest(found, names.iter().map(|(name, _)| *name));
        report.help(format!("expected {known}"));
        None
    }

    /// The items of a list.
    pub fn list(&self, problems: &mut Problems, expected: &str) -> Option<Vec<Field<'a>>> {
        match &self.node.value {
            Value::List(items) => {
                let item = |(index, node): (usize, &'a Node)| Field {
                    node,
                    key: node.position,
                    path: format!("{}[{index}]", self.path),
                };
                Some(items.iter().enumerate().map(item).collect())
            }
            Value::Null | Value::Scalar { .. } | Value::Map(_) => {
                let found = self.node.kind();
                self.wrong(problems, format!("{found} where a list belongs"))
                    .of(Kind::WrongType)
                    .help(format!("expected {expected}"));
                None
            }
            Value::Refused => None,
        }
    }

    /// The keys of a map. [`Map::finish`] must follow.
    pub fn map(&self, problems: &mut Problems, expected: &str) -> Option<Map<'a>> {
        match &self.node.value {
            Value::Map(entries) => {
                let entry = |entry: &'a super::node::Entry| {
                    let path = join(&self.path, &entry.key);
                    (entry.key.as_str(), Field { node: &entry.node, key: entry.position, path })
                };
                let entries = entries.iter().map(entry).collect();
                Some(Map {
                    entries,
                    known: Vec::new(),
                    missing: Vec::new(),
                    key: self.key,
                    path: self.path.clone(),
                })
            }
            Value::Null | Value::Scalar { .. } | Value::List(_) => {
                let found = self.node.kind();
                self.wrong(problems, format!("{found} where a map belongs"))
                    .of(Kind::WrongType)
                    .help(format!("expected {expected}"));
                None
            }
            Value::Refused => None,
        }
    }

    /// Whether it is a map with this key.
    pub fn has(&self, key: &str) -> bool {
        matches!(&self.node.value, Value::Map(entries) if entries.iter().any(|entry| entry.key == key))
    }

    /// The only key of a map, and its value: how a list names the kind of its items.
    pub fn single(&self, problems: &mut Problems, expected: &str) -> Option<(&'a str, Field<'a>)> {
        let mut map = self.map(problems, expected)?;
        if map.entries.len() == 1 {
            return map.entries.pop();
        }
        let found = map.entries.iter().map(|(key, _)| *key).collect::<Vec<_>>().join("`, `");
        let message = match map.entries.len() {
            0 => "an empty map".to_owned(),
            _ => format!("`{found}` together in one item"),
        };
        self.wrong(problems, message).of(Kind::WrongType).help(format!("expected {expected}"));
        None
    }
}

/// A map being read. Remembers which keys it was asked for.
pub(crate) struct Map<'a> {
    entries: Vec<(&'a str, Field<'a>)>,
    known: Vec<&'static str>,
    missing: Vec<(&'static str, &'static str)>,
    /// Where the map itself is named.
    pub key: Position,
    pub path: String,
}

impl<'a> Map<'a> {
    /// The value of `key`, if it is there.
    pub fn optional(&mut self, key: &'static str) -> Option<Field<'a>> {
        self.known.push(key);
        let at = self.entries.iter().position(|(name, _)| *name == key)?;
        Some(self.entries.remove(at).1)
    }

    /// The value of `key`; when it is missing, [`Map::finish`] says so.
    pub fn required(&mut self, key: &'static str, example: &'static str) -> Option<Field<'a>> {
        let field = self.optional(key);
        if field.is_none() {
            self.missing(key, example);
        }
        field
    }

    /// Makes [`Map::finish`] report that `key` is missing.
    pub fn missing(&mut self, key: &'static str, example: &'static str) {
        self.missing.push((key, example));
    }

    /// Whether a key is left that nobody asked for.
    pub fn has_unknown(&self) -> bool {
        !self.entries.is_empty()
    }

    /// Whether `key` is there and not read yet.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| *name == key)
    }

    /// Refuses `key`, which a later version reads; `cure` says what to do now.
    pub fn later(&mut self, problems: &mut Problems, key: &'static str, cure: &str) {
        if let Some(at) = self.entries.iter().position(|(name, _)| *name == key) {
            let (_, field) = self.entries.remove(at);
            problems
                .report(field.key, field.path, format!("`{key}` is known but not available in this version"))
                .of(Kind::NotAvailable)
                .help(cure);
        }
    }

    /// Reports every key that was not asked for and every one that is missing; a misspelt key is one mistake, not two.
    pub fn finish(mut self, problems: &mut Problems) {
        #[cfg(test)]
        for key in &self.known {
            heard::note(heard::Heard::Key(join(&self.path, key)));
        }
        for (key, field) in self.entries {
            let report = problems.report(field.key, field.path, format!("unknown key {}", quote(key)));
            report.of(Kind::UnknownKey);
            match nearest(key, self.known.iter().copied()) {
                Some(near) => {
                    report.help(format!("did you mean `{near}`?"));
                    self.missing.retain(|(missing, _)| *missing != near);
                }
                None => {
                    report.help(format!("the keys here are {}", self.known.join(", ")));
                }
            }
        }
        for (key, example) in self.missing {
            // The root has no key to point at.
            let position = if self.path.is_empty() { None } else { Some(self.key) };
            let path = join(&self.path, key);
            let help = vec![format!("add it, as in `{key}: {example}`")];
            let kind = Kind::MissingKey;
            problems.push(Diagnostic { position, path, message: "missing".to_owned(), help, kind });
        }
    }
}

/// What the validator asked for while it read, on this thread: a test compares it with the table of keys.
#[cfg(test)]
pub(crate) mod heard {
    use std::cell::RefCell;

    /// One question.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Heard {
        /// For a key, by its path.
        Key(String),
        /// For a number; and what is expected.
        Unit(String, &'static str),
        /// For a number in a range.
        Range(String, String, String),
        /// For one of these words.
        Names(String, Vec<&'static str>),
    }

    thread_local! {
        static HEARD: RefCell<Vec<Heard>> = const { RefCell::new(Vec::new()) };
    }

    pub fn note(heard: Heard) {
        HEARD.with_borrow_mut(|all| all.push(heard));
    }

    /// All since the last time.
    pub fn take() -> Vec<Heard> {
        HEARD.take()
    }
}
