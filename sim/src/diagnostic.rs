//! A user's mistake, shown where it was made: file, line, column, key path, the line itself, what was found and what
//! would do. Mistakes are collected, never returned one by one.
//!
//! Knows neither scenarios nor plans. Text that comes from a file never reaches a terminal with its control characters.

mod kind;

pub use kind::Kind;

use serde_json::{Value, json};
use std::fmt::{self, Write};

/// Longest excerpt of a line; what is further from the caret is cut.
const EXCERPT_CHARS_MAX: usize = 160;
/// Longest piece of a user's text repeated inside a message.
const QUOTE_CHARS_MAX: usize = 60;

/// Where text came from.
#[derive(Clone, Debug)]
pub struct Source {
    /// A file's path, or the command-line flag (`--set`).
    pub name: String,
    /// The whole text.
    pub text: String,
    /// A command-line argument has no lines worth counting.
    pub is_argument: bool,
}

/// A stretch of one line of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Index into the sources of the same [`Diagnostics`].
    pub source: usize,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Characters, cut at the end of the line when shown.
    pub width: usize,
}

/// One mistake.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// `None` when the file could not be read at all.
    pub position: Option<Position>,
    /// Key path (`faults[1].crash.replicas[0]`), empty for the file itself.
    pub path: String,
    /// What was found.
    pub message: String,
    /// What was expected, and the cure.
    pub help: Vec<String>,
    /// For programs.
    pub kind: Kind,
}

impl Diagnostic {
    /// Says what kind of mistake it is.
    pub fn of(&mut self, kind: Kind) -> &mut Self {
        self.kind = kind;
        self
    }

    /// Adds a line of help.
    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help.push(help.into());
        self
    }

    /// Adds "did you mean" when one of `known` is close to `found`; true when it was. Whoever looks for a name has not
    /// found it.
    pub fn suggest<'a>(&mut self, found: &str, known: impl IntoIterator<Item = &'a str>) -> bool {
        if self.kind == Kind::default() {
            self.kind = Kind::UnknownName;
        }
        let nearest = nearest(found, known);
        if let Some(name) = nearest {
            self.help.push(format!("did you mean `{name}`?"));
        }
        nearest.is_some()
    }
}

/// Collects mistakes.
#[derive(Clone, Debug, Default)]
pub struct Problems(pub(crate) Vec<Diagnostic>);

impl Problems {
    /// Records one mistake; help is added to what comes back.
    pub fn report(
        &mut self,
        position: Position,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(Diagnostic {
            position: Some(position),
            path: path.into(),
            message: message.into(),
            help: Vec::new(),
            kind: Kind::default(),
        })
    }

    /// Records a mistake made elsewhere.
    pub fn push(&mut self, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.0.push(diagnostic);
        self.0.last_mut().expect("one was pushed on the line above")
    }
}

/// All mistakes of one file and the arguments that change it, in the order of the text. Never empty.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    sources: Vec<Source>,
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts `problems`; the first source is the file.
    pub fn new(sources: Vec<Source>, problems: Problems) -> Self {
        let mut items = problems.0;
        items.sort_by_key(|item| item.position);
        Self { sources, items }
    }

    /// A mistake about the file as a whole.
    pub fn of_file(file: &str, message: impl Into<String>, help: Vec<String>) -> Self {
        let source = Source { name: file.to_owned(), text: String::new(), is_argument: false };
        let kind = Kind::Unreadable;
        let item = Diagnostic { position: None, path: String::new(), message: message.into(), help, kind };
        Self { sources: vec![source], items: vec![item] }
    }

    /// The mistakes of another file after these.
    pub fn and(mut self, other: Self) -> Self {
        let offset = self.sources.len();
        let moved = other.items.into_iter().map(|mut item| {
            // One about a file as a whole has no position, and is the file's first line from here on.
            let at = item.position.unwrap_or(Position { source: 0, line: 1, column: 1, width: 1 });
            item.position = Some(Position { source: at.source + offset, ..at });
            item
        });
        self.items.extend(moved);
        self.sources.extend(other.sources);
        self
    }

    /// Every mistake, in the order of the text.
    pub fn items(&self) -> &[Diagnostic] {
        &self.items
    }

    /// For people: one paragraph a mistake, with the line and a caret under it.
    pub fn render(&self, colour: bool) -> String {
        let paint = Paint(colour);
        let mut out = String::new();
        for item in &self.items {
            let location = item.position.map_or_else(|| self.sources[0].name.clone(), |at| self.location(at));
            let path = if item.path.is_empty() { String::new() } else { format!("{}: ", item.path) };
            let title = paint.bold(&printable(&format!("{location}: {path}{}", item.message)));
            let _ = writeln!(out, "{}{title}", paint.red("error: "));
            if let Some(position) = item.position {
                self.excerpt(&mut out, position, paint);
            }
            for help in &item.help {
                let _ = writeln!(out, "  {} {}", paint.blue("="), printable(help));
            }
        }
        out
    }

    /// For programs: `[{code, file, line, column, path, message, help}]`.
    pub fn to_json(&self) -> Value {
        let row = |item: &Diagnostic| {
            let at = item.position;
            json!({
                "code": item.kind.code(),
                "file": self.sources[at.map_or(0, |at| at.source)].name,
                "line": at.map(|at| at.line),
                "column": at.map(|at| at.column),
                "path": item.path,
                "message": item.message,
                "help": item.help,
            })
        };
        Value::Array(self.items.iter().map(row).collect())
    }

    fn location(&self, at: Position) -> String {
        let source = &self.sources[at.source];
        if source.is_argument {
            source.name.clone()
        } else {
            format!("{}:{}:{}", source.name, at.line, at.column)
        }
    }

    fn excerpt(&self, out: &mut String, at: Position, paint: Paint) {
        let source = &self.sources[at.source];
        let Some(line) = source.text.lines().nth(at.line - 1) else { return };
        let line: Vec<char> = printable(line.trim_end()).chars().collect();
        let column = (at.column - 1).min(line.len());
        let start = if column > EXCERPT_CHARS_MAX { column - EXCERPT_CHARS_MAX / 2 } else { 0 };
        let end = line.len().min(start + EXCERPT_CHARS_MAX);
        let width = at.width.min(end.saturating_sub(column)).max(1);
        let number = if source.is_argument { String::new() } else { at.line.to_string() };
        let shown: String = line[start..end].iter().collect();
        let caret = format!("{}{}", " ".repeat(column - start), "^".repeat(width));
        let _ = writeln!(out, "{} {shown}", paint.blue(&format!("{number:>5} |")));
        let _ = writeln!(out, "{} {}", paint.blue("      |"), paint.red(&caret));
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

#[derive(Clone, Copy)]
struct Paint(bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }
    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
    fn blue(self, text: &str) -> String {
        self.with("1;34", text)
    }
}

/// Without control characters: keys, values and file names come from others.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A user's text between backticks: short, on one line, without control characters.
pub fn quote(text: &str) -> String {
    let mut shown: String = printable(text).chars().take(QUOTE_CHARS_MAX).collect();
    if text.chars().nth(QUOTE_CHARS_MAX).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The one of `known` that was probably meant by `found`, if any is close enough.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    let limit = (found.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&found, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "`a`, `b` or `c`".
pub fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}
