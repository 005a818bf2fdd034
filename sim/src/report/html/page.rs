//! The scaffold of a page.
//! Methods take `&mut self` and give it back, so that a page is one chain or a loop, as its maker likes; the test at the
//! end of this file makes one of each kind. What the browser does with it (charts, sorting, light and dark) is `page.js`.

use super::{Chart, Table};
use base64::Engine as _;
use std::fmt::Write as _;

const PLOT_SCRIPT: &str = include_str!("uplot/uPlot.iife.min.js");
const PLOT_STYLE: &str = include_str!("uplot/uPlot.min.css");
const PLOT_LICENSE: &str = include_str!("uplot/LICENSE");
const CHART_SCRIPT: &str = include_str!("chart.js");
const CHART_STYLE: &str = include_str!("chart.css");
const SCRIPT: &str = include_str!("page.js");
const STYLE: &str = include_str!("page.css");

/// Nothing is fetched, nothing is sent: the browser holds the page to it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// How good something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Tone {
    Good,
    Bad,
    Doubtful,
    Plain,
}

impl Tone {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Doubtful => "doubtful",
            Self::Plain => "plain",
        }
    }
}

/// Text as it may stand in an element or a quoted attribute. Control characters that HTML forbids become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// JSON as it may stand in a `<script>`.
pub(super) fn script_json(value: &serde_json::Value) -> String {
    // Outside strings JSON has none of these, and inside them an escape means the same.
    let text = value.to_string();
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// A page under construction. Every text is escaped.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    head: String,
    sections: Vec<String>,
    body: String,
}

impl Page {
    /// A page of this title.
    pub fn new(title: &str) -> Self {
        let title = title.to_owned();
        Self { title, head: String::new(), sections: Vec::new(), body: String::new() }
    }

    /// What the page is about: the question that it answers.
    pub fn lead(&mut self, question: &str) -> &mut Self {
        let _ = writeln!(self.head, "<p class=\"lead\">{}</p>", escape(question));
        self
    }

    /// The answer in one word, and why.
    pub fn verdict(&mut self, tone: Tone, word: &str, why: &str) -> &mut Self {
        let (word, why) = (escape(word), escape(why));
        let _ = writeln!(
            self.head,
            "<p class=\"verdict {}\"><strong>{word}</strong> <span>{why}</span></p>",
            tone.class()
        );
        self
    }

    /// Figures at a glance: name, value, remark.
    pub fn tiles(&mut self, tiles: &[(&str, &str, &str)]) -> &mut Self {
        self.head.push_str("<dl class=\"tiles\">\n");
        for (name, value, remark) in tiles {
            let (name, value, remark) = (escape(name), escape(value), escape(remark));
            let _ = writeln!(
                self.head,
                "<div><dt>{name}</dt><dd><b>{value}</b><small>{remark}</small></dd></div>"
            );
        }
        self.head.push_str("</dl>\n");
        self
    }

    /// Begins a section; what follows goes into it. The contents list it.
    pub fn section(&mut self, heading: &str) -> &mut Self {
        if !self.sections.is_empty() {
            self.body.push_str("</section>\n");
        }
        let number = self.sections.len() + 1;
        self.sections.push(heading.to_owned());
        let _ = writeln!(self.body, "<section id=\"s{number}\"><h2>{}</h2>", escape(heading));
        self
    }

    /// A heading inside a section.
    pub fn heading(&mut self, heading: &str) -> &mut Self {
        let _ = writeln!(self.body, "<h3>{}</h3>", escape(heading));
        self
    }

