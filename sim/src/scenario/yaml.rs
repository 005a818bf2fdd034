//! YAML text to [`Node`]s. Parses the events ourselves because the tree must keep positions, refuse duplicate keys, and
//! report more than one mistake, which a deserialiser cannot.
//!
//! Aliases are refused: they hide what a scenario says, and expanding them is how a small file becomes a large one.

use super::node::{Entry, Node, Value};
use crate::diagnostic::{Kind, Position, Problems, quote};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use std::borrow::Cow;

/// Deepest nesting; the deepest path of a scenario has 7 levels.
const DEPTH_MAX: usize = 24;

/// What a file is about, for messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// What one file is one of.
    pub noun: &'static str,
    /// Which keys the shortest one has.
    pub shortest: &'static str,
}

/// Parses one document. `column_offset` shifts positions: the text of a `--set` value starts after its key. `None` when
/// there is no tree to go on with; `problems` then says why.
pub(crate) fn parse(
    text: &str,
    subject: Subject,
    source: usize,
    column_offset: usize,
    problems: &mut Problems,
) -> Option<Node> {
    let before = problems.0.len();
    let root = build(text, subject, source, column_offset, problems);
    for mistake in problems.0[before..].iter_mut().filter(|mistake| mistake.kind == Kind::default()) {
        mistake.of(Kind::Syntax);
    }
    root
}

fn build(
    text: &str,
    subject: Subject,
    source: usize,
    column_offset: usize,
    problems: &mut Problems,
) -> Option<Node> {
    let mut builder =
        Builder { parser: Parser::new_from_str(text), subject, source, column_offset, problems };
    match builder.document() {
        Ok(node) => node,
        Err(Stop::Syntax(error)) => {
            let marker = error.marker();
            let position = builder.within(text, Span::new(*marker, *marker));
            let report = builder.problems.report(position, "", format!("not YAML: {}", error.info()));
            if text.contains('\t') {
                report.help("YAML is indented with spaces, never with tabs");
            }
            None
        }
        Err(Stop::Reported) => None,
    }
}

enum Stop {
    Syntax(ScanError),
    Reported,
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self::Syntax(error)
    }
}

struct Builder<'t, 'p> {
    parser: Parser<'t, StrInput<'t>>,
    subject: Subject,
    source: usize,
    column_offset: usize,
    problems: &'p mut Problems,
}

impl<'t> Builder<'t, '_> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(event) => Ok(event?),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::SequenceEnd
                | Event::MappingEnd => {
                    let position = self.position(span);
                    let node = self.node(event, span, 0, "")?;
                    if root.is_some() {
                        let report = self.problems.report(position, "", "a second YAML document");
                        report.help(format!(
                            "one file is one {}: remove the line `---` and what follows it",
                            self.subject.noun
                        ));
                        return Err(Stop::Reported);
                    }
                    root = Some(node);
                }
            }
        }
        if root.is_none() {
            let position =
                Position { source: self.source, line: 1, column: 1 + self.column_offset, width: 1 };
            let message = format!("there is no {} in it", self.subject.noun);
            let report = self.problems.report(position, "", message);
            report.help(format!("the shortest one has {}", self.subject.shortest));
        }
        Ok(root)
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize, path: &str) -> Result<Node, Stop> {
        let mut position = self.position(span);
        if depth > DEPTH_MAX {
            let report =
                self.problems.report(position, path, format!("nested deeper than {DEPTH_MAX} levels"));
            report.help(format!("no key of a {} is that deep", self.subject.noun));
            return Err(Stop::Reported);
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_decoration(position, path, anchor, tag);
                position.width = width(&text, style, span);
                scalar(&text, style)
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_decoration(position, path, anchor, tag);
                self.list(depth, path)?
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_decoration(position, path, anchor, tag);
                self.map(depth, path)?
            }
            Event::Alias(_) => {
                self.problems.report(position, path, "aliases are not read").help("write the value out");
                Value::Refused
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => Value::Null,
        };
        Ok(Node { value, position })
    }

    fn list(&mut self, depth: usize, path: &str) -> Result<Value, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                return Ok(Value::List(items));
            }
            let item = format!("{path}[{}]", items.len());
            items.push(self.node(event, span, depth + 1, &item)?);
        }
    }

    fn map(&mut self, depth: usize, path: &str) -> Result<Value, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                return Ok(Value::Map(entries));
            }
            let key = self.node(event, span, depth + 1, path)?;
            let position = key.position;
            let key = match key.value {
                Value::Scalar { text, .. } => Some(text),
                Value::Null | Value::List(_) | Value::Map(_) | Value::Refused => None,
            };
            let key_path = join(path, key.as_deref().unwrap_or("?"));
            let (event, span) = self.next()?;
            let node = self.node(event, span, depth + 1, &key_path)?;
            let Some(key) = key else {
                let report = self.problems.report(position, path, "a key must be a word");
                report.help("as in `duration: 60s`");
                continue;
            };
            match entries.iter().find(|entry| entry.key == key) {
                Some(first) => {
                    let line = first.position.line;
                    let message = format!("the key {} is there twice", quote(&key));
                    self.problems
                        .report(position, key_path, message)
                        .of(Kind::DuplicateKey)
                        .help(format!("it is already on line {line}; keep one of the two"));
                }
                None => entries.push(Entry { key, position, node }),
            }
        }
    }

    fn refuse_decoration(
        &mut self,
        position: Position,
        path: &str,
        anchor: usize,
        tag: Option<Cow<'_, Tag>>,
    ) {
        if anchor > 0 {
            self.problems.report(position, path, "anchors are not read").help("remove the `&name`");
        }
        if let Some(tag) = tag {
            let message = format!("the tag {} is not read", quote(&tag.to_string()));
            self.problems.report(position, path, message).help("remove it: the key says what its value is");
        }
    }

    /// Like [`Builder::position`], moving what is past the last line to that line's end.
    fn within(&self, text: &str, span: Span) -> Position {
        let position = self.position(span);
        let lines = text.lines().count();
        let Some(last) = text.lines().last().filter(|_| position.line > lines) else { return position };
        let offset = if lines == 1 { self.column_offset } else { 0 };
        Position { line: lines, column: last.chars().count() + 1 + offset, ..position }
    }

    /// One character wide; [`Builder::node`] widens scalars.
    fn position(&self, span: Span) -> Position {
        let line = span.start.line().max(1);
        let offset = if line == 1 { self.column_offset } else { 0 };
        Position { source: self.source, line, column: span.start.col() + 1 + offset, width: 1 }
    }
}

/// A key below `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Characters that a scalar takes on its line; the parser's own spans reach into the white space after it.
fn width(text: &str, style: ScalarStyle, span: Span) -> usize {
    let quotes = if style == ScalarStyle::Plain { 0 } else { 2 };
    (text.chars().count() + quotes).min(span.len().max(1)).max(1)
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    let quoted = style != ScalarStyle::Plain;
    if !quoted && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar { text: text.to_owned(), quoted }
}
