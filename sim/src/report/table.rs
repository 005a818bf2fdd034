//! Aligned columns of text: the first to the left, the others to the right. Widths count characters.

/// Spaces before a row and between two columns.
const INDENT: usize = 2;
const GAP: usize = 2;
/// The first column is at least this wide, so that tables under each other line up, and so are the others.
const FIRST_WIDTH_MIN: usize = 20;
const OTHER_WIDTH_MIN: usize = 8;

/// Rows under one header.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Of figures, under a title (the first cell) and column names.
    pub fn figures(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.iter().map(|&cell| cell.to_owned()).collect());
    }

    /// Whether there is only a header.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// Lines without trailing spaces; `title` paints the header.
    pub fn render(&self, title: impl Fn(&str) -> String) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let longest =
                self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
            let least = if column == 0 { FIRST_WIDTH_MIN } else { OTHER_WIDTH_MIN };
            longest.unwrap_or(0).max(least)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let mut line = if index == 0 { String::new() } else { " ".repeat(INDENT) };
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column] + if index == 0 && column == 0 { INDENT } else { 0 };
                if column > 0 {
                    line.push_str(&" ".repeat(GAP));
                }
                line.push_str(&match column {
                    0 => format!("{cell:<width$}"),
                    _ => format!("{cell:>width$}"),
                });
            }
            let line = line.trim_end();
            text.push_str(&if index == 0 { title(line) } else { line.to_owned() });
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::figures(&["Latency", "p50", "p99"]);
        table.row(["share", "87.0 ms", "1.2 s"]);
        table.row(["a very long name of a row", "9 ms", "123,456 ms"]);
        let expected = "\
Latency                           p50         p99
  share                       87.0 ms       1.2 s
  a very long name of a row      9 ms  123,456 ms
";
        assert_eq!(table.render(str::to_owned), expected);
    }
}
