//! Tables of pages.

use super::{Tone, escape};
use std::fmt::Write as _;

/// What stands in a table, and what it is sorted by.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    text: String,
    key: Option<f64>,
    tone: Tone,
}

impl Cell {
    /// Text, sorted as such.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), key: None, tone: Tone::Plain }
    }

    /// A figure as it is shown, sorted by its value.
    pub fn figure(value: f64, shown: impl Into<String>) -> Self {
        Self { text: shown.into(), key: Some(value), tone: Tone::Plain }
    }

    /// What is not there.
    pub fn none() -> Self {
        Self::text("–")
    }

    /// Coloured.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

/// A table with a caption and a row of headings. A column in which there is a figure is aligned to the right.
#[derive(Clone, Debug)]
pub struct Table {
    caption: String,
    heads: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows. An empty caption is left out.
    pub fn new<S: AsRef<str>>(caption: &str, heads: &[S]) -> Self {
        let heads = heads.iter().map(|head| head.as_ref().to_owned()).collect();
        Self { caption: caption.to_owned(), heads, rows: Vec::new() }
    }

    /// Adds a row; cells that are missing are empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> &mut Self {
        self.rows.push(cells.into_iter().collect());
        self
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn write(&self, out: &mut String) {
        let figures = |column: usize| {
            self.rows.iter().any(|row| row.get(column).is_some_and(|cell| cell.key.is_some()))
        };
        let class: Vec<&str> =
            (0..self.heads.len()).map(|column| if figures(column) { " class=\"n\"" } else { "" }).collect();
        out.push_str("<div class=\"scroll\"><table>");
        if !self.caption.is_empty() {
            let _ = write!(out, "<caption>{}</caption>", escape(&self.caption));
        }
        out.push_str("<thead><tr>");
        for (head, class) in self.heads.iter().zip(&class) {
            let _ = write!(
                out,
                "<th{class} scope=\"col\"><button type=\"button\">{}</button></th>",
                escape(head)
            );
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (column, class) in class.iter().enumerate() {
                let cell = row.get(column);
                let key = cell.and_then(|cell| cell.key).map(|key| format!(" data-k=\"{key}\""));
                let text = cell.map(|cell| escape(&cell.text)).unwrap_or_default();
                let text = match cell.map_or(Tone::Plain, |cell| cell.tone) {
                    Tone::Plain => text,
                    tone => format!("<span class=\"{}\">{text}</span>", tone.class()),
                };
                let _ = write!(out, "<td{class}{}>{text}</td>", key.unwrap_or_default());
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_aligned_and_carry_what_they_are_sorted_by() {
        let mut table = Table::new("", &["name", "p50"]);
        table.row(["a".into(), Cell::figure(1.5e6, "1.5 ms").tone(Tone::Bad)]).row(["b".into()]);
        let mut out = String::new();
        table.write(&mut out);
        assert!(out.contains("<th class=\"n\" scope=\"col\">"), "{out}");
        assert!(
            out.contains("<td class=\"n\" data-k=\"1500000\"><span class=\"bad\">1.5 ms</span></td>"),
            "{out}"
        );
        assert!(out.contains("<td>b</td><td class=\"n\"></td>"), "{out}");
    }
}