    /// A paragraph.
    pub fn text(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.body, "<p>{}</p>", escape(text));
        self
    }

    /// A remark: what is left out here and why, or how to read what follows.
    pub fn note(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.body, "<p class=\"note\">{}</p>", escape(text));
        self
    }

    /// A table that sorts by a click on a heading. One without rows is left out.
    pub fn table(&mut self, table: &Table) -> &mut Self {
        if !table.is_empty() {
            table.write(&mut self.body);
        }
        self
    }

    /// A chart. One without points is left out.
    pub fn chart(&mut self, chart: &Chart) -> &mut Self {
        if !chart.is_empty() {
            chart.write(&mut self.body);
        }
        self
    }

    /// Commands, with a button that copies them.
    pub fn command(&mut self, text: &str) -> &mut Self {
        let _ = writeln!(self.body, "<pre class=\"command\"><code>{}</code></pre>", escape(text));
        self
    }

    /// Long text behind a heading that opens it; it is printed in any case.
    pub fn folded(&mut self, heading: &str, text: &str) -> &mut Self {
        let (heading, text) = (escape(heading), escape(text));
        let _ = writeln!(
            self.body,
            "<details><summary>{heading}</summary><pre><code>{text}</code></pre></details>"
        );
        self
    }

    /// A picture: SVG made by this program, whose texts are escaped already. It stands in the page as it is.
    pub fn picture(&mut self, caption: &str, svg: &str) -> &mut Self {
        let _ = writeln!(
            self.body,
            "<figure class=\"picture\"><figcaption>{}</figcaption><div class=\"scroll\">{svg}</div></figure>",
            escape(caption)
        );
        self
    }

    /// A picture with styles of its own: SVG that stands apart from the page, in its own size, and may be scrolled.
    pub fn image(&mut self, caption: &str, svg: &str) -> &mut Self {
        let data = base64::engine::general_purpose::STANDARD.encode(svg);
        let caption = escape(caption);
        let _ = writeln!(
            self.body,
            "<figure class=\"picture\"><figcaption>{caption}</figcaption><div class=\"scroll\"><img alt=\"{caption}\" \
             src=\"data:image/svg+xml;base64,{data}\"></div></figure>"
        );
        self
    }

    /// Two halves beside each other where there is room, below each other where there is not.
    pub fn columns(&mut self, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.body.push_str("<div class=\"columns\">\n");
        fill(self);
        self.body.push_str("</div>\n");
        self
    }

    /// The whole file.
    pub fn finish(&self) -> String {
        let title = escape(&self.title);
        let mut contents = String::new();
        for (index, heading) in self.sections.iter().enumerate() {
            let _ = write!(contents, "<a href=\"#s{}\">{}</a>", index + 1, escape(heading));
        }
        let close = if self.sections.is_empty() { "" } else { "</section>\n" };
        let (head, body) = (&self.head, &self.body);
        let version = env!("CARGO_PKG_VERSION");
        let (plot, style) = if body.contains(super::chart::CLASS) {
            let plot = format!("<script>/*\n{PLOT_LICENSE}*/\n{PLOT_SCRIPT}\n{CHART_SCRIPT}</script>\n");
            (plot, format!("{PLOT_STYLE}{CHART_STYLE}"))
        } else {
            (String::new(), String::new())
        };
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"amanah {version}\">\n\
             <title>{title}</title>\n<style>\n{style}\n{STYLE}</style>\n</head>\n<body>\n\
             <header>\n<div class=\"bar\"><h1>{title}</h1><button id=\"theme\" type=\"button\" \
             aria-label=\"light or dark\">light / dark</button></div>\n{head}<nav>{contents}</nav>\n</header>\n\
             <main>\n{body}{close}</main>\n<footer>amanah {version}</footer>\n{plot}<script>\n{SCRIPT}</script>\n\
             </body>\n</html>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::{Axis, Cell, Mark, Series};
    use serde_json::json;

    /// What somebody may call a hospital.
    const HOSTILE: &str =
        "</script><script>alert(1)</script>\"'&<img src=x onerror=alert(2)>\u{2028}]]>\u{0}--><!--";

    #[test]
    fn no_name_becomes_markup() {
        let mut table = Table::new(HOSTILE, &[HOSTILE, "b"]);
        table.row([HOSTILE.into(), Cell::figure(1.0, HOSTILE)]);
        let chart = Chart::new(HOSTILE, Axis::seconds().label(HOSTILE), Axis::nanoseconds())
            .series(Series::line(HOSTILE, [(0.0, 1.0)]))
            .mark(Mark::at(0.5, HOSTILE));
        let hostile = Page::new(HOSTILE)
            .lead(HOSTILE)
            .verdict(Tone::Bad, HOSTILE, HOSTILE)
            .tiles(&[(HOSTILE, HOSTILE, HOSTILE)])
            .section(HOSTILE)
            .heading(HOSTILE)
            .text(HOSTILE)
            .note(HOSTILE)
            .command(HOSTILE)
            .folded(HOSTILE, HOSTILE)
            .picture(HOSTILE, "<svg></svg>")
            .image(HOSTILE, HOSTILE)
            .table(&table)
            .chart(&chart)
            .finish();
        let meek = hostile.len();
        assert!(meek > 20_000);
        // Neither script nor image nor comment came in with the names, and none left the element that it is in.
        assert_eq!(hostile.matches("<script").count(), 3, "uPlot, ours, one chart's data");
        assert_eq!(hostile.matches("</script").count(), 3);
        for never in ["<img src", "<!--", "alert(1)</", "\u{0}", "onerror=alert(2)>"] {
            assert!(!hostile.contains(never), "{never:?}");
        }
        assert!(hostile.contains("&lt;img src=x onerror=alert(2)&gt;"));
    }

    #[test]
    fn data_of_scripts_mean_what_they_did() {
        let value = json!({ "name": HOSTILE });
        let text = script_json(&value);
        assert!(!text.contains('<') && !text.contains('&') && !text.contains('\u{2028}'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_page_asks_nobody_and_lists_its_sections() {
        let page = Page::new("x").section("One").text("a").section("Two").finish();
        assert!(page.contains("<a href=\"#s1\">One</a><a href=\"#s2\">Two</a>"));
        assert_eq!(page.matches("<section").count(), page.matches("</section>").count());
        for never in [" src=", "<link", "@import", "url("] {
            assert!(!page.contains(never), "{never}");
        }
        assert!(page.contains("default-src 'none'"));
        // Without a chart nobody needs what draws charts.
        assert!(!page.contains("uPlot"));
    }
}
