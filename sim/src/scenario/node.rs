//! The YAML tree: every scalar stays text, every key and value keeps its position.

use crate::diagnostic::Position;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub value: Value,
    pub position: Position,
}

/// What stands there.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text as written, without quotes. `quoted` moves positions inside it by one.
    Scalar { text: String, quoted: bool },
    /// In the order written.
    List(Vec<Node>),
    /// In the order written; keys are unique.
    Map(Vec<Entry>),
    /// Already reported; readers skip it in silence.
    Refused,
}

/// One key of a map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub position: Position,
    pub node: Node,
}

impl Node {
    /// For messages: what kind of thing this is.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null | Value::Refused => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Position of `width` characters, `offset` characters into the text of a scalar.
    pub fn part(&self, offset: usize, width: usize) -> Position {
        let quote = usize::from(matches!(self.value, Value::Scalar { quoted: true, .. }));
        Position { column: self.position.column + quote + offset, width, ..self.position }
    }
}
